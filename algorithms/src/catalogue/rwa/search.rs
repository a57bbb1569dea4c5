//! The ejection search: a fixed number of layers, requests that displace others, and one layer less when all fit.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::instance::Instance;
use super::layers::{EJECTION, Layers, MAX_WEIGHT, Prices, has};
use super::quest::Quest;
use super::router::{Preference, Router};
use super::solution::Solution;
use crate::control::Control;
use crate::error::AlgorithmError;

/// Steps between two decays of the weights.
const DECAY_EVERY: u32 = 200;

/// A search under way.
pub struct Search<'a> {
    instance: &'a Instance,
    /// The layers as they are.
    pub layers: Layers<'a>,
    /// What displacing costs.
    pub prices: Prices,
    /// Requests without a place.
    pub unplaced: Vec<u32>,
    base: Vec<u32>,
    router: Router,
    random: ChaCha8Rng,
}

impl<'a> Search<'a> {
    /// A search on `count` empty layers, the most usable channels first.
    pub fn on_empty(instance: &'a Instance, count: usize, scarce: bool, random: ChaCha8Rng) -> Self {
        let mut layers = Layers::new(instance);
        for &channel in channels_by_use(instance).iter().take(count) {
            layers.add_layer(channel);
        }
        Self::with(instance, layers, scarce, random)
    }

    /// A search that goes on from `solution`.
    pub fn resume(instance: &'a Instance, solution: &Solution, scarce: bool, random: ChaCha8Rng) -> Self {
        Self::with(instance, solution.layers(instance), scarce, random)
    }

    fn with(instance: &'a Instance, layers: Layers<'a>, scarce: bool, random: ChaCha8Rng) -> Self {
        let requests = instance.requests.len();
        let mut prices = Prices::new(requests);
        if scarce {
            // Not all can be served: what is worth more is displaced less readily.
            for (weight, request) in prices.weight.iter_mut().zip(&instance.requests) {
                *weight = (EJECTION * request.worth / 100).clamp(10, 100 * EJECTION);
            }
        }
        let unplaced =
            (0..).zip(&layers.placed).filter(|(_, own)| own.is_none()).map(|(own, _)| own).collect();
        Self {
            instance,
            router: Router::new(instance),
            layers,
            base: prices.weight.clone(),
            prices,
            unplaced,
            random,
        }
    }

    /// Adds learned weights, on top of what each request weighs from the start.
    pub fn learn(&mut self, weights: &[u32]) {
        for ((weight, base), learned) in self.prices.weight.iter_mut().zip(&self.base).zip(weights) {
            *weight = (base + learned).min(MAX_WEIGHT);
        }
    }

    /// What was learned: weights above what each request weighs from the start.
    pub fn learned(&self) -> Vec<u32> {
        self.prices.weight.iter().zip(&self.base).map(|(weight, base)| weight - base).collect()
    }

    /// Places what fits without displacing anyone, longest first, in the lowest layer among routes of fewest hops.
    pub fn construct(&mut self, control: &Control) -> Result<(), AlgorithmError> {
        let mut order: Vec<(u32, u32, u32)> = self
            .unplaced
            .iter()
            .map(|&request| (self.instance.requests[request as usize].hops, self.random.next_u32(), request))
            .collect();
        order.sort_unstable_by(|one, other| other.cmp(one));
        self.unplaced.clear();
        for (position, &(_, _, request)) in order.iter().enumerate() {
            if position % 32 == 0 {
                control.check()?;
            }
            if !self.place_free(request, Preference::Lowest) {
                self.unplaced.push(request);
            }
        }
        Ok(())
    }

    fn place_free(&mut self, request: u32, preference: Preference) -> bool {
        let quest = Quest::of(request, &self.layers, &self.prices);
        self.router.free_place(quest, preference).is_some_and(|place| {
            self.layers.place(request, place.layer, &place.routes, &self.prices).is_some()
        })
    }

    /// Steps until everything is placed or `steps` are used up; gives back how many were used.
    pub fn settle(&mut self, steps: u32, control: &Control) -> Result<u32, AlgorithmError> {
        for used in 0..steps {
            if self.unplaced.is_empty() || self.layers.count() == 0 {
                return Ok(used);
            }
            control.check()?;
            self.step();
        }
        Ok(steps)
    }

