//! Rows against propagation through every element, which shares nothing with the folded links that made the margins.
//!
//! Every row is checked by the shard that makes it ([`rows`]), so that the work is spread as the making is. The report is
//! checked once more where it is put together ([`violations`]): every row and the summary for what needs no light, and
//! some rows, at equal distances, with light.

use optics::decibel::{from_db, to_db};
use optics::plan::Hop;
use optics::propagation::{Bandwidth, Channel, Comb, Gains, Received};
use optics::quality::{LightpathQuality, ModeQuality, QualityReport, RouteQuality};
use optics::violation::Violation;

use super::inputs::{GsnrInputs, TriedMode};
use super::lit::Lit;
use super::route::{Margin, best};
use crate::control::Control;
use crate::error::AlgorithmError;

/// Rows of a finished report that are sent light along again. Their shards did so for all of them; what could go wrong
/// since is that rows are mixed up, which would not spare these.
const ROWS_AGAIN: usize = 200;

/// Most that two ways to the same figure may differ, in dB.
const SAME_DB: f64 = 1e-6;

/// What is wrong with rows that were just made.
pub(super) fn rows(
    inputs: &GsnrInputs,
    rows: &[RouteQuality],
    control: &Control,
) -> Result<Vec<Violation>, AlgorithmError> {
    let mut violations = Vec::new();
    for row in rows {
        control.check()?;
        violations.extend(check(inputs, row).err().map(|broken| violation(row, broken)));
    }
    Ok(violations)
}

/// What is wrong with a report.
pub(super) fn violations(inputs: &GsnrInputs, report: &QualityReport) -> Vec<Violation> {
    let mut violations = Vec::new();
    for row in &report.routes {
        violations.extend(check_form(inputs, row).err().map(|broken| violation(row, broken)));
    }
    if violations.is_empty() {
        let stride = report.routes.len().div_ceil(ROWS_AGAIN).max(1);
        let again = report.routes.iter().step_by(stride);
        violations.extend(again.filter_map(|row| Some(violation(row, check(inputs, row).err()?))));
    }
    // rows without all modes cannot be summed up
    if violations.is_empty() {
        let counted = super::summary(inputs, report.summary.loading, &report.routes);
        if counted != report.summary {
            let (rule, subject) = ("SUMMARY_WRONG".to_owned(), "summary".to_owned());
            violations.push(Violation { rule, subject, detail: format!("its rows give {counted:?}") });
        }
    }
    violations.extend(report.lightpaths.iter().filter_map(|row| {
        let (rule, detail) = check_lightpath(inputs, row).err()?;
        Some(Violation { rule: rule.to_owned(), subject: format!("lightpath {}", row.id), detail })
    }));
    violations
}

fn violation(row: &RouteQuality, (rule, detail): Broken) -> Violation {
    let subject = format!("{} to {}, route {}", row.from, row.to, row.rank);
    Violation { rule: rule.to_owned(), subject, detail }
}

