//! The shop of the played Tiki: a customer orders, comes back to the result, and gives something back.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response as AxumResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::orders::Created;
use super::{Order, Tiki};
use crate::core::money;

/// Where the shop is: `url_open` of a webview leads here.
const SHOP: &str = "/apps/vn.tiki.vip";
/// The orders that the shop lists, the newest first.
const MAX_LISTED: usize = 8;

/// A refund that was asked for in the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopRefund {
    pub request_id: String,
    pub amount: u64,
    /// What the partner answered: its code, or `None` if there was no answer.
    pub code: Option<i64>,
}

#[derive(Template)]
#[template(path = "shop.html")]
struct ShopPage {
    session: String,
    /// Why the last order was not placed.
    problem: Option<String>,
    orders: Vec<Row>,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    order: Row,
    transaction_id: Option<String>,
    /// Whether the page is to ask again by itself.
    waits: bool,
    /// What can be given back: all that is left, and half of it.
    offers: Vec<Offer>,
    refunds: Vec<Refunded>,
    /// The way back to the shop.
    shop: String,
}

/// An order as a page shows it.
struct Row {
    id: String,
    amount: String,
    description: String,
    vietnamese: &'static str,
    english: &'static str,
    /// The class of its state: `waits`, `paid` or `failed`.
    state: &'static str,
    link: String,
}

/// A refund as a page shows it.
struct Refunded {
    amount: String,
    vietnamese: &'static str,
    english: &'static str,
    code: String,
}

/// An amount that the shop offers to give back.
struct Offer {
    amount: u64,
    shown: String,
    english: &'static str,
}

impl Offer {
    fn of(left: u64) -> Vec<Self> {
        let offers = [(left, "Refund all"), (left.div_euclid(2), "Refund half")];
        let offers = offers.into_iter().filter(|(amount, _)| *amount > 0);
        offers
            .map(|(amount, english)| Self {
                amount,
                shown: money(amount),
                english,
            })
            .collect()
    }
}

impl Row {
    fn of(id: &str, order: &Order) -> Self {
        let (vietnamese, english, state) = match order.status.as_str() {
            _ if order.cancelled => ("Đã hủy", "Cancelled", "failed"),
            "SUCCESS" => ("Đã thanh toán", "Paid", "paid"),
            "FAILURE" => ("Thanh toán không thành công", "Payment failed", "failed"),
            _ => ("Chờ thanh toán", "Waiting for the payment", "waits"),
        };
        Self {
            id: id.to_owned(),
            amount: money(order.amount),
            description: order.description.clone(),
            vietnamese,
            english,
            state,
            link: order_link(id),
        }
    }
}

impl Refunded {
    fn of(refund: &ShopRefund) -> Self {
        let (vietnamese, english) = match refund.code {
            Some(0) => ("Đã hoàn tiền", "Refunded"),
            Some(12) | None => ("Đang xử lý", "In progress"),
            Some(_) => ("Bị từ chối", "Refused"),
        };
        Self {
            amount: money(refund.amount),
            vietnamese,
            english,
            code: refund
                .code
                .map_or_else(String::new, |code| code.to_string()),
        }
    }
}

fn order_link(id: &str) -> String {
    format!("{SHOP}/callback/index?{}", query("order", id))
}

fn query(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish()
}

/// The cookie of an order that was placed outside a webview: the partner sends its customer to the shop, which then shows
/// this order once.
const ORDER_COOKIE: &str = "tiki_order";

fn set_order_cookie(response: &mut AxumResponse, order: &str, max_age_s: u32) {
    let cookie =
        format!("{ORDER_COOKIE}={order}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert("set-cookie", cookie);
    }
}

fn order_of_cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get("cookie")?.to_str().ok()?;
    cookies
        .split("; ")
        .filter_map(|cookie| cookie.split_once('='))
        .find_map(|(name, order)| (name == ORDER_COOKIE).then_some(order))
}

