//! The sub-matrices that services are packed in once it is decided which of them travel in pieces.

use std::collections::{BTreeMap, BTreeSet};

use optics::clusters::{Cluster, MAIN};
use optics::grooming::{Connection, Piece, SplitService, SubMatrix};
use optics::topology::Topology;
use optics::traffic::{Demand, ServiceGroup, ServiceType, TrafficMatrix};

use super::GroomingParams;
use super::demand::is_direct_lightpath;
use crate::control::Control;
use crate::error::AlgorithmError;

/// Most pieces that services may be split into.
const MAX_PIECES: usize = 5_000_000;

/// What is packed, and what it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    /// The clusters' matrices, then `main`.
    pub matrices: Vec<SubMatrix>,
    /// What became of each service that was split.
    pub mapping: Vec<SplitService>,
    /// What services ride on.
    pub connections: Vec<Connection>,
}

impl Derived {
    /// The demands that are packed, in order.
    pub fn demands(&self) -> impl Iterator<Item = &Demand> {
        self.matrices.iter().flat_map(|matrix| &matrix.demands)
    }

    /// At most `count` of them from position `from` on.
    pub fn block(&self, from: usize, count: usize) -> impl Iterator<Item = &Demand> {
        let mut before = 0;
        self.matrices
            .iter()
            .flat_map(move |matrix| {
                let skipped = from.saturating_sub(before).min(matrix.demands.len());
                before += matrix.demands.len();
                &matrix.demands[skipped..]
            })
            .take(count)
    }
}

/// Which services of each demand, in the order of the traffic matrix, do not fill a lightpath from end to end.
pub type Left = Vec<Vec<String>>;

/// The sub-matrices of `traffic`: by connections in modes that share them, else by splitting `left` at gateways.
pub fn derive(
    topology: &Topology,
    traffic: &TrafficMatrix,
    clusters: &[Cluster],
    params: &GroomingParams,
    left: Option<&Left>,
    control: &Control,
) -> Result<Derived, AlgorithmError> {
    if params.mode.shares_connections() {
        super::connect::derive(topology, traffic, clusters, params, left, control)
    } else {
        super::split::derive(topology, traffic, clusters, params.join, left, control)
    }
}

/// Services of `demand` that may be split: those that do not fill a lightpath, of a demand that says nothing about its
/// route. Without `left` all but those that are a lightpath on their own.
pub(super) fn movable<'a>(demand: &'a Demand, left: Option<&Vec<String>>) -> Vec<(ServiceType, &'a String)> {
    let conditions = !demand.include.is_empty()
        || !demand.exclude_nodes.is_empty()
        || !demand.exclude_links.is_empty()
        || demand.max_latency_us.is_some()
        || demand.allowed_modes.is_some()
        || demand.min_margin_db.is_some();
    if conditions {
        return Vec::new();
    }
    let left: Option<BTreeSet<&String>> = left.map(|left| left.iter().collect());
    demand
        .services
        .iter()
        .filter(|group| !is_direct_lightpath(group.kind))
        .flat_map(|group| group.ids.iter().map(|id| (group.kind, id)))
        .filter(|(_, id)| left.as_ref().is_none_or(|left| left.contains(id)))
        .collect()
}

/// Builds matrices: moves services out of demands into others, under ids of their own.
pub(super) struct Builder<'a> {
    traffic: &'a TrafficMatrix,
    /// Ids of the matrices.
    matrices: Vec<String>,
    /// Demands with the matrix they are in; first those of the traffic matrix, in its order.
    demands: Vec<(usize, Demand)>,
    mapping: Vec<SplitService>,
    demand_ids: BTreeSet<String>,
    service_ids: BTreeSet<String>,
    pieces: usize,
}

impl<'a> Builder<'a> {
    /// Every demand of `traffic` as it is, in the matrix that `matrix_of` says: a position in `clusters`, or none for main.
    pub(super) fn new(
        traffic: &'a TrafficMatrix,
        clusters: &[Cluster],
        matrix_of: impl Fn(&Demand) -> Option<usize>,
    ) -> Self {
        let matrices: Vec<String> =
            clusters.iter().map(|cluster| cluster.id.clone()).chain([MAIN.to_owned()]).collect();
        let main = matrices.len() - 1;
        let demands = traffic.demands.iter();
        let services = traffic.demands.iter().flat_map(|demand| &demand.services);
        Self {
            traffic,
            matrices,
            demands: demands
                .clone()
                .map(|demand| (matrix_of(demand).unwrap_or(main), demand.clone()))
                .collect(),
            mapping: Vec::new(),
            demand_ids: demands.map(|demand| demand.id.clone()).collect(),
            service_ids: services.flat_map(|group| group.ids.iter().cloned()).collect(),
            pieces: 0,
        }
    }

