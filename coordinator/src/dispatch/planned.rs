//! PURE. How many shards the open stages have, over all runs: their books are memory of the leader. Above the bound no
//! further stage is opened for whoever has one open; who has none is not kept waiting by others.

use std::collections::BTreeMap;

/// The shards of the open stages.
#[derive(Debug)]
pub(super) struct Planned {
    most: u64,
    total: u64,
    by_submitter: BTreeMap<String, u64>,
}

impl Planned {
    /// None yet; above `most` no more are wanted.
    pub(super) const fn new(most: u64) -> Self {
        Self { most, total: 0, by_submitter: BTreeMap::new() }
    }

    /// A stage of so many shards is open.
    pub(super) fn add(&mut self, submitter: &str, shards: u64) {
        if shards == 0 {
            return;
        }
        self.total += shards;
        match self.by_submitter.get_mut(submitter) {
            Some(own) => *own += shards,
            None => {
                self.by_submitter.insert(submitter.to_owned(), shards);
            }
        }
    }

    /// A stage of so many shards is open no more.
    pub(super) fn remove(&mut self, submitter: &str, shards: u64) {
        let Some(own) = self.by_submitter.get_mut(submitter) else { return };
        self.total -= shards;
        *own -= shards;
        if *own == 0 {
            self.by_submitter.remove(submitter);
        }
    }

    /// Whether another stage may be opened for a submitter.
    pub(super) fn may_open(&self, submitter: &str) -> bool {
        self.total < self.most || !self.by_submitter.contains_key(submitter)
    }

    /// The submitters for whom no stage may be opened.
    pub(super) fn held_back(&self) -> impl Iterator<Item = &String> {
        self.by_submitter.keys().filter(|_| self.total >= self.most)
    }

    /// Shards of all open stages.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_bound_only_those_without_an_open_stage_open_one() {
        let mut planned = Planned::new(10);
        planned.add("ann", 9);
        assert!(planned.may_open("ann") && planned.may_open("bob"));
        planned.add("ann", 4);
        assert!(!planned.may_open("ann") && planned.may_open("bob"));
        assert_eq!(planned.held_back().collect::<Vec<_>>(), ["ann"]);
        planned.remove("ann", 9);
        assert!(planned.may_open("ann"));
        planned.remove("ann", 4);
        planned.add("bob", 0);
        assert_eq!((planned.total(), planned.by_submitter.len(), planned.held_back().count()), (0, 0, 0));
    }
}
