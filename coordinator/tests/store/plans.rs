//! Every query of the store finds its rows by an index, however many there are.
//!
//! The tables are filled, every function of the store is called, and the server itself records the plan of every statement
//! it executes (`auto_explain`), with the values at hand and once more with plans made without looking at values. No plan
//! may read a large table from end to end or sort much. Every SQL text in the store's sources has to be among what was
//! executed: a query that this test does not call fails it.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use common::ids::{ContentHash, RunId, StageIndex, WorkerId};
use common::run::RunPhase;
use coordinator::store::documents::NewDocument;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::inputs::{InputFilter, InputKind, NewInput, NewVersion};
use coordinator::store::page::Page;
use coordinator::store::query::{QueryLimits, QueryOver};
use coordinator::store::retention::{DAY, Retention};
use coordinator::store::runs::{Again, InputSource, RunFilter, RunInput};
use coordinator::store::shards::ShardFilter;
use coordinator::store::submit::NewRun;
use coordinator::store::writer::{Fact, RunEnd};
use coordinator::store::{DatabaseSettings, Store};
use serde_json::{Value, json};
use testkit::postgres::Server;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{eventually, leading, new_run, opened, shard, sql};

/// Tables with more rows are large.
const LARGE_ROWS: f64 = 3_000.0;

/// More rows than this are not sorted.
const SORTED_ROWS: f64 = 5_000.0;

