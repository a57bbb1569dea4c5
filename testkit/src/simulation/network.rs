//! What passes between workers and coordinators.
//!
//! A connection carries frames in order, both ways, each as long as chance wants. When it ends, what is on its way may
//! still arrive, or be lost from some frame on; the two ends learn of it at times of their own, so that late news of an
//! earlier connection meets the next one. While a worker is isolated frames wait; a connection that is silent for longer
//! than `TCP_USER_TIMEOUT` breaks. Beyond what a real connection does, frames may be lost, repeated or overtaken in
//! between, as far as the plan says so: messages are meant to survive that too.

use std::sync::Arc;

use common::ids::WorkerId;

use super::agenda::{Instant, MS, SECOND};
use super::coordinator::CoordinatorWhat;
use super::worker::WorkerWhat;
use super::world::{What, Who, World};

/// See `common/src/transport.rs`.
const USER_TIMEOUT: Instant = 8 * SECOND;

/// See `worker/src/link.rs`.
const DIAL: Instant = 3 * SECOND;

/// See `worker/src/link.rs`.
const READY: Instant = 5 * SECOND;

/// Names a connection.
pub type LinkId = usize;

/// A connection between a worker and a leader.
#[derive(Debug)]
pub struct Link {
    /// The worker's place and life.
    pub worker: (usize, u32),
    /// Its id.
    pub id: WorkerId,
    /// Which of its connections.
    pub incarnation: u32,
    /// The coordinator's place and life.
    pub coordinator: (usize, u32),
    /// The leadership that it was made under.
    pub epoch: u32,
    /// Whether the worker's end is open.
    worker_open: bool,
    /// Whether the leader's end is open.
    leader_open: bool,
    up: Way,
    down: Way,
}

/// One direction of a connection.
#[derive(Debug)]
struct Way {
    /// When the last frame arrives.
    last: Instant,
    /// What arrives later than this is lost.
    lost_after: Instant,
}

impl Default for Way {
    fn default() -> Self {
        Self { last: 0, lost_after: Instant::MAX }
    }
}

impl World {
    /// Whether a worker that dials a coordinator gets a session, and after how long it knows.
    pub(super) fn reach(&mut self, w: usize, c: usize) -> Result<Instant, Instant> {
        let now = self.agenda.now();
        if self.isolated[w] > now {
            return Err(DIAL);
        }
        let coordinator = &self.coordinators[c];
        if coordinator.process.is_stopped() {
            return Err(READY); // the kernel accepts, and nobody speaks
        }
        if coordinator.leader.as_ref().is_none_or(|leader| !leader.open) {
            return Err(MS);
        }
        Ok(3 * self.delay())
    }

    /// Makes the connection that [`World::reach`] promised.
    pub(super) fn open_link(&mut self, w: usize, c: usize) -> LinkId {
        let life = self.workers[w].process.life;
        let body = self.body(w);
        let (id, incarnation) = (body.id, body.incarnation);
        let coordinator = &self.coordinators[c];
        let epoch = coordinator.leader.as_ref().map_or(0, |leader| leader.epoch.0);
        self.links.push(Link {
            worker: (w, life),
            id,
            incarnation,
            coordinator: (c, coordinator.process.life),
            epoch,
            worker_open: true,
            leader_open: true,
            up: Way::default(),
            down: Way::default(),
        });
        self.links.len() - 1
    }

    /// Whether both ends of a connection are open still.
    pub(super) fn is_ready(&self, link: LinkId) -> bool {
        self.links[link].worker_open && self.links[link].leader_open
    }

    fn delay(&mut self) -> Instant {
        let (least, most) = self.plan.network.delay;
        self.dice.between(least, most)
    }

    /// When a frame that is sent now arrives, in the order of its way or not.
    fn arrival(&mut self, link: LinkId, up: bool) -> Instant {
        let (now, delay) = (self.agenda.now(), self.delay());
        let freed = self.isolated[self.links[link].worker.0];
        let overtakes = self.dice.chance(self.plan.network.reorders);
        let link = &mut self.links[link];
        let way = if up { &mut link.up } else { &mut link.down };
        let arrival = now.max(freed) + delay;
        if overtakes {
            return arrival;
        }
        way.last = way.last.max(arrival);
        way.last
    }

    /// How many times a frame arrives.
    fn copies(&mut self) -> u32 {
        if self.dice.chance(self.plan.network.drops) {
            return 0;
        }
        1 + u32::from(self.dice.chance(self.plan.network.repeats))
    }

