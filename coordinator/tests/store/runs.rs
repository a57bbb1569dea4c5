//! Reading, cancelling and deleting runs.

use common::ids::RunId;
use common::run::RunPhase;
use coordinator::store::StoreError;
use coordinator::store::page::Page;
use coordinator::store::runs::RunFilter;
use coordinator::store::shards::{ShardFilter, ShardState};
use coordinator::store::writer::{Fact, RunEnd, Written};
use uuid::Uuid;

use crate::support::{leading, new_run, number, opened, shard, sql, store, submitted};

#[tokio::test]
async fn a_listing_comes_in_pages_newest_first_and_by_filter() {
    let (store, _) = store().await;
    let mut ids = Vec::new();
    for index in 0..7 {
        let mut run = new_run("{}");
        run.label = (index % 2 == 0).then(|| "even".to_owned());
        run.submitter = if index < 2 { "ada" } else { "bob" }.to_owned();
        ids.push(store.submit(run, None).await.unwrap().run.id);
    }
    ids.reverse();
    let mut page = Page { limit: 3, cursor: None };
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let found = store.runs(&RunFilter::default(), &page).await.unwrap();
        sizes.push(found.items.len());
        seen.extend(found.items.into_iter().map(|run| run.id));
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    assert_eq!((seen, sizes), (ids.clone(), vec![3, 3, 1]));

    store.cancel(ids[0]).await.unwrap();
    let count = async |filter: RunFilter| store.runs(&filter, &Page::default()).await.unwrap().items.len();
    assert_eq!(count(RunFilter { label: Some("even".to_owned()), ..RunFilter::default() }).await, 4);
    assert_eq!(count(RunFilter { submitter: Some("ada".to_owned()), ..RunFilter::default() }).await, 2);
    assert_eq!(count(RunFilter { algorithm: Some("rwa".to_owned()), ..RunFilter::default() }).await, 0);
    let states = vec![RunPhase::Cancelled, RunPhase::Failed];
    assert_eq!(count(RunFilter { states, ..RunFilter::default() }).await, 1);
    let all = RunFilter {
        states: vec![RunPhase::Queued],
        algorithm: Some("spin".to_owned()),
        label: Some("even".to_owned()),
        submitter: Some("bob".to_owned()),
    };
    assert_eq!(count(all).await, 2);
    let bad = Page { limit: 3, cursor: Some("bm9wZQ".to_owned()) };
    let error = store.runs(&RunFilter::default(), &bad).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { code: "bad_cursor", .. }));
}

#[tokio::test]
async fn a_run_is_cancelled_once_and_says_so_in_its_events() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 3));
    leader.handle.submit(Fact::Waiting { run, reason: Some("no worker".to_owned()) });
    leader.settled().await;
    assert_eq!(store.run(run).await.unwrap().waiting_reason.as_deref(), Some("no worker"));

    let first = store.cancel(run).await.unwrap();
    assert!(first.changed);
    assert_eq!(first.run.state, RunPhase::Cancelled);
    assert_eq!(first.run.waiting_reason, None);
    let again = store.cancel(run).await.unwrap();
    assert!(!again.changed);
    assert_eq!(again.run.state, RunPhase::Cancelled);
    assert!(store.stages(run).await.unwrap()[0].closed_at.is_some());
    let events = store.events(run, 0, 100).await.unwrap();
    assert_eq!(events.last().unwrap().body.get(), r#"{"state": "cancelled"}"#);
    assert_eq!(events.last().unwrap().seq, again.run.last_event);
    assert_eq!(store.cancel(RunId(Uuid::now_v7())).await.unwrap_err(), StoreError::NotFound("run"));
}

#[tokio::test]
async fn a_leader_reads_the_ids_of_open_runs_and_the_rows_of_those_it_asks_for() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(submitted(&store).await.id);
    }
    let [queued, running, cancelled, deleted] = runs[..] else { panic!("{runs:?}") };
    leader.handle.submit(opened(running, 0, 9));
    leader.settled().await;
    for run in [cancelled, deleted] {
        store.cancel(run).await.unwrap();
    }
    store.delete_run(deleted).await.unwrap();
    assert_eq!(store.open_run_ids().await.unwrap(), [queued, running]);
    let rows = store.open_runs_of(&[deleted, cancelled, running]).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.id, row.state)).collect::<Vec<_>>(),
        [(running, RunPhase::Running)]
    );
    assert_eq!(rows[0].stage.as_ref().unwrap().shards, 9);
    let phases = store.phases(&runs).await.unwrap();
    let known = [(queued, RunPhase::Queued), (running, RunPhase::Running), (cancelled, RunPhase::Cancelled)];
    assert_eq!(phases, known.into());
}

#[tokio::test]
async fn of_a_cancellation_and_an_end_at_the_same_time_one_wins() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let mut cancelled = 0;
    for _ in 0..40 {
        let run = submitted(&store).await.id;
        let canceller = {
            let store = store.clone();
            tokio::spawn(async move { store.cancel(run).await.unwrap() })
        };
        leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report: b"{}".to_vec() } });
        let applied = match leader.told().await {
            Written::Ended { applied, .. } => applied,
            other => panic!("{other:?}"),
        };
        let answer = canceller.await.unwrap();
        assert_ne!(applied, answer.changed, "exactly one of them");
        let row = store.run(run).await.unwrap();
        assert_eq!(row.state, if applied { RunPhase::Succeeded } else { RunPhase::Cancelled });
        assert_eq!(row.last_event, 2, "one end, one event");
        cancelled += u32::from(answer.changed);
    }
    println!("{cancelled} of 40 cancelled");
}