/// Rows as they are after a year of work: many ended runs, some open ones, one large stage.
const FILL: &str = "
SET session_replication_role = replica;
CREATE FUNCTION id_at(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid
      FROM lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') h $$;
INSERT INTO documents (hash, bytes, size, created_at)
SELECT sha256(int4send(n)), int4send(n), 4, now() - interval '2 days' FROM generate_series(1, 8000) n;
INSERT INTO document_pieces SELECT sha256(int4send(n)), 0, 'x' FROM generate_series(1, 4000) n;
INSERT INTO inputs (id, kind, name, author, latest)
SELECT id_at(now() - n * interval '1 minute', n), (ARRAY['topology', 'traffic_matrix'])[n % 2 + 1], 'net ' || n, 'ada', 2
  FROM generate_series(1, 6000) n;
INSERT INTO input_versions (input_id, version, hash, size, comment, summary, author)
SELECT i.id, v, sha256(int4send((row_number() OVER ())::int % 8000)), 4, '', '{}', 'ada'
  FROM inputs i, generate_series(1, 2) v;
INSERT INTO runs (id, state, algorithm, version, params, spec, inputs, seed, fingerprint, label, submitter, created_at,
                  started_at, ended_at, error, report, last_event)
SELECT id_at(at, n), state, 'algorithm ' || n % 7, 1, '{}', '{}', '[]', n, sha256(int4send(n)), 'label ' || n % 500,
       'user ' || n % 300, at, CASE WHEN state <> 'queued' THEN at END,
       CASE WHEN state NOT IN ('queued', 'running') THEN at END,
       CASE WHEN state = 'failed' THEN '{\"kind\": \"x\", \"message\": \"y\", \"pointer\": null}'::jsonb END,
       CASE WHEN state = 'succeeded' THEN '{\"a\": 1}'::jsonb END, 2
  FROM (SELECT n, now() - n * interval '10 minutes' AS at,
               CASE WHEN n < 100 THEN 'queued' WHEN n < 130 THEN 'running'
                    WHEN n % 10 = 0 THEN 'failed' WHEN n % 10 = 1 THEN 'cancelled' ELSE 'succeeded' END AS state
          FROM generate_series(1, 20000) n) r;
INSERT INTO run_documents SELECT id, sha256(int4send((row_number() OVER ())::int % 4000)) FROM runs;
INSERT INTO stages (run_id, stage, name, shards, state_hash, state, closed_at)
SELECT id, s, 'stage', 40000, sha256('x'), 'x', ended_at FROM runs, generate_series(0, 1) s WHERE state <> 'queued';
INSERT INTO run_events (run_id, seq, kind, body)
SELECT id, e, 'state', '{\"state\": \"queued\"}' FROM runs, generate_series(1, 2) e;
INSERT INTO shard_failures (run_id, seq, stage, shard, kind, message)
SELECT id, 1, 0, 3, 'panicked', 'x' FROM runs;
INSERT INTO shard_results
SELECT id, 0, s, id, now(), 1, 1, '{\"cost\": 1}' FROM runs, generate_series(0, 3) s WHERE state = 'succeeded';
INSERT INTO shard_results
SELECT (SELECT id FROM runs WHERE state = 'running' ORDER BY id LIMIT 1), 1, s, id_at(now(), 1), now(), 1, 1, '{\"cost\": 1}'
  FROM generate_series(0, 19999) s;
INSERT INTO idempotency (principal, key, body_hash, answer, created_at)
SELECT 'user ' || n % 300, 'key ' || n, sha256('x'), '{}', now() - n * interval '8 seconds' FROM generate_series(1, 10000) n;
INSERT INTO algorithms SELECT 'algorithm ' || n, 1, '{}' FROM generate_series(0, 6) n;
SET session_replication_role = origin;
ANALYZE;
";

#[tokio::test]
async fn no_query_reads_a_large_table_from_end_to_end_or_sorts_much() {
    let server = tokio::task::spawn_blocking(|| {
        Server::with(&[
            "fsync=off",
            "session_preload_libraries=auto_explain",
            "auto_explain.log_min_duration=0",
            "auto_explain.log_format=json",
            "auto_explain.log_nested_statements=on",
            "log_line_prefix=[%a] ",
        ])
    });
    let server = server.await.unwrap().unwrap();
    let url = server.database("plans").await.unwrap();
    // what is old enough goes while this test looks, but only the oldest: most has to be there
    let hours = |hours: u32| 138 * DAY + std::time::Duration::from_hours(hours.into());
    let retention = Retention {
        shard_results: Some(hours(18)),
        history: Some(hours(18)),
        reports: Some(hours(18)),
        runs: Some(hours(20)),
        documents: Some(DAY),
        ..Retention::default()
    };
    let settings = DatabaseSettings { retention, ..DatabaseSettings::new(&url) };
    Store::connect(&settings).await.unwrap().migrate().await.unwrap();
    let client = sql(&url).await;
    client.batch_execute(FILL).await.unwrap();
    client.batch_execute("ALTER DATABASE plans SET plan_cache_mode = force_generic_plan").await.unwrap();
    exercise(&settings, &client).await;
    client.batch_execute("ALTER DATABASE plans RESET plan_cache_mode").await.unwrap();
    exercise(&settings, &client).await;

    let large = large_tables(&client).await;
    for table in [
        "runs",
        "stages",
        "run_events",
        "documents",
        "input_versions",
        "shard_results_default",
        "idempotency",
    ] {
        assert!(large.contains(table), "{table} is not large: {large:?}");
    }
    let plans = plans(&server.log());
    assert!(plans.len() > 150, "{} plans", plans.len());
    // a migration may go through a whole table: it runs once, and nobody waits for it but who starts
    let of_queries = plans.iter().filter(|plan| plan.connection != "netplanner migration");
    let wrong: BTreeSet<String> = of_queries.flat_map(|plan| faults(&plan.plan, &large)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));

    let executed: BTreeSet<String> =
        plans.iter().map(|plan| blanks(plan.plan["Query Text"].as_str().unwrap())).collect();
    let mut forgotten = Vec::new();
    for (file, text) in texts() {
        let parts = fragments(&text);
        if !executed.iter().any(|executed| parts.iter().all(|part| executed.contains(part))) {
            forgotten.push(format!("{file}: {text}"));
        }
    }
    assert!(forgotten.is_empty(), "not called by this test:\n{}", forgotten.join("\n"));
}

