//! `tikivip doctor`: checks the configuration and the connections, and says what to do about each problem.

mod file_server;
mod findings;
mod probe;
mod statement;
mod tables;

use std::time::Duration;

use domain::TransactionId;
use lambda::config::{
    Env, Identity, Links, StatementSetting, TableName, core_url, get_signing, signature_window,
    tiki_api,
};
use signed_http::{BaseUrl, error_chain};
use signing::{GetSigning, HeaderNames, Keyring};

use self::findings::{Findings, Health, table};
use self::probe::{Probe, ProbeAnswer};
use crate::cli::{Counterparty, Form};
use crate::context::CommandContext;
use crate::output::{self, Outcome};

/// A larger difference of two clocks is a problem. Signatures are refused only from five minutes on.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(30);

/// An id that no transaction has.
const UNKNOWN_ID: &str = "TIKIVIP-DOCTOR";

/// Runs all checks.
pub(super) async fn doctor(context: &CommandContext, form: Form) -> anyhow::Result<Outcome> {
    let mut findings = Findings::default();
    configuration(context, &mut findings);
    let tiki = secret(context, Counterparty::Tiki, &mut findings).await;
    let core = secret(context, Counterparty::Core, &mut findings).await;
    tables::check(context, &mut findings).await;
    if let Some(keys) = &tiki {
        ask_tiki(context, keys, &mut findings).await?;
    }
    if let Some(keys) = &core {
        ask_core(context, keys, &mut findings).await?;
    }
    statement::check(context, &mut findings).await?;
    file_server::check(context, &mut findings).await;
    output::print(form, &findings.0, |findings| table(findings));
    let wrong = |finding: &findings::Finding| finding.state == Health::Wrong;
    Ok(if findings.0.iter().any(wrong) {
        Outcome::Wrong
    } else {
        Outcome::Done
    })
}

fn configuration(context: &CommandContext, findings: &mut Findings) {
    let read = |env: &Env| {
        let parts = (
            Identity::tiki(env).map(drop),
            Identity::core(env).map(drop),
            tiki_api(env).map(drop),
            core_url(env).map(drop),
            get_signing(env).map(drop),
            signature_window(env).map(drop),
            TableName::transactions(env).map(drop),
            TableName::sessions(env).map(drop),
            TableName::reconciliation(env).map(drop),
            StatementSetting::read(env).map(drop),
            Links::read(env).map(drop),
        );
        Ok(parts)
    };
    match context.aws().env.load(read) {
        Ok(_) => findings.good("configuration", "every variable is set and valid"),
        Err(error) => {
            for problem in error.0 {
                findings.wrong(
                    "configuration",
                    problem,
                    "save the stack's output OperatorSettings again, and pass the file with --settings",
                );
            }
        }
    }
}

async fn secret(
    context: &CommandContext,
    counterparty: Counterparty,
    findings: &mut Findings,
) -> Option<Keyring> {
    let what = match counterparty {
        Counterparty::Tiki => "secret of Tiki",
        Counterparty::Core => "secret of the core",
    };
    let advice = "store it with `aws secretsmanager put-secret-value --secret-id … --secret-string file://secret.json`, as docs/operations.md#rotate-a-secret says";
    let provider = context.provider(counterparty).await.ok()?;
    match provider.keys().await {
        Err(error) => {
            findings.wrong(what, error_chain(&error), advice);
            return None;
        }
        Ok(keys) if keys.has_previous() => {
            findings.good(what, "found; the previous secret is still accepted");
        }
        Ok(_) => findings.good(what, "found"),
    }
    // The other side may still have the secret that has ended here.
    context.keys_for_diagnosis(counterparty).await.ok()
}

/// Looks up a transaction that cannot exist at Tiki, and finds out how Tiki expects a GET to be signed.
async fn ask_tiki(
    context: &CommandContext,
    keys: &Keyring,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let configured = context.aws().env.load(|env| {
        let (api, signing) = (tiki_api(env), get_signing(env));
        Ok((api?, signing?))
    });
    let Ok((api, configured)) = configured else {
        return Ok(());
    };
    let relative = format!("/transaction?tiki_transaction_id={UNKNOWN_ID}");
    let probe = Probe::new(api.clone(), HeaderNames::TIKI, relative, context)?;
    let first = probe.ask(keys, configured, None).await;
    if !reached(
        "Tiki",
        &api,
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
            "set this machine's clock; if Tiki also refuses the functions, Tiki's clock is wrong"
                .to_owned(),
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

async fn ask_core(
    context: &CommandContext,
    keys: &Keyring,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let Ok(base) = context.aws().env.load(core_url) else {
        return Ok(());
    };
    let unknown = TransactionId::from_bytes([0; 16]);
    let relative = format!("/payments/{unknown}");
    let probe = Probe::new(base.clone(), HeaderNames::PARTNER, relative, context)?;
    let answer = probe.ask(keys, GetSigning::RelativePath, None).await;
    if answer.status != Some(404) && !reached("core", &base, "CoreUrl", &answer, findings) {
        return Ok(());
    }
    clock("clock against the core", &answer, findings);
    match answer.status {
        Some(404) => findings.good("core", "answers 404 for a payment that cannot exist"),
        Some(401 | 403) => {
            let previous = keys.with_previous_as_current();
            let with_previous = match &previous {
                Some(previous) => {
                    probe
                        .ask(previous, GetSigning::RelativePath, None)
                        .await
                        .status
                }
                None => None,
            };
            let at_its_time = probe
                .ask(keys, GetSigning::RelativePath, answer.date)
                .await
                .status;
            let (text, advice) = match (with_previous, at_its_time) {
                (Some(404), _) => (
                    "the core still has the previous secret",
                    "the core must use the new secret; see docs/operations.md#rotate-a-secret",
                ),
                (_, Some(404)) => (
                    "the core accepts our signature only at its own time",
                    "set the wrong clock",
                ),
                _ => (
                    "refuses our signature",
                    "give the core the secret again: `aws secretsmanager get-secret-value`, output CoreSecretId",
                ),
            };
            findings.wrong("core", text, advice);
        }
        other => findings.wrong(
            "core",
            format!(
                "answers HTTP {} for a payment that cannot exist, but must answer 404",
                other.unwrap_or_default()
            ),
            "see docs/core.md for the core's answers",
        ),
    }
    Ok(())
}

/// Whether an API answers at this address.
fn reached(
    who: &'static str,
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
            "set the wrong clock; from 5 minutes on signatures are refused",
        );
    }
}
