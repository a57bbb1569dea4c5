//! Amplifiers where there are none: before and behind ROADMs, and between fibres.

use super::DesignError;
use crate::line::{
    Amplifier, AmplifierSettings, Element, ElementIndex, ElementKind, LineNetwork, Location, Section,
};

/// Whether the amplifiers of a line are for one band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amplification {
    OneBand,
    SeveralBands,
}

/// How a section is amplified; none where it has no amplifiers.
pub(super) fn amplification(
    line: &LineNetwork,
    section: &Section,
) -> Result<Option<Amplification>, DesignError> {
    let find = |wanted: fn(&ElementKind) -> bool| {
        section.elements.iter().map(|&index| line.element(index)).find(|element| wanted(&element.kind))
    };
    let single = find(|kind| matches!(kind, ElementKind::Amplifier(_)));
    let multiband = find(|kind| matches!(kind, ElementKind::MultibandAmplifier(_)));
    match (single, multiband) {
        (None, None) => Ok(None),
        (Some(_), None) => Ok(Some(Amplification::OneBand)),
        (None, Some(_)) => Ok(Some(Amplification::SeveralBands)),
        (Some(single), Some(multiband)) => {
            Err(DesignError::MixedBands { single: single.uid.clone(), multiband: multiband.uid.clone() })
        }
    }
}

/// Puts the missing amplifiers into a section: `Edfa_preamp_<roadm>_from_<previous>`,
/// `Edfa_booster_<roadm>_to_<next>`, and `Edfa_<fibre>` behind a fibre that another follows directly.
///
/// A transceiver or a splice beside a ROADM keeps it without amplifier.
pub(super) fn insert_amplifiers(line: &mut LineNetwork, section: &mut Section) -> Result<(), DesignError> {
    let mut bands = amplification(line, section)?;
    let wants = |index: ElementIndex| {
        matches!(line.element(index).kind, ElementKind::Fibre(_) | ElementKind::Roadm(_))
    };
    let is_roadm = |index: ElementIndex| matches!(line.element(index).kind, ElementKind::Roadm(_));
    let last = section.elements.last().copied().unwrap_or(section.from);
    let mut preamp = is_roadm(section.to) && wants(last);
    let mut booster = is_roadm(section.from) && wants(section.first());
    // ROADMs are completed one after the other, preamplifiers first: who comes first decides about the bands, and
    // two that touch get one amplifier
    let preamp_first = section.to <= section.from;
    if section.elements.is_empty() && preamp && booster {
        (preamp, booster) = (preamp_first, !preamp_first);
    }
    let booster_alone = match &line.element(section.from).kind {
        ElementKind::Roadm(roadm) if roadm.design_bands.len() > 1 => Amplification::SeveralBands,
        _ => Amplification::OneBand,
    };
    if preamp && preamp_first {
        bands.get_or_insert(Amplification::OneBand);
    }
    if booster {
        bands.get_or_insert(booster_alone);
    }
    let bands = bands.unwrap_or(Amplification::OneBand);
    let mut elements = Vec::with_capacity(2 * section.elements.len() + 1);
    let (from, to) = (line.element(section.from), line.element(section.to));
    let at_ends = (from.location.clone(), to.location.clone());
    let named = |before: ElementIndex, behind: ElementIndex, line: &LineNetwork| {
        let (before, behind) = (&line.element(before).uid, &line.element(behind).uid);
        (format!("Edfa_booster_{before}_to_{behind}"), format!("Edfa_preamp_{behind}_from_{before}"))
    };
    if booster {
        let (uid, _) = named(section.from, section.first(), line);
        let next = section.first();
        elements.push(line.insert_between(section.from, amplifier(uid, bands, at_ends.0), next)?);
    }
    for position in 0..section.elements.len() {
        let index = section.elements[position];
        elements.push(index);
        let Some(&next) = section.elements.get(position + 1) else { continue };
        let (here, there) = (line.element(index), line.element(next));
        if matches!((&here.kind, &there.kind), (ElementKind::Fibre(_), ElementKind::Fibre(_))) {
            let middle = middle(here.location.as_ref(), there.location.as_ref());
            let between = amplifier(format!("Edfa_{}", here.uid), bands, middle);
            elements.push(line.insert_between(index, between, next)?);
        }
    }
    if preamp {
        let (_, uid) = named(last, section.to, line);
        elements.push(line.insert_between(last, amplifier(uid, bands, at_ends.1), section.to)?);
    }
    section.elements = elements;
    Ok(())
}

