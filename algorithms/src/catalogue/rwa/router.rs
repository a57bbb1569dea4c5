//! Finds free places for one request: breadth-first search in all layers at once, disjoint pairs layer by layer.
//! Where nothing is free, `displace` takes over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::disjoint::RouteFinder;
use super::instance::{Arc, Instance, Pairing};
use super::layers::{FREE, HOP, has};
use super::quest::Quest;

/// A place for a request.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The layer.
    pub layer: usize,
    /// Links of each route, from the request's `a` to its `b`.
    pub routes: Vec<Vec<usize>>,
    /// What it costs.
    pub cost: u32,
}

impl Place {
    /// What its ends cost.
    pub(super) fn end_cost(&self, quest: Quest<'_>) -> Option<u32> {
        let ends = |link: fn(&Vec<usize>) -> usize| self.routes.iter().map(link).collect::<Vec<usize>>();
        let (firsts, lasts) = (ends(|route| route[0]), ends(|route| route[route.len() - 1]));
        let at_a = quest.end_price(quest.request.a, &firsts, self.layer)?;
        Some(at_a + quest.end_price(quest.request.b, &lasts, self.layer)?)
    }
}

/// Memory for searches, kept between them.
#[derive(Clone, Debug)]
pub struct Router {
    words: usize,
    reached: Vec<u64>,
    current: Vec<u64>,
    next: Vec<u64>,
    goal: Vec<u64>,
    active: Vec<usize>,
    upcoming: Vec<usize>,
    pub(super) finder: RouteFinder,
    pub(super) cost: Vec<u32>,
    pub(super) via: Vec<(u32, u32)>,
    pub(super) holder: Vec<u32>,
    pub(super) stamp: Vec<u32>,
    pub(super) time: u32,
    pub(super) queue: BinaryHeap<Reverse<(u32, u32, u32)>>,
    /// What each layer costs at least, its turn, and the layer.
    pub(super) order: Vec<(u32, u32, usize)>,
}

/// Which layer to take where several are equally good.
#[derive(Clone, Copy, Debug)]
pub enum Preference {
    /// The lowest.
    Lowest,
    /// The first at or after this one, in a circle.
    From(usize),
}

impl Preference {
    /// The first layer to look at.
    const fn offset(self) -> usize {
        match self {
            Self::Lowest => 0,
            Self::From(layer) => layer,
        }
    }
}

impl Router {
    /// Memory for `instance`.
    pub fn new(instance: &Instance) -> Self {
        let words = instance.channels.div_ceil(64);
        Self {
            words,
            reached: vec![0; words * instance.nodes],
            current: vec![0; words * instance.nodes],
            next: vec![0; words * instance.nodes],
            goal: vec![0; words],
            active: Vec::new(),
            upcoming: Vec::new(),
            finder: RouteFinder::new(instance.nodes),
            cost: vec![0; instance.nodes],
            via: vec![(0, 0); instance.nodes],
            holder: vec![FREE; instance.nodes],
            stamp: vec![0; instance.nodes],
            time: 0,
            queue: BinaryHeap::new(),
            order: Vec::new(),
        }
    }

    /// A place of fewest hops that displaces nobody.
    pub fn free_place(&mut self, quest: Quest<'_>, preference: Preference) -> Option<Place> {
        let offset = preference.offset();
        if !quest.is_single() {
            return self.free_pair(quest, offset);
        }
        if !self.free_layers(quest) {
            return None;
        }
        let layer = quest.layers_from(offset).find(|&layer| has(&self.goal, layer))?;
        self.free_in(quest, layer, u32::MAX, |_| HOP)
    }

    /// The free place of fewest hops, and among those of least length.
    pub fn shortest_free_place(&mut self, quest: Quest<'_>) -> Option<Place> {
        if quest.is_single() && !self.free_layers(quest) {
            return None;
        }
        // Twelve bits of hops above twenty of length in units of 100 m.
        let links = &quest.instance().links;
        let long = |arc: Arc| {
            (1 << 20) + u32::try_from(links[arc.link].length_m / 100).unwrap_or(1 << 20).min(1 << 20)
        };
        let mut best: Option<Place> = None;
        for layer in quest.layers_from(0) {
            if quest.is_single() && !has(&self.goal, layer) {
                continue;
            }
            let limit = best.as_ref().map_or(u32::MAX, |best| best.cost);
            if let Some(place) = self.free_in(quest, layer, limit, long) {
                best = Some(place);
            }
        }
        best
    }

    /// The cheapest free place in `layer` that costs less than `limit`.
    fn free_in(
        &mut self,
        quest: Quest<'_>,
        layer: usize,
        limit: u32,
        price: impl Fn(Arc) -> u32,
    ) -> Option<Place> {
        let ends = quest.ends();
        let usable = |arc: Arc, from: usize| {
            let usable = quest.layers.is_free(arc.link, layer)
                && (from != ends.a || quest.can_end(ends.a, arc.link, layer))
                && (arc.node != ends.b || quest.can_end(ends.b, arc.link, layer));
            usable.then(|| price(arc))
        };
        if !quest.is_single() {
            let place = self.pair_in(quest, layer, limit, usable)?;
            return (place.end_cost(quest) == Some(0)).then_some(place);
        }
        let cost = self.finder.single(quest.instance(), ends, limit, usable)?;
        Some(Place { layer, routes: vec![self.finder.routes[0].clone()], cost })
    }

