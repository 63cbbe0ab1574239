//! Checks every interleaving of a small configuration, in the pure domain and without random choices.
//!
//! A state is the stored transaction, the core's postings, and every running handler and worker. Each of these actors
//! has the transaction that it last read, and its next action. In a step an actor continues to its next await, with
//! every possible answer; or dies; or the write of a dead actor commits late. There is no time: every lease may have
//! expired at any moment, which is worse than any clock.

mod actor;
mod fingerprint;
mod scenario;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use domain::{
    AuditEntry, AuditEvent, Change, FailedNotification, FailureCause, PaidNotification,
    PaymentState, RefundId, RefundState, ReversalReason, ReversedNotification, Sending, Status,
    Timestamp, Transaction,
};

use self::actor::{Actor, Doing};
use self::fingerprint::fingerprint;
pub use self::scenario::{Scenario, scenarios};

/// The result of a scenario.
#[derive(Debug, Default)]
pub struct Walk {
    /// Number of different states.
    pub states: u64,
    /// Number of steps.
    pub steps: u64,
    /// Number of states without a running actor. From each of them all obligations were completed.
    pub endings: u64,
    /// The violation, and the steps that lead to it.
    pub violation: Option<(String, Vec<String>)>,
}

/// Visits every state that a scenario can reach.
#[must_use]
pub fn walk(scenario: &Scenario) -> Walk {
    let mut walk = Walk::default();
    let mut seen = HashSet::from([fingerprint(&scenario.start)]);
    // The previous state of each state, and the step between them.
    let mut ways = vec![(0, 0)];
    let mut open = vec![(scenario.start.clone(), 0)];
    while let Some((state, here)) = open.pop() {
        walk.states += 1;
        let quiet = state.actors.is_empty();
        walk.endings += u64::from(quiet);
        let mut wrong = quiet.then(|| state.clone().ends_well().err()).flatten();
        let mut way = (here, None);
        for (number, (_, next)) in state.next().into_iter().enumerate() {
            walk.steps += 1;
            match next {
                Ok(next) if seen.insert(fingerprint(&next)) => {
                    ways.push((here, number));
                    open.push((next, ways.len() - 1));
                }
                Ok(_) => {}
                Err(text) => (wrong, way) = (Some(text), (here, Some(number))),
            }
        }
        if let Some(text) = wrong {
            let path = retrace(&scenario.start, &ways, way.0, way.1);
            walk.violation = Some((text, path));
            return walk;
        }
    }
    walk
}

/// Describes the steps to a state, and one more step.
fn retrace(
    start: &State,
    ways: &[(usize, usize)],
    mut at: usize,
    last: Option<usize>,
) -> Vec<String> {
    let mut numbers: Vec<usize> = last.into_iter().collect();
    while at != 0 {
        numbers.push(ways[at].1);
        at = ways[at].0;
    }
    let mut state = start.clone();
    let mut words = Vec::new();
    for number in numbers.into_iter().rev() {
        let (step, next) = state.next().swap_remove(number);
        words.push(step.in_words(&state));
        match next {
            Ok(next) => state = next,
            Err(_) => break,
        }
    }
    words
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact, and they go together in every way"
)]
pub struct State {
    row: Arc<Transaction>,
    /// The core's decision on each posted refund: whether it pays, and the amount.
    core: BTreeMap<RefundId, (bool, u64)>,
    /// Whether the customer has paid.
    paid: bool,
    /// Whether the core has answered that the payment was not paid.
    said_not_paid: bool,
    /// How often Tiki has answered that it does not have the order; two are enough.
    denials: u8,
    /// Whether it was decided to reverse the payment.
    reversed: bool,
    /// Whether what an operator decides was proposed by one person and approved by another.
    two_persons: bool,
    actors: Vec<Actor>,
    /// The write of a dead actor, which may still commit.
    adrift: Option<Arc<Change>>,
    /// The actors that may still start, and how many of each.
    to_come: Arc<[Doing]>,
    left: Vec<u8>,
    /// How many actors may still die.
    deaths: u8,
}

