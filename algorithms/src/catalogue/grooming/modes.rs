//! Grooming with clusters and with shared connections on small networks; every report passes the independent checkers on
//! its way, also that of groomings made by hand.

#![allow(clippy::float_cmp)] // rates come out as the doubles nearest to the decimal numbers

use optics::clusters::Cluster;
use optics::grooming::{Fill, LINE_RATES_GBPS, LightpathKind, SplitService};
use optics::topology::{Link, Node, NodeKind};
use optics::traffic::{
    Demand, Disjointness, Protection, ProtectionSource, Restoration, ServiceGroup, ServiceType,
};
use optics::verify_grooming::manual::verify_manual_grooming;
use proptest::prelude::*;

use super::*;
use crate::catalogue::rwa::{Rwa, RwaParams};
use crate::local;
use ServiceType::{FastEthernet, HundredGigabitEthernet, Stm1Optical, Stm16, TenGigabitEthernet};

/// A network of links between nodes that are letters, a kilometre each.
fn network(links: &[&str]) -> Topology {
    let mut nodes: Vec<char> = links.iter().flat_map(|link| link.chars()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let link = |(i, ends): (usize, &&str)| {
        let (a, b) = ends.split_at(1);
        Link::new(format!("{ends}{i}"), a, b, 1.0)
    };
    Topology {
        nodes: nodes.into_iter().map(|node| Node::roadm(node.to_string())).collect(),
        links: links.iter().enumerate().map(link).collect(),
        ..Topology::default()
    }
}

fn demand(id: &str, ends: &str, services: &[(ServiceType, usize)]) -> Demand {
    let (a, b) = ends.split_at(1);
    let services = services
        .iter()
        .enumerate()
        .map(|(k, &(kind, count))| ServiceGroup {
            kind,
            ids: (0..count).map(|n| format!("{id}.{k}.{n}")).collect(),
        })
        .filter(|group| !group.ids.is_empty())
        .collect();
    Demand { rate_ab_gbps: None, services, ..Demand::of_rate(id, a, b, 0.0) }
}

fn documents(topology: &Topology, demands: &[Demand], clusters: &[Cluster]) -> Documents {
    let traffic = TrafficMatrix { name: "matrix".to_owned(), demands: demands.to_vec() };
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(topology).unwrap())
        .with("traffic", serde_json::to_vec(&traffic).unwrap());
    if clusters.is_empty() {
        return documents;
    }
    let set = ClusterSet { clusters: clusters.to_vec() };
    documents.with("clusters", serde_json::to_vec(&set).unwrap())
}

/// Grooms, and has the report checked by the rules for groomings made by hand as well.
fn groomed(documents: &Documents, params: &GroomingParams) -> GroomingReport {
    let report = local::report(&Grooming, params, 0, documents).unwrap();
    let traffic: TrafficMatrix = documents.parse("traffic").unwrap();
    let clusters = ClusterSet { clusters: report.clusters.clone() };
    let manual = ManualGrooming::of(&report, &traffic);
    assert_eq!(verify_manual_grooming(&traffic, &clusters, &manual), []);
    report
}

fn in_mode(mode: GroomingMode) -> GroomingParams {
    GroomingParams { mode, ..GroomingParams::default() }
}

/// From end to end, what fills less than 20 Gb/s is split.
fn splitting() -> GroomingParams {
    GroomingParams { split_threshold_gbps: Some(20.0), ..GroomingParams::default() }
}

fn pieces(split: &SplitService) -> Vec<&str> {
    split.pieces.iter().map(|piece| piece.demand.as_str()).collect()
}

/// Connections by their nodes, with who rides.
fn connections(report: &GroomingReport) -> Vec<(String, String)> {
    let connections = report.connections.iter();
    connections.map(|own| (own.nodes.concat(), own.carries.join(" "))).collect()
}

const SHARING: [GroomingMode; 4] = [
    GroomingMode::Advanced,
    GroomingMode::Intermediate,
    GroomingMode::ClusteringIntermediate,
    GroomingMode::EndToEndIntermediate,
];

