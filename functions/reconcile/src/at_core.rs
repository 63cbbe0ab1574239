//! One payment or refund beside the core's statement: the core is asked if its word is needed, and what follows is
//! recorded.

use anyhow::Context;
use core_api::FoundRefund;
use domain::{
    Day, PaymentAnswer, PaymentResult, PaymentResultMessage, RefundAnswer, RefundId, Transaction,
    TransactionId,
};
use reconciliation::plan::core_check::{CoreCheck, ours_of_refund};
use reconciliation::record::{CoreWord, Ours, StatementWord, Subject};
use reconciliation::statement::refund::CoreRefund;
use reconciliation::statement::{InStatement, payment, refund};

use crate::Reconcile;
use crate::statement::CoreBooks;

impl Reconcile {
    /// Asks the core about a payment, if its word is needed, and records what follows. What the core took and never
    /// reported is recorded like any result of it: then the ordinary rules decide.
    pub(crate) async fn check_payment_at_core(
        &self,
        core: &CoreBooks,
        day: Day,
        id: TransactionId,
        statement: StatementWord,
    ) -> anyhow::Result<bool> {
        let mut ours = self.transactions.load(id).await?;
        let mut answer = None;
        if payment::asks_core(ours.as_ref(), statement.has) {
            let said = core.core.payment(id).await;
            if let Some(t) = ours.take() {
                ours = Some(self.record_answer(t, &said).await?);
            }
            answer = Some(said);
        }
        let judged =
            |tiki| payment::judge(ours.as_ref(), statement.has, answer.as_ref(), tiki, day);
        let mut tiki = None;
        if !judged(None).is_matched()
            && let Some(t) = &ours
        {
            tiki = Some(self.tiki.look_up(t.tiki_id(), Some(t.id())).await.answer);
        }
        let check = CoreCheck {
            transaction_id: ours.as_ref().map(Transaction::id),
            ours: ours.as_ref().map(Ours::of),
            statement,
            core: answer
                .as_ref()
                .zip(ours.as_ref())
                .map(|(answer, t)| CoreWord::of_payment(answer, t.order().amount)),
            tiki,
            judgement: judged(tiki),
        };
        self.record_core_check(day, &Subject::AtCore { transaction: id }, &check)
            .await
    }

    /// Records a clear answer of the core like a result of it: what it never reported, and what contradicts our record.
    /// What only repeats our record is no news.
    async fn record_answer(
        &self,
        t: Transaction,
        said: &PaymentAnswer,
    ) -> anyhow::Result<Transaction> {
        let taken = t.money_taken().is_some();
        let message = match said {
            PaymentAnswer::Paid { amount, details } if !taken || *amount != t.order().amount => {
                PaymentResultMessage {
                    amount: Some(*amount),
                    result: PaymentResult::Paid(details.clone()),
                }
            }
            PaymentAnswer::Failed { reason } => PaymentResultMessage {
                amount: None,
                result: PaymentResult::Declined {
                    reason: reason.clone(),
                },
            },
            PaymentAnswer::Paid { .. }
            | PaymentAnswer::NotPaid
            | PaymentAnswer::Pending
            | PaymentAnswer::Unreadable
            | PaymentAnswer::Unknown => return Ok(t),
        };
        let id = t.id();
        let now = self.clock.now();
        let updated = self
            .transactions
            .apply(t, |t| t.record_payment_result(&message, now).change)
            .await?;
        if updated.written {
            tracing::warn!(%id, "the core had never reported this of the payment: it is recorded now");
        }
        Ok(updated.transaction)
    }

    /// Asks the core about a refund, if its word is needed, and records what follows.
    pub(crate) async fn check_refund_at_core(
        &self,
        core: &CoreBooks,
        day: Day,
        (id, name): (TransactionId, &str),
        statement: StatementWord,
    ) -> anyhow::Result<bool> {
        let found = self.transactions.load(id).await?;
        let refund_id: Option<RefundId> = name.parse().ok();
        let of_ours = found.as_ref().zip(refund_id);
        let of_ours = of_ours.and_then(|(t, id)| t.refund_by_id(id));
        let mut answer = None;
        if let Some(ours) = of_ours.filter(|_| refund::asks_core(of_ours, statement.has)) {
            answer = Some(meaning(&core.core.find_refund(ours).await));
        }
        let check = CoreCheck {
            transaction_id: found.as_ref().map(Transaction::id),
            ours: found
                .as_ref()
                .zip(of_ours)
                .map(|(t, ours)| ours_of_refund(t, ours.amount)),
            statement,
            core: answer.map(CoreWord::from),
            tiki: None,
            judgement: refund::judge(of_ours, statement.has, answer, day),
        };
        let subject = Subject::RefundAtCore {
            transaction: id,
            refund: name.to_owned(),
        };
        self.record_core_check(day, &subject, &check).await
    }

    /// Records a check. Only what is not in order, or was not before, is a finding. The answer is whether it is one.
    async fn record_core_check(
        &self,
        day: Day,
        subject: &Subject,
        check: &CoreCheck,
    ) -> anyhow::Result<bool> {
        let in_order = check.judgement.is_matched();
        let finding = self.update_finding(day, subject, in_order, |finding, now| {
            check.record(finding, now);
        });
        Ok(finding.await?.is_some())
    }

    /// The statement's word, if it is as our record has it.
    pub(crate) async fn as_ours(&self, subject: &Subject) -> anyhow::Result<InStatement> {
        let id = subject.at_core().context("a finding about the core")?;
        let found = self.transactions.load(id).await?;
        let amount = found.and_then(|t| match subject {
            Subject::RefundAtCore { refund, .. } => {
                let refund = t.refund_by_id(refund.parse().ok()?)?;
                refund.back_at().map(|_| refund.amount)
            }
            _ => t.money_taken().map(|_| t.order().amount),
        });
        Ok(amount.map_or(InStatement::Never, InStatement::Once))
    }

    /// Checks a finding about the core again, with what the statement had. The answer is whether it is one still.
    pub(crate) async fn check_again_at_core(
        &self,
        core: &CoreBooks,
        day: Day,
        subject: &Subject,
        word: StatementWord,
    ) -> anyhow::Result<bool> {
        match subject {
            Subject::AtCore { transaction } => {
                self.check_payment_at_core(core, day, *transaction, word)
                    .await
            }
            Subject::RefundAtCore {
                transaction,
                refund,
            } => {
                self.check_refund_at_core(core, day, (*transaction, refund), word)
                    .await
            }
            Subject::Payment { .. } | Subject::Refund { .. } | Subject::Line { .. } => Ok(false),
        }
    }
}

fn meaning(answer: &FoundRefund) -> CoreRefund {
    match answer {
        FoundRefund::NeverSeen => CoreRefund::NeverSeen,
        FoundRefund::Known(RefundAnswer::Succeeded) => CoreRefund::Succeeded,
        FoundRefund::Known(RefundAnswer::Rejected { .. }) => CoreRefund::Rejected,
        FoundRefund::Known(RefundAnswer::Pending) => CoreRefund::Pending,
        FoundRefund::Known(RefundAnswer::Unknown) => CoreRefund::Unknown,
    }
}
