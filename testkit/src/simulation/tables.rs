//! A model of the store: the same rules as the one on Postgres (fence, numbers of batches, conditional writes, states of
//! shards, idempotency keys), in memory. What a batch changes is decided by the store's own fold.

mod clients;
mod reads;

use std::collections::BTreeMap;

use algorithms::jsonb;
use bytes::Bytes;
use chrono::DateTime;
use common::ids::{ContentHash, Epoch, RunId, StageIndex, WorkerId};
use common::run::RunPhase;
use coordinator::store::runs::RunRow;
use coordinator::store::writer::batch::{self, Changes, Found, FoundRun, Spoiled, Waiting};
use coordinator::store::writer::transaction::{Attempt, Insert, Told};
use coordinator::store::writer::{Fact, ShardRow};
use serde_json::value::RawValue;

/// Everything that is durable.
#[derive(Debug, Default)]
pub struct Tables {
    epoch: u32,
    /// The last batch that was committed, and by which leadership.
    position: (u32, i64),
    runs: BTreeMap<RunId, Record>,
    documents: BTreeMap<ContentHash, Bytes>,
    keys: BTreeMap<(String, String), (ContentHash, RunRow)>,
    drains: Vec<WorkerId>,
    paused: bool,
    submitted: u64,
}

/// A run with all that belongs to it.
#[derive(Debug)]
pub struct Record {
    row: RunRow,
    spec: Bytes,
    stages: Vec<Stage>,
    report: Option<Vec<u8>>,
    /// Kind and body of each event; the first has number 1.
    events: Vec<(String, String)>,
}

#[derive(Debug)]
struct Stage {
    name: String,
    shards: u32,
    done: u32,
    hash: ContentHash,
    state: Bytes,
    note: Option<String>,
    closed: bool,
    results: BTreeMap<u32, Vec<u8>>,
}

impl Record {
    /// Where the run stands.
    #[must_use]
    pub const fn phase(&self) -> RunPhase {
        self.row.state
    }

    /// Who submitted it, and everything else that was asked for.
    #[must_use]
    pub const fn row(&self) -> &RunRow {
        &self.row
    }

    /// Shards of each stage, and how many of them are stored by count and by rows.
    pub fn progress(&self) -> impl Iterator<Item = (u32, u32, usize)> {
        self.stages.iter().map(|stage| (stage.shards, stage.done, stage.results.len()))
    }

    /// The partial result of a shard.
    #[must_use]
    pub fn result(&self, stage: StageIndex, shard: u32) -> Option<&[u8]> {
        self.stages.get(stage.0 as usize)?.results.get(&shard).map(Vec::as_slice)
    }

    /// The report as it was written.
    #[must_use]
    pub fn report(&self) -> Option<&[u8]> {
        self.report.as_deref()
    }

    /// Kinds and bodies of its events, in order.
    #[must_use]
    pub fn events(&self) -> &[(String, String)] {
        &self.events
    }
}

impl Tables {
    /// Moves the epoch on: what earlier leaderships write from now on does not land.
    pub fn take_over(&mut self) -> Epoch {
        self.epoch += 1;
        Epoch(self.epoch)
    }

    /// The newest leadership.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// A run.
    #[must_use]
    pub fn record(&self, run: RunId) -> Option<&Record> {
        self.runs.get(&run)
    }

    /// All runs.
    pub fn records(&self) -> impl Iterator<Item = (RunId, &Record)> {
        self.runs.iter().map(|(id, record)| (*id, record))
    }

    // ---- the writer ----

    /// Tries to write `facts` as batch `number` of leadership `epoch`. Without `commit` it stops just before its COMMIT.
    pub fn attempt(
        &mut self,
        epoch: Epoch,
        facts: &[Fact],
        spoiled: &Spoiled,
        number: i64,
        insert: Insert,
        commit: bool,
    ) -> Attempt {
        if epoch.0 != self.epoch {
            return Attempt::Fenced;
        }
        if self.position.0 == epoch.0 && self.position.1 >= number {
            return Attempt::AlreadyCommitted;
        }
        let found = self.find(facts);
        let mut changes = batch::fold(facts, found, spoiled);
        let refused = (changes.shards.iter().map(|row| row.json.as_slice()))
            .chain(changes.runs.values().filter_map(|change| change.report))
            .find_map(refusal);
        if let Some(detail) = refused {
            return Attempt::Refused(detail);
        }
        if insert == Insert::Copying && self.repeats(&changes.shards) {
            return Attempt::Duplicate;
        }
        let written = std::mem::take(&mut changes.written);
        let told = Told { written, spoiled: std::mem::take(&mut changes.spoiled) };
        if commit {
            self.position = (epoch.0, number);
            self.apply(changes);
        }
        Attempt::Committed(told)
    }

