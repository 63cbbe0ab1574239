"""What the hostile client sends (.ci/hostile-client): a request to a route of the template, right or wrong in one way.

Choices come from one `random.Random`, so a seed makes the same choices again; ids and times are new in each run.
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import pathlib
import random
import re
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The sandbox's own credentials: the defaults in tools/sandbox/src/options.rs.
TIKI = ("X-Tikivip", "5a9db0c5-0000-4000-8000-7469746b6976", "sandbox-secret-between-tiki-and-partner")
PARTNER = ("X-Partner", "sandbox-core", "sandbox-secret-between-core-and-functions")
LINK_SECRET = "sandbox-link-key"

# What belongs to people, and is recognised wherever it comes out.
PHONE, PHONE_DIGITS = "0987650413", "987650413"
PERSONAL = {
    "identify_phone": PHONE_DIGITS,
    "identify_fullname": "Trần Chim Hoàng Yến",
    "identify_code": "KH-CHIM-YEN-4711",
    "order_code": "DH-CHIM-YEN-4712",
    "description": "mua chim yến 4713",
}

ROUTE = re.compile(r'Properties: \{ RestApiId: !Ref Api, Method: (\w+), Path: "([^"]+)"(.*)\}')


def routes() -> list[tuple[str, str, bool]]:
    """Method, path and whether AWS authorises it, as the template has them."""
    found = ROUTE.findall((ROOT / "template.yaml").read_text())
    return [(method, path, "AWS_IAM" in rest) for method, path, rest in found]


@dataclasses.dataclass
class Person:
    """One of the played persons, by the settings that the sandbox wrote for the command `tikivip`."""

    name: str
    key: str
    secret: str
    token: str
    region: str

    @classmethod
    def read(cls, name: str, settings: dict) -> "Person":
        key, secret, token = (
            settings[f"AWS_{part}"] for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
        )
        return cls(name, key, secret, token, settings["AWS_REGION"])


@dataclasses.dataclass
class Request:
    """One call, and what is known about it."""

    route: str
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    # right; malformed: signed rightly; unsigned, wrong: nobody may accept it; odd: HTTP itself is odd.
    kind: str
    person: str = ""
    # Whether the person's policies let through what the call was before it was made odd.
    is_allowed: bool = True
    signatures: tuple[str, ...] = ()

    def bytes(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1"] + [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


class Known:
    """What exists in the sandbox, as the answers say. Shared by all threads: it only grows, and is only appended to."""

    def __init__(self):
        self.payments: list[dict] = []
        self.tokens: set[str] = set()
        self.in_review: list[dict] = []
        self.proposals: list[tuple[dict, int]] = []
        # The mail of the sandbox has such links, but not at each time of the day.
        days = [time.strftime("%Y%m%d", time.gmtime(time.time() - hours * 3600)) for hours in (17, 41)]
        kinds = [f"{kind}{day}".encode() for kind in "pwm" for day in days]
        self.reports = [link_token(REPORT_LINK, kind, time.time() + 86_400) for kind in kinds]

    def add(self, tiki: str, ours: str, amount: int, url: str) -> None:
        """A payment that exists now."""
        token = url.rpartition("/")[2]
        self.payments.append({"tiki": tiki, "id": ours, "amount": amount, "token": token})
        self.tokens.add(token)

    def learn(self, request: Request, answer: bytes) -> None:
        """What a right answer shows: a new payment, payments in the review queue, or a proposal."""
        try:
            data = json.loads(answer)["data"]
            if url := data.get("payment_url"):
                sent = json.loads(request.body)
                self.add(sent["tiki_transaction_id"], data["transaction_id"], sent["transaction_amount"], url)
            payments = {payment["id"]: payment for payment in list(self.payments)}
            for listed in data.get("transactions", [data]):
                if payment := payments.get(listed.get("transaction_id")):
                    if review := listed.get("needs_review"):
                        payment["review"] = review
                        self.in_review.append(payment)
                    if proposal := listed.get("proposal"):
                        self.proposals.append((payment, proposal["number"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass


# ---- Signatures ------------------------------------------------------------------------------------------------------


def sign(side: tuple[str, str, str], message: bytes, at_ms: int) -> list[tuple[str, str]]:
    """The headers of a counterparty (protocol §2)."""
    prefix, client_id, secret = side
    payload = f"{at_ms}.{client_id}.".encode() + message
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    signature = hmac.new(secret.encode(), encoded, hashlib.sha256).hexdigest()
    return [(f"{prefix}-Timestamp", str(at_ms)), (f"{prefix}-Client-Id", client_id), (f"{prefix}-Signature", signature)]


REPORT_LINK, PAYMENT_LINK = b"tikivip report link v1\0", b"tikivip payment link v1\0"


def link_token(context: bytes, names: bytes, ends_s: float, secret: str = LINK_SECRET) -> str:
    """The token of a link (shared/signing/src/link.rs)."""
    content = names + int(ends_s * 1000).to_bytes(8, "big")
    tag = hmac.new(secret.encode(), context + content, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(content + tag).rstrip(b"=").decode()


def sign_aws(person: Person, method: str, target: str, host: str, body: bytes, at_s: float) -> list[tuple[str, str]]:
    """The headers with which AWS knows a person (Signature Version 4), as the command `tikivip` makes them."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at_s))
    scope = f"{moment[:8]}/{person.region}/execute-api/aws4_request"
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")  # noqa: E731
    headers = {"host": host, "x-amz-date": moment, "x-amz-security-token": person.token}
    canonical = "\n".join(
        [
            method,
            urllib.parse.quote(path, safe="/-_.~"),
            "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            ";".join(headers),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    key = f"AWS4{person.secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={person.key}/{scope}, SignedHeaders={';'.join(headers)}, Signature={signature}"
    return [
        ("x-amz-date", moment),
        ("x-amz-security-token", person.token),
        ("authorization", f"AWS4-HMAC-SHA256 {credential}"),
    ]


# ---- What is wrong with a message ------------------------------------------------------------------------------------

TEXTS = [
    "",
    " ",
    "\x00",
    "a\x1b]0;owned\x07",
    "a\r\nX-Injected: 1",
    "\u202eđảo\u2066",
    "\ud83d",
    "😀" * 70,
    "đ" * 300,
    "x" * 5000,
    "../../etc/passwd",
    "%00%0a",
    "${jndi:ldap://x}",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "=1+1",
    "\u2028",
    "\ufeff",
    "NaN",
    "null",
    "-1",
    "1e400",
    "9" * 400,
]
VALUES = [
    "null",
    "true",
    "[]",
    "{}",
    "-0",
    "-1",
    "0",
    "0.1",
    "1e5",
    "1e400",
    "1E-400",
    "99999999999999999999999999",
    "1.0",
    "9223372036854775808",
    '"1e5"',
    '"\\ud800"',
    '"\\u0000"',
    "[[[[1]]]]",
    '["Trần Chim Hoàng Yến"]',
    '{"a":{"a":{}}}',
    "NaN",
    "'x'",
    "01",
    "\u0661",
]
NAMES = [
    "__proto__",
    "constructor",
    "transaction_id",
    "Status",
    "status",
    "by",
    "operator",
    "code",
    "data",
    "",
    "\u202ereason",
    "url_open",
    "identify_phone",
    "core_reference",
    "rail_reference",
    "name" * 400,
]  # retired-word: a name of the protocol


def mutated(choose: random.Random, fields: dict) -> bytes:
    """The JSON of a body with one to three mistakes, or something that is no JSON of ours at all."""
    pairs = [(json.dumps(name), json.dumps(value, ensure_ascii=False)) for name, value in fields.items()]
    for _ in range(choose.randint(1, 3)):
        at = choose.randrange(len(pairs)) if pairs else 0
        name = pairs[at][0] if pairs else '"reason"'
        value = choose.choice(
            [choose.choice(VALUES), json.dumps(choose.choice(TEXTS), ensure_ascii=choose.random() < 0.5)]
        )
        how = choose.randrange(6)
        if how == 0 and pairs:
            pairs.pop(at)
        elif how in (1, 2) and pairs:
            pairs[at] = (name, value)
        elif how == 3:
            pairs.insert(at, (name, value))
        elif how == 4:
            pairs.append((json.dumps(choose.choice(NAMES)), value))
        else:
            choose.shuffle(pairs)
    body = "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"
    whole = choose.randrange(24)
    if whole < 12:
        pass
    elif whole == 12:
        body = "[" * choose.choice([5, 200, 60_000]) + body
    elif whole == 13:
        body = body[: choose.randrange(len(body) + 1)]
    elif whole == 14:
        body = choose.choice(["", "null", "[]", '"x"', "1", "{", "}", "{}{}", "\x00"])
    elif whole == 15:
        body = body[:-1] + ',"padding":"' + "x" * choose.choice([1_000, 65_000, 66_000, 300_000]) + '"}'
    elif whole == 16:
        body = "".join(f'{{"a{number}":' for number in range(choose.choice([3, 130, 5_000]))) + body
    elif whole == 17:
        body = "\ufeff" + body
    elif whole == 18:
        body = body.replace(":", " :\t\r\n", 2) + " " * choose.choice([1, 2000])
    elif whole == 19:
        body = urllib.parse.urlencode({name: str(value) for name, value in fields.items()})
    raw = body.encode("utf-8", "surrogatepass")
    if whole == 20:
        raw = raw.replace(b'"', b"\xff\xfe", 1)
    elif whole == 21 and raw:
        at = choose.randrange(len(raw))
        raw = raw[:at] + bytes([choose.randrange(256)]) + raw[at + 1 :]
    elif whole == 22:
        raw = body.encode("utf-16", "surrogatepass")
    return raw


def odd_part(choose: random.Random) -> str:
    """A part of a path or of a query, as it is in the URL."""
    text = choose.choice(TEXTS)
    return choose.choice(
        [
            urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe="")[:3000],
            "%2e%2e%2f%2e%2e",
            "%c0%af",
            "%ff%fe",
            "%",
            "%zz",
            "..",
            "a%00b",
            "+",
            "a;b",
            "*",
            "{transaction_id}",
            "x" * 3000,
            urllib.parse.quote(PERSONAL["description"]),
        ]
    )


def odd_headers(choose: random.Random) -> list[tuple[str, str]]:
    """Headers that say where a call came to, what its body is, or nothing that anybody knows."""
    return choose.sample(
        [
            ("X-Forwarded-Proto", choose.choice(["ht tp", "javascript", "://"])),
            ("X-Forwarded-Host", "a b"),
            ("X-Forwarded-For", "127.0.0.1, ' OR 1=1"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Content-Encoding", "gzip"),
            (
                "Content-Type",
                choose.choice(["text/xml", "", "application/json; charset=utf-16", "\x80\xff", "multipart/form-data"]),
            ),
            (
                "X-Amzn-Trace-Id",
                choose.choice(["Root=1-x", "Root=1-67891233-abcdef012345678912345678;Sampled=1", "\u202e"]),
            ),
            ("traceparent", "00-zz-zz-01"),
            ("Accept", "*/" * 300),
            ("Cookie", "a=" + "b" * choose.choice([10, 4000, 9000])),
            ("X-Request-Id", "$(reboot)"),
            ("X-Api-Key", "\udcff\udc80"),
            ("Accept-Language", "vi\udc9b31m"),
            ("Range", "bytes=0-0"),
            ("X-Tikivip-Signature", "0" * 64),
            ("X-Partner-Client-Id", "sandbox-core"),
            ("X-Amz-Date", "29991231T235959Z"),
        ],
        choose.randint(1, 4),
    )
