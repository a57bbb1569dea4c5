//! The JSON documents of the original NetPlanner, with or without the records its interface wraps them in.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::json::{parse, rename};
use super::netplanner_xlsx::{node, protection, restoration, type_of, with_fibre_type};
use super::{ImportOptions, Imported, LinkIds, Refused, finish_topology, finish_traffic};
use crate::finding::{Finding, Findings};
use crate::topology::{Link, Topology};
use crate::traffic::{Demand, ServiceGroup, TrafficMatrix};

pub(super) fn topology(bytes: &[u8], options: &ImportOptions) -> Result<Imported<Topology>, Refused> {
    let root: Value = parse(bytes)?;
    let (pointer, object, name) = unwrap(&root, "pt", "nodes")?;
    let mut found = Findings::default();
    let mut document = Topology { name, ..Topology::default() };
    rename(&mut document.name, options);
    for (i, value) in list(object, "nodes", &pointer, &mut found).iter().enumerate() {
        let at = format!("{pointer}/nodes/{i}");
        let fields = Fields { value, at: &at };
        let kind = fields.optional_text("roadm_type", &mut found).unwrap_or_else(|| "CDC".to_owned());
        if !matches!(kind.as_str(), "CDC" | "Directionless") {
            let detail = format!("`{kind}` must be `CDC` or `Directionless`");
            found.error("ROADM_TYPE", format!("{at}/roadm_type"), detail);
        }
        let mut site = node(fields.text("name", &mut found), kind == "Directionless");
        site.lat = fields.number("lat", &mut found);
        site.lon = fields.number("lng", &mut found);
        document.nodes.push(site);
    }
    let names: BTreeSet<String> = document.nodes.iter().map(|node| node.id.clone()).collect();
    let mut ids = LinkIds::default();
    for (i, value) in list(object, "links", &pointer, &mut found).iter().enumerate() {
        let at = format!("{pointer}/links/{i}");
        let fields = Fields { value, at: &at };
        let mut end = |field: &str| {
            let name = fields.text(field, &mut found);
            if !name.is_empty() && !names.contains(&name) {
                let detail = format!("link {field} `{name}` must be one of the nodes");
                found.error("UNKNOWN_NODE", format!("{at}/{field}"), detail);
            }
            name
        };
        let (a, b) = (end("source"), end("destination"));
        let length_km = fields.number("length", &mut found).unwrap_or(0.0);
        let fibre_type = fields.optional_text("fiber_type", &mut found);
        document.links.push(with_fibre_type(Link::new(ids.next(&a, &b), a, b, length_km), fibre_type));
    }
    finish_topology(document, found.into_vec(), |finding| {
        translate(
            &pointer,
            &[("id", "name"), ("lon", "lng"), ("a", "source"), ("b", "destination"), ("length_km", "length")],
            finding,
        )
    })
}

/// Writes a pointer into our document as one into the file.
fn translate(pointer: &str, fields: &[(&str, &str)], mut finding: Finding) -> Finding {
    let mut parts: Vec<&str> = finding.pointer.split('/').collect();
    if let Some(field) = parts.get_mut(3)
        && let Some((_, theirs)) = fields.iter().find(|(ours, _)| ours == field)
    {
        *field = theirs;
    }
    finding.pointer = format!("{pointer}{}", parts.join("/"));
    finding
}

pub(super) fn traffic(bytes: &[u8], options: &ImportOptions) -> Result<Imported<TrafficMatrix>, Refused> {
    let root: Value = parse(bytes)?;
    let (pointer, object, name) = unwrap(&root, "tm", "demands")?;
    let mut found = Findings::default();
    let mut document = TrafficMatrix { name, ..TrafficMatrix::default() };
    rename(&mut document.name, options);
    let Some(demands) = object.get("demands").and_then(Value::as_object) else {
        found.error("TYPE", format!("{pointer}/demands"), "must be an object of demands by id");
        return Err(Refused { findings: found.into_vec() });
    };
    // An object has no order; ids that are numbers were given in theirs.
    let mut ordered: Vec<(&String, &Value)> = demands.iter().collect();
    ordered.sort_by_key(|(id, _)| (id.parse::<u64>().unwrap_or(u64::MAX), (*id).clone()));
    let ids: Vec<&String> = ordered.iter().map(|(id, _)| *id).collect();
    for (id, value) in &ordered {
        document.demands.push(read_demand(
            id,
            value,
            &format!("{pointer}/demands/{}", escape(id)),
            &mut found,
        ));
    }
    finish_traffic(document, found.into_vec(), |mut finding| {
        let index = finding.pointer.split('/').nth(2).and_then(|part| part.parse::<usize>().ok());
        if let Some(id) = index.and_then(|index| ids.get(index)) {
            let rest: Vec<&str> = finding.pointer.split('/').skip(3).collect();
            finding.pointer = format!("{pointer}/demands/{}/{}", escape(id), rest.join("/"));
            for (ours, theirs) in [("/a", "/source"), ("/b", "/destination")] {
                if let Some(stem) = finding.pointer.strip_suffix(ours) {
                    finding.pointer = format!("{stem}{theirs}");
                }
            }
        }
        finding
    })
}

