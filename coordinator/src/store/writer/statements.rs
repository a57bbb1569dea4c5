//! The writer's SQL, but for the two ways in which shards get in: those are in `rows.rs`.

use tokio_postgres::{Client, Statement};

use super::rows;

/// The writer's statements, prepared once a connection.
pub(super) struct Statements {
    pub(super) fence: Statement,
    pub(super) mark: Statement,
    pub(super) lock_changing: Statement,
    pub(super) lock_storing: Statement,
    pub(super) stages: Statement,
    pub(super) copy: Statement,
    pub(super) insert: Statement,
    pub(super) open_stages: Statement,
    pub(super) count: Statement,
    pub(super) close_stages: Statement,
    pub(super) add_failures: Statement,
    pub(super) add_events: Statement,
    pub(super) change_runs: Statement,
    pub(super) notify: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            fence: client
                .prepare("SELECT true FROM leadership WHERE partition = 0 AND epoch = $1 FOR SHARE")
                .await?,
            // waits for an earlier attempt that is still committing
            mark: client
                .prepare(
                    "UPDATE writer_position SET epoch = $1, batch = $2
                      WHERE partition = 0 AND NOT (epoch = $1 AND batch >= $2)",
                )
                .await?,
            lock_changing: client
                .prepare(
                    "SELECT id, state, last_event FROM runs WHERE id = ANY ($1::uuid[])
                      ORDER BY id FOR NO KEY UPDATE",
                )
                .await?,
            // lets a cancellation pass, holds up a deletion
            lock_storing: client
                .prepare("SELECT id, state, last_event FROM runs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR KEY SHARE")
                .await?,
            stages: client
                .prepare(
                    "SELECT run_id, stage, name, shards, state_hash FROM stages
                      WHERE (run_id, stage) IN (SELECT * FROM unnest($1::uuid[], $2::int4[]))",
                )
                .await?,
            copy: client.prepare(rows::COPY).await?,
            insert: client.prepare(rows::INSERT).await?,
            open_stages: client
                .prepare(
                    "INSERT INTO stages (run_id, stage, name, shards, state_hash, state, note)
                     SELECT run_id, stage, name, shards, state_hash, state, note::jsonb
                       FROM unnest($1::uuid[], $2::int4[], $3::text[], $4::int4[], $5::bytea[], $6::bytea[], $7::text[])
                         AS s (run_id, stage, name, shards, state_hash, state, note)",
                )
                .await?,
            count: client
                .prepare(
                    "UPDATE stages s SET done = s.done + a.added
                       FROM unnest($1::uuid[], $2::int4[], $3::int4[]) AS a (run_id, stage, added)
                      WHERE s.run_id = a.run_id AND s.stage = a.stage",
                )
                .await?,
            close_stages: client
                .prepare(
                    "UPDATE stages s SET closed_at = now()
                       FROM unnest($1::uuid[], $2::int4[]) AS c (run_id, below)
                      WHERE s.run_id = c.run_id AND s.stage < c.below AND s.closed_at IS NULL",
                )
                .await?,
            add_failures: client
                .prepare(
                    "INSERT INTO shard_failures (run_id, seq, stage, shard, worker, kind, message, note)
                     SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int4[], $4::int4[], $5::uuid[], $6::text[],
                                          $7::text[], $8::text[])",
                )
                .await?,
            add_events: client
                .prepare(
                    "INSERT INTO run_events (run_id, seq, kind, body)
                     SELECT run_id, seq, kind, body::jsonb
                       FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::text[]) AS e (run_id, seq, kind, body)",
                )
                .await?,
            change_runs: client
                .prepare(
                    "UPDATE runs r
                        SET state = c.state, last_event = c.last_event, failures = r.failures + c.failures,
                            started_at = CASE WHEN c.started THEN coalesce(r.started_at, now()) ELSE r.started_at END,
                            ended_at = CASE WHEN c.state IN ('queued', 'running') THEN NULL
                                            ELSE coalesce(r.ended_at, now()) END,
                            error = coalesce(c.error::jsonb, r.error),
                            estimate = coalesce(c.estimate::jsonb, r.estimate),
                            report = coalesce(c.report::jsonb, r.report),
                            waiting_reason = CASE WHEN c.says_waiting THEN c.waiting ELSE r.waiting_reason END
                       FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::bool[], $5::int4[], $6::text[], $7::text[],
                                   $8::text[], $9::bool[], $10::text[])
                         AS c (id, state, last_event, started, failures, error, estimate, report, says_waiting, waiting)
                      WHERE r.id = c.id",
                )
                .await?,
            notify: client
                .prepare("SELECT pg_notify('netplanner', id::text) FROM unnest($1::uuid[]) AS r (id)")
                .await?,
        })
    }
}