#[test]
fn a_service_is_split_once_beside_parallel_demands() {
    // S is a subnode of gateway G, X lies outside
    let topology = network(&["SG", "GX"]);
    let ten = [(TenGigabitEthernet, 1)];
    let demands = [demand("far", "SX", &ten), demand("one", "SG", &ten), demand("two", "SG", &ten)];
    let report = groomed(&documents(&topology, &demands, &[Cluster::new("c", &["G"], &["S"])]), &splitting());
    let services: usize = report
        .matrices
        .iter()
        .flat_map(|matrix| &matrix.demands)
        .flat_map(|demand| &demand.services)
        .map(|group| group.ids.len())
        .sum();
    assert_eq!(services, 4);
    assert_eq!(report.mapping.iter().map(pieces).collect::<Vec<_>>(), [["one", "G-X"]]);
    assert_eq!(report.lightpaths.len(), 3, "two in the cluster, one to X");
    let origins = report.origins();
    let first = &origins["far.0.0/1"];
    assert_eq!((first.split.service.as_str(), first.position), ("far.0.0", 0));
}

#[test]
fn pieces_take_the_ways_of_the_table() {
    // gateways G and H with subnodes S and T, X outside
    let topology = network(&["SG", "GX", "XH", "HT"]);
    let clusters = [Cluster::new("g", &["G"], &["S"]), Cluster::new("h", &["H"], &["T"])];
    let ways = |ends: &str| {
        let demands = [demand("d", ends, &[(Stm1Optical, 1)])];
        let report = groomed(&documents(&topology, &demands, &clusters), &splitting());
        let row = &report.table[0];
        row.split
            .iter()
            .flat_map(|split| &split.sections)
            .map(|own| format!("{}{}", own.a, own.b))
            .collect::<Vec<_>>()
    };
    assert_eq!(ways("GH"), [""; 0]);
    assert_eq!(ways("SG"), [""; 0]);
    assert_eq!(ways("GX"), [""; 0]);
    assert_eq!(ways("SX"), ["SG", "GX"]);
    assert_eq!(ways("XS"), ["XG", "GS"]);
    assert_eq!(ways("SH"), ["SG", "GH"]);
    assert_eq!(ways("GT"), ["GH", "HT"]);
    assert_eq!(ways("ST"), ["SG", "GH", "HT"]);
}

#[test]
fn of_several_gateways_the_one_on_the_way_is_taken() {
    let topology = network(&["GS", "SH", "GX", "HY", "XY"]);
    let clusters = [Cluster::new("c", &["G", "H"], &["S"])];
    for (ends, via) in [("SX", "S-G"), ("SY", "S-H"), ("YS", "H-S")] {
        let demands = [demand("d", ends, &[(Stm16, 1)])];
        let report = groomed(&documents(&topology, &demands, &clusters), &splitting());
        assert!(pieces(&report.mapping[0]).contains(&via), "{ends}: {:?}", report.mapping);
    }
}

#[test]
fn what_fills_a_lightpath_or_has_conditions_on_its_route_stays_whole() {
    let topology = network(&["SG", "GX"]);
    let clusters = [Cluster::new("c", &["G"], &["S"])];
    let full = demand("full", "SX", &[(TenGigabitEthernet, 2), (HundredGigabitEthernet, 1)]);
    let mut bound = demand("bound", "SX", &[(Stm16, 1)]);
    bound.max_latency_us = Some(100.0);
    let rate = Demand::of_rate("rate", "S", "X", 5.0);
    let report = groomed(&documents(&topology, &[full, bound, rate], &clusters), &splitting());
    assert_eq!(report.mapping, []);
    assert_eq!(report.lightpaths.len(), 4);
}

#[test]
fn pieces_join_only_demands_that_ask_for_the_same() {
    let topology = network(&["SG", "GX", "SX"]);
    let clusters = [Cluster::new("c", &["G"], &["S"])];
    let mut protected = demand("p", "SX", &[(Stm16, 1)]);
    protected.protection = Protection::OnePlusOne {
        disjoint: Disjointness::Node,
        source: ProtectionSource::Splitter,
        differential_delay_us: None,
    };
    let demands = [protected, demand("local", "GX", &[(Stm16, 1)]), demand("d", "XS", &[(Stm16, 1)])];
    let report = groomed(&documents(&topology, &demands, &clusters), &splitting());
    let ways: Vec<_> = report.mapping.iter().map(pieces).collect();
    assert_eq!(ways, [["S-G", "G-X"], ["local", "G-S"]]);
}

