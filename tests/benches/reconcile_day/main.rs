//! Reconciles a day of a million payments: its export, the import of Tiki's result file, and the comparison with the
//! core's statement. It measures time and memory, and compares the time with a plain read of the same data.
//!
//! `cargo bench -p e2e --bench reconcile_day` uses a release build, and `--profile dev` a debug build. The default is
//! `-- --items 1000000`, the payments that were made; with them come a tenth as many refunds, and as many declined
//! payments. `--part export` measures one part.
//!
//! The function's own code runs over its seams, and each part and each plain read in a process of its own. What it
//! reads is made from the number of a payment, so that the day itself takes no memory, and no request waits: the time
//! is what the code itself needs. What the clients of DynamoDB, S3 and SFTP need is measured by the benchmark `export`,
//! with the real binary.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic and print, and its time is real"
)]

mod counterparties;
mod day;
mod items;
mod parts;
mod server;
mod system;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::day::PlayedDay;
use crate::parts::{Bench, Part};

/// A part may have so much memory at most.
const MAX_PEAK_KIB: u64 = 64 * 1024;

/// The line with which a measured process ends: its numbers in the order of [`Row`].
const MEASURED: &str = "measured:";

/// What a process has measured.
struct Row {
    ms: u64,
    cpu_ms: u64,
    requests: u64,
    peak_kib: u64,
}

fn main() {
    let count = argument("--items").map_or(1_000_000, |count| count.parse().unwrap());
    let day = PlayedDay::with_payments(count);
    let named = argument("--part");
    let is_named = |part: &Part| named.as_deref().is_none_or(|named| named == part.name());
    let parts: Vec<Part> = Part::ALL.into_iter().filter(is_named).collect();
    assert!(!parts.is_empty(), "no part has this name");
    if let Some(numbers) = argument("--measured-with") {
        return measure(parts[0], day, &PathBuf::from(numbers));
    }
    let folder = tempfile::tempdir().unwrap();
    let numbers = folder.path().join("numbers");
    table::write_numbers(day, &numbers);
    println!("                                                read alone     CPU    peak");
    println!("part                 items requests seconds  CPU s seconds  CPU s ratio    MiB");
    let mut too_much = Vec::new();
    for part in parts {
        let alone = in_own_process(part, day, &numbers, true);
        let row = in_own_process(part, day, &numbers, false);
        println!(
            "{:<17}{:>9}{:>9}{:>8.1}{:>7.1}{:>8.1}{:>7.1}{:>6.1}{:>7.1}",
            part.name(),
            part.items(day),
            row.requests,
            seconds(row.ms),
            seconds(row.cpu_ms),
            seconds(alone.ms),
            seconds(alone.cpu_ms),
            seconds(row.cpu_ms) / seconds(alone.cpu_ms.max(1)),
            row.peak_kib as f64 / 1024.0,
        );
        if row.peak_kib > MAX_PEAK_KIB {
            too_much.push(part.name());
        }
    }
    assert!(too_much.is_empty(), "more than 64 MiB: {too_much:?}");
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

/// Runs a part, or its plain read, in a process of its own, so that its memory is its own.
fn in_own_process(part: Part, day: PlayedDay, numbers: &Path, alone: bool) -> Row {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--part", part.name(), "--items", &day.made().to_string()]);
    command.arg("--measured-with").arg(numbers);
    if alone {
        command.arg("--alone");
    }
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", part.name());
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut lines = printed.lines();
    let measured = lines.find_map(|line| line.strip_prefix(MEASURED)).unwrap();
    let mut numbers = measured.split_whitespace().map(|n| n.parse().unwrap());
    Row {
        ms: numbers.next().unwrap(),
        cpu_ms: numbers.next().unwrap(),
        requests: numbers.next().unwrap(),
        peak_kib: numbers.next().unwrap(),
    }
}

/// As the function does, with one thread.
#[tokio::main(flavor = "current_thread")]
async fn measure(part: Part, day: PlayedDay, numbers: &Path) {
    let bench = Bench::of(part, day, numbers).await;
    let measured = if std::env::args().any(|argument| argument == "--alone") {
        bench.read_alone().await
    } else {
        bench.run().await
    };
    let (ms, cpu_ms) = (measured.took.as_millis(), measured.cpu.as_millis());
    let (requests, peak_kib) = (measured.requests, system::peak_kib());
    println!("{MEASURED} {ms} {cpu_ms} {requests} {peak_kib}");
}
