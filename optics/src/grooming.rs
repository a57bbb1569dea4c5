//! The document of a grooming: which client service travels in which lightpath, over which cards.
//!
//! The cards are those of the original NetPlanner: an MP2X carries clients below 10 Gb/s in two 10G lines, an MP1H ten
//! 10G clients in a 100G line, a TP1H one 100GE client. A *groomout* is what fills one line of an MP2X; it is a 10G
//! client of an MP1H. A *container* is what an MP1H carries: one lightpath. At another line rate an MP1H stands for the
//! muxponder of that rate, with a tenth of it as the number of its 10G clients.
//!
//! Where services are split at gateways or along connections, each piece is a service of its own in the demand of a
//! *sub-matrix*; `matrices` has the demands that were packed, `mapping` says which service became which pieces.

mod split;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clusters::Cluster;
use crate::request::LightpathRequest;
use crate::traffic::{ServiceGroup, ServiceType};

pub use split::{Connection, Piece, PieceOrigin, Section, SplitRow, SplitService, SubMatrix};

/// Capacity of a line of an MP2X in Gb/s.
pub const LINE_GBPS: f64 = 10.0;
/// Most clients of a line of an MP2X, and of its two lines together.
pub const LINE_CLIENTS: usize = 16;
/// What a lightpath can carry where no other line rate is chosen, and what one of a TP1H can, in Gb/s.
pub const LIGHTPATH_GBPS: f64 = 100.0;
/// The line rates that a muxponder can have, in Gb/s.
pub const LINE_RATES_GBPS: [u32; 4] = [40, 100, 200, 400];
/// Slots of a shelf, from 0. Every card takes two neighbouring ones.
pub const SLOTS_PER_SHELF: u32 = 14;
/// Shelves of a rack, from 0.
pub const SHELVES_PER_RACK: u32 = 5;

/// What grooming a traffic matrix gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroomingReport {
    /// Name of the topology.
    pub topology: String,
    /// Name of the traffic matrix.
    pub traffic: String,
    /// What decided where services go before they were packed.
    #[serde(default)]
    pub mode: GroomingMode,
    /// What an MP1H puts on the line, in Gb/s.
    #[serde(default = "line_rate")]
    pub line_rate_gbps: u32,
    /// Least filling of a demand's last container in Gb/s; below it the container is left over.
    pub threshold_gbps: f64,
    /// Filling in Gb/s from which on a container was good enough to keep its services in one piece; absent where nothing
    /// was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_threshold_gbps: Option<f64>,
    /// How clients were spread over containers.
    pub fill: Fill,
    /// The clusters whose gateways services were split at, also those that were proposed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<Cluster>,
    /// The demands that were packed: first the clusters' matrices, then `main`. Empty where they are those of the traffic
    /// matrix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrices: Vec<SubMatrix>,
    /// What became of each service that was split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapping: Vec<SplitService>,
    /// The connections that services ride on, with their routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<Connection>,
    /// Key figures.
    pub summary: GroomingSummary,
    /// What routing has to find ways for: one request for each lightpath, with the same id.
    pub requests: Vec<LightpathRequest>,
    /// What is inside each lightpath.
    pub lightpaths: Vec<GroomedLightpath>,
    /// What is inside each 10G line.
    pub groomouts: Vec<Groomout>,
    /// What no lightpath carries, by demand.
    pub leftovers: Vec<Leftover>,
    /// Cards and where they sit, by node in the order of the topology; nodes without cards are left out.
    pub nodes: Vec<NodeShelves>,
    /// How the services of each demand travel, by type.
    pub table: Vec<TableRow>,
}

/// What decides where services go before they are packed into lines and containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroomingMode {
    /// Each demand for itself; with clusters, services that fill no container are split at their gateways.
    #[default]
    EndToEnd,
    /// Everything: what fills lightpaths from end to end, then clusters, then intermediate grooming.
    Advanced,
    /// Intermediate grooming alone: demands share connections along common parts of their routes.
    Intermediate,
    /// Clusters (leaves, clusters as given, corners), then intermediate grooming.
    ClusteringIntermediate,
    /// What fills lightpaths from end to end, then intermediate grooming.
    EndToEndIntermediate,
    /// Made by hand.
    Manual,
}

impl GroomingMode {
    /// Whether demands that fill lightpaths from end to end keep them.
    #[must_use]
    pub const fn keeps_full(self) -> bool {
        matches!(self, Self::Advanced | Self::EndToEndIntermediate)
    }

    /// Whether leaves, clusters and corners are collected at their gateways.
    #[must_use]
    pub const fn collects(self) -> bool {
        matches!(self, Self::Advanced | Self::ClusteringIntermediate)
    }

    /// Whether demands share connections along common parts of their routes.
    #[must_use]
    pub const fn shares_connections(self) -> bool {
        matches!(
            self,
            Self::Advanced | Self::Intermediate | Self::ClusteringIntermediate | Self::EndToEndIntermediate
        )
    }
}

/// How the clients of a demand are spread over its containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// Ten by ten in order, 10G services first; only the last container is compared with the threshold.
    #[default]
    Sequential,
    /// Evenly, if that brings every container of the demand to the threshold; else sequentially.
    Balanced,
}

