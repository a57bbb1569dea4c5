//! What holds of a scheduler between any two events; for tests and the simulation.

use common::ids::LeaseId;
use common::protocol::WorkerCommand;

use super::bitmap::Bitmap;
use super::event::DispatchCommand;
use super::leases::Lease;
use super::runs::Run;
use super::scheduler::Scheduler;
use super::workers::Worker;

impl Scheduler {
    /// Checks the whole state.
    ///
    /// # Panics
    /// If anything contradicts anything else.
    pub fn check(&self) {
        for run in self.runs.values() {
            self.check_run(run);
        }
        for worker in self.workers.values() {
            self.check_worker(worker);
        }
        let mut lent = 0;
        for (id, lease) in self.leases.iter() {
            lent += lease.lent_bytes;
            let run = self.runs.get(&lease.run).expect("a lease is of an open run");
            assert!(run.leases.contains(&id), "the run knows its lease {id}");
            assert_eq!(run.point, lease.point, "a lease is of its run's present work");
            let worker = self.workers.get(&lease.worker).expect("a lease is held by a known worker");
            assert!(worker.leases.contains(&id), "the worker's record knows its lease {id}");
            let remaining =
                lease.range.iter().filter(|s| lease.covers(*s) && !run.table.is_settled(*s)).count();
            assert_eq!(remaining, lease.remaining as usize, "what remains of {id}");
            assert!(lease.remaining > 0, "a lease without anything left is over: {id}");
            assert!(lease.announced <= lease.remaining, "announced of {id}");
            assert!(
                lease.announced <= self.inbox.announced_under(id),
                "what is announced under {id} is awaited"
            );
            if let Some(twin) = lease.twin {
                let other = self.leases.get(twin).expect("a twin is in force");
                assert_eq!(other.twin, Some(id), "twins know each other");
                assert_ne!(other.is_copy, lease.is_copy, "one of two twins is the copy");
                assert_ne!(other.worker, lease.worker, "twins run on different workers");
            }
        }
        assert_eq!(lent, self.leases.lent_bytes(), "lent bytes");
        let planned: u64 = self.runs.values().map(Run::planned).sum();
        assert_eq!(planned, self.planned.total(), "planned shards");
        for usage in self.fair.usage(self.now) {
            let of = |lease: &Lease| self.runs[&lease.run].offer.submitter == usage.submitter;
            let lanes = self.leases.iter().filter(|(_, lease)| of(lease) && lease.needs_a_lane()).count();
            assert_eq!(lanes, usage.lanes as usize, "lanes of {}", usage.submitter);
        }
        self.inbox.check();
        assert!(self.inbox.lent_bytes() <= self.settings.pool_bytes || self.inbox.receiving() == 1);
    }

    /// Checks that nothing is left of runs that are over.
    ///
    /// # Panics
    /// If something is.
    pub fn check_idle(&self) {
        assert!(self.runs.is_empty(), "runs that are open: {:?}", self.runs.keys());
        assert!(self.leases.is_empty(), "leases in force: {:?}", self.leases);
        assert_eq!(self.leases.lent_bytes(), 0, "bytes lent to leases");
        assert_eq!(self.planned.total(), 0, "planned shards");
        assert!(self.inbox.is_empty(), "results are awaited: {:?}", self.inbox);
        assert!(self.fair.is_empty(), "the fair queue holds something");
        for worker in self.workers.values() {
            assert_eq!(worker.active, 0, "lanes in use of {}", worker.id);
        }
    }

    fn check_run(&self, run: &Run) {
        run.table.check();
        let mut held = Bitmap::empty(run.table.shards());
        let leases: Vec<&Lease> =
            run.leases.iter().map(|id| self.leases.get(*id).expect("in force")).collect();
        for lease in &leases {
            for shard in lease.range.iter().filter(|s| lease.covers(*s) && !run.table.is_settled(*s)) {
                assert!(!run.table.is_open(shard), "shard {shard} is held and open");
                let twin_has_it =
                    lease.twin.and_then(|twin| self.leases.get(twin)).is_some_and(|t| t.covers(shard));
                assert!(held.insert(shard) || twin_has_it, "shard {shard} is held twice");
            }
        }
        assert_eq!(held.count(), run.table.leased(), "leased shards of {:?}", run.point);
        let unconfirmed = if run.advanced_by.is_some() { 0 } else { run.storing.len() };
        if run.advanced_by.is_none() {
            assert_eq!(unconfirmed, run.table.storing() as usize, "results at the writer");
        }
        let wanted = run.may_be_handed_out();
        assert_eq!(run.queued, wanted, "the fair queue holds what can be handed out");
        assert_eq!(run.paused, self.paused_runs.contains(&run.offer.run), "a paused run");
        assert!(run.unsure || run.told_waiting == self.waits_for(run), "a run knows what it waits for");
    }

    fn check_worker(&self, worker: &Worker) {
        let leases = || worker.leases.iter().map(|id| self.leases.get(*id).expect("in force"));
        let active = leases().filter(|lease| lease.needs_a_lane()).count();
        assert_eq!(active, usize::from(worker.active), "lanes of {}", worker.id);
        let lent: u64 = leases().map(|lease| lease.lent_bytes).sum();
        assert_eq!(lent, worker.lent_bytes, "bytes lent to {}", worker.id);
    }

    /// Checks that what was just ordered keeps to the credits, the quotas and the memory. A worker may hold more after a
    /// reconnection, when results that were announced count as work again; it is then given nothing.
    ///
    /// # Panics
    /// If a worker was given more than its credit, or than it has memory for.
    pub fn check_orders(&self, orders: &[DispatchCommand]) {
        for order in orders {
            if let DispatchCommand::Send { worker, command: WorkerCommand::Assign(given), .. } = order {
                let worker = self.workers.get(worker).expect("work is given to known workers");
                assert!(worker.active <= worker.credit(&self.settings), "credit of {}", worker.id);
                for lease in given.iter().filter_map(|assignment| self.leases.get(assignment.lease)) {
                    let submitter = &self.runs[&lease.run].offer.submitter;
                    let above = self.settings.user_lanes.saturating_add(1);
                    assert!(!self.fair.is_at_quota(submitter, above) || above == 1, "lanes of {submitter}");
                }
                let memory = |id: &LeaseId| self.leases.get(*id).map_or(0, |lease| lease.memory_bytes);
                if given.iter().any(|assignment| memory(&assignment.lease) > 0) {
                    let leases = worker.leases.iter().filter_map(|id| self.leases.get(*id));
                    let active = leases.filter(|lease| lease.needs_a_lane());
                    let mut tasks: Vec<u64> = active.map(|lease| lease.memory_bytes).collect();
                    tasks.sort_unstable_by(|a, b| b.cmp(a));
                    let most: u64 = tasks.iter().take(usize::from(worker.lanes)).sum();
                    assert!(most <= worker.memory_limit_bytes, "memory of {}", worker.id);
                }
            }
        }
    }
}
