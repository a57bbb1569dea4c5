//! What the writer is told, and what it tells when it is durable.

use common::ids::{RunId, StageIndex};
use common::limits::HELD_RESULT_BYTES;
use serde_json::Value;
use uuid::Uuid;

use crate::store::runs::RunError;

/// Something that happened and has to be remembered.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A stage opens. Closes the stage before it and writes the events `stage_closed` and `stage_opened`.
    StageOpened {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// Its name.
        name: String,
        /// Its state: exact bytes.
        state: Vec<u8>,
        /// How many shards it has.
        shards: u32,
        /// What the algorithm tells people, a JSON object.
        note: Option<Vec<u8>>,
    },
    /// A shard's partial result came in.
    Shard(ShardRow),
    /// An attempt failed. Counted, listed with the shard, and written as event `shard_failed`.
    ShardFailed {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// The shard; none for an advance.
        shard: Option<u32>,
        /// Where it failed.
        worker: Option<Uuid>,
        /// [`common::run::TaskErrorKind::as_str`].
        kind: String,
        /// For people.
        message: String,
        /// What the algorithm said while it worked at the shard.
        note: Option<String>,
    },
    /// The run ends, unless it ended before. Closes the open stage and writes the event of its end.
    RunEnded {
        /// The run.
        run: RunId,
        /// How.
        end: RunEnd,
    },
    /// Something worth telling to people happened to a run.
    Event {
        /// The run.
        run: RunId,
        /// What.
        kind: String,
        /// Details.
        body: Value,
    },
    /// What a run waits for now; none when it does not wait. Not an event.
    Waiting {
        /// The run.
        run: RunId,
        /// For people.
        reason: Option<String>,
    },
}

/// A shard's partial result on its way into the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRow {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: StageIndex,
    /// The shard.
    pub shard: u32,
    /// The partial result: JSON bytes, which Postgres checks.
    pub json: Vec<u8>,
    /// Who computed it.
    pub worker: Uuid,
    /// When, in microseconds since the Unix epoch by the worker's clock.
    pub started_us: u64,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
}

/// How a run ends by the engine's hand.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEnd {
    /// With a report.
    Succeeded {
        /// JSON bytes, which Postgres checks.
        report: Vec<u8>,
    },
    /// With an error.
    Failed {
        /// Which.
        error: RunError,
    },
    /// Planned, as was asked for.
    Planned {
        /// Stage, shards, and what they may take.
        estimate: Value,
    },
}

/// What became durable, in the order of the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A stage.
    Stage {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// What was found.
        outcome: StageOutcome,
    },
    /// Shards of one stage, also those that were stored before.
    Shards {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// The shards.
        shards: Vec<u32>,
    },
    /// A partial result that Postgres does not take; nothing of it is stored.
    ShardRefused {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// The shard.
        shard: u32,
        /// The message of Postgres.
        detail: String,
    },
    /// The end of a run.
    Ended {
        /// The run.
        run: RunId,
        /// Whether this fact ended it; otherwise it had ended before (cancelled) or is gone.
        applied: bool,
    },
    /// A stage or an end that Postgres does not take; nothing of it is stored, the run is as before.
    Refused {
        /// The run.
        run: RunId,
        /// The stage; none for the end.
        stage: Option<StageIndex>,
        /// The message of Postgres.
        detail: String,
    },
}

/// What the writer found when a stage was to be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StageOutcome {
    /// It is open now.
    Opened,
    /// It was open already, with the same name, state and number of shards.
    AlreadyEqual,
    /// It was open already and differs: the algorithm is not deterministic.
    Differs,
    /// The run ended before, or is gone.
    RunOver,
}

impl Fact {
    /// The run it belongs to.
    #[must_use]
    pub const fn run(&self) -> RunId {
        match self {
            Self::Shard(ShardRow { run, .. })
            | Self::StageOpened { run, .. }
            | Self::ShardFailed { run, .. }
            | Self::RunEnded { run, .. }
            | Self::Event { run, .. }
            | Self::Waiting { run, .. } => *run,
        }
    }

    /// About how many bytes it takes while it waits.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.bytes() + HELD_RESULT_BYTES
    }

    /// About how many bytes it takes in a transaction.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// Keys, times and the overhead of a row.
        const ROW: usize = 96;
        ROW + match self {
            Self::Shard(row) => row.json.len(),
            Self::StageOpened { state, note, .. } => state.len() + note.as_ref().map_or(0, Vec::len),
            Self::RunEnded { end: RunEnd::Succeeded { report }, .. } => report.len(),
            Self::ShardFailed { message, note, .. } => message.len() + note.as_ref().map_or(0, String::len),
            Self::RunEnded { .. } | Self::Event { .. } | Self::Waiting { .. } => 256,
        }
    }
}
