//! The records of an `.xls` workbook (\[MS-XLS\]): which sheets there are, the texts they share, and their cells.

use super::super::workbook::{Cell, Cells, Workbook};
use super::XlsError;
use super::container::{f64_at, u16_at, u32_at};

const EOF: u16 = 0x000A;
const FILEPASS: u16 = 0x002F;
const CONTINUE: u16 = 0x003C;
const BOUNDSHEET: u16 = 0x0085;
const MULRK: u16 = 0x00BD;
const SST: u16 = 0x00FC;
const LABELSST: u16 = 0x00FD;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const BOOLERR: u16 = 0x0205;
const STRING: u16 = 0x0207;
const FORMULA: u16 = 0x0006;
const RK: u16 = 0x027E;
const BOF: u16 = 0x0809;
/// Version of BIFF8 in a BOF record.
const BIFF8: u16 = 0x0600;

/// The sheets called `wanted`, or the first one.
pub(super) fn sheets(stream: &[u8], wanted: &[&str], most_cells: usize) -> Result<Workbook, XlsError> {
    let globals = Records { stream, at: 0 };
    let mut bounds: Vec<(String, usize)> = Vec::new();
    let mut shared = Vec::new();
    let mut table: Vec<&[u8]> = Vec::new();
    let mut last = 0;
    for (index, (kind, data)) in globals.enumerate() {
        match kind {
            BOF if index == 0 && u16_at(data, 0) != Some(BIFF8) => return Err(XlsError::NotBiff8),
            FILEPASS => return Err(XlsError::Encrypted),
            BOUNDSHEET => bounds.extend(bound_sheet(data)),
            SST => table = vec![data],
            CONTINUE if last == SST => table.push(data),
            EOF => break,
            _ => {}
        }
        // Continuations belong to the record they follow.
        last = if kind == CONTINUE { last } else { kind };
    }
    if bounds.is_empty() {
        return Err(XlsError::NotBiff8);
    }
    if !table.is_empty() {
        shared = SharedTexts::new(table).all();
    }
    let chosen = bounds.into_iter().enumerate().filter(|(index, (name, _))| {
        if wanted.is_empty() { *index == 0 } else { wanted.contains(&name.as_str()) }
    });
    let mut sheets = Vec::new();
    for (_, (name, at)) in chosen {
        sheets.push((name, cells(stream, at, &shared, most_cells)?));
    }
    Ok(Workbook { sheets })
}

struct Records<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = u16_at(self.stream, self.at)?;
        let length = usize::from(u16_at(self.stream, self.at + 2)?);
        let start = self.at + 4;
        let data = self.stream.get(start..start + length)?;
        self.at = start + length;
        Some((kind, data))
    }
}

/// Name and position of a sheet of cells; charts and macros are none.
fn bound_sheet(data: &[u8]) -> Option<(String, usize)> {
    if data.get(5)? & 0x0F != 0 {
        return None;
    }
    let position = usize::try_from(u32_at(data, 0)?).ok()?;
    let length = usize::from(*data.get(6)?);
    Some((text(data.get(8..)?, length, data.get(7)? & 1 != 0), position))
}

/// So many characters, of one or two bytes each; fewer where there are no more bytes.
fn text(bytes: &[u8], length: usize, wide: bool) -> String {
    if wide {
        let units: Vec<u16> =
            bytes.chunks_exact(2).take(length).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        String::from_utf16_lossy(&units)
    } else {
        bytes.iter().take(length).copied().map(char::from).collect()
    }
}

/// The texts that cells share, over a record and its continuations.
struct SharedTexts<'a> {
    chunks: Vec<&'a [u8]>,
    chunk: usize,
    at: usize,
}

impl<'a> SharedTexts<'a> {
    fn new(chunks: Vec<&'a [u8]>) -> Self {
        // The first eight bytes count the texts; what is there says so more reliably.
        Self { chunks, chunk: 0, at: 8 }
    }

    fn all(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.one()).collect()
    }

    /// What is left of the chunk read last, or the next one that has anything.
    fn rest(&mut self) -> Option<&'a [u8]> {
        loop {
            let chunk: &'a [u8] = self.chunks.get(self.chunk)?;
            match chunk.get(self.at..) {
                Some(rest) if !rest.is_empty() => return Some(rest),
                _ => {
                    self.chunk += 1;
                    self.at = 0;
                }
            }
        }
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = *self.rest()?.first()?;
            self.at += 1;
        }
        Some(bytes)
    }

    fn skip(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            let step = self.rest()?.len().min(count);
            self.at += step;
            count -= step;
        }
        Some(())
    }

    fn one(&mut self) -> Option<String> {
        let mut left = usize::from(u16::from_le_bytes(self.bytes()?));
        let [flags] = self.bytes()?;
        let runs = if flags & 0x08 != 0 { usize::from(u16::from_le_bytes(self.bytes()?)) } else { 0 };
        let extra = if flags & 0x04 != 0 { u32::from_le_bytes(self.bytes()?) } else { 0 };
        let mut wide = flags & 1 != 0;
        let mut shown = String::new();
        while left > 0 {
            let begun = self.chunk;
            let rest = self.rest()?;
            if self.chunk != begun {
                // A text that goes on in the next record says anew how wide it is.
                wide = self.bytes::<1>()?[0] & 1 != 0;
                continue;
            }
            let width = if wide { 2 } else { 1 };
            let count = (rest.len() / width).min(left);
            if count == 0 {
                return None;
            }
            shown.push_str(&text(rest, count, wide));
            self.at += count * width;
            left -= count;
        }
        self.skip(runs * 4 + usize::try_from(extra).ok()?)?;
        Some(shown)
    }
}

