//! A fibre: what it does to light per metre at each frequency, and light through a length of it.

use std::f64::consts::{LOG10_E, PI};
use std::sync::OnceLock;

use super::comb::{Channels, Comb};
use super::light::Light;
use super::nli::Kernel;
use crate::equipment::PerFrequency;
use crate::equipment::fibre::RamanEfficiency;
use crate::line::{Dispersion, Fibre, Spectrum};

/// Speed of light in vacuum, in m/s.
pub(crate) const LIGHT_SPEED: f64 = 299_792_458.0;
/// Refractive index of the core.
const CORE_INDEX: f64 = 1.468;
/// Non-linear refractive index of silica, in m²/W.
const NONLINEAR_INDEX: f64 = 2.6e-20;
/// Radius of the core, in m.
const CORE_RADIUS: f64 = 4.2e-6;

/// A frequency outside a fibre's table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutOfTable {
    pub quantity: &'static str,
    pub frequency_hz: f64,
}

/// Fibres that do the same to light per metre: everything but length, connectors and PMD.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FibreClass {
    pub loss_db_per_km: Spectrum,
    pub dispersion: Dispersion,
    pub reference_frequency_hz: f64,
    pub effective_area_m2: f64,
    pub raman_efficiency: Option<RamanEfficiency>,
}

/// What a class of fibres does per metre to the channels of one comb.
#[derive(Debug)]
pub(crate) struct FibreOnComb {
    /// Power loss, in 1/m.
    pub alpha: PerChannel,
    /// Dispersion β₂, in s²/m.
    pub beta2: PerChannel,
    /// Non-linear coefficient squared, in 1/(W·m)².
    pub gamma_squared: Vec<f64>,
    /// Accumulated dispersion, in s/m per m of fibre.
    cd_per_m: Vec<f64>,
    kernel: OnceLock<Kernel>,
}

/// A quantity of each channel, one number where it is the same for all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PerChannel {
    Flat(f64),
    Each(Vec<f64>),
}

impl PerChannel {
    #[inline]
    pub(crate) fn at(&self, channel: usize) -> f64 {
        match self {
            Self::Flat(value) => *value,
            Self::Each(values) => values[channel],
        }
    }
}

/// A length of fibre with what is before, within and behind it.
#[derive(Clone, Debug)]
pub(crate) struct FibreSpan {
    pub class: usize,
    pub length_m: f64,
    /// Transmission of connector and attenuator at its start.
    pub transmission_in: f64,
    /// Transmission of the connector at its end.
    pub transmission_out: f64,
    /// Transmission of its splices together.
    pub lumped_transmission: f64,
    /// Places in m and transmissions of its splices.
    pub lumped: Vec<(f64, f64)>,
    pub pmd_squared: f64,
    pub latency_s: f64,
}

impl FibreClass {
    pub(crate) fn of(fibre: &Fibre) -> Self {
        Self {
            loss_db_per_km: fibre.loss_db_per_km.clone(),
            dispersion: fibre.dispersion.clone(),
            reference_frequency_hz: fibre.reference_frequency_hz,
            effective_area_m2: fibre.effective_area_m2,
            raman_efficiency: fibre.raman_efficiency.clone(),
        }
    }

    /// Bits that are equal for equal classes, and for few others.
    pub(crate) fn fingerprint(&self) -> [u64; 4] {
        let loss = match &self.loss_db_per_km {
            Spectrum::Flat(loss) => *loss,
            Spectrum::Table(table) => table.value.iter().sum(),
        };
        let dispersion = match &self.dispersion {
            Dispersion::Constant(dispersion) => *dispersion,
            Dispersion::Slope { dispersion, slope } => dispersion + slope,
            Dispersion::Table(table) => table.value.iter().sum(),
        };
        [loss, dispersion, self.reference_frequency_hz, self.effective_area_m2].map(f64::to_bits)
    }

