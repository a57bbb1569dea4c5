//! A valid plan breaks no rule; one mutation of it breaks exactly the rule it is aimed at.

use std::collections::BTreeSet;

use super::{verify, verify_bounds, verify_demands, verify_report};
use crate::fixture::{
    Case, channel, existing, hop, one_plus_one, path, port, request, segment, serve, valid,
};
use crate::grid::Grid;
use crate::plan::{Blocked, BlockedReason, Direction, PathRole};
use crate::report::{PlanReport, Wish};
use crate::topology::{AddDropKind, Link, Node, Srlg, SrlgKind, UnavailableSpectrum};
use crate::traffic::{Demand, Disjointness, Protection, Restoration, TrafficMatrix};
use crate::violation::Violation;

fn rules(found: &[Violation]) -> BTreeSet<&str> {
    found.iter().map(|violation| violation.rule.as_str()).collect()
}

/// Mutates the valid plan and expects violations of `rule` and of no other.
fn breaks(rule: &str, mutate: impl FnOnce(&mut Case)) {
    let mut case = valid();
    mutate(&mut case);
    let found = verify(&case.topology, &case.requests, &case.plan);
    assert_eq!(rules(&found), BTreeSet::from([rule]), "{found:#?}");
}

/// Mutates the valid plan and expects that it stays valid.
fn keeps(mutate: impl FnOnce(&mut Case)) {
    let mut case = valid();
    mutate(&mut case);
    assert_eq!(verify(&case.topology, &case.requests, &case.plan), []);
}

#[test]
fn a_valid_plan_breaks_no_rule() {
    let case = valid();
    assert_eq!(crate::validate::validate_topology(&case.topology), []);
    let report = PlanReport::describe(&case.topology, &case.requests, case.plan.clone());
    assert_eq!(verify_report(&case.topology, None, &case.requests, &report), []);
    assert_eq!((report.summary.wavelengths, report.summary.gap), (Some(4), Some(2.0)));
    assert_eq!((report.summary.regenerators, report.summary.hops), (1, 14));
}

#[test]
fn routes_exist_connect_and_are_simple() {
    breaks("DUPLICATE_LIGHTPATH", |case| {
        case.plan.lightpaths.push(existing("old", "A", "T", segment("AT", 5, "A/1/8", "T/default/8")));
        case.plan.lightpaths.push(existing("old", "A", "T", segment("AT", 6, "A/1/9", "T/default/9")));
    });
    breaks("WORKING_PATH", |case| case.lightpath("r1").paths.reverse());
    breaks("EMPTY_ROUTE", |case| case.lightpath("r3").paths[0].segments.clear());
    breaks("EMPTY_ROUTE", |case| case.segment("r3", 0).hops.clear());
    breaks("UNKNOWN_LINK", |case| case.segment("r3", 0).hops[0].link = "BX".to_owned());
    breaks("UNKNOWN_FIBRE", |case| case.segment("r6", 0).hops[0].fibre = "f9".to_owned());
    breaks("ROUTE_BROKEN", |case| drop(case.segment("r1", 1).hops.remove(1)));
    breaks("ROUTE_ENDS", |case| case.segment("r3", 0).hops[0].direction = Direction::Ba);
    breaks("ROUTE_ENDS", |case| {
        case.segment("r4", 0).hops.pop();
        case.segment("r4", 0).rx = port("A/1/7");
    });
    breaks("SEGMENT_ENDS", |case| drop(case.segment("r4", 0).hops.pop()));
    breaks("SEGMENT_ENDS", |case| case.segment("r3", 0).rx = port("F/default/5"));
    breaks("ROUTE_LOOP", |case| {
        *case.segment("r4", 0) = segment("-AT AB BE EF FA", 5, "T/default/0", "B/default/2");
    });
    breaks("NO_TRANSIT", |case| case.segment("r5", 0).hops = vec![hop("AT"), hop("TF")]);
    breaks("NO_TRANSIT", |case| case.node("B").express = false);
}

