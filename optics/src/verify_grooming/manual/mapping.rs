//! Rule 12: which service became which pieces, and back.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Found, Rule, SubDemand};
use crate::manual_grooming::ServiceReference;
use crate::traffic::ServiceType;

/// A service: matrix, demand, id.
type Place<'a> = (&'a str, &'a str, &'a str);

/// The pieces of each original service, by demand and service; also what rule 13 counts.
pub(super) type Pieces<'a> = BTreeMap<(&'a str, &'a str), Vec<Place<'a>>>;

pub(super) fn check(case: &Case<'_>, found: &mut Found) {
    let original = original_id(case);
    let known = |place: Place<'_>| service(case, original, place);
    let mut listed: BTreeMap<Place<'_>, BTreeSet<Place<'_>>> = BTreeMap::new();
    for (place, others) in entries(case) {
        let says = format!("service {} of demand {} in matrix {}", place.2, place.1, place.0);
        if known(place).is_none() {
            found.add(Rule::ServiceMapping, place.2, format!("{says} does not exist"));
        }
        for &other in &others {
            if known(other).is_none() {
                let detail = format!(
                    "{says} is mapped to service `{}` of demand `{}` in matrix `{}`, which does not exist",
                    other.2, other.1, other.0
                );
                found.add(Rule::ServiceMapping, place.2, detail);
            }
        }
        listed.insert(place, others.into_iter().collect());
    }
    for (place, others) in &listed {
        for other in others {
            let back = listed.get(other).is_some_and(|back| back.contains(place));
            if !back && known(*other).is_some() {
                let detail = format!(
                    "is mapped from matrix {} to service {} of matrix {}, which is not mapped back",
                    place.0, other.2, other.0
                );
                found.add(Rule::ServiceMapping, place.2, detail);
            }
        }
    }
    check_chains(case, original, found);
    check_every_service_travels(case, &listed, original, found);
}

/// The id that the mapping has for the original matrix: the one that is no sub-matrix, and that most of it is about.
fn original_id<'a>(case: &Case<'a>) -> &'a str {
    let Some(mapping) = &case.grooming.service_mapping else { return "" };
    mapping
        .traffic_matrices
        .iter()
        .filter(|(id, _)| !case.matrices.contains_key(id.as_str()))
        .max_by_key(|(_, matrix)| {
            matrix.demands.keys().filter(|id| case.original.contains_key(id.as_str())).count()
        })
        .map_or("", |(id, _)| id)
}

/// Every entry of the mapping: a service, and what belongs to it.
fn entries<'a>(case: &Case<'a>) -> impl Iterator<Item = (Place<'a>, Vec<Place<'a>>)> {
    let matrices = case.grooming.service_mapping.iter().flat_map(|mapping| &mapping.traffic_matrices);
    matrices.flat_map(|(matrix, own)| {
        own.demands.iter().flat_map(move |(demand, own)| {
            own.services.iter().map(move |(service, own)| {
                let others = own.traffic_matrices.iter().flat_map(|(matrix, list)| {
                    list.iter().map(move |ServiceReference { demand_id, service_id }| {
                        (matrix.as_str(), demand_id.as_str(), service_id.as_str())
                    })
                });
                ((matrix.as_str(), demand.as_str(), service.as_str()), others.collect())
            })
        })
    })
}

/// The demand and type of a service that exists.
fn service<'c, 'a>(
    case: &'c Case<'a>,
    original: &str,
    (matrix, demand, service): Place<'_>,
) -> Option<(&'c SubDemand<'a>, Option<ServiceType>)> {
    let own = match case.demand(matrix, demand) {
        Some(own) => own,
        None if matrix == original => case.original.get(demand)?,
        None => return None,
    };
    Some((own, *own.services.get(service)?))
}

/// The pieces of every original service that has an entry in the mapping.
pub(super) fn pieces<'a>(case: &Case<'a>) -> Pieces<'a> {
    let original = original_id(case);
    entries(case)
        .filter(|((matrix, _, _), _)| *matrix == original)
        .map(|((_, demand, service), pieces)| ((demand, service), pieces))
        .collect()
}

