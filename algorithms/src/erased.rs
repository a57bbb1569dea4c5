//! Every [`Algorithm`] as an object over JSON bytes: what a worker executes. Authors write none of this.

use std::sync::Arc;

use serde::Serialize;

use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::{self, Documents};
use crate::error::AlgorithmError;
use crate::storable;

/// An algorithm without its types. Implemented by every [`Algorithm`].
pub trait ErasedAlgorithm: Send + Sync {
    /// See [`Algorithm::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Algorithm::VERSION`].
    fn version(&self) -> u32;
    /// See [`Algorithm::SUMMARY`].
    fn summary(&self) -> &'static str;
    /// See [`Algorithm::STAGES`].
    fn stages(&self) -> &'static [StageInfo];
    /// See [`Algorithm::INPUTS`].
    fn inputs(&self) -> &'static [(&'static str, bool)];
    /// See [`Algorithm::LABELS`].
    fn labels(&self) -> &'static [(&'static str, &'static str)];
    /// See [`Algorithm::PARALLEL`].
    fn parallel(&self) -> bool;
    /// JSON Schema of the parameters.
    fn params_schema(&self) -> serde_json::Value;
    /// JSON Schema of the report.
    fn report_schema(&self) -> serde_json::Value;
    /// Parses parameters and inputs once for all tasks of a run.
    fn open(
        &self,
        params: &[u8],
        seed: u64,
        documents: &Documents,
    ) -> Result<Arc<dyn OpenRun>, AlgorithmError>;
}

/// A run whose inputs are open.
pub trait OpenRun: Send + Sync {
    /// See [`Algorithm::plan`].
    fn plan(&self, control: &Control) -> Result<ErasedStep, AlgorithmError>;
    /// Parses a stage's state once for all its shards.
    fn stage(self: Arc<Self>, state: &[u8]) -> Result<Arc<dyn OpenStage>, AlgorithmError>;
}

/// A stage whose state is open.
pub trait OpenStage: Send + Sync {
    /// See [`Algorithm::execute`]; yields storable JSON bytes.
    fn execute(&self, shard: ShardIndex, control: &Control) -> Result<Vec<u8>, AlgorithmError>;
    /// See [`Algorithm::merge`]; takes the partial results as stored, in ascending order of shards.
    fn merge(
        &self,
        partials: &mut dyn Iterator<Item = Result<Vec<u8>, AlgorithmError>>,
        control: &Control,
    ) -> Result<ErasedStep, AlgorithmError>;
}

/// A [`Step`] as storable JSON bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErasedStep {
    /// Another stage.
    Stage {
        /// Its name.
        name: &'static str,
        /// Its state.
        state: Vec<u8>,
        /// Its number of shards.
        shards: u32,
        /// A note for people.
        note: Option<Vec<u8>>,
    },
    /// The verified report.
    Done {
        /// The report.
        report: Vec<u8>,
    },
}

impl<A: Algorithm + Clone> ErasedAlgorithm for A {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn version(&self) -> u32 {
        A::VERSION
    }

    fn summary(&self) -> &'static str {
        A::SUMMARY
    }

    fn stages(&self) -> &'static [StageInfo] {
        A::STAGES
    }

    fn inputs(&self) -> &'static [(&'static str, bool)] {
        A::INPUTS
    }

    fn labels(&self) -> &'static [(&'static str, &'static str)] {
        A::LABELS
    }

    fn parallel(&self) -> bool {
        A::PARALLEL
    }

    fn params_schema(&self) -> serde_json::Value {
        schemars::schema_for!(A::Params).to_value()
    }

    fn report_schema(&self) -> serde_json::Value {
        schemars::schema_for!(A::Report).to_value()
    }

    fn open(
        &self,
        params: &[u8],
        seed: u64,
        documents: &Documents,
    ) -> Result<Arc<dyn OpenRun>, AlgorithmError> {
        let params: A::Params = documents::read(params)
            .map_err(|(pointer, detail)| AlgorithmError::InvalidParams { pointer, detail })?;
        let inputs = Algorithm::open(self, documents, &params)?;
        Ok(Arc::new(Run { algorithm: self.clone(), params, inputs, seed }))
    }
}

struct Run<A: Algorithm> {
    algorithm: A,
    params: A::Params,
    inputs: A::Inputs,
    seed: u64,
}

impl<A: Algorithm> Run<A> {
    fn job(&self) -> Job<'_, A> {
        Job { inputs: &self.inputs, params: &self.params, seed: self.seed }
    }

    /// Turns a step into bytes; a report passes the independent checker first.
    fn erase(&self, step: Step<A>) -> Result<ErasedStep, AlgorithmError> {
        match step {
            Step::Stage { name, state, shards, note } => Ok(ErasedStep::Stage {
                name,
                state: encode(&state, "state")?,
                shards,
                note: note.map(|note| encode(&note, "note")).transpose()?,
            }),
            Step::Done(report) => {
                let violations = self.algorithm.verify(&self.job(), &report);
                if !violations.is_empty() {
                    return Err(AlgorithmError::Violations(violations));
                }
                Ok(ErasedStep::Done { report: encode(&report, "report")? })
            }
        }
    }
}

impl<A: Algorithm> OpenRun for Run<A> {
    fn plan(&self, control: &Control) -> Result<ErasedStep, AlgorithmError> {
        self.erase(self.algorithm.plan(&self.job(), control)?)
    }

    fn stage(self: Arc<Self>, state: &[u8]) -> Result<Arc<dyn OpenStage>, AlgorithmError> {
        let state = decode(state, "state")?;
        Ok(Arc::new(Stage { run: self, state }))
    }
}

struct Stage<A: Algorithm> {
    run: Arc<Run<A>>,
    state: A::State,
}

impl<A: Algorithm> OpenStage for Stage<A> {
    fn execute(&self, shard: ShardIndex, control: &Control) -> Result<Vec<u8>, AlgorithmError> {
        let run = &self.run;
        let partial = run.algorithm.execute(&run.job(), &self.state, shard, control)?;
        encode(&partial, "partial result")
    }

    fn merge(
        &self,
        partials: &mut dyn Iterator<Item = Result<Vec<u8>, AlgorithmError>>,
        control: &Control,
    ) -> Result<ErasedStep, AlgorithmError> {
        let mut partials = partials.map(|bytes| decode(&bytes?, "partial result"));
        let step = self.run.algorithm.merge(&self.run.job(), &self.state, &mut partials, control)?;
        self.run.erase(step)
    }
}

fn encode<T: Serialize>(value: &T, what: &str) -> Result<Vec<u8>, AlgorithmError> {
    storable::to_vec(value).map_err(|error| AlgorithmError::Unstorable { detail: format!("{what}: {error}") })
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, AlgorithmError> {
    serde_json::from_slice(bytes)
        .map_err(|error| AlgorithmError::Unreadable { detail: format!("{what}: {error}") })
}
