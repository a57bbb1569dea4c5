//! Bounds on the wavelengths of a plan: no higher than what was achieved, and proven by their certificates.
//!
//! Let a request need `k` paths: 2 if it is protected by 1+1, else 1. With `W` wavelengths a link of `f` fibre pairs
//! carries at most `f W` paths. Only requests that the plan does not list as blocked count. Certificates, and what they
//! prove for any plan that serves these requests:
//!
//! * **Cut** `{side: [nodes], links: [ids], demand}`. Every path between a node of `side` and one outside crosses a link
//!   between the two. If the crossing links have `F` fibre pairs and the parted requests need `D` paths in all, then
//!   `F W ≥ D`, so `W ≥ ⌈D / F⌉`.
//! * **Congestion linear program** `{link_prices: {id: p}}`, all `p ≥ 0`: weak duality. With prices as lengths let
//!   `d(r)` be the length of the shortest path of request `r`, or of its shortest disjoint pair. The prices of what a
//!   plan occupies are at least `Σ d(r)`, and at most `W Σ f p`, so `W ≥ ⌈Σ d(r) / Σ f p⌉`. Optimal prices are the dual
//!   values of the capacity rows, and attain the linear program's optimum (Shahrokhi and Matula 1990).
//! * **Clique** `{requests: [ids]}`. No two of them can have the same wavelength whatever their routes (see
//!   `verify/exclusion.rs`), so `W` is at least their number.
//! * **AddDrop** `{node}`. If a node's banks take a slot `s` times in all and `n` lightpath ends are there, then
//!   `W ≥ ⌈n / s⌉`.
//!
//! Quotients of floating-point prices are lowered by a relative 1e-7 before rounding up, so that rounding errors cannot
//! raise a bound. Prices that are integers are summed exactly.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::exclusion::{Exclusion, slot_uses};
use super::flow::{Inner, cheapest};
use super::{Case, Found};
use crate::plan::{Bound, BoundMethod};
use crate::request::LightpathRequest;
use crate::topology::Link;
use crate::traffic::{Disjointness, Protection, ProtectionSource};

/// No bound lies above what the plan achieved.
pub(super) fn check_plausible(case: &Case, found: &mut Found) {
    let slots: BTreeSet<(i32, u32)> =
        case.paths().flat_map(|(_, path)| &path.segments).map(|segment| (segment.n, segment.m)).collect();
    for bound in case.plan.bounds.iter().filter(|bound| bound.metric == "wavelengths") {
        if !bound.value.is_finite() || bound.value > slots.len() as f64 + 1e-9 {
            found.add(
                "BOUND_ABOVE_PLAN",
                &bound.metric,
                format!("{:?} says at least {}, the plan has {}", bound.method, bound.value, slots.len()),
            );
        }
    }
}

pub(super) fn check_certificates(case: &Case, found: &mut Found) {
    let mut exclusion = Exclusion::new(case);
    for bound in &case.plan.bounds {
        let subject = format!("{} by {:?}", bound.metric, bound.method);
        match proven(case, bound, &mut exclusion) {
            Ok(value) if bound.value <= value + 1e-9 => {}
            Ok(value) => {
                let detail = format!("the certificate proves {value}, not {}", bound.value);
                found.add("BOUND_CERTIFICATE", subject, detail);
            }
            Err(detail) => found.add("BOUND_CERTIFICATE", subject, detail),
        }
    }
}

fn proven(case: &Case, bound: &Bound, exclusion: &mut Exclusion) -> Result<f64, String> {
    if bound.metric != "wavelengths" {
        return Err(format!("there is no proof of bounds on `{}`", bound.metric));
    }
    if bound.value <= 0.0 {
        return Ok(0.0);
    }
    match bound.method {
        BoundMethod::Cut => by_cut(case, &bound.certificate),
        BoundMethod::CongestionLp => by_prices(case, &bound.certificate),
        BoundMethod::Clique => by_clique(case, &bound.certificate, exclusion),
        BoundMethod::AddDrop => by_add_drop(case, &bound.certificate),
    }
}

/// The requests that the plan serves: what is blocked needs no wavelength.
fn served<'a>(case: &Case<'a>) -> Vec<&'a LightpathRequest> {
    let blocked: BTreeSet<&str> = case.plan.blocked.iter().map(|blocked| blocked.request.as_str()).collect();
    case.requests.iter().filter(|request| !blocked.contains(request.id.as_str())).collect()
}

fn paths_needed(request: &LightpathRequest) -> u32 {
    if request.protection == Protection::None { 1 } else { 2 }
}

fn fibre_pairs(link: &Link) -> f64 {
    Case::fibres(link).len() as f64
}

