//! Evidence for what is blocked is checked against the plan, not believed.

use std::collections::{BTreeMap, BTreeSet};

use super::add_drop::{Use, banks_of, uses};
use super::flow::{Inner, cheapest, disjoint_paths};
use super::spectrum::edges;
use super::{Case, Found};
use crate::plan::{Blocked, BlockedReason};
use crate::request::LightpathRequest;
use crate::topology::{AddDropKind, Contention, Link};
use crate::traffic::{Demand, Disjointness, Protection, ProtectionSource};

/// Ends, paths, ports at an end, whether the paths are disjoint by link only, and the demand where it excludes anything.
type Alike<'a> = (&'a str, &'a str, u32, u32, bool, Option<&'a str>);

pub(super) fn check(case: &Case, found: &mut Found) {
    if case.plan.blocked.is_empty() {
        return;
    }
    let requests: BTreeMap<&str, &LightpathRequest> =
        case.requests.iter().map(|request| (request.id.as_str(), request)).collect();
    let spectrum = Spectrum::new(case);
    // Requests between the same ends with the same protection fare alike.
    let mut free_for: BTreeMap<Alike, Option<(i64, i64)>> = BTreeMap::new();
    for blocked in &case.plan.blocked {
        let Some(request) = requests.get(blocked.request.as_str()) else { continue };
        let [a, b] = &blocked.ends;
        let same_ends = (a, b) == (&request.a, &request.b) || (b, a) == (&request.a, &request.b);
        let same_rate = (blocked.rate_gbps - request.rate_gbps).abs() <= 1e-9;
        if !same_ends || !same_rate || blocked.priority != request.priority {
            found.add(
                "BLOCKED_CHANGED",
                &blocked.request,
                "its ends, rate or priority are not what was asked for",
            );
            continue;
        }
        if let Err(detail) = check_evidence(case, &spectrum, blocked, request) {
            found.add("BLOCKED_EVIDENCE", &blocked.request, detail);
            continue;
        }
        let conditions = Conditions(case.demands.get(request.id.as_str()).copied());
        // Where the demand sets conditions on the whole of a route a free slot proves nothing.
        let ruled_out =
            matches!(blocked.reason, BlockedReason::Latency { .. } | BlockedReason::Constraint { .. });
        if ruled_out || conditions.on_whole_routes() {
            continue;
        }
        let need = Need::of(request);
        let demand = conditions.exclude().then_some(request.demand.as_str());
        let free = free_for
            .entry((a, b, need.paths, need.ports, need.inner == Inner::Unlimited, demand))
            .or_insert_with(|| spectrum.free_slot(case, a, b, need, conditions));
        if let Some((low, high)) = free {
            found.add(
                "BLOCKED_THOUGH_FREE",
                &blocked.request,
                format!("slices {low}..{high} are free on a route between `{a}` and `{b}`, and at both ends"),
            );
        }
    }
}

/// What the demand of a request, where it is known, asks of routes.
#[derive(Clone, Copy)]
struct Conditions<'a>(Option<&'a Demand>);

impl Conditions<'_> {
    fn on_whole_routes(self) -> bool {
        self.0.is_some_and(|demand| !demand.include.is_empty() || demand.max_latency_us.is_some())
    }

    fn exclude(self) -> bool {
        self.0.is_some_and(|demand| !demand.exclude_nodes.is_empty() || !demand.exclude_links.is_empty())
    }

    fn allow(self, link: &Link) -> bool {
        self.0.is_none_or(|demand| {
            !demand.exclude_links.contains(&link.id)
                && !demand.exclude_nodes.contains(&link.a)
                && !demand.exclude_nodes.contains(&link.b)
        })
    }
}

/// What a request takes of the network.
#[derive(Clone, Copy)]
struct Need {
    paths: u32,
    ports: u32,
    inner: Inner,
}

