//! Legs on their own, with prices for what they should not share: bounds from below, and routes that keep the rules.
//!
//! For any prices, the weights of the cheapest legs, prices paid included, less all prices once, is at most the least
//! total; the best prices make it the bound of the linear relaxation. They are found by steps along what is shared too
//! often (Held and Karp 1971), as long as the distance to the best known total says (Polyak 1969).

use super::super::routing::Router;
use super::super::sections::{SectionIndex, Sections, VertexIndex};
use super::SAME;
use super::legs::{Apart, Ban, Legs, Rule};

/// Steps from one set of prices to the next: at the start, and in each part.
const STEPS: [usize; 2] = [150, 12];
/// Steps without a better bound before they are halved.
const PATIENCE: usize = 6;
/// How far above the bound the least total is taken to be while none is known, as a share of the bound.
const HOPE: f64 = 0.1;

/// Prices of the rules.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    /// By pair of members and section of the earlier one.
    pub apart: Vec<Vec<f64>>,
    /// By member and vertex; only where it has several legs.
    pub once: Vec<Vec<f64>>,
}

/// What was found of a part.
pub(super) struct Looked {
    /// No routes of the part weigh less.
    pub bound: f64,
    /// A rule that the legs of the best bound break; none if the part is closed.
    pub broken: Option<Rule>,
    pub prices: Prices,
}

/// One path for each leg.
type Paths = Vec<Vec<SectionIndex>>;

/// Looks into parts, and keeps the best routes met.
pub(super) struct Relaxation<'a> {
    graph: &'a Sections,
    router: &'a mut Router,
    legs: &'a Legs,
    best: Option<(f64, Paths)>,
    searches_left: usize,
    started: bool,
}

impl<'a> Relaxation<'a> {
    pub(super) fn new(
        graph: &'a Sections,
        router: &'a mut Router,
        legs: &'a Legs,
        searches_left: usize,
    ) -> Self {
        Self { graph, router, legs, best: None, searches_left, started: false }
    }

