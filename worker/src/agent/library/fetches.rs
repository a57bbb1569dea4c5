//! Documents on their way: asked for piece by piece, asked for again when no answer comes, given up in the end.

use std::time::Duration;

use common::clock::Timestamp;
use common::limits::RESULT_BYTES;
use common::protocol::DocumentKey;

use super::LibraryAction;

/// After this long without an answer the question is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// How often a document may turn out unavailable or damaged before its tasks fail.
pub(super) const TRIES: u32 = 5;

/// Wait before asking again for what was unavailable.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The largest document that is fetched: no result is larger, and no input or state comes near it.
const DOCUMENT_BYTES: u64 = RESULT_BYTES as u64 + (2 << 20);

/// What a piece means to the document it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Nobody asked for it, or not for this one: a repetition is ordinary.
    Unasked,
    /// More is to come.
    Next(LibraryAction),
    /// It was the last one.
    Whole(Vec<u8>),
    /// It cannot be right.
    Damaged,
}

/// Every document that is being fetched, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    under_way: Vec<Fetch>,
    /// Whether there is somebody to ask.
    online: bool,
}

#[derive(Debug)]
struct Fetch {
    key: DocumentKey,
    bytes: Vec<u8>,
    asked: Timestamp,
    tries: u32,
    /// Ask not before; set after a failure.
    pause: Option<Timestamp>,
}

impl Fetch {
    /// Asks for what follows the bytes that are here.
    fn ask(&mut self, now: Timestamp) -> LibraryAction {
        self.asked = now;
        self.pause = None;
        LibraryAction::Fetch { key: self.key, offset: self.bytes.len() as u64 }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.pause.map_or_else(|| now.since(self.asked) > ASK_AGAIN, |pause| now >= pause)
    }
}

impl Fetches {
    /// Whether there is somebody to ask. Coming online repeats every open question.
    pub(super) fn online(&mut self, online: bool, now: Timestamp) -> Vec<LibraryAction> {
        self.online = online;
        if !online {
            return Vec::new();
        }
        self.under_way.iter_mut().map(|fetch| fetch.ask(now)).collect()
    }

    /// Repeats the questions that got no answer for too long.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<LibraryAction> {
        if !self.online {
            return Vec::new();
        }
        self.under_way.iter_mut().filter(|fetch| fetch.is_due(now)).map(|fetch| fetch.ask(now)).collect()
    }

    /// Begins to fetch a document, unless it is being fetched.
    pub(super) fn begin(&mut self, key: DocumentKey, now: Timestamp) -> Option<LibraryAction> {
        if self.find(key).is_some() {
            return None;
        }
        self.under_way.push(Fetch { key, bytes: Vec::new(), asked: now, tries: 0, pause: None });
        self.online.then_some(LibraryAction::Fetch { key, offset: 0 })
    }

    /// A piece came in.
    pub(super) fn piece(
        &mut self,
        key: DocumentKey,
        offset: u64,
        total: u64,
        bytes: &[u8],
        now: Timestamp,
    ) -> Piece {
        let Some(fetch) = self.find(key).filter(|fetch| fetch.bytes.len() as u64 == offset) else {
            return Piece::Unasked;
        };
        let have = offset + bytes.len() as u64;
        if total > DOCUMENT_BYTES || have > total || (bytes.is_empty() && total > 0) {
            return Piece::Damaged;
        }
        fetch.bytes.extend_from_slice(bytes);
        if have < total {
            return Piece::Next(fetch.ask(now));
        }
        fetch.asked = now;
        Piece::Whole(std::mem::take(&mut fetch.bytes))
    }

    /// Drops what is here of a document: it is fetched from its beginning when it is asked for again.
    pub(super) fn start_over(&mut self, key: DocumentKey) {
        if let Some(fetch) = self.find(key) {
            fetch.bytes.clear();
        }
    }

    /// Counts failures; says whether the document is given up, because there were [`TRIES`] of them.
    pub(super) fn fail(&mut self, key: DocumentKey, failures: u32, now: Timestamp) -> bool {
        let Some(fetch) = self.find(key) else { return false };
        fetch.tries += failures;
        if fetch.tries < TRIES {
            fetch.pause = Some(now.after(TRY_AGAIN));
            return false;
        }
        self.end(key);
        true
    }

    /// The document is here, or of no use any more.
    pub(super) fn end(&mut self, key: DocumentKey) {
        self.under_way.retain(|fetch| fetch.key != key);
    }

    /// Goes on with these documents only.
    pub(super) fn keep_only(&mut self, needed: &[DocumentKey]) {
        self.under_way.retain(|fetch| needed.contains(&fetch.key));
    }

    fn find(&mut self, key: DocumentKey) -> Option<&mut Fetch> {
        self.under_way.iter_mut().find(|fetch| fetch.key == key)
    }
}
