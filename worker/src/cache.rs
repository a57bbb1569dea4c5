//! Inputs by content hash, opened runs and opened stages: bounded in bytes, shared between lanes.
//!
//! A run is opened once per worker, by the first lane that needs it; the others wait for that lane and share what it
//! opened. What a lane is using stays; of the rest, what was not used for the longest time goes first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use algorithms::{AlgorithmError, Documents, ErasedAlgorithm, OpenRun, OpenStage};
use common::ids::{ContentHash, RunId, StageIndex};
use common::run::RunSpec;

/// What an opened document takes in memory, as a multiple of its JSON bytes. A rough rule: numbers shrink, maps grow.
const OPENED_FACTOR: usize = 3;

/// A run as far as it is known here: its order (what to compute by), its inputs, and, once a lane needed it, the opened form.
pub struct Run {
    /// The order.
    pub spec: RunSpec,
    algorithm: Arc<dyn ErasedAlgorithm>,
    documents: Mutex<Documents>,
    bytes: usize,
    opened: OnceLock<Result<Arc<dyn OpenRun>, AlgorithmError>>,
}

impl Run {
    /// A run that nobody opened yet.
    pub fn new(spec: RunSpec, algorithm: Arc<dyn ErasedAlgorithm>, inputs: &[(String, Arc<[u8]>)]) -> Self {
        let documents = inputs.iter().fold(Documents::new(), |documents, (role, bytes)| {
            documents.with(role.as_str(), Arc::clone(bytes))
        });
        let bytes = inputs.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + spec.params.get().len();
        Self { spec, algorithm, documents: Mutex::new(documents), bytes, opened: OnceLock::new() }
    }

    /// Whether its algorithm uses the compute pool.
    pub fn parallel(&self) -> bool {
        self.algorithm.parallel()
    }

    /// Opens the run, once; an error is the same for every task of it.
    pub fn open(&self) -> Result<Arc<dyn OpenRun>, AlgorithmError> {
        let open = || {
            let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let opened = self.algorithm.open(self.spec.params.get().as_bytes(), self.spec.seed, &documents);
            // The opened form has taken what it needs.
            *self.documents.lock().unwrap_or_else(PoisonError::into_inner) = Documents::new();
            opened
        };
        self.opened.get_or_init(open).clone()
    }
}

/// A stage of a run, with its state, and, once a lane needed it, the opened form.
pub struct Stage {
    /// The run it belongs to.
    pub run: Arc<Run>,
    state: Mutex<Arc<[u8]>>,
    bytes: usize,
    opened: OnceLock<Result<Arc<dyn OpenStage>, AlgorithmError>>,
}

impl Stage {
    /// A stage that nobody opened yet.
    pub fn new(run: Arc<Run>, state: Arc<[u8]>) -> Self {
        Self { run, bytes: state.len(), state: Mutex::new(state), opened: OnceLock::new() }
    }

    /// Opens the stage, once, and before it the run.
    pub fn open(&self) -> Result<Arc<dyn OpenStage>, AlgorithmError> {
        let open = || {
            let state = Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner));
            let opened = self.run.open()?.stage(&state);
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Arc::from([]);
            opened
        };
        self.opened.get_or_init(open).clone()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Input(ContentHash),
    Run(RunId),
    Stage(RunId, StageIndex),
}

enum Item {
    Input(Arc<[u8]>),
    Run(Arc<Run>),
    Stage(Arc<Stage>),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Input(bytes) => bytes.len(),
            Self::Run(run) => OPENED_FACTOR * run.bytes,
            Self::Stage(stage) => OPENED_FACTOR * stage.bytes,
        }
    }

    fn in_use(&self) -> bool {
        match self {
            Self::Input(bytes) => Arc::strong_count(bytes) > 1,
            Self::Run(run) => Arc::strong_count(run) > 1,
            Self::Stage(stage) => Arc::strong_count(stage) > 1,
        }
    }
}

/// See the module.
pub struct Cache {
    limit: usize,
    bytes: usize,
    clock: u64,
    items: HashMap<Key, (u64, Item)>,
    /// Whether inputs came or went since they were listed.
    inputs_changed: bool,
}

