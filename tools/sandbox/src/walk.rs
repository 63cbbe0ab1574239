//! Shows one payment step by step: from the order to a partial refund, and to the reconciliation of its day.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::caller::Response;
use crate::core::{Core, money};
use crate::customer::Customer;
use crate::start::Sandbox;
use crate::tiki::Tiki;

const AMOUNT: u64 = 100_000;
const REFUND: u64 = 40_000;
/// The limit for the notification to reach Tiki. It takes milliseconds.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes one payment and reconciles its day, and prints each step with `print`. An error says which step failed.
pub async fn walk(sandbox: &Sandbox, print: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let mut walk = Walk::of(sandbox, print)?;
    let paid = walk.pay().await?;
    let report = walk.reconcile(&paid.tiki_id).await?;
    walk.summary(&paid, &report);
    Ok(())
}

/// Makes one payment. It can be repeated.
pub(crate) async fn pay(sandbox: &Sandbox, print: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    Walk::of(sandbox, print)?.pay().await.map(drop)
}

struct Paid {
    tiki_id: String,
    transaction_id: String,
}

struct Walk<'s> {
    sandbox: &'s Sandbox,
    tiki: &'s Tiki,
    /// The core, if the sandbox plays it. Another one pays when it wants to.
    core: Option<&'s Core>,
    print: &'s mut dyn FnMut(&str),
}

impl<'s> Walk<'s> {
    fn of(sandbox: &'s Sandbox, print: &'s mut dyn FnMut(&str)) -> anyhow::Result<Self> {
        let Some(tiki) = &sandbox.tiki else {
            bail!("the walk needs the sandbox's own Tiki; remove --tiki-url");
        };
        Ok(Self {
            sandbox,
            tiki,
            core: sandbox.core.as_ref(),
            print,
        })
    }

    async fn pay(&mut self) -> anyhow::Result<Paid> {
        let session = self
            .step("1. The customer opens Tiki VIP in the partner's app")
            .await;
        let customer = json!({
            "identify_code": "KH-0001",
            "identify_phone": "0912345678",
            "identify_fullname": "Nguyễn Văn An",
        });
        let opened = self.sandbox.app.post("/partner/v1/webview", &customer);
        let opened = opened.await?;
        self.shown(session, &opened)?;
        let request_id = opened.json["data"]["request_id"]
            .as_str()
            .context("no request_id")?;

        let began = self
            .step(&format!(
                "2. The customer orders for {} at Tiki, which creates the payment",
                money(AMOUNT)
            ))
            .await;
        let tiki_id = self.tiki.order(AMOUNT);
        let created = self.tiki.create(&tiki_id, Some(request_id)).await?;
        self.shown(began, &created)?;
        let data = &created.json["data"];
        let transaction_id = data["transaction_id"]
            .as_str()
            .context("no transaction_id")?;
        let payment_url = data["payment_url"].as_str().context("no payment_url")?;

        if self.core.is_some() {
            let result_screen = self.press(payment_url).await?;
            self.until_notified(&tiki_id).await?;
            self.see_result(&result_screen).await?;
        } else {
            self.until_somebody_pays(payment_url, &tiki_id).await?;
        }

        let began = self
            .step(&format!("7. Tiki refunds {}", money(REFUND)))
            .await;
        let refunded = self
            .tiki
            .refund(&tiki_id, transaction_id, "walk-refund-1", REFUND)
            .await?;
        self.shown(began, &refunded)?;

        let began = self.step("8. Tiki looks up the transaction").await;
        let checked = self.tiki.check(&tiki_id).await?;
        self.shown(began, &checked)?;
        self.has_paid(&checked, transaction_id)?;
        Ok(Paid {
            tiki_id,
            transaction_id: transaction_id.to_owned(),
        })
    }

