//! Workers and followers die, hang and are cut off: what they held runs elsewhere in time, and nobody else notices.

use std::time::Duration;

use cli::process::Signal;
use testkit::fleet::Shape;
use testkit::recovery::{Again, Loss, again};

use crate::{RUN, Runs, fleet};

/// A hung or cut-off worker is noticed so soon.
const NOTICED: Duration = Duration::from_secs(10);

/// What a killed worker was at begins elsewhere so soon.
const AGAIN: Duration = Duration::from_millis(500);

#[tokio::test]
async fn what_a_killed_worker_was_at_runs_again_within_half_a_second() {
    let Some(mut fleet) = fleet(Shape { coordinators: 1, workers: 3, ..Shape::default() }).await else {
        return;
    };
    let Again { run, began, .. } = again(&mut fleet, Loss::Killed).await.unwrap();
    eprintln!("a killed worker's shard ran again after {began:?}");
    assert!(began <= AGAIN, "{began:?}");
    fleet.success(&run, RUN).await.unwrap();
    assert_eq!(fleet.executions(&run).values().sum::<u32>(), 3, "and nothing else ran twice");
}

#[tokio::test]
async fn a_hung_worker_is_noticed_and_changes_nothing_when_it_wakes_up() {
    let Some(mut fleet) = fleet(Shape { coordinators: 1, workers: 3, ..Shape::default() }).await else {
        return;
    };
    let Again { lost, run, began } = again(&mut fleet, Loss::Frozen).await.unwrap();
    eprintln!("a hung worker's shard ran elsewhere after {began:?}");
    assert!(began <= NOTICED, "{began:?}");
    fleet.success(&run, RUN).await.unwrap();
    fleet.workers[lost].signal(Signal::CONT).unwrap();
    fleet.until_workers(3).await.unwrap();
    let runs = Runs::under_way(&fleet).await;
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_worker_that_is_cut_off_is_noticed_and_finds_back() {
    let Some(mut fleet) = fleet(Shape { coordinators: 1, workers: 3, ..Shape::default() }).await else {
        return;
    };
    let Again { run, began, .. } = again(&mut fleet, Loss::CutFromCluster).await.unwrap();
    eprintln!("a cut-off worker's shard ran elsewhere after {began:?}");
    assert!(began <= NOTICED, "{began:?}");
    fleet.success(&run, RUN).await.unwrap();
    fleet.network.heal().unwrap();
    fleet.until_workers(3).await.unwrap();
    let runs = Runs::under_way(&fleet).await;
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn all_workers_are_killed_in_turn() {
    let Some(mut fleet) = fleet(Shape { workers: 3, ..Shape::default() }).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    for worker in 0..3 {
        fleet.workers[worker].kill().unwrap();
        runs.add(&fleet).await;
        fleet.start_worker(worker).unwrap();
    }
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_worker_whose_link_comes_and_goes() {
    let Some(fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    for _ in 0..4 {
        fleet.network.isolate(fleet.workers[0].node).unwrap();
        runs.add(&fleet).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await; // shorter than anybody's patience
        fleet.network.heal().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn followers_may_die_hang_and_vanish() {
    let Some(mut fleet) = fleet(Shape { coordinators: 3, ..Shape::default() }).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    let (epoch, follower) = (fleet.epoch().await.unwrap(), fleet.follower().await.unwrap());
    fleet.coordinators[follower].signal(Signal::STOP).unwrap();
    runs.add(&fleet).await;
    fleet.coordinators[follower].signal(Signal::CONT).unwrap();
    fleet.network.isolate(fleet.coordinators[follower].node).unwrap();
    runs.add(&fleet).await;
    fleet.network.heal().unwrap();
    fleet.coordinators[follower].kill().unwrap();
    runs.add(&fleet).await;
    fleet.start_coordinator(follower).unwrap();
    runs.end_undisturbed(&fleet).await;
    assert_eq!(fleet.epoch().await.unwrap(), epoch, "the leader led on");
}
