//! The one FIFO through which all facts of all runs reach the database.
//!
//! A transaction holds a prefix of the queue: at most [`BATCH_FACTS`] facts or [`BATCH_BYTES`] bytes, whatever is there
//! when the last commit returned; nothing lingers. Each transaction checks the epoch first. A batch that failed is
//! written again until it is durable, until Postgres refuses one of its documents, or until the leadership is lost:
//!
//! * connection lost while committing: the batch's number tells whether it took effect ([`Attempt::AlreadyCommitted`]);
//! * a shard that is stored already: the batch goes again with `ON CONFLICT DO NOTHING`;
//! * a document that Postgres refuses: the batch is halved until the one fact is found, the rest is stored;
//! * an outage: the queue is kept, the batch goes again with growing pauses.

pub mod batch;
pub mod course;
mod fact;
mod rows;
mod statements;
pub mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::clock;
use common::ids::Epoch;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Store;
use super::error::StoreError;
use super::leadership::Leadership;
use batch::Spoiled;
use course::{Course, Step};
pub use fact::{Fact, RunEnd, ShardRow, StageOutcome, Written};
use transaction::{Attempt, Connection, Told};

/// Most facts of a transaction: above it COPY gains nothing, and acknowledgements come late.
pub const BATCH_FACTS: usize = 5_000;

/// Most bytes of a transaction, unless a single fact is larger.
pub const BATCH_BYTES: usize = 8 << 20;

/// Counters of the writer, for status and flow control.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WriterLoad {
    /// Facts accepted and not committed.
    pub queued_facts: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Facts committed since the start.
    pub committed_facts: u64,
    /// Duration of the last transaction in milliseconds.
    pub last_commit_ms: f64,
}

#[derive(Debug, Default)]
struct Counters {
    queued_facts: AtomicU64,
    queued_bytes: AtomicU64,
    committed_facts: AtomicU64,
    last_commit_us: AtomicU64,
}

/// The way in. Clones share one queue.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    facts: mpsc::UnboundedSender<Fact>,
    counters: Arc<Counters>,
}

