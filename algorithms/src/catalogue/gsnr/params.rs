//! Which routes, and under which load.

use optics::plan::Hop;
use optics::quality::Loading;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which routes are looked at, and under which load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GsnrParams {
    /// Routes of each ordered pair of nodes, shortest first.
    #[schemars(range(min = 1, max = 100))]
    pub k: u32,
    /// Routes to look at instead of the shortest of all pairs.
    pub routes: Vec<GivenRoute>,
    /// Transceivers whose modes are tried; empty for all of the equipment library.
    pub transceivers: Vec<String>,
    /// Which channels share the line with the one under test.
    pub loading: Loading,
    /// Channels that are lit, each on every link or on those it names: with `loading` `actual`.
    pub lit: Vec<LitChannel>,
    /// Lightpaths that are lit, each with its route, in both directions: with `loading` `actual`. Each gets a row of its
    /// own in the report. Those of a plan, where one is given as input, come behind.
    pub lightpaths: Vec<LitLightpath>,
    /// Transceiver and mode of lit lightpaths that name none; those of a plan name none.
    pub lit_mode: Option<LitMode>,
    /// Distance of channels in GHz, where the load is like the channel under test; modes that need more take more. None
    /// for the least of each mode.
    #[schemars(range(min = 6.25, max = 1000.0))]
    pub spacing_ghz: Option<f64>,
    /// GSNR kept back beyond what a mode requires, in dB; none for the equipment library's.
    #[schemars(range(min = 0.0, max = 30.0))]
    pub system_margin_db: Option<f64>,
    /// Power of the reference channel that lines are designed for, in dBm; none for the equipment library's.
    #[schemars(range(min = -30.0, max = 30.0))]
    pub power_dbm: Option<f64>,
    /// Fibre type of spans that name none; none for the first of the equipment library.
    pub fibre_type: Option<String>,
    /// Loss of fibre without a measured one, in dB/km.
    #[schemars(range(min = 0.01, max = 10.0))]
    pub loss_db_per_km: f64,
    /// ROADM type of all sites; none for the equipment library's default.
    pub roadm_type: Option<String>,
}

impl Default for GsnrParams {
    fn default() -> Self {
        Self {
            k: 3,
            routes: Vec::new(),
            transceivers: Vec::new(),
            loading: Loading::default(),
            lit: Vec::new(),
            lightpaths: Vec::new(),
            lit_mode: None,
            spacing_ghz: None,
            system_margin_db: None,
            power_dbm: None,
            fibre_type: None,
            loss_db_per_km: 0.2,
            roadm_type: None,
        }
    }
}

/// A route by its links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenRoute {
    /// Id of the node where it begins.
    pub from: String,
    /// Ids of its links, in order.
    pub links: Vec<String>,
}

/// A channel that is lit on links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LitChannel {
    /// Centre in THz.
    pub frequency_thz: f64,
    /// Symbol rate in GBd.
    pub baud_rate_gbd: f64,
    /// Width of its slot in GHz.
    pub slot_width_ghz: f64,
    /// Offset of its power to the target of ROADMs, in dB.
    #[serde(default)]
    pub offset_db: f64,
    /// Ids of the links it is lit on, in both directions; none listed for every link. At amplifier sites it goes on.
    #[serde(default)]
    pub links: Vec<String>,
}

/// A lightpath that is lit. Hops and slot are those of a plan's segment; a lightpath with regenerators is one of these for
/// each of its segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LitLightpath {
    /// Its name in the report.
    pub id: String,
    /// The fibres it crosses one way, in order; the other way it takes them back.
    pub hops: Vec<Hop>,
    /// Centre of its slot: 193.1 THz + n × 6.25 GHz.
    pub n: i32,
    /// Width of its slot: m × 12.5 GHz.
    #[schemars(range(min = 1))]
    pub m: u32,
    /// Its mode: without one, and without one for all, it has no margin in the report.
    #[serde(default)]
    pub mode: Option<LitMode>,
    /// Symbol rate in GBd; none for its mode's, else that of the equipment library's channels.
    #[serde(default)]
    pub baud_rate_gbd: Option<f64>,
    /// Offset of its power to the target of ROADMs, in dB; none for its mode's.
    #[serde(default)]
    pub offset_db: Option<f64>,
}

/// A mode of a transceiver of the equipment library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LitMode {
    /// Name of the transceiver.
    pub transceiver: String,
    /// Name of its mode.
    pub mode: String,
}
