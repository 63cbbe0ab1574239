"""Chooses the calls of the hostile client (.ci/hostile-client): which route, what is right in it, and what is wrong."""

import base64
import json
import random
import time
import urllib.parse
import uuid

from hostile_requests import (
    PARTNER,
    PAYMENT_LINK,
    PERSONAL,
    PHONE,
    REPORT_LINK,
    TIKI,
    Known,
    Person,
    Request,
    link_token,
    mutated,
    odd_headers,
    odd_part,
    sign,
    sign_aws,
)

REASONS = ["ticket 4711", "khách gọi lại", "x" * 255]
# What is in review or proposed is what the acts need, so it is asked for more often.
STATES = "review review review proposed proposed disputed exhausted contradicted undecided unconfirmed pending unknown".split()
VERDICTS = ["confirmed", "reverse", "returned", "handled", "not-paid"]
CHECKS = ["tiki", "core", "statement", "file-server", "settings", "secrets"]
# Whom the template lets act.
MAY_ACT = {
    "resend": "lan",
    "resolve": "lan",
    "approve": "minh",
    "decline": "lan minh",
    "forget": "lan",
    "close": "lan",
    "file-server": "lan",
    "sign": "khoa",
}
FORBIDDEN = ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "BREW", "A" * 300]


def may(person: str, method: str, route: str) -> bool:
    act = route.rsplit("/", 1)[1]
    return method == "GET" or act == "verify" or person in MAY_ACT.get(act, "").split()


