//! A grooming report of ours in the form of the original.

use std::collections::BTreeMap;

use super::{
    ByDemand, CardLine, ClusteredMatrices, Device, GroomoutClient, LightpathClient, LowRateDemand,
    ManualGrooming, ManualGroomout, ManualLightpath, ManualRow, MappedService, MatrixGrooming, NodeStructure,
    PanelAddress, PanelAddresses, RemainingServices, ServiceMapping, ServiceReference, SubDemand,
    SubMatrixDemands, SubServices, Table, TableEntry, TypeCount, service_type_name,
};
use crate::clusters::MAIN;
use crate::grooming::{
    Card, CardKind, GroomedLightpath, GroomingReport, Groomout, LIGHTPATH_GBPS, LightpathKind, Section,
    SubMatrix,
};
use crate::traffic::{Demand, Protection, Restoration, ServiceType, TrafficMatrix};

impl ManualGrooming {
    /// `report`, a grooming of `traffic`, in the form of the original. What that form cannot say is left out: lightpaths
    /// of demands given by rates, routes of connections, and what disjointness is asked for. Near-linear.
    #[must_use]
    pub fn of(report: &GroomingReport, traffic: &TrafficMatrix) -> Self {
        let matrices = if report.matrices.is_empty() {
            vec![SubMatrix { id: MAIN.to_owned(), demands: traffic.demands.clone() }]
        } else {
            report.matrices.clone()
        };
        let writer = Writer::new(report, &matrices);
        let split = !report.matrices.is_empty();
        Self {
            traffic: writer.traffic(),
            service_devices: writer.devices(),
            node_structure: writer.node_structure(),
            clustered_tms: split.then(|| clustered(&matrices)),
            service_mapping: split.then(|| mapping(report)),
            grooming_table: Some(table(report)),
        }
    }
}

struct Writer<'a> {
    report: &'a GroomingReport,
    matrices: &'a [SubMatrix],
    /// The matrix of each demand, and the demand.
    demands: BTreeMap<&'a str, (&'a str, &'a Demand)>,
    types: BTreeMap<&'a str, ServiceType>,
    cards: BTreeMap<&'a str, &'a Card>,
    groomouts: BTreeMap<&'a str, &'a Groomout>,
}

impl<'a> Writer<'a> {
    fn new(report: &'a GroomingReport, matrices: &'a [SubMatrix]) -> Self {
        let mut demands = BTreeMap::new();
        let mut types = BTreeMap::new();
        for matrix in matrices {
            for demand in &matrix.demands {
                demands.insert(demand.id.as_str(), (matrix.id.as_str(), demand));
                for group in &demand.services {
                    types.extend(group.ids.iter().map(|id| (id.as_str(), group.kind)));
                }
            }
        }
        let cards = report.nodes.iter().flat_map(|node| &node.cards).map(|card| (card.id.as_str(), card));
        let groomouts = report.groomouts.iter().map(|groomout| (groomout.id.as_str(), groomout));
        Self { report, matrices, demands, types, cards: cards.collect(), groomouts: groomouts.collect() }
    }

    fn type_name(&self, service: &str) -> String {
        self.types.get(service).map_or("", |&kind| service_type_name(kind)).to_owned()
    }

    fn traffic(&self) -> BTreeMap<String, MatrixGrooming> {
        let mut traffic: BTreeMap<String, MatrixGrooming> = self
            .matrices
            .iter()
            .map(|matrix| {
                let groomed =
                    MatrixGrooming { cluster_id: Some(matrix.id.clone()), ..MatrixGrooming::default() };
                (matrix.id.clone(), groomed)
            })
            .collect();
        for lightpath in &self.report.lightpaths {
            if let Some((matrix, written)) = self.lightpath(lightpath)
                && let Some(matrix) = traffic.get_mut(matrix)
            {
                matrix.lightpaths.insert(lightpath.id.clone(), written);
            }
        }
        for groomout in &self.report.groomouts {
            let Some((matrix, demand)) = self.demands.get(groomout.demand.as_str()) else { continue };
            let Some(matrix) = traffic.get_mut(*matrix) else { continue };
            let clients = groomout.services.iter();
            let written = ManualGroomout {
                id: groomout.id.clone(),
                service_id_list: clients
                    .map(|id| GroomoutClient { id: id.clone(), kind: self.type_name(id) })
                    .collect(),
                kind: "MP2X".to_owned(),
                capacity: groomout.rate_gbps,
                lightpath_id: groomout.lightpath.clone(),
            };
            let of_demand = matrix.low_rate_grooming_result.demands.entry(demand.id.clone());
            of_demand
                .or_insert_with(|| LowRateDemand {
                    id: demand.id.clone(),
                    source: demand.a.clone(),
                    destination: demand.b.clone(),
                    groomouts: BTreeMap::new(),
                })
                .groomouts
                .insert(groomout.id.clone(), written);
        }
        for leftover in &self.report.leftovers {
            let Some((matrix, _)) = self.demands.get(leftover.demand.as_str()) else { continue };
            let Some(matrix) = traffic.get_mut(*matrix) else { continue };
            let services = leftover.services.iter().map(|group| {
                let remaining = RemainingServices {
                    count: group.ids.len() as u64,
                    service_id_list: group.ids.clone(),
                    kind: service_type_name(group.kind).to_owned(),
                };
                (remaining_key(group.kind).to_owned(), remaining)
            });
            matrix.remaining_services.demands.insert(leftover.demand.clone(), services.collect());
            matrix.remaining_groomouts.demands.insert(leftover.demand.clone(), leftover.groomouts.clone());
        }
        traffic
    }

