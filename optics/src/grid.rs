//! The spectrum grid and its slots (ITU-T G.694.1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The middle of the C band, 193.7 THz, as a slice.
const C_BAND_MIDDLE: i32 = 96;
/// Slices of the widest C band that is built: 6 THz.
const WIDEST_BAND: i32 = 960;

/// Which slots a network can use.
///
/// A slot `(n, m)` is centred at 193.1 THz + `n` × 6.25 GHz and `m` × 12.5 GHz wide. A fixed grid is the special case
/// where every lightpath takes one channel of [`Grid::fixed_spacing_ghz`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grid {
    /// Lowest usable slice, in steps of 6.25 GHz from 193.1 THz: the lower edge of the lowest channel.
    pub n_min: i32,
    /// Highest usable slice: the upper edge of the highest channel.
    pub n_max: i32,
    /// Width of a slice in GHz.
    pub slice_ghz: f64,
    /// Smallest slot width, in units of 12.5 GHz.
    pub min_m: u32,
    /// Channel spacing of a fixed grid in GHz, a multiple of 12.5; absent for a flexible grid.
    pub fixed_spacing_ghz: Option<f64>,
}

impl Default for Grid {
    /// 80 channels of 50 GHz.
    fn default() -> Self {
        Self::fixed(50.0, 80)
    }
}

/// A slot: centre and width in the units of ITU-T G.694.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Slot {
    /// Centre: 193.1 THz + n × 6.25 GHz.
    pub n: i32,
    /// Width: m × 12.5 GHz, so that the slot covers slices `n − m .. n + m`.
    pub m: u32,
}

impl Slot {
    /// Whether the two share spectrum.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.n.abs_diff(other.n) < self.m.saturating_add(other.m)
    }
}

impl Grid {
    /// A fixed grid of `channels` channels centred on 193.1 THz + k × `spacing_ghz` (ITU-T G.694.1), in the middle of the
    /// C band: 96 channels of 50 GHz are 191.35 to 196.10 THz, 80 are 191.75 to 195.70 THz. More than 6 THz, which no single
    /// band holds, lie around 193.1 THz.
    ///
    /// `spacing_ghz` must be a positive multiple of 12.5.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // a few hundred channels
    pub fn fixed(spacing_ghz: f64, channels: u32) -> Self {
        let spacing = (spacing_ghz / 6.25).round() as i32;
        let slices = spacing * channels as i32;
        // the whole steps of the spacing nearest to where the lowest centre of a grid in the very middle would be
        let lowest = f64::from(C_BAND_MIDDLE) - f64::from(slices - spacing) / 2.0;
        let lowest_centre = (lowest / f64::from(spacing.max(1)) + 0.5).floor() as i32 * spacing;
        let n_min = if slices <= WIDEST_BAND { lowest_centre - spacing / 2 } else { -(slices / 2) };
        Self { n_min, n_max: n_min + slices, slice_ghz: 6.25, min_m: 1, fixed_spacing_ghz: Some(spacing_ghz) }
    }

    /// Number of slices; 0 if the edges are the wrong way round.
    #[must_use]
    pub fn slices(&self) -> u32 {
        if self.n_max > self.n_min { self.n_max.abs_diff(self.n_min) } else { 0 }
    }

    /// Width of a fixed channel in units of 12.5 GHz; none on a flexible grid.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // validated: positive and small
    pub fn channel_m(&self) -> Option<u32> {
        self.fixed_spacing_ghz.map(|spacing| (spacing / 12.5).round() as u32)
    }

    /// Number of channels of a fixed grid; none on a flexible grid.
    #[must_use]
    pub fn channels(&self) -> Option<u32> {
        let m = self.channel_m().filter(|&m| m > 0)?;
        Some(self.slices() / m.saturating_mul(2))
    }

    /// The slot of channel `index` of a fixed grid, 0 the lowest; none on a flexible grid or past its end.
    #[must_use]
    #[allow(clippy::cast_possible_wrap)] // a few hundred channels
    pub fn channel(&self, index: u32) -> Option<Slot> {
        let m = self.channel_m()?;
        (index < self.channels()?).then(|| Slot { n: self.n_min + (m + 2 * m * index) as i32, m })
    }

    /// The channel of a fixed grid that `slot` is; none if it is not exactly one.
    #[must_use]
    #[allow(clippy::cast_possible_wrap)] // a few hundred channels
    pub fn channel_of(&self, slot: Slot) -> Option<u32> {
        let m = self.channel_m().filter(|&m| m > 0 && m == slot.m)?;
        let offset = u32::try_from(i64::from(slot.n) - i64::from(self.n_min) - i64::from(m)).ok()?;
        (offset % (2 * m) == 0 && offset / (2 * m) < self.channels()?).then_some(offset / (2 * m))
    }

    /// Whether `slot` lies inside the grid.
    #[must_use]
    #[allow(clippy::cast_possible_wrap)] // widths are small
    pub fn contains(&self, slot: Slot) -> bool {
        slot.m >= self.min_m.max(1)
            && i64::from(slot.n) - i64::from(slot.m) >= i64::from(self.n_min)
            && i64::from(slot.n) + i64::from(slot.m) <= i64::from(self.n_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_grid_numbers_its_channels() {
        let grid = Grid::default();
        assert_eq!(grid.channels(), Some(80));
        for index in 0..80 {
            let slot = grid.channel(index).expect("inside");
            assert!(grid.contains(slot));
            assert_eq!(grid.channel_of(slot), Some(index));
            assert!(index == 0 || !slot.overlaps(grid.channel(index - 1).expect("inside")));
        }
        assert_eq!(grid.channel(80), None);
        let grids = [
            (50.0, 80, [191.75, 195.70]),
            (50.0, 96, [191.35, 196.10]),
            (100.0, 40, [191.8, 195.7]),
            (50.0, 1000, [168.125, 218.075]),
        ];
        for (spacing_ghz, channels, ends_thz) in grids {
            let grid = Grid::fixed(spacing_ghz, channels);
            assert_eq!(grid.channels(), Some(channels));
            let thz = |index| 193.1 + 0.00625 * f64::from(grid.channel(index).expect("inside").n);
            assert!((thz(0) - ends_thz[0]).abs() < 1e-9 && (thz(channels - 1) - ends_thz[1]).abs() < 1e-9);
        }
        assert_eq!(grid.channel_of(Slot { n: grid.n_min, m: 4 }), None);
    }
}
