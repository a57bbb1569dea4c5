//! Disjoint paths by flow, for the checker alone: successive shortest augmenting paths on the node-split graph.
//!
//! Two units of flow from `a` to `b`, where every link (and, if asked, every inner node) lets one unit through, are two
//! disjoint paths (Menger 1927; for the cheapest pair Suurballe 1974). Negative reduced costs of the residual graph are
//! handled by label correction, so any non-negative prices will do.

use std::collections::{BTreeMap, VecDeque};

use super::Case;
use crate::topology::Link;

/// What may flow through an inner node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner {
    /// Any amount: paths are disjoint by link.
    Unlimited,
    /// This many units.
    Units(u32),
}

struct Arc {
    to: usize,
    left: u32,
    price: f64,
}

/// A directed graph with residual capacities; arc `i ^ 1` is the reverse of arc `i`.
pub(super) struct Residual<'a> {
    arcs: Vec<Arc>,
    from: Vec<Vec<usize>>,
    index: BTreeMap<&'a str, usize>,
}

const PLENTY: u32 = u32::MAX / 4;

impl<'a> Residual<'a> {
    /// The network with `capacity` and `price` of links (both ways each) and `inner` of nodes. The nodes in `ends` let
    /// everything through.
    pub(super) fn new(
        case: &Case<'a>,
        ends: &[&str],
        inner: Inner,
        capacity: impl Fn(&Link) -> u32,
        price: impl Fn(&Link) -> f64,
    ) -> Self {
        let index: BTreeMap<&str, usize> =
            case.topology.nodes.iter().map(|node| node.id.as_str()).zip(0..).collect();
        let mut graph = Self { arcs: Vec::new(), from: vec![Vec::new(); 2 * index.len()], index };
        for node in &case.topology.nodes {
            let v = graph.index[node.id.as_str()];
            let through = if ends.contains(&node.id.as_str()) {
                PLENTY
            } else if !case.passable(&node.id) {
                0
            } else {
                match inner {
                    Inner::Unlimited => PLENTY,
                    Inner::Units(units) => units,
                }
            };
            graph.arc(2 * v, 2 * v + 1, through, 0.0);
        }
        for link in &case.topology.links {
            let both = graph.index.get(link.a.as_str()).zip(graph.index.get(link.b.as_str()));
            let Some((&a, &b)) = both else { continue };
            let (capacity, price) = (capacity(link), price(link));
            if capacity > 0 {
                graph.arc(2 * a + 1, 2 * b, capacity, price);
                graph.arc(2 * b + 1, 2 * a, capacity, price);
            }
        }
        graph
    }

    /// Adds a node from (or to) which `units` flow to (or from) each of `nodes`; returns where to begin (or end).
    pub(super) fn terminal(&mut self, nodes: &[&str], units: u32, source: bool) -> usize {
        let terminal = self.from.len();
        self.from.push(Vec::new());
        for node in nodes {
            let Some(&v) = self.index.get(node) else { continue };
            if source {
                self.arc(terminal, 2 * v, units, 0.0);
            } else {
                self.arc(2 * v + 1, terminal, units, 0.0);
            }
        }
        terminal
    }

    fn arc(&mut self, a: usize, b: usize, capacity: u32, price: f64) {
        self.from[a].push(self.arcs.len());
        self.arcs.push(Arc { to: b, left: capacity, price });
        self.from[b].push(self.arcs.len());
        self.arcs.push(Arc { to: a, left: 0, price: -price });
    }

    /// Sends up to `units` from `source` to `sink`, cheapest first; how many went, and their price.
    pub(super) fn send(&mut self, source: usize, sink: usize, units: u32) -> (u32, f64) {
        let (mut sent, mut total) = (0, 0.0);
        while sent < units {
            let mut best = vec![f64::INFINITY; self.from.len()];
            let mut by = vec![usize::MAX; self.from.len()];
            let mut queued = vec![false; self.from.len()];
            let mut queue = VecDeque::from([source]);
            best[source] = 0.0;
            while let Some(v) = queue.pop_front() {
                queued[v] = false;
                for &arc in &self.from[v] {
                    let Arc { to, left, price } = self.arcs[arc];
                    // The tolerance keeps rounding from turning a circle of price zero into an endless descent.
                    if left > 0 && best[v] + price < best[to] - 1e-12 {
                        best[to] = best[v] + price;
                        by[to] = arc;
                        if !queued[to] {
                            queued[to] = true;
                            queue.push_back(to);
                        }
                    }
                }
            }
            if best[sink].is_infinite() {
                break;
            }
            let mut bottleneck = units - sent;
            let mut v = sink;
            while v != source {
                bottleneck = bottleneck.min(self.arcs[by[v]].left);
                v = self.arcs[by[v] ^ 1].to;
            }
            let mut v = sink;
            while v != source {
                self.arcs[by[v]].left -= bottleneck;
                self.arcs[by[v] ^ 1].left += bottleneck;
                v = self.arcs[by[v] ^ 1].to;
            }
            sent += bottleneck;
            total += best[sink] * f64::from(bottleneck);
        }
        (sent, total)
    }
}

/// How many disjoint paths there are between `a` and `b`, at most `most`.
pub(super) fn disjoint_paths(
    case: &Case,
    a: &str,
    b: &str,
    inner: Inner,
    most: u32,
    usable: impl Fn(&Link) -> bool,
) -> u32 {
    let mut graph = Residual::new(case, &[a, b], inner, |link| u32::from(usable(link)), |_| 0.0);
    let (source, sink) = (graph.terminal(&[a], most, true), graph.terminal(&[b], most, false));
    graph.send(source, sink, most).0
}

/// Least total price of `paths` disjoint paths between `a` and `b`; none if there are not that many.
pub(super) fn cheapest(
    case: &Case,
    a: &str,
    b: &str,
    inner: Inner,
    paths: u32,
    price: impl Fn(&Link) -> f64,
) -> Option<f64> {
    let mut graph = Residual::new(case, &[a, b], inner, |_| 1, price);
    let (source, sink) = (graph.terminal(&[a], paths, true), graph.terminal(&[b], paths, false));
    let (sent, total) = graph.send(source, sink, paths);
    (sent == paths).then_some(total)
}
