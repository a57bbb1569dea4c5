//! Turns a network and requests into the integer model.

use std::collections::{BTreeMap, VecDeque};

use optics::network::Network;
use optics::plan::BlockedReason;
use optics::request::LightpathRequest;
use optics::topology::{AddDropKind, Contention};
use optics::traffic::{Disjointness, Protection, ProtectionSource};

use super::disjoint::{Ends, RouteFinder};
use super::instance::{Arc, Bank, Instance, Link, Pairing, Request, Rule, UNLIMITED, UNREACHABLE};
use super::task::{RouteRules, TaskError};

impl Instance {
    /// Builds the model.
    ///
    /// # Errors
    /// [`TaskError`] names the request and field that this planner cannot serve.
    pub fn build(
        network: &Network,
        requests: &[LightpathRequest],
        rules: &BTreeMap<String, RouteRules>,
        allow_unprotected: bool,
    ) -> Result<Self, TaskError> {
        let mut instance = Self::of_network(network)?;
        let mut ids = BTreeMap::new();
        for (position, request) in requests.iter().enumerate() {
            if ids.insert(request.id.as_str(), position).is_some() {
                return Err(TaskError::at(position, "id", format!("`{}` is there already", request.id)));
            }
            instance.add(network, position, request, rules.get(&request.demand), allow_unprotected)?;
        }
        instance.admit_to_ports(network);
        instance.scale_worth();
        Ok(instance)
    }

    /// Where more requests end than there are ports, those worth least have no chance, whatever the routes.
    fn admit_to_ports(&mut self, network: &Network) {
        let ports = |node: usize| {
            let own = &self.banks[self.banks_of[node].clone()];
            own.iter().fold(0_u32, |sum, bank| sum.saturating_add(bank.ports))
        };
        let all: Vec<u32> = (0..self.nodes).map(ports).collect();
        let mut left = all.clone();
        let mut order: Vec<usize> = (0..self.requests.len()).collect();
        order.sort_by_key(|&request| (std::cmp::Reverse(self.requests[request].worth), request));
        let mut admitted = vec![false; self.requests.len()];
        for request in order {
            let Request { a, b, .. } = self.requests[request];
            if let Some(node) = [a, b].into_iter().find(|&node| left[node] == 0) {
                let node_id = network.nodes[node].id.clone();
                let reason = BlockedReason::Ports { node: node_id, ports: all[node] };
                self.unroutable.push((self.origin[request], reason));
                continue;
            }
            admitted[request] = true;
            for node in [a, b].into_iter().filter(|&node| all[node] != UNLIMITED) {
                left[node] -= 1;
            }
        }
        let mut kept = admitted.iter();
        self.requests.retain(|_| *kept.next().expect("one for each"));
        let mut kept = admitted.iter();
        self.origin.retain(|_| *kept.next().expect("one for each"));
    }

    fn of_network(network: &Network) -> Result<Self, TaskError> {
        if network.grid.fixed_spacing_ghz.is_none() {
            return Err(TaskError::FlexibleGrid);
        }
        let nodes = network.nodes.len();
        let links: Vec<Link> = network
            .links
            .iter()
            .map(|link| Link {
                a: link.a,
                b: link.b,
                first: link.first_fibre,
                fibres: link.fibre_count,
                length_m: metres(link.length_km),
            })
            .collect();
        let adjacency: Vec<Vec<Arc>> = network
            .adjacency
            .iter()
            .map(|next| next.iter().map(|next| Arc { node: next.node, link: next.link }).collect())
            .collect();
        let closed: Vec<Vec<u64>> =
            network.fibres.iter().map(|fibre| fibre.unavailable.words().to_vec()).collect();
        let transit: Vec<bool> = network.nodes.iter().map(|site| site.transit).collect();
        let mut instance = Self {
            nodes,
            distance: vec![Vec::new(); nodes],
            transit,
            links,
            fibre_link: network.fibres.iter().map(|fibre| fibre.link).collect(),
            adjacency,
            channels: network.channels(),
            uniform: closed.iter().flatten().all(|&word| word == 0),
            closed,
            banks: Vec::new(),
            banks_of: Vec::new(),
            open: Vec::new(),
            slot_groups: Vec::new(),
            requests: Vec::new(),
            origin: Vec::new(),
            unroutable: Vec::new(),
            rules: vec![Rule { links: vec![false; network.links.len()], nodes: vec![false; nodes] }],
        };
        for node in 0..nodes {
            instance.add_banks(network, node);
        }
        Ok(instance)
    }

