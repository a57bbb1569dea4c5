//! Whether a topology is one: ids, ends, amounts, banks, shared risks, islands.

use std::collections::{BTreeMap, BTreeSet};

use super::grid::check_grid;
use super::{MAX_FIBRES, MAX_ID_BYTES, MAX_LINKS, MAX_NODES, check_amount, check_id, too_many};
use crate::finding::{Finding, Findings};
use crate::topology::{AddDropKind, Link, Node, NodeKind, Topology};

/// Everything wrong with a topology, and notes on what may surprise. Usable if none [is an error](Finding::is_error).
#[must_use]
pub fn validate_topology(topology: &Topology) -> Vec<Finding> {
    let mut found = Findings::default();
    if topology.nodes.is_empty() {
        found.error("NO_NODES", "/nodes", "a topology needs at least one node");
    }
    too_many(&mut found, "/nodes", topology.nodes.len(), MAX_NODES);
    too_many(&mut found, "/links", topology.links.len(), MAX_LINKS);
    if let Some(grid) = &topology.grid {
        check_grid(&mut found, "/grid", grid);
    }

    let mut nodes = BTreeMap::new();
    for (i, node) in topology.nodes.iter().enumerate() {
        let at = format!("/nodes/{i}");
        check_id(&mut found, &format!("{at}/id"), &node.id);
        if nodes.insert(node.id.as_str(), i).is_some() {
            found.error("DUPLICATE_ID", format!("{at}/id"), format!("node `{}` is there already", node.id));
        }
    }
    let mut links = BTreeMap::new();
    let mut degrees: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); topology.nodes.len()];
    for (i, link) in topology.links.iter().enumerate() {
        let at = format!("/links/{i}");
        check_id(&mut found, &format!("{at}/id"), &link.id);
        if links.insert(link.id.as_str(), i).is_some() {
            found.error("DUPLICATE_ID", format!("{at}/id"), format!("link `{}` is there already", link.id));
        }
        for (field, end) in [("a", &link.a), ("b", &link.b)] {
            if let Some(&node) = nodes.get(end.as_str()) {
                degrees[node].insert(&link.id);
            } else {
                found.error(
                    "UNKNOWN_NODE",
                    format!("{at}/{field}"),
                    format!("link `{}` ends at `{end}`, which is no node", link.id),
                );
            }
        }
        if link.a == link.b {
            found.error(
                "SELF_LOOP",
                at.clone(),
                format!("link `{}` begins and ends at `{}`", link.id, link.a),
            );
        }
        check_amount(&mut found, &format!("{at}/length_km"), Some(link.length_km), 1e6);
        check_amount(&mut found, &format!("{at}/latency_us"), link.latency_us, 1e8);
        check_amount(&mut found, &format!("{at}/cuts_per_1000km_year"), link.cuts_per_1000km_year, 1e6);
        check_amount(&mut found, &format!("{at}/mttr_h"), link.mttr_h, 1e6);
        check_fibres(&mut found, &at, link);
    }
    for (i, node) in topology.nodes.iter().enumerate() {
        check_node(&mut found, &format!("/nodes/{i}"), node, &degrees[nodes[node.id.as_str()]], &links);
    }
    check_risks(&mut found, topology, &nodes, &links);
    note_islands(&mut found, topology, &nodes);
    found.into_vec()
}