/// Calls everything that the store can do.
#[allow(clippy::too_many_lines)] // everything
async fn exercise(settings: &DatabaseSettings, client: &Client) {
    let store = Store::connect(settings).await.unwrap();
    let mut leader = leading(&store).await;
    let rounds = || store.upkeep().rounds;
    eventually(async || rounds() == 1).await;
    let id = async |condition: &str| {
        let text = format!("SELECT id FROM runs WHERE {condition} ORDER BY id LIMIT 1");
        RunId(client.query_one(&text, &[]).await.unwrap().get(0))
    };
    let page = Page { limit: 20, cursor: None };

    // inputs
    let document = |text: &str| NewDocument::of(text.as_bytes().to_vec());
    let version =
        |text: &str| NewVersion { document: document(text), comment: "c".into(), summary: json!({}) };
    let key = |key: &str| Idempotency {
        principal: "ada".into(),
        key: format!("{key} {}", Uuid::now_v7()),
        body_hash: ContentHash::of(b"body"),
    };
    let large = NewVersion { document: NewDocument::of(vec![b' '; 9 << 20]), ..version("") };
    let input = NewInput {
        kind: InputKind::Topology,
        name: "n".into(),
        author: "ada".into(),
        version: large.clone(),
    };
    let once = key("input");
    let created = store.create_input(input.clone(), Some(once.clone())).await.unwrap().input;
    assert!(store.create_input(input, Some(once)).await.unwrap().replayed);
    let kind = InputKind::Topology;
    store.append_version(kind, created.id, version("{}"), "ada", None, Some(key("version"))).await.unwrap();
    store.append_version(kind, created.id, version("{}"), "ada", Some(1), None).await.unwrap_err();
    store.rename_input(kind, created.id, "other", None).await.unwrap();
    for name_contains in [None, Some("net 77".to_owned())] {
        let listed = store.list_inputs(kind, &InputFilter { name_contains }, &page).await.unwrap();
        let next = Page { limit: 20, cursor: listed.next_cursor };
        store.list_inputs(kind, &InputFilter::default(), &next).await.unwrap();
    }
    store.input(kind, created.id).await.unwrap();
    store.input_versions(kind, created.id, &page).await.unwrap();
    store.input_version(kind, created.id, 1).await.unwrap();
    store.document(large.document.hash).await.unwrap();

    // runs
    let take = |hash| RunInput { role: "topology".into(), hash, source: InputSource::Inline };
    let mut new = new_run("{}");
    (new.inputs, new.documents) = (vec![take(document("{}").hash)], vec![document("{}")]);
    let run = store.submit(new.clone(), Some(key("run"))).await.unwrap().run.id;
    let fingerprint = new.fingerprint().unwrap();
    new.reuse = true;
    let doomed = store.submit(new, None).await.unwrap().run.id;
    store.run(run).await.unwrap();
    let some = |text: &str| Some(text.to_owned());
    let filters = [
        RunFilter::default(),
        RunFilter { states: vec![RunPhase::Queued, RunPhase::Failed], ..RunFilter::default() },
        RunFilter { states: vec![RunPhase::Running], ..RunFilter::default() },
        RunFilter { algorithm: some("algorithm 3"), ..RunFilter::default() },
        RunFilter { label: some("label 3"), ..RunFilter::default() },
        RunFilter { submitter: some("user 3"), ..RunFilter::default() },
        RunFilter { submitter: some("user 3"), label: some("label 3"), ..RunFilter::default() },
    ];
    for filter in filters {
        let listed = store.runs(&filter, &page).await.unwrap();
        let next = Page { limit: 20, cursor: listed.next_cursor };
        store.runs(&filter, &next).await.unwrap();
    }
    store.reusable(fingerprint).await.unwrap();
    // a quota that is far away, and one that is near: then submissions are counted one after the other
    for most_open in [5_000, 500] {
        let narrow = NewRun { most_open, submitter: "user 7".into(), ..new_run("{}") };
        store.submit(narrow.clone(), None).await.unwrap();
        store.submit(narrow, Some(key("quota"))).await.unwrap();
    }
    store.open_runs().await.unwrap();
    store.open_run_ids().await.unwrap();
    store.open_runs_of(&[run, doomed]).await.unwrap();
    store.phases(&[run, doomed]).await.unwrap();
    let (ended, begun) = (
        id("report IS NOT NULL AND ended_at > now() - interval '50 days'").await,
        id("state = 'running'").await,
    );
    store.resume(begun).await.unwrap();
    store.run_spec(ended).await.unwrap();
    store.report(ended).await.unwrap().unwrap();
    store.report_block(ended, 0).await.unwrap().unwrap();
    store.events(ended, 1, 100).await.unwrap();
    store.stages(ended).await.unwrap();
    store.state(ended, StageIndex(0)).await.unwrap();
    store.state_block(ended, StageIndex(0), 0).await.unwrap();
    store.pause_run(begun, true).await.unwrap();
    assert!(store.paused_runs().await.unwrap().contains(&begun));
    store.pause_run(begun, false).await.unwrap();
    let failed = id("state = 'failed' AND ended_at > now() - interval '50 days'").await;
    let again = Again { most_open: 500, ..Again::default() };
    assert_eq!(store.try_again(failed, again).await.unwrap().state, RunPhase::Running);
    store.cancel(failed).await.unwrap();
    store.cancel(doomed).await.unwrap();
    store.delete_run(doomed).await.unwrap();
    store.delete_input(kind, created.id, None).await.unwrap();

    // shards
    let failed = ShardFilter {
        state: Some(coordinator::store::shards::ShardState::Failed),
        worker: Some(Uuid::nil()),
        stage: Some(0),
    };
    store.shards(ended, &failed, &page).await.unwrap();
    store.shards(begun, &ShardFilter::default(), &page).await.unwrap();
    store.partial(ended, StageIndex(0), 1).await.unwrap();
    store.partial(ended, StageIndex(0), 9).await.unwrap_err();
    store.partials_page(begun, StageIndex(1), 0, 1 << 20).await.unwrap();
    for over in [QueryOver::Report, QueryOver::Shards { stage: None }, QueryOver::Shards { stage: Some(0) }] {
        store.query(ended, "$", over, QueryLimits::default()).await.unwrap();
    }

    // the cluster
    let worker = WorkerId(Uuid::now_v7());
    store.announce_algorithms(&[]).await.unwrap();
    store.algorithms().await.unwrap_err();
    store.algorithm("nobody's", None).await.unwrap();
    store.request_drain(worker, true).await.unwrap();
    store.request_drain(worker, false).await.unwrap();
    store.drain_requests().await.unwrap();
    store.set_paused(true).await.unwrap();
    store.set_paused(false).await.unwrap();
    store.paused().await.unwrap();
    store.leader().await.unwrap();
    store.stand_bys().await.unwrap();
    store.ping().await.unwrap();

    // the writer: few facts at a time, and many
    for count in [3, 200] {
        let run = store.submit(new_run("{}"), None).await.unwrap().run.id;
        leader.handle.submit(opened(run, 0, count));
        leader.settled().await;
        // alone: a batch that changes nothing else of the run
        leader.handle.submit(shard(run, 0, 0));
        leader.settled().await;
        leader.handle.submit(Fact::Waiting { run, reason: Some("a lane".into()) });
        leader.handle.submit(Fact::Event { run, kind: "note".into(), body: json!({}) });
        leader.handle.submit(Fact::ShardFailed {
            run,
            stage: StageIndex(0),
            shard: Some(1),
            worker: None,
            kind: "panicked".into(),
            message: "x".into(),
            note: None,
        });
        for index in 1..count {
            leader.handle.submit(shard(run, 0, index));
        }
        leader.settled().await;
        leader.handle.submit(opened(run, 1, 0));
        leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report: b"{}".to_vec() } });
        leader.settled().await;
    }

    // the janitor: the oldest partition it can drop, strays, reports, events, runs, documents
    client
        .execute(
            "UPDATE documents SET created_at = now() - interval '3 days' WHERE hash = $1",
            &[&document("{}").hash.0.as_slice()],
        )
        .await
        .unwrap();
    let unused = "INSERT INTO documents (hash, bytes, size, created_at) VALUES (sha256('unused'), 'x', 1, now() - interval '3 days') ON CONFLICT DO NOTHING";
    client.execute(unused, &[]).await.unwrap();
    old_partition(client).await;
    let before = store.upkeep();
    store.tidy(leader.leadership.epoch()).await.unwrap();
    let after = store.upkeep();
    assert_eq!(after.partitions_dropped, before.partitions_dropped + 1, "{after:?}");
    assert!(after.documents_collected > before.documents_collected, "{after:?}");
    leader.leadership.release().await;
}

