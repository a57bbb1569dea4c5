//! Routes that share no line.

use proptest::prelude::*;

use super::super::ApartChoice;
use super::super::disjunction::{Member, routes};
use super::super::routing::Router;
use super::super::sections::{SectionIndex, Sections};
use super::meshes::{all_routes, ends, member, mesh, sites};

/// The shortest route from A to D, ABCD, crosses both routes that do not share a line.
const TRAP: [(&str, &str, f64); 6] = [
    ("A", "B", 40.0),
    ("B", "C", 40.0),
    ("C", "D", 40.0),
    ("A", "E", 60.0),
    ("E", "C", 60.0),
    ("B", "D", 120.0),
];

fn found(
    links: &[(&str, &str, f64)],
    wanted: &[(&str, &str, &str)],
    sets: &[Vec<usize>],
) -> Option<Vec<String>> {
    let network = mesh(links);
    let graph = Sections::new(&network);
    let members: Vec<Member> =
        wanted.iter().map(|(from, to, names)| member(&network, &graph, from, to, names)).collect();
    let found = routes(&graph, &mut Router::default(), &members, sets).routes?;
    Some(found.iter().map(|route| sites(&network, &graph, route)).collect())
}

#[test]
fn a_trap_does_not_keep_a_pair_from_being_found() {
    let pair = [("A", "D", ""), ("A", "D", "")];
    // the last of the set gets the shortest route that leaves the other one
    assert_eq!(found(&TRAP, &pair, &[vec![0, 1]]), Some(vec!["AECD".to_owned(), "ABD".to_owned()]));
    let opposite = [("A", "D", ""), ("D", "A", "")];
    assert_eq!(found(&TRAP, &opposite, &[vec![0, 1]]), Some(vec!["AECD".to_owned(), "DBA".to_owned()]));
    let bridge = [("A", "B", 40.0), ("B", "C", 40.0)];
    assert_eq!(found(&bridge, &[("A", "C", ""), ("A", "C", "")], &[vec![0, 1]]), None);
}

#[test]
fn lists_of_elements_to_pass_choose_among_pairs() {
    let set = [vec![0, 1]];
    let with = |first: &'static str, second: &'static str| {
        found(&TRAP, &[("A", "D", first), ("A", "D", second)], &set)
            .map(|routes| format!("{} {}", routes[0], routes[1]))
    };
    assert_eq!(with("B", "E").as_deref(), Some("ABD AECD"));
    assert_eq!(with("B!", "E!").as_deref(), Some("ABD AECD"));
    // both cannot pass B: not binding, it counts for nothing
    assert_eq!(with("B", "B").as_deref(), Some("AECD ABD"));
    assert_eq!(with("B!", "B!"), None);
    assert_eq!(with("B!", "B").as_deref(), Some("ABD AECD"));
}

#[test]
fn sets_that_share_a_request_agree_on_its_route() {
    let links = [
        ("A", "B", 40.0),
        ("B", "D", 40.0),
        ("A", "C", 50.0),
        ("C", "D", 50.0),
        ("A", "E", 60.0),
        ("E", "D", 60.0),
    ];
    let wanted = [("A", "D", ""), ("A", "D", ""), ("A", "D", "")];
    let sets = [vec![0, 1], vec![0, 2]];
    assert_eq!(found(&links, &wanted, &sets), Some(["ACD", "ABD", "ABD"].map(str::to_owned).to_vec()));
    let all = [vec![0, 1, 2]];
    assert_eq!(found(&links, &wanted, &all), Some(["AED", "ACD", "ABD"].map(str::to_owned).to_vec()));
}

