//! How long a plan's routes are, beside the shortest there are.

use std::collections::{BTreeMap, BTreeSet};

use super::{RouteFigures, figure, hops, length_of, paths};
use crate::network::LATENCY_US_PER_KM;
use crate::plan::{LightpathPath, PathRole, Plan};
use crate::topology::{Link, Topology};

pub(super) fn figures(topology: &Topology, links: &BTreeMap<&str, &Link>, plan: &Plan) -> RouteFigures {
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

fn latency_of(links: &BTreeMap<&str, &Link>, path: &LightpathPath) -> f64 {
    hops(path)
        .filter_map(|hop| links.get(hop.link.as_str()))
        .map(|link| link.latency_us.unwrap_or(link.length_km * LATENCY_US_PER_KM))
        .sum()
}