    /// Delivers the day's file, has Tiki find another amount, and processes Tiki's result file.
    async fn reconcile(&mut self, tiki_id: &str) -> anyhow::Result<String> {
        // Two days, because the day before is not exported in the first minutes of a day.
        self.sandbox.day_passes().await?;
        self.sandbox.day_passes().await?;
        let day = self.today()?.previous().previous();
        self.step("9. A day later, its file is delivered to Tiki's SFTP server")
            .await;
        let event = json!({ "day": day.to_string() });
        let outcome = self.sandbox.invoke("reconcile", &event).await?;
        let files = outcome["delivered"].as_array().context("no files")?;
        for file in files {
            let name = file.as_str().unwrap_or_default();
            (self.print)(&format!("  {:<27} INBOUND/{name}", "reconcile → Tiki"));
        }

        self.step("10. Tiki compares the file with its orders, and returns the differences")
            .await;
        self.tiki
            .change(tiki_id, |order| order.amount = AMOUNT - 1_000);
        for name in self.tiki.reconcile(&self.sandbox.sftp_folder)? {
            (self.print)(&format!("  {:<27} OUTBOUND/{name}", "Tiki → reconcile"));
        }

        self.step("11. The differences become findings for a person to review")
            .await;
        let event = json!({ "action": "reconcile" });
        let outcome = self.sandbox.invoke("reconcile", &event).await?;
        ensure!(
            outcome["received"]
                .as_array()
                .is_some_and(|read| !read.is_empty()),
            "Tiki's result file was not processed: {outcome}"
        );
        self.compare_with_core(day).await?;
        let url = &self.sandbox.s3_url;
        Ok(format!(
            "{url}/_sandbox/files/ReconciliationBucket/{day}/report.html"
        ))
    }

    /// The third side. Without statements of the core there is none.
    async fn compare_with_core(&mut self, day: domain::Day) -> anyhow::Result<()> {
        let reconcile = self.sandbox.plan.functions.get("reconcile");
        let source = reconcile.and_then(|plan| plan.environment.get("CORE_STATEMENT"));
        if source.is_none_or(|source| source != "api") {
            return Ok(());
        }
        let began = self
            .step("12. The day is compared with the core's statement, too: the third side")
            .await;
        let event = json!({ "statement": day.to_string() });
        let outcome = self.sandbox.invoke("reconcile", &event).await?;
        ensure!(
            outcome["reported"] == json!([day.to_string()]),
            "the core's statement was not compared: {outcome}"
        );
        self.show(began);
        Ok(())
    }

    /// The customer's browser: opens the payment screen, pays, and returns.
    async fn press(&mut self, payment_url: &str) -> anyhow::Result<String> {
        let customer = Customer::new()?;
        let began = self
            .step("3. The customer follows the link to the partner's payment screen")
            .await;
        let screen = customer.opens(payment_url, AMOUNT).await?;
        self.show(began);

        let began = self
            .step("4. The customer pays, and Tiki receives the notification")
            .await;
        let back = customer.presses(&screen, "pay").await?;
        // The notification follows by itself, after the customer's own request.
        self.until_any_notified(began).await;
        self.show(began);

        let began = self.step("5. The customer is redirected to Tiki").await;
        let result_screen = customer.led_by(&back).await?;
        self.show(began);
        Ok(result_screen)
    }

    async fn see_result(&mut self, result_screen: &str) -> anyhow::Result<()> {
        let began = self.step("6. The customer sees Tiki's result screen").await;
        let screen = Customer::new()?.sees(result_screen).await?;
        let status = screen.status;
        ensure!(status == 200, "Tiki's result screen answered {status}");
        self.show(began);
        Ok(())
    }

