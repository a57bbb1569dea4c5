//! All requests at once: merged, routed, sent along their routes, and given spectrum.

use super::aggregation::{Resolved, aggregate, resolve, without_repetition};
use super::disjunction::{self, Member};
use super::lit::{KeptCombs, Lit, Verdict};
use super::occupation::{SectionSpectrum, Spectra};
use super::routing::{self, Router};
use super::sections::{SectionIndex, Sections};
use super::spectrum::{Need, SpectrumPolicy, assign};
use super::{
    ApartChoice, BlockingReason, KeptApart, Outcome, PathRequest, PathRequestError, Synchronization,
};
use crate::decibel::dbm;
use crate::design::{Reference, redesign};
use crate::equipment::{Equipment, SpectralInformation};
use crate::line::{ElementIndex, LineNetwork};
use crate::propagation::{Propagation, Solver};

/// How requests are served.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanOptions {
    /// Which free spectrum is taken.
    pub policy: SpectrumPolicy,
    /// Whether the line is designed again for each request, along its route and back, with its power and its channels.
    pub redesign_per_request: bool,
    /// Models light is propagated with.
    pub solver: Solver,
}

/// What became of all requests.
#[derive(Clone, Debug, PartialEq)]
pub struct PathPlan {
    /// Of each request, merged ones once, in the order they were given.
    pub outcomes: Vec<Outcome>,
    /// The spectrum of each section that is left.
    pub sections: Vec<SectionSpectrum>,
    /// Of requests that had to be routed apart from each other, how; those that hang together in one entry.
    pub kept_apart: Vec<KeptApart>,
}

/// Serves path requests on a designed network; each request finds all channels like its own in the line, whatever else
/// is asked for.
///
/// Requests are routed first, all of them, then propagated, then given spectrum, in the order they are in.
pub fn plan_all(
    network: &LineNetwork,
    equipment: &Equipment,
    requests: &[PathRequest],
    synchronizations: &[Synchronization],
    options: &PlanOptions,
) -> Result<PathPlan, PathRequestError> {
    Planner::new(network, equipment, options).plan(requests, synchronizations)
}

/// A designed network made fit for path requests. It keeps what does not depend on the request from one plan to the next.
#[derive(Debug)]
pub struct Planner<'a> {
    network: &'a LineNetwork,
    equipment: &'a Equipment,
    spectral: SpectralInformation,
    options: PlanOptions,
    propagation: Propagation,
    graph: Sections,
}

/// A request with its route.
struct Routed<'a> {
    resolved: Resolved<'a>,
    route: Result<Vec<SectionIndex>, BlockingReason>,
}

impl<'a> Planner<'a> {
    /// Makes a designed network fit for path requests.
    pub fn new(network: &'a LineNetwork, equipment: &'a Equipment, options: &PlanOptions) -> Self {
        Self {
            network,
            equipment,
            spectral: equipment.spectral.first().cloned().unwrap_or_default(),
            options: options.clone(),
            propagation: Propagation::new(network, equipment, &options.solver),
            graph: Sections::new(network),
        }
    }

    /// The network's sections.
    pub fn sections(&self) -> &Sections {
        &self.graph
    }

