//! Noise figures: from what a library says about an amplifier to its noise figure at a working point.
//!
//! A model is fitted once ([`NoiseFigure::new`]) and evaluated often ([`NoiseFigure::at`]). Ripple over the band is not
//! part of it: it is added per channel where light passes.

use super::amplifier::{AmplifierType, NoiseModel};
use crate::decibel::{from_db as linear, to_db};

/// The fitted noise model of an amplifier.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseFigure {
    gain_min_db: f64,
    gain_flatmax_db: f64,
    model: Model,
}

/// A noise figure at a working point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseAt {
    /// Mean noise figure in dB, padding included; −∞ for an amplifier without noise.
    pub nf_db: f64,
    /// By how much the wanted gain is below the least gain, in dB: it worsens the noise figure, and attenuates nothing.
    pub padding_db: f64,
}

/// Two coils with a VOA between them, of which libraries state only the ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coils {
    /// Noise figure of the first coil, in dB.
    pub nf1_db: f64,
    /// Noise figure of the second coil, in dB.
    pub nf2_db: f64,
    /// How much more output power the second coil has than the first, in dB.
    pub delta_p_db: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Model {
    Coils(Coils),
    Constant(f64),
    Polynomial([f64; 4]),
    Openroadm([f64; 4]),
    OpenroadmPreamp,
    Noiseless,
    DualStage { preamp: Box<NoiseFigure>, booster: Box<NoiseFigure> },
}

/// Why an amplifier cannot exist as its library describes it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoiseFigureError {
    /// A figure is not a finite number.
    #[error("amplifier \"{amplifier}\": {field} is not a finite number")]
    NotFinite {
        /// Name of the amplifier type.
        amplifier: String,
        /// Which figure.
        field: &'static str,
    },
    /// The least gain is not below the largest flat gain.
    #[error(
        "amplifier \"{amplifier}\": gain_min {gain_min_db} dB is not below gain_flatmax {gain_flatmax_db} dB"
    )]
    GainRange {
        /// Name of the amplifier type.
        amplifier: String,
        /// Least gain, in dB.
        gain_min_db: f64,
        /// Largest flat gain, in dB.
        gain_flatmax_db: f64,
    },
    /// A noise figure far below what physics allows.
    #[error("amplifier \"{amplifier}\": {field} {value_db} dB is impossibly low")]
    TooLow {
        /// Name of the amplifier type.
        amplifier: String,
        /// `nf_min` or `nf_max`.
        field: &'static str,
        /// In dB.
        value_db: f64,
    },
    /// No first coil is that quiet.
    #[error(
        "amplifier \"{amplifier}\": nf_min and nf_max need a first coil of {nf1_db:.2} dB, and none is below 4 dB"
    )]
    FirstCoil {
        /// Name of the amplifier type.
        amplifier: String,
        /// Noise figure the first coil would have, in dB.
        nf1_db: f64,
    },
    /// The coils would differ in output power by more, or less, than they can.
    #[error(
        "amplifier \"{amplifier}\": coils of {nf1_db:.2} dB and {nf2_db:.2} dB would differ by {delta_p_db:.2} dB in \
         power; between 1 and 11 dB is possible"
    )]
    CoilPower {
        /// Name of the amplifier type.
        amplifier: String,
        /// Noise figure of the first coil, in dB.
        nf1_db: f64,
        /// Noise figure of the second coil, in dB.
        nf2_db: f64,
        /// Difference in output power, in dB.
        delta_p_db: f64,
    },
    /// The fitted coils do not return what the library states.
    #[error(
        "amplifier \"{amplifier}\": no pair of coils has {field} {stated_db} dB; the closest has {fitted_db:.2} dB"
    )]
    NoFit {
        /// Name of the amplifier type.
        amplifier: String,
        /// `nf_min` or `nf_max`.
        field: &'static str,
        /// What the library states, in dB.
        stated_db: f64,
        /// What the model returns, in dB.
        fitted_db: f64,
    },
    /// The least gain of a dual stage amplifier is below that of its first stage.
    #[error(
        "amplifier \"{amplifier}\": gain_min {gain_min_db} dB is below the {preamp_gain_min_db} dB of its preamplifier \
         \"{preamp}\""
    )]
    BelowPreamp {
        /// Name of the amplifier type.
        amplifier: String,
        /// Its least gain, in dB.
        gain_min_db: f64,
        /// Name of the first stage.
        preamp: String,
        /// Least gain of the first stage, in dB.
        preamp_gain_min_db: f64,
    },
}

