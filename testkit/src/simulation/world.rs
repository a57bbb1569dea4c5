//! The cluster of a seed, and what happens in it, one thing after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::ids::{ContentHash, Epoch, RunId};
use common::run::ShardRange;
use coordinator::dispatch::leases::{Kind, Point};
use coordinator::store::idempotency::Idempotency;
use coordinator::store::submit::NewRun;
use serde_json::value::RawValue;

use super::agenda::{Agenda, Instant, MS, SECOND};
use super::auditor::Auditor;
use super::coordinator::{Coordinator, CoordinatorWhat, Lock};
use super::dice::Dice;
use super::documents::Wanted;
use super::leader::Question;
use super::network::Link;
use super::pen::Transaction;
use super::plan::{Fault, Plan, RunPlan};
use super::puzzle;
use super::story::Story;
use super::tables::Tables;
use super::worker::{Body, Worker, WorkerWhat};

/// Everything must be over so long after the last fault, and what the runs take one after the other: quotas and bounds may
/// leave them a single lane.
const PATIENCE: Instant = 300 * SECOND;

/// When all is over, so long later nothing may be left anywhere.
const QUIET: Instant = 20 * SECOND;

/// To whom something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The world around the processes: database, operators, clients, fate.
    World,
    /// A worker: its place, and which of the processes there.
    Worker(usize, u32),
    /// A coordinator: its place, and which of the processes there.
    Coordinator(usize, u32),
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    Worker(WorkerWhat),
    Coordinator(CoordinatorWhat),
    StartWorker(usize),
    StartCoordinator(usize),
    Submit(usize),
    Fault(usize),
    /// What a fault did is over.
    Over(Fault),
    Commit(Transaction),
    Question {
        c: usize,
        life: u32,
        epoch: Epoch,
        question: Question,
    },
    Read {
        c: usize,
        life: u32,
        epoch: Epoch,
        wanted: Wanted,
    },
}

/// A cluster.
pub struct World {
    pub(super) plan: Plan,
    pub(super) agenda: Agenda<(Who, What)>,
    pub(super) dice: Dice,
    /// What happened so far, in words.
    pub story: Story,
    pub(super) auditor: Auditor,
    pub(super) tables: Tables,
    pub(super) workers: Vec<Worker>,
    pub(super) coordinators: Vec<Coordinator>,
    pub(super) links: Vec<Link>,
    /// Until when nothing passes between a worker and any coordinator.
    pub(super) isolated: Vec<Instant>,
    /// Who holds the lock.
    pub(super) lock: Option<Lock>,
    pub(super) outage_until: Instant,
    pub(super) slow_until: Instant,
    pub(super) slow_times: u64,
    /// Commits that get no answer, and whether they take effect.
    pub(super) lose_answer: VecDeque<bool>,
    /// How often tasks were tried that do not end well.
    pub(super) tried: BTreeMap<(RunId, u32, Option<u32>), u32>,
    /// Runs by their place in the plan, once they are accepted.
    runs: BTreeMap<usize, RunId>,
    /// Processes of workers so far.
    pub(super) started: u128,
    /// Results computed so far.
    pub(super) computed: u64,
    /// Happenings so far.
    pub steps: u64,
}

impl World {
    /// The cluster of a plan, before anything happened.
    #[must_use]
    pub fn new(plan: Plan, told: bool) -> Self {
        let mut world = Self {
            dice: Dice::new(plan.seed, 1),
            agenda: Agenda::default(),
            story: Story::new(told),
            auditor: Auditor::default(),
            tables: Tables::default(),
            workers: plan.workers.iter().map(|lanes| Worker::new(*lanes)).collect(),
            coordinators: (0..plan.coordinators).map(|_| Coordinator::new()).collect(),
            links: Vec::new(),
            isolated: vec![0; plan.workers.len()],
            lock: None,
            outage_until: 0,
            slow_until: 0,
            slow_times: 1,
            lose_answer: VecDeque::new(),
            tried: BTreeMap::new(),
            runs: BTreeMap::new(),
            started: 0,
            computed: 0,
            steps: 0,
            plan,
        };
        for c in 0..world.coordinators.len() {
            world.start_coordinator(c);
        }
        for w in 0..world.workers.len() {
            world.start_worker(w);
        }
        for (run, plan) in world.plan.runs.iter().enumerate() {
            world.agenda.at(plan.at, (Who::World, What::Submit(run)));
        }
        for (fault, (at, _)) in world.plan.faults.iter().enumerate() {
            world.agenda.at(*at, (Who::World, What::Fault(fault)));
        }
        world
    }

