//! Checks a bill of materials against topology, plan and grooming, with code that counting does not share.

use std::collections::{BTreeMap, BTreeSet};

use crate::bill_of_materials::{
    Architecture, BillOfMaterials, Item, NodeBill, SHELVES_PER_RACK, SLOTS_PER_SHELF,
};
use crate::grooming::{CardKind, GroomingReport};
use crate::plan::{PathRole, Plan};
use crate::topology::Topology;
use crate::violation::Violation;

/// Channels of a multiplexer.
const CHANNELS: usize = 48;

/// All that is wrong with a bill. Linear in cards and hops, but for sorting.
#[must_use]
pub fn verify_bill(
    topology: &Topology,
    plan: &Plan,
    grooming: Option<&GroomingReport>,
    bill: &BillOfMaterials,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wrong = |rule: &str, subject: &str, detail: String| {
        found.push(Violation { rule: rule.to_owned(), subject: subject.to_owned(), detail });
    };
    let expected: Vec<&str> = topology.nodes.iter().map(|node| node.id.as_str()).collect();
    let given: Vec<&str> = bill.nodes.iter().map(|node| node.node.as_str()).collect();
    if expected != given {
        wrong("BILL_NODES", "bill", format!("it has {} sites, the topology {}", given.len(), expected.len()));
        return found;
    }
    for item in Item::ALL {
        let of_nodes: u32 = bill.nodes.iter().filter_map(|node| node.counts.get(&item)).sum();
        let of_links: u32 = bill.links.iter().map(|link| link.line_amplifiers).sum();
        let expected = if item == Item::LineAmplifier { of_links } else { of_nodes };
        let total = bill.total.get(&item).copied();
        if total != Some(expected) {
            wrong("BILL_TOTAL", item.name(), format!("{total:?} in all, {expected} at sites and links"));
        }
    }
    let wanted = Wanted::new(plan, grooming);
    for node in &bill.nodes {
        for (rule, detail) in cards(node).chain(line_cards(topology, node)).chain(wanted.missing(node)) {
            wrong(rule, &node.node, detail);
        }
    }
    found
}

