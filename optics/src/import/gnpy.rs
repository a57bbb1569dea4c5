//! Files of GNPy (Telecom Infra Project), as documents of this product.
//!
//! * A topology becomes sites and links: see [`crate::gnpy::sites`]. For everything that it says about the line,
//!   [`crate::gnpy::topology`] reads it in full.
//! * A service file becomes demands of the rate asked for. Transceivers are called `trx` and their site.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{parse, rename};
use super::{ImportOptions, Imported, Refused, finish_equipment, finish_topology, finish_traffic};
use crate::equipment::Equipment;
use crate::gnpy;
use crate::gnpy::equipment::AmplifierConfigs;
use crate::topology::Topology;
use crate::traffic::TrafficMatrix;

pub(super) fn topology(bytes: &[u8], options: &ImportOptions) -> Result<Imported<Topology>, Refused> {
    of_document(&parse(bytes)?, options)
}

pub(super) fn topology_of_workbook(
    bytes: &[u8],
    options: &ImportOptions,
) -> Result<Imported<Topology>, Refused> {
    of_document(&gnpy::workbook::topology(bytes).map_err(|findings| Refused { findings })?, options)
}

fn of_document(document: &Value, options: &ImportOptions) -> Result<Imported<Topology>, Refused> {
    let (mut made, notes) = gnpy::sites::topology(document).map_err(|findings| Refused { findings })?;
    rename(&mut made.name, options);
    // Findings about what was made have no place in the file.
    finish_topology(made, notes, |finding| finding)
}

pub(super) fn traffic(bytes: &[u8], options: &ImportOptions) -> Result<Imported<TrafficMatrix>, Refused> {
    let services: Value = parse(bytes)?;
    let demands = gnpy::services::demands(&services).map_err(|findings| Refused { findings })?;
    // Findings name the demand by its place in the matrix: that is its place in the file.
    let pointers: BTreeMap<String, String> =
        (0..demands.len()).map(|at| (format!("/demands/{at}"), format!("/path-request/{at}"))).collect();
    let mut made = TrafficMatrix { name: String::new(), demands };
    rename(&mut made.name, options);
    finish_traffic(made, Vec::new(), |mut finding| {
        let demand: Vec<&str> = finding.pointer.splitn(4, '/').take(3).collect();
        if let Some(pointer) = pointers.get(&demand.join("/")) {
            finding.pointer.clone_from(pointer);
        }
        finding
    })
}

pub(super) fn equipment(bytes: &[u8]) -> Result<Imported<Equipment>, Refused> {
    let library: Value = parse(bytes)?;
    let read = gnpy::equipment::read(&library, &AmplifierConfigs::default());
    finish_equipment(read.map_err(|findings| Refused { findings })?)
}
