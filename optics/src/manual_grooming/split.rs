//! What is told of services that were split: the demands of sub-matrices, which service became which pieces, the table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ByDemand;

/// The demands of the sub-matrices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusteredMatrices {
    /// By id: `main` or that of a cluster.
    pub sub_tms: BTreeMap<String, SubMatrixDemands>,
}

/// The demands of one sub-matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubMatrixDemands {
    /// Its id again.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// The demands.
    pub tm: ByDemand<SubDemand>,
}

/// A demand of a sub-matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubDemand {
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// One end.
    pub source: String,
    /// The other end.
    pub destination: String,
    /// `NoProtection` or `1+1_NodeDisjoint`.
    #[serde(default)]
    pub protection_type: Option<String>,
    /// `None`, `JointSame` or `AdvJointSame`.
    #[serde(default)]
    pub restoration_type: Option<String>,
    /// Its services.
    pub services: Vec<SubServices>,
}

/// Services of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubServices {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many.
    #[serde(default)]
    pub quantity: u64,
    /// Which.
    pub service_id_list: Vec<String>,
}

/// Which service became which pieces, and back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceMapping {
    /// By the id of a matrix: the original one, or a sub-matrix.
    pub traffic_matrices: BTreeMap<String, MappedMatrix>,
}

/// The mapped demands of a matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedMatrix {
    /// By id.
    pub demands: BTreeMap<String, MappedDemand>,
}

/// The mapped services of a demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedDemand {
    /// By id.
    pub services: BTreeMap<String, MappedService>,
}

/// What belongs to a service: its pieces; of a piece the original and the other pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedService {
    /// By the id of the matrix it is in.
    pub traffic_matrices: BTreeMap<String, Vec<ServiceReference>>,
}

/// A service of a demand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceReference {
    /// The demand.
    pub demand_id: String,
    /// The service.
    pub service_id: String,
}

/// How the services of each original demand travel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// By demand.
    pub demands: BTreeMap<String, ManualRow>,
}

/// How the services of a demand travel. The older form gives no ends here, but in its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualRow {
    /// One end.
    #[serde(default)]
    pub source: Option<String>,
    /// The other end.
    #[serde(default)]
    pub destination: Option<String>,
    /// In one piece.
    #[serde(default)]
    pub end_to_ends: Vec<TableEntry>,
    /// Over gateways: an entry for each piece.
    #[serde(default)]
    pub splitted_sections: Vec<TableEntry>,
}

/// A number of services that travel alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// The demand that they travel in.
    pub demand_id: String,
    /// Its one end.
    #[serde(default)]
    pub source: Option<String>,
    /// Its other end.
    #[serde(default)]
    pub destination: Option<String>,
    /// How many of what.
    pub traffic: TypeCount,
}

/// A number of services of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeCount {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many.
    pub count: u64,
}
