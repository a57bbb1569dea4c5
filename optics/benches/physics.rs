//! The figures of `make bench-physics`: how long propagation, design, path requests and folded routes take, and how
//! that compares with GNPy's processor time. Writes one JSON document.
//!
//! `--output FILE`; `--data FOLDER` with the CORONET networks in GNPy's form (left out, so are their figures);
//! `--gnpy FILE` with GNPy's own times measured on this machine (left out, the published ones are compared with).

#![allow(clippy::print_stdout, reason = "its output is what it is for")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "../tests/lines/mod.rs"]
mod lines;

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use optics::design::{Reference, complete, design};
use optics::equipment::Equipment;
use optics::gnpy::equipment::AmplifierConfigs;
use optics::gnpy::{equipment, topology};
use optics::line::{ElementKind, LineNetwork};
use optics::path_request::{PathRequest, PlanOptions, Planner};
use optics::propagation::{Bandwidth, FoldedLine, Gains, Propagation, Solver};
use serde_json::{Map, Value, json};

/// GNPy 2.14.1 on one thread of an AMD EPYC, processor time, in the units of the keys.
const GNPY: [(&str, f64); 5] = [
    ("propagate_30_spans_us", 20_100.0),
    ("propagate_10_spans_us", 7_500.0),
    ("design_conus_ms", 810.0),
    ("design_global_ms", 3_470.0),
    ("request_conus_ms", 49.0),
];
/// Requests that a path request's time is the mean of.
const REQUESTS: usize = 40;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        arguments
            .iter()
            .position(|argument| argument == name)
            .and_then(|at| arguments.get(at + 1))
            .map(PathBuf::from)
    };
    let mut figures = Map::new();
    for (key, spans) in [("propagate_10_spans_us", 10), ("propagate_30_spans_us", 30)] {
        figures.insert(key.to_owned(), json!(propagate(spans)? * 1e6));
    }
    figures.insert("fast_path_30_spans_ns".to_owned(), json!(fold(30)? * 1e9));
    if let Some(data) = option("--data") {
        networks(&data.join("gnpy"), &mut figures)?;
    }
    let gnpy = gnpy(option("--gnpy").as_deref())?;
    let ratio: Map<String, Value> = gnpy
        .iter()
        .filter_map(|(key, theirs)| {
            let ratio = theirs.as_f64()? / figures.get(key)?.as_f64()?;
            Some((key.clone(), json!((ratio * 10.0).round() / 10.0)))
        })
        .collect();
    let mut document = figures;
    document.insert("gnpy".to_owned(), Value::Object(gnpy));
    document.insert("times_faster_than_gnpy".to_owned(), Value::Object(ratio));
    let text = serde_json::to_string_pretty(&Value::Object(document))?;
    println!("{text}");
    if let Some(output) = option("--output") {
        if let Some(folder) = output.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&output, text + "\n")?;
    }
    Ok(())
}

/// GNPy's times: those measured here where there are some.
fn gnpy(measured: Option<&Path>) -> Outcome<Map<String, Value>> {
    let mut times: Map<String, Value> =
        GNPY.iter().map(|(key, time)| ((*key).to_owned(), json!(time))).collect();
    if let Some(file) = measured.filter(|file| file.exists()) {
        let here: Map<String, Value> = serde_json::from_slice(&std::fs::read(file)?)?;
        times.extend(here);
    }
    Ok(times)
}

/// Seconds one call takes: the median of repetitions, which an interruption now and then does not move.
fn median(repetitions: usize, mut call: impl FnMut() -> Outcome<Duration>) -> Outcome<f64> {
    let mut times = (0..repetitions).map(|_| call()).collect::<Outcome<Vec<_>>>()?;
    times.sort();
    Ok(times[times.len() / 2].as_secs_f64())
}

