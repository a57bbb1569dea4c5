//! Who holds what: fibres and add/drop slots in each layer, a layer being one wavelength of the whole network.

use super::instance::{Instance, UNLIMITED};

/// Nobody holds it.
pub const FREE: u32 = u32::MAX;
/// It must not be used.
pub const CLOSED: u32 = u32::MAX - 1;

/// Where a request is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The layer.
    pub layer: usize,
    /// Fibres of each route, from the request's `a` to its `b`.
    pub routes: Vec<Vec<u32>>,
    /// Bank of each route at `a` and at `b`.
    pub banks: Vec<[u32; 2]>,
}

/// What it costs to displace each request, at this moment.
#[derive(Clone, Debug)]
pub struct Prices {
    /// How much each request is wanted where it is.
    pub weight: Vec<u32>,
    /// Up to which step each request should stay.
    pub tabu_until: Vec<u32>,
    /// The current step.
    pub step: u32,
}

/// Price of one hop; everything else is measured against it.
pub const HOP: u32 = 1;
/// Price of displacing a request that has never been displaced.
pub const EJECTION: u32 = 100;
/// Further price of displacing what has just been placed.
pub const TABU: u32 = 5_000;
/// Largest weight, so that sums of prices stay far below 2^32.
pub const MAX_WEIGHT: u32 = 1_000_000;

impl Prices {
    /// All requests alike.
    pub fn new(requests: usize) -> Self {
        Self { weight: vec![EJECTION; requests], tabu_until: vec![0; requests], step: 1 }
    }

    /// Price of displacing `request`.
    #[inline]
    pub fn of(&self, request: u32) -> u32 {
        let request = request as usize;
        self.weight[request] + if self.tabu_until[request] > self.step { TABU } else { 0 }
    }
}

/// Whether `member` is in a set of layers or channels, one bit each.
#[inline]
pub fn has(set: &[u64], member: usize) -> bool {
    set[member / 64] >> (member % 64) & 1 == 1
}

/// The layers in use and who holds what in them.
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    /// The task.
    pub instance: &'a Instance,
    /// Channel of each layer.
    pub channel: Vec<usize>,
    /// Where each request is placed.
    pub placed: Vec<Option<Placement>>,
    fibres: usize,
    capacity: usize,
    words: usize,
    /// Holder of each fibre, layer by layer.
    owner: Vec<u32>,
    /// For each link the layers in which one of its fibres is free, as bits.
    free: Vec<u64>,
    /// Holders of slots, slot group by slot group, layer by layer; only for groups with a limit.
    slots: Vec<Vec<u32>>,
    /// Holders of ports of each bank; only for banks with a limit.
    ports: Vec<Vec<u32>>,
    /// Fibres in use in each layer.
    used: Vec<u32>,
}

impl<'a> Layers<'a> {
    /// No layer yet, of at most as many as the grid has channels.
    pub fn new(instance: &'a Instance) -> Self {
        let capacity = instance.channels;
        let words = capacity.div_ceil(64);
        let fibres = instance.fibre_link.len();
        Self {
            instance,
            channel: Vec::with_capacity(capacity),
            placed: vec![None; instance.requests.len()],
            fibres,
            capacity,
            words,
            owner: vec![CLOSED; capacity * fibres],
            free: vec![0; words * instance.links.len()],
            slots: vec![Vec::new(); instance.slot_groups.len() * capacity],
            ports: vec![Vec::new(); instance.banks.len()],
            used: vec![0; capacity],
        }
    }

    /// Number of layers.
    pub fn count(&self) -> usize {
        self.channel.len()
    }

    /// Words of a set of layers.
    pub fn words(&self) -> usize {
        self.words
    }

    /// Layers in which `link` has a free fibre.
    #[inline]
    pub fn free(&self, link: usize) -> &[u64] {
        &self.free[link * self.words..][..self.words]
    }

