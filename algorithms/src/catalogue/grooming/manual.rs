//! Groomings made by hand: checked against every rule, then made a report like any other.
//!
//! Lightpaths, lines, leftovers, sub-matrices and the mapping are taken as they are, with their ids. Cards are placed
//! anew, by the same rule as those of groomings made here.

use std::collections::{BTreeMap, BTreeSet};

use optics::clusters::{ClusterSet, MAIN};
use optics::grooming::{GroomingReport, Piece, SplitService, SubMatrix};
use optics::manual_grooming::{
    ManualGrooming, ManualGroomout, ManualLightpath, ServiceReference, SubDemand, service_type,
};
use optics::traffic::{Demand, Disjointness, Protection, ProtectionSource, Restoration, ServiceGroup};
use optics::verify_grooming::manual::verify_manual_grooming;
use optics::verify_grooming::verify_grooming;
use optics::violation::Violation;

use super::connect::protection_rank;
use super::demand::{Container, GroomedDemand, Line, is_direct_lightpath, kbps, pair, unpacked};
use super::derived::Derived;
use super::report::{Packed, assemble};
use super::{GroomingInputs, GroomingParams};
use crate::error::AlgorithmError;

/// The routing type of one 10G client on a wavelength of its own.
const NON_COHERENT: &str = "10NonCoherent";
/// Most violations that an error spells out.
const MOST_TOLD: usize = 50;

/// The report of what was handed in.
///
/// # Errors
/// [`AlgorithmError::InvalidInput`] of `grooming`, with every rule that it breaks.
pub fn report(inputs: &GroomingInputs, params: &GroomingParams) -> Result<GroomingReport, AlgorithmError> {
    let Some(manual) = &inputs.manual else { return Err(refused("", "is required".to_owned())) };
    let clusters = ClusterSet { clusters: inputs.clusters.clone() };
    refuse(&verify_manual_grooming(&inputs.traffic, &clusters, manual))?;
    let derived = derived(inputs, manual)?;
    let demands: Vec<Demand> = match &derived {
        Some(derived) => derived.demands().cloned().collect(),
        None => inputs.traffic.demands.clone(),
    };
    let mut groomed = Groomed::new(params.line_rate_gbps, manual, &demands)?;
    let groomed: Vec<GroomedDemand> = demands.iter().map(|demand| groomed.demand(demand)).collect();
    let packed = Packed { derived: derived.as_ref(), groomed: &groomed };
    let report = assemble(inputs, params, &packed);
    // what the thirteen rules do not look at: protection of the pieces, cards that cannot be placed
    refuse(&verify_grooming(&inputs.topology, &inputs.traffic, &report))?;
    Ok(report)
}

fn refused(pointer: &str, detail: String) -> AlgorithmError {
    AlgorithmError::InvalidInput { role: "grooming".to_owned(), pointer: pointer.to_owned(), detail }
}

fn refuse(violations: &[Violation]) -> Result<(), AlgorithmError> {
    if violations.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = violations.iter().take(MOST_TOLD).map(ToString::to_string).collect();
    let more = violations.len() - told.len();
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    let detail = format!("breaks {} rule(s): {}{more}", violations.len(), told.join("; "));
    Err(refused("", detail))
}

