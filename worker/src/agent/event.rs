//! What happens to an agent, and what it does about it: the two languages of [`super::core::Core`].

use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{ContentHash, LeaseId, RunId};
use common::protocol::{DocumentKey, ToWorker, WorkerFact};
use common::run::{ShardRange, Task, TaskError};

use super::outbox::Kept;

/// A fact for the core.
#[derive(Debug)]
pub enum AgentEvent {
    /// A connection to a coordinator is ready.
    LinkUp {
        /// Its number, from 1.
        incarnation: u32,
    },
    /// The connection is gone.
    LinkDown,
    /// The leader said something.
    Said(ToWorker),
    /// Everything that a lease's task needs is here.
    Prepared {
        /// Which lease.
        lease: LeaseId,
    },
    /// What a lease's task needs cannot be had.
    Unprepared {
        /// Which lease.
        lease: LeaseId,
        /// Why.
        error: TaskError,
    },
    /// A lane computed something.
    Computed {
        /// Under which lease.
        lease: LeaseId,
        /// What, in order.
        outcomes: Vec<Computed>,
    },
    /// A lane returned.
    LaneFreed {
        /// From which lease.
        lease: LeaseId,
        /// How far it came.
        end: LaneEnd,
    },
    /// Time passed.
    Tick {
        /// The shard of each lane that computes one, and since when.
        running: Vec<(LeaseId, u32, Timestamp)>,
        /// What the process uses.
        usage: Usage,
    },
    /// The inputs that are here, those used last first; not the same as before.
    Cached(Vec<ContentHash>),
    /// The process was asked to end.
    Terminate,
}

/// What a lane computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Computed {
    /// A result.
    Result(Kept),
    /// What the algorithm said while it worked at a shard that gives no result. Comes before the failure.
    Noted {
        /// The shard; none for an advance.
        shard: Option<u32>,
        /// What.
        note: String,
    },
    /// None, because.
    Failed {
        /// The shard; none for an advance.
        shard: Option<u32>,
        /// Why.
        error: TaskError,
    },
}

/// How a lane returned from a task. What it computed was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneEnd {
    /// The task is done, or the advance failed.
    Done,
    /// It was told to stop.
    Stopped {
        /// The first shard without an outcome; none for an advance.
        next: Option<u32>,
    },
    /// A shard panicked; its failure was told.
    Panicked {
        /// The shard after it; none for an advance.
        next: Option<u32>,
    },
    /// A failure that the rest of the range would meet again; the rest goes back.
    GaveUp {
        /// The first shard that goes back; none for an advance.
        next: Option<u32>,
    },
}

/// What the process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// CPU time so far in microseconds.
    pub cpu_us: u64,
}

/// News of a document that was fetched.
#[derive(Debug, PartialEq, Eq)]
pub enum Document {
    /// See [`common::protocol::WorkerCommand::Piece`].
    Piece {
        /// Which document.
        key: DocumentKey,
        /// Where the piece begins.
        offset: u64,
        /// Size of the whole.
        total: u64,
        /// The piece.
        bytes: Vec<u8>,
    },
    /// See [`common::protocol::WorkerCommand::Unavailable`].
    Unavailable {
        /// Which document.
        key: DocumentKey,
        /// Why.
        reason: String,
        /// Whether it will never be there.
        forever: bool,
    },
}

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to.
    Clean,
    /// A lane does not return.
    Stuck,
}

/// How long the farewell may take to reach the leader after the core is done.
pub const FAREWELL: Duration = Duration::from_millis(150);

/// What the core wants done.
#[derive(Debug, PartialEq)]
pub enum AgentAction {
    /// Tell the leader.
    Say(WorkerFact),
    /// The leader can be asked for documents, or not any more.
    Online(bool),
    /// Get what the task needs, then say [`AgentEvent::Prepared`].
    Prepare {
        /// Which lease.
        lease: LeaseId,
        /// Its task.
        task: Task,
    },
    /// The lease needs nothing any more.
    Unprepare {
        /// Which lease.
        lease: LeaseId,
    },
    /// Give the task to a free lane.
    Begin {
        /// Which lease.
        lease: LeaseId,
        /// Its task.
        task: Task,
        /// What is left of its range.
        rest: Option<ShardRange>,
    },
    /// Tell the lane to return soon.
    Stop {
        /// Which lease.
        lease: LeaseId,
    },
    /// Results are no longer kept.
    Release {
        /// Their bytes.
        bytes: usize,
    },
    /// The run ended: its documents are of no use.
    ForgetRun(RunId),
    /// Memory is short: drop every document that no task needs now.
    DropDocuments,
    /// News for the library.
    Document(Document),
    /// The leader wants no part of this worker; for the log.
    Refused {
        /// Why.
        reason: String,
    },
    /// End the connection and make another.
    Reconnect {
        /// Whether a leader refused this worker, so that there is no hurry.
        refused: bool,
    },
    /// A lane does not return; for the log.
    Stuck {
        /// Under which lease.
        lease: LeaseId,
        /// Of which run.
        run: Option<RunId>,
    },
    /// End the process.
    Exit(Exit),
}
