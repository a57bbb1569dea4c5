//! Routes for requests that must not share a line.
//!
//! Of all combinations of simple routes of at most 80 steps, GNPy takes the first in order: sets as they are given, in
//! each the last request foremost, each request's routes by weight. The same combination is found here without listing
//! all routes: requests are routed in that order, each along its next route that leaves all others of its set one, and a
//! beginning of a route is dropped as soon as a maximum flow shows that it does not (for requests with equal ends that
//! test is exact; for others it is a necessary condition, and the search backtracks).
//!
//! Where no routes of 80 steps will do, GNPy stops. Then the routes of least total weight are taken, without a limit of
//! steps: of two requests with the same ends by Suurballe's method, of others by an integer program. Both are exact, so
//! that "none" is said only where it is proven.

use super::IncludedNode;
use super::flow::Flow;
use super::least_total::{Asked, LeastTotal, MOST_SEARCHES, least_total};
use super::outcome::ApartChoice;
use super::pair::disjoint_pair;
use super::routing::Router;
use super::sections::{SectionIndex, Sections, VertexIndex};
use super::simple_paths::{SimplePaths, Wanted, steps_to};
use super::waypoints::Waypoints;
use crate::line::{ElementKind, LineNetwork};

/// Steps a route may have before the limit is given up.
const MOST_STEPS: u32 = 80;

/// Parts of the sets of routes looked into in one ordered search; where that is not enough, the least total decides.
const MOST_PARTS: usize = 50_000;

/// A request that must be routed apart from others.
#[derive(Clone, Debug)]
pub struct Member {
    from: VertexIndex,
    to: VertexIndex,
    /// What it is to pass; none if no route passes it.
    through: Option<Waypoints>,
    strict: bool,
}

impl Member {
    /// A request between two vertices that is to pass some elements. Only ROADMs, and the elements light enters a line
    /// through, can be passed by a request that is routed apart from others.
    pub fn new(
        network: &LineNetwork,
        graph: &Sections,
        (from, to): (VertexIndex, VertexIndex),
        include: &[IncludedNode],
    ) -> Self {
        let is_roadm = |vertex: VertexIndex| {
            matches!(network.element(graph.element(vertex)).kind, ElementKind::Roadm(_))
        };
        let can_be_passed = include.iter().all(|node| {
            network.index_of(&node.uid).is_some_and(|element| {
                graph.vertex(element).is_some_and(is_roadm)
                    || graph.section_of(element).is_some_and(|section| {
                        graph.inner(section)[0] == element && is_roadm(graph.section(section).from)
                    })
            })
        });
        let through = if can_be_passed { Waypoints::new(network, graph, include) } else { None };
        Self { from, to, through, strict: include.iter().any(|node| node.strict) }
    }

    /// Whether it is to pass anything.
    fn is_bound(&self) -> bool {
        self.through.as_ref().is_none_or(|through| !through.is_empty())
    }
}

/// Routes that keep apart, and how they were chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutesApart {
    /// One for each member, where there are some.
    pub routes: Option<Vec<Vec<SectionIndex>>>,
    /// How.
    pub choice: ApartChoice,
}

