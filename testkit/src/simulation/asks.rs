//! What runs ask of workers and operators set, beside the defaults: labels, memory, quotas, deadlines, pauses, rests, bounds.
//! Half of the seeds ask for something.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use coordinator::dispatch::event::{AheadSettings, DispatchSettings};
use worker::agent::core::Memory;

use super::agenda::{Instant, SECOND};
use super::dice::{Dice, mix};
use super::plan::{EVENTFUL, Fault, Plan};

/// The label that runs may ask for.
const ZONE: &str = "zone";

/// What a run asks for.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    /// Only workers there may have its tasks.
    pub zone: Option<&'static str>,
    /// Memory of each task in MiB; 0 if it does not say.
    pub memory_mib: u32,
    /// When its result is of no more use, counted from its submission.
    pub deadline: Option<Instant>,
}

/// What a worker is, by its place. The first place has everything that runs ask for.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// Where it is.
    pub zone: &'static str,
    /// What it may use of memory, in MiB.
    pub memory_mib: u32,
}

impl Traits {
    /// Those of a place.
    #[must_use]
    pub const fn of(seed: u64, place: usize) -> Self {
        if place == 0 {
            return Self { zone: "east", memory_mib: 800 };
        }
        let chance = mix(seed, place as u64, 7);
        let zone = if chance.is_multiple_of(2) { "east" } else { "west" };
        Self { zone, memory_mib: if chance.is_multiple_of(3) { 150 } else { 800 } }
    }

    /// As labels.
    #[must_use]
    pub fn labels(self) -> Vec<(String, String)> {
        vec![(ZONE.to_owned(), self.zone.to_owned())]
    }

    /// As the agent has it.
    #[must_use]
    pub fn memory(self) -> Memory {
        Memory { limit_bytes: u64::from(self.memory_mib) << 20, high_bytes: 0 }
    }

    /// Whether a worker has what a run asks for.
    #[must_use]
    pub fn meet(self, asks: &Asks) -> bool {
        asks.zone.is_none_or(|zone| zone == self.zone) && asks.memory_mib <= self.memory_mib
    }
}

impl Asks {
    /// The labels of a worker that may have its tasks.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.zone.map(|zone| (ZONE.to_owned(), zone.to_owned())).into_iter().collect()
    }

    /// When its result is of no more use, if it is submitted at `now`: simulated time begins with the epoch.
    #[must_use]
    pub fn deadline_at(&self, now: Instant) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros((now + self.deadline?).cast_signed())
    }
}

/// How long it is until then.
#[must_use]
pub fn wait_until(deadline: DateTime<Utc>, now: Instant) -> Instant {
    deadline.timestamp_micros().cast_unsigned().saturating_sub(now)
}

impl Plan {
    /// Lets half of the seeds ask for something.
    pub(super) fn ask(&mut self) {
        let mut dice = Dice::new(self.seed, 3);
        if dice.chance(50) {
            return;
        }
        self.settings = settings(&mut dice, self.settings);
        for run in &mut self.runs {
            run.asks = Asks {
                zone: dice.chance(30).then_some("east"),
                memory_mib: if dice.chance(30) { [100, 300, 500][dice.one_of(3)] } else { 0 },
                deadline: dice.chance(15).then(|| dice.between(0, 15 * SECOND)),
            };
        }
        for _ in 0..if dice.chance(40) { dice.between(1, 2) } else { 0 } {
            let at = dice.between(0, EVENTFUL);
            let fault = Fault::HoldRun { run: dice.one_of(5), length: dice.between(0, 6 * SECOND) };
            self.faults.push((at, fault));
        }
        self.faults.sort_by_key(|(at, _)| *at);
    }
}

#[allow(clippy::cast_possible_truncation)] // small numbers
fn settings(dice: &mut Dice, before: DispatchSettings) -> DispatchSettings {
    let mut ms = |choices: &[u64]| Duration::from_millis(choices[dice.one_of(choices.len())]);
    let (backoff, backoff_most) = (ms(&[0, 100, 700]), ms(&[100, 1_000, 10_000]));
    DispatchSettings {
        user_lanes: if dice.chance(40) { dice.between(1, 3) as u32 } else { 0 },
        attempts: dice.between(2, 4) as u32,
        deaths: dice.between(2, 4) as u32,
        backoff,
        backoff_most,
        worker_bytes: 1 << dice.between(12, 25),
        planned_shards: [1, 40, 100_000_000][dice.one_of(3)],
        ahead: AheadSettings {
            shards: [0, 8, 64, 1_000][dice.one_of(4)],
            bytes: [1, 2_000, 64 << 10][dice.one_of(3)],
            all_bytes: [1, 4_000, 16 << 20][dice.one_of(3)],
            state_bytes: [0, 40, 256 << 10][dice.one_of(3)],
        },
        ..before
    }
}
