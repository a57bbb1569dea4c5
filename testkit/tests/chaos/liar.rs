//! A worker that has a certificate, knows the cookie and lies: its words are counted as oddities and change nothing.

use std::time::Duration;

use common::ids::{Epoch, LeaseId, RunId, StageIndex, WorkerId};
use common::limits::RESULT_BYTES;
use common::protocol::{
    AgentMessage, Announcement, COORDINATOR_GROUP, FromWorker, GatewayMessage, Heartbeat, Hello, ResultKey,
    ShardResult, WorkerFact, worker_group,
};
use common::run::{TaskError, TaskErrorKind};
use common::transport::{Node, SessionEvent};
use common::wire::{self, Frame};
use ractor::{Actor, ActorProcessingErr, ActorRef, pg};
use testkit::cluster::SOON;
use testkit::fleet::{Fleet, Shape};

use crate::{RUN, Runs, fleet, spin};

/// Hears what the leader says and does nothing of it.
struct Deaf;

impl Actor for Deaf {
    type Msg = AgentMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<AgentMessage>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// A connection to the leader, in the name of a worker.
struct Liar {
    worker: WorkerId,
    gateway: ActorRef<GatewayMessage>,
    node: Node,
}

impl Liar {
    async fn connect(fleet: &Fleet) -> Self {
        let leader = fleet.leader().await.unwrap();
        let worker = WorkerId(uuid::Uuid::new_v4());
        let (agent, _) = Actor::spawn(None, Deaf, ()).await.unwrap();
        pg::join(worker_group(worker, 1), vec![agent.get_cell()]);
        let (connection, cookie) = fleet.dial(leader).await.unwrap();
        let name = format!("worker-{worker}-1");
        let mut node = Node::start(name, cookie.reveal().to_owned()).await.unwrap();
        node.adopt(connection, false, ());
        let ready = async { while !matches!(node.next().await.unwrap(), SessionEvent::Ready(_)) {} };
        tokio::time::timeout(SOON, ready).await.unwrap();
        let found = async {
            loop {
                // the leader's actor is known a moment after the session is ready
                if let Some(gateway) = pg::get_members(&COORDINATOR_GROUP.to_owned()).into_iter().next() {
                    return gateway;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let gateway = tokio::time::timeout(SOON, found).await.unwrap().into();
        Self { worker, gateway, node }
    }

    fn frame(&self, frame: Vec<u8>) {
        let _ = self.gateway.cast(GatewayMessage::Frame(Frame(frame)));
    }

    /// Says something over a connection of this number.
    fn say_as(&self, incarnation: u32, fact: WorkerFact) {
        self.frame(wire::encode(&FromWorker { worker: self.worker, incarnation, fact }).unwrap().0);
    }

    fn say(&self, fact: WorkerFact) {
        self.say_as(1, fact);
    }
}

/// The partial results that the run of an equal order gave.
async fn partials(fleet: &Fleet, run: &str) -> Vec<(u32, u32, Vec<u8>)> {
    let client = fleet.database.connect().await.unwrap();
    let rows = format!("SELECT stage, shard, partial::text FROM shard_results WHERE run_id = '{run}'");
    let number = |value: i32| u32::try_from(value).unwrap();
    let rows = client.query(&rows, &[]).await.unwrap();
    rows.iter()
        .map(|row| (number(row.get(0)), number(row.get(1)), row.get::<_, String>(2).into_bytes()))
        .collect()
}

fn result(run: RunId, lease: LeaseId, stage: u32, shard: u32, json: Vec<u8>) -> ShardResult {
    let key = ResultKey { lease, run, stage: StageIndex(stage), shard: Some(shard) };
    ShardResult { key, started_us: 1, cpu_us: u64::MAX / 4, wall_us: 1, json }
}

/// ```text
/// greeted ─ results of others, again and again, of stages to come, of nothing ─ failures of others' leases
///         ─ results that are too large ─ noise ─▶ the run is what it is; the liar gets nothing
/// ```
#[tokio::test]
async fn a_worker_that_lies_changes_nothing() {
    let Some(mut fleet) = fleet(Shape { coordinators: 1, ..Shape::default() }).await else { return };
    let known = fleet.submit(&spin()).await.unwrap();
    fleet.success(&known, RUN).await.unwrap();
    let known = partials(&fleet, &known).await;
    let runs = Runs::under_way(&fleet).await;
    let liar = Liar::connect(&fleet).await;

    // not greeted yet: a stranger
    let run = RunId(runs.first().parse().unwrap());
    liar.say(WorkerFact::Heartbeat(Heartbeat::default()));
    liar.say(WorkerFact::HandedBack { leases: (0..64).map(|n| LeaseId::new(Epoch(1), n)).collect() });
    // as a worker that offers nothing it is refused, and gets nothing in what follows
    liar.say(WorkerFact::Hello(Hello {
        build: "liar".to_owned(),
        host: "nowhere".to_owned(),
        lanes: 64,
        labels: Vec::new(),
        algorithms: b"[]".to_vec(),
        held: Heartbeat::default(),
    }));
    // of leases that were never given, of attempts long over, of the epoch after next: right results, each many times
    for epoch in [0, 1, 7] {
        let results = known.iter().filter(|(stage, ..)| *stage == 0);
        let results: Vec<_> = results
            .map(|(stage, shard, json)| {
                result(run, LeaseId::new(Epoch(epoch), 1), *stage, *shard, json.clone())
            })
            .collect();
        liar.say(WorkerFact::Finished(results.clone()));
        liar.say_as(9, WorkerFact::Finished(results));
    }
    // of stages and shards that are not there, of runs that nobody submitted
    let lease = LeaseId::new(Epoch(1), 3);
    let nobodys = RunId(uuid::Uuid::now_v7());
    for (run, stage, shard) in [(run, 5, 0), (run, 0, 80), (run, 0, u32::MAX), (nobodys, 0, 0)] {
        liar.say(WorkerFact::Finished(vec![result(run, lease, stage, shard, b"{}".to_vec())]));
    }
    // failures of what others hold
    for number in 0..64 {
        let error = TaskError { kind: TaskErrorKind::Infeasible, message: "a lie".to_owned(), pointer: None };
        let lease = LeaseId::new(Epoch(1), number);
        let shard = Some(number);
        liar.say(WorkerFact::Failed { lease, run, stage: StageIndex(1), shard, error, note: None });
    }
    // a result of another size than said, one that is too large, pieces that nobody asked for
    let key = ResultKey { lease, run, stage: StageIndex(0), shard: Some(5) };
    let bytes = RESULT_BYTES as u64 * 1_000;
    liar.say(WorkerFact::Announced(vec![Announcement {
        key: ResultKey { run: nobodys, ..key },
        bytes,
        started_us: 0,
        cpu_us: 0,
        wall_us: 0,
    }]));
    let piece = vec![b'x'; 200_000];
    liar.say(WorkerFact::ResultPiece {
        result: key,
        offset: 1 << 40,
        total: u64::MAX,
        cpu_us: 0,
        bytes: piece,
    });
    // noise: no frame, another version's, a frame cut in the middle
    liar.frame(Vec::new());
    liar.frame(vec![wire::VERSION; 100_000]);
    liar.frame((0..=255).collect());
    let whole = wire::encode(&FromWorker {
        worker: liar.worker,
        incarnation: 1,
        fact: WorkerFact::Started { leases: vec![lease; 50] },
    });
    let whole = whole.unwrap().0;
    liar.frame(whole[..whole.len() / 2].to_vec());
    // in the name of a worker that is there
    let other = fleet.status().await.unwrap().workers[0].id.parse().unwrap();
    let impostor = Liar { worker: WorkerId(other), gateway: liar.gateway.clone(), node: liar.node };
    impostor.say_as(0, WorkerFact::Leaving);
    impostor.say_as(0, WorkerFact::HandedBack { leases: vec![lease] });

    runs.end_undisturbed(&fleet).await;
    let log = fleet.coordinators[0].log();
    let panicked = fleet.coordinators[0].process.as_mut().unwrap().ended().unwrap().is_some();
    assert!(!panicked && !log.contains("panicked"), "{log}");
    assert_eq!(fleet.status().await.unwrap().workers.len(), 2, "the liar is no worker");
    // too much for one message: its connection goes, nothing else does
    impostor.frame(vec![wire::VERSION; 4 << 20]);
    let mut node = impostor.node;
    let closed = async { while !matches!(node.next().await, Some(SessionEvent::Closed(_)) | None) {} };
    tokio::time::timeout(SOON, closed).await.unwrap();
    let run = fleet.submit(&spin()).await.unwrap();
    fleet.success(&run, RUN).await.unwrap();
}
