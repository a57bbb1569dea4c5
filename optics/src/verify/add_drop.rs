//! Add/drop: banks reach the degree, ports are used once, and a slot is added or dropped no more often than the bank
//! allows.
//!
//! A port is a transponder's, used by both directions. The two paths of a 1+1 by splitter have one transponder: at an
//! end they name one port, or ports in two banks. Every other end of a path, and each side of a regenerator, has a
//! port of its own. A bank that is not contentionless takes a slot at one port; a CDC bank at `max_same_slot` ports.
//! Where contention is per node, a slot is used by one signal over all banks of the node that are not contentionless.

use std::collections::BTreeMap;

use super::spectrum::edges;
use super::{Case, Found};
use crate::plan::{Lightpath, PathRole, Port};
use crate::topology::{AddDropBank, AddDropKind, Contention, Node, NodeKind};
use crate::traffic::{Protection, ProtectionSource};

/// A signal added and dropped at a port.
pub(super) struct Use<'a> {
    pub(super) port: &'a Port,
    pub(super) lightpath: &'a str,
    low: i64,
    high: i64,
    /// What may share the port: both paths of a splitter's lightpath at one end, else nothing.
    owner: Owner<'a>,
    restoration: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Owner<'a> {
    lightpath: &'a str,
    path: usize,
    segment: usize,
    receiver: bool,
}

impl Use<'_> {
    /// Whether the signal covers any of `slot`, given by its edges.
    pub(super) fn overlaps(&self, slot: (i64, i64)) -> bool {
        self.low < slot.1 && slot.0 < self.high
    }
}

/// The bank that a node has if it lists none: as often as asked, any slot, any degree.
pub(super) fn default_bank(node: &Node) -> Option<AddDropBank> {
    (node.add_drop.is_empty() && node.kind != NodeKind::Ila).then(|| AddDropBank {
        bank: "default".to_owned(),
        kind: AddDropKind::Cdc,
        degrees: Vec::new(),
        ports: None,
        max_same_slot: None,
    })
}

/// The banks of a node, the default one included.
pub(super) fn banks_of(node: &Node) -> Vec<AddDropBank> {
    default_bank(node).map_or_else(|| node.add_drop.clone(), |bank| vec![bank])
}

/// Every use of a port in the plan.
pub(super) fn uses<'a>(case: &Case<'a>) -> Vec<Use<'a>> {
    let mut list = Vec::new();
    for lightpath in &case.plan.lightpaths {
        let splitter = by_splitter(lightpath);
        for (index, path) in lightpath.paths.iter().enumerate() {
            let last = path.segments.len().saturating_sub(1);
            for (position, segment) in path.segments.iter().enumerate() {
                let (low, high) = edges(segment.n, segment.m);
                for (port, receiver, terminal) in
                    [(&segment.tx, false, position == 0), (&segment.rx, true, position == last)]
                {
                    let shared = terminal && splitter && path.role != PathRole::Restoration;
                    let owner = if shared {
                        Owner { lightpath: &lightpath.id, path: 0, segment: usize::from(receiver), receiver }
                    } else {
                        Owner { lightpath: &lightpath.id, path: index + 1, segment: position, receiver }
                    };
                    let restoration = path.role == PathRole::Restoration;
                    list.push(Use { port, lightpath: &lightpath.id, low, high, owner, restoration });
                }
            }
        }
    }
    list
}

fn by_splitter(lightpath: &Lightpath) -> bool {
    matches!(lightpath.protection, Protection::OnePlusOne { source: ProtectionSource::Splitter, .. })
}

pub(super) fn check(case: &Case, found: &mut Found) {
    check_reach(case, found);
    check_regenerators(case, found);
    let mut at_node: BTreeMap<&str, Vec<Use>> = BTreeMap::new();
    for one in uses(case).into_iter().filter(|one| !one.restoration) {
        at_node.entry(one.port.node.as_str()).or_default().push(one);
    }
    for (id, list) in &at_node {
        let Some(node) = case.nodes.get(id) else { continue };
        check_ports(node, list, found);
        check_contention(node, list, found);
    }
}