    /// The least total known; infinite before there is one.
    pub(super) fn best_total(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |(total, _)| *total)
    }

    /// The best routes, by member.
    pub(super) fn into_best(self) -> Option<Vec<Vec<SectionIndex>>> {
        let (_, paths) = self.best?;
        Some(self.legs.of_member.iter().map(|legs| paths[legs.clone()].concat()).collect())
    }

    /// Bounds a part, beginning with these prices. None if the searches are used up.
    pub(super) fn look(&mut self, bans: &[Ban], mut prices: Prices) -> Option<Looked> {
        let closed = Closed::new(self.graph, self.legs, bans);
        let free = self.legs.no_prices();
        let closed_part = |prices| Looked { bound: f64::INFINITY, broken: None, prices };
        // without prices: if nothing is shared, these are the best of the part
        let Some(paths) = self.cheapest(&closed, &free)? else { return Some(closed_part(prices)) };
        let mut bound = self.weight(&paths);
        let Some(mut broken) = self.first_broken(&paths, &free) else {
            self.keep(bound, paths);
            return Some(Looked { bound, broken: None, prices });
        };
        let mut best_prices = prices.clone();
        let steps = STEPS[usize::from(self.started)];
        self.started = true;
        let (mut length, mut waited) = (1.0, 0);
        for step in 0..steps {
            let Some(paths) = self.cheapest(&closed, &prices)? else { return Some(closed_part(prices)) };
            let total = self.weight(&paths);
            let usage = Usage::of(self.graph, self.legs, &paths);
            let here = total + usage.paid(&prices);
            let now_broken = self.first_broken(&paths, &prices);
            if here > bound {
                (bound, waited) = (here, 0);
                best_prices.clone_from(&prices);
                broken = now_broken.unwrap_or(broken);
            } else {
                waited += 1;
                if waited == PATIENCE {
                    (length, waited) = (length / 2.0, 0);
                }
            }
            if now_broken.is_none() {
                self.keep(total, paths);
            } else if step % 4 == 0 {
                self.one_by_one(&closed, &prices, step % 8 == 0)?;
            }
            if bound > self.best_total() - SAME {
                break;
            }
            let aim = self.best_total().min(bound * (1.0 + HOPE) + 1.0);
            usage.step(&mut prices, length * (aim - here));
        }
        Some(Looked { bound, broken: Some(broken), prices: best_prices })
    }

    /// Weight of paths, without prices.
    fn weight(&self, paths: &Paths) -> f64 {
        paths.iter().map(|path| self.graph.weight(path)).sum()
    }

    fn keep(&mut self, total: f64, paths: Paths) {
        if total < self.best_total() {
            self.best = Some((total, paths));
        }
    }

    /// The cheapest path of each leg on its own. The outer none: searches are used up; the inner: some leg has no way.
    #[expect(clippy::option_option, reason = "two different endings, each handled where it is met")]
    fn cheapest(&mut self, closed: &Closed, prices: &Prices) -> Option<Option<Paths>> {
        let mut paths = Vec::with_capacity(self.legs.all.len());
        for leg in 0..self.legs.all.len() {
            match self.path(leg, closed, prices)? {
                Some(path) => paths.push(path),
                None => return Some(None),
            }
        }
        Some(Some(paths))
    }

    #[expect(clippy::option_option, reason = "as above")]
    fn path(&mut self, leg: usize, closed: &Closed, prices: &Prices) -> Option<Option<Vec<SectionIndex>>> {
        self.searches_left = self.searches_left.checked_sub(1)?;
        let (graph, legs) = (self.graph, self.legs);
        let of = &legs.all[leg];
        let usable = |section: SectionIndex| {
            closed.allows(leg, section, graph.section(section).to)
                && of.only.is_none_or(|only| only == section)
        };
        let several = legs.of_member[of.member].len() > 1;
        let pays = |section: SectionIndex| {
            let ends = graph.section(section);
            let mut price = ends.weight;
            for (&Apart { earlier, later }, prices) in legs.apart.iter().zip(&prices.apart) {
                if earlier == of.member {
                    price += prices[section];
                } else if later == of.member && ends.exclusive {
                    price += prices[section];
                    price += ends.reverse.map_or(0.0, |back| prices[back]);
                }
            }
            if several && ends.to != of.to {
                price += prices.once[of.member][ends.to];
            }
            price
        };
        let mut path = Vec::new();
        let found = self.router.extend_by(graph, of.from, of.to, usable, pays, &mut path);
        Some(found.map(|_| path))
    }

    /// The rule with the highest price among those that paths break.
    fn first_broken(&self, paths: &Paths, prices: &Prices) -> Option<Rule> {
        let usage = Usage::of(self.graph, self.legs, paths);
        let mut dearest: Option<(f64, Rule)> = None;
        let mut consider = |price: f64, rule: Rule| {
            if dearest.is_none_or(|(most, _)| price > most) {
                dearest = Some((price, rule));
            }
        };
        for (pair, (used, prices)) in usage.apart.iter().zip(&prices.apart).enumerate() {
            for (section, (&used, &price)) in used.iter().zip(prices).enumerate() {
                // legs of one route that take a section twice meet a vertex twice: that rule parts them
                if used > 1 && self.both_take(pair, section, paths) {
                    consider(price, Rule::Apart { pair, section });
                }
            }
        }
        for (member, (met, prices)) in usage.once.iter().zip(&prices.once).enumerate() {
            for (vertex, (&met, &price)) in met.iter().zip(prices).enumerate() {
                if met > 1 {
                    let mut meet = self.legs.of_member[member].clone().filter(|&leg| {
                        let inside = |&section: &SectionIndex| self.graph.section(section).to == vertex;
                        paths[leg].iter().any(inside) && self.legs.all[leg].to != vertex
                    });
                    if let (Some(one), Some(other)) = (meet.next(), meet.next()) {
                        consider(price, Rule::Once { legs: [one, other], vertex });
                    }
                }
            }
        }
        dearest.map(|(_, rule)| rule)
    }

    /// Whether the earlier of a pair takes the section and the later one is in its way.
    fn both_take(&self, pair: usize, section: SectionIndex, paths: &Paths) -> bool {
        let Apart { earlier, later } = self.legs.apart[pair];
        let take = |member: usize, section: SectionIndex| {
            paths[self.legs.of_member[member].clone()].iter().any(|path| path.contains(&section))
        };
        take(earlier, section)
            && Legs::closed_to_later(self.graph, section).any(|section| take(later, section))
    }

    /// Routes one leg after the other around those before, forwards or backwards; keeps the routes if they fit.
    fn one_by_one(&mut self, closed: &Closed, prices: &Prices, forwards: bool) -> Option<()> {
        let count = self.legs.all.len();
        let mut closed = closed.clone();
        let mut paths: Paths = vec![Vec::new(); count];
        for at in 0..count {
            let leg = if forwards { at } else { count - 1 - at };
            let Some(path) = self.path(leg, &closed, prices)? else { return Some(()) };
            closed.keep_off(self.graph, self.legs, leg, &path);
            paths[leg] = path;
        }
        self.keep(self.weight(&paths), paths);
        Some(())
    }
}

