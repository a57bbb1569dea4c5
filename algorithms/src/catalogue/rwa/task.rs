//! What the planner is given: a topology, lightpath requests, and the rules that their routes obey.

use std::collections::BTreeMap;

use optics::grid::Grid;
use optics::network::Network;
use optics::request::LightpathRequest;
use optics::topology::Topology;
use optics::traffic::{Demand, Protection, TrafficMatrix};

use super::instance::{Instance, Pairing};
use super::params::RwaParams;
use crate::error::AlgorithmError;

/// Most requests of a task; what is above is a mistake of units or of `lightpath_capacity_gbps`.
pub const MAX_REQUESTS: usize = 200_000;

/// Why a task cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// A request that this planner cannot serve as it stands.
    #[error("request {position}, {field}: {detail}")]
    Request {
        /// Its position in the list.
        position: usize,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The grid has no channels.
    #[error("the grid is flexible; this planner needs `fixed_spacing_ghz`")]
    FlexibleGrid,
}

impl TaskError {
    /// A fault of one field of a request.
    pub fn at(position: usize, field: &'static str, detail: String) -> Self {
        Self::Request { position, field, detail }
    }
}

/// What a demand says of the routes of its requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteRules {
    /// Nodes to visit.
    pub include: Vec<String>,
    /// Nodes not to visit.
    pub exclude_nodes: Vec<String>,
    /// Links not to use.
    pub exclude_links: Vec<String>,
    /// Largest one-way latency in microseconds.
    pub max_latency_us: Option<f64>,
}

impl RouteRules {
    /// The rules of each demand that has any.
    #[must_use]
    pub fn of(traffic: &TrafficMatrix) -> BTreeMap<String, Self> {
        let has_any = |demand: &&Demand| {
            !(demand.include.is_empty() && demand.exclude_nodes.is_empty() && demand.exclude_links.is_empty())
                || demand.max_latency_us.is_some()
        };
        let rules = |demand: &Demand| Self {
            include: demand.include.clone(),
            exclude_nodes: demand.exclude_nodes.clone(),
            exclude_links: demand.exclude_links.clone(),
            max_latency_us: demand.max_latency_us,
        };
        traffic.demands.iter().filter(has_any).map(|demand| (demand.id.clone(), rules(demand))).collect()
    }
}

/// A planning task, validated.
#[derive(Clone, Debug)]
pub struct Task {
    /// The topology as given.
    pub topology: Topology,
    /// The requests as given, but without protection where that was allowed for want of disjoint routes.
    pub requests: Vec<LightpathRequest>,
    /// The topology on its grid.
    pub network: Network,
    /// Both in indices.
    pub instance: Instance,
}

impl Task {
    /// Validates and indexes a task.
    ///
    /// # Errors
    /// [`AlgorithmError::InvalidInput`], naming document and field.
    pub fn new(
        topology: Topology,
        requests: Vec<LightpathRequest>,
        rules: &BTreeMap<String, RouteRules>,
        params: &RwaParams,
    ) -> Result<Self, AlgorithmError> {
        params.validate()?;
        let default_grid = Grid::fixed(params.spacing_ghz, params.channels);
        let network = Network::build(&topology, &default_grid).map_err(|findings| {
            let first = findings.into_iter().next();
            AlgorithmError::InvalidInput {
                role: "topology".to_owned(),
                pointer: first.as_ref().map(|finding| finding.pointer.clone()).unwrap_or_default(),
                detail: first.map(|finding| finding.detail).unwrap_or_default(),
            }
        })?;
        if requests.len() > MAX_REQUESTS {
            return Err(AlgorithmError::InvalidInput {
                role: "traffic".to_owned(),
                pointer: String::new(),
                detail: format!("{} lightpaths are more than {MAX_REQUESTS}", requests.len()),
            });
        }
        let mut requests = requests;
        let instance = Instance::build(&network, &requests, rules, params.allow_unprotected).map_err(
            |error| match error {
                TaskError::FlexibleGrid => AlgorithmError::InvalidInput {
                    role: "topology".to_owned(),
                    pointer: "/grid/fixed_spacing_ghz".to_owned(),
                    detail: error.to_string(),
                },
                TaskError::Request { position, field, detail } => AlgorithmError::InvalidInput {
                    role: "traffic".to_owned(),
                    pointer: String::new(),
                    detail: format!("demand `{}`, {field}: {detail}", requests[position].demand),
                },
            },
        )?;
        for (own, &position) in instance.requests.iter().zip(&instance.origin) {
            if own.pairing == Pairing::Single {
                // With `allow_unprotected` a request is served, and checked, as one without protection.
                requests[position].protection = Protection::None;
            }
        }
        Ok(Self { topology, requests, network, instance })
    }
}

