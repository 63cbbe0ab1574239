"""What schemathesis needs to call this API: a signature on each request, payments that exist, and the rules of codes.

.ci/contract loads it (SCHEMATHESIS_HOOKS). The sandbox that is called has written its addresses to CONTRACT_READY; what
was covered is written to CONTRACT_COVERED.
"""

import atexit
import base64
import collections
import hashlib
import hmac
import html
import json
import os
import pathlib
import re
import sys
import time
import zlib
from urllib.parse import urljoin

# It is loaded from its path.
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True

import jsonschema_rs  # noqa: E402
import requests  # noqa: E402
import schemathesis  # noqa: E402
from hostile_requests import Known  # noqa: E402
from schemathesis.core.parameters import ParameterLocation as LOCATION  # noqa: E402

READY = json.loads(pathlib.Path(os.environ["CONTRACT_READY"]).read_text())
# The sandbox's own credentials: the defaults in tools/sandbox/src/options.rs.
TIKI = ("X-Tikivip", "5a9db0c5-0000-4000-8000-7469746b6976", b"sandbox-secret-between-tiki-and-partner")
PARTNER = ("X-Partner", "sandbox-core", b"sandbox-secret-between-core-and-functions")
# So many payments of each kind, for the calls to meet.
PAYMENTS_OF_A_KIND = 8
# What browsers call: the answers are redirects and pages.
BY_BROWSERS = (
    "openPayment",
    "openPaymentByForm",
    "lookAtPayment",
    "returnFromPayment",
    "returnFromPaymentByForm",
    "lookAtReturn",
    "openReport",
)