/// The sub-matrices and the mapping.
fn derived(inputs: &GroomingInputs, manual: &ManualGrooming) -> Result<Option<Derived>, AlgorithmError> {
    let Some(clustered) = &manual.clustered_tms else { return Ok(None) };
    let original: BTreeMap<&str, &Demand> =
        inputs.traffic.demands.iter().map(|demand| (demand.id.as_str(), demand)).collect();
    // clusters in their order, then main; a demand whose id is in several of them gets the matrix's name as well
    let order = inputs.clusters.iter().map(|cluster| cluster.id.as_str()).chain([MAIN]);
    let mut matrices = Vec::new();
    let mut demands: BTreeMap<(&str, &str), Demand> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for id in order {
        let Some(matrix) = clustered.sub_tms.get(id) else { continue };
        let mut own = Vec::new();
        for (name, written) in &matrix.tm.demands {
            let mut demand = packed_demand(name, written, original.get(name.as_str()).copied());
            if !ids.insert(name.clone()) {
                demand.id = format!("{name}@{id}");
                ids.insert(demand.id.clone());
            }
            demands.insert((id, name), demand.clone());
            own.push(demand);
        }
        matrices.push(SubMatrix { id: id.to_owned(), demands: own });
    }
    // demands given by rates have no place in the form: they are packed with what is outside clusters
    let rates: Vec<Demand> =
        inputs.traffic.demands.iter().filter(|demand| demand.services.is_empty()).cloned().collect();
    if !matrices.iter().any(|matrix| matrix.id == MAIN) {
        matrices.push(SubMatrix { id: MAIN.to_owned(), demands: Vec::new() });
    }
    if let Some(main) = matrices.last_mut() {
        main.demands.extend(rates.into_iter().filter(|demand| ids.insert(demand.id.clone())));
    }
    let mapping = mapping(inputs, manual, &demands)?;
    let mut derived = Derived { matrices, mapping, connections: Vec::new() };
    add_conditions(&mut derived, &original);
    Ok(Some(derived))
}

/// The form says nothing of priorities, periods, kinds of protection and nodes and links to avoid: what pieces are packed
/// in asks for what their services' demands do.
fn add_conditions(derived: &mut Derived, original: &BTreeMap<&str, &Demand>) {
    let mut riders: BTreeMap<&str, Vec<&Demand>> = BTreeMap::new();
    for split in &derived.mapping {
        let Some(&demand) = original.get(split.demand.as_str()) else { continue };
        for piece in &split.pieces {
            riders.entry(&piece.demand).or_default().push(demand);
        }
    }
    for demand in derived.matrices.iter_mut().flat_map(|matrix| &mut matrix.demands) {
        for rider in riders.get(demand.id.as_str()).into_iter().flatten() {
            demand.priority = demand.priority.max(rider.priority);
            let protected = demand.protection != Protection::None;
            if protected && protection_rank(&rider.protection) > protection_rank(&demand.protection) {
                demand.protection = rider.protection.clone();
            }
            for (own, more) in [
                (&mut demand.exclude_nodes, &rider.exclude_nodes),
                (&mut demand.exclude_links, &rider.exclude_links),
            ] {
                let new: Vec<String> = more.iter().filter(|item| !own.contains(item)).cloned().collect();
                own.extend(new);
            }
        }
    }
}

/// A demand of a sub-matrix: what it asks for is what the demand of that id asks for, or what it says.
fn packed_demand(id: &str, written: &SubDemand, original: Option<&Demand>) -> Demand {
    let services: Vec<ServiceGroup> = written
        .services
        .iter()
        .filter_map(|group| {
            Some(ServiceGroup { kind: service_type(&group.kind)?, ids: group.service_id_list.clone() })
        })
        .filter(|group| !group.ids.is_empty())
        .collect();
    let ends = |demand: &Demand| [demand.a.clone(), demand.b.clone()];
    if let Some(original) = original
        && ends(original) == [written.source.clone(), written.destination.clone()]
    {
        return Demand { services, ..original.clone() };
    }
    let mut demand = Demand {
        rate_ab_gbps: None,
        services,
        ..Demand::of_rate(id, &written.source, &written.destination, 0.0)
    };
    if written.protection_type.as_deref().is_some_and(|kind| kind != "NoProtection") {
        demand.protection = Protection::OnePlusOne {
            disjoint: Disjointness::Node,
            source: ProtectionSource::Splitter,
            differential_delay_us: None,
        };
    }
    demand.restoration = match written.restoration_type.as_deref() {
        Some("JointSame") => Restoration::Basic,
        Some("AdvJointSame") => Restoration::Advanced,
        _ => Restoration::None,
    };
    demand
}

