//! A plan in indices as documents: lightpaths with hops, slots and ports; what is blocked, and why; bounds.

use optics::grid::Grid;
use optics::network::Network;
use optics::plan::{
    Blocked, Direction, Hop, Lightpath, LightpathPath, LightpathState, PathRole, Plan, Port,
    QualityOfTransmission, Segment,
};
use optics::report::PlanReport;

use super::blocked;
use super::bounds::Certificate;
use super::instance::Instance;
use super::layers::Layers;
use super::solution::{Solution, Stored};
use super::task::Task;

/// The report of `solution`, with the bounds that `certificates` prove of what it serves.
#[must_use]
pub fn assemble(task: &Task, solution: &Solution, certificates: &[Certificate]) -> PlanReport {
    let Task { topology, requests, network, instance } = task;
    let solution = lowest_channels(instance, solution);
    let layers = solution.layers(instance);
    let mut ports = Ports::new(instance);
    let mut lightpaths = Vec::new();
    for (request, stored) in solution.places.iter().enumerate() {
        if let Some(stored) = stored {
            lightpaths.push(lightpath(task, &layers, request, stored, &mut ports));
        }
    }
    lightpaths.sort_by_key(|(position, _)| *position);
    let mut why: Vec<_> = instance.unroutable.clone();
    for request in solution.unplaced() {
        let position = instance.origin[request as usize];
        why.push((position, blocked::reason(task, &layers, request)));
    }
    why.sort_by_key(|(position, _)| *position);
    let blocked = why
        .into_iter()
        .map(|(position, reason)| {
            let request = &requests[position];
            Blocked {
                request: request.id.clone(),
                ends: [request.a.clone(), request.b.clone()],
                rate_gbps: request.rate_gbps,
                priority: request.priority,
                reason,
            }
        })
        .collect();
    let served = |request: usize| solution.places[request].is_some();
    let bounds = certificates.iter().map(|own| own.bound(instance, network, requests, served));
    let plan = Plan {
        topology: topology.name.clone(),
        equipment: None,
        grid: network.grid.clone(),
        qot: QualityOfTransmission::None,
        lightpaths: lightpaths.into_iter().map(|(_, own)| own).collect(),
        blocked,
        violations: Vec::new(),
        bounds: bounds.filter(|bound| bound.value >= 1.0).collect(),
    };
    PlanReport::describe(topology, requests, plan)
}

/// The same plan with the fullest layers on the lowest channels, where all channels are alike.
fn lowest_channels(instance: &Instance, solution: &Solution) -> Solution {
    let mut solution = solution.clone();
    if instance.uniform {
        let layers = solution.layers(instance);
        let mut order: Vec<usize> = (0..layers.count()).collect();
        order.sort_by_key(|&layer| (std::cmp::Reverse(layers.used(layer)), layer));
        for (channel, layer) in (0..).zip(order) {
            solution.channels[layer] = channel;
        }
    }
    solution
}

/// The next free port of each bank.
struct Ports(Vec<u32>);

impl Ports {
    fn new(instance: &Instance) -> Self {
        Self(vec![0; instance.banks.len()])
    }

    fn take(&mut self, instance: &Instance, network: &Network, bank: u32) -> Port {
        let own = &instance.banks[bank as usize];
        let site = &network.nodes[own.node];
        let port = self.0[bank as usize];
        self.0[bank as usize] += 1;
        Port { node: site.id.clone(), bank: site.banks[own.place].id.clone(), port }
    }
}

fn lightpath(
    task: &Task,
    layers: &Layers<'_>,
    request: usize,
    Stored(layer, routes, banks): &Stored,
    ports: &mut Ports,
) -> (usize, Lightpath) {
    let Task { requests, network, instance, .. } = task;
    let position = instance.origin[request];
    let asked = &requests[position];
    let channel = layers.channel[*layer as usize];
    let slot = slot_of(&network.grid, channel);
    // A pair on one bank has one transponder behind one port.
    let mut taken: [Vec<(u32, Port)>; 2] = [Vec::new(), Vec::new()];
    let mut port = |end: usize, bank: u32| {
        if let Some((_, port)) = taken[end].iter().find(|own| own.0 == bank) {
            return port.clone();
        }
        let port = ports.take(instance, network, bank);
        taken[end].push((bank, port.clone()));
        port
    };
    let paths = routes
        .iter()
        .zip(banks)
        .zip([PathRole::Working, PathRole::Protection])
        .map(|((route, &[at_a, at_b]), role)| {
            let segment = Segment {
                hops: hops(instance, network, instance.requests[request].a, route),
                n: slot.0,
                m: slot.1,
                mode: None,
                tx: port(0, at_a),
                rx: port(1, at_b),
                gsnr_db_01nm: None,
                margin_db: None,
            };
            LightpathPath { role, scenario: None, segments: vec![segment] }
        })
        .collect();
    let carries = if asked.demand.is_empty() { asked.id.clone() } else { asked.demand.clone() };
    let lightpath = Lightpath {
        id: asked.id.clone(),
        carries: vec![carries],
        ends: [asked.a.clone(), asked.b.clone()],
        state: LightpathState::Planned,
        period: 0,
        capacity_gbps: asked.capacity_gbps,
        protection: asked.protection.clone(),
        paths,
    };
    (position, lightpath)
}

fn slot_of(grid: &Grid, channel: usize) -> (i32, u32) {
    let slot = u32::try_from(channel).ok().and_then(|channel| grid.channel(channel));
    slot.map(|slot| (slot.n, slot.m)).expect("layers are on channels of the grid")
}

fn hops(instance: &Instance, network: &Network, from: usize, route: &[u32]) -> Vec<Hop> {
    let mut at = from;
    let mut hops = Vec::with_capacity(route.len());
    for &fibre in route {
        let own = &network.fibres[fibre as usize];
        let link = instance.links[own.link];
        let (direction, next) = if link.a == at { (Direction::Ab, link.b) } else { (Direction::Ba, link.a) };
        hops.push(Hop { link: network.links[own.link].id.clone(), fibre: own.id.clone(), direction });
        at = next;
    }
    hops
}
