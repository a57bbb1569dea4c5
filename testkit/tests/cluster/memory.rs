//! The coordinator's memory stays within stated bounds, whatever is asked of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cli::client::InputKind;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use testkit::cluster::{Cluster, SOON, Shape};
use testkit::process::anonymous_memory;

use crate::RUN;

const MIB: u64 = 1 << 20;

/// Looks at the memory of a process until it is dropped, and knows the most that it saw.
struct Watch {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn of(pid: u32) -> Self {
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, ended) = (Arc::clone(&most), Arc::clone(&over));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                seen.fetch_max(anonymous_memory(pid).unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { most, over }
    }

    fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// A topology of a few kilobytes with so much air in it.
fn airy(file: &Path, air: usize) -> Box<RawValue> {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.trim().replacen('{', &format!("{{{}", " ".repeat(air)), 1);
    RawValue::from_string(text).unwrap()
}

#[tokio::test]
async fn a_document_of_60_mib_is_served_to_several_workers_in_a_few_mebibytes() {
    let shape = Shape::workers(0).coordinator("--document-cache-mib=8");
    let mut cluster = Cluster::prepare(shape).await.unwrap();
    cluster.start_coordinator().unwrap();
    cluster.until_ready().await.unwrap();
    cluster.add_worker().unwrap();
    cluster.until_workers(1).await.unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let topology = airy(&samples.join("nsfnet/topology.json"), 60 << 20);
    let equipment = airy(&samples.join("equipment.json"), 0);
    let topology = cluster.client.create_input(InputKind::Topology, "large", &topology).await.unwrap();
    let equipment = cluster.client.create_input(InputKind::Equipment, "small", &equipment).await.unwrap();
    let pieces = cluster.sql("SELECT count(*) FROM document_pieces").await.unwrap();
    assert_eq!(pieces, 61);

    // what the upload took is not what is measured
    cluster.kill_worker(0).unwrap();
    cluster.kill_coordinator().unwrap();
    cluster.start_coordinator().unwrap();
    cluster.until_ready().await.unwrap();
    for _ in 0..3 {
        cluster.add_worker().unwrap();
    }
    cluster.until_workers(3).await.unwrap();
    let pid = cluster.coordinator().unwrap().pid();
    let before = anonymous_memory(pid).unwrap();
    let watch = Watch::of(pid);
    let body = json!({ "algorithm": "gsnr", "params": { "k": 1 },
        "inputs": { "topology": { "id": topology.id }, "equipment": { "id": equipment.id } } });
    let run: Value = cluster.client.post("/api/v1/runs", &body).await.unwrap();
    let id = run["id"].as_str().unwrap();
    cluster.success(id, RUN).await.unwrap();
    let grown = watch.most().saturating_sub(before);
    println!(
        "{:.1} MiB before, {:.1} MiB more at most",
        before as f64 / MIB as f64,
        grown as f64 / MIB as f64
    );
    assert!(grown < 40 * MIB, "{} MiB", grown / MIB);

    // and read back by a client, block by block
    let watch = Watch::of(pid);
    let before = anonymous_memory(pid).unwrap();
    let read = cluster.client.run_input(id, "topology").await.unwrap();
    assert!(read.len() > 60 << 20);
    let grown = watch.most().saturating_sub(before);
    println!("{:.1} MiB more at most for a client", grown as f64 / MIB as f64);
    assert!(grown < 30 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn a_thousand_queued_runs_take_a_few_mebibytes() {
    let mut cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let pid = cluster.coordinator().unwrap().pid();
    let _: Value = cluster.client.post("/api/v1/admin/queue/pause", &json!({})).await.unwrap();
    // connections, caches, the first of everything
    for _ in 0..50 {
        cluster.spin(json!({ "shards": 4 })).await.unwrap();
    }
    let before = anonymous_memory(pid).unwrap();
    let mut last = None;
    for _ in 0..1_000 {
        last = Some(cluster.spin(json!({ "shards": 4 })).await.unwrap().id);
    }
    let last = last.unwrap();
    cluster
        .eventually("the leader knows all of them", SOON, async || {
            Ok(cluster.client.run(&last).await?.waiting_reason.is_some())
        })
        .await
        .unwrap();
    let after = anonymous_memory(pid).unwrap();
    let grown = after.saturating_sub(before);
    println!("{} KiB a queued run, {:.1} MiB in all", grown / 1024 / 1_000, after as f64 / MIB as f64);
    assert!(grown < 24 * MIB, "{} MiB", grown / MIB);
    let _: Value = cluster.client.post("/api/v1/admin/queue/resume", &json!({})).await.unwrap();
    cluster.success(&last, RUN).await.unwrap();
}
