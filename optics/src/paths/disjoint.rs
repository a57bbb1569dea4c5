//! Cheapest pairs of disjoint routes (Suurballe 1974, Bhandari 1999).
//!
//! Each node is split into an entry and an exit. After a cheapest route was found its arcs are turned round with their
//! cost negated, and the arc through each inner node with them where routes must not share nodes; a second cheapest
//! route in what is left, by label correction since costs may be negative, cancels what both use in opposite ways. What
//! remains is the cheapest pair, also where removing the cheapest route would leave no second one (the trap graph).

use std::collections::VecDeque;

use super::{Route, may_leave};
use crate::network::{LinkIndex, Network, NodeIndex};

/// What the routes of a pair must not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Links.
    Links,
    /// Links and nodes between the ends. Two parallel links, and a route of two hops, are fine.
    Nodes,
}

/// An arc of the split graph: along a link, or through a node.
#[derive(Clone, Copy)]
struct Arc {
    from: usize,
    to: usize,
    link: Option<LinkIndex>,
    cost: f64,
    /// The arc is used by the first route: it can only be taken backwards.
    turned: bool,
    /// The arc may be taken by any number of routes.
    shared: bool,
}

/// The cheapest two routes from `a` to `b` that are apart, the cheaper first; none if there are none.
/// `cost` of a link must not be negative; none closes it.
///
/// Time: O(nodes × links) in the worst case, near-linear in practice.
#[must_use]
pub fn disjoint_pair(
    network: &Network,
    a: NodeIndex,
    b: NodeIndex,
    apart: Apart,
    cost: impl Fn(LinkIndex) -> Option<f64>,
) -> Option<[Route; 2]> {
    if a == b {
        return None;
    }
    let mut arcs = Vec::with_capacity(network.nodes.len() + 2 * network.links.len());
    for node in 0..network.nodes.len() {
        if may_leave(network, a, node) || node == b {
            let shared = apart == Apart::Links || node == a || node == b;
            arcs.push(Arc {
                from: entry(node),
                to: exit(node),
                link: None,
                cost: 0.0,
                turned: false,
                shared,
            });
        }
    }
    for (index, link) in network.links.iter().enumerate() {
        let Some(cost) = cost(index) else { continue };
        for (from, to) in [(link.a, link.b), (link.b, link.a)] {
            // Nothing leaves the goal or comes back to the start.
            if from != b && to != a {
                let (from, to) = (exit(from), entry(to));
                arcs.push(Arc { from, to, link: Some(index), cost, turned: false, shared: false });
            }
        }
    }
    for _ in 0..2 {
        let way = cheapest(&arcs, 2 * network.nodes.len(), exit(a), entry(b))?;
        for arc in way {
            if !arcs[arc].shared {
                arcs[arc].turned = !arcs[arc].turned;
            }
        }
    }
    cancel_opposites(&mut arcs);
    let mut routes = [trace(network, &mut arcs, a, b), trace(network, &mut arcs, a, b)];
    let price = |route: &Route| -> f64 { route.iter().filter_map(|step| cost(step.link)).sum() };
    if price(&routes[1]) < price(&routes[0]) {
        routes.swap(0, 1);
    }
    Some(routes)
}

const fn entry(node: NodeIndex) -> usize {
    2 * node
}

const fn exit(node: NodeIndex) -> usize {
    2 * node + 1
}

/// The arcs of a cheapest way, in order; turned ones are taken backwards.
fn cheapest(arcs: &[Arc], vertices: usize, source: usize, sink: usize) -> Option<Vec<usize>> {
    let mut at: Vec<Vec<usize>> = vec![Vec::new(); vertices];
    for (index, arc) in arcs.iter().enumerate() {
        at[if arc.turned { arc.to } else { arc.from }].push(index);
    }
    let mut best = vec![f64::INFINITY; vertices];
    let mut by: Vec<Option<usize>> = vec![None; vertices];
    let mut waiting = vec![false; vertices];
    best[source] = 0.0;
    let mut queue = VecDeque::from([source]);
    while let Some(vertex) = queue.pop_front() {
        waiting[vertex] = false;
        for &index in &at[vertex] {
            let arc = arcs[index];
            let (to, cost) = if arc.turned { (arc.from, -arc.cost) } else { (arc.to, arc.cost) };
            // Rounding must not make a circle of cost zero look like a gain.
            if best[vertex] + cost < best[to] - 1e-9 {
                best[to] = best[vertex] + cost;
                by[to] = Some(index);
                if !std::mem::replace(&mut waiting[to], true) {
                    queue.push_back(to);
                }
            }
        }
    }
    let mut way = Vec::new();
    let mut vertex = sink;
    while vertex != source {
        let index = by[vertex]?;
        way.push(index);
        vertex = if arcs[index].turned { arcs[index].to } else { arcs[index].from };
    }
    way.reverse();
    Some(way)
}

/// A link that both routes take, in opposite ways, is taken by neither.
fn cancel_opposites(arcs: &mut [Arc]) {
    for index in 1..arcs.len() {
        let (one, other) = (arcs[index - 1], arcs[index]);
        if one.link.is_some() && one.link == other.link && one.turned && other.turned {
            arcs[index - 1].turned = false;
            arcs[index].turned = false;
        }
    }
}

/// Follows the arcs in use from `a` to `b`, and uses them up.
fn trace(network: &Network, arcs: &mut [Arc], a: NodeIndex, b: NodeIndex) -> Route {
    let mut route = Vec::new();
    let mut node = a;
    while node != b {
        let next = arcs
            .iter_mut()
            .find(|arc| arc.turned && arc.link.is_some() && arc.from == exit(node))
            .expect("two units of flow leave the start and are kept at every node");
        next.turned = false;
        let (link, to) = (next.link, next.to / 2);
        let step = network.adjacency[node].iter().find(|step| Some(step.link) == link && step.node == to);
        route.push(*step.expect("the arc is one of the links at this node"));
        node = to;
    }
    drop_circles(a, route)
}

/// Link-disjoint routes may come out with a circle, where they crossed at a node: it is cut off.
fn drop_circles(a: NodeIndex, route: Route) -> Route {
    let mut simple: Route = Vec::with_capacity(route.len());
    for step in route {
        if step.node == a {
            simple.clear();
        } else if let Some(seen) = simple.iter().position(|earlier| earlier.node == step.node) {
            simple.truncate(seen + 1);
        } else {
            simple.push(step);
        }
    }
    simple
}
