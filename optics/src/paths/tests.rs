//! Small graphs by hand, and random ones against exhaustive search.

use super::*;
use crate::grid::Grid;
use crate::topology::{Link, Node, NodeKind, Topology};

/// A network of `nodes` nodes called 0, 1, … with links (a, b, km).
fn network(nodes: usize, links: &[(usize, usize, f64)]) -> Network {
    build(nodes, links, &[])
}

fn build(nodes: usize, links: &[(usize, usize, f64)], terminals: &[usize]) -> Network {
    let mut topology = Topology::default();
    for node in 0..nodes {
        let mut site = Node::roadm(node.to_string());
        if terminals.contains(&node) {
            site.kind = NodeKind::Terminal;
        }
        topology.nodes.push(site);
    }
    for (index, (a, b, km)) in links.iter().enumerate() {
        topology.links.push(Link::new(format!("L{index}"), a.to_string(), b.to_string(), *km));
    }
    Network::build(&topology, &Grid::default()).expect("valid")
}

fn km(network: &Network) -> impl Fn(LinkIndex) -> Option<f64> {
    |link| Some(network.links[link].length_km)
}

fn stops(route: &Route) -> Vec<NodeIndex> {
    route.iter().map(|step| step.node).collect()
}

#[test]
fn the_great_circle_from_berlin_to_paris_is_878_km() {
    let distance = great_circle_km((52.520, 13.405), (48.857, 2.352));
    assert!((distance - 877.5).abs() < 1.0, "{distance}");
    assert!(
        (great_circle_km((0.0, 0.0), (0.0, 180.0)) - std::f64::consts::PI * EARTH_RADIUS_KM).abs() < 1e-6
    );
}

#[test]
fn dijkstra_takes_the_cheap_way_and_breadth_first_the_short_one() {
    let net = network(4, &[(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0), (0, 3, 10.0)]);
    let tree = dijkstra(&net, 0, km(&net));
    assert!((tree.cost[3] - 3.0).abs() < 1e-12);
    assert_eq!(stops(&tree.route_to(3).expect("there")), [1, 2, 3]);
    assert_eq!(stops(&breadth_first(&net, 0, |_| true).route_to(3).expect("there")), [3]);
    assert_eq!(dijkstra(&net, 0, |link| (link == 0).then_some(1.0)).route_to(3), None);
}

#[test]
fn nothing_passes_a_terminal() {
    let net = build(4, &[(0, 1, 1.0), (1, 3, 1.0), (0, 2, 5.0), (2, 3, 5.0)], &[1]);
    assert_eq!(stops(&dijkstra(&net, 0, km(&net)).route_to(3).expect("there")), [2, 3]);
    assert_eq!(stops(&dijkstra(&net, 0, km(&net)).route_to(1).expect("it may end there")), [1]);
    assert_eq!(disjoint_pair(&net, 0, 3, Apart::Nodes, km(&net)), None);
}

#[test]
fn the_trap_graph_has_a_pair_that_the_shortest_route_hides() {
    // The shortest route 0-1-2-3 uses both middle nodes; the pair is 0-1-3 and 0-2-3.
    let net = network(4, &[(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0), (0, 2, 4.0), (1, 3, 4.0)]);
    let [first, second] = disjoint_pair(&net, 0, 3, Apart::Nodes, km(&net)).expect("there is a pair");
    assert_eq!((stops(&first), stops(&second)), (vec![1, 3], vec![2, 3]));
}

#[test]
fn two_parallel_links_are_a_disjoint_pair() {
    let net = network(2, &[(0, 1, 1.0), (0, 1, 2.0)]);
    for apart in [Apart::Links, Apart::Nodes] {
        let [first, second] = disjoint_pair(&net, 0, 1, apart, km(&net)).expect("there is a pair");
        assert_eq!((first[0].link, second[0].link), (0, 1));
    }
    assert!(bridges(&net).is_empty());
}

