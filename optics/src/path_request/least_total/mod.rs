//! Routes of least total weight that keep apart, or the proof that there are none: an integer program, solved exactly.
//!
//! Each route is cut into legs by the places it must pass; a leg takes a section or it does not. Two rules tie legs to
//! each other: members of one set do not take the same section, in either direction, and legs of one route meet no vertex
//! twice. Without the rules each leg is a shortest path; so the rules are given prices ([`relaxation`]), which bounds
//! the total from below. Where the legs found break no rule they are an answer; where they do, one of the two that break
//! it must give way, which makes two smaller programs (branch and bound, the least bound first). What is found is the
//! least to within [`SAME`]; what is refused is refused because every part was closed.

mod legs;
mod relaxation;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::flow::Flow;
use super::routing::Router;
use super::sections::{SectionIndex, Sections, VertexIndex};
use super::waypoints::Waypoints;
use legs::{Ban, Legs};
use relaxation::{Prices, Relaxation};

/// Totals that differ by less are equal, in m.
const SAME: f64 = 1e-4;

/// Shortest paths looked for before a search ends without proof. Meshes of a hundred ROADMs need some hundreds, and a
/// search that takes all of these some seconds.
pub(super) const MOST_SEARCHES: usize = 200_000;

/// A route that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Where it begins.
    pub from: VertexIndex,
    /// Where it ends.
    pub to: VertexIndex,
    /// What it passes, in order.
    pub through: Waypoints,
}

/// What came of a search.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LeastTotal {
    /// These routes, and none of less total weight exist.
    Proven(Vec<Vec<SectionIndex>>),
    /// There are no routes that keep the rules.
    Impossible,
    /// The search ended first; these routes keep the rules, if it found any, but lighter ones may exist.
    Unproven(Option<Vec<Vec<SectionIndex>>>),
}

/// A part of the program: legs that must not take some sections or vertices.
struct Part {
    bound: f64,
    bans: Vec<Ban>,
    prices: Prices,
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Part {}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Part {
    /// The least bound is the greatest; of equal ones the one with most decided.
    fn cmp(&self, other: &Self) -> Ordering {
        other.bound.total_cmp(&self.bound).then_with(|| self.bans.len().cmp(&other.bans.len()))
    }
}

/// Looks for the routes of least total weight, those in one of the sets apart from each other; `searches` bounds the
/// shortest paths that are looked for ([`MOST_SEARCHES`]).
///
/// Time: a shortest path each; exponential at worst, since the problem is NP-hard.
pub(super) fn least_total(
    graph: &Sections,
    router: &mut Router,
    asked: &[Asked],
    sets: &[Vec<usize>],
    searches: usize,
) -> LeastTotal {
    if !sets.iter().all(|set| may_fit(graph, asked, set)) {
        return LeastTotal::Impossible;
    }
    let Some(legs) = Legs::new(graph, asked, sets) else { return LeastTotal::Impossible };
    let mut relaxation = Relaxation::new(graph, router, &legs, searches);
    let mut parts = BinaryHeap::new();
    parts.push(Part { bound: 0.0, bans: Vec::new(), prices: legs.no_prices() });
    while let Some(part) = parts.pop() {
        if part.bound > relaxation.best_total() - SAME {
            break;
        }
        let Some(looked) = relaxation.look(&part.bans, part.prices) else {
            return LeastTotal::Unproven(relaxation.into_best());
        };
        // a part is closed by its bound, or because some leg has no way left
        let bound = looked.bound.max(part.bound);
        let Some(broken) = looked.broken.filter(|_| bound <= relaxation.best_total() - SAME) else {
            continue;
        };
        for ban in legs.ways_out(graph, broken) {
            let mut bans = part.bans.clone();
            bans.extend(ban);
            parts.push(Part { bound, bans, prices: looked.prices.clone() });
        }
    }
    relaxation.into_best().map_or(LeastTotal::Impossible, LeastTotal::Proven)
}

/// Whether a flow that does not tell routes from each other gets from where they begin to where they end: without one
/// they cannot keep apart.
fn may_fit(graph: &Sections, asked: &[Asked], set: &[usize]) -> bool {
    let units = set.len();
    let all = u32::try_from(units).unwrap_or(u32::MAX);
    let (source, sink) = (graph.vertex_count(), graph.vertex_count() + 1);
    let mut flow = Flow::new(sink + 1);
    for section in graph.sections() {
        flow.arc(section.from, section.to, if section.exclusive { 1 } else { all });
    }
    for &member in set {
        flow.arc(source, asked[member].from, 1);
        flow.arc(asked[member].to, sink, 1);
    }
    flow.carries(source, sink, units)
}
