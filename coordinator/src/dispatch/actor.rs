//! The actor that owns the scheduler: feeds it what happened and does what it orders.

use std::sync::Arc;
use std::time::Duration;

use common::clock;
use common::ids::{Epoch, RunId, WorkerId};
use common::protocol::WorkerCommand;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use tokio::sync::watch;

use super::agents::Agents;
use super::event::{DispatchCommand, DispatchEvent, DispatchSettings, FailedTask};
use super::orders::{self, Around};
use super::scheduler::Scheduler;
use super::unstored::Unstored;
use crate::run::machine::RunEvent;
use crate::run::supervisor::SupervisorMessage;
use crate::status::{ClusterStatus, LeaderStatus, WriterStatus};
use crate::store::writer::{Fact, WriterHandle};

/// Between looks at the clock. What is silent or slow is noticed that much later.
const TICK: Duration = Duration::from_millis(100);

/// Between snapshots for operators.
const SNAPSHOT: Duration = Duration::from_millis(500);

/// Owns the scheduler.
pub struct DispatchActor;

/// What the dispatch actor is told.
#[derive(RactorMessage)]
#[allow(clippy::large_enum_variant)] // the mailbox boxes every message already
pub enum DispatchMessage {
    /// Something happened.
    Happened(DispatchEvent),
    /// Several things happened, in this order.
    HappenedAll(Vec<DispatchEvent>),
    /// Who runs the runs. The first message.
    Supervisor(ActorRef<SupervisorMessage>),
    /// Make a snapshot.
    Snapshot,
}

/// What the dispatch actor begins with.
pub struct DispatchArguments {
    /// The leadership.
    pub epoch: Epoch,
    /// Bounds.
    pub settings: DispatchSettings,
    /// Where results go.
    pub writer: WriterHandle,
    /// How workers are reached.
    pub agents: Agents,
    /// Documents that are ahead of the database.
    pub unstored: Unstored,
    /// Where snapshots go.
    pub status: watch::Sender<Arc<ClusterStatus>>,
    /// This leader, for snapshots.
    pub leader: LeaderStatus,
}

/// The scheduler and its surroundings.
pub struct DispatchState {
    scheduler: Scheduler,
    supervisor: Option<ActorRef<SupervisorMessage>>,
    around: DispatchArguments,
}

impl Actor for DispatchActor {
    type Msg = DispatchMessage;
    type State = DispatchState;
    type Arguments = DispatchArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<DispatchMessage>,
        around: DispatchArguments,
    ) -> Result<DispatchState, ActorProcessingErr> {
        myself.send_interval(TICK, || DispatchMessage::Happened(DispatchEvent::Tick));
        myself.send_interval(SNAPSHOT, || DispatchMessage::Snapshot);
        let mut scheduler = Scheduler::new(around.epoch, around.settings, clock::now());
        // until the leadership is built; nothing is ordered by it
        let _ = scheduler.on(DispatchEvent::Deaf(true), clock::now());
        Ok(DispatchState { scheduler, supervisor: None, around })
    }

    async fn handle(
        &self,
        _myself: ActorRef<DispatchMessage>,
        message: DispatchMessage,
        state: &mut DispatchState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DispatchMessage::Happened(event) => state.happened(event),
            DispatchMessage::HappenedAll(events) => {
                for event in events {
                    state.happened(event);
                }
            }
            DispatchMessage::Supervisor(supervisor) => state.supervisor = Some(supervisor),
            DispatchMessage::Snapshot => state.snapshot(),
        }
        Ok(())
    }
}

impl DispatchState {
    fn happened(&mut self, event: DispatchEvent) {
        orders::prepare(&event, &self.around.unstored);
        for order in self.scheduler.on(event, clock::now()) {
            if let DispatchCommand::NoteFailure(failed) = &order {
                let FailedTask { run, stage, shard, worker, attempt, error, note: _ } = failed;
                tracing::warn!(%run, %stage, shard, worker = worker.map(|id| id.to_string()), attempt,
                    kind = error.kind.as_str(), message = error.message, "an attempt failed");
            }
            orders::obey(order, self);
        }
    }

    fn snapshot(&mut self) {
        let load = self.around.writer.load();
        // repairs what the scheduler reckoned, should a commit's news be late
        self.happened(DispatchEvent::WriterBacklog { bytes: load.queued_bytes });
        let status = ClusterStatus {
            leader: Some(self.around.leader.clone()),
            writer: WriterStatus {
                queued_facts: load.queued_facts,
                queued_bytes: load.queued_bytes,
                last_commit_ms: load.last_commit_ms,
                committed_facts: load.committed_facts,
            },
            ..self.scheduler.status(clock::now(), clock::wall())
        };
        self.around.status.send_replace(Arc::new(status));
    }
}

impl Around for DispatchState {
    fn unstored(&self) -> &Unstored {
        &self.around.unstored
    }

    fn send(&mut self, worker: WorkerId, incarnation: u32, command: WorkerCommand) {
        self.around.agents.send((worker, incarnation), command);
    }

    fn write(&mut self, fact: Fact) {
        self.around.writer.submit(fact);
    }

    fn tell(&mut self, run: RunId, event: RunEvent) {
        if let Some(supervisor) = &self.supervisor {
            // a supervisor that is gone takes the leadership with it
            let _ = supervisor.cast(SupervisorMessage::Happened(run, event));
        }
    }
}
