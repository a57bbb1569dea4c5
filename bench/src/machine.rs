//! The machine under the measurement: is it quiet, what do others use of it, what does it lose to its own host.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// How long others are watched before a measurement.
const WATCH: Duration = Duration::from_secs(2);

/// Others may use this many cores.
const QUIET_CORES: f64 = 0.05;

/// What is said beside every figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Cores.
    pub cores: usize,
    /// The processor's name.
    pub processor: String,
    /// Whether others used less than 0.05 core before the measurement.
    pub quiet: bool,
    /// Cores that others used before it.
    pub others_before: f64,
}

impl Machine {
    /// Watches the machine for two seconds.
    pub async fn watch() -> Result<Self> {
        let before = Ticks::now()?;
        tokio::time::sleep(WATCH).await;
        let others_before = Ticks::now()?.cores_used_since(&before, WATCH);
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = (cpuinfo.lines())
            .find_map(|line| line.strip_prefix("model name").and_then(|rest| rest.split_once(": ")))
            .map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self { cores, processor, quiet: others_before < QUIET_CORES, others_before })
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let Self { cores, processor, quiet, others_before } = self;
        if *quiet {
            format!("{cores} cores ({processor}), quiet: others used {others_before:.2} core before")
        } else {
            format!(
                "{cores} cores ({processor}), NOT QUIET: others used {others_before:.2} core before; rates and times are worse than they could be"
            )
        }
    }
}

/// Time of all cores since the machine started, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    busy: u64,
    stolen: u64,
}

impl Ticks {
    /// As of now.
    pub fn now() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let line = stat.lines().next().context("a first line of /proc/stat")?;
        let field = line.split_whitespace().skip(1).map(|field| field.parse::<u64>().unwrap_or(0));
        // user, nice, system, idle, iowait, irq, softirq, steal; guest time is counted in user time already
        let fields: Vec<u64> = field.take(8).collect();
        let busy = [0, 1, 2, 5, 6].iter().filter_map(|at| fields.get(*at)).sum();
        Ok(Self { busy, stolen: fields.get(7).copied().unwrap_or(0) })
    }

    /// Time that all processes together used since.
    pub fn busy_since(&self, before: &Self) -> Duration {
        of_ticks(self.busy - before.busy)
    }

    /// Time that the machine's own host gave to others.
    pub fn stolen_since(&self, before: &Self) -> Duration {
        of_ticks(self.stolen - before.stolen)
    }

    fn cores_used_since(&self, before: &Self, wall: Duration) -> f64 {
        self.busy_since(before).as_secs_f64() / wall.as_secs_f64()
    }
}

#[allow(clippy::cast_precision_loss)] // ticks of a few minutes
fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}
