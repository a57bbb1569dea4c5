//! Spectrum: which slots of each section are free, and which a request gets.
//!
//! Slots are counted on the flexible grid of ITU-T G.694.1: the piece n lies between 193.1 THz + n × 6.25 GHz and the
//! next; a slot (n, m) covers the pieces n − m … n + m − 1. All sections have the same range of pieces, from the lowest
//! to the highest edge of any amplifier; pieces outside a section's own bands cannot be used, and 25 GHz at both ends of
//! the range are kept free.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlockingReason, Slot, SlotWish};

/// Centre the grid is counted from, in Hz.
const ANCHOR_HZ: f64 = 193.1e12;

/// Width of a piece, in Hz.
const PIECE_HZ: f64 = 6.25e9;

/// Width a slot grows by, in Hz.
const SLOT_HZ: f64 = 12.5e9;

/// Pieces kept free at both ends of the range.
const GUARD: i32 = 4;

/// Which of the slots that are free is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpectrumPolicy {
    /// The lowest.
    #[default]
    FirstFit,
    /// The highest.
    LastFit,
    /// The lowest in the narrowest gap that is wide enough.
    BestFit,
}

/// Number of the piece a frequency lies in, counted towards the anchor as GNPy does.
pub fn piece_of(frequency_hz: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "truncation is the rule; out of range saturates")]
    let piece = ((frequency_hz - ANCHOR_HZ) / PIECE_HZ) as i32;
    piece
}

/// A range of pieces, each free or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupancy {
    n_min: i32,
    n_max: i32,
    /// A bit for each piece from `n_min` on; set where it is free.
    free: Vec<u64>,
    /// A bit for each piece; set where no amplifier carries it.
    unusable: Vec<u64>,
}

impl Occupancy {
    /// A range from the piece of one frequency to that of another, of which only these bands (in Hz) can be used.
    pub fn new(f_min_hz: f64, f_max_hz: f64, bands: &[[f64; 2]]) -> Self {
        let (n_min, n_max) = (piece_of(f_min_hz), piece_of(f_max_hz));
        let words = usize::try_from(n_max - n_min + 1).unwrap_or(0).div_ceil(64);
        let mut occupancy = Self { n_min, n_max, free: vec![0; words], unusable: vec![0; words] };
        for &[lower, upper] in bands {
            occupancy.set(piece_of(lower), piece_of(upper), true);
        }
        occupancy.unusable = occupancy.free.iter().map(|word| !word).collect();
        occupancy
    }

    /// Number of the lowest piece.
    pub fn n_min(&self) -> i32 {
        self.n_min
    }

    /// Number of the highest piece.
    pub fn n_max(&self) -> i32 {
        self.n_max
    }

    /// Whether a piece is free; none outside the range is.
    pub fn is_free(&self, n: i32) -> bool {
        self.bit(&self.free, n)
    }

    /// Whether no amplifier carries a piece.
    pub fn is_unusable(&self, n: i32) -> bool {
        !(self.n_min..=self.n_max).contains(&n) || self.bit(&self.unusable, n)
    }

    /// Takes a slot.
    pub fn take(&mut self, slot: Slot) {
        let half = half_width(slot.m);
        self.set(slot.n.saturating_sub(half), slot.n.saturating_add(half).saturating_sub(1), false);
    }

    /// Leaves free only what is free in both.
    pub fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.free.iter_mut().zip(&other.free) {
            *mine &= theirs;
        }
    }

    /// Makes this a copy, in the memory it has.
    pub fn copy_from(&mut self, other: &Self) {
        (self.n_min, self.n_max) = (other.n_min, other.n_max);
        self.free.clone_from(&other.free);
        self.unusable.clone_from(&other.unusable);
    }

    fn bit(&self, bits: &[u64], n: i32) -> bool {
        let position = usize::try_from(n - self.n_min).ok().filter(|_| n <= self.n_max);
        position.is_some_and(|position| bits[position / 64] >> (position % 64) & 1 == 1)
    }

    /// Sets the pieces from one to another, as far as they are in the range.
    fn set(&mut self, first: i32, last: i32, free: bool) {
        let position = |n: i32| usize::try_from(n - self.n_min).ok();
        let (Some(first), Some(last)) = (position(first.max(self.n_min)), position(last.min(self.n_max)))
        else {
            return;
        };
        for word in first / 64..=last / 64 {
            let low = if word == first / 64 { first % 64 } else { 0 };
            let high = if word == last / 64 { last % 64 } else { 63 };
            if low <= high {
                let bits = (u64::MAX << low) & (u64::MAX >> (63 - high));
                if free {
                    self.free[word] |= bits;
                } else {
                    self.free[word] &= !bits;
                }
            }
        }
    }

    /// The gaps between the guards: first and last piece of each, ascending.
    fn gaps(&self) -> impl Iterator<Item = (i32, i32)> + '_ {
        let last = self.n_max - GUARD;
        let mut n = self.n_min + GUARD;
        std::iter::from_fn(move || {
            while n <= last && !self.is_free(n) {
                n += 1;
            }
            let start = n;
            while n <= last && self.is_free(n) {
                n += 1;
            }
            (start <= last).then(|| (start, n - 1))
        })
    }

    /// A free slot of this width; none if there is none.
    fn find(&self, m: u32, policy: SpectrumPolicy) -> Option<Slot> {
        let half = half_width(m);
        let width = 2 * i64::from(m);
        let wide = |&(start, end): &(i32, i32)| i64::from(end) - i64::from(start) + 1 >= width;
        let mut gaps = self.gaps().filter(wide);
        let n = match policy {
            SpectrumPolicy::FirstFit => gaps.next()?.0 + half,
            SpectrumPolicy::LastFit => gaps.last()?.1 - half + 1,
            SpectrumPolicy::BestFit => gaps.min_by_key(|(start, end)| end - start)?.0 + half,
        };
        Some(Slot { n, m })
    }

    /// Whether a slot is free and keeps off the guards.
    fn fits(&self, slot: Slot) -> bool {
        let half = half_width(slot.m);
        let (start, end) = (slot.n.saturating_sub(half), slot.n.saturating_add(half).saturating_sub(1));
        start >= self.n_min + GUARD && end <= self.n_max - GUARD && (start..=end).all(|n| self.is_free(n))
    }

    /// The widest slot around a centre, in steps, that is free and at most so wide; 0 if there is none.
    fn widest(&self, n: i32, most: u32, step: u32) -> u32 {
        let mut m = 0;
        while step > 0 && m + step <= most && self.fits(Slot { n, m: m + step }) {
            m += step;
        }
        m
    }
}

