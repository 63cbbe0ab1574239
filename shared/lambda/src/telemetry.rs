//! JSON logs, one line for each event, with the request's id; and metrics between them, in CloudWatch's embedded
//! metric format.

mod emf;
mod printable;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use self::emf::EmbeddedMetrics;
use self::printable::Printable;
use crate::config::{Env, log_level, metrics_namespace};

/// Foreign crates log from this level on: below it they may write what a request contains.
const LEVEL_OF_OTHERS: LevelFilter = LevelFilter::WARN;

/// Our crates, whose events carry ids and codes and no personal data. A target matches by its prefix, so a name
/// that foreign crates begin with has its colons.
const OUR_TARGETS: [&str; 25] = [
    "api::",
    "check_reconciliation",
    "check_transaction",
    "core_api",
    "core_worker",
    "create_transaction",
    "domain",
    "ipn_sender",
    // lambda_runtime and lambda_http are not ours.
    "lambda::",
    "open_webview",
    "operator::",
    "outbox",
    "partner_api",
    "partner_transaction",
    "payment_details",
    "payment_redirect",
    "payment_result",
    "pre_traffic_hook",
    "reconcile",
    "refund_transaction",
    "report_redirect",
    "signed_http",
    "signing",
    "store",
    "tiki_api",
];

/// Who asked for what is written whatever the level is: an auditor must find it (docs/security.md).
pub const TRAIL_OF_OPERATORS: &str = "operator::trail";

/// Writes events from the level of `LOG_LEVEL` on, and all metrics, to standard output. `function` is the name of
/// the binary.
pub fn init(env: &Env, function: &'static str) {
    let level = log_level(env);
    let targets = Targets::new()
        .with_default(LEVEL_OF_OTHERS)
        .with_target(metrics::TARGET, LevelFilter::OFF)
        .with_targets(OUR_TARGETS.map(|target| (target, level)))
        .with_target(TRAIL_OF_OPERATORS, LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_writer(Printable(std::io::stdout))
        .with_filter(targets);
    let figures = EmbeddedMetrics::new(metrics_namespace(env), function, std::io::stdout)
        .with_filter(Targets::new().with_target(metrics::TARGET, LevelFilter::INFO));
    // Fails only if another subscriber was installed before. Then that one logs.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(figures)
        .try_init();
}
