//! The algorithms that workers announced, so that the API can list them and check parameters without linking them.

use chrono::{DateTime, Utc};
use common::algorithm::AlgorithmDescriptor;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::Store;
use super::cluster::NOTIFY_CLUSTER;
use super::error::{Result, StoreError};
use super::text::storable_json;

/// An announced algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlgorithmRow {
    /// What workers say of it.
    pub descriptor: AlgorithmDescriptor,
    /// When a worker announced this version first.
    pub announced_at: DateTime<Utc>,
}

impl Store {
    /// Remembers what a worker announced. The same again is nothing; another text under a known version replaces it.
    pub async fn announce_algorithms(&self, descriptors: &[AlgorithmDescriptor]) -> Result<()> {
        let names: Vec<&str> = descriptors.iter().map(|descriptor| descriptor.name.as_str()).collect();
        let versions: Vec<i32> =
            descriptors.iter().map(|descriptor| descriptor.version.cast_signed()).collect();
        let texts: Vec<String> = descriptors
            .iter()
            .map(|descriptor| {
                storable_json(&serde_json::to_value(descriptor).expect("descriptors are plain data"))
            })
            .collect();
        let client = self.client().await?;
        let changed = client
            .execute(
                "INSERT INTO algorithms (name, version, descriptor)
                 SELECT DISTINCT ON (name, version) name, version, descriptor::jsonb
                   FROM unnest($1::text[], $2::int4[], $3::text[]) AS a (name, version, descriptor)
                  ORDER BY name, version
                 ON CONFLICT (name, version) DO UPDATE SET descriptor = excluded.descriptor
                  WHERE algorithms.descriptor <> excluded.descriptor",
                &[&names, &versions, &texts],
            )
            .await?;
        if changed > 0 {
            client.execute(NOTIFY_CLUSTER, &[]).await?;
        }
        Ok(())
    }

    /// Every version of every algorithm that was ever announced, by name and descending version.
    pub async fn algorithms(&self) -> Result<Vec<AlgorithmRow>> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(
                "SELECT descriptor::text, announced_at FROM algorithms ORDER BY name, version DESC",
            )
            .await?;
        client.query(&select, &[]).await?.iter().map(read).collect()
    }

    /// One algorithm; the highest version unless one is named.
    pub async fn algorithm(&self, name: &str, version: Option<u32>) -> Result<Option<AlgorithmRow>> {
        if name.contains('\0') {
            return Ok(None);
        }
        let client = self.client().await?;
        let select = client
            .prepare_cached(
                "SELECT descriptor::text, announced_at FROM algorithms
                  WHERE name = $1 AND ($2::int4 IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
            )
            .await?;
        client
            .query_opt(&select, &[&name, &version.map(u32::cast_signed)])
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }
}

fn read(row: &Row) -> Result<AlgorithmRow> {
    let descriptor = serde_json::from_str(row.get(0))
        .map_err(|error| StoreError::Internal(format!("a stored algorithm cannot be read: {error}")))?;
    Ok(AlgorithmRow { descriptor, announced_at: row.get(1) })
}
