//! A detailed network as a GNPy topology: what it is set to, where GNPy looks for it.

use serde_json::{Map, Value, json};

use super::super::{fibres, rounded};
use crate::equipment::{
    Equalisation, Equipment, FibreType, ImpairmentProfile, PathKind, PerFrequency, RoadmType,
};
use crate::line::{
    Amplifier, DesignBand, Dispersion, Element, ElementKind, Fibre, LineNetwork, Location,
    MultibandAmplifier, Roadm, Spectrum, WorkingPoint,
};

/// Writes a network as it is designed (or as it was read, where it is not): elements, then connections, in their
/// order. Lengths and losses have six digits behind the point, gains too.
///
/// What differs from the type in the library is written too, so that reading it back over the same library gives the
/// same network; the design's losses of whole spans are not.
pub fn write(network: &LineNetwork, equipment: &Equipment) -> Value {
    let elements: Vec<Value> = network.elements().iter().map(|of| element(of, equipment)).collect();
    let connections: Vec<Value> = (0..network.len())
        .flat_map(|from| network.successors(from).iter().map(move |&to| (from, to)))
        .map(|(from, to)| {
            json!({ "from_node": network.element(from).uid, "to_node": network.element(to).uid })
        })
        .collect();
    json!({ "elements": elements, "connections": connections })
}

type Object = Map<String, Value>;

fn element(element: &Element, equipment: &Equipment) -> Value {
    let mut object = Object::new();
    object.insert("uid".to_owned(), json!(element.uid));
    let kind = match &element.kind {
        ElementKind::Transceiver => "Transceiver",
        ElementKind::Roadm(roadm) => {
            object.insert("type_variety".to_owned(), json!(roadm.type_name));
            object.insert("params".to_owned(), roadm_params(roadm, equipment.roadm(&roadm.type_name)));
            "Roadm"
        }
        ElementKind::Fused(fused) => {
            object.insert("params".to_owned(), json!({ "loss": fused.loss_db }));
            "Fused"
        }
        ElementKind::Fibre(fibre) => write_fibre(&mut object, fibre, equipment),
        ElementKind::Amplifier(amplifier) => {
            write_amplifier(&mut object, amplifier, equipment);
            write_list(&mut object, "variety_list", &amplifier.allowed_types);
            "Edfa"
        }
        ElementKind::MultibandAmplifier(amplifier) => {
            write_multiband(&mut object, amplifier, equipment);
            "Multiband_amplifier"
        }
    };
    object.insert("type".to_owned(), json!(kind));
    if let Some(place) = &element.location {
        object.insert("metadata".to_owned(), json!({ "location": location(place) }));
    }
    Value::Object(object)
}

fn location(place: &Location) -> Value {
    json!({
        "latitude": place.latitude, "longitude": place.longitude, "city": place.city, "region": place.region,
    })
}

fn write_list(object: &mut Object, key: &str, names: &[String]) {
    if !names.is_empty() {
        object.insert(key.to_owned(), json!(names));
    }
}

fn roadm_params(roadm: &Roadm, of: Option<&RoadmType>) -> Value {
    let mut params = Object::new();
    let (kind, target) = equalisation(roadm.equalisation);
    params.insert(NODE_TARGETS[kind].to_owned(), json!(target));
    let restrictions =
        json!({ "preamp_variety_list": roadm.preamp_types, "booster_variety_list": roadm.booster_types });
    params.insert("restrictions".to_owned(), restrictions);
    let mut own = |key: &str, value: f64, of: Option<f64>| {
        if of != Some(value) {
            params.insert(key.to_owned(), json!(value));
        }
    };
    own("add_drop_osnr", roadm.add_drop_osnr_db, of.map(|of| of.add_drop_osnr_db));
    own("pmd", roadm.pmd_s, of.map(|of| of.pmd_s));
    own("pdl", roadm.pdl_db, of.map(|of| of.pdl_db));
    if of.is_none_or(|of| of.profiles != roadm.profiles) {
        let profiles: Vec<Value> = roadm.profiles.iter().map(profile).collect();
        params.insert("roadm-path-impairments".to_owned(), json!(profiles));
    }
    for (degree, &target) in &roadm.degree_equalisation {
        let (kind, target) = equalisation(target);
        let degrees = params.entry(DEGREE_TARGETS[kind]).or_insert_with(|| json!({}));
        degrees[degree] = json!(target);
    }
    let paths: Vec<Value> = roadm
        .degree_profiles
        .iter()
        .map(|((from, to), id)| json!({ "from_degree": from, "to_degree": to, "impairment_id": id }))
        .collect();
    if !paths.is_empty() {
        params.insert("per_degree_impairments".to_owned(), json!(paths));
    }
    if !roadm.design_bands.is_empty() {
        params.insert("design_bands".to_owned(), bands(&roadm.design_bands));
    }
    if !roadm.degree_design_bands.is_empty() {
        let degrees: Object =
            roadm.degree_design_bands.iter().map(|(degree, own)| (degree.clone(), bands(own))).collect();
        params.insert("per_degree_design_bands".to_owned(), Value::Object(degrees));
    }
    Value::Object(params)
}

