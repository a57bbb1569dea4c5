//! Splits services that fill no container at the gateways of clusters.
//!
//! A service that enters or leaves a cluster at a subnode is terminated again at a gateway, so that it is packed with
//! other traffic of the cluster, and with other traffic between the gateways:
//!
//! | from | to | sections |
//! |---|---|---|
//! | outside, or a gateway | outside, or a gateway | none: it stays whole |
//! | same cluster | same cluster | none |
//! | subnode of i | outside, or a gateway of j | to a gateway of i, on to the end |
//! | outside, or a gateway of i | subnode of j | to a gateway of j, on to the end |
//! | subnode of i | subnode of j | to a gateway of i, to a gateway of j, to the end |
//!
//! Of several gateways those on the shortest way are taken. A piece joins the first demand between its ends that asks for
//! the same (protection, restoration, priority, period, and nothing about its route), else one is made for it.

use std::collections::BTreeMap;

use optics::clusters::Cluster;
use optics::topology::Topology;
use optics::traffic::{Demand, TrafficMatrix};

use super::derived::{Builder, Derived, Joinable, Left, movable};
use super::network::Graph;
use super::params::Join;
use crate::control::Control;
use crate::error::AlgorithmError;

/// Splits what is in `left` at the gateways of `clusters`.
pub fn derive(
    topology: &Topology,
    traffic: &TrafficMatrix,
    clusters: &[Cluster],
    join: Join,
    left: Option<&Left>,
    control: &Control,
) -> Result<Derived, AlgorithmError> {
    let roles = Roles::new(clusters);
    let mut gateways = Gateways::new(topology, clusters);
    let mut builder = Builder::new(traffic, clusters, |demand| roles.common(&demand.a, &demand.b));
    let mut joinable = Joinable::new();
    for (position, demand) in traffic.demands.iter().enumerate() {
        let matrix = roles.common(&demand.a, &demand.b).unwrap_or(builder.main());
        joinable.entry((matrix, demand.a.clone(), demand.b.clone())).or_default().push(position);
    }
    for (position, demand) in traffic.demands.iter().enumerate() {
        control.check()?;
        let services = movable(demand, left.and_then(|left| left.get(position)));
        let via =
            if services.is_empty() { Vec::new() } else { gateways.between(&roles, &demand.a, &demand.b) };
        if via.is_empty() {
            continue;
        }
        let mut sections = Vec::new();
        let mut at = demand.a.as_str();
        for next in via.iter().map(String::as_str).chain([demand.b.as_str()]) {
            let matrix = roles.common(at, next).unwrap_or(builder.main());
            sections.push(section(&mut builder, &mut joinable, join, demand, (matrix, at, next)));
            at = next;
        }
        builder.move_services(position, &services, &sections)?;
    }
    Ok(builder.finish(Vec::new()))
}

/// The demand for a section from `a` to `b`: the first that fits, or a new one.
fn section(
    builder: &mut Builder<'_>,
    joinable: &mut Joinable,
    join: Join,
    like: &Demand,
    (matrix, a, b): (usize, &str, &str),
) -> usize {
    let forward = (matrix, a.to_owned(), b.to_owned());
    let backward = (matrix, b.to_owned(), a.to_owned());
    let keys = [Some(&forward), (join == Join::EitherDirection).then_some(&backward)];
    for key in keys.into_iter().flatten() {
        for &candidate in joinable.get(key).into_iter().flatten() {
            if fits(builder.demand(candidate), like) {
                return candidate;
            }
        }
    }
    let position = builder.add_demand(matrix, like, a, b);
    joinable.entry(forward).or_default().push(position);
    position
}

