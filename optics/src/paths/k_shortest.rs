//! The k cheapest routes between two nodes (Yen 1971, with Lawler's rule of 1972 that spurs begin where a route left
//! its parent).

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::{Route, may_leave};
use crate::network::{LinkIndex, Network, NodeIndex};

/// Up to `k` routes from `a` to `b` that visit no node twice, cheapest first; parallel links make different routes.
/// `cost` of a link must not be negative; none closes it. Equal costs are ordered by hops, then by links.
///
/// Time: O(k × nodes × (links + nodes) log nodes).
#[must_use]
pub fn k_shortest(
    network: &Network,
    a: NodeIndex,
    b: NodeIndex,
    k: usize,
    cost: impl Fn(LinkIndex) -> Option<f64>,
) -> Vec<Route> {
    if a == b || k == 0 {
        return Vec::new();
    }
    let price = |route: &Route| -> f64 { route.iter().filter_map(|step| cost(step.link)).sum() };
    let mut spurs = Spurs::new(network, b);
    let mut found: Vec<Route> = Vec::with_capacity(k);
    let mut candidates = BTreeSet::new();
    candidates.extend(spurs.cheapest(a, &cost).map(|route| Candidate::new(price, route, 0)));
    while let Some(Candidate { route, branch, .. }) = candidates.pop_first() {
        found.push(route);
        if found.len() == k {
            break;
        }
        let parent = &found[found.len() - 1];
        for at in branch..parent.len() {
            let root = &parent[..at];
            let from = root.last().map_or(a, |step| step.node);
            spurs.open_all();
            spurs.closed_nodes[a] = at > 0;
            for step in root.iter().take(at.saturating_sub(1)) {
                spurs.closed_nodes[step.node] = true;
            }
            for sibling in found.iter().filter(|sibling| sibling.len() > at && sibling[..at] == *root) {
                spurs.closed_links[sibling[at].link] = true;
            }
            if let Some(spur) = spurs.cheapest(from, &cost) {
                let route = [root, &spur].concat();
                candidates.insert(Candidate::new(price, route, at));
            }
        }
    }
    found
}

/// A route that may be the next, ordered by cost (whose bits order like it: it is not negative), hops and links.
#[derive(Eq)]
struct Candidate {
    cost: u64,
    links: Vec<LinkIndex>,
    route: Route,
    /// Where it left its parent.
    branch: usize,
}

impl Candidate {
    fn new(price: impl Fn(&Route) -> f64, route: Route, branch: usize) -> Self {
        let links = route.iter().map(|step| step.link).collect();
        Self { cost: price(&route).to_bits(), links, route, branch }
    }

    fn key(&self) -> (u64, usize, &[LinkIndex]) {
        (self.cost, self.links.len(), &self.links)
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Cheapest ways to one node where some nodes and links are closed.
struct Spurs<'a> {
    network: &'a Network,
    goal: NodeIndex,
    closed_nodes: Vec<bool>,
    closed_links: Vec<bool>,
}

impl<'a> Spurs<'a> {
    fn new(network: &'a Network, goal: NodeIndex) -> Self {
        let (nodes, links) = (network.nodes.len(), network.links.len());
        Self { network, goal, closed_nodes: vec![false; nodes], closed_links: vec![false; links] }
    }

    fn open_all(&mut self) {
        self.closed_nodes.fill(false);
        self.closed_links.fill(false);
    }

    /// Dijkstra that stops at the goal; of equal ways that of fewer hops.
    fn cheapest(&self, from: NodeIndex, cost: &impl Fn(LinkIndex) -> Option<f64>) -> Option<Route> {
        let Self { network, goal, .. } = *self;
        let mut best = vec![(f64::INFINITY, usize::MAX); network.nodes.len()];
        let mut last = vec![None; network.nodes.len()];
        let mut done = vec![false; network.nodes.len()];
        best[from] = (0.0, 0);
        let mut queue = BinaryHeap::from([Reverse((0.0_f64.to_bits(), 0, from))]);
        while let Some(Reverse((_, hops, node))) = queue.pop() {
            if node == goal {
                break;
            }
            if std::mem::replace(&mut done[node], true) || !may_leave(network, from, node) {
                continue;
            }
            for &step in &network.adjacency[node] {
                if self.closed_links[step.link] || self.closed_nodes[step.node] {
                    continue;
                }
                let Some(price) = cost(step.link) else { continue };
                let way = (best[node].0 + price, hops + 1);
                if way < best[step.node] {
                    best[step.node] = way;
                    last[step.node] = Some((node, step));
                    queue.push(Reverse((way.0.to_bits(), way.1, step.node)));
                }
            }
        }
        let mut route = Vec::new();
        let mut at = goal;
        while at != from {
            let (before, step) = last[at]?;
            route.push(step);
            at = before;
        }
        route.reverse();
        Some(route)
    }
}