/// A route for each member so that those of one set share no line, in either direction. Sets list members by position;
/// they hang together or not.
pub fn routes(graph: &Sections, router: &mut Router, members: &[Member], sets: &[Vec<usize>]) -> RoutesApart {
    let strict: Vec<bool> = members.iter().map(|member| member.strict).collect();
    let mut bound = strict.clone();
    for set in sets.iter().filter(|set| set.iter().any(|&member| members[member].is_bound())) {
        // lists that are not binding count in a set that can fulfil them all
        let mut all = strict.clone();
        for &member in set {
            all[member] = true;
        }
        if Search::new(graph, members, std::slice::from_ref(set), &all, MOST_STEPS).run(router).is_some() {
            for &member in set {
                bound[member] = true;
            }
        }
    }
    let mut first = |bound: &[bool]| Search::new(graph, members, sets, bound, MOST_STEPS).run(router);
    let within = first(&bound).or_else(|| if bound == strict { None } else { first(&strict) });
    if within.is_some() {
        return RoutesApart { routes: within, choice: ApartChoice::First };
    }
    // lists that are not binding count where all can be fulfilled
    let all = vec![true; members.len()];
    let mut found = LeastTotal::Impossible;
    if strict != all && members.iter().any(Member::is_bound) {
        found = least(graph, router, members, sets, &all);
    }
    if found == LeastTotal::Impossible {
        found = least(graph, router, members, sets, &strict);
    }
    let (routes, choice) = match found {
        LeastTotal::Proven(routes) => (Some(routes), ApartChoice::LeastTotal),
        LeastTotal::Unproven(Some(routes)) => (Some(routes), ApartChoice::Unproven),
        LeastTotal::Unproven(None) => (None, ApartChoice::NotDecided),
        LeastTotal::Impossible => (None, ApartChoice::Impossible),
    };
    RoutesApart { routes, choice }
}

/// The routes of least total weight, for members some of which must pass what they are to pass.
fn least(
    graph: &Sections,
    router: &mut Router,
    members: &[Member],
    sets: &[Vec<usize>],
    bound: &[bool],
) -> LeastTotal {
    if let ([set], false) = (sets, bound.contains(&true))
        && let &[one, other] = &set[..]
        && let Some((shorter, longer)) =
            disjoint_pair(graph, router, ends(&members[other]), ends(&members[one]))
    {
        let mut found = vec![Vec::new(); members.len()];
        (found[other], found[one]) = (shorter, longer);
        return LeastTotal::Proven(found);
    }
    let asked = members.iter().zip(bound).map(|(member, &bound)| {
        let through = if bound { member.through.clone()? } else { Waypoints::default() };
        Some(Asked { from: member.from, to: member.to, through })
    });
    match asked.collect::<Option<Vec<Asked>>>() {
        Some(asked) => least_total(graph, router, &asked, sets, MOST_SEARCHES),
        None => LeastTotal::Impossible,
    }
}

fn ends(member: &Member) -> (VertexIndex, VertexIndex) {
    (member.from, member.to)
}

/// A search for the first combination.
struct Search<'a> {
    graph: &'a Sections,
    members: &'a [Member],
    sets: &'a [Vec<usize>],
    /// Whether each member must pass what it is to pass.
    bound: &'a [bool],
    most_steps: u32,
    /// Members in the order they are routed.
    order: Vec<usize>,
    chosen: Vec<Option<Vec<SectionIndex>>>,
    budget: usize,
}

impl<'a> Search<'a> {
    fn new(
        graph: &'a Sections,
        members: &'a [Member],
        sets: &'a [Vec<usize>],
        bound: &'a [bool],
        most_steps: u32,
    ) -> Self {
        let mut order: Vec<usize> = Vec::with_capacity(members.len());
        for set in sets {
            for &member in set.iter().rev() {
                if !order.contains(&member) {
                    order.push(member);
                }
            }
        }
        let chosen = vec![None; members.len()];
        Self { graph, members, sets, bound, most_steps, order, chosen, budget: MOST_PARTS }
    }

