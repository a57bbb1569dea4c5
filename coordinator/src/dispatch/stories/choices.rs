//! Which worker a run gets: labels, memory, inputs that are there already.

use super::*;

fn labelled(labels: &[(&str, &str)]) -> RunWants {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    RunWants { labels: labels.iter().map(pair).collect(), ..RunWants::default() }
}

#[test]
fn a_run_that_asks_for_labels_goes_only_where_all_of_them_are_and_names_what_is_missing() {
    let mut cluster = Cluster::new();
    cluster.joins_with(ANN, &[("zone", "north"), ("disk", "ssd")], 0, &[]);
    cluster.joins_with(BOB, &[("gpu", "yes")], 0, &[]);
    cluster.wants(R1, 1, labelled(&[("zone", "north"), ("gpu", "yes")]));
    let both = labelled(&[("zone", "north"), ("gpu", "yes")]).labels;
    let reason = WaitingReason::Label { algorithm: "spin".to_owned(), missing: both };
    assert_eq!(
        reason.to_string(),
        "label: no connected worker that offers spin has gpu=yes and zone=north",
        "each is somewhere, and nowhere are both"
    );
    cluster.passes(100).orders(waits_for(R1, reason)).nothing_else();

    cluster.wants(R2, 1, labelled(&[("zone", "south"), ("gpu", "yes")]));
    let missing = labelled(&[("zone", "south")]).labels;
    let reason = WaitingReason::Label { algorithm: "spin".to_owned(), missing };
    cluster.passes(100).orders(waits_for(R2, reason)).nothing_else();

    cluster.joins_with(EVE, &[("gpu", "yes"), ("zone", "north")], 0, &[]);
    cluster.assigns(EVE, &[(R1, 0, 1)]);
    cluster.passes_with(100, &[ANN, BOB, EVE]).orders(DispatchCommand::Waiting { run: R1, reason: None });
    cluster.nothing_else();
}

#[test]
fn labels_bind_withdrawal_and_copies_too() {
    let mut cluster = Cluster::new();
    cluster.joins_with(ANN, &[("zone", "north")], 0, &[]);
    cluster.wants(R1, 2, labelled(&[("zone", "north")]));
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.says(ANN, started(&leases[..1]));
    cluster.joins_with(BOB, &[], 0, &[]);
    cluster.finishes(ANN, R1, leases[0], &[0], 1_000).says(ANN, started(&leases[1..]));
    cluster.passes_with(1_000, &[ANN, BOB]).nothing_else();
    cluster.joins_with(EVE, &[("zone", "north")], 0, &[]);
    cluster.passes_with(100, &[ANN, BOB, EVE]);
    cluster.assigns(EVE, &[(R1, 1, 1)]);
    cluster.nothing_else();
}

// three lanes, 1000 MiB: two tasks of 400 MiB run, beside them only what asks for nothing
#[test]
fn a_worker_gets_no_more_than_it_has_memory_for() {
    let mut cluster = Cluster::new();
    let held = Heartbeat { memory_limit_bytes: 1_000 << 20, ..Heartbeat::default() };
    cluster.introduces(ANN, 1, 3, held.clone());
    cluster.tells(ANN, WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 });
    let wants = |memory_mib| RunWants { memory_mib, ..RunWants::default() };
    cluster.wants(R1, 5, wants(400));
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.says(ANN, started(&leases)).nothing_else();
    let huge = RunId(Uuid::from_u128(3));
    cluster.wants(huge, 1, wants(1_001));
    let reason = WaitingReason::Memory { wanted_mib: 1_001, most_mib: 1_000 };
    assert_eq!(
        reason.to_string(),
        "memory: a task may take 1001 MiB, and the largest worker that could do it has 1000 MiB"
    );
    let large = RunId(Uuid::from_u128(4));
    cluster.wants(large, 1, wants(500)).passes_with(100, &[ANN]);
    cluster
        .orders(waits_for(huge, reason))
        .orders(waits_for(large, WaitingReason::MemoryInUse))
        .nothing_else();
    cluster.begins(R2, 1);
    cluster.assigns(ANN, &[(R2, 0, 1)]);
    cluster.nothing_else();
    // one of the two is over: the third of them comes, and the larger one waits on
    cluster.finishes(ANN, R1, leases[0], &[0], 500_000);
    cluster.assigns(ANN, &[(R1, 2, 1)]);
    cluster.nothing_else();
    // the group's limit was raised
    let all = [(leases[1], 1), (LeaseId::new(EPOCH, 4), 2)];
    let more = Heartbeat {
        memory_limit_bytes: 2_000 << 20,
        leases: all.map(|(lease, shard)| held_shard(lease, shard)).to_vec(),
        ..held
    };
    cluster.says(ANN, WorkerFact::Heartbeat(more));
    let order = cluster.orders.remove(0);
    let DispatchCommand::Send { command: WorkerCommand::Assign(given), .. } = order else {
        panic!("{order:?}")
    };
    let runs: Vec<RunId> = given.iter().map(|assignment| assignment.task.run).collect();
    assert_eq!(runs, [R1, R1, huge], "two more of the first, and then the largest fits");
    cluster.nothing_else();
}

