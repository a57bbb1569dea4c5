//! PURE. How a batch goes on after each attempt to write it, until it is durable or nothing more may be written.

use std::time::Duration;

use super::batch;
use super::fact::Fact;
use super::transaction::{Attempt, Insert, Told};

/// The pause after the first attempt that failed; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest pause between attempts: after an outage the queue moves again that much later.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A batch on its way.
#[derive(Debug)]
pub struct Course {
    insert: Insert,
    pause: Duration,
    /// What the attempt found whose COMMIT got no answer.
    uncertain: Option<Told>,
}

/// What follows from an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The batch is durable, or refused for good: tell this.
    Done(Told),
    /// Try again after this pause.
    Again(Duration),
    /// One of its facts is refused: write its two halves, each as a batch of its own.
    Halve,
    /// Another coordinator leads: nothing more may be written.
    Fenced,
}

impl Course {
    /// The course of a batch that was not tried yet.
    #[must_use]
    pub fn new(facts: &[Fact]) -> Self {
        Self { insert: Insert::fitting(facts), pause: FIRST_PAUSE, uncertain: None }
    }

    /// How shards are to get in at the next attempt.
    #[must_use]
    pub const fn insert(&self) -> Insert {
        self.insert
    }

    /// What follows from an attempt to write `facts`.
    pub fn after(&mut self, facts: &[Fact], attempt: Attempt) -> Step {
        match attempt {
            Attempt::Committed(told) => Step::Done(told),
            Attempt::AlreadyCommitted => Step::Done(self.uncertain.take().unwrap_or_default()),
            Attempt::Fenced => Step::Fenced,
            Attempt::Duplicate => {
                self.insert = Insert::SkippingDuplicates;
                Step::Again(Duration::ZERO)
            }
            Attempt::Refused(detail) => match facts {
                [fact] => Step::Done(Told {
                    written: batch::refusal(fact, detail).into_iter().collect(),
                    spoiled: batch::spoils(fact).into_iter().collect(),
                }),
                _ => Step::Halve,
            },
            Attempt::Uncertain(told) => {
                self.uncertain = Some(told);
                self.insert = Insert::SkippingDuplicates;
                Step::Again(self.grown())
            }
            Attempt::Failed(_) => Step::Again(self.grown()),
        }
    }

    fn grown(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use common::ids::{RunId, StageIndex};
    use uuid::Uuid;

    use super::*;
    use crate::store::StoreError;
    use crate::store::writer::{ShardRow, Written};

    fn shards(count: u32) -> Vec<Fact> {
        let row = |shard| ShardRow {
            run: RunId(Uuid::from_u128(1)),
            stage: StageIndex(0),
            shard,
            json: b"{}".to_vec(),
            worker: Uuid::from_u128(2),
            started_us: 0,
            cpu_us: 0,
            wall_us: 0,
        };
        (0..count).map(row).map(Fact::Shard).collect()
    }

    #[test]
    fn a_commit_without_an_answer_is_told_once_it_is_found_to_be_there() {
        let facts = shards(100);
        let shards =
            Written::Shards { run: facts[0].run(), stage: StageIndex(0), shards: (0..100).collect() };
        let told = Told { written: vec![shards], ..Told::default() };
        let mut course = Course::new(&facts);
        assert_eq!(course.insert(), Insert::Copying);
        let step = course.after(&facts, Attempt::Uncertain(told.clone()));
        assert_eq!(step, Step::Again(FIRST_PAUSE));
        assert_eq!(course.insert(), Insert::SkippingDuplicates);
        assert_eq!(course.after(&facts, Attempt::AlreadyCommitted), Step::Done(told));
    }

    #[test]
    fn pauses_grow_and_a_refused_fact_is_found_by_halving() {
        let (many, one) = (shards(2), shards(1));
        let failed = || Attempt::Failed(StoreError::Timeout);
        let mut course = Course::new(&many);
        let pauses: Vec<Step> = (0..9).map(|_| course.after(&many, failed())).collect();
        assert_eq!(pauses[..2], [Step::Again(FIRST_PAUSE), Step::Again(FIRST_PAUSE * 2)]);
        assert_eq!(pauses[8], Step::Again(LONGEST_PAUSE));
        assert_eq!(course.after(&many, Attempt::Refused("no".to_owned())), Step::Halve);
        let Step::Done(told) = course.after(&one, Attempt::Refused("no".to_owned())) else { panic!() };
        assert!(matches!(&told.written[..], [Written::ShardRefused { shard: 0, .. }]), "{told:?}");
        assert_eq!(course.after(&many, Attempt::Fenced), Step::Fenced);
    }
}
