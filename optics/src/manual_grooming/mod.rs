//! The document of a grooming that people or other tools hand in: the form of the original NetPlanner.
//!
//! A grooming is a set of *sub-matrices* (`main`, and one for each cluster), each with its lightpaths, its 10G lines
//! (groomouts) and what is left over; the service cards and where they sit; and, where services were split at
//! gateways, the demands of the sub-matrices, which service became which pieces, and the grooming table. Both shapes
//! that the original writes are read: with `grooming_result` and `serviceMapping`, and flat with `service_mapping`.
//! What the checker does not need (statistics, forms, dates) is ignored.
//!
//! [`crate::verify_grooming::manual`] says which rules a document breaks; [`ManualGrooming::of`] writes a report of
//! ours in this form.

mod of_report;
mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use split::{
    ClusteredMatrices, ManualRow, MappedDemand, MappedMatrix, MappedService, ServiceMapping,
    ServiceReference, SubDemand, SubMatrixDemands, SubServices, Table, TableEntry, TypeCount,
};

use crate::traffic::ServiceType;

/// A grooming as handed in. Ids are keys of the maps; all rates are in Gb/s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shapes")]
pub struct ManualGrooming {
    /// What became of each sub-matrix, by its id.
    pub traffic: BTreeMap<String, MatrixGrooming>,
    /// The service cards, by id: one for each end.
    pub service_devices: BTreeMap<String, Device>,
    /// Where the cards sit.
    pub node_structure: NodeStructure,
    /// The demands of the sub-matrices; absent where nothing was split: the one matrix is the traffic matrix.
    pub clustered_tms: Option<ClusteredMatrices>,
    /// Which service became which pieces, and back.
    pub service_mapping: Option<ServiceMapping>,
    /// How the services of each original demand travel.
    pub grooming_table: Option<Table>,
}

/// The two shapes in which the original writes the same.
#[derive(Deserialize)]
struct Shapes {
    grooming_result: Option<Core>,
    traffic: Option<BTreeMap<String, MatrixGrooming>>,
    #[serde(default)]
    service_devices: Option<BTreeMap<String, Device>>,
    #[serde(default)]
    node_structure: Option<NodeStructure>,
    clustered_tms: Option<ClusteredMatrices>,
    #[serde(alias = "serviceMapping")]
    service_mapping: Option<ServiceMapping>,
    grooming_table: Option<Table>,
}

#[derive(Deserialize)]
struct Core {
    traffic: BTreeMap<String, MatrixGrooming>,
    #[serde(default)]
    service_devices: BTreeMap<String, Device>,
    #[serde(default)]
    node_structure: NodeStructure,
}

impl TryFrom<Shapes> for ManualGrooming {
    type Error = &'static str;

    fn try_from(shapes: Shapes) -> Result<Self, Self::Error> {
        let (traffic, service_devices, node_structure) = match (shapes.grooming_result, shapes.traffic) {
            (Some(core), _) => (core.traffic, core.service_devices, core.node_structure),
            (None, Some(traffic)) => (
                traffic,
                shapes.service_devices.unwrap_or_default(),
                shapes.node_structure.unwrap_or_default(),
            ),
            (None, None) => return Err("missing field `traffic`"),
        };
        Ok(Self {
            traffic,
            service_devices,
            node_structure,
            clustered_tms: shapes.clustered_tms,
            service_mapping: shapes.service_mapping,
            grooming_table: shapes.grooming_table,
        })
    }
}

/// Something for each demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByDemand<T> {
    /// By the id of the demand.
    pub demands: BTreeMap<String, T>,
}

impl<T> Default for ByDemand<T> {
    fn default() -> Self {
        Self { demands: BTreeMap::new() }
    }
}

/// What became of a sub-matrix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatrixGrooming {
    /// Its cluster: the id of the sub-matrix again.
    pub cluster_id: Option<String>,
    /// By id.
    pub lightpaths: BTreeMap<String, ManualLightpath>,
    /// The 10G lines.
    pub low_rate_grooming_result: ByDemand<LowRateDemand>,
    /// Services that nothing carries, by type.
    pub remaining_services: ByDemand<BTreeMap<String, RemainingServices>>,
    /// Groomouts that no lightpath carries.
    pub remaining_groomouts: ByDemand<Vec<String>>,
}

/// A lightpath.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManualLightpath {
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// One end.
    pub source: String,
    /// The other end.
    pub destination: String,
    /// Its clients.
    pub service_id_list: Vec<LightpathClient>,
    /// `<line rate>GE`, or `10NonCoherent` for a 10G wavelength of its own.
    pub routing_type: String,
    /// The demand.
    pub demand_id: String,
    /// `NoProtection` or `1+1_NodeDisjoint`.
    #[serde(default)]
    pub protection_type: Option<String>,
    /// `None`, `JointSame` or `AdvJointSame`.
    #[serde(default)]
    pub restoration_type: Option<String>,
    /// What fills it.
    pub capacity: f64,
}

/// A client of a lightpath.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LightpathClient {
    /// A service, or a groomout.
    pub id: String,
    /// `normal` for a service, `groomout` for a groomout.
    #[serde(rename = "type")]
    pub kind: String,
    /// Type of the service.
    #[serde(default)]
    pub normal_service_type: Option<String>,
    /// Where the MP2X of a groomout sit.
    #[serde(default)]
    pub mp2x_panel_address: Option<PanelAddresses>,
}

