//! The channels that are really lit: where they are, what becomes of them, and where a further one finds room.

use std::collections::BTreeSet;
use std::sync::Arc;

use optics::equipment::{Equipment, SpectralInformation};
use optics::export::plan_report_in;
use optics::line::TopologyLine;
use optics::network::{Adjacent, Network, NodeIndex};
use optics::plan::{Direction, Hop, PathRole, Plan};
use optics::propagation::{
    Bandwidth, Channel, LitError, LitLine, LitPath, PenaltyCurves, Propagation, Received,
};
use optics::quality::LightpathQuality;

use super::inputs::{GsnrInputs, TriedMode, invalid};
use super::params::{GsnrParams, LitChannel, LitLightpath, LitMode};
use super::route::{Margin, impossible};
use crate::documents::Documents;
use crate::error::AlgorithmError;

/// Centres of channels lie on this lattice (ITU-T G.694.1), in Hz.
const LATTICE_HZ: f64 = 6.25e9;
/// Where the lattice begins, in Hz.
const ORIGIN_HZ: f64 = 193.1e12;
/// Overlap that is rounding, in Hz.
const ROUNDING_HZ: f64 = 1.0;

/// What the places of lightpaths of the plan begin with.
const OF_PLAN: &str = "plan: ";

/// A lightpath that cannot be lit, by its place in the parameters or in the plan.
fn refused(place: &str, detail: String) -> AlgorithmError {
    match place.strip_prefix(OF_PLAN) {
        Some(lightpath) => AlgorithmError::InvalidInput {
            role: "plan".to_owned(),
            pointer: String::new(),
            detail: format!("lightpath {lightpath}: {detail}"),
        },
        None => invalid(place.to_owned(), detail),
    }
}

/// The line as it is lit.
#[derive(Debug)]
pub(super) struct Lit {
    line: LitLine,
    /// Lightpaths that are named: each lights two paths, there and back, from this place on.
    named: Vec<Named>,
}

/// A lightpath that is named.
#[derive(Debug)]
struct Named {
    id: String,
    hops: Vec<Hop>,
    channel: Channel,
    mode: Option<TriedMode>,
    /// Position of its way there among all paths; the way back follows.
    first_path: usize,
}

/// What the lit channels are read against.
pub(super) struct Surroundings<'a> {
    pub network: &'a Network,
    pub line: &'a TopologyLine,
    pub equipment: &'a Equipment,
    pub spectral: &'a SpectralInformation,
    pub power_dbm: f64,
}

