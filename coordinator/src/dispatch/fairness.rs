//! Whose turn it is: the submitter with the fewest lane-seconds of late, within one the highest priority, then the
//! oldest run.
//!
//! So nobody starves through others: whoever waits uses nothing, and comes first in the end whatever the others ask for.
//! Within one submitter priorities are strict: runs of a lower one wait for as long as higher ones have work for every
//! lane, which is what whoever gave them asked for. A submitter at the quota of lanes is passed over.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use common::clock::Timestamp;
use common::ids::RunId;

use super::needs::NeedNumber;

/// After this many seconds a consumed lane-second counts half: long enough that a big run does not starve others
/// for good, short enough that nobody pays for yesterday.
pub const HALF_LIFE_S: f64 = 60.0;

/// Where a run stands among its submitter's: higher priority first, then age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    priority: Reverse<i32>,
    submitted_us: i64,
    run: RunId,
}

impl Rank {
    /// The rank of a run submitted at `submitted_us` (microseconds since the Unix epoch).
    #[must_use]
    pub const fn new(priority: i32, submitted_us: i64, run: RunId) -> Self {
        Self { priority: Reverse(priority), submitted_us, run }
    }
}

/// The runs that have something to hand out, in the order in which they are served.
#[derive(Debug, Default)]
pub struct FairQueue {
    submitters: BTreeMap<String, Submitter>,
}

#[derive(Debug, Default)]
struct Submitter {
    /// Lane-microseconds, decayed to `at`.
    used_us: f64,
    at: Timestamp,
    runs: BTreeMap<NeedNumber, BTreeSet<Rank>>,
    /// Leases that take a lane, now or later.
    lanes: u32,
}

/// What a submitter uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage<'a> {
    /// Who.
    pub submitter: &'a str,
    /// Lanes in use, or held in advance.
    pub lanes: u32,
    /// Lane-seconds of late, the older the less.
    pub lane_seconds: f64,
    /// Runs that wait for a lane.
    pub waiting: usize,
}

impl Submitter {
    fn used_at(&self, now: Timestamp) -> f64 {
        self.used_us * (-now.since(self.at).as_secs_f64() / HALF_LIFE_S).exp2()
    }
}

impl FairQueue {
    /// Lets a run take part.
    pub fn insert(&mut self, submitter: &str, need: NeedNumber, rank: Rank) {
        if !self.submitters.contains_key(submitter) {
            self.submitters.insert(submitter.to_owned(), Submitter::default());
        }
        if let Some(entry) = self.submitters.get_mut(submitter) {
            entry.runs.entry(need).or_default().insert(rank);
        }
    }

    /// Takes a run out.
    pub fn remove(&mut self, submitter: &str, need: NeedNumber, rank: Rank) {
        let Some(entry) = self.submitters.get_mut(submitter) else { return };
        if let Some(runs) = entry.runs.get_mut(&need) {
            runs.remove(&rank);
            if runs.is_empty() {
                entry.runs.remove(&need);
            }
        }
    }

    /// Charges `submitter` with `lane_us` lane-microseconds; a negative amount gives back what was charged too much.
    pub fn charge(&mut self, submitter: &str, lane_us: f64, now: Timestamp) {
        if let Some(entry) = self.submitters.get_mut(submitter) {
            entry.used_us = (entry.used_at(now) + lane_us).max(0.0);
            entry.at = now;
        }
    }

    /// Another lane is used for `submitter`, or one of them no more.
    pub fn occupy(&mut self, submitter: &str, more: bool) {
        if !self.submitters.contains_key(submitter) {
            self.submitters.insert(submitter.to_owned(), Submitter::default());
        }
        if let Some(entry) = self.submitters.get_mut(submitter) {
            entry.lanes = if more { entry.lanes + 1 } else { entry.lanes.saturating_sub(1) };
        }
    }

    /// Whether `submitter` uses `quota` lanes or more; never with a quota of 0.
    #[must_use]
    pub fn is_at_quota(&self, submitter: &str, quota: u32) -> bool {
        quota > 0 && self.submitters.get(submitter).is_some_and(|entry| entry.lanes >= quota)
    }

