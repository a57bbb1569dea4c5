//! Why a network cannot be designed, and what a designer should know of a network that was.

use crate::equipment::noise_figure::NoiseFigureError;
use crate::line::{LineError, LossError, SectionError};
use crate::propagation::{CombError, PropagationError};

/// Why a network cannot be designed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DesignError {
    /// The network is not made of sections.
    #[error(transparent)]
    Section(#[from] SectionError),
    /// A name for a new element is taken.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A loss is unknown.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// An amplifier of the library cannot exist.
    #[error("equipment: {0}")]
    Noise(#[from] NoiseFigureError),
    /// What a fibre with pumps loses is unknown.
    #[error(transparent)]
    Pumps(#[from] PropagationError),
    /// The comb of the library makes none.
    #[error("equipment: spectral information (SI): {0}")]
    Comb(#[from] CombError),
    /// The library describes no comb to design for.
    #[error("equipment: there is no spectral information (SI) to design for")]
    NoComb,
    /// A figure of an element makes no sense.
    #[error("element \"{uid}\": {field} {value} is not {expected}")]
    Value {
        /// Name of the element.
        uid: String,
        /// Which figure.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// A rule of design makes no sense.
    #[error("equipment: {field} {value} is not {expected}")]
    Rule {
        /// Which rule.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// The equipment library has no amplifier of this name.
    #[error("element \"{uid}\": {field} names \"{name}\", which is no amplifier of the equipment library")]
    UnknownAmplifier {
        /// Name of the element.
        uid: String,
        /// Where the name stands.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A line cannot be amplified in one band here and in several there.
    #[error(
        "elements \"{single}\" and \"{multiband}\": a line has amplifiers of one band or of several, not both"
    )]
    MixedBands {
        /// An amplifier of one band.
        single: String,
        /// One of several bands on the same line.
        multiband: String,
    },
    /// The bands of the ROADM do not fit to the amplifiers of the line.
    #[error(
        "element \"{uid}\", degree \"{degree}\": design_bands are {bands} and the amplifiers of the line are not made for that"
    )]
    InconsistentBands {
        /// Name of the ROADM or transceiver.
        uid: String,
        /// Name of the next element.
        degree: String,
        /// How many bands there are.
        bands: usize,
    },
    /// No channel fits in the band.
    #[error(
        "element \"{uid}\", degree \"{degree}\": no channel fits in the design band {f_min_thz} to {f_max_thz} THz"
    )]
    EmptyBand {
        /// Name of the ROADM or transceiver.
        uid: String,
        /// Name of the next element.
        degree: String,
        /// Lower edge, in THz.
        f_min_thz: f64,
        /// Upper edge, in THz.
        f_max_thz: f64,
    },
    /// Bands of a degree that is not there.
    #[error("element \"{uid}\": per_degree_design_bands names \"{degree}\", which is not behind it")]
    UnknownDegree {
        /// Name of the ROADM.
        uid: String,
        /// The name.
        degree: String,
    },
    /// A multiband amplifier has an amplifier for a band the line is not designed for, or none for one it is.
    #[error("element \"{uid}\": its amplifiers are not one for each design band of the line")]
    BandWithoutAmplifier {
        /// Name of the element.
        uid: String,
    },
    /// Nothing in the library can stand here.
    #[error(
        "element \"{uid}\": no amplifier may stand here that covers {f_min_thz} to {f_max_thz} THz (type_variety, \
         variety_list, restrictions of ROADMs, allowed_for_design)"
    )]
    NoAmplifier {
        /// Name of the element.
        uid: String,
        /// Lower edge of the band, in THz.
        f_min_thz: f64,
        /// Upper edge of the band, in THz.
        f_max_thz: f64,
    },
}

/// What a designer should know of a network that was designed.
#[derive(Clone, Debug, PartialEq)]
pub enum DesignWarning {
    /// No amplifier is strong enough: the power behind it is less than wanted.
    PowerReduced {
        /// Name of the element.
        uid: String,
        /// By how much, in dB.
        by_db: f64,
    },
    /// The gain is above what the given type has with a flat profile, extended range included.
    GainAboveType {
        /// Name of the element.
        uid: String,
        /// The gain, in dB.
        gain_db: f64,
        /// Largest flat gain of the type, in dB.
        gain_flatmax_db: f64,
    },
    /// The gain is below what the given type has without padding.
    GainBelowType {
        /// Name of the element.
        uid: String,
        /// The gain, in dB.
        gain_db: f64,
        /// Least gain of the type, in dB.
        gain_min_db: f64,
    },
    /// A Raman amplifier stands where the fibre loses too much, or where there is no fibre.
    RamanUnsuitable {
        /// Name of the element.
        uid: String,
    },
    /// A ROADM cannot reach its target: too little light comes from one side.
    TargetNotMet {
        /// Name of the ROADM.
        uid: String,
        /// Name of the element before it.
        from: String,
        /// Power of the reference channel that comes in, in dBm.
        power_dbm: f64,
        /// The largest target of the ROADM, in dBm.
        target_dbm: f64,
    },
}

impl std::fmt::Display for DesignWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PowerReduced { uid, by_db } => {
                write!(
                    f,
                    "element \"{uid}\": no amplifier is strong enough, power is reduced by {by_db:.2} dB"
                )
            }
            Self::GainAboveType { uid, gain_db, gain_flatmax_db } => write!(
                f,
                "element \"{uid}\": gain {gain_db:.2} dB is above the {gain_flatmax_db} dB of its type_variety"
            ),
            Self::GainBelowType { uid, gain_db, gain_min_db } => write!(
                f,
                "element \"{uid}\": gain {gain_db:.2} dB is below the {gain_min_db} dB of its type_variety"
            ),
            Self::RamanUnsuitable { uid } => {
                write!(f, "element \"{uid}\": Raman amplification, and the fibre before it does not suit it")
            }
            Self::TargetNotMet { uid, from, power_dbm, target_dbm } => write!(
                f,
                "element \"{uid}\": {power_dbm:.2} dBm come from \"{from}\", less than the target {target_dbm:.2} dBm"
            ),
        }
    }
}
