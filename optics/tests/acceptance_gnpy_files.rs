//! GNPy's files of the reference networks are read whole: every entry, every element, every connection.

use std::path::PathBuf;

use optics::gnpy;
use optics::gnpy::equipment::AmplifierConfigs;
use optics::import::{self, Format, ImportOptions, Imported};
use serde_json::Value;

/// The folder with the files of GNPy.
fn folder() -> PathBuf {
    let data =
        std::env::var_os("NETPLANNER_TEST_DATA").expect("NETPLANNER_TEST_DATA names the reference data");
    PathBuf::from(data).join("gnpy")
}

fn cases() -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let name = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    files
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            (name(path), serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON"))
        })
        .filter(|(_, case): &(String, Value)| {
            case["format"] == "gnpy-vector/1" && case["topology"].is_object()
        })
        .collect()
}

fn configs(case: &Value) -> AmplifierConfigs {
    let mut configs = AmplifierConfigs::default();
    for (name, content) in case["extra_configs"].as_object().into_iter().flatten() {
        configs.insert(name, content.clone());
    }
    configs
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

fn names(section: &Value) -> usize {
    let aliases = |entry: &Value| 1 + length(&entry["other_name"]);
    section.as_array().into_iter().flatten().map(aliases).sum()
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_every_library_and_topology_is_read_whole() {
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    for (name, case) in cases {
        let library = &case["equipment"];
        let equipment = gnpy::equipment::read(library, &configs(&case)).unwrap_or_else(|findings| {
            panic!("{name}: {}", findings[0]);
        });
        assert_eq!(
            equipment.amplifiers.len() + equipment.multiband_amplifiers.len(),
            names(&library["Edfa"]),
            "{name}"
        );
        assert_eq!(equipment.fibres.len(), names(&library["Fiber"]), "{name}");
        assert_eq!(equipment.roadms.len(), names(&library["Roadm"]), "{name}");
        assert_eq!(equipment.transceivers.len(), names(&library["Transceiver"]), "{name}");

        let topology = &case["topology"];
        let network = gnpy::topology::read(topology, &equipment).unwrap_or_else(|findings| {
            panic!("{name}: {}", findings[0]);
        });
        assert_eq!(network.len(), length(&topology["elements"]), "{name}");
        let connections: std::collections::BTreeSet<String> =
            topology["connections"].as_array().into_iter().flatten().map(Value::to_string).collect();
        let read: usize = (0..network.len()).map(|index| network.successors(index).len()).sum();
        assert_eq!(read, connections.len(), "{name}");
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_a_topology_written_and_read_again_is_the_same() {
    for (name, case) in cases() {
        let equipment = gnpy::equipment::read(&case["equipment"], &configs(&case)).expect("a library");
        let network = gnpy::topology::read(&case["topology"], &equipment).expect("a topology");
        let written = gnpy::topology::write(&network, &equipment);
        let again = gnpy::topology::read(&written, &equipment).unwrap_or_else(|findings| {
            panic!("{name}: {}", findings[0]);
        });
        // Lengths and losses are written with six digits behind the point: once more is the same.
        let twice = gnpy::topology::write(&again, &equipment);
        assert!(twice == written, "{name}: written twice, it is not the same");
        assert_eq!(again.len(), network.len(), "{name}");
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_every_service_file_is_read_whole() {
    let mut files = 0;
    for (name, case) in cases().into_iter().filter(|(_, case)| case["services"].is_object()) {
        let equipment = gnpy::equipment::read(&case["equipment"], &configs(&case)).expect("a library");
        let services = gnpy::services::read(&case["services"], &equipment).unwrap_or_else(|findings| {
            panic!("{name}: {}", findings[0]);
        });
        assert_eq!(services.requests.len(), length(&case["services"]["path-request"]), "{name}");
        assert_eq!(services.synchronizations.len(), length(&case["services"]["synchronization"]), "{name}");
        files += 1;
    }
    assert!(files >= 4, "only {files} service files");
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).expect("a file of the reference data")
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&file(name)).expect("JSON")
}

/// The same document, whichever way numbers are written and whatever stands for nothing: an attenuator or a tilt of 0
/// is none. The column PMD of the workbook is younger than the JSON file beside it.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => serde_json::json!(number.as_f64()),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, value)| {
                let nothing = ["tilt_target", "in_voa", "out_voa"].contains(&key.as_str())
                    && value.as_f64() == Some(0.0);
                !value.is_null() && !["metadata", "pmd_coef"].contains(&key.as_str()) && !nothing
            })
            .map(|(key, value)| (key.clone(), normal(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// The items of a list in a given order, as what differs is best seen one by one.
fn assert_same_items(made: &Value, wanted: &Value, key: &str, id: impl Fn(&Value) -> String) {
    let sorted = |document: &Value| -> std::collections::BTreeMap<String, Value> {
        document[key].as_array().expect("a list").iter().map(|item| (id(item), normal(item))).collect()
    };
    let (made, wanted) = (sorted(made), sorted(wanted));
    let mut differences: Vec<String> = wanted
        .iter()
        .filter(|(id, item)| made.get(*id) != Some(item))
        .map(|(id, item)| format!("{id}: {item} is wanted, {:?} was made", made.get(id)))
        .collect();
    differences
        .extend(made.keys().filter(|id| !wanted.contains_key(*id)).map(|id| format!("{id} is not wanted")));
    assert!(differences.is_empty(), "{key}:\n{}", differences.join("\n"));
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_workbooks_become_the_topologies_gnpy_makes_of_them() {
    for name in ["CORONET_Global_Topology", "meshTopologyExampleV2"] {
        let made = gnpy::workbook::topology(&file(&format!("{name}.xls"))).unwrap_or_else(|findings| {
            panic!("{name}: {}", findings[0]);
        });
        let wanted = json(&format!("{name}.json"));
        assert_same_items(&made, &wanted, "elements", |element| element["uid"].to_string());
        assert_same_items(&made, &wanted, "connections", Value::to_string);
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_a_damaged_workbook_never_panics() {
    let good = file("meshTopologyExampleV2.xls");
    // the same bytes are damaged in every run
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        for _ in 0..=next(8) {
            let at = next(bytes.len());
            bytes[at] = u8::try_from(next(256)).expect("a byte");
        }
        if next(4) == 0 {
            bytes.truncate(next(good.len()));
        }
        if let Err(findings) = gnpy::workbook::topology(&bytes) {
            assert!(!findings.is_empty());
        }
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_services_of_a_workbook_are_those_gnpy_makes() {
    let library = &json("ex-mesh-v2.json")["equipment"];
    let equipment = gnpy::equipment::read(library, &AmplifierConfigs::default()).expect("a library");
    let workbook = file("meshTopologyExampleV2.xls");
    let topology = gnpy::workbook::topology(&workbook).expect("a workbook");
    let network = gnpy::topology::read(&topology, &equipment).expect("a topology");
    let made = gnpy::workbook::services(&workbook, &workbook, &network, false).unwrap_or_else(|findings| {
        panic!("{}", findings[0]);
    });
    let wanted = json("meshTopologyExampleV2_services.json");
    let made = gnpy::services::read(&made, &equipment).expect("services");
    let wanted = gnpy::services::read(&wanted, &equipment).expect("services");
    let ids = |services: &gnpy::services::Services| -> Vec<String> {
        services.requests.iter().map(|request| request.id.clone()).collect()
    };
    assert_eq!(ids(&made), ids(&wanted));
    assert_eq!(made.synchronizations, wanted.synchronizations);
    for (made, wanted) in made.requests.iter().zip(&wanted.requests) {
        assert_eq!((&made.source, &made.destination), (&wanted.source, &wanted.destination));
        assert_eq!((&made.transceiver, &made.mode), (&wanted.transceiver, &wanted.mode), "{}", made.id);
        assert!((made.rate_bit_per_s - wanted.rate_bit_per_s).abs() < 1.0, "{}", made.id);
        assert_eq!(made.include, wanted.include, "{}", made.id);
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_gnpy_topologies_become_sites_and_links() {
    let options = ImportOptions::default();
    for (name, sites, links) in [("CORONET_CONUS_Topology", 75, 99), ("CORONET_Global_Topology", 100, 136)] {
        let Imported { document, .. } =
            import::topology(Format::GnpyJson, &file(&format!("{name}.json")), &options).expect(name);
        assert_eq!((document.nodes.len(), document.links.len()), (sites, links), "{name}");
        let fibre = &document.links[0].fibres[0];
        let spans: f64 = fibre.spans_ab.iter().map(|span| span.length_km).sum();
        assert!((spans - document.links[0].length_km).abs() < 1e-6, "{name}: {spans} km");
        assert!(fibre.spans_ab.iter().all(|span| !span.fibre_type.is_empty() && span.loss_db.is_some()));
    }
    let of_workbook = import::topology(Format::GnpyXls, &file("CORONET_Global_Topology.xls"), &options);
    let of_json = import::topology(Format::GnpyJson, &file("CORONET_Global_Topology.json"), &options);
    let (of_workbook, of_json) = (of_workbook.expect("a workbook").document, of_json.expect("JSON").document);
    assert_eq!(of_workbook.links.len(), of_json.links.len());
    assert_eq!(of_workbook.nodes, of_json.nodes);
    let services = file("meshTopologyExampleV2_services.json");
    let traffic = import::traffic(Format::GnpyJson, &services, &options).expect("services").document;
    assert_eq!(traffic.demands.len(), length(&json("meshTopologyExampleV2_services.json")["path-request"]));
}
