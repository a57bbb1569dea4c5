//! What a seed stands for: the cluster, its runs, and what goes wrong when.

use std::fmt;
use std::time::Duration;

use coordinator::dispatch::event::DispatchSettings;
use coordinator::store::runs::Until;

use super::agenda::{Instant, MS, SECOND};
use super::asks::Asks;
use super::dice::Dice;
use super::puzzle::Params;

/// Faults strike and runs are submitted within this time.
pub const EVENTFUL: Instant = 20 * SECOND;

/// Everything that a seed decides beforehand.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Lanes of each worker.
    pub workers: Vec<u16>,
    /// How many coordinators there are.
    pub coordinators: usize,
    /// Settings of dispatch.
    pub settings: DispatchSettings,
    /// What messages go through.
    pub network: Network,
    /// How long a commit takes, at least and at most.
    pub disk: (Instant, Instant),
    /// How long a message between two actors of a coordinator takes at most.
    pub mail: Instant,
    /// Bytes of results that a worker keeps before its lanes wait.
    pub kept_bytes: usize,
    /// Bytes of a page of partial results: few, so that there are several.
    pub page_bytes: usize,
    /// The runs.
    pub runs: Vec<RunPlan>,
    /// What goes wrong, in order.
    pub faults: Vec<(Instant, Fault)>,
    /// Whether submitters contend for lanes from the beginning on, undisturbed.
    pub contest: bool,
}

/// What messages between processes go through.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// How long a message takes, at least and at most.
    pub delay: (Instant, Instant),
    /// Percent of the messages that are lost although their connection lives.
    pub drops: u32,
    /// Percent of the messages that arrive twice.
    pub repeats: u32,
    /// Percent of the messages that overtake others.
    pub reorders: u32,
}

/// A run to be submitted.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// When.
    pub at: Instant,
    /// By whom.
    pub submitter: String,
    /// See [`coordinator::store::submit::NewRun::priority`].
    pub priority: i16,
    /// How far it goes.
    pub until: Until,
    /// What is computed.
    pub params: Params,
    /// What most of its shards take.
    pub pace: Instant,
    /// Tasks that do not end well.
    pub mishaps: Vec<Mishap>,
    /// Whether the answer to its submission is lost, so that it is submitted again.
    pub answer_lost: bool,
    /// What it asks for.
    pub asks: Asks,
}

/// A task that does not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mishap {
    /// Of this stage: its execution, or its opening.
    pub stage: u32,
    /// The shard; none for the opening of the stage.
    pub shard: Option<u32>,
    /// What it does.
    pub does: Does,
    /// How often, over all attempts.
    pub times: u32,
}

/// What a task does instead of ending well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It panics.
    Panic,
    /// It does not end by itself, but returns when told to.
    Hang,
    /// It never returns.
    Stick,
    /// It takes its process down.
    Kill,
    /// It yields what Postgres does not take.
    Yield,
}

/// As often as it is tried.
pub const ALWAYS: u32 = u32::MAX;

/// Something that goes wrong, or is asked for. Workers and coordinators are meant by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of a worker; another is started in its place.
    KillWorker { worker: usize },
    /// SIGSTOP of a worker, and SIGCONT so much later.
    PauseWorker { worker: usize, length: Instant },
    /// SIGTERM of a worker; another is started in its place.
    EndWorker { worker: usize },
    /// A worker's connection is reset.
    CutLink { worker: usize },
    /// Nothing passes between a worker and all coordinators.
    IsolateWorker { worker: usize, length: Instant },
    /// Another worker joins.
    Join { lanes: u16 },
    /// A worker's or a coordinator's clock leaps ahead.
    LeapOfWorker { worker: usize, by: Instant },
    /// See [`Fault::LeapOfWorker`].
    LeapOfCoordinator { coordinator: usize, by: Instant },
    /// `kill -9` of a coordinator, which is started again.
    KillCoordinator { coordinator: usize, back: Instant },
    /// SIGSTOP of a coordinator, and SIGCONT so much later.
    PauseCoordinator { coordinator: usize, length: Instant },
    /// SIGTERM of a coordinator, which is started again.
    EndCoordinator { coordinator: usize, back: Instant },
    /// Nothing passes between a coordinator and the database.
    CutDatabase { coordinator: usize, length: Instant },
    /// The database is away: every connection to it ends.
    Outage { length: Instant },
    /// Commits take so many times as long.
    SlowDisk { times: u64, length: Instant },
    /// The next commit gets no answer; it took effect or did not.
    LoseAnswer { applied: bool },
    /// A client cancels a run.
    Cancel { run: usize },
    /// An operator drains a worker, and takes that back.
    Drain { worker: usize, length: Instant },
    /// An operator holds everything, and lets it go on.
    Hold { length: Instant },
    /// Its owner holds a run, and lets it go on.
    HoldRun { run: usize, length: Instant },
    /// A message arrives at the leader that makes no sense.
    Nonsense { worker: usize, noise: u32 },
}

