//! Two routes between the same ends that share no line, of least total weight (Suurballe 1974, Bhandari 1999).
//!
//! After a shortest route was found its sections are turned round, at the negative of their weight; a second shortest
//! route, by label correction since weights may be negative, cancels what both use in opposite ways. What remains is the
//! lightest pair, also where no second route avoids the shortest one.

use std::collections::VecDeque;

use super::routing::Router;
use super::sections::{SectionIndex, Sections, VertexIndex};

/// Two routes, the shorter one first.
pub(super) type Pair = (Vec<SectionIndex>, Vec<SectionIndex>);

/// Routes for two pairs of ends, the shorter one for the first; none if the ends are not at the same places (in the same
/// or in opposite order), or if there are none.
pub(super) fn disjoint_pair(
    graph: &Sections,
    router: &mut Router,
    first: (VertexIndex, VertexIndex),
    second: (VertexIndex, VertexIndex),
) -> Option<Pair> {
    let (enter, a) = step_in(graph, first.0)?;
    let (leave, b) = step_out(graph, first.1)?;
    let (second_enter, second_a) = step_in(graph, second.0)?;
    let (second_leave, second_b) = step_out(graph, second.1)?;
    let opposite = match (second_a, second_b) {
        ends if ends == (a, b) => false,
        ends if ends == (b, a) => true,
        _ => return None,
    };
    let (shorter, mut longer) = lightest(graph, router, a, b)?;
    if opposite {
        longer = graph.reversed(&longer)?;
    }
    let join = |enter: Option<SectionIndex>, route: Vec<SectionIndex>, leave: Option<SectionIndex>| {
        enter.into_iter().chain(route).chain(leave).collect()
    };
    Some((join(enter, shorter, leave), join(second_enter, longer, second_leave)))
}

/// The place where a request enters the part of the network that must not be shared, and the access to it.
fn step_in(graph: &Sections, from: VertexIndex) -> Option<(Option<SectionIndex>, VertexIndex)> {
    let first = graph.leaving(from).next()?;
    let section = graph.section(first);
    Some(if section.exclusive { (None, from) } else { (Some(first), section.to) })
}

/// The place where a request leaves it.
fn step_out(graph: &Sections, to: VertexIndex) -> Option<(Option<SectionIndex>, VertexIndex)> {
    let &last = graph.arriving(to).first()?;
    let section = graph.section(last);
    Some(if section.exclusive { (None, to) } else { (Some(last), section.from) })
}

/// The lightest pair between two vertices, the shorter route first.
fn lightest(graph: &Sections, router: &mut Router, a: VertexIndex, b: VertexIndex) -> Option<Pair> {
    if a == b {
        return None;
    }
    let mut first = Vec::new();
    router.extend(graph, a, b, |section| graph.section(section).exclusive, &mut first)?;
    let mut turned = vec![false; graph.sections().len()];
    for &section in &first {
        turned[section] = true;
    }
    for (section, backwards) in second(graph, &turned, a, b)? {
        turned[section] = !backwards;
    }
    // what is marked now is two routes: weights are positive, so it holds no ring
    let mut walk = || {
        let mut route = Vec::new();
        let mut at = a;
        while at != b {
            let next = graph.leaving(at).find(|&section| turned[section])?;
            turned[next] = false;
            route.push(next);
            at = graph.section(next).to;
        }
        Some(route)
    };
    let (one, other) = (walk()?, walk()?);
    Some(if graph.weight(&one) <= graph.weight(&other) { (one, other) } else { (other, one) })
}

/// The lightest route with some sections turned round: the sections, and whether each is taken backwards.
fn second(
    graph: &Sections,
    turned: &[bool],
    a: VertexIndex,
    b: VertexIndex,
) -> Option<Vec<(SectionIndex, bool)>> {
    let mut weight = vec![f64::INFINITY; graph.vertex_count()];
    let mut via: Vec<Option<(SectionIndex, bool)>> = vec![None; graph.vertex_count()];
    let mut queue = VecDeque::from([a]);
    let mut queued = vec![false; graph.vertex_count()];
    weight[a] = 0.0;
    while let Some(vertex) = queue.pop_front() {
        queued[vertex] = false;
        let ahead = graph
            .leaving(vertex)
            .filter(|&section| !turned[section])
            .map(|section| (section, false, graph.section(section).to, graph.section(section).weight));
        let back = graph
            .arriving(vertex)
            .iter()
            .filter(|&&section| turned[section])
            .map(|&section| (section, true, graph.section(section).from, -graph.section(section).weight));
        for (section, backwards, next, step) in ahead.chain(back) {
            // a margin keeps rings whose weights cancel from being gone round for ever
            if graph.section(section).exclusive && weight[vertex] + step < weight[next] - 1e-6 {
                weight[next] = weight[vertex] + step;
                via[next] = Some((section, backwards));
                if !std::mem::replace(&mut queued[next], true) {
                    queue.push_back(next);
                }
            }
        }
    }
    let mut route = Vec::new();
    let mut at = b;
    while at != a {
        let (section, backwards) = via[at]?;
        route.push((section, backwards));
        at = if backwards { graph.section(section).to } else { graph.section(section).from };
    }
    Some(route)
}
