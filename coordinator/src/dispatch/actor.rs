//! The actor that owns the scheduler: feeds it what happened and does what it orders.

use std::sync::Arc;
use std::time::Duration;

use common::clock;
use common::ids::{Epoch, RunId, StageIndex};
use common::protocol::{DocumentKey, PartialsPage, WorkerCommand};
use common::wire;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use tokio::sync::watch;

use super::agents::Agents;
use super::event::{DispatchCommand, DispatchEvent, DispatchSettings, FailedTask, ResultRow};
use super::scheduler::Scheduler;
use super::unstored::Unstored;
use crate::run::machine::RunEvent;
use crate::run::supervisor::SupervisorMessage;
use crate::status::{ClusterStatus, LeaderStatus, WriterStatus};
use crate::store::runs::RunError;
use crate::store::writer::{Fact, ShardRow, WriterHandle};

/// Between looks at the clock. What is silent or slow is noticed that much later.
const TICK: Duration = Duration::from_millis(100);

/// Between snapshots for operators.
const SNAPSHOT: Duration = Duration::from_millis(500);

/// Owns the scheduler.
pub struct DispatchActor;

/// What the dispatch actor is told.
#[derive(RactorMessage)]
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
        match &event {
            DispatchEvent::StageStored { run, stage } => self.around.unstored.opened(*run, *stage),
            DispatchEvent::Closed { run } => self.around.unstored.forget(*run),
            _ => {}
        }
        for order in self.scheduler.on(event, clock::now()) {
            self.obey(order);
        }
    }

    fn obey(&self, order: DispatchCommand) {
        match order {
            DispatchCommand::Send { worker, incarnation, command } => {
                if let WorkerCommand::Assign(assignments) = &command {
                    for along in assignments.iter().filter_map(|one| self.around.unstored.along_with(one)) {
                        self.around.agents.send((worker, incarnation), along);
                    }
                }
                self.around.agents.send((worker, incarnation), command);
            }
            DispatchCommand::Store(rows) => {
                for row in rows {
                    self.around.writer.submit(Fact::Shard(shard_row(row)));
                }
            }
            DispatchCommand::Advanced { run, stage, outcome, expected_shard_us } => {
                self.tell(run, RunEvent::Advanced { stage, outcome, expected_shard_us });
            }
            DispatchCommand::StageComputed { run, stage, partials } => {
                self.stage_computed(run, stage, partials);
            }
            DispatchCommand::StageFinished { run, stage } => {
                self.tell(run, RunEvent::StageFinished { stage });
            }
            DispatchCommand::TaskFailed(failed) => {
                let run = failed.run;
                self.tell(run, RunEvent::TaskFailed { error: run_error(failed) });
            }
            DispatchCommand::NoteFailure(failed) => {
                let FailedTask { run, stage, shard, worker, attempt, error, note } = failed;
                tracing::warn!(%run, %stage, shard, worker = worker.map(|id| id.to_string()), attempt,
                    kind = error.kind.as_str(), message = error.message, "an attempt failed");
                self.around.writer.submit(Fact::ShardFailed {
                    run,
                    stage,
                    shard,
                    worker: worker.map(|worker| worker.0),
                    kind: error.kind.as_str().to_owned(),
                    message: error.message,
                    note,
                });
            }
            DispatchCommand::Waiting { run, reason } => {
                let reason = reason.map(|reason| reason.to_string());
                self.around.writer.submit(Fact::Waiting { run, reason });
            }
        }
    }

    /// Its results can be merged from memory; a page that cannot be written waits for the database.
    fn stage_computed(&self, run: RunId, stage: StageIndex, partials: Vec<(u32, Vec<u8>)>) {
        let page = PartialsPage { partials, next: None, normalised: false };
        match wire::pack(&page) {
            Ok(page) => {
                let key = DocumentKey::Partials { run, stage, from: 0 };
                self.around.unstored.put(run, key, page.into());
                self.tell(run, RunEvent::StageComputed { stage });
            }
            Err(error) => tracing::error!(%run, %stage, %error, "a page of results cannot be written"),
        }
    }

    fn tell(&self, run: RunId, event: RunEvent) {
        if let Some(supervisor) = &self.supervisor {
            // a supervisor that is gone takes the leadership with it
            let _ = supervisor.cast(SupervisorMessage::Happened(run, event));
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

fn shard_row(row: ResultRow) -> ShardRow {
    let ResultRow { run, stage, shard, lease: _, worker, started_us, cpu_us, wall_us, json } = row;
    ShardRow { run, stage, shard, json, worker: worker.0, started_us, cpu_us, wall_us }
}

fn run_error(failed: FailedTask) -> RunError {
    RunError {
        kind: failed.error.kind.as_str().to_owned(),
        message: failed.error.message,
        pointer: failed.error.pointer,
        stage: Some(failed.stage.0),
        shard: failed.shard,
        worker: failed.worker.map(|worker| worker.0),
        attempts: Some(failed.attempt),
    }
}
