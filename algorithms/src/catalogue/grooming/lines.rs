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

use std::collections::BTreeSet;

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
/// Pivots after which the linear program is left where it is; its weights prove a weaker bound then.
const MAX_PIVOTS: usize = 500;
/// What a weight of 1 is in integers.
const WEIGHT_ONE: f64 = 1e9;

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

enum Searched {
    Packed(Vec<Pattern>),
    Impossible,
    Unknown,
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

    /// The heaviest pattern within `items`; every kind weighs at least 0.
    fn heaviest(&self, items: &[u32], weights: &[u64]) -> (u64, Pattern) {
        let mut order: Vec<usize> = (0..items.len()).filter(|&k| weights[k] > 0 && items[k] > 0).collect();
        // heavy for their rate first, so that good patterns come early and prune the rest
        order.sort_by(|&a, &b| {
            let per_rate =
                |k: usize, other: usize| u128::from(weights[k]) * u128::from(self.kinds[other].kbps);
            per_rate(b, a).cmp(&per_rate(a, b)).then(a.cmp(&b))
        });
        let mut best = (0, vec![0; items.len()]);
        let mut line = vec![0; items.len()];
        self.heavier(items, weights, &order, (LINE_KBPS, LINE_CLIENTS, 0), &mut line, &mut best);
        best
    }

    fn heavier(
        &self,
        items: &[u32],
        weights: &[u64],
        order: &[usize],
        (kbps, places, weight): (u64, u32, u64),
        line: &mut Pattern,
        best: &mut (u64, Pattern),
    ) {
        if weight > best.0 {
            *best = (weight, line.clone());
        }
        let Some((&k, rest)) = order.split_first() else { return };
        // what is left can be no better than all of the rate at the best weight per rate, nor than every place at the
        // best weight per client
        let by_rate = u128::from(kbps) * u128::from(weights[k]) / u128::from(self.kinds[k].kbps);
        let by_places = u64::from(places) * order.iter().map(|&k| weights[k]).max().unwrap_or(0);
        if u128::from(weight) + by_rate.min(u128::from(by_places)) <= u128::from(best.0) {
            return;
        }
        for n in (0..=items[k].min(places).min(fitting(kbps, self.kinds[k].kbps))).rev() {
            line[k] = n;
            let left =
                (kbps - u64::from(n) * self.kinds[k].kbps, places - n, weight + u64::from(n) * weights[k]);
            self.heavier(items, weights, rest, left, line, best);
        }
        line[k] = 0;
    }

    /// Solves the linear program over all patterns and keeps its weights. Returns the patterns and how often each.
    fn relax(&mut self, items: &[u32]) -> Result<Vec<(Pattern, f64)>, AlgorithmError> {
        let kinds: Vec<usize> = (0..items.len()).filter(|&k| items[k] > 0).collect();
        let demand: Vec<f64> = kinds.iter().map(|&k| f64::from(items[k])).collect();
        // a basis to begin with: lines of one kind each
        let mut basis: Vec<Column> = kinds
            .iter()
            .map(|&k| {
                let mut line = vec![0; items.len()];
                line[k] = items[k].min(LINE_CLIENTS).min(fitting(LINE_KBPS, self.kinds[k].kbps));
                Column::Line(line)
            })
            .collect();
        let mut amounts = Vec::new();
        for _ in 0..MAX_PIVOTS {
            self.control.check()?;
            let matrix: Vec<Vec<f64>> = (0..kinds.len())
                .map(|row| basis.iter().map(|column| column.entry(kinds[row])).collect())
                .collect();
            let costs: Vec<f64> = basis.iter().map(Column::cost).collect();
            let (Some(solution), Some(prices)) =
                (solve(matrix.clone(), demand.clone()), solve(transposed(&matrix), costs))
            else {
                break;
            };
            amounts = solution;
            let entering = if let Some(row) = prices.iter().position(|&price| price < -1e-9) {
                Column::Surplus(kinds[row])
            } else {
                let mut weights = vec![0; items.len()];
                for (&k, &price) in kinds.iter().zip(&prices) {
                    weights[k] = to_weight(price);
                }
                let (most, line) = self.heaviest(items, &weights);
                self.weights = (most > 0).then_some((weights, most));
                if most as f64 <= WEIGHT_ONE * (1.0 + 1e-7) {
                    break;
                }
                Column::Line(line)
            };
            let column: Vec<f64> = kinds.iter().map(|&k| entering.entry(k)).collect();
            let Some(change) = solve(matrix, column) else { break };
            let leaving = (0..basis.len())
                .filter(|&i| change[i] > 1e-9)
                .min_by(|&i, &j| (amounts[i] / change[i]).total_cmp(&(amounts[j] / change[j])));
            match leaving {
                Some(i) => basis[i] = entering,
                None => break,
            }
        }
        Ok(basis
            .into_iter()
            .zip(amounts)
            .filter_map(|(column, amount)| match column {
                Column::Line(line) => Some((line, amount)),
                Column::Surplus(_) => None,
            })
            .collect())
    }

