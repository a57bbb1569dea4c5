//! What is built of files, and built anew when they change.
//!
//! ```text
//! look every 2 s ─ other bytes ─▶ look again ─ the same bytes ─▶ build ─┬─ good ──▶ new connections take it
//!                                                                       └─ broken ─▶ the old stays; told once
//! ```
//!
//! Waiting for the second look lets whoever replaces several files finish. Connections that exist keep what they have.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tracing::{error, info, warn};

use super::lifetime::Age;
use super::{Lifetime, TlsError};
use crate::clock;

/// Between two looks at the files: three small files are read from memory.
const LOOK: Duration = Duration::from_secs(2);

/// What was built.
#[derive(Debug)]
pub struct Built<T> {
    /// For use.
    pub value: T,
    /// The file of the own certificate, and how long it lives.
    pub certificate: Option<(PathBuf, Lifetime)>,
}

type Build<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<Built<T>, TlsError> + Send + Sync>;

/// The newest that could be built of some files.
pub struct Reloading<T> {
    files: Vec<PathBuf>,
    build: Build<T>,
    current: RwLock<Arc<T>>,
}

impl<T> std::fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloading").field("files", &self.files).finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Builds once, and goes on looking on the runtime it is called in for as long as somebody holds the value.
    ///
    /// # Errors
    /// Where nothing can be built. A certificate that is not valid now is no hindrance: it is named in the log.
    pub fn start(
        files: Vec<PathBuf>,
        build: impl Fn(&[Vec<u8>]) -> Result<Built<T>, TlsError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, TlsError> {
        let seen = read(&files);
        let digest = digest(&seen);
        let Built { value, certificate } = build(&seen?)?;
        let mut watch = Watch::new(digest, certificate);
        say(&watch.age(clock::wall()));
        let current = RwLock::new(Arc::new(value));
        let reloading = Arc::new(Self { files, build: Box::new(build), current });
        tokio::spawn(look_after(Arc::downgrade(&reloading), watch));
        Ok(reloading)
    }

    /// The newest.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self, watch: &mut Watch, now: DateTime<Utc>) -> Vec<News> {
        let seen = read(&self.files);
        let mut news = Vec::new();
        if watch.is_due(digest(&seen)) {
            let built = seen.and_then(|contents| (self.build)(&contents));
            match built.and_then(|built| valid(built, now)) {
                Ok(Built { value, certificate }) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                    watch.taken(certificate);
                    news.push(News::Taken);
                }
                Err(error) => news.extend(watch.refused(error)),
            }
        }
        news.extend(watch.age(now));
        news
    }
}

async fn look_after<T: Send + Sync + 'static>(reloading: Weak<Reloading<T>>, mut watch: Watch) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(reloading) = reloading.upgrade() else { return };
        // Files may lie on a network that hangs.
        let looked = tokio::task::spawn_blocking(move || {
            let news = reloading.look(&mut watch, clock::wall());
            (watch, news)
        });
        let Ok((back, news)) = looked.await else { return };
        watch = back;
        say(&news);
    }
}

