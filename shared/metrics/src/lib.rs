//! Every metric by its name, unit and dimensions. Any crate may count or record one. A metric is a `tracing` event of
//! the target [`TARGET`]: in a function, the telemetry of `lambda` writes it to the logs in CloudWatch's embedded
//! metric format; elsewhere it costs almost nothing. No metric names a transaction or a customer. This crate must
//! not depend on any other of ours.

/// The target of metrics. They are not log lines, and do not depend on the log level.
pub const TARGET: &str = "metrics";

/// The dimension that the telemetry fills in: the name of the function's binary.
pub const FUNCTION: &str = "Function";

/// A metric: a name in CloudWatch, a unit and dimensions.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name in CloudWatch.
    pub name: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// The names of its dimensions, in the order in which values are given.
    pub dimensions: &'static [&'static str],
    /// Whether there is also a total without dimensions.
    pub total: bool,
}

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    Milliseconds,
}

impl Unit {
    /// The name of the unit in CloudWatch.
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
    /// From a payment's expiry to an answer of the core that left it undecided.
    PAYMENT_UNDECIDED_AGE = "PaymentUndecidedAge", Milliseconds, [];
    /// Notification attempts: `accepted`, `accepted_unnamed`, `refused`, `system_error`, `unauthorized`, `unclear`.
    IPN_ATTEMPTS = "IpnAttempts", Count, ["Answer"];
    /// From a payment's result to Tiki's confirmation.
    IPN_CONFIRMATION_AGE = "IpnConfirmationAge", Milliseconds, [];
    /// The age of the oldest result that Tiki has not confirmed, at each sweep.
    IPN_UNCONFIRMED_AGE = "IpnUnconfirmedAge", Milliseconds, [];
    /// Payments that are reversed because Tiki does not have the order.
    REVERSALS = "Reversals", Count, [];
    /// Payments whose status is another at Tiki than here.
    DISPUTES = "Disputes", Count, [];
    /// Messages that the function operator signed for a person.
    SIGNED_BY_HAND = "SignedByHand", Count, [];
    /// Refunds with a final outcome: `succeeded`, `rejected`.
    REFUNDS = "Refunds", Count, ["Outcome"];
    /// Refunds of Tiki for the same amount as another one of the payment that is still open.
    REFUNDS_ASKED_TWICE = "RefundsAskedTwice", Count, [];
    /// From a refund's reservation to an answer of the core that left it open.
    REFUND_OPEN_AGE = "RefundOpenAge", Milliseconds, [];
    /// How late the oldest obligation is, at each sweep: `ipn`, `refund`, `expiry`.
    OBLIGATION_LATENESS = "ObligationLateness", Milliseconds, ["Queue"];
    /// Transactions in the review queue, at each sweep.
    REVIEW_QUEUE = "ReviewQueue", Count, [];
    /// How long the oldest day's file for Tiki has been due, at each run of reconciliation; 0 if none is.
    RECONCILIATION_LATENESS = "ReconciliationLateness", Milliseconds, [];
    /// Findings of reconciliation that need review, at each run.
    FINDINGS_OPEN = "FindingsOpen", Count, [];
    ORDERS_WITHOUT_MONEY = "OrdersWithoutMoney", Count, [];
    STATEMENTS_MISSING = "StatementsMissing", Count, [];
    DAYS_WITHOUT_RESULTS = "DaysWithoutResults", Count, [];
    /// For how long the personal data of the oldest day have been kept beyond their time, at each run of reconciliation;
    /// 0 if none are.
    PERSONAL_DATA_LATENESS = "PersonalDataLateness", Milliseconds, [];
    /// Findings of reconciliation that enter a new kind: `matched`, `resent`, `reverse`, `needs_review`,
    /// `undecided`.
    FINDINGS = "Findings", Count, ["Kind"];
    /// Answers with another code than 0.
    REFUSALS = "Refusals", Count, ["Code"];
    /// Our calls to `tiki` or `core`: `answered`, answered with an `error` status, `unreadable` for a success status
    /// whose body says nothing that counts, or `none` for no answer in time.
    CALLS = "Calls", Count, ["To", "Outcome"];
    /// Answers of the core that do not name the refund, amount or payment that was asked about. They count as unknown.
    CORE_ANSWERS_MISMATCHED = "CoreAnswersMismatched", Count, [];
    /// Answers of the core that are 200 or 404 and cannot be read. They count as unknown.
    CORE_ANSWERS_UNREADABLE = "CoreAnswersUnreadable", Count, [];
    /// How long our calls to `tiki` or `core` took.
    CALL_DURATION = "CallDuration", Milliseconds, ["To"];
    /// Calls of `tiki` or `core` that were signed with the previous secret. While there are any, it is still needed.
    PREVIOUS_SECRET_USES = "PreviousSecretUses", Count, ["Counterparty"];
    /// How long ago the secret of `tiki` or `core` was replaced, at each call that is still signed with the one before it.
    PREVIOUS_SECRET_AGE = "PreviousSecretAge", Milliseconds, ["Counterparty"];
    /// Calls of `tiki` that were signed under a former client id. While there are any, the setting is still needed.
    FORMER_CLIENT_ID_USES = "FormerClientIdUses", Count, ["Counterparty"];
    /// The age of the timestamps of `tiki` or `core` by our clock. It is negative if they are ahead.
    CLOCK_DIFFERENCE = "ClockDifference", Milliseconds, ["Counterparty"];
    /// Internal errors of a function: the caller got a generic answer, or the obligation stays due.
    INTERNAL_ERRORS = "InternalErrors", Count, [FUNCTION];
    /// Processes that Lambda started.
    COLD_STARTS = "ColdStarts", Count, [FUNCTION];
}

/// Something newly needs review, by its alarm.
pub const REVIEW_RAISED: Metric = Metric {
    name: "ReviewRaised",
    unit: Unit::Count,
    dimensions: &["Alarm"],
    total: true,
};

/// All metrics, for the test that holds the template to them.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    static WITH_TOTAL: Metric = REVIEW_RAISED;
    APART.iter().chain(std::iter::once(&WITH_TOTAL))
}

impl Metric {
    /// Counts one. `of` holds the values of the dimensions.
    pub fn count(&self, of: &[&str]) {
        self.record(of, 1);
    }

    /// Records a value. `of` holds the values of the dimensions.
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

    /// Records a duration, in milliseconds.
    pub fn record_duration(&self, of: &[&str], duration: std::time::Duration) {
        self.record(of, i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    }
}