    pub(crate) fn on(&self, channels: &Channels) -> Result<FibreOnComb, OutOfTable> {
        let frequency = &channels.frequency_hz;
        let alpha = self.alpha(frequency)?;
        let beta2 = self.beta2(frequency)?;
        let beta3 = self.beta3(frequency, &beta2);
        let reference = self.reference_frequency_hz;
        let cd_per_m = (0..frequency.len())
            .map(|i| {
                let beta = beta2.at(i) + 2.0 * PI * beta3.at(i) * (frequency[i] - reference);
                -beta * 2.0 * PI * reference * reference / LIGHT_SPEED
            })
            .collect();
        let gamma_squared = frequency.iter().map(|&f| self.gamma(f).powi(2)).collect();
        Ok(FibreOnComb { alpha, beta2, gamma_squared, cd_per_m, kernel: OnceLock::new() })
    }

    /// Power loss coefficient, in 1/m: dB/km / (10·log₁₀e) / 1000.
    pub(crate) fn alpha(&self, frequency: &[f64]) -> Result<PerChannel, OutOfTable> {
        let per_m = |db_per_km: f64| db_per_km * 1e-3 / (10.0 * LOG10_E);
        Ok(match &self.loss_db_per_km {
            Spectrum::Flat(loss) => PerChannel::Flat(per_m(*loss)),
            Spectrum::Table(table) => {
                let each = |&f: &f64| interpolate(table, f, "loss_coef").map(per_m);
                PerChannel::Each(frequency.iter().map(each).collect::<Result<_, _>>()?)
            }
        })
    }

    /// β₂ = −(c/f)²·D/(2πc), in s²/m. A plain D scales with f², which makes β₂ the same everywhere.
    pub(crate) fn beta2(&self, frequency: &[f64]) -> Result<PerChannel, OutOfTable> {
        let beta2 =
            |f: f64, dispersion: f64| -(LIGHT_SPEED / f).powi(2) * dispersion / (2.0 * PI * LIGHT_SPEED);
        Ok(match &self.dispersion {
            Dispersion::Constant(dispersion) => {
                PerChannel::Flat(beta2(self.reference_frequency_hz, *dispersion))
            }
            Dispersion::Slope { dispersion, slope } => {
                let reference_m = LIGHT_SPEED / self.reference_frequency_hz;
                let each = |&f: &f64| beta2(f, dispersion + slope * (LIGHT_SPEED / f - reference_m));
                PerChannel::Each(frequency.iter().map(each).collect())
            }
            Dispersion::Table(table) => {
                let each = |&f: &f64| interpolate(table, f, "dispersion_per_frequency").map(|d| beta2(f, d));
                PerChannel::Each(frequency.iter().map(each).collect::<Result<_, _>>()?)
            }
        })
    }

    /// β₃ in s³/m: of the slope, or the linear part of a parabola through the table's β₂.
    fn beta3(&self, frequency: &[f64], beta2: &PerChannel) -> PerChannel {
        match &self.dispersion {
            Dispersion::Constant(_) => PerChannel::Flat(0.0),
            Dispersion::Slope { slope, .. } => PerChannel::Each(
                frequency
                    .iter()
                    .enumerate()
                    .map(|(i, f)| {
                        let of_beta2 = 4.0 * PI * f.powi(3) / LIGHT_SPEED.powi(2) * beta2.at(i);
                        (slope - of_beta2) / (2.0 * PI * f * f / LIGHT_SPEED).powi(2)
                    })
                    .collect(),
            ),
            Dispersion::Table(table) => {
                let offsets: Vec<f64> =
                    table.frequency_hz.iter().map(|f| f - self.reference_frequency_hz).collect();
                let beta2: Vec<f64> = table
                    .frequency_hz
                    .iter()
                    .zip(&table.value)
                    .map(|(f, d)| -(LIGHT_SPEED / f).powi(2) * d / (2.0 * PI * LIGHT_SPEED))
                    .collect();
                PerChannel::Flat(parabola_slope(&offsets, &beta2) / (2.0 * PI))
            }
        }
    }

