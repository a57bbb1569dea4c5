//! Results on their way: lost ones, large ones, and a database that is slow.

use common::limits::{HELD_RESULT_BYTES, INLINE_RESULT_BYTES};

use super::*;

#[test]
fn a_lost_result_is_asked_for() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.begins(R1, 1);
    let lease = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let result = key(R1, lease, 0);
    let holds = Heartbeat { unacknowledged: vec![result], ..Heartbeat::default() };
    cluster.says(ANN, WorkerFact::Heartbeat(holds.clone())).nothing_else();
    cluster.says(ANN, WorkerFact::Heartbeat(holds)).tells(ANN, WorkerCommand::Send { result, offset: 0 });
    cluster
        .says(ANN, WorkerFact::ResultPiece { result, offset: 0, total: 1, cpu_us: 0, bytes: b"1".to_vec() });
    assert!(matches!(&cluster.orders.remove(0), DispatchCommand::Store(rows) if rows[0].json == b"1"));
    cluster.nothing_else();
}

// two results of 40 MiB: the pool of 64 MiB lets one travel at a time, in pieces
#[test]
fn large_results_are_asked_for_one_after_the_other() {
    let mut cluster = Cluster::of(&[(ANN, 1), (BOB, 1)]);
    cluster.begins(R1, 2);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1)])[0];
    let bob = cluster.assigns(BOB, &[(R1, 1, 1)])[0];
    let size = 40 << 20;
    let news = |lease, shard| {
        let announced =
            Announcement { key: key(R1, lease, shard), bytes: size, started_us: 7, cpu_us: 5, wall_us: 9 };
        WorkerFact::Announced(vec![announced])
    };
    cluster.says(ANN, news(ann, 0)).tells(ANN, WorkerCommand::Send { result: key(R1, ann, 0), offset: 0 });
    cluster.says(BOB, news(bob, 1)).says(ANN, news(ann, 0));
    // announced again: it starts over
    cluster.tells(BOB, WorkerCommand::Send { result: key(R1, bob, 1), offset: 0 }).nothing_else();

    let piece = 512 << 10;
    for offset in (0..size).step_by(piece) {
        let bytes = vec![b'1'; piece];
        let result = key(R1, bob, 1);
        cluster.says(BOB, WorkerFact::ResultPiece { result, offset, total: size, cpu_us: 5, bytes });
        let offset = offset + piece as u64;
        if offset < size {
            cluster.tells(BOB, WorkerCommand::Send { result, offset }).nothing_else();
        }
    }
    assert!(
        matches!(&cluster.orders.remove(0), DispatchCommand::Store(rows) if rows[0].json.len() as u64 == size)
    );
    // 40 MiB wait for the database now, so that the other has to wait
    cluster.nothing_else();
    cluster.happens(DispatchEvent::WriterBacklog { bytes: 0 });
    cluster.tells(ANN, WorkerCommand::Send { result: key(R1, ann, 0), offset: 0 }).nothing_else();
}

#[test]
fn a_slow_database_holds_work_back() {
    let mut cluster = Cluster::of(&[(ANN, 1)]);
    cluster.happens(DispatchEvent::WriterBacklog { bytes: 64 << 20 });
    cluster.begins(R1, 1).passes(100).orders(waits_for(R1, WaitingReason::Database)).nothing_else();
    cluster.happens(DispatchEvent::WriterBacklog { bytes: 0 });
    cluster.assigns(ANN, &[(R1, 0, 1)]);
    cluster.nothing_else();
}

// results may take 64 KiB each as long as nothing is known: two of them at a time
#[test]
fn a_worker_has_no_more_on_its_way_than_it_may() {
    let two = 2 * (INLINE_RESULT_BYTES + HELD_RESULT_BYTES) as u64;
    let mut cluster = Cluster::with(DispatchSettings { worker_bytes: two, ..DispatchSettings::default() });
    cluster.joins(ANN, 4).begins(R1, 9);
    let ann = cluster.assigns(ANN, &[(R1, 0, 1), (R1, 1, 1)]);
    cluster.nothing_else();
    // what waits elsewhere is not withdrawn for its idle lanes
    cluster.joins(BOB, 1);
    cluster.assigns(BOB, &[(R1, 2, 1), (R1, 3, 1)]);
    cluster.nothing_else();
    // they are small: as soon as none of unknown size is on its way, every lane gets something, and what waits behind it
    cluster.finishes(ANN, R1, ann[0], &[0], 300_000);
    cluster.assigns(ANN, &[(R1, 4, 1)]);
    cluster.nothing_else().finishes(ANN, R1, ann[1], &[1], 300_000);
    cluster.assigns(ANN, &[(R1, 5, 1), (R1, 6, 1), (R1, 7, 1), (R1, 8, 1)]);
    cluster.nothing_else();
}
