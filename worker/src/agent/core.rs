//! PURE. What a worker's agent does next: takes one fact and the time, returns what should happen.
//!
//! ```text
//!  Assign ──▶ preparing ──▶ ready ──▶ on a lane ──▶ telling ──▶ gone
//!                 │           │           │
//!                 └─ Withdraw, drain ─────┴─ Revoke, Cancel, timeout: the lane is told to stop
//! ```
//!
//! A lease is held from `Assign` until the outcome of its last shard was sent; a result is kept until `Stored`,
//! whatever becomes of its lease ([`Outbox`]). A lane that was told to stop is not free before it returned, and one
//! that does not return within [`STUCK_AFTER`] ends the process.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{Epoch, LeaseId, RunId};
use common::protocol::{Assignment, Heartbeat, HeldLease, Hello, ToWorker, WorkerCommand, WorkerFact};
use common::run::{ShardRange, Task, TaskError, TaskErrorKind, TaskKind};

use super::event::{AgentAction, AgentEvent, Computed, Document, Exit, LaneEnd, Usage};
use super::outbox::Outbox;
use super::talk::{Spoken, Talk};

/// A shard that does not return this long after it was told to stop never will.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);

/// What the core knows of its own worker.
#[derive(Clone, Debug)]
pub struct Identity {
    /// See [`Hello::build`].
    pub build: String,
    /// See [`Hello::host`].
    pub host: String,
    /// See [`Hello::lanes`].
    pub lanes: u16,
    /// See [`Hello::labels`].
    pub labels: Vec<(String, String)>,
    /// See [`Hello::algorithms`].
    pub algorithms: Vec<u8>,
    /// Time from SIGTERM to the end of the process at the latest.
    pub drain_grace: Duration,
    /// Bytes of results that may be kept; above it nothing new begins.
    pub kept_bytes: usize,
}

/// Where a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its documents are on their way.
    Preparing,
    /// Waits for a lane.
    Ready,
    /// A lane is at it.
    Running,
    /// Computed; some outcome was not sent yet.
    Telling,
}

#[derive(Debug)]
struct Lease {
    task: Task,
    timeout: Option<Duration>,
    stage: Stage,
    /// What is still to be computed of a range; a lane that returns early leaves the rest here.
    rest: Option<ShardRange>,
    began: Option<Timestamp>,
    finished: u32,
    unsent: u32,
}

/// Why a lane was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Nobody wants the task any more; with `report` the leader is told once the lane is free.
    Unwanted { report: bool },
    /// This shard took too long.
    TimedOut { shard: u32 },
}

#[derive(Debug)]
struct Lane {
    run: RunId,
    stop: Option<(Stop, Timestamp)>,
}

/// Whether the worker takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Working,
    /// By command; `Undrain` ends it.
    Draining,
    /// The process ends: running tasks are stopped at `stop_at`, and at `end_at` it ends whatever is left.
    Ending {
        stop_at: Timestamp,
        end_at: Timestamp,
        exit: Exit,
    },
}

/// See the module.
pub struct Core {
    identity: Identity,
    talk: Talk,
    epoch: Epoch,
    leases: BTreeMap<LeaseId, Lease>,
    /// Leases without a lane, in the order in which they are to begin.
    waiting: VecDeque<LeaseId>,
    lanes: BTreeMap<LeaseId, Lane>,
    outbox: Outbox,
    mode: Mode,
    usage: Usage,
    ended: bool,
}

impl Core {
    /// A worker that has nothing to do and nobody to talk to.
    pub fn new(identity: Identity, now: Timestamp) -> Self {
        Self {
            identity,
            talk: Talk::new(now),
            epoch: Epoch(0),
            leases: BTreeMap::new(),
            waiting: VecDeque::new(),
            lanes: BTreeMap::new(),
            outbox: Outbox::default(),
            mode: Mode::Working,
            usage: Usage::default(),
            ended: false,
        }
    }

