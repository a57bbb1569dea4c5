//! PURE. Outcomes that the leader has not made durable yet: what to send next, and what to keep until it says `Stored`.
//!
//! ```text
//!             add              take                stored
//! computed ────────▶ unsent ────────▶ in flight ────────────▶ dropped
//!                      ▲                  │
//!                      └──── resend ──────┘      (a new connection)
//! ```
//!
//! Small results travel unasked, but only so many bytes of them at a time: the leader's mailbox has no bound, so its
//! memory is bounded here. Large ones are announced and then asked for piece by piece. Failures are told once.

use std::collections::{BTreeMap, HashMap, VecDeque};

use common::ids::{LeaseId, RunId};
use common::limits::{INLINE_RESULT_BYTES, LISTED_RESULTS, PIECE_BYTES};
use common::protocol::{Announcement, ResultKey, ShardResult, WorkerFact};
use common::run::Outcome;
use common::wire;

/// Bytes of small results that may be on their way to a commit at a time. At 20,000 results of 200 bytes a second it
/// is a second's worth, far above what a commit takes.
const WINDOW_BYTES: usize = 4 << 20;

/// Bytes of results in one message, well below [`common::limits::MESSAGE_BYTES`] with what names them.
const BATCH_BYTES: usize = 384 << 10;

/// What naming and timing a result takes in a message at most, in bytes.
const ENVELOPE_BYTES: usize = 64;

/// A result that is kept until it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Names it.
    pub key: ResultKey,
    /// When it began, microseconds since the Unix epoch.
    pub started_us: u64,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// A shard's JSON, or an advance's packed [`Outcome`].
    pub bytes: Vec<u8>,
}

impl Kept {
    fn small(&self) -> bool {
        self.bytes.len() <= INLINE_RESULT_BYTES
    }

    fn weight(&self) -> usize {
        self.bytes.len() + ENVELOPE_BYTES
    }
}

#[derive(Debug)]
enum Unsent {
    Result(u64),
    Failure(Box<WorkerFact>),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Outbox {
    kept: BTreeMap<u64, Kept>,
    numbers: HashMap<ResultKey, u64>,
    unsent: VecDeque<(LeaseId, Unsent)>,
    in_flight_bytes: usize,
    kept_bytes: usize,
    next: u64,
}

impl Outbox {
    /// Keeps a result; a repeated one replaces nothing and is ignored. Returns whether it was new.
    pub fn add(&mut self, result: Kept) -> bool {
        if self.numbers.contains_key(&result.key) {
            return false;
        }
        let number = self.next;
        self.next += 1;
        self.kept_bytes += result.bytes.len();
        self.numbers.insert(result.key, number);
        self.unsent.push_back((result.key.lease, Unsent::Result(number)));
        self.kept.insert(number, result);
        true
    }

    /// Queues a failure to be told.
    pub fn add_failure(&mut self, lease: LeaseId, fact: WorkerFact) {
        self.unsent.push_back((lease, Unsent::Failure(Box::new(fact))));
    }

    /// What to send now, in the order of computation, and the lease of every outcome in it.
    pub fn take(&mut self) -> (Vec<WorkerFact>, Vec<LeaseId>) {
        let mut facts = Vec::new();
        let mut leases = Vec::new();
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        let mut announced = Vec::new();
        while self.in_flight_bytes < WINDOW_BYTES {
            let Some((lease, unsent)) = self.unsent.pop_front() else { break };
            leases.push(lease);
            let number = match unsent {
                Unsent::Failure(fact) => {
                    facts.push(*fact);
                    continue;
                }
                Unsent::Result(number) => number,
            };
            // Gone meanwhile: the run ended.
            let Some(kept) = self.kept.get(&number) else { continue };
            if !kept.small() {
                announced.push(announcement(kept));
                continue;
            }
            self.in_flight_bytes += kept.weight();
            if kept.key.shard.is_none() {
                facts.extend(advanced(kept));
                continue;
            }
            if batch_bytes + kept.weight() > BATCH_BYTES {
                facts.push(WorkerFact::Finished(std::mem::take(&mut batch)));
                batch_bytes = 0;
            }
            batch_bytes += kept.weight();
            batch.push(shard_result(kept));
        }
        if !batch.is_empty() {
            facts.push(WorkerFact::Finished(batch));
        }
        if !announced.is_empty() {
            facts.push(WorkerFact::Announced(announced));
        }
        (facts, leases)
    }

