//! GNPy's file forms (Telecom Infra Project): equipment library, topology, services, spectrum, results.
//!
//! A user of GNPy brings their files as they are, in GNPy's own form or that of its YANG models (RFC 7951). Keys this
//! project has no use for are passed over; whatever is missing, of a wrong type or out of range is a
//! [`crate::finding::Finding`] that names the entry and the field.

mod amplifiers;
pub mod equipment;
mod fibres;
mod fields;
pub mod response;
mod roadms;
pub mod services;
pub mod simulation;
pub(crate) mod sites;
pub mod spectrum;
pub mod topology;
pub mod workbook;
pub mod yang;

/// A number with so many digits behind the point, half to even, as Python rounds.
fn rounded(value: f64, digits: usize) -> f64 {
    // The formatter rounds the exact binary value, which is what Python's `round` does.
    let rounded: f64 = format!("{value:.digits$}").parse().unwrap_or(value);
    // No negative zero.
    rounded + 0.0
}
