//! The runs that are open: how they begin, go on and end, and when they stand in the fair queue.

use std::collections::{BTreeSet, VecDeque};

use common::clock::Timestamp;
use common::ids::{LeaseId, RunId, WorkerId};
use common::protocol::{ResultKey, WorkerCommand};

use super::ahead::{Behind, Kept};
use super::event::{RunOffer, WaitingReason, Work};
use super::fairness::Rank;
use super::leases::{Kind, Point};
use super::needs::{Need, NeedNumber};
use super::scheduler::Scheduler;
use super::shards::ShardTable;
use super::sizing::Measured;

/// A run that is open.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own: none excludes another
pub(super) struct Run {
    pub(super) offer: RunOffer,
    pub(super) need: NeedNumber,
    pub(super) point: Point,
    /// Name of the stage, empty for an advance.
    pub(super) name: String,
    pub(super) table: ShardTable,
    pub(super) measured: Measured,
    pub(super) leases: BTreeSet<LeaseId>,
    /// Results handed to the writer and not confirmed, in that order.
    pub(super) storing: VecDeque<(u32, WorkerId, LeaseId)>,
    /// Who delivered the outcome of the last advance, until the run goes on from there.
    pub(super) advanced_by: Option<(WorkerId, ResultKey)>,
    /// What was delivered before, is gone on from, and is not durable.
    pub(super) behind: Behind,
    /// The stage's results so far, if they may be merged before they are durable.
    pub(super) kept: Option<Kept>,
    /// Workers that ever got a task of it.
    pub(super) touched: BTreeSet<WorkerId>,
    /// Until when nothing of it is handed out, because workers may hold parts of it.
    pub(super) held_until: Option<Timestamp>,
    /// Whether it is held by whoever it belongs to.
    pub(super) paused: bool,
    /// Whether it failed for good and only waits to be closed.
    pub(super) failed: bool,
    /// Whether it stands in the fair queue.
    pub(super) queued: bool,
    pub(super) waits_since: Timestamp,
    /// What it is known to wait for.
    pub(super) told_waiting: Option<WaitingReason>,
    /// Whether something changed since, so that it may wait for something else.
    pub(super) unsure: bool,
}

impl Run {
    /// Where it stands among its submitter's.
    fn rank(&self) -> Rank {
        Rank::new(self.offer.priority, self.offer.submitted_us, self.offer.run)
    }

    /// Whether something of it can be handed out, as far as it depends on the run.
    pub(super) const fn may_be_handed_out(&self) -> bool {
        self.table.runnable() > 0 && !self.failed && !self.paused && self.held_until.is_none()
    }

    /// Shards of the stage that is open.
    pub(super) fn planned(&self) -> u64 {
        if self.point.kind == Kind::Shards { u64::from(self.table.shards()) } else { 0 }
    }

    /// The key of one of its results.
    pub(super) fn key(&self, lease: LeaseId, shard: u32) -> ResultKey {
        let shard = (self.point.kind == Kind::Shards).then_some(shard);
        ResultKey { lease, run: self.offer.run, stage: self.point.stage, shard }
    }
}

impl Scheduler {
    /// A run has something to do.
    pub(super) fn ready(&mut self, offer: RunOffer, work: Work, resumed: bool) {
        let mut small = false;
        let (point, name, table) = match work {
            Work::Advance { stage } => {
                (Point { stage, kind: Kind::Advance }, String::new(), ShardTable::new(1, &[]))
            }
            Work::Shards { stage, name, shards, stored } => {
                small = shards <= self.settings.ahead.shards && stored.is_empty();
                (Point { stage, kind: Kind::Shards }, name, ShardTable::new(shards, &stored))
            }
        };
        let kept = small.then(Kept::default);
        let id = offer.run;
        let held_until = resumed.then(|| self.now.after(self.settings.listen));
        if let Some(run) = self.runs.get_mut(&id) {
            if run.point >= point {
                self.oddities.late += 1;
                return;
            }
            if run.point.kind == Kind::Advance {
                run.told_waiting = None; // a stage that opens takes back what was said
            }
            self.planned.remove(&run.offer.submitter, run.planned());
            let before = std::mem::replace(&mut run.point, point);
            run.name = name;
            run.table = table;
            run.measured = Measured::default();
            let storing = std::mem::take(&mut run.storing);
            if let Some((worker, key)) = run.advanced_by.take() {
                run.behind.advanced(worker, key);
            } else {
                run.behind.leave(before.stage, storing);
            }
            let forgotten = std::mem::replace(&mut run.kept, kept).map_or(0, |kept| kept.bytes());
            self.kept_bytes -= forgotten;
            run.waits_since = self.now;
            run.held_until = held_until;
            self.planned.add(&run.offer.submitter, run.planned());
            let old: Vec<LeaseId> = run.leases.iter().copied().collect();
            for lease in old {
                self.revoke(lease); // copies of the advance
            }
        } else {
            let need = self.need_number(&need_of(&offer));
            let run = Run {
                offer,
                need,
                point,
                name,
                table,
                measured: Measured::default(),
                leases: BTreeSet::new(),
                storing: VecDeque::new(),
                advanced_by: None,
                behind: Behind::default(),
                kept,
                touched: BTreeSet::new(),
                held_until,
                paused: self.paused_runs.contains(&id),
                failed: false,
                queued: false,
                waits_since: self.now,
                told_waiting: None,
                unsure: false,
            };
            self.planned.add(&run.offer.submitter, run.planned());
            self.runs.insert(id, run);
        }
        self.listening.extend(held_until.map(|until| (until, id)));
        self.requeue(id);
    }

