//! The linear program over all patterns, by column generation: the weights that prove a bound, and what its solution
//! leaves to pack when it is rounded down.

use super::search::Searched;
use super::{LINE_CLIENTS, LINE_KBPS, Packer, Pattern, count, fitting, take};
use crate::error::AlgorithmError;

/// Pivots after which the linear program is left where it is; its weights prove a weaker bound then.
const MAX_PIVOTS: usize = 500;
/// What a weight of 1 is in integers.
const WEIGHT_ONE: f64 = 1e9;

impl Packer<'_> {
    /// Solves the linear program over all patterns and keeps its weights. Returns the patterns and how often each.
    pub(super) fn relax(&mut self, items: &[u32]) -> Result<Vec<(Pattern, f64)>, AlgorithmError> {
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
    pub(super) fn round(
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
