//! Which refusals are worth a line in the log: the first of its kind from an address, and then one a minute. A worker
//! with a wrong certificate comes back every second, and so does whoever looks for open ports.

use std::collections::HashMap;
use std::mem::Discriminant;
use std::net::IpAddr;
use std::time::Duration;

use common::clock::Timestamp;
use common::tls::Fault;

/// For how long the same is not said again.
const QUIET: Duration = Duration::from_mins(1);

/// How many kinds from how many addresses are remembered.
const KEPT: usize = 1_024;

/// What was said lately.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<(IpAddr, Discriminant<Fault>), Said>);

#[derive(Debug)]
struct Said {
    at: Timestamp,
    since: u32,
}

impl Refusals {
    /// Counts a refusal. Yields how many of its kind were not told since the last that was, if this one is to be told.
    pub(super) fn note(&mut self, peer: IpAddr, fault: &Fault, now: Timestamp) -> Option<u32> {
        let key = (peer, std::mem::discriminant(fault));
        if let Some(said) = self.0.get_mut(&key) {
            if now.since(said.at) < QUIET {
                said.since = said.since.saturating_add(1);
                return None;
            }
            let untold = said.since;
            *said = Said { at: now, since: 0 };
            return Some(untold);
        }
        if self.0.len() >= KEPT {
            self.0.retain(|_, said| now.since(said.at) < QUIET);
        }
        // with so many at once, lines of their own would say no more
        (self.0.len() < KEPT).then(|| {
            self.0.insert(key, Said { at: now, since: 0 });
            0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u16) -> IpAddr {
        let [high, low] = last.to_be_bytes();
        [10, 0, high, low].into()
    }

    #[test]
    fn each_kind_is_told_once_a_minute_with_how_many_there_were() {
        let mut refusals = Refusals::default();
        let second = |second: u64| Timestamp(second * 1_000_000);
        assert_eq!(refusals.note(peer(1), &Fault::NoTls, second(0)), Some(0));
        assert_eq!(refusals.note(peer(1), &Fault::NoTls, second(1)), None);
        assert_eq!(refusals.note(peer(1), &Fault::NoCertificate, second(2)), Some(0));
        assert_eq!(refusals.note(peer(2), &Fault::NoTls, second(3)), Some(0));
        assert_eq!(refusals.note(peer(1), &Fault::NoTls, second(4)), None);
        assert_eq!(refusals.note(peer(1), &Fault::NoTls, second(60)), Some(2));
    }

    #[test]
    fn a_storm_from_everywhere_takes_no_memory_and_no_log() {
        let mut refusals = Refusals::default();
        let told =
            (0..5_000).filter(|last| refusals.note(peer(*last), &Fault::Silent, Timestamp(0)).is_some());
        assert_eq!(told.count(), KEPT);
        let later = Timestamp(61_000_000);
        assert_eq!(refusals.note(peer(6_000), &Fault::Silent, later), Some(0));
        assert_eq!(refusals.0.len(), 1);
    }
}