    fn add_banks(&mut self, network: &Network, node: usize) {
        let site = &network.nodes[node];
        let first = self.banks.len();
        let mut shared_group = None;
        for (place, bank) in site.banks.iter().enumerate() {
            let ports = bank.ports.unwrap_or(UNLIMITED);
            let group = if bank.kind == AddDropKind::Cdc {
                self.slot_groups.push(bank.max_same_slot.unwrap_or(UNLIMITED).min(ports));
                self.slot_groups.len() - 1
            } else if let (Contention::PerNode, Some(group)) = (site.contention, shared_group) {
                group
            } else {
                self.slot_groups.push(1);
                shared_group = Some(self.slot_groups.len() - 1);
                self.slot_groups.len() - 1
            };
            let all = network.adjacency[node].iter().all(|next| bank.degrees.contains(&next.link));
            let serves = (!all).then(|| bank.degrees.clone());
            self.banks.push(Bank { node, place, serves, ports, group });
        }
        let own = first..self.banks.len();
        self.open.push(self.banks[own.clone()].iter().any(|bank| {
            bank.serves.is_none() && bank.ports == UNLIMITED && self.slot_groups[bank.group] == UNLIMITED
        }));
        self.banks_of.push(own);
    }

    fn add(
        &mut self,
        network: &Network,
        position: usize,
        request: &LightpathRequest,
        rules: Option<&RouteRules>,
        allow_unprotected: bool,
    ) -> Result<(), TaskError> {
        let end = |field: &'static str, id: &str| {
            let node = network.node(id).ok_or_else(|| {
                TaskError::at(position, field, format!("`{id}` is no node of the topology"))
            })?;
            if self.banks_of[node].is_empty() {
                return Err(TaskError::at(
                    position,
                    field,
                    format!("nothing can be added at `{id}`, an amplifier site"),
                ));
            }
            Ok(node)
        };
        let (a, b) = (end("a", &request.a)?, end("b", &request.b)?);
        if a == b {
            return Err(TaskError::at(position, "b", format!("both ends are `{}`", request.a)));
        }
        let pairing = pairing_of(&request.protection)
            .map_err(|detail| TaskError::at(position, "protection", detail.to_owned()))?;
        let rule = match rules {
            None => 0,
            Some(rules) => self.rule_of(network, position, rules)?,
        };
        let worth = worth_of(request);
        for node in [a, b] {
            if self.distance[node].is_empty() {
                self.distance[node] = self.hop_distances(node);
            }
        }
        let (served_as, hops) = match self.least_hops(a, b, pairing, rule) {
            Some(hops) => (pairing, Some(hops)),
            None if allow_unprotected => (Pairing::Single, self.least_hops(a, b, Pairing::Single, rule)),
            None => (pairing, None),
        };
        if let Some(hops) = hops {
            self.requests.push(Request { a, b, pairing: served_as, rule, worth, hops });
            self.origin.push(position);
        } else {
            let reason = self.why_unroutable(network, a, b, pairing, rule);
            self.unroutable.push((position, reason));
        }
        Ok(())
    }

    fn rule_of(
        &mut self,
        network: &Network,
        position: usize,
        rules: &RouteRules,
    ) -> Result<usize, TaskError> {
        if !rules.include.is_empty() {
            let detail = "routes over given nodes are not planned by this version";
            return Err(TaskError::at(position, "include", detail.to_owned()));
        }
        if rules.max_latency_us.is_some() {
            let detail = "a limit of latency is not planned for by this version";
            return Err(TaskError::at(position, "max_latency_us", detail.to_owned()));
        }
        let mut rule = self.rules[0].clone();
        for id in &rules.exclude_nodes {
            let node = network.node(id).ok_or_else(|| {
                TaskError::at(position, "exclude_nodes", format!("`{id}` is no node of the topology"))
            })?;
            rule.nodes[node] = true;
        }
        for id in &rules.exclude_links {
            let link = network.link(id).ok_or_else(|| {
                TaskError::at(position, "exclude_links", format!("`{id}` is no link of the topology"))
            })?;
            rule.links[link] = true;
        }
        Ok(self.rules.iter().position(|own| *own == rule).unwrap_or_else(|| {
            self.rules.push(rule);
            self.rules.len() - 1
        }))
    }

    /// Least hops of the routes together, on the empty network.
    fn least_hops(&self, a: usize, b: usize, pairing: Pairing, rule: usize) -> Option<u32> {
        if pairing == Pairing::Single && rule == 0 {
            let hops = self.distance[a][b];
            return (hops != UNREACHABLE).then_some(u32::from(hops));
        }
        let mut finder = RouteFinder::new(self.nodes);
        let ends = Ends { a, b, rule };
        match pairing {
            Pairing::Single => finder.single(self, ends, u32::MAX, |_, _| Some(1)),
            _ => finder.pair(self, ends, pairing == Pairing::Nodes, u32::MAX, |_, _| Some(1)),
        }
    }

    fn why_unroutable(
        &self,
        network: &Network,
        a: usize,
        b: usize,
        pairing: Pairing,
        rule: usize,
    ) -> BlockedReason {
        if rule != 0 && self.least_hops(a, b, pairing, 0).is_some() {
            return BlockedReason::Constraint { constraint: "exclude_nodes, exclude_links".to_owned() };
        }
        let reached = self.component(a, b, &|_| true, None);
        if !reached[b] {
            let component =
                (0..self.nodes).filter(|&v| reached[v]).map(|v| network.nodes[v].id.clone()).collect();
            return BlockedReason::NoPath { component };
        }
        let separates = |link: Option<usize>, node: Option<usize>| {
            !self.component(a, b, &|own| Some(own) != link, node)[b]
        };
        let bridges = (0..self.links.len()).filter(|&link| separates(Some(link), None));
        let cut_nodes = (0..self.nodes).filter(|&v| v != a && v != b && separates(None, Some(v)));
        BlockedReason::NoDisjointPair {
            bridges: bridges.map(|link| network.links[link].id.clone()).collect(),
            articulation_nodes: if pairing == Pairing::Nodes {
                cut_nodes.map(|v| network.nodes[v].id.clone()).collect()
            } else {
                Vec::new()
            },
        }
    }

    fn hop_distances(&self, from: usize) -> Vec<u16> {
        let mut distance = vec![UNREACHABLE; self.nodes];
        distance[from] = 0;
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if node != from && !self.transit[node] {
                continue;
            }
            for arc in &self.adjacency[node] {
                if distance[arc.node] == UNREACHABLE {
                    distance[arc.node] = distance[node].saturating_add(1);
                    queue.push_back(arc.node);
                }
            }
        }
        distance
    }

    /// Brings the worth of requests to hundredths of their median.
    fn scale_worth(&mut self) {
        let mut all: Vec<u32> = self.requests.iter().map(|request| request.worth).collect();
        all.sort_unstable();
        let Some(&median) = all.get(all.len() / 2) else { return };
        for request in &mut self.requests {
            let scaled = u64::from(request.worth) * 100 / u64::from(median.max(1));
            request.worth = u32::try_from(scaled.clamp(1, 10_000)).expect("clamped");
        }
    }
}

