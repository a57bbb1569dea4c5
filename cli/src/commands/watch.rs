//! `run watch`: follows a run's events with a bar per stage, over lost connections, until the run ends.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use common::clock::{self, Timestamp};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{Context, runs};
use crate::client::{Client, ClientError};
use crate::error::CliError;
use crate::events::Event;
use crate::print;
use crate::views::{Run, Stage};

/// How long nobody may answer before we give up.
const GIVE_UP: Duration = Duration::from_mins(2);

/// Pause before a connection is made again.
const RECONNECT: Duration = Duration::from_millis(300);

/// The run is read again at most this often, however many events come.
const REFRESH: Duration = Duration::from_millis(200);

/// Follows a run, prints how it ended.
pub async fn run(context: &Context, id: &str) -> Result<(), CliError> {
    let run = follow(&context.client, id).await?;
    if context.json() {
        print::json(&context.client.get::<Value>(&format!("/api/v1/runs/{id}")).await?);
    } else {
        runs::show(&run);
    }
    ended(run).map(|_| ())
}

/// The run, if it ended well.
pub fn ended(run: Run) -> Result<Run, CliError> {
    match run.state.as_str() {
        "failed" => Err(CliError::RunFailed(Box::new(run))),
        "cancelled" => Err(CliError::RunCancelled(run.id)),
        _ => Ok(run),
    }
}

/// Shows the run's progress until it ends.
pub async fn follow(client: &Client, id: &str) -> Result<Run, CliError> {
    let mut bars = Bars::new();
    let mut seen = None;
    let mut silent_since: Option<Timestamp> = None;
    loop {
        match read_events(client, id, &mut seen, &mut bars).await {
            Ok(Some(run)) => {
                bars.finish(&run);
                return Ok(run);
            }
            Ok(None) => silent_since = None,
            Err(error) if error.is_temporary() => {
                let since = *silent_since.get_or_insert_with(clock::now);
                if clock::now().since(since) > GIVE_UP {
                    return Err(error.into());
                }
                bars.say(&format!("{error}; trying again"));
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// One connection's worth of events. `seen` is the last stored event, after which the next connection goes on.
async fn read_events(
    client: &Client,
    id: &str,
    seen: &mut Option<i64>,
    bars: &mut Bars,
) -> Result<Option<Run>, ClientError> {
    let mut events = client.events(id, *seen).await?;
    let mut read_at: Option<Timestamp> = None;
    loop {
        let event = tokio::time::timeout(REFRESH, events.next()).await;
        match &event {
            Ok(Some(event)) => {
                *seen = event.id.or(*seen);
                bars.live(event);
            }
            // the stream ended: the run did, or the server goes away
            Ok(None) => {
                let run = client.run(id).await?;
                bars.show(&run);
                return Ok(run.has_ended().then_some(run));
            }
            Err(_) => {}
        }
        let stored = matches!(&event, Ok(Some(event)) if event.id.is_some());
        let stale = read_at.is_none_or(|at| clock::now().since(at) >= REFRESH);
        if (stored && stale) || read_at.is_none_or(|at| clock::now().since(at) >= 5 * REFRESH) {
            let run = client.run(id).await?;
            bars.show(&run);
            read_at = Some(clock::now());
            if run.has_ended() {
                return Ok(Some(run));
            }
        }
    }
}

/// A bar per stage on a terminal; a line per change elsewhere.
struct Bars {
    all: MultiProgress,
    stages: BTreeMap<u32, ProgressBar>,
    terminal: bool,
    said: String,
}

impl Bars {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { all: MultiProgress::new(), stages: BTreeMap::new(), terminal, said: String::new() }
    }

    /// A line that is not repeated while it stays the same.
    fn say(&mut self, text: &str) {
        if self.said == text {
            return;
        }
        text.clone_into(&mut self.said);
        if self.terminal {
            let _ = self.all.println(text);
        } else {
            print::note(text);
        }
    }

    fn live(&mut self, event: &Event) {
        let number = |name: &str| event.data.get(name).and_then(Value::as_u64);
        if let (Some(stage), Some(done)) = (number("stage"), number("done"))
            && let Some(bar) = u32::try_from(stage).ok().and_then(|stage| self.stages.get(&stage))
        {
            bar.set_position(done);
        }
    }

    fn show(&mut self, run: &Run) {
        for stage in run.stages.iter().flatten() {
            self.stage(stage);
        }
        if let Some(reason) = &run.waiting_reason
            && !run.has_ended()
        {
            self.say(&format!("waiting: {reason}"));
        }
    }

    fn stage(&mut self, stage: &Stage) {
        let bar = self.stages.entry(stage.index).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(stage.shards));
            let style =
                ProgressStyle::with_template("{prefix:>14} {bar:40.cyan/blue} {pos:>7}/{len:<7} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(stage.name.clone());
            if !self.terminal {
                print::note(format_args!("stage {} {}: {} shards", stage.index, stage.name, stage.shards));
            }
            bar
        });
        bar.set_position(stage.done);
        if let Some(note) = &stage.note {
            bar.set_message(note_text(note));
        }
        if stage.done >= stage.shards && !bar.is_finished() {
            bar.abandon();
        }
    }

    fn finish(&mut self, run: &Run) {
        self.show(run);
        for bar in self.stages.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}

/// What an algorithm told people, on one line.
fn note_text(note: &Value) -> String {
    let Some(fields) = note.as_object() else { return note.to_string() };
    let words =
        fields.iter().filter(|(_, value)| !value.is_object() && !value.is_array() && !value.is_null());
    words
        .map(|(name, value)| {
            format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_note_is_one_line() {
        let note = json!({ "best": 48, "bound": 48.0, "how": "clique", "requests": ["a", "b"] });
        assert_eq!(note_text(&note), "best 48, bound 48.0, how clique");
    }

    #[test]
    fn the_end_of_a_run_is_told_by_an_error() {
        let run = |state: &str| -> Run {
            serde_json::from_value(json!({ "id": "1", "state": state, "algorithm": "spin", "version": 1 }))
                .unwrap()
        };
        assert!(ended(run("succeeded")).is_ok() && ended(run("planned")).is_ok());
        assert_eq!(ended(run("failed")).unwrap_err().exit_code(), 4);
        assert_eq!(ended(run("cancelled")).unwrap_err().exit_code(), 5);
    }
}
