//! Which element of a designed network the name of a site in a route means.
//!
//! A ROADM is one element. A site that amplifies has one for each direction: the one is meant whose next site comes
//! later in the route.

use std::collections::BTreeMap;

use super::connections::fibre_name;
use super::sheet::Row;
use super::sites::{SiteKind, Sites};
use crate::line::{ElementIndex, ElementKind, LineNetwork};

/// Most elements a route may name.
const MOST_HOPS: usize = 1_000;

pub(super) struct RouteNames<'a> {
    network: &'a LineNetwork,
    /// Elements a site may mean, by its city.
    roadms: BTreeMap<String, Vec<String>>,
    fused: BTreeMap<String, Vec<String>>,
    /// In the order of the sheets, which decides where names are alike.
    amplifiers: Vec<(String, Vec<String>)>,
    /// Where a city is among them.
    amplifiers_of: BTreeMap<String, usize>,
    /// The site behind an element.
    next_site: BTreeMap<String, String>,
}

impl<'a> RouteNames<'a> {
    pub(super) fn new(sites: &Sites, network: &'a LineNetwork) -> Self {
        let mut names = Self {
            network,
            roadms: BTreeMap::new(),
            fused: BTreeMap::new(),
            amplifiers: Vec::new(),
            amplifiers_of: BTreeMap::new(),
            next_site: BTreeMap::new(),
        };
        for site in &sites.nodes {
            let city = site.city.clone();
            match site.kind {
                SiteKind::Roadm => drop(names.roadms.insert(city.clone(), vec![format!("roadm {city}")])),
                SiteKind::Fused => {
                    let spans =
                        ["west", "east"].map(|direction| format!("{direction} fused spans in {city}"));
                    if spans.iter().all(|uid| names.is_fused(uid)) {
                        names.fused.insert(city, spans.to_vec());
                    }
                }
                SiteKind::Amplifier => {}
            }
        }
        names.find_amplifiers(sites);
        for (city, fused) in names.fused.clone() {
            for uid in fused {
                names.add_amplifier(&city, uid);
            }
        }
        names.find_next_sites();
        names
    }

    /// Elements made of the sheet Eqpt, then those design has put in, then those of sites without a line in Eqpt.
    fn find_amplifiers(&mut self, sites: &Sites) {
        let mut found: Vec<(&str, String)> = Vec::new();
        for equipment in &sites.equipment {
            for direction in ["east", "west"] {
                found.push((
                    &equipment.at,
                    format!("{direction} edfa in {} to {}", equipment.at, equipment.to),
                ));
            }
        }
        for link in &sites.links {
            let (east, west) = (fibre_name(link, &link.a), fibre_name(link, &link.z));
            found.push((&link.a, format!("Edfa_preamp_roadm {}_from_{west}", link.a)));
            found.push((&link.a, format!("Edfa_booster_roadm {}_to_{east}", link.a)));
            found.push((&link.z, format!("Edfa_preamp_roadm {}_from_{east}", link.z)));
            found.push((&link.z, format!("Edfa_booster_roadm {}_to_{west}", link.z)));
        }
        for site in &sites.nodes {
            for direction in ["east", "west"] {
                found.push((&site.city, format!("{direction} edfa in {}", site.city)));
            }
        }
        for (city, uid) in found {
            let index = self.network.index_of(&uid);
            if index.is_some_and(|index| matches!(self.kind(index), ElementKind::Amplifier(_))) {
                self.add_amplifier(city, uid);
            }
        }
    }

    fn add_amplifier(&mut self, city: &str, uid: String) {
        if let Some(&at) = self.amplifiers_of.get(city) {
            self.amplifiers[at].1.push(uid);
        } else {
            self.amplifiers_of.insert(city.to_owned(), self.amplifiers.len());
            self.amplifiers.push((city.to_owned(), vec![uid]));
        }
    }

