"""Says what is wrong with an answer that the hostile client got, or with a line of a log (.ci/hostile-client)."""

import json
import re
import time

from hostile_calls import may
from hostile_requests import LINK_SECRET, PARTNER, PERSONAL, TIKI, Known, Person, Request

# What a call needs of a counterparty: what the answer may be code 2 for.
NEEDS = {"/partner/v1/webview": "webview", "/partner/v1/transactions": "look_up"}
REFUNDS = "/tikivip/v1/refunds"
ONE_PAYMENT = "/operator/v1/transactions/{transaction_id}"
# Whoever creates a payment gets its link.
CREATES = ("/tikivip/v1/transactions", "/partner/v1/transactions")
TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{54}(?![A-Za-z0-9_-])")
LONG = re.compile(r"[A-Za-z0-9_-]{40,}")
SIGNATURE = re.compile(r"\b[0-9a-f]{64}\b")


class Judge:
    """Says what is wrong with an answer or with a line of a log."""

    def __init__(self, people: list[Person], known: Known):
        self.known = known
        self.secrets = [
            TIKI[2],
            PARTNER[2],
            LINK_SECRET,
            "PRIVATE KEY",
            *(p.secret for p in people),
            *(p.token for p in people),
        ]
        # When a counterparty was down: the call, from, to.
        self.down: list[tuple[str, float, float]] = []
        self.signatures: set[str] = set()

    def answer(self, request: Request, status: int, head: str, body: bytes, began: float) -> list[str]:
        method, _, route = request.route.partition(" ")
        text = f"{head}\n{body.decode('utf-8', 'replace')}"
        found = [f"a secret: {secret}" for secret in self.secrets if secret in text]
        if status >= 500 and not self.is_meant(route, status, body, began):
            found.append(f"HTTP {status}")
        may_have = status < 300 and request.kind in ("right", "malformed", "odd")
        if status == 0 and request.kind != "odd":
            found.append("no answer")
        if (
            0 < status < 400
            and request.kind in ("unsigned", "wrong")
            and not (request.kind == "unsigned" and is_by_link(route))
        ):
            found.append(f"HTTP {status} although the call is {request.kind}")
        if request.person and request.kind == "right" and (status == 403) == request.is_allowed:
            found.append(f"HTTP {status} for {request.person}")
        # An odd path is how an authorisation is passed by.
        if not request.is_allowed and 0 < status < 400:
            found.append(f"HTTP {status} for {request.person}, whose role may not ({request.kind})")
        # The core reads a payment with all that its screen shows. Whoever asks about a signature sees the message again.
        sees_it = may_have and (
            (request.method, route) == ("GET", "/partner/v1/payments/{transaction_id}")
            or route.endswith("/signatures/verify")
        )
        # Whoever may look at one payment sees its order, to ask Tiki about it (docs/privacy.md), and nothing else of it.
        sees_order = may_have and request.person and request.is_allowed and route.startswith(ONE_PAYMENT)
        if not sees_it:
            hidden = {name: value for name, value in PERSONAL.items() if not (sees_order and name == "order_code")}
            found += [f"what belongs to a person: {name}" for name, value in hidden.items() if is_in(value, text)]
        if not (may_have and request.method == "POST" and route in CREATES):
            shown = set(TOKEN.findall(text)) & self.known.tokens
            found += ["the token of a link" for token in shown if token not in request.target]
        return found

    def is_meant(self, route: str, status: int, body: bytes, began: float) -> bool:
        if route == REFUNDS:
            return status == 500 and code_of(body) in range(1, 13) and code_of(body) != 2
        call = NEEDS.get(route)
        was_down = any(call == what and began < until and time.time() > since for what, since, until in list(self.down))
        return was_down and status == 502 and code_of(body) == 2

    def line(self, line: str) -> list[str]:
        event = json.loads(line)
        # As a person reads it: without the escapes of JSON.
        text = json.dumps(event, ensure_ascii=False)
        found = [f"a log with a secret: {secret}" for secret in self.secrets if secret in text]
        found += [
            f"a log with what belongs to a person: {name}" for name, value in PERSONAL.items() if is_in(value, text)
        ]
        shown = set(LONG.findall(text))
        if shown & self.known.tokens or shown & set(self.known.reports):
            found.append("a log with the token of a link")
        if self.signatures & set(SIGNATURE.findall(text)):
            found.append("a log with a signature")
        if "panicked" in text or "internal error" in text:
            found.append("a log of an internal error")
        return found


