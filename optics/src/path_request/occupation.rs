//! The spectrum of all sections of a network, as requests take it.

use super::Slot;
use super::sections::{SectionIndex, Sections};
use super::spectrum::Occupancy;
use crate::equipment::{Equipment, SpectralInformation};
use crate::line::{Amplifier, ElementIndex, ElementKind, LineNetwork};

/// What is left of the spectrum of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionSpectrum {
    /// The element it starts at.
    pub from: ElementIndex,
    /// The element it ends at.
    pub to: ElementIndex,
    /// Its spectrum.
    pub spectrum: Occupancy,
}

/// The spectrum of all sections of a network, by section; none where light is only added and dropped.
pub(super) struct Spectra {
    unused: Occupancy,
    sections: Vec<Option<Occupancy>>,
}

impl Spectra {
    /// The spectrum of a designed network, nothing taken: from the lowest to the highest edge of any amplifier, and in
    /// each section what all its amplifiers carry. Without amplifiers the equipment library's band counts.
    pub(super) fn empty(network: &LineNetwork, equipment: &Equipment, graph: &Sections) -> Self {
        let default = SpectralInformation::default();
        let spectral = equipment.spectral.first().unwrap_or(&default);
        let library = [spectral.f_min_hz, spectral.f_max_hz];
        let bands = |element: &ElementIndex| bands(network, equipment, *element);
        let all: Vec<[f64; 2]> = (0..network.len()).filter_map(|element| bands(&element)).flatten().collect();
        let f_min = all.iter().map(|band| band[0]).reduce(f64::min).unwrap_or(library[0]);
        let f_max = all.iter().map(|band| band[1]).reduce(f64::max).unwrap_or(library[1]);
        let of_section = |section: SectionIndex| {
            let common = graph.inner(section).iter().filter_map(bands).reduce(|common, bands| {
                let both = |a: [f64; 2]| bands.iter().map(move |b| [a[0].max(b[0]), a[1].min(b[1])]);
                common.into_iter().flat_map(both).filter(|band| band[0] < band[1]).collect()
            });
            Occupancy::new(f_min, f_max, &common.unwrap_or_else(|| vec![library]))
        };
        let in_line =
            |section: SectionIndex| graph.section(section).exclusive || !graph.inner(section).is_empty();
        let sections = 0..graph.sections().len();
        Self {
            unused: Occupancy::new(f_min, f_max, &[[f_min, f_max]]),
            sections: sections.map(|section| in_line(section).then(|| of_section(section))).collect(),
        }
    }

    /// A range in which all can be used and nothing is taken.
    pub(super) fn unused(&self) -> &Occupancy {
        &self.unused
    }

    /// What is free in all of some sections.
    pub(super) fn common(&self, sections: impl Iterator<Item = SectionIndex>, free: &mut Occupancy) {
        free.copy_from(&self.unused);
        for section in sections {
            if let Some(spectrum) = &self.sections[section] {
                free.join(spectrum);
            }
        }
    }

    /// Takes slots in some sections.
    pub(super) fn take(&mut self, sections: impl Iterator<Item = SectionIndex>, slots: &[Slot]) {
        for section in sections {
            if let Some(spectrum) = &mut self.sections[section] {
                for &slot in slots {
                    spectrum.take(slot);
                }
            }
        }
    }

    /// What is left.
    pub(super) fn into_sections(self, graph: &Sections) -> Vec<SectionSpectrum> {
        let known = self.sections.into_iter().enumerate();
        known
            .filter_map(|(section, spectrum)| {
                let ends = graph.section(section);
                spectrum.map(|spectrum| SectionSpectrum {
                    from: graph.element(ends.from),
                    to: graph.element(ends.to),
                    spectrum,
                })
            })
            .collect()
    }
}

/// The bands of an amplifier, in Hz; none of what is no amplifier, or has no type yet.
fn bands(network: &LineNetwork, equipment: &Equipment, element: ElementIndex) -> Option<Vec<[f64; 2]>> {
    let band = |amplifier: &Amplifier| {
        let kind = equipment.amplifiers.get(amplifier.amplifier_type?)?;
        Some([kind.f_min_hz, kind.f_max_hz])
    };
    match &network.element(element).kind {
        ElementKind::Amplifier(amplifier) => band(amplifier).map(|band| vec![band]),
        ElementKind::MultibandAmplifier(amplifier) => amplifier.bands.iter().map(band).collect(),
        _ => None,
    }
}
