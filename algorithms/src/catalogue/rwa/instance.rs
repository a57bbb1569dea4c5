//! The integer model of a planning task: links, fibres, add/drop banks and requests as indices.

use std::collections::VecDeque;

use optics::plan::BlockedReason;

/// No limit on a count.
pub const UNLIMITED: u32 = u32::MAX;
/// A distance in hops that cannot be travelled.
pub const UNREACHABLE: u16 = u16::MAX;

/// How many routes a request takes, and what they must not share. All are on one wavelength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pairing {
    /// One route.
    Single,
    /// Two routes without a common link.
    Links,
    /// Two routes without a common link or a common node between the ends.
    Nodes,
}

impl Pairing {
    /// How many routes.
    pub fn routes(self) -> usize {
        if self == Self::Single { 1 } else { 2 }
    }
}

/// A request in indices.
#[derive(Clone, Debug)]
pub struct Request {
    /// One end.
    pub a: usize,
    /// The other end.
    pub b: usize,
    /// Its routes.
    pub pairing: Pairing,
    /// Which of [`Instance::rules`] its routes obey.
    pub rule: usize,
    /// What it is worth to serve it, in hundredths of the median of priority × Gb/s; at least 1.
    pub worth: u32,
    /// Least hops of its routes together.
    pub hops: u32,
}

/// A neighbour over a link.
#[derive(Clone, Copy, Debug)]
pub struct Arc {
    /// The node there.
    pub node: usize,
    /// The link.
    pub link: usize,
}

/// A link and the run of its fibres.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// One end.
    pub a: usize,
    /// The other end.
    pub b: usize,
    /// First fibre.
    pub first: usize,
    /// Number of fibres.
    pub fibres: usize,
    /// Length in metres.
    pub length_m: u64,
}

/// An add/drop bank.
#[derive(Clone, Debug)]
pub struct Bank {
    /// The node.
    pub node: usize,
    /// Position among the node's banks.
    pub place: usize,
    /// The links it serves; none for all of the node.
    pub serves: Option<Vec<usize>>,
    /// How many ports it has.
    pub ports: u32,
    /// Which of [`Instance::slot_groups`] its slots count in.
    pub group: usize,
}

impl Bank {
    /// Whether a signal from `link` can be dropped here.
    pub fn serves(&self, link: usize) -> bool {
        self.serves.as_ref().is_none_or(|links| links.contains(&link))
    }
}

/// What a class of requests must not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Links, by index.
    pub links: Vec<bool>,
    /// Nodes, by index.
    pub nodes: Vec<bool>,
}

/// A planning task in indices.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Number of nodes.
    pub nodes: usize,
    /// Whether routes may pass through a node.
    pub transit: Vec<bool>,
    /// Links.
    pub links: Vec<Link>,
    /// Link of each fibre.
    pub fibre_link: Vec<usize>,
    /// Neighbours of each node.
    pub adjacency: Vec<Vec<Arc>>,
    /// Channels of the grid.
    pub channels: usize,
    /// For each fibre the channels that are closed, as bits.
    pub closed: Vec<Vec<u64>>,
    /// Whether every channel is as good as every other: none is closed anywhere.
    pub uniform: bool,
    /// Banks, those of a node in a row.
    pub banks: Vec<Bank>,
    /// Banks of each node, as a range of [`Instance::banks`].
    pub banks_of: Vec<std::ops::Range<usize>>,
    /// Whether a node has a bank that never refuses.
    pub open: Vec<bool>,
    /// How often a slot may be added and dropped in each slot group.
    pub slot_groups: Vec<u32>,
    /// Requests that have a route; the others are in [`Instance::unroutable`].
    pub requests: Vec<Request>,
    /// For each of [`Instance::requests`] its position in the task.
    pub origin: Vec<usize>,
    /// Requests without a route, whatever else is lit.
    pub unroutable: Vec<(usize, BlockedReason)>,
    /// What classes of requests must not touch; 0 is no rule at all.
    pub rules: Vec<Rule>,
    /// Hops to each node where transit allows, from nodes that end requests; empty for others.
    pub distance: Vec<Vec<u16>>,
}

impl Instance {
    /// Whether a route under `rule` may use `arc` on its way to `target`.
    #[inline]
    pub fn allows(&self, rule: usize, arc: Arc, target: usize) -> bool {
        (self.transit[arc.node] || arc.node == target)
            && (rule == 0 || {
                let rule = &self.rules[rule];
                !rule.links[arc.link] && (!rule.nodes[arc.node] || arc.node == target)
            })
    }

    /// The nodes that a route from `a` to `b` can reach over links for which `usable` holds, without `avoid`.
    pub fn component(
        &self,
        a: usize,
        b: usize,
        usable: &dyn Fn(usize) -> bool,
        avoid: Option<usize>,
    ) -> Vec<bool> {
        let mut reached = vec![false; self.nodes];
        reached[a] = true;
        let mut queue = VecDeque::from([a]);
        while let Some(node) = queue.pop_front() {
            if node != a && (node == b || !self.transit[node]) {
                continue;
            }
            for arc in &self.adjacency[node] {
                if !reached[arc.node] && Some(arc.node) != avoid && usable(arc.link) {
                    reached[arc.node] = true;
                    queue.push_back(arc.node);
                }
            }
        }
        reached
    }
}
