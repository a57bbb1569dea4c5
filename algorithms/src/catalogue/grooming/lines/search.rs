//! The search over maximal patterns, line by line, within a budget.

use std::collections::BTreeSet;

use super::{LINE_CLIENTS, LINE_KBPS, Packer, Pattern, fitting, take};
use crate::error::AlgorithmError;

/// What a search found.
pub(super) enum Searched {
    /// A packing into the lines asked for.
    Packed(Vec<Pattern>),
    /// There is none.
    Impossible,
    /// The budget was used up before.
    Unknown,
}

impl Packer<'_> {
    /// Looks for a packing of `items` into `lines` lines, with at most [`SEARCH_BUDGET`](super::SEARCH_BUDGET) patterns over all searches.
    pub(super) fn search(&mut self, items: &[u32], lines: u32) -> Result<Searched, AlgorithmError> {
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
