//! The contract between NetPlanner's binaries: identifiers, messages, run states, documents' keys, bounds.
//!
//! An item is here only if both the coordinator and the worker need it. Nothing here knows what a network is:
//! parameters, inputs, stage states, partial results and reports are opaque JSON bytes.

pub mod algorithm;
pub mod clock;
pub mod cookie;
pub mod ids;
pub mod limits;
pub mod protocol;
pub mod run;
pub mod telemetry;
pub mod tls;
pub mod transport;
pub mod wire;
