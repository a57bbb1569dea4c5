//! Stories of the agent's core: a leader says, lanes return, time passes, and nothing else happens.

use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{ContentHash, Epoch, LeaseId, RunId, StageIndex};
use common::protocol::{Assignment, Heartbeat, ResultKey, ToWorker, WorkerCommand, WorkerFact};
use common::run::{Outcome, ShardRange, Task, TaskError, TaskErrorKind, TaskKind};
use common::wire;
use uuid::Uuid;

use super::core::{Core, Identity, Memory};
use super::event::{AgentAction, AgentEvent, Computed, Exit, LaneEnd, Usage};
use super::outbox::Kept;

const RUN: RunId = RunId(Uuid::from_u128(7));
const STAGE: StageIndex = StageIndex(0);

/// A core, the time, and what it wanted done and no test has looked at.
struct Story {
    core: Core,
    now: Timestamp,
    epoch: Epoch,
    /// What the process uses.
    memory_bytes: u64,
    done: Vec<AgentAction>,
}

impl Story {
    /// A worker of `lanes` lanes that knows no leader.
    fn of(lanes: u16) -> Self {
        let identity = Identity {
            build: "1".to_owned(),
            host: "here".to_owned(),
            lanes,
            labels: Vec::new(),
            algorithms: b"[]".to_vec(),
            drain_grace: Duration::from_secs(20),
            kept_bytes: 1000,
            memory: Memory { limit_bytes: 1_000, high_bytes: 900 },
        };
        let now = Timestamp(1_000_000);
        Self { core: Core::new(identity, now), now, epoch: Epoch(1), memory_bytes: 1, done: Vec::new() }
    }

    /// The same, welcomed.
    fn welcomed(lanes: u16) -> Self {
        let mut story = Self::of(lanes);
        story.connect();
        story
    }

    fn connect(&mut self) -> Heartbeat {
        self.on(AgentEvent::LinkUp { incarnation: 1 });
        let held = self.say(|fact| match fact {
            WorkerFact::Hello(hello) => Some(hello.held),
            _ => None,
        });
        self.hear(WorkerCommand::Welcome { heartbeat_ms: 1000, silence_ms: 5000 });
        self.done.retain(|action| !matches!(action, AgentAction::Online(_)));
        held
    }

    fn on(&mut self, event: AgentEvent) {
        for action in self.core.on(event, self.now) {
            if let AgentAction::Say(fact) = &action {
                let read: WorkerFact = wire::decode(&wire::encode(fact).unwrap()).unwrap();
                assert_eq!(read, *fact, "every message survives the wire");
            }
            self.done.push(action);
        }
    }

    fn hear(&mut self, command: WorkerCommand) {
        self.on(AgentEvent::Said(ToWorker { epoch: self.epoch, command }));
    }

    /// Time passes in ticks of 20 ms; the leader says something each second.
    fn pass(&mut self, millis: u64) {
        self.pass_with(millis, true, &[]);
    }

    fn pass_with(&mut self, millis: u64, leader: bool, running: &[(LeaseId, u32)]) {
        let since = self.now;
        for tick in 1..=millis / 20 {
            self.now = self.now.after(Duration::from_millis(20));
            if leader && tick % 50 == 0 {
                self.hear(WorkerCommand::Heartbeat);
            }
            let running = running.iter().map(|&(lease, shard)| (lease, shard, since)).collect();
            let usage = Usage { memory_bytes: self.memory_bytes, cpu_us: 2 };
            self.on(AgentEvent::Tick { running, usage });
        }
    }

    fn assign(&mut self, number: u32, kind: TaskKind) -> LeaseId {
        let lease = LeaseId::new(self.epoch, number);
        let assignment = Assignment { lease, task: Task { run: RUN, kind }, shard_timeout_ms: 1000 };
        self.hear(WorkerCommand::Assign(vec![assignment]));
        lease
    }

    /// Gives a range of shards whose documents are here at once.
    fn shards(&mut self, number: u32, first: u32, count: u32) -> LeaseId {
        let range = ShardRange { first, count };
        let lease = self.assign(number, TaskKind::Shards { stage: STAGE, range });
        self.take(|action| matches!(action, AgentAction::Prepare { .. }).then_some(()));
        self.on(AgentEvent::Prepared { lease });
        lease
    }

    fn compute(&mut self, lease: LeaseId, shard: u32) -> ResultKey {
        let kept = result(lease, shard, 100);
        let key = kept.key;
        self.on(AgentEvent::Computed { lease, outcomes: vec![Computed::Result(kept)] });
        key
    }

