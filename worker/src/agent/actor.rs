//! The agent's actor: the one actor of a worker that other processes can reach. Turns what comes in into events of the
//! pure cores and does what they answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::{self, Timestamp};
use common::ids::{LeaseId, WorkerId};
use common::protocol::{AgentMessage, COORDINATOR_GROUP, FromWorker, GatewayMessage, ToWorker, WorkerFact};
use common::run::{Outcome, ShardRange, Task, TaskKind};
use common::wire::{self, Frame, WireError};
use ractor::message::{BoxedDowncastErr, SerializedMessage};
use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::core::{Core, Identity};
use super::event::{AgentAction, AgentEvent, Computed, Exit, FAREWELL, LaneEnd, Usage};
use super::library::{Catalogue, Library, LibraryAction, Materials};
use crate::compute::Compute;
use crate::desk::{Desk, Room};
use crate::executor::Executor;
use crate::lane::{LaneNotice, Order, Work};
use crate::link::{LinkCommand, LinkEvent};
use crate::meter;

/// How often outcomes are collected from lanes that are still at it; what a lane has at the end of its task goes at once. Each
/// worker's collection is a commit of its own when shards are slow, and a commit costs two thirds of a millisecond of CPU over
/// all processes: two workers that tell ten times a second use 0.7 % of two cores for it, and people are shown progress twice a
/// second.
const COLLECT_EVERY: Duration = Duration::from_millis(100);

/// How often memory and CPU time are read.
const USAGE_EVERY: Duration = Duration::from_secs(1);

/// What reaches the agent. Only frames can come from another process.
#[derive(Debug)]
pub enum AgentInput {
    /// A [`ToWorker`] of the leader.
    Frame(Frame),
    /// News of the connection.
    Link(LinkEvent),
    /// News of a lane.
    Lane(LaneNotice),
    /// Time passed.
    Tick,
    /// The process was asked to end.
    Terminate,
}

impl Message for AgentInput {
    fn serializable() -> bool {
        true
    }

    fn serialize(self) -> Result<SerializedMessage, BoxedDowncastErr> {
        match self {
            Self::Frame(frame) => AgentMessage::Frame(frame).serialize(),
            _ => Err(BoxedDowncastErr),
        }
    }

    fn deserialize(message: SerializedMessage) -> Result<Self, BoxedDowncastErr> {
        let AgentMessage::Frame(frame) = AgentMessage::deserialize(message)?;
        Ok(Self::Frame(frame))
    }
}

/// What an agent is made of.
pub struct AgentSettings {
    /// Who it is.
    pub worker: WorkerId,
    /// What it says of itself.
    pub identity: Identity,
    /// What it can compute.
    pub catalogue: Catalogue,
    /// The rayon pool.
    pub compute: Arc<Compute>,
    /// Bound of the cache in bytes.
    pub cache_bytes: usize,
    /// The connection.
    pub link: mpsc::UnboundedSender<LinkCommand>,
    /// Told once, when the process should end.
    pub exit: oneshot::Sender<Exit>,
}

/// The actor.
pub struct Agent;

/// What the actor holds.
pub struct AgentState {
    worker: WorkerId,
    incarnation: u32,
    core: Core,
    library: Library,
    executor: Executor,
    room: Arc<Room>,
    desks: BTreeMap<LeaseId, Arc<Desk>>,
    link: mpsc::UnboundedSender<LinkCommand>,
    exit: Option<oneshot::Sender<Exit>>,
    usage: Usage,
    usage_at: Option<Timestamp>,
}

impl Actor for Agent {
    type Msg = AgentInput;
    type State = AgentState;
    type Arguments = AgentSettings;