impl Surroundings<'_> {
    fn channel(&self, frequency_hz: f64, baud_rate: f64, slot_width_hz: f64, offset_db: f64) -> Channel {
        Channel {
            frequency_hz,
            baud_rate,
            slot_width_hz,
            roll_off: self.spectral.roll_off,
            offset_db,
            tx_osnr_db: self.spectral.tx_osnr_db,
            tx_power_dbm: self.power_dbm,
        }
    }

    /// The hops back.
    fn back(hops: &[Hop]) -> Vec<Hop> {
        let turn = |direction| if direction == Direction::Ab { Direction::Ba } else { Direction::Ab };
        hops.iter().rev().map(|hop| Hop { direction: turn(hop.direction), ..hop.clone() }).collect()
    }

    /// All runs of links from one site where channels are added to the next, over the first fibre of each link.
    fn sections(&self) -> Vec<Vec<Hop>> {
        let adds = |node: NodeIndex| self.line.site(node).is_some();
        let hop = |step: &Adjacent| {
            let link = &self.network.links[step.link];
            let fibre = self.network.fibres[link.first_fibre].id.clone();
            Hop { link: link.id.clone(), fibre, direction: step.direction }
        };
        let mut sections = Vec::new();
        for from in (0..self.network.nodes.len()).filter(|&node| adds(node)) {
            for first in &self.network.adjacency[from] {
                let (mut at, mut hops) = (*first, vec![hop(first)]);
                // through amplifier sites, which have one way on
                while !adds(at.node) && hops.len() <= self.network.links.len() {
                    let on = self.network.adjacency[at.node].iter().find(|step| step.link != at.link);
                    let Some(on) = on else { break };
                    hops.push(hop(on));
                    at = *on;
                }
                if adds(at.node) {
                    sections.push(hops);
                }
            }
        }
        sections
    }

    /// A channel on each of its links, added before and dropped behind.
    fn on_links(&self, at: usize, lit: &LitChannel) -> Result<Vec<LitPath>, AlgorithmError> {
        for (position, link) in lit.links.iter().enumerate() {
            if self.network.link(link).is_none() {
                let detail = format!("{link:?} is no link of the topology");
                return Err(invalid(format!("/lit/{at}/links/{position}"), detail));
            }
        }
        let channel = self.channel(
            // whole Hertz: neighbours given in decimals of a THz would overlap by rounding
            (lit.frequency_thz * 1e12).round(),
            lit.baud_rate_gbd * 1e9,
            (lit.slot_width_ghz * 1e9).round(),
            lit.offset_db,
        );
        let on =
            |hops: &Vec<Hop>| lit.links.is_empty() || hops.iter().any(|hop| lit.links.contains(&hop.link));
        let path = |hops: Vec<Hop>| {
            let route =
                self.line.route(&hops).map_err(|error| invalid(format!("/lit/{at}"), error.to_string()))?;
            Ok::<_, AlgorithmError>(LitPath { route, channel })
        };
        self.sections().into_iter().filter(on).map(path).collect()
    }

    /// A lightpath there and back, and its mode; where none is its own, that for all.
    fn lightpath(
        &self,
        at: &str,
        lit: &LitLightpath,
        for_all: Option<&TriedMode>,
    ) -> Result<([LitPath; 2], Channel, Option<TriedMode>), AlgorithmError> {
        let own = lit.mode.as_ref().map(|mode| self.mode(mode, &format!("{at}/mode"))).transpose()?;
        let mode = own.or_else(|| for_all.cloned());
        let baud_rate = lit.baud_rate_gbd.map(|gbd| gbd * 1e9);
        let of_mode = mode.as_ref().map(|tried| tried.mode.baud_rate);
        let baud_rate = baud_rate.or(of_mode).unwrap_or(self.spectral.baud_rate);
        let offset_db = lit.offset_db.or(mode.as_ref().map(|tried| tried.mode.equalisation_offset_db));
        let channel = Channel {
            roll_off: mode.as_ref().map_or(self.spectral.roll_off, |tried| tried.mode.roll_off),
            tx_osnr_db: mode.as_ref().map_or(self.spectral.tx_osnr_db, |tried| tried.mode.tx_osnr_db),
            ..self.channel(
                ORIGIN_HZ + LATTICE_HZ * f64::from(lit.n),
                baud_rate,
                2.0 * LATTICE_HZ * f64::from(lit.m),
                offset_db.unwrap_or(0.0),
            )
        };
        let path = |hops: &[Hop]| {
            let route = self.line.route(hops);
            let route = route.map_err(|error| refused(&format!("{at}/hops"), error.to_string()))?;
            Ok::<_, AlgorithmError>(LitPath { route, channel })
        };
        Ok(([path(&lit.hops)?, path(&Self::back(&lit.hops))?], channel, mode))
    }

    fn mode(&self, named: &LitMode, at: &str) -> Result<TriedMode, AlgorithmError> {
        let known = self.equipment.transceiver(&named.transceiver).ok_or_else(|| {
            let detail = format!("{:?} is no transceiver of the library", named.transceiver);
            invalid(format!("{at}/transceiver"), detail)
        })?;
        let mode = known.modes.iter().find(|mode| mode.name == named.mode).ok_or_else(|| {
            let modes: Vec<&str> = known.modes.iter().map(|mode| mode.name.as_str()).collect();
            let detail =
                format!("{:?} is no mode of {:?}; it has {}", named.mode, known.name, modes.join(", "));
            invalid(format!("{at}/mode"), detail)
        })?;
        Ok(TriedMode {
            transceiver: known.name.clone(),
            mode: mode.clone(),
            penalties: PenaltyCurves::new(&mode.penalties),
            band: [known.f_min_hz, known.f_max_hz],
            slot_width_hz: mode.min_spacing_hz,
            comb: None,
        })
    }
}

