//! Finds the runs that are open, gives each its actor, and passes news on to them.
//!
//! The rows of the database decide which runs there are. Notices are hints: every second all open runs are read.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use common::ids::RunId;
use common::run::RunPhase;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use ractor_cluster::RactorMessage;
use tokio::sync::oneshot;

use super::actor::{RunActor, RunArguments, RunMessage};
use super::machine::RunEvent;
use crate::dispatch::actor::DispatchMessage;
use crate::dispatch::event::DispatchEvent;
use crate::store::runs::{Resumed, RunRow};
use crate::store::writer::WriterHandle;
use crate::store::{Store, StoreError};

/// Between looks at all open runs.
const LOOK: Duration = Duration::from_secs(1);

/// Between looks at open runs of which there were notices: a cancelled run frees its lanes that much later, and the
/// notices of the leader's own writes cost no more than that.
const LOOK_AT_NOTICED: Duration = Duration::from_millis(100);

/// Ended runs that are remembered, so that a row read before their end does not begin them again.
const ENDED_REMEMBERED: usize = 10_000;

/// Finds and supervises runs.
pub struct RunSupervisor;

/// What the supervisor is told.
#[derive(RactorMessage)]
pub enum SupervisorMessage {
    /// Something happened to a run.
    Happened(RunId, RunEvent),
    /// The database hinted that a run changed.
    Noticed(RunId),
    /// Look at all open runs.
    Look,
    /// Look at the runs of which there were notices.
    LookAtNoticed,
    /// All open runs, as they were read.
    OpenRuns(Vec<RunRow>),
    /// One run, as it was read.
    Row(RunId, Result<Box<RunRow>, StoreError>),
    /// What is stored of an open run.
    Stored(RunId, Result<Box<Resumed>, StoreError>),
    /// Answer when everything before this is done.
    Reached(oneshot::Sender<()>),
}

/// What the supervisor begins with.
pub struct SupervisorArguments {
    /// Where runs are.
    pub store: Store,
    /// Who has their tasks done.
    pub dispatch: ActorRef<DispatchMessage>,
    /// Where their facts go.
    pub writer: WriterHandle,
}

/// The open runs.
pub struct SupervisorState {
    around: SupervisorArguments,
    runs: HashMap<RunId, ActorRef<RunMessage>>,
    actors: HashMap<ActorId, RunId>,
    /// Runs whose stored facts are being read.
    reading: HashSet<RunId>,
    noticed: BTreeSet<RunId>,
    ended: HashSet<RunId>,
    ended_in_order: VecDeque<RunId>,
}

impl Actor for RunSupervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        around: SupervisorArguments,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        myself.send_interval(LOOK, || SupervisorMessage::Look);
        myself.send_interval(LOOK_AT_NOTICED, || SupervisorMessage::LookAtNoticed);
        Ok(SupervisorState {
            around,
            runs: HashMap::new(),
            actors: HashMap::new(),
            reading: HashSet::new(),
            noticed: BTreeSet::new(),
            ended: HashSet::new(),
            ended_in_order: VecDeque::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Happened(run, event) => state.tell(run, event),
            SupervisorMessage::Noticed(run) if state.runs.contains_key(&run) => {
                state.noticed.insert(run);
            }
            SupervisorMessage::Noticed(run) => state.look_at(&myself, run),
            SupervisorMessage::Look => {
                let (store, myself) = (state.around.store.clone(), myself);
                tokio::spawn(async move {
                    match store.open_runs().await {
                        Ok(rows) => drop(myself.cast(SupervisorMessage::OpenRuns(rows))),
                        Err(error) => tracing::warn!(%error, "the open runs cannot be read"),
                    }
                });
            }
            SupervisorMessage::LookAtNoticed => {
                for run in std::mem::take(&mut state.noticed) {
                    state.look_at(&myself, run);
                }
            }
            SupervisorMessage::OpenRuns(rows) => state.compare(&myself, rows).await,
            SupervisorMessage::Row(run, row) => state.row(&myself, run, row).await,
            SupervisorMessage::Stored(run, stored) => {
                state.reading.remove(&run);
                match stored {
                    Ok(stored) if !stored.run.state.is_end() => state.begin(&myself, *stored).await,
                    Ok(_) | Err(StoreError::NotFound(_)) => {}
                    Err(error) => tracing::warn!(%run, %error, "a run cannot be resumed yet"),
                }
            }
            SupervisorMessage::Reached(reply) => {
                // whoever asked may have given up
                let _ = reply.send(());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, ..) => state.ended(cell.get_id()),
            SupervisionEvent::ActorFailed(cell, error) => state.broke(cell.get_id(), &error.to_string()),
            _ => {}
        }
        Ok(())
    }
}

