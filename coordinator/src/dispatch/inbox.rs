//! Results too large to be sent unasked: announced, asked for when the pool of result bytes allows it, received in
//! pieces.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{LeaseId, RunId, WorkerId};
use common::limits::RESULT_BYTES;
use common::protocol::{Announcement, ResultKey};

use super::leases::Point;

/// A result on its way that has not moved for so long is asked for again.
const STALLED: Duration = Duration::from_secs(2);

/// What a result is of, whoever computed it.
pub type Place = (RunId, Point, u32);

/// The place of the result that `key` names; an advance has shard 0.
pub fn place(key: &ResultKey) -> Place {
    (key.run, Point::of(key.stage, key.shard), key.shard.unwrap_or(0))
}

/// Announced results and those being received.
#[derive(Debug, Default)]
pub struct Inbox {
    entries: BTreeMap<Place, Entry>,
    /// What waits to be asked for, of each worker in the order in which it was announced, with the number of that.
    waiting: BTreeMap<WorkerId, VecDeque<(u64, Place)>>,
    /// Announcements so far.
    announced: u64,
    waiting_bytes: BTreeMap<WorkerId, u64>,
    lent_bytes: u64,
    /// The same for each worker.
    lent_to: BTreeMap<WorkerId, u64>,
}

#[derive(Debug)]
struct Entry {
    worker: WorkerId,
    news: Announcement,
    /// Whether its lease counts it as announced.
    counted: bool,
    /// What has arrived and when the last piece did; none while it was not asked for.
    receiving: Option<(Vec<u8>, Timestamp)>,
}

/// A result that is no longer announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// What was announced.
    pub news: Announcement,
    /// Whether its lease counts it as announced.
    pub counted: bool,
}

/// What a piece led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// The whole result is here, and no longer announced.
    Whole(Dropped, Vec<u8>),
    /// More is to come.
    Part,
    /// The piece fits nothing that was asked for.
    Unexpected,
}

impl Inbox {
    /// Notes an announcement, which `counted` says its lease counts. False if the same result is announced by another
    /// worker, or under another lease.
    pub fn announce(&mut self, worker: WorkerId, news: Announcement, counted: bool) -> bool {
        let place = place(&news.key);
        let other = |entry: &Entry| entry.worker != worker || entry.news.key.lease != news.key.lease;
        if self.entries.get(&place).is_some_and(other) {
            return false;
        }
        // announced again after a reconnection: what was asked for over the old connection is lost
        let counted = self.drop_entry(&place).map_or(counted, |before| before.counted);
        self.entries.insert(place, Entry { worker, news, counted, receiving: None });
        *self.waiting_bytes.entry(worker).or_default() += news.bytes;
        self.announced += 1;
        self.waiting.entry(worker).or_default().push_back((self.announced, place));
        true
    }

    /// The next result to ask for within `free` bytes of the pool, and so that no worker has more than `each` bytes on
    /// their way; any, if nothing is on its way at all, or from its worker.
    pub fn ask(&mut self, free: u64, each: u64, now: Timestamp) -> Option<(WorkerId, Announcement)> {
        self.forget_stale_heads();
        let heads = self.waiting.iter().filter_map(|(worker, queue)| Some((*worker, *queue.front()?)));
        let has_room = |(worker, (_, place)): &(WorkerId, (u64, Place))| {
            let lent = self.lent_to(*worker);
            let bytes = self.entries.get(place).map_or(0, |entry| entry.news.bytes);
            lent == 0 || lent + bytes <= each
        };
        let (worker, (_, place)) = heads.filter(has_room).min_by_key(|(_, (number, _))| *number)?;
        let entry = self.entries.get_mut(&place)?;
        if entry.news.bytes > free && self.lent_bytes > 0 {
            return None;
        }
        entry.receiving = Some((Vec::new(), now));
        let news = entry.news;
        self.lend(worker, news.bytes);
        if let Some(queue) = self.waiting.get_mut(&worker) {
            queue.pop_front();
        }
        self.no_longer_waits(worker, news.bytes);
        Some((worker, news))
    }

    /// Passes over what was dropped or asked for since it was announced, where it would come next.
    fn forget_stale_heads(&mut self) {
        let entries = &self.entries;
        self.waiting.retain(|worker, queue| {
            let waits = |place: &Place| {
                entries.get(place).is_some_and(|entry| entry.worker == *worker && entry.receiving.is_none())
            };
            while queue.front().is_some_and(|(_, place)| !waits(place)) {
                queue.pop_front();
            }
            !queue.is_empty()
        });
    }

    fn lend(&mut self, worker: WorkerId, bytes: u64) {
        self.lent_bytes += bytes;
        *self.lent_to.entry(worker).or_default() += bytes;
    }

