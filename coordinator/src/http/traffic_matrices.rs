//! `/traffic-matrices`: demands between sites, as versioned documents.

use optics::finding::Finding;
use optics::import::{Format, ImportOptions, Imported, Refused};
use optics::traffic::TrafficMatrix;
use serde_json::{Value, json};

use super::call::Call;
use super::error::{Code, Problem};
use super::input_views as views;
use super::inputs::{self, Document};
use super::router::Outcome;
use crate::store::inputs::InputKind;

impl Document for TrafficMatrix {
    const KIND: InputKind = InputKind::TrafficMatrix;
    const MISSING: Code = Code::TrafficMatrixNotFound;
    const PATH: &'static str = "/api/v1/traffic-matrices";

    fn findings(&self) -> Vec<Finding> {
        optics::validate::validate_traffic(self)
    }

    fn summary(&self) -> Value {
        let services: usize =
            self.demands.iter().flat_map(|demand| &demand.services).map(|group| group.ids.len()).sum();
        json!({ "demands": self.demands.len(), "services": services })
    }

    fn own_name(&self) -> &str {
        &self.name
    }

    fn import(format: Format, file: &[u8], options: &ImportOptions) -> Result<Imported<Self>, Refused> {
        optics::import::traffic(format, file, options)
    }
}

/// Lists traffic matrices, newest first.
#[utoipa::path(get, path = "/api/v1/traffic-matrices", tag = "traffic-matrices", params(views::ListQuery),
    responses((status = 200, description = "A page of traffic matrices", body = views::InputList)))]
pub async fn list(call: Call) -> Outcome {
    inputs::list::<TrafficMatrix>(call).await
}

/// Stores a traffic matrix with its first version.
#[utoipa::path(post, path = "/api/v1/traffic-matrices", tag = "traffic-matrices", request_body = views::NewInputBody,
    responses((status = 201, description = "Stored", body = views::InputView), (status = 422, description = "Faults in it, with pointers", body = Problem)))]
pub async fn create(call: Call) -> Outcome {
    inputs::create::<TrafficMatrix>(call).await
}

/// Stores a traffic matrix made of a file of another format; a refused file stores nothing and lists every finding.
#[utoipa::path(post, path = "/api/v1/traffic-matrices/import", tag = "traffic-matrices", params(views::ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file itself, at most 64 MiB"),
    responses((status = 201, description = "Stored", body = views::InputView), (status = 422, description = "Findings with sheet, row and column", body = Problem)))]
pub async fn import(call: Call) -> Outcome {
    inputs::import::<TrafficMatrix>(call).await
}

/// Checks a traffic matrix without storing it.
#[utoipa::path(post, path = "/api/v1/traffic-matrices/validate", tag = "traffic-matrices", params(views::ValidateQuery),
    request_body = views::ValidateBody,
    responses((status = 200, description = "What is to be said of it", body = views::Validity)))]
pub async fn validate(call: Call) -> Outcome {
    inputs::validate::<TrafficMatrix>(call).await
}

/// One traffic matrix.
#[utoipa::path(get, path = "/api/v1/traffic-matrices/{id}", tag = "traffic-matrices", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The traffic matrix and its newest version", body = views::InputView)))]
pub async fn get(call: Call) -> Outcome {
    inputs::get::<TrafficMatrix>(call).await
}

/// Renames a traffic matrix.
#[utoipa::path(patch, path = "/api/v1/traffic-matrices/{id}", tag = "traffic-matrices", request_body = views::InputPatch,
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The ETag that was seen")),
    responses((status = 200, description = "Renamed", body = views::InputView)))]
pub async fn rename(call: Call) -> Outcome {
    inputs::rename::<TrafficMatrix>(call).await
}

/// Hides a traffic matrix; runs that used it keep their documents.
#[utoipa::path(delete, path = "/api/v1/traffic-matrices/{id}", tag = "traffic-matrices",
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The ETag that was seen")),
    responses((status = 204, description = "Deleted")))]
pub async fn delete(call: Call) -> Outcome {
    inputs::delete::<TrafficMatrix>(call).await
}

/// Lists the versions of a traffic matrix, newest first.
#[utoipa::path(get, path = "/api/v1/traffic-matrices/{id}/versions", tag = "traffic-matrices",
    params(("id" = String, Path, description = "Its id"), views::PageQuery),
    responses((status = 200, description = "A page of versions", body = views::VersionList)))]
pub async fn versions(call: Call) -> Outcome {
    inputs::versions::<TrafficMatrix>(call).await
}

/// Appends a version.
#[utoipa::path(post, path = "/api/v1/traffic-matrices/{id}/versions", tag = "traffic-matrices", request_body = views::NewVersionBody,
    params(("id" = String, Path, description = "Its id"), ("If-Match" = Option<String>, Header, description = "Append only to this state")),
    responses((status = 201, description = "Appended", body = views::InputView)))]
pub async fn append(call: Call) -> Outcome {
    inputs::append::<TrafficMatrix>(call).await
}

/// One version with its document.
#[utoipa::path(get, path = "/api/v1/traffic-matrices/{id}/versions/{n}", tag = "traffic-matrices",
    params(("id" = String, Path, description = "Its id"), ("n" = u32, Path, description = "The version, from 1")),
    responses((status = 200, description = "The version", body = views::VersionDocument)))]
pub async fn version(call: Call) -> Outcome {
    inputs::version::<TrafficMatrix>(call).await
}
