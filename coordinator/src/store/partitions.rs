//! Partitions of the partial results, each of a week.
//!
//! A run's id is a UUIDv7: its first 48 bits are milliseconds since 1970, so a range of ids is a span of time.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::error::Result;

const WEEK_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// How many weeks beyond the current one have their partition.
const AHEAD: i64 = 4;

/// What the names of partitions begin with.
const PREFIX: &str = "shard_results_";

/// The week of a partition, counted since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Week(i64);

impl Week {
    /// The week of a time.
    pub(super) fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis().div_euclid(WEEK_MS))
    }

    /// The week of the partition with this name; none for the default partition and for other tables.
    pub(super) fn named(table: &str) -> Option<Self> {
        let date = NaiveDate::parse_from_str(table.strip_prefix(PREFIX)?, "%Y%m%d").ok()?;
        let week = Self::of(date.and_time(chrono::NaiveTime::MIN).and_utc());
        (week.table() == table).then_some(week)
    }

    /// When it begins.
    pub(super) fn begin(self) -> DateTime<Utc> {
        DateTime::<Utc>::from_timestamp_millis(self.0 * WEEK_MS).unwrap_or_default()
    }

    /// When the next begins.
    pub(super) fn end(self) -> DateTime<Utc> {
        Self(self.0 + 1).begin()
    }

    /// The name of its partition.
    pub(super) fn table(self) -> String {
        format!("{PREFIX}{}", self.begin().format("%Y%m%d"))
    }

    /// What the janitor calls its table once it is no partition any more.
    pub(super) fn dropped_table(self) -> String {
        format!("dropped_{}", self.table())
    }

    /// The smallest id of its runs, and that of the next week's.
    pub(super) fn ids(self) -> (Uuid, Uuid) {
        (first_id(self.0 * WEEK_MS), first_id((self.0 + 1) * WEEK_MS))
    }
}

/// The smallest UUIDv7 of a millisecond.
fn first_id(ms: i64) -> Uuid {
    Uuid::from_u128(u128::from(ms.unsigned_abs()) << 80)
}

/// The weeks that have a partition, ascending.
pub(super) async fn list(client: &impl GenericClient) -> Result<Vec<Week>> {
    let rows = client
        .query(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'shard_results'::regclass",
            &[],
        )
        .await?;
    let mut weeks: Vec<Week> = rows.iter().filter_map(|row| Week::named(row.get(0))).collect();
    weeks.sort_unstable();
    Ok(weeks)
}

/// Tables that were partitions, were taken off by the janitor, and are to be dropped. What an operator took off keeps
/// its name and is left alone.
pub(super) async fn dropped(client: &impl GenericClient) -> Result<Vec<String>> {
    let rows = client
        .query(
            "SELECT relname::text FROM pg_class
              WHERE relkind = 'r' AND relname ~ '^dropped_shard_results_[0-9]{8}$' AND pg_table_is_visible(oid)",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes the partitions from this week on that are not there.
pub(super) async fn make_ahead(client: &impl GenericClient) -> Result<()> {
    let Week(this_week) = Week::of(common::clock::wall());
    for week in (this_week..=this_week + AHEAD).map(Week) {
        let (name, (from, to)) = (week.table(), week.ids());
        if client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?.get(0) {
            continue;
        }
        let made = client
            .batch_execute(&format!(
                "CREATE TABLE IF NOT EXISTS {name} PARTITION OF shard_results FOR VALUES FROM ('{from}') TO ('{to}')"
            ))
            .await;
        match made {
            Ok(()) => tracing::debug!(name, "made a partition"),
            // rows of that week are in the default partition already, or another coordinator was faster: both are as
            // good; or the table is busy, then the next round makes it
            Err(error) => tracing::warn!(name, %error, "a partition could not be made"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_today_falls_into_the_partition_of_its_week() {
        let id = Uuid::now_v7();
        let week = Week::of(common::clock::wall());
        let (from, to) = week.ids();
        assert!(from <= id && id < to, "{}: {from} {id} {to}", week.table());
        assert_eq!(Week(week.0 + 1).ids().0, to);
        assert!(week.begin() <= common::clock::wall() && common::clock::wall() < week.end());
    }

    #[test]
    fn a_partition_is_named_after_its_first_day_and_known_by_its_name() {
        assert_eq!(Week(0).table(), "shard_results_19700101");
        assert_eq!(Week(2_968).table(), "shard_results_20261119");
        assert_eq!(Week::named("shard_results_20261119"), Some(Week(2_968)));
        for other in ["shard_results_default", "shard_results_20261120", "shard_results", "runs"] {
            assert_eq!(Week::named(other), None, "{other}");
        }
    }
}
