//! What operators and owners hold: the whole queue, or single runs. What a lane has begun with goes on and its results count;
//! what waits behind lanes is taken back.

use std::collections::BTreeSet;

use common::ids::RunId;

use super::scheduler::Scheduler;

impl Scheduler {
    /// Nothing is handed out any more, or everything again.
    pub(super) fn pause_queue(&mut self, on: bool) {
        self.may_assign |= self.paused && !on;
        if on && !self.paused {
            self.withdraw_waiting(|_| true);
        }
        self.paused = on;
    }

    /// Of these runs, and no others, nothing is handed out.
    pub(super) fn pause_runs(&mut self, paused: BTreeSet<RunId>) {
        let changed: Vec<RunId> = self.paused_runs.symmetric_difference(&paused).copied().collect();
        self.paused_runs = paused;
        for id in &changed {
            let on = self.paused_runs.contains(id);
            if let Some(run) = self.runs.get_mut(id) {
                run.paused = on;
                run.waits_since = self.now;
                self.requeue(*id);
            }
        }
        let held: BTreeSet<RunId> = changed.into_iter().filter(|id| self.paused_runs.contains(id)).collect();
        if !held.is_empty() {
            self.withdraw_waiting(|lease| held.contains(&lease.run));
        }
    }
}
