//! What a lane does with a task: opens what it needs, computes, and leaves the outcomes where the agent finds them.
//!
//! Runs on a thread of the executor and may block and panic. A shard costs the lane two readings of the clocks, a few
//! atomics and an uncontended lock, and no message: the agent collects outcomes every 100 ms and when the lane returns.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use algorithms::{AlgorithmError, ErasedStep, jsonb};
use common::ids::{LeaseId, RunId, StageIndex};
use common::limits::{RESULT_BYTES, SHARDS_PER_STAGE, STATE_BYTES};
use common::protocol::{DocumentKey, PartialsPage, ResultKey};
use common::run::{Outcome, ShardRange, TaskError, TaskErrorKind};
use common::wire;

use crate::agent::event::{Computed, LaneEnd};
use crate::agent::outbox::Kept;
use crate::cache::{Run, Stage};
use crate::compute::Compute;
use crate::desk::Desk;
use crate::meter::Meter;

/// How often a waiting lane looks whether it should return.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a lane tells the agent.
#[derive(Debug)]
pub enum LaneNotice {
    /// There is enough to be collected.
    Full(LeaseId),
    /// A merge needs a page.
    PageWanted(LeaseId, DocumentKey),
    /// The lane returned.
    Freed(LeaseId, LaneEnd),
}

/// Tells the agent; never blocks.
pub type Notify = Arc<dyn Fn(LaneNotice) + Send + Sync>;

/// What there is to do.
pub enum Work {
    /// Open the first stage.
    Plan(Arc<Run>),
    /// Open the stage after this one.
    Merge(Arc<Stage>, StageIndex),
    /// Execute shards of this stage.
    Shards(Arc<Stage>, StageIndex, ShardRange),
}

/// A task for a lane.
pub struct Order {
    /// Under which lease.
    pub lease: LeaseId,
    /// Of which run.
    pub run: RunId,
    /// What.
    pub work: Work,
    /// Shared with the agent.
    pub desk: Arc<Desk>,
    /// Pages for a merge.
    pub pages: Mutex<Receiver<Result<Vec<u8>, String>>>,
}

/// Does what the order says.
pub fn work(order: &Order, compute: &Compute, notify: &Notify) -> LaneEnd {
    match &order.work {
        Work::Shards(stage, index, range) => shards(order, stage, *index, *range, compute, notify),
        Work::Plan(run) => {
            let plan = || run.open()?.plan(&order.desk.control);
            advance(order, StageIndex(0), run.parallel(), compute, plan)
        }
        Work::Merge(stage, index) => {
            let merge = || {
                let mut partials = Partials::new(order, *index, notify);
                stage.open()?.merge(&mut partials, &order.desk.control)
            };
            advance(order, index.next(), stage.run.parallel(), compute, merge)
        }
    }
}

fn shards(
    order: &Order,
    stage: &Stage,
    index: StageIndex,
    range: ShardRange,
    compute: &Compute,
    notify: &Notify,
) -> LaneEnd {
    let desk = &*order.desk;
    let open = match stage.open() {
        Ok(open) => open,
        Err(error) => {
            desk.leave_failure(Some(range.first), task_error(error));
            return LaneEnd::GaveUp { next: Some(range.first + 1) };
        }
    };
    let mut meter = Meter::start();
    for shard in range.iter() {
        if desk.wait_for_room() {
            meter.skip();
        }
        if desk.control.is_cancelled() {
            return LaneEnd::Stopped { next: Some(shard) };
        }
        // for whoever wants to count executions; costs a comparison where nobody does
        tracing::trace!(run = %order.run, stage = index.0, shard, "a shard begins");
        let (computed, pool_cpu_us) = if stage.run.parallel() {
            let Some(entered) = compute.enter(&desk.control) else {
                return LaneEnd::Stopped { next: Some(shard) };
            };
            meter.skip();
            desk.begin(shard, meter.began());
            let (computed, cpu_us) = entered.run(|| open.execute(shard, &desk.control));
            (computed, cpu_us)
        } else {
            desk.begin(shard, meter.began());
            (open.execute(shard, &desk.control), 0)
        };
        desk.end();
        let lap = meter.lap();
        let key = ResultKey { lease: order.lease, run: order.run, stage: index, shard: Some(shard) };
        let outcome = match computed.and_then(|json| fits(json, RESULT_BYTES, "partial result")) {
            Ok(bytes) => Computed::Result(Kept {
                key,
                started_us: lap.started_us,
                cpu_us: lap.cpu_us + pool_cpu_us,
                wall_us: lap.wall_us,
                bytes,
            }),
            Err(AlgorithmError::Cancelled) if desk.control.is_cancelled() => {
                return LaneEnd::Stopped { next: Some(shard) };
            }
            Err(error) => {
                let error = task_error(error);
                let recurs = error.kind.recurs();
                desk.leave_failure(Some(shard), error);
                if recurs {
                    return LaneEnd::GaveUp { next: Some(shard + 1) };
                }
                continue;
            }
        };
        if desk.leave(outcome) {
            notify(LaneNotice::Full(order.lease));
        }
    }
    LaneEnd::Done
}