fn cells(stream: &[u8], at: usize, shared: &[String], most_cells: usize) -> Result<Cells, XlsError> {
    let mut sheet = Sheet { cells: Cells::new(), count: 0, most_cells, text_of_formula: None };
    let mut depth = 0_usize;
    for (kind, data) in (Records { stream, at }) {
        match kind {
            BOF => depth += 1,
            EOF if depth <= 1 => break,
            EOF => depth -= 1,
            // Charts within a sheet have cells of their own.
            _ if depth == 1 => sheet.record(kind, data, shared).unwrap_or(Ok(()))?,
            _ => {}
        }
    }
    Ok(sheet.cells)
}

struct Sheet {
    cells: Cells,
    count: usize,
    most_cells: usize,
    /// Where the text goes that a formula yields; it comes in a record of its own.
    text_of_formula: Option<(u32, u32)>,
}

impl Sheet {
    /// Reads one record; none if it is too short to mean anything.
    fn record(&mut self, kind: u16, data: &[u8], shared: &[String]) -> Option<Result<(), XlsError>> {
        if kind == STRING {
            let (row, column) = self.text_of_formula.take()?;
            return Some(self.put(row, column, Cell::Text(long_text(data, 0)?)));
        }
        if !matches!(kind, NUMBER | RK | MULRK | LABELSST | LABEL | FORMULA | BOOLERR) {
            return None;
        }
        let (row, column) = (u32::from(u16_at(data, 0)?), u32::from(u16_at(data, 2)?));
        let cell = match kind {
            RK => Cell::Number(rk(u32_at(data, 6)?)),
            LABELSST => Cell::Text(shared.get(usize::try_from(u32_at(data, 6)?).ok()?)?.clone()),
            LABEL => Cell::Text(long_text(data, 6)?),
            BOOLERR if *data.get(7)? == 0 => {
                Cell::Text(if data[6] == 0 { "FALSE" } else { "TRUE" }.to_owned())
            }
            BOOLERR => Cell::Text("#ERROR".to_owned()),
            FORMULA if u16_at(data, 12)? == u16::MAX => match data[6] {
                0 => {
                    self.text_of_formula = Some((row, column));
                    return None;
                }
                1 => Cell::Text(if *data.get(8)? == 0 { "FALSE" } else { "TRUE" }.to_owned()),
                2 => Cell::Text("#ERROR".to_owned()),
                _ => return None,
            },
            NUMBER | FORMULA => Cell::Number(f64_at(data, 6)?),
            _ => {
                // Several numbers in a row, and the number of the last column behind them.
                let numbers = data.get(4..data.len().checked_sub(2)?)?.chunks_exact(6);
                for (offset, number) in (0..).zip(numbers) {
                    if let Err(error) = self.put(row, column + offset, Cell::Number(rk(u32_at(number, 2)?))) {
                        return Some(Err(error));
                    }
                }
                return None;
            }
        };
        Some(self.put(row, column, cell))
    }

    fn put(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), XlsError> {
        let cell = match cell {
            Cell::Text(text) if text.trim().is_empty() => return Ok(()),
            Cell::Text(text) => Cell::Text(text.trim().to_owned()),
            Cell::Number(number) if !number.is_finite() => Cell::Text("#ERROR".to_owned()),
            number @ Cell::Number(_) => number,
        };
        self.count += 1;
        if self.count > self.most_cells {
            return Err(XlsError::TooManyCells { limit: self.most_cells });
        }
        self.cells.entry(row).or_default().insert(column, cell);
        Ok(())
    }
}

/// A text with its length in 16 bits.
fn long_text(data: &[u8], at: usize) -> Option<String> {
    let length = usize::from(u16_at(data, at)?);
    Some(text(data.get(at + 3..)?, length, data.get(at + 2)? & 1 != 0))
}

/// A number packed into 32 bits: an integer or the upper half of a float, maybe in hundredths.
fn rk(packed: u32) -> f64 {
    let number = if packed & 2 != 0 {
        f64::from(packed.cast_signed() >> 2)
    } else {
        f64::from_bits(u64::from(packed & !3) << 32)
    };
    if packed & 1 != 0 { number / 100.0 } else { number }
}
