//! Leadership is one subtree: link, gateway, dispatch, documents, runs and writer live and die with it.
//!
//! Start, take-over and an outage of the database are one path: wait for the leadership, build everything from what is
//! stored, go on until it is lost, take everything down, wait again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::clock;
use common::ids::WorkerId;
use futures_util::StreamExt;
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::desertion::{self, STAND_BACK};
use crate::dispatch::actor::{DispatchActor, DispatchArguments, DispatchMessage};
use crate::dispatch::agents::Agents;
use crate::dispatch::documents::{DocumentsActor, DocumentsArguments};
use crate::dispatch::event::{DispatchEvent, DispatchSettings};
use crate::dispatch::gateway::{Gateway, GatewayArguments};
use crate::dispatch::orders::News;
use crate::dispatch::unstored::Unstored;
use crate::link::{self, LinkError, LinkSettings};
use crate::run::roster::FIRST_LOOK;
use crate::run::supervisor::{RunSupervisor, SupervisorArguments, SupervisorMessage};
use crate::status::{ClusterStatus, LeaderStatus};
use crate::store::leadership::{LeaderInfo, Leadership};
use crate::store::notifications::Notice;
use crate::store::writer::{Writer, WriterHandle, Written};
use crate::store::{Store, StoreError};

/// Between looks at the wishes of operators.
const LOOK: Duration = Duration::from_secs(1);

/// Pause before the leadership is asked for again after it could not be exercised.
const PAUSE: Duration = Duration::from_millis(500);

/// How long what is queued may take to become durable when the process ends.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// How long an actor may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(1);

/// Runs read at a time when a leadership begins.
const READS: usize = 4;

/// Facts of the writer passed on in one go.
const WRITTEN_AT_ONCE: usize = 256;

/// What a leader needs to know.
#[derive(Clone, Debug)]
pub struct LeaderSettings {
    /// The HTTP address by which others reach this process.
    pub address: String,
    /// The build.
    pub build: String,
    /// Where workers are listened for.
    pub cluster_listen: SocketAddr,
    /// Bounds of the link.
    pub link: LinkSettings,
    /// Bounds of dispatch.
    pub dispatch: DispatchSettings,
    /// Bytes of documents kept in memory.
    pub document_cache_bytes: usize,
}

