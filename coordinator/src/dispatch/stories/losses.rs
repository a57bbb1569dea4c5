//! Workers that die, fall silent and come back, and what that costs.

use super::*;

// ann: [0] started, [1] waiting ✗ killed ─▶ [1] at once to bob, [0] after the time to reconnect
#[test]
fn a_killed_worker_costs_only_what_it_held() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 2)]);
    cluster.begins(R1, 4);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 3, 1)]);
    let bob = cluster.assigns(BOB, &[(R1, 1, 1), (R1, 2, 1)]);
    cluster.says(ANN, started(&ann[..1])).nothing_else();
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.assigns(BOB, &[(R1, 3, 1)]);
    cluster.nothing_else();
    cluster.passes_with(200, &[BOB]).nothing_else();
    cluster.passes_with(200, &[BOB]);
    let error = TaskError {
        kind: TaskErrorKind::WorkerLost,
        message: format!(
            "worker {ANN} on here lost its connection and did not come back while it was at this task"
        ),
        pointer: None,
    };
    cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, 1, error)));
    cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.nothing_else();
    cluster.finishes(BOB, R1, bob[0], &[1], 9).nothing_else();
}

// ann: [0 … 7] started ✗ ─▶ halves [0 … 3] [4 … 7], nobody is charged
#[test]
fn a_range_whose_holder_died_comes_back_in_halves() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 17);
    let one = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.finishes(ANN, R1, one[0], &[0], 10_000);
    let range = cluster.assigns(ANN, &[(R1, 2, 7)]);
    cluster.says(ANN, started(&range));
    cluster.finishes(ANN, R1, range[0], &[2], 10_000).nothing_else();
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 }).passes(1_600);
    cluster.orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    cluster.joins(BOB, 1);
    cluster.assigns(BOB, &[(R1, 3, 3), (R1, 6, 3)]);
    cluster.nothing_else();
}

#[test]
fn only_a_lone_shard_that_took_down_three_processes_is_poison() {
    let mut cluster = Cluster::new();
    cluster.begins(R1, 1);
    for death in 1..=3 {
        let worker = WorkerId(Uuid::from_u128(100 + u128::from(death)));
        cluster.joins(worker, 1);
        let lease = cluster.assigns(worker, &[(R1, 0, 1)]);
        cluster.says(worker, started(&lease)).nothing_else();
        cluster.happens(DispatchEvent::Unlinked { worker, incarnation: 1 }).passes(1_600);
        cluster.orders.retain(|order| !matches!(order, DispatchCommand::Waiting { .. }));
        let DispatchCommand::NoteFailure(noted) = cluster.orders.remove(0) else { panic!("a noted failure") };
        assert_eq!((noted.attempt, noted.error.kind), (death, TaskErrorKind::WorkerLost));
        if death == 3 {
            cluster.orders(DispatchCommand::TaskFailed(noted));
        } else {
            cluster.joins(BOB, 1); // who leaves in order charges nobody
            cluster.assigns(BOB, &[(R1, 0, 1)]);
            cluster.says(BOB, WorkerFact::Leaving).nothing_else();
        }
    }
    cluster.joins(BOB, 1).passes(100).nothing_else(); // nothing more of the run is handed out
}

// ann dies so quickly that it cannot tell that it began: its one lane must have been at [0]; [1] waited
#[test]
fn a_death_before_the_start_was_told_is_charged_to_what_the_lanes_must_have_been_at() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.joins(BOB, 2);
    cluster.assigns(BOB, &[(R1, 1, 1)]);
    cluster.nothing_else();
    cluster.passes_with(1_600, &[BOB]);
    let DispatchCommand::NoteFailure(noted) = cluster.orders.remove(0) else { panic!("a noted failure") };
    assert_eq!((noted.shard, noted.attempt, noted.error.kind), (Some(0), 1, TaskErrorKind::WorkerLost));
    cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn a_worker_that_comes_back_is_acquitted_and_keeps_what_it_holds() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.says(ANN, started(&[lease])).happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 });
    cluster.passes(200).nothing_else();
    let holds = Heartbeat { leases: vec![held(lease, 0, 1, Some(200))], ..Heartbeat::default() };
    cluster.introduces(ANN, 2, 1, holds.clone());
    let welcome = WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 };
    cluster
        .orders(DispatchCommand::Send { worker: ANN, incarnation: 2, command: welcome.clone() })
        .nothing_else();

    // once more, but later than a reconnection may take
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 2 }).passes(2_000);
    assert!(matches!(cluster.orders.remove(0), DispatchCommand::NoteFailure(_)));
    cluster.orders(waits_for(R1, WaitingReason::NoWorker)).nothing_else();
    cluster.introduces(ANN, 3, 1, holds);
    cluster.orders(DispatchCommand::Send { worker: ANN, incarnation: 3, command: welcome }).nothing_else();
    cluster.happens(DispatchEvent::Heard {
        worker: ANN,
        incarnation: 3,
        fact: WorkerFact::Finished(vec![result(R1, lease, 0, 9)]),
    });
    cluster.orders(DispatchCommand::Store(vec![row(ANN, R1, lease, 0, 9)])).nothing_else();
}

#[test]
fn silence_first_costs_new_work_then_everything() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 2)]);
    cluster.begins(R1, 2);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bob = cluster.assigns(BOB, &[(R1, 1, 1)])[0];
    cluster.says(ANN, started(&[ann]));
    // suspect: idle bob copies what it holds
    cluster.passes_with(2_000, &[BOB]);
    let copy = cluster.assigns(BOB, &[(R1, 0, 1)])[0];
    cluster.nothing_else();
    // lost: the copy is all there is
    cluster.passes_with(3_000, &[BOB]);
    assert!(matches!(cluster.orders.remove(0), DispatchCommand::NoteFailure(FailedTask { attempt: 1, .. })));
    cluster.nothing_else();
    // back: told that its work is not wanted
    let holds = Heartbeat { leases: vec![held(ann, 0, 1, Some(5_000))], ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(holds)).tells(ANN, revoke(ann)).nothing_else();
    cluster.finishes(BOB, R1, copy, &[0], 9).finishes(BOB, R1, bob, &[1], 9).nothing_else();
}

// ann ✗ over R1's shard and R2's ─▶ bob has two lanes, and gets R2's when R1's is done
#[test]
fn what_ran_beside_a_poison_is_not_beside_it_again() {
    let mut cluster = Cluster::of(&[(ANN, 2)]);
    cluster.begins(R1, 1);
    let poison = cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.begins(R2, 1);
    let beside = cluster.assigns(ANN, &[(R2, 0, 1)]);
    cluster.says(ANN, started(&poison)).says(ANN, started(&beside)).nothing_else();
    cluster.happens(DispatchEvent::Unlinked { worker: ANN, incarnation: 1 }).passes(1_600);
    cluster.orders.clear();
    cluster.joins(BOB, 2);
    let first = cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.says(BOB, started(&first)).passes_with(1_000, &[BOB]);
    cluster.orders.retain(|order| !matches!(order, DispatchCommand::Waiting { .. }));
    cluster.nothing_else();
    // what nobody died over runs beside it
    let other = RunId(Uuid::from_u128(3));
    cluster.begins(other, 1);
    let third = cluster.assigns(BOB, &[(other, 0, 1)]);
    cluster.finishes(BOB, other, third[0], &[0], 9).nothing_else();
    cluster.finishes(BOB, R1, first[0], &[0], 9);
    cluster.assigns(BOB, &[(R2, 0, 1)]);
    cluster.nothing_else();
}
