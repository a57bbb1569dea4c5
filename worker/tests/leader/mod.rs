//! A leader that does as it is told: the real link and a gateway, and no scheduler, store or database behind them.
//!
//! It greets workers, answers heartbeats and hands out documents by itself; everything else that workers say comes
//! back to the test.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use common::ids::{Epoch, LeaseId, RunId, StageIndex, WorkerId};
use common::limits::PIECE_BYTES;
use common::protocol::{
    AgentMessage, Assignment, COORDINATOR_GROUP, DocumentKey, FromWorker, GatewayMessage, Hello,
    PartialsPage, ResultKey, ShardResult, ToWorker, WorkerCommand, WorkerFact, worker_group,
};
use common::run::{Outcome, ShardRange, Task, TaskKind};
use common::wire;
use coordinator::link::{self, LinkSettings};
use ractor::{Actor, ActorProcessingErr, ActorRef, pg};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Patience with anything that should happen soon, on a loaded machine.
const SOON: Duration = Duration::from_secs(20);

pub const COOKIE: &str = "of these tests";

struct Gateway(mpsc::UnboundedSender<FromWorker>);

impl Actor for Gateway {
    type Msg = GatewayMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        pg::join(COORDINATOR_GROUP.to_owned(), vec![myself.get_cell()]);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        GatewayMessage::Frame(frame): GatewayMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let _ = self.0.send(wire::decode(&frame)?);
        Ok(())
    }
}

/// See the module.
pub struct Leader {
    pub address: SocketAddr,
    epoch: Epoch,
    leases: u32,
    said: mpsc::UnboundedReceiver<FromWorker>,
    /// What was heard while a greeting was waited for.
    early: VecDeque<(WorkerId, WorkerFact)>,
    gateway: ActorRef<GatewayMessage>,
    shutdown: CancellationToken,
    link: tokio::task::JoinHandle<()>,
    /// The connection of each worker that greeted.
    pub workers: BTreeMap<WorkerId, u32>,
    /// The last greeting of each worker.
    pub hellos: BTreeMap<WorkerId, Hello>,
    pub documents: HashMap<DocumentKey, Vec<u8>>,
}

