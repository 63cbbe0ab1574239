//! The texts that describe a transaction.

use domain::{
    Actor, AttemptHttp, AuditEvent, Contradiction, CoreAnswer, Decision, DisputeReason,
    HttpOutcome, Ipn, LookUpAnswer, NotificationOutcome, OperatorWord, Origin, PaymentState,
    Proposal, ProposedAct, RaisedReason, RefundState, Resolution, ReviewReason, Timestamp,
    Transaction, Verdict,
};

/// Who caused an event.
#[must_use]
pub fn who(t: &Transaction, event: &AuditEvent) -> String {
    if let (AuditEvent::RefundReserved { refund }, refunds) = (event, t.refunds()) {
        return match refunds.get(*refund).map(|refund| &refund.origin) {
            Some(Origin::Tiki { .. }) => "Tiki".to_owned(),
            Some(Origin::Reversal | Origin::LatePayment) | None => "system".to_owned(),
        };
    }
    match (event, event.actor()) {
        (
            AuditEvent::Resent(word)
            | AuditEvent::Resolved { word, .. }
            | AuditEvent::Proposed { word, .. }
            | AuditEvent::Approved { word, .. }
            | AuditEvent::ProposalDeclined { word, .. }
            | AuditEvent::PersonalDataForgotten(Some(word)),
            _,
        ) => word.by.to_string(),
        (_, Actor::Tiki) => "Tiki".to_owned(),
        (_, Actor::Core) => "core".to_owned(),
        (_, Actor::Ours) => "system".to_owned(),
        (_, Actor::Operator) => "operator".to_owned(),
    }
}

/// An event and the counterparty's answer.
#[must_use]
pub fn what(t: &Transaction, event: &AuditEvent) -> String {
    let amount = |place: usize| match t.refunds().get(place) {
        Some(refund) => format!("refund {} of {}", place + 1, refund.amount.grouped()),
        None => format!("refund {}", place + 1),
    };
    match event {
        AuditEvent::Created => format!("created, {}", t.order().amount.grouped()),
        AuditEvent::Paid => "paid".to_owned(),
        AuditEvent::Declined => "declined or cancelled".to_owned(),
        AuditEvent::Expired => "expired: not paid in time".to_owned(),
        AuditEvent::PaidLate => "paid late, after it had failed".to_owned(),
        AuditEvent::ReferenceLearned => "the core's reference arrived".to_owned(),
        AuditEvent::CoreAsked(word) => format!("asked the core about the payment: {}", said(*word)),
        AuditEvent::Contradicted(contradiction) => contradicted(contradiction),
        AuditEvent::NotificationAttempt {
            attempt,
            outcome,
            http,
        } => attempt_in_words(*attempt, outcome, *http),
        AuditEvent::RefundReserved { refund } => {
            let origin = t
                .refunds()
                .get(*refund)
                .map(|refund| refund.origin.as_str());
            let origin = origin.unwrap_or("?");
            format!("{} reserved ({origin})", amount(*refund))
        }
        AuditEvent::RefundAsked { refund, pending } => {
            let said = if *pending {
                "in progress"
            } else {
                "no clear answer"
            };
            format!("{} requested from the core: {said}", amount(*refund))
        }
        AuditEvent::RefundSucceeded { refund } => format!("{} succeeded", amount(*refund)),
        AuditEvent::RefundReturned { refund } => {
            format!("{} returned by other means", amount(*refund))
        }
        AuditEvent::RefundRejected { refund } => {
            let state = t.refunds().get(*refund).map(|refund| &refund.state);
            let said = match state {
                Some(RefundState::Rejected { reason, .. }) => reason.as_ref(),
                _ => None,
            };
            let said = said.map_or_else(String::new, |said| format!(": {said}"));
            format!("{} rejected{said}", amount(*refund))
        }
        AuditEvent::PersonalDataForgotten(word) => forgotten(word.as_ref()),
        AuditEvent::Unknown => "something that a newer version of this software wrote".to_owned(),
        AuditEvent::Requeued => "notification queued again by the reconciliation".to_owned(),
        AuditEvent::Resent(word) => format!("queued the notification again: {}", word.reason),
        AuditEvent::Resolved {
            review,
            verdict,
            word,
        } => resolved(*review, *verdict, word),
        AuditEvent::Proposed {
            number, act, word, ..
        } => proposed(*number, *act, word),
        AuditEvent::Approved { number, word } => {
            format!("approved proposal {number}: {}", word.reason)
        }
        AuditEvent::ProposalDeclined { number, word } => {
            format!("declined proposal {number}: {}", word.reason)
        }
    }
}

