//! Handing out: who gets which range, what is taken back for an idle worker, which stragglers are copied.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::{LeaseId, RunId, WorkerId};
use common::limits::INLINE_RESULT_BYTES;
use common::protocol::{Assignment, WorkerCommand};
use common::run::ShardRange;

use super::leases::{Kind, Lease};
use super::scheduler::Scheduler;
use super::sizing::{Measured, range_size};
use super::workers::{Presence, Worker};

/// What waits at a busy worker is taken back for an idle one only if it is worth a round trip.
const WORTH_WITHDRAWING: Duration = Duration::from_millis(5);

/// A lease that takes this much longer than twice what was expected is copied.
const STRAGGLES: Duration = Duration::from_millis(50);

/// What a task of unknown duration is charged in advance, in lane-microseconds.
const UNKNOWN_TASK_US: u64 = 100_000;

impl Scheduler {
    /// Gives out work while there are lanes, credits and room for results.
    pub(super) fn assign(&mut self) {
        let mut given: BTreeMap<WorkerId, Vec<Assignment>> = BTreeMap::new();
        if !self.paused && self.writer_bytes < self.settings.writer_bytes {
            // first every free lane, then what waits behind them
            for prefetch in [false, true] {
                while !self.fair.is_empty() && self.assign_round(prefetch, &mut given) {}
            }
        }
        for (worker, assignments) in given {
            self.send(worker, WorkerCommand::Assign(assignments));
        }
        if !self.paused {
            self.withdraw_for_the_idle();
        }
    }

    /// Offers one lease to each worker that can take one; says whether any was given.
    fn assign_round(&mut self, prefetch: bool, given: &mut BTreeMap<WorkerId, Vec<Assignment>>) -> bool {
        let hungry: Vec<WorkerId> = (self.workers.values())
            .filter(|worker| worker.is_ready())
            .filter(|worker| {
                worker.active < if prefetch { worker.credit(&self.settings) } else { worker.lanes }
            })
            .map(|worker| worker.id)
            .collect();
        let mut any = false;
        for worker in hungry {
            if let Some(assignment) = self.assign_one(worker) {
                given.entry(worker).or_default().push(assignment);
                any = true;
            }
        }
        any
    }

    fn assign_one(&mut self, id: WorkerId) -> Option<Assignment> {
        if self.inbox.waiting_bytes(id) > self.settings.announced_bytes {
            return None;
        }
        let lent = self.lent_bytes();
        let room = self.settings.pool_bytes.saturating_sub(lent);
        let Self { fair, runs, workers, lanes, .. } = self;
        let worker = workers.get(&id)?;
        let (run_id, range) = fair.serve(&worker.algorithms, self.now, |run_id| {
            let run = runs.get_mut(&run_id)?;
            let bytes = result_bytes(run.measured);
            let most = u32::try_from(room / bytes).unwrap_or(u32::MAX);
            if most == 0 && lent > 0 {
                return None;
            }
            let elsewhere = |failed_on: &[WorkerId]| {
                let can = |other: &&Worker| other.is_ready() && other.algorithms.contains(&run.algorithm);
                workers.values().filter(can).any(|other| !failed_on.contains(&other.id))
            };
            let range = (run.table)
                .take_retry(|trouble| !trouble.failed_on.contains(&id) || !elsewhere(&trouble.failed_on))
                .or_else(|| {
                    let lanes = lanes.get(&run.algorithm).copied().unwrap_or(1);
                    let size = range_size(run.measured, run.table.runnable(), lanes);
                    run.table.take(size.min(most.max(1)))
                })?;
            Some((run_id, range))
        })?;
        self.requeue(run_id);
        let run = self.runs.get(&run_id)?;
        let lease = Lease::new(id, run_id, run.point, range, self.now);
        let lease = self.give(lease, None);
        self.assignment(lease)
    }

    /// Enters a lease into the books: lends it bytes, charges the submitter.
    pub(super) fn give(&mut self, mut lease: Lease, adopted: Option<LeaseId>) -> LeaseId {
        let (run_id, worker_id) = (lease.run, lease.worker);
        if let Some(run) = self.runs.get_mut(&run_id) {
            let count = u64::from(lease.remaining);
            lease.lent_bytes = count * result_bytes(run.measured);
            lease.charged_us = run.measured.wall_us_per_shard().map_or(UNKNOWN_TASK_US, |us| us * count);
            #[allow(clippy::cast_precision_loss)] // at most 200 ms of work
            self.fair.charge(&run.offer.submitter, lease.charged_us as f64, self.now);
            run.touched.insert(worker_id);
        }
        let needs_a_lane = lease.needs_a_lane();
        let id = match adopted {
            Some(id) => {
                self.leases.adopt(id, lease);
                id
            }
            None => self.leases.give(lease),
        };
        if let Some(run) = self.runs.get_mut(&run_id) {
            run.leases.insert(id);
        }
        if let Some(worker) = self.workers.get_mut(&worker_id) {
            worker.leases.insert(id);
            worker.active += u16::from(needs_a_lane);
        }
        id
    }

    fn assignment(&self, lease: LeaseId) -> Option<Assignment> {
        let Lease { run, point, range, .. } = self.leases.get(lease)?;
        let shard_timeout_ms = u64::try_from(self.settings.shard_timeout.as_millis()).unwrap_or(0);
        Some(Assignment { lease, task: point.task(*run, *range), shard_timeout_ms })
    }

