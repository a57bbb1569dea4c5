//! A folded route is the route: on random networks, what the links' product says is what full propagation says.

mod lines;

use lines::{add, amplifier, equipment, fibre, roadm};
use optics::equipment::Equalisation;
use optics::line::{ElementIndex, ElementKind, Fused, LineNetwork};
use optics::propagation::{
    Bandwidth, Channel, Comb, FoldedLine, Gains, Partition, Propagation, Received, Solver,
};
use proptest::prelude::*;

const SITES: usize = 4;

/// A span: length in m, loss in dB/km, and the amplifier behind with its distance to the loss, in dB.
#[derive(Clone, Debug)]
struct Span {
    length_m: f64,
    loss_db_per_km: f64,
    amplifier: usize,
    gain_off_db: f64,
    tilt_db: f64,
}

#[derive(Clone, Debug)]
struct Plan {
    /// From each site to each other one.
    links: Vec<Vec<Span>>,
    targets: Vec<Equalisation>,
    routes: Vec<Vec<usize>>,
    mixed: bool,
    offset_db: f64,
    tx_power_dbm: f64,
}

struct Built {
    network: LineNetwork,
    routes: Vec<Vec<ElementIndex>>,
}

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let span = (40e3..110e3, 0.18..0.24, 0..4_usize, -2.0..1.0, prop_oneof![Just(0.0), -1.5..1.5]).prop_map(
        |(length_m, loss_db_per_km, amplifier, gain_off_db, tilt_db)| Span {
            length_m,
            loss_db_per_km,
            amplifier,
            gain_off_db,
            tilt_db,
        },
    );
    prop::collection::vec(span, 1..4)
}

