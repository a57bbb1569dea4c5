//! The text in which Postgres gives back a JSONB document.
//!
//! JSONB keeps meaning, not bytes: keys are ordered by length and then by bytes, of equal keys the last one counts,
//! numbers become `numeric` (no exponent, no negative zero, trailing zeros kept), and white space is Postgres' own.
//! Whatever an algorithm reads back after a stage has gone through this, in a cluster as well as in [`crate::local`].

use std::borrow::Cow;
use std::fmt::Write as _;

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {at}: {expected} expected")]
pub struct MalformedError {
    /// Where.
    pub at: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// Rewrites `json`, a document that [`crate::storable`] wrote, as `json::jsonb::text` would.
///
/// Linear in the length but for sorting keys. The result is a fixed point: rewriting it again changes nothing.
pub fn normalise(json: &[u8]) -> Result<Vec<u8>, MalformedError> {
    let mut reader = Reader { json, at: 0 };
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    reader.space();
    reader.value(&mut out)?;
    reader.space();
    if reader.at == json.len() { Ok(out.into_bytes()) } else { Err(reader.expected("the end")) }
}

struct Reader<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn expected(&self, expected: &'static str) -> MalformedError {
        MalformedError { at: self.at, expected }
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Takes `byte` if it comes next, after white space.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self, out: &mut String) -> Result<(), MalformedError> {
        match self.peek() {
            Some(b'{') => self.object(out),
            Some(b'[') => self.array(out),
            Some(b'"') => {
                let text = self.string()?;
                write_string(&text, out);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(out),
            _ => self.word(out),
        }
    }

    fn word(&mut self, out: &mut String) -> Result<(), MalformedError> {
        let word = ["true", "false", "null"]
            .into_iter()
            .find(|word| self.json[self.at..].starts_with(word.as_bytes()))
            .ok_or_else(|| self.expected("a value"))?;
        self.at += word.len();
        out.push_str(word);
        Ok(())
    }

    fn array(&mut self, out: &mut String) -> Result<(), MalformedError> {
        self.at += 1;
        out.push('[');
        let mut first = true;
        while !self.take(b']') {
            if !first {
                if !self.take(b',') {
                    return Err(self.expected("`,` or `]`"));
                }
                out.push_str(", ");
            }
            first = false;
            self.space();
            self.value(out)?;
        }
        out.push(']');
        Ok(())
    }

    fn object(&mut self, out: &mut String) -> Result<(), MalformedError> {
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, String)> = Vec::new();
        while !self.take(b'}') {
            if !members.is_empty() && !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
            self.space();
            let key = self.string()?;
            if !self.take(b':') {
                return Err(self.expected("`:`"));
            }
            self.space();
            let mut value = String::new();
            self.value(&mut value)?;
            members.push((key, value));
        }
        // stable, so that of equal keys the last one stays last
        members.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
        out.push('{');
        let mut first = true;
        for (index, (key, value)) in members.iter().enumerate() {
            if members.get(index + 1).is_some_and(|(next, _)| next == key) {
                continue;
            }
            if !first {
                out.push_str(", ");
            }
            first = false;
            write_string(key, out);
            out.push_str(": ");
            out.push_str(value);
        }
        out.push('}');
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, MalformedError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("`\"`"));
        }
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.peek().ok_or_else(|| self.expected("`\"`"))? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let malformed = MalformedError { at: start, expected: "a text" };
        if escaped {
            serde_json::from_slice(&self.json[start..self.at]).map(Cow::Owned).map_err(|_| malformed)
        } else {
            std::str::from_utf8(&self.json[start + 1..self.at - 1]).map(Cow::Borrowed).map_err(|_| malformed)
        }
    }

    fn digits(&mut self) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        std::str::from_utf8(&self.json[start..self.at]).unwrap_or_default()
    }

    /// Writes a number as `numeric`: mantissa digits with the point moved by the exponent.
    fn number(&mut self, out: &mut String) -> Result<(), MalformedError> {
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let whole = self.digits();
        if whole.is_empty() {
            return Err(self.expected("a digit"));
        }
        let mut fraction = "";
        if self.peek() == Some(b'.') {
            self.at += 1;
            fraction = self.digits();
        }
        let mut exponent = 0_i64;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            let down = self.peek() == Some(b'-');
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            let size: i64 = self.digits().parse().map_err(|_| self.expected("an exponent"))?;
            exponent = if down { -size } else { size };
        }
        if exponent.abs() > 20_000 {
            return Err(self.expected("an exponent that `numeric` can hold"));
        }
        let digits = format!("{whole}{fraction}");
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) + exponent;
        let scale = (i64::try_from(fraction.len()).unwrap_or(i64::MAX) - exponent).max(0);
        let digit = |index: i64| {
            usize::try_from(index)
                .ok()
                .and_then(|index| digits.as_bytes().get(index))
                .map_or('0', |&b| b as char)
        };
        if negative && digits.bytes().any(|byte| byte != b'0') {
            out.push('-');
        }
        let leading = (0..point).take_while(|&index| digit(index) == '0').count();
        let before: String = (0..point).skip(leading).map(digit).collect();
        out.push_str(if before.is_empty() { "0" } else { &before });
        if scale > 0 {
            out.push('.');
            out.extend((point..point + scale).map(digit));
        }
        Ok(())
    }
}

/// A text as Postgres' `escape_json` writes it.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            low if low < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(low));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(json: &str) -> String {
        let once = normalise(json.as_bytes()).unwrap();
        assert_eq!(normalise(&once).unwrap(), once, "a fixed point");
        String::from_utf8(once).unwrap()
    }

    #[test]
    fn keys_are_ordered_by_length_and_the_last_of_equals_counts() {
        assert_eq!(
            stored(r#"{"bb":1,"a":{"d":[],"c":{}},"aa":2,"bb":3}"#),
            r#"{"a": {"c": {}, "d": []}, "aa": 2, "bb": 3}"#
        );
    }

    #[test]
    fn numbers_become_numeric() {
        // answers of PostgreSQL 15 to `select '<number>'::jsonb`
        for (json, answer) in [
            ("0.0", "0.0"),
            ("-0.0", "0.0"),
            ("-0", "0"),
            ("1.50", "1.50"),
            ("1e3", "1000"),
            ("1.5e3", "1500"),
            ("1.2345e2", "123.45"),
            ("1e-7", "0.0000001"),
            ("-2.5e-3", "-0.0025"),
            ("1.0e1", "10"),
            ("0e5", "0"),
            ("0.00e1", "0.0"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(stored(json), answer, "{json}");
        }
        assert_eq!(stored("1e300").len(), 301);
    }

    #[test]
    fn every_double_comes_back() {
        for number in [0.1, 1.0 / 3.0, 5e-324, f64::MAX, 1e16, 1e15, 123_456_789.125, -f64::MIN_POSITIVE] {
            let text = stored(&serde_json::to_string(&number).unwrap());
            assert_eq!(serde_json::from_str::<f64>(&text).unwrap().to_bits(), number.to_bits(), "{text}");
        }
    }

    #[test]
    fn texts_keep_their_characters() {
        let text = "a\"b\\c\u{1f}\n\t\u{8}\u{c}\u{7f}ä€😀/";
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(stored(&json), json);
        assert_eq!(stored(r#" [ "\u00e4\/" , true,null ] "#), r#"["ä/", true, null]"#);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for bad in ["", "[1", "{\"a\"}", "[1 2]", "nul", "1 2", "\"a", "-", "\"\\\"", "[1,]x"] {
            assert!(normalise(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
