//! The model of the store in the simulation, held to what the store on Postgres is held to.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use common::ids::{ContentHash, Epoch, RunId, StageIndex, WorkerId};
use common::protocol::PartialsPage;
use common::run::RunPhase;
use coordinator::store::StoreError;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::runs::{Resumed, RunRow};
use coordinator::store::submit::{NewRun, Submitted};
use coordinator::store::writer::Fact;
use coordinator::store::writer::batch::Spoiled;
use coordinator::store::writer::transaction::{Attempt, Insert};
use testkit::conformance::{Durable, conforms};
use testkit::simulation::tables::Tables;

#[derive(Default)]
struct Model {
    tables: RefCell<Tables>,
    lose: RefCell<Option<bool>>,
}

#[tokio::test]
async fn the_model_of_the_store_does_what_every_store_must() {
    conforms(async || Model::default()).await;
}

impl Durable for Model {
    async fn submit(&self, run: NewRun, key: Option<Idempotency>) -> Result<Submitted, StoreError> {
        self.tables.borrow_mut().submit(run, key)
    }

    async fn cancel(&self, run: RunId) -> Result<bool, StoreError> {
        self.tables.borrow_mut().cancel(run)
    }

    async fn delete_run(&self, run: RunId) -> Result<(), StoreError> {
        self.tables.borrow_mut().delete(run)
    }

    async fn set_paused(&self, paused: bool) {
        self.tables.borrow_mut().set_paused(paused);
    }

    async fn paused(&self) -> bool {
        self.tables.borrow().paused()
    }

    async fn pause_run(&self, run: RunId, paused: bool) -> Result<(), StoreError> {
        self.tables.borrow_mut().pause_run(run, paused)
    }

    async fn paused_runs(&self) -> BTreeSet<RunId> {
        self.tables.borrow().paused_runs()
    }

    async fn request_drain(&self, worker: WorkerId, drain: bool) {
        self.tables.borrow_mut().request_drain(worker, drain);
    }

    async fn drain_requests(&self) -> Vec<WorkerId> {
        self.tables.borrow().drain_requests()
    }

    async fn run(&self, run: RunId) -> Result<RunRow, StoreError> {
        self.tables.borrow().run(run)
    }

    async fn report(&self, run: RunId) -> Result<Option<Bytes>, StoreError> {
        self.tables.borrow().report(run)
    }

    async fn events(&self, run: RunId) -> Vec<(i64, String)> {
        let tables = self.tables.borrow();
        let events = tables.record(run).map(testkit::simulation::tables::Record::events).unwrap_or_default();
        (1..).zip(events).map(|(number, (kind, _))| (number, kind.clone())).collect()
    }

    async fn open_run_ids(&self) -> Vec<RunId> {
        self.tables.borrow().open_run_ids()
    }

    async fn open_runs(&self) -> Vec<RunRow> {
        self.tables.borrow().open_runs()
    }

    async fn open_runs_of(&self, runs: &[RunId]) -> Vec<RunRow> {
        self.tables.borrow().open_runs_of(runs)
    }

    async fn phases(&self, runs: &[RunId]) -> BTreeMap<RunId, RunPhase> {
        self.tables.borrow().phases(runs)
    }

    async fn resume(&self, run: RunId) -> Result<Resumed, StoreError> {
        self.tables.borrow().resume(run)
    }

    async fn run_spec(&self, run: RunId) -> Result<Bytes, StoreError> {
        self.tables.borrow().run_spec(run)
    }

    async fn document(&self, hash: ContentHash) -> Result<Bytes, StoreError> {
        self.tables.borrow().document(hash)
    }

    async fn state(&self, run: RunId, stage: StageIndex) -> Result<Bytes, StoreError> {
        self.tables.borrow().state(run, stage)
    }

    async fn partials_page(
        &self,
        run: RunId,
        stage: StageIndex,
        from: u32,
        most_bytes: usize,
    ) -> Result<PartialsPage, StoreError> {
        self.tables.borrow().partials_page(run, stage, from, most_bytes)
    }

    async fn take_over(&self) -> Epoch {
        self.tables.borrow_mut().take_over()
    }

    async fn attempt(&self, epoch: Epoch, facts: &[Fact], number: i64, insert: Insert) -> Attempt {
        let lost = self.lose.borrow_mut().take();
        let attempt = self.tables.borrow_mut().attempt(
            epoch,
            facts,
            &Spoiled::new(),
            number,
            insert,
            lost != Some(false),
        );
        match (lost, attempt) {
            (Some(_), Attempt::Committed(told)) => Attempt::Uncertain(told),
            (_, attempt) => attempt,
        }
    }

    async fn lose_answer(&self, applied: bool) {
        self.lose.replace(Some(applied));
    }
}
