//! The grooming table: how the services of each demand travel.

use std::collections::BTreeMap;

use optics::grooming::{Section, ServiceCount, SplitRow, SplitService, TableRow};
use optics::traffic::{Demand, ServiceType, TrafficMatrix};

use super::derived::Derived;

/// A row for each demand that has services.
pub fn rows(traffic: &TrafficMatrix, derived: &Derived) -> Vec<TableRow> {
    let split: BTreeMap<(&str, &str), &SplitService> = derived
        .mapping
        .iter()
        .map(|split| ((split.demand.as_str(), split.service.as_str()), split))
        .collect();
    let packed: BTreeMap<&str, &Demand> =
        derived.demands().map(|demand| (demand.id.as_str(), demand)).collect();
    let demands = traffic.demands.iter().filter(|demand| !demand.services.is_empty());
    demands.map(|demand| row(demand, &split, &packed)).collect()
}

fn row(
    demand: &Demand,
    split: &BTreeMap<(&str, &str), &SplitService>,
    packed: &BTreeMap<&str, &Demand>,
) -> TableRow {
    let mut end_to_end: Vec<ServiceCount> = Vec::new();
    let mut alike: Vec<SplitRow> = Vec::new();
    for group in &demand.services {
        for id in &group.ids {
            match split.get(&(demand.id.as_str(), id.as_str())) {
                None => count_whole(&mut end_to_end, group.kind),
                Some(split) => count_split(&mut alike, group.kind, sections(demand, split, packed)),
            }
        }
    }
    TableRow { demand: demand.id.clone(), a: demand.a.clone(), b: demand.b.clone(), end_to_end, split: alike }
}

fn count_whole(entries: &mut Vec<ServiceCount>, kind: ServiceType) {
    match entries.iter_mut().find(|entry| entry.kind == kind) {
        Some(entry) => entry.count += 1,
        None => entries.push(ServiceCount { kind, count: 1 }),
    }
}

fn count_split(rows: &mut Vec<SplitRow>, kind: ServiceType, sections: Vec<Section>) {
    match rows.iter_mut().find(|row| row.kind == kind && row.sections == sections) {
        Some(row) => row.count += 1,
        None => rows.push(SplitRow { kind, count: 1, sections }),
    }
}

/// Where a split service travels, from its demand's `a` on.
fn sections(demand: &Demand, split: &SplitService, packed: &BTreeMap<&str, &Demand>) -> Vec<Section> {
    let mut at = &demand.a;
    split
        .pieces
        .iter()
        .filter_map(|piece| {
            let own = packed.get(piece.demand.as_str())?;
            let from = at;
            at = if own.a == *at { &own.b } else { &own.a };
            Some(Section {
                matrix: piece.matrix.clone(),
                demand: piece.demand.clone(),
                a: from.clone(),
                b: at.clone(),
            })
        })
        .collect()
}
