//! One shard of a round of the search: from nothing, or from one of the best plans, to fewer wavelengths.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::instance::Instance;
use super::search::Search;
use super::solution::Solution;
use crate::control::Control;
use crate::error::AlgorithmError;

/// A plan, and how far the search for a better one has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elite {
    /// The plan. If anything has no place in it, not everything has one on any wavelengths that were tried.
    pub solution: Solution,
    /// An unfinished plan on fewer wavelengths.
    pub attempt: Option<Solution>,
    /// What the search learned of how hard each request is to place.
    pub weights: Vec<u32>,
}

/// What a shard gives back.
pub type Found = Elite;

impl Elite {
    /// Worth of what has no place, wavelengths, and what the attempt has no place for; less is better.
    pub fn rank(&self, instance: &Instance) -> (u64, u32, usize) {
        let left = self.attempt.as_ref().map_or(usize::MAX, |attempt| attempt.unplaced().len());
        (self.solution.missing_worth(instance), self.solution.wavelengths(), left)
    }
}

/// What the shards of a round have in common.
pub struct Round<'a> {
    /// The task.
    pub instance: &'a Instance,
    /// Wavelengths that are needed at least.
    pub floor: u32,
    /// Steps of the search.
    pub steps: u32,
}

impl Round<'_> {
    /// Searches at the bound at once; if that does not end in time, adds wavelengths until there is a plan.
    pub fn begin(&self, random: ChaCha8Rng, control: &Control) -> Result<Found, AlgorithmError> {
        let scarce = self.floor as usize > self.instance.channels;
        let layers = (self.floor as usize).clamp(1, self.instance.channels);
        let mut search = Search::on_empty(self.instance, layers, scarce, random);
        search.construct(control)?;
        if scarce {
            return self.most(search, control);
        }
        search.settle(self.steps, control)?;
        if search.unplaced.is_empty() {
            return Ok(complete(&search));
        }
        let (attempt, weights) = (Solution::of(&search.layers), search.learned());
        // A layer that takes nobody in shows that wavelengths are not what is missing.
        let mut fruitless = 0;
        while !search.unplaced.is_empty() && fruitless < 3 {
            let waiting = search.unplaced.len();
            if !search.add_layer() {
                break;
            }
            search.settle(self.steps / 10, control)?;
            fruitless = if search.unplaced.len() < waiting { 0 } else { fruitless + 1 };
        }
        if !search.unplaced.is_empty() {
            let solution = Solution::of(&search.layers);
            let random = search.into_random();
            return self.most(Search::resume(self.instance, &solution, true, random), control);
        }
        search.drop_empty_layers();
        Ok(Found { attempt: Some(attempt), weights, ..complete(&search) })
    }

    /// Goes on from `elite`: with its attempt, or `afresh` with its complete plan less one wavelength.
    pub fn go_on(
        &self,
        elite: &Elite,
        afresh: bool,
        random: ChaCha8Rng,
        control: &Control,
    ) -> Result<Found, AlgorithmError> {
        if elite.solution.unplaced().is_empty() {
            return self.fewer(elite, afresh, random, control);
        }
        let mut search = Search::resume(self.instance, &elite.solution, true, random);
        if !afresh {
            search.learn(&elite.weights);
        }
        self.most(search, control)
    }

    fn fewer(
        &self,
        elite: &Elite,
        afresh: bool,
        random: ChaCha8Rng,
        control: &Control,
    ) -> Result<Found, AlgorithmError> {
        let mut solution = elite.solution.clone();
        let attempt = elite.attempt.as_ref().filter(|_| !afresh);
        let mut search = Search::resume(self.instance, attempt.unwrap_or(&solution), false, random);
        if attempt.is_some() {
            search.learn(&elite.weights);
        } else {
            search.drop_layer();
        }
        let mut left = self.steps;
        loop {
            left -= search.settle(left, control)?;
            if !search.unplaced.is_empty() {
                let attempt = Some(Solution::of(&search.layers));
                return Ok(Found { solution, attempt, weights: search.learned() });
            }
            search.drop_empty_layers();
            solution = Solution::of(&search.layers);
            if solution.wavelengths() <= self.floor {
                return Ok(Found { solution, attempt: None, weights: Vec::new() });
            }
            search.drop_layer();
        }
    }

    /// Serves as much as there is room for.
    fn most(&self, mut search: Search<'_>, control: &Control) -> Result<Found, AlgorithmError> {
        let best = search.settle_for_most(self.steps, control)?;
        let weights = search.learned();
        let mut search = Search::resume(self.instance, &best, true, search.into_random());
        search.fill(control)?;
        search.drop_empty_layers();
        Ok(Found { solution: Solution::of(&search.layers), attempt: None, weights })
    }
}

fn complete(search: &Search<'_>) -> Found {
    Found { solution: Solution::of(&search.layers), attempt: None, weights: Vec::new() }
}
