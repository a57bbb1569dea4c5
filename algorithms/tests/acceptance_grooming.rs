//! Groomings of the original's networks against what the original gives. Every report passes the independent checkers on
//! its way. The folder with the networks is that of `NETPLANNER_TEST_DATA`, else `../shared/data` beside the workspace.

use std::path::PathBuf;

use algorithms::catalogue::design::{Design, DesignParams};
use algorithms::catalogue::grooming::{Grooming, GroomingParams, Join};
use algorithms::{Documents, local};
use optics::clusters::{Cluster, ClusterSet};
use optics::grooming::{CardKind, Fill, GroomingMode, GroomingReport, LINE_RATES_GBPS};
use optics::import::{self, Format, ImportOptions};
use optics::manual_grooming::ManualGrooming;
use optics::traffic::{ServiceType, TrafficMatrix};
use optics::verify_grooming::manual::verify_manual_grooming;

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

/// The small network of the original: topology, traffic, and its two clusters.
fn small() -> (Documents, ClusterSet) {
    let bytes = data("netplanner/json/grooming-input.json");
    let input: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let part = |name: &str| {
        let part = &input[name];
        serde_json::to_vec(part.get("data").unwrap_or(part)).expect("JSON")
    };
    let clusters = ClusterSet::of_netplanner(&input["CL"]).expect("clusters");
    (documents(Format::NetplannerJson, &part("PT"), &part("tm")), clusters)
}

fn with_clusters(documents: Documents, clusters: &ClusterSet) -> Documents {
    documents.with("clusters", serde_json::to_vec(clusters).expect("JSON"))
}

fn run(documents: &Documents, params: &GroomingParams) -> GroomingReport {
    local::report(&Grooming, params, 0, documents).expect("a grooming without violations")
}

