//! How long a shard rests after a failed attempt: a fault that passes (a document that cannot be had, a machine without
//! memory) is given time, one that does not costs few attempts.

use std::time::Duration;

/// The rest after the `attempt`-th failure, from 1: `first`, then twice as much each time, at most `most`.
#[must_use]
pub fn rest(first: Duration, most: Duration, attempt: u32) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(doubled).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let rests =
            |first| [1, 2, 3, 8, 9, 90].map(|attempt| rest(ms(first), ms(10_000), attempt).as_millis());
        assert_eq!(rests(100), [100, 200, 400, 10_000, 10_000, 10_000]);
        assert_eq!(rests(0), [0; 6], "none at all");
        assert_eq!(rests(60_000), [10_000; 6]);
    }
}
