//! Compares routes, and what light arrives with along them, with the reference's.

use optics::equipment::Equipment;
use optics::line::{ElementIndex, ElementKind, LineNetwork};
use optics::path_request::routing::Router;
use optics::path_request::sections::Sections;
use optics::propagation::{Bandwidth, Comb, Gains, Passed, Propagation, Received, Solver};
use serde_json::Value;

use super::design::list;
use super::deviations::Deviations;

/// Compares all paths of a case, each on fresh amplifiers.
pub fn compare(
    network: &LineNetwork,
    equipment: &Equipment,
    solver: &Solver,
    comb: &Comb,
    paths: &[Value],
    found: &mut Deviations,
) {
    let propagation = Propagation::new(network, equipment, solver);
    let graph = Sections::new(network);
    let mut router = Router::default();
    for path in paths {
        let (source, destination) = (text(&path["source"]), text(&path["destination"]));
        let at = format!("{source} to {destination}");
        let ends =
            [source, destination].map(|uid| network.index_of(uid).and_then(|element| graph.vertex(element)));
        let [Some(from), Some(to)] = ends else {
            found.failed("route", format_args!("{at}: an end is missing"));
            continue;
        };
        let route = router.shortest(&graph, from, to).unwrap_or_default();
        let route = graph.elements(&route);
        let uids: Vec<&str> = route.iter().map(|&element| network.element(element).uid.as_str()).collect();
        let expected: Vec<&str> = list(&path["route"]).iter().map(text).collect();
        found.same("route", &at, &expected, &uids);
        if expected.is_empty() {
            continue;
        }
        // what arrives is compared along the reference's route, whatever became of ours
        let Some(route) = expected.iter().map(|uid| network.index_of(uid)).collect::<Option<Vec<_>>>() else {
            found.failed("route", format_args!("{at}: an element of the reference's route is missing"));
            continue;
        };
        along(network, &route, path, &at, found);
        match propagation.run_traced(&route, comb, &mut Gains::default()) {
            Ok((received, trace)) => {
                self::received(&received, path, &at, found);
                if let Some(profile) = path.get("profile") {
                    self::profile(&received, &trace, profile, path, &at, found);
                }
            }
            Err(error) => found.failed("propagation", format_args!("{at}: {error}")),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn along(network: &LineNetwork, route: &[ElementIndex], path: &Value, at: &str, found: &mut Deviations) {
    let lengths: Vec<f64> = route
        .iter()
        .filter_map(|&element| match &network.element(element).kind {
            ElementKind::Fibre(fibre) => Some(fibre.length_m),
            _ => None,
        })
        .collect();
    found.number("spans", at, &path["spans"], lengths.len() as f64);
    found.number("length", at, &path["length_km"], lengths.iter().sum::<f64>() * 1e-3);
}

/// Compares what a receiver got.
pub fn received(received: &Received, path: &Value, at: &str, found: &mut Deviations) {
    let [signal, nanometre] = [Bandwidth::Signal, Bandwidth::Nanometre01];
    let (gsnr, gsnr_01nm) = (received.gsnr_db(signal), received.gsnr_db(nanometre));
    let (osnr, osnr_01nm) = (received.osnr_db(signal), received.osnr_db(nanometre));
    let snr_nli = received.snr_nli_db(signal);
    let channels = received.comb().channels();
    let count = received.comb().len();
    found.number("channels", at, &path["n_channels"], count as f64);
    let center = path["center_index"].as_u64().and_then(|index| usize::try_from(index).ok());
    let Some(center) = center.filter(|&center| center < count) else {
        found.failed("channels", format_args!("{at}: no centre"));
        return;
    };
    let of_center = &path["center"];
    found.number("centre frequency", at, &of_center["frequency_hz"], channels.frequency_hz[center]);
    for (what, key, values) in [
        ("centre OSNR", "osnr_ase_db", &osnr),
        ("centre OSNR", "osnr_ase_01nm_db", &osnr_01nm),
        ("centre SNR_NLI", "snr_nli_db", &snr_nli),
        ("centre GSNR", "gsnr_db", &gsnr),
        ("centre GSNR", "gsnr_01nm_db", &gsnr_01nm),
    ] {
        found.number(what, format_args!("{at} {key}"), &of_center[key], values[center]);
    }
    for (what, key, values) in [
        ("mean OSNR", "osnr_ase_db", &osnr),
        ("mean OSNR", "osnr_ase_01nm_db", &osnr_01nm),
        ("mean GSNR", "gsnr_db", &gsnr),
        ("mean GSNR", "gsnr_01nm_db", &gsnr_01nm),
    ] {
        found.number(what, format_args!("{at} {key}"), &path["mean"][key], mean(values));
    }
    let least = gsnr_01nm.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = gsnr_01nm.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    found.number("least GSNR", at, &path["min_gsnr_01nm_db"], least);
    found.number("largest GSNR", at, &path["max_gsnr_01nm_db"], largest);
    let power = received.power_dbm();
    let total_mw: f64 = power.iter().map(|dbm| 10f64.powf(dbm / 10.0)).sum();
    found.number("received power", at, &path["rx_ptot_dbm"], 10.0 * total_mw.log10());
    found.number("latency", at, &path["latency_ms"], received.latency_ms());
    for (what, key, values) in [
        ("CD", "cd_ps_per_nm", received.cd_ps_per_nm()),
        ("PMD", "pmd_ps", received.pmd_ps()),
        ("PDL", "pdl_db", received.pdl_db()),
    ] {
        if path[key].is_number() {
            found.number(what, at, &path[key], mean(&values));
        } else {
            found.series(what, at, &path[key], &values);
        }
    }
    let Some(by_channel) = path["channels"].as_object() else { return };
    for (key, expected) in by_channel {
        let (what, values) = match key.as_str() {
            "frequency_hz" => ("frequency", channels.frequency_hz.clone()),
            "baud_rate_hz" => ("symbol rate", channels.baud_rate.clone()),
            "slot_width_hz" => ("slot width", channels.slot_width_hz.clone()),
            "osnr_ase_db" => ("OSNR", osnr.clone()),
            "osnr_ase_01nm_db" => ("OSNR", osnr_01nm.clone()),
            "snr_nli_db" => ("SNR_NLI", snr_nli.clone()),
            "gsnr_db" => ("GSNR", gsnr.clone()),
            "gsnr_01nm_db" => ("GSNR", gsnr_01nm.clone()),
            "raw_osnr_ase_db" => ("OSNR of the line", received.line_osnr_db(signal)),
            "raw_gsnr_db" => ("GSNR of the line", received.line_gsnr_db(signal)),
            "rx_pch_dbm" => ("received channel power", power.clone()),
            _ => {
                found.failed("channels", format_args!("{at}: {key} is not known"));
                continue;
            }
        };
        found.series(what, format_args!("{at} {key}"), expected, &values);
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Compares the state behind each element.
fn profile(
    received: &Received,
    trace: &[Passed],
    profile: &Value,
    path: &Value,
    at: &str,
    found: &mut Deviations,
) {
    let center = usize::try_from(path["center_index"].as_u64().unwrap_or_default()).unwrap_or_default();
    let dbm = |watts: f64| 10.0 * (watts * 1e3).log10();
    for (what, key, of) in [
        ("profile total power", "ptot_dbm", &(|state: &Passed| state.total_dbm()) as &dyn Fn(&Passed) -> f64),
        ("profile channel power", "pch_dbm", &|state: &Passed| dbm(state.power_w[center])),
        ("profile ASE", "ase_dbm", &|state: &Passed| dbm(state.ase_w[center])),
        ("profile NLI", "nli_dbm", &|state: &Passed| dbm(state.nli_w[center])),
    ] {
        let values: Vec<f64> = trace.iter().map(of).collect();
        found.series(what, format_args!("{at} {key}"), &profile[key], &values);
    }
    found.same("channels", at, &received.comb().len(), &trace.last().map_or(0, |state| state.power_w.len()));
    for (position, state) in trace.iter().enumerate() {
        let within = |band: &&optics::propagation::AmplifiedBand| {
            (band.channels[0]..band.channels[1]).contains(&center)
        };
        let Some(band) = state.amplified.iter().find(within) else { continue };
        for (what, key, value) in [
            ("profile gain", "gain_db", band.amplified.gain_db),
            ("profile NF", "nf_db", band.nf_db[center - band.channels[0]]),
            ("profile input power", "pin_dbm", band.amplified.input_dbm),
            ("profile padding", "att_in_db", band.amplified.padding_db),
        ] {
            if let Some(expected) = list(&profile[key]).get(position) {
                found.number(what, format_args!("{at} {key} [{position}]"), expected, value);
            }
        }
    }
}
