//! One transaction of the writer: fence, lock, fold, write, commit; and its connection.

use std::time::Duration;

use common::ids::{ContentHash, Epoch, RunId, StageIndex};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::batch::{self, Changes, Found, FoundRun, Spoiled, Waiting};
use super::fact::{Fact, Written};
use super::rows::{self, Counts, Unchecked};
use super::statements::Statements;
use crate::store::connection::{Address, LEADER_NAME, dedicated, named};
use crate::store::documents::hash_of;
use crate::store::error::StoreError;
use crate::store::runs::phase;

/// Longest statement of the writer: a report of 64 MiB on a slow disk.
const STATEMENT: Duration = Duration::from_mins(1);

/// What became of an attempt to write a batch.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// It is durable.
    Committed(Told),
    /// An earlier attempt at the same batch is durable.
    AlreadyCommitted,
    /// Another coordinator leads; nothing was written.
    Fenced,
    /// A shard is stored already; nothing was written.
    Duplicate,
    /// The database refuses one of the facts; nothing was written.
    Refused(String),
    /// The COMMIT was sent and not answered. If it took effect, this is to be told.
    Uncertain(Told),
    /// Nothing was written.
    Failed(StoreError),
}

/// What follows from a batch once it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// To be told.
    pub written: Vec<Written>,
    /// Runs of which some facts that follow do not hold.
    pub spoiled: Spoiled,
}

/// The writer's plans are made once a connection, perhaps of tables that are nearly empty: reading those whole looks
/// cheapest then, and would be done all the same when they have grown. Each of its statements joins a few rows by an
/// index, so one plan is as good as another for all values.
const BY_INDEX: &str = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off \
                        -c plan_cache_mode=force_generic_plan";

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How shards get in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Insert {
    /// By COPY: fastest, and fails on a shard that is there.
    Copying,
    /// By INSERT with ON CONFLICT DO NOTHING.
    SkippingDuplicates,
}

impl Insert {
    /// The faster one: COPY costs one more round trip than it saves on a few rows.
    #[must_use]
    pub fn fitting(facts: &[Fact]) -> Self {
        const FEW: usize = 32;
        if facts.len() <= FEW { Self::SkippingDuplicates } else { Self::Copying }
    }
}

/// The writer's connection, made when it is needed.
pub struct Connection {
    address: Address,
    name: String,
    epoch: Epoch,
    open: Option<Open>,
}

struct Open {
    client: Client,
    statements: Statements,
}

impl Connection {
    pub(super) fn new(address: &Address, epoch: Epoch) -> Self {
        let name = format!("{LEADER_NAME}{epoch} writer");
        let mut address = named(
            address,
            &name,
            &[
                ("statement_timeout", STATEMENT.as_millis()),
                ("lock_timeout", 5_000),
                ("idle_in_transaction_session_timeout", 10_000),
            ],
        );
        let options = format!("{} {BY_INDEX}", address.config.get_options().unwrap_or_default());
        address.config.options(options);
        Self { address, name, epoch, open: None }
    }

    /// Tries to write `facts` as batch `number` of this leadership.
    pub async fn attempt(
        &mut self,
        facts: &[Fact],
        spoiled: &Spoiled,
        number: i64,
        insert: Insert,
    ) -> Attempt {
        let epoch = self.epoch;
        let open = match self.open().await {
            Ok(open) => open,
            Err(error) => return Attempt::Failed(error),
        };
        let attempt = open.attempt(facts, spoiled, number, epoch, insert).await;
        if !matches!(attempt, Attempt::Committed(..)) {
            // nothing of it stays on the connection; where that cannot be had, neither does the connection
            let rolled_back = timeout(Duration::from_secs(5), open.client.batch_execute("ROLLBACK")).await;
            if !matches!(rolled_back, Ok(Ok(()))) {
                self.open = None;
            }
        }
        attempt
    }

    async fn open(&mut self) -> Result<&Open, StoreError> {
        if self.open.as_ref().is_none_or(|open| open.client.is_closed()) {
            let client = dedicated(&self.address).await?;
            // an earlier connection of this writer that broke may still hold locks on the server's side
            client
                .execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()",
                    &[&self.name],
                )
                .await?;
            let statements = Statements::prepare(&client).await?;
            self.open = Some(Open { client, statements });
        }
        Ok(self.open.as_ref().expect("just opened"))
    }
}

impl Open {
    async fn attempt(
        &self,
        facts: &[Fact],
        spoiled: &Spoiled,
        number: i64,
        epoch: Epoch,
        insert: Insert,
    ) -> Attempt {
        let found = match self.begin(facts, number, epoch).await {
            Ok(Ok(found)) => found,
            Ok(Err(attempt)) => return attempt,
            Err(error) => return failure(error),
        };
        let mut changes = batch::fold(facts, found, spoiled);
        let counts = if insert == Insert::Copying && !changes.shards.is_empty() {
            match rows::copy(&self.client, &self.statements.copy, &changes.shards).await {
                Ok(counts) => counts,
                Err(error) => return failure(error),
            }
        } else {
            Counts::new()
        };
        let written = Told {
            written: std::mem::take(&mut changes.written),
            spoiled: std::mem::take(&mut changes.spoiled),
        };
        match self.finish(&changes, &counts, insert).await {
            Ok(()) => Attempt::Committed(written),
            // the server says that it did not commit
            Err(error) if error.as_db_error().is_some() => match failure(error) {
                // unless it says so because it is being stopped, which may come after the fact
                Attempt::Failed(StoreError::Unavailable(_)) => Attempt::Uncertain(written),
                other => other,
            },
            Err(_) => Attempt::Uncertain(written),
        }
    }

