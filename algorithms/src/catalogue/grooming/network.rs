//! The topology as the groomer sees it: nodes and links by position, shortest paths at changing costs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use optics::topology::{NodeKind, Topology};

/// A cost with a total order, so that a heap can hold it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost(f64);

impl Eq for Cost {}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cost {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A path: one node more than links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Positions of its nodes.
    pub nodes: Vec<usize>,
    /// Positions of its links.
    pub links: Vec<usize>,
}

/// Nodes and links by position; nodes can be taken away.
pub struct Graph<'a> {
    topology: &'a Topology,
    index: BTreeMap<&'a str, usize>,
    /// Links of each node with their other ends, in the order of the topology.
    adjacent: Vec<Vec<(usize, usize)>>,
    gone: Vec<bool>,
    /// Nodes that nothing passes through.
    closed: Vec<bool>,
}

impl<'a> Graph<'a> {
    /// The whole of `topology`, which must be valid.
    pub fn new(topology: &'a Topology) -> Self {
        let index: BTreeMap<&str, usize> =
            topology.nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
        let mut adjacent = vec![Vec::new(); topology.nodes.len()];
        for (i, link) in topology.links.iter().enumerate() {
            let (a, b) = (index[link.a.as_str()], index[link.b.as_str()]);
            if a != b {
                adjacent[a].push((i, b));
                adjacent[b].push((i, a));
            }
        }
        let closed =
            topology.nodes.iter().map(|node| node.kind == NodeKind::Terminal || !node.express).collect();
        Self { topology, index, adjacent, gone: vec![false; topology.nodes.len()], closed }
    }

    /// The position of a node.
    ///
    /// # Panics
    /// If there is none with this id: documents were validated.
    pub fn index(&self, node: &str) -> usize {
        self.index[node]
    }

    /// The id of a node.
    pub fn node(&self, position: usize) -> &'a str {
        &self.topology.nodes[position].id
    }

    /// The id of a link.
    pub fn link(&self, position: usize) -> &'a str {
        &self.topology.links[position].id
    }

    /// The length of a link in kilometres.
    pub fn length_km(&self, link: usize) -> f64 {
        self.topology.links[link].length_km
    }

    /// Whether lightpaths can end at a node: not where it only amplifies.
    pub fn can_groom(&self, node: usize) -> bool {
        self.topology.nodes[node].kind != NodeKind::Ila
    }

    /// Whether nothing passes through a node.
    pub fn is_closed(&self, node: usize) -> bool {
        self.closed[node]
    }

    /// Nodes that are there.
    pub fn nodes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.gone.len()).filter(|&node| !self.gone[node])
    }

    /// Whether a node is there.
    pub fn is_there(&self, node: usize) -> bool {
        !self.gone[node]
    }

    /// Takes a node away, with its links.
    pub fn remove(&mut self, node: usize) {
        self.gone[node] = true;
    }

    /// The nodes next to one, each once: parallel links count once.
    pub fn neighbours(&self, node: usize) -> BTreeSet<usize> {
        self.adjacent[node].iter().map(|(_, other)| *other).filter(|&other| !self.gone[other]).collect()
    }

    /// The one node next to one; none where there are others or no node.
    pub fn only_neighbour(&self, node: usize) -> Option<usize> {
        let mut others =
            self.adjacent[node].iter().map(|(_, other)| *other).filter(|&other| !self.gone[other]);
        let first = others.next()?;
        others.all(|other| other == first).then_some(first)
    }

    /// Kilometres of the shortest link between two neighbours; infinity where there is none.
    pub fn shortest_between(&self, a: usize, b: usize) -> f64 {
        let links = self.adjacent[a].iter().filter(|(_, other)| *other == b);
        links.map(|(link, _)| self.length_km(*link)).fold(f64::INFINITY, f64::min)
    }

    /// Kilometres from `from` to every node over nodes that are there; infinity where there is no way.
    pub fn distances(&self, from: usize) -> Vec<f64> {
        self.search(from, None, |link| self.length_km(link), |_| true).0
    }

    /// The cheapest path from `from` to `to` over nodes that are there and `allowed`.
    pub fn path(
        &self,
        from: usize,
        to: usize,
        cost: impl Fn(usize) -> f64,
        allowed: impl Fn(usize) -> bool,
    ) -> Option<Path> {
        let (_, via) = self.search(from, Some(to), cost, allowed);
        let mut path = Path { nodes: vec![to], links: Vec::new() };
        let mut at = to;
        while at != from {
            let (link, before) = via[at]?;
            path.links.push(link);
            path.nodes.push(before);
            at = before;
        }
        path.nodes.reverse();
        path.links.reverse();
        Some(path)
    }

    /// Dijkstra: costs, and the last link and node on the way to each node; nothing passes through closed ones. Of equal
    /// ways the one found first.
    fn search(
        &self,
        from: usize,
        to: Option<usize>,
        cost: impl Fn(usize) -> f64,
        allowed: impl Fn(usize) -> bool,
    ) -> (Vec<f64>, Vec<Option<(usize, usize)>>) {
        let mut costs = vec![f64::INFINITY; self.gone.len()];
        let mut via = vec![None; self.gone.len()];
        costs[from] = 0.0;
        let mut open = BinaryHeap::from([(Reverse(Cost(0.0)), Reverse(from))]);
        while let Some((Reverse(Cost(reached)), Reverse(node))) = open.pop() {
            if Some(node) == to {
                break;
            }
            if reached > costs[node] || self.closed[node] && node != from {
                continue;
            }
            for &(link, next) in &self.adjacent[node] {
                let total = reached + cost(link);
                if !self.gone[next] && allowed(next) && total < costs[next] {
                    costs[next] = total;
                    via[next] = Some((link, node));
                    open.push((Reverse(Cost(total)), Reverse(next)));
                }
            }
        }
        (costs, via)
    }
}