const NODE_TARGETS: [&str; 3] = ["target_pch_out_db", "target_psd_out_mWperGHz", "target_out_mWperSlotWidth"];
const DEGREE_TARGETS: [&str; 3] =
    ["per_degree_pch_out_db", "per_degree_psd_out_mWperGHz", "per_degree_psd_out_mWperSlotWidth"];

/// Which of the targets, and its value.
fn equalisation(equalisation: Equalisation) -> (usize, f64) {
    match equalisation {
        Equalisation::PowerDbm(target) => (0, target),
        Equalisation::DensityMwPerGhz(target) => (1, target),
        Equalisation::SlotDensityMwPerGhz(target) => (2, target),
    }
}

fn profile(profile: &ImpairmentProfile) -> Value {
    let kind = match profile.kind {
        PathKind::Express => "roadm-express-path",
        PathKind::Add => "roadm-add-path",
        PathKind::Drop => "roadm-drop-path",
    };
    let range = |of: &crate::equipment::roadm::Impairment| {
        let mut range = json!({
            "frequency-range": { "lower-frequency": of.lower_hz, "upper-frequency": of.upper_hz },
            "roadm-maxloss": of.max_loss_db, "roadm-pmd": of.pmd_s, "roadm-pdl": of.pdl_db,
        });
        if let Some(osnr_db) = of.osnr_db {
            range["roadm-osnr"] = json!(osnr_db);
        }
        range
    };
    let ranges: Vec<Value> = profile.ranges.iter().map(range).collect();
    json!({ "roadm-path-impairments-id": profile.id, kind: ranges })
}

fn bands(bands: &[DesignBand]) -> Value {
    let band = |band: &DesignBand| {
        let mut object = json!({ "f_min": band.f_min_hz, "f_max": band.f_max_hz });
        if let Some(spacing_hz) = band.spacing_hz {
            object["spacing"] = json!(spacing_hz);
        }
        object
    };
    bands.iter().map(band).collect()
}

/// Writes a fibre and gives its kind.
fn write_fibre(object: &mut Object, fibre: &Fibre, equipment: &Equipment) -> &'static str {
    object.insert("type_variety".to_owned(), json!(fibre.type_name));
    let (kind, of) = match &fibre.raman {
        None => ("Fiber", equipment.fibre(&fibre.type_name)),
        Some(_) => ("RamanFiber", equipment.raman_fibre(&fibre.type_name)),
    };
    object.insert("params".to_owned(), Value::Object(fibre_params(fibre, of)));
    if let Some(raman) = &fibre.raman {
        let direction = |co| if co { "coprop" } else { "counterprop" };
        let pumps: Vec<Value> = raman
            .pumps
            .iter()
            .map(|pump| {
                json!({
                    "power": pump.power_w, "frequency": pump.frequency_hz,
                    "propagation_direction": direction(pump.co_propagating),
                })
            })
            .collect();
        let operational = json!({ "temperature": raman.temperature_k, "raman_pumps": pumps });
        object.insert("operational".to_owned(), operational);
    }
    kind
}

