//! A whole cluster in one thread: run machines, scheduler, a database that commits later than told, workers that
//! compute, die, freeze, lose connections and come back, leaders that are killed. Whatever happens, every run ends and
//! every shard is stored exactly once.

#![allow(clippy::cast_possible_truncation, clippy::needless_pass_by_value)] // a few runs, a few seconds

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{ContentHash, Epoch, LeaseId, RunId, StageIndex, WorkerId};
use common::protocol::{
    Announcement, Assignment, Heartbeat, HeldLease, Hello, ResultKey, ShardResult, WorkerCommand, WorkerFact,
};
use common::run::{Outcome, RunPhase, Task, TaskError, TaskErrorKind, TaskKind};
use common::wire;
use proptest::prelude::*;
use uuid::Uuid;

use super::event::{DispatchCommand, DispatchEvent, DispatchSettings, ResultRow, RunOffer, RunWants, Work};
use super::scheduler::Scheduler;
use crate::run::machine::{RunEffect, RunEvent, RunState};
use crate::store::runs::Until;
use crate::store::writer::{RunEnd, StageOutcome};

/// Between steps of the simulation.
const STEP_MS: u64 = 5;

/// Everything must be over so long after the last fault.
const PATIENCE_MS: u64 = 120_000;

/// Something that goes wrong, or is asked for, at some time.
#[derive(Clone, Debug)]
enum Fault {
    /// A worker is killed.
    Kill(usize),
    /// A worker loses its connection and is back so much later.
    Cut(usize, u64),
    /// A worker says and does nothing for a while.
    Freeze(usize, u64),
    /// Another worker joins.
    Join(u16),
    /// An operator drains a worker, or takes that back.
    Drain(usize, bool),
    /// An operator pauses the queue, or lets it go on.
    PauseQueue(bool),
    /// Somebody pauses a run, or lets it go on.
    PauseRun(usize, bool),
    /// A worker comes near the limit of its memory, or leaves it.
    Memory(usize, bool),
    /// The coordinator is killed; what was not committed is gone.
    Restart,
    /// The database takes longer for a while.
    Slow(u64),
    /// Somebody cancels a run.
    Cancel(usize),
    /// A message that makes no sense arrives.
    Nonsense(usize, u32),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => (0_usize..4).prop_map(Fault::Kill),
        3 => (0_usize..4, 0_u64..4_000).prop_map(|(worker, ms)| Fault::Cut(worker, ms)),
        2 => (0_usize..4, 0_u64..8_000).prop_map(|(worker, ms)| Fault::Freeze(worker, ms)),
        2 => (1_u16..4).prop_map(Fault::Join),
        1 => (0_usize..4, any::<bool>()).prop_map(|(worker, on)| Fault::Drain(worker, on)),
        1 => any::<bool>().prop_map(Fault::PauseQueue),
        1 => (0_usize..4, any::<bool>()).prop_map(|(run, on)| Fault::PauseRun(run, on)),
        1 => (0_usize..4, any::<bool>()).prop_map(|(worker, on)| Fault::Memory(worker, on)),
        2 => Just(Fault::Restart),
        1 => (0_u64..2_000).prop_map(Fault::Slow),
        1 => (0_usize..4).prop_map(Fault::Cancel),
        3 => (0_usize..4, any::<u32>()).prop_map(|(worker, noise)| Fault::Nonsense(worker, noise)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn every_run_ends_and_every_shard_is_stored_once(
        runs in prop::collection::vec(prop::collection::vec(0_u32..60, 0..4), 1..4),
        workers in prop::collection::vec(1_u16..4, 1..4),
        faults in prop::collection::vec((0_u64..15_000, fault()), 0..25),
    ) {
        Simulation::new(&runs, &workers).live_through(faults);
    }
}

#[test]
fn without_faults_nothing_is_computed_twice() {
    let mut simulation = Simulation::new(&[vec![500, 0, 20]], &[2, 3]);
    simulation.live_through(Vec::new());
    assert_eq!(simulation.computed, 520, "copies aside, and there is no straggler here");
}

/// What is durable.
#[derive(Default)]
struct Database {
    stages: BTreeMap<RunId, Vec<(String, u32)>>,
    results: BTreeSet<(RunId, u32, u32)>,
    ended: BTreeMap<RunId, RunPhase>,
}

enum Fact {
    Stage(RunId, StageIndex, String, u32),
    Shard(ResultRow),
    End(RunId, RunPhase),
}

/// What a coordinator knows, and loses when it is killed.
struct Leader {
    scheduler: Scheduler,
    runs: BTreeMap<RunId, RunState>,
    writer: VecDeque<Fact>,
}

struct Simulation {
    now: Timestamp,
    epoch: u32,
    database: Database,
    leader: Leader,
    workers: Vec<SimWorker>,
    /// Stage sizes of each run.
    wanted: BTreeMap<RunId, Vec<u32>>,
    drained: BTreeSet<WorkerId>,
    paused: bool,
    paused_runs: BTreeSet<RunId>,
    commits_at: Timestamp,
    slow_until: Timestamp,
    /// Shards that panicked once already.
    panicked: BTreeSet<(RunId, u32, u32)>,
    computed: u64,
    /// Stages that were merged before they were durable.
    from_memory: BTreeSet<(RunId, u32)>,
}

#[derive(Default)]
struct SimWorker {
    id: Short,
    lanes: u16,
    incarnation: u32,
    alive: bool,
    welcome: bool,
    draining: bool,
    short_of_memory: bool,
    reconnects_at: Option<Timestamp>,
    frozen_until: Timestamp,
    waiting: VecDeque<Assignment>,
    running: Vec<Running>,
    kept: Vec<(ResultKey, Kept)>,
    heartbeat_at: Timestamp,
    to_leader: VecDeque<WorkerFact>,
    from_leader: VecDeque<WorkerCommand>,
}

/// A worker's id in short.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Short(u128);

impl Short {
    fn id(self) -> WorkerId {
        WorkerId(Uuid::from_u128(self.0))
    }
}

struct Running {
    assignment: Assignment,
    since: Timestamp,
    /// The shard being computed and when it is done.
    shard: u32,
    done_at: Timestamp,
    finished: u32,
}

enum Kept {
    Shard(ShardResult),
    Large(Announcement),
    Outcome(Outcome),
}

impl Kept {
    fn fact(&self, key: ResultKey) -> WorkerFact {
        match self {
            Self::Shard(result) => WorkerFact::Finished(vec![result.clone()]),
            Self::Large(news) => WorkerFact::Announced(vec![*news]),
            Self::Outcome(outcome) => {
                let ResultKey { lease, run, stage, .. } = key;
                WorkerFact::Advanced { lease, run, stage, cpu_us: 1, outcome: outcome.clone() }
            }
        }
    }
}

/// How long a shard takes; some much longer than the others.
fn duration(run: RunId, shard: u32) -> Duration {
    let mixed =
        (run.0.as_u128() as u32).wrapping_mul(31).wrapping_add(shard).wrapping_mul(2_654_435_761) >> 16;
    Duration::from_millis(if mixed.is_multiple_of(50) { 900 } else { u64::from(mixed % 40) })
}

/// Some runs take a third of a worker's memory for each task, and all share inputs with others.
fn wants(run: RunId) -> RunWants {
    let number = run.0.as_u128();
    let memory_mib = if number.is_multiple_of(3) { 100 } else { 0 };
    let inputs = vec![ContentHash::of(&[(number % 2) as u8])];
    RunWants { memory_mib, inputs, ..RunWants::default() }
}

fn json(shard: u32) -> Vec<u8> {
    format!("{{\"shard\":{shard}}}").into_bytes()
}

impl Simulation {
    fn new(runs: &[Vec<u32>], workers: &[u16]) -> Self {
        let now = Timestamp(0);
        let run = |n: usize| RunId(Uuid::from_u128(n as u128 + 1));
        let wanted = runs.iter().enumerate().map(|(n, stages)| (run(n), stages.clone())).collect();
        let leader = Leader {
            scheduler: Scheduler::new(Epoch(0), DispatchSettings::default(), now),
            runs: BTreeMap::new(),
            writer: VecDeque::new(),
        };
        let mut simulation = Self {
            now,
            epoch: 0,
            database: Database::default(),
            leader,
            workers: Vec::new(),
            wanted,
            drained: BTreeSet::new(),
            paused: false,
            paused_runs: BTreeSet::new(),
            commits_at: now,
            slow_until: now,
            panicked: BTreeSet::new(),
            computed: 0,
            from_memory: BTreeSet::new(),
        };
        simulation.lead();
        for lanes in workers {
            simulation.join(*lanes);
        }
        simulation
    }