fn target() -> impl Strategy<Value = Equalisation> {
    prop_oneof![
        (-25.0..-14.0).prop_map(Equalisation::PowerDbm),
        (1e-4..8e-4).prop_map(Equalisation::DensityMwPerGhz),
        (1e-4..8e-4).prop_map(Equalisation::SlotDensityMwPerGhz),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let route = (Just((0..SITES).collect::<Vec<_>>()).prop_shuffle(), 2..=SITES)
        .prop_map(|(order, length)| order[..length].to_vec());
    (
        prop::collection::vec(spans(), SITES * SITES),
        prop::collection::vec(target(), SITES),
        prop::collection::vec(route, 3..6),
        any::<bool>(),
        -1.0..2.0,
        prop_oneof![Just(0.0), Just(-18.0)],
    )
        .prop_map(|(links, targets, routes, mixed, offset_db, tx_power_dbm)| Plan {
            links,
            targets,
            routes,
            mixed,
            offset_db,
            tx_power_dbm,
        })
}

fn build(plan: &Plan) -> Built {
    let mut network = LineNetwork::default();
    let site = |network: &mut LineNetwork, at: usize| {
        let transceivers = [format!("add {at}"), format!("drop {at}")]
            .map(|uid| add(network, &uid, ElementKind::Transceiver));
        let roadm = add(network, &format!("roadm {at}"), roadm(plan.targets[at]));
        (transceivers, roadm)
    };
    let sites: Vec<_> = (0..SITES).map(|at| site(&mut network, at)).collect();
    let mut links = vec![Vec::new(); SITES * SITES];
    for (position, spans) in
        plan.links.iter().enumerate().filter(|(position, _)| position / SITES != position % SITES)
    {
        let name = |what: &str, at: usize| format!("{what} {at} of link {position}");
        let link = &mut links[position];
        link.push(add(&mut network, &name("booster", 0), amplifier(spans[0].amplifier, 18.0, 0.0)));
        for (at, span) in spans.iter().enumerate() {
            link.push(add(&mut network, &name("fibre", at), fibre(span.length_m, span.loss_db_per_km)));
            link.push(add(&mut network, &name("splice", at), ElementKind::Fused(Fused { loss_db: 0.3 })));
            let gain_db = span.length_m * 1e-3 * span.loss_db_per_km + 1.3 + span.gain_off_db;
            link.push(add(
                &mut network,
                &name("amplifier", at),
                amplifier(span.amplifier, gain_db, span.tilt_db),
            ));
        }
    }
    let routes = plan
        .routes
        .iter()
        .map(|stops| {
            let mut route = vec![sites[stops[0]].0[0], sites[stops[0]].1];
            for pair in stops.windows(2) {
                route.extend(&links[pair[0] * SITES + pair[1]]);
                route.push(sites[pair[1]].1);
            }
            route.push(sites[stops[stops.len() - 1]].0[1]);
            route
        })
        .collect();
    Built { network, routes }
}

fn comb(plan: &Plan) -> Comb {
    let narrow = Channel {
        frequency_hz: 0.0,
        baud_rate: 32e9,
        slot_width_hz: 50e9,
        roll_off: 0.15,
        offset_db: 0.0,
        tx_osnr_db: 40.0,
        tx_power_dbm: plan.tx_power_dbm,
    };
    if !plan.mixed {
        return Comb::uniform(191.3e12, 37, narrow).expect("channels that fit beside each other");
    }
    let wide = Channel {
        baud_rate: 64e9,
        slot_width_hz: 75e9,
        offset_db: plan.offset_db,
        tx_osnr_db: 36.0,
        ..narrow
    };
    Comb::mixed(&[
        Partition { f_min_hz: 191.4e12, f_max_hz: 192.4e12, channel: narrow },
        Partition { f_min_hz: 193.5e12, f_max_hz: 194.4e12, channel: wide },
    ])
    .expect("light arrives")
}

/// The largest difference of two receptions, in the unit of each quantity.
fn difference(a: &Received, b: &Received) -> f64 {
    let all = |received: &Received| {
        [
            received.gsnr_db(Bandwidth::Signal),
            received.gsnr_db(Bandwidth::Nanometre01),
            received.osnr_db(Bandwidth::Signal),
            received.snr_nli_db(Bandwidth::Signal),
            received.line_gsnr_db(Bandwidth::Signal),
            received.power_dbm(),
            received.cd_ps_per_nm(),
            received.pmd_ps(),
            received.pdl_db(),
            vec![received.latency_ms()],
        ]
        .concat()
    };
    all(a).iter().zip(all(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn assert_folds(plan: &Plan) -> (usize, usize) {
    let built = build(plan);
    let equipment = equipment();
    let propagation = Propagation::new(&built.network, &equipment, &Solver::default());
    let line = FoldedLine::new(&propagation);
    let comb = comb(plan);
    let mut unlevelled = 0;
    for route in &built.routes {
        let folded = line.route(route, &comb).expect("light arrives");
        let full = propagation.run(route, &comb, &mut Gains::default()).expect("light arrives");
        assert!(difference(&full, &folded.received()) < 1e-6, "{}", difference(&full, &folded.received()));
        let again = line.route(route, &comb).expect("light arrives");
        assert!(difference(&folded.received(), &again.received()) == 0.0, "asking twice changes nothing");
        for bandwidth in [Bandwidth::Signal, Bandwidth::Nanometre01] {
            let gsnr_db = full.gsnr_db(bandwidth);
            let lowest = gsnr_db.iter().copied().fold(f64::INFINITY, f64::min);
            let worst = folded.worst(bandwidth);
            assert!((worst.gsnr_db - lowest).abs() < 1e-6, "{} is not {lowest}", worst.gsnr_db);
            assert!((gsnr_db[worst.channel] - lowest).abs() < 1e-6);
        }
        unlevelled += usize::from(folded.first_unlevelled_link().is_some());
    }
    (unlevelled, built.routes.len())
}

#[test]
fn weak_neighbours_are_followed_link_by_link() {
    let span = Span {
        length_m: 100e3,
        loss_db_per_km: 0.22,
        amplifier: lines::MEDIUM,
        gain_off_db: -6.0,
        tilt_db: 1.0,
    };
    let plan = Plan {
        links: vec![vec![span; 3]; SITES * SITES],
        targets: vec![Equalisation::PowerDbm(-18.0); SITES],
        routes: vec![vec![0, 1, 2, 3], vec![1, 2], vec![3, 2, 1]],
        mixed: true,
        offset_db: 1.5,
        tx_power_dbm: 0.0,
    };
    assert_eq!(assert_folds(&plan), (3, 3), "every route has channels too weak for some ROADM");
}

#[test]
fn saturated_links_behind_levelled_roadms_are_shared() {
    let span =
        Span { length_m: 80e3, loss_db_per_km: 0.2, amplifier: lines::WEAK, gain_off_db: 1.0, tilt_db: 0.5 };
    let plan = Plan {
        links: vec![vec![span; 2]; SITES * SITES],
        targets: vec![Equalisation::PowerDbm(-20.0); SITES],
        routes: vec![vec![0, 1, 2, 3], vec![1, 2, 3], vec![3, 2, 1]],
        mixed: false,
        offset_db: 0.0,
        tx_power_dbm: 0.0,
    };
    assert_eq!(assert_folds(&plan), (0, 3), "every channel is attenuated to its target");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn folded_routes_are_fully_propagated_routes(plan in plan()) {
        assert_folds(&plan);
    }
}
