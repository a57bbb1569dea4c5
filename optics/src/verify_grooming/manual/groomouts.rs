//! Rules 1 to 5: what is inside a 10G line.

use std::collections::BTreeMap;

use super::{Case, Found, Rule, SubDemand, TOLERANCE_GBPS, rate, same};
use crate::grooming::{LINE_CLIENTS, LINE_GBPS};
use crate::manual_grooming::{ManualGroomout, service_type};
use crate::traffic::ServiceType;

/// Most FE clients of a line of a PS6X.
const PS6X_FAST_ETHERNET: usize = 14;

pub(super) fn check(case: &Case<'_>, found: &mut Found) {
    for (matrix, groomed) in case.groomed() {
        let mut holder: BTreeMap<&str, &str> = BTreeMap::new();
        for (id, demand) in &groomed.low_rate_grooming_result.demands {
            let own = case.demand(matrix, id);
            check_ends(matrix, id, [&demand.source, &demand.destination], own, found);
            for (id, groomout) in &demand.groomouts {
                check_groomout(id, groomout, own, found);
                for client in &groomout.service_id_list {
                    if let Some(other) = holder.insert(&client.id, id) {
                        let detail = format!("service {} of {matrix} is in {other} already", client.id);
                        found.add(Rule::GroomoutServiceTwice, id, detail);
                    }
                }
            }
        }
    }
}

fn check_ends(matrix: &str, id: &str, ends: [&String; 2], own: Option<&SubDemand<'_>>, found: &mut Found) {
    match own {
        None => found.add(Rule::GroomoutEnds, id, format!("sub-matrix {matrix} has no such demand")),
        Some(own) if own.ends != ends => {
            let detail = format!("groomouts from {} to {}, the demand is {:?}", ends[0], ends[1], own.ends);
            found.add(Rule::GroomoutEnds, id, detail);
        }
        Some(_) => {}
    }
}

fn check_groomout(id: &str, groomout: &ManualGroomout, own: Option<&SubDemand<'_>>, found: &mut Found) {
    let takes: fn(ServiceType) -> bool = match groomout.kind.as_str() {
        "MP2X" => |kind| kind.rate_gbps() < LINE_GBPS,
        "PS6X" => |kind| matches!(kind, ServiceType::FastEthernet | ServiceType::GigabitEthernet),
        other => {
            found.add(Rule::GroomoutType, id, format!("`{other}` makes no 10G lines"));
            |_| true
        }
    };
    let mut sum = 0.0;
    let mut fast_ethernet = 0;
    for client in &groomout.service_id_list {
        let says = service_type(&client.kind);
        // of a demand that does not exist the groomout's own word is all there is
        let kind = match own.map(|own| own.services.get(client.id.as_str())) {
            None => says,
            Some(Some(kind)) => *kind,
            Some(None) => {
                found.add(Rule::GroomoutType, id, format!("service {} is not of its demand", client.id));
                says
            }
        };
        let card = &groomout.kind;
        match kind {
            None => {
                found.add(Rule::GroomoutType, id, format!("service {} is of no type that exists", client.id));
            }
            Some(kind) if !takes(kind) => {
                found.add(Rule::GroomoutType, id, format!("service {}: {kind:?} on {card}", client.id));
            }
            Some(kind) if says.is_none_or(|says| !same(says.rate_gbps(), kind.rate_gbps())) => {
                let detail = format!("service {} is {kind:?}, not {}", client.id, client.kind);
                found.add(Rule::GroomoutType, id, detail);
            }
            Some(_) => {}
        }
        fast_ethernet += usize::from(kind == Some(ServiceType::FastEthernet));
        sum += rate(kind);
    }
    if sum > LINE_GBPS + TOLERANCE_GBPS || groomout.capacity > LINE_GBPS + TOLERANCE_GBPS {
        let detail = format!("{} Gb/s said, {sum} carried, {LINE_GBPS} possible", groomout.capacity);
        found.add(Rule::GroomoutCapacity, id, detail);
    }
    let clients = groomout.service_id_list.len();
    if clients > LINE_CLIENTS || groomout.kind == "PS6X" && fast_ethernet > PS6X_FAST_ETHERNET {
        let detail =
            format!("{clients} clients, {fast_ethernet} of them FE, on a line of a {}", groomout.kind);
        found.add(Rule::GroomoutCapacity, id, detail);
    }
    if !same(sum, groomout.capacity) {
        let detail = format!("says {} Gb/s, carries {sum}", groomout.capacity);
        found.add(Rule::GroomoutSum, id, detail);
    }
}
