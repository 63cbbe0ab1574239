"""The signature in Python 3 (docs/protocol.md, section 2). `python3 sign.py vectors.json` checks it."""
import base64
import hashlib
import hmac
import json
import sys


def sign(secret: str, client_id: str, timestamp_ms: int, message: bytes) -> str:
    """`message` is the exact bytes of the body; of a GET, its path and query."""
    payload = f"{timestamp_ms}.{client_id}.".encode() + message
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    return hmac.new(secret.encode(), encoded, hashlib.sha256).hexdigest()


def verify(secret: str, client_id: str, message: bytes, now_ms: int, headers: dict) -> bool:
    """`headers` has what came: `timestamp`, `client_id` and `signature`."""
    timestamp, signature = headers["timestamp"], headers["signature"]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    right = sign(secret, client_id, timestamp, message)
    same = hmac.compare_digest(right.encode(), signature.encode())  # in constant time
    age = now_ms - int(timestamp)
    return same and headers["client_id"] == client_id and -60_000 <= age <= 300_000


if __name__ == "__main__":
    for v in json.load(open(sys.argv[1], encoding="utf-8")):
        key, message, sent = (v["client_secret"], v["client_key"]), v["body"].encode(), int(v["timestamp"])
        headers = {"timestamp": v["timestamp"], "client_id": v["client_key"], "signature": v["signature"]}
        assert sign(*key, sent, message) == v["signature"], v["name"]
        assert verify(*key, message, sent + 299_000, headers), v["name"]
        assert not verify(*key, message + b" ", sent, headers), "changed message"
        assert not verify(*key, message, sent + 301_000, headers), "old"
        print("ok", v["name"])
