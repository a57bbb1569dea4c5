//! The janitor: what is past its time goes, in small steps, by the leader's hand alone.
//!
//! Every step is a short transaction that begins with the fence, gives way to whoever holds a lock, and leaves the
//! database whole: a janitor that is killed between two steps is followed by one that goes on. Partial results go by
//! whole partitions. What a run lost is written into its row first, so that readers are told instead of finding less.
//!
//! Statements name the rows they change by an array, and look for references by scalar subqueries: where they joined, a
//! planner that does not know how few rows a step touches would read whole tables for it.

use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::clock;
use common::ids::Epoch;
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Transaction};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Store;
use super::connection::{self, LEADER_NAME, named};
use super::error::{Result, StoreError};
use super::partitions::{self, Week};
use super::retention::{Retention, UpkeepStatus, cutoff};

/// How long a step may wait for a lock: the writer, which may have to wait behind it, is held up no longer.
const LOCK_MS: u128 = 200;

/// Longest statement: dropping a table of many files.
const STATEMENT_MS: u128 = 30_000;

/// How often a step is tried again after it gave way, and how long it rests before.
const TRIES: u32 = 20;
const REST: Duration = Duration::from_millis(250);

/// Between two steps: whoever else needs the database comes first.
const PAUSE: Duration = Duration::from_millis(10);

/// Rows that a step deletes or changes where they are small.
const ROWS: i64 = 5_000;

/// Runs or documents that a step touches where each may be large.
const LARGE: i64 = 20;

/// Documents that a step looks at.
const LOOKED_AT: i64 = 500;

/// Runs of the default partition that a round looks at.
const STRAYS: usize = 10_000;

