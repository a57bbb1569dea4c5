//! The bill of materials of a plan: which cards it needs at every site, and where in the racks they sit.
//!
//! The cards and how a site is built of them by its degree are those of the original NetPlanner; see `docs/bill-of-materials.md`.
//! Two things differ from it on purpose: what it lost is counted (every degree's line cards, MD48, regenerators, gear
//! for restoration), and sites of more than eight degrees are built of cascaded switches.

mod add_drop;
mod count;
mod shelves;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use count::{Given, bill_of_materials};
pub use shelves::{SHELVES_PER_RACK, SLOTS_PER_SHELF};

/// What is bought. The first twenty are the original's, in the order of its sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Item {
    /// Muxponder of clients below 10 Gb/s onto two 10G lines.
    Mp2x,
    /// Muxponder of ten 10G clients onto a 100G line.
    Mp1h,
    /// Transponder of one 100GE client.
    Tp1h,
    /// Interface controller, one for each shelf.
    Ifc,
    /// Controller, two for each shelf.
    Sc,
    /// Supervisory channel of five degrees.
    Os5,
    /// Fibre interface of a degree.
    Fim,
    /// Booster, pre-amplifier or in-line amplifier of a degree.
    #[serde(rename = "Amplifier")]
    Amplifier,
    /// Housekeeping, one for each site.
    Hkp,
    /// Listed by the original and never used.
    Mpbd,
    /// Wavelength selective switch with nine ports.
    Ws9,
    /// Wavelength selective switch with four ports.
    Ws4,
    /// Splitter and selector of two protected lightpaths.
    Sm2,
    /// Transponder of ten 10G lines that are not coherent; no plan has such lines.
    Tpax,
    /// Transponder of two such lines.
    Tp2x,
    /// Multiplexer and demultiplexer of 48 channels, odd or even ones.
    Md48,
    /// Power, one for each shelf.
    Pwr,
    /// Channel monitor of four degrees.
    Ocm,
    /// Listed by the original and never used.
    Md8,
    /// Dispersion compensation, for lines that are not coherent.
    Dcm,
    /// Transponder of a lightpath that no service card lights.
    #[serde(rename = "Transponder")]
    Transponder,
    /// Two transponders back to back on one card.
    #[serde(rename = "Regenerator")]
    Regenerator,
    /// Amplifier between the spans of a link; it stands outside the sites.
    #[serde(rename = "Line amplifier")]
    LineAmplifier,
}

impl Item {
    /// All, in the order of the sheet.
    pub const ALL: [Self; 23] = [
        Self::Mp2x,
        Self::Mp1h,
        Self::Tp1h,
        Self::Ifc,
        Self::Sc,
        Self::Os5,
        Self::Fim,
        Self::Amplifier,
        Self::Hkp,
        Self::Mpbd,
        Self::Ws9,
        Self::Ws4,
        Self::Sm2,
        Self::Tpax,
        Self::Tp2x,
        Self::Md48,
        Self::Pwr,
        Self::Ocm,
        Self::Md8,
        Self::Dcm,
        Self::Transponder,
        Self::Regenerator,
        Self::LineAmplifier,
    ];

    /// Its name, as in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mp2x => "MP2X",
            Self::Mp1h => "MP1H",
            Self::Tp1h => "TP1H",
            Self::Ifc => "IFC",
            Self::Sc => "SC",
            Self::Os5 => "OS5",
            Self::Fim => "FIM",
            Self::Amplifier => "Amplifier",
            Self::Hkp => "HKP",
            Self::Mpbd => "MPBD",
            Self::Ws9 => "WS9",
            Self::Ws4 => "WS4",
            Self::Sm2 => "SM2",
            Self::Tpax => "TPAX",
            Self::Tp2x => "TP2X",
            Self::Md48 => "MD48",
            Self::Pwr => "PWR",
            Self::Ocm => "OCM",
            Self::Md8 => "MD8",
            Self::Dcm => "DCM",
            Self::Transponder => "Transponder",
            Self::Regenerator => "Regenerator",
            Self::LineAmplifier => "Line amplifier",
        }
    }

    /// How many neighbouring slots of a shelf it takes.
    #[must_use]
    pub const fn slots(self) -> u32 {
        match self {
            Self::Mp2x
            | Self::Mp1h
            | Self::Tp1h
            | Self::Tpax
            | Self::Ws9
            | Self::Md48
            | Self::Transponder
            | Self::Regenerator => 2,
            _ => 1,
        }
    }
}

/// How many of each item: of all of them, also where there is none.
pub type Counts = BTreeMap<Item, u32>;

/// What a plan needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BillOfMaterials {
    /// Name of the topology.
    pub topology: String,
    /// What the whole network needs.
    pub total: Counts,
    /// What that costs; absent without prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What each site needs, in the order of the topology.
    pub nodes: Vec<NodeBill>,
    /// Amplifiers between spans, of fibre pairs that have some.
    pub links: Vec<LinkBill>,
    /// What could be left out, if the planner decides so.
    pub proposals: Vec<Proposal>,
    /// Lightpaths whose service cards are counted although the plan has no way for them.
    pub without_way: Vec<String>,
}

/// What things cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// All items that have a price.
    pub total: f64,
    /// The currency of the price list.
    pub currency: String,
    /// Items that are needed and have no price.
    pub without_price: Vec<Item>,
}

/// What a site needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeBill {
    /// The site.
    pub node: String,
    /// Its fibre pairs.
    pub degree: u32,
    /// How it is built.
    pub architecture: Architecture,
    /// How many of each item.
    pub counts: Counts,
    /// What they cost; absent without prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Racks in use.
    pub racks: u32,
    /// Shelves in use.
    pub shelves: u32,
    /// Every card in its place.
    pub cards: Vec<PlacedCard>,
}

/// How a site is built of multiplexers and switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Nothing is added, dropped or switched: one amplifier for each degree.
    AmplifierSite,
    /// One degree, or none: multiplexers directly at the amplifiers.
    Terminal,
    /// Two degrees with multiplexers at each: what passes is patched from one to the other.
    Patched,
    /// Two degrees, each with a switch that its multiplexers and the other degree are connected to.
    TwoSwitches,
    /// A switch for each degree, and up to two for what is added and dropped.
    Roadm,
}

/// A card in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacedCard {
    /// `<node>/<rack>/<shelf>/<first slot>`.
    pub id: String,
    /// What it is.
    pub item: Item,
    /// What it is there for: a degree's link and fibre, a lightpath, a side.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub serves: String,
    /// The rack, from 0.
    pub rack: u32,
    /// The shelf in the rack, from 0.
    pub shelf: u32,
    /// Its first slot in the shelf, from 0.
    pub slot: u32,
}

/// Amplifiers between the spans of a fibre pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkBill {
    /// The link.
    pub link: String,
    /// The fibre pair.
    pub fibre: String,
    /// Both directions together.
    pub line_amplifiers: u32,
}

/// Something to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The site.
    pub node: String,
    /// What could be done there, and what has to be looked at again.
    pub detail: String,
    /// What it would save.
    pub saves: Counts,
}

#[cfg(test)]
mod tests;