/// The report in the form of the original breaks none of its rules, and comes back as a grooming made by hand.
fn accepted_by_hand(documents: &Documents, params: &GroomingParams, report: &GroomingReport) {
    let traffic: TrafficMatrix = documents.parse("traffic").expect("traffic");
    let manual = ManualGrooming::of(report, &traffic);
    let clusters = ClusterSet { clusters: report.clusters.clone() };
    assert_eq!(verify_manual_grooming(&traffic, &clusters, &manual), [], "{params:?}");
    let handed_in = with_clusters(documents.clone(), &clusters)
        .with("grooming", serde_json::to_vec(&manual).expect("JSON"));
    let by_hand = GroomingParams { mode: GroomingMode::Manual, ..params.clone() };
    let again = run(&handed_in, &by_hand);
    let shown = |report: &GroomingReport| {
        let mut all: Vec<_> = report
            .requests
            .iter()
            .map(|request| {
                let mut clients = request.clients.clone();
                clients.sort();
                (request.id.clone(), request.a.clone(), request.b.clone(), clients)
            })
            .collect();
        all.sort();
        all
    };
    assert_eq!(shown(&again), shown(report), "{params:?}");
    assert_eq!(again.summary.rate_gbps.to_bits(), report.summary.rate_gbps.to_bits());
    assert_eq!(again.summary.mp2x, report.summary.mp2x);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_small_grooming_with_clusters_is_that_of_the_original() {
    let (documents, clusters) = small();
    let documents = with_clusters(documents, &clusters);
    let params = GroomingParams {
        threshold_gbps: 20.0,
        split_threshold_gbps: Some(50.0),
        join: Join::SameDirection,
        ..GroomingParams::default()
    };
    let report = run(&documents, &params);
    let packed: Vec<(String, Vec<String>)> = report
        .matrices
        .iter()
        .map(|matrix| {
            let mut demands: Vec<String> = matrix
                .demands
                .iter()
                .filter(|demand| !demand.services.is_empty())
                .map(|demand| {
                    let mut groups: Vec<String> = demand
                        .services
                        .iter()
                        .map(|group| format!("{}x{:?}", group.ids.len(), group.kind))
                        .collect();
                    groups.sort();
                    format!("{}-{} {}", demand.a, demand.b, groups.join(" "))
                })
                .collect();
            demands.sort();
            let name = clusters.clusters.iter().find(|cluster| cluster.id == matrix.id);
            (name.map_or(&matrix.id, |cluster| &cluster.name).clone(), demands)
        })
        .collect();
    let expect = |name: &str, demands: &[&str]| {
        let own = packed.iter().find(|(matrix, _)| matrix == name).expect("the matrix");
        assert_eq!(own.1, demands, "{name}");
    };
    expect("CL2", &["BFT-SB 12xFastEthernet 5xStm16", "SB-BFT 1xFastEthernet 1xStm64"]);
    let cl1 = [
        "K1-K3 1xStm64 3xFastEthernet",
        "K2-K1 2xTenGigabitEthernet 3xFastEthernet",
        "K3-K1 15xFastEthernet 1xStm64 5xStm16",
    ];
    expect("CL1", &cl1);
    let main = [
        "BFT-HG 1xFastEthernet 1xStm64",
        "FE-HG 3xFastEthernet 5xStm64",
        "HG-K1 1xStm64 3xFastEthernet",
        "K1-BFT 18xFastEthernet 2xStm64 5xStm16",
        "K1-HG 2xTenGigabitEthernet 3xFastEthernet",
        "K3-SB 1xHundredGigabitEthernet",
    ];
    expect("main", &main);
    let mut lightpaths: Vec<(String, String, String)> = report
        .requests
        .iter()
        .map(|request| (request.a.clone(), request.b.clone(), format!("{:.1}", request.rate_gbps)))
        .collect();
    lightpaths.sort();
    let expected = [
        ("FE", "HG", "50.3"),
        ("K1", "BFT", "34.3"),
        ("K1", "HG", "20.3"),
        ("K2", "K1", "20.3"),
        ("K3", "K1", "24.0"),
        ("K3", "SB", "100.0"),
    ];
    assert_eq!(lightpaths, expected.map(|(a, b, rate)| (a.to_owned(), b.to_owned(), rate.to_owned())));
    let summary = &report.summary;
    assert_eq!((summary.groomouts, summary.mp2x, summary.tp1h, summary.mp1h), (13, 26, 2, 10));
    assert!((summary.mean_rate_gbps - 41.533_333_333_333).abs() < 1e-9);
    // demand 1: 100GE whole; 5 STM16 and 12 FE over K3-K1, K1-BFT, BFT-SB
    let row = report.table.iter().find(|row| row.demand == "1").expect("a row");
    assert_eq!(
        row.end_to_end.iter().map(|entry| (entry.kind, entry.count)).collect::<Vec<_>>(),
        [(ServiceType::HundredGigabitEthernet, 1)]
    );
    for (kind, count) in [(ServiceType::Stm16, 5), (ServiceType::FastEthernet, 12)] {
        let split = row.split.iter().find(|split| split.kind == kind).expect("split");
        let way: Vec<_> =
            split.sections.iter().map(|section| (section.a.as_str(), section.b.as_str())).collect();
        assert_eq!((split.count, way), (count, vec![("K3", "K1"), ("K1", "BFT"), ("BFT", "SB")]));
    }
    accepted_by_hand(&documents, &params, &report);
    // joined in either direction the same services need no more lightpaths, and leave less over
    let joined = run(&documents, &GroomingParams { join: Join::EitherDirection, ..params });
    assert!(joined.summary.leftover_groomouts < summary.leftover_groomouts);
    assert!(joined.summary.groomouts <= summary.groomouts);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_kerman_without_100ge_has_six_of_its_107_lightpaths_in_the_cluster() {
    let part = |name: &str| data(&format!("netplanner/json/rwa-{name}.json"));
    let clusters: serde_json::Value = serde_json::from_slice(&part("clusters")).expect("JSON");
    let clusters = ClusterSet::of_netplanner(&clusters).expect("clusters");
    let documents = with_clusters(documents(Format::NetplannerJson, &part("pt"), &part("tm")), &clusters);
    let params = GroomingParams::default();
    let report = run(&documents, &params);
    let inside = &report.matrices[0];
    let in_cluster = report
        .requests
        .iter()
        .filter(|request| inside.demands.iter().any(|demand| demand.id == request.demand));
    assert_eq!((in_cluster.count(), report.requests.len()), (6, 107));
    assert!((report.summary.rate_gbps - 2473.8).abs() < 1e-9, "{}", report.summary.rate_gbps);
    accepted_by_hand(&documents, &params, &report);
}

/// Connections as their nodes, one direction chosen, with the demands that ride on them.
fn connections(report: &GroomingReport) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<_> = report
        .connections
        .iter()
        .map(|connection| {
            let mut nodes = connection.nodes.clone();
            if nodes.last() < nodes.first() {
                nodes.reverse();
            }
            let mut carries = connection.carries.clone();
            carries.sort();
            (nodes.join("-"), carries)
        })
        .collect();
    all.sort();
    all
}

fn expected_connections(all: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    let own = |list: &str| list.chars().map(String::from).collect();
    all.iter().map(|(nodes, carries)| ((*nodes).to_owned(), own(carries))).collect()
}

fn capacities(report: &GroomingReport) -> Vec<(String, String, f64)> {
    let mut all: Vec<(String, String, f64)> = report
        .requests
        .iter()
        .map(|request| {
            let (a, b) = (request.a.clone().min(request.b.clone()), request.a.clone().max(request.b.clone()));
            (a, b, request.rate_gbps)
        })
        .collect();
    all.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    all
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_advanced_test_network_gives_the_connections_of_the_original() {
    let documents = documents(
        Format::NetplannerXlsx,
        &data("netplanner/excel/adv_grooming_test_1_pt.xlsx"),
        &data("netplanner/excel/adv_grooming_test_1_tm.xlsx"),
    );
    let params = |mode| GroomingParams { mode, line_rate_gbps: 40, ..GroomingParams::default() };
    let expected = [("A-C-E", "123"), ("B-D-E", "456"), ("E-F-I", "2356"), ("E-G-H", "14"), ("I-K", "36")];
    for mode in [
        GroomingMode::Advanced,
        GroomingMode::Intermediate,
        GroomingMode::EndToEndIntermediate,
        GroomingMode::ClusteringIntermediate,
    ] {
        let report = run(&documents, &params(mode));
        assert_eq!(connections(&report), expected_connections(&expected), "{mode:?}");
        let expected =
            [("A", "E", 40.0), ("B", "E", 25.0), ("E", "H", 25.0), ("E", "I", 40.0), ("I", "K", 20.0)];
        assert_eq!(capacities(&report), expected.map(|(a, b, rate)| (a.to_owned(), b.to_owned(), rate)));
        let summary = &report.summary;
        assert_eq!((summary.groomouts, summary.mp2x, summary.mp1h, summary.tp1h), (7, 10, 10, 0));
        assert!((summary.mean_rate_gbps - 30.0).abs() < 1e-9);
        accepted_by_hand(&documents, &params(mode), &report);
    }
    let cluster = ClusterSet { clusters: vec![Cluster::new("F", &["F"], &["A", "C", "D", "B"])] };
    let clustered = with_clusters(documents, &cluster);
    for mode in [GroomingMode::Advanced, GroomingMode::ClusteringIntermediate] {
        let report = run(&clustered, &params(mode));
        let expected = [("A-B-F", "123"), ("B-F", "456"), ("F-G-H", "14"), ("F-I", "2356"), ("I-K", "36")];
        assert_eq!(connections(&report), expected_connections(&expected), "{mode:?}");
        let expected =
            [("A", "F", 40.0), ("B", "F", 25.0), ("F", "H", 25.0), ("F", "I", 40.0), ("I", "K", 20.0)];
        assert_eq!(capacities(&report), expected.map(|(a, b, rate)| (a.to_owned(), b.to_owned(), rate)));
        accepted_by_hand(&clustered, &params(mode), &report);
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_kerman_is_groomed_in_every_mode_at_every_line_rate_without_a_violation() {
    let documents = kerman();
    let clusters = ClusterSet { clusters: vec![Cluster::new("K1", &["K1"], &["K2", "K3", "K4"])] };
    let given = with_clusters(documents.clone(), &clusters);
    for mode in [
        GroomingMode::EndToEnd,
        GroomingMode::Advanced,
        GroomingMode::Intermediate,
        GroomingMode::ClusteringIntermediate,
        GroomingMode::EndToEndIntermediate,
    ] {
        for line_rate_gbps in LINE_RATES_GBPS {
            for (documents, propose_clusters) in [(&documents, true), (&given, false)] {
                let threshold_gbps = f64::from(line_rate_gbps) * 0.7;
                let params = GroomingParams {
                    mode,
                    line_rate_gbps,
                    threshold_gbps,
                    propose_clusters,
                    ..GroomingParams::default()
                };
                let report = run(documents, &params);
                println!(
                    "{mode:?} {line_rate_gbps} {}: {:?}",
                    if propose_clusters { "proposed" } else { "K1" },
                    report.summary
                );
                assert_eq!(report.summary.services, 916);
                if mode != GroomingMode::EndToEnd {
                    assert_eq!(report.summary.leftover_services + report.summary.leftover_groomouts, 0);
                }
                accepted_by_hand(documents, &params, &report);
            }
        }
    }
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
