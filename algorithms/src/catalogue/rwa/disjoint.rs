//! Cheapest routes and pairs of disjoint routes for any price of links.
//!
//! Pairs by Bhandari's method (R. Bhandari, *Survivable Networks*, 1999) in its form with potentials (Suurballe and
//! Tarjan, 1984): a shortest route, then a shortest one in the residual network, where a node of the first route can
//! only be left backwards along it. Two Dijkstra searches, O((N + L) log N).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::instance::{Arc, Instance};

const NONE: u32 = u32::MAX;

/// Between which nodes, and under which rule of the instance.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Where routes begin.
    pub a: usize,
    /// Where they end.
    pub b: usize,
    /// Which of [`Instance::rules`] holds.
    pub rule: usize,
}

/// Memory for searches, kept between them.
#[derive(Clone, Debug)]
pub struct RouteFinder {
    nodes: usize,
    cost: Vec<u32>,
    via: Vec<(u32, u32)>,
    potential: Vec<u32>,
    queue: BinaryHeap<Reverse<(u32, u32)>>,
    /// Links towards `a` and `b` of nodes on the first route, `NONE` elsewhere.
    before: Vec<u32>,
    after: Vec<u32>,
    first: Vec<(usize, usize)>,
    second: Vec<(usize, usize, bool)>,
    /// The routes found last, as links from `a` to `b`.
    pub routes: [Vec<usize>; 2],
}

impl RouteFinder {
    /// Memory for networks of `nodes` nodes.
    pub fn new(nodes: usize) -> Self {
        Self {
            nodes,
            cost: vec![NONE; 2 * nodes],
            via: vec![(NONE, NONE); 2 * nodes],
            potential: vec![0; nodes],
            queue: BinaryHeap::new(),
            before: vec![NONE; nodes],
            after: vec![NONE; nodes],
            first: Vec::new(),
            second: Vec::new(),
            routes: [Vec::new(), Vec::new()],
        }
    }

    /// The cheapest route that costs less than `limit`, into `routes[0]`; its cost. `price` is asked for arcs
    /// with the node they leave; it gives none where there is no way and must not give 0.
    pub fn single(
        &mut self,
        instance: &Instance,
        ends: Ends,
        limit: u32,
        price: impl FnMut(Arc, usize) -> Option<u32>,
    ) -> Option<u32> {
        let cost = self.shortest(instance, ends, limit, price)?;
        let [route, other] = &mut self.routes;
        other.clear();
        route.clear();
        route.extend(self.first.iter().map(|&(_, link)| link));
        Some(cost)
    }

    /// The cheapest pair of routes without common links, and for `node_disjoint` without common nodes between the
    /// ends, that costs less than `limit` together; into `routes`, the cheaper first.
    pub fn pair(
        &mut self,
        instance: &Instance,
        ends: Ends,
        node_disjoint: bool,
        limit: u32,
        mut price: impl FnMut(Arc, usize) -> Option<u32>,
    ) -> Option<u32> {
        let half = self.shortest(instance, ends, limit, &mut price)?;
        if half >= limit - half {
            return None;
        }
        for node in 0..self.nodes {
            self.potential[node] = self.cost[node].min(half);
        }
        let rest = self.residual(instance, ends, node_disjoint, limit - 2 * half, &mut price)?;
        self.decompose(instance, ends, &mut price);
        Some(2 * half + rest)
    }

    /// Dijkstra from `a` to `b`; the route into `first` as (node left, link).
    fn shortest(
        &mut self,
        instance: &Instance,
        Ends { a, b, rule }: Ends,
        limit: u32,
        mut price: impl FnMut(Arc, usize) -> Option<u32>,
    ) -> Option<u32> {
        self.cost[..self.nodes].fill(NONE);
        self.queue.clear();
        self.cost[a] = 0;
        self.queue.push(Reverse((0, index(a))));
        while let Some(Reverse((cost, node))) = self.queue.pop() {
            let node = node as usize;
            if cost > self.cost[node] {
                continue;
            }
            if node == b {
                self.first.clear();
                let mut at = b;
                while at != a {
                    let (from, link) = self.via[at];
                    at = from as usize;
                    self.first.push((at, link as usize));
                }
                self.first.reverse();
                return Some(cost);
            }
            for &arc in &instance.adjacency[node] {
                if arc.node == a || !instance.allows(rule, arc, b) {
                    continue;
                }
                let Some(step) = price(arc, node) else { continue };
                let next = cost.saturating_add(step);
                if next < self.cost[arc.node] && next < limit {
                    self.cost[arc.node] = next;
                    self.via[arc.node] = (index(node), index(arc.link));
                    self.queue.push(Reverse((next, index(arc.node))));
                }
            }
        }
        None
    }