#[test]
fn full_lightpaths_are_kept_and_the_rest_rides() {
    // A─B─C: a demand from A to C with a full container and a half, one from A to B and one from B to C
    let topology = network(&["AB", "BC"]);
    let demands = [
        demand("ac", "AC", &[(TenGigabitEthernet, 13)]),
        demand("ab", "AB", &[(TenGigabitEthernet, 2)]),
        demand("bc", "BC", &[(FastEthernet, 5)]),
    ];
    let documents = documents(&topology, &demands, &[]);
    let report = groomed(&documents, &in_mode(GroomingMode::EndToEndIntermediate));
    assert_eq!(
        connections(&report),
        [("AB".to_owned(), "ac ab".to_owned()), ("BC".to_owned(), "ac bc".to_owned())]
    );
    let rates: Vec<(&str, f64)> =
        report.lightpaths.iter().map(|l| (l.demand.as_str(), l.rate_gbps)).collect();
    assert_eq!(rates, [("ac", 100.0), ("A-B", 50.0), ("B-C", 30.5)]);
    assert_eq!(report.summary.split_services, 3);
    // without keeping, the container of ten is cut at B too
    let cut = groomed(&documents, &in_mode(GroomingMode::Intermediate));
    assert_eq!((cut.summary.split_services, cut.lightpaths.len()), (13, 4));
}

#[test]
fn riders_lose_no_protection() {
    let topology = network(&["AB", "BC", "CA"]);
    let mut safe = demand("safe", "AB", &[(Stm16, 1)]);
    safe.restoration = Restoration::Advanced;
    safe.priority = 7;
    safe.protection = Protection::OnePlusOne {
        disjoint: Disjointness::Srlg,
        source: ProtectionSource::OwnTransponder,
        differential_delay_us: None,
    };
    let demands = [demand("plain", "AB", &[(TenGigabitEthernet, 1)]), safe.clone()];
    let report = groomed(&documents(&topology, &demands, &[]), &in_mode(GroomingMode::Intermediate));
    assert_eq!(report.requests.len(), 1);
    let request = &report.requests[0];
    assert_eq!(
        (&request.protection, request.restoration, request.priority),
        (&safe.protection, Restoration::Advanced, 7)
    );
}

#[test]
fn a_ring_is_groomed_in_every_mode() {
    let topology = network(&["AB", "BC", "CD", "DA"]);
    let demands = [
        demand("1", "AC", &[(TenGigabitEthernet, 3)]),
        demand("2", "BD", &[(Stm16, 3)]),
        demand("3", "CB", &[(FastEthernet, 30)]),
    ];
    for mode in SHARING {
        let report = groomed(&documents(&topology, &demands, &[]), &in_mode(mode));
        assert_eq!(report.summary.leftover_groomouts, 0, "{mode:?}");
        assert!(!report.connections.is_empty());
    }
}

#[test]
fn leaves_and_corners_are_collected_where_they_hang() {
    // x─A is a leaf; the ring A─p─q─A is a corner of A; A, B, C and D are the rest
    let topology = network(&["xA", "Ap", "pq", "qA", "AB", "BC", "CD", "DA", "BD"]);
    let demands = [
        demand("1", "xB", &[(Stm16, 1)]),
        demand("2", "pB", &[(Stm16, 1)]),
        demand("3", "pq", &[(Stm16, 1)]),
        demand("4", "xA", &[(Stm16, 1)]),
        demand("5", "qx", &[(Stm16, 1)]),
    ];
    let report =
        groomed(&documents(&topology, &demands, &[]), &in_mode(GroomingMode::ClusteringIntermediate));
    let mut found = connections(&report);
    found.sort();
    let expected = [("AB", "1 2"), ("pA", "2"), ("pq", "3"), ("qA", "5"), ("xA", "1 4 5")];
    assert_eq!(found, expected.map(|(nodes, carries)| (nodes.to_owned(), carries.to_owned())));
}

