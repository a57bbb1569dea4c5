//! scratch
#![allow(missing_docs)]
mod published;
use algorithms::catalogue::rwa::{instance::Instance, params::RwaParams, search::Search, task::{requests_of, RouteRules, Task}};
use algorithms::{Control, rng};
use std::time::Instant;

#[test]
fn timing() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for table in ["all_to_all", "sndlib_traffic", "synthetic"] {
        for (name, row) in published::bounds(table) {
            if !only.is_empty() && !only.split(',').any(|o| name.contains(o)) { continue; }
            let built = std::panic::catch_unwind(|| published::build(&row));
            let Ok(built) = built else { println!("{name} cannot build"); continue };
            let params = RwaParams { channels: 1000, ..RwaParams::default() };
            let requests = requests_of(&built.traffic, 100.0);
            let lb = row["ilp_lower_bound"].as_u64().unwrap() as usize;
            if requests.len() as u64 != row["lightpaths"].as_u64().unwrap() { println!("{name} {} != {}", requests.len(), row["lightpaths"]); continue; }
            let rules = RouteRules::of(&built.traffic);
            let task = Task::new(built.topology, requests, &rules, &params).unwrap();
            let inst: &Instance = &task.instance;
            for seed in 0..2 {
            let t = Instant::now();
            let mut s = Search::on_empty(inst, lb, false, rng::for_shard(seed, 1, 0));
            let c = Control::new();
            s.construct(&c).unwrap();
            let left = s.unplaced.len();
            let tc = t.elapsed();
            let steps = s.settle(20000, &c).unwrap();
            println!("{name:30} lb {lb:4} req {:5} construct left {left:4} {tc:8.2?} steps {steps:6} left {} total {:8.2?}", inst.requests.len(), s.unplaced.len(), t.elapsed());
            }
        }
    }
}

#[test]
fn bounds() {
    use algorithms::catalogue::rwa::bounds::{congestion, cut};
    let only = std::env::var("ONLY").unwrap_or_default();
    for table in ["all_to_all", "sndlib_traffic", "synthetic"] {
        for (name, row) in published::bounds(table) {
            if !only.is_empty() && !only.split(',').any(|o| name.contains(o)) { continue; }
            let built = std::panic::catch_unwind(|| published::build(&row));
            let Ok(built) = built else { println!("{name} cannot build"); continue };
            let params = RwaParams { channels: 1000, ..RwaParams::default() };
            let requests = requests_of(&built.traffic, 100.0);
            let task = Task::new(built.topology, requests, &RouteRules::of(&built.traffic), &params).unwrap();
            let inst: &Instance = &task.instance;
            let c = Control::new();
            let t = Instant::now();
            let cut = cut::best(inst, rng::for_shard(1, 0, 0), &c).unwrap().map(|x| x.value(inst, |_| true));
            let tc = t.elapsed();
            let t = Instant::now();
            let lp = congestion::best(inst, &c).unwrap().map(|x| x.value(inst, |_| true));
            println!("{name:30} lb_lp {} lb_cut {} ours cut {cut:?} {tc:8.2?} lp {lp:?} {:8.2?}", row["lb_lp"], row["lb_cut"], t.elapsed());
        }
    }
}
