//! What a planning run gives back: the plan, its key figures, and the use of links and nodes.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::{DEFAULT_BANK, DEFAULT_FIBRE, LATENCY_US_PER_KM, channel_count, unavailable};
use crate::plan::{Direction, Lightpath, LightpathPath, LightpathState, PathRole, Plan, Summary};
use crate::request::LightpathRequest;
use crate::topology::{LengthOrigin, Link, NodeKind, Topology};

/// The report of `rwa` and, embedded, of `design`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanReport {
    /// Key figures.
    pub summary: Summary,
    /// The plan.
    pub plan: Plan,
    /// Use of every fibre pair, in the order of the topology.
    pub links: Vec<LinkUse>,
    /// Use of every node, in the order of the topology.
    pub nodes: Vec<NodeUse>,
    /// How much longer than necessary the routes are, and how long.
    pub routes: RouteFigures,
    /// What differs from the plan that the run started from.
    pub changes: Changes,
    /// How lengths came about, where they were not given, in the topology's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<LengthOrigin>,
}

/// Use of a fibre pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkUse {
    /// Id of the link.
    pub link: String,
    /// Id of the fibre pair in it.
    pub fibre: String,
    /// Channels (fixed grid) or slices (flexible grid) in use.
    pub used: u32,
    /// Channels or slices it has, without the unavailable ones.
    pub capacity: u32,
    /// `used / capacity`; 0 without capacity.
    pub share: f64,
    /// Longest run of free neighbouring channels or slices.
    pub largest_free: u32,
    /// 1 − longest free run / all free: 0 while what is free is in one piece.
    pub fragmentation: f64,
}

/// Use of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeUse {
    /// Its id.
    pub node: String,
    /// Transponders that end lightpaths.
    pub transponders: u32,
    /// Regenerators.
    pub regenerators: u32,
    /// Lightpaths' paths that pass through optically.
    pub express: u32,
    /// Ports in use in each bank, in the order of the topology.
    pub banks: Vec<BankUse>,
}

/// Use of an add/drop bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BankUse {
    /// Its id.
    pub bank: String,
    /// Ports in use.
    pub used: u32,
    /// Ports it has; absent for unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<u32>,
    /// Most ports that add and drop the same slot.
    pub same_slot: u32,
}

/// Lengths of routes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteFigures {
    /// Length of all working paths over the length of the shortest routes between their ends; 1 for none.
    pub detour_ratio: f64,
    /// Largest such ratio of one lightpath.
    pub max_detour_ratio: f64,
    /// The lightpath that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_detour_lightpath: Option<String>,
    /// Mean one-way latency of working paths in microseconds.
    pub mean_latency_us: f64,
    /// Largest one-way latency of a working or protection path in microseconds.
    pub max_latency_us: f64,
}

/// What differs from the plan that a run started from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Lightpaths that are new.
    pub added: u32,
    /// Lightpaths that were there and are unchanged.
    pub kept: u32,
    /// Lightpaths that were there and moved.
    pub moved: u32,
    /// Lightpaths that were there and are gone.
    pub removed: u32,
}

impl PlanReport {
    /// Describes `plan`, which must only name what `topology` has; otherwise what it names is not counted.
    ///
    /// Time: one shortest-path search for each distinct first end, beside what is linear in the plan.
    #[must_use]
    pub fn describe(topology: &Topology, requests: &[LightpathRequest], plan: Plan) -> Self {
        let links: BTreeMap<&str, &Link> =
            topology.links.iter().map(|link| (link.id.as_str(), link)).collect();
        let summary = summarise(&links, requests, &plan);
        let (link_use, node_use) = (use_of_links(topology, &plan), use_of_nodes(topology, &links, &plan));
        let routes = figures(topology, &links, &plan);
        let changes = changes(&plan);
        Self {
            summary,
            plan,
            links: link_use,
            nodes: node_use,
            routes,
            changes,
            lengths: topology.lengths.clone(),
        }
    }
}

