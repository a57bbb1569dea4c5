//! The two forms of GNPy's files, its own and that of its YANG models, are read alike.

use optics::gnpy;
use optics::gnpy::equipment::AmplifierConfigs;
use serde_json::{Value, json};

fn plain_library() -> Value {
    json!({
        "Edfa": [
            { "type_variety": "medium", "type_def": "variable_gain", "gain_min": 15, "gain_flatmax": 26,
              "p_max": 21, "nf_min": 6, "nf_max": 10, "allowed_for_design": true },
            { "type_variety": "inline", "type_def": "openroadm", "gain_min": 0, "gain_flatmax": 27, "p_max": 22,
              "nf_coef": [-8.104e-4, -6.221e-2, -5.889e-1, 37.62] },
        ],
        "Fiber": [{ "type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12, "pmd_coef": 1.265e-15 }],
        "RamanFiber": [{ "type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12,
                         "raman_efficiency": { "cr": [0, 1.2e-4], "frequency_offset": [0, 0.5e12] } }],
        "Span": [{ "delta_power_range_db": [-2, 3, 0.5], "max_length": 150, "length_units": "km" }],
        "Roadm": [{ "target_pch_out_db": -20, "add_drop_osnr": 38 }],
        "SI": [{ "f_min": 191.3e12, "f_max": 196.1e12, "power_range_db": [0, 0, 1], "tx_power_dbm": null }],
        "Transceiver": [],
    })
}

/// The same library as the YANG models want it.
fn quoted_library() -> Value {
    json!({ "gnpy-eqpt-config:equipment": {
        "Edfa": [
            { "type_variety": "medium", "type_def": "variable_gain", "gain_min": "15.0", "gain_flatmax": "26.0",
              "p_max": "21.0", "nf_min": "6.0", "nf_max": "10.0", "allowed_for_design": true },
            { "type_variety": "inline", "type_def": "openroadm", "gain_min": "0.0", "gain_flatmax": "27.0",
              "p_max": "22.0",
              "nf_coef": [
                  { "coef_order": 1, "nf_coef": "-0.06221" }, { "coef_order": 0, "nf_coef": "-0.0008104" },
                  { "coef_order": 2, "nf_coef": "-0.5889" }, { "coef_order": 3, "nf_coef": "37.62" } ] },
        ],
        "Fiber": [{ "type_variety": "SSMF", "dispersion": "0.0000167", "effective_area": "0.000000000083",
                    "pmd_coef": "0.000000000000001265" }],
        "RamanFiber": [{ "type_variety": "SSMF", "dispersion": "0.0000167", "effective_area": "0.000000000083",
                         "raman_efficiency": [
                             { "frequency_offset": "0.0", "cr": "0.0" },
                             { "frequency_offset": "500000000000.0", "cr": "0.00012" } ] }],
        "Span": [{ "delta_power_range_dict_db": { "min_value": "-2.0", "max_value": "3.0", "step": "0.5" },
                   "max_length": "150.0", "length_units": "km" }],
        "Roadm": [{ "type_variety": "default", "target_pch_out_db": "-20.0", "add_drop_osnr": "38.0" }],
        "SI": [{ "f_min": "191300000000000.0", "f_max": "196100000000000.0", "tx_power_dbm": [null],
                 "power_range_dict_db": { "min_value": "0.0", "max_value": "0.0", "step": "1.0" } }],
        "Transceiver": [],
    } })
}

fn topology() -> Value {
    json!({
        "elements": [
            { "uid": "A", "type": "Roadm", "params": {
                "per_degree_pch_out_db": { "there": -19.5 },
                "per_degree_psd_out_mWperGHz": { "back": 3e-4 },
                "design_bands": [{ "f_min": 191.3e12, "f_max": 195.1e12, "spacing": 50e9 }],
                "per_degree_design_bands": { "there": [{ "f_min": 191.4e12, "f_max": 195e12 }] } } },
            { "uid": "there", "type": "Fiber", "type_variety": "SSMF", "params": {
                "length": 80.5, "length_units": "km", "con_in": null, "con_out": 0.5,
                "loss_coef": { "frequency": [191e12, 197e12], "value": [0.2, 0.21] },
                "dispersion_per_frequency": { "frequency": [191e12, 197e12], "value": [1.6e-5, 1.7e-5] } } },
            { "uid": "amp", "type": "Edfa", "type_variety": "medium",
              "operational": { "gain_target": 18.25, "delta_p": null, "tilt_target": -0.5, "out_voa": 1 } },
            { "uid": "back", "type": "RamanFiber", "type_variety": "SSMF",
              "params": { "length": 60, "length_units": "km", "loss_coef": 0.2,
                          "raman_coefficient": { "reference_frequency": 206e12, "g0": [0, 1e-5],
                                                 "frequency_offset": [0, 5e11] } },
              "operational": { "temperature": 283, "raman_pumps": [
                  { "power": 0.2, "frequency": 205e12, "propagation_direction": "counterprop" } ] } },
        ],
        "connections": [{ "from_node": "A", "to_node": "there" }, { "from_node": "there", "to_node": "amp" }],
    })
}

#[test]
fn a_library_is_the_same_in_either_form() {
    let configs = AmplifierConfigs::default();
    let plain = gnpy::equipment::read(&plain_library(), &configs).expect("good");
    let quoted = gnpy::equipment::read(&quoted_library(), &configs).expect("good");
    assert_eq!(quoted, plain);
}

#[test]
fn a_topology_written_in_the_yang_form_is_read_as_the_same() {
    let equipment = gnpy::equipment::read(&plain_library(), &AmplifierConfigs::default()).expect("good");
    let network = gnpy::topology::read(&topology(), &equipment).expect("good");
    let plain = gnpy::topology::write(&network, &equipment);
    assert_eq!(gnpy::topology::read(&plain, &equipment).expect("good"), network);
    let quoted = gnpy::yang::topology(&plain);
    assert_eq!(gnpy::topology::read(&quoted, &equipment).expect("good"), network);

    let fibre = &quoted["gnpy-network-topology:topology"]["elements"][1]["params"];
    assert_eq!((&fibre["length"], &fibre["con_in"]), (&json!("80.5"), &json!([null])));
    assert_eq!(fibre["loss_coef_per_frequency"][0]["loss_coef_value"], "0.2");
    let degrees =
        &quoted["gnpy-network-topology:topology"]["elements"][0]["params"]["per_degree_power_targets"];
    assert_eq!(degrees[0], json!({ "degree_uid": "there", "per_degree_pch_out_db": "-19.5" }));
}

#[test]
fn services_are_the_same_in_either_form() {
    let mut library = plain_library();
    library["Transceiver"] = json!([{
        "type_variety": "trx", "frequency": { "min": 191.35e12, "max": 196.1e12 }, "other_name": ["pluggable"],
        "mode": [{ "format": "m", "baud_rate": 32e9, "OSNR": 11, "bit_rate": 100e9, "roll_off": null, "tx_osnr": 40,
                   "min_spacing": 37.5e9, "other_name": ["n"] }],
    }]);
    let equipment = gnpy::equipment::read(&library, &AmplifierConfigs::default()).expect("good");
    let names: Vec<&str> = equipment.transceivers.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["pluggable", "trx"], "an alias stands before the entry it is of");
    let modes: Vec<&str> = equipment.transceivers[0].modes.iter().map(|mode| mode.name.as_str()).collect();
    assert_eq!(modes, ["m", "n"]);
    let request = |spacing: Value, slot: Value, id: Value| {
        json!({
            "request-id": id, "source": "trx A", "destination": "trx B", "bidirectional": true,
            "path-constraints": { "te-bandwidth": {
                "technology": "flexi-grid", "trx_type": "pluggable", "spacing": spacing,
                "effective-freq-slot": [slot] } },
        })
    };
    let plain = json!({ "path-request": [request(json!(50e9), json!({ "N": null, "M": 4 }), json!(7))] });
    let quoted = json!({ "gnpy-path-computation:services": {
        "path-request": [request(json!("50000000000.0"), json!({ "M": 4 }), json!("7"))] } });
    let plain = gnpy::services::read(&plain, &equipment).expect("good");
    assert_eq!(gnpy::services::read(&quoted, &equipment).expect("good"), plain);
    assert_eq!(plain.requests[0].mode, None);
}