/// A partition of long ago with a run in it.
async fn old_partition(client: &Client) {
    const WEEK_MS: i64 = 7 * 24 * 3_600 * 1_000;
    let week = common::clock::wall().timestamp_millis() / WEEK_MS - 60;
    let begin = chrono::DateTime::from_timestamp_millis(week * WEEK_MS).unwrap();
    let id = |ms: i64| Uuid::from_u128(u128::from(ms.unsigned_abs()) << 80);
    let (name, from, to) = (begin.format("%Y%m%d"), id(week * WEEK_MS), id((week + 1) * WEEK_MS));
    client
        .batch_execute(&format!(
            "CREATE TABLE shard_results_{name} PARTITION OF shard_results FOR VALUES FROM ('{from}') TO ('{to}')"
        ))
        .await
        .unwrap();
}

/// Tables that are large by the server's own reckoning.
async fn large_tables(client: &Client) -> BTreeSet<String> {
    client.batch_execute("ANALYZE").await.unwrap();
    let rows = client
        .query("SELECT relname::text, reltuples::float8 FROM pg_class WHERE relkind = 'r'", &[])
        .await
        .unwrap();
    rows.iter().filter(|row| row.get::<_, f64>(1) > LARGE_ROWS).map(|row| row.get(0)).collect()
}

