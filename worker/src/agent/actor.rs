//! The agent's actor: the one actor of a worker that other processes can reach. Passes what comes in to the [`Mind`] and
//! does what it answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::{self, Timestamp};
use common::ids::{LeaseId, WorkerId};
use common::protocol::{AgentMessage, COORDINATOR_GROUP, FromWorker, GatewayMessage, ToWorker, WorkerFact};
use common::wire::{self, Frame, WireError};
use ractor::message::{BoxedDowncastErr, SerializedMessage};
use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::core::Identity;
use super::event::{Computed, Exit, FAREWELL, Usage};
use super::library::Catalogue;
use super::mind::{Deed, Input, Mind};
use crate::compute::Compute;
use crate::desk::{Desk, Room};
use crate::executor::Executor;
use crate::lane::{LaneNotice, Order};
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
    mind: Mind,
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
            mind: Mind::new(identity, catalogue, cache_bytes, clock::now()),
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
        let mut inputs = state.take(input, now);
        while !inputs.is_empty() {
            for deed in state.mind.on(std::mem::take(&mut inputs), now) {
                state.perform(deed, &mut inputs);
            }
        }
        Ok(())
    }
}

impl AgentState {
    /// Reads what came in.
    fn take(&mut self, input: AgentInput, now: Timestamp) -> Vec<Input> {
        let mut inputs = Vec::new();
        match input {
            AgentInput::Frame(frame) => match wire::decode::<ToWorker>(&frame) {
                Ok(said) => inputs.push(Input::Said(said)),
                Err(problem @ WireError::Version { .. }) => {
                    error!(%problem, "cannot work for this coordinator");
                    let _ = self.link.send(LinkCommand::Reconnect { refused: true });
                }
                Err(problem) => warn!(%problem, "the coordinator sent a message that cannot be read"),
            },
            AgentInput::Link(LinkEvent::Up { incarnation }) => {
                self.incarnation = incarnation;
                inputs.push(Input::LinkUp { incarnation });
            }
            AgentInput::Link(LinkEvent::Down) => inputs.push(Input::LinkDown),
            AgentInput::Lane(LaneNotice::Full(lease)) => self.collect(lease, &mut inputs),
            AgentInput::Lane(LaneNotice::PageWanted(lease, key)) => {
                if self.desks.contains_key(&lease) {
                    inputs.push(Input::PageWanted { lease, key });
                }
            }
            AgentInput::Lane(LaneNotice::Freed(lease, end)) => {
                self.collect(lease, &mut inputs);
                self.desks.remove(&lease);
                inputs.push(Input::Freed { lease, end });
            }
            AgentInput::Tick => self.tick(now, &mut inputs),
            AgentInput::Terminate => inputs.push(Input::Terminate),
        }
        inputs
    }

    fn tick(&mut self, now: Timestamp, inputs: &mut Vec<Input>) {
        for lease in self.desks.keys() {
            self.collect(*lease, inputs);
        }
        if self.usage_at.is_none_or(|at| now.since(at) >= USAGE_EVERY) {
            self.usage_at = Some(now);
            self.usage = Usage { memory_bytes: meter::resident_bytes(), cpu_us: meter::process_cpu_us() };
            inputs.push(Input::Measured);
        }
        let running = self.desks.iter().filter_map(|(&lease, desk)| {
            let (shard, since) = desk.current()?;
            Some((lease, shard, since))
        });
        inputs.push(Input::Tick { running: running.collect(), usage: self.usage });
    }

    fn collect(&self, lease: LeaseId, inputs: &mut Vec<Input>) {
        let Some(desk) = self.desks.get(&lease) else { return };
        let outcomes = desk.collect();
        if !outcomes.is_empty() {
            inputs.push(Input::Collected { lease, outcomes });
        }
    }

    /// Does what the mind wants.
    fn perform(&mut self, deed: Deed, inputs: &mut Vec<Input>) {
        match deed {
            Deed::Say(fact) => self.say(fact),
            Deed::Begin { lease, run, work } => {
                let (desk, pages) = Desk::new(Arc::clone(&self.room));
                self.desks.insert(lease, Arc::clone(&desk));
                self.executor.run(Order { lease, run, work, desk, pages: Mutex::new(pages) });
            }
            Deed::Stop { lease } => {
                if let Some(desk) = self.desks.get(&lease) {
                    desk.control.cancel();
                    if let (Some((shard, _)), Some(note)) = (desk.current(), desk.control.noted()) {
                        let outcomes = vec![Computed::Noted { shard: Some(shard), note }];
                        inputs.push(Input::Collected { lease, outcomes });
                    }
                }
            }
            Deed::Page { lease, page } => {
                if let Some(desk) = self.desks.get(&lease) {
                    desk.page(page);
                }
            }
            Deed::Release { bytes } => self.room.release(bytes),
            Deed::ShortOfMemory => warn!(
                used_bytes = self.usage.memory_bytes,
                "memory is short: nothing more is begun until some is free"
            ),
            Deed::Reconnect { refused } => {
                let _ = self.link.send(LinkCommand::Reconnect { refused });
            }
            Deed::Exit(exit) => {
                info!(?exit, "this worker ends");
                if let Some(done) = self.exit.take() {
                    tokio::spawn(async move {
                        tokio::time::sleep(FAREWELL).await;
                        let _ = done.send(exit);
                    });
                }
            }
            Deed::Refused { reason } => error!(reason, "the coordinator refuses this worker"),
            Deed::Stuck { lease, run } => {
                let run = run.map(|run| run.to_string());
                error!(%lease, run, "a lane does not return from its task: this worker ends, to be started again");
            }
            Deed::Unprepared { lease } => error!(%lease, "a task began without its documents"),
        }
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
