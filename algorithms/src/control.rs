//! What a running shard and its worker say to each other: that it is no longer wanted, and what it is at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::AlgorithmError;

/// The longest note of a shard in bytes; of a longer one the end is kept.
pub const NOTE_BYTES: usize = 4096;

/// The worker's hold on a running shard. An algorithm asks it at least every 200 ms of work.
#[derive(Clone, Debug, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    note: Arc<Mutex<String>>,
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

    /// Says what the shard is at: a line for people, kept with its failure should it fail, and forgotten otherwise. Of
    /// all lines the last [`NOTE_BYTES`] are kept. Costs a lock that nobody contends and the copy of the line.
    pub fn note(&self, line: &str) {
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        if !note.is_empty() {
            note.push('\n');
        }
        note.push_str(line);
        if let Some(surplus) = note.len().checked_sub(NOTE_BYTES) {
            let from = note.ceil_char_boundary(surplus);
            note.drain(..from);
        }
    }

    /// What was said since the last [`Control::forget_note`]; none if nothing was.
    #[must_use]
    pub fn noted(&self) -> Option<String> {
        let note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        (!note.is_empty()).then(|| note.clone())
    }

    /// Another shard begins.
    pub fn forget_note(&self) {
        self.note.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_note_is_kept_in_whole_characters() {
        let control = Control::new();
        assert_eq!(control.noted(), None);
        control.note("first");
        control.note("second");
        assert_eq!(control.noted().unwrap(), "first\nsecond");
        control.note(&"ä".repeat(NOTE_BYTES));
        let note = control.noted().unwrap();
        assert!(note.len() <= NOTE_BYTES && note.chars().all(|letter| letter == 'ä'), "{}", note.len());
        control.forget_note();
        assert_eq!(control.noted(), None);
    }
}
