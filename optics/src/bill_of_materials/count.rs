//! What each site needs, by what the plan does there.

use std::collections::{BTreeMap, BTreeSet};

use super::add_drop::{Degree, Side, Traffic, multiplexers, traffic};
use super::shelves::Shelves;
use super::{Architecture, BillOfMaterials, Cost, Counts, Item, LinkBill, NodeBill, Proposal};
use crate::grooming::{Card, CardKind, GroomingReport};
use crate::plan::Plan;
use crate::topology::{Link, Node, NodeKind, Topology};

/// Ports of the two switches.
const WS4_PORTS: u32 = 4;
const WS9_PORTS: u32 = 9;
/// From this degree on a site that adds or drops has the switch for protection too: where so many ways meet it will be asked
/// for, and a switch that is put in later interrupts what passes.
const BOTH_SIDES: u32 = 5;

/// What a bill is made of.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The sites and links.
    pub topology: &'a Topology,
    /// The lightpaths.
    pub plan: &'a Plan,
    /// Their service cards; lightpaths without one get a transponder at each end.
    pub grooming: Option<&'a GroomingReport>,
    /// Price of one piece; items that are left out have none.
    pub prices: &'a BTreeMap<Item, f64>,
    /// What the prices are in.
    pub currency: &'a str,
}

/// Counts and places all cards of a plan.
///
/// Time and space: linear in the hops of the plan and the cards, n·log n for sorting them.
#[must_use]
pub fn bill_of_materials(given: &Given<'_>) -> BillOfMaterials {
    let Given { topology, plan, grooming, .. } = *given;
    let nodes_of: BTreeMap<&str, [&str; 2]> =
        topology.links.iter().map(|link| (link.id.as_str(), [link.a.as_str(), link.b.as_str()])).collect();
    let sites = traffic(plan, &nodes_of);
    let service_cards: BTreeMap<&str, &[Card]> = (grooming.iter())
        .flat_map(|grooming| &grooming.nodes)
        .map(|node| (node.node.as_str(), &node.cards[..]))
        .collect();
    // lightpaths that a service card lights
    let lit: BTreeSet<&str> = (grooming.iter())
        .flat_map(|grooming| &grooming.lightpaths)
        .filter(|lightpath| !lightpath.cards.is_empty())
        .map(|lightpath| lightpath.id.as_str())
        .collect();
    let (mut nodes, mut proposals) = (Vec::new(), Vec::new());
    let nothing = Traffic::default();
    for node in &topology.nodes {
        let site = Site {
            node,
            degrees: degrees(topology, &node.id),
            traffic: sites.get(&node.id).unwrap_or(&nothing),
            service_cards: service_cards.get(node.id.as_str()).copied().unwrap_or_default(),
            lit: &lit,
        };
        proposals.extend(site.proposal());
        nodes.push(site.bill(given.prices));
    }
    let links: Vec<LinkBill> = topology.links.iter().flat_map(line_amplifiers).collect();
    let mut total = none();
    for (&item, &count) in nodes.iter().flat_map(|node| &node.counts) {
        *total.entry(item).or_default() += count;
    }
    total.insert(Item::LineAmplifier, links.iter().map(|link| link.line_amplifiers).sum());
    let planned: BTreeSet<&str> = plan.lightpaths.iter().map(|lightpath| lightpath.id.as_str()).collect();
    let without_way = lit.iter().filter(|id| !planned.contains(*id)).map(|id| (*id).to_owned()).collect();
    let cost = (!given.prices.is_empty()).then(|| Cost {
        total: price(&total, given.prices),
        currency: given.currency.to_owned(),
        without_price: (total.iter())
            .filter(|(item, count)| **count > 0 && !given.prices.contains_key(item))
            .map(|(item, _)| *item)
            .collect(),
    });
    BillOfMaterials { topology: topology.name.clone(), total, cost, nodes, links, proposals, without_way }
}

/// Nothing of every item.
fn none() -> Counts {
    Item::ALL.map(|item| (item, 0)).into()
}

