//! Whether an equipment library can be used: names, references, figures, noise models.

use std::collections::BTreeSet;

use super::noise_figure::NoiseFigure;
use super::{AmplifierType, Equipment, FibreType, Mode, NoiseModel, RoadmType, SpectralInformation};
use crate::finding::{Finding, Findings};

/// Everything wrong with a library; usable if none of it is an error.
pub fn validate_equipment(equipment: &Equipment) -> Vec<Finding> {
    let mut found = Findings::default();
    names(&mut found, "fibres", equipment.fibres.iter().map(|entry| entry.name.as_str()));
    names(&mut found, "raman_fibres", equipment.raman_fibres.iter().map(|entry| entry.name.as_str()));
    names(&mut found, "amplifiers", equipment.amplifiers.iter().map(|entry| entry.name.as_str()));
    let multiband = equipment.multiband_amplifiers.iter().map(|entry| entry.name.as_str());
    names(&mut found, "multiband_amplifiers", multiband);
    names(&mut found, "roadms", equipment.roadms.iter().map(|entry| entry.name.as_str()));
    names(&mut found, "transceivers", equipment.transceivers.iter().map(|entry| entry.name.as_str()));
    for (list, fibres) in [("fibres", &equipment.fibres), ("raman_fibres", &equipment.raman_fibres)] {
        for (at, fibre) in fibres.iter().enumerate() {
            check_fibre(&mut found, &format!("/{list}/{at}"), fibre);
        }
    }
    for (at, amplifier) in equipment.amplifiers.iter().enumerate() {
        check_amplifier(&mut found, &format!("/amplifiers/{at}"), amplifier);
    }
    for (at, amplifier) in equipment.multiband_amplifiers.iter().enumerate() {
        let pointer = format!("/multiband_amplifiers/{at}/amplifiers");
        let owner = format!("amplifier \"{}\"", amplifier.name);
        if amplifier.amplifiers.is_empty() {
            found.error("MISSING_FIELD", pointer.clone(), format!("{owner} is made of no amplifier"));
        }
        for (index, name) in amplifier.amplifiers.iter().enumerate() {
            if equipment.amplifier(name).is_none() {
                let detail = format!("{owner} names \"{name}\", which is no amplifier of one band");
                found.error("UNKNOWN_TYPE", format!("{pointer}/{index}"), detail);
            }
        }
    }
    for (at, roadm) in equipment.roadms.iter().enumerate() {
        check_roadm(&mut found, &format!("/roadms/{at}"), roadm, equipment);
    }
    for (at, transceiver) in equipment.transceivers.iter().enumerate() {
        let (pointer, owner) =
            (format!("/transceivers/{at}"), format!("transceiver \"{}\"", transceiver.name));
        band(&mut found, &pointer, &owner, transceiver.f_min_hz, transceiver.f_max_hz);
        names(
            &mut found,
            &format!("transceivers/{at}/modes"),
            transceiver.modes.iter().map(|mode| mode.name.as_str()),
        );
        for (index, mode) in transceiver.modes.iter().enumerate() {
            check_mode(&mut found, &format!("{pointer}/modes/{index}"), &owner, mode);
        }
    }
    if equipment.spectral.is_empty() {
        found.error("MISSING_FIELD", "/spectral", "there is no comb that lines are designed for");
    }
    for (at, spectral) in equipment.spectral.iter().enumerate() {
        check_spectral(&mut found, &format!("/spectral/{at}"), spectral);
    }
    let longest = equipment.span_rules.max_length_m;
    if !longest.is_finite() || longest <= 0.0 {
        let detail = format!("max_length_m is {longest}, must be above 0");
        found.error("OUT_OF_RANGE", "/span_rules/max_length_m", detail);
    }
    found.into_vec()
}

fn names<'a>(found: &mut Findings, list: &str, names: impl Iterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for (at, name) in names.enumerate() {
        if name.is_empty() {
            found.error("MISSING_FIELD", format!("/{list}/{at}/name"), "a name is empty");
        } else if !seen.insert(name) {
            found.error("DUPLICATE_TYPE", format!("/{list}/{at}/name"), format!("\"{name}\" is there twice"));
        }
    }
}

fn positive(found: &mut Findings, pointer: &str, owner: &str, field: &str, value: f64) {
    if !value.is_finite() || value <= 0.0 {
        let detail = format!("{owner}: {field} is {value}, must be above 0");
        found.error("OUT_OF_RANGE", format!("{pointer}/{field}"), detail);
    }
}

