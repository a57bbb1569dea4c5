//! Traffic matrices made of a topology and a seed: for samples, tests and studies without real demands.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::grid::Grid;
use crate::network::Network;
use crate::paths::dijkstra;
use crate::topology::{NodeKind, Topology};
use crate::traffic::{
    Demand, Disjointness, Protection, ProtectionSource, ServiceGroup, ServiceType, TrafficMatrix,
};

/// How to make a traffic matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficModel {
    /// Name of the matrix.
    pub name: String,
    /// Which pairs want how much.
    pub kind: TrafficKind,
    /// Equal seeds give equal matrices.
    pub seed: u64,
    /// Rate of all demands together in Gb/s.
    pub total_gbps: f64,
    /// Share of the demands, largest first, that ask for 1+1 protection (0 to 1).
    pub protected_share: f64,
    /// Express demands as client services (100GE, 10GE, GE) instead of rates.
    pub services: bool,
    /// Weight of nodes for gravity (inhabitants, data centres): 1 for those not named.
    pub weights: BTreeMap<String, f64>,
    /// Power of the distance that gravity divides by.
    pub distance_exponent: f64,
    /// Demands below this rate in Gb/s are left out.
    pub least_gbps: f64,
}

/// Which pairs want how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrafficKind {
    /// In proportion to the weights of both ends over the distance between them, varied by ±20 % at random.
    #[default]
    Gravity,
    /// Between 50 % and 150 % of the mean at random, between all pairs.
    Uniform,
}

impl Default for TrafficModel {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: TrafficKind::Gravity,
            seed: 1,
            total_gbps: 10_000.0,
            protected_share: 0.0,
            services: false,
            weights: BTreeMap::new(),
            distance_exponent: 1.0,
            least_gbps: 0.0,
        }
    }
}

/// Shortest distance that gravity counts, in kilometres: closer pairs attract no more.
const LEAST_DISTANCE_KM: f64 = 50.0;

/// Most nodes whose pairs are listed: half a million demands.
const MOST_NODES: usize = 1_000;

/// Makes the traffic matrix of `model` on `topology`: at most one demand for each pair of nodes where traffic may end
/// and that are connected.
///
/// # Errors
/// What is wrong with the topology, or with the model.
pub fn generate(topology: &Topology, model: &TrafficModel) -> Result<TrafficMatrix, Vec<Finding>> {
    check(topology, model)?;
    let network = Network::build(topology, &Grid::default())?;
    let weight: Vec<f64> =
        network.nodes.iter().map(|node| model.weights.get(&node.id).copied().unwrap_or(1.0)).collect();
    let mut shares: Vec<(usize, usize, f64)> = Vec::new();
    for a in 0..network.nodes.len() {
        let tree = dijkstra(&network, a, |link| Some(network.links[link].length_km));
        for b in a + 1..network.nodes.len() {
            let ends_here = |node: usize| network.nodes[node].kind != NodeKind::Ila;
            if tree.cost[b].is_infinite() || !ends_here(a) || !ends_here(b) {
                continue;
            }
            let chance = chance(model.seed, a as u64, b as u64);
            let share = match model.kind {
                TrafficKind::Uniform => 0.5 + chance,
                TrafficKind::Gravity => {
                    let distance_km = tree.cost[b].max(LEAST_DISTANCE_KM);
                    weight[a] * weight[b] / distance_km.powf(model.distance_exponent) * (0.8 + 0.4 * chance)
                }
            };
            shares.push((a, b, share));
        }
    }
    let sum: f64 = shares.iter().map(|share| share.2).sum();
    let mut rated: Vec<(usize, usize, f64)> = shares
        .into_iter()
        // Megabits: finer rates say nothing.
        .map(|(a, b, share)| {
            (a, b, (share / sum.max(f64::MIN_POSITIVE) * model.total_gbps * 1e3).round() / 1e3)
        })
        .filter(|&(_, _, rate)| rate > 0.0 && rate >= model.least_gbps)
        .collect();
    let mut by_rate: Vec<usize> = (0..rated.len()).collect();
    by_rate.sort_by(|&i, &j| rated[j].2.total_cmp(&rated[i].2).then(i.cmp(&j)));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the share lies within 0 and 1
    let protected = (model.protected_share * rated.len() as f64).round() as usize;
    let largest: BTreeSet<usize> = by_rate.into_iter().take(protected).collect();
    let mut services = 0;
    let mut demands = Vec::with_capacity(rated.len());
    for (index, (a, b, rate)) in rated.drain(..).enumerate() {
        let (a, b) = (&network.nodes[a].id, &network.nodes[b].id);
        let mut demand = Demand::of_rate((index + 1).to_string(), a, b, rate);
        if largest.contains(&index) {
            demand.protection = Protection::OnePlusOne {
                disjoint: Disjointness::Node,
                source: ProtectionSource::Splitter,
                differential_delay_us: None,
            };
        }
        if model.services {
            demand.rate_ab_gbps = None;
            demand.services = clients(rate, &mut services);
        }
        demands.push(demand);
    }
    Ok(TrafficMatrix { name: model.name.clone(), demands })
}

