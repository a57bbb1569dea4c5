//! For tests only: throw-away databases, a cluster of real processes, and a whole cluster simulated in one thread.
//!
//! Everything waits for conditions with a bound, never for a time, and shows the logs of its processes when a test
//! fails.

pub mod binaries;
pub mod certificates;
pub mod chaos;
pub mod cluster;
pub mod conformance;
pub mod fleet;
pub mod network;
pub mod postgres;
pub mod process;
pub mod recovery;
pub mod simulation;
