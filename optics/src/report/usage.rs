//! How much of every fibre pair and of every node a plan uses.

use std::collections::{BTreeMap, BTreeSet};

use super::{BankUse, LinkUse, NodeUse, count, figure, paths};
use crate::network::{DEFAULT_BANK, DEFAULT_FIBRE, channel_count, unavailable};
use crate::plan::{Direction, Plan};
use crate::topology::{Link, NodeKind, Topology};

pub(super) fn of_links(topology: &Topology, plan: &Plan) -> Vec<LinkUse> {
    let total = channel_count(&plan.grid);
    let mut busy: BTreeMap<(&str, &str), Vec<bool>> = BTreeMap::new();
    for (_, path) in paths(plan) {
        for segment in &path.segments {
            for hop in &segment.hops {
                let slots =
                    busy.entry((hop.link.as_str(), hop.fibre.as_str())).or_insert_with(|| vec![false; total]);
                for unit in units(plan, segment.n, segment.m).filter(|&unit| unit < total) {
                    slots[unit] = true;
                }
            }
        }
    }
    let mut list = Vec::new();
    for link in &topology.links {
        let ids: Vec<&str> = if link.fibres.is_empty() {
            vec![DEFAULT_FIBRE]
        } else {
            link.fibres.iter().map(|fibre| fibre.id.as_str()).collect()
        };
        for fibre in ids {
            let closed = unavailable(&plan.grid, link, fibre);
            let used = busy.get(&(link.id.as_str(), fibre));
            let is_used = |unit: usize| used.is_some_and(|slots| slots[unit]);
            let in_use = (0..total).filter(|&unit| is_used(unit)).count();
            let capacity = total - closed.count();
            let (mut run, mut longest, mut free) = (0, 0, 0);
            for unit in 0..total {
                run = if closed.contains(unit) || is_used(unit) { 0 } else { run + 1 };
                free += usize::from(run > 0);
                longest = longest.max(run);
            }
            let share = if capacity == 0 { 0.0 } else { figure(in_use as f64 / capacity as f64) };
            let fragmentation = if free == 0 { 0.0 } else { figure(1.0 - longest as f64 / free as f64) };
            list.push(LinkUse {
                link: link.id.clone(),
                fibre: fibre.to_owned(),
                used: count(in_use),
                capacity: count(capacity),
                share,
                largest_free: count(longest),
                fragmentation,
            });
        }
    }
    list
}

pub(super) fn of_nodes(topology: &Topology, links: &BTreeMap<&str, &Link>, plan: &Plan) -> Vec<NodeUse> {
    let position: BTreeMap<&str, usize> =
        topology.nodes.iter().map(|node| node.id.as_str()).zip(0..).collect();
    let mut list: Vec<NodeUse> = topology
        .nodes
        .iter()
        .map(|node| NodeUse {
            node: node.id.clone(),
            transponders: 0,
            regenerators: 0,
            express: 0,
            banks: if node.add_drop.is_empty() && node.kind != NodeKind::Ila {
                vec![BankUse { bank: DEFAULT_BANK.to_owned(), used: 0, ports: None, same_slot: 0 }]
            } else {
                node.add_drop
                    .iter()
                    .map(|b| BankUse { bank: b.bank.clone(), used: 0, ports: b.ports, same_slot: 0 })
                    .collect()
            },
        })
        .collect();
    let mut terminals = BTreeSet::new();
    let mut ports = BTreeSet::new();
    let mut slots: BTreeMap<(&str, &str, i32, u32), BTreeSet<u32>> = BTreeMap::new();
    for (lightpath, path) in paths(plan) {
        for (index, segment) in path.segments.iter().enumerate() {
            let last = index + 1 == path.segments.len();
            for (port, terminal) in [(&segment.tx, index == 0), (&segment.rx, last)] {
                if terminal {
                    terminals.insert((lightpath.id.as_str(), port));
                }
                ports.insert(port);
                slots.entry((&port.node, &port.bank, segment.n, segment.m)).or_default().insert(port.port);
            }
            if !last && let Some(&node) = position.get(segment.rx.node.as_str()) {
                list[node].regenerators += 1;
            }
            // A hop's far end is passed through unless it is the segment's last.
            for hop in segment.hops.iter().rev().skip(1) {
                let far = links.get(hop.link.as_str()).map(|link| match hop.direction {
                    Direction::Ab => link.b.as_str(),
                    Direction::Ba => link.a.as_str(),
                });
                if let Some(&node) = far.and_then(|far| position.get(far)) {
                    list[node].express += 1;
                }
            }
        }
    }
    for (_, port) in terminals {
        if let Some(&node) = position.get(port.node.as_str()) {
            list[node].transponders += 1;
        }
    }
    for port in ports {
        let bank = position
            .get(port.node.as_str())
            .and_then(|&node| list[node].banks.iter_mut().find(|bank| bank.bank == port.bank));
        if let Some(bank) = bank {
            bank.used += 1;
        }
    }
    for ((node, bank, _, _), times) in slots {
        let found =
            position.get(node).and_then(|&node| list[node].banks.iter_mut().find(|own| own.bank == bank));
        if let Some(found) = found {
            found.same_slot = found.same_slot.max(count(times.len()));
        }
    }
    list
}

/// The units that spectrum is counted in on a grid: channels where it is fixed, slices elsewhere.
fn units(plan: &Plan, n: i32, m: u32) -> std::ops::Range<usize> {
    let m = m.cast_signed();
    let low = usize::try_from(n.saturating_sub(m).saturating_sub(plan.grid.n_min)).unwrap_or(0);
    let high = usize::try_from(n.saturating_add(m).saturating_sub(plan.grid.n_min)).unwrap_or(0);
    match plan.grid.channel_m() {
        Some(width) if width > 0 => {
            let slices = 2 * width as usize;
            low / slices..high.div_ceil(slices)
        }
        _ => low..high,
    }
}
