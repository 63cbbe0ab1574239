//! The core, asked about a payment that cannot exist: is it there, is it well, and does it know us?

use domain::TransactionId;
use operator_api::check::Findings;
use signing::{GetSigning, HeaderNames, Keyring};

use super::probe::{Probe, ProbeAnswer};
use crate::Operator;

const WHO: &str = "core";

/// What an answer says of the core itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// It answers as docs/core.md asks.
    Well,
    /// It is there, and does not accept our signature.
    RefusesUs,
    /// It, or something in front of it, is down or busy: nothing is to be changed here.
    Down,
    /// Something else is at this address.
    AnotherAddress,
    /// It knows a payment that cannot exist.
    KnowsTheUnknown(String),
}

/// What an answer about a payment that cannot exist says of the core: its HTTP status, the word in its body, and whether it
/// broke off.
fn state_of(status: u16, word: Option<&str>, breaks_off: bool) -> State {
    match (status, word) {
        (401 | 403, _) => State::RefusesUs,
        (429 | 500..=599, _) => State::Down,
        _ if breaks_off => State::Down,
        (404, Some("never_seen")) | (200, Some("not_paid")) => State::Well,
        (200, Some(word @ ("paid" | "failed" | "pending"))) => {
            State::KnowsTheUnknown(word.to_owned())
        }
        // A proxy's 404 is a page: the functions do not take it for an answer either.
        _ => State::AnotherAddress,
    }
}

/// Asks, and says what to do about the answer.
pub(super) async fn check(operator: &Operator, findings: &mut Findings) -> anyhow::Result<()> {
    let base = &operator.core.base;
    let Ok(keys) = operator.core.keys.for_diagnosis.reload().await else {
        return Ok(());
    };
    let unknown = TransactionId::from_bytes([0; 16]);
    let relative = format!("/payments/{unknown}");
    let clock = operator.clock.as_ref();
    let probe = Probe::new(base, HeaderNames::PARTNER, relative, clock)?;
    let answer = probe.ask(&keys, GetSigning::RelativePath, None).await;
    let Some(status) = answer.status else {
        findings.wrong(
            WHO,
            format!("{base} cannot be reached: {}", answer.error),
            "check CoreUrl, and whether the network allows outgoing calls",
        );
        return Ok(());
    };
    let state = state_of(status, answer.word(), answer.breaks_off);
    if matches!(
        state,
        State::Well | State::RefusesUs | State::KnowsTheUnknown(_)
    ) {
        super::clock("clock against the core", &answer, findings);
    }
    match state {
        State::Well => {
            let word = answer.word().unwrap_or_default();
            let text = format!("answers HTTP {status} {word} for a payment that cannot exist");
            findings.good(WHO, text);
        }
        State::RefusesUs => say_why_refused(&probe, &keys, &answer, findings).await,
        State::Down => findings.wrong(
            WHO,
            format!("answers HTTP {status} at {base}: it is down, or something in front of it is"),
            "call the core's people; nothing needs to be changed here",
        ),
        State::AnotherAddress => findings.wrong(
            WHO,
            format!("there is no core at {base}: HTTP {status}, and no answer of docs/core.md"),
            "check CoreUrl; docs/core.md has the core's answers",
        ),
        State::KnowsTheUnknown(word) => findings.wrong(
            WHO,
            format!("answers {word} for a payment that cannot exist"),
            "it must answer 404 never_seen, or 200 not_paid: see docs/core.md",
        ),
    }
    Ok(())
}

async fn say_why_refused(
    probe: &Probe<'_>,
    keys: &Keyring,
    answer: &ProbeAnswer,
    findings: &mut Findings,
) {
    let is_well = async |keys: &Keyring, at| {
        let answer = probe.ask(keys, GetSigning::RelativePath, at).await;
        let status = answer.status.unwrap_or_default();
        state_of(status, answer.word(), answer.breaks_off) == State::Well
    };
    let with_previous = match &keys.with_previous_as_current() {
        Some(previous) => is_well(previous, None).await,
        None => false,
    };
    let (text, advice) = if with_previous {
        (
            "the core still has the previous secret",
            "the core must use the new secret; see docs/operations.md#rotate-a-secret",
        )
    } else if is_well(keys, answer.date).await {
        (
            "the core accepts our signature only at its own time",
            "AWS keeps our clock: the core must set its own",
        )
    } else {
        (
            "refuses our signature",
            "give the core the secret again: `aws secretsmanager get-secret-value`, output CoreSecretId",
        )
    };
    findings.wrong(WHO, text, advice);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_says_how_the_core_is() {
        let knows = |word: &str| State::KnowsTheUnknown(word.to_owned());
        for (status, word, breaks_off, state) in [
            (404, Some("never_seen"), false, State::Well),
            (200, Some("not_paid"), false, State::Well),
            (200, Some("paid"), false, knows("paid")),
            (200, Some("failed"), false, knows("failed")),
            (200, Some("pending"), false, knows("pending")),
            (404, None, false, State::AnotherAddress),
            (404, Some("not_paid"), false, State::AnotherAddress),
            (200, None, false, State::AnotherAddress),
            (200, Some("ok"), false, State::AnotherAddress),
            (301, None, false, State::AnotherAddress),
            (200, None, true, State::Down),
            (404, None, true, State::Down),
            (429, None, false, State::Down),
            (500, Some("not_paid"), false, State::Down),
            (502, None, false, State::Down),
            (503, None, true, State::Down),
            (401, None, false, State::RefusesUs),
            (403, Some("never_seen"), false, State::RefusesUs),
        ] {
            let found = state_of(status, word, breaks_off);
            assert_eq!(found, state, "{status} {word:?} {breaks_off}");
        }
    }
}