impl Need {
    fn of(request: &LightpathRequest) -> Self {
        match &request.protection {
            Protection::None => Self { paths: 1, ports: 1, inner: Inner::Unlimited },
            Protection::OnePlusOne { disjoint, source, .. } => Self {
                paths: 2,
                ports: if *source == ProtectionSource::OwnTransponder { 2 } else { 1 },
                inner: if *disjoint == Disjointness::Link { Inner::Unlimited } else { Inner::Units(1) },
            },
        }
    }
}

fn check_evidence(
    case: &Case,
    spectrum: &Spectrum,
    blocked: &Blocked,
    request: &LightpathRequest,
) -> Result<(), String> {
    let [a, b] = &blocked.ends;
    let need = Need::of(request);
    let joined = |usable: &dyn Fn(&Link) -> bool| disjoint_paths(case, a, b, Inner::Unlimited, 1, usable) > 0;
    match &blocked.reason {
        BlockedReason::NoPath { component } => {
            let inside: BTreeSet<&str> = component.iter().map(String::as_str).collect();
            let seeded = inside.contains(a.as_str()) != inside.contains(b.as_str());
            let from = if inside.contains(a.as_str()) { a } else { b };
            let closed = case.topology.links.iter().all(|link| {
                let leaves = |near: &str, far: &str| {
                    inside.contains(near) && !inside.contains(far) && (near == from || case.passable(near))
                };
                !leaves(&link.a, &link.b) && !leaves(&link.b, &link.a)
            });
            if seeded && closed { Ok(()) } else { Err("the component does not part the ends".to_owned()) }
        }
        BlockedReason::NoDisjointPair { bridges, articulation_nodes } => {
            if need.paths != 2 {
                return Err("it asks for one path only".to_owned());
            }
            for bridge in bridges {
                if joined(&|link| link.id != *bridge) {
                    return Err(format!("the ends stay joined without link `{bridge}`"));
                }
            }
            for node in articulation_nodes {
                if node == a || node == b || joined(&|link| link.a != *node && link.b != *node) {
                    return Err(format!("the ends stay joined without node `{node}`"));
                }
            }
            let proven =
                !bridges.is_empty() || need.inner != Inner::Unlimited && !articulation_nodes.is_empty();
            if proven || disjoint_paths(case, a, b, need.inner, 2, |_| true) < 2 {
                Ok(())
            } else {
                Err("a disjoint pair exists, or nothing shows that none does".to_owned())
            }
        }
        BlockedReason::NoSpectrum { cut, load, capacity, not_continuous } => {
            if cut.is_empty() {
                return if *not_continuous {
                    Ok(())
                } else {
                    Err("neither a cut nor continuity is named".to_owned())
                };
            }
            if joined(&|link| !cut.contains(&link.id)) {
                return Err("the links named do not part the ends".to_owned());
            }
            let links: BTreeSet<&str> = cut.iter().map(String::as_str).collect();
            let (own_load, own_capacity) = spectrum.load(case, &links);
            if (own_load, own_capacity) != (*load, *capacity) {
                return Err(format!(
                    "the cut carries {own_load} of {own_capacity}, not {load} of {capacity}"
                ));
            }
            if own_load + need.paths > own_capacity || *not_continuous {
                Ok(())
            } else {
                Err(format!("the cut has room: {load} of {capacity}"))
            }
        }
        BlockedReason::AddDrop { node, bank, holders } => {
            if node != a && node != b {
                return Err(format!("`{node}` is not one of its ends"));
            }
            let known = case
                .nodes
                .get(node.as_str())
                .is_some_and(|n| banks_of(n).iter().any(|own| own.bank == *bank));
            if !known {
                return Err(format!("node `{node}` has no bank `{bank}`"));
            }
            let holds = |id: &String| {
                spectrum
                    .uses
                    .iter()
                    .any(|one| one.lightpath == id && one.port.node == *node && one.port.bank == *bank)
            };
            match holders.iter().find(|id| !holds(id)) {
                Some(id) => Err(format!("`{id}` holds nothing of bank `{bank}` at `{node}`")),
                None if holders.is_empty() => Err("no holder is named".to_owned()),
                None => Ok(()),
            }
        }
        BlockedReason::Ports { node, ports } => {
            if node != a && node != b {
                return Err(format!("`{node}` is not one of its ends"));
            }
            let banks = case.nodes.get(node.as_str()).map(|node| banks_of(node)).unwrap_or_default();
            let total: Option<u32> = banks.iter().map(|bank| bank.ports).sum();
            if total != Some(*ports) {
                return Err(format!("node `{node}` has {total:?} ports, not {ports}"));
            }
            let used: BTreeSet<_> =
                spectrum.uses.iter().map(|one| one.port).filter(|port| port.node == *node).collect();
            let left = ports.saturating_sub(u32::try_from(used.len()).unwrap_or(u32::MAX));
            if left < need.ports { Ok(()) } else { Err(format!("node `{node}` has {left} ports left")) }
        }
        BlockedReason::Latency { best_us, limit_us } => {
            let latency =
                |link: &Link| link.latency_us.unwrap_or(link.length_km * 1_000.0 * 1.468 / 299.792_458);
            let Some(best) = cheapest(case, a, b, Inner::Unlimited, 1, latency) else {
                return Err("the ends are not joined at all".to_owned());
            };
            // Of a protected request the worse path counts, which no shortest path can beat.
            if *best_us + 1e-3 < best || need.paths == 1 && *best_us > best + 1e-3 {
                Err(format!("the shortest route takes {best:.3} µs, not {best_us}"))
            } else if best_us <= limit_us {
                Err(format!("{best_us} µs are within the limit of {limit_us}"))
            } else {
                Ok(())
            }
        }
        BlockedReason::Constraint { constraint } => {
            let conditions = Conditions(case.demands.get(request.id.as_str()).copied());
            // Without the traffic matrix, or for whole routes, it cannot be judged here.
            let judged = conditions.0.is_some() && !conditions.on_whole_routes();
            let allowed = |link: &Link| conditions.allow(link);
            if constraint.is_empty() {
                Err("no condition is named".to_owned())
            } else if judged && disjoint_paths(case, a, b, need.inner, need.paths, allowed) >= need.paths {
                Err("routes exist that the demand does not exclude".to_owned())
            } else {
                Ok(())
            }
        }
    }
}

