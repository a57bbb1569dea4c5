//! An amplifier of one band: saturation, noise, and a gain that ripples and tilts over the band.

use super::comb::Channels;
use super::light::{Light, sum};
use crate::decibel::{dbm, from_db, to_db};
use crate::equipment::AmplifierType;
use crate::equipment::noise_figure::{NoiseFigure, NoiseFigureError};

/// Planck's constant, in J·s.
pub(crate) const PLANCK: f64 = 6.626_070_15e-34;
/// A profile that varies by less, in dB, is not corrected for the spectrum that enters.
const FLAT_ENOUGH_DB: f64 = 0.05;
/// A mean gain this close to the set one, in dB, is met.
const MET_DB: f64 = 1e-11;

/// Amplifiers of one type set to one tilt.
#[derive(Clone, Debug)]
pub(crate) struct AmplifierClass {
    pub kind: AmplifierType,
    pub tilt_db: f64,
    pub noise: NoiseFigure,
    pub pmd_squared: f64,
    pub pdl_squared: f64,
}

/// What a class of amplifiers does to the channels of one comb; arrays hold the channels within its band.
#[derive(Debug)]
pub(crate) struct AmplifierOnComb {
    /// The channels within its band: from, to (exclusive).
    pub range: [usize; 2],
    /// What scales a total power to the mean power of a channel in 50 GHz, in dB.
    to_channel_50ghz_db: f64,
    /// Ripple of the noise figure, linear; none where there is no ripple.
    noise_ripple: Option<Vec<f64>>,
    profile: Profile,
}

/// Gain of each channel relative to the mean gain.
#[derive(Debug)]
enum Profile {
    Flat,
    /// The same at every gain and spectrum.
    Fixed(Vec<f64>),
    /// Follows the spectrum that enters, by the dynamic gain tilt.
    Dynamic {
        relative: Vec<f64>,
        /// Dynamic gain tilt, as an exponent: ln(10)/10 of it.
        exponent: Vec<f64>,
        /// Difference of the largest and the least gain, in dB.
        swing_db: f64,
    },
}

/// One amplifier, as set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AmplifierStep {
    pub class: usize,
    pub gain_db: f64,
    /// Transmission of the VOA in front.
    pub transmission_in: f64,
    /// Transmission of the VOA behind.
    pub transmission_out: f64,
}

/// What an amplifier did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amplified {
    /// Its gain, in dB, lower than set where it is saturated.
    pub gain_db: f64,
    /// Total power that entered it, behind its input VOA, in dBm.
    pub input_dbm: f64,
    /// Its noise figure without ripple, in dB.
    pub nf_db: f64,
    /// How far its gain was below its least gain, in dB.
    pub padding_db: f64,
}

impl AmplifierClass {
    pub(crate) fn new(kind: &AmplifierType, tilt_db: f64) -> Result<Self, NoiseFigureError> {
        Ok(Self {
            noise: NoiseFigure::new(kind)?,
            tilt_db,
            pmd_squared: kind.pmd_s.powi(2),
            pdl_squared: kind.pdl_db.powi(2),
            kind: kind.clone(),
        })
    }

    pub(crate) fn on(&self, channels: &Channels) -> AmplifierOnComb {
        let (all, width) = (&channels.frequency_hz, &channels.slot_width_hz);
        let [lowest, highest] = [self.kind.f_min_hz, self.kind.f_max_hz];
        let within = |i: usize| all[i] - width[i] / 2.0 >= lowest && all[i] + width[i] / 2.0 <= highest;
        let from = (0..all.len()).find(|&i| within(i)).unwrap_or(all.len());
        let to = (from..all.len()).find(|&i| !within(i)).unwrap_or(all.len());
        let frequency = &all[from..to];
        // The distance of the first two channels stands for all; a lone channel has its slot.
        let slot_hz = match frequency {
            [first, second, ..] => second - first,
            _ => width.get(from).copied().unwrap_or(50e9),
        };
        let ripple = self.over_band(&self.kind.tables.nf_ripple_db, frequency);
        AmplifierOnComb {
            range: [from, to],
            to_channel_50ghz_db: to_db(50e9 / slot_hz) - to_db(frequency.len() as f64),
            noise_ripple: ripple
                .iter()
                .any(|&db| db != 0.0)
                .then(|| ripple.iter().map(|&db| from_db(db)).collect()),
            profile: self.profile(frequency),
        }
    }

