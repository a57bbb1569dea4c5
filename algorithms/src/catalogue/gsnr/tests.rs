//! The sample network under the sample equipment: what reaches how far, where it is regenerated, what is refused.

use optics::quality::{QualityReport, RouteQuality};
use optics::topology::{Link, Node, Topology};
use serde_json::{Value, json};

use super::Gsnr;
use crate::algorithm::Algorithm as _;
use crate::local::LocalRun;
use crate::{AlgorithmError, Control, Documents};

const EQUIPMENT: &[u8] = include_bytes!("../../../../samples/equipment.json");

/// Sites in a row, `km` apart.
fn row(km: &[f64]) -> Topology {
    let name = |at: usize| char::from(b'A' + u8::try_from(at).expect("few")).to_string();
    let nodes = (0..=km.len()).map(|at| Node::roadm(name(at))).collect();
    let link = |(at, km): (usize, &f64)| {
        let (a, b) = (name(at), name(at + 1));
        Link::new(format!("{a}{b}"), a, b, *km)
    };
    Topology { nodes, links: km.iter().enumerate().map(link).collect(), ..Topology::default() }
}

fn run_on(topology: &Topology, params: &Value) -> Result<QualityReport, AlgorithmError> {
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(topology).expect("plain"))
        .with("equipment", EQUIPMENT);
    let params = params.to_string();
    let run = LocalRun { algorithm: &Gsnr, params: params.as_bytes(), seed: 1, documents: &documents };
    let finished = run.run(&Control::new())?;
    Ok(serde_json::from_slice(&finished.report).expect("a quality report"))
}

fn route<'a>(report: &'a QualityReport, from: &str, to: &str) -> &'a RouteQuality {
    report.routes.iter().find(|row| row.from == from && row.to == to).expect("there is a row")
}

#[test]
fn longer_routes_are_worse_and_need_regenerators() {
    let report = run_on(&row(&[100.0, 700.0, 900.0, 800.0]), &json!({})).expect("it runs");
    assert_eq!(report.summary.routes, 20, "all ordered pairs of five sites, one route each");
    let lengths = ["B", "C", "D", "E"].map(|to| route(&report, "A", to));
    let gsnr = lengths.map(|row| row.gsnr_db_01nm);
    assert!(gsnr.windows(2).all(|pair| pair[0] > pair[1]), "{gsnr:?}");
    assert!((lengths[3].length_km - 2500.0).abs() < 1e-9);
    assert!(lengths[3].spans >= 25, "fibres of more than 150 km are split: {}", lengths[3].spans);
    let long = lengths[3].modes.iter().find(|mode| mode.mode == "400G DP-16QAM").expect("tried");
    assert!(!long.feasible && long.margin_db.expect("finite") < 0.0);
    let short = lengths[0].modes.iter().find(|mode| mode.mode == "400G DP-16QAM").expect("tried");
    assert!(short.feasible, "{short:?}");
    if let Some(regenerators) = long.regenerators {
        assert_eq!(long.regenerator_nodes.len(), regenerators as usize);
        assert!(regenerators >= 1);
    }
    let best = lengths[3].best_mode.as_ref().expect("QPSK gets there");
    let none_without = lengths[3].modes.iter().all(|mode| !mode.feasible);
    assert_eq!(best.regenerators > 0, none_without, "what needs none is preferred");
}

#[test]
fn the_longest_span_is_the_worst() {
    let mut topology = row(&[80.0, 230.0, 80.0]);
    topology.links[1].length_km = 120.0;
    let report = run_on(&topology, &json!({ "loading": "reference_full" })).expect("it runs");
    let worst = route(&report, "A", "D").worst_span.as_ref().expect("there are spans");
    assert_eq!(worst.link, "BC", "{worst:?}");
    assert!(worst.noise_share > 0.5 && worst.noise_share < 1.0, "{worst:?}");
}

#[test]
fn given_routes_are_the_only_ones() {
    let params = json!({ "routes": [{ "from": "C", "links": ["BC", "AB"] }], "transceivers": ["regional"] });
    let report = run_on(&row(&[100.0, 100.0, 100.0]), &params).expect("it runs");
    let [only] = &report.routes[..] else { panic!("{} routes", report.routes.len()) };
    assert_eq!((only.from.as_str(), only.to.as_str(), only.modes.len()), ("C", "A", 2));
}

/// A narrow channel on some links.
fn lit_on(links: &[&str], frequency_thz: f64) -> Value {
    json!({ "frequency_thz": frequency_thz, "baud_rate_gbd": 31.6, "slot_width_ghz": 50.0, "links": links })
}

/// A lightpath over links in their direction, 50 GHz wide.
fn lightpath(id: &str, links: &[&str], n: i32) -> Value {
    let hops: Vec<Value> =
        links.iter().map(|link| json!({ "link": link, "fibre": "1", "direction": "ab" })).collect();
    json!({ "id": id, "hops": hops, "n": n, "m": 4 })
}

