//! The limit: how fast the same rows get into the same table by COPY alone, over one connection, with the leader's fence
//! at the beginning of every transaction.

use anyhow::Result;
use bytes::{BufMut as _, BytesMut};
use common::clock;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// Rows in a transaction.
const ROWS: usize = 1_000;

/// A row as the engine stored it.
struct Row {
    stage: i32,
    shard: i32,
    worker: Uuid,
    started_at: std::time::SystemTime,
    cpu_us: i64,
    wall_us: i64,
    partial: Json,
}

#[derive(Debug)]
struct Json(String);

impl ToSql for Json {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_u8(1);
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSONB
    }

    to_sql_checked!();
}

/// Copies the rows of `run` again, `times` times; yields the rows per second of each time.
pub async fn measure(database: &str, run: &str, times: usize) -> Result<Vec<f64>> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    let driver = tokio::spawn(connection);
    let rows = rows(&client, run).await?;
    let mut rates = Vec::new();
    for _ in 0..times {
        // of now, as a run's: it falls into the same partition, at its end
        let copy = Uuid::now_v7();
        let began = clock::now();
        for batch in rows.chunks(ROWS) {
            transaction(&client, copy, batch).await?;
        }
        rates.push(rows.len() as f64 / clock::now().since(began).as_secs_f64());
        client.execute("DELETE FROM shard_results WHERE run_id = $1", &[&copy]).await?;
    }
    drop(client);
    driver.await??;
    Ok(rates)
}

async fn rows(client: &Client, run: &str) -> Result<Vec<Row>> {
    let run: Uuid = run.parse()?;
    let rows = client
        .query(
            "SELECT stage, shard, worker, started_at, cpu_us, wall_us, partial::text FROM shard_results
              WHERE run_id = $1 ORDER BY stage, shard",
            &[&run],
        )
        .await?;
    let read = |row: &tokio_postgres::Row| Row {
        stage: row.get(0),
        shard: row.get(1),
        worker: row.get(2),
        started_at: row.get(3),
        cpu_us: row.get(4),
        wall_us: row.get(5),
        partial: Json(row.get(6)),
    };
    Ok(rows.iter().map(read).collect())
}

async fn transaction(client: &Client, run: Uuid, rows: &[Row]) -> Result<()> {
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
    client.batch_execute("BEGIN").await?;
    client.query("SELECT true FROM leadership WHERE partition = 0 FOR SHARE", &[]).await?;
    let sink = client
        .copy_in("COPY shard_results (run_id, stage, shard, worker, started_at, cpu_us, wall_us, partial) FROM STDIN BINARY")
        .await?;
    let writer = BinaryCopyInWriter::new(sink, &TYPES);
    tokio::pin!(writer);
    for row in rows {
        let Row { stage, shard, worker, started_at, cpu_us, wall_us, partial } = row;
        writer.as_mut().write(&[&run, stage, shard, worker, started_at, cpu_us, wall_us, partial]).await?;
    }
    writer.finish().await?;
    client.batch_execute("COMMIT").await?;
    Ok(())
}