    fn live_through(&mut self, mut faults: Vec<(u64, Fault)>) {
        faults.sort_by_key(|(at, _)| *at);
        let mut faults = VecDeque::from(faults);
        let last = faults.back().map_or(0, |(at, _)| *at);
        while self.database.ended.len() < self.wanted.len() || !faults.is_empty() {
            let ms = self.now.0 / 1_000;
            while let Some((_, fault)) = faults.pop_front_if(|(at, _)| *at <= ms) {
                self.strike(fault);
            }
            if faults.is_empty() && (self.paused || !self.paused_runs.is_empty()) {
                self.paused = false;
                self.paused_runs.clear();
                self.tell_pauses();
            }
            if faults.is_empty() && self.drained.len() + self.dead() >= self.workers.len() {
                self.join(2); // somebody has to do it in the end
            }
            self.step();
            assert!(ms < last + PATIENCE_MS, "runs that never end: {:#?}", self.leader.scheduler);
        }
        for (run, stages) in &self.wanted {
            if self.database.ended.get(run) == Some(&RunPhase::Succeeded) {
                let found = self.database.stages.get(run).map_or(0, Vec::len);
                assert_eq!(found, stages.len(), "stages of {run}");
                let results = self.database.results.iter().filter(|(of, ..)| of == run).count();
                assert_eq!(results, stages.iter().sum::<u32>() as usize, "results of {run}");
            } else {
                assert_eq!(
                    self.database.ended.get(run),
                    Some(&RunPhase::Cancelled),
                    "{run} was not cancelled"
                );
            }
        }
    }

