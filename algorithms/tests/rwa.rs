//! Routing and wavelength assignment on small networks, where what is right can be told by hand, formula or brute
//! force. Every run ends in the independent checker, which fails it on any violation.

#![allow(clippy::float_cmp)] // bounds are whole numbers

mod oracle;

use algorithms::local::LocalRun;
use algorithms::{AlgorithmError, Control, Documents};
use optics::grid::Grid;
use optics::plan::{BlockedReason, BoundMethod, PathRole};
use optics::report::{PlanReport, Wish};
use optics::topology::{
    AddDropBank, AddDropKind, Contention, Fibre, Link, Node, Topology, UnavailableSpectrum,
};
use optics::traffic::{Demand, Disjointness, Protection, ProtectionSource, Restoration, TrafficMatrix};

/// A network of nodes `0`, `1`, … with links of 100 km, named by their position.
fn network(nodes: usize, links: &[(usize, usize)]) -> Topology {
    Topology {
        nodes: (0..nodes).map(|node| Node::roadm(node.to_string())).collect(),
        links: links
            .iter()
            .enumerate()
            .map(|(position, (a, b))| Link::new(format!("l{position}"), a.to_string(), b.to_string(), 100.0))
            .collect(),
        ..Topology::default()
    }
}

fn demand(number: usize, a: usize, b: usize) -> Demand {
    Demand::of_rate(format!("d{number}"), a.to_string(), b.to_string(), 100.0)
}

fn protected(number: usize, a: usize, b: usize) -> Demand {
    Demand { protection: one_plus_one(Disjointness::Node), ..demand(number, a, b) }
}

fn one_plus_one(disjoint: Disjointness) -> Protection {
    Protection::OnePlusOne { disjoint, source: ProtectionSource::Splitter, differential_delay_us: None }
}

fn traffic(demands: impl IntoIterator<Item = Demand>) -> TrafficMatrix {
    TrafficMatrix { name: String::new(), demands: demands.into_iter().collect() }
}

/// One lightpath between every two nodes.
fn all_to_all(nodes: usize) -> TrafficMatrix {
    let pairs = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b)));
    traffic(pairs.enumerate().map(|(number, (a, b))| demand(number, a, b)))
}

fn try_plan(
    topology: &Topology,
    traffic: &TrafficMatrix,
    params: &str,
    seed: u64,
) -> Result<PlanReport, AlgorithmError> {
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(topology).expect("JSON"))
        .with("traffic", serde_json::to_vec(traffic).expect("JSON"));
    let all = algorithms::catalogue::all();
    let algorithm = all.iter().find(|own| own.name() == "rwa").expect("in the catalogue").as_ref();
    let local = LocalRun { algorithm, params: params.as_bytes(), seed, documents: &documents };
    let finished = local.run(&Control::new())?;
    let backwards = local.run_in_order(&Control::new(), |_, shards| shards.reverse())?;
    assert_eq!(finished.report, backwards.report, "the order of shards shows in the report");
    Ok(serde_json::from_slice(&finished.report).expect("a plan report"))
}

fn plan(topology: &Topology, traffic: &TrafficMatrix) -> PlanReport {
    try_plan(topology, traffic, "{}", 1).expect("a plan without violations")
}

fn wavelengths(report: &PlanReport) -> u32 {
    report.summary.wavelengths.expect("a fixed grid")
}

fn bound(report: &PlanReport) -> f64 {
    report.summary.bounds.iter().map(|bound| bound.value).fold(0.0, f64::max)
}

fn ring(nodes: usize) -> Topology {
    let links: Vec<_> = (0..nodes).map(|node| (node, (node + 1) % nodes)).collect();
    network(nodes, &links)
}

#[test]
fn rings_need_what_the_closed_form_says() {
    for nodes in 3_u32..=11 {
        let square = nodes * nodes;
        let formula = match nodes % 4 {
            0 => square / 8 + 1,
            2 => (square + 4) / 8,
            _ => (square - 1) / 8,
        };
        let report = plan(&ring(nodes as usize), &all_to_all(nodes as usize));
        assert_eq!(wavelengths(&report), formula, "ring of {nodes}");
        assert_eq!(report.summary.blocked, 0);
    }
}