type Fault = (&'static str, String);

fn count(node: &NodeBill, item: Item) -> u32 {
    node.counts.get(&item).copied().unwrap_or(0)
}

/// Counts are those of the cards, and no two cards share a slot.
fn cards(node: &NodeBill) -> impl Iterator<Item = Fault> {
    let mut faults = Vec::new();
    let mut taken = BTreeSet::new();
    let mut often: BTreeMap<Item, u32> = BTreeMap::new();
    let mut in_shelf: BTreeMap<u32, Vec<Item>> = BTreeMap::new();
    for card in &node.cards {
        *often.entry(card.item).or_default() += 1;
        let shelf = card.rack * SHELVES_PER_RACK + card.shelf;
        in_shelf.entry(shelf).or_default().push(card.item);
        for slot in card.slot..card.slot + card.item.slots() {
            if slot >= SLOTS_PER_SHELF || card.shelf >= SHELVES_PER_RACK || !taken.insert((shelf, slot)) {
                faults.push(("BILL_SLOT", format!("slot {slot} of {} is taken or is none", card.id)));
            }
        }
        if card.id != format!("{}/{}/{}/{}", node.node, card.rack, card.shelf, card.slot) {
            faults.push(("BILL_SLOT", format!("{} is not where its address says", card.id)));
        }
    }
    for item in Item::ALL {
        let cards = often.get(&item).copied().unwrap_or(0);
        if count(node, item) != cards {
            faults
                .push(("BILL_COUNT", format!("{} of {}, and {cards} cards", count(node, item), item.name())));
        }
    }
    let shelves: Vec<u32> = in_shelf.keys().copied().collect();
    let all: Vec<u32> = (0..node.shelves).collect();
    if shelves != all || node.racks != node.shelves.div_ceil(SHELVES_PER_RACK) {
        faults.push(("BILL_SHELVES", format!("{} shelves in {} racks", node.shelves, node.racks)));
    }
    for (shelf, items) in in_shelf {
        let has = |item: Item| items.iter().filter(|&&own| own == item).count();
        if (has(Item::Sc), has(Item::Ifc), has(Item::Pwr)) != (2, 1, 1) {
            faults.push(("BILL_SHELVES", format!("shelf {shelf} lacks what every shelf has")));
        }
    }
    faults.into_iter()
}

/// Every fibre pair that ends at a site has its interface and amplifiers.
fn line_cards(topology: &Topology, node: &NodeBill) -> impl Iterator<Item = Fault> {
    let ends = |link: &&crate::topology::Link| link.a == node.node || link.b == node.node;
    let pairs: usize = topology.links.iter().filter(ends).map(|link| link.fibres.len().max(1)).sum();
    let pairs = u32::try_from(pairs).unwrap_or(u32::MAX);
    let each = if node.architecture == Architecture::AmplifierSite { 1 } else { 2 };
    let right = node.degree == pairs
        && count(node, Item::Fim) == pairs
        && count(node, Item::Amplifier) == each * pairs
        && count(node, Item::Os5) * 5 >= pairs
        && count(node, Item::Ocm) * 4 >= pairs
        && count(node, Item::Hkp) == 1;
    let fault =
        || ("BILL_LINE_CARDS", format!("{pairs} fibre pairs end here, which its line cards do not fit"));
    (!right).then(fault).into_iter()
}

/// What plan and grooming ask for at each site.
struct Wanted {
    service: BTreeMap<(String, CardKind), u32>,
    ends: BTreeMap<String, u32>,
    regenerators: BTreeMap<String, u32>,
    signals: BTreeMap<String, usize>,
}

impl Wanted {
    fn new(plan: &Plan, grooming: Option<&GroomingReport>) -> Self {
        let mut wanted = Self {
            service: BTreeMap::new(),
            ends: BTreeMap::new(),
            regenerators: BTreeMap::new(),
            signals: BTreeMap::new(),
        };
        for node in grooming.iter().flat_map(|grooming| &grooming.nodes) {
            for card in &node.cards {
                *wanted.service.entry((node.node.clone(), card.kind)).or_default() += 1;
            }
        }
        for lightpath in &plan.lightpaths {
            for end in &lightpath.ends {
                *wanted.ends.entry(end.clone()).or_default() += 1;
            }
            for path in lightpath.paths.iter().filter(|path| path.role != PathRole::Restoration) {
                for segment in &path.segments {
                    for port in [&segment.tx, &segment.rx] {
                        *wanted.signals.entry(port.node.clone()).or_default() += 1;
                    }
                }
                for segment in path.segments.iter().skip(1) {
                    *wanted.regenerators.entry(segment.tx.node.clone()).or_default() += 1;
                }
            }
        }
        wanted
    }

    fn missing(&self, node: &NodeBill) -> impl Iterator<Item = Fault> {
        let mut faults = Vec::new();
        for (kind, item) in
            [(CardKind::Tp1h, Item::Tp1h), (CardKind::Mp1h, Item::Mp1h), (CardKind::Mp2x, Item::Mp2x)]
        {
            let wanted = self.service.get(&(node.node.clone(), kind)).copied().unwrap_or(0);
            if count(node, item) != wanted {
                faults.push((
                    "BILL_SERVICE_CARDS",
                    format!("{} {} instead of {wanted}", count(node, item), item.name()),
                ));
            }
        }
        let at = |of: &BTreeMap<String, u32>| of.get(&node.node).copied().unwrap_or(0);
        let lines = count(node, Item::Tp1h) + count(node, Item::Mp1h) + count(node, Item::Transponder);
        if lines < at(&self.ends) {
            faults.push((
                "BILL_TRANSPONDERS",
                format!("{lines} cards for {} ends of lightpaths", at(&self.ends)),
            ));
        }
        if count(node, Item::Regenerator) < at(&self.regenerators) {
            faults.push(("BILL_REGENERATORS", format!("{} are needed", at(&self.regenerators))));
        }
        let signals = self.signals.get(&node.node).copied().unwrap_or(0);
        if signals > CHANNELS * count(node, Item::Md48) as usize {
            faults.push(("BILL_MULTIPLEXERS", format!("{signals} signals are more than they take")));
        }
        faults.into_iter()
    }
}
