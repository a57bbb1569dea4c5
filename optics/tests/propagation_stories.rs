//! Light along short lines: what is received, and what is refused with which words.

mod lines;

use lines::{MEDIUM, WEAK, add, amplifier, equipment, fibre, line, roadm};
use optics::equipment::Equalisation;
use optics::equipment::fibre::PerFrequency;
use optics::line::{ElementIndex, ElementKind, LineNetwork, RamanPump, RamanPumping, Spectrum};
use optics::propagation::solver::{ComputedChannels, Ggn, NliSolver, RamanMethod, RamanSolver};
use optics::propagation::{
    Bandwidth, Channel, Comb, FoldedLine, FoldedRoute, Gains, Propagation, PropagationError, Received, Solver,
};

const CHANNEL: Channel = Channel {
    frequency_hz: 193.4e12,
    baud_rate: 32e9,
    slot_width_hz: 50e9,
    roll_off: 0.15,
    offset_db: 0.0,
    tx_osnr_db: 40.0,
    tx_power_dbm: 0.0,
};

fn alone() -> Comb {
    Comb::new(vec![CHANNEL]).expect("a channel")
}

/// source, ROADM, what is given, ROADM, destination.
fn between_roadms(kinds: Vec<ElementKind>) -> (LineNetwork, Vec<ElementIndex>) {
    let mut network = LineNetwork::default();
    let ends = |at: &str| (format!("transceiver {at}"), format!("roadm {at}"));
    let (source, first) = ends("a");
    let mut route = vec![
        add(&mut network, &source, ElementKind::Transceiver),
        add(&mut network, &first, roadm(Equalisation::PowerDbm(-20.0))),
    ];
    for (at, kind) in kinds.into_iter().enumerate() {
        route.push(add(&mut network, &format!("element {at}"), kind));
    }
    let (destination, last) = ends("z");
    route.push(add(&mut network, &last, roadm(Equalisation::PowerDbm(-20.0))));
    route.push(add(&mut network, &destination, ElementKind::Transceiver));
    (network, route)
}

fn run(kinds: Vec<ElementKind>, comb: &Comb, solver: &Solver) -> Result<Received, PropagationError> {
    let (network, route) = between_roadms(kinds);
    Propagation::new(&network, &equipment(), solver).run(&route, comb, &mut Gains::default())
}

fn changed(mut kind: ElementKind, change: impl FnOnce(&mut optics::line::Fibre)) -> ElementKind {
    if let ElementKind::Fibre(fibre) = &mut kind {
        change(fibre);
    }
    kind
}

#[test]
fn a_single_channel_arrives() {
    let kinds =
        || vec![amplifier(lines::OPENROADM, 20.0, 0.5), fibre(80e3, 0.2), amplifier(MEDIUM, 17.0, 1.0)];
    let received = run(kinds(), &alone(), &Solver::default()).expect("light arrives");
    let gsnr_db = received.gsnr_db(Bandwidth::Nanometre01);
    assert_eq!(gsnr_db.len(), 1);
    assert!(gsnr_db[0] > 25.0 && gsnr_db[0] < 38.0, "{gsnr_db:?}");
    assert!((received.power_dbm()[0] + 20.0).abs() < 1e-9, "the last ROADM attenuates to its target");
    assert!((received.cd_ps_per_nm()[0] - 1336.0).abs() < 1e-6);
}

#[test]
fn every_model_of_interference_tells_about_the_same() {
    let kinds = || vec![amplifier(MEDIUM, 20.0, 0.0), fibre(80e3, 0.2), amplifier(MEDIUM, 17.0, 0.0)];
    let comb = Comb::uniform(193.1e12, 9, CHANNEL).expect("channels");
    let snr_db = |nli: NliSolver| {
        let solver = Solver { nli, ..Solver::default() };
        run(kinds(), &comb, &solver).expect("light arrives").snr_nli_db(Bandwidth::Signal)[4]
    };
    let closed = snr_db(NliSolver::GnClosedForm);
    let coarse = Ggn { channels: ComputedChannels::These(vec![4]), ..Ggn::default() };
    for nli in [NliSolver::GgnSeparated(coarse.clone()), NliSolver::GgnApproximate(coarse)] {
        let other = snr_db(nli.clone());
        assert!((closed - other).abs() < 1.0, "{nli:?}: {other} dB against {closed} dB");
    }
}

#[test]
fn saturated_gain_stays_lowered_for_those_who_keep_it() {
    let (network, route) = between_roadms(vec![amplifier(WEAK, 20.0, 0.0), fibre(80e3, 0.2)]);
    let propagation = Propagation::new(&network, &equipment(), &Solver::default());
    let full = Comb::uniform(191.25e12, 96, CHANNEL).expect("channels");
    let mut gains = Gains::default();
    let alone_before = propagation.run(&route, &alone(), &mut gains).expect("light arrives");
    assert_eq!(gains, Gains::default(), "one channel saturates nothing");
    propagation.run(&route, &full, &mut gains).expect("light arrives");
    let lowered = gains.of(route[2], 0).expect("96 channels saturate it");
    assert!(lowered < 14.3, "{lowered} dB: from -0.2 dBm to 14 dBm");
    let alone_after = propagation.run(&route, &alone(), &mut gains).expect("light arrives");
    assert!(alone_after.power_dbm()[0] < alone_before.power_dbm()[0] - 2.0);
    let fresh = propagation.run(&route, &alone(), &mut Gains::default()).expect("light arrives");
    assert_eq!(fresh, alone_before);
}

