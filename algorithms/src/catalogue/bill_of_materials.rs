//! The bill of materials of a plan: every card, where it sits, and what it costs.

use std::collections::{BTreeMap, BTreeSet};

use optics::bill_of_materials::{BillOfMaterials, Given, Item, bill_of_materials};
use optics::export::{grooming_report_in, plan_report_in};
use optics::grooming::GroomingReport;
use optics::plan::Plan;
use optics::topology::Topology;
use optics::verify_bill::verify_bill;
use optics::violation::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;

/// Counts what a plan needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct BillOfMaterialsOf;

/// Parameters: a price list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BillParams {
    /// Price of one piece by item (`{"MP1H": 12000, "Regenerator": 20000}`). Without any, nothing is priced.
    pub prices: BTreeMap<Item, f64>,
    /// What prices are in.
    pub currency: String,
}

/// What the bill is made of.
#[derive(Debug)]
pub struct BillInputs {
    topology: Topology,
    plan: Plan,
    grooming: Option<GroomingReport>,
}

/// A bill is counted in one shard, which has nothing to share.
#[derive(Debug, Serialize, Deserialize)]
pub struct Nothing {}

impl BillInputs {
    fn given<'a>(&'a self, params: &'a BillParams) -> Given<'a> {
        Given {
            topology: &self.topology,
            plan: &self.plan,
            grooming: self.grooming.as_ref(),
            prices: &params.prices,
            currency: &params.currency,
        }
    }

    /// A plan of another topology cannot be built here.
    fn check(&self) -> Result<(), AlgorithmError> {
        let nodes: BTreeSet<&str> = self.topology.nodes.iter().map(|node| node.id.as_str()).collect();
        let links: BTreeSet<&str> = self.topology.links.iter().map(|link| link.id.as_str()).collect();
        for lightpath in &self.plan.lightpaths {
            let segments = || lightpath.paths.iter().flat_map(|path| &path.segments);
            let ports = segments().flat_map(|segment| [&segment.tx.node, &segment.rx.node]);
            let node = lightpath.ends.iter().chain(ports).find(|node| !nodes.contains(node.as_str()));
            let mut hops = segments().flat_map(|segment| &segment.hops);
            let link = hops.find(|hop| !links.contains(hop.link.as_str())).map(|hop| &hop.link);
            if let Some(unknown) = node.or(link) {
                let detail = format!(
                    "lightpath {}: {unknown:?} is neither node nor link of the topology",
                    lightpath.id
                );
                return Err(refused("plan", detail));
            }
        }
        let of_grooming = self.grooming.iter().flat_map(|grooming| &grooming.nodes);
        match of_grooming.map(|node| node.node.as_str()).find(|node| !nodes.contains(node)) {
            Some(unknown) => Err(refused("grooming", format!("{unknown:?} is no node of the topology"))),
            None => Ok(()),
        }
    }
}

fn refused(role: &str, detail: String) -> AlgorithmError {
    AlgorithmError::InvalidInput { role: role.to_owned(), pointer: String::new(), detail }
}

impl Algorithm for BillOfMaterialsOf {
    const NAME: &'static str = "bill_of_materials";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str =
        "Counts and places the cards that a plan needs at every site, with their prices.";
    const STAGES: &'static [StageInfo] =
        &[StageInfo { name: "count", does: "all sites: the whole bill is a matter of milliseconds" }];
    const INPUTS: &'static [(&'static str, bool)] =
        &[("topology", true), ("plan", true), ("grooming", false)];

    type Params = BillParams;
    type Inputs = BillInputs;
    type State = Nothing;
    type Partial = BillOfMaterials;
    type Report = BillOfMaterials;

    fn open(&self, documents: &Documents, params: &BillParams) -> Result<BillInputs, AlgorithmError> {
        for (item, price) in &params.prices {
            if !price.is_finite() || *price < 0.0 {
                let pointer = format!("/prices/{}", item.name());
                return Err(AlgorithmError::InvalidParams {
                    pointer,
                    detail: "a price is at least 0".to_owned(),
                });
            }
        }
        let planned: Value = documents.parse("plan")?;
        let plan = match plan_report_in(&planned) {
            Some(report) => report.plan,
            None => documents.parse("plan")?,
        };
        let grooming = match documents.bytes("grooming") {
            Some(_) => {
                let report: Value = documents.parse("grooming")?;
                let found = grooming_report_in(&report);
                Some(found.ok_or_else(|| refused("grooming", "there is no grooming in it".to_owned()))?)
            }
            None => grooming_report_in(&planned),
        };
        let inputs = BillInputs { topology: documents.parse("topology")?, plan, grooming };
        inputs.check()?;
        Ok(inputs)
    }

    fn plan(&self, _: &Job<'_, Self>, _: &Control) -> Result<Step<Self>, AlgorithmError> {
        Ok(Step::Stage { name: "count", state: Nothing {}, shards: 1, note: None })
    }

    fn execute(
        &self,
        job: &Job<'_, Self>,
        _: &Nothing,
        _: ShardIndex,
        _: &Control,
    ) -> Result<BillOfMaterials, AlgorithmError> {
        Ok(bill_of_materials(&job.inputs.given(job.params)))
    }

    fn merge(
        &self,
        _: &Job<'_, Self>,
        _: &Nothing,
        partials: &mut dyn Iterator<Item = Result<BillOfMaterials, AlgorithmError>>,
        _: &Control,
    ) -> Result<Step<Self>, AlgorithmError> {
        let none = || AlgorithmError::Unreadable { detail: "the bill is missing".to_owned() };
        Ok(Step::Done(partials.next().ok_or_else(none)??))
    }

    fn verify(&self, job: &Job<'_, Self>, report: &BillOfMaterials) -> Vec<Violation> {
        verify_bill(&job.inputs.topology, &job.inputs.plan, job.inputs.grooming.as_ref(), report)
    }
}
