//! Amplifier types: gain and power limits, noise model, ripple and tilt tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amplifier of one band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmplifierType {
    /// Its name (`std_medium_gain`).
    pub name: String,
    /// Lower edge of its band, in Hz.
    pub f_min_hz: f64,
    /// Upper edge of its band, in Hz.
    pub f_max_hz: f64,
    /// Least gain without padding, in dB.
    pub gain_min_db: f64,
    /// Largest gain with a flat profile, in dB.
    pub gain_flatmax_db: f64,
    /// Largest total output power before the output VOA, in dBm.
    pub p_max_dbm: f64,
    /// How its noise figure follows from gain and input power.
    pub noise: NoiseModel,
    /// Gain and noise tables over the band.
    #[serde(default)]
    pub tables: AmplifierTables,
    /// Polarisation mode dispersion, in s.
    #[serde(default)]
    pub pmd_s: f64,
    /// Polarisation dependent loss, in dB.
    #[serde(default)]
    pub pdl_db: f64,
    /// Whether it is (hybrid) Raman.
    #[serde(default)]
    pub raman: bool,
    /// Whether design may choose it without being told so.
    #[serde(default)]
    pub allowed_for_design: bool,
    /// Whether design sets its output VOA.
    #[serde(default)]
    pub out_voa_auto: bool,
}

/// How the noise figure follows from gain and input power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum NoiseModel {
    /// Two coils with a VOA between them, from the noise figures at least and largest gain.
    VariableGain {
        /// Noise figure at the largest gain, in dB.
        nf_min_db: f64,
        /// Noise figure at the least gain, in dB.
        nf_max_db: f64,
    },
    /// The same at every gain.
    FixedGain {
        /// Noise figure in dB.
        nf_db: f64,
    },
    /// A cubic in the distance to the largest flat gain: `((a·x + b)·x + c)·x + d`, x = gain − gain_flatmax.
    Polynomial {
        /// a, b, c, d.
        coefficients: [f64; 4],
    },
    /// OpenROADM inline amplifier: OSNR mask, cubic in the input power of a 50 GHz channel.
    Openroadm {
        /// Of the cubic, highest power first.
        coefficients: [f64; 4],
    },
    /// OpenROADM preamplifier of a multi-wavelength ROADM.
    OpenroadmPreamp,
    /// OpenROADM booster of a multi-wavelength ROADM: adds no noise of its own.
    OpenroadmBooster,
    /// Two amplifiers in a row, the first at its largest flat gain.
    DualStage {
        /// The first.
        preamp: Box<AmplifierType>,
        /// The second.
        booster: Box<AmplifierType>,
    },
}

/// Tables over an amplifier's band: equally spaced from `f_min_hz` to `f_max_hz`, linear between, clamped outside.
/// One value stands for a flat table; empty is flat zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmplifierTables {
    /// Dynamic gain tilt: change of gain per change of mean gain, without unit.
    #[serde(default)]
    pub dynamic_gain_tilt: Vec<f64>,
    /// Gain ripple, in dB.
    #[serde(default)]
    pub gain_ripple_db: Vec<f64>,
    /// Noise figure ripple, in dB.
    #[serde(default)]
    pub nf_ripple_db: Vec<f64>,
}

/// An amplifier of several bands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MultibandAmplifierType {
    /// Its name.
    pub name: String,
    /// Names of the single-band amplifiers it may be made of.
    pub amplifiers: Vec<String>,
    /// Whether design may choose it without being told so.
    #[serde(default)]
    pub allowed_for_design: bool,
}
