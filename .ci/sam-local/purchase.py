"""What sam-local needs beside the shell: settings, forwarding to the sandbox, and the purchase itself."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TIKI = ("Tikivip", "5a9db0c5-0000-4000-8000-7469746b6976", "sandbox-secret-between-tiki-and-partner")
CORE = ("Partner", "sandbox-core", "sandbox-secret-between-core-and-functions")
ORDER = "261123TIKIVIP-100000001-1795000000"
# States of a notification (IPN) that Tiki does not have yet.
OWED = {"queued", "retrying"}
# The orders of the sample events.
SAMPLE, DECLINED = "221115TIKIVIP-235784371-1668488254", "221115TIKIVIP-235784372-1668488255"


# ---- Setting up ---------------------------------------------------------------------------------------


def template(source, arch):
    """The template for this machine. `sam local` sets only variables that are declared, so it declares the endpoints."""
    text = Path(source).read_text()
    for old, new in [
        (r"(  Architecture:\n    Type: String\n    Default: )\w+", rf"\g<1>{arch}"),
        (
            r"( +)LOG_LEVEL: !Ref LogLevel\n",
            r'\g<0>\1AWS_ENDPOINT_URL_DYNAMODB: ""\n\1AWS_ENDPOINT_URL_SECRETS_MANAGER: ""\n\1AWS_ENDPOINT_URL_S3: ""\n',
        ),
    ]:
        text, count = re.subn(old, new, text)
        expect(count == 1, f"{count} places in {source} are {old}")
    print(text, end="")


def ready(work):
    return json.loads(Path(work, "ready.json").read_text())


def settings(gateway, port, work):
    """The settings of the functions. The customer's browser is on this machine, the functions are in containers."""
    at = ready(work)
    near = lambda name: at[f"{name}_url"]
    far = lambda name: near(name).replace("127.0.0.1", gateway)
    values = {
        "AWS_ENDPOINT_URL_DYNAMODB": far("dynamodb"),
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": far("secrets"),
        "AWS_ENDPOINT_URL_S3": far("s3"),
        "PARTNER_NAME": "sandbox",
        "SFTP_HOST": gateway,
        "SFTP_PORT": at["sftp_address"].rsplit(":", 1)[1],
        "SFTP_USER": "partner",
        "SFTP_HOST_KEY": at["sftp_host_key"],
        "TIKI_CLIENT_ID": TIKI[1],
        "TIKI_API_URL": far("tiki"),
        "TIKI_APPS_URL": near("tiki") + "/apps",
        "CORE_CLIENT_ID": CORE[1],
        "CORE_URL": far("core"),
        "CORE_STATEMENT": "api",
        "PAYMENT_SCREEN_URL": near("core") + "/pay",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "REDIRECT_HOSTS": near("tiki"),
    }
    always = {"SIGNATURE_MAX_AGE_S": "3153600000", "SIGNATURE_MAX_AHEAD_S": "3153600000"}
    Path(work, "env.json").write_text(json.dumps({"Parameters": values}, indent=1))
    Path(work, "env-events.json").write_text(json.dumps({"Parameters": values | always}, indent=1))


def orders(work):
    """Orders that the sandbox's Tiki has from the start."""
    order = {"amount": 100_000, "status": "PENDING", "cancelled": False, "ipns": []}
    books = {id: order for id in (ORDER, SAMPLE, DECLINED)}
    Path(work, "data", "tiki.json").write_text(json.dumps(books))


