//! Finds the best place for one request: free ones in all layers at once, else the one that displaces least.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::disjoint::{Ends, RouteFinder};
use super::instance::{Arc, Instance, Pairing, Request, UNREACHABLE};
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
    finder: RouteFinder,
    cost: Vec<u32>,
    via: Vec<(u32, u32)>,
    holder: Vec<u32>,
    stamp: Vec<u32>,
    time: u32,
    queue: BinaryHeap<Reverse<(u32, u32, u32)>>,
    order: Vec<(u32, u32)>,
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
    fn pair_in(
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

    /// The place that displaces least.
    ///
    /// Layers are searched in the order of what their ends alone cost at least, until that is above the best place;
    /// among equals from `offset` on, in a circle.
    pub fn cheapest_place(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        prices: &Prices,
        offset: usize,
    ) -> Option<Place> {
        let count = layers.count();
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        for turn in 0..count {
            let layer = (offset + turn) % count;
            let at_a = end_floor(layers, request, request.a, layer, prices);
            let at_b = end_floor(layers, request, request.b, layer, prices);
            if let (Some(at_a), Some(at_b)) = (at_a, at_b) {
                order.push((at_a.max(at_b) + request.hops * HOP, index(turn)));
            }
        }
        order.sort_unstable();
        let mut best: Option<Place> = None;
        for &(floor, turn) in &order {
            let layer = (offset + turn as usize) % count;
            let limit = best.as_ref().map_or(u32::MAX, |best| best.cost);
            if floor >= limit {
                break;
            }
            let found = if request.pairing == Pairing::Single {
                self.single_in(layers, request, layer, limit, prices)
            } else {
                self.displacing_pair(layers, request, layer, limit, prices)
            };
            if let Some(place) = found {
                best = Some(place);
            }
        }
        self.order = order;
        best
    }

    fn displacing_pair(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        layer: usize,
        limit: u32,
        prices: &Prices,
    ) -> Option<Place> {
        // Where every bank serves every link, an end costs the same whatever the routes; else it depends on the links.
        let instance = layers.instance;
        let whole =
            |node: usize| instance.banks_of[node].clone().all(|bank| instance.banks[bank].serves.is_none());
        let mut ends = 0;
        for node in [request.a, request.b] {
            if !instance.open[node] && whole(node) {
                let banks = instance.banks_of[node].clone();
                ends += banks.filter_map(|bank| layers.bank_price(bank, layer, prices)).min()?;
            }
        }
        if ends >= limit {
            return None;
        }
        let partial = |node: usize| !instance.open[node] && !whole(node);
        let (partial_a, partial_b) = (partial(request.a), partial(request.b));
        let price = |arc: Arc, from: usize| {
            let mut price = layers.cheapest_fibre(arc.link, layer, prices)?.2 + HOP;
            if partial_a && from == request.a {
                price += layers.choose_banks(from, &[arc.link], layer, prices)?.1;
            }
            if partial_b && arc.node == request.b {
                price += layers.choose_banks(arc.node, &[arc.link], layer, prices)?.1;
            }
            Some(price)
        };
        let mut place = self.pair_in(layers, request, layer, limit - ends, price)?;
        // Prices of links count a holder once for each of its links; what it really costs counts it once.
        let mut holders: Vec<u32> = place
            .routes
            .iter()
            .flatten()
            .filter_map(|&link| layers.cheapest_fibre(link, layer, prices))
            .map(|(_, holder, _)| holder)
            .filter(|&holder| holder != FREE)
            .collect();
        holders.sort_unstable();
        holders.dedup();
        let hops: usize = place.routes.iter().map(Vec::len).sum();
        place.cost = u32::try_from(hops).unwrap_or(u32::MAX) * HOP
            + holders.iter().map(|&holder| prices.of(holder)).sum::<u32>()
            + end_cost(layers, request, &place, prices)?;
        (place.cost < limit).then_some(place)
    }

    /// A* in one layer: a hop costs [`HOP`], a run of hops of one holder its price once. Distances in hops on the
    /// empty network never overestimate.
    fn single_in(
        &mut self,
        layers: &Layers<'_>,
        request: &Request,
        layer: usize,
        limit: u32,
        prices: &Prices,
    ) -> Option<Place> {
        let instance = layers.instance;
        let &Request { a, b, rule, .. } = request;
        let ahead = &instance.distance[b];
        self.time += 1;
        self.queue.clear();
        self.stamp[a] = self.time;
        self.cost[a] = 0;
        self.holder[a] = FREE;
        self.queue.push(Reverse((u32::from(ahead[a]) * HOP, 0, index(a))));
        while let Some(Reverse((_, cost, node))) = self.queue.pop() {
            let node = node as usize;
            if cost > self.cost[node] {
                continue;
            }
            if node == b {
                return Some(Place { layer, routes: vec![self.trace(a, b)], cost });
            }
            let held_by = self.holder[node];
            for &arc in &instance.adjacency[node] {
                if arc.node == a || ahead[arc.node] == UNREACHABLE || !instance.allows(rule, arc, b) {
                    continue;
                }
                let floor = u32::from(ahead[arc.node]) * HOP;
                if cost + HOP + floor >= limit {
                    continue;
                }
                let (holder, price) = if layers.is_free(arc.link, layer) {
                    (FREE, 0)
                } else {
                    match layers.cheapest_fibre(arc.link, layer, prices) {
                        None => continue,
                        Some((_, holder, _)) if holder == held_by => (holder, 0),
                        Some((_, holder, price)) => (holder, price),
                    }
                };
                let mut total = cost + HOP + price;
                for end in [a, b] {
                    let here = if end == a { node == a } else { arc.node == b };
                    if here && !instance.open[end] {
                        match layers.choose_banks(end, &[arc.link], layer, prices) {
                            None => total = u32::MAX,
                            Some((_, price)) => total = total.saturating_add(price),
                        }
                    }
                }
                if total.saturating_add(floor) >= limit
                    || self.stamp[arc.node] == self.time && self.cost[arc.node] <= total
                {
                    continue;
                }
                self.stamp[arc.node] = self.time;
                self.cost[arc.node] = total;
                self.holder[arc.node] = holder;
                self.via[arc.node] = (index(node), index(arc.link));
                self.queue.push(Reverse((total + floor, total, index(arc.node))));
            }
        }
        None
    }

    fn trace(&self, a: usize, b: usize) -> Vec<usize> {
        let mut route = Vec::new();
        let mut at = b;
        while at != a {
            let (from, link) = self.via[at];
            route.push(link as usize);
            at = from as usize;
        }
        route.reverse();
        route
    }
}

/// What the ends of `place` cost.
fn end_cost(layers: &Layers<'_>, request: &Request, place: &Place, prices: &Prices) -> Option<u32> {
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

/// What the links at one end of `request` alone cost at least in `layer`; none if too few can be had.
fn end_floor(
    layers: &Layers<'_>,
    request: &Request,
    node: usize,
    layer: usize,
    prices: &Prices,
) -> Option<u32> {
    let links = layers.instance.adjacency[node].iter().map(|arc| arc.link);
    let had = links.filter_map(|link| layers.cheapest_fibre(link, layer, prices));
    if request.pairing == Pairing::Single {
        return had.map(|(_, _, price)| price).min();
    }
    let had: Vec<(u32, u32)> = had.map(|(_, holder, price)| (holder, price)).collect();
    let pairs =
        had.iter().enumerate().flat_map(|(i, one)| had[i + 1..].iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| if one.0 == other.0 { one.1 } else { one.1 + other.1 }).min()
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
fn index(value: usize) -> u32 {
    value as u32
}
