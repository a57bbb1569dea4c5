//! Grooms one demand: clients below 10 Gb/s into lines, lines onto MP2X cards, 10G clients into containers.

use std::cmp::{Ordering, Reverse};

use optics::grooming::{Fill, LINE_CLIENTS};
use optics::traffic::{Demand, ServiceType};
use serde::{Deserialize, Serialize};

use super::lines::{self, Kind, LINE_KBPS};
use crate::control::Control;
use crate::error::AlgorithmError;

/// How demands are packed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packing {
    /// What a muxponder puts on the line, in Gb/s.
    pub line_rate_gbps: u32,
    /// Least filling of a last container in Gb/s.
    pub threshold_gbps: f64,
    /// How clients are spread over containers.
    pub fill: Fill,
}

impl Packing {
    /// 10G clients of a container.
    pub fn clients(&self) -> usize {
        (self.line_rate_gbps / 10) as usize
    }
}

/// What becomes of the services of one demand. Ids of services, positions of lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroomedDemand {
    /// 100GE services: a lightpath each.
    pub transparent: Vec<String>,
    /// Ids of their lightpaths where somebody gave them some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transparent_ids: Vec<String>,
    /// Rates of lightpaths of a demand without services, in Gb/s.
    pub shares_gbps: Vec<f64>,
    /// The services of each 10G line.
    pub lines: Vec<Line>,
    /// Lines that any packing needs.
    pub lines_at_least: u32,
    /// MP2X cards: the positions of their one or two lines.
    pub cards: Vec<Vec<usize>>,
    /// What MP1H carry.
    pub containers: Vec<Container>,
}

/// A 10G line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its services.
    pub services: Vec<String>,
    /// Their rates together, in kb/s.
    pub kbps: u64,
    /// Its id where somebody gave it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// 10G clients of a line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Services among them.
    pub services: Vec<String>,
    /// Positions of the lines among them.
    pub lines: Vec<usize>,
    /// Their rates together, in kb/s.
    pub kbps: u64,
    /// Whether it becomes a lightpath.
    pub lit: bool,
    /// The id of that where somebody gave it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether its one client has a 10G wavelength of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_its_own: bool,
}

impl GroomedDemand {
    /// Services that no lightpath carries.
    pub fn left(&self) -> Vec<String> {
        let unlit = self.containers.iter().filter(|container| !container.lit);
        unlit
            .flat_map(|container| {
                let lines = container.lines.iter().flat_map(|&line| &self.lines[line].services);
                container.services.iter().chain(lines).cloned()
            })
            .collect()
    }
}

/// Whether a service of this type is a lightpath on its own.
pub fn is_direct_lightpath(kind: ServiceType) -> bool {
    kbps(kind) > LINE_KBPS
}

/// Rates are whole numbers of kb/s, so that sums are exact and no order of adding matters.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from the table of service types
pub fn kbps(kind: ServiceType) -> u64 {
    (kind.rate_gbps() * 1e6).round() as u64
}

/// kb/s in Gb/s: the double nearest to the decimal number.
pub fn gbps(kbps: u64) -> f64 {
    kbps as f64 / 1e6
}

/// Grooms `demand`; containers filled below the threshold stay unlit where [`Fill`] says they are compared.
pub fn groom(demand: &Demand, packing: &Packing, control: &Control) -> Result<GroomedDemand, AlgorithmError> {
    let mut groomed = unpacked(demand, packing.line_rate_gbps);
    let mut direct = Vec::new();
    let mut low: Vec<(u64, Vec<&str>)> = Vec::new();
    for group in &demand.services {
        let rate = kbps(group.kind);
        let ids = group.ids.iter();
        match rate.cmp(&LINE_KBPS) {
            Ordering::Greater => groomed.transparent.extend(ids.cloned()),
            Ordering::Equal => direct.extend(ids.cloned()),
            Ordering::Less => {
                let at = low.iter().position(|(kbps, _)| *kbps == rate).unwrap_or_else(|| {
                    low.push((rate, Vec::new()));
                    low.len() - 1
                });
                low[at].1.extend(ids.map(String::as_str));
            }
        }
    }
    pack_lines(&low, &mut groomed, control)?;
    groomed.cards = pair(&groomed.lines);
    groomed.containers = contain(direct, &groomed.lines, packing);
    Ok(groomed)
}

/// A demand whose services are nowhere yet; what it asks for by a rate has its lightpaths.
pub fn unpacked(demand: &Demand, line_rate_gbps: u32) -> GroomedDemand {
    GroomedDemand { shares_gbps: shares(demand, f64::from(line_rate_gbps)), ..GroomedDemand::default() }
}

/// A lightpath runs both ways, so a demand that is given by rates asks for the larger one; 0 for one with services.
pub fn largest_rate_gbps(demand: &Demand) -> f64 {
    demand.rate_ab_gbps.unwrap_or(0.0).max(demand.rate_ba_gbps.unwrap_or(0.0))
}

