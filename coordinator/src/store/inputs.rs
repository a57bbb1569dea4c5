//! Inputs: heads with a name over immutable, numbered versions of a document.

use chrono::{DateTime, Utc};
use common::ids::ContentHash;
use deadpool_postgres::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Store;
use super::documents::{self, NewDocument, hash_of};
use super::error::{Result, StoreError};
use super::idempotency::{self, Idempotency};
use super::page::{Page, Paged};
use super::text::{storable, storable_json};

/// What kind of document an input holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Nodes and links.
    Topology,
    /// Demands between nodes.
    TrafficMatrix,
    /// Types of fibre, amplifiers, ROADMs and transceivers.
    Equipment,
}

impl InputKind {
    /// The text in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::TrafficMatrix => "traffic_matrix",
            Self::Equipment => "equipment",
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

/// A head with its newest version.
const HEAD: &str = "SELECT i.id, i.kind, i.name, i.author, i.revision, i.created_at, i.updated_at,
        v.version, v.hash, v.size, v.comment, v.summary, v.author AS version_author, v.created_at AS version_created_at
   FROM inputs i JOIN input_versions v ON v.input_id = i.id AND v.version = i.latest
  WHERE i.deleted_at IS NULL AND i.kind = $1";

const VERSION: &str = "SELECT v.version, v.hash, v.size, v.comment, v.summary, v.author AS version_author,
        v.created_at AS version_created_at
   FROM inputs i JOIN input_versions v ON v.input_id = i.id
  WHERE i.deleted_at IS NULL AND i.kind = $1 AND i.id = $2";

impl Store {
    /// Stores an input with its first version.
    ///
    /// # Errors
    /// `KeyReused` for a known key with another body.
    pub async fn create_input(&self, input: NewInput, idempotency: Option<Idempotency>) -> Result<Created> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        if let Some(answer) =
            idempotency::claim(&transaction, idempotency.as_ref(), self.retention.keys).await?
        {
            transaction.commit().await?;
            return Ok(Created { input: answer, replayed: true });
        }
        let id = Uuid::now_v7();
        let insert = transaction
            .prepare_cached("INSERT INTO inputs (id, kind, name, author, latest) VALUES ($1, $2, $3, $4, 1)")
            .await?;
        let (name, author) = (storable(&input.name), storable(&input.author));
        transaction.execute(&insert, &[&id, &input.kind.as_str(), &&*name, &&*author]).await?;
        insert_version(&transaction, id, 1, &input.version, &author).await?;
        finish(transaction, input.kind, id, idempotency.as_ref()).await
    }

    /// Inputs, newest first.
    pub async fn list_inputs(
        &self,
        kind: InputKind,
        filter: &InputFilter,
        page: &Page,
    ) -> Result<Paged<InputRow>> {
        let after: Option<Uuid> = page.after()?;
        let client = self.client().await?;
        let select = client
            .prepare_cached(&format!(
                "{HEAD} AND ($2::uuid IS NULL OR i.id < $2)
                    AND ($3::text IS NULL OR position(lower($3) in lower(i.name)) > 0)
                  ORDER BY i.id DESC LIMIT $4"
            ))
            .await?;
        let name = filter.name_contains.as_deref().map(storable);
        let rows = client.query(&select, &[&kind.as_str(), &after, &name.as_deref(), &page.rows()]).await?;
        Ok(Paged::cut(page, rows.iter().map(read_head).collect(), |input| input.id))
    }

    /// One input.
    pub async fn input(&self, kind: InputKind, id: Uuid) -> Result<InputRow> {
        let client = self.client().await?;
        let select = client.prepare_cached(&format!("{HEAD} AND i.id = $2")).await?;
        let row = client.query_opt(&select, &[&kind.as_str(), &id]).await?;
        row.as_ref().map(read_head).ok_or(StoreError::NotFound("input"))
    }

    /// The versions of an input, newest first.
    pub async fn input_versions(&self, kind: InputKind, id: Uuid, page: &Page) -> Result<Paged<VersionRow>> {
        let after: Option<i32> = page.after()?;
        let client = self.client().await?;
        let select = client
            .prepare_cached(&format!(
                "{VERSION} AND ($3::int4 IS NULL OR v.version < $3) ORDER BY v.version DESC LIMIT $4"
            ))
            .await?;
        let rows = client.query(&select, &[&kind.as_str(), &id, &after, &page.rows()]).await?;
        if rows.is_empty() && after.is_none() {
            return Err(StoreError::NotFound("input"));
        }
        Ok(Paged::cut(page, rows.iter().map(read_version).collect(), |version| version.version))
    }