#[tokio::test]
async fn an_ended_run_can_be_deleted_with_all_it_produced() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    let other = submitted(&store).await.id;
    for run in [run, other] {
        leader.handle.submit(opened(run, 0, 2));
        leader.handle.submit(shard(run, 0, 0));
    }
    leader.settled().await;
    let refused = store.delete_run(run).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { code: "run_not_ended", .. }), "{refused:?}");
    store.cancel(run).await.unwrap();
    store.delete_run(run).await.unwrap();
    // a late result of it
    leader.handle.submit(shard(run, 0, 1));
    leader.handle.submit(Fact::Event { run, kind: "late".to_owned(), body: serde_json::json!({}) });
    leader.handle.submit(opened(run, 1, 1));
    leader.settled().await;

    assert_eq!(store.run(run).await.unwrap_err(), StoreError::NotFound("run"));
    assert_eq!(store.delete_run(run).await.unwrap_err(), StoreError::NotFound("run"));
    let client = sql(&url).await;
    for table in ["runs", "stages", "shard_results"] {
        assert_eq!(number(&client, &format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
    assert_eq!(store.run(other).await.unwrap().state, RunPhase::Running);
}

#[tokio::test]
async fn shards_are_listed_by_state_and_worker() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    let lost = Uuid::from_u128(99);
    leader.handle.submit(opened(run, 0, 5));
    for (index, kind) in [(1, "panicked"), (3, "panicked"), (3, "timed_out")] {
        leader.handle.submit(Fact::ShardFailed {
            run,
            stage: common::ids::StageIndex(0),
            shard: Some(index),
            worker: Some(lost),
            kind: kind.to_owned(),
            message: "index 7 of \0 slots".to_owned(),
            note: (kind == "timed_out").then(|| "at\0 slot 7".to_owned()),
        });
    }
    leader.handle.submit(shard(run, 0, 0));
    leader.handle.submit(shard(run, 0, 1));
    leader.handle.submit(opened(run, 1, 0));
    leader.handle.submit(opened(run, 2, 2));
    leader.settled().await;

    let list = async |filter: ShardFilter| {
        let mut page = Page { limit: 2, cursor: None };
        let mut all = Vec::new();
        loop {
            let found = store.shards(run, &filter, &page).await.unwrap();
            assert!(found.items.len() <= 2);
            all.extend(found.items);
            let Some(next) = found.next_cursor else { return all };
            page.cursor = Some(next);
        }
    };
    let all = list(ShardFilter::default()).await;
    let keys: Vec<_> = all.iter().map(|shard| (shard.stage, shard.shard)).collect();
    assert_eq!(keys, [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (2, 0), (2, 1)]);
    assert_eq!(all[1].state, ShardState::Stored);
    assert_eq!(all[1].attempts, 2);
    assert_eq!(all[1].worker, Some(Uuid::from_u128(7)));
    assert_eq!((all[1].cpu_us, all[1].wall_us), (Some(11), Some(13)));
    assert_eq!(all[3].state, ShardState::Failed);
    assert_eq!(all[3].attempts, 2);
    let error = all[3].error.as_ref().unwrap();
    assert_eq!((error.kind.as_str(), error.message.as_str()), ("timed_out", "index 7 of \u{fffd} slots"));
    assert_eq!(error.note.as_deref(), Some("at\u{fffd} slot 7"));
    assert_eq!(all[1].error.as_ref().unwrap().note, None);
    let told = store.events(run, 0, 100).await.unwrap();
    let notes: Vec<bool> = told
        .iter()
        .filter(|event| event.kind == "shard_failed")
        .map(|event| event.body.get().contains("slot 7\""))
        .collect();
    assert_eq!(notes, [false, false, true], "an event tells it too, and only what was said");
    assert_eq!(all[4].state, ShardState::Open);

    let filtered = async |filter| list(filter).await.iter().map(|s| (s.stage, s.shard)).collect::<Vec<_>>();
    let state = |state| ShardFilter { state: Some(state), ..ShardFilter::default() };
    assert_eq!(filtered(state(ShardState::Stored)).await, [(0, 0), (0, 1)]);
    assert_eq!(filtered(state(ShardState::Failed)).await, [(0, 3)]);
    assert_eq!(filtered(state(ShardState::Open)).await, [(0, 2), (0, 4), (2, 0), (2, 1)]);
    assert_eq!(filtered(ShardFilter { worker: Some(lost), ..ShardFilter::default() }).await, [(0, 3)]);
    assert_eq!(filtered(ShardFilter { stage: Some(2), ..ShardFilter::default() }).await, [(2, 0), (2, 1)]);
    assert_eq!(store.run(run).await.unwrap().failures, 3);
    let partial = store.partial(run, common::ids::StageIndex(0), 1).await.unwrap();
    assert_eq!(partial.partial.get(), r#"{"shard": 1}"#);
    let missing = store.partial(run, common::ids::StageIndex(0), 2).await.unwrap_err();
    assert_eq!(missing, StoreError::NotFound("partial result"));
}
