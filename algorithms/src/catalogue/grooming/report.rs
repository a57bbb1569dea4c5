//! Makes the report of what was groomed: ids, cards in their places, requests, figures.

use optics::grooming::{
    CardKind, GroomedLightpath, GroomingReport, GroomingSummary, Groomout, LIGHTPATH_GBPS, LINE_GBPS,
    Leftover, LightpathKind, LineBound, NodeShelves,
};
use optics::request::LightpathRequest;
use optics::traffic::{Demand, ServiceGroup};

use super::demand::{Container, GroomedDemand, gbps};
use super::derived::Derived;
use super::shelves::{self, Pair};
use super::{GroomingInputs, GroomingParams, table};

/// What was packed, and how.
#[derive(Clone, Debug)]
pub struct Packed<'a> {
    /// Sub-matrices, where services were moved into some.
    pub derived: Option<&'a Derived>,
    /// An entry for each demand that was packed, in order.
    pub groomed: &'a [GroomedDemand],
}

/// The report of what was packed.
pub fn assemble(inputs: &GroomingInputs, params: &GroomingParams, packed: &Packed<'_>) -> GroomingReport {
    let mut draft = Draft { line_rate_gbps: f64::from(params.line_rate_gbps), ..Draft::default() };
    let demands: Vec<&Demand> = match packed.derived {
        Some(derived) => derived.demands().collect(),
        None => inputs.traffic.demands.iter().collect(),
    };
    for (demand, groomed) in demands.iter().zip(packed.groomed) {
        draft.add(demand, groomed);
    }
    let (nodes, ids) = shelves::place(&inputs.topology, &draft.pairs);
    for (lightpath, pair) in &draft.lit_by {
        draft.lightpaths[*lightpath].cards = ids[*pair].to_vec();
    }
    for (groomout, pair) in draft.groomouts.iter_mut().zip(&draft.lined_by) {
        groomout.cards.clone_from(&ids[*pair]);
    }
    let packing = params.packing();
    let derived = packed.derived.cloned().unwrap_or_default();
    GroomingReport {
        topology: inputs.topology.name.clone(),
        traffic: inputs.traffic.name.clone(),
        mode: params.mode,
        line_rate_gbps: params.line_rate_gbps,
        threshold_gbps: packing.threshold_gbps,
        split_threshold_gbps: params.trial(!inputs.clusters.is_empty()).map(|trial| trial.threshold_gbps),
        fill: params.fill,
        clusters: if packed.derived.is_some() { inputs.clusters.clone() } else { Vec::new() },
        summary: summarise(inputs, &demands, packed, &draft, &nodes),
        table: table::rows(&inputs.traffic, &derived),
        requests: draft.requests,
        lightpaths: draft.lightpaths,
        groomouts: draft.groomouts,
        leftovers: draft.leftovers,
        nodes,
        matrices: derived.matrices,
        mapping: derived.mapping,
        connections: derived.connections,
    }
}

#[derive(Default)]
struct Draft<'a> {
    line_rate_gbps: f64,
    requests: Vec<LightpathRequest>,
    lightpaths: Vec<GroomedLightpath>,
    groomouts: Vec<Groomout>,
    leftovers: Vec<Leftover>,
    /// Cards to be placed.
    pairs: Vec<Pair<'a>>,
    /// Which lightpath has which pair.
    lit_by: Vec<(usize, usize)>,
    /// The pair of each groomout.
    lined_by: Vec<usize>,
}

impl<'a> Draft<'a> {
    fn add(&mut self, demand: &'a Demand, groomed: &GroomedDemand) {
        let first_groomout = self.groomouts.len();
        self.add_groomouts(demand, groomed);
        let mut number = 0;
        let mut next_id = || {
            number += 1;
            format!("{}-lp{number}", demand.id)
        };
        for &rate in &groomed.shares_gbps {
            self.light(demand, next_id(), LightpathKind::Rate, rate, &[], &[]);
        }
        for (i, service) in groomed.transparent.iter().enumerate() {
            let services = std::slice::from_ref(service);
            let id = groomed.transparent_ids.get(i).cloned().unwrap_or_else(&mut next_id);
            self.light(demand, id, LightpathKind::Tp1h, LIGHTPATH_GBPS, services, &[]);
        }
        for container in &groomed.containers {
            let lines = || container.lines.iter().map(|line| first_groomout + line);
            let groomouts: Vec<String> = lines().map(|line| self.groomouts[line].id.clone()).collect();
            if !container.lit {
                self.leave(demand, container, groomouts);
                continue;
            }
            let id = container.id.clone().unwrap_or_else(&mut next_id);
            for line in lines() {
                self.groomouts[line].lightpath = Some(id.clone());
            }
            let rate = gbps(container.kbps);
            let kind = if container.on_its_own { LightpathKind::TenGigabit } else { LightpathKind::Mp1h };
            self.light(demand, id, kind, rate, &container.services, &groomouts);
        }
    }

