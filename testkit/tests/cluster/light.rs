//! Light: signal quality as a run of a cluster, and GNPy's files served on this machine.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::binaries;
use testkit::cluster::{Cluster, Shape};
use tokio::process::Command;

async fn netplanner(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(binaries::path("netplanner"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_quality_table_is_computed_by_a_cluster_and_queried() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let [topology, equipment] = ["nsfnet/topology.json", "equipment.json"]
        .map(|file| samples.join(file).to_str().unwrap().to_owned());
    let submit = [
        &["--server", cluster.client.server(), "--output", "json", "run", "submit", "gsnr"][..],
        &["--topology", &topology, "--equipment", &equipment, "--params", r#"{"k": 1}"#, "--watch"],
    ]
    .concat();
    let (code, out, err) = netplanner(&submit).await;
    assert_eq!(code, 0, "{err}");
    let run: Value = serde_json::from_str(&out).unwrap();
    let id = run["id"].as_str().unwrap();
    cluster.assert_complete(id).await.unwrap();
    let report: Value = serde_json::from_str(&cluster.report(id).await.unwrap()).unwrap();
    assert_eq!(report["summary"]["routes"], json!(14 * 13), "one route for each ordered pair");
    let worst = report["summary"]["least_gsnr_db_01nm"].as_f64().unwrap();
    assert!((5.0..25.0).contains(&worst), "{worst}");
    let rows = format!(
        "SELECT jsonb_array_length(jsonb_path_query_array(report, '$.routes[*] ? (@.gsnr_db_01nm < {})'))::bigint \
         FROM runs WHERE id = '{id}'",
        worst + 1e-9
    );
    assert!(cluster.sql(&rows).await.unwrap() >= 1, "Postgres finds the worst route in the report");

    let shown = async |format: &str| {
        netplanner(&["--server", cluster.client.server(), "run", "result", id, "--format", format]).await
    };
    let (code, csv, err) = shown("csv").await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(csv.lines().count(), 1 + 14 * 13, "one line for each route, and the titles");
    assert!(csv.starts_with("from,to,rank,links,length_km"), "{csv}");
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("quality.xlsx");
    let (code, _, err) = netplanner(&[
        "--server",
        cluster.client.server(),
        "run",
        "result",
        id,
        "--format",
        "xlsx",
        "--out",
        book.to_str().unwrap(),
    ])
    .await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(&std::fs::read(&book).unwrap()[..2], b"PK", "a workbook is a zip archive");
    let (code, _, err) = shown("svg").await;
    assert!(code != 0 && err.contains("csv or xlsx"), "a quality report has no map: {code} {err}");
}

#[tokio::test]
async fn the_lightpaths_of_a_plan_are_looked_at_as_they_are_lit() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let [topology, traffic, equipment] = ["nsfnet/topology.json", "nsfnet/traffic.json", "equipment.json"]
        .map(|file| samples.join(file).to_str().unwrap().to_owned());
    let submit = async |arguments: &[&str]| {
        let common = ["--server", cluster.client.server(), "--output", "json", "run", "submit"];
        let (code, out, err) = netplanner(&[&common[..], arguments, &["--watch"]].concat()).await;
        assert_eq!(code, 0, "{err}");
        let run: Value = serde_json::from_str(&out).unwrap();
        let id = run["id"].as_str().unwrap().to_owned();
        let report: Value = serde_json::from_str(&cluster.report(&id).await.unwrap()).unwrap();
        (id, report)
    };
    let (id, plan) = submit(&["rwa", "--topology", &topology, "--traffic", &traffic]).await;
    let plan_input = format!("plan=run:{id}");
    let params = json!({ "k": 1, "loading": "actual", "transceivers": ["regional"] }).to_string();
    let (_, quality) = submit(&[
        "gsnr",
        "--topology",
        &topology,
        "--equipment",
        &equipment,
        "--input",
        &plan_input,
        "--params",
        &params,
    ])
    .await;
    let lightpaths = plan["plan"]["lightpaths"].as_array().unwrap().len();
    assert!(lightpaths > 0);
    assert_eq!(
        quality["lightpaths"].as_array().unwrap().len(),
        lightpaths,
        "a row for each lightpath of the plan"
    );
    for lightpath in quality["lightpaths"].as_array().unwrap() {
        assert!((0.0..40.0).contains(&lightpath["gsnr_db_01nm"].as_f64().unwrap()), "{lightpath}");
    }
}

/// Two sites, 160 km of fibre apart: GNPy splits it in two.
fn files(folder: &Path) -> [String; 3] {
    let element = |uid: &str, kind: &str| json!({ "uid": uid, "type": kind });
    let fibre = |uid: &str| {
        let params =
            json!({ "length": 160.0, "length_units": "km", "loss_coef": 0.2, "con_in": 0.5, "con_out": 0.5 });
        json!({ "uid": uid, "type": "Fiber", "type_variety": "SSMF", "params": params })
    };
    let chain =
        [["trx A", "roadm A", "AB", "roadm B", "trx B"], ["trx B", "roadm B", "BA", "roadm A", "trx A"]];
    let connections: Vec<Value> = chain
        .iter()
        .flat_map(|chain| chain.windows(2))
        .map(|pair| json!({ "from_node": pair[0], "to_node": pair[1] }))
        .collect();
    let topology = json!({
        "elements": [
            element("trx A", "Transceiver"), element("trx B", "Transceiver"),
            element("roadm A", "Roadm"), element("roadm B", "Roadm"), fibre("AB"), fibre("BA"),
        ],
        "connections": connections,
    });
    let mode = json!({
        "format": "QPSK", "baud_rate": 32e9, "OSNR": 12, "bit_rate": 100e9, "roll_off": 0.15, "tx_osnr": 40,
        "min_spacing": 50e9, "cost": 1,
    });
    let equipment = json!({
        "Edfa": [{
            "type_variety": "edfa", "type_def": "variable_gain", "gain_flatmax": 26, "gain_min": 15, "p_max": 23,
            "nf_min": 6, "nf_max": 10, "out_voa_auto": false, "allowed_for_design": true,
        }],
        "Fiber": [{ "type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12, "pmd_coef": 1.265e-15 }],
        "Span": [{
            "power_mode": true, "delta_power_range_db": [-2, 3, 0.5], "max_fiber_lineic_loss_for_raman": 0.25,
            "target_extended_gain": 2.5, "max_length": 150, "length_units": "km", "max_loss": 28, "padding": 10,
            "EOL": 0, "con_in": 0, "con_out": 0,
        }],
        "Roadm": [{
            "target_pch_out_db": -20, "add_drop_osnr": 38, "pmd": 0, "pdl": 0,
            "restrictions": { "preamp_variety_list": [], "booster_variety_list": [] },
        }],
        "SI": [{
            "f_min": 191.3e12, "f_max": 196.1e12, "baud_rate": 32e9, "spacing": 50e9, "power_dbm": 0,
            "power_range_db": [0, 0, 0.5], "roll_off": 0.15, "tx_osnr": 40, "sys_margins": 0,
        }],
        "Transceiver": [{
            "type_variety": "flex", "frequency": { "min": 191.3e12, "max": 196.1e12 }, "mode": [mode],
        }],
    });
    let request = |id: &str, from: &str, to: &str, rate: f64| {
        json!({
            "request-id": id, "source": from, "destination": to, "src-tp-id": from, "dst-tp-id": to,
            "bidirectional": false,
            "path-constraints": { "te-bandwidth": {
                "technology": "flexi-grid", "trx_type": "flex", "trx_mode": "QPSK", "spacing": 50e9,
                "path_bandwidth": rate,
                "effective-freq-slot": [{ "N": null, "M": null }], "output-power": null, "max-nb-of-channel": null,
            } },
        })
    };
    let services = json!({ "path-request": [
        request("served", "trx A", "trx B", 300e9),
        request("too much", "trx B", "trx A", 100e12),
    ] });
    [("topology", topology), ("services", services), ("equipment", equipment)].map(|(name, content)| {
        let file = folder.join(format!("{name}.json"));
        std::fs::write(&file, content.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    })
}

#[tokio::test]
async fn files_of_gnpy_are_served_without_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let [topology, services, equipment] = files(folder.path());
    let response = folder.path().join("response.json");
    let network = folder.path().join("network.json");
    let (code, out, err) = netplanner(&[
        "path-request",
        &topology,
        &services,
        "-e",
        &equipment,
        "-o",
        response.to_str().unwrap(),
        "--save-network",
        network.to_str().unwrap(),
    ])
    .await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("QPSK") && out.contains("NO_SPECTRUM"), "{out}");
    let read = |file: &Path| -> Value { serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap() };
    let answers = read(&response);
    assert_eq!(answers["response"].as_array().unwrap().len(), 2);
    assert!(answers["response"][0]["path-properties"].is_object(), "{answers}");
    assert_eq!(answers["response"][1]["no-path"]["no-path"], json!("NO_SPECTRUM"));
    let elements = read(&network)["elements"].as_array().unwrap().clone();
    let count = |kind: &str| elements.iter().filter(|element| element["type"] == kind).count();
    assert_eq!((count("Fiber"), count("Edfa")), (4, 6), "split in two; booster, inline and preamp each way");

    let (code, _, err) = netplanner(&["path-request", &services, &services, "-e", &equipment]).await;
    assert!(code == 8 && err.contains("elements is missing"), "{code}: {err}");
}
