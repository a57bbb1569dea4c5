//! PURE. Which runs are begun, being read or ended here, and what a look at the open ones of the database asks for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::ids::RunId;

/// Rows that are read at a time: after a long absence thousands may have come.
const READ_AT_ONCE: usize = 500;

/// Ended runs that are remembered, so that a row read before their end does not begin them again. One read after it does:
/// the run is tried again.
const ENDED_REMEMBERED: usize = 10_000;

/// The number of what is read before any look began: nothing has ended yet.
pub const FIRST_LOOK: u64 = 0;

/// The runs of a leader, each with its `H`andle.
#[derive(Debug)]
pub struct Roster<H> {
    begun: BTreeMap<RunId, H>,
    reading: BTreeSet<RunId>,
    /// Ended runs, each with how many looks had begun before.
    ended: BTreeMap<RunId, u64>,
    ended_in_order: VecDeque<RunId>,
    looks: u64,
}

/// What the open runs of the database ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Not known here: to be read, the oldest first.
    pub unknown: Vec<RunId>,
    /// Begun here and not open there: it is to be seen why.
    pub missing: Vec<RunId>,
    /// Whether there are unknown ones beyond these.
    pub more: bool,
}

impl<H> Default for Roster<H> {
    fn default() -> Self {
        Self {
            begun: BTreeMap::new(),
            reading: BTreeSet::new(),
            ended: BTreeMap::new(),
            ended_in_order: VecDeque::new(),
            looks: 0,
        }
    }
}

impl<H> Roster<H> {
    /// The handle of a run that is begun.
    pub fn handle(&self, run: RunId) -> Option<&H> {
        self.begun.get(&run)
    }

    /// Whether nothing is known of a run, not even that it ended.
    pub fn is_unknown(&self, run: RunId) -> bool {
        !self.begun.contains_key(&run) && !self.reading.contains(&run) && !self.ended.contains_key(&run)
    }

    /// The number of a look at the database that begins now.
    pub fn begin_look(&mut self) -> u64 {
        self.looks += 1;
        self.looks
    }

    /// Whether an open run that look number `look` found is to begin here: it is neither begun nor being read, and did not
    /// end after the look began.
    pub fn is_new(&self, run: RunId, look: u64) -> bool {
        !self.begun.contains_key(&run)
            && !self.reading.contains(&run)
            && self.ended.get(&run).is_none_or(|before| look > *before)
    }

    /// Compares with the ids of all open runs, as look number `look` found them.
    pub fn compare(&self, open: &[RunId], look: u64) -> Look {
        let mut unknown = open.iter().copied().filter(|run| self.is_new(*run, look));
        let room = READ_AT_ONCE.saturating_sub(self.reading.len());
        let list: Vec<RunId> = unknown.by_ref().take(room).collect();
        let more = unknown.next().is_some();
        let open: BTreeSet<&RunId> = open.iter().collect();
        let missing = self.begun.keys().filter(|run| !open.contains(run)).copied().collect();
        Look { unknown: list, missing, more }
    }

    /// These are being read.
    pub fn begin_reading(&mut self, runs: &[RunId]) {
        self.reading.extend(runs);
    }

    /// These were read, or could not be.
    pub fn end_reading(&mut self, runs: &[RunId]) {
        for run in runs {
            self.reading.remove(run);
        }
    }

    /// A run has begun.
    pub fn began(&mut self, run: RunId, handle: H) {
        self.begun.insert(run, handle);
    }

    /// A run broke; it may begin again.
    pub fn lost(&mut self, run: RunId) {
        self.begun.remove(&run);
    }

    /// A run ended.
    pub fn ended(&mut self, run: RunId) {
        self.begun.remove(&run);
        if self.ended.insert(run, self.looks).is_none() {
            self.ended_in_order.push_back(run);
        }
        while self.ended_in_order.len() > ENDED_REMEMBERED {
            if let Some(oldest) = self.ended_in_order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn runs(from: u128, to: u128) -> Vec<RunId> {
        (from..to).map(|number| RunId(Uuid::from_u128(number))).collect()
    }

    fn roster_of(begun: &[RunId]) -> Roster<()> {
        let mut roster = Roster::default();
        for run in begun {
            roster.began(*run, ());
        }
        roster
    }

    #[test]
    fn ten_thousand_open_runs_cost_no_row_while_nothing_changes() {
        let roster = roster_of(&runs(0, 10_000));
        assert_eq!(roster.compare(&runs(0, 10_000), 1), Look::default());
        let look = roster.compare(&runs(1, 10_001), 2);
        assert_eq!(look, Look { unknown: runs(10_000, 10_001), missing: runs(0, 1), more: false });
    }

    #[test]
    fn ten_thousand_new_runs_are_read_bit_by_bit() {
        let mut roster = roster_of(&[]);
        let open = runs(0, 10_000);
        let mut looks = 0;
        loop {
            let number = roster.begin_look();
            let look = roster.compare(&open, number);
            assert!(look.unknown.len() <= READ_AT_ONCE);
            roster.begin_reading(&look.unknown);
            assert_eq!(roster.compare(&open, number).unknown, [], "as long as these are read, no others are");
            roster.end_reading(&look.unknown);
            for run in look.unknown {
                roster.began(run, ());
            }
            looks += 1;
            if !look.more {
                break;
            }
        }
        assert_eq!(looks, open.len().div_ceil(READ_AT_ONCE));
    }

    #[test]
    fn what_ended_does_not_begin_again_by_an_older_look_and_what_broke_does() {
        let run = runs(1, 2)[0];
        let mut roster = roster_of(&[run]);
        let look = roster.begin_look();
        roster.lost(run);
        assert!(roster.is_new(run, look));
        roster.began(run, ());
        roster.ended(run);
        assert_eq!(roster.handle(run), None);
        assert_eq!(roster.compare(&[run], look), Look::default(), "the row was read before the end");
        for other in runs(10, 10 + ENDED_REMEMBERED as u128) {
            roster.ended(other);
        }
        assert!(roster.is_new(run, look), "the oldest are forgotten");
    }

    #[test]
    fn a_failed_run_that_is_open_again_begins_again() {
        let run = runs(1, 2)[0];
        let mut roster = roster_of(&[run]);
        let before = roster.begin_look();
        roster.ended(run);
        assert!(!roster.is_new(run, before));
        let after = roster.begin_look();
        assert_eq!(roster.compare(&[run], after).unknown, [run], "somebody wants it tried again");
        roster.began(run, ());
        roster.ended(run);
        assert!(!roster.is_new(run, after), "its second end counts as well");
    }
}
