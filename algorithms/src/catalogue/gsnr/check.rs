//! Rows against propagation through every element, which shares nothing with the folded links that made the margins.

use optics::plan::Hop;
use optics::propagation::{Bandwidth, Gains};
use optics::quality::{ModeQuality, QualityReport, RouteQuality};
use optics::violation::Violation;

use super::inputs::{GsnrInputs, TriedMode};
use super::route::Margin;

/// Rows that are looked at: more are sampled at equal distances, since one costs as much as it took to make.
const ROWS: usize = 1_000;

/// Most that two ways to the same figure may differ, in dB.
const SAME_DB: f64 = 1e-6;

/// What is wrong with a report.
pub(super) fn violations(inputs: &GsnrInputs, report: &QualityReport) -> Vec<Violation> {
    let stride = report.routes.len().div_ceil(ROWS).max(1);
    let mut violations = Vec::new();
    for row in report.routes.iter().step_by(stride) {
        if let Err((rule, detail)) = check(inputs, row) {
            let subject = format!("{} to {}, route {}", row.from, row.to, row.rank);
            violations.push(Violation { rule: rule.to_owned(), subject, detail });
        }
    }
    violations
}

type Broken = (&'static str, String);

fn check(inputs: &GsnrInputs, row: &RouteQuality) -> Result<(), Broken> {
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
    let received = run(inputs, &row.hops, &inputs.reference)?;
    let least = received.gsnr_db(Bandwidth::Nanometre01).into_iter().fold(f64::INFINITY, f64::min);
    same("GSNR", row.gsnr_db_01nm, least)?;
    if row.modes.len() != inputs.modes.len() {
        return Err(("MODES_MISSING", format!("{} of {} modes", row.modes.len(), inputs.modes.len())));
    }
    for (mode, tried) in row.modes.iter().zip(&inputs.modes) {
        check_mode(inputs, row, mode, tried)?;
    }
    Ok(())
}

fn check_mode(
    inputs: &GsnrInputs,
    row: &RouteQuality,
    mode: &ModeQuality,
    tried: &TriedMode,
) -> Result<(), Broken> {
    let margin_of = |hops: &[Hop]| match &tried.comb {
        Some(comb) => run(inputs, hops, comb).map(|received| Some(Margin::least(inputs, tried, received))),
        None => Ok(None),
    };
    let whole = margin_of(&row.hops).unwrap_or(None);
    let works = whole.is_some_and(Margin::suffices);
    if works != mode.feasible {
        return Err((
            "MODE_WRONG",
            format!("mode {:?}: feasible is {}, not {works}", mode.mode, mode.feasible),
        ));
    }
    if let (Some(whole), Some(margin_db)) = (whole, mode.margin_db) {
        same("margin", margin_db, whole.left_db)?;
    }
    if mode.regenerators.is_none() {
        return Ok(());
    }
    // the segments between regenerators work
    let mut begin = 0;
    let ends_at = |hop: &Hop, node: &String| inputs.network.nodes[inputs.end_of(hop)].id == *node;
    let last = (!row.hops.is_empty()).then_some(&row.to);
    for node in mode.regenerator_nodes.iter().chain(last) {
        let length = row.hops[begin..].iter().position(|hop| ends_at(hop, node)).ok_or_else(|| {
            ("REGENERATOR_OFF_ROUTE", format!("mode {:?}: {node:?} is not on the route", mode.mode))
        })?;
        let segment = &row.hops[begin..=begin + length];
        if !margin_of(segment)?.is_some_and(Margin::suffices) {
            return Err(("SEGMENT_TOO_LONG", format!("mode {:?} does not get to {node:?}", mode.mode)));
        }
        begin += segment.len();
    }
    Ok(())
}

fn run(
    inputs: &GsnrInputs,
    hops: &[Hop],
    comb: &optics::propagation::Comb,
) -> Result<optics::propagation::Received, Broken> {
    let elements = inputs.elements(hops).map_err(|error| ("ROUTE_BROKEN", error.to_string()))?;
    let received = inputs.propagation.run(&elements, comb, &mut Gains::default());
    received.map_err(|error| ("NO_LIGHT", error.to_string()))
}

fn same(what: &str, reported: f64, found: f64) -> Result<(), Broken> {
    if (reported - found).abs() <= SAME_DB {
        return Ok(());
    }
    Err(("FIGURE_WRONG", format!("{what} is {found:.6} dB, not {reported:.6} dB")))
}
