//! 1+1 protection: both paths are there, disjoint as asked, and fed as asked.

use std::collections::BTreeSet;

use super::{Case, Found};
use crate::plan::{Lightpath, LightpathPath, PathRole};
use crate::traffic::{Disjointness, Protection, ProtectionSource};

pub(super) fn check(case: &Case, found: &mut Found) {
    for lightpath in &case.plan.lightpaths {
        let protection: Vec<_> =
            lightpath.paths.iter().filter(|path| path.role == PathRole::Protection).collect();
        let working = lightpath.paths.iter().find(|path| path.role == PathRole::Working);
        match (&lightpath.protection, protection.as_slice()) {
            (Protection::None, []) => {}
            (Protection::None, _) => {
                found.add(
                    "PROTECTION_UNASKED",
                    &lightpath.id,
                    "has a protection path that it does not ask for",
                );
            }
            (Protection::OnePlusOne { disjoint, source, differential_delay_us }, [protection]) => {
                let Some(working) = working else { continue };
                check_disjoint(case, lightpath, working, protection, *disjoint, found);
                if *source == ProtectionSource::Splitter {
                    check_splitter(lightpath, working, protection, found);
                }
                if let Some(limit) = differential_delay_us {
                    let difference = (latency_us(case, working) - latency_us(case, protection)).abs();
                    if difference > limit + 1e-6 {
                        found.add(
                            "DIFFERENTIAL_DELAY",
                            &lightpath.id,
                            format!("its paths differ by {difference:.3} µs, {limit} are allowed"),
                        );
                    }
                }
            }
            (Protection::OnePlusOne { .. }, several) => found.add(
                "PROTECTION_MISSING",
                &lightpath.id,
                format!("asks for 1+1 and has {} protection paths", several.len()),
            ),
        }
    }
}

/// One-way latency of a path in microseconds, by the group index 1.468 where a link states none.
pub(super) fn latency_us(case: &Case, path: &LightpathPath) -> f64 {
    path.segments
        .iter()
        .flat_map(|segment| &segment.hops)
        .filter_map(|hop| case.links.get(hop.link.as_str()))
        .map(|link| link.latency_us.unwrap_or(link.length_km * 1_000.0 * 1.468 / 299.792_458))
        .sum()
}

fn check_splitter(
    lightpath: &Lightpath,
    working: &LightpathPath,
    protection: &LightpathPath,
    found: &mut Found,
) {
    let ends = |path: &LightpathPath| {
        path.segments.first().zip(path.segments.last()).map(|(first, last)| {
            ([(first.n, first.m), (last.n, last.m)], [first.mode.clone(), last.mode.clone()])
        })
    };
    let (Some((slots, modes)), Some((other_slots, other_modes))) = (ends(working), ends(protection)) else {
        return;
    };
    if slots != other_slots || slots[0] != slots[1] {
        found.add(
            "SPLITTER_SLOT",
            &lightpath.id,
            format!("one transponder has one slot, but the paths end in {slots:?} and {other_slots:?}"),
        );
    }
    if modes != other_modes {
        found.add("SPLITTER_MODE", &lightpath.id, "one transponder has one mode, but the paths end in two");
    }
}

fn check_disjoint(
    case: &Case,
    lightpath: &Lightpath,
    working: &LightpathPath,
    protection: &LightpathPath,
    disjoint: Disjointness,
    found: &mut Found,
) {
    let shared = |one: BTreeSet<String>, other: BTreeSet<String>| {
        one.intersection(&other).next().map(|name| format!("both paths use `{name}`"))
    };
    let broken = shared(links(working), links(protection)).or_else(|| match disjoint {
        Disjointness::Link => None,
        Disjointness::Node => shared(inner_nodes(case, working), inner_nodes(case, protection)),
        Disjointness::Srlg => shared(inner_nodes(case, working), inner_nodes(case, protection))
            .or_else(|| shared(risks(case, working), risks(case, protection))),
    });
    if let Some(detail) = broken {
        found.add(
            "NOT_DISJOINT",
            &lightpath.id,
            format!("{detail} ({disjoint:?}-disjointness was asked for)"),
        );
    }
}

fn links(path: &LightpathPath) -> BTreeSet<String> {
    path.segments.iter().flat_map(|segment| &segment.hops).map(|hop| hop.link.clone()).collect()
}

fn inner_nodes(case: &Case, path: &LightpathPath) -> BTreeSet<String> {
    let hops: Vec<_> = path.segments.iter().flat_map(|segment| &segment.hops).collect();
    let inner = hops.len().saturating_sub(1);
    hops.iter().take(inner).filter_map(|hop| case.ends_of(hop)).map(|(_, to)| to.to_owned()).collect()
}

fn risks(case: &Case, path: &LightpathPath) -> BTreeSet<String> {
    let (links, nodes) = (links(path), inner_nodes(case, path));
    let listed =
        case.topology.srlgs.iter().filter(|risk| {
            risk.members.iter().any(|member| links.contains(member) || nodes.contains(member))
        });
    let own = links.iter().filter_map(|id| case.links.get(id.as_str())).flat_map(|link| &link.srlgs);
    listed.map(|risk| risk.id.clone()).chain(own.cloned()).collect()
}
