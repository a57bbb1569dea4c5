//! The one place where a run changes its state.
//!
//! ```text
//!              outcome: a stage
//!  Advancing ───────────────────────────────▶ Executing ──┐
//!   ▲  │  ▲      without shards, or the last one asked for │
//!   │  │  └───── Opening ◀── then it is durable first      │
//!   └──┼───────────────────────────────────────────────────┘
//!      │        every result here, few and small, or durable
//!      │ outcome: the report; or a failure, or planned as asked, from any of the three
//!      ▼
//!   Ending ── durable ──▶ Ended          (and from anywhere, when the row says so: cancelled)
//! ```
//!
//! Work runs ahead of storage: shards are handed out while their stage is on its way to the database, and a small stage
//! is merged while its results are. All facts of a run are written in order, so what is durable is always a beginning of
//! what was done; what was done beyond it is done again after a crash.
//!
//! A run that is resumed goes through the same function: its stored stages are events like any other.

use common::ids::StageIndex;
use common::limits::{SHARDS_PER_STAGE, STAGES_PER_RUN, STATE_BYTES};
use common::run::{Outcome, RunPhase, TaskErrorKind};
use serde_json::json;

use crate::store::runs::{RunError, Until};
use crate::store::writer::{RunEnd, StageOutcome};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    until: Until,
    /// The largest state of a stage whose shards are handed out before it is durable: until then it is served from memory.
    state_ahead_bytes: usize,
    at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// A worker plans the run, or merges a finished stage.
    Advancing { stage: StageIndex },
    /// The stage that came out is on its way to the database.
    Opening { stage: StageIndex, plan: Plan },
    /// Workers execute the stage's shards.
    Executing { stage: StageIndex },
    /// The end is on its way to the database.
    Ending { phase: RunPhase },
    /// Nothing can follow.
    Ended { phase: RunPhase },
}

/// What is known of a stage when it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    name: String,
    shards: u32,
    expected_shard_us: Option<u64>,
}

/// Something happened to a run.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// A stage was found in the database: the run is resumed.
    StageFound {
        /// Which.
        stage: StageIndex,
        /// Its name.
        name: String,
        /// How many shards it has.
        shards: u32,
    },
    /// A worker opened a stage, or came to the end.
    Advanced {
        /// The stage that was to be opened.
        stage: StageIndex,
        /// What came out.
        outcome: Outcome,
        /// What a shard of this stage took in earlier runs, in microseconds.
        expected_shard_us: Option<u64>,
    },
    /// The writer came to a stage.
    StageStored {
        /// Which.
        stage: StageIndex,
        /// What it found.
        outcome: StageOutcome,
    },
    /// Every result of a stage is here, on its way to the database, and can be merged from memory.
    StageComputed {
        /// Which.
        stage: StageIndex,
    },
    /// Every result of a stage is durable.
    StageFinished {
        /// Which.
        stage: StageIndex,
    },
    /// A task failed and is not tried again.
    TaskFailed {
        /// Why.
        error: RunError,
    },
    /// The database does not take the stage or the end that it was given.
    Refused {
        /// The stage; none for the end.
        stage: Option<StageIndex>,
        /// Its words.
        detail: String,
    },
    /// The result is of no more use.
    DeadlinePassed,
    /// The run's row says that it ended by another hand, which is: it was cancelled, or deleted.
    EndedElsewhere,
    /// The writer came to the run's end.
    EndStored {
        /// Whether it was this that ended the run.
        applied: bool,
    },
}

/// Something is to be done about a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEffect {
    /// Have a worker open this stage.
    Advance {
        /// Which.
        stage: StageIndex,
    },
    /// Have workers execute this stage.
    Execute {
        /// Which.
        stage: StageIndex,
        /// Its name.
        name: String,
        /// How many shards, at least one.
        shards: u32,
    },
    /// Make a stage durable.
    StoreStage {
        /// Which.
        stage: StageIndex,
        /// Its name.
        name: String,
        /// Its state.
        state: Vec<u8>,
        /// How many shards it has.
        shards: u32,
        /// What the algorithm tells people.
        note: Option<Vec<u8>>,
    },
    /// Make the end durable.
    StoreEnd(RunEnd),
    /// Nothing of the run is wanted any more: stop its tasks.
    Close,
}

/// An event that cannot happen in a state. Late and repeated news: nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} does not fit a run that is {state}")]
pub struct IllegalEvent {
    /// Where the run stands.
    pub state: String,
    /// What was said to have happened.
    pub event: &'static str,
}

/// What follows from an event.
pub type Applied = Result<(RunState, Vec<RunEffect>), IllegalEvent>;

impl RunState {
    /// An accepted run that goes as far as `until`, with what to do first.
    #[must_use]
    pub fn accepted(until: Until, state_ahead_bytes: usize) -> (Self, Vec<RunEffect>) {
        let stage = StageIndex(0);
        let this = Self { until, state_ahead_bytes, at: At::Advancing { stage } };
        (this, vec![RunEffect::Advance { stage }])
    }

