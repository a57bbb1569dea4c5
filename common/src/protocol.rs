//! Every message between a coordinator and a worker, one enum per direction.
//!
//! All are casts: nothing waits for an answer, every fact is repeated until it is acknowledged or superseded, and late
//! or repeated news is ordinary. Commands are imperative, facts are past tense. `docs/protocol.md` tells the story.

use ractor_cluster::RactorClusterMessage;
use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, Epoch, LeaseId, RunId, StageIndex, WorkerId};
use crate::run::{Outcome, Task, TaskError};
use crate::wire::Frame;

/// The process group in which the leader's gateway is found.
pub const COORDINATOR_GROUP: &str = "netplanner/coordinator";

/// The process group in which one connection of one worker is found.
#[must_use]
pub fn worker_group(worker: WorkerId, incarnation: u32) -> String {
    format!("netplanner/worker/{worker}/{incarnation}")
}

/// What the leader's gateway receives from the cluster: a [`FromWorker`] in a frame.
#[derive(RactorClusterMessage, Debug)]
pub enum GatewayMessage {
    /// An encoded [`FromWorker`].
    Frame(Frame),
}

/// What a worker's agent receives from the cluster: a [`ToWorker`] in a frame.
#[derive(RactorClusterMessage, Debug)]
pub enum AgentMessage {
    /// An encoded [`ToWorker`].
    Frame(Frame),
}

/// From a worker to the leader. Every message names its sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FromWorker {
    /// Who speaks.
    pub worker: WorkerId,
    /// Counts the worker's connections: news of an earlier connection is recognised.
    pub incarnation: u32,
    /// What it says.
    pub fact: WorkerFact,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WorkerFact {
    /// The first message of a connection, repeated until `Welcome` or `Refuse` arrives.
    Hello(Hello),
    /// Once a second: what the worker holds. Heals every lost message.
    Heartbeat(Heartbeat),
    /// A lane began with the lease's task; from here on a death of the worker is charged to it.
    Started {
        /// Leases that began.
        leases: Vec<LeaseId>,
    },
    /// Results that are small enough to travel unasked, all of a batch's in one message.
    Finished(Vec<ShardResult>),
    /// Results that wait to be asked for with [`WorkerCommand::Send`].
    Announced(Vec<Announcement>),
    /// A piece of an announced result.
    ResultPiece {
        /// Which result.
        result: ResultKey,
        /// Byte offset of this piece.
        offset: u64,
        /// Size of the whole result.
        total: u64,
        /// CPU time of the computation in microseconds.
        cpu_us: u64,
        /// The bytes.
        #[serde(with = "crate::wire::octets")]
        bytes: Vec<u8>,
    },
    /// An [`crate::run::TaskKind::Advance`] ended well with a small outcome.
    Advanced {
        /// The lease of the task.
        lease: LeaseId,
        /// The run.
        run: RunId,
        /// The stage that was to be opened.
        stage: StageIndex,
        /// CPU time in microseconds.
        cpu_us: u64,
        /// What came out.
        outcome: Outcome,
    },
    /// A shard, or an advance, failed.
    Failed {
        /// The lease of the task.
        lease: LeaseId,
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// The shard; none for an advance.
        shard: Option<u32>,
        /// Why.
        error: TaskError,
        /// What the algorithm said while it worked at the shard, at most [`crate::limits::NOTE_BYTES`].
        note: Option<String>,
    },
    /// The worker will not do (the rest of) these leases: drain, withdrawal, cancel. Charged to nobody.
    HandedBack {
        /// The leases.
        leases: Vec<LeaseId>,
    },
    /// The worker wants the piece of a document that begins at `offset`. One `Fetch` yields one
    /// [`WorkerCommand::Piece`] or [`WorkerCommand::Unavailable`]; it is repeated when neither comes.
    Fetch {
        /// Which document.
        key: DocumentKey,
        /// Byte offset from which on; 0 first.
        offset: u64,
    },
    /// The worker leaves now; it holds nothing any more.
    Leaving,
}

/// Who a worker is and what it can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Build of the worker, for people (`0.1.0+abc123`).
    pub build: String,
    /// Where it runs, for people (host or pod name).
    pub host: String,
    /// Tasks it runs at a time.
    pub lanes: u16,
    /// What it is, as pairs: runs may ask for a worker that has certain ones.
    pub labels: Vec<(String, String)>,
    /// Its [`crate::algorithm::AlgorithmDescriptor`]s, as JSON bytes.
    #[serde(with = "crate::wire::octets")]
    pub algorithms: Vec<u8>,
    /// What it still holds from before.
    pub held: Heartbeat,
}

/// What a worker holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Leases given to the worker and not ended, started ones first. A lease ends for the worker when the outcome of
    /// its last shard was sent, so whoever misses a lease here has all its outcomes already or will be sent them again.
    pub leases: Vec<HeldLease>,
    /// Results sent on this connection and not yet acknowledged with `Stored`, oldest first, at most
    /// [`crate::limits::LISTED_RESULTS`] of them; all are re-sent after a `Welcome`. In a `Hello`: results kept
    /// from before.
    pub unacknowledged: Vec<ResultKey>,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// What the process may use at most, in bytes; 0 if it does not know.
    pub memory_limit_bytes: u64,
    /// Whether it is so near its limit that it begins nothing beside what it computes.
    pub short_of_memory: bool,
    /// The inputs it has, the last used first, at most [`crate::limits::LISTED_INPUTS`]; none if they are those it told
    /// last on this connection.
    pub inputs: Option<Vec<ContentHash>>,
    /// CPU time of the process so far in microseconds.
    pub cpu_us: u64,
    /// Whether it takes no more.
    pub draining: bool,
}

