//! JSON logs: one line an event, each with the request's id (design §9, rule 7).

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Others' crates are heard only when they warn: what they tell of a request is not ours to publish.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// Our crates, whose events carry ids and codes and nothing personal.
const OURS: [&str; 16] = [
    "check_transaction",
    "create_transaction",
    "domain",
    "ipn_sender",
    "open_webview",
    "outbound",
    "outbox",
    "payment_redirect",
    "payment_result",
    "rail",
    "rail_worker",
    "refund_transaction",
    "runtime",
    "signing",
    "store",
    "tiki",
];

/// Sends events to standard output as JSON, from the level of `LOG_LEVEL` on (default `info`).
pub fn init() {
    let level = std::env::var("LOG_LEVEL").ok();
    let level = level
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let targets = Targets::new()
        .with_default(OTHERS)
        .with_targets(OURS.map(|target| (target, level)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true);
    // Fails only if something else was set up before, which then does the logging.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(targets)
        .try_init();
}