def forward(gateway, work):
    """Forwards the sandbox's ports at the address of the bridge network of the containers."""

    async def copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve():
        urls = [ready(work)[f"{name}_url"] for name in ("dynamodb", "secrets", "s3", "tiki", "core")]
        for url in [*urls, "sftp://" + ready(work)["sftp_address"]]:
            port = urllib.parse.urlsplit(url).port

            async def connected(reader, writer, port=port):
                try:
                    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    return writer.close()
                await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))

            await asyncio.start_server(connected, gateway, port)
        print("ready", flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


# ---- Calling ------------------------------------------------------------------------------------------


def expect(holds, otherwise):
    if not holds:
        sys.exit(f"✘ {otherwise}")


def say(what, began):
    print(f"    {(time.monotonic() - began) * 1000:6.0f} ms  {what}", flush=True)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def http(method, url, body=None, headers=None):
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read()


def signature(who, message, timestamp=None):
    """protocol §2: hex of HMAC-SHA256 over unpadded base64url of timestamp.client.message"""
    name, client, secret = who
    timestamp = str(timestamp or time.time_ns() // 1_000_000)
    payload = b".".join([timestamp.encode(), client.encode(), message])
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    return {
        f"X-{name}-Timestamp": timestamp,
        f"X-{name}-Client-Id": client,
        f"X-{name}-Signature": hmac.new(secret.encode(), encoded, hashlib.sha256).hexdigest(),
    }


class Api:
    def __init__(self, base):
        self.base = base

    def post(self, who, path, body, signed=None):
        """Posts exactly these bytes. The signature covers other bytes, if they are given."""
        headers = {"Content-Type": "application/json"} | signature(who, signed or body)
        status, _, answer = http("POST", self.base + path, body, headers)
        return status, json.loads(answer)

    def get(self, who, path):
        status, _, answer = http("GET", self.base + path, None, signature(who, path.encode()))
        return status, json.loads(answer)


def fault(url, call, standing=None):
    body = {"call": call} | ({"standing": standing} if standing else {})
    status, _, _ = http("POST", f"{url}/_sandbox/faults", json.dumps(body).encode(), {"Content-Type": "application/json"})
    expect(status < 300, f"the sandbox does not accept a fault: {status}")


def item(at, transaction_id):
    """The transaction as DynamoDB has it."""
    body = {"TableName": "TransactionsTable", "Key": {"transaction_id": {"S": transaction_id}}, "ConsistentRead": True}
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
        "X-Amz-Date": "20261123T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=sandbox/20261123/ap-southeast-1/dynamodb/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-target, Signature=0",
    }
    status, _, answer = http("POST", at["dynamodb_url"] + "/", json.dumps(body).encode(), headers)
    expect(status == 200, f"DynamoDB: {status} {answer}")
    return json.loads(answer).get("Item") or {}


def ipn_state(at, transaction_id):
    return item(at, transaction_id).get("ipn", {}).get("M", {}).get("state", {}).get("S")


def wait_until_due(at, transaction_id, which):
    due = item(at, transaction_id).get(f"{which}_due_at", {}).get("N")
    if due:
        time.sleep(max(0, int(due) / 1000 - time.time()) + 0.5)


def until(what, holds):
    for _ in range(100):
        if holds():
            return
        time.sleep(0.1)
    expect(False, f"not within ten seconds: {what}")


def books(work, name):
    return json.loads(Path(work, "data", f"{name}.json").read_text())


def invoke(function, event):
    """`sam local invoke`: a fresh container, one event."""
    began = time.monotonic()
    command = ["sam", "local", "invoke", function, "--event", "-"]
    done = subprocess.run(command, input=event, capture_output=True, text=True)
    expect(done.returncode == 0, f"{function}: {done.stderr}")
    try:
        return json.loads(done.stdout), began
    except ValueError:
        expect(False, f"{function} answered {done.stdout!r}\n{done.stderr}")


def sweep(function):
    answer, began = invoke(function, '{"action":"sweep"}')
    expect(answer == {"batchItemFailures": []}, f"{function}: {answer}")
    return began


# ---- The purchase --------------------------------------------------------------------------------------


def purchase(base, work):
    api, at = Api(base), ready(work)
    # The stream starts the sandbox's own ipn-sender, too. It must not succeed.
    fault(at["tiki_url"], "ipn", "down")

    began = time.monotonic()
    body = '{"identify_code":"KH-0002","identify_phone":"0912345678","identify_fullname":"Trần Thị Bình"}'.encode()
    status, answer = api.post(CORE, "/partner/v1/webview", body)
    expect((status, answer.get("code")) == (200, 0), f"webview: {status} {answer}")
    request_id = answer["data"]["request_id"]
    say("app → open-webview → Tiki             200, code 0", began)

    # Spaces, escapes, an amount with the fraction .0 and raw UTF-8: the signature covers the bytes, not the values.
    began = time.monotonic()
    body = (
        f'{{ "tiki_transaction_id":"{ORDER}",\t"transaction_amount" : 100000.0, "order_code":"2357\\u0038",\n'
        f' "description":"Đơn hàng Tiki VIP — ☕", "expires_in":900, "request_id":"{request_id}"}}  '
    ).encode()
    path = "/tikivip/v1/transactions"
    status, answer = api.post(TIKI, path, body)
    expect((status, answer.get("code")) == (200, 0), f"create: {status} {answer}")
    transaction_id = answer["data"]["transaction_id"]
    link = next(v for v in answer["data"].values() if isinstance(v, str) and "/pay/" in v)
    expect(link.startswith(f"{base}/pay/"), f"the payment link is {link}")
    say(f"Tiki → create-transaction             200, code 0   {transaction_id}", began)

    began = time.monotonic()
    status, answer = api.post(TIKI, path, body[:-1], signed=body)
    expect(status == 401 and answer.get("code") != 0, f"one byte less than signed: {status} {answer}")
    say(f"the same, one space less than signed  {status}, code {answer['code']}", began)

    began = time.monotonic()
    status, headers, _ = http("GET", link)
    screen = headers.get("Location") or ""
    expect(status == 302 and screen.startswith(at["core_url"] + "/pay?"), f"{link}: {status} to {screen}")
    say("customer → payment-redirect           302 to the payment screen", began)
    status, _, page = http("GET", screen)
    expect(status == 200 and "100.000" in page.decode(), f"the payment screen: {status}")

    began = time.monotonic()
    body = json.dumps(
        {
            "transaction_id": transaction_id,
            "status": "SUCCESS",
            "amount": 100_000,
            "paid_at": "2026-11-23T10:00:00+07:00",
            "partner_banking_method": "ACCOUNT",
            "rail_reference": "FT0002",
        }
    ).encode()
    status, answer = api.post(CORE, f"/partner/v1/payments/{transaction_id}/result", body)
    expect((status, answer.get("code")) == (200, 0), f"result: {status} {answer}")
    say("core → payment-result                 200, code 0", began)

    began = time.monotonic()
    body = json.dumps({"tiki_transaction_id": ORDER}).encode()
    status, answer = api.post(TIKI, f"{path}/query", body)
    expect((status, answer.get("code")) == (200, 0) and '"SUCCESS"' in json.dumps(answer), f"query: {status} {answer}")
    say("Tiki → check-transaction              200, SUCCESS", began)

    began = time.monotonic()
    status, answer = api.get(TIKI, f"{path}?tiki_transaction_id={ORDER}")
    expect((status, answer.get("code")) == (200, 0) and '"SUCCESS"' in json.dumps(answer), f"GET: {status} {answer}")
    say("Tiki → check-transaction, by GET      200, SUCCESS", began)

    began = time.monotonic()
    status, headers, _ = http("GET", f"{link}/return")
    back = headers.get("Location") or ""
    expect(status == 302 and f"session={request_id}&x=%20a" in back, f"return: {status} to {back}")
    say("customer → payment-redirect           302 back to Tiki, as Tiki wrote it", began)

    began = time.monotonic()
    body = {
        "tiki_transaction_id": ORDER,
        "transaction_id": transaction_id,
        "transaction_amount": 40_000,
        "reason": "Khách hủy một phần đơn",
        "request_id": "sam-local-40000",
    }
    body = json.dumps(body, ensure_ascii=False).encode()
    status, answer = api.post(TIKI, "/tikivip/v1/refunds", body)
    expect((status, answer.get("code")) == (200, 0), f"refund: {status} {answer}")
    again = api.post(TIKI, "/tikivip/v1/refunds", body)
    expect((again[0], again[1].get("code")) == (200, 0), f"refund again: {again}")
    back = [r["amount"] for r in books(work, "core")["refunds"].values() if r["transaction_id"] == transaction_id]
    expect(back == [40_000], f"the core has given back {back}")
    say("Tiki → refund-transaction → core, ×2  200, code 0, 40.000 ₫ back once", began)

    # Whether or not the sandbox's own sender has already tried: Tiki must not have the result yet.
    until("an IPN that is lost", lambda: books(work, "tiki")[ORDER]["ipns"])
    time.sleep(1)
    expect(books(work, "tiki")[ORDER]["status"] == "PENDING", "Tiki knows already")
    expect(ipn_state(at, transaction_id) in OWED, f"the IPN is {ipn_state(at, transaction_id)}")
    fault(at["tiki_url"], "ipn")
    wait_until_due(at, transaction_id, "ipn")
    sent = len(books(work, "tiki")[ORDER]["ipns"])
    began = sweep("IpnSenderFunction")
    order = books(work, "tiki")[ORDER]
    expect(order["status"] == "SUCCESS" and len(order["ipns"]) == sent + 1, f"Tiki has {order}")
    expect(ipn_state(at, transaction_id) == "confirmed", f"the IPN is {ipn_state(at, transaction_id)}")
    say("sam local invoke: ipn-sender → Tiki   IPN SUCCESS, confirmed", began)


# (event, function, status, code), in the order of the story in tests/stories/sample_events.rs.
STORY = [
    ("open-webview", "OpenWebview", 200, 0),
    ("create-transaction", "CreateTransaction", 200, 0),
    ("create-transaction-with-a-fraction", "CreateTransaction", 200, 5),
    ("report-redirect-to-a-report", "ReportRedirect", 302, None),
    ("report-redirect-unknown-link", "ReportRedirect", 404, None),
    ("payment-redirect-to-the-screen", "PaymentRedirect", 302, None),
    ("payment-redirect-unknown-link", "PaymentRedirect", 404, None),
    ("payment-details", "PaymentDetails", 200, 0),
    ("partner-transaction", "PartnerTransaction", 200, 0),
    ("payment-result-paid", "PaymentResult", 200, 0),
    ("payment-redirect-back-to-tiki", "PaymentRedirect", 302, None),
    ("check-transaction", "CheckTransaction", 200, 0),
    ("check-transaction-by-get", "CheckTransaction", 200, 0),
    ("refund-transaction-in-part", "RefundTransaction", 200, 0),
    ("refund-transaction-of-too-much", "RefundTransaction", 500, 10),
    ("create-transaction-to-be-declined", "CreateTransaction", 200, 0),
    ("payment-result-declined", "PaymentResult", 200, 0),
    ("payment-result-paid-after-all", "PaymentResult", 200, 0),
    ("ipn-sender-newly-queued", "IpnSender", None, None),
    ("ipn-sender-sweep", "IpnSender", None, None),
    ("core-worker-late-payment", "CoreWorker", None, None),
    ("core-worker-sweep", "CoreWorker", None, None),
    ("reconcile-a-day", "Reconcile", None, None),
    ("reconcile", "Reconcile", None, None),
    ("reconcile-a-statement", "Reconcile", None, None),
    ("reconcile-results", "Reconcile", None, None),
    ("check-reconciliation", "CheckReconciliation", 200, 0),
]


def events(work):
    at = ready(work)
    there = {file.stem for file in Path("events").glob("*.json")}
    expect(there == {name for name, *_ in STORY}, f"events/ and the story differ: {there ^ {n for n, *_ in STORY}}")
    back = lambda id: sum(r["amount"] for r in books(work, "core")["refunds"].values() if r["transaction_id"] == id)
    # The stream also starts the sandbox's own workers. They must not do the work of this story.
    fault(at["tiki_url"], "ipn", "down")
    for name, function, status, code in STORY:
        text = Path("events", f"{name}.json").read_text()
        event = json.loads(text)
        if name == "payment-result-paid-after-all":
            fault(at["core_url"], "refund", "down")
            declined = json.loads(event["body"])["transaction_id"]
        if name == "payment-result-paid":
            paid = json.loads(event["body"])["transaction_id"]
        if name == "ipn-sender-newly-queued":
            until("the sandbox's own workers have failed", lambda: len(books(work, "tiki")[DECLINED]["ipns"]) > 0)
            time.sleep(1)
            expect(back(declined) == 0, "the late payment is back already")
            expect({ipn_state(at, id) for id in (paid, declined)} <= OWED, "an IPN is not owed any more")
            fault(at["tiki_url"], "ipn")
            fault(at["core_url"], "refund")
            for id in (paid, declined):
                wait_until_due(at, id, "ipn")
            wait_until_due(at, declined, "refund")
        if name == "reconcile-results":
            status, _, _ = http("POST", f"{at['tiki_url']}/_sandbox/reconcile", b"", {})
            expect(status == 200, f"Tiki does not answer our files: {status}")
        answer, began = invoke(f"{function}Function", text)
        if status is None:
            done = "delivered" in answer if function == "Reconcile" else answer == {"batchItemFailures": []}
            expect(done, f"{name}: {answer}")
            say(f"{function:<18} {name:<36} done", began)
            continue
        found = json.loads(answer["body"] or "{}").get("code") if code is not None else None
        expect((answer["statusCode"], found) == (status, code), f"{name}: {answer}")
        say(f"{function:<18} {name:<36} {status}" + (f", code {code}" if code is not None else ""), began)
    for id in (paid, declined):
        expect(ipn_state(at, id) == "confirmed", f"the IPN of {id} is {ipn_state(at, id)}")
    known = {id: books(work, "tiki")[id]["status"] for id in (SAMPLE, DECLINED)}
    expect(known == {SAMPLE: "SUCCESS", DECLINED: "FAILURE"}, f"Tiki has {known}")
    expect((back(paid), back(declined)) == (40_000, 100_000), f"the core gave back {back(paid)}, {back(declined)}")
    print("    Tiki has both results; 40.000 ₫ and the late 100.000 ₫ are back.")


if __name__ == "__main__":
    # So that a signal also ends what it waits for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    {f.__name__: f for f in (template, settings, orders, forward, purchase, events)}[sys.argv[1]](*sys.argv[2:])
