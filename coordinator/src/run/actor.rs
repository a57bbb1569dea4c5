//! One actor for each open run: keeps its state and carries out what the machine says.

use std::time::Duration;

use bytes::Bytes;
use common::clock;
use common::protocol::DocumentKey;
use common::run::ShardRange;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;

use super::machine::{RunEffect, RunEvent, RunState, STATE_AHEAD_BYTES};
use crate::dispatch::actor::DispatchMessage;
use crate::dispatch::event::{DispatchEvent, RunOffer, RunWants, Work};
use crate::dispatch::unstored::Unstored;
use crate::store::runs::{Resumed, RunRow};
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
}

/// Where the run stands, and its surroundings.
pub struct RunActorState {
    state: RunState,
    offer: RunOffer,
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
        RunArguments { stored: Resumed { run, stages, stored }, dispatch, writer, unstored }: RunArguments,
    ) -> Result<RunActorState, ActorProcessingErr> {
        let last_is_finished = stages.last().is_none_or(|last| {
            stored.iter().map(|range| u64::from(range.count)).sum::<u64>() == u64::from(last.shards)
        });
        let names: Vec<(String, u32)> = stages.into_iter().map(|stage| (stage.name, stage.shards)).collect();
        let (state, effects) = RunState::resumed(run.until, &names, last_is_finished)?;
        if let Some(deadline) = run.deadline_at {
            let left = (deadline - clock::wall()).to_std().unwrap_or(Duration::ZERO);
            myself.send_after(left, || RunMessage::Happened(RunEvent::DeadlinePassed));
        }
        if let Some(spec) = &run.short_spec {
            unstored.put(run.id, DocumentKey::Run(run.id), spec.clone());
        }
        let this = RunActorState { state, offer: offer(&run), dispatch, writer, unstored };
        this.carry_out(effects, &stored, !names.is_empty());
        Ok(this)
    }

    async fn handle(
        &self,
        myself: ActorRef<RunMessage>,
        RunMessage::Happened(event): RunMessage,
        this: &mut RunActorState,
    ) -> Result<(), ActorProcessingErr> {
        match this.state.apply(event) {
            Ok((state, effects)) => {
                this.state = state;
                this.carry_out(effects, &[], false);
                if let Some(phase) = this.state.ended() {
                    tracing::info!(run = %this.offer.run, phase = phase.as_str(), "a run ended");
                    myself.stop(None);
                }
            }
            Err(illegal) => tracing::debug!(run = %this.offer.run, %illegal, "late news"),
        }
        Ok(())
    }
}

impl RunActorState {
    fn carry_out(&self, effects: Vec<RunEffect>, stored: &[ShardRange], resumed: bool) {
        let run = self.offer.run;
        for effect in effects {
            match effect {
                RunEffect::Advance { stage } => self.ready(Work::Advance { stage }, resumed),
                RunEffect::Execute { stage, name, shards } => {
                    tracing::info!(%run, %stage, name, shards, stored = stored.len(), "a stage is open");
                    self.ready(Work::Shards { stage, name, shards, stored: stored.to_vec() }, resumed);
                }
                RunEffect::StoreStage { stage, name, state, shards, note } => {
                    if state.len() <= STATE_AHEAD_BYTES {
                        let key = DocumentKey::State { run, stage };
                        self.unstored.put(run, key, Bytes::copy_from_slice(&state));
                    }
                    self.writer.submit(Fact::StageOpened { run, stage, name, state, shards, note });
                }
                RunEffect::StoreEnd(end) => {
                    if let RunEnd::Failed { error } = &end {
                        tracing::warn!(%run, kind = error.kind, message = error.message, "a run fails");
                    }
                    self.writer.submit(Fact::RunEnded { run, end });
                }
                RunEffect::Close => self.tell(DispatchEvent::Closed { run }),
            }
        }
    }

    fn ready(&self, work: Work, resumed: bool) {
        self.tell(DispatchEvent::Ready { offer: self.offer.clone(), work, resumed });
    }

    fn tell(&self, event: DispatchEvent) {
        // a dispatch actor that is gone takes the leadership with it
        let _ = self.dispatch.cast(DispatchMessage::Happened(event));
    }
}

fn offer(run: &RunRow) -> RunOffer {
    RunOffer {
        run: run.id,
        algorithm: (run.algorithm.clone(), run.version),
        submitter: run.submitter.clone(),
        priority: i32::from(run.priority),
        submitted_us: run.created_at.timestamp_micros(),
        wants: RunWants {
            labels: run.worker_labels.clone(),
            memory_mib: run.memory_mib,
            inputs: run.inputs.iter().map(|input| input.hash).collect(),
        },
    }
}
