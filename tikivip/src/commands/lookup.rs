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
            known.tiki,
        )
    });
    Ok(if known.agrees {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}