fn forgotten(word: Option<&OperatorWord>) -> String {
    let word = word.map_or_else(String::new, |word| format!(": {}", word.reason));
    format!("personal data forgotten{word}")
}

fn said(word: CoreAnswer) -> &'static str {
    match word {
        CoreAnswer::Pending => "not paid yet",
        CoreAnswer::Unreadable => "an answer that we cannot read",
        CoreAnswer::Unknown => "no clear answer",
        CoreAnswer::OtherAmount => "another amount",
    }
}

fn resolved(review: Option<ReviewReason>, verdict: Verdict, word: &OperatorWord) -> String {
    let review = review.map_or("", ReviewReason::as_str);
    format!("resolved {review} ({}): {}", decided(verdict), word.reason)
}

fn proposed(number: u32, act: ProposedAct, word: &OperatorWord) -> String {
    let act = match act {
        ProposedAct::Resolve(resolution) => decided(resolution.verdict()),
        ProposedAct::Resend => "send the notification again",
    };
    format!("proposal {number} ({act}): {}", word.reason)
}

fn decided(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "keep the payment",
        Verdict::Reverse => "return the money",
        Verdict::Returned => "the money was returned by other means",
        Verdict::Handled => "handled outside, nothing moves",
        Verdict::NotPaid => "nobody has paid",
    }
}

fn contradicted(contradiction: &Contradiction) -> String {
    match contradiction {
        Contradiction::OtherAmount { amount, reference } => {
            let under = reference
                .as_ref()
                .map_or_else(String::new, |r| format!(" under {r}"));
            format!("the core says: paid {}{under} (refused)", amount.grouped())
        }
        Contradiction::SecondDebit { reference } => {
            format!("the core says: paid once more, under {reference} (refused)")
        }
        Contradiction::FailedAfterPaid => {
            "the core says: not paid, after it was paid (refused)".to_owned()
        }
    }
}

/// What a person does next about a transaction in the review queue.
#[must_use]
pub fn next_step(reason: ReviewReason) -> &'static str {
    match reason {
        ReviewReason::IpnExhausted => {
            "Ask Tiki what it has of this order. Then resend, or resolve."
        }
        ReviewReason::SystemRefundRejected => {
            "The core refuses to return the money. Ask the core's people why, or return it by hand."
        }
        ReviewReason::Disputed(dispute) => match dispute {
            DisputeReason::AmountDiffers => {
                "Tiki has another amount. Agree with Tiki, then resolve."
            }
            DisputeReason::InvalidRequest => {
                "Tiki calls the question invalid. Ask Tiki. When it is corrected, resend; or resolve."
            }
            DisputeReason::NotOfThisPartner => {
                "Tiki says that the order is another partner's. Ask Tiki. When it is corrected, resend; or resolve."
            }
            DisputeReason::ReversalRejected => {
                "The core refuses to return the money. Ask the core's people why, or return it by hand."
            }
            DisputeReason::ReversalHeld => {
                "Ask the core's people whether the customer has the money. Return what is missing."
            }
            DisputeReason::TooManyReversals => {
                "Too many reversals within an hour: check with Tiki whether it is in order. Then resend."
            }
            DisputeReason::KnownAsPaid => {
                "The money is back, and Tiki says paid. Ask Tiki to cancel the order, then resolve."
            }
        },
        ReviewReason::Raised(raised) => match raised {
            RaisedReason::Undecided => {
                "Ask the core's people whether it was paid. They send the payment result, or resolve."
            }
            RaisedReason::RefundsRejected => {
                "The core rejected Tiki's refunds. Agree with Tiki and the core, then resolve."
            }
            RaisedReason::PaidAmountDiffers => {
                "Ask the core's people what was debited, and return it. Then resolve."
            }
            RaisedReason::SecondDebit => {
                "Ask the core's people to return the second debit. Then resolve as handled."
            }
            RaisedReason::FailedAfterPaid => {
                "Ask the core's people whether the customer has the money back. Then resolve."
            }
        },
    }
}

