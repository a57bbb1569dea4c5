//! `/runs/{id}/events`: what happened to a run, as a list or as it happens (server-sent events).
//!
//! Stored events carry their number as `id`; a client that comes back with the last one it has seen gets a snapshot
//! and then everything after it, without gaps. Progress is not stored: it is a frame without `id`, at most every half
//! second.

use std::sync::Arc;

use bytes::Bytes;
use common::clock::{self, Timestamp};
use common::ids::RunId;
use common::run::ShardRange;
use http::StatusCode;
use http::header::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::answer::Answer;
use super::call::Call;
use super::context::HttpContext;
use super::error::{ApiError, Code};
use super::negotiate::choose;
use super::router::Outcome;
use super::run_views::{ProgressView, RunView, StageView};
use super::runs::{LOOK_AGAIN, changed, rest, run_id};
use crate::dispatch::bitmap::Bitmap;
use crate::store::StoreError;
use crate::store::events::EventRow;
use crate::store::runs::RunRow;

/// Stored events read at a time.
const READ_AT_A_TIME: u32 = 500;

/// Frames that may wait for a slow client before its stream stops reading the database: what happens meanwhile is told
/// in one frame, and its events are read when it has taken those before.
const FRAMES_AHEAD: usize = 16;

/// Finished ranges are told for stages up to this size; beyond it their list would outweigh the results.
const RANGES_UP_TO_SHARDS: u32 = 100_000;

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only events with a greater number. `Last-Event-ID` goes before it.
    pub after: Option<i64>,
    /// Events a page of the list, 1 to 1000; 500 if absent.
    pub limit: Option<u32>,
}

/// A stored event.
#[derive(Serialize, ToSchema)]
pub struct EventView {
    /// Its number in the run, from 1, without gaps.
    pub seq: i64,
    /// When it was committed.
    pub at: chrono::DateTime<chrono::Utc>,
    /// What happened (`state`, `stage_opened`, `stage_closed`, `shard_failed`, …).
    pub kind: String,
    /// Details.
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
}

/// A page of the history.
#[derive(Serialize, ToSchema)]
pub struct EventList {
    /// Oldest first.
    pub items: Vec<EventView>,
    /// `after` of the next page; null at the end of what is there now.
    pub next_cursor: Option<String>,
}

/// Shards that were stored since the frame before.
#[derive(Serialize)]
struct Finished {
    stage: u32,
    /// Pairs of first shard and count.
    ranges: Vec<(u32, u32)>,
}

impl From<EventRow> for EventView {
    fn from(EventRow { seq, at, kind, body }: EventRow) -> Self {
        Self { seq, at, kind, body }
    }
}

/// The history of a run as JSON, or live as server-sent events.
#[utoipa::path(get, path = "/api/v1/runs/{id}/events", tag = "runs", params(("id" = String, Path, description = "Its id"), EventsQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "Resume after this event")),
    responses((status = 200, description = "JSON, or `text/event-stream` by `Accept`: frames `snapshot`, `progress` and `finished` without id, and one for each stored event", content((EventList = "application/json"), (String = "text/event-stream"))),
        (status = 204, description = "The run has ended and everything was seen: do not come back"),
        (status = 410, description = "They are no longer kept", body = super::error::Problem)))]
