//! The shortest route between two transceivers, free or through given elements.
//!
//! Free: Dijkstra over sections. Through given elements: if they name sections that make up a complete route, that one;
//! else the shortest of all simple routes that pass them in order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::least_total::{Asked, LeastTotal, MOST_SEARCHES, least_total};
use super::sections::{SectionIndex, Sections, VertexIndex};
use super::simple_paths::{SimplePaths, Wanted};
use super::waypoints::Waypoints;
use super::{BlockingReason, IncludedNode};
use crate::line::{ElementIndex, ElementKind, LineNetwork};

/// Parts of the set of routes looked into before an integer program decides; on meshes of a hundred ROADMs a few are
/// enough.
const MOST_PARTS: usize = 20_000;

/// Shortest paths over sections. Keeps its memory from one search to the next.
#[derive(Clone, Debug, Default)]
pub struct Router {
    distance: Vec<f64>,
    via: Vec<SectionIndex>,
    /// Which search a vertex was last reached or finished in.
    reached: Vec<u64>,
    finished: Vec<u64>,
    search: u64,
    heap: BinaryHeap<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    distance: f64,
    vertex: VertexIndex,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The nearest is the greatest; of equally near ones the first by name.
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then_with(|| other.vertex.cmp(&self.vertex))
    }
}

impl Router {
    /// The shortest route from one vertex to another over sections that may be used, appended to `route`, and its
    /// weight; none if there is none. A vertex leads to itself by the empty route.
    pub fn extend(
        &mut self,
        graph: &Sections,
        from: VertexIndex,
        to: VertexIndex,
        usable: impl Fn(SectionIndex) -> bool,
        route: &mut Vec<SectionIndex>,
    ) -> Option<f64> {
        self.extend_by(graph, from, to, usable, |section| graph.section(section).weight, route)
    }

    /// As [`Router::extend`], where a section costs what `pays` says, which must not be negative.
    pub(super) fn extend_by(
        &mut self,
        graph: &Sections,
        from: VertexIndex,
        to: VertexIndex,
        usable: impl Fn(SectionIndex) -> bool,
        pays: impl Fn(SectionIndex) -> f64,
        route: &mut Vec<SectionIndex>,
    ) -> Option<f64> {
        let count = graph.vertex_count();
        if self.distance.len() < count {
            self.distance.resize(count, 0.0);
            self.via.resize(count, 0);
            self.reached.resize(count, 0);
            self.finished.resize(count, 0);
        }
        self.search += 1;
        self.heap.clear();
        self.distance[from] = 0.0;
        self.reached[from] = self.search;
        self.heap.push(Entry { distance: 0.0, vertex: from });
        while let Some(Entry { distance, vertex }) = self.heap.pop() {
            if self.finished[vertex] == self.search {
                continue;
            }
            self.finished[vertex] = self.search;
            if vertex == to {
                let start = route.len();
                let mut back = to;
                while back != from {
                    route.push(self.via[back]);
                    back = graph.section(self.via[back]).from;
                }
                route[start..].reverse();
                return Some(distance);
            }
            for section in graph.leaving(vertex) {
                let next = graph.section(section).to;
                let farther = distance + pays(section);
                if (self.reached[next] != self.search || farther < self.distance[next]) && usable(section) {
                    self.reached[next] = self.search;
                    self.distance[next] = farther;
                    self.via[next] = section;
                    self.heap.push(Entry { distance: farther, vertex: next });
                }
            }
        }
        None
    }

    /// The shortest route from one vertex to another; none if there is none.
    pub fn shortest(
        &mut self,
        graph: &Sections,
        from: VertexIndex,
        to: VertexIndex,
    ) -> Option<Vec<SectionIndex>> {
        let mut route = Vec::new();
        self.extend(graph, from, to, |_| true, &mut route).map(|_| route)
    }
}