class Signed(requests.auth.AuthBase):
    """Signs the exact bytes of a request, after everything else about it is decided (protocol §2)."""

    def __call__(self, request):
        message = request.path_url.encode() if request.method == "GET" else request.body or b""
        if isinstance(message, str):
            message = message.encode()
        if request.path_url.startswith("/tikivip/"):
            self.sign(request, *TIKI, message)
        elif request.path_url.startswith("/partner/"):
            self.sign(request, *PARTNER, message)
        return request

    @staticmethod
    def sign(request, prefix, client_id, secret, message):
        timestamp = str(time.time_ns() // 1_000_000)
        payload = f"{timestamp}.{client_id}.".encode() + message
        encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
        request.headers[f"{prefix}-Timestamp"] = timestamp
        request.headers[f"{prefix}-Client-Id"] = client_id
        request.headers[f"{prefix}-Signature"] = hmac.new(secret, encoded, hashlib.sha256).hexdigest()


schemathesis.auth.set_from_requests(Signed())


# ---- Payments that exist ---------------------------------------------------------------------------------------------


def post(url, body):
    answer = requests.post(url, json=body, auth=Signed(), timeout=30)
    answer.raise_for_status()
    return answer.json()


def order(amount):
    """A payment that waits for its customer: the played Tiki has its order, and created it here."""
    return post(f"{READY['tiki_url']}/_sandbox/orders", {"amount": amount})


def at_the_screen(payment, action):
    """The customer opens the link and presses a button; the played core then sends the payment result."""
    screen = requests.get(payment["payment_url"], timeout=30)
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', screen.text)
    form = {name: html.unescape(value) for name, value in hidden}
    address = urljoin(screen.url, html.unescape(re.search(r'<form method="post" action="([^"]*)"', screen.text)[1]))
    answer = requests.post(address, data={**form, "action": action}, allow_redirects=False, timeout=30)
    assert answer.status_code == 303, answer.text
    return payment


def paid(amount):
    return at_the_screen(order(amount), "pay")


def failed(amount):
    return at_the_screen(order(amount), "cancel")


def refunded(amount):
    payment = paid(amount)
    post(
        f"{READY['url']}/tikivip/v1/refunds",
        {
            "tiki_transaction_id": payment["tiki_transaction_id"],
            "transaction_id": payment["transaction_id"],
            "transaction_amount": amount // 4,
            "reason": "one of four",
            "request_id": "fixture",
        },
    )
    return payment


PAYMENTS = [
    {**make(150_000 + 1_000 * number), "kind": make.__name__}
    for number in range(PAYMENTS_OF_A_KIND)
    for make in (order, paid, failed, refunded)
]


# A mail has such links, but the sandbox sends none in the first hours of a day in Vietnam.
REPORT_TOKENS = Known().reports
# The last day in Vietnam, and the one before: in the first hours of a day the last one is not exported yet.
DAYS = [time.strftime("%Y-%m-%d", time.gmtime(time.time() + (7 - hours) * 3600)) for hours in (24, 48)]


def chosen(case, what):
    """A number that depends on the generated values only, so that a seed always makes the same calls."""
    values = json.dumps([case.path_parameters, case.query, case.body], default=str, sort_keys=True)
    return zlib.crc32(f"{what} {values}".encode())


def of_kind(case, *kinds):
    """A payment of these kinds three of four times, and any other time."""
    wanted = [p for p in PAYMENTS if p["kind"] in kinds] if chosen(case, "kind") % 4 else PAYMENTS
    return wanted[chosen(case, "payment") % len(wanted)]


def is_id(value):
    return isinstance(value, str) and re.fullmatch("[A-Za-z0-9._-]{1,64}", value)


def is_amount(value):
    return type(value) is int and 1 <= value <= 2**53


@schemathesis.hook
def before_call(context, case, kwargs):
    """Leads three of four calls to something that exists. It changes only what is well-formed: a malformed call must be
    refused for what is malformed, and for nothing else."""
    if case.meta is None or chosen(case, "exists") % 4 == 3:
        return
    path, query = case.path_parameters or {}, case.query or {}
    body = case.body if isinstance(case.body, dict) else {}
    operation = operation_id(case)
    if operation == "createTransaction":
        if is_id(body.get("tiki_transaction_id")):
            body["tiki_transaction_id"] = f"NEW-{chosen(case, 'new')}"
        if is_amount(body.get("transaction_amount")):
            body["transaction_amount"] = 1_000 + chosen(case, "amount") % 1_000_000
    elif operation == "handOverTransaction" and case.meta.generation.mode.is_positive:
        # What Tiki has created already is handed over by the same content.
        payment = of_kind(case, "order")
        body.clear()
        body.update(tiki_transaction_id=payment["tiki_transaction_id"], transaction_amount=payment["amount"])
    elif operation == "openReport" and is_positive(case, LOCATION.PATH):
        path["token"] = REPORT_TOKENS[chosen(case, "report") % len(REPORT_TOKENS)]
    elif operation == "reconciliationDay" and is_positive(case, LOCATION.PATH):
        path["day"] = DAYS[chosen(case, "day") % len(DAYS)]
    else:
        about_a_payment(case, path, query, body)
    case.path_parameters, case.query = path, query


def about_a_payment(case, path, query, body):
    kinds = {"refundTransaction": ("paid", "refunded"), "paymentResult": ("order", "failed")}
    payment = of_kind(case, *kinds.get(operation_id(case), ("order", "paid", "failed", "refunded")))
    if "token" in path and is_positive(case, LOCATION.PATH):
        path["token"] = payment["payment_url"].rpartition("/")[2]
    for values in (path, query, body):
        for name in ("tiki_transaction_id", "transaction_id"):
            if is_id(values.get(name)):
                values[name] = payment[name]
    # The payment's own amount, or a small part of it.
    for name in ("amount", "transaction_amount"):
        if is_amount(body.get(name)):
            agrees = body.get("request_amount") == body[name]
            body[name] = 1 + body[name] % 1_000 if chosen(case, name) % 2 else payment["amount"]
            if agrees:
                body["request_amount"] = body[name]


def is_positive(case, place):
    part = case.meta.components.get(place)
    return part is None or part.mode.is_positive


# ---- What a status does not say --------------------------------------------------------------------------------------

covered = collections.Counter()


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def envelope(response):
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


@schemathesis.hook
def after_call(context, case, response):
    covered[operation_id(case), response.status_code, envelope(response).get("code")] += 1


@schemathesis.check
def no_system_error(context, response, case):
    """HTTP 5xx is a refused refund, by Tiki's page, and nothing else. Code 2 is a system error under any status."""
    code = envelope(response).get("code")
    refused = response.status_code == 500 and case.path == "/tikivip/v1/refunds" and code in {1, 3, 5, 6, 7, 9, 10, 11, 12}
    assert response.status_code < 500 or refused, f"HTTP {response.status_code}, code {code}: a system error"
    assert code != 2 or response.status_code == 429, "code 2: a system error"


@schemathesis.check
def malformed_is_refused(context, response, case):
    """What the document does not allow never ends in code 0."""
    # Not the headers: the signature's are always right, and no other is asked for.
    places = (LOCATION.BODY, LOCATION.QUERY, LOCATION.PATH) if case.meta is not None else ()
    if not all(is_positive(case, place) for place in places) and not is_lenient(case):
        assert envelope(response).get("code") != 0, "the document does not allow this request, and it was carried out"


# Details of a payment result that its status does not need are not read (docs/decisions/0013).
UNREAD = {"SUCCESS": {"paid_at", "reason"}, "FAILURE": {"paid_at", "partner_banking_method", "rail_reference"}}


def is_lenient(case):
    """What the document allows in words: a name that no message has, and an optional field without a text."""
    query = {name: value for name, value in (case.query or {}).items() if not is_blank(value)}
    declared = {parameter.name for parameter in case.operation.query}
    if query.keys() - declared or len(query) < len(case.query or {}):
        return True
    if not isinstance(case.body, dict):
        return False
    unread = UNREAD.get(str(case.body.get("status")), set()) if operation_id(case) == "paymentResult" else set()
    read = {name: value for name, value in case.body.items() if not is_blank(value) and name not in unread}
    document = case.operation.schema.raw_schema
    schema = case.operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema_rs.is_valid({**schema, "components": document["components"]}, read)


def is_blank(value):
    return value is None or isinstance(value, str) and not value.strip()


# What no schema of a parameter or a field can say, and a description says: two values must agree, or one be there.
IN_WORDS = (
    "do not name the same transaction",
    "request_amount differs",
    "is not the one of the path",
    "tiki_transaction_id or transaction_id is required",
)


@schemathesis.check
def well_formed_is_understood(context, response, case):
    """What the document allows is neither malformed nor unknown to the signature."""
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if not positive or operation_id(case) in BY_BROWSERS:
        return
    answer = envelope(response)
    if answer.get("code") in (1, 97, 98):
        assert any(words in answer["message"] for words in IN_WORDS), f"the document allows this request: {answer}"


@atexit.register
def write_covered():
    rows = [[*key, count] for key, count in sorted(covered.items(), key=str)]
    pathlib.Path(os.environ["CONTRACT_COVERED"]).write_text(json.dumps(rows))
