//! CPU time by who used it: the coordinator, the workers, Postgres, this program, everybody else.

use std::time::Duration;

use anyhow::Result;
use common::clock::{self, Timestamp};
use serde::{Deserialize, Serialize};
use testkit::cluster::Cluster;
use testkit::postgres::Server;
use testkit::process::{Process, cpu_time};

use crate::machine::Ticks;

/// A reading of all clocks.
pub struct Clocks {
    at: Timestamp,
    coordinator: Duration,
    workers: Duration,
    postgres: Duration,
    bench: Duration,
    machine: Ticks,
}

impl Clocks {
    /// Reads them.
    pub fn read(cluster: &mut Cluster, server: &Server) -> Result<Self> {
        Ok(Self {
            at: clock::now(),
            coordinator: cluster.coordinator()?.cpu_time()?,
            workers: cluster.workers.iter().flatten().map(Process::cpu_time).sum::<Result<_>>()?,
            postgres: server.cpu_time()?,
            bench: cpu_time(std::process::id())?,
            machine: Ticks::now()?,
        })
    }

    /// What was used since `before`.
    pub fn since(&self, before: &Self) -> Spent {
        let seconds = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64();
        let coordinator = seconds(self.coordinator, before.coordinator);
        let workers = seconds(self.workers, before.workers);
        let postgres = seconds(self.postgres, before.postgres);
        let bench = seconds(self.bench, before.bench);
        let all = self.machine.busy_since(&before.machine).as_secs_f64();
        Spent {
            wall_s: self.at.since(before.at).as_secs_f64(),
            coordinator_s: coordinator,
            workers_s: workers,
            postgres_s: postgres,
            bench_s: bench,
            others_s: (all - coordinator - workers - postgres - bench).max(0.0),
            stolen_s: self.machine.stolen_since(&before.machine).as_secs_f64(),
        }
    }
}

/// CPU seconds of a span of time. They are counted in hundredths.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)] // each says its unit
pub struct Spent {
    /// The span itself.
    pub wall_s: f64,
    /// By the coordinator.
    pub coordinator_s: f64,
    /// By the workers, computing included.
    pub workers_s: f64,
    /// By all processes of Postgres.
    pub postgres_s: f64,
    /// By the program that measures.
    pub bench_s: f64,
    /// By all other processes and the kernel's own threads.
    pub others_s: f64,
    /// Given to others by the machine's host.
    pub stolen_s: f64,
}

impl Spent {
    /// By coordinator, workers and Postgres together.
    pub fn engine_s(&self) -> f64 {
        self.coordinator_s + self.workers_s + self.postgres_s
    }
}
