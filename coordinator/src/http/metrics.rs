//! What Prometheus scrapes: requests of this front, and the leader's snapshot as gauges.

use std::time::Duration;

use http::StatusCode;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::router::Outcome;
use crate::status::ClusterStatus;
use crate::store::retention::UpkeepStatus;

/// Counters of the front; gauges are made of the snapshot when they are asked for.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    /// Connections that are open.
    pub connections: IntGauge,
    /// Event streams that are open.
    pub streams: IntGauge,
    /// What was turned away because a bound was reached, by bound.
    pub refused: IntCounterVec,
}

impl Default for Metrics {
    /// Counters at zero.
    fn default() -> Self {
        let requests = made(IntCounterVec::new(
            Opts::new("netplanner_http_requests_total", "Requests answered"),
            &["route", "method", "status"],
        ));
        let seconds = made(HistogramVec::new(
            HistogramOpts::new("netplanner_http_request_seconds", "Time until the head of the answer")
                .buckets(vec![
                    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
                ]),
            &["route", "method"],
        ));
        let connections = made(IntGauge::new("netplanner_http_connections", "Connections that are open"));
        let streams = made(IntGauge::new("netplanner_http_streams", "Event streams that are open"));
        let refused = made(IntCounterVec::new(
            Opts::new("netplanner_http_refused_total", "What was turned away because a bound was reached"),
            &["bound"],
        ));
        for bound in ["rate", "connections", "bodies", "streams"] {
            refused.with_label_values(&[bound]); // zero is a figure too
        }
        let registry = Registry::new();
        made(registry.register(Box::new(refused.clone())));
        made(registry.register(Box::new(requests.clone())));
        made(registry.register(Box::new(seconds.clone())));
        made(registry.register(Box::new(connections.clone())));
        made(registry.register(Box::new(streams.clone())));
        Self { registry, requests, seconds, connections, streams, refused }
    }
}

impl Metrics {
    /// Counts one answered request.
    pub fn answered(&self, route: &str, method: &str, status: StatusCode, took: Duration) {
        self.requests.with_label_values(&[route, method, status.as_str()]).inc();
        self.seconds.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }
}

/// Names and labels of metrics are constants of this file: a refused one is a fault of ours.
fn made<T>(result: prometheus::Result<T>) -> T {
    result.expect("a metric of this file has a bad or a double name")
}

/// `GET /metrics`
#[utoipa::path(get, path = "/metrics", tag = "health", summary = "Metrics for Prometheus",
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain")))]
pub async fn scrape(call: Call) -> Outcome {
    let metrics = &call.context.metrics;
    let mut text = Vec::new();
    let encode = |families: &[_], text: &mut Vec<u8>| {
        TextEncoder::new()
            .encode(families, text)
            .map_err(|error| ApiError::new(Code::Internal, format!("metrics cannot be written: {error}")))
    };
    encode(&metrics.registry.gather(), &mut text)?;
    let leads = call.context.led_here();
    encode(&snapshot(leads.as_deref()).gather(), &mut text)?;
    if leads.is_some() {
        encode(&upkeep(&call.context.store.upkeep()).gather(), &mut text)?;
    }
    Ok(Answer::bytes("text/plain; version=0.0.4; charset=utf-8", text))
}