    fn add_groomouts(&mut self, demand: &'a Demand, groomed: &GroomedDemand) {
        let id = |line: usize| {
            groomed.lines[line].id.clone().unwrap_or_else(|| format!("{}-g{}", demand.id, line + 1))
        };
        let mut card_and_line = vec![(0, 1); groomed.lines.len()];
        for card in &groomed.cards {
            for (number, &line) in (1..).zip(card) {
                card_and_line[line] = (self.pairs.len(), number);
            }
            self.pair(demand, CardKind::Mp2x, card.iter().map(|&line| id(line)).collect());
        }
        for (i, (line, (pair, number))) in groomed.lines.iter().zip(card_and_line).enumerate() {
            self.lined_by.push(pair);
            self.groomouts.push(Groomout {
                id: id(i),
                demand: demand.id.clone(),
                services: line.services.clone(),
                rate_gbps: gbps(line.kbps),
                lightpath: None,
                cards: [String::new(), String::new()],
                line: number,
            });
        }
    }

    fn pair(&mut self, demand: &'a Demand, kind: CardKind, carries: Vec<String>) {
        self.pairs.push(Pair { kind, demand: &demand.id, ends: [&demand.a, &demand.b], carries });
    }

    fn light(
        &mut self,
        demand: &'a Demand,
        id: String,
        kind: LightpathKind,
        rate_gbps: f64,
        services: &[String],
        groomouts: &[String],
    ) {
        let card = match kind {
            LightpathKind::Tp1h => Some(CardKind::Tp1h),
            LightpathKind::Mp1h => Some(CardKind::Mp1h),
            LightpathKind::TenGigabit | LightpathKind::Rate => None,
        };
        if let Some(card) = card {
            self.lit_by.push((self.lightpaths.len(), self.pairs.len()));
            self.pair(demand, card, vec![id.clone()]);
        }
        self.requests.push(LightpathRequest {
            id: id.clone(),
            demand: demand.id.clone(),
            a: demand.a.clone(),
            b: demand.b.clone(),
            rate_gbps,
            capacity_gbps: match kind {
                LightpathKind::Tp1h => LIGHTPATH_GBPS,
                LightpathKind::TenGigabit => LINE_GBPS,
                LightpathKind::Mp1h | LightpathKind::Rate => self.line_rate_gbps,
            },
            priority: demand.priority,
            protection: demand.protection.clone(),
            restoration: demand.restoration,
            clients: services.iter().chain(groomouts).cloned().collect(),
        });
        self.lightpaths.push(GroomedLightpath {
            id,
            demand: demand.id.clone(),
            kind,
            services: services.to_vec(),
            groomouts: groomouts.to_vec(),
            rate_gbps,
            cards: Vec::new(),
        });
    }

    fn leave(&mut self, demand: &Demand, container: &Container, groomouts: Vec<String>) {
        let left: std::collections::BTreeSet<&String> = container.services.iter().collect();
        let services = demand
            .services
            .iter()
            .map(|group| ServiceGroup {
                kind: group.kind,
                ids: group.ids.iter().filter(|&id| left.contains(id)).cloned().collect(),
            })
            .filter(|group| !group.ids.is_empty())
            .collect();
        let rate_gbps = gbps(container.kbps);
        self.leftovers.push(Leftover { demand: demand.id.clone(), services, groomouts, rate_gbps });
    }
}

fn summarise(
    inputs: &GroomingInputs,
    packed_demands: &[&Demand],
    packed: &Packed<'_>,
    draft: &Draft<'_>,
    nodes: &[NodeShelves],
) -> GroomingSummary {
    let demands = &inputs.traffic.demands;
    let services = demands.iter().flat_map(|demand| &demand.services).map(|group| group.ids.len()).sum();
    // in kb/s, so that the sum is the decimal number people expect
    let rate_gbps =
        draft.lightpaths.iter().map(|lightpath| (lightpath.rate_gbps * 1e6).round()).sum::<f64>() / 1e6;
    let cards =
        |kind| count(nodes.iter().flat_map(|node| &node.cards).filter(|card| card.kind == kind).count());
    let lightpaths = draft.lightpaths.len();
    GroomingSummary {
        demands: count(demands.len()),
        services: count(services),
        lightpaths: count(lightpaths),
        lightpaths_100ge: count(draft.lightpaths.iter().filter(|l| l.kind == LightpathKind::Tp1h).count()),
        rate_gbps,
        mean_rate_gbps: if lightpaths == 0 { 0.0 } else { rate_gbps / lightpaths as f64 },
        groomouts: count(draft.groomouts.len()),
        leftover_services: count(
            draft.leftovers.iter().flat_map(|leftover| &leftover.services).map(|group| group.ids.len()).sum(),
        ),
        leftover_groomouts: count(draft.leftovers.iter().map(|leftover| leftover.groomouts.len()).sum()),
        mp2x: cards(CardKind::Mp2x),
        tp1h: cards(CardKind::Tp1h),
        mp1h: cards(CardKind::Mp1h),
        split_services: count(packed.derived.map_or(0, |derived| derived.mapping.len())),
        pieces: count(
            packed.derived.map_or(0, |derived| derived.mapping.iter().map(|split| split.pieces.len()).sum()),
        ),
        racks: nodes.iter().map(|node| node.racks).sum(),
        shelves: nodes.iter().map(|node| node.shelves).sum(),
        unproven: packed_demands
            .iter()
            .zip(packed.groomed)
            .filter(|(_, groomed)| count(groomed.lines.len()) > groomed.lines_at_least)
            .map(|(demand, groomed)| LineBound {
                demand: demand.id.clone(),
                lines: count(groomed.lines.len()),
                at_least: groomed.lines_at_least,
            })
            .collect(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
