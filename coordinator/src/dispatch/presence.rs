//! Which workers are there: introductions, connections, silence, departure, and the lanes that follow from them.

use std::time::Duration;

use common::ids::{LeaseId, WorkerId};
use common::protocol::{Hello, WorkerCommand};

use super::event::{DispatchCommand, DispatchSettings};
use super::leases::Lease;
use super::scheduler::Scheduler;
use super::workers::{Presence, Worker};

/// A worker that was silent for so many times the time after which it is lost is forgotten; should it live, it
/// reconnects, because nothing is sent to it any more.
const FORGOTTEN: u32 = 12;

impl Scheduler {
    /// A worker introduced itself, for the first time or over a new connection.
    pub(super) fn hello(
        &mut self,
        id: WorkerId,
        incarnation: u32,
        hello: &Hello,
        offers: Vec<(String, u32)>,
    ) {
        if hello.lanes == 0 || offers.is_empty() {
            let reason = "a worker needs at least one lane and one algorithm".to_owned();
            let command = WorkerCommand::Refuse { reason };
            self.command(DispatchCommand::Send { worker: id, incarnation, command });
            return;
        }
        let mut repeated = false;
        match self.workers.get_mut(&id) {
            Some(known) if known.incarnation > incarnation => {
                self.oddities.stranger += 1;
                return;
            }
            Some(known) if known.incarnation == incarnation && known.is_linked() => {
                // sent before the welcome arrived: it does not know what it was given since
                known.heard_at = self.now;
                repeated = true;
            }
            Some(known) => {
                known.incarnation = incarnation;
                known.presence = Presence::Ready;
                known.heard_at = self.now;
            }
            None => {
                // thought dead, it may have been charged with shards
                for run in self.runs.values_mut() {
                    run.table.acquit(id);
                }
                let mut worker = Worker::new(id, incarnation, hello, offers, self.now);
                worker.drained = self.drained.contains(&id);
                worker.meets =
                    self.needs.iter().filter(|(need, _)| worker.has(need)).map(|(_, n)| n).collect();
                self.workers.insert(id, worker);
            }
        }
        let DispatchSettings { heartbeat, leader_silence, .. } = self.settings;
        let welcome =
            WorkerCommand::Welcome { heartbeat_ms: millis(heartbeat), silence_ms: millis(leader_silence) };
        self.send(id, welcome);
        if !repeated {
            self.held(id, &hello.held, true);
            self.count_lanes();
        }
    }

    /// A silent worker speaks again.
    pub(super) fn recover(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        match worker.presence {
            Presence::Suspect | Presence::Lost => {
                worker.presence = Presence::Ready;
                for run in self.runs.values_mut() {
                    run.table.acquit(id);
                }
                self.count_lanes();
            }
            Presence::Ready | Presence::Unlinked { .. } => {}
        }
    }

    /// A connection ended. What no lane has begun with goes to others at once; the rest waits for a reconnection.
    pub(super) fn unlinked(&mut self, id: WorkerId, incarnation: u32) {
        let now = self.now;
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.incarnation == incarnation)
        else {
            self.oddities.stranger += 1;
            return;
        };
        worker.presence = Presence::Unlinked { since: now };
        worker.missing.clear();
        let leases: Vec<LeaseId> = worker.leases.iter().copied().collect();
        let on_lanes = worker.on_lanes(&self.leases);
        self.inbox.forget(|_, worker| worker == id);
        for lease in leases {
            self.change_lease(lease, |lease| lease.announced = 0);
            if self.leases.get(lease).is_some_and(Lease::waits) && !on_lanes.contains(&lease) {
                self.release(lease);
            }
        }
        self.count_lanes();
    }

    /// A worker left and holds nothing any more.
    pub(super) fn dismiss(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(&id) else { return };
        let leases: Vec<LeaseId> = worker.leases.iter().copied().collect();
        self.inbox.forget(|_, worker| worker == id);
        for lease in leases {
            self.release(lease);
        }
        self.workers.remove(&id);
        self.count_lanes();
    }

    /// An operator wants a worker empty, or back.
    pub(super) fn drain(&mut self, id: WorkerId, on: bool) {
        let changed = if on { self.drained.insert(id) } else { self.drained.remove(&id) };
        if !changed {
            return;
        }
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.drained = on;
            self.send(id, if on { WorkerCommand::Drain } else { WorkerCommand::Undrain });
            self.count_lanes();
        }
    }

    /// Notices who became silent, and who stayed away.
    pub(super) fn watch_workers(&mut self) {
        let DispatchSettings { suspect, silence, reconnect, .. } = self.settings;
        let mut changed = false;
        let mut lost = Vec::new();
        let mut gone = Vec::new();
        for worker in self.workers.values_mut() {
            let silent = self.now.since(worker.heard_at);
            match worker.presence {
                Presence::Unlinked { since } if self.now.since(since) >= reconnect => gone.push(worker.id),
                Presence::Lost if silent >= silence * FORGOTTEN => gone.push(worker.id),
                Presence::Suspect if silent >= silence => {
                    worker.presence = Presence::Lost;
                    lost.push(worker.id);
                }
                Presence::Ready if silent >= suspect => {
                    worker.presence = Presence::Suspect;
                    changed = true;
                }
                _ => {}
            }
        }
        for id in lost {
            self.died(id, "was silent for too long");
        }
        for id in gone {
            self.died(id, "lost its connection and did not come back");
            self.workers.remove(&id);
            changed = true;
        }
        if changed {
            self.count_lanes();
        }
    }

    /// Looks anew which needs a worker meets, after its memory changed.
    pub(super) fn meet_needs(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.meets = self.needs.iter().filter(|(need, _)| worker.has(need)).map(|(_, n)| n).collect();
        self.count_lanes();
    }

    /// Counts the lanes for each need anew after a worker came, went or changed.
    pub(super) fn count_lanes(&mut self) {
        self.lanes.clear();
        for worker in self.workers.values().filter(|worker| worker.is_ready()) {
            for need in &worker.meets {
                *self.lanes.entry(*need).or_default() += u32::from(worker.lanes);
            }
        }
        self.may_assign = true;
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
