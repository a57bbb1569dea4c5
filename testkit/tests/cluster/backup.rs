//! A database that was dumped in the middle of a run, and restored elsewhere, goes on to the same report.

use std::path::Path;
use std::process::Command;

use testkit::cluster::{Cluster, Shape, spin_params};
use testkit::postgres::Server;

use crate::RUN;

/// Runs a program of Postgres to its end.
fn postgres(program: &str, arguments: &[&str]) {
    let binaries = cli::postgres::find_binaries().unwrap();
    let output = Command::new(binaries.join(program)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_dump_of_a_running_cluster_becomes_one_that_ends_the_run() {
    let server = Server::start().unwrap();
    let original = server.database("original").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("netplanner.dump");

    let cluster = Cluster::start(Shape::workers(2).database(&original)).await.unwrap();
    let run = cluster.spin(spin_params(150, 10)).await.unwrap().id;
    cluster.until_stored(&run, 15).await.unwrap();
    postgres("pg_dump", &["--format=custom", "--no-owner", "--file", text(&dump), &original]);
    cluster.success(&run, RUN).await.unwrap();
    let report = cluster.report(&run).await.unwrap();
    drop(cluster);

    let restored = server.database("restored").await.unwrap();
    postgres("pg_restore", &["--exit-on-error", "--no-owner", "--dbname", &restored, text(&dump)]);
    let cluster = Cluster::prepare(Shape::workers(2).database(&restored)).await.unwrap();
    let count = format!("SELECT count(*) FROM shard_results WHERE run_id = '{run}'");
    let stored = cluster.sql(&count).await.unwrap();
    assert!((15..150).contains(&stored), "the dump was taken in the middle: {stored}");
    drop(cluster);

    let cluster = Cluster::start(Shape::workers(2).database(&restored)).await.unwrap();
    let ended = cluster.success(&run, RUN).await.unwrap();
    assert_eq!(cluster.report(&run).await.unwrap(), report);
    cluster.assert_complete(&run).await.unwrap();
    assert_eq!(ended.failures, 0);
    // and it is a cluster like any other
    let next = cluster.spin(spin_params(5, 1)).await.unwrap();
    cluster.success(&next.id, RUN).await.unwrap();
}