    /// The position of the matrix of everything outside clusters.
    pub(super) fn main(&self) -> usize {
        self.matrices.len() - 1
    }

    /// Adds a demand like `like` between `a` and `b` without services; gives its position.
    pub(super) fn add_demand(&mut self, matrix: usize, like: &Demand, a: &str, b: &str) -> usize {
        let id = free(&mut self.demand_ids, &format!("{a}-{b}"), '#');
        let demand = Demand {
            id,
            a: a.to_owned(),
            b: b.to_owned(),
            services: Vec::new(),
            rate_ab_gbps: None,
            rate_ba_gbps: None,
            ..like.clone()
        };
        self.demands.push((matrix, demand));
        self.demands.len() - 1
    }

    /// The demand at a position.
    pub(super) fn demand(&mut self, position: usize) -> &mut Demand {
        &mut self.demands[position].1
    }

    /// Moves `services` of the traffic's demand at `from` into the demands at `sections`, which lead from its `a` to its
    /// `b`: under their own ids where it is one, else as pieces.
    pub(super) fn move_services(
        &mut self,
        from: usize,
        services: &[(ServiceType, &String)],
        sections: &[usize],
    ) -> Result<(), AlgorithmError> {
        let moved: BTreeSet<&String> = services.iter().map(|(_, id)| *id).collect();
        for group in &mut self.demands[from].1.services {
            group.ids.retain(|id| !moved.contains(id));
        }
        self.demands[from].1.services.retain(|group| !group.ids.is_empty());
        for &(kind, id) in services {
            if let [section] = sections {
                self.put(*section, kind, id.clone());
                continue;
            }
            self.pieces += sections.len();
            if self.pieces > MAX_PIECES {
                return Err(AlgorithmError::InvalidInput {
                    role: "traffic".to_owned(),
                    pointer: format!("/demands/{from}"),
                    detail: format!("TOO_MANY: services become more than {MAX_PIECES} pieces up to here"),
                });
            }
            let mut pieces = Vec::with_capacity(sections.len());
            for (number, &section) in (1..).zip(sections) {
                let service = free(&mut self.service_ids, &format!("{id}/{number}"), '\'');
                let (matrix, demand) = &self.demands[section];
                pieces.push(Piece {
                    matrix: self.matrices[*matrix].clone(),
                    demand: demand.id.clone(),
                    service: service.clone(),
                });
                self.put(section, kind, service);
            }
            let demand = self.traffic.demands[from].id.clone();
            self.mapping.push(SplitService { demand, service: id.clone(), pieces });
        }
        Ok(())
    }

    fn put(&mut self, position: usize, kind: ServiceType, id: String) {
        let services = &mut self.demands[position].1.services;
        match services.iter_mut().find(|group| group.kind == kind) {
            Some(group) => group.ids.push(id),
            None => services.push(ServiceGroup { kind, ids: vec![id] }),
        }
    }

    /// The id of the demand at a position.
    pub(super) fn id(&self, position: usize) -> &str {
        &self.demands[position].1.id
    }

    /// What came about.
    pub(super) fn finish(self, connections: Vec<Connection>) -> Derived {
        let mut matrices: Vec<SubMatrix> =
            self.matrices.into_iter().map(|id| SubMatrix { id, demands: Vec::new() }).collect();
        for (matrix, demand) in self.demands {
            matrices[matrix].demands.push(demand);
        }
        Derived { matrices, mapping: self.mapping, connections }
    }
}

/// The first of `stem`, `stem<mark>2`, `stem<mark>3`, … that is not taken; it is then.
fn free(taken: &mut BTreeSet<String>, stem: &str, mark: char) -> String {
    let mut id = stem.to_owned();
    for number in 2.. {
        if taken.insert(id.clone()) {
            break;
        }
        id = format!("{stem}{mark}{number}");
    }
    id
}

/// Demands that services may join, by matrix and ends.
pub(super) type Joinable = BTreeMap<(usize, String, String), Vec<usize>>;
