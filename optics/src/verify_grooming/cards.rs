//! Whether every client has its card at both ends, and every card a place of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Found};
use crate::grooming::{Card, CardKind, LINE_CLIENTS, LightpathKind, SHELVES_PER_RACK, SLOTS_PER_SHELF};
use crate::topology::Topology;

pub(super) fn check(case: &Case<'_>, topology: &Topology, found: &mut Found) {
    let mut cards = BTreeMap::new();
    check_places(case, topology, &mut cards, found);
    check_clients(case, &cards, found);
    check_loads(case, &cards, found);
}

/// Cards by id, each with its node.
type Cards<'a> = BTreeMap<&'a str, (&'a Card, &'a str)>;

fn check_places<'a>(case: &Case<'a>, topology: &Topology, cards: &mut Cards<'a>, found: &mut Found) {
    let known: BTreeSet<&str> = topology.nodes.iter().map(|node| node.id.as_str()).collect();
    let mut taken = BTreeSet::new();
    for shelves in &case.report.nodes {
        let node = shelves.node.as_str();
        if !known.contains(node) {
            found.add("CARD_PLACE", node, "no such node");
        }
        for card in &shelves.cards {
            if cards.insert(&card.id, (card, node)).is_some() {
                found.add("CARD_PLACE", &card.id, "two cards have this id");
            }
            let [first, second] = card.slots;
            if second != first + 1 || second >= SLOTS_PER_SHELF || card.shelf >= SHELVES_PER_RACK {
                found.add(
                    "CARD_PLACE",
                    &card.id,
                    format!("no such place: shelf {}, slots {first} and {second}", card.shelf),
                );
            }
            for slot in card.slots {
                if !taken.insert((node, card.rack, card.shelf, slot)) {
                    found.add("CARD_PLACE", &card.id, format!("slot {slot} is taken"));
                }
            }
        }
        let used: BTreeSet<(u32, u32)> = shelves.cards.iter().map(|card| (card.rack, card.shelf)).collect();
        let racks: BTreeSet<u32> = used.iter().map(|(rack, _)| *rack).collect();
        if used.len() != shelves.shelves as usize || racks.len() != shelves.racks as usize {
            found.add("CARD_PLACE", node, "its numbers of racks and shelves are not those of its cards");
        }
    }
}

/// Every lightpath and groomout names a card of the right kind at each end of its demand that carries it.
fn check_clients(case: &Case<'_>, cards: &Cards<'_>, found: &mut Found) {
    let mut need = |subject: &str, demand: &str, ids: &[String], kind: CardKind| {
        let Some(demand) = case.demands.get(demand) else {
            found.add("CARD_MISSING", subject, format!("demand {demand} does not exist"));
            return;
        };
        let ends = [&demand.a, &demand.b];
        if ids.len() != ends.len() {
            found.add("CARD_MISSING", subject, format!("has {} cards, needs one at each end", ids.len()));
        }
        for (id, end) in ids.iter().zip(ends) {
            let fits = |(card, node): &(&Card, &str)| {
                card.kind == kind
                    && node == end
                    && card.demand == demand.id
                    && card.carries.iter().any(|carried| carried == subject)
            };
            if !cards.get(id.as_str()).is_some_and(fits) {
                found.add(
                    "CARD_MISSING",
                    subject,
                    format!("card {id} is no {kind:?} at {end} that carries it"),
                );
            }
        }
    };
    for lightpath in &case.report.lightpaths {
        match lightpath.kind {
            LightpathKind::Tp1h => need(&lightpath.id, &lightpath.demand, &lightpath.cards, CardKind::Tp1h),
            LightpathKind::Mp1h => need(&lightpath.id, &lightpath.demand, &lightpath.cards, CardKind::Mp1h),
            LightpathKind::TenGigabit | LightpathKind::Rate => {}
        }
    }
    for groomout in &case.report.groomouts {
        need(&groomout.id, &groomout.demand, &groomout.cards, CardKind::Mp2x);
    }
}

/// Every card carries what exists, says it is on that card, and is not too much for it.
fn check_loads(case: &Case<'_>, cards: &Cards<'_>, found: &mut Found) {
    for (id, (card, _)) in cards {
        let most = if card.kind == CardKind::Mp2x { 2 } else { 1 };
        if card.carries.is_empty() || card.carries.len() > most {
            found.add("CARD_CLIENTS", id, format!("carries {}, can carry {most}", card.carries.len()));
        }
        let mut clients = 0;
        for (line, carried) in (1..).zip(&card.carries) {
            let named = if card.kind == CardKind::Mp2x {
                case.groomouts.get(carried.as_str()).is_some_and(|groomout| {
                    clients += groomout.services.len();
                    groomout.line == line && groomout.cards.iter().any(|own| own == id)
                })
            } else {
                case.lightpaths
                    .get(carried.as_str())
                    .is_some_and(|lightpath| lightpath.cards.iter().any(|own| own == id))
            };
            if !named {
                found.add(
                    "CARD_UNKNOWN",
                    id,
                    format!("{carried} does not exist or is on another card or line"),
                );
            }
        }
        if clients > LINE_CLIENTS {
            found.add("CARD_CLIENTS", id, format!("{clients} clients on its two lines, {LINE_CLIENTS} fit"));
        }
    }
}
