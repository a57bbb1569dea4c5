//! Whether two requests can never have the same wavelength, whatever their routes.
//!
//! It is shown in one of three ways, each sufficient:
//!
//! 1. *Terminal*: both end at a node whose banks together take a slot only once.
//! 2. *Cut*: let each request need 1 path, or 2 if it is protected, and `need` be their sum. If some set of links and
//!    nodes that parts both pairs of ends lets less than `need` through on one wavelength, they do not fit together: a
//!    link lets through one signal for each fibre pair; a node lets each request through once where its paths must be
//!    node-disjoint, so it counts 2. The least such set is a minimum cut after joining one end of each request to the
//!    source and the other to the sink; the two ways of pairing the ends cover all sets.
//! 3. *Enumeration*: for two requests protected by node-disjoint pairs on links of one fibre pair, list every pair of
//!    paths of either (each is a circle through both ends) as a set of links; if no circle of the one is disjoint from
//!    any of the other, they exclude each other. This is exact where the lists are complete, which a budget may prevent.
//!
//! All three hold for lightpaths that keep one wavelength from end to end: without regenerators on the way.

use std::collections::BTreeMap;

use super::Case;
use super::add_drop::banks_of;
use super::flow::{Inner, Residual};
use crate::request::LightpathRequest;
use crate::topology::{AddDropKind, Contention};
use crate::traffic::{Disjointness, Protection, ProtectionSource};

/// Most pairs of paths listed between two ends, and most steps taken to list them.
const MOST_CIRCLES: usize = 50_000;
const MOST_STEPS: usize = 3_000_000;

/// Answers for pairs of requests, remembering what it found for pairs of ends.
pub(super) struct Exclusion<'c, 'a> {
    case: &'c Case<'a>,
    circles: BTreeMap<(String, String), Option<Vec<u128>>>,
    known: BTreeMap<[(String, String, u32, bool); 2], bool>,
}

/// How often a node's banks take one slot in all; none for without limit.
pub(super) fn slot_uses(case: &Case, node: &str) -> Option<u32> {
    let node = case.nodes.get(node)?;
    let banks = banks_of(node);
    let once = u32::try_from(banks.iter().filter(|bank| bank.kind != AddDropKind::Cdc).count()).ok()?;
    let once = if node.contention == Contention::PerNode { once.min(1) } else { once };
    let cdc = banks.iter().filter(|bank| bank.kind == AddDropKind::Cdc).map(|b| b.max_same_slot.or(b.ports));
    cdc.sum::<Option<u32>>().map(|cdc| cdc.saturating_add(once))
}

/// Paths that a request has on its wavelength, and whether they are node-disjoint. The paths of transponders of their
/// own may differ in wavelength, so only one counts.
fn paths_of(request: &LightpathRequest) -> (u32, bool) {
    match &request.protection {
        Protection::OnePlusOne { disjoint, source: ProtectionSource::Splitter, .. } => {
            (2, *disjoint != Disjointness::Link)
        }
        _ => (1, true),
    }
}

