//! The simulation's command line.

#![expect(clippy::print_stdout, reason = "the output is shown in a terminal")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use simulate::model::{scenarios, walk};
use simulate::{History, Source, Total, payment_history, run, shrink};

/// Simulates payments with faults, and checks the invariants at every step.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Options {
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of seeds
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Events with faults in each seed; there is one payment for each 200 events
    #[arg(long, default_value_t = 20_000)]
    steps: u64,
    /// Number of threads; each simulates one seed at a time
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// Stop at the first seed that fails
    #[arg(long)]
    fail_fast: bool,
    /// Number of smaller runs that are tried to shorten the history of a failing seed
    #[arg(long, default_value_t = 2_000)]
    shrink: u32,
    /// Show the counts of all faults and table cells
    #[arg(long)]
    tables: bool,
    /// Check every interleaving of the small configurations instead
    #[arg(long)]
    model: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.model {
        return model();
    }
    let total = run_seeds(&options);
    if options.tables {
        println!("{}", total.tables());
    }
    println!("{}", total.summary());
    let Some((seed, violation)) = total.failed.first() else {
        println!("All invariants hold.");
        return ExitCode::SUCCESS;
    };
    println!("\n{} of {} seeds failed.", total.failed.len(), total.seeds);
    for (seed, violation) in total.failed.iter().take(10) {
        println!(
            "  seed {seed}: {}: {}",
            violation.invariant.name(),
            violation.text
        );
    }
    println!(
        "\nThe shortest history of seed {seed}. To repeat it, use --seed {seed} --steps {}\n",
        options.steps
    );
    let whole = run(Source::Seed(*seed), options.steps, History::default());
    let shrunk = shrink(whole.script, options.steps, options.shrink, |outcome| {
        let found = outcome.violation.as_ref();
        found.is_some_and(|found| found.invariant == violation.invariant)
    });
    let smallest = run(
        Source::Script(shrunk.script),
        options.steps,
        History::recorded(),
    );
    if let Some(violation) = &smallest.violation {
        println!("{}", payment_history(violation, &smallest.history));
    }
    println!("  ({} smaller runs tried)", shrunk.tried);
    ExitCode::FAILURE
}

/// Checks every state of every small configuration.
fn model() -> ExitCode {
    println!(
        "{:>12} {:>12} {:>10}  configuration",
        "states", "steps", "endings"
    );
    for scenario in scenarios() {
        let walk = walk(&scenario);
        let (states, steps, endings) = (walk.states, walk.steps, walk.endings);
        println!("{states:>12} {steps:>12} {endings:>10}  {}", scenario.name);
        if let Some((text, path)) = walk.violation {
            println!("\n  ✗ {text}\n");
            for step in path {
                println!("    {step}");
            }
            return ExitCode::FAILURE;
        }
    }
    println!("All invariants hold.");
    ExitCode::SUCCESS
}

/// Runs all seeds and shows the progress.
fn run_seeds(options: &Options) -> Total {
    let first = options.seed;
    simulate::many(
        first,
        options.seeds,
        options.steps,
        options.jobs,
        |done, failed| {
            progress(done, options.seeds);
            !(failed && options.fail_fast)
        },
    )
}

fn progress(done: u64, of: u64) {
    let mut out = std::io::stderr();
    if out.is_terminal() && (done.is_multiple_of(20) || done + 1 == of) {
        let end = if done + 1 == of { "\r\x1b[K" } else { "" };
        let _ = write!(out, "\r{done} of {of} seeds{end}");
        let _ = out.flush();
    }
}
