//! Texts and values as Postgres takes them: it refuses the character U+0000, which an error message may contain.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;

/// `text` with U+0000 replaced by U+FFFD.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// `value` as JSON text with U+0000 replaced in every string and key.
pub(super) fn storable_json(value: &Value) -> String {
    let text = value.to_string();
    // serde_json writes the character as an escape and no other way; an escaped backslash before `u0000` is harmless
    if text.contains("\\u0000") { clean(value).to_string() } else { text }
}

fn clean(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(storable(text).into_owned()),
        Value::Array(items) => Value::Array(items.iter().map(clean).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (storable(key).into_owned(), clean(value))).collect())
        }
        other => other.clone(),
    }
}

/// A column of JSON read as text.
pub(super) fn raw_json(row: &Row, column: &str) -> Option<Box<RawValue>> {
    row.get::<_, Option<String>>(column)
        .map(|text| RawValue::from_string(text).expect("Postgres writes valid JSON"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_zero_character_is_replaced_wherever_it_stands() {
        let value = json!({"a\0": ["x\0y", {"b": "\\u0000"}], "n": 1.5});
        assert_eq!(
            storable_json(&value),
            json!({"a\u{fffd}": ["x\u{fffd}y", {"b": "\\u0000"}], "n": 1.5}).to_string()
        );
        assert_eq!(storable("plain"), "plain");
    }
}