/// A width in pieces to either side; so large that it fits nowhere where it is out of range.
fn half_width(m: u32) -> i32 {
    i32::try_from(m).unwrap_or(i32::MAX / 4).min(i32::MAX / 4)
}

/// How much spectrum a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Channels that carry its rate.
    pub channels: u32,
    /// Width of one channel, as the m of a slot.
    pub channel_m: u32,
}

impl Need {
    /// What a rate needs in channels of a bit rate and a spacing.
    pub fn new(rate_bit_per_s: f64, bit_rate: f64, spacing_hz: f64) -> Self {
        Self {
            channels: whole((rate_bit_per_s / bit_rate).ceil()),
            channel_m: whole((spacing_hz / SLOT_HZ).ceil()),
        }
    }

    /// Width of all channels side by side, as the m of a slot.
    pub fn m(self) -> u32 {
        self.channels.saturating_mul(self.channel_m)
    }
}

fn whole(value: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number; out of range saturates"
    )]
    let whole = value as u32;
    whole
}

/// The slots a request gets on a route of which `free` is what its sections have free in common, in the order of its
/// wishes; `free` is used up.
///
/// Wider wishes are served first. A wish with both numbers must be free; one with m only gets a centre by the policy; one
/// with n only gets the widest multiple of a channel around it, up to what is still needed; one without numbers gets all
/// that is still needed. Wishes that are given in full are served even where less would do.
pub fn assign(
    free: &mut Occupancy,
    wishes: &[SlotWish],
    need: Need,
    policy: SpectrumPolicy,
) -> Result<Vec<Slot>, BlockingReason> {
    let open = [SlotWish::default()];
    let wishes = if wishes.is_empty() { &open } else { wishes };
    if let Some(widths) = wishes.iter().map(|wish| wish.m.filter(|&m| m > 0)).collect::<Option<Vec<u32>>>() {
        let channels: u64 = widths.iter().map(|m| u64::from(m / need.channel_m.max(1))).sum();
        if channels < u64::from(need.channels) {
            return Err(BlockingReason::NotEnoughReservedSpectrum);
        }
    }
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|&position| {
        let wish = wishes[position];
        let width = wish.m.map_or(i64::MAX, |m| -i64::from(m));
        (width, wish.n.map_or(i64::MAX, i64::from))
    });
    let mut left = i64::from(need.m());
    let mut slots: Vec<(usize, Slot)> = Vec::with_capacity(wishes.len());
    for position in order {
        let still = u32::try_from(left).unwrap_or(0);
        let slot = match (wishes[position].n, wishes[position].m) {
            (Some(n), Some(m)) => Some(Slot { n, m }).filter(|&slot| m > 0 && free.fits(slot)),
            (None, Some(m)) => free.find(m, policy),
            (Some(n), None) => {
                let m = free.widest(n, still, need.channel_m);
                (m > 0).then_some(Slot { n, m })
            }
            (None, None) => (still > 0).then(|| free.find(still, policy)).flatten(),
        };
        let Some(slot) = slot else { break };
        free.take(slot);
        left -= i64::from(slot.m);
        slots.push((position, slot));
    }
    if left > 0 {
        return Err(BlockingReason::NoSpectrum);
    }
    slots.sort_by_key(|&(position, _)| position);
    Ok(slots.into_iter().map(|(_, slot)| slot).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A band of 97 pieces, n from −48 to 48: centres from −44 to 44 can be used.
    fn band() -> Occupancy {
        let (lower, upper) = (192.8e12, 193.4e12);
        Occupancy::new(lower, upper, &[[lower, upper]])
    }

    fn wish(n: impl Into<Option<i32>>, m: impl Into<Option<u32>>) -> SlotWish {
        SlotWish { n: n.into(), m: m.into() }
    }

    fn slots(pairs: &[(i32, u32)]) -> Vec<Slot> {
        pairs.iter().map(|&(n, m)| Slot { n, m }).collect()
    }

    /// One channel is four wide; three of them unless a case says otherwise.
    const NEED: Need = Need { channels: 3, channel_m: 4 };

    #[test]
    fn the_band_of_the_default_amplifier_has_777_pieces() {
        let c_band = Occupancy::new(191.275e12, 196.125e12, &[[191.275e12, 196.125e12]]);
        assert_eq!((c_band.n_min(), c_band.n_max()), (-292, 484));
        assert_eq!(c_band.find(4, SpectrumPolicy::FirstFit), Some(Slot { n: -284, m: 4 }));
        assert_eq!(c_band.find(4, SpectrumPolicy::LastFit), Some(Slot { n: 477, m: 4 }));
    }

    #[test]
    fn pieces_outside_every_band_are_unusable_and_never_given() {
        let (lower, upper) = (192.8e12, 193.4e12);
        let split = Occupancy::new(lower, upper, &[[lower, 193.0e12], [193.2e12, upper]]);
        assert!(split.is_free(-16) && split.is_unusable(-15) && split.is_unusable(15) && split.is_free(16));
        assert_eq!(split.find(16, SpectrumPolicy::FirstFit), None, "29 pieces lie below the gap");
        assert_eq!(split.find(14, SpectrumPolicy::LastFit), Some(Slot { n: 31, m: 14 }));
    }

    #[test]
    fn each_policy_takes_the_gap_it_is_named_after() {
        let mut free = band();
        // gaps: −44…−25 (20 pieces), −16…−9 (8), 0…44 (45)
        free.take(Slot { n: -20, m: 4 });
        free.take(Slot { n: -4, m: 4 });
        for (policy, n) in
            [(SpectrumPolicy::FirstFit, -40), (SpectrumPolicy::LastFit, 41), (SpectrumPolicy::BestFit, -12)]
        {
            assert_eq!(free.find(4, policy), Some(Slot { n, m: 4 }), "{policy:?}");
        }
        assert_eq!(free.find(23, SpectrumPolicy::BestFit), None);
    }

    #[test]
    fn wishes_are_honoured_as_far_as_they_go() {
        let first = SpectrumPolicy::FirstFit;
        for (wishes, expected) in [
            (vec![], Ok(slots(&[(-32, 12)]))),
            (vec![wish(None, None)], Ok(slots(&[(-32, 12)]))),
            (vec![wish(0, 12)], Ok(slots(&[(0, 12)]))),
            (vec![wish(0, None)], Ok(slots(&[(0, 12)]))),
            (vec![wish(None, 16)], Ok(slots(&[(-28, 16)]))),
            // the wider one first, the rest fills up; answers keep the order of the wishes
            (vec![wish(None, None), wish(-36, 8)], Ok(slots(&[(-24, 4), (-36, 8)]))),
            // only two channels fit around 36, one is left over
            (vec![wish(36, None)], Err(BlockingReason::NoSpectrum)),
            (vec![wish(36, None), wish(None, None)], Ok(slots(&[(36, 8), (-40, 4)]))),
            (vec![wish(40, 12)], Err(BlockingReason::NoSpectrum)),
            (vec![wish(400, 12)], Err(BlockingReason::NoSpectrum)),
            (vec![wish(0, 8)], Err(BlockingReason::NotEnoughReservedSpectrum)),
            (vec![wish(0, 7), wish(20, 7)], Err(BlockingReason::NotEnoughReservedSpectrum)),
            (vec![wish(0, 4), wish(0, 8)], Err(BlockingReason::NoSpectrum)),
            (vec![wish(None, u32::MAX)], Err(BlockingReason::NoSpectrum)),
        ] {
            assert_eq!(assign(&mut band(), &wishes, NEED, first), expected, "{wishes:?}");
        }
    }

    #[test]
    fn nothing_is_taken_for_no_rate() {
        let need = Need::new(0.0, 100e9, 50e9);
        assert_eq!(assign(&mut band(), &[], need, SpectrumPolicy::FirstFit), Ok(vec![]));
        assert_eq!(Need::new(400e9, 200e9, 50e9).m(), 8);
        assert_eq!(Need::new(401e9, 200e9, 51e9), Need { channels: 3, channel_m: 5 });
    }

    #[test]
    fn a_band_fills_up() {
        let mut free = band();
        let one = Need { channels: 1, channel_m: 4 };
        for channel in 0..11 {
            let got = assign(&mut free, &[], one, SpectrumPolicy::FirstFit);
            assert_eq!(got, Ok(slots(&[(-40 + 8 * channel, 4)])));
        }
        assert_eq!(assign(&mut free, &[], one, SpectrumPolicy::FirstFit), Err(BlockingReason::NoSpectrum));
    }
}
