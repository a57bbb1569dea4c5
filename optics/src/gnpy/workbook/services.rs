//! Path requests from the sheet Service, in GNPy's JSON form.

use serde_json::{Value, json};

use super::super::fields::Log;
use super::route_names::RouteNames;
use super::sheet::{Header, Layout, Row, Sheet};
use super::sites::{Sites, names};
use super::{open, required_sheet};
use crate::finding::Finding;
use crate::line::LineNetwork;

const SERVICE: Layout = Layout {
    sheet: "Service",
    header_line: 4,
    columns: 12,
    headers: &[
        Header::Column("route id"),
        Header::Column("Source"),
        Header::Column("Destination"),
        Header::Column("TRX type"),
        Header::Column("Mode"),
        Header::Column("System: spacing"),
        Header::Column("System: input power (dBm)"),
        Header::Column("System: nb of channels"),
        Header::Column("routing: disjoint from"),
        Header::Column("routing: path"),
        Header::Column("routing: is loose?"),
        Header::Column("path bandwidth"),
    ],
    required: &["route id", "Source", "Destination", "TRX type", "System: spacing"],
};

/// Makes path requests of the sheet Service, to be read by [`super::super::services::read`].
///
/// Routes are written with names of sites: the elements they mean are found in `network`, the designed network of
/// `topology`, which is the workbook (maybe the same) with the sheets Nodes and Links. An element that may be left out
/// and is not found is.
///
/// # Errors
/// Everything wrong with the workbooks, naming sheet and cell.
pub fn services(
    bytes: &[u8],
    topology: &[u8],
    network: &LineNetwork,
    bidirectional: bool,
) -> Result<Value, Vec<Finding>> {
    let log = Log::default();
    let mut requests = Vec::new();
    let mut synchronizations = Vec::new();
    if let (Some(book), Some(sites)) = (open(bytes, &log), open(topology, &log)) {
        let sites = Sites::read(&sites, &log);
        let route_names = RouteNames::new(&sites, network);
        if let Some(cells) = required_sheet(&book, SERVICE.sheet, &log) {
            for row in Sheet::new(&SERVICE, cells, &log).rows() {
                requests.push(request(&row, &route_names, bidirectional));
                synchronizations.extend(synchronization(&row));
            }
        }
    }
    let mut document = json!({ "path-request": requests });
    if !synchronizations.is_empty() {
        document["synchronization"] = json!(synchronizations);
    }
    log.finish(document)
}

fn request(row: &Row<'_>, route_names: &RouteNames<'_>, bidirectional: bool) -> Value {
    let end = |field: &str| format!("trx {}", row.required_text(field));
    let (source, destination) = (end("Source"), end("Destination"));
    for (field, uid) in [("Source", &source), ("Destination", &destination)] {
        if !route_names.is_transceiver(uid) {
            row.error(field, "UNKNOWN_ELEMENT", &format!("asks for \"{uid}\", which is no transceiver"));
        }
    }
    let spacing_ghz = row.number("System: spacing");
    if spacing_ghz.is_none() {
        row.error("System: spacing", "MISSING_FIELD", "is empty");
    }
    let channels = row.number("System: nb of channels").map(f64::trunc);
    let power_dbm = row.number("System: input power (dBm)");
    let mut request = json!({
        "request-id": row.required_text("route id"),
        "source": source, "destination": destination,
        "src-tp-id": source, "dst-tp-id": destination,
        "bidirectional": bidirectional,
        "path-constraints": {
            "te-bandwidth": {
                "technology": "flexi-grid",
                "trx_type": row.required_text("TRX type"),
                "trx_mode": row.text("Mode"),
                "effective-freq-slot": [{ "N": null, "M": null }],
                "spacing": spacing_ghz.unwrap_or(0.0) * 1e9,
                "max-nb-of-channel": channels,
                "output-power": power_dbm.map(|power_dbm| 10_f64.powf(power_dbm / 10.0) * 1e-3),
                "path_bandwidth": row.number("path bandwidth").unwrap_or(0.0) * 1e9,
            },
        },
    });
    let strict = !matches!(row.text("routing: is loose?").as_deref(), None | Some("yes" | "Yes" | "YES"));
    let route =
        route_names.elements(row, names(row.text("routing: path").as_deref()), &source, &destination, strict);
    if !route.is_empty() {
        let hop_type = if strict { "STRICT" } else { "LOOSE" };
        let hops: Vec<Value> = route
            .iter()
            .enumerate()
            .map(|(index, uid)| {
                json!({
                    "index": index,
                    "explicit-route-usage": "route-include-ero",
                    "num-unnum-hop": {
                        "node-id": uid, "link-tp-id": "link-tp-id is not used", "hop-type": hop_type,
                    },
                })
            })
            .collect();
        request["explicit-route-objects"] = json!({ "route-object-include-exclude": hops });
    }
    request
}

fn synchronization(row: &Row<'_>) -> Option<Value> {
    let others = names(row.text("routing: disjoint from").as_deref());
    let id = row.text("route id")?;
    (!others.is_empty()).then(|| {
        let requests: Vec<&String> = std::iter::once(&id).chain(&others).collect();
        json!({
            "synchronization-id": id,
            "svec": { "relaxable": false, "disjointness": "node link", "request-id-number": requests },
        })
    })
}
