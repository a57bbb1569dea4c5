//! What a planning run gives back: the plan, its key figures, and the use of links and nodes.

use std::collections::{BTreeMap, BTreeSet};

mod routes;
mod usage;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Lightpath, LightpathPath, LightpathState, PathRole, Plan, Summary};
use crate::request::LightpathRequest;
use crate::topology::{LengthOrigin, Link, Topology};
use crate::traffic::Restoration;

/// The report of `rwa` and, embedded, of `design`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanReport {
    /// Key figures.
    pub summary: Summary,
    /// The plan.
    pub plan: Plan,
    /// Use of every fibre pair, in the order of the topology.
    pub links: Vec<LinkUse>,
    /// Use of every node, in the order of the topology.
    pub nodes: Vec<NodeUse>,
    /// How much longer than necessary the routes are, and how long.
    pub routes: RouteFigures,
    /// What differs from the plan that the run started from.
    pub changes: Changes,
    /// What was asked for and is not planned: the plan is as if nobody had asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned: Vec<Unplanned>,
    /// How lengths came about, where they were not given, in the topology's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<LengthOrigin>,
}

/// Use of a fibre pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkUse {
    /// Id of the link.
    pub link: String,
    /// Id of the fibre pair in it.
    pub fibre: String,
    /// Channels (fixed grid) or slices (flexible grid) in use.
    pub used: u32,
    /// Channels or slices it has, without the unavailable ones.
    pub capacity: u32,
    /// `used / capacity`; 0 without capacity.
    pub share: f64,
    /// Longest run of free neighbouring channels or slices.
    pub largest_free: u32,
    /// 1 − longest free run / all free: 0 while what is free is in one piece.
    pub fragmentation: f64,
}

/// Use of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeUse {
    /// Its id.
    pub node: String,
    /// Transponders that end lightpaths.
    pub transponders: u32,
    /// Regenerators.
    pub regenerators: u32,
    /// Lightpaths' paths that pass through optically.
    pub express: u32,
    /// Ports in use in each bank, in the order of the topology.
    pub banks: Vec<BankUse>,
}

/// Use of an add/drop bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BankUse {
    /// Its id.
    pub bank: String,
    /// Ports in use.
    pub used: u32,
    /// Ports it has; absent for unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<u32>,
    /// Most ports that add and drop the same slot.
    pub same_slot: u32,
}

/// Lengths of routes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteFigures {
    /// Length of all working paths over the length of the shortest routes between their ends; 1 for none.
    pub detour_ratio: f64,
    /// Largest such ratio of one lightpath.
    pub max_detour_ratio: f64,
    /// The lightpath that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_detour_lightpath: Option<String>,
    /// Mean one-way latency of working paths in microseconds.
    pub mean_latency_us: f64,
    /// Largest one-way latency of a working or protection path in microseconds.
    pub max_latency_us: f64,
}

/// What differs from the plan that a run started from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Lightpaths that are new.
    pub added: u32,
    /// Lightpaths that were there and are unchanged.
    pub kept: u32,
    /// Lightpaths that were there and moved.
    pub moved: u32,
    /// Lightpaths that were there and are gone.
    pub removed: u32,
}

/// A wish that a plan passes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unplanned {
    /// What was asked for.
    pub wish: Wish,
    /// The same in words.
    pub detail: String,
    /// The demands that asked for it, in the order of their requests.
    pub demands: Vec<String>,
}

/// What a plan may pass over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Restoration: a path after a failure.
    Restoration,
}

impl PlanReport {
    /// Describes `plan`, which must only name what `topology` has; otherwise what it names is not counted.
    ///
    /// Time: one shortest-path search for each distinct first end, beside what is linear in the plan.
    #[must_use]
    pub fn describe(topology: &Topology, requests: &[LightpathRequest], plan: Plan) -> Self {
        let links: BTreeMap<&str, &Link> =
            topology.links.iter().map(|link| (link.id.as_str(), link)).collect();
        let summary = summarise(&links, requests, &plan);
        let (link_use, node_use) =
            (usage::of_links(topology, &plan), usage::of_nodes(topology, &links, &plan));
        let routes = routes::figures(topology, &links, &plan);
        let changes = changes(&plan);
        let unplanned = unplanned(requests, &plan);
        Self {
            summary,
            plan,
            links: link_use,
            nodes: node_use,
            routes,
            changes,
            unplanned,
            lengths: topology.lengths.clone(),
        }
    }
}

