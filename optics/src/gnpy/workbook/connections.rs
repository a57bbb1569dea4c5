//! How the elements of a workbook are joined, site by site, under the names GNPy's converter gives them.

use super::sites::{Link, SiteKind, Sites};

/// Name of the fibre from one site to another.
pub(super) fn fibre_name(link: &Link, from: &str) -> String {
    if link.a == from {
        format!("fiber ({} \u{2192} {})-{}", link.a, link.z, link.east.cable)
    } else {
        format!("fiber ({} \u{2192} {})-{}", link.z, link.a, link.west.cable)
    }
}

/// Connections of the line equipment of all sites.
pub(super) fn connections(sites: &Sites) -> Vec<(String, String)> {
    let mut joined = Vec::new();
    for site in &sites.nodes {
        let city = site.city.as_str();
        let others: Vec<(&str, &Link)> = sites
            .links
            .iter()
            .filter_map(|link| match city {
                _ if link.a == city => Some((link.z.as_str(), link)),
                _ if link.z == city => Some((link.a.as_str(), link)),
                _ => None,
            })
            .collect();
        match site.kind {
            SiteKind::Roadm => {
                let roadm = format!("roadm {city}");
                for (other, link) in others {
                    let (out, back) = (fibre_name(link, city), fibre_name(link, other));
                    join(&mut joined, &roadm, at_degree(sites, city, other, "east"), &out);
                    join(&mut joined, &back, at_degree(sites, city, other, "west"), &roadm);
                }
            }
            SiteKind::Amplifier | SiteKind::Fused => {
                let [first, second] = others.as_slice() else { continue };
                let pass = |from: &(&str, &Link), to: &(&str, &Link), direction| {
                    let between = Some(inline(sites, city, first.0, site.kind, direction));
                    (fibre_name(from.1, from.0), between, fibre_name(to.1, city))
                };
                for (from, between, to) in [pass(first, second, "west"), pass(second, first, "east")] {
                    join(&mut joined, &from, between, &to);
                }
            }
        }
    }
    joined
}

fn join(joined: &mut Vec<(String, String)>, from: &str, between: Option<String>, to: &str) {
    match between {
        Some(between) => {
            joined.push((from.to_owned(), between.clone()));
            joined.push((between, to.to_owned()));
        }
        None => joined.push((from.to_owned(), to.to_owned())),
    }
}

/// What stands between a ROADM and a fibre, if the sheet says so.
fn at_degree(sites: &Sites, city: &str, other: &str, direction: &str) -> Option<String> {
    let found = sites.equipment.iter().any(|equipment| equipment.at == city && equipment.to == other);
    found.then(|| format!("{direction} edfa in {city} to {other}"))
}

/// What light passes at a site between two fibres. The line of the sheet that is about a site looks east; seen from
/// the site's first link, its east may be the other way.
fn inline(sites: &Sites, city: &str, first: &str, kind: SiteKind, direction: &'static str) -> String {
    if kind == SiteKind::Fused {
        return format!("{direction} fused spans in {city}");
    }
    match sites.equipment.iter().find(|equipment| equipment.at == city) {
        None => format!("{direction} edfa in {city}"),
        Some(equipment) => {
            let reverse = if direction == "east" { "west" } else { "east" };
            let shown = if equipment.to == first { direction } else { reverse };
            format!("{shown} edfa in {city} to {}", equipment.to)
        }
    }
}
