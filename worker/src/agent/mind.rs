//! PURE. The whole agent: the core, and the library that serves it. Takes what came in, says what only the outside can do.

use std::collections::VecDeque;

use common::clock::Timestamp;
use common::ids::{LeaseId, RunId, StageIndex};
use common::protocol::{DocumentKey, ResultKey, ToWorker, WorkerFact};
use common::run::{Outcome, ShardRange, Task, TaskKind};
use common::wire;

use super::core::{Core, Identity};
use super::event::{AgentAction, AgentEvent, Computed, Exit, LaneEnd, Usage};
use super::library::{Catalogue, Library, LibraryAction, Materials};
use crate::lane::Work;

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// A connection to a coordinator is ready.
    LinkUp {
        /// Its number, from 1.
        incarnation: u32,
    },
    /// The connection is gone.
    LinkDown,
    /// The leader said something.
    Said(ToWorker),
    /// Outcomes were collected from a lane.
    Collected {
        /// Under which lease.
        lease: LeaseId,
        /// What it left, in order.
        outcomes: Vec<Computed>,
    },
    /// A lane that merges needs a page.
    PageWanted {
        /// Under which lease.
        lease: LeaseId,
        /// Which page.
        key: DocumentKey,
    },
    /// A lane returned; what it left was collected before.
    Freed {
        /// From which lease.
        lease: LeaseId,
        /// How far it came.
        end: LaneEnd,
    },
    /// The process's use was measured: it is seen which inputs are here.
    Measured,
    /// Time passed.
    Tick {
        /// The shard of each lane that computes one, and since when.
        running: Vec<(LeaseId, u32, Timestamp)>,
        /// What the process uses.
        usage: Usage,
    },
    /// The process was asked to end.
    Terminate,
}

/// What is to be done outside, in order.
pub enum Deed {
    /// Tell the leader, if there is one.
    Say(WorkerFact),
    /// Give work to a free lane.
    Begin {
        /// Under which lease.
        lease: LeaseId,
        /// Of which run.
        run: RunId,
        /// What.
        work: Work,
    },
    /// Tell a lane to return soon.
    Stop {
        /// Under which lease.
        lease: LeaseId,
    },
    /// Give a page to the lane that merges under a lease.
    Page {
        /// Which lease.
        lease: LeaseId,
        /// The page, packed, or why there is none.
        page: Result<Vec<u8>, String>,
    },
    /// Results are no longer kept.
    Release {
        /// Their bytes.
        bytes: usize,
    },
    /// End the connection and make another.
    Reconnect {
        /// Whether a leader refused this worker, so that there is no hurry.
        refused: bool,
    },
    /// End the process.
    Exit(Exit),
    /// For the log: the leader wants no part of this worker.
    Refused {
        /// Why.
        reason: String,
    },
    /// For the log: memory is short, so that nothing more is begun until some is free.
    ShortOfMemory,
    /// For the log: a lane does not return.
    Stuck {
        /// Under which lease.
        lease: LeaseId,
        /// Of which run.
        run: Option<RunId>,
    },
    /// For the log: a task began without its documents, a fault of ours.
    Unprepared {
        /// Under which lease.
        lease: LeaseId,
    },
}

/// See the module.
pub struct Mind {
    core: Core,
    library: Library,
}

impl Mind {
    /// A worker that has nothing to do and nobody to talk to. Its library caches at most about `cache_bytes`.
    pub fn new(identity: Identity, catalogue: Catalogue, cache_bytes: usize, now: Timestamp) -> Self {
        Self { core: Core::new(identity, now), library: Library::new(catalogue, cache_bytes) }
    }

    /// The tasks it holds; for tests.
    pub fn held(&self) -> impl Iterator<Item = (LeaseId, Task)> {
        self.core.leases.iter().map(|(lease, held)| (*lease, held.task))
    }

    /// Results that nobody acknowledged yet; for tests.
    pub fn kept(&self) -> Vec<ResultKey> {
        self.core.outbox.listed(true)
    }

    /// Whether it holds nothing and keeps nothing; for tests.
    pub fn is_idle(&self) -> bool {
        self.core.leases.is_empty() && self.core.lanes.is_empty() && self.core.outbox.is_empty()
    }

    /// Takes what came in and says what should happen.
    pub fn on(&mut self, inputs: impl IntoIterator<Item = Input>, now: Timestamp) -> Vec<Deed> {
        let mut turn = Turn { mind: self, now, events: VecDeque::new(), deeds: Vec::new() };
        for input in inputs {
            turn.take(input);
        }
        while let Some(event) = turn.events.pop_front() {
            for action in turn.mind.core.on(event, now) {
                turn.perform(action);
            }
        }
        turn.deeds
    }
}

struct Turn<'a> {
    mind: &'a mut Mind,
    now: Timestamp,
    events: VecDeque<AgentEvent>,
    deeds: Vec<Deed>,
}