#[test]
fn small_networks_are_planned_as_brute_force_plans_them() {
    let mut planned = 0;
    for (nodes, links) in oracle::connected_graphs(5) {
        let topology = network(nodes, &links);
        for variant in 0..3 {
            let wanted = oracle::demands(nodes, links.len(), variant);
            let least = oracle::fewest_blocked_then_wavelengths(nodes, &links, &wanted, 3);
            let demands = wanted.iter().enumerate().map(|(number, own)| {
                if own.protected { protected(number, own.a, own.b) } else { demand(number, own.a, own.b) }
            });
            let report = try_plan(&topology, &traffic(demands), r#"{"channels": 3}"#, 7).expect("a plan");
            let told = (report.summary.blocked, wavelengths(&report));
            if least.0 == 0 {
                assert_eq!(told, least, "{nodes} nodes, links {links:?}, {wanted:?}");
                assert!(
                    bound(&report) <= f64::from(least.1),
                    "a bound above the optimum: {links:?}, {wanted:?}"
                );
            } else {
                assert_eq!(told.0, least.0, "blocked with {nodes} nodes, links {links:?}, {wanted:?}");
            }
            planned += 1;
        }
    }
    assert_eq!(planned, 3 * (1 + 2 + 6 + 21));
}

#[test]
fn conflicts_in_an_odd_circle_need_one_more_than_the_load() {
    // A star: each link carries two of the three lightpaths, each two of which share a link.
    let star = network(4, &[(0, 1), (0, 2), (0, 3)]);
    let report = plan(&star, &traffic([demand(0, 1, 2), demand(1, 2, 3), demand(2, 1, 3)]));
    assert_eq!((wavelengths(&report), bound(&report)), (3, 2.0));
    assert_eq!(report.summary.gap, Some(1.0));
}

#[test]
fn a_pair_is_found_where_the_shortest_route_belongs_to_none() {
    // 0 - 1 - 2 - 5 is shortest, and no route avoids it; the pair is 0-1-4-5 and 0-3-2-5.
    let mut trap = network(6, &[(0, 1), (1, 2), (2, 5), (0, 3), (3, 2), (1, 4), (4, 5)]);
    for (link, km) in trap.links.iter_mut().zip([10.0, 10.0, 10.0, 90.0, 90.0, 90.0, 90.0]) {
        link.length_km = km;
    }
    let report = plan(&trap, &traffic([protected(0, 0, 5)]));
    assert_eq!((report.summary.blocked, report.summary.hops), (0, 6));
}

#[test]
fn a_directionless_node_ends_two_protected_lightpaths_on_two_wavelengths() {
    // Two rings that meet in node 0: the routes have no link in common.
    let mut rings = network(5, &[(0, 1), (1, 2), (2, 0), (0, 3), (3, 4), (4, 0)]);
    let wanted = traffic([protected(0, 0, 1), protected(1, 0, 3)]);
    assert_eq!(wavelengths(&plan(&rings, &wanted)), 1);
    rings.nodes[0].add_drop = vec![bank("east-west", AddDropKind::Directionless, &[], None)];
    let report = plan(&rings, &wanted);
    assert_eq!(wavelengths(&report), 2);
    assert!(report.summary.bounds.iter().any(|own| own.method == BoundMethod::AddDrop && own.value >= 2.0));
    // A second bank takes the slot a second time, unless the whole node takes it once.
    rings.nodes[0].add_drop.push(bank("more", AddDropKind::Directionless, &[], None));
    assert_eq!(wavelengths(&plan(&rings, &wanted)), 1);
    rings.nodes[0].contention = Contention::PerNode;
    assert_eq!(wavelengths(&plan(&rings, &wanted)), 2);
}

fn bank(id: &str, kind: AddDropKind, degrees: &[&str], ports: Option<u32>) -> AddDropBank {
    AddDropBank {
        bank: id.to_owned(),
        kind,
        degrees: degrees.iter().map(|&id| id.to_owned()).collect(),
        ports,
        max_same_slot: None,
    }
}

#[test]
fn a_protected_lightpath_ends_on_two_banks_of_one_degree_each() {
    let mut own = ring(4);
    own.nodes[0].add_drop = vec![
        bank("west", AddDropKind::Fixed, &["l3"], None),
        bank("east", AddDropKind::Colourless, &["l0"], None),
    ];
    let report = plan(&own, &traffic([protected(0, 0, 2), protected(1, 0, 1)]));
    assert_eq!((report.summary.blocked, wavelengths(&report)), (0, 2));
    let mut banks: Vec<&str> =
        report.plan.lightpaths[0].paths.iter().map(|path| path.segments[0].tx.bank.as_str()).collect();
    banks.sort_unstable();
    assert_eq!(banks, ["east", "west"]);
}

#[test]
fn nothing_falls_back_to_one_route_unless_allowed() {
    // Two triangles joined by link `l6`.
    let links = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)];
    let own = network(6, &links);
    let wanted = traffic([protected(0, 0, 4), protected(1, 0, 1)]);
    let report = plan(&own, &wanted);
    assert_eq!((report.summary.lightpaths, report.summary.blocked), (1, 1));
    let BlockedReason::NoDisjointPair { bridges, articulation_nodes } = &report.plan.blocked[0].reason else {
        panic!("{:?}", report.plan.blocked[0]);
    };
    assert_eq!(
        (bridges.as_slice(), articulation_nodes.as_slice()),
        (&["l6".to_owned()][..], &["2".to_owned(), "3".to_owned()][..])
    );
    assert_eq!(report.summary.gap, None);

    let allowed = try_plan(&own, &wanted, r#"{"allow_unprotected": true}"#, 1).expect("a plan");
    assert_eq!(allowed.summary.blocked, 0);
    assert_eq!(allowed.plan.lightpaths[0].protection, Protection::None);
    assert_eq!(allowed.plan.lightpaths[1].paths[1].role, PathRole::Protection);
}

