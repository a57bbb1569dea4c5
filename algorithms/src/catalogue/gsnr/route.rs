//! The quality of one route.

use optics::line::{ElementIndex, ElementKind};
use optics::network::NodeIndex;
use optics::plan::{Direction, Hop};
use optics::propagation::{Bandwidth, FoldedLine, Gains, Passed, PropagationError, Received};
use optics::quality::{BestMode, ModeQuality, RouteQuality, WorstSpan};

use super::inputs::{GsnrInputs, TriedMode};
use super::regeneration;
use crate::error::AlgorithmError;

/// The nodes at the ends of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub from: NodeIndex,
    pub to: NodeIndex,
}

/// The row of a route.
pub(super) fn quality(
    inputs: &GsnrInputs,
    line: &FoldedLine<'_>,
    ends: Ends,
    rank: u32,
    hops: Vec<Hop>,
) -> Result<RouteQuality, AlgorithmError> {
    let elements = inputs.elements(&hops)?;
    let traced = inputs.propagation.run_traced(&elements, &inputs.reference, &mut Gains::default());
    let (received, passed) = traced.map_err(|error| impossible(&error))?;
    let gsnr = received.gsnr_db(Bandwidth::Nanometre01);
    let (worst, gsnr_db_01nm) = gsnr
        .iter()
        .copied()
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .expect("a comb has at least one channel");
    let modes: Vec<ModeQuality> =
        inputs.modes.iter().map(|mode| of_mode(inputs, line, mode, &hops)).collect::<Result<_, _>>()?;
    let fibres = || elements.iter().filter_map(|&element| fibre_km(inputs, element));
    let node = |node: NodeIndex| inputs.network.nodes[node].id.clone();
    let most = |values: Vec<f64>| values.into_iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    Ok(RouteQuality {
        from: node(ends.from),
        to: node(ends.to),
        rank,
        length_km: fibres().sum(),
        spans: u32::try_from(fibres().count()).unwrap_or(u32::MAX),
        latency_ms: received.latency_ms(),
        gsnr_db_01nm,
        osnr_db_01nm: received.osnr_db(Bandwidth::Nanometre01)[worst],
        worst_channel_thz: received.comb().channels().frequency_hz[worst] * 1e-12,
        chromatic_dispersion_ps_per_nm: most(received.cd_ps_per_nm()),
        pmd_ps: most(received.pmd_ps()),
        pdl_db: most(received.pdl_db()),
        worst_span: worst_span(inputs, &passed, worst, &hops),
        best_mode: best(&modes),
        modes,
        hops,
    })
}

impl GsnrInputs {
    /// The elements that light passes, from transceiver to transceiver.
    pub(super) fn elements(&self, hops: &[Hop]) -> Result<Vec<ElementIndex>, AlgorithmError> {
        self.line.route(hops).map_err(|error| AlgorithmError::InvalidParams {
            pointer: "/routes".to_owned(),
            detail: error.to_string(),
        })
    }

    /// The node to which a hop leads.
    pub(super) fn end_of(&self, hop: &Hop) -> NodeIndex {
        let link = self.network.link(&hop.link).expect("hops are made of the network's links");
        let link = &self.network.links[link];
        if hop.direction == Direction::Ab { link.b } else { link.a }
    }
}

/// What is wrong with light on a line is wrong with the equipment it is made of.
pub(super) fn impossible(error: &PropagationError) -> AlgorithmError {
    AlgorithmError::InvalidInput {
        role: "equipment".to_owned(),
        pointer: String::new(),
        detail: error.to_string(),
    }
}

fn fibre_km(inputs: &GsnrInputs, element: ElementIndex) -> Option<f64> {
    match &inputs.line.network.element(element).kind {
        ElementKind::Fibre(fibre) => Some(fibre.length_m / 1e3),
        _ => None,
    }
}

/// A mode on a route, regenerated where it must be.
fn of_mode(
    inputs: &GsnrInputs,
    line: &FoldedLine<'_>,
    tried: &TriedMode,
    hops: &[Hop],
) -> Result<ModeQuality, AlgorithmError> {
    let margin = margin(inputs, line, tried, hops)?;
    let feasible = margin.is_some_and(Margin::suffices);
    let nodes = if feasible { Some(Vec::new()) } else { regeneration::nodes(inputs, line, tried, hops)? };
    let finite = |value: f64| value.is_finite().then_some(value);
    Ok(ModeQuality {
        transceiver: tried.transceiver.clone(),
        mode: tried.mode.name.clone(),
        rate_gbps: tried.mode.bit_rate / 1e9,
        gsnr_db_01nm: margin.map(|margin| margin.gsnr_db_01nm),
        channel_thz: margin.map(|margin| margin.channel_hz * 1e-12),
        penalty_db: margin.and_then(|margin| finite(margin.penalty_db)),
        margin_db: margin.and_then(|margin| finite(margin.left_db)),
        feasible,
        regenerators: nodes.as_ref().map(|nodes| u32::try_from(nodes.len()).unwrap_or(u32::MAX)),
        regenerator_nodes: nodes.unwrap_or_default(),
    })
}

