//! Groomings of the original's networks against what the original gives. Every report passes the independent checkers on
//! its way. The folder with the networks is that of `NETPLANNER_TEST_DATA`, else `../shared/data` beside the workspace.

use std::path::PathBuf;

use algorithms::catalogue::design::{Design, DesignParams};
use algorithms::catalogue::grooming::{Grooming, GroomingParams};
use algorithms::{Documents, local};
use optics::grooming::{CardKind, Fill, GroomingReport};
use optics::import::{self, Format, ImportOptions};
use optics::traffic::ServiceType;

fn data(path: &str) -> Vec<u8> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("NETPLANNER_TEST_DATA").map_or(beside, PathBuf::from).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(format: Format, topology: &[u8], traffic: &[u8]) -> Documents {
    let options = ImportOptions::default();
    let topology = import::topology(format, topology, &options).expect("a good topology").document;
    let traffic = import::traffic(format, traffic, &options).expect("a good traffic matrix").document;
    Documents::new()
        .with("topology", serde_json::to_vec(&topology).expect("JSON"))
        .with("traffic", serde_json::to_vec(&traffic).expect("JSON"))
}

fn kerman() -> Documents {
    let topology = data("netplanner/excel/PT_kerman.xlsx");
    let traffic = data("netplanner/excel/traffic_kerman.xlsx");
    documents(Format::NetplannerXlsx, &topology, &traffic)
}

fn groom(documents: &Documents, threshold_gbps: f64, fill: Fill) -> GroomingReport {
    let params = GroomingParams { threshold_gbps, fill, ..GroomingParams::default() };
    local::report(&Grooming, &params, 0, documents).expect("a grooming without violations")
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_kerman_groomed_whole_asks_for_134_lightpaths() {
    let documents = kerman();
    let summary = groom(&documents, 0.0, Fill::Sequential).summary;
    assert_eq!((summary.demands, summary.services), (104, 916));
    assert_eq!((summary.lightpaths, summary.lightpaths_100ge, summary.groomouts), (134, 27, 124));
    assert!((summary.rate_gbps - 5173.8).abs() < 1e-9, "{}", summary.rate_gbps);
    assert!((summary.mean_rate_gbps - 38.610_447_761_194).abs() < 1e-9);
    assert_eq!((summary.mp2x, summary.tp1h, summary.mp1h), (204, 54, 214));
    assert_eq!((summary.leftover_services, summary.leftover_groomouts), (0, 0));
    assert_eq!(summary.unproven, []);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_kerman_at_threshold_70_keeps_31_lightpaths_or_33_balanced() {
    let documents = kerman();
    let report = groom(&documents, 70.0, Fill::Sequential);
    let summary = &report.summary;
    assert_eq!((summary.lightpaths, summary.lightpaths_100ge, summary.groomouts), (31, 27, 124));
    assert_eq!((summary.mp2x, summary.tp1h, summary.mp1h), (204, 54, 8));
    assert_eq!((summary.leftover_groomouts, summary.leftover_services), (115, 141));
    assert_eq!(groom(&documents, 70.0, Fill::Balanced).summary.lightpaths, 33);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_small_grooming_is_that_of_the_original() {
    let bytes = data("netplanner/json/grooming-input.json");
    let input: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let part = |name: &str| {
        let part = &input[name];
        serde_json::to_vec(part.get("data").unwrap_or(part)).expect("JSON")
    };
    let report = groom(&documents(Format::NetplannerJson, &part("PT"), &part("tm")), 20.0, Fill::Sequential);
    let lightpaths: Vec<_> = report
        .requests
        .iter()
        .map(|request| (request.a.as_str(), request.b.as_str(), request.rate_gbps))
        .collect();
    assert_eq!(lightpaths, [("K3", "SB", 100.0), ("K2", "HG", 20.3), ("FE", "HG", 50.3)]);
    let lines: Vec<_> =
        report.groomouts.iter().map(|groomout| (groomout.demand.as_str(), groomout.rate_gbps)).collect();
    assert_eq!(
        lines,
        [("1", 10.0), ("1", 3.7), ("2", 0.3), ("3", 0.3), ("4", 0.3), ("5", 0.3), ("6", 0.3), ("7", 0.1)]
    );
    let left: Vec<_> = report.leftovers.iter().flat_map(|leftover| &leftover.services).collect();
    assert!(left.iter().all(|group| group.kind == ServiceType::Stm64));
    assert_eq!(left.iter().flat_map(|group| &group.ids).collect::<Vec<_>>(), ["13", "21", "25", "27"]);
    let left: Vec<_> = report.leftovers.iter().map(|leftover| leftover.demand.as_str()).collect();
    assert_eq!(left, ["1", "3", "5", "6", "7"]);
    assert_eq!((report.summary.mp2x, report.summary.tp1h, report.summary.mp1h), (16, 2, 4));
    assert!((report.summary.mean_rate_gbps - 56.866_666_666_667).abs() < 1e-9);
    let k3 = report.nodes.iter().find(|node| node.node == "K3").expect("K3 has cards");
    let slots: Vec<_> = k3.cards.iter().map(|card| (card.kind, card.rack, card.shelf, card.slots)).collect();
    let mp2x = |first| (CardKind::Mp2x, 0, 0, [first, first + 1]);
    assert_eq!(slots, [(CardKind::Tp1h, 0, 0, [0, 1]), mp2x(2), mp2x(4), mp2x(6), mp2x(8)]);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_kerman_is_designed_with_48_wavelengths_and_proof() {
    let documents = kerman();
    let report = local::report(&Design, &DesignParams::default(), 1, &documents).expect("no violations");
    let summary = &report.plan_report.summary;
    assert_eq!((summary.requests, summary.lightpaths, summary.blocked), (134, 134, 0));
    assert_eq!(summary.wavelengths, Some(48));
    let best = summary.bounds.iter().map(|bound| bound.value).fold(0.0, f64::max);
    assert!((best - 48.0).abs() < 1e-9, "the bound is {best}");
    assert_eq!(report.grooming.summary.lightpaths, 134);
}
