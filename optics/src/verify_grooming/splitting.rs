//! Whether what was packed is what was given: every service whole or in pieces that lead from end to end, under
//! conditions at least as strict; clusters and connections as they say.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Found};
use crate::clusters::{MAIN, validate_clusters};
use crate::finding::Finding;
use crate::grooming::{Connection, SplitService, SubMatrix};
use crate::topology::{Link, NodeKind, Topology};
use crate::traffic::{Demand, Disjointness, Protection, Restoration, ServiceType};

pub(super) fn check(case: &Case<'_>, topology: &Topology, found: &mut Found) {
    let report = case.report;
    if report.matrices.is_empty() {
        if !report.mapping.is_empty() || !report.connections.is_empty() {
            found.add(
                "MATRIX",
                "matrices",
                "services are mapped or ride on connections, and there is no matrix",
            );
        }
        return;
    }
    let set = crate::clusters::ClusterSet { clusters: report.clusters.clone() };
    for finding in validate_clusters(&set, topology).iter().filter(|finding| Finding::is_error(finding)) {
        found.add("MATRIX", &finding.pointer, &finding.detail);
    }
    let amplifying: BTreeSet<&str> = topology
        .nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Ila)
        .map(|node| node.id.as_str())
        .collect();
    check_matrices(case, &amplifying, found);
    check_services(case, found);
    check_connections(case, topology, found);
}

fn check_matrices(case: &Case<'_>, amplifying: &BTreeSet<&str>, found: &mut Found) {
    let mut ids = BTreeSet::new();
    let mut demands = BTreeSet::new();
    let mut services = BTreeSet::new();
    for SubMatrix { id, demands: own } in &case.report.matrices {
        if !ids.insert(id) {
            found.add("MATRIX", id, "is there twice");
        }
        let cluster = case.report.clusters.iter().find(|cluster| cluster.id == *id);
        if cluster.is_none() && id != MAIN {
            found.add("MATRIX", id, "is neither main nor that of a cluster");
        }
        for demand in own {
            if !demands.insert(&demand.id) {
                found.add("MATRIX", &demand.id, "two demands have this id");
            }
            for end in [&demand.a, &demand.b] {
                if amplifying.contains(end.as_str()) {
                    found.add(
                        "MATRIX",
                        &demand.id,
                        format!("nothing can end at {end}, which only amplifies"),
                    );
                }
                if cluster.is_some_and(|cluster| !cluster.has(end)) {
                    found.add("MATRIX", &demand.id, format!("{end} is not in cluster {id}"));
                }
            }
            for service in demand.services.iter().flat_map(|group| &group.ids) {
                if !services.insert(service) {
                    found.add("SPLIT_SERVICE", service, "is in two packed demands");
                }
            }
        }
    }
}

fn check_services(case: &Case<'_>, found: &mut Found) {
    let split: BTreeMap<(&str, &str), &SplitService> = case
        .report
        .mapping
        .iter()
        .map(|split| ((split.demand.as_str(), split.service.as_str()), split))
        .collect();
    if split.len() != case.report.mapping.len() {
        found.add("SPLIT_SERVICE", "mapping", "a service is mapped twice");
    }
    let matrix_of: BTreeMap<&str, &str> = case
        .report
        .matrices
        .iter()
        .flat_map(|matrix| matrix.demands.iter().map(|own| (own.id.as_str(), matrix.id.as_str())))
        .collect();
    let mut known = BTreeSet::new();
    let mut mapped = 0;
    for demand in &case.original.demands {
        if demand.rate_ab_gbps.is_some() || demand.rate_ba_gbps.is_some() {
            let packed = case.demands.get(demand.id.as_str());
            if packed.is_none_or(|packed| {
                packed.rate_ab_gbps != demand.rate_ab_gbps || packed.rate_ba_gbps != demand.rate_ba_gbps
            }) {
                found.add("SPLIT_SERVICE", &demand.id, "its rate is not packed");
            }
        }
        for group in &demand.services {
            for id in &group.ids {
                match split.get(&(demand.id.as_str(), id.as_str())) {
                    None => {
                        known.insert(id.as_str());
                        check_whole(case, demand, id, group.kind, found);
                    }
                    Some(split) => {
                        mapped += 1;
                        known.extend(split.pieces.iter().map(|piece| piece.service.as_str()));
                        check_pieces(case, demand, split, group.kind, &matrix_of, found);
                    }
                }
            }
        }
    }
    if mapped != split.len() {
        found.add("SPLIT_SERVICE", "mapping", "names a service that no demand has");
    }
    let pieces: usize = case.report.mapping.iter().map(|split| split.pieces.len()).sum();
    let distinct: BTreeSet<&str> = case
        .report
        .mapping
        .iter()
        .flat_map(|split| split.pieces.iter().map(|piece| piece.service.as_str()))
        .collect();
    if pieces != distinct.len() {
        found.add("SPLIT_SERVICE", "mapping", "two pieces have the same id");
    }
    for service in case.services.keys().filter(|service| !known.contains(*service)) {
        found.add("SPLIT_SERVICE", service, "is packed, and neither a service of the traffic nor a piece");
    }
}

