//! One element of a topology: what it is, its own values, and its type's.

use std::collections::BTreeMap;

use super::super::fields::{Fields, Range};
use super::super::roadms;
use super::spans;
use crate::equipment::{Equalisation, Equipment, RoadmType};
use crate::line::{Amplifier, AmplifierSettings, DesignBand, ElementKind, Fused, MultibandAmplifier, Roadm};

/// What an element is; none where that cannot be said, and a finding says why.
pub(super) fn kind(entry: &Fields<'_>, equipment: &Equipment) -> Option<ElementKind> {
    match entry.text("type") {
        "" => None,
        "Transceiver" => Some(ElementKind::Transceiver),
        "Roadm" => roadm(entry, equipment).map(|roadm| ElementKind::Roadm(Box::new(roadm))),
        "Fused" => {
            // As GNPy has it: without a loss of its own, a splice loses 1 dB.
            let params = entry.optional_object("params");
            let loss_db = params.map_or(1.0, |params| params.number_or("loss", Range::NotNegative, 1.0));
            Some(ElementKind::Fused(Fused { loss_db }))
        }
        "Fiber" => spans::fibre(entry, equipment, false).map(|fibre| ElementKind::Fibre(Box::new(fibre))),
        "RamanFiber" => spans::fibre(entry, equipment, true).map(|fibre| ElementKind::Fibre(Box::new(fibre))),
        "Edfa" => Some(ElementKind::Amplifier(Box::new(amplifier(entry, equipment)))),
        "Multiband_amplifier" => Some(ElementKind::MultibandAmplifier(Box::new(multiband(entry, equipment)))),
        kind => {
            entry.error("UNKNOWN_TYPE", "type", &format!("type is \"{kind}\", which is no kind of element"));
            None
        }
    }
}

/// The type an element names; `default` and nothing are the same.
fn variety<'a>(entry: &Fields<'a>) -> Option<&'a str> {
    entry.optional_text("type_variety").filter(|name| *name != "default")
}

fn roadm(entry: &Fields<'_>, equipment: &Equipment) -> Option<Roadm> {
    let wanted = variety(entry);
    let of: Option<&RoadmType> = match wanted {
        Some(name) => equipment.roadm(name),
        None => equipment.default_roadm(),
    };
    let Some(of) = of else {
        let name = wanted.unwrap_or("default");
        let detail = format!("type_variety is \"{name}\", which is no ROADM of the library");
        entry.error("UNKNOWN_TYPE", "type_variety", &detail);
        return None;
    };
    let mut roadm = Roadm::of_type(of);
    if let Some(params) = entry.optional_object("params") {
        own_values(&mut roadm, &params, equipment);
    }
    Some(roadm)
}

fn own_values(roadm: &mut Roadm, params: &Fields<'_>, equipment: &Equipment) {
    if let Some(own) = roadms::equalisation(params) {
        roadm.equalisation = own;
    }
    roadm.degree_equalisation = degree_equalisation(params);
    roadm.add_drop_osnr_db = params.number_or("add_drop_osnr", Range::Any, roadm.add_drop_osnr_db);
    roadm.pmd_s = params.number_or("pmd", Range::NotNegative, roadm.pmd_s);
    roadm.pdl_db = params.number_or("pdl", Range::NotNegative, roadm.pdl_db);
    if let Some(restrictions) = params.optional_object("restrictions") {
        if restrictions.value("preamp_variety_list").is_some() {
            roadm.preamp_types = roadms::amplifier_names(&restrictions, "preamp_variety_list", equipment);
        }
        if restrictions.value("booster_variety_list").is_some() {
            roadm.booster_types = roadms::amplifier_names(&restrictions, "booster_variety_list", equipment);
        }
    }
    if params.value("roadm-path-impairments").is_some() {
        roadm.profiles = roadms::profiles(params);
    }
    for path in params.objects("per_degree_impairments") {
        let id = path.count("impairment_id");
        if roadm.profiles.iter().all(|profile| profile.id != id) {
            path.error("UNKNOWN_PROFILE", "impairment_id", &format!("there are no impairments {id}"));
        }
        let (from, to) = (path.text("from_degree").to_owned(), path.text("to_degree").to_owned());
        roadm.degree_profiles.insert((from, to), id);
    }
    roadm.design_bands = design_bands(params, "design_bands");
    for degree in params.objects("per_degree_design_bands_targets") {
        let bands = design_bands(&degree, "design_bands");
        roadm.degree_design_bands.insert(degree.text("degree_uid").to_owned(), bands);
    }
    if let Some(degrees) = params.optional_object("per_degree_design_bands") {
        for degree in degrees.keys() {
            roadm.degree_design_bands.insert(degree.to_owned(), design_bands(&degrees, degree));
        }
    }
}