fn names<'v>(certificate: &'v Value, field: &str) -> Result<BTreeSet<&'v str>, String> {
    let list = certificate
        .get(field)
        .and_then(Value::as_array)
        .ok_or_else(|| format!("it has no list `{field}`"))?;
    list.iter().map(|name| name.as_str().ok_or_else(|| format!("`{field}` has what is no id"))).collect()
}

fn by_cut(case: &Case, certificate: &Value) -> Result<f64, String> {
    let side = names(certificate, "side")?;
    let parted = |a: &str, b: &str| side.contains(a) != side.contains(b);
    let crossing: BTreeSet<&str> = case
        .topology
        .links
        .iter()
        .filter(|link| parted(&link.a, &link.b))
        .map(|link| link.id.as_str())
        .collect();
    if certificate.get("links").is_some() && names(certificate, "links")? != crossing {
        return Err("its links are not those that cross between the sides".to_owned());
    }
    let demand: u32 =
        served(case).into_iter().filter(|request| parted(&request.a, &request.b)).map(paths_needed).sum();
    if certificate
        .get("demand")
        .and_then(Value::as_f64)
        .is_some_and(|told| (told - f64::from(demand)).abs() > 1e-9)
    {
        return Err(format!("{demand} paths have to cross"));
    }
    let pairs: f64 = crossing.iter().map(|id| fibre_pairs(case.links[id])).sum();
    if pairs == 0.0 {
        return Err("no link crosses: the requests are blocked, not bounded".to_owned());
    }
    Ok((f64::from(demand) / pairs).ceil())
}

fn by_prices(case: &Case, certificate: &Value) -> Result<f64, String> {
    let given = certificate.get("link_prices").and_then(Value::as_object).ok_or("it has no `link_prices`")?;
    let mut prices: BTreeMap<&str, f64> = BTreeMap::new();
    for (id, price) in given {
        let price = price.as_f64().filter(|p| p.is_finite() && *p >= 0.0);
        let price = price.ok_or_else(|| format!("the price of `{id}` is not a number from 0"))?;
        if !case.links.contains_key(id.as_str()) {
            return Err(format!("`{id}` is no link"));
        }
        prices.insert(id, price);
    }
    let price = |link: &Link| prices.get(link.id.as_str()).copied().unwrap_or(0.0);
    let supply: f64 = case.topology.links.iter().map(|link| fibre_pairs(link) * price(link)).sum();
    if supply <= 0.0 {
        return Err("every price is zero".to_owned());
    }
    let mut known: BTreeMap<(&str, &str, u32, bool), f64> = BTreeMap::new();
    let mut demand = 0.0;
    for request in served(case) {
        let link_only =
            matches!(request.protection, Protection::OnePlusOne { disjoint: Disjointness::Link, .. });
        let inner = if link_only { Inner::Unlimited } else { Inner::Units(1) };
        let key = (request.a.as_str(), request.b.as_str(), paths_needed(request), link_only);
        let distance = match known.get(&key) {
            Some(&distance) => distance,
            None => cheapest(case, key.0, key.1, inner, key.2, price).ok_or_else(|| {
                format!("request `{}` has no route: it is blocked, not bounded", request.id)
            })?,
        };
        known.insert(key, distance);
        demand += distance;
    }
    let quotient = demand / supply;
    Ok((quotient - quotient * 1e-7).ceil())
}

fn by_clique(case: &Case, certificate: &Value, exclusion: &mut Exclusion) -> Result<f64, String> {
    let ids = names(certificate, "requests")?;
    let members: Vec<&LightpathRequest> =
        served(case).into_iter().filter(|request| ids.contains(request.id.as_str())).collect();
    if members.len() != ids.len() {
        return Err("it names requests that there are not, or that there are several of".to_owned());
    }
    for (i, one) in members.iter().enumerate() {
        for other in &members[i + 1..] {
            if !exclusion.proven(one, other) {
                return Err(format!("`{}` and `{}` are not shown to exclude each other", one.id, other.id));
            }
        }
    }
    Ok(members.len() as f64)
}

fn by_add_drop(case: &Case, certificate: &Value) -> Result<f64, String> {
    let node = certificate.get("node").and_then(Value::as_str).ok_or("it names no `node`")?;
    let once = slot_uses(case, node).filter(|&uses| uses > 0);
    let uses = once.ok_or_else(|| format!("the banks of `{node}` do not limit how often a slot is used"))?;
    let ends: u32 = served(case)
        .into_iter()
        .filter(|request| request.a == node || request.b == node)
        .map(|request| match request.protection {
            Protection::OnePlusOne { source: ProtectionSource::OwnTransponder, .. } => 2,
            _ => 1,
        })
        .sum();
    Ok((f64::from(ends) / f64::from(uses)).ceil())
}