    fn free(&mut self, lease: LeaseId, end: LaneEnd) {
        self.on(AgentEvent::LaneFreed { lease, end });
    }

    /// The one thing that was wanted done and fits `which`.
    fn take<T>(&mut self, which: impl Fn(&AgentAction) -> Option<T>) -> T {
        let fitting: Vec<usize> =
            (0..self.done.len()).filter(|&at| which(&self.done[at]).is_some()).collect();
        assert_eq!(fitting.len(), 1, "{:?}", self.done);
        which(&self.done.remove(fitting[0])).unwrap()
    }

    /// The one message that fits `which`.
    fn say<T>(&mut self, which: impl Fn(WorkerFact) -> Option<T>) -> T {
        self.take(|action| match action {
            AgentAction::Say(fact) => which(fact.clone()),
            _ => None,
        })
    }

    fn begins(&mut self) -> (LeaseId, Option<ShardRange>) {
        let begun = self.take(|action| match action {
            AgentAction::Begin { lease, rest, .. } => Some((*lease, *rest)),
            _ => None,
        });
        self.done.retain(|action| !matches!(action, AgentAction::Say(WorkerFact::Started { .. })));
        begun
    }

    fn finished(&mut self) -> Vec<u32> {
        self.say(|fact| match fact {
            WorkerFact::Finished(results) => {
                Some(results.iter().filter_map(|result| result.key.shard).collect())
            }
            _ => None,
        })
    }

    fn handed_back(&mut self) -> Vec<LeaseId> {
        self.say(|fact| match fact {
            WorkerFact::HandedBack { leases } => Some(leases),
            _ => None,
        })
    }

    fn stops(&mut self) -> LeaseId {
        self.take(|action| match action {
            AgentAction::Stop { lease } => Some(*lease),
            _ => None,
        })
    }

    fn exits(&mut self) -> Exit {
        self.take(|action| match action {
            AgentAction::Exit(exit) => Some(*exit),
            _ => None,
        })
    }

    fn heartbeat(&mut self) -> Heartbeat {
        self.say(|fact| match fact {
            WorkerFact::Heartbeat(heartbeat) => Some(heartbeat),
            _ => None,
        })
    }

    /// Nothing but heartbeats and housekeeping was wanted.
    #[track_caller]
    fn nothing_else(&mut self) {
        self.done.retain(|action| {
            !matches!(
                action,
                AgentAction::Say(WorkerFact::Heartbeat(_))
                    | AgentAction::Unprepare { .. }
                    | AgentAction::Release { .. }
            )
        });
        assert_eq!(self.done, []);
    }
}

fn result(lease: LeaseId, shard: u32, bytes: usize) -> Kept {
    let key = ResultKey { lease, run: RUN, stage: STAGE, shard: Some(shard) };
    Kept { key, started_us: 1, cpu_us: 2, wall_us: 3, bytes: vec![b'0'; bytes] }
}

/// ```text
/// one lane:  [0 1]  then  [2]      results told at once, leases forgotten when told, results kept until stored
/// ```
#[test]
fn leases_begin_in_order_and_results_are_kept_until_stored() {
    let mut story = Story::welcomed(1);
    let first = story.shards(1, 0, 2);
    let second = story.shards(2, 2, 1);
    assert_eq!(story.begins(), (first, Some(ShardRange { first: 0, count: 2 })));
    story.nothing_else();

    let key = story.compute(first, 0);
    assert_eq!(story.finished(), [0]);
    story.compute(first, 1);
    assert_eq!(story.finished(), [1]);
    story.free(first, LaneEnd::Done);
    assert_eq!(story.begins().0, second);

    story.pass(1000);
    let heartbeat = story.heartbeat();
    assert_eq!(heartbeat.leases.iter().map(|held| held.lease).collect::<Vec<_>>(), [second]);
    assert_eq!(heartbeat.unacknowledged.len(), 2);
    story.hear(WorkerCommand::Stored { results: vec![key] });
    assert_eq!(
        story.take(|action| if let AgentAction::Release { bytes } = action {
            (*bytes > 0).then_some(*bytes)
        } else {
            None
        }),
        100
    );
    story.pass(1000);
    assert_eq!(story.heartbeat().unacknowledged.len(), 1);
    story.nothing_else();
}

