//! Figures as files: one JSON document for each question, with the machine it was asked on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::machine::Machine;

/// Where the documents are.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

#[derive(Serialize)]
struct Document<'a, T> {
    machine: &'a Machine,
    figures: &'a T,
}

impl Folder {
    /// Writes the answer to a question.
    pub fn write<T: Serialize>(&self, name: &str, machine: &Machine, figures: &T) -> Result<()> {
        self.write_json(name, &Document { machine, figures })
    }

    /// Writes a document as it is.
    pub fn write_json<T: Serialize>(&self, name: &str, document: &T) -> Result<()> {
        std::fs::create_dir_all(&self.0)?;
        let path = self.path(name);
        std::fs::write(&path, serde_json::to_string_pretty(document)? + "\n")
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Reads a document back; none if its question was not asked yet.
    pub fn read(&self, name: &str) -> Option<Value> {
        read(&self.path(name)).ok()
    }

    /// A figure of the document `name`; some documents are their figures and nothing else.
    pub fn figure(&self, name: &str, place: &str) -> Option<Value> {
        let document = self.read(name)?;
        document.get("figures").unwrap_or(&document).pointer(place).cloned()
    }

    /// Where the document `name` is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }
}

/// Reads a JSON file.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// The middle one of a few values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
