//! Non-linear interference by the generalised Gaussian noise model, which follows the powers along the fibre.
//!
//! Spectrally separated: M. Cantono et al., arXiv:1710.02225, eq. 21. Approximate: A. D'Amico et al.,
//! J. Lightwave Technol. 40 (2022), 3499-3511, eq. 24 and 25. The grids of integration and the far pumps' short cut
//! are GNPy's, so that the numbers are.

use std::f64::consts::PI;

use super::comb::Channels;
use super::fibre::{FibreOnComb, parabola_slope};
use super::nli::{CROSS_WEIGHT, SELF_WEIGHT};
use super::raman::{PowerProfile, linear};
use super::route::PropagationError;
use super::solver::{ComputedChannels, Ggn};

/// Pumps further away than this (for 32 GBd and 21.3 ps²/km) are integrated at their edges only, in Hz.
const FAR_HZ: f64 = 5.0 * 50e9;

/// The models of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Separated,
    Approximate,
}

/// What the interference is computed from.
pub(crate) struct Interference<'a> {
    pub channels: &'a Channels,
    pub fibre: &'a FibreOnComb,
    pub profile: &'a PowerProfile,
    pub settings: &'a Ggn,
    pub resolution_m: f64,
}

/// A channel's raised-cosine spectrum.
#[derive(Clone, Copy)]
struct Spectrum {
    centre_hz: f64,
    baud_rate: f64,
    roll_off: f64,
}

#[derive(Clone, Copy)]
struct Complex {
    re: f64,
    im: f64,
}

impl ComputedChannels {
    /// The positions they stand for among so many channels.
    pub(crate) fn among(&self, count: usize) -> Result<Vec<usize>, PropagationError> {
        let refused = |field, value: usize| PropagationError::Solver { field, value: value as f64 };
        match self {
            Self::All => Ok((0..count).collect()),
            Self::Spread(0) => Err(refused("computed_number_of_channels", 0)),
            Self::Spread(1) => Ok(vec![count / 2]),
            Self::Spread(number) => {
                let place =
                    |i: usize| (i as f64 * (count - 1) as f64 / (number - 1) as f64).round_ties_even();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and count"
                )]
                let mut places: Vec<usize> = (0..*number).map(|i| place(i) as usize).collect();
                places.dedup();
                Ok(places)
            }
            Self::These(places) => {
                if let Some(&missing) = places.iter().find(|&&place| place >= count) {
                    return Err(refused("computed_channels", missing + 1));
                }
                if places.is_empty() || places.windows(2).any(|pair| pair[0] >= pair[1]) {
                    return Err(refused("computed_channels", places.len()));
                }
                Ok(places.clone())
            }
        }
    }
}

