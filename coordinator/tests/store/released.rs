//! Databases of every release so far become databases of this one, with everything that is in them.
//!
//! `tests/store/released/V<n>.sql` is what `pg_dump` made of a database with the migrations up to the n-th: an input with
//! two versions, runs that succeeded, failed, were cancelled, and one that a coordinator was about to go on with.

use common::ids::StageIndex;
use common::run::RunPhase;
use coordinator::store::inputs::{InputFilter, InputKind};
use coordinator::store::page::Page;
use coordinator::store::query::{QueryLimits, QueryOver};
use coordinator::store::retention::Retention;
use coordinator::store::runs::{RunFilter, RunInput};
use coordinator::store::shards::ShardFilter;
use coordinator::store::writer::{Fact, RunEnd};
use coordinator::store::{DatabaseSettings, Store};
use serde_json::value::RawValue;

use crate::support::{database, leading, new_run, number, shard, sql};

/// Every migration that was ever released, with the hash of its file: a released file never changes. A new one is
/// entered here when it is released, with a dump of a database that has it.
const RELEASED: [(&str, &str, &str); 2] = [
    (
        "V1__first_house.sql",
        "27bd6571e376ed874805ea1c89c0dbba50016419c53fcff9e0134b909b488145",
        include_str!("released/V1.sql"),
    ),
    (
        "V2__equipment.sql",
        "fa362d8ba130bc6ca4373f7e18a5fb97495304fc0c05924960197d2e0b92003e",
        include_str!("released/V2.sql"),
    ),
];

#[test]
fn a_released_migration_never_changes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    for (name, hash, _) in RELEASED {
        let file = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(
            common::ids::ContentHash::of(&file).to_string(),
            hash,
            "{name}: make a new migration instead"
        );
    }
}

#[tokio::test]
async fn a_database_of_every_release_is_served_and_gone_on_with() {
    for (name, _, dump) in RELEASED {
        let url = database().await;
        let client = sql(&url).await;
        // what older servers do not know
        let statements: String = dump
            .lines()
            .filter(|line| !line.starts_with("SET transaction_timeout"))
            .flat_map(|line| [line, "\n"])
            .collect();
        client.batch_execute(&statements).await.unwrap();
        // the dump empties the search path
        let client = sql(&url).await;
        let release: i64 = name[1..].split('_').next().unwrap().parse().unwrap();
        let version = "SELECT max(version)::int8 FROM refinery_schema_history";
        assert_eq!(number(&client, version).await, release, "{name}");

        // the dumps grow old
        let for_ever = Retention {
            shard_results: None,
            reports: None,
            history: None,
            runs: None,
            documents: None,
            ..Retention::default()
        };
        let settings = DatabaseSettings { retention: for_ever, ..DatabaseSettings::new(&url) };
        let store = Store::connect(&settings).await.unwrap();
        store.migrate().await.unwrap();

        // inputs
        let page = Page::default();
        let inputs =
            store.list_inputs(InputKind::Topology, &InputFilter::default(), &page).await.unwrap().items;
        assert_eq!(inputs.len(), 1, "{name}");
        assert_eq!((inputs[0].name.as_str(), inputs[0].latest.version), ("triangle", 2));
        for version in [1, 2] {
            let row = store.input_version(InputKind::Topology, inputs[0].id, version).await.unwrap();
            let bytes = store.document(row.hash).await.unwrap();
            assert_eq!(common::ids::ContentHash::of(&bytes), row.hash, "{name}, version {version}");
            assert_eq!(bytes.len() as u64, row.bytes);
        }

        // runs, by state, with what they produced
        let runs = store.runs(&RunFilter::default(), &page).await.unwrap().items;
        let of = |phase: RunPhase| runs.iter().find(|run| run.state == phase).unwrap();
        assert_eq!(runs.len(), 5, "{name}");
        let succeeded = of(RunPhase::Succeeded);
        let report: serde_json::Value =
            serde_json::from_slice(&store.report(succeeded.id).await.unwrap().unwrap()).unwrap();
        assert!(report.is_object(), "{name}: {report}");
        let shards = store.shards(succeeded.id, &ShardFilter::default(), &page).await.unwrap().items;
        assert_eq!(shards.len(), 4, "{name}");
        let partial = store.partial(succeeded.id, StageIndex(0), 3).await.unwrap();
        assert_ne!(partial.partial.get(), "null");
        let over = QueryOver::Shards { stage: None };
        let found = store.query(succeeded.id, "$", over, QueryLimits::default()).await.unwrap();
        assert_eq!(found.values.len(), 4);
        let events = store.events(succeeded.id, 0, 100).await.unwrap();
        assert_eq!(i64::try_from(events.len()), Ok(succeeded.last_event), "{name}");
        assert!(store.state(succeeded.id, StageIndex(0)).await.is_ok());
        let failed = of(RunPhase::Failed);
        assert!(failed.error.is_some() && failed.failures > 0, "{name}");
        assert!(store.reusable(succeeded.fingerprint).await.unwrap().is_some());

        // the run that took the topology still has it, and keeps it from being collected
        let took: Vec<&RunInput> = runs.iter().flat_map(|run| &run.inputs).collect();
        assert_eq!(took.len(), 1, "{name}");
        assert!(store.document(took[0].hash).await.is_ok());
        assert_eq!(number(&client, "SELECT count(*) FROM run_documents").await, 1);

        // and the open run goes on where it was
        let open = of(RunPhase::Running).id;
        let resumed = store.resume(open).await.unwrap();
        let stored: u32 = resumed.stored.iter().map(|range| range.count).sum();
        let shards = resumed.stages.last().unwrap().shards;
        assert!(stored < shards, "{name}: {stored} of {shards}");
        let mut leader = leading(&store).await;
        for index in (0..shards).filter(|index| !resumed.stored.iter().any(|range| range.contains(*index))) {
            leader.handle.submit(shard(open, 0, index));
        }
        leader.handle.submit(Fact::RunEnded { run: open, end: RunEnd::Succeeded { report: b"{}".to_vec() } });
        leader.settled().await;
        let run = store.run(open).await.unwrap();
        assert_eq!((run.state, run.stage.unwrap().done), (RunPhase::Succeeded, shards), "{name}");

        // it takes new work
        let mut new = new_run("{}");
        new.params = RawValue::from_string("{\"shards\": 1}".to_owned()).unwrap();
        store.submit(new, None).await.unwrap();
    }
}
