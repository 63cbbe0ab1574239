//! Runs the targets without libFuzzer: on the samples, on variants of them, and on random bytes. Also checks that each
//! assertion is really exercised.

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

/// Number of random cases.
const CASES: u32 = 2000;

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    target.seeds(&samples::read().unwrap())
}

/// A variant of a seed: other choices at the front, which change JSON fields and item attributes, and a few bytes that
/// are changed, removed or added.
fn near(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    // The first choices select the case and the status. They often stay the same.
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
            // Broken JSON is refused at once, so only some variants break it.
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
fn the_assertions_hold_for_the_samples() {
    for target in TARGETS {
        for seed in seeds(&target) {
            (target.run)(&seed);
        }
    }
}

proptest! {
    // A finding becomes a seed, and not a number in a file.
    #![proptest_config(ProptestConfig {
        cases: CASES * 6,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_assertions_hold_for_random_bytes(
        target in select(TARGETS.to_vec()),
        input in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        (target.run)(&input);
    }

    #[test]
    fn the_assertions_hold_for_variants_of_the_samples((target, input) in near_to_any_target()) {
        (target.run)(&input);
    }
}

/// Runs a target on its seeds and on fixed variants, and requires each of these results. A result that never occurs is
/// not tested.
fn assert_reaches(name: &str, expected: &[&str]) {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    let target = target.unwrap();
    let seeds = seeds(&target);
    let mut runner = TestRunner::deterministic();
    let near = near(seeds.clone());
    let near = (0..CASES).map(|_| near.new_tree(&mut runner).unwrap().current());

    let runs = seeds.into_iter().chain(near);
    let marks: BTreeSet<_> = runs.flat_map(|input| (target.run)(&input)).collect();
    for mark in expected {
        assert!(
            marks.contains(mark),
            "“{mark}” never occurs; the results are {marks:?}"
        );
    }
}

/// No other test builds the libFuzzer package.
#[test]
fn each_target_exists_in_the_libfuzzer_package() {
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
fn signed_calls_are_accepted_and_refused() {
    assert_reaches(
        "headers",
        &[
            "made up and accepted",
            "made up and refused",
            "an unchanged call is accepted",
            "a call with the previous secret is accepted",
            "an unchanged call is stale",
            "a changed call is refused",
            "an unknown secret is refused",
            "another client id is refused",
        ],
    );
}

#[test]
fn messages_of_every_type_are_accepted_and_refused() {
    assert_reaches(
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
fn every_meaning_of_tikis_answers_occurs() {
    assert_reaches(
        "tiki_answers",
        &[
            "ipn accepted",
            "ipn accepted, unnamed",
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
fn every_meaning_of_the_cores_answers_occurs() {
    assert_reaches(
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
fn files_about_a_day_are_read_and_refused() {
    assert_reaches(
        "day_files",
        &[
            "an entry is read",
            "an entry is unreadable",
            "a statement without columns is unreadable",
            "a line with a code is read",
            "a line without a code is read",
            "a line is unreadable",
            "a file without columns is unreadable",
        ],
    );
}

#[test]
fn damaged_items_are_refused_or_changed_by_every_command() {
    assert_reaches(
        "item",
        &[
            "unreadable",
            "readable",
            "expiry leased",
            "expired",
            "declined",
            "undecided",
            "paid",
            "contradicted",
            "ipn leased",
            "looked up again",
            "confirmed",
            "abandoned",
            "retried",
            "reversed",
            "disputed",
            "refund reserved",
            "refund leased",
            "refund unknown",
            "refund succeeded",
            "refund rejected",
        ],
    );
}

#[test]
fn what_operators_send_is_accepted_and_refused() {
    assert_reaches(
        "operator",
        &[
            "a reason",
            "a verdict",
            "a decision on a proposal",
            "a finding to close",
            "a message whose signature is asked about",
            "an event whose signature is asked about",
            "a refused body",
            "nobody",
            "a caller",
            "two persons",
            "one person, or perhaps",
            "a name that was written down",
            "variants of JSON",
            "variants of what is not JSON",
            "variants of a GET",
            "a state of a list",
            "a period",
            "no word of a query",
        ],
    );
}

#[test]
fn tokens_are_accepted_and_refused() {
    assert_reaches(
        "token",
        &[
            "one is taken",
            "a token with the previous key is accepted",
            "an old token is expired",
            "an unknown key is invalid",
            "a changed token is invalid",
            "made up and accepted",
            "made up and invalid",
        ],
    );
}
