//! A sheet read by the headers of its columns, with findings that name the cell.

use std::collections::BTreeMap;

use super::workbook::{Cell, Cells};
use crate::finding::Finding;

/// A sheet with a header row and data below it.
pub(super) struct Table<'a> {
    sheet: &'a str,
    cells: &'a Cells,
    columns: BTreeMap<&'a str, u32>,
    header_row: u32,
}

impl<'a> Table<'a> {
    /// Reads the headers in `header_row` (from 0). A header that occurs twice counts where it occurs first.
    pub(super) fn new(sheet: &'a str, cells: &'a Cells, header_row: u32) -> Self {
        let mut columns = BTreeMap::new();
        for (&column, cell) in cells.get(&header_row).into_iter().flatten() {
            if let Cell::Text(text) = cell {
                columns.entry(text.as_str()).or_insert(column);
            }
        }
        Self { sheet, cells, columns, header_row }
    }

    /// A finding for each of `headers` that is not there.
    pub(super) fn missing(&self, headers: &[&str]) -> Vec<Finding> {
        headers
            .iter()
            .filter(|header| !self.columns.contains_key(**header))
            .map(|header| {
                let detail = format!("there is no column `{header}`");
                let mut finding = Finding::error("MISSING_COLUMN", "", detail);
                finding.sheet = Some(self.sheet.to_owned());
                finding.row = Some(self.header_row + 1);
                finding.column = Some((*header).to_owned());
                finding
            })
            .collect()
    }

    /// The rows below the header that have content.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.cells.range(self.header_row + 1..).map(|(&row, cells)| Row { table: self, index: row, cells })
    }
}

/// A row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table<'a>,
    /// From 0.
    index: u32,
    cells: &'a BTreeMap<u32, Cell>,
}

impl<'a> Row<'a> {
    /// The content under `header`.
    pub(super) fn get(&self, header: &str) -> Option<&'a Cell> {
        self.cells.get(self.table.columns.get(header)?)
    }

    /// Whether nothing stands under any of `headers`.
    pub(super) fn is_empty(&self, headers: &[&str]) -> bool {
        headers.iter().all(|header| self.get(header).is_none())
    }

    /// The content as text; a whole number without its decimal point.
    pub(super) fn text(&self, header: &str) -> Option<String> {
        self.get(header).map(shown)
    }

    /// The content as a number; text that reads as one counts.
    pub(super) fn number(&self, header: &str) -> Option<f64> {
        match self.get(header)? {
            Cell::Number(value) => Some(*value),
            Cell::Text(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
        }
    }

    /// A finding about the cell under `header`.
    pub(super) fn error(&self, header: &str, code: &str, template_code: Option<u8>, detail: &str) -> Finding {
        let content =
            self.get(header).map_or_else(|| "is empty".to_owned(), |cell| format!("is `{}`", shown(cell)));
        let mut finding = at(
            self.table,
            self.index,
            header,
            Finding::error(code, "", format!("{header} {content}: {detail}")),
        );
        finding.template_code = template_code;
        finding
    }

    /// Puts a finding about the document at the cell under `header`.
    pub(super) fn place(&self, header: &str, finding: Finding) -> Finding {
        at(self.table, self.index, header, finding)
    }
}

fn at(table: &Table, row: u32, header: &str, mut finding: Finding) -> Finding {
    finding.pointer = String::new();
    finding.sheet = Some(table.sheet.to_owned());
    finding.row = Some(row + 1);
    finding.column = Some(header.to_owned());
    finding.cell = table.columns.get(header).map(|&column| format!("{}{}", letters(column), row + 1));
    finding
}

fn shown(cell: &Cell) -> String {
    match cell {
        // Display of a float has no decimal point where there is no fraction.
        Cell::Number(value) => value.to_string(),
        Cell::Text(text) => text.clone(),
    }
}

/// The letters of a column, from 0: A, B, …, Z, AA, ….
pub(crate) fn letters(column: u32) -> String {
    let mut rest = column;
    let mut reversed = Vec::new();
    loop {
        reversed.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        if rest < 26 {
            return reversed.into_iter().rev().collect();
        }
        rest = rest / 26 - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        let shown: Vec<String> = [0, 25, 26, 51, 52, 701, 702, 16_383].into_iter().map(letters).collect();
        assert_eq!(shown, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA", "XFD"]);
    }
}
