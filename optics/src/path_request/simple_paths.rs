//! Simple routes in the order of their weight, by branch and bound: all of them, or those that pass given places in order.
//!
//! The shortest walk from place to place is never longer than the shortest simple route, and where it meets no vertex
//! twice it is that route. The possible routes are divided by how far they follow that walk before they leave it
//! (Lawler 1972, as for k shortest paths), each part is bounded by its own shortest walk, and the part with the least
//! bound is taken next. A part is dropped when no walk is left, when the asker says that nothing good can come of it, or
//! when some place cannot lie on a simple route through it: then two routes that share no vertex, one to where the part
//! begins and one to the end, do not fit (maximum flow, links taken in both directions).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::flow::Flow;
use super::routing::Router;
use super::sections::{SectionIndex, Sections, VertexIndex};
use super::waypoints::{Waypoint, Waypoints};

/// What routes are asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Where they begin.
    pub from: VertexIndex,
    /// Where they end.
    pub to: VertexIndex,
    /// What they pass, in order.
    pub through: Waypoints,
    /// Steps from element to element they may have at most.
    pub most_steps: u32,
    /// Sections they must not use; none listed to allow all.
    pub closed: Vec<bool>,
}

/// Some of the simple routes: those that begin in one way and do not go on in some others.
#[derive(Clone, Debug)]
struct Part {
    bound: f64,
    walk: Vec<SectionIndex>,
    /// How much of the walk every route of the part begins with.
    fixed: usize,
    /// Sections that no route of the part takes next.
    not_next: Vec<SectionIndex>,
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
    /// The least bound is the greatest; of equal ones the first by its sections.
    fn cmp(&self, other: &Self) -> Ordering {
        other.bound.total_cmp(&self.bound).then_with(|| other.walk.cmp(&self.walk))
    }
}

/// A way to one vertex within a limit of steps.
#[derive(Clone, Copy, Debug)]
struct Label {
    vertex: VertexIndex,
    steps: u32,
    via: Option<(usize, SectionIndex)>,
}

/// A list of simple routes, made as it is read.
pub(super) struct SimplePaths<'a> {
    graph: &'a Sections,
    wanted: Wanted,
    parts: BinaryHeap<Part>,
    /// Fewest steps from each vertex to the end; none where nothing leads there.
    steps_left: Vec<Option<u32>>,
    /// Parts that may still be looked into.
    budget: usize,
}

impl<'a> SimplePaths<'a> {
    /// A list that looks into so many parts at most.
    pub(super) fn new(graph: &'a Sections, router: &mut Router, wanted: Wanted, budget: usize) -> Self {
        let steps_left = steps_to(graph, wanted.to, |section| wanted.is_closed(section));
        let mut paths = Self { graph, wanted, parts: BinaryHeap::new(), steps_left, budget };
        let all = paths.part(router, &[], Vec::new());
        paths.parts.extend(all);
        paths
    }

    /// The next route; none if there are no more, or if the list gave up. `keep` may say that no route beginning with
    /// these sections is of use.
    pub(super) fn next(
        &mut self,
        router: &mut Router,
        mut keep: impl FnMut(&[SectionIndex]) -> bool,
    ) -> Option<Vec<SectionIndex>> {
        while self.budget > 0 {
            let part = self.parts.pop()?;
            self.budget -= 1;
            let repeated = self.first_repetition(&part.walk);
            let found = repeated.is_none() && self.steps(&part.walk) <= self.wanted.most_steps;
            if !found && !self.places_fit(&part.walk[..part.fixed]) {
                continue;
            }
            let last = repeated.unwrap_or(part.walk.len().saturating_sub(1));
            let until = (part.fixed..part.walk.len()).take_while(|&taken| taken <= last);
            for taken in until {
                let begin = &part.walk[..taken];
                if taken > part.fixed && !keep(begin) {
                    break;
                }
                let mut not_next = if taken == part.fixed { part.not_next.clone() } else { Vec::new() };
                not_next.push(part.walk[taken]);
                let child = self.part(router, begin, not_next);
                self.parts.extend(child);
            }
            if found {
                return Some(part.walk);
            }
        }
        None
    }

    /// Whether the list ended because it gave up.
    pub(super) fn gave_up(&self) -> bool {
        self.budget == 0 && !self.parts.is_empty()
    }

    fn steps(&self, route: &[SectionIndex]) -> u32 {
        route.iter().map(|&section| self.graph.section(section).steps).sum()
    }

    /// Position of the section that leads to a vertex the walk has met before.
    fn first_repetition(&self, walk: &[SectionIndex]) -> Option<usize> {
        let mut met = vec![false; self.graph.vertex_count()];
        met[self.wanted.from] = true;
        walk.iter().position(|&section| {
            let vertex = self.graph.section(section).to;
            std::mem::replace(&mut met[vertex], true)
        })
    }

    /// The vertices on a route that begins at the start.
    fn met(&self, begin: &[SectionIndex]) -> Vec<bool> {
        let mut met = vec![false; self.graph.vertex_count()];
        met[self.wanted.from] = true;
        for &section in begin {
            met[self.graph.section(section).to] = true;
        }
        met
    }

    fn end_of(&self, begin: &[SectionIndex]) -> VertexIndex {
        begin.last().map_or(self.wanted.from, |&section| self.graph.section(section).to)
    }

