//! Path requests: what is asked for, the routes that serve it, their modes, and the spectrum they get.
//!
//! The rules are those of GNPy's path requests (Telecom Infra Project), so that the same file gives the same routes,
//! modes, slots and blocking reasons. Where GNPy stops the whole run because requests cannot be kept apart, these requests
//! are blocked instead.

mod aggregation;
pub mod disjunction;
mod error;
mod flow;
mod least_total;
mod lit;
mod modes;
mod occupation;
pub mod outcome;
mod pair;
pub mod request;
pub mod routing;
pub mod run;
pub mod sections;
mod simple_paths;
pub mod spectrum;
mod waypoints;

pub use error::PathRequestError;
pub use occupation::SectionSpectrum;
pub use outcome::{ApartChoice, BlockingReason, KeptApart, Metrics, Outcome, Slot};
pub use request::{IncludedNode, PathRequest, SlotWish, Synchronization};
pub use run::{PathPlan, PlanOptions, Planner, plan_all};
pub use spectrum::{Occupancy, SpectrumPolicy};

#[cfg(test)]
mod tests;
