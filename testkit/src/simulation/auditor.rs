//! What must hold, checked as things happen against a reference of its own: the plan, the answers of the puzzles, and
//! what was seen on the way. `DESIGN.md`'s invariants, each with its name.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{Epoch, LeaseId, RunId, StageIndex, WorkerId};
use common::protocol::{Hello, ResultKey, ToWorker, WorkerCommand, WorkerFact};
use common::run::{RunPhase, ShardRange, Task, TaskKind};
use coordinator::dispatch::event::DispatchEvent;
use coordinator::dispatch::leases::{Kind, Point};
use coordinator::store::runs::Until;
use coordinator::store::writer::{Fact, RunEnd, StageOutcome, Written};

use super::agenda::{Instant, MS};
use super::asks::Traits;
use super::fairness::Shares;
use super::plan::{ALWAYS, Does, Fault, Plan, RunPlan};
use super::puzzle::Answer;
use super::tables::Tables;

/// A task: a run, a stage, and a shard or the opening of the stage.
type Place = (RunId, u32, Option<u32>);

/// See the module.
#[derive(Debug, Default)]
pub struct Auditor {
    runs: BTreeMap<RunId, Wanted>,
    /// Every lease that was ever given out.
    given: BTreeSet<LeaseId>,
    /// Results that are at the writer of a leadership, or durable by it.
    at_writer: BTreeMap<Epoch, BTreeSet<Place>>,
    leaderships: BTreeMap<Epoch, Seen>,
    /// The newest epoch that each worker heard of.
    heard: BTreeMap<WorkerId, Epoch>,
    /// Lane time of each submitter.
    shares: Shares,
    /// How often a task was held by a worker that was disturbed.
    excuses: BTreeMap<Place, u32>,
    /// What each worker is.
    traits: BTreeMap<WorkerId, Traits>,
    /// What was given to each worker, which did not hear of it yet.
    under_way: BTreeMap<WorkerId, BTreeMap<LeaseId, Task>>,
}

/// What is to become of a run.
#[derive(Debug)]
struct Wanted {
    plan: RunPlan,
    answer: Answer,
    cancelled: bool,
}

/// What a leadership was told.
#[derive(Debug, Default)]
struct Seen {
    /// Runs that are over for it.
    over: BTreeSet<RunId>,
    paused: bool,
    paused_runs: BTreeSet<RunId>,
    drained: BTreeSet<WorkerId>,
    /// When it was ready for workers, by simulated time.
    ready_at: Instant,
    /// Stages that were open then.
    found_open: BTreeSet<(RunId, u32)>,
    /// Shards that it gave out.
    assigned: BTreeSet<Place>,
    /// Leases that workers said they hold, and for what.
    mentioned: BTreeMap<LeaseId, Task>,
}

impl Seen {
    /// Whether a worker said that it holds a shard.
    fn is_mentioned(&self, run: RunId, stage: StageIndex, shard: u32) -> bool {
        let holds = |task: &Task| matches!(task.kind, TaskKind::Shards { stage: of, range } if of == stage && range.contains(shard));
        self.mentioned.values().any(|task| task.run == run && holds(task))
    }
}

impl Auditor {
    /// A run was accepted.
    pub fn accepted(&mut self, run: RunId, plan: &RunPlan) {
        let wanted = Wanted { plan: plan.clone(), answer: Answer::to(&plan.params), cancelled: false };
        self.runs.insert(run, wanted);
    }

    /// A client's cancellation ended a run.
    pub fn cancelled(&mut self, run: RunId) {
        if let Some(wanted) = self.runs.get_mut(&run) {
            wanted.cancelled = true;
        }
    }

    /// What was planned of a run.
    #[must_use]
    pub fn plan(&self, run: RunId) -> Option<&RunPlan> {
        self.runs.get(&run).map(|wanted| &wanted.plan)
    }

