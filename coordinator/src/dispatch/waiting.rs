//! Why runs wait, and who is told. Only runs of which something changed are looked at, and only so many at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::ids::RunId;

use super::event::{DispatchCommand, WaitingReason};
use super::leases::Kind;
use super::needs::{Need, NeedNumber};
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
    /// What keeps the runs with each need waiting, apart from themselves, as of the last tick.
    prospects: BTreeMap<NeedNumber, WaitingReason>,
    /// Submitters that used as many lanes as they may, as of the last tick.
    at_quota: BTreeSet<String>,
    /// Submitters for whom no further stage may be opened, as of the last tick.
    held_back: BTreeSet<String>,
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

    /// What a run waits for, with the prospects of its need as of the last tick.
    pub(super) fn waits_for(&self, run: &Run) -> Option<WaitingReason> {
        if run.failed {
            return None;
        }
        if run.paused {
            return Some(WaitingReason::RunPaused); // what runs of it goes on all the same
        }
        if !run.leases.is_empty() {
            return None;
        }
        if run.table.runnable() == 0 {
            return run.table.next_resting().map(|shard| WaitingReason::Backoff { shard });
        }
        let prospect = self.waiting.prospects.get(&run.need)?;
        let may_go_on =
            matches!(prospect, WaitingReason::Busy | WaitingReason::MemoryInUse | WaitingReason::Database);
        let opens = run.point.kind == Kind::Advance;
        Some(if may_go_on && run.held_until.is_some() {
            WaitingReason::Listening
        } else if may_go_on && opens && self.waiting.held_back.contains(&run.offer.submitter) {
            WaitingReason::Planned { most: self.settings.planned_shards }
        } else if may_go_on && self.waiting.at_quota.contains(&run.offer.submitter) {
            WaitingReason::Quota { lanes: self.settings.user_lanes }
        } else {
            prospect.clone()
        })
    }

    /// Doubts every run whose need has other prospects now, or whose submitter came to a bound or below it.
    fn compare_prospects(&mut self) {
        let (prospects, at_quota) = (self.prospects(), self.submitters_at_quota());
        let held_back: BTreeSet<String> = self.planned.held_back().cloned().collect();
        let waiting = &self.waiting;
        if prospects == waiting.prospects && at_quota == waiting.at_quota && held_back == waiting.held_back {
            return;
        }
        let changed = |run: &Run| {
            let submitter = &run.offer.submitter;
            waiting.prospects.get(&run.need) != prospects.get(&run.need)
                || waiting.at_quota.contains(submitter) != at_quota.contains(submitter)
                || waiting.held_back.contains(submitter) != held_back.contains(submitter)
        };
        let doubtful: Vec<RunId> =
            self.runs.iter().filter(|(_, run)| changed(run)).map(|(id, _)| *id).collect();
        self.waiting.prospects = prospects;
        self.waiting.at_quota = at_quota;
        self.waiting.held_back = held_back;
        for id in doubtful {
            self.doubt_waiting(id);
        }
    }

    fn submitters_at_quota(&self) -> BTreeSet<String> {
        let quota = self.settings.user_lanes;
        let usage = self.fair.usage(self.now).filter(|usage| quota > 0 && usage.lanes >= quota);
        usage.map(|usage| usage.submitter.to_owned()).collect()
    }

    /// What keeps a run with each need waiting that nothing of its own holds back.
    fn prospects(&self) -> BTreeMap<NeedNumber, WaitingReason> {
        let connected = || self.workers.values().filter(|worker| worker.presence == Presence::Ready);
        let anyone = connected().next().is_some();
        let prospect = |need: &Need, number: NeedNumber| {
            if self.paused {
                return WaitingReason::Paused;
            }
            if !anyone {
                return WaitingReason::NoWorker;
            }
            if !connected().any(|worker| worker.meets.contains(&number)) {
                return lacking(need, connected());
            }
            let mut ready =
                connected().filter(|worker| worker.is_ready() && worker.meets.contains(&number)).peekable();
            if ready.peek().is_none() {
                WaitingReason::Draining
            } else if self.writer_bytes >= self.settings.writer_bytes {
                WaitingReason::Database
            } else if ready.any(|worker| worker.free_lanes() > 0 && self.is_out_of_memory(worker, need)) {
                WaitingReason::MemoryInUse
            } else {
                WaitingReason::Busy
            }
        };
        self.needs.iter().map(|(need, number)| (number, prospect(need, number))).collect()
    }

    fn is_out_of_memory(&self, worker: &Worker, need: &Need) -> bool {
        worker.short_of_memory || !worker.has_memory_for(need.memory_bytes, &self.leases)
    }
}

/// What none of the connected workers has of a need.
fn lacking<'a>(need: &Need, connected: impl Iterator<Item = &'a Worker>) -> WaitingReason {
    let (algorithm, version) = &need.algorithm;
    let offering: Vec<&Worker> = connected.filter(|worker| worker.offers.contains(&need.algorithm)).collect();
    if offering.is_empty() {
        return WaitingReason::NoWorkerOffers { algorithm: algorithm.clone(), version: *version };
    }
    let labelled = offering.iter().filter(|worker| worker.carries(&need.labels));
    if let Some(most) = labelled.map(|worker| worker.memory_limit_bytes).max() {
        return WaitingReason::Memory { wanted_mib: need.memory_bytes >> 20, most_mib: most >> 20 };
    }
    let nowhere = need.labels.iter().filter(|(key, value)| {
        !offering.iter().any(|worker| worker.labels.iter().any(|(k, v)| (k, v) == (*key, *value)))
    });
    let nowhere: BTreeMap<String, String> =
        nowhere.map(|(key, value)| (key.clone(), value.clone())).collect();
    let missing = if nowhere.is_empty() { need.labels.clone() } else { nowhere };
    WaitingReason::Label { algorithm: algorithm.clone(), missing }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common::clock::Timestamp;
    use common::ids::{Epoch, StageIndex, WorkerId};
    use common::protocol::{Heartbeat, Hello};
    use uuid::Uuid;

    use super::*;
    use crate::dispatch::event::{DispatchEvent, DispatchSettings, RunOffer, RunWants, Work};

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
                wants: RunWants::default(),
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