    /// A lightpath with its matrix; none for a share of a rate.
    fn lightpath(&self, lightpath: &GroomedLightpath) -> Option<(&'a str, ManualLightpath)> {
        let routing_type = match lightpath.kind {
            LightpathKind::Tp1h => format!("{LIGHTPATH_GBPS}GE"),
            LightpathKind::Mp1h => format!("{}GE", self.report.line_rate_gbps),
            LightpathKind::TenGigabit => "10NonCoherent".to_owned(),
            LightpathKind::Rate => return None,
        };
        let (matrix, demand) = *self.demands.get(lightpath.demand.as_str())?;
        let services = lightpath.services.iter().map(|id| LightpathClient {
            id: id.clone(),
            kind: "normal".to_owned(),
            normal_service_type: Some(self.type_name(id)),
            mp2x_panel_address: None,
        });
        let groomouts = lightpath.groomouts.iter().map(|id| LightpathClient {
            id: id.clone(),
            kind: "groomout".to_owned(),
            normal_service_type: None,
            mp2x_panel_address: self.addresses(id),
        });
        Some((
            matrix,
            ManualLightpath {
                id: lightpath.id.clone(),
                source: demand.a.clone(),
                destination: demand.b.clone(),
                service_id_list: services.chain(groomouts).collect(),
                routing_type,
                demand_id: demand.id.clone(),
                protection_type: Some(protection(demand)),
                restoration_type: Some(restoration(demand)),
                capacity: lightpath.rate_gbps,
            },
        ))
    }

    /// Where the MP2X of a groomout sit.
    fn addresses(&self, groomout: &str) -> Option<PanelAddresses> {
        let own = self.groomouts.get(groomout)?;
        let place = |card: &String| {
            let card = self.cards.get(card.as_str())?;
            Some(PanelAddress {
                rack_id: card.rack.to_string(),
                shelf_id: card.shelf.to_string(),
                slot_id_list: card.slots.iter().map(u32::to_string).collect(),
            })
        };
        Some(PanelAddresses { source: place(&own.cards[0])?, destination: place(&own.cards[1])? })
    }

    fn devices(&self) -> BTreeMap<String, Device> {
        let device = |card: &Card| {
            let matrix = self.demands.get(card.demand.as_str()).map(|(matrix, _)| (*matrix).to_owned());
            let line = |number: usize| {
                let groomout_id = card.carries.get(number)?.clone();
                Some(CardLine { groomout_id, demand_id: card.demand.clone() })
            };
            let lines = card.kind == CardKind::Mp2x;
            Device {
                id: card.id.clone(),
                panel: match card.kind {
                    CardKind::Tp1h => "TP1H",
                    CardKind::Mp1h => "MP1H",
                    CardKind::Mp2x => "MP2X",
                }
                .to_owned(),
                sub_tm_id: matrix,
                lightpath_id: if lines { None } else { card.carries.first().cloned() },
                line1: if lines { line(0) } else { None },
                line2: if lines { line(1) } else { None },
                others: BTreeMap::new(),
            }
        };
        self.cards.iter().map(|(id, card)| ((*id).to_owned(), device(card))).collect()
    }

    fn node_structure(&self) -> NodeStructure {
        let mut structure = NodeStructure::default();
        for node in &self.report.nodes {
            let racks = structure.nodes.entry(node.node.clone()).or_default();
            for card in &node.cards {
                let rack = racks.racks.entry(card.rack.to_string()).or_default();
                let shelf = rack.shelves.entry(card.shelf.to_string()).or_default();
                shelf.slots.extend(card.slots.iter().map(|slot| (slot.to_string(), card.id.clone())));
            }
        }
        structure
    }
}

