//! Wishes of operators and who leads.

use chrono::{DateTime, Utc};
use common::ids::{Epoch, WorkerId};
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::Result;

/// The leading coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderRow {
    /// Its HTTP address, as other replicas reach it.
    pub address: String,
    /// The number of its leadership.
    pub epoch: Epoch,
    /// Since when it leads.
    pub since: DateTime<Utc>,
    /// Its build.
    pub build: String,
}

pub(super) const NOTIFY_CLUSTER: &str = "SELECT pg_notify('netplanner', 'cluster')";

impl Store {
    /// Asks for a worker to be drained, or takes the wish back. The leader reads it.
    pub async fn request_drain(&self, worker: WorkerId, drain: bool) -> Result<()> {
        let client = self.client().await?;
        let statement = if drain {
            "INSERT INTO drain_requests (worker) VALUES ($1) ON CONFLICT (worker) DO UPDATE SET requested_at = now()"
        } else {
            "DELETE FROM drain_requests WHERE worker = $1"
        };
        client.execute(statement, &[&worker.0]).await?;
        client.execute(NOTIFY_CLUSTER, &[]).await?;
        Ok(())
    }

    /// The workers that shall be drained. Wishes are forgotten after a week.
    pub async fn drain_requests(&self) -> Result<Vec<WorkerId>> {
        let client = self.client().await?;
        let select = client.prepare_cached("SELECT worker FROM drain_requests ORDER BY requested_at").await?;
        Ok(client.query(&select, &[]).await?.iter().map(|row| WorkerId(row.get(0))).collect())
    }

    /// Stops or resumes handing out work.
    pub async fn set_paused(&self, paused: bool) -> Result<()> {
        let client = self.client().await?;
        client
            .execute(
                "UPDATE cluster_settings SET paused = $1, changed_at = now() WHERE partition = 0 AND paused <> $1",
                &[&paused],
            )
            .await?;
        client.execute(NOTIFY_CLUSTER, &[]).await?;
        Ok(())
    }

    /// Whether handing out work is stopped.
    pub async fn paused(&self) -> Result<bool> {
        let client = self.client().await?;
        let select = client.prepare_cached("SELECT paused FROM cluster_settings WHERE partition = 0").await?;
        Ok(client.query_one(&select, &[]).await?.get(0))
    }

    /// Who leads, or led last; none before the first leadership.
    pub async fn leader(&self) -> Result<Option<LeaderRow>> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(
                "SELECT address, epoch, since, build FROM leadership WHERE partition = 0 AND epoch > 0",
            )
            .await?;
        Ok(client.query_opt(&select, &[]).await?.map(|row| LeaderRow {
            address: row.get(0),
            epoch: Epoch(row.get::<_, i32>(1).cast_unsigned()),
            since: row.get(2),
            build: row.get(3),
        }))
    }
}
