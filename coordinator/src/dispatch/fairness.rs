//! Whose turn it is: the submitter with the fewest lane-seconds of late, within one the highest priority, then the
//! oldest run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use common::clock::Timestamp;
use common::ids::RunId;

/// After this many seconds a consumed lane-second counts half: long enough that a big run does not starve others
/// for good, short enough that nobody pays for yesterday.
pub const HALF_LIFE_S: f64 = 60.0;

/// Names an (algorithm, version) within one scheduler.
pub type AlgorithmNumber = u32;

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
    runs: BTreeMap<AlgorithmNumber, BTreeSet<Rank>>,
}

impl Submitter {
    fn used_at(&self, now: Timestamp) -> f64 {
        self.used_us * (-now.since(self.at).as_secs_f64() / HALF_LIFE_S).exp2()
    }
}

impl FairQueue {
    /// Lets a run take part.
    pub fn insert(&mut self, submitter: &str, algorithm: AlgorithmNumber, rank: Rank) {
        if !self.submitters.contains_key(submitter) {
            self.submitters.insert(submitter.to_owned(), Submitter::default());
        }
        if let Some(entry) = self.submitters.get_mut(submitter) {
            entry.runs.entry(algorithm).or_default().insert(rank);
        }
    }

    /// Takes a run out.
    pub fn remove(&mut self, submitter: &str, algorithm: AlgorithmNumber, rank: Rank) {
        let Some(entry) = self.submitters.get_mut(submitter) else { return };
        if let Some(runs) = entry.runs.get_mut(&algorithm) {
            runs.remove(&rank);
            if runs.is_empty() {
                entry.runs.remove(&algorithm);
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

    /// Forgets submitters who have no runs here and used next to nothing of late.
    pub fn forget_idle(&mut self, now: Timestamp) {
        self.submitters.retain(|_, entry| !entry.runs.is_empty() || entry.used_at(now) > 1_000.0);
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.submitters.values().all(|entry| entry.runs.is_empty())
    }

    /// Offers the runs of the given algorithms to `take` in the order of fairness until it accepts one.
    pub fn serve<T>(
        &self,
        algorithms: &BTreeSet<AlgorithmNumber>,
        now: Timestamp,
        mut take: impl FnMut(RunId) -> Option<T>,
    ) -> Option<T> {
        let mut order: Vec<(f64, &Submitter)> = self
            .submitters
            .values()
            .filter(|entry| !entry.runs.is_empty())
            .map(|entry| (entry.used_at(now), entry))
            .collect();
        order.sort_by(|(a, _), (b, _)| a.total_cmp(b)); // stable: equals stay in the order of their names
        for (_, submitter) in order {
            let mut queues: Vec<_> = submitter
                .runs
                .iter()
                .filter(|(algorithm, _)| algorithms.contains(algorithm))
                .map(|(_, runs)| runs.iter().peekable())
                .collect();
            // the queues of several algorithms are merged by rank
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

    fn served(queue: &FairQueue, algorithms: &[u32], now: Timestamp) -> Vec<u128> {
        let mut order = Vec::new();
        queue.serve::<()>(&algorithms.iter().copied().collect(), now, |run| {
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
