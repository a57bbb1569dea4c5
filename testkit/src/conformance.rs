//! What every store of a coordinator must do, as stories over what one offers. The store on Postgres and the model of it in
//! the simulation are held to the same ones.

use bytes::Bytes;
use common::ids::{ContentHash, Epoch, RunId, StageIndex, WorkerId};
use common::protocol::PartialsPage;
use common::run::{RunPhase, ShardRange};
use coordinator::store::StoreError;
use coordinator::store::documents::NewDocument;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::runs::{InputSource, Resumed, RunError, RunInput, RunRow, Until};
use coordinator::store::submit::{NewRun, Submitted};
use coordinator::store::writer::course::{Course, Step};
use coordinator::store::writer::transaction::{Attempt, Insert};
use coordinator::store::writer::{Fact, RunEnd, ShardRow, StageOutcome, Written};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use std::collections::{BTreeMap, BTreeSet};

/// What a store offers to clients, operators and leaders. Each function is the store's of the same name.
#[allow(async_fn_in_trait, missing_docs)] // called by tests of this workspace alone; documented where they are the store's
pub trait Durable {
    async fn submit(&self, run: NewRun, key: Option<Idempotency>) -> Result<Submitted, StoreError>;
    /// Whether this call ended the run.
    async fn cancel(&self, run: RunId) -> Result<bool, StoreError>;
    async fn delete_run(&self, run: RunId) -> Result<(), StoreError>;
    async fn set_paused(&self, paused: bool);
    async fn paused(&self) -> bool;
    async fn pause_run(&self, run: RunId, paused: bool) -> Result<(), StoreError>;
    async fn paused_runs(&self) -> BTreeSet<RunId>;
    async fn request_drain(&self, worker: WorkerId, drain: bool);
    async fn drain_requests(&self) -> Vec<WorkerId>;

    async fn run(&self, run: RunId) -> Result<RunRow, StoreError>;
    async fn report(&self, run: RunId) -> Result<Option<Bytes>, StoreError>;
    /// Number and kind of every event of a run.
    async fn events(&self, run: RunId) -> Vec<(i64, String)>;
    async fn open_run_ids(&self) -> Vec<RunId>;
    async fn open_runs(&self) -> Vec<RunRow>;
    async fn open_runs_of(&self, runs: &[RunId]) -> Vec<RunRow>;
    async fn phases(&self, runs: &[RunId]) -> BTreeMap<RunId, RunPhase>;
    async fn resume(&self, run: RunId) -> Result<Resumed, StoreError>;
    async fn run_spec(&self, run: RunId) -> Result<Bytes, StoreError>;
    async fn document(&self, hash: ContentHash) -> Result<Bytes, StoreError>;
    async fn state(&self, run: RunId, stage: StageIndex) -> Result<Bytes, StoreError>;
    async fn partials_page(
        &self,
        run: RunId,
        stage: StageIndex,
        from: u32,
        most_bytes: usize,
    ) -> Result<PartialsPage, StoreError>;

    /// Begins another leadership; the one before does not know.
    async fn take_over(&self) -> Epoch;
    /// Tries to write facts as batch `number` of leadership `epoch`.
    async fn attempt(&self, epoch: Epoch, facts: &[Fact], number: i64, insert: Insert) -> Attempt;
    /// The next commit gets no answer; it takes effect or not.
    async fn lose_answer(&self, applied: bool);
}

/// Lives all stories, each with a fresh store.
///
/// # Panics
/// If the store does not do what it must.
pub async fn conforms<D: Durable>(fresh: impl AsyncFn() -> D) {
    a_run_is_remembered_from_its_first_stage_to_its_report(fresh().await).await;
    a_stored_shard_fails_copy_and_is_skipped_by_insert(fresh().await).await;
    a_repeated_merge_is_compared_with_the_first(fresh().await).await;
    of_an_ended_run_nothing_more_is_kept(fresh().await).await;
    of_a_cancellation_and_an_end_the_first_counts(fresh().await).await;
    a_run_that_fails_says_why_and_a_planned_one_what_it_found(fresh().await).await;
    what_is_no_document_is_refused_and_nothing_of_its_batch_is_written(fresh().await).await;
    an_older_leadership_writes_nothing(fresh().await).await;
    a_batch_takes_effect_once_however_often_it_is_tried(fresh().await).await;
    a_commit_without_an_answer_is_neither_lost_nor_repeated(fresh().await).await;
    the_same_request_twice_is_one_run(fresh().await).await;
    a_leader_reads_what_it_needs_to_go_on(fresh().await).await;
    partial_results_come_back_in_pages_without_gaps(fresh().await).await;
    wishes_of_operators_are_remembered(fresh().await).await;
    a_run_is_held_as_long_as_it_is_open(fresh().await).await;
    of_a_deleted_run_nothing_is_left(fresh().await).await;
}

