//! How many requests a client may make: a bucket of tokens for each address, refilled at a steady rate. Pure: it takes the
//! time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use common::clock::Timestamp;

/// Clients that are told apart at a time. Above it newcomers share one bucket: a crowd of addresses is no way around the
/// limit, and the table has a bound.
const CLIENTS: usize = 10_000;

/// How many requests a client may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second in the long run; 0 for any number.
    pub per_second: u32,
    /// Requests at once after a quiet time.
    pub burst: u32,
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request may pass.
    pub passes: bool,
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Seconds until all of the burst may be made again, rounded up.
    pub full_s: u32,
    /// Seconds until another request passes, rounded up; 0 if at once.
    pub wait_s: u32,
}

/// Whose requests are counted together: an address, or the part of an IPv6 address that a provider gives to one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    Known(IpAddr),
    Newcomer,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// The buckets of all clients.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    buckets: HashMap<Client, Bucket>,
}

impl Limiter {
    /// Nobody asked for anything yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate: Rate { burst: rate.burst.max(1), ..rate }, buckets: HashMap::new() }
    }

    /// Takes a token for a request of `from`; none if there is no limit.
    pub fn take(&mut self, from: IpAddr, now: Timestamp) -> Option<Verdict> {
        if self.rate.per_second == 0 {
            return None;
        }
        let (per_second, burst) = (f64::from(self.rate.per_second), f64::from(self.rate.burst));
        let client = self.client(from, now);
        let bucket = self.buckets.entry(client).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = refilled(*bucket, per_second, burst, now);
        bucket.at = now;
        let passes = bucket.tokens >= 1.0;
        if passes {
            bucket.tokens -= 1.0;
        }
        let wait = (1.0 - bucket.tokens).max(0.0) / per_second;
        Some(Verdict {
            passes,
            remaining: whole(bucket.tokens.floor()),
            full_s: whole(((burst - bucket.tokens) / per_second).ceil()),
            wait_s: whole(wait.ceil()),
        })
    }

    /// The limit as the `RateLimit-Policy` header says it: so many requests in so many seconds.
    #[must_use]
    pub fn policy(&self) -> String {
        let window = self.rate.burst.div_ceil(self.rate.per_second.max(1)).max(1);
        format!("\"client\";q={};w={window}", self.rate.burst)
    }

    fn client(&mut self, from: IpAddr, now: Timestamp) -> Client {
        let client = Client::Known(match from {
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => IpAddr::V4(address),
                None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            },
            address @ IpAddr::V4(_) => address,
        });
        if self.buckets.contains_key(&client) || self.buckets.len() < CLIENTS {
            return client;
        }
        // whose bucket is full again is as good as unknown
        let (per_second, burst) = (f64::from(self.rate.per_second), f64::from(self.rate.burst));
        self.buckets.retain(|_, bucket| refilled(*bucket, per_second, burst, now) < burst);
        if self.buckets.len() < CLIENTS { client } else { Client::Newcomer }
    }
}

fn refilled(bucket: Bucket, per_second: f64, burst: f64, now: Timestamp) -> f64 {
    (bucket.tokens + now.since(bucket.at).as_secs_f64() * per_second).min(burst)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded by a burst, and `as` saturates
fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const BEGIN: Timestamp = Timestamp(0);

    fn limiter() -> Limiter {
        Limiter::new(Rate { per_second: 2, burst: 5 })
    }

    #[test]
    fn after_its_burst_a_client_goes_on_at_the_rate() {
        let mut limiter = limiter();
        let mut at = |ms: u64| limiter.take(ANN, BEGIN.after(Duration::from_millis(ms))).unwrap();
        for remaining in [4, 3, 2, 1, 0] {
            let verdict = at(0);
            assert_eq!((verdict.passes, verdict.remaining), (true, remaining));
        }
        assert_eq!(at(0), Verdict { passes: false, remaining: 0, full_s: 3, wait_s: 1 });
        assert!(!at(400).passes);
        assert!(at(500).passes, "half a second is one request");
        assert!(!at(600).passes);
        assert_eq!(at(60_000), Verdict { passes: true, remaining: 4, full_s: 1, wait_s: 0 }, "a full bucket");
    }

    #[test]
    fn clients_do_not_disturb_each_other() {
        let mut limiter = limiter();
        while limiter.take(ANN, BEGIN).unwrap().passes {}
        assert!(limiter.take("192.0.2.2".parse().unwrap(), BEGIN).unwrap().passes);
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert!(!limiter.take(mapped, BEGIN).unwrap().passes, "the same address written otherwise");
        // one customer has 2^64 addresses
        for n in 0..5 {
            assert!(limiter.take(format!("2001:db8::{n}").parse().unwrap(), BEGIN).unwrap().passes);
        }
        assert!(!limiter.take("2001:db8::77".parse().unwrap(), BEGIN).unwrap().passes);
    }

    #[test]
    fn a_crowd_of_addresses_fills_no_memory_and_opens_no_door() {
        let mut limiter = limiter();
        let mut address = 0_u32;
        let mut take = |limiter: &mut Limiter, now| {
            address += 1;
            limiter.take(IpAddr::V4(address.into()), now).unwrap().passes
        };
        for _ in 0..CLIENTS {
            assert!(take(&mut limiter, BEGIN));
        }
        let passed = (0..100).filter(|_| take(&mut limiter, BEGIN)).count();
        assert_eq!(passed, 5, "newcomers share a bucket");
        assert!(limiter.buckets.len() <= CLIENTS + 1);
        let later = BEGIN.after(Duration::from_mins(1));
        assert!(take(&mut limiter, later));
        assert_eq!(limiter.buckets.len(), 1, "full buckets are forgotten");
    }

    #[test]
    fn no_limit_is_no_bookkeeping() {
        let mut limiter = Limiter::new(Rate { per_second: 0, burst: 0 });
        assert_eq!(limiter.take(ANN, BEGIN), None);
        assert!(limiter.buckets.is_empty());
        assert_eq!(limiter.policy(), "\"client\";q=1;w=1");
        assert_eq!(Limiter::new(Rate { per_second: 2, burst: 5 }).policy(), "\"client\";q=5;w=3");
    }
}
