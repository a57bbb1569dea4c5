//! What is added, dropped, regenerated and passed through at each site.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Hop, Lightpath, PathRole, Plan, Segment};
use crate::traffic::{Protection, ProtectionSource};

/// Channels of one parity that a multiplexer takes.
const CHANNELS_PER_MULTIPLEXER: u32 = 48;
/// Slices of a channel where the grid has no fixed spacing: 50 GHz.
const SLICES_PER_CHANNEL: u32 = 8;

/// A fibre pair of a site: link and fibre.
pub(super) type Degree = (String, String);

/// Which multiplexers a signal goes through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// Those of working paths.
    Working,
    /// Those of protection paths.
    Protection,
}

/// A signal that begins or ends.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub side: Side,
    pub degree: Degree,
    /// Position of the channel in the grid.
    pub channel: u32,
}

/// What the paths of a plan do at a site.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Signals that begin or end and are always there.
    pub endings: Vec<Ending>,
    /// Channels that pass from one degree to another, by degree.
    pub passing: BTreeMap<Degree, Vec<u32>>,
    /// Lightpaths protected by a splitter here.
    pub split: u32,
    /// Whether anything protected ends here.
    pub protected: bool,
    /// Lightpaths that end here, each with the transponders it needs.
    pub ends: Vec<(String, u32)>,
    /// Regenerators that are always in use.
    pub regenerators: u32,
    /// By failure the regenerators that restorations use.
    restoring: BTreeMap<String, u32>,
    /// By failure the channels, other than the lightpath's own, that restorations begin or end with.
    retuned: BTreeMap<String, BTreeMap<u32, u32>>,
}

impl Traffic {
    /// Regenerators, those shared by restorations too: no two failures happen at once.
    pub fn all_regenerators(&self) -> u32 {
        self.regenerators + self.restoring.values().copied().max().unwrap_or(0)
    }

    /// Whether anything begins or ends here.
    pub fn adds_or_drops(&self) -> bool {
        !self.endings.is_empty() || !self.ends.is_empty() || self.all_regenerators() > 0
    }

    /// Channels that begin or end on a side; on that of working paths those of restorations too.
    pub fn channels(&self, side: &Side) -> Vec<u32> {
        let own = self.endings.iter().filter(|ending| ending.side == *side).map(|ending| ending.channel);
        let mut channels: Vec<u32> = own.collect();
        if *side == Side::Working {
            let mut most: BTreeMap<u32, u32> = BTreeMap::new();
            for retuned in self.retuned.values() {
                for (&channel, &count) in retuned {
                    let known = most.entry(channel).or_default();
                    *known = count.max(*known);
                }
            }
            let often = |(channel, count): (u32, u32)| std::iter::repeat_n(channel, count as usize);
            channels.extend(most.into_iter().flat_map(often));
        }
        channels
    }

    /// Channels that begin, end or pass at a degree.
    pub fn at_degree(&self, degree: &Degree) -> Vec<u32> {
        let own = self.endings.iter().filter(|ending| ending.degree == *degree).map(|ending| ending.channel);
        own.chain(self.passing.get(degree).into_iter().flatten().copied()).collect()
    }
}

/// How many multiplexers of even and of odd channels these need: a multiplexer takes each of 48 channels once.
pub(super) fn multiplexers(channels: &[u32]) -> [u32; 2] {
    let mut often: BTreeMap<u32, u32> = BTreeMap::new();
    for &channel in channels {
        *often.entry(channel).or_default() += 1;
    }
    let mut most: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (channel, count) in often {
        let known = most.entry((channel % 2, channel / 2 / CHANNELS_PER_MULTIPLEXER)).or_default();
        *known = count.max(*known);
    }
    [0, 1].map(|parity| most.iter().filter(|((own, _), _)| *own == parity).map(|(_, count)| count).sum())
}

/// What a plan does at each site that it touches. Linear in the hops of the plan.
pub(super) fn traffic(plan: &Plan, nodes_of: &BTreeMap<&str, [&str; 2]>) -> BTreeMap<String, Traffic> {
    let mut sites: BTreeMap<String, Traffic> = BTreeMap::new();
    for lightpath in &plan.lightpaths {
        let source = match lightpath.protection {
            Protection::OnePlusOne { source, .. } => Some(source),
            Protection::None => None,
        };
        let transponders = 1 + u32::from(source == Some(ProtectionSource::OwnTransponder));
        for end in &lightpath.ends {
            let site = sites.entry(end.clone()).or_default();
            site.ends.push((lightpath.id.clone(), transponders));
            site.protected |= source.is_some();
            site.split += u32::from(source == Some(ProtectionSource::Splitter));
        }
        lay(lightpath, plan, nodes_of, &mut sites);
    }
    sites
}

fn lay(
    lightpath: &Lightpath,
    plan: &Plan,
    nodes_of: &BTreeMap<&str, [&str; 2]>,
    sites: &mut BTreeMap<String, Traffic>,
) {
    let own: BTreeSet<u32> = (lightpath.paths.iter())
        .filter(|path| path.role == PathRole::Working)
        .flat_map(|path| path.segments.iter().map(|segment| channel(plan, segment)))
        .collect();
    for path in &lightpath.paths {
        for (at, segment) in path.segments.iter().enumerate() {
            let channel = channel(plan, segment);
            for (port, hop) in [(&segment.tx, segment.hops.first()), (&segment.rx, segment.hops.last())] {
                let Some(hop) = hop else { continue };
                let site = sites.entry(port.node.clone()).or_default();
                let side = match path.role {
                    PathRole::Working => Side::Working,
                    PathRole::Protection => Side::Protection,
                    PathRole::Restoration => {
                        if !own.contains(&channel) {
                            let failure = path.scenario.clone().unwrap_or_default();
                            *site.retuned.entry(failure).or_default().entry(channel).or_default() += 1;
                        }
                        continue;
                    }
                };
                site.protected |= side == Side::Protection;
                site.endings.push(Ending { side, degree: degree(hop), channel });
            }
            if at > 0 {
                let site = sites.entry(segment.tx.node.clone()).or_default();
                match path.role {
                    PathRole::Working | PathRole::Protection => site.regenerators += 1,
                    PathRole::Restoration => {
                        *site.restoring.entry(path.scenario.clone().unwrap_or_default()).or_default() += 1;
                    }
                }
            }
            for pair in segment.hops.windows(2).filter(|_| path.role != PathRole::Restoration) {
                let [before, behind] = [degree(&pair[0]), degree(&pair[1])];
                let Some(node) = between(&pair[0], nodes_of) else { continue };
                let site = sites.entry(node.to_owned()).or_default();
                site.passing.entry(before).or_default().push(channel);
                site.passing.entry(behind).or_default().push(channel);
            }
        }
    }
}

fn degree(hop: &Hop) -> Degree {
    (hop.link.clone(), hop.fibre.clone())
}

/// The node a hop leads to.
fn between<'a>(hop: &Hop, nodes_of: &BTreeMap<&str, [&'a str; 2]>) -> Option<&'a str> {
    let [a, b] = nodes_of.get(hop.link.as_str())?;
    Some(if hop.direction == crate::plan::Direction::Ab { b } else { a })
}

/// Position of a slot among the channels of the grid, from the lower edge.
fn channel(plan: &Plan, segment: &Segment) -> u32 {
    let width = plan.grid.channel_m().map_or(SLICES_PER_CHANNEL, |m| 2 * m).max(1);
    let low = i64::from(segment.n) - i64::from(segment.m) - i64::from(plan.grid.n_min);
    u32::try_from(low.max(0)).unwrap_or(u32::MAX) / width
}
