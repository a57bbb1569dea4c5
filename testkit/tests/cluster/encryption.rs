//! The cluster link in TLS: who is let in, who is told why not, and certificates that change under way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use common::clock;
use common::tls::{self, Fault, Oldest, Trust};
use tempfile::TempDir;
use testkit::certificates::{Authority, Issued, NodeFiles, Use};
use testkit::cluster::{Cluster, SOON, Shape, spin_params};
use testkit::postgres::Server;
use testkit::process::Process;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::RUN;

/// A secret that is not everybody's.
const COOKIE: &str = "of this test";

/// An authority, and what it gave a coordinator and a worker.
struct Certificates {
    folder: TempDir,
    authority: Authority,
    coordinator: NodeFiles,
    worker: NodeFiles,
}

impl Certificates {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new()?;
        let server = authority.issue(Use::Server, &["127.0.0.1", "localhost"])?;
        let coordinator = NodeFiles::write(folder.path(), "coordinator", &authority, &server)?;
        let client = authority.issue(Use::Client, &["worker"])?;
        let worker = NodeFiles::write(folder.path(), "worker", &authority, &client)?;
        Ok(Self { folder, authority, coordinator, worker })
    }

    /// Files of another worker.
    fn worker(&self, name: &str, trusted: &Authority, own: &Issued) -> Result<NodeFiles> {
        NodeFiles::write(self.folder.path(), name, trusted, own)
    }

    fn shape(&self, workers: usize) -> Shape {
        let shape = Shape::workers(workers).cookie(COOKIE);
        let shape = self.coordinator.flags().iter().fold(shape, |shape, flag| shape.coordinator(flag));
        self.worker.flags().iter().fold(shape, |shape, flag| shape.worker(flag))
    }
}

/// Waits until a process has said this.
async fn says(cluster: &mut Cluster, worker: Option<usize>, words: &str) {
    let what = format!("{} says {words:?}", worker.map_or("the coordinator", |_| "the worker"));
    let process = match worker {
        Some(position) => cluster.worker(position).unwrap(),
        None => cluster.coordinator().unwrap(),
    };
    let log = process.log_path();
    cluster
        .eventually(&what, SOON, async || Ok(std::fs::read_to_string(&log)?.contains(words)))
        .await
        .unwrap();
}

/// One more worker with these files, which must not get in; the coordinator and it say why, and both live on.
async fn is_refused(cluster: &mut Cluster, files: &NodeFiles, coordinator: &str, worker: &str) {
    let position = cluster.add_worker_with(&files.flags()).unwrap();
    says(cluster, Some(position), worker).await;
    says(cluster, None, coordinator).await;
    assert!(cluster.coordinator().unwrap().ended().unwrap().is_none());
    assert!(cluster.worker(position).unwrap().ended().unwrap().is_none(), "it goes on trying");
    cluster.kill_worker(position).unwrap();
}

#[tokio::test]
async fn a_run_over_tls_finishes() {
    let certificates = Certificates::new().unwrap();
    let mut cluster = Cluster::start(certificates.shape(2)).await.unwrap();
    let run = cluster.spin(spin_params(200, 2)).await.unwrap();
    // large results travel in pieces, over the same connection
    let large = cluster.spin(serde_json::json!({ "shards": 4, "result_bytes": 2_000_000 })).await.unwrap();
    for run in [run, large] {
        cluster.success(&run.id, RUN).await.unwrap();
        cluster.assert_complete(&run.id).await.unwrap();
    }
    assert!(cluster.coordinator().unwrap().log().contains("(TLS)"));
}

#[tokio::test]
async fn who_shows_no_good_certificate_is_refused_and_told_why() {
    let certificates = Certificates::new().unwrap();
    let authority = &certificates.authority;
    let mut cluster = Cluster::start(certificates.shape(1)).await.unwrap();

    let stranger = Authority::new().unwrap();
    let foreign = stranger.issue(Use::Client, &["worker"]).unwrap();
    let foreign = certificates.worker("foreign", authority, &foreign).unwrap();
    is_refused(
        &mut cluster,
        &foreign,
        "signed by no authority that is known here",
        "whose authority it does not know",
    )
    .await;

    let expired = authority.issue_expired(Use::Client, &["worker"]).unwrap();
    let expired = certificates.worker("expired", authority, &expired).unwrap();
    is_refused(
        &mut cluster,
        &expired,
        "it ended at 2021-01-01",
        "refuses this process's certificate as not valid now",
    )
    .await;

    let server = authority.issue(Use::Server, &["worker"]).unwrap();
    let server = certificates.worker("server", authority, &server).unwrap();
    is_refused(&mut cluster, &server, "not made for this end", "unsupported certificate").await;

    // the coordinator is somebody else to this one
    let own = authority.issue(Use::Client, &["worker"]).unwrap();
    let trusting = certificates.worker("trusting", &stranger, &own).unwrap();
    is_refused(
        &mut cluster,
        &trusting,
        "refuses this process's certificate",
        "signed by no authority that is known here",
    )
    .await;

    // the first worker noticed nothing of all this
    let run = cluster.spin(spin_params(20, 2)).await.unwrap();
    assert_eq!(cluster.success(&run.id, RUN).await.unwrap().failures, 0);
}

