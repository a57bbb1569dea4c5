//! Documents of other tools, read into ours. A refused import has no document: it lists everything wrong with the file.
//!
//! Every format is bounded before it is read: bytes, unpacked bytes, cells, elements, depth.

pub(crate) mod cells;
mod gnpy;
mod json;
mod netplanner_json;
mod netplanner_xlsx;
mod sndlib;
pub(crate) mod workbook;
mod xls;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::equipment::Equipment;
use crate::equipment::validate::validate_equipment;
use crate::finding::{Finding, Severity};
use crate::topology::Topology;
use crate::traffic::TrafficMatrix;
use crate::validate::{validate_topology, validate_traffic};

/// Largest file accepted, in bytes: the largest real ones have a few megabytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// This product's own documents.
    Json,
    /// The Excel templates of the original NetPlanner.
    NetplannerXlsx,
    /// The JSON documents of the original NetPlanner.
    NetplannerJson,
    /// SNDlib XML: one file has the network and its demands.
    SndlibXml,
    /// GNPy's topology, services and equipment library in JSON, in its own form or that of its YANG models.
    GnpyJson,
    /// GNPy's workbook (xls, xlsx) with the sheets Nodes, Links, Eqpt, Service.
    GnpyXls,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [
        Self::Json,
        Self::NetplannerXlsx,
        Self::NetplannerJson,
        Self::SndlibXml,
        Self::GnpyJson,
        Self::GnpyXls,
    ];

    /// Its name in requests and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::NetplannerXlsx => "netplanner-xlsx",
            Self::NetplannerJson => "netplanner-json",
            Self::SndlibXml => "sndlib-xml",
            Self::GnpyJson => "gnpy-json",
            Self::GnpyXls => "gnpy-xls",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// How to read what a file leaves open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImportOptions {
    /// Name of the document; empty: the file's own, if it has one.
    pub name: String,
    /// What great-circle distances are multiplied by to become kilometres of fibre.
    pub route_factor: f64,
    /// What one unit of demand is in Gb/s, where the file states no rates (SNDlib).
    pub demand_unit_gbps: f64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { name: String::new(), route_factor: 1.2, demand_unit_gbps: 1.0 }
    }
}

/// A document that was read, and what may surprise about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported<T> {
    /// The document; it has no errors.
    pub document: T,
    /// Notes.
    pub notes: Vec<Finding>,
}

/// A file that was not read: everything wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file was refused with {} findings: {}", findings.len(), findings.first().map(ToString::to_string).unwrap_or_default())]
pub struct Refused {
    /// At least one error.
    pub findings: Vec<Finding>,
}

impl Refused {
    fn because(finding: Finding) -> Self {
        Self { findings: vec![finding] }
    }

    fn unsupported(format: Format, what: &str) -> Self {
        let detail = format!("a file of format {} holds no {what} that could be read", format.name());
        Self::because(Finding::error("UNSUPPORTED", "", detail))
    }
}

/// Reads a topology.
///
/// # Errors
/// [`Refused`] with every finding.
pub fn topology(
    format: Format,
    bytes: &[u8],
    options: &ImportOptions,
) -> Result<Imported<Topology>, Refused> {
    accept(bytes, options)?;
    match format {
        Format::Json => json::topology(bytes, options),
        Format::NetplannerXlsx => netplanner_xlsx::topology(bytes, options),
        Format::NetplannerJson => netplanner_json::topology(bytes, options),
        Format::SndlibXml => sndlib::topology(bytes, options),
        Format::GnpyJson => gnpy::topology(bytes, options),
        Format::GnpyXls => gnpy::topology_of_workbook(bytes, options),
    }
}

/// Reads a traffic matrix.
///
/// # Errors
/// [`Refused`] with every finding.
pub fn traffic(
    format: Format,
    bytes: &[u8],
    options: &ImportOptions,
) -> Result<Imported<TrafficMatrix>, Refused> {
    accept(bytes, options)?;
    match format {
        Format::Json => json::traffic(bytes, options),
        Format::NetplannerXlsx => netplanner_xlsx::traffic(bytes, options),
        Format::NetplannerJson => netplanner_json::traffic(bytes, options),
        Format::SndlibXml => sndlib::traffic(bytes, options),
        Format::GnpyJson => gnpy::traffic(bytes, options),
        Format::GnpyXls => Err(Refused::unsupported(format, "traffic matrix")),
    }
}

