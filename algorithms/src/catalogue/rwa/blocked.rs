//! Why a request found no place, with evidence that can be checked against the plan.

use std::collections::VecDeque;

use optics::plan::BlockedReason;

use super::instance::UNLIMITED;
use super::layers::{CLOSED, FREE, Layers, Prices};
use super::task::Task;

/// The reason, from what is lit: ports, then add/drop, then spectrum.
pub fn reason(task: &Task, layers: &Layers<'_>, request: u32) -> BlockedReason {
    let own = &task.instance.requests[request as usize];
    for node in [own.a, own.b] {
        if let Some(reason) = no_port(task, layers, node) {
            return reason;
        }
    }
    for node in [own.a, own.b] {
        if let Some(reason) = no_slot(task, layers, node) {
            return reason;
        }
    }
    no_spectrum(task, layers, request)
}

/// All ports of the node are in use.
fn no_port(task: &Task, layers: &Layers<'_>, node: usize) -> Option<BlockedReason> {
    let instance = &task.instance;
    let own = instance.banks_of[node].clone();
    let ports = instance.banks[own.clone()].iter().fold(0_u32, |sum, bank| sum.saturating_add(bank.ports));
    let used: usize = own.map(|bank| layers.residents_of_bank(bank).len()).sum();
    let full = ports != UNLIMITED && used >= ports as usize;
    full.then(|| BlockedReason::Ports { node: task.network.nodes[node].id.clone(), ports })
}

/// No channel can be added at the node over any link.
fn no_slot(task: &Task, layers: &Layers<'_>, node: usize) -> Option<BlockedReason> {
    let instance = &task.instance;
    let prices = Prices::new(instance.requests.len());
    if layers.count() < instance.channels {
        return None;
    }
    let links = || instance.adjacency[node].iter().map(|arc| arc.link);
    let ends = |layer: usize| links().any(|link| layers.can_end(node, link, layer, &prices));
    if (0..layers.count()).any(ends) {
        return None;
    }
    let mut banks = instance.banks_of[node].clone();
    let (bank, holders) = banks.find_map(|bank| {
        let holders = layers.residents_of_bank(bank);
        (!holders.is_empty()).then_some((bank, holders))
    })?;
    let site = &task.network.nodes[node];
    let id = |&request: &u32| task.requests[instance.origin[request as usize]].id.clone();
    Some(BlockedReason::AddDrop {
        node: site.id.clone(),
        bank: site.banks[instance.banks[bank].place].id.clone(),
        holders: holders.iter().map(id).collect(),
    })
}

/// The links that part the ends and have too little left for the request; none of them where only continuity fails.
fn no_spectrum(task: &Task, layers: &Layers<'_>, request: u32) -> BlockedReason {
    let instance = &task.instance;
    let own = &instance.requests[request as usize];
    let need = u32::try_from(own.pairing.routes()).expect("one or two");
    let use_of: Vec<(u32, u32)> = (0..instance.links.len()).map(|link| load(layers, link)).collect();
    let mut cut = Vec::new();
    // Ford and Fulkerson with what is left of each link; what cannot be reached in the end lies behind the cut.
    let mut left: Vec<[u32; 2]> = use_of.iter().map(|(used, all)| [(all - used).min(need); 2]).collect();
    let mut sent = 0;
    while sent < need {
        let (reached, route) = augmenting(task, own.a, own.b, &left);
        let Some(route) = route else {
            cut = (0..instance.links.len())
                .filter(|&link| reached[instance.links[link].a] != reached[instance.links[link].b])
                .collect();
            break;
        };
        for (link, direction) in route {
            left[link][direction] -= 1;
            left[link][1 - direction] += 1;
        }
        sent += 1;
    }
    let room = |links: &[usize]| links.iter().map(|&link| use_of[link].1 - use_of[link].0).sum::<u32>();
    if room(&cut) >= need {
        cut.clear(); // what parts them is a node that lets nothing pass, not want of channels
    }
    BlockedReason::NoSpectrum {
        load: cut.iter().map(|&link| use_of[link].0).sum(),
        capacity: cut.iter().map(|&link| use_of[link].1).sum(),
        not_continuous: cut.is_empty(),
        cut: cut.into_iter().map(|link| task.network.links[link].id.clone()).collect(),
    }
}

/// Channels in use on a link, and those it has, over all its fibres.
fn load(layers: &Layers<'_>, link: usize) -> (u32, u32) {
    let instance = layers.instance;
    let own = instance.links[link];
    let (mut used, mut all) = (0, 0);
    for fibre in own.first..own.first + own.fibres {
        let closed: usize = instance.closed[fibre].iter().map(|word| word.count_ones() as usize).sum();
        all += u32::try_from(instance.channels - closed).expect("channels are at most 1000");
        for layer in 0..layers.count() {
            used += u32::from(!matches!(layers.owner(layer, fibre), FREE | CLOSED));
        }
    }
    (used, all)
}

/// A route with something left on every link, as (link, direction), and the nodes that were reached.
#[allow(clippy::type_complexity)] // a pair of what a search gives
fn augmenting(
    task: &Task,
    a: usize,
    b: usize,
    left: &[[u32; 2]],
) -> (Vec<bool>, Option<Vec<(usize, usize)>>) {
    let instance = &task.instance;
    let mut by: Vec<Option<(usize, usize, usize)>> = vec![None; instance.nodes];
    let mut reached = vec![false; instance.nodes];
    reached[a] = true;
    let mut queue = VecDeque::from([a]);
    while let Some(node) = queue.pop_front() {
        if node != a && !instance.transit[node] {
            continue;
        }
        for arc in &instance.adjacency[node] {
            let direction = usize::from(instance.links[arc.link].a != node);
            if !reached[arc.node] && left[arc.link][direction] > 0 {
                reached[arc.node] = true;
                by[arc.node] = Some((node, arc.link, direction));
                queue.push_back(arc.node);
            }
        }
    }
    if !reached[b] {
        return (reached, None);
    }
    let mut route = Vec::new();
    let mut at = b;
    while let Some((from, link, direction)) = by[at] {
        route.push((link, direction));
        at = from;
    }
    (reached, Some(route))
}