    /// Takes one fact and says what should happen, in this order.
    pub fn on(&mut self, event: AgentEvent, now: Timestamp) -> Vec<AgentAction> {
        let mut actions = Vec::new();
        if self.ended {
            return actions;
        }
        match event {
            AgentEvent::LinkUp { .. } => {
                self.talk.up(now);
                actions.push(AgentAction::Online(false));
            }
            AgentEvent::LinkDown => {
                self.talk.down();
                actions.push(AgentAction::Online(false));
            }
            AgentEvent::Said(said) => self.obey(said, now, &mut actions),
            AgentEvent::Prepared { lease } => {
                if let Some(lease) =
                    self.leases.get_mut(&lease).filter(|lease| lease.stage == Stage::Preparing)
                {
                    lease.stage = Stage::Ready;
                }
            }
            AgentEvent::Unprepared { lease, error } => self.unprepared(lease, error),
            AgentEvent::Computed { lease, outcomes } => self.computed(lease, outcomes, &mut actions),
            AgentEvent::LaneFreed { lease, end } => self.lane_freed(lease, end, &mut actions),
            AgentEvent::Tick { running, usage } => {
                self.usage = usage;
                for (lease, shard, since) in running {
                    self.watch(lease, shard, since, now, &mut actions);
                }
                self.find_stuck(now, &mut actions);
            }
            AgentEvent::Terminate => self.end(Exit::Clean, self.identity.drain_grace, now, &mut actions),
        }
        self.begin(now, &mut actions);
        self.speak(now, &mut actions);
        self.leave(now, &mut actions);
        actions
    }

    // ---- what the leader says ----

    fn obey(&mut self, said: ToWorker, now: Timestamp, actions: &mut Vec<AgentAction>) {
        if said.epoch < self.epoch {
            return;
        }
        let new_leader = said.epoch > self.epoch;
        self.epoch = said.epoch;
        self.talk.heard(now);
        match said.command {
            WorkerCommand::Welcome { heartbeat_ms, silence_ms } => {
                if self.talk.welcome(heartbeat_ms, silence_ms, now) || new_leader {
                    for lease in self.outbox.resend() {
                        if let Some(lease) = self.leases.get_mut(&lease) {
                            lease.unsent += 1;
                        }
                    }
                    actions.push(AgentAction::Online(true));
                }
            }
            WorkerCommand::Refuse { reason } => {
                actions.push(AgentAction::Refused { reason });
                actions.push(AgentAction::Reconnect { refused: true });
                self.talk.down();
            }
            WorkerCommand::Heartbeat => {}
            WorkerCommand::Assign(assignments) => {
                let (taken, refused): (Vec<_>, Vec<_>) =
                    assignments.into_iter().partition(|_| self.mode == Mode::Working);
                for assignment in taken {
                    self.assign(assignment, actions);
                }
                self.hand_back(refused.iter().map(|assignment| assignment.lease).collect(), actions);
            }
            WorkerCommand::Withdraw { leases } => {
                let unstarted = leases.into_iter().filter(|lease| self.unstarted(*lease)).collect();
                self.hand_back(unstarted, actions);
            }
            WorkerCommand::Revoke { leases } => {
                for lease in leases {
                    self.drop_lease(lease, false, now, actions);
                }
            }
            WorkerCommand::Cancel { run } => {
                let of_run: Vec<LeaseId> = self
                    .leases
                    .iter()
                    .filter(|(_, lease)| lease.task.run == run)
                    .map(|(&id, _)| id)
                    .collect();
                for lease in of_run {
                    self.drop_lease(lease, true, now, actions);
                }
                let bytes = self.outbox.forget(run);
                actions.push(AgentAction::Release { bytes });
                actions.push(AgentAction::ForgetRun(run));
            }
            WorkerCommand::Stored { results } => {
                let bytes = results.iter().map(|key| self.outbox.stored(key)).sum();
                actions.push(AgentAction::Release { bytes });
            }
            WorkerCommand::Send { result, offset } => {
                actions.extend(self.outbox.piece(&result, offset).map(AgentAction::Say));
            }
            WorkerCommand::Piece { key, offset, total, bytes } => {
                actions.push(AgentAction::Document(Document::Piece { key, offset, total, bytes }));
            }
            WorkerCommand::Unavailable { key, reason, forever } => {
                actions.push(AgentAction::Document(Document::Unavailable { key, reason, forever }));
            }
            WorkerCommand::Drain => {
                if self.mode == Mode::Working {
                    self.mode = Mode::Draining;
                    self.hand_back_unstarted(actions);
                    self.talk.beat_soon();
                }
            }
            WorkerCommand::Undrain => {
                if self.mode == Mode::Draining {
                    self.mode = Mode::Working;
                    self.talk.beat_soon();
                }
            }
        }
    }

    fn assign(&mut self, assignment: Assignment, actions: &mut Vec<AgentAction>) {
        let Assignment { lease: id, task, shard_timeout_ms } = assignment;
        if self.leases.contains_key(&id) || self.lanes.contains_key(&id) {
            return;
        }
        let rest = match task.kind {
            TaskKind::Shards { range, .. } => Some(range),
            TaskKind::Advance { .. } => None,
        };
        let timeout = (shard_timeout_ms > 0).then(|| Duration::from_millis(shard_timeout_ms));
        let stage = Stage::Preparing;
        self.leases.insert(id, Lease { task, timeout, stage, rest, began: None, finished: 0, unsent: 0 });
        self.waiting.push_back(id);
        actions.push(AgentAction::Prepare { lease: id, task });
    }

