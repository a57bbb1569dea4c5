//! Other engines with tasks that do nothing, by the script beside this crate, in the same hour on the same machine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::report::{self, Folder};

/// What was found of one of them.
#[derive(Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)] // keys of the document
pub struct Peer {
    /// Its name.
    pub peer: String,
    /// Why it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Tasks that it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// Tasks in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_per_second: Option<f64>,
    /// CPU time of all its processes for each task in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_task: Option<f64>,
    /// CPU time of its server alone, where it has one that can be told from the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_us_per_task: Option<f64>,
}

/// Runs `tasks` tasks in each that can be installed.
pub fn measure(folder: &Folder, tasks: u32) -> Result<Vec<Peer>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let output = std::path::absolute(folder.path("peers-raw"))?;
    let status = Command::new(&script)
        .args(["--tasks", &tasks.to_string(), "--output"])
        .arg(&output)
        .status()
        .with_context(|| format!("starting {}", script.display()))?;
    anyhow::ensure!(status.success(), "{} failed", script.display());
    report::read(&output)
}
