//! Compares served path requests with the reference's.

use std::collections::BTreeMap;

use optics::equipment::Equipment;
use optics::gnpy::services;
use optics::line::LineNetwork;
use optics::path_request::{BlockingReason, Metrics, Outcome, PathPlan, PlanOptions, plan_all};
use optics::propagation::Solver;
use serde_json::Value;

use super::design::list;
use super::deviations::Deviations;

/// Serves the requests of a case on a network designed for them, and compares what became of each.
pub fn compare(
    network: &LineNetwork,
    equipment: &Equipment,
    solver: &Solver,
    case: &Value,
    found: &mut Deviations,
) {
    let services = match services::read(&case["services"], equipment) {
        Ok(services) => services,
        Err(findings) => {
            found.failed("services", format_args!("{findings:?}"));
            return;
        }
    };
    let planning = &case["planning"];
    let options = PlanOptions {
        redesign_per_request: planning["redesign_per_request"] == true,
        solver: solver.clone(),
        ..PlanOptions::default()
    };
    let plan = plan_all(network, equipment, &services.requests, &services.synchronizations, &options);
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            found.failed("planning", error);
            return;
        }
    };
    let expected = list(&planning["requests"]);
    let ids: Vec<&str> = expected.iter().filter_map(|request| request["id"].as_str()).collect();
    let own: Vec<&str> = plan.outcomes.iter().map(|outcome| outcome.request.id.as_str()).collect();
    found.same("request ids", "planning", &ids, &own);
    let responses = list(&planning["response"]);
    for ((outcome, expected), response) in plan.outcomes.iter().zip(expected).zip(responses) {
        let at = format!("request {}", outcome.request.id);
        request(outcome, expected, &at, found);
        self::response(network, outcome, response, &at, found);
    }
    spectrum(network, &plan, list(&planning["oms"]), found);
}

fn request(outcome: &Outcome, expected: &Value, at: &str, found: &mut Deviations) {
    let blocked = outcome.blocked.map(BlockingReason::name);
    found.same("blocking reason", at, &expected["blocking"].as_str(), &blocked);
    found.same("mode", at, &expected["mode"].as_str(), &outcome.mode.as_deref());
    let numbers = |key: &str| -> Option<Vec<i64>> {
        expected[key].as_array().map(|numbers| numbers.iter().filter_map(Value::as_i64).collect())
    };
    let own = |number: fn(&optics::path_request::Slot) -> i64| -> Option<Vec<i64>> {
        outcome.blocked.is_none().then(|| outcome.slots.iter().map(number).collect())
    };
    found.same("N", at, &numbers("N"), &own(|slot| i64::from(slot.n)));
    found.same("M", at, &numbers("M"), &own(|slot| i64::from(slot.m)));
    if let Some(metrics) = &outcome.metrics {
        found.number("request GSNR", at, &expected["gsnr_01nm_mean_db"], metrics.mean_gsnr_db_01nm);
        found.number("request least GSNR", at, &expected["gsnr_01nm_min_db"], metrics.min_gsnr_db_01nm);
        found.number("request penalty", at, &expected["total_penalty_max_db"], metrics.max_penalty_db);
    } else {
        found.same("request GSNR", at, &Value::Null, &expected["gsnr_01nm_mean_db"]);
    }
    let reverse = outcome.reverse_metrics.map_or(f64::NAN, |metrics| metrics.mean_gsnr_db_01nm);
    found.number("reverse GSNR", at, &expected["reverse_gsnr_01nm_mean_db"], reverse);
}

fn response(network: &LineNetwork, outcome: &Outcome, response: &Value, at: &str, found: &mut Deviations) {
    found.same("request ids", at, &response["response-id"].as_str(), &Some(outcome.request.id.as_str()));
    let no_path = &response["no-path"];
    let properties =
        if no_path.is_object() { &no_path["path-properties"] } else { &response["path-properties"] };
    let told = outcome.blocked.is_none_or(|reason| !reason.without_route());
    found.same("response", at, &properties.is_object(), &told);
    if !properties.is_object() {
        return;
    }
    let nodes: Vec<&str> =
        list(&properties["path-route-objects"]["nodes"]).iter().filter_map(Value::as_str).collect();
    let own: Vec<&str> = outcome.route.iter().map(|&element| network.element(element).uid.as_str()).collect();
    found.same("request route", at, &nodes, &own);
    for (key, metrics) in [("path-metric", &outcome.metrics), ("z-a-path-metric", &outcome.reverse_metrics)] {
        let expected = list(&properties[key]);
        found.same("response", format_args!("{at} {key}"), &!expected.is_empty(), &metrics.is_some());
        if let Some(metrics) = metrics {
            self::metrics(metrics, expected, &format!("{at} {key}"), found);
        }
    }
}