    fn unstarted(&self, lease: LeaseId) -> bool {
        self.leases.get(&lease).is_some_and(|lease| lease.began.is_none() && lease.finished == 0)
    }

    /// Gives leases up, whether held or never taken, and says so.
    fn hand_back(&mut self, leases: Vec<LeaseId>, actions: &mut Vec<AgentAction>) {
        if leases.is_empty() {
            return;
        }
        for lease in &leases {
            self.forget(*lease, actions);
        }
        actions.push(AgentAction::Say(WorkerFact::HandedBack { leases }));
    }

    fn hand_back_unstarted(&mut self, actions: &mut Vec<AgentAction>) {
        let unstarted = self.leases.keys().copied().filter(|lease| self.unstarted(*lease)).collect();
        self.hand_back(unstarted, actions);
    }

    fn forget(&mut self, lease: LeaseId, actions: &mut Vec<AgentAction>) {
        if self.leases.remove(&lease).is_some() {
            self.waiting.retain(|waiting| *waiting != lease);
            actions.push(AgentAction::Unprepare { lease });
        }
    }

    /// Forgets a lease that is no longer wanted and stops its lane.
    fn drop_lease(&mut self, lease: LeaseId, report: bool, now: Timestamp, actions: &mut Vec<AgentAction>) {
        if self.lanes.contains_key(&lease) {
            self.stop(lease, Stop::Unwanted { report }, now, actions);
            self.forget(lease, actions);
        } else if report {
            self.hand_back(vec![lease], actions);
        } else {
            self.forget(lease, actions);
        }
    }

    // ---- lanes ----

    fn begin(&mut self, now: Timestamp, actions: &mut Vec<AgentAction>) {
        let (mut started, mut begun) = (Vec::new(), Vec::new());
        while self.mode == Mode::Working || self.mode == Mode::Draining || self.may_finish(now) {
            if self.lanes.len() >= usize::from(self.identity.lanes)
                || self.outbox.bytes() >= self.identity.kept_bytes
            {
                break;
            }
            let ready = |id: &&LeaseId| self.leases.get(id).is_some_and(|lease| lease.stage == Stage::Ready);
            let Some(id) = self.waiting.iter().find(ready).copied() else { break };
            self.waiting.retain(|waiting| *waiting != id);
            let Some(lease) = self.leases.get_mut(&id) else { break };
            lease.stage = Stage::Running;
            if lease.began.is_none() {
                lease.began = Some(now);
                started.push(id);
            }
            self.lanes.insert(id, Lane { run: lease.task.run, stop: None });
            begun.push(AgentAction::Begin { lease: id, task: lease.task, rest: lease.rest });
        }
        // Told first: a task that takes the process down at once is still blamed.
        if !started.is_empty() && self.talk.welcomed() {
            actions.push(AgentAction::Say(WorkerFact::Started { leases: started }));
        }
        actions.append(&mut begun);
    }

    /// While the process ends, what was begun is still finished: a range whose shard panicked goes on.
    fn may_finish(&self, now: Timestamp) -> bool {
        matches!(self.mode, Mode::Ending { stop_at, .. } if now < stop_at)
    }

    fn stop(&mut self, lease: LeaseId, why: Stop, now: Timestamp, actions: &mut Vec<AgentAction>) {
        let Some(lane) = self.lanes.get_mut(&lease) else { return };
        // A reason that came first stays, unless the task became unwanted meanwhile; the time to return runs on.
        match &mut lane.stop {
            None => {
                lane.stop = Some((why, now));
                actions.push(AgentAction::Stop { lease });
            }
            Some((reason, _)) => {
                if matches!(why, Stop::Unwanted { .. }) {
                    *reason = why;
                }
            }
        }
    }

    fn watch(
        &mut self,
        id: LeaseId,
        shard: u32,
        since: Timestamp,
        now: Timestamp,
        actions: &mut Vec<AgentAction>,
    ) {
        let timeout = self.leases.get(&id).and_then(|lease| lease.timeout);
        if timeout.is_some_and(|timeout| now.since(since) > timeout) {
            self.stop(id, Stop::TimedOut { shard }, now, actions);
        }
    }

