//! SNDlib XML (Orlowski, Pióro, Tomaszewski, Wessäly, SNDlib 1.0, Networks 55(3), 2010).
//!
//! * Geographical coordinates become kilometres by great circle × route factor; those of a drawing by their plane
//!   distance. The topology says which.
//! * Where every link has its opposite the file counts directions: each such pair becomes one link.
//! * Demands between the same two nodes are folded: rates of each direction are summed (value × routing unit). Where
//!   only one direction is given the demand is symmetric.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node as Element, ParsingOptions};

use super::json::rename;
use super::{ImportOptions, Imported, Refused, finish_topology, finish_traffic};
use crate::finding::{Finding, Findings};
use crate::paths::great_circle_km;
use crate::topology::{LengthOrigin, Link, Node, Topology};
use crate::traffic::{Demand, TrafficMatrix};

/// Most elements and attributes of a file: the largest of SNDlib has 100,000.
const MAX_ELEMENTS: u32 = 4_000_000;
/// Deepest nesting: the format needs six.
const MAX_DEPTH: usize = 32;

pub(super) fn topology(bytes: &[u8], options: &ImportOptions) -> Result<Imported<Topology>, Refused> {
    let text = decode(bytes);
    let document = open(&text)?;
    let mut found = Findings::default();
    let mut topology = Topology::default();
    rename(&mut topology.name, options);
    let Some(structure) = child(document.root_element(), "networkStructure") else {
        return Err(Refused::because(Finding::error(
            "MISSING_ELEMENT",
            "/network",
            "there is no `networkStructure`",
        )));
    };
    let geographical = child(structure, "nodes")
        .and_then(|nodes| nodes.attribute("coordinatesType"))
        .is_none_or(|kind| kind == "geographical");
    let mut places: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for element in children(structure, "nodes", "node") {
        let id = attribute(element, "id", &mut found);
        let mut node = Node::roadm(id.clone());
        if let Some(coordinates) = child(element, "coordinates") {
            let (x, y) = (number(coordinates, "x", &mut found), number(coordinates, "y", &mut found));
            if let (Some(x), Some(y)) = (x, y) {
                places.insert(id, (x, y));
                if geographical {
                    (node.lat, node.lon) = (Some(y), Some(x));
                }
            }
        }
        topology.nodes.push(node);
    }
    for element in children(structure, "links", "link") {
        let source = text_of(element, "source", &mut found);
        let target = text_of(element, "target", &mut found);
        let length_km = match (places.get(&source), places.get(&target)) {
            (Some(from), Some(to)) if geographical => {
                great_circle_km((from.1, from.0), (to.1, to.0)) * options.route_factor
            }
            (Some(from), Some(to)) => (from.0 - to.0).hypot(from.1 - to.1),
            _ => 0.0,
        };
        let id = attribute(element, "id", &mut found);
        // A metre is far below what coordinates of two decimals say.
        topology.links.push(Link::new(id, source, target, (length_km * 1e3).round() / 1e3));
    }
    let method = if geographical { "great_circle" } else { "plane" };
    let route_factor = if geographical { options.route_factor } else { 1.0 };
    topology.lengths = Some(LengthOrigin { method: method.to_owned(), route_factor });
    fold_opposites(&mut topology, &mut found);
    finish_topology(topology, found.into_vec(), |finding| finding)
}

/// Makes one link of each pair of opposite ones, if all links come in such pairs.
fn fold_opposites(topology: &mut Topology, found: &mut Findings) {
    let mut open: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    let mut dropped = BTreeSet::new();
    for (index, link) in topology.links.iter().enumerate() {
        let opposite = open.get_mut(&(link.b.clone(), link.a.clone())).and_then(Vec::pop);
        if opposite.is_some() {
            dropped.insert(index);
        } else {
            open.entry((link.a.clone(), link.b.clone())).or_default().push(index);
        }
    }
    if topology.links.is_empty() || open.values().any(|rest| !rest.is_empty()) {
        return;
    }
    let detail = format!("{} directed links were read as {} links", topology.links.len(), dropped.len());
    found.note("DIRECTIONS_FOLDED", "/links", detail);
    let mut index = 0;
    topology.links.retain(|_| {
        index += 1;
        !dropped.contains(&(index - 1))
    });
}

