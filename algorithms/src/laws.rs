//! The laws that every algorithm obeys, tested for the whole catalogue at once.
//!
//! An algorithm is tried on small networks that offer the documents it takes, with its default parameters; a new one is
//! held to the laws without a line here. [`more_cases`] adds parameters that show more of an algorithm.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use optics::topology::{AddDropBank, AddDropKind, Contention, Link, Node, Topology};
use optics::traffic::{
    Demand, Disjointness, Protection, ProtectionSource, ServiceGroup, ServiceType, TrafficMatrix,
};
use rand::{Rng, RngExt as _};

use crate::local::{FinishedRun, LocalRun};
use crate::{AlgorithmError, Control, Documents, ErasedAlgorithm, catalogue, jsonb, rng, storable};

/// A run that laws are tried on.
struct Case {
    algorithm: Arc<dyn ErasedAlgorithm>,
    params: String,
    seed: u64,
    documents: Documents,
    title: String,
}

impl Case {
    fn local(&self) -> LocalRun<'_> {
        LocalRun {
            algorithm: self.algorithm.as_ref(),
            params: self.params.as_bytes(),
            seed: self.seed,
            documents: &self.documents,
        }
    }

    fn run(&self) -> FinishedRun {
        self.local().run(&Control::new()).unwrap_or_else(|error| panic!("{}: {error}", self.title))
    }
}

