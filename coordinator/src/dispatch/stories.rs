//! Stories of dispatch: a drawing, what happens, what is ordered, and nothing else. Every message passes through the
//! wire format, and the whole state is checked after every step.

#![allow(clippy::needless_pass_by_value)] // a story reads better without borrows

use std::collections::VecDeque;
use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{Epoch, LeaseId, RunId, StageIndex, WorkerId};
use common::protocol::{
    Announcement, Assignment, FromWorker, Heartbeat, HeldLease, Hello, ResultKey, ShardResult, ToWorker,
    WorkerCommand, WorkerFact,
};
use common::run::{Outcome, ShardRange, Task, TaskError, TaskErrorKind, TaskKind};
use common::wire;
use uuid::Uuid;

use super::event::{
    DispatchCommand, DispatchEvent, DispatchSettings, FailedTask, ResultRow, RunOffer, WaitingReason, Work,
};
use super::scheduler::Scheduler;

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
        let hello = Hello {
            build: "0.1.0".to_owned(),
            host: "here".to_owned(),
            lanes,
            labels: Vec::new(),
            algorithms: Vec::new(),
            held,
        };
        let offers = vec![("spin".to_owned(), 1)];
        self.happens(DispatchEvent::Hello { worker, incarnation, hello, offers })
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
        let offer = RunOffer {
            run,
            algorithm: ("spin".to_owned(), 1),
            submitter: submitter.to_owned(),
            priority,
            submitted_us: i64::try_from(run.0.as_u128()).unwrap(),
        };
        self.happens(DispatchEvent::Ready { offer, work, resumed })
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
    FailedTask { run: R1, stage: StageIndex(0), shard: Some(shard), worker: Some(worker), attempt, error }
}

fn fails(run: RunId, lease: LeaseId, shard: u32, kind: TaskErrorKind) -> WorkerFact {
    WorkerFact::Failed { lease, run, stage: StageIndex(0), shard: Some(shard), error: failure(kind) }
}

fn started(leases: &[LeaseId]) -> WorkerFact {
    WorkerFact::Started { leases: leases.to_vec() }
}

fn waits_for(run: RunId, reason: WaitingReason) -> DispatchCommand {
    DispatchCommand::Waiting { run, reason: Some(reason) }
}

// advance ─▶ outcome ─▶ shards 0 1 ─▶ stored ─▶ finished
#[test]
fn a_small_run_from_plan_to_finished_stage() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.submits(R1, "ann", 0, Work::Advance { stage: StageIndex(0) }, false);
    let [plan] = cluster.assigns(ANN, &[(R1, 0, 0)])[..] else { panic!("one lease") };
    cluster.says(ANN, started(&[plan])).nothing_else();

    let outcome = Outcome::Opened { name: "search".to_owned(), state: b"{}".to_vec(), shards: 2, note: None };
    let stage = StageIndex(0);
    let news = WorkerFact::Advanced { lease: plan, run: R1, stage, cpu_us: 5, outcome: outcome.clone() };
    cluster.says(ANN, news.clone());
    cluster
        .orders(DispatchCommand::Advanced { run: R1, stage, outcome, expected_shard_us: None })
        .nothing_else();
    cluster.says(ANN, news).nothing_else(); // repeated: ignored

    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    // ahead of the database; what opened the stage is kept by its worker until the stage is there
    cluster.nothing_else();
    let plan_key = ResultKey { lease: plan, run: R1, stage, shard: None };
    let held = Heartbeat { unacknowledged: vec![plan_key], ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(held)).nothing_else();
    cluster.happens(DispatchEvent::StageStored { run: R1, stage });
    cluster.tells(ANN, stored(&[plan_key])).nothing_else();

    cluster.finishes(ANN, R1, leases[0], &[0], 9).nothing_else();
    cluster.finishes(ANN, R1, leases[1], &[1], 9).nothing_else();
    cluster.becomes_durable(R1, &[0, 1]);
    cluster.orders(DispatchCommand::StageFinished { run: R1, stage });
    cluster.tells(ANN, stored(&[key(R1, leases[0], 0), key(R1, leases[1], 1)])).nothing_else();

    cluster.happens(DispatchEvent::Closed { run: R1 });
    cluster.tells(ANN, WorkerCommand::Cancel { run: R1 }).nothing_else();
}

