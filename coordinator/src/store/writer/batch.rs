//! What a batch of facts changes: a pure fold over the facts and what the database held when the batch locked it.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{ContentHash, RunId, StageIndex};
use common::run::RunPhase;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fact::{Fact, RunEnd, ShardRow, StageOutcome, Written};
use crate::store::text::{storable, storable_json};

/// What the database holds of the runs of a batch, locked until its end.
#[derive(Debug, Default)]
pub struct Found {
    /// Runs that are there.
    pub runs: BTreeMap<RunId, FoundRun>,
    /// Those of the batch's stages that are open already: name, number of shards, hash of the state.
    pub stages: BTreeMap<(RunId, StageIndex), (String, u32, ContentHash)>,
}

/// A run as it was found.
#[derive(Clone, Copy, Debug)]
pub struct FoundRun {
    /// Where it stands.
    pub state: RunPhase,
    /// The number of its newest event.
    pub last_event: i64,
}

/// What to write.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Partial results.
    pub shards: Vec<&'a ShardRow>,
    /// Stages that open.
    pub stages: Vec<NewStage<'a>>,
    /// Of these runs, open stages below the index close.
    pub closing: Vec<(RunId, u32)>,
    /// Failed attempts.
    pub failures: Vec<Failure>,
    /// Events with their numbers.
    pub events: Vec<Event>,
    /// Changed runs.
    pub runs: BTreeMap<RunId, RunChange<'a>>,
    /// What to tell when it is durable.
    pub written: Vec<Written>,
    /// Runs of which a stage differs from the stored one.
    pub spoiled: Spoiled,
}

/// A stage to be opened.
#[derive(Debug)]
pub struct NewStage<'a> {
    /// The run.
    pub run: RunId,
    /// Which.
    pub stage: StageIndex,
    /// Its name.
    pub name: String,
    /// How many shards it has.
    pub shards: u32,
    /// Hash of its state.
    pub hash: ContentHash,
    /// Its state.
    pub state: &'a [u8],
    /// What is told to people, as JSON.
    pub note: Option<String>,
}

/// A failed attempt to be listed.
#[derive(Debug)]
pub struct Failure {
    /// The run.
    pub run: RunId,
    /// The number of its event.
    pub seq: i64,
    /// The stage.
    pub stage: StageIndex,
    /// The shard; none for an advance.
    pub shard: Option<u32>,
    /// Where it failed.
    pub worker: Option<Uuid>,
    /// [`common::run::TaskErrorKind::as_str`].
    pub kind: String,
    /// For people.
    pub message: String,
    /// What the algorithm said while it worked at the shard.
    pub note: Option<String>,
}

/// An event to be added.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// Its number in the run.
    pub seq: i64,
    /// What happened.
    pub kind: String,
    /// Details, as JSON.
    pub body: String,
}

/// The new values of a run's row.
#[derive(Debug)]
pub struct RunChange<'a> {
    /// Where it stands.
    pub state: RunPhase,
    /// The number of its newest event.
    pub last_event: i64,
    /// Whether it counts as started from now on, unless it did before.
    pub started: bool,
    /// Failed attempts to add.
    pub failures: i32,
    /// Why it failed, as JSON.
    pub error: Option<String>,
    /// What planning it found, as JSON.
    pub estimate: Option<String>,
    /// Its report.
    pub report: Option<&'a [u8]>,
    /// What it waits for.
    pub waiting: Waiting,
}

/// What a batch says of the reason for which a run waits.
#[derive(Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing: it stays.
    AsBefore,
    /// It does not wait any more.
    Not,
    /// It waits for this.
    For(String),
}

impl Waiting {
    /// What it waits for.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::For(reason) => Some(reason),
            Self::AsBefore | Self::Not => None,
        }
    }
}

/// Runs whose rows a batch may change, and runs of which it only stores shards.
#[must_use]
pub fn touched(facts: &[Fact]) -> (BTreeSet<RunId>, BTreeSet<RunId>) {
    let (mut changing, mut storing) = (BTreeSet::new(), BTreeSet::new());
    for fact in facts {
        match fact {
            Fact::Shard(row) => storing.insert(row.run),
            other => changing.insert(other.run()),
        };
    }
    storing.retain(|run| !changing.contains(run));
    (changing, storing)
}