    /// Takes every pattern as often as the fraction says in full, and packs what is left as well as possible.
    fn round(
        &mut self,
        items: &[u32],
        fractional: &[(Pattern, f64)],
    ) -> Result<Vec<Pattern>, AlgorithmError> {
        let mut left = items.to_vec();
        let mut lines = Vec::new();
        for (line, amount) in fractional {
            let mut times = (amount + 1e-9).floor();
            while times >= 1.0 {
                times -= 1.0;
                let line: Pattern = line.iter().zip(&left).map(|(&n, &left)| n.min(left)).collect();
                if line.iter().all(|&n| n == 0) {
                    break;
                }
                take(&mut left, &line);
                lines.push(line);
            }
        }
        let mut rest = self.greedy(&left);
        let mut target = self.bound(&left);
        while count(rest.len()) > target {
            match self.search(&left, target)? {
                Searched::Packed(better) => rest = better,
                Searched::Impossible => target += 1,
                Searched::Unknown => break,
            }
        }
        lines.append(&mut rest);
        Ok(lines)
    }

    /// Looks for a packing of `items` into `lines` lines, with at most [`SEARCH_BUDGET`] patterns over all searches.
    fn search(&mut self, items: &[u32], lines: u32) -> Result<Searched, AlgorithmError> {
        let mut failed = BTreeSet::new();
        let mut packed = Vec::new();
        Ok(match self.fill(items, lines, &mut failed, &mut packed)? {
            Some(true) => Searched::Packed(packed),
            Some(false) => Searched::Impossible,
            None => Searched::Unknown,
        })
    }

    /// Whether `items` go into `lines` lines, which are then in `packed`; none if the budget is used up.
    fn fill(
        &mut self,
        items: &[u32],
        lines: u32,
        failed: &mut BTreeSet<(u32, Pattern)>,
        packed: &mut Vec<Pattern>,
    ) -> Result<Option<bool>, AlgorithmError> {
        if items.iter().all(|&n| n == 0) {
            return Ok(Some(true));
        }
        if self.bound(items) > lines || failed.contains(&(lines, items.to_vec())) {
            return Ok(Some(false));
        }
        self.control.check()?;
        let patterns = self.maximal(items);
        self.budget = self.budget.saturating_sub(patterns.len() as u64);
        if self.budget == 0 {
            return Ok(None);
        }
        for line in patterns {
            let mut left = items.to_vec();
            take(&mut left, &line);
            packed.push(line);
            match self.fill(&left, lines - 1, failed, packed)? {
                Some(false) => packed.pop(),
                done => return Ok(done),
            };
        }
        failed.insert((lines, items.to_vec()));
        Ok(Some(false))
    }

