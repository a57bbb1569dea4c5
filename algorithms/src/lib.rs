//! Planning algorithms, each a fold over stages of independent shards.
//!
//! An [`Algorithm`] *plans* a stage (a state and a number of shards), *executes* its shards independently of each
//! other, and *merges* the partial results into the next stage or the report. All of it is pure: no I/O, no clock, no
//! environment, no thread count; randomness comes from the run's seed. Where and in which order shards run can
//! therefore not be told from the report. `docs/adding-an-algorithm.md` shows how to write one.

pub mod algorithm;
pub mod catalogue;
pub mod control;
pub mod documents;
pub mod erased;
pub mod error;
pub mod jsonb;
pub mod local;
pub mod rng;
pub mod storable;

pub use algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
pub use control::Control;
pub use documents::Documents;
pub use erased::{ErasedAlgorithm, ErasedStep, OpenRun, OpenStage};
pub use error::AlgorithmError;

#[cfg(test)]
mod laws;

/// The example of the guide is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-an-algorithm.md")]
pub struct AddingAnAlgorithm;
