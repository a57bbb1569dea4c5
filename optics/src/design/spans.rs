//! What spans lose: connectors, the reserve for ageing, padding, and the loss amplifiers make up for.
//!
//! A span is a run of fibres joined through splices; two fibres that touch are two spans.

use super::DesignError;
use crate::equipment::SpanRules;
use crate::line::{ElementIndex, ElementKind, LineNetwork, Section};

/// Completes the connectors of a section's fibres, adds the reserve for ageing, and pads spans that lose too little.
///
/// To be done once: the reserve and the padding are added to what is there.
pub(super) fn complete_losses(
    line: &mut LineNetwork,
    section: &Section,
    rules: &SpanRules,
) -> Result<(), DesignError> {
    for (position, &index) in section.elements.iter().enumerate() {
        let (_, behind) = section.around(position);
        let spliced = matches!(line.element(behind).kind, ElementKind::Fused(_));
        check_losses(line, index)?;
        if let ElementKind::Fibre(fibre) = line.kind_mut(index) {
            fibre.connector_in_db.get_or_insert(rules.connector_in_db);
            let end = fibre.connector_out_db.get_or_insert(rules.connector_out_db);
            if !spliced {
                *end += rules.end_of_life_db;
            }
        }
    }
    for position in 0..section.elements.len() {
        if ends_span(line, section, position) {
            pad(line, section, position, rules)?;
        }
    }
    Ok(())
}

/// Whether a span ends with the fibre at `position`; a span with pumps is left alone.
fn ends_span(line: &LineNetwork, section: &Section, position: usize) -> bool {
    let is_fibre = |index: ElementIndex| matches!(line.element(index).kind, ElementKind::Fibre(_));
    let (_, behind) = section.around(position);
    is_fibre(section.elements[position])
        && !matches!(line.element(behind).kind, ElementKind::Fused(_))
        && !run(line, section, position).any(|at| is_pumped(line, section.elements[at]))
}

fn is_pumped(line: &LineNetwork, index: ElementIndex) -> bool {
    matches!(&line.element(index).kind, ElementKind::Fibre(fibre) if fibre.raman.is_some())
}

fn pad(
    line: &mut LineNetwork,
    section: &Section,
    position: usize,
    rules: &SpanRules,
) -> Result<(), DesignError> {
    let loss = span_loss_db(line, section, position)?;
    let mut designed = loss;
    if loss < rules.padding_db {
        let first = run(line, section, position).start;
        if let ElementKind::Fibre(fibre) = line.kind_mut(section.elements[first]) {
            fibre.att_in_db += rules.padding_db - loss;
            // an attenuator that was there before is counted twice, as by GNPy: the span's gain is planned for both
            designed += fibre.att_in_db;
        }
    }
    if let ElementKind::Fibre(fibre) = line.kind_mut(section.elements[position]) {
        fibre.design_span_loss_db = Some(designed);
    }
    Ok(())
}

/// Positions of the span that the passive element at `position` is part of.
pub(super) fn run(line: &LineNetwork, section: &Section, position: usize) -> std::ops::Range<usize> {
    let kind = |at: usize| &line.element(section.elements[at]).kind;
    let joined = |at: usize| {
        matches!(
            (kind(at), kind(at + 1)),
            (ElementKind::Fused(_), ElementKind::Fused(_) | ElementKind::Fibre(_))
                | (ElementKind::Fibre(_), ElementKind::Fused(_))
        )
    };
    let (mut start, mut end) = (position, position);
    while start > 0 && joined(start - 1) {
        start -= 1;
    }
    while end + 1 < section.elements.len() && joined(end) {
        end += 1;
    }
    start..end + 1
}

/// What the span loses that the element at `position` is part of, in dB; 0 where that is no fibre and no splice.
///
/// Once designed it is what the span was designed for; a span that ends in a splice has no such figure.
pub(super) fn span_loss_db(
    line: &LineNetwork,
    section: &Section,
    position: usize,
) -> Result<f64, DesignError> {
    match &line.element(section.elements[position]).kind {
        ElementKind::Fibre(fibre) if fibre.design_span_loss_db.is_some() => {
            return Ok(fibre.design_span_loss_db.unwrap_or_default());
        }
        ElementKind::Fibre(_) | ElementKind::Fused(_) => {}
        _ => return Ok(0.0),
    }
    let span = run(line, section, position);
    let sum = |positions: &mut dyn Iterator<Item = usize>| -> Result<f64, DesignError> {
        let mut total = 0.0;
        for at in positions {
            total += line.passive_loss_db(section.elements[at])?;
        }
        Ok(total)
    };
    // outwards from the element asked for: where the sum is just between two steps, its last bit counts
    let own = line.passive_loss_db(section.elements[position])?;
    Ok(own + sum(&mut (span.start..position).rev())? + sum(&mut (position + 1..span.end))?)
}

