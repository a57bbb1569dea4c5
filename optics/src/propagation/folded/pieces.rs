//! Routes cut where light is switched, so that a link is found by the two elements it begins with.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::super::line::Step;
use super::super::route::Propagation;
use crate::line::ElementIndex;

/// Position of a piece in [`Pieces`].
pub(super) type PieceIndex = usize;

/// A run of elements from one ROADM or transceiver to the next, both included.
#[derive(Debug)]
struct Piece {
    elements: Vec<ElementIndex>,
    /// Position of its bands in [`Pieces`]; none if it has no amplifier.
    bands: Option<usize>,
    /// Whether a transceiver is at its beginning, and at its end.
    transceivers: [bool; 2],
}

/// The pieces of all routes met so far.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    all: Vec<Piece>,
    by_beginning: HashMap<[ElementIndex; 2], Vec<PieceIndex>, BuildHasherDefault<IndexHasher>>,
    /// Bands that pieces have, each list once.
    bands: Vec<Vec<[f64; 2]>>,
    /// The band where there is no amplifier.
    default_band: Vec<[f64; 2]>,
}

/// Hashes positions of elements: a rotation and a product each. They come from our own line, not from outside.
#[derive(Debug, Default)]
pub(super) struct IndexHasher(u64);

impl Hasher for IndexHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

impl Pieces {
    pub(super) fn new(default_band: [f64; 2]) -> Self {
        Self { default_band: vec![default_band], ..Self::default() }
    }

    /// The pieces of a route that leads from transceiver to transceiver; none if it does not, or if one is new.
    pub(super) fn of_route(&self, route: &[ElementIndex]) -> Option<Vec<PieceIndex>> {
        let mut pieces = Vec::with_capacity(16);
        let mut from = 0;
        while from + 1 < route.len() {
            let piece = self.at(&route[from..])?;
            let Piece { elements, transceivers, .. } = &self.all[piece];
            let ends = [from == 0, from + elements.len() == route.len()];
            if *transceivers != ends {
                return None;
            }
            from += elements.len() - 1;
            pieces.push(piece);
        }
        (!pieces.is_empty()).then_some(pieces)
    }

    fn at(&self, route: &[ElementIndex]) -> Option<PieceIndex> {
        let candidates = self.by_beginning.get(&[*route.first()?, *route.get(1)?])?;
        candidates.iter().copied().find(|&piece| route.starts_with(&self.all[piece].elements))
    }

    /// The pieces of a route, with how many elements they have. Adds those that are new.
    pub(super) fn add_route(
        &mut self,
        propagation: &Propagation,
        route: &[ElementIndex],
    ) -> Vec<(PieceIndex, usize)> {
        let ends =
            |&index: &ElementIndex| matches!(propagation.line.all[index], Step::Roadm(_) | Step::Transceiver);
        let mut pieces = Vec::new();
        let mut from = 0;
        while from + 1 < route.len() {
            let inner = route[from + 1..].iter().take_while(|index| !ends(index)).count();
            let to = (from + 1 + inner).min(route.len() - 1);
            let elements = &route[from..=to];
            let piece = self.at(elements).filter(|&piece| self.all[piece].elements.len() == elements.len());
            pieces.push((piece.unwrap_or_else(|| self.add(propagation, elements)), elements.len()));
            from = to;
        }
        pieces
    }

    fn add(&mut self, propagation: &Propagation, elements: &[ElementIndex]) -> PieceIndex {
        let bands = propagation.bands_of_amplifiers(elements).map(|bands| {
            self.bands.iter().position(|known| *known == bands).unwrap_or_else(|| {
                self.bands.push(bands);
                self.bands.len() - 1
            })
        });
        let is_transceiver =
            |index: Option<&ElementIndex>| index.is_some_and(|&index| propagation.is_transceiver(index));
        let transceivers = [is_transceiver(elements.first()), is_transceiver(elements.last())];
        self.by_beginning.entry([elements[0], elements[1]]).or_default().push(self.all.len());
        self.all.push(Piece { elements: elements.to_vec(), bands, transceivers });
        self.all.len() - 1
    }

    /// The element a piece begins with, behind the ROADM or transceiver.
    pub(super) fn first_behind(&self, piece: PieceIndex) -> ElementIndex {
        self.all[piece].elements[1]
    }

    /// The bands common to all amplifiers of pieces in a row.
    pub(super) fn common_bands(&self, pieces: &[PieceIndex]) -> std::borrow::Cow<'_, [[f64; 2]]> {
        let mut bands = pieces.iter().filter_map(|&piece| self.all[piece].bands);
        let Some(first) = bands.next() else { return (&self.default_band[..]).into() };
        if bands.clone().all(|other| other == first) {
            return (&self.bands[first][..]).into();
        }
        let mut common = self.bands[first].clone();
        for other in bands {
            super::super::route::narrow(&mut common, &self.bands[other]);
        }
        common.into()
    }
}
