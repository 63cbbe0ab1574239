#!/usr/bin/env python3
"""An example core in Python 3.11, standard library only: everything that docs/core.md asks of a core.

It keeps its records in memory. A real core keeps them in its database, and makes each decision in one transaction
there, where this one holds LOCK (examples/README.md).
"""
import base64, hashlib, hmac, html, http.client, json, os, pathlib, re, sys, threading, time  # noqa: E401
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CLIENT_ID = os.environ.get("CORE_CLIENT_ID", "sandbox-core")
SECRET = os.environ.get("CORE_SECRET", "sandbox-secret-between-core-and-functions").encode()
VIETNAM = timezone(timedelta(hours=7))
MINUTE_MS, DAY_MS = 60_000, 86_400_000
OFFERED_AFTER_MS = DAY_MS  # a day's statement is there when the day is over
PAGE_SIZE = 100
MAX_BODY, MAX_AMOUNT = 64 * 1024, 2**53 - 1

LOCK = threading.Lock()  # whoever reads or changes these four holds it
PAYMENTS, REFUNDS, BOOKINGS = {}, {}, []
OPENED = {}  # transaction id -> expires_at of each payment whose form was shown


def now_ms(): return time.time_ns() // 1_000_000


def rfc3339(ms): return datetime.fromtimestamp(ms // 1000, VIETNAM).isoformat()


# The signature, in both directions -----------------------------------------------------------------------------------
def sign(timestamp, message):
    payload = f"{timestamp}.{CLIENT_ID}.".encode() + message
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    return hmac.new(SECRET, encoded, hashlib.sha256).hexdigest()


def verify(message, timestamp, client_id, signature, max_age_ms=5 * MINUTE_MS):
    """`message` is exactly what came: the bytes of the body, or of a GET its path and query."""
    if not re.fullmatch("[0-9]{1,15}", timestamp or "") or not re.fullmatch("[0-9a-f]{64}", signature or ""):
        return False
    same = hmac.compare_digest(sign(timestamp, message), signature)  # in constant time
    return same and client_id == CLIENT_ID and -MINUTE_MS <= now_ms() - int(timestamp) <= max_age_ms


def call_api(method, path, body=b""):
    """Calls the backend. Each call is signed anew, with a new timestamp. The backend's address may come late."""
    base = os.environ.get("API_URL") or pathlib.Path(os.environ["API_URL_FILE"]).read_text().strip()
    url, timestamp = urlsplit(base), str(now_ms())
    headers = {"X-Partner-Timestamp": timestamp, "X-Partner-Client-Id": CLIENT_ID,
               "X-Partner-Signature": sign(timestamp, body if method == "POST" else path.encode()),
               "Content-Type": "application/json"}
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=30 if method == "POST" else 10)  # a customer waits for a GET
    try:
        connection.request(method, url.path.rstrip("/") + path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


# What the backend calls ----------------------------------------------------------------------------------------------
def is_text(value): return isinstance(value, str) and 0 < len(value) <= 128


def is_whole(value, least): return type(value) is int and least <= value <= MAX_AMOUNT


def refund(key, body):
    try:
        fields = json.loads(body)
        refund_id, transaction_id = fields["refund_id"], fields["transaction_id"]
        amount, so_far = fields["amount"], fields["refunded_so_far"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 400, {"message": "a JSON object with refund_id, transaction_id, amount and refunded_so_far"}
    if not (is_text(refund_id) and is_text(transaction_id) and is_whole(amount, 1) and is_whole(so_far, 0)):
        return 400, {"message": "refund_id and transaction_id are texts, amount and refunded_so_far whole numbers"}
    if key != refund_id:
        return 400, {"message": "Idempotency-Key must be the refund_id"}
    with LOCK:
        known = REFUNDS.get(refund_id)
        if known:  # the same refund once more: no second payment, and the first answer
            if (known["transaction_id"], known["amount"]) != (transaction_id, amount):
                return 409, {"message": "this refund_id belongs to another transaction or amount"}
            return 200, refund_answer(refund_id, known)
        now, payment = now_ms(), PAYMENTS.get(transaction_id)
        back = [r for r in REFUNDS.values() if r["transaction_id"] == transaction_id and r["status"] == "succeeded"]
        if sum(r["amount"] for r in back if now - r["at"] > MINUTE_MS) > so_far:
            # The backend does not know of money that is back. No final answer, because the refund may be right.
            return 409, {"message": "more is back than refunded_so_far says"}
        reason = None
        if payment is None or payment["status"] != "paid":
            reason = "the transaction is not paid"
        elif sum(r["amount"] for r in back) + amount > payment["amount"]:
            reason = "more than is left of the payment"
        new = {"transaction_id": transaction_id, "amount": amount, "at": now,
               "status": "rejected" if reason else "succeeded", "reason": reason}
        REFUNDS[refund_id] = new
        if not reason:  # a real core pays the money back here
            book("refund", refund_id, transaction_id, amount, now)
        return 200, refund_answer(refund_id, new)


def refund_answer(refund_id, known):
    return {"refund_id": refund_id, "amount": known["amount"], "status": known["status"], "reason": known["reason"]}


def find_refund(refund_id):
    with LOCK:
        known = REFUNDS.get(refund_id)
        return (200, refund_answer(refund_id, known)) if known else (404, {"refund_id": refund_id, "status": "never_seen"})


def find_payment(transaction_id):
    with LOCK:
        known = PAYMENTS.get(transaction_id)
        if known is None and transaction_id in OPENED:  # the customer may still pay, until it is too late
            open_still = now_ms() <= OPENED[transaction_id]
            return 200, {"transaction_id": transaction_id, "status": "pending" if open_still else "not_paid"}
        if known is None:
            return 404, {"transaction_id": transaction_id, "status": "never_seen"}
        answer = {"transaction_id": transaction_id, "status": known["status"], "amount": known["amount"]}
        return 200, answer | {name: known["result"][name] for name in known["result"] if name not in ("status", "amount")}


def book(kind, entry_id, transaction_id, amount, at):
    BOOKINGS.append({"type": kind, "id": entry_id, "transaction_id": transaction_id, "amount": amount, "at": at})


def statement(day, query):
    try:
        if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
            raise ValueError(day)
        start = int(datetime.fromisoformat(f"{day}T00:00:00+07:00").timestamp() * 1000)
    except ValueError:
        return 400, {"message": "a day is written as 2026-11-22"}
    if now_ms() < start + OFFERED_AFTER_MS:
        return 404, {"status": "not_there"}
    with LOCK:
        entries = [b | {"at": rfc3339(b["at"])} for b in BOOKINGS if start <= b["at"] < start + DAY_MS]
    # A cursor says how many entries are read already: the first page is 0, the others are those that we gave as `next`.
    pages = {str(begin): begin for begin in range(0, max(len(entries), 1), PAGE_SIZE)}
    begin = pages.get(parse_qs(query, keep_blank_values=True).get("cursor", ["0"])[0])
    if begin is None:
        return 400, {"message": "this cursor is not known"}
    end = begin + PAGE_SIZE
    return 200, {"day": day, "entries": entries[begin:end], "next": str(end) if end < len(entries) else None}


# The payment screen --------------------------------------------------------------------------------------------------
def verified_link(target):
    """The signed part of the screen's link ends before the last `&client_id=`. It may be opened until it expires."""
    signed, _, rest = target.rpartition("&client_id=")
    proof = {name: values[0] for name, values in parse_qs("client_id=" + rest).items()}
    link = {name: values[0] for name, values in parse_qs(urlsplit(signed).query).items()}
    if not verify(signed.encode(), proof.get("timestamp"), proof.get("client_id"), proof.get("signature"), float("inf")):
        return None
    return link | {"amount": int(link["amount"]), "expires_at": int(link["expires_at"])}


def page(vietnamese, english, more=""):
    return (f'<!doctype html><html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f'<title>{vietnamese}</title><h1>{vietnamese}</h1><p lang="en">{english}</p>{more}</html>')


INVALID = 400, page("Liên kết thanh toán không hợp lệ", "This payment link is not valid.")
TRY_AGAIN = 503, page("Chưa thể hiển thị thanh toán, vui lòng thử lại", "We cannot show the payment now. Please try again.")


def expired(link):
    back = f'<a href="{html.escape(link["return_url"])}">Quay lại Tiki VIP · Back to Tiki VIP</a>'
    return 410, page("Đã hết thời gian thanh toán", "The time to pay is over.", back)


def screen(target):
    link = verified_link(target)
    if link is None:
        return INVALID
    with LOCK:
        decided = link["transaction_id"] in PAYMENTS
    if decided:
        return 303, link["return_url"]
    if now_ms() > link["expires_at"]:
        return expired(link)
    try:
        _, answer = call_api("GET", f"/partner/v1/payments/{link['transaction_id']}")
        if answer["code"] == 3:  # our API does not know this payment
            return INVALID
        data = answer["data"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return TRY_AGAIN
    if (data["transaction_id"], data["transaction_amount"]) != (link["transaction_id"], link["amount"]):
        return INVALID
    if data["status"] != "PENDING":
        return 303, link["return_url"]
    with LOCK:
        OPENED[link["transaction_id"]] = link["expires_at"]
    # A real core shows the payment only to the signed-in customer whose code is data["identify_code"].
    amount = f"{link['amount']:,} ₫".replace(",", ".")
    path, _, query = target.partition("?")
    about = " · ".join(html.escape(data[name]) for name in ("order_code", "description") if data.get(name))
    return 200, page(f"Thanh toán {amount}", "Pay Tiki VIP", (
        f'<p>{about}</p><form method="post" action="{path}"><input type="hidden" name="query" value="{html.escape(query)}">'
        '<button name="action" value="pay">Thanh toán · Pay</button> '
        '<button name="action" value="cancel">Hủy giao dịch · Cancel</button></form>'))


def decide(path, body):
    form = parse_qs(body.decode("utf-8", "replace"))
    link, action = verified_link(f"{path}?{form.get('query', [''])[0]}"), form.get("action", [""])[0]
    if link is None or action not in ("pay", "cancel"):
        return INVALID
    transaction_id = link["transaction_id"]
    with LOCK:
        now, payment = now_ms(), PAYMENTS.get(transaction_id)
        if payment is None:  # the first decision counts; a second one changes nothing
            if now > link["expires_at"]:
                return expired(link)
            payment = {"amount": link["amount"], "status": "paid" if action == "pay" else "failed", "sent": threading.Event()}
            result = {"transaction_id": transaction_id, "status": "FAILURE", "reason": "cancelled by the customer"}
            if action == "pay":  # a real core debits the customer's account here
                number = f"B-{len(BOOKINGS) + 1}"
                result = {"transaction_id": transaction_id, "status": "SUCCESS", "amount": link["amount"],
                          "paid_at": rfc3339(now), "partner_banking_method": "ACCOUNT", "rail_reference": number}
                book("payment", number, transaction_id, link["amount"], now)
            payment["result"] = result
            PAYMENTS[transaction_id] = payment
            threading.Thread(target=send_result, args=(payment,), daemon=True).start()
    payment["sent"].wait(5)  # the customer does not wait longer; the thread continues
    return 303, link["return_url"]


def send_result(payment):
    """Sends the payment result until it is answered 200, with longer and longer waits."""
    body, wait = json.dumps(payment["result"]).encode(), 0.2
    while True:
        try:
            status, answer = call_api("POST", f"/partner/v1/payments/{payment['result']['transaction_id']}/result", body)
            if status == 200 and isinstance(answer, dict) and type(answer.get("code")) is int:
                break  # any other 200 comes from something in between
        except (OSError, ValueError, RecursionError, http.client.HTTPException):
            pass  # no answer: it may have been recorded or not, and a repeat changes nothing
        time.sleep(wait)
        wait = min(2 * wait, 60)
    if answer["code"] != 0:  # a refusal, which a repeat does not change: people must look at it
        print("payment result refused:", answer, file=sys.stderr)
    payment["sent"].set()


# HTTP ----------------------------------------------------------------------------------------------------------------
def route(method, target, headers, body):
    path, _, query = target.partition("?")
    if path == "/pay":
        return screen(target) if method == "GET" else decide(path, body)
    signature = [headers.get(f"X-Partner-{name}") for name in ("Timestamp", "Client-Id", "Signature")]
    if not verify(body if method == "POST" else target.encode(), *signature):
        return 401, {"message": "the signature is missing, wrong or too old"}
    match method, path.split("/")[1:]:
        case "POST", ["refunds"]:
            return refund(headers.get("Idempotency-Key"), body)
        case "GET", ["refunds", refund_id]:
            return find_refund(refund_id)
        case "GET", ["payments", transaction_id]:
            return find_payment(transaction_id)
        case "GET", ["statements", day]:
            return statement(day, query)
    return 404, {"message": "there is no such route"}


class Handler(BaseHTTPRequestHandler):
    protocol_version, timeout, wbufsize = "HTTP/1.1", 60, -1

    def serve(self):
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch("[0-9]{1,5}", length) or int(length) > MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            status, content = 413, {"message": "a body has at most 64 KiB, and a Content-Length"}
        else:
            status, content = route(self.command, self.path, self.headers, self.rfile.read(int(length)))
        self.send_response(status)
        if status == 303:
            self.send_header("Location", content)
            content = ""
        is_json = isinstance(content, dict)
        content = (json.dumps(content) if is_json else content).encode()
        self.send_header("Content-Type", "application/json" if is_json else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = serve

    def log_message(self, *_):
        """Writes no log of requests: the screen's link opens a payment."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # so many calls may come at once (docs/core.md#how-many-calls-at-once)


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(os.environ.get("PORT") or 0)), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