    fn take_back(&mut self, worker: WorkerId, bytes: u64) {
        self.lent_bytes -= bytes;
        if let Some(lent) = self.lent_to.get_mut(&worker) {
            *lent -= bytes;
            if *lent == 0 {
                self.lent_to.remove(&worker);
            }
        }
    }

    /// Takes a piece of a result that was asked for.
    #[allow(clippy::cast_possible_truncation)] // bounded by RESULT_BYTES
    pub fn receive(
        &mut self,
        worker: WorkerId,
        key: &ResultKey,
        offset: u64,
        total: u64,
        bytes: &[u8],
        now: Timestamp,
    ) -> Received {
        let place = place(key);
        let Some(entry) = self.entries.get_mut(&place).filter(|entry| entry.worker == worker) else {
            return Received::Unexpected;
        };
        let Some((buffer, moved_at)) = &mut entry.receiving else { return Received::Unexpected };
        let end = offset.saturating_add(bytes.len() as u64);
        if offset != buffer.len() as u64 || end > total || total > RESULT_BYTES as u64 {
            return Received::Unexpected;
        }
        if buffer.is_empty() {
            buffer.reserve_exact(total as usize);
        }
        buffer.extend_from_slice(bytes);
        *moved_at = now;
        if end < total {
            return Received::Part;
        }
        match self.entries.remove(&place) {
            Some(Entry { news, counted, receiving: Some((buffer, _)), .. }) => {
                self.take_back(worker, news.bytes);
                Received::Whole(Dropped { news, counted }, buffer)
            }
            _ => Received::Unexpected,
        }
    }

    /// Results on their way that have not moved for a while, with the offset from which to ask again.
    pub fn stalled(&mut self, now: Timestamp) -> Vec<(WorkerId, ResultKey, u64)> {
        let mut again = Vec::new();
        for entry in self.entries.values_mut() {
            if let Some((buffer, moved_at)) = &mut entry.receiving
                && now.since(*moved_at) > STALLED
            {
                *moved_at = now;
                again.push((entry.worker, entry.news.key, buffer.len() as u64));
            }
        }
        again
    }

    /// Whether the result is announced or on its way.
    pub fn contains(&self, place: &Place) -> bool {
        self.entries.contains_key(place)
    }

    /// Forgets the announced results that `unwanted` names.
    pub fn forget(&mut self, unwanted: impl Fn(&Place, WorkerId) -> bool) {
        let places: Vec<Place> = (self.entries.iter())
            .filter(|(place, entry)| unwanted(place, entry.worker))
            .map(|(place, _)| *place)
            .collect();
        for place in places {
            self.drop_entry(&place);
        }
    }

    /// Forgets one announced result.
    pub fn drop_entry(&mut self, place: &Place) -> Option<Dropped> {
        let Entry { worker, news, counted, receiving } = self.entries.remove(place)?;
        if receiving.is_some() {
            self.take_back(worker, news.bytes);
        } else {
            self.no_longer_waits(worker, news.bytes);
        }
        Some(Dropped { news, counted })
    }

    fn no_longer_waits(&mut self, worker: WorkerId, bytes: u64) {
        if let Some(waiting) = self.waiting_bytes.get_mut(&worker) {
            *waiting -= bytes;
            if *waiting == 0 {
                self.waiting_bytes.remove(&worker);
            }
        }
    }

    /// Announced bytes of `worker` that were not asked for.
    pub fn waiting_bytes(&self, worker: WorkerId) -> u64 {
        self.waiting_bytes.get(&worker).copied().unwrap_or(0)
    }

    /// Checks the sums; for tests.
    ///
    /// # Panics
    /// If they are wrong.
    pub fn check(&self) {
        let lent =
            self.entries.values().filter(|entry| entry.receiving.is_some()).map(|entry| entry.news.bytes);
        assert_eq!(lent.sum::<u64>(), self.lent_bytes, "bytes lent to results on their way");
        assert_eq!(self.lent_to.values().sum::<u64>(), self.lent_bytes, "bytes lent to each worker");
        for (place, entry) in self.entries.iter().filter(|(_, entry)| entry.receiving.is_none()) {
            let waits =
                self.waiting.get(&entry.worker).is_some_and(|queue| queue.iter().any(|(_, p)| p == place));
            assert!(waits, "{} waits for ever", entry.news.key.run);
        }
        let waiting =
            self.entries.values().filter(|entry| entry.receiving.is_none()).map(|entry| entry.news.bytes);
        assert_eq!(waiting.sum::<u64>(), self.waiting_bytes.values().sum::<u64>(), "bytes that wait");
    }

    /// How many results are announced, or on their way, under a lease; for tests.
    pub fn announced_under(&self, lease: LeaseId) -> u32 {
        let entries = self.entries.values().filter(|entry| entry.news.key.lease == lease);
        u32::try_from(entries.count()).unwrap_or(u32::MAX)
    }

