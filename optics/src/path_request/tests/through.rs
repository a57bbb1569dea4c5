//! Routes through given elements.

use proptest::prelude::*;

use super::super::BlockingReason;
use super::super::routing::{Router, route};
use super::super::sections::Sections;
use super::meshes::{all_routes, ends, include, mesh, sites};

/// A-B-C-D in a row, a long way round A-E-D, and a dead end C-F.
const LINKS: [(&str, &str, f64); 6] = [
    ("A", "B", 80.0),
    ("B", "C", 80.0),
    ("C", "D", 80.0),
    ("A", "E", 150.0),
    ("E", "D", 150.0),
    ("C", "F", 50.0),
];

#[test]
fn a_route_passes_what_it_must_in_order_or_says_why_not() {
    let network = mesh(&LINKS);
    let graph = Sections::new(&network);
    let mut router = Router::default();
    for (names, expected) in [
        ("", Ok("ABCD")),
        ("E", Ok("AED")),
        ("E!", Ok("AED")),
        ("B C", Ok("ABCD")),
        ("A D", Ok("ABCD")),
        ("C B", Ok("ABCD")),
        ("C B!", Err(BlockingReason::NoPathWithConstraint)),
        ("B E!", Err(BlockingReason::NoPathWithConstraint)),
        ("F", Ok("ABCD")),
        ("F!", Err(BlockingReason::NoPathWithConstraint)),
        // a fibre, and all fibres of a route
        ("E>D!", Ok("AED")),
        ("D>E!", Err(BlockingReason::NoPathWithConstraint)),
        ("A>E E>D", Ok("AED")),
        ("A>E E>D B", Ok("AED")),
        ("A>B B>C C>D", Ok("ABCD")),
        ("B>C A>B!", Err(BlockingReason::NoPathWithConstraint)),
    ] {
        let found = route(&network, &graph, &mut router, ends(&network, &graph, "A", "D"), &include(names));
        let found = found.as_ref().map(|route| sites(&network, &graph, route)).map_err(|&reason| reason);
        assert_eq!(found.as_deref().map_err(|&reason| reason), expected, "through {names:?}");
    }
}

#[test]
fn nothing_joins_what_no_fibre_joins() {
    let network = mesh(&[("A", "B", 80.0), ("C", "D", 80.0)]);
    let graph = Sections::new(&network);
    for names in ["", "B", "B!"] {
        let found = route(
            &network,
            &graph,
            &mut Router::default(),
            ends(&network, &graph, "A", "D"),
            &include(names),
        );
        assert_eq!(found, Err(BlockingReason::NoPath));
    }
}

#[test]
fn the_way_back_passes_the_same_sites() {
    let network = mesh(&LINKS);
    let graph = Sections::new(&network);
    let (a, d) = ends(&network, &graph, "A", "D");
    let there = Router::default().shortest(&graph, a, d).expect("a route");
    let back = graph.reversed(&there).expect("a way back");
    assert_eq!(sites(&network, &graph, &back), "DCBA");
    assert_eq!(graph.reversed(&back), Some(there));
}

proptest! {
    /// The route through some sites is the first of all simple routes that passes them in order.
    #[test]
    fn the_shortest_route_through_sites_is_found(
        lengths in prop::collection::vec(30.0..300.0_f64, 15),
        present in prop::collection::vec(prop::bool::weighted(0.6), 15),
        through in prop::collection::vec(0..6_usize, 1..4),
    ) {
        let names = ["A", "B", "C", "D", "E", "F"];
        let pairs = (0..6).flat_map(|a| (a + 1..6).map(move |b| (a, b)));
        let links: Vec<(&str, &str, f64)> = pairs
            .zip(lengths.iter().zip(&present))
            // a row through all sites keeps the mesh in one piece
            .filter(|((a, b), (_, present))| **present || b - a == 1)
            .map(|((a, b), (&km, _))| (names[a], names[b], km))
            .collect();
        let network = mesh(&links);
        let graph = Sections::new(&network);
        let ends = ends(&network, &graph, "A", "F");
        let wanted: Vec<&str> = through.iter().map(|&site| names[site]).collect();
        let fits = |route: &&Vec<usize>| {
            let passed = sites(&network, &graph, route);
            let places: Option<Vec<usize>> = wanted.iter().map(|site| passed.find(site)).collect();
            places.is_some_and(|places| places.is_sorted())
        };
        let all = all_routes(&graph, ends, u32::MAX);
        let expected = all.iter().find(fits).cloned().ok_or(BlockingReason::NoPathWithConstraint);
        let names = wanted.iter().map(|site| format!("{site}!")).collect::<Vec<_>>().join(" ");
        let found = route(&network, &graph, &mut Router::default(), ends, &include(&names));
        prop_assert_eq!(found, expected);
    }
}
