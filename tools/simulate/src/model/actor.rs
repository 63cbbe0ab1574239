//! A handler or a worker, from one await to the next: the same commands in the same order as in the
//! functions' `handler.rs`.

use std::sync::Arc;

use domain::{
    Change, Decision, IpnAnswer, IpnLease, IpnRefusal, LookUpAnswer, NotificationOutcome,
    OperatorWord, PaidDetails, PaymentAnswer, PaymentResultMessage, RefundAnswer, RefundCommand,
    RefundId, Reservation, Status, Timestamp, Transaction, Verdict, after_look_up,
    after_notification,
};

use super::State;

/// The one time there is.
pub(super) const NOW: Timestamp = Timestamp::MIN;

/// Somebody under way.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    /// The transaction as it was read.
    pub(super) held: Arc<Transaction>,
    /// What comes next.
    pub(super) doing: Doing,
}

/// What somebody is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// refund-transaction reserves.
    Reserve(RefundCommand),
    /// core-worker looks for a refund that is due.
    Work,
    /// core-worker takes a refund up.
    LeaseRefund(RefundId),
    /// core-worker asks for a refund by its id.
    Find(RefundId),
    /// The core is asked for a refund.
    Post(RefundId),
    /// The core's answer is recorded.
    Settle(RefundId, RefundAnswer),
    /// core-worker takes an expired payment up.
    LeaseExpiry,
    /// core-worker asks whether it was paid.
    AskPayment,
    /// The core's answer is recorded.
    Conclude(PaymentAnswer),
    /// ipn-sender takes an IPN up.
    LeaseIpn,
    /// ipn-sender sends it.
    Send(IpnLease),
    /// ipn-sender asks Tiki what it knows.
    LookUp(IpnLease),
    /// ipn-sender records what came of it.
    Record(IpnLease, NotificationOutcome),
    /// payment-result takes the core's report.
    Report(PaymentResultMessage),
    /// A person has the result reported again.
    Resend,
    /// A person decides what is disputed.
    Resolve(Verdict),
    /// The customer pays.
    Pay,
}

