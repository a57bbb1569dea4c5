//! Path requests: what is asked for, the routes that serve it, their modes, and the spectrum they get.
//!
//! The rules are those of GNPy's path requests (Telecom Infra Project), so that the same file gives the same routes,
//! modes, slots and blocking reasons; where GNPy stops with an error, a request is blocked instead.

pub mod outcome;
pub mod request;

pub use outcome::{BlockingReason, Metrics, Outcome, Slot};
pub use request::{IncludedNode, PathRequest, SlotWish, Synchronization};