// shards 0 1 ─▶ both here ─▶ merged from memory while they are stored; then they are told, or the run fails
#[test]
fn a_small_stage_is_merged_before_it_is_stored() {
    for refused in [false, true] {
        let mut cluster = Cluster::of(&[(ANN, 1)]);
        cluster.begins(R1, 2);
        let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
        cluster.finishes(ANN, R1, leases[1], &[1], 9).nothing_else();
        assert_eq!(cluster.computed, []);
        cluster.finishes(ANN, R1, leases[0], &[0], 9).nothing_else();
        let partials = vec![(0, b"1".to_vec()), (1, b"1".to_vec())];
        assert_eq!(std::mem::take(&mut cluster.computed), [(R1, StageIndex(0), partials)]);

        cluster.submits(R1, "ann", 0, Work::Advance { stage: StageIndex(1) }, false);
        let [merge] = cluster.assigns(ANN, &[(R1, 1, 0)])[..] else { panic!("one lease") };
        // they are on their way: a mention of them is no news, nor is a repetition
        let keys = [key(R1, leases[0], 0), key(R1, leases[1], 1)];
        let held = Heartbeat {
            leases: vec![HeldLease {
                lease: merge,
                task: Task { run: R1, kind: TaskKind::Advance { stage: StageIndex(1) } },
                started_ms_ago: Some(1),
                finished: 0,
            }],
            unacknowledged: keys.to_vec(),
            ..Heartbeat::default()
        };
        cluster.says(ANN, WorkerFact::Heartbeat(held)).nothing_else();
        cluster.says(ANN, WorkerFact::Finished(vec![result(R1, leases[0], 0, 9)])).nothing_else();

        cluster.becomes_durable(R1, &[0]).tells(ANN, stored(&keys[..1])).nothing_else();
        if refused {
            let detail = "unsupported Unicode escape sequence".to_owned();
            let (run, stage) = (R1, StageIndex(0));
            cluster.happens(DispatchEvent::Refused { run, stage, shard: 1, detail: detail.clone() });
            let error = TaskError { kind: TaskErrorKind::Unstorable, message: detail, pointer: None };
            cluster.orders(DispatchCommand::TaskFailed(failed(1, ANN, 1, error)));
            cluster.tells(ANN, stored(&keys[1..])).nothing_else();
        } else {
            cluster.becomes_durable(R1, &[1]).tells(ANN, stored(&keys[1..])).nothing_else();
        }
    }
}

// 65 shards, or 64 KiB and more of results, or some that were stored before: merged when all are stored
#[test]
fn a_large_stage_is_merged_when_it_is_stored() {
    let large = |shard, lease| ShardResult { json: vec![b'1'; 40 << 10], ..result(R1, lease, shard, 9) };
    let mut cluster = Cluster::of(&[(ANN, 2)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.says(ANN, WorkerFact::Finished(vec![large(0, leases[0]), large(1, leases[1])]));
    assert_eq!((cluster.computed.len(), cluster.scheduler.kept_bytes), (0, 0));

    let mut cluster = Cluster::of(&[(ANN, 1)]);
    let stored = vec![ShardRange { first: 0, count: 1 }];
    let work = Work::Shards { stage: StageIndex(0), name: "search".to_owned(), shards: 2, stored };
    cluster.submits(R1, "ann", 0, work, false);
    let leases = cluster.assigns(ANN, &[(R1, 1, 1)]);
    cluster.finishes(ANN, R1, leases[0], &[1], 9).nothing_else();
    assert_eq!(cluster.computed, []);
}

// 100 shards: ann 1 lane + 1 waiting, bob the same; one shard each at first, then by what they took
#[test]
fn ranges_grow_with_what_is_known_of_the_shards() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    cluster.begins(R1, 100);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 2, 1)]);
    let bob = cluster.assigns(BOB, &[(R1, 1, 1), (R1, 3, 1)]);
    cluster.nothing_else();
    cluster.finishes(ANN, R1, ann[0], &[0], 20_000); // 200 ms are 10 shards
    cluster.assigns(ANN, &[(R1, 4, 10)]);
    cluster.finishes(BOB, R1, bob[0], &[1], 2_000); // mean 11 ms: 18 shards
    cluster.assigns(BOB, &[(R1, 14, 18)]);
    cluster.nothing_else();
}

