//! The shards of the one stage of a run that is open, each in one of four states:
//!
//! ```text
//!         take                 result                committed
//!  open ────────▶ leased ────────────────▶ storing ────────────▶ stored
//!   ▲               │                         │
//!   └───────────────┴─────────────────────────┘
//!     handed back, failed, holder died     the batch failed
//! ```
//!
//! Three bitmaps hold them: `open`, `settled` (storing or stored) and `stored`; what is in neither of the first two is
//! leased, waits in the retry list, or rests after a failed attempt. An advance is a stage with a single shard here.

use std::collections::{BTreeMap, VecDeque};

use common::clock::Timestamp;
use common::ids::WorkerId;
use common::run::ShardRange;

use super::bitmap::Bitmap;

/// How many entries of the retry list one search looks at, so that a stage in which everything fails stays cheap.
const RETRIES_LOOKED_AT: usize = 64;

/// The states of a stage's shards.
#[derive(Debug, Default)]
pub struct ShardTable {
    open: Bitmap,
    settled: Bitmap,
    stored: Bitmap,
    /// Open shards that are handed out as they stand here: failed ones, and halves of ranges whose holder died.
    retries: VecDeque<ShardRange>,
    retrying: u32,
    /// Open shards that are not handed out before a time.
    resting: BTreeMap<u32, Timestamp>,
    trouble: BTreeMap<u32, Trouble>,
}

/// What befell a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Who failed at it, one entry for each attempt.
    pub failed_on: Vec<WorkerId>,
    /// The distinct workers that died while it was all they were charged with.
    pub killed: Vec<WorkerId>,
}

impl ShardTable {
    /// A stage of `shards`, of which the results of `done` are stored already.
    #[must_use]
    pub fn new(shards: u32, done: &[ShardRange]) -> Self {
        let mut stored = Bitmap::empty(shards);
        for shard in done.iter().flat_map(|range| range.iter()) {
            stored.insert(shard);
        }
        Self { open: stored.complement(), settled: stored.clone(), stored, ..Self::default() }
    }

    /// How many shards the stage has.
    pub const fn shards(&self) -> u32 {
        self.open.len()
    }

    /// Shards that a lane could take now.
    pub const fn runnable(&self) -> u32 {
        self.open.count() + self.retrying
    }

    /// The shard that rests and is handed out next, if any does.
    pub fn next_resting(&self) -> Option<u32> {
        self.resting.iter().min_by_key(|(shard, until)| (**until, **shard)).map(|(shard, _)| *shard)
    }

    /// Shards whose result is on its way to the database.
    pub const fn storing(&self) -> u32 {
        self.settled.count() - self.stored.count()
    }

    /// Shards whose result is durable.
    pub const fn stored(&self) -> u32 {
        self.stored.count()
    }

    /// Shards that somebody holds.
    pub fn leased(&self) -> u32 {
        let resting = u32::try_from(self.resting.len()).unwrap_or(u32::MAX);
        self.shards() - self.settled.count() - self.runnable() - resting
    }

    /// Whether every shard's result is durable.
    pub const fn is_finished(&self) -> bool {
        self.stored.count() == self.stored.len()
    }

    /// Whether every shard's result is here: on its way to the database or there.
    pub const fn is_settled_whole(&self) -> bool {
        self.settled.count() == self.settled.len()
    }

    /// Whether the shard's result is here: on its way to the database or there.
    pub fn is_settled(&self, shard: u32) -> bool {
        self.settled.contains(shard)
    }

    /// Whether the shard's result is durable.
    pub fn is_stored(&self, shard: u32) -> bool {
        self.stored.contains(shard)
    }

    /// Whether nobody holds the shard and no result is here.
    pub fn is_open(&self, shard: u32) -> bool {
        self.open.contains(shard) || self.resting.contains_key(&shard) || self.is_retry(shard)
    }

    /// What befell the shard, if anything did.
    pub fn trouble(&self, shard: u32) -> Option<&Trouble> {
        self.trouble.get(&shard)
    }

    /// Whether workers died while they were at this shard alone.
    pub fn is_suspect(&self, shard: u32) -> bool {
        self.trouble(shard).is_some_and(|trouble| !trouble.killed.is_empty())
    }

