//! Requests served on designed meshes: merged, routed, lit, and given spectrum, or blocked with a reason.

use super::super::*;
use super::meshes::{include, mesh, request};
use crate::design::{Reference, complete, design};
use crate::equipment::amplifier::{AmplifierTables, AmplifierType, NoiseModel};
use crate::equipment::{Equalisation, Equipment, Mode, RoadmType, SpectralInformation, TransceiverType};
use crate::line::{ElementKind, LineNetwork};

fn mode(name: &str, min_spacing_hz: f64, bit_rate: f64, required_gsnr_db_01nm: f64) -> Mode {
    Mode {
        name: name.to_owned(),
        baud_rate: 32e9,
        bit_rate,
        required_gsnr_db_01nm,
        roll_off: 0.15,
        tx_osnr_db: 40.0,
        min_spacing_hz,
        cost: 1.0,
        equalisation_offset_db: 0.0,
        penalties: Vec::new(),
    }
}

/// Twelve channels of 50 GHz; 400G is never reached, 300G only on short routes.
fn library() -> Equipment {
    let transceiver = |name: &str, modes: Vec<Mode>| TransceiverType {
        name: name.to_owned(),
        f_min_hz: 193.0e12,
        f_max_hz: 193.6e12,
        modes,
    };
    Equipment {
        amplifiers: vec![AmplifierType {
            name: "any".to_owned(),
            f_min_hz: 192.9e12,
            f_max_hz: 193.75e12,
            gain_min_db: 0.0,
            gain_flatmax_db: 40.0,
            p_max_dbm: 25.0,
            noise: NoiseModel::FixedGain { nf_db: 6.0 },
            tables: AmplifierTables::default(),
            pmd_s: 0.0,
            pdl_db: 0.0,
            raman: false,
            allowed_for_design: true,
            out_voa_auto: false,
        }],
        roadms: vec![RoadmType {
            name: "default".to_owned(),
            equalisation: Equalisation::PowerDbm(-20.0),
            add_drop_osnr_db: 38.0,
            pmd_s: 0.0,
            pdl_db: 0.0,
            preamp_types: Vec::new(),
            booster_types: Vec::new(),
            profiles: Vec::new(),
        }],
        transceivers: vec![
            transceiver(
                "any",
                vec![
                    mode("100G", 50e9, 100e9, 11.0),
                    mode("200G", 50e9, 200e9, 15.0),
                    mode("300G", 50e9, 300e9, 23.5),
                    mode("400G", 50e9, 400e9, 60.0),
                ],
            ),
            transceiver("wide", vec![mode("600G", 75e9, 600e9, 11.0)]),
            transceiver("picky", vec![mode("400G", 50e9, 400e9, 60.0)]),
        ],
        spectral: vec![SpectralInformation {
            f_min_hz: 193.0e12,
            f_max_hz: 193.6e12,
            ..SpectralInformation::default()
        }],
        ..Equipment::default()
    }
}

fn designed(mut network: LineNetwork, library: &Equipment) -> LineNetwork {
    complete(&mut network, library).expect("completed");
    let reference = Reference::of(library, None).expect("a reference");
    design(&mut network, library, &reference).expect("designed");
    network
}

/// A row A-B-C, and a way round A-D-C.
fn square(library: &Equipment) -> LineNetwork {
    let links = [("A", "B", 60.0), ("B", "C", 60.0), ("A", "D", 90.0), ("D", "C", 90.0)];
    designed(mesh(&links), library)
}

/// What became of each request: its mode and slots, or the reason.
fn told(plan: &PathPlan) -> Vec<String> {
    let tell = |outcome: &Outcome| {
        let id = &outcome.request.id;
        if let Some(reason) = outcome.blocked {
            return format!("{id}: {reason}");
        }
        let slots: Vec<String> = outcome.slots.iter().map(|slot| format!(" {}/{}", slot.n, slot.m)).collect();
        format!("{id}: {}{}", outcome.mode.as_deref().unwrap_or("no mode"), slots.concat())
    };
    plan.outcomes.iter().map(tell).collect()
}