fn escape(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

fn read_demand(id: &str, value: &Value, at: &str, found: &mut Findings) -> Demand {
    let fields = Fields { value, at };
    let (a, b) = (fields.text("source", found), fields.text("destination", found));
    let mut demand = Demand { rate_ab_gbps: None, ..Demand::of_rate(id, a, b, 0.0) };
    let name =
        fields.optional_text("protection_type", found).unwrap_or_else(|| "1+1_NodeDisjoint".to_owned());
    match protection(&name) {
        Some(protection) => demand.protection = protection,
        None => {
            found.error("PROTECTION_TYPE", format!("{at}/protection_type"), format!("`{name}` is not known"));
        }
    }
    let name = fields.optional_text("restoration_type", found).unwrap_or_else(|| "None".to_owned());
    match restoration(&name) {
        Some(restoration) => demand.restoration = restoration,
        None => found.error(
            "RESTORATION_TYPE",
            format!("{at}/restoration_type"),
            format!("`{name}` is not known"),
        ),
    }
    let Some(object) = value.as_object() else { return demand };
    for (i, value) in list(object, "services", at, found).iter().enumerate() {
        let at = format!("{at}/services/{i}");
        let fields = Fields { value, at: &at };
        let name = fields.text("type", found);
        let Some(kind) = type_of(&name) else {
            found.error("SERVICE_TYPE", format!("{at}/type"), format!("`{name}` is no service type"));
            continue;
        };
        let Some(object) = value.as_object() else { continue };
        let mut ids = Vec::new();
        for (k, id) in list(object, "service_id_list", &at, found).iter().enumerate() {
            match id {
                Value::String(id) => ids.push(id.clone()),
                Value::Number(id) => ids.push(id.to_string()),
                _ => found.error("TYPE", format!("{at}/service_id_list/{k}"), "must be a text"),
            }
        }
        let quantity = fields.number("quantity", found);
        if quantity.is_some_and(|quantity| (quantity - ids.len() as f64).abs() > 1e-9) {
            let detail = format!("quantity {} and {} ids differ", quantity.unwrap_or(0.0), ids.len());
            found.error("QUANTITY", format!("{at}/quantity"), detail);
        }
        if !ids.is_empty() {
            demand.services.push(ServiceGroup { kind, ids });
        }
    }
    demand
}

/// Finds the object that has `key`: the root, or inside `data`, `kind`, or the first of a list, three deep at most.
fn unwrap<'v>(
    root: &'v Value,
    kind: &str,
    key: &str,
) -> Result<(String, &'v Map<String, Value>, String), Refused> {
    let (mut value, mut pointer, mut name) = (root, String::new(), String::new());
    for _ in 0..4 {
        if let Some(list) = value.as_array() {
            let Some(first) = list.first() else { break };
            (value, pointer) = (first, format!("{pointer}/0"));
        }
        let Some(object) = value.as_object() else { break };
        if object.contains_key(key) {
            return Ok((pointer, object, name));
        }
        if let Some(own) = object.get("name").and_then(Value::as_str) {
            own.clone_into(&mut name);
        }
        let Some((inner, next)) = [kind, "data"].iter().find_map(|inner| Some((*inner, object.get(*inner)?)))
        else {
            break;
        };
        (value, pointer) = (next, format!("{pointer}/{inner}"));
    }
    Err(Refused::because(Finding::error("NOT_FOUND", pointer, format!("there is no object with `{key}`"))))
}

fn list<'v>(object: &'v Map<String, Value>, field: &str, at: &str, found: &mut Findings) -> &'v [Value] {
    match object.get(field) {
        Some(Value::Array(list)) => list,
        Some(_) => {
            found.error("TYPE", format!("{at}/{field}"), "must be a list");
            &[]
        }
        None => {
            found.error("MISSING_FIELD", format!("{at}/{field}"), format!("`{field}` is missing"));
            &[]
        }
    }
}

/// The fields of an object, with findings for what they should not be.
struct Fields<'v> {
    value: &'v Value,
    at: &'v str,
}

impl Fields<'_> {
    fn text(&self, field: &str, found: &mut Findings) -> String {
        self.optional_text(field, found).unwrap_or_else(|| {
            if self.value.get(field).is_none_or(Value::is_null) {
                found.error("MISSING_FIELD", format!("{}/{field}", self.at), format!("`{field}` is missing"));
            }
            String::new()
        })
    }

    fn optional_text(&self, field: &str, found: &mut Findings) -> Option<String> {
        match self.value.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                found.error("TYPE", format!("{}/{field}", self.at), "must be a text");
                None
            }
        }
    }

    fn number(&self, field: &str, found: &mut Findings) -> Option<f64> {
        let value = self.value.get(field).filter(|value| !value.is_null());
        let number = value.and_then(Value::as_f64);
        if number.is_none() {
            let code = if value.is_some() { "TYPE" } else { "MISSING_FIELD" };
            found.error(code, format!("{}/{field}", self.at), "must be a number");
        }
        number
    }
}