#[test]
fn parallel_links_are_disjoint_and_parallel_fibres_are_not() {
    let two_links = network(2, &[(0, 1), (0, 1)]);
    let report = plan(&two_links, &traffic([protected(0, 0, 1)]));
    assert_eq!((report.summary.blocked, wavelengths(&report)), (0, 1));

    let mut two_fibres = network(2, &[(0, 1)]);
    let fibre = |id: &str| Fibre { id: id.to_owned(), spans_ab: Vec::new(), spans_ba: None };
    two_fibres.links[0].fibres = vec![fibre("x"), fibre("y")];
    assert_eq!(plan(&two_fibres, &traffic([protected(0, 0, 1)])).summary.blocked, 1);
    let report = plan(&two_fibres, &traffic([demand(0, 0, 1), demand(1, 0, 1), demand(2, 0, 1)]));
    assert_eq!((wavelengths(&report), bound(&report)), (2, 2.0));
}

#[test]
fn link_disjoint_routes_may_meet_in_a_node() {
    // Two circles that meet in node 2.
    let own = network(5, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 2)]);
    let mut wanted = protected(0, 0, 4);
    assert_eq!(plan(&own, &traffic([wanted.clone()])).summary.blocked, 1);
    wanted.protection = one_plus_one(Disjointness::Link);
    assert_eq!(plan(&own, &traffic([wanted])).summary.blocked, 0);
}