type Broken = (&'static str, String);

/// What needs no light: the route hangs together, all modes are there, the best of them is named.
fn check_form(inputs: &GsnrInputs, row: &RouteQuality) -> Result<(), Broken> {
    let node = |id: &str| {
        inputs.network.node(id).ok_or_else(|| ("ROUTE_BROKEN", format!("there is no node {id:?}")))
    };
    let (from, to) = (node(&row.from)?, node(&row.to)?);
    let mut at = from;
    for hop in &row.hops {
        let link = inputs.network.link(&hop.link);
        let step = link.and_then(|link| inputs.network.adjacency[at].iter().find(|step| step.link == link));
        let step = step.filter(|step| step.direction == hop.direction).ok_or_else(|| {
            ("ROUTE_BROKEN", format!("link {:?} does not leave {:?}", hop.link, inputs.network.nodes[at].id))
        })?;
        at = step.node;
    }
    if at != to {
        return Err(("ROUTE_BROKEN", format!("it ends at {:?}", inputs.network.nodes[at].id)));
    }
    let named = |(mode, tried): (&ModeQuality, &TriedMode)| {
        mode.mode == tried.mode.name && mode.transceiver == tried.transceiver
    };
    if row.modes.len() != inputs.modes.len() || !row.modes.iter().zip(&inputs.modes).all(named) {
        return Err(("MODES_MISSING", format!("{} of {} modes", row.modes.len(), inputs.modes.len())));
    }
    let best = best(&row.modes);
    if best != row.best_mode {
        return Err(("BEST_MODE_WRONG", format!("it is {best:?}")));
    }
    Ok(())
}

fn check(inputs: &GsnrInputs, row: &RouteQuality) -> Result<(), Broken> {
    check_form(inputs, row)?;
    let received = run(inputs, &row.hops, &inputs.reference)?;
    let least = received.gsnr_db(Bandwidth::Nanometre01).into_iter().fold(f64::INFINITY, f64::min);
    same("GSNR", row.gsnr_db_01nm, least)?;
    // modes of one symbol rate see the same light
    let mut last: Option<(&Comb, Received)> = None;
    for (mode, tried) in row.modes.iter().zip(&inputs.modes) {
        let whole = match (&inputs.lit, &tried.comb) {
            (Some(lit), _) => among_lit(inputs, lit, tried, &row.hops)?,
            (None, None) => None,
            (None, Some(comb)) => {
                let received = match last.take() {
                    Some((known, received)) if known == comb => Some(received),
                    _ => run(inputs, &row.hops, comb).ok(),
                };
                last = received.map(|received| (comb, received));
                last.as_ref().map(|(_, received)| Margin::least(inputs, tried, received.clone()))
            }
        };
        check_mode(inputs, row, mode, tried, whole)?;
    }
    Ok(())
}

fn check_mode(
    inputs: &GsnrInputs,
    row: &RouteQuality,
    mode: &ModeQuality,
    tried: &TriedMode,
    whole: Option<Margin>,
) -> Result<(), Broken> {
    let works = whole.is_some_and(Margin::suffices);
    if works != mode.feasible {
        return Err((
            "MODE_WRONG",
            format!("mode {:?}: feasible is {}, not {works}", mode.mode, mode.feasible),
        ));
    }
    let finite = |value: f64| value.is_finite().then_some(value);
    for (what, reported, found) in [
        ("GSNR", mode.gsnr_db_01nm, whole.map(|whole| whole.gsnr_db_01nm)),
        ("penalty", mode.penalty_db, whole.and_then(|whole| finite(whole.penalty_db))),
        ("margin", mode.margin_db, whole.and_then(|whole| finite(whole.left_db))),
        ("channel", mode.channel_thz, whole.map(|whole| whole.channel_hz * 1e-12)),
    ] {
        match (reported, found) {
            (Some(reported), Some(found)) => same(what, reported, found)?,
            (None, None) => {}
            (None, Some(found)) => {
                let detail = format!("mode {:?}: the {what} is left out, it is {found:.6}", mode.mode);
                return Err(("FIGURE_MISSING", detail));
            }
            (Some(reported), None) => {
                let detail = format!("mode {:?}: there is no {what}, not {reported:.6}", mode.mode);
                return Err(("FIGURE_WRONG", detail));
            }
        }
    }
    if mode.regenerators.is_none() {
        return Ok(());
    }
    // the segments between regenerators work; a route that needs none is the one looked at already
    if mode.regenerator_nodes.is_empty() && works {
        return Ok(());
    }
    let mut begin = 0;
    let ends_at = |hop: &Hop, node: &String| inputs.network.nodes[inputs.end_of(hop)].id == *node;
    let last = (!row.hops.is_empty()).then_some(&row.to);
    for node in mode.regenerator_nodes.iter().chain(last) {
        let length = row.hops[begin..].iter().position(|hop| ends_at(hop, node)).ok_or_else(|| {
            ("REGENERATOR_OFF_ROUTE", format!("mode {:?}: {node:?} is not on the route", mode.mode))
        })?;
        let segment = &row.hops[begin..=begin + length];
        let margin = match (&inputs.lit, &tried.comb) {
            (Some(lit), _) => among_lit(inputs, lit, tried, segment)?,
            (None, comb) => {
                let received = comb.as_ref().map(|comb| run(inputs, segment, comb)).transpose()?;
                received.map(|received| Margin::least(inputs, tried, received))
            }
        };
        if !margin.is_some_and(Margin::suffices) {
            return Err(("SEGMENT_TOO_LONG", format!("mode {:?} does not get to {node:?}", mode.mode)));
        }
        begin += segment.len();
    }
    Ok(())
}

/// The margin of a new channel of a mode in the lowest free slot, among what is lit.
fn among_lit(
    inputs: &GsnrInputs,
    lit: &Lit,
    tried: &TriedMode,
    hops: &[Hop],
) -> Result<Option<Margin>, Broken> {
    let elements = inputs.elements(hops).map_err(|error| ("ROUTE_BROKEN", error.to_string()))?;
    let Some(channel) = lit.free(inputs, tried, &elements) else { return Ok(None) };
    if !lit.is_levelled() {
        // links depend on each other then: there is no shorter way than to light everything anew
        let received = lit.relit(elements, channel);
        return Ok(received.map(|received| Margin::least(inputs, tried, received)));
    }
    let (noise, received) = link_by_link(inputs, lit, hops, channel)?;
    Ok(Some(margin_of(inputs, tried, channel, noise, received)))
}

/// Noise over signal of a channel among what is lit, in its bandwidth, without ROADMs and transmitter: each link as a
/// route of its own, from adding to dropping, with the channels that are lit on it. And the channel alone along the
/// whole route, for all that does not depend on others.
fn link_by_link(
    inputs: &GsnrInputs,
    lit: &Lit,
    hops: &[Hop],
    channel: Channel,
) -> Result<(f64, Received), Broken> {
    let own = |other: &Channel| (other.frequency_hz - channel.frequency_hz).abs() < 1.0;
    let mut kept = 1.0;
    let mut begin = 0;
    for end in 0..hops.len() {
        if inputs.line.site(inputs.end_of(&hops[end])).is_none() {
            continue;
        }
        let link = &hops[begin..=end];
        begin = end + 1;
        let elements = inputs.elements(link).map_err(|error| ("ROUTE_BROKEN", error.to_string()))?;
        let mut channels = lit.on_link(&elements, 1);
        if !channels.iter().any(own) {
            channels.push(channel);
        }
        let comb = Comb::new(channels).map_err(|error| ("SLOT_TAKEN", error.to_string()))?;
        let received = run(inputs, link, &comb)?;
        let position = received.comb().iter().position(|other| own(&other));
        let position = position.ok_or_else(|| ("NO_LIGHT", "the channel does not pass".to_owned()))?;
        kept *= 1.0 + from_db(-received.line_gsnr_db(Bandwidth::Signal)[position]);
    }
    let alone = Comb::new(vec![channel]).map_err(|error| ("NO_LIGHT", error.to_string()))?;
    Ok((kept - 1.0, run(inputs, hops, &alone)?))
}

fn margin_of(
    inputs: &GsnrInputs,
    tried: &TriedMode,
    channel: Channel,
    noise: f64,
    received: Received,
) -> Margin {
    let received = received.with_tx_osnr(tried.mode.tx_osnr_db);
    let alone = Bandwidth::Signal;
    let added = from_db(-received.gsnr_db(alone)[0]) - from_db(-received.line_gsnr_db(alone)[0]);
    let gsnr_db_01nm = -to_db((noise + added) * 12.5e9 / channel.baud_rate);
    let penalty_db = tried.penalties.of(&received)[0];
    let required_db = tried.mode.required_gsnr_db_01nm + inputs.system_margin_db;
    Margin {
        channel_hz: channel.frequency_hz,
        gsnr_db_01nm,
        penalty_db,
        left_db: gsnr_db_01nm - penalty_db - required_db,
    }
}

/// A lit lightpath link by link, where no link depends on another.
fn check_lightpath(inputs: &GsnrInputs, row: &LightpathQuality) -> Result<(), Broken> {
    let Some(lit) = inputs.lit.as_ref().filter(|lit| lit.is_levelled()) else { return Ok(()) };
    let (channel, tried) =
        lit.named(&row.id).ok_or_else(|| ("UNKNOWN", "no lightpath of this id is lit".to_owned()))?;
    let (noise, received) = link_by_link(inputs, lit, &row.hops, channel)?;
    let signal = Bandwidth::Signal;
    let added = from_db(-received.gsnr_db(signal)[0]) - from_db(-received.line_gsnr_db(signal)[0]);
    same("GSNR", row.gsnr_db_01nm, -to_db((noise + added) * 12.5e9 / channel.baud_rate))?;
    let margin = tried.map(|tried| margin_of(inputs, tried, channel, noise, received));
    let left = margin.and_then(|margin| margin.left_db.is_finite().then_some(margin.left_db));
    match (row.margin_db, left) {
        (Some(reported), Some(found)) => same("margin", reported, found)?,
        (None, None) => {}
        (reported, found) => {
            return Err(("FIGURE_MISSING", format!("the margin is {found:?}, not {reported:?}")));
        }
    }
    if row.feasible != margin.map(Margin::suffices) {
        return Err(("MODE_WRONG", format!("feasible is {:?}", row.feasible)));
    }
    Ok(())
}

fn run(inputs: &GsnrInputs, hops: &[Hop], comb: &Comb) -> Result<Received, Broken> {
    let elements = inputs.elements(hops).map_err(|error| ("ROUTE_BROKEN", error.to_string()))?;
    let received = inputs.propagation.run(&elements, comb, &mut Gains::default());
    received.map_err(|error| ("NO_LIGHT", error.to_string()))
}

fn same(what: &str, reported: f64, found: f64) -> Result<(), Broken> {
    if (reported - found).abs() <= SAME_DB {
        return Ok(());
    }
    Err(("FIGURE_WRONG", format!("{what} is {found:.6}, not {reported:.6}")))
}
