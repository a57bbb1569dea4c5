//! Idempotency keys: the same request twice is one resource and one answer.

use common::ids::ContentHash;

/// The key of a request that creates something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose key; keys of different principals never meet.
    pub principal: String,
    /// The header's text.
    pub key: String,
    /// Hash over method, path and body.
    pub body_hash: ContentHash,
}