    /// Another core has its own payment screen. So the walk waits until its customer has paid, as long as it takes.
    async fn until_somebody_pays(
        &mut self,
        payment_url: &str,
        tiki_id: &str,
    ) -> anyhow::Result<()> {
        let began = self
            .step("3. Your core takes the money: pay there, or open this link and pay")
            .await;
        (self.print)(&format!("\n    {payment_url}\n"));
        let status = loop {
            let order = self.tiki.known(tiki_id).context("the order is gone")?;
            if order.status != "PENDING" {
                break order.status;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        self.show(began);
        ensure!(status == "SUCCESS", "Tiki heard {status}, not SUCCESS");
        Ok(())
    }

    /// Waits until the journal has an IPN.
    async fn until_any_notified(&self, began: Duration) {
        let notified = || {
            self.sandbox
                .journal
                .since(began)
                .iter()
                .any(|e| e.what.starts_with("IPN"))
        };
        let _ = tokio::time::timeout(NOTIFICATION_TIMEOUT, async {
            while !notified() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // The stream's entry follows, once the sender has recorded the answer.
            tokio::time::sleep(Duration::from_millis(50)).await;
        })
        .await;
    }

    async fn until_notified(&self, tiki_id: &str) -> anyhow::Result<()> {
        let notified = || {
            self.tiki
                .known(tiki_id)
                .is_some_and(|order| order.status == "SUCCESS")
        };
        let wait = async {
            while !notified() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(NOTIFICATION_TIMEOUT, wait).await;
        waited
            .context("Tiki received no notification in 30 seconds; read the functions' logs below")
    }

    fn today(&self) -> anyhow::Result<domain::Day> {
        let now = domain::Timestamp::from_unix_ms(self.sandbox.time.clock().now_ms())?;
        Ok(now.vietnamese_day())
    }

    fn has_paid(&self, checked: &Response, transaction_id: &str) -> anyhow::Result<()> {
        let json = &checked.json;
        ensure!(
            json["status"] == "SUCCESS",
            "the look-up shows the status {}, not SUCCESS",
            json["status"]
        );
        ensure!(
            json["refunded_amount"] == REFUND,
            "the look-up shows {} as refunded, not 40000",
            json["refunded_amount"]
        );
        if let Some(core) = self.core {
            let refunded = core.refunded_vnd(transaction_id);
            ensure!(
                refunded == REFUND,
                "the core refunded {refunded}, not 40000"
            );
        }
        Ok(())
    }

    fn summary(&mut self, paid: &Paid, report: &str) {
        let (amount, refunded) = (money(AMOUNT), money(REFUND));
        (self.print)(&format!(
            "\n  ✔ {amount} paid and confirmed by Tiki, {refunded} refunded.\n    Transaction {}\n    \
             The day's report, with one finding:\n    {report}",
            paid.transaction_id
        ));
    }

    async fn step(&mut self, title: &str) -> Duration {
        let began = self.sandbox.journal.now();
        (self.print)(&format!("\n  {title}"));
        // Keeps the entries of two steps apart in the journal.
        tokio::time::sleep(Duration::from_millis(1)).await;
        began
    }

    fn shown(&mut self, began: Duration, response: &Response) -> anyhow::Result<()> {
        self.show(began);
        let (status, text) = (response.status, &response.text);
        ensure!(
            status == 200 && response.code() == Some(0),
            "the call was answered with {status}: {text}"
        );
        Ok(())
    }

    /// Prints the calls of a step. A line fits into 80 columns.
    fn show(&mut self, began: Duration) {
        for entry in self.sandbox.journal.since(began) {
            let took = entry.took.as_secs_f64() * 1000.0;
            let parties = format!("{} → {}", entry.from, entry.to);
            let what = entry
                .what
                .replace("/partner/v1/payments/{transaction_id}", "…/{id}")
                .replace("/partner/v1", "…")
                .replace("/tikivip/v1", "…");
            let (what, outcome) = (short(&what, 25), short(&entry.outcome, 16));
            (self.print)(&format!(
                "  {parties:<27} {what:<25} {outcome:<16} {took:>4.0} ms"
            ));
        }
    }
}

/// Shortens a text to its column.
fn short(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}
