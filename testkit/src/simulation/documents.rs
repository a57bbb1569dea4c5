//! Documents on their way from the database to workers, in pieces.

use bytes::Bytes;
use common::ids::Epoch;
use common::limits::PIECE_BYTES;
use common::protocol::{DocumentKey, ToWorker, WorkerCommand};
use common::wire;
use coordinator::store::StoreError;

use super::coordinator::Answer;
use super::coordinator::CoordinatorWhat;
use super::network::LinkId;
use super::world::{What, Who, World};

/// A piece of a document that a worker wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    link: LinkId,
    key: DocumentKey,
    offset: u64,
    found: Option<Result<Bytes, StoreError>>,
}

impl World {
    pub(super) fn fetch(&mut self, c: usize, link: LinkId, key: DocumentKey, offset: u64) {
        if let Some(document) = self.leader(c).unstored.get(&key) {
            return self.serve(c, Wanted { link, key, offset, found: Some(Ok(document)) });
        }
        let epoch = self.leader(c).epoch;
        let life = self.coordinators[c].process.life;
        let wait = self.dice.between(100, 2_000);
        let wanted = Wanted { link, key, offset, found: None };
        self.agenda.after(wait, (Who::World, What::Read { c, life, epoch, wanted }));
    }

    /// The database reads a document, as it stands now; the answer travels.
    pub(super) fn read(&mut self, c: usize, epoch: Epoch, mut wanted: Wanted) -> CoordinatorWhat {
        wanted.found = Some(if self.database_reached_by(c) {
            self.document(wanted.key)
        } else {
            Err(StoreError::Unavailable("nobody answers".to_owned()))
        });
        CoordinatorWhat::Answer(epoch, Answer::Document(wanted))
    }

    fn document(&self, key: DocumentKey) -> Result<Bytes, StoreError> {
        match key {
            DocumentKey::Run(run) => self.tables.run_spec(run),
            DocumentKey::Input(hash) => self.tables.document(hash),
            DocumentKey::State { run, stage } => self.tables.state(run, stage),
            DocumentKey::Partials { run, stage, from } => {
                let page = self.tables.partials_page(run, stage, from, self.plan.page_bytes)?;
                Ok(wire::pack(&page).expect("a page can be packed").into())
            }
        }
    }

    pub(super) fn serve(&mut self, c: usize, Wanted { link, key, offset, found }: Wanted) {
        let Some(found) = found else { return };
        let command = match found {
            Ok(document) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(document.len());
                let to = from.saturating_add(PIECE_BYTES).min(document.len());
                let bytes = document[from..to].to_vec();
                WorkerCommand::Piece { key, offset, total: document.len() as u64, bytes }
            }
            Err(error) => {
                let forever = matches!(error, StoreError::NotFound(_));
                WorkerCommand::Unavailable { key, reason: error.to_string(), forever }
            }
        };
        let epoch = self.leader(c).epoch;
        let frame = wire::encode(&ToWorker { epoch, command }).expect("a piece is within the limit");
        self.send_down(link, &frame.0.into());
    }
}