#[test]
fn a_worker_of_another_version_gets_nothing_and_the_run_says_why() {
    let mut cluster = Cluster::new();
    cluster.begins(R1, 1).passes(100).orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    let hello = Hello {
        build: String::new(),
        host: String::new(),
        lanes: 1,
        labels: Vec::new(),
        algorithms: Vec::new(),
        held: Heartbeat::default(),
    };
    let offers = vec![("spin".to_owned(), 2)];
    cluster.happens(DispatchEvent::Hello { worker: EVE, incarnation: 1, hello, offers });
    cluster.tells(EVE, WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 });
    let reason = WaitingReason::NoWorkerOffers { algorithm: "spin".to_owned(), version: 1 };
    assert_eq!(reason.to_string(), "no connected worker offers spin version 1");
    cluster.passes(100).orders(waits_for(R1, reason)).nothing_else();

    cluster.happens(DispatchEvent::Paused(true)).passes(100).orders(waits_for(R1, WaitingReason::Paused));
    cluster.joins(ANN, 1).nothing_else();
    cluster.happens(DispatchEvent::Paused(false));
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.passes(100).orders(DispatchCommand::Waiting { run: R1, reason: None }).nothing_else();
    cluster.begins(R2, 1);
    cluster.assigns(ANN, &[(R2, 0, 1)]);
    let third = RunId(Uuid::from_u128(3));
    cluster.begins(third, 1).passes(100).orders(waits_for(third, WaitingReason::Busy)).nothing_else();
}

// ann's run took all lanes of late: bob's goes first, whatever the priorities; among bob's own, priority decides
#[test]
fn lanes_are_shared_between_submitters() {
    let mut cluster = Cluster::of(&[(EVE, 1)]);
    cluster.submits(R1, "ann", 9, shards_of(50), false);
    let first = cluster.assigns(EVE, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.submits(R2, "bob", 0, shards_of(5), false);
    let urgent = RunId(Uuid::from_u128(3));
    cluster.submits(urgent, "bob", 1, shards_of(5), false).nothing_else();
    cluster.finishes(EVE, R1, first[0], &[0], 1_000_000);
    cluster.assigns(EVE, &[(urgent, 0, 1)]);
    cluster.nothing_else();
}

// ann: [0] running, [1] waiting        bob joins: [2] [3] … what waits at ann is taken back for bob once there is
// nothing else
#[test]
fn what_waits_at_a_busy_worker_is_withdrawn_for_an_idle_one() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.says(ANN, started(&leases[..1])).nothing_else();
    cluster.joins(BOB, 1);
    cluster.tells(ANN, WorkerCommand::Withdraw { leases: vec![leases[1]] }).nothing_else();
    cluster.passes(100).nothing_else(); // asked once
    cluster.says(ANN, WorkerFact::HandedBack { leases: vec![leases[1]] });
    let bobs = cluster.assigns(BOB, &[(R1, 1, 1)]);
    cluster.nothing_else();
    cluster.says(ANN, WorkerFact::HandedBack { leases: vec![leases[1]] }).nothing_else(); // late: ignored
    cluster.finishes(BOB, R1, bobs[0], &[1], 9).nothing_else();
}

#[test]
fn a_withdrawal_that_comes_too_late_changes_nothing() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.joins(BOB, 1).tells(ANN, WorkerCommand::Withdraw { leases: vec![leases[1]] });
    cluster.says(ANN, started(&leases)).nothing_else();
    cluster.finishes(ANN, R1, leases[1], &[1], 9).finishes(ANN, R1, leases[0], &[0], 9).nothing_else();
}

// four shards of 10 ms; the last one hangs at ann, so idle bob gets a copy, and whoever is first counts
#[test]
fn a_straggler_is_copied_and_the_first_result_counts() {
    for ann_is_first in [true, false] {
        let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
        cluster.begins(R1, 3);
        let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 2, 1)]);
        let bob = cluster.assigns(BOB, &[(R1, 1, 1)]);
        cluster.says(ANN, started(&ann[..1]));
        cluster.finishes(BOB, R1, bob[0], &[1], 10_000);
        cluster.tells(ANN, WorkerCommand::Withdraw { leases: vec![ann[1]] });
        cluster.finishes(ANN, R1, ann[0], &[0], 10_000).says(ANN, started(&ann[1..])).nothing_else();
        cluster.passes(100);
        let copy = cluster.assigns(BOB, &[(R1, 2, 1)]);
        cluster.passes(500).nothing_else(); // one copy is enough
        if ann_is_first {
            cluster.finishes(ANN, R1, ann[1], &[2], 700_000).tells(BOB, revoke(copy[0])).nothing_else();
        } else {
            cluster.finishes(BOB, R1, copy[0], &[2], 10_000).tells(ANN, revoke(ann[1])).nothing_else();
            // the other's result crosses the revocation: it is here already, and unwanted when it is stored
            cluster.says(ANN, WorkerFact::Finished(vec![result(R1, ann[1], 2, 700_000)])).nothing_else();
            cluster.becomes_durable(R1, &[0, 1, 2]);
            cluster.orders(DispatchCommand::StageFinished { run: R1, stage: StageIndex(0) });
            cluster.tells(ANN, stored(&[key(R1, ann[0], 0)]));
            cluster.tells(BOB, stored(&[key(R1, bob[0], 1), key(R1, copy[0], 2)]));
            let held = Heartbeat { unacknowledged: vec![key(R1, ann[1], 2)], ..Heartbeat::default() };
            cluster.says(ANN, WorkerFact::Heartbeat(held));
            cluster.tells(ANN, stored(&[key(R1, ann[1], 2)])).nothing_else();
            assert_eq!(cluster.scheduler.oddities().duplicate, 1);
        }
    }
}

