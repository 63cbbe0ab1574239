//! One payment, from the basket to a partial refund and to the file of its day, shown as it happens.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::caller::{Response, http, now_ms};
use crate::core::{Core, money};
use crate::start::Sandbox;
use crate::tiki::Tiki;

const AMOUNT: u64 = 100_000;
const REFUND: u64 = 40_000;
/// How long the result may take to reach Tiki; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Walks one payment through, and its day's file, and tells each step to `say`. An error says what did not go
/// as it should.
pub async fn walk(sandbox: &Sandbox, say: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let mut walk = Walk::of(sandbox, say)?;
    let paid = walk.pay().await?;
    let report = walk.reconcile(&paid.tiki_id).await?;
    walk.verdict(&paid, &report);
    Ok(())
}

/// Walks one payment through, as often as wanted.
pub(crate) async fn pay(sandbox: &Sandbox, say: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    Walk::of(sandbox, say)?.pay().await.map(drop)
}

/// A payment that was walked through.
struct Paid {
    tiki_id: String,
    transaction_id: String,
}

struct Walk<'s> {
    sandbox: &'s Sandbox,
    tiki: &'s Tiki,
    core: &'s Core,
    say: &'s mut dyn FnMut(&str),
}

impl<'s> Walk<'s> {
    fn of(sandbox: &'s Sandbox, say: &'s mut dyn FnMut(&str)) -> anyhow::Result<Self> {
        let (Some(tiki), Some(core)) = (&sandbox.tiki, &sandbox.core) else {
            bail!("a walk needs the sandbox's own Tiki and core");
        };
        Ok(Self {
            sandbox,
            tiki,
            core,
            say,
        })
    }

