//! Serves documents to workers in pieces: the receiver sets the pace, and what many ask for is read once.
//!
//! Inputs and states are read block by block, whatever their size; what is small by nature (orders) or cut to a size
//! (pages of partial results) is read whole.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use common::limits::PIECE_BYTES;
use common::protocol::{DocumentKey, WorkerCommand};
use common::wire;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use tokio::sync::Semaphore;

use super::agents::{Agents, Connection};
use super::unstored::Unstored;
use crate::store::documents::{BLOCK_BYTES, Block};
use crate::store::{Store, StoreError};

/// Documents read from the database at a time: a part of the pool's connections.
const READS: usize = 4;

/// About how many bytes a page of partial results takes: few round trips, and little memory on both sides.
const PAGE_BYTES: usize = 4 << 20;

/// Serves documents.
pub struct DocumentsActor;

/// What the documents actor is told.
#[derive(RactorMessage)]
pub enum DocumentsMessage {
    /// A worker wants a piece.
    Fetch {
        /// Who.
        to: Connection,
        /// Of which document.
        key: DocumentKey,
        /// From which byte on.
        offset: u64,
    },
    /// A part of a document was read, or cannot be.
    Read(Part, Result<Found, StoreError>),
}

/// What is read, and kept, at a time: the part of a document that begins at a byte.
pub type Part = (DocumentKey, u64);

/// A part that was read.
#[derive(Clone, Debug)]
pub struct Found {
    block: Block,
    /// What its reader will want next, if that is to be read meanwhile.
    next: Option<Part>,
}

/// What the documents actor begins with.
pub struct DocumentsArguments {
    /// Where documents are.
    pub store: Store,
    /// How workers are reached.
    pub agents: Agents,
    /// Documents that are ahead of the database.
    pub unstored: Unstored,
    /// Bytes of documents kept in memory.
    pub cache_bytes: usize,
}

/// Documents in memory and those being read.
pub struct DocumentsState {
    around: DocumentsArguments,
    reads: Arc<Semaphore>,
    cache: Cache,
    /// Who waits for what is being read, and from which byte on.
    reading: HashMap<Part, Vec<(Connection, u64)>>,
}

impl Actor for DocumentsActor {
    type Msg = DocumentsMessage;
    type State = DocumentsState;
    type Arguments = DocumentsArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<DocumentsMessage>,
        around: DocumentsArguments,
    ) -> Result<DocumentsState, ActorProcessingErr> {
        let cache = Cache::new(around.cache_bytes);
        Ok(DocumentsState { around, reads: Arc::new(Semaphore::new(READS)), cache, reading: HashMap::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<DocumentsMessage>,
        message: DocumentsMessage,
        state: &mut DocumentsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DocumentsMessage::Fetch { to, key, offset } => {
                let part = part(key, offset);
                if let Some(document) = state.around.unstored.get(&key) {
                    let found = whole(document);
                    state.around.agents.send(to, piece((key, 0), offset, &found.block));
                    // the database may have it by the time it is asked for again, and would be asked
                    state.cache.put((key, 0), found);
                } else if let Some(found) = state.cache.get(&part) {
                    state.around.agents.send(to, piece(part, offset, &found.block));
                    if offset == part.1 {
                        state.read_ahead(&myself, found.next);
                    }
                } else if let Some(waiting) = state.reading.get_mut(&part) {
                    waiting.push((to, offset));
                } else {
                    state.read(&myself, part, vec![(to, offset)]);
                }
            }
            DocumentsMessage::Read(part, found) => {
                let waiting = state.reading.remove(&part).unwrap_or_default();
                if let Ok(found) = &found {
                    state.cache.put(part, found.clone());
                    // of what was read ahead itself nothing more is wanted yet
                    state.read_ahead(&myself, found.next.filter(|_| !waiting.is_empty()));
                }
                for (to, offset) in waiting {
                    let answer = match &found {
                        Ok(found) => piece(part, offset, &found.block),
                        Err(error) => {
                            let key = part.0;
                            tracing::warn!(worker = %to.0, ?key, %error, "a document cannot be served");
                            let forever = matches!(error, StoreError::NotFound(_));
                            WorkerCommand::Unavailable { key, reason: error.to_string(), forever }
                        }
                    };
                    state.around.agents.send(to, answer);
                }
            }
        }
        Ok(())
    }
}

impl DocumentsState {
    /// Begins to read a part for those who wait.
    fn read(&mut self, myself: &ActorRef<DocumentsMessage>, part: Part, waiting: Vec<(Connection, u64)>) {
        self.reading.insert(part, waiting);
        let (store, reads, myself) = (self.around.store.clone(), Arc::clone(&self.reads), myself.clone());
        tokio::spawn(async move {
            let _turn = reads.acquire_owned().await;
            let _ = myself.cast(DocumentsMessage::Read(part, read(&store, part).await));
        });
    }

    /// Reads what will be wanted next, while what is wanted now is on its way.
    fn read_ahead(&mut self, myself: &ActorRef<DocumentsMessage>, next: Option<Part>) {
        if let Some(part) = next.filter(|part| !self.reading.contains_key(part) && !self.cache.has(part)) {
            self.read(myself, part, Vec::new());
        }
    }
}

/// The part of a document in which a byte lies.
fn part(key: DocumentKey, offset: u64) -> Part {
    const BLOCK: u64 = BLOCK_BYTES as u64;
    match key {
        DocumentKey::Input(_) | DocumentKey::State { .. } => (key, offset / BLOCK * BLOCK),
        DocumentKey::Run(_) | DocumentKey::Partials { .. } => (key, 0),
    }
}