/// A service in one piece is in a packed demand with the ends of its own.
fn check_whole(case: &Case<'_>, demand: &Demand, id: &str, kind: ServiceType, found: &mut Found) {
    let Some((there, packed)) = case.services.get(id) else {
        found.add("SPLIT_SERVICE", id, format!("of demand {} is not packed", demand.id));
        return;
    };
    let Some(packed) = case.demands.get(packed) else { return };
    let ends = [&packed.a, &packed.b];
    if *there != kind || ends != [&demand.a, &demand.b] && ends != [&demand.b, &demand.a] {
        found.add("SPLIT_SERVICE", id, format!("has other ends or another type in demand {}", packed.id));
    }
    check_conditions(demand, packed, id, found);
}

/// Pieces lead from `a` to `b`, in order and of the type of the service.
fn check_pieces(
    case: &Case<'_>,
    demand: &Demand,
    split: &SplitService,
    kind: ServiceType,
    matrix_of: &BTreeMap<&str, &str>,
    found: &mut Found,
) {
    let mut at = demand.a.as_str();
    for piece in &split.pieces {
        let Some(packed) = case.demands.get(piece.demand.as_str()) else {
            found.add("SPLIT_CHAIN", &piece.service, format!("demand {} does not exist", piece.demand));
            return;
        };
        if matrix_of.get(piece.demand.as_str()) != Some(&piece.matrix.as_str()) {
            found.add("SPLIT_CHAIN", &piece.service, format!("is not in matrix {}", piece.matrix));
        }
        if case.services.get(piece.service.as_str()) != Some(&(kind, piece.demand.as_str())) {
            let detail = format!("is no service of type {kind:?} of demand {}", piece.demand);
            found.add("SPLIT_SERVICE", &piece.service, detail);
        }
        at = if packed.a == at {
            &packed.b
        } else if packed.b == at {
            &packed.a
        } else {
            found.add("SPLIT_CHAIN", &piece.service, format!("does not begin at {at}"));
            return;
        };
        check_conditions(demand, packed, &piece.service, found);
    }
    if at != demand.b || split.pieces.is_empty() {
        found.add("SPLIT_CHAIN", &split.service, format!("its pieces end at {at}, not at {}", demand.b));
    }
}

/// What a packed demand asks for is no less than what the demand of a service in it does.
fn check_conditions(demand: &Demand, packed: &Demand, service: &str, found: &mut Found) {
    let protection = |demand: &Demand| match demand.protection {
        Protection::None => 0,
        Protection::OnePlusOne { disjoint: Disjointness::Link, .. } => 1,
        Protection::OnePlusOne { disjoint: Disjointness::Node, .. } => 2,
        Protection::OnePlusOne { disjoint: Disjointness::Srlg, .. } => 3,
    };
    let restoration = |demand: &Demand| match demand.restoration {
        Restoration::None => 0,
        Restoration::Basic => 1,
        Restoration::Advanced => 2,
    };
    let within = |part: &[String], whole: &[String]| part.iter().all(|item| whole.contains(item));
    if protection(packed) < protection(demand)
        || restoration(packed) < restoration(demand)
        || packed.priority < demand.priority
        || !within(&demand.exclude_nodes, &packed.exclude_nodes)
        || !within(&demand.exclude_links, &packed.exclude_links)
    {
        let detail = format!("demand {} asks for less than its own demand {}", packed.id, demand.id);
        found.add("SPLIT_CONDITIONS", service, detail);
    }
}

fn check_connections(case: &Case<'_>, topology: &Topology, found: &mut Found) {
    let links: BTreeMap<&str, &Link> = topology.links.iter().map(|link| (link.id.as_str(), link)).collect();
    // who rides in each packed demand, by the mapping and by services that are whole
    let mut riders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Connection { demand, nodes, links: route, carries } in &case.report.connections {
        let Some(packed) = case.demands.get(demand.as_str()) else {
            found.add("CONNECTION", demand, "stands for a connection, and is not packed");
            continue;
        };
        let ends = [nodes.first(), nodes.last()];
        if ends != [Some(&packed.a), Some(&packed.b)] && ends != [Some(&packed.b), Some(&packed.a)] {
            found.add("CONNECTION", demand, format!("its connection runs along {nodes:?}"));
        }
        let joins = |(hop, id): (&[String], &String)| {
            links.get(id.as_str()).is_some_and(|link| {
                [&link.a, &link.b] == [&hop[0], &hop[1]] || [&link.b, &link.a] == [&hop[0], &hop[1]]
            })
        };
        let routed = nodes.len() == route.len() + 1 && nodes.windows(2).zip(route).all(joins);
        if !(routed || route.is_empty() && nodes.len() == 2) {
            found.add("CONNECTION", demand, format!("links {route:?} do not join {nodes:?}"));
        }
        riders.entry(demand).or_default().extend(carries.iter().map(String::as_str));
    }
    for split in &case.report.mapping {
        for piece in &split.pieces {
            let own = riders.get(piece.demand.as_str());
            if own.is_some_and(|riders| !riders.contains(split.demand.as_str())) {
                let detail = format!("demand {} rides on it, and is not listed", split.demand);
                found.add("CONNECTION", &piece.demand, detail);
            }
        }
    }
}
