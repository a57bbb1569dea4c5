//! PURE. Brings the documents that tasks need: says what to fetch next, piece by piece, and when a task has all it needs.
//!
//! ```text
//! want(lease, task) ─▶ run's order ─▶ its inputs ─▶ state of the stage ─▶ Ready(lease)
//! page(lease, key) ──▶ a page of partial results ─▶ Page(lease)           (while a merge runs)
//! ```
//!
//! The receiver sets the pace: a piece is asked for when the one before it is here. Questions are repeated when no
//! answer comes, and after every new connection; a broken transfer goes on where it stopped.

mod fetches;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use algorithms::ErasedAlgorithm;
use common::clock::Timestamp;
use common::ids::{ContentHash, LeaseId, RunId, StageIndex};
use common::limits::DOCUMENT_ALONG_BYTES;
use common::protocol::DocumentKey;
use common::run::{RunSpec, Task, TaskError, TaskErrorKind, TaskKind};

use self::fetches::{Fetches, Piece, TRIES};
use super::event::Document;
use crate::cache::{Cache, Run, Stage};

/// Documents kept that came unasked: one for each task that a worker may hold, unless it has very many lanes.
const OFFERED: usize = 32;

/// The algorithms of this worker.
pub type Catalogue = Vec<Arc<dyn ErasedAlgorithm>>;

/// What the library wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum LibraryAction {
    /// Ask the leader for a piece.
    Fetch {
        /// Of which document.
        key: DocumentKey,
        /// From where.
        offset: u64,
    },
    /// The lease's task has all it needs.
    Ready(LeaseId),
    /// What the lease's task needs cannot be had.
    Failed(LeaseId, TaskError),
    /// A page for the merge under a lease, packed, or why there is none.
    Page(LeaseId, Result<Vec<u8>, String>),
}

/// What a lane needs for a task.
#[derive(Clone)]
pub enum Materials {
    /// To plan.
    Run(Arc<Run>),
    /// To execute or merge.
    Stage(Arc<Stage>),
}

struct Want {
    task: Task,
    /// Held so that the cache keeps them.
    materials: Option<Materials>,
}

/// See the module.
pub struct Library {
    catalogue: Catalogue,
    cache: Cache,
    specs: BTreeMap<RunId, RunSpec>,
    wants: BTreeMap<LeaseId, Want>,
    pages: BTreeMap<LeaseId, DocumentKey>,
    fetches: Fetches,
    /// Small documents that came unasked, the newest last, until the task that needs them asks.
    offered: VecDeque<(DocumentKey, Vec<u8>)>,
}

impl Library {
    /// A library that caches at most about `cache_bytes`.
    pub fn new(catalogue: Catalogue, cache_bytes: usize) -> Self {
        Self {
            catalogue,
            cache: Cache::new(cache_bytes),
            specs: BTreeMap::new(),
            wants: BTreeMap::new(),
            pages: BTreeMap::new(),
            fetches: Fetches::default(),
            offered: VecDeque::new(),
        }
    }

    /// Whether the leader can be asked. Coming online repeats every open question.
    pub fn online(&mut self, online: bool, now: Timestamp) -> Vec<LibraryAction> {
        self.fetches.online(online, now)
    }

    /// A lease needs its documents.
    pub fn want(&mut self, lease: LeaseId, task: Task, now: Timestamp) -> Vec<LibraryAction> {
        self.wants.insert(lease, Want { task, materials: None });
        self.progress(now)
    }

    /// A lease needs nothing any more.
    pub fn unwant(&mut self, lease: LeaseId) {
        self.wants.remove(&lease);
        self.pages.remove(&lease);
        self.drop_unwanted();
    }

    /// A merge needs a page.
    pub fn page(&mut self, lease: LeaseId, key: DocumentKey, now: Timestamp) -> Vec<LibraryAction> {
        self.pages.insert(lease, key);
        if let Some(bytes) = self.take_offered(key) {
            return self.complete(key, bytes, now);
        }
        self.fetches.begin(key, now).into_iter().collect()
    }

    /// What a prepared lease needs.
    pub fn materials(&self, lease: LeaseId) -> Option<Materials> {
        self.wants.get(&lease)?.materials.clone()
    }

    /// Keeps the state of a stage: one that was fetched, or that this worker itself opened. Without its run, which may
    /// have been forgotten meanwhile, it is of no use.
    pub fn keep_state(&mut self, run: RunId, stage: StageIndex, state: Arc<[u8]>) {
        if let Some(open) = self.cache.run(run) {
            self.cache.keep_stage(run, stage, Arc::new(Stage::new(open, state)));
        }
    }

