//! The best plan of a tiny network by trying everything.

use std::collections::BTreeSet;

/// A wish between two nodes.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub a: usize,
    pub b: usize,
    pub protected: bool,
}

/// Every connected graph of 2 to `most` nodes, one of each shape.
pub fn connected_graphs(most: usize) -> Vec<(usize, Vec<(usize, usize)>)> {
    let mut graphs = Vec::new();
    for nodes in 2..=most {
        let pairs: Vec<(usize, usize)> =
            (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b))).collect();
        let mut shapes = BTreeSet::new();
        for set in 0_u32..1 << pairs.len() {
            let links: Vec<(usize, usize)> = pairs
                .iter()
                .enumerate()
                .filter(|(bit, _)| set >> bit & 1 == 1)
                .map(|(_, &pair)| pair)
                .collect();
            if connected(nodes, &links) && shapes.insert(shape(nodes, &links)) {
                graphs.push((nodes, links));
            }
        }
    }
    graphs
}

fn connected(nodes: usize, links: &[(usize, usize)]) -> bool {
    let mut reached = BTreeSet::from([0]);
    for _ in 0..nodes {
        for &(a, b) in links {
            if reached.contains(&a) || reached.contains(&b) {
                reached.extend([a, b]);
            }
        }
    }
    reached.len() == nodes
}

/// The least of the link sets that renaming the nodes gives: equal for graphs of equal shape.
fn shape(nodes: usize, links: &[(usize, usize)]) -> Vec<(usize, usize)> {
    permutations(nodes)
        .into_iter()
        .map(|name| {
            let mut renamed: Vec<(usize, usize)> =
                links.iter().map(|&(a, b)| (name[a].min(name[b]), name[a].max(name[b]))).collect();
            renamed.sort_unstable();
            renamed
        })
        .min()
        .expect("at least one order")
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut longer = order.clone();
        longer.insert(at, count - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..count).map(|at| insert(order, at)).collect::<Vec<_>>()).collect()
}

/// Up to six wishes, spread by a fixed rule; those of variant 1 and 2 protected in part.
pub fn demands(nodes: usize, links: usize, variant: usize) -> Vec<Wish> {
    let pairs: Vec<(usize, usize)> = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b))).collect();
    let count = 4 + (links + variant) % 3;
    (0..count)
        .map(|number| {
            let (a, b) = pairs[(number * (2 * variant + 1) + links) % pairs.len()];
            Wish { a, b, protected: variant > 0 && number % (4 - variant) == 0 }
        })
        .collect()
}

/// The fewest blocked wishes on at most `channels` wavelengths, and the fewest wavelengths for that.
pub fn fewest_blocked_then_wavelengths(
    nodes: usize,
    links: &[(usize, usize)],
    wishes: &[Wish],
    channels: usize,
) -> (u32, u32) {
    let options: Vec<Vec<u32>> = wishes.iter().map(|wish| options(nodes, links, *wish)).collect();
    let mut best = (u32::MAX, u32::MAX);
    try_all(&options, &mut vec![0; channels], 0, 0, &mut best);
    best
}

fn try_all(options: &[Vec<u32>], taken: &mut [u32], used: usize, blocked: u32, best: &mut (u32, u32)) {
    let wavelengths = u32::try_from(used).expect("a few");
    if (blocked, wavelengths) >= *best {
        return;
    }
    let Some((own, rest)) = options.split_first() else {
        *best = (blocked, wavelengths);
        return;
    };
    for &links in own {
        // Wavelengths not used yet are alike: one of them is enough.
        for wavelength in 0..(used + 1).min(taken.len()) {
            if taken[wavelength] & links == 0 {
                taken[wavelength] |= links;
                try_all(rest, taken, used.max(wavelength + 1), blocked, best);
                taken[wavelength] &= !links;
            }
        }
    }
    try_all(rest, taken, used, blocked + 1, best);
}

/// The sets of links that serve a wish, as bits: simple routes, or pairs of them without common link or inner node.
fn options(nodes: usize, links: &[(usize, usize)], wish: Wish) -> Vec<u32> {
    let mut routes = Vec::new();
    walk(links, wish.a, wish.b, 1 << wish.a, 0, &mut routes);
    if !wish.protected {
        return routes.iter().map(|route| route.0).collect();
    }
    let ends = 1 << wish.a | 1 << wish.b;
    let inner = |visited: u32| visited & !ends & ((1 << nodes) - 1);
    let mut pairs = Vec::new();
    for (position, one) in routes.iter().enumerate() {
        for other in &routes[position + 1..] {
            if one.0 & other.0 == 0 && inner(one.1) & inner(other.1) == 0 {
                pairs.push(one.0 | other.0);
            }
        }
    }
    pairs
}

fn walk(
    links: &[(usize, usize)],
    at: usize,
    goal: usize,
    visited: u32,
    used: u32,
    routes: &mut Vec<(u32, u32)>,
) {
    if at == goal {
        routes.push((used, visited));
        return;
    }
    for (link, &(a, b)) in links.iter().enumerate() {
        let next = if a == at {
            b
        } else if b == at {
            a
        } else {
            continue;
        };
        if visited >> next & 1 == 0 {
            walk(links, next, goal, visited | 1 << next, used | 1 << link, routes);
        }
    }
}
