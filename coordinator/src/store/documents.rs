//! Documents by content hash: the exact bytes of inputs.

use bytes::Bytes;
use common::ids::ContentHash;

use super::Store;
use super::error::Result;

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

impl Store {
    /// The exact bytes of a document.
    ///
    /// # Errors
    /// `NotFound` if it never was stored.
    pub async fn document(&self, hash: ContentHash) -> Result<Bytes> {
        let _ = hash;
        todo!()
    }
}