fn figure(value: f64) -> f64 {
    // A millionth is far below what anyone measures; it keeps sums from showing the order they were added in.
    let rounded = (value * 1e6).round() / 1e6;
    if rounded == 0.0 { 0.0 } else { rounded }
}

fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn length_of(links: &BTreeMap<&str, &Link>, path: &LightpathPath) -> f64 {
    hops(path).filter_map(|hop| links.get(hop.link.as_str())).map(|link| link.length_km).sum()
}

fn latency_of(links: &BTreeMap<&str, &Link>, path: &LightpathPath) -> f64 {
    hops(path)
        .filter_map(|hop| links.get(hop.link.as_str()))
        .map(|link| link.latency_us.unwrap_or(link.length_km * LATENCY_US_PER_KM))
        .sum()
}

fn hops(path: &LightpathPath) -> impl Iterator<Item = &crate::plan::Hop> {
    path.segments.iter().flat_map(|segment| &segment.hops)
}

fn paths(plan: &Plan) -> impl Iterator<Item = (&Lightpath, &LightpathPath)> {
    plan.lightpaths.iter().flat_map(|lightpath| lightpath.paths.iter().map(move |path| (lightpath, path)))
}

fn summarise(links: &BTreeMap<&str, &Link>, requests: &[LightpathRequest], plan: &Plan) -> Summary {
    let mut channels = BTreeSet::new();
    let mut highest = None;
    let (mut regenerators, mut hop_count, mut length_km) = (0, 0, 0.0);
    for (_, path) in paths(plan) {
        regenerators += path.segments.len().saturating_sub(1);
        hop_count += hops(path).count();
        length_km += length_of(links, path);
        for segment in &path.segments {
            channels.insert((segment.n, segment.m));
            let top = i64::from(segment.n) + i64::from(segment.m) - i64::from(plan.grid.n_min);
            highest = highest.max(u32::try_from(top).ok());
        }
    }
    let fixed = plan.grid.fixed_spacing_ghz.is_some();
    let wavelengths = fixed.then(|| count(channels.len()));
    let highest_slot = if fixed { None } else { Some(highest.unwrap_or(0)) };
    let blocked_gbps = figure(plan.blocked.iter().map(|blocked| blocked.rate_gbps).sum());
    let metric = if fixed { "wavelengths" } else { "highest_slot" };
    let best = plan.bounds.iter().filter(|b| b.metric == metric).map(|b| b.value).reduce(f64::max);
    let achieved = f64::from(wavelengths.or(highest_slot).unwrap_or(0));
    Summary {
        requests: count(requests.len()),
        lightpaths: count(plan.lightpaths.len()),
        blocked: count(plan.blocked.len()),
        blocked_gbps,
        wavelengths,
        highest_slot,
        regenerators: count(regenerators),
        hops: count(hop_count),
        length_km: figure(length_km),
        violations: count(plan.violations.len()),
        bounds: plan.bounds.clone(),
        gap: best.filter(|_| plan.blocked.is_empty()).map(|bound| figure(achieved - bound)),
    }
}

/// The units that spectrum is counted in on a grid: channels where it is fixed, slices elsewhere.
fn units(plan: &Plan, n: i32, m: u32) -> std::ops::Range<usize> {
    let m = m.cast_signed();
    let low = usize::try_from(n.saturating_sub(m).saturating_sub(plan.grid.n_min)).unwrap_or(0);
    let high = usize::try_from(n.saturating_add(m).saturating_sub(plan.grid.n_min)).unwrap_or(0);
    match plan.grid.channel_m() {
        Some(width) if width > 0 => {
            let slices = 2 * width as usize;
            low / slices..high.div_ceil(slices)
        }
        _ => low..high,
    }
}

