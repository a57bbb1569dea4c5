//! A lit line against full propagation: each link of a row of sites with the channels that are really on it, at the
//! powers they have there.

mod lines;

use std::collections::BTreeSet;
use std::sync::Arc;

use lines::{add, amplifier, equipment, fibre, roadm};
use optics::equipment::Equalisation;
use optics::line::{ElementIndex, ElementKind, LineNetwork};
use optics::propagation::{Bandwidth, Channel, Comb, Gains, LitError, LitLine, LitPath, Propagation, Solver};
use proptest::prelude::*;

const SITES: usize = 4;

/// A row of sites, one way.
struct Row {
    network: LineNetwork,
    transceivers: Vec<ElementIndex>,
    roadms: Vec<ElementIndex>,
    /// What lies between a site and the next.
    links: Vec<Vec<ElementIndex>>,
    targets_dbm: Vec<f64>,
}

/// A span for each link: length in m, distance of the gain to the loss in dB, tilt in dB; and the targets of the sites.
fn row(spans: &[(f64, f64, f64)], targets_dbm: &[f64], kind: usize) -> Row {
    let mut network = LineNetwork::default();
    let mut transceivers = Vec::new();
    let mut roadms = Vec::new();
    for (at, &target_dbm) in targets_dbm.iter().enumerate() {
        transceivers.push(add(&mut network, &format!("trx {at}"), ElementKind::Transceiver));
        let kind = roadm(Equalisation::PowerDbm(target_dbm));
        roadms.push(add(&mut network, &format!("roadm {at}"), kind));
    }
    let link = |(at, &(length_m, gain_off_db, tilt_db)): (usize, &(f64, f64, f64))| {
        let gain_db = length_m * 2e-4 + 1.0 + gain_off_db;
        vec![
            add(&mut network, &format!("booster {at}"), amplifier(kind, 18.0, 0.0)),
            add(&mut network, &format!("fibre {at}"), fibre(length_m, 0.2)),
            add(&mut network, &format!("preamp {at}"), amplifier(kind, gain_db, tilt_db)),
        ]
    };
    let links = spans.iter().enumerate().map(link).collect();
    Row { network, transceivers, roadms, links, targets_dbm: targets_dbm.to_vec() }
}

impl Row {
    fn route(&self, from: usize, to: usize) -> Vec<ElementIndex> {
        let mut route = vec![self.transceivers[from], self.roadms[from]];
        for link in from..to {
            route.extend(&self.links[link]);
            route.push(self.roadms[link + 1]);
        }
        route.push(self.transceivers[to]);
        route
    }
}

fn channel(slot: usize, wide: bool) -> Channel {
    Channel {
        frequency_hz: 191.5e12 + 100e9 * slot as f64,
        baud_rate: if wide { 64e9 } else { 32e9 },
        slot_width_hz: if wide { 75e9 } else { 50e9 },
        roll_off: 0.15,
        offset_db: if wide { 1.0 } else { 0.0 },
        tx_osnr_db: 40.0,
        tx_power_dbm: 0.0,
    }
}

/// What each lightpath receives (signal over all noise of the line, in dB, and power, in dBm), link by link: every link is
/// sent its channels from a transmitter that has the powers that arrive there.
fn link_by_link(row: &Row, propagation: &Propagation, paths: &[(usize, usize, Channel)]) -> Vec<(f64, f64)> {
    let mut kept = vec![1.0; paths.len()];
    let mut power_dbm: Vec<f64> = paths.iter().map(|path| path.2.tx_power_dbm).collect();
    for link in 0..SITES - 1 {
        let mut on: Vec<usize> =
            (0..paths.len()).filter(|&at| (paths[at].0..paths[at].1).contains(&link)).collect();
        on.sort_by(|&a, &b| paths[a].2.frequency_hz.total_cmp(&paths[b].2.frequency_hz));
        if on.is_empty() {
            continue;
        }
        let channels = on.iter().map(|&at| Channel { tx_power_dbm: power_dbm[at], ..paths[at].2 });
        let comb = Comb::new(channels.collect()).expect("channels that fit beside each other");
        let route = row.route(link, link + 1);
        let (received, passed) =
            propagation.run_traced(&route, &comb, &mut Gains::default()).expect("light arrives");
        assert_eq!(received.comb().len(), on.len());
        // behind the last amplifier, before the ROADM at the end
        let last = &passed[passed.len() - 3];
        assert_eq!(last.element, row.links[link][2]);
        for (channel, &at) in on.iter().enumerate() {
            let noise_w = last.ase_w[channel] + last.nli_w[channel];
            kept[at] *= last.power_w[channel] / (last.power_w[channel] - noise_w);
            power_dbm[at] = 10.0 * (last.power_w[channel] * 1e3).log10();
        }
    }
    let arrived = |(at, (kept, power_dbm)): (usize, (&f64, f64))| {
        // the last ROADM attenuates to its target too
        let target_dbm = row.targets_dbm[paths[at].1] + paths[at].2.offset_db;
        (-10.0 * (kept - 1.0).log10(), power_dbm.min(target_dbm))
    };
    kept.iter().zip(power_dbm).enumerate().map(arrived).collect()
}

