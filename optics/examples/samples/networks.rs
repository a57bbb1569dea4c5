//! The sample networks and their traffic.

use std::collections::BTreeMap;

use optics::clusters::{Cluster, ClusterSet};
use optics::grid::Grid;
use optics::paths::great_circle_km;
use optics::topology::{LengthOrigin, Link, Node, Srlg, SrlgKind, Topology};
use optics::traffic_gen::{TrafficModel, generate};
use serde::Serialize;

/// Every file: its path in the samples folder, and its content.
pub fn files() -> Vec<(&'static str, String)> {
    let (nsfnet, italy) = (nsfnet(), italy());
    vec![
        ("equipment.json", json(&crate::equipment::equipment())),
        ("nsfnet/topology.json", json(&nsfnet)),
        ("nsfnet/traffic.json", json(&generate(&nsfnet, &nsfnet_traffic()).expect("the model is good"))),
        ("italy/topology.json", json(&italy)),
        ("italy/clusters.json", json(&italy_clusters())),
        ("italy/traffic.json", json(&generate(&italy, &italy_traffic()).expect("the model is good"))),
    ]
}

/// Sites of Italy that reach the rest over a few others.
fn italy_clusters() -> ClusterSet {
    ClusterSet {
        clusters: vec![
            Cluster::new("north-west", &["MI"], &["TO", "GE"]),
            Cluster::new("north-east", &["VE"], &["BZ", "TS"]),
            Cluster::new("sicily", &["NA", "RC"], &["PA", "CT"]),
        ],
    }
}

fn json(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("documents have no maps with other keys");
    text.push('\n');
    text
}

/// The NSFNET T1 backbone of 1991: 14 sites, 21 links, with the lengths in kilometres used in the literature on
/// wavelength routing. Positions are those of the cities.
fn nsfnet() -> Topology {
    let sites = [
        ("WA", "Seattle", 47.61, -122.33),
        ("CA1", "Palo Alto", 37.44, -122.14),
        ("CA2", "San Diego", 32.72, -117.16),
        ("UT", "Salt Lake City", 40.76, -111.89),
        ("CO", "Boulder", 40.01, -105.27),
        ("TX", "Houston", 29.76, -95.37),
        ("NE", "Lincoln", 40.81, -96.70),
        ("IL", "Champaign", 40.12, -88.24),
        ("PA", "Pittsburgh", 40.44, -79.99),
        ("GA", "Atlanta", 33.75, -84.39),
        ("MI", "Ann Arbor", 42.28, -83.74),
        ("NY", "Ithaca", 42.44, -76.50),
        ("NJ", "Princeton", 40.35, -74.66),
        ("MD", "College Park", 38.99, -76.94),
    ];
    let links = [
        ("WA", "CA1", 1050.0),
        ("WA", "CA2", 1500.0),
        ("WA", "IL", 2400.0),
        ("CA1", "CA2", 600.0),
        ("CA1", "UT", 750.0),
        ("CA2", "TX", 1800.0),
        ("UT", "CO", 600.0),
        ("UT", "MI", 1950.0),
        ("CO", "TX", 1200.0),
        ("CO", "NE", 600.0),
        ("TX", "GA", 1050.0),
        ("TX", "MD", 1800.0),
        ("NE", "IL", 750.0),
        ("IL", "PA", 750.0),
        ("PA", "GA", 750.0),
        ("PA", "NY", 300.0),
        ("PA", "NJ", 300.0),
        ("MI", "NY", 600.0),
        ("MI", "NJ", 750.0),
        ("NY", "MD", 300.0),
        ("NJ", "MD", 150.0),
    ];
    let mut topology =
        Topology { name: "NSFNET".to_owned(), grid: Some(Grid::default()), ..Topology::default() };
    for (id, city, lat, lon) in sites {
        topology.nodes.push(site(id, city, lat, lon));
    }
    for (a, b, km) in links {
        topology.links.push(Link::new(format!("{a}-{b}"), a, b, km));
    }
    topology
}

fn site(id: &str, city: &str, lat: f64, lon: f64) -> Node {
    Node { name: city.to_owned(), lat: Some(lat), lon: Some(lon), ..Node::roadm(id) }
}

fn nsfnet_traffic() -> TrafficModel {
    TrafficModel {
        name: "NSFNET, gravity".to_owned(),
        seed: 14,
        total_gbps: 22_000.0,
        distance_exponent: 0.5,
        ..TrafficModel::default()
    }
}

/// Kilometres of fibre for each kilometre of great circle between two Italian cities.
const ROUTE_FACTOR: f64 = 1.2;

