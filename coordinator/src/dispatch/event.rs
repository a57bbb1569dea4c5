//! What the scheduler is told and what it orders. Commands are imperative, events past tense.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::ids::{ContentHash, LeaseId, RunId, StageIndex, WorkerId};
use common::protocol::{Hello, WorkerCommand, WorkerFact};
use common::run::{Outcome, ShardRange, TaskError};

/// What dispatch knows of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOffer {
    /// Its id.
    pub run: RunId,
    /// Name and version of its algorithm; only workers that offer both get its tasks.
    pub algorithm: (String, u32),
    /// Who shares lanes with others.
    pub submitter: String,
    /// Among the runs of one submitter, higher goes first.
    pub priority: i32,
    /// When it was submitted, microseconds since the Unix epoch; older goes first.
    pub submitted_us: i64,
    /// What else it asks of a worker.
    pub wants: RunWants,
}

impl RunOffer {
    /// Memory that a task of it may take, in bytes; 0 if it does not say.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        u64::from(self.wants.memory_mib) << 20
    }
}

/// What a run asks of a worker beside its algorithm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunWants {
    /// Only workers with all of these labels get its tasks.
    pub labels: BTreeMap<String, String>,
    /// Memory that a task of it may take, in MiB; 0 if it does not say.
    pub memory_mib: u32,
    /// Its inputs: workers that have them come first where there is a choice.
    pub inputs: Vec<ContentHash>,
}

/// What a run needs done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// One task that opens `stage`.
    Advance {
        /// The stage to open.
        stage: StageIndex,
    },
    /// The shards of a stage, at least one.
    Shards {
        /// The stage.
        stage: StageIndex,
        /// Its name; durations are remembered by it.
        name: String,
        /// How many.
        shards: u32,
        /// Those whose results are stored already.
        stored: Vec<ShardRange>,
    },
}

/// A fact for the scheduler.
#[derive(Clone, Debug)]
pub enum DispatchEvent {
    /// A run has something to do. The first time its offer is noted; `resumed` work may be under way on workers that
    /// have not spoken yet, so it is handed out only after listening.
    Ready {
        /// The run.
        offer: RunOffer,
        /// What it needs.
        work: Work,
        /// Whether it was begun under an earlier leadership.
        resumed: bool,
    },
    /// The run ended, or is about to end badly: nothing of it is wanted any more.
    Closed {
        /// The run.
        run: RunId,
    },
    /// A worker introduced itself.
    Hello {
        /// Who.
        worker: WorkerId,
        /// Which of its connections.
        incarnation: u32,
        /// What it said.
        hello: Hello,
        /// Names and versions out of its descriptors.
        offers: Vec<(String, u32)>,
    },
    /// A worker said something else.
    Heard {
        /// Who.
        worker: WorkerId,
        /// Over which connection.
        incarnation: u32,
        /// What.
        fact: WorkerFact,
    },
    /// A connection ended.
    Unlinked {
        /// Whose.
        worker: WorkerId,
        /// Which.
        incarnation: u32,
    },
    /// Results of a stage are durable.
    Stored {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// The shards.
        shards: Vec<u32>,
    },
    /// A stage is open, and the outcome that opened it durable. Its shards may have been handed out before.
    StageStored {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
    },
    /// The database will never take this result.
    Refused {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// The shard.
        shard: u32,
        /// Why.
        detail: String,
    },
    /// How much waits for the database.
    WriterBacklog {
        /// Bytes queued.
        bytes: u64,
    },
    /// An operator wants a worker empty, or back.
    DrainAsked {
        /// Which.
        worker: WorkerId,
        /// Whether to drain it.
        on: bool,
    },
    /// An operator holds everything, or lets it go on.
    Paused(bool),
    /// Whether workers cannot be heard yet, because a leadership is being built. Listening to what they hold begins
    /// when they can.
    Deaf(bool),
    /// These runs, and no others, are held by whoever they belong to.
    RunsPaused(BTreeSet<RunId>),
    /// Time passed.
    Tick,
}

/// A result on its way to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: StageIndex,
    /// The shard.
    pub shard: u32,
    /// The lease it came under.
    pub lease: LeaseId,
    /// Who sent it.
    pub worker: WorkerId,
    /// When it began, microseconds since the Unix epoch by the worker's clock.
    pub started_us: u64,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// The partial result.
    pub json: Vec<u8>,
}

