//! A small core that is right, and a switch for each mistake that a core can make.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use signing::{ClientSecret, HeaderNames, Keyring, SignatureHeaders, Window};
use url::form_urlencoded;

pub(crate) const CLIENT_ID: &str = "core";
pub(crate) const SECRET: &str = "a secret of the test";
/// An answer about a refund is on its way for so long.
pub(crate) const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// Slower than the kit of the test allows.
pub(crate) const SLOW: Duration = Duration::from_millis(700);
/// So long the core waits for our API.
pub(crate) const WAITS: Duration = Duration::from_secs(2);
const RACE: Duration = Duration::from_millis(80);

#[derive(Clone)]
pub(crate) struct Core {
    mistake: &'static str,
    keys: Keyring,
    /// The day of which it has bookings.
    pub day: String,
    pub api_url: Arc<Mutex<String>>,
    state: Arc<Mutex<Books>>,
    http: reqwest::Client,
}

#[derive(Default)]
struct Books {
    /// Status and amount.
    payments: HashMap<String, (String, u64)>,
    /// The `expires_at` of each payment that was opened.
    expires: HashMap<String, i64>,
    /// Payments whose debit runs.
    running: HashSet<String>,
    /// Transactions of which a refund is being decided.
    deciding: HashSet<String>,
    /// Ids of refunds, and of payments that were paid, in their order.
    order: (Vec<String>, Vec<String>),
    /// The link that was opened last.
    last_link: String,
    refunds: HashMap<String, Refund>,
    /// What went back: transaction, amount, when.
    back: Vec<(String, u64, Instant)>,
    /// How often the money of a payment was taken.
    debits: HashMap<String, u32>,
    /// The links on which somebody has clicked, by their timestamps.
    links: HashSet<String>,
    /// Signatures that came, and those that were right.
    signatures: (HashSet<String>, HashSet<String>),
    /// Ids about which `never_seen` was said.
    never_seen: HashSet<String>,
    /// The amount of the click that came last.
    last_amount: String,
    /// Refunds that are being decided.
    waiting: u32,
    /// The statement of today.
    booked: Vec<Value>,
    /// The cursors that came.
    cursors: HashSet<String>,
}

#[derive(Clone)]
struct Refund {
    body: Value,
    status: &'static str,
}

impl Books {
    /// An entry of the statement of today.
    fn book(&mut self, core: &Core, kind: &str, id: &str, transaction: &str, amount: u64) {
        let (kind, amount) = match core.mistake {
            "books refunds as payments" => ("payment", amount),
            "books a refund without its fee" if kind == "refund" => (kind, amount - amount / 100),
            _ => (kind, amount),
        };
        self.booked.push(json!({
            "type": kind,
            "id": id,
            "transaction_id": transaction,
            "amount": amount,
            "at": rfc3339(),
        }));
    }

    /// A refund was decided: the oldest of many is forgotten.
    fn forget_refunds(&mut self, id: &str) {
        self.order.0.push(id.to_owned());
        if self.order.0.len() > 10 {
            let oldest = self.order.0.remove(0);
            self.refunds.remove(&oldest);
        }
    }

