//! The secret that both ends of the cluster link must know, and where it may come from.
//!
//! A file or the environment, never the command line: arguments of a process can be read by everyone on its machine.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The cookie of processes that nobody gave one. It protects nothing and is good for loopback only.
const DEFAULT: &str = "netplanner";

/// The secret. It never shows in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie(String);

/// Why there is no cookie.
#[derive(Debug, thiserror::Error)]
pub enum CookieError {
    /// The file cannot be read, or is no text.
    #[error("the cookie cannot be read from {}: {source}", file.display())]
    Unreadable {
        /// The file of `--cookie-file`.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing is in it.
    #[error("the cookie in {0} is empty: `openssl rand -hex 32` makes a good one")]
    Empty(String),
    /// No text.
    #[error("the cookie in NETPLANNER_COOKIE is no UTF-8 text")]
    NoText,
}

impl Cookie {
    /// The cookie of `file` if there is one, else the one of the environment, else the default. The end of the file's
    /// last line does not belong to it.
    ///
    /// # Errors
    /// Where one is meant to be and none is found.
    pub fn find(file: Option<&Path>, environment: Option<OsString>) -> Result<Self, CookieError> {
        let (text, origin) = match (file, environment) {
            (Some(file), _) => {
                let unreadable = |source| CookieError::Unreadable { file: file.to_owned(), source };
                (std::fs::read_to_string(file).map_err(unreadable)?, file.display().to_string())
            }
            (None, Some(text)) => {
                (text.into_string().map_err(|_| CookieError::NoText)?, "NETPLANNER_COOKIE".to_owned())
            }
            (None, None) => return Ok(Self::default()),
        };
        match text.trim_end_matches(['\n', '\r']) {
            "" => Err(CookieError::Empty(origin)),
            cookie => Ok(Self(cookie.to_owned())),
        }
    }

    /// Whether everyone knows it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }

    /// The secret itself, for whoever checks it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Default for Cookie {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl From<&str> for Cookie {
    fn from(cookie: &str) -> Self {
        Self(cookie.to_owned())
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_goes_before_the_environment_and_both_before_the_default() {
        let file = std::env::temp_dir().join(format!("netplanner-cookie-{}", uuid::Uuid::new_v4()));
        std::fs::write(&file, "of the file\r\n").unwrap();
        let from = |file: Option<&Path>, environment: Option<&str>| {
            Cookie::find(file, environment.map(OsString::from)).unwrap()
        };
        assert_eq!(from(Some(&file), Some("other")).reveal(), "of the file");
        assert_eq!(from(None, Some("other")).reveal(), "other");
        assert!(from(None, None).is_default() && !from(None, Some("other")).is_default());
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(Cookie::find(Some(&file), None), Err(CookieError::Unreadable { .. })));
    }

    #[test]
    fn an_empty_cookie_is_refused_and_none_is_shown() {
        assert!(matches!(Cookie::find(None, Some("\n".into())), Err(CookieError::Empty(_))));
        assert!(!format!("{:?}", Cookie::from("secret")).contains("secret"));
    }
}
