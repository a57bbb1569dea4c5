//! Whether a traffic matrix is one, and whether a topology has what it names.

use std::collections::{BTreeMap, BTreeSet};

use super::{MAX_DEMANDS, MAX_ID_BYTES, MAX_RATE_GBPS, MAX_SERVICES, check_amount, check_id, too_many};
use crate::finding::{Finding, Findings};
use crate::topology::{Node, NodeKind, Topology};
use crate::traffic::{Demand, Protection, TrafficMatrix};

/// Everything wrong with a traffic matrix in itself. Usable if none [is an error](Finding::is_error).
#[must_use]
pub fn validate_traffic(traffic: &TrafficMatrix) -> Vec<Finding> {
    let mut found = Findings::default();
    if traffic.demands.is_empty() {
        found.note("NO_DEMANDS", "/demands", "nothing is asked for: the plan will be empty");
    }
    too_many(&mut found, "/demands", traffic.demands.len(), MAX_DEMANDS);
    let services: usize = traffic.demands.iter().flat_map(|d| &d.services).map(|g| g.ids.len()).sum();
    too_many(&mut found, "/demands", services, MAX_SERVICES);
    let mut ids = BTreeSet::new();
    let mut service_ids = BTreeSet::new();
    for (i, demand) in traffic.demands.iter().enumerate() {
        let at = format!("/demands/{i}");
        check_id(&mut found, &format!("{at}/id"), &demand.id);
        if !ids.insert(demand.id.as_str()) {
            found.error(
                "DUPLICATE_ID",
                format!("{at}/id"),
                format!("demand `{}` is there already", demand.id),
            );
        }
        check_demand(&mut found, &at, demand);
        for (j, group) in demand.services.iter().enumerate() {
            for (k, id) in group.ids.iter().enumerate() {
                let at = || format!("{at}/services/{j}/ids/{k}");
                if id.is_empty() || id.len() > MAX_ID_BYTES {
                    check_id(&mut found, &at(), id);
                }
                if !service_ids.insert(id.as_str()) {
                    found.error("DUPLICATE_ID", at(), format!("service `{id}` is there already"));
                }
            }
        }
    }
    found.into_vec()
}

fn check_demand(found: &mut Findings, at: &str, demand: &Demand) {
    if demand.a == demand.b {
        found.error("SELF_DEMAND", at, format!("demand `{}` begins and ends at `{}`", demand.id, demand.a));
    }
    check_amount(found, &format!("{at}/rate_ab_gbps"), demand.rate_ab_gbps, MAX_RATE_GBPS);
    check_amount(found, &format!("{at}/rate_ba_gbps"), demand.rate_ba_gbps, MAX_RATE_GBPS);
    check_amount(found, &format!("{at}/max_latency_us"), demand.max_latency_us, 1e9);
    if demand.min_margin_db.is_some_and(|db| !db.is_finite()) {
        found.error("NUMBER", format!("{at}/min_margin_db"), "must be a finite number");
    }
    if let Protection::OnePlusOne { differential_delay_us, .. } = &demand.protection {
        check_amount(found, &format!("{at}/protection/differential_delay_us"), *differential_delay_us, 1e9);
    }
    let rated = demand.rate_ab_gbps.is_some() || demand.rate_ba_gbps.is_some();
    if rated && !demand.services.is_empty() {
        found.error(
            "RATE_AND_SERVICES",
            at,
            format!("demand `{}` gives both rates and services; it may give one of them", demand.id),
        );
    }
    if !rated && demand.services.is_empty() {
        found.note("NO_RATE", at, format!("demand `{}` has neither a rate nor services", demand.id));
    }
}

/// Everything that keeps a traffic matrix from being planned on a topology, beside what is wrong with either of them.
#[must_use]
pub fn validate_traffic_on(traffic: &TrafficMatrix, topology: &Topology) -> Vec<Finding> {
    let mut found = Findings::default();
    let nodes: BTreeMap<&str, &Node> = topology.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let links: BTreeSet<&str> = topology.links.iter().map(|link| link.id.as_str()).collect();
    for (i, demand) in traffic.demands.iter().enumerate() {
        let at = format!("/demands/{i}");
        for (field, end) in [("a", &demand.a), ("b", &demand.b)] {
            match nodes.get(end.as_str()) {
                None => found.error(
                    "UNKNOWN_NODE",
                    format!("{at}/{field}"),
                    format!("demand `{}` ends at `{end}`, which is no node of the topology", demand.id),
                ),
                Some(node) if node.kind == NodeKind::Ila => found.error(
                    "ENDS_AT_ILA",
                    format!("{at}/{field}"),
                    format!("demand `{}` ends at `{end}`, where nothing is added or dropped", demand.id),
                ),
                Some(_) => {}
            }
        }
        for (field, names) in [("include", &demand.include), ("exclude_nodes", &demand.exclude_nodes)] {
            for (j, name) in names.iter().enumerate() {
                if !nodes.contains_key(name.as_str()) {
                    found.error(
                        "UNKNOWN_NODE",
                        format!("{at}/{field}/{j}"),
                        format!("demand `{}` names `{name}`, which is no node of the topology", demand.id),
                    );
                }
                if field == "exclude_nodes"
                    && (*name == demand.a || *name == demand.b || demand.include.contains(name))
                {
                    found.error(
                        "CONTRADICTION",
                        format!("{at}/{field}/{j}"),
                        format!("demand `{}` must visit `{name}` and must not", demand.id),
                    );
                }
            }
        }
        for (j, name) in demand.exclude_links.iter().enumerate() {
            if !links.contains(name.as_str()) {
                found.error(
                    "UNKNOWN_LINK",
                    format!("{at}/exclude_links/{j}"),
                    format!("demand `{}` names `{name}`, which is no link of the topology", demand.id),
                );
            }
        }
    }
    found.into_vec()
}
