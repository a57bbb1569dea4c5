//! The Excel templates of the original NetPlanner.
//!
//! Physical topology: sheets `Nodes` and `Links`, headers in row 1, columns in any order. Traffic matrix: the first
//! sheet, group captions in row 1, headers in row 2. `ID` columns are ignored: demands are numbered by row, services
//! over the whole file. Findings carry the numbers of the template's own list of errors.

use std::collections::{BTreeMap, BTreeSet};

use super::cells::{Row, Table};
use super::json::rename;
use super::workbook::{Cells, read};
use super::{ImportOptions, Imported, LinkIds, Refused, finish_topology, finish_traffic};
use crate::finding::Finding;
use crate::topology::{AddDropBank, AddDropKind, Contention, Fibre, Link, Node, Span, Topology};
use crate::traffic::{Demand, Protection, Restoration, ServiceGroup, ServiceType, TrafficMatrix};
use crate::validate::MAX_SERVICES;

const NODE_HEADERS: [&str; 5] = ["ID", "Node", "lat", "lng", "ROADM_Type"];
const LINK_HEADERS: [&str; 5] = ["ID", "Source", "Destination", "Length", "Fiber Type"];
const DEMAND_HEADERS: [&str; 5] = ["ID", "Source", "Destination", "Restoration_Type", "Protection_Type"];

/// Numbers of errors in the template's list.
mod template_code {
    pub(super) const NOT_A_FLOAT: u8 = 1;
    pub(super) const ROADM_TYPE: u8 = 2;
    pub(super) const NOT_A_NODE: u8 = 3;
    pub(super) const LENGTH: u8 = 4;
    pub(super) const PROTECTION: u8 = 6;
    pub(super) const RESTORATION: u8 = 7;
    pub(super) const QUANTITY: u8 = 8;
}

/// A node of the original: directionless means one bank, and one use of a wavelength in the whole node.
pub(super) fn node(name: String, directionless: bool) -> Node {
    let kind = if directionless { AddDropKind::Directionless } else { AddDropKind::Cdc };
    let bank =
        AddDropBank { bank: "1".to_owned(), kind, degrees: Vec::new(), ports: None, max_same_slot: None };
    Node { add_drop: vec![bank], contention: Contention::PerNode, ..Node::roadm(name) }
}

/// Keeps what the original knows of the fibre: its type, as free text.
pub(super) fn with_fibre_type(mut link: Link, fibre_type: Option<String>) -> Link {
    if let Some(fibre_type) = fibre_type.filter(|text| !text.is_empty()) {
        let span = Span { length_km: link.length_km, fibre_type, loss_db: None, amplifier: None };
        link.fibres = vec![Fibre { id: "1".to_owned(), spans_ab: vec![span], spans_ba: None }];
    }
    link
}

pub(super) fn protection(name: &str) -> Option<Protection> {
    match name {
        "NoProtection" => Some(Protection::None),
        "1+1_NodeDisjoint" => Some(Protection::OnePlusOne {
            disjoint: crate::traffic::Disjointness::Node,
            source: crate::traffic::ProtectionSource::Splitter,
            differential_delay_us: None,
        }),
        _ => None,
    }
}

pub(super) fn restoration(name: &str) -> Option<Restoration> {
    match name {
        "None" => Some(Restoration::None),
        "JointSame" => Some(Restoration::Basic),
        "AdvJointSame" => Some(Restoration::Advanced),
        _ => None,
    }
}

