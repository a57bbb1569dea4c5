//! What is asked for: one request, and which requests must not share a line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request for the capacity between two transceivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathRequest {
    /// Its name, unique among the requests. Requests served together are named `second | first`.
    pub id: String,
    /// Uid of the transceiver it starts at.
    pub source: String,
    /// Uid of the transceiver it ends at.
    pub destination: String,
    /// Whether light must arrive well in the other direction too.
    #[serde(default)]
    pub bidirectional: bool,
    /// Name of the transceiver's type in the equipment library.
    pub transceiver: String,
    /// Name of its mode; none to have the best one chosen.
    #[serde(default)]
    pub mode: Option<String>,
    /// Distance of its channels, in Hz.
    pub spacing_hz: f64,
    /// Channels that fill the line; none for as many as the transceiver's band holds.
    #[serde(default)]
    pub channels: Option<u32>,
    /// Reference power of a channel in the line, in W; none for the equipment library's.
    #[serde(default)]
    pub reference_power_w: Option<f64>,
    /// Power of the transmitter, in W; none for the equipment library's, else the reference power.
    #[serde(default)]
    pub tx_power_w: Option<f64>,
    /// Rate to be carried, in bit/s.
    #[serde(default)]
    pub rate_bit_per_s: f64,
    /// Elements to be passed, in this order.
    #[serde(default)]
    pub include: Vec<IncludedNode>,
    /// Slots to be used; a wish without numbers, or none at all, leaves it to the policy.
    #[serde(default)]
    pub slots: Vec<SlotWish>,
}

/// An element to be passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncludedNode {
    /// Its uid.
    pub uid: String,
    /// Whether there is to be no route rather than one that does not pass it.
    pub strict: bool,
}

/// A slot to be used, as far as it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotWish {
    /// Its centre: 193.1 THz + n × 6.25 GHz.
    pub n: Option<i32>,
    /// Its width: m × 12.5 GHz.
    pub m: Option<u32>,
}

/// Requests that must not share a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Synchronization {
    /// Its name.
    pub id: String,
    /// The requests, by id.
    pub requests: Vec<String>,
    /// Whether it may be given up; kept for the answer, it changes no route.
    #[serde(default)]
    pub relaxable: bool,
    /// Whether links must differ; kept for the answer, lines always differ.
    #[serde(default)]
    pub link_diverse: bool,
    /// Whether nodes must differ; kept for the answer, only lines are kept apart.
    #[serde(default)]
    pub node_diverse: bool,
}
