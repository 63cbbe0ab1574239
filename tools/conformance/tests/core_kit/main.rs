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

use self::core::{CLIENT_ID, Core, ON_ITS_WAY, SECRET, SLOW, WAITS};

const SCHEMA: &str = "answer-schema";
/// They fail for many mistakes beside their own checks, and are named where they are the only ones that must: the kit
/// sees at the end what another check has seen before, and which of two calls comes first is chance.
const FOLLOWING: [&str; 8] = [
    "end-statement",
    "screen-pay-and-cancel",
    "payment-while-paying",
    SCHEMA,
    "end-refunds",
    "end-payments",
    "end-results",
    "end-references",
];

/// Each mistake, and the checks that fail for it. No other check fails, but for `FOLLOWING`.
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
        &[
            "refund-rejected-stays",
            "refund-rejected-then-paid",
            "refund-rejected-amount",
            "refund-crossing",
        ],
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
        &[
            "screen-redirect",
            "screen-cancel",
            "screen-closed-payment",
            "screen-paid-expired",
        ],
    ),
    (
        "debits twice",
        &[
            "screen-second-submit",
            "payment-paid",
            "screen-two-windows",
            "screen-two-clicks",
            "screen-pay-after-cancel",
            "screen-two-links",
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
            "screen-wrong-signature",
            "screen-empty-secret",
            "screen-forged-form",
            "screen-forged-return",
        ],
    ),
    ("needs no signature of a link", &["screen-unsigned"]),
    ("shows the form after the end", &["screen-expired"]),
    ("pays after the end", &["screen-expired-click"]),
    ("shows what it does not know", &["screen-unknown-payment"]),
    ("does not compare the amount", &["screen-other-amount"]),
    (
        "debits once a link",
        &["screen-two-windows", "screen-two-links"],
    ),
    (
        "has no lock on the click",
        &["screen-two-clicks", "screen-two-links"],
    ),
    ("pays what was cancelled", &["screen-pay-after-cancel"]),
    ("keeps money as a float", &["payment-large"]),
    ("refunds what was cancelled", &["refund-cancelled"]),
    (
        "remembers the last refund",
        &[
            "refund-many-parts",
            "refund-twenty-parts",
            "refund-twenty-at-once",
        ],
    ),
    ("pays a repeat with a larger sum", &["refund-repeat-later"]),
    (
        "pays a repeat with another reason",
        &["refund-repeat-reason"],
    ),
    (
        "decides a rejected refund anew",
        &["refund-rejected-then-paid", "refund-rejected-amount"],
    ),
    ("does not read the status", &["screen-closed-payment"]),
    (
        "shows what it cannot read",
        &["screen-unread-payment", "screen-api-broken"],
    ),
    ("answers the form first", &["result-before-return"]),
    ("pays after the answer", &["result-before-return"]),
    ("shows two forms after the end", &["screen-expired"]),
    (
        "rejects what is malformed",
        &[
            "refund-malformed",
            "refund-captured",
            "refund-field-missing",
        ],
    ),
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
        &["result-amount", "payment-large", "screen-clicks-cross"],
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
            "screen-api-broken",
        ],
    ),
    (
        "answers a bare 404 about a transa",
        &["payment-never-seen", "answer-json", "payment-seen-later"],
    ),
    (
        "calls an opened payment paid",
        &[
            "payment-not-paid",
            "screen-expired-click",
            "screen-appended",
            "screen-two-payments",
            "screen-forged-form",
            "screen-unknown-action",
            "payment-seen-later",
            "screen-get-action",
        ],
    ),
    (
        "calls a payment that was made not_paid",
        &[
            "payment-paid",
            "screen-second-submit",
            "screen-two-windows",
            "screen-two-clicks",
            "result-refused",
            "payment-after-expiry",
            "screen-two-links",
            "screen-clicks-cross",
            "payment-seen-later",
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
            "screen-appended",
            "screen-forged-form",
            "result-refused",
            "payment-after-expiry",
            "screen-two-links",
            "screen-clicks-cross",
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
            "refund-field-missing",
            "refund-ids-exact",
            "refund-size",
            "signature-post-path",
            "signature-empty-secret",
            "signature-body",
            "signature-spelling",
            "refund-seen-later",
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
            "payment-after-expiry",
            "refund-captured",
            "refund-field-missing",
            "refund-rejected-amount",
            "refund-ids-exact",
            "refund-long-reason",
            "refund-size",
            "refund-crossing-fits",
            "refund-twenty-parts",
            "payment-after-refund",
            "signature-spelling",
            "refund-query",
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
            "refund-rejected-amount",
            "refund-crossing",
            "refund-seen-later",
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
            "refund-rejected-amount",
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
    (
        "takes another amount",
        &["refund-other-amount", "refund-rejected-amount"],
    ),
    ("takes another transaction", &["refund-other-transaction"]),
    ("needs no idempotency key", &["refund-key-missing"]),
    ("takes any idempotency key", &["refund-key-differs"]),
    (
        "refuses unknown fields",
        &["refund-unknown-field", "refund-size"],
    ),
    (
        "fails with a malformed body",
        &[
            "refund-malformed",
            "answer-no-error",
            "refund-captured",
            "refund-field-missing",
        ],
    ),
    ("looks for a repeat and pays later", &["refund-at-once"]),
    (
        "adds up and pays later",
        &["refund-crossing", "refund-twenty-at-once"],
    ),
    (
        "does not add up",
        &[
            "refund-crossing",
            "refund-after-all",
            "refund-too-much",
            "refund-many-parts",
            "refund-twenty-parts",
            "refund-twenty-at-once",
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
            "refund-ids-exact",
            "refund-crossing-fits",
            "refund-twenty-parts",
            "refund-twenty-at-once",
            "refund-query",
        ],
    ),
    (
        "refunds what was not paid",
        &["refund-unpaid", "refund-cancelled", "refund-ids-exact"],
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
            "signature-post-path",
            "signature-empty-secret",
        ],
    ),
    (
        "does not verify look-ups of refunds",
        &[
            "signature-find-refund",
            "signature-other-path",
            "signature-missing",
            "signature-malformed",
            "signature-stale",
            "signature-ahead",
        ],
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
            "signature-empty-secret",
        ],
    ),
    (
        "does not verify statements",
        &[
            "signature-statement",
            "signature-missing",
            "signature-malformed",
            "signature-stale",
            "signature-ahead",
        ],
    ),
    (
        "accepts a signature of nothing",
        &["signature-other-path", "signature-post-path"],
    ),
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
    (
        "shows the form until it is accepted",
        &[
            "screen-opened-again",
            "screen-paid-expired",
            "result-refused",
        ],
    ),
    ("knows no query", &["payment-paid", "answer-json"]),
    ("calls any path never_seen", &["path-unknown"]),
    ("sends a time of another zone", &["result-fields"]),
    ("compares the start in links", &["screen-wrong-signature"]),
    ("takes an empty secret in links", &["screen-empty-secret"]),
    (
        "reads what is appended",
        &["screen-appended", "screen-forged-return"],
    ),
    (
        "pays the link that was opened last",
        &["screen-two-payments", "screen-clicks-cross"],
    ),
    ("does not verify the click", &["screen-forged-form"]),
    ("takes the amount from the form", &["screen-forged-form"]),
    ("pays with any action", &["screen-unknown-action"]),
    ("cancels without a lock", &["screen-pay-and-cancel"]),
    ("shows the form without an answer", &["screen-api-broken"]),
    ("takes a 200 without a code", &["result-kept-on"]),
    ("stops at a broken connection", &["result-kept-on"]),
    (
        "repeats after 500 only",
        &["result-kept-on", "screen-opened-again"],
    ),
    ("gives up after three tries", &["result-kept-on"]),
    ("takes a refusal as a failure", &["result-refused"]),
    (
        "calls an opened payment not_paid",
        &["payment-not-paid", "payment-seen-later"],
    ),
    (
        "says never_seen of a running debit",
        &["payment-while-paying"],
    ),
    (
        "forgets the payment at expires_at",
        &["payment-after-expiry"],
    ),
    ("refunds until expires_at", &["payment-after-expiry"]),
    (
        "takes the refund id from the key",
        &["refund-captured", "refund-field-missing"],
    ),
    ("takes any transaction", &["refund-field-missing"]),
    (
        "takes a smaller amount",
        &["refund-other-amount", "refund-rejected-amount"],
    ),
    ("decides another amount anew", &["refund-rejected-amount"]),
    ("looks refunds up by their start", &["refund-ids-exact"]),
    ("ignores capitals", &["refund-ids-exact"]),
    ("refuses a long reason", &["refund-long-reason"]),
    ("has no limit of a body", &["refund-size"]),
    ("takes small bodies only", &["refund-size"]),
    (
        "pays a crossing refund later",
        &["refund-crossing", "refund-twenty-at-once"],
    ),
    (
        "does not find a crossing refund",
        &["refund-crossing", "refund-crossing-fits"],
    ),
    ("refuses a crossing refund", &["refund-crossing-fits"]),
    (
        "adds up three refunds",
        &["refund-twenty-parts", "refund-twenty-at-once"],
    ),
    (
        "refunds four times at most",
        &["refund-twenty-parts", "refund-twenty-at-once"],
    ),
    (
        "compares the start in calls",
        &[
            "signature-refund",
            "signature-find-refund",
            "signature-payment",
            "signature-statement",
        ],
    ),
    (
        "takes an empty secret in calls",
        &["signature-empty-secret"],
    ),
    ("takes a signature of the path", &["signature-post-path"]),
    ("forgets old refunds", &["end-refunds"]),
    ("forgets old payments", &["end-refunds", "end-payments"]),
    ("calls what went back failed", &["end-payments"]),
    ("sends an amount of zero with a failure", &["end-results"]),
    ("contradicts itself after a refund", &["end-results"]),
    ("has one reference for all", &["end-references"]),
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
            "result-refused",
            "payment-after-expiry",
            "screen-two-links",
            "screen-clicks-cross",
            "payment-seen-later",
        ],
    ),
    ("compares what both lack", &["refund-captured"]),
    ("reads the query of a refund", &["refund-query"]),
    ("filters one spelling of a path", &["signature-spelling"]),
    ("keeps what it has verified", &["signature-body"]),
    ("looks for a repeat before the lock", &["refund-at-once"]),
    ("waits a moment for its lock", &["refund-twenty-at-once"]),
    ("allows a difference of 999", &["refund-too-much"]),
    ("keeps what it said of a refund", &["refund-seen-later"]),
    ("keeps what it said of a payment", &["payment-seen-later"]),
    (
        "leads back from failed payments only",
        &["screen-closed-payment"],
    ),
    (
        "reads the appended amount at the click",
        &["screen-appended"],
    ),
    ("keeps the click in one place", &["screen-clicks-cross"]),
    ("locks the link on the click", &["screen-two-links"]),
    ("pays by any method", &["screen-get-action"]),
    ("shows the amount in hundredths", &["screen-page"]),
    ("shows the appended amount", &["screen-appended"]),
    ("reverses the debit after code 8", &["result-refused"]),
    (
        "shows the form again after a cancel",
        &["screen-opened-again"],
    ),
    (
        "looks at the time before it verifies",
        &["screen-forged-return", "screen-paid-expired"],
    ),
    ("leads back before it verifies", &["screen-forged-return"]),
    (
        "looks at the time before the decision",
        &["screen-paid-expired"],
    ),
    ("writes a description as it came", &["screen-escaped"]),
    ("takes a cursor once", &["statement-pages"]),
    ("books a refund without its fee", &["end-statement"]),
    ("books refunds as payments", &["end-statement"]),
    ("books what it rejected", &["end-statement"]),
    ("gives a half of today", &["end-statement"]),
    (
        "stumbles over signs in a reason",
        &["refund-long-reason", "answer-no-error"],
    ),
    ("adds up in 32 bits", &["refund-too-much"]),
    ("reads an action in any case", &["screen-unknown-action"]),
];

