//! Stories of dispatch: a drawing, what happens, what is ordered, and nothing else. Every message passes through the
//! wire format, and the whole state is checked after every step.

#![allow(clippy::needless_pass_by_value)] // a story reads better without borrows

use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{ContentHash, Epoch, LeaseId, RunId, StageIndex, WorkerId};
use common::protocol::{
    Announcement, Assignment, FromWorker, Heartbeat, HeldLease, Hello, ResultKey, ShardResult, ToWorker,
    WorkerCommand, WorkerFact,
};
use common::run::{Outcome, ShardRange, Task, TaskError, TaskErrorKind, TaskKind};
use common::wire;
use uuid::Uuid;

use super::event::{
    DispatchCommand, DispatchEvent, DispatchSettings, FailedTask, ResultRow, RunOffer, RunWants,
    WaitingReason, Work,
};
use super::scheduler::Scheduler;

mod ahead;
mod choices;
mod failures;
mod handing_out;
mod holding;
mod leaders;
mod losses;
mod quotas;
mod results;

const EPOCH: Epoch = Epoch(3);
const ANN: WorkerId = WorkerId(Uuid::from_u128(0xa));
const BOB: WorkerId = WorkerId(Uuid::from_u128(0xb));
const EVE: WorkerId = WorkerId(Uuid::from_u128(0xe));
const R1: RunId = RunId(Uuid::from_u128(1));
const R2: RunId = RunId(Uuid::from_u128(2));

/// Partial results with their shards.
type Partials = Vec<(u32, Vec<u8>)>;

/// A cluster seen from its scheduler.
struct Cluster {
    scheduler: Scheduler,
    now: Timestamp,
    orders: Vec<DispatchCommand>,
    /// Small stages whose results are all here, and these.
    computed: Vec<(RunId, StageIndex, Partials)>,
}

impl Cluster {
    fn new() -> Self {
        Self::with(DispatchSettings::default())
    }

    fn with(settings: DispatchSettings) -> Self {
        let now = Timestamp(1_000_000);
        let scheduler = Scheduler::new(EPOCH, settings, now);
        let mut cluster = Self { scheduler, now, orders: Vec::new(), computed: Vec::new() };
        cluster.happens(DispatchEvent::Tick);
        cluster
    }

    /// A cluster in which these workers of so many lanes are connected.
    fn of(workers: &[(WorkerId, u16)]) -> Self {
        let mut cluster = Self::new();
        for (worker, lanes) in workers {
            cluster.joins(*worker, *lanes);
        }
        cluster
    }

    fn happens(&mut self, event: DispatchEvent) -> &mut Self {
        let orders = self.scheduler.on(event, self.now);
        self.scheduler.check();
        self.scheduler.check_orders(&orders);
        for order in orders {
            match order {
                DispatchCommand::Send { worker, incarnation, command } => {
                    let frame = wire::encode(&ToWorker { epoch: EPOCH, command }).unwrap();
                    let ToWorker { command, .. } = wire::decode(&frame).unwrap();
                    self.orders.push(DispatchCommand::Send { worker, incarnation, command });
                }
                DispatchCommand::StageComputed { run, stage, partials } => {
                    self.computed.push((run, stage, partials));
                }
                other => self.orders.push(other),
            }
        }
        self
    }

    fn says(&mut self, worker: WorkerId, fact: WorkerFact) -> &mut Self {
        let frame = wire::encode(&FromWorker { worker, incarnation: 1, fact }).unwrap();
        let FromWorker { worker, incarnation, fact } = wire::decode(&frame).unwrap();
        self.happens(DispatchEvent::Heard { worker, incarnation, fact })
    }

    fn introduces(&mut self, worker: WorkerId, incarnation: u32, lanes: u16, held: Heartbeat) -> &mut Self {
        self.introduces_labelled(worker, incarnation, lanes, &[], held)
    }

