//! The payment screen: the customer sees what is to be paid, and decides.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{Form, OriginalUri, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use domain::Timestamp;
use serde::Deserialize;
use serde_json::json;
use signing::{Keyring, SignatureHeaders, Window};

use super::{Core, money, reference};
use crate::caller::now_ms;

/// What a customer's way to the payment screen says, once its signature is verified.
struct Asked {
    transaction_id: String,
    amount: u64,
    expires_at: Timestamp,
    return_url: String,
}

/// Reads the query that payment-redirect has signed. It is signed like a GET, up to the signature's parts.
fn asked(keys: &Keyring, query: &str) -> Option<Asked> {
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
    // A customer may leave the screen open for as long as the payment lives; its own expiry bounds it.
    let window = Window {
        max_age_ms: Duration::from_hours(25).as_millis().try_into().ok()?,
        ..Window::default()
    };
    let message = format!("/pay?{signed}");
    keys.verify(&headers, message.as_bytes(), now_ms(), window)
        .ok()?;
    let expires_at = values.get("expires_at")?.parse().ok()?;
    Some(Asked {
        transaction_id: values.get("transaction_id")?.clone(),
        amount: values.get("amount")?.parse().ok()?,
        expires_at: Timestamp::from_unix_ms(expires_at).ok()?,
        return_url: values.get("return_url")?.clone(),
    })
}

pub(super) async fn screen(State(core): State<Core>, OriginalUri(uri): OriginalUri) -> Response {
    let open = core.journal.open("customer", "core", "GET payment screen");
    let query = uri.query().unwrap_or_default();
    let Some(asked) = asked(&core.caller.keys, query) else {
        open.done("400, the link is not valid");
        let html = include_str!("../pages/refused.html");
        return page(StatusCode::BAD_REQUEST, html.to_owned());
    };
    open.done(format!("shown: {}", money(asked.amount)));
    let until = asked.expires_at.to_rfc3339();
    let clock = until.get(11..16).unwrap_or_default();
    let html = include_str!("../pages/pay.html")
        .replace("{amount}", &money(asked.amount))
        .replace("{transaction_id}", &escaped(&asked.transaction_id))
        .replace("{until}", clock)
        .replace("{query}", &escaped(query));
    page(StatusCode::OK, html)
}

/// What the customer pressed.
#[derive(Deserialize)]
pub(super) struct Decision {
    query: String,
    action: String,
}

pub(super) async fn decide(State(core): State<Core>, Form(decision): Form<Decision>) -> Response {
    let open = core
        .journal
        .open("customer", "core", format!("presses “{}”", decision.action));
    let Some(asked) = asked(&core.caller.keys, &decision.query) else {
        open.done("400, the link is not valid");
        let html = include_str!("../pages/refused.html");
        return page(StatusCode::BAD_REQUEST, html.to_owned());
    };
    let id = asked.transaction_id.clone();
    if now_ms() > asked.expires_at.unix_ms() {
        open.done("too late to pay");
        return page(
            StatusCode::GONE,
            include_str!("../pages/refused.html").to_owned(),
        );
    }
    let known = core
        .books
        .read(|books| books.payments.get(&id).map(|p| p.status.clone()));
    let pays = decision.action == "pay";
    if known.is_none() {
        core.set_payment(&id, asked.amount, if pays { "paid" } else { "failed" });
    }
    // What was decided first stands: a customer who goes back and presses the other button changes nothing.
    let report = if known.map_or(pays, |status| status == "paid") {
        json!({
            "transaction_id": id,
            "status": "SUCCESS",
            "amount": asked.amount,
            "partner_banking_method": "ACCOUNT",
            "rail_reference": reference(&id),
        })
    } else {
        json!({ "transaction_id": id, "status": "FAILURE", "reason": "cancelled by the customer" })
    };
    // In a task of its own: a customer who closes the window does not stop the report.
    let reporting = tokio::spawn(async move { core.report_until_taken(&id, &report).await });
    let taken = reporting.await.unwrap_or(false);
    open.done(if taken {
        "reported, back to Tiki"
    } else {
        "not taken by payment-result"
    });
    Redirect::to(&asked.return_url).into_response()
}

/// A page that loads nothing, sends its form only here, and whose redirect may lead to Tiki.
fn page(status: StatusCode, html: String) -> Response {
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    let csp =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert("content-security-policy", HeaderValue::from_static(csp));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
