//! `tikivip doctor`: looks for what is set up wrongly, from the inside out, and says what to do about it.

mod findings;
mod probe;

use std::time::Duration;

use domain::{Label, Timestamp, TransactionId};
use lambda::config::{
    Env, Identity, Links, TableName, core_url, get_signing, signature_window, tiki_api,
};
use signed_http::{BaseUrl, error_chain};
use signing::{GetSigning, HeaderNames, Keyring};
use store::SessionStore;

use self::findings::{Findings, Health, table};
use self::probe::{Probe, Said};
use crate::cli::{Conversation, Form};
use crate::context::CommandContext;
use crate::output::{self, Outcome};

/// Clocks that differ by more than this are worth a word, long before a signature is refused for it.
const CLOCKS_MAY_DIFFER: Duration = Duration::from_secs(30);

/// No transaction of anybody's.
const NOBODYS: &str = "TIKIVIP-DOCTOR";

/// Looks at everything.
pub(super) async fn doctor(context: &CommandContext, form: Form) -> anyhow::Result<Outcome> {
    let mut findings = Findings::default();
    configuration(context, &mut findings);
    let tiki = secret(context, Conversation::Tiki, &mut findings).await;
    let core = secret(context, Conversation::Core, &mut findings).await;
    tables(context, &mut findings).await;
    if let Some(keys) = &tiki {
        ask_tiki(context, keys, &mut findings).await?;
    }
    if let Some(keys) = &core {
        ask_core(context, keys, &mut findings).await?;
    }
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
            Links::read(env).map(drop),
        );
        Ok(parts)
    };
    match context.aws().env.load(read) {
        Ok(_) => findings.good("configuration", "every variable is set and well-formed"),
        Err(error) => {
            for problem in error.0 {
                findings.wrong(
                    "configuration",
                    problem,
                    "save the stack's output OperatorSettings again and give it by --settings",
                );
            }
        }
    }
}

async fn secret(
    context: &CommandContext,
    conversation: Conversation,
    findings: &mut Findings,
) -> Option<Keyring> {
    let what = match conversation {
        Conversation::Tiki => "secret of Tiki",
        Conversation::Core => "secret of the core",
    };
    let advice = "put it with `aws secretsmanager put-secret-value --secret-id … --secret-string '{\"secret\":\"…\"}'`";
    let provider = context.provider(conversation).await.ok()?;
    match provider.keys().await {
        Err(error) => {
            findings.wrong(what, error_chain(&error), advice);
            None
        }
        Ok(keys) if keys.has_previous() => {
            findings.good(what, "there, and a previous one is still accepted");
            Some(keys)
        }
        Ok(keys) => {
            findings.good(what, "there");
            Some(keys)
        }
    }
}

async fn tables(context: &CommandContext, findings: &mut Findings) {
    let advice = "is the name right, in this region and account, and may this role read it (output OperatorPolicyArn)?";
    let nobody = TransactionId::from_bytes([0; 16]);
    if let Ok(transactions) = context.transactions() {
        let looked = async {
            transactions.load(nobody).await?;
            let waiting = transactions.needs_review(domain::Alarm::IpnExhausted, 1);
            waiting.await.map(drop)
        };
        match looked.await {
            Ok(()) => findings.good("table of transactions", "it and its indexes can be read"),
            Err(error) => findings.wrong(
                "table of transactions",
                format!("{:#}", anyhow::Error::from(error)),
                advice,
            ),
        }
    }
    let Ok(table) = context.aws().env.load(TableName::sessions) else {
        return;
    };
    let Some(label) = Label::truncated(NOBODYS) else {
        return;
    };
    let sessions = context.aws().sessions(&table);
    match sessions.result_url(&label, Timestamp::MAX).await {
        Ok(_) => findings.good("table of sessions", "it can be read"),
        Err(error) => findings.wrong(
            "table of sessions",
            format!("{:#}", anyhow::Error::from(error)),
            advice,
        ),
    }
}

/// A signed look-up of a transaction that cannot exist, by each way of signing a GET: which does Tiki take?
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
    let relative = format!("/transaction?tiki_transaction_id={NOBODYS}");
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
    clock("clock, by Tiki's", &first, findings);
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