/// What legs must not take or meet.
#[derive(Clone, Debug)]
struct Closed {
    /// By leg and section.
    sections: Vec<Vec<bool>>,
    /// By leg and vertex.
    vertices: Vec<Vec<bool>>,
}

impl Closed {
    fn new(graph: &Sections, legs: &Legs, bans: &[Ban]) -> Self {
        let mut closed = Self {
            sections: vec![vec![false; graph.sections().len()]; legs.all.len()],
            vertices: vec![vec![false; graph.vertex_count()]; legs.all.len()],
        };
        for (leg, vertices) in legs.all.iter().zip(&mut closed.vertices) {
            leg.avoids.iter().for_each(|&joint| vertices[joint] = true);
        }
        for &ban in bans {
            match ban {
                Ban::Section { member, section } => {
                    legs.of_member[member].clone().for_each(|leg| closed.sections[leg][section] = true);
                }
                Ban::Vertex { leg, vertex } => closed.vertices[leg][vertex] = true,
            }
        }
        closed
    }

    fn allows(&self, leg: usize, section: SectionIndex, to: VertexIndex) -> bool {
        !self.sections[leg][section] && !self.vertices[leg][to]
    }

    /// Closes to all other legs what they must not share with this one.
    fn keep_off(&mut self, graph: &Sections, legs: &Legs, leg: usize, path: &[SectionIndex]) {
        let member = legs.all[leg].member;
        for &section in path {
            for &Apart { earlier, later } in &legs.apart {
                if earlier == member {
                    for other in legs.of_member[later].clone() {
                        Legs::closed_to_later(graph, section)
                            .for_each(|section| self.sections[other][section] = true);
                    }
                } else if later == member && graph.section(section).exclusive {
                    for other in legs.of_member[earlier].clone() {
                        self.sections[other][section] = true;
                        if let Some(back) = graph.section(section).reverse {
                            self.sections[other][back] = true;
                        }
                    }
                }
            }
            let vertex = graph.section(section).to;
            for other in legs.of_member[member].clone().filter(|&other| other != leg) {
                if legs.all[other].to != vertex {
                    self.vertices[other][vertex] = true;
                }
            }
        }
    }
}

/// How often each rule's section or vertex is used; one is allowed.
struct Usage {
    apart: Vec<Vec<u32>>,
    once: Vec<Vec<u32>>,
}

impl Usage {
    fn of(graph: &Sections, legs: &Legs, paths: &Paths) -> Self {
        let mut usage = Self {
            apart: vec![vec![0; graph.sections().len()]; legs.apart.len()],
            once: vec![vec![0; graph.vertex_count()]; legs.of_member.len()],
        };
        for (leg, path) in legs.all.iter().zip(paths) {
            for &section in path {
                let ends = graph.section(section);
                for (&Apart { earlier, later }, used) in legs.apart.iter().zip(&mut usage.apart) {
                    if earlier == leg.member {
                        used[section] += 1;
                    } else if later == leg.member && ends.exclusive {
                        used[section] += 1;
                        if let Some(back) = ends.reverse {
                            used[back] += 1;
                        }
                    }
                }
                if ends.to != leg.to && legs.of_member[leg.member].len() > 1 {
                    usage.once[leg.member][ends.to] += 1;
                }
            }
        }
        usage
    }

    /// Prices paid for what is used, less every price once.
    fn paid(&self, prices: &Prices) -> f64 {
        let of = |used: &[Vec<u32>], prices: &[Vec<f64>]| -> f64 {
            let rows = used.iter().zip(prices).flat_map(|(used, prices)| used.iter().zip(prices));
            rows.map(|(&used, price)| (f64::from(used) - 1.0) * price).sum()
        };
        of(&self.apart, &prices.apart) + of(&self.once, &prices.once)
    }

    /// Raises the price of what is used too often and lowers that of what is not used, so that the bound is to rise by
    /// about `rise`.
    fn step(&self, prices: &mut Prices, rise: f64) {
        let rows = |prices: &mut Prices, each: &mut dyn FnMut(f64, &mut f64)| {
            for (used, prices) in
                self.apart.iter().zip(&mut prices.apart).chain(self.once.iter().zip(&mut prices.once))
            {
                for (&used, price) in used.iter().zip(prices) {
                    let excess = f64::from(used) - 1.0;
                    if excess > 0.0 || *price > 0.0 {
                        each(excess, price);
                    }
                }
            }
        };
        let mut squares = 0.0;
        rows(prices, &mut |excess, _| squares += excess * excess);
        if squares > 0.0 {
            rows(prices, &mut |excess, price| *price = (*price + rise / squares * excess).max(0.0));
        }
    }
}
