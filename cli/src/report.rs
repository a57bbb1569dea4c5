//! A plan's report for people: key figures and the use of each link.

use optics::grooming::GroomingSummary;
use optics::plan::Summary;
use optics::report::{LinkUse, Unplanned};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::print;

/// Links shown before the rest is summed up.
const SHOWN_LINKS: usize = 60;

/// Width of the bar that shows how full a link is.
const BAR: usize = 24;

/// Prints what a report says; a report without a plan is printed as it is.
pub fn show(report: &Value) {
    if let Some(grooming) =
        part::<GroomingSummary>(report, "summary").filter(|grooming| grooming.services > 0)
    {
        print::line(format_args!(
            "{} services of {} demands groomed into {} lightpaths ({:.1} Gb/s)",
            grooming.services, grooming.demands, grooming.lightpaths, grooming.rate_gbps
        ));
    }
    let Some(summary) = part::<Summary>(report, "summary") else {
        let short = report.get("summary").unwrap_or(report);
        print::json(short);
        return;
    };
    key_figures(&summary);
    for unplanned in part::<Vec<Unplanned>>(report, "unplanned").unwrap_or_default() {
        print::line(format_args!("not planned: {}", unplanned.detail));
    }
    if let Some(links) = part::<Vec<LinkUse>>(report, "links") {
        link_use(links);
    }
}

/// A part of a report, at its top or one level down, where algorithms that are made of others put theirs.
pub fn part<T: DeserializeOwned>(report: &Value, name: &str) -> Option<T> {
    let top = report.as_object()?;
    let inner = top.values().filter_map(Value::as_object);
    std::iter::once(top)
        .chain(inner)
        .filter_map(|object| object.get(name))
        .find_map(|value| serde_json::from_value(value.clone()).ok())
}

fn key_figures(summary: &Summary) {
    let mut table = print::table(&["key figure", "value"]);
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    row("lightpaths", format!("{} of {} requests", summary.lightpaths, summary.requests));
    row(
        "blocked",
        match summary.blocked {
            0 => "0".to_owned(),
            blocked => format!("{blocked} ({:.1} Gb/s)", summary.blocked_gbps),
        },
    );
    if let Some(wavelengths) = summary.wavelengths {
        row("wavelengths used", wavelengths.to_string());
    }
    if let Some(slot) = summary.highest_slot {
        row("highest slot", slot.to_string());
    }
    for bound in &summary.bounds {
        row(&format!("lower bound on {}", bound.metric), format!("{} ({})", bound.value, method(bound)));
    }
    if let Some(gap) = summary.gap {
        let verdict = if gap.abs() < f64::EPSILON { " (proven optimal)" } else { "" };
        row("gap to the best bound", format!("{gap}{verdict}"));
    }
    row("regenerators", summary.regenerators.to_string());
    row("hops, length", format!("{}, {:.0} km", summary.hops, summary.length_km));
    row("violations", summary.violations.to_string());
    print::align_right(&mut table, &[]);
    print::line(table);
}

fn method(bound: &optics::plan::Bound) -> String {
    let name = serde_json::to_value(bound.method).ok();
    name.as_ref().and_then(Value::as_str).unwrap_or_default().replace('_', " ")
}

fn link_use(mut links: Vec<LinkUse>) {
    links.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| (&a.link, &a.fibre).cmp(&(&b.link, &b.fibre))));
    let mut table = print::table(&["link", "fibre", "used", "of", "share"]);
    let rest = links.len().saturating_sub(SHOWN_LINKS);
    for link in links.iter().take(SHOWN_LINKS) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a small width
        let filled = (link.share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
        table.add_row([
            link.link.clone(),
            link.fibre.clone(),
            link.used.to_string(),
            link.capacity.to_string(),
            format!("{}{} {:>3.0} %", "█".repeat(filled), "·".repeat(BAR - filled), link.share * 100.0),
        ]);
    }
    print::align_right(&mut table, &[2, 3]);
    print::line(table);
    if rest > 0 {
        print::line(format_args!("… and {rest} more, less used"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_found_at_the_top_and_one_level_down() {
        let links = json!([{ "link": "a-b" }]);
        assert_eq!(part::<Value>(&json!({ "links": links }), "links"), Some(links.clone()));
        assert_eq!(part::<Value>(&json!({ "plan": { "links": links } }), "links"), Some(links));
        assert_eq!(part::<Value>(&json!({ "a": { "b": { "links": 1 } } }), "links"), None);
    }
}