/// What the scheduler wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum DispatchCommand {
    /// Tell a worker something.
    Send {
        /// Whom.
        worker: WorkerId,
        /// Over which connection.
        incarnation: u32,
        /// What.
        command: WorkerCommand,
    },
    /// Make these results durable.
    Store(Vec<ResultRow>),
    /// Tell the run that its advance has an outcome.
    Advanced {
        /// The run.
        run: RunId,
        /// The stage that was to be opened.
        stage: StageIndex,
        /// What came out.
        outcome: Outcome,
        /// What a shard of the stage took in earlier runs, in microseconds, if there were any.
        expected_shard_us: Option<u64>,
    },
    /// Tell the run that every result of its stage is here. They are on their way to the database, and few enough to be
    /// merged from memory.
    StageComputed {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
        /// Every result, in ascending order of shards.
        partials: Vec<(u32, Vec<u8>)>,
    },
    /// Tell the run that every result of its stage is durable.
    StageFinished {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageIndex,
    },
    /// Tell the run that it cannot go on.
    TaskFailed(FailedTask),
    /// Remember that an attempt failed; another follows, unless a `TaskFailed` does.
    NoteFailure(FailedTask),
    /// Say what a run waits for; none when it does not wait.
    Waiting {
        /// The run.
        run: RunId,
        /// For what.
        reason: Option<WaitingReason>,
    },
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedTask {
    /// The run.
    pub run: RunId,
    /// The stage that was executed or to be opened.
    pub stage: StageIndex,
    /// The shard; none for an advance.
    pub shard: Option<u32>,
    /// On which worker; none if the database refused the result.
    pub worker: Option<WorkerId>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// Why.
    pub error: TaskError,
    /// What the algorithm said while it worked at the shard.
    pub note: Option<String>,
}

/// Why a run that could go on does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitingReason {
    /// No worker is connected.
    NoWorker,
    /// Workers are connected, but none offers the algorithm in this version.
    NoWorkerOffers {
        /// Its name.
        algorithm: String,
        /// The version the run is pinned to.
        version: u32,
    },
    /// Workers offer the algorithm, but none has all the labels it needs.
    Label {
        /// Name of the algorithm.
        algorithm: String,
        /// The labels that none of them has; all that are needed, if each is somewhere and nowhere are all.
        missing: BTreeMap<String, String>,
    },
    /// No worker that could do it has as much memory as a task of it may take.
    Memory {
        /// What a task may take, in MiB.
        wanted_mib: u64,
        /// What the largest worker has, in MiB.
        most_mib: u64,
    },
    /// Every worker that could do it with a free lane needs its memory for what it computes.
    MemoryInUse,
    /// Every worker that could do it takes no more.
    Draining,
    /// An operator holds everything.
    Paused,
    /// It is held itself.
    RunPaused,
    /// Its submitter uses as many lanes as one may.
    Quota {
        /// How many.
        lanes: u32,
    },
    /// All that is left of it rests after failed attempts.
    Backoff {
        /// The shard that is tried again next.
        shard: u32,
    },
    /// Every lane has something else to do.
    Busy,
    /// After a restart: workers may still hold parts of it.
    Listening,
    /// Results are stored more slowly than they are computed.
    Database,
    /// As many shards are planned as may be, some of them for its submitter.
    Planned {
        /// How many may be.
        most: u64,
    },
}