    /// Whether `link` has a free fibre in `layer`.
    #[inline]
    pub fn is_free(&self, link: usize, layer: usize) -> bool {
        has(self.free(link), layer)
    }

    /// Holder of a fibre in a layer.
    #[inline]
    pub fn owner(&self, layer: usize, fibre: usize) -> u32 {
        self.owner[layer * self.fibres + fibre]
    }

    /// Fibres in use in `layer`.
    pub fn used(&self, layer: usize) -> u32 {
        self.used[layer]
    }

    /// Adds an empty layer on `channel`.
    pub fn add_layer(&mut self, channel: usize) {
        let layer = self.channel.len();
        debug_assert!(layer < self.capacity, "more layers than channels");
        self.channel.push(channel);
        for fibre in 0..self.fibres {
            let closed = has(&self.instance.closed[fibre], channel);
            self.owner[layer * self.fibres + fibre] = if closed { CLOSED } else { FREE };
        }
        for link in 0..self.instance.links.len() {
            self.refresh(link, layer);
        }
    }

    /// Removes `layer`, which must be empty; the last layer takes its number.
    pub fn remove_layer(&mut self, layer: usize) {
        debug_assert_eq!(self.used[layer], 0, "a layer in use cannot go");
        let last = self.channel.len() - 1;
        self.channel.swap_remove(layer);
        if layer != last {
            for fibre in 0..self.fibres {
                self.owner[layer * self.fibres + fibre] = self.owner[last * self.fibres + fibre];
            }
            self.used[layer] = self.used[last];
            self.used[last] = 0;
            for group in 0..self.instance.slot_groups.len() {
                let holders = std::mem::take(&mut self.slots[group * self.capacity + last]);
                self.slots[group * self.capacity + layer] = holders;
            }
            for placement in self.placed.iter_mut().flatten().filter(|placement| placement.layer == last) {
                placement.layer = layer;
            }
        }
        self.owner[last * self.fibres..][..self.fibres].fill(CLOSED);
        for link in 0..self.instance.links.len() {
            self.refresh(link, layer);
            self.refresh(link, last);
        }
    }

    fn refresh(&mut self, link: usize, layer: usize) {
        let own = self.instance.links[link];
        let row = &self.owner[layer * self.fibres + own.first..][..own.fibres];
        let bit = 1 << (layer % 64);
        let word = &mut self.free[link * self.words + layer / 64];
        if row.contains(&FREE) { *word |= bit } else { *word &= !bit }
    }

    /// The fibre of `link` that is cheapest to get in `layer`, its holder, and the price.
    #[inline]
    pub fn cheapest_fibre(&self, link: usize, layer: usize, prices: &Prices) -> Option<(usize, u32, u32)> {
        let own = self.instance.links[link];
        let mut best: Option<(usize, u32, u32)> = None;
        for fibre in own.first..own.first + own.fibres {
            match self.owner(layer, fibre) {
                FREE => return Some((fibre, FREE, 0)),
                CLOSED => {}
                holder => {
                    let price = prices.of(holder);
                    if best.is_none_or(|(_, _, least)| price < least) {
                        best = Some((fibre, holder, price));
                    }
                }
            }
        }
        best
    }

    /// What it costs to end one more request on `bank` in `layer`.
    pub fn bank_price(&self, bank: usize, layer: usize, prices: &Prices) -> Option<u32> {
        let own = &self.instance.banks[bank];
        if own.ports == 0 || self.instance.slot_groups[own.group] == 0 {
            return None;
        }
        let slot = self.slot_holder(bank, layer, prices);
        let port = self.port_holder(bank, prices);
        Some(match (slot, port) {
            (None, None) => 0,
            (Some(holder), None) | (None, Some(holder)) => prices.of(holder),
            (Some(one), Some(other)) if one == other => prices.of(one),
            (Some(one), Some(other)) => prices.of(one) + prices.of(other),
        })
    }

