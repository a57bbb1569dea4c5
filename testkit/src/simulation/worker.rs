//! A worker process: the real mind (core and library), lanes that compute in simulated time, and the loop that dials.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use common::algorithm::AlgorithmDescriptor;
use common::ids::{LeaseId, WorkerId};
use common::protocol::{FromWorker, ToWorker, WorkerFact};
use common::wire;
use uuid::Uuid;
use worker::agent::core::Identity;
use worker::agent::event::Exit;
use worker::agent::mind::{Deed, Input, Mind};

use super::agenda::{Instant, MS, SECOND};
use super::asks::Traits;
use super::lane::Lane;
use super::network::LinkId;
use super::process::Process;
use super::puzzle::{self, Puzzle};
use super::world::{What, Who, World};

/// As in the agent.
const COLLECT_EVERY: Instant = 50 * MS;

/// Time from SIGTERM to the end of the process at the latest.
const GRACE: Duration = Duration::from_secs(5);

/// A worker's place: one process after the other.
#[derive(Debug)]
pub struct Worker {
    /// The process, dead or alive.
    pub process: Process<WorkerWhat>,
    /// What it holds while it lives.
    pub body: Option<Body>,
    /// Tasks it runs at a time.
    pub lanes: u16,
}

/// A worker process that lives.
pub struct Body {
    /// Its id.
    pub id: WorkerId,
    /// The agent.
    pub mind: Mind,
    /// Its busy lanes.
    pub lanes: BTreeMap<LeaseId, Lane>,
    /// Bytes of results that are kept.
    pub kept: usize,
    /// Its session with a coordinator.
    pub link: Option<LinkId>,
    /// How often it dialled.
    pub incarnation: u32,
    /// The coordinator to be dialled next, and rounds that came to nothing.
    dial: (usize, u32),
    /// Whether it was told to end by itself.
    exit: Option<Exit>,
    /// Numbers what lanes are at.
    pub serial: u64,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("id", &self.id).field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

/// What happens to a worker process.
#[derive(Clone, Debug)]
pub enum WorkerWhat {
    /// Outcomes are collected.
    Tick,
    /// The next coordinator is dialled.
    Dial,
    /// A session is ready.
    Linked(LinkId),
    /// A session ended.
    Unlinked(LinkId),
    /// A frame arrived.
    Frame(LinkId, Arc<[u8]>),
    /// A lane is done with what it was at.
    Lane(LeaseId, u64),
    /// The process ends by itself.
    Ended,
    /// SIGTERM.
    Terminate,
}

impl Worker {
    /// A place where no process was started yet.
    pub fn new(lanes: u16) -> Self {
        Self { process: Process::default(), body: None, lanes }
    }
}

impl World {
    /// Starts a process in the place of worker `w`.
    pub(super) fn start_worker(&mut self, w: usize) {
        let skew = self.dice.between(0, 1_000 * SECOND);
        let now = self.agenda.now();
        let worker = &mut self.workers[w];
        worker.process.start(skew);
        self.started += 1;
        let id = WorkerId(Uuid::from_u128(0xa000_0000 + self.started));
        let traits = Traits::of(self.plan.seed, w);
        let identity = Identity {
            build: "simulated".to_owned(),
            host: format!("worker {w}"),
            lanes: worker.lanes,
            labels: traits.labels(),
            algorithms: descriptors(),
            drain_grace: GRACE,
            kept_bytes: self.plan.kept_bytes,
            memory: traits.memory(),
        };
        self.auditor.joins(id, traits);
        let mind = Mind::new(identity, vec![Arc::new(Puzzle)], 1 << 20, worker.process.clock(now));
        worker.body = Some(Body {
            id,
            mind,
            lanes: BTreeMap::new(),
            kept: 0,
            link: None,
            incarnation: 0,
            dial: (self.dice.one_of(self.plan.coordinators), 0),
            exit: None,
            serial: 0,
        });
        self.story.tell(now, || format!("worker {w} starts as {id}"));
        self.worker_after(w, 0, WorkerWhat::Dial);
        self.worker_after(w, COLLECT_EVERY, WorkerWhat::Tick);
    }

