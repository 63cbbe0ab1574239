//! JSON logs, one line an event, each with the request's id (docs/architecture.md#rules-of-the-code); and metrics among them, in
//! CloudWatch's embedded metric format.

mod emf;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use self::emf::EmbeddedMetrics;
use crate::config::{Env, log_level, metrics_namespace};

/// Others' crates are heard only when they warn: what they tell of a request is not ours to publish.
const LEVEL_OF_OTHERS: LevelFilter = LevelFilter::WARN;

/// Our crates, whose events carry ids and codes and nothing personal.
const OUR_TARGETS: [&str; 21] = [
    // With its colons: a target goes by its prefix, and a foreign crate may begin with these letters.
    "api::",
    "check_reconciliation",
    "check_transaction",
    "core_api",
    "core_worker",
    "create_transaction",
    "domain",
    "ipn_sender",
    // With its colons: a target goes by its prefix, and lambda_runtime is not ours.
    "lambda::",
    "open_webview",
    "outbox",
    "partner_api",
    "payment_redirect",
    "payment_result",
    "pre_traffic_hook",
    "reconcile",
    "refund_transaction",
    "signed_http",
    "signing",
    "store",
    "tiki_api",
];

/// Sends events to standard output as JSON, from the level of `LOG_LEVEL` on, and metrics beside them.
/// `function` is the name of the binary.
pub fn init(env: &Env, function: &'static str) {
    let level = log_level(env);
    let targets = Targets::new()
        .with_default(LEVEL_OF_OTHERS)
        .with_target(metrics::TARGET, LevelFilter::OFF)
        .with_targets(OUR_TARGETS.map(|target| (target, level)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_filter(targets);
    let figures = EmbeddedMetrics::new(metrics_namespace(env), function, std::io::stdout)
        .with_filter(Targets::new().with_target(metrics::TARGET, LevelFilter::INFO));
    // Fails only if something else was set up before, which then does the logging.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(figures)
        .try_init();
}
