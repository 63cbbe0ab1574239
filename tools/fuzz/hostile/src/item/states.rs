//! An item in every state that a transaction can come to, each written by the store itself.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Alarm, Change, Day, Decision, DisputeReason, IpnLease, PaymentAnswer, PaymentResult,
    PaymentResultMessage, RefundAnswer, RefundCommand, RefundId, Reservation, ReversalReason,
    Timestamp, Transaction, TransactionId, Vnd,
};
use futures::executor::block_on;
use store::{
    Condition, Creation, DayIndex, DayPage, DueIndex, Indexed, Item, Put, Table, TableError,
    Transactions, WriteIds,
};
use uuid::Uuid;

use crate::fixtures::{Still, created, now, paid_report, told};

/// One item in each state.
pub(super) static REAL: LazyLock<Vec<Item>> = LazyLock::new(|| {
    let mut history = History::default();
    history.of_payments();
    history.of_failures();
    history.0
});

/// Writes a change as a function would, and gives what is stored then.
#[expect(clippy::expect_used, reason = "the shelf refuses nothing")]
pub(super) fn written(found: &Transaction, change: Change) -> (Transaction, Item) {
    let shelf = Arc::new(Shelf::default());
    let mut change = Some(change);
    let transactions = transactions(&shelf);
    let stored = transactions.apply(found.clone(), |_| change.take());
    let updated = block_on(stored).expect("a write");
    (updated.transaction, shelf.item().expect("an item"))
}

fn transactions(shelf: &Arc<Shelf>) -> Transactions {
    let shelf = Arc::clone(shelf) as Arc<dyn Table>;
    Transactions::new(shelf, Arc::new(Stamp), Arc::new(Still))
}

/// A table of one item, which takes whatever is put.
#[derive(Default)]
struct Shelf(Mutex<Option<Item>>);

impl Shelf {
    fn item(&self) -> Option<Item> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Table for Shelf {
    async fn get(&self, _: TransactionId) -> Result<Option<Item>, TableError> {
        Ok(self.item())
    }

    async fn put(&self, item: Item, _: Condition) -> Result<Put, TableError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(item);
        Ok(Put::Stored)
    }

    async fn due(
        &self,
        _: DueIndex,
        _: u8,
        _: Timestamp,
        _: u16,
    ) -> Result<Vec<Indexed>, TableError> {
        Ok(Vec::new())
    }

    async fn needs_review(&self, _: Alarm, _: u16) -> Result<Vec<Indexed>, TableError> {
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

/// Every write has the same stamp, so that every run is the same.
struct Stamp;

impl WriteIds for Stamp {
    fn next(&self) -> Uuid {
        Uuid::from_u128(7)
    }
}

/// The items that were written, one after the other.
#[derive(Default)]
struct History(Vec<Item>);

#[expect(
    clippy::expect_used,
    reason = "constants: wrong ones show in the first run"
)]
impl History {
    fn created(&mut self) -> Transaction {
        let table = Arc::new(Shelf::default());
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

    /// Paid, and all that can come of it.
    fn of_payments(&mut self) {
        let pending = self.created();
        let asked = self.then(&pending, pending.lease_expiry_check(late()));
        let paid = self.reported(&asked, &paid_report());
        let (lease, sending) = self.ipn_taken_up(&paid);
        let decide = |decision| sending.record_ipn(lease, told(decision), now());

        self.then(
            &sending,
            decide(Decision::Dispute(DisputeReason::AmountDiffers)),
        );
        self.exhausted(sending.clone());
        let confirmed = self.then(&sending, decide(Decision::Confirm));
        let (first, one) = self.refund(&confirmed, "R-1", 40_000);
        self.settled(&one, first, &RefundAnswer::Unknown);
        let reason = "no such account".parse().ok();
        self.settled(&one, first, &RefundAnswer::Rejected { reason });
        let one_back = self.settled(&one, first, &RefundAnswer::Succeeded);
        let (second, two) = self.refund(&one_back, "R-2", 60_000);
        self.settled(&two, second, &RefundAnswer::Succeeded);

        // Tiki does not have the order, and one refund was asked for already.
        let (_, asked_for) = self.refund(&sending, "R-1", 40_000);
        let ground = Decision::Reverse(ReversalReason::NotFoundAtTiki);
        let reversing = asked_for.record_ipn(lease, told(ground), now());
        let reversing = self.then(&asked_for, reversing);
        let reversal = reversing.refunds.last().expect("a reversal").id;
        self.settled(&reversing, reversal, &RefundAnswer::Succeeded);
        self.settled(
            &reversing,
            reversal,
            &RefundAnswer::Rejected { reason: None },
        );
    }

    /// Not paid, or too late.
    fn of_failures(&mut self) {
        let pending = self.created();
        let expired = pending.conclude_expiry(&PaymentAnswer::NotPaid, late());
        let expired = self.then(&pending, expired);
        let (lease, sending) = self.ipn_taken_up(&expired);
        self.then(
            &sending,
            sending.record_ipn(lease, told(Decision::Abandon), late()),
        );

        let declined = PaymentResultMessage {
            amount: None,
            result: PaymentResult::Declined {
                reason: "not enough money".parse().ok(),
            },
        };
        let declined = self.reported(&pending, &declined);
        let late = self.reported(&declined, &paid_report());
        let refund = late.refunds.last().expect("a refund").id;
        self.settled(&late, refund, &RefundAnswer::Succeeded);
        self.settled(&late, refund, &RefundAnswer::Rejected { reason: None });
    }

    fn reported(&mut self, found: &Transaction, report: &PaymentResultMessage) -> Transaction {
        let change = found.record_payment_result(report, now()).ok().flatten();
        self.then(found, change)
    }

    fn ipn_taken_up(&mut self, found: &Transaction) -> (IpnLease, Transaction) {
        let (lease, change) = found.lease_ipn(late()).expect("a due report");
        (lease, self.then(found, Some(change)))
    }

    /// Tried until the budget is used up.
    fn exhausted(&mut self, mut transaction: Transaction) {
        while let Some((lease, change)) = transaction.lease_ipn(Timestamp::MAX) {
            let sending = self.then(&transaction, Some(change));
            let failed = sending.record_ipn(lease, told(Decision::Retry), now());
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

    fn settled(&mut self, found: &Transaction, id: RefundId, answer: &RefundAnswer) -> Transaction {
        self.then(found, found.record_refund_outcome(id, answer, now()))
    }
}

fn late() -> Timestamp {
    now().after(Duration::from_hours(1))
}
