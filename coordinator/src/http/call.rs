//! One request as its handler sees it: parameters, headers, body, who asks. Everything is parsed here, with an error
//! that names the field.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::context::HttpContext;
use super::error::{ApiError, Code};
use super::json;

/// Who asks. There are no accounts yet: whoever reaches the loopback address is the local user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal(String);

impl Principal {
    /// Reads who asks from a request's headers. Accounts come in here, and nowhere else.
    ///
    /// A page of another origin must not act in the name of whoever has it open, so browsers' writes are taken from
    /// our own pages only.
    pub fn of(method: &Method, headers: &HeaderMap) -> Result<Self, ApiError> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if !method.is_safe()
            && let Some(origin) = text(ORIGIN)
            && origin.split_once("://").map(|(_, host)| host) != text(HOST)
        {
            let origin: String = origin.chars().take(200).collect();
            return Err(ApiError::new(Code::CrossOrigin, format!("a page of {origin} asks for a change")));
        }
        Ok(Self("local".to_owned()))
    }

    /// The name that runs and idempotency keys are kept under.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// The id of one request, in its answer and on its log lines.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// A request whose path and method have matched a route.
pub struct Call {
    /// What all requests share.
    pub context: Arc<HttpContext>,
    /// Its id.
    pub request_id: RequestId,
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query string, encoded.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Values of the route's `{parameters}`, in their order.
    pub params: Vec<String>,
    /// Who asks.
    pub principal: Principal,
    /// Its body, not above the route's limit.
    pub body: Bytes,
    /// The room that the body takes, given back with the call.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Call {
    /// The `index`-th parameter of the path; one that cannot be parsed names nothing: 404 with `code`.
    pub fn param<T: FromStr>(&self, index: usize, code: Code) -> Result<T, ApiError>
    where
        T::Err: Display,
    {
        let text = self.params.get(index).map_or("", String::as_str);
        text.parse().map_err(|error| {
            ApiError::new(
                code,
                format!("{:?} is not an id: {error}", text.chars().take(80).collect::<String>()),
            )
        })
    }

    /// The query parameters. Unknown ones are refused: a filter that is misspelt must not show everything.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let parser = serde_urlencoded::Deserializer::new(form_urlencoded::parse(self.query.as_bytes()));
        serde_path_to_error::deserialize(parser).map_err(|error| {
            let name = error.path().to_string();
            let detail = error.into_inner().to_string();
            let pointer = if name == "." { "<query>".to_owned() } else { format!("<query {name}>") };
            ApiError::at(Code::InvalidQuery, pointer, detail)
        })
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if let Some(kind) = self.content_type()
            && kind != "application/json"
            && !kind.ends_with("+json")
        {
            return Err(ApiError::new(
                Code::UnsupportedMediaType,
                format!("{kind:?} is not understood here; send application/json"),
            ));
        }
        json::parse(&self.body)
    }

    /// The media type of the body without its parameters.
    pub fn content_type(&self) -> Option<String> {
        let kind = self.headers.get(CONTENT_TYPE)?.to_str().unwrap_or("?");
        Some(kind.split(';').next().unwrap_or(kind).trim().to_ascii_lowercase())
    }

    /// A header as text.
    pub fn header(&self, name: &HeaderName) -> Result<Option<&str>, ApiError> {
        let Some(value) = self.headers.get(name) else { return Ok(None) };
        value
            .to_str()
            .map(Some)
            .map_err(|_| ApiError::at(Code::InvalidHeader, format!("<header {name}>"), "not plain text"))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_foreign_page_changes_nothing() {
        let asks = |method: Method, origin: &'static str| {
            let headers = HeaderMap::from_iter([
                (HOST, HeaderValue::from_static("127.0.0.1:5020")),
                (ORIGIN, HeaderValue::from_static(origin)),
            ]);
            Principal::of(&method, &headers).map(|_| ()).map_err(|error| error.code)
        };
        assert_eq!(asks(Method::POST, "http://127.0.0.1:5020"), Ok(()));
        assert_eq!(asks(Method::POST, "http://elsewhere.example"), Err(Code::CrossOrigin));
        assert_eq!(asks(Method::DELETE, "null"), Err(Code::CrossOrigin));
        assert_eq!(asks(Method::GET, "http://elsewhere.example"), Ok(()));
        assert!(Principal::of(&Method::POST, &HeaderMap::new()).is_ok());
    }
}
