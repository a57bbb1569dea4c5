//! What is wrong with a document or a request, and where: the one form in which validation, import and answers speak.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing found in a document or a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Which rule, in upper snake case (`DUPLICATE_ID`, `UNKNOWN_NODE`, …); of parameters the keyword of their schema
    /// that they break (`minimum`, `required`, …).
    pub code: String,
    /// Whether it stands in the way.
    #[serde(default)]
    pub severity: Severity,
    /// JSON pointer into the document or the request's body, or a query parameter or header in angle brackets
    /// (`<query limit>`); empty for the whole of it.
    #[serde(default)]
    pub pointer: String,
    /// What is wrong, with the value that is.
    pub detail: String,
    /// Sheet of a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Row of a sheet, or line of a text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The column: its heading in a sheet, its number in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The cell of a sheet (`D7`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// Number of this error in the Excel templates' own list of errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_code: Option<u8>,
}

/// Whether a finding stands in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document cannot be used.
    #[default]
    Error,
    /// Worth knowing; the document can be used.
    Note,
}

impl Finding {
    /// Something that makes the document unusable.
    #[must_use]
    pub fn error(code: &str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            severity: Severity::Error,
            pointer: pointer.into(),
            detail: detail.into(),
            sheet: None,
            row: None,
            column: None,
            cell: None,
            template_code: None,
        }
    }

    /// Something worth knowing.
    #[must_use]
    pub fn note(code: &str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, pointer, detail) }
    }

    /// The same in a larger document that has this one at the pointer `at`.
    #[must_use]
    pub fn below(mut self, at: &str) -> Self {
        self.pointer.insert_str(0, at);
        self
    }

    /// Whether it makes the document unusable.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        match (&self.sheet, &self.cell, self.row) {
            (Some(sheet), Some(cell), _) => write!(f, " at {sheet}!{cell}")?,
            (Some(sheet), None, Some(row)) => write!(f, " at {sheet}, row {row}")?,
            (Some(sheet), None, None) => write!(f, " at sheet {sheet}")?,
            (None, _, Some(row)) => write!(f, " at line {row}")?,
            (None, _, None) if !self.pointer.is_empty() => write!(f, " at {}", self.pointer)?,
            (None, _, None) => {}
        }
        write!(f, ": {}", self.detail)
    }
}

/// Collects findings; the first few thousand are kept, so that a hostile document cannot make more of them than it has bytes.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    dropped: usize,
}

impl Findings {
    /// Most findings reported of one document: more help nobody.
    const MOST: usize = 1_000;

    pub(crate) fn push(&mut self, finding: Finding) {
        if self.list.len() < Self::MOST {
            self.list.push(finding);
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn error(&mut self, code: &str, pointer: impl Into<String>, detail: impl Into<String>) {
        self.push(Finding::error(code, pointer, detail));
    }

    pub(crate) fn note(&mut self, code: &str, pointer: impl Into<String>, detail: impl Into<String>) {
        self.push(Finding::note(code, pointer, detail));
    }

    /// Whether nothing makes the document unusable.
    pub(crate) fn is_clean(&self) -> bool {
        self.dropped == 0 && !self.list.iter().any(Finding::is_error)
    }

    pub(crate) fn into_vec(mut self) -> Vec<Finding> {
        if self.dropped > 0 {
            self.list.push(Finding::error(
                "MORE_FINDINGS",
                "",
                format!("{} more are not listed", self.dropped),
            ));
        }
        self.list
    }
}
