//! What can go wrong between the coordinator and its database, as its callers need to know it.

use chrono::{DateTime, Utc};
use tokio_postgres::error::SqlState;

/// An error of the store. Its text never contains SQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is starting, or has no room: try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// More calls wait for a connection than may: come back in a moment.
    #[error("too many requests wait for the database")]
    Overloaded,
    /// As many runs are open as may be.
    #[error("{most} runs are open, as many as may be: come back when some have ended")]
    QueueFull {
        /// How many.
        most: u32,
    },
    /// The thing is not there, or was deleted.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The thing is in a state that forbids this.
    #[error("{detail}")]
    Conflict {
        /// Stable code for clients (`run_ended`, `run_not_ended`).
        code: &'static str,
        /// For people.
        detail: String,
    },
    /// The submitter has as many open runs as one may have.
    #[error(
        "you have {most} open runs, as many as one may have: wait until one of them ended, or cancel one"
    )]
    Quota {
        /// How many.
        most: u32,
    },
    /// It was there once, and is older than this installation keeps such things.
    #[error("the {what} of this run were dropped {}: older ones are not kept", at.format("%Y-%m-%d %H:%M UTC"))]
    Dropped {
        /// `shard results`, `events` or `report`.
        what: &'static str,
        /// When they were dropped.
        at: DateTime<Utc>,
    },
    /// The idempotency key was used before with another body.
    #[error("the idempotency key was used before for another request")]
    KeyReused,
    /// The thing changed since the caller read it.
    #[error("it changed meanwhile and now has revision {current}")]
    Stale {
        /// Its revision now.
        current: i64,
    },
    /// A document, path or cursor that the database refuses.
    #[error("{detail}")]
    Refused {
        /// Stable code for clients (`bad_path`, `bad_cursor`, `bad_document`).
        code: &'static str,
        /// For people; may quote the message of Postgres.
        detail: String,
    },
    /// The statement took longer than allowed.
    #[error("the database took longer than allowed")]
    Timeout,
    /// Another coordinator leads now; nothing was written.
    #[error("another coordinator leads now")]
    Fenced,
    /// A setting of the database connection is wrong.
    #[error("the database settings are wrong: {0}")]
    Settings(String),
    /// A fault of ours, or a damaged database.
    #[error("the database answered with an error: {0}")]
    Internal(String),
}

/// What the store's functions return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout | Self::Overloaded)
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            if error.is_closed() {
                return Self::Unavailable("the connection was closed".to_owned());
            }
            return match std::error::Error::source(&error) {
                // a conversion is our fault, everything else below this level is the network's
                Some(source) if source.is::<std::io::Error>() => Self::Unavailable(source.to_string()),
                _ if error.to_string().starts_with("error communicating") => {
                    Self::Unavailable(error.to_string())
                }
                // encryption that the server does not offer, above all
                _ if error.to_string().starts_with("error performing TLS") => {
                    Self::Unavailable(error.to_string())
                }
                _ if error.to_string().starts_with("error connecting") => {
                    Self::Unavailable(error.to_string())
                }
                _ => Self::Internal(error.to_string()),
            };
        };
        let code = db.code();
        match code.code().get(..2).unwrap_or_default() {
            "08" | "53" => Self::Unavailable(db.message().to_owned()),
            // shutdown, crash recovery, dropped database, read-only standby
            _ if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE => Self::Timeout,
            "57" | "40" | "28" => Self::Unavailable(db.message().to_owned()),
            _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION
                || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT =>
            {
                Self::Unavailable(db.message().to_owned())
            }
            // asked before the migrations are through, which is when the leader starts
            _ if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::UNDEFINED_COLUMN => {
                Self::Unavailable(format!("its tables are being set up: {}", db.message()))
            }
            "22" | "54" => Self::Refused { code: "bad_document", detail: db.message().to_owned() },
            _ => Self::Internal(format!("{} ({})", db.message(), code.code())),
        }
    }
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => match Self::from(error) {
                // a connection that cannot be made is an outage, whatever the reason
                Self::Internal(detail) => Self::Unavailable(detail),
                other => other,
            },
            deadpool_postgres::PoolError::Timeout(_) => {
                Self::Unavailable("no database connection became free in time".to_owned())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}
