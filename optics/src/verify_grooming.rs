//! The independent checker of groomings: which rules a report breaks, whoever made it. It shares no code with the
//! packer and reads the documents themselves.
//!
//! | rules | hold that |
//! |---|---|
//! | `SERVICE_LOST`, `SERVICE_TWICE`, `SERVICE_UNKNOWN` | every service is in exactly one place: a lightpath, a groomout or a leftover, of its own demand |
//! | `GROOMOUT_TYPE`, `GROOMOUT_CLIENTS`, `GROOMOUT_RATE` | a line has clients below 10 Gb/s, at most 16, at most 10 Gb/s together, and says their sum |
//! | `LIGHTPATH_TYPE`, `LIGHTPATH_CLIENTS`, `LIGHTPATH_RATE` | a TP1H has one 100GE service, an MP1H up to ten 10G clients, and each says their sum |
//! | `GROOMOUT_LOST`, `GROOMOUT_TWICE`, `GROOMOUT_UNKNOWN` | every groomout is in exactly one lightpath or leftover of its own demand |
//! | `LEFTOVER`, `THRESHOLD` | only the last container of a demand is left over, and just if it is filled below the threshold |
//! | `CARD_PLACE`, `CARD_MISSING`, `CARD_CLIENTS`, `CARD_UNKNOWN` | every lightpath and groomout has its card at both ends, in slots of its own; a card carries what it can |
//! | `SPLIT_SERVICE`, `SPLIT_CHAIN`, `SPLIT_CONDITIONS` | every service is in one packed demand, whole or as pieces that lead from end to end of its own demand, and keeps type, protection and conditions |
//! | `MATRIX`, `CONNECTION` | demands of a cluster's matrix stay in it; connections are runs of links between the ends of their demand, and list who rides |
//! | `REQUEST` | there is one request for each lightpath, with its ends, rate, protection and clients |
//! | `RATE_SHARES` | a demand given by a rate gets lightpaths for all of it |
//! | `TABLE`, `SUMMARY` | the table and the key figures say what the rest says |

mod cards;
mod figures;
pub mod manual;
mod splitting;

use std::collections::{BTreeMap, BTreeSet};

use crate::grooming::{
    GroomedLightpath, GroomingMode, GroomingReport, Groomout, LIGHTPATH_GBPS, LINE_CLIENTS, LINE_GBPS,
    LINE_RATES_GBPS, LightpathKind,
};
use crate::topology::Topology;
use crate::traffic::{Demand, ServiceType, TrafficMatrix};
use crate::violation::Violation;

/// Rates are sums of numbers with six decimals: what differs by less is the same.
const TOLERANCE_GBPS: f64 = 1e-6;
/// Most violations listed.
const MOST: usize = 1_000;

/// Every rule that `report` breaks as a grooming of `traffic` on `topology`; none for a good one. Near-linear.
#[must_use]
pub fn verify_grooming(
    topology: &Topology,
    traffic: &TrafficMatrix,
    report: &GroomingReport,
) -> Vec<Violation> {
    if !LINE_RATES_GBPS.contains(&report.line_rate_gbps) {
        return vec![Violation {
            rule: "LIGHTPATH_RATE".to_owned(),
            subject: "line_rate_gbps".to_owned(),
            detail: format!("{} is none of {LINE_RATES_GBPS:?}", report.line_rate_gbps),
        }];
    }
    let packed = report.packed(traffic);
    let case = Case::new(&packed, traffic, report);
    let mut found = Found::default();
    splitting::check(&case, topology, &mut found);
    case.check_services(&mut found);
    case.check_groomouts(&mut found);
    case.check_lightpaths(&mut found);
    if report.mode != GroomingMode::Manual {
        case.check_containers(&mut found);
    }
    case.check_shares(&mut found);
    cards::check(&case, topology, &mut found);
    figures::check(&case, &mut found);
    found.0
}

#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, rule: &str, subject: &str, detail: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(Violation {
                rule: rule.to_owned(),
                subject: subject.to_owned(),
                detail: detail.into(),
            });
        }
    }
}

