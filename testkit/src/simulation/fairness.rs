//! Lane time is shared between submitters: while every one of them has shards to hand out, the lane time that their stored
//! results took differs by no more than what all workers can hold at a time, twice.
//!
//! Whoever used least is served next, so nobody is ahead by more than what was given to him while others waited; and what
//! was given is what workers hold: at most lanes and prefetch of each, every lease [`RANGE_WORK`] or a single shard long.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::RunId;
use coordinator::dispatch::sizing::RANGE_WORK;

use super::agenda::Instant;
use super::plan::Plan;
use super::tables::Tables;

/// What each submitter's stored results took.
#[derive(Debug, Default)]
pub struct Shares {
    used: BTreeMap<String, Instant>,
}

impl Shares {
    /// A result of a submitter is stored that took so long.
    pub fn add(&mut self, submitter: &str, wall_us: u64) {
        *self.used.entry(submitter.to_owned()).or_default() += wall_us;
    }

    /// Compares the shares, as long as every run has shards to hand out.
    ///
    /// # Panics
    /// If somebody is too far ahead.
    pub fn check<'a>(&self, plan: &Plan, tables: &Tables, runs: impl Iterator<Item = &'a RunId>) {
        let leases: u64 =
            plan.workers.iter().map(|lanes| u64::from(*lanes + plan.settings.prefetch.min(*lanes))).sum();
        for run in runs {
            let progress = tables.record(*run).and_then(|record| record.progress().next());
            let Some((shards, done, _)) = progress else { return };
            // what workers hold is handed out already
            let pace = plan.runs.iter().map(|run| run.pace).min().unwrap_or(1);
            let held = leases * (micros(RANGE_WORK) / pace.max(1)).max(1);
            if u64::from(shards - done) <= held {
                return;
            }
        }
        let longest = plan.runs.iter().map(|run| 12 * run.pace).max().unwrap_or(0).max(micros(RANGE_WORK));
        let most = 2 * leases * longest;
        let used = plan.runs.iter().map(|run| self.used.get(&run.submitter).copied().unwrap_or(0));
        let (least, largest) = (used.clone().min().unwrap_or(0), used.max().unwrap_or(0));
        assert!(
            largest - least <= most,
            "lane time is not shared: {:?}, at most {most} us may lie between them",
            self.used
        );
    }
}

#[allow(clippy::cast_possible_truncation)] // constants of milliseconds
const fn micros(duration: Duration) -> Instant {
    duration.as_micros() as Instant
}
