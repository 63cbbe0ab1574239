#!/usr/bin/env node
// An example core in Node 20, standard library only: everything that docs/core.md asks of a core.
//
// It keeps its records in memory. A real core keeps them in its database, and makes each decision in one transaction
// there. Here a decision needs no lock: Node runs one function at a time, and none of them has an `await` inside
// (examples/README.md).
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const CLIENT_ID = process.env.CORE_CLIENT_ID ?? "sandbox-core";
const SECRET = process.env.CORE_SECRET ?? "sandbox-secret-between-core-and-functions";
const MINUTE_MS = 60_000, DAY_MS = 86_400_000, VIETNAM_MS = 7 * 3_600_000;
const OFFERED_AFTER_MS = DAY_MS; // a day's statement is there when the day is over
const PAGE_SIZE = 100, MAX_BODY = 64 * 1024;

const payments = new Map(), refunds = new Map(), bookings = [];
const opened = new Map(); // transaction id -> expires_at of each payment whose form was shown

const rfc3339 = (ms) => new Date(ms + VIETNAM_MS).toISOString().slice(0, 19) + "+07:00";
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// The signature, in both directions ----------------------------------------------------------------------------------
function sign(timestamp, message) {
  const payload = Buffer.concat([Buffer.from(`${timestamp}.${CLIENT_ID}.`), Buffer.from(message)]);
  return createHmac("sha256", SECRET).update(payload.toString("base64url")).digest("hex");
}

/** `message` is exactly what came: the bytes of the body, or of a GET its path and query. */
function verify(message, timestamp, clientId, signature, maxAgeMs = 5 * MINUTE_MS) {
  if (!/^[0-9]{1,15}$/.test(timestamp ?? "") || !/^[0-9a-f]{64}$/.test(signature ?? "")) return false;
  const same = timingSafeEqual(Buffer.from(sign(timestamp, message)), Buffer.from(signature)); // in constant time
  const age = Date.now() - Number(timestamp);
  return same && clientId === CLIENT_ID && age >= -MINUTE_MS && age <= maxAgeMs;
}

/** Calls the backend. Each call is signed anew, with a new timestamp. The backend's address may come late. */
async function callApi(method, path, body) {
  const base = process.env.API_URL || (await readFile(process.env.API_URL_FILE, "utf8")).trim();
  const timestamp = String(Date.now());
  const headers = {
    "Content-Type": "application/json", "X-Partner-Timestamp": timestamp, "X-Partner-Client-Id": CLIENT_ID,
    "X-Partner-Signature": sign(timestamp, body ?? path),
  };
  const signal = AbortSignal.timeout(method === "POST" ? 30_000 : 10_000); // a customer waits for a GET
  const answer = await fetch(base.replace(/\/+$/, "") + path, { method, headers, body, signal, redirect: "manual" });
  return { status: answer.status, json: await answer.json() };
}

// What the backend calls ---------------------------------------------------------------------------------------------
const isText = (value) => typeof value === "string" && value.length > 0 && value.length <= 128;
const isWhole = (value, least) => Number.isSafeInteger(value) && value >= least; // below 2^53, so exact
const sum = (list) => list.reduce((total, refund) => total + refund.amount, 0);

function refund(key, body) {
  let fields;
  try {
    fields = JSON.parse(body) ?? {};
  } catch {
    return [400, { message: "the body is not JSON" }];
  }
  const { refund_id, transaction_id, amount, refunded_so_far } = fields;
  if (!isText(refund_id) || !isText(transaction_id) || !isWhole(amount, 1) || !isWhole(refunded_so_far, 0))
    return [400, { message: "refund_id and transaction_id are texts, amount and refunded_so_far whole numbers" }];
  if (key !== refund_id) return [400, { message: "Idempotency-Key must be the refund_id" }];

  const known = refunds.get(refund_id);
  if (known) { // the same refund once more: no second payment, and the first answer
    if (known.transaction_id !== transaction_id || known.amount !== amount)
      return [409, { message: "this refund_id belongs to another transaction or amount" }];
    return [200, refundAnswer(refund_id, known)];
  }
  const now = Date.now(), payment = payments.get(transaction_id);
  const back = [...refunds.values()].filter((r) => r.transaction_id === transaction_id && r.status === "succeeded");
  // The backend does not know of money that is back. No final answer, because the refund may be right.
  if (sum(back.filter((r) => now - r.at > MINUTE_MS)) > refunded_so_far)
    return [409, { message: "more is back than refunded_so_far says" }];
  let reason = null;
  if (payment?.status !== "paid") reason = "the transaction is not paid";
  else if (sum(back) + amount > payment.amount) reason = "more than is left of the payment";
  const created = { transaction_id, amount, at: now, status: reason ? "rejected" : "succeeded", reason };
  refunds.set(refund_id, created);
  if (!reason) book("refund", refund_id, transaction_id, amount, now); // a real core pays the money back here
  return [200, refundAnswer(refund_id, created)];
}