    /// One version of an input; its bytes are in [`Store::document`].
    pub async fn input_version(&self, kind: InputKind, id: Uuid, version: u32) -> Result<VersionRow> {
        let client = self.client().await?;
        let select = client.prepare_cached(&format!("{VERSION} AND v.version = $3")).await?;
        let version = i32::try_from(version).map_err(|_| StoreError::NotFound("version"))?;
        let row = client.query_opt(&select, &[&kind.as_str(), &id, &version]).await?;
        row.as_ref().map(read_version).ok_or(StoreError::NotFound("version"))
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
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        if let Some(answer) =
            idempotency::claim(&transaction, idempotency.as_ref(), self.retention.keys).await?
        {
            transaction.commit().await?;
            return Ok(Created { input: answer, replayed: true });
        }
        let latest = change(&transaction, kind, id, if_revision, "latest = latest + 1", None).await?;
        insert_version(&transaction, id, latest, &version, &storable(author)).await?;
        finish(transaction, kind, id, idempotency.as_ref()).await
    }

    /// Gives an input another name; `if_revision` as in [`Store::append_version`].
    pub async fn rename_input(
        &self,
        kind: InputKind,
        id: Uuid,
        name: &str,
        if_revision: Option<i64>,
    ) -> Result<InputRow> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        change(&transaction, kind, id, if_revision, "name = $4", Some(&storable(name))).await?;
        Ok(finish(transaction, kind, id, None).await?.input)
    }

    /// Hides an input; runs that used it keep their documents. `if_revision` as in [`Store::append_version`].
    pub async fn delete_input(&self, kind: InputKind, id: Uuid, if_revision: Option<i64>) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        change(&transaction, kind, id, if_revision, "deleted_at = now()", None).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Changes a head, raises its revision and returns the number of its latest version.
async fn change(
    transaction: &Transaction<'_>,
    kind: InputKind,
    id: Uuid,
    if_revision: Option<i64>,
    assignment: &str,
    value: Option<&str>,
) -> Result<i32> {
    let update = transaction
        .prepare_cached(&format!(
            "UPDATE inputs SET revision = revision + 1, updated_at = now(), {assignment}
              WHERE kind = $1 AND id = $2 AND deleted_at IS NULL AND ($3::int8 IS NULL OR revision = $3)
                AND ($4::text IS NULL OR true)
              RETURNING latest"
        ))
        .await?;
    if let Some(row) = transaction.query_opt(&update, &[&kind.as_str(), &id, &if_revision, &value]).await? {
        return Ok(row.get(0));
    }
    let select = transaction
        .prepare_cached("SELECT revision FROM inputs WHERE kind = $1 AND id = $2 AND deleted_at IS NULL")
        .await?;
    let row = transaction.query_opt(&select, &[&kind.as_str(), &id]).await?;
    Err(row.map_or(StoreError::NotFound("input"), |row| StoreError::Stale { current: row.get(0) }))
}

async fn insert_version(
    transaction: &Transaction<'_>,
    id: Uuid,
    number: i32,
    version: &NewVersion,
    author: &str,
) -> Result<()> {
    documents::put(transaction, std::slice::from_ref(&version.document)).await?;
    let insert = transaction
        .prepare_cached(
            "INSERT INTO input_versions (input_id, version, hash, size, comment, summary, author)
             VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7)",
        )
        .await?;
    let size = i64::try_from(version.document.bytes.len()).unwrap_or(i64::MAX);
    let hash = version.document.hash.0.as_slice();
    let (comment, summary) = (storable(&version.comment), storable_json(&version.summary));
    transaction.execute(&insert, &[&id, &number, &hash, &size, &&*comment, &summary, &author]).await?;
    Ok(())
}

/// Reads the head back, keeps it as the answer to the key, commits.
async fn finish(
    transaction: Transaction<'_>,
    kind: InputKind,
    id: Uuid,
    idempotency: Option<&Idempotency>,
) -> Result<Created> {
    let select = transaction.prepare_cached(&format!("{HEAD} AND i.id = $2")).await?;
    let input = read_head(&transaction.query_one(&select, &[&kind.as_str(), &id]).await?);
    idempotency::keep(&transaction, idempotency, &input).await?;
    transaction.commit().await?;
    Ok(Created { input, replayed: false })
}

fn read_head(row: &Row) -> InputRow {
    InputRow {
        id: row.get("id"),
        kind: match row.get("kind") {
            "topology" => InputKind::Topology,
            "equipment" => InputKind::Equipment,
            _ => InputKind::TrafficMatrix,
        },
        name: row.get("name"),
        author: row.get("author"),
        latest: read_version(row),
        revision: row.get("revision"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
    }
}

fn read_version(row: &Row) -> VersionRow {
    VersionRow {
        version: row.get::<_, i32>("version").cast_unsigned(),
        hash: hash_of(row.get("hash")),
        bytes: row.get::<_, i64>("size").cast_unsigned(),
        comment: row.get("comment"),
        summary: row.get("summary"),
        author: row.get("version_author"),
        created_at: row.get("version_created_at"),
    }
}