impl Plan {
    /// What `seed` stands for.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0);
        let workers = (0..dice.between(1, 4)).map(|_| dice.between(1, 3) as u16).collect();
        let coordinators = if dice.chance(40) { 1 } else { dice.between(2, 3) as usize };
        let timeout = dice.chance(30).then(|| Duration::from_secs(dice.between(4, 6)));
        let settings = DispatchSettings {
            pool_bytes: 1 << dice.between(18, 26),
            writer_bytes: 1 << dice.between(14, 25),
            prefetch: dice.between(0, 4) as u16,
            shard_timeout: timeout.unwrap_or_default(),
            ..DispatchSettings::default()
        };
        let slow = if dice.chance(20) { 20 } else { 1 };
        let mut network =
            Network { delay: (50, slow * dice.between(100, 3_000)), drops: 0, repeats: 0, reorders: 0 };
        if dice.chance(30) {
            network.drops = dice.between(0, 8) as u32;
            network.repeats = dice.between(0, 8) as u32;
            network.reorders = dice.between(0, 15) as u32;
        }
        let mut plan = Self {
            seed,
            workers,
            coordinators,
            settings,
            network,
            disk: (300, dice.between(400, 8_000)),
            mail: if dice.chance(50) { dice.between(0, 2_000) } else { 0 },
            kept_bytes: 1 << dice.between(15, 26),
            page_bytes: 700,
            runs: Vec::new(),
            faults: Vec::new(),
            contest: false,
        };
        let mishaps = if dice.chance(35) { 30 } else { 0 };
        for _ in 0..dice.between(1, 5) {
            let run = RunPlan::draw(&mut dice, timeout.is_some(), mishaps);
            if run.params.filling > 0 || run.params.large_every > 0 {
                plan.page_bytes = 100_000;
            }
            plan.runs.push(run);
        }
        // one in eight goes well
        let faults = if dice.chance(12) { 0 } else { dice.between(1, 22) };
        for _ in 0..faults {
            let at = dice.between(0, EVENTFUL);
            let fault = Fault::draw(&mut dice);
            plan.faults.push((at, fault));
        }
        plan.faults.sort_by_key(|(at, _)| *at);
        plan.ask();
        plan
    }

    /// Submitters who contend for the lanes of an undisturbed cluster, each with as much work in shards of other lengths.
    #[must_use]
    pub fn contest(seed: u64) -> Self {
        /// Lane time of each submitter's work.
        const WORK: Instant = 30 * SECOND;
        let mut plan = Self { contest: true, coordinators: 1, faults: Vec::new(), ..Self::of(seed) };
        let mut dice = Dice::new(seed, 2);
        plan.network = Network { drops: 0, repeats: 0, reorders: 0, ..plan.network };
        plan.settings = DispatchSettings { prefetch: plan.settings.prefetch, ..DispatchSettings::default() };
        plan.workers.truncate(2);
        plan.kept_bytes = 1 << 26;
        let submitters = ["ada", "bob", "cyd"].iter().take(dice.between(2, 3) as usize);
        plan.runs = submitters
            .map(|submitter| {
                let pace = [20 * MS, 40 * MS, 100 * MS][dice.one_of(3)];
                let params = Params {
                    stages: vec![(WORK / pace) as u32],
                    salt: seed,
                    filling: 0,
                    large_every: 0,
                    refuses: false,
                };
                RunPlan {
                    at: 0,
                    submitter: (*submitter).to_owned(),
                    priority: dice.between(0, 2) as i16,
                    until: Until::Done,
                    params,
                    pace,
                    mishaps: Vec::new(),
                    answer_lost: false,
                    asks: Asks::default(),
                }
            })
            .collect();
        plan
    }

    /// Whether a message may be lost, repeated or overtaken although its connection lives.
    #[must_use]
    pub const fn is_hostile(&self) -> bool {
        self.network.drops + self.network.repeats + self.network.reorders > 0
    }
}

