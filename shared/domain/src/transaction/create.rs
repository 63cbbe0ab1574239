//! A new transaction (docs/architecture.md#what-tiki-calls).

use std::time::Duration;

use super::data::{Kept, Order, Snapshot, Transaction};
use crate::audit_trail::{self, AuditEvent};
use crate::ids::{TikiTransactionId, TransactionId};
use crate::money::Vnd;
use crate::payment::PaymentState;
use crate::refusal::Refusal;
use crate::schedule::Due;
use crate::time::Timestamp;

/// The smallest and largest payment that the partner takes. Refunds are not bound by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountLimits {
    /// Smallest payment, in VND.
    pub min: Vnd,
    /// Largest payment, in VND.
    pub max: Vnd,
}

/// A new transaction that is not stored yet.
#[must_use = "a transaction does not exist until the store has created it"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created(Transaction);

impl Created {
    /// The transaction as it will be.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.0
    }
}

impl Transaction {
    /// A new transaction. It is pending until the core sends a payment result; `expiry_grace` after its expiry the
    /// core is asked.
    pub fn create(
        tiki_id: &TikiTransactionId,
        order: Order,
        limits: AmountLimits,
        expiry_grace: Duration,
        now: Timestamp,
    ) -> Result<Created, Refusal> {
        if order.amount < limits.min || order.amount > limits.max {
            return Err(Refusal::InvalidAmount {
                field: "transaction_amount",
                problem: format!("must be from {} to {} VND", limits.min, limits.max),
            });
        }
        let mut trail = Vec::new();
        audit_trail::note(&mut trail, AuditEvent::Created, now);
        let expires_at = now.after(Duration::from_secs(order.expires_in_s.into()));
        Ok(Created(Self {
            data: Snapshot {
                id: TransactionId::derive(tiki_id),
                tiki_id: tiki_id.clone(),
                order,
                content_hash: None,
                created_at: now,
                expires_at,
                updated_at: now,
                payment: PaymentState::Pending {
                    expiry_check: Due {
                        due_at: expires_at.after(expiry_grace),
                        attempts: 0,
                    },
                },
                raised: Vec::new(),
                refunds: Vec::new(),
                audit_trail: trail,
                proposal: None,
                kept: Kept::default(),
                version: 1,
            },
        }))
    }

    /// Whether this transaction is the one that was asked for, if Tiki's id was given too.
    pub fn is_of(&self, tiki_id: Option<&TikiTransactionId>) -> Result<(), Refusal> {
        if tiki_id.is_some_and(|tiki_id| *tiki_id != self.data.tiki_id) {
            return Err(Refusal::IdsDisagree);
        }
        Ok(())
    }
}
