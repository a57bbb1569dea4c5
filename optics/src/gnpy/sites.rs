//! The planner's simple topology from GNPy's detailed one: ROADMs become sites, what lies between them links.
//!
//! No equipment library is needed: fibres say how long they are and what they lose.

use std::collections::BTreeMap;

use serde_json::Value;

use super::equipment::length_unit;
use super::fields::{Fields, Log, Range};
use super::topology::{MOST_ELEMENTS, MOST_NEIGHBOURS};
use super::{fibres, rounded};
use crate::finding::Finding;
use crate::topology::{Fibre, Link, Node, NodeKind, Span, Topology};

/// Makes sites and links of a topology.
///
/// A ROADM is a site, called as in GNPy without the word `roadm` before it; so is a transceiver that no ROADM stands
/// beside. A line between two sites is a link if there is one back: of several, the one most alike in length. A fibre
/// is a span; fibres joined by splices are one.
///
/// # Errors
/// Everything wrong with it, naming the element and the field. What was made, and notes, otherwise.
pub(crate) fn topology(document: &Value) -> Result<(Topology, Vec<Finding>), Vec<Finding>> {
    let log = Log::default();
    let mut notes = Vec::new();
    let mut made = Topology::default();
    if let Some(root) = Fields::of_document(document, "gnpy-network-topology:topology", "topology", &log) {
        root.optional_text("network_name").unwrap_or_default().clone_into(&mut made.name);
        let line = Lines::read(&root);
        if log.is_clean() {
            line.into_topology(&mut made, &mut notes, &log);
        }
    }
    log.finish((made, notes))
}

/// What light passes on a line.
enum Part {
    Roadm,
    Transceiver,
    Splice(f64),
    Fibre(Span),
    Amplifier(Option<String>),
}

struct Element {
    uid: String,
    pointer: String,
    part: Part,
    place: (Option<f64>, Option<f64>),
    city: String,
}

struct Lines {
    elements: Vec<Element>,
    successors: Vec<Vec<usize>>,
    predecessors: Vec<Vec<usize>>,
}

/// A line from one site to another.
struct Run {
    to: usize,
    spans: Vec<Span>,
}

impl Run {
    fn length_km(&self) -> f64 {
        rounded(self.spans.iter().map(|span| span.length_km).sum(), 6)
    }
}

impl Lines {
    fn read(root: &Fields<'_>) -> Self {
        let mut read = Self { elements: Vec::new(), successors: Vec::new(), predecessors: Vec::new() };
        let mut by_uid = BTreeMap::new();
        for entry in root.objects_up_to("elements", MOST_ELEMENTS) {
            let uid = entry.text("uid").to_owned();
            let entry = entry.called(format!("element \"{uid}\""));
            if by_uid.insert(uid.clone(), read.elements.len()).is_some() {
                entry.error("DUPLICATE_ID", "uid", "is there twice");
            }
            let location =
                entry.optional_object("metadata").and_then(|data| data.optional_object("location"));
            let degrees = |key| location.as_ref().and_then(|place| place.optional_number(key, Range::Any));
            let place = (degrees("latitude"), degrees("longitude"));
            let city = location.as_ref().and_then(|place| place.optional_text("city")).unwrap_or_default();
            read.elements.push(Element {
                uid,
                pointer: entry.pointer("uid"),
                part: part(&entry),
                // Nowhere in GNPy is in the Gulf of Guinea.
                place: if place == (Some(0.0), Some(0.0)) { (None, None) } else { place },
                city: city.to_owned(),
            });
        }
        read.successors = vec![Vec::new(); read.elements.len()];
        read.predecessors = vec![Vec::new(); read.elements.len()];
        for connection in root.objects_up_to("connections", 2 * MOST_ELEMENTS) {
            let end = |key| {
                let uid = connection.text(key);
                let index = by_uid.get(uid).copied();
                if index.is_none() && !uid.is_empty() {
                    let detail = format!("{key} is \"{uid}\", which is no element");
                    connection.error("UNKNOWN_ELEMENT", key, &detail);
                }
                index
            };
            let (Some(from), Some(to)) = (end("from_node"), end("to_node")) else { continue };
            if read.successors[from].len() >= MOST_NEIGHBOURS {
                let detail = format!("more than {MOST_NEIGHBOURS} connections of one element");
                connection.error("TOO_LARGE", "from_node", &detail);
                return read;
            }
            if !read.successors[from].contains(&to) {
                read.successors[from].push(to);
                read.predecessors[to].push(from);
            }
        }
        read
    }

