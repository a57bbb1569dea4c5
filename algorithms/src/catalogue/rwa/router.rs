//! Finds free places for one request: breadth-first search in all layers at once, disjoint pairs layer by layer.
//! Where nothing is free, `displace` takes over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::disjoint::{Ends, RouteFinder};
use super::instance::{Arc, Instance, Pairing, Request};
use super::layers::{FREE, HOP, Layers, Prices};

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
    pub(super) order: Vec<(u32, u32)>,
}

/// Which layer to take where several are equally good.
#[derive(Clone, Copy, Debug)]
pub enum Preference {
    /// The lowest.
    Lowest,
    /// The first at or after this one, in a circle.
    From(usize),
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
    pub fn free_place(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        prices: &Prices,
        preference: Preference,
    ) -> Option<Place> {
        if request.pairing != Pairing::Single {
            return self.free_pair(layers, request, prices, preference);
        }
        if !self.free_layers(layers, request, prices) {
            return None;
        }
        let layer = pick(&self.goal, layers.count(), preference)?;
        self.free_in(layers, request, layer, u32::MAX, prices, |_| HOP)
    }

    /// The free place of fewest hops, and among those of least length.
    pub fn shortest_free_place(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        prices: &Prices,
    ) -> Option<Place> {
        if request.pairing == Pairing::Single && !self.free_layers(layers, request, prices) {
            return None;
        }
        // Twelve bits of hops above twenty of length in units of 100 m.
        let links = &layers.instance.links;
        let long = |arc: Arc| {
            (1 << 20) + u32::try_from(links[arc.link].length_m / 100).unwrap_or(1 << 20).min(1 << 20)
        };
        let mut best: Option<Place> = None;
        for layer in 0..layers.count() {
            if request.pairing == Pairing::Single && self.goal[layer / 64] >> (layer % 64) & 1 == 0 {
                continue;
            }
            let limit = best.as_ref().map_or(u32::MAX, |best| best.cost);
            if let Some(place) = self.free_in(layers, request, layer, limit, prices, long) {
                best = Some(place);
            }
        }
        best
    }

    /// The cheapest free place in `layer` that costs less than `limit`.
    fn free_in(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        layer: usize,
        limit: u32,
        prices: &Prices,
        price: impl Fn(Arc) -> u32,
    ) -> Option<Place> {
        let usable = |arc: Arc, from: usize| {
            let usable = layers.is_free(arc.link, layer)
                && (from != request.a || layers.can_end(request.a, arc.link, layer, prices))
                && (arc.node != request.b || layers.can_end(request.b, arc.link, layer, prices));
            usable.then(|| price(arc))
        };
        if request.pairing != Pairing::Single {
            let place = self.pair_in(layers, request, layer, limit, usable)?;
            return (end_cost(layers, request, &place, prices) == Some(0)).then_some(place);
        }
        let ends = Ends { a: request.a, b: request.b, rule: request.rule };
        let cost = self.finder.single(layers.instance, ends, limit, usable)?;
        Some(Place { layer, routes: vec![self.finder.routes[0].clone()], cost })
    }

    /// Breadth-first search in all layers at once: whether there is a free route, and into `goal` the layers with one
    /// of fewest hops.
    fn free_layers(&mut self, layers: &Layers<'_>, request: &Request, prices: &Prices) -> bool {
        let (instance, words) = (layers.instance, self.words);
        let &Request { a, b, rule, .. } = request;
        let count = layers.count();
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
                    if !instance.allows(rule, arc, b) {
                        continue;
                    }
                    let free = layers.free(arc.link);
                    let mut news = 0;
                    for (word, free) in free.iter().enumerate() {
                        let at = arc.node * words + word;
                        let mut bits = self.current[node * words + word] & free & !self.reached[at];
                        if bits != 0 && node == a && !instance.open[a] {
                            bits = ending(layers, a, arc.link, word, bits, prices);
                        }
                        if bits != 0 && arc.node == b && !instance.open[b] {
                            bits = ending(layers, b, arc.link, word, bits, prices);
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

    fn free_pair(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        prices: &Prices,
        preference: Preference,
    ) -> Option<Place> {
        let count = layers.count();
        let offset = match preference {
            Preference::Lowest => 0,
            Preference::From(layer) => layer,
        };
        let mut best: Option<Place> = None;
        self.open_at_both_ends(layers, request);
        for turn in 0..count {
            let layer = (offset + turn) % count;
            if self.goal[layer / 64] >> (layer % 64) & 1 == 0 {
                continue;
            }
            let limit = best.as_ref().map_or(u32::MAX, |best| best.cost);
            if let Some(place) = self.free_in(layers, request, layer, limit, prices, |_| HOP) {
                let least = place.cost == request.hops * HOP;
                best = Some(place);
                if least {
                    break;
                }
            }
        }
        best
    }

    /// Into `goal` the layers in which two links are free at either end of `request`.
    fn open_at_both_ends(&mut self, layers: &Layers<'_>, request: &Request) {
        for word in 0..self.words {
            let two = |node: usize| {
                let free = layers.instance.adjacency[node].iter().map(|arc| layers.free(arc.link)[word]);
                free.fold((0, 0), |(one, two), bits| (one | bits, two | one & bits)).1
            };
            self.goal[word] = two(request.a) & two(request.b);
        }
    }

    /// The cheapest pair in `layer` by the prices of arcs, without what its ends cost.
    pub(super) fn pair_in(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        layer: usize,
        limit: u32,
        price: impl FnMut(Arc, usize) -> Option<u32>,
    ) -> Option<Place> {
        let ends = Ends { a: request.a, b: request.b, rule: request.rule };
        let node_disjoint = request.pairing == Pairing::Nodes;
        let cost = self.finder.pair(layers.instance, ends, node_disjoint, limit, price)?;
        Some(Place { layer, routes: self.finder.routes.to_vec(), cost })
    }
}

/// What the ends of `place` cost.
pub(super) fn end_cost(
    layers: &Layers<'_>,
    request: &Request,
    place: &Place,
    prices: &Prices,
) -> Option<u32> {
    let mut total = 0;
    for (node, first) in [(request.a, true), (request.b, false)] {
        if layers.instance.open[node] {
            continue;
        }
        let link = |route: &Vec<usize>| if first { route[0] } else { route[route.len() - 1] };
        let links: Vec<usize> = place.routes.iter().map(link).collect();
        total += layers.choose_banks(node, &links, place.layer, prices)?.1;
    }
    Some(total)
}

/// The layers among `bits` of a word in which `node` can end a request over `link`.
fn ending(layers: &Layers<'_>, node: usize, link: usize, word: usize, bits: u64, prices: &Prices) -> u64 {
    let mut left = bits;
    let mut kept = 0;
    while left != 0 {
        let bit = left.trailing_zeros() as usize;
        left &= left - 1;
        if layers.can_end(node, link, word * 64 + bit, prices) {
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

fn pick(bits: &[u64], count: usize, preference: Preference) -> Option<usize> {
    let has = |layer: &usize| bits[layer / 64] >> (layer % 64) & 1 == 1;
    match preference {
        Preference::Lowest => (0..count).find(has),
        Preference::From(offset) => (0..count).map(|turn| (offset + turn) % count).find(has),
    }
}

#[allow(clippy::cast_possible_truncation)] // nodes and links are below 2^17
#[inline]
pub(super) fn index(value: usize) -> u32 {
    value as u32
}