/// The documents, and what is needed to look things up in them.
struct Case<'a> {
    /// The demands that were packed.
    traffic: &'a TrafficMatrix,
    /// The demands as given.
    original: &'a TrafficMatrix,
    report: &'a GroomingReport,
    demands: BTreeMap<&'a str, &'a Demand>,
    /// Type and demand of each service.
    services: BTreeMap<&'a str, (ServiceType, &'a str)>,
    groomouts: BTreeMap<&'a str, &'a Groomout>,
    lightpaths: BTreeMap<&'a str, &'a GroomedLightpath>,
}

impl<'a> Case<'a> {
    fn new(traffic: &'a TrafficMatrix, original: &'a TrafficMatrix, report: &'a GroomingReport) -> Self {
        let mut services = BTreeMap::new();
        for demand in &traffic.demands {
            for group in &demand.services {
                services.extend(group.ids.iter().map(|id| (id.as_str(), (group.kind, demand.id.as_str()))));
            }
        }
        Self {
            traffic,
            original,
            report,
            demands: traffic.demands.iter().map(|demand| (demand.id.as_str(), demand)).collect(),
            services,
            groomouts: report.groomouts.iter().map(|groomout| (groomout.id.as_str(), groomout)).collect(),
            lightpaths: report
                .lightpaths
                .iter()
                .map(|lightpath| (lightpath.id.as_str(), lightpath))
                .collect(),
        }
    }

    /// What a lightpath of `kind` can carry in Gb/s.
    fn capacity_gbps(&self, kind: LightpathKind) -> f64 {
        match kind {
            LightpathKind::Tp1h => LIGHTPATH_GBPS,
            LightpathKind::TenGigabit => LINE_GBPS,
            LightpathKind::Mp1h | LightpathKind::Rate => f64::from(self.report.line_rate_gbps),
        }
    }

    /// Most 10G clients of an MP1H.
    fn container_clients(&self) -> usize {
        self.report.line_rate_gbps as usize / 10
    }

    /// The type of a service; 0 Gb/s count for an unknown one, which is reported elsewhere.
    fn kind(&self, service: &str) -> Option<ServiceType> {
        self.services.get(service).map(|(kind, _)| *kind)
    }

    fn rate(&self, service: &str) -> f64 {
        self.kind(service).map_or(0.0, ServiceType::rate_gbps)
    }

    /// Every mention of a service: which, by whom, for which demand.
    fn mentions(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> + use<'a> {
        let report = self.report;
        let in_lightpaths = report.lightpaths.iter().flat_map(|holder| {
            holder.services.iter().map(|id| (id.as_str(), holder.id.as_str(), holder.demand.as_str()))
        });
        let in_groomouts = report.groomouts.iter().flat_map(|holder| {
            holder.services.iter().map(|id| (id.as_str(), holder.id.as_str(), holder.demand.as_str()))
        });
        let left = report.leftovers.iter().flat_map(|holder| {
            let ids = holder.services.iter().flat_map(|group| &group.ids);
            ids.map(|id| (id.as_str(), "the leftovers", holder.demand.as_str()))
        });
        in_lightpaths.chain(in_groomouts).chain(left)
    }