#[test]
fn nothing_is_groomed_where_there_are_only_amplifiers() {
    // A─m─n─B─C, and D beside B: m and n amplify
    let mut topology = network(&["Am", "mn", "nB", "BC", "BD"]);
    for node in topology.nodes.iter_mut().filter(|node| ["m", "n"].contains(&node.id.as_str())) {
        node.kind = NodeKind::Ila;
    }
    let demands = [demand("1", "AC", &[(Stm16, 1)]), demand("2", "DA", &[(Stm16, 1)])];
    for mode in SHARING {
        let report = groomed(&documents(&topology, &demands, &[]), &in_mode(mode));
        let found = connections(&report);
        let shared =
            found.iter().any(|(nodes, riders)| ["AmnB", "BnmA"].contains(&nodes.as_str()) && riders == "1 2");
        assert!(shared, "{mode:?}: {found:?}");
    }
    // where not even light passes, A is cut off: its demands are asked for all the same
    topology.nodes.iter_mut().filter(|node| node.id == "m").for_each(|node| node.express = false);
    for mode in SHARING {
        let report = groomed(&documents(&topology, &demands, &[]), &in_mode(mode));
        assert!(report.connections.iter().any(|own| own.links.is_empty()), "{mode:?}");
    }
}

#[test]
fn nothing_passes_a_terminal() {
    // the short way from A to C is over T, where lightpaths only end
    let mut topology = network(&["AT", "TC", "AB", "BD", "DC"]);
    for node in topology.nodes.iter_mut().filter(|node| node.id == "T") {
        node.kind = NodeKind::Terminal;
    }
    let demands = [demand("1", "AC", &[(Stm16, 1)]), demand("2", "AT", &[(Stm16, 1)])];
    let report = groomed(&documents(&topology, &demands, &[]), &in_mode(GroomingMode::Intermediate));
    assert_eq!(
        connections(&report),
        [("ABDC".to_owned(), "1".to_owned()), ("AT".to_owned(), "2".to_owned())]
    );
}

#[test]
fn a_tree_collapses_to_its_connections() {
    let topology = network(&["AB", "BC", "BD"]);
    let demands = [
        demand("1", "AC", &[(Stm16, 2)]),
        demand("2", "AD", &[(Stm16, 1)]),
        demand("3", "CD", &[(Stm16, 1)]),
    ];
    let report = groomed(&documents(&topology, &demands, &[]), &in_mode(GroomingMode::Advanced));
    let mut found = connections(&report);
    found.sort();
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(report.summary.pieces, 8);
}

#[test]
fn parallel_links_are_links_of_their_own() {
    let topology = network(&["AB", "AB", "BC"]);
    let demands = [
        demand("1", "AB", &[(TenGigabitEthernet, 3)]),
        demand("2", "AC", &[(TenGigabitEthernet, 2)]),
        demand("3", "AB", &[(Stm16, 1)]),
    ];
    let params = GroomingParams { line_rate_gbps: 40, ..in_mode(GroomingMode::Intermediate) };
    let report = groomed(&documents(&topology, &demands, &[]), &params);
    let links: Vec<_> = report.connections.iter().map(|own| own.links.join(" ")).collect();
    assert!(links.contains(&"AB0".to_owned()), "{links:?}");
    // whichever links they take, connections between A and B are one demand: their services share lines
    let mut between = report.connections.iter().filter(|own| own.nodes.contains(&"A".to_owned()));
    assert!(between.all(|own| own.demand == "A-B"), "{:?}", report.connections);
    // leaves count neighbours, not links
    let leaf = groomed(&documents(&topology, &demands, &[]), &in_mode(GroomingMode::ClusteringIntermediate));
    assert_eq!(leaf.summary.leftover_services, 0);
}

#[test]
fn nodes_that_nothing_joins_keep_their_demands() {
    let topology = network(&["AB", "CD"]);
    let demands = [demand("1", "AC", &[(Stm16, 1)]), demand("2", "AB", &[(Stm16, 1)])];
    for mode in SHARING {
        let report = groomed(&documents(&topology, &demands, &[]), &in_mode(mode));
        assert!(report.requests.len() > 1, "{mode:?}");
        assert!(report.connections.iter().any(|own| own.links.is_empty()), "{mode:?}");
    }
}

