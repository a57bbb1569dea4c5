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
//! that does not return within 5 s ends the process.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{ContentHash, Epoch, LeaseId};
use common::limits::LISTED_INPUTS;
use common::protocol::{Heartbeat, HeldLease, Hello, ToWorker, WorkerCommand, WorkerFact};

use super::event::{AgentAction, AgentEvent, Document, Exit, Usage};
use super::outbox::Outbox;
use super::talk::{Spoken, Talk};
use super::tasks::{Lane, Lease, Stage};

/// A process that is to end does not wait longer for a leader to come back: what it holds will be computed again.
const LONELY: Duration = Duration::from_secs(3);

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
    /// How much memory there is.
    pub memory: Memory,
}

/// How much memory a worker may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What the process may use at most, in bytes; 0 if it is not known.
    pub limit_bytes: u64,
    /// From so many bytes on it begins nothing beside what it computes; 0 for never.
    pub high_bytes: u64,
}

impl Memory {
    /// Whether `used` bytes are too near the limit, given whether they were before: what is short of memory stays so
    /// until a twentieth of it is free again, or it would say something else each second.
    const fn is_short(self, used: u64, before: bool) -> bool {
        let high = if before { self.high_bytes / 20 * 19 } else { self.high_bytes };
        self.high_bytes > 0 && used >= high
    }
}

/// Whether the worker takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
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
    pub(super) identity: Identity,
    pub(super) talk: Talk,
    pub(super) epoch: Epoch,
    pub(super) leases: BTreeMap<LeaseId, Lease>,
    /// Leases without a lane, in the order in which they are to begin.
    pub(super) waiting: VecDeque<LeaseId>,
    pub(super) lanes: BTreeMap<LeaseId, Lane>,
    pub(super) outbox: Outbox,
    pub(super) mode: Mode,
    pub(super) usage: Usage,
    pub(super) short_of_memory: bool,
    /// The inputs that are here.
    inputs: Vec<ContentHash>,
    /// Whether the leader was told of other ones.
    inputs_changed: bool,
    pub(super) ended: bool,
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
            short_of_memory: false,
            inputs: Vec::new(),
            inputs_changed: false,
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
                self.look_at_memory(&mut actions);
                for (lease, shard, since) in running {
                    self.watch(lease, shard, since, now, &mut actions);
                }
                self.find_stuck(now, &mut actions);
            }
            AgentEvent::Cached(inputs) => {
                self.inputs = inputs;
                self.inputs_changed = true;
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
                let mut refused = Vec::new();
                for assignment in assignments {
                    if self.takes_more() {
                        self.assign(assignment, actions);
                    } else {
                        refused.push(assignment.lease);
                    }
                }
                self.hand_back(refused, actions);
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

    // ---- memory ----

    /// Whether another lease is welcome. Who is short of memory takes one at a time, and only while it has none: what it
    /// uses then is what was never given back, and without it the worker would be of no use for ever.
    fn takes_more(&self) -> bool {
        self.mode == Mode::Working && (!self.short_of_memory || self.leases.is_empty())
    }

    /// Notices that memory becomes short, or is not any more.
    fn look_at_memory(&mut self, actions: &mut Vec<AgentAction>) {
        let short = self.identity.memory.is_short(self.usage.memory_bytes, self.short_of_memory);
        if short == std::mem::replace(&mut self.short_of_memory, short) {
            return;
        }
        self.talk.beat_soon();
        if short {
            let kept = if self.lanes.is_empty() { self.waiting.front().copied() } else { None };
            let rest = self.leases.keys().copied().filter(|id| self.unstarted(*id) && Some(*id) != kept);
            let rest = rest.collect();
            self.hand_back(rest, actions);
            actions.push(AgentAction::DropDocuments);
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

    pub(super) fn tell_outcomes(&mut self, actions: &mut Vec<AgentAction>) {
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

    fn heartbeat(&mut self, hello: bool, now: Timestamp) -> Heartbeat {
        let news = std::mem::take(&mut self.inputs_changed) || hello;
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
            memory_limit_bytes: self.identity.memory.limit_bytes,
            short_of_memory: self.short_of_memory,
            inputs: news.then(|| self.inputs.iter().take(LISTED_INPUTS).copied().collect()),
            cpu_us: self.usage.cpu_us,
            draining: self.mode != Mode::Working,
        }
    }

    // ---- the end ----

    pub(super) fn end(
        &mut self,
        exit: Exit,
        grace: Duration,
        now: Timestamp,
        actions: &mut Vec<AgentAction>,
    ) {
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
        if nothing_left || now >= end_at || self.talk.alone(now) > LONELY {
            if self.talk.welcomed() {
                actions.push(AgentAction::Say(WorkerFact::Leaving));
            }
            actions.push(AgentAction::Exit(exit));
            self.ended = true;
        }
    }
}
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
