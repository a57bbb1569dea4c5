//! Comma-separated values (RFC 4180); of a plan its lightpaths, one row for each path.

use super::rows::{LIGHTPATH_COLUMNS, Value, paths};
use crate::report::PlanReport;
use crate::topology::Topology;

pub(super) fn table(report: &PlanReport, topology: &Topology) -> String {
    text(&LIGHTPATH_COLUMNS, paths(report, topology).map(|row| Vec::from(row.values())))
}

/// A table with a line of titles.
pub(super) fn text(columns: &[&str], rows: impl Iterator<Item = Vec<Value>>) -> String {
    let mut text = columns.join(",");
    text.push_str("\r\n");
    for row in rows {
        let fields: Vec<String> = row
            .into_iter()
            .map(|value| match value {
                Value::Number(number) => number.to_string(),
                Value::Text(text) => field(&text),
            })
            .collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A text field. One that a spreadsheet program would take for a formula begins with an apostrophe, which it hides.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
