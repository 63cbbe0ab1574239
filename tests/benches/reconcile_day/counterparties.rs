//! Tiki and the core, played, and the morning on which the day is reconciled.

use std::time::Duration;

use async_trait::async_trait;
use core_api::{Core, FoundRefund, StatementError, StatementPage, Statements};
use domain::{
    Clock, Day, PaymentAnswer, Refund, RefundAnswer, Timestamp, Transaction, TransactionId, Vnd,
};
use reconciliation::statement::entry::{Entry, EntryKind};
use serde_json::json;
use signed_http::{Answer, Outgoing, Transport, TransportError};
use signing::{ClientSecret, KeyError, KeyProvider, Keyring};

use crate::day::{PlayedDay, REFUND_VND, number_in};

/// The payments of a page of the core's statement. With their refunds there are not more entries than a page may have.
const PAYMENTS_PER_PAGE: u64 = 900;

/// Seven o'clock on the morning after the day. No time passes, so nothing is interrupted.
pub(crate) struct Morning;

#[async_trait]
impl Clock for Morning {
    fn now(&self) -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-21T07:00:00+07:00").unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

/// The keys for Tiki.
pub(crate) struct PlayedKeys;

#[async_trait]
impl KeyProvider for PlayedKeys {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        Ok(Keyring::new("bench", ClientSecret::new("a secret")))
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        self.keys().await
    }
}

/// Tiki's look-up, which has each payment as we have it.
pub(crate) struct PlayedTiki(pub(crate) PlayedDay);

#[async_trait]
impl Transport for PlayedTiki {
    async fn send(&self, request: Outgoing, _: Duration) -> Result<Answer, TransportError> {
        let (_, id) = request.url.split_once("tiki_transaction_id=").unwrap();
        let payment = self.0.payment(number_in(id));
        let said = json!({
            "code": 0,
            "tiki_transaction_id": payment.tiki_id.to_string(),
            "status": payment.status(),
            "amount": payment.amount_vnd,
        });
        Ok(Answer {
            status: 200,
            body: said.to_string().into_bytes(),
        })
    }
}

/// The core, which answers with its statement page by page. What differs has another amount in the statement, and that
/// says enough: no payment is asked for.
pub(crate) struct PlayedCore(pub(crate) PlayedDay);

#[async_trait]
impl Core for PlayedCore {
    async fn refund(&self, _: &Transaction, _: &Refund, _: Duration) -> RefundAnswer {
        unreachable!("reconciliation gives nothing back")
    }

    async fn find_refund(&self, _: &Refund) -> FoundRefund {
        unreachable!("each refund is in the statement")
    }

    async fn payment(&self, _: TransactionId) -> PaymentAnswer {
        unreachable!("each payment is in the statement")
    }
}

#[async_trait]
impl Statements for PlayedCore {
    async fn page(&self, _: Day, cursor: Option<&str>) -> Result<StatementPage, StatementError> {
        let from: u64 = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let end = (from + PAYMENTS_PER_PAGE).min(self.0.payments());
        let mut entries = Vec::new();
        for payment in (from..end).map(|number| self.0.payment(number)) {
            if !payment.is_made() {
                continue;
            }
            entries.push(Ok(Entry {
                kind: EntryKind::Payment,
                id: format!("B-{}", payment.number),
                transaction_id: payment.id,
                amount: Vnd::new(payment.amount_elsewhere()).unwrap(),
                at: payment.final_at,
                reference: Some(format!("FT{}", payment.number)),
            }));
            if payment.is_refunded() {
                entries.push(Ok(Entry {
                    kind: EntryKind::Refund,
                    id: payment.refund_id().to_string(),
                    transaction_id: payment.id,
                    amount: Vnd::new(REFUND_VND).unwrap(),
                    at: payment.refunded_at(),
                    reference: None,
                }));
            }
        }
        Ok(StatementPage {
            entries,
            next: (end < self.0.payments()).then(|| end.to_string()),
        })
    }
}
