//! Puts cards into the shelves of nodes: two neighbouring slots each, shelf after shelf, rack after rack.

use std::collections::BTreeMap;

use optics::grooming::{Card, CardKind, NodeShelves, SHELVES_PER_RACK, SLOTS_PER_SHELF};
use optics::topology::Topology;

/// Slots that a card takes.
const SLOTS_PER_CARD: u32 = 2;

/// A card that needs a place at both ends of a demand.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    /// What it is.
    pub kind: CardKind,
    /// The demand.
    pub demand: &'a str,
    /// Where.
    pub ends: [&'a str; 2],
    /// Its lightpath or groomouts.
    pub carries: Vec<String>,
}

/// The shelves of every node that has cards, in the order of the topology, and where the two cards of each pair are.
///
/// A node's cards are placed by kind, TP1H first, and within a kind in the order of `pairs`.
pub fn place(topology: &Topology, pairs: &[Pair<'_>]) -> (Vec<NodeShelves>, Vec<[String; 2]>) {
    let mut at_node: BTreeMap<&str, Vec<(CardKind, usize, usize)>> = BTreeMap::new();
    for (i, pair) in pairs.iter().enumerate() {
        for (end, node) in pair.ends.into_iter().enumerate() {
            at_node.entry(node).or_default().push((pair.kind, i, end));
        }
    }
    let mut ids = vec![[String::new(), String::new()]; pairs.len()];
    let mut nodes = Vec::new();
    for node in &topology.nodes {
        let Some(mut cards) = at_node.remove(node.id.as_str()) else { continue };
        cards.sort_unstable();
        let mut placed = Vec::with_capacity(cards.len());
        for (position, (kind, pair, end)) in (0..).zip(cards) {
            let card = card(&node.id, position, kind, &pairs[pair]);
            ids[pair][end].clone_from(&card.id);
            placed.push(card);
        }
        let shelves = count(placed.len()).div_ceil(SLOTS_PER_SHELF / SLOTS_PER_CARD);
        nodes.push(NodeShelves {
            node: node.id.clone(),
            racks: shelves.div_ceil(SHELVES_PER_RACK),
            shelves,
            cards: placed,
        });
    }
    (nodes, ids)
}

fn card(node: &str, position: u32, kind: CardKind, pair: &Pair<'_>) -> Card {
    let per_shelf = SLOTS_PER_SHELF / SLOTS_PER_CARD;
    let (shelf, first) = (position / per_shelf, position % per_shelf * SLOTS_PER_CARD);
    let (rack, shelf) = (shelf / SHELVES_PER_RACK, shelf % SHELVES_PER_RACK);
    Card {
        id: format!("{node}/{rack}/{shelf}/{first}"),
        kind,
        demand: pair.demand.to_owned(),
        carries: pair.carries.clone(),
        rack,
        shelf,
        slots: [first, first + 1],
    }
}

fn count(cards: usize) -> u32 {
    u32::try_from(cards).unwrap_or(u32::MAX)
}