    fn dead(&self) -> usize {
        self.workers.iter().filter(|worker| !worker.alive && !self.drained.contains(&worker.id.id())).count()
    }

    fn strike(&mut self, fault: Fault) {
        let now = self.now;
        let count = self.workers.len();
        match fault {
            Fault::Kill(n) => {
                self.unlink(n % count);
                self.workers[n % count].alive = false;
            }
            Fault::Cut(n, ms) if self.workers[n % count].alive => {
                self.unlink(n % count);
                self.workers[n % count].reconnects_at = Some(now.after(Duration::from_millis(ms)));
            }
            Fault::Cut(..) => {}
            Fault::Freeze(n, ms) => {
                self.workers[n % count].frozen_until = now.after(Duration::from_millis(ms));
            }
            Fault::Join(lanes) => self.join(lanes),
            Fault::Drain(n, on) => {
                let worker = self.workers[n % count].id.id();
                if on {
                    self.drained.insert(worker);
                } else {
                    self.drained.remove(&worker);
                }
                self.tell(DispatchEvent::DrainAsked { worker, on });
            }
            Fault::PauseQueue(on) => {
                self.paused = on;
                self.tell_pauses();
            }
            Fault::PauseRun(n, on) => {
                let run = *self.wanted.keys().nth(n % self.wanted.len()).unwrap();
                if on {
                    self.paused_runs.insert(run);
                } else {
                    self.paused_runs.remove(&run);
                }
                self.tell_pauses();
            }
            Fault::Memory(n, short) => self.workers[n % count].short_of_memory = short,
            Fault::Restart => self.lead(),
            Fault::Slow(ms) => self.slow_until = now.after(Duration::from_millis(ms)),
            Fault::Cancel(n) => {
                let run = *self.wanted.keys().nth(n % self.wanted.len()).unwrap();
                if self.database.ended.contains_key(&run) {
                    return;
                }
                self.database.ended.insert(run, RunPhase::Cancelled);
                self.happened(run, RunEvent::EndedElsewhere);
            }
            Fault::Nonsense(n, noise) => {
                let worker = self.workers[n % count].id.id();
                let incarnation = self.workers[n % count].incarnation.wrapping_add(noise % 2);
                let run = RunId(Uuid::from_u128(u128::from(noise % 5)));
                let stage = StageIndex(noise % 3);
                let shard = (noise % 7 != 0).then_some(noise % 97);
                let lease = LeaseId::new(Epoch(noise % 3), noise % 50);
                let key = ResultKey { lease, run, stage, shard };
                let error = TaskError {
                    kind: TaskErrorKind::Unavailable,
                    message: "nonsense".to_owned(),
                    pointer: None,
                };
                let fact = match noise % 6 {
                    0 => WorkerFact::Started { leases: vec![lease] },
                    1 => WorkerFact::ResultPiece {
                        result: key,
                        offset: u64::from(noise),
                        total: u64::from(noise / 2),
                        cpu_us: 0,
                        bytes: vec![0; 9],
                    },
                    2 => WorkerFact::Failed {
                        lease: LeaseId::new(Epoch(77), noise),
                        run,
                        stage,
                        shard,
                        error,
                        note: None,
                    },
                    3 => WorkerFact::HandedBack { leases: vec![lease] },
                    4 => WorkerFact::Heartbeat(Heartbeat {
                        leases: vec![HeldLease {
                            lease: LeaseId::new(Epoch(77), noise),
                            task: Task { run, kind: TaskKind::Advance { stage } },
                            started_ms_ago: None,
                            finished: 9,
                        }],
                        unacknowledged: vec![ResultKey { run: RunId(Uuid::from_u128(999)), ..key }],
                        ..Heartbeat::default()
                    }),
                    _ => WorkerFact::Finished(Vec::new()),
                };
                self.tell(DispatchEvent::Heard { worker, incarnation, fact });
            }
        }
    }

