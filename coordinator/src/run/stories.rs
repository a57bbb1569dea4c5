//! Stories of runs: what happens, what is to be done about it, and nothing else.

#![allow(clippy::needless_pass_by_value, clippy::type_complexity)] // a story reads better so

use common::ids::StageIndex;
use common::limits::{SHARDS_PER_STAGE, STAGES_PER_RUN};
use common::run::{Outcome, RunPhase};

use super::machine::{RunEffect, RunEvent, RunState};
use crate::store::runs::{RunError, Until};
use crate::store::writer::{RunEnd, StageOutcome};

/// The largest state whose shards do not wait until it is stored.
const STATE_AHEAD: usize = 4_000;

/// A run on its way through a story. Every effect must be looked at.
struct Story {
    state: RunState,
    effects: Vec<RunEffect>,
}

impl Story {
    fn of(until: Until) -> Self {
        let (state, effects) = RunState::accepted(until, STATE_AHEAD);
        Self { state, effects }
    }

    fn begin() -> Self {
        let mut story = Self::of(Until::Done);
        story.wants(&[advance(0)]);
        story
    }

    fn happens(&mut self, event: RunEvent) -> &mut Self {
        assert_eq!(self.effects, [], "effects nobody looked at");
        let before = self.state.clone();
        (self.state, self.effects) = self.state.apply(event.clone()).unwrap();
        // the same event again is late news: refused, or it says the same
        if let Ok((again, _)) = before.apply(event) {
            assert_eq!(again, self.state, "a state depends on nothing but state and event");
        }
        self
    }

    fn ignores(&mut self, event: RunEvent) -> &mut Self {
        let refused = self.state.apply(event.clone()).expect_err("an illegal event");
        assert_eq!(refused.event, event.name());
        self
    }

    fn wants(&mut self, effects: &[RunEffect]) -> &mut Self {
        assert_eq!(std::mem::take(&mut self.effects), effects);
        self
    }

    fn is_executing(shards: u32) -> Self {
        let mut story = Self::begin();
        story.happens(opens(0, shards)).wants(&[store(0, shards), execute(0, shards)]);
        story
    }

    fn fails(&mut self, kind: &str) -> RunError {
        let effects = std::mem::take(&mut self.effects);
        let [RunEffect::Close, RunEffect::StoreEnd(RunEnd::Failed { error })] = &effects[..] else {
            panic!("tasks stop, then the error is stored: {effects:?}")
        };
        assert_eq!(error.kind, kind);
        self.happens(RunEvent::EndStored { applied: true }).wants(&[RunEffect::Close]);
        assert_eq!(self.state.ended(), Some(RunPhase::Failed));
        error.clone()
    }
}

fn advance(stage: u32) -> RunEffect {
    RunEffect::Advance { stage: StageIndex(stage) }
}

fn execute(stage: u32, shards: u32) -> RunEffect {
    RunEffect::Execute { stage: StageIndex(stage), name: "search".to_owned(), shards }
}

fn outcome(shards: u32) -> Outcome {
    Outcome::Opened { name: "search".to_owned(), state: b"{}".to_vec(), shards, note: None }
}

fn opens(stage: u32, shards: u32) -> RunEvent {
    RunEvent::Advanced { stage: StageIndex(stage), outcome: outcome(shards), expected_shard_us: None }
}

fn reports(stage: u32) -> RunEvent {
    let outcome = Outcome::Done { report: b"[]".to_vec() };
    RunEvent::Advanced { stage: StageIndex(stage), outcome, expected_shard_us: None }
}

fn store(stage: u32, shards: u32) -> RunEffect {
    let (stage, name) = (StageIndex(stage), "search".to_owned());
    RunEffect::StoreStage { stage, name, state: b"{}".to_vec(), shards, note: None }
}

fn stored(stage: u32, outcome: StageOutcome) -> RunEvent {
    RunEvent::StageStored { stage: StageIndex(stage), outcome }
}

fn computed(stage: u32) -> RunEvent {
    RunEvent::StageComputed { stage: StageIndex(stage) }
}

fn finished(stage: u32) -> RunEvent {
    RunEvent::StageFinished { stage: StageIndex(stage) }
}

fn panicked() -> RunEvent {
    let error = RunError {
        kind: "panicked".to_owned(),
        message: "index out of bounds".to_owned(),
        pointer: None,
        stage: Some(0),
        shard: Some(3),
        worker: None,
        attempts: Some(3),
    };
    RunEvent::TaskFailed { error }
}

// plan ─▶ stage 0 ─▶ merge ─▶ stage 1 ─▶ merge ─▶ report
#[test]
fn a_run_of_two_stages_succeeds() {
    let mut story = Story::is_executing(8);
    story.happens(stored(0, StageOutcome::Opened)).wants(&[]);
    story.happens(finished(0)).wants(&[advance(1)]);
    story.happens(opens(1, 2)).wants(&[store(1, 2), execute(1, 2)]);
    story.happens(stored(1, StageOutcome::AlreadyEqual)).wants(&[]);
    story.happens(finished(1)).wants(&[advance(2)]);
    story.happens(reports(2)).wants(&[RunEffect::StoreEnd(RunEnd::Succeeded { report: b"[]".to_vec() })]);
    assert_eq!(story.state.ended(), None, "it is over when its end is durable");
    story.happens(RunEvent::EndStored { applied: true }).wants(&[RunEffect::Close]);
    assert_eq!(story.state.ended(), Some(RunPhase::Succeeded));
}

