//! Scenarios in which Tiki is down, or says something else than we.

use std::time::Duration;

use super::player::{Bought, Player};
use crate::faults::Fault;

const AMOUNT: u64 = 150_000;
/// Ends in …021: Tiki does not have it (`magic`).
const NOT_FOUND: u64 = 150_021;
/// Ends in …024: Tiki has it as paid with another amount (`magic`).
const OTHER_AMOUNT: u64 = 150_024;
/// An alarm follows when a notification has waited for 15 minutes.
const UNTIL_OVERDUE: Duration = Duration::from_mins(20);
/// The schedule of the notification attempts is over long before that.
const MAX_FORWARDS: u32 = 30;

pub(super) async fn down(player: &mut Player<'_>) -> anyhow::Result<()> {
    unanswered(player).await?;
    player.forward(UNTIL_OVERDUE, "20 minutes").await?;
    player.say("The notification waits, and is sent again and again.");
    player.cure("tikivip doctor");
    player.cure("tikivip list --state unconfirmed");
    player.cure("When Tiki is back (sandbox scenario tiki-down --end), the notification goes out by itself.");
    Ok(())
}

pub(super) async fn denies(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.orders(NOT_FOUND, "Ấm đun nước").await?;
    player.pays(&bought).await?;
    player.say("Tiki says twice that it does not have the order.");
    // The second look-up comes at the earliest after ReversalConfirmAfterSeconds.
    forward_until(player, &bought, "confirmed").await?;
    player.until_refunded(&bought, bought.amount).await?;
    player.say(
        "The payment is reversed: the customer has the money back, and the status is FAILURE.",
    );
    player.cure("One such payment needs nobody. More than five within an hour raise the alarm: tikivip list --state reversing");
    Ok(())
}

pub(super) async fn exhausted(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = unanswered(player).await?;
    forward_until(player, &bought, "exhausted").await?;
    player.say("All ten attempts have failed.");
    player.until_review(&bought, "ipn_exhausted").await?;
    player.cure("Ask Tiki whether it is back (sandbox scenario exhausted --end), then:");
    player.cure(format!(
        "tikivip resend-ipn {} --reason \"Tiki is back\"",
        bought.id
    ));
    Ok(())
}

pub(super) async fn dispute(player: &mut Player<'_>) -> anyhow::Result<()> {
    let not_yours = |code| Fault::Answer {
        status: 200,
        body: format!(r#"{{"code":{code},"message":"not of this partner"}}"#),
    };
    player.tiki.faults.next("ipn", [not_yours(4)]);
    player.tiki.faults.next("look_up", [not_yours(4)]);
    let bought = player.orders(AMOUNT, "Ấm đun nước").await?;
    player.pays(&bought).await?;
    player.say("Tiki refuses the notification, and its look-up, with code 4: the transaction is not this partner's.");
    player.until_review(&bought, "not_of_this_partner").await?;
    player.cure(format!("tikivip lookup {}", bought.id));
    Ok(())
}

pub(super) async fn amount_differs(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.orders(OTHER_AMOUNT, "Ấm đun nước").await?;
    player.pays(&bought).await?;
    player.say(
        "Tiki refuses the notification with code 5, and has the order as paid with 1.000 ₫ more.",
    );
    player.until_review(&bought, "amount_differs").await?;
    player.cure(format!("tikivip lookup {}", bought.id));
    Ok(())
}

/// Tiki does not answer from now on, and the notification of a payment waits.
async fn unanswered(player: &mut Player<'_>) -> anyhow::Result<Bought> {
    player.tiki.faults.standing("ipn", Fault::Down);
    player.tiki.faults.standing("look_up", Fault::Down);
    player.say("Tiki does not answer: the faults `ipn` and `look_up` are `down`.");
    let bought = player.orders(AMOUNT, "Ấm đun nước").await?;
    player.pays(&bought).await?;
    player.until_notification_is(&bought, "retrying").await?;
    Ok(bought)
}

/// Lets time pass from one attempt to the next until the notification is in this state.
async fn forward_until(
    player: &mut Player<'_>,
    bought: &Bought,
    state: &str,
) -> anyhow::Result<()> {
    for _ in 0..MAX_FORWARDS {
        let item = player.handles.item(&bought.id).await?;
        if item["ipn"]["state"] == state {
            return Ok(());
        }
        let due_at = item["ipn_due_at"]
            .as_i64()
            .or(item["refund_due_at"].as_i64());
        let now_ms = player.handles.clock.now_ms();
        let wait_ms = due_at.unwrap_or(now_ms).saturating_sub(now_ms).max(0);
        let wait = Duration::from_millis(wait_ms.unsigned_abs()) + Duration::from_secs(1);
        player.handles.time.forward(wait).await?;
    }
    player.until_notification_is(bought, state).await
}