    /// Who has to go so that `bank` has the slot of `layer`; nobody if it has.
    fn slot_holder(&self, bank: usize, layer: usize, prices: &Prices) -> Option<u32> {
        let group = self.instance.banks[bank].group;
        let limit = self.instance.slot_groups[group];
        if limit == UNLIMITED {
            return None;
        }
        let holders = &self.slots[group * self.capacity + layer];
        if holders.len() < limit as usize {
            return None;
        }
        holders.iter().copied().min_by_key(|&holder| (prices.of(holder), holder))
    }

    /// Who has to go so that `bank` has a port; nobody if it has.
    fn port_holder(&self, bank: usize, prices: &Prices) -> Option<u32> {
        let limit = self.instance.banks[bank].ports;
        if limit == UNLIMITED || self.ports[bank].len() < limit as usize {
            return None;
        }
        self.ports[bank].iter().copied().min_by_key(|&holder| (prices.of(holder), holder))
    }

    /// The cheapest way to end routes that meet `node` over `links`: a bank for each, and the price. Two routes end
    /// on one bank that serves both links, or on two.
    pub fn choose_banks(
        &self,
        node: usize,
        links: &[usize],
        layer: usize,
        prices: &Prices,
    ) -> Option<([usize; 2], u32)> {
        let range = self.instance.banks_of[node].clone();
        let serves = |bank: usize, link: usize| self.instance.banks[bank].serves(link);
        let mut best: Option<([usize; 2], u32)> = None;
        for bank in range.clone().filter(|&bank| links.iter().all(|&link| serves(bank, link))) {
            if let Some(price) = self.bank_price(bank, layer, prices)
                && best.is_none_or(|(_, least)| price < least)
            {
                best = Some(([bank, bank], price));
                if price == 0 {
                    return best;
                }
            }
        }
        if let &[first, second] = links {
            for one in range.clone().filter(|&bank| serves(bank, first)) {
                for other in range.clone().filter(|&bank| bank != one && serves(bank, second)) {
                    let same_group = self.instance.banks[one].group == self.instance.banks[other].group;
                    let Some(price) = self.bank_price(one, layer, prices) else { continue };
                    let Some(more) = self.bank_price(other, layer, prices) else { continue };
                    // In one slot group the pair counts once: the dearer of the two prices covers both.
                    let price = if same_group { price.max(more) } else { price + more };
                    if best.is_none_or(|(_, least)| price < least) {
                        best = Some(([one, other], price));
                    }
                }
            }
        }
        best
    }

    /// Whether `node` can end a request over `link` in `layer` without displacing anyone.
    pub fn can_end(&self, node: usize, link: usize, layer: usize, prices: &Prices) -> bool {
        self.instance.open[node]
            || self.instance.banks_of[node].clone().any(|bank| {
                self.instance.banks[bank].serves(link) && self.bank_price(bank, layer, prices) == Some(0)
            })
    }

    /// Removes `request` from where it is.
    pub fn eject(&mut self, request: u32) -> Option<Placement> {
        let placement = self.placed[request as usize].take()?;
        let layer = placement.layer;
        for &fibre in placement.routes.iter().flatten() {
            let fibre = fibre as usize;
            self.owner[layer * self.fibres + fibre] = FREE;
            self.used[layer] -= 1;
            let link = self.instance.fibre_link[fibre];
            self.free[link * self.words + layer / 64] |= 1 << (layer % 64);
        }
        for &bank in placement.banks.iter().flatten() {
            let bank = bank as usize;
            let own = &self.instance.banks[bank];
            if self.instance.slot_groups[own.group] != UNLIMITED {
                self.slots[own.group * self.capacity + layer].retain(|&holder| holder != request);
            }
            if own.ports != UNLIMITED {
                self.ports[bank].retain(|&holder| holder != request);
            }
        }
        Some(placement)
    }

