//! What the sheets say: sites, links between them, equipment in them; and whether it fits together.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fields::Log;
use super::sheet::{Header, Layout, Row, Sheet};
use super::{required_sheet, sheet_called};
use crate::import::workbook::Workbook;

const NODES: Layout = Layout {
    sheet: "Nodes",
    header_line: 4,
    columns: 10,
    headers: &[
        Header::Column("City"),
        Header::Column("Region"),
        Header::Column("Latitude"),
        Header::Column("Longitude"),
        Header::Column("Type"),
        Header::Column("Booster_restriction"),
        Header::Column("Preamp_restriction"),
    ],
    required: &["City"],
};

/// Columns of a fibre.
const SIDE: &[&str] = &["Distance (km)", "Fiber type", "lineic att", "Con_in", "Con_out", "PMD", "Cable id"];

const LINKS: Layout = Layout {
    sheet: "Links",
    header_line: 3,
    columns: 16,
    headers: &[
        Header::Column("Node A"),
        Header::Column("Node Z"),
        Header::Group("east", SIDE),
        Header::Group("west", SIDE),
    ],
    required: &["Node A", "Node Z", "east"],
};

/// Columns of an amplifier.
const AMPLIFIER: &[&str] = &["amp type", "amp gain", "delta p", "tilt", "att_out", "att_in"];

const EQUIPMENT: Layout = Layout {
    sheet: "Eqpt",
    header_line: 3,
    columns: 14,
    headers: &[
        Header::Column("Node A"),
        Header::Column("Node Z"),
        Header::Group("east", AMPLIFIER),
        Header::Group("west", AMPLIFIER),
    ],
    required: &["Node A", "Node Z", "east"],
};

const ROADMS: Layout = Layout {
    sheet: "Roadms",
    header_line: 3,
    columns: 6,
    headers: &[
        Header::Column("Node A"),
        Header::Column("Node Z"),
        Header::Column("per degree target power (dBm)"),
        Header::Column("type_variety"),
        Header::Column("from degrees"),
        Header::Column("from degree to degree impairment id"),
    ],
    required: &["Node A", "Node Z"],
};

/// What stands at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SiteKind {
    Roadm,
    Amplifier,
    Fused,
}

#[derive(Clone, Debug)]
pub(super) struct Site {
    pub city: String,
    pub region: String,
    pub latitude: f64,
    pub longitude: f64,
    pub kind: SiteKind,
    pub boosters: Vec<String>,
    pub preamps: Vec<String>,
}

/// A fibre of a link, one direction.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub distance_km: f64,
    pub fibre: String,
    pub loss_db_per_km: f64,
    pub connector_in_db: Option<f64>,
    pub connector_out_db: Option<f64>,
    pub pmd_ps: Option<f64>,
    pub cable: String,
}

/// A link: its fibre from a to z is the east one.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub a: String,
    pub z: String,
    pub east: Side,
    pub west: Side,
}

/// An amplifier, or what stands in its place.
#[derive(Clone, Debug)]
pub(super) struct Amplifier {
    pub kind: String,
    pub gain_db: Option<f64>,
    pub delta_p_db: Option<f64>,
    pub tilt_db: Option<f64>,
    pub att_out_db: Option<f64>,
    pub att_in_db: f64,
}

impl Amplifier {
    /// Whether there is a splice instead of it.
    pub(super) fn is_fused(&self) -> bool {
        self.kind.eq_ignore_ascii_case("fused")
    }
}

/// Equipment at a site, towards another.
#[derive(Clone, Debug)]
pub(super) struct Equipment {
    pub at: String,
    pub to: String,
    pub east: Amplifier,
    pub west: Amplifier,
}

/// What is set for one degree of a ROADM.
#[derive(Clone, Debug)]
pub(super) struct Degree {
    pub at: String,
    pub to: String,
    pub power_dbm: Option<f64>,
    pub type_name: Option<String>,
    /// Profile of the path from another degree.
    pub profiles: Vec<(String, u32)>,
}

/// All that the sheets say.
#[derive(Clone, Debug, Default)]
pub(super) struct Sites {
    pub nodes: Vec<Site>,
    pub links: Vec<Link>,
    pub equipment: Vec<Equipment>,
    pub degrees: Vec<Degree>,
}