fn serve(requests: &[PathRequest], options: &PlanOptions) -> Vec<String> {
    let library = library();
    told(&plan_all(&square(&library), &library, requests, &[], options).expect("a plan"))
}

fn serve_default(requests: &[PathRequest]) -> Vec<String> {
    serve(requests, &PlanOptions::default())
}

#[test]
fn requests_are_served_first_come_first_fit() {
    let mut both_ways = request("2", "C", "A");
    both_ways.bidirectional = true;
    let asked = [request("1", "A", "B"), both_ways, request("3", "B", "C"), request("4", "D", "A")];
    // the band begins at n = −32, four pieces are kept free; the way back is taken too
    assert_eq!(serve_default(&asked), ["1: 100G -24/4", "2: 100G -16/4", "3: 100G -24/4", "4: 100G -24/4"]);
}

#[test]
fn equal_requests_are_served_as_one() {
    let mut wish = request("3", "A", "B");
    wish.slots = vec![SlotWish { n: Some(20), m: None }];
    let mut other = request("2", "A", "B");
    other.spacing_hz = 62.5e9;
    let asked = [request("1", "A", "B"), other, wish, request("4", "B", "A")];
    assert_eq!(
        serve_default(&asked),
        // 3 and 1 need 8 together; the wish for a centre comes first and takes all
        ["2: 100G -23/5", "3 | 1: 100G 20/8", "4: 100G -14/4"]
    );
}

#[test]
fn the_best_mode_that_works_is_chosen() {
    let open = |id: &str, from: &str, to: &str| PathRequest { mode: None, ..request(id, from, to) };
    let long = [("A", "B", 60.0), ("B", "C", 80.0), ("C", "D", 80.0), ("D", "E", 80.0), ("E", "F", 80.0)];
    let library = library();
    let network = designed(mesh(&long), &library);
    let plan = plan_all(
        &network,
        &library,
        &[open("1", "A", "B"), open("2", "A", "F")],
        &[],
        &PlanOptions::default(),
    );
    let plan = plan.expect("a plan");
    let modes: Vec<Option<&str>> = plan.outcomes.iter().map(|outcome| outcome.mode.as_deref()).collect();
    assert_eq!(modes, [Some("300G"), Some("200G")]);
    for outcome in &plan.outcomes {
        let metrics = outcome.metrics.expect("light arrived");
        assert!(metrics.min_gsnr_db_01nm <= metrics.mean_gsnr_db_01nm);
        assert!(metrics.mean_gsnr_db_01nm <= metrics.max_gsnr_db_01nm);
        assert!(metrics.mean_gsnr_db_01nm < metrics.mean_osnr_db_01nm);
        assert!(metrics.max_penalty_db.abs() < 1e-12);
        assert_eq!(metrics.mean_cd_penalty_db, None);
    }
}

#[test]
fn each_reason_for_blocking_is_told() {
    let with = |change: fn(&mut PathRequest)| {
        let mut request = request("1", "A", "C");
        change(&mut request);
        serve_default(&[request]).remove(0)
    };
    assert_eq!(with(|_| ()), "1: 100G -24/4");
    assert_eq!(with(|request| request.include = include("B D!")), "1: NO_PATH_WITH_CONSTRAINT");
    assert_eq!(
        with(|request| {
            request.transceiver = "wide".to_owned();
            request.mode = None;
        }),
        "1: NO_FEASIBLE_BAUDRATE_WITH_SPACING"
    );
    assert_eq!(
        with(|request| {
            request.transceiver = "picky".to_owned();
            request.mode = None;
        }),
        "1: NO_FEASIBLE_MODE"
    );
    assert_eq!(with(|request| request.mode = Some("400G".to_owned())), "1: MODE_NOT_FEASIBLE");
    assert_eq!(
        with(|request| request.slots = vec![SlotWish { n: None, m: Some(3) }]),
        "1: NOT_ENOUGH_RESERVED_SPECTRUM"
    );
    assert_eq!(
        with(|request| request.slots = vec![SlotWish { n: Some(103), m: Some(4) }]),
        "1: NO_SPECTRUM",
        "25 GHz are kept free at the upper end"
    );
    let library = library();
    let apart = designed(mesh(&[("A", "B", 60.0), ("C", "D", 60.0)]), &library);
    let plan = plan_all(&apart, &library, &[request("1", "A", "C")], &[], &PlanOptions::default());
    assert_eq!(told(&plan.expect("a plan")), ["1: NO_PATH"]);
}

