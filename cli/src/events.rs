//! Server-sent events as this program reads them: frames out of a stream of bytes.

use std::collections::VecDeque;

use serde_json::Value;

/// The largest frame that is taken; a stream that sends more is broken.
const FRAME_BYTES: usize = 4 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Number of a stored event; live frames have none.
    pub id: Option<i64>,
    /// Its kind.
    pub kind: String,
    /// Its content.
    pub data: Value,
}

/// Takes bytes as they come, gives back whole events.
#[derive(Debug, Default)]
pub struct Frames {
    line: Vec<u8>,
    id: Option<i64>,
    kind: String,
    data: String,
    ready: VecDeque<Event>,
}

impl Frames {
    /// Adds bytes of the stream. `false` once a frame is larger than any we would send.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.end_of_line(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            } else {
                self.line.push(byte);
            }
        }
        self.line.len() + self.data.len() <= FRAME_BYTES
    }

    /// The next whole event.
    pub fn pop(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn end_of_line(&mut self, line: &str) {
        if line.is_empty() {
            return self.end_of_frame();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = value.parse().ok(),
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            _ => {} // a comment, or a field of a later version
        }
    }

    fn end_of_frame(&mut self) {
        let (id, kind, data) =
            (self.id.take(), std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        if data.is_empty() && kind.is_empty() {
            return;
        }
        let data = serde_json::from_str(&data).unwrap_or(Value::String(data));
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        self.ready.push_back(Event { id, kind, data });
    }
}

/// The events of an answer, until it ends.
#[derive(Debug)]
pub struct EventStream {
    response: reqwest::Response,
    frames: Frames,
}

impl EventStream {
    /// Reads the events of `response`.
    pub fn new(response: reqwest::Response) -> Self {
        Self { response, frames: Frames::default() }
    }

    /// The next event; none when the server ended the stream or the connection broke.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.frames.pop() {
                return Some(event);
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            if !self.frames.push(&chunk) {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let stream = b": hello\n\nid: 4\nevent: stage_opened\ndata: {\"stage\":\ndata: 1}\n\nevent: progress\r\ndata: {}\r\n\r\n";
        for cut in 0..stream.len() {
            let mut frames = Frames::default();
            assert!(frames.push(&stream[..cut]) && frames.push(&stream[cut..]));
            let first = frames.pop().unwrap();
            assert_eq!(first, Event { id: Some(4), kind: "stage_opened".into(), data: json!({"stage": 1}) });
            let second = frames.pop().unwrap();
            assert_eq!((second.id, second.kind.as_str()), (None, "progress"), "an id belongs to one event");
            assert_eq!(frames.pop(), None);
        }
    }

    #[test]
    fn a_frame_without_end_is_given_up() {
        let mut frames = Frames::default();
        assert!(!frames.push(&vec![b'x'; FRAME_BYTES + 1]));
    }
}
