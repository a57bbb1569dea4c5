//! How many lanes one submitter may use at a time.

use super::*;

fn two_lanes_for_each() -> Cluster {
    let mut cluster = Cluster::with(DispatchSettings { user_lanes: 2, ..DispatchSettings::default() });
    cluster.joins(ANN, 2).joins(BOB, 2);
    cluster
}

#[test]
fn above_the_quota_of_lanes_runs_wait_and_say_so_while_others_go_on() {
    let mut cluster = two_lanes_for_each();
    cluster.submits(R1, "ann", 0, shards_of(9), false);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bob = cluster.assigns(BOB, &[(R1, 1, 1)])[0];
    cluster.says(ANN, started(&[ann])).says(BOB, started(&[bob])).nothing_else();
    cluster.submits(R2, "ann", 0, shards_of(1), false).passes_with(100, &[ANN, BOB]);
    let reason = WaitingReason::Quota { lanes: 2 };
    assert_eq!(reason.to_string(), "quota: its submitter uses all 2 lanes that one may use at a time");
    cluster.orders(waits_for(R2, reason)).nothing_else();

    let other = RunId(Uuid::from_u128(3));
    cluster.submits(other, "eve", 0, shards_of(3), false);
    cluster.assigns(ANN, &[(other, 0, 1)]);
    cluster.assigns(BOB, &[(other, 1, 1)]);
    cluster.nothing_else();
    let usage = cluster.scheduler.status(cluster.now, common::clock::wall()).submitters;
    let lanes: Vec<(&str, u32)> = usage.iter().map(|usage| (usage.name.as_str(), usage.lanes)).collect();
    assert_eq!(lanes, [("ann", 2), ("eve", 2)]);

    // a lane of ann's is free: one more lease, and no second
    cluster.finishes(ANN, R1, ann, &[0], 50_000);
    cluster.assigns(ANN, &[(R1, 2, 1)]);
    cluster.nothing_else();
}

#[test]
fn copies_count_against_the_quota() {
    let mut cluster = two_lanes_for_each();
    cluster.submits(R1, "ann", 0, shards_of(3), false);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bob = cluster.assigns(BOB, &[(R1, 1, 1)])[0];
    cluster.says(ANN, started(&[ann])).says(BOB, started(&[bob]));
    cluster.finishes(BOB, R1, bob, &[1], 1_000);
    let last = cluster.assigns(ANN, &[(R1, 2, 1)])[0];
    cluster.says(ANN, started(&[last])).passes_with(1_000, &[ANN, BOB]).nothing_else();
    cluster.finishes(ANN, R1, last, &[2], 1_000).passes_with(100, &[ANN, BOB]);
    cluster.assigns(BOB, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

#[test]
fn what_a_new_leader_adopts_counts_against_the_quota() {
    let old = LeaseId::new(Epoch(2), 5);
    let mut cluster = Cluster::with(DispatchSettings { user_lanes: 1, ..DispatchSettings::default() });
    cluster.submits(R1, "ann", 0, shards_of(3), true);
    let holds = Heartbeat { leases: vec![held(old, 0, 1, Some(300))], ..Heartbeat::default() };
    cluster.introduces(ANN, 1, 1, holds.clone());
    cluster.tells(ANN, WorkerCommand::Welcome { heartbeat_ms: 1_000, silence_ms: 3_000 });
    cluster.joins(BOB, 1).passes_with(2_500, &[ANN, BOB]).nothing_else();
    cluster.finishes(ANN, R1, old, &[0], 9);
    cluster.assigns(ANN, &[(R1, 1, 1)]);
    cluster.nothing_else();
}

// ann's stage of 5 shards is open, and no more may be planned ─▶ ann's next run waits, eve's does not
#[test]
fn above_the_bound_of_planned_shards_whoever_has_a_stage_open_opens_no_other() {
    let mut cluster = Cluster::with(DispatchSettings { planned_shards: 5, ..DispatchSettings::default() });
    cluster.joins(ANN, 9).begins(R1, 5);
    cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1), (R1, 2, 1), (R1, 3, 1), (R1, 4, 1)]);
    let plan = || Work::Advance { stage: StageIndex(0) };
    cluster.submits(R2, "ann", 0, plan(), false).nothing_else();
    cluster.passes_with(100, &[ANN]).orders(waits_for(R2, WaitingReason::Planned { most: 5 })).nothing_else();
    let other = RunId(Uuid::from_u128(3));
    cluster.submits(other, "eve", 0, plan(), false);
    cluster.assigns(ANN, &[(other, 0, 0)]);
    cluster.nothing_else();
    cluster.happens(DispatchEvent::Closed { run: R1 }).tells(ANN, WorkerCommand::Cancel { run: R1 });
    cluster.assigns(ANN, &[(R2, 0, 0)]);
    cluster.nothing_else();
}