impl NoiseFigure {
    /// Fits the model of an amplifier type.
    ///
    /// The models are those of GNPy; the two-coil fit assumes a second coil 0.3 to 2 dB noisier than the first.
    pub fn new(amplifier: &AmplifierType) -> Result<Self, NoiseFigureError> {
        let not_finite = |field| NoiseFigureError::NotFinite { amplifier: amplifier.name.clone(), field };
        let finite = |field, value: f64| if value.is_finite() { Ok(value) } else { Err(not_finite(field)) };
        let gain_min_db = finite("gain_min", amplifier.gain_min_db)?;
        let gain_flatmax_db = finite("gain_flatmax", amplifier.gain_flatmax_db)?;
        let model = match &amplifier.noise {
            NoiseModel::VariableGain { nf_min_db, nf_max_db } => {
                finite("nf_min", *nf_min_db)?;
                finite("nf_max", *nf_max_db)?;
                Model::Coils(Coils::fit(
                    &amplifier.name,
                    [gain_min_db, gain_flatmax_db],
                    *nf_min_db,
                    *nf_max_db,
                )?)
            }
            NoiseModel::FixedGain { nf_db } => Model::Constant(finite("nf0", *nf_db)?),
            NoiseModel::Polynomial { coefficients } => {
                coefficients.iter().try_for_each(|&value| finite("nf_fit_coeff", value).map(|_| ()))?;
                Model::Polynomial(*coefficients)
            }
            NoiseModel::Openroadm { coefficients } => {
                coefficients.iter().try_for_each(|&value| finite("nf_coef", value).map(|_| ()))?;
                Model::Openroadm(*coefficients)
            }
            NoiseModel::OpenroadmPreamp => Model::OpenroadmPreamp,
            NoiseModel::OpenroadmBooster => Model::Noiseless,
            NoiseModel::DualStage { preamp, booster } => {
                if gain_min_db < preamp.gain_min_db {
                    return Err(NoiseFigureError::BelowPreamp {
                        amplifier: amplifier.name.clone(),
                        gain_min_db,
                        preamp: preamp.name.clone(),
                        preamp_gain_min_db: preamp.gain_min_db,
                    });
                }
                Model::DualStage {
                    preamp: Box::new(Self::new(preamp)?),
                    booster: Box::new(Self::new(booster)?),
                }
            }
        };
        Ok(Self { gain_min_db, gain_flatmax_db, model })
    }

    /// The noise figure at a gain in dB and a mean input power per channel, scaled to 50 GHz, in dBm.
    ///
    /// Only the OpenROADM models look at the power. There is no penalty above the largest flat gain.
    pub fn at(&self, gain_db: f64, channel_power_50ghz_dbm: f64) -> NoiseAt {
        if let Model::DualStage { preamp, booster } = &self.model {
            let first_gain_db = preamp.gain_flatmax_db;
            let first = preamp.at(first_gain_db, channel_power_50ghz_dbm).nf_db;
            let second = booster.at(gain_db - first_gain_db, channel_power_50ghz_dbm).nf_db;
            let nf_db = to_db(linear(first) + linear(second - first_gain_db));
            return NoiseAt { nf_db, padding_db: 0.0 };
        }
        let padding_db = (self.gain_min_db - gain_db).max(0.0);
        let gain_db = gain_db + padding_db;
        let below_flatmax_db = (self.gain_flatmax_db - gain_db).max(0.0);
        let power = channel_power_50ghz_dbm;
        let nf_db = match &self.model {
            Model::Coils(coils) => {
                let first_gain_db = gain_db - coils.delta_p_db - below_flatmax_db;
                two_coils(coils.nf1_db, coils.nf2_db, first_gain_db)
            }
            Model::Constant(nf_db) => *nf_db,
            Model::Polynomial(coefficients) => cubic(coefficients, -below_flatmax_db),
            // An OSNR mask turns into a noise figure by OSNR = P − NF + 58 dB (0.1 nm at 193 THz).
            Model::Openroadm(coefficients) => power - cubic(coefficients, power) + 58.0,
            Model::OpenroadmPreamp => power - f64::min((4.0 * power + 275.0) / 7.0, 33.0) + 58.0,
            Model::Noiseless | Model::DualStage { .. } => f64::NEG_INFINITY,
        };
        NoiseAt { nf_db: nf_db + padding_db, padding_db }
    }