// plan ─▶ stage 0 ─▶ merge ─▶ report, all before anything is stored; then stage and report are
#[test]
fn a_small_run_runs_ahead_of_the_database() {
    let mut story = Story::is_executing(1);
    story.happens(computed(0)).wants(&[advance(1)]);
    story.happens(reports(1)).wants(&[RunEffect::StoreEnd(RunEnd::Succeeded { report: b"[]".to_vec() })]);
    story.happens(stored(0, StageOutcome::Opened)).wants(&[]);
    story.ignores(finished(0)).ignores(computed(0));
    story.happens(RunEvent::EndStored { applied: true }).wants(&[RunEffect::Close]);
    assert_eq!(story.state.ended(), Some(RunPhase::Succeeded));
}

// … but the database has another stage 0, or refuses a result that the report builds on
#[test]
fn what_ran_ahead_in_vain_fails_the_run() {
    for bad_news in [stored(0, StageOutcome::Differs), panicked()] {
        let mut story = Story::is_executing(1);
        story.happens(computed(0)).wants(&[advance(1)]);
        story.happens(reports(1)).wants(&[RunEffect::StoreEnd(RunEnd::Succeeded { report: b"[]".to_vec() })]);
        story.happens(bad_news);
        let [RunEffect::Close, RunEffect::StoreEnd(RunEnd::Failed { .. })] = &story.effects[..] else {
            panic!("{:?}", story.effects)
        };
    }
    let mut story = Story::is_executing(1);
    story.happens(stored(0, StageOutcome::RunOver)).wants(&[RunEffect::Close]);
    assert_eq!(story.state.ended(), Some(RunPhase::Cancelled));
}

// plan ─▶ a large state ─▶ durable ─▶ shards
#[test]
fn a_large_state_is_stored_before_anybody_needs_it() {
    let mut story = Story::begin();
    let state = vec![b' '; STATE_AHEAD + 1];
    let outcome = Outcome::Opened { name: "search".to_owned(), state: state.clone(), shards: 2, note: None };
    story.happens(RunEvent::Advanced { stage: StageIndex(0), outcome, expected_shard_us: None });
    let (stage, name) = (StageIndex(0), "search".to_owned());
    story.wants(&[RunEffect::StoreStage { stage, name, state, shards: 2, note: None }]);
    story.happens(stored(0, StageOutcome::Opened)).wants(&[execute(0, 2)]);
}

// plan ─▶ report
#[test]
fn a_run_may_answer_at_once() {
    let mut story = Story::of(Until::Planned);
    story.wants(&[advance(0)]);
    story.happens(reports(0)).wants(&[RunEffect::StoreEnd(RunEnd::Succeeded { report: b"[]".to_vec() })]);
}

// plan ─▶ stage 0 of no shards ─▶ merge
#[test]
fn a_stage_without_shards_is_merged_at_once() {
    let mut story = Story::begin();
    story.happens(opens(0, 0)).wants(&[store(0, 0)]);
    story.happens(stored(0, StageOutcome::Opened)).wants(&[advance(1)]);
}

// plan ─▶ stage 0, planned
#[test]
fn a_run_until_planned_ends_with_an_estimate() {
    for (expected_shard_us, shard_s, lane_s) in [(None, None, None), (Some(500_000), Some(0.5), Some(50.0))] {
        let mut story = Story::of(Until::Planned);
        story.wants(&[advance(0)]);
        story.happens(RunEvent::Advanced { stage: StageIndex(0), outcome: outcome(100), expected_shard_us });
        story.wants(&[store(0, 100)]);
        let estimate =
            serde_json::json!({ "stage": "search", "shards": 100, "shard_s": shard_s, "lane_s": lane_s });
        let end = [RunEffect::Close, RunEffect::StoreEnd(RunEnd::Planned { estimate })];
        story.happens(stored(0, StageOutcome::Opened)).wants(&end);
        story.happens(RunEvent::EndStored { applied: true }).wants(&[RunEffect::Close]);
        assert_eq!(story.state.ended(), Some(RunPhase::Planned));
    }
}

#[test]
fn a_failed_task_fails_the_run_at_any_point_before_its_end() {
    let mut story = Story::begin();
    story.happens(panicked());
    let error = story.fails("panicked");
    assert_eq!((error.shard, error.attempts, &*error.message), (Some(3), Some(3), "index out of bounds"));

    Story::is_executing(8).happens(panicked()).fails("panicked");
}

