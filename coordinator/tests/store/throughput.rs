//! How many partial results a second the writer stores: a measurement, run by hand.

use std::time::Instant;

use crate::support::{eventually, leading, number, opened, shard_with, sql, store, submitted};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: cargo nextest run -p coordinator --run-ignored only throughput --no-capture"]
async fn rows_per_second() {
    const ROWS: u32 = 300_000;
    let json = format!(r#"{{"pad":"{}"}}"#, "x".repeat(90));
    assert_eq!(json.len(), 100);
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    for round in 0..3 {
        let run = submitted(&store).await.id;
        leader.handle.submit(opened(run, 0, ROWS));
        leader.settled().await;
        let began = Instant::now();
        for index in 0..ROWS {
            leader.handle.submit(shard_with(run, 0, index, &json));
        }
        eventually(async || leader.handle.load().queued_facts == 0).await;
        let took = began.elapsed().as_secs_f64();
        println!(
            "round {round}: {:.0} rows/s, {:.1} ms a batch",
            f64::from(ROWS) / took,
            leader.handle.load().last_commit_ms
        );
        while leader.written.try_recv().is_ok() {}
    }
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM shard_results").await, 3 * i64::from(ROWS));
}