    /// Lets everything happen, until every run ended and nothing is left.
    ///
    /// # Panics
    /// If anything is not as it must be.
    pub fn live(&mut self) {
        let strikes = self.plan.faults.iter().map(|(at, fault)| at + fault.length());
        let submits = self.plan.runs.iter().map(|run| run.at);
        let calm = strikes.chain(submits).max().unwrap_or(0);
        let last = calm + PATIENCE + self.plan.runs.iter().map(RunPlan::work).sum::<Instant>();
        let mut over_at = None;
        while let Some((who, what)) = self.agenda.next() {
            self.steps += 1;
            let now = self.agenda.now();
            self.happen(who, what);
            if over_at.is_none() && now > calm && self.runs.len() == self.plan.runs.len() {
                over_at = self.tables.open_run_ids().is_empty().then_some(now);
            }
            if over_at.is_some_and(|at| now > at + QUIET) {
                break;
            }
            assert!(now < last || over_at.is_some(), "{}", self.unended());
        }
        self.auditor.conclude(&self.plan, &self.tables, self.computed);
        self.is_quiet();
    }

    fn unended(&self) -> String {
        let open = self.tables.open_runs();
        let what = |run: &coordinator::store::runs::RunRow| {
            format!("run {} at {:?}, waiting for {:?}", run.id, run.stage, run.waiting_reason)
        };
        format!("runs that do not end: {}", open.iter().map(what).collect::<Vec<_>>().join("; "))
    }

    /// Nothing may be left of runs that ended.
    fn is_quiet(&self) {
        for (w, worker) in self.workers.iter().enumerate() {
            if let Some(body) = &worker.body {
                assert!(
                    body.mind.is_idle(),
                    "worker {w} still holds something: {body:?} {:?}",
                    body.mind.held().collect::<Vec<_>>()
                );
                assert_eq!(body.kept, 0, "bytes of results that worker {w} keeps");
            }
        }
        for (c, coordinator) in self.coordinators.iter().enumerate() {
            if let Some(leader) = &coordinator.leader {
                leader.scheduler.check();
                leader.scheduler.check_idle();
                assert!(leader.pen.is_idle(), "coordinator {c} still has something to write");
                assert_eq!(leader.pen.queued_bytes(), 0, "bytes of facts that wait");
            }
        }
    }

    fn happen(&mut self, who: Who, what: What) {
        match (who, what) {
            (Who::Worker(w, life), What::Worker(what)) => {
                let process = &mut self.workers[w].process;
                if !process.alive || process.life != life {
                    return;
                }
                if let WorkerWhat::Frame(link, frame) = &what {
                    let (link, again) = (*link, frame.clone());
                    let again = || (who, What::Worker(WorkerWhat::Frame(link, again)));
                    if !self.arrives(link, false, again) {
                        return;
                    }
                }
                if let Some(what) = self.workers[w].process.defer(what) {
                    self.reach_worker(w, what);
                }
            }
            (Who::Coordinator(c, life), What::Coordinator(what)) => {
                let process = &mut self.coordinators[c].process;
                if !process.alive || process.life != life {
                    return;
                }
                if let CoordinatorWhat::Frame(link, frame) = &what {
                    let (link, again) = (*link, frame.clone());
                    let again = || (who, What::Coordinator(CoordinatorWhat::Frame(link, again)));
                    if !self.arrives(link, true, again) {
                        return;
                    }
                }
                if let Some(what) = self.coordinators[c].process.defer(what) {
                    self.reach_coordinator(c, what);
                }
            }
            (_, what) => self.around(what),
        }
    }

    /// Something happens around the processes.
    fn around(&mut self, what: What) {
        match what {
            What::StartWorker(w) => self.start_worker(w),
            What::StartCoordinator(c) => {
                if !self.coordinators[c].process.alive {
                    self.start_coordinator(c);
                }
            }
            What::Submit(run) => self.accept(run),
            What::Fault(fault) => self.strike(self.plan.faults[fault].1),
            What::Over(fault) => self.over(fault),
            What::Commit(transaction) => self.commit(transaction),
            What::Question { c, life, epoch, question } => {
                let answer = self.question(c, question);
                let wait = self.dice.between(100, 2_000);
                let what = CoordinatorWhat::Answer(epoch, answer);
                self.agenda.after(wait, (Who::Coordinator(c, life), What::Coordinator(what)));
            }
            What::Read { c, life, epoch, wanted } => {
                let what = self.read(c, epoch, wanted);
                let wait = self.dice.between(100, 2_000);
                self.agenda.after(wait, (Who::Coordinator(c, life), What::Coordinator(what)));
            }
            What::Worker(_) | What::Coordinator(_) => {}
        }
    }

