//! What is counted and measured, by name: each answers a question that somebody has at 2 a.m.
//!
//! A metric is a `tracing` event of the target [`TARGET`]. In a function the telemetry writes it to the logs in
//! CloudWatch's embedded metric format; where nobody listens it costs next to nothing. No metric names a
//! transaction or a customer.

/// The target of metrics: they are no log lines, and no log level silences them.
pub const TARGET: &str = "metrics";

/// The dimension that the telemetry itself fills in: which function it is, by its binary.
pub const FUNCTION: &str = "Function";

/// Something that is counted or measured.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What it is told apart by.
    pub dimensions: &'static [&'static str],
    /// Whether there is also a figure for all together.
    pub total: bool,
}

/// What a metric is counted in; CloudWatch's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// How long.
    Milliseconds,
}

impl Unit {
    /// CloudWatch's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $unit:ident, $dimensions:expr;)*) => {
        $(
            $(#[$doc])*
            pub const $id: Metric = Metric {
                name: $name,
                unit: Unit::$unit,
                dimensions: &$dimensions,
                total: false,
            };
        )*

        /// Every metric but [`REVIEW_RAISED`], which has a total too.
        const APART: &[Metric] = &[$($id),*];
    };
}

metrics! {
    /// Payments that became final: `paid`, `declined`, `expired`; and `paid_late`, whose money goes back.
    PAYMENTS = "Payments", Count, ["Outcome"];
    /// Tries to tell Tiki: `accepted`, `refused`, `system_error`, `unauthorized`, `unclear`.
    IPN_ATTEMPTS = "IpnAttempts", Count, ["Answer"];
    /// From a payment's result to Tiki's confirmation.
    IPN_CONFIRMATION_AGE = "IpnConfirmationAge", Milliseconds, [];
    /// How long Tiki has not known of the oldest result that it has not confirmed, at each sweep.
    IPN_UNCONFIRMED_AGE = "IpnUnconfirmedAge", Milliseconds, [];
    /// Payments that are given back because Tiki does not have the order.
    REVERSALS = "Reversals", Count, [];
    /// Payments of which Tiki's word and ours differ.
    DISPUTES = "Disputes", Count, [];
    /// Refunds that are settled: `succeeded`, `rejected`.
    REFUNDS = "Refunds", Count, ["Outcome"];
    /// From a refund's reservation to an answer of the core that did not settle it.
    REFUND_OPEN_AGE = "RefundOpenAge", Milliseconds, [];
    /// How late the oldest obligation is, at each sweep: `ipn`, `refund`, `expiry`.
    OBLIGATION_LATENESS = "ObligationLateness", Milliseconds, ["Queue"];
    /// Transactions that wait for a person, at each sweep.
    REVIEW_QUEUE = "ReviewQueue", Count, [];
    /// How long the oldest day's file for Tiki has been due, at each run of reconciliation; 0 if none is.
    RECONCILIATION_LATENESS = "ReconciliationLateness", Milliseconds, [];
    /// What reconciliation has found that waits for a person, at each run.
    FINDINGS_OPEN = "FindingsOpen", Count, [];
    /// What reconciliation finds, by how it stands from then on: `matched`, `resent`, `reverse`, `needs_review`,
    /// `undecided`.
    FINDINGS = "Findings", Count, ["Kind"];
    /// Answers with another code than 0.
    REFUSALS = "Refusals", Count, ["Code"];
    /// Calls of ours, to `tiki` or `core`: `answered`, with an `error` status, or with `none` in time.
    CALLS = "Calls", Count, ["To", "Outcome"];
    /// How long they took.
    CALL_DURATION = "CallDuration", Milliseconds, ["To"];
    /// Calls that were signed with the previous secret, of `tiki` or `core`: while there are any, it is needed.
    PREVIOUS_SECRET_USES = "PreviousSecretUses", Count, ["Counterparty"];
    /// How old the timestamps of `tiki` or `core` are by our clock; negative if they are ahead.
    CLOCK_DIFFERENCE = "ClockDifference", Milliseconds, ["Counterparty"];
    /// What broke in a function, and was answered generically or stays due.
    FAILURES = "Failures", Count, [FUNCTION];
    /// Processes started.
    COLD_STARTS = "ColdStarts", Count, [FUNCTION];
}

/// Something newly needs a person, by its alarm.
pub const REVIEW_RAISED: Metric = Metric {
    name: "ReviewRaised",
    unit: Unit::Count,
    dimensions: &["Alarm"],
    total: true,
};

/// Every metric.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    static WITH_TOTAL: Metric = REVIEW_RAISED;
    APART.iter().chain(std::iter::once(&WITH_TOTAL))
}

impl Metric {
    /// Counts one, told apart by the values of its dimensions.
    pub fn count(&self, of: &[&str]) {
        self.record(of, 1);
    }

    /// Records a figure, told apart by the values of its dimensions.
    pub fn record(&self, of: &[&str], value: i64) {
        let own = self.dimensions.iter().filter(|name| **name != FUNCTION);
        debug_assert_eq!(of.len(), own.count(), "{}", self.name);
        tracing::info!(
            target: TARGET,
            metric = self.name,
            unit = self.unit.as_str(),
            dimensions = self.dimensions.join(","),
            of = of.join(","),
            total = self.total,
            value,
        );
    }

    /// Records how long something took or is, in milliseconds.
    pub fn record_duration(&self, of: &[&str], duration: std::time::Duration) {
        self.record(of, i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    }
}
