//! The checker of groomings finds what is wrong: a good report, spoilt in one way for each rule.

use optics::grooming::LightpathKind::{Mp1h, Rate, Tp1h};
use optics::grooming::{CardKind, Fill, GroomingReport, LightpathKind};
use optics::topology::{Link, Node, Topology};
use optics::traffic::{Demand, ServiceGroup, ServiceType, TrafficMatrix};
use optics::verify_grooming::verify_grooming;

use super::{Grooming, GroomingParams};
use optics::clusters::{Cluster, ClusterSet};
use optics::grooming::GroomingMode;
use optics::traffic::Restoration;

use crate::{Documents, local};

fn topology() -> Topology {
    Topology {
        nodes: ["A", "B", "C"].map(Node::roadm).into(),
        links: vec![Link::new("AB", "A", "B", 10.0), Link::new("BC", "B", "C", 10.0)],
        ..Topology::default()
    }
}

/// `x` fills a container and leaves another over, `y` has a 100GE and a lit container, `z` is a rate.
fn traffic() -> TrafficMatrix {
    let services = |id: &str, groups: &[(ServiceType, usize)]| {
        let services = groups
            .iter()
            .enumerate()
            .map(|(k, &(kind, count))| ServiceGroup {
                kind,
                ids: (0..count).map(|n| format!("{id}{k}.{n}")).collect(),
            })
            .collect();
        Demand { rate_ab_gbps: None, services, ..Demand::of_rate(id, "A", "B", 0.0) }
    };
    TrafficMatrix {
        name: String::new(),
        demands: vec![
            services("x", &[(ServiceType::TenGigabitEthernet, 11), (ServiceType::GigabitEthernet, 20)]),
            services(
                "y",
                &[
                    (ServiceType::HundredGigabitEthernet, 2),
                    (ServiceType::TenGigabitEthernet, 4),
                    (ServiceType::GigabitEthernet, 10),
                ],
            ),
            Demand::of_rate("z", "B", "C", 150.0),
        ],
    }
}

fn good() -> GroomingReport {
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(&topology()).unwrap())
        .with("traffic", serde_json::to_vec(&traffic()).unwrap());
    let params = GroomingParams { threshold_gbps: 40.0, ..GroomingParams::default() };
    local::report(&Grooming, &params, 0, &documents).unwrap()
}

/// Spoils a good report and expects `rule` among what the checker says.
fn breaks(rule: &str, spoil: impl FnOnce(&mut GroomingReport)) {
    let mut report = good();
    spoil(&mut report);
    let found = verify_grooming(&topology(), &traffic(), &report);
    assert!(found.iter().any(|violation| violation.rule == rule), "{rule} is not among {found:?}");
}

#[test]
fn the_good_report_has_what_is_spoilt_below() {
    let report = good();
    assert_eq!(verify_grooming(&topology(), &traffic(), &report), []);
    let kinds: Vec<_> = report.lightpaths.iter().map(|lightpath| lightpath.kind).collect();
    assert_eq!(kinds, [Mp1h, Tp1h, Tp1h, Mp1h, Rate, Rate]);
    assert_eq!(report.leftovers.len(), 1);
    assert_eq!((report.leftovers[0].services.len(), report.leftovers[0].groomouts.len()), (1, 3));
}

#[test]
fn services() {
    breaks("SERVICE_LOST", |report| drop(report.groomouts[0].services.pop()));
    breaks("SERVICE_TWICE", |report| {
        let service = report.groomouts[0].services[0].clone();
        report.groomouts[1].services.push(service);
    });
    breaks("SERVICE_UNKNOWN", |report| report.lightpaths[0].services[0] = "nobody".to_owned());
    breaks("SERVICE_UNKNOWN", |report| {
        // a service of another demand
        let foreign = report.lightpaths[3].services[0].clone();
        std::mem::replace(&mut report.lightpaths[0].services[0], foreign)
            .clone_into(&mut report.lightpaths[3].services[0]);
    });
    breaks("SERVICE_UNKNOWN", |report| report.leftovers[0].services[0].kind = ServiceType::Stm64);
}

#[test]
fn lines() {
    breaks("GROOMOUT_TYPE", |report| {
        let service = report.lightpaths[0].services.pop().unwrap();
        report.groomouts[2].services = vec![service];
    });
    breaks("GROOMOUT_CLIENTS", |report| report.groomouts[0].services.clear());
    breaks("GROOMOUT_RATE", |report| report.groomouts[0].rate_gbps -= 0.1);
    breaks("GROOMOUT_RATE", |report| {
        let moved = report.groomouts[2].services.pop().unwrap();
        report.groomouts[0].services.push(moved);
        report.groomouts[0].rate_gbps += 1.25;
        report.groomouts[2].rate_gbps -= 1.25;
    });
    breaks("GROOMOUT_LOST", |report| drop(report.leftovers[0].groomouts.pop()));
    breaks("GROOMOUT_TWICE", |report| {
        let groomout = report.leftovers[0].groomouts[0].clone();
        report.leftovers[0].groomouts.push(groomout);
    });
    breaks("GROOMOUT_UNKNOWN", |report| report.lightpaths[3].groomouts[0] = "nobody".to_owned());
    breaks("GROOMOUT_UNKNOWN", |report| report.groomouts[0].lightpath = Some("x-lp1".to_owned()));
}

