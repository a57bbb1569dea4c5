//! Who leads: an advisory lock on a connection of its own, and the epoch that fences every write.

use common::ids::Epoch;
use tokio_util::sync::CancellationToken;

use super::Store;
use super::error::Result;

/// Who asks to lead.
#[derive(Clone, Debug)]
pub struct LeaderInfo {
    /// Its HTTP address, as other replicas reach it.
    pub address: String,
    /// Its build.
    pub build: String,
}

/// A leadership that lasts until `lost` is cancelled or the value is dropped.
#[derive(Debug)]
pub struct Leadership {
    epoch: Epoch,
    lost: CancellationToken,
}

impl Leadership {
    /// Its number.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Cancelled when the leadership is over, for whatever reason.
    #[must_use]
    pub const fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Gives the lock back; returns when the database let go of it.
    pub async fn release(self) {
        todo!()
    }
}

impl Store {
    /// Waits until this coordinator leads. An outage of the database is waited out.
    ///
    /// # Errors
    /// Only what waiting cannot cure.
    pub async fn lead(&self, me: LeaderInfo) -> Result<Leadership> {
        let _ = me;
        todo!()
    }
}