#[test]
fn the_start_of_a_task_is_told_before_a_lane_begins_with_it() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 1);
    let told = story.done.iter().position(
        |action| matches!(action, AgentAction::Say(WorkerFact::Started { leases }) if *leases == [lease]),
    );
    let begun = story.done.iter().position(|action| matches!(action, AgentAction::Begin { .. }));
    assert!(told.is_some() && told < begun, "{:?}", story.done);
}

/// ```text
/// computing ─ link lost ─ computing on ─ link ─▶ Hello lists all, Welcome ─▶ results again, then the new ones
/// ```
#[test]
fn a_lost_connection_loses_nothing() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 3);
    story.begins();
    story.compute(lease, 0);
    assert_eq!(story.finished(), [0]);
    story.on(AgentEvent::LinkDown);
    story.take(|action| matches!(action, AgentAction::Online(false)).then_some(()));
    story.compute(lease, 1);
    story.compute(lease, 2);
    story.free(lease, LaneEnd::Done);
    story.pass(3000);
    story.nothing_else();

    let held = story.connect();
    assert_eq!((held.leases[0].lease, held.leases[0].finished), (lease, 3));
    assert_eq!(held.unacknowledged.len(), 3);
    assert_eq!(story.finished(), [0, 1, 2]);
    story.pass(1000);
    assert_eq!(story.heartbeat().leases, []);
    story.nothing_else();
}

#[test]
fn a_greeting_is_repeated_until_it_is_answered_and_a_dead_leader_is_left() {
    let mut story = Story::of(1);
    story.on(AgentEvent::LinkUp { incarnation: 1 });
    story.pass_with(5200, false, &[]);
    let hellos =
        story.done.iter().filter(|action| matches!(action, AgentAction::Say(WorkerFact::Hello(_)))).count();
    assert_eq!(hellos, 6, "after 0, 0.2, 0.6, 1.4, 3.0 and 5.0 seconds");
    story.take(|action| matches!(action, AgentAction::Reconnect { refused: false }).then_some(()));
}

#[test]
fn a_leader_that_falls_silent_is_left() {
    let mut story = Story::welcomed(1);
    story.pass(4000);
    story.nothing_else();
    story.pass_with(5100, false, &[]);
    story.take(|action| matches!(action, AgentAction::Reconnect { refused: false }).then_some(()));
    story.nothing_else();
}

#[test]
fn an_older_leader_is_not_obeyed_and_a_newer_one_gets_everything() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 2);
    story.begins();
    story.compute(lease, 0);
    story.finished();
    story.epoch = Epoch(2);
    story.hear(WorkerCommand::Welcome { heartbeat_ms: 1000, silence_ms: 5000 });
    story.take(|action| matches!(action, AgentAction::Online(true)).then_some(()));
    assert_eq!(story.finished(), [0]);
    story.epoch = Epoch(1);
    story.hear(WorkerCommand::Revoke { leases: vec![lease] });
    story.hear(WorkerCommand::Cancel { run: RUN });
    story.nothing_else();
}

/// ```text
/// lane: A    waiting: B, C     Withdraw A, B ─▶ only B comes back
/// ```
#[test]
fn only_what_no_lane_began_with_can_be_withdrawn() {
    let mut story = Story::welcomed(1);
    let [a, b, c] = [1, 2, 3].map(|number| story.shards(number, number, 1));
    assert_eq!(story.begins().0, a);
    story.hear(WorkerCommand::Withdraw { leases: vec![a, b] });
    assert_eq!(story.handed_back(), [b]);
    story.free(a, LaneEnd::Done);
    assert_eq!(story.begins().0, c);
    story.nothing_else();
}

#[test]
fn a_revoked_lease_is_forgotten_without_a_word_and_its_results_count() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 3);
    story.begins();
    story.hear(WorkerCommand::Revoke { leases: vec![lease, LeaseId(99)] });
    assert_eq!(story.stops(), lease);
    story.compute(lease, 0);
    assert_eq!(story.finished(), [0]);
    story.free(lease, LaneEnd::Stopped { next: Some(1) });
    story.nothing_else();
}

#[test]
fn a_cancelled_run_is_stopped_and_its_results_are_dropped() {
    let mut story = Story::welcomed(1);
    let (running, waiting) = (story.shards(1, 0, 3), story.shards(2, 3, 1));
    story.begins();
    story.compute(running, 0);
    story.finished();
    story.hear(WorkerCommand::Cancel { run: RUN });
    assert_eq!(story.stops(), running);
    assert_eq!(story.handed_back(), [waiting]);
    story.take(|action| matches!(action, AgentAction::ForgetRun(RUN)).then_some(()));
    story.compute(running, 1);
    story.free(running, LaneEnd::Stopped { next: Some(2) });
    assert_eq!(story.handed_back(), [running], "told when the lane is free");
    story.pass(1000);
    assert_eq!(story.heartbeat().unacknowledged, []);
    story.nothing_else();
}