/// A step. The numbers are positions in the state before.
enum Step {
    Begins(usize),
    WritesLate,
    Dies(usize),
    DiesWriting(usize),
    GoesOn(usize, &'static str),
}

impl Step {
    fn in_words(&self, before: &State) -> String {
        match self {
            Self::Begins(i) => format!("{:?} begins", before.to_come[*i]),
            Self::WritesLate => "the write of a dead actor commits".to_owned(),
            Self::Dies(i) => format!("{:?} dies", before.actors[*i].doing),
            Self::DiesWriting(i) => format!("{:?} dies during its write", before.actors[*i].doing),
            Self::GoesOn(i, answer) => format!("{:?}: {answer}", before.actors[*i].doing),
        }
    }
}

impl State {
    fn next(&self) -> Vec<(Step, Result<Self, String>)> {
        let mut steps = Vec::new();
        for (i, doing) in self.to_come.iter().enumerate() {
            if self.left[i] > 0 && self.may_begin(doing) {
                let mut next = self.clone();
                next.left[i] -= 1;
                next.actors.push(Actor {
                    held: Arc::clone(&self.row),
                    doing: doing.clone(),
                });
                steps.push((Step::Begins(i), Ok(next)));
            }
        }
        if let Some(change) = &self.adrift {
            let mut next = self.clone();
            next.adrift = None;
            let _ = next.commit(change);
            steps.push((Step::WritesLate, next.holds()));
        }
        for i in 0..self.actors.len() {
            let mut next = self.clone();
            let actor = next.actors.remove(i);
            if self.deaths > 0 {
                let mut dead = next.clone();
                dead.deaths -= 1;
                if let Some(change) = actor.about_to_write().filter(|_| self.adrift.is_none()) {
                    let mut dead = dead.clone();
                    dead.adrift = Some(Arc::new(change));
                    steps.push((Step::DiesWriting(i), Ok(dead)));
                }
                steps.push((Step::Dies(i), Ok(dead)));
            }
            for (answer, next) in actor.goes_on(&next) {
                steps.push((Step::GoesOn(i, answer), next.and_then(Self::holds)));
            }
        }
        steps
    }

    /// A worker starts only if its obligation is due.
    fn may_begin(&self, doing: &Doing) -> bool {
        match doing {
            Doing::LeaseIpn => self.row.ipn_due_at().is_some(),
            Doing::LeaseExpiry => matches!(self.row.payment(), PaymentState::Pending { .. }),
            Doing::SendResult(_) => self.paid,
            Doing::Work => self.row.due_refunds(Timestamp::MAX).next().is_some(),
            Doing::ReadProposal(_) | Doing::Expire => self.row.proposal().is_some(),
            _ => true,
        }
    }

    /// Writes a change if the version has not changed. Then everything is due at once.
    fn commit(&mut self, change: &Change) -> bool {
        if change.expected_version() != self.row.version() {
            return false;
        }
        self.row = Arc::new(due_at_once(change.transaction()));
        self.reversed |= matches!(self.row.payment(), PaymentState::Reversed { .. });
        true
    }

    fn with_expired_proposal(&self) -> Self {
        let mut snapshot = self.row.to_snapshot();
        if let Some(open) = &mut snapshot.proposal {
            open.expires_at = actor::NOW;
        }
        let row = Transaction::restore(snapshot).expect("only a time has changed");
        Self {
            row: Arc::new(row),
            ..self.clone()
        }
    }

    /// The core accepts a refund once for each id, and pays or rejects it.
    fn post(&self, id: RefundId, amount: u64) -> Vec<(bool, Result<Self, String>)> {
        if let Some((pays, posted)) = self.core.get(&id) {
            let same = *posted == amount;
            let other = || format!("refund {id} was posted again with another amount");
            return vec![(*pays, same.then(|| self.clone()).ok_or_else(other))];
        }
        let outcomes = [true, false].into_iter().map(|pays| {
            let mut next = self.clone();
            next.core.insert(id, (pays, amount));
            let held = self.row.refund_by_id(id);
            let held = held.is_some_and(|refund| refund.holds() && refund.amount.get() == amount);
            let next = if held {
                next.holds()
            } else {
                Err(format!("refund {id} was posted but not reserved"))
            };
            (pays, next)
        });
        outcomes.collect()
    }

    /// The invariants of every state.
    fn holds(self) -> Result<Self, String> {
        let t = &self.row;
        Transaction::restore(t.to_snapshot()).map_err(|error| error.to_string())?;
        let returned = self.returned();
        let paid = if self.paid { t.order().amount.get() } else { 0 };
        if returned > paid {
            return Err(format!("{returned} were refunded, but {paid} were paid"));
        }
        for refund in t.refunds() {
            let core = self.core.get(&refund.id);
            let so = match refund.state {
                RefundState::Succeeded { .. } => core == Some(&(true, refund.amount.get())),
                RefundState::Rejected { .. } => core.is_some_and(|(pays, _)| !pays),
                RefundState::Reserved(_) | RefundState::Unknown(_) => true,
            };
            if !so {
                return Err(format!("{refund:?}, but the core has {core:?}"));
            }
        }
        let by_person = ReversalReason::ByOperator;
        if let PaymentState::Reversed { reversal, .. } = t.payment() {
            if reversal.reason != by_person && self.denials < 2 {
                return Err("reversed without a reason".to_owned());
            }
            let notified = matches!(
                reversal.notification,
                ReversedNotification::Sending(_) | ReversedNotification::Confirmed { .. }
            );
            if notified && returned < paid {
                return Err("Tiki hears of a reversal before the money is back".to_owned());
            }
        }
        if self.two_persons {
            decided_by_two(t.audit_trail())?;
        }
        if self.reversed && t.status() != Status::Failure {
            return Err("it was reversed, and is no failure".to_owned());
        }
        let expired = matches!(t.payment(), PaymentState::Failed { failure, .. }
            if failure.cause == FailureCause::Expired);
        if expired && !self.said_not_paid {
            return Err("expired without an answer of the core".to_owned());
        }
        Ok(self)
    }