    /// Dijkstra in the residual network of `first`, with reduced prices. Nodes of the first route have two states:
    /// entered (`v`), and left backwards (`v + nodes`).
    fn residual(
        &mut self,
        instance: &Instance,
        Ends { a, b, rule }: Ends,
        node_disjoint: bool,
        limit: u32,
        price: &mut impl FnMut(Arc, usize) -> Option<u32>,
    ) -> Option<u32> {
        let nodes = self.nodes;
        for (position, &(node, link)) in self.first.iter().enumerate() {
            self.after[node] = index(link);
            let far = self.first.get(position + 1).map_or(b, |next| next.0);
            self.before[far] = index(link);
        }
        self.cost.fill(NONE);
        self.queue.clear();
        self.cost[a] = 0;
        self.queue.push(Reverse((0, index(a))));
        let mut found = None;
        while let Some(Reverse((cost, state))) = self.queue.pop() {
            let state = state as usize;
            if cost > self.cost[state] {
                continue;
            }
            if state == b {
                found = Some(cost);
                break;
            }
            let node = state % nodes;
            let on_first = self.before[node] != NONE;
            let only_back = node_disjoint && on_first && state < nodes;
            for &arc in &instance.adjacency[node] {
                if arc.node == a || index(arc.link) == self.after[node] {
                    continue;
                }
                let (target, step) = if index(arc.link) == self.before[node] {
                    (if node_disjoint { arc.node + nodes } else { arc.node }, 0)
                } else {
                    if only_back || !instance.allows(rule, arc, b) {
                        continue;
                    }
                    let Some(step) = price(arc, node) else { continue };
                    (arc.node, step.saturating_add(self.potential[node]) - self.potential[arc.node])
                };
                let next = cost.saturating_add(step);
                if next < self.cost[target] && next < limit {
                    self.cost[target] = next;
                    self.via[target] = (index(state), index(arc.link));
                    self.queue.push(Reverse((next, index(target))));
                }
            }
        }
        if found.is_some() {
            self.second.clear();
            let mut at = b;
            while at != a {
                let (from, link) = self.via[at];
                let backwards = self.before[from as usize % nodes] == link;
                at = from as usize;
                self.second.push((at % nodes, link as usize, backwards));
            }
        }
        for &(node, _) in &self.first {
            self.after[node] = NONE;
            self.before[node] = NONE;
        }
        self.before[b] = NONE;
        found
    }

    /// Cancels what the second route takes back of the first, and follows what remains.
    fn decompose(
        &mut self,
        instance: &Instance,
        Ends { a, b, .. }: Ends,
        price: &mut impl FnMut(Arc, usize) -> Option<u32>,
    ) {
        let mut arcs: Vec<(usize, usize)> = self
            .first
            .iter()
            .copied()
            .filter(|&(_, link)| !self.second.iter().any(|&(_, other, back)| back && other == link))
            .collect();
        arcs.extend(self.second.iter().filter(|arc| !arc.2).map(|&(node, link, _)| (node, link)));
        let mut costs = [0_u32; 2];
        for (route, total) in self.routes.iter_mut().zip(&mut costs) {
            route.clear();
            let mut at = a;
            while at != b {
                let position = arcs.iter().position(|arc| arc.0 == at).expect("a flow of two units leads on");
                let (from, link) = arcs.swap_remove(position);
                let own = instance.links[link];
                at = if own.a == from { own.b } else { own.a };
                *total = total.saturating_add(price(Arc { node: at, link }, from).unwrap_or(NONE));
                route.push(link);
            }
        }
        if (costs[1], self.routes[1].len(), &self.routes[1])
            < (costs[0], self.routes[0].len(), &self.routes[0])
        {
            self.routes.swap(0, 1);
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // nodes and links are below 2^17
#[inline]
fn index(value: usize) -> u32 {
    value as u32
}
