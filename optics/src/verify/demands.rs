//! Conditions that a demand puts on the routes of its lightpaths.

use super::protection::latency_us;
use super::{Case, Found};
use crate::plan::PathRole;

pub(super) fn check(case: &Case, found: &mut Found) {
    for (lightpath, path) in case.paths() {
        let Some(demand) = case.demands.get(lightpath.id.as_str()) else { continue };
        let hops: Vec<_> = path.segments.iter().flat_map(|segment| &segment.hops).collect();
        if let Some(hop) = hops.iter().find(|hop| demand.exclude_links.contains(&hop.link)) {
            found.add(
                "EXCLUDED",
                &lightpath.id,
                format!("uses link `{}`, which its demand excludes", hop.link),
            );
        }
        let nodes: Vec<&str> = std::iter::once(lightpath.ends[0].as_str())
            .chain(hops.iter().filter_map(|hop| case.ends_of(hop)).map(|(_, to)| to))
            .collect();
        if let Some(node) = demand.exclude_nodes.iter().find(|node| nodes.contains(&node.as_str())) {
            found.add("EXCLUDED", &lightpath.id, format!("visits `{node}`, which its demand excludes"));
        }
        // The nodes to visit bind the working path alone: a disjoint pair could not visit them twice.
        if path.role == PathRole::Working {
            let forward = is_subsequence(&demand.include, nodes.iter().copied());
            let backward = is_subsequence(&demand.include, nodes.iter().rev().copied());
            let reversed = lightpath.ends[0] == demand.b;
            if !(if reversed { backward } else { forward }) {
                found.add("INCLUDE", &lightpath.id, format!("does not visit {:?} in order", demand.include));
            }
        }
        if let Some(limit) = demand.max_latency_us {
            let own = latency_us(case, path);
            if path.role != PathRole::Restoration && own > limit + 1e-6 {
                found.add("LATENCY", &lightpath.id, format!("a path takes {own:.3} µs, {limit} are allowed"));
            }
        }
    }
}

fn is_subsequence<'a>(wanted: &[String], visited: impl Iterator<Item = &'a str>) -> bool {
    let mut wanted = wanted.iter().peekable();
    for node in visited {
        if wanted.peek().is_some_and(|next| *next == node) {
            wanted.next();
        }
    }
    wanted.peek().is_none()
}