/// Parameters beyond the defaults, by algorithm.
fn more_cases(algorithm: &str) -> &'static [&'static str] {
    match algorithm {
        "spin" => &[r#"{"shards": 40, "stages": 3, "iterations": 1000, "result_bytes": 50}"#],
        "bill_of_materials" => &[r#"{"prices": {"TP1H": 9000.5, "WS9": 21000}, "currency": "EUR"}"#],
        "grooming" => &[
            r#"{"threshold_gbps": 60, "fill": "balanced", "demands_per_shard": 2}"#,
            r#"{"split_threshold_gbps": 90, "threshold_gbps": 30, "propose_clusters": true, "demands_per_shard": 3}"#,
            r#"{"mode": "advanced", "line_rate_gbps": 200, "demands_per_shard": 2}"#,
            r#"{"mode": "intermediate", "line_rate_gbps": 40}"#,
            r#"{"mode": "clustering_intermediate", "propose_clusters": true}"#,
            r#"{"mode": "end_to_end_intermediate", "multiplex_threshold_percent": 30, "demands_per_shard": 1}"#,
        ],
        "design" => &[
            r#"{"grooming": {"threshold_gbps": 20, "demands_per_shard": 3}, "rwa": {"channels": 8}}"#,
            r#"{"grooming": {"mode": "advanced", "demands_per_shard": 3}, "rwa": {"channels": 8, "allow_unprotected": true}}"#,
        ],
        "gsnr" => &[r#"{"k": 1, "loading": "reference_full", "system_margin_db": 9}"#],
        "rwa" => &[r#"{"channels": 3, "rounds": 2, "steps": 500}"#],
        _ => &[],
    }
}

/// Runs that would take long if nobody cancelled them.
fn long_case(algorithm: &str) -> Option<&'static str> {
    match algorithm {
        "spin" => Some(r#"{"shards": 3, "iterations": 100000000000}"#),
        "rwa" => Some(r#"{"channels": 2, "rounds": 1000, "patience": 1000, "steps": 10000000}"#),
        "design" => Some(r#"{"rwa": {"channels": 2, "rounds": 1000, "patience": 1000, "steps": 10000000}}"#),
        _ => None,
    }
}

fn case(algorithm: &Arc<dyn ErasedAlgorithm>, params: &str, network: &(&str, Documents)) -> Case {
    for (role, required) in algorithm.inputs() {
        assert!(
            !required || network.1.bytes(role).is_some(),
            "no network offers `{role}`: add one to `networks`"
        );
    }
    Case {
        algorithm: Arc::clone(algorithm),
        params: params.to_owned(),
        seed: 11,
        documents: network.1.clone(),
        title: format!("{} {params} on {}", algorithm.name(), network.0),
    }
}

fn catalogue() -> Vec<Arc<dyn ErasedAlgorithm>> {
    catalogue::all().into_iter().map(Arc::from).collect()
}

fn cases() -> Vec<Case> {
    let networks = networks();
    let mut cases = Vec::new();
    for algorithm in &catalogue() {
        for network in &networks {
            for params in std::iter::once(&"{}").chain(more_cases(algorithm.name())) {
                cases.push(case(algorithm, params, network));
            }
        }
    }
    cases
}

/// The documents that algorithms are tried on.
fn networks() -> Vec<(&'static str, Documents)> {
    let documents = |topology: &Topology, traffic: &TrafficMatrix| {
        let given = Documents::new()
            .with("topology", serde_json::to_vec(topology).unwrap())
            .with("traffic", serde_json::to_vec(traffic).unwrap())
            .with("equipment", &include_bytes!("../../samples/equipment.json")[..]);
        // for those that go on from a plan
        let design = crate::catalogue::design::Design;
        let planned = LocalRun { algorithm: &design, params: b"{}", seed: 1, documents: &given };
        let planned = planned.run(&Control::new()).expect("a plan");
        given.with("plan", planned.report)
    };
    let alone = Topology { nodes: vec![Node::roadm("A")], ..Topology::default() };
    vec![
        ("nothing", documents(&alone, &TrafficMatrix::default())),
        ("a wheel", documents(&wheel(), &wheel_traffic())),
    ]
}

/// Six nodes around a hub:
///
/// ```text
///       1 ─── 2
///     ╱  ╲   ╱  ╲
///    6 ─── H ─── 3      4, 5 and 6 end in one directionless bank each
///     ╲  ╱   ╲  ╱
///       5 ─── 4
/// ```
fn wheel() -> Topology {
    let mut nodes: Vec<Node> = ["H", "1", "2", "3", "4", "5", "6"].map(Node::roadm).into();
    for node in &mut nodes[4..] {
        node.contention = Contention::PerNode;
        node.add_drop = vec![AddDropBank {
            bank: "d".to_owned(),
            kind: AddDropKind::Directionless,
            degrees: Vec::new(),
            ports: None,
            max_same_slot: None,
        }];
    }
    let mut links = Vec::new();
    for i in 1..=6 {
        let (rim, next) = (i.to_string(), (i % 6 + 1).to_string());
        links.push(Link::new(format!("H{rim}"), "H", &rim, 100.0 + f64::from(i)));
        links.push(Link::new(format!("{rim}{next}"), &rim, &next, 80.0 + f64::from(i) / 3.0));
    }
    Topology { name: "wheel".to_owned(), nodes, links, ..Topology::default() }
}

/// Demands of every kind: by rate and by services of all types, with and without protection.
fn wheel_traffic() -> TrafficMatrix {
    let protected = Protection::OnePlusOne {
        disjoint: Disjointness::Node,
        source: ProtectionSource::Splitter,
        differential_delay_us: None,
    };
    let mut demands = Vec::new();
    for (i, (a, b)) in [("1", "4"), ("2", "5"), ("3", "6"), ("1", "3"), ("H", "2")].into_iter().enumerate() {
        let rate = Demand::of_rate(format!("rate {a}-{b}"), a, b, 70.0 + 45.5 * i as f64);
        demands.push(Demand { protection: if i < 2 { protected.clone() } else { Protection::None }, ..rate });
        let services = ServiceType::ALL
            .into_iter()
            .enumerate()
            .map(|(k, kind)| ServiceGroup {
                kind,
                ids: (0..(k * 7 + i * 3) % 11).map(|n| format!("{a}-{b} {k}.{n}")).collect(),
            })
            .collect();
        let by_services = Demand::of_rate(format!("services {b}-{a}"), b, a, 0.0);
        demands.push(Demand { rate_ab_gbps: None, services, ..by_services });
    }
    TrafficMatrix { name: "wheel".to_owned(), demands }
}

#[test]
fn law_1_the_order_of_execution_does_not_show() {
    for case in cases() {
        let ascending = case.run();
        let descending = case.local().run_in_order(&Control::new(), |_, shards| shards.reverse()).unwrap();
        assert!(descending == ascending, "{}", case.title);
        for seed in 0..3 {
            let shuffled = case.local().run_in_order(&Control::new(), |stage, shards| {
                let mut random = rng::for_shard(seed, u32::try_from(stage).unwrap(), 0);
                for i in (1..shards.len()).rev() {
                    shards.swap(i, random.random_range(..=i));
                }
            });
            assert!(shuffled.unwrap() == ascending, "{}", case.title);
        }
    }
}

#[test]
fn law_2_repetition_does_not_show() {
    for case in cases() {
        let run = case.run();
        assert!(case.run() == run, "{}", case.title);
        for stage in &run.stages {
            for (shard, partial) in (0..).zip(&stage.partials).take(10) {
                let again = case.local().reproduce(&stage.state, shard, &Control::new()).unwrap();
                assert!(again == *partial, "{}: shard {shard} of {}", case.title, stage.name);
            }
        }
    }
}

#[test]
fn law_2_the_number_of_threads_does_not_show() {
    for case in cases() {
        let runs = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.run())
        });
        assert!(runs[0] == runs[1], "{}", case.title);
    }
}

#[test]
fn law_3_documents_survive_their_stored_form() {
    for case in cases() {
        let control = Control::new();
        let open = case.algorithm.open(case.params.as_bytes(), case.seed, &case.documents).unwrap();
        for stage in case.run().stages {
            let exact = Arc::clone(&open).stage(&stage.state).unwrap();
            let stored = Arc::clone(&open).stage(&jsonb::normalise(&stage.state).unwrap()).unwrap();
            let raw: Vec<Vec<u8>> = (0..)
                .zip(&stage.partials)
                .map(|(shard, _)| exact.execute(shard, &control).unwrap())
                .collect();
            let from_raw = exact.merge(&mut raw.into_iter().map(Ok), &control).unwrap();
            let from_stored = stored.merge(&mut stage.partials.into_iter().map(Ok), &control).unwrap();
            assert!(from_raw == from_stored, "{}: {}", case.title, stage.name);
        }
    }
}

#[test]
fn laws_4_and_6_a_run_ends_with_a_report_that_its_checker_accepts() {
    for case in cases() {
        let run = case.run(); // a report with violations would be an error
        let known = case.algorithm.stages();
        for stage in &run.stages {
            assert!(known.iter().any(|info| info.name == stage.name), "{}: stage {}", case.title, stage.name);
        }
        let report: serde_json::Value = serde_json::from_slice(&run.report).unwrap();
        assert!(report.is_object(), "{}", case.title);
        assert!(storable::to_vec(&report).is_ok());
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // tests may look at the clock
fn law_5_a_cancelled_run_returns_within_200_ms() {
    const LIMIT: Duration = Duration::from_millis(200);
    let network = networks().pop().expect("there are networks");
    for algorithm in catalogue() {
        let params = long_case(algorithm.name()).unwrap_or("{}");
        let case = case(&algorithm, params, &network);
        for delay_ms in [0, 10, 100, 400] {
            // a busy machine may hold any single attempt up
            let outcome = (0..4).try_for_each(|_| {
                let control = Control::new();
                let took = std::thread::scope(|scope| {
                    let run = scope.spawn(|| {
                        let result = case.local().run(&control);
                        (result.map(|_| ()), Instant::now())
                    });
                    std::thread::sleep(Duration::from_millis(delay_ms));
                    let cancelled = Instant::now();
                    control.cancel();
                    let (result, end) = run.join().expect("no panic");
                    assert!(
                        matches!(result, Ok(()) | Err(AlgorithmError::Cancelled)),
                        "{}: {result:?}",
                        case.title
                    );
                    end.saturating_duration_since(cancelled)
                });
                if took <= LIMIT { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(
                outcome.is_break(),
                "{}: still running {LIMIT:?} after cancel at {delay_ms} ms",
                case.title
            );
        }
    }
}

#[test]
fn parameters_have_defaults_and_strangers_are_refused() {
    let network = networks().pop().expect("there are networks");
    for algorithm in catalogue() {
        let open = |params: &str| algorithm.open(params.as_bytes(), 0, &network.1).map(|_| ());
        assert_eq!(open("{}"), Ok(()), "{}", algorithm.name());
        for bad in [r#"{"no_such_parameter": 1}"#, "[]x", "null", "7", r#"{"seed": "#] {
            let refused = open(bad);
            let as_parameter = matches!(refused, Err(AlgorithmError::InvalidParams { .. }));
            assert!(as_parameter, "{} with {bad}: {refused:?}", algorithm.name());
        }
        let schema = algorithm.params_schema();
        let properties = schema["properties"].as_object().expect("parameters have names");
        for (name, property) in properties {
            let says = ["description", "$ref", "allOf"].iter().any(|key| property.get(key).is_some());
            assert!(says, "{}: parameter {name} is not explained", algorithm.name());
        }
        assert!(algorithm.report_schema()["properties"].is_object());
    }
}

#[test]
fn names_are_unique_and_fit_for_urls() {
    let names: Vec<&str> = catalogue::all().iter().map(|algorithm| algorithm.name()).collect();
    for (i, name) in names.iter().enumerate() {
        assert!(!names[..i].contains(name), "{name} is there twice");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
    }
    for algorithm in catalogue() {
        assert!(algorithm.summary().ends_with('.'), "{} has a sentence", algorithm.name());
        assert!(!algorithm.stages().is_empty() && algorithm.version() > 0);
    }
}

#[test]
fn hostile_documents_are_refused_and_nothing_panics() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let mut hostile: Vec<Vec<u8>> = ["", "null", "[]", "{}", "7", "\"x\"", "{\"nodes\": [", deep.as_str()]
        .map(|text| text.as_bytes().to_vec())
        .into();
    hostile.push(vec![0xff, 0xfe, b'{']);
    // what is left of a good document after single bytes were changed
    let good = networks().pop().expect("there are networks").1;
    for role in ["topology", "traffic"] {
        let bytes = good.bytes(role).expect("offered");
        for i in 0..60 {
            let mut random = rng::for_shard(5, 0, i);
            let mut bytes = bytes.to_vec();
            let at = random.random_range(..bytes.len());
            bytes[at] = b"0-9e{}[]\",:n"[random.next_u32() as usize % 12];
            hostile.push(bytes);
        }
    }
    for algorithm in catalogue() {
        for &(role, required) in algorithm.inputs() {
            for bytes in &hostile {
                let documents = good.clone().with(role, bytes.clone());
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let open = algorithm.open(b"{}", 0, &documents)?;
                    open.plan(&Control::new()).map(|_| ())
                }));
                let text = String::from_utf8_lossy(bytes);
                let result =
                    outcome.unwrap_or_else(|_| panic!("{} panics on {role} {text}", algorithm.name()));
                let typed = matches!(result, Ok(()) | Err(AlgorithmError::InvalidInput { .. }));
                assert!(typed, "{} on {role} {text}: {result:?}", algorithm.name());
            }
            if required {
                let others = Documents::new();
                assert!(matches!(
                    algorithm.open(b"{}", 0, &others).map(|_| ()),
                    Err(AlgorithmError::InvalidInput { .. })
                ));
            }
        }
    }
}