    /// A payment was made: the oldest of many is forgotten.
    fn forget_payments(&mut self, id: &str) {
        self.order.1.push(id.to_owned());
        if self.order.1.len() > 45 {
            let oldest = self.order.1.remove(0);
            self.payments.remove(&oldest);
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

impl Core {
    pub(crate) fn new(mistake: &'static str, day: String) -> Self {
        Self {
            mistake,
            day,
            keys: Keyring::new(CLIENT_ID, ClientSecret::new(SECRET)),
            api_url: Arc::default(),
            state: Arc::default(),
            http: reqwest::Client::builder().timeout(WAITS).build().unwrap(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        let most_bytes = match self.mistake {
            "has no limit of a body" => 1024 * 1024,
            "takes small bodies only" => 32 * 1024,
            _ => 64 * 1024,
        };
        Router::new()
            .route("/refunds", post(refund))
            .route("/refunds/{id}", get(find_refund))
            .route("/payments/{id}", get(payment))
            .route("/statements/{day}", get(statement))
            .route("/pay", get(screen).post(decide))
            .fallback(no_route)
            .layer(DefaultBodyLimit::max(most_bytes))
            .with_state(self.clone())
    }

    fn has(&self, mistake: &str) -> bool {
        self.mistake == mistake
    }

    /// It is right in every way in which docs/core.md lets it differ.
    fn differs(&self) -> bool {
        self.has("differs where it may")
    }

    /// `None` if the call is signed right.
    fn refused(&self, headers: &HeaderMap, signed: &[u8]) -> Option<Response> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let names = HeaderNames::PARTNER;
        let given = SignatureHeaders {
            timestamp: header(names.timestamp),
            client_id: header(names.client_id),
            signature: header(names.signature),
        };
        let mut window = Window::default();
        match self.mistake {
            "accepts old signatures" => window.max_age_ms *= 10,
            "accepts signatures from the future" => window.max_ahead_ms *= 10,
            "is too strict with old signatures" => window.max_age_ms /= 2,
            "accepts no clock ahead" => window.max_ahead_ms = 0,
            _ => {}
        }
        let mut keys = self.keys.clone();
        if self.has("accepts any client id")
            && let Some(id) = given.client_id
        {
            keys = keys.under(id);
        }
        let mut candidates = vec![signed];
        if self.has("accepts a signature of nothing") {
            candidates.push(b"");
        }
        let signature = given.signature.unwrap_or_default().to_owned();
        let mut state = self.state.lock().unwrap();
        if self.differs() && !state.signatures.0.insert(signature.clone()) {
            return Some(StatusCode::UNAUTHORIZED.into_response());
        }
        if self.has("keeps what it has verified") && state.signatures.1.contains(&signature) {
            return None;
        }
        let verified = keys.verify_any(&given, candidates, now_ms(), window);
        if verified.is_ok() {
            state.signatures.1.insert(signature);
        }
        drop(state);
        let problem = verified.err()?;
        if self.is_taken_for_right(&given, signed, false) {
            return None;
        }
        let status = match (self.mistake, problem) {
            ("fails without a header", signing::SignatureRefusal::Missing(_))
            | ("fails with a malformed header", signing::SignatureRefusal::Malformed(_)) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::UNAUTHORIZED,
        };
        Some((status, Json(json!({ "message": "signature" }))).into_response())
    }

    /// What the mistakes of a comparison accept, in calls and in links.
    fn is_taken_for_right(&self, given: &SignatureHeaders, signed: &[u8], of_link: bool) -> bool {
        let (start, empty) = if of_link {
            (
                "compares the start in links",
                "takes an empty secret in links",
            )
        } else {
            (
                "compares the start in calls",
                "takes an empty secret in calls",
            )
        };
        let SignatureHeaders {
            timestamp: Some(timestamp),
            signature: Some(signature),
            client_id: Some(CLIENT_ID),
        } = given
        else {
            return false;
        };
        let Ok(at) = timestamp.parse::<i64>() else {
            return false;
        };
        if at.to_string() != *timestamp {
            return false;
        }
        if at > now_ms() + 60_000 || (!of_link && at < now_ms() - 300_000) {
            return false;
        }
        if self.has(start) {
            let right = self.keys.sign(at, signed).signature;
            return signature.len() == right.len() && signature[..8] == right[..8];
        }
        let nothing = Keyring::new(CLIENT_ID, ClientSecret::new(""));
        self.has(empty) && nothing.sign(at, signed).signature == *signature
    }

    fn never_seen(&self, field: &str, id: &str) -> Response {
        let bare = format!("answers a bare 404 about a {}", &field[..6]);
        if self.has(bare.trim_end()) {
            return StatusCode::NOT_FOUND.into_response();
        }
        self.state.lock().unwrap().never_seen.insert(id.to_owned());
        let body = json!({ field: id, "status": "never_seen" });
        (StatusCode::NOT_FOUND, Json(body)).into_response()
    }
}

async fn no_route(State(core): State<Core>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().trim_end_matches('/').to_lowercase();
    if core.has("filters one spelling of a path") && path == "/refunds" {
        return read_refund(&core, &headers, &body, "").await;
    }
    if core.has("calls any path never_seen") {
        let body = json!({ "transaction_id": "none", "status": "never_seen" });
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}

fn bad(what: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "message": what }))).into_response()
}

fn conflict() -> Response {
    (StatusCode::CONFLICT, Json(json!({ "message": "conflict" }))).into_response()
}

async fn refund(State(core): State<Core>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let checks = !core.has("does not verify refunds");
    let mut refused = core.refused(&headers, &body).filter(|_| checks);
    if core.has("takes a signature of the path") {
        refused = refused.and_then(|_| core.refused(&headers, b"/refunds"));
    }
    if let Some(refused) = refused {
        return refused;
    }
    read_refund(&core, &headers, &body, uri.query().unwrap_or_default()).await
}

async fn read_refund(core: &Core, headers: &HeaderMap, body: &[u8], query: &str) -> Response {
    let mut message: Value = serde_json::from_slice(body).unwrap_or_default();
    if core.has("reads the query of a refund") && message.is_object() {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            message[&*name] = json!(value.parse::<u64>().unwrap());
        }
    }
    if core.has("ignores capitals") && message["transaction_id"].is_string() {
        let small = message["transaction_id"].as_str().map(str::to_lowercase);
        message["transaction_id"] = json!(small);
    }
    let key = headers.get("idempotency-key");
    let key = key.and_then(|key| key.to_str().ok());
    let id = match message.get("refund_id") {
        None if core.has("takes the refund id from the key") => key,
        id => id.and_then(Value::as_str),
    };
    let transaction = message["transaction_id"].as_str().unwrap_or_default();
    if transaction.is_empty() && !core.has("takes any transaction") {
        return bad("transaction_id");
    }
    let amount = message["amount"].as_u64();
    let lacks_both = id.is_none() && key.is_none() && message.is_object();
    let id = id.or_else(|| (lacks_both && core.has("compares what both lack")).then_some("None"));
    let (Some(id), Some(amount @ 1..)) = (id, amount) else {
        if core.has("fails with a malformed body") {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        if core.has("rejects what is malformed") {
            let rejected = json!({ "refund_id": id, "amount": 1, "status": "rejected" });
            return Json(rejected).into_response();
        }
        return bad("refund_id and amount");
    };
    let reason = message["reason"].as_str().unwrap_or_default();
    if core.has("stumbles over signs in a reason") && reason.contains(['\'', '😀']) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if core.has("refuses a long reason") && reason.chars().count() > 100 {
        return bad("reason");
    }
    let key_is_fine = match key {
        None => core.has("needs no idempotency key") || id == "None",
        Some(key) => key == id || core.has("takes any idempotency key"),
    };
    if !key_is_fine {
        return bad("Idempotency-Key");
    }
    if core.has("refuses unknown fields") && message.get("x_new").is_some() {
        return bad("x_new");
    }
    let ahead = {
        let mut state = core.state.lock().unwrap();
        state.waiting += 1;
        state.waiting
    };
    let no_lock = core.has("waits a moment for its lock") && ahead > 2;
    let answer = refund_once(core, id, amount, &message, no_lock).await;
    core.state.lock().unwrap().waiting -= 1;
    answer
}

/// A core that does not wait for the lock of a payment.
async fn is_locked(core: &Core, transaction: &str) -> bool {
    let lock = transaction.to_owned();
    if !core.state.lock().unwrap().deciding.insert(lock) {
        return true;
    }
    tokio::time::sleep(RACE).await;
    core.state.lock().unwrap().deciding.remove(transaction);
    false
}

async fn refund_once(
    core: &Core,
    id: &str,
    amount: u64,
    message: &Value,
    no_lock: bool,
) -> Response {
    let transaction = message["transaction_id"].as_str().unwrap_or_default();
    if core.differs() && is_locked(core, transaction).await {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let crosses = crosses(core, transaction).await;
    let known = core.state.lock().unwrap().refunds.get(id).cloned();
    if let Some(known) = known
        && let Some(answer) = repeated(core, id, &known, message)
    {
        return answer;
    }
    let fits_now = fits(core, &core.state.lock().unwrap(), transaction, amount);
    let dawdles = [
        "looks for a repeat and pays later",
        "looks for a repeat before the lock",
        "adds up and pays later",
        "waits a moment for its lock",
    ];
    if dawdles.contains(&core.mistake) {
        tokio::time::sleep(RACE).await;
    }
    let mut state = core.state.lock().unwrap();
    let again = state.refunds.get(id).cloned();
    let pays_again = |known: &Refund| {
        core.has("looks for a repeat and pays later")
            || (core.has("looks for a repeat before the lock")
                && !fits(core, &state, transaction, amount))
            || is_taken_as_new(core, known, message)
    };
    if let Some(known) = again.filter(|known| !pays_again(known)) {
        drop(state);
        return repeated(core, id, &known, message).unwrap_or_else(conflict);
    }
    let early = (core.has("adds up and pays later") || no_lock).then_some(fits_now);
    book_refund(core, &mut state, (id, amount), message, crosses, early)
}

/// Decides a refund that is new, and books it. `early` is what was found out before the lock.
fn book_refund(
    core: &Core,
    state: &mut Books,
    (id, amount): (&str, u64),
    message: &Value,
    crosses: bool,
    early: Option<bool>,
) -> Response {
    let transaction = message["transaction_id"].as_str().unwrap_or_default();
    let so_far = message["refunded_so_far"].as_u64().unwrap_or_default();
    let others = state.back.iter();
    let others = others.filter(|(of, _, at)| of == transaction && at.elapsed() > ON_ITS_WAY);
    let others: u64 = others.map(|(_, amount, _)| amount).sum();
    if others > so_far && !core.has("does not read refunded_so_far") {
        return conflict();
    }
    // Added up and booked under one lock: a core that let it go in between would have the mistake of "adds up and pays
    // later".
    let fits = early.unwrap_or_else(|| fits(core, state, transaction, amount));
    let is_paid = matches!(state.payments.get(transaction), Some((status, _)) if status == "paid");
    let (fits, status) = match core.mistake {
        "is not sure about what is unpaid" if !is_paid => {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        "does not find a crossing refund" if crosses => {
            let pending = json!({ "refund_id": id, "amount": amount, "status": "pending" });
            return Json(pending).into_response();
        }
        _ => decided(core, fits, crosses),
    };
    if status == "pending" {
        tokio::spawn(decide_later(core.clone(), id.to_owned()));
    }
    let refund = Refund {
        body: message.clone(),
        status,
    };
    if fits {
        let entry = (transaction.to_owned(), amount, Instant::now());
        state.back.push(entry);
        after_booking(core, state, transaction);
    }
    if fits || core.has("books what it rejected") {
        state.book(core, "refund", id, transaction, amount);
    }
    if fits || !core.has("forgets a rejected refund") {
        state.refunds.insert(id.to_owned(), refund.clone());
    }
    if core.has("forgets old refunds") {
        state.forget_refunds(id);
    }
    refund_answer(core, id, &refund)
}

/// The mistakes of a core that changes its word about a payment when all of it has gone back.
fn after_booking(core: &Core, state: &mut Books, transaction: &str) {
    let back = state.back.iter().filter(|(of, ..)| of == transaction);
    let back: u64 = back.map(|(_, amount, _)| amount).sum();
    let payment = state.payments.get_mut(transaction);
    if let Some((status, _)) = payment.filter(|(_, paid)| *paid == back) {
        if core.has("contradicts itself after a refund") {
            let result = json!({ "transaction_id": transaction, "status": "FAILURE" });
            let (core, id) = (core.clone(), transaction.to_owned());
            tokio::spawn(async move { send(&core, &id, result).await });
        }
        if core.has("calls what went back failed") {
            "failed".clone_into(status);
        }
    }
}

/// Whether a new refund is booked, and what is said about it.
fn decided(core: &Core, fits: bool, crosses: bool) -> (bool, &'static str) {
    match core.mistake {
        "refuses a crossing refund" if crosses => (false, "rejected"),
        "pays a crossing refund later" if crosses => (true, "pending"),
        "decides refunds later" if fits => (true, "pending"),
        _ if fits => (true, "succeeded"),
        _ => (false, "rejected"),
    }
}

/// Whether another refund of the transaction is being decided. Some mistakes need that two of them meet.
async fn crosses(core: &Core, transaction: &str) -> bool {
    let meets = [
        "refuses a crossing refund",
        "pays a crossing refund later",
        "does not find a crossing refund",
    ];
    if !meets.contains(&core.mistake) {
        return false;
    }
    let first = core
        .state
        .lock()
        .unwrap()
        .deciding
        .insert(transaction.to_owned());
    tokio::time::sleep(if first { RACE } else { RACE * 2 }).await;
    if first {
        core.state.lock().unwrap().deciding.remove(transaction);
    }
    !first
}

async fn decide_later(core: Core, id: String) {
    tokio::time::sleep(RACE).await;
    let mut state = core.state.lock().unwrap();
    if let Some(refund) = state.refunds.get_mut(&id) {
        refund.status = "succeeded";
    }
}

/// Whether a refund that is known is decided again.
fn is_taken_as_new(core: &Core, known: &Refund, message: &Value) -> bool {
    let same = |field: &str| known.body[field] == message[field];
    match core.mistake {
        "pays a repeat again" => true,
        "pays a repeat with a larger sum" => !same("refunded_so_far"),
        "pays a repeat with another reason" => !same("reason"),
        "decides a rejected refund anew" => known.status == "rejected",
        "decides another amount anew" => known.status == "rejected" && !same("amount"),
        _ => false,
    }
}

/// The answer to a refund that is known, or nothing if it is taken as a new one.
fn repeated(core: &Core, id: &str, known: &Refund, message: &Value) -> Option<Response> {
    let same = |field: &str| known.body[field] == message[field];
    if is_taken_as_new(core, known, message) {
        return None;
    }
    if core.has("refuses a repeat")
        || (core.has("compares refunded_so_far") && !same("refunded_so_far"))
        || (!same("amount") && !takes_amount(core, known, message))
        || (!same("transaction_id") && !core.has("takes another transaction"))
    {
        return Some(conflict());
    }
    let mut refund = known.clone();
    refund.body = message.clone();
    Some(refund_answer(core, id, &refund))
}

fn takes_amount(core: &Core, known: &Refund, message: &Value) -> bool {
    let is_smaller = message["amount"].as_u64() < known.body["amount"].as_u64();
    core.has("takes another amount") || (core.has("takes a smaller amount") && is_smaller)
}

/// Whether so much of a transaction can go back.
fn fits(core: &Core, state: &Books, transaction: &str, amount: u64) -> bool {
    let paid = match state.payments.get(transaction) {
        Some((status, paid)) if status == "paid" => *paid,
        _ if core.has("refunds what was not paid") => u64::MAX,
        Some((status, paid)) if status == "failed" && core.has("refunds what was cancelled") => {
            *paid
        }
        _ => return false,
    };
    let is_over = state
        .expires
        .get(transaction)
        .is_some_and(|at| *at < now_ms());
    if core.has("refunds until expires_at") && is_over {
        return false;
    }
    let back = state.back.iter().filter(|(of, ..)| of == transaction);
    let mut back: Vec<u64> = back.map(|(_, amount, _)| *amount).collect();
    if core.has("remembers the last refund") {
        back.drain(..back.len().saturating_sub(1));
    }
    if core.has("adds up three refunds") {
        back.drain(..back.len().saturating_sub(3));
    }
    if core.has("refunds four times at most") && back.len() >= 4 {
        return false;
    }
    if core.has("refunds only once") && !back.is_empty() {
        return false;
    }
    if core.has("adds up in 32 bits") {
        let amount = amount & u64::from(u32::MAX);
        return back.iter().sum::<u64>() + amount <= paid;
    }
    let paid = if core.has("allows a difference of 999") {
        paid + 999
    } else {
        paid
    };
    core.has("does not add up") || back.iter().sum::<u64>().saturating_add(amount) <= paid
}

fn refund_answer(core: &Core, id: &str, refund: &Refund) -> Response {
    let mut answer = json!({
        "refund_id": id,
        "amount": refund.body["amount"],
        "status": refund.status,
    });
    if core.has("does not name the amount of a refund") {
        answer["amount"] = Value::Null;
    }
    Json(answer).into_response()
}

async fn find_refund(
    State(core): State<Core>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let refused = core.refused(&headers, format!("/refunds/{id}").as_bytes());
    if let Some(refused) = refused.filter(|_| !core.has("does not verify look-ups of refunds")) {
        return refused;
    }
    let mut known = core.state.lock().unwrap().refunds.get(&id).cloned();
    if core.has("looks refunds up by their start") {
        let state = core.state.lock().unwrap();
        let mut refunds = state.refunds.iter();
        let start = id.get(..32).unwrap_or(&id);
        known = refunds
            .find(|(other, _)| other.starts_with(start))
            .map(|(_, refund)| refund.clone());
    }
    let was_never_seen = core.state.lock().unwrap().never_seen.contains(&id);
    if core.has("keeps what it said of a refund") && was_never_seen {
        known = None;
    }
    match known.filter(|_| !core.has("finds no refund")) {
        Some(refund) => refund_answer(&core, &id, &refund),
        None => core.never_seen("refund_id", &id),
    }
}

async fn payment(
    State(core): State<Core>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let refused = core.refused(&headers, uri.path_and_query().unwrap().as_str().as_bytes());
    if uri.query().is_some() && core.has("knows no query") {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(refused) = refused.filter(|_| !core.has("does not verify look-ups of payments")) {
        return refused;
    }
    let (known, expires_at, runs) = {
        let state = core.state.lock().unwrap();
        let expires_at = state.expires.get(&id).copied().unwrap_or_default();
        let runs = state.running.contains(&id)
            || (core.has("keeps what it said of a payment") && state.never_seen.contains(&id));
        (state.payments.get(&id).cloned(), expires_at, runs)
    };
    let Some((mut status, amount)) = known.filter(|_| !runs) else {
        return core.never_seen("transaction_id", &id);
    };
    if status == "paid" && core.has("forgets the payment at expires_at") && expires_at < now_ms() {
        "not_paid".clone_into(&mut status);
    }
    let paid = status == "paid";
    let is_open = status == "not_paid" && now_ms() <= expires_at;
    let says = if is_open && !core.has("calls an opened payment not_paid") {
        "pending"
    } else {
        &status
    };
    let mut answer = json!({
        "transaction_id": id,
        "status": says,
        "amount": amount,
        "paid_at": paid.then_some(rfc3339()),
        "partner_banking_method": paid.then_some("ACCOUNT"),
    });
    match core.mistake {
        "takes refunds off the payment" => {
            let state = core.state.lock().unwrap();
            let back = state.back.iter().filter(|(of, ..)| *of == id);
            answer["amount"] = json!(amount - back.map(|(_, back, _)| back).sum::<u64>());
        }
        "names another transaction" => answer["transaction_id"] = json!("another"),
        "calls a payment that was made not_paid" if paid => answer["status"] = json!("not_paid"),
        "calls a cancelled payment paid" if status == "failed" => answer["status"] = json!("paid"),
        "calls an opened payment paid" if status == "not_paid" => answer["status"] = json!("paid"),
        "writes a time where a text belongs" => answer["partner_banking_method"] = json!(1),
        "writes amounts with points" => answer["amount"] = json!("100.000"),
        "writes paid_at in its own form" => answer["paid_at"] = json!("23/11/2026"),
        "writes a long banking method" => answer["partner_banking_method"] = json!("x".repeat(65)),
        "answers too much" => answer["more"] = json!("x".repeat(257 * 1024)),
        "answers slowly" => tokio::time::sleep(SLOW).await,
        "answers as text" => return answer.to_string().into_response(),
        "fails" if paid => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => {}
    }
    Json(answer).into_response()
}

fn rfc3339() -> String {
    let now = time::OffsetDateTime::now_utc();
    now.format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

/// Today in Vietnam.
fn today() -> String {
    let now = time::OffsetDateTime::now_utc() + Duration::from_hours(7);
    now.date().to_string()
}

async fn statement(
    State(core): State<Core>,
    Path(day): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let refused = core.refused(&headers, uri.path_and_query().unwrap().as_str().as_bytes());
    if let Some(refused) = refused.filter(|_| !core.has("does not verify statements")) {
        return refused;
    }
    let is_day = day.len() == 10 && day != "2025-02-30";
    if !is_day && !core.has("takes any text as a day") {
        return bad("day");
    }
    if day > core.day {
        if core.has("fails for today") {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let mut booked = core.state.lock().unwrap().booked.clone();
        if core.has("gives a half of today") {
            booked.truncate(booked.len() / 2);
        }
        if day == today() && !core.differs() {
            let page = json!({ "day": day, "entries": booked, "next": null });
            return Json(page).into_response();
        }
        let not_there = json!({ "status": "not_there" });
        return (StatusCode::NOT_FOUND, Json(not_there)).into_response();
    }
    let from = match query.get("cursor").map(|cursor| cursor.parse::<usize>()) {
        None => 0,
        Some(Ok(from)) => from,
        Some(Err(_)) if core.has("begins anew with an unknown cursor") => 0,
        Some(Err(_)) => return bad("cursor"),
    };
    if core.has("takes a cursor once")
        && let Some(cursor) = query.get("cursor")
        && !core.state.lock().unwrap().cursors.insert(cursor.clone())
    {
        return bad("cursor");
    }
    let mut entry = json!({
        "type": "payment",
        "id": format!("B-{from}"),
        "transaction_id": "9e87ce51-4647-5d79-9155-19ee50d4d84e",
        "amount": 100_000,
        "at": format!("{}T10:00:00+07:00", core.day),
        "rail_reference": "FT0417",
    });
    if core.has("writes entries without a transaction") {
        entry["transaction_id"] = Value::Null;
    }
    let mut next = (from < 2).then(|| (from + 1).to_string());
    if core.has("gives one cursor twice") {
        next = Some("1".to_owned());
    }
    let named = if core.has("names another day") {
        "2020-01-01"
    } else {
        &day
    };
    Json(json!({ "day": named, "entries": [entry], "next": next })).into_response()
}

/// The content of a link, if its signature is right.
fn link(core: &Core, query: &str) -> Option<HashMap<String, String>> {
    let pairs = |text: &str| -> HashMap<String, String> {
        form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect()
    };
    let Some((signed, rest)) = query.rsplit_once("&client_id=") else {
        return core
            .has("needs no signature of a link")
            .then(|| pairs(query));
    };
    let mut proof = pairs(&format!("client_id={rest}"));
    let given = SignatureHeaders {
        timestamp: proof.get("timestamp").map(String::as_str),
        client_id: proof.get("client_id").map(String::as_str),
        signature: proof.get("signature").map(String::as_str),
    };
    let message = format!("/pay?{signed}");
    let mut window = Window::default();
    if !core.has("holds links to the time of a call") {
        window.max_age_ms = 25 * 60 * 60 * 1000;
    }
    if core.has("takes links of the future") {
        window.max_ahead_ms *= 10;
    }
    let verified = core
        .keys
        .verify(&given, message.as_bytes(), now_ms(), window);
    let verified = verified.is_ok()
        || core.has("does not verify links")
        || core.is_taken_for_right(&given, message.as_bytes(), true);
    let mut link = pairs(signed);
    if core.has("reads what is appended") {
        link = pairs(query);
    }
    link.insert("timestamp".to_owned(), proof.remove("timestamp")?);
    verified.then_some(link)
}

/// What some mistakes do with a link before they verify it.
fn unverified(core: &Core, query: &str) -> Option<Response> {
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    let link: HashMap<String, String> = pairs.collect();
    let id = link.get("transaction_id")?;
    if core.has("looks at the time before it verifies") && is_over(&link) {
        let page = Html(format!("<a href='{}'>Quay lại</a>", link["return_url"]));
        return Some((StatusCode::GONE, page).into_response());
    }
    let known = core.state.lock().unwrap().payments.get(id).cloned();
    let is_decided = known.is_some_and(|(status, _)| status != "not_paid");
    let leads = core.has("leads back before it verifies") && is_decided;
    leads.then(|| back(core, &link))
}

async fn screen(State(core): State<Core>, uri: Uri) -> Response {
    if let Some(answer) = unverified(&core, uri.query().unwrap_or_default()) {
        return answer;
    }
    let Some(link) = link(&core, uri.query().unwrap_or_default()) else {
        return invalid_link();
    };
    let (id, amount) = (&link["transaction_id"], &link["amount"]);
    let decided = core.state.lock().unwrap().payments.get(id).cloned();
    let decided = decided.map_or_else(String::new, |(status, _)| status);
    let shows_again = core.has("shows the form until it is accepted")
        || (core.has("shows the form again after a cancel") && decided == "failed")
        || (core.has("looks at the time before the decision") && is_over(&link));
    if matches!(&*decided, "paid" | "failed") && !shows_again {
        return back(&core, &link);
    }
    if is_over(&link) && !core.has("shows the form after the end") {
        let forms = if core.has("shows two forms after the end") {
            "<form method='post'></form>".repeat(2)
        } else {
            String::new()
        };
        let page = Html(format!("<h1>Hết hạn</h1>{forms}"));
        return (StatusCode::GONE, page).into_response();
    }
    if core.has("pays by any method") && has_action(&uri) {
        let (uri, body) = (uri.clone(), "action=pay");
        return decide_signed(&core, &uri, body).await;
    }
    let read = ask(&core, id).await;
    if let Some(answer) = unpayable(&core, &link, &read) {
        return answer;
    }
    let known = (String::from("not_paid"), kept(&core, amount));
    let mut state = core.state.lock().unwrap();
    let expires_at = link["expires_at"].parse().unwrap();
    state.expires.insert(id.clone(), expires_at);
    uri.query()
        .unwrap_or_default()
        .clone_into(&mut state.last_link);
    state.payments.entry(id.clone()).or_insert(known);
    if core.differs() {
        tokio::spawn(fail_at_expiry(core.clone(), id.clone(), expires_at));
    }
    drop(state);
    form_page(&core, &uri, amount, &read)
}

/// The amount as the page shows it.
fn shown_amount(core: &Core, uri: &Uri, amount: &str) -> String {
    match core.mistake {
        "shows no amount" => "?".to_owned(),
        "shows the amount in hundredths" => "1,000.00".to_owned(),
        "shows the appended amount" => {
            let query = uri.query().unwrap_or_default();
            let pairs = form_urlencoded::parse(query.as_bytes());
            let amounts = pairs.filter(|(name, _)| name == "amount");
            amounts.last().unwrap().1.into_owned()
        }
        _ => amount.to_owned(),
    }
}

fn form_page(core: &Core, uri: &Uri, amount: &str, read: &Value) -> Response {
    let shown = shown_amount(core, uri, amount);
    let about = read["data"]["description"].as_str().unwrap_or_default();
    let about = if core.has("writes a description as it came") {
        about.to_owned()
    } else {
        about.replace('&', "&amp;").replace('<', "&lt;")
    };
    let cancel = if core.has("has no button to cancel") {
        ""
    } else {
        "<button name='action' value='cancel'>Hủy</button>"
    };
    let hidden = if core.has("takes the amount from the form") {
        format!("<input type=hidden name=amount value={amount}>")
    } else {
        String::new()
    };
    let form = format!(
        "<form method='post'>{hidden}<button name='action' value='pay'>Thanh toán {shown}</button>{cancel}</form>"
    );
    let forms = if core.has("has two forms") {
        format!("{form}{form}")
    } else {
        form
    };
    let page = Html(format!(
        "<!doctype html><title>Thanh toán</title><p>{about}</p>{forms}"
    ));
    if core.has("lets the screen be kept") {
        return page.into_response();
    }
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::SET_COOKIE,
            "session=of-this-customer; Path=/; HttpOnly",
        ),
    ];
    (headers, page).into_response()
}

fn has_action(uri: &Uri) -> bool {
    uri.query().unwrap_or_default().ends_with("&action=pay")
}

/// The customer has not decided until `expires_at`: the payment has failed.
async fn fail_at_expiry(core: Core, id: String, expires_at: i64) {
    let rest = u64::try_from(expires_at - now_ms()).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(rest + 20)).await;
    if let Some((status, _)) = core.state.lock().unwrap().payments.get_mut(&id) {
        if status != "not_paid" {
            return;
        }
        "failed".clone_into(status);
    }
    let failure = result(&core, &id, 0, false, 0);
    send(&core, &id, failure).await;
}

fn invalid_link() -> Response {
    let page = Html("<h1>Liên kết không hợp lệ</h1>");
    (StatusCode::BAD_REQUEST, page).into_response()
}

/// The answer about a payment that cannot be paid, as the partner's API has it.
fn unpayable(core: &Core, link: &HashMap<String, String>, read: &Value) -> Option<Response> {
    let data = &read["data"];
    let is_other = data["transaction_amount"].as_u64() != link["amount"].parse().ok();
    let compares = !core.has("does not compare the amount") && !core.has("does not verify links");
    match (read["code"].as_u64(), data["status"].as_str()) {
        (Some(3), _) if !core.has("shows what it does not know") => Some(invalid_link()),
        (Some(0), _) if is_other && compares => Some(invalid_link()),
        (Some(0), Some("SUCCESS")) if core.has("leads back from failed payments only") => None,
        (Some(0), Some(status)) if status != "PENDING" && !core.has("does not read the status") => {
            Some(back(core, link))
        }
        (Some(0 | 3), _) => None,
        _ if core.has("signs a part of the path") || core.has("shows what it cannot read") => None,
        _ if read.is_null() && core.has("shows the form without an answer") => None,
        _ => {
            let page = Html("<h1>Chưa mở được</h1>");
            Some((StatusCode::SERVICE_UNAVAILABLE, page).into_response())
        }
    }
}

/// An amount as the core keeps it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "that is the mistake"
)]
fn kept(core: &Core, amount: &str) -> u64 {
    let amount: u64 = amount.parse().unwrap();
    if core.has("keeps money as a float") {
        return amount as f32 as u64;
    }
    amount
}

/// The payment's details.
async fn ask(core: &Core, id: &str) -> Value {
    let path = format!("/partner/v1/payments/{id}");
    let signed = if core.has("signs a part of the path") {
        format!("/payments/{id}")
    } else {
        path.clone()
    };
    let url = format!("{}{path}", core.api_url.lock().unwrap());
    let request = core.http.get(url);
    let signed = core.keys.sign(now_ms(), signed.as_bytes());
    let Ok(answer) = with_signature(request, &signed).send().await else {
        return Value::Null;
    };
    let body = answer.bytes().await.unwrap_or_default();
    serde_json::from_slice(&body).unwrap_or_default()
}

fn is_over(link: &HashMap<String, String>) -> bool {
    link["expires_at"].parse::<i64>().unwrap() < now_ms()
}

fn back(core: &Core, link: &HashMap<String, String>) -> Response {
    let (status, to) = match core.mistake {
        "redirects to another host" => (StatusCode::SEE_OTHER, "https://example.com/"),
        "redirects with 302" => (StatusCode::FOUND, link["return_url"].as_str()),
        _ => (StatusCode::SEE_OTHER, link["return_url"].as_str()),
    };
    (status, [(header::LOCATION, to)]).into_response()
}

fn with_signature(
    request: reqwest::RequestBuilder,
    signed: &signing::Signed,
) -> reqwest::RequestBuilder {
    let names = HeaderNames::PARTNER;
    request
        .header(names.timestamp, &signed.timestamp)
        .header(names.client_id, &signed.client_id)
        .header(names.signature, &signed.signature)
}

/// What the customer has clicked: the link, and whether it is to pay.
fn clicked(
    core: &Core,
    uri: &Uri,
    body: &str,
) -> Result<(HashMap<String, String>, bool), StatusCode> {
    let query = if core.has("pays the link that was opened last") {
        core.state.lock().unwrap().last_link.clone()
    } else {
        uri.query().unwrap_or_default().to_owned()
    };
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let mut link = match link(core, &query) {
        Some(link) => link,
        None if core.has("does not verify the click") => form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        None => return Err(StatusCode::BAD_REQUEST),
    };
    if core.has("takes the amount from the form")
        && let Some(amount) = form.get("amount")
    {
        link.insert("amount".to_owned(), amount.clone());
    }
    if core.has("reads the appended amount at the click") {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        link.extend(pairs.filter(|(name, _)| name == "amount"));
    }
    let action = form.get("action").map_or("", String::as_str);
    let small = action.trim().to_lowercase();
    let action = if core.has("reads an action in any case") {
        &small
    } else {
        action
    };
    if !matches!(action, "pay" | "cancel") && !core.has("pays with any action") {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok((link, action != "cancel"))
}

/// The mistakes of a core that holds no lock while it decides.
async fn dawdles(core: &Core, id: &str, pays: bool) {
    if core.has("says never_seen of a running debit") {
        core.state.lock().unwrap().running.insert(id.to_owned());
        tokio::time::sleep(RACE).await;
        core.state.lock().unwrap().running.remove(id);
    }
    let waits = [
        "has no lock on the click",
        "locks the link on the click",
        "keeps the click in one place",
    ];
    if waits.contains(&core.mistake) || (!pays && core.has("cancels without a lock")) {
        tokio::time::sleep(RACE).await;
    }
}

async fn decide(State(core): State<Core>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let cookie = headers.get(header::COOKIE);
    let has_session = cookie.is_some_and(|cookie| cookie == "session=of-this-customer");
    if core.differs() && !has_session {
        return StatusCode::FORBIDDEN.into_response();
    }
    decide_signed(&core, &uri, &body).await
}

async fn decide_signed(core: &Core, uri: &Uri, body: &str) -> Response {
    let (mut link, pays) = match clicked(core, uri, body) {
        Ok(clicked) => clicked,
        Err(refused) => return refused.into_response(),
    };
    let was_decided = {
        let state = core.state.lock().unwrap();
        let known = state.payments.get(&link["transaction_id"]);
        known.is_some_and(|(status, _)| status != "not_paid")
    };
    if core.differs() && was_decided && is_over(&link) {
        return back(core, &link);
    }
    if is_over(&link) && !core.has("pays after the end") {
        return (StatusCode::GONE, Html("<h1>Hết hạn</h1>")).into_response();
    }
    let id = link["transaction_id"].clone();
    let Some((was, _)) = core.state.lock().unwrap().payments.get(&id).cloned() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mine = &link["amount"];
    mine.clone_into(&mut core.state.lock().unwrap().last_amount);
    dawdles(core, &id, pays).await;
    if core.has("keeps the click in one place") {
        let last = core.state.lock().unwrap().last_amount.clone();
        link.insert("amount".to_owned(), last);
    }
    let result = book_click(core, &link, &was, pays);
    if core.has("answers the form first") || (core.has("pays after the answer") && pays) {
        tokio::spawn({
            let core = core.clone();
            async move {
                tokio::time::sleep(RACE).await;
                send(&core, &id, result).await;
            }
        });
    } else {
        send(core, &id, result).await;
    }
    back(core, &link)
}

/// The decision of a click, and the result of the payment.
fn book_click(core: &Core, link: &HashMap<String, String>, was: &str, pays: bool) -> Value {
    let cancels_late = !pays && core.has("cancels without a lock");
    let id = &link["transaction_id"];
    let mut is_booked = false;
    let mut state = core.state.lock().unwrap();
    if pays && core.has("forgets old payments") {
        state.forget_payments(id);
    }
    let Books {
        payments,
        debits,
        links,
        ..
    } = &mut *state;
    let (status, amount) = payments.get_mut(id).unwrap();
    let reads_amount = [
        "takes the amount from the form",
        "does not verify the click",
        "reads the appended amount at the click",
        "keeps the click in one place",
    ];
    if reads_amount.contains(&core.mistake) {
        *amount = link["amount"].parse().unwrap();
    }
    let first_of_link = links.insert(link["timestamp"].clone());
    let is_new = status == "not_paid"
        || core.has("debits twice")
        || (core.has("debits once a link") && first_of_link)
        || (core.has("has no lock on the click") && was == "not_paid")
        || (core.has("locks the link on the click") && was == "not_paid" && first_of_link)
        || (cancels_late && was == "not_paid")
        || (core.has("pays what was cancelled") && pays && status == "failed")
        || (core.has("takes the second choice") && !pays);
    if is_new {
        *debits.entry(id.clone()).or_default() += 1;
        let pays = pays || core.has("takes a cancellation as a payment");
        let decided = if pays { "paid" } else { "failed" };
        decided.clone_into(status);
        is_booked = pays;
    }
    let (amount, is_paid) = (*amount, status == "paid");
    let debits = debits.get(id).copied().unwrap_or_default();
    if is_booked {
        let own = format!("B-{id}-{debits}");
        state.book(core, "payment", &own, id, amount);
    }
    result(core, id, amount, is_paid, debits)
}

fn result(core: &Core, id: &str, amount: u64, paid: bool, debits: u32) -> Value {
    let several = [
        "debits twice",
        "debits once a link",
        "has no lock on the click",
        "locks the link on the click",
    ];
    let reference = if several.contains(&core.mistake) {
        format!("FT-{id}-{debits}")
    } else {
        format!("FT-{id}")
    };
    let reference = if core.has("has one reference for all") {
        "TIKIVIP".to_owned()
    } else {
        reference
    };
    let mut result = if paid && core.differs() && debits < 2 {
        json!({ "transaction_id": id, "status": "SUCCESS", "amount": amount.to_string() })
    } else if paid {
        json!({
            "transaction_id": id,
            "status": "SUCCESS",
            "amount": amount,
            "paid_at": rfc3339(),
            "rail_reference": reference,
        })
    } else {
        json!({ "transaction_id": id, "status": "FAILURE", "reason": "cancelled" })
    };
    match core.mistake {
        "sends a result of another transaction" => result["transaction_id"] = json!("another"),
        "sends amounts with points" if paid => result["amount"] = json!("100.000"),
        "sends a long reference" if paid => result["rail_reference"] = json!("x".repeat(129)),
        "sends a time of another zone" if paid => {
            let utc = rfc3339();
            result["paid_at"] = json!(format!("{}+07:00", utc.get(..19).unwrap()));
        }
        "sends a time in its own form" if paid => result["paid_at"] = json!("23/11/2026"),
        "sends an amount of zero with a failure" if !paid => result["amount"] = json!(0),
        "sends a field of another message" => result["refund_id"] = json!("x"),
        _ => {}
    }
    result
}

async fn send(core: &Core, id: &str, mut result: Value) {
    let url = format!(
        "{}/partner/v1/payments/{id}/result",
        core.api_url.lock().unwrap()
    );
    let mut first = None;
    for attempt in 0..20 {
        if core.differs() && attempt > 0 && result["status"] == "SUCCESS" {
            result["rail_reference"] = json!(format!("FT-{id}"));
        }
        if core.has("changes a repeated result") && attempt > 0 {
            result["rail_reference"] = json!("FT-again");
        }
        let body = result.to_string();
        let secret = if core.has("signs results with another secret") {
            Keyring::new(CLIENT_ID, ClientSecret::new("another"))
        } else {
            core.keys.clone()
        };
        let mut signed = secret.sign(now_ms(), body.as_bytes());
        if core.has("sends the same signature again") {
            signed = first.get_or_insert(signed).clone();
        }
        let request = core.http.post(&url).body(body);
        let sent = with_signature(request, &signed).send().await;
        let (status, said) = match sent {
            Ok(answer) => (answer.status().as_u16(), answer.bytes().await.ok()),
            Err(_) => (0, None),
        };
        let broken = said.is_none();
        let said: Value = serde_json::from_slice(&said.unwrap_or_default()).unwrap_or_default();
        if core.has("takes a refusal as a failure") && said["code"] == 5 {
            "failed".clone_into(&mut core.state.lock().unwrap().payments.get_mut(id).unwrap().0);
        }
        if core.has("reverses the debit after code 8") && said["code"] == 8 {
            "failed".clone_into(&mut core.state.lock().unwrap().payments.get_mut(id).unwrap().0);
        }
        let gives_up = match core.mistake {
            "sends a result once" => true,
            "takes a 200 without a code" => status == 200 && !broken,
            "stops at a broken connection" => broken,
            "repeats after 500 only" => status != 500,
            "gives up after three tries" => attempt >= 3,
            _ => false,
        };
        if status == 200 && said["code"].is_u64() || gives_up {
            return;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
