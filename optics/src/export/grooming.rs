//! Groomings as tables: the grooming table as comma-separated values, and a workbook with a sheet for each part.

use super::ExportError;
use super::rows::Value;
use super::{csv, xlsx};
use crate::grooming::{CardKind, GroomingReport, GroomingSummary, LightpathKind, TableRow};
use crate::manual_grooming::service_type_name;

const TABLE_COLUMNS: [&str; 11] = [
    "demand",
    "a",
    "b",
    "service_type",
    "count",
    "travels",
    "section",
    "matrix",
    "section_demand",
    "from",
    "to",
];

const LIGHTPATH_COLUMNS: [&str; 11] = [
    "lightpath",
    "demand",
    "a",
    "b",
    "kind",
    "rate_gbps",
    "capacity_gbps",
    "filling",
    "services",
    "groomouts",
    "cards",
];

/// The grooming table as comma-separated values: a row for each demand and type that travels whole, and one for each
/// section of what is split.
pub(super) fn table(report: &GroomingReport) -> String {
    csv::text(&TABLE_COLUMNS, report.table.iter().flat_map(table_rows))
}

/// Sheets summary, table, lightpaths, groomouts, cards, leftovers, connections, mapping.
pub(super) fn workbook(report: &GroomingReport) -> Result<Vec<u8>, ExportError> {
    let mut book = xlsx::Book::new()?;
    book.sheet("summary", &["figure", "value"], summary(report).into_iter())?;
    book.sheet("table", &TABLE_COLUMNS, report.table.iter().flat_map(table_rows))?;
    book.sheet("lightpaths", &LIGHTPATH_COLUMNS, lightpaths(report))?;
    let groomouts = report.groomouts.iter().map(|groomout| {
        vec![
            text(&groomout.id),
            text(&groomout.demand),
            Value::Number(groomout.rate_gbps),
            text(&groomout.services.join(" ")),
            text(groomout.lightpath.as_deref().unwrap_or("")),
            text(&groomout.cards.join(" ")),
            number(groomout.line),
        ]
    });
    let columns = ["groomout", "demand", "rate_gbps", "services", "lightpath", "cards", "line"];
    book.sheet("groomouts", &columns, groomouts)?;
    let cards = report.nodes.iter().flat_map(|node| {
        node.cards.iter().map(move |card| {
            vec![
                text(&node.node),
                number(card.rack),
                number(card.shelf),
                number(card.slots[0]),
                number(card.slots[1]),
                text(match card.kind {
                    CardKind::Tp1h => "TP1H",
                    CardKind::Mp1h => "MP1H",
                    CardKind::Mp2x => "MP2X",
                }),
                text(&card.demand),
                text(&card.carries.join(" ")),
            ]
        })
    });
    let columns = ["node", "rack", "shelf", "first_slot", "second_slot", "card", "demand", "carries"];
    book.sheet("cards", &columns, cards)?;
    let leftovers = report.leftovers.iter().map(|left| {
        let services: Vec<&str> =
            left.services.iter().flat_map(|group| &group.ids).map(String::as_str).collect();
        vec![
            text(&left.demand),
            Value::Number(left.rate_gbps),
            text(&services.join(" ")),
            text(&left.groomouts.join(" ")),
        ]
    });
    book.sheet("leftovers", &["demand", "rate_gbps", "services", "groomouts"], leftovers)?;
    let connections = report.connections.iter().map(|own| {
        vec![
            text(&own.demand),
            text(&own.nodes.join(" > ")),
            text(&own.links.join(" > ")),
            text(&own.carries.join(" ")),
        ]
    });
    book.sheet("connections", &["demand", "nodes", "links", "carries"], connections)?;
    let mapping = report.mapping.iter().flat_map(|split| {
        (1_u32..).zip(&split.pieces).map(move |(position, piece)| {
            vec![
                text(&split.demand),
                text(&split.service),
                number(position),
                text(&piece.matrix),
                text(&piece.demand),
                text(&piece.service),
            ]
        })
    });
    let columns = ["demand", "service", "position", "matrix", "piece_demand", "piece"];
    book.sheet("mapping", &columns, mapping)?;
    book.bytes()
}

