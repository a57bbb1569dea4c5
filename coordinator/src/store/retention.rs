//! For how long what is kept. Pure: what the janitor may touch, given the time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// For how long what is kept, counted from the end of its run. None: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Partial results of shards.
    pub shard_results: Option<Duration>,
    /// Reports.
    pub reports: Option<Duration>,
    /// Events and failed attempts.
    pub history: Option<Duration>,
    /// Runs with all that is left of them.
    pub runs: Option<Duration>,
    /// Documents that nothing refers to, counted from when they were stored.
    pub documents: Option<Duration>,
    /// Idempotency keys, counted from their request.
    pub keys: Duration,
    /// Between two rounds of the janitor.
    pub every: Duration,
}

/// A day.
pub const DAY: Duration = Duration::from_hours(24);

impl Default for Retention {
    fn default() -> Self {
        Self {
            shard_results: Some(30 * DAY),
            reports: Some(730 * DAY),
            history: Some(180 * DAY),
            runs: Some(730 * DAY),
            documents: Some(DAY),
            keys: DAY,
            every: Duration::from_hours(1),
        }
    }
}

impl Retention {
    /// Why these settings contradict each other, if they do: what belongs to a run cannot outlive it.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let runs = self.runs?;
        [("shard results", self.shard_results), ("reports", self.reports), ("events", self.history)]
            .into_iter()
            .find(|(_, kept)| kept.is_none_or(|kept| kept > runs))
            .map(|(what, _)| format!("{what} cannot be kept longer than their runs"))
    }
}

/// The time before which something is too old; none if nothing ever is.
#[must_use]
pub fn cutoff(now: DateTime<Utc>, kept: Option<Duration>) -> Option<DateTime<Utc>> {
    chrono::Duration::from_std(kept?).ok().and_then(|kept| now.checked_sub_signed(kept))
}

/// What the janitor did since this process began to lead, and where the partitions stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct UpkeepStatus {
    /// Rounds that went to their end.
    pub rounds: u64,
    /// When the last round ended.
    pub last_round_at: Option<DateTime<Utc>>,
    /// How long it took in milliseconds.
    pub last_round_ms: u64,
    /// What the last round stumbled over; null if over nothing.
    pub last_error: Option<String>,
    /// Partitions of the shard results, the default one not counted.
    pub partitions: u64,
    /// The first day of the oldest of them.
    pub oldest_partition: Option<String>,
    /// A run that keeps the oldest partition although it is old enough: it has not ended, or only lately.
    pub kept_for_run: Option<Uuid>,
    /// Partitions dropped.
    pub partitions_dropped: u64,
    /// Shard results deleted row by row, where no partition could be dropped.
    pub results_deleted: u64,
    /// Reports dropped.
    pub reports_dropped: u64,
    /// Runs whose events and failures were dropped.
    pub histories_dropped: u64,
    /// Runs deleted.
    pub runs_deleted: u64,
    /// Documents collected.
    pub documents_collected: u64,
    /// Idempotency keys forgotten.
    pub keys_forgotten: u64,
    /// Times that the janitor gave way because others held a lock.
    pub gave_way: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outlives_its_run() {
        assert_eq!(Retention::default().contradiction(), None);
        let short = Retention { runs: Some(10 * DAY), ..Retention::default() };
        assert_eq!(short.contradiction().unwrap(), "shard results cannot be kept longer than their runs");
        let for_ever = Retention { reports: None, ..Retention::default() };
        assert_eq!(for_ever.contradiction().unwrap(), "reports cannot be kept longer than their runs");
        assert_eq!(Retention { runs: None, ..for_ever }.contradiction(), None);
    }

    #[test]
    fn what_is_kept_for_ever_is_never_too_old() {
        let now = DateTime::<Utc>::from_timestamp_millis(1_800_000_000_000).unwrap();
        assert_eq!(cutoff(now, None), None);
        assert_eq!(cutoff(now, Some(Duration::MAX)), None);
        assert_eq!(cutoff(now, Some(DAY)).map(|at| (now - at).num_hours()), Some(24));
    }
}
