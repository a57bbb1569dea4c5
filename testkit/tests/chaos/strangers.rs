//! Storms of connections: silent ones, half requests, noise. Whoever works goes on, and afterwards all is as before.

use std::net::SocketAddr;
use std::time::Duration;

use testkit::fleet::{Fleet, Shape};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::{Runs, fleet};

/// More than either port takes at a time.
const MANY: usize = 3_000;

/// Opens many connections, each with a first word and then silence.
async fn storm(address: SocketAddr, words: &[&[u8]]) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for number in 0..MANY {
        let connecting = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address));
        let Ok(Ok(mut tcp)) = connecting.await else { continue };
        let _ = tcp.write_all(words[number % words.len()]).await;
        open.push(tcp);
    }
    open
}

fn address(fleet: &Fleet, coordinator: usize, port: u16) -> SocketAddr {
    (fleet.network.ip(fleet.coordinators[coordinator].node), port).into()
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_storm_on_the_cluster_port() {
    let Some(mut fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    let leader = fleet.leader().await.unwrap();
    let noise = [0xff; 64];
    let words: [&[u8]; 3] = [b"", b"GET / HTTP/1.1\r\n\r\n", &noise];
    let open = storm(address(&fleet, leader, 5021), &words).await;
    assert!(open.len() >= MANY / 2, "{} connections were made", open.len());
    runs.add(&fleet).await;
    runs.end_undisturbed(&fleet).await;
    assert_eq!(fleet.leader().await.unwrap(), leader, "nobody had to take over");
    drop(open);
    // a worker that comes now is let in
    fleet.workers[0].kill().unwrap();
    fleet.start_worker(0).unwrap();
    fleet.until_workers(2).await.unwrap();
}

#[tokio::test]
#[ignore = "make chaos"]
async fn a_storm_on_the_http_port() {
    let Some(fleet) = fleet(Shape::default()).await else { return };
    let mut runs = Runs::under_way(&fleet).await;
    let leader = fleet.leader().await.unwrap();
    let words: [&[u8]; 3] =
        [b"", b"GET /api/v1/runs HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"\x16\x03\x01\x02\x00"];
    let open = storm(address(&fleet, leader, 5020), &words).await;
    assert!(open.len() >= 1_000, "{} connections were made", open.len());
    runs.add(&fleet).await;
    runs.end_undisturbed(&fleet).await;
    assert_eq!(fleet.leader().await.unwrap(), leader, "nobody had to take over");
    drop(open);
    let ready = async || Ok(fleet.client(leader).ready().await.is_ok());
    fleet.eventually("the leader serves as before", crate::RUN, ready).await.unwrap();
}
