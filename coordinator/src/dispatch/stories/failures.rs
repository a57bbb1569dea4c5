//! Attempts that fail: what is tried again where and when, what fails the run.

use super::*;

// shard 0 panics at ann, rests 100 ms, then at bob (not at ann again), rests 200 ms, then has no third attempt left
#[test]
fn a_failed_attempt_is_tried_elsewhere_and_the_last_one_fails_the_run() {
    let settings = DispatchSettings { attempts: 3, ..DispatchSettings::default() };
    let mut cluster = Cluster::with(settings);
    cluster.joins(ANN, 1);
    cluster.begins(R1, 1);
    let first = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.joins(BOB, 1).nothing_else();
    let error = failure(TaskErrorKind::Panicked);
    cluster.says(ANN, fails(R1, first, 0, TaskErrorKind::Panicked));
    cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, 1, error.clone()))).nothing_else();
    cluster.passes(100);
    let second = cluster.assigns(BOB, &[(R1, 0, 1)])[0];
    cluster.nothing_else();
    cluster.says(ANN, fails(R1, first, 0, TaskErrorKind::Panicked)).nothing_else(); // repeated: ignored
    cluster.says(BOB, fails(R1, second, 0, TaskErrorKind::Panicked));
    cluster.orders(DispatchCommand::NoteFailure(failed(0, BOB, 2, error.clone())));
    cluster.passes(100).orders(waits_for(R1, WaitingReason::Backoff { shard: 0 })).nothing_else();
    cluster.passes(100);
    let third = cluster.assigns(ANN, &[(R1, 0, 1)])[0]; // there is no other left
    cluster.orders(DispatchCommand::Waiting { run: R1, reason: None });
    cluster.says(ANN, fails(R1, third, 0, TaskErrorKind::Panicked));
    cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, 3, error.clone())));
    cluster.orders(DispatchCommand::TaskFailed(failed(0, ANN, 3, error))).nothing_else();
}

#[test]
fn an_error_that_would_recur_is_not_tried_again() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    cluster.says(ANN, fails(R1, lease, 0, TaskErrorKind::Infeasible));
    let failed = failed(0, ANN, 1, failure(TaskErrorKind::Infeasible));
    cluster.orders(DispatchCommand::NoteFailure(failed.clone()));
    cluster.orders(DispatchCommand::TaskFailed(failed)).nothing_else();
    cluster.happens(DispatchEvent::Closed { run: R1 }).tells(ANN, WorkerCommand::Cancel { run: R1 });
    cluster.nothing_else();
}

#[test]
fn a_result_that_the_database_refuses_fails_the_run() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.finishes(ANN, R1, leases[0], &[0], 9);
    let (stage, detail) = (StageIndex(0), "unsupported Unicode escape sequence".to_owned());
    cluster.happens(DispatchEvent::Refused { run: R1, stage, shard: 0, detail: detail.clone() });
    let error = TaskError { kind: TaskErrorKind::Unstorable, message: detail, pointer: None };
    cluster.orders(DispatchCommand::TaskFailed(failed(0, ANN, 1, error)));
    cluster.tells(ANN, stored(&[key(R1, leases[0], 0)])).nothing_else();
}

#[test]
fn a_result_above_the_limit_fails_the_run() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bytes = (64 << 20) + 1;
    let news = Announcement { key: key(R1, lease, 0), bytes, started_us: 7, cpu_us: 5, wall_us: 9 };
    cluster.says(ANN, WorkerFact::Announced(vec![news]));
    assert!(matches!(cluster.orders.remove(0), DispatchCommand::NoteFailure(_)));
    assert!(matches!(
        cluster.orders.remove(0),
        DispatchCommand::TaskFailed(FailedTask {
            error: TaskError { kind: TaskErrorKind::Unstorable, .. },
            shard: Some(0),
            ..
        })
    ));
    cluster.nothing_else();
}

// one lane: 0 fails and rests, 1 and 2 go on meanwhile; after twice the rest and no sooner than its time 0 is tried again
#[test]
fn a_resting_shard_holds_up_no_other_and_rests_longer_each_time() {
    let settings = DispatchSettings {
        attempts: 9,
        backoff: Duration::from_millis(300),
        backoff_most: Duration::from_millis(900),
        prefetch: 0,
        ..DispatchSettings::default()
    };
    let mut cluster = Cluster::with(settings);
    cluster.joins(ANN, 1).begins(R1, 3);
    let mut lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let error = failure(TaskErrorKind::Unavailable);
    cluster.says(ANN, fails(R1, lease, 0, TaskErrorKind::Unavailable));
    cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, 1, error.clone())));
    for shard in [1, 2] {
        lease = cluster.assigns(ANN, &[(R1, shard, 1)])[0];
        cluster.nothing_else().finishes(ANN, R1, lease, &[shard], 9);
    }
    for (attempt, rest_ms) in [(2, 300), (3, 600), (4, 900), (5, 900)] {
        cluster.passes_with(100, &[ANN]).orders(waits_for(R1, WaitingReason::Backoff { shard: 0 }));
        cluster.passes_with(rest_ms - 200, &[ANN]).nothing_else().passes_with(100, &[ANN]);
        lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
        cluster.orders(DispatchCommand::Waiting { run: R1, reason: None });
        cluster.says(ANN, fails(R1, lease, 0, TaskErrorKind::Unavailable));
        cluster.orders(DispatchCommand::NoteFailure(failed(0, ANN, attempt, error.clone()))).nothing_else();
    }
}

#[test]
fn what_an_algorithm_said_is_kept_with_the_failure_and_no_more_than_its_end() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let (stage, shard, error) = (StageIndex(0), Some(0), failure(TaskErrorKind::Infeasible));
    let note = Some(format!("{}end", "ä".repeat(4096)));
    cluster.says(ANN, WorkerFact::Failed { lease, run: R1, stage, shard, error, note });
    let DispatchCommand::NoteFailure(noted) = cluster.orders.remove(0) else { panic!("a noted failure") };
    let note = noted.note.unwrap();
    assert!(note.len() <= 4096 && note.starts_with('ä') && note.ends_with("end"), "{} bytes", note.len());
    assert!(matches!(cluster.orders.remove(0), DispatchCommand::TaskFailed(_)));
    cluster.nothing_else();
}

// ann: [2 … 8], of which 2 is delivered ─▶ refused; the run is given up, and nobody owes 2 any more
#[test]
fn a_refused_result_is_not_owed_again_by_who_has_the_rest_of_its_range() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 17);
    let one = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.finishes(ANN, R1, one[0], &[0], 10_000);
    let range = cluster.assigns(ANN, &[(R1, 2, 7)]);
    cluster.finishes(ANN, R1, range[0], &[2], 10_000).nothing_else();
    let (stage, detail) = (StageIndex(0), "invalid input syntax for type json".to_owned());
    cluster.happens(DispatchEvent::Refused { run: R1, stage, shard: 2, detail: detail.clone() });
    let error = TaskError { kind: TaskErrorKind::Unstorable, message: detail, pointer: None };
    cluster.orders(DispatchCommand::TaskFailed(failed(2, ANN, 1, error)));
    cluster.tells(ANN, stored(&[key(R1, range[0], 2)])).nothing_else();
    cluster.says(ANN, fails(R1, range[0], 2, TaskErrorKind::Panicked)).nothing_else();
}