/// Why a leadership ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// The database, or another leader.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The port for workers.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// An actor did not start.
    #[error("an actor did not start: {0}")]
    Spawn(#[from] SpawnErr),
    /// The leadership was lost.
    #[error("the leadership was lost")]
    Lost,
    /// No worker reached this leader while another coordinator stood by.
    #[error("no worker reached this leader")]
    Deserted,
    /// Something of the subtree ended by itself.
    #[error("{0} ended")]
    Ended(&'static str),
}

/// Leads whenever this process may, until `shutdown`.
pub async fn run(
    store: Store,
    settings: LeaderSettings,
    status: watch::Sender<Arc<ClusterStatus>>,
    shutdown: CancellationToken,
) {
    while !shutdown.is_cancelled() {
        let me = LeaderInfo { address: settings.address.clone(), build: settings.build.clone() };
        let leadership = tokio::select! {
            () = shutdown.cancelled() => return,
            leadership = store.lead(me) => leadership,
        };
        let ended = match leadership {
            Ok(leadership) => {
                let ended = lead(&store, &settings, &status, &leadership, &shutdown).await;
                status.send_replace(Arc::default());
                leadership.release().await;
                ended
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "not leading");
            let pause = if matches!(error, LeaderError::Deserted) { STAND_BACK } else { PAUSE };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// Builds the subtree, waits for its end, and takes it down.
async fn lead(
    store: &Store,
    settings: &LeaderSettings,
    status: &watch::Sender<Arc<ClusterStatus>>,
    leadership: &Leadership,
    shutdown: &CancellationToken,
) -> Result<(), LeaderError> {
    // the port first: without it there is nothing to lead
    let listener = link::bind(settings.cluster_listen, &settings.link).await?;
    let Writer { handle: writer, written, task: mut writing } = store.writer(leadership);
    let over = leadership.lost().child_token();
    let mut subtree = Subtree::default();
    let built = subtree.build(store, settings, status, leadership, &writer, written, &over).await;
    let ended = match built {
        Ok(()) => {
            let link = link::serve(listener, settings.link.clone(), over.clone());
            tokio::pin!(link);
            let silence = desertion::silence(&settings.dispatch);
            let deserted = desertion::deserted(store, status.subscribe(), silence);
            tracing::info!(epoch = %leadership.epoch(), workers = %settings.cluster_listen, "ready for workers");
            let ended = tokio::select! {
                () = shutdown.cancelled() => Ok(()),
                () = leadership.lost().cancelled() => Err(LeaderError::Lost),
                () = deserted => Err(LeaderError::Deserted),
                what = subtree.ended() => Err(LeaderError::Ended(what)),
                done = &mut link => done.map_err(LeaderError::from).and(Err(LeaderError::Ended("the cluster link"))),
                done = &mut writing => {
                    let done = done.unwrap_or_else(|error| Err(StoreError::Internal(error.to_string())));
                    done.map_err(LeaderError::from).and(Err(LeaderError::Ended("the writer")))
                }
            };
            over.cancel();
            if !matches!(ended, Err(LeaderError::Link(_) | LeaderError::Ended("the cluster link"))) {
                // sessions end first: nothing comes in any more
                let _ = link.await;
            }
            ended
        }
        Err(error) => Err(error),
    };
    over.cancel();
    subtree.stop().await;
    drop(writer);
    if ended.is_ok() && tokio::time::timeout(LAST_WRITES, &mut writing).await.is_err() {
        tracing::warn!("not everything could be stored in time; workers keep what was not acknowledged");
    }
    writing.abort();
    ended
}

/// The actors and tasks of a leadership.
#[derive(Default)]
struct Subtree {
    actors: Vec<(ActorCell, JoinHandle<()>, &'static str)>,
    tasks: Vec<JoinHandle<()>>,
}

impl Subtree {
    #[allow(clippy::too_many_arguments)] // what a leadership consists of
    async fn build(
        &mut self,
        store: &Store,
        settings: &LeaderSettings,
        status: &watch::Sender<Arc<ClusterStatus>>,
        leadership: &Leadership,
        writer: &WriterHandle,
        written: mpsc::UnboundedReceiver<Written>,
        over: &CancellationToken,
    ) -> Result<(), LeaderError> {
        let epoch = leadership.epoch();
        let agents = Agents::new(epoch);
        let unstored = Unstored::default();
        let leader = LeaderStatus {
            address: settings.address.clone(),
            epoch: epoch.0,
            since: clock::wall(),
            build: settings.build.clone(),
        };
        let dispatch = DispatchArguments {
            epoch,
            settings: settings.dispatch,
            writer: writer.clone(),
            agents: agents.clone(),
            unstored: unstored.clone(),
            status: status.clone(),
            leader,
        };
        let dispatch = self.spawn("dispatch", DispatchActor, dispatch).await?;
        let documents = DocumentsArguments {
            store: store.clone(),
            agents: agents.clone(),
            unstored: unstored.clone(),
            cache_bytes: settings.document_cache_bytes,
        };
        let documents = self.spawn("the documents", DocumentsActor, documents).await?;
        let supervisor = SupervisorArguments {
            store: store.clone(),
            dispatch: dispatch.clone(),
            writer: writer.clone(),
            unstored,
            state_ahead_bytes: settings.dispatch.ahead.state_bytes,
        };
        let supervisor = self.spawn("the supervisor of runs", RunSupervisor, supervisor).await?;
        // a closed mailbox is noticed by `ended`
        let _ = dispatch.cast(DispatchMessage::Supervisor(supervisor.clone()));

        let pump = tell_written(written, dispatch.clone(), supervisor.clone(), writer.clone());
        self.tasks.push(tokio::spawn(pump));
        self.tasks.push(tokio::spawn(follow_notices(store.subscribe(), supervisor.clone())));
        let wishes = tell_wishes(store, &dispatch, &[]).await?;
        self.tasks.push(tokio::spawn(follow_wishes(store.clone(), dispatch.clone(), wishes)));

        // every open run is known before the first worker speaks: what it still holds is recognised
        resume_all(store, &supervisor).await?;
        let heard = dispatch.clone();
        let gateway =
            GatewayArguments { dispatch, documents, agents, store: store.clone(), lost: over.clone() };
        self.spawn("the gateway", Gateway, gateway).await?;
        let _ = heard.cast(DispatchMessage::Happened(DispatchEvent::Deaf(false)));
        Ok(())
    }

    async fn spawn<A: Actor>(
        &mut self,
        what: &'static str,
        actor: A,
        arguments: A::Arguments,
    ) -> Result<ActorRef<A::Msg>, SpawnErr> {
        let (actor, handle) = Actor::spawn(None, actor, arguments).await?;
        self.actors.push((actor.get_cell(), handle, what));
        Ok(actor)
    }

    /// Waits until one of the actors ended, and names it.
    async fn ended(&mut self) -> &'static str {
        let ends = self.actors.iter_mut().map(|(_, handle, what)| {
            let what = *what;
            Box::pin(async move {
                let _ = handle.await;
                what
            })
        });
        futures_util::future::select_all(ends).await.0
    }

    /// Takes everything down, the youngest first.
    async fn stop(self) {
        for task in self.tasks {
            task.abort();
        }
        for (actor, _, what) in self.actors.into_iter().rev() {
            if actor.stop_and_wait(None, Some(STOP)).await.is_err() {
                tracing::warn!(what, "did not stop in time");
                actor.kill();
            }
        }
    }
}

/// Reads every open run and waits until all have begun.
async fn resume_all(store: &Store, supervisor: &ActorRef<SupervisorMessage>) -> Result<(), LeaderError> {
    let rows = store.open_runs().await?;
    let (queued, begun): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.stage.is_none());
    let mut resumed = futures_util::stream::iter(begun)
        .map(|row| async move { (row.id, store.resume(row.id).await.map(Box::new)) })
        .buffered(READS);
    while let Some((run, stored)) = resumed.next().await {
        if let Err(error) = &stored
            && !matches!(error, StoreError::NotFound(_))
        {
            return Err(error.clone().into());
        }
        let _ = supervisor.cast(SupervisorMessage::Stored(run, FIRST_LOOK, stored));
    }
    let queued =
        SupervisorMessage::Rows { asked: Vec::new(), look: FIRST_LOOK, rows: Ok(queued), more: false };
    let _ = supervisor.cast(queued);
    let (reached, wait) = oneshot::channel();
    let _ = supervisor.cast(SupervisorMessage::Reached(reached));
    wait.await.map_err(|_| LeaderError::Ended("the supervisor of runs"))
}

/// Passes on what became durable.
async fn tell_written(
    mut written: mpsc::UnboundedReceiver<Written>,
    dispatch: ActorRef<DispatchMessage>,
    supervisor: ActorRef<SupervisorMessage>,
    writer: WriterHandle,
) {
    let mut batch = Vec::with_capacity(WRITTEN_AT_ONCE);
    while written.recv_many(&mut batch, WRITTEN_AT_ONCE).await > 0 {
        let mut events = Vec::new();
        for written in batch.drain(..) {
            for news in News::of(written) {
                match news {
                    News::Dispatch(event) => events.push(event),
                    News::Run(run, event) => {
                        let _ = supervisor.cast(SupervisorMessage::Happened(run, event));
                    }
                }
            }
        }
        events.push(DispatchEvent::WriterBacklog { bytes: writer.load().queued_bytes });
        let _ = dispatch.cast(DispatchMessage::HappenedAll(events));
    }
}

/// Passes on the database's hints about runs.
async fn follow_notices(mut notices: broadcast::Receiver<Notice>, supervisor: ActorRef<SupervisorMessage>) {
    loop {
        let message = match notices.recv().await {
            Ok(Notice::Run(run) | Notice::Submitted(run)) => SupervisorMessage::Noticed(run),
            Ok(Notice::Resync) | Err(broadcast::error::RecvError::Lagged(_)) => SupervisorMessage::Look,
            Ok(Notice::Cluster | Notice::Ended(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let _ = supervisor.cast(message);
    }
}

/// Tells dispatch what operators want, whenever that may have changed.
async fn follow_wishes(store: Store, dispatch: ActorRef<DispatchMessage>, mut drained: Vec<WorkerId>) {
    let mut notices = store.subscribe();
    loop {
        // at once after a notice that concerns the cluster, otherwise every second
        let _ = tokio::time::timeout(LOOK, async {
            while !matches!(notices.recv().await, Ok(Notice::Cluster | Notice::Resync) | Err(_)) {}
        })
        .await;
        match tell_wishes(&store, &dispatch, &drained).await {
            Ok(wanted) => drained = wanted,
            Err(error) => tracing::debug!(%error, "wishes cannot be read"),
        }
    }
}

/// Tells dispatch what operators and the owners of runs want; `before` are the workers that were to be drained before.
/// Gives back those that are now.
async fn tell_wishes(
    store: &Store,
    dispatch: &ActorRef<DispatchMessage>,
    before: &[WorkerId],
) -> Result<Vec<WorkerId>, StoreError> {
    let paused = store.paused().await?;
    let wanted = store.drain_requests().await?;
    let runs = store.paused_runs().await?;
    let mut events = vec![DispatchEvent::Paused(paused), DispatchEvent::RunsPaused(runs)];
    let back = before.iter().filter(|worker| !wanted.contains(worker));
    events.extend(back.map(|worker| DispatchEvent::DrainAsked { worker: *worker, on: false }));
    events.extend(wanted.iter().map(|worker| DispatchEvent::DrainAsked { worker: *worker, on: true }));
    // a dispatch actor that is gone takes the leadership with it
    let _ = dispatch.cast(DispatchMessage::HappenedAll(events));
    Ok(wanted)
}
