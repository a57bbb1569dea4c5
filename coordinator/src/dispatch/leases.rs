//! Who holds what: one lease is one task given to one worker.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::ids::{Epoch, LeaseId, RunId, StageIndex, WorkerId};
use common::run::{ShardRange, Task, TaskKind};

/// Which of a stage's two kinds of work is meant. Ordered as they follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Opening the stage: the plan of the run or the merge of the stage before.
    Advance,
    /// Executing its shards.
    Shards,
}

/// A run's work at one point of its life; a later point is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The stage that is opened or executed.
    pub stage: StageIndex,
    /// Which of the two.
    pub kind: Kind,
}

impl Point {
    /// The point of a result: with a shard it is of the stage's execution.
    pub fn of(stage: StageIndex, shard: Option<u32>) -> Self {
        Self { stage, kind: if shard.is_some() { Kind::Shards } else { Kind::Advance } }
    }

    /// The task of `range` at this point.
    pub fn task(self, run: RunId, range: ShardRange) -> Task {
        let kind = match self.kind {
            Kind::Advance => TaskKind::Advance { stage: self.stage },
            Kind::Shards => TaskKind::Shards { stage: self.stage, range },
        };
        Task { run, kind }
    }

    /// The point and the shards of a task.
    pub fn of_task(task: Task) -> (Self, ShardRange) {
        match task.kind {
            TaskKind::Advance { stage } => {
                (Self { stage, kind: Kind::Advance }, ShardRange { first: 0, count: 1 })
            }
            TaskKind::Shards { stage, range } => (Self { stage, kind: Kind::Shards }, range),
        }
    }
}

/// One task given to one worker.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Who has it.
    pub worker: WorkerId,
    /// The run.
    pub run: RunId,
    /// What of the run.
    pub point: Point,
    /// Which shards; 0 alone for an advance.
    pub range: ShardRange,
    /// When it was given out, or adopted.
    pub given_at: Timestamp,
    /// When a lane began with it.
    pub started_at: Option<Timestamp>,
    /// Shards of the range that are this lease's and not settled.
    pub remaining: u32,
    /// Of these, how many the worker has computed and announced.
    pub announced: u32,
    /// Results and failures that came in under this lease.
    pub delivered: u32,
    /// Shards of the range that are not this lease's (any more), ascending.
    pub given_up: Vec<u32>,
    /// The lease that runs the same shards at the same time, near the end of a stage.
    pub twin: Option<LeaseId>,
    /// Whether this one is the copy of the two.
    pub is_copy: bool,
    /// Whether workers died while they were at its only shard.
    pub is_suspect: bool,
    /// Whether it was asked back.
    pub withdrawing: bool,
    /// Memory that its task may take, in bytes.
    pub memory_bytes: u64,
    /// Result bytes lent to it from the pool.
    pub lent_bytes: u64,
    /// Lane-microseconds charged to the submitter in advance.
    pub charged_us: u64,
    /// Lane-microseconds its results took.
    pub used_us: u64,
}

impl Lease {
    /// A lease given out at `now`.
    pub const fn new(worker: WorkerId, run: RunId, point: Point, range: ShardRange, now: Timestamp) -> Self {
        Self {
            worker,
            run,
            point,
            range,
            given_at: now,
            started_at: None,
            remaining: range.count,
            announced: 0,
            delivered: 0,
            given_up: Vec::new(),
            twin: None,
            is_copy: false,
            is_suspect: false,
            withdrawing: false,
            memory_bytes: 0,
            lent_bytes: 0,
            charged_us: 0,
            used_us: 0,
        }
    }

    /// Whether `shard` is this lease's to deliver.
    pub fn covers(&self, shard: u32) -> bool {
        self.range.contains(shard) && self.given_up.binary_search(&shard).is_err()
    }

    /// The shard is no longer this lease's to deliver.
    pub fn give_up(&mut self, shard: u32) {
        if let (true, Err(position)) = (self.range.contains(shard), self.given_up.binary_search(&shard)) {
            self.given_up.insert(position, shard);
        }
    }

    /// Whether it takes a lane, now or later. What is only announced does not.
    pub const fn needs_a_lane(&self) -> bool {
        self.remaining > self.announced
    }

    /// Whether no lane has begun with it.
    pub const fn waits(&self) -> bool {
        self.started_at.is_none() && self.needs_a_lane()
    }
}

/// Every lease in force.
#[derive(Debug)]
pub struct Leases {
    epoch: Epoch,
    given: u32,
    held: BTreeMap<LeaseId, Lease>,
    /// Bytes lent to all of them together.
    lent_bytes: u64,
}

impl Leases {
    /// None yet, in leadership `epoch`.
    pub const fn new(epoch: Epoch) -> Self {
        Self { epoch, given: 0, held: BTreeMap::new(), lent_bytes: 0 }
    }

    /// Gives out a new lease.
    pub fn give(&mut self, lease: Lease) -> LeaseId {
        self.given = self.given.wrapping_add(1);
        let id = LeaseId::new(self.epoch, self.given);
        self.adopt(id, lease);
        id
    }

    /// Takes over a lease that an earlier leadership gave out.
    pub fn adopt(&mut self, id: LeaseId, lease: Lease) {
        self.lent_bytes += lease.lent_bytes;
        if let Some(old) = self.held.insert(id, lease) {
            self.lent_bytes -= old.lent_bytes;
        }
    }

    /// Ends a lease.
    pub fn end(&mut self, id: LeaseId) -> Option<Lease> {
        let lease = self.held.remove(&id)?;
        self.lent_bytes -= lease.lent_bytes;
        if let Some(twin) = lease.twin.and_then(|twin| self.held.get_mut(&twin)) {
            twin.twin = None;
            twin.is_copy = false; // it is all there is now
        }
        Some(lease)
    }

    /// The lease, if it is in force.
    pub fn get(&self, id: LeaseId) -> Option<&Lease> {
        self.held.get(&id)
    }

    /// The lease, if it is in force. Its `lent_bytes` must not be changed.
    pub fn get_mut(&mut self, id: LeaseId) -> Option<&mut Lease> {
        self.held.get_mut(&id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (LeaseId, &Lease)> {
        self.held.iter().map(|(id, lease)| (*id, lease))
    }

    /// Whether nobody holds anything.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Result bytes lent to all of them.
    pub const fn lent_bytes(&self) -> u64 {
        self.lent_bytes
    }
}
