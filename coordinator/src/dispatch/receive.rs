//! Taking results: what counts, what is a repetition, what is acknowledged when.

use std::collections::BTreeSet;

use common::ids::{LeaseId, RunId, StageIndex, WorkerId};
use common::limits::{HELD_RESULT_BYTES, RESULT_BYTES};
use common::protocol::{Announcement, ResultKey, ShardResult, WorkerCommand};
use common::run::{Outcome, TaskError, TaskErrorKind};
use common::wire;

use super::event::{DispatchCommand, FailedTask, ResultRow};
use super::inbox::{Dropped, Received, place};
use super::leases::Point;
use super::scheduler::Scheduler;

/// What a result is to the books.
enum Standing {
    /// Its shard is open or leased: it counts.
    Counts,
    /// Its shard's result is here but not durable: nothing to say yet.
    Here,
    /// Nobody wants it any more: durable, or its stage or run is over.
    Unwanted,
    /// Of something that was never handed out.
    Foreign,
}

impl Scheduler {
    /// Small results came in.
    pub(super) fn finished(&mut self, worker: WorkerId, results: Vec<ShardResult>) {
        let mut rows = Vec::with_capacity(results.len());
        for ShardResult { key, started_us, cpu_us, wall_us, json } in results {
            let Some(shard) = key.shard else {
                self.oddities.foreign += 1;
                continue;
            };
            if self.take_in(worker, &key, wall_us, json.len() as u64) {
                self.keep(key.run, shard, &json);
                let ResultKey { lease, run, stage, .. } = key;
                rows.push(ResultRow { run, stage, shard, lease, worker, started_us, cpu_us, wall_us, json });
            }
        }
        let runs: BTreeSet<RunId> = rows.iter().map(|row| row.run).collect();
        self.store(rows);
        for run in runs {
            self.tell_if_computed(run);
        }
    }