/// The lightpath requests of a traffic matrix: for each demand as many as its larger direction fills, its services'
/// rates summed; opposite demands between the same sites with the same wishes are one.
#[must_use]
pub fn requests_of(traffic: &TrafficMatrix, capacity_gbps: f64) -> Vec<LightpathRequest> {
    let mut folded: Vec<Folded<'_>> = Vec::with_capacity(traffic.demands.len());
    let mut open: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for demand in &traffic.demands {
        let (ab, ba) = rates(demand);
        // Only what is one-way can be the other half of what is one-way the other way round.
        let one_way = ba == 0.0 && !demand.bidirectional;
        let twin = open.get(&(demand.b.as_str(), demand.a.as_str())).and_then(|candidates| {
            candidates.iter().copied().find(|&at| {
                let other: &Folded<'_> = &folded[at];
                one_way && other.half && same_wishes(other.demand, demand)
            })
        });
        if let Some(at) = twin {
            folded[at].ba += ab;
            folded[at].half = false;
            continue;
        }
        open.entry((demand.a.as_str(), demand.b.as_str())).or_default().push(folded.len());
        folded.push(Folded { demand, ab, ba, half: one_way });
    }
    let mut requests = Vec::new();
    for Folded { demand, ab, ba, .. } in folded {
        let rate = ab.max(ba);
        let wanted = lightpaths(rate, capacity_gbps);
        if requests.len() > MAX_REQUESTS {
            break; // refused as too many anyhow
        }
        for number in 0..wanted {
            requests.push(LightpathRequest {
                id: if wanted == 1 { demand.id.clone() } else { format!("{}#{}", demand.id, number + 1) },
                demand: demand.id.clone(),
                a: demand.a.clone(),
                b: demand.b.clone(),
                rate_gbps: (rate - number as f64 * capacity_gbps).min(capacity_gbps),
                capacity_gbps,
                priority: demand.priority,
                protection: demand.protection.clone(),
                restoration: demand.restoration,
                clients: Vec::new(),
            });
        }
    }
    requests
}

/// A demand, with that of the opposite direction if there is one.
struct Folded<'a> {
    demand: &'a Demand,
    ab: f64,
    ba: f64,
    half: bool,
}

/// Gb/s from `a` to `b` and from `b` to `a`.
fn rates(demand: &Demand) -> (f64, f64) {
    let services: f64 =
        demand.services.iter().map(|group| group.kind.rate_gbps() * group.ids.len() as f64).sum();
    if !demand.services.is_empty() {
        return (services, services);
    }
    let ab = demand.rate_ab_gbps.unwrap_or(0.0);
    (ab, demand.rate_ba_gbps.unwrap_or(if demand.bidirectional { ab } else { 0.0 }))
}

fn same_wishes(one: &Demand, other: &Demand) -> bool {
    one.priority == other.priority
        && one.protection == other.protection
        && one.restoration == other.restoration
        && one.max_latency_us == other.max_latency_us
        && one.include.iter().eq(other.include.iter().rev())
        && one.exclude_nodes == other.exclude_nodes
        && one.exclude_links == other.exclude_links
        && one.allowed_modes == other.allowed_modes
        && one.period == other.period
}

/// How many lightpaths of `capacity_gbps` a rate fills; a billionth of a lightpath is rounding, not traffic.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative; far above MAX_REQUESTS saturates
fn lightpaths(rate_gbps: f64, capacity_gbps: f64) -> usize {
    ((rate_gbps / capacity_gbps - 1e-9).ceil().max(0.0) as usize).min(MAX_REQUESTS + 1)
}
