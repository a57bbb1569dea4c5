//! The equipment library: which fibres, amplifiers, ROADMs and transceivers there are, and the rules of design.
//!
//! Units stand in the names: everything is SI unless a name says otherwise. Types, fields and defaults are those of
//! GNPy's equipment library (Telecom Infra Project), which most operators have at hand.

pub mod amplifier;
pub mod defaults;
pub mod fibre;
pub mod noise_figure;
pub mod roadm;
pub mod rules;
pub mod transceiver;
pub mod validate;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use amplifier::{AmplifierType, MultibandAmplifierType, NoiseModel};
pub use fibre::{FibreType, PerFrequency};
pub use roadm::{Equalisation, ImpairmentProfile, PathKind, RoadmType};
pub use rules::{SpanRules, SpectralInformation};
pub use transceiver::{Mode, TransceiverType};

/// What a network may be built of. Names are unique within each list; order matters (the first of equals is chosen).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equipment {
    /// Fibre types.
    pub fibres: Vec<FibreType>,
    /// Types of fibre with Raman pumps, where they differ from those without.
    #[serde(default)]
    pub raman_fibres: Vec<FibreType>,
    /// Amplifiers of one band. An alias is an entry of its own.
    pub amplifiers: Vec<AmplifierType>,
    /// Amplifiers of several bands, each made of single-band ones.
    #[serde(default)]
    pub multiband_amplifiers: Vec<MultibandAmplifierType>,
    /// ROADM types; `default`, else the first, is that of elements that name none.
    pub roadms: Vec<RoadmType>,
    /// Transceivers and their modes. An alias is an entry of its own.
    pub transceivers: Vec<TransceiverType>,
    /// How spans are designed.
    pub span_rules: SpanRules,
    /// The comb lines are designed for; the first counts, further ones describe further bands.
    pub spectral: Vec<SpectralInformation>,
}

impl Equipment {
    /// The fibre type of this name.
    pub fn fibre(&self, name: &str) -> Option<&FibreType> {
        self.fibres.iter().find(|entry| entry.name == name)
    }

    /// The type of this name for a fibre with Raman pumps: one of its own, else that of the fibre.
    pub fn raman_fibre(&self, name: &str) -> Option<&FibreType> {
        self.raman_fibres.iter().find(|entry| entry.name == name).or_else(|| self.fibre(name))
    }

    /// Position of the single-band amplifier of this name in [`Equipment::amplifiers`].
    pub fn amplifier(&self, name: &str) -> Option<usize> {
        self.amplifiers.iter().position(|entry| entry.name == name)
    }

    /// The multiband amplifier of this name.
    pub fn multiband_amplifier(&self, name: &str) -> Option<&MultibandAmplifierType> {
        self.multiband_amplifiers.iter().find(|entry| entry.name == name)
    }

    /// The ROADM type of elements that name none: the one called `default`, else the first.
    pub fn default_roadm(&self) -> Option<&RoadmType> {
        self.roadm("default").or_else(|| self.roadms.first())
    }

    /// The ROADM type of this name.
    pub fn roadm(&self, name: &str) -> Option<&RoadmType> {
        self.roadms.iter().find(|entry| entry.name == name)
    }

    /// The transceiver of this name.
    pub fn transceiver(&self, name: &str) -> Option<&TransceiverType> {
        self.transceivers.iter().find(|entry| entry.name == name)
    }
}