#[test]
fn slots_fit_and_do_not_overlap() {
    breaks("GRID_MISMATCH", |case| case.topology.grid = Some(Grid::fixed(50.0, 10)));
    breaks("OUTSIDE_GRID", |case| case.segment("r3", 0).n = channel(7) + 8);
    breaks("NOT_A_CHANNEL", |case| case.segment("r3", 0).n += 1);
    breaks("NOT_A_CHANNEL", |case| case.segment("r3", 0).m = 2);
    let closed = |fibre: Option<&str>| UnavailableSpectrum {
        fibre: fibre.map(str::to_owned),
        n_lo: channel(3) + 3,
        n_hi: channel(3) + 9,
        reason: "leased".to_owned(),
    };
    breaks("UNAVAILABLE_SPECTRUM", |case| case.link("BC").unavailable.push(closed(Some("f2"))));
    keeps(|case| case.link("BC").unavailable.push(closed(Some("f1"))));
    breaks("SPECTRUM_CLASH", |case| case.segment("r2", 0).n = channel(0));
    breaks("SPECTRUM_CLASH", |case| {
        case.segment("r6", 0).hops[0].fibre = "f1".to_owned();
        case.segment("r6", 0).n = channel(1);
    });
    keeps(|case| case.segment("r6", 0).n = channel(1)); // on the other fibre pair
}

#[test]
fn signals_are_added_where_banks_allow_it() {
    breaks("UNKNOWN_BANK", |case| case.segment("r3", 0).tx = port("B/east/1"));
    breaks("PORT_RANGE", |case| case.segment("r2", 0).rx = port("D/cdc/4"));
    breaks("PORT_SHARED", |case| case.segment("r3", 0).tx = port("B/default/0"));
    breaks("BANK_DEGREE", |case| case.segment("r6", 0).rx = port("C/east/1"));
    breaks("REGENERATOR_PORTS", |case| case.node("F").regen_ports = Some(1));
    keeps(|case| case.node("F").regen_ports = Some(2));
}

#[test]
fn a_slot_is_added_no_more_often_than_a_bank_allows() {
    // Colourless: another fibre pair of the degree would have room, the bank has not.
    breaks("CONTENTION", |case| case.segment("r6", 0).n = channel(0));
    // Directionless: the two signals of a splitter on two ports of one bank.
    breaks("CONTENTION", |case| {
        let bank = &mut case.node("C").add_drop[0];
        (bank.kind, bank.ports) = (AddDropKind::Directionless, None);
        bank.degrees.clear();
        case.segment("r1", 1).rx = port("C/west/7");
    });
    // Per node: another signal on another bank.
    let other = |case: &mut Case, kind: AddDropKind| {
        let mut second = case.node("A").add_drop[0].clone();
        (second.bank, second.kind) = ("2".to_owned(), kind);
        case.node("A").add_drop.push(second);
        case.plan.lightpaths.push(existing("old", "A", "T", segment("AT", 0, "A/2/0", "T/default/8")));
    };
    breaks("CONTENTION", |case| other(case, AddDropKind::Directionless));
    keeps(|case| other(case, AddDropKind::Cdc));
    keeps(|case| {
        other(case, AddDropKind::Directionless);
        case.node("A").contention = crate::topology::Contention::PerBank;
    });
    // CDC: as often as it says.
    let twice = |case: &mut Case| {
        case.plan.lightpaths.push(existing("old", "D", "E", segment("DE", 1, "D/cdc/1", "E/default/8")));
    };
    breaks("CONTENTION", twice);
    keeps(|case| {
        twice(case);
        case.node("D").add_drop[0].max_same_slot = Some(2);
    });
    // A regenerator on one directionless bank changes the slot.
    breaks("CONTENTION", |case| {
        let one = crate::topology::AddDropBank {
            bank: "default".to_owned(),
            kind: AddDropKind::Directionless,
            degrees: Vec::new(),
            ports: None,
            max_same_slot: None,
        };
        case.node("F").add_drop = vec![one];
        case.lightpath("r5").paths[0].segments[1].n = channel(1);
    });
}

