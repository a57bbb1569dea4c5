//! Serves documents to workers in pieces: the receiver sets the pace, and what many ask for is read once.

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
    /// A document was read, or cannot be.
    Read(DocumentKey, Result<Bytes, StoreError>),
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
    /// Who waits for what is being read.
    reading: HashMap<DocumentKey, Vec<(Connection, u64)>>,
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
                if let Some(document) = state.around.unstored.get(&key) {
                    state.around.agents.send(to, piece(key, offset, &document));
                    // the database may have it by the time it is asked for again, and would be asked
                    state.cache.put(key, document);
                } else if let Some(document) = state.cache.get(&key) {
                    state.around.agents.send(to, piece(key, offset, &document));
                } else if let Some(waiting) = state.reading.get_mut(&key) {
                    waiting.push((to, offset));
                } else {
                    state.reading.insert(key, vec![(to, offset)]);
                    let (store, reads) = (state.around.store.clone(), Arc::clone(&state.reads));
                    tokio::spawn(async move {
                        let _turn = reads.acquire_owned().await;
                        let _ = myself.cast(DocumentsMessage::Read(key, read(&store, key).await));
                    });
                }
            }
            DocumentsMessage::Read(key, found) => {
                let waiting = state.reading.remove(&key).unwrap_or_default();
                if let Ok(document) = &found {
                    state.cache.put(key, document.clone());
                }
                for (to, offset) in waiting {
                    let answer = match &found {
                        Ok(document) => piece(key, offset, document),
                        Err(error) => {
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

async fn read(store: &Store, key: DocumentKey) -> Result<Bytes, StoreError> {
    match key {
        DocumentKey::Run(run) => store.run_spec(run).await,
        DocumentKey::Input(hash) => store.document(hash).await,
        DocumentKey::State { run, stage } => store.state(run, stage).await,
        DocumentKey::Partials { run, stage, from } => {
            let page = store.partials_page(run, stage, from, PAGE_BYTES).await?;
            wire::pack(&page).map(Bytes::from).map_err(|error| StoreError::Internal(error.to_string()))
        }
    }
}

/// The piece of `document` that begins at `offset`; beyond the end an empty one.
fn piece(key: DocumentKey, offset: u64, document: &Bytes) -> WorkerCommand {
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(document.len());
    let to = from.saturating_add(PIECE_BYTES).min(document.len());
    WorkerCommand::Piece { key, offset, total: document.len() as u64, bytes: document[from..to].to_vec() }
}

/// The documents used last, up to a number of bytes.
struct Cache {
    most_bytes: usize,
    bytes: usize,
    uses: u64,
    documents: HashMap<DocumentKey, (Bytes, u64)>,
}

impl Cache {
    fn new(most_bytes: usize) -> Self {
        Self { most_bytes, bytes: 0, uses: 0, documents: HashMap::new() }
    }

    fn get(&mut self, key: &DocumentKey) -> Option<Bytes> {
        self.uses += 1;
        let (document, used) = self.documents.get_mut(key)?;
        *used = self.uses;
        Some(document.clone())
    }

    fn put(&mut self, key: DocumentKey, document: Bytes) {
        self.uses += 1;
        self.bytes += document.len();
        if let Some((old, _)) = self.documents.insert(key, (document, self.uses)) {
            self.bytes -= old.len();
        }
        // the newest stays even if it is larger than the cache: its reader has more pieces to come
        while self.bytes > self.most_bytes && self.documents.len() > 1 {
            let Some(oldest) = self.documents.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key)
            else {
                return;
            };
            if let Some((old, _)) = self.documents.remove(&oldest) {
                self.bytes -= old.len();
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

    #[test]
    fn the_cache_keeps_what_was_used_last() {
        let mut cache = Cache::new(10);
        cache.put(key(1), Bytes::from_static(b"aaaa"));
        cache.put(key(2), Bytes::from_static(b"bbbb"));
        assert!(cache.get(&key(1)).is_some());
        cache.put(key(3), Bytes::from_static(b"cccc"));
        assert_eq!((cache.get(&key(2)), cache.bytes), (None, 8));
        cache.put(key(4), Bytes::from_static(b"far too large a document"));
        assert!(cache.get(&key(4)).is_some());
        assert_eq!(cache.documents.len(), 1);
    }

    #[test]
    fn a_document_is_cut_into_pieces() {
        let document = Bytes::from(vec![7; PIECE_BYTES + 1]);
        let lengths: Vec<usize> = [0, PIECE_BYTES as u64, u64::MAX]
            .iter()
            .map(|offset| match piece(key(1), *offset, &document) {
                WorkerCommand::Piece { total, bytes, .. } if total == document.len() as u64 => bytes.len(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lengths, [PIECE_BYTES, 1, 0]);
    }
}