#[test]
fn a_bad_way_back_blocks_too() {
    let library = library();
    let mut network = mesh(&[("A", "B", 50.0)]);
    let back = network.index_of("B>A").expect("a fibre");
    if let ElementKind::Fibre(fibre) = network.kind_mut(back) {
        fibre.length_m = 145e3;
    }
    let network = designed(network, &library);
    let one_way = PathRequest { mode: Some("300G".to_owned()), ..request("1", "A", "B") };
    let both_ways = PathRequest { bidirectional: true, id: "2".to_owned(), ..one_way.clone() };
    for (request, expected) in [(one_way, "1: 300G -24/4"), (both_ways, "2: MODE_NOT_FEASIBLE")] {
        let plan = plan_all(&network, &library, &[request], &[], &PlanOptions::default());
        assert_eq!(told(&plan.expect("a plan")), [expected]);
    }
}

#[test]
fn a_line_fills_up_from_the_end_its_policy_names() {
    let asked: Vec<PathRequest> = (0..17)
        .map(|id| PathRequest {
            reference_power_w: Some(1e-3 + f64::from(id) * 1e-9),
            ..request(&id.to_string(), "A", "B")
        })
        .collect();
    for (policy, first, last) in [
        (SpectrumPolicy::FirstFit, "0: 100G -24/4", "15: 100G 96/4"),
        (SpectrumPolicy::LastFit, "0: 100G 97/4", "15: 100G -23/4"),
        (SpectrumPolicy::BestFit, "0: 100G -24/4", "15: 100G 96/4"),
    ] {
        let told = serve(&asked, &PlanOptions { policy, ..PlanOptions::default() });
        assert_eq!((told[0].as_str(), told[15].as_str()), (first, last), "{policy:?}");
        assert_eq!(told[16], "16: NO_SPECTRUM");
    }
}

#[test]
fn requests_kept_apart_share_no_line() {
    let library = library();
    let network = square(&library);
    let asked = [request("1", "A", "C"), PathRequest { rate_bit_per_s: 2e11, ..request("2", "A", "C") }];
    let set = |requests: [&str; 2]| Synchronization {
        id: "apart".to_owned(),
        requests: requests.map(str::to_owned).to_vec(),
        relaxable: false,
        link_diverse: true,
        node_diverse: true,
    };
    let plan =
        plan_all(&network, &library, &asked, &[set(["1", "2"])], &PlanOptions::default()).expect("a plan");
    let passes =
        |outcome: &Outcome, uid: &str| outcome.route.contains(&network.index_of(uid).expect("a site"));
    assert!(passes(&plan.outcomes[0], "D") && passes(&plan.outcomes[1], "B"), "they are not merged either");
    assert_eq!(told(&plan), ["1: 100G -24/4", "2: 100G -20/8"]);
    let unknown = plan_all(&network, &library, &asked, &[set(["1", "7"])], &PlanOptions::default());
    assert!(matches!(unknown, Err(PathRequestError::UnknownInSet { .. })));

    let row = designed(mesh(&[("A", "B", 60.0), ("B", "C", 60.0)]), &library);
    let plan = plan_all(&row, &library, &asked, &[set(["1", "2"])], &PlanOptions::default()).expect("a plan");
    assert_eq!(told(&plan), ["1: NO_PATH_WITH_CONSTRAINT", "2: NO_PATH_WITH_CONSTRAINT"]);
}

