//! PURE. A run under way: the machine with what it was offered as, and what its effects mean to the rest of the
//! coordinator.

use bytes::Bytes;
use common::protocol::DocumentKey;
use common::run::{RunPhase, ShardRange};

use super::machine::{IllegalEvent, RunEffect, RunEvent, RunState};
use crate::dispatch::event::{DispatchEvent, RunOffer, RunWants, Work};
use crate::store::runs::{Resumed, RunRow};
use crate::store::writer::Fact;

/// A run under way.
#[derive(Clone, Debug)]
pub struct Course {
    state: RunState,
    state_ahead_bytes: usize,
    offer: RunOffer,
}

/// What is to be done for a run, in order.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Keep this document of the run: it may be needed before the database has it.
    Keep(DocumentKey, Bytes),
    /// Make this durable.
    Write(Fact),
    /// Tell dispatch.
    Tell(DispatchEvent),
}

impl Course {
    /// Goes on from what is stored. States of at most `state_ahead_bytes` are used before they are durable.
    ///
    /// # Errors
    /// If the stored stages are no run.
    pub fn begin(
        Resumed { run, stages, stored }: Resumed,
        state_ahead_bytes: usize,
    ) -> Result<(Self, Vec<Deed>), IllegalEvent> {
        let last_is_finished = stages.last().is_none_or(|last| {
            stored.iter().map(|range| u64::from(range.count)).sum::<u64>() == u64::from(last.shards)
        });
        let names: Vec<(String, u32)> = stages.into_iter().map(|stage| (stage.name, stage.shards)).collect();
        let (state, effects) = RunState::resumed(run.until, state_ahead_bytes, &names, last_is_finished)?;
        let this = Self { state, state_ahead_bytes, offer: offer(&run) };
        let order = run.short_spec.map(|spec| Deed::Keep(DocumentKey::Run(run.id), spec));
        let mut deeds: Vec<Deed> = order.into_iter().collect();
        deeds.extend(this.deeds(effects, &stored, !names.is_empty()));
        Ok((this, deeds))
    }

    /// Something happened to the run.
    ///
    /// # Errors
    /// If the event does not fit; nothing changes.
    pub fn on(&mut self, event: RunEvent) -> Result<Vec<Deed>, IllegalEvent> {
        let (state, effects) = self.state.apply(event)?;
        self.state = state;
        Ok(self.deeds(effects, &[], false))
    }

    /// What dispatch knows of it.
    pub const fn offer(&self) -> &RunOffer {
        &self.offer
    }

    /// The end of the run, once it is durable.
    pub const fn ended(&self) -> Option<RunPhase> {
        self.state.ended()
    }

    fn deeds(&self, effects: Vec<RunEffect>, stored: &[ShardRange], resumed: bool) -> Vec<Deed> {
        let run = self.offer.run;
        let mut deeds = Vec::with_capacity(effects.len());
        for effect in effects {
            if let RunEffect::StoreStage { stage, state, .. } = &effect
                && state.len() <= self.state_ahead_bytes
            {
                let key = DocumentKey::State { run, stage: *stage };
                deeds.push(Deed::Keep(key, Bytes::copy_from_slice(state)));
            }
            deeds.push(self.deed(effect, stored, resumed));
        }
        deeds
    }

    fn deed(&self, effect: RunEffect, stored: &[ShardRange], resumed: bool) -> Deed {
        let run = self.offer.run;
        let ready = |work| Deed::Tell(DispatchEvent::Ready { offer: self.offer.clone(), work, resumed });
        match effect {
            RunEffect::Advance { stage } => ready(Work::Advance { stage }),
            RunEffect::Execute { stage, name, shards } => {
                ready(Work::Shards { stage, name, shards, stored: stored.to_vec() })
            }
            RunEffect::StoreStage { stage, name, state, shards, note } => {
                Deed::Write(Fact::StageOpened { run, stage, name, state, shards, note })
            }
            RunEffect::StoreEnd(end) => Deed::Write(Fact::RunEnded { run, end }),
            RunEffect::Close => Deed::Tell(DispatchEvent::Closed { run }),
        }
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
