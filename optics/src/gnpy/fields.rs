//! Fields of a JSON object, read with a finding for each that is not as it should be.
//!
//! GNPy has two forms of each file: its own, and the one of its YANG models (RFC 7951), where numbers stand in
//! quotes, `[null]` stands for nothing, and identities carry the name of their module. Either is read, even mixed.
//!
//! A field that cannot be read is stood in for by a zero or an empty value, so that reading goes on and finds the
//! rest; what was read is then given to nobody, because [`Log::finish`] gives the findings instead.

use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::finding::{Finding, Findings};

/// Everything found while reading one document.
#[derive(Debug, Default)]
pub(super) struct Log {
    findings: RefCell<Findings>,
}

impl Log {
    pub(super) fn error(&self, code: &str, pointer: impl Into<String>, detail: impl Into<String>) {
        self.findings.borrow_mut().error(code, pointer, detail);
    }

    pub(super) fn push(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    /// Whether nothing was found that stands in the way.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.borrow().is_clean()
    }

    /// What was read, if nothing was found that stands in the way.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Vec<Finding>> {
        let findings = self.findings.into_inner().into_vec();
        if findings.iter().any(Finding::is_error) { Err(findings) } else { Ok(read) }
    }
}

/// The fields of one object. `null`, `[null]` and `""` are as good as absent, as in GNPy.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: String,
    subject: String,
    log: &'a Log,
}

/// What a number must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range {
    /// Any.
    Any,
    /// Above zero.
    Positive,
    /// Zero or above.
    NotNegative,
}

impl Range {
    fn wants(self, number: f64) -> Option<&'static str> {
        match self {
            Self::Positive if number <= 0.0 => Some("above 0"),
            Self::NotNegative if number < 0.0 => Some("0 or above"),
            _ => None,
        }
    }
}