    async fn pre_start(
        &self,
        myself: ActorRef<AgentInput>,
        settings: AgentSettings,
    ) -> Result<AgentState, ActorProcessingErr> {
        let AgentSettings { worker, identity, catalogue, compute, cache_bytes, link, exit } = settings;
        let agent = myself.clone();
        let notify = Arc::new(move |notice| {
            // The agent lives as long as the process.
            let _ = agent.cast(AgentInput::Lane(notice));
        });
        let executor = Executor::start(identity.lanes, compute, notify)?;
        myself.send_interval(COLLECT_EVERY, || AgentInput::Tick);
        Ok(AgentState {
            worker,
            incarnation: 0,
            room: Arc::new(Room::new(identity.kept_bytes)),
            core: Core::new(identity, clock::now()),
            library: Library::new(catalogue, cache_bytes),
            executor,
            desks: BTreeMap::new(),
            link,
            exit: Some(exit),
            usage: Usage::default(),
            usage_at: None,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<AgentInput>,
        input: AgentInput,
        state: &mut AgentState,
    ) -> Result<(), ActorProcessingErr> {
        let now = clock::now();
        let mut events = VecDeque::new();
        state.take(input, now, &mut events);
        while let Some(event) = events.pop_front() {
            for action in state.core.on(event, now) {
                state.perform(action, now, &mut events);
            }
        }
        Ok(())
    }
}

impl AgentState {
    /// Turns an input into events.
    fn take(&mut self, input: AgentInput, now: Timestamp, events: &mut VecDeque<AgentEvent>) {
        match input {
            AgentInput::Frame(frame) => match wire::decode::<ToWorker>(&frame) {
                Ok(said) => events.push_back(AgentEvent::Said(said)),
                Err(problem @ WireError::Version { .. }) => {
                    error!(%problem, "cannot work for this coordinator");
                    let _ = self.link.send(LinkCommand::Reconnect { refused: true });
                }
                Err(problem) => warn!(%problem, "the coordinator sent a message that cannot be read"),
            },
            AgentInput::Link(LinkEvent::Up { incarnation }) => {
                self.incarnation = incarnation;
                events.push_back(AgentEvent::LinkUp { incarnation });
            }
            AgentInput::Link(LinkEvent::Down) => events.push_back(AgentEvent::LinkDown),
            AgentInput::Lane(LaneNotice::Full(lease)) => self.collect(lease, events),
            AgentInput::Lane(LaneNotice::PageWanted(lease, key)) => {
                if self.desks.contains_key(&lease) {
                    let actions = self.library.page(lease, key, now);
                    self.serve(actions, events);
                }
            }
            AgentInput::Lane(LaneNotice::Freed(lease, end)) => {
                self.collect(lease, events);
                self.desks.remove(&lease);
                events.push_back(AgentEvent::LaneFreed { lease, end });
            }
            AgentInput::Tick => self.tick(now, events),
            AgentInput::Terminate => events.push_back(AgentEvent::Terminate),
        }
    }

    fn tick(&mut self, now: Timestamp, events: &mut VecDeque<AgentEvent>) {
        let leases: Vec<LeaseId> = self.desks.keys().copied().collect();
        for lease in leases {
            self.collect(lease, events);
        }
        if self.usage_at.is_none_or(|at| now.since(at) >= USAGE_EVERY) {
            self.usage_at = Some(now);
            self.usage = Usage { memory_bytes: meter::resident_bytes(), cpu_us: meter::process_cpu_us() };
            if let Some(inputs) = self.library.changed_inputs() {
                events.push_back(AgentEvent::Cached(inputs));
            }
        }
        let running = self.desks.iter().filter_map(|(&lease, desk)| {
            let (shard, since) = desk.current()?;
            Some((lease, shard, since))
        });
        events.push_back(AgentEvent::Tick { running: running.collect(), usage: self.usage });
        let actions = self.library.tick(now);
        self.serve(actions, events);
    }

    fn collect(&mut self, lease: LeaseId, events: &mut VecDeque<AgentEvent>) {
        let Some(desk) = self.desks.get(&lease) else { return };
        let outcomes = desk.collect();
        for outcome in &outcomes {
            // Whoever opened a stage need not fetch its state.
            if let Computed::Result(kept) = outcome
                && kept.key.shard.is_none()
                && let Ok(Outcome::Opened { state, .. }) = wire::unpack(&kept.bytes)
            {
                self.library.keep_state(kept.key.run, kept.key.stage, state.into());
            }
        }
        if !outcomes.is_empty() {
            events.push_back(AgentEvent::Computed { lease, outcomes });
        }
    }

    /// Does what the core wants.
    fn perform(&mut self, action: AgentAction, now: Timestamp, events: &mut VecDeque<AgentEvent>) {
        match action {
            AgentAction::Say(fact) => self.say(fact),
            AgentAction::Online(online) => {
                let actions = self.library.online(online, now);
                self.serve(actions, events);
            }
            AgentAction::Prepare { lease, task } => {
                let actions = self.library.want(lease, task, now);
                self.serve(actions, events);
            }
            AgentAction::Unprepare { lease } => self.library.unwant(lease),
            AgentAction::Begin { lease, task, rest } => self.begin(lease, task, rest, events),
            AgentAction::Stop { lease } => {
                if let Some(desk) = self.desks.get(&lease) {
                    desk.control.cancel();
                    if let (Some((shard, _)), Some(note)) = (desk.current(), desk.control.noted()) {
                        let outcomes = vec![Computed::Noted { shard: Some(shard), note }];
                        events.push_back(AgentEvent::Computed { lease, outcomes });
                    }
                }
            }
            AgentAction::Release { bytes } => self.room.release(bytes),
            AgentAction::ForgetRun(run) => self.library.forget(run),
            AgentAction::DropDocuments => {
                warn!(
                    used_bytes = self.usage.memory_bytes,
                    "memory is short: nothing more is begun until some is free"
                );
                self.library.drop_unused();
            }
            AgentAction::Document(document) => {
                let actions = self.library.document(document, now);
                self.serve(actions, events);
            }
            AgentAction::Refused { reason } => error!(reason, "the coordinator refuses this worker"),
            AgentAction::Reconnect { refused } => {
                let _ = self.link.send(LinkCommand::Reconnect { refused });
            }
            AgentAction::Stuck { lease, run } => {
                let run = run.map(|run| run.to_string());
                error!(%lease, run, "a lane does not return from its task: this worker ends, to be started again");
            }
            AgentAction::Exit(exit) => {
                info!(?exit, "this worker ends");
                if let Some(done) = self.exit.take() {
                    tokio::spawn(async move {
                        tokio::time::sleep(FAREWELL).await;
                        let _ = done.send(exit);
                    });
                }
            }
        }
    }

    /// Does what the library wants.
    fn serve(&mut self, actions: Vec<LibraryAction>, events: &mut VecDeque<AgentEvent>) {
        for action in actions {
            match action {
                LibraryAction::Fetch { key, offset } => self.say(WorkerFact::Fetch { key, offset }),
                LibraryAction::Ready(lease) => events.push_back(AgentEvent::Prepared { lease }),
                LibraryAction::Failed(lease, error) => {
                    events.push_back(AgentEvent::Unprepared { lease, error });
                }
                LibraryAction::Page(lease, page) => {
                    if let Some(desk) = self.desks.get(&lease) {
                        desk.page(page);
                    }
                }
            }
        }
    }

    fn begin(
        &mut self,
        lease: LeaseId,
        task: Task,
        rest: Option<ShardRange>,
        events: &mut VecDeque<AgentEvent>,
    ) {
        let work = match (task.kind, self.library.materials(lease), rest) {
            (TaskKind::Advance { .. }, Some(Materials::Run(run)), _) => Work::Plan(run),
            (TaskKind::Advance { stage }, Some(Materials::Stage(open)), _) if stage.0 > 0 => {
                Work::Merge(open, common::ids::StageIndex(stage.0 - 1))
            }
            (TaskKind::Shards { stage, .. }, Some(Materials::Stage(open)), Some(rest)) => {
                Work::Shards(open, stage, rest)
            }
            (_, _, rest) => {
                // Begun without having been prepared: a fault of ours, which costs this task and no other.
                error!(%lease, "a task began without its documents");
                let end = LaneEnd::GaveUp { next: rest.map(|rest| rest.first) };
                events.push_back(AgentEvent::LaneFreed { lease, end });
                return;
            }
        };
        let (desk, pages) = Desk::new(Arc::clone(&self.room));
        self.desks.insert(lease, Arc::clone(&desk));
        self.executor.run(Order { lease, run: task.run, work, desk, pages: Mutex::new(pages) });
    }

    /// Tells the leader, if there is one: whatever is lost is said again after the next greeting.
    fn say(&self, fact: WorkerFact) {
        let Some(gateway) = gateway() else { return };
        match wire::encode(&FromWorker { worker: self.worker, incarnation: self.incarnation, fact }) {
            Ok(frame) => {
                let _ = gateway.cast(GatewayMessage::Frame(frame));
            }
            Err(problem) => error!(%problem, "a message of this worker cannot be sent"),
        }
    }
}

/// The leader's gateway, as far as this process is connected to one.
fn gateway() -> Option<ActorRef<GatewayMessage>> {
    let members = ractor::pg::get_members(&COORDINATOR_GROUP.to_owned());
    members.into_iter().find(|member| !member.get_id().is_local()).map(Into::into)
}