    fn check_services(&self, found: &mut Found) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (service, holder, demand) in self.mentions() {
            match self.services.get(service) {
                None => found.add("SERVICE_UNKNOWN", service, format!("{holder} has it, no demand does")),
                Some((_, own)) if *own != demand => found.add(
                    "SERVICE_UNKNOWN",
                    service,
                    format!("{holder} has it for demand {demand}; it belongs to {own}"),
                ),
                Some(_) => {}
            }
            if let Some(other) = seen.insert(service, holder) {
                found.add("SERVICE_TWICE", service, format!("is in {other} and in {holder}"));
            }
        }
        for (service, (_, demand)) in &self.services {
            if !seen.contains_key(service) {
                found.add("SERVICE_LOST", service, format!("of demand {demand} is nowhere"));
            }
        }
        for leftover in &self.report.leftovers {
            for group in &leftover.services {
                for id in group.ids.iter().filter(|id| self.kind(id).is_some_and(|kind| kind != group.kind)) {
                    found.add(
                        "SERVICE_UNKNOWN",
                        id,
                        format!("is listed as {:?}, which it is not", group.kind),
                    );
                }
            }
        }
    }

    fn check_groomouts(&self, found: &mut Found) {
        if self.groomouts.len() != self.report.groomouts.len() {
            found.add("GROOMOUT_TWICE", "groomouts", "two have the same id");
        }
        for groomout in &self.report.groomouts {
            let id = &groomout.id;
            for service in &groomout.services {
                if self.rate(service) > LINE_GBPS - TOLERANCE_GBPS {
                    found.add(
                        "GROOMOUT_TYPE",
                        id,
                        format!("service {service} is too large for a line's client"),
                    );
                }
            }
            if groomout.services.is_empty() || groomout.services.len() > LINE_CLIENTS {
                let clients = groomout.services.len();
                found.add(
                    "GROOMOUT_CLIENTS",
                    id,
                    format!("{clients} clients, a line takes 1 to {LINE_CLIENTS}"),
                );
            }
            let rate: f64 = groomout.services.iter().map(|service| self.rate(service)).sum();
            if rate > LINE_GBPS + TOLERANCE_GBPS || !same(rate, groomout.rate_gbps) {
                let says = groomout.rate_gbps;
                found.add(
                    "GROOMOUT_RATE",
                    id,
                    format!("says {says} Gb/s, carries {rate} of {LINE_GBPS} possible"),
                );
            }
        }
        self.check_groomouts_have_one_place(found);
    }

    fn check_groomouts_have_one_place(&self, found: &mut Found) {
        let in_lightpaths = self.report.lightpaths.iter().flat_map(|holder| {
            holder.groomouts.iter().map(|id| (id.as_str(), Some(holder.id.as_str()), &holder.demand))
        });
        let left = self
            .report
            .leftovers
            .iter()
            .flat_map(|holder| holder.groomouts.iter().map(|id| (id.as_str(), None, &holder.demand)));
        let mut seen = BTreeSet::new();
        for (id, lightpath, demand) in in_lightpaths.chain(left) {
            match self.groomouts.get(id) {
                None => found.add("GROOMOUT_UNKNOWN", id, "is carried, but there is no such groomout"),
                Some(groomout)
                    if groomout.demand != *demand || groomout.lightpath.as_deref() != lightpath =>
                {
                    found.add(
                        "GROOMOUT_UNKNOWN",
                        id,
                        format!(
                            "of demand {} says it is in {:?}; {:?} of demand {demand} has it",
                            groomout.demand, groomout.lightpath, lightpath
                        ),
                    );
                }
                Some(_) => {}
            }
            if !seen.insert(id) {
                found.add("GROOMOUT_TWICE", id, "has two places");
            }
        }
        for id in self.groomouts.keys().filter(|id| !seen.contains(*id)) {
            found.add("GROOMOUT_LOST", id, "is in no lightpath and not left over");
        }
    }

    fn check_lightpaths(&self, found: &mut Found) {
        if self.lightpaths.len() != self.report.lightpaths.len() {
            found.add("LIGHTPATH_CLIENTS", "lightpaths", "two have the same id");
        }
        for lightpath in &self.report.lightpaths {
            let id = &lightpath.id;
            let clients = lightpath.services.len() + lightpath.groomouts.len();
            let (most, client_gbps) = match lightpath.kind {
                LightpathKind::Tp1h => (1, LIGHTPATH_GBPS),
                LightpathKind::Mp1h => (self.container_clients(), LINE_GBPS),
                LightpathKind::TenGigabit => (1, LINE_GBPS),
                LightpathKind::Rate => continue,
            };
            if clients == 0 || clients > most {
                found.add("LIGHTPATH_CLIENTS", id, format!("{clients} clients, it takes 1 to {most}"));
            }
            for service in &lightpath.services {
                if !same(self.rate(service), client_gbps) {
                    found.add("LIGHTPATH_TYPE", id, format!("service {service} is no {client_gbps}G client"));
                }
            }
            if lightpath.kind == LightpathKind::Tp1h && !lightpath.groomouts.is_empty() {
                found.add("LIGHTPATH_TYPE", id, "a TP1H takes no groomout");
            }
            let rate = self.clients_gbps(&lightpath.services, &lightpath.groomouts);
            let most = self.capacity_gbps(lightpath.kind);
            if rate > most + TOLERANCE_GBPS || !same(rate, lightpath.rate_gbps) {
                let says = lightpath.rate_gbps;
                found.add("LIGHTPATH_RATE", id, format!("says {says} Gb/s, carries {rate}"));
            }
        }
    }

    fn clients_gbps(&self, services: &[String], groomouts: &[String]) -> f64 {
        let services = services.iter().map(|service| self.rate(service)).sum::<f64>();
        let groomout =
            |id: &String| self.groomouts.get(id.as_str()).map_or(0.0, |groomout| groomout.rate_gbps);
        services + groomouts.iter().map(groomout).sum::<f64>()
    }

    /// The containers of a demand are as few as can be; the last one is lit exactly if it reaches the threshold.
    fn check_containers(&self, found: &mut Found) {
        let threshold = self.report.threshold_gbps;
        let mut lit: BTreeMap<&str, Vec<&GroomedLightpath>> = BTreeMap::new();
        for lightpath in self.report.lightpaths.iter().filter(|l| l.kind == LightpathKind::Mp1h) {
            lit.entry(&lightpath.demand).or_default().push(lightpath);
        }
        let mut left = BTreeSet::new();
        for leftover in &self.report.leftovers {
            let id = &leftover.demand;
            let ids = || leftover.services.iter().flat_map(|group| &group.ids);
            let clients = ids().count() + leftover.groomouts.len();
            if clients == 0 || clients > self.container_clients() || !left.insert(id.as_str()) {
                found.add(
                    "LEFTOVER",
                    id,
                    format!("{clients} clients in a leftover, or more than one of them"),
                );
            }
            for service in ids().filter(|service| !same(self.rate(service), LINE_GBPS)) {
                found.add("LEFTOVER", id, format!("service {service} is no 10G client"));
            }
            let services: Vec<String> = ids().cloned().collect();
            let rate = self.clients_gbps(&services, &leftover.groomouts);
            if !same(rate, leftover.rate_gbps) {
                found.add("LEFTOVER", id, format!("says {} Gb/s, is {rate}", leftover.rate_gbps));
            }
            if rate >= threshold + TOLERANCE_GBPS {
                found.add(
                    "THRESHOLD",
                    id,
                    format!("{rate} Gb/s are left over, the threshold is {threshold}"),
                );
            }
        }
        for (demand, lit) in &lit {
            let clients: usize = lit.iter().map(|l| l.services.len() + l.groomouts.len()).sum();
            let full = left.contains(demand);
            if full && clients != lit.len() * self.container_clients() {
                found.add("LEFTOVER", demand, "clients are left over beside a container with room");
            }
            if clients.div_ceil(self.container_clients()) != lit.len() {
                found.add("LEFTOVER", demand, format!("{clients} clients in {} containers", lit.len()));
            }
            // Filled in order, only the last is compared; spread evenly, all of them have reached it where that one has.
            let compared = if full { &[] } else { &lit[lit.len() - 1..] };
            for lightpath in compared.iter().filter(|l| l.rate_gbps < threshold - TOLERANCE_GBPS) {
                let rate = lightpath.rate_gbps;
                found.add(
                    "THRESHOLD",
                    &lightpath.id,
                    format!("lit with {rate} Gb/s, the threshold is {threshold}"),
                );
            }
        }
    }

    fn check_shares(&self, found: &mut Found) {
        let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
        for lightpath in self.report.lightpaths.iter().filter(|l| l.kind == LightpathKind::Rate) {
            *shares.entry(&lightpath.demand).or_default() += lightpath.rate_gbps;
            if lightpath.rate_gbps <= 0.0
                || lightpath.rate_gbps > self.capacity_gbps(lightpath.kind) + TOLERANCE_GBPS
            {
                found.add("RATE_SHARES", &lightpath.id, format!("carries {} Gb/s", lightpath.rate_gbps));
            }
            if !lightpath.services.is_empty()
                || !lightpath.groomouts.is_empty()
                || !lightpath.cards.is_empty()
            {
                found.add("RATE_SHARES", &lightpath.id, "a share of a rate has no clients and no cards");
            }
        }
        for demand in &self.traffic.demands {
            let asked = demand.rate_ab_gbps.unwrap_or(0.0).max(demand.rate_ba_gbps.unwrap_or(0.0));
            let given = shares.remove(demand.id.as_str()).unwrap_or(0.0);
            if (asked - given).abs() > TOLERANCE_GBPS * asked.max(1.0) {
                found.add("RATE_SHARES", &demand.id, format!("{asked} Gb/s asked for, {given} given"));
            }
        }
        for demand in shares.keys() {
            found.add("RATE_SHARES", demand, "no such demand");
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE_GBPS
}