#[test]
fn channels_outside_the_amplifiers_stay_behind() {
    let outside = CHANNEL.at(191.22e12);
    let comb = Comb::new(vec![CHANNEL, outside]).expect("channels");
    let kinds = || vec![amplifier(MEDIUM, 20.0, 0.0)];
    assert_eq!(run(kinds(), &comb, &Solver::default()).expect("light arrives").comb().len(), 1);
    let comb = Comb::new(vec![outside]).expect("a channel");
    assert_eq!(run(kinds(), &comb, &Solver::default()), Err(PropagationError::NoChannel));
}

#[test]
fn what_cannot_be_passed_is_named_with_its_field() {
    let refused =
        |kind: ElementKind| run(vec![kind], &alone(), &Solver::default()).expect_err("refused").to_string();
    let words = [
        (ElementKind::Amplifier(Box::default()), ["element 0", "type"]),
        (amplifier(99, 20.0, 0.0), ["element 0", "library"]),
        (amplifier(MEDIUM, f64::NAN, 0.0), ["element 0", "gain"]),
        (changed(fibre(80e3, 0.2), |fibre| fibre.connector_in_db = None), ["element 0", "con_in"]),
        (fibre(-1.0, 0.2), ["element 0", "length"]),
        (fibre(80e3, 0.0), ["element 0", "loss_coef"]),
        (changed(fibre(80e3, 0.2), |fibre| fibre.effective_area_m2 = 0.0), ["element 0", "effective_area"]),
        (
            changed(fibre(80e3, 0.2), |fibre| {
                let table = PerFrequency { frequency_hz: vec![190e12, 192e12], value: vec![0.2, 0.2] };
                fibre.loss_db_per_km = Spectrum::Table(table);
            }),
            ["element 0", "193.4 THz"],
        ),
        (
            changed(fibre(80e3, 0.2), |fibre| {
                fibre.raman = Some(RamanPumping { temperature_k: 283.0, pumps: Vec::new() });
            }),
            ["element 0", "Raman"],
        ),
    ];
    for (kind, expected) in words {
        let text = refused(kind);
        assert!(expected.iter().all(|word| text.contains(word)), "{text} names {expected:?}");
    }
}

#[test]
fn routes_lead_from_transceiver_to_transceiver() {
    let (network, route) = between_roadms(vec![fibre(80e3, 0.2)]);
    let propagation = Propagation::new(&network, &equipment(), &Solver::default());
    for bad in [&route[1..], &route[..3], &[], &[0, 99, 4], &[route[0], route[4], route[0]]] {
        let received = propagation.run(bad, &alone(), &mut Gains::default());
        assert_eq!(received, Err(PropagationError::NotARoute), "{bad:?}");
    }
}

#[test]
fn solvers_that_lead_nowhere_are_refused() {
    let ggn = |change: fn(&mut Ggn)| {
        let mut settings = Ggn::default();
        change(&mut settings);
        Solver { nli: NliSolver::GgnSeparated(settings), ..Solver::default() }
    };
    let order = RamanSolver { method: RamanMethod::Perturbative { order: 7 }, ..RamanSolver::default() };
    for (solver, expected) in [
        (ggn(|settings| settings.dispersion_tolerance = 0.0), "dispersion_tolerance"),
        (ggn(|settings| settings.channels = ComputedChannels::These(vec![3])), "computed_channels"),
        (ggn(|settings| settings.channels = ComputedChannels::Spread(0)), "computed_number_of_channels"),
        (Solver { raman: Some(order), ..Solver::default() }, "order"),
        (
            Solver { raman: Some(RamanSolver { step_m: 0.0, ..order }), ..Solver::default() },
            "solver_spatial_resolution",
        ),
    ] {
        let text = run(vec![fibre(80e3, 0.2)], &alone(), &solver).expect_err("refused").to_string();
        assert!(text.contains(expected), "{text} names {expected}");
    }
}

#[test]
fn pumps_lift_light_and_make_noise() {
    let pump = RamanPump { power_w: 0.2, frequency_hz: 205e12, co_propagating: false };
    let pumped = |pumps: Vec<RamanPump>| {
        let fibre = changed(fibre(80e3, 0.2), |fibre| {
            fibre.raman = Some(RamanPumping { temperature_k: 283.0, pumps });
        });
        let solver = Solver {
            raman: Some(RamanSolver { step_m: 200.0, ..RamanSolver::default() }),
            ..Solver::default()
        };
        let (network, route) = between_roadms(vec![amplifier(MEDIUM, 20.0, 0.0), fibre]);
        let propagation = Propagation::new(&network, &equipment(), &solver);
        let (_, passed) =
            propagation.run_traced(&route, &alone(), &mut Gains::default()).expect("light arrives");
        let behind = &passed[3];
        (behind.power_w[0], behind.ase_w[0] / behind.power_w[0])
    };
    let (dark_w, dark_noise) = pumped(Vec::new());
    let (lit_w, lit_noise) = pumped(vec![pump]);
    assert!(lit_w / dark_w > 2.0 && lit_w / dark_w < 30.0, "on-off gain {}", lit_w / dark_w);
    assert!(lit_noise > dark_noise);
}

#[test]
fn runs_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Propagation>();
    shared::<FoldedLine<'_>>();
    shared::<FoldedRoute>();
    let line = line(4, 2, 0.0);
    let propagation = Propagation::new(&line.network, &line.equipment, &Solver::default());
    let comb = lines::comb();
    let run = || propagation.run(&line.route, &comb, &mut Gains::default()).expect("light arrives");
    let expected = run();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for other in others {
            assert_eq!(other.join().expect("no panic"), expected);
        }
    });
}