/// Banks exist and serve the link that the signal comes from or goes to.
fn check_reach(case: &Case, found: &mut Found) {
    for (lightpath, path) in case.paths() {
        for segment in &path.segments {
            for (port, hop) in [(&segment.tx, segment.hops.first()), (&segment.rx, segment.hops.last())] {
                let Some(node) = case.nodes.get(port.node.as_str()) else { continue };
                let banks = banks_of(node);
                let Some(bank) = banks.iter().find(|bank| bank.bank == port.bank) else {
                    found.add(
                        "UNKNOWN_BANK",
                        &lightpath.id,
                        format!("node `{}` has no bank `{}`", port.node, port.bank),
                    );
                    continue;
                };
                if bank.ports.is_some_and(|ports| port.port >= ports) {
                    found.add(
                        "PORT_RANGE",
                        &lightpath.id,
                        format!("bank `{}` of `{}` has no port {}", port.bank, port.node, port.port),
                    );
                }
                let Some(hop) = hop else { continue };
                if !bank.degrees.is_empty() && !bank.degrees.contains(&hop.link) {
                    found.add(
                        "BANK_DEGREE",
                        &lightpath.id,
                        format!("bank `{}` of `{}` does not serve link `{}`", port.bank, port.node, hop.link),
                    );
                }
            }
        }
    }
}

fn check_regenerators(case: &Case, found: &mut Found) {
    let mut sides: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, path) in case.paths() {
        for segment in path.segments.iter().skip(1) {
            *sides.entry(segment.tx.node.as_str()).or_default() += 2;
        }
    }
    for (id, used) in sides {
        let limit = case.nodes.get(id).and_then(|node| node.regen_ports);
        if let Some(limit) = limit.filter(|&limit| used > limit) {
            found.add("REGENERATOR_PORTS", id, format!("regenerators take {used} ports; there are {limit}"));
        }
    }
}

fn check_ports(node: &Node, list: &[Use], found: &mut Found) {
    let mut owner_of: BTreeMap<&Port, Owner> = BTreeMap::new();
    for one in list {
        let owner = *owner_of.entry(one.port).or_insert(one.owner);
        if owner != one.owner {
            found.add(
                "PORT_SHARED",
                one.lightpath,
                format!(
                    "port {} of bank `{}` at `{}` is used by `{}` too",
                    one.port.port, one.port.bank, node.id, owner.lightpath
                ),
            );
        }
    }
}

fn check_contention(node: &Node, list: &[Use], found: &mut Found) {
    let banks = banks_of(node);
    let kind = |one: &Use| banks.iter().find(|bank| bank.bank == one.port.bank);
    let mut once: Vec<&Use> =
        list.iter().filter(|one| kind(one).is_some_and(|bank| bank.kind != AddDropKind::Cdc)).collect();
    once.sort_by_key(|one| (one.low, one.high, one.port));
    for (i, one) in once.iter().enumerate() {
        for other in once[i + 1..].iter().take_while(|other| other.low < one.high) {
            let same_bank = one.port.bank == other.port.bank;
            let conflict = (same_bank || node.contention == Contention::PerNode && one.owner != other.owner)
                && one.port != other.port;
            if conflict {
                found.add(
                    "CONTENTION",
                    other.lightpath,
                    format!(
                        "`{}` adds and drops the same spectrum at `{}` (bank `{}`; this one `{}`)",
                        one.lightpath, node.id, one.port.bank, other.port.bank
                    ),
                );
            }
        }
    }
    for bank in banks.iter().filter(|bank| bank.kind == AddDropKind::Cdc) {
        let Some(most) = bank.max_same_slot.or(bank.ports) else { continue };
        let mut own: Vec<&Use> = list.iter().filter(|one| one.port.bank == bank.bank).collect();
        own.sort_by_key(|one| (one.port, one.low));
        own.dedup_by_key(|one| (one.port, one.low, one.high));
        own.sort_by_key(|one| (one.low, one.high));
        for one in &own {
            // The spectrum at this lower edge is covered by what begins no later and ends above.
            let together = own.iter().filter(|other| other.low <= one.low && other.high > one.low).count();
            let first_there =
                own.iter().find(|other| other.low == one.low).is_some_and(|f| f.port == one.port);
            if first_there && together > most as usize {
                found.add(
                    "CONTENTION",
                    one.lightpath,
                    format!(
                        "bank `{}` of `{}` takes the same slot {together} times, {most} are allowed",
                        bank.bank, node.id
                    ),
                );
            }
        }
    }
}