/// The route of a request on its own, or why there is none. `include` names elements of the network.
///
/// One element that must be passed makes all of them binding; otherwise a list that no route fulfils is dropped. Where a
/// search ends before it is known whether some route fulfils the list, the reason says so.
pub fn route(
    network: &LineNetwork,
    graph: &Sections,
    router: &mut Router,
    ends: (VertexIndex, VertexIndex),
    include: &[IncludedNode],
) -> Result<Vec<SectionIndex>, BlockingReason> {
    let (from, to) = ends;
    if from == to {
        return Err(BlockingReason::NoPath);
    }
    if include.is_empty() {
        return router.shortest(graph, from, to).ok_or(BlockingReason::NoPath);
    }
    if let Some(route) = complete_route(network, graph, ends, include) {
        return Ok(route);
    }
    let free = router.shortest(graph, from, to).ok_or(BlockingReason::NoPath)?;
    let passing = match Waypoints::new(network, graph, include) {
        Some(through) => passing(graph, router, Asked { from, to, through }),
        None => LeastTotal::Impossible,
    };
    match passing {
        LeastTotal::Proven(routes) | LeastTotal::Unproven(Some(routes)) => {
            Ok(routes.into_iter().next().unwrap_or_default())
        }
        LeastTotal::Impossible if include.iter().any(|node| node.strict) => {
            Err(BlockingReason::NoPathWithConstraint)
        }
        LeastTotal::Impossible => Ok(free),
        LeastTotal::Unproven(None) => Err(BlockingReason::NotDecided),
    }
}

/// The shortest simple route that passes what it must.
fn passing(graph: &Sections, router: &mut Router, asked: Asked) -> LeastTotal {
    let Asked { from, to, through } = asked.clone();
    let wanted = Wanted { from, to, through, most_steps: u32::MAX, closed: Vec::new() };
    let mut paths = SimplePaths::new(graph, router, wanted, MOST_PARTS);
    match paths.next(router, |_| true) {
        Some(route) => LeastTotal::Proven(vec![route]),
        None if paths.gave_up() => least_total(graph, router, &[asked], &[], MOST_SEARCHES),
        None => LeastTotal::Impossible,
    }
}

/// The route that the sections named by the list make up; none if they do not join the request's ends.
///
/// Only elements between vertices name a section; others in the list do not matter here.
fn complete_route(
    network: &LineNetwork,
    graph: &Sections,
    (from, to): (VertexIndex, VertexIndex),
    include: &[IncludedNode],
) -> Option<Vec<SectionIndex>> {
    let mut named: Vec<SectionIndex> = Vec::new();
    for node in include {
        let section = network.index_of(&node.uid).and_then(|element| graph.section_of(element));
        if let Some(section) = section.filter(|section| !named.contains(section)) {
            named.push(section);
        }
    }
    if named.is_empty() {
        return None;
    }
    let is_roadm = |element: ElementIndex| matches!(network.element(element).kind, ElementKind::Roadm(_));
    let mut route = Vec::with_capacity(named.len() + 2);
    let access = graph.leaving(from).next()?;
    if graph.inner(access).is_empty() && is_roadm(graph.element(graph.section(access).to)) {
        route.push(access);
    }
    route.extend(&named);
    let &exit = graph.arriving(to).first()?;
    if graph.inner(exit).is_empty() && is_roadm(graph.element(graph.section(exit).from)) {
        route.push(exit);
    }
    let joined = graph.section(route[0]).from == from
        && route.last().is_some_and(|&section| graph.section(section).to == to)
        && route.windows(2).all(|pair| graph.section(pair[0]).to == graph.section(pair[1]).from);
    let mut seen: Vec<VertexIndex> = route.iter().map(|&section| graph.section(section).to).collect();
    seen.push(from);
    seen.sort_unstable();
    let simple = seen.windows(2).all(|pair| pair[0] != pair[1]);
    (joined && simple).then_some(route)
}
