//! PURE. What of a run is beyond what is durable: work runs ahead of storage, telling does not.
//!
//! A small stage is merged as soon as all its results are here, from memory, while they are on their way to the database;
//! and the outcome of an advance is gone on from before it is stored. What was delivered so is acknowledged only when it
//! is durable, and until then a worker's mention of it is nothing new.

use std::collections::VecDeque;

use common::ids::{LeaseId, StageIndex, WorkerId};
use common::protocol::ResultKey;

/// The results of a stage, as long as they may be merged from memory.
#[derive(Debug, Default)]
pub(super) struct Kept {
    results: Vec<(u32, Vec<u8>)>,
    bytes: usize,
}

impl Kept {
    /// Adds a result; false if they take more than `most` bytes together.
    pub(super) fn add(&mut self, shard: u32, json: &[u8], most: usize) -> bool {
        self.bytes += json.len();
        if self.bytes > most {
            return false;
        }
        self.results.push((shard, json.to_vec()));
        true
    }

    /// Bytes of the results.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The results in ascending order of shards.
    pub(super) fn into_results(mut self) -> Vec<(u32, Vec<u8>)> {
        self.results.sort_unstable_by_key(|(shard, _)| *shard);
        self.results
    }
}

/// Results of earlier points of a run that are handed to the writer and not confirmed.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Of stages that were gone on from.
    shards: VecDeque<(StageIndex, u32, WorkerId, LeaseId)>,
    /// Outcomes of advances.
    advances: VecDeque<(WorkerId, ResultKey)>,
}

impl Behind {
    /// A stage is gone on from while these of its results are being stored.
    pub(super) fn leave(&mut self, stage: StageIndex, storing: VecDeque<(u32, WorkerId, LeaseId)>) {
        self.shards.extend(storing.into_iter().map(|(shard, worker, lease)| (stage, shard, worker, lease)));
    }

    /// An advance is gone on from.
    pub(super) fn advanced(&mut self, worker: WorkerId, key: ResultKey) {
        self.advances.push_back((worker, key));
    }

    /// A shard's result is durable, or will never be: whom to tell, and under which lease it came.
    pub(super) fn settle(&mut self, stage: StageIndex, shard: u32) -> Option<(WorkerId, LeaseId)> {
        let position = self.shards.iter().position(|(of, number, ..)| (*of, *number) == (stage, shard))?;
        self.shards.remove(position).map(|(_, _, worker, lease)| (worker, lease))
    }

    /// The stages up to this one are durable: the outcomes that opened them, and whom to tell.
    pub(super) fn opened(&mut self, stage: StageIndex) -> Vec<(WorkerId, ResultKey)> {
        let count = self.advances.iter().take_while(|(_, key)| key.stage <= stage).count();
        self.advances.drain(..count).collect()
    }

    /// Whether the result is here and not durable.
    pub(super) fn holds(&self, key: &ResultKey) -> bool {
        match key.shard {
            Some(shard) => self.shards.iter().any(|(stage, of, ..)| (*stage, *of) == (key.stage, shard)),
            None => self.advances.iter().any(|(_, of)| of.stage == key.stage),
        }
    }
}