    /// The inputs that are here, those used last first, if they are not those of the last call.
    pub fn changed_inputs(&mut self) -> Option<Vec<ContentHash>> {
        self.cache.changed_inputs()
    }

    /// Drops every document that no task holds.
    pub fn drop_unused(&mut self) {
        self.cache.drop_unused();
    }

    /// The run ended.
    pub fn forget(&mut self, run: RunId) {
        self.offered.retain(|(key, _)| !is_of(*key, run));
        self.specs.remove(&run);
        self.cache.forget(run);
    }

    /// Time passed.
    pub fn tick(&mut self, now: Timestamp) -> Vec<LibraryAction> {
        self.fetches.tick(now)
    }

    /// An answer came.
    pub fn document(&mut self, document: Document, now: Timestamp) -> Vec<LibraryAction> {
        match document {
            Document::Piece { key, offset, total, bytes } => {
                match self.fetches.piece(key, offset, total, &bytes, now) {
                    Piece::Unasked => {
                        self.offer(key, offset, total, bytes);
                        Vec::new()
                    }
                    Piece::Next(ask) => vec![ask],
                    Piece::Whole(bytes) => self.complete(key, bytes, now),
                    Piece::Damaged => self.damaged(key, "a piece that cannot be right", now),
                }
            }
            Document::Unavailable { key, reason, forever } => {
                let failures = if forever { TRIES } else { 1 };
                self.fault(key, &reason, failures, now)
            }
        }
    }

    fn complete(&mut self, key: DocumentKey, bytes: Vec<u8>, now: Timestamp) -> Vec<LibraryAction> {
        match key {
            DocumentKey::Run(run) => match serde_json::from_slice(&bytes) {
                Ok(spec) => {
                    self.specs.insert(run, spec);
                }
                Err(error) => return self.damaged(key, &error.to_string(), now),
            },
            DocumentKey::Input(hash) => {
                if ContentHash::of(&bytes) != hash {
                    return self.damaged(key, "its bytes have another hash", now);
                }
                self.cache.keep_input(hash, bytes.into());
            }
            DocumentKey::State { run, stage } => self.keep_state(run, stage, bytes.into()),
            DocumentKey::Partials { .. } => {
                self.fetches.end(key);
                let readers = self.readers(key);
                self.pages.retain(|_, page| *page != key);
                return readers
                    .into_iter()
                    .map(|lease| LibraryAction::Page(lease, Ok(bytes.clone())))
                    .collect();
            }
        }
        self.fetches.end(key);
        self.progress(now)
    }

    /// Keeps a small document that came unasked.
    fn offer(&mut self, key: DocumentKey, offset: u64, total: u64, bytes: Vec<u8>) {
        if offset == 0 && total == bytes.len() as u64 && bytes.len() <= DOCUMENT_ALONG_BYTES {
            self.offered.retain(|(of, _)| *of != key);
            self.offered.push_back((key, bytes));
            if self.offered.len() > OFFERED {
                self.offered.pop_front();
            }
        }
    }

    fn take_offered(&mut self, key: DocumentKey) -> Option<Vec<u8>> {
        let position = self.offered.iter().position(|(of, _)| *of == key)?;
        self.offered.remove(position).map(|(_, bytes)| bytes)
    }

    fn readers(&self, key: DocumentKey) -> Vec<LeaseId> {
        self.pages.iter().filter(|(_, page)| **page == key).map(|(&lease, _)| lease).collect()
    }

    fn damaged(&mut self, key: DocumentKey, why: &str, now: Timestamp) -> Vec<LibraryAction> {
        self.fetches.start_over(key);
        self.fault(key, why, 1, now)
    }

    /// Counts failures of a document; when it is given up, whoever waits for it is told.
    fn fault(&mut self, key: DocumentKey, why: &str, failures: u32, now: Timestamp) -> Vec<LibraryAction> {
        if !self.fetches.fail(key, failures, now) {
            return Vec::new();
        }
        let mut actions = Vec::new();
        for lease in self.readers(key) {
            self.pages.remove(&lease);
            actions.push(LibraryAction::Page(lease, Err(why.to_owned())));
        }
        let waiting: Vec<LeaseId> = self
            .wants
            .iter()
            .filter(|(_, want)| want.materials.is_none() && self.needs(want.task).contains(&key))
            .map(|(&lease, _)| lease)
            .collect();
        for lease in waiting {
            self.wants.remove(&lease);
            actions.push(LibraryAction::Failed(lease, unavailable(format!("{}: {why}", name(key)))));
        }
        actions
    }

