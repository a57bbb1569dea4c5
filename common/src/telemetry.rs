//! Logs and traces, set up the same way in every process.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// One readable line each.
    Text,
    /// One JSON object each, for collectors.
    Json,
}

/// Sends this process's log lines to standard error.
///
/// `filter` is a directive list such as `info,coordinator=debug`. The cluster library prints payloads at `debug` and
/// repeats what our link says at `info` and `warn`, the database driver prints payloads at `debug`: they are held
/// back unless named.
pub fn init(filter: &str, format: LogFormat) {
    let filter =
        EnvFilter::try_new(format!("ractor=error,ractor_cluster=error,tokio_postgres=info,{filter}"))
            .unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second call (tests in one process) keeps the first subscriber.
    let _ = match format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
}