#[test]
fn what_does_not_fit_is_blocked_with_the_full_cut() {
    let line = network(3, &[(0, 1), (1, 2)]);
    let mut demands = vec![demand(0, 0, 2), demand(1, 0, 1), demand(2, 1, 2), demand(3, 0, 1)];
    demands[1].priority = 9;
    let report = try_plan(&line, &traffic(demands), r#"{"channels": 2}"#, 1).expect("a plan");
    assert_eq!((report.summary.blocked, report.summary.blocked_gbps), (1, 100.0));
    // One more than fits on the first link: what has the lower priority or takes more room goes.
    let blocked = &report.plan.blocked[0];
    assert!(blocked.request != "d1", "the most important request is blocked");
    let BlockedReason::NoSpectrum { load, capacity, not_continuous, .. } = &blocked.reason else {
        panic!("{blocked:?}");
    };
    assert_eq!((load, capacity, not_continuous), (&2, &2, &false));
}

#[test]
fn disconnected_networks_tell_what_can_be_reached() {
    let islands = network(4, &[(0, 1), (2, 3)]);
    let report = plan(&islands, &traffic([demand(0, 0, 3), demand(1, 2, 3)]));
    assert_eq!((report.summary.lightpaths, report.summary.blocked), (1, 1));
    let BlockedReason::NoPath { component } = &report.plan.blocked[0].reason else {
        panic!("{:?}", report.plan.blocked[0]);
    };
    assert_eq!(component, &["0", "1"]);
}

#[test]
fn ports_run_out() {
    let mut own = ring(4);
    own.nodes[0].add_drop = vec![bank("small", AddDropKind::Cdc, &[], Some(2))];
    let mut demands: Vec<Demand> = (0..3).map(|number| demand(number, 0, number + 1)).collect();
    demands[0].rate_ab_gbps = Some(30.0);
    let report = plan(&own, &traffic(demands));
    assert_eq!((report.summary.blocked, report.plan.blocked[0].request.as_str()), (1, "d0"));
    assert_eq!(report.plan.blocked[0].reason, BlockedReason::Ports { node: "0".to_owned(), ports: 2 });
}

#[test]
fn add_drop_runs_out_of_slots() {
    let mut own = ring(4);
    own.nodes[0].add_drop = vec![bank("one", AddDropKind::Directionless, &[], None)];
    let wanted = traffic((0..3).map(|number| demand(number, 0, number + 1)));
    let report = try_plan(&own, &wanted, r#"{"channels": 2}"#, 1).expect("a plan");
    assert_eq!(report.summary.blocked, 1);
    assert!(
        matches!(&report.plan.blocked[0].reason, BlockedReason::AddDrop { holders, .. } if holders.len() == 2)
    );
}

#[test]
fn closed_spectrum_is_left_alone() {
    let mut own = ring(3);
    // The lower half of four channels is closed on one link, the upper half on another.
    let closed = |n_lo, n_hi| UnavailableSpectrum { fibre: None, n_lo, n_hi, reason: "filter".to_owned() };
    let grid = Grid::fixed(50.0, 4);
    let middle = grid.n_min.midpoint(grid.n_max);
    own.links[0].unavailable.push(closed(grid.n_min, middle));
    own.links[1].unavailable.push(closed(middle, grid.n_max));
    let wanted = traffic([demand(0, 0, 1), demand(1, 1, 2), demand(2, 0, 2)]);
    let report = try_plan(&own, &wanted, r#"{"channels": 4}"#, 1).expect("a plan");
    assert_eq!((report.summary.blocked, wavelengths(&report)), (0, 2));
}

#[test]
fn excluded_nodes_and_links_are_avoided() {
    let own = network(4, &[(0, 1), (1, 3), (0, 2), (2, 3), (0, 3)]);
    let mut wanted = demand(0, 0, 3);
    wanted.exclude_links = vec!["l4".to_owned()];
    wanted.exclude_nodes = vec!["1".to_owned()];
    let report = plan(&own, &traffic([wanted.clone()]));
    let links: Vec<&str> =
        report.plan.lightpaths[0].paths[0].segments[0].hops.iter().map(|hop| hop.link.as_str()).collect();
    assert_eq!(links, ["l2", "l3"]);
    wanted.exclude_links.push("l3".to_owned());
    let report = plan(&own, &traffic([wanted]));
    assert!(matches!(report.plan.blocked[0].reason, BlockedReason::Constraint { .. }));
}

#[test]
fn wishes_that_cannot_be_planned_are_refused_by_name() {
    let own = ring(4);
    let refused = |change: &dyn Fn(&mut Demand)| {
        let mut wanted = demand(0, 0, 2);
        change(&mut wanted);
        match try_plan(&own, &traffic([wanted]), "{}", 1) {
            Err(AlgorithmError::InvalidInput { role, detail, .. }) if role == "traffic" => detail,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(&|own| own.include = vec!["1".to_owned()]).contains("include"));
    assert!(refused(&|own| own.max_latency_us = Some(1.0)).contains("max_latency_us"));
    assert!(refused(&|own| own.protection = one_plus_one(Disjointness::Srlg)).contains("protection"));
    assert!(refused(&|own| own.a = "nowhere".to_owned()).contains("nowhere"));
    let error = try_plan(&own, &all_to_all(4), r#"{"spacing_ghz": 33.0}"#, 1).expect_err("not a multiple");
    assert!(matches!(error, AlgorithmError::InvalidParams { pointer, .. } if pointer == "/spacing_ghz"));
}

#[test]
fn restoration_is_not_planned_and_the_report_says_so() {
    let restored = |number| Demand { restoration: Restoration::Advanced, ..demand(number, 0, 2) };
    let report = plan(&ring(4), &traffic([demand(0, 0, 1), restored(1), restored(2)]));
    assert_eq!(report.plan.lightpaths.len(), 3);
    let [unplanned] = &report.unplanned[..] else { panic!("{:?}", report.unplanned) };
    assert_eq!(
        (unplanned.wish, &unplanned.demands[..]),
        (Wish::Restoration, &["d1", "d2"].map(str::to_owned)[..])
    );
    assert!(unplanned.detail.contains("restoration"), "{}", unplanned.detail);
    assert_eq!(plan(&ring(4), &all_to_all(4)).unplanned, []);
}

#[test]
fn opposite_directions_fold_and_large_demands_divide() {
    let own = ring(4);
    let one_way = |number, a, b, rate| Demand {
        bidirectional: false,
        rate_ab_gbps: Some(rate),
        ..demand(number, a, b)
    };
    let report =
        plan(&own, &traffic([one_way(0, 0, 2, 250.0), one_way(1, 2, 0, 120.0), one_way(2, 0, 2, 40.0)]));
    let ids: Vec<&str> = report.plan.lightpaths.iter().map(|own| own.id.as_str()).collect();
    assert_eq!(ids, ["d0#1", "d0#2", "d0#3", "d2"]);
}

#[test]
fn nothing_wanted_is_an_empty_plan() {
    let report = plan(&ring(3), &traffic([]));
    assert_eq!((report.summary.requests, wavelengths(&report), report.plan.bounds.len()), (0, 0, 0));
}

#[test]
fn names_directions_and_order_do_not_matter() {
    let links = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (0, 3), (1, 4), (2, 6), (5, 6)];
    let base = plan(&network(7, &links), &all_to_all(7));
    let turned: Vec<(usize, usize)> = links.iter().rev().map(|&(a, b)| (6 - b, 6 - a)).collect();
    let mut wanted = all_to_all(7);
    wanted.demands.reverse();
    for own in &mut wanted.demands {
        std::mem::swap(&mut own.a, &mut own.b);
    }
    let other = plan(&network(7, &turned), &wanted);
    assert_eq!((wavelengths(&base), bound(&base)), (wavelengths(&other), bound(&other)));
}

#[test]
fn more_fibre_never_raises_a_bound() {
    let mut links = vec![(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)];
    let mut last = f64::INFINITY;
    for more in [(0, 3), (1, 4), (2, 5), (0, 2), (0, 1)] {
        let report = plan(&network(6, &links), &all_to_all(6));
        assert!(bound(&report) <= last, "{links:?}: {} after {last}", bound(&report));
        last = bound(&report);
        links.push(more);
    }
}

#[test]
fn requests_that_exclude_each_other_prove_what_cuts_cannot() {
    // On a ring every protected lightpath takes the whole ring.
    let report = plan(&ring(6), &traffic((0..5).map(|number| protected(number, 0, number + 1))));
    assert_eq!((wavelengths(&report), bound(&report)), (5, 5.0));
    assert_eq!(report.summary.gap, Some(0.0));
    assert!(report.summary.bounds.iter().any(|own| own.method == BoundMethod::Clique && own.value >= 5.0));
}

#[test]
fn a_cancelled_run_ends_at_once() {
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(&ring(6)).expect("JSON"))
        .with("traffic", serde_json::to_vec(&all_to_all(6)).expect("JSON"));
    let all = algorithms::catalogue::all();
    let algorithm = all.iter().find(|own| own.name() == "rwa").expect("in the catalogue").as_ref();
    let control = Control::new();
    control.cancel();
    let local = LocalRun { algorithm, params: b"{}", seed: 1, documents: &documents };
    assert_eq!(local.run(&control).expect_err("cancelled"), AlgorithmError::Cancelled);
}
