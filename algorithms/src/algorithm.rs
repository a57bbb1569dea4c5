//! What an algorithm is.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;
use optics::violation::Violation;

/// The position of a shard in its stage.
pub type ShardIndex = u32;

/// A planning algorithm: a fold over stages of independent shards.
///
/// A type that implements this is registered with one line in [`crate::catalogue`]; its HTTP listing, parameter
/// schema, command-line help and docs follow from its types. Field documentation of [`Algorithm::Params`] becomes the
/// schema's descriptions, `#[serde(default)]` values its defaults.
pub trait Algorithm: Send + Sync + 'static {
    /// Stored with runs: never renamed.
    const NAME: &'static str;
    /// Raised when the same input may give another report.
    const VERSION: u32;
    /// One sentence for people.
    const SUMMARY: &'static str;
    /// The stages in the order in which they usually open.
    const STAGES: &'static [StageInfo];
    /// The documents it takes: role and whether it is required.
    const INPUTS: &'static [(&'static str, bool)];
    /// What a worker must be labelled with (`--label key=value`) to get its tasks.
    const LABELS: &'static [(&'static str, &'static str)] = &[];
    /// Whether a shard uses rayon inside; such shards run one at a time in the worker's pool.
    const PARALLEL: bool = false;

    /// Parameters of a run, every one with a default where that makes sense.
    type Params: Serialize + DeserializeOwned + JsonSchema + Send + Sync;
    /// The input documents, parsed and validated once per run and worker, then shared by its shards.
    type Inputs: Send + Sync;
    /// What a stage's shards share.
    type State: Serialize + DeserializeOwned + Send + Sync;
    /// What one shard gives back.
    type Partial: Serialize + DeserializeOwned + Send;
    /// What the run gives back.
    type Report: Serialize + DeserializeOwned + JsonSchema;

    /// Parses and validates the input documents.
    fn open(&self, documents: &Documents, params: &Self::Params) -> Result<Self::Inputs, AlgorithmError>;

    /// Opens the first stage, or answers at once.
    fn plan(&self, job: &Job<'_, Self>, control: &Control) -> Result<Step<Self>, AlgorithmError>;

    /// Executes one shard of the stage with `state`.
    fn execute(
        &self,
        job: &Job<'_, Self>,
        state: &Self::State,
        shard: ShardIndex,
        control: &Control,
    ) -> Result<Self::Partial, AlgorithmError>;

    /// Folds a finished stage, whose partial results come in ascending order of shards, into the next stage or the report.
    fn merge(
        &self,
        job: &Job<'_, Self>,
        state: &Self::State,
        partials: &mut dyn Iterator<Item = Result<Self::Partial, AlgorithmError>>,
        control: &Control,
    ) -> Result<Step<Self>, AlgorithmError>;

    /// Checks a report with code that the planner does not share; called before the report leaves the worker.
    fn verify(&self, job: &Job<'_, Self>, report: &Self::Report) -> Vec<Violation>;
}

/// What is the same for every task of a run.
pub struct Job<'a, A: Algorithm + ?Sized> {
    /// The opened inputs.
    pub inputs: &'a A::Inputs,
    /// The parameters.
    pub params: &'a A::Params,
    /// Root of all randomness; see [`crate::rng`].
    pub seed: u64,
}

/// What planning and merging yield.
pub enum Step<A: Algorithm + ?Sized> {
    /// Another stage.
    Stage {
        /// One of [`Algorithm::STAGES`].
        name: &'static str,
        /// What its shards share.
        state: A::State,
        /// How many shards; with 0 it is merged at once.
        shards: u32,
        /// What people may want to know at this point: best value so far, bound.
        note: Option<serde_json::Value>,
    },
    /// The end.
    Done(A::Report),
}

/// A stage as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageInfo {
    /// Its name.
    pub name: &'static str,
    /// What its shards do.
    pub does: &'static str,
}
