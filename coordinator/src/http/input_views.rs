//! How topologies and traffic matrices look from outside: request bodies, answers, query parameters.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::error::findings_schema;
use crate::store::inputs::{InputRow, VersionRow};
use optics::finding::Finding;

/// A new input.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInputBody {
    /// For people; the document's own name if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// What the first version is.
    #[serde(default)]
    pub comment: String,
    /// The document. Its exact bytes are stored.
    #[schema(value_type = Object)]
    pub document: Box<RawValue>,
}

/// A new version of an input.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVersionBody {
    /// What changed; required.
    pub comment: String,
    /// The document. Its exact bytes are stored.
    #[schema(value_type = Object)]
    pub document: Box<RawValue>,
}

/// A change of an input's head.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InputPatch {
    /// The new name.
    pub name: String,
}

/// A document to be checked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateBody {
    /// The document.
    #[schema(value_type = Object)]
    pub document: Box<RawValue>,
}

/// An input: its head and its newest version.
#[derive(Serialize, ToSchema)]
pub struct InputView {
    /// Its id.
    pub id: Uuid,
    /// `topology`, `traffic_matrix` or `equipment`.
    pub kind: &'static str,
    /// Its name; need not be unique.
    pub name: String,
    /// Who created it.
    pub author: String,
    /// Rises with every change; the `ETag`.
    pub revision: i64,
    /// When it was created.
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// When it changed last.
    pub updated_at: chrono::DateTime<chrono::Utc>,
    /// Number of its newest version.
    pub version: u32,
    /// Its newest version.
    pub latest: VersionView,
    /// Notes on the document, where it has just been stored: nothing that stands in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = findings_schema)]
    pub notes: Vec<Finding>,
}

/// A version of an input.
#[derive(Serialize, ToSchema)]
pub struct VersionView {
    /// Its number, from 1.
    pub version: u32,
    /// SHA-256 of the document; the `ETag`.
    pub hash: String,
    /// Size of the document in bytes.
    pub bytes: u64,
    /// What changed.
    pub comment: String,
    /// Key figures of the document.
    #[schema(value_type = Object)]
    pub summary: Value,
    /// Who appended it.
    pub author: String,
    /// When.
    pub created_at: chrono::DateTime<chrono::Utc>,
}

/// A version with its document.
#[derive(Serialize, ToSchema)]
pub struct VersionDocument {
    /// The version.
    #[serde(flatten)]
    pub version: VersionView,
    /// The document, byte for byte as it was stored.
    #[schema(value_type = Object)]
    pub document: Box<RawValue>,
}

/// What is to be said of a document.
#[derive(Serialize, ToSchema)]
pub struct Validity {
    /// Whether it can be stored and planned on.
    pub valid: bool,
    /// Everything that stands in the way.
    #[schema(schema_with = findings_schema)]
    pub errors: Vec<Finding>,
    /// Worth knowing.
    #[schema(schema_with = findings_schema)]
    pub notes: Vec<Finding>,
    /// Key figures, if it could be read.
    #[schema(value_type = Object)]
    pub summary: Option<Value>,
}

/// A page of inputs.
#[derive(Serialize, ToSchema)]
pub struct InputList {
    /// Newest first.
    pub items: Vec<InputView>,
    /// `cursor` of the next page.
    pub next_cursor: Option<String>,
}

/// A page of versions.
#[derive(Serialize, ToSchema)]
pub struct VersionList {
    /// Newest first.
    pub items: Vec<VersionView>,
    /// `cursor` of the next page.
    pub next_cursor: Option<String>,
}

/// Which inputs to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Items a page, 1 to 1000; 50 if absent.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Only names that contain this, in any case.
    pub name: Option<String>,
}

/// A page of something.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items a page, 1 to 1000; 50 if absent.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// How to read an imported file.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// `netplanner-xlsx`, `netplanner-json`, `sndlib-xml` or `json`.
    pub format: String,
    /// Its name; the file's own if absent.
    pub name: Option<String>,
    /// What the first version is.
    pub comment: Option<String>,
    /// What great-circle distances are multiplied by where a file has no lengths; 1.2 if absent.
    pub route_factor: Option<f64>,
    /// What one unit of demand is in Gb/s where a file has no rates; 1 if absent.
    pub demand_unit_gbps: Option<f64>,
}

/// How to read a file to be checked.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ValidateQuery {
    /// As for an import; absent: the body is `{document}`.
    pub format: Option<String>,
    /// What great-circle distances are multiplied by where a file has no lengths; 1.2 if absent.
    pub route_factor: Option<f64>,
    /// What one unit of demand is in Gb/s where a file has no rates; 1 if absent.
    pub demand_unit_gbps: Option<f64>,
}

impl From<VersionRow> for VersionView {
    fn from(row: VersionRow) -> Self {
        let VersionRow { version, hash, bytes, comment, summary, author, created_at } = row;
        Self { version, hash: hash.to_string(), bytes, comment, summary, author, created_at }
    }
}

impl From<InputRow> for InputView {
    fn from(row: InputRow) -> Self {
        let InputRow { id, kind, name, author, latest, revision, created_at, updated_at } = row;
        let version = latest.version;
        let (kind, latest, notes) = (kind.as_str(), latest.into(), Vec::new());
        Self { id, kind, name, author, revision, created_at, updated_at, version, latest, notes }
    }
}