    /// Effective area at a frequency, in m²: that of a step-index fibre which has the given one at the reference.
    pub(crate) fn effective_area(&self, frequency_hz: f64) -> f64 {
        let reference = LIGHT_SPEED / (2.0 * PI * self.reference_frequency_hz * CORE_RADIUS * CORE_INDEX);
        let contrast = 0.5 * (reference * (PI * CORE_RADIUS.powi(2) / self.effective_area_m2).exp()).powi(2);
        let v = 2.0 * PI * frequency_hz / LIGHT_SPEED * CORE_RADIUS * CORE_INDEX * (2.0 * contrast).sqrt();
        PI * CORE_RADIUS.powi(2) / v.ln()
    }

    /// γ = 2π·n₂·f/(c·A(f)), in 1/(W·m).
    fn gamma(&self, frequency_hz: f64) -> f64 {
        2.0 * PI * NONLINEAR_INDEX * frequency_hz / (LIGHT_SPEED * self.effective_area(frequency_hz))
    }
}

impl FibreOnComb {
    /// The interference kernel, made when first asked for.
    pub(crate) fn kernel(&self, comb: &Comb) -> &Kernel {
        self.kernel.get_or_init(|| Kernel::new(comb.channels(), self))
    }
}

impl FibreSpan {
    /// Time of flight, in s.
    pub(crate) fn latency_s(length_m: f64) -> f64 {
        length_m * CORE_INDEX / LIGHT_SPEED
    }

    /// Light through the span, with the closed form of the Gaussian noise model at its start.
    pub(crate) fn pass(&self, fibre: &FibreOnComb, comb: &Comb, light: &mut Light) {
        light.scale(self.transmission_in);
        self.interfere(fibre, comb, light);
        let transmission = self.lumped_transmission * self.transmission_out;
        match &fibre.alpha {
            PerChannel::Flat(alpha) => light.scale((-alpha * self.length_m).exp() * transmission),
            PerChannel::Each(alpha) => {
                for (power, alpha) in light.power_w.iter_mut().zip(alpha) {
                    *power *= (-alpha * self.length_m).exp() * transmission;
                }
            }
        }
        self.disperse(fibre, light);
    }

    /// Interference by the closed form, for the powers at the span's start; splices do not change it.
    pub(crate) fn interfere(&self, fibre: &FibreOnComb, comb: &Comb, light: &mut Light) {
        let kernel = fibre.kernel(comb);
        let (pumps, powers) = light.pumps();
        let factor = match &fibre.alpha {
            PerChannel::Flat(alpha) => {
                for (pump, power) in pumps.iter_mut().zip(powers) {
                    *pump = power * power;
                }
                ((1.0 - (-alpha * self.length_m).exp()) / alpha).powi(2)
            }
            PerChannel::Each(alpha) => {
                for ((pump, power), alpha) in pumps.iter_mut().zip(powers).zip(alpha) {
                    *pump = ((1.0 - (-alpha * self.length_m).exp()) / alpha * power).powi(2);
                }
                1.0
            }
        };
        kernel.interfere(light, &fibre.gamma_squared, factor);
    }

    /// Dispersion, PMD and latency of the span.
    pub(crate) fn disperse(&self, fibre: &FibreOnComb, light: &mut Light) {
        for (cd, per_m) in light.cd.iter_mut().zip(&fibre.cd_per_m) {
            *cd += per_m * self.length_m;
        }
        for pmd_squared in &mut light.pmd_squared {
            *pmd_squared += self.pmd_squared;
        }
        light.latency_s += self.latency_s;
    }
}

/// Linear between the points of a table, nothing outside.
fn interpolate(table: &PerFrequency, frequency_hz: f64, quantity: &'static str) -> Result<f64, OutOfTable> {
    let out = OutOfTable { quantity, frequency_hz };
    let above = table.frequency_hz.partition_point(|&f| f < frequency_hz);
    if above == 0 {
        return match table.frequency_hz.first() {
            Some(&first) if first.to_bits() == frequency_hz.to_bits() => Ok(table.value[0]),
            _ => Err(out),
        };
    }
    let (Some(&upper), Some(&value)) = (table.frequency_hz.get(above), table.value.get(above)) else {
        return Err(out);
    };
    let (lower, lower_value) = (table.frequency_hz[above - 1], table.value[above - 1]);
    Ok(lower_value + (value - lower_value) * (frequency_hz - lower) / (upper - lower))
}