fn check(topology: &Topology, model: &TrafficModel) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    let mut within = |field: &str, value: f64, low: f64, high: f64| {
        if !(low..=high).contains(&value) {
            let detail = format!("{value} must lie within {low} and {high}");
            findings.push(Finding::error("NUMBER", format!("/{field}"), detail));
        }
    };
    within("total_gbps", model.total_gbps, 0.0, 1e9);
    within("protected_share", model.protected_share, 0.0, 1.0);
    within("distance_exponent", model.distance_exponent, 0.0, 4.0);
    within("least_gbps", model.least_gbps, 0.0, 1e9);
    for (node, weight) in &model.weights {
        within(&format!("weights/{node}"), *weight, 0.0, 1e12);
    }
    for node in model.weights.keys() {
        if !topology.nodes.iter().any(|own| own.id == *node) {
            let detail = format!("`{node}` is no node of the topology");
            findings.push(Finding::error("UNKNOWN_NODE", format!("/weights/{node}"), detail));
        }
    }
    if topology.nodes.len() > MOST_NODES {
        findings.push(Finding::error(
            "TOO_LARGE",
            "/topology",
            format!("all pairs of {MOST_NODES} nodes at most"),
        ));
    }
    // A service of a 10 Tb/s demand is one of 100; beyond a million of them nobody lists them one by one.
    if model.services && model.total_gbps > 1e6 {
        findings.push(Finding::error("TOO_LARGE", "/total_gbps", "with services the limit is 1000000 Gb/s"));
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// Client services of at least `rate`: as many 100GE and 10GE as fit, the rest in GE; ids run on over the matrix.
fn clients(rate: f64, services: &mut u32) -> Vec<ServiceGroup> {
    let mut left = rate;
    let mut groups = Vec::new();
    let kinds =
        [ServiceType::HundredGigabitEthernet, ServiceType::TenGigabitEthernet, ServiceType::GigabitEthernet];
    for kind in kinds {
        let unit = kind.rate_gbps();
        let fit = left / unit;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // bounded by the check of the model
        let count = if kind == ServiceType::GigabitEthernet { fit.ceil() as u32 } else { fit.floor() as u32 };
        left -= f64::from(count) * unit;
        if count > 0 {
            let ids = (*services + 1..=*services + count).map(|id| id.to_string()).collect();
            *services += count;
            groups.push(ServiceGroup { kind, ids });
        }
    }
    groups
}

/// A number from 0 to 1 for a pair: the finaliser of SplitMix64 (Steele, Lea and Flood 2014) over seed and pair, so that
/// a demand does not change when others come or go.
fn chance(seed: u64, a: u64, b: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (a << 32 | b).wrapping_mul(0xD134_2543_DE82_EF95);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Link, Node};
    use crate::validate::{validate_traffic, validate_traffic_on};

    fn square() -> Topology {
        let nodes = ["A", "B", "C", "D"].map(Node::roadm).to_vec();
        let mut topology = Topology { nodes, ..Topology::default() };
        for (a, b, km) in [("A", "B", 100.0), ("B", "C", 400.0), ("C", "D", 100.0), ("D", "A", 400.0)] {
            topology.links.push(Link::new(format!("{a}{b}"), a, b, km));
        }
        topology
    }

    fn rates(matrix: &TrafficMatrix) -> Vec<f64> {
        matrix.demands.iter().filter_map(|demand| demand.rate_ab_gbps).collect()
    }

    #[test]
    fn gravity_prefers_near_and_heavy_pairs_and_adds_up() {
        let weights = BTreeMap::from([("A".to_owned(), 10.0), ("B".to_owned(), 10.0)]);
        let model = TrafficModel { total_gbps: 1_000.0, weights, ..TrafficModel::default() };
        let matrix = generate(&square(), &model).expect("good model");
        let rates = rates(&matrix);
        assert_eq!(rates.len(), 6);
        assert!((rates.iter().sum::<f64>() - 1_000.0).abs() < 0.01);
        assert!(rates[0] > 500.0, "A and B are near and heavy: {rates:?}");
        assert_eq!(validate_traffic(&matrix), []);
        assert_eq!(validate_traffic_on(&matrix, &square()), []);
    }

    #[test]
    fn a_seed_gives_one_matrix_and_another_seed_another() {
        let model = |seed| TrafficModel { seed, kind: TrafficKind::Uniform, ..TrafficModel::default() };
        let make = |seed| generate(&square(), &model(seed)).expect("good model");
        assert_eq!(make(3), make(3));
        assert_ne!(make(3), make(4));
        let mean = 10_000.0 / 6.0;
        assert!(rates(&make(3)).iter().all(|rate| (0.3 * mean..3.0 * mean).contains(rate)));
    }

    #[test]
    fn services_cover_the_rate_and_the_largest_demands_are_protected() {
        let model = TrafficModel { services: true, protected_share: 0.5, ..TrafficModel::default() };
        let by_rate = generate(&square(), &TrafficModel { services: false, ..model.clone() }).expect("good");
        let by_service = generate(&square(), &model).expect("good model");
        assert_eq!(validate_traffic(&by_service), []);
        let mut least_protected = f64::INFINITY;
        let mut most_open: f64 = 0.0;
        for (rated, served) in by_rate.demands.iter().zip(&by_service.demands) {
            let rate = rated.rate_ab_gbps.expect("rated");
            let sum: f64 = served.services.iter().map(|g| g.ids.len() as f64 * g.kind.rate_gbps()).sum();
            assert!(sum >= rate - 1e-9 && sum < rate + 1.25, "{sum} for {rate}");
            if served.protection == Protection::None {
                most_open = most_open.max(rate);
            } else {
                least_protected = least_protected.min(rate);
            }
        }
        assert!(least_protected >= most_open);
    }

    #[test]
    fn a_bad_model_is_refused_with_every_fault() {
        let weights = BTreeMap::from([("X".to_owned(), f64::NAN)]);
        let model =
            TrafficModel { total_gbps: -1.0, protected_share: 2.0, weights, ..TrafficModel::default() };
        let findings = generate(&square(), &model).expect_err("four faults");
        let pointers: Vec<&str> = findings.iter().map(|finding| finding.pointer.as_str()).collect();
        assert_eq!(pointers, ["/total_gbps", "/protected_share", "/weights/X", "/weights/X"]);
    }
}
