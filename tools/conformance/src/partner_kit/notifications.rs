//! The cases of the notification (IPN) that the partner's side sends.

use futures::FutureExt;

use super::bench::Created;
use super::tiki_api::Notification;
use super::{PartnerKit, Play};
use crate::clock;
use crate::verdict::{Stop, Verdict, ensure};

pub(super) const PLAYS: &[(&str, Play)] = &[
    ("TC-90", |kit, _| signed(kit).boxed()),
    ("TC-91", |kit, _| says(kit).boxed()),
    ("TC-92", |kit, _| repeated(kit).boxed()),
    ("TC-93", |kit, _| no_more(kit).boxed()),
];

/// The notification of the paid payment that the kit accepted.
async fn accepted(kit: &PartnerKit) -> Verdict<(&Created, Option<Notification>)> {
    let payment = kit.paid_payment().await?;
    let limit = kit.options.limits.notification;
    Ok((payment, kit.tiki.accepted(&payment.tiki_id, limit).await))
}

/// The same for a case that is about something else.
async fn notified(kit: &PartnerKit) -> Verdict<(&Created, Notification)> {
    let (payment, notification) = accepted(kit).await?;
    let none = || Stop::skipped("no notification was accepted (TC-90)");
    Ok((payment, notification.ok_or_else(none)?))
}

async fn signed(kit: &PartnerKit) -> Verdict {
    let (payment, accepted) = accepted(kit).await?;
    let came = kit.tiki.notifications(&payment.tiki_id);
    let wrong = came.iter().find_map(|n| n.signature.as_ref().err());
    let expected = "a notification, signed right, that repeats after HTTP 500";
    if let Some(problem) = wrong {
        return Err(Stop::failed(expected, problem.clone()));
    }
    ensure(accepted.is_some(), expected, || {
        format!("{} notifications, none of them accepted", came.len())
    })
}

async fn says(kit: &PartnerKit) -> Verdict {
    let (payment, accepted) = notified(kit).await?;
    let body = &accepted.body;
    let right = body["reference_transaction_id"] == payment.tiki_id.as_str()
        && body["transaction_id"] == payment.id.as_str()
        && body["transaction_amount"] == payment.body["transaction_amount"]
        && body["status"] == "SUCCESS";
    let expected = format!(
        "reference_transaction_id {}, transaction_id {}, transaction_amount {}, status SUCCESS",
        payment.tiki_id, payment.id, payment.body["transaction_amount"]
    );
    ensure(right, expected, || body.to_string())
}

async fn repeated(kit: &PartnerKit) -> Verdict {
    let (payment, accepted) = notified(kit).await?;
    let came = kit.tiki.notifications(&payment.tiki_id);
    let first = came.iter().find(|n| n.answered.0 == 500);
    let first = first.ok_or_else(|| Stop::skipped("no notification was answered with 500"))?;
    let same = first.body == accepted.body;
    ensure(
        same,
        format!("the same content again: {}", first.body),
        || accepted.body.to_string(),
    )?;
    let fresh = first.timestamp != accepted.timestamp;
    ensure(fresh, "a repeat with a signature of its own", || {
        format!("the timestamp {} twice", first.timestamp)
    })
}

async fn no_more(kit: &PartnerKit) -> Verdict {
    let (payment, _) = notified(kit).await?;
    clock::wait(kit.options.limits.quiet).await;
    let came = kit.tiki.notifications(&payment.tiki_id);
    let accepted = came.iter().filter(|n| n.answered == (200, 0)).count();
    ensure(accepted == 1, "one notification that was accepted", || {
        format!("{accepted} of them")
    })
}

impl PartnerKit {
    /// The path under which Tiki's routes are.
    pub(super) fn base_path(&self) -> &str {
        self.options.base_path.trim_end_matches('/')
    }
}