fn fibre_params(fibre: &Fibre, of: Option<&FibreType>) -> Object {
    let mut params = Object::new();
    let mut put = |key: &str, value: Value| params.insert(key.to_owned(), value);
    put("length", json!(rounded(fibre.length_m * 1e-3, 6)));
    put("length_units", json!("km"));
    put("att_in", json!(fibre.att_in_db));
    put("con_in", json!(fibre.connector_in_db));
    put("con_out", json!(fibre.connector_out_db));
    match &fibre.loss_db_per_km {
        Spectrum::Flat(loss) => put("loss_coef", json!(rounded(*loss, 6))),
        Spectrum::Table(table) => put("loss_coef", columns(table, |loss| rounded(loss, 6))),
    };
    if fibre.reference_frequency_hz != fibres::REFERENCE_FREQUENCY_HZ {
        put("ref_frequency", json!(fibre.reference_frequency_hz));
    }
    let type_dispersion = of.map(|of| of.dispersion_s_per_m2);
    match &fibre.dispersion {
        Dispersion::Constant(own) if type_dispersion == Some(*own) => {}
        Dispersion::Constant(own) => drop(put("dispersion", json!(own))),
        Dispersion::Slope { dispersion, slope } => {
            if type_dispersion != Some(*dispersion) {
                put("dispersion", json!(dispersion));
            }
            put("dispersion_slope", json!(slope));
        }
        Dispersion::Table(table) => drop(put("dispersion_per_frequency", columns(table, |value| value))),
    }
    let type_area = of.map(|of| super::spans::type_effective_area(of, fibre.reference_frequency_hz));
    if type_area != Some(fibre.effective_area_m2) {
        put("effective_area", json!(fibre.effective_area_m2));
    }
    if of.map(|of| of.pmd_s_per_sqrt_m) != Some(fibre.pmd_s_per_sqrt_m) {
        put("pmd_coef", json!(fibre.pmd_s_per_sqrt_m));
    }
    if !fibre.lumped_losses.is_empty() {
        let loss =
            |&(at_m, loss_db): &(f64, f64)| json!({ "position": rounded(at_m * 1e-3, 9), "loss": loss_db });
        put("lumped_losses", fibre.lumped_losses.iter().map(loss).collect());
    }
    if let Some(raman) = &fibre.raman_efficiency
        && of.is_none_or(|of| of.raman_efficiency.as_ref() != Some(raman))
    {
        let own = json!({
            "reference_frequency": raman.reference_frequency_hz,
            "frequency_offset": raman.offset_hz, "g0": raman.value,
        });
        put("raman_coefficient", own);
    }
    params
}

fn columns(table: &PerFrequency, of: impl Fn(f64) -> f64) -> Value {
    let values: Vec<f64> = table.value.iter().map(|&value| of(value)).collect();
    json!({ "frequency": table.frequency_hz, "value": values })
}

fn write_amplifier(object: &mut Object, amplifier: &Amplifier, equipment: &Equipment) {
    let of = amplifier.amplifier_type.and_then(|index| equipment.amplifiers.get(index));
    object.insert("type_variety".to_owned(), json!(of.map_or("", |of| of.name.as_str())));
    let operational = match &amplifier.working_point {
        Some(point) => designed(point, equipment.span_rules.power_mode),
        None => json!({
            "gain_target": amplifier.wanted.gain_db, "delta_p": amplifier.wanted.delta_p_db,
            "tilt_target": amplifier.wanted.tilt_db, "out_voa": amplifier.wanted.out_voa_db,
            "in_voa": amplifier.wanted.in_voa_db,
        }),
    };
    object.insert("operational".to_owned(), operational);
}

/// Where amplifiers are set by gain, an offset of power means nothing.
fn designed(point: &WorkingPoint, power_mode: bool) -> Value {
    json!({
        "gain_target": rounded(point.gain_db, 6),
        "delta_p": power_mode.then_some(point.delta_p_db),
        "tilt_target": rounded(point.tilt_db, 5),
        "out_voa": point.out_voa_db,
        "in_voa": point.in_voa_db,
    })
}

fn write_multiband(object: &mut Object, amplifier: &MultibandAmplifier, equipment: &Equipment) {
    object.insert("type_variety".to_owned(), json!(amplifier.type_name.as_deref().unwrap_or_default()));
    let band = |band: &Amplifier| {
        let mut part = Object::new();
        write_amplifier(&mut part, band, equipment);
        Value::Object(part)
    };
    object.insert("amplifiers".to_owned(), amplifier.bands.iter().map(band).collect());
    write_list(object, "variety_list", &amplifier.allowed_types);
}
