//! A coordinator process: it stands by, leads, and stops leading, as `coordinator/src/leader.rs` and
//! `coordinator/src/store/leadership.rs` do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::ids::{Epoch, RunId, WorkerId};
use common::run::RunPhase;
use coordinator::dispatch::event::DispatchEvent;
use coordinator::dispatch::scheduler::Scheduler;
use coordinator::dispatch::unstored::Unstored;
use coordinator::run::course::Course;
use coordinator::run::machine::RunEvent;
use coordinator::run::roster::{FIRST_LOOK, Roster};
use coordinator::store::runs::{Resumed, RunRow};
use coordinator::store::writer::transaction::Attempt;

use super::agenda::{Instant, MS, SECOND};
use super::documents::Wanted;
use super::network::LinkId;
use super::pen::Pen;
use super::process::Process;
use super::world::{What, Who, World};

/// As in `leadership.rs`: between words to the database, and between a stand-by's questions.
const PING: Instant = 500 * MS;

/// As in `leadership.rs`: the leader stops after so long without an answer.
const SILENCE: Instant = 1_500 * MS;

/// As in `leadership.rs`: the server closes the lock's connection after so long without a word.
const IDLE: Instant = 3 * SECOND;

/// A coordinator's place.
#[derive(Debug)]
pub struct Coordinator {
    /// The process.
    pub process: Process<CoordinatorWhat>,
    /// What it has as a leader.
    pub leader: Option<Box<Leader>>,
    /// Until when nothing passes between it and the database.
    pub cut_until: Instant,
}

/// Who holds the leader's lock, as the database sees it.
#[derive(Clone, Copy, Debug)]
pub struct Lock {
    /// The coordinator's place and life.
    pub holder: (usize, u32),
    /// When it spoke last.
    pub heard: Instant,
}

/// What a coordinator has while it leads.
#[derive(Debug)]
pub struct Leader {
    /// Its leadership.
    pub epoch: Epoch,
    /// Dispatch.
    pub scheduler: Scheduler,
    /// Which runs are begun, read or ended.
    pub roster: Roster<()>,
    /// The begun ones.
    pub courses: BTreeMap<RunId, Course>,
    /// Begun runs to be looked at.
    pub noticed: BTreeSet<RunId>,
    /// Whether a look is under way.
    pub looking: bool,
    /// The workers that were to be drained.
    pub drained: Vec<WorkerId>,
    /// Documents that are ahead of the database.
    pub unstored: Unstored,
    /// Its writer.
    pub pen: Pen,
    /// Whether workers get in.
    pub open: bool,
    /// The connection of each worker's incarnation that said hello.
    pub connections: BTreeMap<(WorkerId, u32), LinkId>,
    /// When the last message to dispatch, and to runs, arrives.
    pub mail_at: [Instant; 2],
    /// When the database answered last.
    answered: Instant,
    /// Events since the scheduler was looked at as a whole.
    pub unchecked: u32,
}

/// What happens to a coordinator process. What concerns a leadership names it.
#[derive(Clone, Debug)]
pub enum CoordinatorWhat {
    /// A stand-by asks for the lock.
    AskLock,
    /// The leader speaks to the database.
    Ping(Epoch),
    /// The epoch moved on: read what is there.
    Lead(Epoch),
    /// Wishes and rows were read.
    Read(Epoch, Vec<RunRow>),
    /// The begun runs were read as well.
    ReadAll(Epoch, Vec<RunRow>, Vec<Result<Box<Resumed>, RunId>>),
    /// The scheduler's clock ticks.
    Tick(Epoch),
    /// The writer's load is told.
    Snapshot(Epoch),
    /// Look which runs are open.
    Look(Epoch),
    /// Look at the runs of which there were notices.
    LookAtNoticed(Epoch),
    /// Look at the wishes of operators.
    LookAtWishes(Epoch),
    /// A message to dispatch.
    ToDispatch(Epoch, DispatchEvent),
    /// A message to a run.
    ToRun(Epoch, RunId, RunEvent),
    /// A frame arrived.
    Frame(LinkId, Arc<[u8]>),
    /// A connection ended.
    Unlinked(LinkId),
    /// The database hinted that a run changed.
    Notice(RunId),
    /// The database hinted that wishes changed.
    NoticeOfWishes,
    /// The database answered a question.
    Answer(Epoch, Answer),
    /// The database answered an attempt to write.
    Wrote(Epoch, Box<Attempt>),
    /// The writer tries again.
    WriteAgain(Epoch),
    /// SIGTERM.
    Terminate,
}

