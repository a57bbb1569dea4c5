//! Which of several media types a client wants (RFC 9110, 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

use super::error::{ApiError, Code};

/// The index of the offered media type that `Accept` likes best; the first of the offers at a tie or without a wish.
pub fn choose(request: &HeaderMap, offers: &[&str]) -> Result<usize, ApiError> {
    let Some(accept) = request.get(ACCEPT) else { return Ok(0) };
    let accept = accept.to_str().unwrap_or("*/*");
    let mut best: Option<(usize, f32)> = None;
    for (index, offer) in offers.iter().enumerate() {
        let weight = weight(accept, offer);
        if weight > 0.0 && best.is_none_or(|(_, than)| weight > than) {
            best = Some((index, weight));
        }
    }
    best.map(|(index, _)| index).ok_or_else(|| {
        ApiError::new(
            Code::NotAcceptable,
            format!("{accept:?} is not available here; there is {}", offers.join(", ")),
        )
    })
}

/// The weight of `offer`, by the most specific range that covers it.
fn weight(accept: &str, offer: &str) -> f32 {
    let essence = offer.split(';').next().unwrap_or(offer);
    let family = essence.split('/').next().unwrap_or(essence);
    let mut found = (0, 0.0);
    for item in accept.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let specificity = if range.eq_ignore_ascii_case(essence) {
            3
        } else if range.strip_suffix("/*").is_some_and(|own| own.eq_ignore_ascii_case(family)) {
            2
        } else if range == "*/*" {
            1
        } else {
            continue;
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if specificity > found.0 {
            found = (specificity, weight);
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OFFERS: [&str; 3] = ["application/json", "text/csv", "text/html; charset=utf-8"];

    fn chosen(accept: &str) -> Option<usize> {
        let request = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        choose(&request, &OFFERS).ok()
    }

    #[test]
    fn the_most_specific_range_decides() {
        assert_eq!(choose(&HeaderMap::new(), &OFFERS).ok(), Some(0));
        assert_eq!(chosen("*/*"), Some(0));
        assert_eq!(chosen("text/csv"), Some(1));
        assert_eq!(chosen("text/*;q=0.5, text/html"), Some(2));
        assert_eq!(chosen("application/json;q=0.1, text/csv;q=0.2"), Some(1));
        assert_eq!(chosen("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Some(2));
        assert_eq!(chosen("image/png"), None);
        assert_eq!(chosen("application/json;q=0"), None);
    }
}
