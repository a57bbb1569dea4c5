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

/// Speed of light in vacuum, in m/s.
const LIGHT_SPEED: f64 = 299_792_458.0;
/// Non-linear refractive index of silica, in m²/W.
const NONLINEAR_INDEX: f64 = 2.6e-20;
/// Effective area where neither it nor the non-linear coefficient is given, in m².
const STANDARD_EFFECTIVE_AREA_M2: f64 = 83e-12;

impl FibreType {
    /// The effective area at a reference frequency, in m²: the given one, else that of the non-linear coefficient,
    /// `A = 2π·n₂·f/(c·γ)`, else that of standard fibre.
    pub fn effective_area_at(&self, reference_frequency_hz: f64) -> f64 {
        let of_gamma = self.gamma_per_w_m.map(|gamma| {
            2.0 * std::f64::consts::PI * NONLINEAR_INDEX * reference_frequency_hz / (LIGHT_SPEED * gamma)
        });
        self.effective_area_m2.or(of_gamma).unwrap_or(STANDARD_EFFECTIVE_AREA_M2)
    }
}

impl PerFrequency {
    /// The value at a frequency in Hz, linear between the given ones; none outside of them.
    pub fn at(&self, frequency_hz: f64) -> Option<f64> {
        let above = self.frequency_hz.partition_point(|&given| given < frequency_hz);
        let (&upper, &value) = (self.frequency_hz.get(above)?, self.value.get(above)?);
        if upper <= frequency_hz {
            return Some(value);
        }
        let below = above.checked_sub(1)?;
        let (lower, start) = (self.frequency_hz[below], self.value[below]);
        Some(start + (value - start) * (frequency_hz - lower) / (upper - lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_linear_between_its_points_and_ends_with_them() {
        let table = PerFrequency { frequency_hz: vec![190e12, 194e12, 196e12], value: vec![0.2, 0.3, 0.1] };
        let expected = [(190e12, Some(0.2)), (192e12, Some(0.25)), (195e12, Some(0.2)), (196e12, Some(0.1))];
        for (frequency, value) in expected.into_iter().chain([(189.9e12, None), (196.1e12, None)]) {
            let found = table.at(frequency);
            assert_eq!(
                found.map(|x| (x * 1e12).round()),
                value.map(|x| (x * 1e12_f64).round()),
                "{frequency}"
            );
        }
        assert_eq!(table.at(f64::NAN), None);
    }
}