fn advance(
    order: &Order,
    stage: StageIndex,
    parallel: bool,
    compute: &Compute,
    step: impl FnOnce() -> Result<ErasedStep, AlgorithmError> + Send,
) -> LaneEnd {
    let desk = &*order.desk;
    let mut meter = Meter::start();
    let (step, pool_cpu_us) = if parallel {
        let Some(entered) = compute.enter(&desk.control) else { return LaneEnd::Stopped { next: None } };
        entered.run(step)
    } else {
        (step(), 0)
    };
    let packed = step.and_then(outcome).and_then(|outcome| {
        wire::pack(&outcome).map_err(|error| AlgorithmError::Unstorable { detail: error.to_string() })
    });
    let lap = meter.lap();
    let key = ResultKey { lease: order.lease, run: order.run, stage, shard: None };
    match packed {
        Ok(bytes) => {
            let (started_us, wall_us, cpu_us) = (lap.started_us, lap.wall_us, lap.cpu_us + pool_cpu_us);
            desk.leave(Computed::Result(Kept { key, started_us, cpu_us, wall_us, bytes }));
            LaneEnd::Done
        }
        Err(AlgorithmError::Cancelled) if desk.control.is_cancelled() => LaneEnd::Stopped { next: None },
        Err(error) => {
            desk.leave_failure(None, task_error(error));
            LaneEnd::Done
        }
    }
}

/// Tells of a panic while the order was carried out.
pub fn panicked(order: &Order, message: &str) -> LaneEnd {
    let desk = &*order.desk;
    let current = desk.current().map(|(shard, _)| shard);
    desk.end();
    let error = |message: String| TaskError { kind: TaskErrorKind::Panicked, message, pointer: None };
    match (&order.work, current) {
        (Work::Shards(..), Some(shard)) => {
            let error = error(format!("shard {shard} panicked: {message}"));
            desk.leave_failure(Some(shard), error);
            LaneEnd::Panicked { next: Some(shard + 1) }
        }
        (Work::Shards(_, _, range), None) => {
            let error = error(format!("opening the run panicked: {message}"));
            desk.leave_failure(Some(range.first), error);
            LaneEnd::GaveUp { next: Some(range.first + 1) }
        }
        (Work::Plan(_) | Work::Merge(..), _) => {
            desk.leave_failure(None, error(format!("panicked: {message}")));
            LaneEnd::Panicked { next: None }
        }
    }
}

fn fits(json: Vec<u8>, limit: usize, what: &str) -> Result<Vec<u8>, AlgorithmError> {
    if json.len() <= limit {
        return Ok(json);
    }
    let detail = format!("a {what} of {} bytes is above the limit of {limit}", json.len());
    Err(AlgorithmError::Unstorable { detail })
}

/// What Postgres would give back for a partial result that it does not have yet.
pub fn stored_form(json: &[u8]) -> Result<Vec<u8>, AlgorithmError> {
    jsonb::normalise(json)
        .map_err(|error| AlgorithmError::Unreadable { detail: format!("partial result: {error}") })
}

