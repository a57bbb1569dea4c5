//! A topology from a workbook, in GNPy's JSON form.

use serde_json::{Map, Value, json};

use super::super::fields::Log;
use super::super::rounded;
use super::connections::{connections, fibre_name};
use super::open;
use super::sites::{Amplifier, Degree, Link, Side, Site, SiteKind, Sites};
use crate::finding::Finding;

/// Makes a topology of the sheets Nodes, Links, Eqpt and Roadms, to be read by [`super::super::topology::read`].
///
/// # Errors
/// Everything wrong with the workbook, naming sheet and cell.
pub fn topology(bytes: &[u8]) -> Result<Value, Vec<Finding>> {
    let log = Log::default();
    let sites = open(bytes, &log).map(|book| Sites::read(&book, &log)).unwrap_or_default();
    log.finish(())?;
    Ok(document(&sites))
}

fn document(sites: &Sites) -> Value {
    let of_kind = |kind| sites.nodes.iter().filter(move |site| site.kind == kind);
    let mut elements: Vec<Value> = of_kind(SiteKind::Roadm)
        .map(|site| json!({ "uid": format!("trx {}", site.city), "type": "Transceiver", "metadata": place(site) }))
        .collect();
    elements.extend(of_kind(SiteKind::Roadm).map(|site| roadm(site, sites)));
    for direction in ["west", "east"] {
        elements.extend(of_kind(SiteKind::Fused).map(|site| {
            let uid = format!("{direction} fused spans in {}", site.city);
            json!({ "uid": uid, "type": "Fused", "metadata": place(site) })
        }));
    }
    elements.extend(sites.links.iter().map(|link| fibre(link, &link.a, &link.east, sites)));
    elements.extend(sites.links.iter().map(|link| fibre(link, &link.z, &link.west, sites)));
    let listed = |site: &&Site| sites.equipment.iter().all(|equipment| equipment.at != site.city);
    for direction in ["west", "east"] {
        elements.extend(of_kind(SiteKind::Amplifier).filter(listed).map(|site| {
            json!({
                "uid": format!("{direction} edfa in {}", site.city), "type": "Edfa", "metadata": place(site),
                "operational": { "gain_target": null, "tilt_target": null },
            })
        }));
    }
    for east in [true, false] {
        elements.extend(sites.equipment.iter().map(|equipment| {
            let (direction, amplifier) =
                if east { ("east", &equipment.east) } else { ("west", &equipment.west) };
            let uid = format!("{direction} edfa in {} to {}", equipment.at, equipment.to);
            let site = sites.nodes.iter().find(|site| site.city == equipment.at);
            line_equipment(&uid, amplifier, &site.map_or(Value::Null, place))
        }));
    }
    let mut joined = connections(sites);
    for site in of_kind(SiteKind::Roadm) {
        let (trx, roadm) = (format!("trx {}", site.city), format!("roadm {}", site.city));
        joined.push((trx.clone(), roadm.clone()));
        joined.push((roadm, trx));
    }
    let joined: Vec<Value> =
        joined.into_iter().map(|(from, to)| json!({ "from_node": from, "to_node": to })).collect();
    json!({ "elements": elements, "connections": joined })
}

fn place(site: &Site) -> Value {
    json!({
        "location": {
            "city": site.city, "region": site.region, "latitude": site.latitude, "longitude": site.longitude,
        },
    })
}

fn roadm(site: &Site, sites: &Sites) -> Value {
    let mut params = Map::new();
    if !site.preamps.is_empty() || !site.boosters.is_empty() {
        let restrictions =
            json!({ "preamp_variety_list": site.preamps, "booster_variety_list": site.boosters });
        params.insert("restrictions".to_owned(), restrictions);
    }
    let degrees: Vec<&Degree> = sites.degrees.iter().filter(|degree| degree.at == site.city).collect();
    let towards = |city: &str| format!("east edfa in {} to {city}", site.city);
    if !degrees.is_empty() {
        let powers: Map<String, Value> = degrees
            .iter()
            .filter_map(|degree| Some((towards(&degree.to), json!(degree.power_dbm?))))
            .collect();
        params.insert("per_degree_pch_out_db".to_owned(), Value::Object(powers));
        let paths: Vec<Value> = degrees
            .iter()
            .flat_map(|degree| degree.profiles.iter().map(move |profile| (degree, profile)))
            .map(|(degree, (from, id))| {
                json!({
                    "from_degree": format!("west edfa in {} to {from}", site.city),
                    "to_degree": towards(&degree.to), "impairment_id": id,
                })
            })
            .collect();
        if !paths.is_empty() {
            params.insert("per_degree_impairments".to_owned(), json!(paths));
        }
    }
    let mut element =
        json!({ "uid": format!("roadm {}", site.city), "type": "Roadm", "metadata": place(site) });
    if !params.is_empty() {
        element["params"] = Value::Object(params);
    }
    if let Some(name) = degrees.iter().rev().find_map(|degree| degree.type_name.as_ref()) {
        element["type_variety"] = json!(name);
    }
    element
}

/// The fibre of a link that starts at a site; it stands half way between the two.
fn fibre(link: &Link, from: &str, side: &Side, sites: &Sites) -> Value {
    let site = |city: &str| sites.nodes.iter().find(|site| site.city == city);
    let middle = site(&link.a).zip(site(&link.z)).map_or((0.0, 0.0), |(a, z)| {
        (f64::midpoint(a.latitude, z.latitude), f64::midpoint(a.longitude, z.longitude))
    });
    let mut params = json!({
        "length": rounded(side.distance_km, 3), "length_units": "km", "loss_coef": side.loss_db_per_km,
        "con_in": side.connector_in_db, "con_out": side.connector_out_db,
    });
    // The sheet has the dispersion of the whole fibre in ps.
    if let Some(pmd_ps) = side.pmd_ps.filter(|&pmd_ps| pmd_ps != 0.0 && side.distance_km > 0.0) {
        params["pmd_coef"] = json!(pmd_ps * 1e-12 / (side.distance_km * 1e3).sqrt());
    }
    json!({
        "uid": fibre_name(link, from), "type": "Fiber", "type_variety": side.fibre, "params": params,
        "metadata": { "location": { "latitude": middle.0, "longitude": middle.1 } },
    })
}

fn line_equipment(uid: &str, amplifier: &Amplifier, place: &Value) -> Value {
    if amplifier.is_fused() {
        // Said in the place of a booster, it keeps design from putting one there.
        return json!({ "uid": uid, "type": "Fused", "params": { "loss": 0 }, "metadata": place });
    }
    let mut element = json!({
        "uid": uid, "type": "Edfa", "metadata": place,
        "operational": {
            "gain_target": amplifier.gain_db, "delta_p": amplifier.delta_p_db, "tilt_target": amplifier.tilt_db,
            "out_voa": amplifier.att_out_db, "in_voa": amplifier.att_in_db,
        },
    });
    if !amplifier.kind.is_empty() {
        element["type_variety"] = json!(amplifier.kind);
    }
    element
}
