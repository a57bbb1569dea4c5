//! Compares a designed network with the reference's: its elements, their settings, its connections.

use std::collections::{BTreeMap, BTreeSet};

use optics::equipment::{Equalisation, Equipment};
use optics::line::{Amplifier, ElementKind, Fibre, LineNetwork, Roadm, Spectrum};
use serde_json::Value;

use super::deviations::Deviations;

/// Compares all elements the reference lists, and the network's figures with `design_stats`.
pub fn compare(network: &LineNetwork, equipment: &Equipment, case: &Value, found: &mut Deviations) {
    let design = &case["design"];
    let elements = list(&design["elements"]);
    for expected in elements {
        let uid = expected["uid"].as_str().unwrap_or_default();
        match network.index_of(uid) {
            Some(index) => element(uid, &network.element(index).kind, equipment, expected, found),
            None => found.failed("element", format_args!("\"{uid}\" is missing")),
        }
    }
    let partial = design.get("partial").is_some();
    if !partial {
        found.same("element", "how many", &elements.len(), &network.len());
    }
    connections(network, elements, &design["connections"], partial, found);
    stats(network, equipment, &case["design_stats"], found);
}

/// The items of a list; none of what is no list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn element(uid: &str, kind: &ElementKind, equipment: &Equipment, expected: &Value, found: &mut Deviations) {
    let params = &expected["params"];
    let name = match kind {
        ElementKind::Transceiver => "Transceiver",
        ElementKind::Roadm(_) => "Roadm",
        ElementKind::Fused(_) => "Fused",
        ElementKind::Fibre(fibre) if fibre.raman.is_some() => "RamanFiber",
        ElementKind::Fibre(_) => "Fiber",
        ElementKind::Amplifier(_) => "Edfa",
        ElementKind::MultibandAmplifier(_) => "Multiband_amplifier",
    };
    found.same("kind", uid, expected["type"].as_str().unwrap_or_default(), name);
    match kind {
        ElementKind::Transceiver => {}
        ElementKind::Fused(fused) => found.number("fused loss", uid, &params["loss"], fused.loss_db),
        ElementKind::Roadm(roadm) => self::roadm(uid, roadm, params, found),
        ElementKind::Fibre(fibre) => self::fibre(uid, fibre, expected, found),
        ElementKind::Amplifier(amplifier) => {
            self::amplifier(uid, amplifier, equipment, expected, found);
            if let Some(point) = &amplifier.working_point {
                found.number("delta_p of design", uid, &expected["delta_p_design_db"], point.delta_p_db);
            }
        }
        ElementKind::MultibandAmplifier(amplifier) => {
            let name = amplifier.type_name.as_deref().unwrap_or_default();
            found.same("amplifier type", uid, expected["type_variety"].as_str().unwrap_or_default(), name);
            let expected = list(&expected["amplifiers"]);
            found.same("amplifier bands", uid, &expected.len(), &amplifier.bands.len());
            for wanted in expected {
                let name = wanted["type_variety"].as_str().unwrap_or_default();
                let band = amplifier.bands.iter().find(|band| type_name(band, equipment) == name);
                match band {
                    Some(band) => self::amplifier(uid, band, equipment, wanted, found),
                    None => found.failed("amplifier type", format_args!("{uid}: no {name} among its bands")),
                }
            }
        }
    }
}

fn type_name<'a>(amplifier: &Amplifier, equipment: &'a Equipment) -> &'a str {
    amplifier.amplifier_type.map_or("", |index| equipment.amplifiers[index].name.as_str())
}

fn amplifier(
    uid: &str,
    amplifier: &Amplifier,
    equipment: &Equipment,
    expected: &Value,
    found: &mut Deviations,
) {
    let name = expected["type_variety"].as_str().unwrap_or_default();
    found.same("amplifier type", uid, name, type_name(amplifier, equipment));
    let Some(point) = &amplifier.working_point else {
        found.failed("gain", format_args!("{uid}: no working point"));
        return;
    };
    let settings = &expected["operational"];
    found.number("gain", uid, &settings["gain_target"], point.gain_db);
    found.number("tilt", uid, &settings["tilt_target"], point.tilt_db);
    found.number("out VOA", uid, &settings["out_voa"], point.out_voa_db);
    if !settings["delta_p"].is_null() {
        found.number("delta_p", uid, &settings["delta_p"], point.delta_p_db);
    }
    if let Some(in_voa) = settings.get("in_voa") {
        found.number("in VOA", uid, in_voa, point.in_voa_db);
    }
}

fn roadm(uid: &str, roadm: &Roadm, params: &Value, found: &mut Deviations) {
    let of_node =
        [("target_pch_out_db", 0), ("target_psd_out_mWperGHz", 1), ("target_out_mWperSlotWidth", 2)];
    for (key, kind) in of_node {
        if let Some(expected) = params.get(key) {
            target(uid, roadm.equalisation, kind, expected, found);
        }
    }
    let of_degree = [
        ("per_degree_pch_out_db", 0),
        ("per_degree_psd_out_mWperGHz", 1),
        ("per_degree_psd_out_mWperSlotWidth", 2),
    ];
    let mut seen = BTreeSet::new();
    for (key, kind) in of_degree {
        for (degree, expected) in params[key].as_object().into_iter().flatten() {
            if seen.insert(degree) {
                let own = roadm.degree_equalisation.get(degree).copied().unwrap_or(roadm.equalisation);
                target(&format!("{uid} to {degree}"), own, kind, expected, found);
            }
        }
    }
}

