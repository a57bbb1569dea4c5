//! Runs that are held or go on: pausing, resuming, and trying a failed run again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use common::ids::RunId;
use common::run::RunPhase;

use super::{OPEN, RUN, RunRow, read};
use crate::store::Store;
use crate::store::error::{Result, StoreError};
use crate::store::submit::check_quota;

/// How a failed run is tried again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Again {
    /// When its result is of no more use. Without one, the old deadline holds if it is still to come.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Open runs that its submitter may have with it; 0 for any number.
    pub most_open: u32,
}

impl Store {
    /// Holds an open run, or lets it go on; any replica may. Writes the event with it. A run that ended stays as it is:
    /// see its state.
    ///
    /// # Errors
    /// `NotFound` for an unknown run.
    pub async fn pause_run(&self, id: RunId, paused: bool) -> Result<RunRow> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let update = transaction
            .prepare_cached(
                "WITH changed AS (
                     UPDATE runs SET paused = $2, last_event = last_event + 1
                      WHERE id = $1 AND state IN ('queued', 'running') AND paused <> $2 RETURNING last_event),
                 event AS (
                     INSERT INTO run_events (run_id, seq, kind, body)
                     SELECT $1, last_event, CASE WHEN $2 THEN 'paused' ELSE 'resumed' END, '{}' FROM changed)
                 SELECT pg_notify('netplanner', $1::text), pg_notify('netplanner', 'cluster') FROM changed",
            )
            .await?;
        transaction.execute(&update, &[&id.0, &paused]).await?;
        let select = transaction.prepare_cached(&format!("{RUN} WHERE r.id = $1")).await?;
        let run = transaction.query_opt(&select, &[&id.0]).await?.as_ref().map(read);
        transaction.commit().await?;
        run.ok_or(StoreError::NotFound("run"))
    }

    /// The open runs that are held. The leader reads it every second.
    pub async fn paused_runs(&self) -> Result<BTreeSet<RunId>> {
        let client = self.client().await?;
        let text = format!("SELECT r.id FROM runs r WHERE r.paused AND {OPEN}");
        let select = client.prepare_cached(&text).await?;
        Ok(client.query(&select, &[]).await?.iter().map(|row| RunId(row.get(0))).collect())
    }

    /// Lets a failed run go on where it was: what is stored of it stays, attempts are counted anew. Writes the event with
    /// it. The answer is the run as it is then.
    ///
    /// # Errors
    /// `NotFound` for an unknown run; `Conflict` with code `run_not_ended` or `run_ended` for one that did not fail;
    /// `Quota` if its submitter has as many open runs as one may have.
    pub async fn try_again(&self, id: RunId, again: Again) -> Result<RunRow> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let update = transaction
            .prepare_cached(
                "WITH again AS (
                     UPDATE runs SET state = CASE WHEN started_at IS NULL THEN 'queued' ELSE 'running' END,
                            ended_at = NULL, error = NULL, paused = false, last_event = last_event + 1,
                            deadline_at = CASE WHEN $2::timestamptz IS NOT NULL THEN $2
                                               WHEN deadline_at > now() THEN deadline_at END
                      WHERE id = $1 AND state = 'failed' AND results_dropped_at IS NULL AND history_dropped_at IS NULL
                      RETURNING state, last_event),
                 reopened AS (
                     UPDATE stages SET closed_at = NULL
                      WHERE run_id = $1 AND stage = (SELECT max(stage) FROM stages WHERE run_id = $1)
                        AND EXISTS (SELECT FROM again)),
                 event AS (
                     INSERT INTO run_events (run_id, seq, kind, body)
                     SELECT $1, last_event, 'state', jsonb_build_object('state', state, 'again', true) FROM again)
                 SELECT pg_notify('netplanner', $1::text) FROM again",
            )
            .await?;
        let changed = transaction.query_opt(&update, &[&id.0, &again.deadline_at]).await?.is_some();
        let select = transaction.prepare_cached(&format!("{RUN} WHERE r.id = $1")).await?;
        let run = transaction.query_opt(&select, &[&id.0]).await?.as_ref().map(read);
        let run = run.ok_or(StoreError::NotFound("run"))?;
        if !changed {
            let state = run.state.as_str();
            return Err(match run.state {
                RunPhase::Queued | RunPhase::Running => StoreError::Conflict {
                    code: "run_not_ended",
                    detail: format!("the run is {state}: only one that failed can be tried again"),
                },
                _ => StoreError::Conflict {
                    code: "run_ended",
                    detail: format!(
                        "the run is {state}: only one that failed can be tried again; resubmit it"
                    ),
                },
            });
        }
        check_quota(&transaction, &run.submitter, again.most_open).await?;
        transaction.commit().await?;
        Ok(run)
    }
}
