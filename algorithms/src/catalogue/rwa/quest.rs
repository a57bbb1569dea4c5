//! What a place is looked for, and what its ends and links ask for in a layer.

use super::disjoint::Ends;
use super::instance::{Arc, Instance, Pairing, Request};
use super::layers::{Layers, Prices};

/// A request that needs a place among those that have one, and what displacing them costs.
#[derive(Clone, Copy, Debug)]
pub struct Quest<'a> {
    /// The layers as they are.
    pub layers: &'a Layers<'a>,
    /// Who needs a place.
    pub request: &'a Request,
    /// What displacing the others costs.
    pub prices: &'a Prices,
}

impl<'a> Quest<'a> {
    /// A place for this request.
    pub fn of(request: u32, layers: &'a Layers<'a>, prices: &'a Prices) -> Self {
        Self { layers, request: &layers.instance.requests[request as usize], prices }
    }

    pub(super) fn instance(self) -> &'a Instance {
        self.layers.instance
    }

    pub(super) fn ends(self) -> Ends {
        Ends { a: self.request.a, b: self.request.b, rule: self.request.rule }
    }

    pub(super) fn is_single(self) -> bool {
        self.request.pairing == Pairing::Single
    }

    /// All layers, from `offset` on in a circle.
    pub(super) fn layers_from(self, offset: usize) -> impl Iterator<Item = usize> {
        let count = self.layers.count();
        (0..count).map(move |turn| (offset + turn) % count)
    }

    /// Whether a route may take `arc`.
    #[inline]
    pub(super) fn allows(self, arc: Arc) -> bool {
        self.instance().allows(self.request.rule, arc, self.request.b)
    }

    /// Who holds the fibre of `link` that is cheapest to get in `layer`, and its price.
    #[inline]
    pub(super) fn cheapest(self, link: usize, layer: usize) -> Option<(u32, u32)> {
        self.layers.cheapest_fibre(link, layer, self.prices).map(|(_, holder, price)| (holder, price))
    }

    /// What it costs to end routes that meet `node` over `links` in `layer`.
    pub(super) fn end_price(self, node: usize, links: &[usize], layer: usize) -> Option<u32> {
        if self.instance().open[node] {
            return Some(0);
        }
        self.layers.choose_banks(node, links, layer, self.prices).map(|(_, price)| price)
    }

    /// Whether a route can end at `node` over `link` in `layer` without displacing anyone.
    #[inline]
    pub(super) fn can_end(self, node: usize, link: usize, layer: usize) -> bool {
        self.layers.can_end(node, link, layer, self.prices)
    }
}