#[test]
fn two_triangles_at_one_node_are_apart_by_link_and_not_by_node() {
    let net = network(5, &[(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (2, 3, 1.0), (3, 4, 1.0), (2, 4, 1.0)]);
    assert!(disjoint_pair(&net, 0, 4, Apart::Links, km(&net)).is_some());
    assert_eq!(disjoint_pair(&net, 0, 4, Apart::Nodes, km(&net)), None);
    assert_eq!(articulation_nodes(&net), [2]);
    assert!(bridges(&net).is_empty());
    assert_eq!(separators(&net, 0, 4), (vec![], vec![2]));
}

#[test]
fn a_bridge_parts_its_sides() {
    let net = network(5, &[(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (2, 3, 1.0)]);
    assert_eq!(bridges(&net), [3]);
    assert_eq!(separators(&net, 0, 3), (vec![3], vec![2]));
    assert_eq!(component(&net, 0), [0, 1, 2, 3]);
    assert_eq!(component(&net, 4), [4]);
}

/// All simple routes from `a` to `b` as (nodes between, links).
fn all_routes(net: &Network, a: NodeIndex, b: NodeIndex) -> Vec<(Vec<NodeIndex>, Vec<LinkIndex>)> {
    fn on(
        net: &Network,
        at: NodeIndex,
        b: NodeIndex,
        nodes: &mut Vec<NodeIndex>,
        links: &mut Vec<LinkIndex>,
        out: &mut Vec<(Vec<NodeIndex>, Vec<LinkIndex>)>,
    ) {
        for step in &net.adjacency[at] {
            if nodes.contains(&step.node) {
                continue;
            }
            links.push(step.link);
            if step.node == b {
                out.push((nodes[1..].to_vec(), links.clone()));
            } else {
                nodes.push(step.node);
                on(net, step.node, b, nodes, links, out);
                nodes.pop();
            }
            links.pop();
        }
    }
    let mut out = Vec::new();
    on(net, a, b, &mut vec![a], &mut Vec::new(), &mut out);
    out
}

/// A generator of small numbers.
fn random_below() -> impl FnMut(usize) -> usize {
    let mut state = 7_u64;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % below as u64).expect("small")
    }
}

/// A network of 4 to 7 nodes that may have parallel links and parts, and its links.
fn random_network(random: &mut impl FnMut(usize) -> usize) -> (Network, Vec<(usize, usize, f64)>) {
    let nodes = 4 + random(4);
    let links: Vec<(usize, usize, f64)> = (0..nodes + 3)
        .filter_map(|_| {
            let (a, b) = (random(nodes), random(nodes));
            (a != b).then(|| (a, b, 1.0 + random(9) as f64))
        })
        .collect();
    (network(nodes, &links), links)
}

#[test]
fn the_k_shortest_routes_are_the_first_of_all() {
    let mut random = random_below();
    let mut most = 0;
    for _ in 0..400 {
        let (net, links) = random_network(&mut random);
        let mut all: Vec<(u64, usize, Vec<LinkIndex>)> = all_routes(&net, 0, 1)
            .into_iter()
            .map(|(_, links)| {
                let km: f64 = links.iter().map(|&link| net.links[link].length_km).sum();
                (km.to_bits(), links.len(), links)
            })
            .collect();
        all.sort();
        most = most.max(all.len());
        for k in [0, 1, 3, all.len(), all.len() + 5] {
            let found = k_shortest(&net, 0, 1, k, km(&net));
            let expected: Vec<f64> = all.iter().take(k).map(|(km, ..)| f64::from_bits(*km)).collect();
            let lengths: Vec<f64> = found.iter().map(|route| length_km(&net, route)).collect();
            assert_eq!(lengths, expected, "{k} of {links:?}");
            let mut distinct: Vec<Vec<LinkIndex>> =
                found.iter().map(|route| route.iter().map(|step| step.link).collect()).collect();
            distinct.sort();
            distinct.dedup();
            assert_eq!(distinct.len(), found.len(), "{links:?}");
            assert!(distinct.iter().all(|route| all.iter().any(|(.., links)| links == route)), "{links:?}");
        }
    }
    assert!(most > 10, "at most {most} routes: nothing to order");
}

#[test]
fn pairs_are_as_cheap_as_the_best_of_all_pairs() {
    let mut random = random_below();
    let (mut with, mut without) = (0, 0);
    for _ in 0..400 {
        let (net, links) = random_network(&mut random);
        let price =
            |links: &[LinkIndex]| -> f64 { links.iter().map(|&link| net.links[link].length_km).sum() };
        let routes = all_routes(&net, 0, 1);
        for apart in [Apart::Links, Apart::Nodes] {
            let mut best = f64::INFINITY;
            for (nodes, links) in &routes {
                for (other_nodes, other_links) in &routes {
                    let links_apart = links.iter().all(|link| !other_links.contains(link));
                    let nodes_apart = nodes.iter().all(|node| !other_nodes.contains(node));
                    if links_apart && (apart == Apart::Links || nodes_apart) {
                        best = best.min(price(links) + price(other_links));
                    }
                }
            }
            match disjoint_pair(&net, 0, 1, apart, km(&net)) {
                None => {
                    assert!(best.is_infinite(), "missed a pair of {best} in {links:?}");
                    without += 1;
                }
                Some([first, second]) => {
                    let total = length_km(&net, &first) + length_km(&net, &second);
                    assert!((total - best).abs() < 1e-9, "{total} instead of {best} in {links:?}");
                    assert!(first.iter().all(|step| second.iter().all(|other| other.link != step.link)));
                    with += 1;
                }
            }
        }
    }
    assert!(with > 100 && without > 100, "{with} graphs with a pair, {without} without");
}
