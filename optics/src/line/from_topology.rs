//! From a planner's topology to the elements light passes: sites become ROADMs, links become fibres, both ways.

use std::collections::{BTreeMap, HashMap};

use super::topology_line::{Site, TopologyLine, Way};
use super::{
    Amplifier, AmplifierSettings, Dispersion, Element, ElementKind, Fibre, LineError, LineNetwork, Location,
    MultibandAmplifier, REFERENCE_FREQUENCY_HZ, Roadm, Spectrum,
};
use crate::equipment::{Equipment, FibreType, RoadmType};
use crate::network::DEFAULT_FIBRE;
use crate::plan::Direction;
use crate::topology::{Link, Node, NodeKind, Span, Topology};

/// What a topology leaves open.
#[derive(Clone, Debug, PartialEq)]
pub struct TopologyOptions {
    /// Fibre type of spans that name none; none for the first of the library.
    pub fibre_type: Option<String>,
    /// Loss of spans without a measured one, in dB/km.
    pub loss_db_per_km: f64,
    /// ROADM type of all sites; none for the library's default.
    pub roadm_type: Option<String>,
}

impl Default for TopologyOptions {
    fn default() -> Self {
        Self { fibre_type: None, loss_db_per_km: 0.2, roadm_type: None }
    }
}

/// Why a topology has no elements.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TopologyLineError {
    /// Two elements of one name.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A link that ends nowhere.
    #[error("link \"{link}\": its end \"{node}\" is no node")]
    UnknownNode {
        /// Id of the link.
        link: String,
        /// What it names.
        node: String,
    },
    /// A fibre type that the library does not have.
    #[error("link \"{link}\": fibre_type \"{name}\" is none of the equipment library")]
    UnknownFibreType {
        /// Id of the link.
        link: String,
        /// The name; empty where the library has no fibre type at all.
        name: String,
    },
    /// An amplifier that the library does not have.
    #[error("link \"{link}\": amplifier \"{name}\" is none of the equipment library")]
    UnknownAmplifier {
        /// Id of the link.
        link: String,
        /// The name.
        name: String,
    },
    /// A ROADM type that the library does not have.
    #[error("roadm_type \"{name}\" is none of the equipment library")]
    UnknownRoadmType {
        /// The name; `default` where the library has no ROADM type at all.
        name: String,
    },
    /// Light cannot get through an amplifier site.
    #[error("node \"{node}\" only amplifies: it needs two links with equally many fibres, it has {fibres:?}")]
    AmplifierSite {
        /// Id of the node.
        node: String,
        /// How many fibres each of its links has.
        fibres: Vec<usize>,
    },
}

/// Turns a topology into elements, each link in both directions.
///
/// A site becomes a ROADM `roadm <id>` with a transceiver `trx <id>`, a span a fibre `<link>.<fibre> <from>-<to> <n>`. A
/// measured loss is that of the whole span, connectors included. At a site that only amplifies spans follow each other
/// directly: [`crate::design::complete`] puts amplifiers there as everywhere. Fibre pairs of its two links are joined
/// by their ids, or by their order where ids differ.
pub fn from_topology(
    topology: &Topology,
    equipment: &Equipment,
    options: &TopologyOptions,
) -> Result<TopologyLine, TopologyLineError> {
    let roadm_type = match &options.roadm_type {
        Some(name) => equipment.roadm(name),
        None => equipment.default_roadm(),
    };
    let unknown_roadm = || TopologyLineError::UnknownRoadmType {
        name: options.roadm_type.clone().unwrap_or("default".into()),
    };
    let roadm_type = roadm_type.ok_or_else(unknown_roadm)?;
    let mut made = TopologyLine {
        network: LineNetwork::default(),
        nodes: topology.nodes.iter().map(|node| node.id.clone()).collect(),
        sites: Vec::with_capacity(topology.nodes.len()),
        hops: HashMap::with_capacity(topology.links.len()),
        begins: Vec::new(),
    };
    for node in &topology.nodes {
        let site = made.add_site(node, roadm_type)?;
        made.sites.push(site);
    }
    let positions: HashMap<&str, usize> =
        topology.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
    for link in &topology.links {
        made.add_link(link, topology, &positions, equipment, options)?;
    }
    made.join_amplifier_sites(topology)?;
    let firsts = made.hops.values().flat_map(BTreeMap::values).map(|way| way.first);
    let mut begins = vec![false; made.network.len()];
    firsts.for_each(|first| begins[first] = true);
    made.begins = begins;
    Ok(made)
}

