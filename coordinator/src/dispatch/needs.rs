//! What runs need of a worker, numbered: an algorithm in a version, labels, memory. Runs with equal needs share a number, and
//! so the queues, the count of lanes and the reason to wait.

use std::collections::BTreeMap;

/// Names a [`Need`] within one scheduler.
pub type NeedNumber = u32;

/// What a worker must have to get a run's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The algorithm and the version that it has to offer.
    pub algorithm: (String, u32),
    /// Labels that it has to carry.
    pub labels: BTreeMap<String, String>,
    /// Memory for each task, in bytes; 0 if the run does not say.
    pub memory_bytes: u64,
}

/// The needs of the open runs.
#[derive(Debug, Default)]
pub struct Needs {
    known: BTreeMap<Need, Known>,
    last: NeedNumber,
}

#[derive(Debug)]
struct Known {
    number: NeedNumber,
    runs: u32,
}

impl Needs {
    /// Another open run has this need. Gives back its number, and whether no other run had it.
    pub fn take(&mut self, need: &Need) -> (NeedNumber, bool) {
        if let Some(known) = self.known.get_mut(need) {
            known.runs += 1;
            return (known.number, false);
        }
        self.last += 1;
        self.known.insert(need.clone(), Known { number: self.last, runs: 1 });
        (self.last, true)
    }

    /// A run with this need ended. Gives back the number if no other has it.
    pub fn leave(&mut self, need: &Need) -> Option<NeedNumber> {
        let known = self.known.get_mut(need)?;
        known.runs -= 1;
        if known.runs > 0 {
            return None;
        }
        self.known.remove(need).map(|known| known.number)
    }

    /// All of them with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Need, NeedNumber)> {
        self.known.iter().map(|(need, known)| (need, known.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_needs_share_a_number_until_the_last_run_ended() {
        let mut needs = Needs::default();
        let spin = Need { algorithm: ("spin".to_owned(), 1), ..Need::default() };
        let large = Need { memory_bytes: 1 << 30, ..spin.clone() };
        assert_eq!(needs.take(&spin), (1, true));
        assert_eq!(needs.take(&spin), (1, false));
        assert_eq!(needs.take(&large), (2, true));
        assert_eq!(needs.leave(&spin), None);
        assert_eq!(needs.leave(&spin), Some(1));
        assert_eq!(needs.take(&spin), (3, true), "numbers are not used again");
        assert_eq!(needs.iter().map(|(_, number)| number).collect::<Vec<_>>(), [3, 2]);
    }
}