/// Targets of single degrees; where a degree has several, power goes before density, and that before slot density.
fn degree_equalisation(params: &Fields<'_>) -> BTreeMap<String, Equalisation> {
    type Kind = (&'static str, Range, fn(f64) -> Equalisation);
    const KINDS: [Kind; 3] = [
        ("per_degree_psd_out_mWperSlotWidth", Range::Positive, Equalisation::SlotDensityMwPerGhz),
        ("per_degree_psd_out_mWperGHz", Range::Positive, Equalisation::DensityMwPerGhz),
        ("per_degree_pch_out_db", Range::Any, Equalisation::PowerDbm),
    ];
    let mut targets = BTreeMap::new();
    for (key, range, kind) in KINDS {
        let Some(degrees) = params.optional_object(key) else { continue };
        for degree in degrees.keys() {
            if let Some(target) = degrees.optional_number(degree, range) {
                targets.insert(degree.to_owned(), kind(target));
            }
        }
    }
    for degree in params.objects("per_degree_power_targets") {
        for (key, range, kind) in KINDS {
            if let Some(target) = degree.optional_number(key, range) {
                targets.insert(degree.text("degree_uid").to_owned(), kind(target));
            }
        }
    }
    targets
}

fn design_bands(params: &Fields<'_>, key: &str) -> Vec<DesignBand> {
    let bands = params.objects(key);
    let band = |band: &Fields<'_>| {
        let read = DesignBand {
            f_min_hz: band.number("f_min", Range::Positive),
            f_max_hz: band.number("f_max", Range::Positive),
            spacing_hz: band.optional_number("spacing", Range::Positive),
        };
        if read.f_min_hz >= read.f_max_hz {
            band.error("OUT_OF_RANGE", "f_max", &format!("f_max is {}, must be above f_min", read.f_max_hz));
        }
        read
    };
    bands.iter().map(band).collect()
}

fn amplifier(entry: &Fields<'_>, equipment: &Equipment) -> Amplifier {
    let amplifier_type = variety(entry).and_then(|name| {
        let found = equipment.amplifier(name);
        if found.is_none() {
            let detail =
                format!("type_variety is \"{name}\", which is no amplifier of one band of the library");
            entry.error("UNKNOWN_TYPE", "type_variety", &detail);
        }
        found
    });
    Amplifier {
        amplifier_type,
        allowed_types: roadms::amplifier_names(entry, "variety_list", equipment),
        wanted: settings(entry),
        working_point: None,
    }
}

fn settings(entry: &Fields<'_>) -> AmplifierSettings {
    let Some(operational) = entry.optional_object("operational") else {
        return AmplifierSettings::default();
    };
    AmplifierSettings {
        gain_db: operational.optional_number("gain_target", Range::Any),
        delta_p_db: operational.optional_number("delta_p", Range::Any),
        tilt_db: operational.optional_number("tilt_target", Range::Any),
        out_voa_db: operational.optional_number("out_voa", Range::NotNegative),
        in_voa_db: operational.optional_number("in_voa", Range::NotNegative),
    }
}

fn multiband(entry: &Fields<'_>, equipment: &Equipment) -> MultibandAmplifier {
    let wanted = variety(entry);
    let of = wanted.and_then(|name| equipment.multiband_amplifier(name));
    if let (Some(name), None) = (wanted, of) {
        let detail =
            format!("type_variety is \"{name}\", which is no amplifier of several bands of the library");
        entry.error("UNKNOWN_TYPE", "type_variety", &detail);
    }
    let mut bands = Vec::new();
    for part in entry.objects("amplifiers") {
        if let (Some(of), Some(name)) = (of, variety(&part))
            && !of.amplifiers.iter().any(|allowed| allowed == name)
        {
            let detail = format!("amplifiers names \"{name}\", which \"{}\" is not made of", of.name);
            part.error("CONFLICT", "type_variety", &detail);
        }
        bands.push(amplifier(&part, equipment));
    }
    MultibandAmplifier {
        type_name: of.map(|of| of.name.clone()),
        allowed_types: roadms::amplifier_names(entry, "variety_list", equipment),
        bands,
    }
}