fn price(counts: &Counts, prices: &BTreeMap<Item, f64>) -> f64 {
    counts.iter().map(|(item, count)| f64::from(*count) * prices.get(item).copied().unwrap_or(0.0)).sum()
}

fn fibres(link: &Link) -> Vec<String> {
    if link.fibres.is_empty() {
        vec!["1".to_owned()]
    } else {
        link.fibres.iter().map(|fibre| fibre.id.clone()).collect()
    }
}

/// The fibre pairs that end at a node, in the order of the links.
fn degrees(topology: &Topology, node: &str) -> Vec<Degree> {
    let here = topology.links.iter().filter(|link| link.a == node || link.b == node);
    here.flat_map(|link| fibres(link).into_iter().map(|fibre| (link.id.clone(), fibre))).collect()
}

/// Amplifiers between spans: one in each direction for each span but the last.
fn line_amplifiers(link: &Link) -> Vec<LinkBill> {
    let between = |spans: usize| u32::try_from(spans.saturating_sub(1)).unwrap_or(u32::MAX);
    let of = |fibre: &crate::topology::Fibre| {
        let back = fibre.spans_ba.as_ref().map_or(fibre.spans_ab.len(), Vec::len);
        let line_amplifiers = between(fibre.spans_ab.len()) + between(back);
        LinkBill { link: link.id.clone(), fibre: fibre.id.clone(), line_amplifiers }
    };
    link.fibres.iter().map(of).filter(|bill| bill.line_amplifiers > 0).collect()
}

/// Switches that have so many ports beside the common one, cascaded where one has too few: each further one takes a port of
/// another and brings nine.
fn switches(ports: u32) -> (Item, u32) {
    if ports <= WS4_PORTS {
        (Item::Ws4, 1)
    } else {
        (Item::Ws9, 1 + ports.saturating_sub(WS9_PORTS).div_ceil(WS9_PORTS - 1))
    }
}

/// A site, and what happens there.
struct Site<'a> {
    node: &'a Node,
    degrees: Vec<Degree>,
    traffic: &'a Traffic,
    service_cards: &'a [Card],
    lit: &'a BTreeSet<&'a str>,
}

