//! The one place that reads the clocks. Everything that decides takes the time as an argument.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A moment on a process-local monotonic scale, in microseconds since the process looked first.
///
/// Leases, heartbeats and sizes of ranges are reckoned in it: a step of the wall clock changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long ago `earlier` was; zero if it was not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `duration` later.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // 500,000 years fit
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_micros() as u64))
    }
}

/// Reads the monotonic clock.
#[must_use]
#[allow(clippy::disallowed_methods, clippy::cast_possible_truncation)] // this is the one place
pub fn now() -> Timestamp {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    Timestamp(START.get_or_init(Instant::now).elapsed().as_micros() as u64)
}

/// Reads the wall clock, for what is shown to people and for ids.
#[must_use]
#[allow(clippy::disallowed_methods)] // this is the one place
pub fn wall() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
