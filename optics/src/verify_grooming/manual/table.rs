//! Rule 13: the grooming table says what the mapping says.

use std::collections::BTreeMap;

use super::mapping::{Pieces, pieces};
use super::{Case, Found, Rule, SubDemand};
use crate::manual_grooming::{ManualRow, TableEntry, service_type};
use crate::traffic::ServiceType;

/// How many services of a type travel in a demand; of sections also in which sub-matrix's.
type Counts<'a> = BTreeMap<(&'a str, Option<ServiceType>), i128>;

pub(super) fn check(case: &Case<'_>, found: &mut Found) {
    let Some(table) = &case.grooming.grooming_table else {
        if case.grooming.clustered_tms.is_some() {
            found.add(Rule::Table, "grooming_table", "is missing");
        }
        return;
    };
    let pieces = pieces(case);
    for demand in &case.traffic.demands {
        match table.demands.get(&demand.id) {
            Some(row) => check_row(case, &demand.id, row, &pieces, found),
            None if demand.services.is_empty() => {} // given by a rate
            None => found.add(Rule::Table, &demand.id, "has no row"),
        }
    }
    for id in table.demands.keys().filter(|id| !case.original.contains_key(id.as_str())) {
        found.add(Rule::Table, id, "has a row, but is no demand");
    }
}

fn check_row<'a>(case: &Case<'a>, id: &'a str, row: &'a ManualRow, pieces: &Pieces<'a>, found: &mut Found) {
    let own = &case.original[id];
    let says = [row.source.as_deref(), row.destination.as_deref()];
    for (says, is) in says.iter().zip(own.ends).filter_map(|(says, is)| Some(((*says)?, is))) {
        if says != is {
            found.add(Rule::Table, id, format!("has an end at `{says}`, the demand at `{is}`"));
        }
    }
    let mut end_to_end: Counts<'_> = BTreeMap::new();
    let mut sections: Counts<'_> = BTreeMap::new();
    for (service, kind) in &own.services {
        match pieces.get(&(id, *service)) {
            None => *end_to_end.entry((id, *kind)).or_default() += 1,
            Some(pieces) => {
                for (_, demand, _) in pieces {
                    *sections.entry((demand, *kind)).or_default() += 1;
                }
            }
        }
    }
    compare(id, "end to end", &row.end_to_ends, end_to_end, found);
    compare(id, "in sections", &row.splitted_sections, sections, found);
    for entry in &row.end_to_ends {
        check_ends(id, entry, own, found);
    }
    for entry in &row.splitted_sections {
        let mut demands = case.matrices.values().filter_map(|demands| demands.get(entry.demand_id.as_str()));
        if let Some(own) = demands.next() {
            check_ends(id, entry, own, found);
        }
    }
}

fn compare<'a>(id: &str, what: &str, entries: &'a [TableEntry], mut counts: Counts<'a>, found: &mut Found) {
    for TableEntry { demand_id, traffic, .. } in entries {
        *counts.entry((demand_id, service_type(&traffic.kind))).or_default() -= i128::from(traffic.count);
    }
    for ((demand, kind), difference) in counts.into_iter().filter(|(_, difference)| *difference != 0) {
        let (few, many) = if difference > 0 { (difference, "more") } else { (-difference, "fewer") };
        let detail = format!("{few} {many} of {kind:?} travel {what} in demand {demand} than it says");
        found.add(Rule::Table, id, detail);
    }
}

/// The ends that an entry gives are those of the demand it names.
fn check_ends(id: &str, entry: &TableEntry, own: &SubDemand<'_>, found: &mut Found) {
    let (source, destination) = (entry.source.as_deref(), entry.destination.as_deref());
    let is = |ends: [&str; 2]| {
        source.is_none_or(|source| source == ends[0]) && destination.is_none_or(|end| end == ends[1])
    };
    // a section may be told in the direction of travel
    if !is(own.ends) && !is([own.ends[1], own.ends[0]]) {
        let detail = format!("its entry for demand {} has ends {source:?}, {destination:?}", entry.demand_id);
        found.add(Rule::Table, id, detail);
    }
}
