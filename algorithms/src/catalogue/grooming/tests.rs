//! What grooming gives on small cases; every one of them passes the independent checker on its way.

#![allow(clippy::float_cmp)] // rates come out as the doubles nearest to the decimal numbers

use optics::grooming::{CardKind, Fill, LightpathKind};
use optics::topology::{Link, Node};
use optics::traffic::{Demand, Protection, Restoration, ServiceGroup, ServiceType};
use proptest::prelude::*;

use super::*;
use crate::local;

/// `A` and `B` with a link between them.
fn two_nodes() -> Topology {
    Topology {
        name: "two".to_owned(),
        nodes: vec![Node::roadm("A"), Node::roadm("B")],
        links: vec![Link::new("AB", "A", "B", 10.0)],
        ..Topology::default()
    }
}

/// A demand from `A` to `B` with services `<demand>.<number>`.
fn demand(id: &str, services: &[(ServiceType, usize)]) -> Demand {
    let mut numbers = 1..;
    let services = services
        .iter()
        .map(|&(kind, count)| ServiceGroup {
            kind,
            ids: numbers.by_ref().take(count).map(|number| format!("{id}.{number}")).collect(),
        })
        .collect();
    Demand { rate_ab_gbps: None, services, ..Demand::of_rate(id, "A", "B", 0.0) }
}

fn documents(topology: &Topology, demands: &[Demand]) -> Documents {
    let traffic = TrafficMatrix { name: "matrix".to_owned(), demands: demands.to_vec() };
    Documents::new()
        .with("topology", serde_json::to_vec(topology).unwrap())
        .with("traffic", serde_json::to_vec(&traffic).unwrap())
}

fn groomed(demands: &[Demand], params: &GroomingParams) -> GroomingReport {
    local::report(&Grooming, params, 0, &documents(&two_nodes(), demands)).unwrap()
}

fn refused(topology: &Topology, demands: &[Demand], params: &GroomingParams) -> AlgorithmError {
    local::report(&Grooming, params, 0, &documents(topology, demands)).unwrap_err()
}

fn at(threshold_gbps: f64) -> GroomingParams {
    GroomingParams { threshold_gbps, ..GroomingParams::default() }
}

use ServiceType::{
    E1, FastEthernet, GigabitEthernet, HundredGigabitEthernet, Stm4, Stm16, Stm64, TenGigabitEthernet,
};

#[test]
fn every_type_of_service_travels() {
    let all: Vec<_> = ServiceType::ALL.into_iter().map(|kind| (kind, 1)).collect();
    let report = groomed(&[demand("d", &all)], &at(0.0));
    let kinds: Vec<_> = report.lightpaths.iter().map(|l| (l.id.as_str(), l.kind, l.rate_gbps)).collect();
    // 2.048 Mb/s + 2 × 155.52 Mb/s + 622.08 Mb/s + 2.5 + 0.1 + 1.25 Gb/s in one line, beside STM64 and 10GE
    assert_eq!(kinds, [("d-lp1", LightpathKind::Tp1h, 100.0), ("d-lp2", LightpathKind::Mp1h, 24.785_168)]);
    assert_eq!(report.lightpaths[1].groomouts, ["d-g1"]);
    assert_eq!(report.groomouts[0].rate_gbps, 4.785_168);
    assert_eq!(report.requests[1].clients, ["d.6", "d.9", "d-g1"]);
    assert_eq!(report.summary.rate_gbps, 124.785_168);
}

#[test]
fn ten_clients_fill_a_container_and_only_the_last_is_compared() {
    let d = demand("d", &[(TenGigabitEthernet, 9), (FastEthernet, 17), (Stm64, 1)]);
    // 10 direct clients and two lines: 100 Gb/s, and 1.7 Gb/s in the second container
    let lit = groomed(std::slice::from_ref(&d), &at(0.0));
    assert_eq!(lit.lightpaths.iter().map(|l| l.rate_gbps).collect::<Vec<_>>(), [100.0, 1.7]);
    let left = groomed(&[d], &at(20.0));
    assert_eq!(left.lightpaths.len(), 1);
    assert_eq!(left.leftovers[0].groomouts, ["d-g1", "d-g2"]);
    assert_eq!(left.leftovers[0].rate_gbps, 1.7);
    assert_eq!((left.summary.leftover_services, left.summary.leftover_groomouts), (0, 2));
    assert_eq!((left.summary.mp1h, left.summary.mp2x), (2, 4), "left over groomouts keep their MP2X");
}

