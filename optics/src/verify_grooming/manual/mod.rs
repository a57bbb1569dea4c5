//! The independent checker of groomings that are handed in: every rule that a [`ManualGrooming`] breaks.
//!
//! | nr | rule | holds that |
//! |---|---|---|
//! | 1 | `GROOMOUT_ENDS` | a groomout has the ends of its demand in the sub-matrix |
//! | 2 | `GROOMOUT_TYPE` | an MP2X takes clients below 10 Gb/s, a PS6X only FE and GE, all of them services of the demand |
//! | 3 | `GROOMOUT_SERVICE_TWICE` | a service is in at most one groomout |
//! | 4 | `GROOMOUT_CAPACITY` | a groomout carries at most 10 Gb/s and 16 clients (of a PS6X 14 FE) |
//! | 5 | `GROOMOUT_SUM` | and says the sum of its clients |
//! | 6 | `LIGHTPATH_TYPE` | a lightpath's services are 10GE, STM64 or 100GE (on 10G wavelengths no 100GE), its clients known |
//! | 7 | `LIGHTPATH_CLIENT_TWICE` | a service or groomout is in at most one lightpath |
//! | 8 | `LIGHTPATH_CAPACITY` | a lightpath carries at most its line rate, in as many 10G clients as it has ports, and says their sum |
//! | 9 | `LEFTOVER_CARRIED` | what is left over is in no lightpath |
//! | 10 | `CARD_REFERENCE` | cards name sub-matrices, demands, groomouts and lightpaths that exist; a groomout is on at most two |
//! | 11 | `CLUSTER_ENDS` | a demand of a cluster's sub-matrix has its ends in that cluster |
//! | 12 | `SERVICE_MAPPING` | the mapping names what exists, both ways, and pieces chain from end to end of the original demand |
//! | 13 | `TABLE` | the grooming table has every demand, with its ends and the counts that follow from the mapping |
//! | | `LIGHTPATH_ENDS`, `SERVICE_LOST` | beyond the thirteen: a lightpath has the ends of its demand; every service of a sub-matrix is somewhere |
//!
//! It shares no code with the planners and reads the documents themselves. Violations come in the order of the rules.

mod cards;
mod groomouts;
mod lightpaths;
mod mapping;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::clusters::{ClusterSet, MAIN};
use crate::manual_grooming::{ManualGrooming, MatrixGrooming, service_type};
use crate::traffic::{ServiceType, TrafficMatrix};
use crate::violation::Violation;

/// Rates are sums of numbers with six decimals: what differs by less is the same.
const TOLERANCE_GBPS: f64 = 1e-6;
/// Most violations listed of each rule.
const MOST_PER_RULE: usize = 1_000;

/// A rule of groomings that are handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// 1: a groomout has the ends of its demand.
    GroomoutEnds,
    /// 2: the clients of a groomout are of types that its card takes.
    GroomoutType,
    /// 3: a service is in at most one groomout.
    GroomoutServiceTwice,
    /// 4: a groomout carries at most 10 Gb/s.
    GroomoutCapacity,
    /// 5: a groomout says the sum of its clients.
    GroomoutSum,
    /// 6: the clients of a lightpath are of types that it takes.
    LightpathType,
    /// 7: a client is in at most one lightpath.
    LightpathClientTwice,
    /// 8: a lightpath carries at most its line rate and says its sum.
    LightpathCapacity,
    /// 9: what is left over is in no lightpath.
    LeftoverCarried,
    /// 10: cards name what exists.
    CardReference,
    /// 11: demands of a cluster's sub-matrix have their ends in it.
    ClusterEnds,
    /// 12: the mapping of services is right.
    ServiceMapping,
    /// 13: the grooming table is right.
    Table,
    /// A lightpath has the ends of its demand.
    LightpathEnds,
    /// Every service of a sub-matrix is somewhere.
    ServiceLost,
}

impl Rule {
    /// All rules, in their order.
    pub const ALL: [Self; 15] = [
        Self::GroomoutEnds,
        Self::GroomoutType,
        Self::GroomoutServiceTwice,
        Self::GroomoutCapacity,
        Self::GroomoutSum,
        Self::LightpathType,
        Self::LightpathClientTwice,
        Self::LightpathCapacity,
        Self::LeftoverCarried,
        Self::CardReference,
        Self::ClusterEnds,
        Self::ServiceMapping,
        Self::Table,
        Self::LightpathEnds,
        Self::ServiceLost,
    ];

    /// What violations call it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::GroomoutEnds => "GROOMOUT_ENDS",
            Self::GroomoutType => "GROOMOUT_TYPE",
            Self::GroomoutServiceTwice => "GROOMOUT_SERVICE_TWICE",
            Self::GroomoutCapacity => "GROOMOUT_CAPACITY",
            Self::GroomoutSum => "GROOMOUT_SUM",
            Self::LightpathType => "LIGHTPATH_TYPE",
            Self::LightpathClientTwice => "LIGHTPATH_CLIENT_TWICE",
            Self::LightpathCapacity => "LIGHTPATH_CAPACITY",
            Self::LeftoverCarried => "LEFTOVER_CARRIED",
            Self::CardReference => "CARD_REFERENCE",
            Self::ClusterEnds => "CLUSTER_ENDS",
            Self::ServiceMapping => "SERVICE_MAPPING",
            Self::Table => "TABLE",
            Self::LightpathEnds => "LIGHTPATH_ENDS",
            Self::ServiceLost => "SERVICE_LOST",
        }
    }

    /// Its number among the original's thirteen; none for one beyond them.
    #[must_use]
    pub fn number(self) -> Option<usize> {
        Self::ALL.iter().position(|&rule| rule == self).map(|position| position + 1).filter(|&n| n <= 13)
    }
}

