//! Child processes that die with this one, and signals to them.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use common::clock;
use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

/// How often a child is asked whether it is gone.
const POLL: Duration = Duration::from_millis(10);

/// A command for `program` that the kernel sends `at_our_end` when the thread that spawned it ends, however it ends.
///
/// It gets a process group of its own, so that Ctrl-C on the terminal reaches only us and we stop it in order.
pub fn dying_with_us(program: &Path, at_our_end: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig").arg(at_our_end).arg("--").arg(program).process_group(0);
    command
}

/// Sends `signal` to a child that has not been waited for.
pub fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?, signal).map_err(io::Error::from)
}

/// Sends `how` and waits for the child's end; kills it after `grace`. True if it ended by itself.
pub fn stop(child: &mut Child, how: Signal, grace: Duration) -> io::Result<bool> {
    if child.try_wait()?.is_some() {
        return Ok(true);
    }
    signal(child, how)?;
    let begin = clock::now();
    while clock::now().since(begin) < grace {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(POLL);
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

/// A binary of this project, beside the running one or, for tests, in the folder above it.
pub fn sibling(name: &str) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let beside = own.parent().unwrap_or(Path::new(".")).display();
        io::Error::new(io::ErrorKind::NotFound, format!("there is no {name} beside this program in {beside}"))
    })
}