/// A lease as its holder sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLease {
    /// Which.
    pub lease: LeaseId,
    /// For what.
    pub task: Task,
    /// Milliseconds since a lane began with it; none while it waits.
    pub started_ms_ago: Option<u64>,
    /// Shards of it that are finished.
    pub finished: u32,
}

/// Names one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResultKey {
    /// The lease it was computed under. Whether the result counts does not depend on it.
    pub lease: LeaseId,
    /// The run.
    pub run: RunId,
    /// The stage of the shard, or the stage that an advance opens.
    pub stage: StageIndex,
    /// The shard; none for the outcome of an advance.
    pub shard: Option<u32>,
}

/// One shard's partial result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardResult {
    /// Which.
    pub key: ResultKey,
    /// When it began, microseconds since the Unix epoch by the worker's clock; for people.
    pub started_us: u64,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds; sizes the next ranges.
    pub wall_us: u64,
    /// The partial result, as JSON bytes checked to be storable.
    #[serde(with = "crate::wire::octets")]
    pub json: Vec<u8>,
}

/// A result too large to be sent unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Which; for an advance, the bytes are an [`Outcome`] written by [`crate::wire::pack`].
    pub key: ResultKey,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it began, as in [`ShardResult`].
    pub started_us: u64,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
}

/// From the leader to a worker. Commands of an older epoch than the newest seen are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToWorker {
    /// The leadership that speaks.
    pub epoch: Epoch,
    /// What to do.
    pub command: WorkerCommand,
}

/// What the leader says to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WorkerCommand {
    /// Answers `Hello`: the worker is known and may get work. Unacknowledged results are sent again now.
    Welcome {
        /// How often to send a heartbeat.
        heartbeat_ms: u32,
        /// After how much silence of the leader to reconnect.
        silence_ms: u32,
    },
    /// Answers `Hello`: this worker cannot work here; it says so in its log and tries again later.
    Refuse {
        /// Why and what to do about it.
        reason: String,
    },
    /// Once a second.
    Heartbeat,
    /// Do these tasks, in this order.
    Assign(Vec<Assignment>),
    /// Hand back these leases if no lane has begun with them.
    Withdraw {
        /// The leases.
        leases: Vec<LeaseId>,
    },
    /// Forget these leases at once and stop what runs under them: others hold them, or nobody wants them any more.
    Revoke {
        /// The leases.
        leases: Vec<LeaseId>,
    },
    /// The run ended: stop its tasks within a second, drop its results and cached documents.
    Cancel {
        /// The run.
        run: RunId,
    },
    /// These results are durable, or unwanted: drop them.
    Stored {
        /// The results.
        results: Vec<ResultKey>,
    },
    /// Send the piece of this result that begins at `offset`, announced or not. One `Send` yields one
    /// [`WorkerFact::ResultPiece`] of at most [`crate::limits::PIECE_BYTES`]; the receiver sets the pace by asking
    /// for the next one. A result that the worker does not have (any more) yields nothing.
    Send {
        /// Which.
        result: ResultKey,
        /// From which byte on.
        offset: u64,
    },
    /// A piece of a document that was fetched. A whole small document may also come unasked, before the assignment that
    /// needs it.
    Piece {
        /// Which document.
        key: DocumentKey,
        /// Byte offset of this piece.
        offset: u64,
        /// Size of the whole document.
        total: u64,
        /// The bytes; at least one unless `total` is 0.
        #[serde(with = "crate::wire::octets")]
        bytes: Vec<u8>,
    },
    /// A document that was fetched cannot be had.
    Unavailable {
        /// Which document.
        key: DocumentKey,
        /// Why.
        reason: String,
        /// Whether it will never be there (the run is gone).
        forever: bool,
    },
    /// Take no more, finish or hand back what you hold.
    Drain,
    /// Take work again.
    Undrain,
}

/// One lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its id.
    pub lease: LeaseId,
    /// What to do.
    pub task: Task,
    /// After how long a single shard of it counts as hung; 0 for never.
    pub shard_timeout_ms: u64,
}

/// Names a document that a worker can fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DocumentKey {
    /// A run's [`crate::run::RunSpec`], as JSON.
    Run(RunId),
    /// An input of a run, by the hash of its bytes.
    Input(ContentHash),
    /// The state of an open stage.
    State {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
    },
    /// Stored partial results of a stage, in ascending order of shards, as many as fit a page: a
    /// [`PartialsPage`] written by [`crate::wire::pack`].
    Partials {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// The first shard of the page.
        from: u32,
    },
}

/// A page of stored partial results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialsPage {
    /// Shard numbers and JSON bytes, ascending and without gaps from the page's `from`.
    #[serde(with = "crate::wire::numbered_octets")]
    pub partials: Vec<(u32, Vec<u8>)>,
    /// The first shard of the next page; none after the last.
    pub next: Option<u32>,
    /// Whether the documents have the form that Postgres gives back. Those that it does not have yet are brought into it
    /// by their reader, so that a merge sees the same either way.
    pub normalised: bool,
}
