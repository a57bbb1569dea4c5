//! Parameters of `rwa`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::AlgorithmError;

/// Parameters of routing and wavelength assignment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RwaParams {
    /// Channels of the grid, where the topology has no grid of its own.
    #[schemars(range(min = 1, max = 1000))]
    pub channels: u32,
    /// Spacing of the channels in GHz, a multiple of 12.5, where the topology has no grid of its own.
    #[schemars(range(min = 12.5, max = 400.0))]
    pub spacing_ghz: f64,
    /// What one lightpath carries, in Gb/s, where requests are made of a traffic matrix.
    #[schemars(range(min = 0.001))]
    pub lightpath_capacity_gbps: f64,
    /// Whether a request for which no two disjoint routes exist may be served by one.
    pub allow_unprotected: bool,
    /// Most rounds of the search.
    #[schemars(range(min = 1, max = 1000))]
    pub rounds: u32,
    /// Rounds without progress after which the search ends.
    #[schemars(range(min = 1, max = 1000))]
    pub patience: u32,
    /// Random seeds tried in a round.
    #[schemars(range(min = 1, max = 64))]
    pub seeds: u32,
    /// Steps of the search for each seed in a round; a step places one request and may displace others.
    #[schemars(range(min = 100, max = 10_000_000))]
    pub steps: u32,
}

impl Default for RwaParams {
    fn default() -> Self {
        Self {
            channels: 80,
            spacing_ghz: 50.0,
            lightpath_capacity_gbps: 100.0,
            allow_unprotected: false,
            rounds: 12,
            patience: 2,
            seeds: 4,
            steps: 10_000,
        }
    }
}

impl RwaParams {
    /// Whether they make sense.
    ///
    /// # Errors
    /// [`AlgorithmError::InvalidParams`], naming the first that does not.
    pub fn validate(&self) -> Result<(), AlgorithmError> {
        let refuse = |pointer: &str, detail: &str| {
            Err(AlgorithmError::InvalidParams { pointer: pointer.to_owned(), detail: detail.to_owned() })
        };
        let units = self.spacing_ghz / 12.5;
        if !(1..=1000).contains(&self.channels) {
            return refuse("/channels", "must be 1 to 1000");
        }
        if !(1.0..=32.0).contains(&units) || (units - units.round()).abs() > 1e-9 {
            return refuse("/spacing_ghz", "must be a multiple of 12.5 from 12.5 to 400");
        }
        if !(self.lightpath_capacity_gbps.is_finite() && self.lightpath_capacity_gbps >= 0.001) {
            return refuse("/lightpath_capacity_gbps", "must be at least 0.001");
        }
        if !(1..=1000).contains(&self.rounds) {
            return refuse("/rounds", "must be 1 to 1000");
        }
        if !(1..=1000).contains(&self.patience) {
            return refuse("/patience", "must be 1 to 1000");
        }
        if !(1..=64).contains(&self.seeds) {
            return refuse("/seeds", "must be 1 to 64");
        }
        if !(100..=10_000_000).contains(&self.steps) {
            return refuse("/steps", "must be 100 to 10000000");
        }
        Ok(())
    }
}
