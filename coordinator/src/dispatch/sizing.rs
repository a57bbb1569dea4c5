//! How many shards a range gets: enough that a message is worth its while, few enough that nobody waits at the end.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a range may at most take. Longer ranges would be lost by a death and could not be shared out any more.
pub const RANGE_WORK: Duration = Duration::from_millis(200);

/// What a range should at least take, where that many shards remain for every lane: below, the round trip dominates.
pub const LEAST_RANGE_WORK: Duration = Duration::from_millis(2);

/// The most shards in a range, however short they are: one batch of the writer.
pub const RANGE_SHARDS: u32 = 5_000;

/// What is known of a stage's shards from those that are finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Finished shards.
    pub shards: u64,
    /// Their wall time in microseconds.
    pub wall_us: u64,
    /// The bytes of their results.
    pub bytes: u64,
}

impl Measured {
    /// Adds a finished shard.
    pub fn add(&mut self, wall_us: u64, bytes: u64) {
        self.shards += 1;
        self.wall_us = self.wall_us.saturating_add(wall_us);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Mean wall time of a shard in microseconds, at least 1; none before the first result.
    #[must_use]
    pub fn wall_us_per_shard(&self) -> Option<u64> {
        (self.shards > 0).then(|| (self.wall_us / self.shards).max(1))
    }

    /// Mean size of a result in bytes; none before the first.
    #[must_use]
    pub fn bytes_per_shard(&self) -> Option<u64> {
        (self.shards > 0).then(|| self.bytes / self.shards)
    }
}

/// What the shards of stages took, by algorithm with version and by the stage's name, in the last run that finished one.
#[derive(Debug, Default)]
pub struct History {
    known: BTreeMap<(String, u32), BTreeMap<String, Measured>>,
}

impl History {
    /// Remembers a finished stage.
    pub fn remember(&mut self, algorithm: &(String, u32), stage: &str, measured: Measured) {
        let stages = self.known.entry(algorithm.clone()).or_default();
        stages.insert(stage.to_owned(), measured);
    }

    /// Mean wall time of a shard in microseconds; none if no run finished such a stage.
    #[must_use]
    pub fn wall_us_per_shard(&self, algorithm: &(String, u32), stage: &str) -> Option<u64> {
        self.known.get(algorithm)?.get(stage)?.wall_us_per_shard()
    }
}

/// How many shards the next range of a stage gets, at least 1.
///
/// `remaining` shards are open and `lanes` could run them. Before anything is measured a range is one shard; then at
/// most [`RANGE_WORK`] of work, at most `remaining / (2 × lanes)` so that the ranges shrink towards the end of the
/// stage, but not below [`LEAST_RANGE_WORK`] while every lane gets as much.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // bounded by RANGE_SHARDS
pub fn range_size(measured: Measured, remaining: u32, lanes: u32) -> u32 {
    let Some(shard_us) = measured.wall_us_per_shard() else { return 1 };
    let lanes = lanes.max(1);
    let by_work = micros(RANGE_WORK) / shard_us;
    let worthwhile = (micros(LEAST_RANGE_WORK) / shard_us).min(u64::from(remaining.div_ceil(lanes)));
    let by_share = u64::from(remaining / (2 * lanes)).max(worthwhile);
    by_work.min(by_share).clamp(1, u64::from(RANGE_SHARDS)) as u32
}

#[allow(clippy::cast_possible_truncation)] // constants of milliseconds
const fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(shard_us: Option<u64>, remaining: u32, lanes: u32) -> u32 {
        let measured =
            shard_us.map_or_else(Measured::default, |wall_us| Measured { shards: 1, wall_us, bytes: 0 });
        range_size(measured, remaining, lanes)
    }

    #[test]
    fn ranges_follow_durations_and_what_remains() {
        let cases = [
            ("nothing is measured yet", None, 1_000_000, 4, 1),
            ("200 ms of work", Some(10_000), 1_000_000, 4, 20),
            ("a long shard travels alone", Some(900_000), 1_000_000, 4, 1),
            ("the remainder is shared out", Some(10_000), 64, 4, 8),
            ("the last shards travel alone", Some(10_000), 3, 4, 1),
            ("shards of no duration: one batch of the writer", Some(0), 1_000_000, 4, 5_000),
            ("short shards: at least 2 ms of work", Some(100), 100, 4, 20),
            ("but every lane gets its share", Some(100), 8, 4, 2),
            ("no lanes at all", Some(100), 8, 0, 8),
        ];
        for (what, shard_us, remaining, lanes, expected) in cases {
            assert_eq!(size(shard_us, remaining, lanes), expected, "{what}");
        }
    }
}
