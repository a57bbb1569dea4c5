//! Where a server keeps its things, who may enter there, and what an earlier server left.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::clock;

use super::error::io_error;
use super::{POLL, PostgresError, STOP_GRACE};

/// Where the data of root's server lives if its user cannot enter the folder that was asked for.
const ROOTS_DATA: &str = "/var/lib/netplanner";

/// Unprivileged users that root's server may run as, in order of preference.
pub(super) const USERS: [&str; 2] = ["postgres", "nobody"];

/// An unprivileged user.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The first of [`USERS`] that the machine has.
pub(super) fn unprivileged() -> Option<User> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    USERS.iter().find_map(|name| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    })
}

/// The data folder, made absolute. Below a folder that others cannot enter, root's server lives in [`ROOTS_DATA`].
pub(super) fn prepare(home: &Path, root: bool) -> Result<PathBuf, PostgresError> {
    fs::create_dir_all(home).map_err(io_error(&format!("creating {}", home.display())))?;
    let home = home.canonicalize().map_err(io_error("resolving the data folder"))?;
    let closed = home
        .ancestors()
        .skip(1)
        .any(|folder| fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0));
    if !root || !closed {
        return Ok(home);
    }
    let moved = Path::new(ROOTS_DATA).join(short_name(&home));
    fs::create_dir_all(&moved).map_err(io_error(&format!("creating {}", moved.display())))?;
    tracing::info!(folder = %moved.display(), "the database lives here: its user cannot enter {}", home.display());
    Ok(moved)
}

/// Waits for a server that is shutting down on `data`, and removes the traces of one that is gone.
pub(super) fn make_way(data: &Path) -> Result<(), PostgresError> {
    let file = data.join("postmaster.pid");
    let begin = clock::now();
    while let Ok(text) = fs::read_to_string(&file) {
        let lines: Vec<&str> = text.lines().collect();
        let Some(pid) = lines.first().and_then(|line| line.trim().parse::<u32>().ok()) else { return Ok(()) };
        // a server's working folder is its data; after a restart of a container its id may be anybody's
        if fs::read_link(format!("/proc/{pid}/cwd")).ok().as_deref() != Some(data) {
            return fs::remove_file(&file)
                .map_err(io_error("removing the pid file of a server that is gone"));
        }
        // one whose parent was killed a moment ago may not have noticed yet
        let stopping = lines.get(7).is_some_and(|state| state.trim() == "stopping");
        let patience = if stopping { STOP_GRACE } else { Duration::from_millis(500) };
        if clock::now().since(begin) > patience {
            return Err(PostgresError::InUse { folder: data.to_owned(), pid });
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Creates a folder that only the server's user can enter.
pub(super) fn own(folder: &Path, user: Option<&User>) -> Result<(), PostgresError> {
    let what = format!("preparing {}", folder.display());
    fs::create_dir_all(folder).map_err(io_error(&what))?;
    // in /tmp someone else may have been there first
    let found = fs::symlink_metadata(folder).map_err(io_error(&what))?;
    let ours = [Some(rustix::process::geteuid().as_raw()), user.map(|user| user.uid)];
    if !found.is_dir() || !ours.contains(&Some(found.uid())) {
        return Err(io_error(&what)(io::Error::other("it belongs to someone else")));
    }
    if let Some(user) = user {
        std::os::unix::fs::chown(folder, Some(user.uid), Some(user.gid)).map_err(io_error(&what))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(io_error(&what))
}

/// A short folder for the socket, whose path may have 107 bytes at most.
pub(super) fn socket_folder(home: &Path) -> PathBuf {
    let inside = home.join("run");
    if inside.as_os_str().len() < 80 {
        inside
    } else {
        PathBuf::from(format!("/tmp/netplanner-{}", short_name(home)))
    }
}

fn short_name(path: &Path) -> String {
    let hash = common::ids::ContentHash::of(path.as_os_str().as_encoded_bytes()).to_string();
    hash[..12].to_owned()
}
