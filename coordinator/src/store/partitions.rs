//! Partitions of the partial results by weeks, made ahead, and what else grows old.
//!
//! A run's id is a UUIDv7: its first 48 bits are milliseconds since 1970, so a range of ids is a span of time.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Store;
use super::error::Result;

const WEEK_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// How many weeks beyond the current one have their partition: a coordinator that leads looks every hour.
const AHEAD: i64 = 4;

/// The smallest UUIDv7 of a millisecond.
fn first_id(ms: i64) -> Uuid {
    Uuid::from_u128(u128::from(ms.unsigned_abs()) << 80)
}

/// Name and bounds of the partition of the `week`-th week since 1970.
fn partition(week: i64) -> (String, Uuid, Uuid) {
    let begin = week * WEEK_MS;
    let date = DateTime::<Utc>::from_timestamp_millis(begin).unwrap_or_default().format("%Y%m%d");
    (format!("shard_results_{date}"), first_id(begin), first_id(begin + WEEK_MS))
}

impl Store {
    /// Makes the partitions from this week on that are not there.
    pub(super) async fn make_partitions(&self) -> Result<()> {
        let client = self.client().await?;
        let this_week = common::clock::wall().timestamp_millis() / WEEK_MS;
        for week in this_week..=this_week + AHEAD {
            let (name, from, to) = partition(week);
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
                // rows of that week are in the default partition already, or another coordinator was faster: both are
                // as good
                Err(error) => tracing::warn!(name, %error, "a partition could not be made"),
            }
        }
        Ok(())
    }

    /// Removes what is past its time: idempotency keys after a day, drain requests after a week.
    pub(super) async fn forget(&self) -> Result<()> {
        let client = self.client().await?;
        client
            .batch_execute(
                "DELETE FROM idempotency WHERE created_at < now() - interval '24 hours';
                 DELETE FROM drain_requests WHERE requested_at < now() - interval '7 days';",
            )
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_today_falls_into_the_partition_of_its_week() {
        let id = Uuid::now_v7();
        let week = common::clock::wall().timestamp_millis() / WEEK_MS;
        let (name, from, to) = partition(week);
        assert!(from <= id && id < to, "{name}: {from} {id} {to}");
        let (_, next, _) = partition(week + 1);
        assert_eq!(next, to);
    }

    #[test]
    fn a_partition_is_named_after_its_first_day() {
        assert_eq!(partition(0).0, "shard_results_19700101");
        assert_eq!(partition(2_968).0, "shard_results_20261119");
    }
}
