//! Messages that make no sense, as a worker of bad faith or an odd bug might send them.

use common::ids::{Epoch, LeaseId, RunId, StageIndex};
use common::protocol::{Heartbeat, HeldLease, ResultKey, WorkerFact};
use common::run::{Task, TaskError, TaskErrorKind, TaskKind};
use coordinator::dispatch::event::DispatchEvent;
use uuid::Uuid;

use super::world::World;

impl World {
    /// Such a message arrives at whoever leads, in the name of a worker.
    pub(super) fn nonsense(&mut self, w: usize, noise: u32) {
        let Some(body) = &self.workers[w].body else { return };
        let (worker, incarnation) = (body.id, body.incarnation.wrapping_add(noise % 2));
        // odd runs: none that is there
        let run = RunId(Uuid::from_u128(u128::from(noise % 5)));
        let stage = StageIndex(noise % 3);
        let shard = (!noise.is_multiple_of(7)).then_some(noise % 97);
        let lease = LeaseId::new(Epoch(noise % 3), noise % 50 + 1_000_000);
        let key = ResultKey { lease, run, stage, shard };
        let error =
            TaskError { kind: TaskErrorKind::Unavailable, message: "nonsense".to_owned(), pointer: None };
        let fact = match noise % 6 {
            0 => WorkerFact::Started { leases: vec![lease] },
            1 => {
                let (offset, total) = (u64::from(noise), u64::from(noise / 2));
                WorkerFact::ResultPiece { result: key, offset, total, cpu_us: 0, bytes: vec![0; 9] }
            }
            2 => WorkerFact::Failed { lease, run, stage, shard, error, note: None },
            3 => WorkerFact::HandedBack { leases: vec![lease] },
            4 => WorkerFact::Heartbeat(Heartbeat {
                leases: vec![HeldLease {
                    lease,
                    task: Task { run, kind: TaskKind::Advance { stage } },
                    started_ms_ago: None,
                    finished: 9,
                }],
                unacknowledged: vec![key],
                ..Heartbeat::default()
            }),
            _ => WorkerFact::Finished(Vec::new()),
        };
        for c in 0..self.coordinators.len() {
            let coordinator = &self.coordinators[c];
            if coordinator.leader.is_some() && !coordinator.process.is_stopped() {
                self.dispatch(c, DispatchEvent::Heard { worker, incarnation, fact: fact.clone() });
            }
        }
    }
}
