//! Lanes in simulated time: as `worker/src/lane.rs` works, but that a shard takes as long as the plan says and may do
//! what the plan says instead of ending well.

use std::collections::VecDeque;

use algorithms::{AlgorithmError, Control, ErasedStep};
use common::clock::Timestamp;
use common::ids::{LeaseId, RunId, StageIndex};
use common::protocol::{DocumentKey, PartialsPage, ResultKey};
use common::run::{TaskError, TaskErrorKind};
use common::wire;
use worker::agent::event::{Computed, LaneEnd};
use worker::agent::mind::Input;
use worker::agent::outbox::Kept;
use worker::lane::{self, Work};

use super::agenda::{Instant, MS};
use super::dice::mix;
use super::plan::Does;
use super::worker::WorkerWhat;
use super::world::World;

/// A busy lane.
pub struct Lane {
    run: RunId,
    work: Work,
    /// Outcomes that were not collected yet.
    outcomes: Vec<Computed>,
    /// Whether it was told to stop.
    stopped: bool,
    /// The shard it is at, since when by the process's clock, and what that does.
    at: Option<(u32, Timestamp, Option<Does>)>,
    /// The next shard of its range.
    next: u32,
    /// Whether it waits for room for results.
    parked: bool,
    /// What it is at; an earlier number is of something else.
    serial: u64,
    /// When it is done with what it is at.
    done_at: Instant,
    /// What a merge read so far.
    partials: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("run", &self.run).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Lane {
    /// Takes what it left so far.
    pub fn collect(&mut self, lease: LeaseId) -> Option<Input> {
        let outcomes = std::mem::take(&mut self.outcomes);
        (!outcomes.is_empty()).then_some(Input::Collected { lease, outcomes })
    }

    /// The shard that runs, and since when.
    pub fn current(&self) -> Option<(u32, Timestamp)> {
        let is_shard = matches!(self.work, Work::Shards(..));
        self.at.filter(|_| is_shard).map(|(shard, since, _)| (shard, since))
    }
}

impl World {
    pub(super) fn begin(
        &mut self,
        w: usize,
        lease: LeaseId,
        run: RunId,
        work: Work,
        inputs: &mut VecDeque<Input>,
    ) {
        let lanes = self.workers[w].lanes;
        let next = if let Work::Shards(_, _, range) = &work { range.first } else { 0 };
        let merges = if let Work::Merge(_, stage) = &work { Some(*stage) } else { None };
        let lane = Lane {
            run,
            work,
            outcomes: Vec::new(),
            stopped: false,
            at: None,
            next,
            parked: false,
            serial: 0,
            done_at: 0,
            partials: Vec::new(),
        };
        let body = self.body(w);
        assert!(body.lanes.insert(lease, lane).is_none(), "lease {lease} is begun twice");
        assert!(body.lanes.len() <= usize::from(lanes), "a worker runs more tasks than it has lanes");
        match merges {
            Some(stage) => {
                let key = DocumentKey::Partials { run, stage, from: 0 };
                inputs.push_back(Input::PageWanted { lease, key });
            }
            None => self.go_on(w, lease, inputs),
        }
    }

    /// A lane begins with what comes next, or returns.
    fn go_on(&mut self, w: usize, lease: LeaseId, inputs: &mut VecDeque<Input>) {
        let now = self.workers[w].process.clock(self.agenda.now());
        let full = self.body(w).kept >= self.plan.kept_bytes;
        let Some(lane) = self.body(w).lanes.get_mut(&lease) else { return };
        let (run, next) = (lane.run, lane.next);
        let task = match &lane.work {
            Work::Shards(_, stage, range) => {
                if next == range.end() {
                    return self.free(w, lease, LaneEnd::Done, inputs);
                }
                if lane.stopped {
                    return self.free(w, lease, LaneEnd::Stopped { next: Some(next) }, inputs);
                }
                if full {
                    lane.parked = true;
                    return;
                }
                (stage.0, Some(next))
            }
            Work::Plan(_) => (0, None),
            Work::Merge(_, stage) => (stage.next().0, None),
        };
        let does = self.mishap(run, task.0, task.1);
        let takes = self.duration(run, task.0, task.1);
        if let Some(lane) = self.body(w).lanes.get_mut(&lease) {
            lane.at = Some((next, now, does));
        }
        if !matches!(does, Some(Does::Hang | Does::Stick)) {
            self.lane_after(w, lease, takes);
        }
    }

