//! A leader's writer: its queue, the batch under way, and what the database does with that. What follows from each
//! attempt is decided by the writer's own [`Course`].

use std::collections::VecDeque;
use std::rc::Rc;

use common::ids::Epoch;
use coordinator::dispatch::event::DispatchEvent;
use coordinator::dispatch::orders::News;
use coordinator::store::StoreError;
use coordinator::store::writer::batch::Spoiled;
use coordinator::store::writer::course::{Course, Step};
use coordinator::store::writer::transaction::{Attempt, Insert, Told};
use coordinator::store::writer::{self, Fact, Written};

use super::agenda::{Instant, MS};
use super::auditor::Auditor;
use super::coordinator::CoordinatorWhat;
use super::world::{What, Who, World};

/// The queue and the batch under way.
#[derive(Debug, Default)]
pub struct Pen {
    queue: VecDeque<Fact>,
    queued_bytes: u64,
    /// The batch under way.
    current: Option<Batch>,
    /// Parts of a batch that was halved, the next one last.
    parts: Vec<Rc<[Fact]>>,
    batches: i64,
    /// Runs of which a fact was refused.
    spoiled: Spoiled,
}

#[derive(Debug)]
struct Batch {
    facts: Rc<[Fact]>,
    number: i64,
    course: Course,
}

/// A transaction on its way to the database, which takes effect whatever becomes of its leader.
#[derive(Clone, Debug)]
pub struct Transaction {
    c: usize,
    life: u32,
    epoch: Epoch,
    facts: Rc<[Fact]>,
    spoiled: Spoiled,
    number: i64,
    insert: Insert,
    /// How long the answer takes.
    back: Instant,
}

impl Pen {
    /// Bytes of facts that are not durable.
    pub const fn queued_bytes(&self) -> u64 {
        self.queued_bytes
    }

    /// Whether nothing waits.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.current.is_none() && self.parts.is_empty()
    }

    fn next(&mut self) -> Option<Rc<[Fact]>> {
        if let Some(part) = self.parts.pop() {
            return Some(part);
        }
        if self.queue.is_empty() {
            return None;
        }
        let count = writer::fitting(&self.queue);
        Some(self.queue.drain(..count).collect())
    }
}

impl World {
    /// A leader has a fact to be made durable.
    pub(super) fn submit(&mut self, c: usize, fact: Fact) {
        let epoch = self.leader(c).epoch;
        self.auditor.submitted(epoch, &fact);
        let pen = &mut self.leader(c).pen;
        pen.queued_bytes += fact.bytes() as u64;
        pen.queue.push_back(fact);
        let queued = pen.queued_bytes;
        Auditor::backlog(&self.plan, queued, self.workers.len());
        if self.leader(c).pen.current.is_none() {
            self.write(c);
        }
    }

    /// The writer tries its batch, or takes the next one.
    pub(super) fn write(&mut self, c: usize) {
        let pen = &mut self.leader(c).pen;
        if pen.current.is_none() {
            let Some(facts) = pen.next() else { return };
            pen.batches += 1;
            let course = Course::new(&facts);
            pen.current = Some(Batch { facts, number: pen.batches, course });
        }
        let epoch = self.leader(c).epoch;
        let life = self.coordinators[c].process.life;
        if !self.database_reached_by(c) {
            let error = StoreError::Unavailable("nobody answers".to_owned());
            let what = CoordinatorWhat::Wrote(epoch, Box::new(Attempt::Failed(error)));
            return self.coordinator_after(c, 20 * MS, what);
        }
        let now = self.agenda.now();
        let (least, most) = self.plan.disk;
        let slower = if self.slow_until > now { self.slow_times } else { 1 };
        let there = self.dice.between(least, most) * slower;
        let back = self.dice.between(50, 500);
        let spoiled = self.leader(c).pen.spoiled.clone();
        let Some(batch) = &mut self.leader(c).pen.current else { return };
        let (facts, number, insert) = (Rc::clone(&batch.facts), batch.number, batch.course.insert());
        let transaction = Transaction { c, life, epoch, facts, spoiled, number, insert, back };
        self.agenda.after(there, (Who::World, What::Commit(transaction)));
    }

