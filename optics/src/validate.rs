//! Whether documents make sense: every fault is reported, each with a pointer to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Findings};
use crate::grid::Grid;
use crate::topology::{AddDropKind, Node, NodeKind, Topology};
use crate::traffic::{Demand, Protection, TrafficMatrix};

/// Most nodes of a topology: ten times the largest national networks, and memory stays below a gigabyte.
pub const MAX_NODES: usize = 10_000;
/// Most links of a topology.
pub const MAX_LINKS: usize = 50_000;
/// Most fibre pairs of one link.
pub const MAX_FIBRES: usize = 1_000;
/// Most demands of a traffic matrix: all pairs of 1,000 nodes.
pub const MAX_DEMANDS: usize = 500_000;
/// Most client services of a traffic matrix.
pub const MAX_SERVICES: usize = 2_000_000;
/// Largest rate of a demand in Gb/s; what is above is a mistake of units.
pub const MAX_RATE_GBPS: f64 = 1e9;
/// Longest id or name in bytes.
pub const MAX_ID_BYTES: usize = 256;
/// Largest distance of a slice from 193.1 THz: ±25 THz, more than a fibre carries.
const MAX_SLICE: i32 = 4_000;

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

/// Everything wrong with a grid that does not stand in a topology. The pointers begin with `pointer`.
#[must_use]
pub fn validate_grid(grid: &Grid, pointer: &str) -> Vec<Finding> {
    let mut found = Findings::default();
    check_grid(&mut found, pointer, grid);
    found.into_vec()
}

fn check_grid(found: &mut Findings, at: &str, grid: &Grid) {
    let mut wrong = |field: &str, detail: String| found.error("GRID", format!("{at}/{field}"), detail);
    if grid.n_min >= grid.n_max {
        wrong("n_max", format!("n_max {} must lie above n_min {}", grid.n_max, grid.n_min));
    }
    for (field, n) in [("n_min", grid.n_min), ("n_max", grid.n_max)] {
        if n.unsigned_abs() > MAX_SLICE.unsigned_abs() {
            wrong(field, format!("{n} is further than {MAX_SLICE} slices from 193.1 THz"));
        }
    }
    if grid.slice_ghz.to_bits() != 6.25_f64.to_bits() {
        wrong("slice_ghz", format!("{} is not 6.25, the slice of ITU-T G.694.1", grid.slice_ghz));
    }
    if grid.min_m == 0 || grid.min_m > MAX_SLICE.unsigned_abs() {
        wrong("min_m", format!("{} is not a slot width: it must be at least 1", grid.min_m));
    }
    if let Some(spacing) = grid.fixed_spacing_ghz {
        let units = spacing / 12.5;
        if !spacing.is_finite() || spacing <= 0.0 || (units - units.round()).abs() > 1e-9 || units > 2_000.0 {
            wrong("fixed_spacing_ghz", format!("{spacing} is not a positive multiple of 12.5 GHz"));
        } else if grid.n_min < grid.n_max && grid.channels().unwrap_or(0) == 0 {
            wrong("fixed_spacing_ghz", format!("no channel of {spacing} GHz fits into the grid"));
        }
    }
}