/// All of a document as one block: what is not stored yet is smaller than one.
fn whole(bytes: Bytes) -> Found {
    alone(Block { total: bytes.len() as u64, bytes })
}

/// A part after which nothing is read ahead.
fn alone(block: Block) -> Found {
    Found { block, next: None }
}

async fn read(store: &Store, (key, from): Part) -> Result<Found, StoreError> {
    match key {
        DocumentKey::Run(run) => store.run_spec(run).await.map(whole),
        DocumentKey::Input(hash) => store.document_block(hash, from).await.map(alone),
        DocumentKey::State { run, stage } => store.state_block(run, stage, from).await.map(alone),
        DocumentKey::Partials { run, stage, from } => {
            let page = store.partials_page(run, stage, from, PAGE_BYTES).await?;
            let next = page.next.map(|from| (DocumentKey::Partials { run, stage, from }, 0));
            let packed = wire::pack(&page).map(Bytes::from);
            packed
                .map(|bytes| Found { next, ..whole(bytes) })
                .map_err(|error| StoreError::Internal(error.to_string()))
        }
    }
}

/// The piece of a document that begins at `offset`, which lies in `block`; beyond the end an empty one.
fn piece((key, from): Part, offset: u64, block: &Block) -> WorkerCommand {
    let begin = usize::try_from(offset - from).unwrap_or(usize::MAX).min(block.bytes.len());
    let end = begin.saturating_add(PIECE_BYTES).min(block.bytes.len());
    WorkerCommand::Piece { key, offset, total: block.total, bytes: block.bytes[begin..end].to_vec() }
}

/// The parts used last, up to a number of bytes.
struct Cache {
    most_bytes: usize,
    bytes: usize,
    uses: u64,
    parts: HashMap<Part, (Found, u64)>,
}

impl Cache {
    fn new(most_bytes: usize) -> Self {
        Self { most_bytes, bytes: 0, uses: 0, parts: HashMap::new() }
    }

    fn has(&self, part: &Part) -> bool {
        self.parts.contains_key(part)
    }

    fn get(&mut self, part: &Part) -> Option<Found> {
        self.uses += 1;
        let (found, used) = self.parts.get_mut(part)?;
        *used = self.uses;
        Some(found.clone())
    }

    fn put(&mut self, part: Part, found: Found) {
        self.uses += 1;
        self.bytes += found.block.bytes.len();
        if let Some((old, _)) = self.parts.insert(part, (found, self.uses)) {
            self.bytes -= old.block.bytes.len();
        }
        // the newest stays even if it is larger than the cache: its reader has more pieces to come
        while self.bytes > self.most_bytes && self.parts.len() > 1 {
            let Some(oldest) = self.parts.iter().min_by_key(|(_, (_, used))| *used).map(|(part, _)| *part)
            else {
                return;
            };
            if let Some((old, _)) = self.parts.remove(&oldest) {
                self.bytes -= old.block.bytes.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use common::ids::ContentHash;

    use super::*;

    fn key(n: u8) -> DocumentKey {
        DocumentKey::Input(ContentHash([n; 32]))
    }

    fn block(bytes: &'static [u8]) -> Block {
        Block { total: bytes.len() as u64, bytes: Bytes::from_static(bytes) }
    }

    #[test]
    fn the_cache_keeps_what_was_used_last() {
        let mut cache = Cache::new(10);
        cache.put((key(1), 0), alone(block(b"aaaa")));
        cache.put((key(2), 0), alone(block(b"bbbb")));
        assert!(cache.get(&(key(1), 0)).is_some());
        cache.put((key(3), 0), alone(block(b"cccc")));
        assert!(!cache.has(&(key(2), 0)));
        assert_eq!(cache.bytes, 8);
        cache.put((key(4), 0), alone(block(b"far too large a document")));
        assert!(cache.get(&(key(4), 0)).is_some());
        assert_eq!(cache.parts.len(), 1);
    }

    #[test]
    fn a_document_is_cut_into_pieces_block_by_block() {
        const BLOCK: u64 = BLOCK_BYTES as u64;
        let total = 2 * BLOCK + 1;
        // asked for piece by piece, each from where the one before ended
        let (mut offset, mut asked) = (0, Vec::new());
        while offset < total {
            let part = part(key(1), offset);
            let length = BLOCK.min(total - part.1);
            let block = Block { total, bytes: Bytes::from(vec![7; usize::try_from(length).unwrap()]) };
            let WorkerCommand::Piece { offset: at, total: whole, bytes, .. } = piece(part, offset, &block)
            else {
                panic!("no piece");
            };
            assert_eq!((at, whole), (offset, total));
            assert!(!bytes.is_empty());
            asked.push((part.1, bytes.len()));
            offset += bytes.len() as u64;
        }
        assert_eq!(asked.len(), 9);
        assert_eq!(asked[4], (BLOCK, PIECE_BYTES));
        assert_eq!(asked[8], (2 * BLOCK, 1));
        // what is read whole is one part
        let run = DocumentKey::Run(common::ids::RunId(uuid::Uuid::nil()));
        assert_eq!(part(run, 3 * BLOCK), (run, 0));
        let beyond = piece((run, 0), u64::MAX, &block(b"order"));
        assert!(matches!(beyond, WorkerCommand::Piece { bytes, total: 5, .. } if bytes.is_empty()));
    }
}