    /// Whether the noise figure depends on the input power.
    pub fn follows_power(&self) -> bool {
        match &self.model {
            Model::Openroadm(_) | Model::OpenroadmPreamp => true,
            Model::DualStage { preamp, booster } => preamp.follows_power() || booster.follows_power(),
            Model::Coils(_) | Model::Constant(_) | Model::Polynomial(_) | Model::Noiseless => false,
        }
    }

    /// The fitted coils of a variable gain amplifier; none for other models.
    pub fn coils(&self) -> Option<Coils> {
        match self.model {
            Model::Coils(coils) => Some(coils),
            _ => None,
        }
    }
}

impl Coils {
    /// Solves nf = nf1 + nf2/g for both ends of the gain range, g the gain of the first coil less the VOA behind it.
    fn fit(
        amplifier: &str,
        [gain_min_db, gain_max_db]: [f64; 2],
        nf_min_db: f64,
        nf_max_db: f64,
    ) -> Result<Self, NoiseFigureError> {
        if gain_min_db >= gain_max_db {
            return Err(NoiseFigureError::GainRange {
                amplifier: amplifier.to_owned(),
                gain_min_db,
                gain_flatmax_db: gain_max_db,
            });
        }
        for (field, value_db) in [("nf_min", nf_min_db), ("nf_max", nf_max_db)] {
            if value_db < -10.0 {
                return Err(NoiseFigureError::TooLow { amplifier: amplifier.to_owned(), field, value_db });
            }
        }
        let mut delta_p_db = 5.0;
        // Lowering the gain by 1 dB takes 2 dB from the first coil: one by its pump, one by the VOA.
        let least_first_db = |delta_p_db: f64| gain_min_db - (gain_max_db - gain_min_db) - delta_p_db;
        let mut largest_first_db = gain_max_db - delta_p_db;
        let mut nf2_db = to_db(
            (linear(nf_min_db) - linear(nf_max_db))
                / (1.0 / linear(largest_first_db) - 1.0 / linear(least_first_db(delta_p_db))),
        );
        let nf1_db = to_db(linear(nf_min_db) - linear(nf2_db) / linear(largest_first_db));
        // Written so that a coil that is no number at all (a negative noise factor) is refused as well.
        let exists = nf1_db >= 4.0;
        if !exists {
            return Err(NoiseFigureError::FirstCoil { amplifier: amplifier.to_owned(), nf1_db });
        }
        let plausible = nf2_db > nf1_db + 0.3 && nf2_db < nf1_db + 2.0;
        if !plausible {
            nf2_db = nf2_db.max(nf1_db + 0.3).min(nf1_db + 2.0);
            largest_first_db = to_db(linear(nf2_db) / (linear(nf_min_db) - linear(nf1_db)));
            delta_p_db = gain_max_db - largest_first_db;
            let possible = delta_p_db > 1.0 && delta_p_db < 11.0;
            if !possible {
                let amplifier = amplifier.to_owned();
                return Err(NoiseFigureError::CoilPower { amplifier, nf1_db, nf2_db, delta_p_db });
            }
        }
        for (field, stated_db, first_gain_db) in
            [("nf_min", nf_min_db, largest_first_db), ("nf_max", nf_max_db, least_first_db(delta_p_db))]
        {
            let fitted_db = two_coils(nf1_db, nf2_db, first_gain_db);
            let tolerance_db = f64::max(0.01, 1e-9 * stated_db.abs().max(fitted_db.abs()));
            let fits = (stated_db - fitted_db).abs() <= tolerance_db;
            if !fits {
                let amplifier = amplifier.to_owned();
                return Err(NoiseFigureError::NoFit { amplifier, field, stated_db, fitted_db });
            }
        }
        Ok(Self { nf1_db, nf2_db, delta_p_db })
    }
}

/// Noise figure in dB of two coils, by Friis.
fn two_coils(nf1_db: f64, nf2_db: f64, first_gain_db: f64) -> f64 {
    to_db(linear(nf1_db) + linear(nf2_db) / linear(first_gain_db))
}

/// `((a·x + b)·x + c)·x + d`.
fn cubic(coefficients: &[f64; 4], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests;
