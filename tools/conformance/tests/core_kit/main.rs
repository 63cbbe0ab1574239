//! The kit `test-core` against a core that is right, and against the same core with one mistake at a time.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic, and uses the real time, as the kit does"
)]

mod core;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conformance::core_kit::{CoreKit, CoreOptions, Limits, checks};
use conformance::{Outcome, Report};
use futures::StreamExt;
use futures::stream;
use tokio::net::TcpListener;

use self::core::{CLIENT_ID, Core, ON_ITS_WAY, SECRET, SLOW};

/// Fails for many mistakes beside their own checks, and is named where it is the only one that must.
const SCHEMA: &str = "answer-schema";

/// Each mistake, and the checks that fail for it. No other check fails, but for `SCHEMA`.
const MISTAKES: &[(&str, &[&str])] = &[
    (
        "writes a time where a text belongs",
        &[SCHEMA, "payment-texts"],
    ),
    ("lets the screen be kept", &["screen-headers"]),
    ("holds links to the time of a call", &["screen-old-link"]),
    ("takes links of the future", &["screen-link-ahead"]),
    ("takes refunds off the payment", &["payment-after-refund"]),
    (
        "forgets a rejected refund",
        &["refund-rejected-stays", "refund-rejected-then-paid"],
    ),
    ("shows no amount", &["screen-page"]),
    (
        "has two forms",
        &["screen-form", "screen-pay", "screen-cancel"],
    ),
    (
        "has no button to cancel",
        &["screen-form", "screen-second-submit", "screen-cancel"],
    ),
    (
        "redirects to another host",
        &["screen-redirect", "screen-cancel", "screen-closed-payment"],
    ),
    (
        "redirects with 302",
        &["screen-redirect", "screen-cancel", "screen-closed-payment"],
    ),
    (
        "debits twice",
        &[
            "screen-second-submit",
            "payment-paid",
            "screen-two-windows",
            "screen-two-clicks",
            "screen-pay-after-cancel",
        ],
    ),
    (
        "takes the second choice",
        &["screen-second-submit", "payment-paid"],
    ),
    (
        "takes a cancellation as a payment",
        &["screen-cancel", "payment-failed"],
    ),
    (
        "does not verify links",
        &[
            "screen-changed-amount",
            "screen-changed-return",
            "screen-link-ahead",
            "screen-other-amount",
        ],
    ),
    ("needs no signature of a link", &["screen-unsigned"]),
    ("shows the form after the end", &["screen-expired"]),
    ("pays after the end", &["screen-expired-click"]),
    ("shows what it does not know", &["screen-unknown-payment"]),
    ("does not compare the amount", &["screen-other-amount"]),
    ("debits once a link", &["screen-two-windows"]),
    ("has no lock on the click", &["screen-two-clicks"]),
    ("pays what was cancelled", &["screen-pay-after-cancel"]),
    ("keeps money as a float", &["payment-large"]),
    ("refunds what was cancelled", &["refund-cancelled"]),
    ("remembers the last refund", &["refund-many-parts"]),
    ("pays a repeat with a larger sum", &["refund-repeat-later"]),
    (
        "pays a repeat with another reason",
        &["refund-repeat-reason"],
    ),
    (
        "decides a rejected refund anew",
        &["refund-rejected-then-paid"],
    ),
    ("does not read the status", &["screen-closed-payment"]),
    ("shows what it cannot read", &["screen-unread-payment"]),
    ("answers the form first", &["result-before-return"]),
    ("pays after the answer", &["result-before-return"]),
    ("shows two forms after the end", &["screen-expired"]),
    ("rejects what is malformed", &["refund-malformed"]),
    (
        "signs results with another secret",
        &["screen-pay", "screen-cancel", "result-signed"],
    ),
    ("sends a result once", &["screen-pay"]),
    (
        "sends a result of another transaction",
        &["result-transaction"],
    ),
    (
        "sends amounts with points",
        &["result-amount", "payment-large"],
    ),
    ("sends a long reference", &["result-fields"]),
    ("sends a time in its own form", &["result-fields"]),
    ("sends a field of another message", &["result-fields"]),
    (
        "changes a repeated result",
        &["result-repeated", "screen-second-submit"],
    ),
    ("sends the same signature again", &["result-repeated"]),
    (
        "signs a part of the path",
        &[
            "details-signed",
            "screen-unknown-payment",
            "screen-closed-payment",
            "screen-unread-payment",
            "screen-other-amount",
        ],
    ),
    (
        "answers a bare 404 about a transa",
        &["payment-never-seen", "answer-json"],
    ),
    (
        "calls an opened payment paid",
        &["payment-not-paid", "screen-expired-click"],
    ),
    (
        "calls a payment that was made not_paid",
        &[
            "payment-paid",
            "screen-second-submit",
            "screen-two-windows",
            "screen-two-clicks",
        ],
    ),
    (
        "names another transaction",
        &["payment-not-paid", "payment-paid", "payment-failed"],
    ),
    (
        "writes amounts with points",
        &[
            "payment-amount",
            "screen-second-submit",
            "screen-two-windows",
            "screen-two-clicks",
            "payment-large",
        ],
    ),
    ("writes paid_at in its own form", &["payment-paid-at"]),
    ("writes a long banking method", &["payment-texts"]),
    (
        "calls a cancelled payment paid",
        &["payment-failed", "screen-pay-after-cancel"],
    ),
    (
        "answers a bare 404 about a refund",
        &[
            "refund-never-seen",
            "refund-key-missing",
            "refund-key-differs",
            "refund-malformed",
            "signature-refund",
            "answer-json",
        ],
    ),
    (
        "does not name the amount of a refund",
        &[
            "refund-answer",
            "refund-found",
            "refund-repeat",
            "refund-repeat-later",
            "refund-other-amount",
            "refund-other-transaction",
            "refund-unknown-field",
            "refund-at-once",
            "refund-two-parts",
            "refund-so-far",
            "payment-large",
            "refund-repeat-reason",
            "refund-many-parts",
            "refund-rejected-then-paid",
        ],
    ),
    (
        "finds no refund",
        &[
            "refund-found",
            "refund-other-amount",
            "refund-other-transaction",
            "refund-rejected-stays",
            "refund-at-once",
        ],
    ),
    (
        "pays a repeat again",
        &[
            "refund-repeat",
            "refund-other-amount",
            "refund-other-transaction",
            "refund-at-once",
            "refund-repeat-later",
            "refund-repeat-reason",
            "refund-rejected-then-paid",
        ],
    ),
    (
        "refuses a repeat",
        &[
            "refund-repeat",
            "refund-repeat-later",
            "refund-rejected-stays",
            "refund-repeat-reason",
            "refund-rejected-then-paid",
        ],
    ),
    ("compares refunded_so_far", &["refund-repeat-later"]),
    ("takes another amount", &["refund-other-amount"]),
    ("takes another transaction", &["refund-other-transaction"]),
    ("needs no idempotency key", &["refund-key-missing"]),
    ("takes any idempotency key", &["refund-key-differs"]),
    ("refuses unknown fields", &["refund-unknown-field"]),
    (
        "fails with a malformed body",
        &["refund-malformed", "answer-no-error"],
    ),
    ("looks for a repeat and pays later", &["refund-at-once"]),
    ("adds up and pays later", &["refund-crossing"]),
    (
        "does not add up",
        &[
            "refund-crossing",
            "refund-after-all",
            "refund-too-much",
            "refund-many-parts",
        ],
    ),
    (
        "refunds only once",
        &[
            "refund-repeat",
            "refund-repeat-later",
            "refund-other-amount",
            "refund-at-once",
            "refund-two-parts",
            "refund-so-far",
            "payment-large",
            "refund-repeat-reason",
            "refund-many-parts",
        ],
    ),
    (
        "refunds what was not paid",
        &["refund-unpaid", "refund-cancelled"],
    ),
    ("does not read refunded_so_far", &["refund-so-far"]),
    (
        "does not verify refunds",
        &[
            "signature-refund",
            "signature-body",
            "signature-missing",
            "signature-malformed",
            "signature-stale",
            "signature-ahead",
        ],
    ),
    (
        "does not verify look-ups of refunds",
        &["signature-find-refund"],
    ),
    (
        "does not verify look-ups of payments",
        &[
            "signature-payment",
            "signature-other-path",
            "signature-missing",
            "signature-malformed",
            "signature-client-id",
            "signature-stale",
            "signature-ahead",
        ],
    ),
    ("does not verify statements", &["signature-statement"]),
    ("accepts a signature of nothing", &["signature-other-path"]),
    (
        "fails without a header",
        &["signature-missing", "answer-no-error"],
    ),
    (
        "fails with a malformed header",
        &["signature-malformed", "answer-no-error"],
    ),
    ("accepts any client id", &["signature-client-id"]),
    ("accepts old signatures", &["signature-stale"]),
    ("accepts signatures from the future", &["signature-ahead"]),
    (
        "is too strict with old signatures",
        &["signature-old-enough"],
    ),
    ("accepts no clock ahead", &["signature-little-ahead"]),
    ("fails for today", &["statement-today", "answer-no-error"]),
    ("names another day", &["statement-pages"]),
    ("gives one cursor twice", &["statement-pages"]),
    (
        "writes entries without a transaction",
        &["statement-entries"],
    ),
    (
        "begins anew with an unknown cursor",
        &["statement-unknown-cursor"],
    ),
    ("takes any text as a day", &["statement-no-day"]),
    ("answers as text", &["answer-json"]),
    ("answers too much", &["answer-size"]),
    ("answers slowly", &["answer-time"]),
    (
        "fails",
        &[
            "screen-second-submit",
            "payment-paid",
            "payment-amount",
            "answer-no-error",
            "screen-two-windows",
            "screen-two-clicks",
            "payment-large",
        ],
    ),
];