    fn tell_pauses(&mut self) {
        self.tell(DispatchEvent::Paused(self.paused));
        self.tell(DispatchEvent::RunsPaused(self.paused_runs.clone()));
    }

    fn join(&mut self, lanes: u16) {
        let id = Short(1_000 + self.workers.len() as u128);
        let reconnects_at = Some(self.now);
        self.workers.push(SimWorker { id, lanes, alive: true, reconnects_at, ..SimWorker::default() });
    }

    fn unlink(&mut self, n: usize) {
        let worker = &mut self.workers[n];
        if !worker.alive || worker.reconnects_at.is_some() {
            return;
        }
        worker.to_leader.clear();
        worker.from_leader.clear();
        worker.welcome = false;
        let (worker, incarnation) = (worker.id.id(), worker.incarnation);
        self.tell(DispatchEvent::Unlinked { worker, incarnation });
    }

    /// A coordinator begins anew from what is durable.
    fn lead(&mut self) {
        self.epoch += 1;
        for worker in &mut self.workers {
            worker.to_leader.clear();
            worker.from_leader.clear();
            worker.welcome = false;
            if worker.alive && worker.reconnects_at.is_none() {
                worker.reconnects_at = Some(self.now.after(Duration::from_millis(300)));
            }
        }
        let settings = DispatchSettings { deaths: 1_000, attempts: 1_000, ..DispatchSettings::default() };
        self.leader.scheduler = Scheduler::new(Epoch(self.epoch), settings, self.now);
        self.leader.runs.clear();
        self.leader.writer.clear();
        self.tell_pauses();
        for worker in self.drained.clone() {
            self.tell(DispatchEvent::DrainAsked { worker, on: true });
        }
        let open: Vec<RunId> =
            self.wanted.keys().filter(|run| !self.database.ended.contains_key(run)).copied().collect();
        for run in open {
            let stages = self.database.stages.get(&run).cloned().unwrap_or_default();
            let stored = self.stored(run, stages.len());
            let finished = stages.last().is_none_or(|(_, shards)| stored.len() == *shards as usize);
            let (state, effects) = RunState::resumed(Until::Done, &stages, finished).unwrap();
            self.leader.runs.insert(run, state);
            self.carry_out(run, effects, !stages.is_empty());
        }
    }

