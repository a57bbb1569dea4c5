//! The service file (`path-request` and `synchronization`): what is asked for, and what must keep apart.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::{Fields, Log, Range, whole};
use crate::equipment::Equipment;
use crate::finding::Finding;
use crate::path_request::{IncludedNode, PathRequest, SlotWish, Synchronization};
use crate::traffic::Demand;

/// What the YANG form wraps services into.
const WRAPPER: &str = "gnpy-path-computation:services";

/// What a service file holds, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Services {
    /// The requests.
    pub requests: Vec<PathRequest>,
    /// Requests that must not share a line.
    pub synchronizations: Vec<Synchronization>,
}

/// Reads a service file over an equipment library. Whether the elements it names exist is for the network to say.
///
/// # Errors
/// Everything wrong with it, naming the request and the field.
pub fn read(services: &Value, equipment: &Equipment) -> Result<Services, Vec<Finding>> {
    let log = Log::default();
    let mut read = Services::default();
    if let Some(root) = Fields::of_document(services, WRAPPER, "services", &log) {
        if root.value("path-request").is_none() {
            root.error("MISSING_FIELD", "path-request", "path-request is missing");
        }
        let mut ids = BTreeSet::new();
        for entry in root.objects("path-request") {
            let id = entry.name("request-id");
            let entry = entry.called(format!("request \"{id}\""));
            if !ids.insert(id.clone()) {
                entry.error("DUPLICATE_ID", "request-id", "is there twice");
            }
            read.requests.extend(request(&entry, id, equipment));
        }
        for entry in root.objects("synchronization") {
            read.synchronizations.extend(synchronization(entry, &ids));
        }
    }
    log.finish(read)
}

/// The requests as demands between sites, each of the rate asked for in Gb/s. No equipment library is needed.
///
/// A request holds in one direction or in both, as it says; its route and slots do not become part of the demand.
pub(crate) fn demands(services: &Value) -> Result<Vec<Demand>, Vec<Finding>> {
    let log = Log::default();
    let mut demands = Vec::new();
    if let Some(root) = Fields::of_document(services, WRAPPER, "services", &log) {
        if root.value("path-request").is_none() {
            root.error("MISSING_FIELD", "path-request", "path-request is missing");
        }
        for entry in root.objects("path-request") {
            let id = entry.name("request-id");
            let entry = entry.called(format!("request \"{id}\""));
            let site = |key| entry.name(key).trim_start_matches("trx ").to_owned();
            let (a, b) = (site("source"), site("destination"));
            let constraints = entry.object("path-constraints");
            let Some(band) = constraints.and_then(|constraints| constraints.object("te-bandwidth")) else {
                continue;
            };
            let rate_gbps = band.number("path_bandwidth", Range::NotNegative) * 1e-9;
            demands.push(Demand {
                bidirectional: entry.flag_or("bidirectional", false),
                ..Demand::of_rate(id, a, b, rate_gbps)
            });
        }
    }
    log.finish(demands)
}

fn request(entry: &Fields<'_>, id: String, equipment: &Equipment) -> Option<PathRequest> {
    let (source, destination) = (entry.name("source"), entry.name("destination"));
    if source == destination && !source.is_empty() {
        entry.error("OUT_OF_RANGE", "destination", "destination is the source");
    }
    let band = entry.object("path-constraints")?.object("te-bandwidth")?;
    let spacing_hz = band.number("spacing", Range::Positive);
    let transceiver = band.text("trx_type");
    let mode = band.optional_text("trx_mode");
    check_transceiver(&band, transceiver, mode, spacing_hz, equipment);
    Some(PathRequest {
        id,
        source,
        destination,
        bidirectional: entry.flag_or("bidirectional", false),
        transceiver: transceiver.to_owned(),
        mode: mode.map(str::to_owned),
        spacing_hz,
        channels: channels(&band),
        reference_power_w: band.optional_number("output-power", Range::Positive),
        tx_power_w: band.optional_number("tx_power", Range::Positive),
        rate_bit_per_s: band.number_or("path_bandwidth", Range::NotNegative, 0.0),
        include: include(entry),
        slots: band.objects("effective-freq-slot").iter().map(slot).collect(),
    })
}

