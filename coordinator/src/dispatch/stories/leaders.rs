//! New leaders and lost messages: nothing in flight is thrown away, nothing is done twice.

use super::*;

// before the restart ann had [0 1] running and the result of 2 unacknowledged; bob held what was stored long ago
#[test]
fn a_new_leader_listens_and_adopts_before_it_hands_out() {
    let old = LeaseId::new(Epoch(2), 5);
    let done = LeaseId::new(Epoch(2), 6);
    let mut cluster = Cluster::new();
    let stored_before = vec![ShardRange { first: 3, count: 1 }];
    let work =
        Work::Shards { stage: StageIndex(0), name: "search".to_owned(), shards: 5, stored: stored_before };
    cluster.submits(R1, "ann", 0, work, true);
    let holds = Heartbeat {
        leases: vec![held(old, 0, 2, Some(300))],
        unacknowledged: vec![key(R1, old, 2)],
        ..Heartbeat::default()
    };
    let welcome = WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 };
    cluster.introduces(ANN, 1, 1, holds).tells(ANN, welcome.clone()).nothing_else();
    let holds = Heartbeat {
        leases: vec![held(done, 3, 1, None)],
        unacknowledged: vec![key(R1, done, 3), key(R2, done, 0)],
        ..Heartbeat::default()
    };
    cluster.introduces(BOB, 1, 1, holds).tells(BOB, welcome).tells(BOB, revoke(done));
    cluster.tells(BOB, stored(&[key(R1, done, 3), key(R2, done, 0)])).nothing_else();

    // sent again after the welcome
    cluster.finishes(ANN, R1, old, &[2], 9).nothing_else();
    cluster.passes_with(1_900, &[ANN, BOB]).nothing_else();
    cluster.passes_with(100, &[ANN, BOB]);
    cluster.assigns(BOB, &[(R1, 4, 1)]);
    cluster.nothing_else();
    cluster.finishes(ANN, R1, old, &[0, 1], 9).nothing_else();
}

#[test]
fn a_run_that_is_not_adopted_says_that_it_listens() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.submits(R1, "ann", 0, shards_of(1), true);
    cluster.passes(100).orders(waits_for(R1, WaitingReason::Listening)).nothing_else();
}

// ─ deaf: reading what is stored takes longer than listening ─▶ heard: listening begins ─ 2 s ─▶ handed out
#[test]
fn listening_begins_when_workers_can_be_heard() {
    let mut cluster = Cluster::new();
    cluster.happens(DispatchEvent::Deaf(true));
    cluster.submits(R1, "ann", 0, shards_of(1), true);
    cluster.passes(2_500).orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    cluster.happens(DispatchEvent::Deaf(false)).joins(ANN, 1).nothing_else();
    cluster.passes_with(1_900, &[ANN]).orders(waits_for(R1, WaitingReason::Listening)).nothing_else();
    cluster.passes_with(100, &[ANN]);
    cluster.orders.retain(|order| !matches!(order, DispatchCommand::Waiting { .. }));
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_lost_assignment_heals_at_a_heartbeat() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.says(ANN, WorkerFact::Heartbeat(Heartbeat::default())).nothing_else(); // may have crossed it
    cluster.passes_with(3_100, &[ANN]).nothing_else();
    cluster.says(ANN, WorkerFact::Heartbeat(Heartbeat::default()));
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_repeated_hello_is_answered_again_and_takes_nothing_away() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.joins(ANN, 1).nothing_else(); // crossed the assignment
    cluster.finishes(ANN, R1, lease, &[0], 9).nothing_else();
}

#[test]
fn odd_news_is_counted_and_ignored() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)])[0];
    let nonsense = LeaseId::new(Epoch(9), 9);
    let later = |shard| ResultKey { stage: StageIndex(4), ..key(R1, lease, shard) };
    cluster
        .says(ANN, WorkerFact::Finished(vec![result(R1, lease, 77, 9)]))
        .says(ANN, WorkerFact::Finished(vec![ShardResult { key: later(0), ..result(R1, lease, 0, 9) }]))
        .says(
            ANN,
            WorkerFact::Finished(vec![ShardResult {
                key: ResultKey { shard: None, ..key(R1, lease, 0) },
                ..result(R1, lease, 0, 9)
            }]),
        );
    // the outcome of an advance that is long past is unwanted
    assert_eq!(cluster.scheduler.oddities().foreign, 3);
    let advance = ResultKey { shard: None, ..key(R1, nonsense, 0) };
    let outcome = Outcome::Done { report: b"1".to_vec() };
    cluster.says(
        ANN,
        WorkerFact::Advanced { lease: nonsense, run: R1, stage: StageIndex(0), cpu_us: 0, outcome },
    );
    cluster.tells(ANN, stored(&[advance]));
    cluster
        .says(ANN, fails(R1, nonsense, 0, TaskErrorKind::Panicked))
        .says(ANN, started(&[nonsense]))
        .says(ANN, WorkerFact::HandedBack { leases: vec![nonsense] })
        .says(
            ANN,
            WorkerFact::ResultPiece { result: later(0), offset: 5, total: 3, cpu_us: 0, bytes: vec![0] },
        )
        .says(BOB, started(&[lease]))
        .happens(DispatchEvent::Unlinked { worker: BOB, incarnation: 7 })
        .happens(DispatchEvent::Closed { run: R2 })
        .becomes_durable(R2, &[0]);
    cluster.introduces(EVE, 1, 0, Heartbeat::default());
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::Send { command: WorkerCommand::Refuse { .. }, .. }
    ));
    cluster.nothing_else();
    // a stranger's result counts all the same
    cluster.says(EVE, WorkerFact::Finished(vec![result(R1, nonsense, 1, 9)]));
    assert!(matches!(&cluster.orders.remove(0), DispatchCommand::Store(rows) if rows[0].shard == 1));
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::Send { worker: ANN, command: WorkerCommand::Revoke { .. }, .. }
    ));
    cluster.nothing_else();
}