/// What operators and owners want: whether everything is held, which runs are, which workers are to be drained.
pub type Wishes = (bool, BTreeSet<RunId>, Vec<WorkerId>);

/// What the database answers; nothing if it cannot be reached.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The ids of all open runs.
    Open(u64, Option<Vec<RunId>>),
    /// The rows of those of some runs that are open.
    Rows {
        /// Which were asked for.
        asked: Vec<RunId>,
        /// The look that found them.
        look: u64,
        /// Those of them that are open.
        rows: Option<Vec<RunRow>>,
        /// Whether others are to be looked for after these.
        more: bool,
    },
    /// Where some runs stand.
    Phases {
        /// Which were asked for.
        asked: Vec<RunId>,
        /// The look that found them.
        look: u64,
        /// Those of them that are there.
        phases: Option<BTreeMap<RunId, RunPhase>>,
    },
    /// What is stored of a run; inside nothing if it is not there.
    #[allow(clippy::option_option)] // no answer and no run are two things
    Stored(RunId, u64, Option<Option<Box<Resumed>>>),
    /// What operators want.
    Wishes(Option<Wishes>),
    /// A document for a worker.
    Document(Wanted),
}

impl Coordinator {
    /// A place where no process was started yet.
    pub fn new() -> Self {
        Self { process: Process::default(), leader: None, cut_until: 0 }
    }
}

impl World {
    /// Starts a process in the place of coordinator `c`.
    pub(super) fn start_coordinator(&mut self, c: usize) {
        let skew = self.dice.between(0, 1_000 * SECOND);
        self.coordinators[c].process.start(skew);
        let now = self.agenda.now();
        self.story.tell(now, || format!("coordinator {c} starts"));
        let wait = self.dice.between(0, PING);
        self.coordinator_after(c, wait, CoordinatorWhat::AskLock);
    }

    /// Notes what happens to the process that lives in a coordinator's place.
    pub(super) fn coordinator_after(&mut self, c: usize, wait: Instant, what: CoordinatorWhat) {
        let life = self.coordinators[c].process.life;
        self.agenda.after(wait, (Who::Coordinator(c, life), What::Coordinator(what)));
    }

    /// Ends a coordinator's process at once.
    pub(super) fn kill_coordinator(&mut self, c: usize, back: Instant) {
        if !self.coordinators[c].process.alive {
            return;
        }
        let now = self.agenda.now();
        self.story.tell(now, || format!("coordinator {c} is dead"));
        self.stop_leading(c, "it is dead");
        self.coordinators[c].process.end();
        // the kernel closes its connections: the database lets go of the lock
        if self.lock.is_some_and(|lock| lock.holder.0 == c) && self.database_reached_by(c) {
            self.lock = None;
        }
        self.agenda.after(back, (Who::World, What::StartCoordinator(c)));
    }

    /// Whether anything passes between a coordinator and the database.
    pub(super) fn database_reached_by(&self, c: usize) -> bool {
        let now = self.agenda.now();
        self.coordinators[c].cut_until <= now && self.outage_until <= now
    }

    pub(super) fn leader(&mut self, c: usize) -> &mut Leader {
        self.coordinators[c].leader.as_mut().expect("a leader")
    }

    /// Whether a coordinator leads in `epoch`, as far as it knows itself.
    fn leads(&self, c: usize, epoch: Epoch) -> bool {
        self.coordinators[c].leader.as_ref().is_some_and(|leader| leader.epoch == epoch)
    }

