//! What a leader reads of the model.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::DateTime;
use common::ids::{ContentHash, RunId, StageIndex};
use common::protocol::PartialsPage;
use common::run::{RunPhase, ShardRange};
use coordinator::store::StoreError;
use coordinator::store::runs::{Resumed, RunRow, StageProgress};
use coordinator::store::stages::StageRow;
use serde_json::value::RawValue;

use super::{Record, Stage, Tables, normal};

impl Tables {
    /// The ids of all runs that have not ended, oldest first.
    #[must_use]
    pub fn open_run_ids(&self) -> Vec<RunId> {
        self.open().map(|record| record.row.id).collect()
    }

    /// The rows of all runs that have not ended, oldest first.
    #[must_use]
    pub fn open_runs(&self) -> Vec<RunRow> {
        self.open().map(|record| self.read(record)).collect()
    }

    /// Those of `ids` that have not ended.
    #[must_use]
    pub fn open_runs_of(&self, ids: &[RunId]) -> Vec<RunRow> {
        self.open().filter(|record| ids.contains(&record.row.id)).map(|record| self.read(record)).collect()
    }

    fn open(&self) -> impl Iterator<Item = &Record> {
        self.runs.values().filter(|record| !record.row.state.is_end())
    }

    /// Where each of `ids` stands.
    #[must_use]
    pub fn phases(&self, ids: &[RunId]) -> BTreeMap<RunId, RunPhase> {
        ids.iter().filter_map(|id| Some((*id, self.runs.get(id)?.row.state))).collect()
    }

    /// A run's row.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn run(&self, run: RunId) -> Result<RunRow, StoreError> {
        self.runs.get(&run).map(|record| self.read(record)).ok_or(StoreError::NotFound("run"))
    }

    #[allow(clippy::unused_self, clippy::cast_possible_truncation)] // as a query; a few stages
    pub(super) fn read(&self, record: &Record) -> RunRow {
        let newest = record.stages.last().map(|stage| StageProgress {
            index: record.stages.len() as u32 - 1,
            name: stage.name.clone(),
            shards: stage.shards,
            done: stage.done,
        });
        let short_spec =
            (record.row.state == RunPhase::Queued && record.spec.len() <= 4_096).then(|| record.spec.clone());
        RunRow { stage: newest, short_spec, ..record.row.clone() }
    }

    /// What a leader needs to go on with a run.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn resume(&self, run: RunId) -> Result<Resumed, StoreError> {
        let record = self.runs.get(&run).ok_or(StoreError::NotFound("run"))?;
        let mut stored: Vec<ShardRange> = Vec::new();
        for shard in record.stages.last().into_iter().flat_map(|stage| stage.results.keys()) {
            match stored.last_mut() {
                Some(range) if range.end() == *shard => range.count += 1,
                _ => stored.push(ShardRange { first: *shard, count: 1 }),
            }
        }
        let stages = (0..).zip(&record.stages).map(|(index, stage)| StageRow {
            index,
            name: stage.name.clone(),
            shards: stage.shards,
            done: stage.done,
            state_hash: stage.hash,
            state_bytes: stage.state.len() as u64,
            note: stage.note.as_ref().and_then(|note| RawValue::from_string(normal(note.as_bytes())).ok()),
            opened_at: DateTime::UNIX_EPOCH,
            closed_at: stage.closed.then_some(DateTime::UNIX_EPOCH),
        });
        Ok(Resumed { run: self.read(record), stages: stages.collect(), stored })
    }

    /// A run's order.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn run_spec(&self, run: RunId) -> Result<Bytes, StoreError> {
        self.runs.get(&run).map(|record| record.spec.clone()).ok_or(StoreError::NotFound("run"))
    }

    /// A document.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn document(&self, hash: ContentHash) -> Result<Bytes, StoreError> {
        self.documents.get(&hash).cloned().ok_or(StoreError::NotFound("document"))
    }

    /// The state of a stage.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn state(&self, run: RunId, stage: StageIndex) -> Result<Bytes, StoreError> {
        Ok(self.stage(run, stage)?.state.clone())
    }

    fn stage(&self, run: RunId, stage: StageIndex) -> Result<&Stage, StoreError> {
        let record = self.runs.get(&run);
        record.and_then(|record| record.stages.get(stage.0 as usize)).ok_or(StoreError::NotFound("stage"))
    }

    /// Stored partial results of a stage from shard `from` on, at most about `most_bytes`, at least one.
    ///
    /// # Errors
    /// `NotFound` if the stage is not there, or if shard `from` of it is not stored.
    pub fn partials_page(
        &self,
        run: RunId,
        stage: StageIndex,
        from: u32,
        most_bytes: usize,
    ) -> Result<PartialsPage, StoreError> {
        let stage = self.stage(run, stage)?;
        let mut page = PartialsPage { partials: Vec::new(), next: None, normalised: true };
        if from >= stage.shards {
            return Ok(page);
        }
        let mut bytes = 0;
        let mut expected = from;
        for (shard, json) in stage.results.range(from..) {
            let json = normal(json).into_bytes();
            if *shard != expected || (bytes + json.len() > most_bytes && !page.partials.is_empty()) {
                break;
            }
            bytes += json.len();
            expected += 1;
            page.partials.push((*shard, json));
        }
        if page.partials.is_empty() {
            return Err(StoreError::NotFound("partial result"));
        }
        page.next = Some(expected).filter(|next| *next < stage.shards);
        Ok(page)
    }

    /// The report as Postgres would give it back; none until the run succeeded.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn report(&self, run: RunId) -> Result<Option<Bytes>, StoreError> {
        let record = self.runs.get(&run).ok_or(StoreError::NotFound("run"))?;
        Ok(record.report.as_ref().map(|report| normal(report).into()))
    }
}
