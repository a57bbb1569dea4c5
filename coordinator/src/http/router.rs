//! From a table of routes to one warp filter: matching, body limits, and the answers to what matches nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::answer::Answer;
use super::call::{Call, Principal, RequestId};
use super::context::{BODY_UNIT, HttpContext};
use super::error::{ApiError, Code};

/// What every handler returns.
pub type Outcome = Result<Answer, ApiError>;

type Handler = Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// All routes have one type, so that folding them costs no compile time.
type Leaf = BoxedFilter<(Response,)>;

/// How large a request's body may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// [`super::context::HttpSettings::body_bytes`].
    Body,
    /// [`super::context::HttpSettings::document_bytes`].
    Document,
}

/// One line of the route table.
pub struct Route {
    /// The method; `GET` answers `HEAD` too.
    pub method: Method,
    /// The path; `{name}` stands for one segment, `{*name}` for all that follow.
    pub path: &'static str,
    limit: Limit,
    handler: Handler,
}

impl Route {
    /// A route.
    pub fn new<F, A>(method: Method, path: &'static str, limit: Limit, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send + 'static,
    {
        Self { method, path, limit, handler: Arc::new(move |call| Box::pin(handler(call))) }
    }

    fn takes(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }
}

/// The label of a request in the metrics: its route, never its path.
#[derive(Clone, Copy, Debug)]
pub struct RouteLabel(pub &'static str);

/// The values of a pattern's parameters, if `path` has its form.
fn matches(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut params = Vec::new();
    let (mut pattern, mut path) = (pattern.trim_start_matches('/'), path.strip_prefix('/')?);
    loop {
        let (own, own_rest) =
            pattern.split_once('/').map_or((pattern, None), |(own, rest)| (own, Some(rest)));
        if own.starts_with("{*") {
            params.push(path.to_owned());
            return Some(params);
        }
        let (theirs, their_rest) = path.split_once('/').map_or((path, None), |(one, rest)| (one, Some(rest)));
        if own.starts_with('{') {
            if theirs.is_empty() {
                return None;
            }
            params.push(percent_decoded(theirs));
        } else if own != theirs {
            return None;
        }
        match (own_rest, their_rest) {
            (None, None) => return Some(params),
            (Some(own), Some(theirs)) => (pattern, path) = (own, theirs),
            _ => return None,
        }
    }
}

fn percent_decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// What is read of a request before its body.
struct Head {
    request_id: RequestId,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
}

fn head() -> impl Filter<Extract = (Head,), Error = Rejection> + Clone {
    warp::ext::get::<RequestId>()
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .map(|request_id, method, path: warp::path::FullPath, query, headers| Head {
            request_id,
            method,
            path: path.as_str().to_owned(),
            query,
            headers,
        })
}

/// The filter of the whole table.
pub fn fold(context: &Arc<HttpContext>, routes: Vec<Route>) -> Leaf {
    let shapes: Arc<[(Method, &'static str)]> =
        routes.iter().map(|route| (route.method.clone(), route.path)).collect();
    routes
        .into_iter()
        .map(|route| leaf(context.clone(), route))
        .chain([nothing_matches(shapes)])
        .reduce(|all, next| all.or(next).unify().boxed())
        .unwrap_or_else(|| nothing_matches(Arc::new([])))
}

fn leaf(context: Arc<HttpContext>, route: Route) -> Leaf {
    let route = Arc::new(route);
    let own = route.clone();
    warp::path::full()
        .and(warp::method())
        .and_then(move |path: warp::path::FullPath, method: Method| {
            let found = own.takes(&method).then(|| matches(own.path, path.as_str())).flatten();
            std::future::ready(found.ok_or_else(warp::reject::not_found))
        })
        .and(head())
        .and(warp::body::stream())
        .then(move |params, head: Head, body| {
            let (context, route) = (context.clone(), route.clone());
            async move {
                let (method, headers) = (head.method.clone(), head.headers.clone());
                let request_id = head.request_id.clone();
                let outcome = answer(context, &route, params, head, body).await;
                let mut response = finish(outcome, &request_id).into_response(&method, &headers);
                response.extensions_mut().insert(RouteLabel(route.path));
                response
            }
        })
        .boxed()
}

async fn answer<B: Buf>(
    context: Arc<HttpContext>,
    route: &Route,
    params: Vec<String>,
    head: Head,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Outcome {
    let principal = Principal::of(&head.method, &head.headers)?;
    let Head { request_id, method, path, query, headers } = head;
    let (body, room) = read(&context, route.limit, &headers, body).await?;
    let call =
        Call { context, request_id, method, path, query, headers, params, principal, body, _room: room };
    (route.handler)(call).await
}

fn finish(outcome: Outcome, request_id: &RequestId) -> Answer {
    outcome.unwrap_or_else(|error| {
        if error.code.status().is_server_error() {
            tracing::warn!(code = error.code.as_str(), detail = error.detail, "request failed");
        }
        Answer::from((&error, &*request_id.0))
    })
}

/// Reads a body and counts while it arrives, so that a chunked one needs no announced length. The room that it takes is
/// given back with the second value.
async fn read<B: Buf>(
    context: &HttpContext,
    limit: Limit,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), ApiError> {
    let limit = match limit {
        Limit::Body => context.settings.body_bytes,
        Limit::Document => context.settings.document_bytes,
    };
    let too_large =
        || ApiError::new(Code::PayloadTooLarge, format!("the limit of this address is {limit} bytes"));
    let announced = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut room = None;
    make_room(context, &mut room, announced.unwrap_or(0))?;
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0));
    let mut body = std::pin::pin!(body);
    loop {
        let piece = tokio::time::timeout(context.settings.read_timeout, body.next())
            .await
            .map_err(|_| ApiError::new(Code::RequestTimeout, "the body stopped arriving"))?;
        let Some(piece) = piece else { return Ok((bytes.freeze(), room)) };
        let mut piece = piece.map_err(|error| {
            tracing::debug!(%error, "a request's body broke off");
            ApiError::new(Code::BrokenBody, "the body ended before its announced length")
        })?;
        if bytes.len() + piece.remaining() > limit {
            return Err(too_large());
        }
        make_room(context, &mut room, bytes.len() + piece.remaining())?;
        while piece.has_remaining() {
            let chunk = piece.chunk();
            let length = chunk.len();
            bytes.extend_from_slice(chunk);
            piece.advance(length);
        }
    }
}

/// Takes room for a body of `bytes`, of which `room` holds a part. Waiting for it would be waiting for others' slow
/// clients: who finds none is told to come back.
fn make_room(
    context: &HttpContext,
    room: &mut Option<OwnedSemaphorePermit>,
    bytes: usize,
) -> Result<(), ApiError> {
    let have = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let more = bytes.div_ceil(BODY_UNIT).saturating_sub(have);
    if more == 0 {
        return Ok(());
    }
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    let Ok(taken) = context.bodies.clone().try_acquire_many_owned(more) else {
        context.metrics.refused.with_label_values(&["bodies"]).inc();
        let detail = "request bodies take all the memory that they may; send it again in a moment";
        return Err(ApiError::new(Code::Overloaded, detail));
    };
    match room {
        Some(room) => room.merge(taken),
        None => *room = Some(taken),
    }
    Ok(())
}

/// 405 where the path exists, 404 where it does not; `OPTIONS` learns what there is.
fn nothing_matches(shapes: Arc<[(Method, &'static str)]>) -> Leaf {
    head()
        .map(move |head: Head| {
            let mut allowed: Vec<&str> = Vec::new();
            for (method, pattern) in shapes.iter() {
                if matches(pattern, &head.path).is_some() {
                    allowed.push(method.as_str());
                    if method == Method::GET {
                        allowed.push("HEAD");
                    }
                }
            }
            let answer = if allowed.is_empty() {
                let detail = format!("no route has the path {}", shortened(&head.path));
                Answer::from((&ApiError::new(Code::NotFound, detail), &*head.request_id.0))
            } else if head.method == Method::OPTIONS {
                Answer::empty(StatusCode::NO_CONTENT).header(http::header::ALLOW, &allowed.join(", "))
            } else {
                let detail = format!("{} is not available here, but {}", head.method, allowed.join(", "));
                let mut error = ApiError::new(Code::MethodNotAllowed, detail);
                error.allow = Some(allowed.join(", "));
                Answer::from((&error, &*head.request_id.0))
            };
            answer.into_response(&head.method, &head.headers)
        })
        .boxed()
}

fn shortened(path: &str) -> String {
    path.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, path: &str) -> Option<Vec<String>> {
        matches(pattern, path)
    }

    #[test]
    fn patterns_match_whole_paths() {
        assert_eq!(found("/api/v1/runs", "/api/v1/runs"), Some(vec![]));
        assert_eq!(found("/api/v1/runs", "/api/v1/runs/"), None);
        assert_eq!(found("/api/v1/runs/{id}", "/api/v1/runs/"), None);
        assert_eq!(
            found("/runs/{id}/versions/{n}", "/runs/a%20b/versions/2"),
            Some(vec!["a b".into(), "2".into()])
        );
        assert_eq!(found("/runs/{id}", "/runs/1/2"), None);
        assert_eq!(found("/docs/{*rest}", "/docs/a/b.js"), Some(vec!["a/b.js".into()]));
        assert_eq!(found("/docs/{*rest}", "/docs/"), Some(vec![String::new()]));
        assert_eq!(found("/", "/"), Some(vec![]));
        assert_eq!(found("/", "/x"), None);
    }
}