/// Key figures of a grooming.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroomingSummary {
    /// Demands in the traffic matrix.
    pub demands: u32,
    /// Services in the traffic matrix.
    pub services: u32,
    /// Lightpaths asked for.
    pub lightpaths: u32,
    /// Of these, how many carry one 100GE service.
    pub lightpaths_100ge: u32,
    /// Filling of all lightpaths in Gb/s.
    pub rate_gbps: f64,
    /// Mean filling of a lightpath in Gb/s; 0 without lightpaths.
    pub mean_rate_gbps: f64,
    /// 10G lines of clients below 10 Gb/s, left over ones too.
    pub groomouts: u32,
    /// 10G services that no lightpath carries (without those inside left over groomouts).
    pub leftover_services: u32,
    /// Groomouts that no lightpath carries.
    pub leftover_groomouts: u32,
    /// MP2X cards, both ends counted.
    pub mp2x: u32,
    /// TP1H cards, both ends counted.
    pub tp1h: u32,
    /// MP1H cards, both ends counted.
    pub mp1h: u32,
    /// Services of the traffic matrix that travel in more than one piece.
    #[serde(default)]
    pub split_services: u32,
    /// Their pieces.
    #[serde(default)]
    pub pieces: u32,
    /// Racks in use at all nodes.
    #[serde(default)]
    pub racks: u32,
    /// Shelves in use at all nodes.
    #[serde(default)]
    pub shelves: u32,
    /// Demands whose number of groomouts is not proven least: found and proven bound. Empty unless a demand is large
    /// and awkward.
    pub unproven: Vec<LineBound>,
}

/// How close a number of lines is known to be to the least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBound {
    /// The demand.
    pub demand: String,
    /// Lines that were found.
    pub lines: u32,
    /// Lines that any packing needs.
    pub at_least: u32,
}

/// What is inside a lightpath.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroomedLightpath {
    /// `<demand>-lp<number>`; also the id of its request.
    pub id: String,
    /// The demand.
    pub demand: String,
    /// What lights it.
    pub kind: LightpathKind,
    /// Services that are its clients.
    pub services: Vec<String>,
    /// Groomouts that are its clients.
    pub groomouts: Vec<String>,
    /// What fills it, in Gb/s.
    pub rate_gbps: f64,
    /// Its card at the demand's `a` and at its `b`; empty for a share of a rate.
    pub cards: Vec<String>,
}

/// What lights a lightpath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum LightpathKind {
    /// A TP1H pair with one 100GE service.
    #[serde(rename = "TP1H")]
    Tp1h,
    /// An MP1H pair with up to ten 10G clients at 100 Gb/s; at another line rate a tenth of it.
    #[serde(rename = "MP1H")]
    Mp1h,
    /// A 10G wavelength with one 10G client. Its cards (TP2X, TPAX) are not placed. Only in groomings made by hand.
    #[serde(rename = "10G")]
    TenGigabit,
    /// Nothing in particular: a share of a demand that is given by a rate, not by services.
    #[serde(rename = "rate")]
    Rate,
}

/// What is inside one 10G line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Groomout {
    /// `<demand>-g<number>`.
    pub id: String,
    /// The demand.
    pub demand: String,
    /// Services inside.
    pub services: Vec<String>,
    /// Their rates together, in Gb/s.
    pub rate_gbps: f64,
    /// The lightpath that carries it; absent if it is left over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lightpath: Option<String>,
    /// Its MP2X at the demand's `a` and at its `b`.
    pub cards: [String; 2],
    /// Which line of these cards it is, 1 or 2.
    pub line: u32,
}

/// What no lightpath carries of a demand: its last container was filled below the threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// The demand.
    pub demand: String,
    /// 10G services.
    pub services: Vec<ServiceGroup>,
    /// Groomouts.
    pub groomouts: Vec<String>,
    /// Rate of both together, in Gb/s.
    pub rate_gbps: f64,
}

/// The shelves of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeShelves {
    /// The node.
    pub node: String,
    /// Racks in use.
    pub racks: u32,
    /// Shelves in use.
    pub shelves: u32,
    /// The cards in the order of their places.
    pub cards: Vec<Card>,
}

/// A card in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// `<node>/<rack>/<shelf>/<first slot>`.
    pub id: String,
    /// What it is.
    pub kind: CardKind,
    /// The demand it serves.
    pub demand: String,
    /// Its lightpath (TP1H, MP1H), or the groomouts of its first and second line (MP2X).
    pub carries: Vec<String>,
    /// The rack, from 0.
    pub rack: u32,
    /// The shelf in the rack, from 0.
    pub shelf: u32,
    /// Its two slots in the shelf, from 0.
    pub slots: [u32; 2],
}

/// Cards that client services are plugged into, in the order in which a node's shelves are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CardKind {
    /// Transponder: one 100GE client onto a 100G line.
    Tp1h,
    /// Muxponder: ten 10G clients onto a 100G line.
    Mp1h,
    /// Muxponder: 16 clients below 10 Gb/s onto two 10G lines.
    Mp2x,
}

/// How the services of one demand travel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableRow {
    /// The demand.
    pub demand: String,
    /// One end.
    pub a: String,
    /// The other end.
    pub b: String,
    /// Services that travel in one piece from end to end.
    pub end_to_end: Vec<ServiceCount>,
    /// Services that do not: for each way through the sub-matrices, and type, its sections from `a` to `b`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub split: Vec<SplitRow>,
}

/// A number of services of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceCount {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// How many.
    pub count: u32,
}

fn line_rate() -> u32 {
    100
}
