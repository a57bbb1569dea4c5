//! Inputs: heads with a name over immutable, numbered versions of a document.

use chrono::{DateTime, Utc};
use common::ids::ContentHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Store;
use super::documents::NewDocument;
use super::error::Result;
use super::idempotency::Idempotency;
use super::page::{Page, Paged};

/// What kind of document an input holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Nodes and links.
    Topology,
    /// Demands between nodes.
    TrafficMatrix,
}

impl InputKind {
    /// The text in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::TrafficMatrix => "traffic_matrix",
        }
    }
}

/// An input to be created, with its first version.
#[derive(Clone, Debug)]
pub struct NewInput {
    /// What it is.
    pub kind: InputKind,
    /// Its name, for people; need not be unique.
    pub name: String,
    /// Who creates it.
    pub author: String,
    /// The first version.
    pub version: NewVersion,
}

/// A version to be appended.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The document.
    pub document: NewDocument,
    /// What changed.
    pub comment: String,
    /// Key figures that listings show (counts of nodes, links, demands).
    pub summary: Value,
}

/// The head of an input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputRow {
    /// Its id.
    pub id: Uuid,
    /// What it is.
    pub kind: InputKind,
    /// Its name.
    pub name: String,
    /// Who created it.
    pub author: String,
    /// Its newest version.
    pub latest: VersionRow,
    /// Rises with every change; the head's ETag.
    pub revision: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// A version of an input, without its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VersionRow {
    /// Its number, from 1.
    pub version: u32,
    /// The hash of the document, also its ETag.
    pub hash: ContentHash,
    /// Size of the document in bytes.
    pub bytes: u64,
    /// What changed.
    pub comment: String,
    /// Key figures.
    pub summary: Value,
    /// Who appended it.
    pub author: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// An input that was stored, or that an earlier request with the same key had stored.
#[derive(Clone, Debug)]
pub struct Created {
    /// The head as it was answered then.
    pub input: InputRow,
    /// Whether the answer is that of an earlier request.
    pub replayed: bool,
}

/// Which inputs to list.
#[derive(Clone, Debug, Default)]
pub struct InputFilter {
    /// Only names that contain this, in any case.
    pub name_contains: Option<String>,
}

impl Store {
    /// Stores an input with its first version.
    ///
    /// # Errors
    /// `KeyReused` for a known key with another body.
    pub async fn create_input(&self, input: NewInput, idempotency: Option<Idempotency>) -> Result<Created> {
        let _ = (input, idempotency);
        todo!()
    }

    /// Inputs, newest first.
    pub async fn list_inputs(&self, kind: InputKind, filter: &InputFilter, page: &Page) -> Result<Paged<InputRow>> {
        let _ = (kind, filter, page);
        todo!()
    }

    /// One input.
    pub async fn input(&self, kind: InputKind, id: Uuid) -> Result<InputRow> {
        let _ = (kind, id);
        todo!()
    }

    /// The versions of an input, newest first.
    pub async fn input_versions(&self, kind: InputKind, id: Uuid, page: &Page) -> Result<Paged<VersionRow>> {
        let _ = (kind, id, page);
        todo!()
    }

    /// One version of an input; its bytes are in [`Store::document`].
    pub async fn input_version(&self, kind: InputKind, id: Uuid, version: u32) -> Result<VersionRow> {
        let _ = (kind, id, version);
        todo!()
    }

    /// Appends a version; `if_revision` refuses with `Stale` when the head changed since.
    pub async fn append_version(
        &self,
        kind: InputKind,
        id: Uuid,
        version: NewVersion,
        author: &str,
        if_revision: Option<i64>,
        idempotency: Option<Idempotency>,
    ) -> Result<Created> {
        let _ = (kind, id, version, author, if_revision, idempotency);
        todo!()
    }

    /// Gives an input another name; `if_revision` as in [`Store::append_version`].
    pub async fn rename_input(
        &self,
        kind: InputKind,
        id: Uuid,
        name: &str,
        if_revision: Option<i64>,
    ) -> Result<InputRow> {
        let _ = (kind, id, name, if_revision);
        todo!()
    }

    /// Hides an input; runs that used it keep their documents. `if_revision` as in [`Store::append_version`].
    pub async fn delete_input(&self, kind: InputKind, id: Uuid, if_revision: Option<i64>) -> Result<()> {
        let _ = (kind, id, if_revision);
        todo!()
    }
}