/// Priority × Gb/s in tenths, so that a request without rate still counts.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped before
fn worth_of(request: &LightpathRequest) -> u32 {
    (f64::from(request.priority.max(1)) * request.rate_gbps.max(0.1) * 10.0).clamp(1.0, 4e9) as u32
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // validated: not negative, below 1e6 km
fn metres(length_km: f64) -> u64 {
    (length_km * 1000.0).round() as u64
}

fn pairing_of(protection: &Protection) -> Result<Pairing, &'static str> {
    match protection {
        Protection::None => Ok(Pairing::Single),
        Protection::OnePlusOne { source: ProtectionSource::OwnTransponder, .. } => {
            Err("1+1 with a transponder for each path is not planned by this version; use `splitter`")
        }
        Protection::OnePlusOne { differential_delay_us: Some(_), .. } => {
            Err("a limit of differential delay is not planned for by this version")
        }
        Protection::OnePlusOne { disjoint: Disjointness::Link, .. } => Ok(Pairing::Links),
        Protection::OnePlusOne { disjoint: Disjointness::Node, .. } => Ok(Pairing::Nodes),
        Protection::OnePlusOne { disjoint: Disjointness::Srlg, .. } => {
            Err("routes without common shared risk are not planned by this version; use `node` or `link`")
        }
    }
}
