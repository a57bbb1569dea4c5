//! The leader is lost in every way it can be: another one takes over within five seconds, and runs go on.

use std::time::Duration;

use cli::client::ClientError;
use cli::process::Signal;
use common::clock;
use testkit::fleet::{Fleet, Shape};
use testkit::recovery::{Loss, TakeOver, take_over};

use crate::{Runs, fleet};

/// The promise.
const LIMIT: Duration = Duration::from_secs(5);

/// Loses the leader, measures, and goes on submitting. Yields what is to end well, and who was lost.
async fn loses_its_leader(fleet: &mut Fleet, loss: Loss) -> (Runs, usize) {
    let mut runs = Runs::under_way(fleet).await;
    let TakeOver { lost, leads, stores } = take_over(fleet, runs.first(), loss).await.unwrap();
    eprintln!("{loss}: led after {leads:?}, stored after {stores:?}");
    assert!(leads <= LIMIT, "{loss}: another coordinator led after {leads:?}");
    assert!(stores <= LIMIT, "{loss}: results were stored again after {stores:?}");
    assert_ne!(fleet.leader().await.unwrap(), lost);
    runs.add(fleet).await;
    (runs, lost)
}

#[tokio::test]
async fn a_killed_leader() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let (runs, leader) = loses_its_leader(&mut fleet, Loss::Killed).await;
    runs.end_undisturbed(&fleet).await;
    fleet.start_coordinator(leader).unwrap();
    let standing_by = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'netplanner stand-by'";
    let asked = async || Ok(fleet.sql(standing_by).await? == 1);
    fleet.eventually("the old leader stands by", crate::RUN, asked).await.unwrap();
}

#[tokio::test]
async fn a_frozen_leader_that_wakes_up_and_can_write_nothing() {
    let Some(mut fleet) = fleet(Shape { by_name: true, ..Shape::default() }).await else { return };
    let (runs, frozen) = loses_its_leader(&mut fleet, Loss::Frozen).await;
    let epoch = fleet.epoch().await.unwrap();
    let leftovers = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^netplanner leader e{} '",
        epoch - 1
    );
    assert_eq!(fleet.sql(&leftovers).await.unwrap(), 0, "nothing of the old leadership is connected");
    fleet.coordinators[frozen].signal(Signal::CONT).unwrap();
    runs.end_undisturbed(&fleet).await;
    assert_eq!(fleet.epoch().await.unwrap(), epoch, "the woken one leads nothing");
    let log = fleet.coordinators[frozen].log();
    assert!(log.contains("the leadership is lost"), "it noticed");
    // and it serves on as a follower
    fleet.client(frozen).ready().await.unwrap();
    assert_eq!(fleet.client(frozen).status().await.unwrap().workers.len(), 2);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_from_the_database() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let (runs, cut) = loses_its_leader(&mut fleet, Loss::CutFromDatabase).await;
    runs.end_undisturbed(&fleet).await;
    let asked = clock::now();
    assert!(fleet.client(cut).ready().await.is_err(), "it says that it cannot serve");
    assert!(clock::now().since(asked) < Duration::from_secs(3), "at once");
    fleet.network.heal().unwrap();
    let ready = async || Ok(fleet.client(cut).ready().await.is_ok());
    fleet.eventually("it serves again", crate::RUN, ready).await.unwrap();
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_leader_that_is_cut_off_from_all_workers_makes_way() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let (runs, cut) = loses_its_leader(&mut fleet, Loss::CutFromCluster).await;
    runs.end_undisturbed(&fleet).await;
    assert_ne!(fleet.leader().await.unwrap(), cut);
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_leader_whose_machine_vanishes() {
    let Some(mut fleet) = fleet(Shape { coordinators: 3, by_name: true, ..Shape::default() }).await else {
        return;
    };
    let (runs, gone) = loses_its_leader(&mut fleet, Loss::Vanished).await;
    runs.end_undisturbed(&fleet).await;
    fleet.network.heal().unwrap();
    let ready = async || Ok(fleet.client(gone).ready().await.is_ok());
    fleet.eventually("it serves again", crate::RUN, ready).await.unwrap();
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_terminated_leader_hands_over() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let (runs, _) = loses_its_leader(&mut fleet, Loss::Terminated).await;
    runs.end_undisturbed(&fleet).await;
}

/// ```text
/// both coordinators down ─▶ follower alone ─▶ …: whoever is there serves, and says where the leader is missing
/// ```
#[tokio::test]
#[ignore = "make chaos"]
async fn followers_serve_reads_and_say_when_nobody_leads() {
    let Some(fleet) = fleet(Shape::default()).await else { return };
    let runs = Runs::under_way(&fleet).await;
    let (leader, follower) = (fleet.leader().await.unwrap(), fleet.follower().await.unwrap());
    let client = fleet.client(follower).clone();
    assert_eq!(client.status().await.unwrap().workers.len(), 2, "passed on to the leader");
    // a stream and a long poll at the follower live through the change
    let mut stream = client.events(runs.first(), None).await.unwrap();
    let (first, waiting) = (runs.first().to_owned(), client.clone());
    let poll = tokio::spawn(async move { waiting.run_after(&first, 30).await });

    // the leader hangs: nobody can take over for three seconds
    fleet.coordinators[leader].signal(Signal::STOP).unwrap();
    let asked = clock::now();
    let refused = client.status().await.unwrap_err();
    assert!(clock::now().since(asked) < Duration::from_secs(4), "bounded: {:?}", clock::now().since(asked));
    let ClientError::Refused(problem) = refused else { panic!("{refused}") };
    assert_eq!((problem.status, problem.code.as_str()), (503, "no_leader"));
    assert!(client.run(runs.first()).await.is_ok(), "what is stored is served");
    runs.end_undisturbed(&fleet).await;
    assert!(poll.await.unwrap().unwrap().has_ended());
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event);
    }
    assert!(last.is_some(), "the stream told the end");
}
