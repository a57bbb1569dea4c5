//! Whether two requests can never have the same wavelength, whatever their routes.

use std::collections::VecDeque;

use super::slot_uses;
use crate::catalogue::rwa::instance::{Instance, Pairing};

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
}

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
        [(other.a, other.b), (other.b, other.a)].into_iter().any(|(near, far)| {
            // Joined ends on both sides would be one node: this way of pairing the ends has no cut.
            one.a != far && one.b != near && !self.fit(one, other, [one.a, near], [one.b, far])
        })
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