#[test]
fn protection_is_there_and_disjoint_as_asked() {
    breaks("PROTECTION_MISSING", |case| drop(case.lightpath("r1").paths.pop()));
    breaks("PROTECTION_UNASKED", |case| {
        let second =
            path(PathRole::Protection, vec![segment("-AB -FA -EF", 4, "B/default/7", "E/default/7")]);
        case.lightpath("r3").paths.push(second);
    });
    // By way of B, over the other fibre pair of BC: one link, one node.
    breaks("NOT_DISJOINT", |case| {
        case.segment("r1", 0).n = channel(5);
        *case.segment("r1", 1) = segment("-FA -EF -BE BC.f2", 5, "A/1/0", "C/west/0");
    });
    let asks = |case: &mut Case, disjoint: Disjointness| {
        let mut protection = one_plus_one();
        if let Protection::OnePlusOne { disjoint: own, .. } = &mut protection {
            *own = disjoint;
        }
        case.request("r1").protection = protection.clone();
        case.lightpath("r1").protection = protection;
        let members = vec!["AB".to_owned(), "DE".to_owned()];
        let duct = Srlg { id: "duct".to_owned(), kind: SrlgKind::Duct, members, probability: None };
        case.topology.srlgs.push(duct);
    };
    keeps(|case| asks(case, Disjointness::Node));
    breaks("NOT_DISJOINT", |case| asks(case, Disjointness::Srlg));
    breaks("SPLITTER_SLOT", |case| case.segment("r1", 1).n = channel(5));
    breaks("SPLITTER_MODE", |case| case.segment("r1", 1).mode = Some("400G".to_owned()));
    let delay = |case: &mut Case, limit: f64| {
        let mut protection = one_plus_one();
        if let Protection::OnePlusOne { differential_delay_us, .. } = &mut protection {
            *differential_delay_us = Some(limit);
        }
        case.request("r1").protection = protection.clone();
        case.lightpath("r1").protection = protection;
    };
    breaks("DIFFERENTIAL_DELAY", |case| delay(case, 979.0));
    keeps(|case| delay(case, 980.0)); // 200 km × 4.897 µs
}

#[test]
fn every_request_is_answered_once_and_as_asked() {
    let blocked = |reason| Blocked {
        request: "r6".to_owned(),
        ends: ["B".to_owned(), "C".to_owned()],
        rate_gbps: 80.0,
        priority: 1,
        reason,
    };
    breaks("REQUEST_MISSING", |case| drop(case.plan.lightpaths.pop()));
    breaks("REQUEST_TWICE", |case| {
        case.plan.blocked.push(blocked(BlockedReason::NoPath { component: vec!["B".to_owned()] }));
    });
    breaks("UNKNOWN_REQUEST", |case| drop(case.requests.pop()));
    breaks("REQUEST_ENDS", |case| case.request("r6").b = "D".to_owned());
    keeps(|case| {
        let request = case.request("r6");
        std::mem::swap(&mut request.a, &mut request.b);
    });
    breaks("REQUEST_CHANGED", |case| case.request("r6").protection = one_plus_one());
    breaks("CARRIES", |case| case.lightpath("r6").carries = vec!["another".to_owned()]);
    breaks("CAPACITY", |case| case.lightpath("r6").capacity_gbps = 200.0);
    breaks("OVER_CAPACITY", |case| case.request("r6").rate_gbps = 101.0);
}

