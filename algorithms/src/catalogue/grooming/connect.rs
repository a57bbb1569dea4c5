//! Intermediate grooming: demands share connections along common parts of their routes.
//!
//! Demands are routed one after the other, the largest of those that touch the last anchor first; where none does, the
//! largest of all is the next anchor. Along the route that was taken before, links with room for the demand cost their
//! length, all others a hundred times it: so routes follow links whose lines are not full. Where a route shares links
//! with connections that are there, these are cut and carry it too ([`Shared`]). Before that, in modes that collect,
//! leaves, clusters and corners are collected at gateways ([`super::collect`]).
//!
//! Each connection becomes a demand of `main`, one for all connections between the same nodes, which asks for the most
//! that any of its riders asks for. What fills a lightpath from end to end, a service that is a lightpath on its own, and
//! demands given by rates or with conditions on their routes stay whole.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use optics::clusters::Cluster;
use optics::grooming::Connection;
use optics::topology::Topology;
use optics::traffic::{Demand, Disjointness, Protection, Restoration, ServiceType, TrafficMatrix};

use super::GroomingParams;
use super::collect::{Rider, collect};
use super::connections::{Run, Shared};
use super::demand::kbps;
use super::derived::{Builder, Derived, Left, movable};
use super::network::{Graph, Path};
use crate::control::Control;
use crate::error::AlgorithmError;

/// How much dearer a link without room is.
const FULL: f64 = 100.0;

/// The connections that carry `left` (all services without it), as sub-matrix `main`.
pub fn derive(
    topology: &Topology,
    traffic: &TrafficMatrix,
    clusters: &[Cluster],
    params: &GroomingParams,
    left: Option<&Left>,
    control: &Control,
) -> Result<Derived, AlgorithmError> {
    let services: Vec<Vec<(ServiceType, &String)>> = traffic
        .demands
        .iter()
        .enumerate()
        .map(|(position, demand)| movable(demand, left.and_then(|left| left.get(position))))
        .collect();
    let mut graph = Graph::new(topology);
    let mut riders: Vec<Rider> = traffic
        .demands
        .iter()
        .enumerate()
        .filter(|(position, _)| !services[*position].is_empty())
        .map(|(position, demand)| Rider {
            demand: position,
            ends: [graph.index(&demand.a), graph.index(&demand.b)],
            kbps: services[position].iter().map(|(kind, _)| kbps(*kind)).sum(),
        })
        .collect();
    let mut runs = Vec::new();
    if params.mode.collects() {
        runs = collect(&mut graph, clusters, &mut riders, control)?;
    }
    let line_kbps = u64::from(params.line_rate_gbps) * 1_000_000;
    runs.extend(share(&graph, topology.links.len(), &riders, line_kbps, control)?);
    assemble(&graph, traffic, &services, runs, control)
}

/// Routes `riders` over links with room, and gives the connections they share.
fn share(
    graph: &Graph<'_>,
    links: usize,
    riders: &[Rider],
    line_kbps: u64,
    control: &Control,
) -> Result<Vec<Run>, AlgorithmError> {
    let mut shared = Shared::new(links);
    let mut cost: Vec<f64> = (0..links).map(|link| FULL * graph.length_km(link)).collect();
    let mut filled = vec![0_u64; links];
    let mut queue = Queue::new(riders);
    let mut before = Path { nodes: Vec::new(), links: Vec::new() };
    while let Some(rider) = queue.next() {
        control.check()?;
        for &link in &before.links {
            let room = filled[link] + rider.kbps <= line_kbps;
            cost[link] = graph.length_km(link) * if room { 1.0 } else { FULL };
        }
        let [from, to] = rider.ends;
        let path = graph
            .path(from, to, |link| cost[link], |_| true)
            .unwrap_or_else(|| Path { nodes: vec![from, to], links: Vec::new() });
        for &link in &path.links {
            // what the last line of the link carries: full, not empty, where lines come out even
            filled[link] = (filled[link] + rider.kbps - 1) % line_kbps + 1;
        }
        shared.ride(rider.demand, &path, |node| graph.can_groom(node));
        before = path;
    }
    Ok(shared.into_runs().collect())
}

/// Riders in the order in which they are routed.
struct Queue<'a> {
    riders: &'a [Rider],
    /// Positions by falling rate.
    ranked: Vec<usize>,
    /// Ranks of those that wait.
    waiting: BTreeSet<usize>,
    /// The same by node.
    touching: BTreeMap<usize, BTreeSet<usize>>,
    anchor: [usize; 2],
}

