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
