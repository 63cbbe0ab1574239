//! What `tikivip doctor` asks: each check looks at one thing that the functions need, and says what to do about a problem.

mod core;
mod file_server;
mod probe;
mod statement;
mod stores;

use std::pin::pin;
use std::time::Duration;

use api::{ApiError, Inbound, Reply};
use futures::future::{Either, select};
use operator_api::check::{CHECKS, FILE_SERVER, Findings};
use signed_http::{BaseUrl, error_chain};
use signing::{GetSigning, HeaderNames, Keyring};

pub use self::file_server::FileServer;
use self::probe::{Probe, ProbeAnswer};
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
        "tiki" => ask_tiki(operator, findings).await?,
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

/// Looks up a transaction that cannot exist at Tiki, and finds out how Tiki expects a GET to be signed.
async fn ask_tiki(operator: &Operator, findings: &mut Findings) -> anyhow::Result<()> {
    let (api, configured) = (&operator.tiki.base, operator.tiki.get_signing);
    // The other side may still have the secret that has ended here. Without any, `setup` says so.
    let Ok(keys) = operator.tiki.keys.for_diagnosis.reload().await else {
        return Ok(());
    };
    let keys = &keys;
    let relative = format!("/transaction?tiki_transaction_id={UNKNOWN_ID}");
    let probe = Probe::new(api, HeaderNames::TIKI, relative, operator.clock.as_ref())?;
    let first = probe.ask(keys, configured, None).await;
    if !reached(
        "Tiki",
        api,
        "TikiEnvironment or TikiApiUrl",
        &first,
        findings,
    ) {
        return Ok(());
    }
    clock("clock against Tiki", &first, findings);
    if first.is_json_answer() {
        let text = format!(
            "accepts our signature of a GET ({}), and answers with code {}",
            configured.as_str(),
            first.code().unwrap_or_default()
        );
        findings.good("Tiki", text);
        return Ok(());
    }
    why_refused(&probe, keys, configured, &first, findings).await;
    Ok(())
}

/// Tiki refuses the signature: tries the known reasons.
async fn why_refused(
    probe: &Probe<'_>,
    keys: &Keyring,
    configured: GetSigning,
    first: &ProbeAnswer,
    findings: &mut Findings,
) {
    let previous = keys.with_previous_as_current();
    let mut suspects = Vec::new();
    for signing in GetSigning::ALL {
        let name = signing.as_str();
        if signing != configured {
            suspects.push((
                keys.clone(),
                signing,
                None,
                format!(
                    "Tiki signs a GET by {name}, but the setting is {}",
                    configured.as_str()
                ),
                format!("deploy with TikiGetSigning={name}"),
            ));
        }
        if let Some(previous) = &previous {
            suspects.push((
                previous.clone(),
                signing,
                None,
                format!("Tiki still has the previous secret (GET signed by {name})"),
                "ask Tiki to use the new secret, or restore the old one; see docs/operations.md#rotate-a-secret".to_owned(),
            ));
        }
        suspects.push((
            keys.clone(),
            signing,
            first.date,
            format!("Tiki accepts our signature only at its own time (GET signed by {name})"),
            "AWS keeps our clock: ask Tiki to look at its own".to_owned(),
        ));
    }
    for (keys, signing, at, text, advice) in suspects {
        if probe.ask(&keys, signing, at).await.is_json_answer() {
            return findings.wrong("Tiki", text, advice);
        }
    }
    let text = format!(
        "refuses our signature (HTTP {}), however a GET is signed",
        first.status.unwrap_or_default()
    );
    findings.wrong(
        "Tiki",
        text,
        "the secret or the client id differs from Tiki's; compare both with the values that Tiki gave you",
    );
}

/// Whether an API answers at this address.
fn reached(
    who: &str,
    base: &BaseUrl,
    parameter: &str,
    answer: &ProbeAnswer,
    findings: &mut Findings,
) -> bool {
    match answer.status {
        None => {
            findings.wrong(
                who,
                format!("{base} cannot be reached: {}", answer.error),
                format!("check {parameter}, and whether the network allows outgoing calls"),
            );
            false
        }
        Some(401 | 403) => true,
        Some(_) if answer.is_json_answer() => true,
        // A page of a proxy, or an answer that broke off: the address is right, and nothing can be changed here.
        Some(status) if status >= 500 || status == 429 || answer.breaks_off => {
            findings.wrong(
                who,
                format!("answers HTTP {status} at {base}, without a code: it is down, or something in front of it is"),
                format!("call {who}; nothing needs to be changed here"),
            );
            false
        }
        Some(status) => {
            findings.wrong(
                who,
                format!("there is no such API at {base}: HTTP {status} without a code"),
                format!("the base URL is wrong; check {parameter}"),
            );
            false
        }
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