    /// Breadth-first search in all layers at once: whether there is a free route, and into `goal` the layers with one
    /// of fewest hops.
    fn free_layers(&mut self, quest: Quest<'_>) -> bool {
        let (instance, words) = (quest.instance(), self.words);
        let (a, b) = (quest.request.a, quest.request.b);
        let count = quest.layers.count();
        self.reached.fill(0);
        self.active.clear();
        self.active.push(a);
        let start = a * words..(a + 1) * words;
        for (word, bits) in self.current[start.clone()].iter_mut().enumerate() {
            *bits = mask(count, word);
        }
        self.reached[start.clone()].copy_from_slice(&self.current[start]);
        let mut found = false;
        while !self.active.is_empty() && !found {
            for position in 0..self.active.len() {
                let node = self.active[position];
                for &arc in &instance.adjacency[node] {
                    if !quest.allows(arc) {
                        continue;
                    }
                    let free = quest.layers.free(arc.link);
                    let mut news = 0;
                    for (word, free) in free.iter().enumerate() {
                        let at = arc.node * words + word;
                        let mut bits = self.current[node * words + word] & free & !self.reached[at];
                        if bits != 0 && node == a && !instance.open[a] {
                            bits = ending(quest, a, arc.link, word, bits);
                        }
                        if bits != 0 && arc.node == b && !instance.open[b] {
                            bits = ending(quest, b, arc.link, word, bits);
                        }
                        self.next[at] |= bits;
                        news |= bits;
                    }
                    if news != 0 && !self.upcoming.contains(&arc.node) {
                        self.upcoming.push(arc.node);
                    }
                }
            }
            if self.upcoming.contains(&b) {
                found = true;
                self.goal.copy_from_slice(&self.next[b * words..(b + 1) * words]);
            }
            for &node in &self.active {
                self.current[node * words..(node + 1) * words].fill(0);
            }
            for &node in &self.upcoming {
                for at in node * words..(node + 1) * words {
                    self.current[at] = std::mem::take(&mut self.next[at]);
                    self.reached[at] |= self.current[at];
                }
            }
            std::mem::swap(&mut self.active, &mut self.upcoming);
            self.upcoming.clear();
        }
        for &node in &self.active {
            self.current[node * words..(node + 1) * words].fill(0);
        }
        found
    }

    /// A free pair of fewest hops, in the first layer from `offset` on that has one.
    fn free_pair(&mut self, quest: Quest<'_>, offset: usize) -> Option<Place> {
        let mut best: Option<Place> = None;
        self.open_at_both_ends(quest);
        for layer in quest.layers_from(offset) {
            if !has(&self.goal, layer) {
                continue;
            }
            let limit = best.as_ref().map_or(u32::MAX, |best| best.cost);
            if let Some(place) = self.free_in(quest, layer, limit, |_| HOP) {
                let least = place.cost == quest.request.hops * HOP;
                best = Some(place);
                if least {
                    break;
                }
            }
        }
        best
    }

    /// Into `goal` the layers in which two links are free at either end of the request.
    fn open_at_both_ends(&mut self, quest: Quest<'_>) {
        for word in 0..self.words {
            let two = |node: usize| {
                let free =
                    quest.instance().adjacency[node].iter().map(|arc| quest.layers.free(arc.link)[word]);
                free.fold((0, 0), |(one, two), bits| (one | bits, two | one & bits)).1
            };
            self.goal[word] = two(quest.request.a) & two(quest.request.b);
        }
    }

    /// The cheapest pair in `layer` by the prices of arcs, without what its ends cost.
    pub(super) fn pair_in(
        &mut self,
        quest: Quest<'_>,
        layer: usize,
        limit: u32,
        price: impl FnMut(Arc, usize) -> Option<u32>,
    ) -> Option<Place> {
        let node_disjoint = quest.request.pairing == Pairing::Nodes;
        let cost = self.finder.pair(quest.instance(), quest.ends(), node_disjoint, limit, price)?;
        Some(Place { layer, routes: self.finder.routes.to_vec(), cost })
    }
}

/// The layers among `bits` of a word in which `node` can end a request over `link`.
fn ending(quest: Quest<'_>, node: usize, link: usize, word: usize, bits: u64) -> u64 {
    let mut left = bits;
    let mut kept = 0;
    while left != 0 {
        let bit = left.trailing_zeros() as usize;
        left &= left - 1;
        if quest.can_end(node, link, word * 64 + bit) {
            kept |= 1 << bit;
        }
    }
    kept
}

/// The bits of a word that stand for one of `count` layers.
fn mask(count: usize, word: usize) -> u64 {
    match count.saturating_sub(word * 64) {
        0 => 0,
        rest if rest >= 64 => u64::MAX,
        rest => (1 << rest) - 1,
    }
}

#[allow(clippy::cast_possible_truncation)] // nodes and links are below 2^17
#[inline]
pub(super) fn index(value: usize) -> u32 {
    value as u32
}
