//! Finds the runs that are open, gives each its actor, and passes news on to them.
//!
//! The rows of the database decide which runs there are. Notices are hints: every second the ids of all open runs are
//! read, and the rows of those that are not known here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use common::ids::RunId;
use common::run::RunPhase;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use ractor_cluster::RactorMessage;
use tokio::sync::oneshot;

use super::actor::{RunActor, RunArguments, RunMessage};
use super::machine::RunEvent;
use super::roster::Roster;
use crate::dispatch::actor::DispatchMessage;
use crate::dispatch::event::DispatchEvent;
use crate::dispatch::unstored::Unstored;
use crate::store::runs::{Resumed, RunRow};
use crate::store::writer::WriterHandle;
use crate::store::{Store, StoreError};

/// Between looks at all open runs.
const LOOK: Duration = Duration::from_secs(1);

/// Between looks at open runs of which there were notices: a cancelled run frees its lanes that much later, and the
/// notices of the leader's own writes cost no more than that.
const LOOK_AT_NOTICED: Duration = Duration::from_millis(100);

/// Finds and supervises runs.
pub struct RunSupervisor;

/// What the supervisor is told.
#[derive(RactorMessage)]
pub enum SupervisorMessage {
    /// Something happened to a run.
    Happened(RunId, RunEvent),
    /// The database hinted that a run changed.
    Noticed(RunId),
    /// Look which runs are open.
    Look,
    /// Look at the runs of which there were notices.
    LookAtNoticed,
    /// The ids of all open runs, as this look found them.
    Open(u64, Result<Vec<RunId>, StoreError>),
    /// The rows of those of some runs that are open, as they were read.
    Rows {
        /// Which were asked for.
        asked: Vec<RunId>,
        /// The look that found them.
        look: u64,
        /// Those of them that are open.
        rows: Result<Vec<RunRow>, StoreError>,
        /// Whether others are to be looked for after these.
        more: bool,
    },
    /// Where some runs stand, as it was read.
    Phases {
        /// Which were asked for.
        asked: Vec<RunId>,
        /// The look that found them.
        look: u64,
        /// Those of them that are not deleted.
        phases: Result<BTreeMap<RunId, RunPhase>, StoreError>,
    },
    /// What is stored of an open run, as this look found it.
    Stored(RunId, u64, Result<Box<Resumed>, StoreError>),
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
    /// Documents that are ahead of the database.
    pub unstored: Unstored,
    /// See [`super::course::Course::begin`].
    pub state_ahead_bytes: usize,
}

