//! GNPy's workbooks (`.xls`, `.xlsx`): sheets Nodes, Links, Eqpt, Roadms and Service.
//!
//! They become the documents GNPy's own converter makes of them, so that names of elements are the same.

mod connections;
mod route_names;
mod services;
mod sheet;
mod sites;
mod topology;

pub use services::services;
pub use topology::topology;

use super::fields::Log;
use crate::import::workbook::{self, Cells, Workbook};

/// Opens a workbook; none if it cannot be read, and a finding says why.
fn open(bytes: &[u8], log: &Log) -> Option<Workbook> {
    workbook::read(bytes, &["Nodes", "Links", "Eqpt", "Roadms", "Service"])
        .map_err(|refused| refused.findings.into_iter().for_each(|finding| log.push(finding)))
        .ok()
}

fn sheet_called<'a>(book: &'a Workbook, wanted: &str) -> Option<&'a Cells> {
    book.sheets.iter().find(|(name, _)| name == wanted).map(|(_, cells)| cells)
}

/// A sheet there must be.
fn required_sheet<'a>(book: &'a Workbook, wanted: &str, log: &Log) -> Option<&'a Cells> {
    let found = sheet_called(book, wanted);
    if found.is_none() {
        log.error("MISSING_SHEET", "", format!("there is no sheet \"{wanted}\""));
    }
    found
}