    /// The sites and what they are called.
    fn sites(&self) -> BTreeMap<usize, String> {
        let beside_roadm = |at: usize| {
            let mut neighbours = self.successors[at].iter().chain(&self.predecessors[at]);
            neighbours.any(|&next| matches!(self.elements[next].part, Part::Roadm))
        };
        let is_site = |at: &usize| match self.elements[*at].part {
            Part::Roadm => true,
            Part::Transceiver => !beside_roadm(*at),
            _ => false,
        };
        let sites: Vec<usize> = (0..self.elements.len()).filter(is_site).collect();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for &site in &sites {
            *times.entry(site_name(&self.elements[site].uid)).or_default() += 1;
        }
        let name = |site: usize| {
            let uid = &self.elements[site].uid;
            let short = site_name(uid);
            if times[short] == 1 && !short.is_empty() { short.to_owned() } else { uid.clone() }
        };
        sites.into_iter().map(|site| (site, name(site))).collect()
    }

    fn into_topology(self, made: &mut Topology, notes: &mut Vec<Finding>, log: &Log) {
        let sites = self.sites();
        for (&at, id) in &sites {
            let element = &self.elements[at];
            let mut node = Node::roadm(id.clone());
            (node.lat, node.lon) = element.place;
            if element.city != *id {
                node.name.clone_from(&element.city);
            }
            if matches!(element.part, Part::Transceiver) {
                node.kind = NodeKind::Terminal;
            }
            made.nodes.push(node);
        }
        let mut runs: BTreeMap<(usize, usize), Vec<Run>> = BTreeMap::new();
        for &from in sites.keys() {
            for &first in &self.successors[from] {
                if let Some(run) = self.walk(from, first, &sites, log) {
                    runs.entry((from, run.to)).or_default().push(run);
                }
            }
        }
        let mut ids = LinkIds::default();
        let pairs: Vec<(usize, usize)> = runs.keys().copied().filter(|(from, to)| from < to).collect();
        for (a, b) in pairs {
            let back = runs.remove(&(b, a)).unwrap_or_default();
            let there = runs.remove(&(a, b)).unwrap_or_default();
            let (name_a, name_b) = (&sites[&a], &sites[&b]);
            made.links.extend(links(there, back, name_a, name_b, &mut ids, notes));
        }
        for ((from, to), left) in runs {
            for _ in left {
                notes.push(one_way(&sites[&from], &sites[&to]));
            }
        }
    }

    /// Follows a line from a site to the next one; none if it only joins a transceiver, or ends nowhere.
    fn walk(&self, from: usize, first: usize, sites: &BTreeMap<usize, String>, log: &Log) -> Option<Run> {
        let mut spans: Vec<Span> = Vec::new();
        let mut splice_db: Option<f64> = None;
        let mut at = first;
        for _ in 0..=self.elements.len() {
            if sites.contains_key(&at) {
                if spans.is_empty() {
                    let detail = format!(
                        "no fibre lies between \"{}\" and \"{}\"",
                        self.elements[from].uid, self.elements[at].uid
                    );
                    log.error("NO_FIBRE", self.elements[from].pointer.clone(), detail);
                    return None;
                }
                if at == from {
                    return self.lost(from, at, "comes back to where it began", log);
                }
                return Some(Run { to: at, spans });
            }
            match &self.elements[at].part {
                Part::Transceiver | Part::Roadm => return None,
                Part::Splice(loss_db) => splice_db = Some(splice_db.unwrap_or(0.0) + loss_db),
                Part::Amplifier(kind) => {
                    splice_db = None;
                    if let Some(span) = spans.last_mut() {
                        span.amplifier.clone_from(kind);
                    }
                }
                Part::Fibre(span) => match (splice_db.take(), spans.last_mut()) {
                    (Some(splice_db), Some(last)) if last.amplifier.is_none() => join(last, span, splice_db),
                    _ => spans.push(span.clone()),
                },
            }
            match self.successors[at].as_slice() {
                [next] => at = *next,
                [] => return self.lost(from, at, "ends at", log),
                _ => return self.lost(from, at, "branches at", log),
            }
        }
        self.lost(from, at, "runs in circles at", log)
    }

