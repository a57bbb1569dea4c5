//! Collects traffic at gateways: leaves of the network, clusters as given, and corners, until there is nothing to collect.
//!
//! * A *leaf* has one neighbour: all its traffic goes over it, and is collected there, or at the next node on that way where
//!   that one only amplifies.
//! * A *cluster* collects its subnodes at the nearest of its gateways.
//! * A *corner* is a chain of nodes with two neighbours each whose ends hang on one common node: a ring with one way out.
//!
//! What is collected goes along a connection to the gateway and on from there; the nodes are taken out of the network. A
//! ring without any way out has no gateway and is left as it is.

use std::collections::{BTreeMap, BTreeSet};

use optics::clusters::Cluster;

use super::connections::Run;
use super::network::{Graph, Path};
use crate::control::Control;
use crate::error::AlgorithmError;

/// A demand on its way: where it still has to go, by positions of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rider {
    /// The demand.
    pub demand: usize,
    /// Where it is.
    pub ends: [usize; 2],
    /// Its rate in kb/s.
    pub kbps: u64,
}

/// Collects `riders` and takes what was collected out of `graph`. Gives the connections.
pub fn collect(
    graph: &mut Graph<'_>,
    clusters: &[Cluster],
    riders: &mut Vec<Rider>,
    control: &Control,
) -> Result<Vec<Run>, AlgorithmError> {
    let mut collector = Collector { graph, riders, runs: Vec::new() };
    let mut clusters: Vec<&Cluster> = clusters.iter().rev().collect();
    loop {
        while let Some((members, gateway)) = collector.leaf() {
            control.check()?;
            collector.gather(&members, &[gateway]);
        }
        control.check()?;
        if let Some(cluster) = clusters.pop() {
            let position = |node: &String| collector.graph.index(node);
            let there = |node: &usize| collector.graph.is_there(*node);
            let gateways: Vec<usize> = cluster.gateways.iter().map(position).filter(there).collect();
            let members: Vec<usize> = cluster.subnodes.iter().map(position).filter(there).collect();
            collector.gather(&members, &gateways);
        } else if let Some((chain, gateway)) = collector.corner() {
            collector.gather(&chain, &[gateway]);
        } else {
            return Ok(collector.runs);
        }
    }
}

struct Collector<'g, 'a> {
    graph: &'g mut Graph<'a>,
    riders: &'g mut Vec<Rider>,
    runs: Vec<Run>,
}

impl Collector<'_, '_> {
    /// The first node with one neighbour, and where its traffic can be groomed: there, or at the next node on that way
    /// which does not only amplify; with the nodes before it. Of two nodes that have only each other the first.
    fn leaf(&self) -> Option<(Vec<usize>, usize)> {
        self.graph.nodes().find_map(|leaf| {
            let mut members = vec![leaf];
            let (mut before, mut at) = (leaf, self.graph.only_neighbour(leaf)?);
            while !self.graph.can_groom(at) {
                if self.graph.is_closed(at) {
                    return None; // no way past it, and nothing can be groomed there
                }
                members.push(at);
                let next = self.graph.neighbours(at).into_iter().find(|&node| node != before)?;
                if members.contains(&next) {
                    return None;
                }
                (before, at) = (at, next);
            }
            Some((members, at))
        })
    }

    /// The first chain of at least two nodes with two neighbours each that hangs on one node, and that.
    fn corner(&self) -> Option<(Vec<usize>, usize)> {
        let inner: BTreeMap<usize, BTreeSet<usize>> = self
            .graph
            .nodes()
            .map(|node| (node, self.graph.neighbours(node)))
            .filter(|(_, neighbours)| neighbours.len() == 2)
            .collect();
        let mut seen = BTreeSet::new();
        for &first in inner.keys() {
            if !seen.insert(first) {
                continue;
            }
            let mut chain = BTreeSet::from([first]);
            let mut open = vec![first];
            let mut outside = Vec::new();
            while let Some(node) = open.pop() {
                for &next in &inner[&node] {
                    if !inner.contains_key(&next) {
                        outside.push(next);
                    } else if chain.insert(next) {
                        open.push(next);
                    }
                }
            }
            seen.extend(&chain);
            if let [one, other] = outside.as_slice()
                && one == other
                && chain.len() > 1
                && self.graph.can_groom(*one)
            {
                return Some((chain.into_iter().collect(), *one));
            }
        }
        None
    }

    /// Collects all `members` at the nearest of `gateways` over nodes of both, and takes them away. Those that reach none
    /// stay.
    fn gather(&mut self, members: &[usize], gateways: &[usize]) {
        let allowed: BTreeSet<usize> = members.iter().chain(gateways).copied().collect();
        let graph = &*self.graph;
        let path = |from: usize, to: usize| {
            graph.path(from, to, |link| graph.length_km(link), |node| allowed.contains(&node))
        };
        let mut homes: BTreeMap<usize, Path> = BTreeMap::new();
        for &member in members {
            let km = |path: &Path| path.links.iter().map(|&link| graph.length_km(link)).sum::<f64>();
            let ways = gateways.iter().filter_map(|&gateway| path(member, gateway));
            // the first of equally near gateways
            if let Some(way) = ways.min_by(|one, other| km(one).total_cmp(&km(other))) {
                homes.insert(member, way);
            }
        }
        let mut to_gateway: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut inside: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        self.riders.retain_mut(|rider| {
            let [a, b] = rider.ends;
            if homes.contains_key(&a) && homes.contains_key(&b) {
                inside.entry((a.min(b), a.max(b))).or_default().push(rider.demand);
                return false;
            }
            for end in 0..2 {
                if let Some(home) = homes.get(&rider.ends[end]) {
                    to_gateway.entry(rider.ends[end]).or_default().push(rider.demand);
                    rider.ends[end] = home.nodes[home.nodes.len() - 1];
                }
            }
            rider.ends[0] != rider.ends[1]
        });
        for ((a, b), carries) in inside {
            // both reach a gateway, so over different ones there may be no way inside
            let way = path(a, b).unwrap_or_else(|| Path { nodes: vec![a, b], links: Vec::new() });
            self.runs.push(Run { path: way, carries });
        }
        for (member, carries) in to_gateway {
            self.runs.push(Run { path: homes[&member].clone(), carries });
        }
        for member in homes.keys() {
            self.graph.remove(*member);
        }
    }
}