    /// A run ended: nothing of it is wanted any more.
    pub(super) fn close(&mut self, id: RunId) {
        let Some(run) = self.runs.get(&id) else {
            self.oddities.late += 1;
            return;
        };
        let leases: Vec<LeaseId> = run.leases.iter().copied().collect();
        for lease in leases {
            self.end_lease(lease);
        }
        self.inbox.forget(|place, _| place.0 == id);
        let Some(run) = self.runs.remove(&id) else { return };
        self.kept_bytes -= run.kept.as_ref().map_or(0, Kept::bytes);
        self.planned.remove(&run.offer.submitter, run.planned());
        if run.queued {
            self.fair.remove(&run.offer.submitter, run.need, run.rank());
        }
        self.leave_need(&need_of(&run.offer));
        for worker in &run.touched {
            self.send(*worker, WorkerCommand::Cancel { run: id });
        }
        self.may_assign = true;
    }

    /// Puts a run into the fair queue or takes it out, as it has something to hand out or not. Called after every change
    /// of that.
    pub(super) fn requeue(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let wanted = run.may_be_handed_out();
        if wanted != run.queued {
            run.queued = wanted;
            if wanted {
                self.fair.insert(&run.offer.submitter, run.need, run.rank());
            } else {
                self.fair.remove(&run.offer.submitter, run.need, run.rank());
            }
        }
        self.may_assign |= wanted;
        self.doubt_waiting(id);
    }

    /// Workers cannot be heard yet, or can from now on, however long ago the runs were read.
    pub(super) fn hear(&mut self, deaf: bool) {
        self.deaf = deaf;
        if deaf {
            return;
        }
        let until = self.now.after(self.settings.listen);
        let listening = std::mem::take(&mut self.listening);
        for (before, id) in listening {
            if let Some(run) = self.runs.get_mut(&id).filter(|run| run.held_until == Some(before)) {
                run.held_until = Some(until);
                self.listening.insert((until, id));
            }
        }
    }

    /// Lets the runs go on for which workers were listened to long enough.
    pub(super) fn end_listening(&mut self) {
        while let Some(&(until, id)) = self.listening.first()
            && until <= self.now
            && !self.deaf
        {
            self.listening.pop_first();
            if let Some(run) = self.runs.get_mut(&id).filter(|run| run.held_until == Some(until)) {
                run.held_until = None;
                self.requeue(id);
            }
        }
    }

    /// Lets the shards be handed out that rested long enough after a failed attempt.
    pub(super) fn end_resting(&mut self) {
        while let Some(&(until, id)) = self.resting.first()
            && until <= self.now
        {
            self.resting.pop_first();
            if let Some(run) = self.runs.get_mut(&id) {
                run.table.wake(self.now);
                self.requeue(id);
            }
        }
    }

    /// The number of what a run needs; at first sight it is looked who has it.
    fn need_number(&mut self, need: &Need) -> NeedNumber {
        let (number, is_new) = self.needs.take(need);
        if is_new {
            for worker in self.workers.values_mut().filter(|worker| worker.has(need)) {
                worker.meets.insert(number);
            }
            self.count_lanes();
        }
        number
    }

    /// A run that had this need ended.
    fn leave_need(&mut self, need: &Need) {
        if let Some(number) = self.needs.leave(need) {
            for worker in self.workers.values_mut() {
                worker.meets.remove(&number);
            }
            self.lanes.remove(&number);
        }
    }
}

fn need_of(offer: &RunOffer) -> Need {
    let labels = offer.wants.labels.clone();
    Need { algorithm: offer.algorithm.clone(), labels, memory_bytes: offer.memory_bytes() }
}
