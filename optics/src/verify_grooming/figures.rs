//! Whether requests, table and key figures say what the lightpaths say.

use std::collections::BTreeMap;

use super::{Case, Found, TOLERANCE_GBPS, same};
use crate::grooming::{CardKind, LIGHTPATH_GBPS, LightpathKind};
use crate::traffic::ServiceType;

pub(super) fn check(case: &Case<'_>, found: &mut Found) {
    check_requests(case, found);
    check_table(case, found);
    check_summary(case, found);
}

fn check_requests(case: &Case<'_>, found: &mut Found) {
    let mut requests = BTreeMap::new();
    for request in &case.report.requests {
        if requests.insert(request.id.as_str(), request).is_some() {
            found.add("REQUEST", &request.id, "is asked for twice");
        }
    }
    for lightpath in &case.report.lightpaths {
        let id = lightpath.id.as_str();
        let (Some(request), Some(demand)) =
            (requests.remove(id), case.demands.get(lightpath.demand.as_str()))
        else {
            found.add("REQUEST", id, "has no request or no demand");
            continue;
        };
        let clients = lightpath.services.iter().chain(&lightpath.groomouts);
        let right = request.demand == demand.id
            && request.a == demand.a
            && request.b == demand.b
            && same(request.rate_gbps, lightpath.rate_gbps)
            && same(request.capacity_gbps, LIGHTPATH_GBPS)
            && request.priority == demand.priority
            && request.protection == demand.protection
            && request.restoration == demand.restoration
            && request.clients.iter().eq(clients);
        if !right {
            found.add("REQUEST", id, "differs from its lightpath or its demand");
        }
    }
    for id in requests.keys() {
        found.add("REQUEST", id, "has no lightpath");
    }
}

fn check_table(case: &Case<'_>, found: &mut Found) {
    let mut rows = BTreeMap::new();
    for row in &case.report.table {
        if rows.insert(row.demand.as_str(), row).is_some() {
            found.add("TABLE", &row.demand, "has two rows");
        }
    }
    for demand in case.traffic.demands.iter().filter(|demand| !demand.services.is_empty()) {
        let Some(row) = rows.remove(demand.id.as_str()) else {
            found.add("TABLE", &demand.id, "has no row");
            continue;
        };
        let mut counts: BTreeMap<ServiceType, i64> = BTreeMap::new();
        for group in &demand.services {
            *counts.entry(group.kind).or_default() += i64::try_from(group.ids.len()).unwrap_or(i64::MAX);
        }
        for entry in &row.end_to_end {
            *counts.entry(entry.kind).or_default() -= i64::from(entry.count);
        }
        if row.a != demand.a || row.b != demand.b || counts.values().any(|&difference| difference != 0) {
            found.add("TABLE", &demand.id, "its row has other ends or other numbers of services");
        }
    }
    for id in rows.keys() {
        found.add("TABLE", id, "has a row, but is no demand with services");
    }
}

fn check_summary(case: &Case<'_>, found: &mut Found) {
    let report = case.report;
    let summary = &report.summary;
    let cards =
        |kind| report.nodes.iter().flat_map(|node| &node.cards).filter(|card| card.kind == kind).count();
    let left_services: usize =
        report.leftovers.iter().flat_map(|l| &l.services).map(|group| group.ids.len()).sum();
    let left_groomouts: usize = report.leftovers.iter().map(|l| l.groomouts.len()).sum();
    let transparent = report.lightpaths.iter().filter(|l| l.kind == LightpathKind::Tp1h).count();
    for (figure, says, is) in [
        ("demands", summary.demands, case.traffic.demands.len()),
        ("services", summary.services, case.services.len()),
        ("lightpaths", summary.lightpaths, report.lightpaths.len()),
        ("lightpaths_100ge", summary.lightpaths_100ge, transparent),
        ("groomouts", summary.groomouts, report.groomouts.len()),
        ("leftover_services", summary.leftover_services, left_services),
        ("leftover_groomouts", summary.leftover_groomouts, left_groomouts),
        ("mp2x", summary.mp2x, cards(CardKind::Mp2x)),
        ("tp1h", summary.tp1h, cards(CardKind::Tp1h)),
        ("mp1h", summary.mp1h, cards(CardKind::Mp1h)),
    ] {
        if says as usize != is {
            found.add("SUMMARY", figure, format!("says {says}, is {is}"));
        }
    }
    let rate: f64 = report.lightpaths.iter().map(|lightpath| lightpath.rate_gbps).sum();
    if (summary.rate_gbps - rate).abs() > TOLERANCE_GBPS * rate.max(1.0) {
        found.add("SUMMARY", "rate_gbps", format!("says {}, is {rate}", summary.rate_gbps));
    }
    let mean = if report.lightpaths.is_empty() { 0.0 } else { rate / report.lightpaths.len() as f64 };
    if (summary.mean_rate_gbps - mean).abs() > TOLERANCE_GBPS * mean.max(1.0) {
        found.add("SUMMARY", "mean_rate_gbps", format!("says {}, is {mean}", summary.mean_rate_gbps));
    }
}
