//! Handing out: which run's turn it is, who gets which range of it, and what that puts into the books.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{LeaseId, WorkerId};
use common::limits::{HELD_RESULT_BYTES, INLINE_RESULT_BYTES};
use common::protocol::{Assignment, WorkerCommand};
use common::run::ShardRange;

use super::inbox::Inbox;
use super::leases::{Kind, Lease, Leases};
use super::needs::NeedNumber;
use super::runs::Run;
use super::scheduler::Scheduler;
use super::shards::Trouble;
use super::sizing::{Measured, range_size};
use super::workers::Worker;

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

    /// Gives at most one lease to each worker that can take one; says whether any was given. The run whose turn it is
    /// chooses among them.
    fn assign_round(&mut self, prefetch: bool, given: &mut BTreeMap<WorkerId, Vec<Assignment>>) -> bool {
        let mut hungry: Vec<WorkerId> = (self.workers.values())
            .filter(|worker| worker.is_hungry(prefetch, &self.settings))
            .map(|worker| worker.id)
            .filter(|id| !self.has_to_deliver(*id))
            .collect();
        hungry.sort_by_key(|id| self.workers.get(id).is_some_and(|worker| worker.short_of_memory));
        let meets = hungry.iter().filter_map(|id| self.workers.get(id)).flat_map(|worker| &worker.meets);
        let needs: BTreeSet<NeedNumber> = meets.copied().collect();
        let mut any = false;
        while !hungry.is_empty()
            && let Some((position, assignment)) = self.assign_one(&hungry, &needs)
        {
            given.entry(hungry.remove(position)).or_default().push(assignment);
            any = true;
        }
        any
    }

    /// Gives a lease of the first run in the order of fairness that one of the hungry workers can have; says which. Those
    /// that have the run's inputs come first.
    fn assign_one(
        &mut self,
        hungry: &[WorkerId],
        needs: &BTreeSet<NeedNumber>,
    ) -> Option<(usize, Assignment)> {
        let lent = self.lent_bytes();
        let room = self.settings.pool_bytes.saturating_sub(lent);
        let settings = self.settings;
        let Self { fair, runs, workers, leases, lanes, planned, inbox, .. } = self;
        let around = Around { workers, leases, inbox, worker_bytes: settings.worker_bytes };
        let (run_id, position, range) = fair.serve(needs, settings.user_lanes, self.now, |run_id| {
            let run = runs.get_mut(&run_id)?;
            if run.point.kind == Kind::Advance && !planned.may_open(&run.offer.submitter) {
                return None;
            }
            let most = u32::try_from(room / result_bytes(run.measured)).unwrap_or(u32::MAX);
            if most == 0 && lent > 0 {
                return None;
            }
            let lanes = lanes.get(&run.need).copied().unwrap_or(1);
            let size = range_size(run.measured, run.table.runnable(), lanes).min(most.max(1));
            let (position, range) = take_for_one(run, hungry, size, &around)?;
            Some((run_id, position, range))
        })?;
        self.requeue(run_id);
        let run = self.runs.get(&run_id)?;
        let worker = hungry[position];
        let lease = Lease::new(worker, run_id, run.point, range, self.now);
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.inputs.extend(&run.offer.wants.inputs); // it fetches what it does not have
        }
        let lease = self.give(lease, None);
        Some((position, self.assignment(lease)?))
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
            lease.memory_bytes = run.offer.memory_bytes();
            lease.is_suspect = lease.range.count == 1 && run.table.is_suspect(lease.range.first);
        }
        let (needs_a_lane, lent_bytes) = (lease.needs_a_lane(), lease.lent_bytes);
        let id = match adopted {
            Some(id) => {
                self.leases.adopt(id, lease);
                id
            }
            None => self.leases.give(lease),
        };
        if let Some(run) = self.runs.get_mut(&run_id) {
            run.leases.insert(id);
            if needs_a_lane {
                self.fair.occupy(&run.offer.submitter, true);
            }
        }
        if let Some(worker) = self.workers.get_mut(&worker_id) {
            worker.leases.insert(id);
            worker.active += u16::from(needs_a_lane);
            worker.lent_bytes += lent_bytes;
        }
        id
    }

    pub(super) fn assignment(&self, lease: LeaseId) -> Option<Assignment> {
        let Lease { run, point, range, .. } = self.leases.get(lease)?;
        let shard_timeout_ms = u64::try_from(self.settings.shard_timeout.as_millis()).unwrap_or(0);
        Some(Assignment { lease, task: point.task(*run, *range), shard_timeout_ms })
    }

    /// Whether a worker gets nothing more before it delivered: so much of its results is on its way, or waits to be asked
    /// for.
    pub(super) fn has_to_deliver(&self, id: WorkerId) -> bool {
        let lent = self.workers.get(&id).map_or(0, |worker| worker.lent_bytes) + self.inbox.lent_to(id);
        let full = lent > 0 && lent + INLINE_RESULT_BYTES as u64 > self.settings.worker_bytes;
        full || self.inbox.waiting_bytes(id) > self.settings.announced_bytes
    }

    /// Bytes of results that may arrive without being asked for, or were asked for.
    pub(super) const fn lent_bytes(&self) -> u64 {
        self.leases.lent_bytes() + self.inbox.lent_bytes()
    }

    /// Asks for announced results while pool and writer allow.
    pub(super) fn ask_for_announced(&mut self) {
        while !self.inbox.is_empty() && self.writer_bytes < self.settings.writer_bytes {
            let room = self.settings.pool_bytes.saturating_sub(self.inbox.lent_bytes());
            let Some((worker, news)) = self.inbox.ask(room, self.settings.worker_bytes, self.now) else {
                return;
            };
            self.may_assign = true; // its worker holds less that was not asked for
            self.send(worker, WorkerCommand::Send { result: news.key, offset: 0 });
        }
    }
}

