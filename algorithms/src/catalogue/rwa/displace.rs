//! Finds the place for one request that displaces least, where nothing is free.

use std::cmp::Reverse;

use super::instance::{Arc, UNREACHABLE};
use super::layers::{FREE, HOP};
use super::quest::Quest;
use super::router::{Place, Router, index};

impl Router {
    /// The place that displaces least.
    ///
    /// Layers are searched in the order of what their ends alone cost at least, until that is above the best place;
    /// among equals from `offset` on, in a circle.
    pub fn cheapest_place(&mut self, quest: Quest<'_>, offset: usize) -> Option<Place> {
        let request = quest.request;
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        for (turn, layer) in quest.layers_from(offset).enumerate() {
            let at_a = end_floor(quest, request.a, layer);
            let at_b = end_floor(quest, request.b, layer);
            if let (Some(at_a), Some(at_b)) = (at_a, at_b) {
                order.push((at_a.max(at_b) + request.hops * HOP, index(turn), layer));
            }
        }
        order.sort_unstable();
        let mut best: Option<Place> = None;
        for &(floor, _, layer) in &order {
            let limit = best.as_ref().map_or(u32::MAX, |best| best.cost);
            if floor >= limit {
                break;
            }
            let found = if quest.is_single() {
                self.single_in(quest, layer, limit)
            } else {
                self.displacing_pair(quest, layer, limit)
            };
            if let Some(place) = found {
                best = Some(place);
            }
        }
        self.order = order;
        best
    }

    /// The pair of routes in `layer` that displaces least, if it costs less than `limit`.
    fn displacing_pair(&mut self, quest: Quest<'_>, layer: usize, limit: u32) -> Option<Place> {
        let Quest { layers, request, prices } = quest;
        // Where every bank serves every link, an end costs the same whatever the routes; else it depends on the links.
        let instance = quest.instance();
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
            let mut price = quest.cheapest(arc.link, layer)?.1 + HOP;
            if partial_a && from == request.a {
                price += quest.end_price(from, &[arc.link], layer)?;
            }
            if partial_b && arc.node == request.b {
                price += quest.end_price(arc.node, &[arc.link], layer)?;
            }
            Some(price)
        };
        let mut place = self.pair_in(quest, layer, limit - ends, price)?;
        // Prices of links count a holder once for each of its links; what it really costs counts it once.
        let mut holders: Vec<u32> = place
            .routes
            .iter()
            .flatten()
            .filter_map(|&link| quest.cheapest(link, layer))
            .map(|(holder, _)| holder)
            .filter(|&holder| holder != FREE)
            .collect();
        holders.sort_unstable();
        holders.dedup();
        let hops: usize = place.routes.iter().map(Vec::len).sum();
        place.cost = u32::try_from(hops).unwrap_or(u32::MAX) * HOP
            + holders.iter().map(|&holder| prices.of(holder)).sum::<u32>()
            + place.end_cost(quest)?;
        (place.cost < limit).then_some(place)
    }

    /// A* in one layer: a hop costs [`HOP`], a run of hops of one holder its price once. Distances in hops on the
    /// empty network never overestimate.
    fn single_in(&mut self, quest: Quest<'_>, layer: usize, limit: u32) -> Option<Place> {
        let instance = quest.instance();
        let (a, b) = (quest.request.a, quest.request.b);
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
                if arc.node == a || ahead[arc.node] == UNREACHABLE || !quest.allows(arc) {
                    continue;
                }
                let floor = u32::from(ahead[arc.node]) * HOP;
                if cost + HOP + floor >= limit {
                    continue;
                }
                let (holder, price) = if quest.layers.is_free(arc.link, layer) {
                    (FREE, 0)
                } else {
                    match quest.cheapest(arc.link, layer) {
                        None => continue,
                        Some((holder, _)) if holder == held_by => (holder, 0),
                        Some(found) => found,
                    }
                };
                let mut total = cost + HOP + price;
                for end in [a, b] {
                    let here = if end == a { node == a } else { arc.node == b };
                    if here {
                        let price = quest.end_price(end, &[arc.link], layer).unwrap_or(u32::MAX);
                        total = total.saturating_add(price);
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

/// What the links at one end of the request alone cost at least in `layer`; none if too few can be had.
fn end_floor(quest: Quest<'_>, node: usize, layer: usize) -> Option<u32> {
    let links = quest.instance().adjacency[node].iter().map(|arc| arc.link);
    let had = links.filter_map(|link| quest.cheapest(link, layer));
    if quest.is_single() {
        return had.map(|(_, price)| price).min();
    }
    let had: Vec<(u32, u32)> = had.collect();
    let pairs =
        had.iter().enumerate().flat_map(|(i, one)| had[i + 1..].iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| if one.0 == other.0 { one.1 } else { one.1 + other.1 }).min()
}