    fn introduces_labelled(
        &mut self,
        worker: WorkerId,
        incarnation: u32,
        lanes: u16,
        labels: &[(&str, &str)],
        held: Heartbeat,
    ) -> &mut Self {
        let label = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let hello = Hello {
            build: "0.1.0".to_owned(),
            host: "here".to_owned(),
            lanes,
            labels: labels.iter().map(label).collect(),
            algorithms: Vec::new(),
            held,
        };
        let offers = vec![("spin".to_owned(), 1)];
        self.happens(DispatchEvent::Hello { worker, incarnation, hello, offers })
    }

    /// A worker of one lane with these labels, so much memory and these inputs joins.
    fn joins_with(
        &mut self,
        worker: WorkerId,
        labels: &[(&str, &str)],
        memory_mib: u64,
        inputs: &[ContentHash],
    ) -> &mut Self {
        let held = Heartbeat {
            memory_limit_bytes: memory_mib << 20,
            inputs: Some(inputs.to_vec()),
            ..Heartbeat::default()
        };
        self.introduces_labelled(worker, 1, 1, labels, held);
        self.tells(worker, WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 })
    }

    fn joins(&mut self, worker: WorkerId, lanes: u16) -> &mut Self {
        self.introduces(worker, 1, lanes, Heartbeat::default());
        self.tells(worker, WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 })
    }

    fn passes(&mut self, milliseconds: u64) -> &mut Self {
        // in steps of the ticks of a real clock
        for _ in 0..milliseconds / 100 {
            self.now = self.now.after(Duration::from_millis(100));
            self.happens(DispatchEvent::Tick);
        }
        self.orders.retain(|order| {
            !matches!(order, DispatchCommand::Send { command: WorkerCommand::Heartbeat, .. })
        });
        self
    }

    /// So much time goes by while these workers are heard of.
    fn passes_with(&mut self, milliseconds: u64, workers: &[WorkerId]) -> &mut Self {
        for _ in 0..milliseconds / 100 {
            for worker in workers {
                self.says(*worker, WorkerFact::Started { leases: Vec::new() });
            }
            self.passes(100);
        }
        self
    }

    fn begins(&mut self, run: RunId, shards: u32) -> &mut Self {
        self.submits(run, "ann", 0, shards_of(shards), false)
    }

    fn submits(
        &mut self,
        run: RunId,
        submitter: &str,
        priority: i32,
        work: Work,
        resumed: bool,
    ) -> &mut Self {
        let offer = RunOffer { submitter: submitter.to_owned(), priority, ..offer(run) };
        self.happens(DispatchEvent::Ready { offer, work, resumed })
    }

    /// A run with so many shards that asks something of workers.
    fn wants(&mut self, run: RunId, shards: u32, wants: RunWants) -> &mut Self {
        let offer = RunOffer { wants, ..offer(run) };
        self.happens(DispatchEvent::Ready { offer, work: shards_of(shards), resumed: false })
    }

    /// Looks at the next order, which must be this one.
    fn orders(&mut self, order: DispatchCommand) -> &mut Self {
        assert!(!self.orders.is_empty(), "nothing is ordered, but should be: {order:?}");
        assert_eq!(self.orders.remove(0), order);
        self
    }

    fn tells(&mut self, worker: WorkerId, command: WorkerCommand) -> &mut Self {
        self.orders(DispatchCommand::Send { worker, incarnation: 1, command })
    }

    /// The next order assigns exactly these ranges of a run's stage 0 to `worker`; gives back the leases.
    fn assigns(&mut self, worker: WorkerId, ranges: &[(RunId, u32, u32)]) -> Vec<LeaseId> {
        assert!(!self.orders.is_empty(), "nothing is assigned, but should be: {ranges:?} to {worker}");
        let order = self.orders.remove(0);
        let DispatchCommand::Send { worker: to, command: WorkerCommand::Assign(assignments), .. } = order
        else {
            panic!("an assignment of {ranges:?} to {worker}, not {order:?}")
        };
        let given: Vec<(RunId, u32, u32)> = assignments
            .iter()
            .map(|Assignment { task, .. }| match task.kind {
                TaskKind::Shards { range, .. } => (task.run, range.first, range.count),
                TaskKind::Advance { stage } => (task.run, stage.0, 0),
            })
            .collect();
        assert_eq!((to, given), (worker, ranges.to_vec()));
        assignments.iter().map(|assignment| assignment.lease).collect()
    }

    /// Every lane of `worker` finished these shards of stage 0.
    fn finishes(
        &mut self,
        worker: WorkerId,
        run: RunId,
        lease: LeaseId,
        shards: &[u32],
        wall_us: u64,
    ) -> &mut Self {
        let results = shards.iter().map(|shard| result(run, lease, *shard, wall_us)).collect();
        self.says(worker, WorkerFact::Finished(results));
        let rows = shards.iter().map(|shard| row(worker, run, lease, *shard, wall_us)).collect();
        self.orders(DispatchCommand::Store(rows))
    }

    fn becomes_durable(&mut self, run: RunId, shards: &[u32]) -> &mut Self {
        self.happens(DispatchEvent::Stored { run, stage: StageIndex(0), shards: shards.to_vec() })
    }

    fn nothing_else(&mut self) -> &mut Self {
        assert_eq!(self.orders, [], "nothing else happened");
        self
    }
}

