use std::collections::BTreeMap;

use super::add_drop::multiplexers;
use super::*;
use crate::fixture;
use crate::grooming::GroomingReport;
use crate::plan::Plan;
use crate::topology::{Fibre, Link, Node, NodeKind, Span, Topology};
use crate::verify_bill::verify_bill;

fn of(topology: &Topology, plan: &Plan, prices: &BTreeMap<Item, f64>) -> BillOfMaterials {
    let bill = bill_of_materials(&Given { topology, plan, grooming: None, prices, currency: "EUR" });
    assert_eq!(verify_bill(topology, plan, None, &bill), []);
    bill
}

fn bill() -> (Topology, Plan, BillOfMaterials) {
    let case = fixture::valid();
    let bill = of(&case.topology, &case.plan, &BTreeMap::new());
    (case.topology, case.plan, bill)
}

fn empty() -> Plan {
    Plan { lightpaths: Vec::new(), bounds: Vec::new(), ..fixture::valid().plan }
}

fn star(degree: usize) -> Topology {
    let nodes = std::iter::once(Node::roadm("hub")).chain((0..degree).map(|at| Node::roadm(format!("{at}"))));
    let links = (0..degree).map(|at| Link::new(format!("l{at}"), "hub", format!("{at}"), 50.0));
    Topology { nodes: nodes.collect(), links: links.collect(), ..Topology::default() }
}

#[test]
fn every_end_and_degree_of_the_fixture_has_its_cards() {
    let (topology, plan, bill) = bill();
    let ends: usize = plan.lightpaths.len() * 2;
    assert_eq!(bill.total[&Item::Transponder] as usize, ends, "splitters feed both paths of one transponder");
    let pairs: usize = topology.links.iter().map(|link| 2 * link.fibres.len().max(1)).sum();
    assert_eq!(bill.total[&Item::Fim] as usize, pairs);
    assert_eq!(bill.total[&Item::Regenerator], 1);
    assert!(bill.cost.is_none() && bill.nodes.iter().all(|node| node.cost.is_none()));
}

#[test]
fn switches_grow_with_the_degree() {
    // nothing is added or dropped at the hub: one switch for each degree, cascaded beyond eight
    for (degree, ws4, ws9) in
        [(1, 0, 0), (2, 2, 0), (3, 3, 0), (4, 0, 4), (8, 0, 8), (9, 0, 18), (16, 0, 32), (17, 0, 51)]
    {
        let bill = of(&star(degree), &empty(), &BTreeMap::new());
        let hub = &bill.nodes[0];
        assert_eq!((hub.counts[&Item::Ws4], hub.counts[&Item::Ws9]), (ws4, ws9), "degree {degree}");
        assert_eq!(bill.proposals.len(), usize::from(degree == 2), "degree {degree}");
    }
}

#[test]
fn what_only_amplifies_has_one_amplifier_for_each_degree_and_is_only_proposed() {
    let mut topology = star(2);
    let before = of(&topology, &empty(), &BTreeMap::new());
    assert_eq!(
        (before.nodes[0].architecture, before.proposals[0].node.as_str()),
        (Architecture::TwoSwitches, "hub")
    );
    topology.nodes[0].kind = NodeKind::Ila;
    let behind = of(&topology, &empty(), &BTreeMap::new());
    assert_eq!(behind.nodes[0].architecture, Architecture::AmplifierSite);
    assert!(behind.proposals.is_empty());
    for (item, saved) in &before.proposals[0].saves {
        let [before, behind] = [&before, &behind].map(|bill| bill.total[item]);
        assert_eq!(before - behind, *saved, "{}", item.name());
    }
}

#[test]
fn multiplexers_take_each_channel_once() {
    assert_eq!(multiplexers(&[]), [0, 0]);
    assert_eq!(multiplexers(&[0, 2, 4, 94]), [1, 0]);
    assert_eq!(multiplexers(&[0, 1]), [1, 1]);
    assert_eq!(multiplexers(&[2, 2, 2, 3]), [3, 1], "three of the same channel");
    assert_eq!(multiplexers(&[0, 96]), [2, 0], "a multiplexer has 48 channels");
}

#[test]
fn amplifiers_between_spans_are_counted_in_both_directions() {
    let mut topology = star(1);
    let span = |length_km| Span { length_km, fibre_type: String::new(), loss_db: None, amplifier: None };
    topology.links[0].fibres =
        vec![Fibre { id: "1".to_owned(), spans_ab: vec![span(20.0), span(30.0)], spans_ba: None }];
    let bill = of(&topology, &empty(), &BTreeMap::new());
    assert_eq!((bill.total[&Item::LineAmplifier], bill.links[0].line_amplifiers), (2, 2));
}

#[test]
fn costs_are_those_of_the_list() {
    let case = fixture::valid();
    let prices = BTreeMap::from([(Item::Fim, 2.0), (Item::Transponder, 10.0)]);
    let bill = of(&case.topology, &case.plan, &prices);
    let expected = 2.0 * f64::from(bill.total[&Item::Fim]) + 10.0 * f64::from(bill.total[&Item::Transponder]);
    let cost = bill.cost.expect("there are prices");
    assert!((cost.total - expected).abs() < 1e-9);
    let of_sites: f64 = bill.nodes.iter().filter_map(|node| node.cost).sum();
    assert!((of_sites - expected).abs() < 1e-9);
    assert!(cost.without_price.contains(&Item::Hkp));
}

#[test]
fn the_checker_finds_each_fault() {
    type Mutation = fn(&mut BillOfMaterials);
    let mutations: [(&str, Mutation); 8] = [
        ("BILL_NODES", |bill| drop(bill.nodes.pop())),
        ("BILL_TOTAL", |bill| *bill.total.get_mut(&Item::Fim).expect("listed") += 1),
        ("BILL_SLOT", |bill| bill.nodes[0].cards[1].slot = 0),
        ("BILL_COUNT", |bill| *bill.nodes[0].counts.get_mut(&Item::Ocm).expect("listed") += 1),
        ("BILL_SHELVES", |bill| bill.nodes[0].shelves += 1),
        ("BILL_LINE_CARDS", |bill| bill.nodes[0].degree += 1),
        ("BILL_TRANSPONDERS", |bill| {
            bill.nodes.iter_mut().for_each(|node| {
                node.counts.insert(Item::Transponder, 0);
            });
        }),
        ("BILL_MULTIPLEXERS", |bill| {
            bill.nodes.iter_mut().for_each(|node| {
                node.counts.insert(Item::Md48, 0);
            });
        }),
    ];
    let (topology, plan, bill) = bill();
    for (rule, mutate) in mutations {
        let mut bill = bill.clone();
        mutate(&mut bill);
        let found = verify_bill(&topology, &plan, None, &bill);
        assert!(found.iter().any(|violation| violation.rule == rule), "{rule}: {found:?}");
    }
    let grooming: Option<&GroomingReport> = None;
    assert_eq!(verify_bill(&topology, &plan, grooming, &bill), []);
}