impl TopologyLine {
    fn add_site(&mut self, node: &Node, roadm_type: &RoadmType) -> Result<Option<Site>, TopologyLineError> {
        if node.kind == NodeKind::Ila {
            return Ok(None);
        }
        let location = location_of(node);
        let mut add = |uid: String, kind: ElementKind| {
            self.network.add(Element { uid, kind, location: location.clone() })
        };
        let transceiver = add(format!("trx {}", node.id), ElementKind::Transceiver)?;
        let roadm = ElementKind::Roadm(Box::new(Roadm::of_type(roadm_type)));
        let roadm = add(format!("roadm {}", node.id), roadm)?;
        self.network.connect(transceiver, roadm);
        self.network.connect(roadm, transceiver);
        Ok(Some(Site { transceiver, roadm }))
    }

    fn add_link(
        &mut self,
        link: &Link,
        topology: &Topology,
        positions: &HashMap<&str, usize>,
        equipment: &Equipment,
        options: &TopologyOptions,
    ) -> Result<(), TopologyLineError> {
        let end = |node: &str| {
            let unknown = || TopologyLineError::UnknownNode { link: link.id.clone(), node: node.to_owned() };
            positions.get(node).copied().ok_or_else(unknown)
        };
        let (a, b) = (end(&link.a)?, end(&link.b)?);
        let of_link =
            [Span { length_km: link.length_km, fibre_type: String::new(), loss_db: None, amplifier: None }];
        let one =
            [crate::topology::Fibre { id: DEFAULT_FIBRE.to_owned(), spans_ab: Vec::new(), spans_ba: None }];
        let fibres = if link.fibres.is_empty() { &one[..] } else { &link.fibres[..] };
        let mut ways = BTreeMap::new();
        for fibre in fibres {
            let ab = if fibre.spans_ab.is_empty() { &of_link[..] } else { &fibre.spans_ab[..] };
            let back = mirrored(ab);
            let ba = fibre.spans_ba.as_deref().filter(|spans| !spans.is_empty()).unwrap_or(&back);
            for (direction, (from, to), spans) in [(Direction::Ab, (a, b), ab), (Direction::Ba, (b, a), ba)] {
                let uid =
                    format!("{}.{} {}-{}", link.id, fibre.id, topology.nodes[from].id, topology.nodes[to].id);
                let middle = between(&topology.nodes[from], &topology.nodes[to]);
                let elements = spans
                    .iter()
                    .map(|span| elements_of(span, link, equipment, options))
                    .collect::<Result<Vec<_>, _>>()?;
                let mut last = self.sites[from].map(|site| site.roadm);
                let mut first = None;
                for (number, (fibre, amplifier)) in elements.into_iter().enumerate() {
                    let uid = format!("{uid} {}", number + 1);
                    let amplifier = amplifier.map(|kind| (format!("amp {uid}"), kind));
                    for (uid, kind) in std::iter::once((uid, fibre)).chain(amplifier) {
                        let index = self.network.add(Element { uid, kind, location: middle.clone() })?;
                        if let Some(last) = last {
                            self.network.connect(last, index);
                        }
                        first = first.or(Some(index));
                        last = Some(index);
                    }
                }
                if let (Some(last), Some(site)) = (last, self.sites[to]) {
                    self.network.connect(last, site.roadm);
                }
                if let (Some(first), Some(last)) = (first, last) {
                    ways.insert((fibre.id.clone(), direction), Way { from, to, first, last });
                }
            }
        }
        self.hops.insert(link.id.clone(), ways);
        Ok(())
    }