    /// Everything kept has to be sent again: the connection is another.
    ///
    /// Returns the lease of every result that was sent before, once for each.
    pub fn resend(&mut self) -> Vec<LeaseId> {
        let unsent: std::collections::HashSet<u64> = self
            .unsent
            .iter()
            .filter_map(|(_, unsent)| if let Unsent::Result(number) = unsent { Some(*number) } else { None })
            .collect();
        let again: Vec<(LeaseId, Unsent)> = self
            .kept
            .iter()
            .filter(|(number, _)| !unsent.contains(number))
            .map(|(&number, kept)| (kept.key.lease, Unsent::Result(number)))
            .collect();
        let leases = again.iter().map(|(lease, _)| *lease).collect();
        for entry in again.into_iter().rev() {
            self.unsent.push_front(entry);
        }
        self.in_flight_bytes = 0;
        leases
    }

    /// Drops a result that is durable or unwanted. Returns its bytes.
    pub fn stored(&mut self, key: &ResultKey) -> usize {
        self.numbers.get(key).copied().map_or(0, |number| self.remove(number))
    }

    /// Drops all results of a run. Returns their bytes.
    pub fn forget(&mut self, run: RunId) -> usize {
        let of_run: Vec<u64> =
            self.kept.iter().filter(|(_, kept)| kept.key.run == run).map(|(&number, _)| number).collect();
        of_run.into_iter().map(|number| self.remove(number)).sum()
    }

    fn remove(&mut self, number: u64) -> usize {
        let Some(kept) = self.kept.remove(&number) else { return 0 };
        self.numbers.remove(&kept.key);
        self.kept_bytes -= kept.bytes.len();
        if kept.small() {
            // One that is stored although it was never sent on this connection was not counted.
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(kept.weight());
        }
        kept.bytes.len()
    }

    /// The piece of a kept result from `offset` on; none if it is not kept or ends before.
    pub fn piece(&self, key: &ResultKey, offset: u64) -> Option<WorkerFact> {
        let kept = self.kept.get(self.numbers.get(key)?)?;
        let from = usize::try_from(offset).ok().filter(|&from| from < kept.bytes.len())?;
        let to = kept.bytes.len().min(from + PIECE_BYTES);
        Some(WorkerFact::ResultPiece {
            result: *key,
            offset,
            total: kept.bytes.len() as u64,
            cpu_us: kept.cpu_us,
            bytes: kept.bytes[from..to].to_vec(),
        })
    }

    /// The oldest results that wait for `Stored`, as many as a heartbeat may list. With `all`, those not sent on this
    /// connection too.
    pub fn listed(&self, all: bool) -> Vec<ResultKey> {
        let first_unsent = self.unsent.iter().find_map(|(_, unsent)| match unsent {
            Unsent::Result(number) => Some(*number),
            Unsent::Failure(_) => None,
        });
        let end = if all { u64::MAX } else { first_unsent.unwrap_or(u64::MAX) };
        self.kept.range(..end).take(LISTED_RESULTS).map(|(_, kept)| kept.key).collect()
    }

    /// Bytes of all results kept.
    pub fn bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Whether nothing waits to be sent or stored.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.unsent.is_empty()
    }
}

fn announcement(kept: &Kept) -> Announcement {
    Announcement {
        key: kept.key,
        bytes: kept.bytes.len() as u64,
        started_us: kept.started_us,
        cpu_us: kept.cpu_us,
        wall_us: kept.wall_us,
    }
}

fn shard_result(kept: &Kept) -> ShardResult {
    ShardResult {
        key: kept.key,
        started_us: kept.started_us,
        cpu_us: kept.cpu_us,
        wall_us: kept.wall_us,
        json: kept.bytes.clone(),
    }
}

fn advanced(kept: &Kept) -> Option<WorkerFact> {
    // Packed by this process, so it unpacks.
    let outcome: Outcome = wire::unpack(&kept.bytes).ok()?;
    let ResultKey { lease, run, stage, .. } = kept.key;
    Some(WorkerFact::Advanced { lease, run, stage, cpu_us: kept.cpu_us, outcome })
}