fn metrics(metrics: &Metrics, expected: &[Value], at: &str, found: &mut Deviations) {
    for metric in expected {
        let value = &metric["accumulative-value"];
        let own = match metric["metric-type"].as_str().unwrap_or_default() {
            "SNR-bandwidth" => Some(metrics.mean_gsnr_db),
            "SNR-0.1nm" => Some(metrics.mean_gsnr_db_01nm),
            "OSNR-bandwidth" => Some(metrics.mean_osnr_db),
            "OSNR-0.1nm" => Some(metrics.mean_osnr_db_01nm),
            "lowest_SNR-0.1nm" => Some(metrics.min_gsnr_db_01nm),
            "biggest_SNR-0.1nm" => Some(metrics.max_gsnr_db_01nm),
            "PDL_penalty" => metrics.mean_pdl_penalty_db,
            "CD_penalty" => metrics.mean_cd_penalty_db,
            "PMD_penalty" => metrics.mean_pmd_penalty_db,
            _ => continue,
        };
        let at = format_args!("{at} {}", metric["metric-type"]);
        match (value, own) {
            (Value::Number(number), Some(own)) => {
                // the response has two digits: what rounds to the same is the same
                let rounded = number.as_f64().unwrap_or(f64::NAN);
                let beyond = ((own - rounded).abs() - 0.005).max(0.0);
                found.number("response", at, &0.0.into(), beyond);
            }
            (Value::String(word), own) => {
                let word_of_own =
                    own.map_or("not evaluated", |own| if own.is_infinite() { "Infinity" } else { "" });
                found.same("response", at, word.as_str(), word_of_own);
            }
            _ => found.failed("response", format_args!("{at}: {value} expected, {own:?} computed")),
        }
    }
}

fn spectrum(network: &LineNetwork, plan: &PathPlan, expected: &[Value], found: &mut Deviations) {
    // parallel sections are told apart by their order
    let mut own: BTreeMap<[&str; 2], Vec<usize>> = BTreeMap::new();
    for (index, section) in plan.sections.iter().enumerate() {
        let ends = [section.from, section.to].map(|element| network.element(element).uid.as_str());
        own.entry(ends).or_default().push(index);
    }
    for oms in expected {
        let ends = [0, 1].map(|end| oms["ends"][end].as_str().unwrap_or_default());
        let Some(index) = own.get_mut(&ends).filter(|left| !left.is_empty()).map(|left| left.remove(0))
        else {
            found.failed("spectrum", format_args!("no section from {} to {}", ends[0], ends[1]));
            continue;
        };
        let spectrum = &plan.sections[index].spectrum;
        let at = format!("section {} to {}", ends[0], ends[1]);
        found.number("spectrum", format_args!("{at} n_min"), &oms["n_min"], f64::from(spectrum.n_min()));
        found.number("spectrum", format_args!("{at} n_max"), &oms["n_max"], f64::from(spectrum.n_max()));
        let runs: Vec<(i64, i64, &str)> = list(&oms["occupied"])
            .iter()
            .filter_map(|run| Some((run[0].as_i64()?, run[1].as_i64()?, run[2].as_str()?)))
            .collect();
        // some vectors were written without the states: a run that says nothing holds nothing to compare
        if runs.iter().any(|run| run.2.is_empty()) {
            continue;
        }
        for n in spectrum.n_min()..=spectrum.n_max() {
            let state =
                runs.iter().find(|run| (run.0..=run.1).contains(&i64::from(n))).map_or("1", |run| run.2);
            let own = match (spectrum.is_free(n), spectrum.is_unusable(n)) {
                (true, _) => "1",
                (false, true) => "u",
                (false, false) => "0",
            };
            found.same("spectrum", format_args!("{at} n {n}"), state, own);
        }
    }
}
