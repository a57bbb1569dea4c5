//! The cut that asks for most wavelengths: all cuts up to `EXHAUSTIVE` nodes, local search above.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::Certificate;
use crate::catalogue::rwa::instance::Instance;
use crate::control::Control;
use crate::error::AlgorithmError;

/// Most nodes for which every cut is looked at.
const EXHAUSTIVE: usize = 17;
/// Most starts of the local search, beside one from each node.
const STARTS: usize = 60;
/// Most starts in all.
const MOST_STARTS: usize = 300;

/// The best cut found; none if nothing has to cross any.
pub fn best(
    instance: &Instance,
    mut random: ChaCha8Rng,
    control: &Control,
) -> Result<Option<Certificate>, AlgorithmError> {
    let mut cut = Cut::new(instance);
    let mut best = Best { paths: 0, fibres: 1, inside: Vec::new() };
    if instance.nodes <= EXHAUSTIVE {
        // Gray code: neighbouring cuts differ in one node; the last node stays outside.
        for number in 1..1_u32 << (instance.nodes.max(1) - 1) {
            if number % 4096 == 0 {
                control.check()?;
            }
            cut.flip(number.trailing_zeros() as usize);
            best.offer(&cut);
        }
    } else {
        let starts = (instance.nodes + STARTS).min(MOST_STARTS);
        for start in 0..starts {
            let begin = if start < instance.nodes { start } else { below(&mut random, instance.nodes) };
            let size = 1 + below(&mut random, instance.nodes / 2);
            cut.set_ball(begin, if start % 2 == 0 { 1 } else { size });
            climb(&mut cut, &mut best, control)?;
        }
    }
    if best.inside.is_empty() {
        return Ok(None);
    }
    let side = (0..).zip(&best.inside).filter(|(_, inside)| **inside).map(|(node, _)| node).collect();
    Ok(Some(Certificate::Cut(side)))
}

/// Flips single nodes while that asks for more wavelengths.
fn climb(cut: &mut Cut<'_>, best: &mut Best, control: &Control) -> Result<(), AlgorithmError> {
    best.offer(cut);
    loop {
        control.check()?;
        let mut improved = false;
        for node in 0..cut.inside.len() {
            let (paths, fibres) = (cut.paths, cut.fibres);
            cut.flip(node);
            if cut.fibres > 0 && (fibres == 0 || cut.paths * fibres > paths * cut.fibres) {
                improved = true;
            } else {
                cut.flip(node);
            }
        }
        best.offer(cut);
        if !improved {
            return Ok(());
        }
    }
}

struct Best {
    paths: u64,
    fibres: u64,
    inside: Vec<bool>,
}

impl Best {
    fn offer(&mut self, cut: &Cut<'_>) {
        if cut.fibres > 0 && cut.paths * self.fibres > self.paths * cut.fibres {
            (self.paths, self.fibres) = (cut.paths, cut.fibres);
            self.inside.clone_from(&cut.inside);
        }
    }
}

/// A cut, with the paths that have to cross it and the fibres they can cross on.
struct Cut<'a> {
    instance: &'a Instance,
    /// For each node the other ends of its requests, and how many paths they take.
    wanted: Vec<Vec<(usize, u64)>>,
    inside: Vec<bool>,
    paths: u64,
    fibres: u64,
}

impl<'a> Cut<'a> {
    fn new(instance: &'a Instance) -> Self {
        let mut wanted = vec![std::collections::BTreeMap::<usize, u64>::new(); instance.nodes];
        for request in &instance.requests {
            let paths = request.pairing.routes() as u64;
            *wanted[request.a].entry(request.b).or_default() += paths;
            *wanted[request.b].entry(request.a).or_default() += paths;
        }
        Self {
            instance,
            wanted: wanted.into_iter().map(|ends| ends.into_iter().collect()).collect(),
            inside: vec![false; instance.nodes],
            paths: 0,
            fibres: 0,
        }
    }

    fn flip(&mut self, node: usize) {
        let side = self.inside[node];
        for &(other, paths) in &self.wanted[node] {
            if self.inside[other] == side { self.paths += paths } else { self.paths -= paths }
        }
        for arc in &self.instance.adjacency[node] {
            let fibres = self.instance.links[arc.link].fibres as u64;
            if self.inside[arc.node] == side { self.fibres += fibres } else { self.fibres -= fibres }
        }
        self.inside[node] = !side;
    }

    /// The `size` nodes nearest to `centre`, by hops.
    fn set_ball(&mut self, centre: usize, size: usize) {
        for node in 0..self.inside.len() {
            if self.inside[node] {
                self.flip(node);
            }
        }
        let mut ball = vec![centre];
        let mut seen = vec![false; self.inside.len()];
        seen[centre] = true;
        let mut next = 0;
        while next < ball.len() && ball.len() < size {
            for arc in &self.instance.adjacency[ball[next]] {
                if !std::mem::replace(&mut seen[arc.node], true) {
                    ball.push(arc.node);
                }
            }
            next += 1;
        }
        for &node in ball.iter().take(size) {
            self.flip(node);
        }
    }
}

fn below(random: &mut ChaCha8Rng, count: usize) -> usize {
    let wide = u64::from(random.next_u32()) * count.max(1) as u64;
    usize::try_from(wide >> 32).expect("less than count")
}
