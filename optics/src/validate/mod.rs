//! Whether documents make sense: every fault is reported, each with a pointer to it.

mod grid;
mod topology;
mod traffic;

use crate::finding::Findings;
pub use grid::validate_grid;
pub use topology::validate_topology;
pub use traffic::{validate_traffic, validate_traffic_on};

/// Most nodes of a topology: ten times the largest national networks, and memory stays below a gigabyte.
pub const MAX_NODES: usize = 10_000;
/// Most links of a topology.
pub const MAX_LINKS: usize = 50_000;
/// Most fibre pairs of one link.
pub const MAX_FIBRES: usize = 1_000;
/// Most demands of a traffic matrix: all pairs of 1,000 nodes.
pub const MAX_DEMANDS: usize = 500_000;
/// Most client services of a traffic matrix.
pub const MAX_SERVICES: usize = 2_000_000;
/// Largest rate of a demand in Gb/s; what is above is a mistake of units.
pub const MAX_RATE_GBPS: f64 = 1e9;
/// Longest id or name in bytes.
pub const MAX_ID_BYTES: usize = 256;
fn too_many(found: &mut Findings, at: &str, count: usize, most: usize) {
    if count > most {
        found.error("TOO_MANY", at, format!("{count} is above the limit of {most}"));
    }
}

fn check_id(found: &mut Findings, at: &str, id: &str) {
    if id.is_empty() {
        found.error("EMPTY_ID", at, "an id must not be empty");
    } else if id.len() > MAX_ID_BYTES {
        found.error("LONG_ID", at, format!("an id has at most {MAX_ID_BYTES} bytes, this one {}", id.len()));
    } else if id.contains(char::is_control) {
        found.error("CONTROL_CHARACTER", at, "an id must not contain control characters");
    }
}

fn check_amount(found: &mut Findings, at: &str, value: Option<f64>, most: f64) {
    let Some(value) = value else { return };
    if !value.is_finite() {
        found.error("NUMBER", at, format!("{value} is not a finite number"));
    } else if value < 0.0 {
        found.error("NEGATIVE", at, format!("{value} must not be negative"));
    } else if value > most {
        found.error("TOO_LARGE", at, format!("{value} is above the limit of {most}"));
    }
}