/// 96 channels over so many spans, with everything that depends on the comb known.
fn propagate(spans: usize) -> Outcome<f64> {
    let line = lines::line(spans, spans, 0.0);
    let comb = lines::comb();
    let propagation = Propagation::new(&line.network, &line.equipment, &Solver::default());
    median(2001, || {
        let start = Instant::now();
        black_box(propagation.run(black_box(&line.route), &comb, &mut Gains::default())?);
        Ok(start.elapsed())
    })
}

/// From elements to the GSNR of the worst of 96 channels, through six links.
fn fold(spans: usize) -> Outcome<f64> {
    let line = lines::line(spans, spans / 6, 0.0);
    let comb = lines::comb();
    let propagation = Propagation::new(&line.network, &line.equipment, &Solver::default());
    let folded = FoldedLine::new(&propagation);
    let calls = 200;
    let whole = median(101, || {
        let start = Instant::now();
        for _ in 0..calls {
            let route = folded.route(black_box(&line.route), &comb)?;
            black_box(route.worst(Bandwidth::Nanometre01));
        }
        Ok(start.elapsed())
    })?;
    Ok(whole / f64::from(calls))
}

fn networks(folder: &Path, figures: &mut Map<String, Value>) -> Outcome<()> {
    let library = document(&folder.join("eqpt_config.json"))?;
    let mut configs = AmplifierConfigs::default();
    let common = document(&folder.join("common-data.json"))?;
    for (name, content) in common["extra_configs"].as_object().into_iter().flatten() {
        configs.insert(name, content.clone());
    }
    let equipment = equipment::read(&library, &configs).map_err(|all| format!("{all:?}"))?;
    let reference = Reference::of(&equipment, None)?;
    for (key, file) in [
        ("design_conus_ms", "CORONET_CONUS_Topology.json"),
        ("design_global_ms", "CORONET_Global_Topology.json"),
    ] {
        let topology = document(&folder.join(file))?;
        let given = topology::read(&topology, &equipment).map_err(|all| format!("{file}: {all:?}"))?;
        let designed = || -> Outcome<(Duration, LineNetwork)> {
            let mut line = given.clone();
            let start = Instant::now();
            complete(&mut line, &equipment)?;
            design(&mut line, &equipment, &reference)?;
            Ok((start.elapsed(), line))
        };
        let seconds = median(21, || Ok(designed()?.0))?;
        figures.insert(key.to_owned(), json!(seconds * 1e3));
        if key == "design_conus_ms" {
            let seconds = requests(&designed()?.1, &equipment)?;
            figures.insert("request_conus_ms".to_owned(), json!(seconds * 1e3));
        }
    }
    Ok(())
}

/// Routing, propagation and spectrum of a path request between far sites, in the mean.
fn requests(line: &LineNetwork, equipment: &Equipment) -> Outcome<f64> {
    let ends: Vec<&str> = line
        .elements()
        .iter()
        .filter(|element| matches!(element.kind, ElementKind::Transceiver))
        .map(|element| element.uid.as_str())
        .collect();
    let transceiver = equipment.transceivers.first().ok_or("the library has no transceiver")?;
    let mode = transceiver.modes.first().ok_or("the transceiver has no mode")?;
    let requests: Vec<PathRequest> = (0..REQUESTS)
        .map(|at| PathRequest {
            id: at.to_string(),
            source: ends[at % ends.len()].to_owned(),
            destination: ends[(at + ends.len() / 2) % ends.len()].to_owned(),
            bidirectional: false,
            transceiver: transceiver.name.clone(),
            mode: Some(mode.name.clone()),
            spacing_hz: 50e9,
            channels: None,
            reference_power_w: None,
            tx_power_w: None,
            rate_bit_per_s: mode.bit_rate,
            include: Vec::new(),
            slots: Vec::new(),
        })
        .collect();
    let planner = Planner::new(line, equipment, &PlanOptions::default());
    let all = median(21, || {
        let start = Instant::now();
        black_box(planner.plan(&requests, &[])?);
        Ok(start.elapsed())
    })?;
    Ok(all / REQUESTS as f64)
}

fn document(file: &Path) -> Outcome<Value> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(serde_json::from_slice(&bytes)?)
}
