//! Kerman: import, grooming and design of the network whose results with the original product are known.

use std::time::Duration;

use cli::client::InputKind;
use cli::views::{Input, Problem};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Shape};

use super::{bound, execute, import, order, plan, refusal, stored};

const XLSX: &str = "netplanner-xlsx";

async fn kerman(cluster: &Cluster) -> (Input, Input) {
    let client = &cluster.client;
    let topology = import(client, InputKind::Topology, XLSX, "netplanner/excel/PT_kerman.xlsx").await;
    let traffic =
        import(client, InputKind::TrafficMatrix, XLSX, "netplanner/excel/traffic_kerman.xlsx").await;
    (topology, traffic)
}

fn figure<'a>(input: &'a Input, name: &str) -> &'a Value {
    &input.latest.as_ref().unwrap().summary[name]
}

/// Column and number in the templates' list of errors, with the value that is named.
fn found(problem: &Problem) -> Vec<(String, Option<u8>)> {
    let all = problem.errors.iter();
    all.map(|finding| (finding.column.clone().unwrap_or_default(), finding.template_code)).collect()
}

#[tokio::test]
#[ignore = "needs the reference networks: make acceptance"]
async fn acceptance_the_workbooks_are_imported_and_the_faulty_ones_refused_with_every_finding() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let (topology, traffic) = kerman(&cluster).await;
    assert_eq!((figure(&topology, "nodes"), figure(&topology, "links")), (&json!(22), &json!(33)));
    assert_eq!((figure(&traffic, "demands"), figure(&traffic, "services")), (&json!(104), &json!(916)));

    let before = cluster.sql("SELECT count(*) FROM inputs").await.unwrap();
    let problem =
        refusal(&cluster.client, InputKind::Topology, XLSX, "netplanner/excel/PT_kerman_error.xlsx").await;
    let expected = [("ROADM_Type", Some(2)), ("Source", Some(3)), ("Length", Some(4))];
    assert_eq!(found(&problem), expected.map(|(column, code)| (column.to_owned(), code)), "{problem}");
    assert!(
        problem.errors.iter().all(|finding| finding.sheet.is_some() && finding.row.is_some()),
        "{problem}"
    );
    for (finding, value) in problem.errors.iter().zip(["AAA", "AA", "xy"]) {
        assert!(finding.detail.contains(value), "{finding} names {value}");
    }

    let problem = refusal(
        &cluster.client,
        InputKind::TrafficMatrix,
        XLSX,
        "netplanner/excel/traffic_kerman_error.xlsx",
    )
    .await;
    let expected = [("Quantity_STM16", Some(8)), ("Restoration_Type", Some(7)), ("Protection_Type", Some(6))];
    assert_eq!(found(&problem), expected.map(|(column, code)| (column.to_owned(), code)), "{problem}");
    assert_eq!(cluster.sql("SELECT count(*) FROM inputs").await.unwrap(), before, "nothing was stored");
}

#[tokio::test]
#[ignore = "needs the reference networks: make acceptance"]
async fn acceptance_grooming_gives_the_known_figures_at_both_thresholds() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let (topology, traffic) = kerman(&cluster).await;
    let groom = async |threshold: u32| {
        let inputs = [("topology", stored(&topology)), ("traffic", stored(&traffic))];
        execute(&cluster, &order("grooming", json!({ "threshold_gbps": threshold }), inputs)).await.1
    };
    let report = groom(0).await;
    let summary = &report["summary"];
    assert_eq!(summary["lightpaths"], json!(134), "{summary}");
    assert_eq!(summary["lightpaths_100ge"], json!(27));
    assert_eq!(summary["groomouts"], json!(124));
    assert!((summary["rate_gbps"].as_f64().unwrap() - 5173.8).abs() < 0.05, "{summary}");

    let report = groom(70).await;
    assert_eq!(report["summary"]["lightpaths"], json!(31), "{}", report["summary"]);
}

#[tokio::test]
#[ignore = "needs the reference networks: make acceptance"]
async fn acceptance_the_design_uses_48_wavelengths_and_proves_that_fewer_do_not_exist() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let (topology, traffic) = kerman(&cluster).await;
    let inputs = [("topology", stored(&topology)), ("traffic", stored(&traffic))];
    let (run, report, took) = execute(&cluster, &order("design", json!({}), inputs)).await;
    let report = plan(&report);
    assert_eq!(report.summary.lightpaths, 134);
    assert_eq!((report.summary.blocked, report.plan.violations.len()), (0, 0));
    assert_eq!(report.summary.wavelengths, Some(48), "{:?}", report.summary);
    assert!((bound(&report) - 48.0).abs() < 1e-9, "{:?}", report.summary.bounds);
    assert!(took <= Duration::from_secs(20), "run {} took {took:?}", run.id);
    println!("Kerman: 48 wavelengths, proven, in {took:.2?}");
}
