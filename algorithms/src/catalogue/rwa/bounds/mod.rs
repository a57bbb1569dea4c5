//! Lower bounds on the number of wavelengths, each with what proves it.
//!
//! What the certificates prove, and why, stands in `optics::verify`, which checks them with code of its own.

pub mod clique;
pub mod congestion;
pub mod cut;
pub mod exclusion;

use optics::network::Network;
use optics::plan::{Bound, BoundMethod};
use optics::request::LightpathRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::disjoint::{Ends, RouteFinder};
use super::instance::{Instance, Pairing, UNLIMITED};

/// What proves a bound, in indices of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certificate {
    /// Nodes on one side of a cut, ascending.
    Cut(Vec<u32>),
    /// A price for each link.
    Congestion(Vec<u32>),
    /// Requests that exclude each other pairwise, ascending.
    Clique(Vec<u32>),
    /// A node that a slot ends at only so often.
    AddDrop(u32),
}

impl Certificate {
    /// How many wavelengths it proves to be needed by the requests for which `counts` holds.
    pub fn value(&self, instance: &Instance, counts: impl Fn(usize) -> bool) -> u32 {
        let counted =
            || instance.requests.iter().enumerate().filter(|&(at, _)| counts(at)).map(|(_, own)| own);
        match self {
            Self::Cut(side) => {
                let inside = inside(instance, side);
                let fibres: usize =
                    instance.links.iter().filter(|l| inside[l.a] != inside[l.b]).map(|l| l.fibres).sum();
                let paths: usize =
                    counted().filter(|r| inside[r.a] != inside[r.b]).map(|r| r.pairing.routes()).sum();
                if fibres == 0 { 0 } else { whole(paths.div_ceil(fibres)) }
            }
            Self::Congestion(prices) => {
                let supply: u64 =
                    instance.links.iter().zip(prices).map(|(l, &p)| u64::from(p) * l.fibres as u64).sum();
                if supply == 0 {
                    return 0;
                }
                let mut distances = Distances::new(instance, prices);
                let demand: u64 = counted().map(|r| distances.of(r.a, r.b, r.pairing)).sum();
                let quotient = demand as f64 / supply as f64;
                // Lowered as the checker lowers it, so that no rounding raises a bound.
                whole_of((quotient - quotient * 1e-7).ceil())
            }
            Self::Clique(requests) => {
                whole(requests.iter().filter(|&&request| counts(request as usize)).count())
            }
            Self::AddDrop(node) => {
                let node = *node as usize;
                let uses = slot_uses(instance, node);
                let ends = counted().filter(|r| r.a == node || r.b == node).count();
                if uses == UNLIMITED || uses == 0 { 0 } else { whole(ends.div_ceil(uses as usize)) }
            }
        }
    }

    /// The bound as people and the checker read it, for the requests for which `counts` holds.
    pub fn bound(
        &self,
        instance: &Instance,
        network: &Network,
        requests: &[LightpathRequest],
        counts: impl Fn(usize) -> bool,
    ) -> Bound {
        let value = f64::from(self.value(instance, &counts));
        let (method, certificate) = match self {
            Self::Cut(side) => {
                let inside = inside(instance, side);
                let crossing = network.links.iter().filter(|link| inside[link.a] != inside[link.b]);
                let parted = instance
                    .requests
                    .iter()
                    .enumerate()
                    .filter(|(at, own)| counts(*at) && inside[own.a] != inside[own.b]);
                let document = json!({
                    "side": side.iter().map(|&node| &network.nodes[node as usize].id).collect::<Vec<_>>(),
                    "links": crossing.map(|link| &link.id).collect::<Vec<_>>(),
                    "demand": parted.map(|(_, own)| own.pairing.routes()).sum::<usize>(),
                });
                (BoundMethod::Cut, document)
            }
            Self::Congestion(prices) => {
                let priced = network.links.iter().zip(prices).filter(|&(_, &price)| price > 0);
                let prices: serde_json::Map<String, serde_json::Value> =
                    priced.map(|(link, &price)| (link.id.clone(), price.into())).collect();
                (BoundMethod::CongestionLp, json!({ "link_prices": prices }))
            }
            Self::Clique(members) => {
                let ids: Vec<&str> = members
                    .iter()
                    .filter(|&&member| counts(member as usize))
                    .map(|&member| requests[instance.origin[member as usize]].id.as_str())
                    .collect();
                (BoundMethod::Clique, json!({ "requests": ids }))
            }
            Self::AddDrop(node) => {
                let id = &network.nodes[*node as usize].id;
                (
                    BoundMethod::AddDrop,
                    json!({ "node": id, "slot_uses": slot_uses(instance, *node as usize) }),
                )
            }
        };
        Bound { metric: "wavelengths".to_owned(), value, method, certificate }
    }
}

/// How often the banks of `node` take one slot in all.
pub fn slot_uses(instance: &Instance, node: usize) -> u32 {
    let mut groups: Vec<usize> =
        instance.banks[instance.banks_of[node].clone()].iter().map(|b| b.group).collect();
    groups.dedup();
    groups.sort_unstable();
    groups.dedup();
    groups.iter().fold(0_u32, |sum, &group| sum.saturating_add(instance.slot_groups[group]))
}

/// The node whose add/drop asks for most wavelengths.
pub fn by_terminals(instance: &Instance) -> Option<Certificate> {
    let limited = (0..instance.nodes).filter(|&node| slot_uses(instance, node) != UNLIMITED);
    let valued = limited.map(|node| {
        let certificate = Certificate::AddDrop(u32::try_from(node).expect("nodes are below 2^17"));
        (certificate.value(instance, |_| true), std::cmp::Reverse(node), certificate)
    });
    valued.max_by_key(|(value, node, _)| (*value, *node)).filter(|best| best.0 > 0).map(|best| best.2)
}

fn inside(instance: &Instance, side: &[u32]) -> Vec<bool> {
    let mut inside = vec![false; instance.nodes];
    for &node in side {
        inside[node as usize] = true;
    }
    inside
}

fn whole(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative; saturates
fn whole_of(value: f64) -> u32 {
    value as u32
}

/// Least prices of routes and pairs of routes between nodes, each computed once.
struct Distances<'a> {
    instance: &'a Instance,
    prices: &'a [u32],
    finder: RouteFinder,
    known: std::collections::BTreeMap<(usize, usize, Pairing), u64>,
}

impl<'a> Distances<'a> {
    fn new(instance: &'a Instance, prices: &'a [u32]) -> Self {
        Self {
            instance,
            prices,
            finder: RouteFinder::new(instance.nodes),
            known: std::collections::BTreeMap::new(),
        }
    }

    fn of(&mut self, a: usize, b: usize, pairing: Pairing) -> u64 {
        let key = (a.min(b), a.max(b), pairing);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let ends = Ends { a, b, rule: 0 };
        let price = |arc: super::instance::Arc, _| Some(self.prices[arc.link]);
        let distance = match pairing {
            Pairing::Single => self.finder.single(self.instance, ends, u32::MAX, price),
            _ => self.finder.pair(self.instance, ends, pairing == Pairing::Nodes, u32::MAX, price),
        };
        let distance = u64::from(distance.unwrap_or(0));
        self.known.insert(key, distance);
        distance
    }
}