    /// Keeps a result for merging, as long as those of its stage are small.
    fn keep(&mut self, id: RunId, shard: u32, json: &[u8]) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(kept) = &mut run.kept else { return };
        let before = kept.bytes();
        let ahead = self.settings.ahead;
        let fits = self.kept_bytes + json.len() <= ahead.all_bytes && kept.add(shard, json, ahead.bytes);
        if fits {
            self.kept_bytes += json.len();
        } else {
            run.kept = None;
            self.kept_bytes -= before;
        }
    }

    /// Once all results of a small stage are here, it can be merged. They were handed to the writer before.
    fn tell_if_computed(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.table.is_settled_whole() && !run.failed)
        else {
            return;
        };
        let Some(kept) = run.kept.take() else { return };
        self.kept_bytes -= kept.bytes();
        let stage = run.point.stage;
        self.history.remember(&run.offer.algorithm, &run.name, run.measured);
        self.command(DispatchCommand::StageComputed { run: id, stage, partials: kept.into_results() });
    }

    /// An advance ended with a small outcome.
    pub(super) fn advanced(&mut self, worker: WorkerId, key: ResultKey, outcome: Outcome) {
        if !self.take_in(worker, &key, 0, 0) {
            return;
        }
        let Some(run) = self.runs.get_mut(&key.run) else { return };
        run.advanced_by = Some((worker, key));
        let expected_shard_us = match &outcome {
            Outcome::Opened { name, .. } => self.history.wall_us_per_shard(&run.offer.algorithm, name),
            Outcome::Done { .. } => None,
        };
        let (run, stage) = (key.run, key.stage);
        self.command(DispatchCommand::Advanced { run, stage, outcome, expected_shard_us });
    }

    /// Large results wait to be asked for.
    pub(super) fn announced(&mut self, worker: WorkerId, news: Vec<Announcement>) {
        for news in news {
            match self.standing(&news.key) {
                Standing::Counts if news.bytes > RESULT_BYTES as u64 => {
                    let message =
                        format!("a result of {} bytes; at most {RESULT_BYTES} are stored", news.bytes);
                    let error = TaskError { kind: TaskErrorKind::Unstorable, message, pointer: None };
                    self.attempt_failed(worker, news.key, error, None);
                }
                Standing::Counts => {
                    let again = self.inbox.contains(&place(&news.key));
                    let lease = self.leases.get(news.key.lease).filter(|lease| lease.worker == worker);
                    let counted =
                        !again && lease.is_some_and(|lease| lease.covers(news.key.shard.unwrap_or(0)));
                    if !self.inbox.announce(worker, news, counted) {
                        self.oddities.duplicate += 1; // its copy's result is awaited
                    } else if counted {
                        self.change_lease(news.key.lease, |lease| lease.announced += 1);
                    }
                }
                Standing::Here => self.oddities.duplicate += 1,
                Standing::Unwanted => self.unwanted(worker, news.key),
                Standing::Foreign => self.oddities.foreign += 1,
            }
        }
    }

    /// A piece of a large result came in.
    pub(super) fn piece(
        &mut self,
        worker: WorkerId,
        key: &ResultKey,
        offset: u64,
        total: u64,
        cpu_us: u64,
        bytes: &[u8],
    ) {
        match self.inbox.receive(worker, key, offset, total, bytes, self.now) {
            Received::Part => {
                let offset = offset + bytes.len() as u64;
                self.send(worker, WorkerCommand::Send { result: *key, offset });
            }
            Received::Unexpected => self.oddities.foreign += 1,
            Received::Whole(dropped, json) => {
                self.may_assign = true; // its worker has less on its way
                self.no_longer_announced(dropped);
                let Announcement { key, started_us, wall_us, .. } = dropped.news;
                if key.shard.is_some() {
                    self.finished(worker, vec![ShardResult { key, started_us, cpu_us, wall_us, json }]);
                } else {
                    match wire::unpack::<Outcome>(&json) {
                        Ok(outcome) => self.advanced(worker, key, outcome),
                        Err(error) => {
                            let message = format!("the outcome cannot be read: {error}");
                            let error =
                                TaskError { kind: TaskErrorKind::Unavailable, message, pointer: None };
                            self.attempt_failed(worker, key, error, None);
                        }
                    }
                }
            }
        }
    }

    /// A stage is open: what opened it need not be kept any more.
    pub(super) fn stage_stored(&mut self, id: RunId, stage: StageIndex) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        for (worker, key) in run.behind.opened(stage) {
            self.acknowledge(worker, key);
        }
    }

    /// Results of a stage that was gone on from are durable.
    fn stored_behind(&mut self, id: RunId, stage: StageIndex, shards: &[u32]) {
        for shard in shards {
            let found = self.runs.get_mut(&id).and_then(|run| run.behind.settle(stage, *shard));
            let Some((worker, lease)) = found else {
                self.oddities.late += 1;
                continue;
            };
            self.stored_total += 1;
            if let Some(worker) = self.workers.get_mut(&worker) {
                worker.shards_done += 1;
            }
            self.acknowledge(worker, ResultKey { lease, run: id, stage, shard: Some(*shard) });
        }
    }

    /// The results of `shards` are durable.
    pub(super) fn stored(&mut self, id: RunId, point: Point, shards: &[u32]) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.point == point) else {
            return self.stored_behind(id, point.stage, shards);
        };
        let mut acknowledged = Vec::with_capacity(shards.len());
        for shard in shards {
            if run.table.store(*shard) {
                self.stored_total += 1;
            }
            // the writer is a FIFO, so the front is nearly always the one
            let position = match run.storing.front() {
                Some((front, ..)) if front == shard => Some(0),
                _ => run.storing.iter().position(|(storing, ..)| storing == shard),
            };
            if let Some((_, worker, lease)) = position.and_then(|position| run.storing.remove(position)) {
                acknowledged.push((worker, run.key(lease, *shard)));
            }
        }
        let finished = run.table.is_finished() && !run.failed;
        if finished {
            self.history.remember(&run.offer.algorithm, &run.name, run.measured);
        }
        for (worker, key) in acknowledged {
            if let Some(worker) = self.workers.get_mut(&worker) {
                worker.shards_done += 1;
            }
            self.acknowledge(worker, key);
        }
        if finished {
            self.command(DispatchCommand::StageFinished { run: id, stage: point.stage });
        }
    }

    /// The database will never take a result: no repetition can help.
    pub(super) fn refused(&mut self, id: RunId, stage: StageIndex, shard: u32, detail: String) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.point >= Point::of(stage, Some(shard)))
        else {
            self.oddities.late += 1;
            return;
        };
        let from = if run.point == Point::of(stage, Some(shard)) {
            let position = run.storing.iter().position(|(storing, ..)| *storing == shard);
            let from = position.and_then(|position| run.storing.remove(position));
            if run.table.unsettle(shard) {
                run.table.reopen(shard);
                // whoever has more of the range does not owe this one again
                for lease in &run.leases {
                    if let Some(lease) = self.leases.get_mut(*lease) {
                        lease.give_up(shard);
                    }
                }
            }
            from.map(|(_, worker, lease)| (worker, lease))
        } else {
            run.behind.settle(stage, shard)
        };
        if let Some((worker, lease)) = from {
            self.acknowledge(worker, ResultKey { lease, run: id, stage, shard: Some(shard) });
        }
        let error = TaskError { kind: TaskErrorKind::Unstorable, message: detail, pointer: None };
        let worker = from.map(|(worker, _)| worker);
        let failed = FailedTask { run: id, stage, shard: Some(shard), worker, attempt: 1, error, note: None };
        self.give_up_run(failed);
    }

    /// Whether something came of the result that `key` names, so that a worker's mention of it needs no answer.
    pub(super) fn is_awaited(&mut self, worker: WorkerId, key: &ResultKey) -> bool {
        match self.standing(key) {
            Standing::Counts => !self.inbox.contains(&place(key)),
            Standing::Here | Standing::Foreign => false,
            Standing::Unwanted => {
                self.acknowledge(worker, *key);
                false
            }
        }
    }

    /// Enters a result into the books; false if it does not count.
    fn take_in(&mut self, worker: WorkerId, key: &ResultKey, wall_us: u64, bytes: u64) -> bool {
        match self.standing(key) {
            Standing::Counts => {}
            Standing::Here => {
                self.oddities.duplicate += 1;
                return false;
            }
            Standing::Unwanted => {
                self.unwanted(worker, *key);
                return false;
            }
            Standing::Foreign => {
                self.oddities.foreign += 1;
                return false;
            }
        }
        let shard = key.shard.unwrap_or(0);
        let holder = self.holder(key, shard);
        let Some(run) = self.runs.get_mut(&key.run) else { return false };
        let was_runnable = run.table.runnable();
        run.table.settle(shard);
        if key.shard.is_some() {
            run.measured.add(wall_us, bytes);
            run.storing.push_back((shard, worker, key.lease));
        }
        if run.table.runnable() != was_runnable {
            self.requeue(key.run); // a late result of a shard that had been opened again
        }
        if let Some(dropped) = self.inbox.drop_entry(&place(key)) {
            self.no_longer_announced(dropped); // the result of a copy came first
        }
        if let Some(holder) = holder {
            self.settle_lease(holder, shard, key.lease, wall_us);
        }
        true
    }

    /// A result that was announced under a lease is here, or given up.
    pub(super) fn no_longer_announced(&mut self, dropped: Dropped) {
        if dropped.counted {
            self.change_lease(dropped.news.key.lease, |lease| {
                lease.announced = lease.announced.saturating_sub(1);
            });
        }
    }

    /// A shard of lease `id` is settled by a result that came under lease `via`.
    fn settle_lease(&mut self, id: LeaseId, shard: u32, via: LeaseId, wall_us: u64) {
        let twin = self.leases.get(id).and_then(|lease| lease.twin);
        for id in [Some(id), twin].into_iter().flatten() {
            self.change_lease(id, |lease| {
                if lease.covers(shard) {
                    lease.remaining -= 1;
                }
                if id == via {
                    lease.delivered += 1;
                    lease.used_us += wall_us;
                }
            });
            let Some(lease) = self.leases.get(id) else { continue };
            if lease.remaining == 0 {
                if lease.delivered == lease.range.count {
                    self.end_lease(id);
                } else {
                    self.revoke(id); // its holder still works on what others delivered
                }
            }
        }
    }

    /// The lease under which somebody is to deliver `shard`: the one named, if it covers the shard, or another.
    pub(super) fn holder(&self, key: &ResultKey, shard: u32) -> Option<LeaseId> {
        let run = self.runs.get(&key.run)?;
        if run.leases.contains(&key.lease) && self.leases.get(key.lease)?.covers(shard) {
            return Some(key.lease);
        }
        if run.table.is_open(shard) {
            return None;
        }
        run.leases.iter().copied().find(|id| self.leases.get(*id).is_some_and(|lease| lease.covers(shard)))
    }

    fn standing(&self, key: &ResultKey) -> Standing {
        let Some(run) = self.runs.get(&key.run) else { return Standing::Unwanted };
        let point = Point::of(key.stage, key.shard);
        let shard = key.shard.unwrap_or(0);
        match point.cmp(&run.point) {
            std::cmp::Ordering::Less if run.behind.holds(key) => Standing::Here,
            std::cmp::Ordering::Less => Standing::Unwanted,
            std::cmp::Ordering::Greater => Standing::Foreign,
            std::cmp::Ordering::Equal if shard >= run.table.shards() => Standing::Foreign,
            std::cmp::Ordering::Equal if run.table.is_stored(shard) => Standing::Unwanted,
            std::cmp::Ordering::Equal if run.table.is_settled(shard) => Standing::Here,
            std::cmp::Ordering::Equal if run.failed => Standing::Foreign,
            std::cmp::Ordering::Equal => Standing::Counts,
        }
    }

    fn unwanted(&mut self, worker: WorkerId, key: ResultKey) {
        self.oddities.late += 1;
        self.acknowledge(worker, key);
    }

    fn store(&mut self, rows: Vec<ResultRow>) {
        if !rows.is_empty() {
            self.writer_bytes +=
                rows.iter().map(|row| (row.json.len() + HELD_RESULT_BYTES) as u64).sum::<u64>();
            self.command(DispatchCommand::Store(rows));
        }
    }
}
