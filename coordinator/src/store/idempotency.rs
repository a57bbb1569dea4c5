//! Idempotency keys: the same request twice is one resource and one answer.

use std::time::Duration;

use common::ids::ContentHash;
use deadpool_postgres::Transaction;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Result, StoreError};
use super::text::storable;

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

/// Takes the key in the transaction that creates the resource. A request with the same key that runs at the same time
/// waits here until that transaction ended.
///
/// Returns the stored answer if the key was used before, less than `kept` ago, for the same request; none without a key.
pub(super) async fn claim<A: DeserializeOwned>(
    transaction: &Transaction<'_>,
    idempotency: Option<&Idempotency>,
    kept: Duration,
) -> Result<Option<A>> {
    let Some(idempotency) = idempotency else { return Ok(None) };
    let (principal, key) = (storable(&idempotency.principal), storable(&idempotency.key));
    let (principal, key): (&str, &str) = (&principal, &key);
    let hash = idempotency.body_hash.0.as_slice();
    let forget = transaction
        .prepare_cached(
            "DELETE FROM idempotency WHERE principal = $1 AND key = $2 AND created_at < now() - make_interval(secs => $3)",
        )
        .await?;
    let insert = transaction
        .prepare_cached(
            "INSERT INTO idempotency (principal, key, body_hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .await?;
    transaction.execute(&forget, &[&principal, &key, &kept.as_secs_f64()]).await?;
    if transaction.execute(&insert, &[&principal, &key, &hash]).await? == 1 {
        return Ok(None);
    }
    let select = transaction
        .prepare_cached("SELECT body_hash, answer::text FROM idempotency WHERE principal = $1 AND key = $2")
        .await?;
    // gone again: an older key expired between the two statements
    let busy = || StoreError::Unavailable("the idempotency key is being replaced".to_owned());
    let row = transaction.query_opt(&select, &[&principal, &key]).await?.ok_or_else(busy)?;
    if row.get::<_, &[u8]>(0) != hash {
        return Err(StoreError::KeyReused);
    }
    let answer: Option<&str> = row.get(1);
    serde_json::from_str(answer.ok_or_else(busy)?)
        .map(Some)
        .map_err(|error| StoreError::Internal(format!("a stored answer cannot be read: {error}")))
}

/// Keeps the answer with the key, if there is one, in the same transaction.
pub(super) async fn keep<A: Serialize + Sync>(
    transaction: &Transaction<'_>,
    idempotency: Option<&Idempotency>,
    answer: &A,
) -> Result<()> {
    let Some(idempotency) = idempotency else { return Ok(()) };
    let answer = serde_json::to_string(answer).expect("rows are plain data");
    let update = transaction
        .prepare_cached("UPDATE idempotency SET answer = $3::text::json WHERE principal = $1 AND key = $2")
        .await?;
    transaction
        .execute(&update, &[&&*storable(&idempotency.principal), &&*storable(&idempotency.key), &answer])
        .await?;
    Ok(())
}
