//! `/topologies`: sites and fibre, as versioned documents.

use optics::finding::Finding;
use optics::import::{Format, ImportOptions, Imported, Refused};
use optics::topology::Topology;
use serde_json::{Value, json};

use super::call::Call;
use super::error::{Code, Problem};
use super::input_views as views;
use super::inputs::{self, Document};
use super::router::Outcome;
use crate::store::inputs::InputKind;

impl Document for Topology {
    const KIND: InputKind = InputKind::Topology;
    const MISSING: Code = Code::TopologyNotFound;
    const PATH: &'static str = "/api/v1/topologies";

    fn findings(&self) -> Vec<Finding> {
        optics::validate::validate_topology(self)
    }

    fn summary(&self) -> Value {
        let length_km: f64 = self.links.iter().map(|link| link.length_km).sum();
        json!({ "nodes": self.nodes.len(), "links": self.links.len(), "length_km": length_km })
    }

    fn own_name(&self) -> &str {
        &self.name
    }

    fn import(format: Format, file: &[u8], options: &ImportOptions) -> Result<Imported<Self>, Refused> {
        optics::import::topology(format, file, options)
    }
}

/// Lists topologies, newest first.
#[utoipa::path(get, path = "/api/v1/topologies", tag = "topologies", params(views::ListQuery),
    responses((status = 200, description = "A page of topologies", body = views::InputList)))]
pub async fn list(call: Call) -> Outcome {
    inputs::list::<Topology>(call).await
}

/// Stores a topology with its first version.
#[utoipa::path(post, path = "/api/v1/topologies", tag = "topologies", request_body = views::NewInputBody,
    responses((status = 201, description = "Stored", body = views::InputView), (status = 422, description = "Faults in it, with pointers", body = Problem)))]
pub async fn create(call: Call) -> Outcome {
    inputs::create::<Topology>(call).await
}

/// Stores a topology made of a file of another format; a refused file stores nothing and lists every finding.
#[utoipa::path(post, path = "/api/v1/topologies/import", tag = "topologies", params(views::ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file itself, at most 64 MiB"),
    responses((status = 201, description = "Stored", body = views::InputView), (status = 422, description = "Findings with sheet, row and column", body = Problem)))]
pub async fn import(call: Call) -> Outcome {
    inputs::import::<Topology>(call).await
}

/// Checks a topology without storing it.
#[utoipa::path(post, path = "/api/v1/topologies/validate", tag = "topologies", params(views::ValidateQuery),
    request_body = views::ValidateBody,
    responses((status = 200, description = "What is to be said of it", body = views::Validity)))]
pub async fn validate(call: Call) -> Outcome {
    inputs::validate::<Topology>(call).await
}

/// One topology.
#[utoipa::path(get, path = "/api/v1/topologies/{id}", tag = "topologies", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The topology and its newest version", body = views::InputView)))]
pub async fn get(call: Call) -> Outcome {
    inputs::get::<Topology>(call).await
}

/// Renames a topology.
#[utoipa::path(patch, path = "/api/v1/topologies/{id}", tag = "topologies", request_body = views::InputPatch,
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The ETag that was seen")),
    responses((status = 200, description = "Renamed", body = views::InputView)))]
pub async fn rename(call: Call) -> Outcome {
    inputs::rename::<Topology>(call).await
}

/// Hides a topology; runs that used it keep their documents.
#[utoipa::path(delete, path = "/api/v1/topologies/{id}", tag = "topologies",
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The ETag that was seen")),
    responses((status = 204, description = "Deleted")))]
pub async fn delete(call: Call) -> Outcome {
    inputs::delete::<Topology>(call).await
}

/// Lists the versions of a topology, newest first.
#[utoipa::path(get, path = "/api/v1/topologies/{id}/versions", tag = "topologies",
    params(("id" = String, Path, description = "Its id"), views::PageQuery),
    responses((status = 200, description = "A page of versions", body = views::VersionList)))]
pub async fn versions(call: Call) -> Outcome {
    inputs::versions::<Topology>(call).await
}

/// Appends a version.
#[utoipa::path(post, path = "/api/v1/topologies/{id}/versions", tag = "topologies", request_body = views::NewVersionBody,
    params(("id" = String, Path, description = "Its id"), ("If-Match" = Option<String>, Header, description = "Append only to this state")),
    responses((status = 201, description = "Appended", body = views::InputView)))]
pub async fn append(call: Call) -> Outcome {
    inputs::append::<Topology>(call).await
}

/// One version with its document.
#[utoipa::path(get, path = "/api/v1/topologies/{id}/versions/{n}", tag = "topologies",
    params(("id" = String, Path, description = "Its id"), ("n" = u32, Path, description = "The version, from 1")),
    responses((status = 200, description = "The version", body = views::VersionDocument)))]
pub async fn version(call: Call) -> Outcome {
    inputs::version::<Topology>(call).await
}
