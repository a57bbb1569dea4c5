//! PURE. The rhythm of a conversation with a leader: greeting, heartbeats, and when silence means that nobody is there.

use std::time::Duration;

use common::clock::Timestamp;

/// Silence of a leader that has not welcomed us yet after which the next address is tried.
const GREETING_SILENCE: Duration = Duration::from_secs(5);

/// Wait before the second `Hello`; doubles up to [`HELLO_SLOWEST`].
const HELLO_AGAIN: Duration = Duration::from_millis(200);

/// Longest wait between two `Hello`s.
const HELLO_SLOWEST: Duration = Duration::from_secs(2);

/// What is to be said now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// There is nobody to say it to.
    Nothing,
    /// Who we are.
    Hello,
    /// Outcomes, if there are any.
    Outcomes,
    /// Outcomes, and what we hold.
    Heartbeat,
    /// The leader is silent: connect anew.
    GiveUp,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Down,
    Greeting { next: Timestamp, wait: Duration },
    Welcomed { heartbeat: Duration, silence: Duration, next: Timestamp },
}

/// See the module.
#[derive(Debug)]
pub struct Talk {
    state: State,
    heard: Timestamp,
}

impl Talk {
    /// Nobody to talk to.
    pub fn new(now: Timestamp) -> Self {
        Self { state: State::Down, heard: now }
    }

    /// A connection is ready.
    pub fn up(&mut self, now: Timestamp) {
        self.heard = now;
        self.state = State::Greeting { next: now, wait: HELLO_AGAIN };
    }

    /// The connection is gone, or given up.
    pub fn down(&mut self) {
        self.state = State::Down;
    }

    /// The leader said something.
    pub fn heard(&mut self, now: Timestamp) {
        self.heard = now;
    }

    /// The leader answered. Returns whether this is the first answer on this connection.
    pub fn welcome(&mut self, heartbeat_ms: u32, silence_ms: u32, now: Timestamp) -> bool {
        let first = matches!(self.state, State::Greeting { .. });
        if first {
            let heartbeat = Duration::from_millis(u64::from(heartbeat_ms.max(10)));
            let silence = Duration::from_millis(u64::from(silence_ms)).max(2 * heartbeat);
            self.state = State::Welcomed { heartbeat, silence, next: now.after(heartbeat) };
        }
        first
    }

    /// Whether the leader knows us.
    pub fn welcomed(&self) -> bool {
        matches!(self.state, State::Welcomed { .. })
    }

    /// How long nobody has been there to talk to; zero while somebody is.
    pub fn alone(&self, now: Timestamp) -> Duration {
        if self.welcomed() { Duration::ZERO } else { now.since(self.heard) }
    }

    /// The next heartbeat is said at once: it carries news.
    pub fn beat_soon(&mut self) {
        if let State::Welcomed { next, .. } = &mut self.state {
            *next = Timestamp(0);
        }
    }

    /// What is due, assuming that it is said.
    pub fn due(&mut self, now: Timestamp) -> Spoken {
        let quiet = now.since(self.heard);
        match &mut self.state {
            State::Greeting { .. } if quiet > GREETING_SILENCE => Spoken::GiveUp,
            State::Welcomed { silence, .. } if quiet > *silence => Spoken::GiveUp,
            State::Greeting { next, wait } if now >= *next => {
                *next = now.after(*wait);
                *wait = (*wait * 2).min(HELLO_SLOWEST);
                Spoken::Hello
            }
            State::Down | State::Greeting { .. } => Spoken::Nothing,
            State::Welcomed { heartbeat, next, .. } if now >= *next => {
                *next = now.after(*heartbeat);
                Spoken::Heartbeat
            }
            State::Welcomed { .. } => Spoken::Outcomes,
        }
    }
}
