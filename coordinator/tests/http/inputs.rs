//! Topologies and traffic matrices: versions, validators, faults with pointers.

use reqwest::Method;
use serde_json::{Value, json};

use super::front::{Front, demand, pointers, problem, triangle};

#[tokio::test]
async fn a_topology_lives_through_its_versions() {
    let front = Front::start().await;
    let created =
        front.post("/api/v1/topologies", &json!({ "document": triangle(), "comment": "first" })).await;
    assert_eq!(created.status(), 201);
    let (location, etag) = (created.headers()["location"].clone(), created.headers()["etag"].clone());
    let path = location.to_str().unwrap().to_owned();
    let created: Value = created.json().await.unwrap();
    assert_eq!((&created["name"], &created["version"]), (&json!("triangle"), &json!(1)));
    assert_eq!(created["latest"]["summary"]["links"], 3);

    // nobody overwrites what he has not seen
    let rename = |tag: Option<&'static str>| {
        let request = front.request(Method::PATCH, &path).json(&json!({ "name": "ring" }));
        tag.map_or_else(
            || request.try_clone().unwrap(),
            |tag| request.try_clone().unwrap().header("if-match", tag),
        )
        .send()
    };
    problem(rename(None).await.unwrap(), 428, "precondition_required").await;
    problem(rename(Some("\"99\"")).await.unwrap(), 412, "precondition_failed").await;
    problem(rename(Some("\"abc\"")).await.unwrap(), 412, "precondition_failed").await;
    let tag: &'static str = etag.to_str().unwrap().to_owned().leak();
    let renamed = rename(Some(tag)).await.unwrap();
    assert_eq!(renamed.status(), 200);
    assert_ne!(renamed.headers()["etag"], etag);
    problem(rename(Some(tag)).await.unwrap(), 412, "precondition_failed").await;

    // a version is immutable, and comes back byte for byte
    let body = r#"{"comment": "longer", "document": {"nodes":[{"id":"x"},  {"id":"y"}],
        "links":[{"id":"xy","a":"x","b":"y","length_km":1.50}]}}"#;
    let append =
        front.request(Method::POST, &format!("{path}/versions")).header("content-type", "application/json");
    let appended = append.body(body).send().await.unwrap();
    assert_eq!(appended.status(), 201);
    assert_eq!(appended.headers()["location"], format!("{path}/versions/2"));
    let second = front.get(&format!("{path}/versions/2")).await;
    let hash = second.headers()["etag"].to_str().unwrap().trim_matches('"').to_owned();
    let text = second.text().await.unwrap();
    assert!(text.contains(r#"{"id":"x"},  {"id":"y"}"#) && text.contains("1.50"), "{text}");
    let exact = &body[body.find(r#"{"nodes"#).unwrap()..body.len() - 1];
    assert_eq!(common::ids::ContentHash::of(exact.as_bytes()).to_string(), hash);
    let known = front
        .request(Method::GET, &format!("{path}/versions/2"))
        .header("if-none-match", format!("\"{hash}\""));
    assert_eq!(known.send().await.unwrap().status(), 304);

    let versions = front.read(&format!("{path}/versions?limit=1")).await;
    assert_eq!(versions["items"][0]["version"], 2);
    let cursor = versions["next_cursor"].as_str().unwrap();
    let versions = front.read(&format!("{path}/versions?limit=1&cursor={cursor}")).await;
    assert_eq!((&versions["items"][0]["version"], &versions["next_cursor"]), (&json!(1), &Value::Null));
    problem(front.get(&format!("{path}/versions/3")).await, 404, "version_not_found").await;
    problem(
        front.post(&format!("{path}/versions"), &json!({ "comment": " ", "document": triangle() })).await,
        422,
        "invalid_body",
    )
    .await;

    let delete = |tag: &'static str| front.request(Method::DELETE, &path).header("if-match", tag).send();
    problem(delete("\"1\"").await.unwrap(), 412, "precondition_failed").await;
    assert_eq!(delete("*").await.unwrap().status(), 204);
    problem(front.get(&path).await, 404, "topology_not_found").await;
}

#[tokio::test]
async fn a_document_with_faults_is_refused_with_all_of_them() {
    let front = Front::start().await;
    let mut document = triangle();
    document["links"][0]["b"] = json!("nowhere");
    document["links"][1]["b"] = json!("b");
    document["links"][2]["length_km"] = json!(-1);
    document["nodes"].as_array_mut().unwrap().push(json!({ "id": "a" }));
    let told = problem(
        front.post("/api/v1/topologies", &json!({ "document": document })).await,
        422,
        "invalid_document",
    )
    .await;
    let found = pointers(&told);
    for pointer in
        ["/document/links/0/b", "/document/links/1", "/document/links/2/length_km", "/document/nodes/3/id"]
    {
        assert!(found.contains(&pointer), "{pointer} in {found:?}");
    }
    assert!(told["errors"].as_array().unwrap().iter().all(|error| error["code"].is_string()));

    let wrong_type = json!({ "document": { "nodes": [{ "id": 1 }], "links": [] } });
    let told = problem(front.post("/api/v1/topologies", &wrong_type).await, 422, "invalid_body").await;
    assert_eq!(pointers(&told), ["/document/nodes/0/id"]);
    assert_eq!(front.read("/api/v1/topologies").await["items"], json!([]));

    let checked = front.post("/api/v1/topologies/validate", &json!({ "document": document })).await;
    assert_eq!(checked.status(), 200);
    let checked: Value = checked.json().await.unwrap();
    assert_eq!((&checked["valid"], checked["errors"].as_array().unwrap().len() >= 4), (&json!(false), true));
    let checked: Value = front
        .post("/api/v1/topologies/validate", &json!({ "document": triangle() }))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!((&checked["valid"], &checked["summary"]["nodes"]), (&json!(true), &json!(3)));
}

#[tokio::test]
async fn inputs_are_found_by_name_and_kind() {
    let front = Front::start().await;
    for name in ["Alpha", "Beta", "alphabet"] {
        front.post("/api/v1/topologies", &json!({ "name": name, "document": triangle() })).await;
    }
    front.post("/api/v1/traffic-matrices", &json!({ "name": "alpha", "document": demand() })).await;
    let found = front.read("/api/v1/topologies?name=alpha").await;
    let names: Vec<&str> =
        found["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["alphabet", "Alpha"]);
    let matrices = front.read("/api/v1/traffic-matrices").await;
    assert_eq!(matrices["items"].as_array().unwrap().len(), 1);
    assert_eq!(matrices["items"][0]["latest"]["summary"]["demands"], 1);
}

/// Two sites, a link between them and a demand over it, as SNDlib writes them.
const SNDLIB: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <networkStructure>
  <nodes coordinatesType="geographical">
   <node id="Berlin"><coordinates><x>13.4</x><y>52.5</y></coordinates></node>
   <node id="Hamburg"><coordinates><x>10.0</x><y>53.55</y></coordinates></node>
  </nodes>
  <links><link id="L1"><source>Berlin</source><target>Hamburg</target></link></links>
 </networkStructure>
 <demands><demand id="D1"><source>Berlin</source><target>Hamburg</target><demandValue>42.0</demandValue></demand></demands>
</network>"#;

#[tokio::test]
async fn one_file_can_give_a_topology_and_a_traffic_matrix() {
    let front = Front::start().await;
    let import = |kind: &str, query: &str, file: String| {
        let path = format!("/api/v1/{kind}/import?{query}");
        front.request(Method::POST, &path).header("content-type", "application/xml").body(file).send()
    };
    let network =
        import("topologies", "format=sndlib-xml&name=two&route_factor=1", SNDLIB.to_owned()).await.unwrap();
    assert_eq!(network.status(), 201);
    let location = network.headers()["location"].to_str().unwrap().to_owned();
    let network: Value = network.json().await.unwrap();
    assert_eq!((&network["name"], &network["latest"]["summary"]["links"]), (&json!("two"), &json!(1)));
    let version = front.read(&format!("{location}/versions/1")).await;
    let length = version["document"]["links"][0]["length_km"].as_f64().unwrap();
    assert!((250.0..260.0).contains(&length), "{length} km from Berlin to Hamburg");
    let traffic = import("traffic-matrices", "format=sndlib-xml&name=", SNDLIB.to_owned()).await.unwrap();
    assert_eq!(traffic.status(), 201);
    assert_eq!(traffic.json::<Value>().await.unwrap()["latest"]["summary"]["demands"], 1);

    // what is refused stores nothing, and says what and where
    let broken = SNDLIB.replace("<target>Hamburg</target></link>", "<target>Atlantis</target></link>");
    let told = problem(
        import("topologies", "format=sndlib-xml", broken.clone()).await.unwrap(),
        422,
        "import_refused",
    )
    .await;
    let finding = &told["errors"][0];
    assert!(
        finding["detail"].as_str().unwrap().contains("Atlantis") && finding["code"].is_string(),
        "{told}"
    );
    let told = problem(
        import("topologies", "format=netplanner-xlsx", "no workbook".into()).await.unwrap(),
        422,
        "import_refused",
    )
    .await;
    assert!(!told["errors"].as_array().unwrap().is_empty());
    let told =
        problem(import("topologies", "format=visio", String::new()).await.unwrap(), 400, "invalid_query")
            .await;
    assert_eq!(pointers(&told), ["<query format>"]);
    assert_eq!(front.read("/api/v1/topologies").await["items"].as_array().unwrap().len(), 1);

    let check = front.request(Method::POST, "/api/v1/topologies/validate?format=sndlib-xml").body(broken);
    let checked: Value = check.send().await.unwrap().json().await.unwrap();
    assert_eq!((&checked["valid"], checked["errors"].as_array().unwrap().is_empty()), (&json!(false), false));
}

#[tokio::test]
async fn a_library_of_gnpy_becomes_stored_equipment() {
    let front = Front::start().await;
    let library = |gain_min: f64| {
        json!({
            "Edfa": [{ "type_variety": "amp", "type_def": "variable_gain", "gain_min": gain_min, "gain_flatmax": 26,
                       "p_max": 21, "nf_min": 6, "nf_max": 10, "allowed_for_design": true }],
            "Fiber": [{ "type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12 }],
            "Roadm": [{ "target_pch_out_db": -20 }],
            "Span": [{}],
            "SI": [{}],
            "Transceiver": [],
        })
    };
    let import = |file: Value| {
        let path = "/api/v1/equipment/import?format=gnpy-json&name=lab";
        front
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(file.to_string())
            .send()
    };
    let stored = import(library(15.0)).await.unwrap();
    assert_eq!(stored.status(), 201);
    let location = stored.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("/api/v1/equipment/"), "{location}");
    let stored: Value = stored.json().await.unwrap();
    assert_eq!(
        (&stored["kind"], &stored["latest"]["summary"]["amplifiers"]),
        (&json!("equipment"), &json!(1))
    );
    let version = front.read(&format!("{location}/versions/1")).await;
    assert_eq!(version["document"]["fibres"][0]["name"], "SSMF");

    // what was stored can be sent again as it is
    let again = front.post("/api/v1/equipment", &json!({ "document": version["document"] })).await;
    assert_eq!(again.status(), 201);

    let told = problem(import(library(30.0)).await.unwrap(), 422, "import_refused").await;
    let detail = told["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("\"amp\"") && detail.contains("gain_min"), "{told}");
    assert_eq!(front.read("/api/v1/equipment").await["items"].as_array().unwrap().len(), 2);
    assert_eq!(front.read("/api/v1/topologies").await["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn traffic_can_be_made_of_a_topology_and_a_seed() {
    let front = Front::start().await;
    let stored: Value =
        front.post("/api/v1/topologies", &json!({ "document": triangle() })).await.json().await.unwrap();
    let make = |body: Value| {
        let front = &front;
        async move { front.post("/api/v1/traffic-matrices:generate", &body).await }
    };
    let model = json!({ "kind": "uniform", "seed": 3, "total_gbps": 900.0 });
    let first = make(json!({ "topology": { "id": stored["id"] }, "model": model })).await;
    assert_eq!(first.status(), 201);
    let first: Value = first.json().await.unwrap();
    let again: Value =
        make(json!({ "topology": { "document": triangle() }, "model": model })).await.json().await.unwrap();
    assert_eq!(first["latest"]["hash"], again["latest"]["hash"], "the same seed gives the same matrix");
    assert_eq!(first["latest"]["summary"]["demands"], 3);
    let wrong = json!({ "topology": { "document": triangle() }, "model": { "total_gbps": -1.0 } });
    problem(make(wrong).await, 422, "invalid_body").await;
    problem(make(json!({ "topology": {} })).await, 422, "invalid_body").await;
}
