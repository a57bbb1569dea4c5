//! Light along a route: signal, amplifier noise and non-linear interference of each channel, element by element.

pub mod comb;
pub mod solver;

pub use comb::{Channel, Comb, CombError, Partition, channel_count};
pub use solver::Solver;
