//! `/`: a page that leads to everything.

use super::answer::Answer;
use super::call::Call;
use super::router::Outcome;

const PAGE: &str = include_str!("home.html");

/// A page that leads to everything.
#[utoipa::path(get, path = "/", tag = "health", operation_id = "home",
    responses((status = 200, description = "A page of links", body = String, content_type = "text/html")))]
pub async fn home(_call: Call) -> Outcome {
    Ok(Answer::bytes("text/html; charset=utf-8", PAGE))
}
