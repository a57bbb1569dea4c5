//! The document of a traffic matrix: demands between sites and the client services they carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A traffic matrix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficMatrix {
    /// For people.
    #[serde(default)]
    pub name: String,
    /// The demands.
    pub demands: Vec<Demand>,
}

/// What is wanted between two sites. Given either as rates or as services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Unique in the matrix.
    pub id: String,
    /// One end.
    pub a: String,
    /// The other end.
    pub b: String,
    /// Rate from `a` to `b` in Gb/s; absent where services are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_ab_gbps: Option<f64>,
    /// Rate from `b` to `a` in Gb/s; absent: as from `a` to `b` where bidirectional, else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_ba_gbps: Option<f64>,
    /// Client services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceGroup>,
    /// Whether a rate holds in both directions.
    #[serde(default = "yes")]
    pub bidirectional: bool,
    /// Higher is served first; also the weight of what is blocked.
    #[serde(default = "one")]
    pub priority: u32,
    /// Protection of its lightpaths.
    #[serde(default)]
    pub protection: Protection,
    /// Restoration of its lightpaths.
    #[serde(default)]
    pub restoration: Restoration,
    /// Largest one-way latency in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency_us: Option<f64>,
    /// Nodes that a route must visit, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Nodes that a route must not visit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_nodes: Vec<String>,
    /// Links that a route must not use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_links: Vec<String>,
    /// Transponder modes it may use; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_modes: Option<Vec<String>>,
    /// Least margin above the required GSNR in dB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_margin_db: Option<f64>,
    /// Planning period from which on it is wanted.
    #[serde(default)]
    pub period: u32,
}

impl Demand {
    /// A demand given by a rate, the same in both directions, everything else at its default.
    #[must_use]
    pub fn of_rate(
        id: impl Into<String>,
        a: impl Into<String>,
        b: impl Into<String>,
        rate_gbps: f64,
    ) -> Self {
        Self {
            id: id.into(),
            a: a.into(),
            b: b.into(),
            rate_ab_gbps: Some(rate_gbps),
            rate_ba_gbps: None,
            services: Vec::new(),
            bidirectional: true,
            priority: 1,
            protection: Protection::default(),
            restoration: Restoration::None,
            max_latency_us: None,
            include: Vec::new(),
            exclude_nodes: Vec::new(),
            exclude_links: Vec::new(),
            allowed_modes: None,
            min_margin_db: None,
            period: 0,
        }
    }
}

/// Equal client services of a demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceGroup {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Their ids, one for each service, unique in the matrix.
    pub ids: Vec<String>,
}

/// Client signals with their rates: the one table for the whole product ([`ServiceType::rate_gbps`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// E1, 2.048 Mb/s.
    E1,
    /// STM-1, electrical.
    #[serde(rename = "STM1 Electrical")]
    Stm1Electrical,
    /// STM-1, optical.
    #[serde(rename = "STM1 Optical")]
    Stm1Optical,
    /// STM-4.
    #[serde(rename = "STM4")]
    Stm4,
    /// STM-16.
    #[serde(rename = "STM16")]
    Stm16,
    /// STM-64.
    #[serde(rename = "STM64")]
    Stm64,
    /// Fast Ethernet.
    #[serde(rename = "FE")]
    FastEthernet,
    /// Gigabit Ethernet.
    #[serde(rename = "GE")]
    GigabitEthernet,
    /// 10 Gigabit Ethernet.
    #[serde(rename = "10GE")]
    TenGigabitEthernet,
    /// 100 Gigabit Ethernet.
    #[serde(rename = "100GE")]
    HundredGigabitEthernet,
}

impl ServiceType {
    /// All types, in the order of the Excel template.
    pub const ALL: [Self; 10] = [
        Self::E1,
        Self::Stm1Electrical,
        Self::Stm1Optical,
        Self::Stm4,
        Self::Stm16,
        Self::Stm64,
        Self::FastEthernet,
        Self::GigabitEthernet,
        Self::TenGigabitEthernet,
        Self::HundredGigabitEthernet,
    ];

    /// The rate at which it is groomed, in Gb/s.
    #[must_use]
    pub const fn rate_gbps(self) -> f64 {
        match self {
            Self::E1 => 0.002_048,
            Self::Stm1Electrical | Self::Stm1Optical => 0.155_52,
            Self::Stm4 => 0.622_08,
            Self::Stm16 => 2.5,
            Self::Stm64 | Self::TenGigabitEthernet => 10.0,
            Self::FastEthernet => 0.1,
            Self::GigabitEthernet => 1.25,
            Self::HundredGigabitEthernet => 100.0,
        }
    }
}

/// How a lightpath is protected against a failure before it happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Protection {
    /// Not at all.
    #[default]
    None,
    /// Two disjoint paths carry the signal at the same time.
    OnePlusOne {
        /// What the paths must not share.
        #[serde(default)]
        disjoint: Disjointness,
        /// What feeds them.
        #[serde(default)]
        source: ProtectionSource,
        /// Largest difference of their latencies in microseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        differential_delay_us: Option<f64>,
    },
}

/// What two paths must not share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disjointness {
    /// Links.
    Link,
    /// Links and nodes between the ends.
    #[default]
    Node,
    /// Links, nodes and shared risks.
    Srlg,
}

/// What feeds the two paths of a 1+1 protection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionSource {
    /// One transponder and a splitter: one wavelength at the ends.
    #[default]
    Splitter,
    /// A transponder for each path.
    OwnTransponder,
}

/// How a lightpath is restored after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restoration {
    /// Not at all.
    #[default]
    None,
    /// After any first failure (`JointSame` of the original).
    Basic,
    /// After a second failure too (`AdvJointSame`).
    Advanced,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}