/// One part of a JSON pointer (RFC 6901).
pub(super) fn escape(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// An identity of GNPy's YANG models without the name of the model.
fn plain_identity(text: &str) -> &str {
    match text.split_once(':') {
        Some(("gnpy-network-topology" | "gnpy-eqpt-config" | "gnpy-path-computation", plain)) => plain,
        _ => text,
    }
}

/// The number a value is, plain or in quotes.
pub(super) fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

impl<'a> Fields<'a> {
    /// The fields of an object; `subject` is what findings call it.
    pub(super) fn of(
        value: &'a Value,
        pointer: impl Into<String>,
        subject: impl Into<String>,
        log: &'a Log,
    ) -> Option<Self> {
        let (pointer, subject) = (pointer.into(), subject.into());
        let Value::Object(object) = value else {
            log.error("WRONG_TYPE", pointer, format!("{subject} is {}, not an object", kind(value)));
            return None;
        };
        Some(Self { object, pointer, subject, log })
    }

    /// The fields of a document, which the YANG form wraps into an object of this one key.
    pub(super) fn of_document(
        document: &'a Value,
        wrapper: &str,
        subject: &str,
        log: &'a Log,
    ) -> Option<Self> {
        match document.get(wrapper) {
            Some(inner) => Self::of(inner, format!("/{}", escape(wrapper)), subject, log),
            None => Self::of(document, "", subject, log),
        }
    }

    /// The same object under another name in findings.
    #[must_use]
    pub(super) fn called(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn pointer(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, escape(key))
    }

    pub(super) fn log(&self) -> &'a Log {
        self.log
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.object.keys().map(String::as_str)
    }

    /// Says what is wrong with one field.
    pub(super) fn error(&self, code: &str, key: &str, detail: &str) {
        self.log.error(code, self.pointer(key), format!("{}: {detail}", self.subject));
    }

    fn missing(&self, key: &str) {
        self.error("MISSING_FIELD", key, &format!("{key} is missing"));
    }

    fn wrong_type(&self, key: &str, value: &Value, wanted: &str) {
        self.error("WRONG_TYPE", key, &format!("{key} is {}, not {wanted}", kind(value)));
    }

    /// The value of a field that is there and says something.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => items.as_slice() != [Value::Null],
            _ => true,
        })
    }

    /// Whether the key is there at all, even with `null`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    pub(super) fn optional_number(&self, key: &str, range: Range) -> Option<f64> {
        let value = self.value(key)?;
        let Some(number) = number_of(value) else {
            self.wrong_type(key, value, "a number");
            return None;
        };
        if let Some(wanted) = range.wants(number) {
            self.error("OUT_OF_RANGE", key, &format!("{key} is {number}, must be {wanted}"));
        }
        Some(number)
    }

    pub(super) fn number_or(&self, key: &str, range: Range, default: f64) -> f64 {
        self.optional_number(key, range).unwrap_or(default)
    }

    pub(super) fn number(&self, key: &str, range: Range) -> f64 {
        if self.value(key).is_none() {
            self.missing(key);
        }
        self.number_or(key, range, 0.0)
    }

    /// A whole number, 0 or above.
    pub(super) fn optional_count(&self, key: &str) -> Option<u32> {
        let number = self.optional_number(key, Range::NotNegative)?;
        let count = whole(number).and_then(|whole| u32::try_from(whole).ok());
        if count.is_none() && number >= 0.0 {
            self.error("OUT_OF_RANGE", key, &format!("{key} is {number}, must be a whole number below 2^32"));
        }
        count
    }

    pub(super) fn count(&self, key: &str) -> u32 {
        if self.value(key).is_none() {
            self.missing(key);
        }
        self.optional_count(key).unwrap_or(0)
    }

    pub(super) fn optional_text(&self, key: &str) -> Option<&'a str> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.wrong_type(key, value, "a text");
        }
        value.as_str().map(plain_identity)
    }

    /// A name, which may be a plain number.
    pub(super) fn name(&self, key: &str) -> String {
        match self.value(key) {
            Some(Value::Number(number)) => number.to_string(),
            _ => self.text(key).to_owned(),
        }
    }

    pub(super) fn text(&self, key: &str) -> &'a str {
        if self.value(key).is_none() {
            self.missing(key);
        }
        self.optional_text(key).unwrap_or_default()
    }

    pub(super) fn flag_or(&self, key: &str, default: bool) -> bool {
        match self.value(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if text == "true" || text == "false" => text == "true",
            Some(value) => {
                self.wrong_type(key, value, "true or false");
                default
            }
        }
    }

    /// The items of a list, each with its pointer; empty where there is none.
    pub(super) fn items(&self, key: &str) -> Vec<(&'a Value, String)> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let pointer = self.pointer(key);
                items.iter().enumerate().map(|(at, item)| (item, format!("{pointer}/{at}"))).collect()
            }
            Some(value) => {
                self.wrong_type(key, value, "a list");
                Vec::new()
            }
        }
    }

    pub(super) fn numbers(&self, key: &str, range: Range) -> Vec<f64> {
        let mut numbers = Vec::new();
        for (item, pointer) in self.items(key) {
            match number_of(item) {
                Some(number) => {
                    if let Some(wanted) = range.wants(number) {
                        let detail = format!("{}: {key} holds {number}, must be {wanted}", self.subject);
                        self.log.error("OUT_OF_RANGE", pointer, detail);
                    }
                    numbers.push(number);
                }
                None => self.log.error(
                    "WRONG_TYPE",
                    pointer,
                    format!("{}: {key} holds {}, not a number", self.subject, kind(item)),
                ),
            }
        }
        numbers
    }

    /// A list of just so many numbers.
    pub(super) fn numbers_exactly<const N: usize>(&self, key: &str) -> Option<[f64; N]> {
        let value = self.value(key)?;
        let numbers = self.numbers(key, Range::Any);
        if let Ok(numbers) = <[f64; N]>::try_from(numbers) {
            return Some(numbers);
        }
        if value.is_array() {
            self.error("WRONG_LENGTH", key, &format!("{key} must hold {N} numbers"));
        }
        Some([0.0; N])
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (item, pointer) in self.items(key) {
            match item.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.log.error(
                    "WRONG_TYPE",
                    pointer,
                    format!("{}: {key} holds {}, not a text", self.subject, kind(item)),
                ),
            }
        }
        texts
    }

    /// The object in a field, called as this one.
    pub(super) fn optional_object(&self, key: &str) -> Option<Fields<'a>> {
        Fields::of(self.value(key)?, self.pointer(key), self.subject.clone(), self.log)
    }

    pub(super) fn object(&self, key: &str) -> Option<Fields<'a>> {
        if self.value(key).is_none() {
            self.missing(key);
        }
        self.optional_object(key)
    }

    /// The objects of a list that may be so long; a longer one is refused whole, before anything is compared with
    /// anything.
    pub(super) fn objects_up_to(&self, key: &str, most: usize) -> Vec<Fields<'a>> {
        let length = self.value(key).and_then(Value::as_array).map_or(0, Vec::len);
        if length > most {
            self.error("TOO_LARGE", key, &format!("{key} has {length} entries, the limit is {most}"));
            return Vec::new();
        }
        self.objects(key)
    }

    /// The objects of a list, called as this one.
    pub(super) fn objects(&self, key: &str) -> Vec<Fields<'a>> {
        self.items(key)
            .into_iter()
            .filter_map(|(item, pointer)| Fields::of(item, pointer, self.subject.clone(), self.log))
            .collect()
    }
}

/// The whole number a float is, if it is one that a float holds exactly.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