const refundAnswer = (refund_id, { amount, status, reason }) => ({ refund_id, amount, status, reason });

function findRefund(refund_id) {
  const known = refunds.get(refund_id);
  return known ? [200, refundAnswer(refund_id, known)] : [404, { refund_id, status: "never_seen" }];
}

function findPayment(transaction_id) {
  const known = payments.get(transaction_id);
  const until = opened.get(transaction_id);
  if (!known && until) // the customer may still pay, until it is too late
    return [200, { transaction_id, status: Date.now() <= until ? "pending" : "not_paid" }];
  if (!known) return [404, { transaction_id, status: "never_seen" }];
  return [200, { ...known.result, status: known.status, amount: known.amount }];
}

const book = (type, id, transaction_id, amount, at) => bookings.push({ type, id, transaction_id, amount, at });

function statement(day, query) {
  const start = Date.parse(`${day}T00:00:00+07:00`);
  if (!/^\d{4}-\d\d-\d\d$/.test(day) || Number.isNaN(start) || !rfc3339(start).startsWith(day))
    return [400, { message: "a day is written as 2026-11-22" }];
  if (Date.now() < start + OFFERED_AFTER_MS) return [404, { status: "not_there" }];
  const entries = bookings.filter(({ at }) => at >= start && at < start + DAY_MS).map((b) => ({ ...b, at: rfc3339(b.at) }));
  // A cursor says how many entries are read already: the first page is 0, the others are those that we gave as `next`.
  const cursor = new URLSearchParams(query).get("cursor") ?? "0", begin = Number(cursor), end = begin + PAGE_SIZE;
  if (String(begin) !== cursor || begin % PAGE_SIZE !== 0 || (begin > 0 && !(begin < entries.length)))
    return [400, { message: "this cursor is not known" }];
  return [200, { day, entries: entries.slice(begin, end), next: end < entries.length ? String(end) : null }];
}

// The payment screen -------------------------------------------------------------------------------------------------
/** The signed part of the screen's link ends before the last `&client_id=`. It may be opened until it expires. */
function verifiedLink(target) {
  const at = target.lastIndexOf("&client_id=");
  const signed = target.slice(0, at), proof = new URLSearchParams(target.slice(at));
  const [timestamp, clientId, signature] = ["timestamp", "client_id", "signature"].map((name) => proof.get(name));
  if (at < 0 || !verify(signed, timestamp, clientId, signature, Infinity)) return null;
  const link = Object.fromEntries(new URLSearchParams(signed.slice(signed.indexOf("?"))));
  return { ...link, amount: Number(link.amount), expires_at: Number(link.expires_at) };
}

const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const page = (vietnamese, english, more = "") =>
  `<!doctype html><html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${vietnamese}</title><h1>${vietnamese}</h1><p lang="en">${english}</p>${more}</html>`;

const INVALID = [400, page("Liên kết thanh toán không hợp lệ", "This payment link is not valid.")];
const TRY_AGAIN = [503, page("Chưa thể hiển thị thanh toán, vui lòng thử lại", "We cannot show the payment now. Please try again.")];

function expired(link) {
  const back = `<a href="${escapeHtml(link.return_url)}">Quay lại Tiki VIP · Back to Tiki VIP</a>`;
  return [410, page("Đã hết thời gian thanh toán", "The time to pay is over.", back)];
}

