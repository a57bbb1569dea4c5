//! Workbooks (xlsx, xls) opened with bounds, whatever their headers claim.
//!
//! An xlsx file is a zip archive of XML. Its parts are unpacked here first, each byte counted, and handed to the reader
//! as an archive without compression: so a zip bomb stops at the limit. Cells are read one by one, never as a rectangle:
//! two cells in opposite corners of a sheet are two cells, not 17 thousand million.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, Xlsx};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{Refused, xls};
use crate::finding::Finding;

/// Most bytes of a workbook when unpacked.
const MAX_UNPACKED_BYTES: u64 = 128 << 20;
/// Most parts of a workbook.
const MAX_PARTS: usize = 1_000;
/// Most cells with content in one sheet: 500,000 demands would have 20 million, which no spreadsheet program opens well.
const MAX_CELLS: usize = 2_000_000;

/// A cell with content.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// A number.
    Number(f64),
    /// Text, trimmed, not empty.
    Text(String),
}

/// Cells with content by row and column, from 0.
pub(crate) type Cells = BTreeMap<u32, BTreeMap<u32, Cell>>;

/// A workbook's sheets in order.
pub(crate) struct Workbook {
    pub(crate) sheets: Vec<(String, Cells)>,
}

/// Reads the sheets called `wanted`, or the first one if none is asked for by name.
pub(crate) fn read(bytes: &[u8], wanted: &[&str]) -> Result<Workbook, Refused> {
    if xls::is_compound_file(bytes) {
        return xls::read(bytes, wanted, MAX_CELLS).map_err(|error| {
            let detail = format!("this is no readable xls workbook: {error}");
            Refused::because(Finding::error("NOT_A_WORKBOOK", "", detail))
        });
    }
    // The reader's arithmetic on hostile coordinates may overflow, which panics in some builds.
    catch_unwind(AssertUnwindSafe(|| read_sheets(bytes, wanted)))
        .unwrap_or_else(|_| Err(not_a_workbook("its cells make no sense")))
}

fn not_a_workbook(detail: impl std::fmt::Display) -> Refused {
    Refused::because(Finding::error(
        "NOT_A_WORKBOOK",
        "",
        format!("this is no readable xlsx workbook: {detail}"),
    ))
}

fn too_large(detail: String) -> Refused {
    Refused::because(Finding::error("TOO_LARGE", "", detail))
}

fn read_sheets(bytes: &[u8], wanted: &[&str]) -> Result<Workbook, Refused> {
    let mut book: Xlsx<Cursor<Vec<u8>>> = Xlsx::new(Cursor::new(unpack(bytes)?)).map_err(not_a_workbook)?;
    let names: Vec<String> = book.sheet_names();
    let chosen: Vec<String> = if wanted.is_empty() {
        names.into_iter().take(1).collect()
    } else {
        names.into_iter().filter(|name| wanted.contains(&name.as_str())).collect()
    };
    let mut sheets = Vec::new();
    for name in chosen {
        let cells = read_cells(&mut book, &name)?;
        sheets.push((name, cells));
    }
    Ok(Workbook { sheets })
}

fn read_cells(book: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> Result<Cells, Refused> {
    let mut reader = book.worksheet_cells_reader(name).map_err(not_a_workbook)?;
    let mut cells = Cells::new();
    let mut count = 0;
    while let Some(cell) = reader.next_cell().map_err(not_a_workbook)? {
        let value = match cell.get_value() {
            DataRef::Int(value) => Cell::Number(*value as f64),
            DataRef::Float(value) => Cell::Number(*value),
            DataRef::SharedString(text) => Cell::Text(text.trim().to_owned()),
            DataRef::Bool(value) => Cell::Text(value.to_string().to_uppercase()),
            DataRef::DateTime(value) => Cell::Number(value.as_f64()),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                Cell::Text(text.trim().to_owned())
            }
            DataRef::Error(error) => Cell::Text(error.to_string()),
            DataRef::Empty => continue,
        };
        if value == Cell::Text(String::new()) {
            continue;
        }
        count += 1;
        if count > MAX_CELLS {
            return Err(too_large(format!("sheet `{name}` has more than {MAX_CELLS} cells")));
        }
        let (row, column) = cell.get_position();
        cells.entry(row).or_default().insert(column, value);
    }
    Ok(cells)
}

/// The archive without compression, its size bounded by what was really unpacked.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(not_a_workbook)?;
    if archive.len() > MAX_PARTS {
        return Err(too_large(format!("the workbook has {} parts, the limit is {MAX_PARTS}", archive.len())));
    }
    let mut plain = ZipWriter::new(Cursor::new(Vec::new()));
    let mut left = MAX_UNPACKED_BYTES;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(not_a_workbook)?;
        if part.is_dir() {
            continue;
        }
        let name = part.name().map_err(not_a_workbook)?.into_owned();
        let mut content = Vec::new();
        part.take(left + 1).read_to_end(&mut content).map_err(not_a_workbook)?;
        let size = content.len() as u64;
        if size > left {
            return Err(too_large(format!(
                "unpacked, the workbook has more than {MAX_UNPACKED_BYTES} bytes"
            )));
        }
        left -= size;
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        plain.start_file(name, stored).map_err(not_a_workbook)?;
        plain.write_all(&content).map_err(not_a_workbook)?;
    }
    Ok(plain.finish().map_err(not_a_workbook)?.into_inner())
}