    fn lane_after(&mut self, w: usize, lease: LeaseId, wait: Instant) {
        let done_at = self.agenda.now() + wait;
        let body = self.body(w);
        body.serial += 1;
        let serial = body.serial;
        if let Some(lane) = body.lanes.get_mut(&lease) {
            lane.serial = serial;
            lane.done_at = done_at;
        }
        self.worker_after(w, wait, WorkerWhat::Lane(lease, serial));
    }

    /// What a task takes.
    fn duration(&mut self, run: RunId, stage: u32, shard: Option<u32>) -> Instant {
        let pace = self.auditor.plan(run).map_or(MS, |run| run.pace);
        let Some(shard) = shard else { return self.dice.between(MS / 2, 15 * MS) };
        let chance = mix(self.plan.seed, u64::from(stage), u64::from(shard));
        match chance % 60 {
            0 => pace * 12 + MS,
            other => pace / 2 + pace * other / 60,
        }
    }

    /// What a task does this time instead of ending well.
    fn mishap(&mut self, run: RunId, stage: u32, shard: Option<u32>) -> Option<Does> {
        let mishap = self.auditor.plan(run)?.mishaps.iter().find(|m| m.stage == stage && m.shard == shard)?;
        let (does, times) = (mishap.does, mishap.times);
        let tried = self.tried.entry((run, stage, shard)).or_default();
        *tried += 1;
        (*tried <= times).then_some(does)
    }

    pub(super) fn stop_lane(&mut self, w: usize, lease: LeaseId) {
        let now = self.agenda.now();
        let clock = self.workers[w].process.clock(now);
        let wait = self.dice.between(0, 200 * MS);
        let Some(lane) = self.body(w).lanes.get_mut(&lease) else { return };
        lane.stopped = true;
        lane.parked = false;
        let does = lane.at.and_then(|(_, _, does)| does);
        let ends_before = lane.at.is_some() && does != Some(Does::Hang) && lane.done_at <= now + wait;
        // it looks now and then whether it should go on; what it is done with before that counts
        if does != Some(Does::Stick) && !ends_before {
            let since = lane.at.map_or(clock, |(_, since, _)| since);
            lane.at = Some((lane.next, since, Some(Does::Hang)));
            self.lane_after(w, lease, wait);
        }
    }

    /// Lanes that wait for room look again.
    pub(super) fn go_on_parked(&mut self, w: usize, inputs: &mut VecDeque<Input>) {
        if self.body(w).kept >= self.plan.kept_bytes {
            return;
        }
        let parked: Vec<LeaseId> =
            self.body(w).lanes.iter().filter(|(_, lane)| lane.parked).map(|(lease, _)| *lease).collect();
        for lease in parked {
            if let Some(lane) = self.body(w).lanes.get_mut(&lease) {
                lane.parked = false;
            }
            self.go_on(w, lease, inputs);
        }
    }

