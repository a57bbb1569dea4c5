//! Why there is no private Postgres.

use std::io;
use std::path::PathBuf;

use super::binaries::OLDEST;
use super::folders::USERS;

/// Why there is no private Postgres.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The machine has none.
    #[error(
        "there is no database: set DATABASE_URL, or install PostgreSQL (`make setup` does), or name the folder of its binaries in NETPLANNER_PG_BIN"
    )]
    NotInstalled,
    /// What the machine has is too old.
    #[error(
        "the PostgreSQL found here is release {found}: NetPlanner needs {OLDEST} or later, or a DATABASE_URL"
    )]
    TooOld {
        /// The newest that was found.
        found: u32,
    },
    /// The data was made by a release that is not installed.
    #[error(
        "the data in {} was made by PostgreSQL {made_by}, which is not installed: install it, or move the folder away",
        folder.display()
    )]
    OtherRelease {
        /// Where the data is.
        folder: PathBuf,
        /// The release.
        made_by: u32,
    },
    /// Another server works on the same folder.
    #[error("a server with process id {pid} runs on {}: is `netplanner dev` running already?", folder.display())]
    InUse {
        /// Where the data is.
        folder: PathBuf,
        /// The server.
        pid: u32,
    },
    /// This user is root and there is nobody to become.
    #[error("Postgres does not run as root, and there is no user {}", USERS.join(" or "))]
    NoUser,
    /// Something on disk or a program failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// Postgres said no.
    #[error("{what} failed: {said}")]
    Failed {
        /// Which of its programs.
        what: &'static str,
        /// The end of what it printed.
        said: String,
    },
}

/// Says what was tried when the system failed.
pub(super) fn io_error(what: &str) -> impl Fn(io::Error) -> PostgresError + use<> {
    let what = what.to_owned();
    move |source| PostgresError::Io { what: what.clone(), source }
}
