//! The fixed seeds, and tests of the simulator itself.

use simulate::model::{scenarios, walk};
use simulate::{History, Outcome, Source, payment_history, run, shrink};

const STEPS: u64 = 20_000;
/// Enough seeds to reach every cell. The full proof is a longer run (docs/simulation.md).
const SEEDS: u64 = 1_200;
/// Runs that a shrinking may try.
const TRIES: u32 = 1_500;

fn seed(seed: u64) -> Outcome {
    run(Source::Seed(seed), STEPS, History::default())
}

#[test]
fn the_fixed_seeds_hold_and_reach_every_fault_and_cell() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let total = simulate::many(1, SEEDS, STEPS, threads, |_, _| true);
    if let Some((number, _)) = total.failed.first() {
        let outcome = run(Source::Seed(*number), STEPS, History::recorded());
        let violation = outcome.violation.unwrap();
        panic!(
            "seed {number}:\n{}",
            payment_history(&violation, &outcome.history)
        );
    }
    println!("{}", total.summary());
    let missing = total.missing();
    assert!(
        missing.is_empty(),
        "never happened:\n{}",
        missing.join("\n")
    );
}

#[test]
fn a_seed_always_gives_the_same_history() {
    for number in 1..=5 {
        let result_of = |source| {
            let outcome = run(source, STEPS, History::recorded());
            let lines = |payment| outcome.history.of(payment).map(|l| (l.at, l.what.clone()));
            let lines: Vec<_> = (0..outcome.payments).flat_map(lines).collect();
            (outcome.script, outcome.steps, outcome.checks, lines)
        };
        let once = result_of(Source::Seed(number));
        assert_eq!(once, result_of(Source::Seed(number)));
        assert_eq!(
            once,
            result_of(Source::Script(once.0.clone())),
            "a script repeats its seed"
        );
        assert_ne!(once.0, result_of(Source::Seed(number + 100)).0);
    }
}

#[test]
fn the_mildest_run_has_no_faults_and_no_payments() {
    let outcome = run(Source::Script(Vec::new()), STEPS, History::default());
    assert!(outcome.violation.is_none());
    assert!(outcome.faults.iter().all(|(_, count)| *count == 0));
    assert_eq!(outcome.coverage.cells().count(), 0);
}

#[test]
fn shrinking_keeps_only_what_is_needed() {
    let cell = (
        "refund at the core",
        "tiki",
        "unknown, succeeded".to_owned(),
    );
    let reaches = |outcome: &Outcome| outcome.coverage.of(&cell) > 0;
    // Seed 1 reaches it, too, and is not small enough after as many tries as a test has time for.
    let number = (2..100).find(|number| reaches(&seed(*number))).unwrap();
    let whole = seed(number);
    let before: usize = whole.script.iter().map(Vec::len).sum();

    let shrunk = shrink(whole.script, STEPS, TRIES, reaches);
    assert!(shrunk.tried < TRIES, "it stops by itself");
    let smallest = run(
        Source::Script(shrunk.script.clone()),
        STEPS,
        History::default(),
    );
    assert!(reaches(&smallest), "the smaller run still reaches the cell");
    let after: usize = shrunk.script.iter().map(Vec::len).sum();
    assert!(after * 10 < before, "{before} choices became {after}");
    let is_used = |lane: &&Vec<u64>| lane.iter().any(|choice| *choice > 0);
    let payments = shrunk.script.iter().skip(1).filter(is_used).count();
    assert!(
        payments <= 2,
        "{before} choices became {after}, of {payments} payments"
    );
}

#[test]
fn no_interleaving_violates_an_invariant() {
    for scenario in scenarios().into_iter().filter(|scenario| scenario.quick) {
        let walk = walk(&scenario);
        if let Some((text, path)) = walk.violation {
            panic!("{}: {text}\n{}", scenario.name, path.join("\n"));
        }
        println!("{}: {} states", scenario.name, walk.states);
        assert!(
            walk.states > 1_000,
            "{}: {} states",
            scenario.name,
            walk.states
        );
        assert!(
            walk.endings > 10,
            "{}: {} endings",
            scenario.name,
            walk.endings
        );
    }
}

/// Seeds that have failed once, and the reason.
const ONCE_FAILED: &[(u64, &str)] = &[
    (
        5961,
        "the simulator gave the last payments less time than their schedule takes",
    ),
    (8764, "the same, for a payment and not for a failure"),
    (
        1118,
        "the auditor took a status as shown when the call that showed it began",
    ),
    (
        1444,
        "two records of one payment in a batch were sent side by side",
    ),
    (
        2236,
        "a person's decision on a second debit dealt with another amount, too",
    ),
    (
        6150,
        "a slow write of a refund was a conflict, and the next one took the function beyond its time-out",
    ),
    (
        3211,
        "the auditor judged a late write by what its instance had begun since",
    ),
];

#[test]
fn seeds_that_failed_once_pass() {
    for (number, found) in ONCE_FAILED {
        let violation = seed(*number).violation;
        assert!(
            violation.is_none(),
            "seed {number} ({found}): {violation:?}"
        );
    }
}