pub(super) fn traffic(bytes: &[u8], options: &ImportOptions) -> Result<Imported<TrafficMatrix>, Refused> {
    let text = decode(bytes);
    let document = open(&text)?;
    let mut found = Findings::default();
    let mut traffic = TrafficMatrix::default();
    rename(&mut traffic.name, options);
    if child(document.root_element(), "demands").is_none() {
        return Err(Refused::because(Finding::error("MISSING_ELEMENT", "/network", "there is no `demands`")));
    }
    let mut position: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut directed = 0;
    for element in children(document.root_element(), "demands", "demand") {
        directed += 1;
        let id = attribute(element, "id", &mut found);
        let (a, b) = (text_of(element, "source", &mut found), text_of(element, "target", &mut found));
        let Some(value) = number(element, "demandValue", &mut found) else { continue };
        let unit = if child(element, "routingUnit").is_some() {
            number(element, "routingUnit", &mut found).unwrap_or(1.0)
        } else {
            1.0
        };
        let rate = value * unit * options.demand_unit_gbps;
        if let Some(&at) = position.get(&(a.clone(), b.clone())) {
            let sum = &mut traffic.demands[at].rate_ab_gbps;
            *sum = Some(sum.unwrap_or(0.0) + rate);
        } else if let Some(&at) = position.get(&(b.clone(), a.clone())) {
            let sum = &mut traffic.demands[at].rate_ba_gbps;
            *sum = Some(sum.unwrap_or(0.0) + rate);
        } else {
            position.insert((a.clone(), b.clone()), traffic.demands.len());
            traffic.demands.push(Demand::of_rate(id, a, b, rate));
        }
    }
    if directed > traffic.demands.len() {
        let detail = format!("{directed} demands were folded into {}", traffic.demands.len());
        found.note("DIRECTIONS_FOLDED", "/demands", detail);
    }
    finish_traffic(traffic, found.into_vec(), |finding| finding)
}

/// The text of a file in UTF-8 or, as SNDlib declares, ISO 8859-1, whose bytes are the first 256 code points.
fn decode(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.iter().map(|&byte| char::from(byte)).collect())
}

fn open(text: &str) -> Result<Document<'_>, Refused> {
    let refuse = |detail: String| Refused::because(Finding::error("XML", "", detail));
    if depth_of(text) > MAX_DEPTH {
        return Err(refuse(format!("elements are nested deeper than {MAX_DEPTH}")));
    }
    // Document type definitions are refused by the parser: nothing here needs entities.
    let options = ParsingOptions { nodes_limit: MAX_ELEMENTS, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let mut finding = Finding::error("XML", "", error.to_string());
        finding.row = Some(error.pos().row);
        Refused::because(finding)
    })?;
    let root = document.root_element().tag_name().name().to_owned();
    if root == "network" {
        Ok(document)
    } else {
        Err(refuse(format!("the root element is `{root}`, not `network`")))
    }
}

/// An upper bound on the nesting of elements, without parsing them: the parser recurses.
fn depth_of(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
            .iter()
            .find(|(begin, _)| rest.starts_with(begin))
            .map(|(begin, end)| {
                rest[begin.len()..].find(end).map_or(rest.len(), |at| begin.len() + at + end.len())
            });
        if let Some(length) = skipped {
            rest = &rest[length..];
            continue;
        }
        if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else {
            deepest = deepest.max(depth + 1);
            depth += usize::from(!is_empty_element(rest));
        }
        rest = &rest[1..];
    }
    deepest
}

/// Whether the tag that `rest` begins with closes itself. A `>` between quotes does not end a tag.
fn is_empty_element(rest: &str) -> bool {
    let (mut quote, mut last) = (None, b'<');
    for byte in rest.bytes() {
        if let Some(open) = quote {
            quote = (byte != open).then_some(open);
        } else if byte == b'"' || byte == b'\'' {
            quote = Some(byte);
        } else if byte == b'>' {
            return last == b'/';
        }
        last = byte;
    }
    false
}

fn child<'a, 'i>(element: Element<'a, 'i>, name: &str) -> Option<Element<'a, 'i>> {
    element.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

fn children<'a, 'i>(
    element: Element<'a, 'i>,
    list: &str,
    name: &'static str,
) -> impl Iterator<Item = Element<'a, 'i>> {
    child(element, list)
        .into_iter()
        .flat_map(|list| list.children())
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// A finding at the line where an element begins.
fn at_line(element: Element, code: &str, detail: String) -> Finding {
    let mut finding = Finding::error(code, "", detail);
    finding.row = Some(element.document().text_pos_at(element.range().start).row);
    finding
}

fn attribute(element: Element, name: &str, found: &mut Findings) -> String {
    element.attribute(name).map_or_else(
        || {
            let detail = format!("`{}` has no `{name}`", element.tag_name().name());
            found.push(at_line(element, "MISSING_ATTRIBUTE", detail));
            String::new()
        },
        |value| value.trim().to_owned(),
    )
}

fn text_of(element: Element, name: &str, found: &mut Findings) -> String {
    child(element, name).and_then(|child| child.text()).map_or_else(
        || {
            let detail = format!("`{}` has no `{name}`", element.tag_name().name());
            found.push(at_line(element, "MISSING_ELEMENT", detail));
            String::new()
        },
        |text| text.trim().to_owned(),
    )
}

fn number(element: Element, name: &str, found: &mut Findings) -> Option<f64> {
    let text = text_of(element, name, found);
    if text.is_empty() {
        return None;
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    if value.is_none() {
        let place = child(element, name).unwrap_or(element);
        found.push(at_line(place, "NOT_A_NUMBER", format!("`{name}` is `{text}`, not a number")));
    }
    value
}
