//! Whether a grid is one of ITU-T G.694.1, and has room for a channel.

use crate::finding::{Finding, Findings};
use crate::grid::Grid;

/// Largest distance of a slice from 193.1 THz: ±25 THz, more than a fibre carries.
const MAX_SLICE: i32 = 4_000;

/// Everything wrong with a grid that does not stand in a topology. The pointers begin with `pointer`.
#[must_use]
pub fn validate_grid(grid: &Grid, pointer: &str) -> Vec<Finding> {
    let mut found = Findings::default();
    check_grid(&mut found, pointer, grid);
    found.into_vec()
}

pub(super) fn check_grid(found: &mut Findings, at: &str, grid: &Grid) {
    let mut wrong = |field: &str, detail: String| found.error("GRID", format!("{at}/{field}"), detail);
    if grid.n_min >= grid.n_max {
        wrong("n_max", format!("n_max {} must lie above n_min {}", grid.n_max, grid.n_min));
    }
    for (field, n) in [("n_min", grid.n_min), ("n_max", grid.n_max)] {
        if n.unsigned_abs() > MAX_SLICE.unsigned_abs() {
            wrong(field, format!("{n} is further than {MAX_SLICE} slices from 193.1 THz"));
        }
    }
    if grid.slice_ghz.to_bits() != 6.25_f64.to_bits() {
        wrong("slice_ghz", format!("{} is not 6.25, the slice of ITU-T G.694.1", grid.slice_ghz));
    }
    if grid.min_m == 0 || grid.min_m > MAX_SLICE.unsigned_abs() {
        wrong("min_m", format!("{} is not a slot width: it must be at least 1", grid.min_m));
    }
    if let Some(spacing) = grid.fixed_spacing_ghz {
        let units = spacing / 12.5;
        if !spacing.is_finite() || spacing <= 0.0 || (units - units.round()).abs() > 1e-9 || units > 2_000.0 {
            wrong("fixed_spacing_ghz", format!("{spacing} is not a positive multiple of 12.5 GHz"));
        } else if grid.n_min < grid.n_max && grid.channels().unwrap_or(0) == 0 {
            wrong("fixed_spacing_ghz", format!("no channel of {spacing} GHz fits into the grid"));
        }
    }
}