/// A step as it travels.
pub fn outcome(step: ErasedStep) -> Result<Outcome, AlgorithmError> {
    match step {
        ErasedStep::Done { report } => Ok(Outcome::Done { report: fits(report, RESULT_BYTES, "report")? }),
        ErasedStep::Stage { name, state, shards, note } => {
            if shards > SHARDS_PER_STAGE {
                let detail = format!("a stage of {shards} shards is above the limit of {SHARDS_PER_STAGE}");
                return Err(AlgorithmError::Unstorable { detail });
            }
            let state = fits(state, STATE_BYTES, "state")?;
            Ok(Outcome::Opened { name: name.to_owned(), state, shards, note })
        }
    }
}

/// An algorithm's error as the protocol tells it.
pub fn task_error(error: AlgorithmError) -> TaskError {
    let message = error.to_string();
    let (kind, pointer) = match error {
        AlgorithmError::InvalidParams { pointer, .. } => {
            (TaskErrorKind::InvalidParams, Some(format!("/params{pointer}")))
        }
        AlgorithmError::InvalidInput { role, pointer, .. } => {
            (TaskErrorKind::InvalidInput, Some(format!("/inputs/{role}{pointer}")))
        }
        AlgorithmError::Infeasible { .. } => (TaskErrorKind::Infeasible, None),
        AlgorithmError::Violations(_) => (TaskErrorKind::Violation, None),
        AlgorithmError::Unstorable { .. } => (TaskErrorKind::Unstorable, None),
        AlgorithmError::Unreadable { .. } => (TaskErrorKind::InvalidInput, None),
        AlgorithmError::Unavailable { .. } => (TaskErrorKind::Unavailable, None),
        // Whoever was really cancelled is not asked; this one gave up by itself, which is a fault like a panic.
        AlgorithmError::Cancelled => (TaskErrorKind::Panicked, None),
    };
    TaskError { kind, message, pointer }
}

/// The stored partial results of a stage, page by page: one page is read while the next is on its way.
struct Partials<'a> {
    order: &'a Order,
    notify: &'a Notify,
    stage: StageIndex,
    page: std::vec::IntoIter<(u32, Vec<u8>)>,
    normalised: bool,
    /// The page that was asked for.
    coming: Option<u32>,
    expected: u32,
    failed: bool,
}

impl<'a> Partials<'a> {
    fn new(order: &'a Order, stage: StageIndex, notify: &'a Notify) -> Self {
        let mut partials = Self {
            order,
            notify,
            stage,
            page: Vec::new().into_iter(),
            normalised: true,
            coming: None,
            expected: 0,
            failed: false,
        };
        partials.ask(0);
        partials
    }

    fn ask(&mut self, from: u32) {
        let key = DocumentKey::Partials { run: self.order.run, stage: self.stage, from };
        self.coming = Some(from);
        (self.notify)(LaneNotice::PageWanted(self.order.lease, key));
    }

    fn receive(&mut self) -> Result<PartialsPage, AlgorithmError> {
        loop {
            let page = self.order.pages.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(PATIENCE);
            match page {
                Ok(Ok(bytes)) => {
                    return wire::unpack(&bytes)
                        .map_err(|error| AlgorithmError::Unavailable { detail: error.to_string() });
                }
                Ok(Err(detail)) => return Err(AlgorithmError::Unavailable { detail }),
                Err(RecvTimeoutError::Timeout) => self.order.desk.control.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(AlgorithmError::Unavailable { detail: "the agent is gone".to_owned() });
                }
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Vec<u8>>, AlgorithmError> {
        loop {
            if let Some((shard, bytes)) = self.page.next() {
                if shard != self.expected {
                    let detail = format!("shard {shard} came where {} was expected", self.expected);
                    return Err(AlgorithmError::Unavailable { detail });
                }
                self.expected += 1;
                return if self.normalised { Ok(Some(bytes)) } else { stored_form(&bytes).map(Some) };
            }
            let Some(from) = self.coming.take() else { return Ok(None) };
            let page = self.receive()?;
            if let Some(next) = page.next {
                if next <= from {
                    return Err(AlgorithmError::Unavailable {
                        detail: "the pages go in a circle".to_owned(),
                    });
                }
                self.ask(next);
            }
            self.normalised = page.normalised;
            self.page = page.partials.into_iter();
        }
    }
}

impl Iterator for Partials<'_> {
    type Item = Result<Vec<u8>, AlgorithmError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.advance().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}