impl Sites {
    /// Reads the sheets. What does not fit together is found too.
    pub(super) fn read(book: &Workbook, log: &Log) -> Self {
        let mut read = Self::default();
        let (Some(nodes), Some(links)) =
            (required_sheet(book, "Nodes", log), required_sheet(book, "Links", log))
        else {
            return read;
        };
        let mut cities = BTreeSet::new();
        for row in Sheet::new(&NODES, nodes, log).rows() {
            let site = site(&row);
            if !cities.insert(site.city.clone()) {
                row.error("City", "DUPLICATE_ID", &format!("is \"{}\", which is there twice", site.city));
            }
            read.nodes.push(site);
        }
        read.read_links(&Sheet::new(&LINKS, links, log), &cities);
        if let Some(cells) = sheet_called(book, EQUIPMENT.sheet) {
            read.read_equipment(&Sheet::new(&EQUIPMENT, cells, log), &cities);
        }
        if let Some(cells) = sheet_called(book, ROADMS.sheet) {
            for row in Sheet::new(&ROADMS, cells, log).rows() {
                read.degrees.extend(degree(&row, &cities));
            }
        }
        read.check_degrees(log);
        read
    }

    fn read_links(&mut self, sheet: &Sheet<'_>, cities: &BTreeSet<String>) {
        let mut pairs = BTreeSet::new();
        for row in sheet.rows() {
            let (a, z) = (known_city(&row, "Node A", cities), known_city(&row, "Node Z", cities));
            if a == z {
                row.error("Node Z", "OUT_OF_RANGE", "is Node A");
            }
            if !pairs.insert((a.clone().min(z.clone()), a.clone().max(z.clone()))) {
                row.error("Node Z", "DUPLICATE_LINK", &format!("\"{a}\" and \"{z}\" are linked already"));
            }
            let east = side(&row, "east", None);
            let west = side(&row, "west", Some(&east));
            self.links.push(Link { a, z, east, west });
        }
    }

    fn read_equipment(&mut self, sheet: &Sheet<'_>, cities: &BTreeSet<String>) {
        let mut pairs = BTreeSet::new();
        for row in sheet.rows() {
            let (at, to) = (known_city(&row, "Node A", cities), known_city(&row, "Node Z", cities));
            if self.link(&at, &to).is_none() {
                row.error("Node Z", "UNKNOWN_LINK", &format!("no link joins \"{at}\" and \"{to}\""));
            }
            if !pairs.insert((at.clone(), to.clone())) {
                row.error("Node Z", "DUPLICATE_ID", &format!("\"{at}\" to \"{to}\" is there twice"));
            }
            let twice = self.equipment.iter().any(|other| other.at == at);
            let inline = self.nodes.iter().any(|site| site.city == at && site.kind == SiteKind::Amplifier);
            if twice && inline {
                row.error(
                    "Node A",
                    "DUPLICATE_ID",
                    &format!("\"{at}\" is an amplifier site and has a line already"),
                );
            }
            self.equipment.push(Equipment {
                at,
                to,
                east: amplifier(&row, "east"),
                west: amplifier(&row, "west"),
            });
        }
    }

    /// A site that amplifies or splices joins two others; one that amplifies and does not is a ROADM, as in GNPy.
    fn check_degrees(&mut self, log: &Log) {
        let mut degrees: BTreeMap<&str, usize> = BTreeMap::new();
        for link in &self.links {
            *degrees.entry(&link.a).or_default() += 1;
            *degrees.entry(&link.z).or_default() += 1;
        }
        for site in &mut self.nodes {
            let count = degrees.get(site.city.as_str()).copied().unwrap_or(0);
            if count == 0 && !site.city.is_empty() {
                log.error("UNLINKED_NODE", "", format!("node \"{}\" is in no link", site.city));
            }
            if site.kind == SiteKind::Amplifier && count != 2 {
                site.kind = SiteKind::Roadm;
            }
            if site.kind == SiteKind::Fused && count != 2 {
                let detail = format!("node \"{}\" is FUSED and joins {count} links, not 2", site.city);
                log.error("OUT_OF_RANGE", "", detail);
            }
        }
    }

