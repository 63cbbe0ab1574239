//! Tiki, asked about a transaction that cannot exist: is it there, is it well, does it know us, and does it take our
//! notifications now?

use std::time::Duration;

use domain::{AuditEvent, Decision, Timestamp, Transaction};
use futures::{StreamExt, stream};
use operator_api::check::Findings;
use operator_api::text;
use signing::{GetSigning, HeaderNames, Keyring};
use store::{DueIndex, SHARDS, StoreError, WaitingPlace};

use super::UNKNOWN_ID;
use super::probe::{Probe, ProbeAnswer};
use crate::Operator;

const WHO: &str = "Tiki";

/// So long ago a notification that failed still says something about now.
const LATELY: Duration = Duration::from_mins(15);

/// So many notifications of a shard are looked at: those that are due next.
const LOOKED_AT_PER_SHARD: u16 = 10;

/// What an answer says of Tiki itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It accepts our signature, and does not have the transaction.
    Well,
    /// It is there, and does not accept our signature.
    RefusesUs,
    /// It, or something in front of it, is down or busy: nothing is to be changed here.
    Failing,
    /// Something else is at this address.
    AnotherAddress,
    /// It takes us for another partner.
    AnotherPartner,
    /// It accepts our signature, and gives an answer that does not fit.
    Odd,
}

/// What an answer about a transaction that cannot exist says of Tiki: its HTTP status, the code in its body (protocol §4),
/// and whether it broke off.
fn state_of(status: u16, code: Option<i64>, breaks_off: bool) -> State {
    match (status, code) {
        (401 | 403, _) => State::RefusesUs,
        (429 | 500..=599, _) => State::Failing,
        _ if breaks_off => State::Failing,
        (200..=299, Some(3)) => State::Well,
        (200..=299, Some(2)) => State::Failing,
        (200..=299, Some(4)) => State::AnotherPartner,
        (200..=299, Some(_)) => State::Odd,
        _ => State::AnotherAddress,
    }
}

/// Asks, and says what to do about the answer.
pub(super) async fn check(operator: &Operator, findings: &mut Findings) -> anyhow::Result<()> {
    let (base, configured) = (&operator.tiki.base, operator.tiki.get_signing);
    // The other side may still have the secret that has ended here. Without any, `setup` says so.
    let Ok(keys) = operator.tiki.keys.for_diagnosis.reload().await else {
        return Ok(());
    };
    let relative = format!("/transaction?tiki_transaction_id={UNKNOWN_ID}");
    let probe = Probe::new(base, HeaderNames::TIKI, relative, operator.clock.as_ref())?;
    let answer = probe.ask(&keys, configured, None).await;
    let Some(status) = answer.status else {
        findings.wrong(
            WHO,
            format!("{base} cannot be reached: {}", answer.error),
            "check TikiEnvironment or TikiApiUrl, and whether the network allows outgoing calls",
        );
        return Ok(());
    };
    let code = answer.code();
    let state = state_of(status, code, answer.breaks_off);
    if !matches!(state, State::Failing | State::AnotherAddress) {
        super::clock("clock against Tiki", &answer, findings);
    }
    let said = match code {
        Some(code) => format!("HTTP {status}, code {code}"),
        None => format!("HTTP {status}"),
    };
    match state {
        State::Well => is_well(operator, (configured, &said), findings).await,
        State::RefusesUs => why_refused(&probe, &keys, configured, &answer, findings).await,
        State::Failing => findings.wrong(
            WHO,
            format!(
                "answers {said} at {base}: it is there and failing, or something in front of it is"
            ),
            "wait, or call Tiki; nothing needs to be changed here",
        ),
        State::AnotherAddress => findings.wrong(
            WHO,
            format!("there is no such API at {base}: {said} without a code"),
            "the base URL is wrong; check TikiEnvironment or TikiApiUrl",
        ),
        State::AnotherPartner => findings.wrong(
            WHO,
            format!("accepts our signature, and takes us for another partner: {said}"),
            "compare TikiClientId and TikiEnvironment with Tiki",
        ),
        State::Odd => findings.doubtful(
            WHO,
            format!(
                "accepts our signature, and answers {said} about a transaction that cannot exist"
            ),
            "it must answer code 3 (protocol §4): ask Tiki",
        ),
    }
    Ok(())
}

