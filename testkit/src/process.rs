//! One process of a cluster under test: its log, and what can be done to it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cli::process::{self, Signal, dying_with_us};

/// How many lines of its log a failing test shows.
const SHOWN_LINES: usize = 60;

/// A running, or ended, process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; its output goes into a log in `folder`. It is killed when the calling thread ends.
    pub fn start(
        name: &str,
        program: &Path,
        folder: &Path,
        adjust: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<Self> {
        let path = folder.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&path)?;
        let mut command = dying_with_us(program, "KILL");
        adjust(&mut command).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: path })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        process::signal(&self.child, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// `kill -9`, and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM; fails if it needs longer than `grace`.
    pub fn terminate(&mut self, grace: Duration) -> Result<ExitStatus> {
        if !process::stop(&mut self.child, Signal::TERM, grace)? {
            bail!("{} did not end within {grace:?} after SIGTERM", self.name);
        }
        Ok(self.child.wait()?)
    }

    /// Sends a signal to it and to its children, which may live in process groups of their own as those of Postgres do.
    pub fn signal_family(&self, signal: Signal) -> Result<()> {
        for pid in std::iter::once(self.pid()).chain(children(self.pid())) {
            // a child that ended meanwhile needs none
            if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
        Ok(())
    }

    /// Sends `signal` and waits for the end; kills it after `grace`.
    pub fn end(&mut self, signal: Signal, grace: Duration) -> Result<()> {
        process::stop(&mut self.child, signal, grace)?;
        Ok(())
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The file that it logs into.
    pub fn log_path(&self) -> PathBuf {
        self.log.clone()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// User and system CPU time so far, of all its threads.
    pub fn cpu_time(&self) -> Result<Duration> {
        cpu_time(self.pid())
    }

    /// Prints the end of its log, for a test that fails.
    #[allow(clippy::print_stderr)] // that is where tests speak
    pub fn show_log(&self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("--- {} ({} lines)", self.name, lines.len());
        for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
            eprintln!("{line}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes that a process started and that are still there.
fn children(parent: u32) -> impl Iterator<Item = u32> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = folders.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(move |pid| stat(*pid).is_ok_and(|fields| fields[0] == i64::from(parent)))
}

/// The fields of `/proc/PID/stat` after the name, which stands in parentheses and may contain blanks.
fn stat(pid: u32) -> Result<Vec<i64>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a name in parentheses")?;
    Ok(fields.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect())
}

fn of_ticks(ticks: i64) -> Duration {
    let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Duration::from_secs_f64(seconds.max(0.0))
}

/// Anonymous memory of a process in bytes: what it allocated and uses, without what it maps of files.
pub fn anonymous_memory(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("a line RssAnon")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib << 10)
}

/// User and system CPU time of a process, of all its threads, from `/proc`.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let fields = stat(pid)?;
    Ok(of_ticks(fields[10] + fields[11]))
}

/// The same of a process with its children, of those that ended too.
pub fn family_cpu_time(parent: u32) -> Result<Duration> {
    let own = stat(parent)?;
    let mut ticks: i64 = own[10..14].iter().sum();
    let processes =
        fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in processes {
        // one that ends meanwhile is counted with its parent next time
        if let Ok(fields) = stat(pid)
            && fields[0] == i64::from(parent)
        {
            ticks += fields[10] + fields[11];
        }
    }
    Ok(of_ticks(ticks))
}