#[test]
fn a_line_designed_for_the_request_has_its_power() {
    let library = library();
    let network = square(&library);
    let loud = PathRequest { reference_power_w: Some(2e-3), ..request("1", "A", "C") };
    let gsnr = |redesign_per_request: bool| {
        let options = PlanOptions { redesign_per_request, ..PlanOptions::default() };
        let plan = plan_all(&network, &library, std::slice::from_ref(&loud), &[], &options).expect("a plan");
        plan.outcomes[0].metrics.expect("light arrived").mean_osnr_db_01nm
    };
    // twice the power into each span, which starts at the ROADM as before: the amplifiers' noise counts for less
    assert!(gsnr(true) > gsnr(false) + 0.1, "{} {}", gsnr(true), gsnr(false));
}

#[test]
fn what_cannot_be_worked_on_is_named() {
    let library = library();
    let network = square(&library);
    let with = |change: fn(&mut PathRequest)| {
        let mut request = request("1", "A", "C");
        change(&mut request);
        plan_all(&network, &library, &[request], &[], &PlanOptions::default())
            .expect_err("it is wrong")
            .to_string()
    };
    for (said, expected) in [
        (with(|request| request.source = "A".to_owned()), "request \"1\": source \"A\" is unknown"),
        (
            with(|request| request.destination = "trx X".to_owned()),
            "request \"1\": destination \"trx X\" is unknown",
        ),
        (
            with(|request| request.transceiver = "none".to_owned()),
            "request \"1\": transceiver \"none\" is unknown",
        ),
        (with(|request| request.mode = Some("5G".to_owned())), "request \"1\": mode \"5G\" is unknown"),
        (with(|request| request.include = include("X!")), "request \"1\": include \"X\" is unknown"),
        (with(|request| request.spacing_hz = -1.0), "request \"1\": spacing -1 is impossible"),
        (with(|request| request.rate_bit_per_s = f64::NAN), "request \"1\": rate NaN is impossible"),
        (with(|request| request.channels = Some(13)), "request \"1\": 13 channels do not fit, 12 do"),
        (
            with(|request| request.spacing_hz = 40e9),
            "request \"1\": mode \"100G\" needs a spacing of 50000000000 Hz, 40000000000 Hz is asked for",
        ),
    ] {
        assert_eq!(said, expected);
    }
    let twice = [request("1", "A", "C"), request("1", "A", "B")];
    let said = plan_all(&network, &library, &twice, &[], &PlanOptions::default()).expect_err("it is wrong");
    assert_eq!(said.to_string(), "request \"1\" is there twice");
    // what is not binding is dropped when it cannot be passed
    let loose = PathRequest { include: include("X trx B"), ..request("1", "A", "C") };
    assert!(plan_all(&network, &library, &[loose], &[], &PlanOptions::default()).is_ok());
}

#[test]
fn the_order_of_elements_changes_nothing() {
    let library = library();
    let links = [("A", "B", 60.0), ("B", "C", 60.0), ("A", "D", 90.0), ("D", "C", 90.0), ("B", "D", 70.0)];
    let mut reversed = links;
    reversed.reverse();
    let asked =
        [request("1", "A", "C"), request("2", "D", "B"), request("3", "C", "D"), request("4", "A", "D")];
    let serve = |links: &[(&str, &str, f64)]| {
        let network = designed(mesh(links), &library);
        let plan = plan_all(&network, &library, &asked, &[], &PlanOptions::default()).expect("a plan");
        let routes: Vec<Vec<String>> = plan
            .outcomes
            .iter()
            .map(|outcome| {
                outcome.route.iter().map(|&element| network.element(element).uid.clone()).collect()
            })
            .collect();
        (told(&plan), routes)
    };
    assert_eq!(serve(&links), serve(&reversed));
}
