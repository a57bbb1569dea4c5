//! What clients and operators ask of the model: runs accepted once for each key, cancelled, deleted; wishes.

use std::collections::BTreeSet;

use chrono::DateTime;
use common::ids::{ContentHash, RunId, WorkerId};
use common::run::{RunPhase, RunSpec};
use coordinator::store::StoreError;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::runs::RunRow;
use coordinator::store::submit::{NewRun, Submitted};
use uuid::Uuid;

use super::{Record, Tables, refusal};

impl Tables {
    /// Accepts a run, once for each key.
    ///
    /// # Errors
    /// As the store's: `KeyReused`, `NotFound` for a document, `Refused` for parameters.
    pub fn submit(&mut self, new: NewRun, key: Option<Idempotency>) -> Result<Submitted, StoreError> {
        let fingerprint = new.fingerprint()?;
        if let Some(Idempotency { principal, key, body_hash }) = &key
            && let Some((hash, row)) = self.keys.get(&(principal.clone(), key.clone()))
        {
            return if hash == body_hash {
                Ok(Submitted { run: row.clone(), replayed: true, reused: false })
            } else {
                Err(StoreError::KeyReused)
            };
        }
        if let Some(detail) = refusal(new.params.get().as_bytes()) {
            return Err(StoreError::Refused { code: "bad_document", detail });
        }
        let equal =
            self.runs.values().rev().find(|record| {
                record.row.state == RunPhase::Succeeded && record.row.fingerprint == fingerprint
            });
        let reused = equal.filter(|_| new.reuse).map(|record| self.read(record));
        let answer = match &reused {
            Some(row) => row.clone(),
            None => self.insert(new, fingerprint)?,
        };
        if let Some(Idempotency { principal, key, body_hash }) = key {
            self.keys.insert((principal, key), (body_hash, answer.clone()));
        }
        Ok(Submitted { run: answer, replayed: false, reused: reused.is_some() })
    }

    fn insert(&mut self, new: NewRun, fingerprint: ContentHash) -> Result<RunRow, StoreError> {
        let given = |hash: &ContentHash| new.documents.iter().any(|document| document.hash == *hash);
        let known = |hash: &ContentHash| self.documents.contains_key(hash) || given(hash);
        if !new.inputs.iter().all(|input| known(&input.hash)) {
            return Err(StoreError::NotFound("document"));
        }
        self.documents.extend(new.documents.iter().map(|document| (document.hash, document.bytes.clone())));
        self.submitted += 1;
        // ids ascend with time, as those of version 7 do
        let id = RunId(Uuid::from_u128((u128::from(self.submitted) << 64) | (0x7000_u128 << 64)));
        let spec = RunSpec {
            algorithm: new.algorithm.clone(),
            version: new.version,
            params: new.params.clone(),
            inputs: new.inputs.iter().map(|input| (input.role.clone(), input.hash)).collect(),
            seed: new.seed,
        };
        let row = RunRow {
            id,
            state: RunPhase::Queued,
            short_spec: None,
            results_dropped_at: None,
            report_dropped_at: None,
            history_dropped_at: None,
            worker_labels: new.worker_labels,
            memory_mib: new.memory_mib,
            paused: false,
            algorithm: new.algorithm,
            version: new.version,
            params: new.params,
            inputs: new.inputs,
            seed: new.seed,
            fingerprint,
            label: new.label.map(|label| label.replace('\0', "\u{fffd}")),
            priority: new.priority,
            deadline_at: new.deadline_at,
            until: new.until,
            submitter: new.submitter,
            created_at: DateTime::from_timestamp_micros(self.submitted.cast_signed()).unwrap_or_default(),
            started_at: None,
            ended_at: None,
            waiting_reason: None,
            error: None,
            estimate: None,
            last_event: 1,
            failures: 0,
            stage: None,
        };
        let spec = serde_json::to_vec(&spec).expect("a spec is plain data").into();
        let events = vec![("state".to_owned(), r#"{"state":"queued"}"#.to_owned())];
        let record = Record { row: row.clone(), spec, stages: Vec::new(), report: None, events };
        self.runs.insert(id, record);
        Ok(row)
    }

    /// Cancels a run unless it ended; says whether this call ended it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn cancel(&mut self, run: RunId) -> Result<bool, StoreError> {
        let record = self.runs.get_mut(&run).ok_or(StoreError::NotFound("run"))?;
        if record.row.state.is_end() {
            return Ok(false);
        }
        record.row.state = RunPhase::Cancelled;
        record.row.ended_at = Some(DateTime::UNIX_EPOCH);
        record.row.waiting_reason = None;
        record.row.last_event += 1;
        record.stages.iter_mut().for_each(|stage| stage.closed = true);
        record.events.push(("state".to_owned(), r#"{"state":"cancelled"}"#.to_owned()));
        Ok(true)
    }

    /// Deletes an ended run.
    ///
    /// # Errors
    /// `NotFound`, or `Conflict` while it is not ended.
    pub fn delete(&mut self, run: RunId) -> Result<(), StoreError> {
        let record = self.runs.get(&run).ok_or(StoreError::NotFound("run"))?;
        if !record.row.state.is_end() {
            let detail = format!("the run is {}: cancel it first", record.row.state.as_str());
            return Err(StoreError::Conflict { code: "run_not_ended", detail });
        }
        self.runs.remove(&run);
        Ok(())
    }

    /// Holds an open run, or lets it go on.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn pause_run(&mut self, run: RunId, paused: bool) -> Result<(), StoreError> {
        let record = self.runs.get_mut(&run).ok_or(StoreError::NotFound("run"))?;
        if record.row.state.is_end() || record.row.paused == paused {
            return Ok(());
        }
        record.row.paused = paused;
        record.row.last_event += 1;
        let kind = if paused { "paused" } else { "resumed" };
        record.events.push((kind.to_owned(), "{}".to_owned()));
        Ok(())
    }

    /// The open runs that are held.
    #[must_use]
    pub fn paused_runs(&self) -> BTreeSet<RunId> {
        let held = self.runs.values().filter(|record| record.row.paused && !record.row.state.is_end());
        held.map(|record| record.row.id).collect()
    }

    /// Whether everything is held, which runs are, and which workers are to be drained.
    #[must_use]
    pub fn wishes(&self) -> (bool, BTreeSet<RunId>, Vec<WorkerId>) {
        (self.paused, self.paused_runs(), self.drain_requests())
    }

    /// Holds everything, or lets it go on.
    pub const fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Whether everything is held.
    #[must_use]
    pub const fn paused(&self) -> bool {
        self.paused
    }

    /// Asks for a worker to be drained, or takes that back.
    pub fn request_drain(&mut self, worker: WorkerId, drain: bool) {
        self.drains.retain(|wish| *wish != worker);
        if drain {
            self.drains.push(worker);
        }
    }

    /// The workers that shall be drained.
    #[must_use]
    pub fn drain_requests(&self) -> Vec<WorkerId> {
        self.drains.clone()
    }
}
