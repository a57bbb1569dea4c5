//! What is stored is never computed again, and what is being computed is not begun anew, whatever dies beside it.

use std::time::Duration;

use common::clock;
use serde_json::json;
use testkit::fleet::{Fleet, Shape};
use testkit::recovery::{Loss, TakeOver, take_over};

use crate::{RUN, Runs, fleet};

/// The stored shards of a run.
async fn stored(fleet: &Fleet, run: &str) -> Vec<(u32, u32)> {
    let client = fleet.database.connect().await.unwrap();
    let rows = format!("SELECT stage, shard FROM shard_results WHERE run_id = '{run}'");
    let rows = client.query(&rows, &[]).await.unwrap();
    let number = |value: i32| u32::try_from(value).unwrap();
    rows.iter().map(|row| (number(row.get(0)), number(row.get(1)))).collect()
}

/// ```text
/// 160 shards ─ some stored ─ kill -9 ─▶ the other leads ─ more stored ─ kill -9 ─▶ the first again ─▶ report
/// ```
#[tokio::test]
async fn a_stored_shard_never_runs_again_after_the_coordinators_own_crashes() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let runs = Runs::under_way(&fleet).await;
    let mut settled = Vec::new();
    for _ in 0..2 {
        settled.push(stored(&fleet, runs.first()).await);
        let TakeOver { lost, .. } = take_over(&mut fleet, runs.first(), Loss::Killed).await.unwrap();
        fleet.start_coordinator(lost).unwrap();
    }
    runs.end_undisturbed(&fleet).await;
    let executions = fleet.executions(runs.first());
    for shards in settled {
        assert!((20..160).contains(&shards.len()), "the kill came in the middle: {}", shards.len());
        let again: Vec<_> = shards.iter().filter(|shard| executions[shard] != 1).collect();
        assert!(again.is_empty(), "stored and run again: {again:?}");
    }
    assert_eq!(executions.len(), 160);
    let twice = executions.values().filter(|count| **count > 1).count();
    eprintln!(
        "of 160 shards {twice} ran more than once: copies of slow ones, or what no leader had heard of yet"
    );
}

/// ```text
/// one shard of a minute ─ leader killed ─ Postgres restarted ─ the other killed too ─▶ executed once
/// ```
#[tokio::test]
#[ignore = "make chaos"]
async fn a_shard_of_a_minute_outlives_leaders_and_a_restart_of_postgres() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let run = fleet.spin(json!({ "shards": 1, "iterations": 20_000_000_000_u64 })).await.unwrap();
    let begun = async || Ok(fleet.executions(&run).len() == 1);
    fleet.eventually("the shard has begun", RUN, begun).await.unwrap();
    // shards are handed out while their stage is being stored; what no row knows of is planned anew
    let opened = format!("SELECT count(*) FROM stages WHERE run_id = '{run}'");
    let opened = async || Ok(fleet.sql(&opened).await? == 1);
    fleet.eventually("its stage is stored", RUN, opened).await.unwrap();
    let since = clock::now();

    let leader = fleet.leader().await.unwrap();
    fleet.coordinators[leader].kill().unwrap();
    fleet.until_workers(2).await.unwrap();
    fleet.database.stop().unwrap();
    tokio::time::sleep(Duration::from_secs(12)).await; // workers find nobody for long
    fleet.database.start_again(&fleet.network).await.unwrap();
    fleet.until_workers(2).await.unwrap();
    fleet.start_coordinator(leader).unwrap();
    let leader = fleet.leader().await.unwrap();
    fleet.coordinators[leader].kill().unwrap();
    fleet.until_workers(2).await.unwrap();
    assert_eq!(fleet.stored(&run).await.unwrap(), 0, "all of it happened while the shard ran");

    fleet.success(&run, 5 * RUN).await.unwrap();
    assert!(clock::now().since(since) > Duration::from_secs(20));
    assert_eq!(fleet.executions(&run).values().sum::<u32>(), 1, "it ran once");
}
