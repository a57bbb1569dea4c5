//! What the scheduler knows of each worker.

use std::collections::BTreeSet;

use common::clock::Timestamp;
use common::ids::{LeaseId, WorkerId};
use common::protocol::{Hello, ResultKey};

use super::event::DispatchSettings;
use super::fairness::AlgorithmNumber;
use super::leases::{Lease, Leases};

/// Whether a worker can be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Heard of late.
    Ready,
    /// Silent for a while: no new work.
    Suspect,
    /// Silent for too long: what it held was given to others. It may come back.
    Lost,
    /// Its connection ended; it may reconnect.
    Unlinked {
        /// When.
        since: Timestamp,
    },
}

/// One worker process.
#[derive(Debug)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// Its newest connection.
    pub incarnation: u32,
    /// Whether it can be counted on.
    pub presence: Presence,
    /// Build, for people.
    pub build: String,
    /// Host, for people.
    pub host: String,
    /// Free text pairs.
    pub labels: Vec<(String, String)>,
    /// Tasks it runs at a time.
    pub lanes: u16,
    /// Algorithms and versions it offers.
    pub offers: Vec<(String, u32)>,
    /// The same as numbers.
    pub algorithms: BTreeSet<AlgorithmNumber>,
    /// When it connected.
    pub connected_at: Timestamp,
    /// When it was heard last.
    pub heard_at: Timestamp,
    /// Whether it says that it takes no more.
    pub leaves: bool,
    /// Whether an operator wants it empty.
    pub drained: bool,
    /// The leases it holds.
    pub leases: BTreeSet<LeaseId>,
    /// How many of these take a lane, now or later.
    pub active: u16,
    /// Results it listed as unacknowledged of which nothing arrived here; asked for if listed again.
    pub missing: BTreeSet<ResultKey>,
    /// Its results that are durable.
    pub shards_done: u64,
    /// Attempts of its that failed.
    pub failures: u64,
    /// CPU time of the process in microseconds.
    pub cpu_us: u64,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
}

impl Worker {
    /// A worker that just said hello.
    pub fn new(
        id: WorkerId,
        incarnation: u32,
        hello: &Hello,
        offers: Vec<(String, u32)>,
        algorithms: BTreeSet<AlgorithmNumber>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            incarnation,
            presence: Presence::Ready,
            build: hello.build.clone(),
            host: hello.host.clone(),
            labels: hello.labels.clone(),
            lanes: hello.lanes,
            offers,
            algorithms,
            connected_at: now,
            heard_at: now,
            leaves: false,
            drained: false,
            leases: BTreeSet::new(),
            active: 0,
            missing: BTreeSet::new(),
            shards_done: 0,
            failures: 0,
            cpu_us: 0,
            memory_bytes: 0,
        }
    }

    /// Whether it may get work.
    pub fn is_ready(&self) -> bool {
        self.presence == Presence::Ready && !self.leaves && !self.drained
    }

    /// Whether messages reach it.
    pub const fn is_linked(&self) -> bool {
        !matches!(self.presence, Presence::Unlinked { .. })
    }

    /// The leases it may hold: one for each lane and a few that wait, so that no lane idles for a round trip.
    pub fn credit(&self, settings: &DispatchSettings) -> u16 {
        self.lanes.saturating_add(settings.prefetch.min(self.lanes))
    }

    /// Lanes without a task.
    pub const fn free_lanes(&self) -> u16 {
        self.lanes.saturating_sub(self.active)
    }

    /// The leases that its lanes are at, in the order in which they were given: those reported as started, and as many
    /// of the oldest others as there are lanes left. A process that dies at once takes its report with it.
    pub fn on_lanes(&self, leases: &Leases) -> Vec<LeaseId> {
        let active = |id: &&LeaseId| leases.get(**id).is_some_and(Lease::needs_a_lane);
        let started = |id: &&LeaseId| leases.get(**id).is_some_and(|lease| lease.started_at.is_some());
        let mut free =
            usize::from(self.lanes).saturating_sub(self.leases.iter().filter(active).filter(started).count());
        let mut on_lanes = Vec::new();
        for id in self.leases.iter().filter(active) {
            if started(&id) {
                on_lanes.push(*id);
            } else if free > 0 {
                free -= 1;
                on_lanes.push(*id);
            }
        }
        on_lanes
    }

    /// Leases beyond its lanes, which must be waiting.
    pub const fn waiting(&self) -> u16 {
        self.active.saturating_sub(self.lanes)
    }
}