#[tokio::test]
async fn who_shows_no_certificate_at_all_hears_that_one_is_asked_for() {
    let certificates = Certificates::new().unwrap();
    let mut cluster = Cluster::start(certificates.shape(1)).await.unwrap();
    let roots = tls::authorities(Path::new("ca"), certificates.authority.pem().as_bytes()).unwrap();
    let config = tls::client_config(Trust::Named(roots), None, Oldest::V1_3).unwrap();
    let tcp = TcpStream::connect(cluster.link()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    // the refusal crosses what is said meanwhile, and still arrives
    stream.write_all(&[0; 64]).await.unwrap();
    let refused = stream.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(Fault::of(&refused), Fault::RefusedNone);
    says(&mut cluster, None, "it shows no certificate").await;
}

#[tokio::test]
async fn the_coordinators_name_is_verified() {
    let certificates = Certificates::new().unwrap();
    let elsewhere = certificates.authority.issue(Use::Server, &["planner.example"]).unwrap();
    certificates.coordinator.replace(&elsewhere).unwrap();
    let mut cluster = Cluster::prepare(certificates.shape(0)).await.unwrap();
    cluster.start_coordinator().unwrap();
    cluster.until_ready().await.unwrap();
    let position = cluster.add_worker().unwrap();
    says(&mut cluster, Some(position), "not for 127.0.0.1 but for").await;
    says(&mut cluster, Some(position), "planner.example").await;
    cluster.kill_worker(position).unwrap();

    let mut flags = certificates.worker.flags().to_vec();
    flags.push("--cluster-server-name=planner.example".to_owned());
    cluster.add_worker_with(&flags).unwrap();
    cluster.until_workers(1).await.unwrap();
}

#[tokio::test]
async fn plain_text_and_tls_name_each_other() {
    let certificates = Certificates::new().unwrap();
    let mut cluster = Cluster::start(certificates.shape(1)).await.unwrap();
    let plain = cluster.add_worker_with(&[]).unwrap();
    says(&mut cluster, Some(plain), "speaks TLS and this process does not").await;
    says(&mut cluster, None, "does not speak TLS").await;
    // and whoever looks for a web server
    let mut http = TcpStream::connect(cluster.link()).await.unwrap();
    http.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SOON, http.read_to_end(&mut answer)).await.unwrap();
    drop(cluster);

    let mut cluster = Cluster::start(Shape::workers(1).cookie(COOKIE)).await.unwrap();
    let encrypted = cluster.add_worker_with(&certificates.worker.flags()).unwrap();
    says(&mut cluster, Some(encrypted), "ended the connection at the TLS handshake").await;
    says(&mut cluster, None, "speaks TLS and this process does not").await;
    let run = cluster.spin(spin_params(20, 2)).await.unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
}

#[tokio::test]
async fn a_wrong_cookie_is_refused_behind_a_good_certificate() {
    let certificates = Certificates::new().unwrap();
    let mut cluster = Cluster::start(certificates.shape(1)).await.unwrap();
    let file = certificates.folder.path().join("cookie");
    let mut flags = certificates.worker.flags().to_vec();
    flags.push(format!("--cookie-file={}", file.display()));
    std::fs::write(&file, "another one\n").unwrap();
    let position = cluster.add_worker_with(&flags).unwrap();
    says(&mut cluster, Some(position), "does not let this worker in").await;
    says(&mut cluster, Some(position), "the cookies differ").await;
    says(&mut cluster, None, "the cookies differ").await;
    cluster.kill_worker(position).unwrap();
    cluster.until_workers(1).await.unwrap();

    std::fs::write(&file, format!("{COOKIE}\n")).unwrap();
    cluster.add_worker_with(&flags).unwrap();
    cluster.until_workers(2).await.unwrap();
}