// ann: [0] started, [1] waiting ✗ killed ─▶ [1] at once to bob, [0] after the time to reconnect
#[test]
fn a_killed_worker_costs_only_what_it_held() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 2)]);
    cluster.begins(R1, 4);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 3, 1)]);
    let bob = cluster.assigns(BOB, &[(R1, 1, 1), (R1, 2, 1)]);
    cluster.says(ANN, started(&ann[..1])).nothing_else();
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.assigns(BOB, &[(R1, 3, 1)]);
    cluster.nothing_else();
    cluster.passes_with(200, &[BOB]).nothing_else();
    cluster.passes_with(200, &[BOB]);
    let error = TaskError {
        kind: TaskErrorKind::WorkerLost,
        message: format!(
            "worker {ANN} on here lost its connection and did not come back while it was at this task"
        ),
        pointer: None,
    };
    cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, 1, error)));
    cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.nothing_else();
    cluster.finishes(BOB, R1, bob[0], &[1], 9).nothing_else();
}

// ann: [0 … 7] started ✗ ─▶ halves [0 … 3] [4 … 7], nobody is charged
#[test]
fn a_range_whose_holder_died_comes_back_in_halves() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 17);
    let one = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.finishes(ANN, R1, one[0], &[0], 10_000);
    let range = cluster.assigns(ANN, &[(R1, 2, 7)]);
    cluster.says(ANN, started(&range));
    cluster.finishes(ANN, R1, range[0], &[2], 10_000).nothing_else();
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 }).passes(1_600);
    cluster.orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    cluster.joins(BOB, 1);
    cluster.assigns(BOB, &[(R1, 3, 3), (R1, 6, 3)]);
    cluster.nothing_else();
}

#[test]
fn only_a_lone_shard_that_took_down_three_processes_is_poison() {
    let mut cluster = Cluster::new();
    cluster.begins(R1, 1);
    for death in 1..=3 {
        let worker = WorkerId(Uuid::from_u128(100 + u128::from(death)));
        cluster.joins(worker, 1);
        let lease = cluster.assigns(worker, &[(R1, 0, 1)]);
        cluster.says(worker, started(&lease)).nothing_else();
        cluster.happens(DispatchEvent::Unlinked { worker, incarnation: 1 }).passes(1_600);
        cluster.orders.retain(|order| !matches!(order, DispatchCommand::Waiting { .. }));
        let DispatchCommand::NoteFailure(noted) = cluster.orders.remove(0) else { panic!("a noted failure") };
        assert_eq!((noted.attempt, noted.error.kind), (death, TaskErrorKind::WorkerLost));
        if death == 3 {
            cluster.orders(DispatchCommand::TaskFailed(noted));
        } else {
            cluster.joins(BOB, 1); // who leaves in order charges nobody
            cluster.assigns(BOB, &[(R1, 0, 1)]);
            cluster.says(BOB, WorkerFact::Leaving).nothing_else();
        }
    }
    cluster.joins(BOB, 1).passes(100).nothing_else(); // nothing more of the run is handed out
}

// ann dies so quickly that it cannot tell that it began: its one lane must have been at [0]; [1] waited
#[test]
fn a_death_before_the_start_was_told_is_charged_to_what_the_lanes_must_have_been_at() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.joins(BOB, 2);
    cluster.assigns(BOB, &[(R1, 1, 1)]);
    cluster.nothing_else();
    cluster.passes_with(1_600, &[BOB]);
    let DispatchCommand::NoteFailure(noted) = cluster.orders.remove(0) else { panic!("a noted failure") };
    assert_eq!((noted.shard, noted.attempt, noted.error.kind), (Some(0), 1, TaskErrorKind::WorkerLost));
    cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_worker_that_comes_back_is_acquitted_and_keeps_what_it_holds() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.says(ANN, started(&[lease])).happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.passes(200).nothing_else();
    let holds = Heartbeat { leases: vec![held(lease, 0, 1, Some(200))], ..Heartbeat::default() };
    cluster.introduces(ANN, 2, 1, holds.clone());
    let welcome = WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 };
    cluster
        .orders(DispatchCommand::Send { worker: ANN, incarnation: 2, command: welcome.clone() })
        .nothing_else();

    // once more, but later than a reconnection may take
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 2 }).passes(2_000);
    assert!(matches!(cluster.orders.remove(0), DispatchCommand::NoteFailure(_)));
    cluster.orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    cluster.introduces(ANN, 3, 1, holds);
    cluster.orders(DispatchCommand::Send { worker: ANN, incarnation: 3, command: welcome }).nothing_else();
    cluster.happens(DispatchEvent::Heard {
        worker: ANN,
        incarnation: 3,
        fact: WorkerFact::Finished(vec![result(R1, lease, 0, 9)]),
    });
    cluster.orders(DispatchCommand::Store(vec![row(ANN, R1, lease, 0, 9)])).nothing_else();
}