    /// What each submitter uses.
    pub fn usage(&self, now: Timestamp) -> impl Iterator<Item = Usage<'_>> {
        self.submitters.iter().map(move |(submitter, entry)| Usage {
            submitter,
            lanes: entry.lanes,
            lane_seconds: entry.used_at(now) / 1e6,
            waiting: entry.runs.values().map(BTreeSet::len).sum(),
        })
    }

    /// Forgets submitters who have no runs here and used next to nothing of late.
    pub fn forget_idle(&mut self, now: Timestamp) {
        self.submitters
            .retain(|_, entry| !entry.runs.is_empty() || entry.lanes > 0 || entry.used_at(now) > 1_000.0);
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.submitters.values().all(|entry| entry.runs.is_empty())
    }

    /// Offers the runs with the given needs to `take` in the order of fairness until it accepts one. Submitters who use
    /// `quota` lanes (0 for any number) are passed over.
    pub fn serve<T>(
        &self,
        needs: &BTreeSet<NeedNumber>,
        quota: u32,
        now: Timestamp,
        mut take: impl FnMut(RunId) -> Option<T>,
    ) -> Option<T> {
        let mut order: Vec<(f64, &Submitter)> = self
            .submitters
            .values()
            .filter(|entry| !entry.runs.is_empty() && (quota == 0 || entry.lanes < quota))
            .map(|entry| (entry.used_at(now), entry))
            .collect();
        order.sort_by(|(a, _), (b, _)| a.total_cmp(b)); // stable: equals stay in the order of their names
        for (_, submitter) in order {
            let mut queues: Vec<_> = submitter
                .runs
                .iter()
                .filter(|(need, _)| needs.contains(need))
                .map(|(_, runs)| runs.iter().peekable())
                .collect();
            // the queues of several needs are merged by rank
            while let Some((rank, queue)) = queues
                .iter_mut()
                .filter_map(|queue| Some((**queue.peek()?, queue)))
                .min_by_key(|(rank, _)| *rank)
            {
                queue.next();
                if let Some(taken) = take(rank.run) {
                    return Some(taken);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    const START: Timestamp = Timestamp(0);

    fn run(n: u128) -> RunId {
        RunId(Uuid::from_u128(n))
    }

    fn served(queue: &FairQueue, needs: &[u32], now: Timestamp) -> Vec<u128> {
        let mut order = Vec::new();
        queue.serve::<()>(&needs.iter().copied().collect(), 2, now, |run| {
            order.push(run.0.as_u128());
            None
        });
        order
    }

    #[test]
    fn within_a_submitter_priority_goes_before_age() {
        let mut queue = FairQueue::default();
        queue.insert("ann", 0, Rank::new(0, 10, run(1)));
        queue.insert("ann", 1, Rank::new(0, 5, run(2)));
        queue.insert("ann", 0, Rank::new(7, 20, run(3)));
        assert_eq!(served(&queue, &[0, 1], START), [3, 2, 1]);
        assert_eq!(served(&queue, &[1], START), [2], "only what the worker offers");
        queue.remove("ann", 0, Rank::new(7, 20, run(3)));
        assert_eq!(served(&queue, &[0, 1], START), [2, 1]);
    }

    #[test]
    fn who_used_less_of_late_goes_first() {
        let mut queue = FairQueue::default();
        queue.insert("ann", 0, Rank::new(100, 0, run(1)));
        queue.insert("bob", 0, Rank::new(0, 9, run(2)));
        queue.charge("ann", 8e6, START);
        queue.charge("bob", 3e6, START);
        assert_eq!(served(&queue, &[0], START), [2, 1], "priority does not reach over submitters");

        let later = START.after(Duration::from_mins(2)); // ann's 8 s count 2 s now
        queue.charge("bob", 2e6, later); // bob's count 0.75 s + 2 s
        assert_eq!(served(&queue, &[0], later), [1, 2]);
    }

    #[test]
    fn who_is_at_the_quota_of_lanes_is_passed_over() {
        let mut queue = FairQueue::default();
        queue.insert("ann", 0, Rank::new(0, 0, run(1)));
        queue.insert("bob", 0, Rank::new(0, 0, run(2)));
        queue.occupy("ann", true);
        queue.occupy("ann", true);
        assert!(queue.is_at_quota("ann", 2) && !queue.is_at_quota("ann", 3) && !queue.is_at_quota("ann", 0));
        assert_eq!(served(&queue, &[0], START), [2]);
        queue.occupy("ann", false);
        assert_eq!(served(&queue, &[0], START), [1, 2]);
    }

    // ann has work for every lane, for ever; bob comes with one run
    #[test]
    fn nobody_starves_through_others_and_within_one_priorities_are_strict() {
        let mut queue = FairQueue::default();
        queue.insert("ann", 0, Rank::new(100, 0, run(1)));
        queue.insert("ann", 0, Rank::new(-100, 0, run(2)));
        queue.charge("ann", 1e6, START);
        queue.insert("bob", 0, Rank::new(-100, 0, run(3)));
        assert_eq!(served(&queue, &[0], START), [3, 1, 2], "bob's first task does not wait for ann's");
        queue.charge("bob", 5e6, START);
        let mut now = START;
        for second in 1..=5 {
            now = START.after(Duration::from_secs(second));
            queue.charge("ann", 1e6, now);
        }
        assert_eq!(served(&queue, &[0], now), [3, 1, 2], "while ann used lanes, bob's turn came again");
    }

    #[test]
    fn idle_submitters_are_forgotten_in_the_end() {
        let mut queue = FairQueue::default();
        queue.insert("ann", 0, Rank::new(0, 0, run(1)));
        queue.charge("ann", 1e6, START);
        queue.remove("ann", 0, Rank::new(0, 0, run(1)));
        queue.forget_idle(START);
        assert_eq!(queue.submitters.len(), 1, "what was used is remembered for a while");
        queue.forget_idle(START.after(Duration::from_hours(1)));
        assert!(queue.submitters.is_empty());
        assert!(queue.is_empty());
    }
}