/// The shop and its result page. It is a fallback because Tiki's URLs have a double slash, which routes refuse.
pub(super) async fn page(State(tiki): State<Tiki>, headers: HeaderMap, uri: Uri) -> AxumResponse {
    let asked: HashMap<String, String> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let path = uri.path().trim_start_matches('/');
    match path.trim_end_matches('/') {
        "" => Redirect::to(SHOP).into_response(),
        "apps/vn.tiki.vip" => match (asked.get("session"), order_of_cookie(&headers)) {
            (None, Some(order)) if tiki.known(order).is_some() => {
                let mut shown = Redirect::to(&order_link(order)).into_response();
                set_order_cookie(&mut shown, "", 0);
                shown
            }
            (session, _) => tiki.shop(session.map(String::as_str), None),
        },
        "apps/vn.tiki.vip/callback/index" => {
            let open = tiki.journal.open("customer", "Tiki", "GET result screen");
            let page = tiki.order_page(&asked);
            open.done(format!("{}, shown", page.status().as_u16()));
            page
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What a customer orders.
#[derive(Deserialize)]
pub(super) struct Basket {
    /// In VND, with or without dots.
    amount: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    session: String,
}

/// `POST /_sandbox/shop/orders`, a form: orders, and leads to the payment screen.
pub(super) async fn buy(State(tiki): State<Tiki>, Form(basket): Form<Basket>) -> AxumResponse {
    let session = Some(basket.session.as_str()).filter(|session| !session.is_empty());
    let digits: String = basket
        .amount
        .chars()
        .filter(|c| !"., ₫".contains(*c))
        .collect();
    let Ok(amount) = digits.parse::<u64>() else {
        let problem = format!("Số tiền không hợp lệ · Not an amount: {}", basket.amount);
        return tiki.shop(session, Some(problem));
    };
    let description = basket.description.trim();
    let mut more = json!({});
    if !description.is_empty() {
        more["description"] = json!(description);
    }
    if let Some(session) = session {
        more["request_id"] = json!(session);
    }
    match tiki.place(amount, more).await {
        Ok(Created {
            payment_url,
            tiki_id,
            ..
        }) => {
            let mut to_pay = Redirect::to(&payment_url).into_response();
            if session.is_none() {
                set_order_cookie(&mut to_pay, &tiki_id, 86_400);
            }
            to_pay
        }
        Err(why) => tiki.shop(session, Some(why)),
    }
}

/// What is given back.
#[derive(Deserialize)]
pub(super) struct GivenBack {
    order: String,
    amount: u64,
}

/// `POST /_sandbox/shop/refunds`, a form: Tiki asks for a refund, and the page of the order shows what came of it.
pub(super) async fn refund(State(tiki): State<Tiki>, Form(given): Form<GivenBack>) -> AxumResponse {
    let transaction_id = tiki
        .known(&given.order)
        .and_then(|order| order.transaction_id);
    let Some(transaction_id) = transaction_id else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let request_id = Uuid::new_v4().to_string();
    let answer = tiki
        .refund(&given.order, &transaction_id, &request_id, given.amount)
        .await;
    let code = answer.ok().and_then(|answer| answer.code());
    tiki.change(&given.order, |order| {
        order.refunds.push(ShopRefund {
            request_id,
            amount: given.amount,
            code,
        });
    });
    Redirect::to(&order_link(&given.order)).into_response()
}

impl Tiki {
    fn shop(&self, session: Option<&str>, problem: Option<String>) -> AxumResponse {
        let orders = self.orders.read(|orders| {
            let mut listed: Vec<_> = orders.iter().collect();
            listed.sort_by_key(|(_, order)| std::cmp::Reverse(order.number));
            let of_session =
                |order: &Order| session.is_none() || order.session.as_deref() == session;
            let listed = listed.into_iter().filter(|(_, order)| of_session(order));
            listed
                .take(MAX_LISTED)
                .map(|(id, order)| Row::of(id, order))
                .collect()
        });
        let status = match problem {
            None => StatusCode::OK,
            Some(_) => StatusCode::BAD_REQUEST,
        };
        shown(
            status,
            &ShopPage {
                session: session.unwrap_or_default().to_owned(),
                problem,
                orders,
            },
        )
    }

    /// The order that the query names, or the newest of its session.
    fn order_page(&self, asked: &HashMap<String, String>) -> AxumResponse {
        let session = asked.get("session");
        let found = self.orders.read(|orders| {
            if let Some(id) = asked.get("order") {
                return orders.get(id).map(|order| (id.clone(), order.clone()));
            }
            let of_session = orders
                .iter()
                .filter(|(_, order)| session.is_none() || order.session.as_ref() == session);
            let newest = of_session.max_by_key(|(_, order)| order.number);
            newest.map(|(id, order)| (id.clone(), order.clone()))
        });
        let Some((id, order)) = found else {
            return self.shop(session.map(String::as_str), None);
        };
        let back = |refund: &&ShopRefund| refund.code == Some(0);
        let given_back: u64 = order.refunds.iter().filter(back).map(|r| r.amount).sum();
        let left = order.amount.saturating_sub(given_back);
        let is_paid = order.status == "SUCCESS" && !order.cancelled;
        let shop = order.session.as_ref().map_or_else(
            || SHOP.to_owned(),
            |session| format!("{SHOP}?{}", query("session", session)),
        );
        let page = OrderPage {
            waits: order.status == "PENDING" && !order.cancelled,
            offers: if is_paid && order.transaction_id.is_some() {
                Offer::of(left)
            } else {
                Vec::new()
            },
            refunds: order.refunds.iter().map(Refunded::of).collect(),
            order: Row::of(&id, &order),
            transaction_id: order.transaction_id,
            shop,
        };
        shown(StatusCode::OK, &page)
    }
}

/// A page that loads nothing. It has no `form-action`: ordering leads to the partner.
fn shown(status: StatusCode, template: &impl Template) -> AxumResponse {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, Html(html)).into_response();
    let csp =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert("content-security-policy", HeaderValue::from_static(csp));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

/// The fields of a create call that an order keeps.
pub(super) fn kept(more: &Value) -> (Option<String>, String) {
    let text = |name: &str| more[name].as_str().map(str::to_owned);
    (text("request_id"), text("description").unwrap_or_default())
}
