//! A sheet by the headers of its columns: in one line, or in two where columns stand in groups (east, west).

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::fields::Log;
use crate::finding::Finding;
use crate::import::cells::letters;
use crate::import::workbook::{Cell, Cells};

/// A header that is looked for. It is found in a cell that contains it.
pub(super) enum Header {
    /// Of one column, which is called so.
    Column(&'static str),
    /// Over several columns, the headers of which stand below: a column is called by both, as in `east PMD`.
    Group(&'static str, &'static [&'static str]),
}

/// What a sheet looks like.
pub(super) struct Layout {
    /// Name of the sheet.
    pub sheet: &'static str,
    /// Line the headers are looked for from, from 0.
    pub header_line: u32,
    /// Columns beyond these do not count: people draw there.
    pub columns: u32,
    /// The headers.
    pub headers: &'static [Header],
    /// Headers there must be.
    pub required: &'static [&'static str],
}

/// Data begin in this line, from 0, in every sheet.
const FIRST_DATA_LINE: u32 = 5;
/// Most lines of data in a sheet: the largest real ones have a few thousand.
const MOST_LINES: usize = 10_000;
/// Headers may stand so many lines lower than they should.
const HEADER_LINES: u32 = 10;

/// A sheet with its columns found.
pub(super) struct Sheet<'a> {
    layout: &'static Layout,
    cells: &'a Cells,
    columns: BTreeMap<String, u32>,
    log: &'a Log,
}

impl<'a> Sheet<'a> {
    /// Finds the columns of a sheet.
    pub(super) fn new(layout: &'static Layout, cells: &'a Cells, log: &'a Log) -> Self {
        let mut sheet = Self { layout, cells, columns: BTreeMap::new(), log };
        for header in layout.headers {
            let text = match *header {
                Header::Column(text) => {
                    if let Some(columns) = sheet.find(text, layout.header_line, 0..layout.columns) {
                        sheet.columns.insert(text.to_owned(), columns.start);
                        continue;
                    }
                    text
                }
                Header::Group(text, below) => {
                    if let Some(group) = sheet.find(text, layout.header_line, 0..layout.columns) {
                        for below in below {
                            if let Some(columns) = sheet.find(below, layout.header_line + 1, group.clone()) {
                                sheet.columns.insert(format!("{text} {below}"), columns.start);
                            }
                        }
                        continue;
                    }
                    text
                }
            };
            if layout.required.contains(&text) {
                let mut finding =
                    Finding::error("MISSING_COLUMN", "", format!("there is no column \"{text}\""));
                finding.sheet = Some(layout.sheet.to_owned());
                finding.column = Some(text.to_owned());
                log.push(finding);
            }
        }
        sheet
    }

    /// The columns under a header, up to the next one.
    fn find(&self, text: &str, first_line: u32, within: Range<u32>) -> Option<Range<u32>> {
        (first_line..first_line + HEADER_LINES).find_map(|line| {
            let headers: Vec<(u32, &str)> = self
                .cells
                .get(&line)?
                .range(within.clone())
                .filter_map(|(&column, cell)| match cell {
                    Cell::Text(text) => Some((column, text.as_str())),
                    Cell::Number(_) => None,
                })
                .collect();
            let at = headers.iter().position(|(_, header)| header.contains(text))?;
            let end = headers.get(at + 1).map_or(within.end, |next| next.0);
            Some(headers[at].0..end)
        })
    }

    /// The lines of data: those with something in the first column.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let lines = || self.cells.range(FIRST_DATA_LINE..).filter(|(_, cells)| cells.contains_key(&0));
        let count = lines().count();
        if count > MOST_LINES {
            let detail =
                format!("sheet \"{}\" has {count} lines, the limit is {MOST_LINES}", self.layout.sheet);
            self.log.error("TOO_LARGE", "", detail);
        }
        let read = if count > MOST_LINES { 0 } else { count };
        lines().take(read).map(|(&line, cells)| Row { sheet: self, line, cells })
    }
}

/// A line of a sheet.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    sheet: &'a Sheet<'a>,
    line: u32,
    cells: &'a BTreeMap<u32, Cell>,
}

impl<'a> Row<'a> {
    fn cell(&self, field: &str) -> Option<&'a Cell> {
        self.cells.get(self.sheet.columns.get(field)?)
    }

    /// A text; a whole number without its decimal point.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.cell(field).map(|cell| match cell {
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) => text.clone(),
        })
    }

    /// A text there must be.
    pub(super) fn required_text(&self, field: &str) -> String {
        self.text(field).unwrap_or_else(|| {
            self.error(field, "MISSING_FIELD", "is empty");
            String::new()
        })
    }

    /// A number; text that reads as one counts.
    pub(super) fn number(&self, field: &str) -> Option<f64> {
        match self.cell(field)? {
            Cell::Number(number) => Some(*number),
            Cell::Text(text) => {
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                if number.is_none() {
                    self.error(field, "WRONG_TYPE", &format!("is \"{text}\", not a number"));
                }
                number
            }
        }
    }

    /// Says what is wrong with a cell.
    pub(super) fn error(&self, field: &str, code: &str, detail: &str) {
        let mut finding = Finding::error(code, "", format!("{field} {detail}"));
        finding.sheet = Some(self.sheet.layout.sheet.to_owned());
        finding.row = Some(self.line + 1);
        finding.column = Some(field.to_owned());
        finding.cell =
            self.sheet.columns.get(field).map(|&column| format!("{}{}", letters(column), self.line + 1));
        self.sheet.log.push(finding);
    }
}
