//! The writer on a good day: order, numbers, repetition, documents that Postgres refuses.

use common::ids::{ContentHash, RunId, StageIndex};
use common::run::{RunPhase, ShardRange};
use coordinator::store::runs::RunError;
use coordinator::store::writer::{Fact, RunEnd, StageOutcome, Written};
use coordinator::store::{Store, StoreError};
use serde_json::json;
use uuid::Uuid;

use crate::support::{leading, number, opened, shard, shard_with, shards_in, sql, store, submitted};

/// The kinds of a run's events, after checking that their numbers have no gaps.
pub async fn kinds(store: &Store, run: RunId) -> Vec<String> {
    let events = store.events(run, 0, 10_000).await.unwrap();
    for (event, number) in events.iter().zip(1..) {
        assert_eq!(event.seq, number, "numbers have no gaps");
    }
    assert_eq!(usize::try_from(store.run(run).await.unwrap().last_event), Ok(events.len()));
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_run_is_remembered_from_its_first_stage_to_its_report() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 3));
    for index in [2, 0, 1] {
        leader.handle.submit(shard(run, 0, index));
    }
    let stage = |index| Written::Stage { run, stage: StageIndex(index), outcome: StageOutcome::Opened };
    let told = leader.settled().await;
    assert_eq!(told[0], stage(0));
    let mut shards: Vec<u32> = told[1..]
        .iter()
        .flat_map(|written| match written {
            Written::Shards { shards, .. } => shards.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    shards.sort_unstable();
    assert_eq!(shards, [0, 1, 2]);
    leader.handle.submit(opened(run, 1, 1));
    leader.handle.submit(shard(run, 1, 0));
    leader.handle.submit(Fact::Event { run, kind: "best".to_owned(), body: json!({"wavelengths": 48}) });
    let report = br#"{"b":1e2,"a":[0.1,-7]}"#.to_vec();
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report } });
    assert_eq!(
        leader.settled().await,
        [
            stage(1),
            Written::Shards { run, stage: StageIndex(1), shards: vec![0] },
            Written::Ended { run, applied: true }
        ]
    );

    let row = store.run(run).await.unwrap();
    assert_eq!(row.state, RunPhase::Succeeded);
    assert!(row.started_at.is_some() && row.ended_at >= row.started_at);
    let progress = row.stage.unwrap();
    assert_eq!((progress.index, progress.done, progress.shards), (1, 1, 1));
    assert_eq!(store.report(run).await.unwrap().unwrap(), r#"{"a": [0.1, -7], "b": 100}"#);
    let stages = store.stages(run).await.unwrap();
    assert_eq!(stages.iter().map(|stage| (stage.done, stage.shards)).collect::<Vec<_>>(), [(3, 3), (1, 1)]);
    assert!(stages.iter().all(|stage| stage.closed_at.is_some()));
    assert_eq!(stages[0].note.as_ref().unwrap().get(), r#"{"best": 12}"#);
    let state = store.state(run, StageIndex(1)).await.unwrap();
    assert_eq!(state, r#"{ "of": 1 }"#, "states are exact bytes");
    assert_eq!(stages[1].state_hash, ContentHash::of(&state));
    assert_eq!(
        kinds(&store, run).await,
        ["state", "state", "stage_opened", "stage_closed", "stage_opened", "best", "state"]
    );
    assert_eq!(store.events(run, 6, 10).await.unwrap()[0].body.get(), r#"{"state": "succeeded"}"#);
    assert!(store.open_runs().await.unwrap().is_empty());
    assert_eq!(store.run(RunId(Uuid::now_v7())).await.unwrap_err(), StoreError::NotFound("run"));
}

#[tokio::test]
async fn twelve_thousand_shards_come_back_in_pages_and_as_ranges() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 12_000));
    for index in (0..12_000).filter(|index| ![5_000, 5_001, 11_999].contains(index)) {
        leader.handle.submit(shard(run, 0, index));
    }
    assert_eq!(shards_in(&leader.settled().await), 11_997);
    let resumed = store.resume(run).await.unwrap();
    let range = |first, count| ShardRange { first, count };
    assert_eq!(resumed.stored, [range(0, 5_000), range(5_002, 6_997)]);
    assert_eq!(resumed.stages[0].done, 11_997);

    let (mut from, mut pages, mut shards) = (0, 0, Vec::new());
    loop {
        let page = match store.partials_page(run, StageIndex(0), from, 16_000).await {
            Ok(page) => page,
            Err(error) => {
                assert_eq!((error, from), (StoreError::NotFound("partial result"), 5_000));
                break;
            }
        };
        let bytes: usize = page.partials.iter().map(|(_, json)| json.len()).sum();
        assert!(bytes <= 16_000, "{bytes}");
        pages += 1;
        shards.extend(page.partials.iter().map(|(shard, _)| *shard));
        from = page.next.unwrap();
    }
    assert_eq!(shards, (0..5_000).collect::<Vec<_>>());
    assert!((4..=8).contains(&pages), "{pages}");
    for index in [5_000, 5_001, 11_999] {
        leader.handle.submit(shard(run, 0, index));
    }
    leader.settled().await;
    let last = store.partials_page(run, StageIndex(0), 11_990, 1 << 20).await.unwrap();
    assert_eq!((last.partials.len(), last.next), (10, None));
    assert_eq!(last.partials[9], (11_999, br#"{"shard": 11999}"#.to_vec()));
    let large = store.partials_page(run, StageIndex(0), 0, 1).await.unwrap();
    assert_eq!((large.partials.len(), large.next), (1, Some(1)), "at least one");
}

#[tokio::test]
async fn a_repeated_result_counts_once() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 1_000));
    for index in 0..400 {
        leader.handle.submit(shard(run, 0, index));
    }
    leader.settled().await;
    // enough for COPY, overlapping what is stored, and with a repetition inside the batch
    for index in (300..1_000).chain(700..720) {
        leader.handle.submit(shard(run, 0, index));
    }
    let told: usize = leader
        .settled()
        .await
        .iter()
        .map(|written| match written {
            Written::Shards { shards, .. } => shards.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(told, 720, "every copy is acknowledged");
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM shard_results").await, 1_000);
    assert_eq!(store.stages(run).await.unwrap()[0].done, 1_000);
}

#[tokio::test]
async fn a_repeated_merge_is_compared_with_the_first() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    for (other_state, shards) in [(true, 3), (false, 4)] {
        let run = submitted(&store).await.id;
        let mut again = opened(run, 0, shards);
        if let (true, Fact::StageOpened { state, .. }) = (other_state, &mut again) {
            *state = b"{}".to_vec();
        }
        let mut outcomes = Vec::new();
        for fact in [opened(run, 0, 3), opened(run, 0, 3), again] {
            leader.handle.submit(fact);
            match leader.told().await {
                Written::Stage { outcome, .. } => outcomes.push(outcome),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(outcomes, [StageOutcome::Opened, StageOutcome::AlreadyEqual, StageOutcome::Differs]);
        assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened"], "a repetition is no event");
    }
}

#[tokio::test]
async fn of_an_ended_run_nothing_more_is_kept() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 3));
    leader.settled().await;
    store.cancel(run).await.unwrap();
    leader.handle.submit(shard(run, 0, 0));
    leader.handle.submit(opened(run, 1, 1));
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report: b"{}".to_vec() } });
    leader.handle.submit(Fact::Waiting { run, reason: Some("x".to_owned()) });
    assert_eq!(
        leader.settled().await,
        [
            Written::Shards { run, stage: StageIndex(0), shards: vec![0] },
            Written::Stage { run, stage: StageIndex(1), outcome: StageOutcome::RunOver },
            Written::Ended { run, applied: false },
        ]
    );
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM shard_results").await, 0);
    assert_eq!(store.run(run).await.unwrap().state, RunPhase::Cancelled);
    assert_eq!(kinds(&store, run).await.last().unwrap(), "state");
}

