//! Runs an algorithm in this process, through the same documents as the cluster: every state, partial result and report
//! is written as JSON, stored form and all, and read back.

use std::sync::Arc;

use serde::Serialize;

use crate::algorithm::{Algorithm, ShardIndex};
use crate::control::Control;
use crate::documents::Documents;
use crate::erased::{ErasedAlgorithm, ErasedStep, OpenRun, OpenStage};
use crate::error::AlgorithmError;
use crate::jsonb;
use crate::storable;

/// What a run is made of.
#[derive(Clone, Copy)]
pub struct LocalRun<'a> {
    /// The algorithm.
    pub algorithm: &'a dyn ErasedAlgorithm,
    /// Its parameters, a JSON object.
    pub params: &'a [u8],
    /// Root of all randomness.
    pub seed: u64,
    /// The inputs.
    pub documents: &'a Documents,
}

/// A stage that was opened, and what its shards gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedStage {
    /// Its name.
    pub name: &'static str,
    /// Its state: exact bytes.
    pub state: Vec<u8>,
    /// What it said to people, as stored.
    pub note: Option<Vec<u8>>,
    /// The partial result of each shard, as stored.
    pub partials: Vec<Vec<u8>>,
}

/// A run that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedRun {
    /// Its stages in the order in which they opened.
    pub stages: Vec<FinishedStage>,
    /// The verified report, as stored.
    pub report: Vec<u8>,
}

impl LocalRun<'_> {
    /// Runs it, shards in ascending order.
    pub fn run(&self, control: &Control) -> Result<FinishedRun, AlgorithmError> {
        self.run_in_order(control, |_, _| {})
    }

    /// Runs it; `order` may rearrange the shards of a stage (given its index) before they are executed.
    ///
    /// # Panics
    /// Where the algorithm does, and if `order` loses a shard.
    pub fn run_in_order(
        &self,
        control: &Control,
        mut order: impl FnMut(usize, &mut [ShardIndex]),
    ) -> Result<FinishedRun, AlgorithmError> {
        let run = self.open()?;
        let mut stages = Vec::new();
        let mut step = run.plan(control)?;
        loop {
            let (name, state, shards, note) = match step {
                ErasedStep::Done { report } => {
                    return Ok(FinishedRun { stages, report: stored(&report)? });
                }
                ErasedStep::Stage { name, state, shards, note } => (name, state, shards, note),
            };
            let stage = Arc::clone(&run).stage(&state)?;
            let mut sequence: Vec<ShardIndex> = (0..shards).collect();
            order(stages.len(), &mut sequence);
            let partials = execute_all(stage.as_ref(), &sequence, control)?;
            let note = note.as_deref().map(stored).transpose()?;
            step = stage.merge(&mut partials.iter().cloned().map(Ok), control)?;
            stages.push(FinishedStage { name, state, note, partials });
        }
    }

    /// Executes one shard of the stage with `state`: what the cluster stored for it, on this machine.
    pub fn reproduce(
        &self,
        state: &[u8],
        shard: ShardIndex,
        control: &Control,
    ) -> Result<Vec<u8>, AlgorithmError> {
        stored(&self.open()?.stage(state)?.execute(shard, control)?)
    }

    fn open(&self) -> Result<Arc<dyn OpenRun>, AlgorithmError> {
        self.algorithm.open(self.params, self.seed, self.documents)
    }
}

fn execute_all(
    stage: &dyn OpenStage,
    sequence: &[ShardIndex],
    control: &Control,
) -> Result<Vec<Vec<u8>>, AlgorithmError> {
    let mut partials = vec![None; sequence.len()];
    for &shard in sequence {
        partials[shard as usize] = Some(stored(&stage.execute(shard, control)?)?);
    }
    Ok(partials.into_iter().map(|partial| partial.expect("every shard was executed")).collect())
}

/// Runs `algorithm` and reads its report, for those who know its types.
pub fn report<A: Algorithm + Clone>(
    algorithm: &A,
    params: &A::Params,
    seed: u64,
    documents: &Documents,
) -> Result<A::Report, AlgorithmError> {
    let params = to_bytes(params)?;
    let run = LocalRun { algorithm, params: &params, seed, documents };
    let finished = run.run(&Control::new())?;
    serde_json::from_slice(&finished.report)
        .map_err(|error| AlgorithmError::Unreadable { detail: format!("report: {error}") })
}

fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, AlgorithmError> {
    storable::to_vec(value).map_err(|error| AlgorithmError::Unstorable { detail: error.to_string() })
}

fn stored(json: &[u8]) -> Result<Vec<u8>, AlgorithmError> {
    jsonb::normalise(json).map_err(|error| AlgorithmError::Unstorable { detail: error.to_string() })
}