/// What is left of a mode's channel with the least margin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Margin {
    pub channel_hz: f64,
    pub gsnr_db_01nm: f64,
    pub penalty_db: f64,
    pub left_db: f64,
}

impl Margin {
    /// Whether the mode works: at the precision of 0.01 dB at which modes are specified, as in GNPy.
    pub fn suffices(self) -> bool {
        (self.left_db * 100.0).round_ties_even() >= 0.0
    }

    /// Of the channel with the least margin.
    pub fn least(inputs: &GsnrInputs, tried: &TriedMode, received: Received) -> Self {
        let received = received.with_tx_osnr(tried.mode.tx_osnr_db);
        let required_db = tried.mode.required_gsnr_db_01nm + inputs.system_margin_db;
        let penalties = tried.penalties.of(&received);
        let gsnr = received.gsnr_db(Bandwidth::Nanometre01);
        let of_channel = |(&channel_hz, (gsnr_db_01nm, penalty_db)): (&f64, (f64, f64))| {
            let left_db = gsnr_db_01nm - penalty_db - required_db;
            Self { channel_hz, gsnr_db_01nm, penalty_db, left_db }
        };
        let frequency = &received.comb().channels().frequency_hz;
        let channels = frequency.iter().zip(gsnr.into_iter().zip(penalties)).map(of_channel);
        let least = channels.min_by(|a, b| a.left_db.total_cmp(&b.left_db));
        least.expect("a comb has at least one channel")
    }
}

/// The margin of a mode on a route without regeneration; none where none of its channels fits the line, or none is free.
pub(super) fn margin(
    inputs: &GsnrInputs,
    line: &FoldedLine<'_>,
    tried: &TriedMode,
    hops: &[Hop],
) -> Result<Option<Margin>, AlgorithmError> {
    let elements = inputs.elements(hops)?;
    if let Some(lit) = &inputs.lit {
        let Some(channel) = lit.free(inputs, tried, &elements) else { return Ok(None) };
        return Ok(Some(Margin::least(inputs, tried, lit.received(elements, channel)?)));
    }
    let Some(comb) = &tried.comb else { return Ok(None) };
    match line.route(&elements, comb) {
        Ok(folded) => Ok(Some(Margin::least(inputs, tried, folded.received()))),
        Err(PropagationError::NoChannel) => Ok(None),
        Err(error) => Err(impossible(&error)),
    }
}

/// Most capacity with fewest regenerators, then the largest margin.
pub(super) fn best(modes: &[ModeQuality]) -> Option<BestMode> {
    let possible = modes.iter().filter_map(|mode| Some((mode, mode.regenerators?)));
    let (mode, regenerators) = possible.min_by(|(a, a_regenerators), (b, b_regenerators)| {
        let margin = |mode: &ModeQuality| mode.margin_db.unwrap_or(f64::NEG_INFINITY);
        let regenerators = a_regenerators.cmp(b_regenerators);
        let rate = b.rate_gbps.total_cmp(&a.rate_gbps);
        regenerators.then(rate).then(margin(b).total_cmp(&margin(a)))
    })?;
    Some(BestMode {
        transceiver: mode.transceiver.clone(),
        mode: mode.mode.clone(),
        rate_gbps: mode.rate_gbps,
        regenerators,
    })
}

/// The span that adds most noise to a channel: a fibre with the amplifier behind it, and the booster before the first.
fn worst_span(inputs: &GsnrInputs, passed: &[Passed], channel: usize, hops: &[Hop]) -> Option<WorstSpan> {
    let noise = |passed: &Passed| {
        let noise_w = passed.ase_w[channel] + passed.nli_w[channel];
        noise_w / (passed.power_w[channel] - noise_w)
    };
    // per span its fibre and the noise over signal it adds
    let mut spans: Vec<(ElementIndex, f64)> = Vec::new();
    let (mut before, mut booster, mut in_span) = (0.0, 0.0, false);
    for state in passed {
        let added = noise(state) - before;
        before += added;
        match &inputs.line.network.element(state.element).kind {
            ElementKind::Fibre(_) => {
                spans.push((state.element, booster + added));
                (booster, in_span) = (0.0, true);
            }
            ElementKind::Roadm(_) => in_span = false,
            _ if in_span => spans.last_mut().expect("a span has begun").1 += added,
            _ => booster += added,
        }
    }
    let (element, added) =
        spans.into_iter().reduce(|most, span| if span.1 > most.1 { span } else { most })?;
    let hop = hops.iter().find(|hop| {
        let elements = inputs.line.hop(&hop.link, &hop.fibre, hop.direction);
        elements.is_some_and(|elements| elements.contains(&element))
    })?;
    Some(WorstSpan {
        link: hop.link.clone(),
        fibre: inputs.line.network.element(element).uid.clone(),
        length_km: fibre_km(inputs, element)?,
        noise_share: if before > 0.0 { added / before } else { 0.0 },
    })
}
