//! Rules 6 to 9: what is inside a lightpath and what is not; and that every service is somewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Found, Rule, SubDemand, TOLERANCE_GBPS, rate, same};
use crate::grooming::LINE_GBPS;
use crate::manual_grooming::{ManualGroomout, ManualLightpath, MatrixGrooming, service_type};
use crate::traffic::ServiceType;

/// The lightpath with one 10G client on a wavelength of its own.
const NON_COHERENT: &str = "10NonCoherent";

pub(super) fn check(case: &Case<'_>, found: &mut Found) {
    for (matrix, groomed) in case.groomed() {
        let groomouts: BTreeMap<&str, (&ManualGroomout, &str)> = groomed
            .low_rate_grooming_result
            .demands
            .iter()
            .flat_map(|(demand, own)| {
                own.groomouts.iter().map(move |(id, groomout)| (id.as_str(), (groomout, demand.as_str())))
            })
            .collect();
        // whether it is a groomout, and its id
        let mut holder: BTreeMap<(bool, &str), &str> = BTreeMap::new();
        for (id, lightpath) in &groomed.lightpaths {
            let own = case.demand(matrix, &lightpath.demand_id);
            check_lightpath(id, lightpath, own, &groomouts, found);
            for client in &lightpath.service_id_list {
                if let Some(other) = holder.insert((client.kind == "groomout", &client.id), id) {
                    let detail = format!("{} {} is in {other} already", client.kind, client.id);
                    found.add(Rule::LightpathClientTwice, id, detail);
                }
            }
        }
        check_leftovers(groomed, &groomouts, &holder, found);
        check_lost(case, matrix, groomed, &holder, found);
    }
    for id in case.matrices.keys().filter(|id| !case.grooming.traffic.contains_key(**id)) {
        if case.matrices[id].values().any(|demand| !demand.services.is_empty()) {
            found.add(Rule::ServiceLost, id, "the sub-matrix has services, and no result");
        }
    }
}

/// What a lightpath can carry in Gb/s; none for a routing type that does not exist.
fn line_rate(routing_type: &str) -> Option<f64> {
    match routing_type {
        "40GE" => Some(40.0),
        "100GE" | "GE100" => Some(100.0),
        "200GE" => Some(200.0),
        "400GE" => Some(400.0),
        NON_COHERENT => Some(10.0),
        _ => None,
    }
}

fn check_lightpath(
    id: &str,
    lightpath: &ManualLightpath,
    own: Option<&SubDemand<'_>>,
    groomouts: &BTreeMap<&str, (&ManualGroomout, &str)>,
    found: &mut Found,
) {
    match own {
        None => {
            let detail = format!("demand {} does not exist in the sub-matrix", lightpath.demand_id);
            found.add(Rule::LightpathEnds, id, detail);
        }
        Some(own) => {
            let mut ends = [lightpath.source.as_str(), lightpath.destination.as_str()];
            if own.ends != ends {
                ends.reverse();
            }
            if own.ends != ends {
                let detail = format!("from {} to {}, its demand is {:?}", ends[0], ends[1], own.ends);
                found.add(Rule::LightpathEnds, id, detail);
            }
        }
    }
    let non_coherent = lightpath.routing_type == NON_COHERENT;
    let (mut sum, mut ports) = (0.0, 0.0);
    for client in &lightpath.service_id_list {
        if client.kind == "groomout" {
            match groomouts.get(client.id.as_str()) {
                Some((groomout, demand)) => {
                    if *demand != lightpath.demand_id {
                        let detail = format!("groomout {} is of demand {demand}", client.id);
                        found.add(Rule::LightpathType, id, detail);
                    }
                    sum += groomout.capacity;
                }
                None => {
                    found.add(Rule::LightpathType, id, format!("groomout {} does not exist", client.id));
                }
            }
            ports += LINE_GBPS;
            continue;
        }
        let says = client.normal_service_type.as_deref().and_then(service_type);
        let kind = match own.map(|own| own.services.get(client.id.as_str())) {
            None => says,
            Some(Some(kind)) => *kind,
            Some(None) => {
                found.add(Rule::LightpathType, id, format!("service {} is not of its demand", client.id));
                says
            }
        };
        let takes = |kind| match kind {
            ServiceType::TenGigabitEthernet | ServiceType::Stm64 => true,
            ServiceType::HundredGigabitEthernet => !non_coherent,
            _ => false,
        };
        let differs = client.normal_service_type.is_some() && says != kind;
        if client.kind != "normal" || !kind.is_some_and(takes) || differs {
            let says = client.normal_service_type.as_deref().unwrap_or("nothing");
            let detail = format!(
                "{} {} of type {kind:?}, which it says is {says}, in a lightpath of {}",
                client.kind, client.id, lightpath.routing_type
            );
            found.add(Rule::LightpathType, id, detail);
        }
        sum += rate(kind);
        ports += rate(kind).max(LINE_GBPS);
    }
    let most = line_rate(&lightpath.routing_type).unwrap_or_else(|| {
        found.add(Rule::LightpathCapacity, id, format!("`{}` is no line rate", lightpath.routing_type));
        f64::INFINITY
    });
    if sum > most + TOLERANCE_GBPS || lightpath.capacity > most + TOLERANCE_GBPS {
        let detail = format!("{} Gb/s said, {sum} carried, {most} possible", lightpath.capacity);
        found.add(Rule::LightpathCapacity, id, detail);
    } else if ports > most + TOLERANCE_GBPS {
        let clients = lightpath.service_id_list.len();
        found.add(Rule::LightpathCapacity, id, format!("{clients} clients, a port of 10 Gb/s for each"));
    }
    if !same(sum, lightpath.capacity) {
        let detail = format!("says {} Gb/s, carries {sum}", lightpath.capacity);
        found.add(Rule::LightpathCapacity, id, detail);
    }
}

