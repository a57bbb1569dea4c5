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

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use super::comb::Comb;
use super::light::Light;
use super::line::{OnComb, Step};
use super::receiver::{Bandwidth, NANOMETRE_01_HZ, Received, noise_of};
use super::route::{Gains, Propagation, PropagationError};
use crate::decibel::to_db;
use crate::line::ElementIndex;

/// How many combs are kept.
const COMBS_KEPT: usize = 64;
/// Channels multiplied side by side.
const LANES: usize = 16;

/// A line whose links are worked out when first asked for, and kept. Shared between threads.
#[derive(Debug)]
pub struct FoldedLine<'a> {
    propagation: &'a Propagation,
    folds: RwLock<Vec<Arc<Folds>>>,
}

/// A route, folded: what each ROADM and link on it does to each channel of a comb.
#[derive(Clone, Debug)]
pub struct FoldedRoute {
    folds: Arc<Folds>,
    links: Vec<Arc<Link>>,
    crossings: Vec<Arc<Crossing>>,
}

/// The weakest channel of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorstChannel {
    /// Position in the comb that can travel the route.
    pub channel: usize,
    /// Its GSNR, in dB.
    pub gsnr_db: f64,
}

/// What is known of one comb.
#[derive(Debug)]
struct Folds {
    on_comb: Arc<OnComb>,
    /// Noise of the transmitters, over 12.5 GHz.
    transmitter: Vec<f64>,
    /// 12.5 GHz over the symbol rate.
    narrowing: Vec<f64>,
    /// By their elements, ends included.
    links: RwLock<HashMap<Vec<ElementIndex>, Arc<Link>, BuildHasherDefault<IndexHasher>>>,
}

/// What the elements between two ROADMs (or a transceiver and a ROADM) do to each channel.
#[derive(Debug)]
struct Link {
    /// u behind over u before.
    multiplier: Vec<f64>,
    /// ASE/S added, over u before.
    ase: Vec<f64>,
    /// Power at its end, in W.
    power_w: Vec<f64>,
    cd: Vec<f64>,
    pmd_squared: Vec<f64>,
    pdl_squared: Vec<f64>,
    latency_s: f64,
    /// What the ROADM at its end does to its light, by the element behind.
    crossings: RwLock<Vec<(ElementIndex, Arc<Crossing>)>>,
}

/// What a ROADM does to each channel between two links.
#[derive(Debug)]
struct Crossing {
    /// Whether every channel was attenuated to its target.
    levelled: bool,
    /// Power behind it, in W.
    power_w: Vec<f64>,
    pmd_squared: Vec<f64>,
    pdl_squared: Vec<f64>,
    /// Over 12.5 GHz, over signal; none where it adds no noise.
    noise: Option<Vec<f64>>,
}

/// Hashes positions of elements: a rotation and a product each. They come from our own line, not from outside.
#[derive(Default)]
struct IndexHasher(u64);

impl Hasher for IndexHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
}

impl<'a> FoldedLine<'a> {
    /// A line with nothing worked out yet.
    pub fn new(propagation: &'a Propagation) -> Self {
        Self { propagation, folds: RwLock::default() }
    }

    /// Folds a route from transceiver to transceiver for a comb, cut to the bands of its amplifiers.
    ///
    /// Costs a look-up per link once its links are known; each unknown one is propagated through once. Every amplifier
    /// begins at the gain it is set to, as with new [`Gains`].
    pub fn route(&self, route: &[ElementIndex], comb: &Comb) -> Result<FoldedRoute, PropagationError> {
        let on_comb = self.propagation.prepare(route, comb)?;
        let folds = self.folds_of(&on_comb);
        let is_roadm = |&place: &usize| matches!(self.propagation.line.all[route[place]], Step::Roadm(_));
        let roadms: Vec<usize> = (1..route.len() - 1).filter(is_roadm).collect();
        let mut links = Vec::with_capacity(roadms.len() + 1);
        let mut crossings: Vec<Arc<Crossing>> = Vec::with_capacity(roadms.len());
        let mut from = 0;
        // Whether the link before is as every route meets it.
        let mut common = true;
        for (hop, to) in roadms.iter().copied().chain([route.len() - 1]).enumerate() {
            let entering = match hop.checked_sub(1).map(|before| &crossings[before]) {
                None => &on_comb.comb.channels().tx_power_w,
                Some(crossing) => {
                    common = crossing.levelled;
                    &crossing.power_w
                }
            };
            let link = if common {
                folds.link(&route[from..=to], || self.link(route, [from, to], &on_comb, entering))?
            } else {
                Arc::new(self.link(route, [from, to], &on_comb, entering)?)
            };
            if to + 1 < route.len() {
                crossings.push(link.crossing(route[to + 1], || self.crossing(route, to, &on_comb, &link))?);
            }
            links.push(link);
            from = to;
        }
        Ok(FoldedRoute { folds, links, crossings })
    }

