//! Whether two requests can never have the same wavelength, whatever their routes.
//!
//! Shown in one of three ways: they end at a node that takes a slot once; some links and nodes part the ends of both
//! and let less through than both need; or, for two requests with node-disjoint pairs of routes, every circle through
//! the ends of one shares a link with every circle through the ends of the other. The last is exact, but circles may be
//! too many to list; then nothing is claimed.

use std::collections::{BTreeMap, VecDeque};

use super::slot_uses;
use crate::catalogue::rwa::disjoint::{Ends, RouteFinder};
use crate::catalogue::rwa::instance::{Arc, Instance, Pairing};

/// What a request asks of one wavelength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// One end, the lower.
    pub a: usize,
    /// The other end.
    pub b: usize,
    /// Its routes.
    pub pairing: Pairing,
}

/// Memory for questions about pairs of requests.
pub struct Exclusion<'a> {
    instance: &'a Instance,
    once: Vec<bool>,
    arcs: Vec<(u32, u8)>,
    from: Vec<Vec<u32>>,
    original: Vec<u8>,
    finder: RouteFinder,
    circles: BTreeMap<(usize, usize), Option<Vec<u128>>>,
}

/// Most circles listed between two ends, and most steps taken to list them.
const MOST_CIRCLES: usize = 20_000;
const MOST_STEPS: usize = 1_000_000;

const PLENTY: u8 = 100;

impl<'a> Exclusion<'a> {
    /// For requests of `instance`.
    pub fn new(instance: &'a Instance) -> Self {
        let mut own = Self {
            instance,
            once: (0..instance.nodes).map(|node| slot_uses(instance, node) == 1).collect(),
            arcs: Vec::new(),
            from: vec![Vec::new(); 2 * instance.nodes + 2],
            original: Vec::new(),
            finder: RouteFinder::new(instance.nodes),
            circles: BTreeMap::new(),
        };
        for node in 0..instance.nodes {
            own.arc(2 * node, 2 * node + 1, 0);
        }
        for link in &instance.links {
            let fibres = u8::try_from(link.fibres.min(4)).expect("at most 4");
            own.arc(2 * link.a + 1, 2 * link.b, fibres);
            own.arc(2 * link.b + 1, 2 * link.a, fibres);
        }
        own.original = own.arcs.iter().map(|arc| arc.1).collect();
        own
    }

    fn arc(&mut self, from: usize, to: usize, capacity: u8) {
        let number = |value: usize| u32::try_from(value).expect("nodes and links are below 2^17");
        self.from[from].push(number(self.arcs.len()));
        self.arcs.push((number(to), capacity));
        self.from[to].push(number(self.arcs.len()));
        self.arcs.push((number(from), 0));
    }

    /// Whether it is proven that the two never share a wavelength: they end at a node that takes it once, or some links
    /// and nodes that part the ends of both let through less than both need.
    pub fn proven(&mut self, one: Kind, other: Kind) -> bool {
        if [one.a, one.b].iter().any(|&end| self.once[end] && (end == other.a || end == other.b)) {
            return true;
        }
        let parted = [(other.a, other.b), (other.b, other.a)].into_iter().any(|(near, far)| {
            // Joined ends on both sides would be one node: this way of pairing the ends has no cut.
            one.a != far && one.b != near && !self.fit(one, other, [one.a, near], [one.b, far])
        });
        parted || self.circles_meet(one, other)
    }

    /// Whether every circle through the ends of one shares a link with every circle through those of the other.
    fn circles_meet(&mut self, one: Kind, other: Kind) -> bool {
        let instance = self.instance;
        let listable = instance.links.len() <= 128 && instance.links.iter().all(|link| link.fibres == 1);
        if !listable || one.pairing != Pairing::Nodes || other.pairing != Pairing::Nodes {
            return false;
        }
        if self.room_beside(one, other) || self.room_beside(other, one) {
            return false;
        }
        for kind in [one, other] {
            self.circles.entry((kind.a, kind.b)).or_insert_with(|| circles(instance, kind.a, kind.b));
        }
        let listed = |kind: Kind| self.circles[&(kind.a, kind.b)].as_deref();
        let (Some(own), Some(others)) = (listed(one), listed(other)) else { return false };
        own.iter().all(|circle| others.iter().all(|second| circle & second != 0))
    }