/// What follows from a verdict, in lines of at most 48 characters.
#[must_use]
pub fn verdict(t: &Transaction, verdict: Verdict) -> String {
    let left = t.remaining_amount().grouped();
    // Of a payment that has failed Tiki is notified already: only late money goes back.
    let status = match t.payment() {
        PaymentState::Failed { .. } => "",
        PaymentState::Pending { .. }
        | PaymentState::Paid { .. }
        | PaymentState::Reversed { .. } => "\nTiki is notified of a FAILURE.",
    };
    match verdict {
        Verdict::Confirmed => "No money moves. Tiki counts as notified.".to_owned(),
        Verdict::Reverse => format!("The core returns this payment, {left}.{status}"),
        Verdict::Returned => format!("This payment, {left}, is back already.{status}"),
        Verdict::Handled => "No money moves. The review ends.".to_owned(),
        Verdict::NotPaid => format!("Nobody has paid.{status}"),
    }
}

/// A verdict as it is typed after `--as`.
#[must_use]
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotPaid => "not-paid",
        other => other.as_str(),
    }
}

/// What was proposed, as the command has it.
#[must_use]
pub fn act_of(proposal: &Proposal) -> String {
    match proposal.act {
        ProposedAct::Resolve(Resolution::Returned { amount }) => {
            format!("returned --amount {amount}")
        }
        ProposedAct::Resolve(resolution) => verdict_word(resolution.verdict()).to_owned(),
        ProposedAct::Resend => "resend".to_owned(),
    }
}

/// What follows when the proposal is approved.
#[must_use]
pub fn consequence(t: &Transaction, proposal: &Proposal) -> String {
    match proposal.act {
        ProposedAct::Resolve(resolution) => verdict(t, resolution.verdict()),
        ProposedAct::Resend => {
            let why = if matches!(t.ipn(), Ipn::Disputed { .. }) {
                "It ends a dispute, so a second person must agree."
            } else {
                "In that hour as many were sent again as one person may (ResendsPerHour)."
            };
            format!("Tiki gets the notification again. {why}")
        }
    }
}

fn attempt_in_words(attempt: u32, outcome: &NotificationOutcome, http: AttemptHttp) -> String {
    let known = match outcome.known {
        Some(known) => format!("; look-up: {}{}", look_up(known), over(http.look_up)),
        None => String::new(),
    };
    let then = match outcome.decision {
        Decision::Retry => "will be repeated",
        Decision::LookAgain => "not found, will be looked up once more",
        Decision::RetryUnauthorized => "signature refused, will be repeated",
        Decision::Confirm => "confirmed",
        Decision::Abandon => "abandoned",
        Decision::Reverse(_) => "reversed",
        Decision::Dispute(_) => "disputed",
    };
    let answer = outcome.answer.as_str();
    format!(
        "IPN, attempt {attempt}: {answer}{}{known} → {then}",
        over(http.ipn)
    )
}

/// How an answer came, if it says more than the answer itself: 200 is the rule.
fn over(http: Option<HttpOutcome>) -> String {
    match http {
        None | Some(HttpOutcome::Status(200)) => String::new(),
        Some(HttpOutcome::Status(status)) => format!(" (HTTP {status})"),
        Some(HttpOutcome::TimedOut) => " (no answer in time)".to_owned(),
        Some(HttpOutcome::NoConnection) => " (no connection)".to_owned(),
        Some(HttpOutcome::BrokenOff) => " (the answer broke off)".to_owned(),
        Some(HttpOutcome::NotSent) => " (not sent: our secret could not be read)".to_owned(),
    }
}

/// Tiki's answer to a look-up.
#[must_use]
pub fn look_up(known: LookUpAnswer) -> String {
    match known {
        LookUpAnswer::Found(_, Some(amount)) => {
            format!("{} of {}", known.as_str(), amount.grouped())
        }
        other => other.as_str().to_owned(),
    }
}

/// A time in Vietnam, for a table.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    clock_of(&at.to_rfc3339())
}

/// The same of a time that JSON has as RFC 3339.
#[must_use]
pub fn clock_of(rfc3339: &str) -> String {
    rfc3339.trim_end_matches("+07:00").replace('T', " ")
}
