//! Scenarios in which the core contradicts itself, is slow, or does not give money back.

use std::time::Duration;

use serde_json::json;

use super::player::{Bought, Player};
use crate::faults::Fault;

const AMOUNT: u64 = 150_000;
/// Ends in …004: the core takes it twice (`magic`).
const PAID_TWICE: u64 = 150_004;
/// Ends in …005: the core takes its result back (`magic`).
const TAKEN_BACK: u64 = 150_005;
const REFUND: u64 = 40_000;
/// Ends in …012: the core rejects the refund (`magic`).
const REJECTED_REFUND: u64 = 40_012;
/// An alarm follows when a refund has had no outcome for 15 minutes.
const UNTIL_OVERDUE: Duration = Duration::from_hours(1);
/// Longer than a call of Tiki waits for the core: 20 seconds (docs/core.md).
const SLOW_MS: u64 = 22_000;

pub(super) async fn paid_twice(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.orders(PAID_TWICE, "Ấm đun nước").await?;
    player.pays(&bought).await?;
    player.say("The core reports the payment once more, under another reference: two debits of one customer.");
    player.until_review(&bought, "second_debit").await?;
    player.cure("Have the core give the second debit back; then tikivip resolve … --as handled");
    Ok(())
}

pub(super) async fn chargeback(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.orders(TAKEN_BACK, "Ấm đun nước").await?;
    player.pays(&bought).await?;
    player.say("The core takes its word back: not paid, after it was paid. Tiki has it as paid.");
    player.until_review(&bought, "failed_after_paid").await?;
    player.cure("Ask the core whose money it is; then tikivip resolve … --as handled");
    Ok(())
}

pub(super) async fn refund_pending(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.confirmed(AMOUNT, "Ấm đun nước").await?;
    player.core.faults.standing("find_refund", Fault::Down);
    player.core.faults.standing("refund", Fault::Down);
    refund(player, &bought, REFUND, 12).await?;
    player.say("The core does not answer: the refund has no outcome, and Tiki gets code 12.");
    player.forward(UNTIL_OVERDUE, "an hour").await?;
    player.cure("tikivip doctor");
    player.cure("tikivip list --state unknown");
    player.cure("When the core is back (sandbox scenario refund-pending --end), the refund gets its outcome by itself.");
    Ok(())
}

pub(super) async fn refund_rejected(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.confirmed(AMOUNT, "Ấm đun nước").await?;
    refund(player, &bought, REJECTED_REFUND, 9).await?;
    player.say(
        "The core rejects the refund, Tiki gets code 9, and the amount can be refunded again.",
    );
    Ok(())
}

pub(super) async fn slow(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.confirmed(AMOUNT, "Ấm đun nước").await?;
    player
        .core
        .faults
        .next("refund", [Fault::Late { ms: SLOW_MS }]);
    let request_id = refund(player, &bought, REFUND, 12).await?;
    player.say(
        "The core needs 22 seconds: Tiki gets code 12, \"in progress\", and asks again later.",
    );
    player
        .forward(Duration::from_mins(5), "five minutes")
        .await?;
    player.until_refunded(&bought, REFUND).await?;
    let again = player
        .tiki
        .refund(&bought.tiki_id, &bought.id, &request_id, REFUND)
        .await?;
    player.say(format!(
        "The money went back once. The repeat of the refund gets code {}.",
        again.code().unwrap_or_default()
    ));
    Ok(())
}

/// Tiki asks for a refund, and must get this code. Returns its `request_id`.
async fn refund(
    player: &mut Player<'_>,
    bought: &Bought,
    amount: u64,
    code: i64,
) -> anyhow::Result<String> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let answer = player
        .tiki
        .refund(&bought.tiki_id, &bought.id, &request_id, amount)
        .await?;
    anyhow::ensure!(
        answer.code() == Some(code),
        "the refund was answered with {}, and not with code {code}: {}",
        answer.status,
        json!(answer.text)
    );
    Ok(request_id)
}