pub async fn events(call: Call) -> Outcome {
    let id = run_id(&call)?;
    let EventsQuery { after, limit } = call.query()?;
    let after = match call.header(&HeaderName::from_static("last-event-id"))? {
        Some(text) if !text.is_empty() => Some(text.parse::<i64>().map_err(|_| {
            let detail = format!("{text:?} is not the number of an event");
            ApiError::at(Code::InvalidHeader, "<header last-event-id>", detail)
        })?),
        _ => after,
    };
    let run = call.context.store.run(id).await?;
    if let Some(at) = run.history_dropped_at {
        return Err(StoreError::Dropped { what: "events", at }.into());
    }
    if choose(&call.headers, &["application/json", "text/event-stream"])? == 0 {
        return history(&call, id, after.unwrap_or(0), limit.unwrap_or(READ_AT_A_TIME)).await;
    }
    if run.state.is_end() && after.is_some_and(|after| after >= run.last_event) {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    let Ok(room) = call.context.streams.clone().try_acquire_owned() else {
        call.context.metrics.refused.with_label_values(&["streams"]).inc();
        return Err(ApiError::new(Code::Overloaded, "this coordinator has as many event streams as it may"));
    };
    let (frames, stream) = mpsc::channel(FRAMES_AHEAD);
    let follower = Follower { context: call.context.clone(), run: id, seen: after.unwrap_or(0), frames };
    tokio::spawn(async move {
        follower.follow().await;
        drop(room);
    });
    Ok(Answer::live("text/event-stream", ReceiverStream::new(stream)))
}

async fn history(call: &Call, id: RunId, after: i64, limit: u32) -> Outcome {
    let limit = super::inputs::page(Some(limit), None)?.limit;
    let items: Vec<EventView> =
        call.context.store.events(id, after, limit).await?.into_iter().map(EventView::from).collect();
    let full = items.len() == limit as usize;
    let next_cursor = items.last().filter(|_| full).map(|last| last.seq.to_string());
    Answer::json(&EventList { items, next_cursor })
}

/// Follows one run for one client.
struct Follower {
    context: Arc<HttpContext>,
    run: RunId,
    /// The last stored event that was sent.
    seen: i64,
    frames: mpsc::Sender<Bytes>,
}

/// Why a stream ends before its run.
enum Gone {
    /// The client left.
    Client,
    /// The run was deleted, or the database refused for good.
    Run,
}

/// What live frames have told already.
#[derive(Default)]
struct Told {
    at: Option<Timestamp>,
    progress: Option<ProgressView>,
    waiting: Option<String>,
    stage: u32,
    finished: Bitmap,
}

impl Follower {
    async fn follow(mut self) {
        self.context.metrics.streams.inc();
        let shutdown = self.context.shutdown.clone();
        let streams = self.context.metrics.streams.clone();
        tokio::select! {
            () = shutdown.cancelled() => {
                let _ = self.frames.try_send(Bytes::from_static(b": shutting down\n\n"));
            }
            _ended = self.run_along() => {}
        }
        streams.dec();
    }

    async fn run_along(&mut self) -> Result<(), Gone> {
        let mut notices = self.context.store.subscribe();
        let mut told = Told::default();
        let mut quiet_since = clock::now();
        let (mut first, mut looks) = (true, 0);
        loop {
            match self.look(&mut told, first).await {
                Ok(Looked { said, ended }) => {
                    first = false;
                    if said {
                        quiet_since = clock::now();
                    }
                    if ended {
                        return Ok(());
                    }
                }
                Err(Trouble::Gone(gone)) => return Err(gone),
                // the stream survives an outage of the database and goes on where it was
                Err(Trouble::Away) => {}
            }
            if clock::now().since(quiet_since) >= self.context.settings.stream_keep_alive {
                self.send(Bytes::from_static(b": still here\n\n")).await?;
                quiet_since = clock::now();
            }
            let keep_alive = self.context.settings.stream_keep_alive;
            tokio::select! {
                () = self.frames.closed() => return Err(Gone::Client),
                () = changed(&mut notices, self.run) => {}
                () = tokio::time::sleep(LOOK_AGAIN.min(self.context.settings.stream_pace).min(keep_alive)) => {}
            }
            looks += 1;
            tokio::time::sleep(rest(looks)).await;
        }
    }

    /// Sends what is new.
    async fn look(&mut self, told: &mut Told, first: bool) -> Result<Looked, Trouble> {
        let run = self.context.store.run(self.run).await?;
        let mut said = false;
        if first {
            let stages =
                self.context.store.stages(self.run).await?.into_iter().map(StageView::from).collect();
            let view = RunView { stages: Some(stages), ..run.clone().into() };
            self.say("snapshot", None, &view).await?;
            told.progress = run.stage.clone().map(ProgressView::from);
            told.waiting.clone_from(&run.waiting_reason);
            said = true;
        }
        let over = run.state.is_end();
        if over {
            // the event of the end is the last word: some clients leave at it
            said |= self.tell(&run, told).await?;
        }
        while self.seen < run.last_event {
            let events = self.context.store.events(self.run, self.seen, READ_AT_A_TIME).await?;
            if events.is_empty() {
                break;
            }
            for event in events {
                let (seq, kind) = (event.seq, event.kind.clone());
                self.say(&kind, Some(seq), &EventView::from(event)).await?;
                self.seen = seq;
            }
            said = true;
        }
        let due = told.at.is_none_or(|at| clock::now().since(at) >= self.context.settings.stream_pace);
        if !over && due {
            said |= self.tell(&run, told).await?;
        }
        let ended = over && self.seen >= run.last_event;
        Ok(Looked { said, ended })
    }

    /// Live frames: progress, what the run waits for, finished shards.
    async fn tell(&mut self, run: &RunRow, told: &mut Told) -> Result<bool, Trouble> {
        let progress = run.stage.clone().map(ProgressView::from);
        let moved = progress != told.progress || run.waiting_reason != told.waiting;
        let first_look = told.at.is_none();
        if !moved && !first_look {
            return Ok(false);
        }
        told.at = Some(clock::now());
        if moved {
            let frame = serde_json::json!({
                "state": run.state.as_str(), "progress": progress, "waiting_reason": run.waiting_reason
            });
            self.say("progress", None, &frame).await?;
            (told.progress, told.waiting) = (progress, run.waiting_reason.clone());
        }
        let Some(stage) = &run.stage else { return Ok(moved) };
        if stage.shards > RANGES_UP_TO_SHARDS || run.state.is_end() || stage.done == 0 {
            return Ok(moved);
        }
        let resumed = self.context.store.resume(self.run).await?;
        let Some(last) = resumed.stages.last() else { return Ok(moved) };
        if last.index != told.stage {
            (told.stage, told.finished) = (last.index, Bitmap::empty(last.shards));
        } else if told.finished.len() != last.shards {
            told.finished = Bitmap::empty(last.shards);
        }
        let new: Vec<u32> = resumed
            .stored
            .iter()
            .flat_map(|range| range.iter())
            .filter(|shard| told.finished.insert(*shard))
            .collect();
        if !new.is_empty() {
            let ranges = ranges(&new).into_iter().map(|range| (range.first, range.count)).collect();
            self.say("finished", None, &Finished { stage: last.index, ranges }).await?;
        }
        Ok(true)
    }

    async fn say(&self, kind: &str, id: Option<i64>, data: &impl Serialize) -> Result<(), Trouble> {
        let data = serde_json::to_string(data).map_err(|_| Trouble::Gone(Gone::Run))?;
        Ok(self.send(frame(kind, id, &data)).await?)
    }

    async fn send(&self, frame: Bytes) -> Result<(), Gone> {
        let sent = tokio::time::timeout(self.context.settings.stream_stall, self.frames.send(frame)).await;
        // who takes nothing for so long is cut, and comes back with the last event it has seen
        sent.map_err(|_| Gone::Client)?.map_err(|_| Gone::Client)
    }
}

struct Looked {
    said: bool,
    ended: bool,
}

enum Trouble {
    Gone(Gone),
    /// The database is away: look again later.
    Away,
}

impl From<Gone> for Trouble {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::Away } else { Self::Gone(Gone::Run) }
    }
}