/// The lightpaths of the plan that is given as input: of each path that always carries light its segments.
fn planned(documents: &Documents) -> Result<Vec<LitLightpath>, AlgorithmError> {
    if documents.bytes("plan").is_none() {
        return Ok(Vec::new());
    }
    let document: serde_json::Value = documents.parse("plan")?;
    let plan = match plan_report_in(&document) {
        Some(report) => report.plan,
        None => documents.parse::<Plan>("plan")?,
    };
    let mut lit = Vec::new();
    for lightpath in &plan.lightpaths {
        for path in &lightpath.paths {
            let role = match path.role {
                PathRole::Working => "",
                PathRole::Protection => ", protection",
                PathRole::Restoration => continue,
            };
            for (segment, number) in path.segments.iter().zip(1..) {
                let part =
                    if path.segments.len() > 1 { format!(", segment {number}") } else { String::new() };
                lit.push(LitLightpath {
                    id: format!("{}{role}{part}", lightpath.id),
                    hops: segment.hops.clone(),
                    n: segment.n,
                    m: segment.m,
                    mode: None,
                    baud_rate_gbd: None,
                    offset_db: None,
                });
            }
        }
    }
    Ok(lit)
}

impl Lit {
    /// Lights what the parameters say is lit.
    pub(super) fn new(
        around: &Surroundings<'_>,
        params: &GsnrParams,
        documents: &Documents,
        propagation: &Arc<Propagation>,
    ) -> Result<Self, AlgorithmError> {
        let given = params.lightpaths.len();
        let lightpaths = [params.lightpaths.clone(), planned(documents)?].concat();
        if params.lit.is_empty() && lightpaths.is_empty() && documents.bytes("plan").is_none() {
            let detail = "the loading actual needs the channels that are lit: in lit, in lightpaths, or a plan as input";
            return Err(invalid("/lit".to_owned(), detail));
        }
        let for_all = params.lit_mode.as_ref().map(|mode| around.mode(mode, "/lit_mode")).transpose()?;
        let (mut paths, mut places, mut named) = (Vec::new(), Vec::new(), Vec::new());
        let mut ids = BTreeSet::new();
        for (at, lightpath) in lightpaths.iter().enumerate() {
            let place =
                if at < given { format!("/lightpaths/{at}") } else { format!("{OF_PLAN}{}", lightpath.id) };
            if !ids.insert(lightpath.id.as_str()) {
                let detail = format!("{:?} is there twice", lightpath.id);
                return Err(refused(&format!("{place}/id"), detail));
            }
            let (both, channel, mode) = around.lightpath(&place, lightpath, for_all.as_ref())?;
            let (id, hops) = (lightpath.id.clone(), lightpath.hops.clone());
            named.push(Named { id, hops, channel, mode, first_path: paths.len() });
            paths.extend(both);
            places.resize(paths.len(), place);
        }
        for (at, lit) in params.lit.iter().enumerate() {
            paths.extend(around.on_links(at, lit)?);
            places.resize(paths.len(), format!("/lit/{at}"));
        }
        let line = LitLine::new(Arc::clone(propagation), paths).map_err(|error| match error {
            LitError::Propagation(error) => impossible(&error),
            LitError::OutsideBand { path, .. } => refused(&places[path], error.to_string()),
            other => {
                let pointer = if params.lightpaths.is_empty() { "/lit" } else { "/lightpaths" };
                invalid(pointer.to_owned(), other.to_string())
            }
        })?;
        Ok(Self { line, named })
    }

    /// Whether every channel is strong enough for its targets everywhere.
    pub(super) fn is_levelled(&self) -> bool {
        self.line.is_levelled()
    }

    /// The channel of a named lightpath, and its mode.
    pub(super) fn named(&self, id: &str) -> Option<(Channel, Option<&TriedMode>)> {
        let named = self.named.iter().find(|named| named.id == id)?;
        Some((named.channel, named.mode.as_ref()))
    }

    /// The channels on the link of a route that begins at this place of it.
    pub(super) fn on_link(&self, route: &[usize], at: usize) -> Vec<Channel> {
        self.line.channels_behind([route[at], route[at + 1]]).collect()
    }

    /// What arrives of a further channel along a route, all lightpaths lit anew.
    pub(super) fn relit(&self, route: Vec<usize>, channel: Channel) -> Option<Received> {
        let paths = self.line.paths().cloned().chain([LitPath { route, channel }]).collect();
        let lit = LitLine::new(Arc::clone(self.line.propagation()), paths).ok()?;
        Some(lit.received(lit.len() - 1))
    }