async function screen(target) {
  const link = verifiedLink(target);
  if (!link) return INVALID;
  if (payments.has(link.transaction_id)) return [303, link.return_url];
  if (Date.now() > link.expires_at) return expired(link);
  const details = await callApi("GET", `/partner/v1/payments/${link.transaction_id}`).catch(() => null);
  if (details?.json?.code === 3) return INVALID; // our API does not know this payment
  const data = details?.json?.data;
  if (!data) return TRY_AGAIN;
  if (data.transaction_id !== link.transaction_id || data.transaction_amount !== link.amount) return INVALID;
  if (data.status !== "PENDING") return [303, link.return_url];
  opened.set(link.transaction_id, link.expires_at);
  // A real core shows the payment only to the signed-in customer whose code is data.identify_code.
  const amount = String(link.amount).replace(/\B(?=(\d{3})+$)/g, ".") + " ₫";
  const [path, query] = [target.slice(0, target.indexOf("?")), target.slice(target.indexOf("?") + 1)];
  const about = [data.order_code, data.description].filter(Boolean).map(escapeHtml).join(" · ");
  return [200, page(`Thanh toán ${amount}`, "Pay Tiki VIP",
    `<p>${about}</p><form method="post" action="${path}"><input type="hidden" name="query" value="${escapeHtml(query)}">` +
    `<button name="action" value="pay">Thanh toán · Pay</button> ` +
    `<button name="action" value="cancel">Hủy giao dịch · Cancel</button></form>`)];
}

async function decide(path, body) {
  const form = new URLSearchParams(body.toString()), action = form.get("action");
  const link = verifiedLink(`${path}?${form.get("query")}`), now = Date.now();
  if (!link || !["pay", "cancel"].includes(action)) return INVALID;
  const { transaction_id, amount } = link;
  let payment = payments.get(transaction_id);
  if (!payment) { // the first decision counts; a second one changes nothing
    if (now > link.expires_at) return expired(link);
    let result = { transaction_id, status: "FAILURE", reason: "cancelled by the customer" };
    if (action === "pay") { // a real core debits the customer's account here
      const rail_reference = `B-${bookings.length + 1}`;
      result = { transaction_id, status: "SUCCESS", amount, paid_at: rfc3339(now), partner_banking_method: "ACCOUNT", rail_reference };
      book("payment", rail_reference, transaction_id, amount, now);
    }
    payment = { amount, status: action === "pay" ? "paid" : "failed", result };
    payments.set(transaction_id, payment);
    payment.sent = sendResult(result);
  }
  await Promise.race([payment.sent, sleep(5_000)]); // the customer does not wait longer; the sending continues
  return [303, link.return_url];
}

/** Sends the payment result until it is answered 200, with longer and longer waits. */
async function sendResult(result) {
  for (let wait = 200; ; wait = Math.min(2 * wait, MINUTE_MS)) {
    // Without an answer it may have been recorded or not, and a repeat changes nothing.
    const path = `/partner/v1/payments/${result.transaction_id}/result`;
    const answer = await callApi("POST", path, JSON.stringify(result)).catch(() => null);
    // Any other 200 comes from something in between.
    if (answer?.status === 200 && Number.isInteger(answer.json?.code)) {
      // Any other code is a refusal, which a repeat does not change: people must look at it.
      if (answer.json.code !== 0) console.error("payment result refused:", answer.json);
      return;
    }
    await sleep(wait);
  }
}

// HTTP ---------------------------------------------------------------------------------------------------------------
async function route(method, target, headers, body) {
  const [path, query = ""] = target.split("?");
  if (path === "/pay") return method === "GET" ? screen(target) : decide(path, body);
  const signature = ["timestamp", "client-id", "signature"].map((name) => headers[`x-partner-${name}`]);
  if (!verify(method === "POST" ? body : target, ...signature))
    return [401, { message: "the signature is missing, wrong or too old" }];
  const [, name, id, ...more] = path.split("/"), call = `${method} ${name}`;
  if (call === "POST refunds" && id === undefined) return refund(headers["idempotency-key"], body);
  if (call === "GET refunds" && id && !more.length) return findRefund(id);
  if (call === "GET payments" && id && !more.length) return findPayment(id);
  if (call === "GET statements" && id && !more.length) return statement(id, query);
  return [404, { message: "there is no such route" }];
}

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  return size <= MAX_BODY ? Buffer.concat(chunks) : null;
}

async function serve(request, response) {
  const body = await readBody(request);
  const [status, content] = body
    ? await route(request.method, request.url, request.headers, body)
    : [413, { message: "a body has at most 64 KiB" }];
  const isJson = typeof content !== "string";
  const headers = {
    "Content-Type": isJson ? "application/json" : "text/html; charset=utf-8",
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  };
  if (status === 303) response.writeHead(303, { ...headers, Location: content }).end();
  else response.writeHead(status, headers).end(isJson ? JSON.stringify(content) : content);
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});
server.listen(Number(process.env.PORT || 0), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
