//! `/livez`, `/readyz`, `/version`: for those who keep the process alive and send it traffic.

use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code, Problem};
use super::router::Outcome;

/// Which build this is.
#[derive(Serialize, ToSchema)]
pub struct Version {
    /// `netplanner`.
    pub name: &'static str,
    /// Version of the product.
    pub version: &'static str,
    /// Version of the API, as in its prefix.
    pub api: &'static str,
}

/// Whether the process can take requests.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// `ready`.
    pub status: &'static str,
    /// Whether this process leads the cluster.
    pub leads: bool,
}

/// Whether the process is alive: it is, if it answers.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub async fn livez(_call: Call) -> Outcome {
    Ok(Answer::bytes("text/plain; charset=utf-8", "alive\n"))
}

/// Whether the process should get traffic: the database answers, and it is not about to end.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "Ready", body = Ready), (status = 503, description = "Not now, and why", body = Problem)))]
pub async fn readyz(call: Call) -> Outcome {
    if call.context.shutdown.is_cancelled() {
        return Err(ApiError::new(Code::ShuttingDown, "this coordinator is draining"));
    }
    call.context.store.ping().await?;
    let leads = call.context.led_here().is_some();
    Ok(Answer::json(&Ready { status: "ready", leads })?.status(StatusCode::OK))
}

/// Which build this is.
#[utoipa::path(get, path = "/version", tag = "health", responses((status = 200, description = "The build", body = Version)))]
pub async fn version(_call: Call) -> Outcome {
    Answer::json(&Version { name: "netplanner", version: env!("CARGO_PKG_VERSION"), api: "v1" })
}
