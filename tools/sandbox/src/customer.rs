//! A customer with a browser: follows the payment link, sees the payment screen, and decides.

use anyhow::{Context, ensure};

use crate::caller::{Response, http};
use crate::core::money;

/// A customer with a browser.
pub(crate) struct Customer {
    browser: reqwest::Client,
}

/// The payment screen as the customer sees it.
pub(crate) struct Screen {
    /// Its address, with the signed query.
    url: String,
}

impl Customer {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { browser: http()? })
    }

    /// Follows the payment link to the screen, which must show this amount.
    pub(crate) async fn opens(&self, payment_url: &str, amount: u64) -> anyhow::Result<Screen> {
        let url = self.led_by(payment_url).await?;
        let screen = Response::read(self.browser.get(&url).send().await?).await?;
        let (status, text) = (screen.status, screen.text);
        ensure!(status == 200, "the payment screen answered {status}");
        ensure!(
            text.contains(&money(amount)),
            "the payment screen shows another amount"
        );
        Ok(Screen { url })
    }

    /// Presses a button of the screen: `pay` or `cancel`. Returns where it leads.
    pub(crate) async fn presses(&self, screen: &Screen, action: &str) -> anyhow::Result<String> {
        let (address, query) = screen.url.split_once('?').unwrap_or((&screen.url, ""));
        let form = [("query", query), ("action", action)];
        let pressed = self.browser.post(address).form(&form).send().await?;
        location(&pressed)
    }

    /// The target of a redirect.
    pub(crate) async fn led_by(&self, url: &str) -> anyhow::Result<String> {
        location(&self.browser.get(url).send().await?)
    }

    /// The page at this address.
    pub(crate) async fn sees(&self, url: &str) -> anyhow::Result<Response> {
        Response::read(self.browser.get(url).send().await?).await
    }
}

fn location(response: &reqwest::Response) -> anyhow::Result<String> {
    let value = response.headers().get("location");
    let status = response.status();
    let value = value.with_context(|| format!("answered {status} without the header location"))?;
    Ok(value.to_str()?.to_owned())
}
