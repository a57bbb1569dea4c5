//! The decisions of dispatch: takes one fact and the time, returns what should happen.
//!
//! [`Scheduler::on`] is the whole interface. Its parts: `runs.rs` keeps the open runs, `presence.rs` who is there;
//! `assign.rs` hands out, `withdraw.rs` takes back, `stragglers.rs` copies, `pause.rs` holds; `receive.rs` takes results; `hold.rs` compares what workers say they
//! hold with what they should; `blame.rs` decides what a failure or a death means; `waiting.rs` says why runs wait;
//! `report.rs` describes it all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::clock::Timestamp;
use common::ids::{Epoch, LeaseId, RunId, WorkerId};
use common::protocol::{ResultKey, WorkerCommand, WorkerFact};

use super::event::{DispatchCommand, DispatchEvent, DispatchSettings, FailedTask};
use super::fairness::FairQueue;
use super::inbox::Inbox;
use super::leases::{Kind, Lease, Leases, Point};
use super::needs::{NeedNumber, Needs};
use super::planned::Planned;
use super::runs::Run;
use super::sizing::History;
use super::waiting::Waiting;
use super::workers::Worker;

/// Acknowledgements in one message: far below the limit of a message.
const KEYS_PER_MESSAGE: usize = 10_000;

/// Owns everything that dispatch knows. Rebuilt, never stored.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) settings: DispatchSettings,
    pub(super) now: Timestamp,
    pub(super) runs: BTreeMap<RunId, Run>,
    /// Runs that are held until then; one that is not any more, or until another time, is passed over.
    pub(super) listening: BTreeSet<(Timestamp, RunId)>,
    /// Whether workers cannot be heard yet.
    pub(super) deaf: bool,
    /// Runs with shards that rest until then; one that has none any more is passed over.
    pub(super) resting: BTreeSet<(Timestamp, RunId)>,
    pub(super) waiting: Waiting,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    pub(super) leases: Leases,
    pub(super) fair: FairQueue,
    pub(super) inbox: Inbox,
    /// Bytes waiting for the database, as last told, and what was added since.
    pub(super) writer_bytes: u64,
    pub(super) paused: bool,
    /// Runs that are held, open here or not.
    pub(super) paused_runs: BTreeSet<RunId>,
    /// Workers that an operator wants empty, connected or not.
    pub(super) drained: BTreeSet<WorkerId>,
    /// What open runs need.
    pub(super) needs: Needs,
    /// Lanes of ready workers for each need.
    pub(super) lanes: BTreeMap<NeedNumber, u32>,
    /// What the shards of each algorithm's stages took in the last run that finished one.
    pub(super) history: History,
    /// Whether something happened that may let work be handed out.
    pub(super) may_assign: bool,
    pub(super) heartbeat_due: Timestamp,
    pub(super) oddities: Oddities,
    pub(super) failures: VecDeque<(Timestamp, FailedTask)>,
    /// Stored results in total, and samples of it over the last seconds.
    pub(super) stored_total: u64,
    pub(super) stored_samples: VecDeque<(Timestamp, u64)>,
    /// Bytes of results that all runs keep for merging.
    pub(super) kept_bytes: usize,
    /// Shards of the stages that are open.
    pub(super) planned: Planned,
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

impl Scheduler {
    /// Knows nothing yet, in leadership `epoch`.
    #[must_use]
    pub fn new(epoch: Epoch, settings: DispatchSettings, now: Timestamp) -> Self {
        Self {
            settings,
            now,
            runs: BTreeMap::new(),
            listening: BTreeSet::new(),
            deaf: false,
            resting: BTreeSet::new(),
            waiting: Waiting::default(),
            workers: BTreeMap::new(),
            leases: Leases::new(epoch),
            fair: FairQueue::default(),
            inbox: Inbox::default(),
            writer_bytes: 0,
            paused: false,
            paused_runs: BTreeSet::new(),
            drained: BTreeSet::new(),
            needs: Needs::default(),
            lanes: BTreeMap::new(),
            history: History::default(),
            may_assign: false,
            heartbeat_due: now,
            oddities: Oddities::default(),
            failures: VecDeque::new(),
            stored_total: 0,
            stored_samples: VecDeque::new(),
            kept_bytes: 0,
            planned: Planned::new(settings.planned_shards),
            out: Vec::new(),
            acknowledged: BTreeMap::new(),
            revoked: BTreeMap::new(),
        }
    }

    /// Takes one fact and the time, returns what should happen, in order.
    #[must_use]
    pub fn on(&mut self, event: DispatchEvent, now: Timestamp) -> Vec<DispatchCommand> {
        self.now = self.now.max(now);
        let is_tick = matches!(event, DispatchEvent::Tick);
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
            DispatchEvent::StageStored { run, stage } => self.stage_stored(run, stage),
            DispatchEvent::Refused { run, stage, shard, detail } => self.refused(run, stage, shard, detail),
            DispatchEvent::WriterBacklog { bytes } => {
                self.may_assign |= bytes < self.writer_bytes;
                self.writer_bytes = bytes;
            }
            DispatchEvent::DrainAsked { worker, on } => self.drain(worker, on),
            DispatchEvent::Deaf(deaf) => self.hear(deaf),
            DispatchEvent::Paused(on) => self.pause_queue(on),
            DispatchEvent::RunsPaused(runs) => self.pause_runs(runs),
            DispatchEvent::Tick => self.tick(),
        }
        self.ask_for_announced();
        if std::mem::take(&mut self.may_assign) {
            self.assign();
        }
        if is_tick {
            self.tell_waiting(); // what was just handed out does not wait
        }
        self.flush();
        std::mem::take(&mut self.out)
    }

    /// News that was late, repeated or of nothing known so far.
    pub const fn oddities(&self) -> Oddities {
        self.oddities
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
            WorkerFact::Failed { lease, run, stage, shard, error, note } => {
                self.attempt_failed(id, ResultKey { lease, run, stage, shard }, error, note);
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
        self.end_listening();
        self.end_resting();
        for (worker, result, offset) in self.inbox.stalled(self.now) {
            self.send(worker, WorkerCommand::Send { result, offset });
        }
        self.may_assign = true;
        self.copy_stragglers();
        self.sample_rate();
    }

    /// Ends a lease without giving its shards to anyone: they are settled, or dealt with by the caller.
    pub(super) fn end_lease(&mut self, id: LeaseId) -> Option<Lease> {
        let lease = self.leases.end(id)?;
        if let Some(run) = self.runs.get_mut(&lease.run) {
            run.leases.remove(&id);
            if lease.needs_a_lane() {
                self.fair.occupy(&run.offer.submitter, false);
            }
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
            worker.lent_bytes -= lease.lent_bytes;
            if lease.needs_a_lane() {
                worker.active -= 1;
            }
        }
        self.doubt_waiting(lease.run);
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
        if before == after {
            return;
        }
        if let Some(run) = self.runs.get(&lease.run) {
            self.fair.occupy(&run.offer.submitter, after);
        }
        if let Some(worker) = self.workers.get_mut(&lease.worker) {
            if after {
                worker.active += 1;
            } else {
                worker.active -= 1;
                self.may_assign = true;
            }
        }
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
}
