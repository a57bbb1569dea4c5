//! Stories of the fold: what a batch means, without a database.

use super::*;
use crate::store::runs::RunError;
use crate::store::writer::fact::{Fact, RunEnd};

fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

fn found(runs: &[(u128, RunPhase, i64)]) -> Found {
    let runs = runs
        .iter()
        .map(|(id, state, last_event)| (run(*id), FoundRun { state: *state, last_event: *last_event }));
    Found { runs: runs.collect(), stages: BTreeMap::new() }
}

fn opened(id: u128, stage: u32) -> Fact {
    Fact::StageOpened {
        run: run(id),
        stage: StageIndex(stage),
        name: "search".to_owned(),
        state: vec![u8::try_from(stage).unwrap()],
        shards: 2,
        note: Some(b"not json".to_vec()),
    }
}

fn shard(id: u128, stage: u32, shard: u32) -> Fact {
    Fact::Shard(ShardRow {
        run: run(id),
        stage: StageIndex(stage),
        shard,
        json: b"1".to_vec(),
        worker: Uuid::nil(),
        started_us: 0,
        cpu_us: 0,
        wall_us: 0,
    })
}

fn succeeded(id: u128) -> Fact {
    Fact::RunEnded { run: run(id), end: RunEnd::Succeeded { report: b"{}".to_vec() } }
}

fn numbered(changes: &Changes<'_>) -> Vec<(u128, i64, String)> {
    changes.events.iter().map(|event| (event.run.0.as_u128(), event.seq, event.kind.clone())).collect()
}

#[test]
fn a_whole_run_fits_one_batch() {
    let facts = [
        opened(1, 0),
        shard(1, 0, 1),
        shard(1, 0, 0),
        opened(1, 1),
        succeeded(1),
        shard(1, 1, 0),
        succeeded(1),
    ];
    let changes = fold(&facts, found(&[(1, RunPhase::Queued, 1)]), &Spoiled::new());
    let told = |kind: &str, seq| (1, seq, kind.to_owned());
    assert_eq!(
        numbered(&changes),
        [
            told("state", 2),
            told("stage_opened", 3),
            told("stage_closed", 4),
            told("stage_opened", 5),
            told("state", 6)
        ]
    );
    assert_eq!(changes.shards.len(), 2, "the one after the end is not kept");
    assert_eq!(changes.stages.iter().map(|stage| stage.stage.0).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(changes.stages[0].note, None, "a note that is no JSON is left out");
    assert_eq!(changes.closing, [(run(1), 1), (run(1), u32::MAX >> 1)]);
    let row = &changes.runs[&run(1)];
    assert_eq!((row.state, row.last_event, row.started), (RunPhase::Succeeded, 6, true));
    let ends: Vec<_> =
        changes.written.iter().filter(|written| matches!(written, Written::Ended { .. })).collect();
    assert_eq!(
        ends,
        [&Written::Ended { run: run(1), applied: true }, &Written::Ended { run: run(1), applied: false }]
    );
}

#[test]
fn runs_in_one_batch_do_not_mix() {
    let facts = [opened(1, 0), opened(2, 0), shard(2, 0, 0), shard(1, 0, 0), shard(1, 0, 1), succeeded(2)];
    let changes = fold(&facts, found(&[(1, RunPhase::Queued, 1), (2, RunPhase::Queued, 7)]), &Spoiled::new());
    assert_eq!(changes.runs[&run(1)].last_event, 3);
    assert_eq!(changes.runs[&run(2)].last_event, 10);
    assert_eq!(changes.runs[&run(1)].state, RunPhase::Running);
    let shards: Vec<_> = changes
        .written
        .iter()
        .filter_map(|written| match written {
            Written::Shards { run, shards, .. } => Some((run.0.as_u128(), shards.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(shards, [(2, vec![0]), (1, vec![0, 1])], "told together where they stand together");
}

#[test]
fn of_a_run_that_is_gone_nothing_is_written_and_everything_is_answered() {
    let facts = [
        opened(1, 0),
        shard(1, 0, 0),
        succeeded(1),
        Fact::Event { run: run(1), kind: "best".to_owned(), body: Value::Null },
        Fact::Waiting { run: run(1), reason: None },
    ];
    let changes = fold(&facts, Found::default(), &Spoiled::new());
    assert_eq!(changes.written.len(), 3);
    assert!(changes.shards.is_empty() && changes.events.is_empty() && changes.runs.is_empty());
}

#[test]
fn only_what_changes_a_run_locks_its_row_against_others() {
    let facts = [shard(1, 0, 0), shard(2, 0, 0), succeeded(2), Fact::Waiting { run: run(3), reason: None }];
    let (changing, storing) = touched(&facts);
    assert_eq!(changing, BTreeSet::from([run(2), run(3)]));
    assert_eq!(storing, BTreeSet::from([run(1)]));
}

// a result is refused, and behind it in the queue are the merge and the report that build on it
#[test]
fn what_builds_on_a_refused_fact_is_not_written() {
    let failed = Fact::RunEnded {
        run: run(1),
        end: RunEnd::Failed {
            error: RunError {
                kind: "unstorable".to_owned(),
                message: String::new(),
                pointer: None,
                stage: Some(0),
                shard: Some(1),
                worker: None,
                attempts: None,
            },
        },
    };
    let facts = [shard(1, 0, 0), opened(1, 1), succeeded(1), opened(2, 0), failed];
    let spoiled = Spoiled::from([(run(1), StageIndex(1))]);
    let changes = fold(&facts, found(&[(1, RunPhase::Running, 1), (2, RunPhase::Queued, 1)]), &spoiled);
    assert_eq!(changes.shards.len(), 1, "others of its stage are as good as before");
    assert_eq!(changes.runs[&run(1)].state, RunPhase::Failed);
    assert_eq!(changes.runs[&run(2)].state, RunPhase::Running, "others are not concerned");
    assert_eq!(changes.written.len(), 3, "{:?}", changes.written);
}

// the stored stage 0 is another one: nothing of the new one gets in, not even its results
#[test]
fn what_builds_on_another_stage_is_not_written() {
    let mut before = found(&[(1, RunPhase::Running, 1)]);
    let stored = ("search".to_owned(), 2, ContentHash::of(b"another state"));
    before.stages.insert((run(1), StageIndex(0)), stored);
    let facts = [opened(1, 0), shard(1, 0, 0), succeeded(1)];
    let changes = fold(&facts, before, &Spoiled::new());
    let differs = Written::Stage { run: run(1), stage: StageIndex(0), outcome: StageOutcome::Differs };
    assert_eq!(changes.written, [differs]);
    assert!(changes.shards.is_empty() && changes.runs.is_empty());
    assert_eq!(changes.spoiled, Spoiled::from([(run(1), StageIndex(0))]));
}