    /// A worker sends a frame.
    pub(super) fn send_up(&mut self, link: LinkId, frame: &Arc<[u8]>) {
        if !self.links[link].worker_open {
            return;
        }
        for _ in 0..self.copies() {
            let at = self.arrival(link, true);
            let (c, life) = self.links[link].coordinator;
            let what = What::Coordinator(CoordinatorWhat::Frame(link, Arc::clone(frame)));
            self.agenda.at(at, (Who::Coordinator(c, life), what));
        }
    }

    /// A leader sends a frame.
    pub(super) fn send_down(&mut self, link: LinkId, frame: &Arc<[u8]>) {
        if !self.links[link].leader_open {
            return;
        }
        for _ in 0..self.copies() {
            let at = self.arrival(link, false);
            let (w, life) = self.links[link].worker;
            self.agenda
                .at(at, (Who::Worker(w, life), What::Worker(WorkerWhat::Frame(link, Arc::clone(frame)))));
        }
    }

    /// Whether a frame that arrives now, over a connection, does arrive: it may be lost or have to wait.
    pub(super) fn arrives(&mut self, link: LinkId, up: bool, again: impl FnOnce() -> (Who, What)) -> bool {
        let now = self.agenda.now();
        let freed = self.isolated[self.links[link].worker.0];
        let way = if up { &mut self.links[link].up } else { &mut self.links[link].down };
        if now > way.lost_after {
            return false;
        }
        if freed > now {
            way.last = way.last.max(freed);
            self.agenda.at(freed, again());
            return false;
        }
        true
    }

    /// The worker's end is closed: by itself, or because the process is dead.
    pub(super) fn close_from_worker(&mut self, link: LinkId) {
        if !std::mem::take(&mut self.links[link].worker_open) {
            return;
        }
        let at = self.loses(link, true);
        let (c, life) = self.links[link].coordinator;
        self.agenda.at(at, (Who::Coordinator(c, life), What::Coordinator(CoordinatorWhat::Unlinked(link))));
    }

    /// The leader's end is closed: by itself, or because the process is dead.
    pub(super) fn close_from_leader(&mut self, link: LinkId) {
        if !std::mem::take(&mut self.links[link].leader_open) {
            return;
        }
        let at = self.loses(link, false);
        let (w, life) = self.links[link].worker;
        self.agenda.at(at, (Who::Worker(w, life), What::Worker(WorkerWhat::Unlinked(link))));
    }

    /// Of what is on its way, what comes after some frame is lost; says when the other end learns that nothing follows.
    fn loses(&mut self, link: LinkId, up: bool) -> Instant {
        let (now, delay) = (self.agenda.now(), self.delay());
        let freed = self.isolated[self.links[link].worker.0];
        let broken = if freed > now + USER_TIMEOUT { now + USER_TIMEOUT } else { now.max(freed) };
        let last = if up { self.links[link].up.last } else { self.links[link].down.last };
        // nothing of what waits behind a long isolation arrives
        let lost_after = if broken < freed { now } else { self.dice.between(now, last.max(now)) };
        let way = if up { &mut self.links[link].up } else { &mut self.links[link].down };
        way.lost_after = way.lost_after.min(lost_after);
        broken.max(lost_after) + delay
    }

    /// A connection is reset: both ends learn of it.
    pub(super) fn reset(&mut self, link: LinkId) {
        let delay = self.delay();
        let (w, life) = self.links[link].worker;
        self.agenda.after(delay, (Who::Worker(w, life), What::Worker(WorkerWhat::Unlinked(link))));
    }

    /// Nothing passes between a worker and any coordinator until `until`.
    pub(super) fn isolate(&mut self, w: usize, until: Instant) {
        let now = self.agenda.now();
        self.isolated[w] = self.isolated[w].max(until);
        if until < now + USER_TIMEOUT {
            return;
        }
        let life = self.workers[w].process.life;
        for link in 0..self.links.len() {
            let open = self.links[link].worker_open && self.links[link].leader_open;
            if open && self.links[link].worker == (w, life) {
                let (c, c_life) = self.links[link].coordinator;
                let broken = now + USER_TIMEOUT;
                self.agenda.at(broken, (Who::Worker(w, life), What::Worker(WorkerWhat::Unlinked(link))));
                let what = What::Coordinator(CoordinatorWhat::Unlinked(link));
                self.agenda.at(broken, (Who::Coordinator(c, c_life), what));
            }
        }
    }
}