impl Turn<'_> {
    /// Turns an input into events of the core.
    fn take(&mut self, input: Input) {
        match input {
            Input::LinkUp { incarnation } => self.events.push_back(AgentEvent::LinkUp { incarnation }),
            Input::LinkDown => self.events.push_back(AgentEvent::LinkDown),
            Input::Said(said) => self.events.push_back(AgentEvent::Said(said)),
            Input::Collected { lease, outcomes } => {
                self.keep_states(&outcomes);
                self.events.push_back(AgentEvent::Computed { lease, outcomes });
            }
            Input::PageWanted { lease, key } => {
                let actions = self.mind.library.page(lease, key, self.now);
                self.serve(actions);
            }
            Input::Freed { lease, end } => self.events.push_back(AgentEvent::LaneFreed { lease, end }),
            Input::Measured => {
                if let Some(inputs) = self.mind.library.changed_inputs() {
                    self.events.push_back(AgentEvent::Cached(inputs));
                }
            }
            Input::Tick { running, usage } => {
                self.events.push_back(AgentEvent::Tick { running, usage });
                let actions = self.mind.library.tick(self.now);
                self.serve(actions);
            }
            Input::Terminate => self.events.push_back(AgentEvent::Terminate),
        }
    }

    /// Whoever opened a stage need not fetch its state.
    fn keep_states(&mut self, outcomes: &[Computed]) {
        for outcome in outcomes {
            if let Computed::Result(kept) = outcome
                && kept.key.shard.is_none()
                && let Ok(Outcome::Opened { state, .. }) = wire::unpack(&kept.bytes)
            {
                self.mind.library.keep_state(kept.key.run, kept.key.stage, state.into());
            }
        }
    }

    /// Does what the core wants, as far as the library can.
    fn perform(&mut self, action: AgentAction) {
        match action {
            AgentAction::Say(fact) => self.deeds.push(Deed::Say(fact)),
            AgentAction::Online(online) => {
                let actions = self.mind.library.online(online, self.now);
                self.serve(actions);
            }
            AgentAction::Prepare { lease, task } => {
                let actions = self.mind.library.want(lease, task, self.now);
                self.serve(actions);
            }
            AgentAction::Unprepare { lease } => self.mind.library.unwant(lease),
            AgentAction::Begin { lease, task, rest } => self.begin(lease, task, rest),
            AgentAction::Stop { lease } => self.deeds.push(Deed::Stop { lease }),
            AgentAction::Release { bytes } => self.deeds.push(Deed::Release { bytes }),
            AgentAction::DropDocuments => {
                self.mind.library.drop_unused();
                self.deeds.push(Deed::ShortOfMemory);
            }
            AgentAction::ForgetRun(run) => self.mind.library.forget(run),
            AgentAction::Document(document) => {
                let actions = self.mind.library.document(document, self.now);
                self.serve(actions);
            }
            AgentAction::Refused { reason } => self.deeds.push(Deed::Refused { reason }),
            AgentAction::Reconnect { refused } => self.deeds.push(Deed::Reconnect { refused }),
            AgentAction::Stuck { lease, run } => self.deeds.push(Deed::Stuck { lease, run }),
            AgentAction::Exit(exit) => self.deeds.push(Deed::Exit(exit)),
        }
    }

    /// Does what the library wants.
    fn serve(&mut self, actions: Vec<LibraryAction>) {
        for action in actions {
            match action {
                LibraryAction::Fetch { key, offset } => {
                    self.deeds.push(Deed::Say(WorkerFact::Fetch { key, offset }));
                }
                LibraryAction::Ready(lease) => self.events.push_back(AgentEvent::Prepared { lease }),
                LibraryAction::Failed(lease, error) => {
                    self.events.push_back(AgentEvent::Unprepared { lease, error });
                }
                LibraryAction::Page(lease, page) => self.deeds.push(Deed::Page { lease, page }),
            }
        }
    }

    fn begin(&mut self, lease: LeaseId, task: Task, rest: Option<ShardRange>) {
        let work = match (task.kind, self.mind.library.materials(lease), rest) {
            (TaskKind::Advance { .. }, Some(Materials::Run(run)), _) => Work::Plan(run),
            (TaskKind::Advance { stage }, Some(Materials::Stage(open)), _) if stage.0 > 0 => {
                Work::Merge(open, StageIndex(stage.0 - 1))
            }
            (TaskKind::Shards { stage, .. }, Some(Materials::Stage(open)), Some(rest)) => {
                Work::Shards(open, stage, rest)
            }
            (_, _, rest) => {
                // costs this task and no other
                self.deeds.push(Deed::Unprepared { lease });
                let end = LaneEnd::GaveUp { next: rest.map(|rest| rest.first) };
                return self.events.push_back(AgentEvent::LaneFreed { lease, end });
            }
        };
        self.deeds.push(Deed::Begin { lease, run: task.run, work });
    }
}