    /// The part of routes that begin in this way; none if there cannot be any.
    fn part(&self, router: &mut Router, begin: &[SectionIndex], not_next: Vec<SectionIndex>) -> Option<Part> {
        let (graph, wanted) = (self.graph, &self.wanted);
        let here = self.end_of(begin);
        let steps = self.steps(begin);
        if steps.saturating_add(self.steps_left[here]?) > wanted.most_steps {
            return None;
        }
        let met = self.met(begin);
        let left = wanted.through.left(graph, wanted.from, begin);
        let mut walk = begin.to_vec();
        let mut at = here;
        for place in left.iter().copied().map(Some).chain([None]) {
            let (target, then) = match place {
                Some(Waypoint::Vertex(vertex)) => (vertex, None),
                Some(Waypoint::Section(section)) => (graph.section(section).from, Some(section)),
                None => (wanted.to, None),
            };
            let first_step = walk.len() == begin.len();
            let usable = |section: SectionIndex| {
                let ends = graph.section(section);
                let barred = met[ends.to]
                    || wanted.is_closed(section)
                    || (first_step && ends.from == here && not_next.contains(&section));
                !barred && (ends.to != wanted.to || place.is_none())
            };
            if at != target {
                router.extend(graph, at, target, usable, &mut walk)?;
                at = target;
            }
            if let Some(section) = then {
                let first_step = walk.len() == begin.len();
                let next = graph.section(section).to;
                if met[next] || wanted.is_closed(section) || (first_step && not_next.contains(&section)) {
                    return None;
                }
                walk.push(section);
                at = next;
            }
        }
        if left.is_empty() && self.steps(&walk) > wanted.most_steps {
            walk.truncate(begin.len());
            walk.extend(self.within_steps(here, steps, &met, &not_next)?);
        }
        Some(Part { bound: graph.weight(&walk), walk, fixed: begin.len(), not_next })
    }

    /// The shortest route to the end that keeps to the steps allowed, of which some are gone already.
    fn within_steps(
        &self,
        here: VertexIndex,
        gone: u32,
        met: &[bool],
        not_next: &[SectionIndex],
    ) -> Option<Vec<SectionIndex>> {
        let graph = self.graph;
        let mut labels = vec![Label { vertex: here, steps: gone, via: None }];
        let mut heap = BinaryHeap::from([Reverse((Weight(0.0), 0))]);
        // ways to a vertex come in order of weight: a later one is of use only with fewer steps
        let mut fewest = vec![u32::MAX; graph.vertex_count()];
        while let Some(Reverse((Weight(weight), position))) = heap.pop() {
            let label = labels[position];
            if label.steps >= fewest[label.vertex] {
                continue;
            }
            fewest[label.vertex] = label.steps;
            if label.vertex == self.wanted.to {
                let mut route = Vec::new();
                let mut back = label.via;
                while let Some((before, section)) = back {
                    route.push(section);
                    back = labels[before].via;
                }
                route.reverse();
                return Some(route);
            }
            for section in graph.leaving(label.vertex) {
                let ends = graph.section(section);
                let steps = label.steps + ends.steps;
                let reaches = self.steps_left[ends.to]
                    .is_some_and(|left| steps.saturating_add(left) <= self.wanted.most_steps);
                let first_step = label.via.is_none() && not_next.contains(&section);
                if reaches && !met[ends.to] && !self.wanted.is_closed(section) && !first_step {
                    labels.push(Label { vertex: ends.to, steps, via: Some((position, section)) });
                    heap.push(Reverse((Weight(weight + ends.weight), labels.len() - 1)));
                }
            }
        }
        None
    }

    /// Whether each place still to be passed can lie on a simple route that begins like this.
    fn places_fit(&self, begin: &[SectionIndex]) -> bool {
        let (graph, wanted) = (self.graph, &self.wanted);
        let here = self.end_of(begin);
        let met = self.met(begin);
        let sink = 2 * graph.vertex_count();
        wanted.through.left(graph, wanted.from, begin).iter().all(|&place| {
            let place = match place {
                Waypoint::Vertex(vertex) => vertex,
                Waypoint::Section(section) => graph.section(section).from,
            };
            if place == here {
                return true;
            }
            // each vertex is entered at 2 v and left at 2 v + 1, once
            let mut flow = Flow::new(sink + 1);
            for (vertex, &met) in met.iter().enumerate() {
                if vertex == here || vertex == wanted.to {
                    flow.arc(2 * vertex, sink, 1);
                } else if !met && vertex != place {
                    flow.arc(2 * vertex, 2 * vertex + 1, 1);
                }
            }
            for section in graph.sections() {
                flow.arc(2 * section.from + 1, 2 * section.to, 1);
                flow.arc(2 * section.to + 1, 2 * section.from, 1);
            }
            flow.carries(2 * place + 1, sink, 2)
        })
    }
}

impl Wanted {
    fn is_closed(&self, section: SectionIndex) -> bool {
        self.closed.get(section).copied().unwrap_or(false)
    }
}

/// Fewest steps from each vertex to one, over sections that are not closed.
pub(super) fn steps_to(
    graph: &Sections,
    to: VertexIndex,
    is_closed: impl Fn(SectionIndex) -> bool,
) -> Vec<Option<u32>> {
    let mut steps = vec![None; graph.vertex_count()];
    let mut heap = BinaryHeap::from([Reverse((0, to))]);
    while let Some(Reverse((count, vertex))) = heap.pop() {
        if steps[vertex].is_some() {
            continue;
        }
        steps[vertex] = Some(count);
        for &section in graph.arriving(vertex) {
            let before = graph.section(section);
            if steps[before.from].is_none() && !is_closed(section) {
                heap.push(Reverse((count + before.steps, before.from)));
            }
        }
    }
    steps
}

/// A weight that can be put in order.
#[derive(Clone, Copy, Debug)]
struct Weight(f64);

impl PartialEq for Weight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Weight {}

impl PartialOrd for Weight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Weight {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