// shard 0 panics at ann, then at bob (not at ann again), then has no third attempt left
#[test]
fn a_failed_attempt_is_tried_elsewhere_and_the_last_one_fails_the_run() {
    let settings = DispatchSettings { attempts: 3, ..DispatchSettings::default() };
    let mut cluster = Cluster::with(settings);
    cluster.joins(ANN, 1);
    cluster.begins(R1, 1);
    let first = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.joins(BOB, 1).nothing_else();
    let error = failure(TaskErrorKind::Panicked);
    cluster.says(ANN, fails(R1, first, 0, TaskErrorKind::Panicked));
    cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, 1, error.clone())));
    let second = cluster.assigns(BOB, &[(R1, 0, 1)])[0];
    cluster.nothing_else();
    cluster.says(ANN, fails(R1, first, 0, TaskErrorKind::Panicked)).nothing_else(); // repeated: ignored
    cluster.says(BOB, fails(R1, second, 0, TaskErrorKind::Panicked));
    cluster.orders(DispatchCommand::NoteFailure(failed(0, BOB, 2, error.clone())));
    let third = cluster.assigns(ANN, &[(R1, 0, 1)])[0]; // there is no other left
    cluster.says(ANN, fails(R1, third, 0, TaskErrorKind::Panicked));
    cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, 3, error.clone())));
    cluster.orders(DispatchCommand::TaskFailed(failed(0, ANN, 3, error))).nothing_else();
}

#[test]
fn an_error_that_would_recur_is_not_tried_again() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.says(ANN, fails(R1, lease, 0, TaskErrorKind::Infeasible));
    let failed = failed(0, ANN, 1, failure(TaskErrorKind::Infeasible));
    cluster.orders(DispatchCommand::NoteFailure(failed.clone()));
    cluster.orders(DispatchCommand::TaskFailed(failed)).nothing_else();
    cluster.happens(DispatchEvent::Closed { run: R1 }).tells(ANN, WorkerCommand::Cancel { run: R1 });
    cluster.nothing_else();
}

#[test]
fn a_result_that_the_database_refuses_fails_the_run() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.finishes(ANN, R1, leases[0], &[0], 9);
    let (stage, detail) = (StageIndex(0), "unsupported Unicode escape sequence".to_owned());
    cluster.happens(DispatchEvent::Refused { run: R1, stage, shard: 0, detail: detail.clone() });
    let error = TaskError { kind: TaskErrorKind::Unstorable, message: detail, pointer: None };
    cluster.orders(DispatchCommand::TaskFailed(failed(0, ANN, 1, error)));
    cluster.tells(ANN, stored(&[key(R1, leases[0], 0)])).nothing_else();
}

// before the restart ann had [0 1] running and the result of 2 unacknowledged; bob held what was stored long ago
#[test]
fn a_new_leader_listens_and_adopts_before_it_hands_out() {
    let old = LeaseId::new(Epoch(2), 5);
    let done = LeaseId::new(Epoch(2), 6);
    let mut cluster = Cluster::new();
    let stored_before = vec![ShardRange { first: 3, count: 1 }];
    let work =
        Work::Shards { stage: StageIndex(0), name: "search".to_owned(), shards: 5, stored: stored_before };
    cluster.submits(R1, "ann", 0, work, true);
    let holds = Heartbeat {
        leases: vec![held(old, 0, 2, Some(300))],
        unacknowledged: vec![key(R1, old, 2)],
        ..Heartbeat::default()
    };
    let welcome = WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 };
    cluster.introduces(ANN, 1, 1, holds).tells(ANN, welcome.clone()).nothing_else();
    let holds = Heartbeat {
        leases: vec![held(done, 3, 1, None)],
        unacknowledged: vec![key(R1, done, 3), key(R2, done, 0)],
        ..Heartbeat::default()
    };
    cluster.introduces(BOB, 1, 1, holds).tells(BOB, welcome).tells(BOB, revoke(done));
    cluster.tells(BOB, stored(&[key(R1, done, 3), key(R2, done, 0)])).nothing_else();

    // sent again after the welcome
    cluster.finishes(ANN, R1, old, &[2], 9).nothing_else();
    cluster.passes_with(1_900, &[ANN, BOB]).nothing_else();
    cluster.passes_with(100, &[ANN, BOB]);
    cluster.assigns(BOB, &[(R1, 4, 1)]);
    cluster.nothing_else();
    cluster.finishes(ANN, R1, old, &[0, 1], 9).nothing_else();
}

