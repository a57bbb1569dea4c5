//! PURE. What becomes of a lease: prepared, given to a lane, told of, handed back, forgotten.

use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{LeaseId, RunId};
use common::protocol::{Assignment, WorkerFact};
use common::run::{ShardRange, Task, TaskError, TaskErrorKind, TaskKind};

use super::core::{Core, Mode};
use super::event::{AgentAction, Computed, Exit, LaneEnd};

/// A shard that does not return this long after it was told to stop never will.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Where a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its documents are on their way.
    Preparing,
    /// Waits for a lane.
    Ready,
    /// A lane is at it.
    Running,
    /// Computed; some outcome was not sent yet.
    Telling,
}

#[derive(Debug)]
pub(super) struct Lease {
    pub(super) task: Task,
    pub(super) timeout: Option<Duration>,
    pub(super) stage: Stage,
    /// What is still to be computed of a range; a lane that returns early leaves the rest here.
    pub(super) rest: Option<ShardRange>,
    pub(super) began: Option<Timestamp>,
    pub(super) finished: u32,
    pub(super) unsent: u32,
    /// What the algorithm said of the shard that fails next.
    pub(super) note: Option<(Option<u32>, String)>,
}

/// Why a lane was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nobody wants the task any more; with `report` the leader is told once the lane is free.
    Unwanted { report: bool },
    /// This shard took too long.
    TimedOut { shard: u32 },
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) run: RunId,
    pub(super) stop: Option<(Stop, Timestamp)>,
}

impl Core {
    pub(super) fn assign(&mut self, assignment: Assignment, actions: &mut Vec<AgentAction>) {
        let Assignment { lease: id, task, shard_timeout_ms } = assignment;
        if self.leases.contains_key(&id) || self.lanes.contains_key(&id) {
            return;
        }
        let rest = match task.kind {
            TaskKind::Shards { range, .. } => Some(range),
            TaskKind::Advance { .. } => None,
        };
        let timeout = (shard_timeout_ms > 0).then(|| Duration::from_millis(shard_timeout_ms));
        let stage = Stage::Preparing;
        let (began, finished, unsent, note) = (None, 0, 0, None);
        self.leases.insert(id, Lease { task, timeout, stage, rest, began, finished, unsent, note });
        self.waiting.push_back(id);
        actions.push(AgentAction::Prepare { lease: id, task });
    }

    pub(super) fn unstarted(&self, lease: LeaseId) -> bool {
        self.leases.get(&lease).is_some_and(|lease| lease.began.is_none() && lease.finished == 0)
    }

    /// Gives leases up, whether held or never taken, and says so.
    pub(super) fn hand_back(&mut self, leases: Vec<LeaseId>, actions: &mut Vec<AgentAction>) {
        if leases.is_empty() {
            return;
        }
        for lease in &leases {
            self.forget(*lease, actions);
        }
        actions.push(AgentAction::Say(WorkerFact::HandedBack { leases }));
    }

    pub(super) fn hand_back_unstarted(&mut self, actions: &mut Vec<AgentAction>) {
        let unstarted = self.leases.keys().copied().filter(|lease| self.unstarted(*lease)).collect();
        self.hand_back(unstarted, actions);
    }

    pub(super) fn forget(&mut self, lease: LeaseId, actions: &mut Vec<AgentAction>) {
        if self.leases.remove(&lease).is_some() {
            self.waiting.retain(|waiting| *waiting != lease);
            actions.push(AgentAction::Unprepare { lease });
        }
    }

    /// Forgets a lease that is no longer wanted and stops its lane.
    pub(super) fn drop_lease(
        &mut self,
        lease: LeaseId,
        report: bool,
        now: Timestamp,
        actions: &mut Vec<AgentAction>,
    ) {
        if self.lanes.contains_key(&lease) {
            self.stop(lease, Stop::Unwanted { report }, now, actions);
            self.forget(lease, actions);
        } else if report {
            self.hand_back(vec![lease], actions);
        } else {
            self.forget(lease, actions);
        }
    }