#[cfg(test)]
mod tests {
    use common::ids::{Epoch, StageIndex};

    use super::*;

    fn kept(shard: u32, bytes: usize) -> Kept {
        let key = ResultKey {
            lease: LeaseId::new(Epoch(1), 1),
            run: RunId(uuid::Uuid::from_u128(1)),
            stage: StageIndex(0),
            shard: Some(shard),
        };
        Kept { key, started_us: 5, cpu_us: 6, wall_us: 7, bytes: vec![b'1'; bytes] }
    }

    fn shards(facts: &[WorkerFact]) -> Vec<u32> {
        let finished = facts.iter().filter_map(|fact| match fact {
            WorkerFact::Finished(results) => Some(results),
            _ => None,
        });
        finished.flatten().filter_map(|result| result.key.shard).collect()
    }

    #[test]
    fn many_small_results_travel_in_messages_below_the_limit_and_in_order() {
        let mut outbox = Outbox::default();
        for shard in 0..50 {
            assert!(outbox.add(kept(shard, 60_000)));
        }
        let (facts, leases) = outbox.take();
        assert_eq!(shards(&facts), (0..50).collect::<Vec<_>>());
        assert_eq!(leases.len(), 50);
        assert!(facts.len() > 7, "{} messages", facts.len());
        assert!(facts.iter().all(|fact| wire::encode(fact).is_ok()));
    }

    #[test]
    fn no_more_than_a_window_is_on_its_way_until_some_of_it_is_stored() {
        let mut outbox = Outbox::default();
        (0..100).for_each(|shard| assert!(outbox.add(kept(shard, 60_000))));
        let sent = shards(&outbox.take().0);
        assert!(sent.len() * 60_000 > WINDOW_BYTES && (sent.len() - 1) * 60_000 < WINDOW_BYTES);
        assert!(outbox.take().0.is_empty());

        assert_eq!(outbox.stored(&kept(0, 0).key), 60_000);
        assert_eq!(outbox.stored(&kept(0, 0).key), 0, "twice is once");
        assert_eq!(outbox.stored(&kept(1, 0).key), 60_000);
        assert!(!outbox.take().0.is_empty());
    }

    #[test]
    fn a_large_result_is_announced_and_sent_piece_by_piece() {
        let mut outbox = Outbox::default();
        outbox.add(kept(3, PIECE_BYTES + 10));
        let (facts, _) = outbox.take();
        assert!(
            matches!(&facts[..], [WorkerFact::Announced(list)] if list[0].bytes == (PIECE_BYTES + 10) as u64)
        );

        let key = kept(3, 0).key;
        let Some(WorkerFact::ResultPiece { bytes, total, .. }) = outbox.piece(&key, 0) else { panic!() };
        assert_eq!((bytes.len(), total), (PIECE_BYTES, (PIECE_BYTES + 10) as u64));
        let Some(WorkerFact::ResultPiece { bytes, .. }) = outbox.piece(&key, PIECE_BYTES as u64) else {
            panic!()
        };
        assert_eq!(bytes.len(), 10);
        assert_eq!(outbox.piece(&key, total), None);
        assert_eq!(outbox.piece(&kept(4, 0).key, 0), None);
    }

    #[test]
    fn a_new_connection_gets_everything_again_before_anything_new() {
        let mut outbox = Outbox::default();
        outbox.add(kept(0, 10));
        outbox.add(kept(1, 10));
        assert_eq!(shards(&outbox.take().0), [0, 1]);
        outbox.add(kept(2, 10));
        outbox.stored(&kept(0, 0).key);
        assert_eq!(outbox.listed(false).len(), 1, "sent and unacknowledged");
        assert_eq!(outbox.listed(true).len(), 2, "kept");

        assert_eq!(outbox.resend().len(), 1);
        assert_eq!(shards(&outbox.take().0), [1, 2]);
        assert_eq!(outbox.bytes(), 20);
    }

    #[test]
    fn the_results_of_an_ended_run_are_neither_kept_nor_sent() {
        let mut outbox = Outbox::default();
        outbox.add(kept(0, 10));
        outbox.take();
        outbox.add(kept(1, 10));
        assert_eq!(outbox.forget(kept(0, 0).key.run), 20);
        assert_eq!(outbox.take().0, []);
        assert!(outbox.is_empty());
    }
}
