//! What handlers give back, and how it becomes a response: problem documents, validators, compression.

use async_compression::Level;
use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::BoxStream;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH, LOCATION, RETRY_AFTER, VARY,
};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use tokio_util::io::ReaderStream;
use warp::Reply;
use warp::reply::Response;

use super::error::{ApiError, Code};

/// Bodies up to this size travel as they are: compressing them saves no packet.
const COMPRESS_ABOVE_BYTES: usize = 1024;

/// Size of the pieces of a compressed body.
const COMPRESSED_PIECE_BYTES: usize = 32 << 10;

/// An answer before it knows how the client wants it packed.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

enum Body {
    Empty,
    Whole(Bytes),
    /// Goes out piece by piece as it is made, never compressed.
    Live(BoxStream<'static, Bytes>),
    /// Goes out block by block as it is read; of a known size. An error in between cuts the connection, so that nobody
    /// takes a part for the whole.
    Blocks(u64, BoxStream<'static, Result<Bytes, ApiError>>),
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Empty }
    }

    /// An answer of any media type.
    pub fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self { body: Body::Whole(body.into()), ..Self::empty(StatusCode::OK) };
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }

    /// An answer of JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        Self::text_of(value).map(Self::json_text)
    }

    /// JSON text.
    pub fn text_of(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
        serde_json::to_vec(value)
            .map_err(|error| ApiError::new(Code::Internal, format!("an answer cannot be written: {error}")))
    }

    /// An answer of JSON that is text already.
    pub fn json_text(body: impl Into<Bytes>) -> Self {
        Self::bytes("application/json", body)
    }

    /// An answer that goes on as long as `stream` does.
    pub fn live(content_type: &'static str, stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        let mut answer = Self { body: Body::Live(Box::pin(stream)), ..Self::empty(StatusCode::OK) };
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // proxies that buffer would hold events back
        answer.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        answer
    }

    /// A large answer that is read while it goes out.
    pub fn blocks(
        content_type: &'static str,
        total: u64,
        blocks: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static,
    ) -> Self {
        let mut answer = Self { body: Body::Blocks(total, Box::pin(blocks)), ..Self::empty(StatusCode::OK) };
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }

    /// Another status than 200.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// A header; a value that cannot be one is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Where the created or started thing is.
    #[must_use]
    pub fn location(self, path: &str) -> Self {
        self.header(LOCATION, path)
    }

    /// The validator of the shown state, without its quotes.
    #[must_use]
    pub fn etag(self, tag: &str) -> Self {
        self.header(ETAG, &format!("\"{tag}\""))
    }

    /// Marks the answer as the repetition of an earlier one.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        if replayed { self.header(HeaderName::from_static("idempotency-replayed"), "true") } else { self }
    }

    /// The response to a request with these headers.
    pub fn into_response(mut self, method: &Method, request: &HeaderMap) -> Response {
        if self.is_known_to(method, request) {
            self.status = StatusCode::NOT_MODIFIED;
            self.body = Body::Empty;
            self.headers.remove(CONTENT_TYPE);
        }
        let mut headers = self.headers;
        let mut response = match self.body {
            Body::Empty => Response::new(Bytes::new().into()),
            Body::Whole(bytes) if bytes.len() > COMPRESS_ABOVE_BYTES && is_text(&headers) => {
                headers.append(VARY, HeaderValue::from_static("accept-encoding"));
                pack(bytes, request, &mut headers)
            }
            Body::Whole(bytes) => Response::new(bytes.into()),
            Body::Blocks(total, blocks) => pack_blocks(total, blocks, request, &mut headers),
            Body::Live(stream) => {
                let stream = futures_util::StreamExt::map(stream, Ok::<_, std::convert::Infallible>);
                warp::reply::stream(sync_wrapper(stream)).into_response()
            }
        };
        *response.status_mut() = self.status;
        response.headers_mut().remove(CONTENT_TYPE); // of the raw bytes
        response.headers_mut().extend(headers);
        response
    }

    fn is_known_to(&self, method: &Method, request: &HeaderMap) -> bool {
        let reads = method == Method::GET || method == Method::HEAD;
        let (Some(own), Some(theirs)) = (self.headers.get(ETAG), request.get(IF_NONE_MATCH)) else {
            return false;
        };
        reads && self.status == StatusCode::OK && names(theirs, own)
    }
}

/// Whether a list of entity tags contains `tag` (weak comparison).
pub fn names(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(list), Ok(tag)) = (list.to_str(), tag.to_str()) else { return false };
    list.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

