//! What is handed out to whom: ranges, turns, withdrawal, copies.

use std::collections::VecDeque;

use super::*;

// advance ─▶ outcome ─▶ shards 0 1 ─▶ stored ─▶ finished
#[test]
fn a_small_run_from_plan_to_finished_stage() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.submits(R1, "ann", 0, Work::Advance { stage: StageIndex(0) }, false);
    let [plan] = cluster.assigns(ANN, &[(R1, 0, 0)])[..] else { panic!("one lease") };
    cluster.says(ANN, started(&[plan])).nothing_else();

    let outcome = Outcome::Opened { name: "search".to_owned(), state: b"{}".to_vec(), shards: 2, note: None };
    let stage = StageIndex(0);
    let news = WorkerFact::Advanced { lease: plan, run: R1, stage, cpu_us: 5, outcome: outcome.clone() };
    cluster.says(ANN, news.clone());
    cluster
        .orders(DispatchCommand::Advanced { run: R1, stage, outcome, expected_shard_us: None })
        .nothing_else();
    cluster.says(ANN, news).nothing_else(); // repeated: ignored

    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    // ahead of the database; what opened the stage is kept by its worker until the stage is there
    cluster.nothing_else();
    let plan_key = ResultKey { lease: plan, run: R1, stage, shard: None };
    let held = Heartbeat { unacknowledged: vec![plan_key], ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(held)).nothing_else();
    cluster.happens(DispatchEvent::StageStored { run: R1, stage });
    cluster.tells(ANN, stored(&[plan_key])).nothing_else();

    cluster.finishes(ANN, R1, leases[0], &[0], 9).nothing_else();
    cluster.finishes(ANN, R1, leases[1], &[1], 9).nothing_else();
    cluster.becomes_durable(R1, &[0, 1]);
    cluster.orders(DispatchCommand::StageFinished { run: R1, stage });
    cluster.tells(ANN, stored(&[key(R1, leases[0], 0), key(R1, leases[1], 1)])).nothing_else();

    cluster.happens(DispatchEvent::Closed { run: R1 });
    cluster.tells(ANN, WorkerCommand::Cancel { run: R1 }).nothing_else();
}

// 100 shards: ann 1 lane + 1 waiting, bob the same; one shard each at first, then by what they took
#[test]
fn ranges_grow_with_what_is_known_of_the_shards() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    cluster.begins(R1, 100);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 2, 1)]);
    let bob = cluster.assigns(BOB, &[(R1, 1, 1), (R1, 3, 1)]);
    cluster.nothing_else();
    cluster.finishes(ANN, R1, ann[0], &[0], 20_000); // 200 ms are 10 shards
    cluster.assigns(ANN, &[(R1, 4, 10)]);
    cluster.finishes(BOB, R1, bob[0], &[1], 2_000); // mean 11 ms: 18 shards
    cluster.assigns(BOB, &[(R1, 14, 18)]);
    cluster.nothing_else();
}

#[test]
fn a_worker_of_another_version_gets_nothing_and_the_run_says_why() {
    let mut cluster = Cluster::new();
    cluster.begins(R1, 1).passes(100).orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    let hello = Hello {
        build: String::new(),
        host: String::new(),
        lanes: 1,
        labels: Vec::new(),
        algorithms: Vec::new(),
        held: Heartbeat::default(),
    };
    let offers = vec![("spin".to_owned(), 2)];
    cluster.happens(DispatchEvent::Hello { worker: EVE, incarnation: 1, hello, offers });
    cluster.tells(EVE, WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 });
    let reason = WaitingReason::NoWorkerOffers { algorithm: "spin".to_owned(), version: 1 };
    assert_eq!(reason.to_string(), "no connected worker offers spin version 1");
    cluster.passes(100).orders(waits_for(R1, reason)).nothing_else();

    cluster.happens(DispatchEvent::Paused(true)).passes(100).orders(waits_for(R1, WaitingReason::Paused));
    cluster.joins(ANN, 1).nothing_else();
    cluster.happens(DispatchEvent::Paused(false));
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.passes(100).orders(DispatchCommand::Waiting { run: R1, reason: None }).nothing_else();
    cluster.begins(R2, 1);
    cluster.assigns(ANN, &[(R2, 0, 1)]);
    let third = RunId(Uuid::from_u128(3));
    cluster.begins(third, 1).passes(100).orders(waits_for(third, WaitingReason::Busy)).nothing_else();
}

// ann's run took all lanes of late: bob's goes first, whatever the priorities; among bob's own, priority decides
#[test]
fn lanes_are_shared_between_submitters() {
    let mut cluster = Cluster::of(&[(EVE, 1)]);
    cluster.submits(R1, "ann", 9, shards_of(50), false);
    let first = cluster.assigns(EVE, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.submits(R2, "bob", 0, shards_of(5), false);
    let urgent = RunId(Uuid::from_u128(3));
    cluster.submits(urgent, "bob", 1, shards_of(5), false).nothing_else();
    cluster.finishes(EVE, R1, first[0], &[0], 1_000_000);
    cluster.assigns(EVE, &[(urgent, 0, 1)]);
    cluster.nothing_else();
}

// ann: [0] running, [1] waiting        bob joins: [2] [3] … what waits at ann is taken back for bob once there is
// nothing else
#[test]
fn what_waits_at_a_busy_worker_is_withdrawn_for_an_idle_one() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.says(ANN, started(&leases[..1])).nothing_else();
    cluster.joins(BOB, 1);
    cluster.tells(ANN, WorkerCommand::Withdraw { leases: vec![leases[1]] }).nothing_else();
    cluster.passes(100).nothing_else(); // asked once
    cluster.says(ANN, WorkerFact::HandedBack { leases: vec![leases[1]] });
    let bobs = cluster.assigns(BOB, &[(R1, 1, 1)]);
    cluster.nothing_else();
    cluster.says(ANN, WorkerFact::HandedBack { leases: vec![leases[1]] }).nothing_else(); // late: ignored
    cluster.finishes(BOB, R1, bobs[0], &[1], 9).nothing_else();
}