impl RunPlan {
    fn draw(dice: &mut Dice, timeouts: bool, mishaps: u32) -> Self {
        let most = if dice.chance(20) { 400 } else { 60 };
        let stages: Vec<u32> = (0..dice.between(0, 3)).map(|_| dice.between(0, most) as u32).collect();
        let mut run = Self {
            at: if dice.chance(50) { 0 } else { dice.between(0, EVENTFUL / 2) },
            submitter: ["ada", "bob", "cyd"][dice.one_of(3)].to_owned(),
            priority: dice.between(0, 3) as i16 - 1,
            until: if dice.chance(5) { Until::Planned } else { Until::Done },
            pace: [0, MS, 10 * MS, 40 * MS, 200 * MS][dice.one_of(5)],
            params: Params {
                salt: dice.between(0, u64::MAX),
                filling: if dice.chance(30) { dice.between(0, 4_000) as usize } else { 0 },
                large_every: if dice.chance(15) { dice.between(8, 20) as u32 } else { 0 },
                refuses: dice.chance(3),
                stages,
            },
            mishaps: Vec::new(),
            answer_lost: dice.chance(10),
            asks: Asks::default(),
        };
        if dice.chance(mishaps) {
            for _ in 0..dice.between(1, 3) {
                run.add_mishap(dice, timeouts);
            }
        }
        run
    }

    /// What its shards take in one lane, at most about.
    pub fn work(&self) -> Instant {
        2 * self.pace * self.params.stages.iter().map(|shards| u64::from(*shards)).sum::<u64>()
    }

    fn add_mishap(&mut self, dice: &mut Dice, timeouts: bool) {
        let stage = dice.one_of(self.params.stages.len() + 1) as u32;
        let shards = self.params.stages.get(stage as usize).copied().unwrap_or(0);
        let shard = (shards > 0 && dice.chance(80)).then(|| dice.one_of(shards as usize) as u32);
        let does = match dice.between(0, 9) {
            5 if timeouts && shard.is_some() => Does::Hang,
            6 if timeouts && shard.is_some() => Does::Stick,
            7 => Does::Kill,
            8 if shard.is_some() => Does::Yield,
            _ => Does::Panic,
        };
        let times = if dice.chance(50) || does == Does::Yield { ALWAYS } else { 1 };
        if !self.mishaps.iter().any(|other| other.stage == stage && other.shard == shard) {
            self.mishaps.push(Mishap { stage, shard, does, times });
        }
    }
}

impl Fault {
    fn draw(dice: &mut Dice) -> Self {
        let worker = dice.one_of(4);
        let coordinator = dice.one_of(3);
        // what is shorter than the limits of silence, about as long, and longer
        let length = [
            dice.between(0, SECOND),
            dice.between(SECOND, 6 * SECOND),
            dice.between(4 * SECOND, 12 * SECOND),
        ][dice.one_of(3)];
        match dice.between(0, 43) {
            0..=3 => Self::KillWorker { worker },
            4..=7 => Self::PauseWorker { worker, length },
            8..=9 => Self::EndWorker { worker },
            10..=13 => Self::CutLink { worker },
            14..=16 => Self::IsolateWorker { worker, length },
            17 => Self::Join { lanes: dice.between(1, 3) as u16 },
            18 => Self::LeapOfWorker { worker, by: length },
            19 => Self::LeapOfCoordinator { coordinator, by: length },
            20..=23 => Self::KillCoordinator { coordinator, back: length },
            24..=26 => Self::PauseCoordinator { coordinator, length },
            27 => Self::EndCoordinator { coordinator, back: length },
            28..=29 => Self::CutDatabase { coordinator, length },
            30 => Self::Outage { length },
            31..=32 => Self::SlowDisk { times: dice.between(5, 300), length },
            33..=36 => Self::LoseAnswer { applied: dice.chance(50) },
            37..=38 => Self::Cancel { run: dice.one_of(5) },
            39..=40 => Self::Drain { worker, length },
            41 => Self::Hold { length },
            _ => Self::Nonsense { worker, noise: dice.between(0, u64::from(u32::MAX)) as u32 },
        }
    }