/// Every rule that `grooming` breaks as a grooming of `traffic`, in the order of the rules; none for a good one.
///
/// `clusters` are those whose ids sub-matrices have. Near-linear in the size of the documents.
#[must_use]
pub fn verify_manual_grooming(
    traffic: &TrafficMatrix,
    clusters: &ClusterSet,
    grooming: &ManualGrooming,
) -> Vec<Violation> {
    let case = Case::new(traffic, clusters, grooming);
    let mut found = Found::default();
    groomouts::check(&case, &mut found);
    lightpaths::check(&case, &mut found);
    cards::check(&case, &mut found);
    check_clusters(&case, &mut found);
    mapping::check(&case, &mut found);
    table::check(&case, &mut found);
    found.into_vec()
}

/// Violations, kept apart by rule.
#[derive(Default)]
struct Found(BTreeMap<Rule, Vec<Violation>>);

impl Found {
    fn add(&mut self, rule: Rule, subject: &str, detail: impl Into<String>) {
        let of_rule = self.0.entry(rule).or_default();
        if of_rule.len() < MOST_PER_RULE {
            of_rule.push(Violation {
                rule: rule.code().to_owned(),
                subject: subject.to_owned(),
                detail: detail.into(),
            });
        }
    }

    fn into_vec(self) -> Vec<Violation> {
        self.0.into_values().flatten().collect()
    }
}

/// A demand of a sub-matrix.
struct SubDemand<'a> {
    ends: [&'a str; 2],
    /// Types of its services by id; none for a type that does not exist.
    services: BTreeMap<&'a str, Option<ServiceType>>,
}

/// The documents, and what is needed to look things up in them.
struct Case<'a> {
    traffic: &'a TrafficMatrix,
    clusters: &'a ClusterSet,
    grooming: &'a ManualGrooming,
    /// The demands of the traffic matrix.
    original: BTreeMap<&'a str, SubDemand<'a>>,
    /// The demands of each sub-matrix. One that is groomed but has no demands listed has none.
    matrices: BTreeMap<&'a str, BTreeMap<&'a str, SubDemand<'a>>>,
}

impl<'a> Case<'a> {
    fn new(traffic: &'a TrafficMatrix, clusters: &'a ClusterSet, grooming: &'a ManualGrooming) -> Self {
        let matrices = match &grooming.clustered_tms {
            Some(clustered) => clustered
                .sub_tms
                .iter()
                .map(|(id, matrix)| {
                    let demands = matrix.tm.demands.iter().map(|(id, demand)| {
                        let services = demand.services.iter().flat_map(|group| {
                            group.service_id_list.iter().map(|id| (id.as_str(), service_type(&group.kind)))
                        });
                        let ends = [demand.source.as_str(), demand.destination.as_str()];
                        (id.as_str(), SubDemand { ends, services: services.collect() })
                    });
                    (id.as_str(), demands.collect())
                })
                .collect(),
            // nothing was split: each matrix that was groomed is the traffic matrix
            None => grooming.traffic.keys().map(|id| (id.as_str(), demands_of(traffic))).collect(),
        };
        Self { traffic, clusters, grooming, original: demands_of(traffic), matrices }
    }

    /// The demand of a sub-matrix.
    fn demand(&self, matrix: &str, demand: &str) -> Option<&SubDemand<'a>> {
        self.matrices.get(matrix)?.get(demand)
    }

    /// Sub-matrices with what became of them.
    fn groomed(&self) -> impl Iterator<Item = (&'a str, &'a MatrixGrooming)> + use<'a> {
        self.grooming.traffic.iter().map(|(id, matrix)| (id.as_str(), matrix))
    }
}

fn demands_of(traffic: &TrafficMatrix) -> BTreeMap<&str, SubDemand<'_>> {
    traffic
        .demands
        .iter()
        .map(|demand| {
            let services = demand
                .services
                .iter()
                .flat_map(|group| group.ids.iter().map(|id| (id.as_str(), Some(group.kind))));
            let ends = [demand.a.as_str(), demand.b.as_str()];
            (demand.id.as_str(), SubDemand { ends, services: services.collect() })
        })
        .collect()
}

/// Rule 11.
fn check_clusters(case: &Case<'_>, found: &mut Found) {
    let Some(clustered) = &case.grooming.clustered_tms else { return };
    for (id, matrix) in &clustered.sub_tms {
        if matrix.cluster_id.as_ref().is_some_and(|own| own != id) {
            found.add(Rule::ClusterEnds, id, "the sub-matrix names another cluster than its own");
        }
        if id == MAIN {
            continue;
        }
        let Some(cluster) = case.clusters.clusters.iter().find(|cluster| cluster.id == *id) else {
            found.add(Rule::ClusterEnds, id, "no cluster has the id of this sub-matrix");
            continue;
        };
        for (demand, ends) in &matrix.tm.demands {
            for end in [&ends.source, &ends.destination] {
                if !cluster.has(end) {
                    let detail = format!("`{end}` is not in cluster `{id}`, whose sub-matrix has the demand");
                    found.add(Rule::ClusterEnds, demand, detail);
                }
            }
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE_GBPS
}

fn rate(kind: Option<ServiceType>) -> f64 {
    kind.map_or(0.0, ServiceType::rate_gbps)
}
