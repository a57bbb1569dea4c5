//! The bands a line is designed for.

use super::DesignError;
use super::insert::{Amplification, amplification};
use crate::equipment::Equipment;
use crate::line::{DesignBand, ElementKind, LineNetwork, MultibandAmplifier, Section};
use crate::propagation::channel_count;

/// A band with its channel spacing, in Hz.
#[expect(clippy::struct_field_names, reason = "a unit is not a name")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Band {
    pub(super) f_min_hz: f64,
    pub(super) f_max_hz: f64,
    pub(super) spacing_hz: f64,
}

/// Which of the usual bands: by its centre frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BandName {
    L,
    C,
    Other,
}

impl BandName {
    pub(super) fn of(f_min_hz: f64, f_max_hz: f64) -> Self {
        let centre = f64::midpoint(f_min_hz, f_max_hz);
        if (187e12..=189e12).contains(&centre) {
            Self::L
        } else if (191.3e12..=196.0e12).contains(&centre) {
            Self::C
        } else {
            Self::Other
        }
    }
}

impl Band {
    pub(super) fn name(&self) -> BandName {
        BandName::of(self.f_min_hz, self.f_max_hz)
    }

    /// How many channels fit: the first lies one spacing above the lower edge.
    #[expect(clippy::cast_precision_loss, reason = "a small whole number")]
    pub(super) fn channels(&self) -> f64 {
        channel_count(self.f_min_hz, self.f_max_hz, self.spacing_hz) as f64
    }

    /// Whether an amplifier from `f_min` to `f_max` covers it.
    pub(super) fn is_within(&self, f_min_hz: f64, f_max_hz: f64) -> bool {
        f_min_hz <= self.f_min_hz && f_max_hz >= self.f_max_hz
    }
}

/// The bands a section is designed for, lowest first: those of its degree; else what the amplifiers that are there and
/// the bands of the node have in common.
pub(super) fn design_bands(
    line: &LineNetwork,
    section: &Section,
    equipment: &Equipment,
) -> Result<Vec<Band>, DesignError> {
    let comb = equipment.spectral.first().ok_or(DesignError::NoComb)?;
    let start = line.element(section.from);
    let (own, degrees) = match &start.kind {
        ElementKind::Roadm(roadm) => (&roadm.design_bands[..], Some(&roadm.degree_design_bands)),
        _ => (&[][..], None),
    };
    let of_comb: Vec<DesignBand>;
    let own = if own.is_empty() {
        let band = |comb: &crate::equipment::SpectralInformation| DesignBand {
            f_min_hz: comb.f_min_hz,
            f_max_hz: comb.f_max_hz,
            spacing_hz: Some(comb.spacing_hz),
        };
        of_comb = equipment.spectral.iter().map(band).collect();
        &of_comb[..]
    } else {
        own
    };
    let spacing = |band: &DesignBand| {
        let centre = f64::midpoint(band.f_min_hz, band.f_max_hz);
        let around = own.iter().find(|other| (other.f_min_hz..=other.f_max_hz).contains(&centre));
        band.spacing_hz.or_else(|| around.and_then(|other| other.spacing_hz)).unwrap_or(comb.spacing_hz)
    };
    let resolved = |bands: &[DesignBand]| -> Vec<Band> {
        let band = |band: &DesignBand| Band {
            f_min_hz: band.f_min_hz,
            f_max_hz: band.f_max_hz,
            spacing_hz: spacing(band),
        };
        bands.iter().map(band).collect()
    };
    let degree = || line.element(section.first()).uid.clone();
    let given = degrees.filter(|bands| !bands.is_empty()).and_then(|bands| bands.get(&degree()));
    let mut bands = match given {
        Some(given) if !given.is_empty() => resolved(given),
        _ => {
            let amplified = amplification(line, section)?;
            let fits = amplified.map(|bands| (bands == Amplification::OneBand) == (own.len() == 1));
            let mut ranges = amplifier_ranges(line, section, equipment);
            if fits == Some(true) {
                ranges.push(own.to_vec());
            }
            let common = resolved(&common_range(&ranges));
            if !common.is_empty() {
                common
            } else if fits == Some(false) {
                let (uid, bands) = (start.uid.clone(), own.len());
                return Err(DesignError::InconsistentBands { uid, degree: degree(), bands });
            } else {
                resolved(own)
            }
        }
    };
    bands.sort_by(|a, b| a.f_min_hz.total_cmp(&b.f_min_hz));
    Ok(bands)
}

/// The bands of each amplifier of a section that has a type, without repetition.
fn amplifier_ranges(line: &LineNetwork, section: &Section, equipment: &Equipment) -> Vec<Vec<DesignBand>> {
    let mut ranges: Vec<Vec<DesignBand>> = Vec::new();
    for &index in &section.elements {
        let mut range = match &line.element(index).kind {
            ElementKind::Amplifier(amplifier) => {
                amplifier.amplifier_type.iter().map(|&of_type| band_of(equipment, of_type)).collect()
            }
            ElementKind::MultibandAmplifier(amplifier) => multiband_range(amplifier, equipment),
            _ => Vec::new(),
        };
        range.sort_by(|a, b| a.f_min_hz.total_cmp(&b.f_min_hz));
        if !range.is_empty() && !ranges.contains(&range) {
            ranges.push(range);
        }
    }
    ranges
}

fn band_of(equipment: &Equipment, of_type: usize) -> DesignBand {
    let entry = &equipment.amplifiers[of_type];
    DesignBand { f_min_hz: entry.f_min_hz, f_max_hz: entry.f_max_hz, spacing_hz: None }
}

/// The bands of a multiband amplifier's type and of its amplifiers.
fn multiband_range(amplifier: &MultibandAmplifier, equipment: &Equipment) -> Vec<DesignBand> {
    let of_type = amplifier.type_name.as_ref().and_then(|name| equipment.multiband_amplifier(name));
    let listed =
        of_type.iter().flat_map(|entry| &entry.amplifiers).filter_map(|name| equipment.amplifier(name));
    let placed = amplifier.bands.iter().filter_map(|band| band.amplifier_type);
    let mut bands: Vec<DesignBand> = Vec::new();
    for band in listed.chain(placed).map(|of_type| band_of(equipment, of_type)) {
        if !bands.contains(&band) {
            bands.push(band);
        }
    }
    bands
}

/// What all ranges have in common; the larger spacing counts where two are given.
fn common_range(ranges: &[Vec<DesignBand>]) -> Vec<DesignBand> {
    let Some((first, rest)) = ranges.split_first() else { return Vec::new() };
    let mut common = first.clone();
    for range in rest {
        let mut narrower = Vec::new();
        for a in &common {
            for b in range {
                let (f_min_hz, f_max_hz) = (a.f_min_hz.max(b.f_min_hz), a.f_max_hz.min(b.f_max_hz));
                if f_min_hz < f_max_hz {
                    let spacing_hz = match (a.spacing_hz, b.spacing_hz) {
                        (Some(a), Some(b)) => Some(a.max(b)),
                        (a, b) => a.or(b),
                    };
                    narrower.push(DesignBand { f_min_hz, f_max_hz, spacing_hz });
                }
            }
        }
        common = narrower;
    }
    common
}
