//! A folded route: its worst channel, and all that the receiver gets.

use std::sync::Arc;

use super::super::comb::Comb;
use super::super::light::Light;
use super::super::receiver::{Bandwidth, Received};
use super::link::{Folds, Hop, Lane, WIDTH};
use crate::decibel::to_db;

/// A route, folded: what each ROADM and link on it does to each channel of a comb.
#[derive(Clone, Debug)]
pub struct FoldedRoute {
    folds: Arc<Folds>,
    hops: Vec<Hop>,
}

/// The weakest channel of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorstChannel {
    /// Position in the comb that can travel the route.
    pub channel: usize,
    /// Its GSNR, in dB.
    pub gsnr_db: f64,
}

impl FoldedRoute {
    pub(super) fn new(folds: Arc<Folds>, hops: Vec<Hop>) -> Self {
        Self { folds, hops }
    }

    /// The channels that can travel the route.
    pub fn comb(&self) -> &Comb {
        &self.folds.on_comb.comb
    }

    /// The first link, counted from the source, that some channel enters below its target: from there on the route was
    /// propagated for itself. None where all its links are as every route meets them.
    pub fn first_unlevelled_link(&self) -> Option<usize> {
        let below = |hop: &Hop| hop.crossing.as_ref().is_some_and(|crossing| !crossing.levelled);
        self.hops.iter().position(below).map(|hop| hop + 1)
    }

    /// The channel with the lowest GSNR, the first of equals. No allocation; n·(links + 4) multiplications for n channels.
    pub fn worst(&self, bandwidth: Bandwidth) -> WorstChannel {
        // in each column of the lanes the most noise so far, and the lane it is in
        let mut most = [f64::NEG_INFINITY; WIDTH];
        let mut at = [0_u64; WIDTH];
        for (lane, number) in (0..self.folds.narrowing.len()).zip(0_u64..) {
            let mut noise = self.noise(lane);
            if bandwidth == Bandwidth::Signal {
                for (noise, narrowing) in noise.iter_mut().zip(&self.folds.narrowing[lane]) {
                    *noise /= narrowing;
                }
            }
            for ((most, at), noise) in most.iter_mut().zip(&mut at).zip(noise) {
                // both are chosen, not jumped over: the compiler does a column beside the other
                let more = noise > *most;
                *most = if more { noise } else { *most };
                *at = if more { number } else { *at };
            }
        }
        let mut worst = (f64::NEG_INFINITY, 0);
        for (column, (noise, lane)) in most.into_iter().zip(at).enumerate() {
            let channel = usize::try_from(lane).unwrap_or(usize::MAX) * WIDTH + column;
            if noise > worst.0 || (noise >= worst.0 && channel < worst.1) {
                worst = (noise, channel);
            }
        }
        WorstChannel { channel: worst.1, gsnr_db: -to_db(worst.0) }
    }

    /// All noise over signal of a lane of channels, in 12.5 GHz: product of the multipliers − 1, narrowed, and what ROADMs
    /// and transmitter add.
    #[inline]
    fn noise(&self, lane: usize) -> Lane {
        let mut product = [1.0; WIDTH];
        for hop in &self.hops {
            for (product, multiplier) in product.iter_mut().zip(&hop.link.multiplier[lane]) {
                *product *= multiplier;
            }
        }
        let mut noise = self.folds.transmitter[lane];
        for ((noise, product), narrowing) in noise.iter_mut().zip(product).zip(&self.folds.narrowing[lane]) {
            *noise += (product - 1.0) * narrowing;
        }
        for hop in &self.hops {
            if let Some(source) = hop.crossing.as_ref().and_then(|crossing| crossing.noise.as_ref()) {
                for (noise, source) in noise.iter_mut().zip(&source[lane]) {
                    *noise += source;
                }
            }
        }
        noise
    }

    /// Everything the receiver gets.
    pub fn received(&self) -> Received {
        let mut light = Light::launched(&self.folds.on_comb.comb);
        let mut u = vec![1.0; light.power_w.len()];
        for Hop { link, crossing } in &self.hops {
            for ((ase, u), (added, multiplier)) in
                light.ase.iter_mut().zip(&mut u).zip(link.ase.iter().zip(link.multiplier.as_flattened()))
            {
                *ase += added * *u;
                *u *= multiplier;
            }
            add(&mut light.cd, &link.cd);
            add(&mut light.pmd_squared, &link.pmd_squared);
            add(&mut light.pdl_squared, &link.pdl_squared);
            light.latency_s += link.latency_s;
            if let Some(crossing) = crossing {
                add(&mut light.pmd_squared, &crossing.pmd_squared);
                add(&mut light.pdl_squared, &crossing.pdl_squared);
                if let Some(noise) = &crossing.noise {
                    add(&mut light.roadm_noise, noise.as_flattened());
                }
            }
        }
        for ((nli, ase), u) in light.nli.iter_mut().zip(&light.ase).zip(u) {
            *nli = u - 1.0 - ase;
        }
        if let Some(last) = self.hops.last() {
            light.power_w.copy_from_slice(&last.link.power_w);
        }
        Received::new(self.folds.on_comb.comb.clone(), light)
    }
}

fn add(sums: &mut [f64], values: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}
