//! Copies of the leases that take unexpectedly long, near the end of a stage.

use std::time::Duration;

use common::ids::{LeaseId, RunId, WorkerId};
use common::protocol::{Assignment, WorkerCommand};
use common::run::ShardRange;

use super::leases::{Kind, Lease};
use super::scheduler::Scheduler;
use super::workers::Presence;

/// A lease that takes this much longer than twice what was expected is copied.
const STRAGGLES: Duration = Duration::from_millis(50);

impl Scheduler {
    /// Gives idle lanes copies of the leases that take unexpectedly long, once a stage has nothing else to hand out.
    pub(super) fn copy_stragglers(&mut self) {
        if self.paused || self.leases.is_empty() {
            return;
        }
        let mut idle: Vec<(WorkerId, u16)> = (self.workers.values())
            .filter(|worker| worker.is_hungry(false, &self.settings) && !self.has_to_deliver(worker.id))
            .map(|worker| (worker.id, worker.free_lanes()))
            .collect();
        if idle.is_empty() {
            return;
        }
        let mut late: Vec<(Duration, LeaseId)> = (self.leases.iter())
            .filter(|(_, lease)| lease.twin.is_none() && lease.needs_a_lane() && !lease.withdrawing)
            .filter(|(_, lease)| {
                let run = self.runs.get(&lease.run);
                run.is_some_and(|run| {
                    run.point.kind == Kind::Shards && run.table.runnable() == 0 && !run.failed && !run.paused
                })
            })
            .filter_map(|(id, lease)| Some((self.lateness(lease)?, id)))
            .collect();
        late.sort_by_key(|(lateness, id)| (std::cmp::Reverse(*lateness), *id));
        for (_, id) in late {
            let Some(lease) = self.leases.get(id) else { continue };
            let (run, holder, memory) = (lease.run, lease.worker, lease.memory_bytes);
            let at_quota = (self.runs.get(&run))
                .is_some_and(|run| self.fair.is_at_quota(&run.offer.submitter, self.settings.user_lanes));
            let suspect = lease.is_suspect;
            let able = |(worker, free): &(WorkerId, u16)| {
                *free > 0
                    && *worker != holder
                    && self.may_do(*worker, run, memory)
                    && !(suspect && self.has_a_suspect(*worker))
            };
            if at_quota {
                continue;
            }
            let Some(position) = idle.iter().position(able) else { continue };
            idle[position].1 -= 1;
            let worker = idle[position].0;
            if let Some(assignment) = self.copy(id, worker) {
                self.send(worker, WorkerCommand::Assign(vec![assignment]));
            }
        }
    }

    /// By how much a lease exceeds what may be expected of it; none if it does not. Whoever holds it silently is late at
    /// once. Who has no connection is back soon or dead: what it held may be what killed it, and is not copied.
    fn lateness(&self, lease: &Lease) -> Option<Duration> {
        let holder = self.workers.get(&lease.worker)?;
        let since = lease.started_at.unwrap_or(lease.given_at);
        let elapsed = self.now.since(since);
        match holder.presence {
            Presence::Suspect | Presence::Lost => return Some(elapsed.max(STRAGGLES)),
            Presence::Unlinked { .. } => return None,
            Presence::Ready => {}
        }
        lease.started_at?;
        let mean = self.runs.get(&lease.run)?.measured.wall_us_per_shard()?;
        let expected = Duration::from_micros(2 * mean * u64::from(lease.range.count)) + STRAGGLES;
        elapsed.checked_sub(expected)
    }

    fn copy(&mut self, id: LeaseId, worker: WorkerId) -> Option<Assignment> {
        let original = self.leases.get(id)?;
        let table = &self.runs.get(&original.run)?.table;
        let missing = |shard: u32| original.covers(shard) && !table.is_settled(shard);
        // without gaps: whoever copies does not know of results that are here already, and would compute them again
        let first = original.range.iter().find(|shard| missing(*shard))?;
        let after = (first..original.range.end()).find(|shard| !missing(*shard));
        let range = ShardRange { first, count: after.unwrap_or(original.range.end()) - first };
        let mut copy = Lease::new(worker, original.run, original.point, range, self.now);
        copy.is_copy = true;
        copy.twin = Some(id);
        let copy = self.give(copy, None);
        self.change_lease(id, |original| original.twin = Some(copy));
        self.assignment(copy)
    }

    fn has_a_suspect(&self, worker: WorkerId) -> bool {
        self.workers.get(&worker).is_some_and(|worker| worker.has_a_suspect(&self.leases))
    }

    /// Whether a worker has what a run needs, and the memory for another task of it.
    pub(super) fn may_do(&self, worker: WorkerId, run: RunId, memory_bytes: u64) -> bool {
        let (Some(worker), Some(run)) = (self.workers.get(&worker), self.runs.get(&run)) else {
            return false;
        };
        worker.meets.contains(&run.need) && worker.has_memory_for(memory_bytes, &self.leases)
    }
}
