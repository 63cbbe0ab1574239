//! A day of payments, each made from its number: so a day of any size takes no memory, and is always the same.

use domain::{Day, TikiTransactionId, Timestamp, TransactionId, Vnd};
use uuid::Uuid;

/// What is given back of each payment that has a refund, in VND.
pub(crate) const REFUND_VND: u64 = 4_321;
/// Tiki's idempotency key of each refund.
pub(crate) const REQUEST_ID: &str = "R-1";

/// Of eleven payments the last one is declined, and the sixth one has a refund: so a million payments that were made
/// come with 100,000 refunds and 100,000 declined payments.
const CYCLE: u64 = 11;
const DECLINED: u64 = 10;
const REFUNDED: u64 = 5;

/// One payment of so many is in a file of the other side with another amount.
const PAYMENTS_PER_DIFFERENCE: u64 = 5_000;

/// A day with so many payments that were made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlayedDay {
    pub(crate) day: Day,
    made: u64,
}

/// A payment of the day.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) number: u64,
    pub(crate) tiki_id: TikiTransactionId,
    pub(crate) id: TransactionId,
    pub(crate) amount_vnd: u64,
    pub(crate) final_at: Timestamp,
}

impl PlayedDay {
    /// A day with this number of payments that were made, rounded up to whole tens.
    pub(crate) fn with_payments(made: u64) -> Self {
        Self {
            day: "2026-11-20".parse().unwrap(),
            made: made.max(1).next_multiple_of(10),
        }
    }

    /// Payments that were made.
    pub(crate) fn made(self) -> u64 {
        self.made
    }

    /// Payments that were made or declined.
    pub(crate) fn payments(self) -> u64 {
        self.made + self.made / 10
    }

    pub(crate) fn refunds(self) -> u64 {
        self.made / 10
    }

    /// The payment of a number below [`Self::payments`]. A later number is final later, and all are on the day.
    pub(crate) fn payment(self, number: u64) -> Payment {
        let tiki_id = tiki_id(number);
        let start = self.day.start().unix_ms();
        // The refund follows a millisecond later.
        let length = u64::try_from(self.day.end_exclusive().unix_ms() - start - 1).unwrap();
        let after = i64::try_from(number * length / self.payments()).unwrap();
        Payment {
            number,
            id: TransactionId::derive(&tiki_id),
            tiki_id,
            amount_vnd: 10_000 + number * 7_919 % 5_000_000,
            final_at: Timestamp::from_unix_ms(start + after).unwrap(),
        }
    }

    /// All payments of the day, in the order of their times.
    pub(crate) fn all(self) -> impl Iterator<Item = Payment> {
        (0..self.payments()).map(move |number| self.payment(number))
    }

    /// The number of payments whose amount is another one in the files of Tiki and of the core.
    pub(crate) fn differences(self) -> u64 {
        let numbers = (0..self.payments()).filter(|number| differs(*number));
        u64::try_from(numbers.count()).unwrap()
    }
}

impl Payment {
    pub(crate) fn amount(&self) -> Vnd {
        Vnd::new(self.amount_vnd).unwrap()
    }

    pub(crate) fn is_made(&self) -> bool {
        self.number % CYCLE != DECLINED
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.is_made() { "SUCCESS" } else { "FAILURE" }
    }

    pub(crate) fn is_refunded(&self) -> bool {
        self.number % CYCLE == REFUNDED
    }

    /// The number of the payment that has the refund of this number.
    pub(crate) fn of_refund(refund: u64) -> u64 {
        refund * CYCLE + REFUNDED
    }

    pub(crate) fn created_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.final_at.unix_ms() - 60_000).unwrap()
    }

    pub(crate) fn refunded_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.final_at.unix_ms() + 1).unwrap()
    }

    /// The id of its refund, which follows from its cause.
    pub(crate) fn refund_id(&self) -> Uuid {
        let transaction = Uuid::from_bytes(self.id.to_bytes());
        Uuid::new_v5(&transaction, format!("tiki\n{REQUEST_ID}").as_bytes())
    }

    /// The amount in the files of Tiki and of the core.
    pub(crate) fn amount_elsewhere(&self) -> u64 {
        self.amount_vnd + u64::from(differs(self.number))
    }
}

fn tiki_id(number: u64) -> TikiTransactionId {
    let text = format!("261120TIKIVIP-{number}-1795000000");
    text.parse().unwrap()
}

/// The number in an id of Tiki.
pub(crate) fn number_in(tiki_id: &str) -> u64 {
    tiki_id.split('-').nth(1).unwrap().parse().unwrap()
}

fn differs(number: u64) -> bool {
    number % PAYMENTS_PER_DIFFERENCE == 7 && number % CYCLE != DECLINED
}