    pub(super) fn reach_coordinator(&mut self, c: usize, what: CoordinatorWhat) {
        use CoordinatorWhat as It;
        let of = match &what {
            It::Ping(epoch)
            | It::Lead(epoch)
            | It::Read(epoch, _)
            | It::ReadAll(epoch, ..)
            | It::Tick(epoch)
            | It::Snapshot(epoch)
            | It::Look(epoch)
            | It::LookAtNoticed(epoch)
            | It::LookAtWishes(epoch)
            | It::ToDispatch(epoch, _)
            | It::ToRun(epoch, ..)
            | It::Answer(epoch, _)
            | It::Wrote(epoch, _)
            | It::WriteAgain(epoch) => Some(*epoch),
            _ => None,
        };
        if of.is_some_and(|epoch| !self.leads(c, epoch)) {
            return;
        }
        match what {
            It::AskLock => self.ask_lock(c),
            It::Ping(epoch) => self.ping(c, epoch),
            It::Lead(epoch) => self.read_first(c, epoch),
            It::Read(epoch, rows) => self.read_begun(c, epoch, rows),
            It::ReadAll(epoch, queued, begun) => self.begin_leading(c, epoch, queued, begun),
            It::Tick(epoch) => {
                self.coordinator_after(c, 100 * MS, It::Tick(epoch));
                self.dispatch(c, DispatchEvent::Tick);
            }
            It::Snapshot(epoch) => {
                self.coordinator_after(c, 500 * MS, It::Snapshot(epoch));
                let bytes = self.leader(c).pen.queued_bytes();
                self.dispatch(c, DispatchEvent::WriterBacklog { bytes });
            }
            It::Look(epoch) => {
                self.coordinator_after(c, SECOND, It::Look(epoch));
                self.look(c);
            }
            It::LookAtNoticed(epoch) => {
                self.coordinator_after(c, 100 * MS, It::LookAtNoticed(epoch));
                self.look_at_noticed(c);
            }
            It::LookAtWishes(epoch) => {
                self.coordinator_after(c, SECOND, It::LookAtWishes(epoch));
                self.look_at_wishes(c);
            }
            It::ToDispatch(_, event) => self.dispatch(c, event),
            It::ToRun(_, run, event) => self.happened(c, run, event),
            It::Frame(link, frame) => self.frame(c, link, &frame),
            It::Unlinked(link) => self.unlinked(c, link),
            It::Notice(run) => {
                if self.coordinators[c].leader.is_some() {
                    self.notice(c, run);
                }
            }
            It::NoticeOfWishes => {
                if self.coordinators[c].leader.is_some() {
                    self.look_at_wishes(c);
                }
            }
            It::Answer(_, answer) => self.answered(c, answer),
            It::Wrote(_, attempt) => self.wrote(c, *attempt),
            It::WriteAgain(_) => self.write(c),
            It::Terminate => self.end_coordinator(c),
        }
    }

    fn ask_lock(&mut self, c: usize) {
        let now = self.agenda.now();
        let lapsed = |lock: &Lock| now >= lock.heard + IDLE;
        let free = self.lock.as_ref().is_none_or(lapsed);
        if self.coordinators[c].leader.is_some() {
            return;
        }
        if !free || !self.database_reached_by(c) {
            return self.coordinator_after(c, PING, CoordinatorWhat::AskLock);
        }
        let life = self.coordinators[c].process.life;
        self.lock = Some(Lock { holder: (c, life), heard: now });
        let epoch = self.tables.take_over();
        self.story.tell(now, || format!("coordinator {c} leads in epoch {epoch}"));
        let clock = self.coordinators[c].process.clock(now);
        self.coordinators[c].leader = Some(Box::new(Leader {
            epoch,
            scheduler: Scheduler::new(epoch, self.plan.settings, clock),
            roster: Roster::default(),
            courses: BTreeMap::new(),
            noticed: BTreeSet::new(),
            looking: false,
            drained: Vec::new(),
            unstored: Unstored::default(),
            pen: Pen::default(),
            open: false,
            connections: BTreeMap::new(),
            mail_at: [0; 2],
            answered: now,
            unchecked: 0,
        }));
        let wait = self.dice.between(MS, 20 * MS);
        self.coordinator_after(c, wait, CoordinatorWhat::Lead(epoch));
        self.coordinator_after(c, PING, CoordinatorWhat::Ping(epoch));
    }

