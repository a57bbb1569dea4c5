//! Why runs wait, and who is told. Only runs of which something changed are looked at, and only so many at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::ids::RunId;

use super::event::{DispatchCommand, WaitingReason};
use super::fairness::AlgorithmNumber;
use super::runs::Run;
use super::scheduler::Scheduler;
use super::workers::{Presence, Worker};

/// Runs that are looked at in one tick: when the last worker goes, thousands of runs wait for another reason, and the
/// writer has better things to do than to say so at once.
const LOOKED_AT: usize = 500;

/// Who may wait for another reason than they were told.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Runs of which something changed, in that order; each says so itself ([`Run::unsure`]).
    unsure: VecDeque<RunId>,
    /// What keeps the runs of each algorithm waiting, apart from themselves, as of the last tick.
    prospects: BTreeMap<AlgorithmNumber, WaitingReason>,
}

impl Scheduler {
    /// Something changed of a run that its reason to wait depends on.
    pub(super) fn doubt_waiting(&mut self, id: RunId) {
        if let Some(run) = self.runs.get_mut(&id).filter(|run| !run.unsure) {
            run.unsure = true;
            self.waiting.unsure.push_back(id);
        }
    }

    /// Says what runs wait for, where that changed; returns at how many it looked.
    pub(super) fn tell_waiting(&mut self) -> usize {
        self.compare_prospects();
        let mut looked_at = 0;
        while looked_at < LOOKED_AT
            && let Some(id) = self.waiting.unsure.pop_front()
        {
            looked_at += 1;
            let Some(run) = self.runs.get(&id) else { continue };
            let reason = self.waits_for(run);
            let Some(run) = self.runs.get_mut(&id) else { continue };
            run.unsure = false;
            if run.told_waiting != reason {
                run.told_waiting.clone_from(&reason);
                self.command(DispatchCommand::Waiting { run: id, reason });
            }
        }
        looked_at
    }

    /// What a run waits for, with the prospects of its algorithm as of the last tick.
    pub(super) fn waits_for(&self, run: &Run) -> Option<WaitingReason> {
        if run.failed || !run.leases.is_empty() || run.table.runnable() == 0 {
            return None;
        }
        let prospect = self.waiting.prospects.get(&run.algorithm)?;
        let may_go_on = matches!(prospect, WaitingReason::Busy | WaitingReason::Database);
        Some(if may_go_on && run.held_until.is_some() { WaitingReason::Listening } else { prospect.clone() })
    }

    /// Doubts every run of the algorithms whose prospects changed.
    fn compare_prospects(&mut self) {
        let prospects = self.prospects();
        if prospects == self.waiting.prospects {
            return;
        }
        let changed = |run: &Run| self.waiting.prospects.get(&run.algorithm) != prospects.get(&run.algorithm);
        let doubtful: Vec<RunId> =
            self.runs.iter().filter(|(_, run)| changed(run)).map(|(id, _)| *id).collect();
        self.waiting.prospects = prospects;
        for id in doubtful {
            self.doubt_waiting(id);
        }
    }

    /// What keeps a run of each algorithm waiting that nothing of its own holds back.
    fn prospects(&self) -> BTreeMap<AlgorithmNumber, WaitingReason> {
        let connected = || self.workers.values().filter(|worker| worker.presence == Presence::Ready);
        let anyone = connected().next().is_some();
        let able = offered_by(connected());
        let ready = offered_by(connected().filter(|worker| worker.is_ready()));
        let prospect = |(algorithm, version): &(String, u32), number: AlgorithmNumber| {
            if self.paused {
                WaitingReason::Paused
            } else if !anyone {
                WaitingReason::NoWorker
            } else if !able.contains(&number) {
                WaitingReason::NoWorkerOffers { algorithm: algorithm.clone(), version: *version }
            } else if !ready.contains(&number) {
                WaitingReason::Draining
            } else if self.writer_bytes >= self.settings.writer_bytes {
                WaitingReason::Database
            } else {
                WaitingReason::Busy
            }
        };
        self.algorithms.iter().map(|(name, &number)| (number, prospect(name, number))).collect()
    }
}

fn offered_by<'a>(workers: impl Iterator<Item = &'a Worker>) -> BTreeSet<AlgorithmNumber> {
    workers.flat_map(|worker| &worker.algorithms).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common::clock::Timestamp;
    use common::ids::{Epoch, StageIndex, WorkerId};
    use common::protocol::{Heartbeat, Hello};
    use uuid::Uuid;

    use super::*;
    use crate::dispatch::event::{DispatchEvent, DispatchSettings, RunOffer, Work};

    const RUNS: u32 = 10_000;

    fn run(number: u32) -> RunId {
        RunId(Uuid::from_u128(u128::from(number)))
    }

    /// A scheduler in which as many runs were submitted and nobody works.
    fn crowded() -> Scheduler {
        let patient = Duration::from_hours(1);
        let settings = DispatchSettings { suspect: patient, silence: patient, ..DispatchSettings::default() };
        let mut scheduler = Scheduler::new(Epoch(1), settings, Timestamp(0));
        for number in 0..RUNS {
            let offer = RunOffer {
                run: run(number),
                algorithm: ("spin".to_owned(), 1),
                submitter: "ann".to_owned(),
                priority: 0,
                submitted_us: i64::from(number),
            };
            let work = Work::Advance { stage: StageIndex(0) };
            let event = DispatchEvent::Ready { offer, work, resumed: false };
            assert_eq!(scheduler.on(event, Timestamp(0)), []);
        }
        scheduler
    }

    /// Ticks until nobody is in doubt; counts ticks and what was told.
    fn settle(scheduler: &mut Scheduler) -> (usize, usize) {
        let (mut ticks, mut told) = (0, 0);
        while ticks == 0 || !scheduler.waiting.unsure.is_empty() {
            let now = scheduler.now.after(Duration::from_millis(100));
            let orders = scheduler.on(DispatchEvent::Tick, now);
            let waiting = |order: &&DispatchCommand| matches!(order, DispatchCommand::Waiting { .. });
            let now_told = orders.iter().filter(waiting).count();
            assert!(now_told <= LOOKED_AT, "{now_told} in one tick");
            (ticks, told) = (ticks + 1, told + now_told);
        }
        (ticks, told)
    }

    #[test]
    fn ten_thousand_queued_runs_cost_nothing_while_nothing_changes() {
        let mut scheduler = crowded();
        let runs = RUNS as usize;
        assert_eq!(settle(&mut scheduler), (runs.div_ceil(LOOKED_AT), runs), "each is told once, bit by bit");
        assert_eq!(scheduler.tell_waiting(), 0, "nothing changed: nobody is looked at");
        scheduler.doubt_waiting(run(7));
        scheduler.doubt_waiting(run(7));
        assert_eq!(scheduler.tell_waiting(), 1, "only the one of which something changed");

        let hello = Hello {
            build: "0.1.0".to_owned(),
            host: "here".to_owned(),
            lanes: 1,
            labels: Vec::new(),
            algorithms: Vec::new(),
            held: Heartbeat::default(),
        };
        let worker = WorkerId(Uuid::from_u128(1));
        let offers = vec![("spin".to_owned(), 1)];
        let now = scheduler.now;
        let _ = scheduler.on(DispatchEvent::Hello { worker, incarnation: 1, hello, offers }, now);
        let (_, told) = settle(&mut scheduler);
        assert_eq!(
            told, runs,
            "those without a lane are told that they wait for one, the others for nothing"
        );
        assert_eq!(scheduler.tell_waiting(), 0);
    }
}
