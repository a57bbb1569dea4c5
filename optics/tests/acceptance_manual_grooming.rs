//! Groomings of the original product that break one rule each are refused for that rule, good ones are accepted. The
//! folder with them is that of `NETPLANNER_TEST_DATA`, else `../shared/data` beside the workspace.

use std::path::PathBuf;

use optics::clusters::ClusterSet;
use optics::import::{self, Format, ImportOptions};
use optics::manual_grooming::ManualGrooming;
use optics::traffic::TrafficMatrix;
use optics::verify_grooming::manual::{Rule, verify_manual_grooming};
use optics::violation::Violation;
use serde_json::Value;

/// The rule that each file breaks, by number, as the original's own check finds it first.
const BROKEN: &[(&str, usize)] = &[
    ("groomout_Source", 1),
    ("groomout_destination", 1),
    ("groomout_stypemp2x", 2),
    ("groomout_stypeps6x", 2),
    ("groomout_2smp2x", 3),
    ("groomout_2sps6x", 3),
    ("groomout_overloadcapmp2x", 4),
    ("groomout_overloadsumcapmp2x", 5),
    ("lowservice_in_lightpath", 6),
    ("lightpath_1servicein2lightpath", 7),
    ("groomout_in_2lightpath", 7),
    ("differ_cap_lightpath", 8),
    ("more_cap_lightpath", 8),
    ("lowservicein_nonc_lightpath", 8),
    ("more_cap_lightpathnon", 8),
    ("remaining_service_in_lightpath", 9),
    ("remaining_groomout_in_lightpath", 9),
    ("clusteredTM", 11),
];

/// The rest goes by the beginning of the name.
fn broken_rule(file: &str) -> Option<usize> {
    let listed = BROKEN.iter().find(|(name, _)| *name == file).map(|(_, rule)| *rule);
    let by_kind = [("device_", 10), ("SERVICEMAP_", 12), ("table_test_", 13)];
    listed.or_else(|| by_kind.iter().find(|(kind, _)| file.starts_with(kind)).map(|(_, rule)| *rule))
}

fn data(path: &str) -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("NETPLANNER_TEST_DATA").map_or(beside, PathBuf::from).join(path)
}

fn json(path: &str) -> Value {
    let path = data(path);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}

fn traffic(tm: &Value) -> TrafficMatrix {
    let bytes = serde_json::to_vec(tm.get("data").unwrap_or(tm)).expect("JSON");
    import::traffic(Format::NetplannerJson, &bytes, &ImportOptions::default()).expect("good traffic").document
}

fn verify(tm: &Value, clusters: &Value, grooming: &Value) -> Vec<Violation> {
    let grooming: ManualGrooming = serde_json::from_value(grooming.clone()).expect("a grooming");
    let clusters = ClusterSet::of_netplanner(clusters).expect("clusters");
    verify_manual_grooming(&traffic(tm), &clusters, &grooming)
}

fn verify_file(file: &Value) -> Vec<Violation> {
    verify(&file["tm"], &file["cl"], &file["res"])
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_groomings_that_break_a_rule_are_refused_for_it() {
    let folder = data("netplanner/grooming-rules");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 36, "{} files", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let found = verify_file(&json(&format!("netplanner/grooming-rules/{name}.json")));
        let broken: Vec<&str> = found.iter().map(|violation| violation.rule.as_str()).collect();
        let expected = broken_rule(name).map(|number| Rule::ALL[number - 1].code());
        println!("{name}: {expected:?} in {broken:?}");
        if broken.is_empty() || expected.is_some_and(|rule| !broken.contains(&rule)) {
            wrong.push(format!("{name}: {expected:?} is not among {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_same_groomings_without_their_fault_are_accepted() {
    let path = |name: &str| format!("netplanner/grooming-rules/{name}.json");
    let mut table = json(&path("table_test_destination"));
    table["res"]["grooming_table"]["demands"]["1"]["destination"] = "BFT".into();
    assert_eq!(verify_file(&table), []);
    let mut groomout = json(&path("groomout_Source"));
    let main = &mut groomout["res"]["grooming_result"]["traffic"]["main"];
    main["low_rate_grooming_result"]["demands"]["1"]["source"] = "K1".into();
    assert_eq!(verify_file(&groomout), []);
    let mut channel = json(&path("device_LPid_TP2X_ch1"));
    channel["res"]["grooming_result"]["service_devices"]["3012"]["ch1"]["lightpath_id"] = "3011".into();
    assert_eq!(verify_file(&channel), []);
    let mut line = json(&path("device_groomout_mp2x_l1"));
    line["res"]["grooming_result"]["service_devices"]["3009"]["line1"]["groomout_id"] = "3008".into();
    assert_eq!(verify_file(&line), []);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_groomings_of_the_original_are_accepted() {
    let input = json("netplanner/json/grooming-input.json");
    let plain = json("netplanner/json/grooming-grooming.json");
    assert_eq!(verify(&input["tm"], &input["CL"], &plain), []);
    // the stored table of the other is of an older form, without split sections
    let clustered = json("netplanner/json/grooming-cluster.json");
    let found = verify(&input["tm"], &input["CL"], &clustered);
    assert!(found.iter().all(|violation| violation.rule == Rule::Table.code()), "{found:#?}");
    assert!(!found.is_empty());
}
