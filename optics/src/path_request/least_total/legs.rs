//! The legs of routes that must keep apart, and the rules between them.

use super::super::sections::{SectionIndex, Sections, VertexIndex};
use super::super::waypoints::Waypoint;
use super::Asked;
use super::relaxation::Prices;

/// A piece of a route between places it must pass.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub member: usize,
    pub from: VertexIndex,
    pub to: VertexIndex,
    /// The section it is, where the route must pass a section.
    pub only: Option<SectionIndex>,
    /// Joints of the same route that it must not meet.
    pub avoids: Vec<VertexIndex>,
}

/// Two members that must not take the same section; one comes before the other in their set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Apart {
    pub earlier: usize,
    pub later: usize,
}

/// All legs, and who must keep apart from whom.
#[derive(Clone, Debug)]
pub(super) struct Legs {
    pub all: Vec<Leg>,
    pub apart: Vec<Apart>,
    /// Legs of each member, in order: consecutive.
    pub of_member: Vec<std::ops::Range<usize>>,
    sections: usize,
    vertices: usize,
}

/// A rule that legs break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Members of a pair ([`Legs::apart`]) both take this section of the earlier one, or the later one its way back.
    Apart { pair: usize, section: SectionIndex },
    /// Two legs of one route meet this vertex.
    Once { legs: [usize; 2], vertex: VertexIndex },
}

/// What a leg must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ban {
    /// No leg of this member takes this section.
    Section { member: usize, section: SectionIndex },
    /// This leg does not meet this vertex.
    Vertex { leg: usize, vertex: VertexIndex },
}

impl Legs {
    /// None if some route cannot be simple whatever it takes.
    pub(super) fn new(graph: &Sections, asked: &[Asked], sets: &[Vec<usize>]) -> Option<Self> {
        let mut all = Vec::new();
        let mut of_member = Vec::with_capacity(asked.len());
        for (member, asked) in asked.iter().enumerate() {
            let begin = all.len();
            let mut joints = vec![asked.from];
            let mut leg = |joints: &mut Vec<VertexIndex>, to, only| {
                let from = *joints.last().expect("a route begins somewhere");
                if from == to {
                    return true;
                }
                if joints.contains(&to) {
                    return false;
                }
                joints.push(to);
                all.push(Leg { member, from, to, only, avoids: Vec::new() });
                true
            };
            for &place in asked.through.all() {
                let fits = match place {
                    Waypoint::Vertex(vertex) => leg(&mut joints, vertex, None),
                    Waypoint::Section(section) => {
                        let ends = graph.section(section);
                        leg(&mut joints, ends.from, None) && leg(&mut joints, ends.to, Some(section))
                    }
                };
                if !fits {
                    return None;
                }
            }
            if !leg(&mut joints, asked.to, None) {
                return None;
            }
            for leg in &mut all[begin..] {
                leg.avoids = joints.iter().copied().filter(|&joint| joint != leg.to).collect();
            }
            of_member.push(begin..all.len());
        }
        let mut apart: Vec<Apart> = Vec::new();
        for set in sets {
            for (position, &later) in set.iter().enumerate() {
                for &earlier in &set[..position] {
                    let pair = Apart { earlier, later };
                    if !apart.contains(&pair) {
                        apart.push(pair);
                    }
                }
            }
        }
        let (sections, vertices) = (graph.sections().len(), graph.vertex_count());
        Some(Self { all, apart, of_member, sections, vertices })
    }

    /// A price of nothing for every rule.
    pub(super) fn no_prices(&self) -> Prices {
        Prices {
            apart: vec![vec![0.0; self.sections]; self.apart.len()],
            once: vec![vec![0.0; self.vertices]; self.of_member.len()],
        }
    }

    /// What the later of two members must not take where the earlier one takes a section: the section, and those it is
    /// the way back of.
    pub(super) fn closed_to_later(
        graph: &Sections,
        section: SectionIndex,
    ) -> impl Iterator<Item = SectionIndex> + '_ {
        let exclusive = |&other: &SectionIndex| graph.section(other).exclusive;
        [section].into_iter().chain(graph.forward_of(section).iter().copied()).filter(exclusive)
    }

    /// The two ways not to break a rule: each is what one side must leave alone.
    pub(super) fn ways_out(&self, graph: &Sections, rule: Rule) -> [Vec<Ban>; 2] {
        match rule {
            Rule::Apart { pair, section } => {
                let Apart { earlier, later } = self.apart[pair];
                let ban = |section| Ban::Section { member: later, section };
                [
                    vec![Ban::Section { member: earlier, section }],
                    Self::closed_to_later(graph, section).map(ban).collect(),
                ]
            }
            Rule::Once { legs, vertex } => legs.map(|leg| vec![Ban::Vertex { leg, vertex }]),
        }
    }
}