    /// Takes the next retry that `may` run, as it stands.
    pub fn take_retry(&mut self, may: impl Fn(&Trouble) -> bool) -> Option<ShardRange> {
        let calm = Trouble::default();
        let position = self
            .retries
            .iter()
            .take(RETRIES_LOOKED_AT)
            .position(|range| range.count > 1 || may(self.trouble.get(&range.first).unwrap_or(&calm)))?;
        let range = self.retries.remove(position)?;
        self.retrying -= range.count;
        Some(range)
    }

    /// Takes the first open shards, at most `most` and without gaps.
    pub fn take(&mut self, most: u32) -> Option<ShardRange> {
        let first = self.open.first()?;
        let mut count = 0;
        while count < most.max(1) && self.open.remove(first + count) {
            count += 1;
        }
        Some(ShardRange { first, count })
    }

    /// Takes one particular shard; false if it is not open.
    pub fn claim(&mut self, shard: u32) -> bool {
        self.open.remove(shard) || self.resting.remove(&shard).is_some() || self.drop_retry(shard)
    }

    /// A leased shard is open again.
    pub fn reopen(&mut self, shard: u32) {
        if !self.settled.contains(shard) && !self.resting.contains_key(&shard) && !self.is_retry(shard) {
            self.open.insert(shard);
        }
    }

    /// Leased shards are open again, to be handed out exactly so.
    pub fn retry(&mut self, range: ShardRange) {
        self.retries.push_back(range);
        self.retrying += range.count;
    }

    /// A leased shard is open again, but not handed out before `until`.
    pub fn rest(&mut self, shard: u32, until: Timestamp) {
        self.resting.insert(shard, until);
    }

    /// Lets the shards be handed out that rested long enough.
    pub fn wake(&mut self, now: Timestamp) {
        let due: Vec<u32> =
            self.resting.iter().filter(|(_, until)| **until <= now).map(|(shard, _)| *shard).collect();
        for shard in due {
            self.resting.remove(&shard);
            self.retry(ShardRange { first: shard, count: 1 });
        }
    }

    /// The shard's result is here and goes to the database. False if one was here before.
    pub fn settle(&mut self, shard: u32) -> bool {
        if shard >= self.shards() || !self.settled.insert(shard) {
            return false;
        }
        if !self.open.remove(shard) && self.resting.remove(&shard).is_none() && self.retrying > 0 {
            self.drop_retry(shard);
        }
        true
    }

    /// The shard's result is durable. False if that was known.
    pub fn store(&mut self, shard: u32) -> bool {
        self.settle(shard);
        self.stored.insert(shard)
    }

    /// The database did not take the shard's result.
    pub fn unsettle(&mut self, shard: u32) -> bool {
        !self.stored.contains(shard) && self.settled.remove(shard)
    }

    /// Notes a failed attempt; gives back how many there were.
    pub fn failed(&mut self, shard: u32, worker: WorkerId) -> usize {
        let trouble = self.trouble.entry(shard).or_default();
        trouble.failed_on.push(worker);
        trouble.failed_on.len()
    }

    /// Notes that `worker` died over this lone shard; gives back how many did.
    pub fn killed(&mut self, shard: u32, worker: WorkerId) -> usize {
        let trouble = self.trouble.entry(shard).or_default();
        if !trouble.killed.contains(&worker) {
            trouble.killed.push(worker);
        }
        trouble.killed.len()
    }

    /// `worker` lives after all: no shard is charged with its death.
    pub fn acquit(&mut self, worker: WorkerId) {
        for trouble in self.trouble.values_mut() {
            trouble.killed.retain(|dead| *dead != worker);
        }
    }

    fn is_retry(&self, shard: u32) -> bool {
        self.retries.iter().any(|range| range.contains(shard))
    }

    /// Takes one shard out of the retry list, splitting its range.
    fn drop_retry(&mut self, shard: u32) -> bool {
        let Some(position) = self.retries.iter().position(|range| range.contains(shard)) else {
            return false;
        };
        let Some(range) = self.retries.remove(position) else { return false };
        self.retrying -= 1;
        let before = ShardRange { first: range.first, count: shard - range.first };
        let after = ShardRange { first: shard + 1, count: range.end() - shard - 1 };
        for part in [after, before] {
            if part.count > 0 {
                self.retries.insert(position.min(self.retries.len()), part);
            }
        }
        true
    }