#[tokio::test]
async fn a_run_that_fails_says_why() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let (run, planned) = (submitted(&store).await.id, submitted(&store).await.id);
    let error = RunError {
        kind: "panicked".to_owned(),
        message: "index out of bounds\0".to_owned(),
        pointer: None,
        stage: Some(0),
        shard: Some(17),
        worker: Some(Uuid::from_u128(3)),
        attempts: Some(3),
    };
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Failed { error: error.clone() } });
    leader
        .handle
        .submit(Fact::RunEnded { run: planned, end: RunEnd::Planned { estimate: json!({"shards": 9}) } });
    leader.settled().await;
    let row = store.run(run).await.unwrap();
    assert_eq!(row.state, RunPhase::Failed);
    assert_eq!(row.started_at, None);
    assert_eq!(row.error, Some(RunError { message: "index out of bounds\u{fffd}".to_owned(), ..error }));
    let row = store.run(planned).await.unwrap();
    assert_eq!((row.state, row.estimate.unwrap().get()), (RunPhase::Planned, r#"{"shards": 9}"#));
}

#[tokio::test]
async fn documents_that_postgres_refuses_are_found_and_the_rest_is_stored() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 500));
    let deep = "[".repeat(100_000);
    for index in 0..500 {
        leader.handle.submit(match index {
            7 => shard_with(run, 0, index, r#"{"x": NaN}"#),
            250 => shard_with(run, 0, index, r#"{"x": "\u0000"}"#),
            251 => Fact::Shard(coordinator::store::writer::ShardRow {
                json: vec![b'"', 0xff, 0xfe, b'"'],
                ..match shard(run, 0, index) {
                    Fact::Shard(row) => row,
                    _ => unreachable!(),
                }
            }),
            499 => shard_with(run, 0, index, &deep),
            _ => shard(run, 0, index),
        });
    }
    let mut refused = Vec::new();
    let mut stored = 0;
    for written in leader.settled().await {
        match written {
            Written::ShardRefused { shard, detail, .. } => {
                assert!(!detail.is_empty());
                refused.push(shard);
            }
            Written::Shards { shards, .. } => stored += shards.len(),
            Written::Stage { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, stored), (vec![7, 250, 251, 499], 496));
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM shard_results").await, 496);
    assert_eq!(store.stages(run).await.unwrap()[0].done, 496);
    assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened"]);
}

// stage 0: shards 0, 1 (refused) ─▶ merged ahead: stage 1, its shard, the report ─▶ none of them; then the failure
#[tokio::test]
async fn what_was_merged_from_a_refused_result_is_not_stored() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let (run, other) = (submitted(&store).await.id, submitted(&store).await.id);
    for fact in [
        opened(run, 0, 2),
        shard(run, 0, 0),
        shard_with(run, 0, 1, r#"{"x": "\u0000"}"#),
        opened(run, 1, 1),
        shard(run, 1, 0),
        Fact::RunEnded { run, end: RunEnd::Succeeded { report: b"{}".to_vec() } },
        opened(other, 0, 1),
    ] {
        leader.handle.submit(fact);
    }
    let told = leader.settled().await;
    assert!(told.iter().any(|told| matches!(told, Written::ShardRefused { shard: 1, .. })), "{told:?}");
    assert!(!told.iter().any(|told| matches!(told, Written::Ended { .. })), "{told:?}");
    assert_eq!(store.run(run).await.unwrap().state, RunPhase::Running);
    assert_eq!(store.stages(run).await.unwrap().len(), 1);
    assert_eq!(store.stages(other).await.unwrap().len(), 1, "others are not concerned");
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM shard_results").await, 1);
}

#[tokio::test]
async fn a_report_that_postgres_refuses_leaves_the_run_as_it_was() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let (run, other) = (submitted(&store).await.id, submitted(&store).await.id);
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report: b"{\"a\":".to_vec() } });
    leader.handle.submit(Fact::RunEnded { run: other, end: RunEnd::Succeeded { report: b"{}".to_vec() } });
    let told = leader.settled().await;
    assert!(
        matches!(&told[0], Written::Refused { run: refused, stage: None, detail } if *refused == run && !detail.is_empty())
    );
    assert_eq!(told[1], Written::Ended { run: other, applied: true });
    assert_eq!(store.run(run).await.unwrap().state, RunPhase::Queued);
    assert_eq!(kinds(&store, run).await, ["state"]);
}

