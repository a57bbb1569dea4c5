//! The input documents of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::error::AlgorithmError;

/// Exact JSON bytes by role (`topology`, `traffic`, …).
#[derive(Clone, Debug, Default)]
pub struct Documents(BTreeMap<String, Arc<[u8]>>);

impl Documents {
    /// No documents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces the document in `role`.
    #[must_use]
    pub fn with(mut self, role: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.0.insert(role.into(), bytes.into());
        self
    }

    /// The bytes in `role`.
    #[must_use]
    pub fn bytes(&self, role: &str) -> Option<&[u8]> {
        self.0.get(role).map(AsRef::as_ref)
    }

    /// Parses the document in `role`.
    ///
    /// # Errors
    /// [`AlgorithmError::InvalidInput`] if it is absent or has another form.
    pub fn parse<T: DeserializeOwned>(&self, role: &str) -> Result<T, AlgorithmError> {
        let invalid =
            |pointer, detail| AlgorithmError::InvalidInput { role: role.to_owned(), pointer, detail };
        let bytes = self.bytes(role).ok_or_else(|| invalid(String::new(), "is required".to_owned()))?;
        read(bytes).map_err(|(pointer, detail)| invalid(pointer, detail))
    }
}

/// Reads JSON bytes; where they have another form, a JSON pointer to the place and what is wrong there.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, (String, String)> {
    serde_json::from_slice(bytes).map_err(|error| {
        // keeping track of the place costs time, so it is looked for only once something is wrong
        let mut json = serde_json::Deserializer::from_slice(bytes);
        match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Err(error) => (pointer(error.path()), error.inner().to_string()),
            Ok(_) => (String::new(), error.to_string()), // something follows the document
        }
    })
}

/// The JSON pointer (RFC 6901) that says what `path` does.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer = format!("{pointer}/{index}"),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use optics::traffic::TrafficMatrix;

    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let parse = |text: &str| {
            let documents = Documents::new().with("traffic", text.as_bytes());
            match documents.parse::<TrafficMatrix>("traffic") {
                Err(AlgorithmError::InvalidInput { role, pointer, detail }) if role == "traffic" => {
                    (pointer, detail)
                }
                other => panic!("{other:?}"),
            }
        };
        let (pointer, detail) =
            parse(r#"{"demands": [{"id": "1", "a": "A", "b": "B", "priority": "high"}]}"#);
        assert_eq!(pointer, "/demands/0/priority");
        assert!(detail.starts_with("invalid type: string \"high\", expected u32"), "{detail}");
        assert_eq!(parse(r#"{"demands": [{"id": "1", "a": "A"}]}"#).0, "/demands/0");
        assert!(parse(r#"{"demands": []} 1"#).1.starts_with("trailing characters"));
        assert!(parse("").1.starts_with("EOF"));
    }
}