/// Channels that overlap on no link: each in a slot of its own where another is in the way.
fn placed(wanted: &[(usize, usize, usize, bool)]) -> Vec<(usize, usize, Channel)> {
    let mut taken: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut paths = Vec::new();
    for &(from, hops, slot, wide) in wanted {
        let to = (from + 1 + hops).min(SITES - 1);
        if (from..to).any(|link| taken.contains(&(link, slot))) {
            continue;
        }
        taken.extend((from..to).map(|link| (link, slot)));
        paths.push((from, to, channel(slot, wide)));
    }
    paths
}

fn lit(row: &Row, paths: &[(usize, usize, Channel)]) -> Vec<LitPath> {
    let path =
        |&(from, to, channel): &(usize, usize, Channel)| LitPath { route: row.route(from, to), channel };
    paths.iter().map(path).collect()
}

fn assert_lit(row: &Row, paths: &[(usize, usize, Channel)]) -> bool {
    let equipment = equipment();
    let propagation = Arc::new(Propagation::new(&row.network, &equipment, &Solver::default()));
    let line = LitLine::new(Arc::clone(&propagation), lit(row, paths)).expect("light arrives");
    // one after the other: the same light
    let dark = LitLine::new(Arc::clone(&propagation), Vec::new()).expect("nothing can go wrong");
    let one_by_one = lit(row, paths)
        .into_iter()
        .try_fold(dark, |line, path| line.with(vec![path]))
        .expect("light arrives");
    for (at, (gsnr_db, power_dbm)) in link_by_link(row, &propagation, paths).into_iter().enumerate() {
        let received = line.received(at);
        let line_gsnr_db = received.line_gsnr_db(Bandwidth::Signal)[0];
        assert!((line_gsnr_db - gsnr_db).abs() < 1e-6, "lightpath {at}: {line_gsnr_db} is not {gsnr_db} dB");
        assert!((received.power_dbm()[0] - power_dbm).abs() < 1e-6, "lightpath {at}");
        let same = one_by_one.received(at).line_gsnr_db(Bandwidth::Signal)[0];
        assert!((line_gsnr_db - same).abs() < 1e-9, "lightpath {at}: {line_gsnr_db} is not {same} dB");
        // what does not depend on others is that of the channel alone
        let alone = Comb::new(vec![paths[at].2]).expect("a channel");
        let route = row.route(paths[at].0, paths[at].1);
        let alone = propagation.run(&route, &alone, &mut Gains::default()).expect("light arrives");
        let added = |of: &optics::propagation::Received| {
            let noise = |db: f64| 10_f64.powf(-db / 10.0);
            noise(of.gsnr_db(Bandwidth::Signal)[0]) - noise(of.line_gsnr_db(Bandwidth::Signal)[0])
        };
        assert!((added(&received) / added(&alone) - 1.0).abs() < 1e-6, "noise of ROADMs and transmitter");
        for (own, other) in [
            (received.cd_ps_per_nm()[0], alone.cd_ps_per_nm()[0]),
            (received.pmd_ps()[0], alone.pmd_ps()[0]),
            (received.pdl_db()[0], alone.pdl_db()[0]),
            (received.latency_ms(), alone.latency_ms()),
        ] {
            assert!((own - other).abs() < 1e-6 * other.abs().max(1.0), "{own} is not {other}");
        }
    }
    line.is_levelled()
}

#[test]
fn weak_channels_are_followed_from_link_to_link() {
    // spans that lose more than amplifiers make up for: behind the first, no channel reaches its target
    let weak = row(&[(100e3, -19.0, 1.0); 3], &[-20.0; SITES], lines::MEDIUM);
    let paths = [
        (0, 3, channel(0, false)),
        (0, 1, channel(1, true)),
        (1, 3, channel(2, false)),
        (2, 3, channel(1, true)),
    ];
    assert!(!assert_lit(&weak, &paths));
    let strong = row(&[(80e3, 0.0, 0.0); 3], &[-20.0; SITES], lines::MEDIUM);
    assert!(assert_lit(&strong, &paths));
}