#[test]
fn past_eighty_steps_the_pair_of_least_total_length_is_taken() {
    // two rows of 25 sites from A to Z: 52 steps each way would do, so make them 45 sites: 92 steps
    let names: Vec<String> = (0..90).map(|site| format!("{site:02}")).collect();
    let mut links: Vec<(&str, &str, f64)> = Vec::new();
    for row in names.chunks(45) {
        links.push(("A", &row[0], 40.0));
        links.extend(row.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str(), 40.0)));
        links.push((&row[44], "Z", 40.0));
    }
    // short cuts between the rows that tempt a single route
    links.push((&names[10], &names[56], 1.0));
    links.push((&names[70], &names[26], 1.0));
    let network = mesh(&links);
    let graph = Sections::new(&network);
    let members = [member(&network, &graph, "A", "Z", ""), member(&network, &graph, "A", "Z", "")];
    let routes = routes(&graph, &mut Router::default(), &members, &[vec![0, 1]]);
    assert_eq!(routes.choice, ApartChoice::LeastTotal);
    let routes = routes.routes.expect("a pair");
    let shared =
        routes[0].iter().filter(|section| routes[1].contains(section) && graph.section(**section).exclusive);
    assert_eq!(shared.count(), 0);
    let total: f64 = routes.iter().map(|route| graph.weight(route)).sum();
    let rows = 2.0 * (46.0 * 40e3 + 0.01 * 47.0);
    assert!((total - rows).abs() < 0.1, "{total} is more than {rows}");
}

/// Chooses a route for each request, the last one first; whether there are any.
fn choose(
    all: &[Vec<Vec<SectionIndex>>],
    apart: &dyn Fn(&[SectionIndex], &[SectionIndex]) -> bool,
    chosen: &mut Vec<Vec<SectionIndex>>,
) -> bool {
    let Some(left) = all.len().checked_sub(chosen.len() + 1) else { return true };
    for route in &all[left] {
        if chosen.iter().all(|other| apart(other, route)) {
            chosen.push(route.clone());
            if choose(all, apart, chosen) {
                return true;
            }
            chosen.pop();
        }
    }
    false
}

/// The first combination of routes, by trying all: the last request of the set foremost.
fn first_of_all(graph: &Sections, all: &[Vec<Vec<SectionIndex>>]) -> Option<Vec<Vec<SectionIndex>>> {
    let apart = |a: &[SectionIndex], b: &[SectionIndex]| {
        let back = graph.reversed(a).expect("a way back");
        let shares = |route: &[SectionIndex]| {
            route.iter().any(|section| graph.section(*section).exclusive && b.contains(section))
        };
        !shares(a) && !shares(&back)
    };
    let mut chosen: Vec<Vec<SectionIndex>> = Vec::new();
    choose(all, &apart, &mut chosen).then(|| chosen.into_iter().rev().collect())
}

proptest! {
    /// The ordered search finds what trying all combinations finds.
    #[test]
    fn the_ordered_search_equals_trying_all(
        lengths in prop::collection::vec(30.0..300.0_f64, 15),
        present in prop::collection::vec(prop::bool::weighted(0.5), 15),
        parallel in prop::collection::vec(30.0..300.0_f64, 0..2),
        wanted in prop::collection::vec((0..6_usize, 1..6_usize), 2..4),
        same_ends in any::<bool>(),
    ) {
        let names = ["A", "B", "C", "D", "E", "F"];
        let pairs = (0..6).flat_map(|a| (a + 1..6).map(move |b| (a, b)));
        let mut links: Vec<(&str, &str, f64)> = pairs
            .zip(lengths.iter().zip(&present))
            .filter(|((a, b), (_, present))| **present || b - a == 1)
            .map(|((a, b), (&km, _))| (names[a], names[b], km))
            .collect();
        links.extend(parallel.iter().map(|&km| ("A", "B", km)));
        let network = mesh(&links);
        let graph = Sections::new(&network);
        let asked: Vec<(&str, &str)> = wanted
            .iter()
            .map(|&ends| if same_ends { wanted[0] } else { ends })
            .map(|(from, further)| (names[from], names[(from + further) % 6]))
            .collect();
        let members: Vec<Member> =
            asked.iter().map(|(from, to)| member(&network, &graph, from, to, "")).collect();
        let set = (0..members.len()).collect::<Vec<usize>>();
        let all: Vec<Vec<Vec<SectionIndex>>> = asked
            .iter()
            .map(|(from, to)| all_routes(&graph, ends(&network, &graph, from, to), 80))
            .collect();
        let found = routes(&graph, &mut Router::default(), &members, &[set]).routes;
        prop_assert_eq!(found, first_of_all(&graph, &all));
    }
}
