//! Pages of a listing: keyset cursors that are opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{Result, StoreError};

/// Most items of a page, whatever a client asks for.
pub const MAX_PAGE: u32 = 1_000;

/// Which part of a listing is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most this many items; clamped to 1 ..= [`MAX_PAGE`].
    pub limit: u32,
    /// Where the page before ended, from [`Paged::next_cursor`]; none for the first page.
    pub cursor: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 50, cursor: None }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paged<T> {
    /// The items; a page may be shorter than asked for although another follows.
    pub items: Vec<T>,
    /// Ask with this for what follows; none on the last page.
    pub next_cursor: Option<String>,
}

impl Page {
    /// How many rows to read: one more than the page holds, to see whether another page follows.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.limit.clamp(1, MAX_PAGE)) + 1
    }

    /// The key after which the page begins.
    pub(super) fn after<K: DeserializeOwned>(&self) -> Result<Option<K>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let refused = || StoreError::Refused {
            code: "bad_cursor",
            detail: "the cursor is not one of this listing".to_owned(),
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| refused())
    }
}

impl<T> Paged<T> {
    /// Cuts `items`, read with [`Page::rows`] as limit, to the page and makes the cursor from the last item's key.
    pub(super) fn cut<K: Serialize>(page: &Page, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Self {
        let limit = page.limit.clamp(1, MAX_PAGE) as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| cursor(&key(last)));
        Self { items, next_cursor }
    }
}

/// Writes `key` as a cursor.
pub(super) fn cursor<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).expect("keys are plain data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_key_it_was_made_from() {
        let page = Page { limit: 2, cursor: None };
        let first = Paged::cut(&page, vec![10, 20, 30], |n| *n);
        assert_eq!(first.items, [10, 20]);
        let second = Page { limit: 2, cursor: first.next_cursor };
        assert_eq!(second.after::<i32>(), Ok(Some(20)));
        assert_eq!(Paged::cut(&second, vec![30], |n| *n).next_cursor, None);
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for cursor in ["%%%", "bm9wZQ", ""] {
            let page = Page { limit: 1, cursor: Some(cursor.to_owned()) };
            assert!(
                matches!(page.after::<i32>(), Err(StoreError::Refused { code: "bad_cursor", .. })),
                "{cursor:?}"
            );
        }
    }
}
