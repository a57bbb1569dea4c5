//! The one file of the worker that reads what a computation costs: CPU clocks and memory.

use common::clock::{self, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread so far, in microseconds. A system call of about 0.2 µs.
pub fn thread_cpu_us() -> u64 {
    micros(ClockId::ThreadCPUTime)
}

/// CPU time of the process so far, in microseconds.
pub fn process_cpu_us() -> u64 {
    micros(ClockId::ProcessCPUTime)
}

fn micros(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // Neither is ever negative.
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000
}

/// Resident memory of the process in bytes; 0 where `/proc` does not say.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// What the process may use of the machine's memory, in bytes: the lowest limit of its control group and those around it,
/// or all there is; 0 where nothing says.
pub fn memory_limit_bytes() -> u64 {
    let machine = field(&read("/proc/meminfo"), "MemTotal:").map_or(0, |kib| kib << 10);
    let groups = read("/proc/self/cgroup");
    let limits = groups.lines().flat_map(limit_files).filter_map(|file| read(&file).trim().parse().ok());
    // a group without a limit says `max`, or a number that no machine reaches
    limits.chain([machine]).filter(|limit| *limit > 0).min().unwrap_or(0)
}

/// The files that may hold the limits of a line of `/proc/self/cgroup` (`0::/a/b`, or `5:memory:/a/b` of version 1),
/// inside out.
fn limit_files(line: &str) -> Vec<String> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        list if list.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let around = std::path::Path::new(path).ancestors().map(|group| group.to_string_lossy().into_owned());
    around.map(|group| format!("{root}{}/{file}", group.trim_end_matches('/'))).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// The number after `name` in lines of names and numbers.
fn field(lines: &str, name: &str) -> Option<u64> {
    lines.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// Times consecutive pieces of work on one thread: each lap costs one reading of either clock.
pub struct Meter {
    /// Microseconds since the Unix epoch at [`Meter::start`].
    wall_us: u64,
    start: Timestamp,
    lap: Timestamp,
    cpu_us: u64,
}

/// What a piece of work took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// When it began, microseconds since the Unix epoch.
    pub started_us: u64,
    /// CPU time of the thread in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
}

impl Meter {
    /// Begins now.
    pub fn start() -> Self {
        let wall_us = u64::try_from(clock::wall().timestamp_micros()).unwrap_or(0);
        let start = clock::now();
        Self { wall_us, start, lap: start, cpu_us: thread_cpu_us() }
    }

    /// When the current piece began.
    pub fn began(&self) -> Timestamp {
        self.lap
    }

    /// Begins the current piece anew: what passed was waiting.
    pub fn skip(&mut self) {
        self.lap = clock::now();
        self.cpu_us = thread_cpu_us();
    }

    /// Ends the current piece and begins the next.
    pub fn lap(&mut self) -> Lap {
        let (now, cpu_us) = (clock::now(), thread_cpu_us());
        let lap = Lap {
            started_us: self.wall_us + (self.lap.0 - self.start.0),
            cpu_us: cpu_us - self.cpu_us,
            wall_us: now.0 - self.lap.0,
        };
        (self.lap, self.cpu_us) = (now, cpu_us);
        lap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_memory_is_looked_for_in_the_group_and_around_it() {
        assert_eq!(
            limit_files("0::/a/b"),
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"]
        );
        assert_eq!(limit_files("5:cpu,memory:/"), ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]);
        assert_eq!(limit_files("4:cpu:/a"), [""; 0]);
        assert_eq!(field("MemFree: 1 kB\nMemTotal:   16 kB", "MemTotal:"), Some(16));
        let limit = memory_limit_bytes();
        assert!(limit > 64 << 20, "{limit}");
    }

    #[test]
    fn a_busy_thread_uses_cpu_time_and_a_sleeping_one_does_not() {
        let mut meter = Meter::start();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let asleep = meter.lap();
        assert!(asleep.wall_us >= 30_000 && asleep.cpu_us < 15_000, "{asleep:?}");

        while thread_cpu_us() < meter.cpu_us + 20_000 {}
        let busy = meter.lap();
        assert!(busy.cpu_us >= 20_000, "{busy:?}");
        assert!(busy.started_us >= asleep.started_us + 30_000);
        assert!(process_cpu_us() >= 20_000 && resident_bytes() > 1 << 20);
    }
}
