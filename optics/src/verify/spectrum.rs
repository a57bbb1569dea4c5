//! Slots lie in the grid, avoid what is unavailable, and no two overlap on a fibre.

use std::collections::BTreeMap;

use super::{Case, Found};
use crate::plan::{LightpathPath, PathRole};

/// A slot in use on a fibre pair: both directions, since a lightpath takes one way and its opposite the other.
struct Use<'a> {
    low: i64,
    high: i64,
    lightpath: &'a str,
    path: &'a LightpathPath,
}

pub(super) fn check(case: &Case, found: &mut Found) {
    if let Some(own) = &case.topology.grid
        && *own != case.plan.grid
    {
        found.add("GRID_MISMATCH", &case.plan.topology, "the plan's grid is not the topology's");
    }
    let mut uses: BTreeMap<(&str, &str), Vec<Use>> = BTreeMap::new();
    for (lightpath, path) in case.paths() {
        for segment in &path.segments {
            let (low, high) = edges(segment.n, segment.m);
            if let Err((rule, detail)) = fits_grid(case, segment.n, segment.m) {
                found.add(rule, &lightpath.id, detail);
            }
            for hop in &segment.hops {
                let Some(link) = case.links.get(hop.link.as_str()) else { continue };
                let reserved = link.unavailable.iter().find(|range| {
                    range.fibre.as_ref().is_none_or(|fibre| *fibre == hop.fibre)
                        && low < i64::from(range.n_hi)
                        && high > i64::from(range.n_lo)
                });
                if let Some(range) = reserved {
                    found.add(
                        "UNAVAILABLE_SPECTRUM",
                        &lightpath.id,
                        format!(
                            "slot ({}, {}) on link `{}` reaches into {}..{} ({})",
                            segment.n, segment.m, hop.link, range.n_lo, range.n_hi, range.reason
                        ),
                    );
                }
                uses.entry((&hop.link, &hop.fibre)).or_default().push(Use {
                    low,
                    high,
                    lightpath: &lightpath.id,
                    path,
                });
            }
        }
    }
    for ((link, fibre), mut list) in uses {
        list.sort_by_key(|one| (one.low, one.high));
        for (i, one) in list.iter().enumerate() {
            // Sorted by lower edge: what overlaps comes before the first that begins above.
            for other in list[i + 1..].iter().take_while(|other| other.low < one.high) {
                if !may_share(one, other) {
                    found.add(
                        "SPECTRUM_CLASH",
                        other.lightpath,
                        format!(
                            "overlaps `{}` at slices {}..{} on link `{link}`, fibre `{fibre}`",
                            one.lightpath,
                            other.low,
                            one.high.min(other.high)
                        ),
                    );
                }
            }
        }
    }
}

/// Restorations of different scenarios never are up together; a restoration may reuse slots of its own lightpath.
fn may_share(one: &Use, other: &Use) -> bool {
    let restorations = [one, other].iter().filter(|used| used.path.role == PathRole::Restoration).count();
    match restorations {
        0 => false,
        1 => one.lightpath == other.lightpath,
        _ => one.path.scenario != other.path.scenario,
    }
}

/// Lower and upper edge in slices from 193.1 THz.
pub(super) fn edges(n: i32, m: u32) -> (i64, i64) {
    (i64::from(n) - i64::from(m), i64::from(n) + i64::from(m))
}

fn fits_grid(case: &Case, n: i32, m: u32) -> Result<(), (&'static str, String)> {
    let grid = &case.plan.grid;
    let (low, high) = edges(n, m);
    if m < grid.min_m.max(1) || low < i64::from(grid.n_min) || high > i64::from(grid.n_max) {
        return Err((
            "OUTSIDE_GRID",
            format!("slot ({n}, {m}) is not within slices {}..{}", grid.n_min, grid.n_max),
        ));
    }
    if let Some(spacing_ghz) = grid.fixed_spacing_ghz {
        let width_ghz = f64::from(m) * 12.5;
        let above_edge_ghz = (low - i64::from(grid.n_min)) as f64 * 6.25;
        let channels = above_edge_ghz / spacing_ghz;
        if (width_ghz - spacing_ghz).abs() > 1e-6 || (channels - channels.round()).abs() > 1e-6 {
            return Err((
                "NOT_A_CHANNEL",
                format!("slot ({n}, {m}) is no channel of the {spacing_ghz} GHz grid"),
            ));
        }
    }
    Ok(())
}
