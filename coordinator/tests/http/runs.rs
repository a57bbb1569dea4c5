//! Runs from submission to result, with the leader's facts written as the leader writes them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::front::{Front, Leader, demand, pointers, problem, triangle};

#[tokio::test]
async fn a_run_is_refused_for_each_wrong_thing_in_it() {
    let front = Front::start().await;
    let spin = json!({ "algorithm": "spin", "params": { "shards": 1 } });
    let told = front.post("/api/v1/runs", &spin).await;
    assert!(told.headers().contains_key("retry-after"));
    problem(told, 503, "no_algorithms").await;

    front.store.announce_algorithms(&[super::front::spin(), super::front::planner()]).await.unwrap();
    let refused = |body: Value, status: u16, code: &'static str| {
        let front = &front;
        async move { problem(front.post("/api/v1/runs", &body).await, status, code).await }
    };
    let told = refused(json!({ "algorithm": "alchemy" }), 422, "unknown_algorithm").await;
    assert_eq!(pointers(&told), ["/algorithm"]);
    assert!(told["detail"].as_str().unwrap().contains("planner, spin"), "{told}");
    let told = refused(json!({ "algorithm": "spin", "version": 9 }), 422, "unknown_algorithm").await;
    assert_eq!(pointers(&told), ["/version"]);
    let told =
        refused(json!({ "algorithm": "spin", "params": { "shards": 0, "speed": 1 } }), 422, "invalid_params")
            .await;
    let mut found = pointers(&told);
    found.sort_unstable();
    assert_eq!(found, ["/params/shards", "/params/speed"]);
    let told = refused(
        json!({ "algorithm": "planner", "inputs": { "weather": { "document": {} } } }),
        422,
        "invalid_inputs",
    )
    .await;
    assert_eq!(pointers(&told), ["/inputs/weather", "/inputs/topology", "/inputs/traffic"]);

    let nobody = uuid::Uuid::now_v7();
    let with = |topology: Value, traffic: Value| json!({ "algorithm": "planner", "inputs": { "topology": topology, "traffic": traffic } });
    let inline = || json!({ "document": demand() });
    let told = refused(with(json!({ "id": nobody }), inline()), 422, "invalid_inputs").await;
    assert_eq!(pointers(&told), ["/inputs/topology/id"]);
    let told = refused(with(json!({ "run": nobody }), inline()), 422, "invalid_inputs").await;
    assert_eq!(pointers(&told), ["/inputs/topology/run"]);
    let told = refused(with(json!({}), inline()), 422, "invalid_inputs").await;
    assert_eq!(pointers(&told), ["/inputs/topology"]);
    let mut looped = triangle();
    looped["links"][0]["b"] = json!("a");
    let told = refused(with(json!({ "document": looped }), inline()), 422, "invalid_document").await;
    assert!(pointers(&told).contains(&"/inputs/topology/document/links/0"), "{told}");
    let elsewhere =
        json!({ "document": { "demands": [{ "id": "d", "a": "a", "b": "mars", "rate_ab_gbps": 1.0 }] } });
    let told = refused(with(json!({ "document": triangle() }), elsewhere), 422, "invalid_inputs").await;
    assert_eq!(pointers(&told), ["/inputs/traffic/demands/0/b"]);
    for (field, value) in
        [("priority", json!(101)), ("deadline_s", json!(0)), ("label", json!("x".repeat(201)))]
    {
        let mut body = spin.clone();
        body[field] = value;
        let told = refused(body, 422, "invalid_body").await;
        assert_eq!(pointers(&told), [format!("/{field}")]);
    }
    assert_eq!(front.read("/api/v1/runs").await["items"], json!([]), "nothing refused is stored");
}

#[tokio::test]
async fn a_run_takes_inputs_by_id_by_version_inline_and_from_a_run() {
    let front = Front::with_algorithms().await;
    let leader = Leader::of(&front).await;
    let created: Value =
        front.post("/api/v1/topologies", &json!({ "document": triangle() })).await.json().await.unwrap();
    let id = created["id"].as_str().unwrap();
    let earlier = front.submit().await;
    leader.run_through(earlier);
    front.read(&format!("/api/v1/runs/{earlier}?wait=10")).await;

    let body = json!({ "algorithm": "planner", "label": "mine", "seed": 7, "inputs": {
        "topology": { "id": id, "version": 1 }, "traffic": { "document": demand() }, "grooming": { "run": earlier.0 },
    }});
    let accepted = front.post("/api/v1/runs", &body).await;
    assert_eq!(accepted.status(), 202);
    let run: Value = accepted.json().await.unwrap();
    let at = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    let run = front.read(&at).await;
    assert_eq!((&run["state"], &run["version"], &run["seed"]), (&json!("queued"), &json!(2), &json!(7)));
    let input =
        |role: &str| run["inputs"].as_array().unwrap().iter().find(|input| input["role"] == role).unwrap();
    assert_eq!((&input("topology")["source"], &input("topology")["version"]), (&json!("version"), &json!(1)));
    assert_eq!(input("topology")["hash"], created["latest"]["hash"]);
    assert_eq!(input("traffic")["source"], "inline");
    assert_eq!(input("grooming")["id"], json!(earlier.0));
    let stored = front.get(&format!("{at}/inputs/traffic")).await.text().await.unwrap();
    assert_eq!(stored, demand().to_string(), "inline documents are kept byte for byte");
    problem(front.get(&format!("{at}/inputs/weather")).await, 404, "not_found").await;
}

