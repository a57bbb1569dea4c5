//! The only map from what can go wrong to an HTTP status and a code. Every error answer is a problem (RFC 9457).

use http::StatusCode;
use optics::finding::Finding;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::StoreError;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        /// What went wrong, for programs: stable, and each with a heading of its own in `docs/errors.md`.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the manual.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The status it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// Its name in answers.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// One line for people, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// No route has this path.
    NotFound = NOT_FOUND, "not_found", "There is nothing at this address";
    /// The path exists, but not with this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method";
    /// A browser asks in the name of a page from elsewhere.
    CrossOrigin = FORBIDDEN, "cross_origin", "Pages of other origins may not change anything here";
    /// None of the accepted media types can be produced.
    NotAcceptable = NOT_ACCEPTABLE, "not_acceptable", "None of the accepted media types is available";
    /// The body did not arrive in time.
    RequestTimeout = REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive";
    /// The body broke off.
    BrokenBody = BAD_REQUEST, "broken_body", "The request's body broke off";
    /// The body is above the route's limit.
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "payload_too_large", "The request's body is too large";
    /// The body's media type is not understood here.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body's media type is not understood here";
    /// The body is not JSON that can be stored.
    MalformedJson = BAD_REQUEST, "malformed_json", "The body is not acceptable JSON";
    /// A header has a value that means nothing.
    InvalidHeader = BAD_REQUEST, "invalid_header", "A header's value is not valid";
    /// A parameter of the query string is unknown or out of range.
    InvalidQuery = BAD_REQUEST, "invalid_query", "A query parameter is not valid";
    /// The body is JSON of another shape.
    InvalidBody = UNPROCESSABLE_ENTITY, "invalid_body", "The body does not have the documented form";
    /// A topology or traffic matrix breaks rules of its kind.
    InvalidDocument = UNPROCESSABLE_ENTITY, "invalid_document", "The document is not valid";
    /// An imported file has errors; nothing was stored.
    ImportRefused = UNPROCESSABLE_ENTITY, "import_refused", "The file was refused; nothing was stored";
    /// Parameters do not fit the algorithm's schema.
    InvalidParams = UNPROCESSABLE_ENTITY, "invalid_params", "The parameters do not fit the algorithm's schema";
    /// Inputs of a run do not fit its algorithm or do not exist.
    InvalidInputs = UNPROCESSABLE_ENTITY, "invalid_inputs", "The run's inputs cannot be used";
    /// A run names an algorithm that no worker offers.
    UnknownAlgorithm = UNPROCESSABLE_ENTITY, "unknown_algorithm", "No worker offers this algorithm";
    /// No worker ever announced its algorithms.
    NoAlgorithms = SERVICE_UNAVAILABLE, "no_algorithms", "No worker has announced its algorithms yet";
    /// An idempotency key came back with another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key belongs to another request";
    /// A change without `If-Match`.
    PreconditionRequired = PRECONDITION_REQUIRED, "precondition_required", "Say which state the change is meant for";
    /// A change of a state that is no longer the current one.
    PreconditionFailed = PRECONDITION_FAILED, "precondition_failed", "The resource has changed meanwhile";
    /// No such topology.
    TopologyNotFound = NOT_FOUND, "topology_not_found", "There is no such topology";
    /// No such traffic matrix.
    TrafficMatrixNotFound = NOT_FOUND, "traffic_matrix_not_found", "There is no such traffic matrix";
    /// No such equipment library.
    EquipmentNotFound = NOT_FOUND, "equipment_not_found", "There is no such equipment library";
    /// No such version of an input.
    VersionNotFound = NOT_FOUND, "version_not_found", "There is no such version";
    /// No such algorithm in the catalogue.
    AlgorithmNotFound = NOT_FOUND, "algorithm_not_found", "There is no such algorithm";
    /// No such run.
    RunNotFound = NOT_FOUND, "run_not_found", "There is no such run";
    /// No such worker is connected.
    WorkerNotFound = NOT_FOUND, "worker_not_found", "There is no such worker";
    /// The run has not ended, and what was asked for needs its end.
    RunNotEnded = CONFLICT, "run_not_ended", "The run has not ended";
    /// The run has ended, and what was asked for cannot be done any more.
    RunEnded = CONFLICT, "run_ended", "The run has ended";
    /// The run ended without a report.
    NoReport = CONFLICT, "no_report", "The run has no report";
    /// The run's shard results are past their time.
    ShardResultsDropped = GONE, "shard_results_dropped", "The run's shard results are no longer kept";
    /// The run's report is past its time.
    ReportDropped = GONE, "report_dropped", "The run's report is no longer kept";
    /// The run's events are past their time.
    EventsDropped = GONE, "events_dropped", "The run's events are no longer kept";
    /// The run's inputs are no longer what they were.
    Conflict = CONFLICT, "conflict", "The request does not fit the current state";
    /// The report contains no plan, which the asked format shows.
    NotAPlan = NOT_ACCEPTABLE, "not_a_plan", "This report cannot be shown in this format";
    /// An SQL/JSON path that Postgres does not accept.
    InvalidPath = UNPROCESSABLE_ENTITY, "invalid_path", "The path is not a valid SQL/JSON path";
    /// A query that took too long or found too much.
    QueryTooExpensive = UNPROCESSABLE_ENTITY, "query_too_expensive", "The query needs more time than allowed";
    /// The submitter has as many open runs as one may have.
    QuotaExceeded = TOO_MANY_REQUESTS, "quota_exceeded", "You have as many open runs as one may have";
    /// One client asks too often.
    RateLimited = TOO_MANY_REQUESTS, "rate_limited", "More requests than one client may make";
    /// As many runs are open as may be.
    QueueFull = SERVICE_UNAVAILABLE, "queue_full", "As many runs are open as may be";
    /// A bound of this process is reached.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "This coordinator has all it can do";
    /// The database does not answer.
    DatabaseUnavailable = SERVICE_UNAVAILABLE, "database_unavailable", "The database does not answer";
    /// Nobody leads the cluster at the moment.
    NoLeader = SERVICE_UNAVAILABLE, "no_leader", "No coordinator leads the cluster at the moment";
    /// This process is about to end.
    ShuttingDown = SERVICE_UNAVAILABLE, "shutting_down", "This coordinator is shutting down";
    /// A fault of ours.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong inside";
}