fn clustered(matrices: &[SubMatrix]) -> ClusteredMatrices {
    let demand = |demand: &Demand| SubDemand {
        id: demand.id.clone(),
        source: demand.a.clone(),
        destination: demand.b.clone(),
        protection_type: Some(protection(demand)),
        restoration_type: Some(restoration(demand)),
        services: demand
            .services
            .iter()
            .map(|group| SubServices {
                kind: service_type_name(group.kind).to_owned(),
                quantity: group.ids.len() as u64,
                service_id_list: group.ids.clone(),
            })
            .collect(),
    };
    let matrix = |matrix: &SubMatrix| SubMatrixDemands {
        cluster_id: Some(matrix.id.clone()),
        tm: ByDemand { demands: matrix.demands.iter().map(|own| (own.id.clone(), demand(own))).collect() },
    };
    ClusteredMatrices { sub_tms: matrices.iter().map(|own| (own.id.clone(), matrix(own))).collect() }
}

/// Every service with its pieces, every piece with its service and the other pieces.
fn mapping(report: &GroomingReport) -> ServiceMapping {
    let taken = |id: &str| report.matrices.iter().any(|matrix| matrix.id == id);
    let mut original = if report.traffic.is_empty() { "input".to_owned() } else { report.traffic.clone() };
    while taken(&original) {
        original.push('\'');
    }
    let mut mapping = ServiceMapping::default();
    let matrices = report.matrices.iter().map(|matrix| matrix.id.as_str());
    for id in matrices.chain([original.as_str()]) {
        mapping.traffic_matrices.entry(id.to_owned()).or_default();
    }
    for split in &report.mapping {
        let whole = (original.as_str(), split.demand.as_str(), split.service.as_str());
        let pieces = split
            .pieces
            .iter()
            .map(|piece| (piece.matrix.as_str(), piece.demand.as_str(), piece.service.as_str()));
        let all: Vec<(&str, &str, &str)> = std::iter::once(whole).chain(pieces).collect();
        for &(matrix, demand, service) in &all {
            let mut own = MappedService::default();
            for &(other, demand_id, service_id) in
                all.iter().filter(|other| **other != (matrix, demand, service))
            {
                let list = own.traffic_matrices.entry(other.to_owned()).or_default();
                list.push(ServiceReference {
                    demand_id: demand_id.to_owned(),
                    service_id: service_id.to_owned(),
                });
            }
            let matrix = mapping.traffic_matrices.entry(matrix.to_owned()).or_default();
            matrix.demands.entry(demand.to_owned()).or_default().services.insert(service.to_owned(), own);
        }
    }
    mapping
}

fn table(report: &GroomingReport) -> Table {
    let counted = |demand_id: &str, ends: Option<&Section>, kind, count: u32| TableEntry {
        demand_id: demand_id.to_owned(),
        source: ends.map(|section| section.a.clone()),
        destination: ends.map(|section| section.b.clone()),
        traffic: TypeCount { kind: service_type_name(kind).to_owned(), count: u64::from(count) },
    };
    let rows = report.table.iter().map(|row| {
        let whole = row.end_to_end.iter().map(|entry| counted(&row.demand, None, entry.kind, entry.count));
        let sections = row.split.iter().flat_map(|split| {
            split
                .sections
                .iter()
                .map(|section| counted(&section.demand, Some(section), split.kind, split.count))
        });
        let written = ManualRow {
            source: Some(row.a.clone()),
            destination: Some(row.b.clone()),
            end_to_ends: whole.collect(),
            splitted_sections: sections.collect(),
        };
        (row.demand.clone(), written)
    });
    Table { demands: rows.collect() }
}

fn protection(demand: &Demand) -> String {
    match demand.protection {
        Protection::None => "NoProtection",
        Protection::OnePlusOne { .. } => "1+1_NodeDisjoint",
    }
    .to_owned()
}

fn restoration(demand: &Demand) -> String {
    match demand.restoration {
        Restoration::None => "None",
        Restoration::Basic => "JointSame",
        Restoration::Advanced => "AdvJointSame",
    }
    .to_owned()
}

/// The name of a type among what is left over.
const fn remaining_key(kind: ServiceType) -> &'static str {
    match kind {
        ServiceType::E1 => "E1",
        ServiceType::Stm1Electrical => "stm1_e",
        ServiceType::Stm1Optical => "stm1_o",
        ServiceType::Stm4 => "stm4",
        ServiceType::Stm16 => "stm16",
        ServiceType::Stm64 => "stm64",
        ServiceType::FastEthernet => "FE",
        ServiceType::GigabitEthernet => "GE1",
        ServiceType::TenGigabitEthernet => "GE10",
        ServiceType::HundredGigabitEthernet => "GE100",
    }
}
