//! The racks of a site, filled in order.

use super::{Item, PlacedCard};

/// Slots of a shelf, from 0.
pub const SLOTS_PER_SHELF: u32 = 14;
/// Shelves of a rack, from 0.
pub const SHELVES_PER_RACK: u32 = 4;
/// What every shelf has, and where: controllers, interface controller, power.
const EVERY_SHELF: [(Item, u32); 4] = [(Item::Sc, 0), (Item::Sc, 1), (Item::Ifc, 2), (Item::Pwr, 13)];
/// Slots for everything else.
const FREE: std::ops::Range<u32> = 3..13;

/// The shelves of one site.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    /// By shelf the first slot that is still free; cards are put in from the left.
    next: Vec<u32>,
    cards: Vec<(u32, u32, Item, String)>,
}

impl Shelves {
    /// Opens a shelf, with what every shelf has.
    pub fn open(&mut self) -> u32 {
        let shelf = u32::try_from(self.next.len()).unwrap_or(u32::MAX);
        self.next.push(FREE.start);
        self.cards.extend(EVERY_SHELF.map(|(item, slot)| (shelf, slot, item, String::new())));
        shelf
    }

    /// Puts a card into the first shelf that has room from this one on, or into a new one.
    pub fn place_from(&mut self, from: u32, item: Item, serves: impl Into<String>) {
        let fits = |&shelf: &u32| self.next[shelf as usize] + item.slots() <= FREE.end;
        let count = u32::try_from(self.next.len()).unwrap_or(u32::MAX);
        let shelf = (from..count).find(fits).unwrap_or_else(|| self.open());
        let slot = self.next[shelf as usize];
        self.next[shelf as usize] += item.slots();
        self.cards.push((shelf, slot, item, serves.into()));
    }

    /// Puts a card into the first shelf that has room.
    pub fn place(&mut self, item: Item, serves: impl Into<String>) {
        self.place_from(0, item, serves);
    }

    /// Racks, shelves, and all cards in the order of their places.
    pub fn finish(mut self, node: &str) -> (u32, u32, Vec<PlacedCard>) {
        self.cards.sort_by_key(|&(shelf, slot, ..)| (shelf, slot));
        let shelves = u32::try_from(self.next.len()).unwrap_or(u32::MAX);
        let card = |(at, slot, item, serves): (u32, u32, Item, String)| {
            let (rack, shelf) = (at / SHELVES_PER_RACK, at % SHELVES_PER_RACK);
            PlacedCard { id: format!("{node}/{rack}/{shelf}/{slot}"), item, serves, rack, shelf, slot }
        };
        (shelves.div_ceil(SHELVES_PER_RACK), shelves, self.cards.into_iter().map(card).collect())
    }
}