/// Whether `demand` asks for what `like` asks for, but for ends and services. One given by a rate has no services.
fn fits(demand: &Demand, like: &Demand) -> bool {
    demand.rate_ab_gbps.is_none()
        && demand.rate_ba_gbps.is_none()
        && demand.protection == like.protection
        && demand.restoration == like.restoration
        && demand.priority == like.priority
        && demand.period == like.period
        && demand.bidirectional == like.bidirectional
        && demand.max_latency_us == like.max_latency_us
        && demand.include == like.include
        && demand.exclude_nodes == like.exclude_nodes
        && demand.exclude_links == like.exclude_links
        && demand.allowed_modes == like.allowed_modes
        && demand.min_margin_db == like.min_margin_db
}

/// The cluster of each node, and whether it is one of its gateways.
struct Roles<'a>(BTreeMap<&'a str, (usize, bool)>);

impl<'a> Roles<'a> {
    fn new(clusters: &'a [Cluster]) -> Self {
        let mut roles = BTreeMap::new();
        for (i, cluster) in clusters.iter().enumerate() {
            roles.extend(cluster.gateways.iter().map(|node| (node.as_str(), (i, true))));
            roles.extend(cluster.subnodes.iter().map(|node| (node.as_str(), (i, false))));
        }
        Self(roles)
    }

    /// The cluster that both nodes are in.
    fn common(&self, a: &str, b: &str) -> Option<usize> {
        let (cluster, _) = self.0.get(a)?;
        let (other, _) = self.0.get(b)?;
        (cluster == other).then_some(*cluster)
    }

    /// The cluster whose subnode `node` is.
    fn subnode_of(&self, node: &str) -> Option<usize> {
        self.0.get(node).filter(|(_, gateway)| !gateway).map(|(cluster, _)| *cluster)
    }
}

/// Which gateways lie on the shortest way.
struct Gateways<'a> {
    clusters: &'a [Cluster],
    graph: Graph<'a>,
    /// Kilometres from a gateway to every node.
    distances: BTreeMap<&'a str, Vec<f64>>,
}

impl<'a> Gateways<'a> {
    fn new(topology: &'a Topology, clusters: &'a [Cluster]) -> Self {
        Self { clusters, graph: Graph::new(topology), distances: BTreeMap::new() }
    }

    /// The gateways that a service from `a` to `b` is split at, in order; none where it stays whole.
    fn between(&mut self, roles: &Roles<'_>, a: &str, b: &str) -> Vec<String> {
        if roles.common(a, b).is_some() {
            return Vec::new();
        }
        let clusters: &'a [Cluster] = self.clusters;
        let of = |cluster: Option<usize>| cluster.map(|i| &clusters[i].gateways);
        let (near, far) = (of(roles.subnode_of(a)), of(roles.subnode_of(b)));
        let ways: Vec<Vec<&'a str>> = match (near, far) {
            (None, None) => return Vec::new(),
            (Some(only), None) | (None, Some(only)) => {
                only.iter().map(|gateway| vec![gateway.as_str()]).collect()
            }
            (Some(near), Some(far)) => near
                .iter()
                .flat_map(|first| far.iter().map(move |second| vec![first.as_str(), second.as_str()]))
                .collect(),
        };
        if let [only] = ways.as_slice() {
            return only.iter().map(|&node| node.to_owned()).collect();
        }
        let mut best: Option<(f64, &Vec<&str>)> = None;
        for way in &ways {
            let km = self.length(a, way, b);
            if best.is_none_or(|(least, _)| km < least) {
                best = Some((km, way));
            }
        }
        best.map(|(_, way)| way.iter().map(|&node| node.to_owned()).collect()).unwrap_or_default()
    }

    fn length(&mut self, a: &str, way: &[&'a str], b: &str) -> f64 {
        let ends = [a, b].map(|node| self.graph.index(node));
        let (first, last) = (way[0], way[way.len() - 1]);
        let inner: f64 = way.windows(2).map(|hop| self.distance(hop[0], self.graph.index(hop[1]))).sum();
        self.distance(first, ends[0]) + inner + self.distance(last, ends[1])
    }

    fn distance(&mut self, gateway: &'a str, to: usize) -> f64 {
        let graph = &self.graph;
        self.distances.entry(gateway).or_insert_with(|| graph.distances(graph.index(gateway)))[to]
    }
}