/// ```text
/// old authority ─ broken files: old stays ─ both trusted ─ new certificates ─ only the new one trusted
///        └─ one connection over all of it
/// ```
#[tokio::test]
async fn certificates_change_without_a_restart_and_broken_ones_change_nothing() {
    let certificates = Certificates::new().unwrap();
    let (coordinator, worker) = (&certificates.coordinator, &certificates.worker);
    let mut cluster = Cluster::start(certificates.shape(1)).await.unwrap();
    let run = cluster.spin(spin_params(600, 10)).await.unwrap();
    cluster.until_stored(&run.id, 1).await.unwrap();

    // a key of another pair, a certificate that is none, one that has ended
    let other = certificates.authority.issue(Use::Server, &["127.0.0.1"]).unwrap();
    let good = std::fs::read_to_string(&coordinator.files.key).unwrap();
    std::fs::write(&coordinator.files.key, &other.key).unwrap();
    says(&mut cluster, None, "does not belong to the certificate").await;
    std::fs::write(&coordinator.files.key, &good).unwrap();
    let first = std::fs::read_to_string(&coordinator.files.cert).unwrap();
    std::fs::write(&coordinator.files.cert, "nothing").unwrap();
    says(&mut cluster, None, "holds no certificate in PEM form").await;
    let expired = certificates.authority.issue_expired(Use::Server, &["127.0.0.1"]).unwrap();
    coordinator.replace(&expired).unwrap();
    says(&mut cluster, None, "is not valid now: it is from 2020-01-01").await;
    coordinator.replace(&Issued { certificate: first, key: good }).unwrap();
    cluster.add_worker().unwrap();
    cluster.until_workers(2).await.unwrap();

    // the authority is replaced: first both are trusted everywhere, then everybody gets a new certificate
    let next = Authority::new().unwrap();
    let both = certificates.authority.pem() + &next.pem();
    for files in [coordinator, worker] {
        files.trust(&both).unwrap();
    }
    taken(&mut cluster, 1).await;
    coordinator.replace(&next.issue(Use::Server, &["127.0.0.1"]).unwrap()).unwrap();
    worker.replace(&next.issue(Use::Client, &["worker"]).unwrap()).unwrap();
    taken(&mut cluster, 2).await;
    for files in [coordinator, worker] {
        files.trust(&next.pem()).unwrap();
    }
    taken(&mut cluster, 3).await;
    cluster.add_worker().unwrap();
    cluster.until_workers(3).await.unwrap();
    let old = certificates.authority.issue(Use::Client, &["worker"]).unwrap();
    let old = certificates.worker("old", &next, &old).unwrap();
    is_refused(&mut cluster, &old, "signed by no authority", "whose authority it does not know").await;

    // whoever was connected all the time stayed so, and works on
    let last = cluster.spin(spin_params(60, 5)).await.unwrap();
    for run in [run, last] {
        cluster.success(&run.id, RUN).await.unwrap();
        cluster.assert_complete(&run.id).await.unwrap();
    }
    let log = cluster.worker(0).unwrap().log();
    assert_eq!(log.matches("connected to a coordinator").count(), 1, "{log}");
    assert!(!log.contains("disconnected"), "{log}");
}

/// Waits until the coordinator and the first worker have taken new certificates so many times.
async fn taken(cluster: &mut Cluster, times: usize) {
    let logs = [cluster.coordinator().unwrap().log_path(), cluster.worker(0).unwrap().log_path()];
    let what = format!("new certificates are taken for the {times}. time");
    cluster
        .eventually(&what, SOON, async || {
            let count = |log: &std::path::PathBuf| {
                std::fs::read_to_string(log).unwrap_or_default().matches("new certificates are taken").count()
            };
            Ok(logs.iter().all(|log| count(log) >= times))
        })
        .await
        .unwrap();
}

