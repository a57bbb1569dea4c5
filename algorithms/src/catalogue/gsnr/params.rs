//! Which routes, and under which load.

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
    /// The channels that are lit, on every link: with `loading` `actual`.
    pub lit: Vec<LitChannel>,
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

/// A channel that is lit.
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
}
