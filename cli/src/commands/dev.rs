//! `dev`: a private cluster until Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};

use crate::args::DevArgs;
use crate::client::Client;
use crate::error::{CliError, io};
use crate::print;
use crate::stack::{Logs, Stack};

/// How often readiness is asked for.
const POLL: std::time::Duration = std::time::Duration::from_millis(100);

/// Runs until somebody stops it.
pub async fn run(args: DevArgs) -> Result<(), CliError> {
    let mut stopped = Stopped::listen()?;
    print::note(match &args.database_url {
        Some(_) => "database: DATABASE_URL".to_owned(),
        None => format!("database: a private Postgres in {}", args.data.join("pg").display()),
    });
    let stack = Stack::start(&args, &Logs::Terminal)?;
    let client = Client::new(&stack.http.to_string())?;
    tokio::select! {
        () = until_ready(&client, stack.worker_count) => {
            print::note(format_args!(
                "ready: {} (documentation at /docs, {} workers); Ctrl-C stops everything",
                client.server(), stack.worker_count
            ));
            stopped.wait().await;
        }
        () = stopped.wait() => {}
    }
    print::note("stopping");
    stack.stop().await
}

/// Waits until the coordinator answers and every worker is known.
pub async fn until_ready(client: &Client, workers: usize) {
    loop {
        if client.ready().await.is_ok()
            && client.status().await.is_ok_and(|status| status.workers.len() >= workers)
        {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Ctrl-C, SIGTERM or a closed terminal. Registered once, so that nothing is missed in between.
pub struct Stopped {
    signals: [tokio::signal::unix::Signal; 3],
}

impl Stopped {
    /// Listens from now on; the signals no longer end the process by themselves.
    pub fn listen() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(io("listening for signals"));
        let signals = [
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ];
        Ok(Self { signals })
    }

    /// Waits for one of them.
    pub async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