    /// Goes on from what is stored: the names and shards of the run's stages, and whether all results of the last one
    /// are there. Gives back what to do next.
    ///
    /// # Errors
    /// If the stored stages are no run.
    pub fn resumed(
        until: Until,
        state_ahead_bytes: usize,
        stages: &[(String, u32)],
        last_is_finished: bool,
    ) -> Applied {
        let (mut state, mut effects) = Self::accepted(until, state_ahead_bytes);
        for (stage, (name, shards)) in (0..).map(StageIndex).zip(stages) {
            (state, effects) =
                state.apply(RunEvent::StageFound { stage, name: name.clone(), shards: *shards })?;
            let is_last = stage.0 as usize + 1 == stages.len();
            if matches!(state.at, At::Executing { .. }) && (!is_last || last_is_finished) {
                (state, effects) = state.apply(RunEvent::StageFinished { stage })?;
            }
        }
        Ok((state, effects))
    }

    /// The end of the run, once it is durable.
    #[must_use]
    pub const fn ended(&self) -> Option<RunPhase> {
        if let At::Ended { phase } = self.at { Some(phase) } else { None }
    }

    /// What follows from an event: the new state and what is to be done, in order.
    ///
    /// # Errors
    /// [`IllegalEvent`] if the event does not fit; the state stays what it is.
    pub fn apply(&self, event: RunEvent) -> Applied {
        match (&self.at, event) {
            (At::Advancing { stage }, RunEvent::StageFound { stage: found, name, shards })
                if *stage == found =>
            {
                self.opened(found, Plan { name, shards, expected_shard_us: None })
            }
            (At::Advancing { stage }, RunEvent::Advanced { stage: of, outcome, expected_shard_us })
                if *stage == of =>
            {
                self.advanced(of, outcome, expected_shard_us)
            }
            (At::Opening { stage, plan }, RunEvent::StageStored { stage: of, outcome }) if *stage == of => {
                match outcome {
                    StageOutcome::Opened | StageOutcome::AlreadyEqual => self.opened(of, plan.clone()),
                    StageOutcome::Differs => self.fail(nondeterministic(of)),
                    StageOutcome::RunOver => self.ended_elsewhere(),
                }
            }
            // of a stage that was gone on from already: only bad news changes anything
            (
                At::Advancing { .. } | At::Opening { .. } | At::Executing { .. } | At::Ending { .. },
                RunEvent::StageStored { outcome: StageOutcome::Opened | StageOutcome::AlreadyEqual, .. },
            ) => self.goes_on(self.at.clone(), Vec::new()),
            (
                At::Advancing { .. } | At::Opening { .. } | At::Executing { .. } | At::Ending { .. },
                RunEvent::StageStored { stage, outcome: StageOutcome::Differs },
            ) => self.fail(nondeterministic(stage)),
            (
                At::Executing { stage },
                RunEvent::StageComputed { stage: of } | RunEvent::StageFinished { stage: of },
            ) if *stage == of => {
                let stage = of.next();
                self.goes_on(At::Advancing { stage }, vec![RunEffect::Advance { stage }])
            }
            // with the report on its way: a result that it builds on was refused, and the report with it
            (
                At::Advancing { .. }
                | At::Opening { .. }
                | At::Executing { .. }
                | At::Ending { phase: RunPhase::Succeeded },
                RunEvent::TaskFailed { error },
            ) => self.fail(error),
            (At::Advancing { .. } | At::Opening { .. } | At::Executing { .. }, RunEvent::DeadlinePassed) => {
                self.fail(error("deadline", "the deadline passed before the run was done".to_owned(), None))
            }
            (
                At::Advancing { .. }
                | At::Opening { .. }
                | At::Executing { .. }
                | At::Ending { phase: RunPhase::Succeeded },
                RunEvent::Refused { stage, detail },
            ) => {
                let what =
                    stage.map_or_else(|| "report".to_owned(), |stage| format!("state of stage {stage}"));
                let message = format!("the {what} cannot be stored: {detail}");
                self.fail(error(TaskErrorKind::Unstorable.as_str(), message, stage))
            }
            (At::Ending { phase }, RunEvent::EndStored { applied: true }) => {
                self.goes_on(At::Ended { phase: *phase }, vec![RunEffect::Close])
            }
            (At::Ending { .. }, RunEvent::EndStored { applied: false })
            | (
                At::Advancing { .. } | At::Opening { .. } | At::Executing { .. } | At::Ending { .. },
                RunEvent::EndedElsewhere | RunEvent::StageStored { outcome: StageOutcome::RunOver, .. },
            ) => self.ended_elsewhere(),
            (_, event) => Err(IllegalEvent { state: self.describe(), event: event.name() }),
        }
    }