/// What is lit, for asking what is free.
struct Spectrum<'a> {
    busy: BTreeMap<(&'a str, &'a str), Vec<(i64, i64)>>,
    uses: Vec<Use<'a>>,
    slots: Vec<(i64, i64)>,
}

impl<'a> Spectrum<'a> {
    fn new(case: &Case<'a>) -> Self {
        let mut busy: BTreeMap<(&str, &str), Vec<(i64, i64)>> = BTreeMap::new();
        for (_, path) in case.paths() {
            for segment in &path.segments {
                for hop in &segment.hops {
                    busy.entry((&hop.link, &hop.fibre)).or_default().push(edges(segment.n, segment.m));
                }
            }
        }
        for link in &case.topology.links {
            for range in &link.unavailable {
                for fibre in Case::fibres(link) {
                    if range.fibre.as_ref().is_none_or(|own| own == fibre) {
                        let closed = (i64::from(range.n_lo), i64::from(range.n_hi));
                        busy.entry((&link.id, fibre)).or_default().push(closed);
                    }
                }
            }
        }
        Self { busy, uses: uses(case), slots: slots(case) }
    }

    fn is_free(&self, link: &str, fibre: &str, slot: (i64, i64)) -> bool {
        let busy = self.busy.get(&(link, fibre)).map_or(&[][..], Vec::as_slice);
        busy.iter().all(|used| used.1 <= slot.0 || slot.1 <= used.0)
    }

    /// Slots in use over `links`, and those there are without the unavailable ones.
    fn load(&self, case: &Case, links: &BTreeSet<&str>) -> (u32, u32) {
        let (mut load, mut capacity) = (0, 0);
        for link in links.iter().filter_map(|id| case.links.get(id)) {
            for fibre in Case::fibres(link) {
                let closed = |slot: (i64, i64)| {
                    link.unavailable.iter().any(|range| {
                        range.fibre.as_ref().is_none_or(|own| own == fibre)
                            && slot.0 < i64::from(range.n_hi)
                            && slot.1 > i64::from(range.n_lo)
                    })
                };
                for &slot in self.slots.iter().filter(|&&slot| !closed(slot)) {
                    capacity += 1;
                    load += u32::from(!self.is_free(&link.id, fibre, slot));
                }
            }
        }
        (load, capacity)
    }