impl From<(&ApiError, &str)> for Answer {
    /// The problem document of an error of the request with this id.
    fn from((error, request_id): (&ApiError, &str)) -> Self {
        let problem = error.problem(request_id);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut answer = Self::bytes("application/problem+json", body).status(error.code.status());
        if let Some(seconds) = error.retry_after_s {
            answer = answer.header(RETRY_AFTER, &seconds.to_string());
        }
        if let Some(allow) = &error.allow {
            answer = answer.header(ALLOW, allow);
        }
        answer
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/") || kind.contains("json") || kind.contains("xml") || kind.contains("javascript")
}

/// Compresses while sending, piece by piece, so that a large body does not hold up the runtime.
fn pack(bytes: Bytes, request: &HeaderMap, headers: &mut HeaderMap) -> Response {
    let reader = std::io::Cursor::new(bytes.clone());
    match coding(request) {
        Some(Coding::Brotli) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
            let encoder = BrotliEncoder::with_quality(reader, Level::Precise(3));
            warp::reply::stream(ReaderStream::with_capacity(encoder, COMPRESSED_PIECE_BYTES)).into_response()
        }
        Some(Coding::Gzip) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            let encoder = GzipEncoder::with_quality(reader, Level::Precise(3));
            warp::reply::stream(ReaderStream::with_capacity(encoder, COMPRESSED_PIECE_BYTES)).into_response()
        }
        None => Response::new(bytes.into()),
    }
}

/// The same of a body that is read while it goes out.
fn pack_blocks(
    total: u64,
    blocks: BoxStream<'static, Result<Bytes, ApiError>>,
    request: &HeaderMap,
    headers: &mut HeaderMap,
) -> Response {
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    let blocks = futures_util::TryStreamExt::map_err(blocks, std::io::Error::other);
    match coding(request) {
        None => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(total));
            warp::reply::stream(sync_wrapper(blocks)).into_response()
        }
        Some(coding) => {
            let reader = tokio_util::io::StreamReader::new(sync_wrapper(blocks));
            if coding == Coding::Brotli {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
                let encoder = BrotliEncoder::with_quality(reader, Level::Precise(3));
                warp::reply::stream(ReaderStream::with_capacity(encoder, COMPRESSED_PIECE_BYTES))
                    .into_response()
            } else {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                let encoder = GzipEncoder::with_quality(reader, Level::Precise(3));
                warp::reply::stream(ReaderStream::with_capacity(encoder, COMPRESSED_PIECE_BYTES))
                    .into_response()
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Coding {
    Gzip,
    Brotli,
}

/// The coding the client likes best; gzip at a tie, because it is faster to make.
fn coding(request: &HeaderMap) -> Option<Coding> {
    let list = request.get(ACCEPT_ENCODING)?.to_str().ok()?;
    let weight = |name: &str| -> f32 {
        let of = |wanted: &str| {
            list.split(',').find_map(|item| {
                let mut parts = item.split(';').map(str::trim);
                (parts.next()?.eq_ignore_ascii_case(wanted))
                    .then(|| parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0))
            })
        };
        of(name).or_else(|| of("*")).unwrap_or(0.0)
    };
    let (gzip, brotli) = (weight("gzip"), weight("br"));
    match (gzip > 0.0, brotli > 0.0) {
        (false, false) => None,
        _ if gzip >= brotli => Some(Coding::Gzip),
        _ => Some(Coding::Brotli),
    }
}

/// A stream that can be shared between threads, as warp asks, because only one of them ever polls it.
fn sync_wrapper<S: Stream + Send + 'static>(
    stream: S,
) -> impl Stream<Item = S::Item> + Send + Sync + Unpin + 'static
where
    S::Item: Send,
{
    let mut stream = std::sync::Mutex::new(Box::pin(stream));
    futures_util::stream::poll_fn(move |context| {
        let stream = match stream.get_mut() {
            Ok(stream) => stream,
            Err(poisoned) => poisoned.into_inner(),
        };
        stream.as_mut().poll_next(context)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(list: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_str(list).unwrap())])
    }

    #[test]
    fn the_client_chooses_the_coding() {
        assert_eq!(coding(&accepting("gzip, deflate, br")), Some(Coding::Gzip));
        assert_eq!(coding(&accepting("br;q=1.0, gzip;q=0.5")), Some(Coding::Brotli));
        assert_eq!(coding(&accepting("gzip;q=0, identity")), None);
        assert_eq!(coding(&accepting("*")), Some(Coding::Gzip));
        assert_eq!(coding(&HeaderMap::new()), None);
    }

    #[test]
    fn a_known_state_is_not_sent_again() {
        let request = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"x\", W/\"abc\""))]);
        let answer = || Answer::json_text("{}").etag("abc");
        assert_eq!(answer().into_response(&Method::GET, &request).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer().into_response(&Method::POST, &request).status(), StatusCode::OK);
        assert_eq!(answer().etag("new").into_response(&Method::GET, &request).status(), StatusCode::OK);
    }
}