/// A plan that the server logged.
struct Recorded {
    /// The name of the connection whose statement it is of.
    connection: String,
    plan: Value,
}

/// The plans that the server logged for connections of the store, each once: a round of the janitor executes some of its
/// statements ten thousand times.
fn plans(log: &str) -> Vec<Recorded> {
    /// Lines of a plan that differ from one execution to the next.
    const VARIES: [&str; 5] =
        ["\"Startup Cost\"", "\"Total Cost\"", "\"Filter\"", "\"Index Cond\"", "\"Recheck Cond\""];
    let mut seen = HashSet::new();
    let mut plans = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let named = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let Some((connection, said)) = named else { continue };
        if !connection.starts_with("netplanner") || !said.ends_with("plan:") {
            continue;
        }
        let (mut text, mut lasting) = (String::new(), connection.to_owned());
        while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
            text.push_str(more);
            text.push('\n');
            if !VARIES.iter().any(|varies| more.trim_start().starts_with(varies)) {
                lasting.push_str(more);
            }
        }
        if !seen.insert(lasting) {
            continue;
        }
        let plan: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        plans.push(Recorded { connection: connection.to_owned(), plan });
    }
    plans
}

/// What is wrong with a plan.
fn faults(plan: &Value, large: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    walk(&plan["Plan"], &mut |node| {
        let kind = node["Node Type"].as_str().unwrap_or_default();
        let table = node["Relation Name"].as_str().unwrap_or_default();
        if kind == "Seq Scan" && large.contains(table) {
            faults.push(format!("reads all of {table}"));
        }
        if kind.ends_with("Sort") {
            let rows = node["Plans"][0]["Plan Rows"].as_f64().unwrap_or(0.0);
            if rows > SORTED_ROWS {
                faults.push(format!("sorts {rows} rows"));
            }
        }
    });
    let text = blanks(plan["Query Text"].as_str().unwrap_or_default());
    faults.into_iter().map(|fault| format!("{fault}: {text}")).collect()
}

fn walk(node: &Value, look: &mut impl FnMut(&Value)) {
    look(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, look);
    }
}

/// Every SQL text in the sources of the store that has a plan, with its file.
fn texts() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let source = std::fs::read_to_string(&entry).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            for text in literals(source) {
                let verb = text.trim_start().split(' ').next().unwrap_or_default();
                if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb) {
                    let file = entry.file_name().unwrap().to_string_lossy().into_owned();
                    found.insert((file, text));
                }
            }
        }
    }
    assert!(found.len() > 60, "only {} texts found", found.len());
    found
}

/// The string literals of a source file.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line_or_more in source.split("\n\n") {
        let code: String = line_or_more
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let mut rest = code.as_str();
        while let Some(begin) = rest.find('"') {
            let mut text = String::new();
            let mut characters = rest[begin + 1..].char_indices();
            let mut end = rest.len();
            while let Some((at, character)) = characters.next() {
                match character {
                    '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                    '"' => {
                        end = begin + 1 + at + 1;
                        break;
                    }
                    other => text.push(other),
                }
            }
            found.push(text);
            rest = &rest[end..];
        }
    }
    found
}

/// The fixed parts of a text, between what is filled in.
fn fragments(text: &str) -> Vec<String> {
    text.replace("{{", "{")
        .replace("}}", "}")
        .split('{')
        .filter_map(|part| part.split('}').next_back())
        .map(|part| blanks(part).trim().to_owned())
        .filter(|part| part.len() > 3)
        .collect()
}

/// `text` with single blanks.
fn blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
