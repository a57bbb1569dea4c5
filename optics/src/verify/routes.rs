//! Routes exist, connect, begin and end where they should, and are simple.

use std::collections::BTreeSet;

use super::{Case, Found};
use crate::plan::{Lightpath, LightpathPath, PathRole};

pub(super) fn check(case: &Case, found: &mut Found) {
    let mut ids = BTreeSet::new();
    for lightpath in &case.plan.lightpaths {
        if !ids.insert(lightpath.id.as_str()) {
            found.add("DUPLICATE_LIGHTPATH", &lightpath.id, "the plan has two lightpaths of this id");
        }
        let working = lightpath.paths.iter().filter(|path| path.role == PathRole::Working).count();
        if working != 1 || lightpath.paths[0].role != PathRole::Working {
            found.add(
                "WORKING_PATH",
                &lightpath.id,
                format!("has {working} working paths; it needs one, and that comes first"),
            );
        }
        for path in &lightpath.paths {
            if let Err((rule, detail)) = check_path(case, lightpath, path) {
                found.add(rule, &lightpath.id, detail);
            }
        }
    }
}

/// Walks a path from end to end; the first thing wrong is told, since what follows is no longer meaningful.
fn check_path(
    case: &Case,
    lightpath: &Lightpath,
    path: &LightpathPath,
) -> Result<(), (&'static str, String)> {
    let [from, to] = &lightpath.ends;
    let role = path.role;
    let mut at = from.as_str();
    let mut visited = BTreeSet::from([at]);
    if path.segments.is_empty() {
        return Err(("EMPTY_ROUTE", format!("its {role:?} path has no segments")));
    }
    for (index, segment) in path.segments.iter().enumerate() {
        if segment.hops.is_empty() {
            return Err(("EMPTY_ROUTE", format!("segment {index} of its {role:?} path has no hops")));
        }
        let begins_at = at;
        for (position, hop) in segment.hops.iter().enumerate() {
            let Some(link) = case.links.get(hop.link.as_str()) else {
                return Err((
                    "UNKNOWN_LINK",
                    format!("its {role:?} path uses `{}`, which is no link", hop.link),
                ));
            };
            if !Case::fibres(link).contains(&hop.fibre.as_str()) {
                return Err((
                    "UNKNOWN_FIBRE",
                    format!("its {role:?} path uses fibre `{}`, which link `{}` lacks", hop.fibre, hop.link),
                ));
            }
            let Some((a, b)) = case.ends_of(hop) else { continue };
            if a != at {
                let rule = if index == 0 && position == 0 { "ROUTE_ENDS" } else { "ROUTE_BROKEN" };
                return Err((
                    rule,
                    format!("its {role:?} path is at `{at}`, but hop over `{}` leaves from `{a}`", hop.link),
                ));
            }
            if !visited.insert(b) {
                return Err(("ROUTE_LOOP", format!("its {role:?} path visits `{b}` twice")));
            }
            let last = index + 1 == path.segments.len() && position + 1 == segment.hops.len();
            if !last && b != to && !case.passable(b) {
                return Err((
                    "NO_TRANSIT",
                    format!("its {role:?} path passes `{b}`, where nothing may pass"),
                ));
            }
            at = b;
        }
        for (end, port, node) in [("tx", &segment.tx, begins_at), ("rx", &segment.rx, at)] {
            if port.node != node {
                return Err((
                    "SEGMENT_ENDS",
                    format!(
                        "segment {index} of its {role:?} path has its {end} at `{}`, not at `{node}`",
                        port.node
                    ),
                ));
            }
        }
    }
    if at == to {
        Ok(())
    } else {
        Err(("ROUTE_ENDS", format!("its {role:?} path ends at `{at}`, not at `{to}`")))
    }
}
