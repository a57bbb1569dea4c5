//! Who leads: an advisory lock on a connection of its own, and the epoch that fences every write.
//!
//! The server closes the lock's connection after 3 s without a word from it, so a frozen or cut-off leader loses the
//! lock; a leader that hears nothing from the database for 2 s stops leading before that. What an old leader may still
//! have under way cannot land: its backends are ended by name and the epoch, which every write checks, moved on.

use std::time::Duration;

use common::ids::Epoch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::cluster::NOTIFY_CLUSTER;
use super::connection::{self, Address, LEADER_NAME};
use super::error::{Result, StoreError};
use super::{Store, connection::named, janitor};

/// Key of the advisory lock of partition 0 (`netplan` in ASCII, then the partition).
const LOCK: i64 = 0x6e65_7470_6c61_6e00;

/// The name of a connection that asks for the lock.
const STAND_BY_NAME: &str = "netplanner stand-by";

/// How often the leader speaks to the database, and a stand-by asks for the lock.
const PING: Duration = Duration::from_millis(500);

/// After how long without an answer the leader stops; less than [`IDLE_MS`], so that it stops before another begins.
const SILENCE: Duration = Duration::from_secs(2);

/// After how long without a word the server closes the lock's connection, in milliseconds.
const IDLE_MS: u128 = 3_000;

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
    keeper: Option<JoinHandle<()>>,
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

    /// Gives the lock back; returns when the database let go of it, or cannot be asked.
    pub async fn release(mut self) {
        self.lost.cancel();
        if let Some(keeper) = self.keeper.take() {
            // it ends at once, or with the connection
            let _ = keeper.await;
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.lost.cancel();
    }
}

impl Store {
    /// Waits until this coordinator leads. An outage of the database is waited out, and so are its migrations.
    ///
    /// # Errors
    /// Only what waiting cannot cure.
    pub async fn lead(&self, me: LeaderInfo) -> Result<Leadership> {
        let address = named(
            &self.address,
            STAND_BY_NAME,
            &[("idle_session_timeout", IDLE_MS), ("statement_timeout", 2_000), ("lock_timeout", 500)],
        );
        let mut quiet = false;
        loop {
            match self.stand_by(&address, &me).await {
                Ok(leadership) => return Ok(leadership),
                Err(StoreError::Internal(detail)) => return Err(StoreError::Internal(detail)),
                Err(error) => {
                    if !quiet {
                        tracing::warn!(%error, "cannot ask for the leadership; trying on");
                    }
                    quiet = true;
                }
            }
            sleep(PING).await;
        }
    }

    /// How many other coordinators ask for the leadership.
    pub async fn stand_bys(&self) -> Result<i64> {
        let client = self.client().await?;
        let count = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND application_name = $1";
        Ok(client.query_one(count, &[&STAND_BY_NAME]).await?.get(0))
    }

    /// Asks for the lock on one connection until it is given.
    async fn stand_by(&self, address: &Address, me: &LeaderInfo) -> Result<Leadership> {
        let silence = |_| StoreError::Unavailable("no answer within two seconds".to_owned());
        let client = connection::dedicated(address).await?;
        loop {
            let asked = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]);
            if timeout(SILENCE, asked).await.map_err(silence)??.get(0) {
                break;
            }
            sleep(PING).await;
        }
        let epoch = take_over(&client, me).await?;
        tracing::info!(%epoch, "leading");
        let lost = CancellationToken::new();
        let keeper = tokio::spawn(keep(client, epoch, lost.clone()));
        tokio::spawn(janitor::look_after(self.clone(), epoch, lost.clone()));
        Ok(Leadership { epoch, lost, keeper: Some(keeper) })
    }
}

/// Ends what older leaderships have under way and moves the epoch on, in a transaction of its own.
async fn take_over(client: &Client, me: &LeaderInfo) -> Result<Epoch> {
    loop {
        let ended: i64 = client
            .query_one(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND application_name ~ ('^' || $1 || '[0-9]+')
                    AND substring(application_name FROM '[0-9]+')::bigint
                        <= (SELECT epoch FROM leadership WHERE partition = 0)",
                &[&LEADER_NAME],
            )
            .await?
            .get(0);
        if ended > 0 {
            tracing::warn!(ended, "ended connections of an earlier leader");
        }
        let moved = client
            .query_one(
                "UPDATE leadership SET epoch = epoch + 1, address = $1, since = now(), build = $2
                  WHERE partition = 0 RETURNING epoch",
                &[&me.address, &me.build],
            )
            .await;
        let epoch: i32 = match moved {
            Ok(row) => row.get(0),
            // a backend of the old leader still holds the row: it was told to end, look again
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => continue,
            Err(error) => return Err(error.into()),
        };
        let name = format!("{LEADER_NAME}{epoch} lock");
        client.query_one("SELECT set_config('application_name', $1, false)", &[&name]).await?;
        client.query_one(NOTIFY_CLUSTER, &[]).await?;
        return Ok(Epoch(epoch.cast_unsigned()));
    }
}

/// Speaks on the lock's connection until the leadership ends, then closes it.
async fn keep(client: Client, epoch: Epoch, lost: CancellationToken) {
    let why = loop {
        tokio::select! {
            () = lost.cancelled() => break None,
            () = sleep(PING) => {}
        }
        let asked = client.query_one("SELECT epoch FROM leadership WHERE partition = 0", &[]);
        match timeout(SILENCE.saturating_sub(PING), asked).await {
            Ok(Ok(row)) if row.get::<_, i32>(0) == epoch.0.cast_signed() => {}
            Ok(Ok(_)) => break Some("another coordinator leads".to_owned()),
            Ok(Err(error)) => break Some(StoreError::from(error).to_string()),
            Err(_) => break Some("the database does not answer".to_owned()),
        }
    };
    lost.cancel();
    if let Some(why) = why {
        tracing::warn!(%epoch, why, "the leadership is lost");
    } else {
        let unlocked = client.query_one("SELECT pg_advisory_unlock($1)", &[&LOCK]);
        let _ = timeout(SILENCE, unlocked).await;
        tracing::info!(%epoch, "gave up the leadership");
    }
}