def is_in(value: str, text: str) -> bool:
    """Also as JSON escapes it."""
    return value in text or json.dumps(value)[1:-1] in text


def is_by_link(route: str) -> bool:
    """Whoever has the link may open it."""
    return route.startswith(("/pay/", "/report/"))


def code_of(body: bytes) -> int | None:
    try:
        return json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        return None


# ---- Would it find a mistake? ----------------------------------------------------------------------------------------


def self_test() -> int:
    """Plants mistakes, and what is right. Gives the exit code."""
    people = [Person("hoa", "KEYOFHOA", "secret-of-hoa", "session-of-hoa", "x")]
    known = Known()
    token = "A" * 54
    known.add("T-1", "id", 1, token)
    judge = Judge(people, known)
    judge.signatures.add("a" * 64)

    def request(route: str, kind: str, person: str = "", target: str = "/") -> Request:
        is_allowed = not person or may(person, *route.split())
        return Request(route, route.split()[0], target, [], b"", kind, person, is_allowed)

    webview, sign = "POST /partner/v1/webview", "POST /operator/v1/signatures/sign"
    planted = [
        (request(webview, "wrong"), 0, ""),
        (request(webview, "right"), 500, '{"code":2}'),
        (request(webview, "right"), 502, '{"code":2}'),
        (request(f"POST {REFUNDS}", "right"), 500, '{"code":2}'),
        (request(webview, "wrong"), 200, "{}"),
        (request(webview, "unsigned"), 200, "{}"),
        (request(sign, "right", "hoa"), 200, "{}"),
        (request("GET /operator/v1/report", "right", "hoa"), 403, "{}"),
        (request(sign, "odd", "hoa"), 200, "{}"),
        (request(sign, "malformed", "hoa"), 200, "{}"),
        (request(webview, "malformed"), 400, PERSONAL["identify_code"]),
        (request(webview, "right"), 200, json.dumps(PERSONAL["identify_fullname"])),
        (request(webview, "right"), 200, "secret-of-hoa"),
        (request("GET /pay/{token}", "wrong"), 302, "{}"),
        (request("GET /partner/v1/payments/{transaction_id}", "right"), 200, token),
        (request("GET /partner/v1/payments/{transaction_id}", "wrong"), 401, PERSONAL["order_code"]),
        (request("GET /operator/v1/transactions", "right", "hoa"), 200, PERSONAL["order_code"]),
        (request(f"GET {ONE_PAYMENT}", "right", "hoa"), 200, PERSONAL["identify_code"]),
        (request(f"GET {ONE_PAYMENT}", "unsigned"), 403, PERSONAL["order_code"]),
    ]
    fine = [
        (request(f"POST {REFUNDS}", "right"), 500, '{"code":9}'),
        (request(webview, "right"), 200, '{"code":0}'),
        (request(webview, "wrong"), 401, '{"code":97}'),
        (request(sign, "right", "hoa"), 403, "{}"),
        (request(sign, "odd", "hoa"), 404, "{}"),
        (request("GET /operator/v1/report", "odd", "hoa"), 200, "{}"),
        (request("POST /tikivip/v1/transactions", "right"), 200, token),
        (request("GET /pay/{token}", "right", "", f"/pay/{token}"), 302, token),
        (request("GET /partner/v1/payments/{transaction_id}", "right"), 200, PERSONAL["order_code"]),
        (request(f"GET {ONE_PAYMENT}", "right", "hoa"), 200, PERSONAL["order_code"]),
    ]
    lines = [
        {"message": LINK_SECRET},
        {"message": PERSONAL["description"]},
        {"path": f"/pay/{token}"},
        {"x": "a" * 64},
        {"raw": "thread panicked at"},
    ]
    found = lambda given: judge.answer(given[0], given[1], "HTTP/1.1", given[2].encode(), time.time())  # noqa: E731
    wrong = [f"not found: {given}" for given in planted if not found(given)]
    wrong += [f"found although it is right: {given}: {found(given)}" for given in fine if found(given)]
    wrong += [f"not found: {line}" for line in lines if not judge.line(json.dumps(line))]
    wrong += [
        f"found although it is right: {line}" for line in [{"message": "answered"}] if judge.line(json.dumps(line))
    ]
    judge.down.append(("webview", 0, time.time() + 60))
    wrong += ["code 2 while Tiki is down is meant"] if found((request(webview, "right"), 502, '{"code":2}')) else []
    print("\n".join(wrong) or f"{len(planted) + len(lines)} planted mistakes are found, and nothing else.")
    return 1 if wrong else 0