#[test]
fn each_link_has_the_channels_that_are_lit_on_it() {
    let topology = row(&[300.0, 300.0, 300.0]);
    let with = |extra: Value| {
        let mut params = json!({ "loading": "actual", "transceivers": ["regional"], "k": 1 });
        params.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        run_on(&topology, &params).expect("it runs")
    };
    let gsnr = |report: &QualityReport, from: &str, to: &str| {
        let mode = &route(report, from, to).modes[0];
        (mode.gsnr_db_01nm.expect("a free slot"), mode.channel_thz.expect("a free slot"))
    };
    // the lowest slots of AB are taken: a new channel goes above, and has neighbours; elsewhere it is as good as alone
    let taken: Vec<Value> = (0..10).map(|slot| lit_on(&["AB"], 191.35 + 0.05 * f64::from(slot))).collect();
    let busy = with(json!({ "lit": taken }));
    let far = with(json!({ "lit": [lit_on(&["CD"], 195.9)] }));
    let (beside, alone) = (gsnr(&busy, "B", "C"), gsnr(&far, "B", "C"));
    assert!((beside.0 - alone.0).abs() < 1e-9, "nothing is lit on BC in either: {beside:?}, {alone:?}");
    assert!(gsnr(&busy, "A", "B").0 < gsnr(&far, "A", "B").0 - 0.01, "ten neighbours are felt");
    assert!(gsnr(&busy, "A", "B").1 > 191.8 && gsnr(&busy, "B", "C").1 < 191.4, "the lowest free slot");
    assert!(
        (gsnr(&busy, "A", "D").1 - gsnr(&busy, "A", "B").1).abs() < 1e-9,
        "free on all links of the route"
    );
    let everywhere = with(json!({ "lit": (0..10).map(|slot| {
        lit_on(&[], 191.35 + 0.05 * f64::from(slot))
    }).collect::<Vec<_>>() }));
    assert!(gsnr(&everywhere, "B", "C").0 < gsnr(&busy, "B", "C").0 - 0.01);
}

#[test]
fn lit_lightpaths_have_rows_of_their_own() {
    let topology = row(&[300.0, 300.0, 300.0]);
    let mut named = lightpath("through", &["AB", "BC", "CD"], 0);
    let tried = run_on(&topology, &json!({ "transceivers": ["regional"] })).expect("it runs");
    named["mode"] = json!({ "transceiver": "regional", "mode": tried.routes[0].modes[0].mode });
    let alone = json!({ "loading": "actual", "k": 1, "lightpaths": [named.clone()] });
    let beside = json!({
        "loading": "actual", "k": 1,
        "lightpaths": [named, lightpath("first", &["AB"], 8), lightpath("last", &["CD"], -8)],
    });
    let [alone, beside] =
        [alone, beside].map(|params| run_on(&topology, &params).expect("it runs").lightpaths);
    assert_eq!((alone.len(), beside.len()), (1, 3));
    assert!(beside[0].gsnr_db_01nm < alone[0].gsnr_db_01nm - 1e-3, "neighbours on two of its links");
    assert!(beside[0].margin_db.expect("a mode") < alone[0].margin_db.expect("a mode"));
    assert!(beside[0].feasible.is_some() && beside[1].margin_db.is_none() && beside[1].feasible.is_none());
    assert!((beside[0].frequency_thz - 193.1).abs() < 1e-9 && beside[0].hops.len() == 3);
    assert!(beside[1].gsnr_db_01nm > beside[0].gsnr_db_01nm, "one link is less than three");
}

#[test]
fn a_light_load_is_better_than_a_full_one() {
    let topology = row(&[600.0]);
    let lit = json!([{ "frequency_thz": 193.7, "baud_rate_gbd": 31.6, "slot_width_ghz": 50.0 }]);
    let one = json!({ "loading": "actual", "lit": lit, "transceivers": ["regional"] });
    let full = json!({ "loading": "reference_full", "transceivers": ["regional"] });
    let margin = |params: &Value| {
        let report = run_on(&topology, params).expect("it runs");
        route(&report, "A", "B").modes[0].margin_db.expect("finite")
    };
    assert!(margin(&one) > margin(&full));
}

