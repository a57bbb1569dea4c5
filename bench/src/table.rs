//! The README's table of the engine, made from the answers.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::report::Folder;

const BEGIN: &str = "<!-- figures of the engine: `bench table --write` puts them here -->\n";
const END: &str = "<!-- end of the figures of the engine -->\n";

/// Prints the table, compares it with the README's, or puts it there.
#[allow(clippy::print_stdout)] // what the command is for
pub fn run(folder: &Folder, readme: &Path, check: bool, write: bool) -> Result<()> {
    let table = render(folder);
    if !check && !write {
        print!("{table}");
        return Ok(());
    }
    let text = std::fs::read_to_string(readme).with_context(|| format!("reading {}", readme.display()))?;
    let (before, rest) = text.split_once(BEGIN).context("the README has no place for the figures")?;
    let (there, after) = rest.split_once(END).context("the README has no end of the figures")?;
    if write {
        std::fs::write(readme, format!("{before}{BEGIN}{table}{END}{after}"))?;
    } else if there != table {
        bail!("the README's figures are not those in {}: `bench table --write`", folder.0.display());
    }
    Ok(())
}

/// The table in Markdown; a figure that was not measured has no line.
fn render(folder: &Folder) -> String {
    let mut table = "| what | figure |\n|---|---|\n".to_owned();
    let mut line = |what: String, figure: Option<String>| {
        if let Some(figure) = figure {
            let _ = writeln!(table, "| {what} | {figure} |");
        }
    };
    let answers = Answers(folder);
    let throughput = |place: &str| answers.number("throughput", place);
    line(
        "results stored per second: 100,000 shards without work, 100-byte results".to_owned(),
        throughput("/small/per_second").map(thousands),
    );
    line("the same in runs of 10,000 shards".to_owned(), throughput("/small_10k/per_second").map(thousands));
    line(
        "COPY of the same rows alone, 1,000 in a transaction, one connection; the engine's share of it"
            .to_owned(),
        throughput("/copy_rows_per_second")
            .zip(throughput("/share_of_copy"))
            .map(|(rate, share)| format!("{}; {share:.2}", thousands(rate))),
    );
    line(
        "results of 64 KiB stored per second; the share of COPY".to_owned(),
        throughput("/large/per_second")
            .zip(throughput("/share_of_copy_large"))
            .map(|(rate, share)| format!("{}; {share:.2}", thousands(rate))),
    );
    line(
        "CPU time for each 100-byte result: coordinator + workers + Postgres".to_owned(),
        throughput("/small/cpu_us_per_shard").map(|all| {
            let part = |place| throughput(place).unwrap_or(f64::NAN);
            format!(
                "{all:.1} µs = {:.1} + {:.1} + {:.1}",
                part("/small/coordinator_us_per_shard"),
                part("/small/workers_us_per_shard"),
                part("/small/postgres_us_per_shard")
            )
        }),
    );
    for at in 0..4 {
        let figure = |name: &str| answers.number("workers", &format!("/{at}/{name}"));
        line(
            format!("results stored per second with {} workers", figure("workers").unwrap_or(f64::NAN)),
            figure("per_second").map(thousands),
        );
    }
    let latency = |place: &str| answers.number("latency", place);
    line(
        "run of one shard over a kept-alive connection (POST, wait, result), median and 99th percentile"
            .to_owned(),
        latency("/p50_ms").zip(latency("/p99_ms")).map(|(p50, p99)| format!("{p50:.1} ms, {p99:.1} ms")),
    );
    let efficiency = |at| answers.number("efficiency", &format!("/{at}/efficiency"));
    line(
        "parallel efficiency with shards of 100, 10 and 1 ms".to_owned(),
        efficiency(2)
            .zip(efficiency(1))
            .zip(efficiency(0))
            .map(|((long, middle), short)| format!("{long:.3}, {middle:.3}, {short:.3}")),
    );
    let memory = |place: &str| answers.number("memory", place);
    let of_memory = |name: &str| memory(&format!("/1/{name}")).unwrap_or(f64::NAN);
    line(
        format!(
            "coordinator with {} simulated workers: memory at most during a run of {} shards, for each worker, for a million shards",
            thousands(of_memory("workers")),
            thousands(of_memory("shards"))
        ),
        memory("/1/peak_mib").map(|peak| {
            let (worker, million) = (of_memory("kib_per_worker"), of_memory("mib_per_million_shards"));
            format!("{peak:.0} MiB, {worker:.0} KiB, {million:.0} MiB")
        }),
    );
    let recovery = |place: &str| answers.number("recovery", place);
    line(
        "take-over after the leader's end; a hung worker is noticed".to_owned(),
        recovery("/takeover_seconds")
            .zip(recovery("/hung_worker_seconds"))
            .map(|(takeover, hung)| format!("{takeover:.1} s; {hung:.1} s")),
    );
    let peers = folder.figure("peers", "").and_then(|peers| peers.as_array().cloned()).unwrap_or_default();
    for peer in peers {
        let text = |key: &str| peer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| peer.get(key).and_then(Value::as_f64);
        line(
            format!("CPU time for a task that does nothing in {} {}", text("peer"), text("version")),
            number("cpu_us_per_task").map(|us| format!("{} µs", thousands(us))),
        );
    }
    table
}

struct Answers<'a>(&'a Folder);

impl Answers<'_> {
    fn number(&self, name: &str, place: &str) -> Option<f64> {
        self.0.figure(name, place)?.as_f64()
    }
}

/// Three digits: more would be noise.
fn thousands(value: f64) -> String {
    let digits = 10_f64.powf((value.abs().max(1.0).log10().floor() - 2.0).max(0.0));
    let rounded = format!("{:.0}", (value / digits).round() * digits);
    let mut text = String::new();
    for (at, digit) in rounded.chars().enumerate() {
        if at > 0 && (rounded.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_three_digits() {
        let cases =
            [(93_812.4, "93,800"), (1_234_567.0, "1,230,000"), (57.3, "57"), (999.6, "1,000"), (0.4, "0")];
        for (value, shown) in cases {
            assert_eq!(thousands(value), shown);
        }
    }

    #[test]
    fn the_table_has_what_was_measured_and_goes_into_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Folder(folder.path().join("bench"));
        let figures = serde_json::json!({ "figures": { "p50_ms": 2.51, "p99_ms": 7.94 } });
        answers.write_json("latency", &figures).unwrap();
        assert!(render(&answers).ends_with("| 2.5 ms, 7.9 ms |\n"));

        let readme = folder.path().join("README.md");
        std::fs::write(&readme, format!("before\n{BEGIN}old\n{END}after\n")).unwrap();
        assert!(run(&answers, &readme, true, false).is_err());
        run(&answers, &readme, false, true).unwrap();
        run(&answers, &readme, true, false).unwrap();
        let text = std::fs::read_to_string(&readme).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("old"));
    }
}