    /// The first combination; members of no set get the empty route. None if there is none, or if it was not found among
    /// as many parts as are looked into.
    fn run(mut self, router: &mut Router) -> Option<Vec<Vec<SectionIndex>>> {
        let passable = |&member: &usize| !self.bound[member] || self.members[member].through.is_some();
        if !self.order.iter().all(passable) || !self.choose(router, 0) {
            return None;
        }
        Some(self.chosen.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Routes the members from this position of the order on.
    fn choose(&mut self, router: &mut Router, position: usize) -> bool {
        let Some(&member) = self.order.get(position) else { return true };
        let wanted = Wanted {
            from: self.members[member].from,
            to: self.members[member].to,
            through: self.members[member].through.clone().filter(|_| self.bound[member]).unwrap_or_default(),
            most_steps: self.most_steps,
            closed: self.closed_to(member),
        };
        if !self.leaves_room(position, &[]) {
            return false;
        }
        let mut paths = SimplePaths::new(self.graph, router, wanted, self.budget);
        while let Some(route) = paths.next(router, |begin| self.leaves_room(position, begin)) {
            self.budget = self.budget.saturating_sub(1);
            if self.leaves_room(position, &route) {
                self.chosen[member] = Some(route);
                if self.choose(router, position + 1) {
                    return true;
                }
                self.chosen[member] = None;
            }
            if self.budget == 0 {
                return false;
            }
        }
        if paths.gave_up() {
            self.budget = 0;
        }
        false
    }

    /// Sections a member must not use, because of what was chosen for others.
    fn closed_to(&self, member: usize) -> Vec<bool> {
        let mut closed = vec![false; self.graph.sections().len()];
        for set in self.sets {
            let Some(mine) = set.iter().position(|&other| other == member) else { continue };
            for (theirs, &other) in set.iter().enumerate() {
                if let Some(route) = &self.chosen[other] {
                    self.close(route, theirs > mine, &mut closed);
                }
            }
        }
        closed
    }

    /// Closes the sections of a route, and those of its way back: its own way back for a member that comes before it in
    /// their set, the sections it is the way back of for one that comes behind it.
    fn close(&self, route: &[SectionIndex], is_behind: bool, closed: &mut [bool]) {
        for &section in route.iter().filter(|&&section| self.graph.section(section).exclusive) {
            closed[section] = true;
            if is_behind {
                if let Some(back) = self.graph.section(section).reverse {
                    closed[back] = true;
                }
            } else {
                self.graph.forward_of(section).iter().for_each(|&back| closed[back] = true);
            }
        }
    }

    /// Whether, as far as flows and steps tell, all members still without a route can get one when the member at this
    /// position of the order begins like this.
    fn leaves_room(&self, position: usize, begin: &[SectionIndex]) -> bool {
        let member = self.order[position];
        self.sets.iter().filter(|set| set.contains(&member)).all(|set| {
            let others: Vec<usize> =
                set.iter().copied().filter(|other| self.order[position + 1..].contains(other)).collect();
            others.is_empty() || self.set_has_room(set, &others, member, begin)
        })
    }

    fn set_has_room(&self, set: &[usize], others: &[usize], member: usize, begin: &[SectionIndex]) -> bool {
        let graph = self.graph;
        let here = begin.last().map_or(self.members[member].from, |&section| graph.section(section).to);
        let rank = |member: usize| set.iter().position(|&other| other == member);
        // what none of them may use: a simple route does not come back to where it began
        let mut closed_to_all = self.closed_to(member);
        self.close(begin, true, &mut closed_to_all);
        self.close(begin, false, &mut closed_to_all);
        for &other in others {
            let mut closed = self.closed_to(other);
            self.close(begin, rank(member) > rank(other), &mut closed);
            let steps = steps_to(graph, self.members[other].to, |section| closed[section]);
            if steps[self.members[other].from].is_none_or(|steps| steps > self.most_steps) {
                return false;
            }
            for (all, closed) in closed_to_all.iter_mut().zip(closed) {
                *all &= closed;
            }
        }
        let arrived = here == self.members[member].to;
        let units = others.len() + usize::from(!arrived);
        let (source, sink) = (graph.vertex_count(), graph.vertex_count() + 1);
        let mut flow = Flow::new(sink + 1);
        let all = u32::try_from(units).unwrap_or(u32::MAX);
        for (index, section) in graph.sections().iter().enumerate() {
            if !closed_to_all[index] {
                flow.arc(section.from, section.to, if section.exclusive { 1 } else { all });
            }
        }
        if !arrived {
            flow.arc(source, here, 1);
            flow.arc(self.members[member].to, sink, 1);
        }
        for &other in others {
            flow.arc(source, self.members[other].from, 1);
            flow.arc(self.members[other].to, sink, 1);
        }
        flow.carries(source, sink, units)
    }
}
