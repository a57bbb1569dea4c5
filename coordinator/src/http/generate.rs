//! `/traffic-matrices:generate`: demands made of a topology and a seed, for studies without real ones.

use optics::topology::Topology;
use optics::traffic_gen::{TrafficModel, generate};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::call::Call;
use super::error::{ApiError, Code};
use super::input_views::InputView;
use super::inputs::{self, Document, checked, of_kind, refusal, written};
use super::json;
use super::router::Outcome;
use crate::store::inputs::InputKind;

/// A traffic matrix to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateBody {
    /// The topology between whose sites there shall be traffic.
    pub topology: TopologyRef,
    /// How much between which: gravity or uniform, total rate, seed. The defaults if absent.
    #[serde(default)]
    #[schema(value_type = Option<TrafficModelSchema>)]
    pub model: TrafficModel,
    /// What the first version is.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A topology: exactly one of `id` and `document`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopologyRef {
    /// A stored topology.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Its version; the newest if absent.
    #[serde(default)]
    pub version: Option<u32>,
    /// The document itself.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub document: Option<Box<RawValue>>,
}

/// How to make a traffic matrix.
#[derive(ToSchema)]
#[schema(as = TrafficModel)]
#[allow(dead_code)] // shows the fields of `optics::traffic_gen::TrafficModel`, whose crate knows no OpenAPI
pub struct TrafficModelSchema {
    /// Name of the matrix.
    name: String,
    /// `gravity` or `uniform`.
    kind: String,
    /// Equal seeds give equal matrices.
    seed: u64,
    /// Rate of all demands together in Gb/s.
    total_gbps: f64,
    /// Share of the demands, largest first, that ask for 1+1 protection, 0 to 1.
    protected_share: f64,
    /// Client services (100GE, 10GE, GE) instead of rates.
    services: bool,
    /// Weight of nodes for gravity; 1 for those not named.
    weights: std::collections::BTreeMap<String, f64>,
    /// Power of the distance that gravity divides by.
    distance_exponent: f64,
    /// Demands below this rate in Gb/s are left out.
    least_gbps: f64,
}

/// Makes a traffic matrix of a topology and stores it: gravity or uniform, the same for the same seed.
#[utoipa::path(post, path = "/api/v1/traffic-matrices:generate", tag = "traffic-matrices", operation_id = "generate", request_body = GenerateBody,
    responses((status = 201, description = "Stored", body = InputView)))]
pub async fn make(call: Call) -> Outcome {
    let GenerateBody { topology, model, comment } = call.json()?;
    let (topology, about) = resolve(&call, topology).await?;
    let comment = comment.unwrap_or_else(|| {
        let kind = serde_json::to_value(model.kind).ok();
        let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or_default().to_owned();
        format!("{kind}, {} Gb/s, seed {}, on {about}", model.total_gbps, model.seed)
    });
    let made = tokio::task::spawn_blocking(move || generate(&topology, &model))
        .await
        .map_err(|error| ApiError::new(Code::Internal, format!("a matrix was not made: {error}")))?;
    let matrix =
        made.map_err(|findings| refusal(Code::InvalidBody, "the model or the topology", findings))?;
    let name = if matrix.name.is_empty() { format!("traffic on {about}") } else { matrix.name.clone() };
    let bytes = written(&matrix)?;
    inputs::store(&call, name, comment, &matrix, bytes, Vec::new()).await
}

async fn resolve(call: &Call, wanted: TopologyRef) -> Result<(Topology, String), ApiError> {
    match wanted {
        TopologyRef { id: Some(id), version, document: None } => {
            let head =
                call.context.store.input(InputKind::Topology, id).await.map_err(of_kind::<Topology>)?;
            let row = match version {
                Some(number) => call.context.store.input_version(InputKind::Topology, id, number).await?,
                None => head.latest,
            };
            let bytes = call.context.store.document(row.hash).await?;
            Ok((json::parse_below(&bytes, "/topology/document")?, head.name))
        }
        TopologyRef { id: None, version: None, document: Some(document) } => {
            let (topology, _) = checked::<Topology>(document.get().as_bytes(), "/topology/document")?;
            let about = topology.own_name().to_owned();
            Ok((topology, if about.is_empty() { "a topology".to_owned() } else { about }))
        }
        _ => {
            let detail = "give exactly one of id (with or without version) and document";
            Err(ApiError::at(Code::InvalidBody, "/topology", detail))
        }
    }
}
