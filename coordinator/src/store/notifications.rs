//! Hints from the database that something changed. Only hints: readers also look every second.

use common::ids::RunId;
use tokio::sync::broadcast;

use super::Store;

/// What changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Notice {
    /// A run was submitted, changed its state or got an event.
    Run(RunId),
    /// A wish of an operator, the leader, or the list of algorithms changed.
    Cluster,
    /// The connection was lost in between: anything may have changed.
    Resync,
}

impl Store {
    /// Notices from now on. A lagging receiver should treat the gap as [`Notice::Resync`].
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        todo!()
    }
}
