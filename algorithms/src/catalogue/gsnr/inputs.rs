//! The designed line, the combs that are sent along it, and the modes that are tried.

use std::sync::Arc;

use optics::design::{self, Reference};
use optics::equipment::{Equipment, Mode, SpectralInformation, TransceiverType};
use optics::finding::Finding;
use optics::grid::Grid;
use optics::line::{TopologyLine, TopologyOptions, from_topology};
use optics::network::{Network, NodeIndex};
use optics::paths::Route;
use optics::propagation::{Channel, Comb, PenaltyCurves, Propagation, Solver, channel_count};
use optics::quality::Loading;
use optics::topology::{NodeKind, Topology};

use super::lit::{Lit, Surroundings};
use super::params::{GivenRoute, GsnrParams};
use super::route::Ends;
use crate::documents::Documents;
use crate::error::AlgorithmError;

/// What all shards of a run share.
#[derive(Debug)]
pub struct GsnrInputs {
    pub(super) network: Network,
    pub(super) line: TopologyLine,
    pub(super) propagation: Arc<Propagation>,
    /// Nodes where channels are added and dropped.
    pub(super) sites: Vec<NodeIndex>,
    pub(super) given: Vec<(Ends, Route)>,
    /// The channels the lines are designed for.
    pub(super) reference: Comb,
    pub(super) modes: Vec<TriedMode>,
    /// What is lit, where that is what the line is loaded with.
    pub(super) lit: Option<Lit>,
    power_dbm: f64,
    pub(super) system_margin_db: f64,
    pub(super) notes: Vec<String>,
}

/// A mode that is tried on every route.
#[derive(Clone, Debug)]
pub(super) struct TriedMode {
    pub transceiver: String,
    pub mode: Mode,
    pub penalties: PenaltyCurves,
    /// Of the transceiver: lower and upper edge, in Hz.
    pub band: [f64; 2],
    /// Width of its slot, in Hz.
    pub slot_width_hz: f64,
    /// The channels it is tried among, where they are the same on all links; none where the transceiver's band holds none.
    pub comb: Option<Comb>,
}

impl GsnrInputs {
    pub(super) fn open(documents: &Documents, params: &GsnrParams) -> Result<Self, AlgorithmError> {
        let topology: Topology = documents.parse("topology")?;
        let equipment: Equipment = documents.parse("equipment")?;
        let network = Network::build(&topology, &Grid::default()).map_err(|findings| refused(&findings))?;
        let wrong = |role: &str, error: &dyn std::fmt::Display| AlgorithmError::InvalidInput {
            role: role.to_owned(),
            pointer: String::new(),
            detail: error.to_string(),
        };
        let options = TopologyOptions {
            fibre_type: params.fibre_type.clone(),
            loss_db_per_km: params.loss_db_per_km,
            roadm_type: params.roadm_type.clone(),
        };
        let mut line =
            from_topology(&topology, &equipment, &options).map_err(|error| wrong("topology", &error))?;
        let spectral = equipment.spectral.first().cloned().unwrap_or_default();
        let design = |line: &mut TopologyLine| {
            let reference = Reference::of(&equipment, params.power_dbm)?;
            design::complete(&mut line.network, &equipment)?;
            design::design(&mut line.network, &equipment, &reference)
        };
        let warnings = design(&mut line).map_err(|error| wrong("equipment", &error))?;
        let power_dbm = spectral.tx_power_dbm.or(params.power_dbm).unwrap_or(spectral.power_dbm);
        let reference = reference_comb(&spectral, power_dbm).map_err(|error| wrong("equipment", &error))?;
        let mut modes = Vec::new();
        for transceiver in tried(&equipment, params)? {
            for mode in &transceiver.modes {
                let spacing_hz = params.spacing_ghz.map_or(0.0, |ghz| ghz * 1e9).max(mode.min_spacing_hz);
                let mut tried = TriedMode {
                    transceiver: transceiver.name.clone(),
                    mode: mode.clone(),
                    penalties: PenaltyCurves::new(&mode.penalties),
                    band: [transceiver.f_min_hz, transceiver.f_max_hz],
                    slot_width_hz: spacing_hz,
                    comb: None,
                };
                tried.comb = match params.loading {
                    Loading::LikeItself => {
                        comb_like(&tried, power_dbm).map_err(|error| wrong("equipment", &error))?
                    }
                    Loading::ReferenceFull => Some(reference.clone()),
                    Loading::Actual => None,
                };
                modes.push(tried);
            }
        }
        let propagation = Arc::new(Propagation::new(&line.network, &equipment, &Solver::default()));
        let around = Surroundings {
            network: &network,
            line: &line,
            equipment: &equipment,
            spectral: &spectral,
            power_dbm,
        };
        let lit = match params.loading {
            Loading::Actual => Some(Lit::new(&around, params, documents, &propagation)?),
            _ => None,
        };
        let adds = |node: &NodeIndex| topology.nodes[*node].kind != NodeKind::Ila;
        let given = params.routes.iter().enumerate().map(|(at, route)| given(&network, at, route));
        Ok(Self {
            given: given.collect::<Result<_, _>>()?,
            sites: (0..network.nodes.len()).filter(adds).collect(),
            propagation,
            lit,
            power_dbm,
            system_margin_db: params.system_margin_db.unwrap_or(spectral.system_margins_db),
            notes: warnings.iter().map(ToString::to_string).collect(),
            network,
            line,
            reference,
            modes,
        })
    }