    /// Notes what happens to the process that lives in a worker's place.
    pub(super) fn worker_after(&mut self, w: usize, wait: Instant, what: WorkerWhat) {
        let life = self.workers[w].process.life;
        self.agenda.after(wait, (Who::Worker(w, life), What::Worker(what)));
    }

    /// Ends a worker's process at once.
    pub(super) fn kill_worker(&mut self, w: usize) {
        let Some(body) = self.workers[w].body.take() else { return };
        let now = self.agenda.now();
        self.story.tell(now, || format!("worker {w} is dead"));
        self.excuse(&body);
        self.workers[w].process.end();
        if let Some(link) = body.link {
            self.close_from_worker(link);
        }
        let wait = self.dice.between(100 * MS, 2 * SECOND);
        self.agenda.after(wait, (Who::World, What::StartWorker(w)));
    }

    pub(super) fn reach_worker(&mut self, w: usize, what: WorkerWhat) {
        match what {
            WorkerWhat::Tick => self.worker_tick(w),
            WorkerWhat::Dial => self.dial(w),
            WorkerWhat::Linked(link) => self.linked(w, link),
            WorkerWhat::Unlinked(link) => {
                if self.body(w).link == Some(link) {
                    self.body(w).link = None;
                    self.close_from_worker(link);
                    self.think(w, vec![Input::LinkDown]);
                    self.dial_later(w, false);
                }
            }
            WorkerWhat::Frame(link, frame) => {
                if self.body(w).link == Some(link) {
                    let said: ToWorker =
                        wire::decode(&wire::Frame(frame.to_vec())).expect("a coordinator's frame");
                    let (now, id) = (self.agenda.now(), self.body(w).id);
                    self.story
                        .tell(now, || format!("worker {w} hears {:?} (epoch {})", said.command, said.epoch));
                    let old = self.auditor.heard(id, &said);
                    let before: Vec<_> = if old { self.body(w).mind.held().collect() } else { Vec::new() };
                    self.think(w, vec![Input::Said(said)]);
                    if let (true, Some(body)) = (old, &self.workers[w].body) {
                        let after: Vec<_> = body.mind.held().collect();
                        assert_eq!(after, before, "worker {w} obeys an older leadership");
                    }
                }
            }
            WorkerWhat::Lane(lease, serial) => self.lane_done(w, lease, serial),
            WorkerWhat::Ended => self.kill_worker(w),
            WorkerWhat::Terminate => self.think(w, vec![Input::Terminate]),
        }
    }

    pub(super) fn body(&mut self, w: usize) -> &mut Body {
        self.workers[w].body.as_mut().expect("what happens to a dead process is passed over")
    }

    /// Lets the agent take what came in, and does what it wants.
    pub(super) fn think(&mut self, w: usize, inputs: Vec<Input>) {
        let now = self.workers[w].process.clock(self.agenda.now());
        let mut inputs = VecDeque::from(inputs);
        while !inputs.is_empty() {
            let Some(body) = self.workers[w].body.as_mut() else { return };
            let deeds = body.mind.on(inputs.drain(..), now);
            for deed in deeds {
                self.perform(w, deed, &mut inputs);
            }
        }
    }

    fn perform(&mut self, w: usize, deed: Deed, inputs: &mut VecDeque<Input>) {
        match deed {
            Deed::Say(fact) => self.say(w, fact),
            Deed::Begin { lease, run, work } => self.begin(w, lease, run, work, inputs),
            Deed::Stop { lease } => self.stop_lane(w, lease),
            Deed::Page { lease, page } => self.page(w, lease, page, inputs),
            Deed::Release { bytes } => {
                let body = self.body(w);
                body.kept = body.kept.checked_sub(bytes).expect("no more is released than is kept");
                self.go_on_parked(w, inputs);
            }
            Deed::Reconnect { refused } => {
                let body = self.body(w);
                if let Some(link) = body.link.take() {
                    let now = self.agenda.now();
                    self.story.tell(now, || format!("worker {w} gives its connection up"));
                    self.close_from_worker(link);
                    inputs.push_back(Input::LinkDown);
                    self.dial_later(w, refused);
                }
            }
            Deed::Exit(exit) => {
                let body = self.body(w);
                if body.exit.replace(exit).is_none() {
                    let now = self.agenda.now();
                    self.story.tell(now, || format!("worker {w} ends: {exit:?}"));
                    self.worker_after(w, 150 * MS, WorkerWhat::Ended);
                }
            }
            Deed::Refused { reason } => panic!("a worker is refused: {reason}"),
            Deed::Stuck { .. } | Deed::ShortOfMemory => {}
            Deed::Unprepared { lease } => panic!("lease {lease} began without its documents"),
        }
    }

