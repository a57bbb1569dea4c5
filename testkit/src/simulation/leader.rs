//! A leader at work: the real scheduler, run machines and roster, fed and obeyed as the actors of the coordinator do.

use common::algorithm::AlgorithmDescriptor;
use common::ids::{RunId, WorkerId};
use common::protocol::{FromWorker, ToWorker, WorkerCommand, WorkerFact};
use common::run::RunPhase;
use common::wire;
use coordinator::dispatch::event::DispatchEvent;
use coordinator::dispatch::orders::{self, Around};
use coordinator::dispatch::unstored::Unstored;
use coordinator::run::course::{Course, Deed};
use coordinator::run::machine::RunEvent;
use coordinator::store::runs::{Resumed, RunRow};
use coordinator::store::writer::Fact;

use super::agenda::Instant;
use super::asks;
use super::coordinator::{Answer, CoordinatorWhat, Wishes};
use super::network::LinkId;
use super::world::{What, Who, World};

/// Every so many events the whole state of the scheduler is checked.
const FULL_CHECK: u32 = 64;

/// What a scheduler ordered.
enum Done {
    Send(WorkerId, u32, WorkerCommand),
    Write(Fact),
    Tell(RunId, RunEvent),
}

struct Hands {
    done: Vec<Done>,
    unstored: Unstored,
}

impl Around for Hands {
    fn unstored(&self) -> &Unstored {
        &self.unstored
    }

    fn send(&mut self, worker: WorkerId, incarnation: u32, command: WorkerCommand) {
        self.done.push(Done::Send(worker, incarnation, command));
    }

    fn write(&mut self, fact: Fact) {
        self.done.push(Done::Write(fact));
    }

    fn tell(&mut self, run: RunId, event: RunEvent) {
        self.done.push(Done::Tell(run, event));
    }
}

/// What a leader asks the database.
#[derive(Clone, Debug)]
pub enum Question {
    Open(u64),
    Rows { asked: Vec<RunId>, look: u64, more: bool },
    Phases { asked: Vec<RunId>, look: u64 },
    Stored(RunId, u64),
    Wishes,
}

impl World {
    // ---- dispatch ----

    /// Something happened that the scheduler has to know.
    pub(super) fn dispatch(&mut self, c: usize, event: DispatchEvent) {
        let clock = self.coordinators[c].process.clock(self.agenda.now());
        let leader = self.leader(c);
        let epoch = leader.epoch;
        leader.unchecked += 1;
        let whole = leader.unchecked.is_multiple_of(FULL_CHECK);
        self.auditor.before(epoch, &event);
        let leader = self.leader(c);
        orders::prepare(&event, &leader.unstored);
        let orders = leader.scheduler.on(event, clock);
        leader.scheduler.check_orders(&orders);
        if whole {
            leader.scheduler.check();
        }
        let mut hands = Hands { done: Vec::new(), unstored: self.leader(c).unstored.clone() };
        for order in orders {
            orders::obey(order, &mut hands);
        }
        for done in hands.done {
            match done {
                Done::Send(worker, incarnation, command) => self.command(c, worker, incarnation, command),
                Done::Write(fact) => self.submit(c, fact),
                Done::Tell(run, event) => {
                    let at = self.mail(c, 1);
                    let life = self.coordinators[c].process.life;
                    let what = What::Coordinator(CoordinatorWhat::ToRun(epoch, run, event));
                    self.agenda.at(at, (Who::Coordinator(c, life), what));
                }
            }
        }
    }

    fn command(&mut self, c: usize, worker: WorkerId, incarnation: u32, command: WorkerCommand) {
        let now = self.agenda.now();
        let leader = self.leader(c);
        let epoch = leader.epoch;
        let link = leader.connections.get(&(worker, incarnation)).copied();
        if !matches!(command, WorkerCommand::Heartbeat) {
            self.story.tell(now, || format!("coordinator {c} tells {worker} (epoch {epoch}): {command:?}"));
        }
        self.auditor.command(&self.plan, &self.tables, now, epoch, worker, &command);
        let Some(link) = link else { return };
        let frame = wire::encode(&ToWorker { epoch, command }).expect("a command is within its limit");
        self.send_down(link, &frame.0.into());
    }

    /// When a message between actors arrives: in order, after a while.
    fn mail(&mut self, c: usize, to: usize) -> Instant {
        let now = self.agenda.now();
        let wait = if self.plan.mail > 0 { self.dice.between(0, self.plan.mail) } else { 0 };
        let last = &mut self.leader(c).mail_at[to];
        *last = (now + wait).max(*last);
        *last
    }

    /// Tells dispatch, as actors do: later, in order.
    pub(super) fn tell_dispatch(&mut self, c: usize, event: DispatchEvent) {
        let epoch = self.leader(c).epoch;
        let at = self.mail(c, 0);
        let life = self.coordinators[c].process.life;
        self.agenda.at(
            at,
            (Who::Coordinator(c, life), What::Coordinator(CoordinatorWhat::ToDispatch(epoch, event))),
        );
    }