fn figure(value: f64) -> f64 {
    // A millionth is far below what anyone measures; it keeps sums from showing the order they were added in.
    let rounded = (value * 1e6).round() / 1e6;
    if rounded == 0.0 { 0.0 } else { rounded }
}

fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn length_of(links: &BTreeMap<&str, &Link>, path: &LightpathPath) -> f64 {
    hops(path).filter_map(|hop| links.get(hop.link.as_str())).map(|link| link.length_km).sum()
}

fn hops(path: &LightpathPath) -> impl Iterator<Item = &crate::plan::Hop> {
    path.segments.iter().flat_map(|segment| &segment.hops)
}

fn paths(plan: &Plan) -> impl Iterator<Item = (&Lightpath, &LightpathPath)> {
    plan.lightpaths.iter().flat_map(|lightpath| lightpath.paths.iter().map(move |path| (lightpath, path)))
}

fn summarise(links: &BTreeMap<&str, &Link>, requests: &[LightpathRequest], plan: &Plan) -> Summary {
    let mut channels = BTreeSet::new();
    let mut highest = None;
    let (mut regenerators, mut hop_count, mut length_km) = (0, 0, 0.0);
    for (_, path) in paths(plan) {
        regenerators += path.segments.len().saturating_sub(1);
        hop_count += hops(path).count();
        length_km += length_of(links, path);
        for segment in &path.segments {
            channels.insert((segment.n, segment.m));
            let top = i64::from(segment.n) + i64::from(segment.m) - i64::from(plan.grid.n_min);
            highest = highest.max(u32::try_from(top).ok());
        }
    }
    let fixed = plan.grid.fixed_spacing_ghz.is_some();
    let wavelengths = fixed.then(|| count(channels.len()));
    let highest_slot = if fixed { None } else { Some(highest.unwrap_or(0)) };
    let blocked_gbps = figure(plan.blocked.iter().map(|blocked| blocked.rate_gbps).sum());
    let metric = if fixed { "wavelengths" } else { "highest_slot" };
    let best = plan.bounds.iter().filter(|b| b.metric == metric).map(|b| b.value).reduce(f64::max);
    let achieved = f64::from(wavelengths.or(highest_slot).unwrap_or(0));
    Summary {
        requests: count(requests.len()),
        lightpaths: count(plan.lightpaths.len()),
        blocked: count(plan.blocked.len()),
        blocked_gbps,
        wavelengths,
        highest_slot,
        regenerators: count(regenerators),
        hops: count(hop_count),
        length_km: figure(length_km),
        violations: count(plan.violations.len()),
        bounds: plan.bounds.clone(),
        gap: best.filter(|_| plan.blocked.is_empty()).map(|bound| figure(achieved - bound)),
    }
}

/// Restoration that was asked for and of which the plan has no path.
fn unplanned(requests: &[LightpathRequest], plan: &Plan) -> Vec<Unplanned> {
    let restorations = paths(plan).filter(|(_, path)| path.role == PathRole::Restoration);
    let restored: BTreeSet<&str> = restorations.map(|(lightpath, _)| lightpath.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    let demands: Vec<String> = requests
        .iter()
        .filter(|request| request.restoration != Restoration::None && !restored.contains(request.id.as_str()))
        .filter(|request| seen.insert(&request.demand))
        .map(|request| request.demand.clone())
        .collect();
    if demands.is_empty() {
        return Vec::new();
    }
    let detail =
        format!("{} of the demands ask for restoration, which this plan does not have", demands.len());
    vec![Unplanned { wish: Wish::Restoration, detail, demands }]
}

fn changes(plan: &Plan) -> Changes {
    let mut changes = Changes::default();
    for lightpath in &plan.lightpaths {
        match lightpath.state {
            LightpathState::Planned => changes.added += 1,
            LightpathState::Existing | LightpathState::Locked => changes.kept += 1,
            LightpathState::Movable => changes.moved += 1,
        }
    }
    changes
}