    fn say(&mut self, w: usize, fact: WorkerFact) {
        let body = self.body(w);
        let Some(link) = body.link else { return };
        let from = FromWorker { worker: body.id, incarnation: body.incarnation, fact };
        let frame = wire::encode(&from).expect("a worker's message is within its limit");
        let now = self.agenda.now();
        self.story.tell(now, || format!("worker {w} says {:?}", from.fact));
        self.send_up(link, &frame.0.into());
    }

    fn worker_tick(&mut self, w: usize) {
        self.worker_after(w, COLLECT_EVERY, WorkerWhat::Tick);
        let body = self.body(w);
        let mut inputs = Vec::new();
        let mut running = Vec::new();
        for (lease, lane) in &mut body.lanes {
            inputs.extend(lane.collect(*lease));
            running.extend(lane.current().map(|(shard, since)| (*lease, shard, since)));
        }
        let usage = worker::agent::event::Usage::default();
        inputs.push(Input::Tick { running, usage });
        self.think(w, inputs);
    }

    // ---- the link, as `worker/src/link.rs` keeps it ----

    fn dial(&mut self, w: usize) {
        let coordinators = self.coordinators.len();
        let body = self.body(w);
        if body.link.is_some() || body.exit.is_some() {
            return;
        }
        let c = body.dial.0 % coordinators;
        let reached = self.reach(w, c);
        match reached {
            Ok(wait) => {
                self.body(w).incarnation += 1;
                let link = self.open_link(w, c);
                self.worker_after(w, wait, WorkerWhat::Linked(link));
            }
            Err(wait) => {
                let body = self.body(w);
                body.dial.0 += 1;
                // a round is over: a pause that grows and is spread
                let pause = if body.dial.0.is_multiple_of(coordinators) { self.pause(w, false) } else { 0 };
                self.worker_after(w, wait + pause, WorkerWhat::Dial);
            }
        }
    }

    fn dial_later(&mut self, w: usize, refused: bool) {
        let pause = self.pause(w, refused);
        self.worker_after(w, pause, WorkerWhat::Dial);
    }

    fn pause(&mut self, w: usize, refused: bool) -> Instant {
        let body = self.body(w);
        let failures = body.dial.1.min(6);
        body.dial.1 += 1;
        let base = if refused { 10 * SECOND } else { (10 * SECOND).min((200 * MS) << failures) };
        self.dice.between(base / 2, base)
    }

    fn linked(&mut self, w: usize, link: LinkId) {
        if !self.is_ready(link) {
            // the leader was gone before the session was ready
            self.dial_later(w, false);
            return;
        }
        let body = self.body(w);
        body.link = Some(link);
        body.dial.1 = 0;
        let incarnation = body.incarnation;
        let now = self.agenda.now();
        self.story.tell(now, || format!("worker {w} is connected, incarnation {incarnation}"));
        self.think(w, vec![Input::LinkUp { incarnation }]);
    }
}

fn descriptors() -> Vec<u8> {
    let puzzle = AlgorithmDescriptor {
        name: puzzle::NAME.to_owned(),
        version: 1,
        summary: String::new(),
        inputs: Vec::new(),
        params_schema: serde_json::Value::Null,
        report_schema: serde_json::Value::Null,
        stages: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    };
    serde_json::to_vec(&[puzzle]).expect("plain data")
}