    /// Without a running actor the workers complete everything: no obligation is lost, and our record agrees with the
    /// core's.
    fn ends_well(mut self) -> Result<(), String> {
        for _ in 0..100 {
            let due: Vec<RefundId> = self.row.due_refunds(Timestamp::MAX).collect();
            if let Some(id) = due.first() {
                let amount = self
                    .row
                    .refund_by_id(*id)
                    .map_or(0, |refund| refund.amount.get());
                let (pays, _) = *self.core.entry(*id).or_insert((true, amount));
                let answer = actor::word(pays);
                let change = self.row.record_refund_outcome(*id, &answer, actor::NOW);
                self.commit(&change.ok_or("a due refund that cannot be completed")?);
            } else if self.row.expiry_due_at().is_some() {
                let answer = actor::payment(self.paid, &self.row);
                let change = self.row.conclude_expiry(&answer, actor::NOW);
                self.said_not_paid |= !self.paid;
                self.commit(&change.ok_or("an expiry that cannot be concluded")?);
            } else if self.row.ipn_due_at().is_some() {
                let taken = self.row.lease_ipn(actor::CONFIRM_AFTER, Timestamp::MAX);
                let (lease, change) = taken.ok_or("a due IPN that cannot be leased")?;
                self.commit(&change);
                let outcome = actor::outcome(domain::Decision::Confirm, None);
                let change = self.row.record_ipn(lease, outcome, actor::NOW);
                self.commit(&change.ok_or("a lease of another worker")?);
            } else {
                return self.completed();
            }
        }
        Err("the obligations are never completed".to_owned())
    }

    fn completed(self) -> Result<(), String> {
        let state = self.holds()?;
        let t = &state.row;
        let (returned, ours) = (state.returned(), t.refunded_amount().get());
        if returned != ours {
            return Err(format!(
                "the core refunded {returned}, but our record says {ours}"
            ));
        }
        if let PaymentState::Reversed { reversal, .. } = t.payment() {
            let notified = matches!(
                reversal.notification,
                ReversedNotification::Confirmed { .. } | ReversedNotification::KnownAsPaid { .. }
            );
            let kept = t.remaining_amount().get() > 0;
            if kept && t.needs_review().is_none() {
                return Err("reversed, but some money was kept".to_owned());
            }
            if !kept && !notified && t.needs_review().is_none() {
                return Err("reversed, and Tiki was not notified".to_owned());
            }
        }
        let late = matches!(t.payment(), PaymentState::Failed { failure: f, .. } if f.late_payment.is_some());
        if late && t.remaining_amount().get() > 0 && t.needs_review().is_none() {
            return Err("a late payment was kept, but does not need review".to_owned());
        }
        Ok(())
    }

    fn returned(&self) -> u64 {
        let paid = self.core.values().filter(|(pays, _)| *pays);
        paid.map(|(_, amount)| amount).sum()
    }
}

/// Before each decision of an operator stands the word of another one who approved it, and before that the proposal of
/// the first: of the same act, under the same number.
fn decided_by_two(trail: &[AuditEntry]) -> Result<(), String> {
    for (place, entry) in trail.iter().enumerate() {
        let AuditEvent::Resolved { verdict, word, .. } = &entry.event else {
            continue;
        };
        let approved = match place.checked_sub(1).map(|before| &trail[before].event) {
            Some(AuditEvent::Approved {
                number,
                word: second,
            }) if second.by != word.by => number,
            other => return Err(format!("{:?} decided after {other:?}", word.by)),
        };
        let proposed = trail[..place].iter().any(|entry| {
            matches!(&entry.event, AuditEvent::Proposed { number, act, word: first, .. }
                if number == approved && act.as_str() == verdict.as_str() && first == word)
        });
        if !proposed {
            return Err(format!("{approved} was approved, but not proposed"));
        }
    }
    Ok(())
}

/// Makes everything that is due, due now.
fn due_at_once(t: &Transaction) -> Transaction {
    let mut snapshot = t.to_snapshot();
    let now = |due: &mut domain::Due| {
        due.due_at = actor::NOW;
        due.attempts = due.attempts.min(1);
    };
    if let PaymentState::Pending { expiry_check, .. } = &mut snapshot.payment {
        now(expiry_check);
    }
    for refund in &mut snapshot.refunds {
        if let RefundState::Reserved(due) | RefundState::Unknown(due) = &mut refund.state {
            now(due);
        }
    }
    let sending = match &mut snapshot.payment {
        PaymentState::Paid {
            notification: PaidNotification::Sending { sending, .. },
            ..
        }
        | PaymentState::Failed {
            notification: FailedNotification::Sending(sending),
            ..
        } => Some(sending),
        PaymentState::Reversed { reversal, .. } => match &mut reversal.notification {
            ReversedNotification::Sending(sending) => Some(sending),
            _ => None,
        },
        PaymentState::Pending { .. } | PaymentState::Paid { .. } | PaymentState::Failed { .. } => {
            None
        }
    };
    if let Some(Sending::Queued { due_at } | Sending::Retrying { due_at, .. }) = sending {
        *due_at = actor::NOW;
    }
    Transaction::restore(snapshot).expect("only times have changed")
}