/// Tiki refuses: which of the known reasons is it?
async fn why_refused(
    probe: &Probe<'_>,
    keys: &Keyring,
    configured: GetSigning,
    first: &Said,
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
                    "Tiki signs GETs by {name}, and {} is set",
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
                format!("Tiki still has the previous secret (GETs by {name})"),
                "ask Tiki to take up the new one, or put the old one back: docs/operations.md#rotate-a-secret".to_owned(),
            ));
        }
        suspects.push((
            keys.clone(),
            signing,
            first.date,
            format!("Tiki accepts our signature only at its own time (GETs by {name})"),
            "set this machine's clock; Lambda's own is right, so look at Tiki's if it is Lambda that is refused".to_owned(),
        ));
    }
    for (keys, signing, at, text, advice) in suspects {
        if probe.ask(&keys, signing, at).await.is_json_answer() {
            return findings.wrong("Tiki", text, advice);
        }
    }
    let text = format!(
        "refuses our signature (HTTP {}), whichever way a GET is signed",
        first.status.unwrap_or_default()
    );
    findings.wrong(
        "Tiki",
        text,
        "the secret or the client id is not the one that Tiki has: compare both with what Tiki gave you",
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
    let nobody = TransactionId::from_bytes([0; 16]);
    let relative = format!("/payments/{nobody}");
    let probe = Probe::new(base.clone(), HeaderNames::PARTNER, relative, context)?;
    let said = probe.ask(keys, GetSigning::RelativePath, None).await;
    if said.status != Some(404) && !reached("core", &base, "CoreUrl", &said, findings) {
        return Ok(());
    }
    clock("clock, by the core's", &said, findings);
    match said.status {
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
                .ask(keys, GetSigning::RelativePath, said.date)
                .await
                .status;
            let (text, advice) = match (with_previous, at_its_time) {
                (Some(404), _) => (
                    "the core still has the previous secret",
                    "have it take up the new one: docs/operations.md#rotate-a-secret",
                ),
                (_, Some(404)) => (
                    "the core accepts our signature only at its own time",
                    "set the clock that is wrong",
                ),
                _ => (
                    "refuses our signature",
                    "hand it the secret again: `aws secretsmanager get-secret-value`, output CoreSecretId",
                ),
            };
            findings.wrong("core", text, advice);
        }
        other => findings.wrong(
            "core",
            format!(
                "answers HTTP {} for a payment that cannot exist, where 404 is due",
                other.unwrap_or_default()
            ),
            "docs/core.md says what the core must answer",
        ),
    }
    Ok(())
}

/// Whether there is an API at this address at all.
fn reached(
    who: &'static str,
    base: &BaseUrl,
    parameter: &str,
    said: &Said,
    findings: &mut Findings,
) -> bool {
    match said.status {
        None => {
            findings.wrong(
                who,
                format!("{base} cannot be reached: {}", said.error),
                format!("is {parameter} right, and does the network let us out?"),
            );
            false
        }
        Some(401 | 403) => true,
        Some(_) if said.is_json_answer() => true,
        Some(status) => {
            findings.wrong(
                who,
                format!("at {base} there is no such API: HTTP {status}, and no answer with a code"),
                format!("the base URL is wrong: {parameter}"),
            );
            false
        }
    }
}

fn clock(what: &'static str, said: &Said, findings: &mut Findings) {
    let Some(theirs) = said.date else {
        return findings.doubtful(what, "it does not say its time", "compare by hand");
    };
    let ahead = theirs.since(said.ours);
    let behind = said.ours.since(theirs);
    let differ = ahead.max(behind);
    let text = format!("differs by {} s", differ.as_secs());
    if differ <= CLOCKS_MAY_DIFFER {
        findings.good(what, text);
    } else {
        let which = if behind > ahead { "ahead" } else { "behind" };
        findings.wrong(
            what,
            format!("ours is {} s {which}", differ.as_secs()),
            "signatures are refused from 5 minutes on: set the clock that is wrong",
        );
    }
}
