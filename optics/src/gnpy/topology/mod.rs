//! The topology (`elements` and `connections`): a detailed network from it, and back to it.

mod elements;
mod export;
mod spans;

use serde_json::Value;

pub use export::write;

use super::fields::{Fields, Log};
use crate::equipment::Equipment;
use crate::finding::Finding;
use crate::line::{Element, LineNetwork, Location};

/// Most elements of a topology: the largest known, after design, have some ten thousand.
pub(super) const MOST_ELEMENTS: usize = 500_000;

/// Most elements light goes to from one, and most it comes to one from.
pub(super) const MOST_NEIGHBOURS: usize = 5_000;

/// What the YANG form wraps a topology into.
const WRAPPER: &str = "gnpy-network-topology:topology";

/// Reads a topology over an equipment library. An element has its own values, and its type's in place of those it
/// does not give.
///
/// # Errors
/// Everything wrong with it, naming the element and the field.
pub fn read(topology: &Value, equipment: &Equipment) -> Result<LineNetwork, Vec<Finding>> {
    let log = Log::default();
    let mut network = LineNetwork::default();
    if let Some(root) = Fields::of_document(topology, WRAPPER, "topology", &log) {
        for key in ["elements", "connections"] {
            if root.value(key).is_none() {
                root.error("MISSING_FIELD", key, &format!("{key} is missing"));
            }
        }
        for entry in root.objects_up_to("elements", MOST_ELEMENTS) {
            let uid = entry.text("uid").to_owned();
            let entry = entry.called(format!("element \"{uid}\""));
            let Some(kind) = elements::kind(&entry, equipment) else { continue };
            let element = Element { uid, kind, location: location(&entry) };
            if let Err(error) = network.add(element) {
                entry.error("DUPLICATE_ID", "uid", &error.to_string());
            }
        }
        connect(&root, &mut network);
    }
    log.finish(network)
}

fn connect(root: &Fields<'_>, network: &mut LineNetwork) {
    // An element that could not be read is named as such already.
    let mentioned: std::collections::BTreeSet<&str> =
        root.items("elements").iter().filter_map(|(entry, _)| entry.get("uid")?.as_str()).collect();
    for connection in root.objects_up_to("connections", 2 * MOST_ELEMENTS) {
        let end = |key| {
            let uid = connection.text(key);
            let index = network.index_of(uid);
            if index.is_none() && !uid.is_empty() && !mentioned.contains(uid) {
                let detail = format!("{key} is \"{uid}\", which is no element");
                connection.error("UNKNOWN_ELEMENT", key, &detail);
            }
            index
        };
        let (from, to) = (end("from_node"), end("to_node"));
        let (Some(from), Some(to)) = (from, to) else { continue };
        if network.successors(from).len().max(network.predecessors(to).len()) >= MOST_NEIGHBOURS {
            let detail = format!("more than {MOST_NEIGHBOURS} connections of one element");
            connection.error("TOO_LARGE", "from_node", &detail);
            return;
        }
        network.connect(from, to);
    }
}

fn location(entry: &Fields<'_>) -> Option<Location> {
    use super::fields::Range;
    let place = entry.optional_object("metadata")?.optional_object("location")?;
    Some(Location {
        city: place.optional_text("city").unwrap_or_default().to_owned(),
        region: place.optional_text("region").unwrap_or_default().to_owned(),
        latitude: place.number_or("latitude", Range::Any, 0.0),
        longitude: place.number_or("longitude", Range::Any, 0.0),
    })
}
