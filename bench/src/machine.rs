//! Is the machine quiet?

use std::time::Duration;

use anyhow::{Context as _, Result};

/// How long others are watched.
const WATCH: Duration = Duration::from_secs(2);

/// Others may use this share of the machine.
const QUIET: f64 = 0.1;

/// The share of all cores that is in use while we do nothing, 0 to 1.
pub async fn busy_share() -> Result<f64> {
    let before = ticks()?;
    tokio::time::sleep(WATCH).await;
    let after = ticks()?;
    let (idle, all) = (after.0 - before.0, after.1 - before.1);
    Ok(1.0 - idle as f64 / all.max(1) as f64)
}

/// Whether others leave the machine to us.
pub fn is_quiet(busy: f64) -> bool {
    busy < QUIET
}

/// Idle ticks and all ticks of all cores since the machine started.
fn ticks() -> Result<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("a first line")?;
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let idle = fields.get(3).context("idle time")? + fields.get(4).copied().unwrap_or(0);
    // guest time is counted in user time already
    Ok((idle, fields.iter().take(8).sum()))
}
