//! Workbooks; of a plan the sheets summary, lightpaths, links, nodes, blocked.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet};

use super::ExportError;
use super::rows::{LIGHTPATH_COLUMNS, Value, paths, reason, summary};
use crate::report::PlanReport;
use crate::topology::Topology;

/// Most rows below the header that a sheet can hold.
const MOST_ROWS: usize = 1_048_575;
/// Most characters of a cell; longer texts end in an ellipsis.
const MOST_CHARACTERS: usize = 32_000;

pub(super) fn workbook(report: &PlanReport, topology: &Topology) -> Result<Vec<u8>, ExportError> {
    let mut book = Book::new()?;
    let text = |text: &str| Value::Text(text.to_owned());
    let number = |value: u32| Value::Number(f64::from(value));

    let figures = summary(report).into_iter().map(|(name, value)| {
        let value = value.parse().map_or_else(|_| Value::Text(value), Value::Number);
        vec![text(name), value]
    });
    let bounds = report.plan.bounds.iter().map(|bound| {
        vec![text(&format!("bound on {} by {:?}", bound.metric, bound.method)), Value::Number(bound.value)]
    });
    book.sheet("summary", &["figure", "value"], figures.chain(bounds))?;
    let rows = paths(report, topology).map(|row| row.values().into_iter().collect());
    book.sheet("lightpaths", &LIGHTPATH_COLUMNS, rows)?;
    let rows = report.links.iter().map(|used| {
        let link = topology.links.iter().find(|link| link.id == used.link);
        vec![
            text(&used.link),
            text(&used.fibre),
            text(link.map_or("", |link| &link.a)),
            text(link.map_or("", |link| &link.b)),
            Value::Number(link.map_or(0.0, |link| link.length_km)),
            number(used.used),
            number(used.capacity),
            Value::Number(used.share),
            number(used.largest_free),
            Value::Number(used.fragmentation),
        ]
    });
    let columns = [
        "link",
        "fibre",
        "a",
        "b",
        "length_km",
        "used",
        "capacity",
        "share",
        "largest_free",
        "fragmentation",
    ];
    book.sheet("links", &columns, rows)?;
    let rows = report.nodes.iter().map(|used| {
        let banks: Vec<String> =
            used.banks.iter().map(|bank| format!("{}: {}", bank.bank, bank.used)).collect();
        vec![
            text(&used.node),
            number(used.transponders),
            number(used.regenerators),
            number(used.express),
            text(&banks.join(", ")),
        ]
    });
    let columns = ["node", "transponders", "regenerators", "express", "ports_by_bank"];
    book.sheet("nodes", &columns, rows)?;
    let rows = report.plan.blocked.iter().map(|blocked| {
        let (reason, evidence) = reason(&blocked.reason);
        vec![
            text(&blocked.request),
            text(&blocked.ends[0]),
            text(&blocked.ends[1]),
            Value::Number(blocked.rate_gbps),
            number(blocked.priority),
            text(reason),
            text(&evidence),
        ]
    });
    let columns = ["request", "from", "to", "rate_gbps", "priority", "reason", "evidence"];
    book.sheet("blocked", &columns, rows)?;
    book.bytes()
}

/// A workbook being written.
pub(super) struct Book(Workbook);

impl Book {
    /// Without sheets. The same report is the same bytes: the file does not say when it was written.
    pub(super) fn new() -> Result<Self, ExportError> {
        let mut workbook = Workbook::new();
        let epoch = ExcelDateTime::from_ymd(2000, 1, 1)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&epoch));
        Ok(Self(workbook))
    }

    /// Adds an empty sheet.
    pub(super) fn blank(&mut self, name: &str) -> Result<&mut Worksheet, ExportError> {
        let sheet = self.0.add_worksheet();
        sheet.set_name(name)?;
        Ok(sheet)
    }

    /// Adds a sheet with a line of titles; rows beyond what a sheet can hold are left out.
    pub(super) fn sheet(
        &mut self,
        name: &str,
        columns: &[&str],
        rows: impl Iterator<Item = Vec<Value>>,
    ) -> Result<(), ExportError> {
        let sheet = self.0.add_worksheet();
        sheet.set_name(name)?.set_freeze_panes(1, 0)?;
        let bold = Format::new().set_bold();
        for (column, title) in (0..).zip(columns) {
            sheet.write_string_with_format(0, column, *title, &bold)?;
        }
        for (row, values) in (1..).zip(rows.take(MOST_ROWS)) {
            for (column, value) in (0..).zip(values) {
                match value {
                    Value::Number(value) => sheet.write_number(row, column, value)?,
                    Value::Text(text) => sheet.write_string(row, column, short(text))?,
                };
            }
        }
        sheet.set_column_width(0, 24.0)?;
        Ok(())
    }

    /// The file.
    pub(super) fn bytes(mut self) -> Result<Vec<u8>, ExportError> {
        Ok(self.0.save_to_buffer()?)
    }
}

fn short(text: String) -> String {
    if text.chars().count() <= MOST_CHARACTERS {
        return text;
    }
    text.chars().take(MOST_CHARACTERS - 1).chain(['…']).collect()
}
