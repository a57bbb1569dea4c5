//! The rayon pool: sized to the worker's cores, entered by one shard at a time, and only by algorithms that say so.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use algorithms::Control;

use crate::meter;

/// See the module.
pub struct Compute {
    pool: rayon::ThreadPool,
    taken: Mutex<bool>,
    freed: Condvar,
}

impl Compute {
    /// Starts a pool of `threads`.
    ///
    /// # Errors
    /// When the threads cannot be had.
    pub fn start(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("rayon-{index}"))
            .build()?;
        Ok(Self { pool, taken: Mutex::new(false), freed: Condvar::new() })
    }

    /// Waits until nobody else is in the pool; none if `control` was cancelled first.
    pub fn enter(&self, control: &Control) -> Option<Entered<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            if control.is_cancelled() {
                return None;
            }
            let patience = Duration::from_millis(50);
            taken = self.freed.wait_timeout(taken, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken = true;
        Some(Entered { compute: self })
    }
}

/// The right to use the pool; given back when dropped, also by a panic.
pub struct Entered<'a> {
    compute: &'a Compute,
}

impl Entered<'_> {
    /// Runs `work` in the pool; also says how much CPU time all its threads used, in microseconds.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> (R, u64) {
        let pool = &self.compute.pool;
        let used = || pool.broadcast(|_| meter::thread_cpu_us()).into_iter().sum::<u64>();
        let before = used();
        let result = pool.install(work);
        (result, used().saturating_sub(before))
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.compute.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.compute.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_holds_one_shard_at_a_time_and_survives_a_panic() {
        let compute = Compute::start(2).unwrap();
        let control = Control::new();
        let inside = compute.enter(&control).unwrap();
        let waiting = Control::new();
        waiting.cancel();
        assert!(compute.enter(&waiting).is_none(), "taken, and nobody waits any more");

        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let inside = inside;
            inside.run(|| panic!("a shard"))
        }));
        assert!(panicked.is_err());
        let (sum, _) = compute.enter(&control).unwrap().run(|| {
            use rayon::prelude::*;
            (0..1000_u64).into_par_iter().sum::<u64>()
        });
        assert_eq!(sum, 499_500);
    }
}
