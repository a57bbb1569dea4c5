//! What links and ROADMs do to each channel of one comb, as far as it is known.

use std::sync::{Arc, PoisonError, RwLock};

use super::super::light::Light;
use super::super::line::OnComb;
use super::super::receiver::NANOMETRE_01_HZ;
use super::super::route::{Propagation, PropagationError};
use super::pieces::{PieceIndex, Pieces};
use crate::line::ElementIndex;

/// Channels worked on side by side.
pub(super) const WIDTH: usize = 16;

/// So many channels.
pub(super) type Lane = [f64; WIDTH];

/// Values of all channels, filled up to whole lanes.
pub(super) fn lanes(values: &[f64], fill: f64) -> Vec<Lane> {
    let lane = |chunk: &[f64]| {
        let mut lane = [fill; WIDTH];
        lane[..chunk.len()].copy_from_slice(chunk);
        lane
    };
    values.chunks(WIDTH).map(lane).collect()
}

/// What is known of one comb.
#[derive(Debug)]
pub(super) struct Folds {
    pub on_comb: Arc<OnComb>,
    /// Noise of the transmitters, over 12.5 GHz; beyond the last channel so little that none is weaker.
    pub transmitter: Vec<Lane>,
    /// 12.5 GHz over the symbol rate.
    pub narrowing: Vec<Lane>,
    /// By piece.
    links: RwLock<Vec<Option<KnownLink>>>,
}

/// A link as every route meets it.
#[derive(Debug)]
struct KnownLink {
    link: Arc<Link>,
    /// What the ROADM at its end does to its light, by the element behind.
    crossings: Vec<(ElementIndex, Arc<Crossing>)>,
}

/// A link of a route, and the ROADM behind it.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub link: Arc<Link>,
    /// None behind the last link.
    pub crossing: Option<Arc<Crossing>>,
}

/// What the elements between two ROADMs (or a transceiver and a ROADM) do to each channel.
#[derive(Debug)]
pub(super) struct Link {
    /// u behind over u before.
    pub multiplier: Vec<Lane>,
    /// ASE/S added, over u before.
    pub ase: Vec<f64>,
    /// Power at its end, in W.
    pub power_w: Vec<f64>,
    pub cd: Vec<f64>,
    pub pmd_squared: Vec<f64>,
    pub pdl_squared: Vec<f64>,
    pub latency_s: f64,
}

/// What a ROADM does to each channel between two links.
#[derive(Debug)]
pub(super) struct Crossing {
    /// Whether every channel was attenuated to its target.
    pub levelled: bool,
    /// Power behind it, in W.
    pub power_w: Vec<f64>,
    pub pmd_squared: Vec<f64>,
    pub pdl_squared: Vec<f64>,
    /// Over 12.5 GHz, over signal; none where it adds no noise.
    pub noise: Option<Vec<Lane>>,
}

impl Folds {
    pub(super) fn new(on_comb: Arc<OnComb>, transmitter: &[f64]) -> Self {
        let narrowing: Vec<f64> =
            on_comb.comb.channels().baud_rate.iter().map(|rate| NANOMETRE_01_HZ / rate).collect();
        Self {
            on_comb,
            transmitter: lanes(transmitter, f64::NEG_INFINITY),
            narrowing: lanes(&narrowing, 1.0),
            links: RwLock::default(),
        }
    }

    /// The links of a route and the ROADMs between, if all are known and every route meets them so.
    pub(super) fn hops(&self, pieces: &Pieces, route: &[PieceIndex]) -> Option<Vec<Hop>> {
        // A panic while holding the lock leaves a list that is still whole.
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        let mut hops = Vec::with_capacity(route.len());
        for (place, &piece) in route.iter().enumerate() {
            let known = links.get(piece)?.as_ref()?;
            let crossing = match route.get(place + 1) {
                None => None,
                Some(&next) => {
                    let behind = pieces.first_behind(next);
                    let (_, crossing) = known.crossings.iter().find(|(element, _)| *element == behind)?;
                    if !crossing.levelled {
                        return None;
                    }
                    Some(Arc::clone(crossing))
                }
            };
            hops.push(Hop { link: Arc::clone(&known.link), crossing });
        }
        Some(hops)
    }

    pub(super) fn link(&self, piece: PieceIndex) -> Option<Arc<Link>> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.get(piece)?.as_ref().map(|known| Arc::clone(&known.link))
    }

    pub(super) fn crossing(&self, piece: PieceIndex, behind: ElementIndex) -> Option<Arc<Crossing>> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        let crossings = &links.get(piece)?.as_ref()?.crossings;
        crossings.iter().find(|(element, _)| *element == behind).map(|(_, crossing)| Arc::clone(crossing))
    }

    /// Keeps a link; the one kept before, if another thread was faster.
    pub(super) fn keep(&self, piece: PieceIndex, link: Link) -> Arc<Link> {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        if links.len() <= piece {
            links.resize_with(piece + 1, || None);
        }
        let known =
            links[piece].get_or_insert_with(|| KnownLink { link: Arc::new(link), crossings: Vec::new() });
        Arc::clone(&known.link)
    }

    /// Keeps what the ROADM behind a kept link does; what was kept before, if another thread was faster.
    pub(super) fn keep_crossing(
        &self,
        piece: PieceIndex,
        behind: ElementIndex,
        crossing: Arc<Crossing>,
    ) -> Arc<Crossing> {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = links.get_mut(piece).and_then(Option::as_mut) else { return crossing };
        if let Some((_, found)) = known.crossings.iter().find(|(element, _)| *element == behind) {
            return Arc::clone(found);
        }
        known.crossings.push((behind, Arc::clone(&crossing)));
        crossing
    }
}

impl Link {
    /// What was done to light that entered without noise.
    pub(super) fn new(light: Light) -> Self {
        let multiplier: Vec<f64> =
            light.ase.iter().zip(&light.nli).map(|(ase, nli)| 1.0 + ase + nli).collect();
        Self {
            multiplier: lanes(&multiplier, 1.0),
            ase: light.ase,
            power_w: light.power_w,
            cd: light.cd,
            pmd_squared: light.pmd_squared,
            pdl_squared: light.pdl_squared,
            latency_s: light.latency_s,
        }
    }

    /// What the ROADM at this place of a route, behind this link, does.
    pub(super) fn cross(
        &self,
        propagation: &Propagation,
        route: &[ElementIndex],
        place: usize,
        on_comb: &OnComb,
    ) -> Result<Crossing, PropagationError> {
        let mut light = Light::launched(&on_comb.comb);
        light.power_w.copy_from_slice(&self.power_w);
        let levelled = propagation.cross(route, place, on_comb, &mut light)?;
        let noisy = light.roadm_noise.iter().any(|&noise| noise > 0.0);
        Ok(Crossing {
            levelled,
            power_w: light.power_w,
            pmd_squared: light.pmd_squared,
            pdl_squared: light.pdl_squared,
            noise: noisy.then(|| lanes(&light.roadm_noise, 0.0)),
        })
    }
}
