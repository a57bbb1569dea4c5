//! The one actor that workers can reach. Decodes what they say and passes it to whom it concerns.

use std::sync::Arc;

use common::algorithm::AlgorithmDescriptor;
use common::ids::WorkerId;
use common::protocol::{
    COORDINATOR_GROUP, FromWorker, GatewayMessage, Hello, WorkerCommand, WorkerFact, worker_group,
};
use common::wire::{self, Frame, WireError};
use ractor::pg::{self, GroupChangeMessage};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio_util::sync::CancellationToken;

use super::actor::DispatchMessage;
use super::agents::{Agents, Connection};
use super::documents::DocumentsMessage;
use super::event::DispatchEvent;
use crate::store::Store;

/// Hears workers.
pub struct Gateway;

/// What the gateway begins with.
pub struct GatewayArguments {
    /// Hears what happens.
    pub dispatch: ActorRef<DispatchMessage>,
    /// Serves documents.
    pub documents: ActorRef<DocumentsMessage>,
    /// How workers are reached.
    pub agents: Agents,
    /// Where algorithms are announced.
    pub store: Store,
    /// Ends with the leadership.
    pub lost: CancellationToken,
}

/// The gateway's surroundings and the connections it watches.
pub struct GatewayState {
    around: GatewayArguments,
    watched: Vec<(String, Connection)>,
    /// The descriptors announced last, so that a thousand equal workers are one write.
    announced: Option<Arc<[u8]>>,
    unreadable: u64,
}

impl Actor for Gateway {
    type Msg = GatewayMessage;
    type State = GatewayState;
    type Arguments = GatewayArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<GatewayMessage>,
        around: GatewayArguments,
    ) -> Result<GatewayState, ActorProcessingErr> {
        pg::join(COORDINATOR_GROUP.to_owned(), vec![myself.get_cell()]);
        Ok(GatewayState { around, watched: Vec::new(), announced: None, unreadable: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<GatewayMessage>,
        message: GatewayMessage,
        state: &mut GatewayState,
    ) -> Result<(), ActorProcessingErr> {
        let GatewayMessage::Frame(frame) = message;
        match wire::decode::<FromWorker>(&frame) {
            Ok(FromWorker { worker, incarnation, fact }) => state.heard(&myself, worker, incarnation, fact),
            Err(error) => state.unreadable(&frame, &error),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<GatewayMessage>,
        event: SupervisionEvent,
        state: &mut GatewayState,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ProcessGroupChanged(GroupChangeMessage::Leave(_, group, _)) = event {
            state.left(&myself, &group);
        }
        Ok(())
    }
}

impl GatewayState {
    fn heard(
        &mut self,
        myself: &ActorRef<GatewayMessage>,
        worker: WorkerId,
        incarnation: u32,
        fact: WorkerFact,
    ) {
        match fact {
            WorkerFact::Fetch { key, offset } => {
                let to = (worker, incarnation);
                let _ = self.around.documents.cast(DocumentsMessage::Fetch { to, key, offset });
            }
            WorkerFact::Hello(hello) => self.introduced(myself, (worker, incarnation), hello),
            fact => self.tell(DispatchEvent::Heard { worker, incarnation, fact }),
        }
    }

    fn introduced(&mut self, myself: &ActorRef<GatewayMessage>, from: Connection, hello: Hello) {
        let descriptors: Vec<AlgorithmDescriptor> = match serde_json::from_slice(&hello.algorithms) {
            Ok(descriptors) => descriptors,
            Err(error) => {
                let reason = format!("the list of algorithms cannot be read: {error}");
                tracing::warn!(worker = %from.0, reason, "refused a worker");
                self.around.agents.send(from, WorkerCommand::Refuse { reason });
                return;
            }
        };
        self.watch(myself, from);
        let offers = descriptors.iter().map(|a| (a.name.clone(), a.version)).collect();
        tracing::info!(worker = %from.0, incarnation = from.1, host = hello.host, build = hello.build,
            lanes = hello.lanes, ?offers, "a worker said hello");
        self.announce(&hello.algorithms, descriptors);
        let (worker, incarnation) = from;
        self.tell(DispatchEvent::Hello { worker, incarnation, hello, offers });
    }

    /// Learns when the connection ends.
    fn watch(&mut self, myself: &ActorRef<GatewayMessage>, connection: Connection) {
        let group = worker_group(connection.0, connection.1);
        if self.watched.iter().any(|(known, _)| *known == group) {
            return;
        }
        pg::monitor(group.clone(), myself.get_cell());
        self.watched.push((group, connection));
    }

    fn left(&mut self, myself: &ActorRef<GatewayMessage>, group: &str) {
        let Some(position) = self.watched.iter().position(|(known, _)| known == group) else { return };
        let (group, connection) = self.watched.swap_remove(position);
        pg::demonitor(group, myself.get_id());
        self.around.agents.forget(connection);
        let (worker, incarnation) = connection;
        tracing::info!(%worker, incarnation, "a worker's connection ended");
        self.tell(DispatchEvent::Unlinked { worker, incarnation });
    }

    /// Makes algorithms known to the API, whenever the database takes it.
    fn announce(&mut self, bytes: &[u8], descriptors: Vec<AlgorithmDescriptor>) {
        if self.announced.as_deref() == Some(bytes) {
            return;
        }
        self.announced = Some(bytes.into());
        let (store, lost) = (self.around.store.clone(), self.around.lost.clone());
        tokio::spawn(lost.run_until_cancelled_owned(async move {
            while let Err(error) = store.announce_algorithms(&descriptors).await {
                tracing::warn!(%error, "algorithms could not be announced; trying again");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }));
    }

    fn unreadable(&mut self, frame: &Frame, error: &WireError) {
        self.unreadable += 1;
        tracing::warn!(%error, total = self.unreadable, "a frame that cannot be read");
        // whatever the version, a frame begins with its sender, and `Refuse` is understood
        let (&WireError::Version { found }, Some(sender)) = (error, wire::sender(frame)) else { return };
        let reason = format!(
            "the worker speaks protocol version {found}, this coordinator version {}: run the same release on both",
            wire::VERSION
        );
        self.around.agents.refuse(sender, found, reason);
    }

    fn tell(&self, event: DispatchEvent) {
        // a dispatch actor that is gone takes the leadership with it
        let _ = self.around.dispatch.cast(DispatchMessage::Happened(event));
    }
}