    /// A client submits a run, or does so again because it got no answer.
    fn accept(&mut self, index: usize) {
        let now = self.agenda.now();
        if self.outage_until > now {
            return self.agenda.after(SECOND, (Who::World, What::Submit(index)));
        }
        let plan = &self.plan.runs[index];
        let new = NewRun {
            algorithm: puzzle::NAME.to_owned(),
            version: 1,
            params: RawValue::from_string(serde_json::to_string(&plan.params).expect("plain data"))
                .expect("JSON"),
            inputs: Vec::new(),
            documents: Vec::new(),
            seed: 0,
            label: None,
            priority: plan.priority,
            deadline_at: plan.asks.deadline_at(now),
            until: plan.until,
            submitter: plan.submitter.clone(),
            reuse: false,
            worker_labels: plan.asks.labels(),
            memory_mib: plan.asks.memory_mib,
            most_open: 0,
        };
        let key = format!("run {index}");
        let body_hash = ContentHash::of(key.as_bytes());
        let key = Idempotency { principal: plan.submitter.clone(), key, body_hash };
        let submitted = self.tables.submit(new, Some(key)).expect("a run is accepted");
        let run = submitted.run.id;
        let again = self.runs.insert(index, run);
        assert!(again.is_none_or(|before| before == run && submitted.replayed), "a run is accepted twice");
        if again.is_none() {
            self.story
                .tell(now, || format!("{} submits run {index}: {run}, {:?}", plan.submitter, plan.params));
            self.auditor.accepted(run, plan);
            if plan.answer_lost {
                self.agenda.after(300 * MS, (Who::World, What::Submit(index)));
            }
            self.hint(&CoordinatorWhat::Notice(run));
        }
    }

    /// Something goes wrong, or is asked for.
    fn strike(&mut self, fault: Fault) {
        let now = self.agenda.now();
        // whoever joins later is nobody's aim: a fault ends where it struck
        let (workers, coordinators) = (self.plan.workers.len(), self.coordinators.len());
        let place = |w: usize| w % workers;
        let coordinator_of = |c: usize| c % coordinators;
        self.story.tell(now, || format!("FAULT: {fault}"));
        self.agenda.after(fault.length(), (Who::World, What::Over(fault)));
        match fault {
            Fault::KillWorker { worker } => self.kill_worker(place(worker)),
            Fault::PauseWorker { worker, .. } => {
                let w = place(worker);
                self.excuse_living(w);
                self.workers[w].process.stop();
            }
            Fault::EndWorker { worker } => self.worker_after(place(worker), 0, WorkerWhat::Terminate),
            Fault::CutLink { worker } => {
                let w = place(worker);
                self.excuse_living(w);
                if let Some(link) = self.workers[w].body.as_ref().and_then(|body| body.link) {
                    self.reset(link);
                }
            }
            Fault::IsolateWorker { worker, length } => {
                let w = place(worker);
                self.excuse_living(w);
                self.isolate(w, now + length);
            }
            Fault::Join { lanes } => {
                self.workers.push(Worker::new(lanes));
                self.isolated.push(0);
                self.start_worker(self.workers.len() - 1);
            }
            Fault::LeapOfWorker { worker, by } => {
                let w = place(worker);
                self.excuse_living(w);
                self.workers[w].process.leap(by);
            }
            Fault::LeapOfCoordinator { coordinator, by } => {
                let c = coordinator_of(coordinator);
                (0..self.workers.len()).for_each(|w| self.excuse_living(w));
                self.coordinators[c].process.leap(by);
            }
            Fault::KillCoordinator { coordinator, back } => {
                (0..self.workers.len()).for_each(|w| self.excuse_living(w));
                self.kill_coordinator(coordinator_of(coordinator), back);
            }
            Fault::PauseCoordinator { coordinator, .. } => {
                (0..self.workers.len()).for_each(|w| self.excuse_living(w));
                self.coordinators[coordinator_of(coordinator)].process.stop();
            }
            Fault::EndCoordinator { coordinator, .. } => {
                (0..self.workers.len()).for_each(|w| self.excuse_living(w));
                self.coordinator_after(coordinator_of(coordinator), 0, CoordinatorWhat::Terminate);
            }
            Fault::CutDatabase { coordinator, length } => {
                let c = coordinator_of(coordinator);
                self.coordinators[c].cut_until = self.coordinators[c].cut_until.max(now + length);
            }
            Fault::Outage { length } => {
                self.outage_until = self.outage_until.max(now + length);
                self.lock = None;
            }
            Fault::SlowDisk { times, length } => {
                self.slow_until = self.slow_until.max(now + length);
                self.slow_times = times;
            }
            Fault::LoseAnswer { applied } => self.lose_answer.push_back(applied),
            Fault::Cancel { run } => self.cancel(run),
            Fault::Drain { worker, .. } => {
                if let Some(body) = &self.workers[place(worker)].body {
                    let id = body.id;
                    self.tables.request_drain(id, true);
                    self.hint(&CoordinatorWhat::NoticeOfWishes);
                }
            }
            Fault::Hold { .. } => {
                self.tables.set_paused(true);
                self.hint(&CoordinatorWhat::NoticeOfWishes);
            }
            Fault::HoldRun { run, .. } => self.hold_run(run, true),
            Fault::Nonsense { worker, noise } => self.nonsense(place(worker), noise),
        }
    }