    /// Tells a run, as actors do: later, in order.
    pub(super) fn tell_run(&mut self, c: usize, run: RunId, event: RunEvent) {
        let epoch = self.leader(c).epoch;
        let at = self.mail(c, 1);
        let life = self.coordinators[c].process.life;
        self.agenda.at(
            at,
            (Who::Coordinator(c, life), What::Coordinator(CoordinatorWhat::ToRun(epoch, run, event))),
        );
    }

    // ---- the gateway ----

    pub(super) fn frame(&mut self, c: usize, link: LinkId, frame: &[u8]) {
        let current = self.coordinators[c]
            .leader
            .as_ref()
            .is_some_and(|leader| leader.epoch.0 == self.links[link].epoch);
        if !current {
            return;
        }
        let FromWorker { worker, incarnation, fact } =
            wire::decode(&wire::Frame(frame.to_vec())).expect("a worker's frame");
        match fact {
            WorkerFact::Fetch { key, offset } => self.fetch(c, link, key, offset),
            WorkerFact::Hello(hello) => {
                let offers: Vec<AlgorithmDescriptor> =
                    serde_json::from_slice(&hello.algorithms).expect("a worker's algorithms");
                let offers = offers.into_iter().map(|offer| (offer.name, offer.version)).collect();
                self.leader(c).connections.insert((worker, incarnation), link);
                self.tell_dispatch(c, DispatchEvent::Hello { worker, incarnation, hello, offers });
            }
            fact => self.tell_dispatch(c, DispatchEvent::Heard { worker, incarnation, fact }),
        }
    }

    pub(super) fn unlinked(&mut self, c: usize, link: LinkId) {
        self.close_from_leader(link);
        let (worker, incarnation, epoch) = {
            let link = &self.links[link];
            (link.id, link.incarnation, link.epoch)
        };
        let known = self.coordinators[c].leader.as_mut().filter(|leader| leader.epoch.0 == epoch);
        if known.is_some_and(|leader| leader.connections.remove(&(worker, incarnation)).is_some()) {
            let now = self.agenda.now();
            self.story.tell(now, || format!("coordinator {c} sees the connection of {worker} end"));
            self.tell_dispatch(c, DispatchEvent::Unlinked { worker, incarnation });
        }
    }

    // ---- runs ----

    /// Something happened to a run.
    pub(super) fn happened(&mut self, c: usize, run: RunId, event: RunEvent) {
        let now = self.agenda.now();
        let leader = self.leader(c);
        let Some(course) = leader.courses.get_mut(&run) else { return };
        let name = event.name();
        let Ok(deeds) = course.on(event) else { return };
        let ended = course.ended();
        self.story.tell(now, || format!("coordinator {c}: run {run}: {name}"));
        if ended.is_some() {
            let leader = self.leader(c);
            leader.courses.remove(&run);
            leader.roster.ended(run);
        }
        self.carry_out(c, run, deeds);
    }

    fn carry_out(&mut self, c: usize, run: RunId, deeds: Vec<Deed>) {
        for deed in deeds {
            match deed {
                Deed::Keep(key, document) => self.leader(c).unstored.put(run, key, document),
                Deed::Write(fact) => self.submit(c, fact),
                Deed::Tell(event) => self.tell_dispatch(c, event),
            }
        }
    }

    fn begin_run(&mut self, c: usize, look: u64, stored: Resumed) {
        let run = stored.run.id;
        if !self.leader(c).roster.is_new(run, look) {
            return;
        }
        if let Some(deadline) = stored.run.deadline_at {
            let wait = asks::wait_until(deadline, self.agenda.now());
            let epoch = self.leader(c).epoch;
            self.coordinator_after(c, wait, CoordinatorWhat::ToRun(epoch, run, RunEvent::DeadlinePassed));
        }
        let (course, deeds) =
            Course::begin(stored, self.plan.settings.ahead.state_bytes).expect("what is stored is a run");
        let leader = self.leader(c);
        leader.courses.insert(run, course);
        leader.roster.began(run, ());
        self.carry_out(c, run, deeds);
    }

    // ---- the supervisor of runs ----

    pub(super) fn notice(&mut self, c: usize, run: RunId) {
        if self.leader(c).roster.is_unknown(run) {
            self.read_rows(c, vec![run], false);
        } else {
            self.leader(c).noticed.insert(run);
        }
    }

    pub(super) fn look(&mut self, c: usize) {
        if !std::mem::replace(&mut self.leader(c).looking, true) {
            let look = self.leader(c).roster.begin_look();
            self.ask(c, Question::Open(look));
        }
    }