pub(super) fn topology(bytes: &[u8], options: &ImportOptions) -> Result<Imported<Topology>, Refused> {
    let book = read(bytes, &["Nodes", "Links"])?;
    let sheet = |name: &str| -> Option<&(String, Cells)> { book.sheets.iter().find(|(own, _)| own == name) };
    let (nodes, links) = match (sheet("Nodes"), sheet("Links")) {
        (Some(nodes), Some(links)) => (nodes, links),
        (nodes, links) => {
            let absent = [("Nodes", nodes.is_none()), ("Links", links.is_none())];
            let findings = absent.iter().filter(|(_, absent)| *absent).map(|(name, _)| {
                let mut finding = Finding::error("MISSING_SHEET", "", format!("there is no sheet `{name}`"));
                finding.sheet = Some((*name).to_owned());
                finding
            });
            return Err(Refused { findings: findings.collect() });
        }
    };
    let (nodes, links) = (Table::new(&nodes.0, &nodes.1, 0), Table::new(&links.0, &links.1, 0));
    let mut findings = nodes.missing(&NODE_HEADERS);
    findings.extend(links.missing(&LINK_HEADERS));
    if !findings.is_empty() {
        return Err(Refused { findings });
    }

    let mut document = Topology::default();
    rename(&mut document.name, options);
    let node_rows: Vec<Row> = nodes.rows().filter(|row| !row.is_empty(&NODE_HEADERS)).collect();
    for row in &node_rows {
        document.nodes.push(read_node(*row, &mut findings));
    }
    let names: BTreeSet<String> = document.nodes.iter().map(|node| node.id.clone()).collect();
    let link_rows: Vec<Row> = links.rows().filter(|row| !row.is_empty(&LINK_HEADERS)).collect();
    let mut ids = LinkIds::default();
    for row in &link_rows {
        document.links.push(read_link(*row, &names, &mut ids, &mut findings));
    }
    finish_topology(document, findings, |finding| {
        let (rows, fields): (_, &[(&str, &str)]) = if finding.pointer.starts_with("/nodes/") {
            (&node_rows, &[("id", "Node"), ("lat", "lat"), ("lon", "lng"), ("", "Node")])
        } else {
            (&link_rows, &[("a", "Source"), ("b", "Destination"), ("length_km", "Length"), ("", "Source")])
        };
        locate(rows, fields, finding)
    })
}

/// Puts a finding with a pointer `/…/index/field…` at the row of that index and the column of that field.
fn locate(rows: &[Row], fields: &[(&str, &str)], finding: Finding) -> Finding {
    let mut parts = finding.pointer.split('/').skip(2);
    let row = parts.next().and_then(|index| index.parse::<usize>().ok()).and_then(|index| rows.get(index));
    let field = parts.next().unwrap_or("");
    let header = fields.iter().find(|(own, _)| *own == field || own.is_empty()).map(|(_, header)| *header);
    match (row, header) {
        (Some(row), Some(header)) => row.place(header, finding),
        _ => finding,
    }
}

fn read_node(row: Row, findings: &mut Vec<Finding>) -> Node {
    let Some(name) = row.text("Node") else {
        findings.push(row.error("Node", "EMPTY_ID", None, "a node needs a name"));
        return node(String::new(), false);
    };
    let directionless = match row.text("ROADM_Type").as_deref() {
        Some("Directionless") => true,
        Some("CDC") => false,
        _ => {
            let code = Some(template_code::ROADM_TYPE);
            findings.push(row.error("ROADM_Type", "ROADM_TYPE", code, "it must be `Directionless` or `CDC`"));
            false
        }
    };
    let mut node = node(name, directionless);
    let mut coordinate = |header: &str| {
        let value = row.number(header);
        if value.is_none() && row.get(header).is_some() {
            let code = Some(template_code::NOT_A_FLOAT);
            findings.push(row.error(header, "NOT_A_NUMBER", code, "it must be a number of degrees"));
        }
        value
    };
    (node.lat, node.lon) = (coordinate("lat"), coordinate("lng"));
    node
}

fn read_link(row: Row, names: &BTreeSet<String>, ids: &mut LinkIds, findings: &mut Vec<Finding>) -> Link {
    let mut end = |header: &str| {
        let name = row.text(header).unwrap_or_default();
        if !names.contains(&name) {
            let code = Some(template_code::NOT_A_NODE);
            findings.push(row.error(header, "UNKNOWN_NODE", code, "it must be one of the nodes"));
        }
        name
    };
    let (a, b) = (end("Source"), end("Destination"));
    let length_km = row.number("Length").filter(|length| length.is_finite() && *length >= 0.0);
    if length_km.is_none() {
        let code = Some(template_code::LENGTH);
        findings.push(row.error("Length", "LENGTH", code, "it must be a number of kilometres from 0"));
    }
    let id = ids.next(&a, &b);
    with_fibre_type(Link::new(id, a, b, length_km.unwrap_or(0.0)), row.text("Fiber Type"))
}

