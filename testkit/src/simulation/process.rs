//! What every simulated process has: a life, a clock of its own, and what waits while it is stopped.

use common::clock::Timestamp;

use super::agenda::Instant;

/// A process in one place of the cluster.
#[derive(Debug)]
pub struct Process<W> {
    /// Counts the processes of this place; what is meant for an earlier one is passed over.
    pub life: u32,
    /// Whether it lives.
    pub alive: bool,
    /// By how much its clock is ahead of simulated time. Only grows.
    ahead: Instant,
    /// What happened while it was stopped, in order; none while it runs.
    stopped: Option<Vec<W>>,
}

impl<W> Default for Process<W> {
    fn default() -> Self {
        Self { life: 0, alive: false, ahead: 0, stopped: None }
    }
}

impl<W> Process<W> {
    /// Another process is started here.
    pub fn start(&mut self, ahead: Instant) {
        self.life += 1;
        self.alive = true;
        self.ahead = ahead;
        self.stopped = None;
    }

    /// The process is dead.
    pub fn end(&mut self) {
        self.alive = false;
        self.stopped = None;
    }

    /// Its clock.
    pub const fn clock(&self, now: Instant) -> Timestamp {
        Timestamp(now + self.ahead)
    }

    /// Its clock leaps ahead.
    pub const fn leap(&mut self, by: Instant) {
        self.ahead += by;
    }

    /// SIGSTOP.
    pub fn stop(&mut self) {
        if self.alive {
            self.stopped.get_or_insert_default();
        }
    }

    /// SIGCONT: gives back what happened meanwhile.
    pub fn go_on(&mut self) -> Vec<W> {
        self.stopped.take().unwrap_or_default()
    }

    /// Whether it is stopped.
    pub const fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Keeps what happens for later if the process is stopped; gives it back otherwise.
    pub fn defer(&mut self, what: W) -> Option<W> {
        match &mut self.stopped {
            Some(waiting) => {
                waiting.push(what);
                None
            }
            None => Some(what),
        }
    }
}
