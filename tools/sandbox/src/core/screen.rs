//! The payment screen: the customer sees the amount, and pays or cancels.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, OriginalUri, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use domain::Timestamp;
use serde::Deserialize;
use signing::{Keyring, SignatureHeaders, Window};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Core, CoreState, Payment, money};
use crate::magic::{AtTheScreen, at_the_screen};

/// So long the screen waits for the functions to say what a payment is.
const API_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "payment-screen.html")]
struct PaymentScreen<'a> {
    amount: &'a str,
    transaction_id: &'a str,
    /// What was bought, and the order, as far as the create call said so.
    description: Option<&'a str>,
    order_code: Option<&'a str>,
    /// `07:00, 27/11/2026`.
    pay_before: &'a str,
    /// The signed query, which the form sends back.
    query: &'a str,
}

/// A page that says why there is nothing to pay.
#[derive(Template)]
#[template(path = "screen-notice.html")]
struct Notice<'a> {
    title: &'a str,
    vietnamese: &'a str,
    english: &'a str,
    /// The way back to the shop.
    back: Option<&'a str>,
}

/// The content of a verified link to the payment screen.
struct PaymentLink {
    transaction_id: String,
    amount: u64,
    expires_at: Timestamp,
    return_url: String,
    /// What was bought, and the order, as the functions have it.
    description: Option<String>,
    order_code: Option<String>,
}

/// Why a link does not lead to the form (docs/core.md#what-the-screen-shows).
enum NoForm {
    /// It does not verify, or is of no payment of this amount.
    Invalid,
    /// The customer has decided, or the payment is no longer open: nothing is left to pay.
    Back(PaymentLink),
    Expired(PaymentLink),
    /// The functions do not say what the payment is.
    Unreadable(PaymentLink),
}

/// Verifies and reads the query that payment-redirect has signed. It is signed like a GET; the signature's own
/// parameters come last and are not signed.
fn verified_link(keys: &Keyring, query: &str, now_ms: i64) -> Option<PaymentLink> {
    let (signed, rest) = query.rsplit_once("&client_id=")?;
    let pairs = |text: &str| -> HashMap<String, String> {
        url::form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect()
    };
    let (values, signature) = (pairs(signed), pairs(&format!("client_id={rest}")));
    let get = |name: &str| signature.get(name).map(String::as_str);
    let headers = SignatureHeaders {
        timestamp: get("timestamp"),
        client_id: get("client_id"),
        signature: get("signature"),
    };
    // A customer may keep the screen open until the payment expires. `expires_at` sets the limit.
    let window = Window {
        max_age_ms: Duration::from_hours(25).as_millis().try_into().ok()?,
        ..Window::default()
    };
    let message = format!("/pay?{signed}");
    keys.verify(&headers, message.as_bytes(), now_ms, window)
        .ok()?;
    let expires_at = values.get("expires_at")?.parse().ok()?;
    Some(PaymentLink {
        transaction_id: values.get("transaction_id")?.clone(),
        amount: values.get("amount")?.parse().ok()?,
        expires_at: Timestamp::from_unix_ms(expires_at).ok()?,
        return_url: values.get("return_url")?.clone(),
        description: None,
        order_code: None,
    })
}

pub(super) async fn screen(State(core): State<Core>, OriginalUri(uri): OriginalUri) -> Response {
    let open = core.journal.open("customer", "core", "GET payment screen");
    let query = uri.query().unwrap_or_default();
    let link = match core.opened(query).await {
        Ok(link) => link,
        Err(refused) => {
            let (says, response) = refused.answer();
            open.done(says);
            return response;
        }
    };
    core.state.write(|state| {
        let until = link.expires_at.unix_ms();
        state.opened.insert(link.transaction_id.clone(), until);
    });
    open.done(format!("shows {}", money(link.amount)));
    let screen = PaymentScreen {
        amount: &money(link.amount),
        transaction_id: &link.transaction_id,
        description: link.description.as_deref(),
        order_code: link.order_code.as_deref(),
        pay_before: &until(link.expires_at),
        query,
    };
    page(StatusCode::OK, &screen)
}

/// `07:00, 27/11/2026`: a payment can end on the next day.
fn until(at: Timestamp) -> String {
    let at = at.to_rfc3339();
    let part = |range| at.get(range).unwrap_or_default();
    format!(
        "{}, {}/{}/{}",
        part(11..16),
        part(8..10),
        part(5..7),
        part(0..4)
    )
}

/// The customer's choice.
#[derive(Deserialize)]
pub(super) struct Decision {
    #[serde(default)]
    query: String,
    #[serde(default)]
    action: String,
}

pub(super) async fn decide(State(core): State<Core>, Form(decision): Form<Decision>) -> Response {
    let open = core
        .journal
        .open("customer", "core", format!("clicks “{}”", decision.action));
    let decided = match core.decided(&decision).await {
        Ok(decided) => decided,
        Err(refused) => {
            let (says, response) = refused.answer();
            open.done(says);
            return response;
        }
    };
    let (link, status) = decided;
    // In its own task, so that a customer who closes the window does not stop it.
    let sending = tokio::spawn({
        let (core, id, amount) = (core.clone(), link.transaction_id.clone(), link.amount);
        async move { core.report(&id, amount, &status).await }
    });
    let accepted = sending.await.unwrap_or(false);
    open.done(if accepted {
        "303, accepted"
    } else {
        "303, not accepted"
    });
    let mut back = Redirect::to(&link.return_url).into_response();
    // Browsers keep the form as it was left, for the button back, even with `no-store`. A changed cookie ends that.
    let cookie = format!(
        "decided={}; Path=/pay; HttpOnly; SameSite=Lax",
        Uuid::new_v4()
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        back.headers_mut().insert("set-cookie", cookie);
    }
    back
}

