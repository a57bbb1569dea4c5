//! Amplifiers of several bands: the type of the whole, then each band like an amplifier of one.

use super::DesignError;
use super::amplifiers::{BandState, Designer, Setting, Site, no_amplifier, restriction};
use super::bands::{Band, BandName};
use super::transfer::Transfer;
use crate::equipment::{Equipment, MultibandAmplifierType};
use crate::line::{Amplifier, ElementKind, LineNetwork, MultibandAmplifier};

impl Designer<'_> {
    /// Sets an amplifier of several bands; each band's light goes its own way, and the span before does its own to each.
    pub(super) fn set_multiband(
        &mut self,
        line: &mut LineNetwork,
        (site, transfers): (Site, &[Transfer]),
        states: &mut [BandState],
    ) -> Result<(), DesignError> {
        let equipment = self.catalogue.equipment;
        let element = line.element(site.index);
        let ElementKind::MultibandAmplifier(whole) = &element.kind else { return Ok(()) };
        let uid = &element.uid;
        let amplifiers = if whole.bands.is_empty() {
            vec![Amplifier::default(); states.len()]
        } else {
            whole.bands.clone()
        };
        let order = self.bands_of(uid, &amplifiers, states)?;
        let allowed = match &whole.type_name {
            Some(name) => vec![type_position(equipment, uid, name)?],
            None => self.preselected(line, (site, transfers), whole, (&amplifiers, &order), states)?,
        };
        let warnings = self.warnings.len();
        let site_of_bands = ((site, transfers), &amplifiers[..], &order[..]);
        let settings = self.set_bands(uid, site_of_bands, states, &allowed, false)?;
        let (type_name, settings) = match (&whole.type_name, self.whole_of(&settings)) {
            (Some(name), _) => (name.clone(), settings),
            (None, Some(name)) => (name, settings),
            // the best amplifier of each band, and no multiband type is made of them: the first band decides
            (None, None) => {
                self.warnings.truncate(warnings);
                let settings = self.set_bands(uid, site_of_bands, states, &allowed, true)?;
                let none = || no_amplifier(uid, &states[order[0]].band);
                (self.whole_of(&settings).ok_or_else(none)?, settings)
            }
        };
        for (set, &at) in settings.iter().zip(&order) {
            states[at] = set.behind;
        }
        if let ElementKind::MultibandAmplifier(whole) = line.kind_mut(site.index) {
            whole.type_name = Some(type_name);
            whole.bands = amplifiers;
            settings.into_iter().zip(&mut whole.bands).for_each(|(set, amplifier)| set.apply(amplifier));
        }
        Ok(())
    }

    /// Sets the amplifier of each band to the best that is part of one of the multiband types at `allowed`; if
    /// `together`, of those only that the amplifiers chosen before are part of, too.
    fn set_bands(
        &mut self,
        uid: &str,
        ((site, transfers), amplifiers, order): ((Site, &[Transfer]), &[Amplifier], &[usize]),
        states: &[BandState],
        allowed: &[usize],
        together: bool,
    ) -> Result<Vec<Setting>, DesignError> {
        let mut fitting = allowed.to_vec();
        let mut settings = Vec::with_capacity(amplifiers.len());
        for (amplifier, &at) in amplifiers.iter().zip(order) {
            let candidates = self.members(&fitting, &states[at].band);
            if amplifier.amplifier_type.is_none() && candidates.is_empty() {
                return Err(no_amplifier(uid, &states[at].band));
            }
            let set = self.set(uid, amplifier, site.after(transfers[at]), &states[at], &candidates)?;
            if together {
                let all = &self.catalogue.equipment.multiband_amplifiers;
                fitting.retain(|&at| self.is_member(set.amplifier_type, &all[at]));
            }
            settings.push(set);
        }
        Ok(settings)
    }

    /// For each amplifier the design band it is for: the one of the same name, else the one at its place.
    fn bands_of(
        &self,
        uid: &str,
        amplifiers: &[Amplifier],
        states: &[BandState],
    ) -> Result<Vec<usize>, DesignError> {
        let unfit = || DesignError::BandWithoutAmplifier { uid: uid.to_owned() };
        let band = |(place, amplifier): (usize, &Amplifier)| match amplifier.amplifier_type {
            Some(given) => {
                let entry = self.catalogue.entry(given);
                let name = BandName::of(entry.f_min_hz, entry.f_max_hz);
                states.iter().position(|state| state.band.name() == name).ok_or_else(unfit)
            }
            None if place < states.len() => Ok(place),
            None => Err(unfit()),
        };
        let order = amplifiers.iter().enumerate().map(band).collect::<Result<Vec<usize>, _>>()?;
        let twice = (1..order.len()).any(|at| order[..at].contains(&order[at]));
        if twice { Err(unfit()) } else { Ok(order) }
    }

    /// The multiband types that may stand here and have an amplifier for each band that can do what the band needs.
    fn preselected(
        &self,
        line: &LineNetwork,
        (site, transfers): (Site, &[Transfer]),
        whole: &MultibandAmplifier,
        (amplifiers, order): (&[Amplifier], &[usize]),
        states: &[BandState],
    ) -> Result<Vec<usize>, DesignError> {
        let types = &self.catalogue.equipment.multiband_amplifiers;
        let uid = &line.element(site.index).uid;
        let (names, named_by, field) = restriction(line, site, &whole.allowed_types);
        self.catalogue.named(names, named_by, field)?;
        let bands: Vec<Band> = states.iter().map(|state| state.band).collect();
        let mut selected: Vec<usize> = (0..types.len())
            .filter(|&at| {
                let entry = &types[at];
                let allowed =
                    if names.is_empty() { entry.allowed_for_design } else { names.contains(&entry.name) };
                allowed && self.all_cover_a_band(entry, &bands)
            })
            .collect();
        for (amplifier, &at) in amplifiers.iter().zip(order) {
            let candidates = self.members(&selected, &states[at].band);
            let target = self.plan(amplifier, site.after(transfers[at]), &states[at]).target;
            let suitable = self.catalogue.suitable(candidates.iter().copied(), target, true);
            if suitable.is_empty() {
                return Err(no_amplifier(uid, &states[at].band));
            }
            selected = (0..types.len())
                .filter(|&at| suitable.iter().any(|one| self.is_member(one.amplifier_type, &types[at])))
                .collect();
        }
        Ok(selected)
    }

    /// Whether each amplifier of a multiband type covers one of the bands.
    fn all_cover_a_band(&self, entry: &MultibandAmplifierType, bands: &[Band]) -> bool {
        entry.amplifiers.iter().all(|name| {
            self.catalogue
                .equipment
                .amplifier(name)
                .is_some_and(|member| bands.iter().any(|band| self.catalogue.covers(member, band)))
        })
    }

    /// Amplifiers of the multiband types at `types` that cover a band, in the order of the library.
    fn members(&self, types: &[usize], band: &Band) -> Vec<usize> {
        let all = &self.catalogue.equipment.multiband_amplifiers;
        (0..self.catalogue.equipment.amplifiers.len())
            .filter(|&one| types.iter().any(|&at| self.is_member(one, &all[at])))
            .filter(|&one| self.catalogue.covers(one, band))
            .collect()
    }

    fn is_member(&self, amplifier_type: usize, whole: &MultibandAmplifierType) -> bool {
        whole.amplifiers.contains(&self.catalogue.entry(amplifier_type).name)
    }

    /// The first multiband type made of all these amplifiers.
    fn whole_of(&self, settings: &[Setting]) -> Option<String> {
        self.catalogue
            .equipment
            .multiband_amplifiers
            .iter()
            .find(|entry| settings.iter().all(|set| self.is_member(set.amplifier_type, entry)))
            .map(|entry| entry.name.clone())
    }
}

fn type_position(equipment: &Equipment, uid: &str, name: &str) -> Result<usize, DesignError> {
    equipment.multiband_amplifiers.iter().position(|entry| entry.name == name).ok_or_else(|| {
        DesignError::UnknownAmplifier { uid: uid.to_owned(), field: "type_variety", name: name.to_owned() }
    })
}
