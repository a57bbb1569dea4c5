//! Rule 10: what cards name exists.

use std::collections::BTreeMap;

use super::{Case, Found, Rule};
use crate::manual_grooming::{CardLine, Device, MatrixGrooming};

/// Most channels of a TP2X and of a TPAX.
const CHANNELS: [(&str, u8); 2] = [("TP2X", 2), ("TPAX", 10)];

pub(super) fn check(case: &Case<'_>, found: &mut Found) {
    // sub-matrix and groomout: the cards that carry it
    let mut carriers: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (id, device) in &case.grooming.service_devices {
        match device.panel.as_str() {
            "MP2X" | "PS6X" => {
                let matrix = device.sub_tm_id.as_deref().unwrap_or("");
                let groomed = known_matrix(case, id, matrix, found);
                for line in device.line1.iter().chain(&device.line2) {
                    if let Some(groomed) = groomed {
                        check_line(case, id, device, line, (matrix, groomed), found);
                    }
                    carriers.entry((matrix, &line.groomout_id)).or_default().push(id);
                }
            }
            "MP1H" | "TP1H" => {
                let matrix = device.sub_tm_id.as_deref().unwrap_or("");
                let lightpath = device.lightpath_id.as_deref().unwrap_or("");
                if let Some(groomed) = known_matrix(case, id, matrix, found)
                    && !groomed.lightpaths.contains_key(lightpath)
                {
                    found.add(Rule::CardReference, id, format!("{matrix} has no lightpath `{lightpath}`"));
                }
            }
            "TP2X" | "TPAX" => check_channels(case, id, device, found),
            other => found.add(Rule::CardReference, id, format!("`{other}` is no service card")),
        }
    }
    for ((matrix, groomout), cards) in carriers {
        if cards.len() > 2 {
            let detail = format!("of {matrix} is on the lines {}: one at each end", cards.join(", "));
            found.add(Rule::CardReference, groomout, detail);
        }
    }
}

fn known_matrix<'a>(
    case: &Case<'a>,
    card: &str,
    matrix: &str,
    found: &mut Found,
) -> Option<&'a MatrixGrooming> {
    let groomed = case.grooming.traffic.get(matrix);
    if groomed.is_none() {
        found.add(Rule::CardReference, card, format!("there is no sub-matrix `{matrix}`"));
    }
    groomed
}

fn check_line(
    case: &Case<'_>,
    card: &str,
    device: &Device,
    line: &CardLine,
    (matrix, groomed): (&str, &MatrixGrooming),
    found: &mut Found,
) {
    let CardLine { groomout_id, demand_id } = line;
    if case.demand(matrix, demand_id).is_none() {
        found.add(Rule::CardReference, card, format!("{matrix} has no demand `{demand_id}`"));
    }
    let own = groomed.low_rate_grooming_result.demands.get(demand_id);
    match own.and_then(|demand| demand.groomouts.get(groomout_id)) {
        None => {
            let detail = format!("demand `{demand_id}` of {matrix} has no groomout `{groomout_id}`");
            found.add(Rule::CardReference, card, detail);
        }
        Some(groomout)
            if groomout.kind != device.panel && matches!(groomout.kind.as_str(), "MP2X" | "PS6X") =>
        {
            let detail =
                format!("is a {}, its groomout `{groomout_id}` of a {}", device.panel, groomout.kind);
            found.add(Rule::CardReference, card, detail);
        }
        Some(_) => {}
    }
}

fn check_channels(case: &Case<'_>, card: &str, device: &Device, found: &mut Found) {
    let most = CHANNELS.iter().find(|(panel, _)| *panel == device.panel).map_or(0, |(_, most)| *most);
    for (name, channel) in device.channels() {
        let number = name.strip_prefix("ch").and_then(|number| number.parse::<u8>().ok());
        if number.is_none_or(|number| !(1..=most).contains(&number)) {
            found.add(Rule::CardReference, card, format!("a {} has no channel {name}", device.panel));
        }
        let matrix = channel.traffic_matrix_id.as_str();
        let Some(groomed) = known_matrix(case, card, matrix, found) else { continue };
        if case.demand(matrix, &channel.demand_id).is_none() {
            let detail = format!("{name}: {matrix} has no demand `{}`", channel.demand_id);
            found.add(Rule::CardReference, card, detail);
        }
        let lightpath = channel.lightpath_id.as_str();
        match groomed.lightpaths.get(lightpath) {
            None => {
                let detail = format!("{name}: {matrix} has no lightpath `{lightpath}`");
                found.add(Rule::CardReference, card, detail);
            }
            Some(own) if own.demand_id != channel.demand_id => {
                let detail = format!("{name}: lightpath `{lightpath}` is of demand `{}`", own.demand_id);
                found.add(Rule::CardReference, card, detail);
            }
            Some(_) => {}
        }
    }
}