/// Rule 9.
fn check_leftovers(
    groomed: &MatrixGrooming,
    groomouts: &BTreeMap<&str, (&ManualGroomout, &str)>,
    holder: &BTreeMap<(bool, &str), &str>,
    found: &mut Found,
) {
    let mut inside_lit: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, (groomout, _)) in groomouts {
        if let Some(lightpath) = holder.get(&(true, *id)) {
            inside_lit.extend(groomout.service_id_list.iter().map(|client| (client.id.as_str(), *lightpath)));
        }
    }
    let services = groomed
        .remaining_services
        .demands
        .values()
        .flat_map(BTreeMap::values)
        .flat_map(|group| &group.service_id_list);
    for service in services {
        let service = service.as_str();
        if let Some(lightpath) = holder.get(&(false, service)).or_else(|| inside_lit.get(service)) {
            found.add(Rule::LeftoverCarried, service, format!("is left over, and in lightpath {lightpath}"));
        }
    }
    for groomout in groomed.remaining_groomouts.demands.values().flatten() {
        let id = groomout.as_str();
        let says = groomouts.get(id).and_then(|(groomout, _)| groomout.lightpath_id.as_deref());
        if let Some(lightpath) = holder.get(&(true, id)).copied().or(says) {
            found.add(Rule::LeftoverCarried, id, format!("is left over, and in lightpath {lightpath}"));
        }
    }
}

/// Every service of the sub-matrix is in a lightpath, a groomout or left over.
fn check_lost(
    case: &Case<'_>,
    matrix: &str,
    groomed: &MatrixGrooming,
    holder: &BTreeMap<(bool, &str), &str>,
    found: &mut Found,
) {
    let in_groomouts = groomed
        .low_rate_grooming_result
        .demands
        .values()
        .flat_map(|demand| demand.groomouts.values())
        .flat_map(|groomout| groomout.service_id_list.iter().map(|client| client.id.as_str()));
    let left = groomed
        .remaining_services
        .demands
        .values()
        .flat_map(BTreeMap::values)
        .flat_map(|group| group.service_id_list.iter().map(String::as_str));
    let lit = holder.keys().filter(|(groomout, _)| !groomout).map(|(_, id)| *id);
    let somewhere: BTreeSet<&str> = in_groomouts.chain(left).chain(lit).collect();
    for (demand, own) in case.matrices.get(matrix).into_iter().flatten() {
        for service in own.services.keys().filter(|service| !somewhere.contains(*service)) {
            let detail = format!("of demand {demand} in sub-matrix {matrix} is nowhere");
            found.add(Rule::ServiceLost, service, detail);
        }
    }
}
