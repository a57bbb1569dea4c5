//! GNPy's file forms (Telecom Infra Project): equipment library, topology, services, spectrum, results.
//!
//! A user of GNPy brings their files as they are. Keys this project has no use for are passed over; whatever is
//! missing, of a wrong type or out of range is a [`crate::finding::Finding`] that names the entry and the field.

mod amplifiers;
pub mod equipment;
mod fibres;
mod fields;
mod roadms;
pub mod topology;