/// A look-up is answered. Whether the notifications are, too, those say that were sent lately.
async fn is_well(
    operator: &Operator,
    (configured, said): (GetSigning, &str),
    findings: &mut Findings,
) {
    let well = format!(
        "accepts our signature of a GET ({}): {said}",
        configured.as_str()
    );
    match failed_lately(operator).await {
        Ok(None) => findings.good(WHO, well),
        Ok(Some((many, last))) => findings.doubtful(
            WHO,
            format!(
                "{well}; but of the notifications that are due next {many} failed in the last {} minutes, the last one at {}",
                LATELY.as_secs() / 60,
                text::clock(last)
            ),
            "see `tikivip list --state unconfirmed`; send one again, and look at it, before many",
        ),
        Err(error) => findings.doubtful(
            WHO,
            format!("{well}; its notifications cannot be read: {error}"),
            "see the log of the function operator",
        ),
    }
}

/// How many notifications failed lately, and when the last one did.
async fn failed_lately(operator: &Operator) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let from = operator.clock.now();
    let table = &operator.transactions;
    let mut ids = Vec::new();
    for shard in 0..SHARDS {
        let place = WaitingPlace::Due(DueIndex::Ipn, shard);
        let due = table.waiting(place, Timestamp::MIN, LOOKED_AT_PER_SHARD);
        ids.extend(due.await?.into_iter().map(|entry| entry.id));
    }
    let loads = stream::iter(ids).map(async |id| table.load(id).await);
    let loaded: Vec<_> = loads.buffer_unordered(16).collect().await;
    let loaded = loaded.into_iter().flatten().flatten();
    let failed = loaded.filter_map(|t| failed_at(&t));
    let lately = failed.filter(|at| from.since(*at) <= LATELY);
    Ok(lately.fold(None, |found, at| match found {
        None => Some((1, at)),
        Some((many, last)) => Some((many + 1, last.max(at))),
    }))
}

/// When the last attempt failed, if it did.
fn failed_at(t: &Transaction) -> Option<Timestamp> {
    let is_attempt = |event: &AuditEvent| matches!(event, AuditEvent::NotificationAttempt { .. });
    let last = t
        .audit_trail()
        .iter()
        .rfind(|entry| is_attempt(&entry.event))?;
    match &last.event {
        AuditEvent::NotificationAttempt { outcome, .. } => matches!(
            outcome.decision,
            Decision::Retry | Decision::RetryUnauthorized
        )
        .then_some(last.at),
        _ => None,
    }
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
            return findings.wrong(WHO, text, advice);
        }
    }
    let text = format!(
        "refuses our signature (HTTP {}), however a GET is signed",
        first.status.unwrap_or_default()
    );
    findings.wrong(
        WHO,
        text,
        "the secret or the client id differs from Tiki's; compare both with the values that Tiki gave you",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_says_how_tiki_is() {
        for (status, code, breaks_off, state) in [
            (200, Some(3), false, State::Well),
            (200, Some(2), false, State::Failing),
            (200, Some(4), false, State::AnotherPartner),
            (200, Some(0), false, State::Odd),
            (200, Some(1), false, State::Odd),
            (200, Some(97), false, State::Odd),
            (200, None, false, State::AnotherAddress),
            (204, None, false, State::AnotherAddress),
            (301, None, false, State::AnotherAddress),
            (404, None, false, State::AnotherAddress),
            (404, Some(3), false, State::AnotherAddress),
            (200, None, true, State::Failing),
            (404, None, true, State::Failing),
            (429, None, false, State::Failing),
            (500, Some(3), false, State::Failing),
            (502, None, false, State::Failing),
            (503, None, true, State::Failing),
            (401, None, false, State::RefusesUs),
            (403, Some(3), false, State::RefusesUs),
        ] {
            let found = state_of(status, code, breaks_off);
            assert_eq!(found, state, "{status} {code:?} {breaks_off}");
        }
    }
}