/// Which service became which pieces, these in order.
fn mapping(
    inputs: &GroomingInputs,
    manual: &ManualGrooming,
    demands: &BTreeMap<(&str, &str), Demand>,
) -> Result<Vec<SplitService>, AlgorithmError> {
    let Some(written) = &manual.service_mapping else { return Ok(Vec::new()) };
    let sub =
        |matrix: &String| manual.clustered_tms.as_ref().is_some_and(|own| own.sub_tms.contains_key(matrix));
    let mut mapping = Vec::new();
    for demand in &inputs.traffic.demands {
        let own = written
            .traffic_matrices
            .iter()
            .filter(|(matrix, _)| !sub(matrix))
            .find_map(|(_, matrix)| matrix.demands.get(&demand.id));
        for (service, mapped) in own.into_iter().flat_map(|own| &own.services) {
            let mut left: Vec<(&str, &ServiceReference, &Demand)> = mapped
                .traffic_matrices
                .iter()
                .flat_map(|(matrix, list)| list.iter().map(move |piece| (matrix.as_str(), piece)))
                .filter_map(|(matrix, piece)| {
                    Some((matrix, piece, demands.get(&(matrix, piece.demand_id.as_str()))?))
                })
                .collect();
            let mut at = demand.a.as_str();
            let mut pieces = Vec::new();
            while let Some(next) = left.iter().position(|(_, _, own)| own.a == at || own.b == at) {
                let (matrix, piece, own) = left.swap_remove(next);
                at = if own.a == at { &own.b } else { &own.a };
                pieces.push(Piece {
                    matrix: matrix.to_owned(),
                    demand: own.id.clone(),
                    service: piece.service_id.clone(),
                });
            }
            if !left.is_empty() {
                let pointer = format!("/service_mapping/{}/{service}", demand.id);
                return Err(refused(&pointer, "its pieces pass a node twice".to_owned()));
            }
            mapping.push(SplitService { demand: demand.id.clone(), service: service.clone(), pieces });
        }
    }
    Ok(mapping)
}

/// What was handed in, by packed demand. Services have ids of their own over all sub-matrices, so they tell whose a line or
/// lightpath is.
struct Groomed<'a> {
    line_rate_gbps: u32,
    /// The 10G lines of each demand, with sub-matrix and id.
    lines: BTreeMap<&'a str, Vec<(&'a str, &'a str, &'a ManualGroomout)>>,
    /// The lightpaths of each demand, with sub-matrix and id.
    lightpaths: BTreeMap<&'a str, Vec<(&'a str, &'a str, &'a ManualLightpath)>>,
    /// Ids of lightpaths and groomouts, so that none is there twice over the matrices.
    taken: BTreeSet<String>,
}

impl<'a> Groomed<'a> {
    fn new(
        line_rate_gbps: u32,
        manual: &'a ManualGrooming,
        demands: &'a [Demand],
    ) -> Result<Self, AlgorithmError> {
        let mut demand_of: BTreeMap<&str, &'a str> = BTreeMap::new();
        for demand in demands {
            let services = demand.services.iter().flat_map(|group| &group.ids);
            demand_of.extend(services.map(|id| (id.as_str(), demand.id.as_str())));
        }
        let mut lines: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut lightpaths: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (matrix, groomed) in &manual.traffic {
            let mut line_of: BTreeMap<&str, &'a str> = BTreeMap::new();
            let groomouts =
                groomed.low_rate_grooming_result.demands.values().flat_map(|demand| &demand.groomouts);
            for (id, groomout) in groomouts {
                let mut clients = groomout.service_id_list.iter();
                let own = clients.find_map(|client| demand_of.get(client.id.as_str()));
                if let Some(&demand) = own {
                    lines.entry(demand).or_default().push((matrix.as_str(), id.as_str(), groomout));
                    line_of.insert(id, demand);
                }
            }
            for (id, lightpath) in &groomed.lightpaths {
                check_lightpath(&format!("/traffic/{matrix}/lightpaths/{id}"), lightpath, line_rate_gbps)?;
                let own = lightpath.service_id_list.iter().find_map(|client| {
                    if client.kind == "groomout" { &line_of } else { &demand_of }.get(client.id.as_str())
                });
                if let Some(&demand) = own {
                    lightpaths.entry(demand).or_default().push((matrix.as_str(), id.as_str(), lightpath));
                }
            }
        }
        Ok(Self { line_rate_gbps, lines, lightpaths, taken: BTreeSet::new() })
    }

    /// An id that is not there yet: the one given, if it can be.
    fn free(&mut self, id: &str, demand: &str) -> String {
        let mut own = id.to_owned();
        while !self.taken.insert(own.clone()) {
            own = format!("{demand}-{own}");
        }
        own
    }

