//! Documents of signal quality: what each route carries in which mode, and what limits it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Hop;

pub use crate::propagation::Loading;

/// The signal quality of routes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityReport {
    /// The figures of the whole.
    pub summary: QualitySummary,
    /// One row per route, by source, destination and rank.
    pub routes: Vec<RouteQuality>,
    /// Ordered pairs of nodes between which there is no route.
    pub unreachable: Vec<NodePair>,
    /// What becomes of each lightpath that is lit, among all that are: with the loading `actual`.
    #[serde(default)]
    pub lightpaths: Vec<LightpathQuality>,
    /// What a designer should know of the lines.
    pub notes: Vec<String>,
}

/// The figures of a whole quality report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualitySummary {
    /// Routes in the report.
    pub routes: usize,
    /// Routes that at least one mode travels without regeneration.
    pub routes_without_regeneration: usize,
    /// Routes that no mode travels, with whatever regeneration.
    pub routes_out_of_reach: usize,
    /// Least GSNR of a route's worst channel, in dB over 0.1 nm, under the channels the lines are designed for; none
    /// without routes.
    pub least_gsnr_db_01nm: Option<f64>,
    /// For each mode the routes it travels without regeneration.
    pub modes: Vec<ModeReach>,
    /// Which channels shared the line with the one under test.
    pub loading: Loading,
    /// GSNR kept back beyond what modes require, in dB.
    pub system_margin_db: f64,
}

/// How far a mode reaches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModeReach {
    /// The transceiver.
    pub transceiver: String,
    /// Its mode.
    pub mode: String,
    /// Routes it travels without regeneration.
    pub routes: usize,
    /// Length of the longest of them, in km; none without one.
    pub longest_km: Option<f64>,
}

/// Two nodes, from and to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodePair {
    /// Where routes would begin.
    pub from: String,
    /// Where they would end.
    pub to: String,
}

/// The signal quality of one route in its direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteQuality {
    /// Id of the node where it begins.
    pub from: String,
    /// Id of the node where it ends.
    pub to: String,
    /// Its place among the routes of the two nodes, from 1 for the shortest; for given routes their order.
    pub rank: u32,
    /// Its hops.
    pub hops: Vec<Hop>,
    /// Its length in km.
    pub length_km: f64,
    /// Its fibre spans.
    pub spans: u32,
    /// One-way latency in ms.
    pub latency_ms: f64,
    /// GSNR of its worst channel in dB over 0.1 nm, transmitter and ROADMs included, under the channels the lines are
    /// designed for.
    pub gsnr_db_01nm: f64,
    /// OSNR of that channel in dB over 0.1 nm.
    pub osnr_db_01nm: f64,
    /// Centre of that channel in THz.
    pub worst_channel_thz: f64,
    /// Most chromatic dispersion of a channel, in ps/nm.
    pub chromatic_dispersion_ps_per_nm: f64,
    /// Most polarisation mode dispersion of a channel, in ps.
    pub pmd_ps: f64,
    /// Most polarisation dependent loss of a channel, in dB.
    pub pdl_db: f64,
    /// The span that adds most noise to the worst channel; none on a route without fibre.
    pub worst_span: Option<WorstSpan>,
    /// What each mode makes of it, in the library's order.
    pub modes: Vec<ModeQuality>,
    /// The mode that carries most without regeneration, or with fewest regenerators where none does; of equals the one
    /// with the larger margin. None where no mode travels it.
    pub best_mode: Option<BestMode>,
}

/// The span that adds most noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstSpan {
    /// Id of its link.
    pub link: String,
    /// Name of its fibre among the line's elements.
    pub fibre: String,
    /// Its length in km.
    pub length_km: f64,
    /// Its share of all noise of the line, 0 to 1.
    pub noise_share: f64,
}

/// What a mode makes of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModeQuality {
    /// The transceiver.
    pub transceiver: String,
    /// Its mode.
    pub mode: String,
    /// What it carries, in Gb/s.
    pub rate_gbps: f64,
    /// GSNR of the channel with the least margin, in dB over 0.1 nm; with the loading `actual`, of a new channel in the
    /// lowest free slot of the route. None where no channel fits the line, or where no slot is free.
    pub gsnr_db_01nm: Option<f64>,
    /// Centre of that channel in THz.
    #[serde(default)]
    pub channel_thz: Option<f64>,
    /// Penalty of that channel in dB; none where an impairment is beyond what the mode stands.
    pub penalty_db: Option<f64>,
    /// GSNR less penalty, required GSNR and system margin, in dB, of that channel; none as above.
    pub margin_db: Option<f64>,
    /// Whether it travels the route without regeneration: the margin, rounded to 0.01 dB, is not negative.
    pub feasible: bool,
    /// Fewest regenerators it needs; none where a single hop is too much for it.
    pub regenerators: Option<u32>,
    /// Nodes where they would stand.
    pub regenerator_nodes: Vec<String>,
}

/// The mode to choose for a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BestMode {
    /// The transceiver.
    pub transceiver: String,
    /// Its mode.
    pub mode: String,
    /// What it carries, in Gb/s.
    pub rate_gbps: f64,
    /// Regenerators it needs.
    pub regenerators: u32,
}

/// The signal quality of a lightpath that is lit, in the direction in which it is worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LightpathQuality {
    /// Its id.
    pub id: String,
    /// Id of the node where this direction begins.
    pub from: String,
    /// Id of the node where it ends.
    pub to: String,
    /// Its hops in this direction.
    pub hops: Vec<Hop>,
    /// Its centre in THz.
    pub frequency_thz: f64,
    /// Its transceiver and mode; none where it names none.
    pub transceiver: Option<String>,
    /// See `transceiver`.
    pub mode: Option<String>,
    /// Its GSNR in dB over 0.1 nm, transmitter and ROADMs included.
    pub gsnr_db_01nm: f64,
    /// Its OSNR in dB over 0.1 nm.
    pub osnr_db_01nm: f64,
    /// GSNR less penalties, required GSNR and system margin, in dB; none without a mode, and where an impairment is beyond
    /// what the mode stands.
    pub margin_db: Option<f64>,
    /// Whether its mode works: the margin, rounded to 0.01 dB, is not negative. None without a mode.
    pub feasible: Option<bool>,
}
