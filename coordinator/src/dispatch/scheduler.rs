//! The decisions of dispatch: takes one fact and the time, returns what should happen.
//!
//! [`Scheduler::on`] is the whole interface. Its parts: `assign.rs` hands out, withdraws and copies; `receive.rs`
//! takes results; `hold.rs` compares what workers say they hold with what they should; `blame.rs` decides what a
//! failure or a death means; `report.rs` describes it all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::clock::Timestamp;
use common::ids::{Epoch, LeaseId, RunId, WorkerId};
use common::protocol::{ResultKey, WorkerCommand, WorkerFact};

use super::event::{
    DispatchCommand, DispatchEvent, DispatchSettings, FailedTask, RunOffer, WaitingReason, Work,
};
use super::fairness::{AlgorithmNumber, FairQueue, Rank};
use super::inbox::Inbox;
use super::leases::{Kind, Lease, Leases, Point};
use super::shards::ShardTable;
use super::sizing::Measured;
use super::workers::{Presence, Worker};

/// Acknowledgements in one message: far below the limit of a message.
const KEYS_PER_MESSAGE: usize = 10_000;

/// A worker that was silent for so many times the time after which it is lost is forgotten; should it live, it
/// reconnects, because nothing is sent to it any more.
const FORGOTTEN: u32 = 12;

/// Owns everything that dispatch knows. Rebuilt, never stored.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) settings: DispatchSettings,
    pub(super) now: Timestamp,
    pub(super) runs: BTreeMap<RunId, Run>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    pub(super) leases: Leases,
    pub(super) fair: FairQueue,
    pub(super) inbox: Inbox,
    /// Bytes waiting for the database, as last told, and what was added since.
    pub(super) writer_bytes: u64,
    pub(super) paused: bool,
    /// Workers that an operator wants empty, connected or not.
    pub(super) drained: BTreeSet<WorkerId>,
    /// Algorithms that a run or a worker ever named.
    pub(super) algorithms: BTreeMap<(String, u32), AlgorithmNumber>,
    /// Lanes of ready workers for each algorithm.
    pub(super) lanes: BTreeMap<AlgorithmNumber, u32>,
    /// What the shards of each algorithm's stages took in the last run that finished one.
    pub(super) history: BTreeMap<(AlgorithmNumber, String), Measured>,
    /// Whether something happened that may let work be handed out.
    pub(super) may_assign: bool,
    pub(super) heartbeat_due: Timestamp,
    pub(super) oddities: Oddities,
    pub(super) failures: VecDeque<(Timestamp, FailedTask)>,
    /// Stored results in total, and samples of it over the last seconds.
    pub(super) stored_total: u64,
    pub(super) stored_samples: VecDeque<(Timestamp, u64)>,
    out: Vec<DispatchCommand>,
    acknowledged: BTreeMap<WorkerId, Vec<ResultKey>>,
    pub(super) revoked: BTreeMap<WorkerId, Vec<LeaseId>>,
}

/// News that is late, repeated or of nothing known. Ordinary: counted and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Results of shards whose result was here already.
    pub duplicate: u64,
    /// Results and failures of runs or stages that are over.
    pub late: u64,
    /// News of runs, stages, shards or pieces that were never handed out.
    pub foreign: u64,
    /// News from workers or connections that are not known (any more).
    pub stranger: u64,
}

/// A run that is open.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) offer: RunOffer,
    pub(super) algorithm: AlgorithmNumber,
    pub(super) point: Point,
    /// Name of the stage, empty for an advance.
    pub(super) name: String,
    pub(super) table: ShardTable,
    pub(super) measured: Measured,
    pub(super) leases: BTreeSet<LeaseId>,
    /// Results handed to the writer and not confirmed, in that order.
    pub(super) storing: VecDeque<(u32, WorkerId, LeaseId)>,
    /// Who delivered the outcome of the last advance; acknowledged when the run went on from there.
    pub(super) advanced_by: Option<(WorkerId, ResultKey)>,
    /// Workers that ever got a task of it.
    pub(super) touched: BTreeSet<WorkerId>,
    /// Until when nothing of it is handed out, because workers may hold parts of it.
    pub(super) held_until: Option<Timestamp>,
    /// Whether it failed for good and only waits to be closed.
    pub(super) failed: bool,
    /// Whether it stands in the fair queue.
    pub(super) queued: bool,
    pub(super) waits_since: Timestamp,
    pub(super) told_waiting: Option<WaitingReason>,
}

