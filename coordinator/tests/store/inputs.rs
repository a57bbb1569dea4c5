//! Inputs and their versions; the smaller tables.

use common::algorithm::AlgorithmDescriptor;
use common::ids::{ContentHash, WorkerId};
use coordinator::store::StoreError;
use coordinator::store::documents::NewDocument;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::inputs::{InputFilter, InputKind, NewInput, NewVersion};
use coordinator::store::page::Page;
use serde_json::json;
use uuid::Uuid;

use crate::support::store;

fn version(text: &str) -> NewVersion {
    NewVersion {
        document: NewDocument::of(text.to_owned()),
        comment: format!("now {text}"),
        summary: json!({"nodes": text.len()}),
    }
}

fn topology(name: &str, text: &str) -> NewInput {
    NewInput {
        kind: InputKind::Topology,
        name: name.to_owned(),
        author: "ada".to_owned(),
        version: version(text),
    }
}

#[tokio::test]
async fn an_input_grows_by_versions_that_stay() {
    let (store, _) = store().await;
    let kind = InputKind::Topology;
    let first = store.create_input(topology("ring", "one"), None).await.unwrap().input;
    assert_eq!((first.latest.version, first.revision, first.latest.bytes), (1, 1, 3));
    let second =
        store.append_version(kind, first.id, version("three"), "bob", Some(1), None).await.unwrap().input;
    assert_eq!((second.latest.version, second.revision), (2, 2));
    assert_eq!(second.latest.author, "bob");
    assert_eq!(second.latest.summary, json!({"nodes": 5}));

    let stale = store.append_version(kind, first.id, version("x"), "eve", Some(1), None).await.unwrap_err();
    assert_eq!(stale, StoreError::Stale { current: 2 });
    let old = store.input_version(kind, first.id, 1).await.unwrap();
    assert_eq!(store.document(old.hash).await.unwrap(), "one");
    let versions = store.input_versions(kind, first.id, &Page { limit: 1, cursor: None }).await.unwrap();
    assert_eq!(versions.items[0].version, 2);
    let rest =
        store.input_versions(kind, first.id, &Page { limit: 1, cursor: versions.next_cursor }).await.unwrap();
    assert_eq!((rest.items[0].version, rest.next_cursor), (1, None));

    let renamed = store.rename_input(kind, first.id, "ring of three", Some(2)).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.revision), ("ring of three", 3));
    assert_eq!(
        store.input(InputKind::TrafficMatrix, first.id).await.unwrap_err(),
        StoreError::NotFound("input")
    );
    store.delete_input(kind, first.id, None).await.unwrap();
    for gone in [
        store.input(kind, first.id).await.map(|_| ()),
        store.input_version(kind, first.id, 1).await.map(|_| ()),
        store.rename_input(kind, first.id, "x", None).await.map(|_| ()),
        store.delete_input(kind, first.id, None).await,
    ] {
        assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
    }
    assert_eq!(store.document(old.hash).await.unwrap(), "one", "runs that used it keep it");
}

#[tokio::test]
async fn inputs_are_listed_by_kind_and_name() {
    let (store, _) = store().await;
    for name in ["NSFNET", "nsfnet copy", "germany50"] {
        store.create_input(topology(name, name), None).await.unwrap();
    }
    let list = async |kind, name: Option<&str>, limit| {
        let filter = InputFilter { name_contains: name.map(ToOwned::to_owned) };
        store.list_inputs(kind, &filter, &Page { limit, cursor: None }).await.unwrap()
    };
    assert_eq!(list(InputKind::Topology, Some("NsF"), 10).await.items.len(), 2);
    assert_eq!(list(InputKind::TrafficMatrix, None, 10).await.items.len(), 0);
    let page = list(InputKind::Topology, None, 2).await;
    assert_eq!(page.items[0].name, "germany50");
    let rest = Page { limit: 2, cursor: page.next_cursor };
    let rest = store.list_inputs(InputKind::Topology, &InputFilter::default(), &rest).await.unwrap();
    assert_eq!(rest.items.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["NSFNET"]);
}

#[tokio::test]
async fn a_repeated_creation_is_answered_as_before() {
    let (store, _) = store().await;
    let key = |body: &str| {
        Some(Idempotency {
            principal: "ada".to_owned(),
            key: "k".to_owned(),
            body_hash: ContentHash::of(body.as_bytes()),
        })
    };
    let first = store.create_input(topology("ring", "one"), key("a")).await.unwrap();
    store.rename_input(InputKind::Topology, first.input.id, "other", None).await.unwrap();
    let again = store.create_input(topology("ring", "one"), key("a")).await.unwrap();
    assert!(again.replayed && again.input.id == first.input.id && again.input.name == "ring");
    assert_eq!(
        store.create_input(topology("ring", "two"), key("b")).await.unwrap_err(),
        StoreError::KeyReused
    );
}

#[tokio::test]
async fn an_algorithm_is_known_by_what_workers_say_of_it() {
    let (store, _) = store().await;
    let descriptor = |version, summary: &str| AlgorithmDescriptor {
        name: "rwa".to_owned(),
        version,
        summary: summary.to_owned(),
        inputs: Vec::new(),
        params_schema: json!({"type": "object", "properties": {"iterations": {"default": 1.5e3}}}),
        report_schema: json!(true),
        labels: std::collections::BTreeMap::new(),
        stages: Vec::new(),
    };
    assert_eq!(store.algorithm("rwa", None).await.unwrap(), None);
    store
        .announce_algorithms(&[descriptor(1, "old"), descriptor(2, "new"), descriptor(2, "new")])
        .await
        .unwrap();
    store.announce_algorithms(&[descriptor(1, "better said")]).await.unwrap();

    assert_eq!(store.algorithms().await.unwrap().len(), 2);
    assert_eq!(store.algorithm("rwa", None).await.unwrap().unwrap().descriptor, descriptor(2, "new"));
    assert_eq!(store.algorithm("rwa", Some(1)).await.unwrap().unwrap().descriptor.summary, "better said");
    assert_eq!(store.algorithm("rwa", Some(3)).await.unwrap(), None);
    assert_eq!(store.algorithm("\0", None).await.unwrap(), None);
}

#[tokio::test]
async fn wishes_of_operators_are_kept() {
    let (store, _) = store().await;
    let worker = WorkerId(Uuid::now_v7());
    store.request_drain(worker, true).await.unwrap();
    store.request_drain(worker, true).await.unwrap();
    assert_eq!(store.drain_requests().await.unwrap(), [worker]);
    store.request_drain(worker, false).await.unwrap();
    assert_eq!(store.drain_requests().await.unwrap(), []);
    assert!(!store.paused().await.unwrap());
    store.set_paused(true).await.unwrap();
    assert!(store.paused().await.unwrap());
    assert_eq!(store.leader().await.unwrap(), None);
    store.ping().await.unwrap();
}
