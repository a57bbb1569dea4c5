//! The same order gives the same bytes, whoever computes it and whatever happens on the way.

use cli::views::{InputRef, NewRun};
use serde_json::json;
use serde_json::value::RawValue;
use testkit::cluster::{Cluster, Shape};

use crate::RUN;

fn design() -> NewRun {
    let sample = cli::samples::find("italy").unwrap();
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

fn spin() -> NewRun {
    let params = json!({ "shards": 60, "stages": 2, "iterations": 10_000_000, "result_bytes": 20 });
    NewRun { algorithm: "spin".into(), params, seed: Some(42), ..NewRun::default() }
}

async fn reports(cluster: &Cluster) -> Vec<String> {
    let mut reports = Vec::new();
    for order in [spin(), design()] {
        let run = cluster.client.submit(&order, None).await.unwrap();
        cluster.success(&run.id, 2 * RUN).await.unwrap();
        reports.push(cluster.report(&run.id).await.unwrap());
    }
    reports
}

#[tokio::test]
async fn one_two_and_five_workers_and_a_kill_on_the_way_give_the_same_report() {
    let mut all = Vec::new();
    for workers in [1, 2, 5] {
        let cluster = Cluster::start(Shape::workers(workers)).await.unwrap();
        all.push((format!("{workers} workers"), reports(&cluster).await));
    }
    let mut cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let mut killed = Vec::new();
    for (order, stored) in [(spin(), 5), (design(), 1)] {
        let run = cluster.client.submit(&order, None).await.unwrap();
        cluster.until_stored(&run.id, stored).await.unwrap();
        cluster.kill_worker(killed.len()).unwrap();
        cluster.add_worker().unwrap();
        cluster.success(&run.id, 2 * RUN).await.unwrap();
        killed.push(cluster.report(&run.id).await.unwrap());
    }
    all.push(("a kill".to_owned(), killed));
    for (how, reports) in &all[1..] {
        assert_eq!(reports, &all[0].1, "{how} gives other bytes than {}", all[0].0);
    }
}
