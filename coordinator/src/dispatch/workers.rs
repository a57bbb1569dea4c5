//! What the scheduler knows of each worker.

use std::collections::{BTreeMap, BTreeSet};

use common::clock::Timestamp;
use common::ids::{ContentHash, LeaseId, WorkerId};
use common::protocol::{Hello, ResultKey};

use super::event::DispatchSettings;
use super::leases::{Lease, Leases};
use super::needs::{Need, NeedNumber};

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
    /// What it is.
    pub labels: Vec<(String, String)>,
    /// Tasks it runs at a time.
    pub lanes: u16,
    /// Algorithms and versions it offers.
    pub offers: Vec<(String, u32)>,
    /// The needs of open runs that it meets.
    pub meets: BTreeSet<NeedNumber>,
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
    /// What it may use of it, in bytes; 0 if it does not know.
    pub memory_limit_bytes: u64,
    /// Result bytes lent to its leases.
    pub lent_bytes: u64,
    /// Whether it says that it is near that limit.
    pub short_of_memory: bool,
    /// The inputs it told that it has, and those it was given tasks with since.
    pub inputs: BTreeSet<ContentHash>,
}

impl Worker {
    /// A worker that just said hello.
    pub fn new(
        id: WorkerId,
        incarnation: u32,
        hello: &Hello,
        offers: Vec<(String, u32)>,
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
            meets: BTreeSet::new(),
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
            memory_limit_bytes: hello.held.memory_limit_bytes,
            lent_bytes: 0,
            short_of_memory: false,
            inputs: BTreeSet::new(),
        }
    }

    /// Whether it has what a run needs, apart from lanes and memory that are free now.
    pub fn has(&self, need: &Need) -> bool {
        self.offers.contains(&need.algorithm)
            && self.carries(&need.labels)
            && (need.memory_bytes == 0 || need.memory_bytes <= self.memory_limit_bytes)
    }

    /// Whether it has all of these labels.
    pub fn carries(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|label| self.labels.iter().any(|(key, value)| (key, value) == label))
    }

    /// Whether it has all of these inputs.
    pub fn holds(&self, inputs: &[ContentHash]) -> bool {
        inputs.iter().all(|input| self.inputs.contains(input))
    }

    /// Whether it may get one more lease; with `prefetch` one that waits behind its lanes. Who is short of memory gets one
    /// at a time.
    pub fn is_hungry(&self, prefetch: bool, settings: &DispatchSettings) -> bool {
        let most = match (self.short_of_memory, prefetch) {
            (true, _) => 1,
            (false, true) => self.credit(settings),
            (false, false) => self.lanes,
        };
        self.is_ready() && self.active < most
    }

    /// Whether its memory suffices for another task of `memory_bytes` beside those it has: for as many of the largest as
    /// it has lanes, since others wait.
    pub fn has_memory_for(&self, memory_bytes: u64, leases: &Leases) -> bool {
        if memory_bytes == 0 {
            return true;
        }
        let mut tasks: Vec<u64> = (self.leases.iter().filter_map(|id| leases.get(*id)))
            .filter(|lease| lease.needs_a_lane())
            .map(|lease| lease.memory_bytes)
            .chain([memory_bytes])
            .collect();
        tasks.sort_unstable_by(|a, b| b.cmp(a));
        tasks.iter().take(usize::from(self.lanes)).sum::<u64>() <= self.memory_limit_bytes
    }

    /// Whether a lane of it is, or will be, at a shard over which workers died.
    pub fn has_a_suspect(&self, leases: &Leases) -> bool {
        let mut held = self.leases.iter().filter_map(|id| leases.get(*id));
        held.any(|lease| lease.is_suspect && lease.needs_a_lane())
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
