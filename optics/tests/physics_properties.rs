//! What holds of light whatever the line: laws of physics, and of design, on random lines.

use std::collections::BTreeMap;

use optics::design::{self, Reference};
use optics::equipment::Equipment;
use optics::gnpy::equipment::{AmplifierConfigs, read};
use optics::line::{
    Amplifier, Element, ElementIndex, ElementKind, Fibre, Fused, LineNetwork, TopologyLine, TopologyOptions,
    WorkingPoint, from_topology,
};
use optics::plan::{Direction, Hop};
use optics::propagation::{Bandwidth, Channel, Comb, Gains, Propagation, Received, Solver};
use optics::topology::{Fibre as FibrePair, Link, Node, Span, Topology};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::json;

/// Rounding of sums that should be equal, in dB.
const ROUNDING_DB: f64 = 1e-9;

/// A library whose amplifiers differ in noise; none of them saturates.
fn library(line_nf_db: f64) -> Equipment {
    let amplifier = |name: &str, gain_min: f64, gain_flatmax: f64, nf0: f64| {
        json!({
            "type_variety": name, "type_def": "fixed_gain", "gain_min": gain_min, "gain_flatmax": gain_flatmax,
            "p_max": 35, "nf0": nf0, "allowed_for_design": true
        })
    };
    let library = json!({
        "Edfa": [
            amplifier("short", 5.0, 14.0, 6.25),
            amplifier("line", 10.0, 26.0, line_nf_db),
            amplifier("long", 20.0, 36.0, 5.75),
        ],
        "Fiber": [{"type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12, "pmd_coef": 1.265e-15}],
        "Span": [{
            "power_mode": true, "delta_power_range_db": [-2, 3, 0.5], "max_length": 150, "length_units": "km",
            "padding": 10, "EOL": 0.5, "con_in": 0.25, "con_out": 0.25
        }],
        "Roadm": [{
            "target_pch_out_db": -20, "add_drop_osnr": 38, "pmd": 0, "pdl": 0,
            "restrictions": {"preamp_variety_list": [], "booster_variety_list": []}
        }],
        "SI": [{
            "f_min": 191.3e12, "f_max": 196.1e12, "baud_rate": 32e9, "spacing": 50e9, "power_dbm": 0,
            "power_range_db": [0, 0, 1], "roll_off": 0.15, "tx_osnr": 40, "sys_margins": 2
        }],
        "Transceiver": []
    });
    read(&library, &AmplifierConfigs::default()).expect("a readable library")
}

/// Eleven channels of 32 GBd, 400 GHz apart or so: all over the band, and quick.
fn comb(tx_power_dbm: f64) -> Comb {
    let channel = Channel {
        frequency_hz: 0.0,
        baud_rate: 32e9,
        slot_width_hz: 50e9,
        roll_off: 0.15,
        offset_db: 0.0,
        tx_osnr_db: 40.0,
        tx_power_dbm,
    };
    Comb::new((0..11).map(|i| channel.at(191.5e12 + 0.4e12 * f64::from(i))).collect()).expect("a comb")
}

/// Sites in a row, and the spans between each two.
fn row(links: &[Vec<u32>]) -> Topology {
    let nodes = (0..=links.len()).map(|at| Node::roadm(format!("N{at}"))).collect();
    let span = |&length_km: &u32| Span {
        length_km: f64::from(length_km),
        fibre_type: String::new(),
        loss_db: None,
        amplifier: None,
    };
    let link = |(at, spans): (usize, &Vec<u32>)| {
        let mut link = Link::new(format!("L{at}"), format!("N{at}"), format!("N{}", at + 1), 1.0);
        let spans_ab = spans.iter().map(span).collect();
        link.fibres = vec![FibrePair { id: "1".to_owned(), spans_ab, spans_ba: None }];
        link
    };
    Topology { nodes, links: links.iter().enumerate().map(link).collect(), ..Topology::default() }
}

fn designed(topology: &Topology, equipment: &Equipment) -> TopologyLine {
    let mut line = from_topology(topology, equipment, &TopologyOptions::default()).expect("elements");
    design::complete(&mut line.network, equipment).expect("a complete line");
    let reference = Reference::of(equipment, None).expect("a comb");
    design::design(&mut line.network, equipment, &reference).expect("a designed line");
    line
}

/// From the first site to the last.
fn through(line: &TopologyLine, links: usize) -> Vec<ElementIndex> {
    let hop = |at| Hop { link: format!("L{at}"), fibre: "1".to_owned(), direction: Direction::Ab };
    line.route(&(0..links).map(hop).collect::<Vec<_>>()).expect("a route")
}

fn received(network: &LineNetwork, equipment: &Equipment, route: &[ElementIndex], comb: &Comb) -> Received {
    let propagation = Propagation::new(network, equipment, &Solver::default());
    propagation.run(route, comb, &mut Gains::default()).expect("light arrives")
}

fn gsnr(network: &LineNetwork, equipment: &Equipment, route: &[ElementIndex]) -> Vec<f64> {
    received(network, equipment, route, &comb(0.0)).line_gsnr_db(Bandwidth::Signal)
}

fn never_above(later: &[f64], earlier: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(later.len(), earlier.len());
    for (later, earlier) in later.iter().zip(earlier) {
        prop_assert!(later <= &(earlier + ROUNDING_DB), "{} dB after {} dB", later, earlier);
    }
    Ok(())
}

fn is_amplifier(kind: &ElementKind) -> bool {
    matches!(kind, ElementKind::Amplifier(_))
}

/// An amplifier of a type, set to a gain.
fn set_amplifier(uid: &str, amplifier_type: usize, gain_db: f64) -> Element {
    let point = WorkingPoint { gain_db, delta_p_db: 0.0, tilt_db: 0.0, out_voa_db: 0.0, in_voa_db: 0.0 };
    let amplifier = Amplifier {
        amplifier_type: Some(amplifier_type),
        working_point: Some(point),
        ..Amplifier::default()
    };
    Element { uid: uid.to_owned(), kind: ElementKind::Amplifier(Box::new(amplifier)), location: None }
}

/// A fibre with connectors that lose nothing.
fn set_fibre(uid: &str, equipment: &Equipment, length_km: f64) -> Element {
    let mut fibre = Fibre::of_type(&equipment.fibres[0], length_km * 1e3, 0.2);
    (fibre.connector_in_db, fibre.connector_out_db) = (Some(0.0), Some(0.0));
    Element { uid: uid.to_owned(), kind: ElementKind::Fibre(Box::new(fibre)), location: None }
}

/// One to three links of one to four spans, in km.
fn links() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(20_u32..120, 1..4), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_higher_noise_figure_never_raises_the_osnr(links in links(), more_db in 0.01_f64..5.0) {
        let equipment = library(5.5);
        let line = designed(&row(&links), &equipment);
        let route = through(&line, links.len());
        let osnr = |equipment: &Equipment| {
            received(&line.network, equipment, &route, &comb(0.0)).line_osnr_db(Bandwidth::Signal)
        };
        let (quiet, noisy) = (osnr(&equipment), osnr(&library(5.5 + more_db)));
        never_above(&noisy, &quiet)?;
        let uses_line = route.iter().any(|&index| match &line.network.element(index).kind {
            ElementKind::Amplifier(amplifier) => amplifier.amplifier_type == equipment.amplifier("line"),
            _ => false,
        });
        prop_assert_eq!(uses_line, noisy != quiet, "the noise is that of the amplifiers in use");
    }

    #[test]
    fn an_appended_span_never_raises_the_gsnr(links in links(), length_km in 1_u32..150) {
        let equipment = library(5.5);
        let mut line = designed(&row(&links), &equipment);
        let mut route = through(&line, links.len());
        let before = gsnr(&line.network, &equipment, &route);
        let end = route.len() - 2;
        let (last, roadm) = (route[end - 1], route[end]);
        let fibre = set_fibre("more", &equipment, f64::from(length_km));
        let fibre = line.network.insert_between(last, fibre, roadm).expect("a new name");
        let gain_db = line.network.passive_loss_db(fibre).expect("a known loss");
        let amplifier = set_amplifier("more gain", 1, gain_db);
        let amplifier = line.network.insert_between(fibre, amplifier, roadm).expect("a new name");
        route.splice(end..end, [fibre, amplifier]);
        never_above(&gsnr(&line.network, &equipment, &route), &before)?;
    }

    #[test]
    fn power_past_the_optimum_never_raises_the_gsnr(spans in prop::collection::vec(20_u32..120, 1..6)) {
        let equipment = library(5.5);
        let mut network = LineNetwork::default();
        let mut add = |element: Element, route: &mut Vec<ElementIndex>| {
            let index = network.add(element).expect("a new name");
            if let Some(&last) = route.last() {
                network.connect(last, index);
            }
            route.push(index);
        };
        let end =
            |uid: &str| Element { uid: uid.to_owned(), kind: ElementKind::Transceiver, location: None };
        let mut route = Vec::new();
        add(end("from"), &mut route);
        for (number, &length_km) in spans.iter().enumerate() {
            add(set_fibre(&format!("fibre {number}"), &equipment, f64::from(length_km)), &mut route);
            add(set_amplifier(&format!("gain {number}"), 1, 0.2 * f64::from(length_km)), &mut route);
        }
        add(end("to"), &mut route);
        let mut best: Option<Vec<f64>> = None;
        let mut declined = [false; 11];
        for step in 0..48 {
            let comb = comb(-12.0 + 0.5 * f64::from(step));
            let found = received(&network, &equipment, &route, &comb).line_gsnr_db(Bandwidth::Signal);
            if let Some(before) = &best {
                for (channel, (now, before)) in found.iter().zip(before).enumerate() {
                    prop_assert!(
                        !declined[channel] || *now <= before + ROUNDING_DB,
                        "channel {} rises again, from {} dB to {} dB", channel, before, now
                    );
                    declined[channel] |= *now < before - ROUNDING_DB;
                }
            }
            best = Some(found);
        }
        prop_assert!(declined.iter().all(|&declined| declined), "the optimum was passed");
    }

    #[test]
    fn a_splice_without_loss_changes_nothing(links in links()) {
        let equipment = library(5.5);
        let line = designed(&row(&links), &equipment);
        let route = through(&line, links.len());
        let before = gsnr(&line.network, &equipment, &route);
        let kind = |index: ElementIndex| &line.network.element(index).kind;
        let mut tried = 0;
        for place in 1..route.len() {
            let (here, there) = (route[place - 1], route[place]);
            let pair = [kind(here), kind(there)];
            let beside = pair.iter().any(|kind| is_amplifier(kind) || matches!(kind, ElementKind::Roadm(_)));
            if !beside || pair.iter().any(|kind| matches!(kind, ElementKind::Transceiver)) {
                continue;
            }
            let mut network = line.network.clone();
            let splice = ElementKind::Fused(Fused { loss_db: 0.0 });
            let splice = Element { uid: "splice".to_owned(), kind: splice, location: None };
            let splice = network.insert_between(here, splice, there).expect("a new name");
            let mut longer = route.clone();
            longer.insert(place, splice);
            for (now, before) in gsnr(&network, &equipment, &longer).iter().zip(&before) {
                prop_assert!((now - before).abs() <= ROUNDING_DB, "{} dB instead of {} dB", now, before);
            }
            tried += 1;
        }
        prop_assert!(tried >= 2 * links.len());
    }

    #[test]
    fn the_order_of_the_input_changes_nothing(
        links in links(),
        keys in prop::collection::vec(any::<u32>(), 12),
        turned in prop::collection::vec(any::<bool>(), 4),
    ) {
        let (equipment, topology) = (library(5.5), row(&links));
        let (mut shuffled, mut other) = (equipment.clone(), topology.clone());
        shuffle(&mut shuffled.amplifiers, &keys);
        shuffle(&mut other.nodes, &keys[3..]);
        shuffle(&mut other.links, &keys[7..]);
        for (link, turned) in other.links.iter_mut().zip(&turned) {
            if *turned {
                turn(link);
            }
        }
        let (one, two) = (designed(&topology, &equipment), designed(&other, &shuffled));
        prop_assert_eq!(by_name(&one.network, &equipment), by_name(&two.network, &shuffled));
        let hops = |topology: &Topology| -> Vec<Hop> {
            let hop = |at: usize| {
                let id = format!("L{at}");
                let link = topology.links.iter().find(|link| link.id == id).expect("it is there");
                let forward = link.a == format!("N{at}");
                let direction = if forward { Direction::Ab } else { Direction::Ba };
                Hop { link: id, fibre: "1".to_owned(), direction }
            };
            (0..topology.links.len()).map(hop).collect()
        };
        let first = gsnr(&one.network, &equipment, &one.route(&hops(&topology)).expect("a route"));
        let second = gsnr(&two.network, &shuffled, &two.route(&hops(&other)).expect("a route"));
        prop_assert_eq!(first, second);
    }
}

#[test]
fn light_gets_over_every_link_of_the_samples() {
    let equipment = library(5.5);
    for name in ["nsfnet", "italy"] {
        let file = format!("{}/../samples/{name}/topology.json", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::read(file).expect("the sample ships with the project");
        let topology: Topology = serde_json::from_slice(&file).expect("a topology");
        let line = designed(&topology, &equipment);
        let propagation = Propagation::new(&line.network, &equipment, &Solver::default());
        for link in &topology.links {
            for direction in [Direction::Ab, Direction::Ba] {
                let hop = Hop { link: link.id.clone(), fibre: "1".to_owned(), direction };
                let route = line.route(&[hop]).expect("a route");
                let received =
                    propagation.run(&route, &comb(0.0), &mut Gains::default()).expect("light arrives");
                let gsnr = received.gsnr_db(Bandwidth::Nanometre01);
                assert_eq!(gsnr.len(), 11);
                assert!(gsnr.iter().all(|gsnr| (10.0..40.0).contains(gsnr)), "{name} {}: {gsnr:?}", link.id);
            }
        }
    }
}

/// Another order, by keys.
fn shuffle<T: Clone>(items: &mut Vec<T>, keys: &[u32]) {
    let mut keyed: Vec<(u32, usize)> = (0..items.len()).map(|at| (keys[at % keys.len()], at)).collect();
    keyed.sort_unstable();
    *items = keyed.into_iter().map(|(_, at)| items[at].clone()).collect();
}

/// The same link, written down from its other end.
fn turn(link: &mut Link) {
    std::mem::swap(&mut link.a, &mut link.b);
    for fibre in &mut link.fibres {
        fibre.spans_ab.reverse();
    }
}

/// What every element is and is set to, by its name; amplifier types by theirs.
fn by_name(network: &LineNetwork, equipment: &Equipment) -> BTreeMap<String, String> {
    let describe = |element: &Element| match &element.kind {
        ElementKind::Amplifier(amplifier) => {
            let of_type = amplifier.amplifier_type.map(|of_type| &equipment.amplifiers[of_type].name);
            format!("{of_type:?} {:?}", amplifier.working_point)
        }
        kind => format!("{kind:?}"),
    };
    network.elements().iter().map(|element| (element.uid.clone(), describe(element))).collect()
}