fn band(found: &mut Findings, pointer: &str, owner: &str, f_min_hz: f64, f_max_hz: f64) {
    positive(found, pointer, owner, "f_min_hz", f_min_hz);
    if !f_max_hz.is_finite() || f_max_hz <= f_min_hz {
        let detail = format!("{owner}: f_max_hz is {f_max_hz}, must be above f_min_hz");
        found.error("OUT_OF_RANGE", format!("{pointer}/f_max_hz"), detail);
    }
}

fn check_fibre(found: &mut Findings, pointer: &str, fibre: &FibreType) {
    let owner = format!("fibre type \"{}\"", fibre.name);
    if let Some(area) = fibre.effective_area_m2 {
        positive(found, pointer, &owner, "effective_area_m2", area);
    }
    if let Some(gamma) = fibre.gamma_per_w_m {
        positive(found, pointer, &owner, "gamma_per_w_m", gamma);
    }
    if let Some(raman) = &fibre.raman_efficiency
        && (raman.offset_hz.is_empty() || raman.offset_hz.len() != raman.value.len())
    {
        let detail = format!("{owner}: offset_hz and value must be of one length, not 0");
        found.error("WRONG_LENGTH", format!("{pointer}/raman_efficiency/value"), detail);
    }
}

fn check_amplifier(found: &mut Findings, pointer: &str, amplifier: &AmplifierType) {
    let owner = format!("amplifier \"{}\"", amplifier.name);
    band(found, pointer, &owner, amplifier.f_min_hz, amplifier.f_max_hz);
    if !(amplifier.gain_min_db <= amplifier.gain_flatmax_db && amplifier.gain_flatmax_db.is_finite()) {
        let detail = format!("{owner}: gain_min_db is {}, above gain_flatmax_db", amplifier.gain_min_db);
        found.error("OUT_OF_RANGE", format!("{pointer}/gain_min_db"), detail);
    }
    if let NoiseModel::DualStage { preamp, booster } = &amplifier.noise {
        for (key, stage) in [("preamp", preamp), ("booster", booster)] {
            if matches!(stage.noise, NoiseModel::DualStage { .. }) {
                let detail = format!("{owner}: its {key} must be of one stage");
                found.error("UNKNOWN_TYPE", format!("{pointer}/noise/{key}"), detail);
                return;
            }
        }
    }
    if let Err(error) = NoiseFigure::new(amplifier) {
        found.error("NO_NOISE_MODEL", format!("{pointer}/noise"), error.to_string());
    }
}

fn check_roadm(found: &mut Findings, pointer: &str, roadm: &RoadmType, equipment: &Equipment) {
    let owner = format!("ROADM type \"{}\"", roadm.name);
    for (key, list) in [("preamp_types", &roadm.preamp_types), ("booster_types", &roadm.booster_types)] {
        for (at, name) in list.iter().enumerate() {
            if equipment.amplifier(name).is_none() && equipment.multiband_amplifier(name).is_none() {
                let detail = format!("{owner} names \"{name}\", which is no amplifier of the library");
                found.error("UNKNOWN_TYPE", format!("{pointer}/{key}/{at}"), detail);
            }
        }
    }
    let mut ids = BTreeSet::new();
    for (at, profile) in roadm.profiles.iter().enumerate() {
        if !ids.insert(profile.id) {
            let detail = format!("{owner}: impairments {} are there twice", profile.id);
            found.error("DUPLICATE_ID", format!("{pointer}/profiles/{at}/id"), detail);
        }
    }
}

fn check_mode(found: &mut Findings, pointer: &str, owner: &str, mode: &Mode) {
    let owner = format!("mode \"{}\" of {owner}", mode.name);
    positive(found, pointer, &owner, "baud_rate", mode.baud_rate);
    positive(found, pointer, &owner, "bit_rate", mode.bit_rate);
    if !mode.min_spacing_hz.is_finite() || mode.min_spacing_hz < mode.baud_rate {
        let detail = format!("{owner}: min_spacing_hz is {}, below its baud rate", mode.min_spacing_hz);
        found.error("OUT_OF_RANGE", format!("{pointer}/min_spacing_hz"), detail);
    }
}

fn check_spectral(found: &mut Findings, pointer: &str, spectral: &SpectralInformation) {
    let owner = format!("spectral information \"{}\"", spectral.name);
    positive(found, pointer, &owner, "baud_rate", spectral.baud_rate);
    positive(found, pointer, &owner, "spacing_hz", spectral.spacing_hz);
    band(found, pointer, &owner, spectral.f_min_hz, spectral.f_max_hz);
    if spectral.f_max_hz - spectral.f_min_hz < spectral.spacing_hz {
        let detail = format!("{owner}: no channel fits into the band");
        found.error("BAND_WITHOUT_CHANNELS", format!("{pointer}/f_max_hz"), detail);
    }
}
