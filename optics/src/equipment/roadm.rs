//! ROADM types: equalisation, add/drop noise, impairments of internal paths, amplifier restrictions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of ROADM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoadmType {
    /// Its name; `default` is taken where an element names none.
    pub name: String,
    /// The power each channel leaves with.
    pub equalisation: Equalisation,
    /// OSNR of an add and a drop together, in dB over 0.1 nm.
    pub add_drop_osnr_db: f64,
    /// Polarisation mode dispersion of a crossing, in s.
    #[serde(default)]
    pub pmd_s: f64,
    /// Polarisation dependent loss of a crossing, in dB.
    #[serde(default)]
    pub pdl_db: f64,
    /// Preamplifiers to choose from; empty for any that is allowed for design.
    #[serde(default)]
    pub preamp_types: Vec<String>,
    /// Boosters to choose from; empty for any that is allowed for design.
    #[serde(default)]
    pub booster_types: Vec<String>,
    /// Impairments of internal paths, in the order they are looked through.
    #[serde(default)]
    pub profiles: Vec<ImpairmentProfile>,
}

/// How the power of a channel leaving a ROADM is set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Equalisation {
    /// The same power for each channel, in dBm.
    PowerDbm(f64),
    /// The same power per symbol rate, in mW/GHz.
    DensityMwPerGhz(f64),
    /// The same power per slot width, in mW/GHz.
    SlotDensityMwPerGhz(f64),
}

/// Where an internal path of a ROADM begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    /// Degree to degree.
    Express,
    /// Transceiver to degree.
    Add,
    /// Degree to transceiver.
    Drop,
}

/// Impairments of one kind of internal path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpairmentProfile {
    /// What elements refer to it by.
    pub id: u32,
    /// Which paths it describes.
    pub kind: PathKind,
    /// The first whose range holds a channel's frequency applies to it.
    pub ranges: Vec<Impairment>,
}

/// Impairments within a range of frequencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impairment {
    /// Lower end, in Hz, inclusive.
    pub lower_hz: f64,
    /// Upper end, in Hz, inclusive.
    pub upper_hz: f64,
    /// Least loss of the path, in dB.
    #[serde(default)]
    pub max_loss_db: f64,
    /// Polarisation mode dispersion, in s.
    #[serde(default)]
    pub pmd_s: f64,
    /// Polarisation dependent loss, in dB.
    #[serde(default)]
    pub pdl_db: f64,
    /// OSNR of the path, in dB over 0.1 nm; none where it adds no noise.
    #[serde(default)]
    pub osnr_db: Option<f64>,
}