    /// Fences, marks the batch, locks its runs and reads what is there: one round trip.
    async fn begin(
        &self,
        facts: &[Fact],
        number: i64,
        epoch: Epoch,
    ) -> Result<Result<Found, Attempt>, tokio_postgres::Error> {
        let epoch = epoch.0.cast_signed();
        let (changing, storing) = batch::touched(facts);
        let ids = |runs: std::collections::BTreeSet<RunId>| {
            runs.into_iter().map(|run| run.0).collect::<Vec<Uuid>>()
        };
        let (changing, storing) = (ids(changing), ids(storing));
        let (stage_runs, stage_indices): (Vec<Uuid>, Vec<i32>) = facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::StageOpened { run, stage, .. } => Some((run.0, stage.0.cast_signed())),
                _ => None,
            })
            .unzip();
        let (client, statements) = (&self.client, &self.statements);
        let fence: Parameters<'_> = &[&epoch];
        let mark: Parameters<'_> = &[&epoch, &number];
        let lock_changing: Parameters<'_> = &[&changing];
        let lock_storing: Parameters<'_> = &[&storing];
        let stages: Parameters<'_> = &[&stage_runs, &stage_indices];
        let unless = async |nothing: bool, statement, values| {
            if nothing { Ok(Vec::new()) } else { client.query(statement, values).await }
        };
        // sent in this order, answered in this order, waited for once; biased: of several errors the first is the cause
        let ((), leads, marked, changing, storing, stages) = tokio::try_join!(
            biased;
            client.batch_execute("BEGIN"),
            client.query_opt(&statements.fence, fence),
            client.execute(&statements.mark, mark),
            unless(changing.is_empty(), &statements.lock_changing, lock_changing),
            unless(storing.is_empty(), &statements.lock_storing, lock_storing),
            unless(stage_runs.is_empty(), &statements.stages, stages),
        )?;
        if leads.is_none() {
            return Ok(Err(Attempt::Fenced));
        }
        if marked == 0 {
            return Ok(Err(Attempt::AlreadyCommitted));
        }
        let mut found = Found::default();
        for row in changing.iter().chain(&storing) {
            let run = FoundRun { state: phase(row.get(1)), last_event: row.get(2) };
            found.runs.insert(RunId(row.get(0)), run);
        }
        for row in &stages {
            let key = (RunId(row.get(0)), StageIndex(row.get::<_, i32>(1).cast_unsigned()));
            let hash: ContentHash = hash_of(row.get(4));
            found.stages.insert(key, (row.get(2), row.get::<_, i32>(3).cast_unsigned(), hash));
        }
        Ok(Ok(found))
    }

    /// Writes all but what was copied, and commits: one round trip. Where a statement fails, the server answers the
    /// COMMIT behind it by rolling back.
    async fn finish(
        &self,
        changes: &Changes<'_>,
        counts: &Counts,
        insert: Insert,
    ) -> Result<(), tokio_postgres::Error> {
        // as in `begin`
        tokio::try_join!(
            biased;
            self.open_stages(changes),
            self.insert_shards(changes, insert),
            self.count(counts),
            self.close_stages(changes),
            self.add_failures(changes),
            self.add_events(changes),
            self.change_runs(changes),
            self.client.batch_execute("COMMIT"),
        )?;
        Ok(())
    }

    async fn insert_shards(
        &self,
        changes: &Changes<'_>,
        insert: Insert,
    ) -> Result<(), tokio_postgres::Error> {
        if insert == Insert::Copying || changes.shards.is_empty() {
            return Ok(());
        }
        rows::insert(&self.client, &self.statements.insert, &changes.shards).await
    }

    async fn open_stages(&self, changes: &Changes<'_>) -> Result<(), tokio_postgres::Error> {
        if changes.stages.is_empty() {
            return Ok(());
        }
        let stages = &changes.stages;
        let runs: Vec<Uuid> = stages.iter().map(|stage| stage.run.0).collect();
        let indices: Vec<i32> = stages.iter().map(|stage| stage.stage.0.cast_signed()).collect();
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        let shards: Vec<i32> = stages.iter().map(|stage| stage.shards.cast_signed()).collect();
        let hashes: Vec<&[u8]> = stages.iter().map(|stage| stage.hash.0.as_slice()).collect();
        let states: Vec<&[u8]> = stages.iter().map(|stage| stage.state).collect();
        let notes: Vec<Option<&str>> = stages.iter().map(|stage| stage.note.as_deref()).collect();
        self.client
            .execute(
                &self.statements.open_stages,
                &[&runs, &indices, &names, &shards, &hashes, &states, &notes],
            )
            .await?;
        Ok(())
    }

    async fn count(&self, counts: &Counts) -> Result<(), tokio_postgres::Error> {
        if counts.is_empty() {
            return Ok(());
        }
        let runs: Vec<Uuid> = counts.keys().map(|(run, _)| run.0).collect();
        let stages: Vec<i32> = counts.keys().map(|(_, stage)| stage.0.cast_signed()).collect();
        let added: Vec<i32> = counts.values().map(|added| added.cast_signed()).collect();
        self.client.execute(&self.statements.count, &[&runs, &stages, &added]).await?;
        Ok(())
    }

    async fn close_stages(&self, changes: &Changes<'_>) -> Result<(), tokio_postgres::Error> {
        if changes.closing.is_empty() {
            return Ok(());
        }
        let runs: Vec<Uuid> = changes.closing.iter().map(|(run, _)| run.0).collect();
        let below: Vec<i32> = changes.closing.iter().map(|(_, below)| below.cast_signed()).collect();
        self.client.execute(&self.statements.close_stages, &[&runs, &below]).await?;
        Ok(())
    }

    async fn add_failures(&self, changes: &Changes<'_>) -> Result<(), tokio_postgres::Error> {
        if changes.failures.is_empty() {
            return Ok(());
        }
        let failures = &changes.failures;
        let runs: Vec<Uuid> = failures.iter().map(|failure| failure.run.0).collect();
        let seqs: Vec<i64> = failures.iter().map(|failure| failure.seq).collect();
        let stages: Vec<i32> = failures.iter().map(|failure| failure.stage.0.cast_signed()).collect();
        let shards: Vec<Option<i32>> =
            failures.iter().map(|failure| failure.shard.map(u32::cast_signed)).collect();
        let workers: Vec<Option<Uuid>> = failures.iter().map(|failure| failure.worker).collect();
        let kinds: Vec<&str> = failures.iter().map(|failure| failure.kind.as_str()).collect();
        let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
        let notes: Vec<Option<&str>> = failures.iter().map(|failure| failure.note.as_deref()).collect();
        self.client
            .execute(
                &self.statements.add_failures,
                &[&runs, &seqs, &stages, &shards, &workers, &kinds, &messages, &notes],
            )
            .await?;
        Ok(())
    }

    async fn add_events(&self, changes: &Changes<'_>) -> Result<(), tokio_postgres::Error> {
        if changes.events.is_empty() {
            return Ok(());
        }
        let events = &changes.events;
        let runs: Vec<Uuid> = events.iter().map(|event| event.run.0).collect();
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        let bodies: Vec<&str> = events.iter().map(|event| event.body.as_str()).collect();
        self.client.execute(&self.statements.add_events, &[&runs, &seqs, &kinds, &bodies]).await?;
        Ok(())
    }

    async fn change_runs(&self, changes: &Changes<'_>) -> Result<(), tokio_postgres::Error> {
        if changes.runs.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = changes.runs.keys().map(|run| run.0).collect();
        let runs = || changes.runs.values();
        let states: Vec<&str> = runs().map(|run| run.state.as_str()).collect();
        let last_events: Vec<i64> = runs().map(|run| run.last_event).collect();
        let started: Vec<bool> = runs().map(|run| run.started).collect();
        let failures: Vec<i32> = runs().map(|run| run.failures).collect();
        let errors: Vec<Option<&str>> = runs().map(|run| run.error.as_deref()).collect();
        let estimates: Vec<Option<&str>> = runs().map(|run| run.estimate.as_deref()).collect();
        let reports: Vec<Option<Unchecked<'_>>> = runs().map(|run| run.report.map(Unchecked)).collect();
        let says_waiting: Vec<bool> = runs().map(|run| run.waiting != Waiting::AsBefore).collect();
        let waiting: Vec<Option<&str>> = runs().map(|run| run.waiting.reason()).collect();
        let values: Parameters<'_> = &[
            &ids,
            &states,
            &last_events,
            &started,
            &failures,
            &errors,
            &estimates,
            &reports,
            &says_waiting,
            &waiting,
        ];
        let notify: Parameters<'_> = &[&ids];
        let (changed, _) = tokio::try_join!(
            biased;
            self.client.execute(&self.statements.change_runs, values),
            self.client.execute(&self.statements.notify, notify),
        )?;
        debug_assert_eq!(changed, ids.len() as u64, "the rows are locked");
        Ok(())
    }
}

/// Sorts what the database answered.
fn failure(error: tokio_postgres::Error) -> Attempt {
    if let Some(db) = error.as_db_error() {
        if *db.code() == SqlState::UNIQUE_VIOLATION
            && db.table().is_some_and(|table| table.starts_with("shard_results"))
        {
            return Attempt::Duplicate;
        }
        // data that no column takes, limits of a document, a check of the schema
        if matches!(db.code().code().get(..2), Some("22" | "23" | "54")) {
            return Attempt::Refused(db.message().to_owned());
        }
    }
    Attempt::Failed(error.into())
}