impl Interference<'_> {
    /// NLI power of each channel at the fibre's start, in W; interpolated in density between the computed ones.
    pub(crate) fn power_w(&self, form: Form, launched_w: &[f64]) -> Result<Vec<f64>, PropagationError> {
        let (frequency, rate) = (&self.channels.frequency_hz, &self.channels.baud_rate);
        let computed = self.settings.channels.among(frequency.len())?;
        let density: Vec<f64> = computed
            .iter()
            .map(|&cut| {
                let sum: f64 = (0..frequency.len())
                    .map(|pump| {
                        let weight = if pump == cut { SELF_WEIGHT } else { CROSS_WEIGHT };
                        let psi = match form {
                            Form::Separated => self.separated(cut, pump),
                            Form::Approximate => self.approximate(cut, pump),
                        };
                        weight * psi * (launched_w[pump] / rate[pump]).powi(2)
                    })
                    .sum();
                self.fibre.gamma_squared[cut] * sum * launched_w[cut] / rate[cut]
            })
            .collect();
        let known: Vec<f64> = computed.iter().map(|&cut| frequency[cut]).collect();
        Ok(frequency.iter().zip(rate).map(|(&f, rate)| rate * linear(&known, &density, f)).collect())
    }

    fn spectrum(&self, channel: usize) -> Spectrum {
        Spectrum {
            centre_hz: self.channels.frequency_hz[channel],
            baud_rate: self.channels.baud_rate[channel],
            roll_off: self.channels.roll_off[channel],
        }
    }

    fn separated(&self, cut: usize, pump: usize) -> f64 {
        let beta2 = self.fibre.beta2.at(cut);
        let offsets: Vec<f64> =
            self.channels.frequency_hz.iter().map(|f| f - self.channels.frequency_hz[cut]).collect();
        let beta2_of: Vec<f64> = (0..offsets.len()).map(|i| self.fibre.beta2.at(i)).collect();
        let beta3 = parabola_slope(&offsets, &beta2_of) / (2.0 * PI);
        let step_hz = self.step_hz(pump, beta2);
        let cut_step_hz = step_hz / (1 + cut.abs_diff(pump)) as f64;
        let link = Link {
            alpha: self.fibre.alpha.at(pump),
            beta2,
            beta3,
            profile: self.normalised(pump),
            z_m: &self.profile.z_m,
        };
        let (cut_spectrum, pump_spectrum) = (self.spectrum(cut), self.spectrum(pump));
        let distance_hz = (cut_spectrum.centre_hz - pump_spectrum.centre_hz).abs();
        let far_hz = FAR_HZ * 32e9 * 21.3e-27 / (beta2.abs() * pump_spectrum.baud_rate);
        if cut == pump || distance_hz <= far_hz {
            link.integrate(cut_spectrum, pump_spectrum, step_hz, cut_step_hz)
        } else {
            link.integrate_edges(cut_spectrum, pump_spectrum, cut_step_hz)
        }
    }

    fn approximate(&self, cut: usize, pump: usize) -> f64 {
        if cut == pump {
            let beta2 = self.fibre.beta2.at(cut);
            let count = self.channels.frequency_hz.len();
            let largest = (0..count).map(|i| self.fibre.beta2.at(i).abs()).fold(0.0, f64::max);
            let step_hz = self.step_hz(pump, largest);
            let link = Link {
                alpha: self.fibre.alpha.at(pump),
                beta2,
                beta3: 0.0,
                profile: self.normalised(pump),
                z_m: &self.profile.z_m,
            };
            let spectrum = self.spectrum(cut);
            return link.integrate(spectrum, spectrum, step_hz, step_hz);
        }
        let powers = self.profile.of(pump);
        let effective: f64 = powers
            .windows(2)
            .zip(self.profile.z_m.windows(2))
            .map(|(power, z)| {
                let slope = (power[1].ln() - power[0].ln()) / (z[1] - z[0]);
                if slope == 0.0 {
                    0.0
                } else {
                    (power[1] - power[0]).abs() / slope.abs().sqrt() * slope.signum()
                }
            })
            .sum();
        let beta2 = f64::midpoint(self.fibre.beta2.at(cut), self.fibre.beta2.at(pump));
        let distance_hz = self.channels.frequency_hz[pump] - self.channels.frequency_hz[cut];
        effective * effective * self.channels.baud_rate[pump] / (4.0 * PI * (beta2 * distance_hz).abs())
    }

    /// Step of the integrals, fine enough for the phase to turn slowly along the fibre and between its points.
    fn step_hz(&self, pump: usize, beta2: f64) -> f64 {
        let by_loss = self.settings.dispersion_tolerance * self.fibre.alpha.at(pump);
        let by_phase = self.settings.phase_shift_tolerance / self.resolution_m;
        let widest = self.channels.slot_width_hz.iter().copied().fold(0.0, f64::max);
        by_loss.min(by_phase) / beta2.abs() / (4.0 * PI * PI * widest)
    }

    /// Power of the pump along the fibre with its loss taken out: 1 where there is nothing but loss.
    fn normalised(&self, pump: usize) -> Vec<f64> {
        let alpha = self.fibre.alpha.at(pump);
        self.profile
            .of(pump)
            .iter()
            .zip(&self.profile.z_m)
            .map(|(power, z)| power * (alpha * z).exp())
            .collect()
    }
}

/// A fibre as one pair of channels sees it.
struct Link<'a> {
    alpha: f64,
    beta2: f64,
    beta3: f64,
    profile: Vec<f64>,
    z_m: &'a [f64],
}

