//! The auditor's checks of what a notification came to, and of reversals, by Tiki's own log of its answers, the core's
//! book, and what the check API, the core and the day's data are shown.

use domain::{DisputeReason, Ipn, PaymentState, ReversalReason, Transaction};
use serde_json::Value;
use signed_http::Outgoing;

use super::{Audit, Invariant as I};
use crate::fault::Fault;
use crate::net::Peer;
use crate::said::{Amount, Known, Named, Said, What, is_notification};
use crate::table::Writer;
use crate::tiki::asked_about;
use crate::world::{HOUR, MAX_CLOCK_ERROR_MS, MINUTE, SECOND, World};

/// How often a notification may fail (protocol §3).
const TRIES: u32 = 10;

/// How long a function may freeze between an answer and what it does with it.
const FREEZE_MS: i64 = 90 * SECOND;
/// How long an answer may be on its way.
const WAY_MS: i64 = 8 * SECOND;

/// The answers that one function took in one notification.
#[derive(Default)]
struct Taken {
    ipn: Option<(u64, Named)>,
    look_up: Option<(i64, Known)>,
}

impl Taken {
    fn of(said: &[Said]) -> Self {
        let mut taken = Self::default();
        for said in said {
            match said.what {
                What::Ipn { code, named } => taken.ipn = Some((code, named)),
                What::LookUp(known) => taken.look_up = Some((said.at, known)),
            }
        }
        taken
    }

    fn known(&self) -> Option<Known> {
        self.look_up.map(|(_, known)| known)
    }

    /// Tiki has it as paid: its answer names the transaction, or the look-up says so.
    fn says_paid(&self) -> bool {
        matches!(self.ipn, Some((0, Named::Ours | Named::Tikis)))
            || self.known() == Some(Known::Success(Amount::Same))
    }

    fn answers(&self, codes: &[u64]) -> bool {
        self.ipn.is_some_and(|(code, _)| codes.contains(&code))
    }
}

impl Audit {
    /// From the decision to reverse on, or from the first money that went back without a word of Tiki's, everybody hears
    /// `FAILURE`.
    pub(super) fn reversed_since(&self, payment: usize) -> Option<i64> {
        self.records.get(&payment)?.reversed_at
    }

    /// Remembers when a function read or wrote a payment: what it says next was so then.
    pub(crate) fn sees(&mut self, payment: usize, who: usize, now: i64) {
        self.record(payment).seen_by.insert(who, now);
    }
}

impl World {
    /// One of our functions sends something. Returns when it last read or wrote the transaction.
    pub(crate) fn audit_sends(&mut self, who: usize, peer: Peer, request: &Outgoing) -> i64 {
        let now = self.now();
        if peer == Peer::Core {
            self.audit.core_said.retain(|(of, _), _| *of != who);
            return now;
        }
        let payment = asked_about(request).filter(|_| is_notification(request));
        let seen = payment.and_then(|payment| {
            let record = self.audit.record(payment);
            record.seen_by.get(&who).copied()
        });
        seen.unwrap_or(now)
    }

    /// Tiki has received a notification, from a function that took it at `leased`. It may have been on its way for long.
    pub(crate) fn audit_notification(&mut self, payment: usize, ipn: &Value, leased: i64) {
        let now = self.now();
        let status = ipn["status"].as_str().unwrap_or_default();
        let simulated = &self.payments[payment];
        let stored = self.rows.find(simulated.id);
        let now_shown = stored.map(|t| t.status().as_str());
        let reversed_at = self.audit.reversed_since(payment);
        let was_so = reversed_at.is_some_and(|at| leased <= at) && status == "SUCCESS";
        let same = (now_shown == Some(status) || was_so)
            && status != "PENDING"
            && ipn["transaction_amount"] == simulated.amount
            && ipn["transaction_id"] == simulated.id.to_string();
        let back = self.core.returned(payment) == simulated.amount;
        let audit = &mut self.audit;
        audit.must(same, I::NotifiedWhatIsShown, payment, || {
            format!("the notification is {ipn}, but our record is {now_shown:?}")
        });
        let early = reversed_at.is_some() && status == "FAILURE" && !back;
        audit.must(!early, I::ReversedIsNotified, payment, || {
            "Tiki hears of the reversal before the money is back".to_owned()
        });
        audit.shows(payment, status, (leased, now), "an IPN");
    }