    /// A task was held by a worker that was killed, stopped, cut off or whose clock leapt.
    pub fn excuse(&mut self, run: RunId, point: Point, range: ShardRange) {
        let stage = point.stage.0;
        for shard in range.iter() {
            let place = (run, stage, (point.kind == Kind::Shards).then_some(shard));
            *self.excuses.entry(place).or_default() += 1;
        }
    }

    /// A worker was disturbed: what is on its way to it, its leader counts among what it is at.
    pub fn excuse_under_way(&mut self, worker: WorkerId) {
        for task in self.under_way.remove(&worker).unwrap_or_default().into_values() {
            let (point, range) = Point::of_task(task);
            self.excuse(task.run, point, range);
        }
    }

    // ---- workers ----

    /// A worker begins.
    pub fn joins(&mut self, worker: WorkerId, traits: Traits) {
        self.traits.insert(worker, traits);
    }

    /// A worker heard a command. Says whether it is of an older leadership than the newest that the worker knows: then
    /// it must not be obeyed.
    pub fn heard(&mut self, worker: WorkerId, said: &ToWorker) -> bool {
        if let (WorkerCommand::Assign(given), Some(under_way)) =
            (&said.command, self.under_way.get_mut(&worker))
        {
            for assignment in given {
                under_way.remove(&assignment.lease);
            }
        }
        let newest = self.heard.entry(worker).or_insert(said.epoch);
        let old = said.epoch < *newest;
        *newest = said.epoch.max(*newest);
        old
    }

    // ---- dispatch ----

    /// A scheduler is about to be told something.
    pub fn before(&mut self, epoch: Epoch, event: &DispatchEvent) {
        let seen = self.leaderships.entry(epoch).or_default();
        match event {
            DispatchEvent::Closed { run } => {
                seen.over.insert(*run);
            }
            DispatchEvent::Paused(on) => seen.paused = *on,
            DispatchEvent::RunsPaused(runs) => seen.paused_runs.clone_from(runs),
            DispatchEvent::DrainAsked { worker, on: true } => {
                seen.drained.insert(*worker);
            }
            DispatchEvent::DrainAsked { worker, on: false } => {
                seen.drained.remove(worker);
            }
            DispatchEvent::Hello { hello: Hello { held, .. }, .. }
            | DispatchEvent::Heard { fact: WorkerFact::Heartbeat(held), .. } => {
                seen.mentioned.extend(held.leases.iter().map(|held| (held.lease, held.task)));
            }
            _ => {}
        }
    }

    /// A leadership is ready for workers.
    pub fn ready(&mut self, tables: &Tables, epoch: Epoch, now: Instant) {
        let open = tables.records().filter(|(_, record)| !record.phase().is_end());
        let stages =
            open.flat_map(|(run, record)| (0..).zip(record.progress()).map(move |(stage, _)| (run, stage)));
        let seen = self.leaderships.entry(epoch).or_default();
        seen.ready_at = now;
        seen.found_open = stages.collect();
    }

