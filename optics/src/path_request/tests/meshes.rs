//! Meshes for tests: sites with a ROADM and a transceiver each, joined by pairs of fibres.

use super::super::disjunction::Member;
use super::super::sections::{SectionIndex, Sections, VertexIndex};
use super::super::{IncludedNode, PathRequest};
use crate::line::LineNetwork;
use crate::line::fixture::{Line, fibre, roadm, transceiver};

/// A mesh of links: both sites, and the length in km. Fibres are named `A>B`, a second one between the same sites `A>B'`.
pub(super) fn mesh(links: &[(&str, &str, f64)]) -> LineNetwork {
    let mut line = Line::new();
    let mut sites: Vec<&str> = links.iter().flat_map(|&(a, b, _)| [a, b]).collect();
    sites.sort_unstable();
    sites.dedup();
    for site in sites {
        line = line.with(vec![transceiver(&format!("trx {site}")), roadm(site)]);
    }
    let mut network = line.done();
    let index = |network: &LineNetwork, uid: &str| network.index_of(uid).expect("it is there");
    for position in 0..network.len() {
        if let Some(site) = network.element(position).uid.strip_prefix("trx ").map(str::to_owned) {
            let roadm = index(&network, &site);
            network.connect(position, roadm);
            network.connect(roadm, position);
        }
    }
    for &(a, b, km) in links {
        for (from, to) in [(a, b), (b, a)] {
            let mut uid = format!("{from}>{to}");
            while network.index_of(&uid).is_some() {
                uid.push('\'');
            }
            let span = network.add(fibre(&uid, km)).expect("a new name");
            let (from, to) = (index(&network, from), index(&network, to));
            network.connect(from, span);
            network.connect(span, to);
        }
    }
    network
}

/// The ends of a request from one site to another.
pub(super) fn ends(
    network: &LineNetwork,
    graph: &Sections,
    from: &str,
    to: &str,
) -> (VertexIndex, VertexIndex) {
    let vertex = |site: &str| {
        network.index_of(&format!("trx {site}")).and_then(|element| graph.vertex(element)).expect("a site")
    };
    (vertex(from), vertex(to))
}

/// The sites a route passes, in one string.
pub(super) fn sites(network: &LineNetwork, graph: &Sections, route: &[SectionIndex]) -> String {
    let uids = graph.elements(route).into_iter().map(|element| network.element(element).uid.as_str());
    uids.filter(|uid| !uid.contains('>') && !uid.contains(' ')).collect()
}

/// Elements to pass; a `!` makes one binding.
pub(super) fn include(names: &str) -> Vec<IncludedNode> {
    let node =
        |name: &str| IncludedNode { uid: name.trim_end_matches('!').to_owned(), strict: name.ends_with('!') };
    names.split_whitespace().map(node).collect()
}

pub(super) fn member(network: &LineNetwork, graph: &Sections, from: &str, to: &str, names: &str) -> Member {
    Member::new(network, graph, ends(network, graph, from, to), &include(names))
}

/// A request for 100 Gbit/s in mode `100G`.
pub(super) fn request(id: &str, from: &str, to: &str) -> PathRequest {
    PathRequest {
        id: id.to_owned(),
        source: format!("trx {from}"),
        destination: format!("trx {to}"),
        bidirectional: false,
        transceiver: "any".to_owned(),
        mode: Some("100G".to_owned()),
        spacing_hz: 50e9,
        channels: None,
        reference_power_w: None,
        tx_power_w: None,
        rate_bit_per_s: 100e9,
        include: Vec::new(),
        slots: Vec::new(),
    }
}

/// All simple routes between two vertices of at most so many steps, by weight.
pub(super) fn all_routes(
    graph: &Sections,
    (from, to): (VertexIndex, VertexIndex),
    most_steps: u32,
) -> Vec<Vec<SectionIndex>> {
    fn extend(
        graph: &Sections,
        to: VertexIndex,
        steps_left: u32,
        met: &mut Vec<VertexIndex>,
        route: &mut Vec<SectionIndex>,
        found: &mut Vec<Vec<SectionIndex>>,
    ) {
        let here = *met.last().expect("the start");
        if here == to {
            found.push(route.clone());
            return;
        }
        for section in graph.leaving(here) {
            let next = graph.section(section).to;
            if let Some(left) = steps_left.checked_sub(graph.section(section).steps)
                && !met.contains(&next)
            {
                met.push(next);
                route.push(section);
                extend(graph, to, left, met, route, found);
                route.pop();
                met.pop();
            }
        }
    }
    let mut found = Vec::new();
    extend(graph, to, most_steps, &mut vec![from], &mut Vec::new(), &mut found);
    found.sort_by(|a, b| graph.weight(a).total_cmp(&graph.weight(b)));
    found
}