    fn folds_of(&self, on_comb: &Arc<OnComb>) -> Arc<Folds> {
        let find = |kept: &[Arc<Folds>]| {
            kept.iter().find(|folds| Arc::ptr_eq(&folds.on_comb, on_comb)).map(Arc::clone)
        };
        // A panic while holding a lock of this file leaves what it guards whole.
        if let Some(found) = find(&self.folds.read().unwrap_or_else(PoisonError::into_inner)) {
            return found;
        }
        let mut kept = self.folds.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&kept) {
            return found;
        }
        if kept.len() >= COMBS_KEPT {
            kept.remove(0);
        }
        let made = Arc::new(Folds {
            on_comb: Arc::clone(on_comb),
            transmitter: noise_of(&on_comb.comb.channels().tx_osnr_db),
            narrowing: on_comb.comb.channels().baud_rate.iter().map(|rate| NANOMETRE_01_HZ / rate).collect(),
            links: RwLock::default(),
        });
        kept.push(Arc::clone(&made));
        made
    }

    /// Works out the elements between two places of a route for the powers that enter.
    fn link(
        &self,
        route: &[ElementIndex],
        [from, to]: [usize; 2],
        on_comb: &OnComb,
        entering_w: &[f64],
    ) -> Result<Link, PropagationError> {
        let mut light = Light::launched(&on_comb.comb);
        light.power_w.copy_from_slice(entering_w);
        for place in from + 1..to {
            self.propagation.pass(
                route,
                place,
                on_comb,
                &mut Gains::default(),
                &mut light,
                &mut |_, _| (),
            )?;
        }
        Ok(Link {
            multiplier: light.ase.iter().zip(&light.nli).map(|(ase, nli)| 1.0 + ase + nli).collect(),
            ase: light.ase,
            power_w: light.power_w,
            cd: light.cd,
            pmd_squared: light.pmd_squared,
            pdl_squared: light.pdl_squared,
            latency_s: light.latency_s,
            crossings: RwLock::default(),
        })
    }

    fn crossing(
        &self,
        route: &[ElementIndex],
        place: usize,
        on_comb: &OnComb,
        before: &Link,
    ) -> Result<Crossing, PropagationError> {
        let mut light = Light::launched(&on_comb.comb);
        light.power_w.copy_from_slice(&before.power_w);
        let levelled = self.propagation.cross(route, place, on_comb, &mut light)?;
        Ok(Crossing {
            levelled,
            power_w: light.power_w,
            pmd_squared: light.pmd_squared,
            pdl_squared: light.pdl_squared,
            noise: light.roadm_noise.iter().any(|&noise| noise > 0.0).then_some(light.roadm_noise),
        })
    }
}

impl Folds {
    fn link(
        &self,
        elements: &[ElementIndex],
        make: impl FnOnce() -> Result<Link, PropagationError>,
    ) -> Result<Arc<Link>, PropagationError> {
        if let Some(found) = self.links.read().unwrap_or_else(PoisonError::into_inner).get(elements) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(make()?);
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(links.entry(elements.to_vec()).or_insert(made)))
    }
}

impl Link {
    fn crossing(
        &self,
        behind: ElementIndex,
        make: impl FnOnce() -> Result<Crossing, PropagationError>,
    ) -> Result<Arc<Crossing>, PropagationError> {
        let find = |known: &[(ElementIndex, Arc<Crossing>)]| {
            known.iter().find(|(to, _)| *to == behind).map(|(_, crossing)| Arc::clone(crossing))
        };
        if let Some(found) = find(&self.crossings.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        let made = Arc::new(make()?);
        self.crossings.write().unwrap_or_else(PoisonError::into_inner).push((behind, Arc::clone(&made)));
        Ok(made)
    }
}

impl FoldedRoute {
    /// The channels that can travel the route.
    pub fn comb(&self) -> &Comb {
        &self.folds.on_comb.comb
    }