/// The pieces of a service lead from one end of its demand to the other, and are of its type.
fn check_chains(case: &Case<'_>, original: &str, found: &mut Found) {
    for ((demand, id), pieces) in pieces(case) {
        let Some((own, kind)) = service(case, original, (original, demand, id)) else { continue };
        let there: Vec<_> = pieces.iter().filter_map(|&piece| service(case, original, piece)).collect();
        if there.len() != pieces.len() {
            continue; // said already
        }
        if there.iter().any(|(_, piece)| *piece != kind) {
            found.add(Rule::ServiceMapping, id, format!("of demand {demand} has pieces of other types"));
        }
        let sections: Vec<[&str; 2]> = there.iter().map(|(piece, _)| piece.ends).collect();
        if !is_trail(own.ends, &sections) {
            let detail =
                format!("its pieces {sections:?} do not lead from {} to {}", own.ends[0], own.ends[1]);
            found.add(Rule::ServiceMapping, id, detail);
        }
    }
}

/// Whether `sections`, each used once and in either direction, lead from one end to the other. By Euler: they hang
/// together, and exactly the ends are met an odd number of times.
fn is_trail(ends: [&str; 2], sections: &[[&str; 2]]) -> bool {
    let mut neighbours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for [a, b] in sections {
        neighbours.entry(a).or_default().push(b);
        neighbours.entry(b).or_default().push(a);
    }
    let mut reached = BTreeSet::from([ends[0]]);
    let mut open = vec![ends[0]];
    while let Some(node) = open.pop() {
        for &next in neighbours.get(node).into_iter().flatten() {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    let odd = neighbours.iter().filter(|(_, others)| others.len() % 2 == 1).map(|(node, _)| *node);
    let odd: BTreeSet<&str> = odd.collect();
    !sections.is_empty()
        && neighbours.keys().all(|node| reached.contains(node))
        && odd == BTreeSet::from(ends)
}

/// Every original service is in a sub-matrix or mapped to pieces; every other service of a sub-matrix is a piece.
fn check_every_service_travels(
    case: &Case<'_>,
    listed: &BTreeMap<Place<'_>, BTreeSet<Place<'_>>>,
    original: &str,
    found: &mut Found,
) {
    if case.grooming.clustered_tms.is_none() {
        return;
    }
    let mut whole: BTreeMap<&str, (&str, &str, &SubDemand<'_>)> = BTreeMap::new();
    for (matrix, demands) in &case.matrices {
        for (demand, own) in demands {
            for service in own.services.keys() {
                match listed.get(&(*matrix, *demand, *service)) {
                    Some(others) => {
                        let originals = others.iter().filter(|(matrix, _, _)| *matrix == original).count();
                        if originals != 1 {
                            let detail = format!("of matrix {matrix} is a piece of {originals} services");
                            found.add(Rule::ServiceMapping, service, detail);
                        }
                    }
                    None => {
                        if whole.insert(service, (matrix, demand, own)).is_some() {
                            found.add(Rule::ServiceMapping, service, "is in two places in one piece");
                        }
                    }
                }
            }
        }
    }
    for (demand, own) in &case.original {
        for (service, kind) in &own.services {
            let split = listed.contains_key(&(original, *demand, *service));
            match (split, whole.remove(service)) {
                (false, None) => {
                    let detail = format!("of demand {demand} is in no sub-matrix and not mapped");
                    found.add(Rule::ServiceMapping, service, detail);
                }
                (true, Some((matrix, _, _))) => {
                    let detail = format!("of demand {demand} is split, and whole in matrix {matrix}");
                    found.add(Rule::ServiceMapping, service, detail);
                }
                (false, Some((matrix, other, there))) => {
                    let same_ends = there.ends == own.ends || there.ends == [own.ends[1], own.ends[0]];
                    if !same_ends || there.services.get(service) != Some(kind) {
                        let detail = format!(
                            "of demand {demand} has other ends or type in demand {other} of {matrix}"
                        );
                        found.add(Rule::ServiceMapping, service, detail);
                    }
                }
                (true, None) => {}
            }
        }
    }
    for (service, (matrix, demand, _)) in whole {
        let detail =
            format!("of demand {demand} in matrix {matrix} is no service of the traffic and no piece");
        found.add(Rule::ServiceMapping, service, detail);
    }
}

#[cfg(test)]
mod tests {
    use super::is_trail;

    #[test]
    fn sections_lead_from_end_to_end_in_either_direction() {
        assert!(is_trail(["A", "C"], &[["B", "A"], ["B", "C"]]));
        assert!(is_trail(["A", "C"], &[["A", "C"]]));
        assert!(!is_trail(["A", "C"], &[]));
        assert!(!is_trail(["A", "C"], &[["A", "B"]]));
        assert!(!is_trail(["A", "C"], &[["A", "C"], ["D", "E"], ["E", "D"]]));
        assert!(!is_trail(["A", "C"], &[["A", "B"], ["B", "C"], ["B", "D"]]));
    }
}