    fn read_rows(&mut self, c: usize, asked: Vec<RunId>, more: bool) {
        self.leader(c).roster.begin_reading(&asked);
        let look = self.leader(c).roster.begin_look();
        self.ask(c, Question::Rows { asked, look, more });
    }

    pub(super) fn look_at_noticed(&mut self, c: usize) {
        let asked: Vec<RunId> = std::mem::take(&mut self.leader(c).noticed).into_iter().collect();
        if !asked.is_empty() {
            let look = self.leader(c).roster.begin_look();
            self.ask(c, Question::Phases { asked, look });
        }
    }

    pub(super) fn look_at_wishes(&mut self, c: usize) {
        self.ask(c, Question::Wishes);
    }

    /// Dispatch hears what operators want.
    pub(super) fn wishes(&mut self, c: usize, (paused, runs, wanted): Wishes) {
        let before = std::mem::replace(&mut self.leader(c).drained, wanted.clone());
        self.tell_dispatch(c, DispatchEvent::Paused(paused));
        self.tell_dispatch(c, DispatchEvent::RunsPaused(runs));
        for worker in before.into_iter().filter(|worker| !wanted.contains(worker)) {
            self.tell_dispatch(c, DispatchEvent::DrainAsked { worker, on: false });
        }
        for worker in wanted {
            self.tell_dispatch(c, DispatchEvent::DrainAsked { worker, on: true });
        }
    }

    // ---- questions to the database ----

    fn ask(&mut self, c: usize, question: Question) {
        let epoch = self.leader(c).epoch;
        let life = self.coordinators[c].process.life;
        let wait = self.dice.between(200, 3_000);
        self.agenda.after(wait, (Who::World, What::Question { c, life, epoch, question }));
    }

    /// The database answers, as it stands now; the answer travels.
    pub(super) fn question(&mut self, c: usize, question: Question) -> Answer {
        let reached = self.database_reached_by(c);
        let tables = &self.tables;
        match question {
            Question::Open(look) => Answer::Open(look, reached.then(|| tables.open_run_ids())),
            Question::Rows { asked, look, more } => {
                let rows = reached.then(|| tables.open_runs_of(&asked));
                Answer::Rows { asked, look, rows, more }
            }
            Question::Phases { asked, look } => {
                let phases = reached.then(|| tables.phases(&asked));
                Answer::Phases { asked, look, phases }
            }
            Question::Stored(run, look) => {
                Answer::Stored(run, look, reached.then(|| tables.resume(run).ok().map(Box::new)))
            }
            Question::Wishes => Answer::Wishes(reached.then(|| tables.wishes())),
        }
    }

    pub(super) fn answered(&mut self, c: usize, answer: Answer) {
        match answer {
            Answer::Open(number, open) => {
                self.leader(c).looking = false;
                let Some(open) = open else { return };
                let leader = self.leader(c);
                let look = leader.roster.compare(&open, number);
                leader.noticed.extend(look.missing);
                if !look.unknown.is_empty() {
                    self.read_rows(c, look.unknown, look.more);
                }
            }
            Answer::Rows { asked, look, rows, more } => {
                self.leader(c).roster.end_reading(&asked);
                let Some(rows) = rows else { return };
                for row in rows {
                    self.open_row(c, look, row);
                }
                if more {
                    self.look(c);
                }
            }
            Answer::Phases { asked, look, phases } => {
                let Some(phases) = phases else { return };
                let mut again = Vec::new();
                for run in asked {
                    match phases.get(&run) {
                        None | Some(RunPhase::Cancelled) => self.tell_run(c, run, RunEvent::EndedElsewhere),
                        Some(phase) if !phase.is_end() && self.leader(c).roster.is_new(run, look) => {
                            again.push(run);
                        }
                        Some(_) => {}
                    }
                }
                if !again.is_empty() {
                    self.read_rows(c, again, false);
                }
            }
            Answer::Stored(run, look, stored) => {
                self.leader(c).roster.end_reading(&[run]);
                if let Some(Some(stored)) = stored
                    && !stored.run.state.is_end()
                {
                    self.begin_run(c, look, *stored);
                }
            }
            Answer::Wishes(wishes) => {
                if let Some(wishes) = wishes {
                    self.wishes(c, wishes);
                }
            }
            Answer::Document(wanted) => self.serve(c, wanted),
        }
    }

    fn open_row(&mut self, c: usize, look: u64, row: RunRow) {
        let run = row.id;
        if !self.leader(c).roster.is_new(run, look) {
            return;
        }
        if row.stage.is_none() {
            return self.begin_run(c, look, Resumed { run: row, stages: Vec::new(), stored: Vec::new() });
        }
        self.leader(c).roster.begin_reading(&[run]);
        let look = self.leader(c).roster.begin_look();
        self.ask(c, Question::Stored(run, look));
    }
}