#[test]
fn a_withdrawal_that_comes_too_late_changes_nothing() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.joins(BOB, 1).tells(ANN, WorkerCommand::Withdraw { leases: vec![leases[1]] });
    cluster.says(ANN, started(&leases)).nothing_else();
    cluster.finishes(ANN, R1, leases[1], &[1], 9).finishes(ANN, R1, leases[0], &[0], 9).nothing_else();
}

// four shards of 10 ms; the last one hangs at ann, so idle bob gets a copy, and whoever is first counts
#[test]
fn a_straggler_is_copied_and_the_first_result_counts() {
    for ann_is_first in [true, false] {
        let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
        cluster.begins(R1, 3);
        let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 2, 1)]);
        let bob = cluster.assigns(BOB, &[(R1, 1, 1)]);
        cluster.says(ANN, started(&ann[..1]));
        cluster.finishes(BOB, R1, bob[0], &[1], 10_000);
        cluster.tells(ANN, WorkerCommand::Withdraw { leases: vec![ann[1]] });
        cluster.finishes(ANN, R1, ann[0], &[0], 10_000).says(ANN, started(&ann[1..])).nothing_else();
        cluster.passes(100);
        let copy = cluster.assigns(BOB, &[(R1, 2, 1)]);
        cluster.passes(500).nothing_else(); // one copy is enough
        if ann_is_first {
            cluster.finishes(ANN, R1, ann[1], &[2], 700_000).tells(BOB, revoke(copy[0])).nothing_else();
        } else {
            cluster.finishes(BOB, R1, copy[0], &[2], 10_000).tells(ANN, revoke(ann[1])).nothing_else();
            // the other's result crosses the revocation: it is here already, and unwanted when it is stored
            cluster.says(ANN, WorkerFact::Finished(vec![result(R1, ann[1], 2, 700_000)])).nothing_else();
            cluster.becomes_durable(R1, &[0, 1, 2]);
            cluster.orders(DispatchCommand::StageFinished { run: R1, stage: StageIndex(0) });
            cluster.tells(ANN, stored(&[key(R1, ann[0], 0)]));
            cluster.tells(BOB, stored(&[key(R1, bob[0], 1), key(R1, copy[0], 2)]));
            let held = Heartbeat { unacknowledged: vec![key(R1, ann[1], 2)], ..Heartbeat::default() };
            cluster.says(ANN, WorkerFact::Heartbeat(held));
            cluster.tells(ANN, stored(&[key(R1, ann[1], 2)])).nothing_else();
            assert_eq!(cluster.scheduler.oddities().duplicate, 1);
        }
    }
}

#[test]
fn many_shards_are_handed_out_and_taken_in_quickly() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    let shards = 200_000;
    let began = common::clock::now();
    let scheduler = &mut cluster.scheduler;
    let now = cluster.now;
    let ready = DispatchEvent::Ready { offer: offer(R1), work: shards_of(shards), resumed: false };
    let mut orders = VecDeque::from(scheduler.on(ready, now));
    let mut events = 0_u32;
    let mut finished = false;
    while let Some(order) = orders.pop_front() {
        match order {
            DispatchCommand::Send { worker, command: WorkerCommand::Assign(assignments), .. } => {
                for Assignment { lease, task, .. } in assignments {
                    let TaskKind::Shards { range, .. } = task.kind else { panic!("shards") };
                    for chunk in range.iter().collect::<Vec<_>>().chunks(500) {
                        let results = chunk.iter().map(|shard| result(R1, lease, *shard, 1)).collect();
                        let fact = WorkerFact::Finished(results);
                        events += 1;
                        orders
                            .extend(scheduler.on(DispatchEvent::Heard { worker, incarnation: 1, fact }, now));
                    }
                }
            }
            DispatchCommand::Store(rows) => {
                let shards = rows.iter().map(|row| row.shard).collect();
                let stored = DispatchEvent::Stored { run: R1, stage: StageIndex(0), shards };
                orders.extend(scheduler.on(stored, now));
                orders.extend(scheduler.on(DispatchEvent::WriterBacklog { bytes: 0 }, now));
            }
            DispatchCommand::StageFinished { .. } => finished = true,
            _ => {}
        }
    }
    assert!(finished);
    scheduler.check();
    let per_shard = common::clock::now().since(began).as_nanos() / u128::from(shards);
    // far above what it takes, far below what walking over the shards at each event would
    assert!(per_shard < 50_000, "{per_shard} ns per shard in {events} events");
}