class Calls:
    """Makes one call after the other."""

    def __init__(self, choose: random.Random, number: int, routes, host: str, people: list[Person], known: Known):
        self.choose, self.number, self.routes, self.host = choose, number, routes, host
        self.people, self.known = people, known
        self.made = 0
        self.proposed = 1
        # A new run makes new payments, also in a sandbox that keeps its data.
        self.run = f"{int(time.time()):x}-{number}"

    def next(self) -> Request:
        choose = self.choose
        self.made += 1
        method, route, is_aws = self.routes[self.made % len(self.routes)]
        kind = choose.choices(["right", "unsigned", "wrong", "malformed", "odd"], [25, 8, 17, 42, 8])[0]
        payment = self.payment(route)
        person = self.person(method, route) if is_aws else None
        path, query, fields = self.right(method, route, payment)
        if kind == "wrong" and route.startswith(("/pay", "/report")):
            return self.changed_token(method, route, payment)
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        body = json.dumps(fields, ensure_ascii=choose.random() < 0.3).encode() if fields is not None else b""
        headers = [("Host", self.host), ("Content-Type", "application/json")]
        is_allowed = person is None or may(person.name, method, route)
        if kind == "malformed":
            target, body, more = self.malformed(method, route, target, fields)
            headers += more
        elif kind == "odd":
            method, target, headers = self.odd(method, target, headers)
        request = Request(
            f"{method if kind != 'odd' else '*'} {route}",
            method,
            target,
            headers,
            body,
            kind,
            person.name if person else "",
            is_allowed,
        )
        if kind != "unsigned":
            self.sign(request, person, wrong=kind == "wrong")
        self.frame(request)
        return request

    def payment(self, route: str) -> dict:
        """One that fits what is asked for. Of others the newest are the likeliest: little has happened to them."""
        known = self.known
        if route.endswith(("/approve", "/decline")) and known.proposals and self.choose.random() < 0.8:
            payment, self.proposed = self.choose.choice(known.proposals[-5:])
            return payment
        if route.endswith(("/resolve", "/resend")) and known.in_review and self.choose.random() < 0.8:
            return self.choose.choice(known.in_review[-20:])
        # A second result of one payment is what brings it into the review queue.
        recent = known.payments[-6:] if route.endswith("/result") else known.payments[-40:]
        return self.choose.choice(recent if self.choose.random() < 0.7 and recent else self.known.payments)

    def person(self, method: str, route: str) -> Person:
        fitting = [person for person in self.people if may(person.name, method, route)]
        return self.choose.choice(fitting if self.choose.random() < 0.75 else self.people)

    # ---- What is right -----------------------------------------------------------------------------------------------

    def right(self, method: str, route: str, payment: dict) -> tuple[str, list, dict | None]:
        """Path, query and body of a call that is in order; it may be refused for the state of the payment."""
        choose = self.choose
        token = payment["token"]
        if route.startswith("/report"):
            token = choose.choice(self.known.reports)
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - choose.choice([17, 41, 4000]) * 3600))
        path = (
            route.format(transaction_id=payment["id"], token=token, day=day, check=choose.choice(CHECKS))
            if "{" in route
            else route
        )
        ids = {"tiki_transaction_id": payment["tiki"], "transaction_id": payment["id"]}
        reason = {"reason": choose.choice(REASONS)}
        match method, route:
            case "POST", "/tikivip/v1/transactions" | "/partner/v1/transactions":
                personal = {name: PERSONAL[name] for name in ("identify_code", "order_code", "description")}
                return (
                    path,
                    [],
                    (
                        {
                            "tiki_transaction_id": f"CHIM-{self.run}-{self.made}",
                            "transaction_amount": choose.randrange(1_000, 2_000_000),
                            **personal,
                        }
                        if choose.random() < 0.8
                        else {
                            "tiki_transaction_id": payment["tiki"],
                            "transaction_amount": payment["amount"],
                            **personal,
                        }
                    ),
                )
            case "POST", "/tikivip/v1/transactions/query":
                return path, [], ids
            case "GET", "/tikivip/v1/transactions":
                return path, list(ids.items())[: choose.randint(1, 2)], None
            case "POST", "/tikivip/v1/refunds":
                return (
                    path,
                    [],
                    {
                        **ids,
                        "transaction_amount": choose.randrange(1, payment["amount"] // 3 + 2),
                        "request_id": f"R{choose.randrange(4)}",
                        **reason,
                    },
                )
            case "POST", "/partner/v1/webview":
                return (
                    path,
                    [],
                    {
                        "identify_phone": PHONE,
                        "identify_fullname": PERSONAL["identify_fullname"],
                        "identify_code": PERSONAL["identify_code"],
                    },
                )
            case "POST", "/partner/v1/payments/{transaction_id}/result":
                if choose.random() < 0.25:
                    return path, [], {"transaction_id": payment["id"], "status": "FAILURE", **reason}
                return (
                    path,
                    [],
                    {
                        "transaction_id": payment["id"],
                        "status": "SUCCESS",
                        "amount": payment["amount"],
                        "rail_reference": f"FT{choose.randrange(2)}",
                    },
                )  # retired-word: a name of the protocol
        return path, *self.right_of_operator(method, route, (payment, day), reason)

    def right_of_operator(
        self, method: str, route: str, about: tuple[dict, str], reason: dict
    ) -> tuple[list, dict | None]:
        choose, (payment, day) = self.choose, about
        what = route.rsplit("/", 1)[1]
        if route == "/operator/v1/transactions":
            return [("state", choose.choice(STATES)), ("limit", choose.choice([1, 100, 1000]))], None
        if what == "findings":
            return choose.choice([[], [("day", day)]]), None
        if what in ("report", "file"):
            period = ("period", choose.choice([day, day[:7], f"{day}..{day}"]))
            return [period, ("file", choose.choice(["page", "table", "workbook"]))][
                : 1 if what == "report" else 2
            ], None
        if what == "verify" and choose.random() < 0.4:
            event = {"httpMethod": choose.choice(["GET", "POST"]), "path": "/tikivip/v1/transactions", "body": "{}"}
            event["headers"] = dict(sign(choose.choice([TIKI, PARTNER]), b"{}", int(time.time() * 1000)))
            return [], {"event": base64.b64encode(mutated(choose, event)[:30_000]).decode()}
        if what in ("verify", "sign"):
            message = base64.b64encode(b'{"tiki_transaction_id":"T-1"}').decode()
            at_ms = int(time.time() * 1000) - choose.choice([0, 0, 3_600_000])
            about = choose.choice([{"body": message}, {"get": "/transaction?tiki_transaction_id=T-1"}])
            signature = (
                {"timestamp": str(at_ms), "client_id": TIKI[1], "signature": "0" * 64} if what == "verify" else {}
            )
            return [], {"with": choose.choice(["tiki", "core"]), **about, **signature}
        if method == "GET":
            return [], None
        return (
            [],
            {
                "resolve": self.decision(payment),
                "close": {"day": day, "id": "T-1", "since": "2026-11-22T07:00:12+07:00"},
                "approve": {"proposal": self.proposed},
                "decline": {"proposal": self.proposed},
            }.get(what, {})
            | reason,
        )

    def decision(self, payment: dict) -> dict:
        """What a person decides on a payment: with its amount, and with the name of its review or of another one."""
        verdict = self.choose.choice(VERDICTS)
        amount = {"amount": payment["amount"]} if verdict == "returned" else {}
        seen = payment.get("review", "second_debit") if self.choose.random() < 0.7 else "undecided"
        return {"verdict": verdict, **amount, "review": seen}

    # ---- What is wrong -----------------------------------------------------------------------------------------------

    def malformed(self, method: str, route: str, target: str, fields: dict | None) -> tuple[str, bytes, list]:
        choose = self.choose
        body = b"" if fields is None else json.dumps(fields).encode()
        path, _, query = target.partition("?")
        how = choose.randrange(10)
        if fields is not None and how < 6:
            return target, mutated(choose, fields), []
        if "{" in route and how in (6, 0, 1):
            parts = route.split("/")
            path = "/".join(odd_part(choose) if part.startswith("{") else part for part in parts)
        elif how in (7, 2, 3):
            pairs = query.split("&") if query else []
            pairs += choose.choice(
                [pairs[:1], [f"{odd_part(choose)}={odd_part(choose)}"], [odd_part(choose)], ["&&=&="]]
            )
            if pairs and choose.random() < 0.6:
                at = choose.randrange(len(pairs))
                pairs[at] = pairs[at].partition("=")[0] + "=" + odd_part(choose)
            query = "&".join(pairs)
        elif how in (8, 4):
            body = mutated(choose, {"reason": "x"})
        else:
            return target, body, odd_headers(choose)
        return path + ("?" + query if query else ""), body, []

    def odd(self, method: str, target: str, headers: list) -> tuple[str, str, list]:
        choose = self.choose
        how = choose.randrange(6)
        if how < 2:
            method = choose.choice(FORBIDDEN)
        elif how < 4:
            path, _, query = target.partition("?")
            target = choose.choice(
                [
                    path + "/",
                    "/" + path,
                    path.upper(),
                    path + ";x=1",
                    "/live" + path,
                    "/operator/.." + path,
                    path.replace("/v1", "/v1/."),
                    f"http://evil.example{path}",
                    "*",
                    "/",
                    path + "#x",
                    path + "%2F",
                    path.replace("/v1", "%2fv1"),
                ]
            )
        else:
            headers = choose.choice(
                [
                    [],
                    headers * 2,
                    headers + [("Transfer-Encoding", "chunked")],
                    headers + [("Content-Length", "5")],
                    [("Host", "evil.example")],
                    headers + [("", "x")],
                    headers + [("X-A", "b\r\n c")],
                    headers + [(f"X-{number}", "y" * 90) for number in range(110)],
                    headers + [("Expect", "100-continue")],
                ]
            )
        return method, target, headers

    def changed_token(self, method: str, route: str, payment: dict) -> Request:
        """A token that we did not make, or one of the other kind of link."""
        choose = self.choose
        links = (REPORT_LINK, b"p20261122"), (PAYMENT_LINK, uuid.UUID(payment["id"]).bytes)
        (ours, names), (others, other_names) = links if route.startswith("/report") else links[::-1]
        soon = time.time() + 600
        token = link_token(ours, names, soon)
        at = choose.randrange(len(token))
        wrong = [
            token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :],
            token[:-1],
            token + "A",
            "A" * len(token),
            link_token(ours, names, soon, "another secret"),
            link_token(ours, names, time.time() - 600),
            link_token(others, names, soon),
            link_token(others, other_names, soon),
        ]
        token = choose.choice(wrong)
        return Request(
            f"{method} {route}",
            method,
            route.format(token=token),
            [("Host", self.host), ("Connection", "close")],
            b"",
            "wrong",
        )

    # ---- Signatures --------------------------------------------------------------------------------------------------

    def sign(self, request: Request, person: Person | None, wrong: bool) -> None:
        choose, at_s = self.choose, time.time()
        host = next((value for name, value in request.headers if name == "Host"), self.host)
        if person is not None:
            target, body = request.target, request.body
            how = choose.randrange(6) if wrong else None
            if how == 0:
                person = Person(person.name, person.key, "another secret", person.token, person.region)
            elif how == 1:
                others = [other for other in self.people if other.name != person.name]
                person = Person(person.name, person.key, person.secret, choose.choice(others).token, person.region)
            elif how == 2:
                at_s -= 3600
            elif how == 3:
                target += "x"
            elif how == 4:
                body += b" "
            if how == 5:
                signed = sign(choose.choice([TIKI, PARTNER]), body, int(at_s * 1000))
            else:
                signed = sign_aws(person, request.method, target, host, body, at_s)
        else:
            side = PARTNER if request.route.partition(" ")[2].startswith("/partner") else TIKI
            message = request.target.encode() if request.method == "GET" else request.body
            signed = self.signed_by(side, message, int(at_s * 1000), choose.randrange(7) if wrong else None)
        request.headers = request.headers + signed
        request.signatures = tuple(
            value.rpartition("=")[2] for name, value in signed if name.lower().endswith(("signature", "authorization"))
        )

    def signed_by(self, side: tuple, message: bytes, at_ms: int, wrong: int | None) -> list[tuple[str, str]]:
        prefix, client_id, secret = side
        other = PARTNER if side is TIKI else TIKI
        match wrong:
            case 0:
                return sign((prefix, client_id, other[2]), message, at_ms)
            case 1:
                return sign(side, message, at_ms + self.choose.choice([-3_600_000, 3_600_000, -(2**62)]))
            case 2:
                return sign(other, message, at_ms)
            case 3:
                return sign(side, message + b" ", at_ms)
            case 4:
                return sign((prefix, self.choose.choice(["", "x" * 500, other[1]]), secret), message, at_ms)
            case 5:
                headers = sign(side, message, at_ms)
                headers.pop(self.choose.randrange(3))
                return headers
            case 6:
                headers = sign(side, message, at_ms)
                return headers[:2] + [
                    (headers[2][0], self.choose.choice(["", "0" * 64, headers[2][1][:-1], "\u202e", "é" * 64]))
                ]
        return sign(side, message, at_ms)

    def frame(self, request: Request) -> None:
        """The length of the body, unless the framing itself is what is odd."""
        names = {name.lower() for name, _ in request.headers}
        if (request.body or request.method == "POST") and not names & {"content-length", "transfer-encoding"}:
            request.headers = request.headers + [("Content-Length", str(len(request.body)))]
        request.headers = request.headers + [("Connection", "close")]