/// ```text
/// [0 1 2 3]: 1 panics, 2 takes too long     ─▶ 0 and 3 finish, 1 and 2 fail, in one lease
/// ```
#[test]
fn a_range_goes_on_behind_a_panic_and_a_timeout() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 4);
    story.begins();
    story.compute(lease, 0);
    story.finished();
    let error = TaskError { kind: TaskErrorKind::Panicked, message: "boom".to_owned(), pointer: None };
    story.on(AgentEvent::Computed { lease, outcomes: vec![Computed::Failed { shard: Some(1), error }] });
    let failed = |fact| match fact {
        WorkerFact::Failed { shard, error, .. } => Some((shard, error.kind)),
        _ => None,
    };
    assert_eq!(story.say(failed), (Some(1), TaskErrorKind::Panicked));
    story.free(lease, LaneEnd::Panicked { next: Some(2) });
    assert_eq!(story.begins(), (lease, Some(ShardRange { first: 2, count: 2 })));

    story.pass_with(1100, true, &[(lease, 2)]);
    assert_eq!(story.stops(), lease);
    story.free(lease, LaneEnd::Stopped { next: Some(2) });
    assert_eq!(story.say(failed), (Some(2), TaskErrorKind::TimedOut));
    assert_eq!(story.begins(), (lease, Some(ShardRange { first: 3, count: 1 })));
    story.compute(lease, 3);
    assert_eq!(story.finished(), [3]);
    story.free(lease, LaneEnd::Done);
    story.nothing_else();
}

#[test]
fn an_error_that_recurs_sends_the_rest_back() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 4);
    story.begins();
    let error = TaskError { kind: TaskErrorKind::Infeasible, message: "no".to_owned(), pointer: None };
    story.on(AgentEvent::Computed { lease, outcomes: vec![Computed::Failed { shard: Some(0), error }] });
    story.say(|fact| matches!(fact, WorkerFact::Failed { shard: Some(0), .. }).then_some(()));
    story.free(lease, LaneEnd::GaveUp { next: Some(1) });
    assert_eq!(story.handed_back(), [lease]);
    story.nothing_else();
}