pub(super) fn traffic(bytes: &[u8], options: &ImportOptions) -> Result<Imported<TrafficMatrix>, Refused> {
    let book = read(bytes, &[])?;
    let Some((name, cells)) = book.sheets.first() else {
        return Err(Refused::because(Finding::error("MISSING_SHEET", "", "the workbook has no sheet")));
    };
    let table = Table::new(name, cells, 1);
    let quantities: Vec<(ServiceType, String)> =
        ServiceType::ALL.into_iter().map(|kind| (kind, format!("Quantity_{}", type_name(kind)))).collect();
    let mut headers = DEMAND_HEADERS.to_vec();
    headers.extend(quantities.iter().map(|(_, header)| header.as_str()));
    let mut findings = table.missing(&headers);
    if !findings.is_empty() {
        return Err(Refused { findings });
    }
    let mut document = TrafficMatrix::default();
    rename(&mut document.name, options);
    let rows: Vec<Row> = table.rows().filter(|row| !row.is_empty(&headers)).collect();
    let mut services = 0;
    for (index, row) in rows.iter().enumerate() {
        document.demands.push(read_demand(*row, index + 1, &quantities, &mut services, &mut findings));
    }
    finish_traffic(document, findings, |finding| {
        let fields = [("a", "Source"), ("b", "Destination"), ("id", "ID"), ("", "Source")];
        locate(&rows, &fields, finding)
    })
}

fn read_demand(
    row: Row,
    number: usize,
    quantities: &[(ServiceType, String)],
    services: &mut usize,
    findings: &mut Vec<Finding>,
) -> Demand {
    let mut end = |header: &str| {
        row.text(header).unwrap_or_else(|| {
            findings.push(row.error(header, "EMPTY_ID", None, "it must name a node"));
            String::new()
        })
    };
    let (a, b) = (end("Source"), end("Destination"));
    let mut demand = Demand { rate_ab_gbps: None, ..Demand::of_rate(number.to_string(), a, b, 0.0) };
    match row.text("Protection_Type").as_deref().and_then(protection) {
        Some(protection) => demand.protection = protection,
        None => findings.push(row.error(
            "Protection_Type",
            "PROTECTION_TYPE",
            Some(template_code::PROTECTION),
            "it must be `NoProtection` or `1+1_NodeDisjoint`",
        )),
    }
    match row.text("Restoration_Type").as_deref().and_then(restoration) {
        Some(restoration) => demand.restoration = restoration,
        None => findings.push(row.error(
            "Restoration_Type",
            "RESTORATION_TYPE",
            Some(template_code::RESTORATION),
            "it must be `JointSame`, `AdvJointSame` or `None`",
        )),
    }
    for (kind, header) in quantities {
        let Some(quantity) = quantity(row, header, MAX_SERVICES - *services, findings) else { continue };
        let ids = (*services + 1..=*services + quantity).map(|id| id.to_string()).collect();
        *services += quantity;
        demand.services.push(ServiceGroup { kind: *kind, ids });
    }
    demand
}

/// How many services a cell asks for: truncated to a whole number, none for zero.
fn quantity(row: Row, header: &str, most: usize, findings: &mut Vec<Finding>) -> Option<usize> {
    row.get(header)?;
    let value = row.number(header).filter(|value| value.is_finite() && *value >= 0.0);
    let Some(value) = value else {
        let code = Some(template_code::QUANTITY);
        findings.push(row.error(header, "QUANTITY", code, "it must be a number from 0"));
        return None;
    };
    if value > most as f64 {
        let detail = format!("a traffic matrix has at most {MAX_SERVICES} services");
        findings.push(row.error(header, "TOO_MANY", Some(template_code::QUANTITY), &detail));
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0 and MAX_SERVICES
    let quantity = value as usize;
    (quantity > 0).then_some(quantity)
}

/// The name of a service type in headers and files.
fn type_name(kind: ServiceType) -> &'static str {
    TYPE_NAMES[&kind]
}

/// The service type of this name.
pub(super) fn type_of(name: &str) -> Option<ServiceType> {
    TYPE_NAMES.iter().find(|(_, own)| **own == name).map(|(kind, _)| *kind)
}

static TYPE_NAMES: std::sync::LazyLock<BTreeMap<ServiceType, &'static str>> =
    std::sync::LazyLock::new(|| {
        let names =
            ["E1", "STM1 Electrical", "STM1 Optical", "STM4", "STM16", "STM64", "FE", "GE", "10GE", "100GE"];
        ServiceType::ALL.into_iter().zip(names).collect()
    });
