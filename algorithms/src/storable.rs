//! JSON that Postgres' JSONB stores without complaint and without change of meaning.
//!
//! serde_json writes NaN as `null` and never looks at depth or NUL characters, so [`to_vec`] puts two thin layers
//! around it: a [`Formatter`] that sees structure and escapes as they are written, and a serializer that sees floats
//! before serde_json hides them. Both are a few comparisons for each value; nothing is read twice.

mod checked;

use std::cell::Cell;
use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};

use checked::Checked;

/// Nesting that a document may have, counted in arrays and objects.
pub const MAX_DEPTH: usize = 100;

/// Why a value cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnstorableError {
    /// JSON has no NaN and no infinity; serde_json would silently write `null`.
    #[error("a number that is NaN or infinite")]
    NotFinite,
    /// JSONB refuses `\u0000` in texts.
    #[error("a text with a NUL character")]
    Nul,
    /// Deeper than any reader should have to follow.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// Not expressible as JSON at all (a map with keys that are no text, …).
    #[error("{0}")]
    Other(String),
}

/// Where the layers leave the reason before they stop serde_json with an error of its own.
type Reason = Cell<Option<UnstorableError>>;

/// Serialises `value`, with `-0.0` written as `0.0`, to JSON bytes that JSONB accepts.
///
/// # Errors
/// See [`UnstorableError`]; the worker's document limits are checked by whoever sends the bytes.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, UnstorableError> {
    let reason = Reason::new(None);
    let mut bytes = Vec::with_capacity(128);
    let layer = Layer { reason: &reason, depth: 0 };
    let mut json = serde_json::Serializer::with_formatter(&mut bytes, layer);
    match value.serialize(Checked { inner: &mut json, reason: &reason }) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(reason.take().unwrap_or_else(|| UnstorableError::Other(error.to_string()))),
    }
}

/// Compact JSON, refused where it is too deep or holds a NUL character.
struct Layer<'a> {
    reason: &'a Reason,
    depth: usize,
}

impl Layer<'_> {
    fn enter(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.refuse(UnstorableError::TooDeep(MAX_DEPTH))) } else { Ok(()) }
    }

    fn refuse(&self, why: UnstorableError) -> io::Error {
        self.reason.set(Some(why));
        io::ErrorKind::InvalidData.into()
    }
}

impl Formatter for Layer<'_> {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        writer.write_all(b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        writer.write_all(b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        if matches!(escape, CharEscape::AsciiControl(0)) {
            return Err(self.refuse(UnstorableError::Nul));
        }
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(f64),
        Pair(f64, f32),
        Named { at: Option<f64> },
    }

    fn text<T: Serialize + ?Sized>(value: &T) -> String {
        String::from_utf8(to_vec(value).unwrap()).unwrap()
    }

    #[test]
    fn ordinary_values_are_written_as_serde_json_writes_them() {
        let value = (
            [Shape::Unit, Shape::New(1.5), Shape::Pair(0.1, 0.25), Shape::Named { at: None }],
            BTreeMap::from([(3_u32, "drei \u{1} \" \\ \n"), (1, "")]),
            (u64::MAX, i64::MIN, 'x', true, (), Some([1e300, 5e-324])),
        );
        assert_eq!(text(&value), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn no_number_is_lost_as_null() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(to_vec(&bad), Err(UnstorableError::NotFinite));
            assert_eq!(to_vec(&Shape::New(bad)), Err(UnstorableError::NotFinite));
            assert_eq!(to_vec(&Shape::Pair(bad, 0.0)), Err(UnstorableError::NotFinite));
            assert_eq!(to_vec(&Shape::Named { at: Some(bad) }), Err(UnstorableError::NotFinite));
            assert_eq!(to_vec(&BTreeMap::from([("key", vec![bad])])), Err(UnstorableError::NotFinite));
        }
        assert_eq!(to_vec(&f32::NAN), Err(UnstorableError::NotFinite));
    }

    #[test]
    fn there_is_one_zero() {
        assert_eq!(text(&[-0.0_f64, 0.0]), "[0.0,0.0]");
        assert_eq!(text(&[-0.0_f32, 0.0]), "[0.0,0.0]");
    }

    #[test]
    fn nul_is_refused_in_texts_and_keys_and_its_spelling_is_not() {
        assert_eq!(to_vec("a\0b"), Err(UnstorableError::Nul));
        assert_eq!(to_vec(&BTreeMap::from([("a\0b", 1)])), Err(UnstorableError::Nul));
        assert_eq!(text("\\u0000"), r#""\\u0000""#);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| {
            (0..depth).fold(serde_json::Value::Null, |inner, level| {
                if level % 2 == 0 { serde_json::json!([inner]) } else { serde_json::json!({ "in": inner }) }
            })
        };
        assert!(to_vec(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(to_vec(&nested(MAX_DEPTH + 1)), Err(UnstorableError::TooDeep(MAX_DEPTH)));
        assert!(to_vec(&vec![[[0]]; 1000]).is_ok(), "many beside each other are not deep");
    }

    #[test]
    fn what_is_no_json_says_so() {
        let keyed = BTreeMap::from([((1, 2), 3)]);
        assert!(matches!(to_vec(&keyed), Err(UnstorableError::Other(_))));
        let raw = serde_json::value::RawValue::from_string("1e999".to_owned()).unwrap();
        assert!(matches!(to_vec(&raw), Err(UnstorableError::Other(_))), "raw JSON escapes every check");
    }
}