fn check_fibres(found: &mut Findings, at: &str, link: &Link) {
    too_many(found, &format!("{at}/fibres"), link.fibres.len(), MAX_FIBRES);
    let mut seen = BTreeSet::new();
    for (j, fibre) in link.fibres.iter().enumerate() {
        let at = format!("{at}/fibres/{j}");
        check_id(found, &format!("{at}/id"), &fibre.id);
        if !seen.insert(fibre.id.as_str()) {
            found.error(
                "DUPLICATE_ID",
                format!("{at}/id"),
                format!("link `{}` has fibre `{}` already", link.id, fibre.id),
            );
        }
        let ways = [("spans_ab", Some(&fibre.spans_ab)), ("spans_ba", fibre.spans_ba.as_ref())];
        for (field, spans) in ways {
            for (k, span) in spans.into_iter().flatten().enumerate() {
                let at = format!("{at}/{field}/{k}");
                check_amount(found, &format!("{at}/length_km"), Some(span.length_km), 1e6);
                check_amount(found, &format!("{at}/loss_db"), span.loss_db, 1e4);
            }
        }
    }
    for (j, range) in link.unavailable.iter().enumerate() {
        let at = format!("{at}/unavailable/{j}");
        if range.n_lo >= range.n_hi {
            found.error(
                "EMPTY_RANGE",
                at.clone(),
                format!("n_hi {} must lie above n_lo {}", range.n_hi, range.n_lo),
            );
        }
        if let Some(fibre) = &range.fibre {
            let known = if link.fibres.is_empty() { fibre == "1" } else { seen.contains(fibre.as_str()) };
            if !known {
                found.error(
                    "UNKNOWN_FIBRE",
                    format!("{at}/fibre"),
                    format!("link `{}` has no fibre `{fibre}`", link.id),
                );
            }
        }
    }
}

fn check_node(
    found: &mut Findings,
    at: &str,
    node: &Node,
    degrees: &BTreeSet<&str>,
    links: &BTreeMap<&str, usize>,
) {
    for (field, value, most) in [("lat", node.lat, 90.0), ("lon", node.lon, 180.0)] {
        if let Some(value) = value.filter(|v| !v.is_finite() || v.abs() > most) {
            found.error(
                "COORDINATE",
                format!("{at}/{field}"),
                format!("{value} is not within ±{most} degrees"),
            );
        }
    }
    if node.name.len() > MAX_ID_BYTES || node.name.contains(char::is_control) {
        found.error("NAME", format!("{at}/name"), "a name has at most 256 bytes and no control characters");
    }
    if node.lat.is_some() != node.lon.is_some() {
        found.error(
            "COORDINATE",
            at,
            format!("node `{}` has one coordinate; it needs both or none", node.id),
        );
    }
    if node.kind == NodeKind::Ila {
        if !node.add_drop.is_empty() {
            found.error(
                "ILA_ADD_DROP",
                format!("{at}/add_drop"),
                format!("nothing is added or dropped at the amplifier site `{}`", node.id),
            );
        }
        if degrees.len() != 2 {
            found.note(
                "ILA_DEGREE",
                at,
                format!("amplifier site `{}` has {} links, not two", node.id, degrees.len()),
            );
        }
    }
    let mut banks = BTreeSet::new();
    for (j, bank) in node.add_drop.iter().enumerate() {
        let at = format!("{at}/add_drop/{j}");
        check_id(found, &format!("{at}/bank"), &bank.bank);
        if !banks.insert(bank.bank.as_str()) {
            found.error(
                "DUPLICATE_ID",
                format!("{at}/bank"),
                format!("node `{}` has bank `{}` already", node.id, bank.bank),
            );
        }
        let mut seen = BTreeSet::new();
        for (k, degree) in bank.degrees.iter().enumerate() {
            let at = format!("{at}/degrees/{k}");
            if !links.contains_key(degree.as_str()) {
                found.error(
                    "UNKNOWN_LINK",
                    at,
                    format!("bank `{}` serves `{degree}`, which is no link", bank.bank),
                );
            } else if !degrees.contains(degree.as_str()) {
                found.error(
                    "NOT_A_DEGREE",
                    at,
                    format!("link `{degree}` does not end at node `{}`", node.id),
                );
            } else if !seen.insert(degree.as_str()) {
                found.error(
                    "DUPLICATE_ID",
                    at,
                    format!("bank `{}` lists degree `{degree}` twice", bank.bank),
                );
            }
        }
        let one_degree = matches!(bank.kind, AddDropKind::Fixed | AddDropKind::Colourless);
        let served = if bank.degrees.is_empty() { degrees.len() } else { bank.degrees.len() };
        if one_degree && served > 1 {
            found.error(
                "BANK_DEGREES",
                format!("{at}/degrees"),
                format!("bank `{}` is of a kind that serves one degree and must name it", bank.bank),
            );
        }
        if let Some(most) = bank.max_same_slot {
            if bank.kind != AddDropKind::Cdc {
                found.error(
                    "MAX_SAME_SLOT",
                    format!("{at}/max_same_slot"),
                    format!("only a CDC bank takes a slot several times; `{}` is none", bank.bank),
                );
            } else if most == 0 {
                found.error("MAX_SAME_SLOT", format!("{at}/max_same_slot"), "must be at least 1");
            }
        }
    }
}

