//! Submissions: once, durable, the same answer for the same request.

use common::ids::ContentHash;
use common::run::{RunPhase, RunSpec};
use coordinator::store::StoreError;
use coordinator::store::documents::NewDocument;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::runs::{InputSource, RunInput};
use coordinator::store::writer::{Fact, RunEnd};

use crate::support::{leading, new_run, number, sql, store, submitted};

fn key(principal: &str, key: &str, body: &str) -> Idempotency {
    Idempotency {
        principal: principal.to_owned(),
        key: key.to_owned(),
        body_hash: ContentHash::of(body.as_bytes()),
    }
}

#[tokio::test]
async fn an_accepted_run_carries_everything_it_was_given() {
    let (store, _) = store().await;
    let document = NewDocument::of(r#"{"nodes" : []}"#);
    let input = RunInput { role: "topology".to_owned(), hash: document.hash, source: InputSource::Inline };
    let mut run = new_run(r#"{"b": 1.50, "a": "é"}"#);
    run.inputs = vec![input.clone()];
    run.documents = vec![document.clone()];
    run.label = Some("night\0ly".to_owned());
    run.priority = -3;
    let accepted = store.submit(run, None).await.unwrap();
    assert!(!accepted.replayed && !accepted.reused);

    let run = store.run(accepted.run.id).await.unwrap();
    assert_eq!(run.state, RunPhase::Queued);
    assert_eq!(run.seed, u64::MAX - 1);
    assert_eq!(run.inputs, [input]);
    assert_eq!(run.label.as_deref(), Some("night\u{fffd}ly"));
    assert_eq!((run.priority, run.last_event, run.failures), (-3, 1, 0));
    assert_eq!((run.started_at, run.ended_at, run.stage), (None, None, None));
    assert_eq!(store.document(document.hash).await.unwrap(), document.bytes);
    let spec: RunSpec = serde_json::from_slice(&store.run_spec(run.id).await.unwrap()).unwrap();
    assert_eq!(spec.params.get(), r#"{"b": 1.50, "a": "é"}"#, "workers get the exact text");
    assert_eq!(spec.inputs["topology"], document.hash);
    let events = store.events(run.id, 0, 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].seq, events[0].kind.as_str(), events[0].body.get()),
        (1, "state", r#"{"state": "queued"}"#)
    );
    assert_eq!(store.open_runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_request_twice_is_one_run_and_one_answer() {
    let (store, _) = store().await;
    let first = store.submit(new_run("{}"), Some(key("ada", "k", "body"))).await.unwrap();
    store.cancel(first.run.id).await.unwrap();
    let again = store.submit(new_run("{}"), Some(key("ada", "k", "body"))).await.unwrap();
    assert!(again.replayed);
    assert_eq!(
        serde_json::to_string(&again.run).unwrap(),
        serde_json::to_string(&first.run).unwrap(),
        "as answered then"
    );

    let other = store.submit(new_run("{}"), Some(key("ada", "k", "other body"))).await;
    assert_eq!(other.unwrap_err(), StoreError::KeyReused);
    let stranger = store.submit(new_run("{}"), Some(key("bob", "k", "body"))).await.unwrap();
    assert!(!stranger.replayed);
    assert_ne!(stranger.run.id, first.run.id);
}

#[tokio::test]
async fn sixteen_equal_requests_at_once_are_one_run() {
    let (store, url) = store().await;
    let requests: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store.submit(new_run("{}"), Some(key("ada", "race", "body"))).await.unwrap()
            })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.run.id == answers[0].run.id));
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM runs").await, 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let (store, url) = store().await;
    let first = store.submit(new_run("{}"), Some(key("ada", "k", "body"))).await.unwrap();
    sql(&url)
        .await
        .execute("UPDATE idempotency SET created_at = now() - interval '25 hours'", &[])
        .await
        .unwrap();
    let second = store.submit(new_run("{}"), Some(key("ada", "k", "another body"))).await.unwrap();
    assert!(!second.replayed);
    assert_ne!(first.run.id, second.run.id);
}

#[tokio::test]
async fn a_refused_request_leaves_nothing_behind_and_its_key_free() {
    let (store, url) = store().await;
    let mut run = new_run("{}");
    run.inputs = vec![RunInput {
        role: "topology".to_owned(),
        hash: ContentHash::of(b"never stored"),
        source: InputSource::Inline,
    }];
    run.documents = vec![NewDocument::of("something else")];
    assert_eq!(
        store.submit(run, Some(key("ada", "k", "body"))).await.unwrap_err(),
        StoreError::NotFound("document")
    );
    let refused =
        store.submit(new_run(r#"{"text":"\u0000"}"#), Some(key("ada", "k", "body"))).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { code: "bad_document", .. }), "{refused:?}");

    let client = sql(&url).await;
    for table in ["runs", "documents", "run_events", "idempotency"] {
        assert_eq!(number(&client, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert!(!store.submit(new_run("{}"), Some(key("ada", "k", "fixed body"))).await.unwrap().replayed);
}

#[tokio::test]
async fn reuse_answers_with_an_equal_run_that_succeeded_and_with_no_other() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let ask = |params: &str, seed: u64| {
        let mut run = new_run(params);
        run.reuse = true;
        run.seed = seed;
        run
    };
    let first = store.submit(ask(r#"{"a":1,"b":{"c":2,"d":3}}"#, 5), None).await.unwrap().run;
    let running = store.submit(ask(r#"{"a":1,"b":{"c":2,"d":3}}"#, 5), None).await.unwrap();
    assert!(!running.reused, "an unfinished run is no answer");
    leader.handle.submit(Fact::RunEnded { run: first.id, end: RunEnd::Succeeded { report: b"{}".to_vec() } });
    leader.settled().await;

    let equal = store.submit(ask("{ \"b\": {\"d\":3, \"c\":2}, \"a\": 1 }", 5), None).await.unwrap();
    assert!(equal.reused && equal.run.id == first.id, "the order of keys does not matter");
    assert!(
        !store.submit(ask(r#"{"a":1,"b":{"c":2,"d":3}}"#, 6), None).await.unwrap().reused,
        "another seed"
    );
    assert!(
        !store.submit(ask(r#"{"a":1,"b":{"c":2,"d":4}}"#, 5), None).await.unwrap().reused,
        "other parameters"
    );
    assert_eq!(store.reusable(first.fingerprint).await.unwrap().unwrap().id, first.id);
    assert!(store.reusable(submitted(&store).await.fingerprint).await.unwrap().is_none());
}