/// A leadership that writes one batch after the other, as the writer does.
struct Leading<'a, D> {
    store: &'a D,
    epoch: Epoch,
    batches: i64,
}

impl<'a, D: Durable> Leading<'a, D> {
    async fn of(store: &'a D) -> Self {
        Self { store, epoch: store.take_over().await, batches: 0 }
    }

    /// Makes facts durable in one batch, or fails the story.
    async fn writes(&mut self, facts: &[Fact]) -> Vec<Written> {
        self.batches += 1;
        let mut course = Course::new(facts);
        for _ in 0..10 {
            let attempt = self.store.attempt(self.epoch, facts, self.batches, course.insert()).await;
            let text = format!("{attempt:?}");
            match course.after(facts, attempt) {
                Step::Done(told) => return told.written,
                Step::Again(_) => {}
                Step::Halve | Step::Fenced => panic!("{text}"),
            }
        }
        panic!("the batch is not written after ten attempts");
    }
}

fn new_run() -> NewRun {
    NewRun {
        algorithm: "spin".to_owned(),
        version: 1,
        params: RawValue::from_string("{\"a\" : 1}".to_owned()).expect("JSON"),
        inputs: Vec::new(),
        documents: Vec::new(),
        seed: 7,
        label: None,
        priority: 0,
        deadline_at: None,
        until: Until::Done,
        submitter: "ada".to_owned(),
        reuse: false,
        worker_labels: BTreeMap::new(),
        memory_mib: 0,
        most_open: 0,
    }
}

async fn submitted(store: &impl Durable) -> RunId {
    store.submit(new_run(), None).await.expect("a run is accepted").run.id
}