#[test]
fn a_full_container_of_light_lines_is_not_compared() {
    // eleven lines of sixteen E1, of 0.03 Gb/s each
    let report = groomed(&[demand("d", &[(E1, 176)])], &at(50.0));
    assert_eq!(report.lightpaths.len(), 1);
    assert_eq!(report.lightpaths[0].groomouts.len(), 10);
    assert_eq!(report.leftovers[0].groomouts, ["d-g11"]);
}

#[test]
fn balanced_containers_reach_the_threshold_together_or_not_at_all() {
    let balanced = |threshold_gbps| GroomingParams { fill: Fill::Balanced, ..at(threshold_gbps) };
    let rates = |report: &GroomingReport| report.lightpaths.iter().map(|l| l.rate_gbps).collect::<Vec<_>>();
    // 14 × 10GE and 8.75 Gb/s of GE
    let fifteen = [demand("d", &[(TenGigabitEthernet, 14), (GigabitEthernet, 7)])];
    assert_eq!(rates(&groomed(&fifteen, &at(70.0))), [100.0]);
    assert_eq!(rates(&groomed(&fifteen, &balanced(70.0))), [78.75, 70.0]);
    assert_eq!(rates(&groomed(&fifteen, &balanced(71.0))), [100.0], "would leave both below: fills in order");
}

#[test]
fn a_rate_is_shared_between_lightpaths() {
    let mut d = Demand::of_rate("r", "A", "B", 130.5);
    d.rate_ba_gbps = Some(250.5);
    d.priority = 3;
    d.protection = Protection::OnePlusOne {
        disjoint: optics::traffic::Disjointness::Node,
        source: optics::traffic::ProtectionSource::Splitter,
        differential_delay_us: None,
    };
    d.restoration = Restoration::Basic;
    let report = groomed(&[d.clone(), Demand::of_rate("zero", "A", "B", 0.0)], &at(70.0));
    let rates: Vec<f64> = report.requests.iter().map(|request| request.rate_gbps).collect();
    assert_eq!(rates, [100.0, 100.0, 50.5]);
    let last = &report.requests[2];
    assert_eq!((last.priority, &last.protection, last.restoration), (3, &d.protection, d.restoration));
    assert!(report.nodes.is_empty(), "no service, no card");
}

#[test]
fn cards_fill_slots_shelves_and_racks_in_order() {
    // 36 cards at each node: one rack of five shelves of seven, and one card in the next rack
    let report = groomed(
        &[demand("d", &[(HundredGigabitEthernet, 34), (Stm16, 4), (TenGigabitEthernet, 1)])],
        &at(0.0),
    );
    let node = &report.nodes[1];
    assert_eq!((node.node.as_str(), node.racks, node.shelves, node.cards.len()), ("B", 2, 6, 36));
    let places: Vec<_> = node.cards.iter().map(|card| (card.id.as_str(), card.kind, card.slots)).collect();
    assert_eq!(places[6], ("B/0/0/12", CardKind::Tp1h, [12, 13]));
    assert_eq!(places[7], ("B/0/1/0", CardKind::Tp1h, [0, 1]));
    assert_eq!(places[34], ("B/0/4/12", CardKind::Mp1h, [12, 13]));
    assert_eq!(places[35], ("B/1/0/0", CardKind::Mp2x, [0, 1]));
    assert_eq!(report.groomouts[0].cards, ["A/1/0/0", "B/1/0/0"]);
}

