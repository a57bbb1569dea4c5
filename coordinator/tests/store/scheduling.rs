//! Runs that are held, tried again, or refused for the quota of their submitter.

use common::ids::{ContentHash, RunId};
use common::run::RunPhase;
use coordinator::store::runs::{Again, RunError};
use coordinator::store::writer::{Fact, RunEnd};
use coordinator::store::{Store, StoreError};

use crate::support::{Leading, leading, new_run, number, opened, shard, sql, store, submitted};

fn error(kind: &str) -> RunError {
    RunError {
        kind: kind.to_owned(),
        message: "index out of bounds".to_owned(),
        pointer: None,
        stage: Some(0),
        shard: Some(2),
        worker: None,
        attempts: Some(3),
    }
}

async fn failed(leader: &mut Leading, run: RunId) {
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Failed { error: error("panicked") } });
    leader.settled().await;
}

async fn kinds(store: &Store, run: RunId) -> Vec<String> {
    store.events(run, 0, 100).await.unwrap().into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_run_is_held_once_and_goes_on_once_and_its_events_say_so() {
    let (store, _) = store().await;
    let run = submitted(&store).await.id;
    assert!(store.paused_runs().await.unwrap().is_empty());
    for _ in 0..2 {
        assert!(store.pause_run(run, true).await.unwrap().paused);
        assert_eq!(store.paused_runs().await.unwrap(), [run].into());
    }
    for _ in 0..2 {
        assert!(!store.pause_run(run, false).await.unwrap().paused);
    }
    assert_eq!(kinds(&store, run).await, ["state", "paused", "resumed"]);

    store.pause_run(run, true).await.unwrap();
    store.cancel(run).await.unwrap();
    assert!(store.paused_runs().await.unwrap().is_empty(), "what ended is not held");
    assert_eq!(store.pause_run(run, false).await.unwrap().state, RunPhase::Cancelled);
    assert_eq!(kinds(&store, run).await.len(), 5, "and nothing was written");
    let nobody = RunId(uuid::Uuid::now_v7());
    assert_eq!(store.pause_run(nobody, true).await.unwrap_err(), StoreError::NotFound("run"));
}

#[tokio::test]
async fn a_failed_run_goes_on_where_it_was() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let mut order = new_run("{}");
    order.deadline_at = Some(common::clock::wall() - chrono::Duration::seconds(5));
    let run = store.submit(order, None).await.unwrap().run.id;
    leader.handle.submit(opened(run, 0, 4));
    for index in [0, 3] {
        leader.handle.submit(shard(run, 0, index));
    }
    store.pause_run(run, true).await.unwrap();
    failed(&mut leader, run).await;
    assert!(store.open_runs().await.unwrap().is_empty());

    let again = store.try_again(run, Again::default()).await.unwrap();
    assert_eq!((again.state, again.paused, again.deadline_at), (RunPhase::Running, false, None));
    assert!(again.ended_at.is_none() && again.error.is_none() && again.waiting_reason.is_none());
    let resumed = store.resume(run).await.unwrap();
    assert_eq!(
        resumed.stored.iter().map(|range| (range.first, range.count)).collect::<Vec<_>>(),
        [(0, 1), (3, 1)]
    );
    assert_eq!(resumed.stages[0].closed_at, None, "its last stage is open again");

    // the writer goes on with it, and the numbers of the events have no gap
    for index in [1, 2] {
        leader.handle.submit(shard(run, 0, index));
    }
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report: b"{}".to_vec() } });
    leader.settled().await;
    let done = store.run(run).await.unwrap();
    assert_eq!((done.state, done.stage.unwrap().done), (RunPhase::Succeeded, 4));
    let events = store.events(run, 0, 100).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert_eq!(events[5].body.get(), r#"{"again": true, "state": "running"}"#);
}

#[tokio::test]
async fn only_a_run_that_failed_is_tried_again() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    let conflict = |error: StoreError| match error {
        StoreError::Conflict { code, .. } => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(conflict(store.try_again(run, Again::default()).await.unwrap_err()), "run_not_ended");
    failed(&mut leader, run).await;
    let deadline = common::clock::wall() + chrono::Duration::seconds(60);
    let again = Again { deadline_at: Some(deadline), most_open: 1 };
    let queued = store.try_again(run, again).await.unwrap();
    assert_eq!(queued.state, RunPhase::Queued, "it failed before a stage opened");
    assert!(queued.deadline_at.is_some());
    store.cancel(run).await.unwrap();
    assert_eq!(conflict(store.try_again(run, Again::default()).await.unwrap_err()), "run_ended");
    let nobody = RunId(uuid::Uuid::now_v7());
    assert_eq!(store.try_again(nobody, Again::default()).await.unwrap_err(), StoreError::NotFound("run"));
}

#[tokio::test]
async fn the_quota_of_open_runs_is_exact_whoever_asks_at_once() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let order = |submitter: &str| {
        let mut run = new_run("{}");
        (run.submitter, run.most_open) = (submitter.to_owned(), 3);
        run
    };
    let asking: Vec<_> = (0..12)
        .map(|_| {
            let (store, order) = (store.clone(), order("ada"));
            tokio::spawn(async move { store.submit(order, None).await })
        })
        .collect();
    let mut accepted = Vec::new();
    for answer in asking {
        match answer.await.unwrap() {
            Ok(submitted) => accepted.push(submitted.run.id),
            Err(error) => assert_eq!(error, StoreError::Quota { most: 3 }),
        }
    }
    assert_eq!(accepted.len(), 3);
    assert_eq!(
        number(&sql(&url).await, "SELECT count(*) FROM runs").await,
        3,
        "nothing of the others is kept"
    );
    store.submit(order("bob"), None).await.unwrap();

    // an ended run makes room; one that is tried again takes it
    failed(&mut leader, accepted[0]).await;
    store.submit(order("ada"), None).await.unwrap();
    let again = Again { most_open: 3, ..Again::default() };
    assert_eq!(store.try_again(accepted[0], again).await.unwrap_err(), StoreError::Quota { most: 3 });
    store.cancel(accepted[1]).await.unwrap();
    store.try_again(accepted[0], again).await.unwrap();
}

#[tokio::test]
async fn what_a_run_asks_of_workers_is_kept_with_it() {
    let (store, _) = store().await;
    let mut order = new_run("{}");
    order.worker_labels = [("zone".to_owned(), "north".to_owned())].into();
    order.memory_mib = 700;
    let body_hash = ContentHash::of(b"body");
    let key = coordinator::store::idempotency::Idempotency {
        principal: "ada".to_owned(),
        key: "k".to_owned(),
        body_hash,
    };
    let run = store.submit(order.clone(), Some(key.clone())).await.unwrap().run;
    let read = store.run(run.id).await.unwrap();
    assert_eq!((read.worker_labels, read.memory_mib), (order.worker_labels.clone(), 700));
    let replayed = store.submit(order.clone(), Some(key)).await.unwrap();
    assert!(replayed.replayed && replayed.run.worker_labels == order.worker_labels);
}
