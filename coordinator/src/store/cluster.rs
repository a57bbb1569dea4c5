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

impl Store {
    /// Asks for a worker to be drained, or takes the wish back. The leader reads it.
    pub async fn request_drain(&self, worker: WorkerId, drain: bool) -> Result<()> {
        let _ = (worker, drain);
        todo!()
    }

    /// The workers that shall be drained.
    pub async fn drain_requests(&self) -> Result<Vec<WorkerId>> {
        todo!()
    }

    /// Stops or resumes handing out work.
    pub async fn set_paused(&self, paused: bool) -> Result<()> {
        let _ = paused;
        todo!()
    }

    /// Whether handing out work is stopped.
    pub async fn paused(&self) -> Result<bool> {
        todo!()
    }

    /// Who leads, or led last; none before the first leadership.
    pub async fn leader(&self) -> Result<Option<LeaderRow>> {
        todo!()
    }
}