/// Reads an equipment library.
///
/// # Errors
/// [`Refused`] with every finding.
pub fn equipment(
    format: Format,
    bytes: &[u8],
    options: &ImportOptions,
) -> Result<Imported<Equipment>, Refused> {
    accept(bytes, options)?;
    match format {
        Format::Json => json::equipment(bytes),
        Format::GnpyJson => gnpy::equipment(bytes),
        _ => Err(Refused::unsupported(format, "equipment library")),
    }
}

fn accept(bytes: &[u8], options: &ImportOptions) -> Result<(), Refused> {
    if bytes.len() > MAX_FILE_BYTES {
        let detail = format!("the file has {} bytes, the limit is {MAX_FILE_BYTES}", bytes.len());
        return Err(Refused::because(Finding::error("TOO_LARGE", "", detail)));
    }
    for (name, value, most) in
        [("route_factor", options.route_factor, 100.0), ("demand_unit_gbps", options.demand_unit_gbps, 1e9)]
    {
        if !value.is_finite() || value <= 0.0 || value > most {
            let detail = format!("{name} is {value}; it must be above 0 and at most {most}");
            return Err(Refused::because(Finding::error("OPTION", format!("/{name}"), detail)));
        }
    }
    Ok(())
}

/// Validates what an importer made; `place` turns a finding about the document into one about the file.
fn finish_topology(
    document: Topology,
    mut findings: Vec<Finding>,
    place: impl Fn(Finding) -> Finding,
) -> Result<Imported<Topology>, Refused> {
    merge(&mut findings, validate_topology(&document), place);
    finish(document, findings)
}

/// See [`finish_topology`].
fn finish_traffic(
    document: TrafficMatrix,
    mut findings: Vec<Finding>,
    place: impl Fn(Finding) -> Finding,
) -> Result<Imported<TrafficMatrix>, Refused> {
    merge(&mut findings, validate_traffic(&document), place);
    finish(document, findings)
}

/// See [`finish_topology`].
fn finish_equipment(document: Equipment) -> Result<Imported<Equipment>, Refused> {
    let findings = validate_equipment(&document);
    finish(document, findings)
}

/// Adds what validation found, unless the importer said it of the same place already.
fn merge(findings: &mut Vec<Finding>, validated: Vec<Finding>, place: impl Fn(Finding) -> Finding) {
    for finding in validated {
        let finding = place(finding);
        let known = findings.iter().any(|own| {
            own.is_error()
                && (own.sheet.is_some() || !own.pointer.is_empty())
                && (&own.sheet, own.row, &own.column, &own.pointer)
                    == (&finding.sheet, finding.row, &finding.column, &finding.pointer)
        });
        if !known {
            findings.push(finding);
        }
    }
}

fn finish<T>(document: T, findings: Vec<Finding>) -> Result<Imported<T>, Refused> {
    if findings.iter().any(Finding::is_error) {
        // Notes about a half-read document would only mislead.
        let findings = findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
        Err(Refused { findings })
    } else {
        Ok(Imported { document, notes: findings })
    }
}

/// Ids for links that a file names by their ends only: `A-B`, and `A-B (2)` for the second of parallel ones.
#[derive(Default)]
struct LinkIds(std::collections::BTreeMap<String, u32>);

impl LinkIds {
    fn next(&mut self, a: &str, b: &str) -> String {
        let base = format!("{a}-{b}");
        loop {
            let times = self.0.entry(base.clone()).or_default();
            *times += 1;
            let id = if *times == 1 { base.clone() } else { format!("{base} ({times})") };
            // A node may be called `B (2)`: an id counts as given whichever way it came about.
            if *times == 1 || !self.0.contains_key(&id) {
                self.0.entry(id.clone()).or_insert(1);
                return id;
            }
        }
    }
}