fn check_risks(
    found: &mut Findings,
    topology: &Topology,
    nodes: &BTreeMap<&str, usize>,
    links: &BTreeMap<&str, usize>,
) {
    let mut risks = BTreeSet::new();
    for (i, risk) in topology.srlgs.iter().enumerate() {
        let at = format!("/srlgs/{i}");
        check_id(found, &format!("{at}/id"), &risk.id);
        if !risks.insert(risk.id.as_str()) {
            found.error(
                "DUPLICATE_ID",
                format!("{at}/id"),
                format!("shared risk `{}` is there already", risk.id),
            );
        }
        for (j, member) in risk.members.iter().enumerate() {
            if !links.contains_key(member.as_str()) && !nodes.contains_key(member.as_str()) {
                found.error(
                    "UNKNOWN_MEMBER",
                    format!("{at}/members/{j}"),
                    format!("`{member}` is neither a link nor a node"),
                );
            }
        }
        if risk.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            found.error("NUMBER", format!("{at}/probability"), "must lie between 0 and 1");
        }
    }
    for (i, link) in topology.links.iter().enumerate() {
        for (j, risk) in link.srlgs.iter().enumerate() {
            if !risks.contains(risk.as_str()) {
                found.error(
                    "UNKNOWN_SRLG",
                    format!("/links/{i}/srlgs/{j}"),
                    format!("`{risk}` is no shared risk of this topology"),
                );
            }
        }
    }
}

/// A disconnected network is a note: planning it blocks what cannot be reached, with that as evidence.
fn note_islands(found: &mut Findings, topology: &Topology, nodes: &BTreeMap<&str, usize>) {
    let mut root: Vec<usize> = (0..topology.nodes.len()).collect();
    for link in &topology.links {
        if let (Some(&a), Some(&b)) = (nodes.get(link.a.as_str()), nodes.get(link.b.as_str())) {
            let (a, b) = (find(&mut root, a), find(&mut root, b));
            root[a] = b;
        }
    }
    let mut islands: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for &v in nodes.values() {
        let r = find(&mut root, v);
        islands.entry(r).or_default().push(&topology.nodes[v].id);
    }
    if islands.len() > 1 {
        let mut sorted: Vec<_> = islands.into_values().collect();
        sorted.sort_by_key(|island| std::cmp::Reverse(island.len()));
        let small: Vec<String> = sorted[1..]
            .iter()
            .take(5)
            .map(|island| format!("{{{}}}", island.iter().take(8).copied().collect::<Vec<_>>().join(", ")))
            .collect();
        found.note(
            "DISCONNECTED",
            "/links",
            format!(
                "the network has {} parts without a link between them; apart: {}",
                sorted.len(),
                small.join(" ")
            ),
        );
    }
}

/// The representative of `v` among what is joined, halving the way to it.
fn find(root: &mut [usize], mut v: usize) -> usize {
    while root[v] != v {
        root[v] = root[root[v]];
        v = root[v];
    }
    v
}
