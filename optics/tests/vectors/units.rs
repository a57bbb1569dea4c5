//! Compares single rules with the reference's tables: rounding, splitting, noise figures, fibres, NLI, amplifiers.

use optics::design::complete;
use optics::design::rounding::Step;
use optics::equipment::amplifier::{AmplifierTables, AmplifierType, NoiseModel};
use optics::equipment::noise_figure::NoiseFigure;
use optics::equipment::{Equipment, SpanRules, SpectralInformation};
use optics::gnpy::equipment::{self, AmplifierConfigs};
use optics::gnpy::topology;
use optics::line::{Amplifier, Element, ElementKind, LineNetwork, WorkingPoint};
use optics::propagation::solver::{ComputedChannels, Ggn, NliSolver};
use optics::propagation::{Bandwidth, Channel, Comb, Gains, Passed, Propagation, Received, Solver};
use serde_json::{Value, json};

use super::design::list;
use super::deviations::Deviations;

/// Compares all tables. `common` holds the equipment library that some of them refer to.
pub fn compare(case: &Value, common: Option<&Value>, found: &mut Deviations) {
    for row in list(&case["round2float"]) {
        let rounded = Step::new(number(&row[1])).round(number(&row[0]));
        found.number("rounding", format_args!("{} in steps of {}", row[0], row[1]), &row[2], rounded);
    }
    for row in list(&case["split_length"]) {
        split(row, found);
    }
    for row in list(&case["nf_two_stage"]) {
        two_coils(row, found);
    }
    for row in list(&case["fiber"]) {
        fibre(row, found);
    }
    for row in list(&case["span_nli"]) {
        span_nli(row, found);
    }
    let library =
        common.map(|common| equipment::read(&common["eqpt_config.json"], &AmplifierConfigs::default()));
    match library {
        Some(Ok(library)) => {
            for row in list(&case["nf_vs_gain"]["rows"]) {
                noise_figures(row, &library, found);
            }
            for row in list(&case["edfa_profile"]) {
                amplifier(row, &library, found);
            }
        }
        Some(Err(findings)) => found.failed("equipment", format_args!("{findings:?}")),
        None => found.failed("equipment", "common-data.json is not beside the tables"),
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// A network of two transceivers with elements between.
fn line(elements: Vec<Element>) -> LineNetwork {
    let end = |uid: &str| Element { uid: uid.to_owned(), kind: ElementKind::Transceiver, location: None };
    let mut network = LineNetwork::default();
    let all = std::iter::once(end("from")).chain(elements).chain([end("to")]);
    let indices: Vec<usize> = all.map(|element| network.add(element).expect("names differ")).collect();
    indices.windows(2).for_each(|pair| network.connect(pair[0], pair[1]));
    network
}

/// A fibre with these parameters, read as from a topology file.
fn fibre_of(params: &Value) -> Element {
    let library = json!({
        "Edfa": [], "Roadm": [{"target_pch_out_db": -20, "add_drop_osnr": 38}], "Transceiver": [],
        "Fiber": [{"type_variety": "any", "dispersion": 1.67e-5, "effective_area": 83e-12, "pmd_coef": 0}],
        "Span": [{"max_length": 150, "length_units": "km", "delta_power_range_db": [0, 0, 0.5]}],
        "SI": [{"f_min": 191.3e12, "f_max": 196.1e12, "baud_rate": 32e9, "spacing": 50e9, "roll_off": 0.15,
                "power_dbm": 0, "power_range_db": [0, 0, 1], "tx_osnr": 40, "sys_margins": 0}],
    });
    // the library's own effective area must not stand in for a gamma of the fibre
    let mut library = library;
    let keys = ["dispersion", "effective_area", "gamma", "pmd_coef"];
    let own = keys.into_iter().filter_map(|key| Some((key.to_owned(), params.get(key)?.clone())));
    let mut kind: serde_json::Map<String, Value> = own.collect();
    kind.insert("type_variety".to_owned(), "any".into());
    kind.entry("dispersion").or_insert_with(|| 1.67e-5.into());
    library["Fiber"] = json!([kind]);
    let library = equipment::read(&library, &AmplifierConfigs::default()).expect("a library");
    let topology = json!({
        "elements": [{"uid": "fibre", "type": "Fiber", "type_variety": "any", "params": params},
                     {"uid": "from", "type": "Transceiver"}, {"uid": "to", "type": "Transceiver"}],
        "connections": [{"from_node": "from", "to_node": "fibre"}, {"from_node": "fibre", "to_node": "to"}],
    });
    let network = topology::read(&topology, &library).expect("a topology");
    network.element(network.index_of("fibre").expect("is there")).clone()
}

fn send(
    network: &LineNetwork,
    equipment: &Equipment,
    solver: &Solver,
    channels: Vec<Channel>,
) -> Result<(Received, Vec<Passed>), String> {
    let comb = Comb::new(channels).map_err(|error| error.to_string())?;
    let ends = ["from", "to"].map(|uid| network.index_of(uid).expect("both are there"));
    let mut route = vec![ends[0]];
    while let Some(&next) = network.successors(route[route.len() - 1]).first() {
        route.push(next);
    }
    assert_eq!(route.last(), Some(&ends[1]));
    Propagation::new(network, equipment, solver)
        .run_traced(&route, &comb, &mut Gains::default())
        .map_err(|error| error.to_string())
}

fn split(row: &Value, found: &mut Deviations) {
    let rules = SpanRules {
        max_length_m: number(&row["max_length_km"]) * 1e3,
        padding_db: number(&row["padding_db"]),
        ..SpanRules::default()
    };
    let at = format!("{row}");
    let equipment = Equipment {
        span_rules: rules,
        spectral: vec![SpectralInformation::default()],
        ..Equipment::default()
    };
    let params = json!({"length": row["length_km"], "length_units": "km", "loss_coef": 0.2});
    let mut network = line(vec![fibre_of(&params)]);
    if let Err(error) = complete(&mut network, &equipment) {
        found.failed("splitting", format_args!("{at}: {error}"));
        return;
    }
    let spans: Vec<f64> = network
        .elements()
        .iter()
        .filter_map(|element| match &element.kind {
            ElementKind::Fibre(fibre) => Some(fibre.length_m * 1e-3),
            _ => None,
        })
        .collect();
    found.number("splitting", &at, &row["n"], spans.len() as f64);
    found.number("splitting", &at, &row["span_km"], spans.first().copied().unwrap_or(f64::NAN));
}

fn two_coils(row: &Value, found: &mut Deviations) {
    let kind = AmplifierType {
        name: "two coils".to_owned(),
        f_min_hz: 191.275e12,
        f_max_hz: 196.125e12,
        gain_min_db: number(&row["gain_min"]),
        gain_flatmax_db: number(&row["gain_flatmax"]),
        p_max_dbm: 23.0,
        noise: NoiseModel::VariableGain {
            nf_min_db: number(&row["nf_min"]),
            nf_max_db: number(&row["nf_max"]),
        },
        tables: AmplifierTables::default(),
        pmd_s: 0.0,
        pdl_db: 0.0,
        raman: false,
        allowed_for_design: true,
        out_voa_auto: false,
    };
    let at = format!("{row}");
    let fitted = NoiseFigure::new(&kind);
    found.same("two coils", &at, &row.get("error").is_some(), &fitted.is_err());
    if let (Ok(fitted), None) = (fitted, row.get("error")) {
        let coils = fitted.coils().map(|coils| [coils.nf1_db, coils.nf2_db, coils.delta_p_db]);
        let coils = coils.unwrap_or([f64::NAN; 3]);
        for (key, value) in ["nf1", "nf2", "delta_p"].into_iter().zip(coils) {
            found.number("two coils", format_args!("{at} {key}"), &row[key], value);
        }
    }
}

fn noise_figures(row: &Value, library: &Equipment, found: &mut Deviations) {
    let name = row["variety"].as_str().unwrap_or_default();
    let Some(kind) = library.amplifier(name).map(|index| &library.amplifiers[index]) else {
        found.failed("noise figure", format_args!("{name} is not in the library"));
        return;
    };
    let model = match NoiseFigure::new(kind) {
        Ok(model) => model,
        Err(error) => {
            found.failed("noise figure", error);
            return;
        }
    };
    // 0 dBm in 88 channels
    let channel_dbm = -10.0 * 88f64.log10();
    for point in list(&row["nf"]) {
        let nf_db = model.at(number(&point[0]), channel_dbm).nf_db;
        found.number("noise figure", format_args!("{name} at {} dB", point[0]), &point[1], nf_db);
    }
}

/// A channel at a frequency, of 32 GBd unless told otherwise.
fn channel(frequency_hz: f64, baud_rate: f64, slot_width_hz: f64, power_w: f64) -> Channel {
    Channel {
        frequency_hz,
        baud_rate,
        slot_width_hz,
        roll_off: 0.15,
        offset_db: 0.0,
        tx_osnr_db: 100.0,
        tx_power_dbm: 10.0 * (power_w * 1e3).log10(),
    }
}

fn designed_equipment() -> Equipment {
    // a band that holds every channel of the tables
    let spectral =
        SpectralInformation { f_min_hz: 180e12, f_max_hz: 200e12, ..SpectralInformation::default() };
    Equipment { spectral: vec![spectral], ..Equipment::default() }
}

/// Loss, CD, PMD, latency of a fibre directly; β₂ and γ by the NLI of a lone channel, which the closed form gives.
fn fibre(row: &Value, found: &mut Deviations) {
    let mut params = row["params"].clone();
    for (key, value) in [
        ("length", row["length_km"].clone()),
        ("length_units", "km".into()),
        ("loss_coef", 0.2.into()),
        ("con_in", 0.5.into()),
        ("con_out", 0.5.into()),
    ] {
        params[key] = value;
    }
    let network = line(vec![fibre_of(&params)]);
    let at = |what: &str| format!("{} {what}", row["params"]);
    let length_m = number(&row["length_km"]) * 1e3;
    let by_frequency = |key: &str, position: usize| match &row[key] {
        Value::Array(values) => values[position].clone(),
        single => single.clone(),
    };
    for (position, frequency) in list(&row["frequency_hz"]).iter().enumerate() {
        let baud_rate = 32e9;
        let launched_w = 1e-3;
        let channel = channel(number(frequency), baud_rate, 50e9, launched_w);
        let received = match send(&network, &designed_equipment(), &Solver::default(), vec![channel]) {
            Ok((received, _)) => received,
            Err(error) => {
                found.failed("fibre", error);
                return;
            }
        };
        found.number("fibre loss", at("loss"), &row["loss_db"], -received.power_dbm()[0]);
        found.number(
            "fibre CD",
            at("CD"),
            &by_frequency("cd_ps_per_nm", position),
            received.cd_ps_per_nm()[0],
        );
        found.number("fibre PMD", at("PMD"), &by_frequency("pmd_ps", position), received.pmd_ps()[0]);
        found.number("fibre latency", at("latency"), &row["latency_ms"], received.latency_ms());
        let alpha = number(&by_frequency("alpha_per_m", position));
        let beta_2 = number(&by_frequency("beta2_s2_per_m", position)).abs();
        let gamma = number(&by_frequency("gamma_per_w_m", position));
        let power_w = launched_w * 10f64.powf(-0.05);
        let effective_m = (1.0 - (-alpha * length_m).exp()) / alpha;
        let width = std::f64::consts::PI.powi(2) / alpha * beta_2 * baud_rate.powi(2) / 2.0;
        let psi = effective_m.powi(2) * alpha / (2.0 * std::f64::consts::PI * beta_2) * width.asinh();
        let ratio = gamma.powi(2) * 16.0 / 27.0 * psi * (power_w / baud_rate).powi(2);
        // signal over NLI once NLI was taken from the signal
        let expected = 10.0 * ((1.0 - ratio) / ratio).log10();
        let snr_nli = received.snr_nli_db(Bandwidth::Signal)[0];
        found.number("fibre NLI", at("NLI"), &expected.into(), snr_nli);
    }
}

fn span_nli(row: &Value, found: &mut Deviations) {
    let params = json!({
        "length": row["length_km"], "length_units": "km", "loss_coef": row["loss_coef"], "con_in": 0, "con_out": 0,
        "dispersion": row["dispersion"], "effective_area": row["effective_area"], "pmd_coef": 0,
    });
    let network = line(vec![fibre_of(&params)]);
    let ggn = Ggn { channels: ComputedChannels::All, ..Ggn::default() };
    let method = row["method"].as_str().unwrap_or_default();
    let nli = match method {
        "gn_model_analytic" => NliSolver::GnClosedForm,
        "ggn_spectrally_separated" => NliSolver::GgnSeparated(ggn),
        "ggn_approx" => NliSolver::GgnApproximate(ggn),
        _ => {
            found.failed("span NLI", format_args!("{method} is not known"));
            return;
        }
    };
    let solver = Solver { nli, ..Solver::default() };
    let power_w = number(&row["pch_w"]);
    let channels = list(&row["frequency_hz"])
        .iter()
        .map(|f| channel(number(f), number(&row["baud_rate_hz"]), number(&row["spacing_hz"]), power_w))
        .collect();
    match send(&network, &designed_equipment(), &solver, channels) {
        Ok((received, _)) => {
            let ratios: Vec<f64> = received
                .snr_nli_db(Bandwidth::Signal)
                .iter()
                // NLI was taken from the signal: over channel power it is 1/(1 + SNR)
                .map(|snr| -10.0 * (1.0 + 10f64.powf(snr / 10.0)).log10())
                .collect();
            found.series("span NLI", method, &row["nli_over_pch_db"], &ratios);
        }
        Err(error) => found.failed("span NLI", format_args!("{method}: {error}")),
    }
}

fn amplifier(row: &Value, library: &Equipment, found: &mut Deviations) {
    let name = row["variety"].as_str().unwrap_or_default();
    let working_point = WorkingPoint {
        gain_db: number(&row["gain_target"]),
        delta_p_db: 0.0,
        tilt_db: number(&row["tilt_target"]),
        out_voa_db: number(&row["out_voa"]),
        in_voa_db: 0.0,
    };
    let amplifier = Amplifier {
        amplifier_type: library.amplifier(name),
        working_point: Some(working_point),
        ..Amplifier::default()
    };
    let kind = ElementKind::Amplifier(Box::new(amplifier));
    let network = line(vec![Element { uid: "amplifier".to_owned(), kind, location: None }]);
    let frequencies: Vec<f64> = list(&row["frequency_hz"]).iter().map(number).collect();
    let spacing = frequencies[1] - frequencies[0];
    let baud_rate = 32e9;
    let powers = list(&row["pin_w"]).iter().map(number);
    let channels =
        frequencies.iter().zip(powers).map(|(&f, power)| channel(f, baud_rate, spacing, power)).collect();
    let at = format!("{name} at {} dB", row["gain_target"]);
    let (received, trace) = match send(&network, library, &Solver::default(), channels) {
        Ok(sent) => sent,
        Err(error) => {
            found.failed("amplifier", format_args!("{at}: {error}"));
            return;
        }
    };
    let Some(band) = trace.get(1).and_then(|state| state.amplified.first()) else {
        found.failed("amplifier", format_args!("{at}: nothing amplified"));
        return;
    };
    let dbm = |watts: &f64| 10.0 * (watts * 1e3).log10();
    let ase: Vec<f64> = trace[1].ase_w.iter().map(dbm).collect();
    found.number("amplifier gain", &at, &row["effective_gain_db"], band.amplified.gain_db);
    found.series("amplifier NF", &at, &row["nf_db"], &band.nf_db);
    found.series("amplifier power", &at, &row["pout_dbm"], &received.power_dbm());
    found.series("amplifier ASE", &at, &row["ase_out_dbm"], &ase);
}