    /// Places `request` in `layer` over `routes` (links from its `a` to its `b`), displacing whom it must.
    /// Gives those displaced; places nothing and gives none if an end or a fibre cannot be had at all.
    pub fn place(
        &mut self,
        request: u32,
        layer: usize,
        routes: &[Vec<usize>],
        prices: &Prices,
    ) -> Option<Vec<u32>> {
        let own = &self.instance.requests[request as usize];
        let mut displaced = Vec::new();
        let mut fibres = Vec::with_capacity(routes.len());
        for route in routes {
            let mut row = Vec::with_capacity(route.len());
            for &link in route {
                let (fibre, holder, _) = self.cheapest_fibre(link, layer, prices)?;
                if holder != FREE {
                    displaced.push(holder);
                }
                row.push(u32::try_from(fibre).expect("fibres are below 2^26"));
            }
            fibres.push(row);
        }
        let firsts: Vec<usize> = routes.iter().filter_map(|route| route.first().copied()).collect();
        let lasts: Vec<usize> = routes.iter().filter_map(|route| route.last().copied()).collect();
        displaced.sort_unstable();
        displaced.dedup();
        let removed: Vec<(u32, Placement)> =
            displaced.iter().filter_map(|&holder| Some((holder, self.eject(holder)?))).collect();
        let at_a = self.choose_banks(own.a, &firsts, layer, prices);
        let at_b = self.choose_banks(own.b, &lasts, layer, prices);
        let (Some((at_a, _)), Some((at_b, _))) = (at_a, at_b) else {
            for (holder, placement) in removed {
                self.restore(holder, placement);
            }
            return None;
        };
        let mut banks = vec![[0_u32; 2]; routes.len()];
        for (end, chosen) in [at_a, at_b].into_iter().enumerate() {
            for (route, &bank) in chosen.iter().take(routes.len()).enumerate() {
                while let Some(holder) =
                    self.slot_holder(bank, layer, prices).or_else(|| self.port_holder(bank, prices))
                {
                    self.eject(holder);
                    displaced.push(holder);
                }
                banks[route][end] = u32::try_from(bank).expect("banks are below 2^32");
            }
        }
        self.restore(request, Placement { layer, routes: fibres, banks });
        Some(displaced)
    }

    /// Places `request` exactly as `placement` says; everything it takes must be free.
    pub fn restore(&mut self, request: u32, placement: Placement) {
        let layer = placement.layer;
        for &fibre in placement.routes.iter().flatten() {
            let fibre = fibre as usize;
            debug_assert_eq!(self.owner(layer, fibre), FREE, "a fibre is held");
            self.owner[layer * self.fibres + fibre] = request;
            self.used[layer] += 1;
            self.refresh(self.instance.fibre_link[fibre], layer);
        }
        for &bank in placement.banks.iter().flatten() {
            let bank = bank as usize;
            let own = &self.instance.banks[bank];
            let slots = &mut self.slots[own.group * self.capacity + layer];
            if self.instance.slot_groups[own.group] != UNLIMITED && !slots.contains(&request) {
                slots.push(request);
            }
            if own.ports != UNLIMITED && !self.ports[bank].contains(&request) {
                self.ports[bank].push(request);
            }
        }
        self.placed[request as usize] = Some(placement);
    }

    /// The requests in `layer`, ascending.
    pub fn residents(&self, layer: usize) -> Vec<u32> {
        let here = |placement: &Option<Placement>| placement.as_ref().is_some_and(|own| own.layer == layer);
        (0..).zip(&self.placed).filter(|(_, placement)| here(placement)).map(|(request, _)| request).collect()
    }

    /// The requests that end on `bank`, ascending.
    pub fn residents_of_bank(&self, bank: usize) -> Vec<u32> {
        let here = |placement: &Option<Placement>| {
            placement.as_ref().is_some_and(|own| own.banks.iter().flatten().any(|&at| at as usize == bank))
        };
        (0..).zip(&self.placed).filter(|(_, placement)| here(placement)).map(|(request, _)| request).collect()
    }
}
