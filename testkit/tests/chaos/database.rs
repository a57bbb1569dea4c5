//! The database crashes, is restarted, hangs, is slow, and runs out of disk: accepted is accepted, and runs go on.

use std::time::Duration;

use testkit::fleet::Shape;

use crate::{RUN, Runs, fleet};

#[tokio::test]
async fn a_crash_of_postgres() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    fleet.database.crash().await.unwrap(); // one backend dies, all start anew
    runs.add(&fleet).await;
    fleet.database.kill().unwrap();
    fleet.database.start_again(&fleet.network).await.unwrap();
    runs.add(&fleet).await;
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn restarts_of_postgres() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    for _ in 0..3 {
        fleet.database.stop().unwrap();
        fleet.database.start_again(&fleet.network).await.unwrap();
        runs.add(&fleet).await;
    }
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_postgres_that_hangs_and_goes_on() {
    let Some(fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    // bursts that are noticed, and such that are not
    for (frozen_ms, thawed_ms) in [(300, 200), (800, 300), (1_700, 500), (4_000, 1_000), (7_000, 1_000)] {
        fleet.database.freeze(true).unwrap();
        tokio::time::sleep(Duration::from_millis(frozen_ms)).await;
        fleet.database.freeze(false).unwrap();
        tokio::time::sleep(Duration::from_millis(thawed_ms)).await;
    }
    runs.add(&fleet).await;
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_slow_link_to_postgres() {
    let Some(fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    fleet.network.slow(fleet.database.node, 500).unwrap();
    runs.add(&fleet).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    fleet.network.heal().unwrap();
    runs.add(&fleet).await;
    runs.end_undisturbed(&fleet).await;
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_postgres_that_nobody_reaches_for_a_while() {
    let Some(fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    for seconds in [1, 3, 12] {
        for coordinator in &fleet.coordinators {
            fleet.network.cut(coordinator.node, fleet.database.node).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        fleet.network.heal().unwrap();
        runs.add(&fleet).await;
    }
    runs.end_undisturbed(&fleet).await;
}

/// ```text
/// disk of 256 MiB ─ filled to the last byte ─▶ 503, nothing is stored ─ freed ─▶ all goes on
/// ```
#[tokio::test]
#[ignore = "make chaos"]
async fn a_full_disk() {
    let Some(mut fleet) = fleet(Shape { disk_mib: 256, ..Shape::default() }).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    fleet.database.fill().unwrap();
    let mut large = crate::spin();
    large.params["result_bytes"] = 60_000.into(); // 14 MiB that do not fit any more
    let refused = tokio::time::timeout(Duration::from_secs(3), fleet.submit(&large)).await;
    let accepted = refused.ok().map(Result::unwrap);
    tokio::time::sleep(Duration::from_secs(8)).await;
    fleet.database.free().unwrap();
    // a server that could not write its log has ended; whatever runs it starts it again
    if fleet.database.server.as_mut().unwrap().ended().unwrap().is_some() {
        fleet.database.start_again(&fleet.network).await.unwrap();
    }
    runs.add(&fleet).await;
    runs.end_undisturbed(&fleet).await;
    if let Some(run) = accepted {
        fleet.success(&run, RUN).await.unwrap();
    }
}