impl Core {
    /// What the customer has decided, and the link: the first choice that came in time.
    async fn decided(&self, decision: &Decision) -> Result<(PaymentLink, String), NoForm> {
        let link = match self.opened(&decision.query).await {
            // If the API cannot be asked at the click, the payment goes on: it was open when the form was shown.
            Ok(link) | Err(NoForm::Unreadable(link)) => link,
            Err(refused) => return Err(refused),
        };
        let declined = at_the_screen(link.amount) == Some(AtTheScreen::Declined);
        let choice = match decision.action.as_str() {
            "pay" if declined => "failed",
            "pay" => "paid",
            "cancel" => "failed",
            _ => return Err(NoForm::Invalid),
        };
        let now_ms = self.now_ms();
        match self
            .state
            .write(|state| state.decide(&link, choice, now_ms))
        {
            Some(status) => Ok((link, status)),
            None => Err(NoForm::Expired(link)),
        }
    }

    /// The link, if it leads to the form. The order of the checks is that of docs/core.md; nobody logs in here, so the
    /// step of the `identify_code` is missing.
    async fn opened(&self, query: &str) -> Result<PaymentLink, NoForm> {
        let mut link =
            verified_link(&self.caller.keys, query, self.now_ms()).ok_or(NoForm::Invalid)?;
        let id = link.transaction_id.clone();
        let is_decided = self.state.read(|state| {
            let known = state.payments.get(&id);
            known.is_some_and(Payment::is_decided)
        });
        if is_decided {
            return Err(NoForm::Back(link));
        }
        if self.now_ms() > link.expires_at.unix_ms() {
            return Err(NoForm::Expired(link));
        }
        match timeout(API_TIMEOUT, self.details(&id)).await {
            Ok(Ok(answer)) if answer.code() == Some(0) => {
                let recorded = &answer.json["data"];
                if recorded["transaction_amount"] != link.amount {
                    Err(NoForm::Invalid)
                } else if recorded["status"] != "PENDING" {
                    Err(NoForm::Back(link))
                } else {
                    let text = |name: &str| recorded[name].as_str().map(str::to_owned);
                    (link.description, link.order_code) = (text("description"), text("order_code"));
                    Ok(link)
                }
            }
            Ok(Ok(answer)) if answer.code() == Some(3) => Err(NoForm::Invalid),
            _ => Err(NoForm::Unreadable(link)),
        }
    }
}

impl Payment {
    /// The customer has chosen: the form is never shown again.
    fn is_decided(&self) -> bool {
        self.status != "not_paid"
    }
}

impl CoreState {
    /// What the customer has decided: the first choice, however many windows and clicks there are. Nothing, if it comes
    /// after `expires_at`.
    fn decide(&mut self, link: &PaymentLink, choice: &str, now_ms: i64) -> Option<String> {
        let id = &link.transaction_id;
        let known = self.payments.get(id).filter(|known| known.is_decided());
        if let Some(known) = known {
            return Some(known.status.clone());
        }
        if now_ms > link.expires_at.unix_ms() {
            return None;
        }
        self.set_payment(id, link.amount, choice, now_ms);
        Some(choice.to_owned())
    }
}

impl NoForm {
    /// What the journal says, and what the customer sees.
    fn answer(&self) -> (&'static str, Response) {
        let notice = |title, vietnamese, english, back| Notice {
            title,
            vietnamese,
            english,
            back,
        };
        match self {
            Self::Invalid => {
                let notice = notice(
                    "Liên kết không hợp lệ",
                    "Vui lòng quay lại Tiki VIP và mở lại màn hình thanh toán.",
                    "This link is not valid. Please go back to Tiki VIP and open the payment screen again.",
                    None,
                );
                ("400, invalid link", page(StatusCode::BAD_REQUEST, &notice))
            }
            Self::Back(link) => {
                let back = Redirect::to(&link.return_url).into_response();
                ("303, nothing is left to pay", back)
            }
            Self::Expired(link) => {
                let notice = notice(
                    "Đã hết thời hạn thanh toán",
                    "Quý khách chưa bị trừ tiền. Vui lòng quay lại Tiki VIP và đặt hàng lại.",
                    "The time to pay is over, and no money was taken. Please go back to Tiki VIP and order again.",
                    Some(link.return_url.as_str()),
                );
                let page = page(StatusCode::GONE, &notice);
                ("410, the payment has expired", page)
            }
            Self::Unreadable(link) => {
                let notice = notice(
                    "Chưa mở được màn hình thanh toán",
                    "Quý khách chưa bị trừ tiền. Vui lòng thử lại sau ít phút.",
                    "The payment screen cannot be opened now, and no money was taken. Please try again in some minutes.",
                    Some(link.return_url.as_str()),
                );
                let page = page(StatusCode::SERVICE_UNAVAILABLE, &notice);
                ("503, the payment cannot be read", page)
            }
        }
    }
}

/// A page that loads nothing. It has no `form-action`, because the form's redirect leads to Tiki.
fn page(status: StatusCode, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    let csp =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert("content-security-policy", HeaderValue::from_static(csp));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    response
}