impl Run {
    fn rank(&self) -> Rank {
        Rank::new(self.offer.priority, self.offer.submitted_us, self.offer.run)
    }

    /// The key of one of its results.
    pub(super) fn key(&self, lease: LeaseId, shard: u32) -> ResultKey {
        let shard = (self.point.kind == Kind::Shards).then_some(shard);
        ResultKey { lease, run: self.offer.run, stage: self.point.stage, shard }
    }
}

impl Scheduler {
    /// Knows nothing yet, in leadership `epoch`.
    #[must_use]
    pub fn new(epoch: Epoch, settings: DispatchSettings, now: Timestamp) -> Self {
        Self {
            settings,
            now,
            runs: BTreeMap::new(),
            workers: BTreeMap::new(),
            leases: Leases::new(epoch),
            fair: FairQueue::default(),
            inbox: Inbox::default(),
            writer_bytes: 0,
            paused: false,
            drained: BTreeSet::new(),
            algorithms: BTreeMap::new(),
            lanes: BTreeMap::new(),
            history: BTreeMap::new(),
            may_assign: false,
            heartbeat_due: now,
            oddities: Oddities::default(),
            failures: VecDeque::new(),
            stored_total: 0,
            stored_samples: VecDeque::new(),
            out: Vec::new(),
            acknowledged: BTreeMap::new(),
            revoked: BTreeMap::new(),
        }
    }

    /// Takes one fact and the time, returns what should happen, in order.
    #[must_use]
    pub fn on(&mut self, event: DispatchEvent, now: Timestamp) -> Vec<DispatchCommand> {
        self.now = self.now.max(now);
        match event {
            DispatchEvent::Ready { offer, work, resumed } => self.ready(offer, work, resumed),
            DispatchEvent::Closed { run } => self.close(run),
            DispatchEvent::Hello { worker, incarnation, hello, offers } => {
                self.hello(worker, incarnation, &hello, offers);
            }
            DispatchEvent::Heard { worker, incarnation, fact } => self.heard(worker, incarnation, fact),
            DispatchEvent::Unlinked { worker, incarnation } => self.unlinked(worker, incarnation),
            DispatchEvent::Stored { run, stage, shards } => {
                self.stored(run, Point { stage, kind: Kind::Shards }, &shards);
            }
            DispatchEvent::Refused { run, stage, shard, detail } => self.refused(run, stage, shard, detail),
            DispatchEvent::WriterBacklog { bytes } => {
                self.may_assign |= bytes < self.writer_bytes;
                self.writer_bytes = bytes;
            }
            DispatchEvent::DrainAsked { worker, on } => self.drain(worker, on),
            DispatchEvent::Paused(on) => {
                self.may_assign |= self.paused && !on;
                self.paused = on;
            }
            DispatchEvent::Tick => self.tick(),
        }
        self.ask_for_announced();
        if std::mem::take(&mut self.may_assign) {
            self.assign();
        }
        self.flush();
        std::mem::take(&mut self.out)
    }

    /// News that was late, repeated or of nothing known so far.
    pub const fn oddities(&self) -> Oddities {
        self.oddities
    }

    fn ready(&mut self, offer: RunOffer, work: Work, resumed: bool) {
        let (point, name, table) = match work {
            Work::Advance { stage } => {
                (Point { stage, kind: Kind::Advance }, String::new(), ShardTable::new(1, &[]))
            }
            Work::Shards { stage, name, shards, stored } => {
                (Point { stage, kind: Kind::Shards }, name, ShardTable::new(shards, &stored))
            }
        };
        let algorithm = self.algorithm_number(&offer.algorithm);
        let id = offer.run;
        let held_until = resumed.then(|| self.now.after(self.settings.listen));
        if let Some(run) = self.runs.get_mut(&id) {
            if run.point >= point {
                self.oddities.late += 1;
                return;
            }
            run.point = point;
            run.name = name;
            run.table = table;
            run.measured = Measured::default();
            run.storing.clear();
            run.waits_since = self.now;
            run.held_until = held_until;
            let advanced_by = run.advanced_by.take();
            let old: Vec<LeaseId> = run.leases.iter().copied().collect();
            for lease in old {
                self.revoke(lease); // copies of the advance
            }
            if let Some((worker, key)) = advanced_by {
                self.acknowledge(worker, key);
            }
        } else {
            let run = Run {
                offer,
                algorithm,
                point,
                name,
                table,
                measured: Measured::default(),
                leases: BTreeSet::new(),
                storing: VecDeque::new(),
                advanced_by: None,
                touched: BTreeSet::new(),
                held_until,
                failed: false,
                queued: false,
                waits_since: self.now,
                told_waiting: None,
            };
            self.runs.insert(id, run);
        }
        self.requeue(id);
    }

