//! Ways through a network: shortest paths, disjoint pairs, what parts it.
//!
//! Every search passes only nodes where a lightpath may pass ([`crate::network::Site::transit`]), and breaks ties by
//! the order of the document, so that equal inputs give equal routes.

mod cuts;
mod disjoint;
mod k_shortest;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

pub use cuts::{articulation_nodes, bridges, component, separators};
pub use disjoint::{Apart, disjoint_pair};
pub use k_shortest::k_shortest;

use crate::network::{Adjacent, LinkIndex, Network, NodeIndex};

/// Mean radius of the Earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

/// Distance on the surface of the Earth between two positions (latitude, longitude in degrees), in kilometres.
///
/// The haversine formula on a sphere: within 0.6 % of the ellipsoid.
#[must_use]
pub fn great_circle_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let (half_lat, half_lon) = ((lat_b - lat_a) / 2.0, (b.1 - a.1).to_radians() / 2.0);
    let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * h.sqrt().min(1.0).asin()
}

/// A route: the links from one node to another, each with the node it leads to.
pub type Route = Vec<Adjacent>;

/// What a search from one node found.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Cost of the cheapest way to each node; infinite where there is none.
    pub cost: Vec<f64>,
    /// The last step of that way, and the node it is taken from.
    pub last: Vec<Option<(NodeIndex, Adjacent)>>,
}

impl Tree {
    /// The way to `node`; none if there is none.
    #[must_use]
    pub fn route_to(&self, node: NodeIndex) -> Option<Route> {
        if self.cost[node].is_infinite() {
            return None;
        }
        let mut route = Vec::new();
        let mut at = node;
        while let Some((from, step)) = self.last[at] {
            route.push(step);
            at = from;
        }
        route.reverse();
        Some(route)
    }
}

/// Whether a way may go on from `node` if it began at `from`.
fn may_leave(network: &Network, from: NodeIndex, node: NodeIndex) -> bool {
    node == from || network.nodes[node].transit
}

/// Cheapest ways from `from` to all nodes (Dijkstra). `cost` of a link must not be negative; none closes it.
///
/// Time: O((links + nodes) log nodes).
#[must_use]
pub fn dijkstra(network: &Network, from: NodeIndex, cost: impl Fn(LinkIndex) -> Option<f64>) -> Tree {
    let mut tree =
        Tree { cost: vec![f64::INFINITY; network.nodes.len()], last: vec![None; network.nodes.len()] };
    tree.cost[from] = 0.0;
    let mut done = vec![false; network.nodes.len()];
    // Non-negative floats order like their bits.
    let mut queue = BinaryHeap::from([Reverse((0.0_f64.to_bits(), from))]);
    while let Some(Reverse((_, node))) = queue.pop() {
        if std::mem::replace(&mut done[node], true) || !may_leave(network, from, node) {
            continue;
        }
        for &next in &network.adjacency[node] {
            let Some(step) = cost(next.link) else { continue };
            debug_assert!(step >= 0.0, "cost {step} of link {}", next.link);
            let total = tree.cost[node] + step;
            if total < tree.cost[next.node] {
                tree.cost[next.node] = total;
                tree.last[next.node] = Some((node, next));
                queue.push(Reverse((total.to_bits(), next.node)));
            }
        }
    }
    tree
}

/// Ways of fewest hops from `from` to all nodes, over usable links.
///
/// Time: O(links + nodes).
#[must_use]
pub fn breadth_first(network: &Network, from: NodeIndex, usable: impl Fn(LinkIndex) -> bool) -> Tree {
    let mut tree =
        Tree { cost: vec![f64::INFINITY; network.nodes.len()], last: vec![None; network.nodes.len()] };
    tree.cost[from] = 0.0;
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if !may_leave(network, from, node) {
            continue;
        }
        for &next in &network.adjacency[node] {
            if usable(next.link) && tree.cost[next.node].is_infinite() {
                tree.cost[next.node] = tree.cost[node] + 1.0;
                tree.last[next.node] = Some((node, next));
                queue.push_back(next.node);
            }
        }
    }
    tree
}

/// Length of a route in kilometres.
#[must_use]
pub fn length_km(network: &Network, route: &[Adjacent]) -> f64 {
    route.iter().map(|step| network.links[step.link].length_km).sum()
}

#[cfg(test)]
mod tests;
