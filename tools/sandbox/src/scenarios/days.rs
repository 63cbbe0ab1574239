//! Scenarios of the reconciliation: a day with differences, and a day with nothing.

use std::time::Duration;

use anyhow::ensure;
use domain::{Day, Timestamp};

use super::player::Player;

/// Until then the day's file is at Tiki: it is due at six in the morning after.
const A_DAY_LATER: Duration = Duration::from_hours(32);
/// An hourly run reads Tiki's answer.
const AN_HOUR: Duration = Duration::from_hours(1);

pub(super) async fn with_differences(player: &mut Player<'_>) -> anyhow::Result<()> {
    let day = today(player)?;
    player.confirmed(150_000, "Ấm đun nước").await?;
    let differs = player.confirmed(220_000, "Chén sứ").await?;
    let unknown = player.confirmed(90_000, "Khăn bông").await?;
    player
        .forward(A_DAY_LATER, "32 hours, past six in the morning")
        .await?;
    player.say("The schedule delivers the day's file to Tiki's SFTP server.");
    player
        .tiki
        .change(&differs.tiki_id, |order| order.amount += 1000);
    player.tiki.forget(&unknown.tiki_id);
    player
        .tiki
        .add_order_only_at_tiki(&format!("{}-ONLY-AT-TIKI", differs.tiki_id), 75_000);
    answer_of_tiki(player)?;
    player.say(
        "Tiki answers: one amount differs, one order it does not have, and one only Tiki has.",
    );
    player.forward(AN_HOUR, "an hour").await?;
    player.say("The hourly run reads Tiki's file: the differences are findings.");
    report(player, day);
    player.cure("tikivip reconciliation");
    player.cure("When both companies have resolved one: tikivip close-finding …");
    Ok(())
}

pub(super) async fn quiet(player: &mut Player<'_>) -> anyhow::Result<()> {
    player
        .forward(Duration::from_hours(24), "a day, in which nobody buys")
        .await?;
    let day = today(player)?;
    player
        .forward(A_DAY_LATER, "32 hours, past six in the morning")
        .await?;
    player.say("The schedule delivers a file without a line: Tiki sees that the day was quiet, and not forgotten.");
    answer_of_tiki(player)?;
    player.forward(AN_HOUR, "an hour").await?;
    report(player, day);
    Ok(())
}

fn today(player: &Player<'_>) -> anyhow::Result<Day> {
    let now = Timestamp::from_unix_ms(player.handles.clock.now_ms())?;
    Ok(now.vietnamese_day())
}

fn answer_of_tiki(player: &Player<'_>) -> anyhow::Result<()> {
    let answered = player.tiki.reconcile(&player.handles.sftp_folder)?;
    ensure!(
        !answered.is_empty(),
        "no file of the partner is at Tiki's SFTP server"
    );
    Ok(())
}

fn report(player: &mut Player<'_>, day: Day) {
    let s3 = &player.handles.pages.s3;
    let report = format!("{s3}/_sandbox/files/ReconciliationBucket/{day}/report.html");
    player.see(report);
}
