//! This product's own documents.

use serde::de::DeserializeOwned;

use super::{ImportOptions, Imported, Refused, finish_equipment, finish_topology, finish_traffic};
use crate::equipment::Equipment;
use crate::finding::Finding;
use crate::topology::Topology;
use crate::traffic::TrafficMatrix;

pub(super) fn topology(bytes: &[u8], options: &ImportOptions) -> Result<Imported<Topology>, Refused> {
    let mut document: Topology = parse(bytes)?;
    rename(&mut document.name, options);
    finish_topology(document, Vec::new(), |finding| finding)
}

pub(super) fn traffic(bytes: &[u8], options: &ImportOptions) -> Result<Imported<TrafficMatrix>, Refused> {
    let mut document: TrafficMatrix = parse(bytes)?;
    rename(&mut document.name, options);
    finish_traffic(document, Vec::new(), |finding| finding)
}

pub(super) fn equipment(bytes: &[u8]) -> Result<Imported<Equipment>, Refused> {
    finish_equipment(parse(bytes)?)
}

pub(super) fn rename(name: &mut String, options: &ImportOptions) {
    if !options.name.is_empty() {
        name.clone_from(&options.name);
    }
}

/// Parses JSON; depth is bounded by the parser (128).
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| {
        let mut finding = Finding::error("JSON", "", error.to_string());
        finding.row = u32::try_from(error.line()).ok().filter(|&line| line > 0);
        Refused::because(finding)
    })
}
