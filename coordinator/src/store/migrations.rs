//! The schema: the files of `migrations/`, embedded, applied in order by one process at a time.

use super::connection::{self, Address};
use super::error::{Result, StoreError};

/// Key of the advisory lock under which migrations run (`netplmig` in ASCII).
const LOCK: i64 = 0x6e65_7470_6c6d_6967;

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// Applies what is missing.
pub(super) async fn apply(address: &Address) -> Result<()> {
    // no statement_timeout: a migration may take its time, and so may the process that holds the lock
    let address = connection::named(address, "netplanner migration", &[]);
    let mut client = connection::dedicated(&address).await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let report = embedded::migrations::runner().run_async(&mut client).await.map_err(|error| match error.kind() {
        refinery::error::Kind::DivergentVersion(migration, _) | refinery::error::Kind::MissingVersion(migration) => {
            StoreError::Settings(format!(
                "the database knows migration {migration} otherwise than this release: it was made by a newer or changed one"
            ))
        }
        _ => StoreError::Internal(error.to_string()),
    })?;
    for migration in report.applied_migrations() {
        tracing::info!(%migration, "applied");
    }
    // the lock goes with the connection
    Ok(())
}