/// ```text
/// A hangs ─ timeout 1 s ─ stop ─ 5 s ─▶ A's shard failed, B back, Leaving, exit
/// ```
#[test]
fn a_lane_that_does_not_return_ends_the_process() {
    let mut story = Story::welcomed(2);
    let [hung, other, waiting] = [1, 2, 3].map(|number| story.shards(number, 10 * number, 2));
    story.done.clear();
    story.pass_with(1100, true, &[(hung, 10)]);
    assert_eq!(story.stops(), hung);
    story.pass_with(5200, true, &[(hung, 10)]);
    let failed = story.say(|fact| match fact {
        WorkerFact::Failed { lease, shard, .. } => Some((lease, shard)),
        _ => None,
    });
    assert_eq!(failed, (hung, Some(10)));
    let back: Vec<LeaseId> = story
        .done
        .iter()
        .filter_map(|action| match action {
            AgentAction::Say(WorkerFact::HandedBack { leases }) => Some(leases.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(back, [waiting, hung, other]);
    story.pass(2100);
    assert_eq!(story.exits(), Exit::Stuck);
}

/// ```text
/// lane: A    waiting: B    SIGTERM ─▶ B back, A finishes, stored ─▶ Leaving, exit
/// ```
#[test]
fn a_terminated_worker_finishes_what_it_began() {
    let mut story = Story::welcomed(1);
    let (running, waiting) = (story.shards(1, 0, 1), story.shards(2, 1, 1));
    story.begins();
    story.on(AgentEvent::Terminate);
    assert_eq!(story.handed_back(), [waiting]);
    assert!(story.heartbeat().draining, "said at once");
    let late = LeaseId::new(story.epoch, 3);
    let task = Task { run: RUN, kind: TaskKind::Advance { stage: STAGE } };
    story.hear(WorkerCommand::Assign(vec![Assignment { lease: late, task, shard_timeout_ms: 0 }]));
    assert_eq!(story.handed_back(), [late]);

    let key = story.compute(running, 0);
    story.finished();
    story.free(running, LaneEnd::Done);
    story.pass(500);
    story.nothing_else();
    story.hear(WorkerCommand::Stored { results: vec![key] });
    story.say(|fact| matches!(fact, WorkerFact::Leaving).then_some(()));
    assert_eq!(story.exits(), Exit::Clean);
    story.nothing_else();
}

#[test]
fn a_terminated_worker_hands_back_what_does_not_end_in_time() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 2);
    story.begins();
    story.on(AgentEvent::Terminate);
    story.pass(17_900);
    story.nothing_else();
    story.pass(200);
    assert_eq!(story.stops(), lease);
    story.free(lease, LaneEnd::Stopped { next: Some(0) });
    assert_eq!(story.handed_back(), [lease]);
    story.say(|fact| matches!(fact, WorkerFact::Leaving).then_some(()));
    assert_eq!(story.exits(), Exit::Clean);
}

#[test]
fn a_drain_by_command_can_be_taken_back() {
    let mut story = Story::welcomed(1);
    story.hear(WorkerCommand::Drain);
    assert!(story.heartbeat().draining);
    let late = story.assign(1, TaskKind::Advance { stage: STAGE });
    assert_eq!(story.handed_back(), [late]);
    story.hear(WorkerCommand::Undrain);
    assert!(!story.heartbeat().draining);
    let lease = story.shards(2, 0, 1);
    assert_eq!(story.begins().0, lease);
    story.nothing_else();
}

#[test]
fn nothing_new_begins_while_too_many_bytes_wait_to_be_stored() {
    let mut story = Story::welcomed(1);
    let (first, second) = (story.shards(1, 0, 1), story.shards(2, 1, 1));
    story.begins();
    let full = result(first, 0, 1000);
    let key = full.key;
    story.on(AgentEvent::Computed { lease: first, outcomes: vec![Computed::Result(full)] });
    story.finished();
    story.free(first, LaneEnd::Done);
    story.nothing_else();
    story.hear(WorkerCommand::Stored { results: vec![key] });
    assert_eq!(story.begins().0, second);
    story.nothing_else();
}

#[test]
fn an_advance_tells_its_outcome_and_can_be_asked_for_it_again() {
    let mut story = Story::welcomed(1);
    let lease = story.assign(1, TaskKind::Advance { stage: STAGE });
    story.take(|action| matches!(action, AgentAction::Prepare { .. }).then_some(()));
    story.on(AgentEvent::Prepared { lease });
    assert_eq!(story.begins(), (lease, None));
    let outcome = Outcome::Opened { name: "spin".to_owned(), state: b"{}".to_vec(), shards: 3, note: None };
    let bytes = wire::pack(&outcome).unwrap();
    let key = ResultKey { lease, run: RUN, stage: STAGE, shard: None };
    let kept = Kept { key, started_us: 1, cpu_us: 2, wall_us: 3, bytes: bytes.clone() };
    story.on(AgentEvent::Computed { lease, outcomes: vec![Computed::Result(kept)] });
    story.free(lease, LaneEnd::Done);
    let told = story.say(|fact| match fact {
        WorkerFact::Advanced { outcome, .. } => Some(outcome),
        _ => None,
    });
    assert_eq!(told, outcome);
    story.hear(WorkerCommand::Send { result: key, offset: 0 });
    let piece = story.say(|fact| match fact {
        WorkerFact::ResultPiece { bytes, .. } => Some(bytes),
        _ => None,
    });
    assert_eq!(piece, bytes);
    story.nothing_else();
}

#[test]
fn a_task_without_its_documents_fails_without_a_lane() {
    let mut story = Story::welcomed(1);
    let range = ShardRange { first: 4, count: 2 };
    let lease = story.assign(1, TaskKind::Shards { stage: STAGE, range });
    story.take(|action| matches!(action, AgentAction::Prepare { .. }).then_some(()));
    let error = TaskError { kind: TaskErrorKind::Unavailable, message: "gone".to_owned(), pointer: None };
    story.on(AgentEvent::Unprepared { lease, error });
    story.say(|fact| matches!(fact, WorkerFact::Failed { shard: Some(4), .. }).then_some(()));
    assert_eq!(story.handed_back(), [lease]);
    story.nothing_else();
}

#[test]
fn a_terminated_worker_does_not_wait_for_a_leader_that_is_gone() {
    let mut story = Story::welcomed(1);
    story.shards(1, 0, 1);
    story.begins();
    story.on(AgentEvent::LinkDown);
    story.on(AgentEvent::Terminate);
    story.done.clear();
    story.pass_with(2900, false, &[]);
    story.nothing_else();
    story.pass_with(200, false, &[]);
    assert_eq!(story.exits(), Exit::Clean);
}

/// ```text
/// limit 1000, high 900     899: as ever     900: B comes back, C is not taken     860: still     854: as ever
/// ```
#[test]
#[allow(clippy::many_single_char_names)] // leases, as in the drawing
fn a_worker_near_its_limit_begins_nothing_more_and_says_so() {
    let mut story = Story::welcomed(1);
    let a = story.shards(1, 0, 1);
    let b = story.shards(2, 1, 1);
    assert_eq!(story.begins().0, a);
    story.memory_bytes = 899;
    story.pass(20);
    story.nothing_else();
    story.memory_bytes = 900;
    story.pass(20);
    assert_eq!(story.handed_back(), [b]);
    story.take(|action| matches!(action, AgentAction::DropDocuments).then_some(()));
    let heartbeat = story.heartbeat();
    assert!(heartbeat.short_of_memory && heartbeat.memory_limit_bytes == 1_000, "{heartbeat:?}");
    let range = ShardRange { first: 2, count: 1 };
    let c = story.assign(3, TaskKind::Shards { stage: STAGE, range });
    assert_eq!(story.handed_back(), [c]);

    // what it computes is finished; with nothing left it takes one task, or it would be of no use for ever
    story.free(a, LaneEnd::Done);
    story.memory_bytes = 860;
    story.pass(20);
    let d = story.shards(4, 3, 1);
    assert_eq!(story.begins().0, d);
    let range = ShardRange { first: 4, count: 1 };
    let e = story.assign(5, TaskKind::Shards { stage: STAGE, range });
    assert_eq!(story.handed_back(), [e]);
    story.memory_bytes = 854;
    story.pass(20);
    assert!(!story.heartbeat().short_of_memory);
    let f = story.shards(6, 5, 1);
    story.free(d, LaneEnd::Done);
    assert_eq!(story.begins().0, f);
    story.nothing_else();
}

#[test]
fn the_inputs_that_are_here_are_told_at_first_and_when_they_change() {
    let mut story = Story::of(1);
    let [a, b] = ["a", "b"].map(|text| ContentHash::of(text.as_bytes()));
    story.on(AgentEvent::Cached(vec![a]));
    assert_eq!(story.connect().inputs, Some(vec![a]));
    story.pass(1000);
    assert_eq!(story.heartbeat().inputs, None, "as told before");
    story.on(AgentEvent::Cached(vec![b, a]));
    story.pass(1000);
    assert_eq!(story.heartbeat().inputs, Some(vec![b, a]));
    story.pass(1000);
    assert_eq!(story.heartbeat().inputs, None);
    story.on(AgentEvent::LinkDown);
    story.take(|action| matches!(action, AgentAction::Online(false)).then_some(()));
    assert_eq!(story.connect().inputs, Some(vec![b, a]), "whoever leads now knows nothing");
    story.nothing_else();
}

/// ```text
/// 0 says "slot 7" and fails: told with it      1 says "slot 9" and is stopped: told with the timeout      2 says nothing
/// ```
#[test]
fn what_an_algorithm_said_is_told_with_the_failure_of_its_shard() {
    let mut story = Story::welcomed(1);
    let lease = story.shards(1, 0, 3);
    story.begins();
    let noted = |shard, note: &str| Computed::Noted { shard: Some(shard), note: note.to_owned() };
    let failed = |shard| Computed::Failed {
        shard: Some(shard),
        error: TaskError { kind: TaskErrorKind::Panicked, message: String::new(), pointer: None },
    };
    let told = |fact: WorkerFact| match fact {
        WorkerFact::Failed { shard, note, .. } => Some((shard, note)),
        _ => None,
    };
    story.on(AgentEvent::Computed { lease, outcomes: vec![noted(0, "slot 7"), failed(0)] });
    assert_eq!(story.say(told), (Some(0), Some("slot 7".to_owned())));

    story.pass_with(1040, true, &[(lease, 1)]);
    assert_eq!(story.stops(), lease);
    story.on(AgentEvent::Computed { lease, outcomes: vec![noted(1, "slot 9")] });
    story.free(lease, LaneEnd::Stopped { next: Some(1) });
    assert_eq!(story.say(told), (Some(1), Some("slot 9".to_owned())));
    story.begins();
    story.on(AgentEvent::Computed { lease, outcomes: vec![failed(2)] });
    assert_eq!(story.say(told), (Some(2), None));
    story.nothing_else();
}