fn opened(run: RunId, stage: u32, shards: u32) -> Fact {
    Fact::StageOpened {
        run,
        stage: StageIndex(stage),
        name: format!("stage {stage}"),
        state: format!(r#"{{ "of": {stage} }}"#).into_bytes(),
        shards,
        note: None,
    }
}

fn shard(run: RunId, stage: u32, shard: u32) -> Fact {
    shard_with(run, stage, shard, &format!(r#"{{"shard":{shard}}}"#))
}

fn shard_with(run: RunId, stage: u32, shard: u32, json: &str) -> Fact {
    let (stage, json) = (StageIndex(stage), json.as_bytes().to_vec());
    Fact::Shard(ShardRow {
        run,
        stage,
        shard,
        json,
        worker: Uuid::from_u128(7),
        started_us: 1,
        cpu_us: 2,
        wall_us: 3,
    })
}

fn succeeded(run: RunId) -> Fact {
    Fact::RunEnded { run, end: RunEnd::Succeeded { report: br#"{"b":1e2,"a":[0.1,-7]}"#.to_vec() } }
}

fn of_stage(run: RunId, stage: u32, outcome: StageOutcome) -> Written {
    Written::Stage { run, stage: StageIndex(stage), outcome }
}

fn of_shards(run: RunId, stage: u32, shards: impl IntoIterator<Item = u32>) -> Written {
    Written::Shards { run, stage: StageIndex(stage), shards: shards.into_iter().collect() }
}

/// The kinds of a run's events, after checking that their numbers have no gaps.
async fn kinds(store: &impl Durable, run: RunId) -> Vec<String> {
    let events = store.events(run).await;
    assert!(events.iter().zip(1..).all(|((number, _), expected)| *number == expected), "{events:?}");
    let last = store.run(run).await.expect("the run is there").last_event;
    assert_eq!(usize::try_from(last), Ok(events.len()), "the run's row knows its newest event");
    events.into_iter().map(|(_, kind)| kind).collect()
}

async fn done(store: &impl Durable, run: RunId) -> Vec<(u32, u32)> {
    let resumed = store.resume(run).await.expect("the run is there");
    resumed.stages.iter().map(|stage| (stage.done, stage.shards)).collect()
}

async fn a_run_is_remembered_from_its_first_stage_to_its_report(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    let told =
        leader.writes(&[opened(run, 0, 3), shard(run, 0, 2), shard(run, 0, 0), shard(run, 0, 1)]).await;
    assert_eq!(told, [of_stage(run, 0, StageOutcome::Opened), of_shards(run, 0, [2, 0, 1])]);
    let row = store.run(run).await.expect("the run is there");
    assert_eq!((row.state, row.stage.as_ref().map(|stage| stage.done)), (RunPhase::Running, Some(3)));
    let best = Fact::Event { run, kind: "best".to_owned(), body: json!({"wavelengths": 48}) };
    let told = leader.writes(&[opened(run, 1, 1), shard(run, 1, 0), best, succeeded(run)]).await;
    let ended = Written::Ended { run, applied: true };
    assert_eq!(told, [of_stage(run, 1, StageOutcome::Opened), of_shards(run, 1, [0]), ended]);

    let row = store.run(run).await.expect("the run is there");
    assert_eq!(row.state, RunPhase::Succeeded);
    assert!(row.started_at.is_some() && row.ended_at >= row.started_at);
    assert_eq!(done(&store, run).await, [(3, 3), (1, 1)]);
    let stages = store.resume(run).await.expect("the run is there").stages;
    assert!(stages.iter().all(|stage| stage.closed_at.is_some()));
    assert_eq!(
        store.report(run).await.expect("it is there").expect("a report"),
        r#"{"a": [0.1, -7], "b": 100}"#
    );
    let state = store.state(run, StageIndex(1)).await.expect("the stage is there");
    assert_eq!(state, r#"{ "of": 1 }"#, "states are exact bytes");
    assert_eq!(stages[1].state_hash, ContentHash::of(&state));
    let expected = ["state", "state", "stage_opened", "stage_closed", "stage_opened", "best", "state"];
    assert_eq!(kinds(&store, run).await, expected);
    assert!(store.open_runs().await.is_empty());
}

async fn a_stored_shard_fails_copy_and_is_skipped_by_insert(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    leader.writes(&[opened(run, 0, 10), shard(run, 0, 3)]).await;
    let facts = [shard(run, 0, 2), shard_with(run, 0, 3, "{\"shard\":\"another\"}"), shard(run, 0, 4)];
    let attempt = store.attempt(leader.epoch, &facts, 2, Insert::Copying).await;
    assert!(matches!(attempt, Attempt::Duplicate), "{attempt:?}");
    assert_eq!(done(&store, run).await, [(1, 10)], "nothing of the batch is written");
    let twice = [shard(run, 0, 5), shard(run, 0, 5)];
    let attempt = store.attempt(leader.epoch, &twice, 2, Insert::Copying).await;
    assert!(matches!(attempt, Attempt::Duplicate), "{attempt:?}");
    let attempt = store.attempt(leader.epoch, &facts, 2, Insert::SkippingDuplicates).await;
    let Attempt::Committed(told) = attempt else { panic!("{attempt:?}") };
    assert_eq!(told.written, [of_shards(run, 0, [2, 3, 4])], "every copy is acknowledged");
    assert_eq!(done(&store, run).await, [(3, 10)]);
    let page = store.partials_page(run, StageIndex(0), 3, 10).await.expect("it is stored");
    assert_eq!(page.partials, [(3, br#"{"shard": 3}"#.to_vec())], "the first counts");
}

async fn a_repeated_merge_is_compared_with_the_first(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    let mut other_state = opened(run, 0, 3);
    if let Fact::StageOpened { state, .. } = &mut other_state {
        *state = b"{}".to_vec();
    }
    let mut outcomes = Vec::new();
    for fact in [opened(run, 0, 3), opened(run, 0, 3), other_state, opened(run, 0, 4)] {
        match &leader.writes(&[fact]).await[..] {
            [Written::Stage { outcome, .. }] => outcomes.push(*outcome),
            other => panic!("{other:?}"),
        }
    }
    let expected =
        [StageOutcome::Opened, StageOutcome::AlreadyEqual, StageOutcome::Differs, StageOutcome::Differs];
    assert_eq!(outcomes, expected);
    assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened"], "a repetition is no event");
}

async fn of_an_ended_run_nothing_more_is_kept(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    leader.writes(&[opened(run, 0, 3)]).await;
    assert_eq!(store.cancel(run).await, Ok(true));
    let waiting = Fact::Waiting { run, reason: Some("x".to_owned()) };
    let told = leader.writes(&[shard(run, 0, 0), opened(run, 1, 1), succeeded(run), waiting]).await;
    let ended = Written::Ended { run, applied: false };
    assert_eq!(told, [of_shards(run, 0, [0]), of_stage(run, 1, StageOutcome::RunOver), ended]);
    assert_eq!(done(&store, run).await, [(0, 3)]);
    let row = store.run(run).await.expect("the run is there");
    assert_eq!((row.state, row.waiting_reason), (RunPhase::Cancelled, None));
    assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened", "state"]);
}

async fn of_a_cancellation_and_an_end_the_first_counts(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let (first, second) = (submitted(&store).await, submitted(&store).await);
    assert_eq!(store.cancel(first).await, Ok(true));
    assert_eq!(store.cancel(first).await, Ok(false));
    let told = leader.writes(&[succeeded(first), succeeded(second), succeeded(second)]).await;
    let applied = |run, applied| Written::Ended { run, applied };
    assert_eq!(told, [applied(first, false), applied(second, true), applied(second, false)]);
    assert_eq!(store.cancel(second).await, Ok(false));
    assert_eq!(kinds(&store, first).await, ["state", "state"], "one end, one event");
    assert_eq!(kinds(&store, second).await, ["state", "state"]);
    let unknown = RunId(Uuid::from_u128(1));
    assert_eq!(store.cancel(unknown).await, Err(StoreError::NotFound("run")));
}

async fn a_run_that_fails_says_why_and_a_planned_one_what_it_found(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let (run, planned) = (submitted(&store).await, submitted(&store).await);
    let error = RunError {
        kind: "panicked".to_owned(),
        message: "index out of bounds\0".to_owned(),
        pointer: None,
        stage: Some(0),
        shard: Some(17),
        worker: Some(Uuid::from_u128(3)),
        attempts: Some(3),
    };
    let failed = Fact::ShardFailed {
        run,
        stage: StageIndex(0),
        shard: Some(17),
        worker: error.worker,
        kind: error.kind.clone(),
        message: error.message.clone(),
        note: None,
    };
    let waits = Fact::Waiting { run, reason: Some("no worker".to_owned()) };
    leader.writes(&[waits, failed.clone(), failed]).await;
    let row = store.run(run).await.expect("the run is there");
    assert_eq!((row.failures, row.waiting_reason.as_deref()), (2, Some("no worker")));
    let estimate = json!({"shards": 9});
    let ends = [
        Fact::RunEnded { run, end: RunEnd::Failed { error: error.clone() } },
        Fact::RunEnded { run: planned, end: RunEnd::Planned { estimate } },
    ];
    leader.writes(&ends).await;
    let row = store.run(run).await.expect("the run is there");
    let message = "index out of bounds\u{fffd}".to_owned();
    assert_eq!((row.state, row.error), (RunPhase::Failed, Some(RunError { message, ..error })));
    assert_eq!((row.started_at, row.waiting_reason), (None, None));
    assert_eq!(kinds(&store, run).await, ["state", "shard_failed", "shard_failed", "state"]);
    let row = store.run(planned).await.expect("the run is there");
    let estimate = row.estimate.as_ref().map(|estimate| estimate.get());
    assert_eq!((row.state, estimate), (RunPhase::Planned, Some(r#"{"shards": 9}"#)));
}

async fn what_is_no_document_is_refused_and_nothing_of_its_batch_is_written(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    leader.writes(&[opened(run, 0, 9)]).await;
    for json in [r#"{"x": NaN}"#, r#"{"x": "\u0000"}"#, r#"{"x""#, ""] {
        let facts = [shard(run, 0, 0), shard_with(run, 0, 1, json)];
        for insert in [Insert::Copying, Insert::SkippingDuplicates] {
            let attempt = store.attempt(leader.epoch, &facts, 2, insert).await;
            assert!(
                matches!(&attempt, Attempt::Refused(detail) if !detail.is_empty()),
                "{json}: {attempt:?}"
            );
        }
    }
    assert_eq!(done(&store, run).await, [(0, 9)]);
    let report = br#"{"a":"#.to_vec();
    let end = [Fact::RunEnded { run, end: RunEnd::Succeeded { report } }];
    let attempt = store.attempt(leader.epoch, &end, 2, Insert::Copying).await;
    assert!(matches!(attempt, Attempt::Refused(_)), "{attempt:?}");
    assert_eq!(store.run(run).await.expect("the run is there").state, RunPhase::Running);
    assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened"]);
}

async fn an_older_leadership_writes_nothing(store: impl Durable) {
    let mut old = Leading::of(&store).await;
    let run = submitted(&store).await;
    old.writes(&[opened(run, 0, 9)]).await;
    let mut new = Leading::of(&store).await;
    assert_eq!(new.epoch.0, old.epoch.0 + 1);
    for insert in [Insert::Copying, Insert::SkippingDuplicates] {
        let attempt = store.attempt(old.epoch, &[shard(run, 0, 0), succeeded(run)], 2, insert).await;
        assert!(matches!(attempt, Attempt::Fenced), "{attempt:?}");
    }
    assert_eq!(done(&store, run).await, [(0, 9)]);
    // numbers of batches are each leadership's own
    assert_eq!(new.writes(&[shard(run, 0, 1)]).await, [of_shards(run, 0, [1])]);
    assert_eq!(done(&store, run).await, [(1, 9)]);
}

async fn a_batch_takes_effect_once_however_often_it_is_tried(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    let facts =
        [opened(run, 0, 9), shard(run, 0, 0), Fact::Event { run, kind: "best".to_owned(), body: json!({}) }];
    leader.writes(&facts).await;
    for insert in [Insert::Copying, Insert::SkippingDuplicates] {
        let attempt = store.attempt(leader.epoch, &facts, 1, insert).await;
        assert!(matches!(attempt, Attempt::AlreadyCommitted), "{attempt:?}");
    }
    assert_eq!(done(&store, run).await, [(1, 9)]);
    assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened", "best"]);
}

async fn a_commit_without_an_answer_is_neither_lost_nor_repeated(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    for applied in [true, false] {
        let run = submitted(&store).await;
        let facts = [
            opened(run, 0, 9),
            shard(run, 0, 0),
            Fact::Event { run, kind: "best".to_owned(), body: json!({}) },
        ];
        let number = leader.batches + 1;
        store.lose_answer(applied).await;
        let attempt = store.attempt(leader.epoch, &facts, number, Insert::SkippingDuplicates).await;
        assert!(matches!(attempt, Attempt::Uncertain(_)), "applied: {applied}, {attempt:?}");
        let again = store.attempt(leader.epoch, &facts, number, Insert::SkippingDuplicates).await;
        let there = matches!(again, Attempt::AlreadyCommitted);
        assert_eq!(there, applied, "{again:?}");
        assert_eq!(done(&store, run).await, [(1, 9)]);
        assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened", "best"]);
        leader.batches = number;
    }
    // the same through the writer's course: told once
    let run = submitted(&store).await;
    store.lose_answer(true).await;
    let told = leader.writes(&[opened(run, 0, 9), shard(run, 0, 0)]).await;
    assert_eq!(told, [of_stage(run, 0, StageOutcome::Opened), of_shards(run, 0, [0])]);
}

fn key(principal: &str, body: &str) -> Idempotency {
    let (principal, key) = (principal.to_owned(), "k".to_owned());
    Idempotency { principal, key, body_hash: ContentHash::of(body.as_bytes()) }
}

async fn the_same_request_twice_is_one_run(store: impl Durable) {
    let first = store.submit(new_run(), Some(key("ada", "body"))).await.expect("accepted");
    assert!(!first.replayed && !first.reused);
    assert_eq!(store.cancel(first.run.id).await, Ok(true));
    let again = store.submit(new_run(), Some(key("ada", "body"))).await.expect("answered");
    assert_eq!(
        (again.replayed, again.run.id, again.run.state),
        (true, first.run.id, RunPhase::Queued),
        "as answered then"
    );
    assert_eq!(store.submit(new_run(), Some(key("ada", "other"))).await.err(), Some(StoreError::KeyReused));
    let stranger = store.submit(new_run(), Some(key("bob", "body"))).await.expect("accepted");
    assert_ne!(stranger.run.id, first.run.id);

    let mut refused = new_run();
    let hash = ContentHash::of(b"never stored");
    refused.inputs = vec![RunInput { role: "topology".to_owned(), hash, source: InputSource::Inline }];
    let nowhere = store.submit(refused.clone(), Some(key("cyd", "body"))).await.err();
    assert_eq!(nowhere, Some(StoreError::NotFound("document")));
    refused.documents = vec![NewDocument::of(&b"never stored"[..])];
    let accepted = store.submit(refused, Some(key("cyd", "body"))).await.expect("the key is free still");
    assert!(!accepted.replayed);
    assert_eq!(store.document(hash).await.expect("it is there"), "never stored");

    let mut leader = Leading::of(&store).await;
    leader.writes(&[succeeded(stranger.run.id)]).await;
    let equal = store.submit(NewRun { reuse: true, ..new_run() }, None).await.expect("answered");
    assert_eq!((equal.reused, equal.run.id), (true, stranger.run.id));
}

async fn a_leader_reads_what_it_needs_to_go_on(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(submitted(&store).await);
    }
    let [queued, running, cancelled, ended] = runs[..] else { panic!("{runs:?}") };
    let stored = [0, 1, 5, 6, 7].map(|index| shard(running, 0, index));
    leader.writes(&[opened(running, 0, 9)]).await;
    leader.writes(&stored).await;
    leader.writes(&[succeeded(ended)]).await;
    assert_eq!(store.cancel(cancelled).await, Ok(true));

    assert_eq!(store.open_run_ids().await, [queued, running]);
    assert_eq!(store.open_runs().await.iter().map(|row| row.id).collect::<Vec<_>>(), [queued, running]);
    let rows = store.open_runs_of(&[ended, cancelled, running]).await;
    let rows: Vec<_> =
        rows.iter().map(|row| (row.id, row.state, row.stage.as_ref().map(|stage| stage.done))).collect();
    assert_eq!(rows, [(running, RunPhase::Running, Some(5))]);
    let phases = [
        (queued, RunPhase::Queued),
        (running, RunPhase::Running),
        (cancelled, RunPhase::Cancelled),
        (ended, RunPhase::Succeeded),
    ];
    let unknown = RunId(Uuid::from_u128(1));
    let asked: Vec<RunId> = runs.iter().copied().chain([unknown]).collect();
    assert_eq!(store.phases(&asked).await, phases.into());
    let resumed = store.resume(running).await.expect("the run is there");
    let range = |first, count| ShardRange { first, count };
    assert_eq!((resumed.stages.len(), resumed.stored), (1, vec![range(0, 2), range(5, 3)]));
    assert!(store.resume(queued).await.expect("the run is there").stages.is_empty());
    assert_eq!(store.resume(unknown).await.err(), Some(StoreError::NotFound("run")));
    let spec: serde_json::Value =
        serde_json::from_slice(&store.run_spec(queued).await.expect("the run is there")).expect("JSON");
    assert_eq!((&spec["algorithm"], &spec["params"]["a"]), (&json!("spin"), &json!(1)));
    assert_eq!(store.state(queued, StageIndex(0)).await.err(), Some(StoreError::NotFound("stage")));
}

async fn partial_results_come_back_in_pages_without_gaps(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    let stored = (0..100).filter(|index| *index != 60).map(|index| shard(run, 0, index));
    leader.writes(&[opened(run, 0, 100)]).await;
    leader.writes(&stored.collect::<Vec<_>>()).await;
    let (mut from, mut shards) = (0, Vec::new());
    loop {
        let page = match store.partials_page(run, StageIndex(0), from, 200).await {
            Ok(page) => page,
            Err(error) => break assert_eq!((error, from), (StoreError::NotFound("partial result"), 60)),
        };
        assert!(page.partials.iter().map(|(_, json)| json.len()).sum::<usize>() <= 200);
        shards.extend(page.partials.iter().map(|(shard, _)| *shard));
        from = page.next.expect("it is not the last");
    }
    assert_eq!(shards, (0..60).collect::<Vec<_>>());
    leader.writes(&[shard(run, 0, 60)]).await;
    let last = store.partials_page(run, StageIndex(0), 55, 1 << 20).await.expect("all is stored");
    assert_eq!((last.partials.len(), last.next), (45, None));
    assert_eq!(last.partials[44], (99, br#"{"shard": 99}"#.to_vec()));
    let one = store.partials_page(run, StageIndex(0), 0, 1).await.expect("all is stored");
    assert_eq!((one.partials.len(), one.next), (1, Some(1)), "at least one");
    let beyond = store.partials_page(run, StageIndex(0), 100, 1).await.expect("the stage is there");
    assert_eq!((beyond.partials.len(), beyond.next), (0, None));
    assert_eq!(
        store.partials_page(run, StageIndex(1), 0, 1).await.err(),
        Some(StoreError::NotFound("stage"))
    );
}

async fn wishes_of_operators_are_remembered(store: impl Durable) {
    let (ann, bob) = (WorkerId(Uuid::from_u128(1)), WorkerId(Uuid::from_u128(2)));
    assert!(!store.paused().await);
    store.set_paused(true).await;
    assert!(store.paused().await);
    store.set_paused(false).await;
    assert!(!store.paused().await);
    store.request_drain(ann, true).await;
    store.request_drain(bob, true).await;
    assert_eq!(store.drain_requests().await, [ann, bob]);
    store.request_drain(ann, false).await;
    assert_eq!(store.drain_requests().await, [bob]);
}

async fn a_run_is_held_as_long_as_it_is_open(store: impl Durable) {
    let (held, other) = (submitted(&store).await, submitted(&store).await);
    for paused in [true, true, false, true] {
        assert_eq!(store.pause_run(held, paused).await, Ok(()));
    }
    assert_eq!(store.paused_runs().await, [held].into());
    assert!(store.run(held).await.expect("the run is there").paused);
    let mut leader = Leading::of(&store).await;
    leader.writes(&[opened(held, 0, 1), succeeded(other)]).await;
    assert_eq!(kinds(&store, held).await, ["state", "paused", "resumed", "paused", "state", "stage_opened"]);
    assert_eq!(store.cancel(held).await, Ok(true));
    assert_eq!(store.pause_run(other, true).await, Ok(()), "it stays as it is");
    assert_eq!(kinds(&store, other).await, ["state", "state"]);
    assert_eq!(store.paused_runs().await, BTreeSet::new());
    let unknown = RunId(Uuid::from_u128(1));
    assert_eq!(store.pause_run(unknown, true).await, Err(StoreError::NotFound("run")));
}

async fn of_a_deleted_run_nothing_is_left(store: impl Durable) {
    let mut leader = Leading::of(&store).await;
    let run = submitted(&store).await;
    leader.writes(&[opened(run, 0, 2), shard(run, 0, 0)]).await;
    let refused = store.delete_run(run).await;
    assert!(matches!(refused, Err(StoreError::Conflict { code: "run_not_ended", .. })), "{refused:?}");
    assert_eq!(store.cancel(run).await, Ok(true));
    assert_eq!(store.delete_run(run).await, Ok(()));
    // late facts of it
    let late =
        [shard(run, 0, 1), Fact::Event { run, kind: "late".to_owned(), body: json!({}) }, opened(run, 1, 1)];
    let told = leader.writes(&late).await;
    assert_eq!(told, [of_shards(run, 0, [1]), of_stage(run, 1, StageOutcome::RunOver)]);
    assert_eq!(store.run(run).await.err(), Some(StoreError::NotFound("run")));
    assert_eq!(store.delete_run(run).await, Err(StoreError::NotFound("run")));
    assert_eq!(
        store.partials_page(run, StageIndex(0), 0, 1).await.err(),
        Some(StoreError::NotFound("stage"))
    );
}
