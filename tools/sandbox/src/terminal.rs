//! What the sandbox prints for people: each call of `--follow`, and a scenario that was played.

use std::fmt::Write;

use serde_json::Value;

use crate::scenarios::{Played, Scenario};
use crate::watch::Call;

/// A call as `--follow` prints it: who called whom, what was signed and whether it holds, the body and the answer.
pub(crate) fn call(call: &Call) -> String {
    let (from, to) = (&call.from, &call.to);
    let mut text = format!(
        "{} {:<26} {}\n             {}, {} ms",
        call.time(),
        format!("{from} → {to}"),
        call.what,
        call.outcome,
        call.took_ms
    );
    let Some(message) = &call.message else {
        return text;
    };
    // Writing to a text cannot fail.
    if let Some(signature) = &message.signature {
        let (vietnamese, english) = signature.verdict.words();
        let mark = if signature.verdict.holds() {
            "✔"
        } else {
            "✘"
        };
        let _ = write!(text, "\n             {mark} {vietnamese} · {english}");
        let _ = write!(text, "\n             signed  {}", signature.signed);
    }
    for (mark, body) in [("→", &message.body), ("←", &message.answer)] {
        let is_page = body.trim_start().starts_with('<');
        if is_page {
            let _ = write!(text, "\n             {mark} a page of {} bytes", body.len());
        } else if !body.is_empty() {
            let _ = write!(text, "\n             {mark} {body}");
        }
    }
    text
}

/// A scenario that was played.
pub(crate) fn played(played: &Played) -> String {
    let title = Scenario::named(&played.scenario).map(Scenario::title);
    let (vietnamese, english) = title.unwrap_or_default();
    let mut text = format!("\n  {}: {vietnamese}\n  {english}\n", played.scenario);
    for (number, step) in (1..).zip(&played.steps) {
        let _ = write!(text, "\n  {number:>2}. {step}");
    }
    for address in &played.see {
        let _ = write!(text, "\n\n  Xem · see  {address}");
    }
    if !played.alarms.is_empty() {
        let alarms = played.alarms.join(", ");
        let _ = write!(
            text,
            "\n\n  Cảnh báo trên AWS · alarms on AWS\n      {alarms}"
        );
    }
    if !played.cure.is_empty() {
        text.push_str("\n\n  Người vận hành làm gì · what an operator does");
        for step in &played.cure {
            let _ = write!(text, "\n      {step}");
        }
    }
    text.push('\n');
    text
}

/// All scenarios, a line each.
pub(crate) fn scenarios() -> String {
    let lines = Scenario::ALL.iter().map(|scenario| {
        let (vietnamese, english) = scenario.title();
        format!(
            "\n  {:<21} {vietnamese}\n  {:<21} {english}",
            scenario.name(),
            ""
        )
    });
    format!(
        "\n  sandbox scenario NAME plays one in the sandbox that runs, or starts one\n{}\n",
        lines.collect::<String>()
    )
}

/// The sentence of a refusal, from its JSON.
pub(crate) fn refusal(answer: &str) -> String {
    let json: Value = serde_json::from_str(answer).unwrap_or_default();
    json["message"].as_str().unwrap_or(answer).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_fits_into_80_columns() {
        for line in scenarios().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        assert_eq!(refusal(r#"{"message":"no"}"#), "no");
        assert_eq!(refusal("no JSON"), "no JSON");
    }
}
