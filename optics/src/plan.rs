//! The document of a plan: what is lit, what is blocked and why, how good it is and how good it could be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::grid::Grid;
use crate::traffic::Protection;
use crate::violation::Violation;

/// A plan for a topology and its requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the topology.
    pub topology: String,
    /// The equipment library; absent while signal quality is not computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<EquipmentRef>,
    /// The spectrum.
    pub grid: Grid,
    /// Under which load signal quality was computed; `none` while it is not.
    pub qot: QualityOfTransmission,
    /// What is lit.
    pub lightpaths: Vec<Lightpath>,
    /// What is not, and why.
    pub blocked: Vec<Blocked>,
    /// Rules the plan breaks; a run with any has failed, so this is empty but for inherited ones.
    pub violations: Vec<Violation>,
    /// Proven limits of the key figures.
    pub bounds: Vec<Bound>,
}

/// Which equipment library a plan was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EquipmentRef {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its bytes.
    pub hash: String,
}

/// Under which load signal quality was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QualityOfTransmission {
    /// Not computed.
    #[default]
    None,
}

/// A signal from end to end: one request, its routes, its slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lightpath {
    /// Unique in the plan; the request it serves has the same id.
    pub id: String,
    /// Demands, or lightpath requests of a grooming, that it carries.
    pub carries: Vec<String>,
    /// The two sites where it begins and ends.
    pub ends: [String; 2],
    /// Whether it is new.
    #[serde(default)]
    pub state: LightpathState,
    /// Planning period from which on it is lit.
    #[serde(default)]
    pub period: u32,
    /// What it can carry, in Gb/s.
    pub capacity_gbps: f64,
    /// Protection it was asked to have.
    #[serde(default)]
    pub protection: Protection,
    /// Working path first.
    pub paths: Vec<LightpathPath>,
}

/// Whether a lightpath is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LightpathState {
    /// Made by this plan.
    #[default]
    Planned,
    /// It was there before.
    Existing,
    /// It was there before and must come out unchanged.
    Locked,
    /// It was there before and may be moved.
    Movable,
}

/// One way of a lightpath from end to end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LightpathPath {
    /// When the signal takes it.
    pub role: PathRole,
    /// The failure it answers, for a restoration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Pieces between terminals and regenerators, from `ends[0]` to `ends[1]`.
    pub segments: Vec<Segment>,
}

/// When the signal takes a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathRole {
    /// Always.
    Working,
    /// Always, beside the working path.
    Protection,
    /// After a failure.
    Restoration,
}

/// A transparent piece of a path: one slot from its transmitter to its receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// The fibres it crosses, in order.
    pub hops: Vec<Hop>,
    /// Centre of its slot: 193.1 THz + n × 6.25 GHz.
    pub n: i32,
    /// Width of its slot: m × 12.5 GHz.
    pub m: u32,
    /// Transponder mode; absent while modes are not chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Where the signal is added.
    pub tx: Port,
    /// Where it is dropped.
    pub rx: Port,
    /// GSNR in 0.1 nm in dB, of the worse direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gsnr_db_01nm: Option<f64>,
    /// Distance to the required GSNR in dB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_db: Option<f64>,
}

/// One fibre of a link in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// Id of the link.
    pub link: String,
    /// Id of the fibre pair in the link.
    pub fibre: String,
    /// Which way; the other way is taken by the opposite direction of the same lightpath.
    pub direction: Direction,
}

/// Which way along a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From its `a` to its `b`.
    Ab,
    /// From its `b` to its `a`.
    Ba,
}

/// A transponder port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The site.
    pub node: String,
    /// The add/drop bank there.
    pub bank: String,
    /// The port of the bank, from 0.
    pub port: u32,
}

/// A request that the plan does not serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blocked {
    /// The request's id.
    pub request: String,
    /// Its ends.
    pub ends: [String; 2],
    /// What it would have carried, in Gb/s.
    pub rate_gbps: f64,
    /// Its demand's priority.
    pub priority: u32,
    /// Why, with what shows it.
    #[serde(flatten)]
    pub reason: BlockedReason,
}

/// Why a request is not served, with evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", content = "evidence", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BlockedReason {
    /// The ends are not connected.
    NoPath {
        /// The nodes that can be reached from the first end.
        component: Vec<String>,
    },
    /// No two disjoint paths exist.
    NoDisjointPair {
        /// Links any of whose failure separates the ends.
        bridges: Vec<String>,
        /// Nodes any of whose failure separates the ends.
        articulation_nodes: Vec<String>,
    },
    /// No slot is free on any route.
    NoSpectrum {
        /// Links that separate the ends and carry the most; empty if there is spectrum, but no common slot.
        cut: Vec<String>,
        /// Slots in use over the cut.
        load: u32,
        /// Slots the cut has.
        capacity: u32,
        /// Whether every cut has room and only continuity fails.
        not_continuous: bool,
    },
    /// A node's add/drop cannot take another one.
    AddDrop {
        /// The node.
        node: String,
        /// The bank.
        bank: String,
        /// Lightpaths that hold what would be needed.
        holders: Vec<String>,
    },
    /// A node has no free port.
    Ports {
        /// The node.
        node: String,
        /// Ports it has.
        ports: u32,
    },
    /// No route is short enough.
    Latency {
        /// Least latency there is, in microseconds.
        best_us: f64,
        /// What was asked for.
        limit_us: f64,
    },
    /// A condition of the demand rules every route out.
    Constraint {
        /// Which.
        constraint: String,
    },
}

/// A proven limit of a key figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The figure it limits (`wavelengths`).
    pub metric: String,
    /// The limit.
    pub value: f64,
    /// How it was proven.
    pub method: BoundMethod,
    /// What proves it, in a form that can be checked.
    pub certificate: serde_json::Value,
}

/// How a bound was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoundMethod {
    /// The capacity of a cut: certificate `{side: [nodes], links, demand}`.
    Cut,
    /// The congestion linear program: certificate `{link_prices, ...}` dual values.
    CongestionLp,
    /// Requests that exclude each other: certificate `{requests: [ids]}`.
    Clique,
    /// A wavelength ends only once at a node: certificate `{node, ...}`.
    AddDrop,
}

/// Key figures of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Lightpaths asked for.
    pub requests: u32,
    /// Lightpaths lit.
    pub lightpaths: u32,
    /// Requests not served.
    pub blocked: u32,
    /// What they would have carried, in Gb/s.
    pub blocked_gbps: f64,
    /// Distinct channels in use (fixed grid).
    pub wavelengths: Option<u32>,
    /// Highest slice in use above the lower edge of the grid (flexible grid).
    pub highest_slot: Option<u32>,
    /// Regenerators.
    pub regenerators: u32,
    /// Hops of all paths.
    pub hops: u32,
    /// Length of all paths in km.
    pub length_km: f64,
    /// Broken rules.
    pub violations: u32,
    /// Proven limits.
    pub bounds: Vec<Bound>,
    /// Wavelengths (or highest slot) above the best bound; null while anything is blocked.
    pub gap: Option<f64>,
}