#[tokio::test]
async fn a_run_is_followed_to_its_result() {
    let front = Front::with_algorithms().await;
    let leader = Leader::of(&front).await;
    let run = front.submit().await;
    let at = format!("/api/v1/runs/{run}");
    problem(front.get(&format!("{at}/result")).await, 409, "run_not_ended").await;
    problem(front.request(Method::DELETE, &at).send().await.unwrap(), 409, "run_not_ended").await;
    assert_eq!(front.read(&format!("{at}?wait=0")).await["state"], "queued");

    leader.open(run, 0, 4);
    leader.finish(run, 0, 2);
    let wait = tokio::spawn(front.request(Method::GET, &format!("{at}?wait=20")).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!wait.is_finished());
    let seen = front.read(&at).await;
    assert_eq!((&seen["state"], &seen["progress"]["done"]), (&json!("running"), &json!(1)));
    assert_eq!((&seen["stages"][0]["shards"], &seen["stages"][0]["name"]), (&json!(4), &json!("stage 0")));
    let state = front.get(&format!("{at}/stages/0/state")).await.text().await.unwrap();
    assert_eq!(state, "{ \"exact\":  1.0 }");

    for shard in [0, 1, 3] {
        leader.finish(run, 0, shard);
    }
    leader.succeed(run);
    let ended: Value = wait.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(ended["state"], "succeeded");
    let report = front.read(&format!("{at}/result")).await;
    assert_eq!(report["best"], 7);
    let shards = front.read(&format!("{at}/shards?state=stored&limit=3")).await;
    assert_eq!(shards["items"].as_array().unwrap().len(), 3);
    let cursor = shards["next_cursor"].as_str().unwrap();
    let rest = front.read(&format!("{at}/shards?state=stored&limit=3&cursor={cursor}")).await;
    assert_eq!((&rest["items"][0]["shard"], &rest["next_cursor"]), (&json!(3), &Value::Null));
    problem(front.get(&format!("{at}/shards?state=done")).await, 400, "invalid_query").await;

    let shard = front.read(&format!("{at}/stages/0/shards/2")).await;
    assert_eq!((&shard["partial"], &shard["cpu_us"]), (&json!({ "square": 4 }), &json!(10)));
    problem(front.get(&format!("{at}/stages/0/shards/9")).await, 404, "not_found").await;

    let found = front.read(&format!("{at}/query?path=$.paths[*].id")).await;
    let values: Vec<&Value> = found["items"].as_array().unwrap().iter().map(|item| &item["value"]).collect();
    assert_eq!(values, [&json!("p1"), &json!("p2")]);
    let found = front.read(&format!("{at}/query?path=$.square&over=shards&limit=2")).await;
    assert_eq!((&found["items"][1]["value"], &found["truncated"]), (&json!(1), &json!(true)));
    problem(front.get(&format!("{at}/query?path=$.[")).await, 422, "invalid_path").await;

    problem(front.post(&format!("{at}/cancel"), &json!({})).await, 409, "run_ended").await;
    let again = front.post(&format!("{at}/resubmit"), &json!({})).await;
    assert_eq!(again.status(), 202);
    let again: Value = again.json().await.unwrap();
    assert_eq!((&again["fingerprint"], &again["state"]), (&ended["fingerprint"], &json!("queued")));
    assert_ne!(again["id"], ended["id"]);
    assert_eq!(front.request(Method::DELETE, &at).send().await.unwrap().status(), 204);
    problem(front.get(&at).await, 404, "run_not_found").await;
}

#[tokio::test]
async fn an_equal_run_that_succeeded_can_answer() {
    let front = Front::with_algorithms().await;
    let leader = Leader::of(&front).await;
    let body = json!({ "algorithm": "spin", "params": { "shards": 3, "iterations": 1 }, "reuse": true });
    let first = front.post("/api/v1/runs", &body).await;
    assert_eq!(first.status(), 202);
    let first: Value = first.json().await.unwrap();
    leader.run_through(first["id"].as_str().unwrap().parse().unwrap());
    front.read(&format!("/api/v1/runs/{}?wait=10", first["id"].as_str().unwrap())).await;
    let turned = json!({ "algorithm": "spin", "params": { "iterations": 1, "shards": 3 }, "reuse": true });
    let second = front.post("/api/v1/runs", &turned).await;
    assert_eq!(second.status(), 200);
    let second: Value = second.json().await.unwrap();
    assert_eq!((&second["id"], &second["reused"]), (&first["id"], &json!(true)));
}

