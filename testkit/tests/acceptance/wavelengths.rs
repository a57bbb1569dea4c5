//! Published networks: as many wavelengths as the proven bound, no more, through a whole cluster.

use std::time::Duration;

use cli::client::InputKind;
use optics::import::{Format, ImportOptions};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Shape};

use super::{bound, data, execute, import, inline, order, plan, published, stored};

/// Most time from submit to result.
const LIMIT: Duration = Duration::from_secs(10);

/// Enough channels for every instance.
const CHANNELS: u32 = 400;

/// What missed its bound or its time; the whole table is shown when something did.
#[derive(Default)]
struct Table {
    lines: Vec<String>,
    missed: bool,
}

impl Table {
    fn add(&mut self, instance: &str, expected: f64, report: &Value, took: Duration, limit: Duration) {
        let report = plan(report);
        let summary = &report.summary;
        let wavelengths = summary.wavelengths.map_or(f64::NAN, f64::from);
        let proven = bound(&report);
        let met = (wavelengths - expected).abs() < 1e-9
            && (proven - expected).abs() < 1e-9
            && summary.blocked == 0
            && report.plan.violations.is_empty()
            && took <= limit;
        self.missed |= !met;
        self.lines.push(format!(
            "{instance:32} {wavelengths:4} of {expected:4}, proven {proven:4}, {:4} lightpaths, {} blocked, {took:6.2?}{}",
            summary.lightpaths,
            summary.blocked,
            if met { "" } else { "   <- missed" }
        ));
    }

    fn check(self) {
        let text = self.lines.join("\n");
        println!("{text}");
        assert!(!self.missed, "a bound or a time was missed:\n{text}");
    }
}

#[tokio::test]
#[ignore = "needs the reference networks: make acceptance"]
async fn acceptance_all_to_all_reaches_the_bound_on_every_network() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let rows = published::bounds("all_to_all");
    let mut table = Table::default();
    let instances = [
        ("nsfnet14_21_net2plan", 13.0),
        ("nsfnet14_22_deeprmsa", 12.0),
        ("cost239_11_26", 4.0),
        ("usnet24_43", 32.0),
        ("sndlib_germany50", 91.0),
        ("cost266_37_57", 86.0),
        ("jpn48_82", 192.0),
    ];
    for (instance, expected) in instances {
        let network = published::build(&rows[instance]);
        let inputs = [("topology", inline(&network.topology)), ("traffic", inline(&network.traffic))];
        let order = order("rwa", json!({ "channels": CHANNELS }), inputs);
        let (_, report, took) = execute(&cluster, &order).await;
        table.add(instance, expected, &report, took, LIMIT);
    }
    table.check();
}

#[tokio::test]
#[ignore = "needs the reference networks: make acceptance"]
async fn acceptance_sndlib_traffic_reaches_the_bound_after_an_import_of_the_xml() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let rows = published::bounds("sndlib_traffic");
    let mut table = Table::default();
    for name in ["germany50", "nobel-eu", "cost266"] {
        let row = &rows[&format!("sndlib_traffic_{name}")];
        let file = format!("sndlib/xml/{name}.xml");
        let topology = import(&cluster.client, InputKind::Topology, "sndlib-xml", &file).await;
        let traffic = import(&cluster.client, InputKind::TrafficMatrix, "sndlib-xml", &file).await;
        // the rule of the bounds: one unit of demand is one Gb/s, and a lightpath carries so many units
        let capacity = &row["lightpath_capacity_demand_units"];
        let params = json!({ "channels": CHANNELS, "lightpath_capacity_gbps": capacity });
        let inputs = [("topology", stored(&topology)), ("traffic", stored(&traffic))];
        let (_, report, took) = execute(&cluster, &order("rwa", params, inputs)).await;
        assert_eq!(
            json!(plan(&report).summary.requests),
            row["lightpaths"],
            "{name}: the rule gives the requests"
        );
        let expected = row["ilp_lower_bound"].as_f64().unwrap();
        table.add(name, expected, &report, took, LIMIT);
    }
    table.check();
}

#[tokio::test]
#[ignore = "needs the reference networks: make acceptance"]
async fn acceptance_an_import_over_http_is_the_import_of_the_library() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let file = "sndlib/xml/nobel-eu.xml";
    let input = import(&cluster.client, InputKind::Topology, "sndlib-xml", file).await;
    let version = cluster.client.version(InputKind::Topology, &input.id, input.version).await.unwrap();
    let over_http: optics::topology::Topology = serde_json::from_str(version.document.get()).unwrap();
    let here = optics::import::topology(Format::SndlibXml, &data(file), &ImportOptions::default()).unwrap();
    assert_eq!(over_http.links, here.document.links);
}
