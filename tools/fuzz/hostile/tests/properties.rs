//! The targets without libFuzzer: over the samples, over what is near to them, and over anything; and whether
//! what they assert is ever put to the test.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;

use hostile::{TARGETS, Target, samples};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::{Union, ValueTree};
use proptest::test_runner::TestRunner;

/// Cases for each target.
const CASES: u32 = 2000;

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    target.seeds(&samples::read().unwrap())
}

/// A seed with other choices at its front, by which JSON is changed field by field and items part by part, and
/// a few bytes anywhere that are others, gone or new.
fn near(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    // The first choices say which way to go and with which status: often better left as they are.
    let choices = (
        select(vec![0_usize, 2, 3]),
        prop::collection::vec((0..15_usize, any::<u8>()), 0..8),
    );
    let edits = prop::collection::vec((any::<Index>(), 0..3_u8, any::<u8>()), 0..4);
    (select(seeds), choices, edits, any::<bool>()).prop_map(
        |(mut bytes, (first, choices), edits, broken)| {
            for (at, choice) in choices {
                if let Some(byte) = bytes.get_mut(first + at) {
                    *byte = choice;
                }
            }
            // Broken JSON goes no further than its reader, so only some is.
            for (at, kind, byte) in edits.into_iter().filter(|_| broken) {
                let at = at.index(bytes.len() + 1);
                match kind {
                    0 if at < bytes.len() => bytes[at] = byte,
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.insert(at, byte),
                }
            }
            bytes
        },
    )
}

fn near_to_any_target() -> impl Strategy<Value = (Target, Vec<u8>)> {
    let of = |target: Target| near(seeds(&target)).prop_map(move |input| (target, input));
    Union::new(TARGETS.map(of))
}

#[test]
fn what_is_asserted_holds_of_the_samples() {
    for target in TARGETS {
        for seed in seeds(&target) {
            (target.run)(&seed);
        }
    }
}

proptest! {
    // A finding becomes a seed, not a number in a file.
    #![proptest_config(ProptestConfig {
        cases: CASES * 6,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_asserted_holds_of_anything(
        target in select(TARGETS.to_vec()),
        input in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        (target.run)(&input);
    }

    #[test]
    fn what_is_asserted_holds_near_the_samples((target, input) in near_to_any_target()) {
        (target.run)(&input);
    }
}

/// Runs a target over its seeds and what is near to them, the same in every run, and sees to it that each of
/// these came of it: what never happens is not tested.
fn comes_to(name: &str, expected: &[&str]) {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    let target = target.unwrap();
    let seeds = seeds(&target);
    let mut runner = TestRunner::deterministic();
    let near = near(seeds.clone());
    let near = (0..CASES).map(|_| near.new_tree(&mut runner).unwrap().current());

    let runs = seeds.into_iter().chain(near);
    let marks: BTreeSet<_> = runs.flat_map(|input| (target.run)(&input)).collect();
    for mark in expected {
        assert!(marks.contains(mark), "never “{mark}”, but {marks:?}");
    }
}

/// libFuzzer's package is built by nobody but who fuzzes, so nothing else would notice.
#[test]
fn each_target_has_its_side_in_libfuzzers_package() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let package = std::fs::read_to_string(format!("{folder}/Cargo.toml")).unwrap();
    for Target { name, .. } in TARGETS {
        let path = format!("fuzz_targets/{name}.rs");
        assert!(package.contains(&format!("path = \"{path}\"")), "{path}");
        let target = std::fs::read_to_string(format!("{folder}/{path}")).unwrap();
        assert!(
            target.contains(&format!("hostile::{name}(data);")),
            "{path}"
        );
    }
    assert_eq!(package.matches("[[bin]]").count(), TARGETS.len());
}

#[test]
fn signed_calls_are_accepted_as_well_as_refused() {
    comes_to(
        "headers",
        &[
            "made up and accepted",
            "made up and refused",
            "an unchanged one is accepted",
            "one under the previous secret is accepted",
            "an unchanged one is stale",
            "a changed one is refused",
            "a stranger's is refused",
            "another client's is refused",
        ],
    );
}

#[test]
fn messages_of_every_kind_are_accepted_as_well_as_refused() {
    comes_to(
        "inbound",
        &[
            "create",
            "check",
            "check by GET",
            "refund",
            "webview",
            "report",
            "refused",
        ],
    );
}

#[test]
fn tiki_says_all_that_it_can_say() {
    comes_to(
        "tiki_answers",
        &[
            "ipn accepted",
            "ipn refused",
            "ipn system error",
            "ipn unauthorized",
            "ipn unclear",
            "found paid",
            "found paid, no amount",
            "found failed",
            "found pending",
            "not found",
            "cancelled",
            "look-up refused",
            "look-up unauthorized",
            "look-up unclear",
            "webview opened",
        ],
    );
}

#[test]
fn the_core_says_all_that_it_can_say() {
    comes_to(
        "core_answers",
        &[
            "refund succeeded",
            "refund rejected",
            "refund pending",
            "refund unknown",
            "refund never seen",
            "payment paid",
            "payment failed",
            "payment not paid",
            "payment pending",
            "payment unknown",
        ],
    );
}

#[test]
fn damaged_items_are_read_as_well_as_refused_and_changed_by_every_command() {
    comes_to(
        "item",
        &[
            "unreadable",
            "readable",
            "expiry taken up",
            "expired",
            "declined",
            "paid",
            "ipn taken up",
            "confirmed",
            "abandoned",
            "tried again",
            "reversed",
            "disputed",
            "refund reserved",
            "refund taken up",
            "refund unknown",
            "refund back",
            "refund refused",
        ],
    );
}

#[test]
fn tokens_are_taken_as_well_as_refused() {
    comes_to(
        "token",
        &[
            "one is taken",
            "one under the previous key is taken",
            "an old one is expired",
            "a stranger's is invalid",
            "a changed one is invalid",
            "made up and taken",
            "made up and invalid",
        ],
    );
}
