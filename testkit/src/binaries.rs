//! Where the binaries under test are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of one of our binaries, of the same build as the running test.
///
/// `NETPLANNER_BIN_DIR` names their folder; without it they are built first, which takes a moment when they are fresh.
///
/// # Panics
/// If they cannot be built.
pub fn path(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let path = FOLDER.get_or_init(folder).join(name);
    assert!(path.is_file(), "there is no {}", path.display());
    path
}

fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("NETPLANNER_BIN_DIR") {
        return folder.into();
    }
    // …/target/debug/deps/test-0123 → …/target/debug
    let own = std::env::current_exe().expect("a test knows its own path");
    let folder = own.ancestors().nth(2).expect("a build folder").to_owned();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace).args(["build", "--workspace", "--all-targets", "--quiet"]);
    if folder.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    let target = folder.parent().expect("the target folder");
    let status = cargo.env("CARGO_TARGET_DIR", target).status().expect("cargo starts");
    assert!(status.success(), "the binaries can be built");
    folder
}
