//! Propagation over lines that GNPy designed, channel by channel against what GNPy computes for them.
//!
//! Design is left out on purpose: elements are set as GNPy exports them.

use std::path::PathBuf;

use optics::decibel::dbm;
use optics::gnpy::equipment::{AmplifierConfigs, read};
use optics::gnpy::topology;
use optics::line::{ElementKind, LineNetwork, WorkingPoint};
use optics::propagation::solver::{ComputedChannels, Ggn, NliSolver, RamanSolver};
use optics::propagation::{Bandwidth, Channel, Comb, Gains, Partition, Propagation, Solver, channel_count};
use serde_json::{Value, json};

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

/// The designed line: GNPy's export, with what it leaves out taken from the topology it was given.
fn designed_topology(case: &Value) -> Value {
    let given = |uid: &Value| {
        case["topology"]["elements"]
            .as_array()
            .expect("the form of a reference file")
            .iter()
            .find(|element| element["uid"] == *uid)
    };
    let elements: Vec<Value> = case["design"]["elements"]
        .as_array()
        .expect("the form of a reference file")
        .iter()
        .map(|exported| {
            let mut merged = exported.clone();
            if let Some(given) = given(&exported["uid"]) {
                for part in ["params", "operational"] {
                    let mut fields = given.get(part).and_then(Value::as_object).cloned().unwrap_or_default();
                    fields.retain(|key, value| !value.is_null() && key != "loss_coef" || value.is_object());
                    let exported = exported.get(part).and_then(Value::as_object).cloned().unwrap_or_default();
                    for (key, value) in exported {
                        if !(key == "loss_coef" && fields.contains_key("loss_coef")) {
                            fields.insert(key, value);
                        }
                    }
                    if !fields.is_empty() {
                        merged[part] = Value::Object(fields);
                    }
                }
            }
            if merged["params"].get("loss_coef").is_some_and(Value::is_object) {
                merged["params"]
                    .as_object_mut()
                    .expect("the form of a reference file")
                    .remove("loss_coef_per_frequency");
            }
            merged
        })
        .collect();
    let uid = |index: &Value| {
        elements[usize::try_from(index.as_u64().expect("the form of a reference file")).expect("a position")]
            ["uid"]
            .clone()
    };
    let connections: Vec<Value> = case["design"]["connections"]
        .as_array()
        .expect("the form of a reference file")
        .iter()
        .map(|pair| json!({"from_node": uid(&pair[0]), "to_node": uid(&pair[1])}))
        .collect();
    json!({"elements": elements, "connections": connections})
}

/// What was asked of the amplifiers is what they are set to.
fn settle(network: &mut LineNetwork) {
    for index in 0..network.len() {
        let amplifiers = match network.kind_mut(index) {
            ElementKind::Amplifier(amplifier) => std::slice::from_mut(&mut **amplifier),
            ElementKind::MultibandAmplifier(multiband) => &mut multiband.bands[..],
            _ => &mut [],
        };
        for amplifier in amplifiers {
            let wanted = amplifier.wanted;
            amplifier.working_point = Some(WorkingPoint {
                gain_db: wanted.gain_db.expect("GNPy exports a gain"),
                delta_p_db: 0.0,
                tilt_db: wanted.tilt_db.unwrap_or(0.0),
                out_voa_db: wanted.out_voa_db.unwrap_or(0.0),
                in_voa_db: wanted.in_voa_db.unwrap_or(0.0),
            });
        }
    }
}

fn number(value: &Value, key: &str, default: f64) -> f64 {
    value.get(key).and_then(Value::as_f64).unwrap_or(default)
}

