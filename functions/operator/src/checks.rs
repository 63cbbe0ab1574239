//! What `tikivip doctor` asks: each check looks at one thing that the functions need, and says what to do about a problem.

mod core;
mod file_server;
mod probe;
mod statement;
mod stores;
mod tiki;

use std::pin::pin;
use std::time::Duration;

use api::{ApiError, Inbound, Reply};
use futures::future::{Either, select};
use operator_api::check::{CHECKS, FILE_SERVER, Findings};
use signed_http::error_chain;

pub use self::file_server::FileServer;
use self::probe::ProbeAnswer;
use crate::counterparties::SideKeys;
use crate::{Operator, answer};

/// A larger difference of two clocks is a problem. Signatures are refused only from five minutes on.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(30);

/// An id that no transaction has.
const UNKNOWN_ID: &str = "TIKIVIP-DOCTOR";

/// So long a check may take: a counterparty that hangs must not hide what was found before.
pub const TIME_OF_A_CHECK: Duration = Duration::from_secs(24);

/// Makes a check that changes nothing anywhere.
pub(crate) async fn check(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let name = request.path_parameter("check");
    if !CHECKS.contains(&name) {
        return Ok(answer::not_found("this check"));
    }
    in_time(operator, name).await
}

/// Tries each right at Tiki's file server, with a file of our own.
pub(crate) async fn try_file_server(operator: &Operator) -> Result<Reply, ApiError> {
    in_time(operator, FILE_SERVER).await
}

async fn in_time(operator: &Operator, name: &str) -> Result<Reply, ApiError> {
    let mut findings = Findings::default();
    let made = {
        let making = pin!(make(operator, name, &mut findings));
        match select(making, operator.clock.sleep(TIME_OF_A_CHECK)).await {
            Either::Left((made, _)) => Some(made),
            Either::Right(_) => None,
        }
    };
    match made {
        Some(made) => made?,
        None => findings.wrong(
            name,
            format!(
                "the check is not done after {} s",
                TIME_OF_A_CHECK.as_secs()
            ),
            match name {
                FILE_SERVER => file_server::MAY_BE_LEFT,
                _ => "whoever is asked answers slowly: try again",
            },
        ),
    }
    Ok(answer::shown(&findings))
}

async fn make(operator: &Operator, name: &str, findings: &mut Findings) -> anyhow::Result<()> {
    match name {
        "tiki" => tiki::check(operator, findings).await?,
        "core" => core::check(operator, findings).await?,
        "statement" => statement::check(operator, findings).await,
        FILE_SERVER => file_server::check(operator.file_server.as_ref(), findings).await,
        _ => {
            // The function would not have started with a setting that is missing or malformed.
            findings.good("settings", "every setting is there and valid");
            secret("secret of Tiki", &operator.tiki.keys, findings).await;
            secret("secret of the core", &operator.core.keys, findings).await;
            stores::check(operator, findings).await;
        }
    }
    Ok(())
}

async fn secret(what: &str, keys: &SideKeys, findings: &mut Findings) {
    // Read anew: whoever has just stored a secret wants to know whether it is there.
    match keys.accepted.reload().await {
        Err(error) => findings.wrong(
            what,
            error_chain(&error),
            "store it with `aws secretsmanager put-secret-value --secret-id … --secret-string file://secret.json`, as docs/operations.md#rotate-a-secret says",
        ),
        Ok(keys) if keys.has_previous() => {
            findings.good(what, "found; the previous secret is still accepted");
        }
        Ok(_) => findings.good(what, "found"),
    }
}

fn clock(what: &'static str, answer: &ProbeAnswer, findings: &mut Findings) {
    let Some(theirs) = answer.date else {
        return findings.doubtful(
            what,
            "the answer has no Date header",
            "compare the clocks by hand",
        );
    };
    let ahead = theirs.since(answer.ours);
    let behind = answer.ours.since(theirs);
    let differ = ahead.max(behind);
    let text = format!("differs by {} s", differ.as_secs());
    if differ <= MAX_CLOCK_DIFFERENCE {
        findings.good(what, text);
    } else {
        let which = if behind > ahead { "ahead" } else { "behind" };
        findings.wrong(
            what,
            format!("our clock is {} s {which}", differ.as_secs()),
            "AWS keeps our clock: the other side must set its own. From 5 minutes on signatures are refused",
        );
    }
}
