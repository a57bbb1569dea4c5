//! `/equipment`: libraries of fibre, amplifier, ROADM and transceiver types, as versioned documents.

use optics::equipment::Equipment;
use optics::equipment::validate::validate_equipment;
use optics::finding::Finding;
use optics::import::{Format, ImportOptions, Imported, Refused};
use serde_json::{Value, json};

use super::call::Call;
use super::error::{Code, Problem};
use super::input_views as views;
use super::inputs::{self, Document};
use super::router::Outcome;
use crate::store::inputs::InputKind;

impl Document for Equipment {
    const KIND: InputKind = InputKind::Equipment;
    const MISSING: Code = Code::EquipmentNotFound;
    const PATH: &'static str = "/api/v1/equipment";

    fn findings(&self) -> Vec<Finding> {
        validate_equipment(self)
    }

    fn summary(&self) -> Value {
        json!({
            "fibres": self.fibres.len(),
            "amplifiers": self.amplifiers.len() + self.multiband_amplifiers.len(),
            "roadms": self.roadms.len(),
            "transceivers": self.transceivers.len(),
        })
    }

    fn own_name(&self) -> &'static str {
        "equipment"
    }

    fn import(format: Format, file: &[u8], options: &ImportOptions) -> Result<Imported<Self>, Refused> {
        optics::import::equipment(format, file, options)
    }
}

/// Lists equipment libraries, newest first.
#[utoipa::path(get, path = "/api/v1/equipment", tag = "equipment", params(views::ListQuery),
    responses((status = 200, description = "A page of equipment libraries", body = views::InputList)))]
pub async fn list(call: Call) -> Outcome {
    inputs::list::<Equipment>(call).await
}

/// Stores an equipment library with its first version.
#[utoipa::path(post, path = "/api/v1/equipment", tag = "equipment", request_body = views::NewInputBody,
    responses((status = 201, description = "Stored", body = views::InputView), (status = 422, description = "Faults in it, with pointers", body = Problem)))]
pub async fn create(call: Call) -> Outcome {
    inputs::create::<Equipment>(call).await
}

/// Stores an equipment library made of a file of another format; a refused file stores nothing and lists every finding.
#[utoipa::path(post, path = "/api/v1/equipment/import", tag = "equipment", params(views::ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file itself, at most 64 MiB"),
    responses((status = 201, description = "Stored", body = views::InputView), (status = 422, description = "Findings with sheet, row and column", body = Problem)))]
pub async fn import(call: Call) -> Outcome {
    inputs::import::<Equipment>(call).await
}

/// Checks an equipment library without storing it.
#[utoipa::path(post, path = "/api/v1/equipment/validate", tag = "equipment", params(views::ValidateQuery),
    request_body = views::ValidateBody,
    responses((status = 200, description = "What is to be said of it", body = views::Validity)))]
pub async fn validate(call: Call) -> Outcome {
    inputs::validate::<Equipment>(call).await
}

/// One equipment library.
#[utoipa::path(get, path = "/api/v1/equipment/{id}", tag = "equipment", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The equipment library and its newest version", body = views::InputView)))]
pub async fn get(call: Call) -> Outcome {
    inputs::get::<Equipment>(call).await
}

/// Renames an equipment library.
#[utoipa::path(patch, path = "/api/v1/equipment/{id}", tag = "equipment", request_body = views::InputPatch,
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The ETag that was seen")),
    responses((status = 200, description = "Renamed", body = views::InputView)))]
pub async fn rename(call: Call) -> Outcome {
    inputs::rename::<Equipment>(call).await
}

/// Hides an equipment library; runs that used it keep their documents.
#[utoipa::path(delete, path = "/api/v1/equipment/{id}", tag = "equipment",
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The ETag that was seen")),
    responses((status = 204, description = "Deleted")))]
pub async fn delete(call: Call) -> Outcome {
    inputs::delete::<Equipment>(call).await
}

/// Lists the versions of an equipment library, newest first.
#[utoipa::path(get, path = "/api/v1/equipment/{id}/versions", tag = "equipment",
    params(("id" = String, Path, description = "Its id"), views::PageQuery),
    responses((status = 200, description = "A page of versions", body = views::VersionList)))]
pub async fn versions(call: Call) -> Outcome {
    inputs::versions::<Equipment>(call).await
}

/// Appends a version.
#[utoipa::path(post, path = "/api/v1/equipment/{id}/versions", tag = "equipment", request_body = views::NewVersionBody,
    params(("id" = String, Path, description = "Its id"), ("If-Match" = Option<String>, Header, description = "Append only to this state")),
    responses((status = 201, description = "Appended", body = views::InputView)))]
pub async fn append(call: Call) -> Outcome {
    inputs::append::<Equipment>(call).await
}

/// One version with its document.
#[utoipa::path(get, path = "/api/v1/equipment/{id}/versions/{n}", tag = "equipment",
    params(("id" = String, Path, description = "Its id"), ("n" = u32, Path, description = "The version, from 1")),
    responses((status = 200, description = "The version", body = views::VersionDocument)))]
pub async fn version(call: Call) -> Outcome {
    inputs::version::<Equipment>(call).await
}
