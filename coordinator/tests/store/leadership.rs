//! One leader at a time, whatever happens to it.

use std::time::{Duration, Instant};

use coordinator::store::StoreError;

use tokio_postgres::Client;

use crate::support::{
    a_while, end_connections, eventually, leading, me, number, opened, soon, sql, store, store_at, submitted,
};

/// Waits until a stand-by asked for the leadership and, having been refused, asked again.
async fn refused_once(client: &Client) {
    let asked = "SELECT coalesce(max(extract(epoch FROM query_start) * 1e6), 0)::int8 FROM pg_stat_activity
                  WHERE datname = current_database() AND application_name = 'netplanner stand-by'
                    AND query LIKE '%pg_try_advisory_lock%'";
    let mut first = 0;
    eventually(async || {
        let last = number(client, asked).await;
        if first == 0 {
            first = last;
        }
        last > first
    })
    .await;
}

#[tokio::test]
async fn the_second_leads_when_the_first_lets_go() {
    let (first, url) = store().await;
    let second = store_at(&url).await;
    let leading = soon(first.lead(me("one:5020"))).await.unwrap();
    assert_eq!(leading.epoch().0, 1);
    let row = second.leader().await.unwrap().unwrap();
    assert_eq!((row.address.as_str(), row.epoch, row.build.as_str()), ("one:5020", leading.epoch(), "test"));

    let waiting = tokio::spawn(async move { second.lead(me("two:5020")).await.unwrap() });
    refused_once(&sql(&url).await).await;
    assert!(!waiting.is_finished());
    let began = Instant::now();
    leading.release().await;
    let next = soon(waiting).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1_200), "{:?}", began.elapsed());
    assert_eq!(next.epoch().0, 2);
    assert_eq!(first.leader().await.unwrap().unwrap().address, "two:5020");
    assert!(!next.lost().is_cancelled());
}

#[tokio::test]
async fn a_leader_whose_lock_is_gone_stops_within_a_second() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 1));
    leader.settled().await;
    let client = sql(&url).await;
    let began = Instant::now();
    assert_eq!(end_connections(&client, "netplanner leader e1 lock").await, 1);
    soon(leader.leadership.lost().cancelled()).await;
    assert!(began.elapsed() < Duration::from_millis(1_200));
    assert_eq!(soon(leader.task).await.unwrap(), Err(StoreError::Fenced));
    // the same process leads again by the same path
    assert_eq!(leading(&store).await.leadership.epoch().0, 2);
}

#[tokio::test]
async fn a_frozen_leader_that_holds_a_lock_is_overtaken_and_cannot_write() {
    let (store, url) = store().await;
    // a leader of epoch 1 that was stopped in the middle of a transaction: its connections stay open, nobody speaks
    let watcher = sql(&url).await;
    watcher
        .execute("UPDATE leadership SET epoch = 1, address = 'frozen', since = now(), build = 'test'", &[])
        .await
        .unwrap();
    let lock = sql(&format!(
        "{url}?application_name=netplanner%20leader%20e1%20lock&options=-c%20idle_session_timeout%3D3000"
    ))
    .await;
    let held: bool =
        lock.query_one("SELECT pg_try_advisory_lock(x'6e6574706c616e00'::bigint)", &[]).await.unwrap().get(0);
    assert!(held);
    let writer = sql(&format!("{url}?application_name=netplanner%20leader%20e1%20writer")).await;
    let run = submitted(&store).await.id;
    writer.batch_execute("BEGIN").await.unwrap();
    writer.query_one("SELECT 1 FROM leadership WHERE epoch = 1 FOR SHARE", &[]).await.unwrap();
    writer.execute("UPDATE runs SET label = 'from the grave' WHERE id = $1", &[&run.0]).await.unwrap();

    let began = Instant::now();
    let next = soon(store.lead(me("alive"))).await.unwrap();
    assert_eq!(next.epoch().0, 2);
    let took = began.elapsed();
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(6), "{took:?}");

    // it thaws
    assert!(writer.batch_execute("COMMIT").await.is_err());
    assert_eq!(store.run(run).await.unwrap().label, None);
    assert!(!next.lost().is_cancelled());
}

#[tokio::test]
async fn of_five_replicas_exactly_one_leads_at_any_time() {
    let (_store, url) = store().await;
    let leaders = std::sync::Arc::new(std::sync::atomic::AtomicI32::new(0));
    let mut replicas = Vec::new();
    for name in 0..5 {
        let (url, leaders) = (url.clone(), leaders.clone());
        replicas.push(tokio::spawn(async move {
            let store = store_at(&url).await;
            let leadership = store.lead(me(&name.to_string())).await.unwrap();
            assert_eq!(leaders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0, "alone");
            a_while().await;
            leaders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            let epoch = leadership.epoch().0;
            leadership.release().await;
            epoch
        }));
    }
    let mut epochs = Vec::new();
    for replica in replicas {
        epochs.push(soon(replica).await.unwrap());
    }
    epochs.sort_unstable();
    assert_eq!(epochs, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn whoever_is_to_lead_waits_until_the_schema_is_there() {
    let url = crate::support::database().await;
    let store = store_at(&url).await;
    let early = store.clone();
    let waiting = tokio::spawn(async move { early.lead(me("early")).await.unwrap() });
    a_while().await;
    assert!(!waiting.is_finished());
    store.migrate().await.unwrap();
    assert_eq!(soon(waiting).await.unwrap().epoch().0, 1);
}
