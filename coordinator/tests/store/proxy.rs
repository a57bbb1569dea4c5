//! A wire between a store and Postgres that can be cut at the worst moment of a writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// What to do with a writer's next COMMIT. Others commit too, the janitor as soon as a leadership begins: what is meant for
/// the writer must not strike them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cut {
    /// Cut the wire before the server gets it: it did not happen.
    BeforeCommit = 1,
    /// Cut the wire after the server did it, before the answer arrives: it happened.
    AfterCommit = 2,
}

/// The wire.
pub struct Wire {
    /// The URL of the same database through the wire.
    pub url: String,
    shared: Arc<Shared>,
    _folder: tempfile::TempDir,
    _listening: tokio::task::JoinHandle<()>,
}

struct Shared {
    server: PathBuf,
    /// A [`Cut`], or 0 to let everything pass.
    cut: AtomicU8,
    cuts: AtomicUsize,
    /// Cancelled while the wire is down; replaced when it is mended.
    down: std::sync::Mutex<CancellationToken>,
}

impl Wire {
    /// Lays a wire to the database of `url` (`postgres://user@%2Ffolder/database`).
    pub fn to(url: &str) -> Self {
        let (user, rest) = url.split_once('@').unwrap();
        let (folder, database) = rest.split_once('/').unwrap();
        let server = Path::new(&folder.replace("%2F", "/").replace("%25", "%")).join(".s.PGSQL.5432");
        let own = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(own.path().join(".s.PGSQL.5432")).unwrap();
        let shared = Arc::new(Shared {
            server,
            cut: AtomicU8::new(0),
            cuts: AtomicUsize::new(0),
            down: std::sync::Mutex::new(CancellationToken::new()),
        });
        let url = format!("{user}@{}/{database}", own.path().display().to_string().replace('/', "%2F"));
        let listening = tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(connection(client, shared.clone()));
                }
            }
        });
        Self { url, shared, _folder: own, _listening: listening }
    }

    /// Arms the wire for a writer's next COMMIT, once.
    pub fn cut(&self, cut: Cut) {
        self.shared.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// How often it was cut.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// Ends all connections and lets no new one through until [`Wire::mend`].
    pub fn tear(&self) {
        self.shared.down.lock().unwrap().cancel();
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        *self.shared.down.lock().unwrap() = CancellationToken::new();
    }
}

async fn connection(client: UnixStream, shared: Arc<Shared>) {
    let down = shared.down.lock().unwrap().clone();
    if down.is_cancelled() {
        return;
    }
    let Ok(server) = UnixStream::connect(&shared.server).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let of_writer = AtomicBool::new(false);
    tokio::select! {
        () = down.cancelled() => {}
        () = forth(client_read, server_write, &shared, &of_writer) => {}
        () = back(server_read, client_write, &shared, &of_writer) => {}
    }
}

/// How the name ends that a writer's connection gives itself in its first message.
const WRITER: &[u8] = b" writer\0";

/// The simple query by which a transaction of ours ends.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

async fn forth(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    of_writer: &AtomicBool,
) {
    let mut buffer = vec![0; 64 << 10];
    let mut first = true;
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        let chunk = &buffer[..read];
        if std::mem::take(&mut first) {
            let named = chunk.windows(WRITER.len()).any(|window| window == WRITER);
            of_writer.store(named, Ordering::SeqCst);
        }
        if of_writer.load(Ordering::SeqCst)
            && chunk.windows(COMMIT.len()).any(|window| window == COMMIT)
            && shared.cut.load(Ordering::SeqCst) == Cut::BeforeCommit as u8
        {
            shared.cut.store(0, Ordering::SeqCst);
            shared.cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if server.write_all(chunk).await.is_err() {
            return;
        }
    }
}

async fn back(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    shared: &Shared,
    of_writer: &AtomicBool,
) {
    /// The server's "done" for a COMMIT.
    const DONE: &[u8] = b"COMMIT\0";
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        let chunk = &buffer[..read];
        if of_writer.load(Ordering::SeqCst)
            && chunk.windows(DONE.len()).any(|window| window == DONE)
            && shared.cut.load(Ordering::SeqCst) == Cut::AfterCommit as u8
        {
            shared.cut.store(0, Ordering::SeqCst);
            shared.cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if client.write_all(chunk).await.is_err() {
            return;
        }
    }
}
