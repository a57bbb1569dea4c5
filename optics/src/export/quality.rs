//! Quality reports as tables: one row per route as comma-separated values, and a workbook with a sheet for each part.

use super::ExportError;
use super::rows::{Value, number};
use super::{csv, xlsx};
use crate::plan::Hop;
use crate::quality::{LightpathQuality, ModeQuality, QualityReport, RouteQuality};

const ROUTE_COLUMNS: [&str; 21] = [
    "from",
    "to",
    "rank",
    "links",
    "length_km",
    "spans",
    "latency_ms",
    "gsnr_db_01nm",
    "osnr_db_01nm",
    "worst_channel_thz",
    "chromatic_dispersion_ps_per_nm",
    "pmd_ps",
    "pdl_db",
    "worst_span",
    "worst_span_km",
    "worst_span_noise_share",
    "best_transceiver",
    "best_mode",
    "best_rate_gbps",
    "best_margin_db",
    "regenerators",
];

const MODE_COLUMNS: [&str; 13] = [
    "from",
    "to",
    "rank",
    "transceiver",
    "mode",
    "rate_gbps",
    "gsnr_db_01nm",
    "channel_thz",
    "penalty_db",
    "margin_db",
    "feasible",
    "regenerators",
    "regenerator_nodes",
];

const LIGHTPATH_COLUMNS: [&str; 11] = [
    "lightpath",
    "from",
    "to",
    "links",
    "frequency_thz",
    "transceiver",
    "mode",
    "gsnr_db_01nm",
    "osnr_db_01nm",
    "margin_db",
    "feasible",
];

/// The routes as comma-separated values, one row for each.
pub(super) fn table(report: &QualityReport) -> String {
    csv::text(&ROUTE_COLUMNS, report.routes.iter().map(|route| Vec::from(route_row(route))))
}

/// Sheets summary, modes of the whole, routes, modes of each route, lightpaths, unreachable pairs.
pub(super) fn workbook(report: &QualityReport) -> Result<Vec<u8>, ExportError> {
    let mut book = xlsx::Book::new()?;
    book.sheet("summary", &["figure", "value"], summary(report).into_iter())?;
    let reach = report.summary.modes.iter().map(|mode| {
        vec![
            text(&mode.transceiver),
            text(&mode.mode),
            Value::Number(mode.routes as f64),
            optional(mode.longest_km),
        ]
    });
    book.sheet("reach", &["transceiver", "mode", "routes", "longest_km"], reach)?;
    book.sheet("routes", &ROUTE_COLUMNS, report.routes.iter().map(|route| Vec::from(route_row(route))))?;
    let modes = report
        .routes
        .iter()
        .flat_map(|route| route.modes.iter().map(move |mode| Vec::from(mode_row(route, mode))));
    book.sheet("modes", &MODE_COLUMNS, modes)?;
    let lightpaths = report.lightpaths.iter().map(|lightpath| Vec::from(lightpath_row(lightpath)));
    book.sheet("lightpaths", &LIGHTPATH_COLUMNS, lightpaths)?;
    let unreachable = report.unreachable.iter().map(|pair| vec![text(&pair.from), text(&pair.to)]);
    book.sheet("unreachable", &["from", "to"], unreachable)?;
    book.bytes()
}

fn summary(report: &QualityReport) -> Vec<Vec<Value>> {
    let summary = &report.summary;
    let count = |count: usize| Value::Number(count as f64);
    let mut rows = vec![
        vec![text("routes"), count(summary.routes)],
        vec![text("routes without regeneration"), count(summary.routes_without_regeneration)],
        vec![text("routes out of reach"), count(summary.routes_out_of_reach)],
        vec![text("least GSNR dB/0.1 nm"), optional(summary.least_gsnr_db_01nm)],
        vec![text("loading"), text(loading(report))],
        vec![text("system margin dB"), Value::Number(summary.system_margin_db)],
    ];
    rows.extend(report.notes.iter().map(|note| vec![text("note"), text(note)]));
    rows
}

fn loading(report: &QualityReport) -> &'static str {
    match report.summary.loading {
        crate::quality::Loading::LikeItself => "like_itself",
        crate::quality::Loading::ReferenceFull => "reference_full",
        crate::quality::Loading::Actual => "actual",
    }
}

fn route_row(route: &RouteQuality) -> [Value; 21] {
    let worst = route.worst_span.as_ref();
    let best = route.best_mode.as_ref();
    let chosen = best.and_then(|best| {
        route.modes.iter().find(|mode| mode.mode == best.mode && mode.transceiver == best.transceiver)
    });
    [
        text(&route.from),
        text(&route.to),
        Value::Number(f64::from(route.rank)),
        text(&links(&route.hops)),
        rounded(route.length_km),
        Value::Number(f64::from(route.spans)),
        Value::Number(route.latency_ms),
        Value::Number(route.gsnr_db_01nm),
        Value::Number(route.osnr_db_01nm),
        Value::Number(route.worst_channel_thz),
        Value::Number(route.chromatic_dispersion_ps_per_nm),
        Value::Number(route.pmd_ps),
        Value::Number(route.pdl_db),
        text(worst.map_or("", |worst| &worst.fibre)),
        optional(worst.map(|worst| worst.length_km)),
        optional(worst.map(|worst| worst.noise_share)),
        text(best.map_or("", |best| &best.transceiver)),
        text(best.map_or("", |best| &best.mode)),
        optional(best.map(|best| best.rate_gbps)),
        optional(chosen.and_then(|mode| mode.margin_db)),
        optional(best.map(|best| f64::from(best.regenerators))),
    ]
}

fn mode_row(route: &RouteQuality, mode: &ModeQuality) -> [Value; 13] {
    [
        text(&route.from),
        text(&route.to),
        Value::Number(f64::from(route.rank)),
        text(&mode.transceiver),
        text(&mode.mode),
        Value::Number(mode.rate_gbps),
        optional(mode.gsnr_db_01nm),
        optional(mode.channel_thz),
        optional(mode.penalty_db),
        optional(mode.margin_db),
        yes_or_no(Some(mode.feasible)),
        optional(mode.regenerators.map(f64::from)),
        text(&mode.regenerator_nodes.join(" ")),
    ]
}

fn lightpath_row(lightpath: &LightpathQuality) -> [Value; 11] {
    [
        text(&lightpath.id),
        text(&lightpath.from),
        text(&lightpath.to),
        text(&links(&lightpath.hops)),
        Value::Number(lightpath.frequency_thz),
        text(lightpath.transceiver.as_deref().unwrap_or("")),
        text(lightpath.mode.as_deref().unwrap_or("")),
        Value::Number(lightpath.gsnr_db_01nm),
        Value::Number(lightpath.osnr_db_01nm),
        optional(lightpath.margin_db),
        yes_or_no(lightpath.feasible),
    ]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn optional(value: Option<f64>) -> Value {
    value.map_or_else(|| text(""), Value::Number)
}

fn rounded(value: f64) -> Value {
    number(value).parse().map_or(Value::Number(value), Value::Number)
}

fn yes_or_no(value: Option<bool>) -> Value {
    text(value.map_or("", |value| if value { "yes" } else { "no" }))
}

fn links(hops: &[Hop]) -> String {
    hops.iter().map(|hop| hop.link.as_str()).collect::<Vec<_>>().join(" > ")
}
