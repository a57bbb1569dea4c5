//! The interactive documentation, served from this binary: nothing is loaded from elsewhere.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use http::StatusCode;
use utoipa_swagger_ui::{Config, serve};

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::openapi;
use super::router::Outcome;

const ERRORS: &str = include_str!("../../../docs/errors.md");

/// The OpenAPI document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "docs", summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub async fn openapi(_call: Call) -> Outcome {
    Ok(Answer::json_text(openapi::text()))
}

/// Sends browsers to the documentation.
#[utoipa::path(get, path = "/docs", tag = "docs", summary = "To the interactive documentation",
    responses((status = 308, description = "It is at /docs/")))]
pub async fn to_docs(_call: Call) -> Outcome {
    Ok(Answer::empty(StatusCode::PERMANENT_REDIRECT).location("/docs/"))
}

/// The meaning of every error code: what the `type` of a problem points at.
#[utoipa::path(get, path = "/docs/errors", tag = "docs", summary = "The meaning of every error code",
    responses((status = 200, description = "A page with one section per code", body = String, content_type = "text/html")))]
pub async fn errors(_call: Call) -> Outcome {
    static PAGE: LazyLock<String> = LazyLock::new(|| page(ERRORS));
    Ok(Answer::bytes("text/html; charset=utf-8", PAGE.as_bytes()))
}

/// Swagger UI.
#[utoipa::path(get, path = "/docs/{*file}", tag = "docs", summary = "Interactive documentation",
    params(("*file" = String, Path, description = "A file of it; empty for its first page")),
    responses((status = 200, description = "Swagger UI", body = String, content_type = "text/html")))]
pub async fn swagger(call: Call) -> Outcome {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        LazyLock::new(|| Arc::new(Config::from("/api/v1/openapi.json").try_it_out_enabled(true)));
    let file = call.params.first().map_or("", String::as_str);
    let found = serve(file, CONFIG.clone()).map_err(|error| {
        ApiError::new(Code::Internal, format!("the documentation cannot be served: {error}"))
    })?;
    let file = found.ok_or_else(|| ApiError::new(Code::NotFound, "the documentation has no such file"))?;
    let kind = file.content_type.clone();
    Ok(Answer::bytes("application/octet-stream", file.bytes.into_owned())
        .header(http::header::CONTENT_TYPE, &kind)
        .header(http::header::CACHE_CONTROL, "max-age=3600"))
}

/// Headings and paragraphs of a manual in Markdown as HTML; the manual uses nothing else but `code` and **bold**.
fn page(markdown: &str) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Errors</title>\
         <style>body{font:16px/1.5 system-ui;max-width:46em;margin:2em auto;padding:0 1em}\
         h2{font-family:monospace;margin-top:2em}:target{background:#fe9}code{background:#eee}</style>\n",
    );
    for paragraph in markdown.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let _ = match paragraph.split_once(' ') {
            Some(("#", title)) => writeln!(html, "<h1>{}</h1>", inline(title)),
            Some(("##", code)) => writeln!(html, "<h2 id=\"{code}\">{code}</h2>"),
            _ => writeln!(html, "<p>{}</p>", inline(paragraph)),
        };
    }
    html
}

/// `code` and **bold** inside a paragraph.
fn inline(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut html = String::new();
    for (index, part) in escaped.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(html, "<code>{part}</code>");
        } else {
            for (index, part) in part.split("**").enumerate() {
                let _ = if index % 2 == 1 { write!(html, "<b>{part}</b>") } else { write!(html, "{part}") };
            }
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_can_be_linked_to() {
        let html = page(ERRORS);
        for code in Code::ALL {
            assert!(html.contains(&format!("<h2 id=\"{}\">", code.as_str())), "{}", code.as_str());
        }
    }
}
