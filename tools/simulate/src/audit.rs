//! The auditor: checks the invariants at every step against the world's own records, and not against ours.

mod answers;
mod days;
mod ending;
mod gauges;
mod notifications;
mod persons;
mod reviews;
mod trail;
mod writes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::{Day, ReviewReason};
use serde_json::Value;

pub(crate) use self::days::{Heard, payment_of_finding};
use self::reviews::Against;
use crate::fleet::Function;
use crate::invocation::Answered;
use crate::world::World;

macro_rules! invariants {
    ($($name:ident = $text:literal, $sentence:literal;)*) => {
        /// A condition that must hold at all times.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant { $(#[doc = $sentence] $name,)* }

        impl Invariant {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the output.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The sentence for a bank's auditor.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

invariants! {
    ReturnedAtMostPaid = "returned-at-most-paid",
        "The core never refunds more than the customer paid.";
    OnePostingPerRefund = "one-posting-per-refund",
        "Each refund is posted at the core once, however often it is requested, and always with the same content.";
    ReservedBeforeAsked = "reserved-before-asked",
        "The core never receives a refund whose amount is not reserved in our records.";
    OneOutcomePerRequest = "one-outcome-per-request",
        "A refund request that the core has made or rejected has one outcome. Every repeat gets the same bytes. No request is accepted twice or with other content.";
    FinalStatusStays = "final-status-stays",
        "A payment that is a success or a failure stays one, with its day. Only a reversal makes a failure of a success, and nothing makes a success of a failure. A final notification state stays final.";
    AcknowledgedIsKept = "acknowledged-is-kept",
        "What we have accepted is in our records, and nothing in our records disappears.";
    OnlyOnGrounds = "only-on-grounds",
        "Money is returned only if Tiki requested it, if Tiki said that it does not have the order (code 3 twice, some time apart), or if the payment came late.";
    TwoPersons = "two-persons",
        "What a person decides about a larger amount than the setting allows, one person has proposed and another approved.";
    ReversedIsFailure = "reversed-is-failure",
        "From the decision to reverse a payment on, Tiki, the core, the check API and the data of its day hear that it failed, and never again that it was paid.";
    ReversedIsNotified = "reversed-is-notified",
        "When the money of a reversed payment is back, and not before, Tiki gets a notification of the failure, and one look-up after its final answer.";
    BrakeHolds = "brake-holds",
        "In an hour no more payments are reversed without a person than the setting allows.";
    ContradictionsAreKept = "contradictions-are-kept",
        "What the core says against our record and we refuse is in the audit trail, and in review until a clear answer has ended it.";
    UndecidedIsSeen = "undecided-is-seen",
        "A payment that is still undecided a day after its expiry is in review.";
    NotifiedWhatIsShown = "notified-what-is-shown",
        "A notification has exactly the status and amount that we show, and always a final status.";
    BelievedOnWordAlone = "believed-on-word-alone",
        "Our records say paid, failed, refunded, confirmed or disputed only after a clear answer of the counterparty.";
    NewerIsKept = "newer-is-kept",
        "What a newer version has written into an item is still there after an older one has written it.";
    OwedIsFindable = "owed-is-findable",
        "Every open obligation is in the index that its worker reads, and everything that needs review is in the index that people read.";
    EndsInTime = "ends-in-time",
        "A function whose machine works ends before its time-out, whatever Tiki, the core and DynamoDB do.";
    SafeToRepeat = "safe-to-repeat",
        "A call that was not taken, because too many run at once, is answered 429 and with the code that asks to repeat it.";
    ReviewIsShown = "review-is-shown",
        "The gauge of the review queue counts all that has been in the queue for some minutes, or there is no gauge.";
    QueriesFit = "queries-fit-the-table",
        "Every query names an index and keys that the template gives the table.";
    TrailIsComplete = "trail-is-complete",
        "The audit trail of a payment only grows, in order, and has every change of payment, notification and refunds.";
    ExportedOnce = "exported-once",
        "Each final payment is in the data of exactly one day, with its final status and amount.";
    DifferencesAreFound = "differences-are-found",
        "Each payment on which Tiki's result file and our record differ is a finding.";
    FindingsAreSo = "findings-are-so",
        "A finding says what Tiki has answered, and that the sides agree only if they do and no money went back.";
    RefusedMeansNothing = "refused-means-nothing",
        "A call that is not signed, or is signed for another purpose, is refused.";
    NothingOwedForever = "nothing-owed-for-ever",
        "Some days after the last fault no obligation is open: no notification, no question to the core, no refund.";
    EveryPaymentAccounted = "every-payment-accounted",
        "Some days after the last fault each payment is confirmed at Tiki, returned, or in review with an alarm.";
    RecordsAgree = "records-agree",
        "Some days after the last fault our records and the core's records agree to the dong.";
}

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    pub invariant: Invariant,
    pub payment: usize,
    /// What was observed.
    pub text: String,
}

/// The auditor's own records.
#[derive(Default)]
pub(crate) struct Audit {
    violation: Option<Violation>,
    records: HashMap<usize, Record>,
    /// The payments in the last export of each day.
    days: BTreeMap<Day, BTreeSet<usize>>,
    /// The files that Tiki has had under their names.
    files: BTreeMap<String, Vec<u8>>,
    /// How many payments were reversed in the middle of each hour.
    reversals: BTreeMap<i64, u32>,
    /// What the core has answered against our record, by the function that took the answer and the payment.
    core_said: HashMap<(usize, usize), Against>,
    /// What is in review: since when under this reason.
    in_review: BTreeMap<usize, (ReviewReason, i64)>,
    checks: u64,
}

/// The answers about one payment.
#[derive(Default)]
struct Record {
    /// The first final status that was shown, and when.
    shown: Option<(i64, String)>,
    /// The first reference of a debit that was acknowledged.
    reference: Option<String>,
    /// The answer to its creation, and its time.
    created: Option<(i64, Value)>,
    /// The final answers to refund requests, and their times.
    outcomes: HashMap<usize, (i64, Vec<u8>)>,
    /// The refunds that Tiki has really requested.
    asked: HashSet<usize>,
    /// When each function last read or wrote it.
    seen_by: HashMap<usize, i64>,
    /// When it became a success or a failure.
    final_at: Option<i64>,
    /// Whether the core named its reference then.
    reference_at_decision: bool,
    /// Since when it is reversed.
    reversed_at: Option<i64>,
    /// What the core has said against our record, and when it said so last.
    against: Vec<(Against, i64)>,
    /// What a newer version has written into it.
    newer: BTreeSet<String>,
    /// What of it persons have dealt with, and when.
    handled: Vec<(Against, i64)>,
    /// When a person last saw that it is undecided, and left it so.
    left_undecided_at: Option<i64>,
}

impl Audit {
    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The number of checks.
    pub(crate) fn checks(&self) -> u64 {
        self.checks
    }

    /// Checks one condition. The first violation ends the run.
    fn must(
        &mut self,
        holds: bool,
        invariant: Invariant,
        payment: usize,
        text: impl FnOnce() -> String,
    ) {
        self.checks += 1;
        if !holds && self.violation.is_none() {
            self.violation = Some(Violation {
                invariant,
                payment,
                text: text(),
            });
        }
    }

    fn record(&mut self, payment: usize) -> &mut Record {
        self.records.entry(payment).or_default()
    }

    /// A final status is shown `now`, by something that began at `began`. It must be the same as before. But what begins
    /// after a decision to reverse shows the failure, and what began before may still show either.
    fn shows(&mut self, payment: usize, status: &str, (began, now): (i64, i64), where_: &str) {
        let record = self.record(payment);
        let reversed_at = record.reversed_at;
        let (_, before) = record
            .shown
            .get_or_insert_with(|| (now, status.to_owned()))
            .clone();
        let Some(reversed_at) = reversed_at else {
            return self.must(
                before == status,
                Invariant::NotifiedWhatIsShown,
                payment,
                || format!("{where_} shows {status}, and {before} was shown before"),
            );
        };
        let allowed = status == "FAILURE" || (status == "SUCCESS" && began <= reversed_at);
        self.must(allowed, Invariant::ReversedIsFailure, payment, || {
            format!("{where_} shows {status}, and it was reversed before that was asked for")
        });
    }
}

impl World {
    /// A panic in our code is a violation.
    pub(crate) fn audit_panic(&mut self, payment: usize, text: &str) {
        let all = Invariant::AcknowledgedIsKept;
        self.audit
            .must(false, all, payment, || format!("a panic: {text}"));
    }

    /// A query does not fit the table: DynamoDB would refuse it.
    pub(crate) fn audit_query(&mut self, text: String) {
        self.audit.must(false, Invariant::QueriesFit, 0, || text);
    }

    /// A function was ended by its time-out.
    pub(crate) fn audit_timed_out(&mut self, function: Function, who: usize) {
        let excused = self.fleet.was_disturbed(who);
        self.audit.must(excused, Invariant::EndsInTime, 0, || {
            format!("{} was ended by its time-out", function.name())
        });
    }

    /// API Gateway has answered for a function that was not started.
    pub(crate) fn audit_not_started(&mut self, payment: usize, answer: &Answered) {
        let repeat = answer.status == 429 && answer.code() == Some(2);
        self.audit
            .must(repeat, Invariant::SafeToRepeat, payment, || {
                format!("a call that was not taken is answered {answer:?}")
            });
    }

    /// The core received a known key with another body.
    pub(crate) fn audit_posted_otherwise(&mut self, payment: usize, text: String) {
        self.audit
            .must(false, Invariant::OnePostingPerRefund, payment, || text);
    }
}
