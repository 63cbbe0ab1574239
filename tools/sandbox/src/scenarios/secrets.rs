//! Scenarios of the secret between Tiki and the partner.

use std::time::Duration;

use anyhow::Context;
use signing::{ClientSecret, Keyring};

use super::player::Player;
use crate::caller::Caller;

const AMOUNT: u64 = 150_000;
/// What Tiki has by mistake, and what a rotation puts in.
const OTHER: &str = "another-secret-that-tiki-has-by-mistake";
const NEXT: &str = "the-next-secret-between-tiki-and-partner";
/// The alarm `SignaturesRefused` follows after more than this many refused calls.
const REFUSED_CALLS: u32 = 25;
/// The alarm `PreviousSecretUsed` follows a week after the rotation.
const UNTIL_LATE: Duration = Duration::from_hours(8 * 24);

pub(super) async fn wrong(player: &mut Player<'_>) -> anyhow::Result<()> {
    let bought = player.orders(AMOUNT, "Ấm đun nước").await?;
    player.tiki.expect_keys(keys(player, OTHER));
    player.say("Tiki has another secret from now on.");
    player.pays(&bought).await?;
    player.until_notification_is(&bought, "retrying").await?;
    player.say(
        "Tiki refuses our signature with 401: the notification is sent again, up to ten times.",
    );
    let mistaken = Caller {
        keys: keys(player, OTHER),
        ..player.tiki.caller.clone()
    };
    for _ in 0..REFUSED_CALLS {
        let body = serde_json::json!({ "tiki_transaction_id": bought.tiki_id });
        mistaken
            .post("/tikivip/v1/transactions/query", &body)
            .await?;
    }
    player.say("Tiki's own calls are refused, too: 401, code 97.");
    player.cure("tikivip doctor");
    player.cure("tikivip verify … explains a refused signature");
    player.cure("When Tiki has the right secret (sandbox scenario wrong-secret --end), the notification goes out by itself.");
    Ok(())
}

pub(super) fn end_of_wrong(player: &mut Player<'_>) {
    player.tiki.expect_keys(player.tiki.caller.keys.clone());
    player.say("Tiki has the right secret again.");
}

pub(super) async fn rotated(player: &mut Player<'_>) -> anyhow::Result<()> {
    let arn = arn(player)?;
    let both = keys(player, NEXT).accepting(current(player)?);
    player.tiki.expect_keys(both);
    player.handles.secrets.put(&arn, NEXT);
    player.say("The secret is rotated: the functions sign with the new one and accept both. Tiki still signs with the old one.");
    // Eight days of hourly runs would take minutes: here the secret's versions become older.
    player.handles.secrets.age(&arn, UNTIL_LATE);
    for function in player.handles.gateway.functions.values() {
        function.stop().await;
    }
    player.say("Eight days have passed since then.");
    player.confirmed(AMOUNT, "Ấm đun nước").await?;
    player.say("Tiki's calls are still accepted, and counted: the old secret is in use.");
    player.cure("tikivip doctor");
    player.cure("Ask Tiki to sign with the new secret (docs/operations.md, Rotate a secret).");
    player.cure("sandbox scenario rotated-secret --end takes the rotation back");
    Ok(())
}

pub(super) fn end_of_rotated(player: &mut Player<'_>) -> anyhow::Result<()> {
    let arn = arn(player)?;
    let secret = player
        .handles
        .secrets
        .previous(&arn)
        .context("nothing was rotated")?;
    let old = player.tiki.caller.keys.clone();
    player
        .tiki
        .expect_keys(old.accepting(Some(ClientSecret::new(NEXT))));
    player.handles.secrets.put(&arn, &secret);
    player.say("The rotation is taken back: both sides sign with the old secret.");
    Ok(())
}

fn keys(player: &Player<'_>, secret: &str) -> Keyring {
    let id = player.tiki.caller.keys.client_id().to_owned();
    Keyring::new(id, ClientSecret::new(secret))
}

fn arn(player: &Player<'_>) -> anyhow::Result<String> {
    let found = player.handles.gateway.plan.secrets.get("TikiSecret");
    found.cloned().context("the template has no TikiSecret")
}

fn current(player: &Player<'_>) -> anyhow::Result<Option<ClientSecret>> {
    let current = player.handles.secrets.current(&arn(player)?);
    Ok(current.map(ClientSecret::new))
}
