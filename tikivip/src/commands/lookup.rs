//! `tikivip lookup`: what Tiki knows, and what it means.

use operator_api::look_up::LookUpView;

use crate::cli::Form;
use crate::client::{Client, OnTransaction};
use crate::output::{self, Outcome, grouped};

/// Looks up a transaction at Tiki. Changes nothing.
pub(super) async fn lookup(client: &Client, form: Form, id: &str) -> anyhow::Result<Outcome> {
    let on = OnTransaction {
        id,
        rest: "/lookup",
    };
    let known: LookUpView = client.get_of(on).await?;
    output::print(form, &known, |known| {
        let meaning = output::folded("  Meaning  ", "           ", &known.means);
        format!(
            "  {}\n  {}\n\n  Ours     {}, {}\n  Tiki     {}\n{meaning}",
            known.transaction_id,
            known.tiki_transaction_id,
            known.ours,
            grouped(known.amount_vnd),
            tiki(known),
        )
    });
    Ok(if known.agrees {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}

/// Tiki's answer, and how it came if that says more.
fn tiki(known: &LookUpView) -> String {
    let amount = known.tiki_amount_vnd;
    let amount = amount.map_or_else(String::new, |amount| format!(" of {}", grouped(amount)));
    let http = match known.http.as_deref() {
        None | Some("200") => String::new(),
        Some("timeout") => " (no answer in time)".to_owned(),
        Some("no_connection") => " (no connection)".to_owned(),
        Some("broken_off") => " (the answer broke off)".to_owned(),
        Some("not_sent") => " (not sent: our secret could not be read)".to_owned(),
        Some(status) => format!(" (HTTP {status})"),
    };
    format!("{}{amount}{http}", known.tiki)
}