#[test]
fn a_channel_feels_only_those_on_its_own_links() {
    let row = row(&[(100e3, 0.0, 0.0); 3], &[-18.0; SITES], lines::MEDIUM);
    let equipment = equipment();
    let propagation = Arc::new(Propagation::new(&row.network, &equipment, &Solver::default()));
    let probe = (0, 1, channel(5, false));
    let gsnr_db = |others: &[(usize, usize, Channel)]| {
        let line = LitLine::new(Arc::clone(&propagation), lit(&row, &[&[probe], others].concat()));
        line.expect("light arrives").received(0).gsnr_db(Bandwidth::Nanometre01)[0]
    };
    let alone = gsnr_db(&[]);
    assert!((gsnr_db(&[(1, 3, channel(4, false)), (2, 3, channel(6, false))]) - alone).abs() < 1e-12);
    assert!(gsnr_db(&[(0, 1, channel(4, false)), (0, 3, channel(6, false))]) < alone - 1e-3);
}

#[test]
fn a_site_adds_and_drops_the_same_frequency_once_for_each_neighbour() {
    // a site in the middle with two neighbours: from both it drops, and to both it adds, the same channel
    let there = row(&[(100e3, 0.0, 0.0); 3], &[-18.0; SITES], lines::MEDIUM);
    let Row { mut network, transceivers, roadms, mut links, targets_dbm } = there;
    links.push(vec![
        add(&mut network, "booster back", amplifier(lines::MEDIUM, 18.0, 0.0)),
        add(&mut network, "fibre back", fibre(90e3, 0.2)),
        add(&mut network, "preamp back", amplifier(lines::MEDIUM, 19.0, 0.0)),
    ]);
    let back = links.pop().expect("it was pushed");
    let equipment = equipment();
    let propagation = Arc::new(Propagation::new(&network, &equipment, &Solver::default()));
    let there = Row { network, transceivers, roadms, links, targets_dbm };
    let round = |from: usize, to: usize| {
        let mut route = vec![there.transceivers[from], there.roadms[from]];
        route.extend(&back);
        route.extend([there.roadms[to], there.transceivers[to]]);
        route
    };
    let same = channel(3, false);
    // 0 to 1 and 2 back to 1 are dropped at 1; 1 to 2 and 2 back to 1 begin at different sites; 2 to 3 is added at 2
    let routes = [there.route(0, 1), round(2, 1), there.route(1, 2), there.route(2, 3)];
    let path = |route: &Vec<ElementIndex>| LitPath { route: route.clone(), channel: same };
    let line =
        LitLine::new(Arc::clone(&propagation), routes.iter().map(path).collect()).expect("room for all");
    for (at, route) in routes.iter().enumerate() {
        let alone = LitLine::new(Arc::clone(&propagation), vec![path(route)]).expect("light arrives");
        let gsnr_db = |line: &LitLine, at| line.received(at).gsnr_db(Bandwidth::Signal)[0];
        assert!((gsnr_db(&line, at) - gsnr_db(&alone, 0)).abs() < 1e-12, "lightpath {at} shares no fibre");
    }
}

#[test]
fn what_cannot_be_lit_is_refused_by_name() {
    let row = row(&[(100e3, 0.0, 0.0); 3], &[-18.0; SITES], lines::MEDIUM);
    let equipment = equipment();
    let propagation = Arc::new(Propagation::new(&row.network, &equipment, &Solver::default()));
    let refused = |paths: &[(usize, usize, Channel)]| {
        LitLine::new(Arc::clone(&propagation), lit(&row, paths)).expect_err("refused")
    };
    let clash = refused(&[(0, 2, channel(0, false)), (1, 3, channel(0, true))]);
    assert!(matches!(&clash, LitError::Comb { behind, .. } if behind == "roadm 1"), "{clash:?}");
    let outside = Channel { frequency_hz: 180e12, ..channel(0, false) };
    let outside = refused(&[(0, 1, channel(0, false)), (0, 2, outside)]);
    assert!(matches!(outside, LitError::OutsideBand { path: 1, .. }), "{outside:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_lit_line_is_its_links_fully_propagated(
        spans in prop::collection::vec((80e3..110e3, prop_oneof![-3.0..1.0, -16.0..-12.0], prop_oneof![Just(0.0), -1.5..1.5]), SITES - 1),
        targets_dbm in prop::collection::vec(-22.0..-15.0, SITES),
        kind in 0..4_usize,
        wanted in prop::collection::vec((0..SITES - 1, 0..3_usize, 0..20_usize, any::<bool>()), 1..24),
    ) {
        assert_lit(&row(&spans, &targets_dbm, kind), &placed(&wanted));
    }
}
