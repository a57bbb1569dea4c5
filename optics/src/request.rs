//! What grooming asks of routing: one lightpath each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::traffic::{Protection, Restoration};

/// A lightpath that is wanted between two sites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LightpathRequest {
    /// Unique among the requests of a run; the lightpath that serves it gets the same id.
    pub id: String,
    /// The demand it comes from; its constraints on routes apply.
    pub demand: String,
    /// One end.
    pub a: String,
    /// The other end.
    pub b: String,
    /// What fills it, in Gb/s.
    pub rate_gbps: f64,
    /// What it can carry, in Gb/s.
    pub capacity_gbps: f64,
    /// Higher is served first.
    pub priority: u32,
    /// Protection it needs.
    #[serde(default)]
    pub protection: Protection,
    /// Restoration it needs.
    #[serde(default)]
    pub restoration: Restoration,
    /// Ids of the services and groomouts inside, where grooming made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<String>,
}
