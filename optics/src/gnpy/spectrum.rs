//! The spectrum file: runs of equal channels that make a mixed comb.

use serde_json::Value;

use super::fields::{Fields, Log, Range};
use crate::finding::Finding;
use crate::propagation::comb::{Channel, Partition};

/// Reads a spectrum file, lowest frequency first.
///
/// # Errors
/// Everything wrong with it, naming the partition and the field. Whether partitions overlap is for the comb to say.
pub fn read(spectrum: &Value) -> Result<Vec<Partition>, Vec<Finding>> {
    let log = Log::default();
    let mut partitions = Vec::new();
    if let Some(root) = Fields::of(spectrum, "", "spectrum", &log) {
        let key = if root.has("spectrum") { "spectrum" } else { "gnpy-spectrum:spectrum" };
        let entries = root.objects(key);
        if entries.is_empty() {
            root.error("MISSING_FIELD", "spectrum", "spectrum is missing or empty");
        }
        for (index, entry) in entries.into_iter().enumerate() {
            partitions.push(partition(&entry.called(format!("partition {index}"))));
        }
    }
    partitions.sort_by(|a: &Partition, b| a.f_min_hz.total_cmp(&b.f_min_hz));
    log.finish(partitions)
}

fn partition(entry: &Fields<'_>) -> Partition {
    let f_min_hz = entry.number("f_min", Range::Positive);
    let f_max_hz = entry.number("f_max", Range::Positive);
    let slot_width_hz = entry.number("slot_width", Range::Positive);
    let baud_rate = entry.number("baud_rate", Range::Positive);
    if f_max_hz < f_min_hz {
        entry.error("OUT_OF_RANGE", "f_max", &format!("f_max is {f_max_hz}, below f_min"));
    }
    if baud_rate > slot_width_hz {
        entry.error("OUT_OF_RANGE", "baud_rate", &format!("baud_rate is {baud_rate}, above slot_width"));
    }
    Partition {
        f_min_hz,
        f_max_hz,
        channel: Channel {
            frequency_hz: f_min_hz,
            baud_rate,
            slot_width_hz,
            roll_off: entry.number("roll_off", Range::NotNegative),
            offset_db: entry.number_or("delta_pdb", Range::Any, 0.0),
            tx_osnr_db: entry.number_or("tx_osnr", Range::Any, 40.0),
            tx_power_dbm: entry.number_or("tx_power_dbm", Range::Any, 0.0),
        },
    }
}