fn comb(case: &Value) -> Comb {
    let channel = |from: &Value, width_key: &str, offset_key: &str| Channel {
        frequency_hz: 0.0,
        baud_rate: number(from, "baud_rate", 32e9),
        slot_width_hz: number(from, width_key, 50e9),
        roll_off: number(from, "roll_off", 0.15),
        offset_db: number(from, offset_key, 0.0),
        tx_osnr_db: number(from, "tx_osnr", 40.0),
        tx_power_dbm: number(from, "tx_power_dbm", 0.0),
    };
    if let Some(partitions) = case.get("spectrum") {
        let partitions =
            partitions.as_array().expect("the form of a reference file").iter().map(|partition| Partition {
                f_min_hz: number(partition, "f_min", 0.0),
                f_max_hz: number(partition, "f_max", 0.0),
                channel: channel(partition, "slot_width", "delta_pdb"),
            });
        return Comb::mixed(&partitions.collect::<Vec<_>>()).expect("the form of a reference file");
    }
    let request = &case["request"];
    let [f_min, f_max] = ["f_min", "f_max"].map(|key| number(request, key, 0.0));
    let channel = channel(request, "spacing", "delta_pdb");
    Comb::uniform(f_min, channel_count(f_min, f_max, channel.slot_width_hz), channel)
        .expect("the form of a reference file")
}

fn solver(case: &Value) -> Solver {
    let Some(given) = case.get("sim_params") else {
        return Solver::default();
    };
    let (raman, nli) = (&given["raman_params"], &given["nli_params"]);
    let computed = nli["computed_channels"].as_array().expect("the form of a reference file").iter();
    let ggn = Ggn {
        dispersion_tolerance: number(nli, "dispersion_tolerance", 4.0),
        phase_shift_tolerance: number(nli, "phase_shift_tolerance", 0.1),
        channels: ComputedChannels::These(
            computed
                .map(|place| {
                    usize::try_from(place.as_u64().expect("the form of a reference file"))
                        .expect("a position")
                        - 1
                })
                .collect(),
        ),
    };
    Solver {
        nli: NliSolver::GgnSeparated(ggn),
        raman: Some(RamanSolver {
            step_m: number(raman, "solver_spatial_resolution", 10e3),
            ..RamanSolver::default()
        }),
        resolution_m: number(raman, "result_spatial_resolution", 10e3),
    }
}

/// The largest deviation so far, and where.
#[derive(Default)]
struct Worst {
    deviation: f64,
    place: String,
}

impl Worst {
    fn compare(&mut self, found: f64, expected: &Value, place: &str) {
        let expected = expected.as_f64().unwrap_or(f64::INFINITY);
        let deviation =
            if found.is_finite() || expected.is_finite() { (found - expected).abs() } else { 0.0 };
        if deviation.is_nan() || deviation > self.deviation {
            *self = Self {
                deviation: if deviation.is_nan() { f64::INFINITY } else { deviation },
                place: place.to_owned(),
            };
        }
    }

    fn compare_all(&mut self, found: &[f64], expected: &Value, place: &str) {
        match expected.as_array() {
            Some(expected) => {
                assert_eq!(found.len(), expected.len(), "{place}");
                for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                    self.compare(*found, expected, &format!("{place}[{i}]"));
                }
            }
            None => found.iter().for_each(|found| self.compare(*found, expected, place)),
        }
    }
}