    pub(super) fn begin(&mut self, now: Timestamp, actions: &mut Vec<AgentAction>) {
        let (mut started, mut begun) = (Vec::new(), Vec::new());
        while self.mode == Mode::Working || self.mode == Mode::Draining || self.may_finish(now) {
            let lanes = if self.short_of_memory { 1 } else { usize::from(self.identity.lanes) };
            if self.lanes.len() >= lanes || self.outbox.bytes() >= self.identity.kept_bytes {
                break;
            }
            let ready = |id: &&LeaseId| self.leases.get(id).is_some_and(|lease| lease.stage == Stage::Ready);
            let Some(id) = self.waiting.iter().find(ready).copied() else { break };
            self.waiting.retain(|waiting| *waiting != id);
            let Some(lease) = self.leases.get_mut(&id) else { break };
            lease.stage = Stage::Running;
            if lease.began.is_none() {
                lease.began = Some(now);
                started.push(id);
            }
            self.lanes.insert(id, Lane { run: lease.task.run, stop: None });
            begun.push(AgentAction::Begin { lease: id, task: lease.task, rest: lease.rest });
        }
        // Told first: a task that takes the process down at once is still blamed.
        if !started.is_empty() && self.talk.welcomed() {
            actions.push(AgentAction::Say(WorkerFact::Started { leases: started }));
        }
        actions.append(&mut begun);
    }

    /// While the process ends, what was begun is still finished: a range whose shard panicked goes on.
    fn may_finish(&self, now: Timestamp) -> bool {
        matches!(self.mode, Mode::Ending { stop_at, .. } if now < stop_at)
    }

    fn stop(&mut self, lease: LeaseId, why: Stop, now: Timestamp, actions: &mut Vec<AgentAction>) {
        let Some(lane) = self.lanes.get_mut(&lease) else { return };
        // A reason that came first stays, unless the task became unwanted meanwhile; the time to return runs on.
        match &mut lane.stop {
            None => {
                lane.stop = Some((why, now));
                actions.push(AgentAction::Stop { lease });
            }
            Some((reason, _)) => {
                if matches!(why, Stop::Unwanted { .. }) {
                    *reason = why;
                }
            }
        }
    }

    pub(super) fn watch(
        &mut self,
        id: LeaseId,
        shard: u32,
        since: Timestamp,
        now: Timestamp,
        actions: &mut Vec<AgentAction>,
    ) {
        let timeout = self.leases.get(&id).and_then(|lease| lease.timeout);
        if timeout.is_some_and(|timeout| now.since(since) > timeout) {
            self.stop(id, Stop::TimedOut { shard }, now, actions);
        }
    }

    pub(super) fn find_stuck(&mut self, now: Timestamp, actions: &mut Vec<AgentAction>) {
        if matches!(self.mode, Mode::Ending { exit: Exit::Stuck, .. }) {
            return;
        }
        let stuck: Vec<(LeaseId, Stop)> = self
            .lanes
            .iter()
            .filter_map(|(id, lane)| lane.stop.map(|(why, at)| (*id, why, at)))
            .filter(|(_, _, at)| now.since(*at) > STUCK_AFTER)
            .map(|(id, why, _)| (id, why))
            .collect();
        if stuck.is_empty() {
            return;
        }
        for (id, why) in stuck {
            if let Stop::TimedOut { shard } = why {
                self.fail(id, Some(shard), timed_out(shard));
            }
            let run = self.lanes.remove(&id).map(|lane| lane.run);
            actions.push(AgentAction::Stuck { lease: id, run });
        }
        self.end(Exit::Stuck, Duration::from_secs(2), now, actions);
        let all = self.leases.keys().copied().collect();
        self.tell_outcomes(actions);
        self.hand_back(all, actions);
    }

    pub(super) fn computed(&mut self, id: LeaseId, outcomes: Vec<Computed>, actions: &mut Vec<AgentAction>) {
        for outcome in outcomes {
            match outcome {
                Computed::Result(kept) => {
                    let bytes = kept.bytes.len();
                    if !self.wanted(id) || !self.outbox.add(kept) {
                        actions.push(AgentAction::Release { bytes });
                        continue;
                    }
                    if let Some(lease) = self.leases.get_mut(&id) {
                        lease.finished += 1;
                        lease.unsent += 1;
                    }
                }
                Computed::Noted { shard, note } => {
                    if let Some(lease) = self.leases.get_mut(&id) {
                        lease.note = Some((shard, note));
                    }
                }
                Computed::Failed { shard, error } => self.fail(id, shard, error),
            }
        }
    }