/// The open runs.
pub struct SupervisorState {
    around: SupervisorArguments,
    runs: Roster<ActorRef<RunMessage>>,
    actors: HashMap<ActorId, RunId>,
    /// Runs that are begun or ended, to be looked at.
    noticed: BTreeSet<RunId>,
    /// Whether a look is under way.
    looking: bool,
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
            runs: Roster::default(),
            actors: HashMap::new(),
            noticed: BTreeSet::new(),
            looking: false,
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
            SupervisorMessage::Noticed(run) if state.runs.is_unknown(run) => {
                state.read_rows(&myself, vec![run], false);
            }
            SupervisorMessage::Noticed(run) => {
                state.noticed.insert(run);
            }
            SupervisorMessage::Look => state.look(&myself),
            SupervisorMessage::LookAtNoticed => state.look_at_noticed(&myself),
            SupervisorMessage::Open(look, open) => state.compare(&myself, look, open),
            SupervisorMessage::Rows { asked, look, rows, more } => {
                state.runs.end_reading(&asked);
                match rows {
                    Ok(rows) => state.open_all(&myself, look, rows, more).await,
                    Err(error) => tracing::warn!(%error, "open runs cannot be read"),
                }
            }
            SupervisorMessage::Phases { asked, look, phases } => match phases {
                Ok(phases) => state.compare_phases(&myself, &asked, look, &phases),
                Err(error) => tracing::warn!(%error, "runs cannot be looked at"),
            },
            SupervisorMessage::Stored(run, look, stored) => {
                state.runs.end_reading(&[run]);
                match stored {
                    Ok(stored) if !stored.run.state.is_end() => state.begin(&myself, look, *stored).await,
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
        if let Some(actor) = self.runs.handle(run) {
            // it may be about to end
            let _ = actor.cast(RunMessage::Happened(event));
        }
    }

    /// Reads which runs are open.
    fn look(&mut self, myself: &ActorRef<SupervisorMessage>) {
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        let look = self.runs.begin_look();
        let (store, myself) = (self.around.store.clone(), myself.clone());
        tokio::spawn(async move {
            let _ = myself.cast(SupervisorMessage::Open(look, store.open_run_ids().await));
        });
    }

    /// Reads what is open and unknown, looks at what is begun and not open.
    fn compare(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        look: u64,
        open: Result<Vec<RunId>, StoreError>,
    ) {
        self.looking = false;
        match open {
            Ok(open) => {
                let found = self.runs.compare(&open, look);
                self.noticed.extend(found.missing);
                if !found.unknown.is_empty() {
                    self.read_rows(myself, found.unknown, found.more);
                }
            }
            Err(error) => tracing::warn!(%error, "the open runs cannot be read"),
        }
    }

    /// Reads the rows of runs that are not begun.
    fn read_rows(&mut self, myself: &ActorRef<SupervisorMessage>, asked: Vec<RunId>, more: bool) {
        self.runs.begin_reading(&asked);
        let look = self.runs.begin_look();
        let (store, myself) = (self.around.store.clone(), myself.clone());
        tokio::spawn(async move {
            let rows = store.open_runs_of(&asked).await;
            let _ = myself.cast(SupervisorMessage::Rows { asked, look, rows, more });
        });
    }

    /// Reads where the runs stand of which there were notices.
    fn look_at_noticed(&mut self, myself: &ActorRef<SupervisorMessage>) {
        let asked: Vec<RunId> = std::mem::take(&mut self.noticed).into_iter().collect();
        if asked.is_empty() {
            return;
        }
        let look = self.runs.begin_look();
        let (store, myself) = (self.around.store.clone(), myself.clone());
        tokio::spawn(async move {
            let phases = store.phases(&asked).await;
            let _ = myself.cast(SupervisorMessage::Phases { asked, look, phases });
        });
    }

    /// Tells the runs that somebody else ended or deleted, and begins those that ended and are tried again.
    fn compare_phases(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        asked: &[RunId],
        look: u64,
        phases: &BTreeMap<RunId, RunPhase>,
    ) {
        let mut again = Vec::new();
        for run in asked {
            match phases.get(run) {
                None | Some(RunPhase::Cancelled) => self.tell(*run, RunEvent::EndedElsewhere),
                Some(phase) if !phase.is_end() && self.runs.is_new(*run, look) => again.push(*run),
                Some(_) => {}
            }
        }
        if !again.is_empty() {
            self.read_rows(myself, again, false);
        }
    }

    /// Begins runs whose rows are open, and looks for `more`.
    async fn open_all(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        look: u64,
        rows: Vec<RunRow>,
        more: bool,
    ) {
        for row in rows {
            self.open(myself, look, row).await;
        }
        if more {
            self.look(myself);
        }
    }

    /// Begins a run whose row is open, unless it is known.
    async fn open(&mut self, myself: &ActorRef<SupervisorMessage>, look: u64, row: RunRow) {
        let run = row.id;
        if !self.runs.is_new(run, look) {
            return;
        }
        if row.stage.is_none() {
            let stored = Resumed { run: row, stages: Vec::new(), stored: Vec::new() };
            return self.begin(myself, look, stored).await;
        }
        self.runs.begin_reading(&[run]);
        let look = self.runs.begin_look();
        let (store, myself) = (self.around.store.clone(), myself.clone());
        tokio::spawn(async move {
            let stored = store.resume(run).await.map(Box::new);
            let _ = myself.cast(SupervisorMessage::Stored(run, look, stored));
        });
    }

    async fn begin(&mut self, myself: &ActorRef<SupervisorMessage>, look: u64, stored: Resumed) {
        let run = stored.run.id;
        if !self.runs.is_new(run, look) {
            return;
        }
        let SupervisorArguments { dispatch, writer, unstored, state_ahead_bytes, .. } = &self.around;
        let (dispatch, writer, unstored) = (dispatch.clone(), writer.clone(), unstored.clone());
        let state_ahead_bytes = *state_ahead_bytes;
        let arguments = RunArguments { stored, dispatch, writer, unstored, state_ahead_bytes };
        match Actor::spawn_linked(None, RunActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.actors.insert(actor.get_id(), run);
                self.runs.began(run, actor);
            }
            Err(error) => tracing::error!(%run, %error, "a run cannot begin"),
        }
    }

    fn ended(&mut self, actor: ActorId) {
        let Some(run) = self.actors.remove(&actor) else { return };
        self.runs.ended(run);
    }

    /// A run's actor broke: what dispatch knows of the run is dropped, and the next look resumes it from the database.
    fn broke(&mut self, actor: ActorId, error: &str) {
        let Some(run) = self.actors.remove(&actor) else { return };
        tracing::error!(%run, error, "a run's actor broke; the run is resumed from what is stored");
        self.runs.lost(run);
        let _ = self.around.dispatch.cast(DispatchMessage::Happened(DispatchEvent::Closed { run }));
    }
}
