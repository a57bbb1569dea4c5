//! Results of path requests in GNPy's response form.

use serde_json::{Value, json};

use crate::line::{ElementIndex, ElementKind, LineNetwork};
use crate::path_request::{Metrics, Outcome};

/// Writes what became of requests, in their order.
///
/// A served request has its metrics and its route, with the slots and the transponder at each element; a blocked one
/// has its reason, and the same where there is a route to tell about. Figures have two digits behind the point.
pub fn write(outcomes: &[Outcome], network: &LineNetwork) -> Value {
    json!({ "response": outcomes.iter().map(|outcome| response(outcome, network)).collect::<Vec<_>>() })
}

fn response(outcome: &Outcome, network: &LineNetwork) -> Value {
    let id = &outcome.request.id;
    match outcome.blocked {
        None => json!({ "response-id": id, "path-properties": properties(outcome, network) }),
        Some(reason) if reason.without_route() => {
            json!({ "response-id": id, "no-path": { "no-path": reason.name() } })
        }
        Some(reason) => json!({
            "response-id": id,
            "no-path": { "no-path": reason.name(), "path-properties": properties(outcome, network) },
        }),
    }
}

fn properties(outcome: &Outcome, network: &LineNetwork) -> Value {
    let mut properties = serde_json::Map::new();
    if let Some(metrics) = &outcome.metrics {
        properties.insert("path-metric".to_owned(), path_metric(metrics, outcome));
    }
    if let (true, Some(metrics)) = (outcome.request.bidirectional, &outcome.reverse_metrics) {
        properties.insert("z-a-path-metric".to_owned(), path_metric(metrics, outcome));
    }
    properties.insert("path-route-objects".to_owned(), route(outcome, network));
    Value::Object(properties)
}

fn path_metric(metrics: &Metrics, outcome: &Outcome) -> Value {
    let rows = [
        ("SNR-bandwidth", two_digits(metrics.mean_gsnr_db)),
        ("SNR-0.1nm", two_digits(metrics.mean_gsnr_db_01nm)),
        ("OSNR-bandwidth", two_digits(metrics.mean_osnr_db)),
        ("OSNR-0.1nm", two_digits(metrics.mean_osnr_db_01nm)),
        ("lowest_SNR-0.1nm", two_digits(metrics.min_gsnr_db_01nm)),
        ("biggest_SNR-0.1nm", two_digits(metrics.max_gsnr_db_01nm)),
        ("PDL_penalty", penalty(metrics.mean_pdl_penalty_db)),
        ("CD_penalty", penalty(metrics.mean_cd_penalty_db)),
        ("PMD_penalty", penalty(metrics.mean_pmd_penalty_db)),
        ("reference_power", json!(outcome.reference_power_w)),
        ("path_bandwidth", json!(outcome.request.rate_bit_per_s)),
    ];
    rows.into_iter()
        .map(|(kind, value)| json!({ "metric-type": kind, "accumulative-value": value }))
        .collect()
}

fn penalty(penalty_db: Option<f64>) -> Value {
    penalty_db.map_or_else(|| json!("not evaluated"), two_digits)
}

/// Two digits behind the point, half to even; JSON has no infinity, so its name stands for it.
fn two_digits(value: f64) -> Value {
    if value.is_finite() {
        json!(super::rounded(value, 2))
    } else {
        json!(match value {
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "NaN",
        })
    }
}

fn route(outcome: &Outcome, network: &LineNetwork) -> Value {
    let mut objects = Vec::new();
    let mut push = |object: (&str, Value)| {
        let index = objects.len();
        objects.push(json!({ "path-route-object": { "index": index, object.0: object.1 } }));
    };
    for &element in &outcome.route {
        let uid = &network.element(element).uid;
        push(("num-unnum-hop", json!({ "node-id": uid, "link-tp-id": uid })));
        if outcome.blocked.is_none() {
            let labels: Vec<Value> =
                outcome.slots.iter().map(|slot| json!({ "N": slot.n, "M": slot.m })).collect();
            push(("label-hop", json!(labels)));
        }
        if is_transceiver(network, element) {
            let transponder = json!({
                "transponder-type": outcome.request.transceiver,
                "transponder-mode": outcome.mode,
            });
            push(("transponder", transponder));
        }
    }
    Value::Array(objects)
}

fn is_transceiver(network: &LineNetwork, element: ElementIndex) -> bool {
    matches!(network.element(element).kind, ElementKind::Transceiver)
}