impl Link<'_> {
    /// ∫∫ of the three spectra and the mixing efficiency, over the pump and the channel under test.
    fn integrate(&self, cut: Spectrum, pump: Spectrum, pump_step_hz: f64, cut_step_hz: f64) -> f64 {
        let f1 = pump.grid(pump_step_hz);
        let f2 = cut.grid(cut_step_hz);
        let cut_spectrum: Vec<f64> = f2.iter().map(|&f| cut.at(f)).collect();
        let mut inner = vec![0.0; f2.len()];
        let outer: Vec<f64> = f1
            .iter()
            .map(|&f1| {
                let first = pump.at(f1);
                for ((inner, &f2), second) in inner.iter_mut().zip(&f2).zip(&cut_spectrum) {
                    let spectra = first * second * pump.at(f1 + f2 - cut.centre_hz);
                    *inner =
                        if spectra == 0.0 { 0.0 } else { spectra * self.efficiency(f1, f2, cut.centre_hz) };
                }
                equal_trapezoid(&inner, cut_step_hz)
            })
            .collect();
        equal_trapezoid(&outer, pump_step_hz)
    }

    /// The same for a far pump: at its two edges, and over the upper half of the channel under test.
    fn integrate_edges(&self, cut: Spectrum, pump: Spectrum, cut_step_hz: f64) -> f64 {
        let half = cut.half_width();
        let count = steps(half, cut_step_hz);
        let f2: Vec<f64> = (0..count).map(|i| cut.centre_hz + i as f64 * cut_step_hz).collect();
        let edges = [pump.centre_hz - pump.half_width(), pump.centre_hz + pump.half_width()];
        let sum: f64 = edges
            .iter()
            .map(|&f1| {
                let inner: Vec<f64> = f2.iter().map(|&f2| self.efficiency(f1, f2, cut.centre_hz)).collect();
                2.0 * equal_trapezoid(&inner, cut_step_hz)
            })
            .sum();
        0.5 * sum * pump.baud_rate
    }

    /// |∫ p(z)·exp((jΔβ − α)z) dz|², p piecewise linear.
    fn efficiency(&self, f1: f64, f2: f64, centre_hz: f64) -> f64 {
        let mismatch = 4.0
            * PI
            * PI
            * (f1 - centre_hz)
            * (f2 - centre_hz)
            * (self.beta2 + PI * self.beta3 * (f1 + f2 - 2.0 * centre_hz));
        let w = Complex { re: -self.alpha, im: mismatch };
        let last = self.z_m.len() - 1;
        // Places are mostly equally spaced: one complex exponential serves all steps of a length.
        let mut phase = Complex { re: 1.0, im: 0.0 };
        let mut step = (f64::NAN, phase);
        let mut slopes = Complex { re: 0.0, im: 0.0 };
        for k in 0..last {
            let length = self.z_m[k + 1] - self.z_m[k];
            if length.to_bits() != step.0.to_bits() {
                step = (length, w.times_real(length).exp());
            }
            let next = phase.times(step.1);
            let slope = (self.profile[k + 1] - self.profile[k]) / length;
            slopes.re += slope * (next.re - phase.re);
            slopes.im += slope * (next.im - phase.im);
            phase = next;
        }
        let ends = Complex {
            re: self.profile[last] * phase.re - self.profile[0],
            im: self.profile[last] * phase.im,
        };
        let inverse = w.inverse();
        let first = ends.times(inverse);
        let second = slopes.times(inverse).times(inverse);
        (first.re - second.re).powi(2) + (first.im - second.im).powi(2)
    }
}

impl Spectrum {
    fn half_width(&self) -> f64 {
        self.baud_rate * (1.0 + self.roll_off) / 2.0
    }

    fn grid(&self, step_hz: f64) -> Vec<f64> {
        let from = self.centre_hz - self.half_width();
        let count = steps(2.0 * self.half_width(), step_hz);
        (0..count).map(|i| from + i as f64 * step_hz).collect()
    }

    fn at(&self, frequency_hz: f64) -> f64 {
        let offset = (frequency_hz - self.centre_hz).abs();
        let flat = (1.0 - self.roll_off) * self.baud_rate / 2.0;
        if offset <= flat {
            1.0
        } else if offset < self.half_width() {
            0.5 * (1.0 + (PI / self.baud_rate / self.roll_off * (offset - flat)).cos())
        } else {
            0.0
        }
    }
}

impl Complex {
    fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    fn times_real(self, factor: f64) -> Self {
        Self { re: self.re * factor, im: self.im * factor }
    }

    fn exp(self) -> Self {
        let (sin, cos) = self.im.sin_cos();
        let size = self.re.exp();
        Self { re: size * cos, im: size * sin }
    }

    fn inverse(self) -> Self {
        let square = self.re * self.re + self.im * self.im;
        Self { re: self.re / square, im: -self.im / square }
    }
}

/// How many points a step apart lie in a width, its end left out.
fn steps(width: f64, step: f64) -> usize {
    // No grid needs more points; a step of nothing would need infinitely many.
    let count = (width / step).ceil().clamp(1.0, 1e6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let count = count as usize;
    count
}

fn equal_trapezoid(values: &[f64], step: f64) -> f64 {
    let ends = values.first().unwrap_or(&0.0) + values.last().unwrap_or(&0.0);
    (values.iter().sum::<f64>() - ends / 2.0) * step
}
