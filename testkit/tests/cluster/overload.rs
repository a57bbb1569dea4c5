//! More than the front can take: it says so, goes on, and loses nothing that it accepted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use testkit::cluster::{Cluster, SOON, Shape};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::RUN;

/// How long the front is flooded.
const FLOOD: Duration = Duration::from_secs(2);

/// An answer, as far as it matters here.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let named =
            |line: &&str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
        self.head.lines().find(named)?.split_once(':').map(|(_, value)| value.trim())
    }

    /// A refusal says when to come back and what is wrong.
    fn check(&self) {
        if matches!(self.status, 429 | 503) {
            let wait: u32 = self.header("retry-after").expect("when to come back").parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert!(self.body.contains("\"code\":"), "{}", self.body);
        }
    }
}

/// A connection from another address than the one from which the cluster is looked at: its requests are another client's.
async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.2:0".parse().unwrap())?;
    socket.connect(to).await
}

async fn ask(to: SocketAddr, request: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(to).await?;
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    // who is refused before its body arrived need not take the rest of it
    let _ = stream.write_all(body).await;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

fn address(cluster: &Cluster) -> SocketAddr {
    cluster.client.server().trim_start_matches("http://").parse().unwrap()
}

#[tokio::test]
async fn a_flood_of_submissions_is_turned_away_and_what_was_accepted_ends_well() {
    let shape = Shape::workers(1)
        .coordinator("--rate-limit=150")
        .coordinator("--rate-burst=150")
        .coordinator("--max-open-runs=20");
    let cluster = Cluster::start(shape).await.unwrap();
    let to = address(&cluster);
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(tokio::spawn(async move {
            let body = br#"{"algorithm": "spin", "params": {"shards": 3, "iterations": 5000000}}"#;
            let (mut accepted, mut limited, mut full) = (Vec::new(), 0, 0);
            let began = std::time::Instant::now();
            while began.elapsed() < FLOOD {
                let answer = ask(to, "POST /api/v1/runs", body).await.unwrap();
                answer.check();
                assert!(answer.header("ratelimit-policy").is_some(), "{}", answer.head);
                match answer.status {
                    202 => {
                        let run: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
                        accepted.push(run["id"].as_str().unwrap().to_owned());
                    }
                    429 => limited += 1,
                    503 => full += 1,
                    other => panic!("{other}: {}", answer.body),
                }
            }
            (accepted, limited, full)
        }));
    }
    let (mut accepted, mut limited, mut full) = (Vec::new(), 0, 0);
    for client in clients {
        let (runs, of_rate, of_queue) = client.await.unwrap();
        accepted.extend(runs);
        (limited, full) = (limited + of_rate, full + of_queue);
    }
    assert!(accepted.len() >= 20 && limited > 0 && full > 0, "{} {limited} {full}", accepted.len());

    // nothing of it stays: the next request passes, and every accepted run ends well
    cluster
        .eventually("the flooding client is served again", SOON, async || {
            Ok(ask(to, "GET /api/v1/runs", b"").await?.status == 200)
        })
        .await
        .unwrap();
    for run in &accepted {
        cluster.success(run, RUN).await.unwrap();
    }
    let stored = cluster.sql("SELECT count(*) FROM runs").await.unwrap();
    assert_eq!(stored, i64::try_from(accepted.len()).unwrap(), "what was refused left nothing");
    println!("{} accepted, {limited} over the rate, {full} over the queue", accepted.len());
}

#[tokio::test]
async fn connections_and_bodies_have_their_bounds() {
    let shape = Shape::workers(0).coordinator("--http-connections=24").coordinator("--http-bodies-mib=64");
    let cluster = Cluster::start(shape).await.unwrap();
    let to = address(&cluster);

    // two bodies of 40 MiB do not fit into 64
    let large = vec![b' '; 40 << 20];
    let bodies = (0..4).map(|_| {
        let large = large.clone();
        tokio::spawn(async move { ask(to, "POST /api/v1/topologies/validate", &large).await })
    });
    let mut statuses = Vec::new();
    for body in bodies.collect::<Vec<_>>() {
        if let Ok(answer) = body.await.unwrap() {
            answer.check();
            statuses.push(answer.status);
        } // cut while it was still sending
    }
    assert!(statuses.contains(&400), "one of them was read, and was no document: {statuses:?}");
    let refused = cluster.client.get_as("/metrics", "*/*").await.unwrap().0;
    let refused = String::from_utf8(refused.to_vec()).unwrap();
    let bodies = refused.lines().find(|line| line.contains("refused_total{bound=\"bodies\"}")).unwrap();
    assert!(!bodies.ends_with(" 0"), "{bodies}");
    assert_eq!(ask(to, "POST /api/v1/topologies/validate", &large).await.unwrap().status, 400, "room again");

    // more connections than there may be
    let mut idle = Vec::new();
    while idle.len() < 30 {
        idle.push(connect(to).await.unwrap());
    }
    cluster
        .eventually("a connection too many is told so", SOON, async || {
            let answer = ask(to, "GET /livez", b"").await?;
            answer.check();
            Ok(answer.status == 503)
        })
        .await
        .unwrap();
    drop(idle);
    cluster
        .eventually("others are served again", SOON, async || {
            Ok(ask(to, "GET /livez", b"").await?.status == 200)
        })
        .await
        .unwrap();
}
