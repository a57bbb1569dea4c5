//! How a running shard learns that it is no longer wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::AlgorithmError;

/// The worker's hold on a running shard. An algorithm asks it at least every 200 ms of work.
#[derive(Clone, Debug, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
}

impl Control {
    /// A control that nobody has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the shard to return soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the shard should return.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Returns early with `?` once the shard is cancelled.
    ///
    /// # Errors
    /// [`AlgorithmError::Cancelled`].
    pub fn check(&self) -> Result<(), AlgorithmError> {
        if self.is_cancelled() { Err(AlgorithmError::Cancelled) } else { Ok(()) }
    }
}