    fn stored(&self, run: RunId, stages: usize) -> Vec<common::run::ShardRange> {
        let of_last = |(of, stage, shard): &(RunId, u32, u32)| {
            (*of == run && *stage as usize + 1 == stages)
                .then_some(common::run::ShardRange { first: *shard, count: 1 })
        };
        self.database.results.iter().filter_map(of_last).collect()
    }

    fn step(&mut self) {
        self.now = self.now.after(Duration::from_millis(STEP_MS));
        for n in 0..self.workers.len() {
            if self.workers[n].alive && self.workers[n].frozen_until <= self.now {
                self.work(n);
            }
            while let Some(fact) = self.workers[n].to_leader.pop_front() {
                let (worker, incarnation) = (self.workers[n].id.id(), self.workers[n].incarnation);
                self.tell(DispatchEvent::Heard { worker, incarnation, fact });
            }
        }
        if self.now >= self.commits_at && self.now >= self.slow_until {
            self.commits_at = self.now.after(Duration::from_millis(15));
            self.commit();
        }
        if self.now.0.is_multiple_of(100_000) {
            self.tell(DispatchEvent::Tick);
        }
    }

    fn tell(&mut self, event: DispatchEvent) {
        let orders = self.leader.scheduler.on(event, self.now);
        self.leader.scheduler.check();
        self.leader.scheduler.check_orders(&orders);
        for order in orders {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: DispatchCommand) {
        match order {
            DispatchCommand::Send { worker, incarnation, command } => {
                let linked = |to: &&mut SimWorker| {
                    to.id.id() == worker
                        && to.incarnation == incarnation
                        && to.alive
                        && to.reconnects_at.is_none()
                };
                if let Some(to) = self.workers.iter_mut().find(linked) {
                    to.from_leader.push_back(command);
                }
            }
            DispatchCommand::Store(rows) => self.leader.writer.extend(rows.into_iter().map(Fact::Shard)),
            DispatchCommand::Advanced { run, stage, outcome, expected_shard_us } => {
                self.happened(run, RunEvent::Advanced { stage, outcome, expected_shard_us });
            }
            DispatchCommand::StageComputed { run, stage, partials } => {
                let expected = (0..self.wanted[&run][stage.0 as usize]).map(|shard| (shard, json(shard)));
                assert!(partials.into_iter().eq(expected), "every result of the stage, in order");
                self.from_memory.insert((run, stage.0));
                self.happened(run, RunEvent::StageComputed { stage });
            }
            DispatchCommand::StageFinished { run, stage } => {
                self.happened(run, RunEvent::StageFinished { stage });
            }
            DispatchCommand::TaskFailed(failed) => panic!("nothing recurs here: {failed:?}"),
            DispatchCommand::NoteFailure(_) | DispatchCommand::Waiting { .. } => {}
        }
    }

    fn happened(&mut self, run: RunId, event: RunEvent) {
        let Some(state) = self.leader.runs.get(&run) else { return };
        if let Ok((state, effects)) = state.apply(event) {
            self.leader.runs.insert(run, state);
            self.carry_out(run, effects, false);
        }
    }

    fn carry_out(&mut self, run: RunId, effects: Vec<RunEffect>, resumed: bool) {
        let offer = RunOffer {
            run,
            algorithm: ("spin".to_owned(), 1),
            submitter: if run.0.as_u128().is_multiple_of(2) { "ann" } else { "bob" }.to_owned(),
            priority: 0,
            submitted_us: 0,
            wants: wants(run),
        };
        for effect in effects {
            match effect {
                RunEffect::Advance { stage } => {
                    let work = Work::Advance { stage };
                    self.tell(DispatchEvent::Ready { offer: offer.clone(), work, resumed });
                }
                RunEffect::Execute { stage, name, shards } => {
                    let stored = if resumed { self.stored(run, stage.0 as usize + 1) } else { Vec::new() };
                    let work = Work::Shards { stage, name, shards, stored };
                    self.tell(DispatchEvent::Ready { offer: offer.clone(), work, resumed });
                }
                RunEffect::StoreStage { stage, name, shards, .. } => {
                    self.leader.writer.push_back(Fact::Stage(run, stage, name, shards));
                }
                RunEffect::StoreEnd(RunEnd::Succeeded { .. }) => {
                    self.leader.writer.push_back(Fact::End(run, RunPhase::Succeeded));
                }
                RunEffect::StoreEnd(end) => panic!("{run} ends with {end:?}"),
                RunEffect::Close => self.tell(DispatchEvent::Closed { run }),
            }
        }
    }

    fn commit(&mut self) {
        let facts: Vec<Fact> = self.leader.writer.drain(..).collect();
        let mut written = Vec::new();
        for fact in facts {
            match fact {
                Fact::Stage(run, stage, name, shards) => {
                    let stages = self.database.stages.entry(run).or_default();
                    let outcome = if self.database.ended.contains_key(&run) {
                        StageOutcome::RunOver
                    } else if stages.len() as u32 == stage.0 {
                        stages.push((name, shards));
                        StageOutcome::Opened
                    } else {
                        StageOutcome::AlreadyEqual
                    };
                    written.push((run, Ok(RunEvent::StageStored { stage, outcome })));
                }
                Fact::Shard(row) => {
                    assert_eq!(row.json, json(row.shard), "the right result");
                    let new = self.database.results.insert((row.run, row.stage.0, row.shard));
                    assert!(new, "shard {} of {} reaches the database twice", row.shard, row.run);
                    written.push((row.run, Err((row.stage, row.shard))));
                }
                Fact::End(run, phase) => {
                    let applied = !self.database.ended.contains_key(&run);
                    self.database.ended.entry(run).or_insert(phase);
                    written.push((run, Ok(RunEvent::EndStored { applied })));
                }
            }
        }
        for (run, what) in written {
            match what {
                Ok(event) => {
                    if let RunEvent::StageStored { stage, .. } = event {
                        self.tell(DispatchEvent::StageStored { run, stage });
                    }
                    self.happened(run, event);
                }
                Err((stage, shard)) => self.tell(DispatchEvent::Stored { run, stage, shards: vec![shard] }),
            }
        }
        self.tell(DispatchEvent::WriterBacklog { bytes: 0 });
    }

    /// One step of a worker: obey, compute, tell.
    fn work(&mut self, n: usize) {
        let now = self.now;
        let id = self.workers[n].id.id();
        if self.workers[n].reconnects_at.is_some_and(|at| at <= now) {
            self.workers[n].reconnects_at = None;
            self.workers[n].incarnation += 1;
            self.workers[n].heartbeat_at = now;
            let worker = &self.workers[n];
            let hello = Hello {
                build: String::new(),
                host: String::new(),
                lanes: worker.lanes,
                labels: Vec::new(),
                algorithms: Vec::new(),
                held: worker.held(now),
            };
            let (incarnation, offers) = (worker.incarnation, vec![("spin".to_owned(), 1)]);
            self.tell(DispatchEvent::Hello { worker: id, incarnation, hello, offers });
        }
        while let Some(command) = self.workers[n].from_leader.pop_front() {
            self.workers[n].obey(command);
        }
        let worker = &mut self.workers[n];
        while worker.running.len() < usize::from(worker.lanes) && !worker.draining {
            let Some(assignment) = worker.waiting.pop_front() else { break };
            let shard = match assignment.task.kind {
                TaskKind::Shards { range, .. } => range.first,
                TaskKind::Advance { .. } => 0,
            };
            let done_at = now.after(duration(assignment.task.run, shard));
            worker.running.push(Running { assignment, since: now, shard, done_at, finished: 0 });
            worker.say(WorkerFact::Started { leases: vec![assignment.lease] });
        }
        let mut lane = 0;
        while lane < self.workers[n].running.len() {
            if self.workers[n].running[lane].done_at <= now && self.advance_lane(n, lane) {
                self.workers[n].running.remove(lane);
            } else {
                lane += 1;
            }
        }
        let worker = &mut self.workers[n];
        if worker.welcome && worker.heartbeat_at <= now {
            worker.heartbeat_at = now.after(Duration::from_secs(1));
            let held = worker.held(now);
            worker.say(WorkerFact::Heartbeat(held));
        }
    }

    /// A lane finished what it was at; true if its lease is done.
    fn advance_lane(&mut self, n: usize, lane: usize) -> bool {
        let now = self.now;
        let Running { assignment, shard, .. } = self.workers[n].running[lane];
        let Assignment { lease, task, .. } = assignment;
        let run = task.run;
        let (stage, range) = match task.kind {
            TaskKind::Advance { stage } => {
                let outcome = match self.wanted[&run].get(stage.0 as usize) {
                    Some(shards) => Outcome::Opened {
                        name: "search".to_owned(),
                        state: b"{}".to_vec(),
                        shards: *shards,
                        note: None,
                    },
                    None => Outcome::Done { report: b"{}".to_vec() },
                };
                let key = ResultKey { lease, run, stage, shard: None };
                // a merge sees every result of the stage before
                if let Some(before) = stage.0.checked_sub(1)
                    && !self.from_memory.contains(&(run, before))
                {
                    let there = self.database.results.iter().filter(|(of, s, _)| *of == run && *s == before);
                    assert_eq!(there.count(), self.wanted[&run][before as usize] as usize);
                }
                self.workers[n].keep(key, Kept::Outcome(outcome));
                return true;
            }
            TaskKind::Shards { stage, range } => (stage, range),
        };
        let key = ResultKey { lease, run, stage, shard: Some(shard) };
        let worker = &mut self.workers[n];
        if shard % 13 == 5 && self.panicked.insert((run, stage.0, shard)) {
            let error =
                TaskError { kind: TaskErrorKind::Panicked, message: "once".to_owned(), pointer: None };
            worker.say(WorkerFact::Failed { lease, run, stage, shard: Some(shard), error, note: None });
        } else {
            self.computed += 1;
            let wall_us = duration(run, shard).as_micros() as u64;
            if shard % 17 == 3 {
                let bytes = json(shard).len() as u64;
                worker.keep(key, Kept::Large(Announcement { key, bytes, started_us: 0, cpu_us: 1, wall_us }));
            } else {
                let json = json(shard);
                worker.keep(key, Kept::Shard(ShardResult { key, started_us: 0, cpu_us: 1, wall_us, json }));
            }
        }
        let running = &mut worker.running[lane];
        running.finished += 1;
        running.shard += 1;
        running.done_at = now.after(duration(run, running.shard));
        running.shard == range.end()
    }
}

impl SimWorker {
    fn say(&mut self, fact: WorkerFact) {
        if self.reconnects_at.is_none() {
            let frame = wire::encode(&fact).unwrap();
            self.to_leader.push_back(wire::decode(&frame).unwrap());
        }
    }

