//! From when to when a certificate is valid, so that its end can be told before it comes.
//!
//! Verifying is the library's; of a certificate's own dates it tells nothing, so the few bytes up to them are read here.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};

/// ASN.1 tags on the way to the dates.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Its first moment.
    pub begins: DateTime<Utc>,
    /// Its last moment.
    pub ends: DateTime<Utc>,
}

/// What a moment is to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    /// It is not valid yet.
    Unborn,
    /// All is well.
    Good,
    /// The last tenth of its life: whatever renews it should have done so.
    Late,
    /// It is not valid any more.
    Over,
}

impl Lifetime {
    /// Reads a certificate in DER form: `SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, validity …`.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate, _) = element(certificate)?;
        let (_, mut rest, _) = element(certificate)?;
        if rest.first() == Some(&VERSION) {
            rest = element(rest)?.2;
        }
        for _ in ["serial", "algorithm", "issuer"] {
            rest = element(rest)?.2;
        }
        let (SEQUENCE, validity, _) = element(rest)? else { return None };
        let (begin, begins, rest) = element(validity)?;
        let (end, ends, _) = element(rest)?;
        Some(Self { begins: moment(begin, begins)?, ends: moment(end, ends)? })
    }

    /// How old it is.
    pub(super) fn age(&self, now: DateTime<Utc>) -> Age {
        if now < self.begins {
            Age::Unborn
        } else if now > self.ends {
            Age::Over
        } else if self.ends - now < (self.ends - self.begins) / 10 {
            Age::Late
        } else {
            Age::Good
        }
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = "%Y-%m-%d %H:%M:%S UTC";
        write!(f, "it is from {} to {}", self.begins.format(shape), self.ends.format(shape))
    }
}

/// Tag, contents and what follows of the first element in `bytes`.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// Times of certificates end with `Z` and have no fractions (RFC 5280).
fn moment(tag: u8, digits: &[u8]) -> Option<DateTime<Utc>> {
    let digits = std::str::from_utf8(digits).ok()?;
    let full = match tag {
        // two digits of the year: from 1950 on
        UTC_TIME => format!("{}{digits}", if digits.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => digits.to_owned(),
        _ => return None,
    };
    Some(NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The beginning of a certificate of version 3 with these dates.
    fn certificate(dates: &[u8]) -> Vec<u8> {
        let wrap = |contents: &[u8]| {
            [&[SEQUENCE, 0x82, 0, u8::try_from(contents.len()).unwrap()], contents].concat()
        };
        let head = [&[VERSION, 3, 2, 1, 2, 2, 1, 7][..], &[SEQUENCE, 0], &[SEQUENCE, 2, 5, 0]].concat();
        wrap(&wrap(&[&head, &wrap(dates)[..], &[SEQUENCE, 0]].concat()))
    }

    #[test]
    fn dates_of_both_forms_are_read() {
        let dates =
            [&[UTC_TIME, 13][..], b"991231235959Z", &[GENERALIZED_TIME, 15], b"20500102030405Z"].concat();
        let found = Lifetime::of(&certificate(&dates)).unwrap();
        assert_eq!(found.begins, at("1999-12-31T23:59:59Z"));
        assert_eq!(found.ends, at("2050-01-02T03:04:05Z"));
        assert!(found.to_string().contains("to 2050-01-02 03:04:05 UTC"));
    }

    #[test]
    fn what_is_no_certificate_has_no_lifetime() {
        let dates = [&[UTC_TIME, 13][..], b"991231235959Z", &[UTC_TIME, 13], b"49123123595 Z"].concat();
        assert_eq!(Lifetime::of(&certificate(&dates)), None);
        let good =
            certificate(&[&[UTC_TIME, 13][..], b"991231235959Z", &[UTC_TIME, 13], b"491231235959Z"].concat());
        assert!(Lifetime::of(&good).is_some());
        for length in 0..good.len() {
            assert_eq!(Lifetime::of(&good[..length]), None, "cut off after {length}");
        }
        assert_eq!(Lifetime::of(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
    }

    #[test]
    fn the_last_tenth_is_late() {
        let life = Lifetime { begins: at("2026-01-01T00:00:00Z"), ends: at("2026-01-11T00:00:00Z") };
        let ages =
            ["2025-12-31T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-10T01:00:00Z", "2026-01-12T00:00:00Z"];
        assert_eq!(ages.map(|now| life.age(at(now))), [Age::Unborn, Age::Good, Age::Late, Age::Over]);
    }
}
