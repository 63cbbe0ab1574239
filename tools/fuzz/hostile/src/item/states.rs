//! An item in every state of a transaction, written by the store.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Change, Day, Decision, DisputeReason, IpnLease, OperatorWord, PaidDetails, PaymentAnswer,
    PaymentResult, PaymentResultMessage, ProposedAct, RefundAnswer, RefundCommand, RefundId,
    Reservation, Resolution, ReversalReason, Timestamp, Transaction, TransactionId, Vnd,
};
use futures::executor::block_on;
use store::{
    Condition, Creation, DayIndex, DayPage, HourlyCount, IndexQuery, Indexed, Item, Table,
    TableError, Transactions, WriteIds, WriteOutcome,
};
use uuid::Uuid;

use crate::fixtures::{AMOUNT, CONFIRM_AFTER, FixedClock, created, now, outcome, paid_report};

/// One item in each state.
pub(super) static REAL: LazyLock<Vec<Item>> = LazyLock::new(|| {
    let mut history = History::default();
    history.of_payments();
    history.of_failures();
    history.of_contradictions();
    history.0
});

/// Writes a change as a function does, and returns the stored item.
#[expect(clippy::expect_used, reason = "this table accepts every write")]
pub(super) fn written(found: &Transaction, change: Change) -> (Transaction, Item) {
    let table = Arc::new(OneItemTable::default());
    let mut change = Some(change);
    let transactions = transactions(&table);
    let stored = transactions.apply(found.clone(), |_| change.take());
    let updated = block_on(stored).expect("a write");
    (updated.transaction, table.item().expect("an item"))
}

fn transactions(table: &Arc<OneItemTable>) -> Transactions {
    let table = Arc::clone(table) as Arc<dyn Table>;
    Transactions::new(table, Arc::new(FixedWriteId), Arc::new(FixedClock))
}

/// A table with one item, which accepts every write.
#[derive(Default)]
struct OneItemTable(Mutex<Option<Item>>);

impl OneItemTable {
    fn item(&self) -> Option<Item> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Table for OneItemTable {
    async fn get(&self, _: TransactionId) -> Result<Option<Item>, TableError> {
        Ok(self.item())
    }

    async fn put(&self, item: Item, _: Condition) -> Result<WriteOutcome, TableError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(item);
        Ok(WriteOutcome::Stored)
    }

    async fn count_in_hour(&self, _: HourlyCount, _: i64, _: u32) -> Result<bool, TableError> {
        Ok(true)
    }

    async fn oldest(&self, _: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        Ok(Vec::new())
    }

    async fn on_day(
        &self,
        _: DayIndex,
        _: Day,
        _: u8,
        _: Option<Item>,
        _: u16,
    ) -> Result<DayPage, TableError> {
        Ok(DayPage::default())
    }
}

/// Every write has the same write id, so that every run is the same.
struct FixedWriteId;

impl WriteIds for FixedWriteId {
    fn next(&self) -> Uuid {
        Uuid::from_u128(7)
    }
}

/// The written items in their order.
#[derive(Default)]
struct History(Vec<Item>);

#[expect(
    clippy::expect_used,
    reason = "constants; a wrong one fails in the first run"
)]
impl History {
    fn created(&mut self) -> Transaction {
        let table = Arc::new(OneItemTable::default());
        let creation = block_on(transactions(&table).create(created())).expect("a write");
        self.0.push(table.item().expect("an item"));
        match creation {
            Creation::New(transaction) | Creation::Existing(transaction) => transaction,
        }
    }

    fn then(&mut self, found: &Transaction, change: Option<Change>) -> Transaction {
        let (after, item) = written(found, change.expect("a change"));
        self.0.push(item);
        after
    }

    /// All states of a paid transaction.
    fn of_payments(&mut self) {
        let pending = self.created();
        let asked = self.then(&pending, pending.lease_expiry_check(late()));
        let paid = self.reported(&asked, &paid_report());
        let (lease, sending) = self.ipn_leased(&paid);
        let decide = |decision| sending.record_ipn(lease, outcome(decision), now());

        let disputed = self.then(
            &sending,
            decide(Decision::Dispute(DisputeReason::AmountDiffers)),
        );
        self.proposed(&disputed);
        self.then(&sending, decide(Decision::LookAgain));
        self.exhausted(sending.clone());
        let confirmed = self.then(&sending, decide(Decision::Confirm));
        let (first, one) = self.refund(&confirmed, "R-1", 40_000);
        self.refund_recorded(&one, first, &RefundAnswer::Unknown);
        let reason = "no such account".parse().ok();
        self.refund_recorded(&one, first, &RefundAnswer::Rejected { reason });
        let one_back = self.refund_recorded(&one, first, &RefundAnswer::Succeeded);
        let (second, two) = self.refund(&one_back, "R-2", 60_000);
        self.refund_recorded(&two, second, &RefundAnswer::Succeeded);

        // Tiki does not have the order, and one refund was requested before.
        let (_, asked_for) = self.refund(&sending, "R-1", 40_000);
        let reason = Decision::Reverse(ReversalReason::NotFoundAtTiki);
        let reversing = asked_for.record_ipn(lease, outcome(reason), now());
        let reversing = self.then(&asked_for, reversing);
        let reversal = reversing.refunds().last().expect("a reversal").id;
        self.refund_recorded(
            &reversing,
            reversal,
            &RefundAnswer::Rejected { reason: None },
        );
        let one_back = self.refund_recorded(&reversing, reversal, &RefundAnswer::Succeeded);
        let asked_for = asked_for.refunds().last().expect("a refund").id;
        let all_back = self.refund_recorded(&one_back, asked_for, &RefundAnswer::Succeeded);
        let (lease, sending) = self.ipn_leased(&all_back);
        let decide = |decision| sending.record_ipn(lease, outcome(decision), late());
        self.then(&sending, decide(Decision::Confirm));
        self.then(
            &sending,
            decide(Decision::Dispute(DisputeReason::KnownAsPaid)),
        );
        self.exhausted(sending.clone());
    }