    /// Serves requests, on empty lines.
    pub fn plan(
        &self,
        requests: &[PathRequest],
        synchronizations: &[Synchronization],
    ) -> Result<PathPlan, PathRequestError> {
        let (routed, kept_apart) = self.route_all(requests, synchronizations)?;
        let mut redesigned = self.options.redesign_per_request.then(|| self.network.clone());
        let mut spectrum = Spectra::empty(self.network, self.equipment, &self.graph);
        let mut free = spectrum.unused().clone();
        let mut combs = KeptCombs::default();
        let mut outcomes = Vec::with_capacity(routed.len());
        for Routed { resolved, route } in routed {
            let route_back = route.as_ref().ok().and_then(|route| self.graph.reversed(route));
            let elements = self.graph.elements(route.as_deref().unwrap_or_default());
            let elements_back = self.graph.elements(route_back.as_deref().unwrap_or_default());
            let verdict = match &route {
                Ok(_) => {
                    let own = match &mut redesigned {
                        Some(line) => Some(self.redesign(line, &resolved, &elements, &elements_back)?),
                        None => None,
                    };
                    let lit = Lit {
                        spectral: &self.spectral,
                        propagation: own.as_ref().unwrap_or(&self.propagation),
                        elements: &elements,
                        elements_back: route_back.is_some().then_some(&elements_back),
                    };
                    lit.judge(&resolved, &mut combs)?
                }
                Err(reason) => Verdict {
                    mode: resolved.mode,
                    metrics: None,
                    reverse_metrics: None,
                    blocked: Some(*reason),
                },
            };
            let route = route.unwrap_or_default();
            let route_back = route_back.unwrap_or_default();
            let mut blocked = verdict.blocked;
            let mut slots = Vec::new();
            if let (None, Some(mode)) = (blocked, verdict.mode) {
                let crossed = || route.iter().chain(&route_back).copied();
                spectrum.common(crossed(), &mut free);
                let request = &resolved.request;
                let need = Need::new(request.rate_bit_per_s, mode.bit_rate, request.spacing_hz);
                match assign(&mut free, &request.slots, need, self.options.policy) {
                    Ok(found) => {
                        spectrum.take(crossed(), &found);
                        slots = found;
                    }
                    Err(reason) => blocked = Some(reason),
                }
            }
            outcomes.push(Outcome {
                request: resolved.request,
                reference_power_w: resolved.reference_power_w,
                tx_power_w: resolved.tx_power_w,
                mode: verdict.mode.map(|mode| mode.name.clone()),
                route: elements,
                reverse_route: elements_back,
                metrics: verdict.metrics,
                reverse_metrics: verdict.reverse_metrics,
                slots,
                blocked,
            });
        }
        let sections = spectrum.into_sections(&self.graph);
        Ok(PathPlan { outcomes, sections, kept_apart })
    }