impl SupervisorState {
    fn tell(&self, run: RunId, event: RunEvent) {
        if let Some(actor) = self.runs.get(&run) {
            // it may be about to end
            let _ = actor.cast(RunMessage::Happened(event));
        }
    }

    /// Reads a run's row.
    fn look_at(&self, myself: &ActorRef<SupervisorMessage>, run: RunId) {
        if self.ended.contains(&run) {
            return;
        }
        let (store, myself) = (self.around.store.clone(), myself.clone());
        tokio::spawn(async move {
            let row = store.run(run).await.map(Box::new);
            let _ = myself.cast(SupervisorMessage::Row(run, row));
        });
    }

    async fn row(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        run: RunId,
        row: Result<Box<RunRow>, StoreError>,
    ) {
        let known = self.runs.contains_key(&run);
        match row {
            Ok(row) if known && row.state == RunPhase::Cancelled => self.tell(run, RunEvent::EndedElsewhere),
            Err(StoreError::NotFound(_)) if known => self.tell(run, RunEvent::EndedElsewhere),
            Ok(row) if !known && !row.state.is_end() => self.open(myself, *row).await,
            Ok(_) | Err(StoreError::NotFound(_)) => {}
            Err(error) => tracing::warn!(%run, %error, "a run cannot be read"),
        }
    }

    /// Begins what is open and unknown, looks at what is known and not open.
    async fn compare(&mut self, myself: &ActorRef<SupervisorMessage>, rows: Vec<RunRow>) {
        let open: HashSet<RunId> = rows.iter().map(|row| row.id).collect();
        let missing: Vec<RunId> = self.runs.keys().filter(|run| !open.contains(run)).copied().collect();
        for run in missing {
            self.look_at(myself, run);
        }
        for row in rows {
            self.open(myself, row).await;
        }
    }

    /// Begins a run whose row is open, unless it is known.
    async fn open(&mut self, myself: &ActorRef<SupervisorMessage>, row: RunRow) {
        let run = row.id;
        if self.runs.contains_key(&run) || self.ended.contains(&run) || self.reading.contains(&run) {
            return;
        }
        if row.stage.is_none() {
            let stored = Resumed { run: row, stages: Vec::new(), stored: Vec::new() };
            return self.begin(myself, stored).await;
        }
        self.reading.insert(run);
        let (store, myself) = (self.around.store.clone(), myself.clone());
        tokio::spawn(async move {
            let stored = store.resume(run).await.map(Box::new);
            let _ = myself.cast(SupervisorMessage::Stored(run, stored));
        });
    }

    async fn begin(&mut self, myself: &ActorRef<SupervisorMessage>, stored: Resumed) {
        let run = stored.run.id;
        if self.runs.contains_key(&run) || self.ended.contains(&run) {
            return;
        }
        let SupervisorArguments { dispatch, writer, .. } = &self.around;
        let arguments = RunArguments { stored, dispatch: dispatch.clone(), writer: writer.clone() };
        match Actor::spawn_linked(None, RunActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.actors.insert(actor.get_id(), run);
                self.runs.insert(run, actor);
            }
            Err(error) => tracing::error!(%run, %error, "a run cannot begin"),
        }
    }

    fn ended(&mut self, actor: ActorId) {
        let Some(run) = self.actors.remove(&actor) else { return };
        self.runs.remove(&run);
        self.noticed.remove(&run);
        if self.ended.insert(run) {
            self.ended_in_order.push_back(run);
        }
        while self.ended_in_order.len() > ENDED_REMEMBERED {
            if let Some(oldest) = self.ended_in_order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
    }

    /// A run's actor broke: what dispatch knows of the run is dropped, and the next look resumes it from the database.
    fn broke(&mut self, actor: ActorId, error: &str) {
        let Some(run) = self.actors.remove(&actor) else { return };
        tracing::error!(%run, error, "a run's actor broke; the run is resumed from what is stored");
        self.runs.remove(&run);
        let _ = self.around.dispatch.cast(DispatchMessage::Happened(DispatchEvent::Closed { run }));
    }
}
