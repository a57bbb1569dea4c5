//! PURE. What the scheduler's orders mean to the rest of the coordinator: messages to workers, facts for the writer, news
//! for runs; and what becomes durable, as news for both.

use common::ids::{RunId, WorkerId};
use common::protocol::{DocumentKey, PartialsPage, WorkerCommand};
use common::wire;

use super::event::{DispatchCommand, DispatchEvent, FailedTask, ResultRow};
use super::unstored::Unstored;
use crate::run::machine::RunEvent;
use crate::store::runs::RunError;
use crate::store::writer::{Fact, ShardRow, StageOutcome, Written};

/// Who does what a scheduler orders.
pub trait Around {
    /// Documents that are ahead of the database.
    fn unstored(&self) -> &Unstored;
    /// Tells a worker something over one of its connections.
    fn send(&mut self, worker: WorkerId, incarnation: u32, command: WorkerCommand);
    /// Makes a fact durable.
    fn write(&mut self, fact: Fact);
    /// Tells a run what happened to it.
    fn tell(&mut self, run: RunId, event: RunEvent);
}

/// What is done about an event before the scheduler hears of it: documents that are durable, or of no use any more, are
/// no longer kept.
pub fn prepare(event: &DispatchEvent, unstored: &Unstored) {
    match event {
        DispatchEvent::StageStored { run, stage } => unstored.opened(*run, *stage),
        DispatchEvent::Closed { run } => unstored.forget(*run),
        _ => {}
    }
}

/// Has an order carried out.
pub fn obey(order: DispatchCommand, around: &mut impl Around) {
    match order {
        DispatchCommand::Send { worker, incarnation, command } => {
            if let WorkerCommand::Assign(assignments) = &command {
                let along: Vec<WorkerCommand> =
                    assignments.iter().filter_map(|one| around.unstored().along_with(one)).collect();
                for document in along {
                    around.send(worker, incarnation, document);
                }
            }
            around.send(worker, incarnation, command);
        }
        DispatchCommand::StageComputed { run, stage, partials } => {
            let page = PartialsPage { partials, next: None, normalised: false };
            // a page that cannot be written waits for the database
            match wire::pack(&page) {
                Ok(page) => {
                    let key = DocumentKey::Partials { run, stage, from: 0 };
                    around.unstored().put(run, key, page.into());
                    around.tell(run, RunEvent::StageComputed { stage });
                }
                Err(error) => tracing::error!(%run, %stage, %error, "a page of results cannot be written"),
            }
        }
        DispatchCommand::Store(rows) => {
            for row in rows {
                around.write(Fact::Shard(shard_row(row)));
            }
        }
        DispatchCommand::Advanced { run, stage, outcome, expected_shard_us } => {
            around.tell(run, RunEvent::Advanced { stage, outcome, expected_shard_us });
        }
        DispatchCommand::StageFinished { run, stage } => around.tell(run, RunEvent::StageFinished { stage }),
        DispatchCommand::TaskFailed(failed) => {
            let run = failed.run;
            around.tell(run, RunEvent::TaskFailed { error: run_error(failed) });
        }
        DispatchCommand::NoteFailure(failed) => {
            let FailedTask { run, stage, shard, worker, attempt: _, error, note } = failed;
            around.write(Fact::ShardFailed {
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
            around.write(Fact::Waiting { run, reason });
        }
    }
}

/// Who hears that something became durable.
#[derive(Clone, Debug)]
pub enum News {
    /// Dispatch.
    Dispatch(DispatchEvent),
    /// A run.
    Run(RunId, RunEvent),
}

impl News {
    /// The news that something became durable.
    pub fn of(written: Written) -> impl Iterator<Item = Self> {
        let opened = match &written {
            Written::Stage { run, stage, outcome: StageOutcome::Opened | StageOutcome::AlreadyEqual } => {
                Some(Self::Dispatch(DispatchEvent::StageStored { run: *run, stage: *stage }))
            }
            _ => None,
        };
        opened.into_iter().chain([Self::from(written)])
    }
}

impl From<Written> for News {
    fn from(written: Written) -> Self {
        match written {
            Written::Shards { run, stage, shards } => {
                Self::Dispatch(DispatchEvent::Stored { run, stage, shards })
            }
            Written::ShardRefused { run, stage, shard, detail } => {
                Self::Dispatch(DispatchEvent::Refused { run, stage, shard, detail })
            }
            Written::Stage { run, stage, outcome } => {
                Self::Run(run, RunEvent::StageStored { stage, outcome })
            }
            Written::Ended { run, applied } => Self::Run(run, RunEvent::EndStored { applied }),
            Written::Refused { run, stage, detail } => Self::Run(run, RunEvent::Refused { stage, detail }),
        }
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