fn held_shard(lease: LeaseId, shard: u32) -> HeldLease {
    held(lease, shard, 1, Some(50))
}

#[test]
fn a_worker_near_its_limit_gets_one_task_at_a_time_and_the_others_come_first() {
    let mut cluster = Cluster::of(&[(ANN, 2), (BOB, 1)]);
    cluster.happens(DispatchEvent::Paused(true)).begins(R1, 9);
    let short = |on: bool| WorkerFact::Heartbeat(Heartbeat { short_of_memory: on, ..Heartbeat::default() });
    cluster.says(ANN, short(true)).happens(DispatchEvent::Paused(false));
    let ann = cluster.assigns(ANN, &[(R1, 1, 1)]);
    cluster.assigns(BOB, &[(R1, 0, 1), (R1, 2, 1)]);
    cluster.says(ANN, started(&ann)).nothing_else();
    assert_eq!(
        cluster.scheduler.status(cluster.now, common::clock::wall()).workers[0].state,
        "short_of_memory"
    );
    // some is free again: as much as its lanes can do
    let free = Heartbeat { leases: vec![held(ann[0], 1, 1, Some(5))], ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(free));
    cluster.assigns(ANN, &[(R1, 3, 1), (R1, 4, 1), (R1, 5, 1)]);
    cluster.nothing_else();
}

// bob has the inputs; ann, who comes first otherwise, has not
#[test]
fn workers_that_have_the_inputs_come_first_and_no_lane_idles_for_it() {
    let (here, elsewhere) = (ContentHash::of(b"topology"), ContentHash::of(b"another"));
    let mut cluster = Cluster::new();
    cluster.joins_with(ANN, &[], 0, &[elsewhere]).joins_with(BOB, &[], 0, &[elsewhere, here]);
    let wants = RunWants { inputs: vec![here], ..RunWants::default() };
    cluster.wants(R1, 1, wants.clone());
    let bob = cluster.assigns(BOB, &[(R1, 0, 1)])[0];
    cluster.nothing_else();
    // bob has something to do: ann does not idle, and has the inputs from then on
    cluster.wants(R2, 1, wants.clone());
    let ann = cluster.assigns(ANN, &[(R2, 0, 1)])[0];
    cluster.finishes(BOB, R1, bob, &[0], 9).finishes(ANN, R2, ann, &[0], 9).nothing_else();
    let third = RunId(Uuid::from_u128(3));
    cluster.wants(third, 1, wants.clone());
    let again = cluster.assigns(ANN, &[(third, 0, 1)])[0];
    cluster.finishes(ANN, third, again, &[0], 9);
    // until it says that it had to make room
    let told = Heartbeat { inputs: Some(vec![elsewhere]), ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(told));
    let fourth = RunId(Uuid::from_u128(4));
    cluster.wants(fourth, 1, wants);
    cluster.assigns(BOB, &[(fourth, 0, 1)]);
    cluster.nothing_else();
}

// one lane: the run whose turn it is goes first, wherever the inputs are
#[test]
fn inputs_do_not_change_whose_turn_it_is() {
    let here = ContentHash::of(b"topology");
    let mut cluster = Cluster::new();
    cluster.joins_with(ANN, &[], 0, &[here]);
    cluster.happens(DispatchEvent::Paused(true)).begins(R1, 1);
    cluster.wants(R2, 1, RunWants { inputs: vec![here], ..RunWants::default() });
    cluster.happens(DispatchEvent::Paused(false));
    cluster.assigns(ANN, &[(R1, 0, 1), (R2, 0, 1)]);
    cluster.nothing_else();
}