impl Site<'_> {
    fn degree(&self) -> u32 {
        u32::try_from(self.degrees.len()).unwrap_or(u32::MAX)
    }

    fn adds_or_drops(&self) -> bool {
        self.traffic.adds_or_drops() || !self.service_cards.is_empty()
    }

    fn architecture(&self) -> Architecture {
        match self.degree() {
            _ if self.node.kind == NodeKind::Ila => Architecture::AmplifierSite,
            0 | 1 => Architecture::Terminal,
            2 if self.traffic.protected || !self.adds_or_drops() => Architecture::TwoSwitches,
            2 => Architecture::Patched,
            _ => Architecture::Roadm,
        }
    }

    /// A site that only lets light through could be one that only amplifies. What stands at a site is the planner's choice.
    fn proposal(&self) -> Option<Proposal> {
        let through = self.node.kind == NodeKind::Roadm && self.degree() == 2 && !self.adds_or_drops();
        through.then(|| Proposal {
            node: self.node.id.clone(),
            detail: "nothing is added or dropped here: an amplifier site (kind ila) would do; the quality of what passes \
                     has to be computed again"
                .to_owned(),
            saves: [(Item::Ws4, 2), (Item::Amplifier, 2)].into(),
        })
    }

    fn bill(&self, prices: &BTreeMap<Item, f64>) -> NodeBill {
        let architecture = self.architecture();
        let mut shelves = Shelves::default();
        self.place_common(&mut shelves, architecture);
        self.place_service_cards(&mut shelves);
        self.place_add_drop(&mut shelves, architecture);
        let (racks, shelves, cards) = shelves.finish(&self.node.id);
        let mut counts = none();
        for card in &cards {
            *counts.entry(card.item).or_default() += 1;
        }
        let cost = (!prices.is_empty()).then(|| price(&counts, prices));
        let (node, degree) = (self.node.id.clone(), self.degree());
        NodeBill { node, degree, architecture, counts, cost, racks, shelves, cards }
    }

    /// Supervision and the line cards of each degree: the first degree's in the first shelf, each further one's in its own.
    fn place_common(&self, shelves: &mut Shelves, architecture: Architecture) {
        shelves.open();
        let amplifiers = if architecture == Architecture::AmplifierSite { 1 } else { 2 };
        let line = |shelves: &mut Shelves, shelf: u32, (link, fibre): &Degree| {
            let serves = format!("{link}/{fibre}");
            shelves.place_from(shelf, Item::Fim, serves.clone());
            for _ in 0..amplifiers {
                shelves.place_from(shelf, Item::Amplifier, serves.clone());
            }
        };
        for _ in 0..self.degree().div_ceil(5) {
            shelves.place(Item::Os5, "");
        }
        if let Some(first) = self.degrees.first() {
            line(shelves, 0, first);
        }
        for _ in 0..self.degree().div_ceil(4) {
            shelves.place(Item::Ocm, "");
        }
        shelves.place(Item::Hkp, "");
        for degree in self.degrees.iter().skip(1) {
            let shelf = shelves.open();
            line(shelves, shelf, degree);
        }
    }

    fn place_service_cards(&self, shelves: &mut Shelves) {
        for card in self.service_cards {
            let item = match card.kind {
                CardKind::Tp1h => Item::Tp1h,
                CardKind::Mp1h => Item::Mp1h,
                CardKind::Mp2x => Item::Mp2x,
            };
            shelves.place(item, card.carries.join(" "));
        }
        for (lightpath, transponders) in &self.traffic.ends {
            let own = u32::from(self.lit.contains(lightpath.as_str()));
            for _ in own..*transponders {
                shelves.place(Item::Transponder, lightpath.clone());
            }
        }
        for _ in 0..self.traffic.all_regenerators() {
            shelves.place(Item::Regenerator, "");
        }
    }

    fn place_add_drop(&self, shelves: &mut Shelves, architecture: Architecture) {
        for _ in 0..self.traffic.split.div_ceil(2) {
            shelves.place(Item::Sm2, "");
        }
        let mut place = |channels: &[u32], serves: &str| {
            let kinds = multiplexers(channels).into_iter().zip(["even", "odd"]);
            for (count, parity) in kinds {
                for _ in 0..count {
                    shelves.place(Item::Md48, format!("{serves} {parity}"));
                }
            }
        };
        match architecture {
            Architecture::AmplifierSite => {}
            Architecture::Patched => {
                for degree in &self.degrees {
                    place(&self.traffic.at_degree(degree), &format!("{}/{}", degree.0, degree.1));
                }
            }
            Architecture::Terminal | Architecture::TwoSwitches | Architecture::Roadm => {
                place(&self.traffic.channels(&Side::Working), "working");
                place(&self.traffic.channels(&Side::Protection), "protection");
            }
        }
        let mut switch = |ports: u32, serves: String| {
            let (item, count) = switches(ports);
            for _ in 0..count {
                shelves.place(item, serves.clone());
            }
        };
        match architecture {
            Architecture::TwoSwitches => {
                for (link, fibre) in &self.degrees {
                    switch(2, format!("{link}/{fibre}"));
                }
            }
            Architecture::Roadm => {
                if self.adds_or_drops() {
                    switch(self.degree(), "working".to_owned());
                    if self.traffic.protected || self.degree() >= BOTH_SIDES {
                        switch(self.degree(), "protection".to_owned());
                    }
                }
                for (link, fibre) in &self.degrees {
                    // the other degrees, and both sides of what is added and dropped
                    switch(self.degree() + 1, format!("{link}/{fibre}"));
                }
            }
            Architecture::AmplifierSite | Architecture::Terminal | Architecture::Patched => {}
        }
    }
}
