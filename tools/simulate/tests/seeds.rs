//! The fixed seeds, and what the simulator itself must be for them to prove anything.

use simulate::model::{scenarios, walk};
use simulate::{History, Outcome, Source, life, run, shrink};

const STEPS: u64 = 20_000;
/// As many as it takes to reach every cell; the whole proof is a longer run (docs/simulation.md).
const SEEDS: u64 = 1_200;

fn seed(seed: u64) -> Outcome {
    run(Source::Seed(seed), STEPS, History::default())
}

#[test]
fn the_fixed_seeds_break_nothing_and_reach_every_fault_and_every_cell() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let total = simulate::many(1, SEEDS, STEPS, threads, |_, _| true);
    if let Some((number, _)) = total.failed.first() {
        let told = run(Source::Seed(*number), STEPS, History::kept());
        let violation = told.violation.unwrap();
        panic!("seed {number}:\n{}", life(&violation, &told.history));
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
fn a_seed_is_one_history_and_no_other() {
    for number in 1..=5 {
        let told = |source| {
            let outcome = run(source, STEPS, History::kept());
            let lines = |payment| outcome.history.of(payment).map(|l| (l.at, l.what.clone()));
            let lines: Vec<_> = (0..outcome.payments).flat_map(lines).collect();
            (outcome.script, outcome.steps, outcome.checks, lines)
        };
        let once = told(Source::Seed(number));
        assert_eq!(once, told(Source::Seed(number)));
        assert_eq!(
            once,
            told(Source::Script(once.0.clone())),
            "written down and read again"
        );
        assert_ne!(once.0, told(Source::Seed(number + 100)).0);
    }
}

#[test]
fn the_tamest_run_has_no_faults_and_no_payments() {
    let outcome = run(Source::Script(Vec::new()), STEPS, History::default());
    assert!(outcome.violation.is_none());
    assert!(outcome.faults.iter().all(|(_, count)| *count == 0));
    assert_eq!(outcome.coverage.cells().count(), 0);
}

#[test]
fn a_run_is_made_as_small_as_what_one_looks_for() {
    let cell = (
        "refund at the core",
        "tiki",
        "unknown, succeeded".to_owned(),
    );
    let reaches = |outcome: &Outcome| outcome.coverage.of(&cell) > 0;
    let number = (1..100).find(|number| reaches(&seed(*number))).unwrap();
    let whole = seed(number);
    let before: usize = whole.script.iter().map(Vec::len).sum();

    let shrunk = shrink(whole.script, STEPS, 1_500, reaches);
    let smallest = run(
        Source::Script(shrunk.script.clone()),
        STEPS,
        History::default(),
    );
    assert!(reaches(&smallest), "it still does what it was to do");
    let after: usize = shrunk.script.iter().map(Vec::len).sum();
    assert!(after * 10 < before, "{before} choices became {after}");
    let lived = |lane: &&Vec<u64>| lane.iter().any(|choice| *choice > 0);
    let lived = shrunk.script.iter().skip(1).filter(lived).count();
    assert!(
        lived <= 2,
        "{before} choices became {after}, of {lived} payments"
    );
}

#[test]
fn no_interleaving_of_a_small_configuration_breaks_anything() {
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

/// Seeds that have failed once, with what they found.
const ONCE_FAILED: &[(u64, &str)] = &[
    (
        5961,
        "the simulator gave the last payments less time to settle than their schedule takes",
    ),
    (8764, "the same, for a payment and not for a failure"),
];

#[test]
fn seeds_that_failed_once_do_not_fail_again() {
    for (number, found) in ONCE_FAILED {
        let violation = seed(*number).violation;
        assert!(
            violation.is_none(),
            "seed {number} ({found}): {violation:?}"
        );
    }
}
