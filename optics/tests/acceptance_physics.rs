//! The physics, the design and the path requests against all reference numbers of `NETPLANNER_TEST_DATA`/gnpy.

mod vectors;

use std::path::PathBuf;

use optics::design::{Reference, complete, design};
use optics::gnpy::equipment::AmplifierConfigs;
use optics::gnpy::{equipment, topology};
use optics::line::ElementKind;
use optics::path_request::{PathRequest, PlanOptions, Synchronization, plan_all};
use serde_json::Value;

fn read(file: &PathBuf) -> Value {
    let text =
        std::fs::read_to_string(file).expect("NETPLANNER_TEST_DATA is the folder with the reference data");
    serde_json::from_str(&text).expect("JSON")
}

fn folder() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("NETPLANNER_TEST_DATA").map_or(beside, PathBuf::from).join("gnpy")
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_physics_agrees_with_all_reference_numbers() {
    let folder = folder();
    let common = read(&folder.join("common-data.json"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("NETPLANNER_TEST_DATA is the folder with the reference data")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut cases = 0;
    let mut wrong = Vec::new();
    for file in files {
        let case = read(&file);
        // the folder also holds the files of GNPy the cases were made of
        if case["format"] != "gnpy-vector/1" {
            continue;
        }
        cases += 1;
        let found = vectors::check(&case, Some(&common));
        let worst = found.worst().expect("something is compared");
        println!(
            "{}: {} compared, worst {:.1e} ({})",
            case["case"],
            found.compared(),
            worst.1.value,
            worst.0
        );
        for (what, worst) in found.above(vectors::TOLERANCE) {
            wrong.push(format!("{} {what}: {} at {}", case["case"], worst.value, worst.at));
        }
    }
    assert!(cases >= 46, "{cases} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_seattle_and_miami_are_joined_by_the_shortest_pair_of_routes_apart() {
    let case = read(&folder().join("ex-coronet-conus.json"));
    let equipment = equipment::read(&case["equipment"], &AmplifierConfigs::default()).expect("a library");
    let mut network = topology::read(&case["topology"], &equipment).expect("a topology");
    complete(&mut network, &equipment).expect("completed");
    let reference = Reference::of(&equipment, None).expect("a reference");
    design(&mut network, &equipment, &reference).expect("designed");
    let request = |id: &str| PathRequest {
        id: id.to_owned(),
        source: "trx Seattle".to_owned(),
        destination: "trx Miami".to_owned(),
        bidirectional: false,
        transceiver: "vendorA_trx-type1".to_owned(),
        mode: Some("mode 1".to_owned()),
        spacing_hz: 50e9,
        channels: None,
        reference_power_w: None,
        tx_power_w: None,
        rate_bit_per_s: 100e9,
        include: Vec::new(),
        slots: Vec::new(),
    };
    let apart = Synchronization {
        id: "1".to_owned(),
        requests: vec!["1".to_owned(), "2".to_owned()],
        relaxable: false,
        link_diverse: true,
        node_diverse: false,
    };
    let plan =
        plan_all(&network, &equipment, &[request("1"), request("2")], &[apart], &PlanOptions::default());
    let plan = plan.expect("a plan");
    let mut lengths_km = Vec::new();
    for outcome in &plan.outcomes {
        assert!(outcome.metrics.is_some(), "{:?}", outcome.blocked);
        assert!(outcome.route.len() > 81, "GNPy's limit would have done");
        let lengths = outcome.route.iter().map(|&element| match &network.element(element).kind {
            ElementKind::Fibre(fibre) => fibre.length_m * 1e-3,
            _ => 0.0,
        });
        lengths_km.push(lengths.sum::<f64>());
    }
    let [one, other] = &plan.outcomes[..] else { panic!("two outcomes") };
    let is_shared = |&&element: &&usize| {
        matches!(network.element(element).kind, ElementKind::Fibre(_))
            && (other.route.contains(&element) || other.reverse_route.contains(&element))
    };
    assert_eq!(one.route.iter().filter(is_shared).count(), 0);
    // by a minimum cost flow of two units over the same fibres
    assert!((lengths_km.iter().sum::<f64>() - 13_009.703).abs() < 0.01, "{lengths_km:?} km");
    assert!(lengths_km[1] <= lengths_km[0], "the last of the set has the shorter one");
}
