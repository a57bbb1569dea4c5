//! The heaviest set of requests found of which no two can have the same wavelength.
//!
//! Requests alike (same ends, same protection) are one vertex. Branch and bound with colour classes as bound (Tomita
//! and Kameda 2007, with weights), ended by a budget of nodes.

use std::collections::BTreeMap;

use super::Certificate;
use super::exclusion::{Exclusion, Kind};
use crate::catalogue::rwa::instance::{Instance, Pairing};
use crate::control::Control;
use crate::error::AlgorithmError;

/// Most kinds of requests looked at, the protected and most numerous first.
const MOST_KINDS: usize = 700;
/// Most nodes of the search tree.
const MOST_TREE: usize = 300_000;

/// The best clique found; none if no request is protected, where a cut says as much.
pub fn best(instance: &Instance, control: &Control) -> Result<Option<Certificate>, AlgorithmError> {
    if instance.requests.iter().all(|request| request.pairing == Pairing::Single) {
        return Ok(None);
    }
    let graph = Graph::new(instance, control)?;
    let mut search = Search { graph: &graph, control, tree: 0, best: Vec::new(), weight: 0 };
    let all: Vec<usize> = (0..graph.kinds.len()).collect();
    search.expand(&mut Vec::new(), 0, all)?;
    let mut members: Vec<u32> =
        search.best.iter().flat_map(|&vertex| graph.members(vertex)).copied().collect();
    members.sort_unstable();
    Ok((members.len() > 1).then_some(Certificate::Clique(members)))
}

struct Graph {
    /// Each kind with its requests.
    kinds: Vec<(Kind, Vec<u32>)>,
    weight: Vec<usize>,
    adjacent: Vec<Vec<bool>>,
}

impl Graph {
    fn new(instance: &Instance, control: &Control) -> Result<Self, AlgorithmError> {
        let mut by_kind: BTreeMap<Kind, Vec<u32>> = BTreeMap::new();
        for (request, own) in (0..).zip(&instance.requests) {
            let kind = Kind { a: own.a.min(own.b), b: own.a.max(own.b), pairing: own.pairing };
            by_kind.entry(kind).or_default().push(request);
        }
        let mut kinds: Vec<(Kind, Vec<u32>)> = by_kind.into_iter().collect();
        kinds.sort_by_key(|(kind, requests)| {
            (kind.pairing == Pairing::Single, std::cmp::Reverse(requests.len()), *kind)
        });
        kinds.truncate(MOST_KINDS);
        let mut exclusion = Exclusion::new(instance);
        let mut adjacent = vec![vec![false; kinds.len()]; kinds.len()];
        let mut weight = Vec::with_capacity(kinds.len());
        for (i, (one, requests)) in kinds.iter().enumerate() {
            control.check()?;
            // Requests alike are all in or only one: whether they exclude each other is the same for any two.
            weight.push(if exclusion.proven(*one, *one) { requests.len() } else { 1 });
            for (j, (other, _)) in kinds.iter().enumerate().take(i) {
                let excluded = exclusion.proven(*one, *other);
                adjacent[i][j] = excluded;
                adjacent[j][i] = excluded;
            }
        }
        Ok(Self { kinds, weight, adjacent })
    }

    fn members(&self, vertex: usize) -> &[u32] {
        &self.kinds[vertex].1[..self.weight[vertex]]
    }
}

struct Search<'a> {
    graph: &'a Graph,
    control: &'a Control,
    tree: usize,
    best: Vec<usize>,
    weight: usize,
}

impl Search<'_> {
    fn expand(
        &mut self,
        clique: &mut Vec<usize>,
        weight: usize,
        candidates: Vec<usize>,
    ) -> Result<(), AlgorithmError> {
        self.tree += 1;
        if self.tree.is_multiple_of(256) {
            self.control.check()?;
        }
        if weight > self.weight {
            self.weight = weight;
            self.best.clone_from(clique);
        }
        let mut coloured = self.colour(candidates);
        while let Some((vertex, bound)) = coloured.pop() {
            if weight + bound <= self.weight || self.tree > MOST_TREE {
                return Ok(());
            }
            clique.push(vertex);
            let rest = coloured.iter().map(|&(other, _)| other);
            let next = rest.filter(|&other| self.graph.adjacent[vertex][other]).collect();
            self.expand(clique, weight + self.graph.weight[vertex], next)?;
            clique.pop();
        }
        Ok(())
    }

    /// The candidates in an order such that each comes with a bound on cliques of it and those before it.
    fn colour(&self, mut candidates: Vec<usize>) -> Vec<(usize, usize)> {
        let graph = self.graph;
        candidates.sort_by_key(|&vertex| (std::cmp::Reverse(graph.weight[vertex]), vertex));
        let mut classes: Vec<Vec<usize>> = Vec::new();
        for vertex in candidates {
            let fits = classes.iter_mut().find(|class| class.iter().all(|&own| !graph.adjacent[vertex][own]));
            match fits {
                Some(class) => class.push(vertex),
                None => classes.push(vec![vertex]),
            }
        }
        let mut total = 0;
        let mut order = Vec::new();
        for class in classes {
            total += class.iter().map(|&vertex| graph.weight[vertex]).max().unwrap_or(0);
            order.extend(class.into_iter().map(|vertex| (vertex, total)));
        }
        order
    }
}
