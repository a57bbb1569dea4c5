//! Work runs ahead of storage: what is merged from memory, and what is told when it is durable.

use super::*;

// shards 0 1 ─▶ both here ─▶ merged from memory while they are stored; then they are told, or the run fails
#[test]
fn a_small_stage_is_merged_before_it_is_stored() {
    for refused in [false, true] {
        let mut cluster = Cluster::of(&[(ANN, 1)]);
        cluster.begins(R1, 2);
        let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
        cluster.finishes(ANN, R1, leases[1], &[1], 9).nothing_else();
        assert_eq!(cluster.computed, []);
        cluster.finishes(ANN, R1, leases[0], &[0], 9).nothing_else();
        let partials = vec![(0, b"1".to_vec()), (1, b"1".to_vec())];
        assert_eq!(std::mem::take(&mut cluster.computed), [(R1, StageIndex(0), partials)]);

        cluster.submits(R1, "ann", 0, Work::Advance { stage: StageIndex(1) }, false);
        let [merge] = cluster.assigns(ANN, &[(R1, 1, 0)])[..] else { panic!("one lease") };
        // they are on their way: a mention of them is no news, nor is a repetition
        let keys = [key(R1, leases[0], 0), key(R1, leases[1], 1)];
        let held = Heartbeat {
            leases: vec![HeldLease {
                lease: merge,
                task: Task { run: R1, kind: TaskKind::Advance { stage: StageIndex(1) } },
                started_ms_ago: Some(1),
                finished: 0,
            }],
            unacknowledged: keys.to_vec(),
            ..Heartbeat::default()
        };
        cluster.says(ANN, WorkerFact::Heartbeat(held)).nothing_else();
        cluster.says(ANN, WorkerFact::Finished(vec![result(R1, leases[0], 0, 9)])).nothing_else();

        cluster.becomes_durable(R1, &[0]).tells(ANN, stored(&keys[..1])).nothing_else();
        if refused {
            let detail = "unsupported Unicode escape sequence".to_owned();
            let (run, stage) = (R1, StageIndex(0));
            cluster.happens(DispatchEvent::Refused { run, stage, shard: 1, detail: detail.clone() });
            let error = TaskError { kind: TaskErrorKind::Unstorable, message: detail, pointer: None };
            cluster.orders(DispatchCommand::TaskFailed(failed(1, ANN, 1, error)));
            cluster.tells(ANN, stored(&keys[1..])).nothing_else();
        } else {
            cluster.becomes_durable(R1, &[1]).tells(ANN, stored(&keys[1..])).nothing_else();
        }
    }
}

// 65 shards, or 64 KiB and more of results, or some that were stored before: merged when all are stored
#[test]
fn a_large_stage_is_merged_when_it_is_stored() {
    let large = |shard, lease| ShardResult { json: vec![b'1'; 40 << 10], ..result(R1, lease, shard, 9) };
    let mut cluster = Cluster::of(&[(ANN, 2)]);
    cluster.begins(R1, 2);
    let leases = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.says(ANN, WorkerFact::Finished(vec![large(0, leases[0]), large(1, leases[1])]));
    assert_eq!((cluster.computed.len(), cluster.scheduler.kept_bytes), (0, 0));

    let mut cluster = Cluster::of(&[(ANN, 1)]);
    let stored = vec![ShardRange { first: 0, count: 1 }];
    let work = Work::Shards { stage: StageIndex(0), name: "search".to_owned(), shards: 2, stored };
    cluster.submits(R1, "ann", 0, work, false);
    let leases = cluster.assigns(ANN, &[(R1, 1, 1)]);
    cluster.finishes(ANN, R1, leases[0], &[1], 9).nothing_else();
    assert_eq!(cluster.computed, []);
}
