//! `netplanner` as people and scripts use it: its output and its exit codes.

use std::process::Stdio;

use serde_json::{Value, json};
use testkit::binaries;
use testkit::cluster::{Cluster, Shape};
use tokio::process::Command;

/// What a command printed and how it ended.
struct Done {
    code: i32,
    out: String,
    err: String,
}

async fn netplanner(server: &str, arguments: &[&str]) -> Done {
    let mut command = Command::new(binaries::path("netplanner"));
    command.args(["--server", server]).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

#[tokio::test]
async fn the_main_job_can_be_done_from_a_shell() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let server = cluster.client.server().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let sample = cli::samples::find("nsfnet").unwrap();
    let mut ids = Vec::new();
    for (kind, text) in [("topology", sample.topology), ("traffic", sample.traffic)] {
        let file = folder.path().join(format!("{kind}.json"));
        std::fs::write(&file, text).unwrap();
        let done = netplanner(&server, &["import", kind, file.to_str().unwrap(), "--output", "json"]).await;
        assert_eq!(done.code, 0, "{}", done.err);
        let input: Value = serde_json::from_str(&done.out).unwrap();
        ids.push(input["id"].as_str().unwrap().to_owned());
    }
    let submit = [
        "run",
        "submit",
        "design",
        "--topology",
        &ids[0],
        "--traffic",
        &ids[1],
        "--watch",
        "--output",
        "json",
    ];
    let done = netplanner(&server, &submit).await;
    assert_eq!(done.code, 0, "{}", done.err);
    let run: Value = serde_json::from_str(&done.out).unwrap();
    let id = run["id"].as_str().unwrap();
    assert_eq!(run["state"], json!("succeeded"));

    let table = netplanner(&server, &["run", "result", id]).await;
    for figure in ["lightpaths", "wavelengths used", "blocked", "lower bound", "link"] {
        assert!(table.out.contains(figure), "{figure} is missing in\n{}", table.out);
    }
    let svg = folder.path().join("plan.svg");
    let done =
        netplanner(&server, &["run", "result", id, "--format", "svg", "--out", svg.to_str().unwrap()]).await;
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(std::fs::read_to_string(svg).unwrap().contains("<svg"));

    let done = netplanner(&server, &["run", "reproduce", id, "--stage", "0", "--shard", "0"]).await;
    assert_eq!(done.code, 0, "a shard gives here what the cluster stored: {}{}", done.out, done.err);
    for listing in [["run", "list"], ["cluster", "status"], ["worker", "list"], ["algorithm", "list"]] {
        let done = netplanner(&server, &listing).await;
        assert!(done.code == 0 && !done.out.is_empty(), "{listing:?}: {}", done.err);
        let json = netplanner(&server, &[listing[0], listing[1], "--output", "json"]).await;
        assert!(serde_json::from_str::<Value>(&json.out).is_ok(), "{listing:?}: {}", json.out);
    }
    let shown = netplanner(&server, &["algorithm", "show", "design"]).await;
    assert!(shown.out.contains("grooming"), "{}", shown.out);
}

#[tokio::test]
async fn exit_codes_tell_what_happened() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let server = cluster.client.server().to_owned();
    let cases: [(i32, &str, &[&str]); 7] = [
        (0, &server, &["run", "submit", "spin", "-p", "shards=3", "--watch"]),
        (2, &server, &["run", "submit"]),
        (2, &server, &["run", "submit", "spin", "--params", "[]"]),
        (3, &server, &["run", "submit", "alchemy"]),
        (3, &server, &["run", "get", "0192f000-0000-7000-8000-000000000001"]),
        (4, &server, &["run", "submit", "spin", "-p", "fail_at=0", "--watch"]),
        (6, "127.0.0.1:9", &["cluster", "status"]),
    ];
    for (code, server, arguments) in cases {
        let done = netplanner(server, arguments).await;
        assert_eq!(done.code, code, "{arguments:?}: {}{}", done.out, done.err);
        assert!(code == 0 || !done.err.is_empty(), "{arguments:?} says why");
    }

    let long = cluster.spin(json!({ "shards": 100, "iterations": 1_000_000_000_u64 })).await.unwrap();
    let watch = ["run", "watch", &long.id];
    let watching = netplanner(&server, &watch);
    let cancelling = async {
        cluster.until_stored(&long.id, 0).await.unwrap();
        netplanner(&server, &["run", "cancel", &long.id]).await
    };
    let (watched, cancelled) = tokio::join!(watching, cancelling);
    assert_eq!((watched.code, cancelled.code), (5, 0), "{}{}", watched.err, cancelled.err);
}

#[tokio::test]
async fn the_demonstration_ends_by_itself_without_a_terminal() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let data = folder.path().join("data");
    let done = netplanner("unused:1", &["demo", "--data", data.to_str().unwrap()]).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    for word in ["lightpaths", "wavelengths used", "blocked", "lower bound", "look at it: http://"] {
        assert!(done.out.contains(word), "{word} is missing in\n{}", done.out);
    }
    let left = std::fs::read_dir(&data)
        .unwrap()
        .flatten()
        .any(|entry| entry.path().join("data/postmaster.pid").exists());
    assert!(!left, "the database was shut down");
}
