//! Packs clients into as few 10G lines as possible: bin packing with at most 16 items in a bin, exact by patterns.
//!
//! There are few kinds of clients (six rates) and many of each, so a line is a *pattern*: how many of each kind. Three
//! steps, each only where the one before left a gap:
//!
//! 1. Greedy, largest first, against the two obvious bounds (rates, number of clients). Nearly always equal.
//! 2. The linear program over all patterns (Gilmore and Gomory 1961) by column generation. Its dual values are
//!    *weights* of the kinds; rounded to integers and checked against every pattern they prove a bound exactly,
//!    whatever floating point did. Its primal solution, rounded down, leaves a handful of lines to be packed anew.
//! 3. A search over maximal patterns, line by line, for the last lines of step 2 and, if need be, for all of them.

mod relaxation;
mod search;
#[cfg(test)]
mod tests;

use self::search::Searched;
use crate::control::Control;
use crate::error::AlgorithmError;

/// Capacity of a line in kb/s.
pub const LINE_KBPS: u64 = 10_000_000;
/// Most clients of a line.
pub const LINE_CLIENTS: u32 = 16;
const _: () = assert!(LINE_CLIENTS as usize == optics::grooming::LINE_CLIENTS);
/// Patterns that the searches for one demand may look at before they give up: about a second.
const SEARCH_BUDGET: u64 = 1_000_000;
/// More lines than this are not searched as a whole: the linear program leaves nothing to gain there in practice.
const SEARCH_LINES: u32 = 64;
/// Clients of one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The rate of each in kb/s, above 0 and at most [`LINE_KBPS`].
    pub kbps: u64,
    /// How many.
    pub count: u32,
}

/// How many of each kind a line takes.
type Pattern = Vec<u32>;

/// A packing, and how good it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packing {
    /// For each line how many of each kind it takes.
    pub lines: Vec<Pattern>,
    /// Lines that any packing needs.
    pub at_least: u32,
}

/// Packs `kinds` into as few lines as can be found. The order of `kinds` matters only among equally good packings.
pub fn pack(kinds: &[Kind], control: &Control) -> Result<Packing, AlgorithmError> {
    let mut packer = Packer { kinds, weights: None, budget: SEARCH_BUDGET, control };
    let all: Pattern = kinds.iter().map(|kind| kind.count).collect();
    let mut lines = packer.greedy(&all);
    let mut at_least = packer.bound(&all);
    if count(lines.len()) > at_least {
        let fractional = packer.relax(&all)?;
        at_least = packer.bound(&all);
        if count(lines.len()) > at_least {
            let rounded = packer.round(&all, &fractional)?;
            if rounded.len() < lines.len() {
                lines = rounded;
            }
        }
        while count(lines.len()) > at_least && at_least <= SEARCH_LINES {
            match packer.search(&all, at_least)? {
                Searched::Packed(better) => lines = better,
                Searched::Impossible => at_least += 1,
                Searched::Unknown => break,
            }
        }
    }
    Ok(Packing { lines, at_least })
}

struct Packer<'a> {
    kinds: &'a [Kind],
    /// Integer weights of the kinds and the most that any line can weigh, once [`Packer::relax`] has found them.
    weights: Option<(Vec<u64>, u64)>,
    /// Patterns that searches may still look at.
    budget: u64,
    control: &'a Control,
}

impl Packer<'_> {
    /// Lines that `items` need at least, by clients, by rates and by the weights.
    fn bound(&self, items: &[u32]) -> u32 {
        let clients: u64 = items.iter().map(|&n| u64::from(n)).sum();
        let dot = |weights: &mut dyn Iterator<Item = u64>| -> u128 {
            weights.zip(items).map(|(weight, &n)| u128::from(weight) * u128::from(n)).sum()
        };
        let by_clients = u128::from(clients.div_ceil(u64::from(LINE_CLIENTS)));
        let by_rates = dot(&mut self.kinds.iter().map(|kind| kind.kbps)).div_ceil(u128::from(LINE_KBPS));
        let by_weights = self
            .weights
            .as_ref()
            .map_or(0, |(weights, most)| dot(&mut weights.iter().copied()).div_ceil(u128::from(*most)));
        u32::try_from(by_clients.max(by_rates).max(by_weights)).unwrap_or(u32::MAX)
    }

    /// First fit decreasing: each line takes the largest client that fits until none does.
    fn greedy(&self, items: &[u32]) -> Vec<Pattern> {
        let mut left = items.to_vec();
        let mut lines = Vec::new();
        let mut by_rate: Vec<usize> = (0..self.kinds.len()).collect();
        by_rate.sort_by_key(|&k| std::cmp::Reverse(self.kinds[k].kbps));
        while left.iter().any(|&n| n > 0) {
            let (mut kbps, mut places) = (LINE_KBPS, LINE_CLIENTS);
            let mut line = vec![0; left.len()];
            for &k in &by_rate {
                let fit = left[k].min(places).min(fitting(kbps, self.kinds[k].kbps));
                line[k] = fit;
                places -= fit;
                kbps -= u64::from(fit) * self.kinds[k].kbps;
            }
            take(&mut left, &line);
            lines.push(line);
        }
        lines
    }
}

/// How many clients of `kbps` fit into a rate.
fn fitting(rate: u64, kbps: u64) -> u32 {
    u32::try_from(rate / kbps).unwrap_or(u32::MAX)
}

fn take(left: &mut [u32], line: &[u32]) {
    for (left, n) in left.iter_mut().zip(line) {
        *left -= n;
    }
}

fn count(lines: usize) -> u32 {
    u32::try_from(lines).unwrap_or(u32::MAX)
}