type Next = Vec<(&'static str, Result<State, String>)>;

impl Actor {
    /// The write that it is about to send.
    pub(super) fn about_to_write(&self) -> Option<Change> {
        self.decide(&self.held).map(|(change, _)| change)
    }

    /// Everything that can come of its next await, in a world that does not have it any more.
    pub(super) fn goes_on(&self, world: &State) -> Next {
        match &self.doing {
            Doing::Work => {
                let due = self.held.due_refunds(Timestamp::MAX);
                due.map(|id| ("due", Ok(self.with(world, Doing::LeaseRefund(id)))))
                    .collect()
            }
            Doing::Find(id) => match world.core.get(id) {
                None => vec![
                    ("never seen", Ok(self.with(world, Doing::Post(*id)))),
                    (
                        "no answer",
                        Ok(self.with(world, Doing::Settle(*id, RefundAnswer::Unknown))),
                    ),
                ],
                Some((pays, _)) => vec![
                    (
                        "found",
                        Ok(self.with(world, Doing::Settle(*id, word(*pays)))),
                    ),
                    (
                        "no answer",
                        Ok(self.with(world, Doing::Settle(*id, RefundAnswer::Unknown))),
                    ),
                ],
            },
            Doing::Post(id) => self.post(world, *id),
            Doing::AskPayment => self.ask_payment(world),
            Doing::Pay => {
                let mut next = world.clone();
                next.paid = true;
                vec![("paid", Ok(next))]
            }
            Doing::Send(lease) => self.send(world, *lease),
            Doing::LookUp(lease) => self.look_up(world, *lease),
            Doing::Reserve(_)
            | Doing::LeaseRefund(_)
            | Doing::Settle(..)
            | Doing::LeaseExpiry
            | Doing::Conclude(_)
            | Doing::LeaseIpn
            | Doing::Record(..)
            | Doing::Resend
            | Doing::Resolve(_)
            | Doing::Report(_) => vec![("written or not", Ok(self.write(world)))],
        }
    }

    /// The same somebody, doing something else.
    fn with(&self, world: &State, doing: Doing) -> State {
        let mut next = world.clone();
        let held = Arc::clone(&self.held);
        next.actors.push(Self { held, doing });
        next
    }

    /// Decides on what it holds and writes on condition; on a conflict it holds what is there, and decides
    /// again. With nothing to write it is done.
    fn write(&self, world: &State) -> State {
        let mut next = world.clone();
        let Some((change, then)) = self.decide(&self.held) else {
            return next;
        };
        let written = next.commit(&change);
        let doing = if written {
            then
        } else {
            Some(self.doing.clone())
        };
        let held = Arc::clone(&next.row);
        next.actors.extend(doing.map(|doing| Self { held, doing }));
        next
    }

    /// The change that it decides on, and what comes after its write.
    fn decide(&self, t: &Transaction) -> Option<(Change, Option<Doing>)> {
        match &self.doing {
            Doing::Reserve(command) => match t.reserve_refund(command, NOW) {
                Ok(Reservation::Reserve(id, change)) => Some((change, Some(Doing::Post(id)))),
                Ok(Reservation::Known(_)) | Err(_) => None,
            },
            Doing::LeaseRefund(id) => t
                .lease_refund(*id, NOW)
                .map(|change| (change, Some(Doing::Find(*id)))),
            Doing::Settle(id, answer) => t
                .record_refund_outcome(*id, answer, NOW)
                .map(|change| (change, None)),
            Doing::LeaseExpiry => t
                .lease_expiry_check(NOW)
                .map(|change| (change, Some(Doing::AskPayment))),
            Doing::Conclude(answer) => t.conclude_expiry(answer, NOW).map(|change| (change, None)),
            Doing::LeaseIpn => t
                .lease_ipn(NOW)
                .map(|(lease, change)| (change, Some(Doing::Send(lease)))),
            Doing::Record(lease, told) => t
                .record_ipn(*lease, *told, NOW)
                .map(|change| (change, None)),
            Doing::Report(report) => {
                let change = t.record_payment_result(report, NOW).ok().flatten();
                change.map(|change| (change, None))
            }
            Doing::Resend => t.resend_ipn(&word_of_person(), NOW).ok().map(|c| (c, None)),
            Doing::Resolve(verdict) => {
                let change = t.resolve(*verdict, &word_of_person(), NOW);
                change.ok().map(|change| (change, None))
            }
            Doing::Pay
            | Doing::Work
            | Doing::Find(_)
            | Doing::Post(_)
            | Doing::AskPayment
            | Doing::Send(_)
            | Doing::LookUp(_) => None,
        }
    }

    fn post(&self, world: &State, id: RefundId) -> Next {
        let settle = |answer| Doing::Settle(id, answer);
        let mut next = vec![(
            "never arrives",
            Ok(self.with(world, settle(RefundAnswer::Unknown))),
        )];
        let refund = self.held.refund_by_id(id);
        let amount = refund.map_or(0, |refund| refund.amount.get());
        for (pays, after) in world.post(id, amount) {
            let and = |answer| after.clone().map(|after| self.with(&after, settle(answer)));
            next.push(("done, answer lost", and(RefundAnswer::Unknown)));
            next.push((if pays { "pays" } else { "refuses" }, and(word(pays))));
        }
        next
    }

    fn ask_payment(&self, world: &State) -> Next {
        let mut knows = world.clone();
        knows.said_not_paid |= !world.paid;
        let truth = payment(world.paid, &self.held);
        let unknown = Doing::Conclude(PaymentAnswer::Unknown);
        vec![
            ("truth", Ok(self.with(&knows, Doing::Conclude(truth)))),
            ("no answer", Ok(self.with(world, unknown))),
        ]
    }

    fn send(&self, world: &State, lease: IpnLease) -> Next {
        let answers = [
            ("accepted", IpnAnswer::Accepted),
            ("code 2", IpnAnswer::SystemError),
            ("code 3", IpnAnswer::Refused(IpnRefusal::NotFound)),
        ];
        let next = answers.into_iter().map(|(label, answer)| {
            let doing = match after_notification(lease.status, answer, lease.failures) {
                Decision::LookUp => Doing::LookUp(lease),
                decision => Doing::Record(lease, told(decision)),
            };
            (label, Ok(self.with(world, doing)))
        });
        next.collect()
    }

    fn look_up(&self, world: &State, lease: IpnLease) -> Next {
        let amount = self.held.order.amount;
        let answers = [
            ("paid", LookUpAnswer::Found(Status::Success, Some(amount))),
            ("code 3", LookUpAnswer::NotFound),
            ("code 4", LookUpAnswer::NotOfThisPartner),
            ("code 2", LookUpAnswer::SystemError),
        ];
        let next = answers.into_iter().map(|(label, answer)| {
            let decision = after_look_up(amount, answer);
            let mut world = world.clone();
            world.denied |= label == "code 3";
            (
                label,
                Ok(self.with(&world, Doing::Record(lease, told(decision)))),
            )
        });
        next.collect()
    }
}

fn word_of_person() -> OperatorWord {
    OperatorWord {
        by: "lan".parse().expect("a name"),
        reason: "Tiki said so".parse().expect("a reason"),
    }
}

/// A decision; by which answer Tiki came to it makes no difference to what follows.
pub(super) fn told(decision: Decision) -> NotificationOutcome {
    NotificationOutcome {
        answer: IpnAnswer::Unclear,
        known: None,
        decision,
    }
}

/// The core's word on a refund that it has decided on.
pub(super) fn word(pays: bool) -> RefundAnswer {
    if pays {
        RefundAnswer::Succeeded
    } else {
        RefundAnswer::Rejected { reason: None }
    }
}

/// The core's word on a payment.
pub(super) fn payment(paid: bool, t: &Transaction) -> PaymentAnswer {
    if paid {
        PaymentAnswer::Paid {
            amount: t.order.amount,
            details: PaidDetails::default(),
        }
    } else {
        PaymentAnswer::NotPaid
    }
}
