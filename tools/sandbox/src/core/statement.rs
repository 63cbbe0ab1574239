//! The core's statement of a day: what it took and gave back, in pages.

use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::{Day, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Core, CoreState};
use crate::body::JsonBody;
use crate::faults::words;

/// The entries of a page: few, so that also a small day has several pages.
const ENTRIES_PER_PAGE: usize = 3;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Money that the core took or gave back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// `payment` or `refund`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The core's own id of a payment; the refund's id.
    pub id: String,
    pub transaction_id: String,
    /// Amount in VND.
    pub amount: u64,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    pub rail_reference: String,
}

impl Core {
    /// Changes the core's book: what its statements say.
    pub fn change_bookings(&self, change: impl FnOnce(&mut Vec<Booking>)) {
        self.state.write(|state| change(&mut state.bookings));
    }

    /// Makes each booking one day older.
    pub(crate) fn day_passes(&self) {
        self.state.write(|state| {
            for booking in &mut state.bookings {
                booking.at_ms -= DAY_MS;
            }
            for payment in state.payments.values_mut() {
                payment.paid_at_ms -= DAY_MS;
            }
        });
    }

    /// The statement of a day as CSV, as a core that puts it into the bucket writes it.
    #[must_use]
    pub fn statement_csv(&self, day: &str) -> String {
        let mut csv = "type,id,transaction_id,amount,at,rail_reference\n".to_owned();
        for booking in self.bookings_of(day) {
            let Booking {
                kind,
                id,
                transaction_id,
                amount,
                at_ms,
                rail_reference,
            } = booking;
            let at = rfc3339(at_ms);
            csv.extend([format!(
                "{kind},{id},{transaction_id},{amount},{at},{rail_reference}\n"
            )]);
        }
        csv
    }

    fn bookings_of(&self, day: &str) -> Vec<Booking> {
        self.state.read(|state| {
            let of_day = state.bookings.iter().filter(|b| day_of(b.at_ms) == day);
            of_day.cloned().collect()
        })
    }
}

impl CoreState {
    /// Books a payment, unless it is booked.
    pub(super) fn book_payment(&mut self, transaction_id: &str, amount: u64, now_ms: i64) {
        let is_it = |b: &Booking| b.kind == "payment" && b.transaction_id == transaction_id;
        if self.bookings.iter().any(is_it) {
            return;
        }
        let number = self.bookings.len();
        self.bookings.push(Booking {
            kind: "payment".to_owned(),
            id: format!("B-{number}"),
            transaction_id: transaction_id.to_owned(),
            amount,
            at_ms: now_ms,
            rail_reference: super::reference(transaction_id),
        });
    }

    /// Books a refund, unless it is booked.
    pub(super) fn book_refund(&mut self, id: &str, transaction_id: &str, amount: u64, now_ms: i64) {
        let is_it = |b: &Booking| b.kind == "refund" && b.id == id;
        if self.bookings.iter().any(is_it) {
            return;
        }
        let number = self.bookings.len();
        self.bookings.push(Booking {
            kind: "refund".to_owned(),
            id: id.to_owned(),
            transaction_id: transaction_id.to_owned(),
            amount,
            at_ms: now_ms,
            rail_reference: format!("RF-{number}"),
        });
    }
}

pub(super) fn routes() -> Router<Core> {
    let book = get(bookings).post(replace_bookings);
    Router::new()
        .route("/statements/{day}", get(page))
        .route("/_sandbox/bookings", book)
}

/// `GET /_sandbox/bookings`: the core's book, of which its statements say what a day has.
async fn bookings(State(core): State<Core>) -> Json<Vec<Booking>> {
    Json(core.state.read(|state| state.bookings.clone()))
}

/// `POST /_sandbox/bookings`: replaces the book, so that a statement differs. No money moves, and what the core says of
/// one payment or refund stays the same.
async fn replace_bookings(
    State(core): State<Core>,
    JsonBody(changed): JsonBody<Vec<Booking>>,
) -> StatusCode {
    core.change_bookings(|bookings| *bookings = changed);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Cursor {
    cursor: Option<String>,
}

async fn page(
    State(core): State<Core>,
    Path(day): Path<String>,
    Query(Cursor { cursor }): Query<Cursor>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let open = core.journal.open("reconcile", "core", "GET statement");
    let mut says = Value::Null;
    let signed = uri.path_and_query().map_or("", |path| path.as_str());
    let response = core.faults.around("statement", async || {
        if !core.verified(&headers, signed.as_bytes()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let (status, body) = answer(&core, &day, cursor.as_deref());
        says = body.clone();
        (status, Json(body)).into_response()
    });
    let response = response.await;
    open.done(words(&response, &says));
    response
}

fn answer(core: &Core, day: &str, cursor: Option<&str>) -> (StatusCode, Value) {
    if day.parse::<Day>().is_err() {
        return (StatusCode::BAD_REQUEST, json!({ "message": "day" }));
    }
    if *day >= *day_of(core.now_ms()) {
        return (StatusCode::NOT_FOUND, json!({ "status": "not_there" }));
    }
    // Another cursor is none that this core gave: the first page again would be booked twice.
    let Ok(from) = cursor.map_or(Ok(0), str::parse::<usize>) else {
        return (StatusCode::BAD_REQUEST, json!({ "message": "cursor" }));
    };
    let bookings = core.bookings_of(day);
    let page = bookings.iter().skip(from).take(ENTRIES_PER_PAGE);
    let entries: Vec<Value> = page
        .map(|b| {
            json!({
                "type": b.kind,
                "id": b.id,
                "transaction_id": b.transaction_id,
                "amount": b.amount,
                "at": rfc3339(b.at_ms),
                "rail_reference": b.rail_reference,
            })
        })
        .collect();
    let until = from + ENTRIES_PER_PAGE;
    let next = (until < bookings.len()).then(|| until.to_string());
    (
        StatusCode::OK,
        json!({ "day": day, "entries": entries, "next": next }),
    )
}

/// The Vietnamese day of a time: `2026-11-22`.
fn day_of(at_ms: i64) -> String {
    rfc3339(at_ms).chars().take(10).collect()
}

/// A time on Vietnam's clock: `2026-11-22T10:00:00+07:00`.
pub(super) fn rfc3339(at_ms: i64) -> String {
    let at = Timestamp::from_unix_ms(at_ms);
    at.map(Timestamp::to_rfc3339).unwrap_or_default()
}