    /// A leader tells a worker something.
    pub fn command(
        &mut self,
        plan: &Plan,
        tables: &Tables,
        now: Instant,
        epoch: Epoch,
        worker: WorkerId,
        command: &WorkerCommand,
    ) {
        match command {
            WorkerCommand::Revoke { leases } => self.revoked(tables, epoch, leases),
            WorkerCommand::Stored { results } => self.acknowledged(tables, epoch, results),
            _ => {}
        }
        let WorkerCommand::Assign(assignments) = command else { return };
        let seen = self.leaderships.entry(epoch).or_default();
        #[allow(clippy::cast_possible_truncation)] // seconds
        let listens = plan.settings.listen.as_micros() as Instant - 20 * MS;
        let leaps = plan.faults.iter().any(|(_, fault)| matches!(fault, Fault::LeapOfCoordinator { .. }));
        assert!(!seen.paused, "work is given out although the queue is paused");
        assert!(!seen.drained.contains(&worker), "work is given to a worker that is to be drained");
        for assignment in assignments {
            let (lease, task) = (assignment.lease, assignment.task);
            assert_eq!(lease.epoch(), epoch, "a lease of another leadership is given out");
            assert!(self.given.insert(lease), "lease {lease} is given out twice");
            assert!(!seen.over.contains(&task.run), "work of {} is given out although it is over", task.run);
            assert!(
                !seen.paused_runs.contains(&task.run),
                "work of {} is given out while it is held",
                task.run
            );
            let asks = self.runs.get(&task.run).map(|wanted| &wanted.plan.asks);
            let meets = self.traits.get(&worker).zip(asks).is_none_or(|(traits, asks)| traits.meet(asks));
            assert!(meets, "work of {} is given to {worker}, which has not what it asks for", task.run);
            self.under_way.entry(worker).or_default().insert(lease, task);
            // what another leadership did meanwhile, this one cannot know
            if tables.epoch() != epoch {
                continue;
            }
            let Some(record) = tables.record(task.run) else { continue };
            match task.kind {
                TaskKind::Shards { stage, range } => {
                    for shard in range.iter() {
                        seen.assigned.insert((task.run, stage.0, Some(shard)));
                        // a copy of what somebody said to be at is no hand-out
                        assert!(
                            leaps
                                || now >= seen.ready_at + listens
                                || !seen.found_open.contains(&(task.run, stage.0))
                                || seen.is_mentioned(task.run, stage, shard),
                            "stage {stage} of {} was open before: shard {shard} is given out without listening who is at it",
                            task.run
                        );
                        assert!(
                            record.result(stage, shard).is_none(),
                            "shard {shard} of stage {stage} of {} is given out although its result is stored",
                            task.run
                        );
                    }
                }
                TaskKind::Advance { stage } => {
                    let open = record.progress().count();
                    assert!(open <= stage.0 as usize, "stage {stage} of {} is opened again", task.run);
                }
            }
        }
    }

    /// A worker may drop a result only when it is durable, or when nobody wants it any more.
    fn acknowledged(&self, tables: &Tables, epoch: Epoch, results: &[ResultKey]) {
        let (Some(seen), true) = (self.leaderships.get(&epoch), tables.epoch() == epoch) else { return };
        for ResultKey { run, stage, shard, .. } in results {
            let (Some(shard), Some(record)) = (shard, tables.record(*run)) else { continue };
            let refuses = |plan: &RunPlan| plan.mishaps.iter().any(|m| m.does == Does::Yield);
            if record.phase().is_end() || seen.over.contains(run) || self.plan(*run).is_none_or(refuses) {
                continue;
            }
            assert!(
                record.result(*stage, *shard).is_some(),
                "shard {shard} of stage {stage} of {run} is acknowledged and not durable"
            );
        }
    }

    /// Nothing in flight is thrown away: of the leases that an earlier leadership gave out, those are adopted of which
    /// something is still to be done that nobody else does.
    fn revoked(&self, tables: &Tables, epoch: Epoch, leases: &[LeaseId]) {
        let (Some(seen), true) = (self.leaderships.get(&epoch), tables.epoch() == epoch) else { return };
        for lease in leases.iter().filter(|lease| lease.epoch() < epoch) {
            let Some(Task { run, kind: TaskKind::Shards { stage, range } }) = seen.mentioned.get(lease)
            else {
                continue;
            };
            let Some(record) = tables.record(*run).filter(|record| !record.phase().is_end()) else {
                continue;
            };
            let troubled = self.plan(*run).is_none_or(|plan| !plan.mishaps.is_empty());
            let current = record.progress().count() == stage.0 as usize + 1;
            if troubled || !current || seen.over.contains(run) {
                continue;
            }
            let by_others = |shard: u32| {
                seen.mentioned.iter().any(|(other, task)| {
                    other != lease
                        && task.run == *run
                        && matches!(task.kind, TaskKind::Shards { stage: of, range } if of == *stage && range.contains(shard))
                })
            };
            for shard in range.iter() {
                let place = (*run, stage.0, Some(shard));
                let here = record.result(*stage, shard).is_some()
                    || self.at_writer.get(&epoch).is_some_and(|places| places.contains(&place))
                    || seen.assigned.contains(&place);
                assert!(
                    here || by_others(shard),
                    "lease {lease} is revoked although shard {shard} of {run} is nobody else's"
                );
            }
        }
    }