    async fn pay(&mut self) -> anyhow::Result<Paid> {
        let session = self
            .step("The customer opens Tiki VIP in the partner's app")
            .await;
        let opened = self
            .core
            .open_webview(&json!({
                "identify_code": "KH-0001",
                "identify_phone": "0912345678",
                "identify_fullname": "Nguyễn Văn An",
            }))
            .await?;
        self.shown(session, &opened)?;
        let request_id = opened.json["data"]["request_id"]
            .as_str()
            .context("no request_id")?;

        let began = self
            .step(&format!(
                "Checks out {} at Tiki, which creates the payment",
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

        let result_screen = self.press(payment_url).await?;
        self.until_notified(&tiki_id).await?;

        let began = self.step("Comes back to Tiki's result screen").await;
        let screen = Response::read(http()?.get(&result_screen).send().await?).await?;
        ensure!(
            screen.status == 200,
            "the result screen answers {}",
            screen.status
        );
        self.show(began);

        let began = self
            .step(&format!("Tiki refunds {} of it", money(REFUND)))
            .await;
        let refunded = self
            .tiki
            .refund(&tiki_id, transaction_id, "walk-refund-1", REFUND)
            .await?;
        self.shown(began, &refunded)?;

        let began = self.step("Tiki looks the transaction up").await;
        let checked = self.tiki.check(&tiki_id).await?;
        self.shown(began, &checked)?;
        self.has_paid(&checked, transaction_id)?;
        Ok(Paid {
            tiki_id,
            transaction_id: transaction_id.to_owned(),
        })
    }

    /// Two days later: the file of the day goes to Tiki, which has come to another amount; its answer comes back.
    async fn reconcile(&mut self, tiki_id: &str) -> anyhow::Result<String> {
        // Not one: in the first minutes of a day nobody exports the day before.
        self.sandbox.day_passes().await?;
        self.sandbox.day_passes().await?;
        let day = today()?.previous().previous();
        self.step("A day passes; its file goes to Tiki's SFTP server")
            .await;
        let event = json!({ "day": day.to_string() });
        let outcome = self.sandbox.invoke("reconcile", &event).await?;
        let files = outcome["delivered"].as_array().context("no files")?;
        for file in files {
            let name = file.as_str().unwrap_or_default();
            (self.say)(&format!(
                "             reconcile → Tiki             INBOUND/{name}"
            ));
        }

        self.step("Tiki compares, and returns what does not agree")
            .await;
        self.tiki
            .change(tiki_id, |order| order.amount = AMOUNT - 1_000);
        for name in self.tiki.reconcile(&self.sandbox.sftp_folder)? {
            (self.say)(&format!(
                "             Tiki → partner               OUTBOUND/{name}"
            ));
        }

        self.step("The answer is read; what differs lies on a person's desk")
            .await;
        let event = json!({ "action": "reconcile" });
        let outcome = self.sandbox.invoke("reconcile", &event).await?;
        ensure!(
            outcome["received"]
                .as_array()
                .is_some_and(|read| !read.is_empty()),
            "Tiki's answer was not read: {outcome}"
        );
        let url = &self.sandbox.s3_url;
        Ok(format!(
            "{url}/_sandbox/files/ReconciliationBucket/{day}/report.html"
        ))
    }

    /// The customer's browser: to the payment screen, a press on the button, and back.
    async fn press(&mut self, payment_url: &str) -> anyhow::Result<String> {
        let browser = http()?;
        let began = self
            .step("Follows the payment link to the partner's payment screen")
            .await;
        let screen_url = location(&browser, payment_url).await?;
        let screen = Response::read(browser.get(&screen_url).send().await?).await?;
        ensure!(
            screen.status == 200,
            "the payment screen answers {}",
            screen.status
        );
        ensure!(
            screen.text.contains(&money(AMOUNT)),
            "the payment screen shows another amount"
        );
        self.show(began);

        let began = self
            .step("Pays; the core reports it, and Tiki is told")
            .await;
        let query = screen_url
            .split_once('?')
            .map(|(_, query)| query)
            .unwrap_or_default();
        let form = [("query", query), ("action", "pay")];
        let url = self
            .core
            .caller
            .http
            .post(format!("{}/pay", self.sandbox.core_url));
        let pressed = url.form(&form).send().await?;
        let back = header(&pressed, "location")?;
        // Shown once Tiki has been told, which happens by itself.
        self.until_any_notified(began).await;
        self.show(began);

        let began = self.step("Is sent back").await;
        let result_screen = location(&browser, &back).await?;
        self.show(began);
        Ok(result_screen)
    }

    /// Waits until an IPN is in the journal.
    async fn until_any_notified(&self, began: Duration) {
        let told = || {
            self.sandbox
                .journal
                .since(began)
                .iter()
                .any(|e| e.what.starts_with("IPN"))
        };
        let _ = tokio::time::timeout(PATIENCE, async {
            while !told() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // The sender's own record of it follows.
            tokio::time::sleep(Duration::from_millis(50)).await;
        })
        .await;
    }

    async fn until_notified(&self, tiki_id: &str) -> anyhow::Result<()> {
        let told = || {
            self.tiki
                .known(tiki_id)
                .is_some_and(|order| order.status == "SUCCESS")
        };
        let wait = async {
            while !told() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.context("Tiki was not told of the payment")
    }

    fn has_paid(&self, checked: &Response, transaction_id: &str) -> anyhow::Result<()> {
        let json = &checked.json;
        ensure!(
            json["status"] == "SUCCESS",
            "the status is {}",
            json["status"]
        );
        ensure!(
            json["refunded_amount"] == REFUND,
            "refunded is {}",
            json["refunded_amount"]
        );
        let back = self.core.given_back(transaction_id);
        ensure!(back == REFUND, "the core gave {back} back");
        Ok(())
    }

    fn verdict(&mut self, paid: &Paid, report: &str) {
        let (amount, refunded) = (money(AMOUNT), money(REFUND));
        (self.say)(&format!(
            "\n  ✔ {amount} paid and confirmed at Tiki, {refunded} of it refunded.\n    Transaction {}\n    \
             The day's report, with one amount that differs: {report}",
            paid.transaction_id
        ));
    }

    async fn step(&mut self, title: &str) -> Duration {
        let began = self.sandbox.journal.now();
        (self.say)(&format!("\n  {title}"));
        // The clock of the journal counts in steps finer than a call takes; this keeps two steps apart.
        tokio::time::sleep(Duration::from_millis(1)).await;
        began
    }

    fn shown(&mut self, began: Duration, response: &Response) -> anyhow::Result<()> {
        self.show(began);
        let (status, text) = (response.status, &response.text);
        ensure!(
            status == 200 && response.code() == Some(0),
            "answered {status}: {text}"
        );
        Ok(())
    }

    /// Shows the calls since a step began: who called whom for what, what came of it, after how long.
    fn show(&mut self, began: Duration) {
        for entry in self.sandbox.journal.since(began) {
            let at = entry.began.as_millis();
            let took = entry.took.as_secs_f64() * 1000.0;
            let parties = format!("{} → {}", entry.from, entry.to);
            let what = entry
                .what
                .replace("/tikivip/v1", "…")
                .replace("/partner/v1", "…");
            let what = short(&what.replace("{transaction_id}", "{id}"), 28);
            let outcome = short(&entry.outcome, 26);
            (self.say)(&format!(
                "  {at:>6} ms  {parties:<27}  {what:<28}  {outcome:<26} {took:>7.1} ms"
            ));
        }
    }
}

fn today() -> anyhow::Result<domain::Day> {
    Ok(domain::Timestamp::from_unix_ms(now_ms())?.vietnamese_day())
}

/// Where a redirect leads.
async fn location(browser: &reqwest::Client, url: &str) -> anyhow::Result<String> {
    header(&browser.get(url).send().await?, "location")
}

fn header(response: &reqwest::Response, name: &str) -> anyhow::Result<String> {
    let value = response.headers().get(name);
    let value = value.with_context(|| format!("{} without a {name}", response.status()))?;
    Ok(value.to_str()?.to_owned())
}

/// A text that fits its column.
fn short(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}
