#!/usr/bin/env python3
"""Buys something in a sandbox that runs with a core of yours, and has a part of the money refunded.

    buy.py --api URL --tiki URL [--core URL]

It plays Tiki's backend and the customer's browser. The addresses are those that the sandbox shows. With --core it also
reads the core's statement of today, which only a core gives that offers a day before it is over. It stops at the first
thing that is not as it must be, and says what that was. Python 3.11, standard library only.
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import html.parser
import json
import time
import urllib.error
import urllib.parse
import urllib.request

AMOUNT, REFUND = 150_000, 60_000  # 40 %
TIKI = ("X-Tikivip", "5a9db0c5-0000-4000-8000-7469746b6976", "sandbox-secret-between-tiki-and-partner")
CORE = ("X-Partner", "sandbox-core", "sandbox-secret-between-core-and-functions")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


# Without the proxy that the environment may name.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def send(url, body=None, headers=None):
    """(status, headers, text) of an answer, also of a redirect and of a refusal."""
    request = urllib.request.Request(url, body, headers or {})
    try:
        with OPENER.open(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def signed(side, message):
    """The three headers of a call, for the bytes of its body or for the path of a GET."""
    prefix, client_id, secret = side
    timestamp = str(time.time_ns() // 1_000_000)
    payload = f"{timestamp}.{client_id}.".encode() + message
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    signature = hmac.new(secret.encode(), encoded, hashlib.sha256).hexdigest()
    return {f"{prefix}-Timestamp": timestamp, f"{prefix}-Client-Id": client_id, f"{prefix}-Signature": signature}


def as_tiki(api, path, fields):
    body = json.dumps(fields, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"} | signed(TIKI, body)
    status, _, text = send(f"{api}/tikivip/v1{path}", body, headers)
    expect(status == 200, f"POST {path} answers {status}: {text}")
    answer = json.loads(text)
    expect(answer["code"] == 0, f"POST {path} answers {text}")
    return answer


def expect(so, otherwise):
    if not so:
        raise SystemExit(f"✘ {otherwise}")


def step(text):
    print(f"  {text}", flush=True)


class Form(html.parser.HTMLParser):
    """The one form of a page: where it leads, and what it sends with the button that is pressed."""

    def __init__(self, page, press):
        super().__init__()
        self.press, self.forms, self.fields, self.action = press, 0, {}, ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "form":
            self.forms += 1
            self.action = values.get("action") or ""
        elif tag == "input" and values.get("type") == "hidden":
            self.fields[values["name"]] = values.get("value") or ""
        elif tag == "button" and values.get("value") == self.press:
            self.fields[values["name"]] = self.press


def location(status, headers, text):
    expect(status in (302, 303) and headers["Location"], f"no redirect but {status}: {text}")
    return headers["Location"]


def pay(payment_url):
    """The customer's browser: follows the link, presses “pay”, and comes back to Tiki."""
    screen = location(*send(payment_url))
    status, headers, page = send(screen)
    expect(status == 200, f"the payment screen answers {status}: {page}")
    expect(headers.get_content_type() == "text/html", f"the payment screen is no page but {headers['Content-Type']}")
    expect("150.000" in page, f"the payment screen does not show 150.000 ₫: {page}")
    step(f"the payment screen shows 150.000 ₫: {screen.partition('?')[0]}")
    form = Form(page, "pay")
    expect(form.forms == 1 and form.fields.get("action") == "pay", f"not one form with a button “pay”: {page}")
    body = urllib.parse.urlencode(form.fields).encode()
    back = location(*send(urllib.parse.urljoin(screen, form.action), body))
    expect(back.startswith(payment_url), f"the core redirects to {back}, not to the link's return_url")
    status, _, page = send(location(*send(back)))
    expect(status == 200, f"Tiki's result screen answers {status}: {page}")
    step("the customer has paid, and is back at Tiki")


def statement(core, transaction_id):
    """The entries of today's statement that are about this transaction."""
    vietnam = datetime.timezone(datetime.timedelta(hours=7))
    path = f"/statements/{datetime.datetime.now(vietnam):%Y-%m-%d}"
    entries, cursor, pages = [], "", 0
    while cursor is not None:
        query = path + (cursor and "?" + urllib.parse.urlencode({"cursor": cursor}))
        status, _, text = send(core + query, None, signed(CORE, query.encode()))
        expect(status == 200, f"GET {query} answers {status}: {text}")
        page, pages = json.loads(text), pages + 1
        entries, cursor = entries + page["entries"], page["next"]
    found = [(entry["type"], entry["amount"]) for entry in entries if entry["transaction_id"] == transaction_id]
    expect(found == [("payment", AMOUNT), ("refund", REFUND)], f"the statement has {found}")
    step(f"the statement has the payment and the refund ({pages} pages)")


def main():
    arguments = argparse.ArgumentParser(description="Buys something in a sandbox that runs with a core of yours.")
    arguments.add_argument("--api", required=True, metavar="URL")
    arguments.add_argument("--tiki", required=True, metavar="URL")
    arguments.add_argument("--core", metavar="URL")
    given = arguments.parse_args()

    order = json.dumps({"amount": AMOUNT}).encode()
    status, _, text = send(f"{given.tiki}/_sandbox/orders", order, {"Content-Type": "application/json"})
    expect(status == 200, f"Tiki does not place the order: {status} {text}")
    placed = json.loads(text)
    ids = {name: placed[name] for name in ("tiki_transaction_id", "transaction_id")}
    step(f"an order at Tiki: {ids['tiki_transaction_id']}")
    pay(placed["payment_url"])

    checked = as_tiki(given.api, "/transactions/query", ids)
    expect(checked["status"] == "SUCCESS", f"the look-up says {checked}")
    refund = ids | {"request_id": "buy-1", "transaction_amount": REFUND, "reason": "Khách hủy một phần đơn"}
    as_tiki(given.api, "/refunds", refund)
    as_tiki(given.api, "/refunds", refund)  # a repeat is the same refund
    checked = as_tiki(given.api, "/transactions/query", ids)
    expect(checked["refunded_amount"] == REFUND, f"the look-up says {checked}")
    step("the look-up says SUCCESS, and 60.000 ₫ are refunded")
    if given.core:
        statement(given.core, ids["transaction_id"])


if __name__ == "__main__":
    main()