    fn find_stuck(&mut self, now: Timestamp, actions: &mut Vec<AgentAction>) {
        if matches!(self.mode, Mode::Ending { exit: Exit::Stuck, .. }) {
            return;
        }
        let stuck: Vec<(LeaseId, Stop)> = self
            .lanes
            .iter()
            .filter_map(|(id, lane)| lane.stop.map(|(why, at)| (*id, why, at)))
            .filter(|(_, _, at)| now.since(*at) > STUCK_AFTER)
            .map(|(id, why, _)| (id, why))
            .collect();
        if stuck.is_empty() {
            return;
        }
        for (id, why) in stuck {
            if let Stop::TimedOut { shard } = why {
                self.fail(id, Some(shard), timed_out(shard));
            }
            let run = self.lanes.remove(&id).map(|lane| lane.run);
            actions.push(AgentAction::Stuck { lease: id, run });
        }
        self.end(Exit::Stuck, Duration::from_secs(2), now, actions);
        let all = self.leases.keys().copied().collect();
        self.tell_outcomes(actions);
        self.hand_back(all, actions);
    }

    fn computed(&mut self, id: LeaseId, outcomes: Vec<Computed>, actions: &mut Vec<AgentAction>) {
        for outcome in outcomes {
            match outcome {
                Computed::Result(kept) => {
                    let bytes = kept.bytes.len();
                    if !self.wanted(id) || !self.outbox.add(kept) {
                        actions.push(AgentAction::Release { bytes });
                        continue;
                    }
                    if let Some(lease) = self.leases.get_mut(&id) {
                        lease.finished += 1;
                        lease.unsent += 1;
                    }
                }
                Computed::Failed { shard, error } => self.fail(id, shard, error),
            }
        }
    }

    /// Results of revoked leases count as well; those of an ended run do not.
    fn wanted(&self, id: LeaseId) -> bool {
        let stop = self.lanes.get(&id).and_then(|lane| lane.stop).map(|(why, _)| why);
        self.leases.contains_key(&id) || stop == Some(Stop::Unwanted { report: false })
    }

    fn fail(&mut self, id: LeaseId, shard: Option<u32>, error: TaskError) {
        // The failure of a task that nobody wants is nobody's.
        let Some(lease) = self.leases.get_mut(&id) else { return };
        let (TaskKind::Advance { stage } | TaskKind::Shards { stage, .. }) = lease.task.kind;
        lease.unsent += 1;
        lease.finished += u32::from(shard.is_some());
        let fact = WorkerFact::Failed { lease: id, run: lease.task.run, stage, shard, error };
        self.outbox.add_failure(id, fact);
    }

    fn unprepared(&mut self, id: LeaseId, error: TaskError) {
        let Some(lease) = self.leases.get_mut(&id).filter(|lease| lease.stage == Stage::Preparing) else {
            return;
        };
        let shard = lease.rest.map(|rest| rest.first);
        lease.stage = Stage::Telling;
        lease.rest = lease.rest.and_then(|rest| after(rest, rest.first + 1));
        self.waiting.retain(|waiting| *waiting != id);
        self.fail(id, shard, error);
    }

    fn lane_freed(&mut self, id: LeaseId, end: LaneEnd, actions: &mut Vec<AgentAction>) {
        let Some(lane) = self.lanes.remove(&id) else { return };
        let stop = lane.stop.map(|(why, _)| why);
        if let (Some(Stop::TimedOut { shard }), LaneEnd::Stopped { next: Some(next) }) = (stop, end)
            && shard == next
        {
            self.fail(id, Some(shard), timed_out(shard));
            return self.go_on(id, shard + 1);
        }
        match (stop, end) {
            (Some(Stop::Unwanted { report }), _) => {
                if report {
                    actions.push(AgentAction::Say(WorkerFact::HandedBack { leases: vec![id] }));
                }
                self.forget(id, actions);
            }
            (_, LaneEnd::Done) => {
                if let Some(lease) = self.leases.get_mut(&id) {
                    lease.rest = None;
                    lease.stage = Stage::Telling;
                }
            }
            (_, LaneEnd::GaveUp { next }) => {
                if let Some(lease) = self.leases.get_mut(&id) {
                    lease.rest = next.and_then(|next| lease.rest.and_then(|rest| after(rest, next)));
                    lease.stage = Stage::Telling;
                }
            }
            (_, LaneEnd::Panicked { next: Some(next) } | LaneEnd::Stopped { next: Some(next) }) => {
                self.go_on(id, next);
            }
            (_, LaneEnd::Panicked { next: None } | LaneEnd::Stopped { next: None }) => {
                if let Some(lease) = self.leases.get_mut(&id) {
                    lease.stage = Stage::Telling;
                }
            }
        }
    }