/// How long operators' wishes about workers are remembered: a worker that is away for a week comes back as another.
const WISHES: Duration = Duration::from_hours(7 * 24);

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Store {
    /// What the janitor of this process did.
    pub fn upkeep(&self) -> UpkeepStatus {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One round of the janitor of a leadership.
    ///
    /// # Errors
    /// `Fenced` if another coordinator leads; otherwise what kept it from going to its end.
    pub async fn tidy(&self, epoch: Epoch) -> Result<()> {
        Janitor::new(self.clone(), epoch).await?.round(clock::wall()).await
    }
}

/// Tidies up while a leadership lasts.
pub(super) async fn look_after(store: Store, epoch: Epoch, lost: CancellationToken) {
    let every = store.retention.every;
    lost.run_until_cancelled(async {
        loop {
            let done = match Janitor::new(store.clone(), epoch).await {
                Ok(mut janitor) => janitor.round(clock::wall()).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {}
                Err(StoreError::Fenced) => return,
                Err(error) => {
                    tracing::warn!(%error, ?every, "tidying up was cut short; the next round goes on");
                    store.told(|status| status.last_error = Some(error.to_string()));
                }
            }
            sleep(every).await;
        }
    })
    .await;
}

impl Store {
    fn told(&self, change: impl FnOnce(&mut UpkeepStatus)) {
        change(&mut self.upkeep.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Janitor {
    store: Store,
    client: Client,
    epoch: i32,
    keep: Retention,
}

impl Janitor {
    async fn new(store: Store, epoch: Epoch) -> Result<Self> {
        // named as the leader's: a successor ends it together with the writer
        let config = named(
            &store.config,
            &format!("{LEADER_NAME}{epoch} janitor"),
            &[
                ("lock_timeout", LOCK_MS),
                ("statement_timeout", STATEMENT_MS),
                ("idle_in_transaction_session_timeout", 5_000),
            ],
        );
        let client = connection::dedicated(&config).await?;
        Ok(Self { client, epoch: epoch.0.cast_signed(), keep: store.retention, store })
    }

    async fn round(&mut self, now: DateTime<Utc>) -> Result<()> {
        let began = clock::now();
        self.store.told(|status| status.last_error = None);
        partitions::make_ahead(&self.client).await?;
        self.results(cutoff(now, self.keep.shard_results)).await?;
        if let Some(before) = cutoff(now, self.keep.reports) {
            self.reports(before).await?;
        }
        if let Some(before) = cutoff(now, self.keep.history) {
            self.histories(before).await?;
        }
        if let Some(before) = cutoff(now, self.keep.runs) {
            self.runs(before).await?;
        }
        if let Some(before) = cutoff(now, self.keep.documents) {
            self.documents(before).await?;
        }
        self.keys(now).await?;
        let took = u64::try_from(clock::now().since(began).as_millis()).unwrap_or(u64::MAX);
        self.store.told(|status| {
            status.rounds += 1;
            status.last_round_at = Some(clock::wall());
            status.last_round_ms = took;
        });
        Ok(())
    }

    /// A transaction that only the leader gets.
    async fn fenced(&mut self) -> Result<Transaction<'_>> {
        let epoch = self.epoch;
        let transaction = self.client.transaction().await?;
        transaction
            .query_opt("SELECT true FROM leadership WHERE partition = 0 AND epoch = $1 FOR SHARE", &[&epoch])
            .await?
            .ok_or(StoreError::Fenced)?;
        Ok(transaction)
    }

    /// One statement in a transaction of its own; tried again where others hold a lock. Says how many rows it met.
    async fn step(&mut self, statement: &str, values: Values<'_>) -> Result<u64> {
        let mut tries = 0;
        loop {
            let transaction = self.fenced().await?;
            let done = match transaction.execute(statement, values).await {
                Ok(rows) => transaction.commit().await.map(|()| rows),
                Err(error) => transaction.rollback().await.and(Err(error)),
            };
            tries += 1;
            match done.map_err(StoreError::from) {
                Ok(rows) => return Ok(rows),
                Err(StoreError::Timeout) if tries < TRIES => self.give_way().await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn give_way(&self) {
        self.store.told(|status| status.gave_way += 1);
        sleep(REST).await;
    }

    /// The same step until it meets fewer rows than it might.
    async fn all(&mut self, statement: &str, values: Values<'_>, most: i64) -> Result<u64> {
        let mut all = 0;
        loop {
            let rows = self.step(statement, values).await?;
            all += rows;
            if rows < most.unsigned_abs() {
                return Ok(all);
            }
            sleep(PAUSE).await;
        }
    }

    /// Partial results: by partitions, and row by row what strayed into the default one.
    async fn results(&mut self, before: Option<DateTime<Utc>>) -> Result<()> {
        for table in partitions::dropped(&self.client).await? {
            self.remove(&table).await?;
        }
        let mut weeks = partitions::list(&self.client).await?;
        let mut kept_for_run = None;
        if let Some(before) = before {
            for week in weeks.clone().into_iter().take_while(|week| week.end() <= before) {
                if let Some(run) = self.keeps(week, before).await? {
                    kept_for_run = kept_for_run.or(Some(run));
                    continue;
                }
                self.mark_week(week, before).await?;
                if self.detach(week).await? {
                    self.remove(&week.dropped_table()).await?;
                    tracing::info!(partition = week.table(), "dropped a partition of shard results");
                    self.store.told(|status| status.partitions_dropped += 1);
                    weeks.retain(|other| *other != week);
                }
            }
            self.strays(before).await?;
        }
        self.store.told(|status| {
            status.kept_for_run = kept_for_run;
            status.partitions = weeks.len() as u64;
            status.oldest_partition = weeks.first().map(|week| week.begin().format("%Y-%m-%d").to_string());
        });
        Ok(())
    }

    /// A run of a week whose results are still wanted.
    async fn keeps(&self, week: Week, before: DateTime<Utc>) -> Result<Option<Uuid>> {
        let (from, to) = week.ids();
        let select =
            "SELECT id FROM runs WHERE id >= $1 AND id < $2 AND (ended_at IS NULL OR ended_at >= $3) LIMIT 1";
        let row = self.client.query_opt(select, &[&from, &to, &before]).await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Writes into the runs of a week that their results are gone.
    async fn mark_week(&mut self, week: Week, before: DateTime<Utc>) -> Result<()> {
        const MARK: &str = "UPDATE runs SET results_dropped_at = now()
              WHERE id = ANY (ARRAY(SELECT id FROM runs WHERE id >= $1 AND id < $2 AND ended_at < $3
                              AND results_dropped_at IS NULL ORDER BY id LIMIT $4 FOR NO KEY UPDATE))";
        let (from, to) = week.ids();
        self.all(MARK, &[&from, &to, &before, &ROWS], ROWS).await?;
        Ok(())
    }

    /// Takes a partition off the table, unless a run of it is still wanted after all.
    ///
    /// The table of all partitions is locked for the moment of the change. DETACH … CONCURRENTLY would not lock it, but
    /// Postgres refuses it where there is a default partition.
    async fn detach(&mut self, week: Week) -> Result<bool> {
        let (from, to) = week.ids();
        let (table, dropped) = (week.table(), week.dropped_table());
        for _ in 0..TRIES {
            let transaction = self.fenced().await?;
            let wanted = transaction
                .query_opt(
                    "SELECT id FROM runs WHERE id >= $1 AND id < $2 AND results_dropped_at IS NULL LIMIT 1",
                    &[&from, &to],
                )
                .await?;
            if wanted.is_some() {
                return Ok(false);
            }
            let change = format!(
                "ALTER TABLE shard_results DETACH PARTITION {table}; ALTER TABLE {table} RENAME TO {dropped}"
            );
            let done = match transaction.batch_execute(&change).await {
                Ok(()) => transaction.commit().await,
                Err(error) => transaction.rollback().await.and(Err(error)),
            };
            match done.map_err(StoreError::from) {
                Ok(()) => return Ok(true),
                Err(StoreError::Timeout) => self.give_way().await,
                Err(error) => return Err(error),
            }
        }
        tracing::info!(partition = table, "a partition is in use; the next round tries again");
        Ok(false)
    }

    /// Drops a table that is no partition any more.
    async fn remove(&mut self, table: &str) -> Result<()> {
        self.step(&format!("DROP TABLE IF EXISTS {table}"), &[]).await?;
        Ok(())
    }

    /// Deletes what is too old from the default partition, which cannot be dropped.
    async fn strays(&mut self, before: DateTime<Utc>) -> Result<()> {
        const MARK: &str = "UPDATE runs SET results_dropped_at = now()
              WHERE id = $1 AND ended_at < $2 AND results_dropped_at IS NULL";
        const DELETE: &str = "DELETE FROM shard_results_default WHERE run_id = $1 AND (stage, shard) IN
              (SELECT stage, shard FROM shard_results_default WHERE run_id = $1 ORDER BY stage, shard LIMIT $2)";
        let mut after = Uuid::nil();
        for _ in 0..STRAYS {
            let next = "SELECT run_id FROM shard_results_default WHERE run_id > $1 ORDER BY run_id LIMIT 1";
            let Some(row) = self.client.query_opt(next, &[&after]).await? else { return Ok(()) };
            after = row.get(0);
            let run = self.client.query_opt("SELECT ended_at FROM runs WHERE id = $1", &[&after]).await?;
            let ended: Option<Option<DateTime<Utc>>> = run.map(|row| row.get(0));
            // of a run that is gone nothing is wanted
            let too_old = ended.is_none_or(|ended| ended.is_some_and(|ended| ended < before));
            if too_old {
                self.step(MARK, &[&after, &before]).await?;
                let deleted = self.all(DELETE, &[&after, &ROWS], ROWS).await?;
                self.store.told(|status| status.results_deleted += deleted);
            }
        }
        Ok(())
    }

    async fn reports(&mut self, before: DateTime<Utc>) -> Result<()> {
        const DROP: &str = "UPDATE runs SET report = NULL, report_dropped_at = now()
              WHERE id = ANY (ARRAY(SELECT id FROM runs WHERE report IS NOT NULL AND ended_at < $1
                            ORDER BY ended_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED))";
        let dropped = self.all(DROP, &[&before, &LARGE], LARGE).await?;
        self.store.told(|status| status.reports_dropped += dropped);
        Ok(())
    }

    async fn histories(&mut self, before: DateTime<Utc>) -> Result<()> {
        const OLD: &str = "SELECT id FROM runs WHERE ended_at < $1 AND history_dropped_at IS NULL
              ORDER BY ended_at LIMIT $2";
        const MARK: &str = "UPDATE runs SET history_dropped_at = now() WHERE id = $1";
        loop {
            let rows = self.client.query(OLD, &[&before, &LARGE]).await?;
            for row in &rows {
                let run: Uuid = row.get(0);
                self.forget_history(run).await?;
                self.step(MARK, &[&run]).await?;
                self.store.told(|status| status.histories_dropped += 1);
            }
            if rows.len() as u64 != LARGE.unsigned_abs() {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    async fn forget_history(&mut self, run: Uuid) -> Result<()> {
        const EVENTS: &str = "DELETE FROM run_events WHERE run_id = $1 AND seq IN
              (SELECT seq FROM run_events WHERE run_id = $1 ORDER BY seq LIMIT $2)";
        const FAILURES: &str = "DELETE FROM shard_failures WHERE run_id = $1 AND seq IN
              (SELECT seq FROM shard_failures WHERE run_id = $1 ORDER BY seq LIMIT $2)";
        self.all(EVENTS, &[&run, &ROWS], ROWS).await?;
        self.all(FAILURES, &[&run, &ROWS], ROWS).await?;
        Ok(())
    }

    async fn runs(&mut self, before: DateTime<Utc>) -> Result<()> {
        const OLD: &str = "SELECT id FROM runs WHERE ended_at < $1 ORDER BY ended_at LIMIT $2";
        // those whose partition is kept for another run
        const MARK: &str =
            "UPDATE runs SET results_dropped_at = now() WHERE id = $1 AND results_dropped_at IS NULL";
        const RESULTS: &str = "DELETE FROM shard_results WHERE run_id = $1 AND (stage, shard) IN
              (SELECT stage, shard FROM shard_results WHERE run_id = $1 ORDER BY stage, shard LIMIT $2)";
        const DELETE: &str = "DELETE FROM runs WHERE id = $1 AND ended_at < $2";
        loop {
            let rows = self.client.query(OLD, &[&before, &LARGE]).await?;
            for row in &rows {
                let run: Uuid = row.get(0);
                self.step(MARK, &[&run]).await?;
                let deleted = self.all(RESULTS, &[&run, &ROWS], ROWS).await?;
                self.forget_history(run).await?;
                let gone = self.step(DELETE, &[&run, &before]).await?;
                self.store.told(|status| {
                    status.results_deleted += deleted;
                    status.runs_deleted += gone;
                });
            }
            if rows.len() as u64 != LARGE.unsigned_abs() {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// Documents that no version of an input and no run refers to.
    async fn documents(&mut self, before: DateTime<Utc>) -> Result<()> {
        const LOOK: &str = "SELECT d.hash, d.created_at < $2
                   AND (SELECT true FROM input_versions v WHERE v.hash = d.hash LIMIT 1) IS NULL
                   AND (SELECT true FROM run_documents r WHERE r.hash = d.hash LIMIT 1) IS NULL
              FROM documents d WHERE d.hash > $1 ORDER BY d.hash LIMIT $3";
        let mut after: Vec<u8> = Vec::new();
        loop {
            let rows = self.client.query(LOOK, &[&after, &before, &LOOKED_AT]).await?;
            let unused: Vec<Vec<u8>> = rows.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
            for portion in unused.chunks(usize::try_from(LARGE).unwrap_or(1)) {
                self.collect(portion).await?;
            }
            match rows.last() {
                Some(last) if rows.len() as u64 == LOOKED_AT.unsigned_abs() => after = last.get(0),
                _ => return Ok(()),
            }
            sleep(PAUSE).await;
        }
    }

    async fn collect(&mut self, hashes: &[Vec<u8>]) -> Result<()> {
        let transaction = self.fenced().await?;
        // whoever refers to a document locks it first; what is locked here is looked at once more, as it is now
        let locked = transaction
            .query("SELECT hash FROM documents WHERE hash = ANY ($1::bytea[]) ORDER BY hash FOR UPDATE SKIP LOCKED", &[&hashes])
            .await?;
        let locked: Vec<&[u8]> = locked.iter().map(|row| row.get(0)).collect();
        let collected = transaction
            .execute(
                "DELETE FROM documents d WHERE d.hash = ANY ($1::bytea[])
                    AND NOT EXISTS (SELECT FROM input_versions v WHERE v.hash = d.hash)
                    AND NOT EXISTS (SELECT FROM run_documents r WHERE r.hash = d.hash)",
                &[&locked],
            )
            .await?;
        transaction.commit().await?;
        self.store.told(|status| status.documents_collected += collected);
        Ok(())
    }

    /// Idempotency keys and operators' wishes.
    async fn keys(&mut self, now: DateTime<Utc>) -> Result<()> {
        const KEYS: &str = "DELETE FROM idempotency WHERE ctid = ANY
              (ARRAY(SELECT ctid FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2))";
        if let Some(before) = cutoff(now, Some(self.keep.keys)) {
            let forgotten = self.all(KEYS, &[&before, &ROWS], ROWS).await?;
            self.store.told(|status| status.keys_forgotten += forgotten);
        }
        if let Some(before) = cutoff(now, Some(WISHES)) {
            self.step("DELETE FROM drain_requests WHERE requested_at < $1", &[&before]).await?;
        }
        Ok(())
    }
}