/// Places of a card at both ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanelAddresses {
    /// At the lightpath's source.
    pub source: PanelAddress,
    /// At its destination.
    pub destination: PanelAddress,
}

/// A place for a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanelAddress {
    /// The rack.
    pub rack_id: String,
    /// The shelf in the rack.
    pub shelf_id: String,
    /// The slots in the shelf.
    pub slot_id_list: Vec<String>,
}

/// The 10G lines of a demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LowRateDemand {
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// One end.
    pub source: String,
    /// The other end.
    pub destination: String,
    /// By id.
    pub groomouts: BTreeMap<String, ManualGroomout>,
}

/// A 10G line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManualGroomout {
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// Its services.
    pub service_id_list: Vec<GroomoutClient>,
    /// The card that makes it: `MP2X` or `PS6X`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What fills it.
    pub capacity: f64,
    /// The lightpath that carries it.
    #[serde(default)]
    pub lightpath_id: Option<String>,
}

/// A client of a 10G line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroomoutClient {
    /// The service.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Services of one type that nothing carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemainingServices {
    /// How many.
    #[serde(default)]
    pub count: u64,
    /// Which.
    #[serde(default)]
    pub service_id_list: Vec<String>,
    /// Their type. The original labels FE wrongly here, so it is not compared.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// A service card at one end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// What it is: `MP2X`, `PS6X`, `MP1H`, `TP1H`, `TP2X` or `TPAX`.
    pub panel: String,
    /// The sub-matrix it serves (not of TP2X and TPAX, whose channels say).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_tm_id: Option<String>,
    /// The lightpath of an MP1H or TP1H.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lightpath_id: Option<String>,
    /// The first line of an MP2X or PS6X.
    #[serde(default, deserialize_with = "absent_or", skip_serializing_if = "Option::is_none")]
    pub line1: Option<CardLine>,
    /// The second.
    #[serde(default, deserialize_with = "absent_or", skip_serializing_if = "Option::is_none")]
    pub line2: Option<CardLine>,
    /// Whatever else it says; of TP2X and TPAX the channels `ch1`, `ch2`, …
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// What a line of a card carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardLine {
    /// The groomout.
    pub groomout_id: String,
    /// Its demand.
    pub demand_id: String,
}

/// What a channel of a TP2X or TPAX carries. An id that is missing is an id of nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// The lightpath.
    pub lightpath_id: String,
    /// Its demand.
    pub demand_id: String,
    /// Its sub-matrix.
    pub traffic_matrix_id: String,
}

impl Device {
    /// The channels of a TP2X or TPAX that are in use, with their names. One that is no channel is one of nothing.
    pub fn channels(&self) -> impl Iterator<Item = (&str, Channel)> {
        let named = |name: &str| name.strip_prefix("ch").is_some_and(|number| number.parse::<u8>().is_ok());
        let used = |value: &Value| !value.is_null() && value.as_str() != Some("None");
        self.others
            .iter()
            .filter(move |(name, value)| named(name) && used(value))
            .map(|(name, value)| (name.as_str(), serde_json::from_value(value.clone()).unwrap_or_default()))
    }
}

/// Where the cards of every node sit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeStructure {
    /// By node.
    pub nodes: BTreeMap<String, NodeRacks>,
}

/// The racks of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeRacks {
    /// By number, from 0.
    pub racks: BTreeMap<String, Rack>,
}

/// The shelves of a rack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rack {
    /// By number, from 0.
    pub shelves: BTreeMap<String, Shelf>,
}

/// The slots of a shelf.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shelf {
    /// The card in each slot that is taken, by number from 0.
    pub slots: BTreeMap<String, String>,
}

/// The type of services that the documents call `name`; none for an unknown one. `STM1` alone is either of the two.
#[must_use]
pub fn service_type(name: &str) -> Option<ServiceType> {
    if name == "STM1" {
        return Some(ServiceType::Stm1Electrical);
    }
    ServiceType::ALL.into_iter().find(|&kind| service_type_name(kind) == name)
}

/// What the documents call a type of services.
#[must_use]
pub const fn service_type_name(kind: ServiceType) -> &'static str {
    match kind {
        ServiceType::E1 => "E1",
        ServiceType::Stm1Electrical => "STM1 Electrical",
        ServiceType::Stm1Optical => "STM1 Optical",
        ServiceType::Stm4 => "STM4",
        ServiceType::Stm16 => "STM16",
        ServiceType::Stm64 => "STM64",
        ServiceType::FastEthernet => "FE",
        ServiceType::GigabitEthernet => "GE",
        ServiceType::TenGigabitEthernet => "10GE",
        ServiceType::HundredGigabitEthernet => "100GE",
    }
}

/// The original writes an absent value as null or as the text `None`.
fn absent_or<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form<T> {
        Value(T),
        Text(String),
        Nothing(()),
    }
    match Form::deserialize(from)? {
        Form::Value(value) => Ok(Some(value)),
        Form::Text(text) if text == "None" => Ok(None),
        Form::Text(text) => Err(serde::de::Error::custom(format!("`{text}` is no line of a card"))),
        Form::Nothing(()) => Ok(None),
    }
}
