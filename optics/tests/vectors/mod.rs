//! Checks everything a file of reference numbers holds (format `gnpy-vector/1`) against what this crate computes.
//!
//! The same code serves `examples/check_vectors.rs` and the acceptance test.

mod design;
mod deviations;
mod paths;
mod planning;
mod reference;
mod units;

use optics::design::sweep::at_power;
use optics::design::{Reference, complete, design as design_network};
use optics::equipment::Equipment;
use optics::gnpy::equipment::AmplifierConfigs;
use optics::gnpy::{equipment, simulation, spectrum, topology};
use optics::line::LineNetwork;
use optics::propagation::{Bandwidth, Channel, Comb, Gains, Propagation, Solver};
use serde_json::Value;

pub use deviations::Deviations;

/// Deviations up to this are accepted: 0.01 of each quantity's unit (dB, dBm, km, ps, ms).
pub const TOLERANCE: f64 = 0.01;

/// Compares all that a vector holds; `common` is the content of `common-data.json`, which the unit tables refer to.
pub fn check(case: &Value, common: Option<&Value>) -> Deviations {
    let mut found = Deviations::default();
    if case["format"] != "gnpy-vector/1" {
        found.failed("format", format_args!("{} is not gnpy-vector/1", case["format"]));
    } else if case.get("paths").is_some() {
        if let Err(why) = network(case, &mut found) {
            found.failed("case", why);
        }
    } else if case["case"] == "unit-tables" {
        units::compare(case, common, &mut found);
    } else {
        found.failed("format", "neither paths nor unit tables are in it");
    }
    found
}

fn network(case: &Value, found: &mut Deviations) -> Result<(), String> {
    let mut configs = AmplifierConfigs::default();
    for (name, content) in case["extra_configs"].as_object().into_iter().flatten() {
        configs.insert(name, content.clone());
    }
    let equipment =
        equipment::read(&case["equipment"], &configs).map_err(|all| format!("equipment: {all:?}"))?;
    let built = topology::read(&case["topology"], &equipment).map_err(|all| format!("topology: {all:?}"))?;
    // like GNPy's command line, a reference power of 0 dBm there is none
    let power_dbm = case["options"]["power_dbm"].as_f64().filter(|&power| power != 0.0);
    let line = designed(&built, &equipment, case, power_dbm)?;
    if case.get("design").is_some() {
        design::compare(&line, &equipment, case, found);
        reference::compare(&line, &equipment, power_dbm, case, found)?;
    }
    let solver = solver(case)?;
    let comb = comb(case)?;
    paths::compare(&line, &equipment, &solver, &comb, design::list(&case["paths"]), found);
    if let Some(sweep) = case.get("power_sweep") {
        power_sweep(&line, &equipment, &solver, &comb, sweep, found)?;
    }
    if case.get("planning").is_some() {
        let line = designed(&built, &equipment, case, None)?;
        planning::compare(&line, &equipment, &solver, case, found);
    }
    Ok(())
}

/// The network of a case, designed.
fn designed(
    built: &LineNetwork,
    equipment: &Equipment,
    case: &Value,
    power_dbm: Option<f64>,
) -> Result<LineNetwork, String> {
    let mut line = built.clone();
    if case["options"]["insert_edfas"] == true {
        complete(&mut line, equipment).map_err(|error| format!("completion: {error}"))?;
    }
    let reference = Reference::of(equipment, power_dbm).map_err(|error| format!("reference: {error}"))?;
    let reference = Reference { raman: solver(case)?.raman, ..reference };
    design_network(&mut line, equipment, &reference).map_err(|error| format!("design: {error}"))?;
    Ok(line)
}

fn solver(case: &Value) -> Result<Solver, String> {
    case.get("sim_params").map_or_else(
        || Ok(Solver::default()),
        |parameters| simulation::read(parameters).map_err(|all| format!("sim_params: {all:?}")),
    )
}

/// The comb of a case: the mixed one if there is one, else the uniform one.
fn comb(case: &Value) -> Result<Comb, String> {
    let number = |value: &Value, key: &str| {
        value[key].as_f64().ok_or_else(|| format!("request: {key} is not a number"))
    };
    let request = &case["request"];
    if let Some(spectrum) = case.get("spectrum") {
        // the file's form has the list under a key
        let file = serde_json::json!({ "spectrum": spectrum });
        let partitions = spectrum::read(&file).map_err(|all| format!("spectrum: {all:?}"))?;
        return Comb::mixed(&partitions).map_err(|error| format!("spectrum: {error}"));
    }
    let (f_min_hz, f_max_hz) = (number(request, "f_min")?, number(request, "f_max")?);
    let channel = Channel {
        frequency_hz: 0.0,
        baud_rate: number(request, "baud_rate")?,
        slot_width_hz: number(request, "spacing")?,
        roll_off: number(request, "roll_off")?,
        offset_db: request["delta_pdb"].as_f64().unwrap_or(0.0),
        tx_osnr_db: number(request, "tx_osnr")?,
        tx_power_dbm: number(request, "tx_power_dbm")?,
    };
    let count = optics::propagation::channel_count(f_min_hz, f_max_hz, channel.slot_width_hz);
    Comb::uniform(f_min_hz, count, channel).map_err(|error| format!("request: {error}"))
}

/// Compares a route designed again at each power of a sweep.
fn power_sweep(
    line: &LineNetwork,
    equipment: &Equipment,
    solver: &Solver,
    comb: &Comb,
    sweep: &Value,
    found: &mut Deviations,
) -> Result<(), String> {
    use optics::path_request::{routing::Router, sections::Sections};
    let graph = Sections::new(line);
    let vertex = |key: &str| sweep[key].as_str().and_then(|uid| graph.vertex(line.index_of(uid)?));
    let (Some(from), Some(to)) = (vertex("source"), vertex("destination")) else {
        return Err("power sweep: an end is missing".to_owned());
    };
    let route = Router::default().shortest(&graph, from, to).ok_or("power sweep: no route")?;
    let route = graph.elements(&route);
    for result in design::list(&sweep["results"]) {
        let power_dbm = result["power_dbm"].as_f64().ok_or("power sweep: power_dbm is not a number")?;
        let reference = Reference {
            power_dbm,
            raman: solver.raman,
            ..Reference::of(equipment, None).map_err(|error| format!("reference: {error}"))?
        };
        let (line, _) = at_power(line, equipment, &reference, &route)
            .map_err(|error| format!("power sweep at {power_dbm} dBm: {error}"))?;
        let received = Propagation::new(&line, equipment, solver)
            .run(&route, comb, &mut Gains::default())
            .map_err(|error| format!("power sweep at {power_dbm} dBm: {error}"))?;
        let at = format!("{power_dbm} dBm");
        for (key, values) in [
            ("gsnr_01nm_db", received.gsnr_db(Bandwidth::Nanometre01)),
            ("osnr_ase_01nm_db", received.osnr_db(Bandwidth::Nanometre01)),
        ] {
            if let Some(expected) = result.get(key) {
                found.series("power sweep", format_args!("{at} {key}"), expected, &values);
            }
        }
    }
    Ok(())
}
