//! The database is away, at start or later: nothing dies, nothing accepted is lost, and clients are told.

use std::time::Duration;

use cli::client::ClientError;
use serde_json::json;
use testkit::cluster::{Cluster, SOON, Shape, spin_params};
use testkit::postgres::Server;

use crate::RUN;

#[tokio::test]
async fn a_coordinator_waits_for_a_database_that_is_away_at_its_start() {
    let mut server = Server::start().unwrap();
    let url = server.database("late").await.unwrap();
    server.stop().unwrap();
    let mut cluster = Cluster::prepare(Shape::workers(1).database(&url)).await.unwrap();
    cluster.start_coordinator().unwrap();
    cluster.add_worker().unwrap();
    cluster
        .eventually("the process lives and says that it is not ready", SOON, async || {
            let alive = cluster.client.get_as("/livez", "*/*").await.is_ok();
            Ok(alive && cluster.client.ready().await.is_err())
        })
        .await
        .unwrap();
    let refused = cluster.spin(json!({})).await.unwrap_err();
    let refused: ClientError = refused.downcast().unwrap();
    assert!(matches!(&refused, ClientError::Refused(problem) if problem.status == 503), "{refused}");

    server.start_again().unwrap();
    cluster.until_ready().await.unwrap();
    cluster.until_workers(1).await.unwrap();
    let run = cluster.spin(json!({ "shards": 5 })).await.unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
}

#[tokio::test]
async fn a_database_that_goes_away_in_the_middle_of_a_run_only_delays_it() {
    let mut server = Server::start().unwrap();
    let url = server.database("gone").await.unwrap();
    let mut cluster = Cluster::start(Shape::workers(2).database(&url)).await.unwrap();
    let run = cluster.spin(spin_params(150, 20)).await.unwrap();
    cluster.until_stored(&run.id, 10).await.unwrap();
    server.stop().unwrap();
    cluster
        .eventually("readiness is withdrawn", SOON, async || Ok(cluster.client.ready().await.is_err()))
        .await
        .unwrap();
    assert!(cluster.coordinator().unwrap().ended().unwrap().is_none(), "the process stays up");

    server.start_again().unwrap();
    let run = cluster.success(&run.id, RUN + Duration::from_secs(30)).await.unwrap();
    assert_eq!(run.failures, 0, "an outage is nobody's failure");
    cluster.assert_complete(&run.id).await.unwrap();
}
