//! A whole cluster in one thread, seeded.
//!
//! Real are the parts that decide: the scheduler and the run machines (`coordinator/src/dispatch`, `coordinator/src/run`),
//! the roster of runs, the course of the writer's batches and what a batch changes (`coordinator/src/store/writer`), the
//! workers' minds with core, outbox and library (`worker/src/agent`), and the encoding of every message. Simulated are
//! their surroundings: time, processes, connections, lanes, disks and the database ([`tables`]), which obeys the rules of
//! the store on Postgres and passes the same tests.
//!
//! | where | what goes wrong |
//! |---|---|
//! | a worker | killed, stopped and continued, ended by SIGTERM; others join; its clock leaps ahead |
//! | a coordinator | the same; several compete for the lock; one that was stopped wakes up as a leader of old |
//! | a connection | every frame takes its own time; resets; what is on its way is lost from some frame on, or arrives late, after the next connection began; a worker is isolated, shorter or longer than the limits of silence |
//! | between frames | beyond what a connection does: frames lost, repeated, overtaken (three seeds in ten) |
//! | the database | slow disks, outages, cut off from one coordinator; a COMMIT without an answer, that took effect or not; hints that do not come; questions answered late, from how it stood before |
//! | tasks | shards and advances that panic, hang, never return, take their process down, yield what cannot be stored |
//! | people | cancel, drain, pause the queue or a run; submit twice because no answer came; and somebody sends nonsense |
//!
//! Half of the seeds have other settings than the defaults, and runs that ask for labels, memory, a deadline ([`asks`]).
//!
//! After every step the [`auditor`] compares with what must be. `simulate` lives one seed; [`Failure`] tells what
//! happened, in words, and which faults of the seed it takes.

mod agenda;
mod asks;
mod auditor;
mod coordinator;
mod dice;
mod documents;
mod fairness;
mod lane;
mod leader;
mod network;
mod nonsense;
mod pen;
#[allow(clippy::cast_possible_truncation)] // small numbers
mod plan;
mod process;
mod puzzle;
mod story;
pub mod tables;
mod worker;
mod world;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use plan::Plan;
use world::World;

/// Lines of a story that are shown.
const SHOWN: usize = 250;

/// What became of a seed that went well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lived {
    /// Things that happened.
    pub steps: u64,
}

/// A seed that went wrong.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was not as it must be.
    pub violation: String,
    /// The faults that it takes.
    pub faults: String,
    /// What happened, the end of it.
    pub story: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, violation, faults, story } = self;
        writeln!(f, "seed {seed}: {violation}\n\nIt takes these faults:\n{faults}\nWhat happened:\n{story}")?;
        write!(f, "seed {seed}: {violation}\nThe same again: make simulate SEED={seed}")
    }
}

/// Lives a seed.
///
/// # Errors
/// What went wrong, with as few of the seed's faults as it takes.
pub fn simulate(seed: u64) -> Result<Lived, Box<Failure>> {
    let plan = Plan::of(seed);
    match live(plan.clone(), false) {
        Ok(world) => Ok(Lived { steps: world.steps }),
        Err((_, violation)) => Err(Box::new(explain(plan, violation))),
    }
}

/// Lives a contest of submitters for lanes, undisturbed.
///
/// # Errors
/// What went wrong.
pub fn contest(seed: u64) -> Result<Lived, Box<Failure>> {
    let plan = Plan::contest(seed);
    match live(plan.clone(), false) {
        Ok(world) => Ok(Lived { steps: world.steps }),
        Err((_, violation)) => Err(Box::new(explain(plan, violation))),
    }
}

/// The whole story of a seed, and what went wrong if something did.
#[must_use]
pub fn tell(seed: u64) -> (String, Option<String>) {
    match live(Plan::of(seed), true) {
        Ok(world) => (world.story.end(usize::MAX), None),
        Err((world, violation)) => (world.story.end(usize::MAX), Some(violation)),
    }
}

fn live(plan: Plan, told: bool) -> Result<Box<World>, (Box<World>, String)> {
    let mut world = Box::new(World::new(plan, told));
    match catch_unwind(AssertUnwindSafe(|| world.live())) {
        Ok(()) => Ok(world),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err((world, text.unwrap_or_else(|| "something panicked".to_owned())))
        }
    }
}

/// Leaves out faults as long as it still goes wrong, then tells the story.
fn explain(mut plan: Plan, mut violation: String) -> Failure {
    let mut index = 0;
    while index < plan.faults.len() {
        let mut fewer = plan.clone();
        fewer.faults.remove(index);
        match live(fewer.clone(), false) {
            Ok(_) => index += 1,
            Err((_, text)) => (plan, violation) = (fewer, text),
        }
    }
    let faults = plan.faults.iter().fold(String::new(), |mut lines, (at, fault)| {
        let _ = writeln!(lines, "{:>10.4} s  {fault}", *at as f64 / 1e6);
        lines
    });
    let seed = plan.seed;
    let story = match live(plan, true) {
        Ok(world) | Err((world, _)) => world.story.end(SHOWN),
    };
    Failure { seed, violation, faults, story }
}