    /// Gives materials to every lease whose documents are all here, and asks for what the others miss.
    fn progress(&mut self, now: Timestamp) -> Vec<LibraryAction> {
        let mut actions = Vec::new();
        let open: Vec<(LeaseId, Task)> = self
            .wants
            .iter()
            .filter(|(_, want)| want.materials.is_none())
            .map(|(&lease, want)| (lease, want.task))
            .collect();
        for (lease, task) in open {
            match self.provide(task) {
                Ok(Some(materials)) => {
                    if let Some(want) = self.wants.get_mut(&lease) {
                        want.materials = Some(materials);
                    }
                    actions.push(LibraryAction::Ready(lease));
                }
                Ok(None) => {
                    for key in self.needs(task) {
                        if let Some(bytes) = self.take_offered(key) {
                            actions.extend(self.complete(key, bytes, now));
                            return actions; // it looked at all leases again
                        }
                        actions.extend(self.fetches.begin(key, now));
                    }
                }
                Err(error) => {
                    self.wants.remove(&lease);
                    actions.push(LibraryAction::Failed(lease, error));
                }
            }
        }
        actions
    }

    fn drop_unwanted(&mut self) {
        let mut needed: Vec<DocumentKey> = self.pages.values().copied().collect();
        for want in self.wants.values().filter(|want| want.materials.is_none()) {
            needed.extend(self.needs(want.task));
        }
        self.fetches.keep_only(&needed);
        self.specs.retain(|run, _| self.wants.values().any(|want| want.task.run == *run));
    }

    /// The documents that a task misses, as far as they are known; what follows from them comes later.
    fn needs(&self, task: Task) -> Vec<DocumentKey> {
        let stage = stage_of(task).filter(|stage| !self.cache.has_stage(task.run, *stage));
        match self.specs.get(&task.run) {
            _ if self.cache.has_run(task.run) => {
                stage.map(|stage| DocumentKey::State { run: task.run, stage }).into_iter().collect()
            }
            None => vec![DocumentKey::Run(task.run)],
            Some(spec) => {
                let missing = spec.inputs.values().filter(|hash| !self.cache.has_input(**hash));
                missing.map(|&hash| DocumentKey::Input(hash)).collect()
            }
        }
    }

    fn provide(&mut self, task: Task) -> Result<Option<Materials>, TaskError> {
        let run = match self.cache.run(task.run) {
            Some(run) => run,
            None => match self.make_run(task.run)? {
                Some(run) => run,
                None => return Ok(None),
            },
        };
        Ok(match stage_of(task) {
            None => Some(Materials::Run(run)),
            Some(stage) => self.cache.stage(task.run, stage).map(Materials::Stage),
        })
    }

    fn make_run(&mut self, id: RunId) -> Result<Option<Arc<Run>>, TaskError> {
        let Some(spec) = self.specs.get(&id) else { return Ok(None) };
        let offers = |algorithm: &&Arc<dyn ErasedAlgorithm>| {
            algorithm.name() == spec.algorithm && algorithm.version() == spec.version
        };
        let Some(algorithm) = self.catalogue.iter().find(offers) else {
            let RunSpec { algorithm, version, .. } = spec;
            return Err(unavailable(format!("this worker does not offer version {version} of {algorithm}")));
        };
        let mut inputs = Vec::new();
        for (role, &hash) in &spec.inputs {
            match self.cache.input(hash) {
                Some(bytes) => inputs.push((role.clone(), bytes)),
                None => return Ok(None),
            }
        }
        let run = Arc::new(Run::new(spec.clone(), Arc::clone(algorithm), &inputs));
        self.cache.keep_run(id, Arc::clone(&run));
        self.specs.remove(&id);
        Ok(Some(run))
    }
}

fn is_of(key: DocumentKey, run: RunId) -> bool {
    match key {
        DocumentKey::Run(of) | DocumentKey::State { run: of, .. } | DocumentKey::Partials { run: of, .. } => {
            of == run
        }
        DocumentKey::Input(_) => false,
    }
}

/// The stage whose state a task needs.
fn stage_of(task: Task) -> Option<StageIndex> {
    match task.kind {
        TaskKind::Shards { stage, .. } => Some(stage),
        TaskKind::Advance { stage } => stage.0.checked_sub(1).map(StageIndex),
    }
}

fn unavailable(message: String) -> TaskError {
    TaskError { kind: TaskErrorKind::Unavailable, message, pointer: None }
}

fn name(key: DocumentKey) -> String {
    match key {
        DocumentKey::Run(run) => format!("the order of run {run}"),
        DocumentKey::Input(hash) => format!("input {hash}"),
        DocumentKey::State { run, stage } => format!("the state of stage {stage} of run {run}"),
        DocumentKey::Partials { run, stage, from } => {
            format!("partial results of stage {stage} of run {run} from shard {from} on")
        }
    }
}