    /// A channel of a mode.
    pub(super) fn channel_of(&self, tried: &TriedMode, frequency_hz: f64) -> Channel {
        tried.channel(frequency_hz, self.power_dbm)
    }
}

impl TriedMode {
    fn channel(&self, frequency_hz: f64, power_dbm: f64) -> Channel {
        Channel {
            frequency_hz,
            baud_rate: self.mode.baud_rate,
            slot_width_hz: self.slot_width_hz,
            roll_off: self.mode.roll_off,
            offset_db: self.mode.equalisation_offset_db,
            tx_osnr_db: self.mode.tx_osnr_db,
            tx_power_dbm: power_dbm,
        }
    }
}

fn refused(findings: &[Finding]) -> AlgorithmError {
    let (pointer, detail) =
        findings.first().map_or_else(Default::default, |first| (first.pointer.clone(), first.to_string()));
    AlgorithmError::InvalidInput { role: "topology".to_owned(), pointer, detail }
}

pub(super) fn invalid(pointer: String, detail: impl Into<String>) -> AlgorithmError {
    AlgorithmError::InvalidParams { pointer, detail: detail.into() }
}

/// The transceivers whose modes are tried.
fn tried<'a>(
    equipment: &'a Equipment,
    params: &GsnrParams,
) -> Result<Vec<&'a TransceiverType>, AlgorithmError> {
    if params.transceivers.is_empty() {
        return Ok(equipment.transceivers.iter().collect());
    }
    let find = |(at, name): (usize, &String)| {
        let known = || equipment.transceivers.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>();
        equipment.transceiver(name).ok_or_else(|| {
            let detail = format!("{name:?} is no transceiver of the library; it has {}", known().join(", "));
            invalid(format!("/transceivers/{at}"), detail)
        })
    };
    params.transceivers.iter().enumerate().map(find).collect()
}

/// The full comb that lines are designed for.
fn reference_comb(
    spectral: &SpectralInformation,
    power_dbm: f64,
) -> Result<Comb, optics::propagation::CombError> {
    let count = channel_count(spectral.f_min_hz, spectral.f_max_hz, spectral.spacing_hz);
    let channel = Channel {
        frequency_hz: spectral.f_min_hz,
        baud_rate: spectral.baud_rate,
        slot_width_hz: spectral.spacing_hz,
        roll_off: spectral.roll_off,
        offset_db: 0.0,
        tx_osnr_db: spectral.tx_osnr_db,
        tx_power_dbm: power_dbm,
    };
    Comb::uniform(spectral.f_min_hz, count, channel)
}

/// The transceiver's band full of channels of the mode.
fn comb_like(tried: &TriedMode, power_dbm: f64) -> Result<Option<Comb>, optics::propagation::CombError> {
    let [f_min_hz, f_max_hz] = tried.band;
    let count = channel_count(f_min_hz, f_max_hz, tried.slot_width_hz);
    if count == 0 {
        return Ok(None);
    }
    Comb::uniform(f_min_hz, count, tried.channel(f_min_hz, power_dbm)).map(Some)
}

/// A given route on the network.
fn given(network: &Network, at: usize, given: &GivenRoute) -> Result<(Ends, Route), AlgorithmError> {
    let from = network.node(&given.from).ok_or_else(|| {
        invalid(format!("/routes/{at}/from"), format!("{:?} is no node of the topology", given.from))
    })?;
    let mut node = from;
    let mut route = Route::new();
    for (hop, id) in given.links.iter().enumerate() {
        let step = network.adjacency[node].iter().find(|step| network.links[step.link].id == *id);
        let step = step.ok_or_else(|| {
            let detail = format!("no link {id:?} at node {:?}", network.nodes[node].id);
            invalid(format!("/routes/{at}/links/{hop}"), detail)
        })?;
        route.push(*step);
        node = step.node;
    }
    if route.is_empty() {
        return Err(invalid(format!("/routes/{at}/links"), "a route has at least one link"));
    }
    Ok((Ends { from, to: node }, route))
}
