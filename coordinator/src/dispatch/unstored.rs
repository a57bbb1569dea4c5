//! Documents that workers may need before the database has them, because work runs ahead of storage: the state of a stage
//! that is being opened, the results of a small one that is merged. Those, and a short order of a run, also ride along
//! with the assignment that needs them, which saves its worker a question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use common::ids::{RunId, StageIndex};
use common::limits::DOCUMENT_ALONG_BYTES;
use common::protocol::{Assignment, DocumentKey, WorkerCommand};
use common::run::TaskKind;

/// Documents in memory, of open runs. Clones share them.
///
/// Bounded by what puts them there: an order of 4 KiB for a run that is not planned yet, a state of 256 KiB for one whose
/// stage is being stored, 64 KiB of results for one that is being merged.
#[derive(Clone, Debug, Default)]
pub struct Unstored(Arc<Mutex<Documents>>);

type Documents = HashMap<RunId, Vec<(DocumentKey, Bytes)>>;

impl Unstored {
    /// Keeps a document of `run`.
    pub fn put(&self, run: RunId, key: DocumentKey, document: Bytes) {
        self.lock().entry(run).or_default().push((key, document));
    }

    /// A document, if it is here.
    pub fn get(&self, key: &DocumentKey) -> Option<Bytes> {
        let run = match key {
            DocumentKey::Run(run) | DocumentKey::State { run, .. } | DocumentKey::Partials { run, .. } => run,
            DocumentKey::Input(_) => return None,
        };
        let documents = self.lock();
        documents.get(run)?.iter().find(|(of, _)| of == key).map(|(_, document)| document.clone())
    }

    /// The stage is durable, and with it everything before.
    pub fn opened(&self, run: RunId, stage: StageIndex) {
        let mut documents = self.lock();
        let Some(of_run) = documents.get_mut(&run) else { return };
        of_run.retain(|(key, _)| match key {
            DocumentKey::State { stage: of, .. } => *of > stage,
            DocumentKey::Partials { stage: of, .. } => *of >= stage,
            DocumentKey::Run(_) | DocumentKey::Input(_) => false,
        });
        if of_run.is_empty() {
            documents.remove(&run);
        }
    }

    /// The run ended.
    pub fn forget(&self, run: RunId) {
        self.lock().remove(&run);
    }

    /// What rides along with an assignment.
    pub fn along_with(&self, assignment: &Assignment) -> Option<WorkerCommand> {
        let run = assignment.task.run;
        let TaskKind::Advance { stage } = assignment.task.kind else { return None };
        let key = stage.0.checked_sub(1).map_or(DocumentKey::Run(run), |before| DocumentKey::Partials {
            run,
            stage: StageIndex(before),
            from: 0,
        });
        let document = self.get(&key).filter(|document| document.len() <= DOCUMENT_ALONG_BYTES)?;
        let total = document.len() as u64;
        Some(WorkerCommand::Piece { key, offset: 0, total, bytes: document.to_vec() })
    }

    fn lock(&self) -> MutexGuard<'_, Documents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use common::ids::{Epoch, LeaseId};
    use common::run::Task;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_document_is_here_until_it_is_durable() {
        let run = RunId(Uuid::from_u128(7));
        let state = |stage| DocumentKey::State { run, stage: StageIndex(stage) };
        let partials = DocumentKey::Partials { run, stage: StageIndex(0), from: 0 };
        let unstored = Unstored::default();
        unstored.put(run, DocumentKey::Run(run), Bytes::from_static(b"order"));
        unstored.put(run, state(0), Bytes::from_static(b"{}"));

        let advance = |stage| Assignment {
            lease: LeaseId::new(Epoch(1), 1),
            task: Task { run, kind: TaskKind::Advance { stage: StageIndex(stage) } },
            shard_timeout_ms: 0,
        };
        let along = unstored.along_with(&advance(0));
        assert!(matches!(along, Some(WorkerCommand::Piece { total: 5, .. })), "{along:?}");
        assert_eq!(unstored.along_with(&advance(1)), None);

        unstored.put(run, partials, Bytes::from_static(b"page"));
        assert!(unstored.along_with(&advance(1)).is_some());
        unstored.opened(run, StageIndex(0));
        assert_eq!((unstored.get(&state(0)), unstored.get(&DocumentKey::Run(run))), (None, None));
        assert!(unstored.get(&partials).is_some(), "its results may not be durable yet");
        unstored.opened(run, StageIndex(1));
        assert_eq!(unstored.get(&partials), None);

        unstored.put(run, state(1), Bytes::new());
        unstored.forget(run);
        assert_eq!(unstored.get(&state(1)), None);
    }
}
