//! What is held on purpose: drained workers, paused queues and runs, and runs that ended.

use super::*;

#[test]
fn a_drained_worker_gets_nothing_until_it_is_wanted_again() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.happens(DispatchEvent::DrainAsked { worker: ANN, on: true }).tells(ANN, WorkerCommand::Drain);
    cluster.happens(DispatchEvent::DrainAsked { worker: ANN, on: true }).nothing_else();
    cluster.begins(R1, 1).passes(100).orders(waits_for(R1, WaitingReason::Draining)).nothing_else();
    // the wish outlives a reconnection
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.introduces(ANN, 2, 1, Heartbeat::default());
    assert_eq!(cluster.orders.len(), 2, "welcome and drain: {:?}", cluster.orders);
    cluster.orders.clear();
    cluster.happens(DispatchEvent::DrainAsked { worker: ANN, on: false });
    let undrain = DispatchCommand::Send { worker: ANN, incarnation: 2, command: WorkerCommand::Undrain };
    cluster.orders(undrain);
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::Send { command: WorkerCommand::Assign(_), .. }
    ));
    cluster.nothing_else();
}

#[test]
fn what_a_draining_worker_hands_back_charges_nobody() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.says(ANN, started(&[lease]));
    cluster.says(
        ANN,
        WorkerFact::Heartbeat(Heartbeat {
            leases: vec![held(lease, 0, 1, Some(5))],
            draining: true,
            ..Heartbeat::default()
        }),
    );
    cluster.tells(ANN, WorkerCommand::Undrain); // nobody asked for it; one that ends ignores this
    cluster
        .says(ANN, WorkerFact::HandedBack { leases: vec![lease] })
        .says(ANN, WorkerFact::Leaving)
        .nothing_else();
    cluster.joins(BOB, 1);
    cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_closed_run_frees_its_lanes_at_once() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 9);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)])[0];
    cluster.begins(R2, 1).nothing_else();
    cluster.happens(DispatchEvent::Closed { run: R1 }).tells(ANN, WorkerCommand::Cancel { run: R1 });
    cluster.assigns(ANN, &[(R2, 0, 1)]);
    cluster.nothing_else();
    // what crosses the cancellation is dropped
    cluster.says(ANN, WorkerFact::Finished(vec![result(R1, lease, 0, 9)]));
    cluster.tells(ANN, stored(&[key(R1, lease, 0)])).nothing_else();
    cluster.says(ANN, fails(R1, lease, 1, TaskErrorKind::Panicked)).nothing_else();
}

// ann: [0] running, [1] waiting; the run is paused: 1 comes back, 0 is finished and stored, and that is all until it goes on
#[test]
fn a_paused_run_keeps_its_results_and_gets_no_lane() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 3);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.says(ANN, started(&leases[..1])).nothing_else();
    cluster.happens(DispatchEvent::RunsPaused([R1].into()));
    cluster.tells(ANN, WorkerCommand::Withdraw { leases: vec![leases[1]] }).nothing_else();
    cluster.says(ANN, WorkerFact::HandedBack { leases: vec![leases[1]] }).nothing_else();
    cluster.passes_with(100, &[ANN]).orders(waits_for(R1, WaitingReason::RunPaused)).nothing_else();
    assert_eq!(WaitingReason::RunPaused.to_string(), "paused: the run is paused");

    cluster.begins(R2, 1); // others go on
    cluster.assigns(ANN, &[(R2, 0, 1)]);
    cluster.finishes(ANN, R1, leases[0], &[0], 9).becomes_durable(R1, &[0]);
    cluster.tells(ANN, stored(&[key(R1, leases[0], 0)])).nothing_else();
    cluster.passes_with(3_000, &[ANN]).nothing_else();
    cluster.happens(DispatchEvent::RunsPaused([R1].into())).nothing_else(); // told every second

    cluster.happens(DispatchEvent::RunsPaused([].into()));
    cluster.assigns(ANN, &[(R1, 1, 2)]);
    cluster
        .passes_with(100, &[ANN])
        .orders(DispatchCommand::Waiting { run: R1, reason: None })
        .nothing_else();
}

#[test]
fn a_run_that_was_paused_before_the_leader_began_waits_and_its_stages_say_so_again() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.happens(DispatchEvent::RunsPaused([R1].into()));
    cluster.submits(R1, "ann", 0, Work::Advance { stage: StageIndex(0) }, true);
    cluster.passes_with(2_500, &[ANN]).orders(waits_for(R1, WaitingReason::RunPaused)).nothing_else();
    cluster.happens(DispatchEvent::RunsPaused([].into()));
    let [plan] = cluster.assigns(ANN, &[(R1, 0, 0)])[..] else { panic!("one lease") };
    cluster.passes_with(100, &[ANN]).orders(DispatchCommand::Waiting { run: R1, reason: None });
    // paused while it is planned: the stage is stored, which takes back the reason, and nothing of it is handed out
    cluster.says(ANN, started(&[plan])).happens(DispatchEvent::RunsPaused([R1].into()));
    cluster.passes_with(100, &[ANN]).orders(waits_for(R1, WaitingReason::RunPaused)).nothing_else();
    let stage = StageIndex(0);
    let outcome = Outcome::Opened { name: "search".to_owned(), state: b"{}".to_vec(), shards: 2, note: None };
    cluster
        .says(ANN, WorkerFact::Advanced { lease: plan, run: R1, stage, cpu_us: 5, outcome: outcome.clone() });
    cluster.orders(DispatchCommand::Advanced { run: R1, stage, outcome, expected_shard_us: None });
    cluster.begins(R1, 2).happens(DispatchEvent::StageStored { run: R1, stage });
    cluster.tells(ANN, stored(&[ResultKey { lease: plan, run: R1, stage, shard: None }])).nothing_else();
    cluster.passes_with(100, &[ANN]).orders(waits_for(R1, WaitingReason::RunPaused)).nothing_else();
}

#[test]
fn a_paused_queue_takes_back_what_waits_and_copies_nothing() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    cluster.begins(R1, 3);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 2, 1)]);
    let bob = cluster.assigns(BOB, &[(R1, 1, 1)]);
    cluster.says(ANN, started(&ann[..1])).says(BOB, started(&bob)).nothing_else();
    cluster.happens(DispatchEvent::Paused(true));
    cluster.tells(ANN, WorkerCommand::Withdraw { leases: vec![ann[1]] });
    cluster.says(ANN, WorkerFact::HandedBack { leases: vec![ann[1]] });
    cluster.finishes(BOB, R1, bob[0], &[1], 1_000).passes_with(3_000, &[ANN, BOB]).nothing_else();
    cluster.happens(DispatchEvent::Paused(true)).happens(DispatchEvent::Paused(false));
    cluster.assigns(BOB, &[(R1, 2, 1)]);
    cluster.nothing_else();
}