/// Inhabitants in thousands, and positions, of the sites.
const ITALY: [(&str, &str, f64, f64, f64); 23] = [
    ("TO", "Torino", 45.070, 7.687, 850.0),
    ("MI", "Milano", 45.464, 9.190, 1370.0),
    ("GE", "Genova", 44.407, 8.934, 560.0),
    ("VR", "Verona", 45.438, 10.992, 255.0),
    ("VE", "Venezia", 45.440, 12.316, 250.0),
    ("TS", "Trieste", 45.650, 13.777, 200.0),
    ("BZ", "Bolzano", 46.498, 11.355, 106.0),
    ("BO", "Bologna", 44.494, 11.343, 390.0),
    ("PI", "Pisa", 43.723, 10.402, 89.0),
    ("FI", "Firenze", 43.770, 11.256, 360.0),
    ("PG", "Perugia", 43.112, 12.389, 162.0),
    ("AN", "Ancona", 43.616, 13.519, 98.0),
    ("RM", "Roma", 41.903, 12.496, 2750.0),
    ("PE", "Pescara", 42.461, 14.216, 118.0),
    ("NA", "Napoli", 40.852, 14.268, 910.0),
    ("FG", "Foggia", 41.462, 15.545, 146.0),
    ("BA", "Bari", 41.117, 16.872, 316.0),
    ("PZ", "Potenza", 40.640, 15.806, 65.0),
    ("CZ", "Catanzaro", 38.910, 16.587, 84.0),
    ("RC", "Reggio Calabria", 38.114, 15.650, 170.0),
    ("CT", "Catania", 37.508, 15.083, 298.0),
    ("PA", "Palermo", 38.116, 13.362, 630.0),
    ("CA", "Cagliari", 39.224, 9.122, 148.0),
];

/// A network through Italy of our own making: real cities, links as a carrier might lay them, great-circle lengths.
fn italy() -> Topology {
    let links = [
        ("TO", "MI"),
        ("TO", "GE"),
        ("MI", "GE"),
        ("MI", "VR"),
        ("MI", "BO"),
        ("VR", "BZ"),
        ("BZ", "VE"),
        ("VR", "VE"),
        ("VR", "BO"),
        ("VE", "TS"),
        ("TS", "AN"),
        ("VE", "BO"),
        ("GE", "PI"),
        ("PI", "FI"),
        ("BO", "FI"),
        ("BO", "AN"),
        ("PI", "RM"),
        ("FI", "PG"),
        ("FI", "RM"),
        ("PG", "AN"),
        ("PG", "RM"),
        ("AN", "PE"),
        ("PE", "RM"),
        ("PE", "FG"),
        ("RM", "NA"),
        ("NA", "FG"),
        ("NA", "PZ"),
        ("FG", "BA"),
        ("BA", "PZ"),
        ("PZ", "CZ"),
        ("BA", "CZ"),
        ("NA", "RC"),
        ("CZ", "RC"),
        ("RC", "CT"),
        ("CT", "PA"),
        ("PA", "NA"),
        ("PA", "CA"),
        ("CA", "RM"),
    ];
    let mut topology =
        Topology { name: "Italy".to_owned(), grid: Some(Grid::default()), ..Topology::default() };
    let mut places = BTreeMap::new();
    for (id, city, lat, lon, _) in ITALY {
        topology.nodes.push(site(id, city, lat, lon));
        places.insert(id, (lat, lon));
    }
    for (a, b) in links {
        let km = great_circle_km(places[a], places[b]) * ROUTE_FACTOR;
        topology.links.push(Link::new(format!("{a}-{b}"), a, b, km.round()));
    }
    topology.lengths = Some(LengthOrigin { method: "great_circle".to_owned(), route_factor: ROUTE_FACTOR });
    // The two cables that leave Palermo eastwards and northwards share their way to the coast.
    topology.srlgs.push(Srlg {
        id: "Palermo landing".to_owned(),
        kind: SrlgKind::Duct,
        members: vec!["PA-NA".to_owned(), "PA-CA".to_owned()],
        probability: None,
    });
    topology
}

fn italy_traffic() -> TrafficModel {
    TrafficModel {
        name: "Italy, gravity".to_owned(),
        seed: 21,
        total_gbps: 9_000.0,
        protected_share: 0.25,
        services: true,
        weights: ITALY.iter().map(|(id, _, _, _, thousands)| ((*id).to_owned(), thousands.sqrt())).collect(),
        distance_exponent: 0.5,
        least_gbps: 5.0,
        ..TrafficModel::default()
    }
}