    fn demand(&mut self, demand: &Demand) -> GroomedDemand {
        let kinds: BTreeMap<&str, _> = demand
            .services
            .iter()
            .flat_map(|group| group.ids.iter().map(|id| (id.as_str(), group.kind)))
            .collect();
        let kbps = |id: &String| kinds.get(id.as_str()).map_or(0, |&kind| kbps(kind));
        let mut groomed = unpacked(demand, self.line_rate_gbps);
        let mut line_of: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (matrix, id, groomout) in self.lines.remove(demand.id.as_str()).unwrap_or_default() {
            let services: Vec<String> =
                groomout.service_id_list.iter().map(|client| client.id.clone()).collect();
            line_of.insert((matrix, id), groomed.lines.len());
            let kbps = services.iter().map(kbps).sum();
            groomed.lines.push(Line { services, kbps, id: Some(self.free(id, &demand.id)) });
        }
        groomed.lines_at_least = u32::try_from(groomed.lines.len()).unwrap_or(u32::MAX);
        groomed.cards = pair(&groomed.lines);
        let mut placed: BTreeSet<String> =
            groomed.lines.iter().flat_map(|line| line.services.iter().cloned()).collect();
        let mut carried = BTreeSet::new();
        for (matrix, id, lightpath) in self.lightpaths.remove(demand.id.as_str()).unwrap_or_default() {
            let clients = || lightpath.service_id_list.iter();
            let services: Vec<String> = clients()
                .filter(|client| client.kind != "groomout")
                .map(|client| client.id.clone())
                .collect();
            let lines: Vec<usize> = clients()
                .filter(|client| client.kind == "groomout")
                .filter_map(|client| line_of.get(&(matrix, client.id.as_str())).copied())
                .collect();
            let id = self.free(id, &demand.id);
            placed.extend(services.iter().cloned());
            if direct(lightpath) > 0 {
                groomed.transparent.extend(services);
                groomed.transparent_ids.push(id);
                continue;
            }
            carried.extend(lines.iter().copied());
            let kbps = services.iter().map(kbps).sum::<u64>()
                + lines.iter().map(|&line| groomed.lines[line].kbps).sum::<u64>();
            let on_its_own = lightpath.routing_type == NON_COHERENT;
            groomed.containers.push(Container { services, lines, kbps, lit: true, id: Some(id), on_its_own });
        }
        let all = demand.services.iter().flat_map(|group| &group.ids);
        let services: Vec<String> = all.filter(|id| !placed.contains(*id)).cloned().collect();
        let lines: Vec<usize> = (0..groomed.lines.len()).filter(|line| !carried.contains(line)).collect();
        if !services.is_empty() || !lines.is_empty() {
            let kbps = services.iter().map(kbps).sum::<u64>()
                + lines.iter().map(|&line| groomed.lines[line].kbps).sum::<u64>();
            groomed.containers.push(Container { services, lines, kbps, ..Container::default() });
        }
        groomed
    }
}

/// A report has lightpaths of three kinds; others have no card.
fn check_lightpath(
    pointer: &str,
    lightpath: &ManualLightpath,
    line_rate_gbps: u32,
) -> Result<(), AlgorithmError> {
    let direct = direct(lightpath);
    let muxed = lightpath.service_id_list.len() - direct;
    let rate = match lightpath.routing_type.as_str() {
        "GE100" => "100GE",
        other => other,
    };
    let fits = match (direct, muxed) {
        (1, 0) => rate == "100GE",
        (0, 1) if rate == NON_COHERENT => true,
        (0, 1..) => rate == format!("{line_rate_gbps}GE"),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let detail = format!(
        "{rate} with {direct} services of 100 Gb/s and {muxed} 10G clients is neither one 100GE service at 100GE, nor 10G \
         clients at the line rate of {line_rate_gbps} Gb/s, nor one of them on a 10G wavelength"
    );
    Err(refused(pointer, detail))
}

/// Services of a lightpath that fill one on their own.
fn direct(lightpath: &ManualLightpath) -> usize {
    let kinds = lightpath.service_id_list.iter().filter_map(|client| client.normal_service_type.as_deref());
    kinds.filter_map(service_type).filter(|&kind| is_direct_lightpath(kind)).count()
}