impl Cache {
    /// An empty cache of at most about `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, clock: 0, items: HashMap::new(), inputs_changed: false }
    }

    /// The bytes of an input.
    pub fn input(&mut self, hash: ContentHash) -> Option<Arc<[u8]>> {
        match self.touch(Key::Input(hash))? {
            Item::Input(bytes) => Some(Arc::clone(bytes)),
            _ => None,
        }
    }

    /// A run.
    pub fn run(&mut self, run: RunId) -> Option<Arc<Run>> {
        match self.touch(Key::Run(run))? {
            Item::Run(run) => Some(Arc::clone(run)),
            _ => None,
        }
    }

    /// A stage.
    pub fn stage(&mut self, run: RunId, stage: StageIndex) -> Option<Arc<Stage>> {
        match self.touch(Key::Stage(run, stage))? {
            Item::Stage(stage) => Some(Arc::clone(stage)),
            _ => None,
        }
    }

    /// Whether an input is here.
    pub fn has_input(&self, hash: ContentHash) -> bool {
        self.items.contains_key(&Key::Input(hash))
    }

    /// Whether a run is here.
    pub fn has_run(&self, run: RunId) -> bool {
        self.items.contains_key(&Key::Run(run))
    }

    /// Whether a stage is here.
    pub fn has_stage(&self, run: RunId, stage: StageIndex) -> bool {
        self.items.contains_key(&Key::Stage(run, stage))
    }

    /// Keeps an input.
    pub fn keep_input(&mut self, hash: ContentHash, bytes: Arc<[u8]>) {
        self.inputs_changed |= !self.has_input(hash);
        self.keep(Key::Input(hash), Item::Input(bytes));
    }

    /// Keeps a run.
    pub fn keep_run(&mut self, id: RunId, run: Arc<Run>) {
        self.keep(Key::Run(id), Item::Run(run));
    }

    /// Keeps a stage. Earlier stages of the run that no lane uses have had their time.
    pub fn keep_stage(&mut self, id: RunId, index: StageIndex, stage: Arc<Stage>) {
        self.remove(|key, item| {
            matches!(key, Key::Stage(run, other) if *run == id && *other < index) && !item.in_use()
        });
        self.keep(Key::Stage(id, index), Item::Stage(stage));
    }

    /// Drops a run and its stages. Its inputs may serve other runs.
    pub fn forget(&mut self, id: RunId) {
        self.remove(|key, _| matches!(key, Key::Run(run) | Key::Stage(run, _) if *run == id));
    }

    /// Drops everything that no lane uses.
    pub fn drop_unused(&mut self) {
        // a stage holds its run
        self.remove(|key, item| matches!(key, Key::Stage(..)) && !item.in_use());
        self.remove(|_, item| !item.in_use());
    }

    /// The inputs, those used last first, if any came or went since the last call.
    pub fn changed_inputs(&mut self) -> Option<Vec<ContentHash>> {
        if !std::mem::take(&mut self.inputs_changed) {
            return None;
        }
        let inputs = self.items.iter().filter_map(|(key, (used, _))| match key {
            Key::Input(hash) => Some((*used, *hash)),
            Key::Run(_) | Key::Stage(..) => None,
        });
        let mut inputs: Vec<(u64, ContentHash)> = inputs.collect();
        inputs.sort_unstable_by_key(|(used, _)| std::cmp::Reverse(*used));
        Some(inputs.into_iter().map(|(_, hash)| hash).collect())
    }

    /// What is kept, in bytes, by the estimate of the module.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn touch(&mut self, key: Key) -> Option<&Item> {
        self.clock += 1;
        let (used, item) = self.items.get_mut(&key)?;
        *used = self.clock;
        Some(item)
    }

    fn keep(&mut self, key: Key, item: Item) {
        self.clock += 1;
        self.bytes += item.bytes();
        if let Some((_, replaced)) = self.items.insert(key, (self.clock, item)) {
            self.bytes -= replaced.bytes();
        }
        if self.bytes <= self.limit {
            return;
        }
        // A stage holds its run: dropping the one frees the other in a later round.
        let mut oldest: Vec<(u64, Key)> = self.items.iter().map(|(&key, &(used, _))| (used, key)).collect();
        oldest.sort_unstable();
        for (_, old) in oldest {
            if self.bytes <= self.limit {
                break;
            }
            if old != key {
                self.remove(|key, item| *key == old && !item.in_use());
            }
        }
    }

    fn remove(&mut self, which: impl Fn(&Key, &Item) -> bool) {
        let mut freed = 0;
        self.items.retain(|key, (_, item)| {
            let goes = which(key, item);
            if goes {
                freed += item.bytes();
                self.inputs_changed |= matches!(key, Key::Input(_));
            }
            !goes
        });
        self.bytes -= freed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(fill: u8, bytes: usize) -> (ContentHash, Arc<[u8]>) {
        let document = vec![fill; bytes];
        (ContentHash::of(&document), document.into())
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first_and_what_is_in_use_stays() {
        let mut cache = Cache::new(250);
        let [(a, a_bytes), (b, b_bytes), (c, c_bytes), (d, d_bytes)] =
            [1, 2, 3, 4].map(|fill| input(fill, 100));
        let lane = Arc::clone(&a_bytes);
        cache.keep_input(a, a_bytes);
        cache.keep_input(b, b_bytes);
        cache.keep_input(c, c_bytes);
        assert!(cache.input(a).is_some(), "a lane uses it");
        assert!(cache.input(b).is_none(), "the oldest without a user");
        assert!(cache.input(c).is_some());

        drop(lane);
        cache.input(c);
        cache.keep_input(d, d_bytes);
        assert!(cache.input(a).is_none() && cache.input(c).is_some() && cache.input(d).is_some());
        assert_eq!(cache.bytes(), 200);
    }

    #[test]
    fn inputs_are_listed_when_some_came_or_went_those_used_last_first() {
        let mut cache = Cache::new(250);
        let [(a, a_bytes), (b, b_bytes), (c, c_bytes)] = [1, 2, 3].map(|fill| input(fill, 100));
        assert_eq!(cache.changed_inputs(), None);
        cache.keep_input(a, a_bytes);
        cache.keep_input(b, b_bytes);
        cache.input(a);
        assert_eq!(cache.changed_inputs(), Some(vec![a, b]));
        cache.input(b);
        assert_eq!(cache.changed_inputs(), None, "the same ones");
        let lane = Arc::clone(&c_bytes);
        cache.keep_input(c, c_bytes);
        assert_eq!(cache.changed_inputs(), Some(vec![c, b]), "a had to go");
        cache.drop_unused();
        assert_eq!(cache.changed_inputs(), Some(vec![c]), "a lane uses it");
        drop(lane);
    }

    #[test]
    fn an_input_above_the_bound_is_kept_while_it_is_the_newest() {
        let mut cache = Cache::new(10);
        let (hash, bytes) = input(1, 100);
        cache.keep_input(hash, bytes);
        assert!(cache.input(hash).is_some());
        let (other, bytes) = input(2, 100);
        cache.keep_input(other, bytes);
        assert!(cache.input(hash).is_none());
    }
}