    /// The first link, counted from the source, that some channel enters below its target: from there on the route was
    /// propagated for itself. None where all its links are as every route meets them.
    pub fn first_unlevelled_link(&self) -> Option<usize> {
        self.crossings.iter().position(|crossing| !crossing.levelled).map(|crossing| crossing + 1)
    }

    /// The channel with the lowest GSNR. No allocation; n·(links + 4) multiplications for n channels.
    pub fn worst(&self, bandwidth: Bandwidth) -> WorstChannel {
        let narrowing = &self.folds.narrowing;
        let mut worst = (0, f64::NEG_INFINITY);
        for first in (0..narrowing.len()).step_by(LANES) {
            let lanes = first..narrowing.len().min(first + LANES);
            let mut noise = [0.0; LANES];
            self.noise(lanes.clone(), &mut noise);
            if bandwidth == Bandwidth::Signal {
                for (noise, narrowing) in noise.iter_mut().zip(&narrowing[lanes.clone()]) {
                    *noise /= narrowing;
                }
            }
            for (channel, noise) in lanes.zip(noise) {
                if noise > worst.1 {
                    worst = (channel, noise);
                }
            }
        }
        WorstChannel { channel: worst.0, gsnr_db: -to_db(worst.1) }
    }

    /// All noise over signal of a few channels, in 12.5 GHz: product of the multipliers − 1, narrowed, and what ROADMs
    /// and transmitter add.
    #[inline]
    fn noise(&self, channels: Range<usize>, noise: &mut [f64; LANES]) {
        let mut product = [1.0; LANES];
        for link in &self.links {
            let multiplier = &link.multiplier[channels.clone()];
            if let Ok(multiplier) = <&[f64; LANES]>::try_from(multiplier) {
                // The whole width at once: this is what the compiler turns into vector instructions.
                for (product, multiplier) in product.iter_mut().zip(multiplier) {
                    *product *= multiplier;
                }
            } else {
                for (product, multiplier) in product.iter_mut().zip(multiplier) {
                    *product *= multiplier;
                }
            }
        }
        for ((noise, product), narrowing) in
            noise.iter_mut().zip(product).zip(&self.folds.narrowing[channels.clone()])
        {
            *noise = (product - 1.0) * narrowing;
        }
        let roadms = self.crossings.iter().filter_map(|crossing| crossing.noise.as_ref());
        for source in roadms.chain([&self.folds.transmitter]) {
            for (noise, source) in noise.iter_mut().zip(&source[channels.clone()]) {
                *noise += source;
            }
        }
    }

    /// Everything the receiver gets.
    pub fn received(&self) -> Received {
        let mut light = Light::launched(&self.folds.on_comb.comb);
        let count = light.power_w.len();
        let mut u = vec![1.0; count];
        for link in &self.links {
            for ((ase, u), (added, multiplier)) in
                light.ase.iter_mut().zip(&mut u).zip(link.ase.iter().zip(&link.multiplier))
            {
                *ase += added * *u;
                *u *= multiplier;
            }
            add(&mut light.cd, &link.cd);
            add(&mut light.pmd_squared, &link.pmd_squared);
            add(&mut light.pdl_squared, &link.pdl_squared);
            light.latency_s += link.latency_s;
        }
        for crossing in &self.crossings {
            add(&mut light.pmd_squared, &crossing.pmd_squared);
            add(&mut light.pdl_squared, &crossing.pdl_squared);
            if let Some(noise) = &crossing.noise {
                add(&mut light.roadm_noise, noise);
            }
        }
        for ((nli, ase), u) in light.nli.iter_mut().zip(&light.ase).zip(u) {
            *nli = u - 1.0 - ase;
        }
        if let Some(last) = self.links.last() {
            light.power_w.copy_from_slice(&last.power_w);
        }
        Received::new(self.folds.on_comb.comb.clone(), light)
    }
}

fn add(sums: &mut [f64], values: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}
