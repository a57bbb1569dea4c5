//! Places a route has to pass, in order.

use super::IncludedNode;
use super::sections::{SectionIndex, Sections, VertexIndex};
use crate::line::LineNetwork;

/// A place to be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waypoint {
    /// This vertex.
    Vertex(VertexIndex),
    /// All of this section.
    Section(SectionIndex),
}

/// Places to be passed, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Waypoints(Vec<Waypoint>);

impl Waypoints {
    /// The places of the named elements; none if no simple route can pass them in this order.
    pub(super) fn new(network: &LineNetwork, graph: &Sections, include: &[IncludedNode]) -> Option<Self> {
        let mut places: Vec<Waypoint> = Vec::with_capacity(include.len());
        let mut inner_before = 0;
        for node in include {
            let element = network.index_of(&node.uid)?;
            let (place, inner) = match (graph.vertex(element), graph.section_of(element)) {
                (Some(vertex), _) => (Waypoint::Vertex(vertex), 0),
                (None, Some(section)) => {
                    let inner = graph.inner(section).iter().position(|&inner| inner == element);
                    (Waypoint::Section(section), inner.unwrap_or(0))
                }
                (None, None) => return None,
            };
            if places.last() == Some(&place) {
                // light passes the elements of a section one way only
                if inner < inner_before {
                    return None;
                }
            } else if places.contains(&place) {
                return None;
            } else {
                places.push(place);
            }
            inner_before = inner;
        }
        Some(Self(places))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> &[Waypoint] {
        &self.0
    }

    /// What is left to be passed behind the beginning of a route from a vertex.
    pub(super) fn left(&self, graph: &Sections, from: VertexIndex, begin: &[SectionIndex]) -> &[Waypoint] {
        let mut left = &self.0[..];
        let mut pass = |place: Waypoint| {
            if left.first() == Some(&place) {
                left = &left[1..];
            }
        };
        pass(Waypoint::Vertex(from));
        for &section in begin {
            pass(Waypoint::Section(section));
            pass(Waypoint::Vertex(graph.section(section).to));
        }
        left
    }
}
