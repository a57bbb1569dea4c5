//! The worker's end of the cluster link: keeps one connection to the coordinator that leads, for ever.
//!
//! All addresses are tried at the same time, a name that resolves to several counts as several, and the first that
//! becomes a session is kept: only the leader lets workers in, and one that is frozen or cut off holds nobody up. The
//! pauses are jittered, so that a thousand workers do not return at the same moment, and short, because a new leader
//! gives away what no worker claims within two seconds. Every connection has a new node name and a number, its
//! incarnation, so that news of an earlier one cannot be mistaken.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::clock::{self, Timestamp};
use common::ids::WorkerId;
use common::protocol::worker_group;
use common::tls::Fault;
use common::transport::{Node, SessionEvent};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use ractor::{ActorCell, ActorRef, pg};
use tokio::sync::mpsc;
use tracing::{debug, error, info};

use crate::agent::actor::AgentInput;
use crate::dial::{DialError, DialSettings, Target};

/// Time for a connection to become a session.
const READY: Duration = Duration::from_secs(5);

/// The pauses between attempts at one address. The longest, with the dialling, stays below the two seconds for which a
/// new leader listens before it hands out what may be under way already.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The pause after a coordinator refused this worker: only an operator can change that.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// How often names are resolved anew while nobody lets this worker in: pods come and go.
const RESOLVE: Duration = Duration::from_secs(2);

/// How often in a row a connection may end before it is ready until that is no chance.
const AGAIN: u32 = 3;

/// A session of this length shows that the address is good.
const GOOD_SESSION: Duration = Duration::from_secs(5);

/// Settings of the link.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// Whom to dial, and how.
    pub dial: DialSettings,
    /// Who dials.
    pub worker: WorkerId,
}

/// What the agent hears of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// A session is ready.
    Up {
        /// Its number.
        incarnation: u32,
    },
    /// It is gone.
    Down,
}

/// What the agent wants of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkCommand {
    /// End the session and make another.
    Reconnect {
        /// Whether there is no hurry.
        refused: bool,
    },
}

/// Keeps a connection until the process ends.
pub async fn keep(
    settings: LinkSettings,
    agent: ActorRef<AgentInput>,
    mut commands: mpsc::UnboundedReceiver<LinkCommand>,
) {
    let dialler = Dialler { settings, agent, incarnations: AtomicU32::new(0) };
    let mut pause = Pause::default();
    loop {
        let session = dialler.reach().await;
        let began = clock::now();
        let end = session.last(&dialler.agent, &mut commands).await;
        pause.after(end, began);
        tokio::time::sleep(pause.next()).await;
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Lost,
    Refused,
}

/// Looks for the coordinator that leads.
struct Dialler {
    settings: LinkSettings,
    agent: ActorRef<AgentInput>,
    incarnations: AtomicU32,
}

impl Dialler {
    /// Tries all addresses until one of them is a session.
    async fn reach(&self) -> Session {
        loop {
            let targets = self.settings.dial.resolve().await;
            let others = async {
                loop {
                    tokio::time::sleep(RESOLVE).await;
                    if self.settings.dial.resolve().await != targets {
                        break;
                    }
                }
            };
            let mut courted: FuturesUnordered<_> = targets.iter().map(|target| self.court(target)).collect();
            tokio::select! {
                Some(session) = courted.next() => return session,
                () = others => {}
            }
        }
    }

    /// Tries one address until it is a session.
    async fn court(&self, target: &Target) -> Session {
        let mut pause = Pause::default();
        loop {
            match self.attempt(target).await {
                Ok(session) => return session,
                Err(error) => pause.log(target, &error),
            }
            tokio::time::sleep(pause.next()).await;
        }
    }

    async fn attempt(&self, target: &Target) -> Result<Session, DialError> {
        let LinkSettings { worker, dial } = &self.settings;
        let connection = dial.dial(target).await?;
        let incarnation = self.incarnations.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("worker-{worker}-{incarnation}");
        let mut node = Node::start(name, dial.cookie.reveal().to_owned()).await?;
        // Joined before the session begins, so that the leader knows the agent by the time it hears from it.
        let member = Member::join(worker_group(*worker, incarnation), self.agent.get_cell());
        let witness = node.adopt(connection, false, ());
        match tokio::time::timeout(READY, ready(&mut node)).await {
            Ok(true) => Ok(Session { address: target.address, incarnation, node, member }),
            // however the connection ended, that it did tells less than why it was refused
            Ok(false) => {
                let why = witness.saw().filter(|fault| fault.is_lasting());
                Err(DialError::Peer(why.cloned().unwrap_or(Fault::Cookie)))
            }
            Err(_) => Err(DialError::Peer(Fault::Silent)),
        }
    }
}

/// The agent's membership in the group of one connection.
struct Member {
    group: String,
    agent: ActorCell,
}

impl Member {
    fn join(group: String, agent: ActorCell) -> Self {
        pg::join(group.clone(), vec![agent.clone()]);
        Self { group, agent }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        pg::leave(self.group.clone(), vec![self.agent.clone()]);
    }
}

/// A connection to a coordinator that let this worker in.
struct Session {
    address: std::net::SocketAddr,
    incarnation: u32,
    node: Node,
    member: Member,
}

impl Session {
    /// Tells the agent, and waits for the end.
    async fn last(
        self,
        agent: &ActorRef<AgentInput>,
        commands: &mut mpsc::UnboundedReceiver<LinkCommand>,
    ) -> Ended {
        let Self { address, incarnation, mut node, member } = self;
        // Commands for an earlier session.
        while commands.try_recv().is_ok() {}
        info!(%address, incarnation, "connected to a coordinator");
        let _ = agent.cast(AgentInput::Link(LinkEvent::Up { incarnation }));
        let refused = tokio::select! {
            () = closed(&mut node) => false,
            command = commands.recv() => command == Some(LinkCommand::Reconnect { refused: true }),
        };
        drop(member);
        node.stop().await;
        info!(%address, incarnation, "disconnected");
        let _ = agent.cast(AgentInput::Link(LinkEvent::Down));
        if refused { Ended::Refused } else { Ended::Lost }
    }
}

async fn ready(node: &mut Node) -> bool {
    loop {
        match node.next().await {
            Some(SessionEvent::Opened(_)) => {}
            Some(SessionEvent::Ready(_)) => return true,
            Some(SessionEvent::Closed(_)) | None => return false,
        }
    }
}

async fn closed(node: &mut Node) {
    while !matches!(node.next().await, Some(SessionEvent::Closed(_)) | None) {}
}

/// The growing, jittered pause between attempts.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
    refused: bool,
    /// What was told last, and how often it happened since.
    told: Option<(String, u32)>,
}