#[test]
fn what_cannot_be_looked_at_is_refused_by_name() {
    let topology = row(&[100.0]);
    let refused = |params: Value| run_on(&topology, &params).expect_err("refused").to_string();
    for (params, names) in [
        (json!({ "transceivers": ["no such"] }), "/transceivers/0"),
        (json!({ "routes": [{ "from": "X", "links": ["AB"] }] }), "/routes/0/from"),
        (json!({ "routes": [{ "from": "A", "links": ["AB", "AZ"] }] }), "/routes/0/links/1"),
        (json!({ "routes": [{ "from": "A", "links": [] }] }), "/routes/0/links"),
        (json!({ "loading": "actual" }), "/lit"),
        (json!({ "loading": "actual", "lit": [lit_on(&["AZ"], 193.7)] }), "/lit/0/links/0"),
        (json!({ "loading": "actual", "lit": [lit_on(&["AB"], 153.7)] }), "/lit/0"),
        (json!({ "loading": "actual", "lightpaths": [lightpath("one", &["AZ"], 0)] }), "/lightpaths/0/hops"),
        (
            json!({ "loading": "actual", "lightpaths": [lightpath("one", &["AB"], 0), lightpath("one", &["AB"], 8)] }),
            "/lightpaths/1/id",
        ),
        (
            json!({ "loading": "actual", "lightpaths": [lightpath("one", &["AB"], 0), lightpath("two", &["AB"], 1)] }),
            "overlap",
        ),
        (json!({ "fibre_type": "glass" }), "glass"),
        (json!({ "roadm_type": "none" }), "none"),
    ] {
        let error = refused(params);
        assert!(error.contains(names), "{error} does not name {names}");
    }
}

#[test]
fn the_checker_finds_every_kind_of_wrong_row() {
    let topology = row(&[300.0, 900.0, 900.0]);
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(&topology).expect("plain"))
        .with("equipment", EQUIPMENT);
    let inputs = Gsnr.open(&documents, &super::GsnrParams::default()).expect("good inputs");
    let good = run_on(&topology, &json!({})).expect("it runs");
    let found = |mutate: &dyn Fn(&mut RouteQuality)| {
        let mut report = good.clone();
        mutate(report.routes.iter_mut().find(|row| row.from == "A" && row.to == "D").expect("there"));
        let violations = super::check::violations(&inputs, &report);
        violations.iter().map(|violation| violation.rule.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found(&|_| ()), [""; 0]);
    assert_eq!(found(&|row| row.gsnr_db_01nm += 0.01), ["FIGURE_WRONG"]);
    assert_eq!(found(&|row| drop(row.hops.remove(1))), ["ROUTE_BROKEN"]);
    assert_eq!(found(&|row| row.to = "B".to_owned()), ["ROUTE_BROKEN"]);
    assert_eq!(found(&|row| drop(row.modes.pop())), ["MODES_MISSING"]);
    assert_eq!(found(&|row| row.modes[0].feasible = !row.modes[0].feasible), ["MODE_WRONG"]);
    assert_eq!(found(&|row| row.modes[1].margin_db = Some(3.0)), ["FIGURE_WRONG"]);
    assert_eq!(found(&|row| row.modes[1].margin_db = None), ["FIGURE_MISSING"]);
    assert_eq!(found(&|row| row.modes[1].gsnr_db_01nm = None), ["FIGURE_MISSING"]);
    assert_eq!(found(&|row| row.modes[1].channel_thz = Some(193.1)), ["FIGURE_WRONG"]);
    assert_eq!(found(&|row| row.modes.swap(0, 1)), ["MODES_MISSING"]);
    assert_eq!(found(&|row| row.best_mode = None), ["BEST_MODE_WRONG"]);
    let mut counted = good.clone();
    counted.summary.routes += 1;
    let violations = super::check::violations(&inputs, &counted);
    assert_eq!(violations.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["SUMMARY_WRONG"]);
}

#[test]
#[ignore = "a measurement: run it alone, with --nocapture"]
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures time and tells")]
fn measure_what_checking_every_row_costs() {
    let topology: Topology =
        serde_json::from_slice(include_bytes!("../../../../samples/nsfnet/topology.json"))
            .expect("the sample network");
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(&topology).expect("plain"))
        .with("equipment", EQUIPMENT);
    let lit: Vec<Value> = (0..40).map(|slot| lit_on(&[], 191.6 + 0.05 * f64::from(slot))).collect();
    for params in [json!({}), json!({ "loading": "actual", "lit": lit })] {
        let params: super::GsnrParams = serde_json::from_value(params).expect("parameters");
        let inputs = Gsnr.open(&documents, &params).expect("good inputs");
        let job = crate::algorithm::Job { inputs: &inputs, params: &params, seed: 1 };
        let shards = u32::try_from(topology.nodes.len()).expect("few");
        let start = std::time::Instant::now();
        let execute = |shard| Gsnr.execute(&job, &super::GsnrState {}, shard, &Control::new());
        let partials: Vec<_> = (0..shards).map(execute).collect::<Result<_, _>>().expect("rows");
        let both = start.elapsed();
        let start = std::time::Instant::now();
        for partial in &partials {
            let wrong = super::check::rows(&inputs, &partial.routes, &Control::new());
            assert!(wrong.expect("not cancelled").is_empty());
        }
        let checking = start.elapsed();
        let rows: usize = partials.iter().map(|partial| partial.routes.len()).sum();
        println!("{:?}: {rows} rows in {both:?}, of which checking is {checking:?}", params.loading);
    }
}