/// For the results of these cores the kit waits in vain, so it must not wait long. For all others it has the patience that a
/// busy machine needs.
const LOSES_RESULTS: [&str; 2] = ["sends a result once", "signs results with another secret"];

/// How many cores are tested at the same time.
const MAX_CONCURRENT_KITS: usize = 6;

async fn tested(mistake: &'static str) -> Report {
    tested_with(mistake, |_| {}).await.unwrap()
}

/// Tests a core with options that differ from the right ones.
async fn tested_with(
    mistake: &'static str,
    differ: impl FnOnce(&mut CoreOptions),
) -> anyhow::Result<Report> {
    let day = two_days_ago();
    let core = Core::new(mistake, day.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let core_url = format!("http://{}", listener.local_addr().unwrap());
    let router = core.router();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let loses_results = LOSES_RESULTS.contains(&mistake);
    let is_slow = mistake == "answers slowly";
    let mut options = CoreOptions {
        core_url,
        screen_url: None,
        client_id: CLIENT_ID.to_owned(),
        secret: SECRET.to_owned(),
        by_hand: false,
        amount: 100_000,
        slow: true,
        statements: true,
        statement_day: Some(day),
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: None,
        only: Vec::new(),
        limits: Limits {
            result: Duration::from_secs(if loses_results { 1 } else { 30 }),
            answer: if is_slow {
                SLOW / 2
            } else {
                Duration::from_secs(30)
            },
            on_its_way: ON_ITS_WAY * 2,
            form_open: Duration::from_secs(3),
            clock_margin: Duration::from_millis(100),
            ..Limits::default()
        },
    };
    differ(&mut options);
    let kit = CoreKit::start(options).await?;
    kit.api_url().clone_into(&mut core.api_url.lock().unwrap());
    let report = kit.run(&mut |_| {}).await;
    serving.abort();
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_tested_is_said_in_one_sentence() {
    let said = async |differ: fn(&mut CoreOptions)| {
        let error = tested_with("", differ).await.unwrap_err();
        format!("{error:#}")
    };
    for differ in [
        (|options| "another".clone_into(&mut options.secret)) as fn(&mut CoreOptions),
        |options| "another".clone_into(&mut options.client_id),
    ] {
        let error = said(differ).await;
        assert!(error.contains("refuses each call with HTTP 401"), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    }
    let error = said(|options| options.core_url.push_str("/?key=word")).await;
    assert!(error.starts_with("--core-url must be"), "{error}");
    let error = said(|options| options.screen_url = Some("https://u:word@bank.vn/pay".to_owned()));
    let error = error.await;
    assert!(
        error.starts_with("--screen-url must be") && !error.contains("word"),
        "{error}"
    );
    let error = said(|options| options.public_url = Some("ftp://bank.vn".to_owned())).await;
    assert!(error.starts_with("--public-url must be"), "{error}");
    let error = said(|options| options.core_url = "http://127.0.0.1:1".to_owned()).await;
    assert!(
        error.contains("cannot be reached at http://127.0.0.1:1"),
        "{error}"
    );
}

fn two_days_ago() -> String {
    let past = time::OffsetDateTime::now_utc() + Duration::from_hours(7) - Duration::from_hours(48);
    past.date().to_string()
}

fn failed(report: &Report) -> BTreeSet<String> {
    report.failed().map(|result| result.id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_is_right_passes_every_check() {
    let report = tested("").await;
    assert!(report.passed(), "{}", report.text());
    let skipped = report
        .results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Skipped { .. }));
    assert_eq!(skipped.count(), 0, "{}", report.text());
    assert!(report.results.len() >= 25);
    let text = report.text();
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_fails_its_own_checks_and_no_other() {
    let runs = stream::iter(MISTAKES).map(async |(mistake, expected)| {
        let report = tested(mistake).await;
        (*mistake, *expected, report)
    });
    let runs: Vec<_> = runs.buffer_unordered(MAX_CONCURRENT_KITS).collect().await;
    let mut wrong = BTreeMap::new();
    for (mistake, expected, report) in &runs {
        let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
        let mut found = failed(report);
        if !expected.contains(SCHEMA) {
            found.remove(SCHEMA);
        }
        if found != expected {
            let missing: Vec<_> = expected.difference(&found).cloned().collect();
            let more = report
                .failed()
                .filter(|result| !expected.contains(&result.id));
            let more: Vec<_> = more
                .map(|result| format!("{}: {:?}", result.id, result.outcome))
                .collect();
            wrong.insert(*mistake, (missing, more));
        }
    }
    assert!(
        wrong.is_empty(),
        "mistake: (does not fail, fails too)\n{wrong:#?}"
    );
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_check_cites_a_heading_of_the_page() {
    let page = include_str!("../../../../docs/core.md");
    let anchors: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(anchor)
        .collect();
    for check in checks() {
        let cited = check.cites.strip_prefix("docs/core.md#").unwrap();
        assert!(anchors.contains(cited), "{}: {cited}", check.id);
    }
}

#[test]
fn every_check_has_its_row_in_the_page() {
    let page = include_str!("../../../../docs/conformance.md");
    for check in checks() {
        let rule = check.cites.trim_start_matches("docs/");
        let row = format!("| `{}` | {} | [rule]({rule}) |", check.id, check.title);
        assert!(
            page.contains(&row),
            "docs/conformance.md needs this row:\n{row}"
        );
    }
}

#[test]
fn every_check_is_failed_by_a_mistake() {
    let failed: BTreeSet<&str> = MISTAKES.iter().flat_map(|(_, ids)| *ids).copied().collect();
    let all: BTreeSet<&str> = checks().map(|check| check.id).collect();
    assert_eq!(failed, all);
}
