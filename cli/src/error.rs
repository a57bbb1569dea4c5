//! What can go wrong in a command, and the exit code that says so.

use optics::finding::Finding;

use crate::client::ClientError;
use crate::postgres::PostgresError;
use crate::views::Run;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line makes no sense together.
    #[error("{0}")]
    Usage(String),
    /// The server could not be asked, or said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The run that was waited for failed.
    #[error("run {} failed: {}", .0.id, .0.error.as_ref().map_or_else(|| "no reason is stored".to_owned(), ToString::to_string))]
    RunFailed(Box<Run>),
    /// The run that was waited for was cancelled.
    #[error("run {0} was cancelled")]
    RunCancelled(String),
    /// A shard gave something else here than what is stored.
    #[error("shard {shard} of stage {stage} gives another result here than what is stored")]
    Differs {
        /// The stage.
        stage: u32,
        /// The shard.
        shard: u32,
    },
    /// A file whose content cannot be used.
    #[error("{file}: {}", .findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Content {
        /// The file.
        file: String,
        /// Everything wrong with it.
        findings: Vec<Finding>,
    },
    /// A file or a process.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// No private database.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl CliError {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Client(error) if error.is_temporary() => 6,
            Self::Client(ClientError::Refused(_)) => 3,
            Self::Content { .. } => 8,
            Self::RunFailed(_) => 4,
            Self::RunCancelled(_) => 5,
            Self::Differs { .. } => 7,
            Self::Client(_) | Self::Io { .. } | Self::Postgres(_) | Self::Other(_) => 1,
        }
    }
}

/// Shown by `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something on this machine failed
  2  the command line is wrong
  3  the server refused the request
  4  the run failed
  5  the run was cancelled
  6  nobody answers at the server's address, or the server cannot answer at the moment
  7  a reproduced shard differs from what is stored
  8  a file cannot be used: what is wrong with it is listed";

/// Names what was tried when a file or a process failed.
pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> CliError {
    let what = what.into();
    move |source| CliError::Io { what, source }
}