#[test]
fn containers() {
    breaks("LIGHTPATH_TYPE", |report| report.lightpaths[0].kind = LightpathKind::Tp1h);
    breaks("LIGHTPATH_CLIENTS", |report| {
        let service = report.leftovers[0].services[0].ids.pop().unwrap();
        report.lightpaths[0].services.push(service);
    });
    breaks("LIGHTPATH_RATE", |report| report.lightpaths[3].rate_gbps += 1.0);
    breaks("LEFTOVER", |report| {
        let service = report.lightpaths[0].services.pop().unwrap();
        report.leftovers[0].services[0].ids.push(service);
    });
    breaks("LEFTOVER", |report| report.leftovers[0].rate_gbps += 1.0);
    breaks("LEFTOVER", |report| {
        let again = report.leftovers[0].clone();
        report.leftovers.push(again);
    });
    breaks("THRESHOLD", |report| report.threshold_gbps = 30.0);
    breaks("THRESHOLD", |report| {
        report.threshold_gbps = 60.0;
        report.fill = Fill::Balanced;
    });
    breaks("RATE_SHARES", |report| report.lightpaths[5].rate_gbps -= 1.0);
    breaks("RATE_SHARES", |report| drop(report.lightpaths.pop()));
}

#[test]
fn cards() {
    breaks("CARD_PLACE", |report| report.nodes[0].cards[1].slots = report.nodes[0].cards[0].slots);
    breaks("CARD_PLACE", |report| report.nodes[0].cards[0].slots = [13, 14]);
    breaks("CARD_PLACE", |report| report.nodes[0].cards[0].shelf = 5);
    breaks("CARD_PLACE", |report| report.nodes[0].shelves += 1);
    breaks("CARD_PLACE", |report| report.nodes[0].node = "nowhere".to_owned());
    breaks("CARD_MISSING", |report| drop(report.nodes[1].cards.pop()));
    breaks("CARD_MISSING", |report| report.lightpaths[0].cards.reverse());
    breaks("CARD_MISSING", |report| report.nodes[0].cards[0].kind = CardKind::Mp1h);
    breaks("CARD_CLIENTS", |report| {
        let card = report.nodes[0].cards.iter_mut().find(|card| card.kind == CardKind::Mp2x).unwrap();
        card.carries.push("x-g1".to_owned());
        card.carries.push("x-g2".to_owned());
    });
    breaks("CARD_UNKNOWN", |report| report.nodes[0].cards[0].carries[0] = "nobody".to_owned());
    breaks("CARD_UNKNOWN", |report| report.groomouts[0].line = 3 - report.groomouts[0].line);
}

#[test]
fn requests_and_figures() {
    breaks("REQUEST", |report| drop(report.requests.pop()));
    breaks("REQUEST", |report| report.requests[0].b = "C".to_owned());
    breaks("REQUEST", |report| report.requests[0].rate_gbps -= 1.0);
    breaks("REQUEST", |report| report.requests[1].clients.clear());
    breaks("REQUEST", |report| {
        let again = report.requests[0].clone();
        report.requests.push(again);
    });
    breaks("TABLE", |report| drop(report.table.pop()));
    breaks("TABLE", |report| report.table[0].end_to_end[0].count += 1);
    breaks("SUMMARY", |report| report.summary.rate_gbps += 1.0);
    breaks("SUMMARY", |report| report.summary.mp2x += 1);
    breaks("SUMMARY", |report| report.summary.leftover_services += 1);
}

/// `x` is split at gateway `B` of the cluster of `A`; the other way is a connection each of `AB` and `BC`.
fn split_traffic() -> TrafficMatrix {
    let group =
        |kind, id: &str, count| ServiceGroup { kind, ids: (0..count).map(|n| format!("{id}{n}")).collect() };
    let demand = |id: &str, a: &str, services| Demand {
        rate_ab_gbps: None,
        services,
        ..Demand::of_rate(id, a, "C", 0.0)
    };
    let far =
        vec![group(ServiceType::TenGigabitEthernet, "t", 1), group(ServiceType::GigabitEthernet, "g", 3)];
    let mut x = demand("x", "A", far);
    x.restoration = Restoration::Basic;
    let near = demand("y", "B", vec![group(ServiceType::Stm64, "s", 1)]);
    TrafficMatrix { name: String::new(), demands: vec![x, near] }
}

