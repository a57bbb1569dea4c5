//! A leader that none of its workers can reach makes way for one that they may reach.
//!
//! A cut between the leader and its workers leaves the database content: the lock stays where it is and nothing moves.
//! So a leader whose workers all fell silent at the same time, while another coordinator stands by, gives up its place
//! and stands back until the other had its chance. Whoever leads next does the same only after it had workers of its
//! own, so that nothing goes back and forth when the workers themselves are gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::dispatch::event::DispatchSettings;
use crate::status::ClusterStatus;
use crate::store::Store;

/// How long a leader that made way does not ask for the leadership: four tries of a stand-by.
pub const STAND_BACK: Duration = Duration::from_secs(2);

/// Between questions whether there is a stand-by while everybody is silent.
const ASK: Duration = Duration::from_secs(2);

/// Beyond the time after which a worker that lost its connection is forgotten.
const MARGIN: Duration = Duration::from_millis(250);

/// Silence of every worker that is no longer chance. Longer than a worker without a connection is remembered: its end
/// is known, and says nothing of the network.
pub fn silence(settings: &DispatchSettings) -> Duration {
    settings.suspect.max(settings.heartbeat + settings.reconnect) + MARGIN
}

/// Whether there are workers and none was heard of for so long.
fn is_deserted(status: &ClusterStatus, silence: Duration) -> bool {
    let silence = silence.as_secs_f64();
    !status.workers.is_empty() && status.workers.iter().all(|worker| worker.heard_s_ago >= silence)
}

/// Waits until no worker reaches this leader and another coordinator stands by.
pub async fn deserted(store: &Store, mut status: watch::Receiver<Arc<ClusterStatus>>, silence: Duration) {
    loop {
        while !is_deserted(&status.borrow_and_update(), silence) {
            if status.changed().await.is_err() {
                // the process ends
                return std::future::pending().await;
            }
        }
        match store.stand_bys().await {
            Ok(0) => {}
            Ok(stand_bys) => {
                tracing::warn!(stand_bys, "no worker reaches this leader: another coordinator may lead");
                return;
            }
            Err(error) => tracing::debug!(%error, "cannot ask for stand-bys"),
        }
        tokio::time::sleep(ASK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::WorkerStatus;

    fn heard(s_ago: &[f64]) -> ClusterStatus {
        let worker =
            |heard_s_ago: &f64| WorkerStatus { heard_s_ago: *heard_s_ago, ..WorkerStatus::default() };
        ClusterStatus { workers: s_ago.iter().map(worker).collect(), ..ClusterStatus::default() }
    }

    #[test]
    fn only_the_silence_of_all_workers_counts() {
        let silence = silence(&DispatchSettings::default());
        assert_eq!(silence, Duration::from_millis(2_250));
        for (heard_s_ago, deserted) in
            [(&[][..], false), (&[2.2], false), (&[2.3], true), (&[60.0, 0.3], false), (&[60.0, 3.0], true)]
        {
            assert_eq!(is_deserted(&heard(heard_s_ago), silence), deserted, "{heard_s_ago:?}");
        }
    }
}