    fn advanced(&self, stage: StageIndex, outcome: Outcome, expected_shard_us: Option<u64>) -> Applied {
        let (name, state, shards, note) = match outcome {
            Outcome::Opened { name, state, shards, note } => (name, state, shards, note),
            Outcome::Done { report } => {
                let end = vec![RunEffect::StoreEnd(RunEnd::Succeeded { report })];
                return self.goes_on(At::Ending { phase: RunPhase::Succeeded }, end);
            }
        };
        let over = if stage.0 >= STAGES_PER_RUN {
            Some(format!("the run opens more than {STAGES_PER_RUN} stages"))
        } else if shards > SHARDS_PER_STAGE {
            Some(format!(
                "stage {stage} ({name}) has {shards} shards; at most {SHARDS_PER_STAGE} are allowed"
            ))
        } else if state.len() > STATE_BYTES {
            let bytes = state.len();
            Some(format!(
                "the state of stage {stage} ({name}) takes {bytes} bytes; at most {STATE_BYTES} are allowed"
            ))
        } else {
            None
        };
        if let Some(message) = over {
            return self.fail(error("limit", message, Some(stage)));
        }
        let state_bytes = state.len();
        let store = RunEffect::StoreStage { stage, name: name.clone(), state, shards, note };
        if self.until == Until::Planned || shards == 0 || state_bytes > self.state_ahead_bytes {
            let plan = Plan { name, shards, expected_shard_us };
            return self.goes_on(At::Opening { stage, plan }, vec![store]);
        }
        self.goes_on(At::Executing { stage }, vec![store, RunEffect::Execute { stage, name, shards }])
    }

    /// The stage is durable.
    fn opened(&self, stage: StageIndex, plan: Plan) -> Applied {
        let Plan { name, shards, expected_shard_us } = plan;
        if self.until == Until::Planned {
            let shard_s = expected_shard_us.map(|us| us as f64 / 1e6);
            let lane_s = shard_s.map(|seconds| seconds * f64::from(shards));
            let estimate = json!({ "stage": name, "shards": shards, "shard_s": shard_s, "lane_s": lane_s });
            let end = vec![RunEffect::Close, RunEffect::StoreEnd(RunEnd::Planned { estimate })];
            return self.goes_on(At::Ending { phase: RunPhase::Planned }, end);
        }
        if shards == 0 {
            let stage = stage.next();
            return self.goes_on(At::Advancing { stage }, vec![RunEffect::Advance { stage }]);
        }
        self.goes_on(At::Executing { stage }, vec![RunEffect::Execute { stage, name, shards }])
    }

    /// Tasks stop at once; the end is told when it is durable.
    fn fail(&self, error: RunError) -> Applied {
        let end = vec![RunEffect::Close, RunEffect::StoreEnd(RunEnd::Failed { error })];
        self.goes_on(At::Ending { phase: RunPhase::Failed }, end)
    }

    fn ended_elsewhere(&self) -> Applied {
        self.goes_on(At::Ended { phase: RunPhase::Cancelled }, vec![RunEffect::Close])
    }

    #[allow(clippy::unnecessary_wraps)] // the shape of `apply`
    fn goes_on(&self, at: At, effects: Vec<RunEffect>) -> Applied {
        let Self { until, state_ahead_bytes, .. } = *self;
        Ok((Self { until, state_ahead_bytes, at }, effects))
    }

    fn describe(&self) -> String {
        match &self.at {
            At::Advancing { stage } => format!("advancing to stage {stage}"),
            At::Opening { stage, .. } => format!("opening stage {stage}"),
            At::Executing { stage } => format!("executing stage {stage}"),
            At::Ending { phase } => format!("ending ({})", phase.as_str()),
            At::Ended { phase } => phase.as_str().to_owned(),
        }
    }
}

impl RunEvent {
    /// What happened, for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StageFound { .. } => "a stage that was found",
            Self::Advanced { .. } => "the outcome of an advance",
            Self::StageStored { .. } => "a stored stage",
            Self::StageComputed { .. } => "a computed stage",
            Self::StageFinished { .. } => "a finished stage",
            Self::TaskFailed { .. } => "a failed task",
            Self::Refused { .. } => "a refused document",
            Self::DeadlinePassed => "a passed deadline",
            Self::EndedElsewhere => "an end from elsewhere",
            Self::EndStored { .. } => "a stored end",
        }
    }
}

fn nondeterministic(stage: StageIndex) -> RunError {
    let message =
        format!("opening stage {stage} again gave another state: the algorithm is not deterministic");
    error("nondeterministic", message, Some(stage))
}

fn error(kind: &str, message: String, stage: Option<StageIndex>) -> RunError {
    RunError {
        kind: kind.to_owned(),
        message,
        pointer: None,
        stage: stage.map(|stage| stage.0),
        shard: None,
        worker: None,
        attempts: None,
    }
}
