//! Taking back what no lane has begun with: for lanes that idle, and for what is paused.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::{LeaseId, WorkerId};
use common::protocol::WorkerCommand;

use super::leases::Lease;
use super::scheduler::Scheduler;

/// What waits at a busy worker is taken back for an idle one only if it is worth a round trip.
const WORTH_WITHDRAWING: Duration = Duration::from_millis(5);

impl Scheduler {
    /// Takes back leases that wait at busy workers while other workers have nothing to do.
    pub(super) fn withdraw_for_the_idle(&mut self) {
        let waiting: u32 = self.workers.values().map(|worker| u32::from(worker.waiting())).sum();
        if waiting == 0 {
            return;
        }
        let idle: Vec<WorkerId> = (self.workers.values())
            .filter(|worker| worker.is_hungry(false, &self.settings) && !self.has_to_deliver(worker.id))
            .map(|worker| worker.id)
            .collect();
        let free: u32 =
            idle.iter().filter_map(|id| self.workers.get(id)).map(|w| u32::from(w.free_lanes())).sum();
        if free == 0 {
            return;
        }
        let under_way = self.leases.iter().filter(|(_, lease)| lease.withdrawing).count();
        let mut wanted = free.saturating_sub(u32::try_from(under_way).unwrap_or(u32::MAX));
        let mut back: BTreeMap<WorkerId, Vec<LeaseId>> = BTreeMap::new();
        for worker in self.workers.values().filter(|worker| worker.waiting() > 0) {
            let mut surplus = worker.waiting();
            // the youngest have the longest to wait
            for id in worker.leases.iter().rev() {
                let Some(lease) = self.leases.get(*id) else { continue };
                if wanted == 0 || surplus == 0 {
                    break;
                }
                if lease.waits() {
                    surplus -= 1;
                    let usable = idle.iter().any(|idle| self.may_do(*idle, lease.run, lease.memory_bytes));
                    if usable
                        && !lease.withdrawing
                        && !lease.is_copy
                        && self.expected(lease) >= WORTH_WITHDRAWING
                    {
                        back.entry(worker.id).or_default().push(*id);
                        wanted -= 1;
                    }
                }
            }
        }
        self.ask_back(back);
    }

    /// Takes back everything that waits and that `which` names.
    pub(super) fn withdraw_waiting(&mut self, which: impl Fn(&Lease) -> bool) {
        let mut back: BTreeMap<WorkerId, Vec<LeaseId>> = BTreeMap::new();
        for (id, lease) in self.leases.iter().filter(|(_, lease)| lease.waits() && !lease.withdrawing) {
            if which(lease) {
                back.entry(lease.worker).or_default().push(id);
            }
        }
        self.ask_back(back);
    }

    fn ask_back(&mut self, back: BTreeMap<WorkerId, Vec<LeaseId>>) {
        for (worker, leases) in back {
            for id in &leases {
                self.change_lease(*id, |lease| lease.withdrawing = true);
            }
            self.send(worker, WorkerCommand::Withdraw { leases });
        }
    }

    /// How long a lease should take; long if nothing is known.
    fn expected(&self, lease: &Lease) -> Duration {
        let mean = self.runs.get(&lease.run).and_then(|run| run.measured.wall_us_per_shard());
        mean.map_or(Duration::MAX, |mean| Duration::from_micros(mean * u64::from(lease.remaining)))
    }
}