    /// Results of revoked leases count as well; those of an ended run do not.
    fn wanted(&self, id: LeaseId) -> bool {
        let stop = self.lanes.get(&id).and_then(|lane| lane.stop).map(|(why, _)| why);
        self.leases.contains_key(&id) || stop == Some(Stop::Unwanted { report: false })
    }

    fn fail(&mut self, id: LeaseId, shard: Option<u32>, error: TaskError) {
        // The failure of a task that nobody wants is nobody's.
        let Some(lease) = self.leases.get_mut(&id) else { return };
        let (TaskKind::Advance { stage } | TaskKind::Shards { stage, .. }) = lease.task.kind;
        lease.unsent += 1;
        lease.finished += u32::from(shard.is_some());
        let note = lease.note.take().filter(|(of, _)| *of == shard).map(|(_, note)| note);
        let fact = WorkerFact::Failed { lease: id, run: lease.task.run, stage, shard, error, note };
        self.outbox.add_failure(id, fact);
    }

    pub(super) fn unprepared(&mut self, id: LeaseId, error: TaskError) {
        let Some(lease) = self.leases.get_mut(&id).filter(|lease| lease.stage == Stage::Preparing) else {
            return;
        };
        let shard = lease.rest.map(|rest| rest.first);
        lease.stage = Stage::Telling;
        lease.rest = lease.rest.and_then(|rest| after(rest, rest.first + 1));
        self.waiting.retain(|waiting| *waiting != id);
        self.fail(id, shard, error);
    }

    pub(super) fn lane_freed(&mut self, id: LeaseId, end: LaneEnd, actions: &mut Vec<AgentAction>) {
        let Some(lane) = self.lanes.remove(&id) else { return };
        let stop = lane.stop.map(|(why, _)| why);
        if let (Some(Stop::TimedOut { shard }), LaneEnd::Stopped { next: Some(next) }) = (stop, end)
            && shard == next
        {
            self.fail(id, Some(shard), timed_out(shard));
            return self.go_on(id, shard + 1);
        }
        match (stop, end) {
            (Some(Stop::Unwanted { report }), _) => {
                if report {
                    actions.push(AgentAction::Say(WorkerFact::HandedBack { leases: vec![id] }));
                }
                self.forget(id, actions);
            }
            (_, LaneEnd::Done) => {
                if let Some(lease) = self.leases.get_mut(&id) {
                    lease.rest = None;
                    lease.stage = Stage::Telling;
                }
            }
            (_, LaneEnd::GaveUp { next }) => {
                if let Some(lease) = self.leases.get_mut(&id) {
                    lease.rest = next.and_then(|next| lease.rest.and_then(|rest| after(rest, next)));
                    lease.stage = Stage::Telling;
                }
            }
            (_, LaneEnd::Panicked { next: Some(next) } | LaneEnd::Stopped { next: Some(next) }) => {
                self.go_on(id, next);
            }
            (_, LaneEnd::Panicked { next: None } | LaneEnd::Stopped { next: None }) => {
                if let Some(lease) = self.leases.get_mut(&id) {
                    lease.stage = Stage::Telling;
                }
            }
        }
    }

    /// Goes on with the rest of a range, before anything that waits.
    fn go_on(&mut self, id: LeaseId, next: u32) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        lease.rest = lease.rest.and_then(|rest| after(rest, next));
        if lease.rest.is_some() {
            lease.stage = Stage::Ready;
            self.waiting.push_front(id);
        } else {
            lease.stage = Stage::Telling;
        }
    }
}

fn after(rest: ShardRange, next: u32) -> Option<ShardRange> {
    (next < rest.end()).then(|| ShardRange { first: next, count: rest.end() - next })
}

fn timed_out(shard: u32) -> TaskError {
    TaskError {
        kind: TaskErrorKind::TimedOut,
        message: format!("shard {shard} took longer than allowed"),
        pointer: None,
    }
}
