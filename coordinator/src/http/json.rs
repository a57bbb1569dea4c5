//! Hostile JSON stops here: what no document may contain is found by one scan, before anything is built from it.

use common::limits::DOCUMENT_DEPTH;
use serde::de::DeserializeOwned;

use super::error::{ApiError, Code};

/// Parses a body. Nothing is built of it before it is known to be flat enough and storable as JSONB.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    scan(body)?;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        of_serde(&error.into_inner(), pointer)
    })?;
    deserializer.end().map_err(|error| of_serde(&error, String::new()))?;
    Ok(value)
}

/// Parses a document that stands in a body at the pointer `at`: errors point into the body.
pub fn parse_below<T: DeserializeOwned>(document: &[u8], at: &str) -> Result<T, ApiError> {
    parse(document).map_err(|mut error| {
        for finding in &mut error.errors {
            finding.pointer.insert_str(0, at);
            (finding.row, finding.column) = (None, None); // they would count from the document's beginning
        }
        error
    })
}

/// A JSON pointer (RFC 6901) for a path through types.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.extend(["/", &index.to_string()]),
            Segment::Map { key } => pointer.extend(["/", &escape(key)]),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// One key of a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn of_serde(error: &serde_json::Error, pointer: String) -> ApiError {
    // serde_json ends its messages with the position, which has fields of its own here
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
    if error.is_data() {
        located(Code::InvalidBody, pointer, message.clone(), &message, error.line(), error.column())
    } else {
        malformed(&message, error.line(), error.column())
    }
}

fn malformed(what: &str, line: usize, column: usize) -> ApiError {
    let detail = format!("{what} at line {line}, column {column}");
    located(Code::MalformedJson, String::new(), detail, what, line, column)
}

/// An error with one finding, which has a line and a column of the body.
fn located(code: Code, pointer: String, detail: String, what: &str, line: usize, column: usize) -> ApiError {
    let mut error = ApiError::at(code, pointer, what);
    error.detail = detail;
    for finding in &mut error.errors {
        finding.row = u32::try_from(line).ok();
        finding.column = Some(column.to_string());
    }
    error
}

/// Refuses what is nested too deep, `\u0000` (which JSONB cannot hold) and what is not UTF-8, saying where.
pub fn scan(body: &[u8]) -> Result<(), ApiError> {
    if let Err(error) = std::str::from_utf8(body) {
        return Err(at(body, error.valid_up_to(), "not UTF-8"));
    }
    let (mut depth, mut in_string, mut position) = (0_usize, false, 0);
    while let Some(&byte) = body.get(position) {
        match (in_string, byte) {
            (true, b'\\') => {
                if body[position..].starts_with(br"\u0000") {
                    return Err(at(body, position, "the character U+0000 cannot be stored"));
                }
                position += 1; // what is escaped does not end the string
            }
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > DOCUMENT_DEPTH {
                    return Err(at(body, position, &format!("nested deeper than {DOCUMENT_DEPTH} levels")));
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        position += 1;
    }
    Ok(())
}

fn at(body: &[u8], offset: usize, what: &str) -> ApiError {
    let before = &body[..offset.min(body.len())];
    let line = before.split(|&byte| byte == b'\n').count();
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    malformed(what, line, column)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[allow(dead_code)]
        items: Vec<u32>,
    }

    fn refused(body: &str) -> ApiError {
        parse::<Order>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let error = refused("{\"items\": [1,\n 2, NaN]}");
        assert_eq!(error.code, Code::MalformedJson);
        assert_eq!(error.errors[0].row, Some(2));

        let error = refused(r#"{"items": [1, "two"]}"#);
        assert_eq!(error.code, Code::InvalidBody);
        assert_eq!(error.errors[0].pointer, "/items/1");

        assert_eq!(refused(r#"{"items": [], "more": 1}"#).code, Code::InvalidBody);
        assert_eq!(refused(r#"{"items": []} trailing"#).code, Code::MalformedJson);
        assert_eq!(refused("").code, Code::MalformedJson);
    }

    #[test]
    fn what_cannot_be_stored_is_refused_where_it_stands() {
        let deep = format!("{{\"items\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
        let error = refused(&deep);
        assert_eq!((error.code, error.errors[0].column.as_deref()), (Code::MalformedJson, Some("110")));

        let error = parse::<serde_json::Value>(br#"{"a": "x\u0000"}"#).unwrap_err();
        assert_eq!(error.code, Code::MalformedJson);
        parse::<serde_json::Value>(br#"{"a": "x\\u0000 [[ \" {{"}"#).unwrap();

        let error = parse::<serde_json::Value>(b"{\"a\": \"\xff\"}").unwrap_err();
        assert_eq!(error.errors[0].detail, "not UTF-8");
        assert_eq!(parse::<serde_json::Value>(b"[1e999]").unwrap_err().code, Code::MalformedJson);
    }
}
