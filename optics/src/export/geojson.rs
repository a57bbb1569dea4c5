//! Nodes, links and lightpaths as geographical features (RFC 7946); what has no position has no geometry.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ExportError;
use super::rows::paths;
use crate::report::PlanReport;
use crate::topology::Topology;

pub(super) fn features(report: &PlanReport, topology: &Topology) -> Result<Vec<u8>, ExportError> {
    let places: BTreeMap<&str, [f64; 2]> =
        topology.nodes.iter().filter_map(|node| Some((node.id.as_str(), [node.lon?, node.lat?]))).collect();
    let line = |nodes: &[&str]| -> Value {
        let points: Option<Vec<[f64; 2]>> = nodes.iter().map(|node| places.get(node).copied()).collect();
        points.map_or(Value::Null, |points| json!({"type": "LineString", "coordinates": points}))
    };
    let mut features = Vec::new();
    for (node, used) in topology.nodes.iter().zip(&report.nodes) {
        let geometry = places
            .get(node.id.as_str())
            .map_or(Value::Null, |point| json!({"type": "Point", "coordinates": point}));
        features.push(json!({
            "type": "Feature", "geometry": geometry,
            "properties": {"feature": "node", "id": node.id, "name": node.label(),
                "transponders": used.transponders, "regenerators": used.regenerators, "express": used.express},
        }));
    }
    for used in &report.links {
        let Some(link) = topology.links.iter().find(|link| link.id == used.link) else { continue };
        features.push(json!({
            "type": "Feature", "geometry": line(&[&link.a, &link.b]),
            "properties": {"feature": "link", "id": link.id, "fibre": used.fibre, "a": link.a, "b": link.b,
                "length_km": link.length_km, "used": used.used, "capacity": used.capacity, "share": used.share},
        }));
    }
    for row in paths(report, topology) {
        features.push(json!({
            "type": "Feature", "geometry": line(&row.nodes),
            "properties": {"feature": "lightpath", "id": row.lightpath.id, "role": row.role,
                "capacity_gbps": row.lightpath.capacity_gbps, "channel": row.channel, "slots": row.slots,
                "hops": row.hops, "length_km": row.length_km},
        }));
    }
    Ok(serde_json::to_vec(&json!({"type": "FeatureCollection", "features": features}))?)
}