/// Lightpaths of a rate: full but for the last.
fn shares(demand: &Demand, line_rate_gbps: f64) -> Vec<f64> {
    let mut shares = Vec::new();
    let mut left = largest_rate_gbps(demand);
    while left > 0.0 {
        shares.push(left.min(line_rate_gbps));
        left -= line_rate_gbps;
    }
    shares
}

fn pack_lines(
    low: &[(u64, Vec<&str>)],
    groomed: &mut GroomedDemand,
    control: &Control,
) -> Result<(), AlgorithmError> {
    let kinds: Vec<Kind> = low
        .iter()
        .map(|(kbps, ids)| Kind { kbps: *kbps, count: u32::try_from(ids.len()).unwrap_or(u32::MAX) })
        .collect();
    let mut packing = lines::pack(&kinds, control)?;
    groomed.lines_at_least = packing.at_least;
    let rate =
        |line: &[u32]| -> u64 { line.iter().zip(&kinds).map(|(&n, kind)| u64::from(n) * kind.kbps).sum() };
    packing.lines.sort_by_key(|line| Reverse(rate(line)));
    let mut next = vec![0; kinds.len()];
    for line in &packing.lines {
        let mut services = Vec::new();
        for (k, &n) in line.iter().enumerate() {
            let until = next[k] + n as usize;
            services.extend(low[k].1[next[k]..until].iter().map(|&id| id.to_owned()));
            next[k] = until;
        }
        groomed.lines.push(Line { services, kbps: rate(line), id: None });
    }
    Ok(())
}

/// Pairs the lines on as few MP2X as possible: two share a card if they have at most 16 clients together. The line with
/// the fewest clients goes with the one with the most that still leaves it room; no pairing needs fewer cards.
pub fn pair(lines: &[Line]) -> Vec<Vec<usize>> {
    let mut by_clients: Vec<usize> = (0..lines.len()).collect();
    by_clients.sort_by_key(|&line| lines[line].services.len());
    let mut cards = Vec::new();
    let mut fewest = 0;
    let mut most = by_clients.len();
    while fewest < most {
        most -= 1;
        let large = by_clients[most];
        let mut card = vec![large];
        if fewest < most {
            let small = by_clients[fewest];
            if lines[small].services.len() + lines[large].services.len() <= LINE_CLIENTS {
                card.push(small);
                fewest += 1;
            }
        }
        card.sort_unstable();
        cards.push(card);
    }
    cards.sort_unstable();
    cards
}

/// One client of a container.
enum Client {
    Service(String),
    Line(usize),
}

fn contain(direct: Vec<String>, lines: &[Line], packing: &Packing) -> Vec<Container> {
    let most = packing.clients();
    let clients: Vec<(Client, u64)> = direct
        .into_iter()
        .map(|id| (Client::Service(id), LINE_KBPS))
        .chain(lines.iter().enumerate().map(|(i, line)| (Client::Line(i), line.kbps)))
        .collect();
    let full_enough = |kbps: u64| gbps(kbps) >= packing.threshold_gbps;
    let count = clients.len().div_ceil(most);
    let rates: Vec<u64> = clients.iter().map(|(_, kbps)| *kbps).collect();
    let spread = spread_evenly(&rates, count);
    let balanced = packing.fill == Fill::Balanced && spread.1.iter().all(|&kbps| full_enough(kbps));
    let mut containers = vec![Container { lit: true, ..Container::default() }; count];
    for (i, (client, kbps)) in clients.into_iter().enumerate() {
        let container = &mut containers[if balanced { spread.0[i] } else { i / most }];
        container.kbps += kbps;
        match client {
            Client::Service(id) => container.services.push(id),
            Client::Line(line) => container.lines.push(line),
        }
    }
    if let Some(last) = containers.last_mut() {
        last.lit = full_enough(last.kbps);
    }
    containers
}

/// Largest first to the container with the fewest clients, of these to the emptiest: numbers of clients differ by at
/// most one. Gives the container of each client and the rate of each container.
fn spread_evenly(rates: &[u64], containers: usize) -> (Vec<usize>, Vec<u64>) {
    let mut largest_first: Vec<usize> = (0..rates.len()).collect();
    largest_first.sort_by_key(|&client| Reverse(rates[client]));
    let mut filled = vec![(0_usize, 0_u64); containers];
    let mut place = vec![0; rates.len()];
    for client in largest_first {
        let at = (0..containers).min_by_key(|&container| filled[container]).unwrap_or(0);
        filled[at].0 += 1;
        filled[at].1 += rates[client];
        place[client] = at;
    }
    (place, filled.into_iter().map(|(_, kbps)| kbps).collect())
}
