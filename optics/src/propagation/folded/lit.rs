//! A line as it is lit: on each link the channels that really pass it, and what each lightpath makes of them.
//!
//! As for a folded route, a link does to each of its channels what the powers that enter decide, and a lightpath is the
//! product of its links; but every link has a comb of its own. Behind a ROADM that attenuates all channels to their
//! targets the powers that enter are the targets, whatever came before, so each link is propagated once. Where a channel
//! is too weak for its target, the links it goes on to are propagated again for the powers there are, until no power
//! changes any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::comb::{Channel, Comb, CombError};
use super::super::light::Light;
use super::super::line::{OnComb, Step};
use super::super::receiver::Received;
use super::super::route::{Propagation, PropagationError};
use super::link::{Crossing, Link};
use crate::line::ElementIndex;

/// Powers that differ by less, relatively, are the same.
const SAME: f64 = 1e-13;
/// Rounds after which powers that still change are taken never to settle; a row of weak links takes one each.
const MOST_ROUNDS: usize = 1_000;

/// A lightpath as light: where it goes, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct LitPath {
    /// Elements from transceiver to transceiver.
    pub route: Vec<ElementIndex>,
    /// Its channel.
    pub channel: Channel,
}

/// Why lightpaths cannot share a line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LitError {
    /// Channels that make no comb on a link they share.
    #[error("behind element \"{behind}\": {source}")]
    Comb {
        /// Name of the element the link begins behind.
        behind: String,
        /// Why.
        source: CombError,
    },
    /// A channel that the amplifiers on its way do not carry.
    #[error("the channel at {frequency_thz} THz lies outside the bands of the amplifiers on its way")]
    OutsideBand {
        /// Position of the lightpath.
        path: usize,
        /// Its centre, in THz.
        frequency_thz: f64,
    },
    /// Light that does not get along its route.
    #[error(transparent)]
    Propagation(#[from] PropagationError),
    /// Weak channels that change each other's powers for ever.
    #[error("the powers of channels that are too weak for their targets do not settle")]
    Unsettled,
}

/// A line and the lightpaths on it. Cheap to clone: links are shared until they change.
#[derive(Clone, Debug)]
pub struct LitLine {
    propagation: Arc<Propagation>,
    paths: Vec<Placed>,
    links: Vec<Arc<LitLink>>,
    by_way: BTreeMap<Way, usize>,
}

/// What tells a link from others: its elements; and, where it begins or ends with a transceiver, the element beyond its
/// ROADM. What a site adds towards one neighbour is not beside what it adds towards another, and what it drops from two
/// neighbours comes on two fibres: the same frequency may be in both.
type Way = (Vec<ElementIndex>, Option<ElementIndex>);

/// A lightpath by its links.
#[derive(Clone, Debug)]
struct Placed {
    path: Arc<LitPath>,
    links: Vec<usize>,
}

/// A link with its channels, ascending in frequency.
#[derive(Clone, Debug)]
struct LitLink {
    /// Ends included.
    elements: Arc<[ElementIndex]>,
    /// Lightpath, and which of its links this is.
    members: Vec<(usize, usize)>,
    entering_w: Vec<f64>,
    /// Whether some channel entered below its target.
    weak: bool,
    on_comb: Arc<OnComb>,
    link: Option<Arc<Link>>,
    /// What the ROADM at its end does, by the element behind.
    crossings: BTreeMap<ElementIndex, Arc<Crossing>>,
}

impl LitLink {
    /// Where a lightpath stands among the channels.
    fn position(&self, path: usize) -> usize {
        self.members.iter().position(|member| member.0 == path).expect("the lightpath passes the link")
    }
}

impl LitLine {
    /// Lights lightpaths on a dark line.
    ///
    /// Costs one propagation of its channels per link that is lit, and what weak channels need.
    pub fn new(propagation: Arc<Propagation>, paths: Vec<LitPath>) -> Result<Self, LitError> {
        let dark = Self { propagation, paths: Vec::new(), links: Vec::new(), by_way: BTreeMap::new() };
        dark.with(paths)
    }

    /// The same line with further lightpaths, behind those there are: only links they pass, and those weak channels go on
    /// to, are propagated again.
    pub fn with(&self, paths: Vec<LitPath>) -> Result<Self, LitError> {
        let mut line = self.clone();
        let mut changed = BTreeSet::new();
        for path in paths {
            line.place(path, &mut changed)?;
        }
        for &link in &changed {
            line.fill(link)?;
        }
        line.settle(changed)?;
        Ok(line)
    }