    /// What a fault did is over.
    fn over(&mut self, fault: Fault) {
        match fault {
            Fault::PauseWorker { worker, .. } => {
                let w = worker % self.plan.workers.len();
                for what in self.workers[w].process.go_on() {
                    self.worker_after(w, 0, what);
                }
            }
            Fault::PauseCoordinator { coordinator, .. } => {
                let c = coordinator % self.coordinators.len();
                for what in self.coordinators[c].process.go_on() {
                    self.coordinator_after(c, 0, what);
                }
            }
            Fault::Drain { .. } => {
                // whoever is there now, and whoever was meant
                for worker in self.tables.drain_requests() {
                    self.tables.request_drain(worker, false);
                }
                self.hint(&CoordinatorWhat::NoticeOfWishes);
            }
            Fault::Hold { .. } => {
                self.tables.set_paused(false);
                self.hint(&CoordinatorWhat::NoticeOfWishes);
            }
            Fault::HoldRun { run, .. } => self.hold_run(run, false),
            _ => return,
        }
        let now = self.agenda.now();
        self.story.tell(now, || format!("over: {fault}"));
    }

    /// Its owner holds a run, or lets it go on.
    fn hold_run(&mut self, index: usize, on: bool) {
        if let Some(run) = self.runs.get(&(index % self.plan.runs.len())) {
            self.tables.pause_run(*run, on).expect("the run is there");
            self.hint(&CoordinatorWhat::NoticeOfWishes);
        }
    }

    /// A client cancels a run; any replica does it.
    fn cancel(&mut self, index: usize) {
        let Some(run) = self.runs.get(&(index % self.plan.runs.len())).copied() else { return };
        if self.outage_until > self.agenda.now() {
            return;
        }
        if self.tables.cancel(run).expect("the run is there") {
            self.auditor.cancelled(run);
            self.hint(&CoordinatorWhat::Notice(run));
        }
    }

    /// What a worker holds is about to be disturbed: its tasks may be charged with that.
    fn excuse_living(&mut self, w: usize) {
        if let Some(body) = self.workers[w].body.take() {
            self.excuse(&body);
            self.workers[w].body = Some(body);
        }
    }

    /// See [`World::excuse_living`], of a worker that is dead.
    pub(super) fn excuse(&mut self, Body { id, mind, .. }: &Body) {
        self.auditor.excuse_under_way(*id);
        for (_, task) in mind.held() {
            let (point, range): (Point, ShardRange) = Point::of_task(task);
            self.auditor.excuse(task.run, point, range);
        }
        // what it sent of leases that ended for it may be lost on the way
        let held: BTreeSet<_> = mind.held().map(|(lease, _)| lease).collect();
        for key in mind.kept().into_iter().filter(|key| !held.contains(&key.lease)) {
            let kind = if key.shard.is_some() { Kind::Shards } else { Kind::Advance };
            let range = ShardRange { first: key.shard.unwrap_or(0), count: 1 };
            self.auditor.excuse(key.run, Point { stage: key.stage, kind }, range);
        }
    }
}
