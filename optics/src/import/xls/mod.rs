//! Workbooks of Excel 97 to 2003 (`.xls`, BIFF8), read with bounds, whatever their headers claim.
//!
//! Sources: \[MS-CFB\] for the container, \[MS-XLS\] for the records. Only what cells show is read: numbers, texts and
//! the results of formulas.

mod container;
mod records;

pub(super) use container::is_compound_file;

use super::workbook::Workbook;

/// Why bytes are no workbook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum XlsError {
    /// Something points outside of the file, or in circles.
    #[error("its {what} is damaged")]
    Damaged {
        /// What part.
        what: &'static str,
    },
    /// Another kind of compound file, or an older version.
    #[error("it is no workbook of Excel 97 or later")]
    NotBiff8,
    /// With a password.
    #[error("it is encrypted")]
    Encrypted,
    /// More than is read.
    #[error("a sheet has more than {limit} cells")]
    TooManyCells {
        /// The most that is read.
        limit: usize,
    },
}

/// Reads the sheets called `wanted`, or the first one if none is asked for by name.
pub(super) fn read(bytes: &[u8], wanted: &[&str], most_cells: usize) -> Result<Workbook, XlsError> {
    let stream = container::stream(bytes, "Workbook")?.ok_or(XlsError::NotBiff8)?;
    records::sheets(&stream, wanted, most_cells)
}