#[tokio::test]
async fn cancelling_is_repeatable() {
    let front = Front::with_algorithms().await;
    let run = front.submit().await;
    for _ in 0..2 {
        let cancelled = front.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
        assert_eq!(cancelled.status(), 200);
        assert_eq!(cancelled.json::<Value>().await.unwrap()["state"], "cancelled");
    }
    problem(front.get(&format!("/api/v1/runs/{run}/result")).await, 409, "no_report").await;
    let open = front.read("/api/v1/runs?state=queued,running").await;
    assert_eq!(open["items"], json!([]));
    assert_eq!(
        front.read("/api/v1/runs?state=cancelled&algorithm=spin").await["items"][0]["id"],
        json!(run.0)
    );
}

#[tokio::test]
async fn the_catalogue_shows_what_workers_announced() {
    let front = Front::with_algorithms().await;
    let newer = common::algorithm::AlgorithmDescriptor { version: 3, ..super::front::spin() };
    front.store.announce_algorithms(&[newer]).await.unwrap();
    let list = front.read("/api/v1/algorithms").await;
    let names: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, [&json!("planner"), &json!("spin")]);
    assert_eq!(list["items"][1]["versions"], json!([3, 1]));
    let spin = front.read("/api/v1/algorithms/spin").await;
    assert_eq!((&spin["version"], &spin["stages"][0]["does"]), (&json!(3), &json!("spins")));
    assert_eq!(front.read("/api/v1/algorithms/spin?version=1").await["version"], 1);
    problem(front.get("/api/v1/algorithms/spin?version=2").await, 404, "algorithm_not_found").await;
}

#[tokio::test]
async fn a_plan_can_be_looked_at_in_several_forms() {
    let front = Front::with_algorithms().await;
    let leader = Leader::of(&front).await;
    let inputs = json!({ "topology": { "document": triangle() }, "traffic": { "document": demand() } });
    let run: Value = front
        .post("/api/v1/runs", &json!({ "algorithm": "planner", "inputs": inputs }))
        .await
        .json()
        .await
        .unwrap();
    let id: common::ids::RunId = run["id"].as_str().unwrap().parse().unwrap();
    let topology: optics::topology::Topology = serde_json::from_value(triangle()).unwrap();
    let plan = optics::plan::Plan {
        topology: "triangle".into(),
        equipment: None,
        grid: optics::grid::Grid::default(),
        qot: optics::plan::QualityOfTransmission::None,
        lightpaths: vec![],
        blocked: vec![],
        violations: vec![],
        bounds: vec![],
    };
    let report = optics::report::PlanReport::describe(&topology, &[], plan);
    leader.open(id, 0, 1);
    leader.finish(id, 0, 0);
    leader.end(id, serde_json::to_vec(&json!({ "plan_report": report })).unwrap());
    let at = format!("/api/v1/runs/{id}");
    assert_eq!(front.read(&format!("{at}?wait=10")).await["state"], "succeeded");

    let xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let forms = [
        ("html", "text/html", "<!doctype html"),
        ("svg", "image/svg+xml", "<svg"),
        ("csv", "text/csv", ""),
        ("geojson", "application/geo+json", "{"),
        ("xlsx", xlsx, "PK"),
    ];
    for (name, kind, begins) in forms {
        let by_name = front.get(&format!("{at}/result?format={name}")).await;
        let by_kind =
            front.request(Method::GET, &format!("{at}/result")).header("accept", kind).send().await.unwrap();
        for response in [by_name, by_kind] {
            assert_eq!(response.status(), 200, "{name}");
            assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind), "{name}");
            let bytes = response.bytes().await.unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                text.trim_start().to_lowercase().starts_with(&begins.to_lowercase()),
                "{name}: {text:.80}"
            );
        }
    }
    let json = front.get(&format!("{at}/result")).await;
    assert_eq!(json.headers()["content-type"], "application/json");
    problem(front.get(&format!("{at}/result?format=dwg")).await, 400, "invalid_query").await;
    let request = front.request(Method::GET, &format!("{at}/result")).header("accept", "image/png");
    problem(request.send().await.unwrap(), 406, "not_acceptable").await;

    let plain = front.submit().await;
    leader.run_through(plain);
    front.read(&format!("/api/v1/runs/{plain}?wait=10")).await;
    problem(front.get(&format!("/api/v1/runs/{plain}/result?format=svg")).await, 406, "not_a_plan").await;
}
