//! `import`: a file becomes a stored input.

use std::path::Path;

use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;

use super::Context;
use crate::args::{Format, Kind};
use crate::client::InputKind;
use crate::error::{CliError, io};
use crate::print;
use crate::views::Input;

impl From<Kind> for InputKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Topology => Self::Topology,
            Kind::Traffic => Self::TrafficMatrix,
            Kind::Equipment => Self::Equipment,
        }
    }
}

impl Format {
    /// The name of the format in the API; none for our own documents.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Json => None,
            Self::NetplannerXlsx => Some("netplanner-xlsx"),
            Self::NetplannerJson => Some("netplanner-json"),
            Self::SndlibXml => Some("sndlib-xml"),
            Self::GnpyJson => Some("gnpy-json"),
            Self::GnpyXls => Some("gnpy-xls"),
        }
    }

    fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "xlsx" => Some(Self::NetplannerXlsx),
            "xml" => Some(Self::SndlibXml),
            "xls" => Some(Self::GnpyXls),
            _ => None,
        }
    }
}

/// Imports a file and says what came in.
pub async fn run(
    context: &Context,
    kind: Kind,
    file: &Path,
    format: Option<Format>,
    name: Option<String>,
) -> Result<(), CliError> {
    let input = import(context, kind.into(), file, format, name).await?;
    if context.json() {
        let hash = input.latest.as_ref().map(|latest| latest.hash.as_str());
        print::json(&json!({ "id": input.id, "name": input.name, "version": input.version, "hash": hash }));
        return Ok(());
    }
    let summary = input.latest.as_ref().map(|latest| &latest.summary).into_iter().flatten();
    let figures: Vec<String> = summary.map(|(name, value)| format!("{name} {value}")).collect();
    print::line(format_args!("{}  {} v{}  {}", input.id, input.name, input.version, figures.join(", ")));
    for note in &input.notes {
        print::note(format_args!("note: {note}"));
    }
    Ok(())
}

/// Stores a file's document.
pub async fn import(
    context: &Context,
    kind: InputKind,
    file: &Path,
    format: Option<Format>,
    name: Option<String>,
) -> Result<Input, CliError> {
    let format = format.or_else(|| Format::of(file)).ok_or_else(|| {
        CliError::Usage(format!(
            "the format of {} cannot be told from its name: give --format",
            file.display()
        ))
    })?;
    let own = || file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(own);
    let bytes = std::fs::read(file).map_err(io(format!("reading {}", file.display())))?;
    match format.name() {
        Some(format) => Ok(context.client.import(kind, format, &name, Bytes::from(bytes)).await?),
        None => Ok(context.client.create_input(kind, &name, &document(file, bytes)?).await?),
    }
}

/// A JSON file as it is, byte for byte.
pub fn document(file: &Path, bytes: Vec<u8>) -> Result<Box<RawValue>, CliError> {
    let text =
        String::from_utf8(bytes).map_err(|_| CliError::Other(format!("{} is not UTF-8", file.display())))?;
    RawValue::from_string(text).map_err(|error| CliError::Other(format!("{}: {error}", file.display())))
}