    fn close(&mut self, id: RunId) {
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
        if run.queued {
            self.fair.remove(&run.offer.submitter, run.algorithm, run.rank());
        }
        for worker in &run.touched {
            self.send(*worker, WorkerCommand::Cancel { run: id });
        }
        self.may_assign = true;
    }

    fn heard(&mut self, id: WorkerId, incarnation: u32, fact: WorkerFact) {
        let current = self.workers.get_mut(&id).is_some_and(|worker| {
            let current = worker.incarnation == incarnation && worker.is_linked();
            if current {
                worker.heard_at = self.now;
            }
            current
        });
        if current {
            self.recover(id);
        }
        match fact {
            // results count whoever brings them
            WorkerFact::Finished(results) => self.finished(id, results),
            WorkerFact::Advanced { lease, run, stage, cpu_us: _, outcome } => {
                self.advanced(id, ResultKey { lease, run, stage, shard: None }, outcome);
            }
            _ if !current => self.oddities.stranger += 1,
            WorkerFact::Heartbeat(held) => self.held(id, &held, false),
            WorkerFact::Started { leases } => self.started(id, &leases),
            WorkerFact::Announced(news) => self.announced(id, news),
            WorkerFact::ResultPiece { result, offset, total, cpu_us, bytes } => {
                self.piece(id, &result, offset, total, cpu_us, &bytes);
            }
            WorkerFact::Failed { lease, run, stage, shard, error } => {
                self.attempt_failed(id, ResultKey { lease, run, stage, shard }, error);
            }
            WorkerFact::HandedBack { leases } => self.handed_back(id, &leases),
            WorkerFact::Leaving => self.dismiss(id),
            // introductions and fetches are dealt with before they come here
            WorkerFact::Hello(_) | WorkerFact::Fetch { .. } => self.oddities.foreign += 1,
        }
    }