    /// A table of the type at some frequencies: equally spaced over the band, linear between, clamped outside.
    pub(crate) fn over_band(&self, table: &[f64], frequency: &[f64]) -> Vec<f64> {
        let [lowest, highest] = [self.kind.f_min_hz, self.kind.f_max_hz];
        let at = |f: f64| match table {
            [] => 0.0,
            [value] => *value,
            _ => {
                let last = table.len() - 1;
                let place = ((f - lowest) / (highest - lowest) * last as f64).clamp(0.0, last as f64);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped to the table"
                )]
                let below = (place as usize).min(last - 1);
                table[below] + (table[below + 1] - table[below]) * (place - below as f64)
            }
        };
        frequency.iter().map(|&f| at(f)).collect()
    }

    /// Ripple plus as much of the dynamic gain tilt as makes the wanted tilt, about its mean over the channels
    /// (R. di Muro, J. Lightwave Technol. 18 (2000), 343-347).
    fn profile(&self, frequency: &[f64]) -> Profile {
        if frequency.len() < 2 {
            return Profile::Flat;
        }
        let tables = &self.kind.tables;
        let tilt = self.over_band(&tables.dynamic_gain_tilt, frequency);
        let slope = slope(frequency, &tilt);
        let wanted = -self.tilt_db / (self.kind.f_max_hz - self.kind.f_min_hz);
        let scale = if slope == 0.0 { 0.0 } else { wanted / slope };
        let ripple = self.over_band(&tables.gain_ripple_db, frequency);
        let shape_db: Vec<f64> =
            ripple.iter().zip(&tilt).map(|(ripple, tilt)| ripple + tilt * scale).collect();
        let largest = shape_db.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = shape_db.iter().copied().fold(f64::INFINITY, f64::min);
        let swing_db = largest - least;
        if swing_db == 0.0 {
            return Profile::Flat;
        }
        let linear: Vec<f64> = shape_db.iter().map(|&db| from_db(db)).collect();
        let mean = linear.iter().sum::<f64>() / linear.len() as f64;
        let relative: Vec<f64> = linear.iter().map(|gain| gain / mean).collect();
        if swing_db <= FLAT_ENOUGH_DB {
            return Profile::Fixed(relative);
        }
        let exponent = tilt.iter().map(|tilt| tilt * (std::f64::consts::LN_10 / 10.0)).collect();
        Profile::Dynamic { relative, exponent, swing_db }
    }
}

impl AmplifierStep {
    /// Light through the amplifier at a gain that saturation may lower.
    ///
    /// ASE of h·f·R·NF enters with the light (R. Essiambre et al.); there is no (1 − 1/G), as in GNPy.
    pub(crate) fn pass(
        &self,
        class: &AmplifierClass,
        on_comb: &AmplifierOnComb,
        photon_noise_w: &[f64],
        gain_db: f64,
        light: &mut Light,
    ) -> Amplified {
        let [from, to] = on_comb.range;
        let power = &mut light.power_w[from..to];
        for power in &mut *power {
            *power *= self.transmission_in;
        }
        let total_w = sum(power);
        let input_dbm = dbm(total_w);
        let gain_db = gain_db.min(class.kind.p_max_dbm - input_dbm);
        let noise = class.noise.at(gain_db, input_dbm + on_comb.to_channel_50ghz_db);
        let factor = from_db(noise.nf_db);
        let gain = from_db(gain_db) * self.transmission_out;
        // The profile follows the spectrum without the amplifier's own noise.
        let [noise_w, gains] = &mut light.scratch;
        let (noise_w, gains) = (&mut noise_w[from..to], &mut gains[from..to]);
        let flat = on_comb.profile.gains(power, total_w, gain, gains);
        match &on_comb.noise_ripple {
            None => {
                for (noise, photon) in noise_w.iter_mut().zip(&photon_noise_w[from..to]) {
                    *noise = photon * factor;
                }
            }
            Some(ripple) => {
                for ((noise, photon), ripple) in noise_w.iter_mut().zip(&photon_noise_w[from..to]).zip(ripple)
                {
                    *noise = photon * factor * ripple;
                }
            }
        }
        let (ase, nli) = (&mut light.ase[from..to], &light.nli[from..to]);
        for (((power, ase), nli), noise) in power.iter_mut().zip(ase).zip(nli).zip(&*noise_w) {
            *ase += (1.0 + *ase + nli) * noise / *power;
            *power += noise;
        }
        if flat {
            for power in &mut *power {
                *power *= gain;
            }
        } else {
            for (power, gain) in power.iter_mut().zip(gains) {
                *power *= *gain;
            }
        }
        if class.pmd_squared > 0.0 {
            light.pmd_squared[from..to].iter_mut().for_each(|pmd| *pmd += class.pmd_squared);
        }
        if class.pdl_squared > 0.0 {
            light.pdl_squared[from..to].iter_mut().for_each(|pdl| *pdl += class.pdl_squared);
        }
        Amplified { gain_db, input_dbm, nf_db: noise.nf_db, padding_db: noise.padding_db }
    }
}

