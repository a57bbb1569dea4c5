//! Whether requests, table and key figures say what the lightpaths say.

use std::collections::BTreeMap;

use super::{Case, Found, TOLERANCE_GBPS, same};
use crate::grooming::{CardKind, LightpathKind, SplitService};
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
            && same(request.capacity_gbps, case.capacity_gbps(lightpath.kind))
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
    let split: BTreeMap<(&str, &str), &SplitService> = case
        .report
        .mapping
        .iter()
        .map(|split| ((split.demand.as_str(), split.service.as_str()), split))
        .collect();
    for demand in case.original.demands.iter().filter(|demand| !demand.services.is_empty()) {
        let Some(row) = rows.remove(demand.id.as_str()) else {
            found.add("TABLE", &demand.id, "has no row");
            continue;
        };
        let mut counts: BTreeMap<ServiceType, i64> = BTreeMap::new();
        let mut sections: BTreeMap<(ServiceType, &str), i64> = BTreeMap::new();
        for group in &demand.services {
            for id in &group.ids {
                match split.get(&(demand.id.as_str(), id.as_str())) {
                    None => *counts.entry(group.kind).or_default() += 1,
                    Some(split) => {
                        for piece in &split.pieces {
                            *sections.entry((group.kind, piece.demand.as_str())).or_default() += 1;
                        }
                    }
                }
            }
        }
        for entry in &row.end_to_end {
            *counts.entry(entry.kind).or_default() -= i64::from(entry.count);
        }
        if row.a != demand.a || row.b != demand.b || counts.values().any(|&difference| difference != 0) {
            found.add("TABLE", &demand.id, "its row has other ends or other numbers of services");
        }
        for alike in &row.split {
            let mut at = demand.a.as_str();
            for section in &alike.sections {
                *sections.entry((alike.kind, section.demand.as_str())).or_default() -= i64::from(alike.count);
                let ends = case.demands.get(section.demand.as_str()).map(|own| [&own.a, &own.b]);
                let there = [&section.a, &section.b];
                if section.a != at || ends.is_none_or(|[a, b]| there != [a, b] && there != [b, a]) {
                    found.add(
                        "TABLE",
                        &demand.id,
                        format!("its section in {} has other ends", section.demand),
                    );
                }
                at = &section.b;
            }
            if at != demand.b {
                found.add("TABLE", &demand.id, format!("its sections end at {at}"));
            }
        }
        if sections.values().any(|&difference| difference != 0) {
            found.add("TABLE", &demand.id, "its sections have other numbers of services than the mapping");
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
    let services =
        case.original.demands.iter().flat_map(|demand| &demand.services).map(|group| group.ids.len()).sum();
    let left_services: usize =
        report.leftovers.iter().flat_map(|l| &l.services).map(|group| group.ids.len()).sum();
    let left_groomouts: usize = report.leftovers.iter().map(|l| l.groomouts.len()).sum();
    let transparent = report.lightpaths.iter().filter(|l| l.kind == LightpathKind::Tp1h).count();
    for (figure, says, is) in [
        ("demands", summary.demands, case.original.demands.len()),
        ("services", summary.services, services),
        ("split_services", summary.split_services, report.mapping.len()),
        ("pieces", summary.pieces, report.mapping.iter().map(|split| split.pieces.len()).sum()),
        ("racks", summary.racks, report.nodes.iter().map(|node| node.racks as usize).sum()),
        ("shelves", summary.shelves, report.nodes.iter().map(|node| node.shelves as usize).sum()),
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
