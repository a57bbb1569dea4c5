//! What the scheduler shows of itself: the snapshot for operators, and how many lanes would do.

use std::time::Duration;

use chrono::{DateTime, Utc};
use common::clock::Timestamp;

use super::leases::Kind;
use super::scheduler::Scheduler;
use super::workers::{Presence, Worker};
use crate::status::{ClusterStatus, LaneStatus, QueueStatus, RecentFailure, SubmitterStatus, WorkerStatus};

/// Over how much time the rate of stored shards is taken.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// What runs now should be done in this many seconds with the desired lanes.
const DESIRED_SECONDS: f64 = 30.0;

impl Scheduler {
    /// The cluster as it is now; `wall` is the time of day that belongs to the scheduler's clock.
    pub fn status(&self, now: Timestamp, wall: DateTime<Utc>) -> ClusterStatus {
        let at = |then: Timestamp| {
            wall - chrono::Duration::from_std(now.since(then)).unwrap_or_else(|_| chrono::Duration::zero())
        };
        let workers = self.workers.values().map(|worker| describe(worker, now, at(worker.connected_at)));
        let recent_failures = self.failures.iter().map(|(when, failed)| RecentFailure {
            at: at(*when),
            run: Some(failed.run.0),
            stage: Some(failed.stage.0),
            shard: failed.shard,
            worker: failed.worker.map(|worker| worker.0),
            message: failed.error.message.clone(),
        });
        let submitters = self.fair.usage(now).map(|usage| SubmitterStatus {
            name: usage.submitter.to_owned(),
            lanes: usage.lanes,
            lane_seconds: usage.lane_seconds,
            waiting_runs: usage.waiting as u64,
        });
        ClusterStatus {
            submitters: submitters.collect(),
            queue: self.queue_status(now),
            lanes: self.lane_status(),
            shards_per_second: self.rate(now),
            workers: workers.collect(),
            recent_failures: recent_failures.collect(),
            ..ClusterStatus::default()
        }
    }

    fn queue_status(&self, now: Timestamp) -> QueueStatus {
        let mut queue = QueueStatus { paused: self.paused, ..QueueStatus::default() };
        let mut oldest = Duration::ZERO;
        for run in self.runs.values() {
            let planning = run.point.kind == Kind::Advance && run.point.stage.0 == 0;
            queue.runs_queued += u64::from(planning);
            queue.runs_running += u64::from(!planning);
            queue.runs_paused += u64::from(run.paused);
            let runnable = if run.paused { 0 } else { u64::from(run.table.runnable()) };
            queue.runnable_tasks += runnable;
            if run.point.kind == Kind::Shards {
                queue.leased_shards += u64::from(run.table.leased());
                queue.storing_shards += u64::from(run.table.storing());
            }
            if runnable > 0 && run.leases.is_empty() {
                oldest = oldest.max(now.since(run.waits_since));
            }
            let known = (run.measured.wall_us_per_shard())
                .or_else(|| self.history.wall_us_per_shard(&run.offer.algorithm, &run.name));
            let seconds = known.map_or(DESIRED_SECONDS, |us| us as f64 / 1e6);
            queue.estimated_lane_seconds += runnable as f64 * seconds;
        }
        queue.oldest_waiting_s = oldest.as_secs_f64();
        let lanes = self.lane_status();
        let most = f64::from((lanes.total * 2).max(1)); // at most doubling from one look to the next
        let desired = (queue.estimated_lane_seconds / DESIRED_SECONDS).ceil().min(most);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and twice the lanes
        let desired = desired as u32;
        queue.desired_lanes = desired.max(lanes.busy);
        queue
    }

    fn lane_status(&self) -> LaneStatus {
        let mut status = LaneStatus::default();
        for worker in self.workers.values().filter(|worker| worker.is_linked()) {
            let (lanes, busy) = (u32::from(worker.lanes), u32::from(worker.active.min(worker.lanes)));
            status.total += lanes;
            status.busy += busy;
            if worker.leaves || worker.drained {
                status.draining += lanes;
            } else {
                status.free += lanes - busy;
            }
        }
        status
    }

    /// Results stored per second of late.
    fn rate(&self, now: Timestamp) -> f64 {
        let Some((since, before)) = self.stored_samples.front() else { return 0.0 };
        let seconds = now.since(*since).as_secs_f64();
        if seconds > 0.0 { (self.stored_total - before) as f64 / seconds } else { 0.0 }
    }

    pub(super) fn sample_rate(&mut self) {
        self.stored_samples.push_back((self.now, self.stored_total));
        while self.stored_samples.front().is_some_and(|(at, _)| self.now.since(*at) > RATE_WINDOW) {
            self.stored_samples.pop_front();
        }
    }
}

fn describe(worker: &Worker, now: Timestamp, connected_at: DateTime<Utc>) -> WorkerStatus {
    let state = match worker.presence {
        Presence::Ready if worker.leaves || worker.drained => "draining",
        Presence::Ready if worker.short_of_memory => "short_of_memory",
        Presence::Ready => "ready",
        Presence::Suspect | Presence::Lost | Presence::Unlinked { .. } => "silent",
    };
    WorkerStatus {
        id: worker.id.0,
        host: worker.host.clone(),
        build: worker.build.clone(),
        state: state.to_owned(),
        lanes: u32::from(worker.lanes),
        busy_lanes: u32::from(worker.active.min(worker.lanes)),
        leases: u32::try_from(worker.leases.len()).unwrap_or(u32::MAX),
        shards_done: worker.shards_done,
        failures: worker.failures,
        cpu_s: worker.cpu_us as f64 / 1e6,
        memory_bytes: worker.memory_bytes,
        memory_limit_bytes: worker.memory_limit_bytes,
        labels: worker.labels.clone(),
        algorithms: worker.offers.clone(),
        connected_at,
        heard_s_ago: now.since(worker.heard_at).as_secs_f64(),
    }
}
