//! A worker that computes nothing: the real link, the real conversation (`worker::agent::core`), and results at once. Small
//! enough that a machine takes a thousand of them, each a process of its own as in a real cluster.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use common::algorithm::{AlgorithmDescriptor, StageDescriptor};
use common::clock::{self, Timestamp};
use common::cookie::Cookie;
use common::ids::{LeaseId, RunId, StageIndex, WorkerId};
use common::protocol::{
    COORDINATOR_GROUP, DocumentKey, FromWorker, GatewayMessage, PartialsPage, ResultKey, ToWorker, WorkerFact,
};
use common::run::{Outcome, ShardRange, Task, TaskKind};
use common::wire;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;
use uuid::Uuid;
use worker::agent::actor::AgentInput;
use worker::agent::core::{Core, Identity, Memory};
use worker::agent::event::{AgentAction, AgentEvent, Computed, Document, LaneEnd, Usage};
use worker::agent::outbox::Kept;
use worker::dial::DialSettings;
use worker::link::{self, LinkCommand, LinkEvent, LinkSettings};

/// How often time passes for an agent: a part of the heartbeats' period.
const TICK: Duration = Duration::from_millis(250);

/// Name of the algorithm that it pretends to compute.
pub const ALGORITHM: &str = "spin";

/// A partial result of 100 bytes.
const RESULT: &[u8] =
    br#"{"payload": "0123456789abcdef0123456789abcdef0123456789abcdef012345678", "checksum": "0123456789abcdef"}"#;

/// What a simulated worker is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where the coordinator listens for workers.
    #[arg(long)]
    coordinator: String,
    /// Shards of every run that it plans.
    #[arg(long)]
    shards: u32,
}

/// Works until the process is killed.
pub async fn work(arguments: Arguments) -> Result<()> {
    let worker = WorkerId(Uuid::new_v4());
    let (link, commands) = mpsc::unbounded_channel();
    let (agent, agent_ends) = Actor::spawn(None, Agent, (worker, arguments.shards, link)).await?;
    let dial = DialSettings::on_loopback(vec![arguments.coordinator], Cookie::default());
    let settings = LinkSettings { dial, worker };
    tokio::spawn(link::keep(settings, agent, commands));
    agent_ends.await?;
    Ok(())
}

struct Agent;

struct State {
    worker: WorkerId,
    incarnation: u32,
    shards: u32,
    core: Core,
    /// The merge under way: its lease, stage, the page it reads and what is here of it.
    merge: Option<(LeaseId, RunId, StageIndex, u32, Vec<u8>)>,
    link: mpsc::UnboundedSender<LinkCommand>,
}

impl Actor for Agent {
    type Msg = AgentInput;
    type State = State;
    type Arguments = (WorkerId, u32, mpsc::UnboundedSender<LinkCommand>);

    async fn pre_start(
        &self,
        myself: ActorRef<AgentInput>,
        (worker, shards, link): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        myself.send_interval(TICK, || AgentInput::Tick);
        let core = Core::new(identity()?, clock::now());
        Ok(State { worker, incarnation: 0, shards, core, merge: None, link })
    }

    async fn handle(
        &self,
        _: ActorRef<AgentInput>,
        input: AgentInput,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let now = clock::now();
        let event = match input {
            AgentInput::Frame(frame) => AgentEvent::Said(wire::decode::<ToWorker>(&frame)?),
            AgentInput::Link(LinkEvent::Up { incarnation }) => {
                state.incarnation = incarnation;
                AgentEvent::LinkUp { incarnation }
            }
            AgentInput::Link(LinkEvent::Down) => AgentEvent::LinkDown,
            AgentInput::Tick => AgentEvent::Tick { running: Vec::new(), usage: Usage::default() },
            _ => return Ok(()),
        };
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in state.core.on(event, now) {
                state.perform(action, now, &mut events);
            }
        }
        Ok(())
    }
}

impl State {
    fn perform(&mut self, action: AgentAction, now: Timestamp, events: &mut VecDeque<AgentEvent>) {
        match action {
            AgentAction::Say(fact) => self.say(fact),
            AgentAction::Prepare { lease, .. } => events.push_back(AgentEvent::Prepared { lease }),
            AgentAction::Begin { lease, task, rest } => self.begin(lease, task, rest, now, events),
            AgentAction::Document(Document::Piece { key, offset, total, bytes }) => {
                self.read(key, offset, total, &bytes, events);
            }
            AgentAction::Reconnect { refused } => {
                let _ = self.link.send(LinkCommand::Reconnect { refused });
            }
            _ => {}
        }
    }

