//! The detailed network: every element light passes, one direction each, joined by connections.
//!
//! It comes from an import or from a planner's topology, is completed by [`crate::design`], and is what
//! [`crate::propagation`] runs over. A line is as it was built: propagation never changes it.

pub mod element;
#[cfg(test)]
pub(crate) mod fixture;
pub mod from_topology;
pub mod loss;
pub mod section;
pub mod topology_line;

use std::collections::HashMap;

pub use element::*;
pub use from_topology::{TopologyLineError, TopologyOptions, from_topology};
pub use loss::LossError;
pub use section::{Section, SectionError};
pub use topology_line::{RouteError, Site, TopologyLine};

/// Frequency a fibre's figures refer to where it names none: that of 1550 nm in vacuum, in Hz.
pub const REFERENCE_FREQUENCY_HZ: f64 = 299_792_458.0 / 1550e-9;

/// Position of an element in [`LineNetwork`].
pub type ElementIndex = usize;

/// Elements and the directed connections between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineNetwork {
    elements: Vec<Element>,
    successors: Vec<Vec<ElementIndex>>,
    predecessors: Vec<Vec<ElementIndex>>,
    by_uid: HashMap<String, ElementIndex>,
}

/// Why an element or a connection was not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Two elements of one name.
    #[error("element \"{uid}\" is there twice")]
    DuplicateElement {
        /// The name.
        uid: String,
    },
    /// A connection to nothing.
    #[error("a connection names \"{uid}\", which is no element")]
    UnknownElement {
        /// The name.
        uid: String,
    },
}

impl LineNetwork {
    /// Adds an element without connections.
    pub fn add(&mut self, element: Element) -> Result<ElementIndex, LineError> {
        let index = self.elements.len();
        if self.by_uid.contains_key(&element.uid) {
            return Err(LineError::DuplicateElement { uid: element.uid });
        }
        self.by_uid.insert(element.uid.clone(), index);
        self.elements.push(element);
        self.successors.push(Vec::new());
        self.predecessors.push(Vec::new());
        Ok(index)
    }

    /// Lets light go from one element to another; a connection made twice is one.
    pub fn connect(&mut self, from: ElementIndex, to: ElementIndex) {
        if !self.successors[from].contains(&to) {
            self.successors[from].push(to);
            self.predecessors[to].push(from);
        }
    }

    /// Puts an element between two connected ones, in the place of their connection: the order of neighbours stays.
    pub fn insert_between(
        &mut self,
        from: ElementIndex,
        element: Element,
        to: ElementIndex,
    ) -> Result<ElementIndex, LineError> {
        let between = self.add(element)?;
        for next in &mut self.successors[from] {
            if *next == to {
                *next = between;
            }
        }
        for previous in &mut self.predecessors[to] {
            if *previous == from {
                *previous = between;
            }
        }
        self.predecessors[between].push(from);
        self.successors[between].push(to);
        Ok(between)
    }

    /// Gives an element another name.
    pub fn rename(&mut self, index: ElementIndex, uid: String) -> Result<(), LineError> {
        if self.by_uid.get(&uid).is_some_and(|&other| other != index) {
            return Err(LineError::DuplicateElement { uid });
        }
        self.by_uid.remove(&self.elements[index].uid);
        self.by_uid.insert(uid.clone(), index);
        self.elements[index].uid = uid;
        Ok(())
    }

    /// All elements, by their index.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// One element.
    pub fn element(&self, index: ElementIndex) -> &Element {
        &self.elements[index]
    }

    /// What an element is set to, to be changed; its name stays.
    pub fn kind_mut(&mut self, index: ElementIndex) -> &mut ElementKind {
        &mut self.elements[index].kind
    }

    /// Where an element stands, to be changed.
    pub fn location_mut(&mut self, index: ElementIndex) -> &mut Option<Location> {
        &mut self.elements[index].location
    }

    /// Where light goes from an element.
    pub fn successors(&self, index: ElementIndex) -> &[ElementIndex] {
        &self.successors[index]
    }

    /// Where light comes to an element from.
    pub fn predecessors(&self, index: ElementIndex) -> &[ElementIndex] {
        &self.predecessors[index]
    }

    /// The element of this name.
    pub fn index_of(&self, uid: &str) -> Option<ElementIndex> {
        self.by_uid.get(uid).copied()
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }
}