#[test]
fn lines_share_cards_up_to_sixteen_clients() {
    // lines of 8, 8, 8 GE and of 12 FE beside what is left: the pairs decide the cards
    let report = groomed(&[demand("d", &[(GigabitEthernet, 24)])], &at(0.0));
    assert_eq!(report.groomouts.len(), 3);
    assert_eq!(report.summary.mp2x, 4, "8 + 8 clients on one card, 8 on another, at both ends");
    let full = groomed(&[demand("d", &[(Stm4, 32)])], &at(0.0));
    assert_eq!((full.groomouts.len(), full.summary.mp2x), (2, 4), "16 clients leave no room beside them");
}

#[test]
fn no_demand_is_an_empty_grooming() {
    let report = groomed(&[], &at(0.0));
    assert_eq!(report.summary, optics::grooming::GroomingSummary::default());
    let empty = groomed(&[demand("d", &[])], &at(0.0));
    assert_eq!((empty.summary.demands, empty.summary.lightpaths), (1, 0));
}

#[test]
fn documents_that_make_no_sense_are_refused_with_a_pointer() {
    let good = demand("d", &[(GigabitEthernet, 1)]);
    let invalid = |error: AlgorithmError| match error {
        AlgorithmError::InvalidInput { role, pointer, detail } => {
            (role, pointer, detail.split(':').next().unwrap_or_default().to_owned())
        }
        other => panic!("{other:?}"),
    };
    let traffic = |pointer: &str, code: &str| ("traffic".to_owned(), pointer.to_owned(), code.to_owned());
    let two = two_nodes();
    let refuse = |demands: &[Demand]| invalid(refused(&two, demands, &at(0.0)));

    assert_eq!(refuse(&[good.clone(), good.clone()]).0, "traffic");
    let elsewhere = Demand { b: "C".to_owned(), ..good.clone() };
    assert_eq!(refuse(&[elsewhere]), traffic("/demands/0/b", "UNKNOWN_NODE"));
    let twice = Demand { id: "e".to_owned(), ..good.clone() };
    assert_eq!(refuse(&[good.clone(), twice]), traffic("/demands/1/services/0/ids/0", "DUPLICATE_ID"));
    let huge = Demand::of_rate("huge", "A", "B", 1e9);
    assert_eq!(refuse(&[huge]), traffic("/demands/0", "TOO_MANY"));

    let nowhere = invalid(refused(&Topology::default(), &[], &at(0.0)));
    assert_eq!(nowhere.0, "topology");
    for params in [at(-1.0), at(100.5), GroomingParams { demands_per_shard: 0, ..at(0.0) }] {
        assert!(matches!(refused(&two, &[], &params), AlgorithmError::InvalidParams { .. }));
    }
    assert!(matches!(
        local::report(&Grooming, &at(0.0), 0, &Documents::new()),
        Err(AlgorithmError::InvalidInput { .. })
    ));
}

#[test]
fn the_report_does_not_depend_on_how_demands_are_sharded() {
    let demands: Vec<Demand> = (0..9)
        .map(|i| demand(&format!("d{i}"), &[(GigabitEthernet, 3 * i), (FastEthernet, 20 * i), (Stm64, i)]))
        .collect();
    let reports: Vec<_> = [1, 4, 100]
        .into_iter()
        .map(|demands_per_shard| groomed(&demands, &GroomingParams { demands_per_shard, ..at(30.0) }))
        .collect();
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    // the checker runs inside: services conserved, limits kept, thresholds and figures right
    #[test]
    fn any_traffic_is_groomed_without_a_violation(
        counts in proptest::collection::vec(proptest::collection::vec(0_usize..40, 10), 0..6),
        threshold in 0.0_f64..=100.0,
        balanced: bool,
    ) {
        let demands: Vec<Demand> = counts
            .iter()
            .enumerate()
            .map(|(i, counts)| {
                let services: Vec<_> = ServiceType::ALL.into_iter().zip(counts.iter().copied()).collect();
                demand(&format!("d{i}"), &services)
            })
            .collect();
        let fill = if balanced { Fill::Balanced } else { Fill::Sequential };
        let report = groomed(&demands, &GroomingParams { fill, ..at(threshold) });
        prop_assert!(report.summary.unproven.is_empty());
        prop_assert_eq!(report.summary.services as usize, counts.iter().flatten().sum::<usize>());
    }
}
