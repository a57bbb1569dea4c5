//! Proposes clusters: what hangs on the junctions of a network.
//!
//! A *junction* has three neighbours or more. Every other site belongs to the junction that it reaches over the fewest
//! kilometres without passing another one; where its chain leads to two, both are gateways of its cluster if the way to
//! the second is no more than half as long again. Sites on rings and chains without a junction stay outside.

use std::collections::{BTreeMap, BTreeSet};

use optics::clusters::{Cluster, ClusterSet};
use optics::topology::Topology;

use super::network::Graph;

/// How much farther the second gateway may be than the first.
const SECOND_GATEWAY: f64 = 1.5;

/// Clusters of `topology`, which must be valid, with at most `largest` sites each beside the gateways: the nearest ones.
/// Near-linear in nodes and links for each junction.
#[must_use]
pub fn propose_clusters(topology: &Topology, largest: u32) -> ClusterSet {
    let graph = Graph::new(topology);
    let neighbours: Vec<_> = graph.nodes().map(|node| graph.neighbours(node)).collect();
    let junction: Vec<bool> =
        graph.nodes().map(|node| neighbours[node].len() > 2 && graph.can_groom(node)).collect();
    // for each site the junctions it reaches over other sites, with kilometres
    let mut reached: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
    for at in graph.nodes().filter(|&node| junction[node]) {
        for (site, km) in reach(&graph, &junction, at) {
            reached.entry(site).or_default().push((km, at));
        }
    }
    let mut members: BTreeMap<Vec<usize>, Vec<(f64, usize)>> = BTreeMap::new();
    for (site, mut junctions) in reached {
        junctions.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let nearest = junctions[0].0;
        let mut gateways = vec![junctions[0].1];
        if let Some(&(km, second)) = junctions.get(1)
            && km <= SECOND_GATEWAY * nearest
        {
            gateways.push(second);
            gateways.sort_unstable();
        }
        members.entry(gateways).or_default().push((nearest, site));
    }
    // a node is in one cluster: a junction that is a gateway already cannot be one again
    let mut clusters = Vec::new();
    let mut taken = vec![false; topology.nodes.len()];
    let mut by_size: Vec<_> = members.into_iter().collect();
    by_size.sort_by_key(|(gateways, sites)| (std::cmp::Reverse(sites.len()), gateways.clone()));
    for (gateways, mut sites) in by_size {
        let free: Vec<usize> = gateways.into_iter().filter(|&gateway| !taken[gateway]).collect();
        if free.is_empty() {
            continue;
        }
        sites.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        sites.truncate(largest as usize);
        let inside: Vec<usize> = connected(&graph, &free, &sites);
        if inside.is_empty() {
            continue;
        }
        for &node in free.iter().chain(&inside) {
            taken[node] = true;
        }
        let names = |nodes: &[usize]| nodes.iter().map(|&node| graph.node(node).to_owned()).collect();
        let first = graph.node(free[0]);
        clusters.push(Cluster {
            id: format!("around {first}"),
            name: String::new(),
            gateways: names(&free),
            subnodes: names(&inside),
        });
    }
    ClusterSet { clusters }
}

/// Sites that are reached from a junction without passing another one, with kilometres.
fn reach(graph: &Graph<'_>, junction: &[bool], from: usize) -> Vec<(usize, f64)> {
    let mut found: BTreeMap<usize, f64> = BTreeMap::new();
    for first in graph.neighbours(from).into_iter().filter(|&node| !junction[node]) {
        // along the chain: sites have at most two neighbours
        let (mut before, mut at, mut km) = (from, first, 0.0);
        let mut seen = BTreeSet::from([first]);
        loop {
            km += graph.shortest_between(before, at);
            let known = found.entry(at).or_insert(f64::INFINITY);
            *known = known.min(km);
            let next = graph.neighbours(at).into_iter().find(|&node| node != before && !junction[node]);
            match next {
                Some(next) if seen.insert(next) => (before, at) = (at, next),
                _ => break,
            }
        }
    }
    found.into_iter().collect()
}

/// Those of `sites` that reach a gateway over each other.
fn connected(graph: &Graph<'_>, gateways: &[usize], sites: &[(f64, usize)]) -> Vec<usize> {
    let mut inside: Vec<usize> = Vec::new();
    loop {
        let next = sites.iter().map(|(_, site)| *site).find(|site| {
            !inside.contains(site)
                && graph.neighbours(*site).iter().any(|node| gateways.contains(node) || inside.contains(node))
        });
        match next {
            Some(site) => inside.push(site),
            None => return inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use optics::clusters::validate_clusters;
    use optics::topology::{Link, Node};

    use super::*;

    fn network(nodes: &[&str], links: &[(&str, &str, f64)]) -> Topology {
        Topology {
            nodes: nodes.iter().map(|&node| Node::roadm(node)).collect(),
            links: links
                .iter()
                .enumerate()
                .map(|(i, (a, b, km))| Link::new(i.to_string(), *a, *b, *km))
                .collect(),
            ..Topology::default()
        }
    }

    #[test]
    fn what_hangs_on_junctions_is_proposed() {
        // J and K are junctions: spur a─b on J, chain c─d between them (d near K), spur e on K
        let topology = network(
            &["J", "K", "L", "a", "b", "c", "d", "e"],
            &[
                ("J", "K", 10.0),
                ("J", "L", 10.0),
                ("K", "L", 10.0),
                ("J", "a", 1.0),
                ("a", "b", 1.0),
                ("J", "c", 1.0),
                ("c", "d", 9.0),
                ("d", "K", 1.0),
                ("K", "e", 1.0),
            ],
        );
        let set = propose_clusters(&topology, 8);
        assert_eq!(validate_clusters(&set, &topology), []);
        let shown: Vec<_> =
            set.clusters.iter().map(|c| (c.gateways.join(","), c.subnodes.join(","))).collect();
        assert_eq!(shown, [("J".to_owned(), "a,c,b".to_owned()), ("K".to_owned(), "d,e".to_owned())]);
        assert_eq!(propose_clusters(&topology, 1).clusters[0].subnodes, ["a"]);
    }

    #[test]
    fn rings_and_chains_have_no_junction() {
        let ring = network(&["a", "b", "c"], &[("a", "b", 1.0), ("b", "c", 1.0), ("c", "a", 1.0)]);
        assert_eq!(propose_clusters(&ring, 8), ClusterSet::default());
        assert_eq!(propose_clusters(&Topology::default(), 8), ClusterSet::default());
    }
}
