//! PURE. Brings the documents that tasks need: says what to fetch next, piece by piece, and when a task has all it needs.
//!
//! ```text
//! want(lease, task) ─▶ run's order ─▶ its inputs ─▶ state of the stage ─▶ Ready(lease)
//! page(lease, key) ──▶ a page of partial results ─▶ Page(lease)           (while a merge runs)
//! ```
//!
//! The receiver sets the pace: a piece is asked for when the one before it is here. Questions are repeated when no
//! answer comes, and after every new connection; a broken transfer goes on where it stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use algorithms::ErasedAlgorithm;
use common::clock::Timestamp;
use common::ids::{ContentHash, LeaseId, RunId, StageIndex};
use common::limits::RESULT_BYTES;
use common::protocol::DocumentKey;
use common::run::{RunSpec, Task, TaskError, TaskErrorKind, TaskKind};

use super::event::Document;
use crate::cache::{Cache, Run, Stage};

/// After this long without an answer the question is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// How often a document may turn out unavailable or damaged before its tasks fail.
const TRIES: u32 = 5;

/// Wait before asking again for what was unavailable.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The largest document that is fetched: no result is larger, and no input or state comes near it.
const DOCUMENT_BYTES: u64 = RESULT_BYTES as u64 + (2 << 20);

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

