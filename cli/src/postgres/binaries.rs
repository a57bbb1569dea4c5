//! Which server binaries of the machine are used.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::PostgresError;

/// The oldest release that has what we need (`idle_session_timeout`, `lz4`).
pub(super) const OLDEST: u32 = 14;

/// The folder of the newest server binaries: the setting, the path, where distributions put them.
pub fn find_binaries() -> Option<PathBuf> {
    candidates().into_iter().next().map(|(_, folder)| folder)
}

/// Binaries that can work on `data`: those of the release that made it, else the preferred ones.
pub(super) fn fitting(data: &Path) -> Result<PathBuf, PostgresError> {
    let candidates = candidates();
    let newest = candidates.iter().map(|(release, _)| *release).max().ok_or(PostgresError::NotInstalled)?;
    let made_by = fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
    let fits = |release: u32| release >= OLDEST && made_by.is_none_or(|made_by| release == made_by);
    match (candidates.into_iter().find(|(release, _)| fits(*release)), made_by) {
        (Some((_, folder)), _) => Ok(folder),
        (None, Some(made_by)) => Err(PostgresError::OtherRelease { folder: data.to_owned(), made_by }),
        (None, None) => Err(PostgresError::TooOld { found: newest }),
    }
}

/// Folders with server binaries and their releases, the preferred first.
fn candidates() -> Vec<(u32, PathBuf)> {
    let named = std::env::var_os("NETPLANNER_PG_BIN").map(PathBuf::from);
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut installed: Vec<(u32, PathBuf)> = ["/usr/lib/postgresql", "/usr"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix("pgsql-").unwrap_or(&name).parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    installed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let installed = installed.into_iter().map(|(_, folder)| folder);
    let folders = named.into_iter().chain(on_path.into_iter().flatten()).chain(installed);
    folders.filter_map(|folder| Some((release(&folder)?, home_of(folder)))).collect()
}

/// The folder in which the binaries of `folder` really are: where they are linked to, all that belongs to the release
/// (`pg_dump` too) need not be.
fn home_of(folder: PathBuf) -> PathBuf {
    let server = folder.join("postgres").canonicalize();
    let home = server.ok().and_then(|server| Some(server.parent()?.to_owned()));
    home.filter(|home| home.join("initdb").is_file() && home.join("postgres").is_file()).unwrap_or(folder)
}

/// The release of the server in `folder`, from `postgres (PostgreSQL) 15.18 (…)`.
fn release(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() || !folder.join("postgres").is_file() {
        return None;
    }
    let said = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}
