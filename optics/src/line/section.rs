//! Sections: what light passes between two places where channels are switched, one direction each.

use super::{ElementIndex, ElementKind, LineNetwork};

/// The elements from a ROADM or transceiver to the next one (an OMS, where both are ROADMs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The ROADM or transceiver it begins at.
    pub from: ElementIndex,
    /// What lies between, in the order light passes it; empty where the ends touch.
    pub elements: Vec<ElementIndex>,
    /// The ROADM or transceiver it ends at.
    pub to: ElementIndex,
}

impl Section {
    /// The first element behind its beginning: the degree's name at a ROADM.
    pub fn first(&self) -> ElementIndex {
        self.elements.first().copied().unwrap_or(self.to)
    }

    /// The element before and the element behind the one at `position`.
    pub fn around(&self, position: usize) -> (ElementIndex, ElementIndex) {
        let before = if position == 0 { self.from } else { self.elements[position - 1] };
        let behind = self.elements.get(position + 1).copied().unwrap_or(self.to);
        (before, behind)
    }
}

/// Why a network is not made of sections.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// Light has nowhere to go.
    #[error("element \"{uid}\" leads nowhere: it has no connection to a next element")]
    LeadsNowhere {
        /// Name of the element.
        uid: String,
    },
    /// Light never comes here.
    #[error("element \"{uid}\" is not reached: no ROADM or transceiver leads to it")]
    NotReached {
        /// Name of the element.
        uid: String,
    },
    /// Only ROADMs and transceivers have several neighbours.
    #[error("element \"{uid}\" has {neighbours} {which} elements: only ROADMs and transceivers may")]
    Branches {
        /// Name of the element.
        uid: String,
        /// How many neighbours it has.
        neighbours: usize,
        /// `next` or `previous`.
        which: &'static str,
    },
    /// Light would go round and round.
    #[error("element \"{uid}\" leads back to itself without a ROADM or transceiver between")]
    Loop {
        /// Name of the element.
        uid: String,
    },
}

impl LineNetwork {
    /// All sections: those that begin at ROADMs first, then those that begin at transceivers, each in the order of
    /// elements and neighbours. Every fibre and amplifier is in exactly one.
    ///
    /// Linear in the number of elements.
    pub fn sections(&self) -> Result<Vec<Section>, SectionError> {
        let mut passed = vec![false; self.len()];
        let mut sections = Vec::new();
        let starts = |wanted: fn(&ElementKind) -> bool| {
            (0..self.len()).filter(move |&index| wanted(&self.element(index).kind))
        };
        let roadms = starts(|kind| matches!(kind, ElementKind::Roadm(_)));
        let transceivers = starts(|kind| matches!(kind, ElementKind::Transceiver));
        for from in roadms.chain(transceivers) {
            for &first in self.successors(from) {
                sections.push(self.section(from, first, &mut passed)?);
            }
        }
        match (0..self.len()).find(|&index| !passed[index] && self.must_be_reached(index)) {
            Some(index) => Err(self.why_not_reached(index)),
            None => Ok(sections),
        }
    }

    fn section(
        &self,
        from: ElementIndex,
        first: ElementIndex,
        passed: &mut [bool],
    ) -> Result<Section, SectionError> {
        let mut elements = Vec::new();
        let mut at = first;
        while !self.ends_sections(at) {
            let uid = || self.element(at).uid.clone();
            match self.predecessors(at).len() {
                1 => {}
                neighbours => {
                    return Err(SectionError::Branches { uid: uid(), neighbours, which: "previous" });
                }
            }
            if passed[at] {
                return Err(SectionError::Loop { uid: uid() });
            }
            passed[at] = true;
            elements.push(at);
            at = match self.successors(at) {
                [] => return Err(SectionError::LeadsNowhere { uid: uid() }),
                &[next] => next,
                several => {
                    return Err(SectionError::Branches {
                        uid: uid(),
                        neighbours: several.len(),
                        which: "next",
                    });
                }
            };
        }
        Ok(Section { from, elements, to: at })
    }

    /// Whether channels are switched or end here.
    pub fn ends_sections(&self, index: ElementIndex) -> bool {
        matches!(self.element(index).kind, ElementKind::Roadm(_) | ElementKind::Transceiver)
    }

    /// A splice that is connected to nothing does no harm; anything else in a line must be in a section.
    fn must_be_reached(&self, index: ElementIndex) -> bool {
        match self.element(index).kind {
            ElementKind::Transceiver | ElementKind::Roadm(_) => false,
            ElementKind::Fused(_) => !self.successors(index).is_empty(),
            ElementKind::Fibre(_) | ElementKind::Amplifier(_) | ElementKind::MultibandAmplifier(_) => true,
        }
    }

    /// Goes back from an element that no section holds: to one without predecessor, or round a loop.
    fn why_not_reached(&self, index: ElementIndex) -> SectionError {
        let mut at = index;
        for _ in 0..self.len() {
            match self.predecessors(at).first() {
                Some(&before) if self.ends_sections(before) => break,
                Some(&before) => at = before,
                None => return SectionError::NotReached { uid: self.element(at).uid.clone() },
            }
        }
        SectionError::Loop { uid: self.element(index).uid.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::fixture::{Line, fibre, fused, roadm, transceiver};

    fn uids(line: &LineNetwork, section: &Section) -> String {
        let name = |&index: &ElementIndex| line.element(index).uid.clone();
        std::iter::once(&section.from)
            .chain(&section.elements)
            .chain(std::iter::once(&section.to))
            .map(name)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn sections_begin_at_roadms_then_at_transceivers() {
        let line = Line::new()
            .with(vec![transceiver("t"), roadm("a"), fibre("f", 80.0), fused("x", 1.0), roadm("b")])
            .joined("t a f x b")
            .done();
        let sections = line.sections().unwrap();
        let found: Vec<String> = sections.iter().map(|section| uids(&line, section)).collect();
        assert_eq!(found, ["a f x b", "t a"]);
        assert_eq!(sections[0].first(), sections[0].elements[0]);
        assert_eq!(sections[1].first(), sections[1].to);
        assert_eq!(sections[0].around(0), (sections[0].from, sections[0].elements[1]));
        assert_eq!(sections[0].around(1), (sections[0].elements[0], sections[0].to));
    }

    #[test]
    fn what_is_no_section_is_named() {
        let refused = |joins: &[&str]| {
            let parts = vec![roadm("a"), fibre("f", 80.0), fused("x", 1.0), fibre("g", 80.0), roadm("b")];
            let line = joins.iter().fold(Line::new().with(parts), |line, join| line.joined(join)).done();
            line.sections().unwrap_err().to_string()
        };
        assert!(refused(&["a f x"]).contains("\"x\" leads nowhere"));
        assert!(refused(&["a f b", "x g b"]).contains("\"x\" is not reached"));
        assert!(refused(&["a f b", "g x g"]).contains("leads back to itself"));
        assert!(refused(&["a f x g f"]).contains("\"f\" has 2 previous"));
        assert!(refused(&["a f x b", "x g b"]).contains("\"x\" has 2 next"));
    }

    #[test]
    fn a_loose_splice_does_no_harm() {
        let line = Line::new()
            .with(vec![roadm("a"), fibre("f", 80.0), roadm("b"), fused("x", 1.0)])
            .joined("a f b")
            .done();
        assert_eq!(line.sections().unwrap().len(), 1);
    }
}