impl Leader {
    /// Begins to lead. With an address, on that address.
    pub async fn start(epoch: u32, address: Option<SocketAddr>) -> Self {
        let address = address.unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
        let settings = LinkSettings::new(COOKIE);
        let listener = link::bind(address, &settings).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, said) = mpsc::unbounded_channel();
        let (gateway, _) = Actor::spawn(None, Gateway(sender), ()).await.unwrap();
        let shutdown = CancellationToken::new();
        let serving = link::serve(listener, settings, shutdown.clone());
        let link = tokio::spawn(async move { serving.await.unwrap() });
        Self {
            address,
            epoch: Epoch(epoch),
            leases: 0,
            said,
            early: VecDeque::new(),
            gateway,
            shutdown,
            link,
            workers: BTreeMap::new(),
            hellos: BTreeMap::new(),
            documents: HashMap::new(),
        }
    }

    /// Ends the leadership, as its loss would.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.link.await.unwrap();
        self.gateway.stop_and_wait(None, None).await.unwrap();
    }

    /// The next thing that a worker says and that the leader does not answer by itself.
    pub async fn hear(&mut self) -> (WorkerId, WorkerFact) {
        if let Some(early) = self.early.pop_front() {
            return early;
        }
        loop {
            let said =
                tokio::time::timeout(SOON, self.said.recv()).await.expect("a worker says something in time");
            let FromWorker { worker, incarnation, fact } = said.expect("the gateway lives");
            match fact {
                WorkerFact::Hello(hello) => self.welcome(worker, incarnation, hello),
                WorkerFact::Heartbeat(_) => self.tell(worker, WorkerCommand::Heartbeat),
                WorkerFact::Fetch { key, offset } => {
                    let piece = self.piece(key, offset);
                    self.tell(worker, piece);
                }
                fact => return (worker, fact),
            }
        }
    }

    fn welcome(&mut self, worker: WorkerId, incarnation: u32, hello: Hello) {
        self.workers.insert(worker, incarnation);
        self.hellos.insert(worker, hello);
        self.tell(worker, WorkerCommand::Welcome { heartbeat_ms: 200, silence_ms: 2_000 });
    }

    /// Answers nothing, as if it were frozen, until `worker` had enough of it and greets over another connection.
    pub async fn freeze_until_left(&mut self, worker: WorkerId) {
        let left = async {
            loop {
                let said = self.said.recv().await.expect("the gateway lives");
                if let (true, WorkerFact::Hello(hello)) =
                    (said.worker == worker && said.incarnation > self.workers[&worker], said.fact)
                {
                    return (said.incarnation, hello);
                }
            }
        };
        let (incarnation, hello) = tokio::time::timeout(SOON, left).await.expect("the worker leaves in time");
        self.welcome(worker, incarnation, hello);
    }

    /// Hears until `wanted` finds what it looks for; `Started` may come at any time.
    pub async fn await_fact<T>(&mut self, mut wanted: impl FnMut(WorkerId, &WorkerFact) -> Option<T>) -> T {
        loop {
            let (worker, fact) = self.hear().await;
            if let Some(found) = wanted(worker, &fact) {
                return found;
            }
            assert!(matches!(fact, WorkerFact::Started { .. }), "and nothing else is said: {fact:?}");
        }
    }

    /// Waits for the greeting of a worker that has not greeted this leader.
    pub async fn greet(&mut self) -> WorkerId {
        let known = self.workers.clone();
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            let heard = tokio::time::timeout(Duration::from_millis(50), self.hear()).await;
            assert!(heard.is_err(), "a worker greets first: {heard:?}");
            if let Some((worker, _)) = self.workers.iter().find(|(worker, _)| !known.contains_key(worker)) {
                return *worker;
            }
        }
        panic!("no worker came");
    }

    /// Waits for the greeting of a worker that is at work; what it says at once is heard later.
    pub async fn greet_busy(&mut self) -> WorkerId {
        while self.workers.is_empty() {
            let heard = tokio::time::timeout(Duration::from_millis(50), self.hear()).await;
            self.early.extend(heard);
        }
        *self.workers.keys().next().unwrap()
    }

    /// Lets results come for a while and loses them.
    pub async fn nothing_or_results(&mut self, duration: Duration) {
        let _ = tokio::time::timeout(duration, self.results(usize::MAX)).await;
    }

    /// Waits until a lane began with a lease.
    pub async fn started(&mut self, lease: LeaseId) {
        self.await_fact(|_, fact| {
            matches!(fact, WorkerFact::Started { leases } if leases.contains(&lease)).then_some(())
        })
        .await;
    }

    /// The leases that come back next.
    pub async fn handed_back(&mut self) -> Vec<LeaseId> {
        self.await_fact(|_, fact| match fact {
            WorkerFact::HandedBack { leases } => Some(leases.clone()),
            _ => None,
        })
        .await
    }

    /// Answers greetings, heartbeats and questions for a while in which nothing else is said.
    pub async fn nothing_else_for(&mut self, duration: Duration) {
        let heard = tokio::time::timeout(duration, self.hear()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    pub fn tell(&self, worker: WorkerId, command: WorkerCommand) {
        let members = pg::get_members(&worker_group(worker, self.workers[&worker]));
        // An answer to what was said over a connection that ended meanwhile.
        let Some(agent) = members.first() else { return };
        let frame = wire::encode(&ToWorker { epoch: self.epoch, command }).unwrap();
        let _ = ActorRef::<AgentMessage>::from(agent.clone()).cast(AgentMessage::Frame(frame));
    }

    pub fn assign(&mut self, worker: WorkerId, run: RunId, kind: TaskKind, shard_timeout_ms: u64) -> LeaseId {
        self.leases += 1;
        let lease = LeaseId::new(self.epoch, self.leases);
        let assignment = Assignment { lease, task: Task { run, kind }, shard_timeout_ms };
        self.tell(worker, WorkerCommand::Assign(vec![assignment]));
        lease
    }

    fn piece(&self, key: DocumentKey, offset: u64) -> WorkerCommand {
        let Some(document) = self.documents.get(&key) else {
            return WorkerCommand::Unavailable { key, reason: "not there".to_owned(), forever: true };
        };
        let from = usize::try_from(offset).unwrap();
        let to = document.len().min(from + PIECE_BYTES);
        WorkerCommand::Piece { key, offset, total: document.len() as u64, bytes: document[from..to].to_vec() }
    }

    /// Makes a run of `spin` with these parameters known.
    pub fn submit(&mut self, params: &str) -> RunId {
        let run = RunId(uuid::Uuid::new_v4());
        let spec = format!(r#"{{"algorithm":"spin","version":1,"params":{params},"inputs":{{}},"seed":7}}"#);
        self.documents.insert(DocumentKey::Run(run), spec.into_bytes());
        run
    }

    /// Plans a run and stores its first stage. Returns the number of its shards.
    pub async fn plan(&mut self, worker: WorkerId, run: RunId) -> u32 {
        let lease = self.assign(worker, run, TaskKind::Advance { stage: StageIndex(0) }, 0);
        let outcome = self.advanced(lease).await;
        let Outcome::Opened { state, shards, .. } = outcome else { panic!("{outcome:?}") };
        self.documents.insert(DocumentKey::State { run, stage: StageIndex(0) }, state);
        self.stored(worker, vec![ResultKey { lease, run, stage: StageIndex(0), shard: None }]);
        shards
    }

    /// The outcome of an advance.
    pub async fn advanced(&mut self, lease: LeaseId) -> Outcome {
        self.await_fact(|_, fact| match fact {
            WorkerFact::Advanced { lease: of, outcome, .. } if *of == lease => Some(outcome.clone()),
            _ => None,
        })
        .await
    }

    /// Results until there are `count` of them.
    pub async fn results(&mut self, count: usize) -> Vec<ShardResult> {
        let mut results = Vec::new();
        while results.len() < count {
            let more = self
                .await_fact(|_, fact| match fact {
                    WorkerFact::Finished(results) => Some(results.clone()),
                    _ => None,
                })
                .await;
            results.extend(more);
        }
        results
    }

    pub fn stored(&self, worker: WorkerId, results: Vec<ResultKey>) {
        self.tell(worker, WorkerCommand::Stored { results });
    }

    /// Keeps partial results as pages of `per_page`.
    pub fn keep_partials(&mut self, run: RunId, results: &[ShardResult], per_page: usize) {
        let mut sorted: Vec<(u32, Vec<u8>)> =
            results.iter().map(|result| (result.key.shard.unwrap(), result.json.clone())).collect();
        sorted.sort();
        let pages: Vec<Vec<(u32, Vec<u8>)>> = sorted.chunks(per_page).map(<[_]>::to_vec).collect();
        for (index, partials) in pages.iter().enumerate() {
            let key = DocumentKey::Partials { run, stage: StageIndex(0), from: partials[0].0 };
            let next = pages.get(index + 1).map(|page| page[0].0);
            let page = PartialsPage { partials: partials.clone(), next, normalised: true };
            self.documents.insert(key, wire::pack(&page).unwrap());
        }
    }
}

/// All of the first stage's shards from `first` on.
pub fn shards(first: u32, count: u32) -> TaskKind {
    TaskKind::Shards { stage: StageIndex(0), range: ShardRange { first, count } }
}

/// A worker process; killed when the test ends.
pub struct WorkerProcess(pub Child);

impl WorkerProcess {
    pub fn start(coordinator: &str, cookie: &str, flags: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_worker"))
            .env("NETPLANNER_COOKIE", cookie)
            .args(["--coordinator", coordinator, "--threads", "1"])
            .args(flags)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub async fn exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the worker ends in time");
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