    /// A write of a function. If it records the outcome of a notification, the outcome must follow from the
    /// answers that this function took.
    pub(super) fn audit_outcome(
        &mut self,
        payment: usize,
        by: &Writer,
        before: &Transaction,
        after: &Transaction,
    ) {
        let attempts = |t: &Transaction| {
            let entries = t.audit_trail().iter();
            let attempts = entries.filter(|e| e.event.as_str() == "notification_attempt");
            attempts.count()
        };
        let recorded = attempts(after) > attempts(before);
        let said = if recorded {
            self.payments[payment].log.record(&by.taken)
        } else {
            Vec::new()
        };
        let taken = Taken::of(&said);
        let reversed = matches!(after.payment(), PaymentState::Reversed { .. });
        let was_reversed = matches!(before.payment(), PaymentState::Reversed { .. });
        if reversed && !was_reversed {
            self.audit_reversal(payment, by.who, &taken, recorded, after);
            self.audit_held(payment, before, after);
        } else if recorded {
            let follows = self.outcome_follows(by.who, before, after, &taken);
            self.audit
                .must(follows, I::BelievedOnWordAlone, payment, || {
                    format!("IPN {:?}, but Tiki's answers are {said:?}", after.ipn())
                });
        } else {
            self.audit_unasked(payment, before, after);
        }
    }

    /// Without an answer of Tiki nothing is confirmed, disputed or given up; only the money that is back, or that the core
    /// refuses, ends the wait of a reversal.
    fn audit_unasked(&mut self, payment: usize, before: &Transaction, after: &Transaction) {
        let kind = |ipn: Ipn| std::mem::discriminant(&ipn);
        if kind(before.ipn()) == kind(after.ipn()) {
            return;
        }
        let returned = self.core.returned(payment) == self.payments[payment].amount;
        let follows = match after.ipn() {
            Ipn::NotDue | Ipn::Reversing { .. } | Ipn::Abandoned { .. } => false,
            Ipn::Confirmed { .. } | Ipn::Exhausted { .. } => false,
            Ipn::Queued { .. } if matches!(before.ipn(), Ipn::Reversing { .. }) => returned,
            Ipn::Queued { .. } => before.ipn() == Ipn::NotDue,
            Ipn::Retrying { .. } => true,
            Ipn::Disputed { reason, .. } => {
                let rejected = after.refunds().iter().any(super::writes::rejected_reversal);
                reason == DisputeReason::ReversalRejected && rejected
            }
        };
        self.audit
            .must(follows, I::BelievedOnWordAlone, payment, || {
                format!("IPN {:?} became {:?}", before.ipn(), after.ipn())
            });
    }

    fn outcome_follows(
        &mut self,
        who: usize,
        before: &Transaction,
        after: &Transaction,
        taken: &Taken,
    ) -> bool {
        let last_try =
            matches!(before.ipn(), Ipn::Retrying { failures, .. } if failures + 1 >= TRIES);
        match after.payment() {
            PaymentState::Pending { .. } => false,
            PaymentState::Paid { .. } => match after.ipn() {
                Ipn::Confirmed { .. } => taken.says_paid(),
                Ipn::Retrying { .. } => !taken.says_paid(),
                Ipn::Exhausted { .. } => !taken.says_paid() && last_try,
                Ipn::Disputed { reason, .. } => {
                    let known = taken.known();
                    match reason {
                        DisputeReason::AmountDiffers => {
                            known == Some(Known::Success(Amount::Other))
                        }
                        DisputeReason::InvalidRequest => known == Some(Known::Code(1)),
                        DisputeReason::NotOfThisPartner => known == Some(Known::Code(4)),
                        DisputeReason::TooManyReversals => {
                            let denied = [Known::Failure, Known::Code(3), Known::Code(6)];
                            self.brake.stops(who)
                                && known.is_some_and(|known| denied.contains(&known))
                        }
                        DisputeReason::ReversalRejected
                        | DisputeReason::ReversalHeld
                        | DisputeReason::KnownAsPaid => false,
                    }
                }
                Ipn::NotDue
                | Ipn::Queued { .. }
                | Ipn::Abandoned { .. }
                | Ipn::Reversing { .. } => false,
            },
            PaymentState::Failed { .. } => match after.ipn() {
                Ipn::Confirmed { .. } => taken.answers(&[0]),
                Ipn::Abandoned { .. } => taken.answers(&[3, 6]) || last_try,
                Ipn::Retrying { .. } => !taken.answers(&[0, 3, 6]),
                _ => false,
            },
            PaymentState::Reversed { .. } => closing_follows(after.ipn(), taken, last_try),
        }
    }

    /// A payment becomes a failure after it was a success: Tiki must have said that it does not have the order.
    fn audit_reversal(
        &mut self,
        payment: usize,
        who: usize,
        taken: &Taken,
        recorded: bool,
        after: &Transaction,
    ) {
        let grounds = recorded && self.denied_enough(payment, taken, after);
        self.audit.must(grounds, I::OnlyOnGrounds, payment, || {
            format!(
                "it is reversed ({:?}), but Tiki has not said enough for that",
                after.ipn()
            )
        });
        let counted = self.brake.uses(who);
        self.audit.must(counted, I::BrakeHolds, payment, || {
            "it is reversed, and was not counted".to_owned()
        });
        self.audit_brake(payment);
        self.audit_reversed(payment);
    }