/// An amplifier that design decides about.
fn amplifier(uid: String, bands: Amplification, location: Option<Location>) -> Element {
    let kind = match bands {
        Amplification::OneBand => {
            let wanted = AmplifierSettings { tilt_db: Some(0.0), ..AmplifierSettings::default() };
            ElementKind::Amplifier(Box::new(Amplifier { wanted, ..Amplifier::default() }))
        }
        Amplification::SeveralBands => ElementKind::MultibandAmplifier(Box::default()),
    };
    Element { uid, kind, location }
}

fn middle(here: Option<&Location>, there: Option<&Location>) -> Option<Location> {
    let (here, there) = (here?, there?);
    Some(Location {
        city: here.city.clone(),
        region: here.region.clone(),
        latitude: f64::midpoint(here.latitude, there.latitude),
        longitude: f64::midpoint(here.longitude, there.longitude),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::DesignBand;
    use crate::line::fixture::{Line, amplifier, element, fibre, fused, roadm, transceiver};

    /// What a line between `a` and `b` becomes, and whether each inserted amplifier has several bands.
    fn completed(parts: Vec<Element>, chain: &str) -> (String, Vec<bool>) {
        let mut line = Line::new().with(parts).joined(chain).done();
        let before = line.len();
        for mut section in line.sections().unwrap() {
            insert_amplifiers(&mut line, &mut section).unwrap();
            assert!(line.sections().unwrap().contains(&section));
        }
        let mut names = Vec::new();
        let mut at = line.index_of(chain.split(' ').next().unwrap());
        while let Some(index) = at {
            names.push(line.element(index).uid.clone());
            at = line.successors(index).first().copied();
        }
        let several = |element: &Element| matches!(element.kind, ElementKind::MultibandAmplifier(_));
        (names.join(" "), line.elements()[before..].iter().map(several).collect())
    }

    fn multiband(uid: &str) -> Element {
        element(uid, ElementKind::MultibandAmplifier(Box::default()))
    }

    fn roadm_of_two_bands(uid: &str) -> Element {
        let mut roadm = roadm(uid);
        if let ElementKind::Roadm(roadm) = &mut roadm.kind {
            let band = DesignBand { f_min_hz: 186e12, f_max_hz: 190e12, spacing_hz: Some(50e9) };
            roadm.design_bands = vec![band; 2];
        }
        roadm
    }

    #[test]
    fn amplifiers_come_before_and_behind_roadms_and_between_fibres() {
        let parts = vec![transceiver("t"), roadm("a"), fibre("f", 80.0), fibre("g", 80.0), roadm("b")];
        let expected = "t a Edfa_booster_a_to_f f Edfa_f g Edfa_preamp_b_from_g b";
        assert_eq!(completed(parts, "t a f g b").0, expected);
    }

    #[test]
    fn splices_and_amplifiers_keep_amplifiers_away() {
        let parts = vec![
            roadm("a"),
            fused("x", 1.0),
            fibre("f", 80.0),
            fused("y", 1.0),
            fibre("g", 80.0),
            amplifier("e"),
            roadm("b"),
        ];
        assert_eq!(completed(parts, "a x f y g e b").0, "a x f y g e b");
    }

    #[test]
    fn touching_roadms_get_one_amplifier() {
        assert_eq!(completed(vec![roadm("a"), roadm("b")], "a b").0, "a Edfa_booster_a_to_b b");
        assert_eq!(completed(vec![roadm("b"), roadm("a")], "a b").0, "a Edfa_preamp_b_from_a b");
    }

    #[test]
    fn a_line_of_several_bands_gets_amplifiers_of_several_bands() {
        let parts = |first: Element, middle: Element| {
            vec![first, fibre("f", 80.0), middle, fibre("g", 80.0), fibre("h", 80.0), roadm("b")]
        };
        assert_eq!(completed(parts(roadm("a"), multiband("e")), "a f e g h b").1, [true; 3]);
        assert_eq!(completed(parts(roadm("a"), amplifier("e")), "a f e g h b").1, [false; 3]);
        assert_eq!(completed(parts(roadm_of_two_bands("a"), amplifier("e")), "a f e g h b").1, [false; 3]);
        assert_eq!(completed(parts(roadm_of_two_bands("a"), fused("x", 0.5)), "a f x g h b").1, [true; 3]);
        let far_first = vec![roadm("b"), fibre("f", 80.0), roadm_of_two_bands("a")];
        assert_eq!(completed(far_first, "a f b").1, [false; 2]);
    }

    #[test]
    fn a_line_cannot_be_amplified_both_ways() {
        let mut line = Line::new()
            .with(vec![roadm("a"), amplifier("e"), fibre("f", 80.0), multiband("m"), roadm("b")])
            .joined("a e f m b")
            .done();
        let mut section = line.sections().unwrap().remove(0);
        let refused = insert_amplifiers(&mut line, &mut section).unwrap_err().to_string();
        assert!(refused.contains("\"e\" and \"m\""), "{refused}");
    }
}
