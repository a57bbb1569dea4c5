//! Routes by their links: what light does is worked out once per link, and a route is the product of its links.
//!
//! What an element does to a channel depends on the powers that enter it, never on how they divide into signal and
//! noise. Behind a ROADM that attenuates every channel to its target the powers are the targets. So for one comb a link
//! always does the same: with u = 1 + ASE/S + NLI/S of a channel (the inverse of the signal's share) it makes
//!
//! ```text
//! u' = m·u        ASE/S' = ASE/S + k·u        1 + 1/GSNR of a route = product of m over its links
//! ```
//!
//! Where a channel reaches a ROADM too weak to be attenuated, the link behind is worked out for the powers there
//! really are, for this route alone; so a route is exact, whatever it crosses.

mod link;
mod lit;
mod pieces;
mod route;

use std::sync::{Arc, PoisonError, RwLock};

use super::comb::Comb;
use super::line::OnComb;
use super::receiver::noise_of;
use super::route::{Propagation, PropagationError};
use crate::line::ElementIndex;
use link::{Folds, Hop, Link};
use pieces::{PieceIndex, Pieces};

pub use lit::{LitError, LitLine, LitPath};
pub use route::{FoldedRoute, WorstChannel};

/// How many combs are kept.
const COMBS_KEPT: usize = 64;

/// A line whose links are worked out when first asked for, and kept. Shared between threads.
#[derive(Debug)]
pub struct FoldedLine<'a> {
    propagation: &'a Propagation,
    known: RwLock<Known>,
}

/// What has been worked out so far. Positions of pieces hold in all of it.
#[derive(Debug, Default)]
struct Known {
    pieces: Pieces,
    folds: Vec<Arc<Folds>>,
}

impl Known {
    /// The pieces of a route, and what is known of a comb on it; none where something is not known yet, or where the route
    /// does not lead from transceiver to transceiver.
    fn find(&self, route: &[ElementIndex], comb: &Comb) -> Option<(Vec<PieceIndex>, &Arc<Folds>)> {
        let pieces = self.pieces.of_route(route)?;
        let bands = self.pieces.common_bands(&pieces);
        let folds = self.folds.iter().find(|folds| folds.on_comb.is_of(comb, &bands))?;
        Some((pieces, folds))
    }
}

impl<'a> FoldedLine<'a> {
    /// A line with nothing worked out yet.
    pub fn new(propagation: &'a Propagation) -> Self {
        let pieces = Pieces::new(propagation.default_band());
        Self { propagation, known: RwLock::new(Known { pieces, folds: Vec::new() }) }
    }

    /// Folds a route from transceiver to transceiver for a comb, cut to the bands of its amplifiers.
    ///
    /// Costs a look-up per link once its links are known; each unknown one is propagated through once. Every amplifier
    /// begins at the gain it is set to, as with new [`Gains`](super::Gains).
    pub fn route(&self, route: &[ElementIndex], comb: &Comb) -> Result<FoldedRoute, PropagationError> {
        {
            // A panic while holding a lock of this file leaves what it guards whole.
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((pieces, folds)) = known.find(route, comb)
                && let Some(hops) = folds.hops(&known.pieces, &pieces)
            {
                return Ok(FoldedRoute::new(Arc::clone(folds), hops));
            }
        }
        self.work_out(route, comb)
    }

    /// As [`FoldedLine::route`], working out what is not known.
    fn work_out(&self, route: &[ElementIndex], comb: &Comb) -> Result<FoldedRoute, PropagationError> {
        let on_comb = self.propagation.prepare(route, comb)?;
        let (pieces, folds) = self.known_or_new(route, on_comb);
        let on_comb = Arc::clone(&folds.on_comb);
        let mut hops: Vec<Hop> = Vec::with_capacity(pieces.len());
        let mut from = 0;
        for (piece, length) in pieces {
            let to = from + length - 1;
            let before = hops.last().and_then(|hop| hop.crossing.as_ref());
            let entering = before.map_or(&on_comb.comb.channels().tx_power_w, |crossing| &crossing.power_w);
            // Whether the link is as every route meets it.
            let common = before.is_none_or(|crossing| crossing.levelled);
            let link = if let Some(link) = common.then(|| folds.link(piece)).flatten() {
                link
            } else {
                let made = self.link(route, [from, to], &on_comb, entering)?;
                if common { folds.keep(piece, made) } else { Arc::new(made) }
            };
            let crossing = match route.get(to + 1) {
                None => None,
                Some(&behind) => {
                    let known = common.then(|| folds.crossing(piece, behind)).flatten();
                    Some(if let Some(crossing) = known {
                        crossing
                    } else {
                        let made = Arc::new(link.cross(self.propagation, route, to, &on_comb)?);
                        if common { folds.keep_crossing(piece, behind, made) } else { made }
                    })
                }
            };
            hops.push(Hop { link, crossing });
            from = to;
        }
        Ok(FoldedRoute::new(folds, hops))
    }

    /// The pieces of a route with their lengths, and the place for what is worked out of a comb.
    fn known_or_new(
        &self,
        route: &[ElementIndex],
        on_comb: Arc<OnComb>,
    ) -> (Vec<(PieceIndex, usize)>, Arc<Folds>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let pieces = known.pieces.add_route(self.propagation, route);
        let same = |folds: &&Arc<Folds>| folds.on_comb.is_for_same(&on_comb);
        let folds = if let Some(found) = known.folds.iter().find(same) {
            Arc::clone(found)
        } else {
            if known.folds.len() >= COMBS_KEPT {
                known.folds.remove(0);
            }
            let transmitter = noise_of(&on_comb.comb.channels().tx_osnr_db);
            let made = Arc::new(Folds::new(on_comb, &transmitter));
            known.folds.push(Arc::clone(&made));
            made
        };
        (pieces, folds)
    }

    /// Works out the elements between two places of a route for the powers that enter.
    fn link(
        &self,
        route: &[ElementIndex],
        ends: [usize; 2],
        on_comb: &OnComb,
        entering_w: &[f64],
    ) -> Result<Link, PropagationError> {
        self.propagation.between(route, ends, on_comb, entering_w).map(Link::new)
    }
}