impl<'a> Queue<'a> {
    fn new(riders: &'a [Rider]) -> Self {
        let mut ranked: Vec<usize> = (0..riders.len()).collect();
        ranked.sort_by_key(|&rider| Reverse(riders[rider].kbps));
        let mut touching: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (rank, &rider) in ranked.iter().enumerate() {
            for node in riders[rider].ends {
                touching.entry(node).or_default().insert(rank);
            }
        }
        Self { riders, waiting: (0..ranked.len()).collect(), ranked, touching, anchor: [usize::MAX; 2] }
    }

    fn next(&mut self) -> Option<Rider> {
        let touching = self.anchor.iter().filter_map(|node| self.touching.get(node)?.first()).min().copied();
        let rank = touching.or_else(|| self.waiting.first().copied())?;
        if touching.is_none() {
            self.anchor = self.riders[self.ranked[rank]].ends;
        }
        let rider = self.riders[self.ranked[rank]];
        self.waiting.remove(&rank);
        for node in rider.ends {
            if let Some(ranks) = self.touching.get_mut(&node) {
                ranks.remove(&rank);
            }
        }
        Some(rider)
    }
}

/// Demands of `main` for the connections, and services moved into them.
fn assemble(
    graph: &Graph<'_>,
    traffic: &TrafficMatrix,
    services: &[Vec<(ServiceType, &String)>],
    runs: Vec<Run>,
    control: &Control,
) -> Result<Derived, AlgorithmError> {
    let mut builder = Builder::new(traffic, &[], |_| None);
    let main = builder.main();
    let mut between: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut rides: Vec<Vec<(usize, [usize; 2])>> = vec![Vec::new(); traffic.demands.len()];
    let mut connections = Vec::new();
    for Run { path, carries } in runs {
        let ends = [path.nodes[0], path.nodes[path.nodes.len() - 1]];
        let key = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let first = &traffic.demands[carries[0]];
        let position = *between
            .entry(key)
            .or_insert_with(|| builder.add_demand(main, first, graph.node(ends[0]), graph.node(ends[1])));
        for &demand in &carries {
            strengthen(builder.demand(position), &traffic.demands[demand]);
            rides[demand].push((position, ends));
        }
        connections.push(Connection {
            demand: builder.id(position).to_owned(),
            nodes: path.nodes.iter().map(|&node| graph.node(node).to_owned()).collect(),
            links: path.links.iter().map(|&link| graph.link(link).to_owned()).collect(),
            carries: carries.iter().map(|&demand| traffic.demands[demand].id.clone()).collect(),
        });
    }
    for (position, rides) in rides.iter().enumerate().filter(|(_, rides)| !rides.is_empty()) {
        control.check()?;
        let sections = in_order(rides, graph.index(&traffic.demands[position].a));
        builder.move_services(position, &services[position], &sections)?;
    }
    Ok(builder.finish(connections))
}

/// The connections of a demand from its `a` on. They make a simple path, so at each node one of them goes on.
fn in_order(rides: &[(usize, [usize; 2])], from: usize) -> Vec<usize> {
    let mut left = rides.to_vec();
    let mut at = from;
    let mut order = Vec::with_capacity(rides.len());
    while let Some(next) = left.iter().position(|(_, ends)| ends.contains(&at)) {
        let (position, [a, b]) = left.swap_remove(next);
        at = if a == at { b } else { a };
        order.push(position);
    }
    order
}

/// Makes `demand` ask for at least what `rider` asks for.
fn strengthen(demand: &mut Demand, rider: &Demand) {
    if protection_rank(&rider.protection) > protection_rank(&demand.protection) {
        demand.protection = rider.protection.clone();
    }
    let restoration = |demand: &Demand| match demand.restoration {
        Restoration::None => 0,
        Restoration::Basic => 1,
        Restoration::Advanced => 2,
    };
    if restoration(rider) > restoration(demand) {
        demand.restoration = rider.restoration;
    }
    demand.priority = demand.priority.max(rider.priority);
    demand.period = demand.period.min(rider.period);
    demand.bidirectional |= rider.bidirectional;
}

/// How much a protection asks for.
pub(super) fn protection_rank(protection: &Protection) -> u8 {
    match protection {
        Protection::None => 0,
        Protection::OnePlusOne { disjoint: Disjointness::Link, .. } => 1,
        Protection::OnePlusOne { disjoint: Disjointness::Node, .. } => 2,
        Protection::OnePlusOne { disjoint: Disjointness::Srlg, .. } => 3,
    }
}
