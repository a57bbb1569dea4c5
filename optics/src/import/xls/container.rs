//! The container of an `.xls` file: streams cut into sectors that are chained by tables (\[MS-CFB\]).

use super::XlsError;

const SIGNATURE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
/// Sector numbers from here on mean something else than a sector.
const FIRST_SPECIAL_SECTOR: u32 = 0xFFFF_FFFA;
const MINI_SECTOR_BYTES: usize = 64;
/// Streams below this are kept in the mini stream.
const MINI_STREAM_CUTOFF: usize = 4096;
const DIRECTORY_ENTRY_BYTES: usize = 128;

/// Whether bytes begin like a compound file.
pub(in super::super) fn is_compound_file(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

/// The stream of this name in the root of a compound file, if it is there.
pub(super) fn stream(bytes: &[u8], name: &str) -> Result<Option<Vec<u8>>, XlsError> {
    let file = File::open(bytes)?;
    let directory = file.chain(file.first_directory_sector, "directory")?;
    let entries: Vec<Entry> = directory.chunks_exact(DIRECTORY_ENTRY_BYTES).filter_map(Entry::read).collect();
    let Some(entry) = entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)) else {
        return Ok(None);
    };
    let mut content = if entry.bytes < MINI_STREAM_CUTOFF {
        let root =
            entries.iter().find(|entry| entry.is_root).ok_or(XlsError::Damaged { what: "directory" })?;
        file.mini_chain(&file.chain(root.first_sector, "mini stream")?, entry.first_sector)?
    } else {
        file.chain(entry.first_sector, "workbook stream")?
    };
    content.truncate(entry.bytes);
    Ok(Some(content))
}

struct File<'a> {
    bytes: &'a [u8],
    sector_bytes: usize,
    /// The sector behind each sector.
    next: Vec<u32>,
    first_directory_sector: u32,
    first_mini_table_sector: u32,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, XlsError> {
        let header = XlsError::Damaged { what: "header" };
        if !is_compound_file(bytes) {
            return Err(XlsError::NotBiff8);
        }
        let sector_bytes = match u16_at(bytes, 30) {
            Some(9) => 512,
            Some(12) => 4096,
            _ => return Err(header),
        };
        let number = |at| u32_at(bytes, at).ok_or_else(|| header.clone());
        let mut file = Self {
            bytes,
            sector_bytes,
            next: Vec::new(),
            first_directory_sector: number(48)?,
            first_mini_table_sector: number(60)?,
        };
        let mut tables: Vec<u32> = (0..109).map(|at| number(76 + 4 * at)).collect::<Result<_, _>>()?;
        file.further_tables(number(68)?, &mut tables)?;
        for table in tables.into_iter().filter(|&sector| sector < FIRST_SPECIAL_SECTOR) {
            let sector = file.sector(table).ok_or(XlsError::Damaged { what: "sector table" })?;
            file.next.extend(numbers(sector));
        }
        Ok(file)
    }

    /// Tables beyond the first 109 are listed in sectors of their own, each naming the next.
    fn further_tables(&self, mut list: u32, tables: &mut Vec<u32>) -> Result<(), XlsError> {
        let damaged = XlsError::Damaged { what: "list of sector tables" };
        for _ in 0..=self.bytes.len() / self.sector_bytes {
            if list >= FIRST_SPECIAL_SECTOR {
                return Ok(());
            }
            let sector = self.sector(list).ok_or_else(|| damaged.clone())?;
            let mut listed: Vec<u32> = numbers(sector).collect();
            list = listed.pop().unwrap_or(u32::MAX);
            tables.extend(listed);
        }
        Err(damaged)
    }

    /// The bytes of a sector; the last one of a file may be short.
    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(number).ok()?.checked_add(1)?.checked_mul(self.sector_bytes)?;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        Some(&rest[..rest.len().min(self.sector_bytes)])
    }

    /// The bytes of a chain of sectors. A chain is never longer than the file.
    fn chain(&self, first: u32, what: &'static str) -> Result<Vec<u8>, XlsError> {
        let mut content = Vec::new();
        let mut at = first;
        while at < FIRST_SPECIAL_SECTOR {
            if content.len() > self.bytes.len() {
                return Err(XlsError::Damaged { what });
            }
            content.extend_from_slice(self.sector(at).ok_or(XlsError::Damaged { what })?);
            let index = usize::try_from(at).ok();
            at = *index.and_then(|at| self.next.get(at)).ok_or(XlsError::Damaged { what })?;
        }
        Ok(content)
    }

    /// The same within the mini stream.
    fn mini_chain(&self, mini_stream: &[u8], first: u32) -> Result<Vec<u8>, XlsError> {
        let damaged = XlsError::Damaged { what: "mini stream" };
        let table = self.chain(self.first_mini_table_sector, "mini sector table")?;
        let mut content = Vec::new();
        let mut at = first;
        while at < FIRST_SPECIAL_SECTOR {
            let index = usize::try_from(at).map_err(|_| damaged.clone())?;
            let start = index.checked_mul(MINI_SECTOR_BYTES).ok_or_else(|| damaged.clone())?;
            let rest =
                mini_stream.get(start..).filter(|rest| !rest.is_empty()).ok_or_else(|| damaged.clone())?;
            if content.len() > mini_stream.len() {
                return Err(damaged);
            }
            content.extend_from_slice(&rest[..rest.len().min(MINI_SECTOR_BYTES)]);
            at = u32_at(&table, index * 4).ok_or_else(|| damaged.clone())?;
        }
        Ok(content)
    }
}

struct Entry {
    name: String,
    is_root: bool,
    first_sector: u32,
    bytes: usize,
}

impl Entry {
    /// A stream or the root; anything else is none.
    fn read(entry: &[u8]) -> Option<Self> {
        let kind = *entry.get(66)?;
        if kind != 2 && kind != 5 {
            return None;
        }
        let name_bytes = usize::from(u16_at(entry, 64)?).min(64);
        let units: Vec<u16> =
            entry[..name_bytes].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        Some(Self {
            name: String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned(),
            is_root: kind == 5,
            first_sector: u32_at(entry, 116)?,
            // The upper half of the size means nothing in files of this age.
            bytes: usize::try_from(u32_at(entry, 120)?).ok()?,
        })
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// A little-endian number of 16 bits.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes([two[0], two[1]]))
}

/// A little-endian number of 32 bits.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// A little-endian float of 64 bits.
pub(super) fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    eight.try_into().ok().map(f64::from_le_bytes)
}