    /// The database commits, or does not.
    pub(super) fn commit(&mut self, transaction: Transaction) {
        let Transaction { c, life, epoch, facts, spoiled, number, insert, back } = transaction;
        let now = self.agenda.now();
        let alive = self.coordinators[c].process.life == life && self.coordinators[c].process.alive;
        // a transaction whose client is gone is rolled back, unless its COMMIT was on its way
        let reached = self.database_reached_by(c) && (alive || self.dice.chance(50));
        let lost = if reached { self.lose_answer.pop_front() } else { Some(false) };
        let commits = lost != Some(false);
        let attempt = self.tables.attempt(epoch, &facts, &spoiled, number, insert, commits);
        self.story.tell(now, || {
            let cut = match lost {
                None => "",
                Some(true) => ", it takes effect and the answer is lost",
                Some(false) => ", it takes no effect and there is no answer",
            };
            let facts: Vec<String> = facts.iter().map(brief).collect();
            format!(
                "database: epoch {epoch} batch {number} {insert:?} is {}{cut}: {}",
                name(&attempt),
                facts.join(", ")
            )
        });
        if let (Attempt::Committed(told), true) = (&attempt, commits) {
            self.auditor.committed(&self.tables, epoch, &facts, &told.written);
            if self.plan.contest {
                self.auditor.compare_shares(&self.plan, &self.tables);
            }
            self.notify(&facts);
        }
        if insert == Insert::Copying {
            assert!(
                !matches!(attempt, Attempt::Duplicate),
                "a result reaches COPY that is stored already (epoch {epoch}, batch {number})"
            );
        }
        if lost.is_some() && !alive {
            return;
        }
        let attempt = match (lost, attempt) {
            (Some(_), Attempt::Committed(told)) => Attempt::Uncertain(told),
            (Some(_), _) => Attempt::Failed(StoreError::Unavailable("the connection was closed".to_owned())),
            (_, attempt) => attempt,
        };
        let what = What::Coordinator(CoordinatorWhat::Wrote(epoch, Box::new(attempt)));
        self.agenda.after(back, (Who::Coordinator(c, life), what));
    }

    /// The writer hears what became of its attempt.
    pub(super) fn wrote(&mut self, c: usize, attempt: Attempt) {
        let Some(mut batch) = self.leader(c).pen.current.take() else { return };
        let epoch = self.leader(c).epoch;
        match batch.course.after(&batch.facts, attempt) {
            Step::Done(told) => {
                let bytes: u64 = batch.facts.iter().map(|fact| fact.bytes() as u64).sum();
                self.leader(c).pen.queued_bytes -= bytes;
                self.tell_written(c, told);
                self.write(c);
            }
            Step::Again(pause) => {
                self.leader(c).pen.current = Some(batch);
                #[allow(clippy::cast_possible_truncation)] // seconds
                let pause = pause.as_micros() as u64;
                self.coordinator_after(c, pause, CoordinatorWhat::WriteAgain(epoch));
            }
            Step::Halve => {
                let (left, right) = batch.facts.split_at(batch.facts.len() / 2);
                let (left, right): (Rc<[Fact]>, Rc<[Fact]>) = (left.into(), right.into());
                self.leader(c).pen.parts.extend([right, left]);
                self.write(c);
            }
            Step::Fenced => self.stop_leading(c, "it is fenced"),
        }
    }

    fn tell_written(&mut self, c: usize, told: Told) {
        let epoch = self.leader(c).epoch;
        for (run, from) in told.spoiled {
            let first = self.leader(c).pen.spoiled.entry(run).or_insert(from);
            *first = from.min(*first);
        }
        for written in told.written {
            if let Written::Ended { run, .. } = &written {
                self.leader(c).pen.spoiled.remove(run);
            }
            self.auditor.told(epoch, &written);
            for news in News::of(written) {
                match news {
                    News::Dispatch(event) => self.tell_dispatch(c, event),
                    News::Run(run, event) => self.tell_run(c, run, event),
                }
            }
        }
        let bytes = self.leader(c).pen.queued_bytes;
        self.tell_dispatch(c, DispatchEvent::WriterBacklog { bytes });
    }

    /// The database's hints, to every coordinator that listens.
    fn notify(&mut self, facts: &[Fact]) {
        let runs: std::collections::BTreeSet<_> =
            facts.iter().filter(|fact| !matches!(fact, Fact::Shard(_))).map(Fact::run).collect();
        for run in runs {
            self.hint(&CoordinatorWhat::Notice(run));
        }
    }

    pub(super) fn hint(&mut self, what: &CoordinatorWhat) {
        for c in 0..self.coordinators.len() {
            if self.coordinators[c].leader.is_some() && self.database_reached_by(c) && !self.dice.chance(5) {
                let wait = self.dice.between(100, 2_000);
                self.coordinator_after(c, wait, what.clone());
            }
        }
    }
}

fn name(attempt: &Attempt) -> &'static str {
    match attempt {
        Attempt::Committed(_) => "committed",
        Attempt::AlreadyCommitted => "there already",
        Attempt::Fenced => "fenced",
        Attempt::Duplicate => "a duplicate",
        Attempt::Refused(_) => "refused",
        Attempt::Uncertain(_) => "uncertain",
        Attempt::Failed(_) => "failed",
    }
}

fn brief(fact: &Fact) -> String {
    let run = fact.run();
    match fact {
        Fact::Shard(row) => format!("shard {} of stage {} of {run}", row.shard, row.stage),
        Fact::StageOpened { stage, shards, .. } => format!("stage {stage} of {run} with {shards} shards"),
        Fact::ShardFailed { stage, shard, kind, .. } => {
            format!("{kind} at {shard:?} of stage {stage} of {run}")
        }
        Fact::RunEnded { end, .. } => format!("the end of {run}: {end:?}"),
        Fact::Event { kind, .. } => format!("event {kind} of {run}"),
        Fact::Waiting { reason, .. } => format!("{run} waits for {reason:?}"),
    }
}