/// The body of every error answer (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where this kind of problem is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line for people, the same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The code for programs.
    pub code: String,
    /// The request, as in the logs.
    pub request_id: String,
    /// What is wrong where, if it can be said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = findings_schema)]
    pub errors: Vec<Finding>,
}

/// Findings in answers: their schema is that of the crate that finds them.
pub fn findings_schema() -> utoipa::openapi::schema::Array {
    utoipa::openapi::schema::Array::new(utoipa::openapi::Ref::from_schema_name("Finding"))
}

/// The most findings in one answer; a file with more is beyond reading anyway.
pub const FINDINGS: usize = 1000;

/// An error on its way to the client.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct ApiError {
    /// What kind.
    pub code: Code,
    /// What happened this time.
    pub detail: String,
    /// Where.
    pub errors: Vec<Finding>,
    /// When to try again, in seconds.
    pub retry_after_s: Option<u32>,
    /// `Allow` of a 405.
    pub allow: Option<String>,
}

impl ApiError {
    /// An error without findings.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after_s = match code.status() {
            // runs end more slowly than requests
            _ if code == Code::QueueFull => Some(10),
            StatusCode::SERVICE_UNAVAILABLE => Some(2),
            StatusCode::TOO_MANY_REQUESTS => Some(5),
            _ => None,
        };
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after_s, allow: None }
    }

    /// An error at one place of the request: a JSON pointer into the body, or `<query limit>`, `<header etag>`.
    pub fn at(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let finding = Finding::error(&code.as_str().to_ascii_uppercase(), pointer, detail);
        let place = finding.pointer.trim_matches(['<', '>']);
        let told =
            if place.is_empty() { finding.detail.clone() } else { format!("{place}: {}", finding.detail) };
        Self::of(code, told, vec![finding])
    }

    /// An error made of findings.
    pub fn of(code: Code, detail: impl Into<String>, errors: Vec<Finding>) -> Self {
        Self { errors, ..Self::new(code, detail) }
    }

    /// What the client reads.
    #[must_use]
    pub fn problem(&self, request_id: &str) -> Problem {
        let left_out = self.errors.len().saturating_sub(FINDINGS);
        let detail = if left_out == 0 {
            self.detail.clone()
        } else {
            format!("{} ({left_out} further findings are not listed)", self.detail)
        };
        Problem {
            kind: format!("/docs/errors#{}", self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail,
            code: self.code.as_str().to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.iter().take(FINDINGS).cloned().collect(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::Overloaded => Self::new(Code::Overloaded, detail),
            StoreError::QueueFull { .. } => Self::new(Code::QueueFull, detail),
            StoreError::Unavailable(_) | StoreError::Timeout => Self::new(Code::DatabaseUnavailable, detail),
            StoreError::NotFound(what) => Self::new(missing(what), detail),
            StoreError::Conflict { code: "run_ended", .. } => Self::new(Code::RunEnded, detail),
            StoreError::Conflict { code: "run_not_ended", .. } => Self::new(Code::RunNotEnded, detail),
            StoreError::Conflict { .. } => Self::new(Code::Conflict, detail),
            StoreError::Quota { .. } => Self::new(Code::QuotaExceeded, detail),
            StoreError::Dropped { what, .. } => Self::new(dropped(what), detail),
            StoreError::KeyReused => Self::new(Code::IdempotencyKeyReused, detail),
            StoreError::Stale { .. } => Self::new(Code::PreconditionFailed, detail),
            StoreError::Refused { code: "bad_cursor", .. } => {
                Self::at(Code::InvalidQuery, "<query cursor>", detail)
            }
            StoreError::Refused { code: "bad_path", .. } => {
                Self::at(Code::InvalidPath, "<query path>", detail)
            }
            StoreError::Refused { .. } => Self::new(Code::InvalidBody, detail),
            StoreError::Fenced | StoreError::Settings(_) | StoreError::Internal(_) => {
                tracing::error!(%detail, "the store met a fault of ours");
                Self::new(Code::Internal, "the database answered in a way that was not expected")
            }
        }
    }
}

/// The code for what the store keeps no longer.
fn dropped(what: &str) -> Code {
    match what {
        "report" => Code::ReportDropped,
        "events" => Code::EventsDropped,
        _ => Code::ShardResultsDropped,
    }
}

/// The code for what the store does not find.
fn missing(what: &str) -> Code {
    match what {
        "run" => Code::RunNotFound,
        "topology" => Code::TopologyNotFound,
        "traffic matrix" => Code::TrafficMatrixNotFound,
        "equipment" => Code::EquipmentNotFound,
        "version" => Code::VersionNotFound,
        _ => Code::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../../docs/errors.md");

    #[test]
    fn the_manual_and_the_codes_are_the_same_list() {
        let headings: Vec<&str> = MANUAL.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(headings, codes, "docs/errors.md has one `## code` per variant, in the order of the enum");
    }

    #[test]
    fn the_manual_says_each_status() {
        for code in Code::ALL {
            let section = MANUAL.split("\n## ").find(|part| part.starts_with(code.as_str())).unwrap();
            let status = format!("**{}**", code.status().as_u16());
            assert!(section.contains(&status), "{}: the section does not say {status}", code.as_str());
        }
    }

    #[test]
    fn an_error_at_a_place_says_it_twice_in_the_same_words() {
        let error = ApiError::at(Code::InvalidQuery, "<query limit>", "0 is not 1 to 500");
        assert_eq!(error.detail, "query limit: 0 is not 1 to 500");
        assert_eq!(error.errors, [Finding::error("INVALID_QUERY", "<query limit>", "0 is not 1 to 500")]);
    }

    #[test]
    fn what_is_no_longer_kept_is_gone() {
        let dropped = |what| {
            let at = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
            ApiError::from(StoreError::Dropped { what, at })
        };
        for (what, code) in [
            ("shard results", Code::ShardResultsDropped),
            ("report", Code::ReportDropped),
            ("events", Code::EventsDropped),
        ] {
            let error = dropped(what);
            assert_eq!((error.code, error.code.status()), (code, StatusCode::GONE));
            assert!(error.detail.contains("2027-01-15"), "{}", error.detail);
        }
    }

    #[test]
    fn what_may_pass_says_when_to_come_back() {
        assert_eq!(ApiError::new(Code::NoLeader, "x").retry_after_s, Some(2));
        assert_eq!(ApiError::new(Code::QuotaExceeded, "x").retry_after_s, Some(5));
        assert_eq!(ApiError::new(Code::QueueFull, "x").retry_after_s, Some(10));
        assert_eq!(ApiError::new(Code::RunNotFound, "x").retry_after_s, None);
    }
}
