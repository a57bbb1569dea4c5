//! The congestion linear program: with wavelength conversion everywhere and paths divided at will, how many wavelengths
//! are needed (Shahrokhi and Matula 1990). Requests are aggregated by source, so there are sources × links flows
//! instead of requests × links. Its dual values are prices of links, which prove the bound by themselves.

use std::collections::BTreeMap;

use highs::{ColProblem, HighsModelStatus, Model, Row, Sense};

use super::Certificate;
use crate::catalogue::rwa::instance::Instance;
use crate::control::Control;
use crate::error::AlgorithmError;

/// Most flows of a program; above, the cuts have to do.
const MOST_FLOWS: usize = 80_000;
/// Iterations of the simplex method between two looks at the control.
const SLICE: i32 = 400;
/// Most slices: more than any published network was seen to need.
const MOST_SLICES: usize = 500;
/// The largest price.
const LARGEST: f64 = 1_000_000.0;

/// Prices that prove the linear program's optimum; none if there is nothing to carry or the program is too large.
pub fn best(instance: &Instance, control: &Control) -> Result<Option<Certificate>, AlgorithmError> {
    let sources = sources(instance);
    if sources.is_empty() || sources.len() * instance.links.len() * 2 > MOST_FLOWS {
        return Ok(None);
    }
    control.check()?;
    let mut program = ColProblem::new();
    let capacity: Vec<Row> = instance.links.iter().map(|_| program.add_row(..=0.0)).collect();
    for (&source, wanted) in &sources {
        let balance: Vec<Option<Row>> = (0..instance.nodes)
            .map(|node| {
                let paths = wanted.get(&node).copied().unwrap_or(0.0);
                (node != source).then(|| program.add_row(paths..=paths))
            })
            .collect();
        for (link, &row) in instance.links.iter().zip(&capacity) {
            for (from, to) in [(link.a, link.b), (link.b, link.a)] {
                let passes = from == source || instance.transit[from];
                if to != source && passes {
                    let mut factors = vec![(row, 1.0)];
                    factors.extend(balance[from].map(|row| (row, -1.0)));
                    factors.extend(balance[to].map(|row| (row, 1.0)));
                    program.add_column(0.0, 0.0.., factors);
                }
            }
        }
    }
    let supply: Vec<(Row, f64)> =
        instance.links.iter().zip(&capacity).map(|(link, &row)| (row, -(link.fibres as f64))).collect();
    program.add_column(1.0, 0.0.., supply);
    Ok(solve(program, instance.links.len(), control)?.map(|duals| Certificate::Congestion(prices(&duals))))
}

/// The dual values of the first `rows` rows.
fn solve(program: ColProblem, rows: usize, control: &Control) -> Result<Option<Vec<f64>>, AlgorithmError> {
    let refused =
        |what: &str| AlgorithmError::Unreadable { detail: format!("the linear program was refused: {what}") };
    let mut model: Model = program.try_optimise(Sense::Minimise).map_err(|_| refused("malformed"))?;
    model.make_quiet();
    // One thread and the simplex method from a fixed start: equal input, equal prices.
    for (option, value) in [("parallel", "off"), ("solver", "simplex"), ("presolve", "off")] {
        model.try_set_option(option, value).map_err(|_| refused(option))?;
    }
    model.try_set_option("threads", 1).map_err(|_| refused("threads"))?;
    for slice in 1..=MOST_SLICES {
        control.check()?;
        model
            .try_set_option("simplex_iteration_limit", SLICE)
            .map_err(|_| refused("simplex_iteration_limit"))?;
        let solved = model.try_solve().map_err(|_| refused("no solution"))?;
        match solved.status() {
            HighsModelStatus::Optimal => {
                return Ok(Some(solved.get_solution().dual_rows()[..rows].to_vec()));
            }
            HighsModelStatus::ReachedIterationLimit if slice == MOST_SLICES => {
                // Any prices prove a bound; these only may not prove the best.
                return Ok(Some(solved.get_solution().dual_rows()[..rows].to_vec()));
            }
            HighsModelStatus::ReachedIterationLimit => model = Model::from(solved),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Integers in proportion to the dual values.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and LARGEST
fn prices(duals: &[f64]) -> Vec<u32> {
    let largest = duals.iter().fold(0.0_f64, |most, dual| most.max(dual.abs()));
    let price = |dual: &f64| (dual.abs() / largest * LARGEST).round();
    duals.iter().map(|dual| if largest > 0.0 { price(dual) as u32 } else { 0 }).collect()
}

/// A node to which each request is ascribed, chosen so that few are needed, and what each of them has to send where.
fn sources(instance: &Instance) -> BTreeMap<usize, BTreeMap<usize, f64>> {
    let mut left: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); instance.nodes];
    for request in &instance.requests {
        let paths = request.pairing.routes() as f64;
        *left[request.a].entry(request.b).or_default() += paths;
        *left[request.b].entry(request.a).or_default() += paths;
    }
    let mut sources = BTreeMap::new();
    loop {
        let most = (0..instance.nodes).max_by_key(|&node| (left[node].len(), std::cmp::Reverse(node)));
        let Some(source) = most.filter(|&node| !left[node].is_empty()) else { return sources };
        let wanted = std::mem::take(&mut left[source]);
        for other in wanted.keys() {
            left[*other].remove(&source);
        }
        sources.insert(source, wanted);
    }
}