#[test]
fn a_run_that_is_not_adopted_says_that_it_listens() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.submits(R1, "ann", 0, shards_of(1), true);
    cluster.passes(100).orders(waits_for(R1, WaitingReason::Listening)).nothing_else();
}

// ─ deaf: reading what is stored takes longer than listening ─▶ heard: listening begins ─ 2 s ─▶ handed out
#[test]
fn listening_begins_when_workers_can_be_heard() {
    let mut cluster = Cluster::new();
    cluster.happens(DispatchEvent::Deaf(true));
    cluster.submits(R1, "ann", 0, shards_of(1), true);
    cluster.passes(2_500).orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    cluster.happens(DispatchEvent::Deaf(false)).joins(ANN, 1).nothing_else();
    cluster.passes_with(1_900, &[ANN]).orders(waits_for(R1, WaitingReason::Listening)).nothing_else();
    cluster.passes_with(100, &[ANN]);
    cluster.orders.retain(|order| !matches!(order, DispatchCommand::Waiting { .. }));
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn silence_first_costs_new_work_then_everything() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 2)]);
    cluster.begins(R1, 2);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bob = cluster.assigns(BOB, &[(R1, 1, 1)])[0];
    cluster.says(ANN, started(&[ann]));
    // suspect: idle bob copies what it holds
    cluster.passes_with(2_000, &[BOB]);
    let copy = cluster.assigns(BOB, &[(R1, 0, 1)])[0];
    cluster.nothing_else();
    // lost: the copy is all there is
    cluster.passes_with(3_000, &[BOB]);
    assert!(matches!(cluster.orders.remove(0), DispatchCommand::NoteFailure(FailedTask { attempt: 1, .. })));
    cluster.nothing_else();
    // back: told that its work is not wanted
    let holds = Heartbeat { leases: vec![held(ann, 0, 1, Some(5_000))], ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(holds)).tells(ANN, revoke(ann)).nothing_else();
    cluster.finishes(BOB, R1, copy, &[0], 9).finishes(BOB, R1, bob, &[1], 9).nothing_else();
}

#[test]
fn a_lost_assignment_heals_at_a_heartbeat() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.says(ANN, WorkerFact::Heartbeat(Heartbeat::default())).nothing_else(); // may have crossed it
    cluster.passes_with(3_100, &[ANN]).nothing_else();
    cluster.says(ANN, WorkerFact::Heartbeat(Heartbeat::default()));
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_repeated_hello_is_answered_again_and_takes_nothing_away() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.joins(ANN, 1).nothing_else(); // crossed the assignment
    cluster.finishes(ANN, R1, lease, &[0], 9).nothing_else();
}

#[test]
fn a_result_above_the_limit_fails_the_run() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bytes = (64 << 20) + 1;
    let news = Announcement { key: key(R1, lease, 0), bytes, started_us: 7, cpu_us: 5, wall_us: 9 };
    cluster.says(ANN, WorkerFact::Announced(vec![news]));
    assert!(matches!(cluster.orders.remove(0), DispatchCommand::NoteFailure(_)));
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::TaskFailed(FailedTask {
            error: TaskError { kind: TaskErrorKind::Unstorable, .. },
            shard: Some(0),
            ..
        })
    ));
    cluster.nothing_else();
}

#[test]
fn a_lost_result_is_asked_for() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let result = key(R1, lease, 0);
    let holds = Heartbeat { unacknowledged: vec![result], ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(holds.clone())).nothing_else();
    cluster.says(ANN, WorkerFact::Heartbeat(holds)).tells(ANN, WorkerCommand::Send { result, offset: 0 });
    cluster
        .says(ANN, WorkerFact::ResultPiece { result, offset: 0, total: 1, cpu_us: 0, bytes: b"1".to_vec() });
    assert!(matches!(&cluster.orders.remove(0), DispatchCommand::Store(rows) if rows[0].json == b"1"));
    cluster.nothing_else();
}