fn use_of_links(topology: &Topology, plan: &Plan) -> Vec<LinkUse> {
    let total = channel_count(&plan.grid);
    let mut busy: BTreeMap<(&str, &str), Vec<bool>> = BTreeMap::new();
    for (_, path) in paths(plan) {
        for segment in &path.segments {
            for hop in &segment.hops {
                let slots =
                    busy.entry((hop.link.as_str(), hop.fibre.as_str())).or_insert_with(|| vec![false; total]);
                for unit in units(plan, segment.n, segment.m).filter(|&unit| unit < total) {
                    slots[unit] = true;
                }
            }
        }
    }
    let mut list = Vec::new();
    for link in &topology.links {
        let ids: Vec<&str> = if link.fibres.is_empty() {
            vec![DEFAULT_FIBRE]
        } else {
            link.fibres.iter().map(|fibre| fibre.id.as_str()).collect()
        };
        for fibre in ids {
            let closed = unavailable(&plan.grid, link, fibre);
            let used = busy.get(&(link.id.as_str(), fibre));
            let is_used = |unit: usize| used.is_some_and(|slots| slots[unit]);
            let in_use = (0..total).filter(|&unit| is_used(unit)).count();
            let capacity = total - closed.count();
            let (mut run, mut longest, mut free) = (0, 0, 0);
            for unit in 0..total {
                run = if closed.contains(unit) || is_used(unit) { 0 } else { run + 1 };
                free += usize::from(run > 0);
                longest = longest.max(run);
            }
            let share = if capacity == 0 { 0.0 } else { figure(in_use as f64 / capacity as f64) };
            let fragmentation = if free == 0 { 0.0 } else { figure(1.0 - longest as f64 / free as f64) };
            list.push(LinkUse {
                link: link.id.clone(),
                fibre: fibre.to_owned(),
                used: count(in_use),
                capacity: count(capacity),
                share,
                largest_free: count(longest),
                fragmentation,
            });
        }
    }
    list
}

fn use_of_nodes(topology: &Topology, links: &BTreeMap<&str, &Link>, plan: &Plan) -> Vec<NodeUse> {
    let position: BTreeMap<&str, usize> =
        topology.nodes.iter().map(|node| node.id.as_str()).zip(0..).collect();
    let mut list: Vec<NodeUse> = topology
        .nodes
        .iter()
        .map(|node| NodeUse {
            node: node.id.clone(),
            transponders: 0,
            regenerators: 0,
            express: 0,
            banks: if node.add_drop.is_empty() && node.kind != NodeKind::Ila {
                vec![BankUse { bank: DEFAULT_BANK.to_owned(), used: 0, ports: None, same_slot: 0 }]
            } else {
                node.add_drop
                    .iter()
                    .map(|b| BankUse { bank: b.bank.clone(), used: 0, ports: b.ports, same_slot: 0 })
                    .collect()
            },
        })
        .collect();
    let mut terminals = BTreeSet::new();
    let mut ports = BTreeSet::new();
    let mut slots: BTreeMap<(&str, &str, i32, u32), BTreeSet<u32>> = BTreeMap::new();
    for (lightpath, path) in paths(plan) {
        for (index, segment) in path.segments.iter().enumerate() {
            let last = index + 1 == path.segments.len();
            for (port, terminal) in [(&segment.tx, index == 0), (&segment.rx, last)] {
                if terminal {
                    terminals.insert((lightpath.id.as_str(), port));
                }
                ports.insert(port);
                slots.entry((&port.node, &port.bank, segment.n, segment.m)).or_default().insert(port.port);
            }
            if !last && let Some(&node) = position.get(segment.rx.node.as_str()) {
                list[node].regenerators += 1;
            }
            // A hop's far end is passed through unless it is the segment's last.
            for hop in segment.hops.iter().rev().skip(1) {
                let far = links.get(hop.link.as_str()).map(|link| match hop.direction {
                    Direction::Ab => link.b.as_str(),
                    Direction::Ba => link.a.as_str(),
                });
                if let Some(&node) = far.and_then(|far| position.get(far)) {
                    list[node].express += 1;
                }
            }
        }
    }
    for (_, port) in terminals {
        if let Some(&node) = position.get(port.node.as_str()) {
            list[node].transponders += 1;
        }
    }
    for port in ports {
        let bank = position
            .get(port.node.as_str())
            .and_then(|&node| list[node].banks.iter_mut().find(|bank| bank.bank == port.bank));
        if let Some(bank) = bank {
            bank.used += 1;
        }
    }
    for ((node, bank, _, _), times) in slots {
        let found =
            position.get(node).and_then(|&node| list[node].banks.iter_mut().find(|own| own.bank == bank));
        if let Some(found) = found {
            found.same_slot = found.same_slot.max(count(times.len()));
        }
    }
    list
}