    // ---- the writer ----

    /// A leadership has a fact to be made durable.
    pub fn submitted(&mut self, epoch: Epoch, fact: &Fact) {
        if let Fact::Shard(row) = fact {
            let place = (row.run, row.stage.0, Some(row.shard));
            let new = self.at_writer.entry(epoch).or_default().insert(place);
            assert!(
                new,
                "shard {} of stage {} of {} goes to the writer twice",
                row.shard, row.stage, row.run
            );
        }
    }

    /// Bytes wait for the database.
    pub fn backlog(plan: &Plan, queued: u64, workers: usize) {
        /// What a worker sends unasked at a time, after a reconnection also beyond what it was lent.
        const WINDOW: u64 = 5 << 20;
        let most = plan.settings.writer_bytes + 2 * plan.settings.pool_bytes + workers as u64 * WINDOW;
        assert!(queued <= most, "{queued} bytes wait for the database; at most {most} may");
    }

    /// A batch is durable.
    pub fn committed(&mut self, tables: &Tables, epoch: Epoch, facts: &[Fact], written: &[Written]) {
        assert_eq!(epoch, tables.epoch(), "an earlier leadership writes");
        for fact in facts {
            match fact {
                Fact::Shard(row) => {
                    let wanted = self.runs.get(&row.run).expect("results are of runs that were accepted");
                    self.shares.add(&wanted.plan.submitter, row.wall_us);
                    if wanted.plan.mishaps.iter().any(|m| m.does == Does::Yield) {
                        continue;
                    }
                    assert!(
                        wanted.answer.is_partial(row.stage.0, row.shard, &row.json),
                        "shard {} of stage {} of {} has another result than it must have",
                        row.shard,
                        row.stage,
                        row.run
                    );
                }
                Fact::StageOpened { run, stage, .. } => {
                    let opened = written.iter().any(|written| {
                        matches!(written, Written::Stage { run: of, stage: which, outcome: StageOutcome::Opened }
                            if of == run && which == stage)
                    });
                    if opened {
                        complete(tables, *run, stage.0 as usize);
                    }
                }
                Fact::RunEnded { run, end: RunEnd::Succeeded { report } } => {
                    let applied = written.contains(&Written::Ended { run: *run, applied: true });
                    if applied {
                        complete(tables, *run, usize::MAX);
                        let wanted = &self.runs[run];
                        assert_eq!(*report, wanted.answer.report(), "the report of {run}");
                    }
                }
                _ => {}
            }
        }
    }

    /// See [`Shares::check`].
    pub fn compare_shares(&self, plan: &Plan, tables: &Tables) {
        self.shares.check(plan, tables, self.runs.keys());
    }

    /// A leadership hears what became durable.
    pub fn told(&mut self, epoch: Epoch, written: &Written) {
        if let Written::ShardRefused { run, stage, shard, .. } = written {
            // nothing of it is stored: another attempt may come
            self.at_writer.entry(epoch).or_default().remove(&(*run, stage.0, Some(*shard)));
        }
    }

    // ---- the end ----

