//! What topologies, traffic matrices and equipment libraries have in common: heads with a name over immutable, numbered versions.

use bytes::Bytes;
use common::ids::ContentHash;
use http::StatusCode;
use http::header::{HeaderName, IF_MATCH};
use optics::finding::Finding;
use optics::import::{Format, ImportOptions, Imported, Refused};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::input_views::{
    ImportQuery, InputList, InputPatch, InputView, ListQuery, NewInputBody, NewVersionBody, PageQuery,
    ValidateBody, ValidateQuery, Validity, VersionDocument, VersionList, VersionView,
};
use super::json;
use super::router::Outcome;
use crate::store::StoreError;
use crate::store::documents::NewDocument;
use crate::store::inputs::{InputFilter, InputKind, NewInput, NewVersion};
use crate::store::page::{Page, Paged};

/// Longest name of an input in characters.
const NAME_CHARS: usize = 200;

/// Longest comment of a version in characters.
const COMMENT_CHARS: usize = 2000;

/// A kind of input document.
pub trait Document: DeserializeOwned + Serialize + Send + 'static {
    /// Which kind the store calls it.
    const KIND: InputKind;
    /// Code of a 404.
    const MISSING: Code;
    /// Path of the collection.
    const PATH: &'static str;

    /// Everything wrong with it, and notes.
    fn findings(&self) -> Vec<Finding>;
    /// Key figures for listings.
    fn summary(&self) -> Value;
    /// The name it gives itself.
    fn own_name(&self) -> &str;
    /// Reads a file of another format.
    fn import(format: Format, file: &[u8], options: &ImportOptions) -> Result<Imported<Self>, Refused>;
}

/// The store speaks of inputs; clients know of topologies, traffic matrices and equipment.
pub fn of_kind<D: Document>(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound("input") => {
            let what = D::KIND.as_str().replace('_', " ");
            ApiError::new(D::MISSING, format!("there is no such {what}, or it was deleted"))
        }
        other => other.into(),
    }
}

/// The page that a query asks for.
pub fn page(limit: Option<u32>, cursor: Option<String>) -> Result<Page, ApiError> {
    let limit = limit.unwrap_or(50);
    if !(1..=crate::store::page::MAX_PAGE).contains(&limit) {
        let detail = format!("limit is {limit}; it must be 1 to {}", crate::store::page::MAX_PAGE);
        return Err(wrong_query("limit", detail));
    }
    Ok(Page { limit, cursor })
}

/// A page of inputs.
pub async fn list<D: Document>(call: Call) -> Outcome {
    let ListQuery { limit, cursor, name } = call.query()?;
    let filter = InputFilter { name_contains: name.filter(|name| !name.is_empty()) };
    let Paged { items, next_cursor } =
        call.context.store.list_inputs(D::KIND, &filter, &page(limit, cursor)?).await?;
    Answer::json(&InputList { items: items.into_iter().map(InputView::from).collect(), next_cursor })
}

/// Stores a document sent as JSON.
pub async fn create<D: Document>(call: Call) -> Outcome {
    let body: NewInputBody = call.json()?;
    let (document, notes) = checked::<D>(body.document.get().as_bytes(), "/document")?;
    let name = body.name.filter(|name| !name.is_empty()).unwrap_or_else(|| document.own_name().to_owned());
    let bytes = Bytes::copy_from_slice(body.document.get().as_bytes());
    store::<D>(&call, name, body.comment, &document, bytes, notes).await
}

/// Stores a document made of a file.
pub async fn import<D: Document>(call: Call) -> Outcome {
    let query: ImportQuery = call.query()?;
    let format = format(&query.format)?;
    let options = options(query.name.as_deref(), query.route_factor, query.demand_unit_gbps)?;
    let Imported { document, notes } = read::<D>(format, call.body.clone(), options)
        .await?
        .map_err(|Refused { findings }| refusal(Code::ImportRefused, "the file", findings))?;
    let name = query.name.filter(|name| !name.is_empty()).unwrap_or_else(|| document.own_name().to_owned());
    let comment = query.comment.unwrap_or_else(|| format!("imported from {}", format.name()));
    let bytes = written(&document)?;
    store::<D>(&call, name, comment, &document, bytes, notes).await
}

/// Stores a new input.
pub async fn store<D: Document>(
    call: &Call,
    name: String,
    comment: String,
    document: &D,
    bytes: Bytes,
    notes: Vec<Finding>,
) -> Outcome {
    let name = if name.trim().is_empty() { "untitled".to_owned() } else { name };
    check_text(&name, NAME_CHARS, "/name")?;
    check_text(&comment, COMMENT_CHARS, "/comment")?;
    let version = NewVersion { document: NewDocument::of(bytes), comment, summary: document.summary() };
    let input = NewInput { kind: D::KIND, name, author: call.principal.name().to_owned(), version };
    let created = call.context.store.create_input(input, call.idempotency()?).await?;
    let (path, etag) = (format!("{}/{}", D::PATH, created.input.id), created.input.revision.to_string());
    let notes = if created.replayed { Vec::new() } else { notes };
    let view = InputView { notes, ..created.input.into() };
    let answer = Answer::json(&view)?.status(StatusCode::CREATED);
    Ok(answer.location(&path).etag(&etag).replayed(created.replayed))
}