fn figures(topology: &Topology, links: &BTreeMap<&str, &Link>, plan: &Plan) -> RouteFigures {
    let mut figures = RouteFigures { detour_ratio: 1.0, max_detour_ratio: 1.0, ..RouteFigures::default() };
    let mut shortest_from: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    let (mut length, mut shortest, mut latency, mut working) = (0.0, 0.0, 0.0, 0_u32);
    for (lightpath, path) in paths(plan) {
        if path.role == PathRole::Restoration {
            continue;
        }
        let own_latency = latency_of(links, path);
        figures.max_latency_us = figures.max_latency_us.max(own_latency);
        if path.role != PathRole::Working {
            continue;
        }
        working += 1;
        latency += own_latency;
        let from = lightpath.ends[0].as_str();
        let distances = shortest_from.entry(from).or_insert_with(|| distances_from(topology, from));
        let Some(&best) = distances.get(lightpath.ends[1].as_str()) else { continue };
        let own = length_of(links, path);
        length += own;
        shortest += best;
        let ratio = if best > 0.0 { own / best } else { 1.0 };
        if ratio > figures.max_detour_ratio + 1e-9 {
            figures.max_detour_ratio = ratio;
            figures.max_detour_lightpath = Some(lightpath.id.clone());
        }
    }
    if shortest > 0.0 {
        figures.detour_ratio = figure(length / shortest);
    }
    if working > 0 {
        figures.mean_latency_us = figure(latency / f64::from(working));
    }
    figures.max_latency_us = figure(figures.max_latency_us);
    figures.max_detour_ratio = figure(figures.max_detour_ratio);
    figures
}

fn distances_from<'a>(topology: &'a Topology, from: &str) -> BTreeMap<&'a str, f64> {
    let mut next_to: BTreeMap<&str, Vec<(&'a str, f64)>> = BTreeMap::new();
    for link in &topology.links {
        next_to.entry(link.a.as_str()).or_default().push((link.b.as_str(), link.length_km));
        next_to.entry(link.b.as_str()).or_default().push((link.a.as_str(), link.length_km));
    }
    let mut distance: BTreeMap<&'a str, f64> = BTreeMap::new();
    // Non-negative finite lengths order like their bits.
    let mut queue: BTreeSet<(u64, &'a str)> = BTreeSet::new();
    if let Some(node) = topology.nodes.iter().find(|node| node.id == from) {
        queue.insert((0, node.id.as_str()));
    }
    while let Some((bits, node)) = queue.pop_first() {
        if distance.contains_key(node) {
            continue;
        }
        let so_far = f64::from_bits(bits);
        distance.insert(node, so_far);
        for &(neighbour, length) in next_to.get(node).into_iter().flatten() {
            if !distance.contains_key(neighbour) {
                queue.insert(((so_far + length.max(0.0)).to_bits(), neighbour));
            }
        }
    }
    distance
}

fn changes(plan: &Plan) -> Changes {
    let mut changes = Changes::default();
    for lightpath in &plan.lightpaths {
        match lightpath.state {
            LightpathState::Planned => changes.added += 1,
            LightpathState::Existing | LightpathState::Locked => changes.kept += 1,
            LightpathState::Movable => changes.moved += 1,
        }
    }
    changes
}