    fn begin(
        &mut self,
        lease: LeaseId,
        task: Task,
        rest: Option<ShardRange>,
        now: Timestamp,
        events: &mut VecDeque<AgentEvent>,
    ) {
        match task.kind {
            TaskKind::Shards { stage, .. } => {
                let started_us = now.0;
                let result = |shard| {
                    let key = ResultKey { lease, run: task.run, stage, shard: Some(shard) };
                    Computed::Result(Kept { key, started_us, cpu_us: 1, wall_us: 1, bytes: RESULT.to_vec() })
                };
                let outcomes = rest.map(|rest| rest.iter().map(result).collect()).unwrap_or_default();
                events.push_back(AgentEvent::Computed { lease, outcomes });
                events.push_back(AgentEvent::LaneFreed { lease, end: LaneEnd::Done });
            }
            TaskKind::Advance { stage: StageIndex(0) } => {
                let outcome = Outcome::Opened {
                    name: ALGORITHM.to_owned(),
                    state: b"{}".to_vec(),
                    shards: self.shards,
                    note: None,
                };
                advanced(lease, task.run, StageIndex(0), &outcome, events);
            }
            TaskKind::Advance { stage } => {
                self.merge = Some((lease, task.run, stage, 0, Vec::new()));
                self.ask(task.run, stage, 0, 0);
            }
        }
    }

    fn ask(&self, run: RunId, stage: StageIndex, from: u32, offset: u64) {
        let key = DocumentKey::Partials { run, stage: StageIndex(stage.0 - 1), from };
        self.say(WorkerFact::Fetch { key, offset });
    }

    /// A piece of a page for the merge: page after page, as a real one would.
    fn read(
        &mut self,
        key: DocumentKey,
        offset: u64,
        total: u64,
        bytes: &[u8],
        events: &mut VecDeque<AgentEvent>,
    ) {
        let Some((lease, run, stage, from, mut page)) = self.merge.take() else { return };
        let wanted = DocumentKey::Partials { run, stage: StageIndex(stage.0 - 1), from };
        if key != wanted || offset != page.len() as u64 {
            self.merge = Some((lease, run, stage, from, page));
            return;
        }
        page.extend_from_slice(bytes);
        if (page.len() as u64) < total {
            self.ask(run, stage, from, page.len() as u64);
            self.merge = Some((lease, run, stage, from, page));
            return;
        }
        match wire::unpack::<PartialsPage>(&page).ok().and_then(|page| page.next) {
            Some(next) => {
                self.ask(run, stage, next, 0);
                self.merge = Some((lease, run, stage, next, Vec::new()));
            }
            None => advanced(lease, run, stage, &Outcome::Done { report: b"{}".to_vec() }, events),
        }
    }

    fn say(&self, fact: WorkerFact) {
        let members = ractor::pg::get_members(&COORDINATOR_GROUP.to_owned());
        let gateway = members.into_iter().find(|member| !member.get_id().is_local());
        let Some(gateway) = gateway.map(ActorRef::<GatewayMessage>::from) else { return };
        let message = FromWorker { worker: self.worker, incarnation: self.incarnation, fact };
        if let Ok(frame) = wire::encode(&message) {
            let _ = gateway.cast(GatewayMessage::Frame(frame));
        }
    }
}

fn advanced(
    lease: LeaseId,
    run: RunId,
    stage: StageIndex,
    outcome: &Outcome,
    events: &mut VecDeque<AgentEvent>,
) {
    let key = ResultKey { lease, run, stage, shard: None };
    let Ok(bytes) = wire::pack(outcome) else { return };
    let outcomes = vec![Computed::Result(Kept { key, started_us: 0, cpu_us: 1, wall_us: 1, bytes })];
    events.push_back(AgentEvent::Computed { lease, outcomes });
    events.push_back(AgentEvent::LaneFreed { lease, end: LaneEnd::Done });
}

fn identity() -> Result<Identity> {
    let anything = serde_json::json!({});
    let descriptor = AlgorithmDescriptor {
        name: ALGORITHM.to_owned(),
        version: 1,
        summary: "Pretends to compute.".to_owned(),
        inputs: Vec::new(),
        params_schema: anything.clone(),
        report_schema: anything,
        labels: std::collections::BTreeMap::new(),
        stages: vec![StageDescriptor { name: ALGORITHM.to_owned(), does: "nothing".to_owned() }],
    };
    Ok(Identity {
        build: "simulated".to_owned(),
        host: "simulated".to_owned(),
        lanes: 1,
        labels: Vec::new(),
        algorithms: serde_json::to_vec(&[descriptor])?,
        drain_grace: Duration::from_secs(1),
        kept_bytes: 64 << 20,
        memory: Memory::default(),
    })
}