    /// The next ROADM or amplifier behind each element, by the site it belongs to.
    fn find_next_sites(&mut self) {
        for (_, uids) in &self.amplifiers {
            for uid in uids {
                let Some(next) = self.network.index_of(uid).and_then(|index| self.next_active(index)) else {
                    continue;
                };
                let next = &self.network.element(next).uid;
                let roadm =
                    self.roadms.iter().find(|(_, roadms)| roadms.contains(next)).map(|(city, _)| city);
                // Where a fibre was split, what follows has a longer name.
                let amplifier = || {
                    let has = |uids: &[String]| uids.iter().any(|uid| next.contains(uid.as_str()));
                    self.amplifiers.iter().find(|(_, uids)| has(uids)).map(|(city, _)| city)
                };
                if let Some(city) = roadm.or_else(amplifier) {
                    self.next_site.insert(uid.clone(), city.clone());
                }
            }
        }
    }

    fn next_active(&self, from: ElementIndex) -> Option<ElementIndex> {
        let mut at = *self.network.successors(from).first()?;
        for _ in 0..self.network.len() {
            if !matches!(self.kind(at), ElementKind::Fibre(_) | ElementKind::Fused(_)) {
                return Some(at);
            }
            at = *self.network.successors(at).first()?;
        }
        None
    }

    fn kind(&self, index: ElementIndex) -> &ElementKind {
        &self.network.element(index).kind
    }

    fn is_fused(&self, uid: &str) -> bool {
        self.network.index_of(uid).is_some_and(|index| matches!(self.kind(index), ElementKind::Fused(_)))
    }

    pub(super) fn is_transceiver(&self, uid: &str) -> bool {
        self.network.index_of(uid).is_some_and(|index| matches!(self.kind(index), ElementKind::Transceiver))
    }

    /// The elements a route names, without its ends.
    pub(super) fn elements(
        &self,
        row: &Row<'_>,
        mut route: Vec<String>,
        source: &str,
        destination: &str,
        strict: bool,
    ) -> Vec<String> {
        if route.len() > MOST_HOPS {
            let detail = format!("names {} elements, the limit is {MOST_HOPS}", route.len());
            row.error("routing: path", "TOO_LARGE", &detail);
            return Vec::new();
        }
        if route.first().is_some_and(|first| first == source) {
            route.remove(0);
        }
        if route.last().is_some_and(|last| last == destination) {
            route.pop();
        }
        let mut elements = Vec::new();
        for (at, name) in route.iter().enumerate() {
            let meant = self.meant(name);
            match meant.as_slice() {
                [] if strict => {
                    let detail = format!("names \"{name}\", which is no ROADM, amplifier or splice");
                    row.error("routing: path", "UNKNOWN_ELEMENT", &detail);
                }
                [] => {}
                [only] => elements.push(only.clone()),
                several => {
                    let ahead = |next: &String| {
                        (route[at..].contains(next) || next == destination) && !route[..at].contains(next)
                    };
                    // Without the site behind it in the route, the direction is open: it is left out.
                    elements.extend(
                        several.iter().find(|uid| self.next_site.get(*uid).is_some_and(ahead)).cloned(),
                    );
                }
            }
        }
        elements
    }

    /// The elements a name may mean; fibres and transceivers cannot be meant.
    fn meant(&self, name: &str) -> Vec<String> {
        if let Some(index) = self.network.index_of(name) {
            match self.kind(index) {
                ElementKind::Roadm(_) | ElementKind::Amplifier(_) => return vec![name.to_owned()],
                ElementKind::Transceiver | ElementKind::Fibre(_) => return Vec::new(),
                _ => {}
            }
        }
        let amplifiers = || self.amplifiers_of.get(name).map(|&at| self.amplifiers[at].1.clone());
        if let Some(roadm) = self.roadms.get(name) {
            return roadm.clone();
        }
        if let Some(fused) = self.fused.get(name) {
            return fused.iter().cloned().chain(amplifiers().unwrap_or_default()).collect();
        }
        amplifiers().unwrap_or_default()
    }
}