    /// Joins the fibres of the two links at each site that only amplifies.
    fn join_amplifier_sites(&mut self, topology: &Topology) -> Result<(), TopologyLineError> {
        let mut links_at: HashMap<&str, Vec<&Link>> = HashMap::new();
        for link in &topology.links {
            links_at.entry(&link.a).or_default().push(link);
            links_at.entry(&link.b).or_default().push(link);
        }
        for (at, node) in topology.nodes.iter().enumerate() {
            if self.sites[at].is_some() {
                continue;
            }
            let links = links_at.remove(node.id.as_str()).unwrap_or_default();
            let fibres: Vec<usize> = links.iter().map(|link| self.hops[&link.id].len() / 2).collect();
            if fibres.is_empty() {
                continue;
            }
            let &[one, other] = &links[..] else {
                return Err(TopologyLineError::AmplifierSite { node: node.id.clone(), fibres });
            };
            if fibres[0] != fibres[1] {
                return Err(TopologyLineError::AmplifierSite { node: node.id.clone(), fibres });
            }
            for (one_fibre, other_fibre) in pairs(one, other) {
                for (from, to) in
                    [((one, &one_fibre), (other, &other_fibre)), ((other, &other_fibre), (one, &one_fibre))]
                {
                    let find = |(link, fibre): (&Link, &String), wanted: fn(&Way, usize) -> bool| {
                        let ways = &self.hops[&link.id];
                        ways.iter().find(|(key, way)| key.0 == *fibre && wanted(way, at)).map(|(_, way)| *way)
                    };
                    let coming = find(from, |way, at| way.to == at);
                    let going = find(to, |way, at| way.from == at);
                    if let (Some(coming), Some(going)) = (coming, going) {
                        self.network.connect(coming.last, going.first);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The same spans the other way round, with the same amplifiers at the sites between them.
fn mirrored(spans: &[Span]) -> Vec<Span> {
    let behind = |at: usize| at.checked_sub(1).and_then(|before| spans[before].amplifier.clone());
    (0..spans.len()).rev().map(|at| Span { amplifier: behind(at), ..spans[at].clone() }).collect()
}

/// Fibres of two links that continue each other: those of one id, or by their order.
fn pairs(one: &Link, other: &Link) -> Vec<(String, String)> {
    let ids = |link: &Link| -> Vec<String> {
        if link.fibres.is_empty() {
            return vec![DEFAULT_FIBRE.to_owned()];
        }
        link.fibres.iter().map(|fibre| fibre.id.clone()).collect()
    };
    let (ones, others) = (ids(one), ids(other));
    if ones.iter().all(|id| others.contains(id)) {
        return ones.iter().map(|id| (id.clone(), id.clone())).collect();
    }
    ones.into_iter().zip(others).collect()
}

/// A span's fibre, and the amplifier behind it if one is named.
fn elements_of(
    span: &Span,
    link: &Link,
    equipment: &Equipment,
    options: &TopologyOptions,
) -> Result<(ElementKind, Option<ElementKind>), TopologyLineError> {
    let named =
        if span.fibre_type.is_empty() { options.fibre_type.as_deref() } else { Some(&*span.fibre_type) };
    let fibre_type = match named {
        Some(name) => equipment.fibre(name),
        None => equipment.fibres.first(),
    };
    let unknown = || TopologyLineError::UnknownFibreType {
        link: link.id.clone(),
        name: named.unwrap_or_default().to_owned(),
    };
    let fibre_type = fibre_type.ok_or_else(unknown)?;
    let mut fibre = Fibre::of_type(fibre_type, span.length_km * 1e3, options.loss_db_per_km);
    if let Some(loss_db) = span.loss_db {
        (fibre.connector_in_db, fibre.connector_out_db) = (Some(0.0), Some(0.0));
        if span.length_km > 0.0 && loss_db > 0.0 {
            fibre.loss_db_per_km = Spectrum::Flat(loss_db / span.length_km);
        } else {
            fibre.lumped_losses = vec![(0.0, loss_db)];
        }
    }
    let amplifier = span.amplifier.as_ref().map(|name| amplifier(name, link, equipment)).transpose()?;
    Ok((ElementKind::Fibre(Box::new(fibre)), amplifier))
}

fn amplifier(name: &str, link: &Link, equipment: &Equipment) -> Result<ElementKind, TopologyLineError> {
    let wanted = AmplifierSettings { tilt_db: Some(0.0), ..AmplifierSettings::default() };
    if let Some(of_type) = equipment.amplifier(name) {
        let amplifier = Amplifier { amplifier_type: Some(of_type), wanted, ..Amplifier::default() };
        return Ok(ElementKind::Amplifier(Box::new(amplifier)));
    }
    if equipment.multiband_amplifier(name).is_some() {
        let amplifier =
            MultibandAmplifier { type_name: Some(name.to_owned()), ..MultibandAmplifier::default() };
        return Ok(ElementKind::MultibandAmplifier(Box::new(amplifier)));
    }
    Err(TopologyLineError::UnknownAmplifier { link: link.id.clone(), name: name.to_owned() })
}

impl Fibre {
    /// A fibre of a type, as it comes: without connectors, attenuator and splices.
    pub fn of_type(of: &FibreType, length_m: f64, loss_db_per_km: f64) -> Self {
        Self {
            type_name: of.name.clone(),
            length_m,
            loss_db_per_km: Spectrum::Flat(loss_db_per_km),
            att_in_db: 0.0,
            connector_in_db: None,
            connector_out_db: None,
            lumped_losses: Vec::new(),
            reference_frequency_hz: REFERENCE_FREQUENCY_HZ,
            dispersion: Dispersion::Constant(of.dispersion_s_per_m2),
            effective_area_m2: of.effective_area_at(REFERENCE_FREQUENCY_HZ),
            pmd_s_per_sqrt_m: of.pmd_s_per_sqrt_m,
            raman_efficiency: of.raman_efficiency.clone(),
            raman: None,
            design_span_loss_db: None,
        }
    }
}

impl Roadm {
    /// A ROADM of a type, as it comes.
    pub fn of_type(of: &RoadmType) -> Self {
        Self {
            type_name: of.name.clone(),
            equalisation: of.equalisation,
            degree_equalisation: BTreeMap::new(),
            add_drop_osnr_db: of.add_drop_osnr_db,
            pmd_s: of.pmd_s,
            pdl_db: of.pdl_db,
            preamp_types: of.preamp_types.clone(),
            booster_types: of.booster_types.clone(),
            profiles: of.profiles.clone(),
            degree_profiles: BTreeMap::new(),
            design_bands: Vec::new(),
            degree_design_bands: BTreeMap::new(),
        }
    }
}

fn location_of(node: &Node) -> Option<Location> {
    let (latitude, longitude) = node.lat.zip(node.lon)?;
    Some(Location { city: node.label().to_owned(), region: String::new(), latitude, longitude })
}

fn between(a: &Node, b: &Node) -> Option<Location> {
    let (a, b) = (location_of(a)?, location_of(b)?);
    Some(Location {
        city: String::new(),
        region: String::new(),
        latitude: f64::midpoint(a.latitude, b.latitude),
        longitude: f64::midpoint(a.longitude, b.longitude),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design;
    use crate::equipment::Equalisation;
    use crate::plan::Hop;

    fn equipment() -> Equipment {
        let fibre = |name: &str| FibreType {
            name: name.to_owned(),
            dispersion_s_per_m2: 1.67e-5,
            effective_area_m2: None,
            gamma_per_w_m: Some(1.27e-3),
            pmd_s_per_sqrt_m: 1.265e-15,
            raman_efficiency: None,
        };
        let roadm = RoadmType {
            name: "default".to_owned(),
            equalisation: Equalisation::PowerDbm(-20.0),
            add_drop_osnr_db: 38.0,
            pmd_s: 0.0,
            pdl_db: 0.0,
            preamp_types: Vec::new(),
            booster_types: Vec::new(),
            profiles: Vec::new(),
        };
        Equipment { fibres: vec![fibre("SSMF"), fibre("LOF")], roadms: vec![roadm], ..Equipment::default() }
    }

    fn span(length_km: f64) -> Span {
        Span { length_km, fibre_type: String::new(), loss_db: None, amplifier: None }
    }

    /// ```text
    /// A ---200 km--- B ---60 + 70 km--- I ---80 km--- C      I: amplifiers only
    /// ```
    fn topology() -> Topology {
        let mut nodes = ["A", "B", "I", "C"].map(Node::roadm).to_vec();
        nodes[2].kind = NodeKind::Ila;
        let mut links = vec![
            Link::new("AB", "A", "B", 200.0),
            Link::new("BI", "B", "I", 130.0),
            Link::new("IC", "I", "C", 80.0),
        ];
        let spans_ab = vec![span(60.0), span(70.0)];
        links[1].fibres = vec![crate::topology::Fibre { id: "1".to_owned(), spans_ab, spans_ba: None }];
        Topology { nodes, links, ..Topology::default() }
    }

    fn hop(link: &str, direction: Direction) -> Hop {
        Hop { link: link.to_owned(), fibre: "1".to_owned(), direction }
    }

    fn names(line: &TopologyLine, elements: &[usize]) -> String {
        elements.iter().map(|&index| line.network.element(index).uid.as_str()).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn routes_of_the_planner_pass_elements_before_and_after_completion() {
        let mut line = from_topology(&topology(), &equipment(), &TopologyOptions::default()).unwrap();
        let there = [hop("AB", Direction::Ab), hop("BI", Direction::Ab), hop("IC", Direction::Ab)];
        let before = line.route(&there).unwrap();
        assert_eq!(
            names(&line, &before),
            "trx A, roadm A, AB.1 A-B 1, roadm B, BI.1 B-I 1, BI.1 B-I 2, IC.1 I-C 1, roadm C, trx C"
        );
        design::complete(&mut line.network, &equipment()).unwrap();
        let after = line.route(&there).unwrap();
        assert_eq!(
            names(&line, &after),
            "trx A, roadm A, Edfa_booster_roadm A_to_AB.1 A-B 1_(1/2), AB.1 A-B 1_(1/2), Edfa_AB.1 A-B 1_(1/2), \
             AB.1 A-B 1_(2/2), Edfa_preamp_roadm B_from_AB.1 A-B 1_(2/2), roadm B, \
             Edfa_booster_roadm B_to_BI.1 B-I 1, BI.1 B-I 1, Edfa_BI.1 B-I 1, BI.1 B-I 2, Edfa_BI.1 B-I 2, \
             IC.1 I-C 1, Edfa_preamp_roadm C_from_IC.1 I-C 1, roadm C, trx C"
        );
        assert!(after.windows(2).all(|pair| line.network.successors(pair[0]).contains(&pair[1])));
        let back = [hop("IC", Direction::Ba), hop("BI", Direction::Ba), hop("AB", Direction::Ba)];
        let back = line.route(&back).unwrap();
        assert!(back.windows(2).all(|pair| line.network.successors(pair[0]).contains(&pair[1])));
        assert_eq!(back.len(), after.len());
        let middle = line.hop("BI", "1", Direction::Ab).unwrap();
        assert_eq!(names(&line, &middle).matches("Edfa_").count(), 3);
        assert!(line.site(2).is_none() && line.site(3).is_some());
    }

    #[test]
    fn hops_that_are_no_route_are_refused() {
        let line = from_topology(&topology(), &equipment(), &TopologyOptions::default()).unwrap();
        let refused = |hops: &[Hop]| line.route(hops).unwrap_err().to_string();
        assert!(refused(&[]).contains("at least one hop"));
        assert!(refused(&[hop("XY", Direction::Ab)]).contains("\"XY\""));
        assert!(
            refused(&[hop("AB", Direction::Ab), hop("IC", Direction::Ab)]).contains("\"IC\" does not begin")
        );
        assert!(refused(&[hop("AB", Direction::Ab), hop("BI", Direction::Ab)]).contains("end at \"I\""));
        assert!(refused(&[hop("IC", Direction::Ab)]).contains("begin or end at \"I\""));
        let turned = [hop("BI", Direction::Ab), hop("BI", Direction::Ba)];
        assert!(refused(&turned).contains("\"BI\" does not begin"));
    }

    #[test]
    fn measured_losses_types_and_amplifiers_of_spans_are_taken() {
        let mut topology = topology();
        let spans = &mut topology.links[1].fibres[0].spans_ab;
        spans[0].loss_db = Some(15.0);
        spans[1].fibre_type = "LOF".to_owned();
        let line = from_topology(&topology, &equipment(), &TopologyOptions::default()).unwrap();
        let fibre = |uid: &str| match &line.network.element(line.network.index_of(uid).unwrap()).kind {
            ElementKind::Fibre(fibre) => (**fibre).clone(),
            _ => panic!("{uid} is no fibre"),
        };
        let measured = fibre("BI.1 B-I 1");
        assert!((measured.reference_loss_db().unwrap() - 15.0).abs() < 1e-9);
        assert_eq!(measured.connector_in_db, Some(0.0));
        assert_eq!(fibre("BI.1 I-B 1").type_name, "LOF");
        let area = fibre("AB.1 A-B 1").effective_area_m2;
        assert!((area - 82.99e-12).abs() < 0.05e-12, "{area}");

        spans_of(&mut topology)[0].amplifier = Some("booster".to_owned());
        let unknown = from_topology(&topology, &equipment(), &TopologyOptions::default()).unwrap_err();
        assert!(unknown.to_string().contains("link \"BI\": amplifier \"booster\""), "{unknown}");
        spans_of(&mut topology)[0] = Span { fibre_type: "XX".to_owned(), ..span(60.0) };
        let unknown = from_topology(&topology, &equipment(), &TopologyOptions::default()).unwrap_err();
        assert!(unknown.to_string().contains("link \"BI\": fibre_type \"XX\""), "{unknown}");
    }

    fn spans_of(topology: &mut Topology) -> &mut Vec<Span> {
        &mut topology.links[1].fibres[0].spans_ab
    }

    #[test]
    fn the_way_back_has_the_same_amplifiers_at_the_same_sites() {
        let named = |name: &str, length| Span { amplifier: Some(name.to_owned()), ..span(length) };
        let back = mirrored(&[named("x", 1.0), named("y", 2.0), named("z", 3.0)]);
        let found: Vec<_> = back.iter().map(|span| (span.length_km, span.amplifier.as_deref())).collect();
        assert_eq!(found, [(3.0, Some("y")), (2.0, Some("x")), (1.0, None)]);
    }

    #[test]
    fn an_amplifier_site_needs_two_links_of_as_many_fibres() {
        let mut topology = topology();
        topology.links.push(Link::new("IA", "I", "A", 10.0));
        let refused = from_topology(&topology, &equipment(), &TopologyOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("node \"I\" only amplifies"), "{refused}");
    }
}
