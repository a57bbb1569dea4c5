//! The store on Postgres, held to what every store must do.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use common::ids::{ContentHash, Epoch, RunId, StageIndex, WorkerId};
use common::protocol::PartialsPage;
use common::run::RunPhase;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::leadership::Leadership;
use coordinator::store::runs::{Resumed, RunRow};
use coordinator::store::submit::{NewRun, Submitted};
use coordinator::store::writer::Fact;
use coordinator::store::writer::batch::Spoiled;
use coordinator::store::writer::transaction::{Attempt, Connection, Insert};
use coordinator::store::{Store, StoreError};
use testkit::conformance::{Durable, conforms};
use tokio::sync::Mutex;

use crate::proxy::{Cut, Wire};
use crate::support::{database, me, soon, store_at};

/// A store behind a wire that can be cut, and the connections of its leaderships.
struct OnPostgres {
    store: Store,
    wire: Wire,
    leadership: Mutex<Option<Leadership>>,
    pens: Mutex<BTreeMap<Epoch, Connection>>,
}

#[tokio::test]
async fn the_store_on_postgres_does_what_every_store_must() {
    conforms(async || {
        let wire = Wire::to(&database().await);
        let store = store_at(&wire.url).await;
        store.migrate().await.unwrap();
        OnPostgres { store, wire, leadership: Mutex::default(), pens: Mutex::default() }
    })
    .await;
}

impl Durable for OnPostgres {
    async fn submit(&self, run: NewRun, key: Option<Idempotency>) -> Result<Submitted, StoreError> {
        self.store.submit(run, key).await
    }

    async fn cancel(&self, run: RunId) -> Result<bool, StoreError> {
        self.store.cancel(run).await.map(|cancelled| cancelled.changed)
    }

    async fn delete_run(&self, run: RunId) -> Result<(), StoreError> {
        self.store.delete_run(run).await
    }

    async fn set_paused(&self, paused: bool) {
        self.store.set_paused(paused).await.unwrap();
    }

    async fn paused(&self) -> bool {
        self.store.paused().await.unwrap()
    }

    async fn pause_run(&self, run: RunId, paused: bool) -> Result<(), StoreError> {
        self.store.pause_run(run, paused).await.map(|_| ())
    }

    async fn paused_runs(&self) -> BTreeSet<RunId> {
        self.store.paused_runs().await.unwrap()
    }

    async fn request_drain(&self, worker: WorkerId, drain: bool) {
        self.store.request_drain(worker, drain).await.unwrap();
    }

    async fn drain_requests(&self) -> Vec<WorkerId> {
        self.store.drain_requests().await.unwrap()
    }

    async fn run(&self, run: RunId) -> Result<RunRow, StoreError> {
        self.store.run(run).await
    }

    async fn report(&self, run: RunId) -> Result<Option<Bytes>, StoreError> {
        self.store.report(run).await
    }

    async fn events(&self, run: RunId) -> Vec<(i64, String)> {
        let events = self.store.events(run, 0, 10_000).await.unwrap();
        events.into_iter().map(|event| (event.seq, event.kind)).collect()
    }

    async fn open_run_ids(&self) -> Vec<RunId> {
        self.store.open_run_ids().await.unwrap()
    }

    async fn open_runs(&self) -> Vec<RunRow> {
        self.store.open_runs().await.unwrap()
    }

    async fn open_runs_of(&self, runs: &[RunId]) -> Vec<RunRow> {
        self.store.open_runs_of(runs).await.unwrap()
    }

    async fn phases(&self, runs: &[RunId]) -> BTreeMap<RunId, RunPhase> {
        self.store.phases(runs).await.unwrap()
    }

    async fn resume(&self, run: RunId) -> Result<Resumed, StoreError> {
        self.store.resume(run).await
    }

    async fn run_spec(&self, run: RunId) -> Result<Bytes, StoreError> {
        self.store.run_spec(run).await
    }

    async fn document(&self, hash: ContentHash) -> Result<Bytes, StoreError> {
        self.store.document(hash).await
    }

    async fn state(&self, run: RunId, stage: StageIndex) -> Result<Bytes, StoreError> {
        self.store.state(run, stage).await
    }

    async fn partials_page(
        &self,
        run: RunId,
        stage: StageIndex,
        from: u32,
        most_bytes: usize,
    ) -> Result<PartialsPage, StoreError> {
        self.store.partials_page(run, stage, from, most_bytes).await
    }

    async fn take_over(&self) -> Epoch {
        let mut leadership = self.leadership.lock().await;
        if let Some(before) = leadership.take() {
            before.release().await;
        }
        let next = soon(self.store.lead(me("here"))).await.unwrap();
        let epoch = next.epoch();
        *leadership = Some(next);
        // the successor ended the connections of the one before: it has to make new ones
        self.pens.lock().await.clear();
        epoch
    }

    async fn attempt(&self, epoch: Epoch, facts: &[Fact], number: i64, insert: Insert) -> Attempt {
        let mut pens = self.pens.lock().await;
        let pen = pens.entry(epoch).or_insert_with(|| self.store.pen(epoch));
        pen.attempt(facts, &Spoiled::new(), number, insert).await
    }

    async fn lose_answer(&self, applied: bool) {
        self.wire.cut(if applied { Cut::AfterCommit } else { Cut::BeforeCommit });
    }
}
