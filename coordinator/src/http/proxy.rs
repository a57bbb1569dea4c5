//! Passes a request on to the coordinator that leads.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::router::Outcome;

/// Set on a request that was passed on once: it is not passed on again.
const FORWARDED: HeaderName = HeaderName::from_static("x-netplanner-forwarded");

/// Longest time for the whole exchange: both are in one cluster.
const PATIENCE: Duration = Duration::from_secs(3);

/// Largest answer taken over: the status of some thousand workers.
const ANSWER_BYTES: usize = 16 << 20;

/// The leader's answer to `call`.
pub async fn to_leader(call: &Call) -> Outcome {
    let leader = call.context.store.leader().await?;
    let nobody = |detail: &str| Err(ApiError::new(Code::NoLeader, detail));
    let Some(leader) = leader else { return nobody("no coordinator has led yet") };
    if leader.address == call.context.settings.advertise {
        return nobody("this coordinator is about to lead");
    }
    if call.headers.contains_key(&FORWARDED) {
        return nobody("the leadership is changing");
    }
    match tokio::time::timeout(PATIENCE, exchange(call, &leader.address)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => nobody(&format!("the leader at {} cannot be reached: {error}", leader.address)),
        Err(_) => nobody(&format!("the leader at {} does not answer", leader.address)),
    }
}

async fn exchange(call: &Call, address: &str) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let target =
        if call.query.is_empty() { call.path.clone() } else { format!("{}?{}", call.path, call.query) };
    let mut request = Request::builder().method(call.method.clone()).uri(target);
    if let Some(headers) = request.headers_mut() {
        headers.clone_from(&call.headers);
        for per_hop in [CONTENT_LENGTH, HOST, http::header::CONNECTION, http::header::TRANSFER_ENCODING] {
            headers.remove(per_hop);
        }
        headers.remove(http::header::ACCEPT_ENCODING);
        headers.insert(HOST, HeaderValue::from_str(address)?);
        headers.insert(FORWARDED, HeaderValue::from_static("1"));
        headers.insert("x-request-id", HeaderValue::from_str(&call.request_id.0)?);
    }
    let response = sender.send_request(request.body(Full::new(call.body.clone()))?).await?;
    let (head, body) = response.into_parts();
    let body: Bytes = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
    connection.abort();
    let kind =
        head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/json");
    Ok(Answer::bytes("application/json", body).status(head.status).header(CONTENT_TYPE, kind))
}
