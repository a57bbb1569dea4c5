//! Broken files in GNPy's forms: each gets a finding that names the element and the field, none a panic.

use optics::equipment::Equipment;
use optics::finding::Finding;
use optics::gnpy;
use optics::gnpy::equipment::AmplifierConfigs;
use optics::import::{self, Format, ImportOptions};
use proptest::prelude::*;
use rust_xlsxwriter::{Workbook, Worksheet};
use serde_json::{Value, json};

fn library() -> Value {
    json!({
        "Edfa": [
            { "type_variety": "medium", "type_def": "variable_gain", "gain_min": 15, "gain_flatmax": 26,
              "p_max": 21, "nf_min": 6, "nf_max": 10, "allowed_for_design": true, "other_name": ["alias"] },
            { "type_variety": "fixed", "type_def": "fixed_gain", "gain_min": 20, "gain_flatmax": 21, "p_max": 21,
              "nf0": 5.5 },
            { "type_variety": "polynomial", "type_def": "advanced_model", "gain_min": 15, "gain_flatmax": 25,
              "p_max": 21, "advanced_config_from_json": "std_medium_gain_advanced_config.json" },
            { "type_variety": "inline", "type_def": "openroadm", "gain_min": 0, "gain_flatmax": 27, "p_max": 22,
              "nf_coef": [-8.104e-4, -6.221e-2, -5.889e-1, 37.62] },
            { "type_variety": "dual", "type_def": "dual_stage", "gain_min": 25, "preamp_variety": "medium",
              "booster_variety": "fixed" },
            { "type_variety": "both", "type_def": "multi_band", "amplifiers": ["medium", "fixed"] },
        ],
        "Fiber": [{ "type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12, "pmd_coef": 1e-15 }],
        "RamanFiber": [{ "type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12 }],
        "Span": [{ "max_length": 150, "length_units": "km", "delta_power_range_db": [-2, 3, 0.5] }],
        "Roadm": [{
            "target_pch_out_db": -20, "add_drop_osnr": 38,
            "restrictions": { "preamp_variety_list": ["medium"], "booster_variety_list": [] },
            "roadm-path-impairments": [{
                "roadm-path-impairments-id": 1,
                "roadm-add-path": [{
                    "frequency-range": { "lower-frequency": 191.3e12, "upper-frequency": 196.1e12 },
                    "roadm-osnr": 41,
                }],
            }],
        }],
        "SI": [{ "f_min": 191.3e12, "f_max": 196.1e12, "baud_rate": 32e9, "spacing": 50e9, "power_dbm": 0 }],
        "Transceiver": [{
            "type_variety": "trx", "frequency": { "min": 191.35e12, "max": 196.1e12 },
            "mode": [{
                "format": "m", "baud_rate": 32e9, "OSNR": 11, "bit_rate": 100e9, "roll_off": 0.15, "tx_osnr": 40,
                "min_spacing": 37.5e9, "cost": 1,
                "penalties": [{ "pmd": 10, "penalty_value": 0.5 }],
            }],
        }],
    })
}

fn topology() -> Value {
    json!({
        "elements": [
            { "uid": "trx A", "type": "Transceiver" },
            { "uid": "roadm A", "type": "Roadm",
              "params": { "per_degree_impairments": [
                  { "from_degree": "trx A", "to_degree": "A to B", "impairment_id": 1 } ] } },
            { "uid": "A to B", "type": "Fiber", "type_variety": "SSMF",
              "params": { "length": 80, "length_units": "km", "loss_coef": 0.2, "con_in": null,
                          "lumped_losses": [{ "position": 10, "loss": 0.5 }] } },
            { "uid": "amp", "type": "Edfa", "type_variety": "medium", "operational": { "gain_target": 18 } },
            { "uid": "pumped", "type": "RamanFiber", "type_variety": "SSMF",
              "params": { "length": 80, "length_units": "km",
                          "loss_coef": { "frequency": [191e12, 197e12], "value": [0.2, 0.21] } },
              "operational": { "temperature": 283, "raman_pumps": [
                  { "power": 0.2, "frequency": 205e12, "propagation_direction": "counterprop" } ] } },
            { "uid": "two bands", "type": "Multiband_amplifier", "type_variety": "both",
              "amplifiers": [{ "type_variety": "medium" }, { "type_variety": "fixed" }] },
            { "uid": "splice", "type": "Fused", "params": { "loss": 0.5 } },
            { "uid": "roadm B", "type": "Roadm" },
            { "uid": "trx B", "type": "Transceiver" },
        ],
        "connections": [
            { "from_node": "trx A", "to_node": "roadm A" },
            { "from_node": "roadm A", "to_node": "A to B" },
            { "from_node": "A to B", "to_node": "amp" },
            { "from_node": "amp", "to_node": "pumped" },
            { "from_node": "pumped", "to_node": "two bands" },
            { "from_node": "two bands", "to_node": "splice" },
            { "from_node": "splice", "to_node": "roadm B" },
            { "from_node": "roadm B", "to_node": "trx B" },
        ],
    })
}

fn services() -> Value {
    let request = |id: &str| {
        json!({
            "request-id": id, "source": "trx A", "destination": "trx B", "bidirectional": false,
            "path-constraints": { "te-bandwidth": {
                "technology": "flexi-grid", "trx_type": "trx", "trx_mode": "m", "spacing": 50e9,
                "path_bandwidth": 100e9, "effective-freq-slot": [{ "N": -10, "M": 4 }], "max-nb-of-channel": 80 } },
            "explicit-route-objects": { "route-object-include-exclude": [
                { "explicit-route-usage": "route-include-ero", "index": 0,
                  "num-unnum-hop": { "node-id": "amp", "hop-type": "STRICT" } } ] },
        })
    };
    json!({
        "path-request": [request("1"), request("2")],
        "synchronization": [{
            "synchronization-id": "s",
            "svec": { "relaxable": false, "disjointness": "node link", "request-id-number": ["1", "2"] },
        }],
    })
}

fn equipment() -> Equipment {
    gnpy::equipment::read(&library(), &AmplifierConfigs::default()).expect("a good library")
}

/// Puts a value into a document; `null` at the end of a path that says so takes the field away.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.pointer_mut(parent).expect("the pointer leads somewhere");
    match parent {
        Value::Object(fields) if value == json!("(absent)") => drop(fields.remove(key)),
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        _ => panic!("{pointer} leads into a value"),
    }
    document
}

/// One broken field: where it is, what stands there, the code of the finding, and what the finding must name.
type Case = (&'static str, Value, &'static str, &'static [&'static str]);

fn assert_found(document: &Value, read: impl Fn(&Value) -> Result<(), Vec<Finding>>, cases: Vec<Case>) {
    read(document).expect("the document is good before it is broken");
    for (pointer, value, code, named) in cases {
        let broken = with(document.clone(), pointer, value.clone());
        let findings = read(&broken).expect_err(&format!("{pointer} = {value} must be refused"));
        let found = findings.iter().any(|finding| {
            finding.is_error()
                && finding.code == code
                && named.iter().all(|name| finding.detail.contains(name))
        });
        assert!(found, "{pointer} = {value}: no {code} naming {named:?} in {findings:?}");
    }
}

#[test]
fn a_broken_library_is_refused_with_the_entry_and_the_field() {
    let absent = || json!("(absent)");
    assert_found(
        &library(),
        |document| gnpy::equipment::read(document, &AmplifierConfigs::default()).map(drop),
        vec![
            ("/Edfa/0/gain_min", absent(), "MISSING_FIELD", &["\"medium\"", "gain_min"]),
            ("/Edfa/0/gain_min", json!("much"), "WRONG_TYPE", &["\"medium\"", "gain_min"]),
            ("/Edfa/0/gain_min", json!(30), "OUT_OF_RANGE", &["\"medium\"", "gain_min"]),
            ("/Edfa/0/nf_max", json!(6.01), "NO_NOISE_MODEL", &["\"alias\""]),
            ("/Edfa/0/nf_min", json!(-20), "NO_NOISE_MODEL", &["nf_min"]),
            ("/Edfa/0/type_def", json!("magic"), "UNKNOWN_TYPE", &["\"medium\"", "type_def", "magic"]),
            ("/Edfa/0/type_variety", json!("fixed"), "DUPLICATE_TYPE", &["\"fixed\""]),
            ("/Edfa/0/f_min", json!(196e12), "MISSING_FIELD", &["\"medium\"", "f_max"]),
            ("/Edfa/1/nf0", absent(), "MISSING_FIELD", &["\"fixed\"", "nf0"]),
            (
                "/Edfa/2/advanced_config_from_json",
                json!("no.json"),
                "MISSING_FILE",
                &["\"polynomial\"", "no.json"],
            ),
            ("/Edfa/3/nf_coef", json!([1, 2]), "WRONG_LENGTH", &["\"inline\"", "nf_coef"]),
            (
                "/Edfa/4/preamp_variety",
                json!("none"),
                "UNKNOWN_TYPE",
                &["\"dual\"", "preamp_variety", "none"],
            ),
            ("/Edfa/4/booster_variety", json!("dual"), "UNKNOWN_TYPE", &["\"dual\"", "booster_variety"]),
            ("/Edfa/4/gain_min", json!(10), "OUT_OF_RANGE", &["\"dual\"", "gain_min"]),
            ("/Edfa/5/amplifiers", json!(["none"]), "UNKNOWN_TYPE", &["\"both\"", "none"]),
            ("/Edfa/0", json!(7), "WRONG_TYPE", &["object"]),
            ("/Edfa", json!({}), "WRONG_TYPE", &["Edfa"]),
            ("/Fiber/0/dispersion", absent(), "MISSING_FIELD", &["\"SSMF\"", "dispersion"]),
            ("/Fiber/0/effective_area", json!(-1), "OUT_OF_RANGE", &["\"SSMF\"", "effective_area"]),
            ("/Fiber/0/effective_area", json!(1.0), "OUT_OF_RANGE", &["\"SSMF\"", "effective_area"]),
            (
                "/RamanFiber/0/raman_efficiency",
                json!({ "cr": [1], "frequency_offset": [] }),
                "WRONG_LENGTH",
                &["\"SSMF\""],
            ),
            ("/Span", absent(), "MISSING_FIELD", &["Span"]),
            ("/Span/0/max_length", json!(0), "OUT_OF_RANGE", &["max_length"]),
            ("/Span/0/length_units", json!("mile"), "UNKNOWN_UNIT", &["length_units", "mile"]),
            ("/Span/0/delta_power_range_db", json!([3, -2, 1]), "OUT_OF_RANGE", &["delta_power_range_db"]),
            ("/Roadm/0/target_pch_out_db", absent(), "MISSING_FIELD", &["\"default\"", "target_pch_out_db"]),
            ("/Roadm/0/target_psd_out_mWperGHz", json!(3e-4), "CONFLICT", &["\"default\""]),
            (
                "/Roadm/0/restrictions/preamp_variety_list",
                json!(["none"]),
                "UNKNOWN_TYPE",
                &["\"default\"", "none"],
            ),
            (
                "/Roadm/0/roadm-path-impairments/0/roadm-add-path/0/frequency-range",
                absent(),
                "MISSING_FIELD",
                &["\"default\"", "frequency-range"],
            ),
            ("/SI", json!([]), "MISSING_FIELD", &["SI"]),
            ("/SI/0/f_max", json!(191.31e12), "BAND_WITHOUT_CHANNELS", &["spectral information"]),
            ("/SI/0/spacing", json!(-50e9), "OUT_OF_RANGE", &["spacing"]),
            ("/Transceiver/0/frequency", absent(), "MISSING_FIELD", &["\"trx\"", "frequency"]),
            ("/Transceiver/0/mode/0/OSNR", absent(), "MISSING_FIELD", &["\"m\"", "\"trx\"", "OSNR"]),
            ("/Transceiver/0/mode/0/min_spacing", json!(10e9), "OUT_OF_RANGE", &["\"m\"", "min_spacing"]),
            ("/Transceiver/0/mode/0/penalties/0/pmd", absent(), "MISSING_FIELD", &["\"m\""]),
            ("/Amplifiers", json!([]), "UNKNOWN_SECTION", &["Amplifiers"]),
        ],
    );
}

#[test]
fn a_broken_topology_is_refused_with_the_element_and_the_field() {
    let equipment = equipment();
    let absent = || json!("(absent)");
    assert_found(
        &topology(),
        |document| gnpy::topology::read(document, &equipment).map(drop),
        vec![
            ("/elements", absent(), "MISSING_FIELD", &["elements"]),
            ("/connections", json!("none"), "WRONG_TYPE", &["connections"]),
            ("/elements/0/uid", absent(), "MISSING_FIELD", &["uid"]),
            ("/elements/0/uid", json!("trx B"), "DUPLICATE_ID", &["\"trx B\""]),
            ("/elements/0/type", json!("Laser"), "UNKNOWN_TYPE", &["\"trx A\"", "Laser"]),
            (
                "/elements/1/type_variety",
                json!("none"),
                "UNKNOWN_TYPE",
                &["\"roadm A\"", "type_variety", "none"],
            ),
            (
                "/elements/1/params/per_degree_impairments/0/impairment_id",
                json!(9),
                "UNKNOWN_PROFILE",
                &["\"roadm A\""],
            ),
            (
                "/elements/2/type_variety",
                json!("none"),
                "UNKNOWN_TYPE",
                &["\"A to B\"", "type_variety", "none"],
            ),
            ("/elements/2/params", absent(), "MISSING_FIELD", &["\"A to B\"", "params"]),
            ("/elements/2/params/length", json!(-80), "OUT_OF_RANGE", &["\"A to B\"", "length"]),
            ("/elements/2/params/length", json!("long"), "WRONG_TYPE", &["\"A to B\"", "length"]),
            (
                "/elements/2/params/length_units",
                json!("mile"),
                "UNKNOWN_UNIT",
                &["\"A to B\"", "length_units"],
            ),
            ("/elements/2/params/loss_coef", json!(0), "OUT_OF_RANGE", &["\"A to B\"", "loss_coef"]),
            (
                "/elements/2/params/lumped_losses/0/position",
                json!(81),
                "OUT_OF_RANGE",
                &["\"A to B\"", "position"],
            ),
            ("/elements/2/params/con_in", json!(-1), "OUT_OF_RANGE", &["\"A to B\"", "con_in"]),
            ("/elements/3/type_variety", json!("both"), "UNKNOWN_TYPE", &["\"amp\"", "both"]),
            ("/elements/3/variety_list", json!(["none"]), "UNKNOWN_TYPE", &["\"amp\"", "none"]),
            ("/elements/3/operational/gain_target", json!([]), "WRONG_TYPE", &["\"amp\"", "gain_target"]),
            (
                "/elements/4/params/loss_coef/value",
                json!([0.2]),
                "WRONG_LENGTH",
                &["\"pumped\"", "loss_coef"],
            ),
            ("/elements/4/operational", absent(), "MISSING_FIELD", &["\"pumped\"", "operational"]),
            (
                "/elements/4/operational/raman_pumps/0/propagation_direction",
                json!("up"),
                "UNKNOWN_DIRECTION",
                &["\"pumped\""],
            ),
            ("/elements/5/amplifiers/0/type_variety", json!("polynomial"), "CONFLICT", &["\"two bands\""]),
            ("/elements/6/params/loss", json!(-0.5), "OUT_OF_RANGE", &["\"splice\"", "loss"]),
            ("/connections/0/to_node", json!("nowhere"), "UNKNOWN_ELEMENT", &["to_node", "\"nowhere\""]),
        ],
    );
}

#[test]
fn broken_services_are_refused_with_the_request_and_the_field() {
    let equipment = equipment();
    let band = |field: &str| -> &'static str {
        Box::leak(format!("/path-request/0/path-constraints/te-bandwidth/{field}").into_boxed_str())
    };
    let hop = "/path-request/0/explicit-route-objects/route-object-include-exclude/0/num-unnum-hop/hop-type";
    assert_found(
        &services(),
        |document| gnpy::services::read(document, &equipment).map(drop),
        vec![
            ("/path-request", json!("(absent)"), "MISSING_FIELD", &["path-request"]),
            ("/path-request/0/request-id", json!("2"), "DUPLICATE_ID", &["\"2\""]),
            ("/path-request/0/destination", json!("trx A"), "OUT_OF_RANGE", &["\"1\"", "destination"]),
            (band("trx_type"), json!("none"), "UNKNOWN_TYPE", &["\"1\"", "trx_type", "none"]),
            (band("trx_mode"), json!("none"), "UNKNOWN_TYPE", &["\"1\"", "trx_mode", "none"]),
            (band("spacing"), json!(30e9), "OUT_OF_RANGE", &["\"1\"", "spacing"]),
            (band("path_bandwidth"), json!(-1), "OUT_OF_RANGE", &["\"1\"", "path_bandwidth"]),
            (band("max-nb-of-channel"), json!(0), "OUT_OF_RANGE", &["\"1\"", "max-nb-of-channel"]),
            (band("effective-freq-slot/0/N"), json!(0.5), "OUT_OF_RANGE", &["\"1\"", "N"]),
            (band("effective-freq-slot/0/M"), json!(0), "OUT_OF_RANGE", &["\"1\"", "M"]),
            (hop, json!("MAYBE"), "UNKNOWN_TYPE", &["\"1\"", "hop-type"]),
            (
                "/synchronization/0/svec/request-id-number/1",
                json!("7"),
                "UNKNOWN_REQUEST",
                &["\"s\"", "\"7\""],
            ),
        ],
    );
}

#[test]
fn broken_spectra_and_simulation_parameters_are_refused() {
    let spectrum = json!({ "spectrum": [
        { "f_min": 191.3e12, "f_max": 192e12, "baud_rate": 32e9, "slot_width": 50e9, "roll_off": 0.15 } ] });
    assert_found(
        &spectrum,
        |document| gnpy::spectrum::read(document).map(drop),
        vec![
            ("/spectrum", json!([]), "MISSING_FIELD", &["spectrum"]),
            ("/spectrum/0/f_max", json!(191e12), "OUT_OF_RANGE", &["partition 0", "f_max"]),
            ("/spectrum/0/baud_rate", json!(60e9), "OUT_OF_RANGE", &["partition 0", "baud_rate"]),
            ("/spectrum/0/slot_width", json!(0), "OUT_OF_RANGE", &["partition 0", "slot_width"]),
        ],
    );
    let parameters = json!({
        "nli_params": { "method": "ggn_approx", "computed_channels": [1, 18] },
        "raman_params": { "flag": true, "method": "perturbative", "order": 2 },
    });
    assert_found(
        &parameters,
        |document| gnpy::simulation::read(document).map(drop),
        vec![
            ("/nli_params/method", json!("guess"), "UNKNOWN_TYPE", &["method", "guess"]),
            ("/nli_params/computed_channels", json!([0]), "OUT_OF_RANGE", &["computed_channels"]),
            ("/raman_params/order", json!(9), "OUT_OF_RANGE", &["order"]),
            ("/raman_params/method", json!("guess"), "UNKNOWN_TYPE", &["method"]),
            (
                "/raman_params/solver_spatial_resolution",
                json!(0),
                "OUT_OF_RANGE",
                &["solver_spatial_resolution"],
            ),
        ],
    );
}

#[test]
fn lines_that_lead_nowhere_become_no_links() {
    let options = ImportOptions::default();
    let site = |name: &str| json!({ "uid": format!("roadm {name}"), "type": "Roadm" });
    let fibre = |uid: &str| {
        json!({ "uid": uid, "type": "Fiber", "type_variety": "SSMF",
                "params": { "length": 80, "length_units": "km", "loss_coef": 0.2 } })
    };
    let splice = |uid: &str| json!({ "uid": uid, "type": "Fused" });
    let network = |connections: &[[&str; 2]]| {
        let joined: Vec<Value> =
            connections.iter().map(|[from, to]| json!({ "from_node": from, "to_node": to })).collect();
        let elements = [site("A"), site("B"), fibre("there"), fibre("back"), splice("one"), splice("two")];
        json!({ "elements": elements, "connections": joined }).to_string()
    };
    let good = [["roadm A", "there"], ["there", "roadm B"], ["roadm B", "back"], ["back", "roadm A"]];
    let made =
        import::topology(Format::GnpyJson, network(&good).as_bytes(), &options).expect("good").document;
    assert_eq!((made.nodes.len(), made.links.len()), (2, 1));
    assert_eq!(made.links[0].fibres[0].spans_ab[0].loss_db, Some(16.0));

    for (what, connections) in [
        ("ends", vec![["roadm A", "there"]]),
        ("circles", vec![["roadm A", "there"], ["there", "one"], ["one", "two"], ["two", "one"]]),
        ("branches", vec![["roadm A", "there"], ["there", "one"], ["there", "two"]]),
        ("no fibre", vec![["roadm A", "one"], ["one", "roadm B"]]),
        ("comes back", vec![["roadm A", "there"], ["there", "roadm A"]]),
    ] {
        let refused = import::topology(Format::GnpyJson, network(&connections).as_bytes(), &options)
            .expect_err("a broken line");
        let named = refused.findings.iter().any(|finding| finding.detail.contains(what));
        assert!(named, "{what}: {:?}", refused.findings);
    }
}

fn sheet(book: &mut Workbook, name: &str, first_row: u32, rows: &[&[&str]]) {
    let sheet: &mut Worksheet = book.add_worksheet();
    sheet.set_name(name).expect("a name");
    for (row, cells) in (first_row..).zip(rows) {
        for (column, cell) in (0..).zip(*cells) {
            match cell.parse::<f64>() {
                _ if cell.is_empty() => {}
                Ok(number) => drop(sheet.write_number(row, column, number).expect("fits")),
                Err(_) => drop(sheet.write_string(row, column, *cell).expect("fits")),
            }
        }
    }
}

const NODES: &[&[&str]] = &[
    &["City", "State", "Country", "Region", "Latitude", "Longitude", "Type"],
    &["A", "", "", "", "50", "10", "ROADM"],
    &["M", "", "", "", "50", "11", "ILA"],
    &["B", "", "", "", "50", "12", "ROADM"],
];
const LINKS: &[&[&str]] = &[
    &["Node A", "Node Z", "east", "", "", "west", "", ""],
    &["", "", "Distance (km)", "Fiber type", "lineic att", "Distance (km)", "Fiber type", "lineic att"],
    &["A", "M", "80", "SSMF", "0.2", "81", "", ""],
    &["M", "B", "70", "", "", "", "", ""],
];

fn book(nodes: &[&[&str]], links: &[&[&str]]) -> Vec<u8> {
    let mut book = Workbook::new();
    sheet(&mut book, "Nodes", 4, nodes);
    sheet(&mut book, "Links", 3, links);
    book.save_to_buffer().expect("written")
}

#[test]
fn a_workbook_becomes_the_elements_gnpy_makes_of_it() {
    let made = gnpy::workbook::topology(&book(NODES, LINKS)).expect("a good workbook");
    let network = gnpy::topology::read(&made, &equipment()).expect("a good topology");
    let uids: Vec<&str> = network.elements().iter().map(|element| element.uid.as_str()).collect();
    assert_eq!(
        uids,
        [
            "trx A",
            "trx B",
            "roadm A",
            "roadm B",
            "fiber (A → M)-",
            "fiber (M → B)-",
            "fiber (M → A)-",
            "fiber (B → M)-",
            "west edfa in M",
            "east edfa in M"
        ]
    );
    let behind = |uid: &str| {
        let index = network.index_of(uid).expect("it is there");
        network.successors(index).iter().map(|&next| network.element(next).uid.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(behind("fiber (A → M)-"), ["west edfa in M"]);
    assert_eq!(behind("west edfa in M"), ["fiber (M → B)-"]);
    let links = import::topology(Format::GnpyXls, &book(NODES, LINKS), &ImportOptions::default());
    let length_km = links.expect("sites").document.links[0].length_km;
    assert!((length_km - 150.0).abs() < 1e-9, "{length_km} km");
}

#[test]
fn a_broken_workbook_is_refused_with_sheet_and_cell() {
    let changed =
        |rows: &'static [&'static [&'static str]], row: usize, column: usize, text: &'static str| {
            let mut rows: Vec<Vec<&str>> = rows.iter().map(|cells| cells.to_vec()).collect();
            rows[row][column] = text;
            rows
        };
    let refused = |nodes: Vec<Vec<&str>>, links: Vec<Vec<&str>>| {
        let nodes: Vec<&[&str]> = nodes.iter().map(Vec::as_slice).collect();
        let links: Vec<&[&str]> = links.iter().map(Vec::as_slice).collect();
        gnpy::workbook::topology(&book(&nodes, &links)).expect_err("a broken workbook")
    };
    let good = |rows: &'static [&'static [&'static str]]| changed(rows, 0, 0, rows[0][0]);
    for (findings, code, cell) in [
        (refused(changed(NODES, 2, 0, "A"), good(LINKS)), "DUPLICATE_ID", "A7"),
        (refused(changed(NODES, 1, 4, "north"), good(LINKS)), "WRONG_TYPE", "E6"),
        (refused(good(NODES), changed(LINKS, 2, 0, "Nowhere")), "UNKNOWN_NODE", "A6"),
        (refused(good(NODES), changed(LINKS, 2, 2, "far")), "WRONG_TYPE", "C6"),
        (refused(good(NODES), changed(LINKS, 3, 0, "B")), "OUT_OF_RANGE", "B7"),
    ] {
        let found = findings.iter().any(|finding| {
            finding.code == code && finding.cell.as_deref() == Some(cell) && finding.sheet.is_some()
        });
        assert!(found, "no {code} at {cell} in {findings:?}");
    }
    let headless = refused(changed(NODES, 0, 0, "Town"), good(LINKS));
    assert!(
        headless.iter().any(|finding| finding.code == "MISSING_COLUMN" && finding.detail.contains("City"))
    );
    for bytes in [&b""[..], b"no workbook", b"PK\x03\x04", &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]]
    {
        let findings = gnpy::workbook::topology(bytes).expect_err("no workbook");
        assert_eq!(findings[0].code, "NOT_A_WORKBOOK");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::ANY.prop_map(|number| json!(number)),
        ".{0,8}".prop_map(Value::from),
        Just(json!("")),
        Just(json!([null])),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Every place in a document.
fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| pointers(value, format!("{at}/{key}"), all));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| pointers(value, format!("{at}/{index}"), all));
        }
        _ => {}
    }
    all.push(at);
}

fn with_any_value(document: Value) -> impl Strategy<Value = Value> {
    let mut places = Vec::new();
    pointers(&document, String::new(), &mut places);
    (prop::sample::select(places), any_json()).prop_map(move |(place, value)| {
        let mut broken = document.clone();
        *broken.pointer_mut(&place).expect("a place in it") = value;
        broken
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_stands_in_a_library_it_is_read_or_refused(broken in with_any_value(library())) {
        if let Err(findings) = gnpy::equipment::read(&broken, &AmplifierConfigs::default()) {
            prop_assert!(findings.iter().any(Finding::is_error));
        }
    }

    #[test]
    fn whatever_stands_in_a_topology_it_is_read_or_refused(broken in with_any_value(topology())) {
        match gnpy::topology::read(&broken, &equipment()) {
            Ok(network) => drop(gnpy::topology::write(&network, &equipment())),
            Err(findings) => prop_assert!(findings.iter().any(Finding::is_error)),
        }
        let _ = import::topology(Format::GnpyJson, broken.to_string().as_bytes(), &ImportOptions::default());
    }

    #[test]
    fn whatever_stands_in_services_they_are_read_or_refused(broken in with_any_value(services())) {
        if let Err(findings) = gnpy::services::read(&broken, &equipment()) {
            prop_assert!(findings.iter().any(Finding::is_error));
        }
        let _ = import::traffic(Format::GnpyJson, broken.to_string().as_bytes(), &ImportOptions::default());
    }
}

#[test]
fn documents_without_end_are_refused_before_they_take_for_ever() {
    let options = ImportOptions::default();
    let uid = |index: usize| format!("e{index}");
    let many = |count: usize| -> Vec<Value> {
        (0..count).map(|index| json!({ "uid": uid(index), "type": "Transceiver" })).collect()
    };
    let star: Vec<Value> = (1..6_000).map(|to| json!({ "from_node": uid(0), "to_node": uid(to) })).collect();
    let star = json!({ "elements": many(6_000), "connections": star });
    let types: Vec<Value> =
        (0..3_000).map(|index| json!({ "type_variety": uid(index), "dispersion": 1.67e-5 })).collect();
    let large = |findings: &[Finding]| findings.iter().any(|finding| finding.code == "TOO_LARGE");
    let findings = gnpy::topology::read(&star, &equipment()).expect_err("a star");
    assert!(large(&findings), "{findings:?}");
    let refused =
        import::topology(Format::GnpyJson, star.to_string().as_bytes(), &options).expect_err("a star");
    assert!(large(&refused.findings), "{:?}", refused.findings);
    let library = with(library(), "/Fiber", json!(types));
    let findings = gnpy::equipment::read(&library, &AmplifierConfigs::default()).expect_err("too many types");
    assert!(large(&findings), "{findings:?}");
}
