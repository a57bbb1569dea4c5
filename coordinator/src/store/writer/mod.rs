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

mod batch;
mod fact;
mod rows;
mod statements;
mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::clock;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Store;
use super::error::StoreError;
use super::leadership::Leadership;
use batch::Spoiled;
pub use fact::{Fact, RunEnd, ShardRow, StageOutcome, Written};
use transaction::{Attempt, Connection, Insert, Told};

/// Most facts of a transaction: above it COPY gains nothing, and acknowledgements come late.
pub const BATCH_FACTS: usize = 5_000;

/// Most bytes of a transaction, unless a single fact is larger.
pub const BATCH_BYTES: usize = 4 << 20;

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
        let bytes = fact.bytes() as u64;
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
            connection: Connection::new(&self.config, leadership.epoch()),
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
        let mut bytes = 0;
        let fit = self.waiting.iter().take(BATCH_FACTS).take_while(|fact| {
            bytes += fact.bytes();
            bytes <= BATCH_BYTES
        });
        let count = fit.count().max(1);
        Ok(Some(self.waiting.drain(..count).collect()))
    }

    /// Makes `facts` durable, whatever it takes.
    async fn write(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        const LONGEST_PAUSE: Duration = Duration::from_secs(2);
        self.batches += 1;
        let number = self.batches;
        let mut insert = Insert::fitting(facts);
        let mut pause = Duration::from_millis(20);
        // what the attempt found whose COMMIT got no answer
        let mut uncertain = None;
        loop {
            let began = clock::now();
            match self.connection.attempt(facts, &self.spoiled, number, insert).await {
                Attempt::Committed(told) => {
                    self.tell(facts, told, began);
                    return Ok(());
                }
                Attempt::AlreadyCommitted => {
                    self.tell(facts, uncertain.take().unwrap_or_default(), began);
                    return Ok(());
                }
                Attempt::Fenced => {
                    tracing::warn!("another coordinator leads: nothing more is written");
                    self.lost.cancel();
                    return Err(StoreError::Fenced);
                }
                Attempt::Duplicate => insert = Insert::SkippingDuplicates,
                Attempt::Refused(detail) => {
                    if let [fact] = facts {
                        tracing::warn!(run = %fact.run(), detail, "the database refuses a document");
                        let written = batch::refusal(fact, detail).into_iter().collect();
                        let spoiled = batch::spoils(fact).into_iter().collect();
                        self.tell(facts, Told { written, spoiled }, began);
                        return Ok(());
                    }
                    let (left, right) = facts.split_at(facts.len() / 2);
                    Box::pin(self.write(left)).await?;
                    return Box::pin(self.write(right)).await;
                }
                Attempt::Uncertain(told) => {
                    uncertain = Some(told);
                    insert = Insert::SkippingDuplicates;
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Attempt::Failed(error) => {
                    if error.is_transient() {
                        tracing::warn!(%error, facts = facts.len(), "could not store; trying again");
                    } else {
                        tracing::error!(%error, facts = facts.len(), "could not store; trying again");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn tell(&mut self, facts: &[Fact], told: Told, began: clock::Timestamp) {
        let bytes: usize = facts.iter().map(Fact::bytes).sum();
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
