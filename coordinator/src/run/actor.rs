//! One actor for each open run: keeps its state and carries out what the machine says.

use std::time::Duration;

use common::clock;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;

use super::course::{Course, Deed};
use super::machine::RunEvent;
use crate::dispatch::actor::DispatchMessage;
use crate::dispatch::event::{DispatchEvent, Work};
use crate::dispatch::unstored::Unstored;
use crate::store::runs::Resumed;
use crate::store::writer::{Fact, RunEnd, WriterHandle};

/// Runs a run.
pub struct RunActor;

/// What a run is told.
#[derive(RactorMessage)]
pub enum RunMessage {
    /// Something happened to it.
    Happened(RunEvent),
}

/// What a run begins with.
pub struct RunArguments {
    /// What is stored of it.
    pub stored: Resumed,
    /// Who has its tasks done.
    pub dispatch: ActorRef<DispatchMessage>,
    /// Where its facts go.
    pub writer: WriterHandle,
    /// Documents that are ahead of the database.
    pub unstored: Unstored,
    /// See [`Course::begin`].
    pub state_ahead_bytes: usize,
}

/// Where the run stands, and its surroundings.
pub struct RunActorState {
    course: Course,
    dispatch: ActorRef<DispatchMessage>,
    writer: WriterHandle,
    unstored: Unstored,
}

impl Actor for RunActor {
    type Msg = RunMessage;
    type State = RunActorState;
    type Arguments = RunArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<RunMessage>,
        RunArguments { stored, dispatch, writer, unstored, state_ahead_bytes }: RunArguments,
    ) -> Result<RunActorState, ActorProcessingErr> {
        let deadline_at = stored.run.deadline_at;
        let (course, deeds) = Course::begin(stored, state_ahead_bytes)?;
        if let Some(deadline) = deadline_at {
            let left = (deadline - clock::wall()).to_std().unwrap_or(Duration::ZERO);
            myself.send_after(left, || RunMessage::Happened(RunEvent::DeadlinePassed));
        }
        let this = RunActorState { course, dispatch, writer, unstored };
        this.perform(deeds);
        Ok(this)
    }

    async fn handle(
        &self,
        myself: ActorRef<RunMessage>,
        RunMessage::Happened(event): RunMessage,
        this: &mut RunActorState,
    ) -> Result<(), ActorProcessingErr> {
        let run = this.course.offer().run;
        match this.course.on(event) {
            Ok(deeds) => {
                this.perform(deeds);
                if let Some(phase) = this.course.ended() {
                    tracing::info!(%run, phase = phase.as_str(), "a run ended");
                    myself.stop(None);
                }
            }
            Err(illegal) => tracing::debug!(%run, %illegal, "late news"),
        }
        Ok(())
    }
}

impl RunActorState {
    fn perform(&self, deeds: Vec<Deed>) {
        for deed in deeds {
            log(&deed);
            match deed {
                Deed::Keep(key, document) => self.unstored.put(self.course.offer().run, key, document),
                Deed::Write(fact) => self.writer.submit(fact),
                Deed::Tell(event) => {
                    // a dispatch actor that is gone takes the leadership with it
                    let _ = self.dispatch.cast(DispatchMessage::Happened(event));
                }
            }
        }
    }
}

fn log(deed: &Deed) {
    match deed {
        Deed::Tell(DispatchEvent::Ready {
            offer,
            work: Work::Shards { stage, name, shards, stored },
            ..
        }) => {
            tracing::info!(run = %offer.run, %stage, name, shards, stored = stored.len(), "a stage is open");
        }
        Deed::Write(Fact::RunEnded { run, end: RunEnd::Failed { error } }) => {
            tracing::warn!(%run, kind = error.kind, message = error.message, "a run fails");
        }
        _ => {}
    }
}
