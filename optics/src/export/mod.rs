//! Results in the forms that people and other tools read: a map, a page, tables, geography.
//!
//! Every form is a function of the report and its topology, and is the same bytes each time.

mod bill;
mod csv;
mod geojson;
mod grooming;
mod html;
mod layout;
mod quality;
mod rows;
mod svg;
mod xlsx;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bill_of_materials::BillOfMaterials;
use crate::grooming::GroomingReport;
use crate::quality::QualityReport;
use crate::report::PlanReport;
use crate::topology::Topology;

/// A form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultFormat {
    /// A map as a picture.
    Svg,
    /// A page with everything, without anything from elsewhere.
    Html,
    /// The lightpaths of a plan, the routes of a quality report, the items of a bill of materials, or the grooming table,
    /// as a table.
    Csv,
    /// Nodes, links and lightpaths as geographical features (RFC 7946).
    GeoJson,
    /// A workbook.
    Xlsx,
}

impl ResultFormat {
    /// All forms.
    pub const ALL: [Self; 5] = [Self::Svg, Self::Html, Self::Csv, Self::GeoJson, Self::Xlsx];

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8",
            Self::GeoJson => "application/geo+json",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// What names of its files end in, without the dot; also its name in requests and on the command line.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::GeoJson => "geojson",
            Self::Xlsx => "xlsx",
        }
    }

    /// The form whose files end in `extension`.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// The form of a media type; parameters (`; charset=…`) do not matter.
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let essence = |text: &str| text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| essence(format.media_type()) == essence(media_type))
    }
}

/// Why a result cannot be given in a form.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The workbook could not be written.
    #[error("the workbook could not be written: {0}")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// Quality reports, groomings and bills of materials are tables: they have no map and no page.
    #[error("this report is shown as csv or xlsx, not as {}", .0.extension())]
    OnlyTables(ResultFormat),
    /// The report could not be written as JSON.
    #[error("the features could not be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Gives `report` on `topology` in `format`.
///
/// # Errors
/// See [`ExportError`].
pub fn export(
    format: ResultFormat,
    report: &PlanReport,
    topology: &Topology,
) -> Result<Vec<u8>, ExportError> {
    match format {
        ResultFormat::Svg => Ok(svg::picture(report, topology).into_bytes()),
        ResultFormat::Html => Ok(html::page(report, topology).into_bytes()),
        ResultFormat::Csv => Ok(csv::table(report, topology).into_bytes()),
        ResultFormat::GeoJson => geojson::features(report, topology),
        ResultFormat::Xlsx => xlsx::workbook(report, topology),
    }
}

/// Gives a quality report in `format`: [`ResultFormat::Csv`] or [`ResultFormat::Xlsx`].
///
/// # Errors
/// See [`ExportError`].
pub fn export_quality(format: ResultFormat, report: &QualityReport) -> Result<Vec<u8>, ExportError> {
    match format {
        ResultFormat::Csv => Ok(quality::table(report).into_bytes()),
        ResultFormat::Xlsx => quality::workbook(report),
        ResultFormat::Svg | ResultFormat::Html | ResultFormat::GeoJson => {
            Err(ExportError::OnlyTables(format))
        }
    }
}

/// Gives a bill of materials in `format`: [`ResultFormat::Csv`] or [`ResultFormat::Xlsx`].
///
/// # Errors
/// See [`ExportError`].
pub fn export_bill(format: ResultFormat, report: &BillOfMaterials) -> Result<Vec<u8>, ExportError> {
    match format {
        ResultFormat::Csv => Ok(bill::table(report).into_bytes()),
        ResultFormat::Xlsx => bill::workbook(report),
        ResultFormat::Svg | ResultFormat::Html | ResultFormat::GeoJson => {
            Err(ExportError::OnlyTables(format))
        }
    }
}

/// Gives a grooming in `format`: [`ResultFormat::Csv`], its table, or [`ResultFormat::Xlsx`], a sheet for each part.
///
/// # Errors
/// See [`ExportError`].
pub fn export_grooming(format: ResultFormat, report: &GroomingReport) -> Result<Vec<u8>, ExportError> {
    match format {
        ResultFormat::Csv => Ok(grooming::table(report).into_bytes()),
        ResultFormat::Xlsx => grooming::workbook(report),
        ResultFormat::Svg | ResultFormat::Html | ResultFormat::GeoJson => {
            Err(ExportError::OnlyTables(format))
        }
    }
}

/// The bill of materials that a run's report is; none if it is another.
#[must_use]
pub fn bill_in(report: &Value) -> Option<BillOfMaterials> {
    serde_json::from_value(report.clone()).ok()
}

/// The grooming that a run's report is, or has in a field; none if there is none.
#[must_use]
pub fn grooming_report_in(report: &Value) -> Option<GroomingReport> {
    let own = |value: &Value| serde_json::from_value(value.clone()).ok();
    own(report).or_else(|| report.as_object()?.values().find_map(own))
}

/// The quality report that a run's report is; none if it is another.
#[must_use]
pub fn quality_report_in(report: &Value) -> Option<QualityReport> {
    serde_json::from_value(report.clone()).ok()
}

/// Finds the planning report in a run's report: the report itself, also with fields of its own beside it, or a field of
/// it. None if the run planned no lightpaths.
#[must_use]
pub fn plan_report_in(report: &Value) -> Option<PlanReport> {
    let object = report.as_object()?;
    plan_report(object).or_else(|| object.values().filter_map(Value::as_object).find_map(plan_report))
}

fn plan_report(object: &Map<String, Value>) -> Option<PlanReport> {
    const FIELDS: [&str; 8] =
        ["summary", "plan", "links", "nodes", "routes", "changes", "unplanned", "lengths"];
    let own: Map<String, Value> =
        FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), object.get(*field)?.clone()))).collect();
    serde_json::from_value(Value::Object(own)).ok()
}

#[cfg(test)]
mod tests;
