//! The auditor: what must hold at every step, checked against the world's own books and not ours.

mod answers;
mod days;
mod ending;
mod writes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::Day;
use serde_json::Value;

use crate::world::World;

macro_rules! invariants {
    ($($name:ident = $text:literal, $sentence:literal;)*) => {
        /// Something that must hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant { $(#[doc = $sentence] $name,)* }

        impl Invariant {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The sentence that a bank's auditor reads.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

invariants! {
    ReturnedAtMostPaid = "returned-at-most-paid",
        "Of no payment has the core ever given back more than the customer paid.";
    OnePostingPerRefund = "one-posting-per-refund",
        "Each refund is posted at the core once, however often it is asked for, and always with the same content.";
    ReservedBeforeAsked = "reserved-before-asked",
        "The core is never asked for a refund whose amount is not already held in our item.";
    OneOutcomePerRequest = "one-outcome-per-request",
        "A request of Tiki that was carried out or refused by the core has one outcome: each later answer has the same bytes; and no request is carried out twice, or with other content.";
    FinalStatusStays = "final-status-stays",
        "A payment that is a success or a failure stays one, with the day on which it became final; and what Tiki has confirmed stays confirmed.";
    AcknowledgedIsKept = "acknowledged-is-kept",
        "What we have acknowledged is in our item, and nothing disappears from it.";
    OnlyOnGrounds = "only-on-grounds",
        "Money goes back only because Tiki asked, because Tiki said that it does not have the order, or because it came after the payment had failed.";
    NotifiedWhatIsShown = "notified-what-is-shown",
        "Tiki is notified of exactly the status and amount that we show, and never of one that is not final.";
    BelievedOnWordAlone = "believed-on-word-alone",
        "Our item says paid, failed, refunded, confirmed or disputed only if the counterparty has clearly said so.";
    OwedIsFindable = "owed-is-findable",
        "Each obligation is in the index that its worker reads, and each transaction that needs review in the index that operators read.";
    TrailIsComplete = "trail-is-complete",
        "The audit trail of a payment only grows, in order, and has every change of what is paid, notified or refunded.";
    ExportedOnce = "exported-once",
        "Each payment that became final is in exactly one day's data, with the status and amount that it has for ever.";
    RefusedMeansNothing = "refused-means-nothing",
        "A call that is not signed, or is signed for another purpose, is refused.";
    NothingOwedForever = "nothing-owed-for-ever",
        "Some days after the last fault no obligation is left: no notification, no question, no refund.";
    EveryPaymentAccounted = "every-payment-accounted",
        "Some days after the last fault each payment is confirmed at Tiki, given back, or in the review queue with an alarm.";
    BooksAgree = "books-agree",
        "Some days after the last fault our items and the core's records agree to the đồng.";
}

/// Something that must hold did not.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What.
    pub invariant: Invariant,
    /// Of which payment.
    pub payment: usize,
    /// How it showed.
    pub text: String,
}

/// The auditor's own notes.
#[derive(Default)]
pub(crate) struct Audit {
    violation: Option<Violation>,
    books: HashMap<usize, Book>,
    /// The payments of each day that was read, as it was read last.
    days: BTreeMap<Day, BTreeSet<usize>>,
    checks: u64,
}

/// What was said about one payment.
#[derive(Default)]
struct Book {
    /// The first final status that anybody was shown, and when.
    shown: Option<(i64, String)>,
    /// The first reference of a debit that was acknowledged.
    reference: Option<String>,
    /// The answer to its creation, and when it was given.
    created: Option<(i64, Value)>,
    /// The answers that settled requests, and when they were given.
    outcomes: HashMap<usize, (i64, Vec<u8>)>,
    /// Refunds whose bodies Tiki has really sent.
    asked: HashSet<usize>,
}

impl Audit {
    /// What did not hold, if anything.
    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// How many things were checked.
    pub(crate) fn checks(&self) -> u64 {
        self.checks
    }

    /// Checks one thing; the first that does not hold ends the run.
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

    fn book(&mut self, payment: usize) -> &mut Book {
        self.books.entry(payment).or_default()
    }

    /// A final status is shown: it must be the one that was shown before.
    fn shows(&mut self, payment: usize, status: &str, now: i64, where_: &str) {
        let book = self.book(payment);
        let (_, before) = book
            .shown
            .get_or_insert_with(|| (now, status.to_owned()))
            .clone();
        self.must(
            before == status,
            Invariant::NotifiedWhatIsShown,
            payment,
            || format!("{where_} shows {status}, and {before} was shown before"),
        );
    }
}

impl World {
    /// A panic within our code is a violation, too.
    pub(crate) fn audit_panic(&mut self, payment: usize, text: &str) {
        let all = Invariant::AcknowledgedIsKept;
        self.audit
            .must(false, all, payment, || format!("a panic: {text}"));
    }

    /// The core was asked for a refund under a key that it knows, with another body.
    pub(crate) fn audit_posted_otherwise(&mut self, payment: usize, text: String) {
        self.audit
            .must(false, Invariant::OnePostingPerRefund, payment, || text);
    }
}
