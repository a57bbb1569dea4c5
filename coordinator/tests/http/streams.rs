//! Events: the history, the live stream, and coming back to it without a gap.

use std::time::Duration;

use coordinator::http::HttpSettings;
use coordinator::store::writer::Fact;
use coordinator::store::{DatabaseSettings, Store};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::front::{Front, Leader, problem, settings};

/// A frame of an event stream.
#[derive(Clone, Debug, Default)]
struct Frame {
    kind: String,
    id: Option<i64>,
    data: Value,
}

/// The frames of a stream, one after the other.
struct Frames {
    response: Response,
    text: String,
    comments: usize,
}

impl Frames {
    async fn of(front: &Front, path: &str, last: Option<i64>) -> Self {
        let mut request = front.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new(), comments: 0 }
    }

    /// The next frame; none at the end of the stream.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let mut frame = Frame::default();
                let mut comment = false;
                for line in block.trim_end().lines() {
                    match line.split_once(": ") {
                        Some(("event", kind)) => kind.clone_into(&mut frame.kind),
                        Some(("id", id)) => frame.id = Some(id.parse().unwrap()),
                        Some(("data", data)) => frame.data = serde_json::from_str(data).unwrap(),
                        _ => comment = true,
                    }
                }
                if comment {
                    self.comments += 1;
                    continue;
                }
                return Some(frame);
            }
            let piece = tokio::time::timeout(Duration::from_secs(10), self.response.chunk()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&piece.unwrap()?).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

#[tokio::test]
async fn a_stream_tells_a_run_from_its_beginning_to_its_end() {
    let front = Front::with_algorithms().await;
    let leader = Leader::of(&front).await;
    let run = front.submit().await;
    let mut frames = Frames::of(&front, &format!("/api/v1/runs/{run}/events"), None).await;
    let first = frames.next().await.unwrap();
    assert_eq!((first.kind.as_str(), first.id, &first.data["state"]), ("snapshot", None, &json!("queued")));
    assert_eq!(frames.next().await.unwrap().id, Some(1));

    leader.open(run, 0, 6);
    for shard in [0, 1, 2] {
        leader.finish(run, 0, shard);
    }
    let mut seen = Vec::new();
    while !seen.iter().any(|frame: &Frame| frame.kind == "finished") {
        seen.push(frames.next().await.unwrap());
    }
    assert!(seen.iter().any(|frame| frame.kind == "stage_opened" && frame.id.is_some()), "{seen:?}");
    for shard in [3, 4, 5] {
        leader.finish(run, 0, shard);
    }
    leader.succeed(run);
    let rest = frames.rest().await;
    let all: Vec<&Frame> = seen.iter().chain(&rest).collect();
    let ids: Vec<i64> = all.iter().filter_map(|frame| frame.id).collect();
    assert_eq!(ids, (2..2 + i64::try_from(ids.len()).unwrap()).collect::<Vec<_>>(), "no gaps: {all:?}");
    let last = all.last().unwrap();
    assert_eq!((last.kind.as_str(), &last.data["body"]["state"]), ("state", &json!("succeeded")));
    assert!(all.iter().any(|frame| frame.kind == "progress" && frame.id.is_none()), "{all:?}");
    let first_ranges = all.iter().find(|frame| frame.kind == "finished").unwrap();
    assert_eq!(first_ranges.data["ranges"][0][0], 0);
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let front = Front::with_algorithms().await;
    let leader = Leader::of(&front).await;
    let run = front.submit().await;
    let path = format!("/api/v1/runs/{run}/events");
    leader.open(run, 0, 1);
    let mut frames = Frames::of(&front, &path, None).await;
    let mut last = 0;
    while last < 2 {
        last = frames.next().await.unwrap().id.unwrap_or(last);
    }
    drop(frames);
    leader.finish(run, 0, 0);
    leader.open(run, 1, 1);
    leader.finish(run, 1, 0);
    leader.succeed(run);
    let frames = Frames::of(&front, &path, Some(last)).await.rest().await;
    assert_eq!(frames[0].kind, "snapshot");
    let ids: Vec<i64> = frames.iter().filter_map(|frame| frame.id).collect();
    let history = front.read(&path).await;
    let stored: Vec<i64> =
        history["items"].as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()).collect();
    assert_eq!(stored, (1..=i64::try_from(stored.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(ids, stored.iter().copied().filter(|&seq| seq > last).collect::<Vec<_>>());

    // everything seen: the stream says not to come back
    let end = stored.last().unwrap();
    let request =
        front.request(Method::GET, &format!("{path}?after={end}")).header("accept", "text/event-stream");
    assert_eq!(request.send().await.unwrap().status(), 204);
    let after = front.read(&format!("{path}?after=1&limit=1")).await;
    assert_eq!((&after["items"][0]["seq"], &after["next_cursor"]), (&json!(2), &json!("2")));
    let bad = front.request(Method::GET, &path).header("last-event-id", "x").send().await.unwrap();
    problem(bad, 400, "invalid_header").await;
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_and_ends_with_the_server() {
    let front = Front::with_algorithms().await;
    let run = front.submit().await;
    let mut frames = Frames::of(&front, &format!("/api/v1/runs/{run}/events"), None).await;
    assert_eq!(frames.next().await.unwrap().kind, "snapshot");
    frames.next().await.unwrap();
    let shutdown = front.shutdown.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        shutdown.cancel();
    });
    assert!(frames.next().await.is_none());
    assert!(frames.comments >= 2, "{} comments", frames.comments);
    // an open stream does not hold up the end
    let ended = tokio::time::timeout(Duration::from_secs(1), front.served).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_subscriber_that_takes_nothing_is_cut_and_one_too_many_is_told() {
    let url = testkit::postgres::database();
    let store = Store::connect(&DatabaseSettings::new(url)).await.unwrap();
    store.migrate().await.unwrap();
    let bounds = HttpSettings { streams: 1, stream_stall: Duration::from_millis(300), ..settings() };
    let front = Front::over(store, bounds).await;
    front.store.announce_algorithms(&[super::front::spin()]).await.unwrap();
    let leader = Leader::of(&front).await;
    let run = front.submit().await;
    leader.open(run, 0, 3);
    let path = format!("/api/v1/runs/{run}/events");
    let silent = Frames::of(&front, &path, None).await;
    let refused =
        front.request(Method::GET, &path).header("accept", "text/event-stream").send().await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 503, "overloaded").await;

    // more than all buffers on the way hold
    for _ in 0..400 {
        leader.writer.handle.submit(Fact::Event {
            run,
            kind: "note".to_owned(),
            body: json!({ "text": "x".repeat(60_000) }),
        });
    }
    let began = std::time::Instant::now();
    loop {
        // a kept connection may be closed the moment it is used again
        if let Ok(answer) = front.request(Method::GET, "/metrics").send().await
            && answer.text().await.unwrap().contains("netplanner_http_streams 0")
        {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it still waits for a client that takes nothing");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // there is room for another, which finds everything
    let mut other = Frames::of(&front, &path, Some(402)).await;
    assert_eq!(other.next().await.unwrap().kind, "snapshot");
    drop(silent);
}
