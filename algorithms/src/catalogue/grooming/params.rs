//! How to groom.

use optics::grooming::{Fill, GroomingMode, LINE_RATES_GBPS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::demand::Packing;
use crate::error::AlgorithmError;

/// How to groom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroomingParams {
    /// What decides where services go before they are packed into lines and containers.
    pub mode: GroomingMode,
    /// What a muxponder puts on the line, in Gb/s: 40, 100, 200 or 400. A container has a 10G client for each tenth of it.
    pub line_rate_gbps: u32,
    /// Least filling of a demand's last container in Gb/s, at most the line rate: what is filled less is left over and
    /// reported. With 0 everything is carried. In modes with connections everything on them is carried.
    #[schemars(range(min = 0.0, max = 400.0))]
    pub threshold_gbps: f64,
    /// From end to end with clusters: filling in Gb/s below which the services of a demand's last container are split at
    /// gateways; absent: `threshold_gbps`.
    #[schemars(range(min = 0.0, max = 400.0))]
    pub split_threshold_gbps: Option<f64>,
    /// In modes that keep what fills lightpaths from end to end: from which share of the line rate on a demand's last
    /// container does, in percent.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub multiplex_threshold_percent: f64,
    /// How the 10G clients of a demand are spread over its containers.
    pub fill: Fill,
    /// Which demands the pieces of split services join.
    pub join: Join,
    /// Whether clusters are proposed where no document names them: sites on spurs and chains, at the junctions they hang on.
    pub propose_clusters: bool,
    /// Most sites beside the gateways of a proposed cluster.
    #[schemars(range(min = 1))]
    pub largest_proposed_cluster: u32,
    /// Demands that a shard grooms.
    #[schemars(range(min = 1))]
    pub demands_per_shard: u32,
}

/// Which demands the pieces of split services join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// One between the same nodes: a demand has no direction.
    #[default]
    EitherDirection,
    /// One from the same node to the same node, as the original NetPlanner does.
    SameDirection,
}

impl Default for GroomingParams {
    fn default() -> Self {
        Self {
            mode: GroomingMode::EndToEnd,
            line_rate_gbps: 100,
            threshold_gbps: 0.0,
            split_threshold_gbps: None,
            multiplex_threshold_percent: 70.0,
            fill: Fill::Sequential,
            join: Join::EitherDirection,
            propose_clusters: false,
            largest_proposed_cluster: 8,
            demands_per_shard: 32,
        }
    }
}

impl GroomingParams {
    /// Refuses parameters that cannot be meant.
    ///
    /// # Errors
    /// [`AlgorithmError::InvalidParams`], naming the field.
    pub fn validate(&self) -> Result<(), AlgorithmError> {
        let invalid = |field: &str, detail: String| {
            Err(AlgorithmError::InvalidParams { pointer: format!("/{field}"), detail })
        };
        if !LINE_RATES_GBPS.contains(&self.line_rate_gbps) {
            let detail = format!("is {}, must be one of {LINE_RATES_GBPS:?}", self.line_rate_gbps);
            return invalid("line_rate_gbps", detail);
        }
        let line_rate = f64::from(self.line_rate_gbps);
        let split = self.split_threshold_gbps.unwrap_or(0.0);
        for (field, value, most) in [
            ("threshold_gbps", self.threshold_gbps, line_rate),
            ("split_threshold_gbps", split, line_rate),
            ("multiplex_threshold_percent", self.multiplex_threshold_percent, 100.0),
        ] {
            if !(0.0..=most).contains(&value) {
                return invalid(field, format!("is {value}, must lie between 0 and {most}"));
            }
        }
        for (field, value) in [
            ("demands_per_shard", self.demands_per_shard),
            ("largest_proposed_cluster", self.largest_proposed_cluster),
        ] {
            if value == 0 {
                return invalid(field, "is 0, must be at least 1".to_owned());
            }
        }
        Ok(())
    }

    /// How the demands of the report are packed.
    #[must_use]
    pub fn packing(&self) -> Packing {
        // what rides on connections has nowhere else to go
        let threshold_gbps = if self.mode.shares_connections() { 0.0 } else { self.threshold_gbps };
        Packing { line_rate_gbps: self.line_rate_gbps, threshold_gbps, fill: self.fill }
    }

    /// How demands are packed to see which services stay in one piece; none where that does not matter.
    #[must_use]
    pub fn trial(&self, clusters: bool) -> Option<Packing> {
        let threshold_gbps = if self.mode.keeps_full() {
            f64::from(self.line_rate_gbps) * self.multiplex_threshold_percent / 100.0
        } else if self.mode == GroomingMode::EndToEnd && clusters {
            self.split_threshold_gbps.unwrap_or(self.threshold_gbps)
        } else {
            return None;
        };
        Some(Packing { line_rate_gbps: self.line_rate_gbps, threshold_gbps, fill: self.fill })
    }
}