/// One frame of an event stream. JSON text has no line breaks outside strings, and inside they are escaped.
fn frame(kind: &str, id: Option<i64>, data: &str) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    let data = data.replace('\n', " ");
    Bytes::from(format!("event: {kind}\n{id}data: {data}\n\n"))
}

/// Ascending shards as ranges.
fn ranges(shards: &[u32]) -> Vec<ShardRange> {
    let mut ranges: Vec<ShardRange> = Vec::new();
    for &shard in shards {
        match ranges.last_mut() {
            Some(last) if last.end() == shard => last.count += 1,
            _ => ranges.push(ShardRange { first: shard, count: 1 }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_event_whatever_is_in_it() {
        let text = frame("progress", None, "{\"a\":\n1}");
        assert_eq!(text, "event: progress\ndata: {\"a\": 1}\n\n");
        assert_eq!(frame("failed", Some(7), "{}"), "event: failed\nid: 7\ndata: {}\n\n");
    }

    #[test]
    fn neighbours_are_one_range() {
        let list = ranges(&[0, 1, 2, 5, 7, 8]);
        assert_eq!(list.iter().map(|r| (r.first, r.count)).collect::<Vec<_>>(), [(0, 3), (5, 1), (7, 2)]);
        assert!(ranges(&[]).is_empty());
    }
}
