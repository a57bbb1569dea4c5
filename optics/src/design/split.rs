//! Long fibres become spans.

use super::DesignError;
use crate::equipment::SpanRules;
use crate::line::{Element, ElementIndex, ElementKind, Fibre, LineNetwork, Location, Section, Spectrum};

/// How long spans should be, in m.
#[derive(Clone, Copy, Debug, PartialEq)]
struct SpanLengths {
    least: f64,
    most: f64,
    target: f64,
}

impl SpanLengths {
    /// Spans lose at least the padding (0.2 dB/km assumed) and are 50 km or longer; 90 km is best.
    fn of(rules: &SpanRules) -> Self {
        let most = rules.max_length_m.trunc();
        let least = (rules.padding_db / 0.2 * 1e3).trunc().max(50e3);
        Self { least, most, target: least.max(most.min(90e3)) }
    }

    /// Into how many equal spans a fibre is split: whichever of the two counts around the target length is allowed,
    /// and the closer one if both or none are.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few thousand at most, never negative
    fn count(self, length_m: f64) -> usize {
        if length_m < self.most {
            return 1;
        }
        let fewer = (length_m / self.target).floor();
        let more = fewer + 1.0;
        if fewer < 1.0 {
            return 1; // shorter than the least span, though longer than the longest allowed
        }
        let (short, long) = (length_m / more, length_m / fewer);
        let allowed = |length: f64| (self.least..=self.most).contains(&length);
        let take_long = match (allowed(short), allowed(long)) {
            (true, false) => false,
            (false, true) => true,
            _ => long - self.target <= self.target - short && long <= self.most,
        };
        if take_long { fewer as usize } else { more as usize }
    }
}

/// Splits the long fibres of a section into equal spans `<uid>_(k/n)`.
pub(super) fn split_long_fibres(
    line: &mut LineNetwork,
    section: &mut Section,
    rules: &SpanRules,
) -> Result<(), DesignError> {
    let lengths = SpanLengths::of(rules);
    let mut elements = Vec::with_capacity(section.elements.len());
    for position in 0..section.elements.len() {
        let index = section.elements[position];
        let count = match &line.element(index).kind {
            ElementKind::Fibre(fibre) => {
                check(&line.element(index).uid, fibre)?;
                lengths.count(fibre.length_m)
            }
            _ => 1,
        };
        elements.push(index);
        if count > 1 {
            let (before, behind) = section.around(position);
            elements.extend(split(line, index, count, before, behind)?);
        }
    }
    section.elements = elements;
    Ok(())
}

/// A length no design could do anything with.
fn check(uid: &str, fibre: &Fibre) -> Result<(), DesignError> {
    let value = fibre.length_m;
    if value.is_finite() && (0.0..=1e9).contains(&value) {
        return Ok(());
    }
    let expected = "a length in m";
    Err(DesignError::Value { uid: uid.to_owned(), field: "length", value, expected })
}

/// Makes the first span of the fibre itself, and puts the others behind it.
fn split(
    line: &mut LineNetwork,
    index: ElementIndex,
    count: usize,
    before: ElementIndex,
    behind: ElementIndex,
) -> Result<Vec<ElementIndex>, DesignError> {
    let ends = line.element(before).location.clone().zip(line.element(behind).location.clone());
    let Element { uid, kind, location } = line.element(index).clone();
    let mut spans = spans_of(&uid, kind, location.as_ref(), count, ends.as_ref());
    let rest = spans.split_off(1);
    if let Some(first) = spans.pop() {
        line.rename(index, first.uid)?;
        *line.kind_mut(index) = first.kind;
        *line.location_mut(index) = first.location;
    }
    let mut last = index;
    let mut added = Vec::with_capacity(rest.len());
    for span in rest {
        last = line.insert_between(last, span, behind)?;
        added.push(last);
    }
    Ok(added)
}

#[allow(clippy::cast_precision_loss)] // a few thousand spans at most
fn spans_of(
    uid: &str,
    kind: ElementKind,
    location: Option<&Location>,
    count: usize,
    ends: Option<&(Location, Location)>,
) -> Vec<Element> {
    let ElementKind::Fibre(fibre) = kind else { return Vec::new() };
    let length_m = fibre.length_m / count as f64;
    // every span gets the connectors and splices of the fibre; splices beyond its end stay where they are
    let beyond = fibre.lumped_losses.iter().any(|&(position, _)| position > length_m);
    (0..count)
        .map(|k| {
            let mut span = fibre.clone();
            span.length_m = length_m;
            span.raman = None;
            if let Spectrum::Flat(loss) = &mut span.loss_db_per_km {
                // per metre and back, as GNPy does: a loss just between two steps is rounded by its last bit
                *loss = *loss * 1e-3 * 1e3;
            }
            if beyond {
                let (start, end) = (k as f64 * length_m, (k + 1) as f64 * length_m);
                let own =
                    |&(position, _): &(f64, f64)| position >= start && (position < end || k + 1 == count);
                let moved = |&(position, loss): &(f64, f64)| (position - start, loss);
                span.lumped_losses = fibre.lumped_losses.iter().filter(|at| own(at)).map(moved).collect();
            }
            Element {
                uid: format!("{uid}_({}/{count})", k + 1),
                kind: ElementKind::Fibre(span),
                location: location_of(k, count, location, ends),
            }
        })
        .collect()
}

