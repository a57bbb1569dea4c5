//! The algorithm that simulated runs execute. Every partial result depends on all those of the stage before, so a report
//! is right only if every merge saw every result exactly once; and it can be reckoned without a cluster.

use std::sync::Arc;

use algorithms::{
    AlgorithmError, Control, Documents, ErasedAlgorithm, ErasedStep, OpenRun, OpenStage, StageInfo,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::dice::mix;

/// Its name.
pub const NAME: &str = "puzzle";

/// Parameters of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Params {
    /// Shards of each stage.
    pub stages: Vec<u32>,
    /// Makes runs different.
    pub salt: u64,
    /// Bytes that every partial result is filled up with.
    pub filling: usize,
    /// Of so many shards of the first stage, every one has a result too large to be sent unasked; 0 for none.
    pub large_every: u32,
    /// Whether planning refuses the parameters.
    pub refuses: bool,
}

/// What the shards of a stage share: the sums of the stages before.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    stage: u32,
    sums: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Partial {
    value: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    filling: String,
}

impl Params {
    fn value(&self, sums: &[u64], stage: u32, shard: u32) -> u64 {
        mix(self.salt, sums.last().copied().unwrap_or(self.salt), (u64::from(stage) << 32) | u64::from(shard))
            >> 40
    }

    fn partial(&self, sums: &[u64], stage: u32, shard: u32) -> Partial {
        let large = self.large_every > 0 && stage == 0 && shard % self.large_every == self.large_every - 1;
        let filling = if large { 70_000 } else { self.filling };
        Partial { value: self.value(sums, stage, shard), filling: "x".repeat(filling) }
    }

    /// The sum of every stage, reckoned here.
    fn sums(&self) -> Vec<u64> {
        let mut sums = Vec::new();
        for (stage, shards) in (0..).zip(&self.stages) {
            sums.push((0..*shards).map(|shard| self.value(&sums, stage, shard)).sum());
        }
        sums
    }
}

/// What a run has to come to.
#[derive(Debug)]
pub struct Answer {
    params: Params,
    sums: Vec<u64>,
}

impl Answer {
    /// Solves a puzzle.
    #[must_use]
    pub fn to(params: &Params) -> Self {
        Self { params: params.clone(), sums: params.sums() }
    }

    /// The report.
    #[must_use]
    pub fn report(&self) -> Vec<u8> {
        json!({ "sums": self.sums }).to_string().into_bytes()
    }

    /// Whether `json` is the partial result of a shard.
    #[must_use]
    pub fn is_partial(&self, stage: u32, shard: u32, json: &[u8]) -> bool {
        let before = self.sums.get(..stage as usize).unwrap_or_default();
        serde_json::from_slice(json)
            .is_ok_and(|partial: Partial| partial.value == self.params.value(before, stage, shard))
    }
}

/// The algorithm.
#[derive(Debug)]
pub struct Puzzle;

struct Run(Params);

struct Stage {
    params: Params,
    state: State,
}

impl ErasedAlgorithm for Puzzle {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn summary(&self) -> &'static str {
        "Adds up what depends on everything before"
    }

    fn stages(&self) -> &'static [StageInfo] {
        &[]
    }

    fn inputs(&self) -> &'static [(&'static str, bool)] {
        &[]
    }

    fn labels(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn parallel(&self) -> bool {
        false
    }

    fn params_schema(&self) -> serde_json::Value {
        json!({})
    }

    fn report_schema(&self) -> serde_json::Value {
        json!({})
    }

    fn open(&self, params: &[u8], _: u64, _: &Documents) -> Result<Arc<dyn OpenRun>, AlgorithmError> {
        Ok(Arc::new(Run(read(params)?)))
    }
}

impl OpenRun for Run {
    fn plan(&self, _: &Control) -> Result<ErasedStep, AlgorithmError> {
        if self.0.refuses {
            let (pointer, detail) = ("/refuses".to_owned(), "must be false".to_owned());
            return Err(AlgorithmError::InvalidParams { pointer, detail });
        }
        Ok(step(&self.0, Vec::new()))
    }

    fn stage(self: Arc<Self>, state: &[u8]) -> Result<Arc<dyn OpenStage>, AlgorithmError> {
        Ok(Arc::new(Stage { params: self.0.clone(), state: read(state)? }))
    }
}

impl OpenStage for Stage {
    fn execute(&self, shard: u32, _: &Control) -> Result<Vec<u8>, AlgorithmError> {
        Ok(write(&self.params.partial(&self.state.sums, self.state.stage, shard)))
    }

    fn merge(
        &self,
        partials: &mut dyn Iterator<Item = Result<Vec<u8>, AlgorithmError>>,
        _: &Control,
    ) -> Result<ErasedStep, AlgorithmError> {
        let mut sum = 0;
        for partial in partials {
            sum += read::<Partial>(&partial?)?.value;
        }
        let mut sums = self.state.sums.clone();
        sums.push(sum);
        Ok(step(&self.params, sums))
    }
}

/// What follows from the sums of the stages so far.
#[allow(clippy::cast_possible_truncation)] // a few stages
fn step(params: &Params, sums: Vec<u64>) -> ErasedStep {
    let Some(shards) = params.stages.get(sums.len()) else {
        return ErasedStep::Done { report: json!({ "sums": sums }).to_string().into_bytes() };
    };
    let state = write(&State { stage: sums.len() as u32, sums });
    ErasedStep::Stage { name: "adds", state, shards: *shards, note: None }
}

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data")
}

fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, AlgorithmError> {
    serde_json::from_slice(json).map_err(|error| AlgorithmError::Unreadable { detail: error.to_string() })
}