/// The coefficient of x in the least-squares parabola through some points; a line through two, 0 through one.
pub(crate) fn parabola_slope(x: &[f64], y: &[f64]) -> f64 {
    let scale = x.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    if scale == 0.0 {
        return 0.0;
    }
    // Normal equations about the mean, in units of the largest offset: well conditioned for any table.
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / (count * scale);
    let u: Vec<f64> = x.iter().map(|value| value / scale - mean).collect();
    let moment = |power: i32| u.iter().map(|value| value.powi(power)).sum::<f64>();
    let [m2, m3, m4] = [2, 3, 4].map(moment);
    let y_mean = y.iter().sum::<f64>() / count;
    let y1: f64 = u.iter().zip(y).map(|(u, y)| u * (y - y_mean)).sum();
    let y2: f64 = u.iter().zip(y).map(|(u, y)| u * u * (y - y_mean)).sum();
    let determinant = m2 * (m4 - m2 * m2 / count) - m3 * m3;
    let (linear, square) = if x.len() > 2 && determinant.abs() > 1e-14 * m2 * m4 {
        ((y1 * (m4 - m2 * m2 / count) - m3 * y2) / determinant, (m2 * y2 - m3 * y1) / determinant)
    } else if m2 > 0.0 {
        (y1 / m2, 0.0)
    } else {
        (0.0, 0.0)
    };
    // d/dx at x = 0 of linear·(x/scale − mean) + square·(x/scale − mean)².
    (linear - 2.0 * square * mean) / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smf(dispersion: Dispersion) -> FibreClass {
        FibreClass {
            loss_db_per_km: Spectrum::Flat(0.2),
            dispersion,
            reference_frequency_hz: LIGHT_SPEED / 1550e-9,
            effective_area_m2: 83e-12,
            raman_efficiency: None,
        }
    }

    #[test]
    fn plain_fibre_has_its_textbook_figures() {
        let class = smf(Dispersion::Constant(1.67e-5));
        let PerChannel::Flat(alpha) = class.alpha(&[193e12]).unwrap() else { panic!("flat loss") };
        let PerChannel::Flat(beta2) = class.beta2(&[193e12]).unwrap() else { panic!("flat dispersion") };
        assert!((alpha - 4.605_170_2e-5).abs() < 1e-12);
        assert!((beta2 + 2.129_998_493e-26).abs() < 1e-34);
        assert!((class.gamma(193.414_489e12) - 0.001_269_823_692).abs() < 1e-11);
        assert!((class.effective_area(class.reference_frequency_hz) - 83e-12).abs() < 1e-20);
        assert!((FibreSpan::latency_s(80e3) - 0.391_737_67e-3).abs() < 1e-11);
    }

    #[test]
    fn tables_are_linear_inside_and_end_at_their_ends() {
        let table = PerFrequency { frequency_hz: vec![190e12, 192e12, 196e12], value: vec![0.2, 0.3, 0.1] };
        let at = |f| interpolate(&table, f, "loss_coef");
        assert_eq!(at(190e12), Ok(0.2));
        assert_eq!(at(196e12), Ok(0.1));
        assert!((at(191e12).unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(at(196.1e12), Err(OutOfTable { quantity: "loss_coef", frequency_hz: 196.1e12 }));
        assert!(at(189.9e12).is_err());
    }

    #[test]
    fn a_parabola_is_found_again() {
        let x = [-8.4e12, -3.4e12, 0.1e12, 3.6e12];
        let y: Vec<f64> = x.iter().map(|x| 1e-26 + 3e-40 * x + 7e-54 * x * x).collect();
        assert!((parabola_slope(&x, &y) / 3e-40 - 1.0).abs() < 1e-9);
        assert!((parabola_slope(&[1.0, 3.0], &[1.0, 5.0]) - 2.0).abs() < 1e-12);
        assert!(parabola_slope(&[2.0], &[5.0]).abs() == 0.0);
    }
}
