//! The input documents of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

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
        let invalid = |detail: String| AlgorithmError::InvalidInput {
            role: role.to_owned(),
            pointer: String::new(),
            detail,
        };
        let bytes = self.bytes(role).ok_or_else(|| invalid("is required".to_owned()))?;
        serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))
    }
}
