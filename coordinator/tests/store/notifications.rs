//! Hints arrive, also after the connection was lost.

use std::time::Duration;

use common::algorithm::AlgorithmDescriptor;
use common::ids::RunId;
use coordinator::store::notifications::Notice;
use tokio::sync::broadcast::Receiver;
use uuid::Uuid;

use crate::support::{
    a_while, end_connections, eventually, leading, number, opened, shard, soon, sql, store, submitted,
};

async fn until(notices: &mut Receiver<Notice>, wanted: Notice) {
    soon(async { while notices.recv().await.unwrap() != wanted {} }).await;
}

async fn quiet(notices: &mut Receiver<Notice>) {
    tokio::select! {
        heard = notices.recv() => panic!("{heard:?}"),
        () = a_while() => {}
    }
}

/// Waits until the listener listens: what comes before is lost. Hints come in order: after that of the last run
/// nothing is under way.
async fn listening(store: &coordinator::store::Store) -> Receiver<Notice> {
    let mut notices = store.subscribe();
    eventually(async || {
        let probe = Notice::Run(submitted(store).await.id);
        let heard = async { while notices.recv().await != Ok(probe) {} };
        tokio::time::timeout(Duration::from_millis(100), heard).await.is_ok()
    })
    .await;
    notices
}

#[tokio::test]
async fn whatever_happens_to_a_run_is_hinted_at() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let mut notices = listening(&store).await;
    let run = submitted(&store).await.id;
    until(&mut notices, Notice::Run(run)).await;
    leader.handle.submit(opened(run, 0, 9));
    until(&mut notices, Notice::Run(run)).await;
    leader.settled().await;
    leader.handle.submit(shard(run, 0, 0));
    leader.settled().await;
    quiet(&mut notices).await;
    store.cancel(run).await.unwrap();
    until(&mut notices, Notice::Run(run)).await;
    store.cancel(run).await.unwrap();
    quiet(&mut notices).await;
    store.set_paused(true).await.unwrap();
    until(&mut notices, Notice::Cluster).await;
    let algorithm = AlgorithmDescriptor {
        name: "spin".to_owned(),
        version: 1,
        summary: String::new(),
        inputs: Vec::new(),
        params_schema: true.into(),
        report_schema: true.into(),
        labels: std::collections::BTreeMap::new(),
        stages: Vec::new(),
    };
    store.announce_algorithms(std::slice::from_ref(&algorithm)).await.unwrap();
    until(&mut notices, Notice::Cluster).await;
    store.announce_algorithms(&[algorithm]).await.unwrap();
    quiet(&mut notices).await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_replaced() {
    let (store, url) = store().await;
    let mut notices = listening(&store).await;
    let client = sql(&url).await;
    for _ in 0..3 {
        assert_eq!(end_connections(&client, "netplanner listener").await, 1);
        until(&mut notices, Notice::Resync).await;
        let run = submitted(&store).await.id;
        until(&mut notices, Notice::Run(run)).await;
    }
    let stranger = RunId(Uuid::now_v7());
    client.execute("SELECT pg_notify('netplanner', $1)", &[&stranger.to_string()]).await.unwrap();
    until(&mut notices, Notice::Run(stranger)).await;
    client.execute("SELECT pg_notify('netplanner', 'from a newer release')", &[]).await.unwrap();
    until(&mut notices, Notice::Resync).await;
}

#[tokio::test]
async fn the_listener_ends_with_the_store() {
    let (store, url) = store().await;
    drop(listening(&store).await);
    let copy = store.clone();
    drop(store);
    let client = sql(&url).await;
    let listeners = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND application_name = 'netplanner listener'";
    assert_eq!(number(&client, listeners).await, 1);
    drop(copy);
    eventually(async || number(&client, listeners).await == 0).await;
}
