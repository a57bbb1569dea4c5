//! What the leader shows of itself: a snapshot, made twice a second, that the admin routes and the metrics read.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The cluster as the leader sees it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ClusterStatus {
    /// The leader; none while there is none.
    pub leader: Option<LeaderStatus>,
    /// What waits and what runs.
    pub queue: QueueStatus,
    /// Capacity.
    pub lanes: LaneStatus,
    /// Who uses it, by name: those with runs that wait or with lanes in use, and those that had some of late.
    pub submitters: Vec<SubmitterStatus>,
    /// Results stored per second over the last 10 seconds.
    pub shards_per_second: f64,
    /// What waits for the database.
    pub writer: WriterStatus,
    /// Every worker that is connected, or was until a moment ago.
    pub workers: Vec<WorkerStatus>,
    /// The last failures of shards and workers, newest first, at most 50.
    pub recent_failures: Vec<RecentFailure>,
}

/// The leading coordinator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LeaderStatus {
    /// Its HTTP address, as other replicas reach it.
    pub address: String,
    /// Number of its leadership.
    pub epoch: u32,
    /// Since when it leads.
    pub since: DateTime<Utc>,
    /// Its build.
    pub build: String,
}

/// What waits and what runs.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct QueueStatus {
    /// Whether an operator stopped handing out work.
    pub paused: bool,
    /// Runs without an open stage.
    pub runs_queued: u64,
    /// Runs with an open stage.
    pub runs_running: u64,
    /// Runs of either kind that are paused themselves.
    pub runs_paused: u64,
    /// Shards and advances that a free lane could take now.
    pub runnable_tasks: u64,
    /// Shards given to workers.
    pub leased_shards: u64,
    /// Results on their way to the database.
    pub storing_shards: u64,
    /// For how long the run that waits longest has had work and no lane, in seconds.
    pub oldest_waiting_s: f64,
    /// Estimated lane-seconds of everything runnable; tasks of unknown duration count 30 s.
    pub estimated_lane_seconds: f64,
    /// Lanes that would finish what is runnable in 30 s: at least those that are busy, at most twice those there are.
    pub desired_lanes: u32,
}

/// Lanes of all workers.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct LaneStatus {
    /// All.
    pub total: u32,
    /// With a task.
    pub busy: u32,
    /// Without, of workers that take work.
    pub free: u32,
    /// Of workers that take no more.
    pub draining: u32,
}

/// What one submitter uses.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct SubmitterStatus {
    /// Who.
    pub name: String,
    /// Lanes in use for its runs, or held for them in advance.
    pub lanes: u32,
    /// Lane-seconds of late: what is a minute old counts half. Whose figure is the lowest is served next.
    pub lane_seconds: f64,
    /// Its runs that have something to hand out.
    pub waiting_runs: u64,
}

/// What waits for the database.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct WriterStatus {
    /// Facts queued.
    pub queued_facts: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Duration of the last commit in milliseconds.
    pub last_commit_ms: f64,
    /// Facts committed since the leadership began.
    pub committed_facts: u64,
}

/// One worker.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct WorkerStatus {
    /// Its id, the same over reconnections.
    pub id: Uuid,
    /// Where it runs.
    pub host: String,
    /// Its build.
    pub build: String,
    /// `ready`, `draining`, `short_of_memory` (near its limit: one task at a time) or `silent`: without a connection, or not heard of for two fifths of the silence after which
    /// it counts as dead (two seconds by default).
    pub state: String,
    /// Tasks it runs at a time.
    pub lanes: u32,
    /// Lanes with a task.
    pub busy_lanes: u32,
    /// Leases it holds, waiting ones too.
    pub leases: u32,
    /// Results of its that are stored.
    pub shards_done: u64,
    /// Shards of its that failed.
    pub failures: u64,
    /// CPU time of the process in seconds.
    pub cpu_s: f64,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// What it may use of it, in bytes; 0 if it does not know.
    pub memory_limit_bytes: u64,
    /// What it is, as pairs.
    pub labels: Vec<(String, String)>,
    /// Algorithms with their versions.
    pub algorithms: Vec<(String, u32)>,
    /// When it connected.
    pub connected_at: DateTime<Utc>,
    /// Seconds since it was heard last.
    pub heard_s_ago: f64,
}

/// A failure that operators may want to look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecentFailure {
    /// When.
    pub at: DateTime<Utc>,
    /// The run, if one is concerned.
    pub run: Option<Uuid>,
    /// The stage, if one is concerned.
    pub stage: Option<u32>,
    /// The shard, if one is concerned.
    pub shard: Option<u32>,
    /// The worker, if one is concerned.
    pub worker: Option<Uuid>,
    /// What happened.
    pub message: String,
}
