//! The worker's end of the cluster link: keeps one connection to a coordinator, for ever.
//!
//! Addresses are tried in turn, a name that resolves to several counts as several, with a pause that grows and is
//! jittered after each round, so that a thousand workers do not return at the same moment. Every connection has a new
//! node name and a number, its incarnation, so that news of an earlier one cannot be mistaken.

use std::net::SocketAddr;
use std::time::Duration;

use common::clock::{self, Timestamp};
use common::ids::WorkerId;
use common::protocol::worker_group;
use common::transport::{self, Node, SessionEvent};
use ractor::{ActorCell, ActorRef, pg};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::agent::actor::AgentInput;

/// Time for one address to answer.
const DIAL: Duration = Duration::from_secs(3);

/// Time for a connection to become a session.
const READY: Duration = Duration::from_secs(5);

/// The pauses between rounds.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The pause after a coordinator refused this worker: only an operator can change that.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// A session of this length shows that the address is good.
const GOOD_SESSION: Duration = Duration::from_secs(5);

/// Settings of the link.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// `host:port`, one or several.
    pub coordinators: Vec<String>,
    /// The secret that both ends must know.
    pub cookie: String,
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
    let mut incarnation = 0;
    let mut pause = Pause::default();
    loop {
        let addresses = resolve(&settings.coordinators).await;
        if addresses.is_empty() {
            debug!(coordinators = ?settings.coordinators, "no address to dial");
        }
        for address in addresses {
            let tcp = match dial(address).await {
                Ok(tcp) => tcp,
                Err(error) => {
                    pause.log(address, &error);
                    continue;
                }
            };
            incarnation += 1;
            let began = clock::now();
            let end = session(&settings, address, tcp, incarnation, &agent, &mut commands).await;
            pause.after(end, began);
        }
        tokio::time::sleep(pause.next()).await;
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    NeverReady,
    Lost,
    Refused,
}

async fn session(
    settings: &LinkSettings,
    address: SocketAddr,
    tcp: TcpStream,
    incarnation: u32,
    agent: &ActorRef<AgentInput>,
    commands: &mut mpsc::UnboundedReceiver<LinkCommand>,
) -> Ended {
    let name = format!("worker-{}-{incarnation}", settings.worker);
    let mut node = match Node::start(name, settings.cookie.clone()).await {
        Ok(node) => node,
        Err(error) => {
            warn!(%error, "the cluster node does not start");
            return Ended::NeverReady;
        }
    };
    // Joined before the session begins, so that the leader knows the agent by the time it hears from it.
    let group = worker_group(settings.worker, incarnation);
    let members: Vec<ActorCell> = vec![agent.get_cell()];
    pg::join(group.clone(), members.clone());
    // Commands for an earlier session.
    while commands.try_recv().is_ok() {}
    node.adopt(tcp, false, ());

    let ended = if tokio::time::timeout(READY, ready(&mut node)).await == Ok(true) {
        info!(%address, incarnation, "connected to a coordinator");
        let _ = agent.cast(AgentInput::Link(LinkEvent::Up { incarnation }));
        let refused = tokio::select! {
            () = closed(&mut node) => false,
            command = commands.recv() => command == Some(LinkCommand::Reconnect { refused: true }),
        };
        if refused { Ended::Refused } else { Ended::Lost }
    } else {
        info!(%address, "the coordinator does not let this worker in: is the cookie the same?");
        Ended::NeverReady
    };
    pg::leave(group, members);
    node.stop().await;
    if ended != Ended::NeverReady {
        info!(%address, incarnation, "disconnected");
        let _ = agent.cast(AgentInput::Link(LinkEvent::Down));
    }
    ended
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

async fn resolve(coordinators: &[String]) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for coordinator in coordinators {
        match tokio::net::lookup_host(coordinator).await {
            Ok(found) => addresses.extend(found),
            Err(error) => debug!(coordinator, %error, "a coordinator's name does not resolve"),
        }
    }
    addresses.dedup();
    addresses
}

async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let tcp = tokio::time::timeout(DIAL, TcpStream::connect(address)).await??;
    transport::prepare(&tcp)?;
    Ok(tcp)
}

/// The growing, jittered pause between rounds.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
    refused: bool,
    told: bool,
}

impl Pause {
    fn after(&mut self, end: Ended, began: Timestamp) {
        if clock::now().since(began) >= GOOD_SESSION && end == Ended::Lost {
            *self = Self::default();
        }
        self.refused = end == Ended::Refused;
    }

    /// Says once that nobody answers, and not every few seconds.
    fn log(&mut self, address: SocketAddr, error: &std::io::Error) {
        if self.told {
            debug!(%address, %error, "a coordinator does not answer");
        } else {
            info!(%address, %error, "a coordinator does not answer; trying on");
            self.told = true;
        }
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
    fn pauses_grow_to_ten_seconds_and_are_spread() {
        let mut pause = Pause::default();
        let longest: Vec<u128> = (0..8).map(|_| pause.length(u32::MAX).as_millis()).collect();
        assert_eq!(longest, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(pause.length(0).as_millis(), 5_000);
    }

    #[test]
    fn a_good_session_makes_the_next_pause_short() {
        let mut pause = Pause { failures: 9, ..Pause::default() };
        let recently = clock::now();
        pause.after(Ended::Lost, recently);
        assert_eq!(pause.length(u32::MAX), PAUSE.1);
        pause.after(Ended::Refused, recently);
        assert_eq!(pause.length(u32::MAX), REFUSED_PAUSE);
    }
}