fn target(at: &str, actual: Equalisation, kind: u8, expected: &Value, found: &mut Deviations) {
    let (actual_kind, value) = match actual {
        Equalisation::PowerDbm(value) => (0, value),
        Equalisation::DensityMwPerGhz(value) => (1, value),
        Equalisation::SlotDensityMwPerGhz(value) => (2, value),
    };
    found.same("equalisation", at, &kind, &actual_kind);
    found.number("equalisation", at, expected, value);
}

fn fibre(uid: &str, fibre: &Fibre, expected: &Value, found: &mut Deviations) {
    let params = &expected["params"];
    let per_length = if params["length_units"] == "km" { 1e-3 } else { 1.0 };
    found.same("fibre type", uid, expected["type_variety"].as_str().unwrap_or_default(), &fibre.type_name);
    found.number("fibre length", uid, &params["length"], fibre.length_m * per_length);
    found.number("fibre attenuator", uid, &params["att_in"], fibre.att_in_db);
    found.number("fibre connector", uid, &params["con_in"], fibre.connector_in_db.unwrap_or(f64::NAN));
    found.number("fibre connector", uid, &params["con_out"], fibre.connector_out_db.unwrap_or(f64::NAN));
    found.number("fibre loss", uid, &expected["loss_db"], loss_db(fibre));
    if let Some(span_loss) = expected.get("design_span_loss_db") {
        found.number("span loss", uid, span_loss, fibre.design_span_loss_db.unwrap_or(f64::NAN));
    }
}

/// Loss of a fibre at its reference frequency, with connectors and attenuator, in dB.
fn loss_db(fibre: &Fibre) -> f64 {
    let per_km = match &fibre.loss_db_per_km {
        Spectrum::Flat(value) => *value,
        Spectrum::Table(table) => {
            let upper = table.frequency_hz.iter().position(|&f| f >= fibre.reference_frequency_hz);
            let upper = upper.unwrap_or(table.frequency_hz.len() - 1).max(1);
            let (f0, f1) = (table.frequency_hz[upper - 1], table.frequency_hz[upper]);
            let (v0, v1) = (table.value[upper - 1], table.value[upper]);
            v0 + (v1 - v0) * (fibre.reference_frequency_hz - f0) / (f1 - f0)
        }
    };
    per_km * fibre.length_m * 1e-3
        + fibre.att_in_db
        + fibre.connector_in_db.unwrap_or(0.0)
        + fibre.connector_out_db.unwrap_or(0.0)
        + fibre.lumped_losses.iter().map(|(_, loss)| loss).sum::<f64>()
}

fn connections(
    network: &LineNetwork,
    elements: &[Value],
    expected: &Value,
    partial: bool,
    found: &mut Deviations,
) {
    let uid = |value: &Value| {
        let position = usize::try_from(value.as_u64().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        elements.get(position).and_then(|element| element["uid"].as_str()).unwrap_or("?")
    };
    let expected: BTreeSet<(&str, &str)> =
        list(expected).iter().map(|pair| (uid(&pair[0]), uid(&pair[1]))).collect();
    let mut actual = BTreeSet::new();
    for (index, element) in network.elements().iter().enumerate() {
        for &next in network.successors(index) {
            actual.insert((element.uid.as_str(), network.element(next).uid.as_str()));
        }
    }
    for (from, to) in expected.difference(&actual) {
        found.failed("connection", format_args!("\"{from}\" to \"{to}\" is missing"));
    }
    if !partial {
        for (from, to) in actual.difference(&expected) {
            found.failed("connection", format_args!("\"{from}\" to \"{to}\" is one too many"));
        }
    }
}

fn stats(network: &LineNetwork, equipment: &Equipment, expected: &Value, found: &mut Deviations) {
    let mut fibres = 0;
    let mut amplifiers: BTreeMap<String, u64> = BTreeMap::new();
    let mut gain_db = 0.0;
    for element in network.elements() {
        match &element.kind {
            ElementKind::Fibre(_) => fibres += 1,
            ElementKind::Amplifier(amplifier) => {
                *amplifiers.entry(type_name(amplifier, equipment).to_owned()).or_default() += 1;
                gain_db += amplifier.working_point.map_or(f64::NAN, |point| point.gain_db);
            }
            _ => {}
        }
    }
    found.number("elements", "design_stats", &expected["elements"], network.len() as f64);
    found.number("fibres", "design_stats", &expected["fibers"], f64::from(fibres));
    let wanted: BTreeMap<String, u64> = expected["edfas_by_variety"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or_default()))
        .collect();
    found.same("amplifiers by type", "design_stats", &wanted, &amplifiers);
    // the reference rounds each gain to six digits before it adds them up
    found.number("sum of gains", "design_stats", &expected["sum_edfa_gain_db"], gain_db);
}