    /// A page came in for a merge.
    pub(super) fn page(
        &mut self,
        w: usize,
        lease: LeaseId,
        page: Result<Vec<u8>, String>,
        inputs: &mut VecDeque<Input>,
    ) {
        let Some(lane) = self.body(w).lanes.get_mut(&lease) else { return };
        let Work::Merge(_, stage) = &lane.work else { return };
        let (run, stage) = (lane.run, *stage);
        let page: PartialsPage = match page {
            Ok(bytes) => wire::unpack(&bytes).expect("a coordinator's page"),
            Err(detail) => {
                let error = lane::task_error(AlgorithmError::Unavailable { detail });
                lane.outcomes.push(Computed::Failed { shard: None, error });
                return self.free(w, lease, LaneEnd::Done, inputs);
            }
        };
        let mut unreadable = None;
        for (shard, json) in page.partials {
            assert_eq!(shard as usize, lane.partials.len(), "pages come in order and without gaps");
            match if page.normalised { Ok(json) } else { lane::stored_form(&json) } {
                Ok(stored) => lane.partials.push(stored),
                Err(error) => {
                    unreadable = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = unreadable {
            // merged ahead of storage, which refuses it
            lane.outcomes.push(Computed::Failed { shard: None, error: lane::task_error(error) });
            return self.free(w, lease, LaneEnd::Done, inputs);
        }
        match page.next {
            Some(from) => {
                inputs
                    .push_back(Input::PageWanted { lease, key: DocumentKey::Partials { run, stage, from } });
            }
            None => self.go_on(w, lease, inputs),
        }
    }

    /// A lane is done with what it was at.
    pub(super) fn lane_done(&mut self, w: usize, lease: LeaseId, serial: u64) {
        let now = self.workers[w].process.clock(self.agenda.now());
        let mut inputs = VecDeque::new();
        let Some(lane) = self.body(w).lanes.get_mut(&lease).filter(|lane| lane.serial == serial) else {
            return;
        };
        let at = lane.at.take();
        let does = at.and_then(|(_, _, does)| does);
        let since = at.map_or(now, |(_, since, _)| since);
        let shards = if let Work::Shards(_, stage, _) = &lane.work { Some(*stage) } else { None };
        match (does, shards) {
            (Some(Does::Kill), _) => return self.kill_worker(w),
            (Some(Does::Hang | Does::Stick), stage) => {
                let next = stage.map(|_| lane.next);
                self.free(w, lease, LaneEnd::Stopped { next }, &mut inputs);
            }
            (Some(Does::Panic), stage) => {
                let shard = stage.map(|_| lane.next);
                let error = TaskError {
                    kind: TaskErrorKind::Panicked,
                    message: "as planned".to_owned(),
                    pointer: None,
                };
                lane.outcomes.push(Computed::Failed { shard, error });
                let next = shard.map(|shard| shard + 1);
                self.free(w, lease, LaneEnd::Panicked { next }, &mut inputs);
            }
            (None, None) if lane.stopped => {
                self.free(w, lease, LaneEnd::Stopped { next: None }, &mut inputs);
            }
            (does, Some(stage)) => {
                let shard = lane.next;
                let json = match (&lane.work, does) {
                    (_, Some(Does::Yield)) => br#"{"value":NaN}"#.to_vec(),
                    (Work::Shards(open, ..), _) => {
                        let open = open.open().expect("the state can be read");
                        open.execute(shard, &Control::new()).expect("a puzzle's shard is computed")
                    }
                    _ => unreachable!("shards are of a range"),
                };
                let key = ResultKey { lease, run: lane.run, stage, shard: Some(shard) };
                let kept = kept(key, now, since, json);
                lane.next += 1;
                self.leave(w, lease, kept);
                self.go_on(w, lease, &mut inputs);
            }
            (_, None) => {
                let (key, step) = advance(lane, lease);
                match step.and_then(lane::outcome) {
                    Ok(outcome) => {
                        let bytes = wire::pack(&outcome).expect("an outcome can be packed");
                        self.leave(w, lease, kept(key, now, since, bytes));
                    }
                    Err(error) => {
                        lane.outcomes.push(Computed::Failed { shard: None, error: lane::task_error(error) });
                    }
                }
                self.free(w, lease, LaneEnd::Done, &mut inputs);
            }
        }
        self.think(w, inputs.into());
    }

    fn leave(&mut self, w: usize, lease: LeaseId, kept: Kept) {
        self.computed += 1;
        let body = self.body(w);
        body.kept += kept.bytes.len();
        if let Some(lane) = body.lanes.get_mut(&lease) {
            lane.outcomes.push(Computed::Result(kept));
        }
    }

    /// A lane returns.
    fn free(&mut self, w: usize, lease: LeaseId, end: LaneEnd, inputs: &mut VecDeque<Input>) {
        let Some(mut lane) = self.body(w).lanes.remove(&lease) else { return };
        inputs.extend(lane.collect(lease));
        inputs.push_back(Input::Freed { lease, end });
    }
}

fn advance(lane: &mut Lane, lease: LeaseId) -> (ResultKey, Result<ErasedStep, AlgorithmError>) {
    let control = Control::new();
    let (stage, step) = match &lane.work {
        Work::Plan(run) => (StageIndex(0), run.open().and_then(|run| run.plan(&control))),
        Work::Merge(stage, index) => {
            let mut partials =
                std::mem::take(&mut lane.partials).into_iter().map(Ok::<Vec<u8>, AlgorithmError>);
            (index.next(), stage.open().and_then(|open| open.merge(&mut partials, &control)))
        }
        Work::Shards(..) => unreachable!("a range is no advance"),
    };
    (ResultKey { lease, run: lane.run, stage, shard: None }, step)
}

fn kept(key: ResultKey, now: Timestamp, since: Timestamp, bytes: Vec<u8>) -> Kept {
    #[allow(clippy::cast_possible_truncation)] // seconds
    let wall_us = now.since(since).as_micros() as u64;
    Kept { key, started_us: since.0, cpu_us: wall_us, wall_us, bytes }
}