    /// How long it lasts.
    #[must_use]
    pub const fn length(&self) -> Instant {
        match *self {
            Self::PauseWorker { length, .. }
            | Self::IsolateWorker { length, .. }
            | Self::PauseCoordinator { length, .. }
            | Self::CutDatabase { length, .. }
            | Self::Outage { length }
            | Self::SlowDisk { length, .. }
            | Self::Drain { length, .. }
            | Self::Hold { length }
            | Self::HoldRun { length, .. } => length,
            Self::KillCoordinator { back, .. } | Self::EndCoordinator { back, .. } => back,
            _ => 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |length: Instant| length as f64 / 1e6;
        match *self {
            Self::KillWorker { worker } => write!(f, "worker {worker} is killed"),
            Self::PauseWorker { worker, length } => {
                write!(f, "worker {worker} is stopped for {:.3} s", s(length))
            }
            Self::EndWorker { worker } => write!(f, "worker {worker} is asked to end"),
            Self::CutLink { worker } => write!(f, "the connection of worker {worker} is reset"),
            Self::IsolateWorker { worker, length } => {
                write!(f, "nothing passes between worker {worker} and any coordinator for {:.3} s", s(length))
            }
            Self::Join { lanes } => write!(f, "a worker with {lanes} lanes joins"),
            Self::LeapOfWorker { worker, by } => {
                write!(f, "the clock of worker {worker} leaps {:.3} s ahead", s(by))
            }
            Self::LeapOfCoordinator { coordinator, by } => {
                write!(f, "the clock of coordinator {coordinator} leaps {:.3} s ahead", s(by))
            }
            Self::KillCoordinator { coordinator, back } => {
                write!(f, "coordinator {coordinator} is killed, and started again after {:.3} s", s(back))
            }
            Self::PauseCoordinator { coordinator, length } => {
                write!(f, "coordinator {coordinator} is stopped for {:.3} s", s(length))
            }
            Self::EndCoordinator { coordinator, back } => {
                write!(
                    f,
                    "coordinator {coordinator} is asked to end, and started again after {:.3} s",
                    s(back)
                )
            }
            Self::CutDatabase { coordinator, length } => {
                write!(
                    f,
                    "nothing passes between coordinator {coordinator} and the database for {:.3} s",
                    s(length)
                )
            }
            Self::Outage { length } => write!(f, "the database is away for {:.3} s", s(length)),
            Self::SlowDisk { times, length } => {
                write!(f, "commits take {times} times as long for {:.3} s", s(length))
            }
            Self::LoseAnswer { applied: true } => {
                f.write_str("the next commit takes effect and gets no answer")
            }
            Self::LoseAnswer { applied: false } => {
                f.write_str("the next commit takes no effect and gets no answer")
            }
            Self::Cancel { run } => write!(f, "run {run} is cancelled"),
            Self::Drain { worker, length } => {
                write!(f, "worker {worker} is to be drained for {:.3} s", s(length))
            }
            Self::Hold { length } => write!(f, "the queue is paused for {:.3} s", s(length)),
            Self::HoldRun { run, length } => write!(f, "run {run} is paused for {:.3} s", s(length)),
            Self::Nonsense { worker, noise } => write!(f, "nonsense {noise} in the name of worker {worker}"),
        }
    }
}
