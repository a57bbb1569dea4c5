//! Hints from the database that something changed. Only hints: readers also look every second.
//!
//! All come on the channel `netplanner`; the payload is the id of a run or the word `cluster`.

use std::time::Duration;

use common::ids::RunId;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::broadcast;
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::connection::Address;
use super::error::Result;
use super::{Store, connection};

/// Notices kept for a slow receiver before it loses some: two seconds of a busy cluster.
pub(super) const BACKLOG: usize = 4_096;

/// What changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Notice {
    /// A run was submitted, changed its state or got an event.
    Run(RunId),
    /// This process accepted a run. A [`Notice::Run`] of it follows.
    Submitted(RunId),
    /// The leader, in this process, committed the end of a run. A [`Notice::Run`] of it follows.
    Ended(RunId),
    /// A wish of an operator, the leader, or the list of algorithms changed.
    Cluster,
    /// The connection was lost in between: anything may have changed.
    Resync,
}

impl Store {
    /// Notices from now on. A lagging receiver should treat the gap as [`Notice::Resync`].
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Tells this process that it committed the end of `run`.
    pub(super) fn hint_end(&self, run: RunId) {
        // nobody may be listening
        let _ = self.notices.send(Notice::Ended(run));
    }

    /// Tells this process that it accepted `run`: a leader in it need not wait for the database's own notice.
    pub(super) fn hint_submitted(&self, run: RunId) {
        // nobody may be listening
        let _ = self.notices.send(Notice::Submitted(run));
    }
}

/// Listens until `ended`, over all outages.
pub(super) async fn listen(address: Address, notices: broadcast::Sender<Notice>, ended: CancellationToken) {
    const LONGEST_PAUSE: Duration = Duration::from_secs(2);
    let address = connection::named(&address, "netplanner listener", &[]);
    let mut pause = Duration::from_millis(100);
    let mut quiet = false;
    loop {
        let listening = async {
            match session(&address, &notices).await {
                Ok(()) => {
                    tracing::info!("the connection for notices ended; connecting again");
                    true
                }
                Err(error) => {
                    if !quiet {
                        tracing::warn!(%error, "no connection for notices; trying on");
                    }
                    false
                }
            }
        };
        tokio::select! {
            () = ended.cancelled() => return,
            listened = listening => {
                quiet = !listened;
                pause = if listened { Duration::from_millis(100) } else { (pause * 2).min(LONGEST_PAUSE) };
            }
        }
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One connection, until it ends; an error if it could not be made.
async fn session(address: &Address, notices: &broadcast::Sender<Notice>) -> Result<()> {
    let (client, mut connection) = connection::open(address).await?;
    let messages = stream::poll_fn(move |context| connection.poll_message(context));
    tokio::pin!(messages);
    // the statement's answer comes through the connection that this task drives itself
    let mut listen = Box::pin(client.batch_execute("LISTEN netplanner"));
    let mut listening = false;
    loop {
        tokio::select! {
            done = &mut listen, if !listening => {
                done?;
                listening = true;
                // what was notified before is lost
                let _ = notices.send(Notice::Resync);
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    let notice = match notification.payload() {
                        "cluster" => Notice::Cluster,
                        run => run.parse().map_or(Notice::Resync, Notice::Run),
                    };
                    let _ = notices.send(notice);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "the connection for notices broke");
                    return if listening { Ok(()) } else { Err(error.into()) };
                }
                None => return Ok(()),
            }
        }
    }
}