fn table_rows(row: &TableRow) -> Vec<Vec<Value>> {
    let begin = |kind, count, travels| {
        let kind = service_type_name(kind);
        vec![text(&row.demand), text(&row.a), text(&row.b), text(kind), number(count), text(travels)]
    };
    let whole = row.end_to_end.iter().map(|entry| {
        let mut values = begin(entry.kind, entry.count, "whole");
        values.extend([number(1), text(""), text(&row.demand), text(&row.a), text(&row.b)]);
        values
    });
    let split = row.split.iter().flat_map(|split| {
        (1_u32..).zip(&split.sections).map(move |(position, section)| {
            let mut values = begin(split.kind, split.count, "split");
            values.extend([
                number(position),
                text(&section.matrix),
                text(&section.demand),
                text(&section.a),
                text(&section.b),
            ]);
            values
        })
    });
    whole.chain(split).collect()
}

fn lightpaths(report: &GroomingReport) -> impl Iterator<Item = Vec<Value>> {
    // there is one request for each lightpath, in the same order
    report.lightpaths.iter().zip(&report.requests).map(|(lightpath, request)| {
        vec![
            text(&lightpath.id),
            text(&lightpath.demand),
            text(&request.a),
            text(&request.b),
            text(match lightpath.kind {
                LightpathKind::Tp1h => "TP1H",
                LightpathKind::Mp1h => "MP1H",
                LightpathKind::TenGigabit => "10G",
                LightpathKind::Rate => "rate",
            }),
            Value::Number(lightpath.rate_gbps),
            Value::Number(request.capacity_gbps),
            Value::Number(lightpath.rate_gbps / request.capacity_gbps),
            text(&lightpath.services.join(" ")),
            text(&lightpath.groomouts.join(" ")),
            text(&lightpath.cards.join(" ")),
        ]
    })
}

fn summary(report: &GroomingReport) -> Vec<Vec<Value>> {
    // every figure is named, so that a new one cannot be forgotten here
    let GroomingSummary {
        demands,
        services,
        lightpaths,
        lightpaths_100ge,
        rate_gbps,
        mean_rate_gbps,
        groomouts,
        leftover_services,
        leftover_groomouts,
        mp2x,
        tp1h,
        mp1h,
        split_services,
        pieces,
        racks,
        shelves,
        unproven,
    } = &report.summary;
    let mut rows = vec![
        vec![text("line rate Gb/s"), number(report.line_rate_gbps)],
        vec![text("threshold Gb/s"), Value::Number(report.threshold_gbps)],
    ];
    if let Some(threshold) = report.split_threshold_gbps {
        rows.push(vec![text("split threshold Gb/s"), Value::Number(threshold)]);
    }
    let counts = [
        ("demands", demands),
        ("services", services),
        ("split services", split_services),
        ("pieces", pieces),
        ("lightpaths", lightpaths),
        ("lightpaths of 100GE", lightpaths_100ge),
        ("groomouts", groomouts),
        ("left over services", leftover_services),
        ("left over groomouts", leftover_groomouts),
        ("MP2X", mp2x),
        ("TP1H", tp1h),
        ("MP1H", mp1h),
        ("racks", racks),
        ("shelves", shelves),
    ];
    rows.extend(counts.into_iter().map(|(name, count)| vec![text(name), number(*count)]));
    rows.push(vec![text("rate Gb/s"), Value::Number(*rate_gbps)]);
    rows.push(vec![text("mean rate Gb/s"), Value::Number(*mean_rate_gbps)]);
    rows.push(vec![text("demands whose lines are not proven fewest"), Value::Number(unproven.len() as f64)]);
    for cluster in &report.clusters {
        let nodes = format!("{} | {}", cluster.gateways.join(" "), cluster.subnodes.join(" "));
        rows.push(vec![text(&format!("cluster {}", cluster.id)), text(&nodes)]);
    }
    rows
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(number: u32) -> Value {
    Value::Number(f64::from(number))
}
