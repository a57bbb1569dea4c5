//! Documents by content hash: the exact bytes of inputs. A large one is stored in pieces and read block by block, so that
//! serving it never takes more memory than a block.

use bytes::Bytes;
use common::ids::ContentHash;
use deadpool_postgres::Transaction;
use futures_util::{Stream, stream};

use super::Store;
use super::error::{Result, StoreError};

/// Documents above this size are stored in pieces: below it a row is read in one go as cheaply.
pub const WHOLE_BYTES: usize = 8 << 20;

/// Size of a stored piece, and of a block in which documents and states are read: four messages of a worker.
pub const BLOCK_BYTES: usize = 1 << 20;

/// How often documents are stored again that were collected between storing and locking them.
const PUT_ATTEMPTS: usize = 3;

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

/// A part of something larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Size of the whole in bytes.
    pub total: u64,
    /// The bytes from the block's begin on; empty beyond the end.
    pub bytes: Bytes,
}

/// Reads a hash column.
pub(super) fn hash_of(bytes: &[u8]) -> ContentHash {
    ContentHash(bytes.try_into().expect("the schema holds hashes to 32 bytes"))
}

/// Stores documents that are not there yet, and keeps the janitor from them until the transaction ends.
pub(super) async fn put(transaction: &Transaction<'_>, documents: &[NewDocument]) -> Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    // in one order everywhere: two requests with the same documents wait for each other instead of dead-locking
    let mut sorted: Vec<&NewDocument> = documents.iter().collect();
    sorted.sort_by_key(|document| document.hash);
    sorted.dedup_by_key(|document| document.hash);
    let hashes: Vec<ContentHash> = sorted.iter().map(|document| document.hash).collect();
    for _ in 0..PUT_ATTEMPTS {
        for document in &sorted {
            put_one(transaction, document).await?;
        }
        if lock(transaction, &hashes).await? {
            return Ok(());
        }
    }
    Err(StoreError::Unavailable("documents are being collected".to_owned()))
}

async fn put_one(transaction: &Transaction<'_>, document: &NewDocument) -> Result<()> {
    let insert = transaction
        .prepare_cached(
            "INSERT INTO documents (hash, size, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .await?;
    let hash = document.hash.0.as_slice();
    let size = i64::try_from(document.bytes.len()).unwrap_or(i64::MAX);
    let whole = (document.bytes.len() <= WHOLE_BYTES).then_some(&*document.bytes);
    let new = transaction.execute(&insert, &[&hash, &size, &whole]).await? == 1;
    if !new || whole.is_some() {
        return Ok(());
    }
    let insert = transaction
        .prepare_cached("INSERT INTO document_pieces (hash, piece, bytes) VALUES ($1, $2, $3)")
        .await?;
    for (piece, bytes) in (0_i32..).zip(document.bytes.chunks(BLOCK_BYTES)) {
        transaction.execute(&insert, &[&hash, &piece, &bytes]).await?;
    }
    Ok(())
}

/// Keeps the janitor from documents until the transaction ends. False if one of them is not there.
pub(super) async fn lock(transaction: &Transaction<'_>, hashes: &[ContentHash]) -> Result<bool> {
    let mut sorted: Vec<&[u8]> = hashes.iter().map(|hash| hash.0.as_slice()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.is_empty() {
        return Ok(true);
    }
    let select = transaction
        .prepare_cached(
            "SELECT hash FROM documents WHERE hash = ANY ($1::bytea[]) ORDER BY hash FOR KEY SHARE",
        )
        .await?;
    Ok(transaction.query(&select, &[&sorted]).await?.len() == sorted.len())
}

impl Store {
    /// The block of a document that begins at byte `from`, which is a multiple of [`BLOCK_BYTES`].
    ///
    /// # Errors
    /// `NotFound` if it never was stored.
    pub async fn document_block(&self, hash: ContentHash, from: u64) -> Result<Block> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(
                "SELECT d.size, CASE WHEN d.bytes IS NULL THEN p.bytes ELSE substring(d.bytes FROM $2 FOR $3) END
                   FROM documents d LEFT JOIN document_pieces p ON p.hash = d.hash AND p.piece = $4
                  WHERE d.hash = $1",
            )
            .await?;
        let (first, count, piece) = place(from);
        let row = client.query_opt(&select, &[&hash.0.as_slice(), &first, &count, &piece]).await?;
        let row = row.ok_or(StoreError::NotFound("document"))?;
        let bytes: Option<Vec<u8>> = row.get(1);
        Ok(Block { total: row.get::<_, i64>(0).cast_unsigned(), bytes: bytes.unwrap_or_default().into() })
    }

    /// A document's size and its bytes, block by block. No connection is held between two blocks.
    ///
    /// # Errors
    /// `NotFound` if it never was stored.
    pub async fn document_blocks(
        &self,
        hash: ContentHash,
    ) -> Result<(u64, impl Stream<Item = Result<Bytes>> + Send + use<>)> {
        let first = self.document_block(hash, 0).await?;
        let total = first.total;
        let store = self.clone();
        let rest = stream::try_unfold(BLOCK_BYTES as u64, move |from| {
            let store = store.clone();
            async move {
                if from >= total {
                    return Ok(None);
                }
                let block = store.document_block(hash, from).await?;
                Ok(Some((block.bytes, from + BLOCK_BYTES as u64)))
            }
        });
        let blocks = futures_util::StreamExt::chain(stream::iter([Ok(first.bytes)]), rest);
        Ok((total, blocks))
    }

    /// The exact bytes of a document, for whoever has to parse it as a whole.
    ///
    /// # Errors
    /// `NotFound` if it never was stored.
    pub async fn document(&self, hash: ContentHash) -> Result<Bytes> {
        let first = self.document_block(hash, 0).await?;
        if first.bytes.len() as u64 >= first.total {
            return Ok(first.bytes);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(first.total).unwrap_or_default());
        bytes.extend_from_slice(&first.bytes);
        while (bytes.len() as u64) < first.total {
            let block = self.document_block(hash, bytes.len() as u64).await?;
            if block.bytes.is_empty() {
                return Err(StoreError::Internal(format!("document {hash} lacks a piece")));
            }
            bytes.extend_from_slice(&block.bytes);
        }
        Ok(bytes.into())
    }
}

/// Where the block that begins at byte `from` is: its first byte counted from 1, its length, the number of its piece.
pub(super) fn place(from: u64) -> (i32, i32, i32) {
    let block = i32::try_from(BLOCK_BYTES).unwrap_or(i32::MAX);
    let from = i32::try_from(from).unwrap_or(i32::MAX - 1);
    (from + 1, block, from / block)
}