impl WriterHandle {
    /// Queues a fact; never blocks. The queue is bounded by who asks workers for results: look at [`Self::load`].
    /// After the leadership is lost facts are dropped.
    pub fn submit(&self, fact: Fact) {
        let bytes = fact.held_bytes() as u64;
        self.counters.queued_facts.fetch_add(1, Ordering::Relaxed);
        self.counters.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.facts.send(fact).is_err() {
            self.counters.queued_facts.fetch_sub(1, Ordering::Relaxed);
            self.counters.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// What waits.
    pub fn load(&self) -> WriterLoad {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriterLoad {
            queued_facts: read(&self.counters.queued_facts),
            queued_bytes: read(&self.counters.queued_bytes),
            committed_facts: read(&self.counters.committed_facts),
            last_commit_ms: read(&self.counters.last_commit_us) as f64 / 1_000.0,
        }
    }
}

/// A running writer.
#[derive(Debug)]
pub struct Writer {
    /// The way in.
    pub handle: WriterHandle,
    /// What became durable.
    pub written: mpsc::UnboundedReceiver<Written>,
    /// Ends with `Fenced` when the leadership is lost, with `Ok` when all handles are dropped and the queue is empty.
    pub task: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Store {
    /// A connection through which leadership `epoch` writes, without a queue: the writer has one of its own.
    #[must_use]
    pub fn pen(&self, epoch: Epoch) -> Connection {
        Connection::new(&self.address, epoch)
    }

    /// Starts the writer of a leadership. It cancels [`Leadership::lost`] when it is fenced.
    pub fn writer(&self, leadership: &Leadership) -> Writer {
        let (facts, queue) = mpsc::unbounded_channel();
        let (told, written) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters::default());
        let loop_ = Loop {
            queue,
            waiting: VecDeque::new(),
            told,
            counters: counters.clone(),
            connection: self.pen(leadership.epoch()),
            lost: leadership.lost().clone(),
            batches: 0,
            spoiled: Spoiled::new(),
            store: self.clone(),
        };
        Writer { handle: WriterHandle { facts, counters }, written, task: tokio::spawn(loop_.run()) }
    }
}

struct Loop {
    queue: mpsc::UnboundedReceiver<Fact>,
    /// Taken from the queue, not yet part of a batch.
    waiting: VecDeque<Fact>,
    told: mpsc::UnboundedSender<Written>,
    counters: Arc<Counters>,
    connection: Connection,
    lost: CancellationToken,
    /// Numbers batches; a batch keeps its number however often it is tried.
    batches: i64,
    /// Runs of which a fact was refused: what was queued behind it may not hold.
    spoiled: Spoiled,
    /// Where this process hears of ended runs.
    store: Store,
}

impl Loop {
    async fn run(mut self) -> Result<(), StoreError> {
        while let Some(batch) = self.next().await? {
            let lost = self.lost.clone();
            tokio::select! {
                biased;
                () = lost.cancelled() => return Err(StoreError::Fenced),
                done = self.write(&batch) => done?,
            }
        }
        Ok(())
    }

    /// Waits for the first fact and takes what else is there.
    async fn next(&mut self) -> Result<Option<Vec<Fact>>, StoreError> {
        if self.waiting.is_empty() {
            tokio::select! {
                biased;
                () = self.lost.cancelled() => return Err(StoreError::Fenced),
                fact = self.queue.recv() => match fact {
                    Some(fact) => self.waiting.push_back(fact),
                    None => return Ok(None),
                }
            }
        }
        while self.waiting.len() < BATCH_FACTS
            && let Ok(fact) = self.queue.try_recv()
        {
            self.waiting.push_back(fact);
        }
        let count = fitting(&self.waiting);
        Ok(Some(self.waiting.drain(..count).collect()))
    }

    /// Makes `facts` durable, whatever it takes.
    async fn write(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        self.batches += 1;
        let number = self.batches;
        let mut course = Course::new(facts);
        loop {
            let began = clock::now();
            let attempt = self.connection.attempt(facts, &self.spoiled, number, course.insert()).await;
            log(facts, &attempt);
            match course.after(facts, attempt) {
                Step::Done(told) => {
                    self.tell(facts, told, began);
                    return Ok(());
                }
                Step::Again(pause) => {
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                }
                Step::Halve => {
                    let (left, right) = facts.split_at(facts.len() / 2);
                    Box::pin(self.write(left)).await?;
                    return Box::pin(self.write(right)).await;
                }
                Step::Fenced => {
                    self.lost.cancel();
                    return Err(StoreError::Fenced);
                }
            }
        }
    }

    fn tell(&mut self, facts: &[Fact], told: Told, began: clock::Timestamp) {
        let bytes: usize = facts.iter().map(Fact::held_bytes).sum();
        let took = u64::try_from(clock::now().since(began).as_micros()).unwrap_or(u64::MAX);
        self.counters.queued_facts.fetch_sub(facts.len() as u64, Ordering::Relaxed);
        self.counters.queued_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
        self.counters.committed_facts.fetch_add(facts.len() as u64, Ordering::Relaxed);
        self.counters.last_commit_us.store(took, Ordering::Relaxed);
        for (run, from) in told.spoiled {
            let first = self.spoiled.entry(run).or_insert(from);
            *first = from.min(*first);
        }
        for written in told.written {
            if let Written::Ended { run, .. } = written {
                self.spoiled.remove(&run);
                self.store.hint_end(run);
            }
            // nobody listens any more: the leadership is about to end
            let _ = self.told.send(written);
        }
    }
}

/// How many of the first facts of `queue` make the next batch; at least one, of a queue that is not empty.
#[must_use]
pub fn fitting(queue: &VecDeque<Fact>) -> usize {
    let mut bytes = 0;
    let fit = queue.iter().take(BATCH_FACTS).take_while(|fact| {
        bytes += fact.bytes();
        bytes <= BATCH_BYTES
    });
    fit.count().max(1)
}

fn log(facts: &[Fact], attempt: &Attempt) {
    match attempt {
        Attempt::Fenced => tracing::warn!("another coordinator leads: nothing more is written"),
        Attempt::Refused(detail) => {
            if let [fact] = facts {
                tracing::warn!(run = %fact.run(), detail, "the database refuses a document");
            }
        }
        Attempt::Failed(error) if error.is_transient() => {
            tracing::warn!(%error, facts = facts.len(), "could not store; trying again");
        }
        Attempt::Failed(error) => {
            tracing::error!(%error, facts = facts.len(), "could not store; trying again");
        }
        Attempt::Committed(_) | Attempt::AlreadyCommitted | Attempt::Duplicate | Attempt::Uncertain(_) => {}
    }
}
