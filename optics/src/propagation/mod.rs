//! Light along a route: signal, amplifier noise and non-linear interference of each channel, element by element.
//!
//! A designed line is made fit once ([`Propagation::new`]); a comb of channels then runs along any route of it
//! ([`Propagation::run`]). What depends on the kind of fibre or amplifier and on the comb alone is computed once and
//! kept, so a span costs one matrix-vector product. Formulas and their sources stand with each element; the numbers are GNPy's.

mod amplifier;
pub mod comb;
mod fibre;
pub mod folded;
mod ggn;
mod light;
mod line;
pub mod loading;
mod nli;
pub mod penalty;
pub(crate) mod pumped;
mod raman;
pub mod receiver;
mod roadm;
pub mod route;
pub mod solver;

pub use amplifier::Amplified;
pub use comb::{Channel, Comb, CombError, Partition, channel_count};
pub use folded::{FoldedLine, FoldedRoute, LitError, LitLine, LitPath, WorstChannel};
pub use loading::Loading;
pub use penalty::PenaltyCurves;
pub use receiver::{Bandwidth, Received};
pub use route::{AmplifiedBand, Gains, Passed, Propagation, PropagationError};
pub use solver::Solver;
