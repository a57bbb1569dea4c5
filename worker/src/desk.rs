//! What passes between a lane and the agent without a message: outcomes, the shard that runs, the wish to stop.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use algorithms::Control;
use common::clock::Timestamp;
use common::run::TaskError;

use crate::agent::event::Computed;

/// Outcomes of this many bytes are told at once instead of at the next collection.
const FULL_BYTES: usize = 256 << 10;

/// How often a lane without room looks again.
const ROOM_AGAIN: Duration = Duration::from_millis(2);

/// What a lane and the agent share while a task runs.
pub struct Desk {
    /// Tells the lane to return.
    pub control: Control,
    room: Arc<Room>,
    pages: Sender<Result<Vec<u8>, String>>,
    outcomes: Mutex<Vec<Computed>>,
    outcome_bytes: AtomicUsize,
    /// The shard that runs plus one; 0 for none.
    shard: AtomicU32,
    began: AtomicU64,
}

impl Desk {
    /// A desk, and the end at which its lane gets pages.
    pub fn new(room: Arc<Room>) -> (Arc<Self>, Receiver<Result<Vec<u8>, String>>) {
        let (pages, receiver) = channel();
        let desk = Self {
            control: Control::new(),
            room,
            pages,
            outcomes: Mutex::new(Vec::new()),
            outcome_bytes: AtomicUsize::new(0),
            shard: AtomicU32::new(0),
            began: AtomicU64::new(0),
        };
        (Arc::new(desk), receiver)
    }

    /// The shard that runs and when it began.
    pub fn current(&self) -> Option<(u32, Timestamp)> {
        let shard = self.shard.load(Ordering::Acquire).checked_sub(1)?;
        Some((shard, Timestamp(self.began.load(Ordering::Acquire))))
    }

    /// Takes the outcomes so far.
    pub fn collect(&self) -> Vec<Computed> {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        self.outcome_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut *outcomes)
    }

    /// Gives a page to the lane.
    pub fn page(&self, page: Result<Vec<u8>, String>) {
        // A lane that returned meanwhile needs none.
        let _ = self.pages.send(page);
    }

    /// A shard begins.
    pub fn begin(&self, shard: u32, at: Timestamp) {
        self.control.forget_note();
        self.began.store(at.0, Ordering::Release);
        self.shard.store(shard + 1, Ordering::Release);
    }

    /// No shard runs.
    pub fn end(&self) {
        self.shard.store(0, Ordering::Release);
    }

    /// Waits until results have room again. Returns whether it had to.
    pub fn wait_for_room(&self) -> bool {
        self.room.wait(&self.control)
    }

    /// Leaves a failure, and before it what the algorithm said of itself.
    pub fn leave_failure(&self, shard: Option<u32>, error: TaskError) {
        if let Some(note) = self.control.noted() {
            self.leave(Computed::Noted { shard, note });
        }
        self.leave(Computed::Failed { shard, error });
    }

    /// Leaves an outcome. Returns whether the agent should collect now.
    pub fn leave(&self, outcome: Computed) -> bool {
        let bytes = if let Computed::Result(kept) = &outcome { kept.bytes.len() } else { 0 };
        self.room.used.fetch_add(bytes, Ordering::Relaxed);
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        let before = self.outcome_bytes.fetch_add(bytes, Ordering::Relaxed);
        before < FULL_BYTES && before + bytes >= FULL_BYTES
    }
}

/// Bytes of results that are kept until they are stored: lanes wait while there are too many.
pub struct Room {
    limit: usize,
    used: AtomicUsize,
}

impl Room {
    /// Room for about `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    /// Results of so many bytes are no longer kept.
    pub fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn full(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.limit
    }

    /// Waits for room. Returns whether it had to.
    fn wait(&self, control: &Control) -> bool {
        if !self.full() {
            return false;
        }
        while self.full() && !control.is_cancelled() {
            std::thread::sleep(ROOM_AGAIN);
        }
        true
    }
}