/// A certificate that is not valid now does not take the place of one that may be.
fn valid<T>(built: Built<T>, now: DateTime<Utc>) -> Result<Built<T>, TlsError> {
    match &built.certificate {
        Some((file, lifetime)) if matches!(lifetime.age(now), Age::Unborn | Age::Over) => {
            Err(TlsError::NotNow { file: file.clone(), lifetime: *lifetime })
        }
        _ => Ok(built),
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, TlsError> {
    let read = |file: &PathBuf| {
        std::fs::read(file)
            .map_err(|error| TlsError::Unreadable { file: file.clone(), reason: error.to_string() })
    };
    files.iter().map(read).collect()
}

/// Tells contents apart without keeping keys in memory.
fn digest(seen: &Result<Vec<Vec<u8>>, TlsError>) -> [u8; 32] {
    let mut digest = Sha256::new();
    match seen {
        Ok(contents) => contents.iter().for_each(|contents| digest.update(Sha256::digest(contents))),
        Err(error) => digest.update(error.to_string()),
    }
    digest.finalize().into()
}

/// What is worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
enum News {
    Taken,
    Refused(TlsError),
    Late(PathBuf, Lifetime),
    NotNow(PathBuf, Lifetime),
}

fn say(news: &[News]) {
    for news in news {
        match news {
            News::Taken => info!("new certificates are taken for new connections"),
            News::Refused(error) => {
                error!(%error, "new certificate files cannot be used; the ones before them stay in use");
            }
            News::Late(file, lifetime) => {
                warn!(file = %file.display(), "a certificate ends soon, {lifetime}: renew it, it is taken without a restart");
            }
            News::NotNow(file, lifetime) => {
                error!(
                    file = %file.display(),
                    "a certificate is not valid now, {lifetime}: others refuse it; renew it, or set the clock"
                );
            }
        }
    }
}

/// Remembers what was seen and said.
#[derive(Debug)]
struct Watch {
    /// Of what is in use.
    taken: [u8; 32],
    /// What the last look saw.
    last: [u8; 32],
    /// The refusal that was told last.
    told: Option<TlsError>,
    certificate: Option<(PathBuf, Lifetime)>,
    told_age: Age,
}

impl Watch {
    const fn new(taken: [u8; 32], certificate: Option<(PathBuf, Lifetime)>) -> Self {
        Self { taken, last: taken, told: None, certificate, told_age: Age::Good }
    }

    /// Whether what is seen now shall be tried: it is not in use, and nobody seems to be at it any more. What was
    /// refused is tried at every look, as time alone may cure it.
    fn is_due(&mut self, seen: [u8; 32]) -> bool {
        let settled = seen == self.last;
        self.last = seen;
        if seen == self.taken {
            self.told = None;
        }
        settled && seen != self.taken
    }

    fn taken(&mut self, certificate: Option<(PathBuf, Lifetime)>) {
        *self = Self::new(self.last, certificate);
    }

    fn refused(&mut self, error: TlsError) -> Option<News> {
        let known = self.told.as_ref() == Some(&error);
        self.told = Some(error.clone());
        (!known).then_some(News::Refused(error))
    }

    /// What is to be told of the age of the certificate in use, each once.
    fn age(&mut self, now: DateTime<Utc>) -> Vec<News> {
        let Some((file, lifetime)) = &self.certificate else { return Vec::new() };
        let age = lifetime.age(now);
        if std::mem::replace(&mut self.told_age, age) == age {
            return Vec::new();
        }
        match age {
            Age::Good => Vec::new(),
            Age::Late => vec![News::Late(file.clone(), *lifetime)],
            Age::Unborn | Age::Over => vec![News::NotNow(file.clone(), *lifetime)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 32] = [1; 32];
    const HALF: [u8; 32] = [2; 32];
    const NEW: [u8; 32] = [3; 32];

    #[test]
    fn a_change_is_tried_when_it_has_settled() {
        let mut watch = Watch::new(OLD, None);
        assert!(!watch.is_due(OLD) && !watch.is_due(HALF) && !watch.is_due(NEW));
        assert!(watch.is_due(NEW));
        watch.taken(None);
        assert!(!watch.is_due(NEW), "it is in use");
    }

    #[test]
    fn a_refusal_is_told_once_and_tried_again() {
        let mut watch = Watch::new(OLD, None);
        let broken = TlsError::NoKey("key".into());
        watch.is_due(HALF);
        assert!(watch.is_due(HALF));
        assert_eq!(watch.refused(broken.clone()), Some(News::Refused(broken.clone())));
        assert!(watch.is_due(HALF));
        assert_eq!(watch.refused(broken.clone()), None);
        // back to what was, and broken again in the same way: that is news
        assert!(!watch.is_due(OLD) && !watch.is_due(HALF) && watch.is_due(HALF));
        assert!(watch.refused(broken).is_some());
    }

    #[test]
    fn the_end_of_a_certificate_is_told_before_and_when_it_comes() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let lifetime = Lifetime { begins: at("2026-01-01T00:00:00Z"), ends: at("2026-01-11T00:00:00Z") };
        let mut watch = Watch::new(OLD, Some(("cert".into(), lifetime)));
        assert_eq!(watch.age(at("2026-01-02T00:00:00Z")), []);
        assert_eq!(watch.age(at("2026-01-10T12:00:00Z")), [News::Late("cert".into(), lifetime)]);
        assert_eq!(watch.age(at("2026-01-10T13:00:00Z")), []);
        assert_eq!(watch.age(at("2026-01-11T12:00:00Z")), [News::NotNow("cert".into(), lifetime)]);
    }
}
