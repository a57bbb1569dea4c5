//! What a failure or a death means: who is charged, what is tried again, when a run is given up.
//!
//! A panic or a timeout charges the shard. A worker's death charges only what its lanes were at ([`Worker::on_lanes`]): a
//! range is halved, and only a shard that was alone when several workers died over it is given up. A worker gets one such
//! shard at a time: what merely ran beside another's poison is not beside it again. What is tried again after a failure rests
//! before ([`backoff`]); what lost its worker for the first time does not.
//!
//! [`Worker::on_lanes`]: super::workers::Worker::on_lanes

use common::ids::{LeaseId, RunId, WorkerId};
use common::limits::NOTE_BYTES;
use common::protocol::ResultKey;
use common::run::{ShardRange, TaskError, TaskErrorKind};

use super::backoff;
use super::event::{DispatchCommand, FailedTask};
use super::inbox::place;
use super::leases::{Kind, Lease, Point};
use super::scheduler::Scheduler;

/// The newest failures that are kept to be shown.
const FAILURES_SHOWN: usize = 50;

impl Scheduler {
    /// A worker failed at a shard, or at an advance.
    pub(super) fn attempt_failed(
        &mut self,
        id: WorkerId,
        key: ResultKey,
        error: TaskError,
        note: Option<String>,
    ) {
        let shard = key.shard.unwrap_or(0);
        let point = Point::of(key.stage, key.shard);
        let held = self.leases.get(key.lease).is_some_and(|lease| {
            lease.worker == id && lease.run == key.run && lease.point == point && lease.covers(shard)
        });
        let Some(run) = self.runs.get_mut(&key.run).filter(|run| held && !run.table.is_settled(shard)) else {
            self.oddities.late += 1; // its lease was revoked, or a copy was faster
            return;
        };
        let attempts = run.table.failed(shard, id);
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.failures += 1;
        }
        if let Some(dropped) = self.inbox.drop_entry(&place(&key)) {
            self.no_longer_announced(dropped);
        }
        self.change_lease(key.lease, |lease| {
            lease.give_up(shard);
            lease.remaining -= 1;
            lease.delivered += 1;
        });
        let twin = self.leases.get(key.lease).and_then(|lease| lease.twin);
        let tried_elsewhere =
            twin.and_then(|twin| self.leases.get(twin)).is_some_and(|twin| twin.covers(shard));
        if self.leases.get(key.lease).is_some_and(|lease| lease.remaining == 0) {
            self.end_lease(key.lease);
        }
        let attempt = u32::try_from(attempts).unwrap_or(u32::MAX);
        if !tried_elsewhere {
            self.try_again_later(key.run, shard, attempt);
        }
        let hopeless = error.kind.recurs() || attempt >= self.settings.attempts;
        let failed = FailedTask {
            run: key.run,
            stage: key.stage,
            shard: key.shard,
            worker: Some(id),
            attempt,
            error,
            note: note.map(shortened),
        };
        self.note(failed.clone());
        if hopeless {
            self.give_up_run(failed);
        }
    }

    /// A worker is dead as far as anyone can tell.
    pub(super) fn died(&mut self, id: WorkerId, how: &str) {
        let Some(worker) = self.workers.get(&id) else { return };
        let leases: Vec<LeaseId> = worker.leases.iter().copied().collect();
        let charged = worker.on_lanes(&self.leases);
        let host = worker.host.clone();
        self.inbox.forget(|_, worker| worker == id);
        for lease_id in leases {
            if charged.contains(&lease_id) {
                self.charge_with_death(id, lease_id, &format!("worker {id} on {host} {how}"));
            } else {
                self.release(lease_id);
            }
        }
        self.count_lanes();
    }

    fn charge_with_death(&mut self, id: WorkerId, lease_id: LeaseId, how: &str) {
        let Some(lease) = self.end_lease(lease_id) else { return };
        let left = self.left_over(&lease);
        let unsettled = self.unsettled(&lease);
        let lone = lease.range.count == 1 && unsettled.len() == 1;
        let Some(run) = self.runs.get_mut(&lease.run) else { return };
        let shard = lease.range.first;
        let deaths = if lone { u32::try_from(run.table.killed(shard, id)).unwrap_or(u32::MAX) } else { 0 };
        if deaths > 1 && !left.is_empty() {
            // the first death is most often the machine's; from the second on it may be the shard's
            self.try_again_later(lease.run, shard, deaths - 1);
        } else {
            for range in halves(&left) {
                run.table.retry(range);
            }
            self.requeue(lease.run);
        }
        if !lone {
            return;
        }
        let error = TaskError {
            kind: TaskErrorKind::WorkerLost,
            message: format!("{how} while it was at this task"),
            pointer: None,
        };
        let failed = FailedTask {
            run: lease.run,
            stage: lease.point.stage,
            shard: (lease.point.kind == Kind::Shards).then_some(shard),
            worker: Some(id),
            attempt: deaths,
            error,
            note: None,
        };
        self.note(failed.clone());
        if deaths >= self.settings.deaths {
            self.give_up_run(failed);
        }
    }

    /// Opens a shard again that failed for the `attempt`-th time, once it rested.
    fn try_again_later(&mut self, id: RunId, shard: u32, attempt: u32) {
        let rest = backoff::rest(self.settings.backoff, self.settings.backoff_most, attempt);
        let until = self.now.after(rest);
        let Some(run) = self.runs.get_mut(&id) else { return };
        if rest.is_zero() {
            run.table.retry(ShardRange { first: shard, count: 1 });
        } else {
            run.table.rest(shard, until);
            self.resting.insert((until, id));
        }
        self.requeue(id);
    }

    fn unsettled(&self, lease: &Lease) -> Vec<u32> {
        let Some(run) = self.runs.get(&lease.run).filter(|run| run.point == lease.point) else {
            return Vec::new();
        };
        lease.range.iter().filter(|shard| lease.covers(*shard) && !run.table.is_settled(*shard)).collect()
    }

    /// Nothing more of the run is handed out; whoever runs it ends it.
    pub(super) fn give_up_run(&mut self, failed: FailedTask) {
        let Some(run) = self.runs.get_mut(&failed.run).filter(|run| !run.failed) else { return };
        run.failed = true;
        self.requeue(failed.run);
        self.command(DispatchCommand::TaskFailed(failed));
    }

    fn note(&mut self, failed: FailedTask) {
        self.failures.push_front((self.now, failed.clone()));
        self.failures.truncate(FAILURES_SHOWN);
        self.command(DispatchCommand::NoteFailure(failed));
    }
}

/// The end of a note, should a worker send more than it may.
fn shortened(note: String) -> String {
    match note.len().checked_sub(NOTE_BYTES) {
        None | Some(0) => note,
        Some(surplus) => note[note.ceil_char_boundary(surplus)..].to_owned(),
    }
}

/// Cuts ascending shards into two halves, and those into ranges without gaps.
fn halves(shards: &[u32]) -> Vec<ShardRange> {
    let (left, right) = shards.split_at(shards.len().div_ceil(2));
    let mut ranges: Vec<ShardRange> = Vec::new();
    for half in [left, right] {
        let from = ranges.len();
        for shard in half {
            match ranges[from..].last_mut() {
                Some(range) if range.end() == *shard => range.count += 1,
                _ => ranges.push(ShardRange { first: *shard, count: 1 }),
            }
        }
    }
    ranges
}
