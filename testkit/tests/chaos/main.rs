//! Real processes in real networks, and everything that happens to both: after each disaster every accepted run has
//! the report that it has without one, and one row per shard.
//!
//! `make test` runs one case of each kind; the others are ignored there and run with `make chaos`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)] // tests: what fails here fails the test

mod database;
mod liar;
mod members;
mod once;
mod strangers;
mod takeover;

use std::time::Duration;

use cli::views::{InputRef, NewRun};
use serde_json::json;
use serde_json::value::RawValue;
use testkit::fleet::{Fleet, Shape};
use tokio::sync::OnceCell;

/// How long a run may take on a loaded machine, with a disaster on the way.
const RUN: Duration = Duration::from_mins(2);

/// The fleet that a test needs; none where there can be no networks, which is said and fails in CI.
async fn fleet(shape: Shape) -> Option<Fleet> {
    if testkit::chaos::is_skipped() {
        return None;
    }
    Some(Fleet::start(shape).await.unwrap())
}

/// Work without meaning: two stages of shards of some 10 ms, so that results come all the time.
fn spin() -> NewRun {
    let params = json!({ "shards": 80, "stages": 2, "iterations": 4_000_000, "result_bytes": 100 });
    NewRun { algorithm: "spin".into(), params, seed: Some(42), ..NewRun::default() }
}

/// A real plan of a sample network.
fn design() -> NewRun {
    let sample = cli::samples::find("nsfnet").unwrap();
    let document =
        |text: &str| InputRef::Inline { document: RawValue::from_string(text.to_owned()).unwrap() };
    let inputs = [("topology", sample.topology), ("traffic", sample.traffic)];
    NewRun {
        algorithm: "design".into(),
        params: json!({}),
        inputs: inputs.map(|(role, text)| (role.to_owned(), document(text))).into(),
        seed: Some(42),
        ..NewRun::default()
    }
}

/// The reports of [`spin`] and [`design`] where nothing happens; found out once.
async fn undisturbed(fleet: &Fleet) -> &'static [String; 2] {
    static REPORTS: OnceCell<[String; 2]> = OnceCell::const_new();
    let reports = REPORTS.get_or_init(async || {
        let mut reports = Vec::new();
        for order in [spin(), design()] {
            let run = fleet.submit(&order).await.unwrap();
            reports.push(fleet.success(&run, RUN).await.unwrap());
        }
        reports.try_into().unwrap()
    });
    reports.await
}

/// Runs that were accepted before and while something happened.
struct Runs {
    spins: Vec<String>,
    designs: Vec<String>,
    expected: &'static [String; 2],
}

impl Runs {
    /// A run of [`spin`] that is under way, with a plan waiting behind it.
    async fn under_way(fleet: &Fleet) -> Self {
        let expected = undisturbed(fleet).await;
        let mut runs = Self { spins: Vec::new(), designs: Vec::new(), expected };
        runs.add(fleet).await;
        fleet.until_stored(runs.first(), 20).await.unwrap();
        runs
    }

    /// The one that is under way.
    fn first(&self) -> &str {
        &self.spins[0]
    }

    /// Two more, as users go on working.
    async fn add(&mut self, fleet: &Fleet) {
        self.spins.push(fleet.submit(&spin()).await.unwrap());
        self.designs.push(fleet.submit(&design()).await.unwrap());
    }

    /// All of them end as if nothing had happened.
    async fn end_undisturbed(&self, fleet: &Fleet) {
        for (runs, expected) in [(&self.spins, &self.expected[0]), (&self.designs, &self.expected[1])] {
            for run in runs {
                let report = fleet.success(run, RUN).await.unwrap();
                assert_eq!(&report, expected, "the report of run {run} is another one");
            }
        }
    }
}
