//! What the stories need again and again: a store, a leader with its writer, a run, facts.

use std::time::Duration;

use common::ids::{RunId, StageIndex};
use coordinator::store::leadership::{LeaderInfo, Leadership};
use coordinator::store::runs::{RunInput, RunRow, Until};
use coordinator::store::submit::NewRun;
use coordinator::store::writer::{Fact, ShardRow, Writer, WriterHandle, Written};
use coordinator::store::{DatabaseSettings, Store};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A migrated store on a fresh database, and the database's URL.
pub async fn store() -> (Store, String) {
    let url = database().await;
    let store = store_at(&url).await;
    store.migrate().await.unwrap();
    (store, url)
}

/// An empty database.
pub async fn database() -> String {
    tokio::task::spawn_blocking(testkit::postgres::database).await.unwrap()
}

/// A store that is not migrated.
pub async fn store_at(url: &str) -> Store {
    Store::connect(&DatabaseSettings::new(url)).await.unwrap()
}

/// A connection beside the store, for looking and for doing harm.
pub async fn sql(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub fn me(name: &str) -> LeaderInfo {
    LeaderInfo { address: name.to_owned(), build: "test".to_owned() }
}

/// A run of an algorithm that nobody executes.
pub fn new_run(params: &str) -> NewRun {
    NewRun {
        algorithm: "spin".to_owned(),
        version: 1,
        params: RawValue::from_string(params.to_owned()).unwrap(),
        inputs: Vec::<RunInput>::new(),
        documents: Vec::new(),
        seed: u64::MAX - 1,
        label: None,
        priority: 0,
        deadline_at: None,
        until: Until::Done,
        submitter: "ada".to_owned(),
        worker_labels: std::collections::BTreeMap::new(),
        memory_mib: 0,
        reuse: false,
        most_open: 0,
    }
}

pub async fn submitted(store: &Store) -> RunRow {
    store.submit(new_run("{}"), None).await.unwrap().run
}

/// A leading store with a writer.
pub struct Leading {
    pub leadership: Leadership,
    pub handle: WriterHandle,
    pub written: mpsc::UnboundedReceiver<Written>,
    pub task: tokio::task::JoinHandle<Result<(), coordinator::store::StoreError>>,
}

pub async fn leading(store: &Store) -> Leading {
    let leadership = soon(store.lead(me("here"))).await.unwrap();
    let Writer { handle, written, task } = store.writer(&leadership);
    Leading { leadership, handle, written, task }
}

impl Leading {
    /// The next thing that became durable.
    pub async fn told(&mut self) -> Written {
        soon(self.written.recv()).await.expect("the writer is alive")
    }

    /// Waits until everything submitted is durable and returns what was told meanwhile.
    pub async fn settled(&mut self) -> Vec<Written> {
        // on the one thread of a story nothing comes between the counters going down and the news going out
        eventually(async || self.handle.load().queued_facts == 0).await;
        let mut told = Vec::new();
        while let Ok(written) = self.written.try_recv() {
            told.push(written);
        }
        told
    }
}

/// Fails a story that hangs.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("within 30 seconds")
}

/// Waits until a condition holds.
pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    soon(async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Lets enough time go by for what must not happen to happen.
pub async fn a_while() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

pub fn opened(run: RunId, stage: u32, shards: u32) -> Fact {
    Fact::StageOpened {
        run,
        stage: StageIndex(stage),
        name: format!("stage {stage}"),
        state: format!(r#"{{ "of": {stage} }}"#).into_bytes(),
        shards,
        note: Some(br#"{"best":12}"#.to_vec()),
    }
}

pub fn shard(run: RunId, stage: u32, shard: u32) -> Fact {
    shard_with(run, stage, shard, &format!(r#"{{"shard":{shard}}}"#))
}

pub fn shard_with(run: RunId, stage: u32, shard: u32, json: &str) -> Fact {
    Fact::Shard(ShardRow {
        run,
        stage: StageIndex(stage),
        shard,
        json: json.as_bytes().to_vec(),
        worker: Uuid::from_u128(7),
        started_us: 1_700_000_000_000_000 + u64::from(shard),
        cpu_us: 11,
        wall_us: 13,
    })
}

/// How many shards became durable.
pub fn shards_in(told: &[Written]) -> usize {
    let shards = |written: &Written| match written {
        Written::Shards { shards, .. } => shards.len(),
        _ => 0,
    };
    told.iter().map(shards).sum()
}

/// Ends the connections whose name is like this, and says how many there were.
pub async fn end_connections(client: &Client, name_like: &str) -> i64 {
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE $1";
    client.query_one(end, &[&name_like]).await.unwrap().get(0)
}

/// The number of a query's only row.
pub async fn number(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}
