//! Fibre types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of fibre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FibreType {
    /// Its name (`SSMF`).
    pub name: String,
    /// Dispersion D at the reference frequency, in s/m² (16.7 ps/(nm·km) is 1.67e-5).
    pub dispersion_s_per_m2: f64,
    /// Effective area at the reference frequency, in m².
    #[serde(default)]
    pub effective_area_m2: Option<f64>,
    /// Non-linear coefficient at the reference frequency, in 1/(W·m); used where no effective area is given.
    #[serde(default)]
    pub gamma_per_w_m: Option<f64>,
    /// Polarisation mode dispersion, in s/√m.
    #[serde(default)]
    pub pmd_s_per_sqrt_m: f64,
    /// Raman gain of the fibre; none for that of standard silica fibre.
    #[serde(default)]
    pub raman_efficiency: Option<RamanEfficiency>,
}

/// Raman gain against the distance of pump and signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RamanEfficiency {
    /// Frequency of the pump at which it was measured, in Hz.
    pub reference_frequency_hz: f64,
    /// Distances pump to signal, in Hz, ascending.
    pub offset_hz: Vec<f64>,
    /// Gain at each distance, in m/W (normalised to the effective area) or 1/(W·m): see `normalised`.
    pub value: Vec<f64>,
    /// Whether the values are normalised to the effective area.
    pub normalised: bool,
}

/// A quantity given at some frequencies, linear between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerFrequency {
    /// Frequencies in Hz, ascending.
    pub frequency_hz: Vec<f64>,
    /// The value at each.
    pub value: Vec<f64>,
}