// two results of 40 MiB: the pool of 64 MiB lets one travel at a time, in pieces
#[test]
fn large_results_are_asked_for_one_after_the_other() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    cluster.begins(R1, 2);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bob = cluster.assigns(BOB, &[(R1, 1, 1)])[0];
    let size = 40 << 20;
    let news = |lease, shard| {
        let announced =
            Announcement { key: key(R1, lease, shard), bytes: size, started_us: 7, cpu_us: 5, wall_us: 9 };
        WorkerFact::Announced(vec![announced])
    };
    cluster.says(ANN, news(ann, 0)).tells(ANN, WorkerCommand::Send { result: key(R1, ann, 0), offset: 0 });
    cluster.says(BOB, news(bob, 1)).says(ANN, news(ann, 0));
    // announced again: it starts over
    cluster.tells(BOB, WorkerCommand::Send { result: key(R1, bob, 1), offset: 0 }).nothing_else();

    let piece = 512 << 10;
    for offset in (0..size).step_by(piece) {
        let bytes = vec![b'1'; piece];
        let result = key(R1, bob, 1);
        cluster.says(BOB, WorkerFact::ResultPiece { result, offset, total: size, cpu_us: 5, bytes });
        let offset = offset + piece as u64;
        if offset < size {
            cluster.tells(BOB, WorkerCommand::Send { result, offset }).nothing_else();
        }
    }
    assert!(
        matches!(&cluster.orders.remove(0), DispatchCommand::Store(rows) if rows[0].json.len() as u64 == size)
    );
    // 40 MiB wait for the database now, so that the other has to wait
    cluster.nothing_else();
    cluster.happens(DispatchEvent::WriterBacklog { bytes: 0 });
    cluster.tells(ANN, WorkerCommand::Send { result: key(R1, ann, 0), offset: 0 }).nothing_else();
}

#[test]
fn a_slow_database_holds_work_back() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.happens(DispatchEvent::WriterBacklog { bytes: 64 << 20 });
    cluster.begins(R1, 1).passes(100).orders(waits_for(R1, WaitingReason::Database)).nothing_else();
    cluster.happens(DispatchEvent::WriterBacklog { bytes: 0 });
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_drained_worker_gets_nothing_until_it_is_wanted_again() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.happens(DispatchEvent::DrainAsked { worker: ANN, on: true }).tells(ANN, WorkerCommand::Drain);
    cluster.happens(DispatchEvent::DrainAsked { worker: ANN, on: true }).nothing_else();
    cluster.begins(R1, 1).passes(100).orders(waits_for(R1, WaitingReason::Draining)).nothing_else();
    // the wish outlives a reconnection
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.introduces(ANN, 2, 1, Heartbeat::default());
    assert_eq!(cluster.orders.len(), 2, "welcome and drain: {:?}", cluster.orders);
    cluster.orders.clear();
    cluster.happens(DispatchEvent::DrainAsked { worker: ANN, on: false });
    let undrain = DispatchCommand::Send { worker: ANN, incarnation: 2, command: WorkerCommand::Undrain };
    cluster.orders(undrain);
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::Send { command: WorkerCommand::Assign(_), .. }
    ));
    cluster.nothing_else();
}

#[test]
fn what_a_draining_worker_hands_back_charges_nobody() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.says(ANN, started(&[lease]));
    cluster.says(
        ANN,
        WorkerFact::Heartbeat(Heartbeat {
            leases: vec![held(lease, 0, 1, Some(5))],
            draining: true,
            ..Heartbeat::default()
        }),
    );
    cluster.tells(ANN, WorkerCommand::Undrain); // nobody asked for it; one that ends ignores this
    cluster
        .says(ANN, WorkerFact::HandedBack { leases: vec![lease] })
        .says(ANN, WorkerFact::Leaving)
        .nothing_else();
    cluster.joins(BOB, 1);
    cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_closed_run_frees_its_lanes_at_once() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 9);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)])[0];
    cluster.begins(R2, 1).nothing_else();
    cluster.happens(DispatchEvent::Closed { run: R1 }).tells(ANN, WorkerCommand::Cancel { run: R1 });
    cluster.assigns(ANN, &[(R2, 0, 1)]);
    cluster.nothing_else();
    // what crosses the cancellation is dropped
    cluster.says(ANN, WorkerFact::Finished(vec![result(R1, lease, 0, 9)]));
    cluster.tells(ANN, stored(&[key(R1, lease, 0)])).nothing_else();
    cluster.says(ANN, fails(R1, lease, 1, TaskErrorKind::Panicked)).nothing_else();
}

