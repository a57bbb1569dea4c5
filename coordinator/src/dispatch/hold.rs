//! What workers say they hold, against what they should: introductions, heartbeats, reconnections, adoption.

use std::collections::BTreeSet;
use std::time::Duration;

use common::ids::{LeaseId, WorkerId};
use common::protocol::{Announcement, Heartbeat, HeldLease, ResultKey, WorkerCommand};

use super::leases::{Lease, Point};
use super::scheduler::Scheduler;

/// A lease that its holder does not mention so long after it was given never arrived.
const ASSIGNMENT_LOST: Duration = Duration::from_secs(3);

impl Scheduler {
    /// A worker told what it holds; `new_connection` if what was sent before may not have arrived.
    pub(super) fn held(&mut self, id: WorkerId, held: &Heartbeat, new_connection: bool) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.memory_bytes = held.memory_bytes;
        worker.cpu_us = held.cpu_us;
        if let Some(inputs) = &held.inputs {
            worker.inputs = inputs.iter().copied().collect();
        }
        let more_room = worker.short_of_memory && !held.short_of_memory;
        worker.short_of_memory = held.short_of_memory;
        let resized = worker.memory_limit_bytes != held.memory_limit_bytes;
        worker.memory_limit_bytes = held.memory_limit_bytes;
        self.may_assign |= more_room;
        if resized {
            self.meet_needs(id);
        }
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let drained = worker.drained;
        if worker.leaves != held.draining {
            worker.leaves = held.draining;
            self.count_lanes();
        }
        // the wish reached an earlier leader, or was lost; a worker that ends by itself ignores that it is wanted
        if held.draining != drained {
            self.send(id, if drained { WorkerCommand::Drain } else { WorkerCommand::Undrain });
        }
        for lease in &held.leases {
            let known = self.leases.get(lease.lease).is_some_and(|known| known.worker == id);
            if known {
                self.note_progress(lease);
            } else if !self.adopt(id, lease) {
                self.revoked.entry(id).or_default().push(lease.lease);
            }
        }
        self.release_unmentioned(id, held, new_connection);
        self.look_for_missing(id, &held.unacknowledged, new_connection);
    }

    fn note_progress(&mut self, held: &HeldLease) {
        let started_at = held
            .started_ms_ago
            .map(|ago| common::clock::Timestamp(self.now.0.saturating_sub(ago.saturating_mul(1_000))));
        self.change_lease(held.lease, |lease| {
            if lease.started_at.is_none() {
                lease.started_at = started_at;
            }
            lease.withdrawing &= lease.started_at.is_none();
        });
    }

    /// Takes over a lease that this scheduler does not know: what of its shards is open becomes the worker's. False
    /// if nothing is.
    fn adopt(&mut self, worker: WorkerId, held: &HeldLease) -> bool {
        if self.leases.get(held.lease).is_some() {
            return false; // somebody else's
        }
        let (point, range) = Point::of_task(held.task);
        let Some(run) = self.runs.get_mut(&held.task.run).filter(|run| run.point == point && !run.failed)
        else {
            return false;
        };
        let end = range.first.saturating_add(range.count);
        if range.count == 0 || end > run.table.shards() {
            return false;
        }
        let mut lease = Lease::new(worker, held.task.run, point, range, self.now);
        for shard in range.iter() {
            if !run.table.claim(shard) {
                lease.give_up(shard);
                lease.remaining -= 1;
            }
        }
        if lease.remaining == 0 {
            return false;
        }
        self.give(lease, Some(held.lease));
        self.note_progress(held);
        self.requeue(held.task.run);
        true
    }

    /// Opens what a worker should hold and does not mention: the assignment was lost.
    fn release_unmentioned(&mut self, id: WorkerId, held: &Heartbeat, new_connection: bool) {
        let Some(worker) = self.workers.get(&id) else { return };
        let mentioned: BTreeSet<LeaseId> = (held.leases.iter().map(|held| held.lease))
            .chain(held.unacknowledged.iter().map(|key| key.lease))
            .collect();
        let lost = |lease: &LeaseId| {
            let Some(lease) = self.leases.get(*lease) else { return false };
            let old = new_connection || self.now.since(lease.given_at) > ASSIGNMENT_LOST;
            old && lease.needs_a_lane()
        };
        let lost: Vec<LeaseId> = worker.leases.difference(&mentioned).copied().filter(lost).collect();
        for lease in lost {
            self.release(lease);
        }
    }

    /// Answers unacknowledged results that need no more, and asks for those that should be here and are not.
    fn look_for_missing(&mut self, id: WorkerId, unacknowledged: &[ResultKey], new_connection: bool) {
        let awaited: BTreeSet<ResultKey> =
            unacknowledged.iter().filter(|key| self.is_awaited(id, key)).copied().collect();
        let Some(worker) = self.workers.get_mut(&id) else { return };
        // after a welcome the worker sends them all again by itself, and what was just computed is on its way
        let before = std::mem::take(&mut worker.missing);
        let lost: Vec<ResultKey> =
            if new_connection { Vec::new() } else { awaited.intersection(&before).copied().collect() };
        worker.missing = awaited;
        let news = |key| Announcement { key, bytes: 0, started_us: 0, cpu_us: 0, wall_us: 0 };
        self.announced(id, lost.into_iter().map(news).collect());
    }

    /// A worker's lanes began with these leases.
    pub(super) fn started(&mut self, id: WorkerId, leases: &[LeaseId]) {
        let now = self.now;
        for lease in leases {
            if self.leases.get(*lease).is_some_and(|lease| lease.worker == id) {
                self.change_lease(*lease, |lease| {
                    lease.started_at = Some(now);
                    lease.withdrawing = false;
                });
            } else {
                self.oddities.late += 1;
            }
        }
    }

    /// A worker will not do the rest of these leases.
    pub(super) fn handed_back(&mut self, id: WorkerId, leases: &[LeaseId]) {
        for lease in leases {
            if self.leases.get(*lease).is_some_and(|lease| lease.worker == id) {
                self.release(*lease);
            } else {
                self.oddities.late += 1;
            }
        }
    }

    /// Ends a lease and opens what is left of it, charging nobody.
    pub(super) fn release(&mut self, id: LeaseId) {
        let Some(lease) = self.end_lease(id) else { return };
        for shard in self.left_over(&lease) {
            if let Some(run) = self.runs.get_mut(&lease.run) {
                run.table.reopen(shard);
            }
        }
        self.requeue(lease.run);
    }

    /// The shards of an ended lease that are nobody's now.
    pub(super) fn left_over(&self, lease: &Lease) -> Vec<u32> {
        let Some(run) = self.runs.get(&lease.run).filter(|run| run.point == lease.point) else {
            return Vec::new();
        };
        let twin = lease.twin.and_then(|twin| self.leases.get(twin));
        (lease.range.iter())
            .filter(|shard| lease.covers(*shard) && !run.table.is_settled(*shard))
            .filter(|shard| !twin.is_some_and(|twin| twin.covers(*shard)))
            .collect()
    }
}