    fn tick(&mut self) {
        if self.now >= self.heartbeat_due {
            self.heartbeat_due = self.now.after(self.settings.heartbeat);
            let all: Vec<WorkerId> = self.workers.keys().copied().collect();
            for worker in all {
                self.send(worker, WorkerCommand::Heartbeat);
            }
            self.fair.forget_idle(self.now);
        }
        self.watch_workers();
        let over: Vec<RunId> = (self.runs.iter())
            .filter(|(_, run)| run.held_until.is_some_and(|until| until <= self.now))
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            if let Some(run) = self.runs.get_mut(&id) {
                run.held_until = None;
            }
            self.requeue(id);
        }
        for (worker, result, offset) in self.inbox.stalled(self.now) {
            self.send(worker, WorkerCommand::Send { result, offset });
        }
        self.may_assign = true;
        self.copy_stragglers();
        self.tell_waiting();
        self.sample_rate();
    }

    /// Puts a run into the fair queue or takes it out, as it has something to hand out or not.
    pub(super) fn requeue(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let wanted = run.table.runnable() > 0 && !run.failed && run.held_until.is_none();
        if wanted != run.queued {
            run.queued = wanted;
            if wanted {
                self.fair.insert(&run.offer.submitter, run.algorithm, run.rank());
            } else {
                self.fair.remove(&run.offer.submitter, run.algorithm, run.rank());
            }
        }
        self.may_assign |= wanted;
    }

    /// Ends a lease without giving its shards to anyone: they are settled, or dealt with by the caller.
    pub(super) fn end_lease(&mut self, id: LeaseId) -> Option<Lease> {
        let lease = self.leases.end(id)?;
        if let Some(run) = self.runs.get_mut(&lease.run) {
            run.leases.remove(&id);
            let elapsed = lease
                .started_at
                .map_or(0, |start| u64::try_from(self.now.since(start).as_micros()).unwrap_or(u64::MAX));
            let used = if lease.remaining > 0 { lease.used_us.max(elapsed) } else { lease.used_us };
            #[allow(clippy::cast_precision_loss)] // a few hours at most
            let correction = used as f64 - lease.charged_us as f64;
            self.fair.charge(&run.offer.submitter, correction, self.now);
        }
        if let Some(worker) = self.workers.get_mut(&lease.worker) {
            worker.leases.remove(&id);
            if lease.needs_a_lane() {
                worker.active -= 1;
            }
        }
        self.may_assign = true;
        Some(lease)
    }

    /// Ends a lease that others made needless and tells its holder.
    pub(super) fn revoke(&mut self, id: LeaseId) {
        if let Some(lease) = self.end_lease(id) {
            self.revoked.entry(lease.worker).or_default().push(id);
        }
    }

    /// Changes a lease and keeps the holder's count of lanes.
    pub(super) fn change_lease(&mut self, id: LeaseId, change: impl FnOnce(&mut Lease)) {
        let Some(lease) = self.leases.get_mut(id) else { return };
        let before = lease.needs_a_lane();
        change(lease);
        let after = lease.needs_a_lane();
        if let (true, Some(worker)) = (before != after, self.workers.get_mut(&lease.worker)) {
            if after {
                worker.active += 1;
            } else {
                worker.active -= 1;
                self.may_assign = true;
            }
        }
    }

    /// The number of an algorithm in a version; a new one at first sight.
    pub(super) fn algorithm_number(&mut self, algorithm: &(String, u32)) -> AlgorithmNumber {
        if let Some(number) = self.algorithms.get(algorithm) {
            return *number;
        }
        let number = AlgorithmNumber::try_from(self.algorithms.len()).unwrap_or(AlgorithmNumber::MAX);
        self.algorithms.insert(algorithm.clone(), number);
        number
    }

    /// Counts the lanes of each algorithm anew after a worker came, went or changed.
    pub(super) fn count_lanes(&mut self) {
        self.lanes.clear();
        for worker in self.workers.values().filter(|worker| worker.is_ready()) {
            for algorithm in &worker.algorithms {
                *self.lanes.entry(*algorithm).or_default() += u32::from(worker.lanes);
            }
        }
        self.may_assign = true;
    }

    /// Tells a worker something, if it is connected.
    pub(super) fn send(&mut self, worker: WorkerId, command: WorkerCommand) {
        if let Some(worker) = self.workers.get(&worker).filter(|worker| worker.is_linked()) {
            let (worker, incarnation) = (worker.id, worker.incarnation);
            self.command(DispatchCommand::Send { worker, incarnation, command });
        }
    }

    /// Orders something.
    pub(super) fn command(&mut self, command: DispatchCommand) {
        self.out.push(command);
    }

    /// Tells `worker`, at the end of this event, that it may drop a result.
    pub(super) fn acknowledge(&mut self, worker: WorkerId, key: ResultKey) {
        self.acknowledged.entry(worker).or_default().push(key);
    }

    /// Sends what was collected during an event, one message for each worker.
    fn flush(&mut self) {
        for (worker, leases) in std::mem::take(&mut self.revoked) {
            self.send(worker, WorkerCommand::Revoke { leases });
        }
        for (worker, keys) in std::mem::take(&mut self.acknowledged) {
            for results in keys.chunks(KEYS_PER_MESSAGE) {
                self.send(worker, WorkerCommand::Stored { results: results.to_vec() });
            }
        }
    }

    fn drain(&mut self, id: WorkerId, on: bool) {
        let changed = if on { self.drained.insert(id) } else { self.drained.remove(&id) };
        if !changed {
            return;
        }
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.drained = on;
            self.send(id, if on { WorkerCommand::Drain } else { WorkerCommand::Undrain });
            self.count_lanes();
        }
    }

    /// Notices who became silent, and who stayed away.
    fn watch_workers(&mut self) {
        let DispatchSettings { suspect, silence, reconnect, .. } = self.settings;
        let mut changed = false;
        let mut lost = Vec::new();
        let mut gone = Vec::new();
        for worker in self.workers.values_mut() {
            let silent = self.now.since(worker.heard_at);
            match worker.presence {
                Presence::Unlinked { since } if self.now.since(since) >= reconnect => gone.push(worker.id),
                Presence::Lost if silent >= silence * FORGOTTEN => gone.push(worker.id),
                Presence::Suspect if silent >= silence => {
                    worker.presence = Presence::Lost;
                    lost.push(worker.id);
                }
                Presence::Ready if silent >= suspect => {
                    worker.presence = Presence::Suspect;
                    changed = true;
                }
                _ => {}
            }
        }
        for id in lost {
            self.died(id, "was silent for too long");
        }
        for id in gone {
            self.died(id, "lost its connection and did not come back");
            self.workers.remove(&id);
            changed = true;
        }
        if changed {
            self.count_lanes();
        }
    }
}
