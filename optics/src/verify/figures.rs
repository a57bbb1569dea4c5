//! The key figures of a report are what its plan says.

use std::collections::{BTreeMap, BTreeSet};

use super::spectrum::edges;
use super::{Case, Found};
use crate::plan::PathRole;
use crate::report::PlanReport;
use crate::traffic::Restoration;

pub(super) fn check(case: &Case, report: &PlanReport, found: &mut Found) {
    let plan = case.plan;
    let summary = &report.summary;
    let mut slots = BTreeSet::new();
    let (mut hops, mut regenerators, mut length_km, mut top) = (0_usize, 0_usize, 0.0, 0_i64);
    let mut busy: BTreeMap<(&str, &str), BTreeSet<(i64, i64)>> = BTreeMap::new();
    for (_, path) in case.paths() {
        regenerators += path.segments.len().max(1) - 1;
        for segment in &path.segments {
            let (low, high) = edges(segment.n, segment.m);
            slots.insert(low);
            top = top.max(high - i64::from(plan.grid.n_min));
            for hop in &segment.hops {
                hops += 1;
                length_km += case.links.get(hop.link.as_str()).map_or(0.0, |link| link.length_km);
                busy.entry((&hop.link, &hop.fibre)).or_default().insert((low, high));
            }
        }
    }
    let fixed = plan.grid.fixed_spacing_ghz.is_some();
    let blocked_gbps: f64 = plan.blocked.iter().map(|blocked| blocked.rate_gbps).sum();
    let achieved = if fixed { slots.len() as f64 } else { top as f64 };
    let metric = if fixed { "wavelengths" } else { "highest_slot" };
    let best = plan
        .bounds
        .iter()
        .filter(|b| b.metric == metric)
        .map(|b| b.value)
        .fold(None, |best, value| Some(best.map_or(value, |best: f64| best.max(value))));
    let gap = if plan.blocked.is_empty() { best.map(|best| achieved - best) } else { None };
    let given = |value: Option<u32>| value.map(f64::from);
    let figures: [(&str, Option<f64>, Option<f64>); 11] = [
        ("requests", Some(f64::from(summary.requests)), Some(case.requests.len() as f64)),
        ("lightpaths", Some(f64::from(summary.lightpaths)), Some(plan.lightpaths.len() as f64)),
        ("blocked", Some(f64::from(summary.blocked)), Some(plan.blocked.len() as f64)),
        ("blocked_gbps", Some(summary.blocked_gbps), Some(blocked_gbps)),
        ("wavelengths", given(summary.wavelengths), fixed.then_some(slots.len() as f64)),
        ("highest_slot", given(summary.highest_slot), (!fixed).then_some(top as f64)),
        ("regenerators", Some(f64::from(summary.regenerators)), Some(regenerators as f64)),
        ("hops", Some(f64::from(summary.hops)), Some(hops as f64)),
        ("length_km", Some(summary.length_km), Some(length_km)),
        ("violations", Some(f64::from(summary.violations)), Some(plan.violations.len() as f64)),
        ("gap", summary.gap, gap),
    ];
    for (name, told, computed) in figures {
        let equal = match (told, computed) {
            (Some(told), Some(computed)) => (told - computed).abs() <= 1e-5 * computed.abs().max(1.0),
            (None, None) => true,
            _ => false,
        };
        if !equal {
            found.add("SUMMARY", name, format!("the summary says {told:?}, the plan {computed:?}"));
        }
    }
    if summary.bounds != plan.bounds {
        found.add("SUMMARY", "bounds", "the bounds of summary and plan differ");
    }
    let width = plan.grid.fixed_spacing_ghz.map_or(1.0, |spacing| spacing / 6.25);
    for link in &case.topology.links {
        for fibre in Case::fibres(link) {
            let slices: i64 = busy
                .get(&(link.id.as_str(), fibre))
                .map_or(0, |slots| slots.iter().map(|(low, high)| high - low).sum());
            let used = slices as f64 / width;
            let told = report.links.iter().find(|one| one.link == link.id && one.fibre == fibre);
            if told.is_none_or(|told| (f64::from(told.used) - used).abs() > 1e-6) {
                found.add(
                    "LINK_USE",
                    &link.id,
                    format!(
                        "fibre `{fibre}` has {used} in use, the report says {:?}",
                        told.map(|told| told.used)
                    ),
                );
            }
        }
    }
    check_unplanned(case, report, found);
}

/// Whoever asked for restoration has it or is told that they have not; nobody else is told so.
fn check_unplanned(case: &Case, report: &PlanReport, found: &mut Found) {
    let restored: BTreeSet<&str> = case
        .paths()
        .filter(|(_, path)| path.role == PathRole::Restoration)
        .map(|(lightpath, _)| lightpath.id.as_str())
        .collect();
    let without: BTreeSet<&str> = (case.requests.iter())
        .filter(|request| request.restoration != Restoration::None && !restored.contains(request.id.as_str()))
        .map(|request| request.demand.as_str())
        .collect();
    let told: BTreeSet<&str> =
        report.unplanned.iter().flat_map(|unplanned| &unplanned.demands).map(String::as_str).collect();
    for demand in without.symmetric_difference(&told) {
        let detail = if told.contains(demand) {
            "is told that its restoration is not planned, and it has it or did not ask"
        } else {
            "asks for restoration, which it neither has nor is told that it has not"
        };
        found.add("UNPLANNED", *demand, detail);
    }
}
