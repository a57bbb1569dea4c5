//! Light along routes of several lengths: flat and tilted amplifiers, one link and several.

#[path = "../tests/lines/mod.rs"]
mod lines;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use optics::propagation::{Bandwidth, FoldedLine, Gains, Propagation, Solver};

fn full(criterion: &mut Criterion) {
    let comb = lines::comb();
    let mut group = criterion.benchmark_group("propagate_96_channels");
    for (name, spans, per_link, tilt_db) in
        [("flat", 10, 10, 0.0), ("flat", 30, 30, 0.0), ("six_links", 30, 5, 0.0), ("tilted", 30, 30, -1.0)]
    {
        let line = lines::line(spans, per_link, tilt_db);
        let propagation = Propagation::new(&line.network, &line.equipment, &Solver::default());
        group.bench_function(BenchmarkId::new(name, spans), |bencher| {
            bencher
                .iter(|| propagation.run(&line.route, &comb, &mut Gains::default()).expect("light arrives"));
        });
    }
    group.finish();
}

fn folded(criterion: &mut Criterion) {
    let comb = lines::comb();
    let mut group = criterion.benchmark_group("fold_96_channels");
    for links in [1, 6, 30] {
        let line = lines::line(30, 30 / links, 0.0);
        let propagation = Propagation::new(&line.network, &line.equipment, &Solver::default());
        let folded = FoldedLine::new(&propagation);
        let route = folded.route(&line.route, &comb).expect("light arrives");
        group.bench_function(BenchmarkId::new("worst_channel", links), |bencher| {
            bencher.iter(|| route.worst(Bandwidth::Nanometre01));
        });
        group.bench_function(BenchmarkId::new("route_and_worst_channel", links), |bencher| {
            bencher.iter(|| {
                let route = folded.route(&line.route, &comb).expect("light arrives");
                route.worst(Bandwidth::Nanometre01)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, full, folded);
criterion_main!(benches);