    /// A transaction about which the core contradicts itself, and one that stays undecided.
    fn of_contradictions(&mut self) {
        let pending = self.created();
        let undecided = pending.conclude_expiry(&PaymentAnswer::Unreadable, days_later());
        let undecided = self.then(&pending, undecided);
        let other = paid_report_of(AMOUNT - 1, "FT0002");
        let differs = self.reported(&undecided, &other);
        let paid = self.reported(&differs, &paid_report());
        let second = self.reported(&paid, &paid_report_of(AMOUNT, "FT0003"));
        let failed = PaymentResultMessage {
            amount: None,
            result: PaymentResult::Declined { reason: None },
        };
        self.reported(&second, &failed);
    }

    /// All states of a failed transaction, with and without a late payment.
    fn of_failures(&mut self) {
        let pending = self.created();
        let expired = pending.conclude_expiry(&PaymentAnswer::NotPaid, late());
        let expired = self.then(&pending, expired);
        let (lease, sending) = self.ipn_leased(&expired);
        self.then(
            &sending,
            sending.record_ipn(lease, outcome(Decision::Abandon), late()),
        );

        let declined = PaymentResultMessage {
            amount: None,
            result: PaymentResult::Declined {
                reason: "not enough money".parse().ok(),
            },
        };
        let declined = self.reported(&pending, &declined);
        let late = self.reported(&declined, &paid_report());
        let refund = late.refunds().last().expect("a refund").id;
        self.refund_recorded(&late, refund, &RefundAnswer::Succeeded);
        self.refund_recorded(&late, refund, &RefundAnswer::Rejected { reason: None });
    }

    fn reported(&mut self, found: &Transaction, report: &PaymentResultMessage) -> Transaction {
        let change = found.record_payment_result(report, now()).change;
        self.then(found, change)
    }

    fn ipn_leased(&mut self, found: &Transaction) -> (IpnLease, Transaction) {
        let (lease, change) = found
            .lease_ipn(CONFIRM_AFTER, Timestamp::MAX)
            .expect("a due notification");
        (lease, self.then(found, Some(change)))
    }

    /// A decision that one person proposes, and another one declines or approves.
    fn proposed(&mut self, disputed: &Transaction) {
        let word = |by: &str| OperatorWord {
            by: by.parse().expect("a name"),
            reason: "Tiki đã xác nhận".parse().expect("a reason"),
        };
        let act = ProposedAct::Resolve(Resolution::Reverse);
        let change = disputed.propose(act, &word("operators/lan"), now());
        let open = self.then(disputed, change.ok().flatten());
        let number = open.proposal().expect("a proposal").number;
        let minh = word("approvers/minh");
        self.then(&open, open.decline_proposal(number, &minh, now()).ok());
        self.then(&open, open.approve(number, &minh, now()).ok());
    }

    /// Retries until all attempts are used.
    fn exhausted(&mut self, mut transaction: Transaction) {
        while let Some((lease, change)) = transaction.lease_ipn(CONFIRM_AFTER, Timestamp::MAX) {
            let sending = self.then(&transaction, Some(change));
            let failed = sending.record_ipn(lease, outcome(Decision::Retry), now());
            transaction = self.then(&sending, failed);
        }
    }

    fn refund(&mut self, found: &Transaction, request: &str, vnd: u64) -> (RefundId, Transaction) {
        let command = RefundCommand {
            request_id: request.parse().expect("a request id"),
            amount: Vnd::new(vnd).expect("an amount"),
            reason: "Khách hủy đơn".parse().expect("a reason"),
        };
        let (id, change) = match found.reserve_refund(&command, now()).ok() {
            Some(Reservation::Reserve(id, change)) => Some((id, change)),
            _ => None,
        }
        .expect("a new refund");
        (id, self.then(found, Some(change)))
    }

    fn refund_recorded(
        &mut self,
        found: &Transaction,
        id: RefundId,
        answer: &RefundAnswer,
    ) -> Transaction {
        self.then(found, found.record_refund_outcome(id, answer, now()))
    }
}

fn paid_report_of(vnd: u64, reference: &str) -> PaymentResultMessage {
    let details = PaidDetails {
        core_reference: reference.parse().ok(),
        ..PaidDetails::default()
    };
    PaymentResultMessage {
        amount: Vnd::new(vnd).ok(),
        result: PaymentResult::Paid(details),
    }
}

fn days_later() -> Timestamp {
    now().after(Duration::from_hours(72))
}

fn late() -> Timestamp {
    now().after(Duration::from_hours(1))
}
