//! A planner's routes, as the elements light passes.

use std::collections::{BTreeMap, HashMap};

use super::{ElementIndex, LineNetwork};
use crate::plan::{Direction, Hop};

/// Why hops are no route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A link, or a fibre of it, that is not there.
    #[error("there is no fibre \"{fibre}\" in a link \"{link}\"")]
    UnknownHop {
        /// Id of the link.
        link: String,
        /// Id of the fibre.
        fibre: String,
    },
    /// A hop that does not begin where the one before ends.
    #[error("link \"{link}\" does not begin where the route has come to")]
    Broken {
        /// Id of the link.
        link: String,
    },
    /// A route begins and ends where channels are added and dropped.
    #[error("a route cannot begin or end at \"{node}\", which only amplifies")]
    AmplifierSite {
        /// Id of the node.
        node: String,
    },
    /// A route without hops.
    #[error("a route needs at least one hop")]
    Empty,
}

/// The elements of a topology, and where to find them.
///
/// It stays valid while the network is completed and designed.
#[derive(Clone, Debug)]
pub struct TopologyLine {
    /// The elements.
    pub network: LineNetwork,
    pub(super) nodes: Vec<String>,
    pub(super) sites: Vec<Option<Site>>,
    pub(super) hops: HashMap<String, BTreeMap<(String, Direction), Way>>,
    pub(super) begins: Vec<bool>,
}

/// Elements of a site where channels are added and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Where lightpaths begin and end.
    pub transceiver: ElementIndex,
    /// Where they are switched.
    pub roadm: ElementIndex,
}

/// One direction of a fibre pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) first: ElementIndex,
    pub(super) last: ElementIndex,
}

impl TopologyLine {
    /// The elements of a node, by its position in the topology; none where it only amplifies.
    pub fn site(&self, node: usize) -> Option<Site> {
        self.sites.get(node).copied().flatten()
    }

    /// The elements of one hop, in the order light passes them, ROADMs at its ends left out. Amplifiers at an
    /// amplifier site belong to the hop before.
    pub fn hop(&self, link: &str, fibre: &str, direction: Direction) -> Option<Vec<ElementIndex>> {
        Some(self.elements_of(self.way(link, fibre, direction)?))
    }

    /// The elements a planner's route passes, transceivers and ROADMs included.
    pub fn route(&self, hops: &[Hop]) -> Result<Vec<ElementIndex>, RouteError> {
        let mut elements = Vec::new();
        let mut at: Option<usize> = None;
        for hop in hops {
            let unknown = || RouteError::UnknownHop { link: hop.link.clone(), fibre: hop.fibre.clone() };
            let way = self.way(&hop.link, &hop.fibre, hop.direction).ok_or_else(unknown)?;
            if at.is_none() {
                let site = self.sites[way.from].ok_or_else(|| self.only_amplifies(way.from))?;
                elements.extend([site.transceiver, site.roadm]);
            }
            let joined = match elements.last() {
                Some(&last) if at.is_some() && self.sites[way.from].is_none() => {
                    self.network.successors(last).contains(&way.first)
                }
                _ => at.is_none_or(|at| at == way.from),
            };
            if !joined {
                return Err(RouteError::Broken { link: hop.link.clone() });
            }
            elements.extend(self.elements_of(way));
            elements.extend(self.sites[way.to].map(|site| site.roadm));
            at = Some(way.to);
        }
        let end = at.ok_or(RouteError::Empty)?;
        elements.push(self.sites[end].ok_or_else(|| self.only_amplifies(end))?.transceiver);
        Ok(elements)
    }

    fn only_amplifies(&self, node: usize) -> RouteError {
        RouteError::AmplifierSite { node: self.nodes[node].clone() }
    }

    fn way(&self, link: &str, fibre: &str, direction: Direction) -> Option<Way> {
        self.hops.get(link)?.get(&(fibre.to_owned(), direction)).copied()
    }

    fn elements_of(&self, way: Way) -> Vec<ElementIndex> {
        let mut elements = Vec::new();
        if let Some(site) = self.sites[way.from] {
            let mut before = way.first;
            while let Some(&index) = self.network.predecessors(before).first() {
                if index == site.roadm {
                    break;
                }
                elements.push(index);
                before = index;
            }
            elements.reverse();
        }
        let mut at = way.first;
        loop {
            elements.push(at);
            match self.network.successors(at).first() {
                Some(&next)
                    if !self.network.ends_sections(next)
                        && !self.begins.get(next).copied().unwrap_or(false) =>
                {
                    at = next;
                }
                _ => return elements,
            }
        }
    }
}
