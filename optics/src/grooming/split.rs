//! What a grooming report tells of services that do not travel in one piece.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::GroomingReport;
use crate::traffic::{Demand, ServiceType, TrafficMatrix};

/// Demands that were packed together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubMatrix {
    /// The id of the cluster, or `main` for everything outside clusters.
    pub id: String,
    /// Its demands. Ids are unique over all matrices; a demand of the traffic matrix keeps its own.
    pub demands: Vec<Demand>,
}

/// A service that does not travel in one piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitService {
    /// The demand of the traffic matrix.
    pub demand: String,
    /// The service.
    pub service: String,
    /// Its pieces from the demand's `a` to its `b`.
    pub pieces: Vec<Piece>,
}

/// A piece of a service: a service of a sub-matrix's demand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// The sub-matrix.
    pub matrix: String,
    /// The demand.
    pub demand: String,
    /// Its id there, unique over all matrices.
    pub service: String,
}

/// Where a piece comes from, and what continues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceOrigin<'a> {
    /// The service that was split.
    pub split: &'a SplitService,
    /// Its position among the pieces.
    pub position: usize,
}

/// A connection that services ride on: a run of links between two nodes where traffic is groomed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The demand of the sub-matrix `main` that stands for it; several connections between the same nodes share one.
    pub demand: String,
    /// Its nodes in order; the two ends alone where no route joins them.
    pub nodes: Vec<String>,
    /// The links between them.
    pub links: Vec<String>,
    /// Demands of the traffic matrix that ride on it.
    pub carries: Vec<String>,
}

/// Services of one type that were split alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitRow {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// How many.
    pub count: u32,
    /// Where they travel.
    pub sections: Vec<Section>,
}

/// A section of the way of a split service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The sub-matrix.
    pub matrix: String,
    /// The demand there.
    pub demand: String,
    /// Where the section begins.
    pub a: String,
    /// Where it ends.
    pub b: String,
}

impl GroomingReport {
    /// Where each piece comes from, by the piece's id: the mapping the other way round.
    #[must_use]
    pub fn origins(&self) -> BTreeMap<&str, PieceOrigin<'_>> {
        self.mapping
            .iter()
            .flat_map(|split| {
                split
                    .pieces
                    .iter()
                    .enumerate()
                    .map(move |(position, piece)| (piece.service.as_str(), PieceOrigin { split, position }))
            })
            .collect()
    }

    /// The demands that were packed: those of the sub-matrices, or of `traffic` where there are none.
    #[must_use]
    pub fn packed(&self, traffic: &TrafficMatrix) -> TrafficMatrix {
        if self.matrices.is_empty() {
            return traffic.clone();
        }
        let demands = self.matrices.iter().flat_map(|matrix| matrix.demands.iter().cloned()).collect();
        TrafficMatrix { name: traffic.name.clone(), demands }
    }
}
