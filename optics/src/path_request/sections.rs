//! The network as routing sees it: sections of elements between the places where light can turn.
//!
//! A vertex is a ROADM, a transceiver, or any element with more or fewer than one way in or out. A section is the run of
//! elements from one vertex to the next: for ROADMs an optical multiplex section. Routes are lists of sections, so a
//! search over a continent touches hundreds of things instead of thousands.

use std::ops::Range;

use crate::line::{ElementIndex, ElementKind, LineNetwork};

/// Position of a vertex in [`Sections`].
pub type VertexIndex = usize;

/// Position of a section in [`Sections`].
pub type SectionIndex = usize;

/// Weight of a step that is no fibre, in m.
const STEP: f64 = 0.01;

/// Stands for "none" in the tables by element.
const NONE: u32 = u32::MAX;

/// A run of elements from one vertex to the next.
#[derive(Clone, Debug)]
pub struct Section {
    /// Where it starts.
    pub from: VertexIndex,
    /// Where it ends.
    pub to: VertexIndex,
    /// What a route pays for it: the length of its fibres in m, and a little for each other step.
    pub weight: f64,
    /// Steps from element to element.
    pub steps: u32,
    /// The way back: the first section, in order, that joins the same ends the other way round.
    pub reverse: Option<SectionIndex>,
    /// Whether routes that are to be disjoint must not both use it. Access from and to a transceiver may be shared.
    pub exclusive: bool,
    inner: Range<usize>,
}

/// The sections of a network.
#[derive(Clone, Debug)]
pub struct Sections {
    vertices: Vec<ElementIndex>,
    all: Vec<Section>,
    inner: Vec<ElementIndex>,
    /// Sections that leave each vertex: consecutive, in the order of the network's connections.
    leaving: Vec<Range<SectionIndex>>,
    arriving: Vec<Vec<SectionIndex>>,
    /// Sections each one is the way back of.
    forward: Vec<Vec<SectionIndex>>,
    vertex_of: Vec<u32>,
    section_of: Vec<u32>,
}

impl Sections {
    /// Finds the sections of a network. Elements only a ring of other such elements leads to belong to none.
    pub fn new(network: &LineNetwork) -> Self {
        let is_vertex = |index: ElementIndex| {
            matches!(network.element(index).kind, ElementKind::Roadm(_) | ElementKind::Transceiver)
                || network.successors(index).len() != 1
                || network.predecessors(index).len() != 1
        };
        let mut vertices: Vec<ElementIndex> = (0..network.len()).filter(|&index| is_vertex(index)).collect();
        // by name, so that equally short routes do not depend on the order of the file
        vertices.sort_by(|&a, &b| network.element(a).uid.cmp(&network.element(b).uid));
        let mut vertex_of = vec![NONE; network.len()];
        for (vertex, &element) in vertices.iter().enumerate() {
            vertex_of[element] = narrow(vertex);
        }
        let mut graph = Self {
            all: Vec::new(),
            inner: Vec::with_capacity(network.len()),
            leaving: Vec::with_capacity(vertices.len()),
            arriving: vec![Vec::new(); vertices.len()],
            forward: Vec::new(),
            vertex_of,
            section_of: vec![NONE; network.len()],
            vertices,
        };
        for vertex in 0..graph.vertices.len() {
            let first = graph.all.len();
            for &next in network.successors(graph.vertices[vertex]) {
                graph.follow(network, vertex, next);
            }
            graph.leaving.push(first..graph.all.len());
        }
        graph.pair();
        graph
    }