    /// What light is sent along.
    pub fn propagation(&self) -> &Arc<Propagation> {
        &self.propagation
    }

    /// The lightpaths, in the order they were given.
    pub fn paths(&self) -> impl Iterator<Item = &LitPath> {
        self.paths.iter().map(|placed| &*placed.path)
    }

    /// How many lightpaths there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether the line is dark.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether every channel is strong enough for the target of every ROADM it crosses: then no link depends on what comes
    /// before it.
    pub fn is_levelled(&self) -> bool {
        self.links.iter().all(|link| !link.weak)
    }

    /// The channels on the link that begins with these two elements, a ROADM or transceiver and the one behind it. Behind a
    /// transceiver they are those towards all neighbours, and may overlap.
    pub fn channels_behind(&self, beginning: [ElementIndex; 2]) -> impl Iterator<Item = Channel> + '_ {
        let of = move |link: &&Arc<LitLink>| link.elements[..2] == beginning;
        self.links.iter().filter(of).flat_map(|link| link.on_comb.comb.iter())
    }

    /// What the receiver of a lightpath gets, by its position: a comb of one channel.
    pub fn received(&self, path: usize) -> Received {
        let Placed { path: lit, links } = &self.paths[path];
        let comb = Comb::new(vec![lit.channel]).expect("the channel was part of a comb");
        let mut light = Light::launched(&comb);
        let mut u = 1.0;
        for (hop, &at) in links.iter().enumerate() {
            let of = &self.links[at];
            let channel = of.position(path);
            let link = of.link.as_ref().expect("a settled line knows its links");
            light.ase[0] += link.ase[channel] * u;
            u *= link.multiplier.as_flattened()[channel];
            light.cd[0] += link.cd[channel];
            light.pmd_squared[0] += link.pmd_squared[channel];
            light.pdl_squared[0] += link.pdl_squared[channel];
            light.latency_s += link.latency_s;
            light.power_w[0] = link.power_w[channel];
            if let Some(&next) = links.get(hop + 1) {
                let crossing = &of.crossings[&self.links[next].elements[1]];
                light.pmd_squared[0] += crossing.pmd_squared[channel];
                light.pdl_squared[0] += crossing.pdl_squared[channel];
                light.roadm_noise[0] +=
                    crossing.noise.as_ref().map_or(0.0, |noise| noise.as_flattened()[channel]);
            }
        }
        light.nli[0] = u - 1.0 - light.ase[0];
        Received::new(comb, light)
    }

    /// Adds a lightpath to its links, without light yet.
    fn place(&mut self, path: LitPath, changed: &mut BTreeSet<usize>) -> Result<(), LitError> {
        let number = self.paths.len();
        self.propagation.check_route(&path.route)?;
        let alone = Comb::new(vec![path.channel]).map_err(|source| self.no_comb(path.route[0], source))?;
        if alone.positions_within(&self.propagation.common_bands(&path.route)).is_empty() {
            let frequency_thz = path.channel.frequency_hz * 1e-12;
            return Err(LitError::OutsideBand { path: number, frequency_thz });
        }
        let is_end = |&place: &usize| matches!(self.propagation.line.all[path.route[place]], Step::Roadm(_));
        let last = path.route.len() - 1;
        let ends: Vec<usize> = (1..last).filter(is_end).chain([last]).collect();
        let mut links = Vec::with_capacity(ends.len());
        let mut from = 0;
        for (hop, to) in ends.into_iter().enumerate() {
            let elements = &path.route[from..=to];
            let beyond = match (from, to) {
                (0, to) => path.route.get(to + 1).copied(),
                (from, to) if to == last => Some(path.route[from - 1]),
                _ => None,
            };
            let way = (elements.to_vec(), beyond);
            let link = if let Some(&known) = self.by_way.get(&way) {
                known
            } else {
                self.by_way.insert(way, self.links.len());
                self.links.push(Arc::new(LitLink {
                    elements: elements.into(),
                    members: Vec::new(),
                    entering_w: Vec::new(),
                    weak: false,
                    on_comb: Arc::new(self.propagation.on_whole(&alone)),
                    link: None,
                    crossings: BTreeMap::new(),
                }));
                self.links.len() - 1
            };
            Arc::make_mut(&mut self.links[link]).members.push((number, hop));
            changed.insert(link);
            links.push(link);
            from = to;
        }
        self.paths.push(Placed { path: Arc::new(path), links });
        Ok(())
    }

    fn no_comb(&self, behind: ElementIndex, source: CombError) -> LitError {
        LitError::Comb { behind: self.propagation.uid(behind).to_owned(), source }
    }

    /// Makes the comb of a link with new members. New ones enter with their targets, as far as is known yet.
    fn fill(&mut self, at: usize) -> Result<(), LitError> {
        let channel = |&(path, _): &(usize, usize)| self.paths[path].path.channel;
        let mut link = (*self.links[at]).clone();
        let known: BTreeMap<usize, f64> =
            link.members.iter().map(|member| member.0).zip(link.entering_w.iter().copied()).collect();
        link.members.sort_by(|a, b| channel(a).frequency_hz.total_cmp(&channel(b).frequency_hz));
        let comb = Comb::new(link.members.iter().map(channel).collect())
            .map_err(|source| self.no_comb(link.elements[0], source))?;
        link.on_comb = Arc::new(self.propagation.on_whole(&comb));
        let targets = self.targets(&link)?;
        let entering = link.members.iter().enumerate().map(|(channel, (path, hop))| {
            let first = if *hop == 0 { comb.channels().tx_power_w[channel] } else { targets[channel] };
            known.get(path).copied().unwrap_or(first)
        });
        link.entering_w = entering.collect();
        (link.link, link.crossings) = (None, BTreeMap::new());
        self.links[at] = Arc::new(link);
        Ok(())
    }

    /// What the ROADM before a link lets into it of channels that are strong enough.
    fn targets(&self, link: &LitLink) -> Result<Vec<f64>, LitError> {
        let mut light = Light::launched(&link.on_comb.comb);
        if link.members.iter().any(|&(_, hop)| hop > 0) {
            // stronger than any target: a kilowatt
            light.power_w.fill(1e3);
            for &(path, hop) in link.members.iter().filter(|member| member.1 > 0) {
                let before = &self.links[self.paths[path].links[hop - 1]];
                let route = crossing_route(before, link.elements[1]);
                let mut light_before = light.clone();
                self.propagation.cross(&route, 1, &link.on_comb, &mut light_before)?;
                let channel = link.position(path);
                light.power_w[channel] = light_before.power_w[channel];
            }
        }
        Ok(light.power_w)
    }

    /// Propagates links until no power that enters one changes any more.
    fn settle(&mut self, mut changed: BTreeSet<usize>) -> Result<(), LitError> {
        for _ in 0..MOST_ROUNDS {
            if changed.is_empty() {
                return Ok(());
            }
            for &at in &changed {
                self.propagate(at)?;
            }
            let mut next = BTreeSet::new();
            for &at in &changed {
                self.hand_on(at, &mut next);
            }
            changed = next;
        }
        Err(LitError::Unsettled)
    }

    /// Works out a link and the ROADM at its end for the powers that enter.
    fn propagate(&mut self, at: usize) -> Result<(), LitError> {
        let behind: BTreeSet<ElementIndex> = {
            let link = &self.links[at];
            let next = |&(path, hop): &(usize, usize)| self.paths[path].links.get(hop + 1);
            link.members.iter().filter_map(next).map(|&next| self.links[next].elements[1]).collect()
        };
        let propagation = &*self.propagation;
        let link = Arc::make_mut(&mut self.links[at]);
        let ends = [0, link.elements.len() - 1];
        let light = propagation.between(&link.elements, ends, &link.on_comb, &link.entering_w)?;
        let made = Link::new(light);
        link.crossings.clear();
        for behind in behind {
            let route = crossing_route(link, behind);
            let crossing = made.cross(propagation, &route, 1, &link.on_comb)?;
            link.crossings.insert(behind, Arc::new(crossing));
        }
        link.link = Some(Arc::new(made));
        Ok(())
    }

    /// Lets what leaves a link into the links behind; notes those where it changes something.
    fn hand_on(&mut self, at: usize, changed: &mut BTreeSet<usize>) {
        let link = Arc::clone(&self.links[at]);
        for (channel, &(path, hop)) in link.members.iter().enumerate() {
            let Some(&next) = self.paths[path].links.get(hop + 1) else { continue };
            let power_w = link.crossings[&self.links[next].elements[1]].power_w[channel];
            let position = self.links[next].position(path);
            if (power_w - self.links[next].entering_w[position]).abs() > SAME * power_w {
                let behind = Arc::make_mut(&mut self.links[next]);
                behind.entering_w[position] = power_w;
                behind.weak = true;
                changed.insert(next);
            }
        }
    }
}

/// The elements around the ROADM at the end of a link: before, itself, behind.
fn crossing_route(link: &LitLink, behind: ElementIndex) -> [ElementIndex; 3] {
    let [.., before, roadm] = *link.elements else { return [behind; 3] };
    [before, roadm, behind]
}