/// Takes shards of `run` for one of the hungry workers that may do them, those that have its inputs first; says at which
/// position it is.
fn take_for_one(
    run: &mut Run,
    hungry: &[WorkerId],
    size: u32,
    around: &Around<'_>,
) -> Option<(usize, ShardRange)> {
    let (need, memory_bytes) = (run.need, run.offer.memory_bytes());
    let inputs = run.offer.wants.inputs.clone();
    let able = |id: &WorkerId, near: bool| {
        around.workers.get(id).is_some_and(|worker| {
            worker.meets.contains(&need)
                && worker.holds(&inputs) == near
                && worker.has_memory_for(memory_bytes, around.leases)
        })
    };
    let choices = |near: bool| hungry.iter().enumerate().filter(move |&(_, id)| able(id, near));
    let far = if inputs.is_empty() { None } else { Some(choices(false)) };
    (choices(true).chain(far.into_iter().flatten()))
        .find_map(|(position, id)| Some((position, take(run, *id, size, around)?)))
}

/// Takes shards of `run` for a worker: what is to be tried again first, unless it failed there and others could try, or
/// workers died over it and this one is at such a shard already.
fn take(run: &mut Run, id: WorkerId, size: u32, around: &Around<'_>) -> Option<ShardRange> {
    let room = around.room_for(id, result_bytes(run.measured));
    let need = run.need;
    let elsewhere = |failed_on: &[WorkerId]| {
        let can = |other: &&Worker| other.is_ready() && other.meets.contains(&need);
        around.workers.values().filter(can).any(|other| !failed_on.contains(&other.id))
    };
    let has_a_suspect = || around.workers.get(&id).is_some_and(|worker| worker.has_a_suspect(around.leases));
    let may = |trouble: &Trouble| {
        (!trouble.failed_on.contains(&id) || !elsewhere(&trouble.failed_on))
            && (trouble.killed.is_empty() || !has_a_suspect())
    };
    run.table.take_retry(may).or_else(|| run.table.take(size.min(room)))
}

/// What decides which worker can take something.
struct Around<'a> {
    workers: &'a BTreeMap<WorkerId, Worker>,
    leases: &'a Leases,
    inbox: &'a Inbox,
    /// Result bytes that one worker may have on their way.
    worker_bytes: u64,
}

impl Around<'_> {
    /// For how many more results of so many bytes a worker has room, at least one.
    fn room_for(&self, id: WorkerId, result_bytes: u64) -> u32 {
        let lent = self.workers.get(&id).map_or(0, |worker| worker.lent_bytes) + self.inbox.lent_to(id);
        let results = self.worker_bytes.saturating_sub(lent) / result_bytes;
        u32::try_from(results).unwrap_or(u32::MAX).max(1)
    }
}

/// What a result may take of the pool: a quarter above the mean, at most what is sent unasked; that much as long as
/// nothing is known. With what holding it takes, which of small results is most.
fn result_bytes(measured: Measured) -> u64 {
    let most = INLINE_RESULT_BYTES as u64;
    let bytes = measured.bytes_per_shard().map_or(most, |bytes| (bytes + bytes / 4).min(most));
    bytes + HELD_RESULT_BYTES as u64
}
