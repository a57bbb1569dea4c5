//! Published instances against their published bounds, whole runs through the stored form of every document.

#![allow(clippy::disallowed_methods, clippy::print_stdout)] // it says how long each instance took

mod published;

use std::time::Instant;

use algorithms::local::LocalRun;
use algorithms::{Control, Documents};
use optics::report::PlanReport;
use published::Published;

fn run(instance: &Published, params: &str, seed: u64) -> PlanReport {
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(&instance.topology).expect("JSON"))
        .with("traffic", serde_json::to_vec(&instance.traffic).expect("JSON"));
    let all = algorithms::catalogue::all();
    let algorithm = all.iter().find(|own| own.name() == "rwa").expect("in the catalogue").as_ref();
    let local = LocalRun { algorithm, params: params.as_bytes(), seed, documents: &documents };
    let finished = local.run(&Control::new()).expect("a plan without violations");
    serde_json::from_slice(&finished.report).expect("a plan report")
}

/// Plans the rows of `table` for which `wanted` holds and compares wavelengths with the exact value of the row.
#[allow(clippy::print_stdout, clippy::disallowed_methods)] // figures and times are worth a look
fn reaches_the_bounds(table: &str, wanted: impl Fn(&str) -> bool) {
    let mut missed = Vec::new();
    for (name, row) in published::bounds(table).into_iter().filter(|(name, _)| wanted(name)) {
        let instance = published::build(&row);
        let started = Instant::now();
        let report = run(&instance, r#"{"channels": 1000}"#, 1);
        let needed = row["ilp_lower_bound"].as_f64().expect("a bound");
        let best = report.summary.bounds.iter().map(|bound| bound.value).fold(0.0, f64::max);
        println!(
            "{name:32} {:4} of {needed:4} proven {best:4}, {:6} hops, {:?}",
            report.summary.wavelengths.expect("a fixed grid"),
            report.summary.hops,
            started.elapsed()
        );
        assert_eq!(
            u64::from(report.summary.lightpaths),
            row["lightpaths"].as_u64().expect("a number"),
            "{name}"
        );
        if report.summary.wavelengths.map(f64::from) != Some(needed) || (best - needed).abs() > 1e-9 {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "not met: {missed:?}");
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_all_to_all_meets_its_bounds() {
    // CORONET 75 needs minutes of search, not seconds, in a test build.
    reaches_the_bounds("all_to_all", |name| !name.contains("conus75"));
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_sndlib_traffic_meets_its_bounds() {
    reaches_the_bounds("sndlib_traffic", |_| true);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_synthetic_networks_meet_their_bounds() {
    reaches_the_bounds("synthetic", |_| true);
}