    /// A new channel of a mode in the lowest slot that is free on all links of a route; none if none is.
    pub(super) fn free(&self, inputs: &GsnrInputs, tried: &TriedMode, route: &[usize]) -> Option<Channel> {
        let half_hz = tried.slot_width_hz / 2.0;
        // transceivers are where a site adds and drops: what it adds towards others takes no room
        let mut taken: Vec<Channel> = (1..route.len().saturating_sub(2))
            .flat_map(|at| self.line.channels_behind([route[at], route[at + 1]]))
            .collect();
        taken.sort_by(|a, b| a.frequency_hz.total_cmp(&b.frequency_hz));
        // the first centre of the lattice that is not below
        let from = |hz: f64| ORIGIN_HZ + ((hz - ORIGIN_HZ - ROUNDING_HZ) / LATTICE_HZ).ceil() * LATTICE_HZ;
        for band in inputs.propagation.common_bands(route) {
            let (low, high) = (band[0].max(tried.band[0]), band[1].min(tried.band[1]));
            let mut centre = from(low + half_hz);
            for other in &taken {
                let apart_hz = half_hz + other.slot_width_hz / 2.0;
                if (other.frequency_hz - centre).abs() + ROUNDING_HZ < apart_hz {
                    centre = from(other.frequency_hz + apart_hz);
                }
            }
            if centre + half_hz <= high + ROUNDING_HZ {
                return Some(inputs.channel_of(tried, centre));
            }
        }
        None
    }

    /// What arrives of a further channel along a route.
    pub(super) fn received(&self, route: Vec<usize>, channel: Channel) -> Result<Received, AlgorithmError> {
        let lit = self.line.with(vec![LitPath { route, channel }]).map_err(|error| match error {
            LitError::Propagation(error) => impossible(&error),
            other => invalid("/lit".to_owned(), other.to_string()),
        })?;
        Ok(lit.received(lit.len() - 1))
    }

    /// The rows of the named lightpaths, each in its worse direction.
    pub(super) fn lightpaths(&self, inputs: &GsnrInputs) -> Vec<LightpathQuality> {
        self.named.iter().map(|named| self.lightpath(inputs, named)).collect()
    }

    fn lightpath(&self, inputs: &GsnrInputs, named: &Named) -> LightpathQuality {
        let ways = [named.hops.clone(), Surroundings::back(&named.hops)];
        let rows = ways.into_iter().enumerate().map(|(way, hops)| {
            let received = self.line.received(named.first_path + way);
            let gsnr_db_01nm = received.gsnr_db(Bandwidth::Nanometre01)[0];
            let osnr_db_01nm = received.osnr_db(Bandwidth::Nanometre01)[0];
            let margin = named.mode.as_ref().map(|mode| Margin::least(inputs, mode, received));
            let end = |hop: &Hop, end: usize| {
                let link =
                    &inputs.network.links[inputs.network.link(&hop.link).expect("it was found before")];
                let ends = if hop.direction == Direction::Ab { [link.a, link.b] } else { [link.b, link.a] };
                inputs.network.nodes[ends[end]].id.clone()
            };
            LightpathQuality {
                id: named.id.clone(),
                from: hops.first().map_or_else(String::new, |hop| end(hop, 0)),
                to: hops.last().map_or_else(String::new, |hop| end(hop, 1)),
                frequency_thz: named.channel.frequency_hz * 1e-12,
                transceiver: named.mode.as_ref().map(|mode| mode.transceiver.clone()),
                mode: named.mode.as_ref().map(|mode| mode.mode.name.clone()),
                gsnr_db_01nm,
                osnr_db_01nm,
                margin_db: margin.and_then(|margin| margin.left_db.is_finite().then_some(margin.left_db)),
                feasible: margin.map(Margin::suffices),
                hops,
            }
        });
        let least = |row: &LightpathQuality| (row.margin_db.unwrap_or(f64::NEG_INFINITY), row.gsnr_db_01nm);
        let worse = rows.min_by(|a, b| {
            let (a, b) = (least(a), least(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        worse.expect("two ways")
    }
}