fn worst_of(case: &Value) -> Worst {
    let equipment = read(&case["equipment"], &configs(case)).expect("a good library");
    let mut network = topology::read(&designed_topology(case), &equipment).expect("a good topology");
    settle(&mut network);
    let line = Propagation::new(&network, &equipment, &solver(case));
    let comb = comb(case);
    let mut worst = Worst::default();
    for path in case["paths"]
        .as_array()
        .expect("the form of a reference file")
        .iter()
        .filter(|path| path.get("route").is_some_and(Value::is_array))
    {
        let route: Vec<usize> = path["route"]
            .as_array()
            .expect("the form of a reference file")
            .iter()
            .map(|uid| {
                network
                    .index_of(uid.as_str().expect("the form of a reference file"))
                    .expect("the route's elements exist")
            })
            .collect();
        if route.is_empty() {
            continue;
        }
        let (received, passed) =
            line.run_traced(&route, &comb, &mut Gains::default()).expect("light arrives");
        let again = line.run(&route, &comb, &mut Gains::default()).expect("light arrives");
        assert_eq!(received, again, "a trace changes nothing");
        let centre = usize::try_from(path["center_index"].as_u64().expect("the form of a reference file"))
            .expect("a position");
        let (signal, nanometre) = (Bandwidth::Signal, Bandwidth::Nanometre01);
        for (key, found) in [
            ("osnr_ase_01nm_db", received.osnr_db(nanometre)),
            ("osnr_ase_db", received.osnr_db(signal)),
            ("snr_nli_db", received.snr_nli_db(signal)),
            ("gsnr_01nm_db", received.gsnr_db(nanometre)),
            ("gsnr_db", received.gsnr_db(signal)),
            ("raw_osnr_ase_db", received.line_osnr_db(signal)),
            ("raw_gsnr_db", received.line_gsnr_db(signal)),
            ("rx_pch_dbm", received.power_dbm()),
        ] {
            if let Some(expected) = path["center"].get(key) {
                worst.compare(found[centre], expected, key);
            }
            if let Some(expected) = path.get("channels").and_then(|channels| channels.get(key)) {
                worst.compare_all(&found, expected, key);
            }
        }
        for (key, found) in [
            ("pmd_ps", received.pmd_ps()),
            ("pdl_db", received.pdl_db()),
            ("latency_ms", vec![received.latency_ms()]),
        ] {
            match &path[key] {
                Value::Array(_) => worst.compare_all(&found, &path[key], key),
                expected => worst.compare(found.iter().sum::<f64>() / found.len() as f64, expected, key),
            }
        }
        // GNPy's export rounds lengths to millimetres and dispersion to 1e-3 ps/nm: a millionth decides.
        let mut dispersion = Worst::default();
        let cd = received.cd_ps_per_nm();
        dispersion.compare_all(&cd, &path["cd_ps_per_nm"], "dispersion");
        assert!(
            dispersion.deviation < 1e-3 + 1e-6 * cd[0].abs(),
            "{} {}",
            case["case"],
            dispersion.deviation
        );
        if let Some(profile) = path.get("profile") {
            for (place, passed) in passed.iter().enumerate() {
                let mut compare = |key: &str, found: f64| {
                    let expected = &profile[key][place];
                    if !expected.is_null() {
                        worst.compare(
                            found,
                            expected,
                            &format!("profile {key} behind {}", path["route"][place]),
                        );
                    }
                };
                compare("ptot_dbm", passed.total_dbm());
                compare("pch_dbm", dbm(passed.power_w[centre]));
                compare("ase_dbm", dbm(passed.ase_w[centre]));
                compare("nli_dbm", dbm(passed.nli_w[centre]));
                if let [band] = &passed.amplified[..] {
                    compare("gain_db", band.amplified.gain_db);
                    compare("nf_db", band.nf_db[centre - band.channels[0]]);
                    compare("pin_dbm", band.amplified.input_dbm);
                    compare("att_in_db", band.amplified.padding_db);
                }
            }
        }
    }
    worst
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_light_through_lines_designed_by_gnpy_is_received_as_gnpy_says() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("NETPLANNER_TEST_DATA is the folder with the reference data")
        .map(|entry| entry.expect("the form of a reference file").file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ex-") || name.starts_with("syn-"))
        .collect();
    names.sort();
    assert!(names.len() > 40, "{names:?}");
    let mut bad = Vec::new();
    for name in names {
        let case = document(&name);
        let worst = worst_of(&case);
        println!("{name}: {:.1e} at {}", worst.deviation, worst.place);
        if worst.deviation > 2e-4 {
            bad.push(format!("{name}: {} at {}", worst.deviation, worst.place));
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}