#[test]
fn a_container_has_as_many_clients_as_the_line_rate_has_tens() {
    let topology = network(&["AB"]);
    let documents = documents(&topology, &[demand("d", "AB", &[(TenGigabitEthernet, 41)])], &[]);
    for (line_rate_gbps, expected) in [(40, 11), (100, 5), (200, 3), (400, 2)] {
        let report = groomed(&documents, &GroomingParams { line_rate_gbps, ..GroomingParams::default() });
        assert_eq!(report.lightpaths.len(), expected);
        assert!(report.requests.iter().all(|request| request.capacity_gbps == f64::from(line_rate_gbps)));
        let left = groomed(
            &documents,
            &GroomingParams { line_rate_gbps, threshold_gbps: 11.0, ..GroomingParams::default() },
        );
        assert_eq!((left.lightpaths.len(), left.summary.leftover_services), (expected - 1, 1));
    }
    let rate = Demand::of_rate("r", "A", "B", 250.0);
    let fast = groomed(
        &self::documents(&topology, &[rate], &[]),
        &GroomingParams { line_rate_gbps: 200, ..GroomingParams::default() },
    );
    assert_eq!(fast.requests.iter().map(|request| request.rate_gbps).collect::<Vec<_>>(), [200.0, 50.0]);
}

#[test]
fn the_report_does_not_depend_on_how_demands_are_sharded() {
    let topology = network(&["AB", "BC", "CD", "DA", "BE"]);
    let demands: Vec<Demand> = ["AC", "BD", "EC", "EA", "CD", "AE"]
        .iter()
        .enumerate()
        .map(|(i, ends)| demand(&i.to_string(), ends, &[(FastEthernet, 7 * i), (TenGigabitEthernet, 3 * i)]))
        .collect();
    for mode in SHARING.into_iter().chain([GroomingMode::EndToEnd]) {
        let of = |demands_per_shard| {
            let params = GroomingParams {
                mode,
                demands_per_shard,
                propose_clusters: true,
                threshold_gbps: 40.0,
                ..GroomingParams::default()
            };
            groomed(&documents(&topology, &demands, &[]), &params)
        };
        assert_eq!(of(1), of(100), "{mode:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_its_name() {
    let topology = network(&["AB", "BC"]);
    let demands = [demand("d", "AB", &[(Stm16, 1)])];
    let refused = |params: &GroomingParams, documents: &Documents| {
        local::report(&Grooming, params, 0, documents).unwrap_err()
    };
    let plain = documents(&topology, &demands, &[]);
    let default = GroomingParams::default;
    for (params, field) in [
        (GroomingParams { line_rate_gbps: 50, ..default() }, "/line_rate_gbps"),
        (GroomingParams { threshold_gbps: 41.0, line_rate_gbps: 40, ..default() }, "/threshold_gbps"),
        (GroomingParams { split_threshold_gbps: Some(f64::NAN), ..default() }, "/split_threshold_gbps"),
        (GroomingParams { multiplex_threshold_percent: 101.0, ..default() }, "/multiplex_threshold_percent"),
        (GroomingParams { largest_proposed_cluster: 0, ..default() }, "/largest_proposed_cluster"),
    ] {
        match Grooming.open(&plain, &params) {
            Err(AlgorithmError::InvalidParams { pointer, .. }) => assert_eq!(pointer, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let place = |error: AlgorithmError| match error {
        AlgorithmError::InvalidInput { role, pointer, .. } => (role, pointer),
        other => panic!("{other:?}"),
    };
    let unknown = documents(&topology, &demands, &[Cluster::new("c", &["Z"], &[])]);
    let expected = ("clusters".to_owned(), "/clusters/0/gateways/0".to_owned());
    assert_eq!(place(refused(&default(), &unknown)), expected);
    let original = r#"{"clusters": {"x": {"data": {"gateways": ["A"], "subnodes": 7}}}}"#;
    let expected = ("clusters".to_owned(), "/clusters/x/data/subnodes".to_owned());
    let of_the_original = plain.clone().with("clusters", original.as_bytes());
    assert_eq!(place(refused(&default(), &of_the_original)), expected);
    let manual = in_mode(GroomingMode::Manual);
    assert_eq!(place(refused(&manual, &plain)), ("grooming".to_owned(), String::new()));
}

#[test]
fn a_grooming_made_by_hand_is_taken_as_it_is_or_refused_with_all_that_is_wrong() {
    let topology = network(&["SG", "GX"]);
    let ten = [(TenGigabitEthernet, 1), (Stm16, 3), (HundredGigabitEthernet, 1)];
    let demands = [demand("far", "SX", &ten), demand("near", "SG", &ten)];
    let documents = documents(&topology, &demands, &[Cluster::new("c", &["G"], &["S"])]);
    let report = groomed(&documents, &splitting());
    assert_eq!(report.summary.split_services, 4);
    let traffic: TrafficMatrix = documents.parse("traffic").unwrap();
    let mut manual = ManualGrooming::of(&report, &traffic);
    let hand_in = |manual: &ManualGrooming| {
        let documents = documents.clone().with("grooming", serde_json::to_vec(manual).unwrap());
        local::report(&Grooming, &in_mode(GroomingMode::Manual), 0, &documents)
    };
    let again = hand_in(&manual).unwrap();
    assert_eq!((again.summary.lightpaths, &again.mapping), (report.summary.lightpaths, &report.mapping));
    assert_eq!(again.summary.rate_gbps, report.summary.rate_gbps);
    // a report of an earlier run will do as well
    let as_report = documents.clone().with("grooming", serde_json::to_vec(&report).unwrap());
    let taken = local::report(&Grooming, &in_mode(GroomingMode::Manual), 0, &as_report).unwrap();
    assert_eq!(taken.requests, again.requests);
    for matrix in manual.traffic.values_mut() {
        for lightpath in matrix.lightpaths.values_mut() {
            lightpath.capacity += 1.0;
        }
        for low in matrix.low_rate_grooming_result.demands.values_mut() {
            low.source = "X".to_owned();
            low.destination = "S".to_owned();
        }
    }
    let refused = hand_in(&manual).unwrap_err().to_string();
    for rule in ["GROOMOUT_ENDS at", "LIGHTPATH_CAPACITY at"] {
        assert!(refused.contains(rule), "{refused}");
    }
    assert!(refused.matches("LIGHTPATH_CAPACITY at").count() >= report.lightpaths.len(), "{refused}");
}

#[test]
fn by_hand_a_client_may_have_a_wavelength_of_its_own() {
    let topology = network(&["AB"]);
    let documents = documents(&topology, &[demand("d", "AB", &[(TenGigabitEthernet, 11), (Stm16, 1)])], &[]);
    let report = groomed(&documents, &GroomingParams::default());
    let traffic: TrafficMatrix = documents.parse("traffic").unwrap();
    let mut manual = ManualGrooming::of(&report, &traffic);
    let hand_in = |manual: &ManualGrooming, line_rate_gbps| {
        let documents = documents.clone().with("grooming", serde_json::to_vec(manual).unwrap());
        let params = GroomingParams { line_rate_gbps, ..in_mode(GroomingMode::Manual) };
        local::report(&Grooming, &params, 0, &documents)
    };
    // the second lightpath has one 10GE and the line of the STM16, which is left over now
    let matrix = manual.traffic.get_mut("main").unwrap();
    let second = matrix.lightpaths.get_mut("d-lp2").unwrap();
    second.routing_type = "10NonCoherent".to_owned();
    second.service_id_list.retain(|client| client.kind == "normal");
    second.capacity = 10.0;
    let left = vec!["d-g1".to_owned()];
    matrix.remaining_groomouts.demands.insert("d".to_owned(), left);
    let low = matrix.low_rate_grooming_result.demands.get_mut("d").unwrap();
    low.groomouts.get_mut("d-g1").unwrap().lightpath_id = None;
    let again = hand_in(&manual, 100).unwrap();
    let shown: Vec<_> = again
        .requests
        .iter()
        .zip(&again.lightpaths)
        .map(|(request, own)| (own.id.as_str(), own.kind, request.rate_gbps, request.capacity_gbps))
        .collect();
    assert_eq!(
        shown,
        [("d-lp1", LightpathKind::Mp1h, 100.0, 100.0), ("d-lp2", LightpathKind::TenGigabit, 10.0, 10.0)]
    );
    assert_eq!(again.leftovers[0].groomouts, ["d-g1"]);
    assert_eq!(again.summary.mp1h, 2);
    // the other is no lightpath of a 200G line
    match hand_in(&manual, 200) {
        Err(AlgorithmError::InvalidInput { pointer, .. }) => {
            assert_eq!(pointer, "/traffic/main/lightpaths/d-lp1");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_groomed_is_routed_under_the_conditions_of_the_demands_that_were_packed() {
    // a ring with a tail; the bound demand stays whole and keeps off B
    let topology = network(&["AB", "BC", "CD", "DA", "DE"]);
    let mut bound = demand("bound", "AC", &[(TenGigabitEthernet, 2)]);
    bound.exclude_nodes = vec!["B".to_owned()];
    let demands = [bound, demand("free", "AC", &[(Stm16, 3)]), demand("tail", "EB", &[(FastEthernet, 9)])];
    let documents = documents(&topology, &demands, &[Cluster::new("c", &["D"], &["E"])]);
    let report = groomed(&documents, &in_mode(GroomingMode::Advanced));
    assert!(report.summary.split_services > 0);
    let documents = documents.with("grooming", serde_json::to_vec(&report).unwrap());
    let plan = local::report(&Rwa, &RwaParams::default(), 1, &documents).unwrap();
    assert_eq!((plan.summary.requests as usize, plan.summary.blocked), (report.requests.len(), 0));
    let of_bound = report.requests.iter().find(|request| request.demand == "bound").unwrap();
    let lightpath = plan.plan.lightpaths.iter().find(|own| own.id == of_bound.id).unwrap();
    let links: Vec<&str> = lightpath
        .paths
        .iter()
        .flat_map(|path| &path.segments)
        .flat_map(|segment| segment.hops.iter().map(|hop| hop.link.as_str()))
        .collect();
    assert_eq!(links.len(), 2);
    assert!(links.contains(&"CD2") && links.contains(&"DA3"), "{links:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    // the checkers run inside: services conserved whole or in pieces that lead from end to end, limits kept, figures right
    #[test]
    fn any_network_is_groomed_in_every_mode_without_a_violation(
        links in proptest::collection::vec((0_usize..9, 0_usize..9, 1_u32..50), 1..18),
        counts in proptest::collection::vec((0_usize..9, 0_usize..9, proptest::collection::vec(0_usize..14, 10), any::<bool>()), 0..8),
        mode in 0_usize..5,
        rate in 0_usize..4,
        share in 0.0_f64..=1.0,
        propose: bool,
        balanced: bool,
        join: bool,
        kinds in proptest::collection::vec(0_usize..8, 9),
    ) {
        let name = |node: usize| ["A", "B", "C", "D", "E", "F", "G", "H", "I"][node].to_owned();
        let links = links.into_iter().filter(|(a, b, _)| a != b).enumerate();
        let used = |node: usize| counts.iter().any(|(a, b, _, _)| *a == node || *b == node);
        let nodes = (0..9).map(|node| Node {
            // now and then a site that only amplifies, one that nothing passes, and both
            kind: if kinds[node] < 2 && !used(node) { NodeKind::Ila } else { NodeKind::Roadm },
            express: kinds[node] % 2 == 0 || kinds[node] > 5,
            ..Node::roadm(name(node))
        });
        let topology = Topology {
            nodes: nodes.collect(),
            links: links.map(|(i, (a, b, km))| Link::new(i.to_string(), name(a), name(b), f64::from(km))).collect(),
            ..Topology::default()
        };
        let demands: Vec<Demand> = counts
            .iter()
            .filter(|(a, b, _, _)| a != b)
            .enumerate()
            .map(|(i, (a, b, counts, safe))| {
                let services: Vec<_> = ServiceType::ALL.into_iter().zip(counts.iter().copied()).collect();
                let mut demand = demand(&format!("d{i}"), &format!("{}{}", name(*a), name(*b)), &services);
                if *safe {
                    demand.restoration = Restoration::Basic;
                    demand.priority = 2;
                }
                demand
            })
            .collect();
        let line_rate_gbps = LINE_RATES_GBPS[rate];
        let params = GroomingParams {
            mode: [GroomingMode::EndToEnd, SHARING[0], SHARING[1], SHARING[2], SHARING[3]][mode],
            line_rate_gbps,
            threshold_gbps: share * f64::from(line_rate_gbps),
            split_threshold_gbps: balanced.then_some(f64::from(line_rate_gbps)),
            multiplex_threshold_percent: share * 100.0,
            fill: if balanced { Fill::Balanced } else { Fill::Sequential },
            join: if join { Join::EitherDirection } else { Join::SameDirection },
            propose_clusters: propose,
            largest_proposed_cluster: 3,
            demands_per_shard: 3,
        };
        let report = groomed(&documents(&topology, &demands, &[]), &params);
        let services: usize = demands.iter().flat_map(|demand| &demand.services).map(|group| group.ids.len()).sum();
        prop_assert_eq!(report.summary.services as usize, services);
        if params.mode != GroomingMode::EndToEnd {
            prop_assert_eq!(report.summary.leftover_services + report.summary.leftover_groomouts, 0);
        }
    }
}
