//! What happened, in words, for whoever has to understand why a seed fails.

use std::fmt;

use super::agenda::Instant;

/// Lines with their times. A story that is not to be told costs nothing.
#[derive(Debug, Default)]
pub struct Story {
    told: bool,
    lines: Vec<(Instant, String)>,
}

impl Story {
    /// An empty story; it is only written down if it is to be `told`.
    #[must_use]
    pub const fn new(told: bool) -> Self {
        Self { told, lines: Vec::new() }
    }

    /// Something happened.
    pub fn tell(&mut self, now: Instant, line: impl FnOnce() -> String) {
        if self.told {
            self.lines.push((now, line()));
        }
    }

    /// The last so many lines.
    #[must_use]
    pub fn end(&self, lines: usize) -> String {
        let skipped = self.lines.len().saturating_sub(lines);
        let mut text = if skipped > 0 { format!("… {skipped} lines before\n") } else { String::new() };
        for (at, line) in &self.lines[skipped..] {
            text.push_str(&Line(*at, line).to_string());
        }
        text
    }
}

struct Line<'a>(Instant, &'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10.4} s  {}", self.0 as f64 / 1e6, self.1)
    }
}