    fn lost(&self, from: usize, at: usize, what: &str, log: &Log) -> Option<Run> {
        let detail =
            format!("the line from \"{}\" {what} \"{}\"", self.elements[from].uid, self.elements[at].uid);
        log.error("BROKEN_LINE", self.elements[at].pointer.clone(), detail);
        None
    }
}

fn site_name(uid: &str) -> &str {
    uid.strip_prefix("roadm ").or_else(|| uid.strip_prefix("trx ")).unwrap_or(uid)
}

/// Joins a piece of fibre to the one before it; the type is that of the longer one.
fn join(span: &mut Span, piece: &Span, splice_db: f64) {
    if piece.length_km > span.length_km {
        span.fibre_type.clone_from(&piece.fibre_type);
    }
    span.length_km = rounded(span.length_km + piece.length_km, 6);
    span.loss_db = span.loss_db.zip(piece.loss_db).map(|(one, other)| rounded(one + other + splice_db, 6));
}

fn part(entry: &Fields<'_>) -> Part {
    match entry.text("type") {
        "Transceiver" => Part::Transceiver,
        "Roadm" => Part::Roadm,
        "Fused" => {
            let params = entry.optional_object("params");
            Part::Splice(params.map_or(1.0, |params| params.number_or("loss", Range::NotNegative, 1.0)))
        }
        "Fiber" | "RamanFiber" => Part::Fibre(span(entry)),
        "Edfa" | "Multiband_amplifier" => Part::Amplifier(
            entry.optional_text("type_variety").filter(|name| *name != "default").map(str::to_owned),
        ),
        "" => Part::Amplifier(None),
        kind => {
            entry.error("UNKNOWN_TYPE", "type", &format!("type is \"{kind}\", which is no kind of element"));
            Part::Amplifier(None)
        }
    }
}

fn span(entry: &Fields<'_>) -> Span {
    let Some(params) = entry.object("params") else {
        return Span { length_km: 0.0, fibre_type: String::new(), loss_db: None, amplifier: None };
    };
    let length_km = params.number("length", Range::Positive) * length_unit(&params, "length_units") * 1e-3;
    let lumped: f64 =
        params.objects("lumped_losses").iter().map(|loss| loss.number("loss", Range::NotNegative)).sum();
    // A table that does not say is as good as none.
    let per_km = fibres::loss(&params).at(fibres::REFERENCE_FREQUENCY_HZ);
    Span {
        length_km: rounded(length_km, 6),
        fibre_type: entry.optional_text("type_variety").unwrap_or_default().to_owned(),
        loss_db: per_km.map(|per_km| rounded(per_km * length_km + lumped, 6)),
        amplifier: None,
    }
}

#[derive(Default)]
struct LinkIds(std::collections::BTreeSet<String>);

impl LinkIds {
    /// `A-B`, and `A-B (2)` for the second of parallel ones.
    fn next(&mut self, a: &str, b: &str) -> String {
        let mut id = format!("{a}-{b}");
        let mut times = 1;
        while !self.0.insert(id.clone()) {
            times += 1;
            id = format!("{a}-{b} ({times})");
        }
        id
    }
}

/// One link for each line that has one back.
fn links(
    there: Vec<Run>,
    mut back: Vec<Run>,
    a: &str,
    b: &str,
    ids: &mut LinkIds,
    notes: &mut Vec<Finding>,
) -> Vec<Link> {
    let mut made = Vec::new();
    for run in there {
        let apart = |other: &Run| (other.length_km() - run.length_km()).abs();
        let closest =
            (0..back.len()).min_by(|&one, &other| apart(&back[one]).total_cmp(&apart(&back[other])));
        let Some(closest) = closest else {
            notes.push(one_way(a, b));
            continue;
        };
        let reverse = back.remove(closest);
        let mut link = Link::new(ids.next(a, b), a, b, run.length_km());
        let alike = run.spans.iter().eq(reverse.spans.iter().rev());
        link.fibres = vec![Fibre {
            id: "1".to_owned(),
            spans_ab: run.spans,
            spans_ba: (!alike).then_some(reverse.spans),
        }];
        made.push(link);
    }
    notes.extend(back.iter().map(|_| one_way(b, a)));
    made
}

fn one_way(from: &str, to: &str) -> Finding {
    Finding::note(
        "ONE_WAY",
        "",
        format!("a line leads from \"{from}\" to \"{to}\", and none back: it is no link"),
    )
}