    /// Adds the section that leaves a vertex through an element.
    fn follow(&mut self, network: &LineNetwork, from: VertexIndex, first: ElementIndex) {
        let start = self.inner.len();
        let mut weight = step_weight(network, self.vertices[from]);
        let mut element = first;
        while self.vertex_of[element] == NONE {
            self.section_of[element] = narrow(self.all.len());
            self.inner.push(element);
            weight += step_weight(network, element);
            element = network.successors(element)[0];
        }
        let to = self.vertex_of[element] as usize;
        let inner = start..self.inner.len();
        let is_transceiver =
            |vertex: VertexIndex| network.element(self.vertices[vertex]).kind == ElementKind::Transceiver;
        let is_access = is_transceiver(from) || (is_transceiver(to) && inner.is_empty());
        self.arriving[to].push(self.all.len());
        let steps = narrow(inner.len() + 1);
        self.all.push(Section { from, to, weight, steps, reverse: None, exclusive: !is_access, inner });
    }

    /// Finds the way back of each section.
    fn pair(&mut self) {
        self.forward = vec![Vec::new(); self.all.len()];
        for index in 0..self.all.len() {
            let (from, to) = (self.all[index].from, self.all[index].to);
            let reverse = self.leaving[to].clone().find(|&back| self.all[back].to == from);
            self.all[index].reverse = reverse;
            if let Some(reverse) = reverse {
                self.forward[reverse].push(index);
            }
        }
    }

    /// How many vertices there are.
    pub fn vertex_count(&self) -> usize {
        self.vertices.len()
    }

    /// All sections, by their index.
    pub fn sections(&self) -> &[Section] {
        &self.all
    }

    /// One section.
    pub fn section(&self, index: SectionIndex) -> &Section {
        &self.all[index]
    }

    /// The sections that leave a vertex, in the order of the network's connections.
    pub fn leaving(&self, vertex: VertexIndex) -> Range<SectionIndex> {
        self.leaving[vertex].clone()
    }

    /// The sections that arrive at a vertex.
    pub fn arriving(&self, vertex: VertexIndex) -> &[SectionIndex] {
        &self.arriving[vertex]
    }

    /// The sections this one is the way back of.
    pub fn forward_of(&self, section: SectionIndex) -> &[SectionIndex] {
        &self.forward[section]
    }

    /// The element that is this vertex.
    pub fn element(&self, vertex: VertexIndex) -> ElementIndex {
        self.vertices[vertex]
    }

    /// The vertex an element is.
    pub fn vertex(&self, element: ElementIndex) -> Option<VertexIndex> {
        index(self.vertex_of[element])
    }

    /// The section an element lies in, if it is no vertex.
    pub fn section_of(&self, element: ElementIndex) -> Option<SectionIndex> {
        index(self.section_of[element])
    }

    /// The elements between the ends of a section.
    pub fn inner(&self, section: SectionIndex) -> &[ElementIndex] {
        &self.inner[self.all[section].inner.clone()]
    }

    /// The elements of a route, ends included.
    pub fn elements(&self, route: &[SectionIndex]) -> Vec<ElementIndex> {
        let steps: usize = route.iter().map(|&section| self.all[section].steps as usize).sum();
        let mut elements = Vec::with_capacity(steps + 1);
        elements.extend(route.first().map(|&first| self.vertices[self.all[first].from]));
        for &section in route {
            elements.extend_from_slice(self.inner(section));
            elements.push(self.vertices[self.all[section].to]);
        }
        elements
    }

    /// The way back along the same places; none if a section has no way back.
    pub fn reversed(&self, route: &[SectionIndex]) -> Option<Vec<SectionIndex>> {
        route.iter().rev().map(|&section| self.all[section].reverse).collect()
    }

    /// What a route pays, in m.
    pub fn weight(&self, route: &[SectionIndex]) -> f64 {
        route.iter().map(|&section| self.all[section].weight).sum()
    }
}

/// What a route pays for the step out of an element, in m.
fn step_weight(network: &LineNetwork, element: ElementIndex) -> f64 {
    match &network.element(element).kind {
        ElementKind::Fibre(fibre) => fibre.length_m,
        _ => STEP,
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 elements")
}

fn index(entry: u32) -> Option<usize> {
    (entry != NONE).then_some(entry as usize)
}