    /// Checks that the bitmaps agree with each other; for tests.
    ///
    /// # Panics
    /// If they do not.
    pub fn check(&self) {
        let retrying: u32 = self.retries.iter().map(|range| range.count).sum();
        assert_eq!(retrying, self.retrying, "retry count");
        assert!(self.stored.iter().all(|shard| self.settled.contains(shard)), "stored shards are settled");
        assert!(self.open.iter().all(|shard| !self.settled.contains(shard)), "open shards are not settled");
        let mut seen = Bitmap::empty(self.shards());
        for shard in self.retries.iter().flat_map(|range| range.iter()) {
            assert!(seen.insert(shard), "shard {shard} stands in the retry list twice");
            assert!(!self.settled.contains(shard) && !self.open.contains(shard), "retry of shard {shard}");
        }
        for shard in self.resting.keys() {
            assert!(seen.insert(*shard), "shard {shard} rests and is to be handed out");
            assert!(!self.settled.contains(*shard) && !self.open.contains(*shard), "rest of shard {shard}");
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ANN: WorkerId = WorkerId(Uuid::from_u128(1));

    fn range(first: u32, count: u32) -> ShardRange {
        ShardRange { first, count }
    }

    fn counts(table: &ShardTable) -> (u32, u32, u32, u32) {
        table.check();
        (table.runnable(), table.leased(), table.storing(), table.stored())
    }

    #[test]
    fn a_shard_goes_from_open_to_stored() {
        let mut table = ShardTable::new(10, &[]);
        assert_eq!(table.take(4), Some(range(0, 4)));
        assert_eq!(counts(&table), (6, 4, 0, 0));
        assert!(table.settle(2));
        assert!(!table.settle(2), "the second result of a shard does not count");
        assert_eq!(counts(&table), (6, 3, 1, 0));
        assert!(table.store(2));
        assert!(!table.store(2));
        assert_eq!(counts(&table), (6, 3, 0, 1));
        for shard in [0, 1, 3, 4, 5, 6, 7, 8, 9] {
            table.store(shard); // also results of shards that nobody holds count
        }
        assert!(table.is_finished());
        assert_eq!(table.take(1), None);
    }

    #[test]
    fn a_resumed_stage_skips_what_is_stored() {
        let mut table = ShardTable::new(6, &[range(0, 1), range(3, 1)]);
        assert_eq!(counts(&table), (4, 0, 0, 2));
        assert_eq!(table.take(9), Some(range(1, 2)), "a range has no gaps");
        assert_eq!(table.take(9), Some(range(4, 2)));
    }

    #[test]
    fn a_failed_batch_and_a_lost_holder_open_shards_again() {
        let mut table = ShardTable::new(3, &[]);
        table.take(3);
        table.settle(0);
        assert!(table.unsettle(0));
        table.reopen(0);
        table.retry(range(1, 2));
        assert_eq!(counts(&table), (3, 0, 0, 0));
        table.settle(1); // a late result of the dead holder
        assert_eq!(counts(&table), (2, 0, 1, 0));
        assert_eq!(table.take_retry(|_| true), Some(range(2, 1)));
        assert_eq!(table.take_retry(|_| true), None);
    }

    #[test]
    fn a_resting_shard_holds_up_no_other_and_its_late_result_counts() {
        let mut table = ShardTable::new(4, &[]);
        table.take(3);
        table.rest(0, Timestamp(50));
        table.rest(1, Timestamp(40));
        table.rest(2, Timestamp(60));
        assert_eq!((counts(&table), table.next_resting()), ((1, 0, 0, 0), Some(1)));
        assert_eq!(table.take(9), Some(range(3, 1)));
        table.settle(2);
        table.wake(Timestamp(45));
        assert_eq!(table.take_retry(|_| true), Some(range(1, 1)));
        assert!(table.is_open(0) && table.claim(0), "a worker that comes back may hold it");
        assert_eq!((counts(&table), table.next_resting()), ((0, 3, 1, 0), None));
    }

    #[test]
    fn a_retry_goes_only_to_whom_it_may() {
        let mut table = ShardTable::new(2, &[]);
        table.take(2);
        assert_eq!(table.failed(0, ANN), 1);
        table.retry(range(0, 1));
        assert_eq!(table.take_retry(|trouble| !trouble.failed_on.contains(&ANN)), None);
        assert_eq!(table.take_retry(|_| true), Some(range(0, 1)));
        assert_eq!(table.killed(0, ANN), 1);
        assert_eq!(table.killed(0, ANN), 1, "one process dies once");
        table.acquit(ANN);
        assert_eq!(table.trouble(0).map(|trouble| trouble.killed.len()), Some(0));
    }
}