    fn find(&self, facts: &[Fact]) -> Found {
        let mut found = Found::default();
        for fact in facts {
            let run = fact.run();
            let Some(record) = self.runs.get(&run) else { continue };
            let state = FoundRun { state: record.row.state, last_event: record.row.last_event };
            found.runs.insert(run, state);
            if let Fact::StageOpened { stage, .. } = fact
                && let Some(open) = record.stages.get(stage.0 as usize)
            {
                found.stages.insert((run, *stage), (open.name.clone(), open.shards, open.hash));
            }
        }
        found
    }

    fn repeats(&self, rows: &[&ShardRow]) -> bool {
        let mut seen = std::collections::BTreeSet::new();
        rows.iter().any(|row| {
            let stored = self.runs.get(&row.run).and_then(|record| record.result(row.stage, row.shard));
            stored.is_some() || !seen.insert((row.run, row.stage, row.shard))
        })
    }

    fn apply(&mut self, changes: Changes<'_>) {
        for stage in changes.stages {
            let Some(record) = self.runs.get_mut(&stage.run) else { continue };
            assert_eq!(record.stages.len(), stage.stage.0 as usize, "stages of {} open in order", stage.run);
            record.stages.push(Stage {
                name: stage.name,
                shards: stage.shards,
                done: 0,
                hash: stage.hash,
                state: Bytes::copy_from_slice(stage.state),
                note: stage.note,
                closed: false,
                results: BTreeMap::new(),
            });
        }
        for row in changes.shards {
            let stage =
                self.runs.get_mut(&row.run).and_then(|record| record.stages.get_mut(row.stage.0 as usize));
            let Some(stage) = stage else { continue };
            if let std::collections::btree_map::Entry::Vacant(place) = stage.results.entry(row.shard) {
                place.insert(row.json.clone());
                stage.done += 1;
            }
        }
        for (run, below) in changes.closing {
            let stages = self.runs.get_mut(&run).into_iter().flat_map(|record| record.stages.iter_mut());
            stages.take(below as usize).for_each(|stage| stage.closed = true);
        }
        for event in changes.events {
            let Some(record) = self.runs.get_mut(&event.run) else { continue };
            record.events.push((event.kind, event.body));
            let events = i64::try_from(record.events.len()).expect("a few");
            assert_eq!(events, event.seq, "events of {} have no gaps", event.run);
        }
        for (run, change) in changes.runs {
            let Some(record) = self.runs.get_mut(&run) else { continue };
            let row = &mut record.row;
            row.state = change.state;
            row.last_event = change.last_event;
            row.failures += change.failures.cast_unsigned();
            row.started_at = row.started_at.or(change.started.then_some(DateTime::UNIX_EPOCH));
            row.ended_at = row.ended_at.or(change.state.is_end().then_some(DateTime::UNIX_EPOCH));
            if let Some(error) = change.error {
                row.error = serde_json::from_str(&error).ok();
            }
            if let Some(estimate) = change.estimate {
                row.estimate = RawValue::from_string(normal(estimate.as_bytes())).ok();
            }
            if let Some(report) = change.report {
                record.report = Some(report.to_vec());
            }
            match change.waiting {
                Waiting::AsBefore => {}
                Waiting::Not => row.waiting_reason = None,
                Waiting::For(reason) => row.waiting_reason = Some(reason),
            }
        }
    }
}

/// Why JSONB does not take a document.
fn refusal(json: &[u8]) -> Option<String> {
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(json) {
        return Some(format!("invalid input syntax for type json: {error}"));
    }
    let escape = b"\\u0000";
    let found = json.windows(escape.len()).any(|window| window == escape);
    found.then(|| "unsupported Unicode escape sequence".to_owned())
}

/// A document as JSONB gives it back.
fn normal(json: &[u8]) -> String {
    let text = jsonb::normalise(json).unwrap_or_else(|_| json.to_vec());
    String::from_utf8(text).expect("JSON is UTF-8")
}