    /// Like [`Search::settle`], but gives back the state in which what is missing was worth least.
    pub fn settle_for_most(&mut self, steps: u32, control: &Control) -> Result<Solution, AlgorithmError> {
        let mut best = Solution::of(&self.layers);
        let mut least = self.missing_worth();
        for _ in 0..steps {
            if self.unplaced.is_empty() || self.layers.count() == 0 {
                break;
            }
            control.check()?;
            self.step();
            let missing = self.missing_worth();
            if missing < least {
                least = missing;
                best = Solution::of(&self.layers);
            }
        }
        Ok(best)
    }

    fn missing_worth(&self) -> u64 {
        self.unplaced.iter().map(|&request| u64::from(self.instance.requests[request as usize].worth)).sum()
    }

    /// Places one request, displacing as little as possible.
    fn step(&mut self) {
        self.prices.step += 1;
        if self.prices.step.is_multiple_of(DECAY_EVERY) {
            for (weight, base) in self.prices.weight.iter_mut().zip(&self.base) {
                *weight -= (*weight - base) / 10;
            }
        }
        let [one, other] = [self.below(self.unplaced.len()), self.below(self.unplaced.len())];
        let weight = |at: usize| self.prices.weight[self.unplaced[at] as usize];
        let chosen = if weight(other) > weight(one) { other } else { one };
        let request = self.unplaced.swap_remove(chosen);
        let offset = self.below(self.layers.count());
        if self.place_free(request, Preference::From(offset)) {
            return;
        }
        let quest = Quest::of(request, &self.layers, &self.prices);
        let place = self.router.cheapest_place(quest, offset);
        let displaced =
            place.and_then(|place| self.layers.place(request, place.layer, &place.routes, &self.prices));
        let Some(displaced) = displaced else {
            self.unplaced.push(request);
            return;
        };
        for holder in displaced {
            let weight = &mut self.prices.weight[holder as usize];
            *weight = (*weight + EJECTION).min(MAX_WEIGHT);
            self.unplaced.push(holder);
        }
        self.prices.tabu_until[request as usize] = self.prices.step + 5 + self.random.next_u32() % 10;
    }

    /// Places what fits without displacing anyone, on further channels too.
    pub fn fill(&mut self, control: &Control) -> Result<(), AlgorithmError> {
        self.construct(control)?;
        while !self.unplaced.is_empty() {
            control.check()?;
            let waiting = self.unplaced.len();
            if !self.add_layer() || self.unplaced.len() == waiting {
                break;
            }
        }
        Ok(())
    }

    /// Its source of randomness.
    pub fn into_random(self) -> ChaCha8Rng {
        self.random
    }

    /// Empties the layer in use least and removes it; its requests have no place then.
    pub fn drop_layer(&mut self) {
        let Some(layer) = (0..self.layers.count()).min_by_key(|&layer| (self.layers.used(layer), layer))
        else {
            return;
        };
        for request in self.layers.residents(layer) {
            self.layers.eject(request);
            self.unplaced.push(request);
        }
        self.layers.remove_layer(layer);
    }

    /// Removes layers in which nothing is.
    pub fn drop_empty_layers(&mut self) {
        for layer in (0..self.layers.count()).rev() {
            if self.layers.used(layer) == 0 {
                self.layers.remove_layer(layer);
            }
        }
    }

    /// Adds a layer on the most usable channel not in use and fills it without displacing anyone.
    /// Gives false if there is no channel left.
    pub fn add_layer(&mut self) -> bool {
        let used = &self.layers.channel;
        let free = channels_by_use(self.instance).into_iter().find(|channel| !used.contains(channel));
        let Some(channel) = free else { return false };
        self.layers.add_layer(channel);
        let waiting = std::mem::take(&mut self.unplaced);
        for request in waiting {
            if !self.place_free(request, Preference::Lowest) {
                self.unplaced.push(request);
            }
        }
        true
    }

    fn below(&mut self, count: usize) -> usize {
        let wide = u64::from(self.random.next_u32()) * count as u64;
        usize::try_from(wide >> 32).expect("less than count")
    }
}

/// Channels, those closed on fewest fibres first, the lower first.
fn channels_by_use(instance: &Instance) -> Vec<usize> {
    let mut channels: Vec<usize> = (0..instance.channels).collect();
    if !instance.uniform {
        let closed_on = |channel: usize| instance.closed.iter().filter(|fibre| has(fibre, channel)).count();
        channels.sort_by_cached_key(|&channel| (closed_on(channel), channel));
    }
    channels
}