/// What to tell of a fact that the database refuses.
#[must_use]
pub fn refusal(fact: &Fact, detail: String) -> Option<Written> {
    match fact {
        Fact::Shard(row) => {
            Some(Written::ShardRefused { run: row.run, stage: row.stage, shard: row.shard, detail })
        }
        Fact::StageOpened { run, stage, .. } => {
            Some(Written::Refused { run: *run, stage: Some(*stage), detail })
        }
        Fact::RunEnded { run, .. } => Some(Written::Refused { run: *run, stage: None, detail }),
        // nobody waits for these
        Fact::ShardFailed { .. } | Fact::Event { .. } | Fact::Waiting { .. } => None,
    }
}

/// Runs of which a fact was refused, each with the first stage that does not hold any more.
pub type Spoiled = BTreeMap<RunId, StageIndex>;

/// From which stage on nothing of its run holds, if the database refuses a fact.
#[must_use]
pub fn spoils(fact: &Fact) -> Option<(RunId, StageIndex)> {
    match fact {
        Fact::Shard(row) => Some((row.run, row.stage.next())),
        Fact::StageOpened { run, stage, .. } => Some((*run, *stage)),
        Fact::ShardFailed { .. } | Fact::RunEnded { .. } | Fact::Event { .. } | Fact::Waiting { .. } => None,
    }
}

/// Whether a fact does not hold when nothing of its run does from this stage on.
fn falls_with(fact: &Fact, from: StageIndex) -> bool {
    match fact {
        Fact::Shard(ShardRow { stage, .. }) | Fact::StageOpened { stage, .. } => *stage >= from,
        Fact::RunEnded { end, .. } => !matches!(end, RunEnd::Failed { .. }),
        Fact::ShardFailed { .. } | Fact::Event { .. } | Fact::Waiting { .. } => false,
    }
}

/// Folds `facts`, in their order, over what was `found`.
///
/// Work runs ahead of storage: behind a fact that was refused there may be others that build on it. Those of `spoiled` runs
/// are left out.
#[must_use]
pub fn fold<'a>(facts: &'a [Fact], found: Found, spoiled: &Spoiled) -> Changes<'a> {
    let mut fold = Fold { found, spoiled, changes: Changes::default() };
    for fact in facts {
        fold.on(fact);
    }
    fold.changes
}

struct Fold<'a, 's> {
    found: Found,
    spoiled: &'s Spoiled,
    changes: Changes<'a>,
}