    /// Bytes of results that may arrive without being asked for, or were asked for.
    pub(super) const fn lent_bytes(&self) -> u64 {
        self.leases.lent_bytes() + self.inbox.lent_bytes()
    }

    /// Asks for announced results while pool and writer allow.
    pub(super) fn ask_for_announced(&mut self) {
        while !self.inbox.is_empty() && self.writer_bytes < self.settings.writer_bytes {
            let room = self.settings.pool_bytes.saturating_sub(self.inbox.lent_bytes());
            let Some((worker, news)) = self.inbox.ask(room, self.now) else { return };
            self.may_assign = true; // its worker holds less that was not asked for
            self.send(worker, WorkerCommand::Send { result: news.key, offset: 0 });
        }
    }

    /// Takes back leases that wait at busy workers while other workers have nothing to do.
    fn withdraw_for_the_idle(&mut self) {
        let waiting: u32 = self.workers.values().map(|worker| u32::from(worker.waiting())).sum();
        if waiting == 0 {
            return;
        }
        let idle: Vec<WorkerId> = (self.workers.values())
            .filter(|worker| worker.is_ready() && worker.free_lanes() > 0)
            .map(|worker| worker.id)
            .collect();
        let free: u32 =
            idle.iter().filter_map(|id| self.workers.get(id)).map(|w| u32::from(w.free_lanes())).sum();
        if free == 0 {
            return;
        }
        let under_way = self.leases.iter().filter(|(_, lease)| lease.withdrawing).count();
        let mut wanted = free.saturating_sub(u32::try_from(under_way).unwrap_or(u32::MAX));
        let mut back: BTreeMap<WorkerId, Vec<LeaseId>> = BTreeMap::new();
        for worker in self.workers.values().filter(|worker| worker.waiting() > 0) {
            let mut surplus = worker.waiting();
            // the youngest have the longest to wait
            for id in worker.leases.iter().rev() {
                let Some(lease) = self.leases.get(*id) else { continue };
                if wanted == 0 || surplus == 0 {
                    break;
                }
                if lease.waits() {
                    surplus -= 1;
                    let usable = idle.iter().any(|idle| self.offers(*idle, lease.run));
                    if usable
                        && !lease.withdrawing
                        && !lease.is_copy
                        && self.expected(lease) >= WORTH_WITHDRAWING
                    {
                        back.entry(worker.id).or_default().push(*id);
                        wanted -= 1;
                    }
                }
            }
        }
        for (worker, leases) in back {
            for id in &leases {
                self.change_lease(*id, |lease| lease.withdrawing = true);
            }
            self.send(worker, WorkerCommand::Withdraw { leases });
        }
    }

    /// Gives idle lanes copies of the leases that take unexpectedly long, once a stage has nothing else to hand out.
    pub(super) fn copy_stragglers(&mut self) {
        if self.paused || self.leases.is_empty() {
            return;
        }
        let mut idle: Vec<(WorkerId, u16)> = (self.workers.values())
            .filter(|worker| worker.is_ready() && worker.free_lanes() > 0)
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
                    run.point.kind == Kind::Shards && run.table.runnable() == 0 && !run.failed
                })
            })
            .filter_map(|(id, lease)| Some((self.lateness(lease)?, id)))
            .collect();
        late.sort_by_key(|(lateness, id)| (std::cmp::Reverse(*lateness), *id));
        for (_, id) in late {
            let Some(lease) = self.leases.get(id) else { continue };
            let (run, holder) = (lease.run, lease.worker);
            let able = |(worker, free): &(WorkerId, u16)| {
                *free > 0 && *worker != holder && self.offers(*worker, run)
            };
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
        let mut missing =
            original.range.iter().filter(|shard| original.covers(*shard) && !table.is_settled(*shard));
        let first = missing.next()?;
        let last = missing.last().unwrap_or(first);
        let range = ShardRange { first, count: last - first + 1 };
        let mut copy = Lease::new(worker, original.run, original.point, range, self.now);
        for shard in range.iter().filter(|shard| !original.covers(*shard) || table.is_settled(*shard)) {
            copy.give_up(shard);
        }
        copy.remaining = range.count - u32::try_from(copy.given_up.len()).unwrap_or(range.count);
        copy.is_copy = true;
        copy.twin = Some(id);
        let copy = self.give(copy, None);
        self.change_lease(id, |original| original.twin = Some(copy));
        self.assignment(copy)
    }

    /// Whether a worker offers the algorithm of a run.
    fn offers(&self, worker: WorkerId, run: RunId) -> bool {
        let (Some(worker), Some(run)) = (self.workers.get(&worker), self.runs.get(&run)) else {
            return false;
        };
        worker.algorithms.contains(&run.algorithm)
    }

    /// How long a lease should take; long if nothing is known.
    fn expected(&self, lease: &Lease) -> Duration {
        let mean = self.runs.get(&lease.run).and_then(|run| run.measured.wall_us_per_shard());
        mean.map_or(Duration::MAX, |mean| Duration::from_micros(mean * u64::from(lease.remaining)))
    }
}

/// What a result may take of the pool: a quarter above the mean, at most what is sent unasked; that much as long as
/// nothing is known.
fn result_bytes(measured: Measured) -> u64 {
    let most = INLINE_RESULT_BYTES as u64;
    measured.bytes_per_shard().map_or(most, |bytes| (bytes + bytes / 4 + 64).min(most))
}
