//! The accept loop: what warp's own server does not bound (slow headers, connections, the end) is bounded here.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use common::clock;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::answer::Answer;
use super::call::RequestId;
use super::context::HttpContext;
use super::error::{ApiError, Code};
use super::rate::Verdict;
use super::router::RouteLabel;

/// Longest request id that is taken over from a client.
const REQUEST_ID_CHARS: usize = 128;

/// Clients beyond the limit of connections that are told so at a time, and how long that may take.
const REFUSALS: usize = 256;
const REFUSAL: Duration = Duration::from_secs(1);

/// Pause after a refused `accept` (no file descriptors): trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the whole HTTP front on `listener` until the context's shutdown begins and its connections are drained.
///
/// Returns after [`super::context::HttpSettings::drain`] at the latest; what is still open then is cut.
pub async fn serve(listener: TcpListener, context: HttpContext) -> std::io::Result<()> {
    let context = Arc::new(context);
    let filter = super::routes(&context);
    let permits = Arc::new(Semaphore::new(context.settings.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(context.settings.read_timeout)
        .max_buf_size(64 << 10);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(20));

    loop {
        let accepted = tokio::select! {
            () = context.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            context.metrics.refused.with_label_values(&["connections"]).inc();
            // beyond so many at a time they are just closed
            if let Ok(turn) = refusals.clone().try_acquire_owned() {
                tokio::spawn(refuse(stream, turn));
            }
            continue;
        };
        let _ = stream.set_nodelay(true); // answers are small, and nobody should wait for the next packet
        let (filter, shared) = (filter.clone(), context.clone());
        let service = service_fn(move |request| respond(filter.clone(), shared.clone(), peer, request));
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        let gauge = context.metrics.connections.clone();
        gauge.inc();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection ended early");
            }
            gauge.dec();
            drop(permit);
        });
    }

    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(context.settings.drain) => tracing::info!("cutting connections that did not end"),
    }
    Ok(())
}

/// One request: its id and trace on every log line, a panic kept from the connection, the metrics.
async fn respond(
    filter: BoxedFilter<(Response,)>,
    context: Arc<HttpContext>,
    peer: IpAddr,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let started = clock::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let headers = request.headers().clone();
    let span = tracing::info_span!(
        "request",
        id = %id.0,
        %method,
        path = request.uri().path(),
        trace = trace_id(&headers).unwrap_or_default(),
    );
    let verdict = limited(request.uri().path()).then(|| context.take_turn(peer, started)).flatten();
    request.extensions_mut().insert(id.clone());
    let service = TowerToHyperService::new(warp::service(filter));
    let answered = async {
        if let Some((Verdict { passes: false, wait_s, .. }, _)) = verdict {
            context.metrics.refused.with_label_values(&["rate"]).inc();
            let mut error = ApiError::new(Code::RateLimited, "more requests than one client may make");
            error.retry_after_s = Some(wait_s.max(1));
            return Ok(Ok(Answer::from((&error, &*id.0)).into_response(&method, &headers)));
        }
        AssertUnwindSafe(service.call(request)).catch_unwind().await
    };
    let mut response = match answered.instrument(span.clone()).await {
        Ok(Ok(response)) => response,
        Err(_panic) => {
            let _entered = span.enter();
            tracing::error!("a handler panicked");
            let error = ApiError::new(Code::Internal, "the request could not be handled; the log says more");
            Answer::from((&error, &*id.0)).into_response(&method, &headers)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("x-request-id", value);
    }
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Some((verdict, policy)) = &verdict {
        let limit = format!("\"client\";r={};t={}", verdict.remaining, verdict.full_s);
        for (name, value) in [("ratelimit", &limit), ("ratelimit-policy", policy)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    let route = response.extensions().get().map_or("none", |label: &RouteLabel| label.0);
    let took = clock::now().since(started);
    context.metrics.answered(route, method.as_str(), response.status(), took);
    let _entered = span.enter();
    tracing::debug!(status = response.status().as_u16(), took_us = took.as_micros(), "answered");
    Ok(response)
}

/// Whether requests of an address are counted: not those by which others see whether the process is well.
fn limited(path: &str) -> bool {
    !matches!(path, "/livez" | "/readyz" | "/metrics" | "/version")
}

impl HttpContext {
    /// Counts a request of a client; says how it stands, and the limit. None if there is no limit.
    fn take_turn(&self, peer: IpAddr, now: clock::Timestamp) -> Option<(Verdict, String)> {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.take(peer, now).map(|verdict| (verdict, limiter.policy()))
    }
}

/// Tells a client that there are too many connections, and closes its own.
async fn refuse(mut stream: TcpStream, _turn: OwnedSemaphorePermit) {
    let id = uuid::Uuid::now_v7().to_string();
    let error = ApiError::new(Code::Overloaded, "this coordinator has as many connections as it may");
    let body = serde_json::to_string(&error.problem(&id)).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: {}\r\n\
         x-request-id: {id}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        error.retry_after_s.unwrap_or(1),
        body.len(),
    );
    let telling = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // what the client sends meanwhile is read: closing over it would take the answer from it
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _ = tokio::time::timeout(REFUSAL, telling).await;
}

/// The client's id if it is one that may stand in a log line, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let theirs = headers.get("x-request-id").and_then(|value| value.to_str().ok()).filter(|id| {
        (1..=REQUEST_ID_CHARS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    });
    RequestId(theirs.map_or_else(|| uuid::Uuid::now_v7().to_string().into(), Into::into))
}

/// The trace id of a W3C `traceparent`.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (_version, trace) = (parts.next()?, parts.next()?);
    (trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_kept_if_they_are_harmless() {
        let of = |text: &'static str| {
            request_id(&HeaderMap::from_iter([(
                http::HeaderName::from_static("x-request-id"),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(&*of("order-17").0, "order-17");
        assert_ne!(&*of("two words").0, "two words");
        assert_eq!(request_id(&HeaderMap::new()).0.len(), 36);
    }

    #[test]
    fn a_traceparent_names_the_trace() {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("traceparent"),
            HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        )]);
        assert_eq!(trace_id(&headers), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    }
}
