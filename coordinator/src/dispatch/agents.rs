//! Speaking to workers: finds the agent of a connection in its process group and casts frames to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use common::ids::{Epoch, WorkerId};
use common::protocol::{AgentMessage, ToWorker, WorkerCommand, worker_group};
use common::wire::{self, Frame};
use ractor::{ActorRef, pg};

/// One connection of one worker.
pub type Connection = (WorkerId, u32);

/// The agents of all connected workers. Clones share what they found.
#[derive(Clone)]
pub struct Agents {
    epoch: Epoch,
    found: Arc<Mutex<HashMap<Connection, ActorRef<AgentMessage>>>>,
}

impl Agents {
    /// None yet; speaks for leadership `epoch`.
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, found: Arc::default() }
    }

    /// Casts a command. A worker that is not there (any more) misses it: heartbeats heal that.
    pub fn send(&self, to: Connection, command: WorkerCommand) {
        match wire::encode(&ToWorker { epoch: self.epoch, command }) {
            Ok(frame) => self.cast(to, frame),
            Err(error) => tracing::error!(worker = %to.0, %error, "a command cannot be sent"),
        }
    }

    /// Refuses a worker that speaks another version of the protocol, in words that it understands.
    pub fn refuse(&self, to: Connection, version: u8, reason: String) {
        let command = WorkerCommand::Refuse { reason };
        if let Ok(frame) = wire::encode_for(version, &ToWorker { epoch: self.epoch, command }) {
            self.cast(to, frame);
        }
    }

    fn cast(&self, to: Connection, frame: Frame) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = if let Some(agent) = found.get(&to) {
            agent.clone()
        } else {
            let Some(cell) = pg::get_members(&worker_group(to.0, to.1)).into_iter().next() else {
                tracing::debug!(worker = %to.0, incarnation = to.1, "no agent to speak to");
                return;
            };
            let agent = ActorRef::<AgentMessage>::from(cell);
            found.insert(to, agent.clone());
            agent
        };
        if agent.cast(AgentMessage::Frame(frame)).is_err() {
            found.remove(&to);
        }
    }

    /// Forgets a connection that ended.
    pub fn forget(&self, connection: Connection) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
    }
}
