//! Partial results as rows: by binary COPY, or by an INSERT that skips what is there.

use std::collections::BTreeMap;
use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use chrono::{DateTime, Utc};
use common::ids::{RunId, StageIndex};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::fact::ShardRow;

/// How many new rows each stage got.
pub(super) type Counts = BTreeMap<(RunId, StageIndex), u32>;

pub(super) const COPY: &str = "COPY shard_results (run_id, stage, shard, worker, started_at, cpu_us, wall_us, partial) FROM STDIN BINARY";

/// Inserts what is not there and counts it with its stage, which is open by then.
pub(super) const INSERT: &str = "WITH added AS (
     INSERT INTO shard_results (run_id, stage, shard, worker, started_at, cpu_us, wall_us, partial)
     SELECT run_id, stage, shard, worker, started_at, cpu_us, wall_us, partial::jsonb
       FROM unnest($1::uuid[], $2::int4[], $3::int4[], $4::uuid[], $5::timestamptz[], $6::int8[], $7::int8[], $8::text[])
         AS r (run_id, stage, shard, worker, started_at, cpu_us, wall_us, partial)
     ON CONFLICT DO NOTHING RETURNING run_id, stage),
 new AS (SELECT run_id, stage, count(*)::int4 AS added FROM added GROUP BY run_id, stage)
 UPDATE stages s SET done = s.done + new.added FROM new WHERE s.run_id = new.run_id AND s.stage = new.stage";

/// JSON bytes as a parameter of type `jsonb`, or bytes that shall be text as one of type `text`: as they are, so that
/// the server and nobody else checks them.
#[derive(Debug)]
pub(super) struct Unchecked<'a>(pub &'a [u8]);

impl ToSql for Unchecked<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if *ty == Type::JSONB {
            // the version of the binary form
            out.put_u8(1);
        }
        out.put_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSONB | Type::TEXT)
    }

    to_sql_checked!();
}

/// Microseconds since 1970 as Postgres can hold them.
fn time(us: u64) -> DateTime<Utc> {
    /// The year 9999.
    const LATEST: i64 = 253_370_764_800_000_000;
    DateTime::from_timestamp_micros(i64::try_from(us).unwrap_or(LATEST).min(LATEST)).unwrap_or_default()
}

fn duration(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

/// Copies `rows`; one that is there already fails all of them.
pub(super) async fn copy(
    client: &Client,
    statement: &Statement,
    rows: &[&ShardRow],
) -> Result<Counts, tokio_postgres::Error> {
    const TYPES: [Type; 8] = [
        Type::UUID,
        Type::INT4,
        Type::INT4,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::INT8,
        Type::INT8,
        Type::JSONB,
    ];
    let writer = BinaryCopyInWriter::new(client.copy_in(statement).await?, &TYPES);
    tokio::pin!(writer);
    let mut counts = Counts::new();
    for row in rows {
        *counts.entry((row.run, row.stage)).or_default() += 1;
        writer
            .as_mut()
            .write(&[
                &row.run.0,
                &row.stage.0.cast_signed(),
                &row.shard.cast_signed(),
                &row.worker,
                &time(row.started_us),
                &duration(row.cpu_us),
                &duration(row.wall_us),
                &Unchecked(&row.json),
            ])
            .await?;
    }
    writer.finish().await?;
    Ok(counts)
}

/// Inserts those of `rows` that are not there.
pub(super) async fn insert(
    client: &Client,
    statement: &Statement,
    rows: &[&ShardRow],
) -> Result<(), tokio_postgres::Error> {
    let runs: Vec<Uuid> = rows.iter().map(|row| row.run.0).collect();
    let stages: Vec<i32> = rows.iter().map(|row| row.stage.0.cast_signed()).collect();
    let shards: Vec<i32> = rows.iter().map(|row| row.shard.cast_signed()).collect();
    let workers: Vec<Uuid> = rows.iter().map(|row| row.worker).collect();
    let started: Vec<DateTime<Utc>> = rows.iter().map(|row| time(row.started_us)).collect();
    let cpu: Vec<i64> = rows.iter().map(|row| duration(row.cpu_us)).collect();
    let wall: Vec<i64> = rows.iter().map(|row| duration(row.wall_us)).collect();
    let partials: Vec<Unchecked<'_>> = rows.iter().map(|row| Unchecked(&row.json)).collect();
    client.execute(statement, &[&runs, &stages, &shards, &workers, &started, &cpu, &wall, &partials]).await?;
    Ok(())
}
