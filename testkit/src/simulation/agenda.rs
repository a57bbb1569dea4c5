//! What is to happen when. Simulated time leaps from one happening to the next.

use std::collections::BTreeMap;

/// Microseconds of simulated time, the same for everybody; no process sees it.
pub type Instant = u64;

/// A millisecond.
pub const MS: Instant = 1_000;

/// A second.
pub const SECOND: Instant = 1_000 * MS;

/// Happenings in the order of their time; of equal times, in the order in which they were noted.
#[derive(Debug)]
pub struct Agenda<H> {
    now: Instant,
    noted: u64,
    entries: BTreeMap<(Instant, u64), H>,
}

impl<H> Default for Agenda<H> {
    fn default() -> Self {
        Self { now: 0, noted: 0, entries: BTreeMap::new() }
    }
}

impl<H> Agenda<H> {
    /// Now.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Notes what happens at `at`, or at once if that is past.
    pub fn at(&mut self, at: Instant, happening: H) {
        self.noted += 1;
        self.entries.insert((at.max(self.now), self.noted), happening);
    }

    /// Notes what happens in so long.
    pub fn after(&mut self, wait: Instant, happening: H) {
        self.at(self.now + wait, happening);
    }

    /// What happens next; its time is now.
    pub fn next(&mut self) -> Option<H> {
        let ((at, _), happening) = self.entries.pop_first()?;
        self.now = at;
        Some(happening)
    }
}