/// For the results of these cores the kit waits in vain, so it must not wait long. For all others it has the patience that a
/// busy machine needs.
const LOSES_RESULTS: [&str; 6] = [
    "sends a result once",
    "signs results with another secret",
    "takes a 200 without a code",
    "stops at a broken connection",
    "repeats after 500 only",
    "gives up after three tries",
];

/// Cores that are right in another way: docs/core.md allows each of them.
const RIGHT: [&str; 4] = [
    "",
    "decides refunds later",
    "is not sure about what is unpaid",
    // A payment's lock that is not waited for: 503. A reference that comes with a repeated result, and amounts of results as
    // texts. FAILURE at expires_at. A session in a cookie. No signature twice.
    "differs where it may",
];

/// How many cores are tested at the same time.
const MAX_CONCURRENT_KITS: usize = 6;

async fn tested(mistake: &'static str) -> Report {
    let report = tested_with(mistake, |_| {}).await;
    report
        .map_err(|error| format!("{mistake}: {error:#}"))
        .unwrap()
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
            refund: Duration::from_secs(10),
            api_hangs: WAITS + Duration::from_secs(1),
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
    for right in RIGHT {
        let report = tested(right).await;
        assert!(report.passed(), "{right}\n{}", report.text());
        let skipped = report.results.iter();
        let skipped = skipped.filter(|result| matches!(result.outcome, Outcome::Skipped { .. }));
        assert_eq!(skipped.count(), 0, "{right}\n{}", report.text());
    }
    let report = tested("").await;
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
        found.retain(|id| expected.contains(id) || !FOLLOWING.contains(&id.as_str()));
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
