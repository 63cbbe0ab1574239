//! Scenarios of the customer: paid, declined, expired, abandoned, paid late.

use std::time::Duration;

use serde_json::json;

use super::player::{Bought, Player};

/// Ends in …001: the core declines it (`magic`).
const DECLINED: u64 = 150_001;
const AMOUNT: u64 = 150_000;
/// Longer than a payment's time and the grace after it.
const PAST_EXPIRY: Duration = Duration::from_hours(1);
/// How long the customer has to pay, in seconds.
const EXPIRES_IN_S: u64 = 900;

pub(super) async fn paid(player: &mut Player<'_>) -> anyhow::Result<()> {
    player.confirmed(AMOUNT, "Ấm đun nước").await.map(drop)
}

pub(super) async fn declined(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.orders(DECLINED, "Ấm đun nước").await?;
    let screen = player
        .customer
        .opens(&bought.payment_url, bought.amount)
        .await?;
    player.customer.presses(&screen, "pay").await?;
    player.say("The customer pays, and the core says: not enough money.");
    until_failed(player, &bought).await
}

pub(super) async fn expired(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = short(player).await?;
    player.say("Nobody opens the payment screen.");
    player.forward(PAST_EXPIRY, "an hour").await?;
    player.say("The core is asked, and has never seen the payment.");
    until_failed(player, &bought).await
}

pub(super) async fn abandoned(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = short(player).await?;
    player
        .customer
        .opens(&bought.payment_url, bought.amount)
        .await?;
    player.say("The customer opens the payment screen, and leaves.");
    player.forward(PAST_EXPIRY, "an hour").await?;
    player.say("The core is asked: not paid.");
    until_failed(player, &bought).await
}

pub(super) async fn paid_late(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = short(player).await?;
    player.forward(PAST_EXPIRY, "an hour").await?;
    until_failed(player, &bought).await?;
    player.core.take_money(&bought.id, bought.amount);
    let result = json!({ "status": "SUCCESS", "amount": bought.amount });
    player.core.send_result(&bought.id, &result).await?;
    player.say("The core takes the money all the same, and says so: too late.");
    player.until_refunded(&bought, bought.amount).await?;
    player.say("The whole amount is refunded by itself. For Tiki the payment stays a failure.");
    Ok(())
}

async fn short(player: &mut Player<'_>) -> anyhow::Result<Bought> {
    let more = json!({ "description": "Ấm đun nước", "expires_in": EXPIRES_IN_S });
    player.orders_with(AMOUNT, more).await
}

async fn until_failed(player: &mut Player<'_>, bought: &Bought) -> anyhow::Result<()> {
    player.until_notification_is(bought, "confirmed").await?;
    player.say("Tiki accepts the notification: FAILURE.");
    Ok(())
}