    fn keep(&mut self, key: ResultKey, kept: Kept) {
        if self.welcome {
            self.say(kept.fact(key));
        }
        self.kept.push((key, kept));
    }

    fn held(&self, now: Timestamp) -> Heartbeat {
        let running = self.running.iter().map(|running| HeldLease {
            lease: running.assignment.lease,
            task: running.assignment.task,
            started_ms_ago: Some(now.since(running.since).as_millis() as u64),
            finished: running.finished,
        });
        let waiting = self.waiting.iter().map(|assignment| HeldLease {
            lease: assignment.lease,
            task: assignment.task,
            started_ms_ago: None,
            finished: 0,
        });
        Heartbeat {
            leases: running.chain(waiting).collect(),
            unacknowledged: self.kept.iter().map(|(key, _)| *key).collect(),
            draining: self.draining,
            memory_limit_bytes: 300 << 20,
            short_of_memory: self.short_of_memory,
            ..Heartbeat::default()
        }
    }

    fn obey(&mut self, command: WorkerCommand) {
        match command {
            WorkerCommand::Welcome { .. } => {
                self.welcome = true;
                let facts: Vec<WorkerFact> = self.kept.iter().map(|(key, kept)| kept.fact(*key)).collect();
                for fact in facts {
                    self.say(fact);
                }
            }
            WorkerCommand::Assign(assignments) => {
                for assignment in assignments {
                    assert!(!self.draining, "a draining worker gets no work that was not on its way");
                    self.waiting.push_back(assignment);
                }
            }
            WorkerCommand::Withdraw { leases } => {
                let (back, keep): (VecDeque<Assignment>, VecDeque<Assignment>) =
                    self.waiting.iter().copied().partition(|waiting| leases.contains(&waiting.lease));
                self.waiting = keep;
                let leases: Vec<LeaseId> = back.iter().map(|assignment| assignment.lease).collect();
                if !leases.is_empty() {
                    self.say(WorkerFact::HandedBack { leases });
                }
            }
            WorkerCommand::Revoke { leases } => {
                self.waiting.retain(|waiting| !leases.contains(&waiting.lease));
                self.running.retain(|running| !leases.contains(&running.assignment.lease));
            }
            WorkerCommand::Cancel { run } => {
                self.waiting.retain(|waiting| waiting.task.run != run);
                self.running.retain(|running| running.assignment.task.run != run);
                self.kept.retain(|(key, _)| key.run != run);
            }
            WorkerCommand::Stored { results } => self.kept.retain(|(key, _)| !results.contains(key)),
            WorkerCommand::Send { result, offset } => {
                let Some((_, kept)) = self.kept.iter().find(|(key, _)| *key == result) else { return };
                let bytes = match kept {
                    Kept::Shard(result) => result.json.clone(),
                    Kept::Large(news) => json(news.key.shard.unwrap()),
                    Kept::Outcome(outcome) => wire::pack(outcome).unwrap(),
                };
                let total = bytes.len() as u64;
                let from = (offset as usize).min(bytes.len());
                let bytes = bytes[from..bytes.len().min(from + 7)].to_vec();
                self.say(WorkerFact::ResultPiece { result, offset, total, cpu_us: 1, bytes });
            }
            WorkerCommand::Drain => {
                self.draining = true;
                let leases: Vec<LeaseId> =
                    self.waiting.drain(..).map(|assignment| assignment.lease).collect();
                self.say(WorkerFact::HandedBack { leases });
            }
            WorkerCommand::Undrain => self.draining = false,
            WorkerCommand::Heartbeat => {}
            other => panic!("{other:?} is not expected"),
        }
    }
}