impl Pause {
    fn after(&mut self, end: Ended, began: Timestamp) {
        if clock::now().since(began) >= GOOD_SESSION && end == Ended::Lost {
            *self = Self::default();
        }
        self.refused = end == Ended::Refused;
    }

    /// Says each trouble once, and not every second for as long as it lasts.
    fn log(&mut self, target: &Target, trouble: &DialError) {
        let Target { address, .. } = target;
        let text = trouble.to_string();
        if let Some((told, times)) = &mut self.told
            && *told == text
        {
            *times += 1;
            // a leader that makes way ends connections, too; it does not do so again and again
            if *times == AGAIN && matches!(trouble, DialError::Peer(Fault::Cookie)) {
                error!(%address, "a coordinator does not let this worker in: {text}; trying on");
            } else {
                debug!(%address, "a coordinator cannot be reached: {text}");
            }
            return;
        }
        if trouble.is_lasting() {
            error!(%address, "a coordinator cannot be reached: {text}; trying on");
        } else {
            info!(%address, "a coordinator does not answer: {text}; trying on");
        }
        self.told = Some((text, 0));
    }

    fn next(&mut self) -> Duration {
        // Random bits of an identifier: spreading needs no more.
        let [a, b, c, d, ..] = *uuid::Uuid::new_v4().as_bytes();
        self.length(u32::from_be_bytes([a, b, c, d]))
    }

    /// Between half and the whole of a pause that doubles.
    fn length(&mut self, random: u32) -> Duration {
        let (least, most) = PAUSE;
        let base =
            if self.refused { REFUSED_PAUSE } else { most.min(least * 2_u32.saturating_pow(self.failures)) };
        self.failures = (self.failures + 1).min(16);
        base / 2 + base.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_are_spread() {
        let mut pause = Pause::default();
        let longest: Vec<u128> = (0..6).map(|_| pause.length(u32::MAX).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(pause.length(0).as_millis(), 500);
    }

    #[test]
    fn a_short_session_does_not_make_the_next_pause_short() {
        let mut pause = Pause { failures: 9, ..Pause::default() };
        let recently = clock::now();
        pause.after(Ended::Lost, recently);
        assert_eq!(pause.length(u32::MAX), PAUSE.1);
        pause.after(Ended::Refused, recently);
        assert_eq!(pause.length(u32::MAX), REFUSED_PAUSE);
    }
}
