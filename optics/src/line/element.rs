//! What light passes: transceivers, ROADMs, splices, fibres, amplifiers.

use std::collections::BTreeMap;

use crate::equipment::fibre::RamanEfficiency;
use crate::equipment::roadm::ImpairmentProfile;
use crate::equipment::{Equalisation, PerFrequency};

/// One element.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its name, unique in the network.
    pub uid: String,
    /// What it is and how it is set.
    pub kind: ElementKind,
    /// Where it stands.
    pub location: Option<Location>,
}

/// Where an element stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// City or site.
    pub city: String,
    /// Region.
    pub region: String,
    /// Latitude in degrees.
    pub latitude: f64,
    /// Longitude in degrees.
    pub longitude: f64,
}

/// What an element is and how it is set.
#[derive(Clone, Debug, PartialEq)]
pub enum ElementKind {
    /// Where light begins and ends.
    Transceiver,
    /// Where channels are switched, added and dropped.
    Roadm(Box<Roadm>),
    /// A splice, a patch panel or a bypassed site.
    Fused(Fused),
    /// A fibre, with pumps if it amplifies.
    Fibre(Box<Fibre>),
    /// An amplifier of one band.
    Amplifier(Box<Amplifier>),
    /// One amplifier for each of several bands.
    MultibandAmplifier(Box<MultibandAmplifier>),
}

/// A plain loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fused {
    /// In dB.
    pub loss_db: f64,
}

/// A ROADM: its type's values with its own in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Roadm {
    /// Name of its type in the equipment library.
    pub type_name: String,
    /// The power channels leave with, where a degree has no own.
    pub equalisation: Equalisation,
    /// The power channels leave with, by the uid of the next element.
    pub degree_equalisation: BTreeMap<String, Equalisation>,
    /// OSNR of an add and a drop together, in dB over 0.1 nm.
    pub add_drop_osnr_db: f64,
    /// Polarisation mode dispersion of a crossing, in s.
    pub pmd_s: f64,
    /// Polarisation dependent loss of a crossing, in dB.
    pub pdl_db: f64,
    /// Preamplifiers to choose from; empty for any that is allowed for design.
    pub preamp_types: Vec<String>,
    /// Boosters to choose from; empty for any that is allowed for design.
    pub booster_types: Vec<String>,
    /// Impairments of internal paths, in the order they are looked through.
    pub profiles: Vec<ImpairmentProfile>,
    /// Profile of one internal path, by the uids of the elements before and behind.
    pub degree_profiles: BTreeMap<(String, String), u32>,
    /// Bands its lines are designed for; empty for the equipment library's.
    pub design_bands: Vec<DesignBand>,
    /// Bands one degree is designed for, by the uid of the next element.
    pub degree_design_bands: BTreeMap<String, Vec<DesignBand>>,
}

/// A band lines are designed for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DesignBand {
    /// Lower edge, in Hz.
    pub f_min_hz: f64,
    /// Upper edge, in Hz.
    pub f_max_hz: f64,
    /// Distance of channels, in Hz; none for the equipment library's.
    pub spacing_hz: Option<f64>,
}

/// A quantity that is the same at every frequency, or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Spectrum {
    /// The same everywhere.
    Flat(f64),
    /// By frequency.
    Table(PerFrequency),
}

/// A fibre: its type's values with its own in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Fibre {
    /// Name of its type in the equipment library.
    pub type_name: String,
    /// In m.
    pub length_m: f64,
    /// In dB/km.
    pub loss_db_per_km: Spectrum,
    /// Loss of the attenuator at its start, in dB; design may add to it.
    pub att_in_db: f64,
    /// Loss of the connector at its start, in dB; none until design takes the default.
    pub connector_in_db: Option<f64>,
    /// Loss of the connector at its end, in dB, with the reserve for ageing once designed; none until then.
    pub connector_out_db: Option<f64>,
    /// Losses along it: distance from its start in m, loss in dB.
    pub lumped_losses: Vec<(f64, f64)>,
    /// Frequency its figures refer to, in Hz.
    pub reference_frequency_hz: f64,
    /// Chromatic dispersion.
    pub dispersion: Dispersion,
    /// Effective area at the reference frequency, in m².
    pub effective_area_m2: f64,
    /// Polarisation mode dispersion, in s/√m.
    pub pmd_s_per_sqrt_m: f64,
    /// Raman gain; none for that of standard silica fibre.
    pub raman_efficiency: Option<RamanEfficiency>,
    /// Raman pumps and the fibre's temperature; none for a fibre that does not amplify.
    pub raman: Option<RamanPumping>,
    /// Loss of the whole span this fibre ends, as designed, in dB; none until designed or where it ends none.
    pub design_span_loss_db: Option<f64>,
}

/// Chromatic dispersion of a fibre.
#[derive(Clone, Debug, PartialEq)]
pub enum Dispersion {
    /// D at the reference frequency, in s/m²; β₂ is then the same at every frequency.
    Constant(f64),
    /// D at the reference wavelength in s/m² and its slope in s/m³.
    Slope {
        /// In s/m².
        dispersion: f64,
        /// In s/m³, against wavelength.
        slope: f64,
    },
    /// D in s/m² by frequency.
    Table(PerFrequency),
}

/// Pumps of a Raman fibre.
#[derive(Clone, Debug, PartialEq)]
pub struct RamanPumping {
    /// Of the fibre, in K.
    pub temperature_k: f64,
    /// The pumps.
    pub pumps: Vec<RamanPump>,
}

/// One pump.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RamanPump {
    /// In W.
    pub power_w: f64,
    /// In Hz.
    pub frequency_hz: f64,
    /// Whether it runs with the signal (else against it).
    pub co_propagating: bool,
}

/// An amplifier: what was asked for, and what design made of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Amplifier {
    /// Position of its type in [`crate::equipment::Equipment::amplifiers`]; none until chosen.
    pub amplifier_type: Option<usize>,
    /// Types design may choose from; empty to leave it to the ROADMs and the equipment library.
    pub allowed_types: Vec<String>,
    /// What was asked for.
    pub wanted: AmplifierSettings,
    /// What it is set to; none until designed.
    pub working_point: Option<WorkingPoint>,
}

/// What an amplifier was asked to be set to; none where design decides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AmplifierSettings {
    /// Gain in dB.
    pub gain_db: Option<f64>,
    /// Offset of the channel power behind it to the reference power, in dB.
    pub delta_p_db: Option<f64>,
    /// Tilt over its band, in dB.
    pub tilt_db: Option<f64>,
    /// Output VOA, in dB.
    pub out_voa_db: Option<f64>,
    /// Input VOA, in dB.
    pub in_voa_db: Option<f64>,
}

/// What an amplifier is set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkingPoint {
    /// Gain in dB, before the output VOA.
    pub gain_db: f64,
    /// Offset of the channel power behind it to the reference power, in dB; before the output VOA set by design.
    pub delta_p_db: f64,
    /// Tilt over its band, in dB.
    pub tilt_db: f64,
    /// Output VOA, in dB.
    pub out_voa_db: f64,
    /// Input VOA, in dB.
    pub in_voa_db: f64,
}

/// One amplifier for each of several bands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MultibandAmplifier {
    /// Name of its type in the equipment library; none until chosen.
    pub type_name: Option<String>,
    /// Types design may choose from; empty to leave it to the ROADMs and the equipment library.
    pub allowed_types: Vec<String>,
    /// The amplifier of each band.
    pub bands: Vec<Amplifier>,
}