    /// Goes on with the rest of a range, before anything that waits.
    fn go_on(&mut self, id: LeaseId, next: u32) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        lease.rest = lease.rest.and_then(|rest| after(rest, next));
        if lease.rest.is_some() {
            lease.stage = Stage::Ready;
            self.waiting.push_front(id);
        } else {
            lease.stage = Stage::Telling;
        }
    }

    // ---- what the worker says ----

    fn speak(&mut self, now: Timestamp, actions: &mut Vec<AgentAction>) {
        let spoken = self.talk.due(now);
        match spoken {
            Spoken::Nothing => {}
            Spoken::Hello => {
                let Identity { build, host, lanes, labels, algorithms, .. } = self.identity.clone();
                let held = self.heartbeat(true, now);
                let hello = Hello { build, host, lanes, labels, algorithms, held };
                actions.push(AgentAction::Say(WorkerFact::Hello(hello)));
            }
            Spoken::Heartbeat | Spoken::Outcomes => {
                self.tell_outcomes(actions);
                if spoken == Spoken::Heartbeat {
                    let heartbeat = self.heartbeat(false, now);
                    actions.push(AgentAction::Say(WorkerFact::Heartbeat(heartbeat)));
                }
            }
            Spoken::GiveUp => {
                self.talk.down();
                actions.push(AgentAction::Reconnect { refused: false });
            }
        }
    }

    fn tell_outcomes(&mut self, actions: &mut Vec<AgentAction>) {
        if !self.talk.welcomed() {
            return;
        }
        let (facts, sent) = self.outbox.take();
        actions.extend(facts.into_iter().map(AgentAction::Say));
        for id in sent {
            if let Some(lease) = self.leases.get_mut(&id) {
                lease.unsent = lease.unsent.saturating_sub(1);
            }
        }
        let told: Vec<LeaseId> = self
            .leases
            .iter()
            .filter(|(_, lease)| lease.stage == Stage::Telling && lease.unsent == 0)
            .map(|(&id, _)| id)
            .collect();
        let (partly, whole): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|id| self.leases.get(id).is_some_and(|lease| lease.rest.is_some()));
        for id in whole {
            self.forget(id, actions);
        }
        self.hand_back(partly, actions);
    }

    fn heartbeat(&self, hello: bool, now: Timestamp) -> Heartbeat {
        let held = |(&lease, held): (&LeaseId, &Lease)| HeldLease {
            lease,
            task: held.task,
            started_ms_ago: held.began.map(|began| millis(now.since(began))),
            finished: held.finished,
        };
        let mut leases: Vec<HeldLease> = self.leases.iter().map(held).collect();
        leases.sort_by_key(|lease| lease.started_ms_ago.is_none());
        Heartbeat {
            leases,
            unacknowledged: self.outbox.listed(hello),
            memory_bytes: self.usage.memory_bytes,
            cpu_us: self.usage.cpu_us,
            draining: self.mode != Mode::Working,
        }
    }

    // ---- the end ----

    fn end(&mut self, exit: Exit, grace: Duration, now: Timestamp, actions: &mut Vec<AgentAction>) {
        if let Mode::Ending { exit: earlier, .. } = self.mode
            && (earlier == exit || exit == Exit::Clean)
        {
            return;
        }
        // Time to be told that the results of the last tasks are stored.
        let farewell = Duration::from_secs(2).min(grace / 4);
        self.mode = Mode::Ending {
            stop_at: now.after(grace.saturating_sub(farewell)),
            end_at: now.after(grace),
            exit,
        };
        self.talk.beat_soon();
        self.hand_back_unstarted(actions);
    }

    fn leave(&mut self, now: Timestamp, actions: &mut Vec<AgentAction>) {
        let Mode::Ending { stop_at, end_at, exit } = self.mode else { return };
        if now >= stop_at {
            let running: Vec<LeaseId> = self.leases.keys().copied().collect();
            for lease in running {
                if self.leases.get(&lease).is_some_and(|held| held.stage != Stage::Telling) {
                    self.drop_lease(lease, true, now, actions);
                }
            }
        }
        let nothing_left = self.leases.is_empty() && self.lanes.is_empty() && self.outbox.is_empty();
        if nothing_left || now >= end_at {
            if self.talk.welcomed() {
                actions.push(AgentAction::Say(WorkerFact::Leaving));
            }
            actions.push(AgentAction::Exit(exit));
            self.ended = true;
        }
    }
}

fn after(rest: ShardRange, next: u32) -> Option<ShardRange> {
    (next < rest.end()).then(|| ShardRange { first: next, count: rest.end() - next })
}

fn timed_out(shard: u32) -> TaskError {
    TaskError {
        kind: TaskErrorKind::TimedOut,
        message: format!("shard {shard} took longer than allowed"),
        pointer: None,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