fn check_transceiver(
    band: &Fields<'_>,
    transceiver: &str,
    mode: Option<&str>,
    spacing_hz: f64,
    equipment: &Equipment,
) {
    let Some(found) = equipment.transceiver(transceiver) else {
        if !transceiver.is_empty() {
            let detail = format!("trx_type is \"{transceiver}\", which is no transceiver of the library");
            band.error("UNKNOWN_TYPE", "trx_type", &detail);
        }
        return;
    };
    let Some(name) = mode else { return };
    let Some(mode) = found.mode(name) else {
        let detail = format!("trx_mode is \"{name}\", which is no mode of \"{transceiver}\"");
        return band.error("UNKNOWN_TYPE", "trx_mode", &detail);
    };
    if mode.min_spacing_hz > spacing_hz {
        let detail = format!("spacing is {spacing_hz} Hz, below the {} Hz of its mode", mode.min_spacing_hz);
        band.error("OUT_OF_RANGE", "spacing", &detail);
    }
}

fn channels(band: &Fields<'_>) -> Option<u32> {
    let channels = band.optional_count("max-nb-of-channel")?;
    if channels == 0 {
        band.error("OUT_OF_RANGE", "max-nb-of-channel", "max-nb-of-channel is 0, must be above 0");
    }
    Some(channels)
}

/// Elements to be passed, by their index.
fn include(entry: &Fields<'_>) -> Vec<IncludedNode> {
    let Some(route) = entry.optional_object("explicit-route-objects") else { return Vec::new() };
    let mut nodes: Vec<(u32, IncludedNode)> = Vec::new();
    for object in route.objects("route-object-include-exclude") {
        if object.optional_text("explicit-route-usage").is_some_and(|usage| usage.contains("exclude")) {
            object.error("UNSUPPORTED", "explicit-route-usage", "elements can be included, not excluded");
        }
        let index = object.count("index");
        let Some(hop) = object.object("num-unnum-hop") else { continue };
        let kind = hop.optional_text("hop-type").unwrap_or("LOOSE").to_uppercase();
        if kind != "LOOSE" && kind != "STRICT" {
            let detail = format!("hop-type is \"{kind}\", must be \"LOOSE\" or \"STRICT\"");
            hop.error("UNKNOWN_TYPE", "hop-type", &detail);
        }
        nodes.push((index, IncludedNode { uid: hop.name("node-id"), strict: kind == "STRICT" }));
    }
    nodes.sort_by_key(|(index, _)| *index);
    nodes.into_iter().map(|(_, node)| node).collect()
}

fn slot(entry: &Fields<'_>) -> SlotWish {
    let n = entry.optional_number("N", Range::Any).and_then(|number| {
        let n = whole(number).and_then(|n| i32::try_from(n).ok());
        if n.is_none() {
            entry.error("OUT_OF_RANGE", "N", &format!("N is {number}, must be a whole number of 32 bits"));
        }
        n
    });
    let m = entry.optional_count("M");
    if m == Some(0) {
        entry.error("OUT_OF_RANGE", "M", "M is 0, must be above 0");
    }
    SlotWish { n, m }
}

fn synchronization(entry: Fields<'_>, known: &BTreeSet<String>) -> Option<Synchronization> {
    let id = entry.name("synchronization-id");
    let entry = entry.called(format!("synchronization \"{id}\""));
    let vector = entry.object("svec")?;
    let disjointness = vector.optional_text("disjointness").unwrap_or("node link");
    let mut requests = Vec::new();
    for (item, pointer) in vector.items("request-id-number") {
        let name = match item {
            Value::String(name) => name.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        if !known.contains(&name) {
            let detail =
                format!("{}: request-id-number names \"{name}\", which is no request", entry.subject());
            entry.log().error("UNKNOWN_REQUEST", pointer, detail);
        }
        requests.push(name);
    }
    Some(Synchronization {
        id,
        requests,
        relaxable: vector.flag_or("relaxable", false),
        link_diverse: disjointness.contains("link"),
        node_diverse: disjointness.contains("node"),
    })
}