/// The leader's snapshot as gauges; a follower only says that it does not lead.
#[allow(clippy::cast_possible_wrap)] // counts are far below 2^63
fn snapshot(status: Option<&ClusterStatus>) -> Registry {
    let registry = Registry::new();
    let gauge = |name: &str, help: &str, value: f64| {
        let gauge = made(prometheus::Gauge::new(name, help));
        gauge.set(value);
        made(registry.register(Box::new(gauge)));
    };
    gauge("netplanner_leader", "1 while this process leads", f64::from(u8::from(status.is_some())));
    let Some(status) = status else { return registry };
    let (queue, lanes, writer) = (&status.queue, &status.lanes, &status.writer);
    gauge("netplanner_queue_paused", "1 while no work is handed out", f64::from(u8::from(queue.paused)));
    gauge(
        "netplanner_runnable_tasks",
        "Shards and advances a free lane could take",
        queue.runnable_tasks as f64,
    );
    gauge("netplanner_leased_shards", "Shards given to workers", queue.leased_shards as f64);
    gauge("netplanner_storing_shards", "Results on their way to the database", queue.storing_shards as f64);
    gauge("netplanner_oldest_waiting_seconds", "Age of the oldest task that waits", queue.oldest_waiting_s);
    gauge("netplanner_desired_lanes", "Lanes that would finish in 30 s", f64::from(queue.desired_lanes));
    gauge("netplanner_lanes_draining", "Lanes of workers that take no more", f64::from(lanes.draining));
    gauge("netplanner_shards_per_second", "Results stored, last 10 s", status.shards_per_second);
    gauge("netplanner_writer_queued_facts", "Facts that wait for the database", writer.queued_facts as f64);
    gauge("netplanner_writer_queued_bytes", "Their bytes", writer.queued_bytes as f64);
    gauge("netplanner_writer_last_commit_seconds", "Last commit", writer.last_commit_ms / 1000.0);
    gauge(
        "netplanner_writer_committed_facts",
        "Facts committed in this leadership",
        writer.committed_facts as f64,
    );
    gauge("netplanner_workers", "Connected workers", status.workers.len() as f64);

    let labelled = |name: &str, help: &str, label: &str, values: &[(&str, u64)]| {
        let gauges = made(IntGaugeVec::new(Opts::new(name, help), &[label]));
        for (of, value) in values {
            gauges.with_label_values(&[*of]).set(*value as i64);
        }
        made(registry.register(Box::new(gauges)));
    };
    labelled(
        "netplanner_runs",
        "Runs that have not ended",
        "state",
        &[("queued", queue.runs_queued), ("running", queue.runs_running)],
    );
    labelled(
        "netplanner_lanes",
        "Lanes of all workers",
        "state",
        &[("busy", lanes.busy.into()), ("free", lanes.free.into())],
    );
    registry
}

/// What the janitor did since this process began to lead.
#[allow(clippy::cast_possible_wrap)] // seconds since 1970 and counts
fn upkeep(status: &UpkeepStatus) -> Registry {
    let registry = Registry::new();
    let gauge = |name: &str, help: &str, value: f64| {
        let gauge = made(prometheus::Gauge::new(name, help));
        gauge.set(value);
        made(registry.register(Box::new(gauge)));
    };
    let last = status.last_round_at.map_or(0.0, |at| at.timestamp() as f64);
    gauge("netplanner_upkeep_rounds", "Rounds of the janitor in this process", status.rounds as f64);
    gauge("netplanner_upkeep_last_round_timestamp_seconds", "When the last one ended", last);
    gauge("netplanner_upkeep_last_round_seconds", "How long it took", status.last_round_ms as f64 / 1000.0);
    gauge(
        "netplanner_upkeep_failing",
        "1 while the last round was cut short",
        f64::from(u8::from(status.last_error.is_some())),
    );
    gauge("netplanner_upkeep_gave_way", "Times it gave way to others' locks", status.gave_way as f64);
    gauge("netplanner_shard_result_partitions", "Partitions of the shard results", status.partitions as f64);
    let removed = made(IntGaugeVec::new(
        Opts::new("netplanner_upkeep_removed", "What the janitor of this process removed"),
        &["what"],
    ));
    for (what, count) in [
        ("partitions", status.partitions_dropped),
        ("shard_results", status.results_deleted),
        ("reports", status.reports_dropped),
        ("histories", status.histories_dropped),
        ("runs", status.runs_deleted),
        ("documents", status.documents_collected),
        ("keys", status.keys_forgotten),
    ] {
        removed.with_label_values(&[what]).set(count as i64);
    }
    made(registry.register(Box::new(removed)));
    registry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_good_and_single() {
        let metrics = Metrics::default();
        metrics.answered("/livez", "GET", StatusCode::OK, Duration::from_millis(1));
        assert_eq!(metrics.registry.gather().len(), 5);
        assert_eq!(snapshot(None).gather().len(), 1);
        let families = snapshot(Some(&ClusterStatus::default())).gather();
        assert!(families.len() >= 16, "{} families", families.len());
        assert_eq!(upkeep(&UpkeepStatus::default()).gather().len(), 7);
    }
}