    /// Whether beside a shortest circle of `one` there is room for one of `other`: the usual case, quickly seen.
    fn room_beside(&mut self, one: Kind, other: Kind) -> bool {
        let instance = self.instance;
        let ends = |kind: Kind| Ends { a: kind.a, b: kind.b, rule: 0 };
        if self.finder.pair(instance, ends(one), true, u32::MAX, |_, _| Some(1)).is_none() {
            return false;
        }
        let taken: Vec<usize> = self.finder.routes.iter().flatten().copied().collect();
        let price = |arc: Arc, _| (!taken.contains(&arc.link)).then_some(1);
        self.finder.pair(instance, ends(other), true, u32::MAX, price).is_some()
    }

    /// Whether the routes of both find room from `near` to `far` if they may be exchanged for each other.
    fn fit(&mut self, one: Kind, other: Kind, near: [usize; 2], far: [usize; 2]) -> bool {
        let need = one.pairing.routes() + other.pairing.routes();
        let apart = one.pairing != Pairing::Links && other.pairing != Pairing::Links;
        for (arc, &capacity) in self.arcs.iter_mut().zip(&self.original) {
            arc.1 = capacity;
        }
        for node in 0..self.instance.nodes {
            let end = near.contains(&node) || far.contains(&node);
            self.arcs[2 * node].1 = match (end, self.instance.transit[node], apart) {
                (true, ..) | (false, true, false) => PLENTY,
                (false, true, true) => 2,
                (false, false, _) => 0,
            };
        }
        (0..need).all(|_| self.augment(near, far))
    }

    /// Sends one more unit by breadth-first search.
    fn augment(&mut self, near: [usize; 2], far: [usize; 2]) -> bool {
        let nodes = 2 * self.instance.nodes;
        let mut by = vec![u32::MAX; nodes];
        let mut seen = vec![false; nodes];
        let mut queue = VecDeque::new();
        for start in near {
            if !seen[2 * start] {
                seen[2 * start] = true;
                queue.push_back(2 * start);
            }
        }
        let goals = [2 * far[0] + 1, 2 * far[1] + 1];
        while let Some(at) = queue.pop_front() {
            if goals.contains(&at) {
                let mut back = at;
                while by[back] != u32::MAX {
                    let arc = by[back] as usize;
                    self.arcs[arc].1 -= 1;
                    self.arcs[arc ^ 1].1 += 1;
                    back = self.arcs[arc ^ 1].0 as usize;
                }
                return true;
            }
            for &arc in &self.from[at] {
                let (to, left) = self.arcs[arc as usize];
                if left > 0 && !seen[to as usize] {
                    seen[to as usize] = true;
                    by[to as usize] = arc;
                    queue.push_back(to as usize);
                }
            }
        }
        false
    }
}

/// The links of every circle through `a` and `b`, that is of every node-disjoint pair of routes, as bits; none if there
/// are too many.
fn circles(instance: &Instance, a: usize, b: usize) -> Option<Vec<u128>> {
    let mut walk = Walk {
        instance,
        home: a,
        goal: b,
        visited: vec![false; instance.nodes],
        steps: 0,
        found: Vec::new(),
    };
    walk.visited[a] = true;
    for (position, arc) in instance.adjacency[a].iter().enumerate() {
        // Each circle is found once: it comes home over a later link than it left by.
        let returns: u128 = instance.adjacency[a][position + 1..].iter().map(|back| 1 << back.link).sum();
        walk.enter(arc.node, 1 << arc.link, returns, false)?;
    }
    Some(walk.found)
}

struct Walk<'a> {
    instance: &'a Instance,
    home: usize,
    goal: usize,
    visited: Vec<bool>,
    steps: usize,
    found: Vec<u128>,
}

impl Walk<'_> {
    /// Goes on from `node`, reached over `links`; `past` once the goal lies behind.
    fn enter(&mut self, node: usize, links: u128, returns: u128, past: bool) -> Option<()> {
        let instance = self.instance;
        let past = past || node == self.goal;
        if node != self.goal && !instance.transit[node] {
            return Some(());
        }
        self.visited[node] = true;
        for arc in &instance.adjacency[node] {
            self.steps += 1;
            if self.steps > MOST_STEPS || self.found.len() > MOST_CIRCLES {
                return None;
            }
            let bit = 1_u128 << arc.link;
            if arc.node == self.home {
                if past && returns & bit != 0 {
                    self.found.push(links | bit);
                }
            } else if !self.visited[arc.node] {
                self.enter(arc.node, links | bit, returns, past)?;
            }
        }
        self.visited[node] = false;
        Some(())
    }
}