    /// Everything is over.
    pub fn conclude(&self, plan: &Plan, tables: &Tables, computed: u64) {
        let mut shards = 0;
        for (run, wanted) in &self.runs {
            let record = tables.record(*run).expect("an accepted run is not lost");
            let phase = record.phase();
            assert_eq!(
                record.row().last_event,
                i64::try_from(record.events().len()).expect("a few"),
                "the number of events of {run}"
            );
            let ends = record.events().iter().filter(|(kind, body)| {
                kind == "state" && !body.contains("queued") && !body.contains("running")
            });
            assert_eq!(ends.count(), 1, "{run} has one end: {:?}", record.events());
            let last = record.events().last().map_or("", |(kind, _)| kind.as_str());
            assert_eq!(last, "state", "nothing follows the end of {run}: {:?}", record.events());
            let is_right = match phase {
                RunPhase::Queued | RunPhase::Running => false,
                RunPhase::Cancelled => wanted.cancelled,
                RunPhase::Planned => wanted.plan.until == Until::Planned && !wanted.plan.params.refuses,
                RunPhase::Succeeded => Self::may_succeed(wanted),
                RunPhase::Failed => self.may_fail(*run, wanted, plan, record.row().error.as_ref()),
            };
            assert!(is_right, "the end of {run} is {}: {:?}", phase.as_str(), record.row().error);
            if phase == RunPhase::Succeeded {
                complete(tables, *run, usize::MAX);
                let stages: Vec<u32> = record.progress().map(|(shards, ..)| shards).collect();
                assert_eq!(stages, wanted.plan.params.stages, "stages of {run}");
                assert_eq!(record.report(), Some(wanted.answer.report().as_slice()), "the report of {run}");
            }
            shards += u64::from(record.progress().map(|(_, done, _)| done).sum::<u32>());
        }
        let undisturbed = plan.faults.is_empty()
            && !plan.is_hostile()
            && plan.runs.iter().all(|run| run.mishaps.is_empty() && run.asks.deadline.is_none());
        if undisturbed {
            // copies of stragglers aside
            let advances: u64 =
                self.runs.values().map(|wanted| wanted.plan.params.stages.len() as u64 + 1).sum();
            let most = shards + advances + shards / 5 + 20;
            assert!(
                computed <= most,
                "{computed} results were computed where {shards} shards and {advances} advances were to"
            );
        }
    }

    fn may_succeed(wanted: &Wanted) -> bool {
        let hopeless = wanted.plan.mishaps.iter().any(|m| m.times == ALWAYS);
        let planned = wanted.plan.until == Until::Planned && !wanted.plan.params.stages.is_empty();
        !planned && !wanted.plan.params.refuses && !hopeless
    }

    fn may_fail(
        &self,
        run: RunId,
        wanted: &Wanted,
        plan: &Plan,
        error: Option<&coordinator::store::runs::RunError>,
    ) -> bool {
        let Some(error) = error else { return false };
        let stage = error.stage.unwrap_or(0);
        let excuses = self.excuses.get(&(run, stage, error.shard)).copied().unwrap_or(0);
        let mishap = wanted.plan.mishaps.iter().find(|m| m.stage == stage && m.shard == error.shard);
        let planned = |does: &[Does]| mishap.filter(|m| does.contains(&m.does)).map_or(0, |m| m.times);
        let enough = |planned: u32, limit: u32| planned.saturating_add(excuses) >= limit;
        match error.kind.as_str() {
            "invalid_params" => wanted.plan.params.refuses,
            "deadline" => wanted.plan.asks.deadline.is_some(),
            // merged ahead of storage, or refused by it
            "unstorable" | "invalid_input" => wanted.plan.mishaps.iter().any(|m| m.does == Does::Yield),
            "panicked" => planned(&[Does::Panic]) >= plan.settings.attempts,
            "timed_out" => enough(planned(&[Does::Hang, Does::Stick]), plan.settings.attempts),
            // news of a panic may be lost with the process that had it
            "worker_lost" => enough(planned(&[Does::Kill, Does::Stick, Does::Panic]), plan.settings.deaths),
            _ => false,
        }
    }
}

/// Every shard of the first `stages` stages of a run is stored, once.
fn complete(tables: &Tables, run: RunId, stages: usize) {
    let record = tables.record(run).expect("the run is there");
    for (index, (shards, done, rows)) in record.progress().take(stages).enumerate() {
        assert_eq!(rows, shards as usize, "results of stage {index} of {run}");
        assert_eq!(done, shards, "results of stage {index} of {run}, as counted");
    }
}