    /// From now on everybody hears that it failed.
    pub(super) fn audit_reversed(&mut self, payment: usize) {
        let now = self.now();
        let record = self.audit.record(payment);
        record.reversed_at.get_or_insert(now);
        let shown = record.shown.clone();
        let was_paid = shown.is_none_or(|(_, status)| status == "SUCCESS");
        self.audit.must(was_paid, I::FinalStatusStays, payment, || {
            "it is reversed, and was not shown as paid".to_owned()
        });
        // Another schedule begins when the money is back.
        self.schedule();
    }

    /// While the core contradicts itself, the decision to reverse moves no money: the customer may have it already.
    fn audit_held(&mut self, payment: usize, before: &Transaction, after: &Transaction) {
        let open = self.open_contradiction(payment, before);
        let held = matches!(
            after.ipn(),
            Ipn::Disputed {
                reason: DisputeReason::ReversalHeld,
                ..
            }
        );
        let reserves = after.refunds().len() > before.refunds().len();
        let doubtful = open.is_some() || !before.raised().is_empty();
        let fits = if held {
            doubtful && !reserves
        } else {
            open.is_none()
        };
        self.audit.must(fits, I::OnlyOnGrounds, payment, || {
            format!("it is reversed (held: {held}), and the core has said {open:?}")
        });
    }

    /// `FAILURE` and code 6 are statements. Code 3 is believed when a second look-up, some time later, says the same and
    /// Tiki has said nothing else in between.
    fn denied_enough(&self, payment: usize, taken: &Taken, after: &Transaction) -> bool {
        let PaymentState::Reversed { reversal, .. } = after.payment() else {
            return false;
        };
        let Some((at, known)) = taken.look_up else {
            return false;
        };
        match reversal.reason {
            ReversalReason::FailedAtTiki => known == Known::Failure,
            ReversalReason::CancelledAtTiki => known == Known::Code(6),
            ReversalReason::NotFoundAtTiki => {
                let log = &self.payments[payment].log;
                let earlier: Vec<_> = log.recorded().filter(|said| said.at < at).collect();
                let since = earlier.iter().rposition(|said| said.denies_not_found());
                let since = since.map_or(0, |place| place + 1);
                let not_found = |said: &&&Said| said.what == What::LookUp(Known::Code(3));
                let first = earlier[since..].iter().find(not_found);
                let apart = first.map(|said| at - said.at);
                known == Known::Code(3) && apart.is_some_and(|ms| ms >= self.confirmed_after_ms())
            }
            // A person's act is judged apart.
            ReversalReason::ByOperator => false,
        }
    }

    /// How far apart two look-ups must be at Tiki, if the functions that made them kept to the setting by their own
    /// clocks, and took what Tiki said when they had it.
    fn confirmed_after_ms(&self) -> i64 {
        let set = i64::try_from(self.reversals.confirm_after.as_millis()).unwrap_or(i64::MAX);
        let happened = |fault| self.faults.has_happened(fault);
        let clocks = if happened(Fault::ClockWrong) {
            2 * MAX_CLOCK_ERROR_MS
        } else {
            0
        };
        let frozen = if happened(Fault::Frozen) {
            FREEZE_MS
        } else {
            0
        };
        (set - clocks - frozen - WAY_MS).max(1)
    }

    /// In one hour no more payments are reversed than the setting allows. What is written in the middle of an hour was
    /// also counted in it, whatever the clocks say and however late the write is.
    fn audit_brake(&mut self, payment: usize) {
        const LATE: i64 = 5 * MINUTE + MAX_CLOCK_ERROR_MS;
        let now = self.now();
        let into_the_hour = now.rem_euclid(HOUR);
        if !(LATE..HOUR - MAX_CLOCK_ERROR_MS).contains(&into_the_hour) {
            return;
        }
        let limit = self.reversals.max_per_hour;
        let reversed = self
            .audit
            .reversals
            .entry(now.div_euclid(HOUR))
            .or_default();
        *reversed += 1;
        let reversed = *reversed;
        self.audit
            .must(reversed <= limit, I::BrakeHolds, payment, || {
                format!("{reversed} payments are reversed in this hour, and {limit} are allowed")
            });
    }
}

/// What the notification of a reversal comes to: whatever Tiki answers finally, one look-up follows, and it decides.
fn closing_follows(ipn: Ipn, taken: &Taken, last_try: bool) -> bool {
    let answered = taken.answers(&[0, 1, 3, 4, 5, 6]);
    let believes = matches!(taken.known(), Some(Known::Success(_)));
    let clear = matches!(
        taken.known(),
        Some(Known::Failure | Known::Pending | Known::Code(1 | 3 | 4 | 6))
    );
    match ipn {
        Ipn::Confirmed { .. } => answered && clear,
        Ipn::Disputed { reason, .. } => {
            reason == DisputeReason::KnownAsPaid && answered && believes
        }
        Ipn::Retrying { .. } => !clear && !believes,
        Ipn::Exhausted { .. } => !clear && !believes && last_try,
        _ => false,
    }
}