/// The middle of span `k` on the straight line between the ends.
#[allow(clippy::cast_precision_loss)] // a few thousand spans at most
fn location_of(
    k: usize,
    count: usize,
    own: Option<&Location>,
    ends: Option<&(Location, Location)>,
) -> Option<Location> {
    let Some((before, behind)) = ends else { return own.cloned() };
    let along = (k as f64 + 0.5) / count as f64;
    let (city, region) = own.map(|own| (own.city.clone(), own.region.clone())).unwrap_or_default();
    Some(Location {
        city,
        region,
        latitude: before.latitude + (behind.latitude - before.latitude) * along,
        longitude: before.longitude + (behind.longitude - before.longitude) * along,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::fixture::{Line, fibre, roadm};

    fn rules(max_length_km: f64) -> SpanRules {
        SpanRules { max_length_m: max_length_km * 1e3, ..SpanRules::default() }
    }

    #[test]
    fn fibres_are_split_as_close_to_90_km_as_allowed() {
        let cases = [
            (150.0, 149.0, 1),
            (150.0, 150.0, 2),
            (150.0, 200.0, 2),
            (150.0, 230.0, 3),
            (150.0, 1000.0, 11),
            (80.0, 100.0, 2),
            (80.0, 250.0, 4),
            (40.0, 45.0, 1),
            (40.0, 60.0, 2),
        ];
        for (most, length, expected) in cases {
            let found = SpanLengths::of(&rules(most)).count(length * 1e3);
            assert_eq!(found, expected, "{length} km in spans of at most {most} km");
        }
    }

    #[test]
    fn a_split_fibre_stays_where_it_was() {
        let mut line =
            Line::new().with(vec![roadm("a"), fibre("f", 200.0), roadm("b")]).joined("a f b").done();
        for (index, latitude) in [(0, 10.0), (2, 30.0)] {
            *line.location_mut(index) = Some(Location { latitude, ..Location::default() });
        }
        let mut section = line.sections().unwrap().remove(0);
        split_long_fibres(&mut line, &mut section, &rules(150.0)).unwrap();
        assert_eq!(line.sections().unwrap()[0], section);
        let spans: Vec<(&str, f64)> = section
            .elements
            .iter()
            .map(|&index| line.element(index))
            .map(|span| (&*span.uid, span.location.as_ref().unwrap().latitude))
            .collect();
        assert_eq!(spans, [("f_(1/2)", 15.0), ("f_(2/2)", 25.0)]);
        assert_eq!(line.index_of("f"), None);
    }

    #[test]
    fn splices_are_copied_to_every_span_or_stay_where_they_are() {
        let splices = |at: &[f64]| {
            let mut line =
                Line::new().with(vec![roadm("a"), fibre("f", 200.0), roadm("b")]).joined("a f b").done();
            if let ElementKind::Fibre(fibre) = line.kind_mut(1) {
                fibre.lumped_losses = at.iter().map(|&km| (km * 1e3, 0.5)).collect();
            }
            let mut section = line.sections().unwrap().remove(0);
            split_long_fibres(&mut line, &mut section, &rules(150.0)).unwrap();
            let positions = |&index: &usize| match &line.element(index).kind {
                ElementKind::Fibre(fibre) => fibre.lumped_losses.iter().map(|at| at.0 / 1e3).collect(),
                _ => Vec::new(),
            };
            section.elements.iter().map(positions).collect::<Vec<Vec<f64>>>()
        };
        assert_eq!(splices(&[10.0]), [[10.0], [10.0]]);
        assert_eq!(splices(&[10.0, 150.0]), [[10.0], [50.0]]);
    }

    #[test]
    fn a_length_that_is_none_is_refused() {
        for length_km in [-1.0, f64::NAN, f64::INFINITY] {
            let mut line =
                Line::new().with(vec![roadm("a"), fibre("f", length_km), roadm("b")]).joined("a f b").done();
            let mut section = line.sections().unwrap().remove(0);
            let refused = split_long_fibres(&mut line, &mut section, &rules(150.0)).unwrap_err().to_string();
            assert!(refused.contains("\"f\": length"), "{refused}");
        }
    }
}
