//! The result as one page: key figures, map, bounds, blocked requests, use of links and nodes, lightpaths. It needs no
//! script and nothing from elsewhere.

use std::fmt::Write as _;

use super::rows::{escape, number, paths, reason, summary};
use super::svg::picture;
use crate::report::PlanReport;
use crate::topology::Topology;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.45 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}\
.cards{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0;padding:0;list-style:none}\
.cards li{border:1px solid #8886;border-radius:.5rem;padding:.4rem .8rem}\
.cards b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}\
.map{border:1px solid #8886;border-radius:.5rem;overflow:hidden;max-width:60rem}.map svg{display:block;width:100%}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.15rem .6rem;border-bottom:1px solid #8884;text-align:left;vertical-align:top}\
th{position:sticky;top:0;background:Canvas}td.n,th.n{text-align:right}\
.bar{display:inline-block;width:6rem;height:.6rem;background:#8883;border-radius:.3rem;overflow:hidden}\
.bar i{display:block;height:100%;background:#3b82c4}summary{cursor:pointer;font-weight:600}";

/// A column: its title, and whether it holds numbers.
type Column = (&'static str, bool);

pub(super) fn page(report: &PlanReport, topology: &Topology) -> String {
    let title =
        if topology.name.is_empty() { "Plan".to_owned() } else { format!("Plan of {}", topology.name) };
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>",
        title = escape(&title)
    );
    // Writing to a string cannot fail.
    let _ =
        write!(html, "<p>{} nodes, {} links, {}.", topology.nodes.len(), topology.links.len(), grid(report));
    if let Some(lengths) = &report.lengths {
        let _ = write!(html, " Lengths: {} × {}.", escape(&lengths.method), number(lengths.route_factor));
    }
    html.push_str(" Signal quality: not computed.</p><ul class=\"cards\">");
    for (name, value) in summary(report) {
        let _ = write!(html, "<li><b>{}</b>{name}</li>", escape(&value));
    }
    let _ = write!(html, "</ul><div class=\"map\">{}</div>", picture(report, topology));
    bounds(&mut html, report);
    blocked(&mut html, report);
    let violations = report.plan.violations.iter().map(|violation| {
        vec![escape(&violation.rule), escape(&violation.subject), escape(&violation.detail)]
    });
    if !report.plan.violations.is_empty() {
        table(&mut html, "Violations", &[("rule", false), ("at", false), ("detail", false)], violations);
    }
    links(&mut html, report, topology);
    nodes(&mut html, report, topology);
    lightpaths(&mut html, report, topology);
    html.push_str("</body></html>\n");
    html
}

fn grid(report: &PlanReport) -> String {
    match (report.plan.grid.fixed_spacing_ghz, report.plan.grid.channels()) {
        (Some(spacing), Some(channels)) => format!("{channels} channels of {} GHz", number(spacing)),
        _ => format!("flexible grid of {} slices of 6.25 GHz", report.plan.grid.slices()),
    }
}

fn bounds(html: &mut String, report: &PlanReport) {
    let rows = report.plan.bounds.iter().map(|bound| {
        let method = serde_json::to_value(bound.method).ok();
        let method = method.as_ref().and_then(serde_json::Value::as_str).unwrap_or("").replace('_', " ");
        let proof = format!(
            "<details><summary>certificate</summary><code>{}</code></details>",
            escape(&bound.certificate.to_string())
        );
        vec![escape(&bound.metric), number(bound.value), escape(&method), proof]
    });
    if !report.plan.bounds.is_empty() {
        let columns = [("figure", false), ("at least", true), ("proven by", false), ("", false)];
        table(html, "Lower bounds", &columns, rows);
    }
}

fn blocked(html: &mut String, report: &PlanReport) {
    let rows = report.plan.blocked.iter().map(|blocked| {
        let (reason, evidence) = reason(&blocked.reason);
        vec![
            escape(&blocked.request),
            escape(&blocked.ends[0]),
            escape(&blocked.ends[1]),
            number(blocked.rate_gbps),
            reason.to_owned(),
            escape(&evidence),
        ]
    });
    if report.plan.blocked.is_empty() {
        html.push_str("<p>Nothing is blocked.</p>");
    } else {
        let columns = [
            ("request", false),
            ("from", false),
            ("to", false),
            ("Gb/s", true),
            ("reason", false),
            ("evidence", false),
        ];
        table(html, "Blocked", &columns, rows);
    }
}

fn links(html: &mut String, report: &PlanReport, topology: &Topology) {
    let mut sorted: Vec<_> = report.links.iter().collect();
    sorted.sort_by(|a, b| b.share.total_cmp(&a.share));
    let rows = sorted.into_iter().map(|used| {
        let km = topology.links.iter().find(|link| link.id == used.link).map_or(0.0, |link| link.length_km);
        let bar = format!(
            "<span class=\"bar\"><i style=\"width:{:.0}%\"></i></span>",
            100.0 * used.share.clamp(0.0, 1.0)
        );
        vec![
            escape(&used.link),
            escape(&used.fibre),
            number(km),
            used.used.to_string(),
            used.capacity.to_string(),
            bar,
            used.largest_free.to_string(),
            number(used.fragmentation),
        ]
    });
    let columns = [
        ("link", false),
        ("fibre", false),
        ("km", true),
        ("in use", true),
        ("of", true),
        ("", false),
        ("largest free", true),
        ("fragmentation", true),
    ];
    table(html, "Use of links", &columns, rows);
}

fn nodes(html: &mut String, report: &PlanReport, topology: &Topology) {
    let rows = topology.nodes.iter().zip(&report.nodes).map(|(node, used)| {
        let banks: Vec<String> = used
            .banks
            .iter()
            .map(|bank| match bank.ports {
                Some(ports) => format!("{}: {} of {ports}", bank.bank, bank.used),
                None => format!("{}: {}", bank.bank, bank.used),
            })
            .collect();
        vec![
            escape(node.label()),
            used.transponders.to_string(),
            used.regenerators.to_string(),
            used.express.to_string(),
            escape(&banks.join(", ")),
        ]
    });
    let columns = [
        ("node", false),
        ("transponders", true),
        ("regenerators", true),
        ("express", true),
        ("ports by bank", false),
    ];
    table(html, "Use of nodes", &columns, rows);
}

fn lightpaths(html: &mut String, report: &PlanReport, topology: &Topology) {
    let rows = paths(report, topology).map(|row| {
        vec![
            escape(&row.lightpath.id),
            row.role.to_owned(),
            escape(&row.nodes.join(" – ")),
            row.channel.map_or_else(|| row.slots.clone(), |channel| channel.to_string()),
            format!("{:.3}", row.centre_thz),
            row.hops.to_string(),
            number(row.length_km),
            number(row.lightpath.capacity_gbps),
            escape(&row.lightpath.carries.join(" ")),
        ]
    });
    let columns = [
        ("lightpath", false),
        ("role", false),
        ("route", false),
        ("channel", true),
        ("THz", true),
        ("hops", true),
        ("km", true),
        ("Gb/s", true),
        ("carries", false),
    ];
    table(html, "Lightpaths", &columns, rows);
}

/// A table; its cells are HTML already.
fn table(html: &mut String, title: &str, columns: &[Column], rows: impl Iterator<Item = Vec<String>>) {
    let class = |numeric: bool| if numeric { " class=\"n\"" } else { "" };
    let _ = write!(html, "<h2>{title}</h2><div class=\"wide\"><table><thead><tr>");
    for (name, numeric) in columns {
        let _ = write!(html, "<th{}>{name}</th>", class(*numeric));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for (cell, (_, numeric)) in row.iter().zip(columns) {
            let _ = write!(html, "<td{}>{cell}</td>", class(*numeric));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>");
}