/// Starts a program that must end by itself; yields its exit code and what it said.
async fn ends(program: &str, cookie: Option<&str>, flags: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = testkit::binaries::path(program);
    let mut process = Process::start(program, &path, folder.path(), |command| {
        command.env_remove("NETPLANNER_COOKIE").args(flags);
        command.envs(cookie.map(|cookie| ("NETPLANNER_COOKIE", cookie)))
    })
    .unwrap();
    let begin = clock::now();
    while clock::now().since(begin) < SOON {
        if let Some(status) = process.ended().unwrap() {
            return (status.code(), process.log());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it stays up: {}", process.log());
}

#[tokio::test]
async fn beyond_loopback_there_is_no_plain_text_and_no_known_cookie_unless_told() {
    let database = format!("--database-url={}", testkit::postgres::database());
    let everywhere = ["--http-listen=127.0.0.1:0", "--cluster-listen=0.0.0.0:0", &database];
    let coordinator =
        async |cookie, more: &[&str]| ends("coordinator", cookie, &[&everywhere, more].concat()).await;

    let (code, log) = coordinator(Some(COOKIE), &["--allow-remote"]).await;
    assert!(code == Some(1) && log.contains("--allow-plaintext-cluster"), "{log}");
    let (code, log) = coordinator(None, &["--allow-plaintext-cluster"]).await;
    assert!(code == Some(1) && log.contains("the cookie is the one that everybody knows"), "{log}");

    let there = "--coordinator=192.0.2.1:5021";
    let (code, log) = ends("worker", Some(COOKIE), &[there]).await;
    assert!(code == Some(1) && log.contains("--allow-plaintext-cluster"), "{log}");
    let (code, log) = ends("worker", None, &[there, "--allow-plaintext-cluster"]).await;
    assert!(code == Some(1) && log.contains("the cookie is the one that everybody knows"), "{log}");
    let (code, log) = ends("worker", None, &["--cookie=secret"]).await;
    assert!(code == Some(2) && log.contains("--cookie"), "{log}");
}

#[tokio::test]
async fn files_that_are_not_there_at_the_start_are_named() {
    let certificates = Certificates::new().unwrap();
    std::fs::remove_file(&certificates.worker.files.key).unwrap();
    let flags = certificates.worker.flags();
    let (code, log) = ends("worker", Some(COOKIE), &flags.each_ref().map(String::as_str)).await;
    assert!(code == Some(1) && log.contains("tls.key cannot be read"), "{log}");
    let (code, log) = ends("worker", Some(COOKIE), &[&flags[0]]).await;
    assert!(code == Some(2) && log.contains("--cluster-cert"), "{log}");
}

#[tokio::test]
async fn connections_to_the_database_are_encrypted_and_its_server_is_verified() {
    let authority = Authority::new().unwrap();
    let certificate = authority.issue(Use::Server, &["localhost"]).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _server = Server::encrypted(&certificate, port).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.crt");
    std::fs::write(&root, authority.pem()).unwrap();
    let url = |host: &str, parameters: &str| {
        format!("postgres://netplanner@{host}:{port}/netplanner?connect_timeout=2{parameters}")
    };
    let verified = format!("&sslmode=verify-full&sslrootcert={}", root.display());

    let mut cluster = Cluster::start(Shape::workers(1).database(&url("localhost", &verified))).await.unwrap();
    let run = cluster.spin(spin_params(20, 2)).await.unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
    let (client, connection) =
        tokio_postgres::connect(&url("127.0.0.1", "&sslmode=disable"), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let query =
        "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                  WHERE application_name LIKE 'netplanner%'";
    let row = client.query_one(query, &[]).await.unwrap();
    let (encrypted, all): (i64, i64) = (row.get(0), row.get(1));
    assert!(encrypted == all && all >= 4, "{encrypted} of {all} connections are encrypted");
    cluster.coordinator().unwrap().terminate(SOON).unwrap();
    drop(cluster);

    let stranger = folder.path().join("stranger.crt");
    std::fs::write(&stranger, Authority::new().unwrap().pem()).unwrap();
    let foreign = format!("&sslmode=verify-full&sslrootcert={}", stranger.display());
    let ca_only = format!("&sslmode=require&sslrootcert={}", root.display());
    for (host, parameters, why) in [
        ("localhost", foreign.as_str(), "signed by none of the authorities in sslrootcert"),
        ("127.0.0.1", verified.as_str(), "not for 127.0.0.1"),
    ] {
        let shape = Shape::workers(0).database(&url(host, parameters));
        let mut cluster = Cluster::prepare(shape).await.unwrap();
        cluster.start_coordinator().unwrap();
        says(&mut cluster, None, why).await;
        assert!(cluster.client.ready().await.is_err());
        assert!(cluster.coordinator().unwrap().ended().unwrap().is_none(), "it goes on trying");
    }
    for parameters in [ca_only.as_str(), "&sslmode=require"] {
        let shape = Shape::workers(0).database(&url("127.0.0.1", parameters));
        Cluster::start(shape).await.unwrap();
    }
}