fn offer(run: RunId) -> RunOffer {
    RunOffer {
        run,
        algorithm: ("spin".to_owned(), 1),
        submitter: "ann".to_owned(),
        priority: 0,
        submitted_us: i64::try_from(run.0.as_u128()).unwrap(),
        wants: RunWants::default(),
    }
}

fn shards_of(shards: u32) -> Work {
    Work::Shards { stage: StageIndex(0), name: "search".to_owned(), shards, stored: Vec::new() }
}

fn key(run: RunId, lease: LeaseId, shard: u32) -> ResultKey {
    ResultKey { lease, run, stage: StageIndex(0), shard: Some(shard) }
}

fn result(run: RunId, lease: LeaseId, shard: u32, wall_us: u64) -> ShardResult {
    ShardResult { key: key(run, lease, shard), started_us: 7, cpu_us: 5, wall_us, json: b"1".to_vec() }
}

fn row(worker: WorkerId, run: RunId, lease: LeaseId, shard: u32, wall_us: u64) -> ResultRow {
    let stage = StageIndex(0);
    ResultRow { run, stage, shard, lease, worker, started_us: 7, cpu_us: 5, wall_us, json: b"1".to_vec() }
}

fn held(lease: LeaseId, first: u32, count: u32, started_ms_ago: Option<u64>) -> HeldLease {
    let range = ShardRange { first, count };
    let task = Task { run: R1, kind: TaskKind::Shards { stage: StageIndex(0), range } };
    HeldLease { lease, task, started_ms_ago, finished: 0 }
}

fn stored(keys: &[ResultKey]) -> WorkerCommand {
    WorkerCommand::Stored { results: keys.to_vec() }
}

fn revoke(lease: LeaseId) -> WorkerCommand {
    WorkerCommand::Revoke { leases: vec![lease] }
}

fn failure(kind: TaskErrorKind) -> TaskError {
    TaskError { kind, message: "index out of bounds".to_owned(), pointer: None }
}

fn failed(shard: u32, worker: WorkerId, attempt: u32, error: TaskError) -> FailedTask {
    let (stage, shard, worker) = (StageIndex(0), Some(shard), Some(worker));
    FailedTask { run: R1, stage, shard, worker, attempt, error, note: None }
}

fn fails(run: RunId, lease: LeaseId, shard: u32, kind: TaskErrorKind) -> WorkerFact {
    let (stage, shard, error) = (StageIndex(0), Some(shard), failure(kind));
    WorkerFact::Failed { lease, run, stage, shard, error, note: None }
}

fn started(leases: &[LeaseId]) -> WorkerFact {
    WorkerFact::Started { leases: leases.to_vec() }
}

fn waits_for(run: RunId, reason: WaitingReason) -> DispatchCommand {
    DispatchCommand::Waiting { run, reason: Some(reason) }
}
