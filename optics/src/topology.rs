//! The document of a physical topology: sites, fibre, what they can do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::grid::{Grid, Slot};

/// A physical topology. A link is never named by its pair of nodes: parallel links exist.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// For people.
    #[serde(default)]
    pub name: String,
    /// The sites.
    pub nodes: Vec<Node>,
    /// The fibre between them.
    pub links: Vec<Link>,
    /// Shared risks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub srlgs: Vec<Srlg>,
    /// The spectrum; absent for the default of the algorithm's parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    /// How lengths came about, where they were not given (great circle times `route_factor`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<LengthOrigin>,
}

/// How an importer made kilometres of coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthOrigin {
    /// `great_circle`.
    pub method: String,
    /// What the great-circle distance was multiplied by.
    pub route_factor: f64,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique in the topology.
    pub id: String,
    /// For people; the id if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Latitude in degrees, north positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Longitude in degrees, east positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// What stands there.
    #[serde(default)]
    pub kind: NodeKind,
    /// Whether traffic may pass through optically.
    #[serde(default = "yes")]
    pub express: bool,
    /// Add/drop banks. Empty: one CDC bank with unlimited ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_drop: Vec<AddDropBank>,
    /// Ports for regenerators; absent for unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regen_ports: Option<u32>,
    /// Over what a slot may be added or dropped only once.
    #[serde(default)]
    pub contention: Contention,
}

impl Node {
    /// A ROADM site with everything at its default.
    #[must_use]
    pub fn roadm(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: String::new(),
            lat: None,
            lon: None,
            kind: NodeKind::Roadm,
            express: true,
            add_drop: Vec::new(),
            regen_ports: None,
            contention: Contention::PerBank,
        }
    }

    /// What to call it.
    #[must_use]
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }
}

/// What stands at a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Switches wavelengths between its degrees, adds and drops.
    #[default]
    Roadm,
    /// Only amplifies: two degrees, nothing is added or dropped.
    Ila,
    /// Only ends lightpaths; nothing passes through.
    Terminal,
}

/// Transponder ports of a site that share a way into its degrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddDropBank {
    /// Unique at the node.
    pub bank: String,
    /// What it can reach.
    pub kind: AddDropKind,
    /// The links (degrees) it serves; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degrees: Vec<String>,
    /// How many ports it has; absent for unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<u32>,
    /// How often a CDC bank takes the same slot; absent for as often as it has ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_same_slot: Option<u32>,
}

/// Kinds of add/drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddDropKind {
    /// One degree, and a port takes one slot.
    Fixed,
    /// One degree, any slot.
    Colourless,
    /// All degrees, each slot once per bank.
    Directionless,
    /// All degrees, any slot, contentionless.
    Cdc,
}

/// Over what a slot may be added or dropped only once where a bank is not contentionless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Contention {
    /// Once per bank.
    #[default]
    PerBank,
    /// Once per node, whatever the bank: the original NetPlanner's rule, and the default for its files.
    PerNode,
}

/// Fibre between two sites, ROADM to ROADM: an OMS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Unique in the topology.
    pub id: String,
    /// One end.
    pub a: String,
    /// The other end.
    pub b: String,
    /// Length in kilometres.
    pub length_km: f64,
    /// Fibre pairs; empty: one, with id `1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fibres: Vec<Fibre>,
    /// One-way latency in microseconds; absent: computed from the length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<f64>,
    /// Shared risks it belongs to, beside those that list it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub srlgs: Vec<String>,
    /// Expected cable cuts per 1000 km and year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuts_per_1000km_year: Option<f64>,
    /// Mean time to repair in hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mttr_h: Option<f64>,
    /// Spectrum that must not be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<UnavailableSpectrum>,
}

impl Link {
    /// A link with one fibre pair and everything else at its default.
    #[must_use]
    pub fn new(id: impl Into<String>, a: impl Into<String>, b: impl Into<String>, length_km: f64) -> Self {
        Self {
            id: id.into(),
            a: a.into(),
            b: b.into(),
            length_km,
            fibres: Vec::new(),
            latency_us: None,
            srlgs: Vec::new(),
            cuts_per_1000km_year: None,
            mttr_h: None,
            unavailable: Vec::new(),
        }
    }
}

/// A fibre pair, one fibre for each direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fibre {
    /// Unique in the link.
    pub id: String,
    /// Spans from `a` to `b`; empty: one span of the link's length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans_ab: Vec<Span>,
    /// Spans from `b` to `a`, where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spans_ba: Option<Vec<Span>>,
}

/// A piece of fibre between two amplifiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Length in kilometres.
    pub length_km: f64,
    /// Type in the equipment library.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fibre_type: String,
    /// Measured loss in dB; absent: from the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_db: Option<f64>,
    /// Type of the amplifier behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amplifier: Option<String>,
}

/// Spectrum of a fibre that must not be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnavailableSpectrum {
    /// The fibre; absent for all of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fibre: Option<String>,
    /// Lower edge, in slices of 6.25 GHz from 193.1 THz.
    pub n_lo: i32,
    /// Upper edge, in the same unit.
    pub n_hi: i32,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl UnavailableSpectrum {
    /// Whether `slot` on `fibre` would use it.
    #[must_use]
    pub fn forbids(&self, fibre: &str, slot: Slot) -> bool {
        self.fibre.as_deref().is_none_or(|own| own == fibre)
            && i64::from(slot.n) - i64::from(slot.m) < i64::from(self.n_hi)
            && i64::from(slot.n) + i64::from(slot.m) > i64::from(self.n_lo)
    }
}

/// Links or nodes that fail together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Srlg {
    /// Unique in the topology.
    pub id: String,
    /// What they share.
    pub kind: SrlgKind,
    /// Ids of links (duct, cable) or nodes (site).
    pub members: Vec<String>,
    /// Probability of a failure at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

/// What the members of a shared risk share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SrlgKind {
    /// A duct.
    Duct,
    /// A building.
    Site,
    /// A cable.
    Cable,
}

fn yes() -> bool {
    true
}