    fn ping(&mut self, c: usize, epoch: Epoch) {
        let now = self.agenda.now();
        let life = self.coordinators[c].process.life;
        if self.database_reached_by(c) {
            match &mut self.lock {
                Some(lock) if lock.holder == (c, life) && now < lock.heard + IDLE => lock.heard = now,
                _ => return self.stop_leading(c, "the lock is gone"),
            }
            if self.tables.epoch() != epoch {
                return self.stop_leading(c, "another leads");
            }
            self.leader(c).answered = now;
        } else if self.outage_until > now || now >= self.leader(c).answered + SILENCE {
            return self.stop_leading(c, "the database does not answer");
        }
        self.coordinator_after(c, PING, CoordinatorWhat::Ping(epoch));
    }

    /// Takes everything down that belongs to the leadership.
    pub(super) fn stop_leading(&mut self, c: usize, why: &str) {
        let Some(leader) = self.coordinators[c].leader.take() else { return };
        let now = self.agenda.now();
        self.story.tell(now, || format!("coordinator {c} leads no more (epoch {}): {why}", leader.epoch));
        for link in leader.connections.values() {
            self.close_from_leader(*link);
        }
        let (life, epoch) = (self.coordinators[c].process.life, leader.epoch.0);
        for link in 0..self.links.len() {
            if self.links[link].coordinator == (c, life) && self.links[link].epoch == epoch {
                self.close_from_leader(link);
            }
        }
        if self.lock.is_some_and(|lock| lock.holder == (c, life)) && self.database_reached_by(c) {
            self.lock = None;
        }
        self.coordinator_after(c, PING, CoordinatorWhat::AskLock);
    }

    /// SIGTERM: what is queued becomes durable if it can, then the lock is given back.
    fn end_coordinator(&mut self, c: usize) {
        let back = self.dice.between(0, 3 * SECOND);
        self.kill_coordinator(c, back);
    }

    // ---- a leadership begins: wishes, then rows, then the begun runs, then workers ----

    fn read_first(&mut self, c: usize, epoch: Epoch) {
        if !self.database_reached_by(c) {
            return self.stop_leading(c, "what is stored cannot be read");
        }
        self.tell_dispatch(c, DispatchEvent::Deaf(true));
        let wishes = self.tables.wishes();
        self.wishes(c, wishes);
        let rows = self.tables.open_runs();
        let wait = self.dice.between(MS, 10 * MS);
        self.coordinator_after(c, wait, CoordinatorWhat::Read(epoch, rows));
    }

    fn read_begun(&mut self, c: usize, epoch: Epoch, rows: Vec<RunRow>) {
        if !self.database_reached_by(c) {
            return self.stop_leading(c, "what is stored cannot be read");
        }
        let (queued, begun): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.stage.is_none());
        let read = |row: RunRow| self.tables.resume(row.id).map(Box::new).map_err(|_| row.id);
        let begun = begun.into_iter().map(read).collect();
        let wait = self.dice.between(MS, 50 * MS);
        self.coordinator_after(c, wait, CoordinatorWhat::ReadAll(epoch, queued, begun));
    }

    fn begin_leading(
        &mut self,
        c: usize,
        epoch: Epoch,
        queued: Vec<RunRow>,
        begun: Vec<Result<Box<Resumed>, RunId>>,
    ) {
        for stored in begun {
            let (run, stored) = match stored {
                Ok(stored) => (stored.run.id, Some(stored)),
                Err(run) => (run, None),
            };
            self.answered(c, Answer::Stored(run, FIRST_LOOK, Some(stored)));
        }
        self.answered(
            c,
            Answer::Rows { asked: Vec::new(), look: FIRST_LOOK, rows: Some(queued), more: false },
        );
        self.tell_dispatch(c, DispatchEvent::Deaf(false));
        self.leader(c).open = true;
        let now = self.agenda.now();
        self.auditor.ready(&self.tables, epoch, now);
        self.story.tell(now, || format!("coordinator {c} is ready for workers"));
        for what in [
            CoordinatorWhat::Tick(epoch),
            CoordinatorWhat::Snapshot(epoch),
            CoordinatorWhat::Look(epoch),
            CoordinatorWhat::LookAtNoticed(epoch),
            CoordinatorWhat::LookAtWishes(epoch),
        ] {
            let wait = self.dice.between(0, 100 * MS);
            self.coordinator_after(c, wait, what);
        }
    }
}