    /// How many results are on their way; for tests.
    pub fn receiving(&self) -> usize {
        self.entries.values().filter(|entry| entry.receiving.is_some()).count()
    }

    /// Bytes of the pool lent to results on their way from a worker.
    pub fn lent_to(&self, worker: WorkerId) -> u64 {
        self.lent_to.get(&worker).copied().unwrap_or(0)
    }

    /// Bytes of the pool lent to results on their way.
    pub const fn lent_bytes(&self) -> u64 {
        self.lent_bytes
    }

    /// Whether nothing is announced or on its way.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use common::ids::StageIndex;
    use uuid::Uuid;

    use super::*;

    const ANN: WorkerId = WorkerId(Uuid::from_u128(1));
    const BOB: WorkerId = WorkerId(Uuid::from_u128(2));
    const NOW: Timestamp = Timestamp(0);

    fn news(shard: u32, bytes: u64) -> Announcement {
        let run = RunId(Uuid::from_u128(9));
        let key = ResultKey { lease: LeaseId(7), run, stage: StageIndex(0), shard: Some(shard) };
        Announcement { key, bytes, started_us: 0, cpu_us: 0, wall_us: 0 }
    }

    #[test]
    fn results_are_asked_for_as_the_pool_allows() {
        let mut inbox = Inbox::default();
        assert!(inbox.announce(ANN, news(0, 70), true));
        assert!(inbox.announce(BOB, news(1, 50), true));
        assert!(!inbox.announce(BOB, news(0, 70), true), "a copy's result is not asked for as well");
        assert_eq!(inbox.waiting_bytes(BOB), 50);

        let ask = |inbox: &mut Inbox, free| inbox.ask(free, u64::MAX, NOW);
        assert_eq!(ask(&mut inbox, 60), Some((ANN, news(0, 70))), "what is larger than the pool goes alone");
        assert_eq!(ask(&mut inbox, 0), None);
        let piece = [1; 70];
        let key = news(0, 70).key;
        assert_eq!(inbox.receive(ANN, &key, 0, 70, &piece[..40], NOW), Received::Part);
        assert_eq!(inbox.receive(ANN, &key, 60, 70, &piece[..10], NOW), Received::Unexpected, "a gap");
        assert_eq!(inbox.receive(BOB, &key, 40, 70, &piece[..30], NOW), Received::Unexpected, "not asked");
        let whole = inbox.receive(ANN, &key, 40, 70, &piece[..30], NOW);
        assert_eq!(whole, Received::Whole(Dropped { news: news(0, 70), counted: true }, piece.to_vec()));
        assert_eq!(inbox.lent_bytes(), 0);
        assert_eq!(ask(&mut inbox, 60), Some((BOB, news(1, 50))));
    }

    #[test]
    fn a_worker_with_much_on_its_way_is_asked_later_and_holds_up_no_other() {
        let mut inbox = Inbox::default();
        for shard in 0..3 {
            inbox.announce(ANN, news(shard, 40), true);
        }
        inbox.announce(BOB, news(3, 90), true);
        let mut ask = || inbox.ask(1_000, 80, NOW).map(|(worker, news)| (worker, news.key.shard));
        assert_eq!([ask(), ask()], [Some((ANN, Some(0))), Some((ANN, Some(1)))]);
        assert_eq!(ask(), Some((BOB, Some(3))), "what is larger than a worker may have goes alone");
        assert_eq!(ask(), None);
        inbox.check();
        inbox.receive(ANN, &news(0, 40).key, 0, 40, &[0; 40], NOW);
        assert_eq!((inbox.lent_to(ANN), inbox.lent_to(BOB)), (40, 90));
        assert_eq!(inbox.ask(1_000, 80, NOW), Some((ANN, news(2, 40))));
        inbox.check();
    }

    #[test]
    fn what_stalls_is_asked_for_again_and_a_reconnection_starts_over() {
        let mut inbox = Inbox::default();
        inbox.announce(ANN, news(0, 70), true);
        inbox.ask(100, 100, NOW);
        let key = news(0, 70).key;
        inbox.receive(ANN, &key, 0, 70, &[0; 30], NOW);
        let later = NOW.after(Duration::from_secs(3));
        assert_eq!(inbox.stalled(later), [(ANN, key, 30)]);
        assert_eq!(inbox.stalled(later), []);
        assert!(inbox.announce(ANN, news(0, 70), true));
        assert_eq!(inbox.lent_bytes(), 0);
        assert_eq!(inbox.ask(100, 100, later), Some((ANN, news(0, 70))));
        inbox.forget(|_, worker| worker == ANN);
        assert_eq!((inbox.lent_bytes(), inbox.is_empty()), (0, true));
        assert_eq!(inbox.ask(100, 100, later), None);
    }
}
