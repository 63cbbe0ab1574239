//! Runs the simulation: one seed, or many.

#![expect(
    clippy::print_stdout,
    reason = "what it says is for a person at a terminal"
)]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use simulate::model::{scenarios, walk};
use simulate::{History, Source, Total, life, run, shrink};

/// Lives through payments with everything going wrong, and checks at every step that no money is.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Options {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Events with faults, in each seed; one payment for each 200 of them.
    #[arg(long, default_value_t = 20_000)]
    steps: u64,
    /// Seeds that are lived through at once; each has one thread.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// Stop at the first seed that fails.
    #[arg(long)]
    fail_fast: bool,
    /// Smaller runs to try, to make the shortest history of a failing seed.
    #[arg(long, default_value_t = 2_000)]
    shrink: u32,
    /// Show all counts.
    #[arg(long)]
    tables: bool,
    /// Walk through every interleaving of the small configurations instead.
    #[arg(long)]
    model: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.model {
        return model();
    }
    let total = live(&options);
    if options.tables {
        println!("{}", total.tables());
    }
    println!("{}", total.summary());
    let Some((seed, violation)) = total.failed.first() else {
        println!("Nothing was found that does not hold.");
        return ExitCode::SUCCESS;
    };
    println!("\n{} of {} seeds fail.", total.failed.len(), total.seeds);
    for (seed, violation) in total.failed.iter().take(10) {
        println!(
            "  seed {seed}: {}: {}",
            violation.invariant.name(),
            violation.text
        );
    }
    println!(
        "\nSeed {seed}, made smaller; again with --seed {seed} --steps {}\n",
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
        History::kept(),
    );
    if let Some(violation) = &smallest.violation {
        println!("{}", life(violation, &smallest.history));
    }
    println!("  ({} smaller runs were tried)", shrunk.tried);
    ExitCode::FAILURE
}

/// Visits every state of every small configuration.
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
    println!("Nothing was found that does not hold.");
    ExitCode::SUCCESS
}

/// Lives through all seeds, and says how far it is.
fn live(options: &Options) -> Total {
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
