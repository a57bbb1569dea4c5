//! Transceivers, their modes, and the penalties of a receiver.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A transceiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransceiverType {
    /// Its name (`Voyager`).
    pub name: String,
    /// Lower end of what it tunes to, in Hz.
    pub f_min_hz: f64,
    /// Upper end of what it tunes to, in Hz.
    pub f_max_hz: f64,
    /// What it can be set to.
    pub modes: Vec<Mode>,
}

impl TransceiverType {
    /// The mode of this name.
    pub fn mode(&self, name: &str) -> Option<&Mode> {
        self.modes.iter().find(|mode| mode.name == name)
    }
}

/// A transponder mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    /// Its name (`mode 1`).
    pub name: String,
    /// Symbol rate in Bd.
    pub baud_rate: f64,
    /// Rate carried, in bit/s.
    pub bit_rate: f64,
    /// Least GSNR it works at, in dB over 0.1 nm, without margins.
    pub required_gsnr_db_01nm: f64,
    /// Roll-off of its spectrum.
    pub roll_off: f64,
    /// OSNR of the transmitter, in dB over 0.1 nm.
    pub tx_osnr_db: f64,
    /// Least distance to the neighbours, in Hz.
    pub min_spacing_hz: f64,
    /// Its price, in units of the library.
    pub cost: f64,
    /// Offset of its power to the target of ROADMs, in dB.
    #[serde(default)]
    pub equalisation_offset_db: f64,
    /// How much more GSNR it needs under impairments.
    #[serde(default)]
    pub penalties: Vec<Penalty>,
}

/// One point of a penalty curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Penalty {
    /// Of what.
    pub impairment: Impairment,
    /// How much of it: ps/nm for chromatic dispersion, ps for PMD, dB for PDL.
    pub value: f64,
    /// What it costs, in dB.
    pub penalty_db: f64,
}

/// What a receiver suffers from besides noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impairment {
    /// Accumulated chromatic dispersion, in ps/nm.
    ChromaticDispersion,
    /// Polarisation mode dispersion, in ps.
    Pmd,
    /// Polarisation dependent loss, in dB.
    Pdl,
}
