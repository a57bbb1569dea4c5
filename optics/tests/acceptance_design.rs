//! Lines designed from GNPy's topologies and libraries, element by element against what GNPy makes of them.

use std::path::PathBuf;

use optics::design::reference::reference_powers;
use optics::design::{self, Reference};
use optics::gnpy::equipment::{AmplifierConfigs, read};
use optics::gnpy::topology;
use optics::line::{Amplifier, ElementKind, LineNetwork};
use serde_json::Value;

/// Largest deviation of a gain, power or loss, in dB.
const TOLERANCE_DB: f64 = 0.01;

fn folder() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("NETPLANNER_TEST_DATA").map_or(beside, PathBuf::from).join("gnpy")
}

fn document(name: &str) -> Value {
    let bytes = std::fs::read(folder().join(name))
        .expect("NETPLANNER_TEST_DATA is the folder with the reference data");
    serde_json::from_slice(&bytes).expect("a JSON document")
}

fn configs(case: &Value) -> AmplifierConfigs {
    let mut configs = AmplifierConfigs::default();
    let common = document("common-data.json");
    for files in [&common["extra_configs"], &case["extra_configs"]] {
        for (name, content) in files.as_object().into_iter().flatten() {
            configs.insert(name.clone(), content.clone());
        }
    }
    configs
}

/// Differences of one case: whatever is not the same, or further away than the tolerance.
#[derive(Default)]
struct Differences {
    found: Vec<String>,
    worst_db: f64,
}

impl Differences {
    fn number(&mut self, what: &str, expected: &Value, found: f64) {
        let Some(expected) = expected.as_f64() else { return };
        let deviation = (expected - found).abs();
        self.worst_db = self.worst_db.max(deviation);
        if deviation.is_nan() || deviation > TOLERANCE_DB {
            self.found.push(format!("{what}: {found} instead of {expected}"));
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: T, found: T) {
        if expected != found {
            self.found.push(format!("{what}: {found:?} instead of {expected:?}"));
        }
    }

    fn amplifier(&mut self, uid: &str, expected: &Value, amplifier: &Amplifier, names: &[String]) {
        let name = amplifier.amplifier_type.map(|of_type| names[of_type].as_str());
        self.same(&format!("type of {uid}"), expected["type_variety"].as_str(), name);
        let Some(point) = amplifier.working_point else {
            return self.found.push(format!("{uid} is not designed"));
        };
        let operational = &expected["operational"];
        self.number(&format!("gain of {uid}"), &operational["gain_target"], point.gain_db);
        self.number(&format!("delta_p of {uid}"), &operational["delta_p"], point.delta_p_db);
        self.number(&format!("delta_p of {uid}"), &expected["delta_p_design_db"], point.delta_p_db);
        self.number(&format!("tilt of {uid}"), &operational["tilt_target"], point.tilt_db);
        self.number(&format!("out_voa of {uid}"), &operational["out_voa"], point.out_voa_db);
        self.number(&format!("in_voa of {uid}"), &operational["in_voa"], point.in_voa_db);
    }
}

fn compare(case: &Value) -> Differences {
    let mut differences = Differences::default();
    let equipment = read(&case["equipment"], &configs(case)).expect("a readable library");
    let mut line = topology::read(&case["topology"], &equipment).expect("a readable topology");
    if case["options"]["insert_edfas"] == true {
        design::complete(&mut line, &equipment).expect("a complete line");
    }
    let reference = Reference::of(&equipment, case["options"]["power_dbm"].as_f64()).expect("a comb");
    design::design(&mut line, &equipment, &reference).expect("a designed line");
    let powers = reference_powers(&line, &equipment, &reference).expect("known losses");
    let names: Vec<String> = equipment.amplifiers.iter().map(|entry| entry.name.clone()).collect();
    if case["design"].get("partial").is_none() {
        let elements = case["design_stats"]["elements"].as_u64();
        differences.same("number of elements", elements, u64::try_from(line.len()).ok());
    }
    for expected in case["design"]["elements"].as_array().expect("elements") {
        let uid = expected["uid"].as_str().expect("a uid");
        let Some(index) = line.index_of(uid) else {
            differences.found.push(format!("{uid} is missing"));
            continue;
        };
        match &line.element(index).kind {
            ElementKind::Amplifier(amplifier) => differences.amplifier(uid, expected, amplifier, &names),
            ElementKind::MultibandAmplifier(amplifier) => {
                differences.same("type", expected["type_variety"].as_str(), amplifier.type_name.as_deref());
                let bands = expected["amplifiers"].as_array().expect("amplifiers");
                differences.same("bands", bands.len(), amplifier.bands.len());
                for (expected, band) in bands.iter().zip(&amplifier.bands) {
                    differences.amplifier(uid, expected, band, &names);
                }
            }
            ElementKind::Fibre(fibre) => {
                let of = |what: &str| format!("{what} of {uid}");
                let params = &expected["params"];
                differences.number(&of("length"), &params["length"], fibre.length_m * 1e-3);
                differences.number(&of("att_in"), &params["att_in"], fibre.att_in_db);
                differences.number(
                    &of("con_in"),
                    &params["con_in"],
                    fibre.connector_in_db.unwrap_or(f64::NAN),
                );
                differences.number(
                    &of("con_out"),
                    &params["con_out"],
                    fibre.connector_out_db.unwrap_or(f64::NAN),
                );
                let loss = line.passive_loss_db(index).expect("a known loss");
                differences.number(&of("loss"), &expected["loss_db"], loss);
                let span = fibre.design_span_loss_db.unwrap_or(f64::NAN);
                differences.number(&of("span loss"), &expected["design_span_loss_db"], span);
                let input = powers.fibre_input_dbm[index].unwrap_or(f64::NAN);
                differences.number(&of("input"), &expected["ref_pch_in_dbm"], input);
            }
            ElementKind::Roadm(_) => roadm(&mut differences, expected, &line, index, &powers.roadm_input_dbm),
            _ => {}
        }
    }
    differences
}

fn roadm(
    differences: &mut Differences,
    expected: &Value,
    line: &LineNetwork,
    index: usize,
    inputs: &std::collections::BTreeMap<usize, Vec<(usize, f64)>>,
) {
    for (from, power) in expected["ref_pch_in_dbm"].as_object().into_iter().flatten() {
        let found = inputs[&index].iter().find(|(before, _)| line.element(*before).uid == *from);
        let what = format!("input of {} from {from}", line.element(index).uid);
        differences.number(&what, power, found.map_or(f64::NAN, |found| found.1));
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_lines_are_designed_as_gnpy_designs_them() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .expect("NETPLANNER_TEST_DATA is the folder with the reference data")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("ex-") || name.starts_with("syn-"))
        .collect();
    files.sort();
    assert!(files.len() >= 45, "{} cases", files.len());
    let mut wrong = 0;
    for file in files {
        let differences = compare(&document(&file));
        println!("{file}: {:.1e} dB, {} differences", differences.worst_db, differences.found.len());
        for one in differences.found.iter().take(10) {
            println!("    {one}");
        }
        wrong += usize::from(!differences.found.is_empty());
    }
    assert_eq!(wrong, 0, "cases are designed otherwise");
}