#[test]
fn odd_news_is_counted_and_ignored() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)])[0];
    let nonsense = LeaseId::new(Epoch(9), 9);
    let later = |shard| ResultKey { stage: StageIndex(4), ..key(R1, lease, shard) };
    cluster
        .says(ANN, WorkerFact::Finished(vec![result(R1, lease, 77, 9)]))
        .says(ANN, WorkerFact::Finished(vec![ShardResult { key: later(0), ..result(R1, lease, 0, 9) }]))
        .says(
            ANN,
            WorkerFact::Finished(vec![ShardResult {
                key: ResultKey { shard: None, ..key(R1, lease, 0) },
                ..result(R1, lease, 0, 9)
            }]),
        );
    // the outcome of an advance that is long past is unwanted
    assert_eq!(cluster.scheduler.oddities().foreign, 3);
    let advance = ResultKey { shard: None, ..key(R1, nonsense, 0) };
    let outcome = Outcome::Done { report: b"1".to_vec() };
    cluster.says(
        ANN,
        WorkerFact::Advanced { lease: nonsense, run: R1, stage: StageIndex(0), cpu_us: 0, outcome },
    );
    cluster.tells(ANN, stored(&[advance]));
    cluster
        .says(ANN, fails(R1, nonsense, 0, TaskErrorKind::Panicked))
        .says(ANN, started(&[nonsense]))
        .says(ANN, WorkerFact::HandedBack { leases: vec![nonsense] })
        .says(
            ANN,
            WorkerFact::ResultPiece { result: later(0), offset: 5, total: 3, cpu_us: 0, bytes: vec![0] },
        )
        .says(BOB, started(&[lease]))
        .happens(DispatchEvent::Unlinked { worker: BOB, incarnation: 7 })
        .happens(DispatchEvent::Closed { run: R2 })
        .becomes_durable(R2, &[0]);
    cluster.introduces(EVE, 1, 0, Heartbeat::default());
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::Send { command: WorkerCommand::Refuse { .. }, .. }
    ));
    cluster.nothing_else();
    // a stranger's result counts all the same
    cluster.says(EVE, WorkerFact::Finished(vec![result(R1, nonsense, 1, 9)]));
    assert!(matches!(&cluster.orders.remove(0), DispatchCommand::Store(rows) if rows[0].shard == 1));
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::Send { worker: ANN, command: WorkerCommand::Revoke { .. }, .. }
    ));
    cluster.nothing_else();
}

#[test]
fn many_shards_are_handed_out_and_taken_in_quickly() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    let shards = 200_000;
    let offer = RunOffer {
        run: R1,
        algorithm: ("spin".to_owned(), 1),
        submitter: "ann".to_owned(),
        priority: 0,
        submitted_us: 0,
    };
    let began = common::clock::now();
    let scheduler = &mut cluster.scheduler;
    let now = cluster.now;
    let ready = DispatchEvent::Ready { offer, work: shards_of(shards), resumed: false };
    let mut orders = VecDeque::from(scheduler.on(ready, now));
    let mut events = 0_u32;
    let mut finished = false;
    while let Some(order) = orders.pop_front() {
        match order {
            DispatchCommand::Send { worker, command: WorkerCommand::Assign(assignments), .. } => {
                for Assignment { lease, task, .. } in assignments {
                    let TaskKind::Shards { range, .. } = task.kind else { panic!("shards") };
                    for chunk in range.iter().collect::<Vec<_>>().chunks(500) {
                        let results = chunk.iter().map(|shard| result(R1, lease, *shard, 1)).collect();
                        let fact = WorkerFact::Finished(results);
                        events += 1;
                        orders
                            .extend(scheduler.on(DispatchEvent::Heard { worker, incarnation: 1, fact }, now));
                    }
                }
            }
            DispatchCommand::Store(rows) => {
                let shards = rows.iter().map(|row| row.shard).collect();
                let stored = DispatchEvent::Stored { run: R1, stage: StageIndex(0), shards };
                orders.extend(scheduler.on(stored, now));
                orders.extend(scheduler.on(DispatchEvent::WriterBacklog { bytes: 0 }, now));
            }
            DispatchCommand::StageFinished { .. } => finished = true,
            _ => {}
        }
    }
    assert!(finished);
    scheduler.check();
    let per_shard = common::clock::now().since(began).as_nanos() / u128::from(shards);
    // far above what it takes, far below what walking over the shards at each event would
    assert!(per_shard < 50_000, "{per_shard} ns per shard in {events} events");
}
