//! Optical transport networks as plain data: documents, importers, grid, paths, and the independent plan checker.
//!
//! Pure: no I/O, no clock, no environment. Documents are what is stored and exchanged; [`network::Network`] is a
//! document made fit for computing (indices instead of ids).

pub mod bill_of_materials;
pub mod clusters;
pub mod decibel;
pub mod design;
pub mod equipment;
pub mod export;
pub mod finding;
#[cfg(test)]
mod fixture;
pub mod gnpy;
pub mod grid;
pub mod grooming;
pub mod import;
pub mod line;
pub mod manual_grooming;
pub mod network;
pub mod path_request;
pub mod paths;
pub mod plan;
pub mod propagation;
pub mod quality;
pub mod report;
pub mod request;
pub mod topology;
pub mod traffic;
pub mod traffic_gen;
pub mod validate;
pub mod verify;
pub mod verify_bill;
pub mod verify_grooming;
pub mod violation;