impl Profile {
    /// Fills in the gain of each channel; false where all have the mean gain and nothing was filled in.
    fn gains(&self, power: &[f64], total_w: f64, gain: f64, gains: &mut [f64]) -> bool {
        match self {
            Self::Flat => return true,
            Self::Fixed(relative) => {
                for (filled, relative) in gains.iter_mut().zip(relative) {
                    *filled = gain * relative;
                }
            }
            Self::Dynamic { relative, exponent, swing_db } => {
                // Mean gain in dB above the set one, with the dynamic tilt turned on by x.
                let above_db = |x: f64| {
                    let mut lanes = [0.0; 4];
                    let mut add = |relative: &[f64], exponent: &[f64], power: &[f64]| {
                        for (((lane, relative), exponent), power) in
                            lanes.iter_mut().zip(relative).zip(exponent).zip(power)
                        {
                            *lane += power * relative * exp(exponent * x);
                        }
                    };
                    let chunks =
                        relative.chunks_exact(4).zip(exponent.chunks_exact(4)).zip(power.chunks_exact(4));
                    for ((relative, exponent), power) in chunks {
                        add(relative, exponent, power);
                    }
                    let rest = relative.len() - relative.len() % 4;
                    add(&relative[rest..], &exponent[rest..], &power[rest..]);
                    to_db(lanes.iter().sum::<f64>() / total_w)
                };
                let start = -above_db(0.0);
                let centre = above_db(start);
                // One secant step towards the set mean gain, on the side it lies.
                let x = if centre.abs() <= MET_DB {
                    start
                } else {
                    let step = if centre > 0.0 { -swing_db } else { *swing_db };
                    start - centre * step / (above_db(start + step) - centre)
                };
                for ((filled, relative), exponent) in gains.iter_mut().zip(relative).zip(exponent) {
                    *filled = gain * relative * exp(exponent * x);
                }
            }
        }
        false
    }
}

/// eˣ to the last bits, for |x| < 700, in steps a compiler can take for several numbers side by side: 2ᵏ·e^r with
/// |r| ≤ ln(2)/2, the latter by its Taylor polynomial.
#[inline]
fn exp(x: f64) -> f64 {
    /// Added to a number, leaves it rounded to a whole one in the low bits.
    const WHOLE: f64 = 6_755_399_441_055_744.0;
    /// ln(2), its leading bits and the rest.
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let shifted = x * std::f64::consts::LOG2_E + WHOLE;
    let power = shifted - WHOLE;
    let r = (x - power * LN_2_HIGH) - power * LN_2_LOW;
    let mut sum = 1.0 / 479_001_600.0;
    for factorial in
        [39_916_800.0, 3_628_800.0, 362_880.0, 40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0]
    {
        sum = sum * r + 1.0 / factorial;
    }
    sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// Slope of the least-squares line; 0 where all values are equal.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    if y.iter().all(|value| value.to_bits() == y[0].to_bits()) {
        return 0.0;
    }
    let count = x.len() as f64;
    let [x_mean, y_mean] = [x, y].map(|values| values.iter().sum::<f64>() / count);
    let [mut across, mut along] = [0.0, 0.0];
    for (x, y) in x.iter().zip(y) {
        across += (x - x_mean) * (y - y_mean);
        along += (x - x_mean).powi(2);
    }
    across / along
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn the_exponential_is_the_exponential() {
        for step in -4000..=4000 {
            let x = f64::from(step) * 0.01;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-14, "at {x}");
        }
    }
}