impl<'a> Fold<'a, '_> {
    fn on(&mut self, fact: &'a Fact) {
        let spoiled = [self.spoiled, &self.changes.spoiled];
        if spoiled.iter().filter_map(|runs| runs.get(&fact.run())).any(|from| falls_with(fact, *from)) {
            return;
        }
        match fact {
            Fact::Shard(row) => self.shard(row),
            Fact::StageOpened { run, stage, name, state, shards, note } => {
                let outcome = self.stage_opened(*run, *stage, name, state, *shards, note.as_deref());
                self.changes.written.push(Written::Stage { run: *run, stage: *stage, outcome });
            }
            Fact::ShardFailed { run, stage, shard, worker, kind, message, note } => {
                if self.is_open(*run) {
                    let kind = storable(kind).into_owned();
                    let message = storable(message).into_owned();
                    let note = note.as_deref().map(|note| storable(note).into_owned());
                    let mut body = json!({
                        "stage": stage, "shard": shard, "worker": worker, "error": {"kind": kind, "message": message},
                    });
                    if let Some(note) = &note {
                        body["note"] = json!(note);
                    }
                    let seq = self.event(*run, "shard_failed", &body);
                    self.change(*run).failures += 1;
                    self.changes.failures.push(Failure {
                        run: *run,
                        seq,
                        stage: *stage,
                        shard: *shard,
                        worker: *worker,
                        kind,
                        message,
                        note,
                    });
                }
            }
            Fact::RunEnded { run, end } => {
                let applied = self.is_open(*run);
                if applied {
                    self.run_ended(*run, end);
                }
                self.changes.written.push(Written::Ended { run: *run, applied });
            }
            Fact::Event { run, kind, body } => {
                if self.found.runs.contains_key(run) {
                    self.event(*run, kind, body);
                }
            }
            Fact::Waiting { run, reason } => {
                if self.is_open(*run) {
                    self.change(*run).waiting = reason
                        .as_deref()
                        .map_or(Waiting::Not, |text| Waiting::For(storable(text).into_owned()));
                }
            }
        }
    }

    fn is_open(&self, run: RunId) -> bool {
        self.found.runs.get(&run).is_some_and(|run| !run.state.is_end())
    }

    fn shard(&mut self, row: &'a ShardRow) {
        // of a run that ended or is gone nothing more is kept; the worker is told to forget it all the same
        if self.is_open(row.run) {
            self.changes.shards.push(row);
        }
        match self.changes.written.last_mut() {
            Some(Written::Shards { run, stage, shards }) if (*run, *stage) == (row.run, row.stage) => {
                shards.push(row.shard);
            }
            _ => self.changes.written.push(Written::Shards {
                run: row.run,
                stage: row.stage,
                shards: vec![row.shard],
            }),
        }
    }

    fn stage_opened(
        &mut self,
        run: RunId,
        stage: StageIndex,
        name: &str,
        state: &'a [u8],
        shards: u32,
        note: Option<&[u8]>,
    ) -> StageOutcome {
        let name = storable(name).into_owned();
        let hash = ContentHash::of(state);
        if let Some((old_name, old_shards, old_hash)) = self.found.stages.get(&(run, stage)) {
            let equal = *old_name == name && *old_shards == shards && *old_hash == hash;
            if equal {
                return StageOutcome::AlreadyEqual;
            }
            self.changes.spoiled.insert(run, stage);
            return StageOutcome::Differs;
        }
        if !self.is_open(run) {
            return StageOutcome::RunOver;
        }
        if let Some(found) = self.found.runs.get_mut(&run)
            && found.state == RunPhase::Queued
        {
            found.state = RunPhase::Running;
            self.event(run, "state", &json!({"state": RunPhase::Running}));
        }
        if stage.0 > 0 {
            self.changes.closing.push((run, stage.0));
            self.event(run, "stage_closed", &json!({"stage": stage.0 - 1}));
        }
        // a note is told to people: what is no JSON is left out rather than failing the run
        let note: Option<Value> = note.and_then(|bytes| serde_json::from_slice(bytes).ok());
        self.event(
            run,
            "stage_opened",
            &json!({"stage": stage, "name": name, "shards": shards, "note": note}),
        );
        let change = self.change(run);
        change.started = true;
        change.waiting = Waiting::Not;
        self.found.stages.insert((run, stage), (name.clone(), shards, hash));
        let note = note.filter(|note| !note.is_null()).map(|note| storable_json(&note));
        self.changes.stages.push(NewStage { run, stage, name, shards, hash, state, note });
        StageOutcome::Opened
    }

    fn run_ended(&mut self, run: RunId, end: &'a RunEnd) {
        let state = match end {
            RunEnd::Succeeded { .. } => RunPhase::Succeeded,
            RunEnd::Failed { .. } => RunPhase::Failed,
            RunEnd::Planned { .. } => RunPhase::Planned,
        };
        let body = match end {
            RunEnd::Failed { error } => json!({"state": state, "error": error}),
            RunEnd::Succeeded { .. } | RunEnd::Planned { .. } => json!({"state": state}),
        };
        if let Some(found) = self.found.runs.get_mut(&run) {
            found.state = state;
        }
        self.event(run, "state", &body);
        self.changes.closing.push((run, u32::MAX >> 1));
        let change = self.change(run);
        change.waiting = Waiting::Not;
        match end {
            RunEnd::Succeeded { report } => change.report = Some(report),
            RunEnd::Failed { error } => {
                change.error =
                    Some(storable_json(&serde_json::to_value(error).expect("an error is plain data")));
            }
            RunEnd::Planned { estimate } => change.estimate = Some(storable_json(estimate)),
        }
        change.started |= state != RunPhase::Failed;
    }

    /// Appends an event and returns its number.
    fn event(&mut self, run: RunId, kind: &str, body: &Value) -> i64 {
        let found = self.found.runs.get_mut(&run).expect("events are of runs that were found");
        found.last_event += 1;
        let seq = found.last_event;
        self.change(run);
        self.changes.events.push(Event {
            run,
            seq,
            kind: storable(kind).into_owned(),
            body: storable_json(body),
        });
        seq
    }

    /// The change of a run's row, brought up to date with what was folded so far.
    fn change(&mut self, run: RunId) -> &mut RunChange<'a> {
        let found = self.found.runs[&run];
        let change = self.changes.runs.entry(run).or_insert(RunChange {
            state: found.state,
            last_event: found.last_event,
            started: false,
            failures: 0,
            error: None,
            estimate: None,
            report: None,
            waiting: Waiting::AsBefore,
        });
        change.state = found.state;
        change.last_event = found.last_event;
        change
    }
}

#[cfg(test)]
mod tests;