#[tokio::test]
async fn events_of_many_runs_from_many_sides_have_no_gaps() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(submitted(&store).await.id);
    }
    let cancels: Vec<_> = runs
        .iter()
        .map(|run| {
            let (store, run) = (store.clone(), *run);
            tokio::spawn(async move { store.cancel(run).await.unwrap() })
        })
        .collect();
    for number in 0..50 {
        for run in &runs {
            leader.handle.submit(Fact::Event {
                run: *run,
                kind: "tick".to_owned(),
                body: json!({"number": number}),
            });
        }
        tokio::task::yield_now().await;
    }
    for cancel in cancels {
        assert!(cancel.await.unwrap().changed);
    }
    leader.settled().await;
    for run in runs {
        let kinds = kinds(&store, run).await;
        assert_eq!(kinds.iter().filter(|kind| *kind == "tick").count(), 50);
        assert_eq!(kinds.len(), 52);
    }
}

#[tokio::test]
async fn a_writer_without_handles_finishes_its_queue_and_ends() {
    let (store, url) = store().await;
    let leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 6_000));
    for index in 0..6_000 {
        leader.handle.submit(shard(run, 0, index));
    }
    drop(leader.handle);
    assert_eq!(crate::support::soon(leader.task).await.unwrap(), Ok(()));
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM shard_results").await, 6_000);
}