fn split(mode: GroomingMode) -> GroomingReport {
    let clusters = ClusterSet { clusters: vec![Cluster::new("c", &["B"], &["A"])] };
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(&topology()).unwrap())
        .with("traffic", serde_json::to_vec(&split_traffic()).unwrap())
        .with("clusters", serde_json::to_vec(&clusters).unwrap());
    let params = GroomingParams { mode, split_threshold_gbps: Some(20.0), ..GroomingParams::default() };
    local::report(&Grooming, &params, 0, &documents).unwrap()
}

fn breaks_split(mode: GroomingMode, rule: &str, spoil: impl FnOnce(&mut GroomingReport)) {
    let mut report = split(mode);
    spoil(&mut report);
    let found = verify_grooming(&topology(), &split_traffic(), &report);
    assert!(found.iter().any(|violation| violation.rule == rule), "{rule} is not among {found:?}");
}

#[test]
fn split_services() {
    let at_gateways = |rule: &str, spoil: fn(&mut GroomingReport)| {
        breaks_split(GroomingMode::EndToEnd, rule, spoil);
    };
    let report = split(GroomingMode::EndToEnd);
    assert_eq!(verify_grooming(&topology(), &split_traffic(), &report), []);
    assert_eq!((report.mapping.len(), report.matrices.len()), (4, 2));
    at_gateways("SPLIT_SERVICE", |report| drop(report.mapping.pop()));
    at_gateways("SPLIT_SERVICE", |report| report.mapping[0].service = "nobody".to_owned());
    at_gateways("SPLIT_SERVICE", |report| {
        let again = report.mapping[0].clone();
        report.mapping.push(again);
    });
    at_gateways("SPLIT_SERVICE", |report| drop(report.matrices[0].demands[0].services[0].ids.pop()));
    at_gateways("SPLIT_SERVICE", |report| {
        report.matrices[0].demands[0].services[0].ids.push("stranger".to_owned());
    });
    at_gateways("SPLIT_SERVICE", |report| {
        report.matrices[0].demands[0].services[0].kind = ServiceType::Stm64;
    });
    at_gateways("SPLIT_CHAIN", |report| report.mapping[0].pieces.reverse());
    at_gateways("SPLIT_CHAIN", |report| drop(report.mapping[0].pieces.pop()));
    at_gateways("SPLIT_CHAIN", |report| report.mapping[0].pieces[0].matrix = "main".to_owned());
    at_gateways("SPLIT_CHAIN", |report| report.mapping[0].pieces[0].demand = "nobody".to_owned());
    at_gateways("SPLIT_CONDITIONS", |report| {
        report.matrices[0].demands[0].restoration = Restoration::None;
    });
    at_gateways("SPLIT_CONDITIONS", |report| report.matrices[0].demands[0].priority = 0);
    at_gateways("MATRIX", |report| report.matrices[0].id = "other".to_owned());
    at_gateways("MATRIX", |report| report.matrices[0].demands[0].b = "C".to_owned());
    at_gateways("MATRIX", |report| report.clusters[0].gateways.clear());
    at_gateways("MATRIX", |report| report.matrices.clear());
    at_gateways("TABLE", |report| report.table[0].split[0].count += 1);
    at_gateways("TABLE", |report| report.table[0].split[0].sections[0].b = "C".to_owned());
    at_gateways("TABLE", |report| drop(report.table[0].split[0].sections.pop()));
    at_gateways("SUMMARY", |report| report.summary.pieces += 1);
    at_gateways("SUMMARY", |report| report.summary.shelves += 1);
    at_gateways("LIGHTPATH_RATE", |report| report.line_rate_gbps = 50);
    at_gateways("LIGHTPATH_CLIENTS", |report| {
        // two containers at 10 Gb/s each would have no room
        report.line_rate_gbps = 40;
        report.lightpaths[0].services = (0..5).map(|n| format!("s{n}")).collect();
    });
}

#[test]
fn connections() {
    let sharing = |rule: &str, spoil: fn(&mut GroomingReport)| {
        breaks_split(GroomingMode::Intermediate, rule, spoil);
    };
    let report = split(GroomingMode::Intermediate);
    assert_eq!((report.connections.len(), report.mapping.len()), (2, 4));
    sharing("CONNECTION", |report| report.connections[0].links.push("AB".to_owned()));
    sharing("CONNECTION", |report| report.connections[0].links[0] = "BC".to_owned());
    sharing("CONNECTION", |report| report.connections[0].nodes[0] = "C".to_owned());
    sharing("CONNECTION", |report| report.connections[0].carries.clear());
    sharing("CONNECTION", |report| report.connections[0].demand = "nobody".to_owned());
}