impl<'c, 'a> Exclusion<'c, 'a> {
    pub(super) fn new(case: &'c Case<'a>) -> Self {
        Self { case, circles: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// Whether it is shown that the two never have the same wavelength.
    pub(super) fn proven(&mut self, one: &LightpathRequest, other: &LightpathRequest) -> bool {
        let key = |request: &LightpathRequest| {
            let (a, b) = (request.a.clone().min(request.b.clone()), request.a.clone().max(request.b.clone()));
            let (paths, node_disjoint) = paths_of(request);
            (a, b, paths, node_disjoint)
        };
        let mut keys = [key(one), key(other)];
        keys.sort();
        if let Some(&known) = self.known.get(&keys) {
            return known;
        }
        let answer =
            self.by_terminal(one, other) || self.by_cut(one, other) || self.by_enumeration(one, other);
        self.known.insert(keys, answer);
        answer
    }

    fn by_terminal(&self, one: &LightpathRequest, other: &LightpathRequest) -> bool {
        [&one.a, &one.b]
            .into_iter()
            .any(|end| (*end == other.a || *end == other.b) && slot_uses(self.case, end) == Some(1))
    }

    fn by_cut(&self, one: &LightpathRequest, other: &LightpathRequest) -> bool {
        let ((paths, apart), (other_paths, other_apart)) = (paths_of(one), paths_of(other));
        let need = paths + other_paths;
        let inner = if apart && other_apart { Inner::Units(2) } else { Inner::Unlimited };
        let ends = [one.a.as_str(), &one.b, &other.a, &other.b];
        [[&other.a, &other.b], [&other.b, &other.a]].into_iter().any(|[near, far]| {
            if one.a == *far || one.b == *near {
                return false; // source and sink would be one node: this pairing has no cut
            }
            let fibres =
                |link: &crate::topology::Link| u32::try_from(Case::fibres(link).len()).unwrap_or(u32::MAX);
            let mut graph = Residual::new(self.case, &ends, inner, |link| fibres(link).min(need), |_| 0.0);
            let source = graph.terminal(&[&one.a, near], need, true);
            let sink = graph.terminal(&[&one.b, far], need, false);
            graph.send(source, sink, need).0 < need
        })
    }

    fn by_enumeration(&mut self, one: &LightpathRequest, other: &LightpathRequest) -> bool {
        let links = &self.case.topology.links;
        let listable = links.len() <= 128 && links.iter().all(|link| link.fibres.len() <= 1);
        if !listable || paths_of(one) != (2, true) || paths_of(other) != (2, true) {
            return false;
        }
        let mut list = |request: &LightpathRequest| {
            self.circles
                .entry((request.a.clone(), request.b.clone()))
                .or_insert_with(|| circles(self.case, &request.a, &request.b))
                .clone()
        };
        let (Some(own), Some(others)) = (list(one), list(other)) else { return false };
        own.iter().all(|circle| others.iter().all(|second| circle & second != 0))
    }
}

/// The link sets of all node-disjoint pairs of paths between `a` and `b`; none if there are too
/// many to list.
fn circles(case: &Case, a: &str, b: &str) -> Option<Vec<u128>> {
    let index: BTreeMap<&str, usize> =
        case.topology.nodes.iter().map(|node| node.id.as_str()).zip(0..).collect();
    let (a, b) = (*index.get(a)?, *index.get(b)?);
    let mut next_to: Vec<Vec<(usize, usize)>> = vec![Vec::new(); index.len()];
    for (e, link) in case.topology.links.iter().enumerate() {
        let (u, v) = (*index.get(link.a.as_str())?, *index.get(link.b.as_str())?);
        next_to[u].push((v, e));
        next_to[v].push((u, e));
    }
    let passable: Vec<bool> = case.topology.nodes.iter().map(|node| case.passable(&node.id)).collect();
    let starts = next_to[a].clone();
    let mut visited = vec![false; next_to.len()];
    visited[a] = true;
    let mut walk =
        Walk { next_to, passable, goal: b, visited, returns: Vec::new(), steps: 0, found: Vec::new() };
    for (position, &(v, e)) in starts.iter().enumerate() {
        walk.returns = starts[position + 1..].to_vec();
        walk.go(v, 1 << e, false)?;
    }
    Some(walk.found)
}

/// Walks away from home over one link, to the goal, and back home over a later link; no node twice.
struct Walk {
    /// Neighbours and links of each node.
    next_to: Vec<Vec<(usize, usize)>>,
    passable: Vec<bool>,
    goal: usize,
    /// Where the walk is and has come from; home from the start.
    visited: Vec<bool>,
    /// Where a last hop home may begin, and over which link.
    returns: Vec<(usize, usize)>,
    steps: usize,
    found: Vec<u128>,
}

impl Walk {
    /// Goes on from `v` in every way; `seen_goal` on the way home. None if there are too many.
    fn go(&mut self, v: usize, links: u128, seen_goal: bool) -> Option<()> {
        if v != self.goal && !self.passable[v] {
            return Some(());
        }
        let seen_goal = seen_goal || v == self.goal;
        if seen_goal {
            let hops_home = self.returns.iter().filter(|&&(near, _)| near == v);
            self.found.extend(hops_home.map(|&(_, e)| links | 1 << e));
            if self.found.len() > MOST_CIRCLES {
                return None;
            }
        }
        self.visited[v] = true;
        for position in 0..self.next_to[v].len() {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return None;
            }
            let (next, e) = self.next_to[v][position];
            if !self.visited[next] {
                self.go(next, links | 1 << e, seen_goal)?;
            }
        }
        self.visited[v] = false;
        Some(())
    }
}