/// One input.
pub async fn get<D: Document>(call: Call) -> Outcome {
    let input = call.context.store.input(D::KIND, call.param(0, D::MISSING)?).await.map_err(of_kind::<D>)?;
    let etag = input.revision.to_string();
    Ok(Answer::json(&InputView::from(input))?.etag(&etag))
}

/// Gives an input another name.
pub async fn rename<D: Document>(call: Call) -> Outcome {
    let id = call.param(0, D::MISSING)?;
    let revision = call.required_revision()?;
    let InputPatch { name } = call.json()?;
    check_text(&name, NAME_CHARS, "/name")?;
    if name.trim().is_empty() {
        return Err(ApiError::at(Code::InvalidBody, "/name", "a name cannot be empty"));
    }
    let input = call.context.store.rename_input(D::KIND, id, &name, revision).await.map_err(of_kind::<D>)?;
    let etag = input.revision.to_string();
    Ok(Answer::json(&InputView::from(input))?.etag(&etag))
}

/// Hides an input.
pub async fn delete<D: Document>(call: Call) -> Outcome {
    let id = call.param(0, D::MISSING)?;
    call.context.store.delete_input(D::KIND, id, call.required_revision()?).await.map_err(of_kind::<D>)?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// A page of the versions of an input.
pub async fn versions<D: Document>(call: Call) -> Outcome {
    let id = call.param(0, D::MISSING)?;
    let PageQuery { limit, cursor } = call.query()?;
    let Paged { items, next_cursor } =
        call.context.store.input_versions(D::KIND, id, &page(limit, cursor)?).await.map_err(of_kind::<D>)?;
    Answer::json(&VersionList { items: items.into_iter().map(VersionView::from).collect(), next_cursor })
}

/// Appends a version.
pub async fn append<D: Document>(call: Call) -> Outcome {
    let id = call.param(0, D::MISSING)?;
    let revision = if call.headers.contains_key(IF_MATCH) { call.required_revision()? } else { None };
    let body: NewVersionBody = call.json()?;
    if body.comment.trim().is_empty() {
        return Err(ApiError::at(Code::InvalidBody, "/comment", "a version needs one: say what changed"));
    }
    check_text(&body.comment, COMMENT_CHARS, "/comment")?;
    let (document, notes) = checked::<D>(body.document.get().as_bytes(), "/document")?;
    let document_bytes = NewDocument::of(Bytes::copy_from_slice(body.document.get().as_bytes()));
    let version = NewVersion { document: document_bytes, comment: body.comment, summary: document.summary() };
    let author = call.principal.name();
    let created = call
        .context
        .store
        .append_version(D::KIND, id, version, author, revision, call.idempotency()?)
        .await
        .map_err(of_kind::<D>)?;
    let path = format!("{}/{id}/versions/{}", D::PATH, created.input.latest.version);
    let etag = created.input.revision.to_string();
    let notes = if created.replayed { Vec::new() } else { notes };
    let view = InputView { notes, ..created.input.into() };
    let answer = Answer::json(&view)?.status(StatusCode::CREATED);
    Ok(answer.location(&path).etag(&etag).replayed(created.replayed))
}

/// One version with its document.
pub async fn version<D: Document>(call: Call) -> Outcome {
    let id = call.param(0, D::MISSING)?;
    let number = call.param(1, Code::VersionNotFound)?;
    let version = call.context.store.input_version(D::KIND, id, number).await.map_err(of_kind::<D>)?;
    let bytes = call.context.store.document(version.hash).await?;
    let etag = version.hash.to_string();
    let document = raw(&bytes)?;
    Ok(Answer::json(&VersionDocument { version: version.into(), document })?.etag(&etag))
}

/// Checks a document, or a file, without storing it.
pub async fn validate<D: Document>(call: Call) -> Outcome {
    let query: ValidateQuery = call.query()?;
    let (findings, summary) = if let Some(name) = &query.format {
        let options = options(None, query.route_factor, query.demand_unit_gbps)?;
        match read::<D>(format(name)?, call.body.clone(), options).await? {
            Ok(Imported { document, notes }) => (notes, Some(document.summary())),
            Err(Refused { findings }) => (findings, None),
        }
    } else {
        let body: ValidateBody = call.json()?;
        let document: D = json::parse_below(body.document.get().as_bytes(), "/document")?;
        let findings = document.findings().into_iter().map(|finding| finding.below("/document")).collect();
        (findings, Some(document.summary()))
    };
    let (errors, notes): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(Finding::is_error);
    Answer::json(&Validity { valid: errors.is_empty(), errors, notes, summary })
}

/// Reads a document and refuses it if anything in it is an error; otherwise gives the notes back.
pub fn checked<D: Document>(bytes: &[u8], at: &str) -> Result<(D, Vec<Finding>), ApiError> {
    let document: D = json::parse_below(bytes, at)?;
    let findings: Vec<_> = document.findings().into_iter().map(|finding| finding.below(at)).collect();
    if findings.iter().any(Finding::is_error) {
        return Err(refusal(Code::InvalidDocument, "the document", findings));
    }
    Ok((document, findings))
}

/// Reads a file; a large workbook takes a second, which must not hold up other requests.
async fn read<D: Document>(
    format: Format,
    file: Bytes,
    options: ImportOptions,
) -> Result<Result<Imported<D>, Refused>, ApiError> {
    tokio::task::spawn_blocking(move || D::import(format, &file, &options))
        .await
        .map_err(|error| ApiError::new(Code::Internal, format!("an import did not end: {error}")))
}

fn format(name: &str) -> Result<Format, ApiError> {
    Format::from_name(name).ok_or_else(|| {
        let known = Format::ALL.map(Format::name).join(", ");
        wrong_query("format", format!("{name:?} is not one of {known}"))
    })
}

fn options(
    name: Option<&str>,
    route_factor: Option<f64>,
    unit: Option<f64>,
) -> Result<ImportOptions, ApiError> {
    let defaults = ImportOptions::default();
    let number = |name, given: Option<f64>, default: f64| match given {
        Some(value) if !(value.is_finite() && value > 0.0 && value <= 1e6) => {
            Err(wrong_query(name, format!("{value} is not above 0 and at most 1000000")))
        }
        given => Ok(given.unwrap_or(default)),
    };
    Ok(ImportOptions {
        name: name.unwrap_or_default().to_owned(),
        route_factor: number("route_factor", route_factor, defaults.route_factor)?,
        demand_unit_gbps: number("demand_unit_gbps", unit, defaults.demand_unit_gbps)?,
    })
}

fn wrong_query(name: &str, detail: String) -> ApiError {
    ApiError::at(Code::InvalidQuery, format!("<query {name}>"), detail)
}

/// A refusal that lists every error among `findings`.
pub fn refusal(code: Code, what: &str, findings: Vec<Finding>) -> ApiError {
    let errors: Vec<Finding> = findings.into_iter().filter(Finding::is_error).collect();
    let detail = match &errors[..] {
        [] => format!("{what} cannot be read"),
        [only] => only.to_string(),
        [first, ..] => format!("{} errors in {what}; the first: {first}", errors.len()),
    };
    ApiError::of(code, detail, errors)
}

/// A stored document as part of an answer.
fn raw(bytes: &Bytes) -> Result<Box<RawValue>, ApiError> {
    let damaged = |_| ApiError::new(Code::Internal, "a stored document is damaged");
    serde_json::from_slice(bytes).map_err(damaged)
}

/// A document in the form in which imports store it.
pub fn written(document: &impl Serialize) -> Result<Bytes, ApiError> {
    serde_json::to_vec(document)
        .map(Bytes::from)
        .map_err(|error| ApiError::new(Code::Internal, format!("a document cannot be written: {error}")))
}

fn check_text(text: &str, most: usize, pointer: &str) -> Result<(), ApiError> {
    let detail = if text.chars().count() > most {
        format!("longer than {most} characters")
    } else if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        "contains control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(ApiError::at(Code::InvalidBody, pointer, detail))
}

impl Call {
    /// The revision that `If-Match` names; none for `*`. 428 without the header, 412 for what is no revision of ours.
    pub fn required_revision(&self) -> Result<Option<i64>, ApiError> {
        let Some(wanted) = self.header(&IF_MATCH)? else {
            return Err(ApiError::new(
                Code::PreconditionRequired,
                "send If-Match with the ETag of the state you have seen, or * for any",
            ));
        };
        if wanted.trim() == "*" {
            return Ok(None);
        }
        wanted.trim().trim_matches('"').parse().map(Some).map_err(|_| {
            ApiError::new(
                Code::PreconditionFailed,
                format!("{wanted} is no state that this resource ever had"),
            )
        })
    }

    /// The idempotency key of the request, bound to its method, address and body.
    pub fn idempotency(&self) -> Result<Option<crate::store::idempotency::Idempotency>, ApiError> {
        let name = HeaderName::from_static("idempotency-key");
        let Some(key) = self.header(&name)? else { return Ok(None) };
        if key.is_empty() || key.len() > 200 {
            let detail = "an idempotency key has 1 to 200 characters";
            return Err(ApiError::at(Code::InvalidHeader, "<header idempotency-key>", detail));
        }
        let mut whole = format!("{} {}?{}\n", self.method, self.path, self.query).into_bytes();
        whole.extend_from_slice(&self.body);
        Ok(Some(crate::store::idempotency::Idempotency {
            principal: self.principal.name().to_owned(),
            key: key.to_owned(),
            body_hash: ContentHash::of(&whole),
        }))
    }
}