#[test]
fn a_deadline_ends_what_is_not_over() {
    Story::is_executing(8).happens(RunEvent::DeadlinePassed).fails("deadline");
    let mut story = Story::begin();
    story.happens(reports(0)).wants(&[RunEffect::StoreEnd(RunEnd::Succeeded { report: b"[]".to_vec() })]);
    story.ignores(RunEvent::DeadlinePassed);
}

#[test]
fn a_merge_that_differs_from_the_stored_one_fails_the_run() {
    Story::is_executing(8).happens(stored(0, StageOutcome::Differs)).fails("nondeterministic");
    let mut story = Story::begin();
    story.happens(opens(0, 0)).wants(&[store(0, 0)]);
    story.happens(stored(0, StageOutcome::Differs)).fails("nondeterministic");
}

#[test]
fn a_run_keeps_to_the_limits() {
    let mut story = Story::begin();
    story.happens(opens(0, SHARDS_PER_STAGE + 1));
    assert!(story.fails("limit").message.contains("10000001 shards"));

    let mut story = Story::begin();
    let state = vec![b' '; (16 << 20) + 1];
    let outcome = Outcome::Opened { name: "search".to_owned(), state, shards: 1, note: None };
    story.happens(RunEvent::Advanced { stage: StageIndex(0), outcome, expected_shard_us: None });
    assert!(story.fails("limit").message.contains("16777217 bytes"));

    let stages = vec![("search".to_owned(), 1); STAGES_PER_RUN as usize];
    let (state, effects) = RunState::resumed(Until::Done, STATE_AHEAD, &stages, true).unwrap();
    let mut story = Story { state, effects };
    story.wants(&[advance(STAGES_PER_RUN)]);
    story.happens(opens(STAGES_PER_RUN, 1)).fails("limit");
}

#[test]
fn what_the_database_refuses_fails_the_run() {
    let refused = |stage: Option<u32>| {
        let detail = "unsupported Unicode escape sequence".to_owned();
        RunEvent::Refused { stage: stage.map(StageIndex), detail }
    };
    let mut story = Story::is_executing(8);
    story.happens(refused(Some(0)));
    let error = story.fails("unstorable");
    assert!(error.message.contains("Unicode") && error.message.contains("stage 0"), "{}", error.message);

    let mut story = Story::begin();
    story.happens(reports(0)).wants(&[RunEffect::StoreEnd(RunEnd::Succeeded { report: b"[]".to_vec() })]);
    story.happens(refused(None)).fails("unstorable");
}

#[test]
fn a_cancelled_run_stops_wherever_it_is() {
    let mut story = Story::is_executing(8);
    story.happens(RunEvent::EndedElsewhere).wants(&[RunEffect::Close]);
    assert_eq!(story.state.ended(), Some(RunPhase::Cancelled));
    story.ignores(finished(0)).ignores(RunEvent::EndedElsewhere).ignores(panicked());

    // the cancellation reached the row before the report did
    let mut story = Story::begin();
    story.happens(reports(0)).wants(&[RunEffect::StoreEnd(RunEnd::Succeeded { report: b"[]".to_vec() })]);
    story.happens(RunEvent::EndStored { applied: false }).wants(&[RunEffect::Close]);
    assert_eq!(story.state.ended(), Some(RunPhase::Cancelled));

    // … or before the stage did
    Story::is_executing(8).happens(stored(0, StageOutcome::RunOver)).wants(&[RunEffect::Close]);
}

#[test]
fn late_and_repeated_news_changes_nothing() {
    let mut story = Story::is_executing(8);
    story
        .ignores(opens(0, 8))
        .ignores(finished(1))
        .ignores(RunEvent::EndStored { applied: true })
        .ignores(RunEvent::StageFound { stage: StageIndex(1), name: "search".to_owned(), shards: 1 });
    story.happens(finished(0)).wants(&[advance(1)]);
    story.ignores(finished(0)).ignores(opens(0, 8)).ignores(reports(2));
}

// stored: stage 0, stage 1 of no shards, stage 2 ─▶ goes on where it stopped
#[test]
fn a_resumed_run_goes_on_from_what_is_stored() {
    let stage = |shards| ("search".to_owned(), shards);
    let cases: [(&[(String, u32)], bool, RunEffect); 5] = [
        (&[], false, advance(0)),
        (&[stage(8)], false, execute(0, 8)),
        (&[stage(8)], true, advance(1)),
        (&[stage(8), stage(0)], true, advance(2)),
        (&[stage(8), stage(0), stage(3)], false, execute(2, 3)),
    ];
    for (stages, last_is_finished, next) in cases {
        let (state, effects) = RunState::resumed(Until::Done, STATE_AHEAD, stages, last_is_finished).unwrap();
        assert_eq!(effects, [next], "after {stages:?}");
        assert_eq!(state.ended(), None);
    }
    let (_, effects) = RunState::resumed(Until::Planned, STATE_AHEAD, &[stage(8)], false).unwrap();
    assert!(matches!(effects[..], [RunEffect::Close, RunEffect::StoreEnd(RunEnd::Planned { .. })]));
}
