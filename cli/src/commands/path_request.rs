//! `path-request`: GNPy's files in, GNPy's answers out, on this machine.

use std::path::Path;

use optics::decibel::dbm;
use optics::design::{self, Reference};
use optics::equipment::Equipment;
use optics::finding::Finding;
use optics::gnpy::equipment::AmplifierConfigs;
use optics::gnpy::{self, workbook};
use optics::line::LineNetwork;
use optics::path_request::spectrum::SpectrumPolicy;
use optics::path_request::{ApartChoice, Outcome, PlanOptions, Planner};
use optics::propagation::Solver;
use serde_json::Value;

use super::Context;
use crate::args::{PathRequestArgs, Policy};
use crate::error::{CliError, io};
use crate::print;

/// Designs the network, serves the requests, prints a line for each and writes the files asked for.
pub fn run(context: &Context, args: &PathRequestArgs) -> Result<(), CliError> {
    let equipment = equipment(&args.equipment)?;
    let topology_file = content(&args.topology)?;
    let topology = match &topology_file {
        Content::Workbook(bytes) => refusable(&args.topology, workbook::topology(bytes))?,
        Content::Json(topology) => topology.clone(),
    };
    let mut network = refusable(&args.topology, gnpy::topology::read(&topology, &equipment))?;
    let solver = match &args.sim_params {
        Some(file) => refusable(file, gnpy::simulation::read(&json_file(file)?))?,
        None => Solver::default(),
    };
    design(&mut network, &equipment, &solver, args)?;

    let services = match (content(&args.services)?, &topology_file) {
        (Content::Json(services), _) => services,
        (Content::Workbook(bytes), Content::Workbook(sites)) => {
            refusable(&args.services, workbook::services(&bytes, sites, &network, args.bidir))?
        }
        (Content::Workbook(_), Content::Json(_)) => {
            let hint = "services in a workbook name sites of a workbook: give the topology as one too";
            return Err(CliError::Usage(hint.to_owned()));
        }
    };
    let services = refusable(&args.services, gnpy::services::read(&services, &equipment))?;
    let options = PlanOptions {
        policy: match args.policy {
            Policy::FirstFit => SpectrumPolicy::FirstFit,
            Policy::LastFit => SpectrumPolicy::LastFit,
            Policy::BestFit => SpectrumPolicy::BestFit,
        },
        redesign_per_request: args.redesign_per_request,
        solver,
    };
    let plan = Planner::new(&network, &equipment, &options)
        .plan(&services.requests, &services.synchronizations)
        .map_err(|error| CliError::Other(error.to_string()))?;

    for apart in plan.kept_apart.iter().filter(|apart| apart.choice != ApartChoice::First) {
        print::note(format_args!("note: requests {}: {}", apart.requests.join(", "), apart.choice));
    }

    let response = gnpy::response::write(&plan.outcomes, &network);
    if let Some(file) = &args.response {
        write(file, &response)?;
    }
    if let Some(file) = &args.save_network {
        write(file, &gnpy::topology::write(&network, &equipment))?;
    }
    if context.json() {
        print::json(&response);
    } else {
        print::line(table(&plan.outcomes));
    }
    Ok(())
}

fn design(
    network: &mut LineNetwork,
    equipment: &Equipment,
    solver: &Solver,
    args: &PathRequestArgs,
) -> Result<(), CliError> {
    let design = || {
        let reference = Reference { raman: solver.raman, ..Reference::of(equipment, args.power)? };
        if !args.no_insert_edfas {
            design::complete(network, equipment)?;
        }
        design::design(network, equipment, &reference)
    };
    let mut design = design;
    for warning in design().map_err(|error| CliError::Other(error.to_string()))? {
        print::note(format_args!("note: {warning}"));
    }
    Ok(())
}

/// What is in a file.
enum Content {
    Json(Value),
    Workbook(Vec<u8>),
}

fn content(file: &Path) -> Result<Content, CliError> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    if ["xls", "xlsx"].iter().any(|workbook| extension.eq_ignore_ascii_case(workbook)) {
        return Ok(Content::Workbook(read(file)?));
    }
    json_file(file).map(Content::Json)
}

/// The equipment library, with the files beside it that its amplifiers name.
fn equipment(file: &Path) -> Result<Equipment, CliError> {
    let library = json_file(file)?;
    let mut configs = AmplifierConfigs::default();
    for amplifier in library["Edfa"].as_array().into_iter().flatten() {
        for key in ["advanced_config_from_json", "default_config_from_json"] {
            let Some(name) = amplifier[key].as_str() else { continue };
            let beside = file.with_file_name(name);
            if beside.is_file() {
                configs.insert(name, json_file(&beside)?);
            }
        }
    }
    refusable(file, gnpy::equipment::read(&library, &configs))
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(file).map_err(io(format!("cannot read {}", file.display())))
}

fn json_file(file: &Path) -> Result<Value, CliError> {
    let parsed = serde_json::from_slice(&read(file)?);
    refusable(file, parsed.map_err(|error| vec![Finding::error("NOT_JSON", "", error.to_string())]))
}

fn refusable<T>(file: &Path, read: Result<T, Vec<Finding>>) -> Result<T, CliError> {
    read.map_err(|findings| CliError::Content { file: file.display().to_string(), findings })
}

fn write(file: &Path, value: &Value) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Other(error.to_string()))?;
    std::fs::write(file, text + "\n").map_err(io(format!("cannot write {}", file.display())))
}

fn table(outcomes: &[Outcome]) -> comfy_table::Table {
    let mut table =
        print::table(&["request", "from", "to", "mode", "GSNR dB/0.1nm", "channel dBm", "N", "M", "blocked"]);
    for outcome in outcomes {
        let numbers = |of: fn(&optics::path_request::Slot) -> String| {
            outcome.slots.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        let request = &outcome.request;
        table.add_row([
            request.id.clone(),
            request.source.clone(),
            request.destination.clone(),
            outcome.mode.clone().unwrap_or_default(),
            outcome.metrics.map_or_else(String::new, |metrics| format!("{:.2}", metrics.mean_gsnr_db_01nm)),
            format!("{:.2}", dbm(outcome.reference_power_w)),
            numbers(|slot| slot.n.to_string()),
            numbers(|slot| slot.m.to_string()),
            outcome.blocked.map_or_else(String::new, |reason| reason.name().to_owned()),
        ]);
    }
    print::align_right(&mut table, &[4, 5, 6, 7]);
    table
}
