//! Networks for processes under test: namespaces around a router, links that are cut, slowed and healed.
//!
//! ```text
//!  this process ── 198.18.K.253 ─┐
//!  node 1 ──────── 198.18.K.1 ───┤ router    K is free on this machine; the addresses are set apart
//!  node 2 ──────── 198.18.K.2 ───┘           for measurements (RFC 2544), so they meet nobody's own
//! ```
//!
//! A cut drops packets silently at the router, as a broken cable or a failed switch does: nobody is told, no connection
//! is reset. Everything is gone with the process, however it ends.

mod database;
mod namespace;

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

pub use database::Database;
pub use namespace::Namespace;

/// Networks that can be at the same time on one machine.
const NETWORKS: u32 = 512;

/// The address of the router in each of its links.
const ROUTER: u8 = 254;

/// The address of this process.
const OBSERVER: u8 = 253;

/// A node's number, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(u8);

/// A network of its own.
#[derive(Debug)]
pub struct Network {
    router: Namespace,
    nodes: Vec<Namespace>,
    number: u32,
}

impl Network {
    /// Makes a network of this process alone.
    ///
    /// # Errors
    /// Where namespaces cannot be made; the text says what is missing.
    pub fn new() -> Result<Self> {
        let router = Namespace::new()?;
        router.run("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
        // who gets the name of the link has the network
        let start = std::process::id() % NETWORKS;
        let taken = |number: &u32| {
            let add =
                format!("link add {} type veth peer name observer netns {}", link(*number), router.pid());
            ip(&add).is_ok()
        };
        let number = (0..NETWORKS).map(|i| (start + i) % NETWORKS).find(taken);
        let number =
            number.context("a link into the network cannot be made (ip link add, package iproute2)")?;
        let network = Self { router, nodes: Vec::new(), number };
        let (name, own, router) = (link(number), network.address(OBSERVER), network.address(ROUTER));
        ip(&format!("address add {own}/32 dev {name}"))?;
        ip(&format!("link set {name} up"))?;
        network.attach("observer", OBSERVER)?;
        ip(&format!("route add {router}/32 dev {name} src {own}"))?;
        ip(&format!("route add {}/24 via {router} src {own}", network.address(0)))?;
        Ok(network)
    }

    /// Why there can be no networks on this machine; none if there can.
    pub fn obstacle() -> Option<String> {
        Self::new().err().map(|error| format!("{error:#}"))
    }

    /// Adds a node.
    pub fn add(&mut self) -> Result<Node> {
        let node = Node(u8::try_from(self.nodes.len() + 1)?);
        anyhow::ensure!(node.0 < OBSERVER, "a network has at most {} nodes", OBSERVER - 1);
        let namespace = Namespace::new()?;
        let port = format!("node{}", node.0);
        self.router.run(&format!("ip link add {port} type veth peer name eth0 netns {}", namespace.pid()))?;
        self.attach(&port, node.0)?;
        let (own, router) = (self.address(node.0), self.address(ROUTER));
        namespace.run(&format!(
            "ip address add {own}/32 dev eth0
             ip link set eth0 up
             ip route add {router}/32 dev eth0
             ip route add default via {router} src {own}"
        ))?;
        self.nodes.push(namespace);
        Ok(node)
    }

    /// The router's end of a link.
    fn attach(&self, port: &str, host: u8) -> Result<()> {
        let (router, other) = (self.address(ROUTER), self.address(host));
        self.router.run(&format!(
            "ip address add {router}/32 dev {port}
             ip link set {port} up
             ip route add {other}/32 dev {port} src {router}"
        ))
    }

    /// Where programs of a node run.
    pub fn namespace(&self, node: Node) -> &Namespace {
        &self.nodes[usize::from(node.0) - 1]
    }

    /// The address of a node.
    pub fn ip(&self, node: Node) -> Ipv4Addr {
        self.address(node.0)
    }

    fn address(&self, host: u8) -> Ipv4Addr {
        let [high, low] = [self.number / 256, self.number % 256].map(|part| u8::try_from(part).unwrap_or(0));
        Ipv4Addr::new(198, 18 + high, low, host)
    }

    /// Drops everything between two nodes, in both directions, until [`Network::heal`].
    pub fn cut(&self, one: Node, other: Node) -> Result<()> {
        let (one, other) = (self.ip(one), self.ip(other));
        self.router.run(&format!(
            "ip rule add priority 100 from {one} to {other} blackhole
             ip rule add priority 100 from {other} to {one} blackhole"
        ))
    }

    /// Drops everything from and to a node, as if its machine were gone.
    pub fn isolate(&self, node: Node) -> Result<()> {
        let node = self.ip(node);
        self.router.run(&format!(
            "ip rule add priority 100 from {node} blackhole
             ip rule add priority 100 to {node} blackhole"
        ))
    }

    /// Makes all links whole and fast again.
    pub fn heal(&self) -> Result<()> {
        let nodes = (1..=self.nodes.len()).fold(String::new(), |all, node| all + &format!(" node{node}"));
        self.router.run(&format!(
            "while ip rule delete priority 100 2>/dev/null; do :; done
             for port in{nodes}; do tc qdisc delete dev $port root 2>/dev/null || :; done"
        ))
    }

    /// Lets at most so many kilobits a second through to a node; what waits is kept for up to two seconds, so that it
    /// comes late before any of it is lost.
    pub fn slow(&self, node: Node, kilobits_per_second: u32) -> Result<()> {
        self.router.run(&format!(
            "tc qdisc replace dev node{} root tbf rate {kilobits_per_second}kbit burst 4kb latency 2s",
            node.0
        ))
    }
}

/// The name of this process's link into a network.
fn link(number: u32) -> String {
    format!("netplanner{number}")
}

/// Runs `ip` on this machine.
fn ip(arguments: &str) -> Result<()> {
    let mut command = Command::new("ip");
    let output = command
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .context("starting ip (package iproute2)")?;
    if !output.status.success() {
        bail!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    /// Whether a node answers another one, be it that nobody listens.
    fn reaches(network: &Network, from: Node, to: Node) -> bool {
        let connect = format!("timeout 0.4 bash -c 'exec 3<>/dev/tcp/{}/5000'", network.ip(to));
        let mut command = network.namespace(from).command("bash");
        let code = command.args(["-c", &connect]).stderr(Stdio::null()).status().unwrap().code();
        code != Some(124) // by timeout
    }

    #[test]
    fn links_are_cut_without_a_word_and_healed_and_nothing_is_left() {
        if crate::chaos::is_skipped() {
            return;
        }
        let mut network = Network::new().unwrap();
        let [one, two, three] = [(); 3].map(|()| network.add().unwrap());
        assert!(
            reaches(&network, one, two) && reaches(&network, two, three) && reaches(&network, three, one)
        );
        network.cut(one, two).unwrap();
        assert!(!reaches(&network, one, two) && !reaches(&network, two, one), "cut both ways");
        assert!(reaches(&network, one, three) && reaches(&network, three, two), "others are not concerned");
        network.isolate(three).unwrap();
        assert!(!reaches(&network, one, three) && !reaches(&network, three, two));
        let from_here = |node| {
            let address = std::net::SocketAddr::from((network.ip(node), 5000));
            TcpStream::connect_timeout(&address, Duration::from_millis(400)).unwrap_err().kind()
        };
        assert_eq!(from_here(three), ErrorKind::TimedOut, "silence, not an answer");
        assert_eq!(from_here(one), ErrorKind::ConnectionRefused);
        network.heal().unwrap();
        assert!(reaches(&network, one, two) && reaches(&network, two, three));
        network.slow(two, 64).unwrap();
        assert!(reaches(&network, one, two));

        let name = link(network.number);
        drop(network);
        let began = common::clock::now();
        while ip(&format!("link show {name}")).is_ok() {
            assert!(common::clock::now().since(began) < crate::cluster::SOON, "{name} is left behind");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
