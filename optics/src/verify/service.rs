//! Every request is served exactly once or listed as blocked, and by what it asked for.

use std::collections::BTreeMap;

use super::{Case, Found};
use crate::plan::LightpathState;
use crate::request::LightpathRequest;

pub(super) fn check(case: &Case, found: &mut Found) {
    let requests: BTreeMap<&str, &LightpathRequest> =
        case.requests.iter().map(|request| (request.id.as_str(), request)).collect();
    let mut answers: BTreeMap<&str, u32> = requests.keys().map(|&id| (id, 0)).collect();
    for lightpath in &case.plan.lightpaths {
        let Some(request) = requests.get(lightpath.id.as_str()) else {
            // What was there before serves requests of an earlier plan.
            if lightpath.state == LightpathState::Planned {
                found.add("UNKNOWN_REQUEST", &lightpath.id, "nobody asked for this lightpath");
            }
            continue;
        };
        *answers.entry(request.id.as_str()).or_default() += 1;
        let [a, b] = &lightpath.ends;
        if (a, b) != (&request.a, &request.b) && (b, a) != (&request.a, &request.b) {
            found.add(
                "REQUEST_ENDS",
                &lightpath.id,
                format!("joins `{a}` and `{b}`, asked for were `{}` and `{}`", request.a, request.b),
            );
        }
        if lightpath.protection != request.protection {
            found.add("REQUEST_CHANGED", &lightpath.id, "its protection is not what was asked for");
        }
        let known =
            |name: &String| *name == request.id || *name == request.demand || request.clients.contains(name);
        if lightpath.carries.is_empty() || !lightpath.carries.iter().all(known) {
            found.add(
                "CARRIES",
                &lightpath.id,
                format!("carries {:?}, not demand `{}` or its clients", lightpath.carries, request.demand),
            );
        }
        if (lightpath.capacity_gbps - request.capacity_gbps).abs() > 1e-9 {
            found.add(
                "CAPACITY",
                &lightpath.id,
                format!("has {} Gb/s, asked for were {}", lightpath.capacity_gbps, request.capacity_gbps),
            );
        } else if request.rate_gbps > lightpath.capacity_gbps + 1e-9 {
            found.add(
                "OVER_CAPACITY",
                &lightpath.id,
                format!("carries {} Gb/s over {}", request.rate_gbps, lightpath.capacity_gbps),
            );
        }
    }
    for blocked in &case.plan.blocked {
        match answers.get_mut(blocked.request.as_str()) {
            Some(count) => *count += 1,
            None => found.add(
                "UNKNOWN_REQUEST",
                &blocked.request,
                "is listed as blocked, but nobody asked for it",
            ),
        }
    }
    for (id, count) in answers {
        match count {
            0 => found.add("REQUEST_MISSING", id, "is neither served nor listed as blocked"),
            1 => {}
            _ => found.add("REQUEST_TWICE", id, format!("is answered {count} times")),
        }
    }
}
