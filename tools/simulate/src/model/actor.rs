//! A handler or a worker, from one await to the next: the same commands in the same order as in the
//! functions' `handler.rs`.

use std::sync::Arc;
use std::time::Duration;

use domain::{
    AuditEvent, Change, Decision, IpnAnswer, IpnLease, IpnRefusal, IpnSubject, LookUpAnswer,
    NotificationOutcome, NotificationStep, OperatorWord, PaidDetails, PaymentAnswer,
    PaymentResultMessage, ProposedAct, RefundAnswer, RefundCommand, RefundId, Reservation,
    Resolution, Status, Timestamp, Transaction, after_look_up, after_notification,
    after_reversal_look_up,
};

use super::State;

/// The only time in the model.
pub(super) const NOW: Timestamp = Timestamp::MIN;

/// There is no time, so the time between two look-ups may be over at any moment: two of them are still needed.
pub(super) const CONFIRM_AFTER: Duration = Duration::ZERO;

/// A running handler or worker.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    /// The transaction that it last read.
    pub(super) held: Arc<Transaction>,
    /// Its next action.
    pub(super) doing: Doing,
}

/// The next action of an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// refund-transaction reserves a refund.
    Reserve(RefundCommand),
    /// core-worker looks for a due refund.
    Work,
    /// core-worker leases a refund.
    LeaseRefund(RefundId),
    /// core-worker looks up a refund by its id.
    Find(RefundId),
    /// A refund is posted at the core.
    Post(RefundId),
    /// The core's answer is recorded.
    RecordRefund(RefundId, RefundAnswer),
    /// core-worker leases an expired payment.
    LeaseExpiry,
    /// core-worker asks the core about the payment.
    AskPayment,
    /// The core's answer is recorded.
    Conclude(PaymentAnswer),
    /// ipn-sender leases an IPN.
    LeaseIpn,
    /// ipn-sender sends it.
    Send(IpnLease),
    /// ipn-sender looks up the transaction at Tiki.
    LookUp(IpnLease),
    /// ipn-sender records the outcome.
    Record(IpnLease, NotificationOutcome),
    /// payment-result records the core's result.
    SendResult(PaymentResultMessage),
    /// An operator sends the notification again.
    Resend,
    /// An operator resolves a dispute.
    Resolve(Resolution),
    /// An operator proposes to resolve it.
    Propose(Resolution, &'static str),
    /// An operator reads the open proposal.
    ReadProposal(&'static str),
    /// An operator approves the proposal of this number.
    Approve(u32, &'static str),
    /// An operator declines the proposal of this number.
    Decline(u32, &'static str),
    /// The time of the open proposal is over.
    Expire,
    /// The customer pays.
    Pay,
}

type Next = Vec<(&'static str, Result<State, String>)>;

impl Actor {
    /// The write that it sends next.
    pub(super) fn about_to_write(&self) -> Option<Change> {
        self.decide(&self.held).map(|(change, _)| change)
    }

    /// All results of its next await. `world` is the state without this actor.
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
                        Ok(self.with(world, Doing::RecordRefund(*id, RefundAnswer::Unknown))),
                    ),
                ],
                Some((pays, _)) => vec![
                    (
                        "found",
                        Ok(self.with(world, Doing::RecordRefund(*id, word(*pays)))),
                    ),
                    (
                        "no answer",
                        Ok(self.with(world, Doing::RecordRefund(*id, RefundAnswer::Unknown))),
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
            Doing::Expire => vec![("expired", Ok(world.with_expired_proposal()))],
            Doing::ReadProposal(by) => self.read_proposal(world, by),
            Doing::LeaseIpn => self.lease_ipn(world),
            Doing::Send(lease) => self.send(world, *lease),
            Doing::LookUp(lease) => self.look_up(world, *lease),
            Doing::Reserve(_)
            | Doing::LeaseRefund(_)
            | Doing::RecordRefund(..)
            | Doing::LeaseExpiry
            | Doing::Conclude(_)
            | Doing::Record(..)
            | Doing::Resend
            | Doing::Resolve(_)
            | Doing::Propose(..)
            | Doing::Approve(..)
            | Doing::Decline(..) => vec![("written or not", Ok(self.write(world)))],
            Doing::SendResult(message) => {
                vec![(
                    "written or not",
                    self.result_is_kept(message, self.write(world)),
                )]
            }
        }
    }

    /// The same actor with another action.
    fn with(&self, world: &State, doing: Doing) -> State {
        let mut next = world.clone();
        let held = Arc::clone(&self.held);
        next.actors.push(Self { held, doing });
        next
    }

    /// Decides on its transaction and writes if the version has not changed. After a conflict it has the new transaction
    /// and decides again. Without a change it ends.
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

    /// What is refused because it contradicts the record is in the trail when the core has its answer.
    fn result_is_kept(
        &self,
        message: &PaymentResultMessage,
        after: State,
    ) -> Result<State, String> {
        let again = after
            .actors
            .iter()
            .any(|actor| matches!(&actor.doing, Doing::SendResult(m) if m == message));
        let refused = self.held.record_payment_result(message, NOW).refusal;
        let mut entries = after.row.audit_trail().iter();
        let noted = entries.any(|entry| matches!(entry.event, AuditEvent::Contradicted(_)));
        match refused {
            Some(refusal) if !again && !noted => Err(format!("{refusal:?} is not in the trail")),
            _ => Ok(after),
        }
    }

    /// The change that it decides on, and the action after the write.
    fn decide(&self, t: &Transaction) -> Option<(Change, Option<Doing>)> {
        match &self.doing {
            Doing::Reserve(command) => match t.reserve_refund(command, NOW) {
                Ok(Reservation::Reserve(id, change)) => Some((change, Some(Doing::Post(id)))),
                Ok(Reservation::Known(_)) | Err(_) => None,
            },
            Doing::LeaseRefund(id) => t
                .lease_refund(*id, NOW)
                .map(|change| (change, Some(Doing::Find(*id)))),
            Doing::RecordRefund(id, answer) => t
                .record_refund_outcome(*id, answer, NOW)
                .map(|change| (change, None)),
            Doing::LeaseExpiry => t
                .lease_expiry_check(NOW)
                .map(|change| (change, Some(Doing::AskPayment))),
            Doing::Conclude(answer) => t.conclude_expiry(answer, NOW).map(|change| (change, None)),
            Doing::LeaseIpn => t
                .lease_ipn(CONFIRM_AFTER, NOW)
                .map(|(lease, change)| (change, Some(Doing::Send(lease)))),
            Doing::Record(lease, outcome) => t
                .record_ipn(*lease, *outcome, NOW)
                .map(|change| (change, None)),
            Doing::SendResult(message) => {
                let change = t.record_payment_result(message, NOW).change;
                change.map(|change| (change, None))
            }
            Doing::Resend => ended(t.resend_ipn(&said_by(LAN), NOW).ok()),
            Doing::Resolve(resolution) => ended(t.resolve(*resolution, &said_by(LAN), NOW).ok()),
            Doing::Propose(resolution, by) => {
                let act = ProposedAct::Resolve(*resolution);
                ended(t.propose(act, &said_by(by), NOW).ok().flatten())
            }
            Doing::Approve(number, by) => ended(t.approve(*number, &said_by(by), NOW).ok()),
            Doing::Decline(number, by) => {
                ended(t.decline_proposal(*number, &said_by(by), NOW).ok())
            }
            Doing::Pay
            | Doing::Expire
            | Doing::ReadProposal(_)
            | Doing::Work
            | Doing::Find(_)
            | Doing::Post(_)
            | Doing::AskPayment
            | Doing::Send(_)
            | Doing::LookUp(_) => None,
        }
    }

    /// What it has read, it approves or declines, whatever has been proposed meanwhile.
    fn read_proposal(&self, world: &State, by: &'static str) -> Next {
        let Some(open) = self.held.proposal() else {
            return vec![("none is open", Ok(world.clone()))];
        };
        let then = |doing| Ok(self.with(world, doing));
        vec![
            ("approves", then(Doing::Approve(open.number, by))),
            ("declines", then(Doing::Decline(open.number, by))),
        ]
    }

    fn post(&self, world: &State, id: RefundId) -> Next {
        let record = |answer| Doing::RecordRefund(id, answer);
        let mut next = vec![(
            "never arrives",
            Ok(self.with(world, record(RefundAnswer::Unknown))),
        )];
        let refund = self.held.refund_by_id(id);
        let amount = refund.map_or(0, |refund| refund.amount.get());
        for (pays, after) in world.post(id, amount) {
            let and = |answer| after.clone().map(|after| self.with(&after, record(answer)));
            next.push(("done, answer lost", and(RefundAnswer::Unknown)));
            next.push((if pays { "pays" } else { "rejects" }, and(word(pays))));
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

    /// It comes from the stream in time, and is read; or it comes late or from a sweep, and the lease is written.
    fn lease_ipn(&self, world: &State) -> Next {
        let mut next = vec![("written or not", Ok(self.write(world)))];
        if let Some(first) = world.row.first_ipn_lease(CONFIRM_AFTER, NOW) {
            let mut read = world.clone();
            let held = Arc::clone(&world.row);
            let doing = Doing::Send(first);
            read.actors.push(Self { held, doing });
            next.push(("first lease", Ok(read)));
        }
        next
    }

    fn send(&self, world: &State, lease: IpnLease) -> Next {
        let answers = [
            ("accepted", IpnAnswer::Accepted),
            ("code 2", IpnAnswer::SystemError),
            ("code 3", IpnAnswer::Refused(IpnRefusal::NotFound)),
        ];
        let next = answers.into_iter().map(|(label, answer)| {
            let doing = match after_notification(lease, answer) {
                NotificationStep::LookUp => Doing::LookUp(lease),
                NotificationStep::Decide(decision) => Doing::Record(lease, outcome(decision, None)),
            };
            (label, Ok(self.with(world, doing)))
        });
        next.collect()
    }

    fn look_up(&self, world: &State, lease: IpnLease) -> Next {
        let amount = self.held.order().amount;
        let answers = [
            ("paid", LookUpAnswer::Found(Status::Success, Some(amount))),
            ("code 3", LookUpAnswer::NotFound),
            ("code 4", LookUpAnswer::NotOfThisPartner),
            ("code 2", LookUpAnswer::SystemError),
        ];
        let next = answers.into_iter().map(|(label, answer)| {
            let decision = if lease.subject == IpnSubject::Reversed {
                after_reversal_look_up(answer)
            } else {
                after_look_up(amount, answer, lease, NOW)
            };
            let mut world = world.clone();
            world.denials = (world.denials + u8::from(label == "code 3")).min(2);
            let outcome = outcome(decision, Some(answer));
            (label, Ok(self.with(&world, Doing::Record(lease, outcome))))
        });
        next.collect()
    }
}

/// The names under which an operator acts in a scenario: of two persons.
pub(super) const LAN: &str = "operators/lan";
pub(super) const MINH: &str = "approvers/minh";

/// The change of an actor that ends with it.
fn ended(change: Option<Change>) -> Option<(Change, Option<Doing>)> {
    change.map(|change| (change, None))
}

fn said_by(by: &str) -> OperatorWord {
    OperatorWord {
        by: by.parse().expect("a name"),
        reason: "Tiki said so".parse().expect("a reason"),
    }
}

/// An outcome with this decision. Tiki's answer to the IPN itself makes no difference.
pub(super) fn outcome(decision: Decision, known: Option<LookUpAnswer>) -> NotificationOutcome {
    NotificationOutcome {
        answer: IpnAnswer::Unclear,
        known,
        decision,
    }
}

/// The core's answer about a decided refund.
pub(super) fn word(pays: bool) -> RefundAnswer {
    if pays {
        RefundAnswer::Succeeded
    } else {
        RefundAnswer::Rejected { reason: None }
    }
}

/// The core's answer about a payment.
pub(super) fn payment(paid: bool, t: &Transaction) -> PaymentAnswer {
    if paid {
        PaymentAnswer::Paid {
            amount: t.order().amount,
            details: PaidDetails::default(),
        }
    } else {
        PaymentAnswer::NotPaid
    }
}