    /// A slot that is free on enough disjoint routes and can be added at both ends; the lowest.
    fn free_slot(
        &self,
        case: &Case,
        a: &str,
        b: &str,
        need: Need,
        conditions: Conditions,
    ) -> Option<(i64, i64)> {
        self.slots.iter().copied().find(|&slot| {
            let (at_a, at_b) =
                (self.addable(case, a, slot, need.ports), self.addable(case, b, slot, need.ports));
            let usable = |link: &Link| {
                let reaches = |end: &str, served: &BTreeSet<&str>| {
                    link.a != end && link.b != end || served.contains(link.id.as_str())
                };
                conditions.allow(link)
                    && reaches(a, &at_a)
                    && reaches(b, &at_b)
                    && Case::fibres(link).iter().any(|fibre| self.is_free(&link.id, fibre, slot))
            };
            disjoint_paths(case, a, b, need.inner, need.paths, usable) >= need.paths
        })
    }

    /// The links into which `slot` can be added at `node`.
    fn addable<'b>(&self, case: &Case<'b>, node: &str, slot: (i64, i64), ports: u32) -> BTreeSet<&'b str> {
        let Some(site) = case.nodes.get(node) else { return BTreeSet::new() };
        let banks = banks_of(site);
        let here: Vec<&Use> = self.uses.iter().filter(|one| one.port.node == node).collect();
        let kind_of = |one: &Use| banks.iter().find(|bank| bank.bank == one.port.bank).map(|bank| bank.kind);
        let held = |one: &Use| one.overlaps(slot);
        let taken_at_node = site.contention == Contention::PerNode
            && here.iter().any(|one| held(one) && kind_of(one) != Some(AddDropKind::Cdc));
        let mut links = BTreeSet::new();
        for bank in &banks {
            let own = || here.iter().filter(|one| one.port.bank == bank.bank);
            let used: BTreeSet<_> = own().map(|one| one.port.port).collect();
            let same: BTreeSet<_> = own().filter(|one| held(one)).map(|one| one.port.port).collect();
            let most =
                if bank.kind == AddDropKind::Cdc { bank.max_same_slot.or(bank.ports) } else { Some(1) };
            let has_port = bank.ports.is_none_or(|all| used.len() + ports as usize <= all as usize);
            let has_slot = most.is_none_or(|most| same.len() + ports as usize <= most as usize);
            let closed = taken_at_node && bank.kind != AddDropKind::Cdc;
            if has_port && has_slot && !closed {
                links.extend(
                    case.topology
                        .links
                        .iter()
                        .filter(|link| link.a == node || link.b == node)
                        .filter(|link| bank.degrees.is_empty() || bank.degrees.contains(&link.id))
                        .map(|link| link.id.as_str()),
                );
            }
        }
        links
    }
}

/// The slots a request can have: the channels of a fixed grid, else every slot of the least width.
fn slots(case: &Case) -> Vec<(i64, i64)> {
    let grid = &case.plan.grid;
    let (low, high) = (i64::from(grid.n_min), i64::from(grid.n_max));
    #[allow(clippy::cast_possible_truncation)] // a spacing is a few hundred slices
    let (width, step) = match grid.fixed_spacing_ghz {
        Some(spacing) => ((spacing / 6.25).round() as i64, (spacing / 6.25).round() as i64),
        None => (2 * i64::from(grid.min_m.max(1)), 1),
    };
    if width < 1 || high - low > 100_000 {
        return Vec::new();
    }
    let mut slots = Vec::new();
    let mut from = low;
    while from + width <= high {
        slots.push((from, from + width));
        from += step;
    }
    slots
}