    /// Every pattern within `items` that holds the largest client and has no room for another one, fullest first.
    ///
    /// Some line takes the largest client, and moving clients into a line that has room never costs a line: other
    /// patterns need not be tried.
    fn maximal(&self, items: &[u32]) -> Vec<Pattern> {
        let mut by_rate: Vec<usize> = (0..items.len()).filter(|&k| items[k] > 0).collect();
        by_rate.sort_by_key(|&k| std::cmp::Reverse(self.kinds[k].kbps));
        let mut found = Vec::new();
        let mut line = vec![0; items.len()];
        self.extend(items, &by_rate, (LINE_KBPS, LINE_CLIENTS), &mut line, &mut found);
        found.retain(|(_, line)| line[by_rate[0]] > 0);
        found.sort_by_key(|(room, _)| *room);
        found.into_iter().map(|(_, line)| line).collect()
    }

    fn extend(
        &self,
        items: &[u32],
        order: &[usize],
        (kbps, places): (u64, u32),
        line: &mut Pattern,
        found: &mut Vec<(u64, Pattern)>,
    ) {
        let Some((&k, rest)) = order.split_first() else {
            let room = |k: usize| line[k] < items[k] && self.kinds[k].kbps <= kbps;
            if places == 0 || !(0..items.len()).any(room) {
                found.push((kbps, line.clone()));
            }
            return;
        };
        for n in (0..=items[k].min(places).min(fitting(kbps, self.kinds[k].kbps))).rev() {
            line[k] = n;
            let left = (kbps - u64::from(n) * self.kinds[k].kbps, places - n);
            self.extend(items, rest, left, line, found);
        }
        line[k] = 0;
    }
}

/// A column of the linear program.
enum Column {
    /// A line of this pattern: costs one line.
    Line(Pattern),
    /// Room for one more of a kind than there are: costs nothing.
    Surplus(usize),
}

impl Column {
    fn entry(&self, kind: usize) -> f64 {
        match self {
            Self::Line(line) => f64::from(line[kind]),
            Self::Surplus(surplus) => -f64::from(u8::from(*surplus == kind)),
        }
    }

    fn cost(&self) -> f64 {
        match self {
            Self::Line(_) => 1.0,
            Self::Surplus(_) => 0.0,
        }
    }
}

/// Solves a small square system by elimination with pivoting; none if it is singular.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for column in 0..size {
        let pivot =
            (column..size).max_by(|&i, &j| matrix[i][column].abs().total_cmp(&matrix[j][column].abs()))?;
        if matrix[pivot][column].abs() < 1e-12 {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in 0..size {
            let factor = matrix[row][column] / matrix[column][column];
            if row == column || factor == 0.0 {
                continue;
            }
            let pivot = matrix[column].clone();
            for (entry, pivot) in matrix[row].iter_mut().zip(&pivot).skip(column) {
                *entry -= factor * pivot;
            }
            right[row] -= factor * right[column];
        }
    }
    Some((0..size).map(|i| right[i] / matrix[i][i]).collect())
}