/// Takes r3 (B to E) out of the plan and lists it as blocked for `reason`.
fn block(case: &mut Case, reason: BlockedReason) {
    case.plan.lightpaths.retain(|lightpath| lightpath.id != "r3");
    let ends = ["B".to_owned(), "E".to_owned()];
    case.plan.blocked.push(Blocked { request: "r3".to_owned(), ends, rate_gbps: 80.0, priority: 1, reason });
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn evidence_is_checked_and_not_believed() {
    let no_spectrum = |cut: &[&str], load, capacity, not_continuous| BlockedReason::NoSpectrum {
        cut: names(cut),
        load,
        capacity,
        not_continuous,
    };
    breaks("BLOCKED_THOUGH_FREE", |case| block(case, no_spectrum(&[], 0, 0, true)));
    breaks("BLOCKED_EVIDENCE", |case| block(case, no_spectrum(&[], 0, 0, false)));
    breaks("BLOCKED_EVIDENCE", |case| block(case, no_spectrum(&["BE"], 8, 8, false)));
    breaks("BLOCKED_EVIDENCE", |case| block(case, no_spectrum(&["AB", "BC", "BE"], 5, 32, false)));
    breaks("BLOCKED_EVIDENCE", |case| block(case, BlockedReason::NoPath { component: names(&["B"]) }));
    breaks("BLOCKED_EVIDENCE", |case| {
        block(
            case,
            BlockedReason::NoDisjointPair { bridges: names(&["BE"]), articulation_nodes: names(&[]) },
        );
    });
    breaks("BLOCKED_EVIDENCE", |case| {
        let (node, bank) = ("B".to_owned(), "default".to_owned());
        block(case, BlockedReason::AddDrop { node, bank, holders: names(&["r5"]) });
    });
    breaks("BLOCKED_EVIDENCE", |case| block(case, BlockedReason::Ports { node: "B".to_owned(), ports: 4 }));
    breaks("BLOCKED_EVIDENCE", |case| {
        block(case, BlockedReason::Latency { best_us: 600.0, limit_us: 500.0 });
    });
    breaks("BLOCKED_EVIDENCE", |case| block(case, BlockedReason::Constraint { constraint: String::new() }));
    breaks("BLOCKED_CHANGED", |case| {
        block(case, BlockedReason::NoPath { component: names(&["B"]) });
        case.plan.blocked[0].rate_gbps = 10.0;
    });
}

/// Adds a request that is blocked for `reason`.
fn add_blocked(case: &mut Case, a: &str, b: &str, protection: Protection, reason: BlockedReason) {
    case.requests.push(request("r9", a, b, protection));
    let ends = [a.to_owned(), b.to_owned()];
    case.plan.blocked.push(Blocked { request: "r9".to_owned(), ends, rate_gbps: 80.0, priority: 1, reason });
}

#[test]
fn true_evidence_stands() {
    keeps(|case| {
        case.topology.nodes.push(Node::roadm("Z"));
        add_blocked(case, "Z", "A", Protection::None, BlockedReason::NoPath { component: names(&["Z"]) });
    });
    keeps(|case| {
        case.topology.nodes.push(Node::roadm("Z"));
        case.topology.links.push(Link::new("DZ", "D", "Z", 10.0));
        let reason =
            BlockedReason::NoDisjointPair { bridges: names(&["DZ"]), articulation_nodes: names(&["D"]) };
        add_blocked(case, "Z", "A", one_plus_one(), reason);
    });
    keeps(|case| {
        case.topology.nodes.push(Node::roadm("Z"));
        case.topology.links.push(Link::new("DZ", "D", "Z", 10.0));
        let closed = UnavailableSpectrum { fibre: None, n_lo: -32, n_hi: 24, reason: String::new() };
        case.link("DZ").unavailable.push(closed);
        case.plan.lightpaths.push(existing("old", "D", "Z", segment("DZ", 7, "D/cdc/1", "Z/default/0")));
        let reason =
            BlockedReason::NoSpectrum { cut: names(&["DZ"]), load: 1, capacity: 1, not_continuous: false };
        add_blocked(case, "Z", "A", Protection::None, reason);
    });
    keeps(|case| {
        case.node("D").add_drop[0].ports = Some(1);
        add_blocked(
            case,
            "D",
            "E",
            Protection::None,
            BlockedReason::Ports { node: "D".to_owned(), ports: 1 },
        );
    });
    keeps(|case| {
        // Z is a directionless node with one channel left to it, and that is held.
        case.topology.nodes.push(Node::roadm("Z"));
        case.topology.links.push(Link::new("DZ", "D", "Z", 10.0));
        case.topology.links.push(Link::new("EZ", "E", "Z", 10.0));
        case.node("Z").add_drop = case.node("A").add_drop.clone();
        for link in ["DZ", "EZ"] {
            let closed = UnavailableSpectrum { fibre: None, n_lo: -32, n_hi: 24, reason: String::new() };
            case.link(link).unavailable.push(closed);
        }
        case.plan.lightpaths.push(existing("old", "D", "Z", segment("DZ", 7, "D/cdc/1", "Z/1/0")));
        let (node, bank) = ("Z".to_owned(), "1".to_owned());
        add_blocked(
            case,
            "Z",
            "E",
            Protection::None,
            BlockedReason::AddDrop { node, bank, holders: names(&["old"]) },
        );
    });
    keeps(|case| {
        let best_us = 2.0 * 100.0 * crate::network::LATENCY_US_PER_KM;
        add_blocked(case, "A", "E", Protection::None, BlockedReason::Latency { best_us, limit_us: 500.0 });
    });
}

#[test]
fn conditions_of_demands_bind_their_lightpaths() {
    let with = |change: &dyn Fn(&mut Demand)| {
        let mut case = valid();
        // A to C by way of B, protected by way of F, E and D.
        let mut demand = Demand::of_rate("demand r1", "A", "C", 80.0);
        change(&mut demand);
        case.plan.bounds.clear();
        let traffic = TrafficMatrix { name: String::new(), demands: vec![demand] };
        verify_demands(&case.topology, &traffic, &case.requests, &case.plan)
            .into_iter()
            .map(|violation| violation.rule)
            .collect::<Vec<_>>()
    };
    assert_eq!(with(&|demand| demand.include = names(&["B"])), Vec::<String>::new());
    assert_eq!(with(&|demand| demand.include = names(&["E"])), ["INCLUDE"]);
    assert_eq!(with(&|demand| demand.exclude_nodes = names(&["D"])), ["EXCLUDED"]);
    assert_eq!(with(&|demand| demand.exclude_links = names(&["AB"])), ["EXCLUDED"]);
    assert_eq!(with(&|demand| demand.max_latency_us = Some(1_000.0)), ["LATENCY"]);
    assert_eq!(with(&|demand| demand.max_latency_us = Some(2_000.0)), Vec::<String>::new());
}

#[test]
fn what_a_demand_excludes_is_no_free_route() {
    let mut case = valid();
    // B to E is blocked: all but the way over C and D is full or excluded, and that way is excluded.
    block(
        &mut case,
        BlockedReason::NoSpectrum { cut: Vec::new(), load: 0, capacity: 0, not_continuous: true },
    );
    case.plan.bounds.clear();
    let found = |case: &Case, exclude: &[&str]| {
        let mut demand = Demand::of_rate("demand r3", "B", "E", 80.0);
        demand.exclude_links = names(exclude);
        let traffic = TrafficMatrix { name: String::new(), demands: vec![demand] };
        let report = PlanReport::describe(&case.topology, &case.requests, case.plan.clone());
        let found = verify_report(&case.topology, Some(&traffic), &case.requests, &report);
        found.into_iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    assert_eq!(found(&case, &["BE"]), ["BLOCKED_THOUGH_FREE"]);
    assert_eq!(found(&case, &["BE", "AB", "DE"]), Vec::<String>::new());
    let excluded = BlockedReason::Constraint { constraint: "exclude_links".to_owned() };
    case.plan.blocked[0].reason = excluded;
    assert_eq!(found(&case, &["BE"]), ["BLOCKED_EVIDENCE"]);
    assert_eq!(found(&case, &["BE", "AB", "DE"]), Vec::<String>::new());
}

#[test]
fn a_bound_above_the_plan_is_a_contradiction() {
    breaks("BOUND_ABOVE_PLAN", |case| case.plan.bounds[0].value = 5.0);
    breaks("BOUND_ABOVE_PLAN", |case| case.plan.bounds[0].value = f64::NAN);
}

#[test]
fn a_bound_is_what_its_certificate_proves() {
    let found = |change: &dyn Fn(&mut Case)| {
        let mut case = valid();
        change(&mut case);
        let found = verify_bounds(&case.topology, &case.requests, &case.plan);
        found.into_iter().map(|violation| violation.subject).collect::<Vec<_>>()
    };
    assert_eq!(found(&|_| ()), Vec::<String>::new());
    assert_eq!(found(&|case| case.plan.bounds[0].value = 2.0), ["wavelengths by Cut"]);
    let certificate = |at: usize, value: serde_json::Value| {
        move |case: &mut Case| case.plan.bounds[at].certificate = value.clone()
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    for (at, text, method) in [
        (0, r#"{"side": ["C"], "links": ["BC"], "demand": 3}"#, "Cut"),
        (0, r#"{"side": ["C"], "links": ["BC", "CD"], "demand": 4}"#, "Cut"),
        (0, r#"{"side": []}"#, "Cut"),
        (0, "null", "Cut"),
        (1, r#"{"link_prices": {"AB": -1}}"#, "CongestionLp"),
        (1, r#"{"link_prices": {"XY": 1}}"#, "CongestionLp"),
        (1, r#"{"link_prices": {"AB": 0}}"#, "CongestionLp"),
        (1, r#"{"link_prices": {"DE": 1}}"#, "CongestionLp"),
        (2, r#"{"requests": ["r1", "r2"]}"#, "Clique"),
        (2, r#"{"requests": ["r1", "r99"]}"#, "Clique"),
        (3, r#"{"node": "B"}"#, "AddDrop"),
        (3, r#"{"node": "T"}"#, "AddDrop"),
    ] {
        let subject = format!("wavelengths by {method}");
        assert_eq!(found(&certificate(at, json(text))), [subject], "{text}");
    }
}

#[test]
fn protected_requests_over_a_small_cut_exclude_each_other() {
    // Two 1+1 over the three links between left and right: each needs two, so they cannot have one wavelength. The
    // third is not protected and fits beside either.
    let mut case = valid();
    case.topology.nodes = ["A", "B", "C", "D", "E", "F"].map(Node::roadm).to_vec();
    case.topology.links = [
        ("A", "B"),
        ("B", "C"),
        ("C", "A"),
        ("D", "E"),
        ("E", "F"),
        ("F", "D"),
        ("A", "D"),
        ("B", "E"),
        ("C", "F"),
    ]
    .map(|(a, b)| Link::new(format!("{a}{b}"), a, b, 1.0))
    .to_vec();
    case.requests = vec![
        request("p", "A", "F", one_plus_one()),
        request("q", "B", "D", one_plus_one()),
        request("s", "A", "B", Protection::None),
    ];
    case.plan.lightpaths.clear();
    let prove = |case: &mut Case, ids: &[&str]| {
        case.plan.bounds = vec![crate::plan::Bound {
            metric: "wavelengths".to_owned(),
            value: ids.len() as f64,
            method: crate::plan::BoundMethod::Clique,
            certificate: serde_json::json!({"requests": ids}),
        }];
        verify_bounds(&case.topology, &case.requests, &case.plan).is_empty()
    };
    assert!(prove(&mut case, &["p", "q"]));
    assert!(!prove(&mut case, &["p", "s", "q"]));
    // With a second fibre pair everywhere they fit.
    for link in &mut case.topology.links {
        link.fibres = ["1", "2"]
            .map(|id| crate::topology::Fibre { id: id.to_owned(), spans_ab: Vec::new(), spans_ba: None })
            .to_vec();
    }
    assert!(!prove(&mut case, &["p", "q"]));
}

#[test]
fn exclusion_by_enumeration_agrees_with_trying_every_pair_of_circles() {
    // K4 with a tail of parallel links: two 1+1 fit only if two circles share no link.
    let mut case = valid();
    case.topology.nodes = ["A", "B", "C", "D"].map(Node::roadm).to_vec();
    case.topology.links = [("A", "B"), ("B", "C"), ("C", "D"), ("D", "A"), ("A", "C"), ("B", "D")]
        .map(|(a, b)| Link::new(format!("{a}{b}"), a, b, 1.0))
        .to_vec();
    case.plan.lightpaths.clear();
    let context = super::Case::new(&case.topology, None, &case.requests, &case.plan);
    let mut exclusion = super::exclusion::Exclusion::new(&context);
    let (p, q) = (request("p", "A", "B", one_plus_one()), request("q", "C", "D", one_plus_one()));
    // Every circle of K4 has at least three of the six links, and two triangles always share one.
    assert!(exclusion.proven(&p, &q));
    let unprotected = request("u", "C", "D", Protection::None);
    assert!(!exclusion.proven(&p, &unprotected));
    case.topology.links.push(Link::new("AB2", "A", "B", 1.0));
    let context = super::Case::new(&case.topology, None, &case.requests, &case.plan);
    let mut exclusion = super::exclusion::Exclusion::new(&context);
    // The two links between A and B are a circle now, and C and D have theirs beside it.
    assert!(!exclusion.proven(&p, &q));
}

#[test]
fn key_figures_are_recomputed() {
    let case = valid();
    let report = PlanReport::describe(&case.topology, &case.requests, case.plan.clone());
    let found = |change: &dyn Fn(&mut PlanReport)| {
        let mut report = report.clone();
        change(&mut report);
        let found = verify_report(&case.topology, None, &case.requests, &report);
        found
            .into_iter()
            .map(|violation| format!("{} {}", violation.rule, violation.subject))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&|report| report.summary.wavelengths = Some(3)), ["SUMMARY wavelengths"]);
    assert_eq!(found(&|report| report.summary.gap = None), ["SUMMARY gap"]);
    assert_eq!(found(&|report| report.summary.hops += 1), ["SUMMARY hops"]);
    assert_eq!(found(&|report| report.summary.length_km += 1.0), ["SUMMARY length_km"]);
    assert_eq!(found(&|report| report.summary.requests = 7), ["SUMMARY requests"]);
    assert_eq!(found(&|report| drop(report.summary.bounds.pop())), ["SUMMARY bounds"]);
    assert_eq!(found(&|report| report.links[0].used += 1), ["LINK_USE AB"]);
    assert_eq!(found(&|report| drop(report.links.pop())), ["LINK_USE TF"]);
}

#[test]
fn restoration_that_is_not_planned_is_told() {
    let mut case = valid();
    case.requests[0].restoration = Restoration::Basic;
    let report = PlanReport::describe(&case.topology, &case.requests, case.plan.clone());
    let demand = case.requests[0].demand.clone();
    assert_eq!(report.unplanned.len(), 1);
    assert_eq!((report.unplanned[0].wish, &report.unplanned[0].demands), (Wish::Restoration, &vec![demand]));
    let found = |report: &PlanReport| verify_report(&case.topology, None, &case.requests, report);
    assert_eq!(found(&report), []);
    let silent = PlanReport { unplanned: Vec::new(), ..report.clone() };
    assert_eq!(rules(&found(&silent)), BTreeSet::from(["UNPLANNED"]));
    let mut talkative = report;
    talkative.unplanned[0].demands.push("another".to_owned());
    assert_eq!(rules(&found(&talkative)), BTreeSet::from(["UNPLANNED"]));
}

#[test]
fn a_plan_of_a_thousand_clashes_is_refused_in_bounded_space() {
    let mut case = valid();
    for index in 0..3_000 {
        let id = format!("x{index}");
        case.requests.push(request(&id, "B", "E", Protection::None));
        let one =
            segment("BE", 0, &format!("B/default/{}", 10 + index), &format!("E/default/{}", 10 + index));
        let served = serve(case.requests.last().expect("pushed"), vec![path(PathRole::Working, vec![one])]);
        case.plan.lightpaths.push(served);
    }
    let found = verify(&case.topology, &case.requests, &case.plan);
    assert_eq!((found.len(), rules(&found)), (1_000, BTreeSet::from(["SPECTRUM_CLASH"])));
}