/// Losses that are numbers: a negative one would amplify.
fn check_losses(line: &LineNetwork, index: ElementIndex) -> Result<(), DesignError> {
    let element = line.element(index);
    let check = |field: &'static str, value: f64| {
        if value.is_finite() && value >= 0.0 {
            return Ok(());
        }
        Err(DesignError::Value { uid: element.uid.clone(), field, value, expected: "a loss in dB" })
    };
    match &element.kind {
        ElementKind::Fused(fused) => check("loss", fused.loss_db),
        ElementKind::Fibre(fibre) => {
            check("att_in", fibre.att_in_db)?;
            check("con_in", fibre.connector_in_db.unwrap_or(0.0))?;
            check("con_out", fibre.connector_out_db.unwrap_or(0.0))?;
            check("loss_coef", fibre.loss_db_per_km.largest())?;
            fibre.lumped_losses.iter().try_for_each(|&(_, loss)| check("lumped_losses", loss))?;
            let expected = "a length in m";
            let value = fibre.length_m;
            if value.is_finite() && value >= 0.0 {
                return Ok(());
            }
            Err(DesignError::Value { uid: element.uid.clone(), field: "length", value, expected })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::fixture::{Line, fibre, fused, roadm};
    use crate::line::{Element, Spectrum};

    fn line(parts: Vec<Element>, chain: &str) -> (LineNetwork, Section) {
        let line = Line::new().with(parts).joined(chain).done();
        let section = line.sections().unwrap().remove(0);
        (line, section)
    }

    fn losses(line: &LineNetwork, section: &Section) -> Vec<f64> {
        let loss = |position| span_loss_db(line, section, position).unwrap();
        (0..section.elements.len()).map(loss).map(|loss| (loss * 1e9).round() / 1e9).collect()
    }

    #[test]
    fn a_span_is_a_run_of_fibres_joined_through_splices() {
        let parts = vec![
            roadm("a"),
            fibre("f", 50.0),
            fused("x", 1.0),
            fibre("g", 40.0),
            fibre("h", 80.0),
            fused("y", 0.5),
            roadm("b"),
        ];
        let (mut line, section) = line(parts, "a f x g h y b");
        complete_losses(&mut line, &section, &SpanRules::default()).unwrap();
        assert_eq!(losses(&line, &section), [19.0, 19.0, 19.0, 16.5, 16.5]);
    }

    #[test]
    fn the_reserve_comes_once_and_the_padding_at_the_start_of_the_span() {
        let parts = vec![roadm("a"), fibre("f", 5.0), fused("x", 1.0), fibre("g", 10.0), roadm("b")];
        let (mut line, section) = line(parts, "a f x g b");
        let rules = SpanRules {
            connector_in_db: 0.25,
            connector_out_db: 0.5,
            end_of_life_db: 1.0,
            padding_db: 10.0,
            ..SpanRules::default()
        };
        complete_losses(&mut line, &section, &rules).unwrap();
        let ends = |index| match &line.element(index).kind {
            ElementKind::Fibre(fibre) => {
                (fibre.connector_in_db, fibre.connector_out_db, fibre.att_in_db, fibre.design_span_loss_db)
            }
            _ => (None, None, 0.0, None),
        };
        // 1 + 0.75 and 1 and 2 + 0.75 + 1 make 6.5
        assert_eq!(ends(1), (Some(0.25), Some(0.5), 3.5, None));
        assert_eq!(ends(3), (Some(0.25), Some(1.5), 0.0, Some(10.0)));
    }

    #[test]
    fn a_span_behind_a_splice_cannot_be_padded() {
        let (mut line, section) =
            line(vec![roadm("a"), fused("x", 1.0), fibre("f", 10.0), roadm("b")], "a x f b");
        complete_losses(&mut line, &section, &SpanRules::default()).unwrap();
        assert_eq!(losses(&line, &section), [3.0, 3.0]);
    }

    #[test]
    fn losses_that_are_none_are_refused() {
        type Spoil = fn(&mut crate::line::Fibre);
        let cases: [(&str, Spoil); 5] = [
            ("length", |fibre| fibre.length_m = -1.0),
            ("att_in", |fibre| fibre.att_in_db = f64::NAN),
            ("con_in", |fibre| fibre.connector_in_db = Some(-0.5)),
            ("loss_coef", |fibre| fibre.loss_db_per_km = Spectrum::Flat(-0.2)),
            ("lumped_losses", |fibre| fibre.lumped_losses = vec![(1e3, f64::INFINITY)]),
        ];
        for (field, spoil) in cases {
            let (mut line, section) = line(vec![roadm("a"), fibre("f", 10.0), roadm("b")], "a f b");
            if let ElementKind::Fibre(fibre) = line.kind_mut(1) {
                spoil(fibre);
            }
            let refused =
                complete_losses(&mut line, &section, &SpanRules::default()).unwrap_err().to_string();
            assert!(refused.contains(&format!("\"f\": {field} ")), "{refused}");
        }
    }
}