    /// Merges equal requests and gives each a route, or a reason for having none; and says how those that had to keep
    /// apart got theirs.
    fn route_all(
        &self,
        requests: &[PathRequest],
        synchronizations: &[Synchronization],
    ) -> Result<(Vec<Routed<'a>>, Vec<KeptApart>), PathRequestError> {
        let mut resolved = Vec::with_capacity(requests.len());
        let mut ids: Vec<&str> = requests.iter().map(|request| request.id.as_str()).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(PathRequestError::DuplicateRequest { request: pair[0].to_owned() });
        }
        for request in requests {
            resolved.push(resolve(self.network, self.equipment, &self.spectral, request.clone())?);
        }
        for set in synchronizations {
            if let Some(id) = set.requests.iter().find(|id| ids.binary_search(&id.as_str()).is_err()) {
                return Err(PathRequestError::UnknownInSet { set: set.id.clone(), request: id.clone() });
            }
        }
        let mut sets = without_repetition(synchronizations.to_vec());
        let resolved = aggregate(resolved, &mut sets);
        let mut router = Router::default();
        let mut routes: Vec<Option<Result<Vec<SectionIndex>, BlockingReason>>> = vec![None; resolved.len()];
        let kept_apart = self.route_apart(&resolved, &sets, &mut router, &mut routes);
        let routed = resolved.into_iter().zip(routes).map(|(resolved, route)| {
            let route = route.unwrap_or_else(|| {
                let include = &resolved.request.include;
                routing::route(self.network, &self.graph, &mut router, self.ends(&resolved), include)
            });
            Routed { resolved, route }
        });
        Ok((routed.collect(), kept_apart))
    }

    /// Routes the requests that are to be kept apart from others, group by group of sets that hang together.
    fn route_apart(
        &self,
        requests: &[Resolved<'a>],
        sets: &[Synchronization],
        router: &mut Router,
        routes: &mut [Option<Result<Vec<SectionIndex>, BlockingReason>>],
    ) -> Vec<KeptApart> {
        let mut kept_apart = Vec::new();
        let position = |id: &String| requests.iter().position(|other| other.request.id == *id);
        let sets: Vec<Vec<usize>> =
            sets.iter().map(|set| set.requests.iter().filter_map(position).collect()).collect();
        for group in groups(&sets) {
            let mut members: Vec<usize> = group.iter().flat_map(|set| set.iter().copied()).collect();
            members.sort_unstable();
            members.dedup();
            let local = |request: &usize| members.binary_search(request).unwrap_or_default();
            let local_sets: Vec<Vec<usize>> =
                group.iter().map(|set| set.iter().map(local).collect()).collect();
            let asked: Vec<Member> = members
                .iter()
                .map(|&member| {
                    let ends = self.ends(&requests[member]);
                    Member::new(self.network, &self.graph, ends, &requests[member].request.include)
                })
                .collect();
            let found = disjunction::routes(&self.graph, router, &asked, &local_sets);
            let ids = members.iter().map(|&member| requests[member].request.id.clone());
            kept_apart.push(KeptApart { requests: ids.collect(), choice: found.choice });
            match found.routes {
                Some(found) => {
                    for (&member, route) in members.iter().zip(found) {
                        routes[member] = Some(Ok(route));
                    }
                }
                None => {
                    for &member in &members {
                        let (from, to) = self.ends(&requests[member]);
                        let alone = router.shortest(&self.graph, from, to);
                        let reason = match (alone, found.choice) {
                            (None, _) => BlockingReason::NoPath,
                            (Some(_), ApartChoice::NotDecided) => BlockingReason::NotDecided,
                            (Some(_), _) => BlockingReason::NoPathWithConstraint,
                        };
                        routes[member] = Some(Err(reason));
                    }
                }
            }
        }
        kept_apart
    }

    fn ends(&self, resolved: &Resolved<'_>) -> (usize, usize) {
        let vertex = |element: ElementIndex| self.graph.vertex(element).expect("a transceiver is a vertex");
        (vertex(resolved.source), vertex(resolved.destination))
    }

    /// Designs a line again along a route and back, for the channels of a request.
    fn redesign(
        &self,
        line: &mut LineNetwork,
        resolved: &Resolved<'_>,
        elements: &[ElementIndex],
        elements_back: &[ElementIndex],
    ) -> Result<Propagation, PathRequestError> {
        let reference = Reference {
            power_dbm: dbm(resolved.reference_power_w),
            channels: Some(resolved.channels),
            raman: self.options.solver.raman,
        };
        redesign(line, self.equipment, &reference, Some(&[elements, elements_back]))
            .map_err(|source| PathRequestError::Design { request: resolved.request.id.clone(), source })?;
        Ok(Propagation::new(line, self.equipment, &self.options.solver))
    }
}

/// Sets that share members, together, in order.
fn groups(sets: &[Vec<usize>]) -> Vec<Vec<&Vec<usize>>> {
    let mut groups: Vec<Vec<&Vec<usize>>> = Vec::new();
    let mut taken = vec![false; sets.len()];
    for first in 0..sets.len() {
        if taken[first] || sets[first].is_empty() {
            continue;
        }
        taken[first] = true;
        let mut group = vec![first];
        let mut grows = true;
        while grows {
            grows = false;
            for other in 0..sets.len() {
                let touches = |&set: &usize| sets[set].iter().any(|member| sets[other].contains(member));
                if !taken[other] && group.iter().any(touches) {
                    taken[other] = true;
                    group.push(other);
                    grows = true;
                }
            }
        }
        group.sort_unstable();
        groups.push(group.into_iter().map(|set| &sets[set]).collect());
    }
    groups
}