#[derive(Debug)]
struct Fetch {
    bytes: Vec<u8>,
    asked: Timestamp,
    tries: u32,
    /// Ask not before; set after a failure.
    pause: Option<Timestamp>,
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
    fetches: Vec<(DocumentKey, Fetch)>,
    online: bool,
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
            fetches: Vec::new(),
            online: false,
        }
    }

    /// Whether the leader can be asked. Coming online repeats every open question.
    pub fn online(&mut self, online: bool, now: Timestamp) -> Vec<LibraryAction> {
        self.online = online;
        let mut actions = Vec::new();
        if online {
            for (key, fetch) in &mut self.fetches {
                fetch.asked = now;
                actions.push(LibraryAction::Fetch { key: *key, offset: fetch.bytes.len() as u64 });
            }
        }
        actions
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
        self.fetch(key, now).into_iter().collect()
    }

    /// What a prepared lease needs.
    pub fn materials(&self, lease: LeaseId) -> Option<Materials> {
        self.wants.get(&lease)?.materials.clone()
    }

    /// Keeps the state of a stage that this worker itself opened, so that it need not be fetched.
    pub fn keep_state(&mut self, run: RunId, stage: StageIndex, state: Arc<[u8]>) {
        if let Some(open) = self.cache.run(run) {
            self.cache.keep_stage(run, stage, Arc::new(Stage::new(open, state)));
        }
    }

    /// The run ended.
    pub fn forget(&mut self, run: RunId) {
        self.specs.remove(&run);
        self.cache.forget(run);
    }

    /// Time passed.
    pub fn tick(&mut self, now: Timestamp) -> Vec<LibraryAction> {
        let mut actions = Vec::new();
        if !self.online {
            return actions;
        }
        for (key, fetch) in &mut self.fetches {
            let due = fetch.pause.map_or_else(|| now.since(fetch.asked) > ASK_AGAIN, |pause| now >= pause);
            if due {
                fetch.pause = None;
                fetch.asked = now;
                actions.push(LibraryAction::Fetch { key: *key, offset: fetch.bytes.len() as u64 });
            }
        }
        actions
    }

    /// An answer came.
    pub fn document(&mut self, document: Document, now: Timestamp) -> Vec<LibraryAction> {
        match document {
            Document::Piece { key, offset, total, bytes } => {
                let Some(fetch) =
                    self.fetches.iter_mut().find(|(other, _)| *other == key).map(|(_, fetch)| fetch)
                else {
                    return Vec::new();
                };
                if offset != fetch.bytes.len() as u64 {
                    return Vec::new();
                }
                let have = offset + bytes.len() as u64;
                if total > DOCUMENT_BYTES || have > total || (bytes.is_empty() && total > 0) {
                    return self.damaged(key, "a piece that cannot be right", now);
                }
                fetch.bytes.extend_from_slice(&bytes);
                fetch.asked = now;
                if have < total {
                    return vec![LibraryAction::Fetch { key, offset: have }];
                }
                let bytes = std::mem::take(&mut fetch.bytes);
                self.complete(key, bytes, now)
            }
            Document::Unavailable { key, reason, forever } => {
                let tries = if forever { TRIES } else { 1 };
                self.fault(key, &reason, tries, now)
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
            DocumentKey::State { run, stage } => {
                let Some(open) = self.cache.run(run) else {
                    self.fetches.retain(|(other, _)| *other != key);
                    return self.progress(now);
                };
                self.cache.keep_stage(run, stage, Arc::new(Stage::new(open, bytes.into())));
            }
            DocumentKey::Partials { .. } => {
                self.fetches.retain(|(other, _)| *other != key);
                let readers = self.readers(key);
                self.pages.retain(|_, page| *page != key);
                return readers
                    .into_iter()
                    .map(|lease| LibraryAction::Page(lease, Ok(bytes.clone())))
                    .collect();
            }
        }
        self.fetches.retain(|(other, _)| *other != key);
        self.progress(now)
    }

    fn readers(&self, key: DocumentKey) -> Vec<LeaseId> {
        self.pages.iter().filter(|(_, page)| **page == key).map(|(&lease, _)| lease).collect()
    }

    fn damaged(&mut self, key: DocumentKey, why: &str, now: Timestamp) -> Vec<LibraryAction> {
        if let Some((_, fetch)) = self.fetches.iter_mut().find(|(other, _)| *other == key) {
            fetch.bytes.clear();
        }
        self.fault(key, why, 1, now)
    }

    /// Counts a failure; after [`TRIES`] of them whoever waits for the document is told.
    fn fault(&mut self, key: DocumentKey, why: &str, tries: u32, now: Timestamp) -> Vec<LibraryAction> {
        let Some((_, fetch)) = self.fetches.iter_mut().find(|(other, _)| *other == key) else {
            return Vec::new();
        };
        fetch.tries += tries;
        if fetch.tries < TRIES {
            fetch.pause = Some(now.after(TRY_AGAIN));
            return Vec::new();
        }
        self.fetches.retain(|(other, _)| *other != key);
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
                        actions.extend(self.fetch(key, now));
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

    fn fetch(&mut self, key: DocumentKey, now: Timestamp) -> Option<LibraryAction> {
        if self.fetches.iter().any(|(other, _)| *other == key) {
            return None;
        }
        self.fetches.push((key, Fetch { bytes: Vec::new(), asked: now, tries: 0, pause: None }));
        self.online.then_some(LibraryAction::Fetch { key, offset: 0 })
    }

    fn drop_unwanted(&mut self) {
        let mut needed: Vec<DocumentKey> = self.pages.values().copied().collect();
        for want in self.wants.values().filter(|want| want.materials.is_none()) {
            needed.extend(self.needs(want.task));
        }
        self.fetches.retain(|(key, _)| needed.contains(key));
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

#[cfg(test)]
mod tests {
    use common::ids::Epoch;
    use common::run::ShardRange;
    use uuid::Uuid;

    use super::*;

    const RUN: RunId = RunId(Uuid::from_u128(1));
    const STAGE: StageIndex = StageIndex(0);
    const STATE: DocumentKey = DocumentKey::State { run: RUN, stage: STAGE };
    const INPUT: &[u8] = b"{\"nodes\":[]}";
    const START: Timestamp = Timestamp(0);

    fn library() -> Library {
        let catalogue = algorithms::catalogue::all().into_iter().map(Arc::from).collect();
        let mut library = Library::new(catalogue, 1 << 20);
        assert_eq!(library.online(true, START), []);
        library
    }

    fn lease(number: u32) -> LeaseId {
        LeaseId::new(Epoch(1), number)
    }

    fn shards() -> Task {
        Task { run: RUN, kind: TaskKind::Shards { stage: STAGE, range: ShardRange { first: 0, count: 2 } } }
    }

    fn spec(algorithm: &str) -> Vec<u8> {
        let hash = ContentHash::of(INPUT);
        format!(
            r#"{{"algorithm":"{algorithm}","version":1,"params":{{}},"inputs":{{"topology":"{hash}"}},"seed":1}}"#
        )
        .into_bytes()
    }

    fn whole(key: DocumentKey, bytes: &[u8]) -> Document {
        Document::Piece { key, offset: 0, total: bytes.len() as u64, bytes: bytes.to_vec() }
    }

    fn fetch(key: DocumentKey) -> LibraryAction {
        LibraryAction::Fetch { key, offset: 0 }
    }

    /// ```text
    /// leases 1 and 2 of one run ─▶ order ─▶ input ─▶ state, each asked for once ─▶ both ready
    /// ```
    #[test]
    fn a_task_gets_the_order_then_the_inputs_then_the_state() {
        let mut library = library();
        let input = DocumentKey::Input(ContentHash::of(INPUT));
        assert_eq!(library.want(lease(1), shards(), START), [fetch(DocumentKey::Run(RUN))]);
        assert_eq!(library.want(lease(2), shards(), START), []);
        assert_eq!(library.document(whole(DocumentKey::Run(RUN), &spec("spin")), START), [fetch(input)]);
        assert_eq!(library.document(whole(input, INPUT), START), [fetch(STATE)]);
        let state = br#"{"stage":0,"checksum":1}"#;
        let half = |from: usize, to: usize| Document::Piece {
            key: STATE,
            offset: from as u64,
            total: state.len() as u64,
            bytes: state[from..to].to_vec(),
        };
        assert_eq!(library.document(half(0, 5), START), [LibraryAction::Fetch { key: STATE, offset: 5 }]);
        assert_eq!(library.document(half(0, 5), START), [], "a repeated piece is ordinary");
        let ready = [LibraryAction::Ready(lease(1)), LibraryAction::Ready(lease(2))];
        assert_eq!(library.document(half(5, state.len()), START), ready);
        let Some(Materials::Stage(stage)) = library.materials(lease(1)) else { panic!() };
        assert!(stage.open().is_ok());

        let next = Task { run: RUN, kind: TaskKind::Advance { stage: StageIndex(1) } };
        assert_eq!(library.want(lease(3), next, START), [LibraryAction::Ready(lease(3))], "all is here");
        library.forget(RUN);
        for number in 1..=3 {
            library.unwant(lease(number));
        }
        assert_eq!(library.want(lease(4), shards(), START), [fetch(DocumentKey::Run(RUN))]);
    }

    #[test]
    fn a_question_without_an_answer_is_repeated_and_goes_on_where_it_stopped() {
        let mut library = library();
        library.want(lease(1), shards(), START);
        assert_eq!(library.tick(START.after(Duration::from_secs(2))), []);
        let later = START.after(Duration::from_secs(4));
        assert_eq!(library.tick(later), [fetch(DocumentKey::Run(RUN))]);
        let key = DocumentKey::Run(RUN);
        library.document(Document::Piece { key, offset: 0, total: 100, bytes: vec![b' '; 10] }, later);
        library.online(false, later);
        assert_eq!(library.tick(later.after(Duration::from_mins(1))), [], "nobody to ask");
        assert_eq!(library.online(true, later), [LibraryAction::Fetch { key, offset: 10 }]);
        library.unwant(lease(1));
        assert_eq!(library.online(true, later), [], "nobody wants it");
    }

    #[test]
    fn a_damaged_input_is_fetched_again_and_at_last_fails_its_task() {
        let mut library = library();
        let input = DocumentKey::Input(ContentHash::of(INPUT));
        library.want(lease(1), shards(), START);
        library.document(whole(DocumentKey::Run(RUN), &spec("spin")), START);
        let mut now = START;
        for _ in 1..TRIES {
            assert_eq!(library.document(whole(input, b"{}"), now), []);
            now = now.after(Duration::from_secs(2));
            assert_eq!(library.tick(now), [fetch(input)]);
        }
        let failed = library.document(whole(input, b"{}"), now);
        assert!(
            matches!(&failed[..], [LibraryAction::Failed(of, error)] if *of == lease(1) && error.message.contains("hash")),
            "{failed:?}"
        );
    }

    #[test]
    fn what_will_never_be_there_and_what_is_not_offered_fails_at_once() {
        let mut library = library();
        let key = DocumentKey::Run(RUN);
        library.want(lease(1), shards(), START);
        let gone = Document::Unavailable { key, reason: "deleted".to_owned(), forever: true };
        assert!(matches!(&library.document(gone, START)[..], [LibraryAction::Failed(..)]));

        library.want(lease(2), shards(), START);
        let input = DocumentKey::Input(ContentHash::of(INPUT));
        let answered = library.document(whole(key, &spec("alchemy")), START);
        assert!(
            matches!(&answered[..], [LibraryAction::Failed(_, error)] if error.message.contains("alchemy")),
            "{answered:?} {input:?}"
        );
    }

    #[test]
    fn a_merge_gets_its_pages() {
        let mut library = library();
        let key = DocumentKey::Partials { run: RUN, stage: STAGE, from: 0 };
        assert_eq!(library.page(lease(1), key, START), [fetch(key)]);
        assert_eq!(
            library.document(whole(key, b"page"), START),
            [LibraryAction::Page(lease(1), Ok(b"page".to_vec()))]
        );
        library.page(lease(1), key, START);
        let gone = Document::Unavailable { key, reason: "gone".to_owned(), forever: true };
        assert_eq!(library.document(gone, START), [LibraryAction::Page(lease(1), Err("gone".to_owned()))]);
    }
}
