//! The figures that are compared over time, gathered from the answers into one flat document.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::report::Folder;

/// Where each figure of `engine.json` comes from: its key, the document, the place in it.
const SOURCES: &[(&str, &str, &str)] = &[
    ("shards_per_second_stored", "throughput", "/small/per_second"),
    ("shards_per_second_stored_10k", "throughput", "/small_10k/per_second"),
    ("shards_per_second_stored_64k", "throughput", "/large/per_second"),
    ("copy_rows_per_second", "throughput", "/copy_rows_per_second"),
    ("copy_rows_per_second_64k", "throughput", "/copy_large_rows_per_second"),
    ("cpu_us_per_shard", "throughput", "/small/cpu_us_per_shard"),
    ("coordinator_us_per_shard", "throughput", "/small/coordinator_us_per_shard"),
    ("one_shard_p50_ms", "latency", "/p50_ms"),
    ("one_shard_p99_ms", "latency", "/p99_ms"),
    ("efficiency_1ms", "efficiency", "/0/efficiency"),
    ("efficiency_10ms", "efficiency", "/1/efficiency"),
    ("efficiency_100ms", "efficiency", "/2/efficiency"),
    ("coordinator_mib_per_million_shards", "memory", "/1/mib_per_million_shards"),
    ("coordinator_peak_mib", "memory", "/1/peak_mib"),
    ("coordinator_kib_per_worker", "memory", "/1/kib_per_worker"),
    ("takeover_seconds", "recovery", "/takeover_seconds"),
    ("hung_worker_seconds", "recovery", "/hung_worker_seconds"),
];

/// Writes `engine.json`. What was not measured is left out; it is quiet if all of its parts were.
pub fn gather(folder: &Folder) -> Result<()> {
    let mut figures = Map::new();
    let (mut quiet, mut busy, mut cores) = (true, 0.0_f64, 1.0);
    for &(key, document, place) in SOURCES {
        if let Some(figure) = folder.figure(document, place) {
            figures.insert(key.to_owned(), figure);
        }
        let Some(machine) = folder.read(document).and_then(|document| document.get("machine").cloned())
        else {
            continue;
        };
        quiet &= machine.get("quiet").and_then(Value::as_bool).unwrap_or(false);
        let number = |key| machine.get(key).and_then(Value::as_f64);
        cores = number("cores").unwrap_or(cores);
        busy = busy.max(number("others_before").unwrap_or(0.0));
    }
    figures.insert("quiet".to_owned(), json!(quiet));
    figures.insert("busy_before".to_owned(), json!(busy / cores));
    figures.insert("cores".to_owned(), json!(cores));
    folder.write_json("engine", &figures)
}
