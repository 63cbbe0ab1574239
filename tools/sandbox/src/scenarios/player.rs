//! Plays the steps of a scenario, and keeps what to say of them.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Played, PlayedPayment, Scenario};
use crate::core::{Core, money};
use crate::customer::Customer;
use crate::handles::Handles;
use crate::tiki::Tiki;

/// What a step waits for takes milliseconds, or one sweep.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// After so long the sweeps have measured what an alarm is about.
const MEASURED_AFTER: Duration = Duration::from_mins(1);

/// Plays the steps of a scenario.
pub(super) struct Player<'h> {
    pub(super) handles: &'h Handles,
    pub(super) tiki: &'h Tiki,
    pub(super) core: &'h Core,
    pub(super) customer: Customer,
    steps: Vec<String>,
    payments: Vec<PlayedPayment>,
    see: Vec<String>,
    cure: Vec<String>,
}

/// An order with its payment.
#[derive(Clone, Debug)]
pub(super) struct Bought {
    pub(super) tiki_id: String,
    pub(super) id: String,
    pub(super) payment_url: String,
    pub(super) amount: u64,
}

impl<'h> Player<'h> {
    pub(super) fn new(handles: &'h Handles) -> anyhow::Result<Self> {
        let (Some(tiki), Some(core)) = (&handles.tiki, &handles.core) else {
            bail!(
                "a scenario needs the sandbox's own Tiki and core; remove --tiki-url and --core-url"
            );
        };
        Ok(Self {
            handles,
            tiki,
            core,
            customer: Customer::new()?,
            steps: Vec::new(),
            payments: Vec::new(),
            see: Vec::new(),
            cure: Vec::new(),
        })
    }

    pub(super) fn played(self, scenario: Scenario) -> Played {
        let api = &self.handles.pages.api;
        let pages = self.payments.iter();
        let pages = pages.map(|p| format!("{api}/_sandbox/payments/{}", p.transaction_id));
        Played {
            scenario: scenario.name().to_owned(),
            see: pages.chain(self.see).collect(),
            steps: self.steps,
            payments: self.payments,
            alarms: scenario
                .alarms()
                .iter()
                .map(|&alarm| alarm.to_owned())
                .collect(),
            cure: self.cure,
        }
    }

    /// Says what has happened.
    pub(super) fn say(&mut self, what: impl Into<String>) {
        self.steps.push(what.into());
    }

    /// Says what a person does about it.
    pub(super) fn cure(&mut self, what: impl Into<String>) {
        self.cure.push(what.into());
    }

    /// Says where it can be seen.
    pub(super) fn see(&mut self, address: String) {
        self.see.push(address);
    }

    /// A customer orders for this amount, and Tiki creates the payment.
    pub(super) async fn orders(
        &mut self,
        amount: u64,
        description: &str,
    ) -> anyhow::Result<Bought> {
        self.orders_with(amount, json!({ "description": description }))
            .await
    }

    pub(super) async fn orders_with(&mut self, amount: u64, more: Value) -> anyhow::Result<Bought> {
        let created = self.tiki.place(amount, more).await;
        let created = created.map_err(anyhow::Error::msg)?;
        let bought = Bought {
            tiki_id: created.tiki_id,
            id: created.transaction_id,
            payment_url: created.payment_url,
            amount,
        };
        self.payments.push(PlayedPayment {
            tiki_transaction_id: bought.tiki_id.clone(),
            transaction_id: bought.id.clone(),
            payment_url: bought.payment_url.clone(),
            amount,
        });
        self.say(format!(
            "Tiki creates payment {} of {}.",
            bought.id,
            money(amount)
        ));
        Ok(bought)
    }

    /// The customer opens the payment screen and pays there.
    pub(super) async fn pays(&mut self, bought: &Bought) -> anyhow::Result<()> {
        let screen = self
            .customer
            .opens(&bought.payment_url, bought.amount)
            .await?;
        self.customer.presses(&screen, "pay").await?;
        self.say("The customer pays at the core's payment screen.");
        Ok(())
    }

    /// Orders, pays, and waits until Tiki has the result.
    pub(super) async fn confirmed(
        &mut self,
        amount: u64,
        description: &str,
    ) -> anyhow::Result<Bought> {
        let bought = self.orders(amount, description).await?;
        self.pays(&bought).await?;
        self.until_notification_is(&bought, "confirmed").await?;
        self.say("Tiki accepts the notification: SUCCESS.");
        Ok(bought)
    }

    /// Lets time pass for the whole system.
    pub(super) async fn forward(&mut self, by: Duration, said: &str) -> anyhow::Result<()> {
        self.handles.time.forward(by).await?;
        self.say(format!("The clock goes forward: {said}."));
        Ok(())
    }

    /// Waits until the payment's notification is in this state.
    pub(super) async fn until_notification_is(
        &self,
        bought: &Bought,
        state: &str,
    ) -> anyhow::Result<()> {
        let is = || async {
            let item = self.handles.item(&bought.id).await?;
            Ok(item["ipn"]["state"] == state)
        };
        self.until(&format!("the notification is {state}"), is)
            .await
    }

    /// Waits until the payment is in the review queue for this reason.
    pub(super) async fn until_review(
        &mut self,
        bought: &Bought,
        reason: &str,
    ) -> anyhow::Result<()> {
        let is = || async { Ok(self.handles.item(&bought.id).await?["needs_review"] == reason) };
        self.until(&format!("it needs review: {reason}"), is)
            .await?;
        self.say(format!("The payment is in the review queue: {reason}."));
        // A sweep measures the queue.
        self.handles.time.forward(MEASURED_AFTER).await?;
        self.cure("tikivip list".to_owned());
        self.cure(format!("tikivip show {}", bought.id));
        Ok(())
    }

    /// Waits until the core has given back this sum of a payment, and our records have it.
    pub(super) async fn until_refunded(&self, bought: &Bought, sum: u64) -> anyhow::Result<()> {
        let is = || async {
            let checked = self.tiki.check(&bought.tiki_id).await?;
            let ours = checked.json["refunded_amount"] == sum;
            Ok(ours && self.core.refunded_vnd(&bought.id) == sum)
        };
        self.until(&format!("{} is back", money(sum)), is).await
    }

    /// Waits until a condition holds.
    pub(super) async fn until<F>(
        &self,
        what: &str,
        holds: impl Fn() -> F + Send,
    ) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<bool>> + Send,
    {
        let wait = async {
            while !holds().await? {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        };
        let waited = tokio::time::timeout(STEP_TIMEOUT, wait).await;
        waited.with_context(|| format!("this did not come within a minute: {what}"))?
    }
}
