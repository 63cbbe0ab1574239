//! The payment screen: the customer sees the amount, and pays or cancels.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, OriginalUri, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use domain::Timestamp;
use serde::Deserialize;
use serde_json::json;
use signing::{Keyring, SignatureHeaders, Window};

use super::{Core, money, reference};
use crate::caller::now_ms;

#[derive(Template)]
#[template(path = "payment-screen.html")]
struct PaymentScreen<'a> {
    amount: &'a str,
    transaction_id: &'a str,
    /// `HH:MM`.
    pay_before: &'a str,
    /// The signed query, which the form sends back.
    query: &'a str,
}

#[derive(Template)]
#[template(path = "invalid-link.html")]
struct InvalidLinkPage;

/// The content of a verified link to the payment screen.
struct PaymentLink {
    transaction_id: String,
    amount: u64,
    expires_at: Timestamp,
    return_url: String,
}

/// Verifies and reads the query that payment-redirect has signed. It is signed like a GET; the signature's own
/// parameters come last and are not signed.
fn verified_link(keys: &Keyring, query: &str) -> Option<PaymentLink> {
    let (signed, rest) = query.split_once("&client_id=")?;
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
    keys.verify(&headers, message.as_bytes(), now_ms(), window)
        .ok()?;
    let expires_at = values.get("expires_at")?.parse().ok()?;
    Some(PaymentLink {
        transaction_id: values.get("transaction_id")?.clone(),
        amount: values.get("amount")?.parse().ok()?,
        expires_at: Timestamp::from_unix_ms(expires_at).ok()?,
        return_url: values.get("return_url")?.clone(),
    })
}

pub(super) async fn screen(State(core): State<Core>, OriginalUri(uri): OriginalUri) -> Response {
    let open = core.journal.open("customer", "core", "GET payment screen");
    let query = uri.query().unwrap_or_default();
    let Some(link) = verified_link(&core.caller.keys, query) else {
        open.done("400, invalid link");
        return page(StatusCode::BAD_REQUEST, &InvalidLinkPage);
    };
    open.done(format!("shows {}", money(link.amount)));
    let expires_at = link.expires_at.to_rfc3339();
    let screen = PaymentScreen {
        amount: &money(link.amount),
        transaction_id: &link.transaction_id,
        pay_before: expires_at.get(11..16).unwrap_or_default(),
        query,
    };
    page(StatusCode::OK, &screen)
}

/// The customer's choice.
#[derive(Deserialize)]
pub(super) struct Decision {
    query: String,
    action: String,
}

pub(super) async fn decide(State(core): State<Core>, Form(decision): Form<Decision>) -> Response {
    let open = core
        .journal
        .open("customer", "core", format!("clicks “{}”", decision.action));
    let Some(link) = verified_link(&core.caller.keys, &decision.query) else {
        open.done("400, invalid link");
        return page(StatusCode::BAD_REQUEST, &InvalidLinkPage);
    };
    let id = link.transaction_id.clone();
    if now_ms() > link.expires_at.unix_ms() {
        open.done("410, the payment has expired");
        return page(StatusCode::GONE, &InvalidLinkPage);
    }
    let known = core
        .state
        .read(|state| state.payments.get(&id).map(|p| p.status.clone()));
    let pays = decision.action == "pay";
    if known.is_none() {
        core.set_payment(&id, link.amount, if pays { "paid" } else { "failed" });
    }
    // The first choice counts: a customer who goes back and clicks the other button changes nothing.
    let result = if known.map_or(pays, |status| status == "paid") {
        json!({
            "transaction_id": id,
            "status": "SUCCESS",
            "amount": link.amount,
            "partner_banking_method": "ACCOUNT",
            "rail_reference": reference(&id),
        })
    } else {
        json!({ "transaction_id": id, "status": "FAILURE", "reason": "cancelled by the customer" })
    };
    // In its own task, so that a customer who closes the window does not stop it.
    let sending = tokio::spawn(async move { core.send_result_until_accepted(&id, &result).await });
    let accepted = sending.await.unwrap_or(false);
    open.done(if accepted {
        "303, accepted"
    } else {
        "303, not accepted"
    });
    Redirect::to(&link.return_url).into_response()
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
