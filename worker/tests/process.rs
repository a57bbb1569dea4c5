//! A worker process against the real link: what it says and does when all is well, and when something breaks.
//!
//! Process groups are global to a process, so the leaders of these tests take turns.

// Tests may panic and look at the clock, also in their helpers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)]

mod leader;

use std::time::{Duration, Instant};

use common::ids::StageIndex;
use common::limits::PIECE_BYTES;
use common::protocol::{ResultKey, WorkerCommand, WorkerFact};
use common::run::{Outcome, TaskErrorKind, TaskKind};
use leader::{COOKIE, Leader, WorkerProcess, shards};
use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

async fn leader() -> (MutexGuard<'static, ()>, Leader) {
    let turn = TURN.lock().await;
    (turn, Leader::start(1, None).await)
}

fn worker(leader: &Leader, flags: &[&str]) -> WorkerProcess {
    WorkerProcess::start(&leader.address.to_string(), COOKIE, flags)
}

/// ```text
/// plan ─▶ 1000 shards in two ranges ─▶ merge over pages of 64 ─▶ report
/// ```
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_through_a_worker() {
    let (_turn, mut leader) = leader().await;
    let _process = worker(&leader, &["--lanes", "2", "--label", "zone=north"]);
    let worker = leader.greet().await;
    let hello = &leader.hellos[&worker];
    assert_eq!((hello.lanes, &hello.labels[..]), (2, &[("zone".to_owned(), "north".to_owned())][..]));
    let algorithms = String::from_utf8(hello.algorithms.clone()).unwrap();
    assert!(algorithms.contains(r#""name":"spin""#) && algorithms.contains("iterations"));

    let run = leader.submit(r#"{"shards":1000,"result_bytes":100}"#);
    assert_eq!(leader.plan(worker, run).await, 1000);
    leader.assign(worker, run, shards(0, 500), 0);
    leader.assign(worker, run, shards(500, 500), 0);
    let results = leader.results(1000).await;
    let mut found: Vec<u32> = results.iter().map(|result| result.key.shard.unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, (0..1000).collect::<Vec<_>>());
    leader.stored(worker, results.iter().map(|result| result.key).collect());

    leader.keep_partials(run, &results, 64);
    let lease = leader.assign(worker, run, TaskKind::Advance { stage: StageIndex(1) }, 0);
    let Outcome::Done { report } = leader.advanced(lease).await else { panic!() };
    assert!(String::from_utf8(report).unwrap().contains(r#""shards":1000"#));
    leader.stop().await;
}

/// ```text
/// results in flight ─ leader gone ─▶ the worker computes on ─▶ next leader: greeting lists them, then all come again
/// ```
#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_gets_every_unstored_result_again() {
    let (_turn, mut leader) = leader().await;
    let _process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    // 20 ms a shard.
    let run = leader.submit(r#"{"shards":20,"iterations":20000000}"#);
    leader.plan(worker, run).await;
    let lease = leader.assign(worker, run, shards(0, 20), 0);
    leader.results(3).await;
    leader.nothing_or_results(Duration::from_millis(30)).await;
    let (address, documents) = (leader.address, leader.documents.clone());
    leader.stop().await;

    let mut next = Leader::start(2, Some(address)).await;
    next.documents = documents;
    assert_eq!(next.greet_busy().await, worker);
    let held = &next.hellos[&worker].held;
    assert!(held.leases.iter().all(|held| held.lease == lease && held.started_ms_ago.is_some()));
    assert!(held.unacknowledged.len() >= 3 && held.unacknowledged.iter().all(|key| key.run == run));
    let results = next.results(20).await;
    let mut found: Vec<u32> = results.iter().map(|result| result.key.shard.unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, (0..20).collect::<Vec<_>>());
    next.stored(worker, results.iter().map(|result| result.key).collect());
    next.nothing_else_for(Duration::from_millis(400)).await;
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_shard_fails_alone_and_the_worker_lives() {
    let (_turn, mut leader) = leader().await;
    let _process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    let run = leader.submit(r#"{"shards":5,"panic_at":2}"#);
    leader.plan(worker, run).await;
    leader.assign(worker, run, shards(0, 5), 0);
    let (mut finished, mut failed) = (Vec::new(), Vec::new());
    while finished.len() + failed.len() < 5 {
        match leader.hear().await.1 {
            WorkerFact::Finished(results) => {
                finished.extend(results.iter().filter_map(|result| result.key.shard));
            }
            WorkerFact::Failed { shard: Some(shard), error, .. } => failed.push((shard, error)),
            WorkerFact::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(finished, [0, 1, 3, 4]);
    assert_eq!((failed[0].0, failed[0].1.kind), (2, TaskErrorKind::Panicked));
    leader.stop().await;
}

/// ```text
/// shard 1 never returns: timeout 300 ms ─▶ 5 s later: TimedOut, the rest handed back, Leaving, exit code 3
/// ```
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_never_returns_ends_the_worker() {
    let (_turn, mut leader) = leader().await;
    let mut process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    let run = leader.submit(r#"{"shards":4,"hang_at":1}"#);
    leader.plan(worker, run).await;
    let hanging = leader.assign(worker, run, shards(0, 2), 300);
    let waiting = leader.assign(worker, run, shards(2, 2), 300);
    let first = leader.results(1).await;
    assert_eq!(first[0].key.shard, Some(0));
    leader.stored(worker, vec![first[0].key]);
    let (mut timed_out, mut back) = (false, Vec::new());
    loop {
        match leader.hear().await.1 {
            WorkerFact::Failed { shard: Some(1), error, .. } => {
                timed_out = error.kind == TaskErrorKind::TimedOut;
            }
            WorkerFact::HandedBack { leases } => back.extend(leases),
            WorkerFact::Leaving => break,
            WorkerFact::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(timed_out && back.contains(&waiting) && back.contains(&hanging), "{back:?}");
    assert_eq!(process.exit().await.code(), Some(3));
    leader.stop().await;
}

/// ```text
/// one task runs (1 s), one waits ─ SIGTERM ─▶ the waiting one comes back, the running one ends, Leaving, exit code 0
/// ```
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_runs_and_hands_back_what_waits() {
    let (_turn, mut leader) = leader().await;
    let mut process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    let run = leader.submit(r#"{"shards":2,"iterations":500000000}"#);
    leader.plan(worker, run).await;
    let running = leader.assign(worker, run, shards(0, 1), 0);
    let waiting = leader.assign(worker, run, shards(1, 1), 0);
    leader.started(running).await;
    process.signal("-TERM");
    let back = leader.handed_back().await;
    assert_eq!(back, [waiting]);
    let late = leader.assign(worker, run, shards(1, 1), 0);
    assert_eq!(leader.handed_back().await, [late], "a draining worker takes nothing");
    let results = leader.results(1).await;
    assert_eq!(results[0].key.lease, running);
    leader.stored(worker, vec![results[0].key]);
    leader.await_fact(|_, fact| matches!(fact, WorkerFact::Leaving).then_some(())).await;
    assert_eq!(process.exit().await.code(), Some(0));
    leader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_frees_its_lane_within_a_second() {
    let (_turn, mut leader) = leader().await;
    let _process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    let run = leader.submit(r#"{"shards":2,"iterations":1000000000000}"#);
    leader.plan(worker, run).await;
    let running = leader.assign(worker, run, shards(0, 1), 0);
    let waiting = leader.assign(worker, run, shards(1, 1), 0);
    leader.started(running).await;
    let cancelled = Instant::now();
    leader.tell(worker, WorkerCommand::Cancel { run });
    assert_eq!(leader.handed_back().await, [waiting]);
    assert_eq!(leader.handed_back().await, [running]);
    assert!(cancelled.elapsed() < Duration::from_secs(1), "{:?}", cancelled.elapsed());
    leader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_is_announced_and_fetched_in_pieces() {
    let (_turn, mut leader) = leader().await;
    let _process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    let run = leader.submit(r#"{"shards":1,"result_bytes":600000}"#);
    leader.plan(worker, run).await;
    leader.assign(worker, run, shards(0, 1), 0);
    let announced = leader
        .await_fact(|_, fact| match fact {
            WorkerFact::Announced(announced) => Some(announced[0]),
            _ => None,
        })
        .await;
    let mut document = Vec::new();
    while (document.len() as u64) < announced.bytes {
        let offset = document.len() as u64;
        leader.tell(worker, WorkerCommand::Send { result: announced.key, offset });
        let (at, bytes) = leader
            .await_fact(|_, fact| match fact {
                WorkerFact::ResultPiece { offset, bytes, .. } => Some((*offset, bytes.clone())),
                _ => None,
            })
            .await;
        assert!(at == offset && bytes.len() <= PIECE_BYTES);
        document.extend(bytes);
    }
    assert!(document.starts_with(b"{") && document.ends_with(b"}"));
    leader.stored(worker, vec![ResultKey { ..announced.key }]);
    leader.nothing_else_for(Duration::from_millis(300)).await;
    leader.stop().await;
}

/// A frozen leader looks connected for ever: only its silence tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_leader_is_left_and_found_again() {
    let (_turn, mut leader) = leader().await;
    let _process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    assert_eq!(leader.workers[&worker], 1);
    leader.freeze_until_left(worker).await;
    assert!(leader.workers[&worker] > 1, "a new connection, the same worker");
    leader.nothing_else_for(Duration::from_millis(50)).await;
    leader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_another_cookie_stays_outside() {
    let (_turn, mut leader) = leader().await;
    let address = leader.address.to_string();
    let mut stranger = WorkerProcess::start(&address, "another", &["--lanes", "1"]);
    leader.nothing_else_for(Duration::from_secs(2)).await;
    assert!(leader.hellos.is_empty());
    // The first address is dead: the next one is tried.
    let _honest = WorkerProcess::start(&format!("127.0.0.1:1,{address}"), COOKIE, &["--lanes", "1"]);
    leader.greet().await;
    stranger.signal("-TERM");
    assert_eq!(stranger.exit().await.code(), Some(0), "it waits for ever, and still ends when asked");
    leader.stop().await;
}

/// What a worker can compute when shards cost nothing: floor 20,000 a second in a release build on idle cores.
#[tokio::test(flavor = "multi_thread")]
async fn empty_shards_flow() {
    let (_turn, mut leader) = leader().await;
    let _process = worker(&leader, &["--lanes", "1"]);
    let worker = leader.greet().await;
    let count: u32 = 100_000;
    let run = leader.submit(&format!(r#"{{"shards":{count},"result_bytes":60}}"#));
    leader.plan(worker, run).await;
    let began = Instant::now();
    leader.assign(worker, run, shards(0, count), 0);
    let (mut found, mut messages) = (0, 0);
    while found < count as usize {
        let results = leader.results(1).await;
        leader.stored(worker, results.iter().map(|result| result.key).collect());
        found += results.len();
        messages += 1;
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    eprintln!("{rate:.0} shards/s in {messages} messages");
    assert!(rate > 5_000.0, "{rate:.0} shards/s");
    assert!(messages < 1_000, "{messages} messages");
    leader.stop().await;
}
