//! The algorithms that workers announced, so that the API can list them and check parameters without linking them.

use chrono::{DateTime, Utc};
use common::algorithm::AlgorithmDescriptor;
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::Result;

/// An announced algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlgorithmRow {
    /// What workers say of it.
    pub descriptor: AlgorithmDescriptor,
    /// When a worker announced this version first.
    pub announced_at: DateTime<Utc>,
}

impl Store {
    /// Remembers what a worker announced.
    pub async fn announce_algorithms(&self, descriptors: &[AlgorithmDescriptor]) -> Result<()> {
        let _ = descriptors;
        todo!()
    }

    /// Every version of every algorithm that was ever announced, by name and descending version.
    pub async fn algorithms(&self) -> Result<Vec<AlgorithmRow>> {
        todo!()
    }

    /// One algorithm; the highest version unless one is named.
    pub async fn algorithm(&self, name: &str, version: Option<u32>) -> Result<Option<AlgorithmRow>> {
        let _ = (name, version);
        todo!()
    }
}
