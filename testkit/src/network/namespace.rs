//! One network namespace, kept alive by a process that dies with us: whatever happens to a test, the kernel takes the
//! namespace, its links and its mounts away.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use cli::process::dying_with_us;

/// A network namespace with mounts of its own.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// Makes a namespace in which only loopback is up.
    ///
    /// # Errors
    /// Where the system does not let us; the text says what is missing.
    pub fn new() -> Result<Self> {
        let mut command = dying_with_us(Path::new("unshare"), "KILL");
        command.args([
            "--net",
            "--mount",
            "--",
            "sh",
            "-c",
            "ip link set lo up && echo up && exec sleep infinity",
        ]);
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = piped.spawn().context("starting unshare (package util-linux)")?;
        let mut said = String::new();
        if let Some(stdout) = holder.stdout.take() {
            BufReader::new(stdout).read_line(&mut said)?;
        }
        if said.trim() == "up" {
            return Ok(Self { holder });
        }
        let output = holder.wait_with_output()?;
        bail!("no network namespace: {}", String::from_utf8_lossy(&output.stderr).trim())
    }

    /// The process that keeps it.
    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// The flags with which `nsenter` runs a program in it.
    pub fn flags(&self) -> [String; 2] {
        let kept = |kind: &str, flag: &str| format!("--{flag}=/proc/{}/ns/{kind}", self.pid());
        [kept("net", "net"), kept("mnt", "mount")]
    }

    /// A command inside; it dies with the thread that spawns it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = dying_with_us(Path::new("nsenter"), "KILL");
        command.args(self.flags()).arg("--").arg(program);
        command
    }

    /// A file of its mounts, as it is reached from outside.
    pub fn file(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new(&format!("/proc/{}/root", self.pid())).join(inside)
    }

    /// Runs a shell script inside, to its end.
    pub fn run(&self, script: &str) -> Result<()> {
        let mut command = self.command("sh");
        command.args(["-e", "-s"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("starting nsenter (package util-linux)")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(script.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{script}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
