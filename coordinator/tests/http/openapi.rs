//! The document and the routes are the same set, seen from both sides.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::front::Front;

fn documented(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

#[tokio::test]
async fn every_route_is_documented_and_every_documented_operation_answers() {
    let front = Front::with_algorithms().await;
    let document = front.read("/api/v1/openapi.json").await;
    let documented = documented(&document);
    let routed: BTreeSet<(String, String)> = coordinator::http::table()
        .iter()
        .map(|route| (route.method.to_string(), route.path.to_owned()))
        .collect();
    assert_eq!(documented, routed);

    for (method, path) in documented {
        let concrete = path
            .split('/')
            .map(|part| match part {
                "{id}" => "01890a5d-ac96-774b-bcce-b302099a8057",
                "{n}" | "{shard}" => "1",
                "{name}" => "spin",
                "{role}" => "topology",
                "{*file}" => "index.html",
                other => other,
            })
            .collect::<Vec<_>>()
            .join("/");
        let response =
            front.request(Method::from_bytes(method.as_bytes()).unwrap(), &concrete).send().await.unwrap();
        let status = response.status().as_u16();
        assert!(status < 500 || status == 503, "{method} {concrete}: {status}");
        if (400..600).contains(&status) {
            let problem: Value = response.json().await.unwrap();
            let code = problem["code"].as_str().unwrap_or_default();
            assert!(
                !["not_found", "method_not_allowed"].contains(&code) || path.contains("{role}"),
                "{method} {path}: {problem}"
            );
        }
    }
}

#[tokio::test]
async fn the_documentation_needs_no_other_server() {
    let front = Front::start().await;
    let redirect = front.get("/docs").await;
    assert_eq!(
        (redirect.status().as_u16(), &redirect.headers()["location"]),
        (308, &"/docs/".parse().unwrap())
    );
    for (path, kind) in [
        ("/docs/", "text/html"),
        ("/docs/swagger-ui-bundle.js", "javascript"),
        ("/docs/errors", "text/html"),
        ("/", "text/html"),
    ] {
        let response = front.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().contains(kind), "{path}");
        let text = response.text().await.unwrap();
        for loaded in ["src=\"http", "href=\"http", "url(http"] {
            assert!(kind != "text/html" || !text.contains(loaded), "{path} loads from elsewhere");
        }
    }
    let settings = front.get("/docs/swagger-initializer.js").await.text().await.unwrap();
    assert!(settings.contains("/api/v1/openapi.json"), "{settings}");
    super::front::problem(front.get("/docs/nothing.js").await, 404, "not_found").await;
}