fn transposed(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..matrix.len()).map(|column| matrix.iter().map(|row| row[column]).collect()).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // prices lie between 0 and 1
fn to_weight(price: f64) -> u64 {
    (price.clamp(0.0, 1.0) * WEIGHT_ONE).floor() as u64
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(all: &[(u64, u32)]) -> Vec<Kind> {
        all.iter().map(|&(kbps, count)| Kind { kbps, count }).collect()
    }

    /// Packs, checks every line, and gives the numbers of lines found and proven necessary.
    fn packed(all: &[(u64, u32)]) -> (u32, u32) {
        let kinds = kinds(all);
        let packing = pack(&kinds, &Control::new()).unwrap();
        let mut left: Vec<u32> = kinds.iter().map(|kind| kind.count).collect();
        for line in &packing.lines {
            let clients: u32 = line.iter().sum();
            let kbps: u64 = line.iter().zip(&kinds).map(|(&n, kind)| u64::from(n) * kind.kbps).sum();
            assert!((1..=LINE_CLIENTS).contains(&clients) && kbps <= LINE_KBPS, "{line:?}");
            take(&mut left, line);
        }
        assert!(left.iter().all(|&n| n == 0), "left over: {left:?}");
        (count(packing.lines.len()), packing.at_least)
    }

    /// The least number of lines, by placing one client after the other wherever it fits.
    fn brute_force(clients: &[u64]) -> u32 {
        fn place(clients: &[u64], lines: &mut Vec<(u64, u32)>, best: &mut usize) {
            if lines.len() >= *best {
                return;
            }
            let Some((&kbps, rest)) = clients.split_first() else {
                *best = lines.len();
                return;
            };
            for i in 0..lines.len() {
                let (used, count) = lines[i];
                if used + kbps <= LINE_KBPS && count < LINE_CLIENTS && !lines[..i].contains(&lines[i]) {
                    lines[i] = (used + kbps, count + 1);
                    place(rest, lines, best);
                    lines[i] = (used, count);
                }
            }
            lines.push((kbps, 1));
            place(rest, lines, best);
            lines.pop();
        }
        let mut best = clients.len() + 1;
        place(clients, &mut Vec::new(), &mut best);
        count(best)
    }

    #[test]
    fn nothing_needs_no_line() {
        assert_eq!(packed(&[]), (0, 0));
        assert_eq!(packed(&[(1_250_000, 0)]), (0, 0));
    }

    #[test]
    fn sixteen_clients_fill_a_line_whatever_their_rate() {
        assert_eq!(packed(&[(2_048, 16)]), (1, 1));
        assert_eq!(packed(&[(2_048, 17)]), (2, 2));
        assert_eq!(packed(&[(622_080, 32)]), (2, 2));
    }

    #[test]
    fn light_clients_beside_heavy_ones_where_largest_first_is_poor() {
        // largest first: 8 lines of 8 GE and 5 of 16 FE; mixing 7 GE and 9 FE in a line needs fewer
        let (lines, at_least) = packed(&[(1_250_000, 64), (100_000, 80)]);
        assert_eq!((lines, at_least), (10, 10));
    }

    #[test]
    fn thousands_of_clients_of_every_kind_are_packed_with_proof() {
        let mix = [
            (2_048, 1_900),
            (155_520, 1_500),
            (622_080, 700),
            (2_500_000, 333),
            (100_000, 2_300),
            (1_250_000, 1_111),
        ];
        let (lines, at_least) = packed(&mix);
        assert_eq!(lines, at_least);
    }

    #[test]
    fn weights_prove_what_the_obvious_bounds_cannot() {
        // three of 3.4 Gb/s do not fit: two to a line, though rates alone would ask for 7 lines and clients for 2
        assert_eq!(packed(&[(3_400_000, 20)]), (10, 10));
    }

    #[test]
    fn a_cancelled_packing_returns() {
        let control = Control::new();
        control.cancel();
        let mix = kinds(&[(1_250_000, 64), (100_000, 80)]);
        assert_eq!(pack(&mix, &control), Err(AlgorithmError::Cancelled));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn few_clients_are_packed_as_well_as_by_brute_force(
            kinds in proptest::collection::vec((500_000_u64..=9_000_000, 1_u32..4), 1..5)
        ) {
            let clients: Vec<u64> =
                kinds.iter().flat_map(|&(kbps, count)| std::iter::repeat_n(kbps, count as usize)).collect();
            let (lines, at_least) = packed(&kinds);
            prop_assert_eq!(lines, at_least);
            prop_assert_eq!(lines, brute_force(&clients));
        }

        #[test]
        fn any_mix_of_service_types_is_packed_with_proof(
            counts in proptest::collection::vec(0_u32..60, 6)
        ) {
            let rates = [2_048, 155_520, 622_080, 2_500_000, 100_000, 1_250_000];
            let mix: Vec<(u64, u32)> = rates.into_iter().zip(counts).collect();
            let (lines, at_least) = packed(&mix);
            prop_assert_eq!(lines, at_least);
        }
    }
}