    /// The link that joins two sites.
    pub(super) fn link(&self, one: &str, other: &str) -> Option<&Link> {
        self.links
            .iter()
            .find(|link| (link.a == one && link.z == other) || (link.a == other && link.z == one))
    }
}

fn known_city(row: &Row<'_>, field: &str, cities: &BTreeSet<String>) -> String {
    let city = row.required_text(field);
    if !city.is_empty() && !cities.contains(&city) {
        row.error(field, "UNKNOWN_NODE", &format!("is \"{city}\", which is not in sheet Nodes"));
    }
    city
}

fn site(row: &Row<'_>) -> Site {
    Site {
        city: row.required_text("City"),
        region: row.text("Region").unwrap_or_default(),
        latitude: row.number("Latitude").unwrap_or(0.0),
        longitude: row.number("Longitude").unwrap_or(0.0),
        kind: match row.text("Type").as_deref() {
            Some("ROADM") => SiteKind::Roadm,
            Some("FUSED") => SiteKind::Fused,
            _ => SiteKind::Amplifier,
        },
        boosters: names(row.text("Booster_restriction").as_deref()),
        preamps: names(row.text("Preamp_restriction").as_deref()),
    }
}

/// Names in a cell, separated by bars.
pub(super) fn names(cell: Option<&str>) -> Vec<String> {
    cell.iter()
        .flat_map(|cell| cell.split(" | "))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A fibre; what the west one does not say is as in the east one.
fn side(row: &Row<'_>, direction: &str, other: Option<&Side>) -> Side {
    let field = |name: &str| format!("{direction} {name}");
    Side {
        distance_km: row
            .number(&field("Distance (km)"))
            .or(other.map(|side| side.distance_km))
            .unwrap_or(80.0),
        fibre: row
            .text(&field("Fiber type"))
            .or_else(|| other.map(|side| side.fibre.clone()))
            .unwrap_or_else(|| "SSMF".to_owned()),
        loss_db_per_km: row
            .number(&field("lineic att"))
            .or(other.map(|side| side.loss_db_per_km))
            .unwrap_or(0.2),
        connector_in_db: row.number(&field("Con_in")).or(other.and_then(|side| side.connector_in_db)),
        connector_out_db: row.number(&field("Con_out")).or(other.and_then(|side| side.connector_out_db)),
        pmd_ps: row.number(&field("PMD")).or(other.and_then(|side| side.pmd_ps)),
        cable: row
            .text(&field("Cable id"))
            .or_else(|| other.map(|side| side.cable.clone()))
            .unwrap_or_default(),
    }
}

fn amplifier(row: &Row<'_>, direction: &str) -> Amplifier {
    let number = |name: &str| row.number(&format!("{direction} {name}"));
    Amplifier {
        kind: row.text(&format!("{direction} amp type")).unwrap_or_default(),
        gain_db: number("amp gain"),
        delta_p_db: number("delta p"),
        tilt_db: number("tilt"),
        att_out_db: number("att_out"),
        att_in_db: number("att_in").unwrap_or(0.0),
    }
}

fn degree(row: &Row<'_>, cities: &BTreeSet<String>) -> Option<Degree> {
    const IDS: &str = "from degree to degree impairment id";
    let (at, to) = (known_city(row, "Node A", cities), known_city(row, "Node Z", cities));
    let mut profiles = Vec::new();
    if let (Some(from), Some(ids)) = (row.text("from degrees"), row.text(IDS)) {
        let from: Vec<&str> = from.split(" | ").collect();
        let ids: Vec<Option<u32>> = ids.split(" | ").map(|id| id.trim().parse().ok()).collect();
        if from.len() != ids.len() || ids.contains(&None) {
            row.error(IDS, "WRONG_LENGTH", "must be a whole number for each of \"from degrees\"");
            return None;
        }
        profiles = from.into_iter().map(str::to_owned).zip(ids.into_iter().flatten()).collect();
    }
    Some(Degree {
        at,
        to,
        power_dbm: row.number("per degree target power (dBm)"),
        type_name: row.text("type_variety"),
        profiles,
    })
}