fn check_fibres(found: &mut Findings, at: &str, link: &crate::topology::Link) {
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

/// Everything wrong with a traffic matrix in itself. Usable if none [is an error](Finding::is_error).
#[must_use]
pub fn validate_traffic(traffic: &TrafficMatrix) -> Vec<Finding> {
    let mut found = Findings::default();
    if traffic.demands.is_empty() {
        found.note("NO_DEMANDS", "/demands", "nothing is asked for: the plan will be empty");
    }
    too_many(&mut found, "/demands", traffic.demands.len(), MAX_DEMANDS);
    let services: usize = traffic.demands.iter().flat_map(|d| &d.services).map(|g| g.ids.len()).sum();
    too_many(&mut found, "/demands", services, MAX_SERVICES);
    let mut ids = BTreeSet::new();
    let mut service_ids = BTreeSet::new();
    for (i, demand) in traffic.demands.iter().enumerate() {
        let at = format!("/demands/{i}");
        check_id(&mut found, &format!("{at}/id"), &demand.id);
        if !ids.insert(demand.id.as_str()) {
            found.error(
                "DUPLICATE_ID",
                format!("{at}/id"),
                format!("demand `{}` is there already", demand.id),
            );
        }
        check_demand(&mut found, &at, demand);
        for (j, group) in demand.services.iter().enumerate() {
            for (k, id) in group.ids.iter().enumerate() {
                let at = || format!("{at}/services/{j}/ids/{k}");
                if id.is_empty() || id.len() > MAX_ID_BYTES {
                    check_id(&mut found, &at(), id);
                }
                if !service_ids.insert(id.as_str()) {
                    found.error("DUPLICATE_ID", at(), format!("service `{id}` is there already"));
                }
            }
        }
    }
    found.into_vec()
}

fn check_demand(found: &mut Findings, at: &str, demand: &Demand) {
    if demand.a == demand.b {
        found.error("SELF_DEMAND", at, format!("demand `{}` begins and ends at `{}`", demand.id, demand.a));
    }
    check_amount(found, &format!("{at}/rate_ab_gbps"), demand.rate_ab_gbps, MAX_RATE_GBPS);
    check_amount(found, &format!("{at}/rate_ba_gbps"), demand.rate_ba_gbps, MAX_RATE_GBPS);
    check_amount(found, &format!("{at}/max_latency_us"), demand.max_latency_us, 1e9);
    if demand.min_margin_db.is_some_and(|db| !db.is_finite()) {
        found.error("NUMBER", format!("{at}/min_margin_db"), "must be a finite number");
    }
    if let Protection::OnePlusOne { differential_delay_us, .. } = &demand.protection {
        check_amount(found, &format!("{at}/protection/differential_delay_us"), *differential_delay_us, 1e9);
    }
    let rated = demand.rate_ab_gbps.is_some() || demand.rate_ba_gbps.is_some();
    if rated && !demand.services.is_empty() {
        found.error(
            "RATE_AND_SERVICES",
            at,
            format!("demand `{}` gives both rates and services; it may give one of them", demand.id),
        );
    }
    if !rated && demand.services.is_empty() {
        found.note("NO_RATE", at, format!("demand `{}` has neither a rate nor services", demand.id));
    }
}

/// Everything that keeps a traffic matrix from being planned on a topology, beside what is wrong with either of them.
#[must_use]
pub fn validate_traffic_on(traffic: &TrafficMatrix, topology: &Topology) -> Vec<Finding> {
    let mut found = Findings::default();
    let nodes: BTreeMap<&str, &Node> = topology.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let links: BTreeSet<&str> = topology.links.iter().map(|link| link.id.as_str()).collect();
    for (i, demand) in traffic.demands.iter().enumerate() {
        let at = format!("/demands/{i}");
        for (field, end) in [("a", &demand.a), ("b", &demand.b)] {
            match nodes.get(end.as_str()) {
                None => found.error(
                    "UNKNOWN_NODE",
                    format!("{at}/{field}"),
                    format!("demand `{}` ends at `{end}`, which is no node of the topology", demand.id),
                ),
                Some(node) if node.kind == NodeKind::Ila => found.error(
                    "ENDS_AT_ILA",
                    format!("{at}/{field}"),
                    format!("demand `{}` ends at `{end}`, where nothing is added or dropped", demand.id),
                ),
                Some(_) => {}
            }
        }
        for (field, names) in [("include", &demand.include), ("exclude_nodes", &demand.exclude_nodes)] {
            for (j, name) in names.iter().enumerate() {
                if !nodes.contains_key(name.as_str()) {
                    found.error(
                        "UNKNOWN_NODE",
                        format!("{at}/{field}/{j}"),
                        format!("demand `{}` names `{name}`, which is no node of the topology", demand.id),
                    );
                }
                if field == "exclude_nodes"
                    && (*name == demand.a || *name == demand.b || demand.include.contains(name))
                {
                    found.error(
                        "CONTRADICTION",
                        format!("{at}/{field}/{j}"),
                        format!("demand `{}` must visit `{name}` and must not", demand.id),
                    );
                }
            }
        }
        for (j, name) in demand.exclude_links.iter().enumerate() {
            if !links.contains(name.as_str()) {
                found.error(
                    "UNKNOWN_LINK",
                    format!("{at}/exclude_links/{j}"),
                    format!("demand `{}` names `{name}`, which is no link of the topology", demand.id),
                );
            }
        }
    }
    found.into_vec()
}

fn too_many(found: &mut Findings, at: &str, count: usize, most: usize) {
    if count > most {
        found.error("TOO_MANY", at, format!("{count} is above the limit of {most}"));
    }
}

fn check_id(found: &mut Findings, at: &str, id: &str) {
    if id.is_empty() {
        found.error("EMPTY_ID", at, "an id must not be empty");
    } else if id.len() > MAX_ID_BYTES {
        found.error("LONG_ID", at, format!("an id has at most {MAX_ID_BYTES} bytes, this one {}", id.len()));
    } else if id.contains(char::is_control) {
        found.error("CONTROL_CHARACTER", at, "an id must not contain control characters");
    }
}

fn check_amount(found: &mut Findings, at: &str, value: Option<f64>, most: f64) {
    let Some(value) = value else { return };
    if !value.is_finite() {
        found.error("NUMBER", at, format!("{value} is not a finite number"));
    } else if value < 0.0 {
        found.error("NEGATIVE", at, format!("{value} must not be negative"));
    } else if value > most {
        found.error("TOO_LARGE", at, format!("{value} is above the limit of {most}"));
    }
}
