//! Documents by content hash: the exact bytes of inputs.

use bytes::Bytes;
use common::ids::ContentHash;
use deadpool_postgres::Transaction;

use super::Store;
use super::error::{Result, StoreError};

/// Bytes and their hash.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// SHA-256 of `bytes`.
    pub hash: ContentHash,
    /// The exact bytes.
    pub bytes: Bytes,
}

impl NewDocument {
    /// Hashes `bytes`.
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { hash: ContentHash::of(&bytes), bytes }
    }
}

/// Reads a hash column.
pub(super) fn hash_of(bytes: &[u8]) -> ContentHash {
    ContentHash(bytes.try_into().expect("the schema holds hashes to 32 bytes"))
}

/// Stores documents that are not there yet.
pub(super) async fn put(transaction: &Transaction<'_>, documents: &[NewDocument]) -> Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    // in one order everywhere: two requests with the same documents wait for each other instead of dead-locking
    let mut sorted: Vec<&NewDocument> = documents.iter().collect();
    sorted.sort_by_key(|document| document.hash);
    let insert = transaction
        .prepare_cached("INSERT INTO documents (hash, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .await?;
    for document in sorted {
        transaction.execute(&insert, &[&document.hash.0.as_slice(), &&*document.bytes]).await?;
    }
    Ok(())
}

impl Store {
    /// The exact bytes of a document.
    ///
    /// # Errors
    /// `NotFound` if it never was stored.
    pub async fn document(&self, hash: ContentHash) -> Result<Bytes> {
        let client = self.client().await?;
        let select = client.prepare_cached("SELECT bytes FROM documents WHERE hash = $1").await?;
        let row = client.query_opt(&select, &[&hash.0.as_slice()]).await?;
        row.map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))).ok_or(StoreError::NotFound("document"))
    }
}