impl std::fmt::Display for WaitingReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoWorker => f.write_str("no worker is connected"),
            Self::NoWorkerOffers { algorithm, version } => {
                write!(f, "no connected worker offers {algorithm} version {version}")
            }
            Self::Label { algorithm, missing } => {
                write!(f, "label: no connected worker that offers {algorithm} has")?;
                for (number, (key, value)) in missing.iter().enumerate() {
                    write!(f, "{} {key}={value}", if number == 0 { "" } else { " and" })?;
                }
                Ok(())
            }
            Self::Memory { wanted_mib, most_mib } => write!(
                f,
                "memory: a task may take {wanted_mib} MiB, and the largest worker that could do it has {most_mib} MiB"
            ),
            Self::MemoryInUse => {
                f.write_str("memory: the workers with free lanes need their memory for what they compute")
            }
            Self::Draining => f.write_str("every worker that could do it is draining"),
            Self::Paused => f.write_str("paused: the queue is paused"),
            Self::RunPaused => f.write_str("paused: the run is paused"),
            Self::Quota { lanes } => {
                write!(f, "quota: its submitter uses all {lanes} lanes that one may use at a time")
            }
            Self::Backoff { shard } => {
                write!(f, "retry: shard {shard} rests after a failed attempt before it is tried again")
            }
            Self::Busy => f.write_str("all lanes are busy"),
            Self::Listening => f.write_str("listening for results from before the restart"),
            Self::Database => f.write_str("the database stores more slowly than results arrive"),
            Self::Planned { most } => write!(
                f,
                "shards: {most} or more are planned and not done, some of them of its submitter's other runs"
            ),
        }
    }
}

/// Settings of dispatch. `config.rs` gives their reasons.
#[derive(Clone, Copy, Debug)]
pub struct DispatchSettings {
    /// Result bytes that may be on their way from workers at a time.
    pub pool_bytes: u64,
    /// Result bytes waiting for the database above which no more work is handed out.
    pub writer_bytes: u64,
    /// Result bytes that may be on their way from one worker at a time; a larger result goes alone.
    pub worker_bytes: u64,
    /// Announced bytes of one worker above which it gets no more work.
    pub announced_bytes: u64,
    /// Shards of open stages above which no further stage is opened for whoever has one open.
    pub planned_shards: u64,
    /// How far work runs ahead of storage.
    pub ahead: AheadSettings,
    /// Leases a worker may hold beyond its lanes; at most one for each lane.
    pub prefetch: u16,
    /// Between heartbeats.
    pub heartbeat: Duration,
    /// After this much silence a worker gets no more work and its shards are copied.
    pub suspect: Duration,
    /// After this much silence it counts as dead.
    pub silence: Duration,
    /// After this much silence of the leader a worker looks for another.
    pub leader_silence: Duration,
    /// After this long without a connection it counts as dead.
    pub reconnect: Duration,
    /// For how long resumed work is not handed out.
    pub listen: Duration,
    /// After how long a single shard counts as hung; zero for never.
    pub shard_timeout: Duration,
    /// Failed attempts at a shard that fail its run.
    pub attempts: u32,
    /// Workers that a lone shard may take down before it fails its run.
    pub deaths: u32,
    /// How long a shard rests after its first failed attempt; twice as long after each further one.
    pub backoff: Duration,
    /// The longest rest of a shard.
    pub backoff_most: Duration,
    /// Lanes that the runs of one submitter may use at a time; 0 for any number.
    pub user_lanes: u32,
}

/// How far work runs ahead of storage. `config.rs` gives the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AheadSettings {
    /// Most shards of a stage that is merged from memory.
    pub shards: u32,
    /// Most bytes of the results of such a stage.
    pub bytes: usize,
    /// Most bytes of results kept for merging, of all runs together. Above it stages are merged when they are stored.
    pub all_bytes: usize,
    /// The largest state of a stage whose shards are handed out before it is durable.
    pub state_bytes: usize,
}

impl Default for AheadSettings {
    fn default() -> Self {
        Self { shards: 64, bytes: 64 << 10, all_bytes: 16 << 20, state_bytes: 256 << 10 }
    }
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            pool_bytes: 64 << 20,
            writer_bytes: 32 << 20,
            worker_bytes: 32 << 20,
            announced_bytes: 64 << 20,
            planned_shards: 100_000_000,
            ahead: AheadSettings::default(),
            prefetch: 8,
            heartbeat: Duration::from_secs(1),
            suspect: Duration::from_secs(2),
            silence: Duration::from_secs(5),
            leader_silence: Duration::from_secs(3),
            reconnect: Duration::from_millis(300),
            listen: Duration::from_secs(2),
            shard_timeout: Duration::ZERO,
            attempts: 3,
            deaths: 3,
            backoff: Duration::from_millis(100),
            backoff_most: Duration::from_secs(10),
            user_lanes: 0,
        }
    }
}
